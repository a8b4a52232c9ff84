/* SPDX-License-Identifier: MIT */
/*
 * VEX and EVEX: the decoding of their prefixes into struct emu_insn, and the search for the row of
 * an executed instruction. Which opcodes exist with them, and in which form, is in vex_shapes.c and
 * evex_shapes.c.
 */
#include <stddef.h>

#include "emu/decoder.h"
#include "emu/vex_shape.h"

#define BYTE_VEX2 0xc5
#define BYTE_EVEX 0x62

/* The largest power of two that is not above n, which is not 0. */
static unsigned int power_below(unsigned int n)
{
	return 1u << (31 - __builtin_clz(n));
}

/*
 * The row for a key in an ascending table that is not empty, or NULL. A binary search over a power
 * of two, the first or the last ones of the table.
 */
static const struct emu_row *find_row(const struct emu_row *rows, unsigned int n, unsigned int key)
{
	unsigned int half = power_below(n);

	if (rows[n - half].key <= key)
		rows += n - half;
	while (half >>= 1)
		rows = rows[half].key <= key ? rows + half : rows;
	return rows->key == key ? rows : NULL;
}

static const struct emu_row *row_of(const struct emu_insn *insn, unsigned int prefix)
{
	unsigned int key = EMU_VEX_KEY(insn->map, prefix, insn->opcode);
	const struct emu_row *row;

	if (insn->encoding == EMU_VEX && insn->map >= EMU_MAP_0F38 && insn->opcode >= 0xe0)
		row = find_row(emu_rows_bmi, emu_n_rows_bmi, key);
	else
		row = find_row(emu_rows_vex, emu_n_rows_vex, key);
	/* Most of what is executed of EVEX has the row of its VEX form. */
	if (insn->encoding == EMU_EVEX && !(row && row->vector & EVEX_TOO))
		row = find_row(emu_rows_evex, emu_n_rows_evex, key);
	if (row && row->flags & ROW_GROUP)
		row = &row->group[(insn->modrm >> 3) & 7];
	return row;
}

/*
 * Fields of the prefix that struct emu_insn does not have. Its payload bytes are taken as
 * three-byte VEX and EVEX have them: R X B R' and map; W vvvv pp; z L'L b V' aaa.
 */
struct payload {
	unsigned int prefix; /* 0 none, 1 66, 2 F3, 3 F2 */
	unsigned int length; /* VEX.L or EVEX.L'L */
	unsigned int vvvv;   /* 0 to 31, whatever the mode; 0 is "none" */
	unsigned int high;   /* 16 where R' makes ModRM.reg a register above 15, else 0 */
	bool is_masked;	     /* EVEX.aaa, z or b is not 0 */
	bool is_sound;	     /* the fixed bits are as they must be */
};

/*
 * The payload and the opcode. Outside 64-bit mode there are eight registers of each kind, and the
 * bits that would reach the others are ignored, but for V'.
 */
static struct payload take_payload(struct decoder *decoder, struct emu_insn *insn,
				   unsigned int first)
{
	static const uint8_t prefixes[4] = { 0, EMU_PREFIX_66, EMU_PREFIX_REP, EMU_PREFIX_REPNE };
	struct cursor *cursor = &decoder->cursor;
	struct payload payload = { .is_sound = true };
	bool is_long = decoder->mode == EMU_LONG64;
	unsigned int p0, p1, bytes;

	if (first == BYTE_EVEX) {
		unsigned int p2;

		bytes = (unsigned int)next_bytes(cursor, 4);
		p0 = bytes & 0xff;
		p1 = bytes >> 8 & 0xff;
		p2 = bytes >> 16 & 0xff;
		insn->opcode = (uint8_t)(bytes >> 24);
		insn->encoding = EMU_EVEX;
		insn->map = p0 & 7;
		insn->mask = p2 & 7;
		insn->is_zeroing = p2 >> 7;
		insn->is_broadcast = p2 >> 4 & 1;
		payload.vvvv = ~p2 << 1 & 16;
		payload.length = p2 >> 5 & 3;
		payload.high = is_long ? ~p0 & 16 : 0;
		payload.is_masked = p2 & 0x97;
		payload.is_sound = (p0 & 8) == 0 && (p1 & 4) && (is_long || p2 & 8);
	} else {
		if (first == BYTE_VEX2) {
			bytes = (unsigned int)next_bytes(cursor, 2);
			p1 = bytes & 0x7f;
			p0 = (bytes & 0x80) | 0x60 | EMU_MAP_0F;
		} else {
			p0 = next_byte(cursor);
			bytes = (unsigned int)next_bytes(cursor, 2);
			p1 = bytes & 0xff;
		}
		insn->opcode = (uint8_t)(bytes >> 8);
		insn->encoding = EMU_VEX;
		insn->map = p0 & 0x1f;
		payload.length = p1 >> 2 & 1;
	}
	payload.vvvv |= (~p1 >> 3) & 15;
	payload.prefix = p1 & 3;
	insn->rex = (uint8_t)(0x40 | (p1 >> 4 & REX_W));
	insn->operand_size = 4;
	insn->vvvv = payload.vvvv & 7;
	if (is_long) {
		insn->rex |= ~p0 >> 5 & 7;
		insn->operand_size = (uint8_t)(4 << (p1 >> 7));
		insn->vvvv = (uint8_t)payload.vvvv;
	}
	insn->vector_length = (uint8_t)(16 << payload.length);
	insn->prefixes |= prefixes[payload.prefix];
	return payload;
}

static const struct emu_vex_section *find_section(const struct emu_insn *insn, unsigned int prefix)
{
	unsigned int map = insn->map - 1u;

	if (insn->encoding == EMU_EVEX)
		return map < EMU_EVEX_MAPS ? &emu_evex_sections[map][prefix] : NULL;
	return map < EMU_VEX_MAPS ? &emu_vex_sections[map][prefix] : NULL;
}

/* The word of vex_shapes.c or evex_shapes.c for the instruction, 0 if there is none. */
static uint32_t find_shape(const struct emu_insn *insn, const struct payload *payload)
{
	const struct emu_vex_section *section = find_section(insn, payload->prefix);
	uint32_t first = (uint32_t)insn->opcode << SHAPE_OPCODE_SHIFT;
	uint32_t last = first | ((1u << SHAPE_OPCODE_SHIFT) - 1);
	uint32_t need = insn->rex & REX_W ? W_1 : W_0;
	const uint32_t *shape, *end;
	unsigned int half;

	if (!section || !section->n)
		return 0;
	/* With rounding or SAE, L'L is not a length. */
	if (!insn->is_memory && insn->is_broadcast)
		need |= REG | RC;
	else if (payload->length == 3)
		return 0;
	else
		need |= (insn->is_memory ? MEM : REG) | (uint32_t)L128 << payload->length;

	shape = section->shapes;
	end = shape + section->n;
	half = power_below(section->n);
	if (shape[half - 1] < first)
		shape = end - half;
	while (half >>= 1)
		shape = shape[half - 1] < first ? shape + half : shape;
	for (; shape < end && *shape <= last; shape++) {
		if (*shape < first || (*shape & need) != need)
			continue;
		if (*shape & SHAPE_HAS_EXT && SHAPE_EXT(*shape) != (insn->modrm >> 3 & 7))
			continue;
		return *shape;
	}
	return 0;
}

/* N of disp8*N. */
static unsigned int tuple_bytes(const struct emu_insn *insn, uint32_t shape)
{
	static const uint8_t fixed[] = { 1, 2, 4, 8, 16, 32 };
	unsigned int tuple = (shape & SHAPE_TUPLE) / T2, length = insn->vector_length;

	if (insn->is_broadcast)
		return shape & BCST16 ? 2 : insn->rex & REX_W ? 8 : 4;
	if (tuple < sizeof(fixed))
		return fixed[tuple];
	if (tuple >= VL / T2 && tuple <= VL8 / T2)
		return length >> (tuple - VL / T2);
	if (tuple == TY / T2)
		return insn->operand_size;
	if (tuple == TW / T2)
		return insn->rex & REX_W ? 8 : 4;
	return length == 16 ? 8 : length;
}

/* SDM 2 "#UD Equations for EVEX Encoded Instructions": masking and EVEX.b. */
static bool is_legal_evex(struct emu_insn *insn, uint32_t shape)
{
	if (insn->is_zeroing && !insn->mask)
		return false;
	if (insn->is_broadcast) {
		if (insn->is_memory && !(shape & (BCST | BCST16)))
			return false;
		if (!insn->is_memory)
			insn->vector_length = 64;
	}
	switch (shape & SHAPE_MASKING) {
	case KM: return !insn->is_zeroing;
	case KZ: return true;
	case KST: return !(insn->is_zeroing && insn->is_memory);
	case K_MUST: return insn->mask && !insn->is_zeroing;
	default: return !insn->mask;
	}
}

static bool is_legal_tile(const struct emu_insn *insn, unsigned int prefix)
{
	if (insn->is_memory)
		return (insn->modrm & 7) == 4 && insn->address_size != 2 && insn->reg < 8;
	/* TILERELEASE, TILEZERO */
	if (insn->opcode == 0x49)
		return (insn->modrm & 7) == 0 && (prefix ? insn->reg < 8 : insn->modrm == 0xc0);
	if (insn->reg >= 8 || insn->rm >= 8 || insn->vvvv >= 8)
		return false;
	return insn->reg != insn->rm && insn->reg != insn->vvvv && insn->rm != insn->vvvv;
}

static bool is_vsib(uint32_t shape)
{
	return (shape & SHAPE_RULE) == GATHER || (shape & SHAPE_RULE) == SCATTER;
}

/* The registers of a gather or scatter, whose index is a vector: there is no index "none". */
static bool is_legal_vsib(struct emu_insn *insn, uint32_t shape)
{
	unsigned int index = (insn->sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);

	if ((insn->modrm & 7) != 4 || insn->address_size == 2)
		return false;
	if (insn->encoding == EMU_EVEX) {
		index |= insn->vvvv & 16;
		insn->vvvv &= 15;
	}
	insn->index = (int8_t)index;
	insn->scale = insn->sib >> 6;
	if ((shape & SHAPE_RULE) == SCATTER)
		return true;
	if (insn->encoding == EMU_VEX && (insn->vvvv == index || insn->vvvv == insn->reg))
		return false;
	return insn->reg != index;
}

static bool obeys_rule(struct emu_insn *insn, uint32_t shape, unsigned int prefix)
{
	unsigned int rm = insn->rm;

	switch (shape & SHAPE_RULE) {
	case REG_K:
		return insn->reg < 8 &&
		       (insn->encoding == EMU_EVEX || !(shape & NDS) || insn->vvvv < 8);
	case REG_G: return insn->reg < 16;
	case GATHER:
	case SCATTER: return is_legal_vsib(insn, shape);
	case COMPLEX:
		rm |= insn->rex & REX_X ? 16 : 0;
		return insn->reg != insn->vvvv && (insn->is_memory || insn->reg != rm);
	case TILE: return is_legal_tile(insn, prefix);
	default: return true;
	}
}

/* VZEROUPPER and VZEROALL alone have no ModRM. */
static bool is_vzero(const struct emu_insn *insn, unsigned int prefix)
{
	return insn->opcode == 0x77 && insn->map == EMU_MAP_0F && prefix == 0 &&
	       insn->encoding == EMU_VEX;
}

enum emu_decoded emu_decode_vex(struct decoder *decoder, struct emu_insn *insn, unsigned int first,
				const struct emu_row **row)
{
	struct cursor *cursor = &decoder->cursor;
	unsigned int legacy = insn->prefixes;
	struct payload payload = take_payload(decoder, insn, first);
	uint32_t shape;

	if (!is_vzero(insn, payload.prefix))
		emu_decode_modrm(decoder, insn, false);
	insn->reg |= (uint8_t)payload.high;
	shape = find_shape(insn, &payload);
	/* All of 0F 3A have one, also what does not exist: it counts for the limit of 15 bytes. */
	if (shape & IB || insn->map == EMU_MAP_0F3A)
		insn->imm = next_byte(cursor);

	if (!shape || !payload.is_sound || legacy & ~EMU_PREFIX_67)
		return EMU_DECODE_INVALID;
	if (decoder->mode != EMU_LONG64 && (shape & ONLY64 || decoder->mode < EMU_PROT16))
		return EMU_DECODE_INVALID;
	if (first == BYTE_EVEX) {
		if (payload.is_masked ? !is_legal_evex(insn, shape)
				      : (shape & SHAPE_MASKING) == K_MUST)
			return EMU_DECODE_INVALID;
		if (insn->modrm >> 6 == 1)
			insn->disp *= tuple_bytes(insn, shape);
	}
	/* In a gather or scatter V' belongs to the index. */
	if (payload.vvvv && !(shape & NDS) && (payload.vvvv & 15 || !is_vsib(shape)))
		return EMU_DECODE_INVALID;
	if (shape & SHAPE_RULE && !(shape & SHAPE_HAS_EXT) &&
	    !obeys_rule(insn, shape, payload.prefix))
		return EMU_DECODE_INVALID;

	/* VMASKMOVDQU has ModRM.mod = 3 and stores to [rDI]. */
	if (!insn->is_memory && !(insn->map == EMU_MAP_0F && insn->opcode == 0xf7))
		return EMU_DECODE_NO_ACCESS;
	*row = row_of(insn, payload.prefix);
	return *row && (*row)->meaning ? EMU_DECODED : EMU_DECODE_UNIMPLEMENTED;
}
