// SPDX-License-Identifier: MIT
/* WHvCreatePartition, WHvSetupPartition, WHvDeletePartition, and what they leave behind. */
#include "tests/system/apps/conformance/check.h"

#include "root/lib/partition.h"
#include "tests/system/apps/conformance/child.h"

DECLARE_GUEST(halt);

#define MANY 1000u

static void set_count(WHV_PARTITION_HANDLE partition, UINT32 count)
{
	EXPECT_HR(WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, &count,
					  sizeof(count)),
		  S_OK);
}

static void partition_is_created_set_up_and_deleted(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	EXPECT(partition != NULL);
	set_count(partition, 1);
	EXPECT_HR(WHvSetupPartition(partition), S_OK);
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
}

static void partition_null_pointer_is_refused(void)
{
	EXPECT_HR(WHvCreatePartition(NULL), E_POINTER);
}

static void partition_setup_needs_a_processor_count(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	EXPECT_HR(WHvSetupPartition(partition), WHV_E_INVALID_PARTITION_CONFIG);
	/* Nothing has changed: it can still be done right. */
	set_count(partition, 1);
	EXPECT_HR(WHvSetupPartition(partition), S_OK);
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
}

static void partition_setup_is_done_once(void)
{
	struct child child;

	EXPECT_HR(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	EXPECT_FAILED(WHvSetupPartition(child.partition));
	EXPECT_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void partition_can_be_deleted_before_its_setup(void)
{
	WHV_PARTITION_HANDLE partition = NULL;

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
}

static void partition_has_nothing_before_its_setup(void)
{
	WHV_PARTITION_HANDLE partition = NULL;
	void *page = test_pages(1);

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	set_count(partition, 1);
	EXPECT_FAILED(WHvMapGpaRange(partition, page, 0, 4096, WHvMapGpaRangeFlagRead));
	EXPECT_FAILED(WHvUnmapGpaRange(partition, 0, 4096));
	EXPECT_FAILED(WHvCreateVirtualProcessor(partition, 0, 0));
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
}

static void check_bad_handle(WHV_PARTITION_HANDLE bad)
{
	WHV_REGISTER_NAME name = WHvX64RegisterRax;
	WHV_TRANSLATE_GVA_RESULT translated;
	WHV_RUN_VP_EXIT_CONTEXT exit;
	WHV_REGISTER_VALUE value;
	uint64_t word = 1;

	EXPECT_HR(WHvSetupPartition(bad), E_INVALIDARG);
	EXPECT_HR(WHvDeletePartition(bad), E_INVALIDARG);
	EXPECT_HR(WHvGetPartitionProperty(bad, WHvPartitionPropertyCodeProcessorCount, &word, 8,
					  NULL),
		  E_INVALIDARG);
	EXPECT_HR(WHvSetPartitionProperty(bad, WHvPartitionPropertyCodeProcessorCount, &word, 8),
		  E_INVALIDARG);
	EXPECT_HR(WHvMapGpaRange(bad, &exit, 0, 4096, WHvMapGpaRangeFlagRead), E_INVALIDARG);
	EXPECT_HR(WHvUnmapGpaRange(bad, 0, 4096), E_INVALIDARG);
	EXPECT_HR(WHvTranslateGva(bad, 0, 0, 0, &translated, &word), E_INVALIDARG);
	EXPECT_HR(WHvCreateVirtualProcessor(bad, 0, 0), E_INVALIDARG);
	EXPECT_HR(WHvDeleteVirtualProcessor(bad, 0), E_INVALIDARG);
	EXPECT_HR(WHvRunVirtualProcessor(bad, 0, &exit, sizeof(exit)), E_INVALIDARG);
	EXPECT_HR(WHvCancelRunVirtualProcessor(bad, 0, 0), E_INVALIDARG);
	EXPECT_HR(WHvGetVirtualProcessorRegisters(bad, 0, &name, 1, &value), E_INVALIDARG);
	EXPECT_HR(WHvSetVirtualProcessorRegisters(bad, 0, &name, 1, &value), E_INVALIDARG);
}

static void partition_bad_handles_are_refused(void)
{
	WHV_PARTITION_HANDLE gone = NULL;
	uint8_t *page = test_pages(1);

	check_bad_handle(NULL);
	check_bad_handle(page);
	check_bad_handle(page + 8);
	EXPECT_HR(WHvCreatePartition(&gone), S_OK);
	EXPECT_HR(WHvDeletePartition(gone), S_OK);
	check_bad_handle(gone);
}

/* The hypervisor's own handles, without the library before them. */
static void partition_invented_numbers_are_refused(void)
{
	struct hypercall_result result;
	WHV_PARTITION_HANDLE partition = NULL;
	uint64_t number;

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	if (check_has_failed())
		return;
	number = ((struct whp_partition *)partition)->call.handle;
	for (unsigned int i = 0; i < 64; i++)
		EXPECT_HR(hypercall5(WHIT_CALL_SETUP_PARTITION, number ^ 1ull << i, 0, 0, 0, 0,
				     &result),
			  E_INVALIDARG);
	EXPECT_HR(hypercall5(WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, 0, &result), E_INVALIDARG);
	EXPECT_HR(hypercall5(WHIT_CALL_SETUP_PARTITION, ~0ull, 0, 0, 0, 0, &result), E_INVALIDARG);
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
	EXPECT_HR(hypercall5(WHIT_CALL_DELETE_PARTITION, number, 0, 0, 0, 0, &result),
		  E_INVALIDARG);
}

static void partition_lent_memory_vanishes_and_comes_back_zeroed(void)
{
	WHV_PARTITION_HANDLE partition = NULL;
	volatile uint64_t *lent;

	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
	if (check_has_failed())
		return;
	lent = ((struct whp_partition *)partition)->call.runs[0].pages;
	EXPECT_EQ(lent[0], ~0ull);
	EXPECT_EQ(lent[511], ~0ull);
	lent[3] = 0x1234;
	EXPECT_EQ(lent[3], 0x1234); /* in a sink, and nowhere else */
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
	for (unsigned int i = 0; i < 512; i++)
		EXPECT_EQ(lent[i], 0);
}

static void partition_thousand_lives_leave_nothing(void)
{
	struct whit_stats before, after;
	struct child child;

	EXPECT_HR(WhitGetStats(&before), S_OK);
	for (unsigned int i = 0; i < MANY && !check_has_failed(); i++) {
		EXPECT_HR(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
		if (i % 4 == 0)
			EXPECT_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		if (i % 3 == 0)
			EXPECT_HR(WHvDeleteVirtualProcessor(child.partition, 0), S_OK);
		child_destroy(&child);
	}
	EXPECT_HR(WhitGetStats(&after), S_OK);
	EXPECT_EQ(before.partitions, 0);
	EXPECT_EQ(after.partitions, 0);
	EXPECT_EQ(before.lent_pages, 0);
	EXPECT_EQ(after.lent_pages, 0);
}

#define AT_ONCE 40u

static void partition_many_live_at_once(void)
{
	static WHV_PARTITION_HANDLE all[AT_ONCE];
	struct whit_stats stats;

	for (unsigned int i = 0; i < AT_ONCE; i++) {
		EXPECT_HR(WHvCreatePartition(&all[i]), S_OK);
		set_count(all[i], 2);
		EXPECT_HR(WHvSetupPartition(all[i]), S_OK);
		EXPECT_HR(WHvCreateVirtualProcessor(all[i], 1, 0), S_OK);
	}
	EXPECT_HR(WhitGetStats(&stats), S_OK);
	EXPECT_EQ(stats.partitions, AT_ONCE);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		EXPECT_HR(WHvDeletePartition(all[i * 7 % AT_ONCE]), S_OK);
	EXPECT_HR(WhitGetStats(&stats), S_OK);
	EXPECT_EQ(stats.partitions, 0);
	EXPECT_EQ(stats.lent_pages, 0);
}

void partition_checks(void)
{
	RUN(partition_is_created_set_up_and_deleted);
	RUN(partition_null_pointer_is_refused);
	RUN(partition_setup_needs_a_processor_count);
	RUN(partition_setup_is_done_once);
	RUN(partition_can_be_deleted_before_its_setup);
	RUN(partition_has_nothing_before_its_setup);
	RUN(partition_bad_handles_are_refused);
	RUN(partition_invented_numbers_are_refused);
	RUN(partition_lent_memory_vanishes_and_comes_back_zeroed);
	RUN(partition_thousand_lives_leave_nothing);
	RUN(partition_many_live_at_once);
}
