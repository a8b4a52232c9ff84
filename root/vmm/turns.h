/* SPDX-License-Identifier: MIT */
/*
 * Turns of several virtual processors on one processor of the host. The functions are
 * pure; times are ticks of the TSC.
 *
 * A VP that sleeps wakes at its deadline or by an interrupt. The VMM knows the interrupts of its
 * devices. It does not see those that VPs send each other, because the local APICs are in the
 * hypervisor; so whenever a VP has run, each sleeping one is tried once, which costs little if
 * there is nothing for it.
 */
#ifndef ROOT_VMM_TURNS_H
#define ROOT_VMM_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#define TURNS_MAX_VPS 8u

/* No time at all: only an interrupt wakes. */
#define TURNS_NEVER UINT64_MAX

struct turns {
	unsigned int n, current;
	struct {
		bool sleeps;
		bool is_due; /* to be tried although it sleeps */
		uint64_t deadline;
	} vps[TURNS_MAX_VPS];
};

/* n VPs, 1 to TURNS_MAX_VPS, all awake; the first one begins. */
void turns_init(struct turns *turns, unsigned int n);

/* The VP to run now: the current one as long as it is awake. -1: all sleep. */
int turns_next(struct turns *turns, uint64_t now);

/*
 * The current VP has run for long enough, or waits for another: the next one that is awake comes
 * first.
 */
void turns_yield(struct turns *turns);

/* The current VP sleeps until then. has_run: it has done something since it was chosen. */
void turns_sleep(struct turns *turns, uint64_t deadline, bool has_run);

/* There is an interrupt for this VP. */
void turns_wake(struct turns *turns, unsigned int vp);

/* VPs of another processor have run, which may have sent interrupts to any. */
void turns_wake_all(struct turns *turns);

/* When the first deadline comes; TURNS_NEVER. */
uint64_t turns_deadline(const struct turns *turns);

#endif
