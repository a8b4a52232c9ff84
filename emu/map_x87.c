/* SPDX-License-Identifier: MIT */
/*
 * D8 to DF with a memory operand, SDM 2 "Opcode Maps for x87": loads and stores are executed,
 * arithmetic and whole environments are shapes. Register forms have the same length and touch no
 * memory; which of them exist is not told apart here.
 */
#include <stddef.h>

#include "emu/run.h"

const struct emu_row emu_rows_x87[8][8] = {
	[0] = {
		OP1("FADD", Ed, R, NULL),
		OP1("FMUL", Ed, R, NULL),
		OP1("FCOM", Ed, R, NULL),
		OP1("FCOMP", Ed, R, NULL),
		OP1("FSUB", Ed, R, NULL),
		OP1("FSUBR", Ed, R, NULL),
		OP1("FDIV", Ed, R, NULL),
		OP1("FDIVR", Ed, R, NULL),
	},
	[1] = {
		OP1("FLD", Ed, OWN | R, emu_x_fld),
		OP1("(none)", Ux, 0, NULL),
		OP1("FST", Ed, OWN | W, emu_x_fst),
		OP1("FSTP", Ed, OWN | W, emu_x_fst),
		OP1("FLDENV", Ex, R, NULL),
		OP1("FLDCW", Ew, OWN | R, emu_x_fcontrol),
		OP1("FNSTENV", Ex, W, NULL),
		OP1("FNSTCW", Ew, OWN | W, emu_x_fcontrol),
	},
	[2] = {
		OP1("FIADD", Ed, R, NULL),
		OP1("FIMUL", Ed, R, NULL),
		OP1("FICOM", Ed, R, NULL),
		OP1("FICOMP", Ed, R, NULL),
		OP1("FISUB", Ed, R, NULL),
		OP1("FISUBR", Ed, R, NULL),
		OP1("FIDIV", Ed, R, NULL),
		OP1("FIDIVR", Ed, R, NULL),
	},
	[3] = {
		OP1("FILD", Ed, OWN | R, emu_x_fld),
		OP1("FISTTP", Ed, OWN | W | NEEDS(EMU_SSE3), emu_x_fst),
		OP1("FIST", Ed, OWN | W, emu_x_fst),
		OP1("FISTP", Ed, OWN | W, emu_x_fst),
		OP1("(none)", Ux, 0, NULL),
		OP1("FLD", Ex, OWN | R, emu_x_fld),
		OP1("(none)", Ux, 0, NULL),
		OP1("FSTP", Ex, OWN | W, emu_x_fst),
	},
	[4] = {
		OP1("FADD", Eq, R, NULL),
		OP1("FMUL", Eq, R, NULL),
		OP1("FCOM", Eq, R, NULL),
		OP1("FCOMP", Eq, R, NULL),
		OP1("FSUB", Eq, R, NULL),
		OP1("FSUBR", Eq, R, NULL),
		OP1("FDIV", Eq, R, NULL),
		OP1("FDIVR", Eq, R, NULL),
	},
	[5] = {
		OP1("FLD", Eq, OWN | R, emu_x_fld),
		OP1("FISTTP", Eq, OWN | W | NEEDS(EMU_SSE3), emu_x_fst),
		OP1("FST", Eq, OWN | W, emu_x_fst),
		OP1("FSTP", Eq, OWN | W, emu_x_fst),
		OP1("FRSTOR", Ex, R, NULL),
		OP1("(none)", Ux, 0, NULL),
		OP1("FNSAVE", Ex, W, NULL),
		OP1("FNSTSW", Ew, OWN | W, emu_x_fcontrol),
	},
	[6] = {
		OP1("FIADD", Ew, R, NULL),
		OP1("FIMUL", Ew, R, NULL),
		OP1("FICOM", Ew, R, NULL),
		OP1("FICOMP", Ew, R, NULL),
		OP1("FISUB", Ew, R, NULL),
		OP1("FISUBR", Ew, R, NULL),
		OP1("FIDIV", Ew, R, NULL),
		OP1("FIDIVR", Ew, R, NULL),
	},
	[7] = {
		OP1("FILD", Ew, OWN | R, emu_x_fld),
		OP1("FISTTP", Ew, OWN | W | NEEDS(EMU_SSE3), emu_x_fst),
		OP1("FIST", Ew, OWN | W, emu_x_fst),
		OP1("FISTP", Ew, OWN | W, emu_x_fst),
		OP1("FBLD", Ex, R, NULL),
		OP1("FILD", Eq, OWN | R, emu_x_fld),
		OP1("FBSTP", Ex, W, NULL),
		OP1("FISTP", Eq, OWN | W, emu_x_fst),
	},
};
