/* SPDX-License-Identifier: MIT */
/*
 * Vectors for what the other tests of emu/ leave out: plain moves taken apart, operations that are missing
 * or fail, and paths that tests/emu/coverage showed nobody to take.
 */
#include <stdio.h>

#include "tests/emu/bus.h"

/* Plain moves: what emu_get_move() says of an instruction is what emu_execute() does. */

#define MEMORY 0x4120u

static void check_move(const uint8_t *code, unsigned int n)
{
	static const uint64_t value = 0x8192a3b4c5d6e7f8;
	uint64_t gpr[16], offset;
	struct emu_move move;

	reset(EMU_LONG64);
	for (unsigned int i = 0; i < 16; i++)
		cpu.gpr[i] = 0x0123456789abcdef * (i + 1);
	cpu.gpr[3] = MEMORY;
	memcpy(bus.ram + MEMORY, &value, 8);
	decode((const char *)code, n);
	CHECK(emu_get_move(&insn, &move));
	memcpy(gpr, cpu.gpr, sizeof(gpr));
	offset = emu_move_offset(&insn, gpr, cpu.rip);
	CHECK_EQ(offset, MEMORY);
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(bus.n_log, 1);
	CHECK_LOG(0, move.is_load ? LOG_READ : LOG_WRITE, offset, move.n_bytes, 1);
	if (move.is_load)
		emu_move_load(&move, gpr, value);
	else
		CHECK_EQ(emu_move_stored(&insn, &move, gpr), bus.log[0].data);
	CHECK(!memcmp(gpr, cpu.gpr, sizeof(gpr)));
}

static void a_plain_move_is_what_execution_does(void)
{
	static const struct {
		uint8_t n, bytes[3], n_imm;
	} opcodes[] = {
		{ 1, { 0x88 }, 0 },	  { 1, { 0x89 }, 0 },	    { 1, { 0x8a }, 0 },
		{ 1, { 0x8b }, 0 },	  { 2, { 0x0f, 0xb6 }, 0 }, { 2, { 0x0f, 0xb7 }, 0 },
		{ 2, { 0x0f, 0xbe }, 0 }, { 2, { 0x0f, 0xbf }, 0 }, { 1, { 0x63 }, 0 },
		{ 2, { 0x0f, 0xc3 }, 0 }, { 1, { 0xc6 }, 1 },	    { 1, { 0xc7 }, 4 },
	};
	static const uint8_t prefixes[] = { 0, 0x66, 0x48, 0x44, 0x40, 0x4c };

	for (unsigned int i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		for (unsigned int j = 0; j < sizeof(prefixes); j++) {
			for (unsigned int reg = 0; reg < 8; reg++) {
				uint8_t code[16] = { prefixes[j] };
				unsigned int n = prefixes[j] ? 1 : 0;
				unsigned int n_imm = opcodes[i].n_imm;

				if ((n_imm && reg) || reg == 3)
					continue;
				/* MOVNTI has no form of 16 bits, and that of MOVSXD is none. */
				if ((opcodes[i].bytes[1] == 0xc3 || opcodes[i].bytes[0] == 0x63) &&
				    prefixes[j] == 0x66)
					continue;
				if (n_imm == 4 && prefixes[j] == 0x66)
					n_imm = 2;
				memcpy(code + n, opcodes[i].bytes, opcodes[i].n);
				n += opcodes[i].n;
				code[n++] = (uint8_t)(reg << 3 | 3);
				for (unsigned int k = 0; k < n_imm; k++)
					code[n++] = 0x91;
				check_move(code, n);
			}
		}
	}
}

static void moffs_is_a_plain_move(void)
{
	static const uint8_t codes[][9] = { { 0xa0 }, { 0xa1 }, { 0xa2 }, { 0xa3 } };

	for (unsigned int i = 0; i < 4; i++) {
		uint8_t code[10] = { 0x48 };
		uint64_t offset = MEMORY;

		code[1] = codes[i][0];
		memcpy(code + 2, &offset, 8);
		check_move(code, 10);
		check_move(code + 1, 9);
	}
}

static void other_instructions_are_no_plain_moves(void)
{
	struct emu_move move;

	reset(EMU_LONG64);
	decode("\x8c\x03", 2); /* mov [rbx], es */
	CHECK(!emu_get_move(&insn, &move));
	decode("\x8e\x03", 2);
	CHECK(!emu_get_move(&insn, &move));
	decode("\x01\x03", 2);
	CHECK(!emu_get_move(&insn, &move));
	decode("\x0f\x44\x03", 3);
	CHECK(!emu_get_move(&insn, &move));
}

/* Operations that are missing. */

static void an_instruction_without_a_row_is_refused(void)
{
	reset(EMU_LONG64);
	CHECK_EQ(emu_decode((const uint8_t *)"\x90", 1, EMU_LONG64, &insn), EMU_DECODE_NO_ACCESS);
	CHECK_EQ(step(), EMU_UNIMPLEMENTED);
	CHECK(is_untouched());
	CHECK(!strcmp(emu_insn_name(&insn), "(none)"));
}

/* In real mode, where every segment register can be loaded; RBX points to memory. */
static void refuse(enum emu_mode mode, const char *bytes, unsigned int n)
{
	cpu.gpr[3] = 0x2000;
	cpu.gpr[4] = 0x3000;
	cpu.cr4 |= CR4_OSFXSR | CR4_OSXSAVE;
	cpu.xcr0 = 0xe7;
	cpu.mode = mode;
	decode(bytes, n);
	CHECK_EQ(step(), EMU_UNIMPLEMENTED);
	CHECK(is_untouched());
	CHECK_EQ(n_writes(), 0);
}

#define REFUSE(mode, bytes) refuse(mode, bytes, sizeof(bytes) - 1)

static void without_its_setter_an_instruction_is_refused(void)
{
	reset(EMU_REAL);
	ops.set_segment = NULL;
	REFUSE(EMU_REAL, "\x67\x8e\x1b"); /* mov ds, [ebx] */
	REFUSE(EMU_REAL, "\x1f");	  /* pop ds */
	REFUSE(EMU_REAL, "\x67\xc5\x03"); /* lds ax, [ebx] */
	reset(EMU_LONG64);
	ops.set_table = NULL;
	memset(bus.ram + 0x2000, 0, 16);
	REFUSE(EMU_LONG64, "\x0f\x01\x13"); /* lgdt [rbx] */
	ops.table = NULL;
	REFUSE(EMU_LONG64, "\x0f\x01\x03"); /* sgdt [rbx] */
	ops.set_cr0 = NULL;
	REFUSE(EMU_LONG64, "\x0f\x01\x33"); /* lmsw [rbx] */
	ops.invlpg = NULL;
	REFUSE(EMU_LONG64, "\x0f\x01\x3b"); /* invlpg [rbx] */
}

/* The bus has no vector registers and no x87 state. */
static void without_vector_registers_their_instructions_are_refused(void)
{
	reset(EMU_LONG64);
	REFUSE(EMU_LONG64, "\x0f\x10\x03");		/* movups xmm0, [rbx] */
	REFUSE(EMU_LONG64, "\x0f\x11\x03");		/* movups [rbx], xmm0 */
	REFUSE(EMU_LONG64, "\xc5\xf8\x90\x03");		/* kmovw k0, [rbx] */
	REFUSE(EMU_LONG64, "\xc5\xf8\x91\x03");		/* kmovw [rbx], k0 */
	REFUSE(EMU_LONG64, "\x0f\xae\x13");		/* ldmxcsr [rbx] */
	REFUSE(EMU_LONG64, "\x0f\xae\x1b");		/* stmxcsr [rbx] */
	REFUSE(EMU_LONG64, "\xd9\x03");			/* fld dword [rbx] */
	REFUSE(EMU_LONG64, "\xdd\x1b");			/* fstp qword [rbx] */
	REFUSE(EMU_LONG64, "\x0f\x6f\x03");		/* movq mm0, [rbx] */
	REFUSE(EMU_LONG64, "\xc4\xe2\x79\x18\x03");	/* vbroadcastss xmm0, [rbx] */
	REFUSE(EMU_LONG64, "\x66\x0f\x38\x20\x03");	/* pmovsxbw xmm0, [rbx] */
	REFUSE(EMU_LONG64, "\x66\x0f\x3a\x14\x03\x01"); /* pextrb [rbx], xmm0, 1 */
}

/* Operations that fail. */

static unsigned int n_until_failure;

static enum emu_outcome failing_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				      const void *data)
{
	return n_until_failure-- ? op_write(ctx, gpa, size, count, data) : EMU_FAILED;
}

/* A split write of 7 parts, which ends with whichever fails. */
static void a_failing_part_ends_a_split_write(void)
{
	for (unsigned int i = 0; i < 5; i++) {
		reset(EMU_LONG64);
		ops.write = failing_write;
		n_until_failure = i;
		cpu.gpr[3] = 0x2ffb;
		CHECK_EQ(EXECUTE("\x48\x89\x03"), i < 4 ? EMU_FAILED : EMU_DONE);
		CHECK_EQ(bus.n_log, i < 4 ? i : 4);
		if (i < 4)
			CHECK(is_untouched());
	}
}

/* lock add [rbx], rax over a page edge: first a compare and exchange, then plain writes. */
static void a_failing_part_ends_a_split_lock(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		reset(EMU_LONG64);
		ops.write = failing_write;
		n_until_failure = i;
		cpu.gpr[3] = 0x2ffb;
		CHECK_EQ(EXECUTE("\xf0\x48\x01\x03"), i < 3 ? EMU_FAILED : EMU_DONE);
		CHECK_EQ(n_writes(), 1 + i);
		if (i < 3)
			CHECK(is_untouched());
	}
}

static enum emu_outcome failing_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	return n_until_failure-- ? op_segment(ctx, seg, out) : EMU_FAILED;
}

/* Port permission asks for the task register, and passes on what it is told. */
static void port_permission_fails_with_its_operations(void)
{
	reset_protected(EMU_PROT32, 3);
	ops.segment = failing_segment;
	n_until_failure = 0;
	CHECK_EQ(emu_port_permission(&cpu, &ops, &bus, 0x80, 1, &exception), EMU_FAILED);
	n_until_failure = 1;
	bus.segments[SEG_TR].attributes = SEG_TYPE_TSS_BUSY; /* not present */
	CHECK_EQ(emu_port_permission(&cpu, &ops, &bus, 0x80, 1, &exception), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
	exception.vector = 0xee;
	cpu.mode = EMU_REAL;
	CHECK_EQ(emu_port_permission(&cpu, &ops, &bus, 0x80, 1, &exception), EMU_DONE);
}

/* A segment register that cannot be read in the middle of a string is not taken for a limit. */
static void a_string_fails_with_its_segment(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		reset(EMU_PROT32);
		ops.segment = failing_segment;
		n_until_failure = i;
		cpu.gpr[1] = 8;
		cpu.gpr[6] = 0x2000;
		cpu.gpr[7] = 0x3000;
		CHECK_EQ(EXECUTE("\xf3\xa5"), EMU_FAILED);
		CHECK(is_untouched());
		CHECK_EQ(bus.n_log, 0);
	}
}

/* LLDT and LTR, SDM 2A and SDM 3A "IA-32e Mode": a base that VM entry would refuse, a type that is reserved. */
static void system_descriptors_of_16_bytes_are_checked_whole(void)
{
	static const struct {
		unsigned int attributes;
		uint8_t code[3];
	} loads[] = { { SEG_P | SEG_TYPE_LDT, { 0x0f, 0x00, 0x13 } },
		      { SEG_P | 9, { 0x0f, 0x00, 0x1b } } };

	for (unsigned int i = 0; i < 2; i++) {
		reset_protected(EMU_LONG64, 0);
		put_descriptor(GDT + 0x40, 0x5000, 0x67, loads[i].attributes);
		put(0x2000, 0x40, 2);
		cpu.gpr[3] = 0x2000;
		decode((const char *)loads[i].code, 3);
		put(GDT + 0x48, 0x8000, 8);
		step();
		check_fault(EXC_GP, 0x40);
		put(GDT + 0x48, 0x100ull << 32, 8);
		step();
		check_fault(EXC_GP, 0x40);
		CHECK_EQ(n_writes(), 0);
		put(GDT + 0x48, 0xffff8000, 8);
		CHECK_EQ(step(), EMU_DONE);
		CHECK_EQ(bus.segments[i ? SEG_TR : SEG_LDTR].base, 0xffff800000005000);
	}
}

/* An operand size that MOV to a segment register and PUSH of one have, whatever their row says. */
static void pushes_of_segment_registers_have_the_operand_size(void)
{
	reset(EMU_PROT32);
	cpu.gpr[4] = 0x3000;
	CHECK_EQ(EXECUTE("\x06"), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0x2ffc);
	CHECK_EQ(EXECUTE("\x66\x1e"), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0x2ffa);
	CHECK_EQ(ram64(0x2ffa) & 0xffffffffffff, 0x18); /* DS, and ES above it */
	cpu.gpr[5] = 0x2000;
	CHECK_EQ(EXECUTE("\xc9"), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0x2004);
}

/* Rules of a few VEX and EVEX instructions that are not carried out, SDM 2A "VSIB", 2B "TILELOADD". */
static void rules_about_registers_and_masks_are_kept(void)
{
	static const struct {
		const char *bytes;
		enum emu_decoded expected;
	} cases[] = {
		{ "\xc4\xe2\x61\x90\x0c\x13",
		  EMU_DECODE_UNIMPLEMENTED }, /* vpgatherdd xmm1, xmm2, xmm3 */
		{ "\xc4\xe2\x69\x90\x0c\x13", EMU_DECODE_INVALID }, /* the mask is the index */
		{ "\xc4\xe2\x71\x90\x0c\x13",
		  EMU_DECODE_INVALID }, /* the mask is the destination */
		{ "\xc4\xe2\x61\x90\x14\x13",
		  EMU_DECODE_INVALID },				/* the index is the destination */
		{ "\xc4\xe2\x61\x90\x0b", EMU_DECODE_INVALID }, /* no SIB */
		{ "\x62\xf2\x7d\x09\x90\x0c\x13", EMU_DECODE_UNIMPLEMENTED },
		{ "\x62\xf2\x7d\x08\x90\x0c\x13", EMU_DECODE_INVALID },	      /* no mask */
		{ "\x62\xf2\x7d\x89\x90\x0c\x13", EMU_DECODE_INVALID },	      /* zeroing */
		{ "\x62\xf2\x7d\x09\xa0\x0c\x13", EMU_DECODE_UNIMPLEMENTED }, /* scatter */
		{ "\x62\xf2\x7d\x08\xa0\x0c\x13", EMU_DECODE_INVALID },
		{ "\x62\xf1\x7c\xc9\x11\x03", EMU_DECODE_INVALID }, /* a store that zeroes */
		{ "\xc4\xe2\x7b\x4b\x0c\x13",
		  EMU_DECODE_UNIMPLEMENTED },			/* tileloadd tmm1, [rbx + rdx] */
		{ "\xc4\xe2\x7b\x4b\x0b", EMU_DECODE_INVALID }, /* no SIB */
		{ "\xc4\x62\x7b\x4b\x0c\x13", EMU_DECODE_INVALID },   /* tmm9 */
		{ "\xc4\xe2\x78\x49\x03", EMU_DECODE_UNIMPLEMENTED }, /* ldtilecfg [rbx] */
		{ "\xc4\xe2\x78\x49\xc0", EMU_DECODE_NO_ACCESS },     /* tilerelease */
		{ "\xc4\xe2\x78\x49\xc8", EMU_DECODE_INVALID },
		{ "\xc4\xe2\x7b\x49\xd0", EMU_DECODE_NO_ACCESS }, /* tilezero tmm2 */
		{ "\xc4\x62\x7b\x49\xd0", EMU_DECODE_INVALID },
		{ "\xc4\xe2\x63\x5e\xca", EMU_DECODE_NO_ACCESS }, /* tdpbssd tmm1, tmm2, tmm3 */
		{ "\xc4\xe2\x63\x5e\xc9", EMU_DECODE_INVALID },	  /* a tile twice */
		{ "\xc4\xe2\x6b\x5e\xca", EMU_DECODE_INVALID },
		{ "\xc4\xe2\x73\x5e\xca", EMU_DECODE_INVALID },
		{ "\xc4\xe2\x23\x5e\xca", EMU_DECODE_INVALID }, /* tmm11 */
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[EMU_MAX_INSN_BYTES] = { 0 };

		memcpy(bytes, cases[i].bytes, strlen(cases[i].bytes));
		if (emu_decode(bytes, sizeof(bytes), EMU_LONG64, &insn) != cases[i].expected)
			printf("  case %u\n", i);
		CHECK_EQ(emu_decode(bytes, sizeof(bytes), EMU_LONG64, &insn), cases[i].expected);
		CHECK(!insn.row);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_plain_move_is_what_execution_does),
		TEST(moffs_is_a_plain_move),
		TEST(other_instructions_are_no_plain_moves),
		TEST(an_instruction_without_a_row_is_refused),
		TEST(without_its_setter_an_instruction_is_refused),
		TEST(without_vector_registers_their_instructions_are_refused),
		TEST(a_failing_part_ends_a_split_write),
		TEST(a_failing_part_ends_a_split_lock),
		TEST(port_permission_fails_with_its_operations),
		TEST(a_string_fails_with_its_segment),
		TEST(rules_about_registers_and_masks_are_kept),
		TEST(system_descriptors_of_16_bytes_are_checked_whole),
		TEST(pushes_of_segment_registers_have_the_operand_size),
	};

	return RUN(tests);
}
