/* SPDX-License-Identifier: MIT */
/* hv/cpu/time.c: partitions whose time stands still, jumps, and never goes back by itself. virt_tsc() of the fake adds 1000. */
#include "hv/cpu/time.h"
#include "hv/cpu/msr.h"
#include "hv/root/root_msr.h"
#include "tests/unit/machine.h"
#include "x86/msr.h"

static uint64_t handle;
static struct partition *partition;

static void time_machine(void)
{
	machine(256 * MIB);
	handle = set_up(32, 3);
	partition = partition_of(handle);
	for (uint64_t i = 0; i < 2; i++)
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, test_pages(1)), S_OK);
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
	REQUIRE(tsc_of(0) < 10000);
	REQUIRE_EQ(tsc_of(0), tsc_of(1));
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(tsc_of(2), tsc_of(0));
	delete_all(handle);
	check_clean();
}

static void suspended_time_leaves_no_gap(void)
{
	uint64_t before, reference;

	time_machine();
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	before = tsc_of(0);
	reference = time_reference(partition);
	fake.tsc += 123456789;
	REQUIRE_EQ(tsc_of(0), before);
	REQUIRE_EQ(time_tsc(vp_of(handle, 1)), before);
	REQUIRE_EQ(time_reference(partition), reference);
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK); /* once more is nothing more */
	REQUIRE_EQ(tsc_of(0), before);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(tsc_of(2), before);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	for (uint32_t i = 0; i < 3; i++) {
		REQUIRE(tsc_of(i) >= before);
		REQUIRE(tsc_of(i) - before <= 2000);
	}
	REQUIRE(time_reference(partition) - reference <=
		15); /* 2 GHz, and three looks at the clock */
	before = tsc_of(0);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK); /* nothing to resume */
	REQUIRE_EQ(tsc_of(0), before);
	fake.tsc += 1000;
	REQUIRE_EQ(tsc_of(0), before + 1000);
	delete_all(handle);
	check_clean();
}

static void a_vp_made_after_a_pause_has_the_time_of_the_others(void)
{
	time_machine();
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	fake.tsc += 777777;
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(tsc_of(2), tsc_of(0));
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
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	left = vp->apic.deadline - partition->time_stopped;
	fake.tsc += 1000000;
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	REQUIRE_EQ(vp->apic.deadline - fake.tsc, left);
	REQUIRE_EQ(vp_of(handle, 1)->apic.deadline, APIC_NEVER);
	delete_all(handle);
	check_clean();
}

static void one_call_sets_every_tsc(void)
{
	time_machine();
	REQUIRE_EQ(CALL(WHIT_CALL_SET_TSC, handle, 1ull << 40), S_OK);
	REQUIRE_EQ(tsc_of(0), 1ull << 40);
	REQUIRE_EQ(tsc_of(1), 1ull << 40);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(tsc_of(2), tsc_of(0)); /* and one that comes later */
	/* While the time stands still it is what they go on from. */
	REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
	fake.tsc += 777777;
	REQUIRE_EQ(CALL(WHIT_CALL_SET_TSC, handle, 42), S_OK);
	fake.tsc += 777777;
	REQUIRE_EQ(tsc_of(1), 42);
	REQUIRE_EQ(CALL(WHIT_CALL_RESUME_TIME, handle), S_OK);
	REQUIRE(tsc_of(1) - 42 <= 2000);
	REQUIRE_EQ(tsc_of(1), tsc_of(2));
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
	REQUIRE_EQ(vp->tsc_adjust, 5000);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset + 5000);
	time_write_adjust(vp, 0 - 100ull);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset - 100);
	time_write_tsc(vp, tsc_of(0) + 1000 + 700); /* the clock moves by 1000 in the call */
	REQUIRE_EQ(vp->tsc_adjust, 600);
	REQUIRE_EQ(virt_get(vp->virt, VIRT_TSC_OFFSET), offset + 600);
	/* The client's own setting is not the guest's. */
	time_put_tsc(vp, 0);
	REQUIRE_EQ(vp->tsc_adjust, 600);
	REQUIRE_EQ(tsc_of(0), 0);
	delete_all(handle);
	check_clean();
}

static void reference_time_is_in_100_ns(void)
{
	struct partition_locked held;

	time_machine();
	fake.tsc = partition->time_start + 2000000000ull - 1000; /* 2 GHz */
	REQUIRE_EQ(time_reference(partition), 10000000);
	held = partition_lock(partition);
	time_set_reference(held, 5);
	partition_unlock(held);
	fake.tsc += 4000000000ull - 1000;
	REQUIRE_EQ(time_reference(partition), 5 + 20000000);
	/* No rate and no time is too large. */
	REQUIRE_EQ(time_units(~0ull) / 10000000, ~0ull / 2000000000);
	hv.tsc_hz = 0;
	REQUIRE_EQ(time_units(1000000000), 10000000);
	delete_all(handle);
	check_clean();
}

/* ---- The root's own TSC ------------------------------------------------------------------ */

/* What RDTSC and RDMSR give in the root, without the clock moving. */
static uint64_t root_tsc(void)
{
	return fake.tsc + virt_get(test_root.virt, VIRT_TSC_OFFSET);
}

static void root_writes(uint32_t msr, uint64_t value)
{
	REQUIRE_EQ(msr_write_root(&test_root, msr, value), MSR_DONE);
}

static uint64_t root_reads(uint32_t msr)
{
	uint64_t value = 0xbad;

	REQUIRE(msr_read_root(&test_root, msr, &value));
	return value;
}

static void root_msrs(void)
{
	fake_set_msr(MSR_TSC, 0);
	fake_set_msr(MSR_TSC_ADJUST, 0x700);
	fake_set_msr(MSR_TSC_DEADLINE, 0);
}

/* Far forth, far back, by both MSRs, at the end of time: the root's TSC follows, and nobody else's time moves. */
static void the_roots_writes_of_its_tsc_move_no_child(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} writes[] = {
		{ MSR_TSC, 0 },
		{ MSR_TSC, 1ull << 62 },
		{ MSR_TSC, ~0ull - 100000 },
		{ MSR_TSC_ADJUST, 0 },
		{ MSR_TSC_ADJUST, 1ull << 40 },
		{ MSR_TSC, 1000 },
		{ MSR_TSC_ADJUST, ~0ull },
		{ MSR_TSC_ADJUST, 1ull << 63 },
	};

	time_machine();
	root_msrs();
	vp_of(handle, 1)->apic.deadline = fake.tsc + 5000000;
	for (unsigned int is_stopped = 0; is_stopped < 2; is_stopped++) {
		if (is_stopped)
			REQUIRE_EQ(CALL(WHIT_CALL_SUSPEND_TIME, handle), S_OK);
		for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
			const uint64_t tsc = tsc_of(0), reference = time_reference(partition),
				       left = vp_of(handle, 1)->apic.deadline - fake.tsc,
				       root = root_tsc(), adjust = root_reads(MSR_TSC_ADJUST);

			root_writes(writes[i].msr, writes[i].value);
			REQUIRE(tsc_of(0) - tsc <= 20000);
			REQUIRE_EQ(tsc_of(1), tsc_of(0));
			REQUIRE(time_reference(partition) - reference <= 200);
			REQUIRE(left - (vp_of(handle, 1)->apic.deadline - fake.tsc) <= 20000);
			/* SDM 3B "IA32_TSC_ADJUST Register": the two move together. */
			if (writes[i].msr == MSR_TSC)
				REQUIRE(root_tsc() - writes[i].value <= 10000);
			else
				REQUIRE_EQ(root_reads(MSR_TSC_ADJUST), writes[i].value);
			REQUIRE(root_tsc() - root - (root_reads(MSR_TSC_ADJUST) - adjust) <= 20000);
		}
	}
	REQUIRE_EQ(fake.msr[1].value, 0x700); /* the machine's own */
	delete_all(handle);
}

/* Linux and firmware set it to zero at their start: then as without Whit, and nothing exits afterwards. */
static void without_a_partition_the_tsc_is_the_machines(void)
{
	uint64_t before;

	machine(256 * MIB);
	root_msrs();
	before = fake.tsc;
	root_writes(MSR_TSC_ADJUST, 0);
	REQUIRE_EQ(root_reads(MSR_TSC_ADJUST), 0);
	REQUIRE_EQ(fake.msr[1].value, 0);
	REQUIRE_EQ(fake.tsc, before - 0x700);
	REQUIRE_EQ(virt_get(test_root.virt, VIRT_TSC_OFFSET), 0);
	root_writes(MSR_TSC, 1ull << 50);
	REQUIRE(root_tsc() - (1ull << 50) <= 10000);
	REQUIRE_EQ(virt_get(test_root.virt, VIRT_TSC_OFFSET), 0);
	/* A processor without either says so. */
	fake.n_msrs = 0;
	REQUIRE_EQ(msr_write_root(&test_root, MSR_TSC_ADJUST, 0), MSR_FAULT);
}

/* The APIC compares with the machine's TSC, the root sets and reads the deadline by its own. */
static void the_roots_timer_keeps_its_moment(void)
{
	time_machine();
	root_msrs();
	root_writes(MSR_TSC, 1ull << 50);
	root_writes(MSR_TSC_DEADLINE, root_tsc() + 70000);
	REQUIRE_EQ(root_reads(MSR_TSC_DEADLINE),
		   root_tsc() + 70000 - 1000); /* one look at the clock */
	REQUIRE_EQ(fake.msr[2].value, fake.tsc + 70000 - 1000);
	/* A jump across it, and one back: it stays where it was by the root's TSC. */
	root_writes(MSR_TSC, (1ull << 50) - 1000000);
	REQUIRE(root_reads(MSR_TSC_DEADLINE) - (1ull << 50) <= 80000);
	REQUIRE(fake.msr[2].value - fake.tsc > 1000000);
	root_writes(MSR_TSC, 1ull << 51);
	REQUIRE_EQ(fake.msr[2].value, 1); /* at once */
	root_writes(MSR_TSC_DEADLINE, 5); /* past, though before the machine's own beginning */
	REQUIRE_EQ(fake.msr[2].value, 1);
	root_writes(MSR_TSC_DEADLINE, 0); /* off */
	REQUIRE_EQ(fake.msr[2].value, 0);
	REQUIRE_EQ(root_reads(MSR_TSC_DEADLINE), 0);
	root_writes(MSR_TSC, 0);
	REQUIRE_EQ(fake.msr[2].value, 0);
	root_writes(MSR_TSC_DEADLINE, ~0ull - 5); /* the machine's TSC never comes to it */
	REQUIRE_EQ(fake.msr[2].value, ~0ull);
	delete_all(handle);
}

static void time_needs_a_set_up(void)
{
	static const uint32_t calls[] = { WHIT_CALL_SUSPEND_TIME, WHIT_CALL_RESUME_TIME,
					  WHIT_CALL_SET_TSC, WHIT_CALL_RESET_PARTITION };

	machine(256 * MIB);
	handle = created(16);
	for (size_t i = 0; i < 4; i++) {
		REQUIRE_EQ(CALL(calls[i], handle, 1), WHIT_E_INVALID_STATE);
		REQUIRE_EQ(CALL(calls[i], handle + 1, 1), E_INVALIDARG);
	}
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(time_begins_with_the_set_up),
		TEST(suspended_time_leaves_no_gap),
		TEST(a_vp_made_after_a_pause_has_the_time_of_the_others),
		TEST(timers_of_the_apics_move_along),
		TEST(one_call_sets_every_tsc),
		TEST(tsc_adjust_follows_the_guest),
		TEST(reference_time_is_in_100_ns),
		TEST(the_roots_writes_of_its_tsc_move_no_child),
		TEST(without_a_partition_the_tsc_is_the_machines),
		TEST(the_roots_timer_keeps_its_moment),
		TEST(time_needs_a_set_up),
	};

	return RUN(tests);
}
