/* SPDX-License-Identifier: MIT */
/*
 * Integer results and their status flags, SDM 1 "EFLAGS Register", in portable arithmetic. Where
 * the manual leaves a flag undefined, the comment says what is done.
 */
#include "emu/run.h"

/* The flags' bits, for results whose flags are moved into place without a branch. */
#define BIT_PF 2
#define BIT_AF 4
#define BIT_ZF 6
#define BIT_SF 7
#define BIT_OF 11

_Static_assert(RFLAGS_CF == 1 && RFLAGS_PF == 1 << BIT_PF && RFLAGS_AF == 1 << BIT_AF &&
		       RFLAGS_ZF == 1 << BIT_ZF && RFLAGS_SF == 1 << BIT_SF &&
		       RFLAGS_OF == 1 << BIT_OF,
	       "SDM 1 \"EFLAGS Register\"");

/* SF, ZF and PF of a result; `high` has it in the highest bits, nothing below. */
static inline uint64_t result_flags(uint64_t result, uint64_t high)
{
	unsigned int low = (unsigned int)result & 0xff;

	low ^= low >> 4;
	/* Bit n of the constant: n has an even number of ones. */
	return ((0x9669ull << BIT_PF) >> (low & 15) & RFLAGS_PF) | (uint64_t)!high << BIT_ZF |
	       (high >> (63 - BIT_SF) & RFLAGS_SF);
}

uint64_t emu_result_flags(uint64_t result, unsigned int size)
{
	return result_flags(result, result << (64 - 8 * size));
}

/* The status flags of a sum or difference: `carries` has the carry or borrow out of every bit. */
static inline void set_arithmetic(uint64_t *rflags, uint64_t result, uint64_t high,
				  uint64_t carries, unsigned int unused)
{
	uint64_t out = carries << unused; /* of the highest bit, and of the one below */
	uint64_t flags = result_flags(result, high);

	flags |= out >> 63 | (carries << (BIT_AF - 3) & RFLAGS_AF) |
		 ((out ^ out << 1) >> (63 - BIT_OF) & RFLAGS_OF);
	*rflags = (*rflags & ~(uint64_t)RFLAGS_STATUS) | flags;
}

uint64_t emu_add(uint64_t a, uint64_t b, unsigned int carry, unsigned int size, uint64_t *rflags)
{
	unsigned int unused = 64 - 8 * size;
	uint64_t high = (a + b + carry) << unused, result = high >> unused;

	set_arithmetic(rflags, result, high, (a & b) | ((a | b) & ~result), unused);
	return result;
}

uint64_t emu_sub(uint64_t a, uint64_t b, unsigned int borrow, unsigned int size, uint64_t *rflags)
{
	unsigned int unused = 64 - 8 * size;
	uint64_t high = (a - b - borrow) << unused, result = high >> unused;

	set_arithmetic(rflags, result, high, (~a & b) | ((~a | b) & result), unused);
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
