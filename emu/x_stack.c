/* SPDX-License-Identifier: MIT */
/*
 * Meanings of PUSH and POP in all their forms, ENTER and LEAVE. Every memory operand is translated
 * before the first is accessed, so that a device is read once and a fault leaves everything as it
 * was.
 */
#include "emu/run.h"
#include "x86/exc.h"

/* Bytes of the stack pointer: 8 in 64-bit mode, else by SS.B. */
static EMU_RARE enum emu_outcome stack_address_size(struct emu_run *run, unsigned int *size)
{
	struct x86_segment segment;
	enum emu_outcome outcome;

	*size = 8;
	if (run->cpu->mode == EMU_LONG64)
		return EMU_DONE;
	outcome = EMU_CALL(run, segment, SEG_SS, &segment);
	if (outcome == EMU_DONE)
		*size = segment.attributes & SEG_DB ? 4 : 2;
	return outcome;
}

/*
 * The place of a push after `index` others of the operand size, low n_bytes of it, and RSP as it
 * will be.
 */
enum emu_outcome emu_place_push(struct emu_run *run, unsigned int index, unsigned int n_bytes,
				struct emu_place *place)
{
	unsigned int width;
	uint64_t rsp = run->cpu->gpr[X86_RSP] - (index + 1) * run->size;
	enum emu_outcome outcome = stack_address_size(run, &width);

	if (outcome != EMU_DONE)
		return outcome;
	emu_set_gpr(run, X86_RSP, width, rsp);
	return emu_place(run, SEG_SS, rsp & emu_mask(width), n_bytes, n_bytes, EMU_WRITE, place);
}

/*
 * The place of n_bytes of a pop after `index` others; RSP as it will be, `n_popped` above what it
 * was.
 */
enum emu_outcome emu_place_pop(struct emu_run *run, unsigned int index, unsigned int n_popped,
			       unsigned int n_bytes, struct emu_place *place)
{
	unsigned int width;
	uint64_t rsp = run->cpu->gpr[X86_RSP];
	enum emu_outcome outcome = stack_address_size(run, &width);

	if (outcome != EMU_DONE)
		return outcome;
	emu_set_gpr(run, X86_RSP, width, rsp + n_popped);
	return emu_place(run, SEG_SS, (rsp + index * run->size) & emu_mask(width), n_bytes, n_bytes,
			 EMU_READ, place);
}

/* The low n_bytes of what is pushed are written, and of what is popped read. */
static EMU_RARE enum emu_outcome push_part(struct emu_run *run, unsigned int n_bytes,
					   uint64_t value)
{
	struct emu_place place;
	enum emu_outcome outcome = emu_place_push(run, 0, n_bytes, &place);

	return outcome == EMU_DONE ? emu_write(run, &place, &value) : outcome;
}

static EMU_RARE enum emu_outcome pop_part(struct emu_run *run, unsigned int n_bytes,
					  uint64_t *value)
{
	struct emu_place place;
	enum emu_outcome outcome = emu_place_pop(run, 0, run->size, n_bytes, &place);

	*value = 0;
	return outcome == EMU_DONE ? emu_read(run, &place, value) : outcome;
}

static EMU_RARE enum emu_outcome push(struct emu_run *run, uint64_t value)
{
	return push_part(run, run->size, value);
}

static EMU_RARE enum emu_outcome pop(struct emu_run *run, uint64_t *value)
{
	return pop_part(run, run->size, value);
}

/* PUSH of a register or an immediate. */
enum emu_outcome emu_x_push(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	bool is_immediate = insn->row->operand[0] & OPD_IMM;

	return push(run, is_immediate ? insn->imm : emu_reg(run, insn->reg, run->size));
}

enum emu_outcome emu_x_push_mem(struct emu_run *run)
{
	struct emu_place source, stack;
	enum emu_outcome outcome;
	uint64_t value;

	if (!run->insn->is_memory)
		return push(run, emu_reg(run, run->insn->rm, run->size));
	outcome = emu_place_operand(run, run->size, run->size, EMU_READ, &source);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_place_push(run, 0, run->size, &stack);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &source, &value);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_write(run, &stack, &value);
}

/*
 * The opcodes of a segment register's PUSH and POP have its number in bits 3 to 5. AMD accesses as
 * many bytes as RSP moves by, zeros above the selector. Intel reads 2, and writes 2 of 4: SDM 3B
 * "Selector Pushes and Pops", SDM 2 "PUSH".
 */
enum emu_outcome emu_x_push_sreg(struct emu_run *run)
{
	unsigned int n_bytes = run->size == 4 && !emu_is_amd(run) ? 2 : run->size;
	struct x86_segment segment;
	enum emu_outcome outcome;

	outcome = EMU_CALL(run, segment, (enum x86_seg)(run->insn->opcode >> 3 & 7), &segment);
	return outcome == EMU_DONE ? push_part(run, n_bytes, segment.selector) : outcome;
}

enum emu_outcome emu_x_pop_sreg(struct emu_run *run)
{
	unsigned int seg = run->insn->opcode >> 3 & 7;
	enum emu_outcome outcome;
	uint64_t value;

	run->has_shadow = seg == SEG_SS;
	outcome = pop_part(run, emu_is_amd(run) ? run->size : 2, &value);
	return outcome == EMU_DONE ? emu_load_segment(run, seg, value & 0xffff) : outcome;
}

/* POP of a register; POP rSP ends with what was read. */
static EMU_RARE enum emu_outcome pop_reg(struct emu_run *run, unsigned int reg)
{
	uint64_t value;
	enum emu_outcome outcome = pop(run, &value);

	if (outcome == EMU_DONE)
		emu_set_gpr(run, reg, run->size, value);
	return outcome;
}

enum emu_outcome emu_x_pop(struct emu_run *run)
{
	return pop_reg(run, run->insn->reg);
}

/* An address with RSP as its base is computed after the pop, SDM 2B "POP". */
enum emu_outcome emu_x_pop_mem(struct emu_run *run)
{
	struct emu_place stack, destination;
	enum emu_outcome outcome;
	uint64_t value;

	if (!run->insn->is_memory)
		return pop_reg(run, run->insn->rm);
	outcome = emu_place_pop(run, 0, run->size, run->size, &stack);
	if (outcome != EMU_DONE)
		return outcome;
	/* RSP is the one register written so far. */
	outcome =
		emu_place(run, run->insn->segment, emu_effective_address(run, run->write_value[0]),
			  run->size, run->size, EMU_WRITE, &destination);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &stack, &value);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_write(run, &destination, &value);
}

/* In the order of the register numbers, RSP as it was. */
enum emu_outcome emu_x_pusha(struct emu_run *run)
{
	struct emu_place places[8];
	enum emu_outcome outcome = EMU_DONE;

	for (unsigned int i = 0; i < 8 && outcome == EMU_DONE; i++)
		outcome = emu_place_push(run, i, run->size, &places[i]);
	for (unsigned int i = 0; i < 8 && outcome == EMU_DONE; i++)
		outcome = emu_write(run, &places[i], &run->cpu->gpr[i]);
	return outcome;
}

enum emu_outcome emu_x_popa(struct emu_run *run)
{
	struct emu_place places[8];
	enum emu_outcome outcome = EMU_DONE;
	uint64_t value;

	for (unsigned int i = 0; i < 8 && outcome == EMU_DONE; i++)
		outcome = emu_place_pop(run, i, 8 * run->size, run->size, &places[i]);
	for (unsigned int i = 0; i < 8 && outcome == EMU_DONE; i++) {
		outcome = emu_read(run, &places[i], &value);
		if (i != 7 - X86_RSP)
			emu_set_gpr(run, 7 - i, run->size, value);
	}
	return outcome;
}

/*
 * In virtual-8086 mode below IOPL 3, PUSHF and POPF are for the monitor, or with CR4.VME for VIF.
 */
static bool is_virtual_if(const struct emu_run *run)
{
	return run->cpu->mode == EMU_V86 && (run->rflags & RFLAGS_IOPL) != RFLAGS_IOPL;
}

enum emu_outcome emu_x_pushf(struct emu_run *run)
{
	uint64_t value = run->rflags & ~(uint64_t)(RFLAGS_VM | RFLAGS_RF);

	if (is_virtual_if(run)) {
		if (!(run->cpu->cr4 & CR4_VME) || run->size != 2)
			return emu_fault(run, EXC_GP);
		value = (value & ~(uint64_t)RFLAGS_IF) | RFLAGS_IOPL;
		if (value & RFLAGS_VIF)
			value |= RFLAGS_IF;
	}
	return push(run, value);
}

/* SDM 2 "POPF", the table of what changes. */
enum emu_outcome emu_x_popf(struct emu_run *run)
{
	uint64_t mask = (RFLAGS_DEFINED & ~(RFLAGS_VM | RFLAGS_VIF | RFLAGS_VIP | RFLAGS_RF)) &
			emu_mask(run->size);
	unsigned int iopl = ((unsigned int)run->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
	uint64_t value;
	enum emu_outcome outcome;

	if (is_virtual_if(run) && (!(run->cpu->cr4 & CR4_VME) || run->size != 2))
		return emu_fault(run, EXC_GP);
	outcome = pop(run, &value);
	if (outcome != EMU_DONE)
		return outcome;
	if (run->cpu->cpl)
		mask &= ~(uint64_t)RFLAGS_IOPL;
	if (run->cpu->cpl > iopl)
		mask &= ~(uint64_t)RFLAGS_IF;
	if (is_virtual_if(run)) {
		if (value & RFLAGS_TF || (value & RFLAGS_IF && run->rflags & RFLAGS_VIP))
			return emu_fault(run, EXC_GP);
		mask |= RFLAGS_VIF;
		value = (value & 0xffff) | (value & RFLAGS_IF ? RFLAGS_VIF : 0);
	}
	run->rflags = (run->rflags & ~mask) | (value & mask);
	return EMU_DONE;
}

/*
 * The stack pointer that it ends with must be good for a write, too. With a nesting level the frame
 * pointers of the outer levels are copied. Where they lie in what is being pushed, so that a copy
 * is copied again, the answer is a refusal.
 */
enum emu_outcome emu_x_enter(struct emu_run *run)
{
	unsigned int level = run->insn->imm >> 16 & 31, n_bytes = run->insn->imm & 0xffff;
	unsigned int size = run->size, width;
	uint64_t rbp = run->cpu->gpr[X86_RBP], rsp = run->cpu->gpr[X86_RSP], frame, value[32];
	struct emu_place places[32], source;
	enum emu_outcome outcome;

	outcome = stack_address_size(run, &width);
	if (outcome == EMU_DONE)
		outcome = emu_place_push(run, 0, run->size, &places[0]);
	frame = emu_merge(rsp, rsp - size, width);
	value[0] = rbp;
	for (unsigned int i = 1; i <= level && outcome == EMU_DONE; i++) {
		uint64_t outer = (rbp - i * size) & emu_mask(width);

		value[i] = frame;
		if (i < level) {
			if (((rsp - outer - 1) & emu_mask(width)) < (i + 1) * size - 1)
				return EMU_UNIMPLEMENTED;
			outcome = emu_place(run, SEG_SS, outer, size, size, EMU_READ, &source);
			if (outcome == EMU_DONE)
				outcome = emu_read(run, &source, &value[i]);
		}
		if (outcome == EMU_DONE)
			outcome = emu_place_push(run, i, run->size, &places[i]);
	}
	/* SDM 2 "ENTER": it faults if a write at the final stack pointer would. */
	if (outcome == EMU_DONE)
		outcome = emu_place(run, SEG_SS, (frame - level * size - n_bytes) & emu_mask(width),
				    size, size, EMU_WRITE, &source);
	rsp = frame - level * size - n_bytes;
	if (outcome == EMU_DONE)
		outcome = emu_place(run, SEG_SS, rsp & emu_mask(width), size, size, EMU_WRITE,
				    &source);
	emu_set_gpr(run, X86_RSP, width, rsp);
	emu_set_gpr(run, X86_RBP, size, frame);
	for (unsigned int i = 0; i <= level && outcome == EMU_DONE; i++)
		outcome = emu_write(run, &places[i], &value[i]);
	return outcome;
}

enum emu_outcome emu_x_leave(struct emu_run *run)
{
	uint64_t rbp = run->cpu->gpr[X86_RBP], value;
	struct emu_place place;
	unsigned int width;
	enum emu_outcome outcome = stack_address_size(run, &width);

	if (outcome == EMU_DONE)
		outcome = emu_place(run, SEG_SS, rbp & emu_mask(width), run->size, run->size,
				    EMU_READ, &place);
	if (outcome == EMU_DONE)
		outcome = emu_read(run, &place, &value);
	if (outcome != EMU_DONE)
		return outcome;
	emu_set_gpr(run, X86_RSP, width, rbp + run->size);
	emu_set_gpr(run, X86_RBP, run->size, value);
	return EMU_DONE;
}
