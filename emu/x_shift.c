/* SPDX-License-Identifier: MIT */
/*
 * Meanings of shifts and rotates, SDM 2 "SAL/SAR/SHL/SHR", "RCL/RCR/ROL/ROR", "SHLD", "SHRD". A
 * count of zero after masking changes no flag; the destination is written all the same (seen on AMD
 * Zen: a page that is not writable faults). AF, undefined, is left; OF, defined for counts of one,
 * is computed in the same way for all.
 */
#include "emu/run.h"

static unsigned int masked_count(const struct emu_run *run, uint64_t count)
{
	return (unsigned int)count & (run->size == 8 ? 63 : 31);
}

static uint64_t top_bit(uint64_t value, unsigned int size)
{
	return value >> (8 * size - 1) & 1;
}

static void set_carry_overflow(struct emu_run *run, uint64_t cf, uint64_t of)
{
	run->rflags &= ~(uint64_t)(RFLAGS_CF | RFLAGS_OF);
	run->rflags |= (cf & 1 ? RFLAGS_CF : 0) | (of & 1 ? RFLAGS_OF : 0);
}

/* A shift's result and flags; rotates set only CF and OF. */
static enum emu_outcome finish_shift(struct emu_run *run, uint64_t result, uint64_t cf, uint64_t of)
{
	result &= emu_mask(run->size);
	run->rflags &= ~(uint64_t)(RFLAGS_SF | RFLAGS_ZF | RFLAGS_PF);
	run->rflags |= emu_result_flags(result, run->size);
	set_carry_overflow(run, cf, of);
	run->value[0] = result;
	return EMU_DONE;
}

enum emu_outcome emu_x_shl(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[1]), bits = 8 * run->size;
	uint64_t value = run->value[0], result, cf;

	if (!count)
		return EMU_DONE;
	result = value << count;
	cf = count <= bits ? value >> (bits - count) : 0;
	return finish_shift(run, result, cf, top_bit(result, run->size) ^ (cf & 1));
}

enum emu_outcome emu_x_shr(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[1]);
	uint64_t value = run->value[0];

	if (!count)
		return EMU_DONE;
	return finish_shift(run, value >> count, value >> (count - 1), top_bit(value, run->size));
}

enum emu_outcome emu_x_sar(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[1]);
	int64_t value = (int64_t)emu_sign_extend(run->value[0], run->size);

	if (!count)
		return EMU_DONE;
	return finish_shift(run, (uint64_t)(value >> count), (uint64_t)(value >> (count - 1)), 0);
}

enum emu_outcome emu_x_rol(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[1]), bits = 8 * run->size;
	uint64_t result = run->value[0];

	if (!count)
		return EMU_DONE;
	count &= bits - 1;
	if (count)
		result = (result << count | result >> (bits - count)) & emu_mask(run->size);
	set_carry_overflow(run, result, top_bit(result, run->size) ^ result);
	run->value[0] = result;
	return EMU_DONE;
}

enum emu_outcome emu_x_ror(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[1]), bits = 8 * run->size;
	uint64_t result = run->value[0], top;

	if (!count)
		return EMU_DONE;
	count &= bits - 1;
	if (count)
		result = (result >> count | result << (bits - count)) & emu_mask(run->size);
	top = top_bit(result, run->size);
	set_carry_overflow(run, top, top ^ (result >> (bits - 2)));
	run->value[0] = result;
	return EMU_DONE;
}

/* RCL and RCR rotate one bit more than the operand has; the count is taken modulo that. */
enum emu_outcome emu_x_rcl(struct emu_run *run)
{
	unsigned int masked = masked_count(run, run->value[1]), bits = 8 * run->size;
	unsigned int count = masked % (bits + 1);
	uint64_t result = run->value[0], cf = run->rflags & RFLAGS_CF ? 1 : 0;

	if (!masked)
		return EMU_DONE;
	for (; count; count--) {
		uint64_t out = top_bit(result, run->size);

		result = (result << 1 | cf) & emu_mask(run->size);
		cf = out;
	}
	set_carry_overflow(run, cf, top_bit(result, run->size) ^ cf);
	run->value[0] = result;
	return EMU_DONE;
}

enum emu_outcome emu_x_rcr(struct emu_run *run)
{
	unsigned int masked = masked_count(run, run->value[1]), bits = 8 * run->size;
	unsigned int count = masked % (bits + 1);
	uint64_t result = run->value[0], cf = run->rflags & RFLAGS_CF ? 1 : 0;

	if (!masked)
		return EMU_DONE;
	for (; count; count--) {
		uint64_t out = result & 1;

		result = result >> 1 | cf << (bits - 1);
		cf = out;
	}
	set_carry_overflow(run, cf, top_bit(result, run->size) ^ (result >> (bits - 2)));
	run->value[0] = result;
	return EMU_DONE;
}

/*
 * SHLD and SHRD shift bits of operand 1 in. A count above the operand size (16-bit operands only)
 * leaves everything undefined by the manual: the pattern destination, source, destination is
 * shifted.
 */
enum emu_outcome emu_x_shld(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[2]), bits = 8 * run->size;
	uint64_t value = run->value[0], source = run->value[1], result, cf;

	if (!count)
		return EMU_DONE;
	if (count > bits) {
		count -= bits;
		result = source << count | value >> (bits - count);
		cf = source >> (bits - count);
	} else {
		result = (count < 64 ? value << count : 0) | source >> (bits - count);
		cf = value >> (bits - count);
	}
	return finish_shift(run, result, cf, top_bit(result ^ value, run->size));
}

enum emu_outcome emu_x_shrd(struct emu_run *run)
{
	unsigned int count = masked_count(run, run->value[2]), bits = 8 * run->size;
	uint64_t value = run->value[0], source = run->value[1], result, cf;

	if (!count)
		return EMU_DONE;
	if (count > bits) {
		count -= bits;
		result = source >> count | value << (bits - count);
		cf = source >> (count - 1);
	} else {
		result = value >> count | source << (bits - count);
		cf = value >> (count - 1);
	}
	return finish_shift(run, result, cf, top_bit(result ^ value, run->size));
}
