/* SPDX-License-Identifier: MIT */
/*
 * A machine for tests: arch/virt.h on the host, with an arena in the place of physical memory.
 *
 * Physical address p is the byte at virt_direct_base + p. Exits come out of a queue that the test
 * fills; struct fake records the requests of hv/ to the machine. Anything that real hardware would
 * not survive, or that the contract forbids, prints why and aborts.
 *
 * A thread is a processor (fake_on_cpu()); the one that says nothing is the first, to which the
 * script belongs. Words by which the fake watches the threads are relaxed atomics, so that they put
 * no order between accesses of hv/ that have none of their own.
 */
#ifndef ARCH_FAKE_FAKE_H
#define ARCH_FAKE_FAKE_H

#include "arch/virt.h"

#define FAKE_MAX_EXITS	64u
#define FAKE_MAX_MSRS	64u
#define FAKE_MTRRS	28u
#define FAKE_MAX_SPACES 64u
#define FAKE_MAX_CPUS	4u
#define FAKE_MAX_SENT	1100u

/* The vendor's VP of this machine. */
struct virt_vp {
	struct virt_regs regs;
	uint64_t magic;
	uint64_t reg[VIRT_REG_COUNT];
	struct x86_segment segment[SEG_AND_TABLE_COUNT];
	struct virt_config config;
	const struct virt_space *space;
	struct virt_event injected; /* by virt_inject(), not yet delivered */
	bool wants_interrupt_window, wants_nmi_window;
	bool is_root, is_switched_in;
	uint32_t user;		 /* processor + 1 that is in a call with it, 0: none; atomic */
	uint32_t cpu;		 /* that has its registers, with is_switched_in; atomic */
	uint32_t pkru, pkrs;	 /* of a guest that has protection keys */
	unsigned int n_flushes;	 /* virt_flush() */
	unsigned int n_renewals; /* virt_renew() */
	uint64_t renewed_at;	 /* fake.n_changes at the last one */
	bool waits_for_sipi;
	bool steps; /* virt_root_step() */
	uint64_t deadline;
	/* The APIC's side, arch/fake/apic.c. */
	enum virt_apic_mode apic_mode;
	spa_t apic_page, apic_access;
	struct virt_apic_state apic;
	spa_t second; /* the page beside this one: the XSAVE image */
};

/*
 * The processor's kind, out of the environment: FAKE_PROCESSOR=amd is one of AMD's that leaves out
 * all that a processor may leave out; without the variable it is one of Intel's that tells and
 * holds everything. All of hv/ has to work with both.
 */
extern bool fake_is_amd;

/* The things that the processor does not tell of an exit, or does not hold. */
#define FAKE_LACKS_GVA	    (1u << 0) /* memory.gva */
#define FAKE_LACKS_LENGTH   (1u << 1) /* insn_length; the length of a software event */
#define FAKE_LACKS_OPERANDS (1u << 2) /* of accesses to control and debug registers */
#define FAKE_LACKS_PDPTES   (1u << 3)
#define FAKE_LACKS_SHADOWS  (1u << 4) /* of two kinds: there is that of MOV SS */
#define FAKE_LACKS_CHECKS   (1u << 5) /* of the state at an entry */
#define FAKE_LACKS_ALL	    ((1u << 6) - 1)

extern unsigned int fake_lacks;

/* VIRT_SHADOW_… as the processor shows them. */
static inline uint64_t fake_shadow(uint64_t shadow)
{
	if (!(fake_lacks & FAKE_LACKS_SHADOWS) || !(shadow & VIRT_SHADOW_STI))
		return shadow;
	return (shadow & ~(uint64_t)VIRT_SHADOW_STI) | VIRT_SHADOW_MOV_SS;
}

/*
 * Guests without memory, which could hold code, run on a processor that tells lengths and operands,
 * as AMD's later ones do.
 */
static inline void fake_tells_insns(void)
{
	fake_lacks &= ~(FAKE_LACKS_LENGTH | FAKE_LACKS_OPERANDS);
}

struct fake_exit {
	struct virt_exit exit;
	/* Called before virt_run() returns this exit, to play the guest. */
	void (*hook)(struct virt_vp *vp, struct virt_exit *exit);
};

/* A processor. */
struct fake_cpu {
	_Alignas(64) struct virt_vp *switched_in; /* NULL: nobody knows */
	uint8_t fpu[4096]; /* its registers, in the processor: the image as a whole */
	/* Plays the guests of this processor, in place of fake.play. */
	void (*play)(struct virt_vp *vp, struct virt_exit *exit);
	bool is_on;	   /* atomic */
	uint32_t kick;	   /* virt_kick() has been called, and nobody has heard it; atomic */
	uint64_t in_guest; /* the top table of the space whose guest runs here; 0: none; atomic */
};

struct fake {
	uint64_t ram_bytes; /* of the arena that is memory: spa 0 to here */
	uint32_t n_cpus;    /* that the machine has; 1, if the test says nothing */

	/*
	 * Script: what virt_run() returns, in order. An empty queue ends the test with a complaint.
	 */
	struct fake_exit exits[FAKE_MAX_EXITS];
	unsigned int n_exits, next_exit;

	/* CPUID leaves that differ from the built-in machine, and MSRs. */
	struct {
		uint32_t leaf, subleaf;
		struct x86_cpuid value;
	} cpuid[16];
	unsigned int n_cpuid;
	struct {
		uint32_t msr;
		uint64_t value;
	} msr[FAKE_MAX_MSRS];
	unsigned int n_msrs;
	struct {
		uint32_t msr;
		uint64_t value;
	} mtrr[FAKE_MTRRS]; /* the root's; they do not decide virt_memory_type() */

	/* [base, base + bytes) is not write-back memory; the rest is. */
	uint64_t uncached_base, uncached_bytes;

	bool has_flags; /* the tables have dirty flags, which nobody need use */

	uint64_t xcr0_refused; /* XSETBV of one of these bits gives #GP */

	void (*reset_hook)(void); /* virt_reset() calls it; it must not return */

	/*
	 * Plays the guest, once the script is used up: says what the exit is, all of which is zero,
	 * and may change the VP's registers. What virt_inject() was given is still there. A guest
	 * that runs for long asks fake_is_kicked().
	 */
	void (*play)(struct virt_vp *vp, struct virt_exit *exit);

	/*
	 * Puts the instruction of a child's exit at its RIP, before something that follows from it
	 * is withheld (fake_lacks).
	 */
	void (*write_code)(struct virt_vp *vp, const struct virt_exit *exit);

	/*
	 * Another processor of the root, which may write to any of the root's memory: called
	 * wherever hv/ calls in here.
	 */
	void (*meddle)(void);

	uint64_t tsc;	 /* virt_tsc() adds 1000 and returns it; of all processors; atomic */
	bool tsc_stands; /* it adds nothing */

	/*
	 * The root's local APIC: the words of its page, how often hv/ has written one, and the IPIs
	 * of hv/.
	 */
	uint32_t lapic_id, lapic[1024];
	uint32_t lapic_ids[FAKE_MAX_CPUS]; /* of the processors, for virt_send_init() */
	unsigned int n_lapic_writes, n_sent;
	struct {
		uint32_t id, low;
	} sent[FAKE_MAX_SENT];

	/* The events of a test, on all processors; atomic. */
	unsigned int n_runs, n_skips, n_switches, n_wbinvd, n_type_changes, n_resets,
		n_type_questions, n_kicks;
	unsigned int n_spaces, n_vps; /* that exist now */
	/*
	 * All that was taken away from spaces, which their VPs may still remember: by the top
	 * table, when that was, and when flags of writes were; atomic.
	 */
	uint64_t n_changes;
	struct fake_change {
		uint64_t root, at, cleared;
	} changes[FAKE_MAX_SPACES];
	uint64_t xcr0;
	struct fake_cpu cpu[FAKE_MAX_CPUS];
};

extern struct fake fake;

/* A new machine with this much RAM (a multiple of 2 MiB, at most 8 GiB), all zero. */
void fake_reset(uint64_t ram_bytes);

/* This thread is the machine's n-th processor from now on. No other thread is. */
void fake_on_cpu(uint32_t n);

/*
 * The guest that runs on this processor asks: is it to be left? Once for each kick; its exit is
 * then VIRT_EXIT_KICK.
 */
bool fake_is_kicked(void);

/* A guest of this processor is left by a jump out of its play. */
void fake_leave_guest(void);

/* An event of the test has come about. */
#define FAKE_COUNT(counter) ((void)__atomic_fetch_add(&fake.counter, 1u, __ATOMIC_RELAXED))

/*
 * This processor uses a VP, until the end of the block: no other one does, or has its registers.
 * FAKE_SETS: the registers may be there as long as the VP is not entered.
 */
#define FAKE_MAGIC 0x50562065656b6146ull
struct virt_vp *fake_use(struct virt_vp *vp, bool is_elsewhere); /* NULL: it did already */
void fake_end_use(struct virt_vp **used);
#define FAKE_USES(vp) \
	__attribute__((unused, cleanup(fake_end_use))) struct virt_vp *used = fake_use((vp), false)
#define FAKE_SETS(vp) \
	__attribute__((unused, cleanup(fake_end_use))) struct virt_vp *used = fake_use((vp), true)

/*
 * A hand-over record for it: the hypervisor's block of block_bytes at block_base (2 MiB of "image",
 * the rest heap), RAM below and above it. Valid until the next fake_reset().
 */
struct whit_handover *fake_handover(uint64_t block_base, uint64_t block_bytes);

/* The record that fake_handover() gave last. */
const struct whit_handover *fake_last_handover(void);

/* Let virt_run() return this next (after those already queued). */
void fake_push(const struct virt_exit *exit,
	       void (*hook)(struct virt_vp *vp, struct virt_exit *exit));

/* Take from an exit of a child what the processor does not tell; virt_run() does so by itself. */
void fake_withhold(struct virt_exit *exit);

/* When something was last taken away from a space, as fake.n_changes counts; 0: nothing yet. */
uint64_t fake_changed_at(const struct virt_space *space);

/* Was something taken away from the space of the VP since it was last renewed? */
bool fake_is_stale(const struct virt_vp *vp);

/*
 * The same, flags of writes aside: a VP may run with what it remembers of those until whoever has
 * taken them back has the others renewed.
 */
bool fake_is_wrong(const struct virt_vp *vp);

/* Let the machine answer this to CPUID and RDMSR. */
void fake_set_cpuid(uint32_t leaf, uint32_t subleaf, struct x86_cpuid value);
void fake_set_msr(uint32_t msr, uint64_t value);

/*
 * Count the pages of a list, walking it; complains if the list lies or a page of it is not clean.
 */
uint64_t fake_count_pages(const struct virt_pages *pages);

/*
 * A guest reads or writes a page, as a processor does it: false if that is a violation. A page that
 * was written to is marked, if the space is used with the processor's flags.
 */
bool fake_notes_writes(const struct virt_space *space); /* is that how it is used? */
bool fake_access(const struct virt_space *space, gpa_t gpa, bool is_write);

/*
 * The guest of a VP whose APIC delivers by itself (VIRT_APIC_DELIVERY) can take an interrupt: its
 * vector, -1 if there is none for it. It acknowledges one: the vector, if that exits, or -1.
 */
int fake_apic_deliver(struct virt_vp *vp);
int fake_apic_eoi(struct virt_vp *vp);

/* Tables that the space consists of, by walking it. */
uint64_t fake_count_tables(const struct virt_space *space);

/* Every leaf of the space, in ascending order. */
void fake_walk(const struct virt_space *space,
	       void (*visit)(void *context, gpa_t gpa, const struct virt_leaf *leaf),
	       void *context);

__attribute__((noreturn, format(printf, 1, 2))) void fake_scream(const char *format, ...);

#endif
