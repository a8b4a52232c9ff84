/* SPDX-License-Identifier: MIT */
/*
 * The processor as the oracle: what the parts of the program share.
 *
 *  native_run.c   the processor's side: memory map, LDT, entering and leaving a case
 *  native_ops.c   the emulator's side: the same memory as a shadow, the same tables as a model
 *  native_form.c  which instructions there are: every encoding that reaches a row with a meaning
 *  native_case.c  making cases: an instruction, registers and memory that mostly suit it
 *  native_diff.c  comparing, and the table of explained differences
 *  native.c       processes, figures, coverage
 */
#ifndef TESTS_EMU_NATIVE_H
#define TESTS_EMU_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "emu/row.h"
#include "tests/emu/probe.h"
#include "x86/seg.h"

/* Below 4 GiB, for all modes, and above where a heap can begin. */
#define ARENA	    0x70000000ull
#define ARENA_BYTES 0x6000u
#define RW_PAGE	    (ARENA + 0x1000) /* two pages to write, with nothing around them */
#define RW_BYTES    0x2000u
#define RO_PAGE	    (ARENA + 0x4000)
#define CODE	    0x71000000ull
#define CODE_BYTES  0x10000u

/* Linux makes faults above look like those of a present page. */
#define USER_END 0x7ffffffff000ull

/* Where the model has the tables that Linux keeps at addresses of its own. */
#define GDT_BASE 0xfffffe0000001000ull
#define LDT_BASE 0xffff888000000000ull

/* LDT entries. */
enum {
	LDT_CODE32,
	LDT_CODE32_EXECUTE_ONLY,
	LDT_CODE16,
	LDT_DATA_FLAT,
	LDT_DATA_LIMIT,
	LDT_DATA_DOWN32,
	LDT_DATA_DOWN16,
	LDT_DATA_READONLY,
	LDT_STACK16,
	LDT_CODE32_CONFORMING,
	LDT_CODE16_SHORT,
	LDT_DATA_NOT_PRESENT,
	LDT_CODE_NOT_PRESENT,
	LDT_EMPTY,
	LDT_DATA_HIGH, /* with a base whose bit 31 is set */
	LDT_COUNT
};

#define SELECTOR(entry) ((uint16_t)((entry) << 3 | 7))

struct native_case {
	enum emu_mode mode;
	unsigned int n_bytes;
	uint8_t bytes[2 * EMU_MAX_INSN_BYTES + 2]; /* room for a try that is too long */
	uint64_t gpr[16];
	uint64_t rip;
	uint64_t rflags;
	struct x86_segment segment[6];
};

struct native_result {
	uint64_t gpr[16], rip, rflags;
	struct x86_segment segment[6]; /* of the processor: selectors, and the bases of FS and GS */
	int vector;		       /* -1: completed */
	uint32_t error_code;
	uint64_t address;
};

static inline uint64_t native_mask(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

/* native_run.c */
extern uint16_t native_cs, native_ss;
extern bool native_has_fsgsbase, native_has_umip, native_has_split_lock_detect, native_is_amd;
extern uint32_t native_features;
extern struct probed native_probed;
extern uint64_t native_cr4, native_xcr0;

/*
 * The whole map and the LDT; once, a fork keeps it. The second part when nothing will be mapped any
 * more.
 */
void native_set_up(void);
void native_find_empty(void);

/*
 * Run the case's one instruction on the processor. Memory is as it lies at RW_PAGE, before and after.
 * A fault of the fetch at a branch's target counts as completed there.
 */
void native_run(const struct native_case *test, struct native_result *result);

/* Is certainly nothing of this process mapped near the address? Above USER_END there is not. */
bool native_is_empty(uint64_t linear);

/* The linear address of its instruction or of another offset in its code segment. */
uint64_t native_code_linear(const struct native_case *test, uint64_t rip);

/* native_ops.c */
extern uint8_t native_shadow[RW_BYTES];

/* The tables' model: an LDT entry as Linux writes it, and what loading it gives. */
void native_model_ldt(unsigned int entry, uint32_t base, uint32_t limit, unsigned int type,
		      unsigned int flags);
void native_model_gdt(void);
const struct x86_segment *native_ldt(unsigned int entry);

/* The case looked at a descriptor of which Linux promises nothing: that of the processor's number. */
extern bool native_is_unknown;

/* The shadow is as the processor's memory again. */
void native_sync_shadow(void);

/* Run the case in the emulator, on the shadow. `complaint` gets a promise that it broke, or stays. */
enum emu_outcome native_emulate(const struct native_case *test, const struct emu_insn *insn,
				struct native_result *result, const char **complaint);

/* native_form.c: one encoding that reaches a row. */
struct native_form {
	uint16_t row; /* index into native_rows[] */
	uint8_t encoding, map, opcode;
	uint8_t prefix;	  /* 0 none, 1 66, 2 F3, 3 F2 */
	uint8_t vex_high; /* W as bit 7, L as bit 2 of the third byte */
	uint8_t modrm_reg;
	uint8_t modes; /* 1 << enum emu_mode */
	bool has_modrm;
};

/* What its memory, or its immediate, must hold for a case to make sense. */
enum native_content {
	CONTENT_ANY,
	CONTENT_SELECTOR,
	CONTENT_NEAR,  /* a branch target */
	CONTENT_FAR,   /* offset and selector */
	CONTENT_BOUND, /* a lower and an upper bound */
	CONTENT_STACK, /* at the top of the stack: return addresses, selectors, flags */
	CONTENT_BITS   /* nothing, but a bit offset in a register */
};

enum native_scope {
	NATIVE_RUNS,	  /* to completion and to a fault */
	NATIVE_COMPLETES, /* never faults */
	NATIVE_FAULTS,	  /* never completes in user mode, or on this processor */
	NATIVE_EXCLUDED	  /* not run */
};

struct native_row {
	const struct emu_row *row;
	uint32_t first_form, n_forms;
	enum native_scope scope;
	const char *reason; /* unless NATIVE_RUNS */
	enum native_content content;
	uint8_t modes;
};

#define NATIVE_MAX_ROWS 2048

extern struct native_row native_rows[NATIVE_MAX_ROWS];
extern struct native_form *native_forms;
extern unsigned int native_n_rows, native_n_forms;

void native_find_forms(void);
int native_row_index(const struct emu_row *row); /* -1: none */

bool native_starts(const char *text, const char *name);
bool native_is_one_of(const char *text, const char *const *names);

/* native_case.c */
void native_seed(uint64_t seed);
uint64_t native_random(void);
unsigned int native_pick(unsigned int n);
void native_refresh_memory(void);

/* A case in `mode` with the flags not yet set; false: none this time. */
bool native_make(struct native_case *test, enum emu_mode mode);

/* The same with these bytes, whose ModRM or first byte after the opcode is the one numbered `at`. */
bool native_make_of(struct native_case *test, enum emu_mode mode, const uint8_t *bytes,
		    unsigned int n_bytes, unsigned int at);

/* native_diff.c */

/* Why the processor and the emulator may differ; counted, each has its reason in the table. */
enum native_explanation {
	NATIVE_UNEXPLAINED = -1,
	NATIVE_UNDEFINED_FLAGS,
	NATIVE_UNDEFINED_RESULT,
	NATIVE_TWO_FAULTS,
	NATIVE_FAR_CALL,
	NATIVE_FAR_CALL_STACK,
	NATIVE_FAR_POINTER,
	NATIVE_CMPXCHG16B,
	NATIVE_HALF_DONE,
	NATIVE_UPPER_HALVES,
	NATIVE_ARPL,
	NATIVE_OFFSET,
	NATIVE_PUSHED_SELECTOR,
	NATIVE_EMPTY_SCAN,
	NATIVE_LOCKED_VERIFY,
	NATIVE_TOO_LONG,
	NATIVE_UMIP,
	NATIVE_XOP,
	NATIVE_HYPERCALL,
	NATIVE_NEAR_66,
	NATIVE_FAR_TO_64,
	NATIVE_ENTER,
	NATIVE_OWN_MEMORY,
	NATIVE_OWN_CODE,
	NATIVE_CPU_NUMBER,
	NATIVE_TRAP_FLAG,
	NATIVE_N_EXPLANATIONS
};

struct native_explained {
	const char *name, *reason;
	bool is_amd, is_intel; /* on the other's processors it explains nothing */
};

extern const struct native_explained native_explained[NATIVE_N_EXPLANATIONS];

/* What is no instruction to the emulator, and no #UD to the processor. */
enum native_explanation native_explain_invalid(const struct emu_insn *insn,
					       enum emu_decoded decoded,
					       const struct native_result *native);

/* Why the case is not to be run on the processor at all. `emulated` is of the emulator, if decoded. */
enum native_explanation native_excluded(const struct native_case *test, const struct emu_insn *insn,
					enum emu_decoded decoded, enum emu_outcome outcome,
					const struct native_result *emulated);

/*
 * Compare. NULL: all agree, or *why says why not. Otherwise what differs. NATIVE_UNDEFINED_FLAGS comes
 * with agreement in all else.
 */
const char *native_compare(const struct native_case *test, const struct emu_insn *insn,
			   const struct native_result *native, const struct native_result *emulated,
			   enum native_explanation *why);

#endif
