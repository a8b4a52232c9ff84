/* SPDX-License-Identifier: MIT */
/*
 * Integer results and their status flags, SDM 1 "EFLAGS Register", in portable arithmetic. Where the
 * manual leaves a flag undefined, the comment says what is done.
 */
#include "emu/run.h"

/* SF, ZF and PF of a result of `size` bytes. */
uint64_t emu_result_flags(uint64_t result, unsigned int size)
{
	uint64_t flags = 0;
	unsigned int low = (unsigned int)result & 0xff;

	if (result >> (8 * size - 1) & 1)
		flags |= RFLAGS_SF;
	if (!(result & emu_mask(size)))
		flags |= RFLAGS_ZF;
	low ^= low >> 4;
	/* Bit n of the constant: n has an even number of ones. */
	if (0x9669u >> (low & 15) & 1)
		flags |= RFLAGS_PF;
	return flags;
}

/* The status flags of a sum or difference: `carries` has the carry or borrow out of every bit. */
static void set_arithmetic(uint64_t *rflags, uint64_t result, uint64_t carries, unsigned int size)
{
	unsigned int top = 8 * size - 1;
	uint64_t flags = emu_result_flags(result, size);

	if (carries >> top & 1)
		flags |= RFLAGS_CF;
	if (carries >> 3 & 1)
		flags |= RFLAGS_AF;
	if ((carries >> top ^ carries >> (top - 1)) & 1)
		flags |= RFLAGS_OF;
	*rflags = (*rflags & ~(uint64_t)RFLAGS_STATUS) | flags;
}

uint64_t emu_add(uint64_t a, uint64_t b, unsigned int carry, unsigned int size, uint64_t *rflags)
{
	uint64_t result = (a + b + carry) & emu_mask(size);

	set_arithmetic(rflags, result, (a & b) | ((a | b) & ~result), size);
	return result;
}

uint64_t emu_sub(uint64_t a, uint64_t b, unsigned int borrow, unsigned int size, uint64_t *rflags)
{
	uint64_t result = (a - b - borrow) & emu_mask(size);

	set_arithmetic(rflags, result, (~a & b) | ((~a | b) & result), size);
	return result;
}

/* Flags of AND OR XOR TEST; AF, which is undefined, is cleared. */
uint64_t emu_logic(uint64_t result, unsigned int size, uint64_t *rflags)
{
	*rflags = (*rflags & ~(uint64_t)RFLAGS_STATUS) | emu_result_flags(result, size);
	return result;
}

/* The condition in the low four bits of an opcode, SDM 1 "EFLAGS Condition Codes". */
bool emu_condition(uint64_t rflags, unsigned int condition)
{
	bool is_less = !(rflags & RFLAGS_SF) != !(rflags & RFLAGS_OF);
	bool is_true;

	switch (condition >> 1 & 7) {
	case 0: is_true = rflags & RFLAGS_OF; break;
	case 1: is_true = rflags & RFLAGS_CF; break;
	case 2: is_true = rflags & RFLAGS_ZF; break;
	case 3: is_true = rflags & (RFLAGS_CF | RFLAGS_ZF); break;
	case 4: is_true = rflags & RFLAGS_SF; break;
	case 5: is_true = rflags & RFLAGS_PF; break;
	case 6: is_true = is_less; break;
	default: is_true = is_less || rflags & RFLAGS_ZF; break;
	}
	return is_true != (condition & 1);
}
