/* SPDX-License-Identifier: MIT */
/*
 * Meanings of CALL, JMP and RET that touch memory. Far transfers are those that stay at their
 * privilege: SDM 2 "CALL", "JMP".
 */
#include "emu/run.h"
#include "x86/exc.h"

/* May code of this segment be at `target`? */
static EMU_RARE enum emu_outcome check_target(struct emu_run *run, const struct x86_segment *cs,
					      uint64_t target)
{
	return target > cs->limit ? emu_fault(run, EXC_GP) : EMU_DONE;
}

/* A branch within the code segment, to an offset of the operand size. */
static EMU_RARE enum emu_outcome go(struct emu_run *run, uint64_t target)
{
	struct x86_segment cs;
	enum emu_outcome outcome;

	run->rip = target & emu_mask(run->size);
	if (run->cpu->mode == EMU_LONG64)
		return emu_is_canonical(run->cpu, run->rip) ? EMU_DONE : emu_fault(run, EXC_GP);
	outcome = EMU_CALL(run, segment, SEG_CS, &cs);
	return outcome == EMU_DONE ? check_target(run, &cs, run->rip) : outcome;
}

enum emu_outcome emu_x_jmp(struct emu_run *run)
{
	return go(run, run->value[0]);
}

/* Near CALL: relative, through a register or through memory. */
enum emu_outcome emu_x_call(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	uint64_t next = run->rip, target = next + insn->imm;
	struct emu_place source, stack;
	enum emu_outcome outcome;

	if (insn->is_memory) {
		outcome = emu_place_operand(run, run->size, run->size, EMU_READ, &source);
		if (outcome != EMU_DONE)
			return outcome;
	} else if (insn->has_modrm) {
		target = emu_reg(run, insn->rm, run->size);
	}
	outcome = emu_place_push(run, 0, run->size, &stack);
	if (outcome == EMU_DONE && insn->is_memory)
		outcome = emu_read(run, &source, &target);
	if (outcome == EMU_DONE)
		outcome = go(run, target);
	return outcome == EMU_DONE ? emu_write(run, &stack, &next) : outcome;
}

/* RET, with and without bytes to drop. */
enum emu_outcome emu_x_ret(struct emu_run *run)
{
	struct emu_place stack;
	uint64_t target = 0;
	enum emu_outcome outcome;

	outcome =
		emu_place_pop(run, 0, run->size + (unsigned int)run->insn->imm, run->size, &stack);
	if (outcome == EMU_DONE)
		outcome = emu_read(run, &stack, &target);
	return outcome == EMU_DONE ? go(run, target) : outcome;
}

/*
 * The code segment that a far transfer leads to, as the effect of the instruction. Through call
 * gates, task gates and task state segments it switches stacks or tasks: not implemented, a guest's
 * kernel does not keep pointers to them in a device. The emulator is not told EFER.LMA: outside
 * 64-bit mode L may mean nothing, or 64-bit code that must not have D, has no limit, and to which
 * AMD pushes as 64-bit code does. Where that differs the answer is a refusal.
 */
static EMU_RARE enum emu_outcome load_code(struct emu_run *run, unsigned int selector,
					   uint64_t target, bool is_call,
					   struct emu_descriptor *descriptor)
{
	bool is_long = run->cpu->mode == EMU_LONG64;
	unsigned int gates = is_long ? 1u << 12 : 1u << 1 | 1u << 4 | 1u << 5 | 1u << 9 | 1u << 12;
	unsigned int cpl = run->cpu->cpl, rpl = selector & 3, attributes, dpl;
	enum emu_outcome outcome;

	if (!(selector & 0xfffc))
		return emu_fault(run, EXC_GP);
	outcome = emu_find_descriptor(run, selector, descriptor);
	if (outcome != EMU_DONE)
		return outcome;
	attributes = descriptor->segment.attributes;
	dpl = SEG_ATTR_DPL(attributes);
	if (!descriptor->is_found)
		return emu_fault_selector(run, EXC_GP, selector);
	if (!(attributes & SEG_S))
		return gates >> (attributes & SEG_TYPE) & 1
			       ? EMU_UNIMPLEMENTED
			       : emu_fault_selector(run, EXC_GP, selector);
	if (!(attributes & SEG_TYPE_CODE) ||
	    (attributes & SEG_TYPE_CONFORMING ? dpl > cpl : rpl > cpl || dpl != cpl) ||
	    (is_long && (attributes & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB)))
		return emu_fault_selector(run, EXC_GP, selector);
	if (!(attributes & SEG_P))
		return emu_fault_selector(run, EXC_NP, selector);
	if (attributes & SEG_L && !is_long &&
	    (is_call || attributes & SEG_DB || target > descriptor->segment.limit))
		return EMU_UNIMPLEMENTED;
	if (attributes & SEG_L && is_long) {
		if (!emu_is_canonical(run->cpu, target))
			return emu_fault(run, EXC_GP);
	} else {
		outcome = check_target(run, &descriptor->segment, target);
	}
	descriptor->segment.selector = (uint16_t)((selector & 0xfffc) | cpl);
	return outcome;
}

/* Far CALL and JMP through memory (FF /3 and /5) and with the pointer in the instruction. */
enum emu_outcome emu_x_far(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	bool is_call = insn->has_modrm ? (insn->reg & 7) == 3 : insn->opcode == 0x9a;
	uint64_t target, next = run->rip, old_selector;
	uint16_t selector;
	struct emu_descriptor descriptor = { 0 };
	struct emu_place places[2];
	struct x86_segment cs;
	enum emu_outcome outcome;

	if (insn->has_modrm) {
		outcome = emu_read_far(run, &selector, &target);
		if (outcome != EMU_DONE)
			return outcome;
	} else {
		target = insn->imm & emu_mask(run->size);
		selector = (uint16_t)(insn->imm >> (8 * run->size));
	}
	outcome = EMU_CALL(run, segment, SEG_CS, &cs);
	if (outcome == EMU_DONE)
		outcome = emu_is_protected(run)
				  ? load_code(run, selector, target, is_call, &descriptor)
				  : check_target(run, &cs, target);
	for (unsigned int i = 0; is_call && i < 2 && outcome == EMU_DONE; i++)
		outcome = emu_place_push(run, i, run->size, &places[i]);
	if (outcome == EMU_DONE && is_call &&
	    !(EMU_HAS_OP(run, write) && EMU_HAS_OP(run, set_segment)))
		return EMU_UNIMPLEMENTED;
	if (outcome == EMU_DONE && emu_is_protected(run)) {
		outcome = emu_mark_descriptor(run, &descriptor, SEG_TYPE_ACCESSED);
		run->effect.kind = EMU_SET_SEGMENT;
		run->effect.which = SEG_CS;
		run->effect.segment = descriptor.segment;
	} else if (outcome == EMU_DONE) {
		outcome = emu_load_segment(run, SEG_CS, selector);
	}
	run->rip = target;
	if (outcome != EMU_DONE || !is_call)
		return outcome;
	old_selector = cs.selector;
	outcome = emu_write(run, &places[0], &old_selector);
	return outcome == EMU_DONE ? emu_write(run, &places[1], &next) : outcome;
}
