/* SPDX-License-Identifier: MIT */
/* A processor that makes random calls (hv_smp.c): what it knows by itself, and the guests that it runs. */
#ifndef TESTS_UNIT_SMP_PLAYER_H
#define TESTS_UNIT_SMP_PLAYER_H

#include <setjmp.h>

#include "tests/random.h"
#include "tests/unit/processors.h"
#include "tests/unit/smp_life.h"
#include "x86/gpr.h"
#include "x86/msr.h"

#define N_CPUS	  4u
#define N_SOURCES 4u
#define N_LOANS	  4u
#define LOAN	  48u /* pages */

/* ---- What a processor knows -------------------------------------------------------------- */

/* A page of its own that it maps, at an address where nobody else maps anything. */
struct source {
	uint64_t spa, gpa, word; /* what the page holds, as long as no guest can write to it */
	struct life *life;	 /* where it is mapped, NULL: nowhere */
	bool is_writable, is_tracked;
	bool was_asked; /* its flag of writes was taken back, and then `word` written */
};

struct loan {
	uint64_t spa;
	struct life *life; /* whose it is, NULL: the root's */
};

enum op {
	OP_CREATE,
	OP_COUNT,
	OP_APICS,
	OP_SETUP,
	OP_DELETE,
	OP_LEND,
	OP_CREATE_VP,
	OP_DELETE_VP,
	OP_RUN,
	OP_CANCEL,
	OP_MAP,
	OP_UNMAP,
	OP_PROTECT,
	OP_DIRTY,
	OP_GET,
	OP_SET,
	OP_COUNTERS,
	OP_STATE,
	OP_REQUEST,
	OP_TARGETS,
	OP_RESET,
	OP_SUSPEND,
	OP_RESUME,
	OP_SET_TSC,
	OP_PROPERTY,
	OP_STATS,
	OP_ADVISE,
	N_OPS
};

static _Thread_local struct player {
	uint32_t cpu;
	struct random random;
	jmp_buf end;
	uint64_t n_left;
	struct tlb root, guest;
	struct source sources[N_SOURCES];
	struct loan loans[N_LOANS];
	uint64_t names, values, buffer;

	/* The call that is being made, and what was known before it. */
	bool is_calling;
	enum op op, next_op; /* N_OPS: any */
	struct life *life;
	uint32_t vp;
	struct vp_life before[N_VPS];
	bool was_over;
	struct source *source;
	struct loan *loan;
	uint64_t word;
} * me;

/* ---- The guests -------------------------------------------------------------------------- */

static inline uint64_t any(uint64_t n)
{
	return random_below(&me->random, n);
}

static inline uint64_t gpa_of(uint32_t cpu, unsigned int i)
{
	return (16 + cpu * N_SOURCES + i) * PAGE_SIZE;
}

/* Read or write some of the memory; the exit of a violation. */
static inline bool touch_memory(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t gpa = gpa_of((uint32_t)any(N_CPUS), (unsigned int)any(N_SOURCES));
	const bool is_write = any(2);
	uint64_t *const word = guest_word(&me->guest, vp, gpa, is_write);

	if (!word && any(4))
		return true; /* it looks elsewhere */
	if (!word) {
		exit->reason = VIRT_EXIT_MEMORY;
		exit->memory.gpa = GPA(gpa);
		exit->memory.is_write = is_write;
		exit->memory.is_read = !is_write;
		return false;
	}
	if (is_write)
		poke_word(word, random_next(&me->random));
	else
		(void)peek_word(word);
	return true;
}

static inline void write_msr(struct virt_vp *vp, struct virt_exit *exit, uint32_t msr,
			     uint64_t value)
{
	exit->reason = VIRT_EXIT_WRMSR;
	exit->insn_length = 2;
	virt_regs(vp)->gpr[X86_RCX] = msr;
	gpr_set_edx_eax(virt_regs(vp)->gpr, value);
}

static inline void send_ipi(struct virt_vp *vp, struct virt_exit *exit)
{
	static const uint32_t modes[] = { 0x000, 0x100, 0x400, 0x400, 0x500, 0x600, 0x800 };
	const uint32_t low = (uint32_t)(modes[any(7)] | (0x20 + any(200)) | any(4) << 18);

	write_msr(vp, exit, 0x830, any(N_VPS + 1) << 32 | low);
}

static inline void end_guest(struct virt_vp *vp, struct virt_exit *exit)
{
	switch (any(9)) {
	case 0:
		exit->reason = VIRT_EXIT_HLT;
		exit->insn_length = 1;
		return;
	case 1:
		exit->reason = VIRT_EXIT_CPUID;
		exit->insn_length = 2;
		return;
	case 2: exit->reason = VIRT_EXIT_INTERRUPT; return;
	case 3:
	case 4: send_ipi(vp, exit); return;
	case 5:
		write_msr(vp, exit, MSR_APIC_BASE,
			  APIC_PAGE | APIC_BASE_ENABLE | (me->vp ? 0 : APIC_BASE_BSP) |
				  (any(2) ? APIC_BASE_EXTD : 0));
		return;
	case 6: write_msr(vp, exit, 0x80f, 0x1ff); return; /* SVR */
	default:
		exit->reason = VIRT_EXIT_IO;
		exit->io.port = 0xe9;
		exit->io.size = 1;
		exit->insn_length = 1;
	}
}

static inline void play_child(struct virt_vp *vp, struct virt_exit *exit)
{
	uint32_t *const turns = &me->life->vps[me->vp].turns;
	unsigned int n = (unsigned int)any(20);

	MUST(!(look_at(turns) & 1));
	add(turns, 1);
	do {
		if (fake_is_kicked()) {
			exit->reason = VIRT_EXIT_KICK;
			break;
		}
		if (!touch_memory(vp, exit))
			break;
		if (!n)
			end_guest(vp, exit);
	} while (n--);
	add(turns, 1);
}

#endif
