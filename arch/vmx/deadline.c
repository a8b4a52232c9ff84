/* SPDX-License-Identifier: MIT */
/*
 * A bound for a child's run: the VMX-preemption timer, SDM 3C "VMX-Preemption Timer". It counts
 * down at the rate of the TSC shifted right, from exit to entry it stands still, and for a child
 * with a deadline it is set before each entry.
 *
 * External interrupts let the root in much sooner than the timer; but Bochs (2.7 to 3.0) does not
 * let them through while a child runs that was entered with IF = 0.
 */
#include "arch/x86/deadline.h"
#include "arch/vmx/vmx.h"
#include "arch/x86/insn.h"

static bool has_timer(struct virt_vp *child)
{
	return vmx_vp(child)->pin & PIN_PREEMPTION_TIMER;
}

bool deadline_is_for_root(struct virt_vp *child)
{
	struct vmx_vp *const vmx = vmx_vp(child);
	const uint64_t now = x86_rdtsc();

	if (now >= child->deadline &&
	    !deadline_is_root_due(vmx->met_root, now, vmx_caps.timer_shift))
		return false;
	vmx->met_root = now;
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, DEADLINE_LONGEST);
	return true;
}

void deadline_init(struct virt_vp *child)
{
	child->deadline = DEADLINE_NEVER;
	if (has_timer(child))
		vmwrite(VMCS_PREEMPTION_TIMER_VALUE, DEADLINE_LONGEST);
}

bool deadline_arm(const struct percpu *cpu, struct virt_vp *child)
{
	if (!has_timer(child))
		return vp_is_bounded(cpu, child);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE,
		deadline_ticks(child->deadline, vmx_vp(child)->met_root, x86_rdtsc(),
			       vmx_caps.timer_shift));
	return true;
}

void virt_set_deadline(struct virt_vp *vp, uint64_t tsc)
{
	if (vp->deadline == tsc)
		return;
	vp->deadline = tsc;
	vp->due &= (uint8_t)~DUE_TIMER;
	if (tsc != DEADLINE_NEVER) {
		vp->due |= DUE_TIMER;
	} else if (has_timer(vp)) {
		vmcs_load(vp);
		vmwrite(VMCS_PREEMPTION_TIMER_VALUE, DEADLINE_LONGEST);
	}
}
