/* SPDX-License-Identifier: MIT */
/* hv/time.c: partitions whose time stands still, jumps, and never goes back by itself. virt_tsc() of the fake adds 1000. */
#include "hv/time.h"
#include "tests/unit/hv_test.h"

static uint64_t handle;
static struct partition *partition;

static void time_machine(void)
{
	machine(256 * MIB);
	handle = set_up(32, 3);
	partition = partition_of(handle);
	for (uint64_t i = 0; i < 2; i++)
		CHECK_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, test_pages(1)), S_OK);
}

/* What RDTSC gives on a VP at this moment, without the clock moving. */
static uint64_t tsc_of(uint32_t vp)
{
	const uint64_t now = partition->time_stopped ? partition->time_stopped : fake.tsc;

	return now + virt_get(vp_of(handle, vp)->virt, VIRT_TSC_OFFSET);
}

static void time_begins_with_the_set_up(void)
{
	time_machine();
	CHECK(tsc_of(0) < 10000);
	CHECK_EQ(tsc_of(0), tsc_of(1));
	CHECK_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	CHECK_EQ(tsc_of(2), tsc_of(0));
	delete_all(handle);
	check_clean();
}

static void suspended_time_leaves_no_gap(void)
{
	uint64_t before, reference;

	time_machine();
	CHECK_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	before = tsc_of(0);
	reference = time_reference(partition);
	fake.tsc += 123456789;
	CHECK_EQ(tsc_of(0), before);
	CHECK_EQ(time_tsc(vp_of(handle, 1)), before);
	CHECK_EQ(time_reference(partition), reference);
	CHECK_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK); /* once more is nothing more */
	CHECK_EQ(tsc_of(0), before);
	CHECK_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	CHECK_EQ(tsc_of(2), before);
	CHECK_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK(tsc_of(i) >= before);
		CHECK(tsc_of(i) - before <= 2000);
	}
	CHECK(time_reference(partition) - reference <=
	      15); /* 2 GHz, and three looks at the clock */
	before = tsc_of(0);
	CHECK_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK); /* nothing to resume */
	CHECK_EQ(tsc_of(0), before);
	fake.tsc += 1000;
	CHECK_EQ(tsc_of(0), before + 1000);
	delete_all(handle);
	check_clean();
}

static void timers_of_the_apics_move_along(void)
{
	struct vp *vp;
	uint64_t left;

	time_machine();
	vp = vp_of(handle, 0);
	vp->apic.deadline = fake.tsc + 5000;
	vp_of(handle, 1)->apic.deadline = APIC_NEVER;
	CHECK_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	left = vp->apic.deadline - partition->time_stopped;
	fake.tsc += 1000000;
	CHECK_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	CHECK_EQ(vp->apic.deadline - fake.tsc, left);
	CHECK_EQ(vp_of(handle, 1)->apic.deadline, APIC_NEVER);
	delete_all(handle);
	check_clean();
}

static void one_call_sets_every_tsc(void)
{
	time_machine();
	CHECK_EQ(CALL(WHIT_CALL_SET_TSC, handle, 1ull << 40), S_OK);
	CHECK_EQ(tsc_of(0), 1ull << 40);
	CHECK_EQ(tsc_of(1), 1ull << 40);
	CHECK_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	CHECK_EQ(tsc_of(2), tsc_of(0)); /* and one that comes later */
	/* While the time stands still it is what they go on from. */
	CHECK_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	fake.tsc += 777777;
	CHECK_EQ(CALL(WHIT_CALL_SET_TSC, handle, 42), S_OK);
	fake.tsc += 777777;
	CHECK_EQ(tsc_of(1), 42);
	CHECK_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	CHECK(tsc_of(1) - 42 <= 2000);
	CHECK_EQ(tsc_of(1), tsc_of(2));
	delete_all(handle);
	check_clean();
}

/* SDM 3B "IA32_TSC_ADJUST Register" */
static void tsc_adjust_follows_the_guest(void)
{
	struct vp *vp;
	uint64_t offset;

	time_machine();
	vp = vp_of(handle, 0);
	offset = virt_get(vp->virt, VIRT_TSC_OFFSET);
	time_write_adjust(vp, 5000);
	CHECK_EQ(vp->tsc_adjust, 5000);
	CHECK_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset + 5000);
	time_write_adjust(vp, 0 - 100ull);
	CHECK_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset - 100);
	time_write_tsc(vp, tsc_of(0) + 1000 + 700); /* the clock moves by 1000 in the call */
	CHECK_EQ(vp->tsc_adjust, 600);
	CHECK_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset + 600);
	/* The client's own setting is not the guest's. */
	time_put_tsc(vp, 0);
	CHECK_EQ(vp->tsc_adjust, 600);
	CHECK_EQ(tsc_of(0), 0);
	delete_all(handle);
	check_clean();
}

static void reference_time_is_in_100_ns(void)
{
	time_machine();
	fake.tsc = partition->time_start + 2000000000ull - 1000; /* 2 GHz */
	CHECK_EQ(time_reference(partition), 10000000);
	time_set_reference(partition, 5);
	fake.tsc += 4000000000ull - 1000;
	CHECK_EQ(time_reference(partition), 5 + 20000000);
	/* No rate and no time is too large. */
	CHECK_EQ(time_units(~0ull) / 10000000, ~0ull / 2000000000);
	hv.tsc_hz = 0;
	CHECK_EQ(time_units(1000000000), 10000000);
	delete_all(handle);
	check_clean();
}

static void time_needs_a_set_up(void)
{
	static const uint32_t calls[] = { WHIT_CALL_SUSPEND_TIME, WHIT_CALL_RESUME_TIME,
					  WHIT_CALL_SET_TSC, WHIT_CALL_RESET_PARTITION };

	machine(256 * MIB);
	handle = created(16);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(CALL(calls[i], handle, 1), WHIT_E_INVALID_STATE);
		CHECK_EQ(CALL(calls[i], handle + 1, 1), E_INVALIDARG);
	}
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(time_begins_with_the_set_up),
		TEST(suspended_time_leaves_no_gap),
		TEST(timers_of_the_apics_move_along),
		TEST(one_call_sets_every_tsc),
		TEST(tsc_adjust_follows_the_guest),
		TEST(reference_time_is_in_100_ns),
		TEST(time_needs_a_set_up),
	};

	return RUN(tests);
}
