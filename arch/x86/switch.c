/* SPDX-License-Identifier: MIT */
/*
 * The state of a VP that a processor does not switch by itself: x87 and SSE, DR0-3, extended state,
 * speculation control, TSC_AUX, and of CR2 and the MSRs of SYSCALL and SWAPGS those that the vendor
 * names (backend_by_hand).
 *
 * The hypervisor uses none of them, so they hold the values of the VP that was switched in last.
 * x87, SSE and CR2 change hands in virt_switch(). The others are the root's, and a child's values
 * are laid over them (percpu.overlay) only if it can use them: the MSRs with EFER.SCE or LME (or if
 * RDTSCP would give it a value of the root or not its own), the debug registers with an enabled
 * breakpoint, extended state with CR4.OSXSAVE (xstate.c), speculation control where the processor
 * has it. A child cannot write these registers by itself, KERNEL_GS_BASE by SWAPGS excepted, and
 * its DR6 is never in hardware: its #DB all exit.
 */
#include "arch/x86/switch.h"
#include "arch/x86/backend.h"
#include "arch/x86/cpu.h"
#include "arch/x86/features.h"
#include "arch/x86/insn.h"
#include "arch/x86/xstate.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"

static const uint32_t syscall_msrs[SYSCALL_MSRS] = {
	[SYSCALL_STAR] = MSR_STAR,
	[SYSCALL_LSTAR] = MSR_LSTAR,
	[SYSCALL_CSTAR] = MSR_CSTAR,
	[SYSCALL_FMASK] = MSR_FMASK,
	[SYSCALL_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[SYSCALL_TSC_AUX] = MSR_TSC_AUX,
};

static inline bool is_by_hand(enum syscall_msr which)
{
	return backend_by_hand & BY_HAND(which);
}

static void load_dr(const uint64_t dr[static 4])
{
	x86_write_dr0(dr[0]);
	x86_write_dr1(dr[1]);
	x86_write_dr2(dr[2]);
	x86_write_dr3(dr[3]);
}

static inline void load_syscall(const uint64_t now[static SYSCALL_MSRS],
				const uint64_t wanted[static SYSCALL_MSRS])
{
#pragma GCC unroll 6
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++) {
		if (is_by_hand(i) && now[i] != wanted[i])
			x86_wrmsr(syscall_msrs[i], wanted[i]);
	}
}

/* Children that never asked for the MSRs must not find the root's TSC_AUX there. */
static void note_tsc_aux(struct virt_vp *root)
{
	root->forces = percpu()->parked_syscall[SYSCALL_TSC_AUX] ? OVERLAY_SYSCALL : 0;
}

/*
 * The root's writes of these MSRs exit, but for KERNEL_GS_BASE, which SWAPGS writes too: so its
 * values are known without reading them at each switch.
 */
void switch_watch(struct virt_vp *root)
{
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++) {
		if (!is_by_hand(i) || (i == SYSCALL_TSC_AUX && !x86_features.has_rdtscp))
			continue; /* without RDTSCP all are zero, for ever */
		percpu()->parked_syscall[i] = x86_rdmsr(syscall_msrs[i]);
		if (i != SYSCALL_KERNEL_GS_BASE)
			virt_root_guard_msr(root, syscall_msrs[i], false, true);
	}
	note_tsc_aux(root);
}

bool switch_written(struct virt_vp *root, uint32_t msr, uint64_t value)
{
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++) {
		if (!is_by_hand(i) || syscall_msrs[i] != msr || i == SYSCALL_KERNEL_GS_BASE)
			continue;
		if (!x86_wrmsr_safe(msr, value))
			return false;
		percpu()->parked_syscall[i] = x86_rdmsr(msr);
		note_tsc_aux(root);
		return true;
	}
	return false;
}

/* The speculation of one partition is not to train that of another. The root is everybody's. */
static void lay_speculation(struct percpu *cpu, struct virt_vp *child)
{
	if (x86_features.has_ibpb && cpu->last_space != child->space->number)
		x86_wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	cpu->last_space = child->space->number;
	if (!x86_features.has_spec_ctrl)
		return;
	cpu->parked_spec_ctrl = x86_rdmsr(MSR_SPEC_CTRL);
	if (cpu->parked_spec_ctrl != child->spec_ctrl)
		x86_wrmsr(MSR_SPEC_CTRL, child->spec_ctrl);
}

static void lift_speculation(struct percpu *cpu, struct virt_vp *child)
{
	if (x86_features.has_spec_ctrl && cpu->parked_spec_ctrl != child->spec_ctrl)
		x86_wrmsr(MSR_SPEC_CTRL, cpu->parked_spec_ctrl);
}

static void lay_rare(struct percpu *cpu, struct virt_vp *child, uint8_t missing)
{
	if (missing & OVERLAY_DEBUG) {
		cpu->parked_dr[0] = x86_read_dr0();
		cpu->parked_dr[1] = x86_read_dr1();
		cpu->parked_dr[2] = x86_read_dr2();
		cpu->parked_dr[3] = x86_read_dr3();
		load_dr(child->dr);
	}
	if (missing & OVERLAY_SPEC)
		lay_speculation(cpu, child);
	if (missing & OVERLAY_XSTATE)
		xstate_lay(cpu, child);
}

static void lift_rare(struct percpu *cpu, struct virt_vp *child)
{
	if (cpu->overlay & OVERLAY_DEBUG)
		load_dr(cpu->parked_dr);
	if (cpu->overlay & OVERLAY_SPEC)
		lift_speculation(cpu, child);
	if (cpu->overlay & OVERLAY_XSTATE)
		xstate_lift(cpu, child);
}

void switch_lay_syscall(struct percpu *cpu, struct virt_vp *child)
{
	if (cpu->overlay & OVERLAY_SYSCALL)
		return;
	if (is_by_hand(SYSCALL_KERNEL_GS_BASE))
		cpu->parked_syscall[SYSCALL_KERNEL_GS_BASE] = x86_rdmsr(MSR_KERNEL_GS_BASE);
	load_syscall(cpu->parked_syscall, child->syscall);
	cpu->overlay |= OVERLAY_SYSCALL;
}

void switch_lay(struct virt_vp *child)
{
	struct percpu *cpu = percpu();
	uint8_t missing = child->wants & (uint8_t)~cpu->overlay;

	if (missing & OVERLAY_SYSCALL)
		switch_lay_syscall(cpu, child);
	lay_rare(cpu, child, missing);
	cpu->overlay |= missing;
}

static inline void switch_usual(struct percpu *cpu, struct virt_vp *from, struct virt_vp *to)
{
	uint8_t wants;

	if (cpu->overlay & OVERLAY_SYSCALL) {
		if (is_by_hand(SYSCALL_KERNEL_GS_BASE))
			from->syscall[SYSCALL_KERNEL_GS_BASE] = x86_rdmsr(MSR_KERNEL_GS_BASE);
		load_syscall(from->syscall, cpu->parked_syscall);
	}
	cpu->overlay = 0;
	x86_fxsave(from->fpu);
	x86_fxrstor(to->fpu);
	if (backend_by_hand & BY_HAND_CR2) {
		from->cr2 = x86_read_cr2();
		x86_write_cr2(to->cr2);
	}
	wants = to->wants | from->forces;
	if (wants) {
		to->wants = wants;
		to->due |= DUE_OVERLAY;
	}
	cpu->switched = to;
}

static __attribute__((noinline)) void switch_rare(struct percpu *cpu, struct virt_vp *from,
						  struct virt_vp *to)
{
	lift_rare(cpu, from);
	switch_usual(cpu, from, to);
}

/* The last call of a function costs no register saved. */
void virt_switch(struct virt_vp *from, struct virt_vp *to)
{
	struct percpu *cpu = percpu();

	backend_leave(from);
	if (unlikely(cpu->overlay & ~OVERLAY_SYSCALL))
		switch_rare(cpu, from, to);
	else
		switch_usual(cpu, from, to);
}

static bool is_laid_over(const struct virt_vp *vp, uint8_t overlay)
{
	const struct percpu *cpu = percpu();

	return (cpu->overlay & overlay) && (vp->is_root || cpu->switched == vp);
}

static uint64_t syscall_get(struct virt_vp *vp, enum syscall_msr which)
{
	if (vp->is_root)
		return is_laid_over(vp, OVERLAY_SYSCALL) ? percpu()->parked_syscall[which]
							 : x86_rdmsr(syscall_msrs[which]);
	if (which == SYSCALL_KERNEL_GS_BASE && is_laid_over(vp, OVERLAY_SYSCALL))
		return x86_rdmsr(MSR_KERNEL_GS_BASE);
	return vp->syscall[which];
}

static void syscall_set(struct virt_vp *vp, enum syscall_msr which, uint64_t value)
{
	bool is_over = is_laid_over(vp, OVERLAY_SYSCALL);

	if (which == SYSCALL_TSC_AUX && !x86_features.has_rdtscp)
		return;
	if (vp->is_root)
		percpu()->parked_syscall[which] = value;
	if (vp->is_root && is_over)
		return;
	if (vp->is_root || is_over)
		x86_wrmsr(syscall_msrs[which], value);
	if (!vp->is_root)
		vp->syscall[which] = value;
}

static void spec_ctrl_set(struct virt_vp *child, uint64_t value)
{
	if (is_laid_over(child, OVERLAY_SPEC) && x86_features.has_spec_ctrl)
		x86_wrmsr(MSR_SPEC_CTRL, value);
	child->spec_ctrl = value;
}

static uint64_t read_dr(unsigned int number)
{
	switch (number) {
	case 0: return x86_read_dr0();
	case 1: return x86_read_dr1();
	case 2: return x86_read_dr2();
	default: return x86_read_dr3();
	}
}

static void write_dr(unsigned int number, uint64_t value)
{
	switch (number) {
	case 0: x86_write_dr0(value); break;
	case 1: x86_write_dr1(value); break;
	case 2: x86_write_dr2(value); break;
	default: x86_write_dr3(value); break;
	}
}

static uint64_t dr_get(struct virt_vp *vp, unsigned int number)
{
	if (!vp->is_root)
		return vp->dr[number];
	return is_laid_over(vp, OVERLAY_DEBUG) ? percpu()->parked_dr[number] : read_dr(number);
}

static void dr_set(struct virt_vp *vp, unsigned int number, uint64_t value)
{
	bool is_over = is_laid_over(vp, OVERLAY_DEBUG);

	if (vp->is_root && is_over)
		percpu()->parked_dr[number] = value;
	else if (vp->is_root || is_over)
		write_dr(number, value);
	if (!vp->is_root)
		vp->dr[number] = value;
}

/* ---- What a child can reach -------------------------------------------------------------- */

static void want(struct virt_vp *child, uint8_t overlay, bool can_reach)
{
	child->wants &= (uint8_t)~overlay;
	if (can_reach)
		child->wants |= overlay;
	child->due |= DUE_OVERLAY;
}

void switch_note_cr4(struct virt_vp *child, uint64_t cr4)
{
	want(child, OVERLAY_XSTATE, cr4 & CR4_OSXSAVE);
}

void switch_note_dr7(struct virt_vp *child, uint64_t dr7)
{
	want(child, OVERLAY_DEBUG, dr7 & DR7_ENABLED);
}

/*
 * SYSCALL needs SCE, and SWAPGS 64-bit mode, for which LME must be set first. RDTSCP needs nothing,
 * and without a value of its own the VP has zero (see also switch_watch()).
 */
static void want_syscall(struct virt_vp *child)
{
	/* While it is switched in, the root may have forced it. */
	const bool is_forced = percpu()->switched == child && (child->wants & OVERLAY_SYSCALL);

	want(child, OVERLAY_SYSCALL,
	     is_forced || child->has_syscall || child->syscall[SYSCALL_TSC_AUX]);
}

void switch_note_efer(struct virt_vp *child, uint64_t efer)
{
	child->has_syscall = (efer & (EFER_SCE | EFER_LME)) && is_by_hand(SYSCALL_STAR);
	want_syscall(child);
}

/* The vendor keeps, and resets, those that the processor switches by itself. */
void switch_reset(struct virt_vp *child)
{
	for (unsigned int i = 0; i < SYSCALL_TSC_AUX; i++)
		if (is_by_hand(i))
			syscall_set(child, i, 0);
		else
			virt_set(child, VIRT_STAR + i, 0);
	syscall_set(child, SYSCALL_TSC_AUX, 0);
	want_syscall(child);
	spec_ctrl_set(child, 0);
}

/* ---- Registers by name ------------------------------------------------------------------- */

uint64_t switch_get(struct virt_vp *vp, enum virt_reg reg)
{
	switch (reg) {
	case VIRT_CR2: return percpu()->switched == vp ? x86_read_cr2() : vp->cr2;
	case VIRT_DR0 ... VIRT_DR3: return dr_get(vp, reg - VIRT_DR0);
	case VIRT_STAR ... VIRT_KERNEL_GS_BASE:
		return syscall_get(vp, SYSCALL_STAR + (reg - VIRT_STAR));
	case VIRT_TSC_AUX: return syscall_get(vp, SYSCALL_TSC_AUX);
	case VIRT_XCR0: return vp->xcr0;
	case VIRT_XSS: return vp->xss;
	case VIRT_SPEC_CTRL: return vp->spec_ctrl;
	default: virt_panic("register %u", reg);
	}
}

void switch_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	switch (reg) {
	case VIRT_CR2:
		vp->cr2 = value;
		if (percpu()->switched == vp)
			x86_write_cr2(value);
		return;
	case VIRT_DR0 ... VIRT_DR3: dr_set(vp, reg - VIRT_DR0, value); return;
	case VIRT_STAR ... VIRT_KERNEL_GS_BASE:
		syscall_set(vp, SYSCALL_STAR + (reg - VIRT_STAR), value);
		return;
	case VIRT_TSC_AUX:
		syscall_set(vp, SYSCALL_TSC_AUX, value);
		if (vp->is_root)
			note_tsc_aux(vp);
		else
			want_syscall(vp);
		return;
	case VIRT_XCR0: xstate_set_xcr0(vp, value); return;
	case VIRT_XSS: xstate_set_xss(vp, value); return;
	case VIRT_SPEC_CTRL: spec_ctrl_set(vp, value); return;
	default: virt_panic("register %u", reg);
	}
}
