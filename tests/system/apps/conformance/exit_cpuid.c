// SPDX-License-Identifier: MIT
/* X64Cpuid exits, and the lists that say which leaves exit and what the others answer. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "tests/system/apps/conformance/inquiry.h"

#define RESULT_LEAF 0x80000002u /* a part of the processor's name */
#define MADE_UP	    0x40000077u /* no processor has it */

static struct child child;

static HRESULT set_list(WHV_PARTITION_HANDLE partition, WHV_PARTITION_PROPERTY_CODE code,
			const void *list, size_t n_bytes)
{
	return WHvSetPartitionProperty(partition, code, list, (UINT32)n_bytes);
}

static HRESULT turn(WHV_PARTITION_HANDLE partition, bool is_on)
{
	const WHV_EXTENDED_VM_EXITS exits = { .X64CpuidExit = is_on };

	return set_list(partition, WHvPartitionPropertyCodeExtendedVmExits, &exits, 8);
}

static HRESULT exits_of_three_leaves(WHV_PARTITION_HANDLE partition)
{
	static const uint32_t leaves[] = { 1, MADE_UP, 0x80000001u };
	const HRESULT hr = turn(partition, true);

	return FAILED(hr) ? hr
			  : set_list(partition, WHvPartitionPropertyCodeCpuidExitList, leaves,
				     sizeof(leaves));
}

static HRESULT exits_of_all_leaves(WHV_PARTITION_HANDLE partition)
{
	return turn(partition, true);
}

static bool exits(uint32_t leaf)
{
	const struct inquiry_op op = { .kind = INQUIRY_CPUID, .number = leaf };

	inquiry_load(&child, &op, 1);
	return child_run(&child) == WHvRunVpExitReasonX64Cpuid &&
	       (uint32_t)child.exit.CpuidAccess.Rax == leaf;
}

static void cpuid_exits_for_the_leaves_of_the_list(void)
{
	CHECK_EQ(inquiry_create(&child, exits_of_three_leaves), S_OK);
	CHECK(exits(1));
	CHECK(exits(MADE_UP));
	CHECK(exits(0x80000001));
	CHECK(!exits(0));
	CHECK(!exits(2));
	CHECK(!exits(0x80000000));
	CHECK(!exits(0x40000000));
	child_destroy(&child);
}

static void cpuid_exits_for_every_leaf_without_a_list(void)
{
	CHECK_EQ(inquiry_create(&child, exits_of_all_leaves), S_OK);
	CHECK(exits(0));
	CHECK(exits(7));
	CHECK(exits(0x40000000));
	CHECK(exits(0x80000000));
	CHECK(exits(0xffffffff));
	child_destroy(&child);
}

static void cpuid_exit_list_changes_while_the_processor_stands(void)
{
	static const uint32_t first[] = { 1 }, second[] = { 7 };

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK(!exits(1));
	CHECK_EQ(turn(child.partition, true), S_OK);
	CHECK_EQ(set_list(child.partition, WHvPartitionPropertyCodeCpuidExitList, first, 4), S_OK);
	CHECK(exits(1));
	CHECK(!exits(7));
	CHECK_EQ(set_list(child.partition, WHvPartitionPropertyCodeCpuidExitList, second, 4), S_OK);
	CHECK(!exits(1));
	CHECK(exits(7));
	CHECK_EQ(turn(child.partition, false), S_OK);
	CHECK(!exits(7));
	child_destroy(&child);
}

/* A client that answers with the record's defaults is not noticed. */
static void cpuid_defaults_are_what_the_guest_would_get(void)
{
	static const uint32_t leaves[] = { 0,	       1,	   2,
					   4,	       6,	   7,
					   0xb,	       0xd,	   0x15,
					   0x40000000, 0x40000010, 0x80000000,
					   0x80000001, 0x80000008, 0x80000008 + 1,
					   0xffffffff };

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]) && !check_has_failed(); i++) {
		for (uint32_t sub = 0; sub < 3; sub++) {
			const WHV_X64_CPUID_ACCESS_CONTEXT *const c = &child.exit.CpuidAccess;
			struct inquiry_op op = { .kind = INQUIRY_CPUID,
						 .number = leaves[i],
						 .sub = sub };

			inquiry_load(&child, &op, 1);
			CHECK(inquiry_run(&child, &op, 1));
			CHECK_EQ(turn(child.partition, true), S_OK);
			inquiry_load(&child, &op, 1);
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Cpuid);
			CHECK_EQ(turn(child.partition, false), S_OK);
			CHECK_EQ(c->Rcx, sub);
			CHECK_EQ(c->DefaultResultRax, op.result.words[0]);
			CHECK_EQ(c->DefaultResultRbx, op.result.words[1]);
			CHECK_EQ(c->DefaultResultRcx, op.result.words[2]);
			CHECK_EQ(c->DefaultResultRdx, op.result.words[3]);
		}
	}
	child_destroy(&child);
}

/* ---- Results ----------------------------------------------------------------------------- */

static HRESULT fixed_results(WHV_PARTITION_HANDLE partition)
{
	static const WHV_X64_CPUID_RESULT results[] = {
		{ .Function = RESULT_LEAF, .Eax = 1, .Ebx = 2, .Ecx = 3, .Edx = 4 },
		{ .Function = MADE_UP, .Eax = 0x11, .Ebx = 0x22, .Ecx = 0x33, .Edx = 0x44 },
	};

	return set_list(partition, WHvPartitionPropertyCodeCpuidResultList, results,
			sizeof(results));
}

static HRESULT fixed_results_and_exits(WHV_PARTITION_HANDLE partition)
{
	const HRESULT hr = turn(partition, true);

	return FAILED(hr) ? hr : fixed_results(partition);
}

static void expect_answer(uint32_t leaf, uint32_t sub, uint32_t a, uint32_t b, uint32_t c,
			  uint32_t d)
{
	struct inquiry_op op = { .kind = INQUIRY_CPUID, .number = leaf, .sub = sub };
	WHV_CPUID_OUTPUT output = { .Eax = ~a };

	inquiry_load(&child, &op, 1);
	CHECK(inquiry_run(&child, &op, 1));
	CHECK_EQ(op.result.words[0], a);
	CHECK_EQ(op.result.words[1], b);
	CHECK_EQ(op.result.words[2], c);
	CHECK_EQ(op.result.words[3], d);
	CHECK_EQ(WHvGetVirtualProcessorCpuidOutput(child.partition, 0, leaf, sub, &output), S_OK);
	CHECK_EQ(output.Eax, a);
	CHECK_EQ(output.Ebx, b);
	CHECK_EQ(output.Ecx, c);
	CHECK_EQ(output.Edx, d);
}

static void cpuid_results_of_the_list_reach_the_guest(void)
{
	CHECK_EQ(inquiry_create(&child, fixed_results), S_OK);
	expect_answer(RESULT_LEAF, 0, 1, 2, 3, 4);
	expect_answer(RESULT_LEAF, 9, 1, 2, 3, 4);
	expect_answer(MADE_UP, 0, 0x11, 0x22, 0x33, 0x44);
	child_destroy(&child);
}

static void cpuid_results_of_the_list_are_the_defaults_of_exits(void)
{
	CHECK_EQ(inquiry_create(&child, fixed_results_and_exits), S_OK);
	CHECK(exits(MADE_UP));
	CHECK_EQ(child.exit.CpuidAccess.DefaultResultRax, 0x11);
	CHECK_EQ(child.exit.CpuidAccess.DefaultResultRbx, 0x22);
	CHECK_EQ(child.exit.CpuidAccess.DefaultResultRcx, 0x33);
	CHECK_EQ(child.exit.CpuidAccess.DefaultResultRdx, 0x44);
	child_destroy(&child);
}

static HRESULT masked_results(WHV_PARTITION_HANDLE partition)
{
	static const WHV_X64_CPUID_RESULT2 results[] = {
		/* The lower bytes alone, of every subleaf and VP. */
		{ .Function = RESULT_LEAF,
		  .Output = { 0x77777777, 0x66666666, 0x55555555, 0x44444444 },
		  .Mask = { 0xff, 0, 0xffff, 0 } },
		{ .Function = MADE_UP,
		  .Index = 2,
		  .Flags = WHvX64CpuidResult2FlagSubleafSpecific,
		  .Output = { 5, 6, 7, 8 },
		  .Mask = { ~0u, ~0u, ~0u, ~0u } },
		{ .Function = MADE_UP + 1,
		  .VpIndex = 0,
		  .Flags = WHvX64CpuidResult2FlagVpSpecific,
		  .Output = { 9, 0, 0, 0 },
		  .Mask = { ~0u, ~0u, ~0u, ~0u } },
		{ .Function = MADE_UP + 2,
		  .VpIndex = 1,
		  .Flags = WHvX64CpuidResult2FlagVpSpecific,
		  .Output = { 10, 0, 0, 0 },
		  .Mask = { ~0u, ~0u, ~0u, ~0u } },
	};

	return set_list(partition, WHvPartitionPropertyCodeCpuidResultList2, results,
			sizeof(results));
}

static void cpuid_results_with_masks_subleaves_and_processors(void)
{
	struct inquiry_op before;

	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	before = inquiry_one(&child, INQUIRY_CPUID, RESULT_LEAF, 0);
	child_destroy(&child);
	CHECK_EQ(inquiry_create(&child, masked_results), S_OK);
	expect_answer(RESULT_LEAF, 0, (before.result.words[0] & ~0xffu) | 0x77,
		      before.result.words[1], (before.result.words[2] & ~0xffffu) | 0x5555,
		      before.result.words[3]);
	expect_answer(MADE_UP, 2, 5, 6, 7, 8);
	expect_answer(MADE_UP, 1, 0, 0, 0, 0);
	expect_answer(MADE_UP + 1, 0, 9, 0, 0, 0);
	expect_answer(MADE_UP + 2, 0, 0, 0, 0, 0);
	child_destroy(&child);
}

void exit_cpuid_checks(void)
{
	static const struct test tests[] = {
		TEST(cpuid_exits_for_the_leaves_of_the_list),
		TEST(cpuid_exits_for_every_leaf_without_a_list),
		TEST(cpuid_exit_list_changes_while_the_processor_stands),
		TEST(cpuid_defaults_are_what_the_guest_would_get),
		TEST(cpuid_results_of_the_list_reach_the_guest),
		TEST(cpuid_results_of_the_list_are_the_defaults_of_exits),
		TEST(cpuid_results_with_masks_subleaves_and_processors),
	};

	RUN(tests);
}
