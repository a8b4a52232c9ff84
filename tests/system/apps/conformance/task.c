// SPDX-License-Identifier: MIT
/* UnsupportedFeature: switches of tasks, in each way; UnrecoverableException: faults upon faults. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(task_call);
DECLARE_GUEST(task_jump);
DECLARE_GUEST(task_return);
DECLARE_GUEST(task_int);
DECLARE_GUEST(task_fault);
DECLARE_GUEST(raise_ud2);
DECLARE_GUEST(raise_divide);
DECLARE_GUEST(raise_rdmsr);
DECLARE_GUEST(halt);

#define TASK	    0x40u /* selector */
#define TASK_VECTOR 0x50u

#define TSS_AT_DATA 0x0000890020000067ull
#define TSS_BUSY    (2ull << 40)
#define TASK_GATE   (TASK << 16 | 0x8500ull << 32)

static struct child child;

static void create(struct guest_code code)
{
	uint64_t *gdt, *idt;

	CHECK_EQ(child_create(&child, CHILD_PROT32, code, 0, 0), S_OK);
	if (check_has_failed())
		return;
	gdt = (uint64_t *)(void *)(child.ram + CHILD_GDT);
	idt = (uint64_t *)(void *)(child.ram + CHILD_IDT);
	child_gates(&child, CHILD_PROT32);
	gdt[TASK / 8] = TSS_AT_DATA;
	idt[TASK_VECTOR] = TASK_GATE;
	CHECK_EQ(child_set_table(&child, WHvX64RegisterGdtr, CHILD_GDT, 0x4f), S_OK);
}

static void expect_task_switch(void)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnsupportedFeature);
	CHECK_EQ(child.exit.UnsupportedFeature.FeatureCode, WHvUnsupportedFeatureTaskSwitchTss);
	CHECK_EQ(child.exit.UnsupportedFeature.FeatureParameter, TASK);
	CHECK_EQ(child.exit.UnsupportedFeature.Reserved, 0);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK);
	CHECK_EQ(child_segment(&child, WHvX64RegisterTr).Selector, 24);
	CHECK_EQ(child.exit.VpContext.ExecutionState.Cr0Pe, 1);
	/* The client may go on elsewhere. */
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE), S_OK);
	child_load(&child, GUEST(halt));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
}

static void task_switch_by_call_is_unsupported(void)
{
	if (emulator_has(FAULT_TASK))
		return;
	create(GUEST(task_call));
	expect_task_switch();
	child_destroy(&child);
}

static void task_switch_by_jump_is_unsupported(void)
{
	if (emulator_has(FAULT_TASK))
		return;
	create(GUEST(task_jump));
	expect_task_switch();
	child_destroy(&child);
}

static void task_switch_by_iret_is_unsupported(void)
{
	if (emulator_has(FAULT_TASK))
		return;
	create(GUEST(task_return));
	((uint64_t *)(void *)(child.ram + CHILD_GDT))[TASK / 8] |= TSS_BUSY;
	*(uint16_t *)(void *)child.ram = TASK; /* the back link of the TSS at 0 */
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_NT), S_OK);
	expect_task_switch();
	child_destroy(&child);
}

static void task_switch_by_gate_is_unsupported(void)
{
	if (emulator_has(FAULT_TASK))
		return;
	create(GUEST(task_int));
	expect_task_switch();
	child_destroy(&child);
	/* An exception through a task gate. */
	create(GUEST(task_fault));
	((uint64_t *)(void *)(child.ram + CHILD_IDT))[EXC_UD] = TASK_GATE;
	expect_task_switch();
	child_destroy(&child);
}

/* An interrupt of the client's that leads to a task stays pending, as any whose delivery an exit strikes. */
static void task_switch_by_an_interrupt_keeps_the_interrupt(void)
{
	if (emulator_has(FAULT_TASK))
		return;
	create(GUEST(halt));
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, 1 | TASK_VECTOR << 16), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnsupportedFeature);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 1);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 1 | TASK_VECTOR << 16);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	child_destroy(&child);
}

/* What the processor finds wrong with the task's descriptor is the guest's fault, not an exit. */
static void task_switch_to_no_task_is_a_fault(void)
{
	create(GUEST(task_call));
	((uint64_t *)(void *)(child.ram + CHILD_GDT))[TASK / 8] = TSS_AT_DATA & ~(1ull << 47);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_frame(&child, CHILD_PROT32).vector, EXC_NP);
	CHECK_EQ(child_frame(&child, CHILD_PROT32).error, TASK);
	child_destroy(&child);
}

/* ---- Triple faults ----------------------------------------------------------------------- */

static void expect_triple_fault(void)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnrecoverableException);
	CHECK(check_contains(child.page->error_text, "triple fault"));
	for (unsigned int i = 0; i < 22; i++)
		CHECK_EQ(child.exit.AsUINT64[i], 0);
	/* It can be started anew. */
	CHECK_EQ(child_set(&child, WHvX64RegisterRsp, CHILD_STACK), S_OK);
	CHECK_EQ(child_set_table(&child, WHvX64RegisterIdtr, CHILD_IDT, 0x7ff), S_OK);
	child_load(&child, GUEST(halt));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 1);
}

static void triple_fault_without_an_idt(void)
{
	create(GUEST(raise_ud2));
	CHECK_EQ(child_set_table(&child, WHvX64RegisterIdtr, CHILD_IDT, 0), S_OK);
	expect_triple_fault();
	child_destroy(&child);
}

static void triple_fault_without_gates(void)
{
	static const unsigned int gates[] = { EXC_DE, EXC_NP, EXC_DF };

	create(GUEST(raise_divide));
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
		((uint64_t *)(void *)(child.ram + CHILD_IDT))[gates[i]] &= ~(1ull << 47);
	expect_triple_fault();
	child_destroy(&child);
}

/* The client's own exception upon a missing gate goes the same way. */
static void triple_fault_of_an_injected_event(void)
{
	create(GUEST(halt));
	CHECK_EQ(child_set_table(&child, WHvX64RegisterIdtr, CHILD_IDT, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, 0x80017), S_OK); /* #DF */
	expect_triple_fault();
	child_destroy(&child);
}

static void triple_fault_in_real_and_long_mode(void)
{
	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(raise_ud2), 0, 0), S_OK);
	CHECK_EQ(child_set_table(&child, WHvX64RegisterIdtr, 0, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnrecoverableException);
	child_destroy(&child);
	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(raise_ud2), 0, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnrecoverableException);
	child_destroy(&child);
}

/* One that the hypervisor raises: the words name the last fault. */
static void triple_fault_of_the_hypervisors_own_exception(void)
{
	create(GUEST(raise_rdmsr));
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 0x480), S_OK);
	CHECK_EQ(child_set_table(&child, WHvX64RegisterIdtr, CHILD_IDT, 0), S_OK);
	expect_triple_fault();
	child_destroy(&child);
}

void task_checks(void)
{
	static const struct test tests[] = {
		TEST(task_switch_by_call_is_unsupported),
		TEST(task_switch_by_jump_is_unsupported),
		TEST(task_switch_by_iret_is_unsupported),
		TEST(task_switch_by_gate_is_unsupported),
		TEST(task_switch_by_an_interrupt_keeps_the_interrupt),
		TEST(task_switch_to_no_task_is_a_fault),
		TEST(triple_fault_without_an_idt),
		TEST(triple_fault_without_gates),
		TEST(triple_fault_of_an_injected_event),
		TEST(triple_fault_in_real_and_long_mode),
		TEST(triple_fault_of_the_hypervisors_own_exception),
	};

	RUN(tests);
}
