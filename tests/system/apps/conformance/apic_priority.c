// SPDX-License-Identifier: MIT
/*
 * Which interrupt comes when: TPR, CR8, PPR, nested handlers, EOI by level and edge, the spurious vector, NMIs, and
 * interrupts from the outside beside those of the APIC. SDM 3A "Handling Interrupts".
 */
#include "tests/system/apps/conformance/apic.h"
#include "tests/system/apps/conformance/emulator.h"

#include "x86/rflags.h"

static void begin(void)
{
	apic_begin_with(1);
	for (unsigned int vector = 0x20; vector < 0xff; vector++)
		board_handle(&apic_board, (uint8_t)vector, apic_eoi_action(), NULL, 0);
}

static void request(uint32_t vector, bool is_level)
{
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, vector, false, is_level), S_OK);
}

static uint32_t vector_of(uint64_t n)
{
	return board_event(&apic_board, 0, n)->vector;
}

static void apic_tpr_is_cr8(void)
{
	begin();
	apic_set(0, APIC_TPR, 0x5a);
	CHECK_EQ(apic_do(0, OP0(READ_CR8)), 5);
	CHECK_EQ(apic_board.exit.VpContext.Cr8, 5);
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterCr8), 5);
	CHECK_EQ(apic_get(0, APIC_PPR), 0x5a);
	(void)apic_do(0, OP(WRITE_CR8, .value = 9));
	CHECK_EQ(apic_get(0, APIC_TPR), 0x90);
	CHECK_EQ(apic_get(0, APIC_PPR), 0x90);
	CHECK_EQ(board_set(&apic_board, 0, WHvX64RegisterCr8, 3), S_OK);
	CHECK_EQ(apic_get(0, APIC_TPR), 0x30);
	CHECK_EQ(apic_board.exit.VpContext.Cr8, 3);
	if (emulator_has(FAULT_CR8))
		return;
	(void)apic_do(0, OP(WRITE_CR8, .value = 16));
	CHECK_EQ(apic_fault, OP_GP);
	CHECK_EQ(apic_get(0, APIC_TPR), 0x30);
}

static void apic_highest_vector_comes_first(void)
{
	static const uint8_t vectors[] = { 0x31, 0xf0, 0x22, 0x80, 0x7f };
	static const uint8_t sorted[] = { 0xf0, 0x80, 0x7f, 0x31, 0x22 };

	begin();
	for (unsigned int i = 0; i < 5; i++)
		request(vectors[i], false);
	for (unsigned int i = 0; i < 5; i++)
		CHECK_EQ(apic_bit(0, APIC_IRR, vectors[i]), 1);
	CHECK_EQ(apic_take(0), 5);
	for (unsigned int i = 0; i < 5; i++)
		CHECK_EQ(vector_of(i), sorted[i]);
	for (unsigned int i = 0; i < 8; i++) {
		CHECK_EQ(apic_get(0, APIC_IRR + i), 0);
		CHECK_EQ(apic_get(0, APIC_ISR + i), 0);
	}
}

static void apic_one_vector_twice_is_once(void)
{
	begin();
	request(0x44, false);
	request(0x44, false);
	CHECK_EQ(apic_take(0), 1);
}

/* A class of the TPR's, or below, waits. */
static void apic_tpr_holds_back_its_class_and_lower(void)
{
	begin();
	apic_set(0, APIC_TPR, 0x50);
	request(0x4f, false);
	request(0x5f, false);
	CHECK_EQ(apic_take(0), 0);
	request(0x60, false);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(vector_of(0), 0x60);
	apic_set(0, APIC_TPR, 0x4f);
	CHECK_EQ(apic_take(0), 2);
	CHECK_EQ(vector_of(1), 0x5f);
	(void)apic_do(0, OP(WRITE_CR8, .value = 3));
	CHECK_EQ(apic_take(0), 3);
	CHECK_EQ(vector_of(2), 0x4f);
}

/* With interrupts on, they come at once when the priority falls: no exit and no other write is needed for it. */
static void apic_lower_tpr_lets_them_in_at_once(void)
{
	begin();
	request(0x81, false);
	request(0x71, false);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(WRITE_CR8, .value = 15), OP0(STI),
			OP(DELAY, .value = 100), OP(WRITE_CR8, .value = 7), OP0(CLI),
			OP(DELAY, .value = 100), OP0(STI), apic_write(APIC_TPR, 0),
			OP(DELAY, .value = 100), OP0(CLI)),
		 BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 2);
	CHECK_EQ(vector_of(0), 0x81);
	CHECK_EQ(vector_of(1), 0x71);
}

/* PPR: the class of what is in service, unless the TPR is higher. */
static void apic_ppr_follows_service_and_tpr(void)
{
	const struct op *seen;

	begin();
	{
		const struct op inside[] = { apic_read(APIC_PPR), apic_write(APIC_TPR, 0x95),
					     apic_read(APIC_PPR), apic_write(APIC_TPR, 0x12),
					     apic_read(APIC_PPR), apic_write(APIC_TPR, 0) };

		board_handle(&apic_board, 0x83, apic_eoi_action(), inside, 6);
	}
	request(0x83, false);
	CHECK_EQ(apic_take(0), 1);
	seen = (const struct op *)(const void *)(apic_board.ram + BOARD_LISTS + 3 * 256);
	CHECK_EQ(seen[0].result, 0x80);
	CHECK_EQ(seen[2].result, 0x95);
	CHECK_EQ(seen[4].result, 0x80);
	CHECK_EQ(apic_get(0, APIC_PPR), 0);
}

/* In the handler of 0x61 a higher class gets in, the same class waits for the EOI. */
static void apic_handlers_nest_by_class(void)
{
	begin();
	{
		const struct op inside[] = { apic_destination(0), apic_send(ICR_FIXED | 0x6f, 0),
					     apic_send(ICR_FIXED | 0x72, 0),
					     apic_read(APIC_ISR + 3),
					     OP(WAIT_LOG, .argument = 100, .value = 2) };

		board_handle(&apic_board, 0x61, apic_eoi_action() | ACTION_STI, inside, 5);
	}
	request(0x61, false);
	CHECK_EQ(apic_take(0), 3);
	CHECK_EQ(vector_of(0), 0x61);
	CHECK_EQ(vector_of(1), 0x72);
	CHECK_EQ(vector_of(2), 0x6f);
	CHECK_EQ(((const struct op *)(const void *)(apic_board.ram + BOARD_LISTS + 256))[3].result,
		 2);
}

static void apic_without_eoi_nothing_of_the_class_comes(void)
{
	begin();
	board_handle(&apic_board, 0x61, 0, NULL, 0);
	request(0x61, false);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(apic_bit(0, APIC_ISR, 0x61), 1);
	request(0x61, false);
	request(0x6e, false);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(apic_bit(0, APIC_IRR, 0x61), 1);
	apic_set(0, APIC_EOI, 0);
	CHECK_EQ(apic_bit(0, APIC_ISR, 0x61), 0);
	/* And then both, the higher one first. */
	CHECK_EQ(apic_take(0), 3);
	CHECK_EQ(vector_of(1), 0x6e);
	CHECK_EQ(vector_of(2), 0x61);
}

/* EOI without anything in service: nothing, and no exit. */
static void apic_eoi_of_nothing_is_nothing(void)
{
	begin();
	apic_set(0, APIC_EOI, 0);
	CHECK_EQ(apic_fault, 0);
	CHECK_EQ(apic_take(0), 0);
}

static void apic_level_eoi_exits_with_its_vector(void)
{
	begin();
	request(0x93, true);
	CHECK_EQ(apic_bit(0, APIC_TMR, 0x93), 1);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(apic_board.exit.ApicEoi.InterruptVector, 0x93);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	/* It is over: the vector is out of service, RIP behind the write. */
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicIsr4), 0);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	/* An edge-triggered one of the same vector takes the mark away. */
	request(0x93, false);
	CHECK_EQ(apic_take(0), 2);
	CHECK_EQ(apic_bit(0, APIC_TMR, 0x93), 0);
}

static void apic_level_and_edge_mix(void)
{
	begin();
	request(0x93, true);
	request(0xa4, false);
	request(0x52, true);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(apic_board.exit.ApicEoi.InterruptVector, 0x93);
	CHECK_EQ(board_run(&apic_board, 0), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(apic_board.exit.ApicEoi.InterruptVector, 0x52);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 3);
}

/* SDM 3A "Broadcast/Suppressing EOI": where the version says that it can be, it is. */
static void apic_eoi_broadcast_can_be_suppressed_if_the_version_says(void)
{
	begin();
	if (!(apic_get(0, APIC_VERSION) >> 24 & 1)) {
		apic_set(0, APIC_SVR, SVR_ENABLED | 1u << 12);
		CHECK_EQ(apic_fault, apic_is_x2 ? OP_GP : 0);
		CHECK_EQ(apic_get(0, APIC_SVR), SVR_ENABLED);
		return;
	}
	apic_set(0, APIC_SVR, SVR_ENABLED | 1u << 12);
	request(0x93, true);
	CHECK_EQ(apic_take(0), 1);
}

/* What was pending when the guest disabled it by software is held, for the CPU to handle now or later: it comes once. */
static void apic_software_disable_holds_what_is_pending(void)
{
	begin();
	request(0x77, false);
	apic_set(0, APIC_SVR, 0xff);
	CHECK(apic_take(0) <= 1);
	apic_set(0, APIC_SVR, SVR_ENABLED);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(vector_of(0), 0x77);
}

/* The second one comes where the first has returned to, before another instruction. */
static void apic_nmi_ignores_priority_and_waits_for_iret(void)
{
	const struct op inside[] = { OP(OUT, .argument = 0x80), OP(DELAY, .value = 200) };

	begin();
	(void)apic_do(0, OP(WRITE_CR8, .value = 15));
	board_handle(&apic_board, 2, 0, inside, 2);
	CHECK_EQ(apic_request(WHvX64InterruptTypeNmi, 0, 0, false, false), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(CLI)), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	CHECK_EQ(apic_request(WHvX64InterruptTypeNmi, 0, 0, false, false), S_OK);
	board_skip(&apic_board, 0);
	CHECK_EQ(board_run(&apic_board, 0), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(board_events(&apic_board, 0), 2);
	CHECK_EQ(board_event(&apic_board, 0, 1)->rip, board_event(&apic_board, 0, 0)->rip);
	board_skip(&apic_board, 0);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 2);
}

/* PendingEvent's ExtInt: as from a PIC at LINT0, beside the APIC's own registers. */
static void apic_external_interrupt_passes_the_apic_by(void)
{
	const WHV_X64_PENDING_EXT_INT_EVENT event = { .EventPending = 1,
						      .EventType = WHvX64PendingEventExtInt,
						      .Vector = 0x38 };
	const WHV_REGISTER_NAME name = WHvRegisterPendingEvent;
	WHV_REGISTER_VALUE value = { .ExtIntEvent = event };

	begin();
	board_handle(&apic_board, 0x38, 0, NULL, 0);
	(void)apic_do(0, OP(WRITE_CR8, .value = 15));
	CHECK_EQ(WHvSetVirtualProcessorRegisters(apic_board.partition, 0, &name, 1, &value), S_OK);
	/* It waits for RFLAGS.IF. */
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(DELAY, .value = 50)), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 0);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(vector_of(0), 0x38);
	CHECK_EQ(apic_bit(0, APIC_ISR, 0x38), 0);
	CHECK_EQ(apic_take(0), 1);
}

void apic_priority_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(apic_tpr_is_cr8),
		BOTH(apic_highest_vector_comes_first),
		BOTH(apic_one_vector_twice_is_once),
		BOTH(apic_tpr_holds_back_its_class_and_lower),
		BOTH(apic_lower_tpr_lets_them_in_at_once),
		BOTH(apic_ppr_follows_service_and_tpr),
		BOTH(apic_handlers_nest_by_class),
		BOTH(apic_without_eoi_nothing_of_the_class_comes),
		BOTH(apic_eoi_of_nothing_is_nothing),
		BOTH(apic_level_eoi_exits_with_its_vector),
		BOTH(apic_level_and_edge_mix),
		BOTH(apic_eoi_broadcast_can_be_suppressed_if_the_version_says),
		BOTH(apic_software_disable_holds_what_is_pending),
		BOTH(apic_nmi_ignores_priority_and_waits_for_iret),
		BOTH(apic_external_interrupt_passes_the_apic_by),
	};

	RUN_APIC(tests);
}
