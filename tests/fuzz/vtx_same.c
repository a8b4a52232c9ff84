/* SPDX-License-Identifier: MIT */
/*
 * The oracle of the root's registers: what it had at an exit it has at the next entry, but for what the exit's instruction
 * changes by the manual, and for an event that is put into it.
 */
#include <stdio.h>

#include "tests/fuzz/vtx_fuzz.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/rflags.h"

static struct {
	bool is_noted;
	uint64_t gpr[16];
	struct vtx cpu;
	uint32_t reason;
	uint64_t length;
} was;

/* MSRs are not here, for the entry has loaded them. */
static const struct {
	uint32_t field;
	const char *name;
} fields[] = {
	{ VMCS_GUEST_CR3, "CR3" },
	{ VMCS_GUEST_DR7, "DR7" },
	{ VMCS_GUEST_RSP, "RSP" },
	{ VMCS_GUEST_ACTIVITY_STATE, "activity state" },
	{ VMCS_GUEST_GDTR_BASE, "GDTR base" },
	{ VMCS_GUEST_IDTR_BASE, "IDTR base" },
	{ VMCS_GUEST_GDTR_LIMIT, "GDTR limit" },
	{ VMCS_GUEST_IDTR_LIMIT, "IDTR limit" },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t field_was[N_FIELDS], segment_was[SEG_COUNT][4], cr0_was, cr4_was, rip_was,
	rflags_was, shadow_was, pending_was;

static uint64_t seen(uint32_t field, uint32_t mask_field, uint32_t shadow_field)
{
	const uint64_t mask = vtx_get(mask_field);

	return (vtx_get(field) & ~mask) | (vtx_get(shadow_field) & mask);
}

static uint64_t segment_word(unsigned int seg, unsigned int i)
{
	switch (i) {
	case 0: return vtx_get(VMCS_GUEST_SELECTOR(seg));
	case 1: return vtx_get(VMCS_GUEST_BASE(seg));
	case 2: return vtx_get(VMCS_GUEST_LIMIT(seg));
	default: return vtx_get(VMCS_GUEST_ACCESS_RIGHTS(seg));
	}
}

void same_note(const struct virt_regs *regs)
{
	was.is_noted = true;
	memcpy(was.gpr, regs->gpr, sizeof(was.gpr));
	was.cpu = vtx;
	was.reason = (uint32_t)vtx_get(VMCS_EXIT_REASON);
	was.length = vtx_get(VMCS_EXIT_INSTRUCTION_LENGTH);
	for (size_t i = 0; i < N_FIELDS; i++)
		field_was[i] = vtx_get(fields[i].field);
	for (unsigned int seg = 0; seg < SEG_COUNT; seg++)
		for (unsigned int i = 0; i < 4; i++)
			segment_was[seg][i] = segment_word(seg, i);
	segment_was[SEG_FS][1] = vtx_msr(MSR_FS_BASE)->value;
	segment_was[SEG_GS][1] = vtx_msr(MSR_GS_BASE)->value;
	cr0_was = seen(VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW);
	cr4_was = seen(VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW);
	rip_was = vtx_get(VMCS_GUEST_RIP);
	rflags_was = vtx_get(VMCS_GUEST_RFLAGS);
	shadow_was = vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	pending_was = vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS);
}

static void differ(const char *name, uint64_t is, uint64_t wanted)
{
	BROKEN("the root's %s is %#llx, was %#llx, after exit reason %u (instruction at %#llx)",
	       name, (unsigned long long)is, (unsigned long long)wanted, was.reason,
	       (unsigned long long)rip_was);
}

/* General registers that the exit's instruction may write. */
static uint32_t writable(void)
{
	switch (was.reason) {
	case REASON_VMCALL: return 1u << 0 | 1u << 2 | 1u << 8;
	case REASON_CPUID: return 0xf;
	case REASON_RDMSR: return 1u << 0 | 1u << 2;
	case REASON_EPT_VIOLATION: return 0xffff; /* a write to hidden memory may be carried out */
	default: return 0;
	}
}

static void check_msrs(void)
{
	for (unsigned int i = 0; i < vtx.n_msrs; i++) {
		const uint32_t number = vtx.msr[i].number;

		if (number == MSR_TSC || number == MSR_TSC_ADJUST ||
		    vtx.msr[i].value == was.cpu.msr[i].value)
			continue;
		if (was.reason == REASON_WRMSR && number == (uint32_t)was.gpr[1])
			continue;
		if (number == MSR_EFER && was.reason == REASON_CR_ACCESS)
			continue;
		printf("MSR %#x\n", number);
		differ("MSR", vtx.msr[i].value, was.cpu.msr[i].value);
	}
}

static void check_vectors(void)
{
	if (was.reason == REASON_EPT_VIOLATION)
		return;
	if (memcmp(&vtx.fx.st, &was.cpu.fx.st, sizeof(vtx.fx.st) + sizeof(vtx.fx.xmm)))
		BROKEN("the root's x87 or SSE registers have changed after exit reason %u",
		       was.reason);
	if (vtx.fx.mxcsr != was.cpu.fx.mxcsr)
		differ("MXCSR", vtx.fx.mxcsr, was.cpu.fx.mxcsr);
	if (vtx.fx.fcw != was.cpu.fx.fcw)
		differ("FCW", vtx.fx.fcw, was.cpu.fx.fcw);
	if (memcmp(vtx.extended, was.cpu.extended, sizeof(vtx.extended)))
		BROKEN("the root's AVX registers have changed after exit reason %u", was.reason);
}

static void check_rip(void)
{
	const uint64_t rip = vtx_get(VMCS_GUEST_RIP), rflags = vtx_get(VMCS_GUEST_RFLAGS);
	const bool is_insn = was.reason >= REASON_CPUID && was.reason != REASON_EPT_VIOLATION;

	if (was.reason == REASON_EPT_VIOLATION)
		return;
	if (rip != rip_was && !(is_insn && rip == rip_was + was.length))
		differ("RIP", rip, rip_was);
	if ((rflags ^ rflags_was) & ~(uint64_t)RFLAGS_RF)
		differ("RFLAGS", rflags, rflags_was);
	if (vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE) & ~shadow_was)
		differ("interruptibility state", vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE),
		       shadow_was);
	if ((shadow_was & ~vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE)) & INTERRUPTIBILITY_NMI)
		differ("NMI blocking", vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE), shadow_was);
	if ((vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS) ^ pending_was) & ~PENDING_DEBUG_BS)
		differ("pending debug exceptions", vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS),
		       pending_was);
}

void same_check(const struct virt_regs *regs)
{
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	const bool is_pf = (info & INTR_VALID) && (info & INTR_VECTOR) == EXC_PF;
	const bool is_cr = was.reason == REASON_CR_ACCESS;
	const uint64_t cr0 = seen(VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW);
	const uint64_t cr4 = seen(VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW);

	if (!was.is_noted)
		return;
	for (unsigned int i = 0; i < 16; i++)
		if (i != 4 && regs->gpr[i] != was.gpr[i] && !(writable() >> i & 1))
			differ("general register", regs->gpr[i], was.gpr[i]);
	for (size_t i = 0; i < N_FIELDS; i++)
		if (vtx_get(fields[i].field) != field_was[i] &&
		    !(was.reason == REASON_EPT_VIOLATION && fields[i].field == VMCS_GUEST_RSP))
			differ(fields[i].name, vtx_get(fields[i].field), field_was[i]);
	for (unsigned int seg = 0; seg < SEG_COUNT; seg++)
		for (unsigned int i = 0; i < 4; i++)
			if (segment_word(seg, i) != segment_was[seg][i])
				differ("segment register", segment_word(seg, i),
				       segment_was[seg][i]);
	if (cr0 != cr0_was && !is_cr)
		differ("CR0", cr0, cr0_was);
	if (cr4 != cr4_was && !is_cr)
		differ("CR4", cr4, cr4_was);
	if (vtx.cr2 != was.cpu.cr2 && !is_pf)
		differ("CR2", vtx.cr2, was.cpu.cr2);
	for (unsigned int i = 0; i < 4; i++)
		if (vtx.dr[i] != was.cpu.dr[i])
			differ("DR0 to DR3", vtx.dr[i], was.cpu.dr[i]);
	if (vtx.dr6 != was.cpu.dr6)
		differ("DR6", vtx.dr6, was.cpu.dr6);
	if (vtx.xcr0 != was.cpu.xcr0 && was.reason != REASON_XSETBV)
		differ("XCR0", vtx.xcr0, was.cpu.xcr0);
	check_rip();
	check_msrs();
	check_vectors();
}

void same_start(void)
{
	was.is_noted = false;
}
