/* SPDX-License-Identifier: MIT */
/*
 * Entry into a virtual processor: the one loop through which every exit of a guest goes. It is kept
 * short.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/held.h"
#include "arch/x86/switch.h"
#include "x86/compiler.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

/* The rare work before an entry. False: do not enter. */
static __attribute__((noinline)) bool prepare_rare(struct percpu *cpu, struct virt_vp *vp)
{
	cpu->has_run = true;
	if (vp->due & DUE_SPACE)
		space_renew(vp);
	if (vp->due & DUE_FLUSH)
		vpid_flush(vp);
	if (vp->due & DUE_OVERLAY)
		switch_lay(vp);
	if ((vp->due & DUE_TIMER) && !deadline_arm(cpu, vp))
		return false;
	vp->due &= DUE_TIMER;
	return held_deliver(vp);
}

/* The two usual cases of it: a child with a deadline, and the first entry after a virt_switch(). */
static __attribute__((noinline)) bool prepare(struct percpu *cpu, struct virt_vp *vp)
{
	if (vp->due == DUE_TIMER)
		return deadline_arm(cpu, vp);
	if (unlikely(vp->due != DUE_OVERLAY || vp->wants != OVERLAY_SYSCALL))
		return prepare_rare(cpu, vp);
	switch_lay_syscall(cpu, vp);
	vp->due = 0;
	return true;
}

static inline void write_changed(struct virt_vp *vp)
{
	vmwrite(VMCS_GUEST_RIP, vp->regs.rip);
	vmwrite(VMCS_GUEST_RSP, vp->regs.gpr[X86_RSP]);
	vmwrite(VMCS_GUEST_RFLAGS, vp->regs.rflags);
	vp->regs.changed = false;
	if (unlikely(vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) &
		     (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
		vmx_match_single_step(vp);
}

__attribute__((noreturn, cold)) static void entry_failed(uint64_t result)
{
	uint64_t error = 0;

	if (result == ENTER_VALID)
		(void)vmx_vmread(VMCS_INSTRUCTION_ERROR, &error);
	virt_panic("VM entry failed with error %llu", (unsigned long long)error);
}

/*
 * vmx_enter() looks for pending events itself, at the last moment: it answers ENTER_ABORTED, and
 * prepare_rare() sees to them.
 */
void virt_run(struct virt_vp *vp, struct virt_exit *exit)
{
	struct percpu *cpu = percpu();
	struct vmx_vp *const vmx = vmx_vp(vp);
	bool is_launched;
	bool has_run = false;
	uint64_t result;
	uint32_t reason;

	vmcs_load(vp);
	vp->has_view = false;
	vmx->n_reflected = 0;
again:
	if (vp->regs.changed || unlikely(vp->regs.rflags & RFLAGS_TF))
		write_changed(vp);
	if (unlikely(vp->due) && !prepare(cpu, vp))
		goto left;
	is_launched = vmx->is_launched;
	vmx->is_launched = true;
	result = vmx_enter(&vp->regs, is_launched);
	if (unlikely(result != ENTER_OK)) {
		if (result != ENTER_ABORTED && !apic_mend_threshold(vp))
			entry_failed(result);
		vmx->is_launched = is_launched;
		if (!prepare_rare(cpu, vp))
			goto left;
		goto again;
	}
	reason = vmread32(VMCS_EXIT_REASON);
	vp->regs.rip = vmread(VMCS_GUEST_RIP);
	vp->regs.gpr[X86_RSP] = vmread(VMCS_GUEST_RSP);
	vp->regs.rflags = vmread(VMCS_GUEST_RFLAGS);
	trace_note(&cpu->trace, vp->regs.rip, reason, vp->is_root);
	if (unlikely(!vmx_decode_exit(vp, reason, exit))) {
		has_run = true;
		goto again;
	}
	if (likely(exit->reason != VIRT_EXIT_NOTHING))
		return;

left:
	if (vp_left(vp, has_run, exit))
		vmx_take_back(&exit->interrupted);
}
