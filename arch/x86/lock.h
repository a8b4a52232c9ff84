/* SPDX-License-Identifier: MIT */
/* A spinlock. Interrupts are always off in the hypervisor; an NMI handler takes none. */
#ifndef ARCH_X86_LOCK_H
#define ARCH_X86_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct lock {
	uint32_t held;
};

static inline bool lock_try(struct lock *lock)
{
	return !__atomic_exchange_n(&lock->held, 1, __ATOMIC_ACQUIRE);
}

static inline void lock_take(struct lock *lock)
{
	while (!lock_try(lock))
		__builtin_ia32_pause();
}

static inline void lock_release(struct lock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

#endif
