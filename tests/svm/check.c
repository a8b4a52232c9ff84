/* SPDX-License-Identifier: MIT */
/*
 * What the processor checks of a VMCB at VMRUN: APM 2 "Canonicalization and Consistency Checks", "Event Injection", "Nested
 * Paging"; and which exits it asks for.
 */
#include "tests/svm/amd.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define PHYSICAL_BITS 48u
#define UPPER_32      0xffffffff00000000ull

#define MUST(fact, text)             \
	do {                         \
		if (!(fact))         \
			return text; \
	} while (0)

/* Vectors that are exceptions of AMD's processors. */
#define EXCEPTIONS (0x702fffffu & ~(1u << EXC_NMI) & ~(1u << 9) & ~(1u << 15))

static bool is_page(uint64_t address, uint64_t n_bytes)
{
	return !PAGE_OFFSET(address) && !((address + n_bytes - 1) >> PHYSICAL_BITS);
}

static bool is_long(const struct vmcb_save *save)
{
	return (save->efer & EFER_LME) && (save->cr0 & CR0_PG);
}

static const char *check_event(const struct vmcb *vmcb)
{
	const uint64_t event = vmcb->event;
	const unsigned int vector = event & EVENT_VECTOR, type = EVENT_TYPE(event);
	const bool pushes = vector < 32 && ((EXC_HAS_ERROR_CODE & ~(1u << EXC_CP)) >> vector & 1);

	if (!(event & EVENT_VALID))
		return NULL;
	MUST(!(event & 0x7ffff000ull), "injected event: reserved bits");
	MUST(type == VMCB_EVENT_INTERRUPT || type == VMCB_EVENT_NMI ||
		     type == VMCB_EVENT_EXCEPTION || type == VMCB_EVENT_SOFT_INTERRUPT,
	     "injected type");
	if (type != VMCB_EVENT_EXCEPTION) {
		MUST(!(event & EVENT_HAS_ERROR), "error code of an interrupt");
		return NULL;
	}
	MUST(vector < 32 && (EXCEPTIONS >> vector & 1), "injected vector is no exception");
	MUST(!(vector == EXC_OF || vector == EXC_BR) || !is_long(&vmcb->save) ||
		     !(SEG_ATTRIBUTES(vmcb->save.cs.attributes) & SEG_L),
	     "an exception that 64-bit mode does not have");
	/* Not the processor's rule: such a frame would be none. */
	MUST(!(event & EVENT_HAS_ERROR) == !(pushes && (vmcb->save.cr0 & CR0_PE)),
	     "injected error code, or none");
	return NULL;
}

static const char *check_pat(uint64_t pat)
{
	for (unsigned int i = 0; i < 64; i += 8) {
		const unsigned int type = pat >> i & 0xff;

		MUST(type <= 7 && type != 2 && type != 3, "G_PAT");
	}
	return NULL;
}

static const char *check_save(const struct vmcb_save *save)
{
	const uint64_t efer =
		EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_SVME | vtx_msr(MSR_EFER)->writable;

	MUST(save->efer & EFER_SVME, "EFER.SVME");
	MUST(!(save->efer & ~efer), "EFER: reserved bits");
	MUST(!(save->cr0 & UPPER_32), "CR0[63:32]");
	MUST(!(save->cr0 & CR0_NW) || (save->cr0 & CR0_CD), "CR0.NW without CR0.CD");
	MUST(!is_long(save) || !(save->cr3 >> PHYSICAL_BITS), "CR3: reserved bits");
	MUST(!(save->cr4 & ~vtx_cr4_possible()), "CR4: reserved bits");
	MUST(!(save->dr6 & UPPER_32), "DR6[63:32]");
	MUST(!(save->dr7 & UPPER_32), "DR7[63:32]");
	MUST(!is_long(save) || (save->cr4 & CR4_PAE), "long mode without CR4.PAE");
	MUST(!is_long(save) || (save->cr0 & CR0_PE), "long mode without CR0.PE");
	MUST(!is_long(save) ||
		     (SEG_ATTRIBUTES(save->cs.attributes) & (SEG_L | SEG_DB)) != (SEG_L | SEG_DB),
	     "CS.L and CS.D");
	return check_pat(save->pat);
}

const char *amd_check(const struct vmcb *vmcb)
{
	const char *text;

	MUST(vmcb->intercepts[1] & INTERCEPT2_VMRUN, "VMRUN is not intercepted");
	MUST(vmcb->asid, "ASID 0");
	MUST(vmcb->asid < vtx_cpuid(CPUID_SVM, 0).ebx, "ASID: more than there are");
	MUST(is_page(vmcb->io_map, 3 * PAGE_SIZE), "I/O map");
	MUST(is_page(vmcb->msr_map, 2 * PAGE_SIZE), "MSR map");
	if (vmcb->nested & NESTED_ENABLE)
		MUST(is_page(vmcb->n_cr3, PAGE_SIZE), "nested CR3");
	text = check_event(vmcb);
	return text ? text : check_save(&vmcb->save);
}

static bool intercepts_msr(const struct vmcb *vmcb, uint64_t is_write, uint32_t msr)
{
	static const uint32_t ranges[] = { 0, MSR_BITMAP_HIGH, MSR_BITMAP_AMD };
	const uint8_t *const map = virt_ptr(SPA(vmcb->msr_map));

	if (!(vmcb->intercepts[0] & INTERCEPT_MSR))
		return false;
	for (unsigned int i = 0; i < 3; i++) {
		const uint32_t n = msr - ranges[i];

		if (n < MSR_BITMAP_RANGE)
			return map[i * 0x800 + n / 4] >> (2 * (n % 4) + is_write) & 1;
	}
	return true;
}

static bool intercepts_io(const struct vmcb *vmcb, uint64_t info)
{
	const uint8_t *const map = virt_ptr(SPA(vmcb->io_map));

	if (!(vmcb->intercepts[0] & INTERCEPT_IO))
		return false;
	for (unsigned int i = 0; i < INFO_IO_SIZE(info); i++) {
		const unsigned int port = INFO_IO_PORT(info) + i;

		if (map[port / 8] >> port % 8 & 1)
			return true;
	}
	return false;
}

bool amd_intercepts(const struct vmcb *vmcb, uint64_t code, uint64_t info1, uint32_t msr)
{
	if (code == VMEXIT_NPF)
		return vmcb->nested & NESTED_ENABLE;
	if (code == VMEXIT_MSR)
		return intercepts_msr(vmcb, info1 & 1, msr);
	if (code == VMEXIT_IO)
		return intercepts_io(vmcb, info1);
	if (code < VMEXIT_CR0_WRITE)
		return vmcb->cr_reads >> code & 1;
	if (code < VMEXIT_DR0_READ)
		return vmcb->cr_writes >> (code & 15) & 1;
	if (code < VMEXIT_DR0_WRITE)
		return vmcb->dr_reads >> (code & 15) & 1;
	if (code < VMEXIT_EXCEPTION)
		return vmcb->dr_writes >> (code & 15) & 1;
	if (code < VMEXIT_INTR)
		return vmcb->exceptions >> (code & 31) & 1;
	if (code < VMEXIT_INVLPGB + 32)
		return vmcb->intercepts[(code - VMEXIT_INTR) / 32] >> (code & 31) & 1;
	return false;
}
