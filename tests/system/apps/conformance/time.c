// SPDX-License-Identifier: MIT
/*
 * A partition's time: the TSC of its VPs across exits, with offsets, all VPs set at once, suspended and resumed, and
 * the reference time. SDM 3B "Time-Stamp Counter".
 */
#include "tests/system/apps/conformance/board.h"
#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/insn.h"
#include "whit/whp_extension.h"
#include "x86/cpuid.h"
#include "x86/msr.h"

#define VPS 3u

/* More than any few calls between two readings take. */
#define SHORT 2000000ull
#define LONG  30000000ull

static struct board board;

static void begin(uint32_t apic_mode)
{
	CHECK_EQ(board_create(&board, &(const struct board_options) { .n_vps = VPS,
								      .apic_mode = apic_mode }),
		 S_OK);
}

static void end(void)
{
	board_destroy(&board);
}

static uint64_t read_in(uint32_t vp)
{
	CHECK_EQ(SCRIPT(&board, vp, OP0(RDTSC)), BOARD_DONE);
	return board_op(&board, vp, 0)->result;
}

static void pass(uint64_t ticks)
{
	const uint64_t start = board_tsc();

	while (board_tsc() - start < ticks)
		;
}

static void tsc_never_goes_back_in_a_vp(void)
{
	begin(0);
	CHECK_EQ(SCRIPT(&board, 0, OP(MONOTONIC, .value = 20000),
			OP(MONOTONIC, .argument = 1, .value = 5000)),
		 BOARD_DONE);
	CHECK_EQ(board_op(&board, 0, 0)->result, 0);
	CHECK_EQ(board_op(&board, 0, 1)->result, 0);
	end();
}

static void tsc_never_goes_back_across_runs_and_vps(void)
{
	uint64_t last = 0;

	begin(0);
	for (unsigned int i = 0; i < 300; i++) {
		const uint64_t now = read_in(i % VPS);

		CHECK(now > last);
		last = now;
	}
	end();
}

static void tsc_starts_the_same_in_all_vps(void)
{
	uint64_t offsets[VPS];

	begin(0);
	for (uint32_t vp = 0; vp < VPS; vp++) {
		const uint64_t before = board_tsc();

		offsets[vp] = read_in(vp) - before;
	}
	/* How long the reading took is all that they differ by. */
	for (uint32_t vp = 1; vp < VPS; vp++)
		CHECK(offsets[vp] - offsets[0] + SHORT / 2 < SHORT);
	end();
}

static void tsc_register_sets_what_the_guest_reads(void)
{
	const uint64_t value = 0x123456789abc;

	begin(0);
	CHECK_EQ(board_set(&board, 1, WHvX64RegisterTsc, value), S_OK);
	CHECK(read_in(1) - value < SHORT);
	CHECK(board_get(&board, 1, WHvX64RegisterTsc) - value < SHORT);
	/* The others are what they were. */
	CHECK(read_in(0) - value > 1ull << 40);
	CHECK(board_get(&board, 1, WHvX64RegisterTsc) <= read_in(1));
	end();
}

static void tsc_offset_register_is_the_difference(void)
{
	uint64_t offset, root, guest;

	begin(0);
	CHECK_EQ(board_set(&board, 0, WHvX64RegisterTsc, 1ull << 50), S_OK);
	offset = board_get(&board, 0, WHvX64RegisterTscVirtualOffset);
	root = board_tsc();
	guest = read_in(0);
	CHECK(guest - (root + offset) < SHORT);
	CHECK_EQ(board_set(&board, 0, WHvX64RegisterTscVirtualOffset, offset + (1ull << 30)), S_OK);
	CHECK(read_in(0) - guest >= 1ull << 30);
	CHECK(read_in(0) - guest < (1ull << 30) + 2 * SHORT);
	end();
}

static void tsc_written_by_the_guest_moves(void)
{
	begin(0);
	CHECK_EQ(SCRIPT(&board, 2, OP(WRMSR, .argument = MSR_TSC, .value = 1ull << 44), OP0(RDTSC),
			OP(RDMSR, .argument = MSR_TSC)),
		 BOARD_DONE);
	CHECK_EQ(board_op(&board, 2, 0)->fault, 0);
	CHECK(board_op(&board, 2, 1)->result - (1ull << 44) < SHORT);
	CHECK(board_op(&board, 2, 2)->result - board_op(&board, 2, 1)->result < SHORT);
	end();
}

static void tsc_aux_is_that_of_the_vp(void)
{
	begin(0);
	for (uint32_t vp = 0; vp < VPS; vp++)
		CHECK_EQ(SCRIPT(&board, vp, OP(WRMSR, .argument = MSR_TSC_AUX, .value = 77 + vp)),
			 BOARD_DONE);
	for (uint32_t vp = 0; vp < VPS; vp++) {
		CHECK_EQ(SCRIPT(&board, vp, OP0(RDTSCP), OP0(RDTSC),
				OP(RDMSR, .argument = MSR_TSC_AUX)),
			 BOARD_DONE);
		CHECK_EQ(board_op(&board, vp, 0)->fault, 0);
		CHECK_EQ(board_op(&board, vp, 0)->value, 77 + vp);
		CHECK(board_op(&board, vp, 0)->result < board_op(&board, vp, 1)->result);
		CHECK_EQ(board_op(&board, vp, 2)->result, 77 + vp);
		CHECK_EQ(board_get(&board, vp, WHvX64RegisterTscAux), 77 + vp);
	}
	/* RDTSCP's upper half does not exist. */
	CHECK_EQ(SCRIPT(&board, 0, OP(WRMSR, .argument = MSR_TSC_AUX, .value = 1ull << 32)),
		 BOARD_DONE);
	CHECK_EQ(board_op(&board, 0, 0)->fault, OP_GP);
	end();
}

static void tsc_of_all_vps_is_set_at_one_moment(void)
{
	const uint64_t value = 1ull << 45;
	uint64_t offset;

	begin(0);
	for (uint32_t vp = 0; vp < VPS; vp++)
		CHECK_EQ(board_set(&board, vp, WHvX64RegisterTsc, vp << 20), S_OK);
	CHECK_EQ(WhitSetPartitionTsc(board.partition, value), S_OK);
	offset = board_get(&board, 0, WHvX64RegisterTscVirtualOffset);
	for (uint32_t vp = 0; vp < VPS; vp++) {
		CHECK_EQ(board_get(&board, vp, WHvX64RegisterTscVirtualOffset), offset);
		CHECK(read_in(vp) - value < SHORT);
	}
	/* Suspended, they all show exactly it. */
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	CHECK_EQ(WhitSetPartitionTsc(board.partition, value), S_OK);
	pass(1000);
	for (uint32_t vp = 0; vp < VPS; vp++)
		CHECK_EQ(board_get(&board, vp, WHvX64RegisterTsc), value);
	CHECK(read_in(1) - value < SHORT);
	CHECK(read_in(2) - value < SHORT);
	CHECK(FAILED(WhitSetPartitionTsc(NULL, 0)));
	end();
}

static void time_suspended_stands_still(void)
{
	uint64_t before, stopped;

	begin(0);
	before = read_in(0);
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	stopped = board_get(&board, 0, WHvX64RegisterTsc);
	CHECK(stopped - before < SHORT);
	pass(LONG);
	CHECK_EQ(board_get(&board, 0, WHvX64RegisterTsc), stopped);
	CHECK_EQ(board_get(&board, 2, WHvX64RegisterTsc), board_get(&board, 2, WHvX64RegisterTsc));
	/* Twice is once. */
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	CHECK_EQ(board_get(&board, 0, WHvX64RegisterTsc), stopped);
	CHECK_EQ(WHvResumePartitionTime(board.partition), S_OK);
	CHECK(read_in(0) - stopped < SHORT);
	CHECK_EQ(WHvResumePartitionTime(board.partition), S_OK);
	CHECK(read_in(0) - stopped < SHORT);
	end();
}

static void time_goes_on_with_the_next_run(void)
{
	uint64_t stopped;

	begin(0);
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	stopped = board_get(&board, 1, WHvX64RegisterTsc);
	pass(LONG);
	CHECK(read_in(0) - stopped < SHORT);
	/* For all of them. */
	pass(SHORT);
	CHECK(board_get(&board, 1, WHvX64RegisterTsc) - stopped >= SHORT);
	CHECK(read_in(2) - stopped < 3 * SHORT);
	end();
}

static void time_suspended_holds_the_apics_timer(void)
{
	const uint64_t wait = 2 * SHORT;
	uint64_t start;

	begin(WHvX64LocalApicEmulationModeXApic);
	board_handle(&board, 0x51, ACTION_EOI_MMIO, NULL, 0);
	CHECK_EQ(SCRIPT(&board, 0, OP(WRITE32, .argument = 0xfee000f0, .value = 0x1ff),
			OP(WRITE32, .argument = 0xfee00320, .value = 2u << 17 | 0x51), OP0(RDTSC)),
		 BOARD_DONE);
	start = board_op(&board, 0, 2)->result;
	CHECK_EQ(SCRIPT(&board, 0, OP(WRMSR, .argument = MSR_TSC_DEADLINE, .value = start + wait)),
		 BOARD_DONE);
	CHECK_EQ(board_op(&board, 0, 0)->fault, 0);
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	pass(LONG);
	/* By its own clock it is not late. */
	CHECK_EQ(SCRIPT(&board, 0, OP0(STI), OP(DELAY, .value = wait), OP0(CLI)), BOARD_DONE);
	CHECK_EQ(board_events(&board, 0), 1);
	CHECK(board_event(&board, 0, 0)->tsc >= start + wait);
	CHECK(board_event(&board, 0, 0)->tsc < start + wait + SHORT);
	end();
}

static uint64_t reference_time(void)
{
	uint64_t value = 0;

	CHECK_EQ(WHvGetPartitionProperty(board.partition, WHvPartitionPropertyCodeReferenceTime,
					 &value, sizeof(value), NULL),
		 S_OK);
	return value;
}

static void reference_time_goes_with_the_partition(void)
{
	uint64_t a, b, set = 1000000000;

	begin(0);
	a = reference_time();
	pass(SHORT);
	b = reference_time();
	CHECK(b > a);
	CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
	a = reference_time();
	pass(LONG);
	CHECK_EQ(reference_time(), a);
	CHECK_EQ(WHvSetPartitionProperty(board.partition, WHvPartitionPropertyCodeReferenceTime,
					 &set, sizeof(set)),
		 S_OK);
	CHECK_EQ(reference_time(), set);
	CHECK_EQ(WHvResumePartitionTime(board.partition), S_OK);
	pass(SHORT);
	CHECK(reference_time() > set);
	CHECK(reference_time() < set + 10000000);
	end();
}

static void time_of_no_partition_is_refused(void)
{
	WHV_PARTITION_HANDLE partition;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK(FAILED(WHvSuspendPartitionTime(partition)));
	CHECK(FAILED(WHvResumePartitionTime(partition)));
	CHECK(FAILED(WhitSetPartitionTsc(partition, 1)));
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	CHECK(FAILED(WHvSuspendPartitionTime(NULL)));
}

static void tsc_survives_a_reset_of_the_partition(void)
{
	uint64_t before;

	begin(0);
	before = read_in(0);
	CHECK_EQ(WHvResetPartition(board.partition), S_OK);
	CHECK(board_get(&board, 0, WHvX64RegisterTsc) >= before);
	CHECK_EQ(board_ready(&board, 0), S_OK);
	CHECK(read_in(0) > before);
	end();
}

/* Whatever the root writes to its TSC, and whenever: a child's goes on, and the root's own is what was written. */
static void time_of_the_root_is_its_own(void)
{
	struct x86_cpuid leaf7;
	uint64_t before, last;

	begin(0);
	before = board_tsc();
	last = read_in(0);
	for (unsigned int i = 0; i < 4; i++) {
		static const uint64_t values[] = { 0, 1ull << 60, 5000, ~0ull >> 1 };
		uint64_t now;

		insn_wrmsr(MSR_TSC, values[i]);
		CHECK(board_tsc() - values[i] < SHORT);
		CHECK(insn_rdmsr(MSR_TSC) - values[i] < SHORT);
		now = read_in(i % VPS);
		CHECK(now > last && now - last < SHORT);
		CHECK_EQ(WHvSuspendPartitionTime(board.partition), S_OK);
		insn_wrmsr(MSR_TSC, values[i] / 2);
		CHECK_EQ(WHvResumePartitionTime(board.partition), S_OK);
		last = read_in(i % VPS);
		CHECK(last > now && last - now < SHORT);
	}
	insn_cpuid(7, 0, &leaf7);
	if (leaf7.ebx & CPUID7_EBX_TSC_ADJUST) {
		const uint64_t adjust = insn_rdmsr(MSR_TSC_ADJUST), start = board_tsc();

		insn_wrmsr(MSR_TSC_ADJUST, adjust + (1ull << 40));
		CHECK_EQ(insn_rdmsr(MSR_TSC_ADJUST), adjust + (1ull << 40));
		CHECK(board_tsc() - start - (1ull << 40) < SHORT);
	}
	insn_wrmsr(MSR_TSC, before + LONG);
	CHECK(read_in(0) - last < SHORT);
	end();
}

void time_checks(void)
{
	static const struct test tests[] = {
		TEST(tsc_never_goes_back_in_a_vp),
		TEST(tsc_never_goes_back_across_runs_and_vps),
		TEST(tsc_starts_the_same_in_all_vps),
		TEST(tsc_register_sets_what_the_guest_reads),
		TEST(tsc_offset_register_is_the_difference),
		TEST(tsc_written_by_the_guest_moves),
		TEST(tsc_aux_is_that_of_the_vp),
		TEST(tsc_of_all_vps_is_set_at_one_moment),
		TEST(time_suspended_stands_still),
		TEST(time_goes_on_with_the_next_run),
		TEST(time_suspended_holds_the_apics_timer),
		TEST(reference_time_goes_with_the_partition),
		TEST(time_of_no_partition_is_refused),
		TEST(tsc_survives_a_reset_of_the_partition),
		TEST(time_of_the_root_is_its_own),
	};

	RUN(tests);
}
