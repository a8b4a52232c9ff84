// SPDX-License-Identifier: MIT
/*
 * See reserve.h. A list of runs in the order of their addresses, each described in its own first bytes. Runs that touch are
 * one. The list is short, since what is allocated comes back: the first run that is long enough is taken, from its end.
 */
#include "root/call/uefi/reserve.h"

#include <stdbool.h>
#include <stdint.h>

#include "root/call/platform.h"

#define PAGE_BYTES 4096u

struct run {
	struct run *next;
	size_t n;
};

static struct run *first;
static size_t n_pages;
static bool is_locked;

/* With interrupts held: a callback on this processor would wait for ever. */
static uint64_t lock(void)
{
	const uint64_t held = platform_hold_interrupts();

	while (__atomic_test_and_set(&is_locked, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&is_locked, __ATOMIC_RELAXED))
			__builtin_ia32_pause();
	return held;
}

static void unlock(uint64_t held)
{
	__atomic_clear(&is_locked, __ATOMIC_RELEASE);
	platform_release_interrupts(held);
}

/* Read without the lock by reserve_count(). */
static void count(size_t n)
{
	__atomic_store_n(&n_pages, n, __ATOMIC_RELAXED);
}

static inline uint8_t *end_of(struct run *run)
{
	return (uint8_t *)run + run->n * PAGE_BYTES;
}

void *reserve_take(size_t n)
{
	const uint64_t held = lock();
	struct run **link = &first;
	void *pages = NULL;

	while (*link && (*link)->n < n)
		link = &(*link)->next;
	if (*link) {
		struct run *const run = *link;

		run->n -= n;
		pages = end_of(run);
		if (!run->n)
			*link = run->next;
		count(n_pages - n);
	}
	unlock(held);
	return pages;
}

void reserve_give(void *pages, size_t n)
{
	struct run *run = pages, *before = NULL, *behind;
	const uint64_t held = lock();

	for (behind = first; behind && behind < run; behind = behind->next)
		before = behind;
	run->n = n;
	run->next = behind;
	if (before && end_of(before) == pages) {
		before->n += n;
		run = before;
	} else if (before) {
		before->next = run;
	} else {
		first = run;
	}
	if (behind && end_of(run) == (uint8_t *)behind) {
		run->n += behind->n;
		run->next = behind->next;
	}
	count(n_pages + n);
	unlock(held);
}

void *reserve_take_run(size_t *n)
{
	const uint64_t held = lock();
	struct run *const run = first;

	if (run) {
		*n = run->n;
		first = run->next;
		count(n_pages - run->n);
	}
	unlock(held);
	return run;
}

size_t reserve_count(void)
{
	return __atomic_load_n(&n_pages, __ATOMIC_RELAXED);
}
