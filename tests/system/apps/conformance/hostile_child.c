// SPDX-License-Identifier: MIT
/*
 * Guests that do at random all that ring 0 can do (tests/guest/hostile_random.asm), two VPs by turns, in partitions of
 * every kind, for some million instructions: `hostile=N` (options.h). Whatever dies is started again. Then a
 * neighbour has all that it had, the root lives, its pages are back, and the hypervisor has had nothing to say.
 */
#include "tests/random.h"
#include "tests/system/apps/conformance/fpu.h"

#include "root/call/platform.h"
#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/options.h"
#include "tests/system/apps/conformance/timer.h"
#include "x86/cr.h"

#include <efi.h>

DECLARE_GUEST(hostile_64);
DECLARE_GUEST(hostile_32);
DECLARE_GUEST(hostile_16);

/* As in hostile_random.asm; the page tables are the board's. */
#define BASE64 0x1000u
#define BASE32 0x2000u
#define BASE16 0x3000u
#define SEED   0x7000u
#define COUNT  0x7004u
#define PATCH  0x7100u
#define TOP    0xb000u
#define GDT    0x6000u
#define IDT64  0x8000u
#define IDT32  0x9000u
#define VPS    2u

/* What one thing that the guest does takes at least: the choice, the random numbers, the act. */
#define INSTRUCTIONS_OF_ONE 40u
#define MILLIONS	    5u /* without a word about it */
#define EXITS_OF_A_TURN	    64u
#define KINDS		    6u
#define MOST		    2000u /* things done that count, from exit to exit */

static struct board board, neighbour;
static struct fpu_layout layout;
static struct random rng;
static uint64_t n_actions, n_starts, n_exits, n_hangs;
static uint32_t last_count;

static uint32_t *word(uint32_t address)
{
	return (uint32_t *)(void *)(board.ram + address);
}

static void copy(uint32_t to, struct guest_code code)
{
	for (const uint8_t *p = code.start; p < code.end; p++)
		board.ram[to++] = *p;
}

enum mode { REAL, PROTECTED, LONG };

static uint32_t base_of(enum mode mode)
{
	return mode == LONG ? BASE64 : mode == PROTECTED ? BASE32 : BASE16;
}

/* All that the guest may have spoilt. */
static void fill_memory(enum mode mode)
{
	uint64_t *const gdt = (uint64_t *)(void *)word(GDT);
	uint64_t *const tables = (uint64_t *)(void *)word((uint32_t)BOARD_TABLES);
	const uint32_t base = base_of(mode);

	copy(BASE64, GUEST(hostile_64));
	copy(BASE32, GUEST(hostile_32));
	copy(BASE16, GUEST(hostile_16));
	gdt[0] = 0;
	gdt[1] = 0x00af9b000000ffffull;
	gdt[2] = 0x00cf93000000ffffull;
	gdt[3] = 0x00cf9b000000ffffull;
	gdt[4] = 0x008f9b000000ffffull;
	gdt[5] = 0x0000890000000067ull;
	for (uint32_t i = 0; i < 256; i++) {
		*word(4 * i) = BASE16 + 16;
		*word(IDT32 + 8 * i) = 3u << 19 | (BASE32 + 16);
		*word(IDT32 + 8 * i + 4) = 0x8e00;
		*word(IDT64 + 16 * i) = 1u << 19 | (BASE64 + 16);
		*word(IDT64 + 16 * i + 4) = 0x8e00;
		*word(IDT64 + 16 * i + 8) = 0;
	}
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = i << 30 | 0x83;
	tables[0] = (BOARD_TABLES + 0x1000) | 3;
	for (uint32_t i = 0; i < 16; i++)
		board.ram[PATCH + i] = 0x90;
	board.ram[PATCH + 16] = 0x68; /* PUSH base; RET */
	*word(PATCH + 17) = base;
	board.ram[PATCH + (mode == REAL ? 19 : 21)] = 0xc3;
	if (!*word(SEED))
		*word(SEED) = (uint32_t)random_next(&rng) | 1;
}

static WHV_REGISTER_VALUE segment(uint16_t selector, uint16_t attributes)
{
	return (WHV_REGISTER_VALUE) {
		.Segment = { .Limit = ~0u, .Selector = selector, .Attributes = attributes }
	};
}

/* The VP begins anew, in one of the three modes. */
static void start(uint32_t vp)
{
	static const WHV_REGISTER_NAME names[] = {
		WHvX64RegisterCs,
		WHvX64RegisterDs,
		WHvX64RegisterEs,
		WHvX64RegisterSs,
		WHvX64RegisterFs,
		WHvX64RegisterGs,
		WHvX64RegisterLdtr,
		WHvX64RegisterTr,
		WHvX64RegisterGdtr,
		WHvX64RegisterIdtr,
		WHvX64RegisterCr3,
		WHvX64RegisterCr4,
		WHvX64RegisterEfer,
		WHvX64RegisterCr0,
		WHvX64RegisterRip,
		WHvX64RegisterRflags,
		WHvX64RegisterDr7,
		WHvX64RegisterRsp,
		WHvRegisterPendingInterruption,
		WHvRegisterPendingEvent,
		WHvRegisterInterruptState,
		WHvRegisterInternalActivityState,
	};
	const enum mode mode = (enum mode)(random_below(&rng, 3));
	const bool is_long = mode == LONG, is_real = mode == REAL;
	const uint16_t data_selector = is_real ? 0 : 16;
	const WHV_REGISTER_VALUE data = segment(data_selector, is_real ? 0x8093 : 0xc093);
	const WHV_REGISTER_VALUE code = is_long	  ? segment(8, 0xa09b)
					: is_real ? segment(0, 0x809b)
						  : segment(24, 0xc09b);
	const WHV_REGISTER_VALUE values[] = {
		code,
		data,
		data,
		data,
		data,
		data,
		{ .Segment = { .Limit = 0xffff, .Attributes = 0x82 } },
		{ .Segment = { .Limit = 0x67, .Attributes = 0x8b } },
		{ .Table = { .Base = GDT, .Limit = 0x2f } },
		{ .Table = { .Base = is_real   ? 0
				     : is_long ? IDT64
					       : IDT32,
			     .Limit = is_real ? 0x3ff : 0xfff } },
		{ .Reg64 = BOARD_TABLES },
		{ .Reg64 = is_long ? CR4_PAE | CR4_OSFXSR : CR4_OSFXSR },
		{ .Reg64 = is_long ? EFER_LME | EFER_LMA : 0 },
		{ .Reg64 = is_long   ? CR0_PE | CR0_NE | CR0_PG
			   : is_real ? CR0_NE
				     : CR0_PE | CR0_NE },
		{ .Reg64 = base_of(mode) },
		{ .Reg64 = 2 },
		{ .Reg64 = 0x400 },
		{ .Reg64 = TOP },
		{ .Reg128 = { { 0, 0 } } },
		{ .Reg128 = { { 0, 0 } } },
		{ .Reg64 = 0 },
		{ .Reg64 = 0 },
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == sizeof(values) / sizeof(values[0]),
		       "one value each");
	n_starts++;
	fill_memory(mode);
	if (random_below(&rng, 64) == 0)
		CHECK_EQ(WHvResetPartition(board.partition), S_OK);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(board.partition, vp, names,
						 sizeof(names) / sizeof(names[0]), values),
		 S_OK);
}

static void count_actions(void)
{
	static uint32_t last_seed;
	const uint32_t count = *word(COUNT), seed = *word(SEED);

	/*
	 * The guest may have written there, or it does the same over and over, as when it has put a breakpoint on its
	 * own loop: that does not count.
	 */
	if (seed != last_seed)
		n_actions += count - last_count < MOST ? count - last_count : MOST;
	last_count = count;
	last_seed = seed;
}

static void tick(void)
{
	(void)WHvCancelRunVirtualProcessor(board.partition, 0, 0);
	(void)WHvCancelRunVirtualProcessor(board.partition, 1, 0);
}

/* Set RIP to the start of the code of the width that the VP is in. */
static void go_on_elsewhere(uint32_t vp)
{
	const WHV_X64_VP_EXIT_CONTEXT *const context = &board.exit.VpContext;
	struct whit_vp_page *const page = WhitVpPage(board.partition, vp);

	page->rip = context->ExecutionState.EferLma && context->Cs.Long ? BASE64
		    : context->Cs.Default				? BASE32
									: BASE16;
	page->dirty |= WHIT_PAGE_RIP;
}

/* True: the VP can go on; false: it is to be started again. */
static bool answer(uint32_t vp, uint32_t reason)
{
	switch (reason) {
	case BOARD_DONE: return true; /* the port of lists is one among all */
	case WHvRunVpExitReasonX64ApicEoi:
	case WHvRunVpExitReasonX64ApicSmiTrap:
	case WHvRunVpExitReasonX64ApicInitSipiTrap:
	case WHvRunVpExitReasonX64ApicWriteTrap: return true;
	case WHvRunVpExitReasonX64IoPortAccess:
	case WHvRunVpExitReasonX64MsrAccess:
	case WHvRunVpExitReasonX64Cpuid:
	case WHvRunVpExitReasonX64Rdtsc:
	case WHvRunVpExitReasonHypercall:
		if (!board.exit.VpContext.InstructionLength)
			return false;
		board_skip(&board, vp);
		return true;
	case WHvRunVpExitReasonMemoryAccess: go_on_elsewhere(vp); return random_below(&rng, 8) != 0;
	case WHvRunVpExitReasonX64Halt: return random_below(&rng, 4) != 0;
	case WhitRunVpExitReasonTurn:
		(void)WHvRequestInterrupt(
			board.partition,
			&(const WHV_INTERRUPT_CONTROL) { .Type = WHvX64InterruptTypeNmi,
							 .Destination = vp },
			sizeof(WHV_INTERRUPT_CONTROL));
		return random_below(&rng, 4) != 0;
	case WHvRunVpExitReasonCanceled: n_hangs++; return false; /* long without an exit to here */
	default:
		CHECK(reason == WHvRunVpExitReasonUnrecoverableException ||
		      reason == WHvRunVpExitReasonInvalidVpRegisterValue ||
		      reason == WHvRunVpExitReasonUnsupportedFeature);
		return false;
	}
}

static void run_turn(uint32_t vp, uint64_t until)
{
	static uint64_t count_of_turn[EXITS_OF_A_TURN];

	start(vp);
	for (unsigned int i = 0; i < EXITS_OF_A_TURN && n_actions < until && !check_has_failed();
	     i++) {
		const uint32_t reason = board_run(&board, vp);

		CHECK(reason != ~0u);
		n_exits++;
		count_actions();
		count_of_turn[i] = n_actions;
		if (!answer(vp, reason))
			return;
		/* Three exits without anything done: something that exits for ever. */
		if (i >= 16 && count_of_turn[i] == count_of_turn[i - 16])
			return;
		if (!*word(SEED))
			*word(SEED) = (uint32_t)random_next(&rng) | 1;
	}
}

/* A partition of one kind: APIC mode, and exits for all that can have one, or for nothing. */
static void run_kind(unsigned int kind, uint64_t until)
{
	const WHV_EXTENDED_VM_EXITS all = { .X64CpuidExit = 1,
					    .X64MsrExit = 1,
					    .X64RdtscExit = 1,
					    .X64ApicSmiExitTrap = 1,
					    .HypercallExit = 1,
					    .X64ApicInitSipiExitTrap = 1,
					    .X64ApicWriteLint0ExitTrap = 1,
					    .X64ApicWriteLint1ExitTrap = 1,
					    .X64ApicWriteSvrExitTrap = 1,
					    .X64ApicWriteLdrExitTrap = 1,
					    .X64ApicWriteDfrExitTrap = 1 };
	const struct board_options options = { .n_vps = VPS,
					       .apic_mode = kind % 3,
					       .turns = WHIT_TURN_HALT | WHIT_TURN_SPIN,
					       .extended_exits = kind < 3 ? 0 : all.AsUINT64 };

	CHECK_EQ(board_create(&board, &options), S_OK);
	if (check_has_failed())
		return;
	last_count = *word(COUNT);
	while (n_actions < until && !check_has_failed())
		for (uint32_t vp = 0; vp < VPS; vp++)
			run_turn(vp, until);
	terminal_print(
		"# kind %u: %lu things done, %lu exits to the client, %lu starts, %lu hangs\n",
		kind, (unsigned long)n_actions, (unsigned long)n_exits, (unsigned long)n_starts,
		(unsigned long)n_hangs);
	board_destroy(&board);
}

/* ---- Who must notice nothing ------------------------------------------------------------- */

#define PATTERN_FROM 0x28000u

static uint64_t log_end(void)
{
	static char text[512];
	UINT64 position = 0;
	UINT32 n = 0;

	do
		CHECK_EQ(WhitReadLog(&position, text, sizeof(text), &n), S_OK);
	while (n && !check_has_failed());
	return position;
}

static uint64_t pattern(uint32_t address)
{
	return address * 0x9e3779b97f4a7c15ull;
}

static void begin_neighbour(void)
{
	fpu_begin(&neighbour, 1, &layout);
	for (uint32_t i = PATTERN_FROM; i < BOARD_RAM; i += 8)
		fpu_set_word(neighbour.ram, i, pattern(i));
	if (!layout.mask || check_has_failed())
		return;
	fpu_fill(neighbour.ram + BOARD_BUFFERS, &layout, 99);
	(void)fpu_do(&neighbour,
		     OP(XRSTOR, .argument = (uint32_t)layout.mask, .value = BOARD_BUFFERS));
	for (uint32_t i = 0; i < 4; i++)
		(void)fpu_do(&neighbour, OP(WRITE_DR, .argument = i, .value = 0xabc000 + i));
	(void)fpu_do(&neighbour, OP(WRMSR, .argument = 0xc0000082, .value = 0xdef000));
}

static void expect_neighbour_unharmed(void)
{
	uint64_t last = fpu_do(&neighbour, OP0(RDTSC));

	for (uint32_t i = PATTERN_FROM; i < BOARD_RAM; i += 8)
		CHECK_EQ(fpu_word(neighbour.ram, i), pattern(i));
	CHECK(fpu_do(&neighbour, OP0(RDTSC)) > last);
	if (!layout.mask)
		return;
	platform_clear(neighbour.ram + BOARD_BUFFERS + FPU_BYTES, FPU_BYTES);
	(void)fpu_do(&neighbour, OP(XSAVE, .argument = (uint32_t)layout.mask,
				    .value = BOARD_BUFFERS + FPU_BYTES));
	CHECK(fpu_same(neighbour.ram + BOARD_BUFFERS, neighbour.ram + BOARD_BUFFERS + FPU_BYTES,
		       &layout, layout.mask));
	for (uint32_t i = 0; i < 4; i++)
		CHECK_EQ(fpu_do(&neighbour, OP(READ_DR, .argument = i)), 0xabc000 + i);
	CHECK_EQ(fpu_do(&neighbour, OP(RDMSR, .argument = 0xc0000082)), 0xdef000);
}

static void hostile_guests_at_random_harm_nobody(void)
{
	const uint64_t wanted =
		options_number("hostile", MILLIONS) * 1000000ull / INSTRUCTIONS_OF_ONE;
	struct whit_stats before, after;
	uint64_t log_before;

	if (emulator_has(FAULT_IF) || emulator_has(FAULT_CRASH))
		return;
	CHECK_EQ(WhitGetStats(&before), S_OK);
	begin_neighbour();
	log_before = log_end();
	rng.state = 0x57484954;
	n_actions = n_starts = n_exits = n_hangs = 0;
	CHECK(timer_start(1, true, tick));
	for (unsigned int kind = 0; kind < KINDS && !check_has_failed(); kind++) {
		run_kind(kind, wanted * (kind + 1) / KINDS);
		expect_neighbour_unharmed();
	}
	timer_stop();
	board_destroy(&board);
	board_destroy(&neighbour);
	CHECK_EQ(log_end(), log_before);
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK_EQ(after.partitions, before.partitions);
	CHECK_EQ(after.lent_pages, before.lent_pages);
	CHECK(n_actions >= wanted);
}

/* ---- Guests that the hypervisor itself would have to do with for ever -------------------- */

/* However it keeps the hypervisor busy, with interrupts off, the root's timer gets through, and so does a cancel. */
static void expect_cancel(uint32_t apic_mode, const struct op *ops, size_t n)
{
	const struct board_options options = { .n_vps = VPS, .apic_mode = apic_mode };

	CHECK_EQ(board_create(&board, &options), S_OK);
	CHECK(timer_start(1, true, tick));
	board_load(&board, 0, ops, n);
	CHECK_EQ(board_run(&board, 0), WHvRunVpExitReasonCanceled);
	timer_stop();
	board_destroy(&board);
}

static void hostile_guest_that_exits_for_ever_can_be_canceled(void)
{
	if (emulator_has(FAULT_IF))
		return;
	expect_cancel(0, &OP(MONOTONIC, .argument = 1, .value = ~0ull), 1);
}

static void hostile_guest_whose_timer_fires_for_ever_can_be_canceled(void)
{
	const struct op ops[] = { OP(WRITE32, .argument = 0xfee000f0, .value = 0x1ff),
				  OP(WRITE32, .argument = 0xfee003e0, .value = 0xb),
				  OP(WRITE32, .argument = 0xfee00320, .value = 1u << 17 | 0x50),
				  OP(WRITE32, .argument = 0xfee00380, .value = 20000),
				  OP(DELAY, .value = 1ull << 62) };

	if (emulator_has(FAULT_IF))
		return;
	expect_cancel(WHvX64LocalApicEmulationModeXApic, ops, 5);
}

void hostile_child_checks(void)
{
	static const struct test tests[] = {
		TEST(hostile_guest_that_exits_for_ever_can_be_canceled),
		TEST(hostile_guest_whose_timer_fires_for_ever_can_be_canceled),
		TEST(hostile_guests_at_random_harm_nobody),
	};

	RUN(tests);
}
