// SPDX-License-Identifier: MIT
/* What a home works out before it executes (emu/home.c): mode, CPL, and the instruction at RIP. */
#include "tests/emu/bus.h"

/* SDM 3A "Modes of Operation": by what decides alone, with everything else both ways. */
static void mode_is_what_the_registers_say(void)
{
	for (unsigned int i = 0; i < 64; i++) {
		const bool pe = i & 1, lma = i & 2, lme = i & 4, vm = i & 8, l = i & 16, d = i & 32;
		const uint64_t cr0 = (pe ? CR0_PE : 0) | CR0_AM,
			       efer = (lma ? EFER_LMA : 0) | (lme ? EFER_LME : 0);
		const enum emu_mode mode = emu_mode_of(cr0, efer, RFLAGS_ONE | (vm ? RFLAGS_VM : 0),
						       SEG_P | SEG_S | SEG_TYPE_CODE |
							       (l ? SEG_L : 0) | (d ? SEG_DB : 0));

		if (lma && l)
			CHECK_EQ(mode, EMU_LONG64);
		else if (!pe)
			CHECK_EQ(mode, EMU_REAL);
		else if (vm)
			CHECK_EQ(mode, EMU_V86);
		else
			CHECK_EQ(mode, d ? EMU_PROT32 : EMU_PROT16);
	}
}

static void cpl_is_that_of_ss_but_in_real_and_v86_mode(void)
{
	for (unsigned int dpl = 0; dpl < 4; dpl++) {
		const unsigned int ss = SEG_P | SEG_S | SEG_TYPE_WRITABLE | dpl << SEG_DPL_SHIFT;

		CHECK_EQ(emu_cpl_of(EMU_REAL, ss), 0);
		CHECK_EQ(emu_cpl_of(EMU_V86, ss), 3);
		CHECK_EQ(emu_cpl_of(EMU_PROT16, ss), dpl);
		CHECK_EQ(emu_cpl_of(EMU_PROT32, ss), dpl);
		CHECK_EQ(emu_cpl_of(EMU_LONG64, ss), dpl);
	}
}

/* MOV EAX, [disp]: 7 bytes in 64-bit code; 8B 05 and a displacement elsewhere, 6. */
static const uint8_t load[] = { 0x8b, 0x05, 0x10, 0x20, 0x30, 0x40 };

static uint8_t bytes[17];

static enum emu_outcome fetch(unsigned int n_bytes)
{
	bytes[16] = 0xc5;
	outcome = emu_fetch(&cpu, &ops, &bus, bytes, n_bytes, &insn, &exception);
	CHECK_EQ(bytes[16], 0xc5);
	return outcome;
}

/* With so many bytes known, wherever the page ends; and no byte is asked for twice or for nothing. */
static void fetch_goes_on_from_what_is_known(void)
{
	for (unsigned int known = 0; known <= sizeof(load); known++)
		for (unsigned int at = 0xff8; at <= 0x1000; at++) {
			reset(EMU_LONG64);
			cpu.rip = at;
			memcpy(bus.ram + at, load, sizeof(load));
			memset(bytes, 0, sizeof(bytes));
			memcpy(bytes, load, known);
			CHECK_EQ(fetch(known), EMU_DONE);
			CHECK_EQ(insn.length, sizeof(load));
			CHECK_EQ(insn.disp, 0x40302010);
			CHECK_EQ(bus.n_log == 0, known == sizeof(load));
			for (unsigned int i = 0; i < bus.n_log; i++) {
				CHECK_EQ(bus.log[i].kind, LOG_READ);
				CHECK_EQ(bus.log[i].address,
					 i ? bus.log[i - 1].address + bus.log[i - 1].size
					   : at + known);
				CHECK(within_page(bus.log[i].address, bus.log[i].size));
			}
		}
}

static void fetch_ends_at_the_limit_of_cs(void)
{
	for (unsigned int mode = EMU_REAL; mode <= EMU_PROT32; mode++)
		for (unsigned int n = 0; n <= sizeof(load); n++) {
			const bool is_16bit = mode != EMU_PROT32;

			reset((enum emu_mode)mode);
			bus.segments[SEG_CS].base = 0x4000;
			cpu.rip = 0x100;
			bus.segments[SEG_CS].limit = 0xff + n;
			/* 16-bit: MOV AX, [DI + disp16] */
			memcpy(bus.ram + 0x4100, is_16bit ? (const uint8_t *)"\x8b\x85\1\2" : load,
			       4);
			memcpy(bus.ram + 0x4104, load + 4, 2);
			if (n >= (is_16bit ? 4 : 6)) {
				CHECK_EQ(fetch(0), EMU_DONE);
				continue;
			}
			CHECK_EQ(fetch(0), EMU_EXCEPTION);
			CHECK_EQ(exception.vector, EXC_GP);
			CHECK_EQ(exception.has_error_code, mode != EMU_REAL);
		}
}

static void fetch_tells_what_stands_in_the_way(void)
{
	/* The next page is not there: its address is CR2. */
	reset(EMU_LONG64);
	cpu.rip = 0xffd;
	memcpy(bus.ram + 0xffd, load, 6);
	bus.not_present = 0x1000;
	CHECK_EQ(fetch(0), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_PF);
	CHECK_EQ(exception.address, 0x1000);

	reset(EMU_LONG64);
	cpu.rip = 0x7ffffffffffeull; /* and its other half is not canonical */
	bytes[0] = load[0];
	bytes[1] = load[1];
	CHECK_EQ(fetch(2), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);

	reset(EMU_LONG64);
	memset(bus.ram + 0x1000, 0x66, 16);
	CHECK_EQ(fetch(0), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);

	reset(EMU_LONG64);
	bus.ram[0x1000] = 0x06; /* PUSH ES */
	CHECK_EQ(fetch(0), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_UD);
	CHECK(!exception.has_error_code);

	reset(EMU_LONG64);
	bus.ram[0x1000] = 0x90;
	CHECK_EQ(fetch(0), EMU_UNIMPLEMENTED);

	/* Code in a device, operations that fail, and operations that there are not. */
	reset(EMU_LONG64);
	cpu.rip = DEVICE_PAGE;
	CHECK_EQ(fetch(0), EMU_DEVICE);
	for (unsigned int i = 1; i <= 3; i++) {
		reset(EMU_PROT32);
		bus.fail_at = i;
		CHECK_EQ(fetch(0), EMU_FAILED);
	}
	reset(EMU_PROT32);
	ops.segment = NULL;
	CHECK_EQ(fetch(0), EMU_UNIMPLEMENTED);
	reset(EMU_LONG64);
	ops.translate = NULL;
	CHECK_EQ(fetch(0), EMU_UNIMPLEMENTED);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(mode_is_what_the_registers_say),
		TEST(cpl_is_that_of_ss_but_in_real_and_v86_mode),
		TEST(fetch_goes_on_from_what_is_known),
		TEST(fetch_ends_at_the_limit_of_cs),
		TEST(fetch_tells_what_stands_in_the_way),
	};

	return RUN(tests);
}
