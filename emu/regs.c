/* SPDX-License-Identifier: MIT */
/*
 * Register writes of one instruction: recorded whole, merged with what is there, and put into the
 * register file in one go by emu_commit().
 */
#include "emu/run.h"

/* The register as this instruction leaves it so far. */
static uint64_t *pending(struct emu_run *run, unsigned int gpr)
{
	unsigned int i;

	for (i = 0; i < run->n_writes; i++)
		if (run->write_reg[i] == gpr)
			return &run->write_value[i];
	run->n_writes++;
	run->write_reg[i] = (uint8_t)gpr;
	run->write_value[i] = run->cpu->gpr[gpr];
	return &run->write_value[i];
}

/* Write the low `size` bytes (1 2 4 8) of a general register by number; never AH CH DH BH. */
void emu_set_gpr(struct emu_run *run, unsigned int gpr, unsigned int size, uint64_t value)
{
	uint64_t *reg = pending(run, gpr & 15);

	*reg = emu_merge(*reg, value, size);
}

/* Write a register operand; numbers 4 to 7 of size 1 are AH CH DH BH without REX. */
void emu_set_reg(struct emu_run *run, unsigned int reg, unsigned int size, uint64_t value)
{
	if (emu_is_high_byte(run->insn, reg, size)) {
		uint64_t *gpr = pending(run, reg - 4);

		*gpr = (*gpr & ~0xff00ull) | (value & 0xff) << 8;
		return;
	}
	emu_set_gpr(run, reg, size, value);
}

/*
 * Write back: registers and flags, and with `is_done` RIP. Outside 64-bit mode EIP has 32 bits in
 * 16-bit code too: it does not wrap at 64 KiB, the next fetch meets the limit of CS (seen on AMD
 * Zen, 16-bit code segment with a larger limit).
 */
void emu_commit(const struct emu_run *run, struct emu_cpu *cpu, bool is_done)
{
	for (unsigned int i = 0; i < run->n_writes; i++)
		cpu->gpr[run->write_reg[i]] = run->write_value[i];
	if (!is_done) {
		cpu->rflags = run->rflags;
		return;
	}
	cpu->rflags = run->rflags & ~(uint64_t)RFLAGS_RF;
	cpu->rip = run->rip;
	cpu->has_shadow = run->has_shadow;
}

/* Hand the effect to its setter. */
enum emu_outcome emu_take_effect(const struct emu_run *run)
{
	const struct emu_effect *effect = &run->effect;

	switch (effect->kind) {
	case EMU_SET_SEGMENT:
		return EMU_CALL(run, set_segment, (enum x86_seg)effect->which, &effect->segment);
	case EMU_SET_TABLE:
		return EMU_CALL(run, set_table, (enum emu_table)effect->which, &effect->table);
	case EMU_SET_CR0: return EMU_CALL(run, set_cr0, effect->value);
	case EMU_SET_VECTOR:
		return EMU_CALL(run, set_vector, (enum emu_file)effect->file, effect->which,
				effect->n_bytes, effect->zero_upper, effect->vector);
	case EMU_SET_X87: return EMU_CALL(run, set_x87, &effect->x87);
	case EMU_INVLPG: return EMU_CALL(run, invlpg, GVA(effect->value));
	default: return EMU_DONE;
	}
}
