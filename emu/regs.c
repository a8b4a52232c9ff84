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
 * 16-bit code too: it does not wrap at 64 KiB, the next fetch meets the limit of CS (seen on AMD Zen,
 * 16-bit code segment with a larger limit).
 */
void emu_commit(const struct emu_run *run, struct emu_cpu *cpu, bool is_done)
{
	for (unsigned int i = 0; i < run->n_writes; i++)
		cpu->gpr[run->write_reg[i]] = run->write_value[i];
	cpu->rflags = run->rflags;
	if (is_done) {
		cpu->rflags &= ~(uint64_t)RFLAGS_RF;
		cpu->rip += run->insn->length;
		if (cpu->mode != EMU_LONG64)
			cpu->rip &= 0xffffffff;
	}
}
