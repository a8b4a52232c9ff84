/* SPDX-License-Identifier: MIT */
/* Meanings of system instructions: table registers, CR0's low word, INVLPG. */
#include "emu/run.h"
#include "x86/exc.h"

#define LMSW_BITS 0xfull

/* SGDT SIDT SLDT STR SMSW may be kept from user code. */
static bool is_hidden(const struct emu_run *run)
{
	return run->cpu->cpl && run->cpu->cr4 & CR4_UMIP;
}

/* SLDT, STR (group 6) and SMSW: a word. */
enum emu_outcome emu_x_store_system(struct emu_run *run)
{
	uint16_t value = (uint16_t)run->cpu->cr0;
	struct x86_segment segment;
	struct emu_place place;
	enum emu_outcome outcome;

	if (is_hidden(run))
		return emu_fault(run, EXC_GP);
	if (run->insn->opcode == 0) {
		outcome = EMU_CALL(run, segment, run->insn->reg & 1 ? SEG_TR : SEG_LDTR, &segment);
		if (outcome != EMU_DONE)
			return outcome;
		value = segment.selector;
	}
	outcome = emu_place_operand(run, 2, 2, EMU_WRITE, &place);
	return outcome == EMU_DONE ? emu_write(run, &place, &value) : outcome;
}

/* SGDT and SIDT: the operand size does not matter, SDM 2 "SGDT". */
enum emu_outcome emu_x_store_table(struct emu_run *run)
{
	unsigned int n_base = run->cpu->mode == EMU_LONG64 ? 8 : 4;
	uint8_t bytes[10];
	struct x86_table table;
	struct emu_place parts[2];
	enum emu_outcome outcome;

	if (is_hidden(run))
		return emu_fault(run, EXC_GP);
	outcome = EMU_CALL(run, table, run->insn->reg & 1 ? EMU_IDTR : EMU_GDTR, &table);
	if (outcome != EMU_DONE)
		return outcome;
	__builtin_memcpy(bytes, &table.limit, 2);
	__builtin_memcpy(bytes + 2, &table.base, 8);
	outcome = emu_place_parts(run, 2, n_base, 4, EMU_WRITE, parts);
	return outcome == EMU_DONE ? emu_write_parts(run, parts, bytes) : outcome;
}

/* LGDT and LIDT: with a 16-bit operand size the base has 24 bits. */
enum emu_outcome emu_x_load_table(struct emu_run *run)
{
	bool is_long = run->cpu->mode == EMU_LONG64;
	struct x86_table *table = &run->effect.table;
	struct emu_place parts[2];
	uint8_t bytes[10];
	enum emu_outcome outcome;

	if (run->cpu->cpl)
		return emu_fault(run, EXC_GP);
	outcome = emu_place_parts(run, 2, is_long ? 8 : 4, 4, EMU_READ, parts);
	if (outcome == EMU_DONE)
		outcome = emu_read_parts(run, parts, bytes);
	if (outcome != EMU_DONE)
		return outcome;
	*table = (struct x86_table) { .base = 0 };
	__builtin_memcpy(&table->limit, bytes, 2);
	__builtin_memcpy(&table->base, bytes + 2, is_long ? 8 : 4);
	if (is_long && !emu_is_canonical(run->cpu, table->base))
		return emu_fault(run, EXC_GP);
	if (!is_long && run->size == 2)
		table->base &= 0xffffff;
	run->effect.which = run->insn->reg & 1 ? EMU_IDTR : EMU_GDTR;
	run->effect.kind = EMU_SET_TABLE;
	return EMU_DONE;
}

/* LMSW writes PE MP EM TS, and cannot clear PE. */
enum emu_outcome emu_x_lmsw(struct emu_run *run)
{
	uint64_t cr0 = run->cpu->cr0;
	enum emu_outcome outcome;
	uint16_t value;

	if (run->cpu->cpl)
		return emu_fault(run, EXC_GP);
	outcome = emu_read_operand(run, 2, 2, &value);
	run->effect.value = (cr0 & ~LMSW_BITS) | (value & LMSW_BITS) | (cr0 & CR0_PE);
	run->effect.kind = EMU_SET_CR0;
	return outcome;
}

/* The address is not checked: INVLPG of one that is not canonical does nothing. */
enum emu_outcome emu_x_invlpg(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	bool is_long = run->cpu->mode == EMU_LONG64;
	uint64_t linear = emu_effective_address(run, run->cpu->gpr[X86_RSP]);
	struct x86_segment segment;
	enum emu_outcome outcome;

	if (run->cpu->cpl)
		return emu_fault(run, EXC_GP);
	if (!is_long || insn->segment >= SEG_FS) {
		outcome = EMU_CALL(run, segment, (enum x86_seg)insn->segment, &segment);
		if (outcome != EMU_DONE)
			return outcome;
		linear += segment.base;
	}
	run->effect.value = is_long ? linear : linear & 0xffffffff;
	run->effect.kind = EMU_INVLPG;
	return EMU_DONE;
}
