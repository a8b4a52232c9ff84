// SPDX-License-Identifier: MIT
/* WHvRunVirtualProcessor, WHvCancelRunVirtualProcessor, and the exits that are neither port nor memory. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/timer.h"
#include "x86/cpuid.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(out8);
DECLARE_GUEST(ud2);
DECLARE_GUEST(cpuid);
DECLARE_GUEST(loop_forever);
DECLARE_GUEST(loop_long);

/* In Bochs long enough for several of firmware's timer interrupts, which are 10 Hz there. */
#define LOOP_TIMES 40000000u
#define MAX_LOOPS  100u

static struct child child;
static unsigned int n_ticks;

static void create(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create(&child, mode, code, 0, 0), S_OK);
}

static void run_exit_buffers_of_both_sdks_are_taken(void)
{
	uint8_t buffer[256];

	create(CHILD_REAL, GUEST(out8));
	for (unsigned int i = 0; i < sizeof(buffer); i++)
		buffer[i] = 0x5a;
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer + 1, 144), S_OK);
	CHECK_EQ(buffer[1], WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(buffer[0], 0x5a);
	for (unsigned int i = 145; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], 0x5a);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 224), S_OK);
	for (unsigned int i = 224; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], 0x5a);
	child_destroy(&child);
}

static void run_exit_buffer_too_short_is_refused_before_the_run(void)
{
	uint8_t buffer[256];

	create(CHILD_REAL, GUEST(halt));
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 0), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 1), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 143),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, NULL, 224), E_POINTER);
	CHECK_EQ(child_get(&child, WHvX64RegisterRip), CHILD_CODE);
	child_destroy(&child);
}

static void run_halt_has_gone_past_the_instruction(void)
{
	create(CHILD_REAL, GUEST(halt));
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 1);
		CHECK_EQ(child_get(&child, WHvX64RegisterRip), CHILD_CODE + 1);
		CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 0);
	}
	child_destroy(&child);
}

static void run_triple_fault_is_unrecoverable(void)
{
	create(CHILD_PROT32, GUEST(ud2));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonUnrecoverableException);
	/* Not once and for all: the client may start it again. */
	child_load(&child, GUEST(halt));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void run_cpuid_exits_if_asked_to(void)
{
	const WHV_EXTENDED_VM_EXITS exits = { .X64CpuidExit = 1 };
	const WHV_X64_CPUID_ACCESS_CONTEXT *c = &child.exit.CpuidAccess;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(cpuid), 0, exits.AsUINT64), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0xffffffff00000001ull), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 7), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, 8), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, 9), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Cpuid);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child.exit.VpContext.InstructionLength, 2);
	CHECK_EQ(c->Rax, 0xffffffff00000001ull);
	CHECK_EQ(c->Rcx, 7);
	CHECK_EQ(c->Rdx, 8);
	CHECK_EQ(c->Rbx, 9);
	CHECK(c->DefaultResultRcx & CPUID1_ECX_HYPERVISOR);
	CHECK(!(c->DefaultResultRcx & CPUID1_ECX_VMX));
	CHECK(c->DefaultResultRdx & CPUID1_EDX_TSC);
	CHECK_EQ((c->DefaultResultRax | c->DefaultResultRbx | c->DefaultResultRcx |
		  c->DefaultResultRdx) >>
			 32,
		 0);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, 0x600d), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterRbx), 0x600d);
	child_destroy(&child);
}

static void run_cpuid_is_answered_inside_otherwise(void)
{
	create(CHILD_LONG, GUEST(cpuid));
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 1), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK(child_get(&child, WHvX64RegisterRcx) & CPUID1_ECX_HYPERVISOR);
	CHECK(!(child_get(&child, WHvX64RegisterRcx) & CPUID1_ECX_VMX));
	CHECK_EQ(child_get(&child, WHvX64RegisterRbx) >> 24, 0); /* APIC ID = index */
	/* A child is no root: it has another signature. */
	child_load(&child, GUEST(cpuid));
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, WHIT_CPUID_SIGNATURE), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK(child_get(&child, WHvX64RegisterRcx) != WHIT_SIGNATURE_WORD);
	child_destroy(&child);
}

static void cancel_is_remembered_for_the_next_run(void)
{
	create(CHILD_REAL, GUEST(halt));
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	CHECK_EQ(child.exit.CancelReason.CancelReason, WHvRunVpCancelReasonUser);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	/* Several are one, and it is used up. */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	child_destroy(&child);
}

static void cancel_flags_are_zero(void)
{
	create(CHILD_REAL, GUEST(halt));
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 1), E_INVALIDARG);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void cancel_it(void)
{
	(void)WHvCancelRunVirtualProcessor(child.partition, 0, 0);
}

static void cancel_reaches_a_guest_that_loops_for_ever(void)
{
	create(CHILD_PROT32, GUEST(loop_forever));
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK(timer_start(1, false, cancel_it));
	if (!check_has_failed())
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	timer_stop();
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_HANDLER), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void count_tick(void)
{
	n_ticks++;
}

static void loop_through_interrupts(uint64_t rflags)
{
	create(CHILD_PROT32, GUEST(loop_long));
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, rflags), S_OK);
	n_ticks = 0;
	CHECK(timer_start(1, true, count_tick));
	for (unsigned int i = 0; i < MAX_LOOPS && !n_ticks && !check_has_failed(); i++) {
		CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE), S_OK);
		CHECK_EQ(child_set(&child, WHvX64RegisterRcx, LOOP_TIMES), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRcx), 0);
	}
	timer_stop();
	CHECK(n_ticks > 0);
	child_destroy(&child);
}

static void run_goes_on_unseen_through_the_roots_interrupts(void)
{
	loop_through_interrupts(RFLAGS_ONE | RFLAGS_IF);
}

static void run_with_interrupts_off_lets_the_roots_through(void)
{
	loop_through_interrupts(RFLAGS_ONE);
}

static void run_suspended_processor_does_not_run(void)
{
	create(CHILD_REAL, GUEST(out8));
	CHECK_EQ(child_set(&child, WHvRegisterInternalActivityState, 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_set(&child, WHvRegisterInternalActivityState, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	child_destroy(&child);
}

void run_checks(void)
{
	static const struct test tests[] = {
		TEST(run_exit_buffers_of_both_sdks_are_taken),
		TEST(run_exit_buffer_too_short_is_refused_before_the_run),
		TEST(run_halt_has_gone_past_the_instruction),
		TEST(run_triple_fault_is_unrecoverable),
		TEST(run_cpuid_exits_if_asked_to),
		TEST(run_cpuid_is_answered_inside_otherwise),
		TEST(cancel_is_remembered_for_the_next_run),
		TEST(cancel_flags_are_zero),
		TEST(cancel_reaches_a_guest_that_loops_for_ever),
		TEST(run_goes_on_unseen_through_the_roots_interrupts),
		TEST(run_with_interrupts_off_lets_the_roots_through),
		TEST(run_suspended_processor_does_not_run),
	};

	RUN(tests);
}
