// SPDX-License-Identifier: MIT
/* WHvRequestInterrupt and WHvGetInterruptTargetVpSet: what the client's own interrupt controller sends. */
#include "tests/system/apps/conformance/apic.h"

#define VPS    3u
#define VECTOR 0x57u

static void begin(void)
{
	apic_begin(&(const struct board_options) { .n_vps = VPS, .turns = WHIT_TURN_HALT });
	board_handle(&apic_board, VECTOR, apic_eoi_action(), NULL, 0);
}

static void set_logical_names(void)
{
	for (uint32_t vp = 0; vp < VPS && !apic_is_x2; vp++)
		apic_set(vp, APIC_LDR, 0x01000000u << vp);
}

static uint32_t takers(void)
{
	uint32_t bits = 0;

	for (uint32_t vp = 0; vp < VPS; vp++) {
		bits |= (apic_take(vp) != 0) << vp;
		board_forget(&apic_board, vp);
	}
	return bits;
}

static void request_fixed_reaches_its_destination(void)
{
	begin();
	for (uint32_t vp = 0; vp < VPS; vp++) {
		CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, vp, VECTOR, false, false), S_OK);
		CHECK_EQ(takers(), 1u << vp);
	}
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, apic_is_x2 ? ~0u : 0xff, VECTOR, false,
			      false),
		 S_OK);
	CHECK_EQ(takers(), 7);
	set_logical_names();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 5, VECTOR, true, false), S_OK);
	CHECK_EQ(takers(), 5);
	/* Nobody: lost, as on a bus. */
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 99, VECTOR, false, false), S_OK);
	CHECK_EQ(takers(), 0);
}

static void request_lowest_priority_reaches_one(void)
{
	uint32_t bits;

	begin();
	set_logical_names();
	CHECK_EQ(apic_request(WHvX64InterruptTypeLowestPriority, 6, VECTOR, true, false), S_OK);
	bits = takers();
	CHECK(bits == 2 || bits == 4);
	apic_set(1, APIC_TPR, 0x40);
	CHECK_EQ(apic_request(WHvX64InterruptTypeLowestPriority, 6, VECTOR, true, false), S_OK);
	CHECK_EQ(takers(), 4);
}

static void request_nmi_is_an_nmi(void)
{
	begin();
	CHECK_EQ(apic_request(WHvX64InterruptTypeNmi, 2, 0, false, false), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 2, OP0(CLI)), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 2), 1);
	CHECK_EQ(board_event(&apic_board, 2, 0)->vector, 2);
}

/* By what LINT1 is programmed to. */
static void request_lint1_asks_its_table_entry(void)
{
	begin();
	CHECK_EQ(apic_request(WHvX64InterruptTypeLocalInt1, 0, 0, false, false), S_OK);
	CHECK_EQ(apic_take(0), 0); /* masked */
	apic_set(0, APIC_LVT_LINT1, 4u << 8);
	CHECK_EQ(apic_request(WHvX64InterruptTypeLocalInt1, 0, 0, false, false), S_OK);
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(board_event(&apic_board, 0, 0)->vector, 2);
	apic_set(0, APIC_LVT_LINT1, VECTOR);
	CHECK_EQ(apic_request(WHvX64InterruptTypeLocalInt1, 0, 0x99, false, false), S_OK);
	CHECK_EQ(apic_take(0), 2);
	CHECK_EQ(board_event(&apic_board, 0, 1)->vector, VECTOR);
}

static void request_init_and_sipi_start_a_vp(void)
{
	begin();
	CHECK_EQ(apic_request(WHvX64InterruptTypeInit, 1, 0, false, false), S_OK);
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
	CHECK_EQ(apic_request(WHvX64InterruptTypeSipi, 1, BOARD_AP_CODE >> 12, false, false), S_OK);
	board_load(&apic_board, 1, (const struct op[]) { OP0(READ_CR0) }, 1);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, 1, 0)->result & 1, 1);
}

static void request_level_exits_at_its_eoi(void)
{
	begin();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 1, VECTOR, false, true), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 1, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(apic_board.exit.ApicEoi.InterruptVector, VECTOR);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	/* Again, while it is in service: once more after the EOI. */
	board_handle(&apic_board, VECTOR, apic_eoi_action(),
		     (const struct op[]) { OP(OUT, .argument = 0x80) }, 1);
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 1, VECTOR, false, true), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 1, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64IoPortAccess);
	board_skip(&apic_board, 1);
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 1, VECTOR, false, true), S_OK);
	CHECK_EQ(board_run(&apic_board, 1), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(board_run(&apic_board, 1), WHvRunVpExitReasonX64IoPortAccess);
	board_skip(&apic_board, 1);
	CHECK_EQ(board_run(&apic_board, 1), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 1), 3);
}

/* Vectors 0 to 15: the receiver's error register, as in hardware; no interrupt. */
static void request_of_an_illegal_vector_is_noted_by_the_receiver(void)
{
	begin();
	for (uint32_t vector = 0; vector < 16; vector += 15) {
		CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 1, vector, false, false), S_OK);
		apic_set(1, APIC_ESR, 0);
		CHECK_EQ(apic_get(1, APIC_ESR), ESR_RECEIVE);
		CHECK_EQ(apic_take(1), 0);
	}
}

static void request_refuses_nonsense(void)
{
	WHV_INTERRUPT_CONTROL control = { .Vector = VECTOR };
	const uint32_t good = 1u << 0 | 1u << 1 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 9;

	begin();
	for (uint32_t type = 0; type < 256; type++) {
		if (type < 32 && good >> type & 1)
			continue;
		CHECK_EQ(apic_request(type, 0, VECTOR, false, false), E_INVALIDARG);
	}
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, 256, false, false), E_INVALIDARG);
	control.DestinationMode = 2;
	CHECK_EQ(WHvRequestInterrupt(apic_board.partition, &control, sizeof(control)),
		 E_INVALIDARG);
	control.DestinationMode = 0;
	control.TriggerMode = 2;
	CHECK_EQ(WHvRequestInterrupt(apic_board.partition, &control, sizeof(control)),
		 E_INVALIDARG);
	control.TriggerMode = 0;
	control.TargetVtl = 1;
	CHECK_EQ(WHvRequestInterrupt(apic_board.partition, &control, sizeof(control)),
		 E_INVALIDARG);
	control.TargetVtl = 0;
	control.Reserved = 1;
	CHECK_EQ(WHvRequestInterrupt(apic_board.partition, &control, sizeof(control)),
		 E_INVALIDARG);
	control.Reserved = 0;
	CHECK(FAILED(WHvRequestInterrupt(apic_board.partition, &control, sizeof(control) - 1)));
	CHECK(FAILED(WHvRequestInterrupt(apic_board.partition, NULL, sizeof(control))));
	CHECK(FAILED(WHvRequestInterrupt(NULL, &control, sizeof(control))));
	CHECK_EQ(takers(), 0);
}

static void request_wakes_a_halted_vp(void)
{
	begin();
	CHECK_EQ(SCRIPT(&apic_board, 2, OP0(STI_HLT_CLI)), WhitRunVpExitReasonTurn);
	CHECK_EQ(board_get(&apic_board, 2, WHvRegisterInternalActivityState) & 2, 2);
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 2, VECTOR, false, false), S_OK);
	CHECK_EQ(board_run(&apic_board, 2), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 2), 1);
	CHECK_EQ(board_get(&apic_board, 2, WHvRegisterInternalActivityState) & 2, 0);
}

static void targets_are_the_vps_of_a_destination(void)
{
	UINT32 targets[4] = { 9, 9, 9, 9 }, n = 9;

	begin();
	set_logical_names();
	for (uint32_t vp = 0; vp < VPS; vp++) {
		CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, vp,
						    WHvX64InterruptDestinationModePhysical, targets,
						    VPS, &n),
			 S_OK);
		CHECK_EQ(n, 1);
		CHECK_EQ(targets[0], vp);
	}
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, 5,
					    WHvX64InterruptDestinationModeLogical, targets, 4, &n),
		 S_OK);
	CHECK_EQ(n, 2);
	CHECK_EQ(targets[0], 0);
	CHECK_EQ(targets[1], 2);
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, apic_is_x2 ? ~0u : 0xff,
					    WHvX64InterruptDestinationModePhysical, targets, 4, &n),
		 S_OK);
	CHECK_EQ(n, VPS);
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, 50,
					    WHvX64InterruptDestinationModePhysical, targets, 4, &n),
		 S_OK);
	CHECK_EQ(n, 0);
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, 0,
					    (WHV_INTERRUPT_DESTINATION_MODE)2, targets, 4, &n),
		 E_INVALIDARG);
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, 0,
					    WHvX64InterruptDestinationModePhysical, targets,
					    VPS - 1, &n),
		 E_INVALIDARG);
	CHECK(FAILED(WHvGetInterruptTargetVpSet(
		apic_board.partition, 0, WHvX64InterruptDestinationModePhysical, NULL, VPS, &n)));
	CHECK(FAILED(WHvGetInterruptTargetVpSet(apic_board.partition, 0,
						WHvX64InterruptDestinationModePhysical, targets,
						VPS, NULL)));
}

void apic_request_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(request_fixed_reaches_its_destination),
		BOTH(request_lowest_priority_reaches_one),
		BOTH(request_nmi_is_an_nmi),
		BOTH(request_lint1_asks_its_table_entry),
		BOTH(request_init_and_sipi_start_a_vp),
		BOTH(request_level_exits_at_its_eoi),
		BOTH(request_of_an_illegal_vector_is_noted_by_the_receiver),
		BOTH(request_refuses_nonsense),
		BOTH(request_wakes_a_halted_vp),
		BOTH(targets_are_the_vps_of_a_destination),
	};

	RUN_APIC(tests);
}
