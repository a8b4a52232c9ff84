// SPDX-License-Identifier: MIT
/* Events injected through registers, interrupt windows, and exceptions that the guest gets by itself. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(iretq);
DECLARE_GUEST(sti_nops);
DECLARE_GUEST(vmcall);
DECLARE_GUEST(vmmcall);
DECLARE_GUEST(vmxoff);
DECLARE_GUEST(rdmsr);
DECLARE_GUEST(wrmsr);
DECLARE_GUEST(cr4_vmxe);

static struct child child;

static void create(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create(&child, mode, code, 0, 0), S_OK);
}

static HRESULT inject(unsigned int type, unsigned int vector, bool has_error, uint32_t error)
{
	const WHV_X64_PENDING_INTERRUPTION_REGISTER event = { .InterruptionPending = 1,
							      .InterruptionType = type & 7,
							      .DeliverErrorCode = has_error,
							      .InterruptionVector = vector & 0xffff,
							      .ErrorCode = error };

	return child_set(&child, WHvRegisterPendingInterruption, event.AsUINT64);
}

static uint32_t stack32(uint64_t below)
{
	return *(uint32_t *)(void *)(child.ram + CHILD_STACK - below);
}

static uint64_t stack64(uint64_t below)
{
	return *(uint64_t *)(void *)(child.ram + CHILD_STACK - below);
}

static void event_interrupt_is_delivered_in_real_mode(void)
{
	create(CHILD_REAL, GUEST(halt));
	child_gate(&child, CHILD_REAL, 0x20);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(inject(WHvX64PendingInterrupt, 0x20, false, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child.exit.VpContext.Rflags & RFLAGS_IF, 0);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK - 6);
	CHECK_EQ(stack32(6) & 0xffff, CHILD_CODE);
	CHECK_EQ(stack32(4) >> 16, RFLAGS_ONE | RFLAGS_IF);
	/* It has been delivered, once. */
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption) & 1, 0);
	child_destroy(&child);
}

static void event_interrupt_is_delivered_in_long_mode(void)
{
	create(CHILD_LONG, GUEST(halt));
	child_gate(&child, CHILD_LONG, 0xf3);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(inject(WHvX64PendingInterrupt, 0xf3, false, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(stack64(40), CHILD_CODE);
	CHECK_EQ(stack64(32), 8);
	CHECK_EQ(stack64(16), CHILD_STACK);
	child_destroy(&child);
}

/* It is held, can be seen and taken back, and the guest goes on. */
static void event_interrupt_without_if_waits(void)
{
	const uint64_t irq = 1 | 0x20 << 16;

	create(CHILD_REAL, GUEST(halt));
	child_gate(&child, CHILD_REAL, 0x20);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(inject(WHvX64PendingInterrupt, 0x20, false, 0), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 1);
		CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 0);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), irq);
		CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE), S_OK);
		if (!i)
			CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, 0), S_OK);
	}
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
	CHECK_EQ(stack32(6) & 0xffff, CHILD_CODE);
	child_destroy(&child);
}

static void event_exception_brings_its_error_code(void)
{
	create(CHILD_LONG, GUEST(halt));
	child_gate(&child, CHILD_LONG, EXC_GP);
	CHECK_EQ(inject(WHvX64PendingException, EXC_GP, true, 0x1234), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(stack64(48), 0x1234);
	CHECK_EQ(stack64(40), CHILD_CODE);
	child_destroy(&child);
}

static void event_page_fault_sets_cr2(void)
{
	WHV_REGISTER_NAME names[1] = { WHvRegisterPendingEvent };
	WHV_REGISTER_VALUE values[1] = { { .ExceptionEvent = {
						   .EventPending = 1,
						   .EventType = WHvX64PendingEventException,
						   .DeliverErrorCode = 1,
						   .Vector = EXC_PF,
						   .ErrorCode = 6,
						   .ExceptionParameter = 0x123456000 } } };

	create(CHILD_LONG, GUEST(halt));
	child_gate(&child, CHILD_LONG, EXC_PF);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, values), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvX64RegisterCr2), 0x123456000);
	CHECK_EQ(stack64(48), 6);
	child_destroy(&child);
}

static void event_nmi_is_delivered(void)
{
	create(CHILD_LONG, GUEST(halt));
	child_gate(&child, CHILD_LONG, EXC_NMI);
	CHECK_EQ(inject(WHvX64PendingNmi, EXC_NMI, false, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState) & 2, 2);
	/* Until the IRET. Its frame leads to the handler's HLT. */
	*(uint64_t *)(void *)(child.ram + CHILD_STACK - 40) = CHILD_HANDLER;
	child_load(&child, GUEST(iretq));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvRegisterInterruptState) & 2, 0);
	child_destroy(&child);
}

static void window_opens_after_the_shadow_of_sti(void)
{
	create(CHILD_PROT32, GUEST(sti_nops));
	CHECK_EQ(child_set(&child, WHvX64RegisterDeliverabilityNotifications, 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64InterruptWindow);
	CHECK_EQ(child.exit.InterruptWindow.DeliverableType, WHvX64PendingInterrupt);
	/* NOP, STI, and the NOP in its shadow. */
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 3);
	CHECK(child.exit.VpContext.Rflags & RFLAGS_IF);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptShadow, 0);
	/* One request, one exit. */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void window_opens_at_once_if_nothing_is_in_the_way(void)
{
	create(CHILD_PROT32, GUEST(halt));
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterDeliverabilityNotifications, 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64InterruptWindow);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child_get(&child, WHvX64RegisterDeliverabilityNotifications), 0);
	child_destroy(&child);
}

static void window_stays_shut_without_if(void)
{
	create(CHILD_PROT32, GUEST(halt));
	CHECK_EQ(child_set(&child, WHvX64RegisterDeliverabilityNotifications, 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void expect_exception(struct guest_code code, unsigned int vector, bool has_error)
{
	create(CHILD_PROT32, code);
	child_gate(&child, CHILD_PROT32, vector);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 0x480), S_OK); /* IA32_VMX_BASIC */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK - (has_error ? 16 : 12));
	if (has_error)
		CHECK_EQ(stack32(16), 0);
	child_destroy(&child);
}

static void child_has_no_hypercalls(void)
{
	expect_exception(GUEST(vmcall), EXC_UD, false);
	CHECK_EQ(stack32(12), CHILD_CODE);
	expect_exception(GUEST(vmmcall), EXC_UD, false);
}

static void child_has_no_virtualisation(void)
{
	expect_exception(GUEST(vmxoff), EXC_UD, false);
	expect_exception(GUEST(rdmsr), EXC_GP, true);
	expect_exception(GUEST(wrmsr), EXC_GP, true);
	expect_exception(GUEST(cr4_vmxe), EXC_GP, true);
}

/* An exit that strikes while an event is delivered: the event is kept, and delivered by the next run. */
static void event_interrupted_by_an_exit_is_not_lost(void)
{
	create(CHILD_PROT32, GUEST(halt));
	child_gate(&child, CHILD_PROT32, 0x40);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRsp, CHILD_MMIO + 0x100), S_OK);
	CHECK_EQ(inject(WHvX64PendingInterrupt, 0x40, false, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 1);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessWrite);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption) & 0xffff0001, 0x400001);
	CHECK_EQ(WHvMapGpaRange(child.partition, child.ram + CHILD_DATA, CHILD_MMIO, 4096,
				WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite),
		 S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(*(uint32_t *)(void *)(child.ram + CHILD_DATA + 0x100 - 12), CHILD_CODE);
	child_destroy(&child);
}

void event_checks(void)
{
	static const struct test tests[] = {
		TEST(event_interrupt_is_delivered_in_real_mode),
		TEST(event_interrupt_is_delivered_in_long_mode),
		TEST(event_interrupt_without_if_waits),
		TEST(event_exception_brings_its_error_code),
		TEST(event_page_fault_sets_cr2),
		TEST(event_nmi_is_delivered),
		TEST(window_opens_after_the_shadow_of_sti),
		TEST(window_opens_at_once_if_nothing_is_in_the_way),
		TEST(window_stays_shut_without_if),
		TEST(child_has_no_hypercalls),
		TEST(child_has_no_virtualisation),
		TEST(event_interrupted_by_an_exit_is_not_lost),
	};

	RUN(tests);
}
