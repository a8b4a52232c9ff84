// SPDX-License-Identifier: MIT
/*
 * MTRRs: the manual's worked example and precedence rules, then random registers, sane and hostile,
 * against an answer given page by page.
 */
#include <stdint.h>
#include <string.h>

#include "arch/x86/memory_type.h"
#include "tests/check.h"
#include "tests/random.h"
#include "x86/msr.h"
#include "x86/page.h"

static struct random rng;

enum { UC = 0, WC = 1, WT = 4, WP = 5, WB = 6 };

#define VALID	0x800ull
#define ENABLED 0x800ull
#define FIXED	0x400ull
#define KIB	1024ull
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)

static struct mtrr_state state;

static void start(uint64_t def_type, uint32_t physical_bits)
{
	memset(&state, 0, sizeof(state));
	state.cap = 0x508;
	state.def_type = def_type;
	state.n_variable = 8;
	state.physical_bits = physical_bits;
}

static void variable(unsigned int n, uint64_t base, uint64_t mask)
{
	state.base[n] = base;
	state.mask[n] = mask;
}

/* A type, or -1 for a mixed block. */
static int type_at(uint64_t base, uint64_t n_bytes)
{
	uint8_t type = 0xff;

	return memory_type(&state, base, n_bytes, &type) ? type : -1;
}

/* SDM 3A "Base and Mask Calculations": 96 MiB and a hole, 36 bits. */
static void the_manuals_example(void)
{
	start(ENABLED | UC, 36);
	variable(0, 0x0000000000000006, 0x0000000ffc000800);
	variable(1, 0x0000000004000006, 0x0000000ffe000800);
	variable(2, 0x0000000006000006, 0x0000000fffc00800);
	variable(3, 0x0000000006400000, 0x0000000fffc00800);
	variable(4, 0x0000000000f00000, 0x0000000ffff00800);
	variable(5, 0x00000000a0000001, 0x0000000fff800800);
	CHECK_EQ(type_at(0, 4 * KIB), WB);
	CHECK_EQ(type_at(14 * MIB, MIB), WB);
	CHECK_EQ(type_at(15 * MIB, MIB), UC);
	CHECK_EQ(type_at(14 * MIB, 2 * MIB), -1);
	CHECK_EQ(type_at(16 * MIB, 2 * MIB), WB);
	CHECK_EQ(type_at(64 * MIB, 32 * MIB), WB);
	CHECK_EQ(type_at(96 * MIB, 4 * MIB), WB);
	CHECK_EQ(type_at(100 * MIB, 4 * MIB), UC);
	CHECK_EQ(type_at(0xa0000000, 8 * MIB), WC);
	CHECK_EQ(type_at(0xa0800000, 2 * MIB), UC);
	CHECK_EQ(type_at(0, GIB), -1);
	CHECK_EQ(type_at(GIB, GIB), UC);
}

/* Every MTRR of the processor has a place of its own, and no other MSR has one. */
static void places_are_those_of_the_processor(void)
{
	unsigned int n = 0;

	start(ENABLED | UC, 36);
	for (uint32_t msr = 0; msr < 0x2000; msr++) {
		uint64_t *place = mtrr_place(&state, msr);

		if (!place)
			continue;
		*place = msr;
		n++;
	}
	CHECK_EQ(n, 16 + 11 + 1);
	for (unsigned int i = 0; i < 8; i++) {
		CHECK_EQ(state.base[i], 0x200 + 2 * i);
		CHECK_EQ(state.mask[i], 0x201 + 2 * i);
		CHECK_EQ(state.fixed[3 + i], 0x268 + i);
	}
	CHECK_EQ(state.fixed[0], 0x250);
	CHECK_EQ(state.fixed[1], 0x258);
	CHECK_EQ(state.fixed[2], 0x259);
	CHECK_EQ(state.def_type, 0x2ff);
	state.cap = 8;
	CHECK_EQ(mtrr_place(&state, 0x250) != NULL, 0);
	state.cap = state.n_variable = 0;
	CHECK_EQ(mtrr_place(&state, 0x200) != NULL, 0);
	CHECK_EQ(mtrr_place(&state, 0x2ff) != NULL, 0);
}

static void disabled_means_uncached(void)
{
	start(WB | FIXED, 40);
	variable(0, WB, 0xffc0000000 | VALID);
	CHECK_EQ(type_at(0, GIB), UC);
	CHECK_EQ(type_at(5 * GIB, 4 * KIB), UC);
}

static void overlaps_follow_the_precedence_rules(void)
{
	static const int rows[][3] = {
		{ WB, WB, WB },
		{ WC, WC, WC },
		{ UC, UC, UC },
		{ WT, WB, WT },
		{ WB, WT, WT },
		{ UC, WB, UC },
		{ WB, UC, UC },
		{ WC, UC, UC },
		{ UC, WP, UC },
		/* the manual leaves the rest undefined, and we say UC */
		{ WC, WB, UC },
		{ WP, WB, UC },
		{ WC, WT, UC },
		{ WP, WT, UC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(ENABLED | WB, 40);
		variable(1, 0x40000000 | (uint64_t)rows[i][0], 0xffc0000000 | VALID);
		variable(5, 0x40000000 | (uint64_t)rows[i][1], 0xffffe00000 | VALID);
		CHECK_EQ(type_at(0x40000000, 2 * MIB), rows[i][2]);
		CHECK_EQ(type_at(0x40200000, 2 * MIB), rows[i][0]);
		CHECK_EQ(type_at(0x80000000, GIB), WB);
	}
	/* three: UC wins wherever it stands */
	start(ENABLED | WB, 40);
	variable(0, WT, 0xffc0000000 | VALID);
	variable(1, UC, 0xffc0000000 | VALID);
	variable(2, WB, 0xffc0000000 | VALID);
	CHECK_EQ(type_at(0, GIB), UC);
}

static void fixed_ranges_rule_below_one_mebibyte(void)
{
	start(ENABLED | FIXED | UC, 40);
	variable(0, WB, 0xff80000000 | VALID);
	memset(state.fixed, 0, sizeof(state.fixed));
	state.fixed[0] = 0x0606060606060506;  /* 64K_00000: the second 64 KiB is WP */
	state.fixed[1] = 0x0606060606060606;  /* 16K_80000 */
	state.fixed[2] = 0x0000000000000100;  /* 16K_A0000: the second 16 KiB is WC */
	state.fixed[3] = 0x0505050505050504;  /* 4K_C0000: the first page is WT */
	state.fixed[10] = 0x0600000000000000; /* 4K_F8000: the last page is WB */
	CHECK_EQ(type_at(0, 64 * KIB), WB);
	CHECK_EQ(type_at(64 * KIB, 64 * KIB), WP);
	CHECK_EQ(type_at(0, 128 * KIB), -1);
	CHECK_EQ(type_at(0x20000, 128 * KIB), WB);
	CHECK_EQ(type_at(0x40000, 256 * KIB), WB);
	CHECK_EQ(type_at(0x80000, 128 * KIB), WB);
	CHECK_EQ(type_at(0xa0000, 4 * KIB), UC);
	CHECK_EQ(type_at(0xa4000, 4 * KIB), WC);
	CHECK_EQ(type_at(0xa7000, 4 * KIB), WC);
	CHECK_EQ(type_at(0xa8000, 4 * KIB), UC);
	CHECK_EQ(type_at(0xc0000, 4 * KIB), WT);
	CHECK_EQ(type_at(0xc1000, 4 * KIB), WP);
	CHECK_EQ(type_at(0xc7000, 4 * KIB), WP);
	CHECK_EQ(type_at(0xc8000, 4 * KIB), UC);
	CHECK_EQ(type_at(0xff000, 4 * KIB), WB);
	CHECK_EQ(type_at(0xfe000, 4 * KIB), UC);
	CHECK_EQ(type_at(0, 2 * MIB), -1);
	CHECK_EQ(type_at(2 * MIB, 2 * MIB), WB);
	/* uniform with what follows */
	memset(state.fixed, WB, sizeof(state.fixed));
	CHECK_EQ(type_at(0, 2 * MIB), WB);
	CHECK_EQ(type_at(0, GIB), WB);
	/* not enabled, or not there: the variable ranges speak */
	memset(state.fixed, 0, sizeof(state.fixed));
	state.def_type &= ~FIXED;
	CHECK_EQ(type_at(0, 2 * MIB), WB);
	state.def_type |= FIXED;
	state.cap &= ~0x100ull;
	CHECK_EQ(type_at(0, 2 * MIB), WB);
}

/* A PC with 12 GiB: the hole below 4 GiB is UC over WB, the memory above stands in two ranges. */
static void memory_above_four_gibibytes(void)
{
	start(ENABLED | UC, 39);
	variable(0, 0x000000000 | WB, 0x7e00000000 | VALID); /* 0 to 8 GiB */
	variable(1, 0x200000000 | WB, 0x7f00000000 | VALID); /* 8 to 12 GiB */
	variable(2, 0x300000000 | WB, 0x7fc0000000 | VALID); /* 12 to 13 GiB */
	variable(3, 0x0c0000000 | UC, 0x7fc0000000 | VALID); /* 3 to 4 GiB */
	CHECK_EQ(type_at(2 * GIB, GIB), WB);
	CHECK_EQ(type_at(3 * GIB, GIB), UC);
	CHECK_EQ(type_at(4 * GIB, GIB), WB);
	CHECK_EQ(type_at(12 * GIB, GIB), WB);
	CHECK_EQ(type_at(13 * GIB, GIB), UC);
	CHECK_EQ(type_at(1ull << 38, GIB), UC);
}

/* Two ranges that share a block are as good as one. */
static void neighbours_of_one_type_make_a_block(void)
{
	start(ENABLED | WB, 40);
	variable(0, 0x40000000 | UC, 0xffe0000000 | VALID);
	variable(1, 0x60000000 | UC, 0xffe0000000 | VALID);
	CHECK_EQ(type_at(0x40000000, GIB), UC);
	variable(1, 0x60000000 | WT, 0xffe0000000 | VALID);
	CHECK_EQ(type_at(0x40000000, GIB), -1);
}

static void reserved_types_are_uncached(void)
{
	static const uint8_t reserved[] = { 2, 3, 7, 8, 0x66, 0xff };

	for (size_t i = 0; i < sizeof(reserved); i++) {
		start(ENABLED | FIXED | reserved[i], 40);
		variable(0, 0x40000000u | reserved[i], 0xffc0000000 | VALID);
		memset(state.fixed, reserved[i], sizeof(state.fixed));
		CHECK_EQ(type_at(0, 4 * KIB), UC);
		CHECK_EQ(type_at(0x40000000, GIB), UC);
		CHECK_EQ(type_at(0x80000000, GIB), UC);
	}
}

/* ---- Against a page by page answer -------------------------------------------------------- */

static int page_type(uint64_t page)
{
	bool has[8] = { false };
	int n = 0, found = UC;

	if (!(state.def_type & 0x800))
		return UC;
	if (page < 0x100000 && (state.def_type & 0x400) && (state.cap & 0x100)) {
		static const struct {
			uint64_t start, step;
			int reg;
		} parts[] = {
			{ 0, 0x10000, 0 },	{ 0x80000, 0x4000, 1 },	 { 0xa0000, 0x4000, 2 },
			{ 0xc0000, 0x1000, 3 }, { 0xc8000, 0x1000, 4 },	 { 0xd0000, 0x1000, 5 },
			{ 0xd8000, 0x1000, 6 }, { 0xe0000, 0x1000, 7 },	 { 0xe8000, 0x1000, 8 },
			{ 0xf0000, 0x1000, 9 }, { 0xf8000, 0x1000, 10 },
		};
		uint8_t bytes[8];
		int part = 10;

		while (page < parts[part].start)
			part--;
		memcpy(bytes, &state.fixed[parts[part].reg], 8);
		found = bytes[(page - parts[part].start) / parts[part].step];
		return found == WC || found == WT || found == WP || found == WB ? found : UC;
	}
	for (uint32_t i = 0; i < state.n_variable; i++) {
		uint64_t bits = ((1ull << state.physical_bits) - 1) & ~0xfffull;
		int type = (int)(state.base[i] & 0xff);

		if (!(state.mask[i] & 0x800))
			continue;
		if ((page & state.mask[i] & bits) != (state.base[i] & state.mask[i] & bits))
			continue;
		if (type != WC && type != WT && type != WP && type != WB)
			type = UC;
		n += !has[type];
		has[type] = true;
		found = type;
	}
	if (n == 0) {
		found = (int)(state.def_type & 0xff);
		return found == WC || found == WT || found == WP || found == WB ? found : UC;
	}
	if (n == 1)
		return found;
	return n == 2 && has[WT] && has[WB] ? WT : UC;
}

static int block_type(uint64_t base, uint64_t n_bytes)
{
	int type = page_type(base);

	for (uint64_t page = base; page < base + n_bytes; page += 4096) {
		if (page_type(page) != type)
			return -1;
	}
	return type;
}

static void random_registers(bool is_hostile)
{
	static const uint8_t types[] = { UC, WC, WT, WP, WB, WB, WB, UC };

	start((random_below(&rng, 16) ? ENABLED : 0) | (random_below(&rng, 2) ? FIXED : 0) |
		      types[random_below(&rng, 8)],
	      32 + (uint32_t)random_below(&rng, 21));
	state.n_variable = (uint32_t)random_below(&rng, 9);
	for (unsigned int i = 0; i < state.n_variable; i++) {
		unsigned int shift = 12 + (unsigned int)random_below(&rng, 20);
		uint64_t mask = ~0ull << shift & ((1ull << state.physical_bits) - 1);

		variable(i, (random_next(&rng) & mask & 0x7fffffff) | types[random_below(&rng, 8)],
			 mask | (random_below(&rng, 4) ? VALID : 0));
		if (is_hostile && random_below(&rng, 2))
			state.mask[i] ^= random_next(&rng) & random_next(&rng) & 0xff7fffff;
		if (is_hostile && random_below(&rng, 4) == 0)
			state.base[i] = random_next(&rng);
	}
	for (unsigned int i = 0; i < MTRR_FIXED; i++) {
		uint64_t type = types[random_below(&rng, 8)];

		state.fixed[i] = type * 0x0101010101010101;
		if (random_below(&rng, 4) == 0)
			state.fixed[i] = random_next(&rng) & 0x0707070707070707;
	}
}

static void compare(bool is_hostile, int rounds)
{
	int n_mixed = 0, n_same = 0;

	for (int i = 0; i < rounds; i++) {
		random_registers(is_hostile);
		for (int k = 0; k < 20; k++) {
			uint64_t n_bytes = 4096ull
					   << (random_below(&rng, 3) ? 9 : random_below(&rng, 14));
			uint64_t base = random_below(&rng, 4) ? random_next(&rng) & 0x7fffffff : 0;
			int expected, got;

			base &= ~(n_bytes - 1);
			expected = block_type(base, n_bytes);
			got = type_at(base, n_bytes);
			n_mixed += expected < 0;
			n_same += expected >= 0;
			CHECK_EQ(got, expected);
		}
	}
	CHECK(n_mixed > rounds && n_same > rounds);
}

static void random_ranges_agree_with_pages(void)
{
	rng.state = 2;
	compare(false, 1500);
}

static void hostile_masks_agree_with_pages(void)
{
	rng.state = 3;
	compare(true, 1500);
}

static void random_gibibytes_agree_with_pages(void)
{
	rng.state = 4;
	for (int i = 0; i < 12; i++) {
		random_registers(i % 2);
		CHECK_EQ(type_at(0, GIB), block_type(0, GIB));
		CHECK_EQ(type_at(GIB, GIB), block_type(GIB, GIB));
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_manuals_example),
		TEST(places_are_those_of_the_processor),
		TEST(disabled_means_uncached),
		TEST(overlaps_follow_the_precedence_rules),
		TEST(fixed_ranges_rule_below_one_mebibyte),
		TEST(memory_above_four_gibibytes),
		TEST(neighbours_of_one_type_make_a_block),
		TEST(reserved_types_are_uncached),
		TEST(random_ranges_agree_with_pages),
		TEST(hostile_masks_agree_with_pages),
		TEST(random_gibibytes_agree_with_pages),
	};

	return RUN(tests);
}
