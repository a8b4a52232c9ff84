// SPDX-License-Identifier: MIT
/*
 * The local APIC as state of a VP: the page that clients save and restore, both layouts, and its registers by name.
 */
#include "tests/random.h"
#include "tests/system/apps/conformance/apic.h"

#include "root/call/platform.h"
#include "x86/apic.h"

#define BYTES	 4096u
#define VECTOR	 0x66u
#define N(array) (sizeof(array) / sizeof((array)[0]))

static uint8_t state[BYTES] __attribute__((aligned(16))), other[BYTES] __attribute__((aligned(16)));

static void begin(void)
{
	apic_begin(&(const struct board_options) { .n_vps = 2, .turns = WHIT_TURN_HALT });
	board_handle(&apic_board, VECTOR, apic_eoi_action(), NULL, 0);
}

static uint32_t word(const uint8_t *page, uint32_t reg)
{
	return *(const uint32_t *)(const void *)(page + 16 * reg);
}

static void set_word(uint8_t *page, uint32_t reg, uint32_t value)
{
	*(uint32_t *)(void *)(page + 16 * reg) = value;
}

static void get(uint32_t vp, uint8_t *page)
{
	UINT32 written = 0;

	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState2(apic_board.partition, vp, page,
								 BYTES, &written),
		 S_OK);
	CHECK_EQ(written, BYTES);
}

static void set(uint32_t vp, const uint8_t *page)
{
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, vp, page,
								 BYTES),
		 S_OK);
}

/* Something in every register that can have it. */
static void fill_by_the_guest(void)
{
	const struct op ops[] = { apic_write(APIC_TPR, 0x7a),
				  apic_write(APIC_LVT_TIMER, LVT_MASKED | LVT_PERIODIC | 0x51),
				  apic_write(APIC_LVT_THERMAL, 0x52),
				  apic_write(APIC_LVT_PERF, 0x453),
				  apic_write(APIC_LVT_LINT0, 0x754),
				  apic_write(APIC_LVT_LINT1, 0xa455),
				  apic_write(APIC_LVT_ERROR, 0x56),
				  apic_write(APIC_DIVIDE, DIVIDE_BY_16),
				  apic_destination(1),
				  apic_send(ICR_FIXED | 0x58, 1) };

	CHECK_EQ(board_script(&apic_board, 0, ops, N(ops)), BOARD_DONE);
	if (apic_is_x2)
		return;
	apic_set(0, APIC_LDR, 0x09000000);
	apic_set(0, APIC_DFR, 0x0fffffff);
}

static void apic_state_is_the_page(void)
{
	static const uint32_t regs[] = {
		APIC_VERSION,		APIC_TPR,      APIC_SVR,       APIC_LVT_TIMER,
		APIC_LVT_THERMAL,	APIC_LVT_PERF, APIC_LVT_LINT0, APIC_LVT_LINT1,
		APIC_LVT_ERROR,		APIC_DIVIDE,   APIC_INITIAL,   APIC_LDR,
		APIC_IRR + VECTOR / 32, APIC_ESR
	};

	begin();
	fill_by_the_guest();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, true), S_OK);
	get(0, state);
	for (unsigned int i = 0; i < N(regs); i++)
		CHECK_EQ(word(state, regs[i]), apic_get(0, regs[i]));
	CHECK_EQ(word(state, APIC_TPR), 0x7a);
	CHECK_EQ(word(state, APIC_LVT_LINT1), 0xa455);
	CHECK_EQ(word(state, APIC_IRR + VECTOR / 32), 1u << VECTOR % 32);
	CHECK_EQ(word(state, APIC_TMR + VECTOR / 32), 1u << VECTOR % 32);
	for (uint32_t i = 1024; i < BYTES; i++)
		CHECK_EQ(state[i], 0);
}

static void apic_state_moves_to_another_partition(void)
{
	begin();
	fill_by_the_guest();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, true), S_OK);
	get(0, state);
	apic_end();
	begin();
	set(0, state);
	get(0, other);
	for (uint32_t i = 0; i < BYTES; i++)
		CHECK_EQ(other[i], state[i]);
	CHECK_EQ(apic_get(0, APIC_LVT_LINT0), 0x754);
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterCr8), 7);
	/* What was pending there comes here, and exits at its EOI. */
	CHECK_EQ(apic_take(0), 0);
	(void)apic_do(0, OP(WRITE_CR8, .value = 0));
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64ApicEoi);
	CHECK_EQ(apic_board.exit.ApicEoi.InterruptVector, VECTOR);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
}

static void apic_state_keeps_what_is_in_service(void)
{
	const struct op inside[] = { OP(OUT, .argument = 0x80) };

	begin();
	board_handle(&apic_board, VECTOR, apic_eoi_action(), inside, 1);
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, false), S_OK);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(STI), OP0(CLI)), WHvRunVpExitReasonX64IoPortAccess);
	board_skip(&apic_board, 0);
	get(0, state);
	CHECK_EQ(word(state, APIC_ISR + VECTOR / 32), 1u << VECTOR % 32);
	platform_clear(other, BYTES);
	set(0, state);
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, 0x68, false, false), S_OK);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	get(0, state);
	CHECK_EQ(word(state, APIC_ISR + VECTOR / 32) & 1u << VECTOR % 32, 0);
}

static void apic_state_shows_a_pending_nmi(void)
{
	begin();
	CHECK_EQ(apic_request(WHvX64InterruptTypeNmi, 0, 0, false, false), S_OK);
	get(0, state);
	CHECK_EQ(word(state, APIC_IRR), 1u << 2);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(CLI)), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 1);
	get(0, other);
	CHECK_EQ(word(other, APIC_IRR), 0);
	/* And in the other direction. */
	set(0, state);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP0(CLI)), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 0), 2);
	CHECK_EQ(board_event(&apic_board, 0, 1)->vector, 2);
}

static void apic_state_restores_a_running_timer(void)
{
	begin();
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_LVT_TIMER, VECTOR),
			apic_write(APIC_DIVIDE, DIVIDE_BY_1), apic_write(APIC_INITIAL, 10000000)),
		 BOARD_DONE);
	get(0, state);
	CHECK_EQ(word(state, APIC_INITIAL), 10000000);
	CHECK(word(state, APIC_CURRENT) > 0 && word(state, APIC_CURRENT) < 10000000);
	apic_end();
	begin();
	set(0, state);
	CHECK_EQ(apic_get(0, APIC_INITIAL), 10000000);
	CHECK(apic_get(0, APIC_CURRENT) > 0 && apic_get(0, APIC_CURRENT) < 10000000);
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(APIC_INITIAL, 0)), BOARD_DONE);
}

static void apic_state_through_the_general_call_is_the_same(void)
{
	UINT32 written = 0;

	begin();
	fill_by_the_guest();
	get(0, state);
	CHECK_EQ(WHvGetVirtualProcessorState(apic_board.partition, 0,
					     WHvVirtualProcessorStateTypeInterruptControllerState2,
					     other, BYTES, &written),
		 S_OK);
	CHECK_EQ(written, BYTES);
	for (uint32_t i = 0; i < BYTES; i++)
		CHECK_EQ(other[i], state[i]);
	set_word(other, APIC_TPR, 0x20);
	CHECK_EQ(WHvSetVirtualProcessorState(apic_board.partition, 0,
					     WHvVirtualProcessorStateTypeInterruptControllerState2,
					     other, BYTES),
		 S_OK);
	CHECK_EQ(apic_do(0, OP0(READ_CR8)), 2);
}

static void apic_state_of_the_first_layout_comes_back(void)
{
	UINT32 written = 0;

	begin();
	fill_by_the_guest();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, false), S_OK);
	get(0, state);
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState(apic_board.partition, 0, other,
								BYTES, &written),
		 S_OK);
	CHECK(written && written <= BYTES);
	apic_end();
	begin();
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState(apic_board.partition, 0, other,
								written),
		 S_OK);
	get(0, other);
	/* The TPR is not in it: it is CR8. */
	CHECK_EQ(word(other, APIC_SVR), word(state, APIC_SVR));
	CHECK_EQ(word(other, APIC_IRR + VECTOR / 32), word(state, APIC_IRR + VECTOR / 32));
	CHECK_EQ(word(other, APIC_LVT_LINT1), word(state, APIC_LVT_LINT1));
	CHECK_EQ(word(other, APIC_DIVIDE), word(state, APIC_DIVIDE));
}

static void apic_state_refuses_bad_calls(void)
{
	UINT32 written = 0;

	begin();
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, state,
								 100, &written),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState2(apic_board.partition, 9, state,
								 BYTES, &written),
		 WHV_E_VP_DOES_NOT_EXIST);
	CHECK(FAILED(WHvGetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, NULL,
								     BYTES, &written)));
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, NULL,
								 BYTES),
		 E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, state,
								 100),
		 E_POINTER);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, 9, state,
								 BYTES),
		 WHV_E_VP_DOES_NOT_EXIST);
}

/* Whatever a page says, the answer is a result, and the guest goes on or is refused. */
static void apic_state_bears_any_page(void)
{
	struct random rng = { 0x5eed };

	begin();
	for (unsigned int round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < BYTES; i++)
			state[i] = (uint8_t)random_next(&rng);
		(void)WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, 1,
								      state, BYTES);
		get(1, other);
		CHECK_EQ(word(other, APIC_LVT_ERROR) & ~0x110ffu, 0);
		CHECK_EQ(word(other, APIC_TPR) & ~0xffu, 0);
	}
	/* The other VP is as it was. */
	CHECK_EQ(apic_get(0, APIC_SVR), SVR_ENABLED);
}

static void apic_registers_have_names(void)
{
	static const struct {
		uint32_t name, reg;
		bool can_write;
		uint32_t value;
	} rows[] = {
		{ WHvX64RegisterApicVersion, APIC_VERSION, false, 0 },
		{ WHvX64RegisterApicTpr, APIC_TPR, true, 0x35 },
		{ WHvX64RegisterApicPpr, APIC_PPR, false, 0 },
		{ WHvX64RegisterApicSpurious, APIC_SVR, true, 0x1ef },
		{ WHvX64RegisterApicIsr0, APIC_ISR, false, 0 },
		{ WHvX64RegisterApicTmr7, APIC_TMR + 7, false, 0 },
		{ WHvX64RegisterApicIrr3, APIC_IRR + 3, false, 0 },
		{ WHvX64RegisterApicEse, APIC_ESR, false, 0 },
		{ WHvX64RegisterApicLvtTimer, APIC_LVT_TIMER, true,
		  LVT_MASKED | LVT_PERIODIC | 0x77 },
		{ WHvX64RegisterApicLvtThermal, APIC_LVT_THERMAL, true, 0x10078 },
		{ WHvX64RegisterApicLvtPerfmon, APIC_LVT_PERF, true, 0x479 },
		{ WHvX64RegisterApicLvtLint0, APIC_LVT_LINT0, true, 0x77a },
		{ WHvX64RegisterApicLvtLint1, APIC_LVT_LINT1, true, 0x47b },
		{ WHvX64RegisterApicLvtError, APIC_LVT_ERROR, true, 0x7c },
		{ WHvX64RegisterApicInitCount, APIC_INITIAL, true, 0 },
		{ WHvX64RegisterApicCurrentCount, APIC_CURRENT, false, 0 },
		{ WHvX64RegisterApicDivide, APIC_DIVIDE, true, 9 },
	};

	begin();
	for (unsigned int i = 0; i < N(rows); i++) {
		if (rows[i].can_write)
			CHECK_EQ(board_set(&apic_board, 0, rows[i].name, rows[i].value), S_OK);
		CHECK_EQ(board_get(&apic_board, 0, rows[i].name), apic_get(0, rows[i].reg));
		if (rows[i].can_write)
			CHECK_EQ(apic_get(0, rows[i].reg), rows[i].value);
	}
	/* Bits that it has not got. */
	CHECK(FAILED(board_set(&apic_board, 0, WHvX64RegisterApicLvtLint0, 0x87a)));
	CHECK(FAILED(board_set(&apic_board, 0, WHvX64RegisterApicTpr, 0x100)));
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicTpr), 0x35);
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicId), apic_get(0, APIC_ID));
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicLdr), apic_get(0, APIC_LDR));
}

/* Names in the gaps are none. */
static void apic_registers_without_a_name_are_refused(void)
{
	static const uint32_t gaps[] = { 0x3000, 0x3001, 0x3004, 0x3009, 0x300c, 0x300e,
					 0x3029, 0x302e, 0x3031, 0x303a, 0x3040 };

	begin();
	for (unsigned int i = 0; i < N(gaps); i++) {
		WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)gaps[i];
		WHV_REGISTER_VALUE value;

		CHECK_EQ(WHvGetVirtualProcessorRegisters(apic_board.partition, 0, &name, 1, &value),
			 WHV_E_INVALID_VP_REGISTER_NAME);
	}
}

static void apic_base_is_a_register(void)
{
	const uint64_t on = APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP;

	begin();
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicBase),
		 on | (apic_is_x2 ? APIC_BASE_EXTD : 0));
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterInitialApicId), 0);
	CHECK_EQ(board_get(&apic_board, 1, WHvX64RegisterInitialApicId), 1);
	CHECK(FAILED(board_set(&apic_board, 0, WHvX64RegisterApicBase, on | 1)));
	CHECK(FAILED(board_set(&apic_board, 0, WHvX64RegisterApicBase,
			       (on | APIC_BASE_EXTD) & ~(uint64_t)APIC_BASE_ENABLE)));
	/* A client that restores a VP goes where the guest could only go by steps. */
	CHECK_EQ(board_set(&apic_board, 0, WHvX64RegisterApicBase, on), S_OK);
	CHECK_EQ(apic_do(0, OP(RDMSR, .argument = MSR_APIC_BASE)), on);
}

static void apic_reset_of_the_partition_is_a_reset(void)
{
	begin();
	fill_by_the_guest();
	CHECK_EQ(apic_request(WHvX64InterruptTypeFixed, 0, VECTOR, false, false), S_OK);
	CHECK_EQ(WHvResetPartition(apic_board.partition), S_OK);
	get(0, state);
	CHECK_EQ(word(state, APIC_TPR), 0);
	CHECK_EQ(word(state, APIC_SVR), 0xff);
	CHECK_EQ(word(state, APIC_LVT_LINT0), LVT_MASKED);
	CHECK_EQ(word(state, APIC_LVT_TIMER), LVT_MASKED);
	CHECK_EQ(word(state, APIC_IRR + VECTOR / 32), 0);
	CHECK_EQ(word(state, APIC_DIVIDE), 0);
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterApicBase),
		 APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP);
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterCr8), 0);
	CHECK_EQ(board_ready(&apic_board, 0), S_OK);
	CHECK_EQ(apic_take(0), 0);
}

void apic_state_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(apic_state_is_the_page),
		BOTH(apic_state_moves_to_another_partition),
		BOTH(apic_state_keeps_what_is_in_service),
		BOTH(apic_state_shows_a_pending_nmi),
		BOTH(apic_state_restores_a_running_timer),
		BOTH(apic_state_through_the_general_call_is_the_same),
		BOTH(apic_state_of_the_first_layout_comes_back),
		BOTH(apic_state_refuses_bad_calls),
		BOTH(apic_state_bears_any_page),
		BOTH(apic_registers_have_names),
		BOTH(apic_registers_without_a_name_are_refused),
		BOTH(apic_base_is_a_register),
		BOTH(apic_reset_of_the_partition_is_a_reset),
	};

	RUN_APIC(tests);
}
