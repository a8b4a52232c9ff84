/* SPDX-License-Identifier: MIT */
/*
 * A lock between processors. Whoever waits for it spins, so it is held for a moment only, and never
 * by a callback of an interrupt, which may have interrupted the one who holds it.
 */
#ifndef ROOT_VMM_LOCK_H
#define ROOT_VMM_LOCK_H

#include <stdbool.h>

#include "root/vmm/host.h"

struct lock {
	bool is_taken; /* begins as false */
};

static inline void lock_take(struct lock *lock)
{
	while (__atomic_test_and_set(&lock->is_taken, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->is_taken, __ATOMIC_RELAXED))
			host_pause();
}

static inline void lock_give(struct lock *lock)
{
	__atomic_clear(&lock->is_taken, __ATOMIC_RELEASE);
}

#endif
