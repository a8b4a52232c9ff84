// SPDX-License-Identifier: MIT
/*
 * Events that the client injects, of every type, through both registers: what the guest finds on its stack; and
 * events whose delivery an exit has interrupted.
 */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/window.h"
#include "x86/exc.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(raise_int_80);
DECLARE_GUEST(raise_int1);
DECLARE_GUEST(raise_int3);
DECLARE_GUEST(raise_ud2);
DECLARE_GUEST(raise_load_ds);

#define TYPE_SOFT_INTERRUPT  4u
#define TYPE_PRIVILEGED_SOFT 5u
#define TYPE_SOFT_EXCEPTION  6u

#define OLD_CR2 0x5a5a5ull

static struct child child;

struct injection {
	uint8_t type, vector, length;
	bool has_error;
	uint32_t error;
};

static const struct injection injections[] = {
	{ WHvX64PendingInterrupt, 0x00, 0, false, 0 },
	{ WHvX64PendingInterrupt, 0x0d, 0, false,
	  0 }, /* a vector of an exception is one like others */
	{ WHvX64PendingInterrupt, 0x20, 0, false, 0 },
	{ WHvX64PendingInterrupt, 0xff, 0, false, 0 },
	{ WHvX64PendingNmi, EXC_NMI, 0, false, 0 },
	{ WHvX64PendingException, EXC_DE, 0, false, 0 },
	{ WHvX64PendingException, EXC_DB, 0, false, 0 },
	{ WHvX64PendingException, EXC_BR, 0, false, 0 },
	{ WHvX64PendingException, EXC_UD, 0, false, 0 },
	{ WHvX64PendingException, EXC_NM, 0, false, 0 },
	{ WHvX64PendingException, EXC_DF, 0, true, 0 },
	{ WHvX64PendingException, EXC_TS, 0, true, 0x18 },
	{ WHvX64PendingException, EXC_NP, 0, true, 0x20 },
	{ WHvX64PendingException, EXC_SS, 0, true, 0x7fff },
	{ WHvX64PendingException, EXC_GP, 0, true, 0x1234 },
	{ WHvX64PendingException, EXC_PF, 0, true, 2 },
	{ WHvX64PendingException, EXC_MF, 0, false, 0 },
	{ WHvX64PendingException, EXC_AC, 0, true, 0 },
	{ WHvX64PendingException, EXC_XM, 0, false, 0 },
	{ TYPE_SOFT_INTERRUPT, 0x80, 2, false, 0 },
	{ TYPE_SOFT_INTERRUPT, 0x0d, 2, false, 0 },
	{ TYPE_PRIVILEGED_SOFT, EXC_DB, 1, false, 0 },
	{ TYPE_SOFT_EXCEPTION, EXC_BP, 1, false, 0 },
	{ TYPE_SOFT_EXCEPTION, EXC_OF, 1, false, 0 },
};

#define N_INJECTIONS (sizeof(injections) / sizeof(injections[0]))

static uint64_t interruption_of(const struct injection *e)
{
	const WHV_X64_PENDING_INTERRUPTION_REGISTER value = { .InterruptionPending = 1,
							      .InterruptionType = e->type & 7,
							      .DeliverErrorCode = e->has_error,
							      .InstructionLength = e->length & 15,
							      .InterruptionVector = e->vector,
							      .ErrorCode = e->error };

	return value.AsUINT64;
}

static void create(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create(&child, mode, code, 0, 0), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, mode);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr2, OLD_CR2), S_OK);
}

/* spare: bits of the RFLAGS pushed that may be set. */
static void expect_pushed(const struct injection *e, enum child_mode mode, uint64_t spare)
{
	const struct child_frame frame = child_frame(&child, mode);
	const bool has_error = e->has_error && mode != CHILD_REAL;

	CHECK_EQ(frame.vector, e->vector);
	CHECK_EQ(frame.has_error, has_error);
	CHECK_EQ(frame.error, has_error ? e->error : 0);
	CHECK_EQ(frame.rip, CHILD_CODE + e->length);
	if ((frame.rflags & RFLAGS_RF) && emulator_has(FAULT_RF))
		spare |= RFLAGS_RF;
	CHECK_EQ(frame.rflags & ~spare, RFLAGS_ONE | RFLAGS_IF);
	CHECK_EQ(child.exit.VpContext.Rflags & (RFLAGS_IF | RFLAGS_TF), 0);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 0);
	CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
	CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), 0);
}

static void expect_delivered(const struct injection *e, enum child_mode mode)
{
	expect_pushed(e, mode, 0);
}

static void complain(const struct injection *e, enum child_mode mode)
{
	static unsigned int n;

	if (check_has_failed() && n++ < 8)
		terminal_print("# type %u, vector %u, mode %u\n", e->type, e->vector, mode);
}

/* ---- PendingInterruption ----------------------------------------------------------------- */

static void inject_all(enum child_mode mode)
{
	for (size_t i = 0; i < N_INJECTIONS && !check_has_failed(); i++) {
		const struct injection *const e = &injections[i];

		create(mode, GUEST(halt));
		CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, interruption_of(e)),
			 S_OK);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interruption_of(e));
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		expect_delivered(e, mode);
		CHECK_EQ(child_get(&child, WHvX64RegisterCr2), OLD_CR2);
		complain(e, mode);
		child_destroy(&child);
		if (e->type == WHvX64PendingNmi)
			window_let_nmis_in();
	}
}

static void inject_interruption_in_real_mode(void)
{
	inject_all(CHILD_REAL);
}

static void inject_interruption_in_protected_mode(void)
{
	inject_all(CHILD_PROT32);
}

static void inject_interruption_in_long_mode(void)
{
	inject_all(CHILD_LONG);
}

/* ---- PendingEvent ------------------------------------------------------------------------ */

static HRESULT set_event(const struct injection *e, uint64_t parameter)
{
	WHV_REGISTER_NAME names[1] = { WHvRegisterPendingEvent };
	WHV_REGISTER_VALUE values[1] = { { .ExceptionEvent = {
						   .EventPending = 1,
						   .EventType = WHvX64PendingEventException,
						   .DeliverErrorCode = e->has_error,
						   .Vector = e->vector,
						   .ErrorCode = e->error,
						   .ExceptionParameter = parameter } } };

	return WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, values);
}

static void inject_event_brings_error_code_and_cr2(void)
{
	for (size_t i = 0; i < N_INJECTIONS && !check_has_failed(); i++) {
		const struct injection *const e = &injections[i];

		if (e->type != WHvX64PendingException)
			continue;
		create(CHILD_LONG, GUEST(halt));
		CHECK_EQ(set_event(e, 0xffff800012345678), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		expect_delivered(e, CHILD_LONG);
		CHECK_EQ(child_get(&child, WHvX64RegisterCr2),
			 e->vector == EXC_PF ? 0xffff800012345678 : OLD_CR2);
		complain(e, CHILD_LONG);
		child_destroy(&child);
	}
}

static void inject_event_is_read_back_until_it_is_delivered(void)
{
	const struct injection pf = { WHvX64PendingException, EXC_PF, 0, true, 6 };
	WHV_REGISTER_NAME names[1] = { WHvRegisterPendingEvent };
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	create(CHILD_LONG, GUEST(halt));
	CHECK_EQ(set_event(&pf, 0x1234), S_OK);
	CHECK_EQ(WHvGetVirtualProcessorRegisters(child.partition, 0, names, 1, &value), S_OK);
	CHECK_EQ(value.ExceptionEvent.EventPending, 1);
	CHECK_EQ(value.ExceptionEvent.EventType, WHvX64PendingEventException);
	CHECK_EQ(value.ExceptionEvent.DeliverErrorCode, 1);
	CHECK_EQ(value.ExceptionEvent.Vector, EXC_PF);
	CHECK_EQ(value.ExceptionEvent.ErrorCode, 6);
	CHECK_EQ(value.ExceptionEvent.ExceptionParameter, 0x1234);
	/* Taken back, it has never been. */
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 1);
	CHECK_EQ(child_get(&child, WHvX64RegisterCr2), OLD_CR2);
	child_destroy(&child);
}

static void inject_later_event_replaces_the_one_before(void)
{
	const struct injection first = { WHvX64PendingException, EXC_UD, 0, false, 0 };
	const struct injection gp = { WHvX64PendingException, EXC_GP, 0, true, 8 };

	create(CHILD_LONG, GUEST(halt));
	CHECK_EQ(set_event(&first, 0), S_OK);
	CHECK_EQ(set_event(&gp, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	expect_delivered(&gp, CHILD_LONG);
	child_destroy(&child);
}

/* The two registers do not know of each other: the exception first, then the interrupt, when the guest takes it. */
static void inject_into_both_registers(void)
{
	const struct injection irq = { WHvX64PendingInterrupt, 0x20, 0, false, 0 };
	const struct injection gp = { WHvX64PendingException, EXC_GP, 0, true, 8 };

	for (unsigned int i = 0; i < 2 && !check_has_failed(); i++) {
		create(CHILD_LONG, GUEST(halt));
		for (unsigned int n = 0; n < 2; n++)
			if (n == i)
				CHECK_EQ(set_event(&gp, 0), S_OK);
			else
				CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption,
						   interruption_of(&irq)),
					 S_OK);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interruption_of(&irq));
		CHECK_EQ(child_get(&child, WHvRegisterPendingEvent) & 0xffffffff,
			 1 | 1 << 8 | EXC_GP << 16);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + EXC_GP + 1);
		CHECK_EQ(child_frame(&child, CHILD_LONG).vector, EXC_GP);
		CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), 0);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interruption_of(&irq));
		CHECK_EQ(child.exit.VpContext.Rflags & RFLAGS_IF, 0);
		CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_IF), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 0x20 + 1);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), 0);
		child_destroy(&child);
	}
}

/* ---- Delivery that an exit interrupts ---------------------------------------------------- */

static HRESULT map_page(uint64_t gpa)
{
	return WHvMapGpaRange(child.partition, child.ram + gpa, gpa, 4096,
			      WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite |
				      WHvMapGpaRangeFlagExecute);
}

/* `hole`: the page that the delivery comes to, an IDT or a stack, and that is not there at first. */
static void interrupt_delivery(const struct injection *e, enum child_mode mode, uint64_t hole,
			       bool is_guests_own)
{
	const WHV_X64_VP_EXIT_CONTEXT *const c = &child.exit.VpContext;

	CHECK_EQ(WHvUnmapGpaRange(child.partition, hole, 4096), S_OK);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
		CHECK_EQ(child.exit.MemoryAccess.Gpa & ~0xfffull, hole);
		CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
		CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType,
			 hole == CHILD_IDT ? WHvMemoryAccessRead : WHvMemoryAccessWrite);
		CHECK_EQ(c->ExecutionState.InterruptionPending, 1);
		CHECK_EQ(c->Rip, CHILD_CODE);
		CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interruption_of(e));
	}
	if (is_guests_own) {
		/* Removed, the instruction is done again. */
		CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, 0), S_OK);
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
		CHECK_EQ(child_get(&child, WHvRegisterPendingInterruption), interruption_of(e));
	}
	CHECK_EQ(map_page(hole), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	if (!is_guests_own || e->type != WHvX64PendingException) {
		/* Bochs 3.0 saves RF at the exit, whatever was being delivered. */
		expect_pushed(e, mode, RFLAGS_RF);
	} else {
		/* A fault of its own has pushed RF. */
		CHECK_EQ(child_frame(&child, mode).vector, e->vector);
		CHECK_EQ(child_frame(&child, mode).error, e->error);
		CHECK_EQ(child_frame(&child, mode).rip, CHILD_CODE);
	}
	if (e->type == WHvX64PendingNmi)
		CHECK_EQ(child_get(&child, WHvRegisterInterruptState) & 2, 2);
}

static void redeliver_injected(enum child_mode mode, uint64_t hole)
{
	for (size_t i = 0; i < N_INJECTIONS && !check_has_failed(); i++) {
		const struct injection *const e = &injections[i];

		/* The root's NMIs cannot be told from the guest's in Bochs, once one has been aborted. */
		if (e->type == WHvX64PendingNmi)
			continue;
		create(mode, GUEST(halt));
		CHECK_EQ(child_set(&child, WHvRegisterPendingInterruption, interruption_of(e)),
			 S_OK);
		interrupt_delivery(e, mode, hole, false);
		complain(e, mode);
		child_destroy(&child);
	}
}

static void redeliver_after_the_stack_was_missing(void)
{
	redeliver_injected(CHILD_PROT32, CHILD_STACK - 0x1000);
	redeliver_injected(CHILD_LONG, CHILD_STACK - 0x1000);
}

static void redeliver_after_the_idt_was_missing(void)
{
	redeliver_injected(CHILD_PROT32, CHILD_IDT);
	redeliver_injected(CHILD_LONG, CHILD_IDT);
}

static void redeliver_what_the_guest_did_itself(void)
{
	static const struct {
		struct guest_code code;
		struct injection event;
	} own[] = {
		{ { guest_raise_int_80, guest_raise_int_80_end },
		  { TYPE_SOFT_INTERRUPT, 0x80, 2, false, 0 } },
		{ { guest_raise_int3, guest_raise_int3_end },
		  { TYPE_SOFT_EXCEPTION, EXC_BP, 1, false, 0 } },
		{ { guest_raise_int1, guest_raise_int1_end },
		  { TYPE_PRIVILEGED_SOFT, EXC_DB, 1, false, 0 } },
		{ { guest_raise_ud2, guest_raise_ud2_end },
		  { WHvX64PendingException, EXC_UD, 0, false, 0 } },
		{ { guest_raise_load_ds, guest_raise_load_ds_end },
		  { WHvX64PendingException, EXC_GP, 0, true, 0x1000 } },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && !check_has_failed(); i++) {
		if (own[i].event.type == TYPE_PRIVILEGED_SOFT && emulator_has(FAULT_INT1))
			continue;
		if (own[i].event.type == TYPE_SOFT_INTERRUPT && emulator_has(FAULT_INT_N))
			continue;
		create(CHILD_PROT32, own[i].code);
		CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x1000), S_OK);
		interrupt_delivery(&own[i].event, CHILD_PROT32, CHILD_STACK - 0x1000, true);
		complain(&own[i].event, CHILD_PROT32);
		child_destroy(&child);
	}
}

/* ---- ExtInt ------------------------------------------------------------------------------ */

DECLARE_GUEST(nop_sti_nop);

#define EXT_INT(vector) (1ull | 5u << 1 | (uint64_t)(vector) << 8)

static HRESULT with_apic(WHV_PARTITION_HANDLE partition)
{
	const uint32_t mode = WHvX64LocalApicEmulationModeXApic;

	return WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeLocalApicEmulationMode,
				       &mode, sizeof(mode));
}

/* It is of use with the APIC in the hypervisor, and does the same without. */
static void ext_int_does_not_need_the_apic_in_the_hypervisor(void)
{
	create(CHILD_LONG, GUEST(halt));
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, EXT_INT(0x30)), S_OK);
	CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), EXT_INT(0x30));
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, EXT_INT(0x30) | 1u << 16),
		 WHIT_E_REGISTER_VALUE);
	CHECK_EQ(child.page->error_register, WHvRegisterPendingEvent);
	child_destroy(&child);
}

static void ext_int_waits_until_the_guest_takes_interrupts(void)
{
	CHECK_EQ(child_create_configured(&child, CHILD_LONG, GUEST(nop_sti_nop), with_apic), S_OK);
	if (check_has_failed())
		return;
	child_gates(&child, CHILD_LONG);
	/* With the APIC HLT waits inside: the handler leaves through a port. */
	child.ram[CHILD_HANDLER + 0x30] = 0xe6;
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, EXT_INT(0x30)), S_OK);
	CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), EXT_INT(0x30));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 0x30);
	CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), 0);
	/* Behind STI's shadow. */
	CHECK_EQ(*(uint64_t *)(void *)(child.ram + CHILD_STACK - 40), CHILD_CODE + 4);
	child_destroy(&child);
}

static void ext_int_can_be_taken_back(void)
{
	CHECK_EQ(child_create_configured(&child, CHILD_LONG, GUEST(nop_sti_nop), with_apic), S_OK);
	if (check_has_failed())
		return;
	child.ram[CHILD_CODE + 5] = 0xe6; /* in the place of HLT */
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, EXT_INT(0x30)), S_OK);
	CHECK_EQ(child_set(&child, WHvRegisterPendingEvent, 0), S_OK);
	CHECK_EQ(child_get(&child, WHvRegisterPendingEvent), 0);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + 5);
	child_destroy(&child);
}

void inject_checks(void)
{
	static const struct test tests[] = {
		TEST(inject_interruption_in_real_mode),
		TEST(inject_interruption_in_protected_mode),
		TEST(inject_interruption_in_long_mode),
		TEST(inject_event_brings_error_code_and_cr2),
		TEST(inject_event_is_read_back_until_it_is_delivered),
		TEST(inject_later_event_replaces_the_one_before),
		TEST(inject_into_both_registers),
		TEST(redeliver_after_the_stack_was_missing),
		TEST(redeliver_after_the_idt_was_missing),
		TEST(redeliver_what_the_guest_did_itself),
		TEST(ext_int_does_not_need_the_apic_in_the_hypervisor),
		TEST(ext_int_waits_until_the_guest_takes_interrupts),
		TEST(ext_int_can_be_taken_back),
	};

	RUN(tests);
}
