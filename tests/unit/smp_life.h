/* SPDX-License-Identifier: MIT */
/*
 * The traces that calls leave for each other, on several processors at once: what has begun is noted before a call, what is
 * done after it. So whoever looks before his own call and after it knows what he could have met.
 */
#ifndef TESTS_UNIT_SMP_LIFE_H
#define TESTS_UNIT_SMP_LIFE_H

#include <stdbool.h>
#include <stdint.h>

#define N_SLOTS 3u
#define N_VPS	3u
#define N_LIVES 65536u

/* A VP index's. */
struct vp_life {
	uint32_t creates, created, deletes, deleted; /* in progress; successes */
	uint32_t runs, ran;			     /* begun; ended */
	uint32_t turns;				     /* odd while it is in the guest */
};

/* A partition, from its creation to the end of its deletion. */
struct life {
	uint64_t handle;
	uint32_t slot;
	bool is_dying, is_over;
	struct vp_life vps[N_VPS];
};

static struct life *lives;
static uint64_t n_lives;
static struct slot {
	struct life *life; /* NULL: nobody may call it yet */
	bool is_taken;
	uint64_t pages[N_VPS]; /* shared with the VPs */
} slots[N_SLOTS];

static inline uint32_t look_at(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static inline void add(uint32_t *word, uint32_t n)
{
	(void)__atomic_fetch_add(word, n, __ATOMIC_SEQ_CST);
}

static inline bool is(const bool *fact)
{
	return __atomic_load_n(fact, __ATOMIC_SEQ_CST);
}

static inline void note(bool *fact)
{
	__atomic_store_n(fact, true, __ATOMIC_SEQ_CST);
}

/* ---- Between a look before a call and one after it ---------------------------------------- */

static inline bool is_surely_there(const struct vp_life *before, const struct vp_life *now)
{
	return before->created > look_at(&now->deletes) + look_at(&now->deleted);
}

static inline bool is_surely_absent(const struct vp_life *before, const struct vp_life *now,
				    uint32_t own_creates)
{
	return look_at(&now->creates) - own_creates + look_at(&now->created) <= before->deleted;
}

/* Was there a Run, other than the caller's own, between then and now? */
static inline bool may_run(const struct vp_life *before, const struct vp_life *now,
			   uint32_t own_runs)
{
	return look_at(&now->runs) - own_runs > before->ran;
}

/* It has been in the guest all the time. */
static inline bool surely_runs(const struct vp_life *before, const struct vp_life *now)
{
	return before->turns & 1 && look_at(&now->turns) == before->turns;
}

#endif
