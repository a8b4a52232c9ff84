// SPDX-License-Identifier: MIT
/*
 * What APICs send each other: all shorthands and destination modes, lowest priority, NMI, INIT and SIPI. The VPs of
 * the board take turns on one processor. SDM 3A "Issuing Interprocessor Interrupts".
 */
#include "tests/system/apps/conformance/apic.h"
#include "x86/apic.h"

#define VPS    3u
#define VECTOR 0x45u

static void begin(void)
{
	apic_begin(&(const struct board_options) { .n_vps = VPS,
						   .turns = WHIT_TURN_HALT | WHIT_TURN_SPIN });
	board_handle(&apic_board, VECTOR, apic_eoi_action(), NULL, 0);
}

static void send(uint32_t vp, uint32_t low, uint32_t destination)
{
	CHECK_EQ(
		SCRIPT(&apic_board, vp, apic_destination(destination), apic_send(low, destination)),
		BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, vp, 1)->fault, 0);
}

/* Which VPs have got something, as bits, when all have been asked; then they have forgotten it. */
static uint32_t takers(void)
{
	uint32_t bits = 0;

	for (uint32_t vp = 0; vp < VPS; vp++) {
		const uint64_t n = apic_take(vp);

		CHECK(n <= 1);
		bits |= (n != 0) << vp;
		board_forget(&apic_board, vp);
	}
	return bits;
}

static void apic_ipi_reaches_a_physical_destination(void)
{
	begin();
	for (uint32_t from = 0; from < VPS; from++) {
		for (uint32_t to = 0; to < VPS; to++) {
			send(from, ICR_FIXED | VECTOR, to);
			CHECK_EQ(takers(), 1u << to);
		}
	}
	/* Nobody is there. */
	send(0, ICR_FIXED | VECTOR, 77);
	CHECK_EQ(takers(), 0);
}

static void apic_ipi_reaches_all_by_broadcast(void)
{
	begin();
	send(1, ICR_FIXED | VECTOR, apic_is_x2 ? ~0u : 0xff);
	CHECK_EQ(takers(), 7);
	for (uint32_t vp = 0; vp < VPS && !apic_is_x2; vp++)
		apic_set(vp, APIC_LDR, 0x01000000u << vp);
	send(1, ICR_FIXED | ICR_LOGICAL | VECTOR, apic_is_x2 ? ~0u : 0xff);
	CHECK_EQ(takers(), 7);
}

static void apic_ipi_has_three_shorthands(void)
{
	begin();
	for (uint32_t from = 0; from < VPS; from++) {
		send(from, ICR_SELF | VECTOR, 77);
		CHECK_EQ(takers(), 1u << from);
		send(from, ICR_ALL | VECTOR, 77);
		CHECK_EQ(takers(), 7);
		send(from, ICR_OTHERS | VECTOR, 77);
		CHECK_EQ(takers(), 7 & ~(1u << from));
	}
}

static void apic_self_ipi_register_is_a_self_ipi(void)
{
	apic_is_x2 = true;
	begin();
	apic_set(1, APIC_SELF_IPI, VECTOR);
	CHECK_EQ(apic_fault, 0);
	CHECK_EQ(takers(), 2);
	apic_end();
	apic_is_x2 = false;
}

static void apic_ipi_flat_logical_destinations_are_masks(void)
{
	begin();
	for (uint32_t vp = 0; vp < VPS; vp++)
		apic_set(vp, APIC_LDR, 0x01000000u << vp);
	for (uint32_t mask = 0; mask < 16; mask++) {
		send(0, ICR_LOGICAL | VECTOR, mask);
		CHECK_EQ(takers(), mask & 7);
	}
	/* Two bits in one LDR are two names. */
	apic_set(2, APIC_LDR, 0xc0000000);
	send(0, ICR_LOGICAL | VECTOR, 0x80);
	CHECK_EQ(takers(), 4);
	send(0, ICR_LOGICAL | VECTOR, 0x41);
	CHECK_EQ(takers(), 5);
	apic_end();
}

static void apic_ipi_cluster_logical_destinations_are_pairs(void)
{
	static const uint32_t names[VPS] = { 0x01000000, 0x02000000, 0x21000000 };

	begin();
	for (uint32_t vp = 0; vp < VPS; vp++) {
		apic_set(vp, APIC_DFR, 0x0fffffff);
		apic_set(vp, APIC_LDR, names[vp]);
	}
	send(2, ICR_LOGICAL | VECTOR, 0x01);
	CHECK_EQ(takers(), 1);
	send(2, ICR_LOGICAL | VECTOR, 0x03);
	CHECK_EQ(takers(), 3);
	send(2, ICR_LOGICAL | VECTOR, 0x21);
	CHECK_EQ(takers(), 4);
	send(2, ICR_LOGICAL | VECTOR, 0x23);
	CHECK_EQ(takers(), 4);
	send(2, ICR_LOGICAL | VECTOR, 0x11);
	CHECK_EQ(takers(), 0);
	/* All of all clusters. */
	send(2, ICR_LOGICAL | VECTOR, 0xff);
	CHECK_EQ(takers(), 7);
	apic_end();
}

static void apic_ipi_x2apic_logical_destinations_are_derived(void)
{
	apic_is_x2 = true;
	begin();
	for (uint32_t mask = 0; mask < 16; mask++) {
		send(0, ICR_LOGICAL | VECTOR, mask);
		CHECK_EQ(takers(), mask & 7);
	}
	send(0, ICR_LOGICAL | VECTOR, 1u << 16 | 1);
	CHECK_EQ(takers(), 0);
	apic_end();
	apic_is_x2 = false;
}

/* To one of them, and to none whose APIC is off; to the one with the lowest priority. */
static void apic_ipi_lowest_priority_goes_to_one(void)
{
	begin();
	for (uint32_t vp = 0; vp < VPS && !apic_is_x2; vp++)
		apic_set(vp, APIC_LDR, 0x01000000u << vp);
	for (unsigned int i = 0; i < 6; i++) {
		uint32_t bits;

		send(0, ICR_LOWEST | ICR_LOGICAL | VECTOR, 7);
		bits = takers();
		CHECK(bits && !(bits & (bits - 1)));
	}
	send(0, ICR_LOWEST | ICR_LOGICAL | VECTOR, 2);
	CHECK_EQ(takers(), 2);
	for (uint32_t vp = 0; vp < VPS; vp++)
		apic_set(vp, APIC_TPR, vp == 1 ? 0x10 : 0x30);
	send(0, ICR_LOWEST | ICR_LOGICAL | VECTOR, 7);
	CHECK_EQ(takers(), 2);
	apic_set(1, APIC_SVR, 0xff);
	send(0, ICR_LOWEST | ICR_LOGICAL | VECTOR, 6);
	CHECK_EQ(takers(), 4);
}

static void apic_ipi_register_can_be_read_back(void)
{
	begin();
	send(0, ICR_FIXED | VECTOR, 1);
	CHECK_EQ(apic_get(0, APIC_ICR), apic_is_x2 ? 1ull << 32 | VECTOR : VECTOR);
	if (!apic_is_x2)
		CHECK_EQ(apic_get(0, APIC_ICR_HIGH), 1u << 24);
	(void)takers();
}

static void apic_ipi_nmi_needs_no_vector(void)
{
	begin();
	send(0, ICR_NMI | 0x99, 2);
	CHECK_EQ(takers(), 4);
	send(0, ICR_NMI | ICR_OTHERS, 0);
	CHECK_EQ(takers(), 6);
}

/* A vector below 16: the sender notes it, and it goes nowhere, or the receiver notes it as well. */
static void apic_ipi_of_an_illegal_vector_is_an_error(void)
{
	begin();
	for (uint32_t vector = 0; vector < 16; vector += 5) {
		send(0, ICR_FIXED | vector, 1);
		apic_set(0, APIC_ESR, 0);
		CHECK_EQ(apic_get(0, APIC_ESR) & ~(uint64_t)ESR_RECEIVE, ESR_SEND);
		CHECK_EQ(apic_bit(1, APIC_IRR, (uint8_t)vector), 0);
	}
	send(0, ICR_FIXED | 16, 1);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR), 0);
	CHECK_EQ(apic_bit(1, APIC_IRR, 16), 1);
}

/* SMI, and the reserved modes, go nowhere: there is no SMM. */
static void apic_ipi_of_other_modes_is_nothing(void)
{
	begin();
	send(0, ICR_SMI, 1);
	CHECK_EQ(takers(), 0);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(3u << 8 | VECTOR, 1));
	CHECK_EQ(takers(), 0);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(7u << 8 | VECTOR, 1));
	CHECK_EQ(takers(), 0);
}

/* A VP that spins for another's word gives the turn away; by turns they get on. */
static void apic_ipi_answers_come_by_turns(void)
{
	uint32_t a, b;

	begin();
	board_load(&apic_board, 0,
		   (const struct op[]) { apic_destination(1), apic_send(VECTOR, 1), OP0(STI),
					 OP(WAIT_LOG, .argument = 1000000, .value = 1) },
		   4);
	board_load(&apic_board, 1,
		   (const struct op[]) { OP0(STI), OP(WAIT_LOG, .argument = 1000000, .value = 1),
					 apic_destination(0), apic_send(VECTOR, 0) },
		   4);
	/* Where the processor cannot tell a spin, a timer of the root's would; here the looks are bounded. */
	a = board_run(&apic_board, 0);
	if (a == WhitRunVpExitReasonTurn) {
		b = board_run(&apic_board, 1);
		CHECK_EQ(b, BOARD_DONE);
		for (unsigned int i = 0; i < 10 && a == WhitRunVpExitReasonTurn; i++)
			a = board_run(&apic_board, 0);
		CHECK_EQ(a, BOARD_DONE);
		CHECK_EQ(board_events(&apic_board, 0), 1);
		CHECK_EQ(board_events(&apic_board, 1), 1);
	}
}

/* ---- INIT and SIPI ----------------------------------------------------------------------- */

static void begin_waiting(uint64_t extended_exits)
{
	apic_begin(&(const struct board_options) { .n_vps = VPS,
						   .turns = WHIT_TURN_HALT,
						   .aps_wait = true,
						   .extended_exits = extended_exits });
}

static const struct op seen_by_ap[] = { { .code = OP_RDMSR, .argument = MSR_APIC_BASE },
					{ .code = OP_READ_CR0 } };

static void apic_init_and_sipi_start_a_vp(void)
{
	begin_waiting(0);
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
	CHECK_EQ(((const struct whit_turn *)(const void *)apic_board.exit.AsUINT64)->deadline,
		 ~0ull);
	send(0, ICR_INIT | ICR_ASSERT | ICR_LEVEL, 1);
	send(0, ICR_INIT | ICR_LEVEL, 1); /* the de-assert of old: nothing */
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
	CHECK_EQ(board_get(&apic_board, 1, WHvRegisterInternalActivityState) & 1, 1);
	send(0, ICR_SIPI | ICR_ASSERT | BOARD_AP_CODE >> 12, 1);
	send(0, ICR_SIPI | ICR_ASSERT | BOARD_AP_CODE >> 12, 1);
	board_load(&apic_board, 1, seen_by_ap, 2);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, 1, 0)->result, APIC_PAGE | APIC_BASE_ENABLE);
	CHECK_EQ(board_op(&apic_board, 1, 1)->result & 0x80000001, 0x80000001);
	CHECK_EQ(board_get(&apic_board, 1, WHvRegisterInternalActivityState) & 1, 0);
	/* The third one still sleeps, and the first was never touched. */
	CHECK_EQ(board_run(&apic_board, 2), WhitRunVpExitReasonTurn);
	CHECK_EQ(apic_take(0), 0);
}

static void apic_init_and_sipi_to_all_others(void)
{
	begin_waiting(0);
	send(0, ICR_INIT | ICR_ASSERT | ICR_OTHERS, 0);
	send(0, ICR_SIPI | ICR_ASSERT | ICR_OTHERS | BOARD_AP_CODE >> 12, 0);
	for (uint32_t vp = 1; vp < VPS; vp++) {
		board_load(&apic_board, vp, seen_by_ap, 2);
		CHECK_EQ(board_run(&apic_board, vp), BOARD_DONE);
	}
	CHECK_EQ(apic_take(0), 0);
}

static void apic_sipi_to_one_that_runs_is_nothing(void)
{
	begin();
	send(0, ICR_SIPI | ICR_ASSERT | 0x6, 1);
	CHECK_EQ(takers(), 0);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterCr0) & 1, 1);
}

/* INIT stops one that runs; what SDM 3A says stays does: the APIC's ID and base, the TSC, x87 state. */
static void apic_init_resets_and_waits(void)
{
	uint64_t base;

	begin();
	base = apic_do(1, OP(RDMSR, .argument = MSR_APIC_BASE));
	CHECK_EQ(SCRIPT(&apic_board, 1, apic_write(APIC_TPR, 0x70),
			apic_write(APIC_LVT_LINT0, 0x33), OP(WRITE_DR, .argument = 0, .value = 5)),
		 BOARD_DONE);
	send(0, ICR_INIT | ICR_ASSERT, 1);
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterRip), 0xfff0);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterCr8), 0);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterDr0), 0);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterApicBase), base);
	send(0, ICR_SIPI | ICR_ASSERT | BOARD_AP_CODE >> 12, 1);
	board_load(&apic_board, 1,
		   (const struct op[]) { apic_read(APIC_ID), apic_read(APIC_SVR),
					 apic_read(APIC_LVT_LINT0) },
		   3);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, 1, 0)->result, apic_is_x2 ? 1 : 1u << 24);
	CHECK_EQ(board_op(&apic_board, 1, 1)->result, 0xff);
	CHECK_EQ(board_op(&apic_board, 1, 2)->result, LVT_MASKED);
}

static void apic_interrupt_before_the_sipi_is_not_lost_on_the_others(void)
{
	begin_waiting(0);
	board_handle(&apic_board, VECTOR, apic_eoi_action(), NULL, 0);
	/* Its APIC is off by software: it takes no fixed interrupt, and one for all reaches the first. */
	send(0, ICR_ALL | VECTOR, 0);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
}

void apic_ipi_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(apic_ipi_reaches_a_physical_destination),
		BOTH(apic_ipi_reaches_all_by_broadcast),
		BOTH(apic_ipi_has_three_shorthands),
		ONCE(apic_self_ipi_register_is_a_self_ipi),
		ONCE(apic_ipi_flat_logical_destinations_are_masks),
		ONCE(apic_ipi_cluster_logical_destinations_are_pairs),
		ONCE(apic_ipi_x2apic_logical_destinations_are_derived),
		BOTH(apic_ipi_lowest_priority_goes_to_one),
		BOTH(apic_ipi_register_can_be_read_back),
		BOTH(apic_ipi_nmi_needs_no_vector),
		BOTH(apic_ipi_of_an_illegal_vector_is_an_error),
		BOTH(apic_ipi_of_other_modes_is_nothing),
		BOTH(apic_ipi_answers_come_by_turns),
		BOTH(apic_init_and_sipi_start_a_vp),
		BOTH(apic_init_and_sipi_to_all_others),
		BOTH(apic_sipi_to_one_that_runs_is_nothing),
		BOTH(apic_init_resets_and_waits),
		BOTH(apic_interrupt_before_the_sipi_is_not_lost_on_the_others),
	};

	RUN_APIC(tests);
}
