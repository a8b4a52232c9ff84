/* SPDX-License-Identifier: MIT */
/*
 * A spinlock. Interrupts are off throughout the hypervisor, so a holder is never preempted; a
 * handler of NMIs takes no lock. The order: by enum lock_rank (docs/architecture.md, "Threads and
 * locks").
 *
 * With LOCK_CHECKED, which the tests are built with, each thread knows what it holds, and whoever
 * breaks the order, takes a lock twice, or drops one that it does not hold, is stopped. Without it
 * nothing of that is there.
 */
#ifndef ARCH_LOCK_H
#define ARCH_LOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A lock is taken while those held have lower ranks. Nothing is taken under one of rank 0. */
enum lock_rank {
	LOCK_LAST, /* as memory of zeros: the log's, the tags', a letter's */
	LOCK_START,
	LOCK_PARTITION,
	LOCK_HV
};

struct lock {
	uint32_t held;
#ifdef LOCK_CHECKED
	enum lock_rank rank;
#endif
};

#ifdef LOCK_CHECKED

#define LOCK_MAX_HELD 4u

/* Weak: one of all files that include this. */
__attribute__((weak)) _Thread_local struct {
	unsigned int n;
	const struct lock *lock[LOCK_MAX_HELD];
} lock_held;

__attribute__((noreturn)) static inline void lock_stop(const struct lock *lock, const char *why)
{
	__builtin_printf("lock %p of rank %u: %s\n", (const void *)lock, (unsigned int)lock->rank,
			 why);
	for (unsigned int i = 0; i < lock_held.n; i++)
		__builtin_printf("held: %p of rank %u\n", (const void *)lock_held.lock[i],
				 (unsigned int)lock_held.lock[i]->rank);
	__builtin_abort();
}

static inline void lock_check(const struct lock *lock)
{
	for (unsigned int i = 0; i < lock_held.n; i++) {
		const struct lock *const held = lock_held.lock[i];

		if (held == lock)
			lock_stop(lock, "taken twice");
		if (held->rank == LOCK_LAST ||
		    (lock->rank != LOCK_LAST && lock->rank <= held->rank))
			lock_stop(lock, "taken against the order");
	}
	if (lock_held.n == LOCK_MAX_HELD)
		lock_stop(lock, "too many are held");
}

static inline void lock_note(const struct lock *lock)
{
	lock_held.lock[lock_held.n++] = lock;
}

/* False: it was not held. */
static inline bool lock_strike(const struct lock *lock)
{
	for (unsigned int i = 0; i < lock_held.n; i++) {
		if (lock_held.lock[i] != lock)
			continue;
		lock_held.n--;
		for (; i < lock_held.n; i++)
			lock_held.lock[i] = lock_held.lock[i + 1];
		return true;
	}
	return false;
}

static inline void lock_check_drop(const struct lock *lock)
{
	if (!lock_strike(lock))
		lock_stop(lock, "dropped and not held");
}

/* This thread starts anew: a test has ended in the middle of something. */
static inline void lock_forget(void)
{
	lock_held.n = 0;
}

/* The place of a lock in the order; nobody uses the lock yet. */
static inline void lock_set_rank(struct lock *lock, enum lock_rank rank)
{
	lock->rank = rank;
}

#else

static inline void lock_check(const struct lock *lock)
{
	(void)lock;
}

static inline void lock_note(const struct lock *lock)
{
	(void)lock;
}

static inline bool lock_strike(const struct lock *lock)
{
	(void)lock;
	return true;
}

static inline void lock_check_drop(const struct lock *lock)
{
	(void)lock;
}

static inline void lock_forget(void)
{
}

static inline void lock_set_rank(struct lock *lock, enum lock_rank rank)
{
	(void)lock;
	(void)rank;
}

#endif

static inline void lock_take(struct lock *lock)
{
	lock_check(lock);
	while (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
	lock_note(lock);
}

/* False: somebody holds it. */
static inline bool lock_try(struct lock *lock)
{
	lock_check(lock);
	if (__atomic_exchange_n(&lock->held, 1u, __ATOMIC_ACQUIRE))
		return false;
	lock_note(lock);
	return true;
}

static inline void lock_drop(struct lock *lock)
{
	lock_check_drop(lock);
	__atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

/* Whoever holds it does not go on: a panic. */
static inline void lock_break(struct lock *lock)
{
	(void)lock_strike(lock);
	__atomic_store_n(&lock->held, 0u, __ATOMIC_RELEASE);
}

/* The lock ends while it is held, with what it stands in. */
static inline void lock_end(const struct lock *lock)
{
	lock_check_drop(lock);
}

#endif
