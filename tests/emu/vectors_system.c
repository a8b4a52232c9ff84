/* SPDX-License-Identifier: MIT */
/*
 * The stack, system instructions, I/O permission, and what the processor at hand may lack, beside
 * vectors_segment.c and for the same reason. The surroundings are in bus.h.
 */
#include "tests/emu/bus.h"

#define DATA (SEG_P | SEG_S | SEG_TYPE_WRITABLE)
#define NONE (-1)

/* The stack. */

static void pusha_and_popa_are_whole_or_nothing(void)
{
	reset(EMU_PROT32);
	bus.segments[SEG_SS].attributes |= SEG_DB;
	for (unsigned int i = 0; i < 8; i++)
		cpu.gpr[i] = 0x11111111 * (i + 1);
	cpu.gpr[4] = 0x3010;
	bus.not_present = 0x2000;
	EXECUTE("\x60");
	CHECK_EQ(exception.address, 0x2ffc);
	check_fault(EXC_PF, PF_W);
	CHECK_EQ(n_writes(), 0);
	bus.not_present = ~0ull;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0x2ff0);
	CHECK_EQ(ram64(0x3008), 0x1111111122222222);
	CHECK_EQ(ram64(0x2ff8), 0x0000301066666666);
	CHECK_EQ(ram64(0x2ff0), 0x7777777788888888);
	memset(cpu.gpr, 0, sizeof(cpu.gpr));
	cpu.gpr[4] = 0x2ff0;
	put(0x2ffc, 0x99999999, 4); /* ESP's slot is skipped */
	CHECK_EQ(EXECUTE("\x61"), EMU_DONE);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(cpu.gpr[i], i == 4 ? 0x3010 : 0x11111111 * (i + 1));

	reset(EMU_REAL); /* and a stack pointer that wraps in the middle */
	bus.segments[SEG_SS].base = 0x8000;
	cpu.gpr[0] = 0xaaaa;
	cpu.gpr[7] = 0xdddd;
	cpu.gpr[4] = 2;
	CHECK_EQ(EXECUTE("\x60"), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0xfff2);
	CHECK_LOG(0, LOG_WRITE, 0x8000, 2, 1);
	CHECK_LOG(7, LOG_WRITE, 0x17ff2, 2, 1);
	CHECK_EQ(bus.log[7].data, 0xdddd);
}

static void flags_are_popped_by_privilege(void)
{
	static const struct {
		uint8_t cpl, iopl;
		uint64_t mask;
	} cases[] = {
		{ 0, 0, RFLAGS_IOPL | RFLAGS_IF },
		{ 1, 0, 0 },
		{ 1, 1, RFLAGS_IF },
		{ 3, 2, 0 },
		{ 3, 3, RFLAGS_IF },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t iopl = (uint64_t)cases[i].iopl << RFLAGS_IOPL_SHIFT;
		uint64_t mask = cases[i].mask | RFLAGS_STATUS | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT;

		reset(EMU_LONG64);
		cpu.cpl = cases[i].cpl;
		cpu.gpr[4] = 0x2000;
		put(0x2000, ~0ull, 8);
		cpu.rflags = RFLAGS_ONE | iopl;
		CHECK_EQ(EXECUTE("\x66\x9d"), EMU_DONE);
		CHECK_EQ(cpu.rflags, RFLAGS_ONE | iopl | mask);
		put(0x2002, ~0ull, 8);
		mask |= RFLAGS_AC | RFLAGS_ID;
		cpu.rflags = RFLAGS_ONE | iopl | RFLAGS_VIP;
		CHECK_EQ(EXECUTE("\x9d"), EMU_DONE);
		CHECK_EQ(cpu.rflags, RFLAGS_ONE | iopl | mask | RFLAGS_VIP);
		CHECK_EQ(cpu.gpr[4], 0x200a);
		cpu.rflags |= RFLAGS_RF;
		cpu.gpr[4] = 0x2008;
		CHECK_EQ(EXECUTE("\x9c"), EMU_DONE); /* RF is pushed as zero */
		CHECK_EQ(ram64(0x2000), RFLAGS_ONE | iopl | mask | RFLAGS_VIP);
	}
}

static void v86_flags_need_iopl_3_or_vme(void)
{
	reset(EMU_V86);
	cpu.rflags = RFLAGS_ONE | RFLAGS_VM;
	cpu.gpr[4] = 0x2000;
	EXECUTE("\x9c");
	check_fault(EXC_GP, 0);
	EXECUTE("\x9d");
	check_fault(EXC_GP, 0);
	cpu.cr4 = CR4_VME;
	EXECUTE("\x66\x9d");
	check_fault(EXC_GP, 0);
	cpu.rflags |= RFLAGS_VIF;
	CHECK_EQ(EXECUTE("\x9c"), EMU_DONE); /* VIF is pushed as IF, IOPL as 3 */
	CHECK_EQ(bus.log[0].data, RFLAGS_ONE | RFLAGS_IF | RFLAGS_IOPL);
	cpu.gpr[4] = 0x2000;
	put(0x2000, RFLAGS_CF | RFLAGS_TF, 2);
	EXECUTE("\x9d");
	check_fault(EXC_GP, 0);
	put(0x2000, RFLAGS_CF, 2);
	CHECK_EQ(EXECUTE("\x9d"), EMU_DONE);
	CHECK_EQ(cpu.rflags, RFLAGS_ONE | RFLAGS_VM | RFLAGS_CF);
	put(0x2002, RFLAGS_IF, 2);
	cpu.rflags |= RFLAGS_VIP;
	EXECUTE("\x9d");
	check_fault(EXC_GP, 0);
	cpu.rflags &= ~(uint64_t)RFLAGS_VIP;
	CHECK_EQ(EXECUTE("\x9d"), EMU_DONE);
	CHECK_EQ(cpu.rflags, RFLAGS_ONE | RFLAGS_VM | RFLAGS_VIF);
	cpu.cr4 = 0;
	cpu.rflags = RFLAGS_ONE | RFLAGS_VM | RFLAGS_IOPL;
	put(0x2004, RFLAGS_IF, 2);
	CHECK_EQ(EXECUTE("\x9d"), EMU_DONE); /* IOPL 3: the real flag; IOPL itself stays */
	CHECK_EQ(cpu.rflags, RFLAGS_ONE | RFLAGS_VM | RFLAGS_IOPL | RFLAGS_IF);
}

static void frames_are_entered_and_left(void)
{
	reset(EMU_LONG64);
	cpu.gpr[4] = 0x2010;
	cpu.gpr[5] = 0x1234567890;
	CHECK_EQ(EXECUTE("\xc8\x20\x00\x00"), EMU_DONE); /* enter 20h, 0 */
	CHECK_EQ(ram64(0x2008), 0x1234567890);
	CHECK_EQ(cpu.gpr[5], 0x2008);
	CHECK_EQ(cpu.gpr[4], 0x1fe8);
	CHECK_EQ(EXECUTE("\xc9"), EMU_DONE);
	CHECK_EQ(cpu.gpr[4], 0x2010);
	CHECK_EQ(cpu.gpr[5], 0x1234567890);
	CHECK_EQ(EXECUTE("\xc8\x10\x00\x01"), EMU_DONE); /* enter 10h, 1 */
	CHECK_EQ(ram64(0x2008), 0x1234567890);
	CHECK_EQ(ram64(0x2000), 0x2008);
	CHECK_EQ(cpu.gpr[5], 0x2008);
	CHECK_EQ(cpu.gpr[4], 0x1ff0);
	put(0x1ff8, 0x77777777, 8);
	cpu.gpr[5] = 0x2000;
	cpu.gpr[4] = 0x1ff0;
	CHECK_EQ(EXECUTE("\xc8\x10\x00\x22"),
		 EMU_DONE); /* level 2, modulo 32: one pointer is copied */
	CHECK_EQ(ram64(0x1fe8), 0x2000);
	CHECK_EQ(ram64(0x1fe0), 0x77777777);
	CHECK_EQ(ram64(0x1fd8), 0x1fe8);
	CHECK_EQ(cpu.gpr[5], 0x1fe8);
	CHECK_EQ(cpu.gpr[4], 0x1fc8);
	cpu.gpr[5] = 0x1fc8;
	CHECK_EQ(EXECUTE("\xc8\x10\x00\x03"), EMU_UNIMPLEMENTED); /* pushes over the outer frame */
	CHECK(is_untouched());
}

/* System registers. */

static void tables_are_stored_and_loaded(void)
{
	reset_protected(EMU_LONG64, 0);
	bus.tables[EMU_IDTR].base = 0xffff888877776666;
	cpu.gpr[3] = 0x2ffe;
	CHECK_EQ(EXECUTE("\x0f\x01\x0b"), EMU_DONE); /* sidt [rbx], over a page edge */
	CHECK_EQ(bus.n_log, 2);
	CHECK_EQ(ram64(0x3000), 0xffff888877776666);
	CHECK_EQ(bus.ram[0x2ffe] | bus.ram[0x2fff] << 8, 0x7ff);
	CHECK_EQ(EXECUTE("\x0f\x01\x13"), EMU_DONE); /* lgdt [rbx] */
	CHECK_EQ(bus.tables[EMU_GDTR].base, 0xffff888877776666);
	CHECK_EQ(bus.tables[EMU_GDTR].limit, 0x7ff);
	put(0x3000, 0x0000800000000000, 8);
	EXECUTE("\x0f\x01\x1b");
	check_fault(EXC_GP, 0);
	cpu.cpl = 3;
	EXECUTE("\x0f\x01\x1b");
	check_fault(EXC_GP, 0);

	reset_protected(EMU_PROT32, 0);
	cpu.gpr[3] = 0x2000;
	cpu.gpr[7] = 0x2000;
	CHECK_EQ(EXECUTE("\x66\x0f\x01\x0b"), EMU_DONE); /* whatever the operand size */
	CHECK_EQ(ram64(0x2000) & 0xffffffffffff, 0xfedcba9807ff);
	CHECK_EQ(bus.ram[0x2006], (uint8_t)(6 ^ 0x20));
	CHECK_EQ(EXECUTE("\x0f\x01\x13"), EMU_DONE);
	CHECK_EQ(bus.tables[EMU_GDTR].base, 0xfedcba98);
	CHECK_EQ(EXECUTE("\x66\x0f\x01\x13"), EMU_DONE);
	CHECK_EQ(bus.tables[EMU_GDTR].base, 0xdcba98);
	reset(EMU_REAL);
	cpu.gpr[7] = 0x2000;
	put(0x2000, 0xfedcba9807ff, 6);
	CHECK_EQ(EXECUTE("\x0f\x01\x1d"), EMU_DONE); /* lidt [di] */
	CHECK_EQ(bus.tables[EMU_IDTR].base, 0xdcba98);
	CHECK_EQ(bus.tables[EMU_IDTR].limit, 0x7ff);
	CHECK_EQ(EXECUTE("\x66\x0f\x01\x1d"), EMU_DONE);
	CHECK_EQ(bus.tables[EMU_IDTR].base, 0xfedcba98);
}

static void umip_hides_system_registers(void)
{
	static const char *const code[] = { "\x0f\x01\x03", "\x0f\x01\x0b", "\x0f\x01\x23",
					    "\x0f\x00\x03", "\x0f\x00\x0b" };

	for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		reset_protected(EMU_PROT32, 3);
		cpu.cr0 |= 0xabcd0000;
		cpu.gpr[3] = 0x2000;
		decode(code[i], 3);
		CHECK_EQ(step(), EMU_DONE);
		CHECK_EQ(ram64(0x2000) & 0xffff, i == 0	  ? 0xff
						 : i == 1 ? 0x7ff
						 : i == 2 ? 1
						 : i == 3 ? 0xf0
							  : 0xe0);
		CHECK_LOG(0, LOG_WRITE, 0x2000, 2, 1);
		cpu.cr4 = CR4_UMIP;
		bus.not_present = 0x2000; /* the privilege comes before the page */
		step();
		check_fault(EXC_GP, 0);
		bus.not_present = ~0ull;
		cpu.cpl = 0;
		CHECK_EQ(step(), EMU_DONE);
	}
}

static void lmsw_cannot_leave_protected_mode(void)
{
	reset_protected(EMU_PROT32, 0);
	cpu.gpr[3] = 0x2000;
	cpu.cr0 |= CR0_TS | CR0_NE;
	put(0x2000, 0xfff4, 2);
	CHECK_EQ(EXECUTE("\x0f\x01\x33"), EMU_DONE);
	CHECK_LOG(1, LOG_CR0, CR0_PE | CR0_EM | CR0_NE | CR0_PG | CR0_AM, 0, 0);
	reset(EMU_REAL);
	cpu.gpr[7] = 0x2000;
	put(0x2000, 1, 2);
	CHECK_EQ(EXECUTE("\x0f\x01\x35"), EMU_DONE);
	CHECK_LOG(1, LOG_CR0, CR0_PE, 0, 0);
	cpu.cpl = 1;
	EXECUTE("\x0f\x01\x35");
	CHECK_EQ(outcome, EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
}

static void invlpg_takes_any_address(void)
{
	reset_protected(EMU_LONG64, 0);
	bus.segments[SEG_GS].base = 0x100;
	cpu.gpr[3] = 1ull << 47;
	CHECK_EQ(EXECUTE("\x0f\x01\x3b"), EMU_DONE);
	CHECK_LOG(0, LOG_INVLPG, 1ull << 47, 0, 0);
	CHECK_EQ(EXECUTE("\x65\x0f\x01\x3b"), EMU_DONE);
	CHECK_LOG(1, LOG_INVLPG, (1ull << 47) + 0x100, 0, 0);
	cpu.cpl = 3;
	EXECUTE("\x0f\x01\x3b");
	check_fault(EXC_GP, 0);
	reset_protected(EMU_PROT32, 0);
	bus.segments[SEG_DS].base = 0xfffff000;
	cpu.gpr[3] = 0x2000;
	CHECK_EQ(EXECUTE("\x0f\x01\x3b"), EMU_DONE);
	CHECK_LOG(0, LOG_INVLPG, 0x1000, 0, 0);
	CHECK_EQ(bus.n_log, 1);
}

static void ldtr_and_tr_are_loaded_from_the_gdt(void)
{
	static const struct {
		enum emu_mode mode;
		bool is_tr;
		uint16_t selector, attributes;
		int vector;
	} cases[] = {
		{ EMU_PROT32, false, 0x40, SEG_P | 2, NONE },
		{ EMU_LONG64, false, 0x43, SEG_P | 2, NONE },
		{ EMU_PROT32, false, 0x44, SEG_P | 2, EXC_GP }, /* not from the LDT */
		{ EMU_PROT32, false, 0x40, 2, EXC_NP },
		{ EMU_PROT32, false, 0x40, SEG_P | 9, EXC_GP },
		{ EMU_PROT32, false, 0x40, DATA, EXC_GP },
		{ EMU_PROT32, false, 0x100, SEG_P | 2, EXC_GP },
		{ EMU_LONG64, false, 0xf8, SEG_P | 2, EXC_GP }, /* sixteen bytes */
		{ EMU_PROT32, true, 0x40, SEG_P | 9, NONE },
		{ EMU_PROT32, true, 0x40, SEG_P | 1, NONE },
		{ EMU_LONG64, true, 0x40, SEG_P | 9, NONE },
		{ EMU_LONG64, true, 0x40, SEG_P | 1, EXC_GP },
		{ EMU_PROT32, true, 0x40, SEG_P | 11, EXC_GP }, /* busy */
		{ EMU_PROT32, true, 0x40, 9, EXC_NP },
		{ EMU_PROT32, true, 0x04, SEG_P | 9, EXC_GP },
		{ EMU_PROT32, true, 3, SEG_P | 9, EXC_GP },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum x86_seg seg = cases[i].is_tr ? SEG_TR : SEG_LDTR;
		unsigned int selector = cases[i].selector;

		reset_protected(cases[i].mode, 0);
		put_descriptor(GDT + (selector & 0xff8), 0x12345678, 0x67, cases[i].attributes);
		put(GDT + (selector & 0xff8) + 8, 0xffff8000, 4);
		cpu.gpr[3] = 0x2000;
		put(0x2000, selector, 2);
		if (cases[i].is_tr)
			EXECUTE("\x0f\x00\x1b");
		else
			EXECUTE("\x0f\x00\x13");
		if (cases[i].vector != NONE) {
			check_fault((unsigned int)cases[i].vector, selector & 0xfffc);
			CHECK_EQ(n_writes(), 0);
			continue;
		}
		CHECK_EQ(outcome, EMU_DONE);
		CHECK_EQ(bus.segments[seg].base,
			 cases[i].mode == EMU_LONG64 ? 0xffff800012345678 : 0x12345678);
		CHECK_EQ(bus.segments[seg].attributes,
			 cases[i].attributes | (cases[i].is_tr ? 2 : 0));
		CHECK_EQ(bus.ram[GDT + (selector & 0xff8) + 5],
			 cases[i].attributes | (cases[i].is_tr ? 2 : 0));
		cpu.cpl = 1;
		step();
		check_fault(EXC_GP, 0);
	}
	reset_protected(EMU_PROT32, 0);
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0, 2);
	CHECK_EQ(EXECUTE("\x0f\x00\x13"), EMU_DONE); /* no LDT */
	CHECK_EQ(bus.segments[SEG_LDTR].attributes, 0);
}

/* I/O permission. */

static enum emu_outcome ask_permission(void *ctx, uint16_t port, unsigned int size,
				       struct emu_exception *fault)
{
	return emu_port_permission(&cpu, &ops, ctx, port, size, fault);
}

static void ports_follow_iopl_and_bitmap(void)
{
	for (int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		reset_protected((enum emu_mode)mode, mode == EMU_REAL ? 0 : 3);
		ops.port_check = ask_permission;
		bus.supervisor = TSS;
		put(TSS + 0x66, 0x68, 2);
		memset(bus.ram + TSS + 0x68, 0xff, 0x20);
		cpu.gpr[2] = 0x43;
		if (mode == EMU_REAL) {
			CHECK_EQ(EXECUTE("\xee"), EMU_DONE);
			continue;
		}
		EXECUTE("\xee"); /* out dx, al */
		check_fault(EXC_GP, 0);
		CHECK_EQ(n_writes(), 0);
		cpu.rflags |= RFLAGS_IOPL;
		if (mode == EMU_V86) {
			EXECUTE("\xee"); /* there IOPL does not matter */
			check_fault(EXC_GP, 0);
		} else {
			CHECK_EQ(EXECUTE("\xee"), EMU_DONE);
		}
		cpu.rflags = RFLAGS_ONE;
		bus.ram[TSS + 0x68 + 8] = 0xf7;
		CHECK_EQ(EXECUTE("\xee"), EMU_DONE);
		decode(mode == EMU_PROT16 || mode == EMU_V86 ? "\x66\xef" : "\xef",
		       mode == EMU_PROT16 || mode == EMU_V86 ? 2 : 1);
		step(); /* four ports, of which three are closed */
		check_fault(EXC_GP, 0);
		bus.ram[TSS + 0x68 + 8] = 0x07; /* 43h to 46h */
		CHECK_EQ(step(), EMU_DONE);
		cpu.gpr[2] = 0x45; /* 45h to 48h, over the edge of a byte */
		step();
		check_fault(EXC_GP, 0);
		bus.ram[TSS + 0x68 + 9] = 0xfe;
		CHECK_EQ(step(), EMU_DONE);

		cpu.gpr[2] = 0xf0; /* the last bits within the limit of 87h: bytes 86h and 87h */
		bus.ram[TSS + 0x86] = 0;
		CHECK_EQ(EXECUTE("\xee"), EMU_DONE);
		cpu.gpr[2] = 0xf8;
		bus.ram[TSS + 0x87] = 0;
		EXECUTE("\xee");
		check_fault(EXC_GP, 0);
		cpu.gpr[2] = 0x43;
		bus.not_present = TSS;
		EXECUTE("\xee");
		CHECK_EQ(exception.address, TSS + 0x66);
		check_fault(EXC_PF, 0);
		bus.not_present = ~0ull;
		bus.segments[SEG_TR].attributes = SEG_P | SEG_TYPE_TSS16_BUSY;
		EXECUTE("\xee");
		check_fault(EXC_GP, 0);
		bus.segments[SEG_TR].attributes = SEG_P | SEG_TYPE_TSS_BUSY;
		bus.segments[SEG_TR].limit = 0x66; /* not even the offset of the bitmap */
		EXECUTE("\xee");
		check_fault(EXC_GP, 0);
	}
}

/* Others that the processor at hand may lack, or that need odd operands. */

static void movdir64b_reads_and_writes_64_bytes(void)
{
	reset(EMU_LONG64);
	bus.alias_of = DEVICE_PAGE - 0x1000;
	cpu.gpr[0] = DEVICE_PAGE + 0x40;
	cpu.gpr[3] = 0x2ff0;
	CHECK_EQ(EXECUTE("\x66\x0f\x38\xf8\x03"), EMU_DONE); /* movdir64b rax, [rbx] */
	CHECK_EQ(bus.n_log, 4);
	CHECK_LOG(0, LOG_READ, 0x2ff0, 16, 1);
	CHECK_LOG(1, LOG_READ, 0x3000, 32, 1);
	CHECK_LOG(2, LOG_READ, 0x3020, 16, 1);
	CHECK_LOG(3, LOG_WRITE, DEVICE_PAGE + 0x40, 64, 1);
	CHECK_EQ(bus.log[3].data, ram64(0x2ff0));
	cpu.gpr[0]++;
	EXECUTE("\x66\x0f\x38\xf8\x03");
	check_fault(EXC_GP, 0);
	cpu.gpr[0] = 0x100000040; /* the address size is the destination's too */
	CHECK_EQ(EXECUTE("\x67\x66\x0f\x38\xf8\x03"), EMU_DONE);
	CHECK_EQ(ram64(0x40), ram64(0x2ff0));
	cpu.features &= ~EMU_HAS(EMU_MOVDIR64B);
	EXECUTE("\x66\x0f\x38\xf8\x03");
	check_fault(EXC_UD, 0);
	cpu.features = EMU_HAS_ALL;
	CHECK_EQ(EXECUTE("\x48\x0f\x38\xf9\x03"), EMU_DONE); /* movdiri [rbx], rax */
	CHECK_EQ(ram64(0x2ff0), cpu.gpr[0]);
}

static void missing_features_are_invalid_or_older_instructions(void)
{
	static const struct {
		const char *bytes;
		unsigned int n;
		enum emu_feature feature;
	} cases[] = {
		{ "\xf3\x0f\xb8\x03", 4, EMU_POPCNT },
		{ "\x0f\x38\xf0\x03", 4, EMU_MOVBE },
		{ "\xf2\x0f\x38\xf1\x03", 5, EMU_SSE4_2 },
		{ "\x66\x0f\x38\xf6\x03", 5, EMU_ADX },
		{ "\x48\x0f\xc7\x0b", 4, EMU_CX16 },
		{ "\x66\x0f\xae\x3b", 4, EMU_CLFLUSHOPT },
		{ "\x66\x0f\xae\x33", 4, EMU_CLWB },
		{ "\xc4\xe2\x60\xf2\x03", 5, EMU_BMI1 },
		{ "\xc4\xe2\x63\xf6\x03", 5, EMU_BMI2 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reset(EMU_LONG64);
		cpu.gpr[3] = 0x2000;
		decode(cases[i].bytes, cases[i].n);
		cpu.features = ~EMU_HAS(cases[i].feature);
		step();
		check_fault(EXC_UD, 0);
		CHECK_EQ(bus.n_log, 0);
		cpu.features = EMU_HAS(cases[i].feature);
		CHECK_EQ(step(), EMU_DONE);
	}

	reset(EMU_LONG64);
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x00012000, 4);
	CHECK_EQ(EXECUTE("\xf3\x0f\xbc\x03"), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], 13); /* tzcnt; bsf gives the same */
	CHECK_EQ(EXECUTE("\xf3\x0f\xbd\x03"), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], 15); /* lzcnt */
	cpu.features = 0;
	CHECK_EQ(EXECUTE("\xf3\x0f\xbd\x03"), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], 16); /* bsr */
	put(0x2000, 0, 4);
	cpu.gpr[0] = ~0ull;
	CHECK_EQ(EXECUTE("\xf3\x0f\xbc\x03"), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], ~0ull);
	CHECK(cpu.rflags & RFLAGS_ZF);
}

static void bound_raises_br_outside_its_bounds(void)
{
	reset(EMU_PROT32);
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x00000005fffffffe, 8); /* -2 to 5 */
	for (int i = -4; i < 8; i++) {
		cpu.gpr[0] = (uint32_t)i;
		EXECUTE("\x62\x03");
		if (i < -2 || i > 5)
			check_fault(EXC_BR, 0);
		else
			CHECK_EQ(outcome, EMU_DONE);
	}
}

/* Whatever an operation answers ends the instruction, and reads and checks come before writes. */
static void any_operation_may_fail(void)
{
	static const struct {
		enum emu_mode mode;
		uint8_t n;
		uint64_t memory; /* at [rbx], [bx], [rdi] */
		const char *bytes;
	} cases[] = {
		{ EMU_LONG64, 3, 0, "\x48\x01\x03" },
		{ EMU_LONG64, 4, 0, "\xf0\x48\x01\x03" },
		{ EMU_LONG64, 4, 0, "\xf0\x0f\xc7\x0b" },
		{ EMU_LONG64, 2, 0, "\x8f\x03" },
		{ EMU_LONG64, 2, 0, "\xff\x33" },
		{ EMU_LONG64, 2, 0, "\xff\x13" },
		{ EMU_LONG64, 2, 0, "\xff\x23" },
		{ EMU_LONG64, 3, 0x481234, "\x66\xff\x1b" },
		{ EMU_LONG64, 2, 0x4800001234, "\xff\x1b" },
		{ EMU_LONG64, 2, 0x4800001234, "\xff\x2b" },
		{ EMU_LONG64, 3, 0x4000001234, "\x0f\xb2\x03" },
		{ EMU_LONG64, 2, 0x40, "\x8e\x1b" },
		{ EMU_LONG64, 2, 0x0c, "\x8e\x1b" },
		{ EMU_LONG64, 2, 0x40, "\x8c\x1b" },
		{ EMU_LONG64, 3, 0x50, "\x0f\x00\x13" },
		{ EMU_LONG64, 3, 0x60, "\x0f\x00\x1b" },
		{ EMU_LONG64, 3, 0x40, "\x0f\x02\x03" },
		{ EMU_LONG64, 3, 0x50, "\x0f\x03\x03" },
		{ EMU_LONG64, 3, 0x40, "\x0f\x00\x23" },
		{ EMU_LONG64, 3, 0, "\x0f\x00\x0b" },
		{ EMU_LONG64, 3, 0, "\x0f\x01\x03" },
		{ EMU_LONG64, 3, 0, "\x0f\x01\x13" },
		{ EMU_LONG64, 3, 0, "\x0f\x01\x33" },
		{ EMU_LONG64, 4, 0, "\x65\x0f\x01\x3b" },
		{ EMU_LONG64, 2, 0, "\x0f\xa8" },
		{ EMU_LONG64, 1, 0, "\x53" },
		{ EMU_LONG64, 1, 0, "\x5b" },
		{ EMU_LONG64, 1, 0, "\x9c" },
		{ EMU_LONG64, 1, 0, "\x9d" },
		{ EMU_LONG64, 1, 0, "\xc3" },
		{ EMU_LONG64, 4, 0, "\xc8\x10\x00\x03" },
		{ EMU_LONG64, 1, 0, "\xc9" },
		{ EMU_LONG64, 1, 0, "\xa5" },
		{ EMU_LONG64, 1, 0, "\xab" },
		{ EMU_LONG64, 1, 0, "\xad" },
		{ EMU_LONG64, 1, 0, "\xaf" },
		{ EMU_LONG64, 1, 0, "\xa7" },
		{ EMU_LONG64, 1, 0, "\x6d" },
		{ EMU_LONG64, 1, 0, "\x6f" },
		{ EMU_LONG64, 1, 0, "\xed" },
		{ EMU_LONG64, 1, 0, "\xef" },
		{ EMU_LONG64, 1, 0, "\xd7" },
		{ EMU_LONG64, 5, 0, "\x66\x0f\x38\xf8\x03" },
		{ EMU_LONG64, 3, 0, "\x0f\xae\x3b" },
		{ EMU_PROT32, 1, 0, "\x60" },
		{ EMU_PROT32, 1, 0, "\x61" },
		{ EMU_PROT32, 1, 0, "\x16" },
		{ EMU_PROT32, 2, 0, "\x63\x03" },
		{ EMU_PROT32, 2, 0x7fffffff00000000, "\x62\x03" },
		{ EMU_PROT32, 2, 0x1000, "\xff\x23" },
		{ EMU_PROT32, 3, 0, "\x0f\x01\x3b" },
		{ EMU_PROT32, 1, 0, "\xed" },
		{ EMU_PROT32, 1, 0, "\xc9" },
		{ EMU_PROT32, 4, 0, "\xc8\x10\x00\x03" },
		{ EMU_REAL, 2, 0x12345678, "\xff\x1f" },
		{ EMU_REAL, 2, 0x12345678, "\xc5\x07" },
		{ EMU_REAL, 2, 0x1234, "\x8e\x1f" },
		{ EMU_REAL, 1, 0, "\x6c" },
	};

	for (unsigned int i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t at = i & 1 ? 0x2fff : 0x2000; /* over a page edge, and not */
		unsigned int n = 0;

		do {
			reset_protected(cases[i / 4].mode, cases[i / 4].mode == EMU_PROT32 ? 3 : 0);
			put_descriptor(GDT + 0x40, 0, 0xfffff, DATA | SEG_G | SEG_DB);
			put_descriptor(GDT + 0x48, 0, 0xfffff,
				       SEG_P | SEG_S | SEG_TYPE_CODE | SEG_L | SEG_G);
			put_descriptor(GDT + 0x50, 0, 0x67, SEG_P | SEG_TYPE_LDT);
			put_descriptor(GDT + 0x60, 0, 0x67, SEG_P | 9);
			put_descriptor(LDT + 8, 0, 0xfffff, DATA);
			memset(bus.ram + TSS + 0x68, 0, 0x20);
			put(TSS + 0x66, 0x68, 2);
			cpu.cpl = cases[i / 4].mode == EMU_PROT32 && cases[i / 4].bytes[0] != 0x0f
					  ? 3
					  : 0;
			ops.port_check = i & 2 ? ask_permission : NULL;
			bus.segments[SEG_SS].attributes |=
				cases[i / 4].mode != EMU_REAL ? SEG_DB : 0;
			bus.has_answer = true;
			cpu.gpr[0] = 0x6000;
			cpu.gpr[2] = 0x40;
			cpu.gpr[3] = cpu.gpr[7] = at;
			cpu.gpr[4] = i & 2 ? 0x5003 : 0x5008;
			cpu.gpr[5] = i & 2 ? 0x6003 : 0x6000;
			cpu.gpr[6] = 0x4fff;
			memset(bus.ram + at, 0, 16);
			memset(bus.ram + 0x5000, 0, 64);
			put(at, cases[i / 4].memory, 8);
			decode(cases[i / 4].bytes, cases[i / 4].n);
			bus.fail_at = ++n;
			step();
			if (bus.fail_at)
				break;
			CHECK_EQ(outcome, EMU_FAILED);
			CHECK(is_untouched());
			if (!bus.failed_late)
				CHECK_EQ(n_writes(), 0);
		} while (n < 200);
		CHECK_EQ(outcome, EMU_DONE);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(pusha_and_popa_are_whole_or_nothing),
		TEST(flags_are_popped_by_privilege),
		TEST(v86_flags_need_iopl_3_or_vme),
		TEST(frames_are_entered_and_left),
		TEST(tables_are_stored_and_loaded),
		TEST(umip_hides_system_registers),
		TEST(lmsw_cannot_leave_protected_mode),
		TEST(invlpg_takes_any_address),
		TEST(ldtr_and_tr_are_loaded_from_the_gdt),
		TEST(ports_follow_iopl_and_bitmap),
		TEST(movdir64b_reads_and_writes_64_bytes),
		TEST(missing_features_are_invalid_or_older_instructions),
		TEST(bound_raises_br_outside_its_bounds),
		TEST(any_operation_may_fail),
	};

	return RUN(tests);
}
