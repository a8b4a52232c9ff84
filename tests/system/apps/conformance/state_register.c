// SPDX-License-Identifier: MIT
/*
 * All register names: those that exist can be read, set to what they hold, and (where they can hold something else)
 * to that; the others are refused by name. A reset of the partition brings every one of them back.
 */
#include "tests/system/apps/conformance/fpu.h"

#include "root/vmm/terminal.h"

#define N(array)  (sizeof(array) / sizeof((array)[0]))
#define MAX_NAMES 512u

/* Where names can be: so many from here on. */
static const struct {
	uint32_t first, n;
} ranges[] = { { 0, 0x40 },	 { 0x1000, 0x20 }, { 0x2000, 0xc0 },	{ 0x3000, 0x50 },
	       { 0x4000, 0x20 }, { 0x5000, 0x60 }, { 0x80000000, 0x10 } };

/* Those that every processor with 64-bit mode has, and another value for each. */
static const struct {
	uint32_t first, last;
	uint64_t value;
} others[] = {
	{ WHvX64RegisterRax, WHvX64RegisterR15, 0x123456789abcdef0 },
	{ WHvX64RegisterRip, WHvX64RegisterRip, 0x7654321 },
	{ WHvX64RegisterRflags, WHvX64RegisterRflags, 0x202 },
	{ WHvX64RegisterCr2, WHvX64RegisterCr2, 0xffff888012345678 },
	{ WHvX64RegisterCr3, WHvX64RegisterCr3, 0x18000 },
	{ WHvX64RegisterCr8, WHvX64RegisterCr8, 6 },
	{ WHvX64RegisterDr0, WHvX64RegisterDr3, 0x5551234 },
	{ WHvX64RegisterDr7, WHvX64RegisterDr7, 0x455 },
	{ WHvX64RegisterXmm0, WHvX64RegisterXmm15, 0xfedcba9876543210 },
	{ WHvX64RegisterFpMmx0, WHvX64RegisterFpMmx7, 0x8000000000000001 },
	{ WHvX64RegisterKernelGsBase, WHvX64RegisterKernelGsBase, 0xffff800000001000 },
	{ WHvX64RegisterPat, WHvX64RegisterPat, 0x0606060606060606 },
	{ WHvX64RegisterSysenterCs, WHvX64RegisterSysenterCs, 0x10 },
	{ WHvX64RegisterSysenterEip, WHvX64RegisterSysenterEsp, 0xffff800000002000 },
	{ WHvX64RegisterStar, WHvX64RegisterStar, 0x0023001000008000 },
	{ WHvX64RegisterLstar, WHvX64RegisterCstar, 0xffff800000003000 },
	{ WHvX64RegisterSfmask, WHvX64RegisterSfmask, 0x47700 },
	{ WHvX64RegisterMsrMtrrDefType, WHvX64RegisterMsrMtrrDefType, 0xc06 },
	{ WHvX64RegisterMsrMtrrPhysBase0, WHvX64RegisterMsrMtrrPhysBase7, 0x80000006 },
	{ WHvX64RegisterMsrMtrrPhysMask0, WHvX64RegisterMsrMtrrPhysMask7, 0xf80000800 },
	{ WHvX64RegisterMsrMtrrFix64k00000, WHvX64RegisterMsrMtrrFix4kF8000, 0x0606060606060606 },
	{ WHvRegisterPendingInterruption, WHvRegisterPendingInterruption, 0x00200001 },
	{ WHvRegisterInterruptState, WHvRegisterInterruptState, 2 },
	{ WHvX64RegisterDeliverabilityNotifications, WHvX64RegisterDeliverabilityNotifications, 2 },
};

struct reg {
	uint32_t name;
	WHV_REGISTER_VALUE value;
};

static struct board board;
static struct reg regs[MAX_NAMES];
static unsigned int n_regs;

static HRESULT get(uint32_t name, WHV_REGISTER_VALUE *value)
{
	const WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };

	value->Reg128.Low64 = value->Reg128.High64 = 0x5a5a5a5a5a5a5a5a;
	return WHvGetVirtualProcessorRegisters(board.partition, 0, names, 1, value);
}

static HRESULT set(uint32_t name, const WHV_REGISTER_VALUE *value)
{
	const WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };

	return WHvSetVirtualProcessorRegisters(board.partition, 0, names, 1, value);
}

static bool same(const WHV_REGISTER_VALUE *a, const WHV_REGISTER_VALUE *b)
{
	return a->Reg128.Low64 == b->Reg128.Low64 && a->Reg128.High64 == b->Reg128.High64;
}

/* Time moves on. */
static bool moves(uint32_t name)
{
	return name == WHvX64RegisterTsc || name == WHvX64RegisterMCount ||
	       name == WHvX64RegisterACount || name == WHvX64RegisterApicCurrentCount ||
	       name == WHvRegisterVpRuntime;
}

static void create(uint32_t apic_mode)
{
	/* As it comes: nothing is set before it is looked at. */
	CHECK_EQ(board_create(&board,
			      &(const struct board_options) { .n_vps = 1, .apic_mode = apic_mode }),
		 S_OK);
	CHECK_EQ(WHvDeleteVirtualProcessor(board.partition, 0), S_OK);
	CHECK_EQ(WHvCreateVirtualProcessor(board.partition, 0, 0), S_OK);
}

/* Each name that can be read, into regs[]. */
static void read_all(void)
{
	n_regs = 0;
	for (unsigned int i = 0; i < N(ranges); i++) {
		for (uint32_t j = 0; j < ranges[i].n; j++) {
			struct reg *reg = &regs[n_regs];
			HRESULT hr;

			reg->name = ranges[i].first + j;
			hr = get(reg->name, &reg->value);
			if (hr == S_OK && n_regs < MAX_NAMES - 1)
				n_regs++;
			else
				CHECK_EQ(hr, WHV_E_INVALID_VP_REGISTER_NAME);
		}
	}
}

static void registers_that_exist_take_their_own_value(void)
{
	for (uint32_t mode = 0; mode < 3 && !check_has_failed(); mode++) {
		create(mode);
		read_all();
		for (unsigned int i = 0; i < n_regs && !check_has_failed(); i++) {
			WHV_REGISTER_VALUE value;

			/* What can only be read says so, and does not change. */
			if (set(regs[i].name, &regs[i].value) != S_OK)
				CHECK((regs[i].name & 0xf000) == 0x3000 ||
				      regs[i].name == WHvX64RegisterMsrMtrrCap ||
				      regs[i].name == WHvX64RegisterInitialApicId ||
				      (regs[i].name & 0xff000) == 0x5000);
			CHECK_EQ(get(regs[i].name, &value), S_OK);
			CHECK(moves(regs[i].name) || same(&value, &regs[i].value));
			if (check_has_failed())
				terminal_print("# register %x:\n", regs[i].name);
		}
		board_destroy(&board);
	}
	CHECK(n_regs > 120);
	terminal_print("# %u registers exist\n", n_regs);
}

static void registers_that_do_not_exist_are_refused_by_name(void)
{
	static const uint32_t names[] = { 0x2c,	      0xfff,	  0x101a, 0x2020, 0x2060,
					  0x20ff,     0x2fff,	  0x3050, 0x6000, 0x57480008,
					  0x7fffffff, 0x80000010, ~0u };

	create(0);
	for (unsigned int i = 0; i < N(names); i++) {
		WHV_REGISTER_VALUE value;

		CHECK_EQ(get(names[i], &value), WHV_E_INVALID_VP_REGISTER_NAME);
		CHECK_EQ(set(names[i], &value), WHV_E_INVALID_VP_REGISTER_NAME);
	}
	board_destroy(&board);
}

static void registers_take_other_values(void)
{
	create(0);
	for (unsigned int i = 0; i < N(others); i++) {
		for (uint32_t name = others[i].first; name <= others[i].last; name++) {
			WHV_REGISTER_VALUE value = { .Reg128 = { { .Low64 = others[i].value } } };
			WHV_REGISTER_VALUE now;

			CHECK_EQ(set(name, &value), S_OK);
			CHECK_EQ(get(name, &now), S_OK);
			CHECK(same(&value, &now));
			if (check_has_failed()) {
				terminal_print("# register %x:\n", name);
				board_destroy(&board);
				return;
			}
		}
	}
	board_destroy(&board);
}

/* Whatever was set, and what the guest has done: afterwards each register holds what it held at first. */
static void reset_of_the_partition_resets_every_register(void)
{
	for (uint32_t mode = 0; mode < 3 && !check_has_failed(); mode++) {
		create(mode);
		read_all();
		for (unsigned int i = 0; i < N(others); i++) {
			for (uint32_t name = others[i].first; name <= others[i].last; name++) {
				WHV_REGISTER_VALUE value = {
					.Reg128 = { { .Low64 = others[i].value } }
				};

				CHECK_EQ(set(name, &value), S_OK);
			}
		}
		CHECK_EQ(WHvResetPartition(board.partition), S_OK);
		for (unsigned int i = 0; i < n_regs && !check_has_failed(); i++) {
			WHV_REGISTER_VALUE value;

			CHECK_EQ(get(regs[i].name, &value), S_OK);
			if (moves(regs[i].name))
				continue;
			CHECK_EQ(value.Reg128.Low64, regs[i].value.Reg128.Low64);
			CHECK_EQ(value.Reg128.High64, regs[i].value.Reg128.High64);
			if (check_has_failed())
				terminal_print("# mode %u, register %x:\n", mode, regs[i].name);
		}
		/* The memory is still there, and it runs. */
		CHECK_EQ(board_ready(&board, 0), S_OK);
		CHECK_EQ(SCRIPT(&board, 0, OP0(RDTSC)), BOARD_DONE);
		board_destroy(&board);
	}
}

static void reset_of_the_partition_needs_a_set_up_one(void)
{
	WHV_PARTITION_HANDLE partition;

	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
	CHECK(FAILED(WHvResetPartition(partition)));
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
	CHECK(FAILED(WHvResetPartition(NULL)));
}

void state_register_checks(void)
{
	static const struct test tests[] = {
		TEST(registers_that_exist_take_their_own_value),
		TEST(registers_that_do_not_exist_are_refused_by_name),
		TEST(registers_take_other_values),
		TEST(reset_of_the_partition_resets_every_register),
		TEST(reset_of_the_partition_needs_a_set_up_one),
	};

	RUN(tests);
}
