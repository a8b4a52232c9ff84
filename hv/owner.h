/* SPDX-License-Identifier: MIT */
/*
 * The owner of a VP, who alone touches its registers and what waits of its instructions: the
 * processor in whose Run it is, or the short call that names it. `vp->owner` is 0, the number of
 * that processor plus 1, or VP_BUSY.
 *
 * Run owns without a lock, short calls under the partition's. Who holds that lock and has closed
 * the partition's gate may touch VPs that run, too: their processors wait then, outside.
 */
#ifndef HV_OWNER_H
#define HV_OWNER_H

#include "hv/vp.h"

#define VP_BUSY 0x80000000u

enum owner_claim {
	OWNER_OK,
	OWNER_RUNS, /* in Run on some processor */
	OWNER_BUSY  /* a short call will be over soon */
};

static inline enum owner_claim owner_claim(struct vp *vp, uint32_t owner)
{
	uint32_t before = 0;

	if (__atomic_compare_exchange_n(&vp->owner, &before, owner, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return OWNER_OK;
	return before == VP_BUSY ? OWNER_BUSY : OWNER_RUNS;
}

static inline enum owner_claim owner_claim_run(struct vp *vp, uint32_t cpu)
{
	return owner_claim(vp, cpu + 1);
}

/* For a short call. False: it runs. */
static inline bool owner_claim_call(struct partition_locked held, struct vp *vp)
{
	(void)held;
	return owner_claim(vp, VP_BUSY) == OWNER_OK;
}

/* Whoever owns it: the VP may be gone afterwards, but for one whose partition is locked. */
static inline void owner_release(struct vp *vp)
{
	__atomic_store_n(&vp->owner, 0, __ATOMIC_RELEASE);
}

#define OWNER_NOWHERE (~0u)

/* The processor in whose Run it is, or OWNER_NOWHERE. */
static inline uint32_t owner_cpu(const struct vp *vp)
{
	const uint32_t owner = __atomic_load_n(&vp->owner, __ATOMIC_SEQ_CST);

	return owner && owner != VP_BUSY ? owner - 1 : OWNER_NOWHERE;
}

/*
 * Something is there for the VP, which the caller has noted in it: whoever runs it looks at it
 * soon. True: nobody does, and the root lets it sleep; it is told by the shared page.
 */
static inline bool owner_tell(struct vp *vp)
{
	const uint32_t cpu = owner_cpu(vp);

	if (cpu != OWNER_NOWHERE && cpu != virt_cpu())
		virt_kick(cpu);
	/*
	 * Run says that the VP sleeps, and then looks once more whether something is there: one of
	 * the two sees what the other has written.
	 */
	if (!__atomic_load_n(&vp->is_asleep, __ATOMIC_SEQ_CST) ||
	    !__atomic_exchange_n(&vp->is_asleep, false, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&vp->page->wake, 1u, __ATOMIC_RELEASE);
	return true;
}

#endif
