// SPDX-License-Identifier: MIT
/* Single steps, breakpoints of the debug registers, and PendingDebugException. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(steps);
DECLARE_GUEST(steps_at);
DECLARE_GUEST(steps_handler);
DECLARE_GUEST(touch);
DECLARE_GUEST(mov_ss_int1);
DECLARE_GUEST(sti_step);
DECLARE_GUEST(read32);

#define DR6_B(n) (1ull << (n))
#define DR7_ONE	 (1ull << 10)
#define DR7_L(n) (1ull << (2 * (n)))

/* Kind: 0 executed, 1 written, 2 I/O, 3 read or written. Length: 0 to 3 for 1, 2, 8, 4 bytes. */
#define DR7_KIND(n, kind, length) ((uint64_t)((kind) | (length) << 2) << (16 + 4 * (n)))

static struct child child;

static HRESULT debug_exits(WHV_PARTITION_HANDLE partition)
{
	const WHV_EXTENDED_VM_EXITS exits = { .ExceptionExit = 1 };
	const uint64_t db = 1 << EXC_DB;
	HRESULT hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExtendedVmExits,
					     &exits, sizeof(exits));

	if (SUCCEEDED(hr))
		hr = WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeExceptionExitBitmap,
					     &db, sizeof(db));
	return hr;
}

static void create(struct guest_code code, HRESULT (*configure)(WHV_PARTITION_HANDLE partition))
{
	CHECK_EQ(child_create_configured(&child, CHILD_LONG, code, configure), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, CHILD_LONG);
	CHECK_EQ(child_set(&child, WHvX64RegisterDr6, DR6_INIT), S_OK);
}

static void expect_debug_exit(uint64_t rip, uint64_t parameter)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
	CHECK_EQ(child.exit.VpException.ExceptionType, EXC_DB);
	CHECK_EQ(child.exit.VpException.ExceptionInfo.AsUINT32, 0);
	CHECK_EQ(child.exit.VpException.ExceptionParameter, parameter);
	CHECK_EQ(child.exit.VpContext.Rip, rip);
}

/* ---- TF ---------------------------------------------------------------------------------- */

/* The client steps, each #DB an exit that it swallows. */
static void step_ends_behind_each_instruction(void)
{
	create(GUEST(steps), debug_exits);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_TF), S_OK);
	for (const uint8_t *at = guest_steps_at; at < guest_steps_at_end && !check_has_failed();
	     at++) {
		expect_debug_exit(CHILD_CODE + *at, DR6_BS);
		if (check_has_failed())
			terminal_print("# step to %x\n", *at);
	}
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

/* The guest steps itself: its handler notes the same. */
static void step_of_the_guests_own_is_the_same(void)
{
	const struct guest_code handler = GUEST(steps_handler);
	const size_t n = (size_t)(guest_steps_at_end - guest_steps_at);
	uint64_t *log;

	create(GUEST(steps), NULL);
	if (check_has_failed())
		return;
	log = (uint64_t *)(void *)(child.ram + CHILD_DATA);
	for (const uint8_t *p = handler.start; p < handler.end; p++)
		child.ram[CHILD_HANDLER + EXC_DB + (size_t)(p - handler.start)] = *p;
	CHECK_EQ(child_set(&child, WHvX64RegisterR14, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_TF), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterR14), CHILD_DATA + 8 * n);
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(log[i], CHILD_CODE + guest_steps_at[i]);
	CHECK_EQ(child_get(&child, WHvX64RegisterDr6) & DR6_BS, DR6_BS);
	child_destroy(&child);
}

/* Over a read that the hypervisor emulates and the client answers. */
static void step_ends_behind_an_emulated_access(void)
{
	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(read32), WHIT_EMULATE_MEMORY, 0), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, CHILD_PROT32);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_TF), S_OK);
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(child_answer(&child, 0x12345678), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_PROT32).vector, EXC_DB);
	CHECK_EQ(child_frame(&child, CHILD_PROT32).rip, CHILD_CODE + 2);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x12345678);
	CHECK_EQ(child_get(&child, WHvX64RegisterDr6) & DR6_BS, DR6_BS);
	child_destroy(&child);
}

/* ---- TF across a shadow ------------------------------------------------------------------ */

/* Ready to step over the code, with DS's selector for SS in EDX. */
static void create_step(struct guest_code code, bool is_user,
			HRESULT (*configure)(WHV_PARTITION_HANDLE partition))
{
	create(code, configure);
	if (check_has_failed())
		return;
	if (is_user)
		CHECK_EQ(child_enter_ring3(&child, CHILD_LONG), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, is_user ? CHILD_USER_DATA : 16), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_TF), S_OK);
}

/* INT1 of the kernel and of a user; the hypervisor hands it on. */
static void step_across_mov_ss_is_dropped_by_int1(void)
{
	if (emulator_has(FAULT_INT1))
		return;
	for (unsigned int is_user = 0; is_user < 2 && !check_has_failed(); is_user++) {
		create_step(GUEST(mov_ss_int1), is_user, NULL);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + EXC_DB + 1);
		CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
		CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 3);
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6), DR6_INIT);
		CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 0);
		child_destroy(&child);
	}
}

/* The client sees the INT1, looks at it twice, and gives it back. */
static void step_across_mov_ss_exits_as_int1(void)
{
	if (emulator_has(FAULT_INT1))
		return;
	for (unsigned int is_user = 0; is_user < 2 && !check_has_failed(); is_user++) {
		create_step(GUEST(mov_ss_int1), is_user, debug_exits);
		for (unsigned int i = 0; i < 3; i++) {
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonException);
			CHECK_EQ(child.exit.VpException.ExceptionType, EXC_DB);
			CHECK_EQ(child.exit.VpException.ExceptionInfo.SoftwareException, 1);
			CHECK_EQ(child.exit.VpException.ExceptionParameter, 0);
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 2);
			/* (A processor is in the shadow here; Bochs 2.7 says that it is not.) */
		}
		/* INT1 of one byte, in PendingInterruption. */
		CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption,
				   1 | 5 << 1 | 1 << 5 | EXC_DB << 16),
			 S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 3);
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6), DR6_INIT);
		child_destroy(&child);
	}
}

/* A client that injects, and one that sets what does not fit together. */
static void step_in_a_shadow_enters_whatever_the_client_has_set(void)
{
	for (unsigned int i = 0; i < 8 && !check_has_failed(); i++) {
		const bool is_step = i & 1, is_tf = i & 2, is_injected = i & 4;
		WHV_REGISTER_NAME name = WHvRegisterPendingEvent;
		const WHV_REGISTER_VALUE db = { .Reg64 = 1 | EXC_DB << 16 };

		create_step(GUEST(sti_step), false, NULL);
		CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 1), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags,
				   RFLAGS_ONE | (is_tf ? RFLAGS_TF : 0)),
			 S_OK);
		CHECK_EQ(child_set(&child, WHvRegisterInterruptState, 1), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterPendingDebugException, is_step << 4),
			 S_OK);
		if (is_injected)
			CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, &name, 1, &db),
				 S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		if (is_injected || is_tf) {
			CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
			CHECK_EQ(child_frame(&child, CHILD_LONG).rip,
				 CHILD_CODE + (is_injected ? 1 : 2));
		} else {
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 4);
		}
		if (check_has_failed())
			terminal_print("# case %u: %s\n", i, child.page->error_text);
		child_destroy(&child);
	}
}

/* Behind STI the step comes at once, and once. */
static void step_behind_sti_exits_once(void)
{
	if (emulator_has(FAULT_STI_STEP))
		return;
	create_step(GUEST(sti_step), false, debug_exits);
	for (unsigned int i = 1; i < 4; i++)
		expect_debug_exit(CHILD_CODE + i, DR6_BS);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
	create_step(GUEST(sti_step), false, NULL);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 1);
	CHECK(child_frame(&child, CHILD_LONG).rflags & RFLAGS_IF);
	child_destroy(&child);
}

/* ---- Breakpoints ------------------------------------------------------------------------- */

static void set_breakpoint(unsigned int n, uint64_t address, unsigned int kind, unsigned int length)
{
	const uint64_t dr7 = child_get(&child, WHvX64RegisterDr7);

	CHECK_EQ(child_set(&child, WHvX64RegisterDr0 + n, address), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterDr7,
			   dr7 | DR7_ONE | DR7_L(n) | DR7_KIND(n, kind, length)),
		 S_OK);
}

/* Each register, before the instruction; with RF it is passed. */
static void breakpoint_on_an_instruction_stops_before_it(void)
{
	if (emulator_has(FAULT_BREAKPOINTS) || emulator_has(FAULT_DR6))
		return;
	for (unsigned int n = 0; n < 4 && !check_has_failed(); n++) {
		/* CPUID is the second. */
		create(GUEST(steps), debug_exits);
		set_breakpoint(n, CHILD_CODE + 1, 0, 0);
		expect_debug_exit(CHILD_CODE + 1, DR6_B(n));
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6), DR6_INIT);
		/* Once more: nothing has been done about it. */
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE), S_OK);
		expect_debug_exit(CHILD_CODE + 1, DR6_B(n));
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_RF), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		child_destroy(&child);
	}
}

static void breakpoint_taken_by_the_guest_sets_dr6(void)
{
	if (emulator_has(FAULT_BREAKPOINTS) || emulator_has(FAULT_DR6))
		return;
	create(GUEST(steps), NULL);
	set_breakpoint(2, CHILD_CODE + 1, 0, 0);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 1);
	CHECK_EQ(child_get(&child, WHvX64RegisterDr6), DR6_INIT | DR6_B(2));
	child_destroy(&child);
}

/* NOP, a read of two bytes, NOP, a write of two bytes: the trap is behind the access. */
static void breakpoint_on_data_stops_behind_the_access(void)
{
	static const struct {
		unsigned int kind, length;
		uint64_t rip;
	} rows[] = {
		{ 1, 3, CHILD_CODE + 6 },
		{ 3, 3, CHILD_CODE + 3 },
		{ 1, 0, CHILD_CODE + 6 },
		{ 3, 1, CHILD_CODE + 3 },
	};

	if (emulator_has(FAULT_BREAKPOINTS) || emulator_has(FAULT_DR6))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !check_has_failed(); i++) {
		create(GUEST(touch), debug_exits);
		CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_DATA), S_OK);
		set_breakpoint(1, CHILD_DATA, rows[i].kind, rows[i].length);
		expect_debug_exit(rows[i].rip, DR6_B(1));
		child_destroy(&child);
	}
}

static void breakpoint_and_step_come_together(void)
{
	if (emulator_has(FAULT_BREAKPOINTS) || emulator_has(FAULT_DR6))
		return;
	create(GUEST(touch), NULL);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 1), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_TF), S_OK);
	set_breakpoint(3, CHILD_DATA, 3, 3);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 3);
	CHECK_EQ(child_get(&child, WHvX64RegisterDr6), DR6_INIT | DR6_BS | DR6_B(3));
	child_destroy(&child);
}

/* The client's port accesses are the client's: a breakpoint on the port does not come between. */
static void breakpoint_on_a_port_leaves_the_exit_alone(void)
{
	static const uint8_t out[] = { 0xe6, 0x80, 0xf4 };

	create(((struct guest_code) { out, out + sizeof(out) }), NULL);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, 0x228), S_OK); /* DE */
	set_breakpoint(0, 0x80, 2, 0);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.ExecutionState.DebugActive, 1);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 3);
	child_destroy(&child);
}

/* ---- PendingDebugException --------------------------------------------------------------- */

static void pending_debug_is_delivered_before_the_next_instruction(void)
{
	static const struct {
		uint64_t pending, rflags, dr6;
	} rows[] = {
		{ 1, 0, DR6_B(0) },
		{ 1 << 3, 0, DR6_B(3) },
		{ 1 << 4, RFLAGS_TF, DR6_BS },
		{ 1 << 4 | 2, RFLAGS_TF, DR6_BS | DR6_B(1) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !check_has_failed(); i++) {
		create(GUEST(halt), NULL);
		for (unsigned int n = 0; n < 4; n++)
			set_breakpoint(n, 0x3f000, 1, 0);
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | rows[i].rflags),
			 S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterPendingDebugException, rows[i].pending),
			 S_OK);
		CHECK_EQ(child_get(&child, WHvX64RegisterPendingDebugException), rows[i].pending);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_DB);
		CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE);
		CHECK_EQ(child_get(&child, WHvX64RegisterDr6) & 0xe00f, rows[i].dr6);
		CHECK_EQ(child_get(&child, WHvX64RegisterPendingDebugException), 0);
		child_destroy(&child);
	}
}

static void pending_debug_can_be_taken_back(void)
{
	create(GUEST(halt), NULL);
	CHECK_EQ(child_set(&child, WHvX64RegisterPendingDebugException, 1), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterPendingDebugException, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 1);
	child_destroy(&child);
}

void debug_checks(void)
{
	static const struct test tests[] = {
		TEST(step_ends_behind_each_instruction),
		TEST(step_of_the_guests_own_is_the_same),
		TEST(step_ends_behind_an_emulated_access),
		TEST(step_across_mov_ss_is_dropped_by_int1),
		TEST(step_across_mov_ss_exits_as_int1),
		TEST(step_in_a_shadow_enters_whatever_the_client_has_set),
		TEST(step_behind_sti_exits_once),
		TEST(breakpoint_on_an_instruction_stops_before_it),
		TEST(breakpoint_taken_by_the_guest_sets_dr6),
		TEST(breakpoint_on_data_stops_behind_the_access),
		TEST(breakpoint_and_step_come_together),
		TEST(breakpoint_on_a_port_leaves_the_exit_alone),
		TEST(pending_debug_is_delivered_before_the_next_instruction),
		TEST(pending_debug_can_be_taken_back),
	};

	RUN(tests);
}
