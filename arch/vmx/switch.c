/* SPDX-License-Identifier: MIT */
/*
 * The state that VT-x does not switch: x87/SSE, CR2, the MSRs of SYSCALL and SWAPGS, TSC_AUX,
 * DR0-3, extended state, speculation control.
 *
 * The hypervisor uses none of them, so they hold the values of the VP that was switched in last.
 * x87, SSE and CR2 change hands in virt_switch(). The others are the root's, and a child's values
 * are laid over them (percpu.overlay) only if it can use them: the MSRs with EFER.SCE or LME (or if
 * RDTSCP would give it a value of the root or not its own), the debug registers with an enabled
 * breakpoint, extended state with CR4.OSXSAVE (xstate.c), speculation control where the processor
 * has it. A child cannot write these registers by itself, KERNEL_GS_BASE by SWAPGS excepted, and
 * its DR6 is never in hardware: its #DB all exit.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/cpu.h"
#include "arch/x86/features.h"
#include "arch/x86/insn.h"
#include "arch/x86/xstate.h"
#include "x86/compiler.h"
#include "x86/msr.h"

static const uint32_t syscall_msrs[SYSCALL_MSRS] = {
	[SYSCALL_STAR] = MSR_STAR,
	[SYSCALL_LSTAR] = MSR_LSTAR,
	[SYSCALL_CSTAR] = MSR_CSTAR,
	[SYSCALL_FMASK] = MSR_FMASK,
	[SYSCALL_KERNEL_GS_BASE] = MSR_KERNEL_GS_BASE,
	[SYSCALL_TSC_AUX] = MSR_TSC_AUX,
};

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
		if (now[i] != wanted[i])
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
void vmx_syscall_watch(struct virt_vp *root)
{
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++) {
		if (i == SYSCALL_TSC_AUX && !x86_features.has_rdtscp)
			continue; /* all are zero, for ever */
		percpu()->parked_syscall[i] = x86_rdmsr(syscall_msrs[i]);
		if (i != SYSCALL_KERNEL_GS_BASE)
			virt_root_guard_msr(root, syscall_msrs[i], false, true);
	}
	note_tsc_aux(root);
}

bool vmx_syscall_written(struct virt_vp *root, uint32_t msr, uint64_t value)
{
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++) {
		if (syscall_msrs[i] != msr || i == SYSCALL_KERNEL_GS_BASE)
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
	if (x86_features.has_ibpb && cpu->last_space != child->space.a)
		x86_wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
	cpu->last_space = child->space.a;
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

void vmx_syscall_lay(struct percpu *cpu, struct virt_vp *child)
{
	if (cpu->overlay & OVERLAY_SYSCALL)
		return;
	cpu->parked_syscall[SYSCALL_KERNEL_GS_BASE] = x86_rdmsr(MSR_KERNEL_GS_BASE);
	load_syscall(cpu->parked_syscall, child->syscall);
	cpu->overlay |= OVERLAY_SYSCALL;
}

void vmx_overlay_load(struct virt_vp *child)
{
	struct percpu *cpu = percpu();
	uint8_t missing = child->wants & (uint8_t)~cpu->overlay;

	if (missing & OVERLAY_SYSCALL)
		vmx_syscall_lay(cpu, child);
	lay_rare(cpu, child, missing);
	cpu->overlay |= missing;
}

static inline void switch_usual(struct percpu *cpu, struct virt_vp *from, struct virt_vp *to)
{
	uint8_t wants;

	if (cpu->overlay & OVERLAY_SYSCALL) {
		from->syscall[SYSCALL_KERNEL_GS_BASE] = x86_rdmsr(MSR_KERNEL_GS_BASE);
		load_syscall(from->syscall, cpu->parked_syscall);
	}
	cpu->overlay = 0;
	x86_fxsave(from->fpu);
	x86_fxrstor(to->fpu);
	from->cr2 = x86_read_cr2();
	x86_write_cr2(to->cr2);
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

uint64_t vmx_syscall_get(struct virt_vp *vp, enum syscall_msr which)
{
	if (vp->is_root)
		return is_laid_over(vp, OVERLAY_SYSCALL) ? percpu()->parked_syscall[which]
							 : x86_rdmsr(syscall_msrs[which]);
	if (which == SYSCALL_KERNEL_GS_BASE && is_laid_over(vp, OVERLAY_SYSCALL))
		return x86_rdmsr(MSR_KERNEL_GS_BASE);
	return vp->syscall[which];
}

void vmx_syscall_set(struct virt_vp *vp, enum syscall_msr which, uint64_t value)
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

void vmx_spec_ctrl_set(struct virt_vp *child, uint64_t value)
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

uint64_t vmx_dr_get(struct virt_vp *vp, unsigned int number)
{
	if (!vp->is_root)
		return vp->dr[number];
	return is_laid_over(vp, OVERLAY_DEBUG) ? percpu()->parked_dr[number] : read_dr(number);
}

void vmx_dr_set(struct virt_vp *vp, unsigned int number, uint64_t value)
{
	bool is_over = is_laid_over(vp, OVERLAY_DEBUG);

	if (vp->is_root && is_over)
		percpu()->parked_dr[number] = value;
	else if (vp->is_root || is_over)
		write_dr(number, value);
	if (!vp->is_root)
		vp->dr[number] = value;
}
