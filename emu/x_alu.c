/* SPDX-License-Identifier: MIT */
/* Meanings of two-operand and one-operand arithmetic and logic, and of compare-and-exchange. */
#include <string.h>

#include "emu/run.h"
#include "x86/exc.h"

static unsigned int carry(const struct emu_run *run)
{
	return run->rflags & RFLAGS_CF ? 1 : 0;
}

enum emu_outcome emu_x_add(struct emu_run *run)
{
	run->value[0] = emu_add(run->value[0], run->value[1], 0, run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_adc(struct emu_run *run)
{
	run->value[0] = emu_add(run->value[0], run->value[1], carry(run), run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_sub(struct emu_run *run)
{
	run->value[0] = emu_sub(run->value[0], run->value[1], 0, run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_sbb(struct emu_run *run)
{
	run->value[0] = emu_sub(run->value[0], run->value[1], carry(run), run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_cmp(struct emu_run *run)
{
	emu_sub(run->value[0], run->value[1], 0, run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_and(struct emu_run *run)
{
	run->value[0] = emu_logic(run->value[0] & run->value[1], run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_or(struct emu_run *run)
{
	run->value[0] = emu_logic(run->value[0] | run->value[1], run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_xor(struct emu_run *run)
{
	run->value[0] = emu_logic(run->value[0] ^ run->value[1], run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_test(struct emu_run *run)
{
	emu_logic(run->value[0] & run->value[1], run->size, &run->rflags);
	return EMU_DONE;
}

/* INC and DEC leave CF. */
enum emu_outcome emu_x_inc(struct emu_run *run)
{
	uint64_t cf = run->rflags & RFLAGS_CF;

	run->value[0] = emu_add(run->value[0], 1, 0, run->size, &run->rflags);
	run->rflags = (run->rflags & ~(uint64_t)RFLAGS_CF) | cf;
	return EMU_DONE;
}

enum emu_outcome emu_x_dec(struct emu_run *run)
{
	uint64_t cf = run->rflags & RFLAGS_CF;

	run->value[0] = emu_sub(run->value[0], 1, 0, run->size, &run->rflags);
	run->rflags = (run->rflags & ~(uint64_t)RFLAGS_CF) | cf;
	return EMU_DONE;
}

enum emu_outcome emu_x_neg(struct emu_run *run)
{
	run->value[0] = emu_sub(0, run->value[0], 0, run->size, &run->rflags);
	return EMU_DONE;
}

enum emu_outcome emu_x_not(struct emu_run *run)
{
	run->value[0] = ~run->value[0];
	return EMU_DONE;
}

enum emu_outcome emu_x_xadd(struct emu_run *run)
{
	uint64_t old = run->value[0];

	run->value[0] = emu_add(old, run->value[1], 0, run->size, &run->rflags);
	run->value[1] = old;
	return EMU_DONE;
}

/* The destination is written in any case, with what it held if the comparison fails. */
enum emu_outcome emu_x_cmpxchg(struct emu_run *run)
{
	uint64_t old = run->value[0];
	uint64_t accumulator = emu_reg(run, X86_RAX, run->size);

	emu_sub(accumulator, old, 0, run->size, &run->rflags);
	if (accumulator == old)
		run->value[0] = run->value[1];
	else
		emu_set_gpr(run, X86_RAX, run->size, old);
	return EMU_DONE;
}

/*
 * CMPXCHG8B and, with REX.W, CMPXCHG16B: rDX:rAX against memory, rCX:rBX into it, halves of 4 or 8
 * bytes. CMPXCHG16B off a 16-byte boundary is #GP(0).
 */
enum emu_outcome emu_x_cmpxchg8b(struct emu_run *run)
{
	unsigned int half = run->size / 2;
	bool is_locked = run->insn->prefixes & EMU_PREFIX_LOCK;
	uint64_t rbx = emu_reg(run, X86_RBX, half), rcx = emu_reg(run, X86_RCX, half);
	uint64_t low = 0, high = 0;
	uint8_t old[16], desired[16];
	struct emu_place place;
	enum emu_outcome outcome;

	if (half == 8 && !(run->cpu->features & EMU_HAS(EMU_CX16)))
		return emu_fault(run, EXC_UD);
	outcome = emu_place_operand(run, half * 2, half == 8 ? 16 | EMU_ALIGNED : 8,
				    EMU_READ | EMU_WRITE, &place);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read(run, &place, old);
	if (outcome != EMU_DONE)
		return outcome;

	memcpy(&low, old, half);
	memcpy(&high, old + half, half);
	if (low == emu_reg(run, X86_RAX, half) && high == emu_reg(run, X86_RDX, half)) {
		run->rflags |= RFLAGS_ZF;
		memcpy(desired, &rbx, half);
		memcpy(desired + half, &rcx, half);
	} else {
		run->rflags &= ~(uint64_t)RFLAGS_ZF;
		memcpy(desired, old, 2 * half);
		emu_set_gpr(run, X86_RAX, half, low);
		emu_set_gpr(run, X86_RDX, half, high);
	}
	if (is_locked)
		return emu_write_locked(run, &place, old, desired);
	return emu_write(run, &place, desired);
}

/* The signed index against a pair of signed bounds, upper bound included. */
enum emu_outcome emu_x_bound(struct emu_run *run)
{
	unsigned int size = run->size;
	uint64_t pair = 0;
	struct emu_place parts[2];
	int64_t index = (int64_t)emu_sign_extend(emu_reg(run, run->insn->reg, size), size);
	enum emu_outcome outcome;

	outcome = emu_place_parts(run, size, size, size, EMU_READ, parts);
	if (outcome == EMU_DONE)
		outcome = emu_read_parts(run, parts, &pair);
	if (outcome != EMU_DONE)
		return outcome;
	if (index < (int64_t)emu_sign_extend(pair, size) ||
	    index > (int64_t)emu_sign_extend(pair >> (8 * size), size))
		return emu_fault(run, EXC_BR);
	return EMU_DONE;
}
