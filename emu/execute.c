/* SPDX-License-Identifier: MIT */
/*
 * Execution of a decoded instruction: fetch the operands that the row names, let its meaning work
 * on values, store what the row says is written, commit. Rows with OWN (strings, ports, stack) do
 * the accesses themselves.
 */
#include <stddef.h>

#include "emu/run.h"
#include "x86/exc.h"

/* The value of an operand that is not in memory. */
static inline uint64_t load_operand(const struct emu_run *run, unsigned int operand)
{
	const struct emu_insn *insn = run->insn;
	unsigned int size = run->size;

	if (unlikely((operand & WIDE_MASK) != WIDE_V))
		size = emu_wide_bytes(operand, insn->operand_size);
	if (likely(emu_is_kind(operand, KIND_G)))
		return emu_reg(run, insn->reg, size);
	switch (operand & OPD_KIND) {
	case (KIND_B & OPD_KIND): return emu_reg(run, insn->vvvv, size);
	case (KIND_I & OPD_KIND): return insn->imm;
	case (KIND_ACC & OPD_KIND): return emu_reg(run, X86_RAX, size);
	case (KIND_CL & OPD_KIND): return emu_reg(run, X86_RCX, 1);
	case (KIND_ONE & OPD_KIND): return 1;
	default: return 0;
	}
}

static void store_register(struct emu_run *run, unsigned int operand, uint64_t value)
{
	const struct emu_insn *insn = run->insn;
	unsigned int reg = insn->reg;

	if (emu_is_kind(operand, KIND_ACC))
		reg = X86_RAX;
	else if (emu_is_kind(operand, KIND_B))
		reg = insn->vvvv;
	emu_set_reg(run, reg, emu_wide_bytes(operand, insn->operand_size), value);
}

/*
 * The offset of the memory operand. A bit offset in a register (BT and its like) reaches beyond the
 * operand: it moves the address by whole operands, SDM 2A "BT".
 */
static inline __attribute__((always_inline)) uint64_t operand_offset(const struct emu_run *run,
								     unsigned int flags)
{
	const struct emu_insn *insn = run->insn;
	uint64_t offset = emu_effective_address(run, run->cpu->gpr[X86_RSP]);

	if (unlikely(flags & BITS)) {
		unsigned int size = insn->operand_size;
		uint64_t bits = emu_sign_extend(emu_reg(run, insn->reg, size), size);
		int64_t operands = (int64_t)bits >> (size == 2 ? 4 : size == 4 ? 5 : 6);

		offset += (uint64_t)operands * size;
		offset &= emu_mask(insn->address_size);
	}
	return offset;
}

/* emu_place() for the operand of the common flow; of one page n_bytes[0] is known and left open. */
static inline enum emu_outcome place_operand(struct emu_run *run, uint64_t offset,
					     unsigned int size, unsigned int access,
					     struct emu_place *place)
{
	unsigned int seg = run->insn->segment;

	if (unlikely(!emu_is_plain(run, seg, offset, size)))
		return emu_place(run, seg, offset, size, size, access, place);
	place->n_bytes[1] = 0;
	return EMU_CALL(run, translate, GVA(offset), access, &place->gpa[0], run->exception);
}

static inline enum emu_outcome read_operand(struct emu_run *run, const struct emu_place *place,
					    unsigned int size, uint64_t *value)
{
	if (unlikely(place->n_bytes[1]))
		return emu_read_split(run, place, value);
	return EMU_CALL(run, read, place->gpa[0], size, 1, value);
}

/* The result of an instruction whose destination is in memory, where `old` was. */
static inline enum emu_outcome write_operand(struct emu_run *run, struct emu_place *place,
					     unsigned int size, unsigned int flags,
					     const uint64_t *old)
{
	if (unlikely((run->insn->prefixes & EMU_PREFIX_LOCK) | (flags & XLOCK))) {
		if (!place->n_bytes[1])
			place->n_bytes[0] = size;
		return emu_write_locked(run, place, old, &run->value[0]);
	}
	if (unlikely(place->n_bytes[1]))
		return emu_write_split(run, place, &run->value[0]);
	return EMU_CALL(run, write, place->gpa[0], size, 1, &run->value[0]);
}

_Static_assert(R == EMU_READ && W == EMU_WRITE, "a row's flags are an access");

/*
 * The common flow when operand 0 is the one in memory (1 2 4 or 8 bytes): read or written or both.
 */
static inline enum emu_outcome execute_to_memory(struct emu_run *run, const struct emu_row *row)
{
	unsigned int size = run->size, flags = row->flags;
	unsigned int access = flags & RW;
	struct emu_place place;
	uint64_t old = 0;
	enum emu_outcome outcome;

	outcome = place_operand(run, operand_offset(run, flags), size, access, &place);
	if (outcome == EMU_DONE && access & EMU_READ)
		outcome = read_operand(run, &place, size, &old);
	if (unlikely(outcome != EMU_DONE))
		return outcome;
	run->value[0] = old;
	if (row->operand[1])
		run->value[1] = load_operand(run, row->operand[1]);
	if (row->operand[2])
		run->value[2] = load_operand(run, row->operand[2]);

	outcome = row->meaning(run);
	if (unlikely(outcome != EMU_DONE))
		return outcome;
	if (unlikely(flags & W1))
		store_register(run, row->operand[1], run->value[1]);
	return access & EMU_WRITE ? write_operand(run, &place, size, flags, &old) : EMU_DONE;
}

/* The same when it is operand 1 or 2, which is read; the result goes to registers. */
static inline enum emu_outcome execute_from_memory(struct emu_run *run, const struct emu_row *row)
{
	const struct emu_insn *insn = run->insn;
	unsigned int memory = row->operand[1] & OPD_RM ? 1 : 2;
	unsigned int size = emu_wide_bytes(row->operand[memory], insn->operand_size);
	struct emu_place place;
	enum emu_outcome outcome;

	run->value[memory] = 0;
	outcome = place_operand(run, operand_offset(run, row->flags), size, EMU_READ, &place);
	if (outcome == EMU_DONE)
		outcome = read_operand(run, &place, size, &run->value[memory]);
	if (unlikely(outcome != EMU_DONE))
		return outcome;
	run->value[0] = load_operand(run, row->operand[0]);
	if (row->operand[2])
		run->value[3 - memory] = load_operand(run, row->operand[3 - memory]);

	outcome = row->meaning(run);
	if (unlikely(outcome != EMU_DONE))
		return outcome;
	if (unlikely(row->flags & W1))
		store_register(run, row->operand[1], run->value[1]);
	if (row->flags & W)
		store_register(run, row->operand[0], run->value[0]);
	return EMU_DONE;
}

enum emu_outcome emu_execute(const struct emu_insn *insn, struct emu_cpu *cpu,
			     const struct emu_ops *ops, void *ctx, struct emu_exception *exception)
{
	const struct emu_row *row = insn->row;
	struct emu_run run;
	enum emu_outcome outcome;

	if (unlikely(!row))
		return EMU_UNIMPLEMENTED;
	run.insn = insn;
	run.cpu = cpu;
	run.ops = ops;
	run.ctx = ctx;
	run.exception = exception;
	run.rflags = cpu->rflags;
	run.size = insn->operand_size;
	run.has_shadow = false;
	run.n_writes = 0;
	run.effect.kind = EMU_NO_EFFECT;
	run.rip = cpu->rip + insn->length;
	if (cpu->mode != EMU_LONG64)
		run.rip &= 0xffffffff;

	if (unlikely(row->feature) && !(cpu->features & EMU_HAS(row->feature)))
		return emu_fault(&run, EXC_UD);
	if (unlikely(row->flags & OWN))
		outcome = row->meaning(&run);
	else if (row->operand[0] & OPD_RM)
		outcome = execute_to_memory(&run, row);
	else
		outcome = execute_from_memory(&run, row);
	if (unlikely(run.effect.kind != EMU_NO_EFFECT) && outcome == EMU_DONE)
		outcome = emu_take_effect(&run);
	if (likely(outcome == EMU_DONE))
		emu_commit(&run, cpu, true);
	else if (outcome == EMU_AGAIN)
		emu_commit(&run, cpu, false);
	return outcome;
}
