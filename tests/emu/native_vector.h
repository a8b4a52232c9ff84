/* SPDX-License-Identifier: MIT */
/*
 * Parts of the native vector test: one case, run by the processor and by the emulator
 * (native_vector_run.c), made of random (native_vector_case.c), compared (native_vector.c).
 */
#ifndef TESTS_EMU_NATIVE_VECTOR_H
#define TESTS_EMU_NATIVE_VECTOR_H

#include "emu/run.h"
#include "x86/exc.h"

/* Below 4 GiB, for both modes. Nothing, two pages to write, nothing, one to read, nothing. */
#define ARENA	    0x40000000ull
#define ARENA_BYTES 0x6000u
#define RW_PAGE	    (ARENA + 0x1000)
#define RW_BYTES    0x2000u
#define RO_PAGE	    (ARENA + 0x4000)
#define CODE	    0x41000000ull
#define CODE_BYTES  0x10000u

struct state {
	uint64_t gpr[16], rip, rflags;
	uint8_t vector[32][64];
	uint64_t mask[8];
	struct emu_x87 x87;
};

struct result {
	struct state state;
	bool has_pointers; /* fop, fip and fdp are those of the instruction */
	int vector;	   /* -1: completed */
	uint32_t error_code;
	uint64_t address;
};

/* How an instruction is encoded, but for its operands. */
struct form {
	uint8_t encoding, map, prefix, opcode, w, length;
	uint8_t reg; /* ModRM.reg if it is part of the opcode, else 8 */
	const struct emu_row *row;
};

struct test_case {
	const struct form *form;
	enum emu_mode mode;
	unsigned int n_bytes;
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	uint64_t target; /* of the memory operand */
	struct state state;
};

/* native_vector_run.c */
extern uint64_t host_xcr0;
extern uint32_t host_features;
extern uint8_t before[RW_BYTES]; /* what is in the pages that can be written when a case begins */
extern uint8_t shadow[RW_BYTES]; /* what the emulator makes of it */
extern struct result native, emulated;

void set_up(void);
void run_native(const struct test_case *test);
enum emu_outcome run_emulator(const struct test_case *test, const struct emu_insn *insn);

/* native_vector_case.c */
extern struct form forms[];
extern unsigned int n_forms;

void seed(uint64_t value);
unsigned int pick(unsigned int n);
uint64_t next_random(void);
void find_forms(void);
bool make_case(struct test_case *test, const struct form *form, enum emu_mode mode);

#endif
