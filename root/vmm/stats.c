// SPDX-License-Identifier: MIT
/* See stats.h. */
#include "root/vmm/stats.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "whit/extension.h"

static const struct {
	UINT32 reason;
	UINT32 turn; /* struct whit_turn.kind; 0: not one of those */
	const char *name;
} rows[STATS_REASONS] = {
	[STATS_DEVICE] = { WhitRunVpExitReasonDeviceAccess, 0, "device-access" },
	[STATS_TURN_HALT] = { WhitRunVpExitReasonTurn, WHIT_TURN_HALT, "turn-halt" },
	[STATS_TURN_SPIN] = { WhitRunVpExitReasonTurn, WHIT_TURN_SPIN, "turn-spin" },
	[STATS_CANCELED] = { WHvRunVpExitReasonCanceled, 0, "canceled" },
	[STATS_HALT] = { WHvRunVpExitReasonX64Halt, 0, "halt" },
	[STATS_WINDOW] = { WHvRunVpExitReasonX64InterruptWindow, 0, "interrupt-window" },
	[STATS_MEMORY] = { WHvRunVpExitReasonMemoryAccess, 0, "memory-access" },
	[STATS_PORT] = { WHvRunVpExitReasonX64IoPortAccess, 0, "port-access" },
	[STATS_OTHER] = { 0xffffffff, 0, "other" },
};

static UINT32 turn_of(const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	if ((UINT32)exit->ExitReason != WhitRunVpExitReasonTurn)
		return 0;
	return ((const struct whit_turn *)(const void *)exit->AsUINT64)->kind;
}

void stats_exit(struct stats *stats, const WHV_RUN_VP_EXIT_CONTEXT *exit, uint64_t ticks)
{
	UINT32 turn = turn_of(exit);
	unsigned int i = 0;

	while (i < STATS_OTHER &&
	       (rows[i].reason != (UINT32)exit->ExitReason || rows[i].turn != turn))
		i++;
	stats->exits[i]++;
	if (!stats->n_exits || ticks < stats->least_ticks)
		stats->least_ticks = ticks;
	stats->n_exits++;
	stats->run_ticks += ticks;
}

void stats_add(struct stats *stats, const struct stats *other)
{
	if (!stats->n_exits || (other->n_exits && other->least_ticks < stats->least_ticks))
		stats->least_ticks = other->least_ticks;
	for (unsigned int i = 0; i < STATS_REASONS; i++)
		stats->exits[i] += other->exits[i];
	stats->n_exits += other->n_exits;
	stats->port_reads += other->port_reads;
	stats->port_writes += other->port_writes;
	stats->memory_reads += other->memory_reads;
	stats->memory_writes += other->memory_writes;
	stats->transfers += other->transfers;
	stats->interrupts += other->interrupts;
	stats->run_ticks += other->run_ticks;
	stats->sleep_ticks += other->sleep_ticks;
}

void stats_print(const struct stats *stats, unsigned int n_seats, uint64_t total_ticks)
{
	uint64_t n = stats->n_exits ? stats->n_exits : 1;

	terminal_print(
		"vmm: ticks %lu in all, %lu of them asleep; %lu for each exit, %lu at least\n",
		total_ticks, stats->sleep_ticks / n_seats, stats->run_ticks / n,
		stats->least_ticks);
	terminal_print("vmm: exits %lu\n", stats->n_exits);
	for (unsigned int i = 0; i < STATS_REASONS; i++) {
		uint64_t share = stats->exits[i] * 1000 / n;

		if (stats->exits[i])
			terminal_print("vmm: exits %9lu %3lu.%lu %% %s\n", stats->exits[i],
				       share / 10, share % 10, rows[i].name);
	}
	terminal_print("vmm: accesses emulated: port reads %lu, port writes %lu, memory reads %lu, "
		       "memory writes %lu, in %lu transfers; %lu interrupts\n",
		       stats->port_reads, stats->port_writes, stats->memory_reads,
		       stats->memory_writes, stats->transfers, stats->interrupts);
}

#define INTERCEPT(field) \
	WHvProcessorCounterSetIntercepts, offsetof(WHV_PROCESSOR_INTERCEPT_COUNTERS, field.Count)
#define EVENT(field) WHvProcessorCounterSetEvents, offsetof(WHV_PROCESSOR_EVENT_COUNTERS, field)
#define APIC(field)  WHvProcessorCounterSetApic, offsetof(WHV_PROCESSOR_APIC_COUNTERS, field)

static const struct {
	const char *name;
	WHV_PROCESSOR_COUNTER_SET set;
	size_t offset;
} counters[] = {
	{ "cpuid", INTERCEPT(CpuidInstructions) },
	{ "msr", INTERCEPT(MsrAccesses) },
	{ "cr", INTERCEPT(ControlRegisterAccesses) },
	{ "dr", INTERCEPT(DebugRegisterAccesses) },
	{ "io", INTERCEPT(IoInstructions) },
	{ "hlt", INTERCEPT(HaltInstructions) },
	{ "memory", INTERCEPT(NestedPageFaultIntercepts) },
	{ "pending-interrupt", INTERCEPT(PendingInterrupts) },
	{ "emulated", INTERCEPT(EmulatedInstructions) },
	{ "other", INTERCEPT(OtherIntercepts) },
	{ "interrupts", EVENT(InterruptCount) },
	{ "apic-access", APIC(MmioAccessCount) },
	{ "apic-eoi", APIC(EoiAccessCount) },
	{ "ipi", APIC(SentIpiCount) },
};

void stats_print_counters(WHV_PARTITION_HANDLE partition, unsigned int n_vps)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
		uint64_t sum = 0;

		for (UINT32 vp = 0; vp < n_vps; vp++) {
			UINT64 set[sizeof(WHV_PROCESSOR_INTERCEPT_COUNTERS) / sizeof(UINT64)];
			UINT32 n;

			if (FAILED(WHvGetVirtualProcessorCounters(partition, vp, counters[i].set,
								  set, sizeof(set), &n)))
				return;
			sum += set[counters[i].offset / sizeof(UINT64)];
		}
		if (sum)
			terminal_print("vmm: hypervisor %9lu %s\n", sum, counters[i].name);
	}
}
