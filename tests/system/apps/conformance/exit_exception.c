// SPDX-License-Identifier: MIT
/*
 * Exception exits. Each exception is first taken by the guest itself: what the processor pushes then is what the
 * record must say, and what must be pushed again when the client re-injects it.
 */
#include "tests/system/apps/conformance/check.h"

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/raise.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(raise_fetch);
DECLARE_GUEST(raise_int_80);
DECLARE_GUEST(raise_ud2);

static struct child child;

static void none(void)
{
}

/* What the guest has got by itself. */
struct native {
	struct child_frame frame;
	uint64_t cr2, dr6;
};

static struct native natives[RAISE_N];
static uint64_t bitmap;

static HRESULT configure(WHV_PARTITION_HANDLE partition)
{
	const WHV_EXTENDED_VM_EXITS exits = { .ExceptionExit = 1 };
	HRESULT hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExtendedVmExits,
					     &exits, sizeof(exits));

	if (SUCCEEDED(hr))
		hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExceptionExitBitmap,
					     &bitmap, sizeof(bitmap));
	return hr;
}

/* exits: ExceptionExitBitmap, or 0 for no exits at all. */
static void begin(const struct raise *row, uint64_t exits)
{
	bitmap = exits;
	CHECK_EQ(raise_create(&child, row, exits ? configure : NULL), S_OK);
}

static void complain(const struct raise *row)
{
	static unsigned int n;

	if (check_has_failed() && n++ < 8)
		terminal_print("# %s, vector %u, mode %u\n", row->name, row->vector, row->mode);
}

/* The first row at or behind `i` that this machine does. */
static unsigned int row_from(unsigned int i, bool exits)
{
	while (i < RAISE_N && raise_is_out(&raise_rows[i], exits))
		i++;
	return i;
}

static void run_natively(unsigned int i)
{
	const struct raise *const row = &raise_rows[i];

	begin(row, 0);
	if (check_has_failed())
		return;
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	natives[i].frame = child_frame(&child, row->mode);
	natives[i].cr2 = child_get(&child, WHvX64RegisterCr2);
	natives[i].dr6 = child_get(&child, WHvX64RegisterDr6);
	CHECK_EQ(natives[i].frame.vector, row->vector);
	complain(row);
	child_destroy(&child);
}

static void exception_without_exits_is_the_guests(void)
{
	for (unsigned int i = row_from(0, false); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, false))
		run_natively(i);
}

/* Run to the exit of the row. */
static void run_to_exit(unsigned int i)
{
	begin(&raise_rows[i], 1ull << raise_rows[i].vector);
	if (!check_has_failed())
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
}

static void expect_bytes(const WHV_VP_EXCEPTION_CONTEXT *e)
{
	const uint64_t rip = child.exit.VpContext.Rip;

	CHECK(e->InstructionByteCount <= 16);
	for (unsigned int i = 0; i < 16; i++)
		CHECK_EQ(e->InstructionBytes[i],
			 i < e->InstructionByteCount ? child.ram[rip + i] : 0);
}

static void expect_record(unsigned int i)
{
	const WHV_VP_EXCEPTION_CONTEXT *const e = &child.exit.VpException;
	const struct native *const native = &natives[i];
	const struct raise *const row = &raise_rows[i];

	CHECK_EQ(e->ExceptionType, row->vector);
	/* Bochs tells of error codes that real mode has not. */
	if (row->mode != CHILD_REAL) {
		CHECK_EQ(e->ExceptionInfo.ErrorCodeValid, native->frame.has_error);
		CHECK_EQ(e->ErrorCode, native->frame.error);
	}
	CHECK_EQ(e->ExceptionInfo.SoftwareException, row->soft_length != 0);
	CHECK_EQ(e->ExceptionInfo.Reserved, 0);
	CHECK_EQ(e->ExceptionParameter,
		 row->vector == EXC_PF ? native->cr2
				       : (row->vector == EXC_DB ? native->dr6 & DR6_WRITABLE : 0));
	CHECK_EQ(e->Reserved[0] | e->Reserved[1] | e->Reserved[2], 0);
	CHECK_EQ(e->Reserved2[0] | e->Reserved2[1] | e->Reserved2[2], 0);
	/* At the faulting instruction, INT3 and its like too; a single step stands behind. */
	CHECK_EQ(child.exit.VpContext.Rip, native->frame.rip - row->soft_length);
	if (row->soft_length)
		CHECK_EQ(child.exit.VpContext.InstructionLength, row->soft_length);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 0);
	if (row->code.start != guest_raise_fetch)
		expect_bytes(e);
}

static void exception_exits_say_what_the_guest_would_get(void)
{
	for (unsigned int i = row_from(0, true); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, true)) {
		run_to_exit(i);
		expect_record(i);
		complain(&raise_rows[i]);
		child_destroy(&child);
	}
}

static void exception_exit_has_changed_nothing(void)
{
	for (unsigned int i = row_from(0, true); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, true)) {
		uint64_t dr6, rsp;

		begin(&raise_rows[i], 1ull << raise_rows[i].vector);
		dr6 = child_get(&child, WHvX64RegisterDr6);
		rsp = child_get(&child, WHvX64RegisterRsp);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
		CHECK_EQ(child_get(&child, WHvX64RegisterCr2), RAISE_OLD_CR2);
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6), dr6);
		/* CALL has pushed before the fetch. */
		CHECK_EQ(child_get(&child, WHvX64RegisterRsp),
			 raise_rows[i].code.start == guest_raise_fetch ? rsp - 8 : rsp);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
		CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), 0);
		complain(&raise_rows[i]);
		child_destroy(&child);
	}
}

static HRESULT inject_again(const struct raise *row)
{
	const WHV_VP_EXCEPTION_CONTEXT *const e = &child.exit.VpException;
	WHV_REGISTER_NAME name = WHvRegisterPendingEvent;
	WHV_REGISTER_VALUE value = { .ExceptionEvent = {
					     .EventPending = 1,
					     .EventType = WHvX64PendingEventException,
					     .DeliverErrorCode = e->ExceptionInfo.ErrorCodeValid,
					     .Vector = e->ExceptionType,
					     .ErrorCode = e->ErrorCode,
					     .ExceptionParameter = e->ExceptionParameter } };

	if (row->soft_length) {
		const WHV_X64_PENDING_INTERRUPTION_REGISTER soft = {
			.InterruptionPending = 1,
			.InterruptionType = e->ExceptionType == EXC_DB ? 5 : 6,
			.InstructionLength = row->soft_length,
			.InterruptionVector = e->ExceptionType
		};

		name = WHvRegisterPendingInterruption;
		value.Reg64 = soft.AsUINT64;
	}
	return WHvSetVirtualProcessorRegisters(child.partition, 0, &name, 1, &value);
}

static void exception_injected_again_is_as_if_it_had_not_exited(void)
{
	for (unsigned int i = row_from(0, true); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, true)) {
		struct child_frame frame;

		run_to_exit(i);
		CHECK_EQ(inject_again(&raise_rows[i]), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		frame = child_frame(&child, raise_rows[i].mode);
		CHECK_EQ(frame.vector, raise_rows[i].vector);
		CHECK_EQ(frame.has_error, natives[i].frame.has_error);
		CHECK_EQ(frame.error, natives[i].frame.error);
		CHECK_EQ(frame.rip, natives[i].frame.rip);
		CHECK_EQ(frame.cs, natives[i].frame.cs);
		/* A fault's exit has RF set, which an entry then pushes; Bochs leaves it out. */
		CHECK_EQ(frame.rflags | RFLAGS_RF, natives[i].frame.rflags | RFLAGS_RF);
		CHECK_EQ(child_get(&child, WHvX64RegisterCr2), natives[i].cr2);
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6), natives[i].dr6);
		complain(&raise_rows[i]);
		child_destroy(&child);
	}
}

/* The client goes on behind the instruction, to HLT: in ring 3 that is #GP. */
static void exception_swallowed_never_was(void)
{
	for (unsigned int i = row_from(0, true); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, true)) {
		const struct raise *const row = &raise_rows[i];
		const uint64_t end = (uint64_t)(row->code.end - row->code.start) - 1;

		run_to_exit(i);
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterDr7, 0x400), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + end), S_OK);
		if (child.exit.VpContext.ExecutionState.Cpl && row->vector != EXC_GP) {
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
			CHECK_EQ(child_frame(&child, row->mode).vector, EXC_GP);
		} else {
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + end + 1);
		}
		CHECK_EQ(child_get(&child, WHvX64RegisterCr2), RAISE_OLD_CR2);
		complain(row);
		child_destroy(&child);
	}
}

static uint64_t every_exception(void)
{
	WHV_CAPABILITY capability = { .ExceptionExitBitmap = 0 };

	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeExceptionExitBitmap, &capability, 8, NULL),
		 S_OK);
	return capability.ExceptionExitBitmap;
}

static void exception_of_another_vector_does_not_exit(void)
{
	for (unsigned int i = row_from(0, true); i < RAISE_N && !check_has_failed();
	     i = row_from(i + 1, true)) {
		/* All others, but for those that come first on the way to #DF. */
		const uint64_t first =
			raise_rows[i].vector == EXC_DF ? 1 << EXC_UD | 1 << EXC_NP : 0;

		begin(&raise_rows[i], every_exception() & ~(1ull << raise_rows[i].vector | first));
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child_frame(&child, raise_rows[i].mode).vector, raise_rows[i].vector);
		complain(&raise_rows[i]);
		child_destroy(&child);
	}
}

/* #NP in the delivery of #UD: seen before the two are one, with the first kept. */
static void exception_in_a_delivery_keeps_what_was_delivered(void)
{
	const struct raise row = { "ud2", GUEST(raise_ud2), CHILD_LONG, EXC_NP, 0, none };
	const uint64_t ud = 1 | 3 << 1 | EXC_UD << 16;

	begin(&row, 1 << EXC_NP);
	if (check_has_failed())
		return;
	((uint64_t *)(void *)(child.ram + CHILD_IDT))[2 * EXC_UD] &= ~(1ull << 47);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
		CHECK_EQ(child.exit.VpException.ExceptionType, EXC_NP);
		CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 1);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), ud);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	}
	/* Given back it takes the other's place. */
	CHECK_EQ(inject_again(&row), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_NP);
	if (!emulator_has(FAULT_IDT_ERROR))
		CHECK_EQ(child_frame(&child, CHILD_LONG).error, EXC_UD * 8 + 3);
	child_destroy(&child);
}

/* INT n is no exception, whatever its vector. */
static void exception_exits_leave_int_alone(void)
{
	const struct raise row = { "int", GUEST(raise_int_80), CHILD_PROT32, EXC_GP, 0, none };
	struct child_frame frame;

	begin(&row, every_exception());
	child.ram[CHILD_CODE + 1] = EXC_GP;
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	frame = child_frame(&child, row.mode);
	CHECK_EQ(frame.vector, EXC_GP);
	CHECK(!frame.has_error);
	CHECK_EQ(frame.rip, CHILD_CODE + 2);
	child_destroy(&child);
}

/* The bitmap is changed while the VP stands still, and counts from the next run on. */
static void exception_bitmap_counts_from_the_next_run_on(void)
{
	const WHV_EXTENDED_VM_EXITS on = { .ExceptionExit = 1 }, off = { .AsUINT64 = 0 };
	const struct raise row = { "ud2", GUEST(raise_ud2), CHILD_LONG, EXC_UD, 0, none };
	const uint64_t ud = 1 << EXC_UD, others = 1 << EXC_GP;

	begin(&row, 0);
	CHECK_EQ(WHvSetPartitionProperty(child.partition,
					 WHvPartitionPropertyCodeExceptionExitBitmap, &ud, 8),
		 S_OK);
	/* The bitmap alone does nothing. */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvSetPartitionProperty(child.partition, WHvPartitionPropertyCodeExtendedVmExits,
					 &on, 8),
		 S_OK);
	child_load(&child, row.code);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
	CHECK_EQ(WHvSetPartitionProperty(child.partition,
					 WHvPartitionPropertyCodeExceptionExitBitmap, &others, 8),
		 S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvSetPartitionProperty(child.partition,
					 WHvPartitionPropertyCodeExceptionExitBitmap, &ud, 8),
		 S_OK);
	child_load(&child, row.code);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
	CHECK_EQ(WHvSetPartitionProperty(child.partition, WHvPartitionPropertyCodeExtendedVmExits,
					 &off, 8),
		 S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

void exit_exception_checks(void)
{
	static const struct test tests[] = {
		TEST(exception_without_exits_is_the_guests),
		TEST(exception_exits_say_what_the_guest_would_get),
		TEST(exception_exit_has_changed_nothing),
		TEST(exception_injected_again_is_as_if_it_had_not_exited),
		TEST(exception_swallowed_never_was),
		TEST(exception_of_another_vector_does_not_exit),
		TEST(exception_in_a_delivery_keeps_what_was_delivered),
		TEST(exception_exits_leave_int_alone),
		TEST(exception_bitmap_counts_from_the_next_run_on),
	};

	RUN(tests);
}
