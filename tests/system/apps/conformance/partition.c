// SPDX-License-Identifier: MIT
/* WHvCreatePartition, WHvSetupPartition, WHvDeletePartition, and what they leave behind. */
#include "tests/system/apps/conformance/check.h"

#include "root/lib/partition.h"
#include "tests/system/apps/conformance/child.h"

DECLARE_GUEST(halt);

#define MANY 1000u

static void set_count(WHV_PARTITION_HANDLE partition, UINT32 count)
{
	CHECK_EQ(WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, &count,
					 sizeof(count)),
		 S_OK);
}

static void partition_is_created_set_up_and_deleted(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK(partition != NULL);
	set_count(partition, 1);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void partition_null_pointer_is_refused(void)
{
	CHECK_EQ(WHvCreatePartition(NULL), E_POINTER);
}

static void partition_setup_needs_a_processor_count(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK_EQ(WHvSetupPartition(partition), WHV_E_INVALID_PARTITION_CONFIG);
	/* Nothing has changed: it can still be done right. */
	set_count(partition, 1);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void partition_setup_is_done_once(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	CHECK(FAILED(WHvSetupPartition(child.partition)));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void partition_can_be_deleted_before_its_setup(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void partition_has_nothing_before_its_setup(void)
{
	WHV_PARTITION_HANDLE partition = NULL;
	void *page = test_pages(1);

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	set_count(partition, 1);
	CHECK(FAILED(WHvMapGpaRange(partition, page, 0, 4096, WHvMapGpaRangeFlagRead)));
	CHECK(FAILED(WHvUnmapGpaRange(partition, 0, 4096)));
	CHECK(FAILED(WHvCreateVirtualProcessor(partition, 0, 0)));
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void check_bad_handle(WHV_PARTITION_HANDLE bad)
{
	WHV_REGISTER_NAME name = WHvX64RegisterRax;
	WHV_TRANSLATE_GVA_RESULT translated;
	WHV_RUN_VP_EXIT_CONTEXT exit;
	WHV_REGISTER_VALUE value;
	uint64_t word = 1;

	CHECK_EQ(WHvSetupPartition(bad), E_INVALIDARG);
	CHECK_EQ(WHvDeletePartition(bad), E_INVALIDARG);
	CHECK_EQ(WHvGetPartitionProperty(bad, WHvPartitionPropertyCodeProcessorCount, &word, 8,
					 NULL),
		 E_INVALIDARG);
	CHECK_EQ(WHvSetPartitionProperty(bad, WHvPartitionPropertyCodeProcessorCount, &word, 8),
		 E_INVALIDARG);
	CHECK_EQ(WHvMapGpaRange(bad, &exit, 0, 4096, WHvMapGpaRangeFlagRead), E_INVALIDARG);
	CHECK_EQ(WHvUnmapGpaRange(bad, 0, 4096), E_INVALIDARG);
	CHECK_EQ(WHvTranslateGva(bad, 0, 0, 0, &translated, &word), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor(bad, 0, 0), E_INVALIDARG);
	CHECK_EQ(WHvDeleteVirtualProcessor(bad, 0), E_INVALIDARG);
	CHECK_EQ(WHvRunVirtualProcessor(bad, 0, &exit, sizeof(exit)), E_INVALIDARG);
	CHECK_EQ(WHvCancelRunVirtualProcessor(bad, 0, 0), E_INVALIDARG);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(bad, 0, &name, 1, &value), E_INVALIDARG);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(bad, 0, &name, 1, &value), E_INVALIDARG);
}

static void partition_bad_handles_are_refused(void)
{
	WHV_PARTITION_HANDLE gone = NULL;
	uint8_t *page = test_pages(1);

	check_bad_handle(NULL);
	check_bad_handle(page);
	check_bad_handle(page + 8);
	CHECK_EQ(WHvCreatePartition(&gone), S_OK);
	CHECK_EQ(WHvDeletePartition(gone), S_OK);
	check_bad_handle(gone);
}

/* The hypervisor's own handles, without the library before them. */
static void partition_invented_numbers_are_refused(void)
{
	struct hypercall_result result;
	WHV_PARTITION_HANDLE partition = NULL;
	uint64_t number;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	if (check_has_failed())
		return;
	number = ((struct whp_partition *)partition)->call.handle;
	for (unsigned int i = 0; i < 64; i++)
		CHECK_EQ(hypercall5(WHIT_CALL_SETUP_PARTITION, number ^ 1ull << i, 0, 0, 0, 0,
				    &result),
			 E_INVALIDARG);
	CHECK_EQ(hypercall5(WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, 0, &result), E_INVALIDARG);
	CHECK_EQ(hypercall5(WHIT_CALL_SETUP_PARTITION, ~0ull, 0, 0, 0, 0, &result), E_INVALIDARG);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	CHECK_EQ(hypercall5(WHIT_CALL_DELETE_PARTITION, number, 0, 0, 0, 0, &result), E_INVALIDARG);
}

static void partition_lent_memory_vanishes_and_comes_back_zeroed(void)
{
	WHV_PARTITION_HANDLE partition = NULL;
	volatile uint64_t *lent;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	if (check_has_failed())
		return;
	lent = ((struct whp_partition *)partition)->call.runs[0].pages;
	CHECK_EQ(lent[0], ~0ull);
	CHECK_EQ(lent[511], ~0ull);
	lent[3] = 0x1234;
	CHECK_EQ(lent[3], 0x1234); /* in a sink, and nowhere else */
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	/* The first words are the library's again: it may have the pages in its reserve. */
	for (unsigned int i = 8; i < 512; i++)
		CHECK_EQ(lent[i], 0);
}

static void partition_thousand_lives_leave_nothing(void)
{
	struct whit_stats before, after;
	struct child child;

	CHECK_EQ(WhitGetStats(&before), S_OK);
	for (unsigned int i = 0; i < MANY && !check_has_failed(); i++) {
		CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
		if (i % 4 == 0)
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		if (i % 3 == 0)
			CHECK_EQ(WHvDeleteVirtualProcessor(child.partition, 0), S_OK);
		child_destroy(&child);
	}
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK_EQ(before.partitions, 0);
	CHECK_EQ(after.partitions, 0);
	CHECK_EQ(before.lent_pages, 0);
	CHECK_EQ(after.lent_pages, 0);
}

#define AT_ONCE 40u

static void partition_many_live_at_once(void)
{
	static WHV_PARTITION_HANDLE all[AT_ONCE];
	struct whit_stats stats;

	for (unsigned int i = 0; i < AT_ONCE; i++) {
		CHECK_EQ(WHvCreatePartition(&all[i]), S_OK);
		set_count(all[i], 2);
		CHECK_EQ(WHvSetupPartition(all[i]), S_OK);
		CHECK_EQ(WHvCreateVirtualProcessor(all[i], 1, 0), S_OK);
	}
	CHECK_EQ(WhitGetStats(&stats), S_OK);
	CHECK_EQ(stats.partitions, AT_ONCE);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		CHECK_EQ(WHvDeletePartition(all[i * 7 % AT_ONCE]), S_OK);
	CHECK_EQ(WhitGetStats(&stats), S_OK);
	CHECK_EQ(stats.partitions, 0);
	CHECK_EQ(stats.lent_pages, 0);
}

void partition_checks(void)
{
	static const struct test tests[] = {
		TEST(partition_is_created_set_up_and_deleted),
		TEST(partition_null_pointer_is_refused),
		TEST(partition_setup_needs_a_processor_count),
		TEST(partition_setup_is_done_once),
		TEST(partition_can_be_deleted_before_its_setup),
		TEST(partition_has_nothing_before_its_setup),
		TEST(partition_bad_handles_are_refused),
		TEST(partition_invented_numbers_are_refused),
		TEST(partition_lent_memory_vanishes_and_comes_back_zeroed),
		TEST(partition_thousand_lives_leave_nothing),
		TEST(partition_many_live_at_once),
	};

	RUN(tests);
}
