/* SPDX-License-Identifier: MIT */
/*
 * Segment registers: descriptors are found, checked and marked as SDM 2 "MOV", "LDS", "CALL" and
 * SDM 3A "Protection" say, and the new contents of a register become the effect of the instruction.
 * Meanings of MOV to and from them, LDS and its like, LLDT, LTR, LAR, LSL, VERR, VERW, ARPL.
 *
 * The emulator is not told EFER.LMA: descriptors of system segments have 16 bytes in 64-bit mode
 * alone, not in compatibility mode, where no kernel runs.
 */
#include "emu/run.h"
#include "x86/exc.h"
#include "x86/seg.h"

#define SELECTOR_RPL 3u

/* Bits 8 to 12 of the last dword of a descriptor of 16 bytes. */
#define UPPER_TYPE (0x1full << 40)

#define IS_CODE(attributes) (((attributes) & (SEG_S | SEG_TYPE_CODE)) == (SEG_S | SEG_TYPE_CODE))

/* An exception that names a selector. */
enum emu_outcome emu_fault_selector(struct emu_run *run, unsigned int vector, unsigned int selector)
{
	enum emu_outcome outcome = emu_fault(run, vector);

	run->exception->error_code = selector & 0xfffc;
	return outcome;
}

bool emu_is_protected(const struct emu_run *run)
{
	return run->cpu->mode != EMU_REAL && run->cpu->mode != EMU_V86;
}

static void unpack(struct emu_descriptor *descriptor, unsigned int selector, uint64_t raw)
{
	struct x86_segment *segment = &descriptor->segment;
	uint32_t limit = (raw & 0xffff) | (raw >> 32 & 0xf0000);

	segment->base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000);
	segment->attributes = (uint16_t)(raw >> 40 & 0xf0ff);
	segment->limit = segment->attributes & SEG_G ? limit << 12 | 0xfff : limit;
	segment->selector = (uint16_t)selector;
	descriptor->high = (uint32_t)(raw >> 32);
}

/*
 * Find the descriptor of a selector that is not null. `is_found` says if it lies within its table;
 * what it is not used for then is the caller's exception.
 */
enum emu_outcome emu_find_descriptor(struct emu_run *run, unsigned int selector,
				     struct emu_descriptor *descriptor)
{
	bool is_long = run->cpu->mode == EMU_LONG64;
	uint64_t base, index = selector & 0xfff8u, raw;
	struct emu_place place;
	enum emu_outcome outcome;
	uint32_t limit;

	descriptor->is_found = false;
	if (selector & SEG_SELECTOR_TI) {
		struct x86_segment ldt;

		outcome = EMU_CALL(run, segment, SEG_LDTR, &ldt);
		if (outcome != EMU_DONE)
			return outcome;
		if (!(ldt.attributes & SEG_P))
			return EMU_DONE;
		base = ldt.base;
		limit = ldt.limit;
	} else {
		struct x86_table gdt;

		outcome = EMU_CALL(run, table, EMU_GDTR, &gdt);
		if (outcome != EMU_DONE)
			return outcome;
		base = gdt.base;
		limit = gdt.limit;
	}
	if (index + 7 > limit)
		return EMU_DONE;
	/* The table may lie above 4 GiB in compatibility mode; below, its addresses wrap there. */
	descriptor->linear = base + index;
	if (!is_long && !(base >> 32))
		descriptor->linear &= 0xffffffff;
	if (is_long && !emu_is_canonical(run->cpu, descriptor->linear))
		return EMU_DONE;
	outcome = emu_place_linear(run, descriptor->linear, 8, EMU_READ | EMU_IMPLICIT, &place);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &place, &raw);
	if (outcome != EMU_DONE)
		return outcome;
	unpack(descriptor, selector, raw);
	descriptor->is_found = true;
	if (!is_long || descriptor->segment.attributes & SEG_S)
		return EMU_DONE;

	/* The upper half of a system descriptor; its type is reserved. */
	if (index + 15 > limit) {
		descriptor->is_found = false;
		return EMU_DONE;
	}
	outcome = emu_place_linear(run, descriptor->linear + 8, 8, EMU_READ | EMU_IMPLICIT, &place);
	if (outcome == EMU_DONE)
		outcome = emu_read(run, &place, &raw);
	if (outcome == EMU_DONE) {
		descriptor->segment.base |= raw << 32;
		descriptor->is_found = !(raw & UPPER_TYPE);
	}
	return outcome;
}

/*
 * Set a bit of the type in the descriptor's memory (accessed, busy), as the processor does when it
 * loads it; in the segment too. The load itself follows, and must be possible.
 */
enum emu_outcome emu_mark_descriptor(struct emu_run *run, struct emu_descriptor *descriptor,
				     unsigned int bit)
{
	uint8_t old = (uint8_t)descriptor->segment.attributes, marked = (uint8_t)(old | bit);
	struct emu_place place;
	enum emu_outcome outcome;

	if (!EMU_HAS_OP(run, set_segment))
		return EMU_UNIMPLEMENTED;
	if (old == marked)
		return EMU_DONE;
	outcome = emu_place_linear(run, descriptor->linear + 5, 1,
				   EMU_READ | EMU_WRITE | EMU_IMPLICIT, &place);
	if (outcome != EMU_DONE)
		return outcome;
	descriptor->segment.attributes |= (uint16_t)bit;
	return emu_write_locked(run, &place, &old, &marked);
}

/*
 * A null selector: SS takes it in 64-bit mode below CPL 3; elsewhere the register becomes unusable.
 */
static EMU_RARE enum emu_outcome load_null(struct emu_run *run, unsigned int seg,
					   unsigned int selector)
{
	struct x86_segment *segment = &run->effect.segment;
	unsigned int rpl = selector & SELECTOR_RPL;

	*segment = (struct x86_segment) { .selector = (uint16_t)selector };
	if (seg == SEG_SS) {
		if (run->cpu->mode != EMU_LONG64 || run->cpu->cpl == 3 || rpl != run->cpu->cpl)
			return emu_fault(run, EXC_GP);
		segment->attributes = (uint16_t)(rpl << SEG_DPL_SHIFT);
	}
	return EMU_DONE;
}

/* The rights that a data segment register asks of a descriptor. */
static EMU_RARE enum emu_outcome check_data(struct emu_run *run, unsigned int seg,
					    unsigned int selector,
					    const struct emu_descriptor *descriptor)
{
	unsigned int attributes = descriptor->segment.attributes;
	unsigned int dpl = SEG_ATTR_DPL(attributes), rpl = selector & SELECTOR_RPL;
	unsigned int cpl = run->cpu->cpl;
	bool is_code = attributes & SEG_TYPE_CODE, is_ok = descriptor->is_found;

	if (!(attributes & SEG_S))
		is_ok = false;
	if (seg == SEG_SS) {
		if (is_code || !(attributes & SEG_TYPE_WRITABLE) || rpl != cpl || dpl != cpl)
			is_ok = false;
	} else {
		if (is_code && !(attributes & SEG_TYPE_READABLE))
			is_ok = false;
		if (!(is_code && attributes & SEG_TYPE_CONFORMING) && (rpl > dpl || cpl > dpl))
			is_ok = false;
	}
	if (!is_ok)
		return emu_fault_selector(run, EXC_GP, selector);
	if (!(attributes & SEG_P))
		return emu_fault_selector(run, seg == SEG_SS ? EXC_SS : EXC_NP, selector);
	return EMU_DONE;
}

/* In real and virtual-8086 mode a selector is a paragraph; SDM 3A "8086 Emulation". */
static EMU_RARE enum emu_outcome load_paragraph(struct emu_run *run, unsigned int seg,
						unsigned int selector)
{
	struct x86_segment *segment = &run->effect.segment;
	enum emu_outcome outcome;

	outcome = EMU_CALL(run, segment, (enum x86_seg)seg, segment);
	if (outcome != EMU_DONE)
		return outcome;
	segment->selector = (uint16_t)selector;
	segment->base = (uint64_t)selector << 4;
	if (run->cpu->mode == EMU_V86) {
		segment->limit = 0xffff;
		segment->attributes =
			SEG_P | SEG_DPL | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED;
	}
	return EMU_DONE;
}

/*
 * The effect that loads `seg` with `selector`: ES SS DS FS GS, and CS in real and virtual-8086
 * mode. All checks made, the descriptor marked as accessed: to be called after the last check of
 * anything else, and before writes.
 */
enum emu_outcome emu_load_segment(struct emu_run *run, unsigned int seg, unsigned int selector)
{
	struct emu_descriptor descriptor = { 0 };
	enum emu_outcome outcome;

	run->effect.which = (uint8_t)seg;
	if (!emu_is_protected(run)) {
		outcome = load_paragraph(run, seg, selector);
	} else if (!(selector & ~SELECTOR_RPL)) {
		outcome = load_null(run, seg, selector);
	} else {
		outcome = emu_find_descriptor(run, selector, &descriptor);
		if (outcome == EMU_DONE)
			outcome = check_data(run, seg, selector, &descriptor);
		if (outcome == EMU_DONE)
			outcome = emu_mark_descriptor(run, &descriptor, SEG_TYPE_ACCESSED);
		run->effect.segment = descriptor.segment;
	}
	if (outcome == EMU_DONE)
		run->effect.kind = EMU_SET_SEGMENT;
	return outcome;
}

enum emu_outcome emu_x_mov_from_sreg(struct emu_run *run)
{
	struct x86_segment segment;
	enum emu_outcome outcome;

	outcome = EMU_CALL(run, segment, (enum x86_seg)(run->insn->reg & 7), &segment);
	if (outcome == EMU_DONE)
		run->value[0] = segment.selector;
	return outcome;
}

enum emu_outcome emu_x_mov_to_sreg(struct emu_run *run)
{
	unsigned int seg = run->insn->reg & 7;

	run->has_shadow = seg == SEG_SS;
	return emu_load_segment(run, seg, (unsigned int)run->value[1]);
}

/* LES LDS LSS LFS LGS; in the 0F map the low opcode bits are the segment register. */
enum emu_outcome emu_x_load_far(struct emu_run *run)
{
	unsigned int seg = run->insn->opcode & 7;
	uint16_t selector;
	uint64_t offset;
	enum emu_outcome outcome;

	outcome = emu_read_far(run, &selector, &offset);
	if (outcome != EMU_DONE)
		return outcome;
	emu_set_reg(run, run->insn->reg, run->size, offset);
	if (run->insn->map == EMU_MAP_ONE)
		seg = run->insn->opcode & 1 ? SEG_DS : SEG_ES;
	return emu_load_segment(run, seg, selector);
}

/*
 * The far pointer in memory: an offset of the operand size, which AMD does not let be 8, and a
 * selector.
 */
enum emu_outcome emu_read_far(struct emu_run *run, uint16_t *selector, uint64_t *offset)
{
	unsigned int size = run->size == 8 && emu_is_amd(run) ? 4 : run->size;
	struct emu_place parts[2];
	uint8_t bytes[10];
	enum emu_outcome outcome;

	outcome = emu_place_parts(run, size, 2, size, EMU_READ, parts);
	if (outcome == EMU_DONE)
		outcome = emu_read_parts(run, parts, bytes);
	if (outcome != EMU_DONE)
		return outcome;
	*offset = 0;
	__builtin_memcpy(offset, bytes, size);
	__builtin_memcpy(selector, bytes + size, 2);
	return EMU_DONE;
}

/* LLDT and LTR. */
enum emu_outcome emu_x_load_system(struct emu_run *run)
{
	bool is_tr = run->insn->reg & 1;
	struct emu_descriptor descriptor;
	unsigned int type, attributes;
	enum emu_outcome outcome;
	uint16_t selector;

	if (run->cpu->cpl)
		return emu_fault(run, EXC_GP);
	outcome = emu_read_operand(run, 2, 2, &selector);
	if (outcome != EMU_DONE)
		return outcome;
	run->effect.which = is_tr ? SEG_TR : SEG_LDTR;
	if (!(selector & ~SELECTOR_RPL)) {
		if (is_tr)
			return emu_fault(run, EXC_GP);
		run->effect.segment = (struct x86_segment) { .selector = selector };
		run->effect.kind = EMU_SET_SEGMENT;
		return EMU_DONE;
	}
	if (selector & SEG_SELECTOR_TI)
		return emu_fault_selector(run, EXC_GP, selector);
	outcome = emu_find_descriptor(run, selector, &descriptor);
	if (outcome != EMU_DONE)
		return outcome;
	attributes = descriptor.segment.attributes;
	type = attributes & (SEG_S | SEG_TYPE);
	if (!descriptor.is_found ||
	    !(is_tr ? type == 9 || (type == 1 && run->cpu->mode != EMU_LONG64)
		    : type == SEG_TYPE_LDT))
		return emu_fault_selector(run, EXC_GP, selector);
	if (!(attributes & SEG_P))
		return emu_fault_selector(run, EXC_NP, selector);
	if (run->cpu->mode == EMU_LONG64 && !emu_is_canonical(run->cpu, descriptor.segment.base))
		return emu_fault_selector(run, EXC_GP, selector);
	if (is_tr)
		outcome = emu_mark_descriptor(run, &descriptor, 2); /* busy */
	run->effect.segment = descriptor.segment;
	run->effect.kind = EMU_SET_SEGMENT;
	return outcome;
}

/*
 * The descriptor that LAR LSL VERR VERW look at. *is_visible: it is there, and code or data that
 * this CPL and the selector's RPL can use, or a system descriptor of a type in `system_types`.
 */
static EMU_RARE enum emu_outcome look(struct emu_run *run, unsigned int selector,
				      unsigned int system_types, struct emu_descriptor *descriptor,
				      bool *is_visible)
{
	unsigned int attributes, dpl, type;
	enum emu_outcome outcome;

	*is_visible = false;
	if (!(selector & ~SELECTOR_RPL))
		return EMU_DONE;
	outcome = emu_find_descriptor(run, selector, descriptor);
	if (outcome != EMU_DONE || !descriptor->is_found)
		return outcome;
	attributes = descriptor->segment.attributes;
	type = attributes & SEG_TYPE;
	dpl = SEG_ATTR_DPL(attributes);
	if (!(attributes & SEG_S) && !(system_types >> type & 1))
		return EMU_DONE;
	*is_visible = (IS_CODE(attributes) && attributes & SEG_TYPE_CONFORMING) ||
		      (run->cpu->cpl <= dpl && (selector & SELECTOR_RPL) <= dpl);
	return EMU_DONE;
}

static void set_zf(struct emu_run *run, bool is_set)
{
	run->rflags &= ~(uint64_t)RFLAGS_ZF;
	if (is_set)
		run->rflags |= RFLAGS_ZF;
}

/* Types 1 3 4 5 are 16-bit TSS and gates: not in 64-bit mode. */
enum emu_outcome emu_x_lar(struct emu_run *run)
{
	unsigned int types = run->cpu->mode == EMU_LONG64 ? 0x1a04 : 0x1a3e;
	struct emu_descriptor descriptor;
	enum emu_outcome outcome;
	bool is_visible;

	outcome = look(run, (unsigned int)run->value[1], types, &descriptor, &is_visible);
	if (outcome != EMU_DONE)
		return outcome;
	set_zf(run, is_visible);
	if (is_visible)
		emu_set_reg(run, run->insn->reg, run->size, descriptor.high & 0xffff00);
	return EMU_DONE;
}

enum emu_outcome emu_x_lsl(struct emu_run *run)
{
	unsigned int types = run->cpu->mode == EMU_LONG64 ? 0x0a04 : 0x0a0e;
	struct emu_descriptor descriptor;
	enum emu_outcome outcome;
	bool is_visible;

	outcome = look(run, (unsigned int)run->value[1], types, &descriptor, &is_visible);
	if (outcome != EMU_DONE)
		return outcome;
	set_zf(run, is_visible);
	if (is_visible)
		emu_set_reg(run, run->insn->reg, run->size, descriptor.segment.limit);
	return EMU_DONE;
}

/* VERR and VERW */
enum emu_outcome emu_x_verify(struct emu_run *run)
{
	bool is_write = run->insn->reg & 1, is_visible;
	struct emu_descriptor descriptor;
	enum emu_outcome outcome;
	unsigned int attributes;

	outcome = look(run, (unsigned int)run->value[0], 0, &descriptor, &is_visible);
	if (outcome != EMU_DONE)
		return outcome;
	if (is_visible) {
		attributes = descriptor.segment.attributes;
		if (IS_CODE(attributes))
			is_visible = !is_write && attributes & SEG_TYPE_READABLE;
		else
			is_visible = !is_write || attributes & SEG_TYPE_WRITABLE;
	}
	set_zf(run, is_visible);
	return EMU_DONE;
}

enum emu_outcome emu_x_arpl(struct emu_run *run)
{
	uint64_t rpl = run->value[1] & SELECTOR_RPL;
	bool is_lower = (run->value[0] & SELECTOR_RPL) < rpl;

	if (is_lower)
		run->value[0] = (run->value[0] & ~(uint64_t)SELECTOR_RPL) | rpl;
	set_zf(run, is_lower);
	return EMU_DONE;
}
