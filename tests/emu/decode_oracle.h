/* SPDX-License-Identifier: MIT */
/*
 * The decode oracle: one byte string, what emu_decode() says, what Zydis says. Shared by its three files:
 * decode_oracle.c makes the strings and counts, decode_oracle_compare.c judges, decode_oracle_second.c asks
 * binutils.
 */
#ifndef TESTS_EMU_DECODE_ORACLE_H
#define TESTS_EMU_DECODE_ORACLE_H

#include <Zydis/Zydis.h>

#include "emu/row.h"

struct opinion {
	enum emu_mode mode;
	const uint8_t *bytes; /* EMU_MAX_INSN_BYTES */

	struct emu_insn insn; /* ours */
	enum emu_decoded decoded;
	bool is_legal;

	bool zydis_is_legal;
	ZydisDecodedInstruction zydis;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	const ZydisDecodedOperand *memory; /* explicit or of a string; NULL none */
};

/* What binutils makes of it. */
enum second {
	SECOND_BAD,   /* no instruction, or another length */
	SECOND_AGREES /* an instruction of this length */
};

/* Shared by the processes of a run. */
struct tally {
	unsigned long n_compared, n_decoded, n_memory, n_second, n_failures;
	struct {
		unsigned long n, n_memory, n_second_ours, n_second_zydis;
	} of_difference[64];
};

/* A kind of difference that is as it should be. */
struct difference {
	enum { BY_ISA, BY_MNEMONIC, BY_FACT } by;
	const char *text; /* of Zydis: beginning of the ISA set, or a mnemonic; else a name */
	bool (*is_it)(const struct opinion *opinion);
	const char *why;
};

extern const struct difference oracle_differences[];
extern const unsigned int oracle_n_differences;

void oracle_init(void);
/* Compare one string; `counts` of the tally, and complaints to standard output. */
void oracle_compare(enum emu_mode mode, const uint8_t *bytes, struct tally *tally);

void oracle_second_init(void);
enum second oracle_second(const struct opinion *opinion, unsigned int length);

#endif
