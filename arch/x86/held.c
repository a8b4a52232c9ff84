/* SPDX-License-Identifier: MIT */
/*
 * Events of the machine that are the root's, and came while it was not running: the NMI handler and
 * the exits of children note them in percpu.pending, and the root gets them one by one.
 */
#include "arch/x86/held.h"
#include "arch/x86/backend.h"
#include "arch/x86/vp.h"
#include "whit/log.h"

/* A machine's answer to an INIT of its only processor is to start anew. */
__attribute__((noreturn, cold)) static void init(const struct virt_vp *root)
{
	log_line(LOG_ERROR, "root: INIT at RIP %llx: the machine is reset",
		 (unsigned long long)root->regs.rip);
	virt_reset();
}

bool held_deliver(struct virt_vp *vp)
{
	struct percpu *cpu = percpu();

	if (!vp->is_root)
		return !cpu->pending;
	vp->held |= __atomic_exchange_n(&cpu->pending, 0, __ATOMIC_RELAXED);
	if (vp->held & PENDING_INIT)
		init(vp);
	if ((vp->held & PENDING_MC) && backend_give_mc(vp))
		vp->held &= (uint8_t)~PENDING_MC;
	if (vp->held & PENDING_NMI) {
		vp->held &= (uint8_t)~PENDING_NMI;
		backend_give_nmi(vp);
	}
	if (vp->held)
		vp->due |= DUE_HELD;
	return true;
}
