/* SPDX-License-Identifier: MIT */
/*
 * Plain moves (emu.h, struct emu_move): the same rows and meanings as emu_execute() has, taken
 * apart.
 */
#include "emu/run.h"

bool emu_get_move(const struct emu_insn *insn, struct emu_move *move)
{
	const struct emu_row *row = insn->row;
	unsigned int other, to = row->operand[0], from = row->operand[1];

	if (row->flags & ROW_GROUP || (row->meaning != emu_x_mov && row->meaning != emu_x_movsx &&
				       (row->meaning != emu_x_movsxd || insn->operand_size == 2)))
		return false;
	move->is_load = from & OPD_RM;
	move->is_signed = row->meaning != emu_x_mov;
	move->has_immediate = emu_is_kind(from, KIND_I);
	move->n_bytes = (uint8_t)emu_wide_bytes(move->is_load ? from : to, insn->operand_size);
	other = move->is_load ? to : from;
	if (!emu_is_kind(other, KIND_G) && !emu_is_kind(other, KIND_ACC) &&
	    !emu_is_kind(other, KIND_I))
		return false;
	move->n_register_bytes = (uint8_t)emu_wide_bytes(other, insn->operand_size);
	move->reg = emu_is_kind(other, KIND_ACC) ? X86_RAX : insn->reg;
	move->shift = 0;
	if (emu_is_high_byte(insn, move->reg, move->n_register_bytes)) {
		move->reg -= 4;
		move->shift = 8;
	}
	return true;
}

uint64_t emu_move_offset(const struct emu_insn *insn, const uint64_t gpr[16], uint64_t rip)
{
	return emu_offset(insn, gpr, gpr[X86_RSP], rip + insn->length);
}

uint64_t emu_move_stored(const struct emu_insn *insn, const struct emu_move *move,
			 const uint64_t gpr[16])
{
	const uint64_t value = move->has_immediate ? insn->imm : gpr[move->reg] >> move->shift;

	return value & emu_mask(move->n_bytes);
}

void emu_move_load(const struct emu_move *move, uint64_t gpr[16], uint64_t value)
{
	uint64_t *reg = &gpr[move->reg];

	if (move->is_signed)
		value = emu_sign_extend(value, move->n_bytes);
	else
		value &= emu_mask(move->n_bytes);
	if (move->shift)
		*reg = (*reg & ~0xff00ull) | value << 8;
	else
		*reg = emu_merge(*reg, value, move->n_register_bytes);
}
