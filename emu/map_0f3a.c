/* SPDX-License-Identifier: MIT */
/*
 * The 0F 3A opcode map, SDM 2 "Three-byte Opcode Map": sparse as 0F 38, and all with an immediate
 * byte.
 */
#include <stddef.h>

#include "emu/run.h"

enum {
	NONE,
	SSE4_1,
	PALIGNR,
	PEXTRB,
	PEXTRW,
	PEXTRD,
	EXTRACTPS,
	PINSRB,
	INSERTPS,
	PINSRD,
	SSE4_2,
	SHA1RNDS4,
	GFNI,
	AESKEYGEN,
	HRESET,
};

const struct emu_row emu_rows_0f3a[] = {
	[NONE] = OP0("(none)", UD, NULL),
	[SSE4_1] = OP3("(SSE4.1)", Vx, Wx, Ib, RW | P66, NULL),
	[PALIGNR] = OP3("PALIGNR", Vx, Wx, Ib, RW | NP | P66, NULL),
	[PEXTRB] = OP3("PEXTRB", Eb, Vx, Ib, OWN | W | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM1),
		       emu_x_vec_store),
	[PEXTRW] = OP3("PEXTRW", Ew, Vx, Ib, OWN | W | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM2),
		       emu_x_vec_store),
	[PEXTRD] = OP3("PEXTRD/Q", Ey, Vx, Ib, OWN | W | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM_Y),
		       emu_x_vec_store),
	[EXTRACTPS] = OP3("EXTRACTPS", Ed, Vx, Ib, OWN | W | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM4),
			  emu_x_vec_store),
	[PINSRB] = OP3("PINSRB", Vx, Eb, Ib, OWN | RW | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM1),
		       emu_x_vec_insert),
	[INSERTPS] = OP3("INSERTPS", Vx, Wd, Ib, OWN | RW | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM4),
			 emu_x_vec_insert),
	[PINSRD] = OP3("PINSRD/Q", Vx, Ey, Ib, OWN | RW | P66 | NEEDS(EMU_SSE4_1) | VECTOR(MEM_Y),
		       emu_x_vec_insert),
	[SSE4_2] = OP3("(SSE4.2)", Vx, Wx, Ib, R | P66, NULL),
	[SHA1RNDS4] = OP3("SHA1RNDS4", Vx, Wx, Ib, RW | NP, NULL),
	[GFNI] = OP3("(GFNI)", Vx, Wx, Ib, RW | P66, NULL),
	[AESKEYGEN] = OP3("AESKEYGENASSIST", Vx, Wx, Ib, RW | P66, NULL),
	[HRESET] = OP2("HRESET", Ux, Ib, PF3, NULL),
};

const uint8_t emu_map_0f3a[256] = {
	[0x08 ... 0x0e] = SSE4_1, [0x0f] = PALIGNR,	  [0x14] = PEXTRB,
	[0x15] = PEXTRW,	  [0x16] = PEXTRD,	  [0x17] = EXTRACTPS,
	[0x20] = PINSRB,	  [0x21] = INSERTPS,	  [0x22] = PINSRD,
	[0x40 ... 0x42] = SSE4_1, [0x44] = SSE4_1,	  [0x60 ... 0x63] = SSE4_2,
	[0xcc] = SHA1RNDS4,	  [0xce ... 0xcf] = GFNI, [0xdf] = AESKEYGEN,
	[0xf0] = HRESET,
};
