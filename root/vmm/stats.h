/* SPDX-License-Identifier: MIT */
/* The counters of one seat of the VMM, and the table of figures at the end. */
#ifndef ROOT_VMM_STATS_H
#define ROOT_VMM_STATS_H

#include <stdint.h>

#include "whp/WinHvPlatform.h"

enum stats_reason {
	STATS_DEVICE,
	STATS_TURN_HALT,
	STATS_TURN_SPIN,
	STATS_CANCELED,
	STATS_HALT,
	STATS_WINDOW,
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
	uint64_t sleep_ticks; /* with all of its processors of the guest asleep */
};

/* A call of WHvRunVirtualProcessor has taken so long. */
void stats_exit(struct stats *stats, const WHV_RUN_VP_EXIT_CONTEXT *exit, uint64_t ticks);

/* Add the counters of another seat. */
void stats_add(struct stats *stats, const struct stats *other);

/* total_ticks: of the whole run, on n_seats processors. */
void stats_print(const struct stats *stats, unsigned int n_seats, uint64_t total_ticks);

/* The hypervisor's counts of the partition's n_vps processors. */
void stats_print_counters(WHV_PARTITION_HANDLE partition, unsigned int n_vps);

#endif
