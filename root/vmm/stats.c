// SPDX-License-Identifier: MIT
/* See stats.h. */
#include "root/vmm/stats.h"

#include "root/vmm/terminal.h"
#include "whit/extension.h"

static const struct {
	UINT32 reason;
	const char *name;
} rows[STATS_REASONS] = {
	[STATS_DEVICE] = { WhitRunVpExitReasonDeviceAccess, "device access" },
	[STATS_HALT] = { WHvRunVpExitReasonX64Halt, "halt" },
	[STATS_WINDOW] = { WHvRunVpExitReasonX64InterruptWindow, "interrupt window" },
	[STATS_CANCELED] = { WHvRunVpExitReasonCanceled, "canceled" },
	[STATS_MEMORY] = { WHvRunVpExitReasonMemoryAccess, "memory access" },
	[STATS_PORT] = { WHvRunVpExitReasonX64IoPortAccess, "port access" },
	[STATS_OTHER] = { 0xffffffff, "other" },
};

void stats_exit(struct stats *stats, UINT32 reason, uint64_t ticks)
{
	unsigned int i = 0;

	while (i < STATS_OTHER && rows[i].reason != reason)
		i++;
	stats->exits[i]++;
	if (!stats->n_exits || ticks < stats->least_ticks)
		stats->least_ticks = ticks;
	stats->n_exits++;
	stats->run_ticks += ticks;
}

void stats_print(const struct stats *stats, uint64_t total_ticks)
{
	uint64_t accesses =
		stats->port_reads + stats->port_writes + stats->memory_reads + stats->memory_writes;
	const char *separator = "";

	terminal_print("vmm: exits %lu (", stats->n_exits);
	for (unsigned int i = 0; i < STATS_REASONS; i++) {
		if (!stats->exits[i])
			continue;
		terminal_print("%s%s %lu", separator, rows[i].name, stats->exits[i]);
		separator = ", ";
	}
	terminal_print(
		"); %lu emulated accesses (port reads %lu, port writes %lu, memory reads %lu, "
		"memory writes %lu) in %lu transfers; %lu interrupts; %lu ticks per exit, "
		"%lu at least; %lu ticks in all\n",
		accesses, stats->port_reads, stats->port_writes, stats->memory_reads,
		stats->memory_writes, stats->transfers, stats->interrupts,
		stats->n_exits ? stats->run_ticks / stats->n_exits : 0, stats->least_ticks,
		total_ticks);
}
