/* SPDX-License-Identifier: MIT */
/*
 * Meanings of multiplication and division. Multiplications define CF and OF; SF ZF AF PF,
 * undefined, are left. Divisions define no flag and leave all. No 128-bit division: that would be a
 * library call.
 */
#include "emu/run.h"
#include "x86/exc.h"

struct wide {
	uint64_t low, high; /* of an accumulator pair, each of the operand's size */
};

static void set_overflow(struct emu_run *run, bool is_overflow)
{
	run->rflags &= ~(uint64_t)(RFLAGS_CF | RFLAGS_OF);
	if (is_overflow)
		run->rflags |= RFLAGS_CF | RFLAGS_OF;
}

/* AX for bytes, else rDX:rAX. */
static struct wide get_pair(const struct emu_run *run)
{
	const uint64_t *gpr = run->cpu->gpr;

	if (run->size == 1)
		return (struct wide) { gpr[X86_RAX] & 0xff, gpr[X86_RAX] >> 8 & 0xff };
	return (struct wide) { emu_reg(run, X86_RAX, run->size), emu_reg(run, X86_RDX, run->size) };
}

static void set_pair(struct emu_run *run, uint64_t low, uint64_t high)
{
	if (run->size == 1) {
		emu_set_gpr(run, X86_RAX, 2, (low & 0xff) | (high & 0xff) << 8);
		return;
	}
	emu_set_gpr(run, X86_RAX, run->size, low);
	emu_set_gpr(run, X86_RDX, run->size, high);
}

static struct wide multiply(uint64_t a, uint64_t b, unsigned int size)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (struct wide) { (uint64_t)product & emu_mask(size),
			       (uint64_t)(product >> (8 * size)) & emu_mask(size) };
}

/* Factors zero-extended from `size`. */
static struct wide multiply_signed(uint64_t a, uint64_t b, unsigned int size)
{
	__int128 product =
		(__int128)(int64_t)emu_sign_extend(a, size) * (int64_t)emu_sign_extend(b, size);

	return (struct wide) { (uint64_t)product & emu_mask(size),
			       (uint64_t)(product >> (8 * size)) & emu_mask(size) };
}

/* Is the high half nothing but the sign of the low one? */
static bool is_sign_only(struct wide product, unsigned int size)
{
	uint64_t sign = emu_sign_extend(product.low, size) >> 63 ? emu_mask(size) : 0;

	return product.high == sign;
}

enum emu_outcome emu_x_mul(struct emu_run *run)
{
	struct wide product = multiply(get_pair(run).low, run->value[0], run->size);

	set_pair(run, product.low, product.high);
	set_overflow(run, product.high != 0);
	return EMU_DONE;
}

enum emu_outcome emu_x_imul1(struct emu_run *run)
{
	struct wide product = multiply_signed(get_pair(run).low, run->value[0], run->size);

	set_pair(run, product.low, product.high);
	set_overflow(run, !is_sign_only(product, run->size));
	return EMU_DONE;
}

static enum emu_outcome imul(struct emu_run *run, uint64_t a, uint64_t b)
{
	struct wide product = multiply_signed(a, b, run->size);

	run->value[0] = product.low;
	set_overflow(run, !is_sign_only(product, run->size));
	return EMU_DONE;
}

enum emu_outcome emu_x_imul2(struct emu_run *run)
{
	return imul(run, run->value[0], run->value[1]);
}

enum emu_outcome emu_x_imul3(struct emu_run *run)
{
	return imul(run, run->value[1], run->value[2]);
}

/*
 * Quotient in .low, remainder in .high; the caller has seen to high < divisor, so that the quotient
 * fits. Sizes below 8 fit a 64-bit division; 8 goes bit by bit.
 */
static struct wide divide(struct wide dividend, uint64_t divisor, unsigned int size)
{
	uint64_t quotient = dividend.low, remainder = dividend.high;

	if (size < 8) {
		uint64_t whole = dividend.high << (8 * size) | dividend.low;

		return (struct wide) { whole / divisor, whole % divisor };
	}
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t out = remainder >> 63;

		remainder = remainder << 1 | quotient >> 63;
		quotient <<= 1;
		if (out || remainder >= divisor) {
			remainder -= divisor;
			quotient |= 1;
		}
	}
	return (struct wide) { quotient, remainder };
}

enum emu_outcome emu_x_div(struct emu_run *run)
{
	struct wide dividend = get_pair(run), result;
	uint64_t divisor = run->value[0];

	if (dividend.high >= divisor)
		return emu_fault(run, EXC_DE);
	result = divide(dividend, divisor, run->size);
	set_pair(run, result.low, result.high);
	return EMU_DONE;
}

static struct wide negate(struct wide value, unsigned int size)
{
	value.low = (0 - value.low) & emu_mask(size);
	value.high = (~value.high + (value.low == 0)) & emu_mask(size);
	return value;
}

/* Divides magnitudes; the remainder has the sign of the dividend. */
enum emu_outcome emu_x_idiv(struct emu_run *run)
{
	unsigned int size = run->size;
	struct wide dividend = get_pair(run), result;
	uint64_t divisor = run->value[0];
	uint64_t sign = 1ull << (8 * size - 1);
	bool is_negative = dividend.high & sign, is_divisor_negative = divisor & sign;
	uint64_t limit = is_negative != is_divisor_negative ? sign : sign - 1;

	if (is_negative)
		dividend = negate(dividend, size);
	if (is_divisor_negative)
		divisor = (0 - divisor) & emu_mask(size);
	if (dividend.high >= divisor)
		return emu_fault(run, EXC_DE);
	result = divide(dividend, divisor, size);
	if (result.low > limit)
		return emu_fault(run, EXC_DE);
	if (is_negative != is_divisor_negative)
		result.low = 0 - result.low;
	if (is_negative)
		result.high = 0 - result.high;
	set_pair(run, result.low, result.high);
	return EMU_DONE;
}
