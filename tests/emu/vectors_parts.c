/* SPDX-License-Identifier: MIT */
/*
 * Operands of two parts, which wrap and are checked each on its own; and where processors of Intel and of AMD
 * differ, both ways. What wraps at the end of a segment of 64 KiB cannot be had from a user's 64-bit code; an
 * 80286, AMD's processors and Bochs agree on it. Of the vendors' differences the manuals are the oracle
 * (SDM 2 "MOVSXD", "PUSH", SDM 3B "Selector Pushes and Pops"), and tests/emu/native for the vendor at hand.
 */
#include "tests/emu/bus.h"

static struct emu_x87 x87;

static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	CHECK(ctx == &bus);
	*out = x87;
	return EMU_DONE;
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	CHECK(ctx == &bus);
	x87 = *value;
	return EMU_DONE;
}

static void reset_parts(enum emu_mode mode)
{
	reset(mode);
	memset(&x87, 0, sizeof(x87));
	x87.fcw = 0x37f;
	x87.ftw = 1;
	x87.st[0][7] = 0x80;
	x87.st[0][8] = 0xff;
	x87.st[0][9] = 0x3f;
	ops.x87 = op_x87;
	ops.set_x87 = op_set_x87;
	cpu.gpr[4] = 0x8000;
	put(0, 0, 8);
	memset(bus.ram + 0xfff0, 0, 16);
}

/* [BX] of each instruction, and the bytes of its parts. */
static const struct {
	const char *code;
	unsigned int n_code, first, second;
	bool is_store;
} pairs[] = {
	{ "\xc4\x17", 2, 2, 2, false },		/* les dx, [bx] */
	{ "\xc5\x17", 2, 2, 2, false },		/* lds */
	{ "\x0f\xb2\x17", 3, 2, 2, false },	/* lss */
	{ "\x0f\xb4\x17", 3, 2, 2, false },	/* lfs */
	{ "\x0f\xb5\x17", 3, 2, 2, false },	/* lgs */
	{ "\x66\xc4\x17", 3, 4, 2, false },	/* les edx, [bx] */
	{ "\x66\x0f\xb5\x17", 4, 4, 2, false }, /* lgs edx, [bx] */
	{ "\xff\x2f", 2, 2, 2, false },		/* jmp far [bx] */
	{ "\x66\xff\x2f", 3, 4, 2, false },	/* with an offset of 32 bits */
	{ "\xff\x1f", 2, 2, 2, false },		/* call far [bx] */
	{ "\x66\xff\x1f", 3, 4, 2, false },	{ "\x62\x17", 2, 2, 2, false }, /* bound dx, [bx] */
	{ "\x66\x62\x17", 3, 4, 4, false },	{ "\x0f\x01\x17", 3, 2, 4, false }, /* lgdt [bx] */
	{ "\x0f\x01\x1f", 3, 2, 4, false },					    /* lidt */
	{ "\x0f\x01\x07", 3, 2, 4, true },					    /* sgdt */
	{ "\x0f\x01\x0f", 3, 2, 4, true },					    /* sidt */
	{ "\xdb\x2f", 2, 8, 2, false }, /* fld tword [bx] */
	{ "\xdb\x3f", 2, 8, 2, true },	/* fstp tword [bx] */
};

#define N_PAIRS (sizeof(pairs) / sizeof(pairs[0]))

/* The first access of the operand and the second, wherever the stack is used in between. */
static void check_parts(unsigned int i, uint64_t first, uint64_t second)
{
	int kind = pairs[i].is_store ? LOG_WRITE : LOG_READ;
	unsigned int n = 0;

	for (unsigned int j = 0; j < bus.n_log; j++) {
		if (bus.log[j].kind != kind || bus.log[j].address >> 12 == 7)
			continue;
		CHECK_EQ(bus.log[j].address, n ? second : first);
		CHECK_EQ(bus.log[j].size, n ? pairs[i].second : pairs[i].first);
		n++;
	}
	CHECK_EQ(n, 2);
}

static void the_second_part_wraps_in_real_mode(void)
{
	for (unsigned int i = 0; i < N_PAIRS; i++) {
		uint16_t bx = (uint16_t)(0x10000 - pairs[i].first);

		reset_parts(EMU_REAL);
		cpu.gpr[2] = 0;
		cpu.gpr[3] = bx;
		decode(pairs[i].code, pairs[i].n_code);
		CHECK_EQ(step(), EMU_DONE);
		check_parts(i, bx, 0);

		/* One byte further the first part itself is over the end. */
		reset_parts(EMU_REAL);
		cpu.gpr[2] = 0;
		cpu.gpr[3] = bx + 1u;
		step();
		check_fault(EXC_GP, 0);
		CHECK_EQ(bus.n_log, 0);
	}
}

static void a_far_pointer_is_read_from_both_ends(void)
{
	reset_parts(EMU_REAL);
	cpu.gpr[3] = 0xfffe;
	put(0xfffe, 0x1234, 2);
	put(0, 0x5678, 2);
	put(0x10000, 0x9abc, 2);
	CHECK_EQ(EXECUTE("\xc4\x17"), EMU_DONE);
	CHECK_EQ(cpu.gpr[2] & 0xffff, 0x1234);
	CHECK_EQ(bus.segments[SEG_ES].selector, 0x5678);
	CHECK_EQ(bus.segments[SEG_ES].base, 0x56780);
}

/* A limit between the parts, in a data segment and in the stack's. */
static void each_part_has_its_own_limit(void)
{
	for (unsigned int i = 0; i < N_PAIRS; i++)
		for (unsigned int short_by = 0; short_by < 2; short_by++) {
			bool is_stack = short_by;

			reset_parts(EMU_REAL);
			cpu.gpr[2] = 0;
			cpu.gpr[3] = 0x3000;
			memset(bus.ram + 0x3000, 0, 16);
			decode(pairs[i].code, pairs[i].n_code);
			insn.segment = is_stack ? SEG_SS : SEG_DS;
			bus.segments[insn.segment].limit =
				0x3000 + pairs[i].first + pairs[i].second - 2;
			cpu.gpr[4] = 0x2000;
			step();
			check_fault(is_stack ? EXC_SS : EXC_GP, 0);
			CHECK_EQ(n_writes(), 0);
			bus.segments[insn.segment].limit++;
			CHECK_EQ(step(), EMU_DONE);
		}
}

/* The second page is absent: a fault there, and nothing is written in front of it. */
static void each_part_has_its_own_page(void)
{
	for (unsigned int i = 0; i < N_PAIRS; i++) {
		reset_parts(EMU_REAL);
		cpu.gpr[2] = 0;
		cpu.gpr[3] = 0x10000 - pairs[i].first;
		bus.not_present = 0;
		decode(pairs[i].code, pairs[i].n_code);
		step();
		CHECK_EQ(exception.vector, EXC_PF);
		CHECK_EQ(exception.address, 0);
		exception.vector = 0xee;
		CHECK_EQ(outcome, EMU_EXCEPTION);
		CHECK(is_untouched());
		CHECK_EQ(n_writes(), 0);
	}
}

/* In flat segments of 4 GiB, and with addresses of 32 bits in 64-bit mode. */
static void the_second_part_wraps_at_4_gib(void)
{
	reset_protected(EMU_PROT32, 0);
	bus.alias_of = 0xfffff000;
	cpu.gpr[3] = 0xfffffffc;
	put(0x3ffc, 0x12345678, 4);
	put(0, 0, 2);
	CHECK_EQ(EXECUTE("\xc4\x13"), EMU_DONE); /* les edx, [ebx] */
	CHECK_LOG(0, LOG_READ, 0x3ffc, 4, 1);
	CHECK_LOG(1, LOG_READ, 0, 2, 1);
	CHECK_EQ(cpu.gpr[2], 0x12345678);
	cpu.gpr[3] = 0xfffffffd;
	EXECUTE("\xc4\x13");
	check_fault(EXC_GP, 0);

	reset_protected(EMU_LONG64, 0);
	bus.alias_of = 0xfffff000;
	cpu.gpr[3] = 0x1fffffffc;
	put(0x3ffc, 0x12345678, 4);
	put(0, 0, 2);
	CHECK_EQ(EXECUTE("\x67\x0f\xb4\x13"), EMU_DONE); /* lfs edx, [ebx] */
	CHECK_LOG(0, LOG_READ, 0x3ffc, 4, 1);
	CHECK_LOG(1, LOG_READ, 0, 2, 1);
	CHECK_EQ(cpu.gpr[2], 0x12345678);
}

/* One operand of many bytes is one: it does not wrap. */
static void one_part_does_not_wrap(void)
{
	reset_parts(EMU_REAL);
	cpu.gpr[3] = 0xfffc;
	EXECUTE("\x0f\xc7\x0f"); /* cmpxchg8b [bx] */
	check_fault(EXC_GP, 0);
	EXECUTE("\xdd\x07"); /* fld qword [bx] */
	check_fault(EXC_GP, 0);
	cpu.gpr[3] = 0xffff;
	EXECUTE("\x8b\x17"); /* mov dx, [bx] */
	check_fault(EXC_GP, 0);
}

/* Intel and AMD. */

static void set_vendor(bool is_amd)
{
	cpu.features = is_amd ? EMU_HAS_ALL : EMU_HAS_ALL & ~EMU_HAS(EMU_AMD);
}

static void movsxd_of_16_bits_reads_a_word_on_intel(void)
{
	for (unsigned int is_amd = 0; is_amd < 2; is_amd++) {
		struct emu_move move;

		reset(EMU_LONG64);
		set_vendor(is_amd);
		cpu.gpr[3] = 0x2000;
		put(0x2000, 0x800012348765, 8);
		CHECK_EQ(EXECUTE("\x66\x63\x0b"), EMU_DONE); /* movsxd cx, [rbx] */
		CHECK_LOG(0, LOG_READ, 0x2000, is_amd ? 4 : 2, 1);
		CHECK_EQ(cpu.gpr[1], 0xbadc0ffee0dd8765);
		CHECK(!emu_get_move(&insn, &move));
		CHECK_EQ(EXECUTE("\x63\x0b"), EMU_DONE); /* movsxd ecx, [rbx] */
		CHECK_LOG(1, LOG_READ, 0x2000, 4, 1);
		CHECK_EQ(cpu.gpr[1], 0x12348765);
		CHECK(emu_get_move(&insn, &move));
		CHECK_EQ(EXECUTE("\x66\x48\x63\x0b"), EMU_DONE); /* movsxd rcx, [rbx] */
		CHECK_LOG(2, LOG_READ, 0x2000, 4, 1);
		CHECK_EQ(cpu.gpr[1], 0x12348765);
		cpu.gpr[3] = 0x2ffe; /* what is not read does not fault */
		bus.not_present = 0x3000;
		EXECUTE("\x66\x63\x0b");
		CHECK_EQ(outcome, is_amd ? EMU_EXCEPTION : EMU_DONE);
		exception.vector = 0xee;
	}
}

static void pushed_and_popped_selectors_are_words_on_intel(void)
{
	static const struct {
		enum emu_mode mode;
		const char *push, *pop;
		unsigned int n_code, step, n_push[2], n_pop[2]; /* by vendor */
	} rows[] = {
		{ EMU_PROT32, "\x06", "\x07", 1, 4, { 2, 4 }, { 2, 4 } },
		{ EMU_PROT32, "\x66\x06", "\x66\x07", 2, 2, { 2, 2 }, { 2, 2 } },
		{ EMU_PROT16, "\x1e", "\x1f", 1, 2, { 2, 2 }, { 2, 2 } },
		{ EMU_REAL, "\x66\x0f\xa0", "\x66\x0f\xa1", 3, 4, { 2, 4 }, { 2, 4 } },
		{ EMU_V86, "\x66\x0f\xa8", "\x66\x0f\xa9", 3, 4, { 2, 4 }, { 2, 4 } },
		{ EMU_LONG64, "\x0f\xa0", "\x0f\xa1", 2, 8, { 8, 8 }, { 2, 8 } },
		{ EMU_LONG64, "\x66\x0f\xa8", "\x66\x0f\xa9", 3, 2, { 2, 2 }, { 2, 2 } },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned int is_amd = 0; is_amd < 2; is_amd++) {
			uint64_t rsp = 0x5000;

			reset(rows[i].mode);
			set_vendor(is_amd);
			for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
				if (rows[i].mode != EMU_REAL && rows[i].mode != EMU_V86)
					bus.segments[seg].selector = 0;
			cpu.gpr[4] = rsp;
			put(rsp - 8, ~0ull, 8);
			decode(rows[i].push, rows[i].n_code);
			CHECK_EQ(step(), EMU_DONE);
			rsp -= rows[i].step;
			CHECK_LOG(0, LOG_WRITE, rsp, rows[i].n_push[is_amd], 1);
			CHECK_EQ(cpu.gpr[4], rsp);
			decode(rows[i].pop, rows[i].n_code);
			CHECK_EQ(step(), EMU_DONE);
			CHECK_LOG(1, LOG_READ, rsp, rows[i].n_pop[is_amd], 1);
			CHECK_EQ(cpu.gpr[4], 0x5000);
		}
}

static void far_pointers_of_64_bits_are_intel_s(void)
{
	for (unsigned int is_amd = 0; is_amd < 2; is_amd++) {
		reset_protected(EMU_LONG64, 0);
		set_vendor(is_amd);
		cpu.gpr[3] = 0x2000;
		put(0x2000, 0x0000876512345678, 8);
		put(0x2004, 0, 2);
		put(0x2008, 0, 2);
		CHECK_EQ(EXECUTE("\x48\x0f\xb4\x13"), EMU_DONE); /* lfs rdx, [rbx] */
		CHECK_LOG(0, LOG_READ, 0x2000, is_amd ? 4 : 8, 1);
		CHECK_LOG(1, LOG_READ, is_amd ? 0x2004 : 0x2008, 2, 1);
		CHECK_EQ(cpu.gpr[2], 0x12345678);

		/* What a far call pushes is 8 bytes wide on both. */
		put_descriptor(GDT + 0x40, 0, 0xfffff, SEG_P | SEG_S | SEG_TYPE_CODE | SEG_L);
		cpu.gpr[4] = 0x5000;
		put(0x2000, 0x1000, 8);
		put(is_amd ? 0x2004 : 0x2008, 0x40, 2);
		CHECK_EQ(EXECUTE("\x48\xff\x1b"), EMU_DONE); /* call far [rbx] */
		CHECK_EQ(cpu.gpr[4], 0x4ff0);
		CHECK_EQ(cpu.rip, 0x1000);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(the_second_part_wraps_in_real_mode),
		TEST(a_far_pointer_is_read_from_both_ends),
		TEST(each_part_has_its_own_limit),
		TEST(each_part_has_its_own_page),
		TEST(the_second_part_wraps_at_4_gib),
		TEST(one_part_does_not_wrap),
		TEST(movsxd_of_16_bits_reads_a_word_on_intel),
		TEST(pushed_and_popped_selectors_are_words_on_intel),
		TEST(far_pointers_of_64_bits_are_intel_s),
	};

	return RUN(tests);
}
