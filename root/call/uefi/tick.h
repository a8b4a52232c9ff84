/* SPDX-License-Identifier: MIT */
/*
 * The tick of firmware's timer, on the boot processor: 10 to 100 times a second, or oftener for a while, for who wants to be
 * interrupted earlier.
 */
#ifndef ROOT_CALL_UEFI_TICK_H
#define ROOT_CALL_UEFI_TICK_H

#include <efi.h>

#include "uefi/timer.h"

#define TICK_UNITS_PER_SECOND 10000000ull

/*
 * The shortest period, half a millisecond: below what firmware's own handler takes, the processor would do nothing
 * else any more.
 */
#define TICK_SHORTEST_UNITS 5000u

/* NULL if firmware has none. */
struct timer_protocol *tick_timer(void);

/* The units until the TSC stands at `deadline`, at most a second's; more than any tick, if nobody can tell. */
UINT64 tick_units_left(uint64_t deadline);

/* A period of so many units, that was not ended early, has taken so many ticks of the TSC. */
void tick_learn(UINT64 units, uint64_t ticks);

/* Wait for some short ones, to learn from the shortest of them. Interrupts are on afterwards as before. */
void tick_measure(struct timer_protocol *timer);

#endif
