/* SPDX-License-Identifier: MIT */
/*
 * Meanings of instructions that move a value: MOV in all its forms, MOVSX, CMOV, SETcc, XCHG, XLAT.
 */
#include "emu/run.h"

enum emu_outcome emu_x_mov(struct emu_run *run)
{
	run->value[0] = run->value[1];
	return EMU_DONE;
}

enum emu_outcome emu_x_movsx(struct emu_run *run)
{
	unsigned int from = emu_wide_bytes(run->insn->row->operand[1], run->size);

	run->value[0] = emu_sign_extend(run->value[1], from);
	return EMU_DONE;
}

/* With 66 it writes 2 bytes; Intel reads no more, AMD reads 4 (seen on Zen). */
enum emu_outcome emu_x_movsxd(struct emu_run *run)
{
	unsigned int n = run->size == 2 && !emu_is_amd(run) ? 2 : 4;
	uint64_t value = 0;
	enum emu_outcome outcome;

	outcome = emu_read_operand(run, n, n, &value);
	if (outcome == EMU_DONE)
		emu_set_reg(run, run->insn->reg, run->size, emu_sign_extend(value, n));
	return outcome;
}

enum emu_outcome emu_x_xchg(struct emu_run *run)
{
	uint64_t old = run->value[0];

	run->value[0] = run->value[1];
	run->value[1] = old;
	return EMU_DONE;
}

/* The source is read, and 4 bytes of destination clear the upper half, whatever the condition. */
enum emu_outcome emu_x_cmov(struct emu_run *run)
{
	if (emu_condition(run->rflags, run->insn->opcode))
		run->value[0] = run->value[1];
	return EMU_DONE;
}

enum emu_outcome emu_x_setcc(struct emu_run *run)
{
	run->value[0] = emu_condition(run->rflags, run->insn->opcode);
	return EMU_DONE;
}

/* AL = [rBX + AL] */
enum emu_outcome emu_x_xlat(struct emu_run *run)
{
	const uint64_t *gpr = run->cpu->gpr;
	uint64_t offset =
		(gpr[X86_RBX] + (gpr[X86_RAX] & 0xff)) & emu_mask(run->insn->address_size);
	struct emu_place place;
	enum emu_outcome outcome;
	uint8_t value;

	outcome = emu_place(run, run->insn->segment, offset, 1, 1, EMU_READ, &place);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &place, &value);
	if (outcome == EMU_DONE)
		emu_set_gpr(run, X86_RAX, 1, value);
	return outcome;
}

/*
 * CLFLUSH, CLFLUSHOPT, CLWB: the checks of a load of one byte, but that execute-only segments will
 * do, and no access.
 */
enum emu_outcome emu_x_clflush(struct emu_run *run)
{
	struct emu_place place;

	return emu_place_operand(run, 1, 1, EMU_READ | EMU_EXECUTABLE, &place);
}

/* PREFETCH and NOP with a memory operand: not even its address is looked at. */
enum emu_outcome emu_x_nop(struct emu_run *run)
{
	(void)run;
	return EMU_DONE;
}
