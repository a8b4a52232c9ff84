/* SPDX-License-Identifier: MIT */
/*
 * Meanings of integer instructions outside the one-byte map's arithmetic: BMI1, BMI2, ADX, CRC32,
 * MOVBE, LZCNT and TZCNT, MOVDIR64B. Where a row names two sources, SDM 2's order of operands is
 * kept. Flags left undefined are cleared (BMI) or left.
 */
#include "emu/run.h"

#define CRC32C_REVERSED 0x82f63b78u

/* SF and ZF by the result; OF is cleared, AF and PF too; CF as given. */
static enum emu_outcome finish(struct emu_run *run, uint64_t result, bool has_carry)
{
	uint64_t flags = emu_result_flags(result, run->size) & ~(uint64_t)RFLAGS_PF;

	run->rflags =
		(run->rflags & ~(uint64_t)RFLAGS_STATUS) | flags | (has_carry ? RFLAGS_CF : 0);
	run->value[0] = result;
	return EMU_DONE;
}

enum emu_outcome emu_x_andn(struct emu_run *run)
{
	return finish(run, ~run->value[1] & run->value[2], false);
}

/* Bits from value[2]'s low byte, as many as its second. SF is undefined: cleared. */
enum emu_outcome emu_x_bextr(struct emu_run *run)
{
	unsigned int first = run->value[2] & 0xff, n = run->value[2] >> 8 & 0xff;
	uint64_t result = first < 64 ? run->value[1] >> first : 0;

	if (n < 64)
		result &= (1ull << n) - 1;
	finish(run, result, false);
	run->rflags &= ~(uint64_t)RFLAGS_SF;
	return EMU_DONE;
}

enum emu_outcome emu_x_blsr(struct emu_run *run)
{
	uint64_t source = run->value[1];

	return finish(run, source & (source - 1), !source);
}

enum emu_outcome emu_x_blsmsk(struct emu_run *run)
{
	uint64_t source = run->value[1];

	finish(run, (source ^ (source - 1)) & emu_mask(run->size), !source);
	run->rflags &= ~(uint64_t)RFLAGS_ZF;
	return EMU_DONE;
}

enum emu_outcome emu_x_blsi(struct emu_run *run)
{
	uint64_t source = run->value[1];

	return finish(run, source & (0 - source), source);
}

enum emu_outcome emu_x_bzhi(struct emu_run *run)
{
	unsigned int n = run->value[2] & 0xff;
	bool is_whole = n >= 8 * run->size;

	return finish(run, is_whole ? run->value[1] : run->value[1] & ((1ull << n) - 1), is_whole);
}

/* The low half first: if both destinations are one register, the high half stays. */
enum emu_outcome emu_x_mulx(struct emu_run *run)
{
	unsigned __int128 product =
		(unsigned __int128)emu_reg(run, X86_RDX, run->size) * run->value[2];

	run->value[1] = (uint64_t)product;
	run->value[0] = (uint64_t)(product >> (8 * run->size));
	return EMU_DONE;
}

/* The low bits of value[1] to where the mask value[2] has ones. */
enum emu_outcome emu_x_pdep(struct emu_run *run)
{
	uint64_t source = run->value[1], result = 0;

	for (uint64_t mask = run->value[2]; mask; mask &= mask - 1, source >>= 1)
		if (source & 1)
			result |= mask & (0 - mask);
	run->value[0] = result;
	return EMU_DONE;
}

enum emu_outcome emu_x_pext(struct emu_run *run)
{
	uint64_t result = 0, bit = 1;

	for (uint64_t mask = run->value[2]; mask; mask &= mask - 1, bit <<= 1)
		if (run->value[1] & mask & (0 - mask))
			result |= bit;
	run->value[0] = result;
	return EMU_DONE;
}

/* RORX SHLX SHRX SARX: no flag. */
static unsigned int shift_count(const struct emu_run *run)
{
	return (unsigned int)run->value[2] & (8 * run->size - 1);
}

enum emu_outcome emu_x_rorx(struct emu_run *run)
{
	unsigned int count = shift_count(run);
	uint64_t source = run->value[1];

	if (count)
		source = source >> count | source << (8 * run->size - count);
	run->value[0] = source;
	return EMU_DONE;
}

enum emu_outcome emu_x_shlx(struct emu_run *run)
{
	run->value[0] = run->value[1] << shift_count(run);
	return EMU_DONE;
}

enum emu_outcome emu_x_shrx(struct emu_run *run)
{
	run->value[0] = run->value[1] >> shift_count(run);
	return EMU_DONE;
}

enum emu_outcome emu_x_sarx(struct emu_run *run)
{
	int64_t source = (int64_t)emu_sign_extend(run->value[1], run->size);

	run->value[0] = (uint64_t)(source >> shift_count(run));
	return EMU_DONE;
}

/* ADCX carries through CF, ADOX through OF; each leaves all other flags. */
static enum emu_outcome add_through(struct emu_run *run, uint64_t flag)
{
	uint64_t flags = 0;

	run->value[0] = emu_add(run->value[0], run->value[1], run->rflags & flag ? 1 : 0, run->size,
				&flags);
	run->rflags = (run->rflags & ~flag) | (flags & RFLAGS_CF ? flag : 0);
	return EMU_DONE;
}

enum emu_outcome emu_x_adcx(struct emu_run *run)
{
	return add_through(run, RFLAGS_CF);
}

enum emu_outcome emu_x_adox(struct emu_run *run)
{
	return add_through(run, RFLAGS_OF);
}

enum emu_outcome emu_x_crc32(struct emu_run *run)
{
	unsigned int n_bits =
		8 * emu_wide_bytes(run->insn->row->operand[1], run->insn->operand_size);
	uint32_t crc = (uint32_t)run->value[0];

	for (unsigned int i = 0; i < n_bits; i++) {
		uint32_t bit = (crc ^ (uint32_t)(run->value[1] >> i)) & 1;

		crc = crc >> 1 ^ (bit ? CRC32C_REVERSED : 0);
	}
	run->value[0] = crc;
	return EMU_DONE;
}

enum emu_outcome emu_x_movbe(struct emu_run *run)
{
	run->value[0] = __builtin_bswap64(run->value[1]) >> (64 - 8 * run->size);
	return EMU_DONE;
}

/* CF: the source is zero, and the result is the number of bits. ZF: the result is zero. */
static enum emu_outcome finish_count(struct emu_run *run, uint64_t source, unsigned int count)
{
	if (!source)
		count = 8 * run->size;
	run->rflags &= ~(uint64_t)(RFLAGS_CF | RFLAGS_ZF);
	run->rflags |= (source ? 0 : RFLAGS_CF) | (count ? 0 : RFLAGS_ZF);
	emu_set_reg(run, run->insn->reg, run->size, count);
	return EMU_DONE;
}

/* On a processor without them, F3 means nothing, and these are BSF and BSR. */
enum emu_outcome emu_x_tzcnt(struct emu_run *run)
{
	uint64_t source = run->value[1];

	if (!(run->cpu->features & EMU_HAS(EMU_BMI1)))
		return emu_x_bsf(run);
	return finish_count(run, source, source ? (unsigned int)__builtin_ctzll(source) : 0);
}

enum emu_outcome emu_x_lzcnt(struct emu_run *run)
{
	uint64_t source = run->value[1];
	unsigned int unused = 64 - 8 * run->size;

	if (!(run->cpu->features & EMU_HAS(EMU_LZCNT)))
		return emu_x_bsr(run);
	return finish_count(run, source,
			    source ? (unsigned int)__builtin_clzll(source) - unused : 0);
}

/* 64 bytes to ES:reg, a register of the address size; aligned there, as the source need not be. */
enum emu_outcome emu_x_movdir64b(struct emu_run *run)
{
	uint64_t to = emu_reg(run, run->insn->reg, run->insn->address_size);
	struct emu_place source, destination;
	uint8_t data[64];
	enum emu_outcome outcome;

	outcome = emu_place_operand(run, 64, 1, EMU_READ, &source);
	if (outcome == EMU_DONE)
		outcome = emu_place(run, SEG_ES, to, 64, 64 | EMU_ALIGNED, EMU_WRITE, &destination);
	if (outcome == EMU_DONE)
		outcome = emu_read(run, &source, data);
	return outcome == EMU_DONE ? emu_write(run, &destination, data) : outcome;
}
