/* SPDX-License-Identifier: MIT */
/*
 * What cannot be run natively: ports, devices, real mode, changing memory, missing operations,
 * faults in the middle. Each promise is run with all status flags clear and all set where it matters.
 * The surroundings are in bus.h.
 */
#include "tests/emu/bus.h"

/* Ports. */

static void in_asks_the_device_once_and_replays(void)
{
	reset(EMU_LONG64);
	cpu.gpr[2] = 0xffff03f8;
	CHECK_EQ(EXECUTE("\xec"), EMU_DEVICE);
	CHECK(is_untouched());
	CHECK_LOG(0, LOG_IN, 0x3f8, 1, 1);
	bus.has_answer = true;
	bus.answer = 0x1234567890;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(bus.n_log, 2);
	CHECK_EQ(cpu.gpr[0], 0xbadc0ffee0ddf090);
	CHECK_EQ(cpu.rip, 0x1001);
	CHECK_EQ(EXECUTE("\xed"), EMU_DONE); /* 32 bits clear the rest */
	CHECK_EQ(cpu.gpr[0], 0x34567890);
	CHECK_EQ(EXECUTE("\x48\xe5\x80"), EMU_DONE); /* REX.W is nothing to IN */
	CHECK_LOG(3, LOG_IN, 0x80, 4, 1);
	cpu.gpr[0] = ~0ull;
	CHECK_EQ(EXECUTE("\x66\xe5\xff"), EMU_DONE);
	CHECK_LOG(4, LOG_IN, 0xff, 2, 1);
	CHECK_EQ(cpu.gpr[0], 0xffffffffffff7890);
}

static void out_posts_the_low_bytes(void)
{
	reset(EMU_REAL);
	cpu.gpr[0] = 0x11223344;
	cpu.gpr[2] = 0x5678;
	CHECK_EQ(EXECUTE("\xee"), EMU_DONE);
	CHECK_LOG(0, LOG_OUT, 0x5678, 1, 1);
	CHECK_EQ(bus.log[0].data, 0x44);
	CHECK_EQ(EXECUTE("\xef"), EMU_DONE);
	CHECK_LOG(1, LOG_OUT, 0x5678, 2, 1);
	CHECK_EQ(EXECUTE("\x66\xe7\x70"), EMU_DONE);
	CHECK_LOG(2, LOG_OUT, 0x70, 4, 1);
	CHECK_EQ(bus.log[2].data, 0x11223344);
	CHECK_EQ(cpu.rip, 0x1005);
}

static void rep_outsb_goes_out_in_one_batch(void)
{
	reset(EMU_LONG64);
	cpu.gpr[1] = 4;
	cpu.gpr[2] = 0x3f8;
	cpu.gpr[6] = 0x2010;
	memcpy(bus.ram + 0x2010, "Whit", 4);
	CHECK_EQ(EXECUTE("\xf3\x6e"), EMU_DONE);
	CHECK_EQ(bus.n_log, 2);
	CHECK_LOG(0, LOG_READ, 0x2010, 1, 4);
	CHECK_LOG(1, LOG_OUT, 0x3f8, 1, 4);
	CHECK_EQ(cpu.gpr[1], 0);
	CHECK_EQ(cpu.gpr[6], 0x2014);
	CHECK_EQ(cpu.rip, 0x1002);
}

static void rep_insw_translates_before_it_asks_and_is_resumable(void)
{
	reset(EMU_PROT32);
	cpu.gpr[1] = 0x3ff;
	cpu.gpr[2] = 0x1f0;
	cpu.gpr[7] = 0x3f00;
	bus.not_present = 0x4000;
	CHECK_EQ(EXECUTE("\xf3\x66\x6d"), EMU_DEVICE);
	CHECK(is_untouched());
	CHECK_LOG(0, LOG_IN, 0x1f0, 2, 0x80); /* to the end of the page */
	bus.has_answer = true;
	bus.answer = 0x100;
	CHECK_EQ(step(), EMU_AGAIN);
	CHECK_EQ(cpu.rip, 0x1000);
	CHECK_EQ(cpu.gpr[1], 0x37f);
	CHECK_EQ(cpu.gpr[7], 0x4000);
	CHECK_EQ(ram64(0x3f00), 0x0103010201010100);
	CHECK_EQ(bus.n_log, 3);
	CHECK_EQ(step(), EMU_EXCEPTION); /* and the port is not asked */
	CHECK(is_untouched());
	CHECK_EQ(bus.n_log, 3);
	CHECK_EQ(exception.vector, EXC_PF);
	CHECK_EQ(exception.error_code, PF_W);
	CHECK_EQ(exception.address, 0x4000);
	exception.vector = 0xee;
	bus.not_present = ~0ull;
	CHECK_EQ(step(), EMU_AGAIN);
	CHECK_LOG(3, LOG_IN, 0x1f0, 2, 0x200);
	CHECK_EQ(step(), EMU_DONE);
	CHECK_LOG(5, LOG_IN, 0x1f0, 2, 0x17f);
	CHECK_EQ(cpu.gpr[1], 0);
	CHECK_EQ(cpu.rip, 0x1003);
}

static void rep_with_zero_count_only_moves_rip(void)
{
	static const char *const code[] = { "\xf3\xa4", "\xf3\xaa", "\xf3\xac", "\xf3\xa6",
					    "\xf2\xae", "\xf3\x6c", "\xf3\x6e", "\xf2\xa5" };

	for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		reset(EMU_LONG64);
		cpu.gpr[1] = 0;
		decode(code[i], 2);
		CHECK_EQ(step(), EMU_DONE);
		CHECK_EQ(bus.n_log, 0);
		start.rip += 2;
		CHECK(is_untouched());
	}
}

static enum emu_outcome deny_port(void *ctx, uint16_t port, unsigned int size,
				  struct emu_exception *fault)
{
	(void)ctx, (void)port, (void)size;
	*fault = (struct emu_exception) { EXC_GP, true, 0, 0 };
	return EMU_EXCEPTION;
}

static void port_check_comes_first(void)
{
	reset(EMU_LONG64);
	ops.port_check = deny_port;
	cpu.gpr[7] = 0x3000;
	bus.not_present = 0x3000;
	CHECK_EQ(EXECUTE("\x6c"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
	CHECK(is_untouched());
	CHECK_EQ(bus.n_log, 0);
}

/* Devices. */

static void device_read_waits_and_replays(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = DEVICE_PAGE + 0x10;
	CHECK_EQ(EXECUTE("\x8b\x43\x04"), EMU_DEVICE); /* mov eax, [rbx + 4] */
	CHECK(is_untouched());
	CHECK_LOG(0, LOG_READ, DEVICE_PAGE + 0x14, 4, 1);
	bus.has_answer = true;
	bus.answer = 0xcafef00d;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(cpu.gpr[0], 0xcafef00d);
	CHECK_EQ(cpu.rip, 0x1003);
	CHECK_EQ(bus.n_log, 2);
}

static void device_write_is_posted(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = DEVICE_PAGE;
	CHECK_EQ(EXECUTE("\xc7\x43\x08\x78\x56\x34\xf2"), EMU_DONE); /* mov dword [rbx + 8], imm */
	CHECK_EQ(bus.n_log, 1);
	CHECK_LOG(0, LOG_WRITE, DEVICE_PAGE + 8, 4, 1);
	CHECK_EQ(bus.log[0].data, 0xf2345678);
	CHECK_EQ(EXECUTE("\x48\xc7\x03\xff\xff\xff\xff"), EMU_DONE); /* sign-extended */
	CHECK_EQ(bus.log[1].data, ~0ull);
}

static void device_rmw_reads_then_writes(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = DEVICE_PAGE;
	cpu.rflags |= RFLAGS_STATUS;
	CHECK_EQ(EXECUTE("\x83\x0b\x01"), EMU_DEVICE); /* or dword [rbx], 1 */
	CHECK(is_untouched());
	bus.has_answer = true;
	bus.answer = 0x80;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(bus.n_log, 3);
	CHECK_LOG(2, LOG_WRITE, DEVICE_PAGE, 4, 1);
	CHECK_EQ(bus.log[2].data, 0x81);
	CHECK_EQ(cpu.rflags, RFLAGS_ONE | RFLAGS_PF);
}

static void locked_rmw_on_a_device_is_one_locked_write(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = DEVICE_PAGE;
	bus.has_answer = true;
	bus.answer = 5;
	CHECK_EQ(EXECUTE("\xf0\xff\x03"), EMU_DONE); /* lock inc dword [rbx] */
	CHECK_LOG(1, LOG_CMPXCHG, DEVICE_PAGE, 4, 1);
	CHECK_EQ(bus.log[1].data, 6);
}

static void movs_from_device_translates_ram_first(void)
{
	reset(EMU_LONG64);
	cpu.gpr[1] = 3;
	cpu.gpr[6] = DEVICE_PAGE;
	cpu.gpr[7] = 0x5ffc;
	bus.not_present = 0x5000;
	CHECK_EQ(EXECUTE("\xf3\xa5"), EMU_EXCEPTION);
	CHECK_EQ(bus.n_log, 0);
	CHECK(is_untouched());
	exception.vector = 0xee;
	bus.not_present = 0x6000;
	CHECK_EQ(step(), EMU_DEVICE); /* one element fits the page */
	CHECK_LOG(0, LOG_READ, DEVICE_PAGE, 4, 1);
	bus.has_answer = true;
	CHECK_EQ(step(), EMU_AGAIN);
	CHECK_EQ(cpu.gpr[1], 2);
	CHECK_EQ(step(), EMU_EXCEPTION);
	CHECK_EQ(exception.address, 0x6000);
	CHECK(is_untouched());
}

static void movs_moves_whole_runs(void)
{
	reset(EMU_LONG64);
	cpu.gpr[1] = 0x300;
	cpu.gpr[6] = 0x2000;
	cpu.gpr[7] = DEVICE_PAGE;
	CHECK_EQ(EXECUTE("\xf3\x48\xa5"), EMU_AGAIN);
	CHECK_LOG(0, LOG_READ, 0x2000, 8, EMU_BATCH_BYTES / 8);
	CHECK_LOG(1, LOG_WRITE, DEVICE_PAGE, 8, EMU_BATCH_BYTES / 8);
	CHECK_EQ(cpu.gpr[1], 0x300 - EMU_BATCH_BYTES / 8);
	CHECK_EQ(cpu.gpr[6], 0x2000 + EMU_BATCH_BYTES);
}

/* Found by the fuzzer: 2^64 elements up to the wrap were none. */
static void rep_movsb_from_address_zero_moves(void)
{
	reset(EMU_LONG64);
	cpu.gpr[1] = 5;
	cpu.gpr[6] = 0;
	cpu.gpr[7] = 0x3000;
	CHECK_EQ(EXECUTE("\xf3\xa4"), EMU_DONE);
	CHECK_LOG(0, LOG_READ, 0, 1, 5);
	CHECK_EQ(cpu.gpr[1], 0);
}

static void overlapping_movs_repeats_the_pattern(void)
{
	uint8_t expected[64];

	for (unsigned int distance = 1; distance < 12; distance++) {
		reset(EMU_LONG64);
		bus.alias_of = 0x9000; /* the destination is the same page by another name */
		cpu.gpr[1] = 40;
		cpu.gpr[6] = 0x3000;
		cpu.gpr[7] = 0x9000 + distance;
		memcpy(expected, bus.ram + 0x3000, 64);
		for (unsigned int i = 0; i < 40; i++)
			expected[i + distance] = expected[i];
		decode("\xf3\xa4", 2);
		while (step() == EMU_AGAIN)
			;
		CHECK_EQ(outcome, EMU_DONE);
		CHECK(!memcmp(bus.ram + 0x3000, expected, 64));
	}
}

static void downward_movs_goes_element_by_element(void)
{
	reset(EMU_LONG64);
	cpu.rflags |= RFLAGS_DF;
	cpu.gpr[1] = 2;
	cpu.gpr[6] = 0x2010;
	cpu.gpr[7] = 0x3010;
	CHECK_EQ(EXECUTE("\xf3\xa5"), EMU_AGAIN);
	CHECK_EQ(cpu.gpr[6], 0x200c);
	CHECK_EQ(cpu.gpr[7], 0x300c);
	CHECK_EQ(step(), EMU_DONE);
	CHECK_LOG(3, LOG_WRITE, 0x300c, 4, 1);
}

static void repne_is_rep_for_strings_that_do_not_compare(void)
{
	reset(EMU_LONG64);
	cpu.gpr[0] = 0;
	cpu.gpr[1] = 3;
	cpu.gpr[7] = 0x2000;
	CHECK_EQ(EXECUTE("\xf2\x66\xab"), EMU_DONE); /* repne stosw */
	CHECK_LOG(0, LOG_WRITE, 0x2000, 2, 3);
	CHECK_EQ(cpu.gpr[1], 0);
}

/* Pages. */

static void write_over_a_page_edge_translates_both_first(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = 0x4ffd;
	bus.read_only = 0x5000;
	CHECK_EQ(EXECUTE("\x48\x89\x03"), EMU_EXCEPTION); /* mov [rbx], rax */
	CHECK_EQ(bus.n_log, 0);
	CHECK_EQ(exception.address, 0x5000);
	CHECK_EQ(exception.error_code, PF_P | PF_W);
	CHECK(is_untouched());
}

static void pieces_are_split_at_the_edge_in_legal_sizes(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = DEVICE_PAGE - 3;
	cpu.gpr[0] = 0x8877665544332211;
	bus.alias_of = DEVICE_PAGE - 0x1000; /* RAM below the device */
	CHECK_EQ(EXECUTE("\x48\x89\x03"), EMU_DONE);
	CHECK_EQ(bus.n_log, 4);
	CHECK_LOG(0, LOG_WRITE, 0x3ffd, 1, 1);
	CHECK_LOG(1, LOG_WRITE, 0x3ffe, 2, 1);
	CHECK_LOG(2, LOG_WRITE, DEVICE_PAGE, 4, 1);
	CHECK_EQ(bus.log[2].data, 0x77665544);
	CHECK_LOG(3, LOG_WRITE, DEVICE_PAGE + 4, 1, 1);
	CHECK_EQ(bus.log[3].data, 0x88);
	CHECK_EQ(bus.ram[0x3ffd], 0x11);
	CHECK_EQ(bus.ram[0x3fff], 0x33);

	bus.n_log = 0;
	CHECK_EQ(EXECUTE("\x48\x8b\x0b"), EMU_DEVICE); /* mov rcx, [rbx]: RAM, then the device */
	CHECK(is_untouched());
	CHECK_EQ(bus.n_log, 3);
	bus.has_answer = true;
	bus.answer = 0;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(cpu.gpr[1], 0x332211);
}

static void split_locks_check_their_first_part(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = 0x4ffd;
	put(0x4ffd, 0x01020304, 4);
	cpu.gpr[0] = 0xff;
	CHECK_EQ(EXECUTE("\xf0\x01\x03"), EMU_DONE); /* lock add [rbx], eax */
	CHECK_EQ(bus.n_log, 6);
	CHECK_LOG(3, LOG_CMPXCHG, 0x4ffd, 1, 1);
	CHECK_LOG(4, LOG_WRITE, 0x4ffe, 2, 1);
	CHECK_LOG(5, LOG_WRITE, 0x5000, 1, 1);
	CHECK_EQ((uint32_t)ram64(0x4ffd), 0x01020403);
	bus.mutate = true;
	bus.n_log = 0;
	CHECK_EQ(EXECUTE("\x87\x03"), EMU_RETRY); /* xchg */
	CHECK(is_untouched());
	CHECK_EQ(bus.n_log, 4); /* no write has followed */
	bus.mutate = false;

	/* The first part in RAM, the second in a device, which is read once. */
	cpu.gpr[3] = DEVICE_PAGE - 6;
	bus.alias_of = DEVICE_PAGE - 0x1000;
	put(0x3ffa, 0x665544332211, 6);
	cpu.gpr[0] = 0x44332211;
	cpu.gpr[2] = 0x00076655;
	cpu.gpr[1] = 0x11223344;
	bus.has_answer = true;
	bus.answer = 7;
	bus.n_log = 0;
	CHECK_EQ(EXECUTE("\xf0\x0f\xc7\x0b"), EMU_DONE); /* lock cmpxchg8b */
	CHECK(cpu.rflags & RFLAGS_ZF);
	CHECK_LOG(0, LOG_READ, 0x3ffa, 2, 1);
	CHECK_LOG(1, LOG_READ, 0x3ffc, 4, 1);
	CHECK_LOG(2, LOG_READ, DEVICE_PAGE, 2, 1);
	CHECK_LOG(3, LOG_CMPXCHG, 0x3ffa, 2, 1);
	CHECK_LOG(4, LOG_WRITE, 0x3ffc, 4, 1);
	CHECK_LOG(5, LOG_WRITE, DEVICE_PAGE, 2, 1);
	CHECK_EQ(bus.log[5].data, 0x1122);
	CHECK_EQ(bus.n_log, 6);
}

/* Locks. */

static void locked_memory_that_changes_is_retried(void)
{
	static const struct {
		const char *bytes;
		unsigned int n;
	} locked[] = {
		{ "\xf0\x00\x03", 3 },	   { "\xf0\x81\x23\x34\x12\x00\x00", 7 },
		{ "\xf0\xff\x0b", 3 },	   { "\xf0\xf7\x1b", 3 },
		{ "\xf0\x0f\xc1\x03", 4 }, { "\xf0\x0f\xb1\x0b", 4 },
		{ "\xf0\x0f\xab\x0b", 4 }, { "\xf0\x0f\xba\x33\x07", 5 },
		{ "\x87\x03", 2 },	   { "\xf0\x86\x03", 3 },
		{ "\xf0\x0f\xc7\x0b", 4 }, { "\xf0\x48\x0f\xc7\x0b", 5 },
	};

	for (unsigned int i = 0; i < 2 * sizeof(locked) / sizeof(locked[0]); i++) {
		uint64_t memory;

		reset(EMU_LONG64);
		cpu.gpr[1] = 3;
		cpu.gpr[3] = 0x4000;
		if (i & 1)
			cpu.rflags |= RFLAGS_STATUS;
		bus.mutate = true;
		memory = ram64(0x4000);
		decode(locked[i / 2].bytes, locked[i / 2].n);
		CHECK_EQ(step(), EMU_RETRY);
		CHECK(is_untouched());
		CHECK_EQ(ram64(0x4000), memory ^ 1);
		bus.mutate = false;
		CHECK_EQ(step(), EMU_DONE);
		CHECK_EQ(bus.log[bus.n_log - 1].kind, LOG_CMPXCHG);
	}
}

static void illegal_locks_are_invalid(void)
{
	static const struct {
		const char *bytes;
		unsigned int n;
	} illegal[] = {
		{ "\xf0\x89\x03", 3 },
		{ "\xf0\x03\x03", 3 },
		{ "\xf0\x38\x03", 3 },
		{ "\xf0\x01\xc3", 3 },
		{ "\xf0\xa4", 2 },
		{ "\xf0\x0f\xa3\x03", 4 },
		{ "\xf0\xf7\x03", 3 },
		{ "\xf0\x83\x3b\x01", 4 },
		{ "\xf0\xec", 2 },
		{ "\xf0\x90", 2 },
		{ "\xf0\xc1\x23\x01", 4 },
		{ "\xf0\x8f\x03", 3 },
		{ "\xf0\x0f\xba\x23\x01", 5 },
	};

	for (unsigned int i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
		uint8_t padded[EMU_MAX_INSN_BYTES] = { 0 };

		memcpy(padded, illegal[i].bytes, illegal[i].n);
		CHECK_EQ(emu_decode(padded, sizeof(padded), EMU_LONG64, &insn), EMU_DECODE_INVALID);
	}
}

/* Addresses. */

static void real_mode_wraps_and_faults_without_error_code(void)
{
	reset(EMU_REAL);
	bus.segments[SEG_DS].base = 0x10;
	cpu.gpr[3] = 0x1fff0; /* BX is fff0 */
	cpu.gpr[6] = 0x20;
	CHECK_EQ(EXECUTE("\x8a\x00"), EMU_DONE); /* mov al, [bx + si] at 0010 */
	CHECK_LOG(0, LOG_READ, 0x20, 1, 1);
	cpu.gpr[3] = 0xffff;
	CHECK_EQ(EXECUTE("\x8b\x07"), EMU_EXCEPTION); /* a word at ffff */
	CHECK_EQ(exception.vector, EXC_GP);
	CHECK(!exception.has_error_code);
	cpu.gpr[5] = 0xffff;
	CHECK_EQ(EXECUTE("\x8b\x46\x00"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_SS);
	CHECK_EQ(EXECUTE("\x67\x8b\x03"), EMU_EXCEPTION); /* [ebx] = ffff */
	cpu.gpr[3] = 0x10000;
	CHECK_EQ(EXECUTE("\x67\x8a\x03"), EMU_EXCEPTION);
	reset(EMU_V86);
	cpu.gpr[3] = 0xffff;
	CHECK_EQ(EXECUTE("\x8b\x07"), EMU_EXCEPTION);
	CHECK(exception.has_error_code);
}

static void real_mode_strings_wrap_at_64k(void)
{
	reset(EMU_REAL);
	cpu.gpr[1] = 0xabcd0006;
	cpu.gpr[6] = 0x12342000;
	cpu.gpr[7] = 0x1234fffc;
	CHECK_EQ(EXECUTE("\xf3\xa5"), EMU_AGAIN); /* rep movsw */
	CHECK_EQ(cpu.gpr[1], 0xabcd0004);
	CHECK_EQ(cpu.gpr[7], 0x12340000);
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(cpu.gpr[7], 0x12340008);
	CHECK_EQ(cpu.gpr[6], 0x1234200c);
	CHECK_EQ(cpu.gpr[1], 0xabcd0000);
	CHECK_LOG(3, LOG_WRITE, 0, 2, 4);
}

static void rep_stops_before_the_segment_limit(void)
{
	reset(EMU_PROT32);
	bus.segments[SEG_ES].limit = 0x2009;
	cpu.gpr[0] = 0x11111111;
	cpu.gpr[1] = 8;
	cpu.gpr[7] = 0x2000;
	decode("\xf3\xab", 2);
	while (step() == EMU_AGAIN)
		;
	CHECK_EQ(outcome, EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
	CHECK_EQ(cpu.gpr[1], 6);
	CHECK_EQ(cpu.gpr[7], 0x2008);
	CHECK_EQ(bus.ram[0x2007], 0x11);
	CHECK(bus.ram[0x2008] != 0x11);
}

static void rip_wraps_at_4g_outside_64_bit_mode(void)
{
	reset(EMU_PROT32);
	cpu.rip = 0xffffffff;
	cpu.gpr[3] = 0x2000;
	CHECK_EQ(EXECUTE("\x88\x03"), EMU_DONE);
	CHECK_EQ(cpu.rip, 1);
	reset(EMU_LONG64);
	cpu.rip = 0xffffffff;
	cpu.gpr[3] = 0x2000;
	CHECK_EQ(EXECUTE("\x88\x03"), EMU_DONE);
	CHECK_EQ(cpu.rip, 0x100000001);
}

static void canonical_width_follows_la57(void)
{
	reset(EMU_LONG64);
	cpu.gpr[3] = 0x0000800000000000;
	CHECK_EQ(EXECUTE("\x8a\x03"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
	CHECK(exception.has_error_code);
	cpu.gpr[3] = 0x00007fffffffffff; /* the second byte is not */
	CHECK_EQ(EXECUTE("\x66\x8b\x03"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
	bus.not_present = 0x0000800000000000;
	cpu.gpr[3] = 0x0000800000000000;
	cpu.cr4 = CR4_LA57;
	CHECK_EQ(EXECUTE("\x8a\x03"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_PF);
	cpu.gpr[3] = 0x0100000000000000;
	CHECK_EQ(EXECUTE("\x8a\x03"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_GP);
}

static void pop_addresses_with_the_new_stack_pointer(void)
{
	reset(EMU_LONG64);
	cpu.gpr[4] = 0x2000;
	CHECK_EQ(EXECUTE("\x8f\x44\x24\x08"), EMU_DONE); /* pop qword [rsp + 8] */
	CHECK_LOG(0, LOG_READ, 0x2000, 8, 1);
	CHECK_LOG(1, LOG_WRITE, 0x2010, 8, 1);
	CHECK_EQ(cpu.gpr[4], 0x2008);
	reset(EMU_PROT16);
	bus.segments[SEG_SS].base = 0x10000;
	cpu.gpr[4] = 0xffff0000;
	cpu.gpr[3] = DEVICE_PAGE & 0xffff;
	bus.segments[SEG_DS].base = DEVICE_PAGE;
	CHECK_EQ(EXECUTE("\xff\x37"), EMU_DEVICE); /* push word [bx] */
	CHECK(is_untouched());
	bus.has_answer = true;
	bus.answer = 0x4321;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_LOG(2, LOG_WRITE, 0x1fffe, 2, 1);
	CHECK_EQ(cpu.gpr[4], 0xfffffffe);
}

static void missing_operations_are_not_implemented(void)
{
	static const struct {
		const char *bytes;
		unsigned int n;
	} code[] = { { "\x8e\x1b", 2 },	    { "\x0f\x01\x03", 3 }, { "\x0f\x01\x1b", 3 },
		     { "\x0f\x01\x33", 3 }, { "\x0f\x01\x3b", 3 }, { "\x0f\xb4\x03", 3 },
		     { "\x0f\xa1", 2 },	    { "\x0f\x00\x13", 3 }, { "\x0f\x10\x03", 3 } };

	for (unsigned int i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		reset(EMU_LONG64);
		cpu.gpr[3] = cpu.gpr[4] = 0x2000;
		cpu.cr4 = CR4_OSFXSR;
		memset(bus.ram + 0x2000, 0, 10);
		ops = (struct emu_ops) { .segment = op_segment,
					 .translate = op_translate,
					 .read = op_read,
					 .write = op_write,
					 .cmpxchg = op_cmpxchg,
					 .in = op_in,
					 .out = op_out };
		decode(code[i].bytes, code[i].n);
		CHECK_EQ(step(), EMU_UNIMPLEMENTED);
		CHECK(is_untouched());
		for (unsigned int j = 0; j < bus.n_log; j++)
			CHECK_EQ(bus.log[j].kind, LOG_READ);
	}
}

/* Decoding at its edges. */

static void fifteen_bytes_are_the_limit(void)
{
	uint8_t bytes[20];

	for (int mode = 0; mode < EMU_MODE_COUNT; mode++) {
		memset(bytes, 0x66, sizeof(bytes));
		bytes[13] = 0x88;
		bytes[14] = 0x07;
		CHECK_EQ(emu_decode(bytes, 15, (enum emu_mode)mode, &insn), EMU_DECODED);
		CHECK_EQ(insn.length, 15);
		for (unsigned int n = 0; n < 15; n++)
			CHECK_EQ(emu_decode(bytes, n, (enum emu_mode)mode, &insn),
				 EMU_DECODE_MORE_BYTES);
		bytes[13] = 0x66;
		bytes[14] = 0x88;
		CHECK_EQ(emu_decode(bytes, 14, (enum emu_mode)mode, &insn), EMU_DECODE_MORE_BYTES);
		CHECK_EQ(emu_decode(bytes, 15, (enum emu_mode)mode, &insn), EMU_DECODE_TOO_LONG);
		CHECK_EQ(emu_decode(bytes, 20, (enum emu_mode)mode, &insn), EMU_DECODE_TOO_LONG);
		memset(bytes, 0x66, sizeof(bytes));
		CHECK_EQ(emu_decode(bytes, 20, (enum emu_mode)mode, &insn), EMU_DECODE_TOO_LONG);
	}
}

static void decode_tells_the_kinds_apart(void)
{
	static const struct {
		const char *bytes;
		unsigned int n;
		enum emu_mode mode;
		enum emu_decoded decoded;
	} cases[] = {
		{ "\x89\xc3", 2, EMU_LONG64, EMU_DECODE_NO_ACCESS },	     /* mov ebx, eax */
		{ "\x8d\x03", 2, EMU_LONG64, EMU_DECODE_NO_ACCESS },	     /* lea */
		{ "\xf4", 1, EMU_LONG64, EMU_DECODE_NO_ACCESS },	     /* hlt */
		{ "\x8e\xd8", 2, EMU_PROT32, EMU_DECODE_NO_ACCESS },	     /* mov ds, eax */
		{ "\x0f\x01\xe0", 3, EMU_PROT32, EMU_DECODE_NO_ACCESS },     /* smsw eax */
		{ "\x0f\x58\x03", 3, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED }, /* addps */
		{ "\x66\x0f\x38\x00\x03", 5, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED }, /* pshufb */
		{ "\x66\x0f\x3a\x0f\x03\x01", 6, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED },
		{ "\xc5\xf8\x58\x03", 4, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED }, /* vaddps */
		{ "\xc5\xf8\x58\x03", 4, EMU_PROT32, EMU_DECODE_UNIMPLEMENTED },
		{ "\x62\xf1\x7c\x48\x58\x43\x01", 7, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED },
		{ "\xcb", 1, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED },	 /* retf */
		{ "\xcf", 1, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED },	 /* iret */
		{ "\xd8\x03", 2, EMU_LONG64, EMU_DECODE_UNIMPLEMENTED }, /* fadd */
		{ "\x0f\x0b", 2, EMU_LONG64, EMU_DECODE_INVALID },
		{ "\x06", 1, EMU_LONG64, EMU_DECODE_INVALID },
		{ "\x8e\x0b", 2, EMU_PROT32, EMU_DECODE_INVALID }, /* mov cs */
		{ "\x8c\x3b", 2, EMU_PROT32, EMU_DECODE_INVALID },
		{ "\xff\x3b", 2, EMU_LONG64, EMU_DECODE_INVALID },
		{ "\xc5\xfa\x7f\x03", 4, EMU_V86, EMU_DECODE_INVALID },
		{ "\x63\x03", 2, EMU_REAL, EMU_DECODE_INVALID },
		{ "\x8d\xc0", 2, EMU_LONG64, EMU_DECODE_INVALID },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t padded[EMU_MAX_INSN_BYTES] = { 0 };

		memcpy(padded, cases[i].bytes, cases[i].n);
		CHECK_EQ(emu_decode(padded, sizeof(padded), cases[i].mode, &insn),
			 cases[i].decoded);
		CHECK(insn.length == cases[i].n || cases[i].decoded == EMU_DECODE_INVALID);
		CHECK(!insn.row);
		CHECK(!strcmp(emu_insn_name(&insn), "(none)"));
	}
	emu_decode((const uint8_t *)"\x89\x03", 2, EMU_LONG64, &insn);
	CHECK(!strcmp(emu_insn_name(&insn), "MOV Ev, Gv"));
}

static void resume_flag_falls_with_the_instruction(void)
{
	reset(EMU_LONG64);
	cpu.rflags |= RFLAGS_RF;
	cpu.gpr[1] = 2;
	cpu.gpr[3] = 0x2000;
	CHECK_EQ(EXECUTE("\x88\x0b"), EMU_DONE);
	CHECK_EQ(cpu.rflags, RFLAGS_ONE);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(in_asks_the_device_once_and_replays),
		TEST(out_posts_the_low_bytes),
		TEST(rep_outsb_goes_out_in_one_batch),
		TEST(rep_insw_translates_before_it_asks_and_is_resumable),
		TEST(rep_with_zero_count_only_moves_rip),
		TEST(port_check_comes_first),
		TEST(device_read_waits_and_replays),
		TEST(device_write_is_posted),
		TEST(device_rmw_reads_then_writes),
		TEST(locked_rmw_on_a_device_is_one_locked_write),
		TEST(movs_from_device_translates_ram_first),
		TEST(movs_moves_whole_runs),
		TEST(rep_movsb_from_address_zero_moves),
		TEST(overlapping_movs_repeats_the_pattern),
		TEST(downward_movs_goes_element_by_element),
		TEST(repne_is_rep_for_strings_that_do_not_compare),
		TEST(write_over_a_page_edge_translates_both_first),
		TEST(pieces_are_split_at_the_edge_in_legal_sizes),
		TEST(split_locks_check_their_first_part),
		TEST(locked_memory_that_changes_is_retried),
		TEST(illegal_locks_are_invalid),
		TEST(real_mode_wraps_and_faults_without_error_code),
		TEST(real_mode_strings_wrap_at_64k),
		TEST(rep_stops_before_the_segment_limit),
		TEST(rip_wraps_at_4g_outside_64_bit_mode),
		TEST(canonical_width_follows_la57),
		TEST(pop_addresses_with_the_new_stack_pointer),
		TEST(missing_operations_are_not_implemented),
		TEST(fifteen_bytes_are_the_limit),
		TEST(decode_tells_the_kinds_apart),
		TEST(resume_flag_falls_with_the_instruction),
	};

	return RUN(tests);
}
