/* SPDX-License-Identifier: MIT */
/* The timer of the local APIC (hv/apic/timer.c): modes, divider, and that no period drifts. Time stands still but for the test. */
#include "hv/cpu/time.h"
#include "hv/vp/vp.h"
#include "tests/random.h"
#include "tests/unit/hv_apic.h"

static struct random rng = { 1 };

#define PER_COUNT (TSC_HZ / APIC_CLOCK_HZ)
#define VECTOR	  0x50u
#define PERIODIC  (1u << 17)
#define DEADLINE  (1u << 18)
#define MASKED	  (1u << 16)

static struct vp *vp;
static uint64_t clock_now; /* of the next look */

/* virt_tsc() adds 1000. */
static void set_clock(uint64_t tsc)
{
	clock_now = tsc;
	fake.tsc = tsc;
	fake.tsc_stands = true;
}

static void begin(uint32_t lvt)
{
	apic_world(0, X2APIC, 1);
	vp = apic_vp(0);
	enter_x2apic(vp);
	enable(vp);
	virt_set(vp->virt, VIRT_TSC_OFFSET, 12345);
	set_clock(1000000);
	guest_put(vp, APIC_LVT_TIMER, lvt | VECTOR);
	set_clock(1000000);
}

static uint64_t get_at(uint64_t tsc, unsigned int n)
{
	set_clock(tsc);
	return guest_get(vp, n);
}

static void put_at(uint64_t tsc, unsigned int n, uint64_t value)
{
	set_clock(tsc);
	guest_put(vp, n, value);
}

/* What the guest would get at this time; the interrupt is acknowledged. */
static int vector_at(uint64_t tsc)
{
	int vector;

	set_clock(tsc);
	vp->apic.is_due = true;
	vp_prepare_apic(vp);
	REQUIRE_EQ(vp->virt->deadline, vp->apic.deadline);
	vector = vp->pending.type == VIRT_EVENT_INTERRUPT ? vp->pending.vector : -1;
	vp->pending.type = VIRT_EVENT_NONE;
	if (vector >= 0)
		guest_put(vp, APIC_EOI, 0);
	return vector;
}

static void one_shot_counts_down_once(void)
{
	static const struct {
		uint32_t divide, by;
	} dividers[] = { { 0x0, 2 },  { 0x1, 4 },  { 0x2, 8 },	 { 0x3, 16 },
			 { 0x8, 32 }, { 0x9, 64 }, { 0xa, 128 }, { 0xb, 1 } };

	for (size_t i = 0; i < 8; i++) {
		const uint64_t tick = PER_COUNT * dividers[i].by, t = 2000000;

		begin(0);
		guest_put(vp, APIC_DIVIDE, dividers[i].divide);
		put_at(t, APIC_INITIAL_COUNT, 1000);
		REQUIRE_EQ(vp->virt->deadline, t + 1000 * tick);
		REQUIRE_EQ(get_at(t, APIC_CURRENT_COUNT), 1000);
		REQUIRE_EQ(get_at(t + tick - 1, APIC_CURRENT_COUNT), 1000);
		REQUIRE_EQ(get_at(t + tick, APIC_CURRENT_COUNT), 999);
		REQUIRE_EQ(get_at(t + 999 * tick + 5, APIC_CURRENT_COUNT), 1);
		REQUIRE_EQ(vector_at(t + 1000 * tick - 1), -1);
		REQUIRE_EQ(vector_at(t + 1000 * tick), VECTOR);
		REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
		REQUIRE_EQ(get_at(t + 1001 * tick, APIC_CURRENT_COUNT), 0);
		REQUIRE_EQ(vector_at(t + 5000 * tick), -1);
		REQUIRE_EQ(guest_get(vp, APIC_INITIAL_COUNT), 1000);
	}
}

static void zero_stops_and_masked_is_silent(void)
{
	begin(0);
	put_at(2000000, APIC_INITIAL_COUNT, 1000);
	put_at(2000000, APIC_INITIAL_COUNT, 0);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	begin(MASKED);
	put_at(2000000, APIC_INITIAL_COUNT, 10);
	REQUIRE_EQ(vector_at(3000000), -1);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	/* What has expired while it was masked is gone. */
	guest_put(vp, APIC_LVT_TIMER, VECTOR);
	REQUIRE_EQ(vector_at(3000001), -1);
}

static void longest_count_does_not_overflow(void)
{
	static const uint64_t rates[] = {
		0, 50000000, 199999999, 200000001, 3333333333, 10000000000
	};

	for (size_t i = 0; i < 6; i++) {
		const uint64_t hz = rates[i] ? rates[i] : APIC_CLOCK_HZ;
		const unsigned __int128 ticks =
			(unsigned __int128)0xffffffff * 128 * hz / APIC_CLOCK_HZ;
		uint64_t deadline;

		begin(0);
		hv.tsc_hz = rates[i];
		guest_put(vp, APIC_DIVIDE, 0xa);
		put_at(2000000, APIC_INITIAL_COUNT, 0xffffffff);
		deadline = vp->virt->deadline - 2000000;
		REQUIRE_EQ(deadline, (uint64_t)ticks);
		/* Half way */
		REQUIRE((get_at(2000000 + deadline / 2, APIC_CURRENT_COUNT) + 1) / 2 >> 28 == 4);
	}
}

static void periods_neither_drift_nor_pile_up(void)
{
	static const uint32_t counts[] = { 100000, 33333, 1234567 };
	static const uint64_t rates[] = { TSC_HZ, 1999999973, 2718281828 };

	for (size_t i = 0; i < 3; i++) {
		const uint64_t t = 5000000;
		uint64_t due;

		begin(PERIODIC);
		hv.tsc_hz = rates[i];
		guest_put(vp, APIC_DIVIDE, 0xb);
		put_at(t, APIC_INITIAL_COUNT, counts[i]);
		for (uint64_t n = 1; n < 5000; n++) {
			due = t + (uint64_t)((unsigned __int128)n * counts[i] * rates[i] /
					     APIC_CLOCK_HZ);
			REQUIRE_EQ(vp->virt->deadline, due);
			/* Looked at late, by less than a period. */
			REQUIRE_EQ(vector_at(due + random_below(&rng, 50000)), VECTOR);
		}
		/* Missed: one interrupt, and on in the old rhythm. */
		set_clock(due);
		REQUIRE_EQ(vector_at(vp->virt->deadline + 10 * (due - t) / 4999 + 7), VECTOR);
		REQUIRE_EQ(vector_at(clock_now + 1), -1);
		REQUIRE(vp->virt->deadline > clock_now);
		REQUIRE((vp->virt->deadline - t + 20) % ((due - t) / 4999) < 5040);
		REQUIRE(get_at(clock_now, APIC_CURRENT_COUNT) <= counts[i]);
	}
	/* So short that the guest would never come to run. */
	begin(PERIODIC);
	guest_put(vp, APIC_DIVIDE, 0xb);
	put_at(2000000, APIC_INITIAL_COUNT, 1);
	REQUIRE_EQ(vector_at(3000000), VECTOR);
	REQUIRE(vp->virt->deadline >= 3000000 + TSC_HZ / 10000);
	guest_put(vp, APIC_INITIAL_COUNT, 0);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
}

static void divider_changes_on_the_way(void)
{
	begin(0);
	guest_put(vp, APIC_DIVIDE, 0xb);
	put_at(2000000, APIC_INITIAL_COUNT, 1000);
	put_at(2000000 + 400 * PER_COUNT, APIC_DIVIDE, 0x1);
	REQUIRE_EQ(get_at(2000000 + 400 * PER_COUNT, APIC_CURRENT_COUNT), 600);
	REQUIRE_EQ(vp->virt->deadline, 2000000 + 400 * PER_COUNT + 2400 * PER_COUNT);
}

static void deadline_is_of_the_guests_tsc(void)
{
	uint64_t value, offset;

	begin(DEADLINE);
	offset = virt_get(vp->virt, VIRT_TSC_OFFSET);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 5000000 + offset));
	REQUIRE_EQ(vp->virt->deadline, 5000000);
	REQUIRE(apic_read_msr(vp, MSR_TSC_DEADLINE, &value));
	REQUIRE_EQ(value, 5000000 + offset);
	REQUIRE_EQ(guest_get(vp, APIC_CURRENT_COUNT), 0);
	guest_put(vp, APIC_INITIAL_COUNT, 77);
	REQUIRE_EQ(vp->virt->deadline, 5000000);
	REQUIRE_EQ(vector_at(4999999), -1);
	REQUIRE_EQ(vector_at(5000000), VECTOR);
	REQUIRE(apic_read_msr(vp, MSR_TSC_DEADLINE, &value));
	REQUIRE_EQ(value, 0);
	/* What has passed fires at once; zero disarms. */
	set_clock(6000000);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 5999999 + offset));
	REQUIRE(vp->apic.is_due);
	REQUIRE_EQ(vector_at(6000001), VECTOR);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 9000000 + offset));
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 0));
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	virt_set(vp->virt, VIRT_TSC_OFFSET, 0);
	set_clock(6000000);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, ~0ull));
	REQUIRE(vp->virt->deadline > 1ull << 63 && vp->virt->deadline != APIC_NEVER);
	/* Another mode disarms, and takes no deadline. */
	guest_put(vp, APIC_LVT_TIMER, VECTOR);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 9000000));
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	REQUIRE(apic_read_msr(vp, MSR_TSC_DEADLINE, &value));
	REQUIRE_EQ(value, 0);
	guest_put(vp, APIC_INITIAL_COUNT, 1000);
	REQUIRE(vp->virt->deadline != APIC_NEVER);
	guest_put(vp, APIC_LVT_TIMER, PERIODIC | VECTOR);
	REQUIRE(vp->virt->deadline != APIC_NEVER);
	guest_put(vp, APIC_LVT_TIMER, DEADLINE | VECTOR);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
}

static void time_that_stands_still_delays(void)
{
	uint64_t before, offset;

	begin(0);
	guest_put(vp, APIC_DIVIDE, 0xb);
	put_at(2000000, APIC_INITIAL_COUNT, 100000);
	set_clock(2100000);
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, apics), S_OK);
	before = get_at(2100000, APIC_CURRENT_COUNT);
	REQUIRE_EQ(get_at(90000000, APIC_CURRENT_COUNT), before);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, apics), S_OK);
	REQUIRE(get_at(90002000, APIC_CURRENT_COUNT) >= before - 1000);
	REQUIRE(vp->virt->deadline > 90000000);

	begin(DEADLINE);
	offset = virt_get(vp->virt, VIRT_TSC_OFFSET);
	REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, 5000000 + offset));
	set_clock(2000000);
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, apics), S_OK);
	set_clock(12000000);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, apics), S_OK);
	REQUIRE_EQ(vp->virt->deadline + virt_get(vp->virt, VIRT_TSC_OFFSET), 5000000 + offset);
	REQUIRE_EQ(vp->virt->deadline, 15000000);
}

/* Deadlines of the far future stay there, however long the time stands still. */
static void no_sum_of_times_wraps(void)
{
	static const uint64_t deadlines[] = { ~0ull, ~0ull - 1, ~0ull - 1000000, 1ull << 63 };
	static const uint64_t whiles[] = { 1, 999999, 1ull << 40, 1ull << 62 };

	for (size_t i = 0; i < 16; i++) {
		begin(DEADLINE);
		virt_set(vp->virt, VIRT_TSC_OFFSET, 0);
		REQUIRE(apic_write_msr(vp, MSR_TSC_DEADLINE, deadlines[i / 4]));
		REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, apics), S_OK);
		set_clock(2000000 + whiles[i % 4]);
		REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, apics), S_OK);
		REQUIRE(vp->virt->deadline > 1ull << 62 && vp->virt->deadline != APIC_NEVER);
		REQUIRE_EQ(vector_at(clock_now + 2000), -1);
		/* And again, from the end. */
		REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, apics), S_OK);
		set_clock(clock_now + whiles[i % 4]);
		REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, apics), S_OK);
		REQUIRE_EQ(vector_at(clock_now + 2000), -1);
		REQUIRE(vp->virt->deadline != APIC_NEVER);
	}
}

static void reset_stops_it(void)
{
	begin(PERIODIC);
	put_at(2000000, APIC_INITIAL_COUNT, 100000);
	vp_reset(vp, true);
	REQUIRE_EQ(vp->virt->deadline, APIC_NEVER);
	REQUIRE_EQ(guest_get(vp, APIC_CURRENT_COUNT), 0);
	REQUIRE_EQ(vector_at(1ull << 40), -1);
	delete_all(apics);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(one_shot_counts_down_once),
		TEST(zero_stops_and_masked_is_silent),
		TEST(longest_count_does_not_overflow),
		TEST(periods_neither_drift_nor_pile_up),
		TEST(divider_changes_on_the_way),
		TEST(deadline_is_of_the_guests_tsc),
		TEST(time_that_stands_still_delays),
		TEST(no_sum_of_times_wraps),
		TEST(reset_stops_it),
	};

	return RUN(tests);
}
