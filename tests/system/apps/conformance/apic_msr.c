// SPDX-License-Identifier: MIT
/* The local APIC by its MSRs: IA32_APIC_BASE and the range of x2APIC. SDM 3A "Extended XAPIC (x2APIC)". */
#include "tests/system/apps/conformance/apic.h"
#include "x86/apic.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void begin_x2(uint32_t n_vps)
{
	apic_is_x2 = true;
	apic_begin_with(n_vps);
}

static void end_x2(void)
{
	apic_end();
	apic_is_x2 = false;
}

static uint64_t write_base(uint64_t value)
{
	(void)apic_do(0, OP(WRMSR, .argument = MSR_APIC_BASE, .value = value));
	return apic_fault;
}

static uint64_t read_base(void)
{
	return apic_do(0, OP(RDMSR, .argument = MSR_APIC_BASE));
}

static void apic_x2apic_msrs_exist_as_listed(void)
{
	/* SDM 3A "Local APIC Register Address Map Supported by x2APIC": r read, w write. */
	static const struct {
		uint32_t first, last;
		bool can_read, can_write;
	} rows[] = {
		{ 0x02, 0x03, true, false }, { 0x08, 0x08, true, true },
		{ 0x0a, 0x0a, true, false }, { 0x0b, 0x0b, false, true },
		{ 0x0d, 0x0d, true, false }, { 0x0f, 0x0f, true, true },
		{ 0x10, 0x27, true, false }, { 0x28, 0x28, true, true },
		{ 0x30, 0x30, true, true },  { 0x32, 0x38, true, true },
		{ 0x39, 0x39, true, false }, { 0x3e, 0x3e, true, true },
		{ 0x3f, 0x3f, false, true },
	};

	begin_x2(1);
	for (uint32_t reg = 0; reg < 0x100 && !check_has_failed(); reg++) {
		bool can_read = false, can_write = false;

		if (reg == APIC_LVT_CMCI)
			continue; /* the version says */
		for (unsigned int i = 0; i < N(rows); i++) {
			if (reg < rows[i].first || reg > rows[i].last)
				continue;
			can_read = rows[i].can_read;
			can_write = rows[i].can_write;
		}
		(void)apic_get(0, reg);
		CHECK_EQ(apic_fault, can_read ? 0 : OP_GP);
		/* A self-IPI of vector 0 is an error to note, and the ICR's, too. */
		apic_set(0, reg, reg == APIC_SVR ? SVR_ENABLED : 0);
		CHECK_EQ(apic_fault, can_write ? 0 : OP_GP);
	}
	end_x2();
}

static void apic_x2apic_refuses_reserved_bits(void)
{
	static const struct {
		uint32_t reg;
		uint64_t value;
	} rows[] = {
		{ APIC_TPR, 0x100 },
		{ APIC_TPR, 1ull << 32 },
		{ APIC_EOI, 1 },
		{ APIC_EOI, 1ull << 32 },
		{ APIC_SVR, 0x400 },
		{ APIC_ESR, 1 },
		{ APIC_ICR, 1u << 13 },
		{ APIC_ICR, 1u << 16 },
		{ APIC_ICR, 1u << 20 },
		{ APIC_LVT_TIMER, 0x100 },
		{ APIC_LVT_TIMER, 1u << 19 },
		{ APIC_LVT_LINT0, 1u << 11 },
		{ APIC_LVT_LINT0, 1u << 17 },
		{ APIC_LVT_ERROR, 0x100 },
		{ APIC_INITIAL, 1ull << 32 },
		{ APIC_DIVIDE, 4 },
		{ APIC_SELF_IPI, 0x100 },
	};

	begin_x2(1);
	for (unsigned int i = 0; i < N(rows); i++) {
		apic_set(0, rows[i].reg, rows[i].value);
		CHECK_EQ(apic_fault, OP_GP);
	}
	end_x2();
}

static void apic_xapic_mode_has_no_x2apic_msrs(void)
{
	apic_begin_with(1);
	for (uint32_t reg = 0; reg < 0x40; reg++) {
		(void)apic_do(0, OP(RDMSR, .argument = MSR_X2APIC + reg));
		CHECK_EQ(apic_fault, OP_GP);
		(void)apic_do(0, OP(WRMSR, .argument = MSR_X2APIC + reg));
		CHECK_EQ(apic_fault, OP_GP);
	}
	apic_end();
}

static void apic_x2apic_mode_has_no_page(void)
{
	begin_x2(1);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(READ32, .argument = APIC_PAGE + 0x20)),
		 WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(apic_board.exit.MemoryAccess.Gpa, APIC_PAGE + 0x20);
	CHECK_EQ(apic_board.exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
	end_x2();
}

/* SDM 3A "x2APIC State Transitions" */
static void apic_base_changes_mode_as_the_manual_allows(void)
{
	const struct board_options options = { .n_vps = 1,
					       .apic_mode = WHvX64LocalApicEmulationModeX2Apic };
	const uint64_t off = APIC_PAGE | APIC_BASE_BSP, xapic = off | APIC_BASE_ENABLE,
		       x2 = xapic | APIC_BASE_EXTD;

	CHECK_EQ(board_create(&apic_board, &options), S_OK);
	CHECK_EQ(read_base(), xapic);
	/* Not enabled, but extended: never. */
	CHECK_EQ(write_base(off | APIC_BASE_EXTD), OP_GP);
	CHECK_EQ(write_base(off), 0);
	CHECK_EQ(write_base(x2), OP_GP);
	CHECK_EQ(read_base(), off);
	CHECK_EQ(write_base(xapic), 0);
	CHECK_EQ(write_base(x2), 0);
	CHECK_EQ(write_base(x2), 0);
	CHECK_EQ(write_base(xapic), OP_GP);
	CHECK_EQ(write_base(off | APIC_BASE_EXTD), OP_GP);
	CHECK_EQ(read_base(), x2);
	CHECK_EQ(write_base(off), 0);
	CHECK_EQ(write_base(xapic), 0);
	CHECK_EQ(read_base(), xapic);
	apic_end();
}

static void apic_base_refuses_reserved_bits(void)
{
	static const uint64_t bits[] = { 1, 1u << 7, 1u << 9, 1ull << 51, 1ull << 63 };

	apic_begin_with(1);
	for (unsigned int i = 0; i < N(bits); i++)
		CHECK_EQ(write_base(read_base() | bits[i]), OP_GP);
	/* In a partition of XApic the extended mode is reserved, too. */
	CHECK_EQ(write_base(read_base() | APIC_BASE_EXTD), OP_GP);
	CHECK_EQ(read_base(), APIC_PAGE | APIC_BASE_BSP | APIC_BASE_ENABLE);
	apic_end();
}

static void apic_base_says_in_cpuid_what_there_is(void)
{
	const uint64_t leaf_1 = 1;

	begin_x2(1);
	(void)apic_do(0, OP(CPUID, .argument = leaf_1));
	CHECK_EQ(board_op(&apic_board, 0, 0)->value >> 21 & 1, 1);	 /* ECX: x2APIC */
	CHECK_EQ(board_op(&apic_board, 0, 0)->value >> (32 + 9) & 1, 1); /* EDX: APIC */
	CHECK_EQ(write_base(APIC_PAGE | APIC_BASE_BSP), 0);
	(void)apic_do(0, OP(CPUID, .argument = leaf_1));
	CHECK_EQ(board_op(&apic_board, 0, 0)->value >> (32 + 9) & 1, 0);
	end_x2();
	apic_begin_with(1);
	(void)apic_do(0, OP(CPUID, .argument = leaf_1));
	CHECK_EQ(board_op(&apic_board, 0, 0)->value >> 21 & 1, 0);
	CHECK_EQ(board_op(&apic_board, 0, 0)->value >> (32 + 9) & 1, 1);
	apic_end();
}

static void apic_base_switched_off_gives_the_page_back(void)
{
	apic_begin_with(1);
	CHECK_EQ(write_base(APIC_PAGE | APIC_BASE_BSP), 0);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(WRITE32, .argument = APIC_PAGE + 0x80)),
		 WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(apic_board.exit.MemoryAccess.Gpa, APIC_PAGE + 0x80);
	CHECK_EQ(apic_board.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessWrite);
	apic_end();
}

/* As on Hyper-V, the page stays where it is. */
static void apic_base_does_not_move(void)
{
	apic_begin_with(1);
	CHECK_EQ(write_base(0xfed40000 | APIC_BASE_BSP | APIC_BASE_ENABLE), OP_GP);
	CHECK_EQ(read_base(), APIC_PAGE | APIC_BASE_BSP | APIC_BASE_ENABLE);
	apic_end();
}

/* The client's memory at the page's address does not show through it. */
static void apic_page_lies_over_memory(void)
{
	apic_begin_with(1);
	*(uint32_t *)(void *)(apic_board.ram + BOARD_BUFFERS + 0x30) = 0x12345678;
	CHECK_EQ(WHvMapGpaRange(apic_board.partition, apic_board.ram + BOARD_BUFFERS, APIC_PAGE,
				4096, WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite),
		 S_OK);
	CHECK((apic_get(0, APIC_VERSION) & 0xff) <= 0x15);
	apic_set(0, APIC_TPR, 0x30);
	CHECK_EQ(apic_do(0, OP0(READ_CR8)), 3);
	CHECK_EQ(*(uint32_t *)(void *)(apic_board.ram + BOARD_BUFFERS + 0x80), 0);
	apic_end();
}

static void apic_none_is_no_apic(void)
{
	const struct board_options options = { .n_vps = 1 };
	WHV_REGISTER_NAME name = WHvX64RegisterApicTpr;
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };
	static uint8_t state[4096];
	UINT32 written, targets[1], n_targets;

	CHECK_EQ(board_create(&apic_board, &options), S_OK);
	CHECK(FAILED(apic_request(WHvX64InterruptTypeFixed, 0, 0x40, false, false)));
	CHECK_EQ(WHvGetInterruptTargetVpSet(apic_board.partition, 0,
					    WHvX64InterruptDestinationModePhysical, targets, 1,
					    &n_targets),
		 0xc0350008u); /* ERROR_HV_OPERATION_DENIED */
	CHECK_EQ(WHvGetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, state,
								 sizeof(state), &written),
		 WHV_E_INVALID_VP_STATE);
	CHECK_EQ(WHvSetVirtualProcessorInterruptControllerState2(apic_board.partition, 0, state,
								 sizeof(state)),
		 WHV_E_INVALID_VP_STATE);
	CHECK(FAILED(WHvGetVirtualProcessorRegisters(apic_board.partition, 0, &name, 1, &value)));
	CHECK(FAILED(WHvSetVirtualProcessorRegisters(apic_board.partition, 0, &name, 1, &value)));
	(void)apic_do(0, OP(RDMSR, .argument = MSR_X2APIC + APIC_TPR));
	CHECK_EQ(apic_fault, OP_GP);
	/* CR8 there is. */
	(void)apic_do(0, OP(WRITE_CR8, .value = 5));
	CHECK_EQ(apic_do(0, OP0(READ_CR8)), 5);
	CHECK_EQ(SCRIPT(&apic_board, 0, OP(READ32, .argument = APIC_PAGE + 0x80)),
		 WHvRunVpExitReasonMemoryAccess);
	apic_end();
}

void apic_msr_checks(void)
{
	static const struct test tests[] = {
		TEST(apic_x2apic_msrs_exist_as_listed),
		TEST(apic_x2apic_refuses_reserved_bits),
		TEST(apic_xapic_mode_has_no_x2apic_msrs),
		TEST(apic_x2apic_mode_has_no_page),
		TEST(apic_base_changes_mode_as_the_manual_allows),
		TEST(apic_base_refuses_reserved_bits),
		TEST(apic_base_says_in_cpuid_what_there_is),
		TEST(apic_base_switched_off_gives_the_page_back),
		TEST(apic_base_does_not_move),
		TEST(apic_page_lies_over_memory),
		TEST(apic_none_is_no_apic),
	};

	RUN(tests);
}
