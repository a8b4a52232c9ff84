/* SPDX-License-Identifier: MIT */
/* Meanings of IN and OUT; INS and OUTS are strings. */
#include "emu/run.h"

/* The port that the row names: Ib or DX. */
static uint16_t port_of(const struct emu_run *run, unsigned int operand)
{
	if (emu_is_kind(operand, KIND_I))
		return (uint16_t)(run->insn->imm & 0xff);
	return (uint16_t)run->cpu->gpr[EMU_RDX];
}

enum emu_outcome emu_x_in(struct emu_run *run)
{
	uint16_t port = port_of(run, run->insn->row->operand[1]);
	enum emu_outcome outcome;
	uint32_t value = 0;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = run->ops->in(run->ctx, port, run->size, 1, &value);
	if (outcome == EMU_DONE)
		emu_set_gpr(run, EMU_RAX, run->size, value);
	return outcome;
}

enum emu_outcome emu_x_out(struct emu_run *run)
{
	uint16_t port = port_of(run, run->insn->row->operand[0]);
	uint32_t value = (uint32_t)emu_reg(run, EMU_RAX, run->size);
	enum emu_outcome outcome;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	return run->ops->out(run->ctx, port, run->size, 1, &value);
}

/* Outside the row: may this code use the port? */
enum emu_outcome emu_port_check(struct emu_run *run, uint16_t port)
{
	if (!run->ops->port_check)
		return EMU_DONE;
	return run->ops->port_check(run->ctx, port, run->size, run->exception);
}
