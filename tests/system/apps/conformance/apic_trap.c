// SPDX-License-Identifier: MIT
/*
 * Writes that a client asked to see: INIT and SIPI, SMI, LINT0, LINT1, SVR, LDR, DFR. Each exit comes when the write
 * is over, RIP behind it.
 */
#include "tests/system/apps/conformance/apic.h"
#include "x86/apic.h"

static void begin(WHV_EXTENDED_VM_EXITS exits)
{
	apic_begin(&(const struct board_options) { .n_vps = 2,
						   .turns = WHIT_TURN_HALT,
						   .aps_wait = true,
						   .extended_exits = exits.AsUINT64 });
}

/* One write of a register, which must exit; and when it goes on, the register holds the value. */
static void expect_write_trap(uint32_t reg, uint64_t value)
{
	uint64_t before, after;

	CHECK_EQ(SCRIPT(&apic_board, 0, apic_write(reg, value)),
		 WHvRunVpExitReasonX64ApicWriteTrap);
	CHECK_EQ(apic_board.exit.ApicWrite.Type, reg * 16);
	CHECK_EQ(apic_board.exit.ApicWrite.WriteValue, value);
	CHECK_EQ(apic_board.exit.VpContext.ExecutionState.Cpl, 0);
	CHECK_EQ(apic_board.exit.VpContext.ExecutionState.Cr0Pe, 1);
	CHECK_EQ(apic_board.exit.VpContext.ExecutionState.EferLma, 1);
	CHECK_EQ(apic_board.exit.VpContext.ExecutionState.InterruptionPending, 0);
	CHECK_EQ(apic_board.exit.VpContext.Cs.Selector, 8);
	before = apic_board.exit.VpContext.Rip;
	CHECK_EQ(board_get(&apic_board, 0, WHvX64RegisterRip), before);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	after = apic_board.exit.VpContext.Rip;
	CHECK(before != after);
	CHECK_EQ(board_op(&apic_board, 0, 0)->fault, 0);
	CHECK_EQ(apic_get(0, reg), value);
}

static void apic_write_traps_come_for_what_was_asked(void)
{
	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicWriteLint0ExitTrap = 1 });
	expect_write_trap(APIC_LVT_LINT0, 0x733);
	apic_set(0, APIC_LVT_LINT1, 0x444);
	apic_set(0, APIC_SVR, SVR_ENABLED);
	CHECK_EQ(apic_fault, 0);
}

static void apic_write_trap_of_lint1(void)
{
	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicWriteLint1ExitTrap = 1 });
	expect_write_trap(APIC_LVT_LINT1, 0x400);
	apic_set(0, APIC_LVT_LINT0, 0x700);
}

/* apic_begin() writes SVR itself: here by hand. */
static void apic_write_trap_of_svr(void)
{
	const WHV_EXTENDED_VM_EXITS exits = { .X64ApicWriteSvrExitTrap = 1 };
	const struct board_options options = { .n_vps = 1,
					       .apic_mode = WHvX64LocalApicEmulationModeX2Apic,
					       .extended_exits = exits.AsUINT64 };

	CHECK_EQ(board_create(&apic_board, &options), S_OK);
	if (apic_is_x2)
		(void)apic_do(0, OP(WRMSR, .argument = MSR_APIC_BASE,
				    .value = APIC_PAGE | APIC_BASE_BSP | APIC_BASE_ENABLE |
					     APIC_BASE_EXTD));
	expect_write_trap(APIC_SVR, SVR_ENABLED);
	expect_write_trap(APIC_SVR, 0xef);
}

static void apic_write_traps_of_ldr_and_dfr(void)
{
	apic_is_x2 = false;
	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicWriteLdrExitTrap = 1,
					.X64ApicWriteDfrExitTrap = 1 });
	expect_write_trap(APIC_LDR, 0x02000000);
	expect_write_trap(APIC_DFR, 0x0fffffff);
	apic_end();
}

static void apic_write_trap_needs_no_change(void)
{
	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicWriteLint0ExitTrap = 1 });
	expect_write_trap(APIC_LVT_LINT0, LVT_MASKED);
	expect_write_trap(APIC_LVT_LINT0, LVT_MASKED);
}

/* The client sends it, or does not. */
static void apic_init_and_sipi_trap_instead_of_being_sent(void)
{
	const uint32_t init = ICR_INIT | ICR_ASSERT | ICR_LEVEL,
		       sipi = ICR_SIPI | ICR_ASSERT | BOARD_AP_CODE >> 12;
	const uint64_t to_1 = apic_is_x2 ? 1ull << 32 : 1ull << 56;

	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicInitSipiExitTrap = 1 });
	CHECK_EQ(
		SCRIPT(&apic_board, 0, apic_destination(1), apic_send(init, 1), apic_send(sipi, 1)),
		WHvRunVpExitReasonX64ApicInitSipiTrap);
	CHECK_EQ(apic_board.exit.ApicInitSipi.ApicIcr, to_1 | init);
	CHECK_EQ(apic_board.exit.VpContext.ExecutionState.Cpl, 0);
	CHECK_EQ(board_run(&apic_board, 0), WHvRunVpExitReasonX64ApicInitSipiTrap);
	CHECK_EQ(apic_board.exit.ApicInitSipi.ApicIcr, to_1 | sipi);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_run(&apic_board, 1), WhitRunVpExitReasonTurn);
	/* As QEMU does it. */
	CHECK_EQ(apic_request(WHvX64InterruptTypeInit, 1, 0, false, false), S_OK);
	CHECK_EQ(apic_request(WHvX64InterruptTypeSipi, 1, BOARD_AP_CODE >> 12, false, false), S_OK);
	board_load(&apic_board, 1, (const struct op[]) { OP0(READ_CR0) }, 1);
	CHECK_EQ(board_run(&apic_board, 1), BOARD_DONE);
	/* Other IPIs are sent as ever. */
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_NMI, 1)), BOARD_DONE);
	CHECK_EQ(SCRIPT(&apic_board, 1, OP0(CLI)), BOARD_DONE);
	CHECK_EQ(board_events(&apic_board, 1), 1);
}

static void apic_smi_traps_if_asked(void)
{
	const uint64_t to_1 = apic_is_x2 ? 1ull << 32 : 1ull << 56;

	begin((WHV_EXTENDED_VM_EXITS) { .X64ApicSmiExitTrap = 1 });
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_SMI | ICR_ASSERT, 1)),
		 WHvRunVpExitReasonX64ApicSmiTrap);
	CHECK_EQ(apic_board.exit.ApicSmi.ApicIcr, to_1 | ICR_SMI | ICR_ASSERT);
	CHECK_EQ(board_run(&apic_board, 0), BOARD_DONE);
	CHECK_EQ(board_op(&apic_board, 0, 1)->fault, 0);
	CHECK_EQ(SCRIPT(&apic_board, 0, apic_destination(1), apic_send(ICR_NMI, 0)), BOARD_DONE);
}

void apic_trap_checks(void)
{
	static const struct apic_test tests[] = {
		BOTH(apic_write_traps_come_for_what_was_asked),
		BOTH(apic_write_trap_of_lint1),
		BOTH(apic_write_trap_of_svr),
		ONCE(apic_write_traps_of_ldr_and_dfr),
		BOTH(apic_write_trap_needs_no_change),
		BOTH(apic_init_and_sipi_trap_instead_of_being_sent),
		BOTH(apic_smi_traps_if_asked),
	};

	RUN_APIC(tests);
}
