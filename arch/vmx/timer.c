/* SPDX-License-Identifier: MIT */
/*
 * A bound for a child's run: the VMX-preemption timer, SDM 3C "VMX-Preemption Timer". It counts
 * down at the rate of the TSC shifted right, from exit to entry it stands still, and for a child
 * with a deadline it is set before each entry.
 *
 * A child is left for the root every so often in any case, however often it exits and whatever its
 * deadlines are. External interrupts do that much sooner; but Bochs (2.7 to 3.0) does not let them
 * through while a child runs that was entered with IF = 0.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/insn.h"

#define LONGEST 1000000u /* ticks of the timer */

#define NEVER (~0ull)

static bool has_timer(struct virt_vp *child)
{
	return vmx_vp(child)->pin & PIN_PREEMPTION_TIMER;
}

static bool is_root_due(struct virt_vp *child, uint64_t now)
{
	return (now - vmx_vp(child)->met_root) >> vmx_caps.timer_shift >= LONGEST;
}

bool timer_is_for_root(struct virt_vp *child)
{
	const uint64_t now = x86_rdtsc();

	if ((child->due & DUE_TIMER) && now >= child->deadline && !is_root_due(child, now))
		return false;
	vmx_vp(child)->met_root = now;
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, LONGEST);
	return true;
}

void timer_init(struct virt_vp *child)
{
	child->deadline = NEVER;
	if (has_timer(child))
		vmwrite(VMCS_PREEMPTION_TIMER_VALUE, LONGEST);
}

/* It runs out when the TSC's upper bits have changed so often: not before the deadline. */
void timer_arm(struct virt_vp *child)
{
	const unsigned int shift = vmx_caps.timer_shift;
	const uint64_t now = x86_rdtsc();
	uint64_t ticks = 0;

	if (!has_timer(child))
		return;
	if (child->deadline > now && !is_root_due(child, now))
		ticks = ((child->deadline - 1) >> shift) + 1 - (now >> shift);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, ticks < LONGEST ? ticks : LONGEST);
}

void virt_set_deadline(struct virt_vp *vp, uint64_t tsc)
{
	if (vp->deadline == tsc)
		return;
	vp->deadline = tsc;
	vp->due &= (uint8_t)~DUE_TIMER;
	if (tsc != NEVER) {
		vp->due |= DUE_TIMER;
	} else if (has_timer(vp)) {
		vmcs_load(vp);
		vmwrite(VMCS_PREEMPTION_TIMER_VALUE, LONGEST);
	}
}
