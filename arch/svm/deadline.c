/* SPDX-License-Identifier: MIT */
/*
 * A bound for a child's run. AMD-V has no timer: an interrupt of the root's ends the run, and the
 * deadline is looked at before each entry (virt_bound()).
 */
#include "arch/x86/deadline.h"
#include "arch/svm/svm.h"

void deadline_init(struct virt_vp *child)
{
	child->deadline = DEADLINE_NEVER;
}

void virt_set_deadline(struct virt_vp *vp, uint64_t tsc)
{
	vp->deadline = tsc;
	vp->due &= (uint8_t)~DUE_TIMER;
	if (tsc != DEADLINE_NEVER)
		vp->due |= DUE_TIMER;
}
