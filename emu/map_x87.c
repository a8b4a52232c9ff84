/* SPDX-License-Identifier: MIT */
/*
 * D8 to DF with a memory operand, SDM 2 "Opcode Maps for x87": shapes only. Register forms have the
 * same length and touch no memory; which of them exist is not told apart here.
 */
#include <stddef.h>

#include "emu/row.h"

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
		OP1("FLD", Ed, R, NULL),
		OP1("(none)", Ux, 0, NULL),
		OP1("FST", Ed, W, NULL),
		OP1("FSTP", Ed, W, NULL),
		OP1("FLDENV", Ex, R, NULL),
		OP1("FLDCW", Ew, R, NULL),
		OP1("FNSTENV", Ex, W, NULL),
		OP1("FNSTCW", Ew, W, NULL),
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
		OP1("FILD", Ed, R, NULL),
		OP1("FISTTP", Ed, W, NULL),
		OP1("FIST", Ed, W, NULL),
		OP1("FISTP", Ed, W, NULL),
		OP1("(none)", Ux, 0, NULL),
		OP1("FLD", Ex, R, NULL),
		OP1("(none)", Ux, 0, NULL),
		OP1("FSTP", Ex, W, NULL),
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
		OP1("FLD", Eq, R, NULL),
		OP1("FISTTP", Eq, W, NULL),
		OP1("FST", Eq, W, NULL),
		OP1("FSTP", Eq, W, NULL),
		OP1("FRSTOR", Ex, R, NULL),
		OP1("(none)", Ux, 0, NULL),
		OP1("FNSAVE", Ex, W, NULL),
		OP1("FNSTSW", Ew, W, NULL),
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
		OP1("FILD", Ew, R, NULL),
		OP1("FISTTP", Ew, W, NULL),
		OP1("FIST", Ew, W, NULL),
		OP1("FISTP", Ew, W, NULL),
		OP1("FBLD", Ex, R, NULL),
		OP1("FILD", Eq, R, NULL),
		OP1("FBSTP", Ex, W, NULL),
		OP1("FISTP", Eq, W, NULL),
	},
};
