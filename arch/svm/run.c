/* SPDX-License-Identifier: MIT */
/*
 * Entry into a virtual processor: the one loop through which every exit of a guest goes. It is kept
 * short. With GIF = 0 nothing comes between the look at what is pending and the entry.
 */
#include "arch/svm/svm.h"
#include "arch/x86/features.h"
#include "arch/x86/held.h"
#include "arch/x86/kick.h"
#include "arch/x86/switch.h"
#include "arch/x86/xstate.h"
#include "x86/compiler.h"
#include "x86/gpr.h"

static inline bool is_due(const struct percpu *cpu, const struct virt_vp *vp)
{
	return vp->due | cpu->pending;
}

/* The rare work before an entry. False: do not enter. */
static __attribute__((noinline)) bool prepare(struct percpu *cpu, struct virt_vp *vp)
{
	if (vp->due & DUE_TIMER) {
		if (!vp_is_bounded(cpu, vp))
			return false;
		if (vp->due == DUE_TIMER && !cpu->pending)
			return true;
	}
	cpu->has_run = true;
	if (vp->waits) {
		root_wait(vp);
		return false;
	}
	if (vp->due & (DUE_SPACE | DUE_FLUSH)) {
		vmcb_of(vp)->n_cr3 = vp->space->token;
		vmcb_dirty(vmcb_of(vp), CLEAN_NESTED);
		asid_renew(cpu, vp);
	}
	if (vp->due & DUE_OVERLAY) {
		switch_lay(vp);
		/* The virtual one: a child's writes exit, and a reset ends here, too. */
		vmcb_of(vp)->save.spec_ctrl = vp->spec_ctrl;
	}
	vp->due &= DUE_TIMER;
	return held_deliver(vp);
}

static inline void write_regs(struct vmcb_save *save, const struct virt_regs *regs)
{
	save->rip = regs->rip;
	save->rflags = regs->rflags;
	save->rsp = regs->gpr[X86_RSP];
	save->rax = regs->gpr[X86_RAX];
}

static inline void read_regs(struct virt_regs *regs, const struct vmcb_save *save)
{
	regs->rip = save->rip;
	regs->rflags = save->rflags;
	regs->gpr[X86_RSP] = save->rsp;
	regs->gpr[X86_RAX] = save->rax;
}

/* CR8 of a child that has an APIC. */
static inline void write_tpr(struct svm_vp *svm)
{
	const uint64_t word = svm->vmcb->virtual_interrupt;
	const uint64_t tpr = *svm->tpr >> 4;

	if (likely(tpr == (word & VINTR_TPR)))
		return;
	svm->vmcb->virtual_interrupt = (word & ~VINTR_TPR) | tpr;
	vmcb_dirty(svm->vmcb, CLEAN_VINTR);
}

static inline void read_tpr(struct svm_vp *svm)
{
	const uint64_t tpr = svm->vmcb->virtual_interrupt & 0xf;

	if (unlikely(tpr != *svm->tpr >> 4))
		*svm->tpr = (uint8_t)(tpr << 4);
}

/* The VMCB is complete but for the state that VMRUN leaves alone. Returns the exit code. */
static inline uint64_t enter(struct percpu *cpu, struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);
	struct vmcb *const vmcb = svm->vmcb;

	if (svm->tpr)
		write_tpr(svm);
	if (likely(cpu->loaded == vp)) {
		svm_enter(&vp->regs, svm->vmcb_page.a, (uintptr_t)cpu);
	} else {
		cpu->current = vp;
		if (svm_caps.has_fsgsbase) {
			extra_load(cpu, vp);
			svm_enter(&vp->regs, svm->vmcb_page.a, (uintptr_t)cpu);
		} else {
			svm_enter_whole(&vp->regs, svm->vmcb_page.a, svm_host_page(cpu).a);
		}
	}
	vmcb->clean = svm_caps.clean;
	if (svm->tpr)
		read_tpr(svm);
	if (unlikely(svm->rare))
		inject_after(vp);
	read_regs(&vp->regs, &vmcb->save);
	if (unlikely(x86_features.has_silent_xsetbv))
		xstate_notice(vp);
	trace_note(&cpu->trace, vp->regs.rip, (uint32_t)vmcb->exit_code, vp->is_root);
	return vmcb->exit_code;
}

void virt_run(struct virt_vp *vp, struct virt_exit *exit)
{
	struct percpu *const cpu = percpu();
	struct svm_vp *const svm = svm_vp(vp);
	bool has_run = false;
	uint64_t code;

	vp->has_view = false;
	svm->n_reflected = 0;
	exit->reason = VIRT_EXIT_NOTHING;
	for (;;) {
		if (unlikely(is_due(cpu, vp)) && !prepare(cpu, vp))
			break;
		if (unlikely(!asid_is_current(cpu, vp)))
			asid_take(cpu, vp);
		write_regs(&svm->vmcb->save, &vp->regs);
		if (unlikely(svm->rare) && !inject_before(cpu, vp, exit))
			return;
		code = enter(cpu, vp);
		if (likely(svm_decode_exit(vp, code, exit))) {
			if (likely(exit->reason != VIRT_EXIT_NOTHING))
				return;
			break;
		}
		has_run = true;
	}
	if (vp_left(vp, has_run, exit)) {
		exit->interrupted = svm->event;
		svm->event.type = VIRT_EVENT_NONE;
	}
}
