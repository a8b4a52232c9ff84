// SPDX-License-Identifier: MIT
/*
 * Registers of the local APIC, one by one: what they hold after a reset, which bits can be written, and what cannot
 * be touched at all. SDM 3A "The Local APIC Block Diagram", "Extended XAPIC (x2APIC)".
 */
#include "tests/system/apps/conformance/apic.h"
#include "x86/apic.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void begin(void)
{
	apic_begin_with(2);
}

/* Before the guest has done anything with it, in xAPIC mode. */
static void apic_starts_as_the_manual_says(void)
{
	static const struct {
		uint32_t reg, value;
	} rows[] = { { APIC_TPR, 0 },
		     { APIC_PPR, 0 },
		     { APIC_LDR, 0 },
		     { APIC_DFR, ~0u },
		     { APIC_SVR, 0xff },
		     { APIC_ESR, 0 },
		     { APIC_ICR, 0 },
		     { APIC_ICR_HIGH, 0 },
		     { APIC_LVT_TIMER, LVT_MASKED },
		     { APIC_LVT_THERMAL, LVT_MASKED },
		     { APIC_LVT_PERF, LVT_MASKED },
		     { APIC_LVT_LINT0, LVT_MASKED },
		     { APIC_LVT_LINT1, LVT_MASKED },
		     { APIC_LVT_ERROR, LVT_MASKED },
		     { APIC_INITIAL, 0 },
		     { APIC_CURRENT, 0 },
		     { APIC_DIVIDE, 0 } };
	const struct board_options options = { .n_vps = 2,
					       .apic_mode = WHvX64LocalApicEmulationModeX2Apic };

	CHECK_EQ(board_create(&apic_board, &options), S_OK);
	for (uint32_t vp = 0; vp < 2; vp++) {
		for (unsigned int i = 0; i < N(rows); i++)
			CHECK_EQ(apic_get(vp, rows[i].reg), rows[i].value);
		for (unsigned int i = 0; i < 8; i++) {
			CHECK_EQ(apic_get(vp, APIC_ISR + i), 0);
			CHECK_EQ(apic_get(vp, APIC_TMR + i), 0);
			CHECK_EQ(apic_get(vp, APIC_IRR + i), 0);
		}
		CHECK_EQ(apic_get(vp, APIC_ID), (uint64_t)vp << 24);
		CHECK_EQ(apic_do(vp, OP(RDMSR, .argument = MSR_APIC_BASE)),
			 APIC_PAGE | APIC_BASE_ENABLE | (vp ? 0 : APIC_BASE_BSP));
	}
	apic_end();
}

static void apic_version_is_that_of_a_modern_one(void)
{
	uint64_t version;

	begin();
	version = apic_get(0, APIC_VERSION);
	CHECK((version & 0xff) >= 0x10 && (version & 0xff) <= 0x15);
	/* LVT entries: as many as can be read, at least timer, thermal, performance, LINT0, LINT1, error. */
	CHECK((version >> 16 & 0xff) == 5 || (version >> 16 & 0xff) == 6);
	CHECK_EQ(version & 0xfe00ff00, 0);
}

static void apic_id_is_the_index_of_the_vp(void)
{
	begin();
	for (uint32_t vp = 0; vp < 2; vp++) {
		CHECK_EQ(apic_get(vp, APIC_ID), apic_is_x2 ? vp : (uint64_t)vp << 24);
		CHECK_EQ(apic_do(vp, OP(CPUID, .argument = 1)) >> 56, vp);
	}
	if (!apic_is_x2)
		return;
	CHECK_EQ(apic_get(0, APIC_LDR), 1);
	CHECK_EQ(apic_get(1, APIC_LDR), 2);
}

/* All ones to each register: what can be kept is. */
static void apic_registers_keep_the_bits_that_they_have(void)
{
	static const struct {
		uint32_t reg, writable;
	} rows[] = { { APIC_TPR, 0xff },	  { APIC_SVR, 0x1ff },
		     { APIC_LVT_TIMER, 0x700ff }, { APIC_LVT_THERMAL, 0x107ff },
		     { APIC_LVT_PERF, 0x107ff },  { APIC_LVT_LINT0, 0x1a7ff },
		     { APIC_LVT_LINT1, 0x1a7ff }, { APIC_LVT_ERROR, 0x100ff },
		     { APIC_INITIAL, ~0u },	  { APIC_DIVIDE, 0xb } };

	begin();
	for (unsigned int i = 0; i < N(rows); i++) {
		const uint32_t reg = rows[i].reg, writable = rows[i].writable & ~LVT_DEADLINE;

		apic_set(0, reg, writable);
		CHECK_EQ(apic_fault, 0);
		CHECK_EQ(apic_get(0, reg), writable);
		/* The bits beside are refused, or kept away. */
		apic_set(0, reg, ~0u & ~LVT_DEADLINE);
		CHECK_EQ(apic_fault, apic_is_x2 && rows[i].writable != ~0u ? OP_GP : 0);
		/* SVR bits 9 and 12 may exist, and the version says if 12 does. */
		CHECK_EQ(apic_get(0, reg) & ~(reg == APIC_SVR ? 0x1200ull : 0), writable);
		apic_set(0, reg,
			 reg == APIC_SVR   ? SVR_ENABLED
			 : reg == APIC_TPR ? 0
					   : LVT_MASKED & writable);
	}
}

static void apic_xapic_has_its_own_registers(void)
{
	apic_begin_with(1);
	apic_set(0, APIC_DFR, 0x0fffffff);
	CHECK_EQ(apic_get(0, APIC_DFR), 0x0fffffff);
	/* Only the model can be written. */
	apic_set(0, APIC_DFR, 0xf0000000);
	CHECK_EQ(apic_get(0, APIC_DFR), ~0u);
	apic_set(0, APIC_LDR, ~0u);
	CHECK_EQ(apic_get(0, APIC_LDR), 0xff000000);
	apic_set(0, APIC_ICR_HIGH, ~0u);
	CHECK_EQ(apic_get(0, APIC_ICR_HIGH), 0xff000000);
	CHECK_EQ(board_events(&apic_board, 0), 0);
	apic_end();
}

/* The page takes every width and place, and whatever comes of it, the guest goes on. */
static void apic_page_bears_any_access(void)
{
	static const uint32_t codes[] = {
		OP_READ8,   OP_READ16,	OP_READ32,  OP_READ64, OP_WRITE8,
		OP_WRITE16, OP_WRITE32, OP_WRITE64, OP_OR32,   OP_XCHG32
	};

	apic_begin_with(1);
	for (uint32_t offset = 0; offset < 0x400 && !check_has_failed(); offset += 0x10) {
		/* Neither the ICR nor the timer: they would do something. */
		if (offset == 0x300 || offset == 0x320 || offset == 0x380 || offset == 0xf0)
			continue;
		for (unsigned int i = 0; i < N(codes); i++) {
			struct op ops[3];

			for (unsigned int j = 0; j < 3; j++)
				ops[j] = (struct op) { .code = codes[i],
						       .argument = APIC_PAGE + offset + j * 4 };
			CHECK_EQ(board_script(&apic_board, 0, ops, 3), BOARD_DONE);
		}
	}
	/* Over the ends of registers and of the page. */
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(READ32, .argument = APIC_PAGE + 0x2e),
			OP(READ64, .argument = APIC_PAGE + 0x2d),
			OP(READ16, .argument = APIC_PAGE + 0x1f),
			OP(READ32, .argument = APIC_PAGE + 0xffc),
			OP(WRITE32, .argument = APIC_PAGE + 0xffc)),
		 BOARD_DONE);
	CHECK_EQ(apic_get(0, APIC_ID), 0);
	CHECK_EQ(apic_get(0, APIC_SVR), SVR_ENABLED);
	apic_end();
}

static void apic_page_takes_read_modify_write(void)
{
	apic_begin_with(1);
	apic_set(0, APIC_LVT_ERROR, LVT_MASKED | 0x40);
	(void)apic_do(0, OP(OR32, .argument = APIC_PAGE + 0x370, .value = 0x0f));
	CHECK_EQ(apic_get(0, APIC_LVT_ERROR), LVT_MASKED | 0x4f);
	CHECK_EQ(apic_do(0, OP(XCHG32, .argument = APIC_PAGE + 0x370, .value = LVT_MASKED | 0x33)),
		 LVT_MASKED | 0x4f);
	CHECK_EQ(apic_get(0, APIC_LVT_ERROR), LVT_MASKED | 0x33);
	apic_end();
}

static void apic_read_only_registers_stay(void)
{
	static const uint32_t regs[] = { APIC_VERSION, APIC_PPR,     APIC_ISR + 3,
					 APIC_TMR + 4, APIC_IRR + 5, APIC_CURRENT };

	begin();
	for (unsigned int i = 0; i < N(regs); i++) {
		const uint64_t before = apic_get(0, regs[i]);

		apic_set(0, regs[i], ~before & 0xff);
		CHECK_EQ(apic_fault, apic_is_x2 ? OP_GP : 0);
		CHECK_EQ(apic_get(0, regs[i]), before);
	}
}

/* SDM 3A "Error Handling": a register that there is not, in the page. */
static void apic_page_notes_a_register_that_there_is_not(void)
{
	apic_begin_with(1);
	(void)apic_get(0, 0x04);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR), ESR_REGISTER);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR), 0);
	apic_end();
}

static void apic_error_register_shows_what_was_logged_at_its_write(void)
{
	begin();
	(void)SCRIPT(&apic_board, 0, apic_destination(0), apic_send(ICR_FIXED | 0x0f, 0));
	CHECK_EQ(apic_get(0, APIC_ESR), 0);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR) & ESR_SEND, ESR_SEND);
	CHECK_EQ(apic_get(0, APIC_ESR) & ESR_SEND, ESR_SEND);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR), 0);
}

static void apic_error_interrupt_comes_once_for_each_error(void)
{
	begin();
	board_handle(&apic_board, 0x41, apic_eoi_action(), NULL, 0);
	apic_set(0, APIC_LVT_ERROR, 0x41);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_FIXED | 3, 1));
	CHECK_EQ(apic_take(0), 1);
	CHECK_EQ(board_event(&apic_board, 0, 0)->vector, 0x41);
	/* The same error again is no news until the register was written. */
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_FIXED | 3, 1));
	CHECK_EQ(apic_take(0), 1);
	apic_set(0, APIC_ESR, 0);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_FIXED | 3, 1));
	CHECK_EQ(apic_take(0), 2);
	/* Masked: logged, but silent. */
	apic_set(0, APIC_ESR, 0);
	apic_set(0, APIC_LVT_ERROR, LVT_MASKED | 0x41);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_FIXED | 3, 1));
	CHECK_EQ(apic_take(0), 2);
	apic_set(0, APIC_ESR, 0);
	CHECK_EQ(apic_get(0, APIC_ESR) & ESR_SEND, ESR_SEND);
}

/* SDM 3A "Local APIC State After It Has Been Software Disabled" */
static void apic_software_disable_masks_the_table(void)
{
	static const uint32_t regs[] = { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERF,
					 APIC_LVT_LINT0, APIC_LVT_LINT1,   APIC_LVT_ERROR };

	begin();
	for (unsigned int i = 0; i < N(regs); i++)
		apic_set(0, regs[i], 0x50);
	apic_set(0, APIC_SVR, 0xff);
	for (unsigned int i = 0; i < N(regs); i++) {
		CHECK_EQ(apic_get(0, regs[i]), LVT_MASKED | 0x50);
		apic_set(0, regs[i], 0x60);
		CHECK_EQ(apic_get(0, regs[i]), LVT_MASKED | 0x60);
	}
	apic_set(0, APIC_SVR, SVR_ENABLED);
	for (unsigned int i = 0; i < N(regs); i++)
		CHECK_EQ(apic_get(0, regs[i]), LVT_MASKED | 0x60);
}

static void apic_software_disabled_takes_no_fixed_interrupt(void)
{
	begin();
	board_handle(&apic_board, 0x61, apic_eoi_action(), NULL, 0);
	apic_set(1, APIC_SVR, 0xff);
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_FIXED | 0x61, 1));
	CHECK_EQ(apic_take(1), 0);
	CHECK_EQ(apic_bit(1, APIC_IRR, 0x61), 0);
	/* But an NMI it does. */
	(void)SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_NMI, 1));
	CHECK_EQ(apic_take(1), 1);
	CHECK_EQ(board_event(&apic_board, 1, 0)->vector, 2);
}

void apic_register_checks(void)
{
	static const struct apic_test tests[] = {
		ONCE(apic_starts_as_the_manual_says),
		BOTH(apic_version_is_that_of_a_modern_one),
		BOTH(apic_id_is_the_index_of_the_vp),
		BOTH(apic_registers_keep_the_bits_that_they_have),
		ONCE(apic_xapic_has_its_own_registers),
		ONCE(apic_page_bears_any_access),
		ONCE(apic_page_takes_read_modify_write),
		BOTH(apic_read_only_registers_stay),
		ONCE(apic_page_notes_a_register_that_there_is_not),
		BOTH(apic_error_register_shows_what_was_logged_at_its_write),
		BOTH(apic_error_interrupt_comes_once_for_each_error),
		BOTH(apic_software_disable_masks_the_table),
		BOTH(apic_software_disabled_takes_no_fixed_interrupt),
	};

	RUN_APIC(tests);
}
