/* SPDX-License-Identifier: MIT */
/*
 * From bytes to struct emu_insn: prefixes, opcode, ModRM, SIB, displacement, immediate, in the
 * order of SDM 2 "Instruction Format". The function is total: it takes any bytes in any mode, and
 * depends on nothing else.
 *
 * The bytes are copied in front of zeros and decoded without asking how many there were; when all
 * stages are done emu_decode() asks once, before any judgement that a missing byte could change.
 */
#include <stddef.h>

#include "emu/decoder.h"

#define BYTE_ESCAPE_0F 0x0f
#define P_ANY	       (NP | P66 | PF3 | PF2)
#define P_F2_F3	       (EMU_PREFIX_REP | EMU_PREFIX_REPNE)

/*
 * Out of the way of the ordinary instruction, which has at most REX, and memory in 32 or 64-bit
 * form. Those that move the cursor get a copy of the decoder, so that the other can live in
 * registers.
 */
#define RARE __attribute__((noinline, cold))

/*
 * An instruction and what its last bytes seem to call for: of ModRM at 14 an SIB, four bytes of
 * displacement and an immediate, which is read as eight, up to byte 27.
 */
#define WINDOW_BYTES 32

/*
 * Copies the bytes that may be looked at; returns how many. Word by word: compilers make a loop, a
 * REP STOS or a call of the whole, which is slow for so few bytes.
 */
static inline unsigned int fill_window(uint8_t *window, const uint8_t *bytes, unsigned int n_bytes)
{
	_Static_assert(WINDOW_BYTES == 32, "in words");
	__builtin_memset(window + 8, 0, 8);
	__builtin_memset(window + 16, 0, 8);
	__builtin_memset(window + 24, 0, 8);
	if (n_bytes >= EMU_MAX_INSN_BYTES) {
		__builtin_memcpy(window, bytes, EMU_MAX_INSN_BYTES);
		return EMU_MAX_INSN_BYTES;
	}
	__builtin_memset(window, 0, 8);
	for (unsigned int i = 0; i < n_bytes; i++)
		window[i] = bytes[i];
	return n_bytes;
}

/*
 * The role of a byte in front of an opcode: 0 none, the EMU_PREFIX_ that it sets, or one of these.
 */
#define BYTE_SEGMENT 0x80
#define BYTE_REX     0x40 /* in 64-bit mode */
#define BYTE_VEX     0xc0 /* the opcode, or the beginning of VEX or EVEX */

static const uint8_t prefix_bytes[256] = {
	[0x26] = BYTE_SEGMENT | SEG_ES,
	[0x2e] = BYTE_SEGMENT | SEG_CS,
	[0x36] = BYTE_SEGMENT | SEG_SS,
	[0x3e] = BYTE_SEGMENT | SEG_DS,
	[0x64] = BYTE_SEGMENT | SEG_FS,
	[0x65] = BYTE_SEGMENT | SEG_GS,
	[0x66] = EMU_PREFIX_66,
	[0x67] = EMU_PREFIX_67,
	[0xf0] = EMU_PREFIX_LOCK,
	[0xf2] = EMU_PREFIX_REPNE,
	[0xf3] = EMU_PREFIX_REP,
	[0x40 ... 0x4f] = BYTE_REX,
	[0x62] = BYTE_VEX,
	[0xc4] = BYTE_VEX,
	[0xc5] = BYTE_VEX,
};

/*
 * Prefixes and REX into `insn`; returns the first byte that is neither. REX counts only just before
 * it. Of F2 and F3 the last counts. In 64-bit mode the segment prefixes of ES CS SS DS mean nothing
 * and do not take back an FS or GS before them.
 */
static RARE unsigned int decode_prefixes(struct decoder *decoder, struct emu_insn *insn)
{
	bool is_long = decoder->mode == EMU_LONG64;
	unsigned int byte, prefixes = 0, rex = 0;

	for (;;) {
		unsigned int kind;

		byte = next_byte(&decoder->cursor);
		kind = prefix_bytes[byte];
		if (kind == BYTE_REX && is_long) {
			rex = byte;
			continue;
		}
		if (kind == 0 || kind == BYTE_REX || kind == BYTE_VEX)
			break;
		rex = 0;
		if (kind & BYTE_SEGMENT) {
			if (!is_long || byte >= 0x64)
				decoder->override = (int)(kind & ~(unsigned int)BYTE_SEGMENT);
		} else {
			if (kind & P_F2_F3)
				prefixes &= ~P_F2_F3;
			prefixes |= kind;
		}
	}
	insn->rex = (uint8_t)rex;
	insn->prefixes = (uint8_t)(prefixes | (rex ? EMU_PREFIX_REX : 0));
	return byte;
}

/* Operand and address size in bytes, by mode and prefixes: none, 66, 67, both. */
_Static_assert(EMU_PREFIX_67 == 2 * EMU_PREFIX_66, "together a number from 0 to 3");
static const struct {
	uint8_t operand, address;
} sizes[EMU_MODE_COUNT][4] = {
	[EMU_REAL] = { { 2, 2 }, { 4, 2 }, { 2, 4 }, { 4, 4 } },
	[EMU_V86] = { { 2, 2 }, { 4, 2 }, { 2, 4 }, { 4, 4 } },
	[EMU_PROT16] = { { 2, 2 }, { 4, 2 }, { 2, 4 }, { 4, 4 } },
	[EMU_PROT32] = { { 4, 4 }, { 2, 4 }, { 4, 2 }, { 2, 2 } },
	[EMU_LONG64] = { { 4, 8 }, { 2, 8 }, { 4, 4 }, { 2, 4 } },
};

/* 16-bit addressing, SDM 2 "16-Bit Addressing Forms with the ModR/M Byte". */
static RARE void decode_address16(struct decoder *decoder, struct emu_insn *insn)
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
static inline void decode_address(struct decoder *decoder, struct emu_insn *insn)
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

static inline __attribute__((always_inline)) void
decode_modrm(struct decoder *decoder, struct emu_insn *insn, unsigned int flags)
{
	unsigned int modrm = next_byte(&decoder->cursor), rex = insn->rex;

	insn->has_modrm = true;
	insn->modrm = (uint8_t)modrm;
	insn->reg = (uint8_t)(((modrm >> 3) & 7) | (rex << 1 & 8));
	insn->rm = (uint8_t)((modrm & 7) | (rex << 3 & 8));
	if (modrm >= 0xc0 || flags & MOD3)
		return;
	insn->is_memory = true;
	if (insn->address_size == 2) {
		struct decoder rare = *decoder;

		decode_address16(&rare, insn);
		decoder->cursor = rare.cursor;
	} else {
		decode_address(decoder, insn);
	}
}

void emu_decode_modrm(struct decoder *decoder, struct emu_insn *insn, bool is_register)
{
	decode_modrm(decoder, insn, is_register ? MOD3 : 0);
}

/* C4 C5 62 are VEX and EVEX in 64-bit mode, and elsewhere if their operand would be a register. */
static inline bool is_vex(const struct decoder *decoder)
{
	return decoder->mode == EMU_LONG64 || *decoder->cursor.next >= 0xc0;
}

/* Of the mandatory prefixes the one that counts: 0 none, 1 66, 2 F3, 3 F2. */
static inline unsigned int mandatory_prefix(const struct emu_insn *insn)
{
	if (insn->prefixes & P_F2_F3)
		return insn->prefixes & EMU_PREFIX_REP ? 2 : 3;
	return insn->prefixes & EMU_PREFIX_66 ? 1 : 0;
}

/* Which row of a group; groups are at most two deep: by ModRM.reg, then by prefix. */
static unsigned int group_member(const struct emu_insn *insn, enum emu_mode mode,
				 unsigned int flags)
{
	unsigned int member = (insn->modrm >> 3) & 7;

	if (flags & ROW_GROUP_PREFIX)
		return mandatory_prefix(insn);
	if (flags & ROW_GROUP_MODE)
		return mode == EMU_LONG64;
	if (flags & ROW_GROUP_MOD3 && !insn->is_memory)
		member += 8;
	return member;
}

/* Opcode byte or bytes, ModRM and all that belongs to it; groups resolved. */
static inline const struct emu_row *decode_opcode(struct decoder *decoder, struct emu_insn *insn,
						  unsigned int byte)
{
	struct cursor *cursor = &decoder->cursor;
	const struct emu_row *row = &emu_map_one[byte];

	if (byte == BYTE_ESCAPE_0F) {
		byte = next_byte(cursor);
		insn->map = EMU_MAP_0F;
		row = &emu_rows_0f[emu_map_0f[byte]];
		if (byte == 0x38) {
			byte = next_byte(cursor);
			insn->map = EMU_MAP_0F38;
			row = &emu_rows_0f38[emu_map_0f38[byte]];
		} else if (byte == 0x3a) {
			byte = next_byte(cursor);
			insn->map = EMU_MAP_0F3A;
			row = &emu_rows_0f3a[emu_map_0f3a[byte]];
		}
	}
	insn->opcode = (uint8_t)byte;

	if (row->shape & OPD_MODRM) {
		decode_modrm(decoder, insn, row->flags);
		while (row->flags & ROW_GROUP)
			row = &row->group[group_member(insn, decoder->mode, row->flags)];
	} else {
		insn->reg = (uint8_t)((byte & 7) | (insn->rex << 3 & 8));
		insn->is_memory = row->shape & OPD_RM;
	}
	return row;
}

/* The immediate bytes of one operand, as wide and as signed as the operand says. */
static uint64_t decode_immediate(struct decoder *decoder, struct emu_insn *insn,
				 const struct emu_row *row, unsigned int operand)
{
	struct cursor *cursor = &decoder->cursor;
	unsigned int wide = operand & WIDE_MASK, size = insn->operand_size;

	if (emu_is_kind(operand, KIND_O))
		return (uint64_t)(insn->disp = (int64_t)next_bytes(cursor, insn->address_size));
	if (emu_is_kind(operand, KIND_A))
		return next_bytes(cursor, size == 2 ? 4 : 6);
	/* Near branches in 64-bit mode ignore 66, as Intel has it. */
	if (row->flags & F64 && decoder->mode == EMU_LONG64)
		size = 8;
	if (wide == WIDE_SB || wide == WIDE_Z)
		return (uint64_t)next_signed(cursor, emu_wide_bytes(wide, size));
	return next_bytes(cursor, emu_wide_bytes(wide, size));
}

/* ENTER has two: a word, and a byte that goes above it. */
static RARE void decode_immediates(struct decoder *decoder, struct emu_insn *insn,
				   const struct emu_row *row)
{
	for (unsigned int i = 0, at = 0; i < EMU_ROW_OPERANDS; i++) {
		if (!(row->operand[i] & OPD_IMM))
			continue;
		insn->imm |= decode_immediate(decoder, insn, row, row->operand[i]) << at;
		at = 16;
	}
}

/* MOV Sreg names six registers, and CS cannot be loaded. */
static bool is_legal_sreg(const struct emu_insn *insn, const struct emu_row *row)
{
	unsigned int seg = insn->reg & 7;

	return seg <= SEG_GS && !(emu_is_kind(row->operand[0], KIND_S) && seg == SEG_CS);
}

/*
 * Does the form with a register exist, where that is not the row's to say? A bit for each ModRM
 * byte from C0 to FF: of x87, and of 0F 01.
 */
static RARE bool has_register_form(const struct emu_insn *insn)
{
	static const uint64_t x87[8] = {
		0xffffffffffffffff, 0xffff7f33ff01ffff, 0x00000200ffffffff, 0x00ffff1fffffffff,
		0xffffffffffffffff, 0x0000ffffffffffff, 0xffffffff02ffffff, 0x00ffff01ffffffff,
	};
	/* By mandatory prefix. */
	static const uint64_t system[4] = {
		0xffffc1fffff38fff,
		0x33ff00ffff00f000,
		0xf7fff5ffff000040,
		0xf3ff03ffff000040,
	};
	unsigned int form = insn->modrm & 0x3f;

	if (insn->map == EMU_MAP_ONE) {
		if ((insn->opcode & 0xf8) == 0xd8)
			return (x87[insn->opcode & 7] >> form) & 1;
		/* XABORT and XBEGIN. */
		if ((insn->opcode == 0xc6 || insn->opcode == 0xc7) && insn->modrm >= 0xf8)
			return insn->modrm == 0xf8;
	} else if (insn->map == EMU_MAP_0F) {
		if (insn->opcode == 0x01)
			return (system[mandatory_prefix(insn)] >> form) & 1;
		/* CR0 CR2 CR3 CR4 CR8, DR0 to DR7. */
		if (insn->opcode == 0x20 || insn->opcode == 0x22)
			return insn->reg <= 8 && (0x11d >> insn->reg) & 1;
		if (insn->opcode == 0x21 || insn->opcode == 0x23)
			return insn->reg <= 7;
	} else if (insn->map == EMU_MAP_0F3A && insn->opcode == 0xf0) {
		return insn->modrm == 0xc0; /* HRESET */
	}
	return true;
}

/* Flags of a row by which its existence depends on mode, prefix or ModRM.reg. */
#define CONDITIONS (UD | I64 | O64 | PROT | P_ANY | SREG)

/* Flags that decode_legacy() has to look into. */
#define UNUSUAL (CONDITIONS | F64 | D64 | MAIN1 | NOACC | PORT | STRING)

/* Is the row an instruction with these prefixes, this ModRM.reg, in this mode? */
static RARE bool is_legal_row(const struct emu_insn *insn, const struct emu_row *row,
			      enum emu_mode mode)
{
	unsigned int flags = row->flags;

	if (flags & UD)
		return false;
	if (flags & I64 && mode == EMU_LONG64)
		return false;
	if (flags & O64 && mode != EMU_LONG64)
		return false;
	if (flags & PROT && (mode == EMU_REAL || mode == EMU_V86))
		return false;
	if (flags & P_ANY && !(flags & NP << mandatory_prefix(insn)))
		return false;
	if (flags & SREG && !is_legal_sreg(insn, row))
		return false;
	return true;
}

/* Is there such a form, with memory or a register, and with LOCK? */
static inline bool is_legal_form(const struct emu_insn *insn, unsigned int flags,
				 unsigned int shape, bool is_memory)
{
	bool has_lock = insn->prefixes & EMU_PREFIX_LOCK;

	if (is_memory)
		return !(shape & OPD_NOMEM) && (!has_lock || flags & LOCK);
	return !(shape & OPD_NOREG || has_lock) && (!insn->has_modrm || has_register_form(insn));
}

/* A string's accesses, and the segment that a prefix changes: of DS:rSI; without that, ES. */
static RARE void describe_string(struct emu_insn *insn, const struct emu_row *row)
{
	unsigned int first = row->operand[0], second = row->operand[1];

	insn->is_string = true;
	insn->writes_memory = row->flags & W && emu_is_kind(first, KIND_Y);
	insn->reads_memory = second & OPD_STRING || (first & OPD_STRING && row->flags & R);
	if (!emu_is_kind(first, KIND_X) && !emu_is_kind(second, KIND_X))
		insn->segment = SEG_ES;
}

/* The size of the main operand, and how a memory operand is accessed. */
static inline void describe_operands(struct emu_insn *insn, const struct emu_row *row,
				     unsigned int flags, unsigned int main)
{
	unsigned int access =
		row->operand[0] & OPD_RM ? flags : R; /* operands but the first are read */

	/*
	 * CALL and PUSH of an immediate push values of another width than the operand's; a vector
	 * has no size.
	 */
	if ((main & WIDE_MASK) != WIDE_V && (main & (OPD_IMM | OPD_RM)) != OPD_IMM) {
		unsigned int size = emu_wide_bytes(main, insn->operand_size);

		if (size)
			insn->operand_size = (uint8_t)size;
	}
	insn->reads_memory = access & R;
	insn->writes_memory = access >> 1 & 1;
}

_Static_assert(R == 1 && W == 2, "describe_operands() takes them for bool");

/* The facts for callers that need the row: sizes, kinds of access. */
static inline void describe(struct emu_insn *insn, const struct emu_row *row, bool is_memory)
{
	unsigned int flags = row->flags;

	describe_operands(insn, row, flags, flags & MAIN1 ? row->operand[1] : row->operand[0]);
	if (!is_memory || flags & NOACC)
		insn->writes_memory = insn->reads_memory = false;
	insn->is_port = flags & PORT;
	if (flags & STRING)
		describe_string(insn, row);
}

/* Word by word: compilers make one REP STOS of the whole, which is slow for so few bytes. */
static inline void clear(struct emu_insn *insn)
{
	uint8_t *rest = (uint8_t *)insn + offsetof(struct emu_insn, length);

	_Static_assert(sizeof(*insn) == offsetof(struct emu_insn, length) + 32, "in words");
	insn->row = NULL;
	insn->imm = 0;
	insn->disp = 0;
	__builtin_memset(rest, 0, 8);
	__builtin_memset(rest + 8, 0, 8);
	__builtin_memset(rest + 16, 0, 8);
	__builtin_memset(rest + 24, 0, 8);
	insn->base = -1;
	insn->index = -1;
}

/* VEX and EVEX know the length and legality of all, and the row of what is executed. */
static RARE enum emu_decoded decode_vex(struct decoder *decoder, struct emu_insn *insn,
					unsigned int first)
{
	const struct emu_row *row;
	enum emu_decoded decoded = emu_decode_vex(decoder, insn, first, &row);

	if (decoded == EMU_DECODED) {
		describe(insn, row, insn->is_memory);
		insn->row = row;
	}
	return decoded;
}

static inline enum emu_decoded finish(struct emu_insn *insn, const struct emu_row *row)
{
	if (unlikely(!row->meaning))
		return row->flags & NOACC ? EMU_DECODE_NO_ACCESS : EMU_DECODE_UNIMPLEMENTED;
	insn->row = row;
	return EMU_DECODED;
}

/* The legacy maps; `effective` is the operand size by mode and prefixes. */
static inline enum emu_decoded decode_legacy(struct decoder *decoder, struct emu_insn *insn,
					     unsigned int byte, unsigned int effective)
{
	enum emu_mode mode = decoder->mode;
	const struct emu_row *row = decode_opcode(decoder, insn, byte);
	/* Read once: any byte that is stored could be one of the row's to the compiler. */
	unsigned int flags = row->flags, shape = row->shape;
	bool is_memory = insn->is_memory;

	if (flags & (F64 | D64) && mode == EMU_LONG64)
		effective = flags & D64 && effective == 2 ? 2 : 8;
	insn->operand_size = (uint8_t)effective;
	/* Most ask for nothing but what is the same for all of them. */
	if (likely(is_memory && !(flags & UNUSUAL) && !(shape & (OPD_IMM | OPD_NOMEM)) &&
		   !(insn->prefixes & EMU_PREFIX_LOCK))) {
		describe_operands(insn, row, flags, row->operand[0]);
		return finish(insn, row);
	}
	if (shape & OPD_IMM) {
		struct decoder rare = *decoder;

		decode_immediates(&rare, insn, row);
		decoder->cursor = rare.cursor;
	}

	if (flags & CONDITIONS && !is_legal_row(insn, row, mode))
		return EMU_DECODE_INVALID;
	if (!is_legal_form(insn, flags, shape, is_memory))
		return EMU_DECODE_INVALID;
	describe(insn, row, is_memory);
	if (!is_memory && !(flags & (STRING | PORT | STACK)))
		return EMU_DECODE_NO_ACCESS;
	return finish(insn, row);
}

enum emu_decoded emu_decode(const uint8_t *bytes, unsigned int n_bytes, enum emu_mode mode,
			    struct emu_insn *insn)
{
	uint8_t window[WINDOW_BYTES];
	unsigned int n_window = fill_window(window, bytes, n_bytes);
	struct decoder decoder = { .cursor = { .next = window }, .mode = mode, .override = -1 };
	enum emu_decoded decoded;
	unsigned int byte, kind, which, length, size;

	clear(insn);
	byte = next_byte(&decoder.cursor);
	kind = prefix_bytes[byte];
	if (kind) {
		/* Most have one prefix, REX, or both. */
		if (kind < BYTE_REX) {
			insn->prefixes = (uint8_t)kind;
			byte = next_byte(&decoder.cursor);
			kind = prefix_bytes[byte];
		}
		if (kind == BYTE_REX && mode == EMU_LONG64) {
			insn->rex = (uint8_t)byte;
			insn->prefixes |= EMU_PREFIX_REX;
			byte = next_byte(&decoder.cursor);
			kind = prefix_bytes[byte];
		}
		if (kind && kind != BYTE_VEX) {
			struct decoder rare = { { window }, mode, -1 };

			byte = decode_prefixes(&rare, insn);
			kind = prefix_bytes[byte];
			decoder.cursor = rare.cursor;
			decoder.override = rare.override;
		}
	}

	which = insn->prefixes / EMU_PREFIX_66 % 4;
	size = insn->rex & REX_W ? 8 : sizes[mode][which].operand;
	insn->address_size = sizes[mode][which].address;
	insn->segment = SEG_DS;
	if (kind == BYTE_VEX && is_vex(&decoder)) {
		struct decoder rare = decoder;

		decoded = decode_vex(&rare, insn, byte);
		decoder.cursor = rare.cursor;
	} else {
		decoded = decode_legacy(&decoder, insn, byte, size);
	}

	/* The segment of the operand: a prefix, SS for rSP and rBP; ES of a string stays. */
	if (insn->segment == SEG_DS) {
		if (decoder.override >= 0)
			insn->segment = (uint8_t)decoder.override;
		else if ((insn->base | 1) == 5)
			insn->segment = SEG_SS;
	}
	length = (unsigned int)(decoder.cursor.next - window);
	insn->length = (uint8_t)length;
	if (length > n_window) {
		insn->row = NULL;
		return n_bytes < EMU_MAX_INSN_BYTES ? EMU_DECODE_MORE_BYTES : EMU_DECODE_TOO_LONG;
	}
	return decoded;
}

const char *emu_insn_name(const struct emu_insn *insn)
{
	return insn->row ? insn->row->text : "(none)";
}
