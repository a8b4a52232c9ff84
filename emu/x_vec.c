/* SPDX-License-Identifier: MIT */
/*
 * Meanings of vector moves between memory and XMM, YMM, ZMM, MMX and opmask registers, MXCSR too:
 * one flow for all, with a kind for each way in which bytes move; the row's `vector` says how many.
 * An element that is masked off is neither read nor written and does not fault.
 */
#include <string.h>

#include "emu/run.h"
#include "x86/exc.h"

#define W_BIT 8u

#define XCR0_YMM  (XCR0_SSE | XCR0_AVX)
#define XCR0_EVEX (XCR0_YMM | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

#define MXCSR_DEFINED 0xffffu

enum kind {
	LOAD,	   /* memory into the low bytes of a register, zeros above */
	STORE,	   /* the low bytes of a register, or one of its lanes, into memory */
	INSERT,	   /* memory into one lane of a register, the others from the first source */
	DUPLICATE, /* MOVSLDUP, MOVSHDUP, MOVDDUP: elements twice, the even or the odd ones */
	BROADCAST, /* memory as often as the register has room for it */
	EXTEND,	   /* PMOVSX, PMOVZX: smaller elements, each extended */
	MASKMOV	   /* MASKMOVQ, MASKMOVDQU: to DS:[rDI] the bytes whose mask has its sign bit set */
};

/* One vector move: everything in bytes. */
struct vec {
	enum kind kind;
	unsigned int n;		/* in memory */
	unsigned int from, to;	/* elements in memory and in the register */
	unsigned int length;	/* of the register: 8 (MMX) 16 32 64 */
	unsigned int alignment; /* of memory, as emu_place() takes it */
	bool is_mmx;
};

/* One bit for each of n bytes. */
static uint64_t ones(unsigned int n)
{
	return n >= 64 ? ~0ull : (1ull << n) - 1;
}

static bool has(const struct emu_run *run, enum emu_feature feature)
{
	return run->cpu->features & EMU_HAS(feature);
}

/* Is the state enabled that the encoding works on? `xcr0` of legacy SSE is 0. */
static enum emu_outcome check_state(struct emu_run *run, uint64_t xcr0)
{
	const struct emu_cpu *cpu = run->cpu;

	if (xcr0) {
		if (!(cpu->cr4 & CR4_OSXSAVE) || (cpu->xcr0 & xcr0) != xcr0)
			return emu_fault(run, EXC_UD);
	} else if (cpu->cr0 & CR0_EM || !(cpu->cr4 & CR4_OSFXSR)) {
		return emu_fault(run, EXC_UD);
	}
	return cpu->cr0 & CR0_TS ? emu_fault(run, EXC_NM) : EMU_DONE;
}

/*
 * Features that the encoding needs beside the row's. Scalars have no length. DQ: PINSRD, PEXTRD;
 * 32X2, 64X2 and 32X8 of broadcasts, inserts and extracts.
 */
static bool has_features(const struct emu_run *run, const struct vec *v, bool is_scalar)
{
	const struct emu_insn *insn = run->insn;
	unsigned int memory = insn->row->vector & MEM_MASK;

	/* Integers of 32 bytes: PMOVSX, PMOVZX, MOVNTDQA. */
	if (insn->encoding == EMU_VEX && v->length == 32 &&
	    (v->kind == EXTEND ||
	     (v->kind == LOAD && insn->map == EMU_MAP_0F38 && insn->row->vector & ALIGNED)))
		return has(run, EMU_AVX2);
	if (insn->encoding == EMU_VEX)
		return true;
	if (!has(run, EMU_AVX512F) || (v->to < 4 && !has(run, EMU_AVX512BW)))
		return false;
	if (!is_scalar && insn->vector_length < 64 && !has(run, EMU_AVX512VL))
		return false;
	if (insn->map == EMU_MAP_0F || memory == MEM_ALL || v->kind == EXTEND)
		return true;
	return (memory != MEM_Y && v->n != 2 * v->to && v->n != 8 * v->to) ||
	       has(run, EMU_AVX512DQ);
}

/* Widths by the row, and all checks that come before memory. */
static enum emu_outcome begin(struct emu_run *run, struct vec *v)
{
	static const uint16_t xcr0[] = { [EMU_VEX] = XCR0_YMM, [EMU_EVEX] = XCR0_EVEX };
	static const uint8_t elements[4][2] = { { 4, 8 }, { 1, 2 }, { 4, 4 }, { 8, 8 } };
	static const uint8_t from[] = { 1, 1, 1, 2, 2, 4 }, to[] = { 2, 4, 8, 4, 8, 8 };
	const struct emu_insn *insn = run->insn;
	unsigned int vector = insn->row->vector, memory = vector & MEM_MASK;
	unsigned int w = insn->rex & W_BIT ? 1 : 0;
	bool is_scalar = v->kind < BROADCAST && (memory < MEM16 || memory == MEM_Y);
	enum emu_outcome outcome;

	v->is_mmx = vector & MMX;
	v->length = insn->encoding ? insn->vector_length : 16;
	if (is_scalar || v->is_mmx)
		v->length = v->is_mmx ? 8 : 16;
	v->n = 1u << memory;
	if (memory == MEM_ALL)
		v->n = v->length;
	else if (memory == MEM_Y)
		v->n = w && run->cpu->mode == EMU_LONG64 ? 8 : 4;
	v->to = v->n < 4 ? v->n : elements[(vector & ELEMENT_MASK) / BYTES_BY_W][w];
	v->from = v->to;
	if (v->kind == EXTEND) {
		v->from = from[insn->opcode & 7];
		v->to = to[insn->opcode & 7];
		v->n = v->length / v->to * v->from;
	}
	/* The odd half of 16 bytes is not read. */
	if (v->kind == DUPLICATE && insn->prefixes & EMU_PREFIX_REPNE && v->length == 16)
		v->n = 8;
	/* #AC is for 16 bytes at most, as seen on AMD Zen; Intel leaves it open. */
	v->alignment = vector & ALIGNED ? v->n | EMU_ALIGNED : v->n < 16 ? v->n : 16;

	if (v->is_mmx)
		return emu_mmx_begin(run);
	if (insn->encoding && !has_features(run, v, is_scalar))
		return emu_fault(run, EXC_UD);
	outcome = check_state(run, xcr0[insn->encoding]);
	return outcome;
}

static enum emu_outcome get(struct emu_run *run, const struct vec *v, unsigned int reg,
			    uint8_t *data)
{
	if (v->is_mmx) {
		memcpy(data, run->effect.x87.st[reg & 7], 8);
		return EMU_DONE;
	}
	return EMU_CALL(run, vector, EMU_VECTOR, reg, v->length, data);
}

/*
 * The register of ModRM.reg as it will be: `data`, but for what is masked off; that is as it was,
 * or zero. What VEX and EVEX write has zeros above.
 */
static enum emu_outcome put(struct emu_run *run, const struct vec *v, uint64_t active,
			    const uint8_t *data)
{
	struct emu_effect *effect = &run->effect;
	enum emu_outcome outcome = EMU_DONE;

	if (v->is_mmx) {
		emu_mmx_put(run, data);
		return EMU_DONE;
	}
	effect->file = EMU_VECTOR;
	effect->which = run->insn->reg;
	effect->n_bytes = (uint8_t)v->length;
	effect->zero_upper = run->insn->encoding != EMU_LEGACY;
	if (!(~active & ones(v->length))) {
		memcpy(effect->vector, data, v->length);
		return EMU_DONE;
	}
	memset(effect->vector, 0, v->length);
	if (!run->insn->is_zeroing)
		outcome = get(run, v, run->insn->reg, effect->vector);
	for (unsigned int i = 0; i < v->length; i++)
		if (active >> i & 1)
			effect->vector[i] = data[i];
	return outcome;
}

/*
 * The bytes of the register that the mask selects: of EVEX by opmask, of VMASKMOV and MASKMOVDQU by
 * the signs of the elements of register `signs_of` (-1 none).
 */
static enum emu_outcome select_active(struct emu_run *run, const struct vec *v, int signs_of,
				      uint64_t *active)
{
	const struct emu_insn *insn = run->insn;
	unsigned int element = v->kind == MASKMOV ? 1 : v->to;
	enum emu_outcome outcome;
	uint8_t signs[64];
	uint64_t mask = 0;

	*active = ~0ull;
	if (signs_of < 0 && !insn->mask)
		return EMU_DONE;
	if (signs_of < 0)
		outcome = EMU_CALL(run, vector, EMU_OPMASK, insn->mask, 8, &mask);
	else
		outcome = get(run, v, (unsigned int)signs_of, signs);
	if (outcome != EMU_DONE)
		return outcome;
	*active = 0;
	for (unsigned int i = 0, at = 0; at < v->length; i++, at += element)
		if (signs_of < 0 ? mask >> i & 1 : signs[at + element - 1] >> 7)
			*active |= ones(element) << at;
	return EMU_DONE;
}

/*
 * Check and translate the active bytes of n at seg:offset; the place is that of all n. A page
 * without an active byte is not looked at.
 */
static enum emu_outcome place_bytes(struct emu_run *run, const struct vec *v, uint64_t offset,
				    unsigned int access, uint64_t active, struct emu_place *place)
{
	unsigned int seg = run->insn->segment, alignment = v->alignment, first, n_bytes, start = 0;
	enum emu_outcome outcome;
	uint64_t linear;

	if (active == ones(v->n))
		return emu_place(run, seg, offset, v->n, alignment, access, place);
	if (!active)
		return EMU_DONE;

	first = (unsigned int)__builtin_ctzll(active);
	n_bytes = 64 - (unsigned int)__builtin_clzll(active) - first;
	outcome = emu_linear(run, seg, offset + first, n_bytes,
			     alignment & EMU_ALIGNED ? 1 : alignment, access, &linear);
	if (outcome != EMU_DONE)
		return outcome;
	linear -= first;
	if (alignment & EMU_ALIGNED && linear & (v->n - 1))
		return emu_fault(run, EXC_GP);

	place->n_bytes[0] = v->n;
	if (PAGE_SIZE - PAGE_OFFSET(linear) < v->n)
		place->n_bytes[0] = (unsigned int)(PAGE_SIZE - PAGE_OFFSET(linear));
	place->n_bytes[1] = v->n - place->n_bytes[0];
	for (unsigned int i = 0; i < 2 && place->n_bytes[i]; i++) {
		uint64_t side = active >> start & ones(place->n_bytes[i]);
		struct emu_place part;

		if (side) {
			first = (unsigned int)__builtin_ctzll(side);
			outcome = emu_place_linear(run, linear + start + first, 1, access, &part);
			if (outcome != EMU_DONE)
				return outcome;
			place->gpa[i] = GPA(part.gpa[0].a - first);
		}
		start += place->n_bytes[i];
	}
	return EMU_DONE;
}

/* Read or write the active bytes, neighbours together; `data` is that of all n. */
static enum emu_outcome transfer(struct emu_run *run, const struct vec *v, bool is_write,
				 const struct emu_place *place, uint64_t active, uint8_t *data)
{
	unsigned int edge;

	if (active == ones(v->n))
		return is_write ? emu_write(run, place, data) : emu_read(run, place, data);
	while (active) {
		unsigned int first = (unsigned int)__builtin_ctzll(active), i, n;
		struct emu_place part;
		enum emu_outcome outcome;

		edge = place->n_bytes[0];
		i = first >= edge;
		/* Not all are active, so there is an end. */
		n = (unsigned int)__builtin_ctzll(~(active >> first));
		if (!i && first + n > edge)
			n = edge - first;
		part.gpa[0] = GPA(place->gpa[i].a + first - (i ? edge : 0));
		part.n_bytes[0] = n;
		part.n_bytes[1] = 0;
		outcome = is_write ? emu_write(run, &part, data + first)
				   : emu_read(run, &part, data + first);
		if (outcome != EMU_DONE)
			return outcome;
		active &= ~(ones(n) << first);
	}
	return EMU_DONE;
}

/* Check all of the bytes `needed`, then read or write those of `active`. */
static enum emu_outcome access_memory(struct emu_run *run, const struct vec *v, bool is_write,
				      uint64_t needed, uint64_t active, uint8_t *data)
{
	const struct emu_insn *insn = run->insn;
	uint64_t offset = run->cpu->gpr[X86_RDI] & emu_mask(insn->address_size);
	struct emu_place place;
	enum emu_outcome outcome;

	if (insn->is_memory)
		offset = emu_effective_address(run, run->cpu->gpr[X86_RSP]);
	outcome = place_bytes(run, v, offset, is_write ? EMU_WRITE : EMU_READ, needed & ones(v->n),
			      &place);
	if (outcome != EMU_DONE)
		return outcome;
	if (!emu_has_setter(run))
		return EMU_UNIMPLEMENTED;
	return transfer(run, v, is_write, &place, active & ones(v->n), data);
}

/* Where in the register the lane begins: MOVHPS has the high half, an immediate counts lanes. */
static unsigned int lane(const struct emu_run *run, const struct vec *v)
{
	const struct emu_insn *insn = run->insn;
	unsigned int imm = (unsigned int)insn->imm;

	if (insn->map == EMU_MAP_0F && insn->opcode != 0xc4)
		return insn->opcode >> 1 == 0x16 >> 1 ? 8 : 0;
	if (insn->map == EMU_MAP_0F3A && insn->opcode == 0x21)
		return (imm >> 4 & 3) * 4;
	return insn->map == EMU_MAP_0F38 ? 0 : (imm & (v->length / v->n - 1)) * v->n;
}

/* INSERTPS clears what its immediate says. */
static void clear_lanes(const struct emu_insn *insn, uint8_t *data)
{
	if (insn->map == EMU_MAP_0F3A && insn->opcode == 0x21)
		for (unsigned int i = 0; i < 4; i++)
			if (insn->imm >> i & 1)
				memset(data + i * 4, 0, 4);
}

/* The elements that were read, in their final places. */
static void arrange(const struct emu_insn *insn, const struct vec *v, uint8_t *data)
{
	unsigned int size = insn->prefixes & EMU_PREFIX_REPNE ? 8 : 4;
	unsigned int odd = insn->opcode == 0x16 ? size : 0;

	switch (v->kind) {
	case INSERT: clear_lanes(insn, data); break;
	case DUPLICATE:
		for (unsigned int i = 0; i < v->length; i += 2 * size)
			memcpy(data + i + size - odd, data + i + odd, size);
		break;
	case BROADCAST:
		for (unsigned int i = v->n; i < v->length; i++)
			data[i] = data[i - v->n];
		break;
	case EXTEND:
		for (unsigned int i = v->length / v->to; i-- > 0;) {
			uint64_t value = 0;

			memcpy(&value, data + i * v->from, v->from);
			if (insn->opcode < 0x30)
				value = emu_sign_extend(value, v->from);
			memcpy(data + i * v->to, &value, v->to);
		}
		break;
	default: break;
	}
}

/* The bytes of memory that the active ones of the register come from. */
static uint64_t sources(const struct vec *v, uint64_t active)
{
	uint64_t bytes = 0;

	switch (v->kind) {
	case INSERT:
	case DUPLICATE: return ~0ull;
	case BROADCAST:
		for (unsigned int i = 0; i < v->length; i += v->n)
			bytes |= active >> i;
		return bytes;
	case EXTEND:
		for (unsigned int i = 0; i < v->length / v->to; i++)
			if (active >> i * v->to & 1)
				bytes |= ones(v->from) << i * v->from;
		return bytes;
	default: return active;
	}
}

static EMU_RARE enum emu_outcome move(struct emu_run *run, enum kind kind)
{
	const struct emu_insn *insn = run->insn;
	bool is_vmaskmov = emu_is_kind(insn->row->operand[1], KIND_H) && kind != INSERT;
	bool is_extract = kind == STORE && insn->map == EMU_MAP_0F3A;
	struct vec v = { .kind = kind };
	uint8_t data[64] = { 0 };
	uint64_t active, bytes;
	unsigned int at = 0;
	enum emu_outcome outcome;

	outcome = begin(run, &v);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = select_active(run, &v,
				kind == MASKMOV ? insn->rm
				: is_vmaskmov	? insn->vvvv
						: -1,
				&active);
	if (outcome != EMU_DONE)
		return outcome;
	bytes = sources(&v, active);
	if (kind != STORE && kind != MASKMOV && !v.is_mmx)
		run->effect.kind = EMU_SET_VECTOR;
	if (kind == STORE || kind == INSERT || kind == MASKMOV) {
		outcome = get(run, &v, kind == INSERT && insn->encoding ? insn->vvvv : insn->reg,
			      data);
		if (outcome != EMU_DONE)
			return outcome;
		at = lane(run, &v);
	}

	/* With a mask #AC is for elements, or not at all; both as seen on AMD Zen. */
	if (kind == MASKMOV)
		v.alignment = 8;
	else if (is_vmaskmov)
		v.alignment = 1;
	else if (insn->mask && !(v.alignment & EMU_ALIGNED) && !is_extract && kind != INSERT &&
		 kind != DUPLICATE)
		v.alignment = v.from;
	/*
	 * An extract needs all of its memory, whatever it then writes. Of MASKMOVDQU the manual
	 * leaves it open; AMD Zen checks all.
	 */
	outcome = access_memory(run, &v, kind == STORE || kind == MASKMOV,
				is_extract || kind == MASKMOV ? ~0ull : bytes, bytes, data + at);
	if (outcome != EMU_DONE || kind == STORE || kind == MASKMOV)
		return outcome;
	arrange(insn, &v, data);
	/* Elements above a load, or masked off by a vector, are zero. */
	if (kind == LOAD)
		active |= is_vmaskmov ? ~0ull : ~ones(v.n);
	return put(run, &v, active, data);
}

/*
 * Loads and stores. Those of 16 bytes without a prefix of VEX, whose checks pass, are so frequent
 * that they go a shorter way.
 */
static __attribute__((noinline)) enum emu_outcome load_or_store(struct emu_run *run, enum kind kind)
{
	const struct emu_insn *insn = run->insn;
	struct emu_effect *effect = &run->effect;
	uint64_t offset = emu_effective_address(run, run->cpu->gpr[X86_RSP]);
	enum emu_outcome outcome;
	gpa_t gpa;

	if (unlikely(insn->encoding != EMU_LEGACY || (insn->row->vector & MEM_MASK) != MEM_ALL ||
		     run->cpu->cr0 & (CR0_EM | CR0_TS) || !(run->cpu->cr4 & CR4_OSFXSR) ||
		     !emu_is_plain(run, insn->segment, offset, 16)))
		return move(run, kind);
	outcome = EMU_CALL(run, translate, GVA(offset), kind == STORE ? EMU_WRITE : EMU_READ, &gpa,
			   run->exception);
	if (unlikely(outcome != EMU_DONE))
		return outcome;
	if (kind == STORE) {
		outcome = EMU_CALL(run, vector, EMU_VECTOR, insn->reg, 16, effect->vector);
		if (outcome == EMU_DONE)
			outcome = EMU_CALL(run, write, gpa, 16, 1, effect->vector);
		return outcome;
	}
	effect->kind = EMU_SET_VECTOR;
	effect->file = EMU_VECTOR;
	effect->which = insn->reg;
	effect->n_bytes = 16;
	effect->zero_upper = false;
	if (!EMU_HAS_OP(run, set_vector))
		return EMU_UNIMPLEMENTED;
	return EMU_CALL(run, read, gpa, 16, 1, effect->vector);
}

enum emu_outcome emu_x_vec_load(struct emu_run *run)
{
	return load_or_store(run, LOAD);
}

enum emu_outcome emu_x_vec_store(struct emu_run *run)
{
	return load_or_store(run, STORE);
}

enum emu_outcome emu_x_vec_insert(struct emu_run *run)
{
	return move(run, INSERT);
}

enum emu_outcome emu_x_vec_dup(struct emu_run *run)
{
	return move(run, DUPLICATE);
}

enum emu_outcome emu_x_vec_broadcast(struct emu_run *run)
{
	return move(run, BROADCAST);
}

enum emu_outcome emu_x_vec_extend(struct emu_run *run)
{
	return move(run, EXTEND);
}

enum emu_outcome emu_x_maskmov(struct emu_run *run)
{
	return move(run, MASKMOV);
}

/* KMOV between memory and an opmask, zeros above. */
enum emu_outcome emu_x_kmov(struct emu_run *run)
{
	static const uint8_t bytes[2][2] = { { 2, 8 }, { 1, 4 } };
	const struct emu_insn *insn = run->insn;
	struct emu_effect *effect = &run->effect;
	bool is_store = insn->opcode & 1;
	unsigned int n = bytes[insn->prefixes & EMU_PREFIX_66 ? 1 : 0][insn->rex & W_BIT ? 1 : 0];
	struct vec v = { .n = n, .alignment = n };
	enum emu_outcome outcome;

	if (n != 2 && !has(run, n == 1 ? EMU_AVX512DQ : EMU_AVX512BW))
		return emu_fault(run, EXC_UD);
	outcome = check_state(run, XCR0_EVEX);
	if (outcome != EMU_DONE)
		return outcome;
	effect->file = EMU_OPMASK;
	effect->which = insn->reg & 7;
	effect->n_bytes = 8;
	effect->zero_upper = false;
	memset(effect->vector, 0, 8);
	if (is_store)
		outcome = EMU_CALL(run, vector, EMU_OPMASK, effect->which, 8, effect->vector);
	else
		effect->kind = EMU_SET_VECTOR;
	return outcome == EMU_DONE ? access_memory(run, &v, is_store, ~0ull, ~0ull, effect->vector)
				   : outcome;
}

/* LDMXCSR and STMXCSR; a bit that does not exist is #GP(0), after the access. */
enum emu_outcome emu_x_mxcsr(struct emu_run *run)
{
	const struct emu_insn *insn = run->insn;
	struct emu_x87 *x87 = &run->effect.x87;
	bool is_store = (insn->modrm >> 3 & 7) == 3;
	struct vec v = { .n = 4, .alignment = 4 };
	enum emu_outcome outcome;

	outcome = check_state(run, insn->encoding ? XCR0_YMM : 0);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = EMU_CALL(run, x87, x87);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = access_memory(run, &v, is_store, ~0ull, ~0ull, (uint8_t *)&x87->mxcsr);
	if (outcome != EMU_DONE || is_store)
		return outcome;
	run->effect.kind = EMU_SET_X87;
	return x87->mxcsr & ~MXCSR_DEFINED ? emu_fault(run, EXC_GP) : EMU_DONE;
}
