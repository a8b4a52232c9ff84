/* SPDX-License-Identifier: MIT */
/*
 * Events of the machine that are the root's, and came while it was not running: the NMI handler and
 * the exits of children note them in percpu.pending, and the root gets them one by one.
 */
#include "arch/x86/held.h"
#include "arch/x86/backend.h"
#include "arch/x86/insn.h"
#include "arch/x86/kick.h"
#include "arch/x86/stop.h"
#include "arch/x86/vp.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/msr.h"

/*
 * The processor that the machine has started on starts it anew. Another one waits for its SIPI, and
 * what was held for it is no more.
 */
static __attribute__((noinline, cold)) void init(struct virt_vp *root)
{
	if (x86_rdmsr(MSR_APIC_BASE) & APIC_BASE_BSP) {
		log_line(LOG_ERROR, "root: INIT at RIP %llx: the machine is reset",
			 (unsigned long long)root->regs.rip);
		virt_reset();
	}
	root->held = 0;
	if (backend_waits_deaf)
		kick_hold();
	backend_init(root);
	root->waits = true;
	if (backend_waits_deaf)
		__atomic_store_n(&percpu()->letter.is_parked, true, __ATOMIC_RELEASE);
}

void held_start(struct virt_vp *root)
{
	root->waits = false;
	if (!backend_waits_deaf)
		return;
	__atomic_store_n(&percpu()->letter.is_parked, false, __ATOMIC_RELEASE);
	kick_release();
	stop_if_asked(root->regs.rip);
}

bool held_deliver(struct virt_vp *vp)
{
	struct percpu *cpu = percpu();
	uint8_t came;

	if (!vp->is_root)
		return !cpu->pending;
	came = __atomic_exchange_n(&cpu->pending, 0, __ATOMIC_RELAXED);
	if (vp->waits)
		return true; /* SDM 3A "Wait-for-SIPI": it notices nothing else */
	vp->held |= came & (uint8_t)~PENDING_KICK;
	if (vp->held & PENDING_INIT) {
		init(vp);
		return false;
	}
	if ((vp->held & PENDING_MC) && backend_give_mc(vp))
		vp->held &= (uint8_t)~PENDING_MC;
	if (vp->held & PENDING_NMI) {
		vp->held &= (uint8_t)~PENDING_NMI;
		backend_give_nmi(vp);
	}
	if (vp->held)
		vp->due |= DUE_HELD;
	return !(came & PENDING_KICK);
}
