/* SPDX-License-Identifier: MIT */
/* How long a child may run. */
#include "arch/x86/deadline.h"

bool deadline_is_root_due(uint64_t met_root, uint64_t now, unsigned int shift)
{
	return (now - met_root) >> shift >= DEADLINE_LONGEST;
}

/* It runs out when the TSC's upper bits have changed so often: not before the deadline. */
uint32_t deadline_ticks(uint64_t deadline, uint64_t met_root, uint64_t now, unsigned int shift)
{
	uint64_t ticks;

	if (deadline <= now || deadline_is_root_due(met_root, now, shift))
		return 0;
	ticks = ((deadline - 1) >> shift) + 1 - (now >> shift);
	return ticks < DEADLINE_LONGEST ? (uint32_t)ticks : DEADLINE_LONGEST;
}
