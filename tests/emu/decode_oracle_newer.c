/* SPDX-License-Identifier: MIT */
/*
 * Instructions newer than a Zydis that is in use: all of them to 4.0, the last two to 4.1.
 */
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "tests/emu/oracle_newer.h"

/* By number of the mandatory prefix. */
enum { P_NONE = 1, P_66 = 2, P_F3 = 4, P_F2 = 8, ANY_PREFIX = 15 };

struct newer oracle_newer[] = {
	{ .text = "RAO-INT",
	  .encoding = EMU_LEGACY,
	  .map = EMU_MAP_0F38,
	  .prefixes = ANY_PREFIX,
	  .first = 0xfc,
	  .last = 0xfc,
	  .sample = { 0x0f, 0x38, 0xfc, 0x08 } },
	{ .text = "AVX-VNNI-INT8",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_NONE | P_F3 | P_F2,
	  .first = 0x50,
	  .last = 0x51,
	  .sample = { 0xc4, 0xe2, 0x70, 0x50, 0xc2 } },
	{ .text = "AVX-VNNI-INT16",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_NONE | P_66 | P_F3,
	  .first = 0xd2,
	  .last = 0xd3,
	  .sample = { 0xc4, 0xe2, 0x70, 0xd2, 0xc2 } },
	{ .text = "AVX-IFMA",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_66,
	  .first = 0xb4,
	  .last = 0xb5,
	  .sample = { 0xc4, 0xe2, 0xf1, 0xb4, 0xc2 } },
	{ .text = "AVX-NE-CONVERT",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = ANY_PREFIX,
	  .first = 0xb0,
	  .last = 0xb1,
	  .sample = { 0xc4, 0xe2, 0x78, 0xb0, 0x00 } },
	{ .text = "VCVTNEPS2BF16",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_F3,
	  .first = 0x72,
	  .last = 0x72,
	  .sample = { 0xc4, 0xe2, 0x7a, 0x72, 0xc2 } },
	{ .text = "SHA512",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_F2,
	  .first = 0xcb,
	  .last = 0xcd,
	  .sample = { 0xc4, 0xe2, 0x77, 0xcb, 0xc2 } },
	{ .text = "SM3MSG",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_NONE | P_66,
	  .first = 0xda,
	  .last = 0xda,
	  .sample = { 0xc4, 0xe2, 0x70, 0xda, 0xc2 } },
	{ .text = "SM3RNDS2",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F3A,
	  .prefixes = P_66,
	  .first = 0xde,
	  .last = 0xde,
	  .sample = { 0xc4, 0xe3, 0x71, 0xde, 0xc2, 0x00 } },
	{ .text = "SM4",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_F3 | P_F2,
	  .first = 0xda,
	  .last = 0xda,
	  .sample = { 0xc4, 0xe2, 0x72, 0xda, 0xc2 } },
	{ .text = "AMX-FP16",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_F2,
	  .first = 0x5c,
	  .last = 0x5c,
	  .sample = { 0xc4, 0xe2, 0x6b, 0x5c, 0xc1 } },
	{ .text = "AMX-COMPLEX",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_NONE | P_66,
	  .first = 0x6c,
	  .last = 0x6c,
	  .sample = { 0xc4, 0xe2, 0x68, 0x6c, 0xc1 } },
	{ .text = "CMPccXADD",
	  .encoding = EMU_VEX,
	  .map = EMU_MAP_0F38,
	  .prefixes = P_66,
	  .first = 0xe0,
	  .last = 0xef,
	  .sample = { 0xc4, 0xe2, 0x69, 0xe0, 0x08 } },
};

const unsigned int oracle_n_newer = sizeof(oracle_newer) / sizeof(oracle_newer[0]);

void oracle_newer_init(void)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction insn;

	if (!ZYAN_SUCCESS(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		abort();
	for (unsigned int i = 0; i < oracle_n_newer; i++) {
		struct newer *newer = &oracle_newer[i];

		newer->is_unknown = !ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(
			&decoder, NULL, newer->sample, sizeof(newer->sample), &insn));
	}
}

bool oracle_is_newer(const struct emu_insn *insn)
{
	unsigned int prefix = P_NONE;

	if (insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE))
		prefix = insn->prefixes & EMU_PREFIX_REP ? P_F3 : P_F2;
	else if (insn->prefixes & EMU_PREFIX_66)
		prefix = P_66;
	for (unsigned int i = 0; i < oracle_n_newer; i++) {
		struct newer *newer = &oracle_newer[i];

		if (!newer->is_unknown || insn->encoding != newer->encoding ||
		    insn->map != newer->map || !(newer->prefixes & prefix) ||
		    insn->opcode < newer->first || insn->opcode > newer->last)
			continue;
		newer->n++;
		return true;
	}
	return false;
}
