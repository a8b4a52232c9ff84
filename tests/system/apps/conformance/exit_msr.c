// SPDX-License-Identifier: MIT
/* X64MsrAccess exits, and the properties that say which accesses exit, are ignored, or fault. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "tests/system/apps/conformance/inquiry.h"
#include "x86/exc.h"
#include "x86/msr.h"

#define UNKNOWN	 0x12345u
#define UNKNOWN2 0xc0012345u

#define GP INQUIRY_FAULT(EXC_GP)

static struct child child;
static uint64_t bitmap;

static HRESULT set(WHV_PARTITION_HANDLE partition, WHV_PARTITION_PROPERTY_CODE code,
		   const void *value, size_t n_bytes)
{
	return WHvSetPartitionProperty(partition, code, value, (UINT32)n_bytes);
}

static HRESULT exits_on(WHV_PARTITION_HANDLE partition)
{
	const WHV_EXTENDED_VM_EXITS exits = { .X64MsrExit = 1 };

	return set(partition, WHvPartitionPropertyCodeExtendedVmExits, &exits, 8);
}

static HRESULT exits_of_bitmap(WHV_PARTITION_HANDLE partition)
{
	const HRESULT hr = exits_on(partition);

	return FAILED(hr) ? hr
			  : set(partition, WHvPartitionPropertyCodeX64MsrExitBitmap, &bitmap, 8);
}

/* Start an access; what comes of it. */
static uint32_t access(enum inquiry_kind kind, uint32_t msr, uint64_t value)
{
	const struct inquiry_op op = { .kind = kind, .number = msr, .value = value };

	inquiry_load(&child, &op, 1);
	return child_run(&child);
}

static bool is_msr_exit(uint32_t reason, bool is_write, uint32_t msr)
{
	return reason == WHvRunVpExitReasonX64MsrAccess &&
	       child.exit.MsrAccess.AccessInfo.AsUINT32 == is_write &&
	       child.exit.MsrAccess.MsrNumber == msr;
}

static bool read_exits(uint32_t msr)
{
	return is_msr_exit(access(INQUIRY_RDMSR, msr, 0), false, msr);
}

static bool write_exits(uint32_t msr, uint64_t value)
{
	return is_msr_exit(access(INQUIRY_WRMSR, msr, value), true, msr);
}

static void msr_unknown_ones_exit_to_the_client(void)
{
	static const uint32_t unknown[] = { UNKNOWN, UNKNOWN2, 0x2, 0x480, 0x4b564d00, ~0u };

	CHECK_EQ(inquiry_create(&child, exits_on), S_OK);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		CHECK(read_exits(unknown[i]));
		CHECK(write_exits(unknown[i], 0x1122334455667788));
	}
	/* Those that the hypervisor has do not. */
	CHECK(!read_exits(MSR_PAT));
	CHECK(!read_exits(MSR_EFER));
	CHECK(!write_exits(MSR_STAR, 0));
	CHECK(!read_exits(MSR_TSC));
	child_destroy(&child);
}

static void msr_exit_says_what_is_written(void)
{
	CHECK_EQ(inquiry_create(&child, exits_on), S_OK);
	CHECK(write_exits(UNKNOWN, 0x1122334455667788));
	CHECK_EQ(child.exit.MsrAccess.Rax, 0x55667788);
	CHECK_EQ(child.exit.MsrAccess.Rdx, 0x11223344);
	CHECK_EQ(child.exit.MsrAccess.AccessInfo.Reserved, 0);
	CHECK_EQ(child.exit.VpContext.InstructionLength, 2);
	/* The halves alone, whatever stands above them. */
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x1122334455667788);
	/* The client has written it, and goes on. */
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, child.exit.VpContext.Rip + 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void msr_read_is_answered_by_the_client(void)
{
	struct inquiry_op op = { .kind = INQUIRY_RDMSR, .number = UNKNOWN };

	CHECK_EQ(inquiry_create(&child, exits_on), S_OK);
	CHECK(read_exits(UNKNOWN));
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x89abcdef), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, 0x01234567), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, child.exit.VpContext.Rip + 2), S_OK);
	CHECK(inquiry_run(&child, &op, 1));
	CHECK_EQ(op.result.value, 0x0123456789abcdef);
	CHECK_EQ(op.fault, 0);
	child_destroy(&child);
}

static void msr_exit_can_be_turned_into_gp(void)
{
	const WHV_X64_PENDING_INTERRUPTION_REGISTER gp = { .InterruptionPending = 1,
							   .InterruptionType = 3,
							   .DeliverErrorCode = 1,
							   .InterruptionVector = EXC_GP };
	struct inquiry_op op = { .kind = INQUIRY_RDMSR, .number = UNKNOWN };

	CHECK_EQ(inquiry_create(&child, exits_on), S_OK);
	CHECK(read_exits(UNKNOWN));
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, gp.AsUINT64), S_OK);
	CHECK(inquiry_run(&child, &op, 1));
	CHECK_EQ(op.fault, GP);
	child_destroy(&child);
}

static void msr_unknown_ones_fault_without_the_exit(void)
{
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK_EQ(inquiry_one(&child, INQUIRY_RDMSR, UNKNOWN, 0).fault, GP);
	CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, UNKNOWN, 0).fault, GP);
	CHECK_EQ(exits_on(child.partition), S_OK);
	CHECK(read_exits(UNKNOWN));
	child_destroy(&child);
}

/* Each bit of X64MsrExitBitmap, and what exits by it. */
static const struct {
	uint64_t bit;
	uint32_t msr;
	bool is_write;
	uint64_t value;
} chosen[] = {
	{ 1 << 1, MSR_TSC, true, 0x12345678 },	     { 1 << 2, MSR_TSC, false, 0 },
	{ 1 << 3, MSR_APIC_BASE, true, 0xfee00900 }, { 1 << 4, MSR_MISC_ENABLE, false, 0 },
	{ 1 << 5, MSR_BIOS_SIGN_ID, false, 0 },
};

#define N_CHOSEN (sizeof(chosen) / sizeof(chosen[0]))

static void msr_bitmap_chooses_known_ones(void)
{
	for (size_t i = 0; i < N_CHOSEN && !check_has_failed(); i++) {
		bitmap = chosen[i].bit;
		CHECK_EQ(inquiry_create(&child, exits_of_bitmap), S_OK);
		for (size_t j = 0; j < N_CHOSEN; j++) {
			const bool does_exit = is_msr_exit(
				access(chosen[j].is_write ? INQUIRY_WRMSR : INQUIRY_RDMSR,
				       chosen[j].msr, chosen[j].value),
				chosen[j].is_write, chosen[j].msr);

			CHECK_EQ(does_exit, i == j);
		}
		child_destroy(&child);
	}
}

static void msr_bitmap_is_nothing_without_the_exit(void)
{
	bitmap = 0x3e;
	CHECK_EQ(inquiry_create(&child, NULL), S_OK);
	CHECK_EQ(set(child.partition, WHvPartitionPropertyCodeX64MsrExitBitmap, &bitmap, 8), S_OK);
	for (size_t j = 0; j < N_CHOSEN; j++)
		CHECK_EQ(access(chosen[j].is_write ? INQUIRY_WRMSR : INQUIRY_RDMSR, chosen[j].msr,
				chosen[j].value),
			 WHvRunVpExitReasonX64Halt);
	/* And counts from the next run on with it. */
	CHECK_EQ(exits_on(child.partition), S_OK);
	CHECK(read_exits(MSR_TSC));
	bitmap = 0;
	CHECK_EQ(set(child.partition, WHvPartitionPropertyCodeX64MsrExitBitmap, &bitmap, 8), S_OK);
	CHECK(!read_exits(MSR_TSC));
	child_destroy(&child);
}

static void msr_bitmap_unhandled_are_the_unknown_ones(void)
{
	bitmap = 1;
	CHECK_EQ(inquiry_create(&child, exits_of_bitmap), S_OK);
	CHECK(read_exits(UNKNOWN));
	CHECK(write_exits(UNKNOWN2, 5));
	CHECK(!read_exits(MSR_TSC));
	child_destroy(&child);
}

/* ---- Actions ----------------------------------------------------------------------------- */

#define DEFAULT WHvMsrActionArchitectureDefault
#define IGNORE	WHvMsrActionIgnoreWriteReadZero
#define EXIT	WHvMsrActionExit

static HRESULT actions(WHV_PARTITION_HANDLE partition)
{
	static const WHV_MSR_ACTION_ENTRY list[] = {
		{ .Index = UNKNOWN, .ReadAction = IGNORE, .WriteAction = EXIT },
		{ .Index = UNKNOWN2, .ReadAction = EXIT, .WriteAction = IGNORE },
		{ .Index = MSR_PAT, .ReadAction = IGNORE, .WriteAction = DEFAULT },
		{ .Index = MSR_STAR, .ReadAction = DEFAULT, .WriteAction = EXIT },
		{ .Index = 0x480, .ReadAction = DEFAULT, .WriteAction = DEFAULT },
	};
	const HRESULT hr = exits_on(partition);

	return FAILED(hr)
		       ? hr
		       : set(partition, WHvPartitionPropertyCodeMsrActionList, list, sizeof(list));
}

static void msr_actions_go_by_msr_and_direction(void)
{
	struct inquiry_op op;

	CHECK_EQ(inquiry_create(&child, actions), S_OK);
	op = inquiry_one(&child, INQUIRY_RDMSR, UNKNOWN, 0);
	CHECK_EQ(op.fault, 0);
	CHECK_EQ(op.result.value, 0);
	CHECK(write_exits(UNKNOWN, 7));
	CHECK(read_exits(UNKNOWN2));
	CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, UNKNOWN2, ~0ull).fault, 0);
	/* Known ones, too: PAT is never 0. */
	op = inquiry_one(&child, INQUIRY_RDMSR, MSR_PAT, 0);
	CHECK_EQ(op.fault, 0);
	CHECK_EQ(op.result.value, 0);
	CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, MSR_PAT, 6).fault, 0);
	CHECK_EQ(child_get(&child, WHvX64RegisterPat), 6);
	CHECK_EQ(inquiry_one(&child, INQUIRY_RDMSR, MSR_STAR, 0).fault, 0);
	CHECK(write_exits(MSR_STAR, 9));
	child_destroy(&child);
}

static uint32_t unimplemented;

static HRESULT unimplemented_action(WHV_PARTITION_HANDLE partition)
{
	return set(partition, WHvPartitionPropertyCodeUnimplementedMsrAction, &unimplemented, 4);
}

static HRESULT unimplemented_action_with_exits(WHV_PARTITION_HANDLE partition)
{
	const HRESULT hr = exits_on(partition);

	return FAILED(hr) ? hr : unimplemented_action(partition);
}

static void msr_unimplemented_ones_are_ignored_if_asked_for(void)
{
	struct inquiry_op op;

	unimplemented = IGNORE;
	CHECK_EQ(inquiry_create(&child, unimplemented_action), S_OK);
	op = inquiry_one(&child, INQUIRY_RDMSR, UNKNOWN, 0);
	CHECK_EQ(op.fault, 0);
	CHECK_EQ(op.result.value, 0);
	CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, UNKNOWN, ~0ull).fault, 0);
	/* A bad value for a known one is no unknown MSR. */
	CHECK_EQ(inquiry_one(&child, INQUIRY_WRMSR, MSR_PAT, 2).fault, GP);
	child_destroy(&child);
}

static void msr_unimplemented_ones_exit_if_asked_for(void)
{
	unimplemented = EXIT;
	CHECK_EQ(inquiry_create(&child, unimplemented_action_with_exits), S_OK);
	CHECK(read_exits(UNKNOWN));
	CHECK(write_exits(UNKNOWN, 1));
	CHECK(!read_exits(MSR_PAT));
	child_destroy(&child);
}

void exit_msr_checks(void)
{
	static const struct test tests[] = {
		TEST(msr_unknown_ones_exit_to_the_client),
		TEST(msr_exit_says_what_is_written),
		TEST(msr_read_is_answered_by_the_client),
		TEST(msr_exit_can_be_turned_into_gp),
		TEST(msr_unknown_ones_fault_without_the_exit),
		TEST(msr_bitmap_chooses_known_ones),
		TEST(msr_bitmap_is_nothing_without_the_exit),
		TEST(msr_bitmap_unhandled_are_the_unknown_ones),
		TEST(msr_actions_go_by_msr_and_direction),
		TEST(msr_unimplemented_ones_are_ignored_if_asked_for),
		TEST(msr_unimplemented_ones_exit_if_asked_for),
	};

	RUN(tests);
}
