/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of a timer that bounds the run of a child: it counts down by one whenever the bits
 * of the TSC above `shift` change. The functions are pure.
 *
 * A child is left for the root every so often in any case, however often it exits and whatever its
 * deadlines are.
 */
#ifndef ARCH_X86_DEADLINE_H
#define ARCH_X86_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#define DEADLINE_NEVER (~0ull)
#define DEADLINE_LONGEST \
	1000000u /* ticks of the timer from one meeting with the root to the next */

/* Is it the root's turn, which was met last at the TSC met_root? */
bool deadline_is_root_due(uint64_t met_root, uint64_t now, unsigned int shift);

/* Ticks until the deadline, and not before it; 0 if it has come, or if the root is due. */
uint32_t deadline_ticks(uint64_t deadline, uint64_t met_root, uint64_t now, unsigned int shift);

#endif
