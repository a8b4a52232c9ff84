/* SPDX-License-Identifier: MIT */
/*
 * The rows of the opcode tables. For emu/ only.
 *
 * A row is an instruction in the notation of SDM 2 "Opcode Map": a name, up to three operands (a
 * letter for where the operand is, a letter for how wide), their use, and the function that gives
 * the meaning. Decoding needs the shape alone; a row without a meaning is legal and not implemented
 * (or touches no memory). The tables of the four legacy maps are complete.
 */
#ifndef EMU_ROW_H
#define EMU_ROW_H

#include "emu/emu.h"
#include "x86/compiler.h"

struct emu_run;
typedef enum emu_outcome emu_meaning(struct emu_run *run);

#define EMU_ROW_OPERANDS 3

struct emu_row {
	const char *text; /* "MOV Ev, Gv" */
	union {
		emu_meaning *meaning;
		const struct emu_row *group; /* with ROW_GROUP: 8 by ModRM.reg, 16 with _MOD3 … */
	};
	uint16_t operand[EMU_ROW_OPERANDS];
	uint16_t shape;	 /* OR of the operands */
	uint32_t flags;	 /* ROW_… */
	uint16_t key;	 /* rows of VEX and EVEX: EMU_VEX_KEY() */
	uint8_t feature; /* enum emu_feature */
	uint8_t vector;	 /* parameters of the meaning, vector rows alone */
};

_Static_assert(sizeof(struct emu_row) == 32, "the tables are most of the emulator's size");

/*
 * The key by which a VEX or EVEX row is found: map (1 to 6), mandatory prefix (0 none, 1 66, 2 F3,
 * 3 F2), opcode.
 */
#define EMU_VEX_KEY(map, prefix, opcode) ((map) << 10 | (prefix) << 8 | (opcode))

/*
 * In the flags of the macros below, above those of enum: the row is #UD on a processor without this
 * (enum emu_feature); the row's `vector`; its key.
 */
#define NEEDS(feature_name)	((uint64_t)(feature_name) << 32)
#define VECTOR(parameters)	((uint64_t)(parameters) << 40)
#define AT(map, prefix, opcode) ((uint64_t)EMU_VEX_KEY(map, prefix, opcode) << 48)

/* Rows by operand count, and a row that leads to a group: the five macros of the tables. */
#define ROW_REST(row_flags, row_meaning)                                                   \
	.flags = (uint32_t)(row_flags), .feature = (uint8_t)((uint64_t)(row_flags) >> 32), \
	.vector = (uint8_t)((uint64_t)(row_flags) >> 40),                                  \
	.key = (uint16_t)((uint64_t)(row_flags) >> 48), .meaning = (row_meaning)
#define OP0(name, row_flags, row_meaning)                      \
	{                                                      \
		.text = name, ROW_REST(row_flags, row_meaning) \
	}
#define OP1(name, a, row_flags, row_meaning)                         \
	{                                                            \
		.text = name " " #a, .operand = { a }, .shape = (a), \
		ROW_REST(row_flags, row_meaning)                     \
	}
#define OP2(name, a, b, row_flags, row_meaning)                                       \
	{                                                                             \
		.text = name " " #a ", " #b, .operand = { a, b }, .shape = (a) | (b), \
		ROW_REST(row_flags, row_meaning)                                      \
	}
#define OP3(name, a, b, c, row_flags, row_meaning)                           \
	{                                                                    \
		.text = name " " #a ", " #b ", " #c, .operand = { a, b, c }, \
		.shape = (a) | (b) | (c), ROW_REST(row_flags, row_meaning)   \
	}
#define GROUP(rows, row_flags)                                                                     \
	{                                                                                          \
		.text = #rows, .group = rows, .shape = OPD_MODRM, .flags = ROW_GROUP | (row_flags) \
	}

enum {
	/* The use of operand 0; operands 1 and 2 are read. */
	R = 1 << 0,
	W = 1 << 1,
	RW = R | W,
	W1 = 1 << 2, /* operand 1, a register, is written too */

	LOCK = 1 << 3,	 /* a LOCK prefix is legal with a memory destination */
	XLOCK = 1 << 4,	 /* locked with or without the prefix */
	OWN = 1 << 5,	 /* the meaning accesses its operands itself */
	STRING = 1 << 6, /* RCX, RSI, RDI */
	PORT = 1 << 7,	 /* DX or Ib is a port */
	STACK = 1 << 8,	 /* touches memory that no operand names: stack, tables, [rBX + AL] */
	NOACC = 1 << 9,	 /* its memory operand is not accessed: LEA, NOP, PREFETCH, INVLPG */
	BITS = 1 << 10,	 /* operand 1 is a bit offset from the address in operand 0 */
	SREG = 1 << 11,	 /* MOV from or to a segment register */

	UD = 1 << 12,	/* no instruction */
	I64 = 1 << 13,	/* invalid in 64-bit mode */
	O64 = 1 << 14,	/* 64-bit mode only */
	PROT = 1 << 15, /* not recognised in real and virtual-8086 mode */
	/* The mandatory prefixes that exist; with none of these four they do not matter. */
	NP = 1 << 16,
	P66 = 1 << 17,
	PF3 = 1 << 18,
	PF2 = 1 << 19,

	D64 = 1 << 20,	/* 64-bit mode: operand size 8, or 2 with 66 */
	F64 = 1 << 21,	/* 64-bit mode: operand size 8 */
	MOD3 = 1 << 22, /* ModRM.mod is ignored, r/m is a register */
	ROW_GROUP = 1 << 23,
	ROW_GROUP_MOD3 = 1 << 24,   /* rows 8 to 15 are for ModRM.mod = 3 */
	ROW_GROUP_PREFIX = 1 << 25, /* not by ModRM.reg but by prefix: none, 66, F3, F2 */
	ROW_GROUP_MODE = 1 << 26,   /* not by ModRM.reg but by mode: legacy, 64-bit */
	MAIN1 = 1 << 28,	    /* the main operand, that of operand_size, is operand 1 */
};

/*
 * `vector`: the bytes of the memory operand; the bytes of an element, which EVEX.W alone decides (4
 * or 8) but for these; and what else the meaning must know.
 */
enum {
	MEM1,
	MEM2,
	MEM4,
	MEM8,
	MEM16,
	MEM32,
	MEM_ALL, /* a whole vector */
	MEM_Y,	 /* 4, or 8 with W in 64-bit mode */
	MEM_MASK = 7,
	BYTES_BY_W = 1 << 3, /* an element is 1 or 2 bytes */
	ELEMENT4 = 2 << 3,
	ELEMENT8 = 3 << 3,
	ELEMENT_MASK = 3 << 3,
	ALIGNED = 1 << 5,
	MMX = 1 << 6,
	EVEX_TOO = 1 << 7, /* a row of VEX that serves EVEX as well */
};

/*
 * Operands, 16 bits: how wide (bits 0-3), where (bits 4-8), and what that means for the shape of
 * the instruction (bits 9-14), so that the OR of a row's operands is the row's shape.
 */
enum {
	WIDE_B = 1,	/* byte */
	WIDE_W = 2,	/* word */
	WIDE_D = 3,	/* dword */
	WIDE_Q = 4,	/* qword */
	WIDE_V = 5,	/* operand size: 2, 4 or 8 */
	WIDE_Z = 6,	/* 2, or 4 for operand size 4 and 8 */
	WIDE_Y = 7,	/* 4, or 8 for operand size 8 */
	WIDE_SB = 8,	/* immediate byte, sign-extended */
	WIDE_P = 9,	/* far pointer or table register; of operand size: 2, 4 or 8 */
	WIDE_X = 10,	/* by the row's meaning: vectors, x87, tables */
	WIDE_PAIR = 11, /* two dwords, or two qwords for operand size 8 */
	WIDE_MASK = 0xf,

	OPD_KIND = 0x1f << 4,
	OPD_MODRM = 1 << 9,
	OPD_RM = 1 << 10,     /* r/m or moffs: the operand that can be memory */
	OPD_IMM = 1 << 11,    /* bytes after the displacement */
	OPD_NOREG = 1 << 12,  /* memory only */
	OPD_NOMEM = 1 << 13,  /* register only */
	OPD_STRING = 1 << 14, /* [rSI] or [rDI] */

	KIND_E = 1 << 4 | OPD_MODRM | OPD_RM,		  /* r/m */
	KIND_M = 2 << 4 | OPD_MODRM | OPD_RM | OPD_NOREG, /* r/m, memory */
	KIND_R = 3 << 4 | OPD_MODRM | OPD_NOMEM,	  /* r/m, register */
	KIND_G = 4 << 4 | OPD_MODRM,			  /* ModRM.reg */
	KIND_S = 5 << 4 | OPD_MODRM,			  /* ModRM.reg, segment register */
	KIND_I = 6 << 4 | OPD_IMM,
	KIND_J = 7 << 4 | OPD_IMM,	    /* relative branch */
	KIND_O = 8 << 4 | OPD_RM | OPD_IMM, /* moffs */
	KIND_A = 9 << 4 | OPD_IMM,	    /* far pointer in the instruction */
	KIND_X = 10 << 4 | OPD_STRING,	    /* DS:rSI */
	KIND_Y = 11 << 4 | OPD_STRING,	    /* ES:rDI */
	KIND_Z = 12 << 4,		    /* low three bits of the opcode */
	KIND_ACC = 13 << 4,
	KIND_CL = 14 << 4,
	KIND_DX = 15 << 4,
	KIND_ONE = 16 << 4,
	KIND_V = 17 << 4 | OPD_MODRM,		  /* ModRM.reg, vector or MMX or control */
	KIND_W = 18 << 4 | OPD_MODRM | OPD_RM,	  /* r/m, vector or MMX or memory */
	KIND_U = 19 << 4 | OPD_MODRM | OPD_NOMEM, /* r/m, vector or MMX */
	KIND_B = 20 << 4,			  /* VEX.vvvv, general */
	KIND_H = 21 << 4,			  /* VEX.vvvv, vector */

	Eb = KIND_E | WIDE_B,
	Ew = KIND_E | WIDE_W,
	Ed = KIND_E | WIDE_D,
	Ev = KIND_E | WIDE_V,
	Ey = KIND_E | WIDE_Y,
	Eq = KIND_E | WIDE_Q,
	Ep = KIND_E | WIDE_P,
	Ex = KIND_E | WIDE_X,
	Mb = KIND_M | WIDE_B,
	Mw = KIND_M | WIDE_W,
	Md = KIND_M | WIDE_D,
	Mq = KIND_M | WIDE_Q,
	My = KIND_M | WIDE_Y,
	Mp = KIND_M | WIDE_P,
	Mx = KIND_M | WIDE_X,
	Ms = KIND_M | WIDE_P,
	Mv = KIND_M | WIDE_V,
	Mpair = KIND_M | WIDE_PAIR,
	Rv = KIND_R | WIDE_V,
	Ry = KIND_R | WIDE_Y,
	Rd = KIND_R | WIDE_D,
	Gb = KIND_G | WIDE_B,
	Gw = KIND_G | WIDE_W,
	Gd = KIND_G | WIDE_D,
	Gv = KIND_G | WIDE_V,
	Gy = KIND_G | WIDE_Y,
	By = KIND_B | WIDE_Y,
	Sw = KIND_S | WIDE_W,
	Ib = KIND_I | WIDE_B,
	sIb = KIND_I | WIDE_SB,
	Iw = KIND_I | WIDE_W,
	Iz = KIND_I | WIDE_Z,
	Iv = KIND_I | WIDE_V,
	Jb = KIND_J | WIDE_SB,
	Jz = KIND_J | WIDE_Z,
	Ob = KIND_O | WIDE_B,
	Ov = KIND_O | WIDE_V,
	Ap = KIND_A | WIDE_P,
	Xb = KIND_X | WIDE_B,
	Xv = KIND_X | WIDE_V,
	Xz = KIND_X | WIDE_Z,
	Yb = KIND_Y | WIDE_B,
	Yv = KIND_Y | WIDE_V,
	Yz = KIND_Y | WIDE_Z,
	Zb = KIND_Z | WIDE_B,
	Zv = KIND_Z | WIDE_V,
	AL = KIND_ACC | WIDE_B,
	rAX = KIND_ACC | WIDE_V,
	eAX = KIND_ACC | WIDE_Z,
	CL = KIND_CL | WIDE_B,
	DX = KIND_DX | WIDE_W,
	One = KIND_ONE | WIDE_B,
	Vx = KIND_V | WIDE_X,
	Wx = KIND_W | WIDE_X,
	Ww = KIND_W | WIDE_W,
	Wd = KIND_W | WIDE_D,
	Wq = KIND_W | WIDE_Q,
	Ux = KIND_U | WIDE_X,
	Hx = KIND_H | WIDE_X,
};

extern const struct emu_row emu_map_one[256];

/* The other maps: an opcode's number of a row; 0 is no instruction. */
extern const uint8_t emu_map_0f[256], emu_map_0f38[256], emu_map_0f3a[256];
extern const struct emu_row emu_rows_0f[], emu_rows_0f38[], emu_rows_0f3a[];

/* Vector moves of the 0F map by mandatory prefix, map_sse.c. */
extern const struct emu_row emu_sse_10[4], emu_sse_11[4], emu_sse_12[4], emu_sse_16[4],
	emu_sse_2b[4], emu_sse_6e[4], emu_sse_6f[4], emu_sse_7e[4], emu_sse_7f[4], emu_sse_c4[4],
	emu_sse_d6[4], emu_sse_e7[4], emu_sse_f7[4];
extern const struct emu_row emu_rows_x87[8][8]; /* memory forms of D8 to DF */

/*
 * The rows of VEX and EVEX that are executed, ascending by key. vex.c knows which opcodes exist at
 * all.
 */
extern const struct emu_row emu_rows_bmi[], emu_rows_vex[], emu_rows_evex[];
extern const unsigned int emu_n_rows_bmi, emu_n_rows_vex, emu_n_rows_evex;

static inline bool emu_is_kind(unsigned int operand, unsigned int kind)
{
	return ((operand ^ kind) & OPD_KIND) == 0;
}

/* Bytes of an operand of `wide` at operand size `size`; 0 when the meaning decides. */
static inline unsigned int emu_wide_bytes(unsigned int wide, unsigned int size)
{
	/* By size / 2 (1 2 4 8 16), by WIDE_ from B to PAIR. */
	static const uint8_t bytes[9][16] = {
		[0] = { 0, 1, 2, 4, 8, 1, 4, 4, 1, 1, 0, 8 },
		[1] = { 0, 1, 2, 4, 8, 2, 2, 4, 1, 2, 0, 8 },
		[2] = { 0, 1, 2, 4, 8, 4, 4, 4, 1, 4, 0, 8 },
		[4] = { 0, 1, 2, 4, 8, 8, 4, 8, 1, 8, 0, 16 },
		[8] = { 0, 1, 2, 4, 8, 16, 4, 8, 1, 8, 0, 16 },
	};

	return bytes[size >> 1][wide & WIDE_MASK];
}

#endif
