/* SPDX-License-Identifier: MIT */
/*
 * The state of one decoding, shared by decode.c (prefixes, legacy maps, ModRM) and vex.c (VEX and
 * EVEX). Nobody else includes this.
 */
#ifndef EMU_DECODER_H
#define EMU_DECODER_H

#include "emu/row.h"

/*
 * The bytes to come, never fewer than are asked for: what is decoded is a copy with zeros behind
 * it, and emu_decode() looks in the end whether the cursor has passed the bytes that there were.
 */
struct cursor {
	const uint8_t *next;
};

struct decoder {
	struct cursor cursor;
	enum emu_mode mode;
	int override; /* enum x86_seg of a segment prefix, -1 none */
};

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

static inline unsigned int next_byte(struct cursor *cursor)
{
	return *cursor->next++;
}

/* The next n bytes (1 2 4 6 8), little-endian. */
static inline uint64_t next_bytes(struct cursor *cursor, unsigned int n)
{
	const uint8_t *from = cursor->next;
	uint64_t value;

	__builtin_memcpy(&value, from, sizeof(value));
	cursor->next += n;
	return value & (~0ull >> (64 - 8 * n));
}

/* The next n bytes (1 2 4 8), sign-extended. */
static inline int64_t next_signed(struct cursor *cursor, unsigned int n)
{
	uint64_t value;

	__builtin_memcpy(&value, cursor->next, sizeof(value));
	cursor->next += n;
	return (int64_t)(value << (64 - 8 * n)) >> (64 - 8 * n);
}

/* ModRM, SIB and displacement; with `is_register` ModRM.mod is ignored. decode.c */
void emu_decode_modrm(struct decoder *decoder, struct emu_insn *insn, bool is_register);

/*
 * All that follows `first`, a byte of 62 C4 C5 that begins an EVEX or VEX prefix. The answer is
 * final but for bytes that are missing; EMU_DECODED comes with the row.
 */
enum emu_decoded emu_decode_vex(struct decoder *decoder, struct emu_insn *insn, unsigned int first,
				const struct emu_row **row);

#endif
