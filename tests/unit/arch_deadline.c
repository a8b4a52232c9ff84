// SPDX-License-Identifier: MIT
/*
 * How long the timer that bounds a child's run is set for, against a timer that counts as SDM 3C "VMX-Preemption Timer"
 * says: down by one whenever the bit of the TSC at `shift` changes.
 */

#include "arch/x86/deadline.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng;

/* The TSC at which a timer of so many ticks, started at `now`, has run out. */
static uint64_t runs_out(uint64_t now, uint32_t ticks, unsigned int shift)
{
	return ticks ? ((now >> shift) + ticks) << shift : now;
}

static void the_timer_runs_out_at_the_deadline_and_not_before(void)
{
	unsigned int n_exact = 0;

	for (int i = 0; i < 200000; i++) {
		const unsigned int shift = (unsigned int)random_below(&rng, 32);
		const uint64_t now = random_next(&rng) >> (2 + random_below(&rng, 30));
		const uint64_t deadline =
			now + (random_next(&rng) >> (30 + random_below(&rng, 30)));
		const uint32_t ticks = deadline_ticks(deadline, now, now, shift);
		const uint64_t end = runs_out(now, ticks, shift);

		CHECK(ticks <= DEADLINE_LONGEST);
		if (deadline <= now) {
			CHECK_EQ(ticks, 0);
			continue;
		}
		CHECK(ticks > 0);
		if (ticks == DEADLINE_LONGEST)
			continue; /* the deadline may be later: it is looked at again */
		CHECK(end >= deadline && end - deadline < 1ull << shift);
		n_exact++;
	}
	CHECK(n_exact > 10000);
}

static void the_root_has_its_turn(void)
{
	for (unsigned int shift = 0; shift < 32; shift++) {
		const uint64_t met = 123456789, longest = (uint64_t)DEADLINE_LONGEST << shift;

		CHECK(!deadline_is_root_due(met, met, shift));
		CHECK(!deadline_is_root_due(met, met + longest - 1, shift));
		CHECK(deadline_is_root_due(met, met + longest, shift));
		CHECK(deadline_is_root_due(met, ~0ull >> 1, shift));
		CHECK_EQ(deadline_ticks(~0ull - 1, met, met + longest, shift), 0);
		CHECK_EQ(deadline_ticks(~0ull - 1, met, met + longest - 1, shift),
			 DEADLINE_LONGEST);
	}
}

static void the_ends_of_the_range(void)
{
	CHECK_EQ(deadline_ticks(0, 0, 0, 0), 0);
	CHECK_EQ(deadline_ticks(1, 0, 0, 0), 1);
	CHECK_EQ(deadline_ticks(1, 0, 0, 5), 1);
	CHECK_EQ(deadline_ticks(32, 0, 0, 5), 1);
	CHECK_EQ(deadline_ticks(33, 0, 0, 5), 2);
	CHECK_EQ(deadline_ticks(33, 0, 31, 5), 2);
	CHECK_EQ(deadline_ticks(33, 0, 32, 5), 1);
	CHECK_EQ(deadline_ticks(DEADLINE_NEVER, 5, 5, 0), DEADLINE_LONGEST);
	CHECK_EQ(deadline_ticks(DEADLINE_NEVER, 5, 5, 31), DEADLINE_LONGEST);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_timer_runs_out_at_the_deadline_and_not_before),
		TEST(the_root_has_its_turn),
		TEST(the_ends_of_the_range),
	};

	rng.state = 9;

	return RUN(tests);
}
