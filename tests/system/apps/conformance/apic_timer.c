// SPDX-License-Identifier: MIT
/*
 * The timer of the local APIC in its three modes, and the waits for it: HLT stays inside of Run and costs the root
 * nothing. SDM 3A "APIC Timer". Times are ticks of the guest's own TSC.
 *
 * `late` bounds how late the handler may note an interrupt: the exit of the deadline, its delivery, and the handler up
 * to its RDTSC are less than 3,000 instructions where the TSC counts those; a timer of firmware may come between. AMD's
 * processors have no timer for guests, and what ends the run is a tick of firmware's timer, each 10 ms. `some` is a
 * time that is long beside that.
 */
#include "tests/system/apps/conformance/apic.h"

#include "tests/system/apps/conformance/timer.h"
#include "tests/system/apps/conformance/vendor.h"

#define VECTOR 0xe1u

static uint64_t bus_hz, tsc_hz, some, late;

static uint64_t property(WHV_PARTITION_PROPERTY_CODE code)
{
	uint64_t value = 0;

	CHECK_EQ(WHvGetPartitionProperty(apic_board.partition, code, &value, sizeof(value), NULL),
		 S_OK);
	return value;
}

static void begin_with_turns(uint32_t turns)
{
	apic_begin(&(const struct board_options) { .n_vps = 1, .turns = turns });
	board_handle(&apic_board, VECTOR, apic_eoi_action(), NULL, 0);
	bus_hz = property(WHvPartitionPropertyCodeInterruptClockFrequency);
	tsc_hz = property(WHvPartitionPropertyCodeProcessorClockFrequency);
	CHECK(bus_hz && tsc_hz);
	some = vendor_is_amd() ? tsc_hz / 25 : 100000;
	late = vendor_is_amd() ? tsc_hz / 50 : 60000;
}

static void begin(void)
{
	begin_with_turns(0);
}

/* Counts of the bus in so many ticks of the TSC. */
static uint64_t counts(uint64_t ticks)
{
	return tsc_hz ? ticks * bus_hz / tsc_hz : 0;
}

static uint64_t ticks(uint64_t n_counts)
{
	return bus_hz ? n_counts * tsc_hz / bus_hz : 0;
}

static void expect_time(uint64_t time, uint64_t wanted)
{
	CHECK(time >= wanted);
	CHECK(time <= wanted + late);
}

static uint64_t result(unsigned int n)
{
	return board_op(&apic_board, 0, n)->result;
}

static void apic_timer_counts_down_at_the_frequency_of_the_property(void)
{
	uint64_t time, count;

	begin();
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR),
			apic_write(APIC_DIVIDE, DIVIDE_BY_1), apic_write(APIC_INITIAL, ~0u),
			apic_read(APIC_CURRENT), OP0(RDTSC), OP(DELAY, .value = 1000000),
			OP0(RDTSC), apic_read(APIC_CURRENT)),
		 BOARD_DONE);
	time = result(6) - result(4);
	count = result(3) - result(7);
	/* Between the two reads: more than between the two RDTSC, by no more than the reads take. */
	CHECK(count >= counts(time));
	CHECK(count <= counts(time + late));
}

static void apic_timer_divides(void)
{
	static const uint8_t codes[] = { 0xb, 0, 1, 2, 3, 8, 9, 0xa };

	begin();
	for (unsigned int i = 0; i < 8; i++) {
		uint64_t time, count;

		CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR),
				apic_write(APIC_DIVIDE, codes[i]), apic_write(APIC_INITIAL, ~0u),
				OP0(RDTSC), OP(DELAY, .value = 200000), OP0(RDTSC),
				apic_read(APIC_CURRENT)),
			 BOARD_DONE);
		time = result(5) - result(3);
		count = ~0u - result(6);
		CHECK(count >= counts(time) >> i);
		CHECK(count <= (counts(time + late) >> i) + 1);
	}
}

static void apic_timer_fires_once(void)
{
	uint64_t wait;

	begin();
	wait = 3 * some;
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, VECTOR),
			apic_write(APIC_DIVIDE, DIVIDE_BY_1), OP0(RDTSC),
			apic_write(APIC_INITIAL, counts(wait)), OP0(STI),
			OP(DELAY, .value = 3 * wait), OP0(CLI), apic_read(APIC_CURRENT)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK_EQ(board_event(&apic_board, 0, 0)->vector, VECTOR);
	expect_time(board_event(&apic_board, 0, 0)->tsc - result(2), ticks(counts(wait)));
	CHECK_EQ(result(7), 0);
}

static void apic_timer_repeats_without_drift(void)
{
	uint64_t wait, period;

	begin();
	wait = 2 * some;
	period = ticks(counts(wait));
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_PERIODIC | VECTOR),
			apic_write(APIC_DIVIDE, DIVIDE_BY_1), OP0(RDTSC),
			apic_write(APIC_INITIAL, counts(wait)), OP0(STI),
			OP(DELAY, .value = 10 * wait + wait / 2), OP0(CLI),
			apic_write(APIC_INITIAL, 0)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 10);
	for (unsigned int i = 0; i < 10 && !check_has_failed(); i++)
		expect_time(board_event(&apic_board, 0, i)->tsc - result(2),
			    (i + 1) * ticks(counts(wait)));
	CHECK(period || !wait);
	/* And with the count zero it has stopped. */
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP(DELAY, .value = 3 * wait), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 10);
}

static void apic_timer_masked_is_silent(void)
{
	begin();
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR),
			apic_write(APIC_DIVIDE, DIVIDE_BY_1),
			apic_write(APIC_INITIAL, counts(some / 2)), OP0(STI),
			OP(DELAY, .value = some), OP0(CLI), apic_write(APIC_LVT_TIMER, VECTOR),
			OP0(STI), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 0);
}

/* Arm it `wait` ticks from now: the guest adds up itself, between two of its lists. */
static uint64_t arm(uint64_t wait)
{
	uint64_t deadline;

	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR),
			OP0(RDTSC)),
		 BOARD_DONE);
	deadline = result(1) + wait;
	(void)apic_do(0, OP(WRMSR, .argument = MSR_TSC_DEADLINE, .value = deadline));
	CHECK_EQ(apic_fault, 0);
	return deadline;
}

static void apic_timer_meets_its_tsc_deadline(void)
{
	uint64_t deadline;

	begin();
	deadline = arm(4 * some);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(RDMSR, .argument = MSR_TSC_DEADLINE), OP0(STI),
			OP(DELAY, .value = 6 * some), OP0(CLI),
			OP(RDMSR, .argument = MSR_TSC_DEADLINE), apic_read(APIC_CURRENT)),
		 BOARD_DONE);
	CHECK_EQ(result(0), deadline);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK_EQ(board_event(&apic_board, 0, 0)->vector, VECTOR);
	expect_time(board_event(&apic_board, 0, 0)->tsc - deadline, 0);
	CHECK_EQ(result(4), 0);
	CHECK_EQ(result(5), 0);
}

static void apic_timer_deadline_in_the_past_fires_at_once(void)
{
	begin();
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR),
			OP(WRMSR, .argument = MSR_TSC_DEADLINE, .value = 1), OP0(STI), OP0(CLI),
			OP(RDMSR, .argument = MSR_TSC_DEADLINE)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK_EQ(result(4), 0);
}

static void apic_timer_deadline_is_disarmed_by_zero_and_by_a_change_of_mode(void)
{
	begin();
	(void)arm(2 * some);
	(void)apic_do(0, OP(WRMSR, .argument = MSR_TSC_DEADLINE, .value = 0));
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP(DELAY, .value = 3 * some), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 0);
	(void)arm(2 * some);
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, VECTOR),
			apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR),
			OP(RDMSR, .argument = MSR_TSC_DEADLINE), OP0(STI),
			OP(DELAY, .value = 3 * some), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(result(2), 0);
	CHECK_EQ(board_events(&apic_board, 0), 0);
}

/* In the other modes writes of the MSR are nothing, and in this one the initial count is. */
static void apic_timer_modes_keep_apart(void)
{
	begin();
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, VECTOR),
			OP(WRMSR, .argument = MSR_TSC_DEADLINE, .value = 1),
			OP(RDMSR, .argument = MSR_TSC_DEADLINE), OP0(STI), OP0(CLI),
			apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VECTOR),
			apic_write(APIC_INITIAL, 100), apic_read(APIC_CURRENT), OP0(STI),
			OP(DELAY, .value = some), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, 0, 1)->fault, 0);
	CHECK_EQ(result(2), 0);
	CHECK_EQ(result(7), 0);
	CHECK_EQ(board_events(&apic_board, 0), 0);
}

/* HLT ends with the timer; Run has not come back before, and the root has slept, not asked again and again. */
static void apic_halt_waits_inside_of_run(void)
{
	const uint64_t wait = 20000000; /* two ticks of firmware's timer, or none */
	struct whit_stats before, after;
	uint64_t deadline;

	begin();
	deadline = arm(wait);
	CHECK_EQ(WhitGetStats(&before), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI_HLT_CLI), OP0(RDTSC)), BOARD_DONE);
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK(board_event(&apic_board, 0, 0)->tsc >= deadline);
	/* Where the root's own timer is what wakes it, that is how late it is. */
	CHECK(board_event(&apic_board, 0, 0)->tsc <= deadline + wait);
	CHECK(result(1) >= deadline);
	/* Once for each interrupt that the root gets, however many these are; not once for each thousand ticks. */
	CHECK(after.hypercalls - before.hypercalls < wait / 20000);
}

static void cancel_it(void)
{
	(void)WHvCancelRunVirtualProcessor(apic_board.partition, 0, 0);
}

static void apic_halt_ends_with_a_cancel(void)
{
	begin();
	CHECK(timer_start(5, false, cancel_it));
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI_HLT_CLI)), WHvRunVpExitReasonCanceled);
	timer_stop();
	CHECK_EQ(board_events(&apic_board, 0), 0);
	/* It goes on halting. */
	CHECK(timer_start(5, false, cancel_it));
	CHECK_EQ(board_run(&apic_board, 0), WHvRunVpExitReasonCanceled);
	timer_stop();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, false), S_OK);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 1);
}

static void interrupt_it(void)
{
	(void)apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, false);
}

static void apic_halt_ends_with_a_request(void)
{
	begin();
	CHECK(timer_start(5, false, interrupt_it));
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI_HLT_CLI)), BOARD_DONE);
	timer_stop();
	CHECK_EQ(board_events(&apic_board, 0), 1);
}

static void apic_halt_with_turns_leaves_and_says_until_when(void)
{
	const struct whit_turn *turn =
		(const struct whit_turn *)(const void *)apic_board.exit.AsUINT64;
	uint64_t now, deadline, offset;

	begin_with_turns(WHIT_TURN_HALT);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI_HLT_CLI)), WhitRunVpExitReasonTurn);
	CHECK_EQ(turn->kind, WHIT_TURN_HALT);
	CHECK_EQ(turn->deadline, ~0ull);
	CHECK_EQ(board_run(&apic_board, 0), WhitRunVpExitReasonTurn);
	interrupt_it();
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	now = board_tsc();
	offset = apic_do(0, OP0(RDTSC)) - now;
	deadline = arm(1000000);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI_HLT_CLI)), WhitRunVpExitReasonTurn);
	/* By the root's TSC: the guest's, less the offset between them, which was not measured at one moment. */
	CHECK(turn->deadline >= deadline - offset);
	CHECK(turn->deadline <= deadline - offset + late);
	while (!check_has_failed() && board_tsc() <= turn->deadline + 10)
		;
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 2);
}

/* Interrupts that the guest has masked do not end a halt; NMIs do. */
static void apic_halt_with_interrupts_off_waits_for_an_nmi(void)
{
	begin_with_turns(WHIT_TURN_HALT);
	interrupt_it();
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(HLT)), WhitRunVpExitReasonTurn);
	CHECK_EQ(board_run(&apic_board, 0), WhitRunVpExitReasonTurn);
	CHECK_EQ(apic_request(WHvX64InterruptTypeNmi, 0, 0, false, false), S_OK);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK_EQ(board_event(&apic_board, 0, 0)->vector, 2);
}

void apic_timer_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(apic_timer_counts_down_at_the_frequency_of_the_property),
		BOTH(apic_timer_divides),
		BOTH(apic_timer_fires_once),
		BOTH(apic_timer_repeats_without_drift),
		BOTH(apic_timer_masked_is_silent),
		BOTH(apic_timer_meets_its_tsc_deadline),
		BOTH(apic_timer_deadline_in_the_past_fires_at_once),
		BOTH(apic_timer_deadline_is_disarmed_by_zero_and_by_a_change_of_mode),
		BOTH(apic_timer_modes_keep_apart),
		BOTH(apic_halt_waits_inside_of_run),
		BOTH(apic_halt_ends_with_a_cancel),
		BOTH(apic_halt_ends_with_a_request),
		BOTH(apic_halt_with_turns_leaves_and_says_until_when),
		BOTH(apic_halt_with_interrupts_off_waits_for_an_nmi),
	};

	RUN_APIC(tests);
}
