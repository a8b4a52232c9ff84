/* SPDX-License-Identifier: MIT */
/*
 * Meanings of bit test and bit scan. The memory operand of BT and its like with a bit offset in a
 * register has been moved to the right place already (BITS in the row). Bit tests define CF and
 * leave the rest; bit scans define ZF and leave the rest.
 */
#include "emu/run.h"

/* Puts the bit into CF and returns its mask. */
static uint64_t test_bit(struct emu_run *run)
{
	uint64_t mask = 1ull << (run->value[1] & (8 * run->size - 1));

	run->rflags &= ~(uint64_t)RFLAGS_CF;
	if (run->value[0] & mask)
		run->rflags |= RFLAGS_CF;
	return mask;
}

enum emu_outcome emu_x_bt(struct emu_run *run)
{
	test_bit(run);
	return EMU_DONE;
}

enum emu_outcome emu_x_bts(struct emu_run *run)
{
	run->value[0] |= test_bit(run);
	return EMU_DONE;
}

enum emu_outcome emu_x_btr(struct emu_run *run)
{
	run->value[0] &= ~test_bit(run);
	return EMU_DONE;
}

enum emu_outcome emu_x_btc(struct emu_run *run)
{
	run->value[0] ^= test_bit(run);
	return EMU_DONE;
}

/*
 * The bit's number into the destination. A zero source sets ZF and leaves the destination whole,
 * even the upper half of a 32-bit one (seen on AMD Zen), which is why the row does not write it.
 */
static enum emu_outcome finish_scan(struct emu_run *run, uint64_t source, uint64_t number)
{
	run->rflags &= ~(uint64_t)RFLAGS_ZF;
	if (source)
		emu_set_reg(run, run->insn->reg, run->size, number);
	else
		run->rflags |= RFLAGS_ZF;
	return EMU_DONE;
}

enum emu_outcome emu_x_bsf(struct emu_run *run)
{
	uint64_t source = run->value[1];

	return finish_scan(run, source, source ? (uint64_t)__builtin_ctzll(source) : 0);
}

enum emu_outcome emu_x_bsr(struct emu_run *run)
{
	uint64_t source = run->value[1];

	return finish_scan(run, source, source ? 63 - (uint64_t)__builtin_clzll(source) : 0);
}

/* ZF by the source, all other status flags cleared. */
enum emu_outcome emu_x_popcnt(struct emu_run *run)
{
	uint64_t source = run->value[1], count = 0;

	for (uint64_t rest = source; rest; rest &= rest - 1)
		count++;
	run->rflags &= ~(uint64_t)RFLAGS_STATUS;
	if (!source)
		run->rflags |= RFLAGS_ZF;
	run->value[0] = count;
	return EMU_DONE;
}
