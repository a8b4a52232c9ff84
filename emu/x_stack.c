/* SPDX-License-Identifier: MIT */
/*
 * Meanings of PUSH and POP. Both memory operands of PUSH m and POP m are translated before the first
 * is accessed, so that a device is read once and a fault leaves everything as it was.
 */
#include "emu/run.h"

/* Bytes of the stack pointer: 8 in 64-bit mode, else by SS.B. */
static enum emu_outcome stack_address_size(struct emu_run *run, unsigned int *size)
{
	struct x86_segment segment;
	enum emu_outcome outcome;

	*size = 8;
	if (run->cpu->mode == EMU_LONG64)
		return EMU_DONE;
	outcome = run->ops->segment(run->ctx, SEG_SS, &segment);
	if (outcome == EMU_DONE)
		*size = segment.attributes & SEG_DB ? 4 : 2;
	return outcome;
}

/* The place of a push, and RSP as it will be. */
static enum emu_outcome place_push(struct emu_run *run, struct emu_place *place)
{
	unsigned int width;
	uint64_t rsp;
	enum emu_outcome outcome = stack_address_size(run, &width);

	if (outcome != EMU_DONE)
		return outcome;
	rsp = (run->cpu->gpr[EMU_RSP] - run->size) & emu_mask(width);
	emu_set_gpr(run, EMU_RSP, width, rsp);
	return emu_place(run, SEG_SS, rsp, run->size, run->size, EMU_WRITE, place);
}

/* The place of a pop, and RSP as it will be, whole in *rsp. */
static enum emu_outcome place_pop(struct emu_run *run, struct emu_place *place, uint64_t *rsp)
{
	unsigned int width;
	uint64_t old = run->cpu->gpr[EMU_RSP];
	enum emu_outcome outcome = stack_address_size(run, &width);

	if (outcome != EMU_DONE)
		return outcome;
	*rsp = emu_merge(old, old + run->size, width);
	emu_set_gpr(run, EMU_RSP, width, *rsp);
	return emu_place(run, SEG_SS, old & emu_mask(width), run->size, run->size, EMU_READ, place);
}

/* PUSH of a register or an immediate. */
enum emu_outcome emu_x_push(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	bool is_immediate = insn->row->operand[0] & OPD_IMM;
	uint64_t value = is_immediate ? insn->imm : emu_reg(run, insn->reg, run->size);
	struct emu_place place;
	enum emu_outcome outcome;

	outcome = place_push(run, &place);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_write(run, &place, &value);
}

enum emu_outcome emu_x_push_mem(struct emu_run *run)
{
	uint64_t offset = emu_effective_address(run, run->cpu->gpr[EMU_RSP]), value;
	struct emu_place source, stack;
	enum emu_outcome outcome;

	outcome =
		emu_place(run, run->insn->segment, offset, run->size, run->size, EMU_READ, &source);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = place_push(run, &stack);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &source, &value);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_write(run, &stack, &value);
}

/* POP of a register; POP rSP ends with what was read. */
enum emu_outcome emu_x_pop(struct emu_run *run)
{
	struct emu_place place;
	uint64_t rsp, value;
	enum emu_outcome outcome;

	outcome = place_pop(run, &place, &rsp);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &place, &value);
	if (outcome == EMU_DONE)
		emu_set_reg(run, run->insn->reg, run->size, value);
	return outcome;
}

/* An address with RSP as its base is computed after the pop, SDM 2B "POP". */
enum emu_outcome emu_x_pop_mem(struct emu_run *run)
{
	struct emu_place stack, destination;
	uint64_t rsp, value;
	enum emu_outcome outcome;

	outcome = place_pop(run, &stack, &rsp);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_place(run, run->insn->segment, emu_effective_address(run, rsp), run->size,
			    run->size, EMU_WRITE, &destination);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &stack, &value);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_write(run, &destination, &value);
}
