/* SPDX-License-Identifier: MIT */
/* EVEX vector moves that VEX does not have, ascending by key; the others are in map_vex.c. */
#include <stddef.h>

#include "emu/run.h"

const struct emu_row emu_rows_evex[] = {
	OP2("VMOVDQU8/16", Vx, Wx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(1, 3, 0x6f) | VECTOR(MEM_ALL | BYTES_BY_W),
	    emu_x_vec_load),
	OP2("VMOVDQU8/16", Wx, Vx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(1, 3, 0x7f) | VECTOR(MEM_ALL | BYTES_BY_W),
	    emu_x_vec_store),
	OP2("VBROADCASTF32X8/64X4", Vx, Mx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(2, 1, 0x1b) | VECTOR(MEM32), emu_x_vec_broadcast),
	OP2("VBROADCASTI32X8/64X4", Vx, Mx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(2, 1, 0x5b) | VECTOR(MEM32), emu_x_vec_broadcast),
	OP3("VINSERTF32X8/64X4", Vx, Hx, Wx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(3, 1, 0x1a) | VECTOR(MEM32), emu_x_vec_insert),
	OP3("VEXTRACTF32X8/64X4", Wx, Vx, Ib,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(3, 1, 0x1b) | VECTOR(MEM32), emu_x_vec_store),
	OP3("VINSERTI32X8/64X4", Vx, Hx, Wx,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(3, 1, 0x3a) | VECTOR(MEM32), emu_x_vec_insert),
	OP3("VEXTRACTI32X8/64X4", Wx, Vx, Ib,
	    OWN | W | NEEDS(EMU_AVX512F) | AT(3, 1, 0x3b) | VECTOR(MEM32), emu_x_vec_store),
};

const unsigned int emu_n_rows_evex = sizeof(emu_rows_evex) / sizeof(emu_rows_evex[0]);
