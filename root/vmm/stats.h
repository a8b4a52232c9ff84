/* SPDX-License-Identifier: MIT */
/* What the VMM counts, and the line of figures at the end. */
#ifndef ROOT_VMM_STATS_H
#define ROOT_VMM_STATS_H

#include <stdint.h>

#include "whp/WinHvPlatform.h"

enum stats_reason {
	STATS_DEVICE,
	STATS_HALT,
	STATS_WINDOW,
	STATS_CANCELED,
	STATS_MEMORY,
	STATS_PORT,
	STATS_OTHER,
	STATS_REASONS
};

struct stats {
	uint64_t exits[STATS_REASONS];
	uint64_t n_exits;
	uint64_t port_reads, port_writes, memory_reads, memory_writes; /* accesses, emulated */
	uint64_t transfers;					       /* of which they were made */
	uint64_t interrupts;					       /* injected */
	uint64_t run_ticks;   /* spent in WHvRunVirtualProcessor, the guest's own work included */
	uint64_t least_ticks; /* of one such call */
};

void stats_exit(struct stats *stats, UINT32 reason, uint64_t ticks);

/* total_ticks: of the whole run. */
void stats_print(const struct stats *stats, uint64_t total_ticks);

#endif
