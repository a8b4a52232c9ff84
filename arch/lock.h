/* SPDX-License-Identifier: MIT */
/*
 * A spinlock. Interrupts are off throughout the hypervisor, so a holder is never preempted; a
 * handler of NMIs takes no lock. The order of hv/: a partition's lock, then hv.lock, then the log's
 * (docs/architecture.md, "Threads and locks").
 */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lock {
	uint32_t held;
};

static inline void lock_take(struct lock *lock)
{
	while (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
}

/* False: somebody holds it. */
static inline bool lock_try(struct lock *lock)
{
	return !__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE);
}

static inline void lock_drop(struct lock *lock)
{
	__atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

#endif
