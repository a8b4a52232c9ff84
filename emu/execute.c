/* SPDX-License-Identifier: MIT */
/*
 * Execution of a decoded instruction: fetch the operands that the row names, let its meaning work
 * on values, store what the row says is written, commit. Rows with OWN (strings, ports, stack) do
 * the accesses themselves.
 */
#include <stddef.h>

#include "emu/run.h"

/* Is every operation there that the instruction can come to need? */
static bool has_operations(const struct emu_run *run, unsigned int flags, bool is_locked)
{
	const struct emu_insn *insn = run->insn;
	const struct emu_ops *ops = run->ops;
	bool reads, writes;

	/* The usual table first. */
	if (ops->segment && ops->translate && ops->read && ops->write && ops->cmpxchg && ops->in &&
	    ops->out && ops->load_segment)
		return true;
	reads = insn->reads_memory || flags & STACK;
	writes = insn->writes_memory || flags & STACK;
	if (reads || writes) {
		if (!ops->translate || (run->cpu->mode != EMU_LONG64 && !ops->segment))
			return false;
		if (insn->segment >= SEG_FS && !ops->segment)
			return false;
	}
	if (reads && !ops->read)
		return false;
	if (writes && !(is_locked ? ops->cmpxchg != NULL : ops->write != NULL))
		return false;
	if (insn->is_port && !(ops->in && ops->out))
		return false;
	if (flags & SREG && !(ops->segment && ops->load_segment))
		return false;
	return true;
}

/* The value of an operand that is not in memory. */
static inline uint64_t load_operand(const struct emu_run *run, unsigned int operand)
{
	const struct emu_insn *insn = run->insn;
	unsigned int size = emu_wide_bytes(operand, insn->operand_size);

	if (emu_is_kind(operand, KIND_G))
		return emu_reg(run, insn->reg, size);
	switch (operand & OPD_KIND) {
	case (KIND_I & OPD_KIND): return insn->imm;
	case (KIND_ACC & OPD_KIND): return emu_reg(run, EMU_RAX, size);
	case (KIND_CL & OPD_KIND): return emu_reg(run, EMU_RCX, 1);
	case (KIND_ONE & OPD_KIND): return 1;
	default: return 0;
	}
}

static void store_register(struct emu_run *run, unsigned int operand, uint64_t value)
{
	unsigned int size = emu_wide_bytes(operand, run->insn->operand_size);

	emu_set_reg(run, emu_is_kind(operand, KIND_ACC) ? EMU_RAX : run->insn->reg, size, value);
}

/*
 * The offset of the memory operand. A bit offset in a register (BT and its like) reaches beyond the
 * operand: it moves the address by whole operands, SDM 2A "BT".
 */
static uint64_t operand_offset(const struct emu_run *run, unsigned int flags)
{
	const struct emu_insn *insn = run->insn;
	uint64_t offset = emu_effective_address(run, run->cpu->gpr[EMU_RSP]);

	if (flags & BITS) {
		unsigned int size = insn->operand_size;
		uint64_t bits = emu_sign_extend(emu_reg(run, insn->reg, size), size);
		int64_t operands = (int64_t)bits >> (size == 2 ? 4 : size == 4 ? 5 : 6);

		offset += (uint64_t)operands * size;
		offset &= emu_mask(insn->address_size);
	}
	return offset;
}

/* The common flow: one memory operand, any others in registers or the instruction. */
static enum emu_outcome execute_operands(struct emu_run *run, const struct emu_row *row,
					 bool is_locked)
{
	const struct emu_insn *insn = run->insn;
	unsigned int flags = row->flags;
	unsigned int memory = row->operand[0] & OPD_RM ? 0 : 1;
	unsigned int size = emu_wide_bytes(row->operand[memory], insn->operand_size);
	unsigned int access =
		(insn->reads_memory ? EMU_READ : 0) | (insn->writes_memory ? EMU_WRITE : 0);
	struct emu_place place;
	uint64_t old = 0;
	enum emu_outcome outcome;

	outcome = emu_place(run, insn->segment, operand_offset(run, flags), size, size, access,
			    &place);
	if (outcome != EMU_DONE)
		return outcome;
	/* A split lock cannot be carried out by one compare and exchange. */
	if (is_locked && place.n_bytes[1])
		return EMU_UNIMPLEMENTED;
	if (access & EMU_READ) {
		outcome = emu_read(run, &place, &old);
		if (outcome != EMU_DONE)
			return outcome;
	}
	run->value[memory] = old;
	run->value[memory ^ 1] = load_operand(run, row->operand[memory ^ 1]);
	if (row->operand[2])
		run->value[2] = load_operand(run, row->operand[2]);

	outcome = row->meaning(run);
	if (outcome != EMU_DONE)
		return outcome;
	if (flags & W1)
		store_register(run, row->operand[1], run->value[1]);
	if (!(flags & W))
		return EMU_DONE;
	if (memory == 1) {
		store_register(run, row->operand[0], run->value[0]);
		return EMU_DONE;
	}
	if (is_locked)
		return emu_write_locked(run, &place, &old, &run->value[0]);
	return emu_write(run, &place, &run->value[0]);
}

enum emu_outcome emu_execute(const struct emu_insn *insn, struct emu_cpu *cpu,
			     const struct emu_ops *ops, void *ctx, struct emu_exception *exception)
{
	const struct emu_row *row = insn->row;
	struct emu_run run;
	enum emu_outcome outcome;
	bool is_locked;

	if (!row || !row->meaning)
		return EMU_UNIMPLEMENTED;
	run.insn = insn;
	run.cpu = cpu;
	run.ops = ops;
	run.ctx = ctx;
	run.exception = exception;
	run.rflags = cpu->rflags;
	run.size = insn->operand_size;
	run.n_writes = 0;

	is_locked = insn->prefixes & EMU_PREFIX_LOCK || row->flags & XLOCK;
	if (!has_operations(&run, row->flags, is_locked))
		return EMU_UNIMPLEMENTED;
	if (row->flags & OWN)
		outcome = row->meaning(&run);
	else
		outcome = execute_operands(&run, row, is_locked);
	if (outcome == EMU_DONE || outcome == EMU_AGAIN)
		emu_commit(&run, cpu, outcome == EMU_DONE);
	return outcome;
}
