// SPDX-License-Identifier: MIT
/* X64InterruptWindow: interrupts by priority and NMIs; and the shadows that keep windows shut. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/window.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(sti_out);
DECLARE_GUEST(mov_ss_out);
DECLARE_GUEST(sti_cpuid);
DECLARE_GUEST(mov_ss_cpuid);
DECLARE_GUEST(nop_sti_nop);
DECLARE_GUEST(lower_cr8);
DECLARE_GUEST(nmi_return);
DECLARE_GUEST(sti_hlt);

#define NOTIFY_NMI	   1u
#define NOTIFY_INTERRUPT   2u
#define NOTIFY_PRIORITY(n) ((n) << 2)
#define SHADOW		   1u
#define NMI_MASKED	   2u
#define INTERRUPT(vector)  (1ull | (uint64_t)(vector) << 16)
#define NMI		   (1ull | 2u << 1 | 2ull << 16)

static struct child child;

static void create(struct guest_code code, uint64_t rflags)
{
	CHECK_EQ(child_create(&child, CHILD_LONG, code, 0, 0), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, CHILD_LONG);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | rflags), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, 16), S_OK);
}

void window_let_nmis_in(void)
{
	create(GUEST(nmi_return), 0);
	(void)child_set(&child, WHvX64RegisterRdx, RFLAGS_ONE);
	(void)child_set(&child, WHvRegisterInterruptState, NMI_MASKED);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static HRESULT ask(uint64_t what)
{
	return child_set(&child, WHvX64RegisterDeliverabilityNotifications, what);
}

static void expect_window(uint32_t type, uint64_t rip)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64InterruptWindow);
	CHECK_EQ(child.exit.InterruptWindow.DeliverableType, type);
	CHECK_EQ(child.exit.VpContext.Rip, rip);
	CHECK_EQ(child.exit.VpContext.InstructionLength, 0);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 0);
}

static void expect_halt(uint64_t rip)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, rip);
}

/* ---- Windows ----------------------------------------------------------------------------- */

static void window_for_interrupts_opens_with_if(void)
{
	create(GUEST(nop_sti_nop), 0);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), NOTIFY_INTERRUPT);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 4);
	CHECK(child.exit.VpContext.Rflags & RFLAGS_IF);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), 0);
	/* And what was waited for can be injected. */
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, INTERRUPT(0x31)), S_OK);
	expect_halt(CHILD_HANDLER + 0x31 + 1);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 4);
	child_destroy(&child);
}

static void window_is_used_up_by_one_exit_and_can_be_armed_again(void)
{
	create(GUEST(nop_sti_nop), RFLAGS_IF);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE);
	expect_halt(CHILD_CODE + 6);
	child_destroy(&child);
}

static void window_request_can_be_taken_back(void)
{
	create(GUEST(nop_sti_nop), 0);
	CHECK_EQ(ask(NOTIFY_INTERRUPT | NOTIFY_NMI), S_OK);
	CHECK_EQ(ask(0), S_OK);
	expect_halt(CHILD_CODE + 6);
	child_destroy(&child);
}

static void window_for_nmis_waits_for_iret(void)
{
	create(GUEST(nmi_return), 0);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, RFLAGS_ONE), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterInterruptState, NMI_MASKED), S_OK);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState), NMI_MASKED);
	CHECK_EQ(ask(NOTIFY_NMI), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64InterruptWindow);
	CHECK_EQ(child.exit.InterruptWindow.DeliverableType, WHvX64PendingNmi);
	/* Behind it: NOP, NOP and HLT are left. */
	CHECK_EQ(child.exit.VpContext.Rip,
		 CHILD_CODE + (uint64_t)(guest_nmi_return_end - guest_nmi_return) - 3);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState), 0);
	child_destroy(&child);
}

static void window_for_nmis_does_not_ask_for_if(void)
{
	create(GUEST(halt), 0);
	CHECK_EQ(ask(NOTIFY_NMI), S_OK);
	expect_window(WHvX64PendingNmi, CHILD_CODE);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), 0);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, NMI), S_OK);
	expect_halt(CHILD_HANDLER + EXC_NMI + 1);
	child_destroy(&child);
	window_let_nmis_in();
}

static void window_of_both_kinds_is_two_exits(void)
{
	uint32_t seen = 0;

	create(GUEST(nop_sti_nop), RFLAGS_IF);
	CHECK_EQ(ask(NOTIFY_INTERRUPT | NOTIFY_NMI), S_OK);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64InterruptWindow);
		seen |= 1u << child.exit.InterruptWindow.DeliverableType;
	}
	CHECK_EQ(seen, 1u << WHvX64PendingInterrupt | 1u << WHvX64PendingNmi);
	expect_halt(CHILD_CODE + 6);
	child_destroy(&child);
}

static void window_of_a_priority_asks_for_cr8(void)
{
	create(GUEST(nop_sti_nop), RFLAGS_IF);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr8, 5), S_OK);
	CHECK_EQ(ask(NOTIFY_INTERRUPT | NOTIFY_PRIORITY(6)), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), 0);
	CHECK_EQ(ask(NOTIFY_INTERRUPT | NOTIFY_PRIORITY(5)), S_OK);
	expect_halt(CHILD_CODE + 6);
	/* Priority 0 is any. */
	child_load(&child, GUEST(nop_sti_nop));
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE);
	child_destroy(&child);
}

static void window_of_a_priority_opens_when_the_guest_lowers_cr8(void)
{
	create(GUEST(lower_cr8), RFLAGS_IF);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr8, 9), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 3), S_OK);
	CHECK_EQ(ask(NOTIFY_INTERRUPT | NOTIFY_PRIORITY(4)), S_OK);
	/* NOP, MOV CR8. */
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 5);
	CHECK_EQ(child.exit.VpContext.Cr8, 3);
	child_destroy(&child);
}

/* ---- Held events and sleep --------------------------------------------------------------- */

/* What was injected too early comes as soon as the guest can take it, and the client's notice behind it. */
static void window_lets_a_held_interrupt_in(void)
{
	create(GUEST(nop_sti_nop), 0);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, INTERRUPT(0x33)), S_OK);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_halt(CHILD_HANDLER + 0x33 + 1);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, CHILD_CODE + 4);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), NOTIFY_INTERRUPT);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_HANDLER + 0x33 + 1);
	child_destroy(&child);
}

static void window_lets_a_held_nmi_in(void)
{
	const uint64_t behind =
		CHILD_CODE + (uint64_t)(guest_nmi_return_end - guest_nmi_return) - 3;

	create(GUEST(nmi_return), 0);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, RFLAGS_ONE), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterInterruptState, NMI_MASKED), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, NMI), S_OK);
	expect_halt(CHILD_HANDLER + EXC_NMI + 1);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, behind);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
	child_destroy(&child);
	window_let_nmis_in();
}

static HRESULT with_apic(WHV_PARTITION_HANDLE partition)
{
	const uint32_t mode = WHvX64LocalApicEmulationModeXApic;

	return WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeLocalApicEmulationMode,
				       &mode, sizeof(mode));
}

/* A VP that sleeps inside Run: the notice was set before its STI and HLT, and is set while it sleeps. */
static void window_ends_a_sleep(void)
{
	CHECK_EQ(child_create_configured(&child, CHILD_LONG, GUEST(sti_hlt), with_apic), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, CHILD_LONG);
	child.ram[CHILD_HANDLER + 0x34] = 0xe6; /* OUT */
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 2);
	CHECK_EQ(child_get(&child, WHvRegisterInternalActivityState), 2);
	CHECK_EQ(ask(NOTIFY_NMI), S_OK);
	expect_window(WHvX64PendingNmi, CHILD_CODE + 2);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 2);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, INTERRUPT(0x34)), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 0x34);
	CHECK_EQ(*(uint64_t *)(void *)(child.ram + CHILD_STACK - 40), CHILD_CODE + 2);
	child_destroy(&child);
}

/* ---- Shadows ----------------------------------------------------------------------------- */

/* It cannot go in, and waits. */
static void expect_waiting(uint64_t interrupt, uint64_t rip)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.Rip, rip);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 0);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interrupt);
}

static void expect_shadow(struct guest_code code, uint64_t rflags, uint64_t rip)
{
	create(code, rflags);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.Rip, rip);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 1);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState), SHADOW);
	CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, INTERRUPT(0x32)), S_OK);
	if (!emulator_has(FAULT_SHADOW))
		expect_waiting(INTERRUPT(0x32), rip);
	/* But when the client has done the instruction and cleared the shadow it can. */
	CHECK_EQ(child_set(&child, WHvRegisterInterruptState, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, rip + 2), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	expect_halt(CHILD_HANDLER + 0x32 + 1);
	CHECK_EQ(child_frame(&child, CHILD_LONG).rip, rip + 2);
	child_destroy(&child);
}

static void shadow_of_sti_is_seen_and_can_be_cleared(void)
{
	expect_shadow(GUEST(sti_out), 0, CHILD_CODE + 1);
}

static void shadow_of_mov_ss_is_seen_and_can_be_cleared(void)
{
	expect_shadow(GUEST(mov_ss_out), RFLAGS_IF, CHILD_CODE + 2);
}

/* STI with interrupts enabled before casts none. */
static void shadow_of_sti_is_that_of_the_first(void)
{
	if (emulator_has(FAULT_STI))
		return;
	create(GUEST(sti_out), RFLAGS_IF);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 0);
	child_destroy(&child);
}

/* The hypervisor does the instruction in the shadow: the shadow ends with it. */
static void shadow_ends_with_an_instruction_that_was_answered_inside(void)
{
	create(GUEST(sti_cpuid), 0);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 3);
	child_destroy(&child);
	create(GUEST(mov_ss_cpuid), RFLAGS_IF);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_load(&child, GUEST(mov_ss_cpuid));
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, 16), S_OK);
	/* Interrupts are on from the start: the window is in front of MOV SS. */
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE);
	child_destroy(&child);
}

/* Set by the client it holds for one instruction. */
static void shadow_set_by_the_client_covers_one_instruction(void)
{
	if (emulator_has(FAULT_SHADOW) || emulator_has(FAULT_VIRTUAL_INTERRUPT))
		return;
	create(GUEST(nop_sti_nop), RFLAGS_IF);
	CHECK_EQ(child_set(&child, WHvRegisterInterruptState, SHADOW), S_OK);
	CHECK_EQ(ask(NOTIFY_INTERRUPT), S_OK);
	expect_window(WHvX64PendingInterrupt, CHILD_CODE + 1);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState), 0);
	child_destroy(&child);
}

/* There is no SynIC: SynicSintDeliverable cannot be asked for. */
static void window_of_synthetic_interrupts_is_refused(void)
{
	create(GUEST(halt), 0);
	for (unsigned int sint = 0; sint < 16; sint++)
		CHECK_EQ(ask(1ull << (48 + sint)), WHIT_E_REGISTER_VALUE);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), 0);
	child_destroy(&child);
}

void window_checks(void)
{
	static const struct test tests[] = {
		TEST(window_for_interrupts_opens_with_if),
		TEST(window_is_used_up_by_one_exit_and_can_be_armed_again),
		TEST(window_request_can_be_taken_back),
		TEST(window_for_nmis_waits_for_iret),
		TEST(window_for_nmis_does_not_ask_for_if),
		TEST(window_of_both_kinds_is_two_exits),
		TEST(window_of_synthetic_interrupts_is_refused),
		TEST(window_of_a_priority_asks_for_cr8),
		TEST(window_of_a_priority_opens_when_the_guest_lowers_cr8),
		TEST(window_lets_a_held_interrupt_in),
		TEST(window_lets_a_held_nmi_in),
		TEST(window_ends_a_sleep),
		TEST(shadow_of_sti_is_seen_and_can_be_cleared),
		TEST(shadow_of_mov_ss_is_seen_and_can_be_cleared),
		TEST(shadow_of_sti_is_that_of_the_first),
		TEST(shadow_ends_with_an_instruction_that_was_answered_inside),
		TEST(shadow_set_by_the_client_covers_one_instruction),
	};

	RUN(tests);
}
