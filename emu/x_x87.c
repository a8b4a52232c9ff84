/* SPDX-License-Identifier: MIT */
/*
 * x87 loads and stores in integer arithmetic, SDM 1 "Programming with the x87 FPU", and the x87
 * side of MMX. Conversions are exact: rounding by FCW.RC, exceptions masked or not, C1, stack
 * faults.
 */
#include <string.h>

#include "emu/run.h"
#include "x86/exc.h"

#define FSW_IE	      (1u << 0)
#define FSW_DE	      (1u << 1)
#define FSW_OE	      (1u << 3)
#define FSW_UE	      (1u << 4)
#define FSW_PE	      (1u << 5)
#define FSW_ALL	      0x3fu /* the exceptions; their masks in FCW are the same bits */
#define FSW_SF	      (1u << 6)
#define FSW_ES	      (1u << 7)
#define FSW_C1	      (1u << 9)
#define FSW_TOP_SHIFT 11
#define FSW_TOP	      (7u << FSW_TOP_SHIFT)
#define FSW_B	      (1u << 15)

#define FCW_DEFINED  0x1f3fu
#define FCW_ONE	     0x0040u
#define FCW_RC_SHIFT 10

/* Rounding by FCW.RC. */
enum { NEAREST, DOWN, UP, TRUNCATE };

#define INTEGER_BIT (1ull << 63)
#define QUIET_BIT   (1ull << 62)
#define EXPONENT    0x7fffu
#define BIAS	    0x3fff
#define SIGN	    0x8000u

/* Double extended precision as it lies in a register. */
struct extended {
	uint64_t significand;
	uint16_t exponent; /* and the sign in bit 15 */
};

static const struct extended indefinite = { INTEGER_BIT | QUIET_BIT, SIGN | EXPONENT };

/* A format of memory: bits of precision, and of the exponent. */
struct format {
	unsigned int precision, max; /* `max` is also the bias */
};

/*
 * The checks before everything, and the state into run->effect. A bit of `cr0` is exception
 * `vector`; what `waits` takes a pending exception first.
 */
static enum emu_outcome begin(struct emu_run *run, unsigned int cr0, unsigned int vector,
			      bool waits)
{
	enum emu_outcome outcome;

	if (run->cpu->cr0 & cr0)
		return emu_fault(run, vector);
	if (run->cpu->cr0 & CR0_TS)
		return emu_fault(run, EXC_NM);
	outcome = EMU_CALL(run, x87, &run->effect.x87);
	/* Without CR0.NE the exception is an interrupt of the board. */
	if (outcome == EMU_DONE && waits && run->effect.x87.fsw & FSW_ES)
		return run->cpu->cr0 & CR0_NE ? emu_fault(run, EXC_MF) : EMU_UNIMPLEMENTED;
	return outcome;
}

static unsigned int top_of(const struct emu_x87 *x87)
{
	return (x87->fsw & FSW_TOP) >> FSW_TOP_SHIFT;
}

/* Move TOP by `n`, and with it what st[] begins with. */
static void turn(struct emu_x87 *x87, unsigned int n)
{
	unsigned int top = (top_of(x87) + n) & 7;
	uint8_t old[8][16];

	memcpy(old, x87->st, sizeof(old));
	for (unsigned int i = 0; i < 8; i++)
		memcpy(x87->st[i], old[(i + n) & 7], 16);
	x87->fsw = (uint16_t)((x87->fsw & ~FSW_TOP) | top << FSW_TOP_SHIFT);
}

/*
 * The checks of an MMX instruction, and its effect on x87 whatever it does: TOP is 0 and nothing is
 * empty. After it st[n] is MMX register n, in run->effect.
 */
enum emu_outcome emu_mmx_begin(struct emu_run *run)
{
	struct emu_x87 *x87 = &run->effect.x87;
	enum emu_outcome outcome;

	outcome = begin(run, CR0_EM, EXC_UD, true);
	if (outcome != EMU_DONE)
		return outcome;
	turn(x87, 8 - top_of(x87));
	x87->ftw = 0xff;
	run->effect.kind = EMU_SET_X87;
	return EMU_DONE;
}

/* Writes the MMX register of ModRM.reg: its exponent and sign become ones. */
void emu_mmx_put(struct emu_run *run, const uint8_t *data)
{
	uint8_t *st = run->effect.x87.st[run->insn->reg & 7];

	memcpy(st, data, 8);
	st[8] = 0xff;
	st[9] = 0xff;
}

/*
 * Note exceptions; true if none of them keeps the instruction from its result. A denormal is loaded
 * before its unmasked exception.
 */
static bool note_exceptions(struct emu_x87 *x87, unsigned int flags)
{
	unsigned int unmasked = flags & ~x87->fcw & FSW_ALL;

	x87->fsw |= (uint16_t)flags;
	if (unmasked)
		x87->fsw |= FSW_ES | FSW_B;
	return !(unmasked & ~(FSW_DE | FSW_PE));
}

/* Bytes of the memory operand. */
static unsigned int n_bytes_of(const struct emu_insn *insn)
{
	static const uint8_t bytes[] = { [WIDE_W] = 2, [WIDE_D] = 4, [WIDE_Q] = 8, [WIDE_X] = 10 };

	return bytes[insn->row->operand[0] & WIDE_MASK];
}

/*
 * Checks of the memory operand; then the pointers, as processors without FDP_EXCPTN_ONLY and with
 * the old FOP set them: with every instruction.
 */
static enum emu_outcome place_data(struct emu_run *run, unsigned int n, unsigned int access,
				   struct emu_place parts[2])
{
	struct emu_x87 *x87 = &run->effect.x87;
	const struct emu_insn *insn = run->insn;
	enum emu_outcome outcome;

	x87->fop = (uint16_t)((insn->opcode & 7) << 8 | insn->modrm);
	x87->fip = run->cpu->rip;
	x87->fdp = emu_effective_address(run, run->cpu->gpr[X86_RSP]);
	x87->fsw &= (uint16_t)~FSW_C1;
	run->effect.kind = EMU_SET_X87;
	outcome = n == 10 ? emu_place_parts(run, 8, 2, 8, access, parts)
			  : emu_place_parts(run, n, 0, n, access, parts);
	return outcome != EMU_DONE || emu_has_setter(run) ? outcome : EMU_UNIMPLEMENTED;
}

/* A signed integer of n bytes. */
static struct extended from_integer(uint64_t bits, unsigned int n)
{
	struct extended x = { emu_sign_extend(bits, n), 0 };
	unsigned int shift;

	if (!x.significand)
		return x;
	if (x.significand & INTEGER_BIT) {
		x.significand = -x.significand;
		x.exponent = SIGN;
	}
	shift = (unsigned int)__builtin_clzll(x.significand);
	x.significand <<= shift;
	x.exponent |= (uint16_t)(BIAS + 63 - shift);
	return x;
}

/* Single or double precision; [OUT] flags: IE of a signalling NaN, DE. */
static struct extended from_float(uint64_t bits, const struct format *format, unsigned int *flags)
{
	unsigned int shift = 64 - format->precision;
	unsigned int exponent =
		(unsigned int)(bits >> (format->precision - 1)) & (2 * format->max + 1);
	struct extended x = { bits << shift, 0 };

	if (bits >> (format->precision == 24 ? 31 : 63))
		x.exponent = SIGN;
	x.significand &= ~INTEGER_BIT;
	if (!exponent) {
		if (!x.significand)
			return x;
		*flags = FSW_DE;
		shift = (unsigned int)__builtin_clzll(x.significand);
		x.significand <<= shift;
		x.exponent |= (uint16_t)(BIAS - format->max + 1 - shift);
		return x;
	}
	if (exponent > 2 * format->max) {
		if (x.significand && !(x.significand & QUIET_BIT)) {
			*flags = FSW_IE;
			x.significand |= QUIET_BIT;
		}
		exponent = EXPONENT - BIAS + format->max;
	}
	x.significand |= INTEGER_BIT;
	x.exponent |= (uint16_t)(exponent + BIAS - format->max);
	return x;
}

static const struct format *format_of(unsigned int n)
{
	static const struct format single = { 24, 127 }, twice = { 53, 1023 };

	return n == 4 ? &single : &twice;
}

/* FLD and FILD. */
enum emu_outcome emu_x_fld(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	struct emu_x87 *x87 = &run->effect.x87;
	unsigned int n = n_bytes_of(insn), flags = 0;
	struct extended x = { 0, 0 };
	struct emu_place parts[2];
	enum emu_outcome outcome;
	uint8_t data[16] = { 0 };

	outcome = begin(run, CR0_EM, EXC_NM, true);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = place_data(run, n, EMU_READ, parts);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_read_parts(run, parts, data);
	if (outcome != EMU_DONE)
		return outcome;

	memcpy(&x.significand, data, 8);
	memcpy(&x.exponent, data + 8, 2);
	if (n != 10 && insn->opcode & 2)
		x = from_integer(x.significand, n);
	else if (n != 10)
		x = from_float(x.significand, format_of(n), &flags);
	if (x87->ftw >> ((top_of(x87) - 1) & 7) & 1) {
		flags = FSW_IE | FSW_SF | FSW_C1;
		x = indefinite;
	}
	if (!note_exceptions(x87, flags))
		return EMU_DONE;
	turn(x87, 7);
	x87->ftw |= (uint8_t)(1u << top_of(x87));
	memcpy(x87->st[0], &x.significand, 8);
	memcpy(x87->st[0] + 8, &x.exponent, 2);
	return EMU_DONE;
}

/* Without the low `shift` bits (1 or more); [OUT] flags: PE, and C1 if away from zero. */
static uint64_t round_off(uint64_t value, unsigned int shift, unsigned int rounding,
			  bool is_negative, unsigned int *flags)
{
	uint64_t rest = shift > 64 ? 1 : shift == 64 ? value : value << (64 - shift);
	bool is_up;

	value = shift >= 64 ? 0 : value >> shift;
	if (!rest)
		return value;
	switch (rounding) {
	case NEAREST: is_up = rest + (value & 1) > INTEGER_BIT; break;
	case DOWN: is_up = is_negative; break;
	case UP: is_up = !is_negative; break;
	default: is_up = false;
	}
	*flags |= is_up ? FSW_PE | FSW_C1 : FSW_PE;
	return value + is_up;
}

/* Unnormals, and infinities and NaNs without the integer bit, which the processor does not take. */
static bool is_unsupported(const struct extended *x)
{
	return x->exponent & EXPONENT && !(x->significand & INTEGER_BIT);
}

static uint64_t to_integer(struct extended x, unsigned int n, unsigned int rounding,
			   unsigned int *flags)
{
	uint64_t limit = 1ull << (8 * n - 1);
	bool is_negative = x.exponent & SIGN;
	int exponent = (int)(x.exponent & EXPONENT) - BIAS;
	uint64_t value = x.significand;

	if (!value && !(x.exponent & EXPONENT))
		return 0;
	if (exponent < 63 && !is_unsupported(&x))
		value = round_off(value, (unsigned int)(63 - exponent), rounding, is_negative,
				  flags);
	if (exponent > 63 || is_unsupported(&x) || value > limit - !is_negative) {
		*flags = FSW_IE;
		return limit;
	}
	return is_negative ? -value : value;
}

/* To single or double precision. */
static uint64_t to_float(struct extended x, const struct format *format, unsigned int fcw,
			 unsigned int *flags)
{
	unsigned int precision = format->precision, shift = 64 - precision;
	unsigned int rounding = fcw >> FCW_RC_SHIFT & 3, tiny = 0, unused = 0;
	bool is_negative = x.exponent & SIGN;
	uint64_t infinity = (2ull * format->max + 1) << (precision - 1), value = x.significand;
	uint64_t sign = is_negative ? (infinity + (1ull << (precision - 1))) : 0;
	int exponent = (int)(x.exponent & EXPONENT) - BIAS + (int)format->max;

	if (is_unsupported(&x)) {
		*flags = FSW_IE;
		x = indefinite;
		sign = infinity + (1ull << (precision - 1));
		value = x.significand;
	}
	if ((x.exponent & EXPONENT) == EXPONENT) {
		if (value << 1 && !(value & QUIET_BIT))
			*flags = FSW_IE;
		if (value << 1)
			value |= QUIET_BIT;
		return sign | infinity | (value & ~INTEGER_BIT) >> shift;
	}
	if (!value)
		return sign;
	/* Denormals have the exponent 1 and no integer bit. */
	if (!(x.exponent & EXPONENT))
		exponent++;
	exponent -= __builtin_clzll(value);
	value <<= __builtin_clzll(value);
	if (exponent < 1) {
		/* Tiny if it still is after rounding as if the exponent had no end. */
		uint64_t rounded = round_off(value, shift, rounding, is_negative, &unused);

		tiny = exponent < 0 || !(rounded >> precision);
		shift = exponent < -64 ? 65 : shift + 1 - (unsigned int)exponent;
		if (tiny && !(fcw & FSW_UE)) {
			*flags = FSW_UE;
			return 0;
		}
		/*
		 * Without the integer bit, so that rounding up to a normal number gives its
		 * exponent.
		 */
		value = round_off(value, shift, rounding, is_negative, flags);
		if (tiny && *flags & FSW_PE)
			*flags |= FSW_UE;
		return sign | value;
	}
	value = round_off(value, shift, rounding, is_negative, flags);
	if (exponent <= 2 * (int)format->max) {
		value += (uint64_t)(exponent - 1) << (precision - 1);
		if (value < infinity)
			return sign | value;
	}
	if (!(fcw & FSW_OE)) {
		*flags = FSW_OE;
		return 0;
	}
	*flags = FSW_OE | FSW_PE;
	if (rounding == TRUNCATE || rounding == (is_negative ? UP : DOWN))
		return sign | (infinity - 1);
	*flags |= FSW_C1;
	return sign | infinity;
}

/* FST, FSTP, FIST, FISTP, FISTTP. */
enum emu_outcome emu_x_fst(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	struct emu_x87 *x87 = &run->effect.x87;
	unsigned int n = n_bytes_of(insn), member = insn->modrm >> 3 & 7, flags = 0;
	struct emu_place parts[2];
	enum emu_outcome outcome;
	uint8_t data[16];
	struct extended x;
	uint64_t bits;

	outcome = begin(run, CR0_EM, EXC_NM, true);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = place_data(run, n, EMU_WRITE, parts);
	if (outcome != EMU_DONE)
		return outcome;

	memcpy(&x.significand, x87->st[0], 8);
	memcpy(&x.exponent, x87->st[0] + 8, 2);
	if (!(x87->ftw >> top_of(x87) & 1)) {
		flags = FSW_IE | FSW_SF;
		x = indefinite;
	}
	if (n == 10)
		bits = x.significand;
	else if (insn->opcode & 2 || member == 1)
		bits = to_integer(x, n, member == 1 ? TRUNCATE : x87->fcw >> FCW_RC_SHIFT & 3,
				  &flags);
	else
		bits = to_float(x, format_of(n), x87->fcw, &flags);
	if (!(x87->ftw >> top_of(x87) & 1))
		flags |= FSW_SF;
	if (!note_exceptions(x87, flags))
		return EMU_DONE;
	memcpy(data, &bits, 8);
	memcpy(data + 8, &x.exponent, 2);
	outcome = emu_write_parts(run, parts, data);
	if (outcome != EMU_DONE)
		return outcome;
	if (member != 2) {
		x87->ftw &= (uint8_t) ~(1u << top_of(x87));
		turn(x87, 1);
	}
	return EMU_DONE;
}

/* FLDCW, FNSTCW, FNSTSW: the latter two do not wait. */
enum emu_outcome emu_x_fcontrol(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	struct emu_x87 *x87 = &run->effect.x87;
	bool is_load = insn->opcode == 0xd9 && (insn->modrm >> 3 & 7) == 5;
	struct emu_place place;
	enum emu_outcome outcome;
	uint16_t value;

	outcome = begin(run, CR0_EM, EXC_NM, is_load);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = emu_place_operand(run, 2, 2, is_load ? EMU_READ : EMU_WRITE, &place);
	if (outcome != EMU_DONE)
		return outcome;
	if (!is_load)
		return emu_write(run, &place, insn->opcode == 0xd9 ? &x87->fcw : &x87->fsw);
	outcome = emu_read(run, &place, &value);
	if (outcome != EMU_DONE)
		return outcome;
	x87->fcw = (uint16_t)((value & FCW_DEFINED) | FCW_ONE);
	x87->fsw &= (uint16_t) ~(FSW_ES | FSW_B);
	note_exceptions(x87, x87->fsw & FSW_ALL);
	run->effect.kind = EMU_SET_X87;
	return EMU_DONE;
}
