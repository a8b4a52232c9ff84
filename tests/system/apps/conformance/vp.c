// SPDX-License-Identifier: MIT
/* WHvCreateVirtualProcessor, WHvDeleteVirtualProcessor, and the state in which a VP begins. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "x86/cr.h"
#include "x86/dr.h"

DECLARE_GUEST(halt);

static WHV_PARTITION_HANDLE create(UINT32 n_processors)
{
	WHV_PARTITION_HANDLE partition = NULL;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK_EQ(WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount,
					 &n_processors, sizeof(n_processors)),
		 S_OK);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	return partition;
}

static void vp_is_created_once_and_deleted_once(void)
{
	WHV_PARTITION_HANDLE partition = create(2);

	CHECK_EQ(WHvDeleteVirtualProcessor(partition, 1), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 1, 0), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 1, 0), WHV_E_VP_ALREADY_EXISTS);
	CHECK_EQ(WHvDeleteVirtualProcessor(partition, 1), S_OK);
	CHECK_EQ(WHvDeleteVirtualProcessor(partition, 1), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 1, 0), S_OK);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void vp_index_and_flags_are_checked(void)
{
	WHV_PARTITION_HANDLE partition = create(2);

	CHECK_EQ(WHvCreateVirtualProcessor(partition, 2, 0), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0xffffffff, 0), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 1), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0x80000000), E_INVALIDARG);
	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void vp_that_does_not_exist_is_refused_by_all(void)
{
	static const UINT32 indices[] = { 1, 255, 256, 0xffffffff };
	WHV_REGISTER_NAME name = WHvX64RegisterRax;
	WHV_TRANSLATE_GVA_RESULT translated;
	WHV_RUN_VP_EXIT_CONTEXT exit;
	WHV_PARTITION_HANDLE partition = create(2);
	WHV_REGISTER_VALUE value;
	uint64_t gpa;

	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	for (unsigned int i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
		UINT32 vp = indices[i];

		CHECK_EQ(WHvRunVirtualProcessor(partition, vp, &exit, sizeof(exit)),
			 WHV_E_VP_DOES_NOT_EXIST);
		CHECK_EQ(WHvCancelRunVirtualProcessor(partition, vp, 0), WHV_E_VP_DOES_NOT_EXIST);
		CHECK_EQ(WHvDeleteVirtualProcessor(partition, vp), WHV_E_VP_DOES_NOT_EXIST);
		CHECK_EQ(WHvTranslateGva(partition, vp, 0, 0, &translated, &gpa),
			 WHV_E_VP_DOES_NOT_EXIST);
		CHECK_EQ(WHvGetVirtualProcessorRegisters(partition, vp, &name, 1, &value),
			 WHV_E_VP_DOES_NOT_EXIST);
		CHECK_EQ(WHvSetVirtualProcessorRegisters(partition, vp, &name, 1, &value),
			 WHV_E_VP_DOES_NOT_EXIST);
	}
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static uint64_t get(WHV_PARTITION_HANDLE partition, UINT32 name)
{
	struct child child = { .partition = partition };

	return child_get(&child, name);
}

static void vp_begins_in_the_state_after_reset(void)
{
	WHV_PARTITION_HANDLE partition = create(1);
	struct child child = { .partition = partition };
	WHV_X64_SEGMENT_REGISTER cs;

	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	CHECK_EQ(get(partition, WHvX64RegisterRip), 0xfff0);
	CHECK_EQ(get(partition, WHvX64RegisterRflags), 2);
	CHECK_EQ(get(partition, WHvX64RegisterCr0), CR0_ET | CR0_NW | CR0_CD);
	CHECK_EQ(get(partition, WHvX64RegisterCr2), 0);
	CHECK_EQ(get(partition, WHvX64RegisterCr3), 0);
	CHECK_EQ(get(partition, WHvX64RegisterCr4), 0);
	CHECK_EQ(get(partition, WHvX64RegisterCr8), 0);
	CHECK_EQ(get(partition, WHvX64RegisterEfer), 0);
	CHECK_EQ(get(partition, WHvX64RegisterDr7), DR7_INIT);
	CHECK_EQ(get(partition, WHvX64RegisterDr6), DR6_INIT);
	CHECK(get(partition, WHvX64RegisterRdx) != 0);
	for (UINT32 name = WHvX64RegisterRax; name <= WHvX64RegisterR15; name++)
		if (name != WHvX64RegisterRdx)
			CHECK_EQ(get(partition, name), 0);
	cs = child_segment(&child, WHvX64RegisterCs);
	CHECK_EQ(cs.Selector, 0xf000);
	CHECK_EQ(cs.Base, 0xf0000);
	CHECK_EQ(cs.Limit, 0xffff);
	CHECK_EQ(cs.Attributes & 0xff, 0x9b);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static void vp_runs_into_nothing_without_memory(void)
{
	WHV_PARTITION_HANDLE partition = create(1);
	WHV_RUN_VP_EXIT_CONTEXT exit;

	CHECK_EQ(WHvCreateVirtualProcessor(partition, 0, 0), S_OK);
	CHECK_EQ(WHvRunVirtualProcessor(partition, 0, &exit, sizeof(exit)), S_OK);
	CHECK_EQ(exit.ExitReason, WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessExecute);
	CHECK_EQ(exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
	CHECK_EQ(exit.MemoryAccess.Gpa, 0xffff0);
	CHECK_EQ(exit.VpContext.Rip, 0xfff0);
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

/* A VP that was deleted has left nothing behind for the next one of its index. */
static void vp_created_again_begins_anew(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(halt), 0, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, 77), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(WHvDeleteVirtualProcessor(child.partition, 0), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(get(child.partition, WHvX64RegisterRbx), 0);
	CHECK_EQ(get(child.partition, WHvX64RegisterRip), 0xfff0);
	CHECK_EQ(get(child.partition, WHvX64RegisterCr0), CR0_ET | CR0_NW | CR0_CD);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	child_destroy(&child);
}

void vp_checks(void)
{
	static const struct test tests[] = {
		TEST(vp_is_created_once_and_deleted_once),
		TEST(vp_index_and_flags_are_checked),
		TEST(vp_that_does_not_exist_is_refused_by_all),
		TEST(vp_begins_in_the_state_after_reset),
		TEST(vp_runs_into_nothing_without_memory),
		TEST(vp_created_again_begins_anew),
	};

	RUN(tests);
}
