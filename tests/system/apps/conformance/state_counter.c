// SPDX-License-Identifier: MIT
/* Counters of partitions and VPs: what a check can predict, to the unit. */
#include "tests/system/apps/conformance/fpu.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static struct board board;

static void begin(uint32_t apic_mode)
{
	CHECK_EQ(board_create(&board,
			      &(const struct board_options) { .n_vps = 2, .apic_mode = apic_mode }),
		 S_OK);
}

static void memory(WHV_PARTITION_MEMORY_COUNTERS *counters)
{
	UINT32 written = 0;

	CHECK_EQ(WHvGetPartitionCounters(board.partition, WHvPartitionCounterSetMemory, counters,
					 sizeof(*counters), &written),
		 S_OK);
	CHECK_EQ(written, sizeof(*counters));
}

static void counters_of_memory_follow_the_map(void)
{
	WHV_PARTITION_MEMORY_COUNTERS counters = { 0, 0, 0 };

	begin(0);
	memory(&counters);
	CHECK_EQ(counters.Mapped4KPageCount, BOARD_RAM / 4096);
	CHECK_EQ(counters.Mapped2MPageCount, 0);
	CHECK_EQ(counters.Mapped1GPageCount, 0);
	CHECK_EQ(WHvUnmapGpaRange(board.partition, BOARD_RAM / 2, 4096 * 3), S_OK);
	memory(&counters);
	CHECK_EQ(counters.Mapped4KPageCount, BOARD_RAM / 4096 - 3);
	CHECK_EQ(WHvMapGpaRange(board.partition, board.ram, 1ull << 30, 4096 * 5,
				WHvMapGpaRangeFlagRead),
		 S_OK);
	memory(&counters);
	CHECK_EQ(counters.Mapped4KPageCount, BOARD_RAM / 4096 + 2);
	board_destroy(&board);
}

static void intercepts(uint32_t vp, WHV_PROCESSOR_INTERCEPT_COUNTERS *counters)
{
	UINT32 written = 0;

	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, vp,
						WHvProcessorCounterSetIntercepts, counters,
						sizeof(*counters), &written),
		 S_OK);
	CHECK_EQ(written, sizeof(*counters));
}

static void counters_of_intercepts_count_instructions(void)
{
	static WHV_PROCESSOR_INTERCEPT_COUNTERS before, after;
	const struct op ops[] = { OP(CPUID, .argument = 0),    OP(CPUID, .argument = 1),
				  OP(CPUID, .argument = 7),    OP(RDMSR, .argument = 0x1b),
				  OP(RDMSR, .argument = 0xfe), OP(READ_DR, .argument = 0) };

	begin(0);
	CHECK_EQ(SCRIPT(&board, 0, OP0(CLI)), BOARD_DONE);
	intercepts(0, &before);
	CHECK_EQ(board_script(&board, 0, ops, N(ops)), BOARD_DONE);
	CHECK_EQ(SCRIPT(&board, 0, OP0(HLT)), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(board_run(&board, 0), BOARD_DONE);
	intercepts(0, &after);
	CHECK_EQ(after.CpuidInstructions.Count - before.CpuidInstructions.Count, 3);
	CHECK_EQ(after.MsrAccesses.Count - before.MsrAccesses.Count, 2);
	CHECK_EQ(after.HaltInstructions.Count - before.HaltInstructions.Count, 1);
	CHECK_EQ(after.IoInstructions.Count - before.IoInstructions.Count, 2); /* ends of lists */
	CHECK_EQ(after.DebugRegisterAccesses.Count - before.DebugRegisterAccesses.Count, 1);
	CHECK_EQ(after.Hypercalls.Count, 0);
	intercepts(1, &after);
	CHECK_EQ(after.CpuidInstructions.Count, 0);
	board_destroy(&board);
}

static void counters_of_run_time_grow(void)
{
	WHV_PROCESSOR_RUNTIME_COUNTERS before, after;
	UINT32 written = 0;

	begin(0);
	CHECK_EQ(SCRIPT(&board, 0, OP0(CLI)), BOARD_DONE);
	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, WHvProcessorCounterSetRuntime,
						&before, sizeof(before), &written),
		 S_OK);
	CHECK_EQ(written, sizeof(before));
	CHECK_EQ(SCRIPT(&board, 0, OP(DELAY, .value = 5000000)), BOARD_DONE);
	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, WHvProcessorCounterSetRuntime,
						&after, sizeof(after), &written),
		 S_OK);
	CHECK(after.TotalRuntime100ns > before.TotalRuntime100ns);
	CHECK(after.TotalRuntime100ns >= after.HypervisorRuntime100ns);
	board_destroy(&board);
}

static void counters_of_the_apic_count_ipis(void)
{
	WHV_PROCESSOR_APIC_COUNTERS counters;
	UINT32 written = 0;

	begin(WHvX64LocalApicEmulationModeXApic);
	/* Two to the other, one to itself, all masked by RFLAGS.IF. */
	CHECK_EQ(SCRIPT(&board, 0, OP(WRITE32, .argument = 0xfee000f0, .value = 0x1ff),
			OP(WRITE32, .argument = 0xfee00310, .value = 1u << 24),
			OP(WRITE32, .argument = 0xfee00300, .value = 0x44),
			OP(WRITE32, .argument = 0xfee00300, .value = 0x45),
			OP(WRITE32, .argument = 0xfee00300, .value = 1u << 18 | 0x46)),
		 BOARD_DONE);
	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, WHvProcessorCounterSetApic,
						&counters, sizeof(counters), &written),
		 S_OK);
	CHECK_EQ(written, sizeof(counters));
	CHECK_EQ(counters.SentIpiCount, 2 + counters.SelfIpiCount);
	/* A processor that delivers by itself does so without an exit. */
	CHECK(counters.SelfIpiCount <= 1);
	board_destroy(&board);
}

static void counters_have_sizes_and_sets(void)
{
	static const struct {
		WHV_PROCESSOR_COUNTER_SET set;
		uint32_t n_bytes;
	} rows[] = { { WHvProcessorCounterSetRuntime, sizeof(WHV_PROCESSOR_RUNTIME_COUNTERS) },
		     { WHvProcessorCounterSetIntercepts, sizeof(WHV_PROCESSOR_INTERCEPT_COUNTERS) },
		     { WHvProcessorCounterSetEvents, sizeof(WHV_PROCESSOR_EVENT_COUNTERS) },
		     { WHvProcessorCounterSetApic, sizeof(WHV_PROCESSOR_APIC_COUNTERS) },
		     { WHvProcessorCounterSetSyntheticFeatures,
		       sizeof(WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS) } };
	static uint8_t buffer[512] __attribute__((aligned(16)));
	UINT32 written;

	begin(0);
	for (unsigned int i = 0; i < N(rows); i++) {
		written = 0;
		CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, rows[i].set, buffer,
							sizeof(buffer), &written),
			 S_OK);
		CHECK_EQ(written, rows[i].n_bytes);
		CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, rows[i].set, buffer,
							rows[i].n_bytes - 8, &written),
			 WHV_E_INSUFFICIENT_BUFFER);
	}
	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 0, (WHV_PROCESSOR_COUNTER_SET)5,
						buffer, sizeof(buffer), &written),
		 WHV_E_UNKNOWN_PROPERTY);
	CHECK_EQ(WHvGetPartitionCounters(board.partition, (WHV_PARTITION_COUNTER_SET)1, buffer,
					 sizeof(buffer), &written),
		 WHV_E_UNKNOWN_PROPERTY);
	CHECK_EQ(WHvGetPartitionCounters(board.partition, WHvPartitionCounterSetMemory, buffer, 8,
					 &written),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvGetVirtualProcessorCounters(board.partition, 7, WHvProcessorCounterSetRuntime,
						buffer, sizeof(buffer), &written),
		 WHV_E_VP_DOES_NOT_EXIST);
	board_destroy(&board);
}

void state_counter_checks(void)
{
	static const struct test tests[] = {
		TEST(counters_of_memory_follow_the_map),
		TEST(counters_of_intercepts_count_instructions),
		TEST(counters_of_run_time_grow),
		TEST(counters_of_the_apic_count_ipis),
		TEST(counters_have_sizes_and_sets),
	};

	RUN(tests);
}
