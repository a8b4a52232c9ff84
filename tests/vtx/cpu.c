/* SPDX-License-Identifier: MIT */
/*
 * The instructions of the model's processor but VMX's (and AMD-V's: tests/svm). In the hypervisor a fault is a bug: it screams, but in the "safe" forms of
 * arch/x86/safe.asm.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/insn.h"
#include "arch/x86/kick.h"
#include "tests/vtx/vtx.h"
#include "whit/layout.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"

struct vtx vtx;
static struct vtx fresh;		  /* as vtx_start() has made it */
static struct vtx standing[VTX_MAX_CPUS]; /* the processors that do not run */

const char virt_enter_exit[1];

void vtx_scream(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("VT-x MODEL: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

uint64_t vtx_random(void)
{
	return random_next(&vtx.junk);
}

/* ---- Several processors -------------------------------------------------------------------- */

uint32_t percpu_count(void)
{
	return vtx.n_cpus;
}

struct percpu *percpu_of(uint32_t index)
{
	if (index >= vtx.n_cpus)
		vtx_scream("processor %u of %u", index, vtx.n_cpus);
	return index == vtx.number ? vtx.percpu : standing[index].percpu;
}

void vtx_run_on(uint32_t number)
{
	const struct vtx before = vtx;

	if (number >= vtx.n_cpus)
		vtx_scream("processor %u of %u", number, vtx.n_cpus);
	if (number == vtx.number)
		return;
	standing[vtx.number] = vtx;
	vtx = standing[number];
	/* What is not a processor's own. */
	vtx.n_cpus = before.n_cpus;
	vtx.tsc = before.tsc;
	vtx.junk = before.junk;
	vtx.refusal = before.refusal;
	vtx.n_entries = before.n_entries;
	vtx.n_refused = before.n_refused;
	vtx.n_ibpb = before.n_ibpb;
	vtx.n_flushes = before.n_flushes;
	vtx.n_nmis_sent = before.n_nmis_sent;
	vtx.guest = before.guest;
	vtx.refused = before.refused;
	vtx.reset = before.reset;
	vtx.halted = before.halted;
	vtx.paused = before.paused;
	vtx.nmi_sent = before.nmi_sent;
}

static jmp_buf standstill; /* of the processor that handles an NMI */

void vtx_nmi(uint32_t number)
{
	const uint32_t from = vtx.number;

	vtx_run_on(number);
	if (vtx.nmi_blocked || vtx.is_halted)
		vtx_scream("an NMI where none is heard");
	vtx.nmi_blocked = true;
	if (!setjmp(standstill)) {
		(void)kick_nmi(0xffffffff80000000ull);
		vtx.nmi_blocked = false;
	}
	vtx_run_on(from);
}

#define X2APIC_ICR     0x830u
#define X2APIC_ICR_NMI 0x4400u

static void write_icr(uint64_t value)
{
	const uint32_t to = (uint32_t)(value >> 32);

	if ((uint32_t)value != X2APIC_ICR_NMI || to >= vtx.n_cpus ||
	    (to == vtx.number && !vtx.nmi_sent))
		vtx_scream("ICR %#llx", (unsigned long long)value);
	vtx.n_nmis_sent++;
	if (vtx.nmi_sent)
		vtx.nmi_sent(to);
	else if (!standing[to].is_deaf)
		vtx_nmi(to);
}

static void clear_memory(uint64_t ram_bytes)
{
	void *const base = (void *)(uintptr_t)WHIT_DIRECT_BASE;
	static uint64_t mapped;

	if (mapped != ram_bytes) {
		if (mapped)
			munmap(base, mapped);
		if (mmap(base, ram_bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
			 0) != base)
			vtx_scream("no room for the memory");
		mapped = ram_bytes;
	} else if (madvise(base, ram_bytes, MADV_DONTNEED)) {
		vtx_scream("madvise");
	}
}

void vtx_start(unsigned int set, uint64_t ram_bytes, uint64_t junk)
{
	clear_memory(ram_bytes);
	memset(&vtx, 0, sizeof(vtx));
	vtx.set = set % VTX_SETS;
	vtx.n_cpus = 1;
	vtx.ram_bytes = ram_bytes;
	vtx.junk.state = junk;
	vtx.tsc = 1000000;
	vtx.cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	vtx.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_MCE;
	if (vtx_cpuid(1, 0).ecx & CPUID1_ECX_XSAVE)
		vtx.cr4 |= CR4_OSXSAVE;
	vtx.dr6 = DR6_INIT;
	vtx.dr7 = DR7_INIT;
	vtx.xcr0 = XCR0_X87;
	vtx.in_use = XCR0_X87 | XCR0_SSE;
	vtx.fx = (struct x86_fxsave) { .fcw = 0x37f,
				       .mxcsr = X86_MXCSR_RESET,
				       .mxcsr_mask = 0xffff };
	vtx.current = VTX_NO_CURRENT;
	vtx_fill_msrs();
	vtx_fill_fields();
	fresh = vtx;
}

static void take_over(uint64_t percpu_base)
{
	char message[WHIT_MESSAGE_BYTES] = "", report[WHIT_REPORT_BYTES];
	struct percpu *const self = virt_ptr(SPA(percpu_base));

	self->self = self;
	self->index = self->apic_id = vtx.number;
	self->virt_region = SPA(percpu_base + PAGE_SIZE);
	vtx.percpu = self;
	if (!backend_check(message, sizeof(message), report, sizeof(report)))
		vtx_scream("backend_check: %s", message);
	machine_read_mtrrs(&self->mtrr_written);
	if (!vtx.number)
		(void)virt_memory_type_changed();
	if (!backend_on(message, sizeof(message)))
		vtx_scream("backend_on: %s", message);
}

void vtx_take_over(uint64_t percpu_base)
{
	vtx_forget();
	take_over(percpu_base);
}

void vtx_take_over_next(uint64_t percpu_base)
{
	const uint32_t number = vtx.n_cpus;

	if (number >= VTX_MAX_CPUS)
		vtx_scream("too many processors");
	vtx_msr(MSR_APIC_BASE)->value |= APIC_BASE_EXTD;
	/* As it comes out of its reset: the first one before the hypervisor took it. */
	standing[number] = fresh;
	standing[number].number = number;
	standing[number].n_cpus = ++vtx.n_cpus;
	vtx_run_on(number);
	vtx_msr(MSR_APIC_BASE)->value |= APIC_BASE_EXTD;
	vtx_msr(MSR_APIC_BASE)->value &= ~APIC_BASE_BSP;
	take_over(percpu_base);
}

/* ---- arch/x86/cpu.h ---------------------------------------------------------------------- */

void idt_drop(unsigned int vector)
{
	(void)vector;
}

void idt_table(struct x86_table *table)
{
	*table = (struct x86_table) { .limit = 0xfff, .base = WHIT_DIRECT_BASE };
}

void x86_unblock_nmi(void)
{
	vtx.nmi_blocked = false;
}

/* ---- arch/x86/insn.h --------------------------------------------------------------------- */

void *x86_gs_self(void)
{
	return vtx.percpu;
}

struct vtx_msr *vtx_msr(uint32_t number)
{
	static uint8_t found[256]; /* where it was, by the low bits of its number: a hint */
	uint8_t *const hint = &found[number & 0xff];

	if (*hint < vtx.n_msrs && vtx.msr[*hint].number == number)
		return &vtx.msr[*hint];
	for (unsigned int i = 0; i < vtx.n_msrs; i++)
		if (vtx.msr[i].number == number) {
			*hint = (uint8_t)i;
			return &vtx.msr[i];
		}
	return NULL;
}

bool vtx_msr_is_legal(const struct vtx_msr *msr, uint64_t value)
{
	if (value & ~msr->writable)
		return false;
	switch (msr->rule) {
	case MSR_READ_ONLY: return false;
	case MSR_CANONICAL: return (uint64_t)((int64_t)(value << 16) >> 16) == value;
	case MSR_TYPES:
		for (unsigned int i = 0; i < 64; i += 8) {
			const unsigned int type = value >> i & 0xff;

			if (type > 7 || type == 2 || type == 3 ||
			    (type == 7 && msr->number != MSR_PAT))
				return false;
		}
		return true;
	default: return true;
	}
}

bool x86_rdmsr_safe(uint32_t number, uint64_t *value)
{
	const struct vtx_msr *const msr = vtx_msr(number);

	if (!msr || msr->rule == MSR_WRITE_ONLY)
		return false;
	*value = number == MSR_TSC ? vtx.tsc : msr->value;
	return true;
}

bool x86_wrmsr_safe(uint32_t number, uint64_t value)
{
	struct vtx_msr *const msr = vtx_msr(number);

	if (!msr || !vtx_msr_is_legal(msr, value))
		return false;
	if (number == MSR_TSC)
		vtx.tsc = value;
	else if (number == X2APIC_ICR)
		write_icr(value);
	else if (number == MSR_PRED_CMD)
		vtx.n_ibpb++;
	else
		msr->value = value;
	return true;
}

uint64_t x86_rdmsr(uint32_t msr)
{
	uint64_t value;

	if (!x86_rdmsr_safe(msr, &value))
		vtx_scream("#GP in the hypervisor: RDMSR of %#x", msr);
	return value;
}

void x86_wrmsr(uint32_t msr, uint64_t value)
{
	if (!x86_wrmsr_safe(msr, value))
		vtx_scream("#GP in the hypervisor: WRMSR of %#llx to %#x",
			   (unsigned long long)value, msr);
}

struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t subleaf)
{
	return vtx_cpuid(leaf, subleaf);
}

#define REGISTER(name, place)          \
	uint64_t x86_read_##name(void) \
	{                              \
		return place;          \
	}

REGISTER(cr0, vtx.cr0)
REGISTER(cr2, vtx.cr2)
REGISTER(cr3, vtx.cr3)
REGISTER(cr4, vtx.cr4)
REGISTER(dr0, vtx.dr[0])
REGISTER(dr1, vtx.dr[1])
REGISTER(dr2, vtx.dr[2])
REGISTER(dr3, vtx.dr[3])
REGISTER(dr6, vtx.dr6)

#define WRITE(name, place)                    \
	void x86_write_##name(uint64_t value) \
	{                                     \
		place = value;                \
	}

WRITE(cr2, vtx.cr2)
WRITE(dr0, vtx.dr[0])
WRITE(dr1, vtx.dr[1])
WRITE(dr2, vtx.dr[2])
WRITE(dr3, vtx.dr[3])

void x86_write_dr6(uint64_t value)
{
	if (value >> 32)
		vtx_scream("#GP in the hypervisor: DR6 %#llx", (unsigned long long)value);
	vtx.dr6 = (value & 0xe00full) | DR6_INIT;
}

void x86_write_cr0(uint64_t value)
{
	if ((value & ~0xffffffffull) || (value & (CR0_CD | CR0_NW)) == CR0_NW ||
	    !(value & CR0_PE) || !(value & CR0_PG) || (vtx.is_vmx_on && !(value & CR0_NE)))
		vtx_scream("#GP in the hypervisor: CR0 %#llx", (unsigned long long)value);
	vtx.cr0 = value | CR0_ET;
}

void x86_write_cr3(uint64_t value)
{
	if (value >> 52)
		vtx_scream("CR3 %#llx", (unsigned long long)value);
	vtx.cr3 = value;
}

void x86_write_cr4(uint64_t value)
{
	if (value & ~vtx_cr4_possible())
		vtx_scream("#GP in the hypervisor: CR4 %#llx", (unsigned long long)value);
	vtx.cr4 = value;
}

void x86_outb(uint16_t port, uint8_t value)
{
	if (port == 0xcf9 && value & 4 && vtx.reset)
		vtx.reset();
}

uint8_t x86_inb(uint16_t port)
{
	(void)port;
	return 0xff;
}

uint64_t x86_rdtsc(void)
{
	return vtx.tsc += 100;
}

void x86_wbinvd(void)
{
}

void x86_pause(void)
{
	static unsigned int patience;

	if (vtx.paused) {
		patience = 0;
		vtx.paused();
	} else if (patience++ == 100000000) {
		vtx_scream("the hypervisor waits for ever");
	}
}

void x86_lidt(const struct x86_table *table)
{
	(void)table;
}

void x86_int3(void)
{
	vtx_scream("INT3 in the hypervisor");
}

void x86_cli(void)
{
}

/* The hypervisor halts at the end of a panic alone: its last words are in the log. */
void x86_hlt(void)
{
	char text[4096];
	uint64_t at = 0;
	size_t n;

	if (vtx.nmi_blocked && vtx.n_cpus > 1) {
		vtx.is_halted = true;
		longjmp(standstill, 1);
	}
	if (vtx.halted)
		vtx.halted();
	while ((n = log_read(at, text, sizeof(text), &at)))
		fwrite(text, 1, n, stderr);
	vtx_scream("HLT in the hypervisor%s%s", vtx.refusal ? "; the last entry was refused: " : "",
		   vtx.refusal ? vtx.refusal : "");
}

/* ---- Extended state ---------------------------------------------------------------------- */

static void check_alignment(const void *image, uintptr_t alignment)
{
	if ((uintptr_t)image & (alignment - 1))
		vtx_scream("#GP in the hypervisor: an image that is not aligned");
}

static void check_mxcsr(uint32_t mxcsr)
{
	if (mxcsr & ~0xffffu)
		vtx_scream("#GP in the hypervisor: MXCSR %#x", mxcsr);
}

void x86_fxsave(void *image)
{
	check_alignment(image, 16);
	memcpy(image, &vtx.fx, offsetof(struct x86_fxsave, reserved1));
}

void x86_fxrstor(const void *image)
{
	const struct x86_fxsave *const from = image;

	check_alignment(image, 16);
	check_mxcsr(from->mxcsr);
	memcpy(&vtx.fx, from, offsetof(struct x86_fxsave, reserved1));
	vtx.fx.mxcsr_mask = 0xffff;
	vtx.fx.fcw = (uint16_t)((vtx.fx.fcw & X86_FCW_DEFINED) | X86_FCW_ONE);
	vtx.fx.reserved0 = 0;
	vtx.fx.fop &= X86_FOP_DEFINED;
	vtx.in_use |= XCR0_X87 | XCR0_SSE;
}

static void must_have_xsave(const char *insn)
{
	if (!(vtx.cr4 & CR4_OSXSAVE))
		vtx_scream("#UD in the hypervisor: %s", insn);
}

uint64_t x86_xgetbv(uint32_t index)
{
	must_have_xsave("XGETBV");
	if (index)
		vtx_scream("#GP in the hypervisor: XGETBV");
	return vtx.xcr0;
}

bool x86_xsetbv_safe(uint32_t index, uint64_t value)
{
	const struct x86_cpuid leaf = vtx_cpuid(0xd, 0);
	const uint64_t possible = (uint64_t)leaf.edx << 32 | leaf.eax;
	const uint64_t wide = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;

	must_have_xsave("XSETBV");
	if (index || (value & ~possible) || !(value & XCR0_X87) ||
	    ((value & XCR0_AVX) && !(value & XCR0_SSE)) ||
	    ((value & wide) && ((value & wide) != wide || !(value & XCR0_AVX))))
		return false;
	vtx.xcr0 = value;
	return true;
}

void x86_xsetbv(uint32_t index, uint64_t value)
{
	if (!x86_xsetbv_safe(index, value))
		vtx_scream("#GP in the hypervisor: XSETBV of %#llx", (unsigned long long)value);
}

/* Components from AVX on, where leaf 0Dh has them. */
static const struct {
	uint16_t offset, n_bytes;
} components[] = { [2] = { 0x240, 0x100 },
		   [5] = { 0x440, 0x40 },
		   [6] = { 0x480, 0x200 },
		   [7] = { 0x680, 0x400 } };

#define N_COMPONENTS (sizeof(components) / sizeof(components[0]))
#define EXTENDED(i)  (vtx.extended + components[i].offset - X86_XSAVE_BASE_BYTES)

static struct x86_xsave_header *header_of(const void *image)
{
	return (struct x86_xsave_header *)(uintptr_t)((const uint8_t *)image +
						      X86_XSAVE_LEGACY_BYTES);
}

void x86_xsave(void *image, uint64_t wanted)
{
	const uint64_t mask = wanted & vtx.xcr0;
	struct x86_xsave_header *const header = header_of(image);
	struct x86_fxsave *const legacy = image;

	must_have_xsave("XSAVE");
	check_alignment(image, 64);
	header->xstate_bv = (header->xstate_bv & ~mask) | (vtx.in_use & mask);
	if (mask & (XCR0_SSE | XCR0_AVX)) {
		legacy->mxcsr = vtx.fx.mxcsr;
		legacy->mxcsr_mask = 0xffff;
	}
	if (mask & (XCR0_X87 | XCR0_SSE))
		vtx_scream("XSAVE of the legacy components is not modelled");
	for (unsigned int i = 2; i < N_COMPONENTS; i++)
		if (mask >> i & 1)
			memcpy((uint8_t *)image + components[i].offset, EXTENDED(i),
			       components[i].n_bytes);
}

void x86_xrstor(const void *image, uint64_t wanted)
{
	const uint64_t mask = wanted & vtx.xcr0;
	const struct x86_xsave_header *const header = header_of(image);

	must_have_xsave("XRSTOR");
	check_alignment(image, 64);
	if (header->xcomp_bv || header->reserved[0] || (header->xstate_bv & ~vtx.xcr0))
		vtx_scream("#GP in the hypervisor: XRSTOR of a header %#llx, %#llx",
			   (unsigned long long)header->xstate_bv,
			   (unsigned long long)header->xcomp_bv);
	if (mask & (XCR0_X87 | XCR0_SSE))
		vtx_scream("XRSTOR of the legacy components is not modelled");
	if (mask & XCR0_AVX) {
		check_mxcsr(((const struct x86_fxsave *)image)->mxcsr);
		vtx.fx.mxcsr = ((const struct x86_fxsave *)image)->mxcsr;
	}
	for (unsigned int i = 2; i < N_COMPONENTS; i++) {
		if (!(mask >> i & 1))
			continue;
		if (header->xstate_bv >> i & 1)
			memcpy(EXTENDED(i), (const uint8_t *)image + components[i].offset,
			       components[i].n_bytes);
		else
			memset(EXTENDED(i), 0, components[i].n_bytes);
	}
	vtx.in_use = (vtx.in_use & ~mask) | (header->xstate_bv & mask);
}

uint32_t x86_stmxcsr(void)
{
	return vtx.fx.mxcsr;
}

void x86_ldmxcsr(uint32_t value)
{
	check_mxcsr(value);
	vtx.fx.mxcsr = value;
}
