/* SPDX-License-Identifier: MIT */
/*
 * Legacy vector moves of the 0F map that their mandatory prefix tells apart, SDM 2 "Two-byte Opcode
 * Map": none, 66, F3, F2.
 */
#include <stddef.h>

#include "emu/run.h"

const struct emu_row emu_sse_10[4] = {
	OP2("MOVUPS", Vx, Wx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_load),
	OP2("MOVUPD", Vx, Wx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_load),
	OP2("MOVSS", Vx, Wx, OWN | W | VECTOR(MEM4), emu_x_vec_load),
	OP2("MOVSD", Vx, Wx, OWN | W | VECTOR(MEM8), emu_x_vec_load),
};

const struct emu_row emu_sse_11[4] = {
	OP2("MOVUPS", Wx, Vx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_store),
	OP2("MOVUPD", Wx, Vx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_store),
	OP2("MOVSS", Wx, Vx, OWN | W | VECTOR(MEM4), emu_x_vec_store),
	OP2("MOVSD", Wx, Vx, OWN | W | VECTOR(MEM8), emu_x_vec_store),
};

const struct emu_row emu_sse_12[4] = {
	OP2("MOVLPS", Vx, Wx, OWN | W | VECTOR(MEM8), emu_x_vec_insert),
	OP2("MOVLPD", Vx, Mx, OWN | W | VECTOR(MEM8), emu_x_vec_insert),
	OP2("MOVSLDUP", Vx, Wx, OWN | W | NEEDS(EMU_SSE3) | VECTOR(MEM_ALL | ALIGNED),
	    emu_x_vec_dup),
	OP2("MOVDDUP", Vx, Wx, OWN | W | NEEDS(EMU_SSE3) | VECTOR(MEM_ALL), emu_x_vec_dup),
};

const struct emu_row emu_sse_16[4] = {
	OP2("MOVHPS", Vx, Wx, OWN | W | VECTOR(MEM8), emu_x_vec_insert),
	OP2("MOVHPD", Vx, Mx, OWN | W | VECTOR(MEM8), emu_x_vec_insert),
	OP2("MOVSHDUP", Vx, Wx, OWN | W | NEEDS(EMU_SSE3) | VECTOR(MEM_ALL | ALIGNED),
	    emu_x_vec_dup),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_2b[4] = {
	OP2("MOVNTPS", Mx, Vx, OWN | W | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_store),
	OP2("MOVNTPD", Mx, Vx, OWN | W | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_store),
	OP2("MOVNTSS", Mx, Vx, OWN | W | NEEDS(EMU_SSE4A) | VECTOR(MEM4), emu_x_vec_store),
	OP2("MOVNTSD", Mx, Vx, OWN | W | NEEDS(EMU_SSE4A) | VECTOR(MEM8), emu_x_vec_store),
};

const struct emu_row emu_sse_6e[4] = {
	OP2("MOVD/Q mm", Vx, Ey, OWN | W | VECTOR(MEM_Y | MMX), emu_x_vec_load),
	OP2("MOVD/Q", Vx, Ey, OWN | W | VECTOR(MEM_Y), emu_x_vec_load),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_6f[4] = {
	OP2("MOVQ mm", Vx, Wx, OWN | W | VECTOR(MEM8 | MMX), emu_x_vec_load),
	OP2("MOVDQA", Vx, Wx, OWN | W | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_load),
	OP2("MOVDQU", Vx, Wx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_load),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_7e[4] = {
	OP2("MOVD/Q mm", Ey, Vx, OWN | W | VECTOR(MEM_Y | MMX), emu_x_vec_store),
	OP2("MOVD/Q", Ey, Vx, OWN | W | VECTOR(MEM_Y), emu_x_vec_store),
	OP2("MOVQ", Vx, Wx, OWN | W | VECTOR(MEM8), emu_x_vec_load),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_7f[4] = {
	OP2("MOVQ mm", Wx, Vx, OWN | W | VECTOR(MEM8 | MMX), emu_x_vec_store),
	OP2("MOVDQA", Wx, Vx, OWN | W | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_store),
	OP2("MOVDQU", Wx, Vx, OWN | W | VECTOR(MEM_ALL), emu_x_vec_store),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_c4[4] = {
	OP3("PINSRW mm", Vx, Ew, Ib, OWN | W | VECTOR(MEM2 | MMX), emu_x_vec_insert),
	OP3("PINSRW", Vx, Ew, Ib, OWN | W | VECTOR(MEM2), emu_x_vec_insert),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_d6[4] = {
	OP0("(none)", UD, NULL),
	OP2("MOVQ", Wx, Vx, OWN | W | VECTOR(MEM8), emu_x_vec_store),
	OP2("MOVQ2DQ", Vx, Ux, W, NULL),
	OP2("MOVDQ2Q", Vx, Ux, W, NULL),
};

const struct emu_row emu_sse_e7[4] = {
	OP2("MOVNTQ", Mx, Vx, OWN | W | VECTOR(MEM8 | MMX), emu_x_vec_store),
	OP2("MOVNTDQ", Mx, Vx, OWN | W | VECTOR(MEM_ALL | ALIGNED), emu_x_vec_store),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};

const struct emu_row emu_sse_f7[4] = {
	OP2("MASKMOVQ", Vx, Ux, OWN | R | STACK | VECTOR(MEM8 | MMX), emu_x_maskmov),
	OP2("MASKMOVDQU", Vx, Ux, OWN | R | STACK | VECTOR(MEM16), emu_x_maskmov),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};
