/* SPDX-License-Identifier: MIT */
/*
 * Instructions that the tables of emu/ know and a Zydis of some release does not. Which the one at hand
 * knows it is asked itself, so that it judges them as soon as it does.
 */
#ifndef TESTS_EMU_ORACLE_NEWER_H
#define TESTS_EMU_ORACLE_NEWER_H

#include "emu/emu.h"

struct newer {
	const char *text;
	uint8_t encoding, map, prefixes; /* the mandatory ones, a bit each: none 66 F3 F2 */
	uint8_t first, last;		 /* opcodes */
	uint8_t sample[6];		 /* one of them in 64-bit mode; padded */

	bool is_unknown; /* to this Zydis */
	unsigned long n; /* times that this explained a difference */
};

extern struct newer oracle_newer[];
extern const unsigned int oracle_n_newer;

void oracle_newer_init(void);

/* Is the legal instruction one that this Zydis does not know? If so, counts it. */
bool oracle_is_newer(const struct emu_insn *insn);

#endif
