/* SPDX-License-Identifier: MIT */
/*
 * A partition of up to four VPs in 64-bit mode, each of which carries out a list of entries (tests/guest/script.asm) and
 * notes its interrupts: what the checks of the APIC, time, and vector state are written in. Two can exist at once.
 */
#ifndef CONFORMANCE_BOARD_H
#define CONFORMANCE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whit/whp_page.h"
#include "whp/WinHvPlatform.h"

/* Guest-physical addresses, the same in tests/guest/script.asm. */
#define BOARD_CODE	 0x1000ull
#define BOARD_ACTIONS	 0x3000ull
#define BOARD_NESTED	 0x3400ull
#define BOARD_AP_CODE	 0x6000ull
#define BOARD_AREAS	 0x8000ull
#define BOARD_AREA_BYTES 0x4000ull
#define BOARD_TABLES	 0x18000ull
#define BOARD_LISTS	 0x1d000ull /* for lists that a handler runs: 32 of 8 entries */
#define BOARD_BUFFERS	 0x20000ull /* to the end of the RAM: for the test */
#define BOARD_RAM	 0x40000ull
#define BOARD_VPS	 4u
#define BOARD_OPS	 63u /* entries of a list at most */

/* What an entry does: `argument` is an address or a number, `value` what is written. */
enum op_code {
	OP_END,
	OP_READ8,
	OP_READ16,
	OP_READ32,
	OP_READ64,
	OP_WRITE8,
	OP_WRITE16,
	OP_WRITE32,
	OP_WRITE64,
	OP_OR32,
	OP_XCHG32,
	OP_RDMSR,
	OP_WRMSR,
	OP_READ_CR0,
	OP_WRITE_CR0,
	OP_READ_CR4,
	OP_WRITE_CR4,
	OP_READ_CR8,
	OP_WRITE_CR8,
	OP_READ_DR, /* argument 0 to 3, 6, 7 */
	OP_WRITE_DR,
	OP_STI, /* and two NOPs */
	OP_CLI,
	OP_HLT,
	OP_STI_HLT_CLI,
	OP_RDTSC,
	OP_RDTSCP,    /* value becomes TSC_AUX */
	OP_MONOTONIC, /* RDTSC `value` times, CPUID between if `argument`: how often it went back */
	OP_DELAY,     /* `value` ticks of the TSC */
	OP_WAIT_LOG,  /* until `value` interrupts have been noted; `argument` looks at most */
	OP_WAIT_MEMORY, /* until the dword at `argument` is `value` */
	OP_CPUID,	/* leaf, subleaf: result EAX and EBX, value ECX and EDX */
	OP_XGETBV,
	OP_XSETBV,
	OP_FXSAVE, /* value: address; argument: mask */
	OP_FXRSTOR,
	OP_XSAVE,
	OP_XSAVEC,
	OP_XSAVES,
	OP_XRSTOR,
	OP_XRSTORS,
	OP_VZEROALL,
	OP_OUT,
	OP_INT80,
	OP_IDLE /* STI, HLT for ever */
};

struct op {
	uint32_t code;
	uint32_t argument;
	uint64_t value;
	uint64_t result;
	uint64_t fault; /* 0, or the exception: OP_FAULT() with the error code in bits 63 to 32 */
};

_Static_assert(sizeof(struct op) == 32, "script.asm");

#define OP(op_code, ...) ((struct op) { .code = OP_##op_code, __VA_ARGS__ })
#define OP0(op_code)	 ((struct op) { .code = OP_##op_code })
#define OP_FAULT(vector) (0x100u | (vector))
#define OP_GP		 OP_FAULT(13)
#define OP_UD		 OP_FAULT(6)

/* An interrupt as the guest notes it. */
struct board_event {
	uint32_t vector;
	uint32_t rip;
	uint64_t tsc;
};

/* What the handler of a vector does. */
#define ACTION_EOI_MMIO 1u
#define ACTION_EOI_MSR	2u
#define ACTION_STI	4u /* interrupts on while its list runs */

struct board_options {
	uint32_t n_vps;
	uint32_t apic_mode;	 /* WHV_X64_LOCAL_APIC_EMULATION_MODE */
	uint64_t extended_exits; /* WHV_EXTENDED_VM_EXITS */
	uint32_t turns;		 /* WHIT_TURN_… */
	bool aps_wait;		 /* VPs but the first wait for a SIPI; else they are ready, too */
};

struct board {
	WHV_PARTITION_HANDLE partition;
	struct board_options options;
	uint8_t *ram;
	unsigned int slot;
	WHV_RUN_VP_EXIT_CONTEXT exit;
};

/* What board_run() and board_script() say of a list that has come to its end. */
#define BOARD_DONE 0xffffff00u

/* S_OK, or the first call's failure; then nothing is left. */
HRESULT board_create(struct board *board, const struct board_options *options);
void board_destroy(struct board *board);

/* Make VP vp of the partition ready for lists: 64-bit mode, interrupts off. */
HRESULT board_ready(struct board *board, uint32_t vp);

/* Go on until the next exit: its reason, BOARD_DONE, or ~0 if the call failed. */
uint32_t board_run(struct board *board, uint32_t vp);

/* Go past the instruction of the last exit, with the next run. */
void board_skip(struct board *board, uint32_t vp);

/* Put n entries into the area of the VP; and run them. */
void board_load(struct board *board, uint32_t vp, const struct op *ops, size_t n);
uint32_t board_script(struct board *board, uint32_t vp, const struct op *ops, size_t n);
#define SCRIPT(board, vp, ...)                                           \
	board_script((board), (vp), (const struct op[]) { __VA_ARGS__ }, \
		     sizeof((const struct op[]) { __VA_ARGS__ }) / sizeof(struct op))

/* What has come of the n-th entry. */
const struct op *board_op(const struct board *board, uint32_t vp, unsigned int n);

/* How many interrupts the VP has noted since board_forget(), and the n-th of them (of the last 64). */
uint64_t board_events(const struct board *board, uint32_t vp);
const struct board_event *board_event(const struct board *board, uint32_t vp, uint64_t n);
void board_forget(struct board *board, uint32_t vp);

/* What the handler of a vector does, and the list that it runs (NULL: none). */
void board_handle(struct board *board, uint8_t vector, uint8_t actions, const struct op *ops,
		  size_t n);

/* One register. */
uint64_t board_get(struct board *board, uint32_t vp, UINT32 name);
HRESULT board_set(struct board *board, uint32_t vp, UINT32 name, uint64_t value);

/* The root's time stamp counter. */
uint64_t board_tsc(void);

#endif
