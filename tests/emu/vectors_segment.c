/* SPDX-License-Identifier: MIT */
/*
 * Segment registers, descriptors and far transfers: what takes privilege or other modes than a user's, and thus
 * cannot be held against the processor in tests/emu/native.c. The manual is the oracle here, and
 * tests/guest on an emulated processor. The surroundings are in bus.h.
 */
#include "tests/emu/bus.h"

#define DATA	  (SEG_P | SEG_S | SEG_TYPE_WRITABLE)
#define READ_ONLY (SEG_P | SEG_S)
#define CODE	  (SEG_P | SEG_S | SEG_TYPE_CODE)
#define DPL(n)	  ((n) << SEG_DPL_SHIFT)
#define NONE	  (-1)

/* Segment registers. */

static void real_mode_loads_move_the_base_alone(void)
{
	reset(EMU_REAL);
	bus.segments[SEG_DS].limit = 0xffffffff; /* "unreal" mode lives on this */
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0xb800, 2);
	CHECK_EQ(EXECUTE("\x8e\x1f"), EMU_DONE); /* mov ds, [bx] */
	CHECK_EQ(bus.segments[SEG_DS].base, 0xb8000);
	CHECK_EQ(bus.segments[SEG_DS].selector, 0xb800);
	CHECK_EQ(bus.segments[SEG_DS].limit, 0xffffffff);
	CHECK_EQ(bus.segments[SEG_DS].attributes, DATA | SEG_TYPE_ACCESSED);
	CHECK_EQ(cpu.rip, 0x1002);
	CHECK(!cpu.has_shadow);
	CHECK_EQ(bus.n_log, 2);
}

static void v86_loads_make_user_data_of_64k(void)
{
	reset(EMU_V86);
	bus.segments[SEG_ES].limit = 0xffffffff;
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x12345678, 4);
	CHECK_EQ(EXECUTE("\xc4\x07"), EMU_DONE); /* les ax, [bx] */
	CHECK_EQ(bus.segments[SEG_ES].base, 0x12340);
	CHECK_EQ(bus.segments[SEG_ES].limit, 0xffff);
	CHECK_EQ(bus.segments[SEG_ES].attributes, 0xf3);
	CHECK_EQ(cpu.gpr[0], 0xe0dd5678);
}

static void protected_loads_unpack_the_descriptor(void)
{
	reset_protected(EMU_PROT32, 3);
	put_descriptor(GDT + 0x40, 0x12345678, 0xabcde, DATA | DPL(3) | SEG_G | SEG_DB | SEG_AVL);
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x43, 2);
	CHECK_EQ(EXECUTE("\x8e\x23"),
		 EMU_DONE); /* mov fs, [ebx], though the GDT is a supervisor's */
	CHECK_EQ(bus.segments[SEG_FS].base, 0x12345678);
	CHECK_EQ(bus.segments[SEG_FS].limit, 0xabcdefff);
	CHECK_EQ(bus.segments[SEG_FS].selector, 0x43);
	CHECK_EQ(bus.segments[SEG_FS].attributes,
		 DATA | SEG_TYPE_ACCESSED | DPL(3) | SEG_G | SEG_DB | SEG_AVL);
	CHECK_EQ(bus.n_log, 4);
	CHECK_LOG(0, LOG_READ, 0x2000, 2, 1);
	CHECK_LOG(1, LOG_READ, GDT + 0x40, 8, 1);
	CHECK_LOG(2, LOG_CMPXCHG, GDT + 0x45, 1, 1); /* accessed */
	CHECK_LOG(3, LOG_SEGMENT, SEG_FS, 0, 0);
	CHECK_EQ(bus.ram[GDT + 0x45], DATA | SEG_TYPE_ACCESSED | DPL(3));

	/* A descriptor that has been accessed is not written: its page may be read-only. */
	bus.n_log = 0;
	bus.read_only = GDT;
	CHECK_EQ(EXECUTE("\x8e\x23"), EMU_DONE);
	CHECK_EQ(bus.n_log, 3);
	bus.ram[GDT + 0x45] &= 0xfe;
	EXECUTE("\x8e\x23");
	CHECK_EQ(exception.address, GDT + 0x45);
	check_fault(EXC_PF, PF_P | PF_W);
	bus.read_only = ~0ull;
	bus.not_present = GDT;
	EXECUTE("\x8e\x23");
	CHECK_EQ(exception.address, GDT + 0x40);
	check_fault(EXC_PF, 0);

	/* One that changes in between is read again by a new execution. */
	bus.not_present = ~0ull;
	bus.mutate = true;
	CHECK_EQ(EXECUTE("\x8e\x23"), EMU_RETRY);
	CHECK(is_untouched());
}

static void protected_loads_check_every_right(void)
{
	static const struct {
		uint8_t seg, cpl;
		uint16_t selector, attributes;
		int vector; /* NONE: loads */
	} cases[] = {
		{ SEG_DS, 0, 0x40, DATA, NONE },
		{ SEG_DS, 0, 0x43, DATA | DPL(3), NONE },
		{ SEG_DS, 0, 0x43, DATA | DPL(2), EXC_GP },
		{ SEG_DS, 3, 0x40, DATA | DPL(2), EXC_GP },
		{ SEG_DS, 3, 0x40, DATA | DPL(3), NONE },
		{ SEG_DS, 0, 0x40, READ_ONLY, NONE },
		{ SEG_DS, 0, 0x40, CODE, EXC_GP }, /* execute-only */
		{ SEG_ES, 0, 0x40, CODE | SEG_TYPE_READABLE, NONE },
		{ SEG_ES, 3, 0x40, CODE | SEG_TYPE_READABLE, EXC_GP },
		{ SEG_ES, 3, 0x43, CODE | SEG_TYPE_READABLE | SEG_TYPE_CONFORMING, NONE },
		{ SEG_ES, 3, 0x43, CODE | SEG_TYPE_CONFORMING, EXC_GP },
		{ SEG_FS, 0, 0x40, SEG_P | SEG_TYPE_LDT, EXC_GP },
		{ SEG_FS, 0, 0x40, SEG_P | SEG_TYPE_TSS_BUSY, EXC_GP },
		{ SEG_GS, 0, 0x40, DATA & ~SEG_P, EXC_NP },
		{ SEG_GS, 3, 0x40, DATA & ~SEG_P, EXC_GP }, /* the right comes before presence */
		{ SEG_GS, 0, 0xf8, DATA, NONE },	    /* the last one in the table */
		{ SEG_GS, 0, 0x100, DATA, EXC_GP },
		{ SEG_SS, 0, 0x40, DATA, NONE },
		{ SEG_SS, 3, 0x43, DATA | DPL(3), NONE },
		{ SEG_SS, 3, 0x40, DATA | DPL(3), EXC_GP }, /* RPL */
		{ SEG_SS, 0, 0x43, DATA | DPL(3), EXC_GP },
		{ SEG_SS, 0, 0x40, DATA | DPL(3), EXC_GP }, /* DPL */
		{ SEG_SS, 0, 0x40, READ_ONLY, EXC_GP },
		{ SEG_SS, 0, 0x40, CODE | SEG_TYPE_READABLE, EXC_GP },
		{ SEG_SS, 0, 0x40, DATA & ~SEG_P, EXC_SS },
		{ SEG_SS, 0, 0x40, SEG_P | SEG_TYPE_WRITABLE, EXC_GP },
		{ SEG_DS, 0, 0x1c, DATA, NONE }, /* LDT, its last */
		{ SEG_DS, 0, 0x24, DATA, EXC_GP },
	};
	static const enum emu_mode modes[] = { EMU_PROT16, EMU_PROT32, EMU_LONG64 };

	for (unsigned int i = 0; i < 3 * sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int at = cases[i / 3].selector & 0xfff8, seg = cases[i / 3].seg;
		char bytes[2] = { (char)0x8e, (char)(seg << 3 | 7) };

		reset_protected(modes[i % 3], cases[i / 3].cpl);
		put_descriptor((cases[i / 3].selector & 4 ? LDT : GDT) + at, 0x1000, 0xffff,
			       cases[i / 3].attributes);
		cpu.gpr[3] = cpu.gpr[7] = 0x2000; /* [bx] and [edi] */
		put(0x2000, cases[i / 3].selector, 2);
		decode(bytes, 2);
		step();
		if (cases[i / 3].vector != NONE) {
			check_fault((unsigned int)cases[i / 3].vector,
				    cases[i / 3].selector & 0xfffc);
			CHECK_EQ(n_writes(), 0);
			continue;
		}
		CHECK_EQ(outcome, EMU_DONE);
		CHECK_EQ(bus.segments[seg].base, 0x1000);
		CHECK_EQ(bus.segments[seg].selector, cases[i / 3].selector);
		CHECK_EQ(cpu.has_shadow, seg == SEG_SS);
	}
}

static void no_ldt_is_no_descriptor(void)
{
	reset_protected(EMU_PROT32, 0);
	put_descriptor(LDT + 8, 0, 0xffff, DATA);
	bus.segments[SEG_LDTR].attributes = 0;
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x0c, 2);
	EXECUTE("\x8e\x1b");
	check_fault(EXC_GP, 0x0c);
}

static void null_selectors_make_registers_unusable(void)
{
	static const struct {
		enum emu_mode mode;
		uint8_t seg, cpl, selector;
		bool is_ok;
	} cases[] = {
		{ EMU_PROT32, SEG_DS, 3, 0, true },  { EMU_PROT32, SEG_FS, 0, 3, true },
		{ EMU_PROT32, SEG_SS, 0, 0, false }, { EMU_LONG64, SEG_SS, 0, 0, true },
		{ EMU_LONG64, SEG_SS, 2, 2, true },  { EMU_LONG64, SEG_SS, 2, 0, false },
		{ EMU_LONG64, SEG_SS, 3, 3, false }, { EMU_LONG64, SEG_GS, 3, 3, true },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char bytes[2] = { (char)0x8e, (char)(cases[i].seg << 3 | 3) };

		reset_protected(cases[i].mode, cases[i].cpl);
		cpu.gpr[3] = 0x2000;
		put(0x2000, cases[i].selector, 2);
		decode(bytes, 2);
		step();
		if (!cases[i].is_ok) {
			check_fault(EXC_GP, 0);
			continue;
		}
		CHECK_EQ(outcome, EMU_DONE);
		CHECK_EQ(bus.segments[cases[i].seg].selector, cases[i].selector);
		CHECK(!(bus.segments[cases[i].seg].attributes & SEG_P));
		if (cases[i].seg == SEG_SS)
			CHECK_EQ(SEG_ATTR_DPL(bus.segments[SEG_SS].attributes), cases[i].cpl);
	}
}

static void only_mov_and_pop_of_ss_cast_a_shadow(void)
{
	reset_protected(EMU_PROT32, 0);
	put_descriptor(GDT + 0x40, 0, 0xfffff, DATA | SEG_G | SEG_DB);
	cpu.gpr[3] = cpu.gpr[4] = 0x2000;
	put(0x2000, 0x40, 8);
	CHECK_EQ(EXECUTE("\x8e\x13"), EMU_DONE);
	CHECK(cpu.has_shadow);
	CHECK_EQ(EXECUTE("\x88\x03"), EMU_DONE); /* the next instruction ends it */
	CHECK(!cpu.has_shadow);
	put(0x2000, 0x40, 8);
	CHECK_EQ(EXECUTE("\x17"), EMU_DONE); /* pop ss */
	CHECK(cpu.has_shadow);
	CHECK_EQ(cpu.gpr[4], 0x2004);
	put(0x2000, 0x4000000000, 8);
	CHECK_EQ(EXECUTE("\x0f\xb2\x03"), EMU_DONE); /* lss eax, [ebx] */
	CHECK(!cpu.has_shadow);
	put(0x2004, 0x40, 8);
	CHECK_EQ(EXECUTE("\x07"), EMU_DONE); /* pop es */
	CHECK(!cpu.has_shadow);
	cpu.has_shadow = true;
	put(0x2008, 0x666, 4);
	EXECUTE("\x17"); /* a load that faults casts none, and ends none */
	check_fault(EXC_GP, 0x664);
}

static void far_pointers_come_in_three_sizes(void)
{
	reset_protected(EMU_LONG64, 0);
	put_descriptor(GDT + 0x40, 0x5000, 0xfffff, DATA | SEG_G);
	bus.alias_of = DEVICE_PAGE - 0x1000;
	cpu.gpr[3] = DEVICE_PAGE - 8;
	put(0x3ff8, 0x8877665544332211, 8);
	bus.answer = 0x40;
	cpu.features &= ~EMU_HAS(EMU_AMD);
	CHECK_EQ(EXECUTE("\x48\x0f\xb4\x03"),
		 EMU_DEVICE); /* lfs rax, [rbx]: the selector in a device */
	CHECK(is_untouched());
	bus.has_answer = true;
	bus.n_log = 0;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_LOG(0, LOG_READ, 0x3ff8, 8, 1);
	CHECK_LOG(1, LOG_READ, DEVICE_PAGE, 2, 1);
	CHECK_LOG(2, LOG_READ, GDT + 0x40, 8, 1);
	CHECK_EQ(cpu.gpr[0], 0x8877665544332211);
	CHECK_EQ(bus.segments[SEG_FS].base, 0x5000);

	bus.n_log = 0;
	cpu.gpr[3] = 0x2002; /* an offset and a selector */
	put(0x2002, 0x4099887766, 6);
	EXECUTE("\x0f\xb5\x03"); /* lgs eax, [rbx] */
	CHECK_EQ(outcome, EMU_DONE);
	CHECK_LOG(0, LOG_READ, 0x2002, 4, 1);
	CHECK_LOG(1, LOG_READ, 0x2006, 2, 1);
	CHECK_EQ(cpu.gpr[0], 0x99887766);
	CHECK_EQ(bus.segments[SEG_GS].selector, 0x40);
	put(0x2002, 0x00401234, 4);
	CHECK_EQ(EXECUTE("\x66\x0f\xb5\x03"), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], 0x99881234);

	put(0x2002, 0x1234, 6); /* the register is not written when the segment faults */
	put(0x2006, 0x70, 2);
	EXECUTE("\x0f\xb5\x03");
	check_fault(EXC_GP, 0x70);
}

static void segment_registers_are_pushed_and_popped(void)
{
	reset_protected(EMU_PROT32, 0);
	put_descriptor(GDT + 0x40, 0x7000, 0xfff, DATA);
	bus.segments[SEG_SS].attributes |= SEG_DB;
	cpu.gpr[4] = 0x2010;
	CHECK_EQ(EXECUTE("\x0e"), EMU_DONE); /* push cs */
	CHECK_LOG(0, LOG_WRITE, 0x200c, 4, 1);
	CHECK_EQ(bus.log[0].data, 0x30);
	CHECK_EQ(EXECUTE("\x66\x0f\xa8"), EMU_DONE); /* push gs, a word */
	CHECK_LOG(1, LOG_WRITE, 0x200a, 2, 1);
	CHECK_EQ(cpu.gpr[4], 0x200a);
	put(0x200a, 0xffff0040, 4);		 /* only the low word is a selector */
	CHECK_EQ(EXECUTE("\x0f\xa1"), EMU_DONE); /* pop fs */
	CHECK_EQ(bus.segments[SEG_FS].base, 0x7000);
	CHECK_EQ(cpu.gpr[4], 0x200e);
	put(0x200e, 0x48, 4);
	EXECUTE("\x1f");
	check_fault(EXC_GP, 0x48); /* and the stack pointer is where it was */
}

/* LAR LSL VERR VERW ARPL */

static void descriptors_are_looked_at_by_privilege(void)
{
	static const struct {
		uint16_t selector, attributes;
		uint8_t cpl;
		bool lar, lsl, verr, verw;
	} cases[] = {
		{ 0x40, DATA, 0, true, true, true, true },
		{ 0x40, DATA, 3, false, false, false, false },
		{ 0x43, DATA, 0, false, false, false, false },
		{ 0x43, DATA | DPL(3), 3, true, true, true, true },
		{ 0x40, READ_ONLY, 0, true, true, true, false },
		{ 0x40, CODE, 0, true, true, false, false },
		{ 0x40, CODE | SEG_TYPE_READABLE, 0, true, true, true, false },
		{ 0x43, CODE | SEG_TYPE_READABLE | SEG_TYPE_CONFORMING, 3, true, true, true,
		  false },
		{ 0x40, SEG_P | SEG_TYPE_LDT, 0, true, true, false, false },
		{ 0x40, SEG_P | SEG_TYPE_TSS_BUSY, 0, true, true, false, false },
		{ 0x40, SEG_P | 1, 0, true, true, false, false },  /* 16-bit TSS */
		{ 0x40, SEG_P | 4, 0, true, false, false, false }, /* call gates, task gate */
		{ 0x40, SEG_P | 5, 0, true, false, false, false },
		{ 0x40, SEG_P | 12, 0, true, false, false, false },
		{ 0x40, SEG_P | 14, 0, false, false, false, false }, /* interrupt gate */
		{ 0x40, SEG_P, 0, false, false, false, false },
		{ 0x100, DATA, 0, false, false, false, false },
		{ 0, DATA, 0, false, false, false, false },
		{ 0x40, DATA & ~SEG_P, 0, true, true, true, true },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int with_flags = 0; with_flags < 2; with_flags++) {
			uint64_t others;

			reset_protected(EMU_PROT32, cases[i].cpl);
			put_descriptor(GDT + (cases[i].selector & 0xff8), 0x87654321, 0x9abcd,
				       cases[i].attributes | SEG_G | SEG_AVL);
			cpu.gpr[3] = 0x2000;
			put(0x2000, cases[i].selector, 2);
			cpu.rflags |= with_flags ? RFLAGS_STATUS : 0;
			others = cpu.rflags & ~(uint64_t)RFLAGS_ZF;
			CHECK_EQ(EXECUTE("\x0f\x02\x03"), EMU_DONE);
			CHECK_EQ(cpu.rflags, others | (cases[i].lar ? RFLAGS_ZF : 0));
			CHECK_EQ(cpu.gpr[0], cases[i].lar
						     ? 0x990000u | (cases[i].attributes & 0xff) << 8
						     : 0xe0ddf00d);
			cpu.gpr[0] = 0xe0ddf00d;
			CHECK_EQ(EXECUTE("\x0f\x03\x03"), EMU_DONE);
			CHECK_EQ(cpu.rflags, others | (cases[i].lsl ? RFLAGS_ZF : 0));
			CHECK_EQ(cpu.gpr[0], cases[i].lsl ? 0x9abcdfff : 0xe0ddf00d);
			CHECK_EQ(EXECUTE("\x0f\x00\x23"), EMU_DONE);
			CHECK_EQ(cpu.rflags, others | (cases[i].verr ? RFLAGS_ZF : 0));
			CHECK_EQ(EXECUTE("\x0f\x00\x2b"), EMU_DONE);
			CHECK_EQ(cpu.rflags, others | (cases[i].verw ? RFLAGS_ZF : 0));
			CHECK_EQ(n_writes(), 0); /* looking is not accessing */
		}
	}
}

static void long_mode_knows_fewer_system_types(void)
{
	for (unsigned int type = 0; type < 16; type++) {
		reset_protected(EMU_LONG64, 0);
		put_descriptor(GDT + 0x40, 0, 0x67, SEG_P | type);
		cpu.gpr[3] = 0x2000;
		put(0x2000, 0x40, 2);
		CHECK_EQ(EXECUTE("\x0f\x02\x03"), EMU_DONE);
		CHECK_EQ(!!(cpu.rflags & RFLAGS_ZF),
			 type == 2 || type == 9 || type == 11 || type == 12);
		CHECK_EQ(EXECUTE("\x0f\x03\x03"), EMU_DONE);
		CHECK_EQ(!!(cpu.rflags & RFLAGS_ZF), type == 2 || type == 9 || type == 11);
		put_descriptor(GDT + 0xf8, 0, 0x67, SEG_P | type);
		put(0x2000, 0xf8, 2); /* sixteen bytes do not fit */
		CHECK_EQ(EXECUTE("\x0f\x02\x03"), EMU_DONE);
		CHECK(!(cpu.rflags & RFLAGS_ZF));
	}
}

/* Branches. */

static void near_branches_go_through_memory(void)
{
	reset_protected(EMU_LONG64, 0);
	cpu.gpr[3] = DEVICE_PAGE;
	cpu.gpr[4] = 0x2008;
	CHECK_EQ(EXECUTE("\xff\x13"), EMU_DEVICE); /* call [rbx] */
	CHECK(is_untouched());
	CHECK_EQ(n_writes(), 0);
	bus.has_answer = true;
	bus.answer = 0x12345678;
	bus.n_log = 0;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(bus.n_log, 2);
	CHECK_LOG(0, LOG_READ, DEVICE_PAGE, 8, 1);
	CHECK_LOG(1, LOG_WRITE, 0x2000, 8, 1);
	CHECK_EQ(bus.log[1].data, 0x1002);
	CHECK_EQ(cpu.rip, 0x12345678);
	CHECK_EQ(cpu.gpr[4], 0x2000);
	CHECK_EQ(EXECUTE("\xff\x23"), EMU_DONE); /* jmp [rbx] */
	CHECK_EQ(cpu.rip, 0x12345678);
	bus.answer = 1ull << 47;
	bus.n_log = 0;
	EXECUTE("\xff\x23");
	check_fault(EXC_GP, 0);
	EXECUTE("\xff\x13");
	check_fault(EXC_GP, 0);
	CHECK_EQ(n_writes(), 0); /* nothing was pushed */
	bus.not_present = 0x1000;
	bus.answer = 0x1000;
	EXECUTE("\xff\x13");
	CHECK_EQ(exception.address, 0x1ff8);
	check_fault(EXC_PF, PF_W);

	cpu.gpr[4] = 0x2000;
	put(0x2000, 0x4444, 8);
	CHECK_EQ(EXECUTE("\xc2\x10\x80"), EMU_DONE); /* ret 8010h */
	CHECK_EQ(cpu.rip, 0x4444);
	CHECK_EQ(cpu.gpr[4], 0x2008 + 0x8010);
	CHECK_EQ(EXECUTE("\xe8\xfb\xff\xff\xff"), EMU_DONE); /* call self */
	CHECK_EQ(cpu.rip, 0x4444);
	CHECK_EQ(ram64(cpu.gpr[4]), 0x4449);
	CHECK_EQ(EXECUTE("\xff\xd3"), EMU_DONE); /* call rbx */
	CHECK_EQ(cpu.rip, DEVICE_PAGE);
}

static void near_branches_stop_at_the_limit(void)
{
	reset_protected(EMU_PROT32, 0);
	bus.segments[SEG_CS].limit = 0x8fff;
	bus.segments[SEG_SS].attributes |= SEG_DB;
	cpu.gpr[3] = 0x3000;
	cpu.gpr[4] = 0x2000;
	put(0x3000, 0x9000, 4);
	EXECUTE("\xff\x23");
	check_fault(EXC_GP, 0);
	EXECUTE("\xff\x13");
	check_fault(EXC_GP, 0);
	put(0x3000, 0x12348fff, 4);
	CHECK_EQ(EXECUTE("\x66\xff\x23"), EMU_DONE); /* a word: 16 bits of EIP */
	CHECK_EQ(cpu.rip, 0x8fff);
	put(0x2000, 0x9000, 4);
	EXECUTE("\xc3");
	check_fault(EXC_GP, 0);
}

static void real_mode_far_branches_set_cs(void)
{
	reset(EMU_REAL);
	bus.segments[SEG_CS].selector = 0x1111;
	cpu.gpr[3] = 0x3000;
	cpu.gpr[4] = 0x2004;
	put(0x3000, 0xf000fff0, 4);
	CHECK_EQ(EXECUTE("\xff\x1f"), EMU_DONE); /* call far [bx] */
	CHECK_EQ(cpu.rip, 0xfff0);
	CHECK_EQ(bus.segments[SEG_CS].base, 0xf0000);
	CHECK_EQ(bus.segments[SEG_CS].selector, 0xf000);
	CHECK_LOG(2, LOG_WRITE, 0x2002, 2, 1);
	CHECK_EQ(bus.log[2].data, 0x1111);
	CHECK_LOG(3, LOG_WRITE, 0x2000, 2, 1);
	CHECK_EQ(bus.log[3].data, 0x1002);
	CHECK_EQ((uint16_t)cpu.gpr[4], 0x2000);
	put(0x3000, 0x12340010000, 6);
	EXECUTE("\x66\xff\x2f"); /* jmp far, with an offset beyond the limit */
	CHECK_EQ(exception.vector, EXC_GP);
	CHECK(is_untouched());
	exception.vector = 0xee;
	CHECK_EQ(EXECUTE("\x9a\x34\x12\x78\x56"), EMU_DONE); /* call 5678:1234 */
	CHECK_EQ(cpu.rip, 0x1234);
	CHECK_EQ(bus.segments[SEG_CS].base, 0x56780);
	CHECK_EQ(ram64(0x1ffc) & 0xffffffff, 0xf000fff5);
	reset(EMU_V86);
	cpu.gpr[3] = 0x3000;
	put(0x3000, 0xf000fff0, 4);
	CHECK_EQ(EXECUTE("\xff\x2f"), EMU_DONE); /* jmp far [bx] */
	CHECK_EQ(bus.segments[SEG_CS].base, 0xf0000);
	CHECK_EQ(bus.segments[SEG_CS].attributes, 0xf3);
}

static void protected_far_branches_check_the_code_segment(void)
{
	static const struct {
		enum emu_mode mode;
		uint8_t cpl;
		uint16_t selector, attributes;
		int vector; /* NONE: goes there; -2: not implemented */
	} cases[] = {
		{ EMU_PROT32, 0, 0x40, CODE | SEG_DB, NONE },
		{ EMU_PROT16, 3, 0x40, CODE | DPL(3), NONE },
		{ EMU_PROT32, 3, 0x43, CODE | DPL(3), NONE },
		{ EMU_PROT32, 3, 0x43, CODE, EXC_GP },
		{ EMU_PROT32, 0, 0x43, CODE, EXC_GP },
		{ EMU_PROT32, 0, 0x40, CODE | DPL(3), EXC_GP },
		{ EMU_PROT32, 3, 0x43, CODE | SEG_TYPE_CONFORMING, NONE },
		{ EMU_PROT32, 0, 0x43, CODE | SEG_TYPE_CONFORMING, NONE },
		{ EMU_PROT32, 0, 0x40, CODE | SEG_TYPE_CONFORMING | DPL(3), EXC_GP },
		{ EMU_PROT32, 0, 0x40, DATA, EXC_GP },
		{ EMU_PROT32, 0, 0x40, CODE & ~SEG_P, EXC_NP },
		{ EMU_PROT32, 0, 0x100, CODE, EXC_GP },
		{ EMU_PROT32, 0, 0x40, CODE | SEG_L | SEG_DB, -2 },
		{ EMU_PROT32, 0, 0x40, SEG_P | 12, -2 }, /* gates and tasks */
		{ EMU_PROT32, 0, 0x40, SEG_P | 9, -2 },
		{ EMU_PROT32, 0, 0x40, SEG_P | 5, -2 },
		{ EMU_PROT32, 0, 0x40, SEG_P | 11, EXC_GP }, /* busy */
		{ EMU_PROT32, 0, 0x40, SEG_P | SEG_TYPE_LDT, EXC_GP },
		{ EMU_PROT32, 0, 0x40, SEG_P | 14, EXC_GP },
		{ EMU_LONG64, 0, 0x40, CODE | SEG_L, NONE },
		{ EMU_LONG64, 3, 0x43, CODE | SEG_DB | DPL(3), NONE }, /* compatibility mode */
		{ EMU_LONG64, 0, 0x40, CODE | SEG_L | SEG_DB, EXC_GP },
		{ EMU_LONG64, 0, 0x40, SEG_P | 12, -2 },
		{ EMU_LONG64, 0, 0x40, SEG_P | 9, EXC_GP },
		{ EMU_LONG64, 0, 0x40, SEG_P | 5, EXC_GP },
	};

	for (unsigned int i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned int selector = cases[i / 2].selector, cpl = cases[i / 2].cpl;
		bool is_call = i & 1, is_16 = cases[i / 2].mode == EMU_PROT16;

		reset_protected(cases[i / 2].mode, cpl);
		put_descriptor(GDT + (selector & 0xfff8), 0x1000, 0x3000, cases[i / 2].attributes);
		bus.segments[SEG_SS].attributes |= is_16 ? 0 : SEG_DB;
		cpu.gpr[3] = cpu.gpr[7] = 0x2000;
		cpu.gpr[4] = 0x3010;
		put(0x2000, 0x3000, 4);
		put(0x2000 + (is_16 ? 2 : 4), selector, 2);
		if (is_call)
			EXECUTE("\xff\x1f");
		else
			EXECUTE("\xff\x2f");
		if (cases[i / 2].vector == -2) {
			CHECK_EQ(outcome, EMU_UNIMPLEMENTED);
			CHECK(is_untouched());
		} else if (cases[i / 2].vector != NONE) {
			check_fault((unsigned int)cases[i / 2].vector, selector & 0xfffc);
		} else {
			CHECK_EQ(outcome, EMU_DONE);
			CHECK_EQ(cpu.rip, 0x3000);
			CHECK_EQ(bus.segments[SEG_CS].selector, (selector & 0xfffc) | cpl);
			CHECK_EQ(bus.segments[SEG_CS].attributes,
				 cases[i / 2].attributes | SEG_TYPE_ACCESSED);
			CHECK_EQ(cpu.gpr[4], 0x3010 - (!is_call ? 0 : is_16 ? 4 : 8));
			CHECK_EQ(n_writes(), is_call ? 4 : 2);
			continue;
		}
		CHECK_EQ(n_writes(), 0);
	}
}

static void far_branches_to_64_bit_code_are_jumps(void)
{
	reset_protected(EMU_PROT32, 0);
	put_descriptor(GDT + 0x40, 0, 0x2fff, CODE | SEG_L);
	cpu.gpr[3] = 0x2000;
	cpu.gpr[4] = 0x3000;
	put(0x2000, 0x4000002fff, 6);
	CHECK_EQ(EXECUTE("\xff\x1b"), EMU_UNIMPLEMENTED);
	CHECK(is_untouched());
	CHECK_EQ(EXECUTE("\xff\x2b"), EMU_DONE);
	CHECK_EQ(cpu.rip, 0x2fff);
	CHECK_EQ(bus.segments[SEG_CS].attributes, CODE | SEG_L | SEG_TYPE_ACCESSED);
	put(0x2000, 0x4000003000, 6); /* #GP(0), or beyond a limit that is none */
	CHECK_EQ(EXECUTE("\xff\x2b"), EMU_UNIMPLEMENTED);
	CHECK(is_untouched());
}

static void far_branches_check_the_target_and_the_stack(void)
{
	reset_protected(EMU_PROT32, 0);
	put_descriptor(GDT + 0x40, 0, 0x2fff, CODE | SEG_DB);
	bus.segments[SEG_SS].attributes |= SEG_DB;
	cpu.gpr[3] = 0x2000;
	put(0x2000, 0x4000003000, 6);
	EXECUTE("\xff\x2b");
	check_fault(EXC_GP, 0);
	put(0x2000, 0x4000002fff, 6);
	bus.segments[SEG_SS].limit = 0x2fff;
	cpu.gpr[4] = 0x4000;
	EXECUTE("\xff\x1b");
	check_fault(EXC_SS, 0);
	CHECK_EQ(bus.ram[GDT + 0x45], CODE);
	put(0x2000, 0x000002fff, 6);
	EXECUTE("\xff\x2b"); /* a null selector */
	check_fault(EXC_GP, 0);
	bus.segments[SEG_SS].limit = 0xffffffff;
	cpu.gpr[4] = 0x5004;
	bus.not_present = 0x4000;
	put(0x2000, 0x4000002fff, 6);
	EXECUTE("\xff\x1b"); /* the second push faults, and the first has not happened */
	CHECK_EQ(exception.address, 0x4ffc);
	check_fault(EXC_PF, PF_W);
	CHECK_EQ(n_writes(), 0);

	reset_protected(EMU_LONG64, 0);
	put_descriptor(GDT + 0x40, 0, 0, CODE | SEG_L);
	cpu.gpr[3] = 0x2000;
	cpu.gpr[4] = 0x3010;
	put(0x2000, 1ull << 47, 8);
	put(0x2008, 0x40, 2);
	cpu.features &= ~EMU_HAS(EMU_AMD);
	EXECUTE("\x48\xff\x1b");
	check_fault(EXC_GP, 0);
	put(0x2000, 0xffff800000001234, 8);
	CHECK_EQ(EXECUTE("\x48\xff\x1b"), EMU_DONE);
	CHECK_EQ(cpu.rip, 0xffff800000001234);
	CHECK_EQ(ram64(0x3008), 0x30);
	CHECK_EQ(ram64(0x3000), 0x1003);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(real_mode_loads_move_the_base_alone),
		TEST(v86_loads_make_user_data_of_64k),
		TEST(protected_loads_unpack_the_descriptor),
		TEST(protected_loads_check_every_right),
		TEST(no_ldt_is_no_descriptor),
		TEST(null_selectors_make_registers_unusable),
		TEST(only_mov_and_pop_of_ss_cast_a_shadow),
		TEST(far_pointers_come_in_three_sizes),
		TEST(segment_registers_are_pushed_and_popped),
		TEST(descriptors_are_looked_at_by_privilege),
		TEST(long_mode_knows_fewer_system_types),
		TEST(near_branches_go_through_memory),
		TEST(near_branches_stop_at_the_limit),
		TEST(real_mode_far_branches_set_cs),
		TEST(protected_far_branches_check_the_code_segment),
		TEST(far_branches_to_64_bit_code_are_jumps),
		TEST(far_branches_check_the_target_and_the_stack),
	};

	return RUN(tests);
}
