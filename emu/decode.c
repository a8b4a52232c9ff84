/* SPDX-License-Identifier: MIT */
/*
 * From bytes to struct emu_insn: prefixes, opcode, ModRM, SIB, displacement, immediate, in the order
 * of SDM 2 "Instruction Format". Total: any bytes, any mode, and nothing else matters.
 *
 * A cursor that runs out of bytes turns `is_short` on and yields zeros; the stages go on with them
 * and emu_decode() asks once, before any judgement that a missing byte could change.
 */
#include <stddef.h>

#include "emu/row.h"

struct cursor {
	const uint8_t *bytes;
	unsigned int at;
	unsigned int end; /* of the bytes that may be looked at, at most EMU_MAX_INSN_BYTES */
	bool is_short;
};

struct decoder {
	struct cursor cursor;
	enum emu_mode mode;
	int override;		/* enum x86_seg of a segment prefix, -1 none */
	unsigned int effective; /* operand size by mode, 66 and REX.W: 2 4 8 */
};

/* Escapes and prefixes that the tables do not hold. */
#define BYTE_ESCAPE_0F 0x0f
#define BYTE_VEX3      0xc4
#define BYTE_VEX2      0xc5
#define BYTE_EVEX      0x62

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

static inline unsigned int next_byte(struct cursor *cursor)
{
	if (cursor->at >= cursor->end) {
		cursor->is_short = true;
		return 0;
	}
	return cursor->bytes[cursor->at++];
}

/* The next n bytes (1 2 4 6 8), little-endian. */
static inline uint64_t next_bytes(struct cursor *cursor, unsigned int n)
{
	const uint8_t *from = cursor->bytes + cursor->at;
	uint32_t dword;
	uint16_t word;
	uint64_t value = 0;

	if (cursor->end - cursor->at < n) {
		cursor->at = cursor->end;
		cursor->is_short = true;
		return 0;
	}
	cursor->at += n;
	switch (n) {
	case 1: return *from;
	case 2: __builtin_memcpy(&word, from, 2); return word;
	case 4: __builtin_memcpy(&dword, from, 4); return dword;
	default: __builtin_memcpy(&value, from, n); return value;
	}
}

static inline int64_t next_signed(struct cursor *cursor, unsigned int n)
{
	uint64_t value = next_bytes(cursor, n);

	switch (n) {
	case 1: return (int8_t)value;
	case 2: return (int16_t)value;
	default: return (int32_t)value;
	}
}

/*
 * A segment prefix. In 64-bit mode those of ES CS SS DS mean nothing and do not take back an FS or GS
 * before them.
 */
static void take_override(struct decoder *decoder, enum x86_seg seg)
{
	if (decoder->mode != EMU_LONG64 || seg >= SEG_FS)
		decoder->override = (int)seg;
}

/* One legacy prefix; false if `byte` is none. Of F2 and F3 the last counts. */
static bool take_prefix(struct decoder *decoder, struct emu_insn *insn, unsigned int byte)
{
	unsigned int prefixes = insn->prefixes;

	switch (byte) {
	case 0x26: take_override(decoder, SEG_ES); break;
	case 0x2e: take_override(decoder, SEG_CS); break;
	case 0x36: take_override(decoder, SEG_SS); break;
	case 0x3e: take_override(decoder, SEG_DS); break;
	case 0x64: take_override(decoder, SEG_FS); break;
	case 0x65: take_override(decoder, SEG_GS); break;
	case 0x66: prefixes |= EMU_PREFIX_66; break;
	case 0x67: prefixes |= EMU_PREFIX_67; break;
	case 0xf0: prefixes |= EMU_PREFIX_LOCK; break;
	case 0xf2: prefixes = (prefixes & ~EMU_PREFIX_REP) | EMU_PREFIX_REPNE; break;
	case 0xf3: prefixes = (prefixes & ~EMU_PREFIX_REPNE) | EMU_PREFIX_REP; break;
	default: return false;
	}
	insn->prefixes = (uint8_t)prefixes;
	return true;
}

/* True for the bytes that take_prefix() takes: one bit each, so that most opcodes skip the switch. */
static bool is_prefix(unsigned int byte)
{
	static const uint32_t bits[8] = {
		0, 1u << 6 | 1u << 14 | 1u << 22 | 1u << 30, 0, 0xf0, 0, 0, 0, 1u << 16 | 3u << 18,
	};

	return (bits[byte >> 5] >> (byte & 31)) & 1;
}

/* Prefixes and REX; returns the first byte that is neither. REX counts only just before it. */
static unsigned int decode_prefixes(struct decoder *decoder, struct emu_insn *insn)
{
	static const uint8_t default_size[EMU_MODE_COUNT] = { 2, 2, 2, 4, 4 };
	static const uint8_t default_address[EMU_MODE_COUNT] = { 2, 2, 2, 4, 8 };
	struct cursor *cursor = &decoder->cursor;
	unsigned int byte = next_byte(cursor);
	unsigned int size = default_size[decoder->mode];
	unsigned int address = default_address[decoder->mode];
	unsigned int rex = 0;

	for (;;) {
		if (is_prefix(byte) && take_prefix(decoder, insn, byte))
			rex = 0;
		else if (decoder->mode == EMU_LONG64 && (byte & 0xf0) == 0x40)
			rex = byte;
		else
			break;
		if (cursor->is_short)
			break;
		byte = next_byte(cursor);
	}

	if (rex) {
		insn->rex = (uint8_t)rex;
		insn->prefixes |= EMU_PREFIX_REX;
	}
	if (insn->prefixes & EMU_PREFIX_66)
		size = size == 2 ? 4 : 2;
	if (rex & REX_W)
		size = 8;
	if (insn->prefixes & EMU_PREFIX_67)
		address = address == 4 ? 2 : 4;
	decoder->effective = size;
	insn->address_size = (uint8_t)address;
	return byte;
}

/* 16-bit addressing, SDM 2 "16-Bit Addressing Forms with the ModR/M Byte". */
static void decode_address16(struct decoder *decoder, struct emu_insn *insn)
{
	static const int8_t bases[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const int8_t indexes[8] = { 6, 7, 6, 7, -1, -1, -1, -1 };
	unsigned int mod = insn->modrm >> 6, rm = insn->modrm & 7;

	insn->base = bases[rm];
	insn->index = indexes[rm];
	if (mod == 0 && rm == 6) {
		insn->base = -1;
		insn->disp = next_signed(&decoder->cursor, 2);
	} else if (mod != 0) {
		insn->disp = next_signed(&decoder->cursor, mod);
	}
}

/* 32- and 64-bit addressing with SIB and RIP-relative, SDM 2 "32-Bit Addressing Forms". */
static void decode_address(struct decoder *decoder, struct emu_insn *insn)
{
	struct cursor *cursor = &decoder->cursor;
	unsigned int mod = insn->modrm >> 6, base = insn->modrm & 7;
	bool has_sib = base == 4;

	if (has_sib) {
		unsigned int index;

		insn->sib = (uint8_t)next_byte(cursor);
		base = insn->sib & 7;
		index = ((insn->sib >> 3) & 7) | (insn->rex & REX_X ? 8 : 0);
		if (index != 4) {
			insn->index = (int8_t)index;
			insn->scale = insn->sib >> 6;
		}
	}
	if (mod == 0 && base == 5) {
		if (!has_sib && decoder->mode == EMU_LONG64)
			insn->base = 16;
		insn->disp = next_signed(cursor, 4);
		return;
	}
	insn->base = (int8_t)(base | (insn->rex & REX_B ? 8 : 0));
	if (mod != 0)
		insn->disp = next_signed(cursor, mod == 1 ? 1 : 4);
}

static void decode_modrm(struct decoder *decoder, struct emu_insn *insn, bool is_register)
{
	insn->has_modrm = true;
	insn->modrm = (uint8_t)next_byte(&decoder->cursor);
	insn->reg = (uint8_t)(((insn->modrm >> 3) & 7) | (insn->rex & REX_R ? 8 : 0));
	insn->rm = (uint8_t)((insn->modrm & 7) | (insn->rex & REX_B ? 8 : 0));
	if (insn->modrm >= 0xc0 || is_register)
		return;
	insn->is_memory = true;
	if (insn->address_size == 2)
		decode_address16(decoder, insn);
	else
		decode_address(decoder, insn);
}

/* The segment of the explicit or string operand: a prefix, SS for rSP and rBP, else DS. */
static void decode_segment(const struct decoder *decoder, struct emu_insn *insn)
{
	if (decoder->override >= 0)
		insn->segment = (uint8_t)decoder->override;
	else if (insn->base == 4 || insn->base == 5)
		insn->segment = SEG_SS;
	else
		insn->segment = SEG_DS;
}

/*
 * VEX and EVEX: not in the tables yet, but their shape is regular enough for the length. Legality of
 * the opcode is not judged. Fills map, opcode and ModRM.
 */
static enum emu_decoded decode_vex(struct decoder *decoder, struct emu_insn *insn,
				   unsigned int first)
{
	struct cursor *cursor = &decoder->cursor;
	unsigned int payload = next_byte(cursor), map = 1;
	bool has_imm8;

	if (decoder->mode == EMU_LONG64) {
		unsigned int extensions = first == BYTE_VEX2 ? REX_R : REX_R | REX_X | REX_B;

		insn->rex = (uint8_t)(0x40 | ((~payload >> 5) & extensions));
	}
	if (first != BYTE_VEX2) {
		map = payload & (first == BYTE_EVEX ? 7 : 0x1f);
		next_byte(cursor);
	}
	if (first == BYTE_EVEX)
		next_byte(cursor);
	insn->opcode = (uint8_t)next_byte(cursor);
	insn->map = (uint8_t)(map & 3);

	if (map == 1)
		has_imm8 = (insn->opcode >= 0x70 && insn->opcode <= 0x73) || insn->opcode == 0xc2 ||
			   (insn->opcode >= 0xc4 && insn->opcode <= 0xc6);
	else
		has_imm8 = map == 3;
	if (map != 1 || insn->opcode != 0x77)
		decode_modrm(decoder, insn, false);
	if (has_imm8)
		insn->imm = next_byte(cursor);

	if (insn->prefixes & ~EMU_PREFIX_67 || decoder->mode == EMU_REAL ||
	    decoder->mode == EMU_V86)
		return EMU_DECODE_INVALID;
	if (map == 0 || (map > 3 && first != BYTE_EVEX) || map == 4 || map == 7)
		return EMU_DECODE_INVALID;
	/* VMASKMOVDQU has ModRM.mod = 3 and stores to [rDI]. */
	if (insn->is_memory || (map == 1 && insn->opcode == 0xf7))
		return EMU_DECODE_UNIMPLEMENTED;
	return EMU_DECODE_NO_ACCESS;
}

/* C4 C5 62 are VEX and EVEX in 64-bit mode, and elsewhere if their operand would be a register. */
static bool is_vex(const struct decoder *decoder)
{
	const struct cursor *cursor = &decoder->cursor;

	if (decoder->mode == EMU_LONG64)
		return true;
	return cursor->at < cursor->end && cursor->bytes[cursor->at] >= 0xc0;
}

/* 0F 38 and 0F 3A: every opcode has ModRM; with 3A an immediate byte. No rows yet but these. */
static const struct emu_row row_0f38 = OP0("0F 38", 0, NULL);
static const struct emu_row row_0f3a = OP0("0F 3A", 0, NULL);

/* Which row of a group; groups are at most two deep: by ModRM.reg, then by prefix. */
static unsigned int group_member(const struct emu_insn *insn, enum emu_mode mode,
				 unsigned int flags)
{
	unsigned int member = (insn->modrm >> 3) & 7;

	if (flags & ROW_GROUP_MODE)
		return mode == EMU_LONG64;
	if (flags & ROW_GROUP_PREFIX) {
		if (insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE))
			return insn->prefixes & EMU_PREFIX_REP ? 2 : 3;
		return insn->prefixes & EMU_PREFIX_66 ? 1 : 0;
	}
	if (flags & ROW_GROUP_MOD3 && !insn->is_memory)
		member += 8;
	return member;
}

/* Opcode byte or bytes, ModRM and all that belongs to it; groups resolved. */
static const struct emu_row *decode_opcode(struct decoder *decoder, struct emu_insn *insn,
					   unsigned int byte)
{
	struct cursor *cursor = &decoder->cursor;
	const struct emu_row *row = &emu_map_one[byte];
	unsigned int shape;

	if (byte == BYTE_ESCAPE_0F) {
		byte = next_byte(cursor);
		insn->map = EMU_MAP_0F;
		row = &emu_map_0f[byte];
		if (byte == 0x38 || byte == 0x3a) {
			insn->map = byte == 0x38 ? EMU_MAP_0F38 : EMU_MAP_0F3A;
			row = byte == 0x38 ? &row_0f38 : &row_0f3a;
			insn->opcode = (uint8_t)next_byte(cursor);
			decode_modrm(decoder, insn, false);
			if (insn->map == EMU_MAP_0F3A)
				insn->imm = next_byte(cursor);
			return row;
		}
	}
	insn->opcode = (uint8_t)byte;

	shape = row->shape;
	if (row->flags & ROW_GROUP || shape & OPD_MODRM) {
		decode_modrm(decoder, insn, row->flags & MOD3);
		while (row->flags & ROW_GROUP)
			row = &row->group[group_member(insn, decoder->mode, row->flags)];
	} else {
		insn->reg = (uint8_t)((byte & 7) | (insn->rex & REX_B ? 8 : 0));
		insn->is_memory = shape & OPD_RM;
	}
	return row;
}

static unsigned int operand_size(const struct decoder *decoder, const struct emu_row *row)
{
	if (!(row->flags & (F64 | D64)) || decoder->mode != EMU_LONG64)
		return decoder->effective;
	return row->flags & D64 && decoder->effective == 2 ? 2 : 8;
}

/* The immediate bytes of one operand, as wide and as signed as the operand says. */
static uint64_t decode_immediate(struct decoder *decoder, const struct emu_insn *insn,
				 const struct emu_row *row, unsigned int operand)
{
	struct cursor *cursor = &decoder->cursor;
	unsigned int wide = operand & WIDE_MASK, size = insn->operand_size;

	if (emu_is_kind(operand, KIND_O))
		return next_bytes(cursor, insn->address_size);
	if (emu_is_kind(operand, KIND_A))
		return next_bytes(cursor, size == 2 ? 4 : 6);
	/* Near branches in 64-bit mode ignore 66, as Intel has it. */
	if (row->flags & F64 && decoder->mode == EMU_LONG64)
		size = 8;
	if (wide == WIDE_SB || wide == WIDE_Z)
		return (uint64_t)next_signed(cursor, emu_wide_bytes(wide, size));
	return next_bytes(cursor, emu_wide_bytes(wide, size));
}

/* MOV Sreg names six registers, and CS cannot be loaded. */
static bool is_legal_sreg(const struct emu_insn *insn, const struct emu_row *row)
{
	unsigned int seg = insn->reg & 7;

	return seg <= SEG_GS && !(emu_is_kind(row->operand[0], KIND_S) && seg == SEG_CS);
}

/* Is the row an instruction with these prefixes, this ModRM, in this mode? */
static bool is_legal(const struct decoder *decoder, const struct emu_insn *insn,
		     const struct emu_row *row, unsigned int shape)
{
	unsigned int flags = row->flags;
	enum emu_mode mode = decoder->mode;

	if (flags & (UD | I64 | O64 | PROT | NP | NEEDF3 | SREG)) {
		if (flags & UD)
			return false;
		if (flags & I64 && mode == EMU_LONG64)
			return false;
		if (flags & O64 && mode != EMU_LONG64)
			return false;
		if (flags & PROT && (mode == EMU_REAL || mode == EMU_V86))
			return false;
		if (flags & NP &&
		    insn->prefixes & (EMU_PREFIX_66 | EMU_PREFIX_REP | EMU_PREFIX_REPNE))
			return false;
		if (flags & NEEDF3 && !(insn->prefixes & EMU_PREFIX_REP))
			return false;
		if (flags & SREG && !is_legal_sreg(insn, row))
			return false;
	}
	if (shape & (insn->is_memory ? OPD_NOMEM : OPD_NOREG))
		return false;
	if (insn->prefixes & EMU_PREFIX_LOCK && !(flags & LOCK && insn->is_memory))
		return false;
	return true;
}

/* The facts for callers that need the row: sizes, kinds of access, segment of a string. */
static void describe(struct emu_insn *insn, const struct emu_row *row, unsigned int shape)
{
	unsigned int flags = row->flags;
	unsigned int first = row->operand[0];
	unsigned int main = first;

	if (flags & PORT && (emu_is_kind(first, KIND_I) || emu_is_kind(first, KIND_DX)))
		main = row->operand[1];
	/* PUSH of an immediate pushes the operand size, whatever the immediate's is. */
	if (!emu_is_kind(main, KIND_I))
		insn->operand_size = (uint8_t)emu_wide_bytes(main, insn->operand_size);
	insn->is_port = flags & PORT;
	insn->is_string = flags & STRING;
	if (shape & OPD_STRING) {
		unsigned int second = row->operand[1];

		insn->writes_memory = flags & W && emu_is_kind(first, KIND_Y);
		insn->reads_memory = second & OPD_STRING || (first & OPD_STRING && flags & R);
		if (!emu_is_kind(first, KIND_X) && !emu_is_kind(second, KIND_X))
			insn->segment = SEG_ES;
		return;
	}
	if (!insn->is_memory || flags & NOACC)
		return;
	insn->writes_memory = flags & W && first & OPD_RM;
	insn->reads_memory = first & OPD_RM ? flags & R : true;
}

/* Word by word: compilers make one REP STOS of the whole, which is slow for so few bytes. */
static inline void clear(struct emu_insn *insn)
{
	uint8_t *rest = (uint8_t *)insn + offsetof(struct emu_insn, length);

	_Static_assert(sizeof(*insn) == offsetof(struct emu_insn, length) + 24, "in words");
	insn->row = NULL;
	insn->imm = 0;
	insn->disp = 0;
	__builtin_memset(rest, 0, 8);
	__builtin_memset(rest + 8, 0, 8);
	__builtin_memset(rest + 16, 0, 8);
	insn->base = -1;
	insn->index = -1;
}

enum emu_decoded emu_decode(const uint8_t *bytes, unsigned int n_bytes, enum emu_mode mode,
			    struct emu_insn *insn)
{
	struct decoder decoder = {
		.cursor = { .bytes = bytes, .end = n_bytes },
		.mode = mode,
		.override = -1,
	};
	const struct emu_row *row = NULL;
	enum emu_decoded decoded = EMU_DECODED;
	unsigned int byte, shape = 0;

	if (decoder.cursor.end > EMU_MAX_INSN_BYTES)
		decoder.cursor.end = EMU_MAX_INSN_BYTES;
	clear(insn);

	byte = decode_prefixes(&decoder, insn);
	if (emu_map_one[byte].flags & VEX && is_vex(&decoder)) {
		decoded = decode_vex(&decoder, insn, byte);
	} else {
		row = decode_opcode(&decoder, insn, byte);
		shape = row->shape;
		insn->operand_size = (uint8_t)operand_size(&decoder, row);
		if (shape & OPD_IMM) {
			for (unsigned int i = 0; i < EMU_ROW_OPERANDS; i++)
				if (row->operand[i] & OPD_IMM)
					insn->imm = decode_immediate(&decoder, insn, row,
								     row->operand[i]);
		}
	}
	decode_segment(&decoder, insn);
	insn->length = (uint8_t)decoder.cursor.at;

	if (decoder.cursor.is_short)
		return n_bytes < EMU_MAX_INSN_BYTES ? EMU_DECODE_MORE_BYTES : EMU_DECODE_TOO_LONG;
	if (!row)
		return decoded;
	if (!is_legal(&decoder, insn, row, shape))
		return EMU_DECODE_INVALID;
	describe(insn, row, shape);
	if (!insn->is_memory && !(row->flags & (STRING | PORT | STACK)))
		return EMU_DECODE_NO_ACCESS;
	if (row->flags & NOACC)
		return EMU_DECODE_NO_ACCESS;
	if (!row->meaning)
		return EMU_DECODE_UNIMPLEMENTED;
	insn->row = row;
	return EMU_DECODED;
}

const char *emu_insn_name(const struct emu_insn *insn)
{
	return insn->row ? insn->row->text : "(none)";
}
