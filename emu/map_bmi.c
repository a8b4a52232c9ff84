/* SPDX-License-Identifier: MIT */
/* VEX rows of general registers: BMI1 and BMI2; SDM 2 "Three-byte Opcode Map". */
#include <stddef.h>

#include "emu/run.h"

static const struct emu_row group17[8] = {
	OP0("(none)", UD, NULL),
	OP2("BLSR", By, Ey, W | NEEDS(EMU_BMI1), emu_x_blsr),
	OP2("BLSMSK", By, Ey, W | NEEDS(EMU_BMI1), emu_x_blsmsk),
	OP2("BLSI", By, Ey, W | NEEDS(EMU_BMI1), emu_x_blsi),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
	OP0("(none)", UD, NULL),
};

#define KEY(map, prefix, opcode) .key = EMU_VEX_KEY(map, prefix, opcode)

enum { NO_PREFIX, PREFIX_66, PREFIX_F3, PREFIX_F2 };

#define ROW(row_key, name, a, b, c, row_flags, row_meaning)                               \
	{                                                                                 \
		.text = name " " #a ", " #b ", " #c, .operand = { a, b, c },              \
		.shape = (a) | (b) | (c), .flags = (uint32_t)(row_flags),                 \
		.feature = (uint64_t)(row_flags) >> 32, .meaning = (row_meaning), row_key \
	}

const struct emu_row emu_rows_bmi[] = {
	ROW(KEY(2, NO_PREFIX, 0xf2), "ANDN", Gy, By, Ey, W | NEEDS(EMU_BMI1), emu_x_andn),
	{ .text = "group17", .group = group17, .flags = ROW_GROUP, KEY(2, NO_PREFIX, 0xf3) },
	ROW(KEY(2, NO_PREFIX, 0xf5), "BZHI", Gy, Ey, By, W | NEEDS(EMU_BMI2), emu_x_bzhi),
	ROW(KEY(2, NO_PREFIX, 0xf7), "BEXTR", Gy, Ey, By, W | NEEDS(EMU_BMI1), emu_x_bextr),
	ROW(KEY(2, PREFIX_66, 0xf7), "SHLX", Gy, Ey, By, W | NEEDS(EMU_BMI2), emu_x_shlx),
	ROW(KEY(2, PREFIX_F3, 0xf5), "PEXT", Gy, By, Ey, W | NEEDS(EMU_BMI2), emu_x_pext),
	ROW(KEY(2, PREFIX_F3, 0xf7), "SARX", Gy, Ey, By, W | NEEDS(EMU_BMI2), emu_x_sarx),
	ROW(KEY(2, PREFIX_F2, 0xf5), "PDEP", Gy, By, Ey, W | NEEDS(EMU_BMI2), emu_x_pdep),
	ROW(KEY(2, PREFIX_F2, 0xf6), "MULX", Gy, By, Ey, W | W1 | NEEDS(EMU_BMI2), emu_x_mulx),
	ROW(KEY(2, PREFIX_F2, 0xf7), "SHRX", Gy, Ey, By, W | NEEDS(EMU_BMI2), emu_x_shrx),
	ROW(KEY(3, PREFIX_F2, 0xf0), "RORX", Gy, Ey, Ib, W | NEEDS(EMU_BMI2), emu_x_rorx),
};

const unsigned int emu_n_rows_bmi = sizeof(emu_rows_bmi) / sizeof(emu_rows_bmi[0]);
