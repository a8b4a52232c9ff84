/* SPDX-License-Identifier: MIT */
/*
 * The form in which a VEX or EVEX opcode is an instruction: one word, in the notation of the opcode
 * column of SDM 2. emu/vex*.c only.
 *
 * Tables are by map and mandatory prefix, ascending by opcode. An opcode can have more than one
 * word: the first that agrees in W, L, ModRM.mod and ModRM.reg holds. If no word agrees the
 * instruction is #UD.
 */
#ifndef EMU_VEX_SHAPE_H
#define EMU_VEX_SHAPE_H

#include <stdint.h>

enum {
	/* W. Outside 64-bit mode it is compared too: it selects the instruction there as well. */
	W_0 = 1 << 0,
	W_1 = 1 << 1,
	W_01 = W_0 | W_1, /* two instructions of one form */
	W_IG = W_0 | W_1, /* ignored */

	/* Vector length. LIG of VEX has two values, LZ is L128. */
	L128 = 1 << 2,
	L256 = 1 << 3,
	L512 = 1 << 4,
	LIG = L128 | L256,
	LALL = L128 | L256 | L512,

	/* ModRM.mod. */
	MEM = 1 << 5,
	REG = 1 << 6,
	RM = MEM | REG,

	NDS = 1 << 7, /* vvvv is an operand; without it vvvv must be 1111b */
	IB = 1 << 8,  /* an immediate byte follows, or /is4 */

	/*
	 * SDM 2 "Compressed Displacement (disp8*N)": N as a fixed number of bytes, or by W (4 or
	 * 8), or a part of the vector. TDUP is MOVDDUP's.
	 */
	SHAPE_TUPLE = 15 << 9,
	T1 = 0 << 9,
	T2 = 1 << 9,
	T4 = 2 << 9,
	T8 = 3 << 9,
	T16 = 4 << 9,
	T32 = 5 << 9,
	TW = 6 << 9,
	VL = 7 << 9,
	VL2 = 8 << 9, /* half of it, a quarter, an eighth */
	VL4 = 9 << 9,
	VL8 = 10 << 9,
	TDUP = 11 << 9,
	TY = 12 << 9, /* a general register: 8 with W in 64-bit mode, else 4 */

	/*
	 * EVEX.b: with memory a broadcast of 4 or 8 bytes by W or of 2; with a register rounding or
	 * SAE.
	 */
	BCST = 1 << 13,
	BCST16 = 1 << 14,
	RC = 1 << 15,

	/* EVEX.aaa and z; without any of these both are 0. */
	SHAPE_MASKING = 7 << 16,
	KM = 1 << 16,	  /* merging */
	KZ = 2 << 16,	  /* merging or zeroing */
	KST = 3 << 16,	  /* merging, and zeroing if ModRM names a register */
	K_MUST = 4 << 16, /* a mask other than k0 */

	/* Rules of few instructions, or ModRM.reg as part of the opcode. */
	SHAPE_RULE = 15 << 19,
	REG_K = 1 << 19,   /* ModRM.reg, and vvvv in VEX, are opmasks: not above 7 */
	REG_G = 2 << 19,   /* ModRM.reg is a general register: not above 15 */
	GATHER = 3 << 19,  /* VSIB; destination, index and (VEX) mask are distinct */
	SCATTER = 4 << 19, /* VSIB */
	COMPLEX = 5 << 19, /* the destination is neither source */
	TILE = 6 << 19,	   /* AMX: by opcode */

	ONLY64 = 1 << 23, /* 64-bit mode only */
};

#define SHAPE_OPCODE_SHIFT 24

/* /n */
#define EXT(n)		 ((8u + (n)) << 19)
#define SHAPE_HAS_EXT	 (8u << 19)
#define SHAPE_EXT(shape) ((shape) >> 19 & 7)

#define V(opcode, w, l, mod, more)                                                  \
	((uint32_t)(opcode) << SHAPE_OPCODE_SHIFT | (uint32_t)((w) | (l) | (mod)) | \
	 (uint32_t)(more))
#define E(opcode, w, l, mod, more) V(opcode, w, l, mod, more)

struct emu_vex_section {
	const uint32_t *shapes;
	unsigned int n;
};

#define SECTION(table)                                    \
	{                                                 \
		table, sizeof(table) / sizeof((table)[0]) \
	}

/* By map, the first being 0F, and by mandatory prefix: none, 66, F3, F2. */
#define EMU_VEX_MAPS  3
#define EMU_EVEX_MAPS 6
extern const struct emu_vex_section emu_vex_sections[EMU_VEX_MAPS][4];
extern const struct emu_vex_section emu_evex_sections[EMU_EVEX_MAPS][4];

#endif
