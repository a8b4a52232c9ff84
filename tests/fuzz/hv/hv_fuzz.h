/* SPDX-License-Identifier: MIT */
/*
 * The parts of the fuzz target of hv/ and emu/ (hv_fuzz.c): a fake machine (arch/fake), a root that makes hypercalls
 * and exits, guests that exit, and what must hold after each of them. The input is a stream of bytes; each choice takes
 * the next ones, and is mostly something valid. No expression makes two whose order C leaves to the compiler. When the stream has ended every choice is the first one.
 */
#ifndef TESTS_FUZZ_HV_FUZZ_H
#define TESTS_FUZZ_HV_FUZZ_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/fake/fake.h"
#include "tests/random.h"
#include "hv/mem/frame.h"
#include "hv/mem/gpa.h"
#include "hv/mem/handle.h"
#include "hv/hv.h"
#include "hv/root.h"
#include "hv/vp.h"

#define PROMISE(condition)                                                                      \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- The stream -------------------------------------------------------------------------- */

bool has_input(void);
uint8_t draw8(void);
uint16_t draw16(void);
uint32_t draw32(void);
uint64_t draw64(void);
unsigned int below(unsigned int n);					    /* at most 65,536 */
uint64_t draw_two(uint8_t low_mask, uint8_t high_mask, unsigned int shift); /* of a byte each */

/* True once in n times, with n at most 256; not at the end of the stream. */
bool rarely(unsigned int n);

/* A number that is on some edge, or anything. */
uint64_t draw_odd(void);

#define PICK(array) ((array)[below(COUNT(array))])

/* ---- The machine ------------------------------------------------------------------------- */

/* The partition of a handle, dying ones too; NULL if there is none. */
static inline struct partition *peek(uint64_t handle)
{
	struct partition *const partition = handle_look(&hv.roots[0], handle);

	handle_done(&hv.roots[0]);
	return partition;
}

#define MIB	    (1ull << 20)
#define RAM_BYTES   (64 * MIB)
#define BLOCK_BASE  (16 * MIB)
#define BLOCK_BYTES (4 * MIB)
#define BUFFERS	    (20 * MIB) /* of hypercalls */
#define N_BUFFERS   8u
#define SHARED	    (21 * MIB) /* pages of VPs: MAX_VPS for each partition */
#define ROOT_CODE   (22 * MIB) /* the root's code, behind it its page tables */
#define ROOT_STACK  (23 * MIB)
#define LENDABLE    (24 * MIB)
#define LEND_PAGES  2048u
#define SOURCES	    (32 * MIB) /* memory of guests: 8 MiB for each partition */
#define SOURCE_SIZE (8 * MIB)

#define MAX_PARTITIONS 4u
#define MAX_VPS	       3u

/* A guest's addresses, as guest_boot() maps them. */
#define GUEST_RAM     (2 * MIB)
#define GUEST_CODE    0x1000ull
#define GUEST_DATA    0x8000ull
#define GUEST_TABLES  0x100000ull
#define GUEST_ROM     (2 * MIB)
#define GUEST_TRACKED (3 * MIB)
#define GUEST_DEVICE  (6 * MIB)

struct world {
	uint64_t handles[MAX_PARTITIONS]; /* 0: none */
	uint64_t lend_cursor;
	uint64_t heap_pages;   /* of the heap and the root's space, together */
	bool has_other_cpu;    /* somebody writes to the root's memory at any time */
	bool has_retyped;      /* memory types have changed: the root's map may lack something */
	bool is_reset;	       /* the last exit of the root has reset the machine */
	struct random meddler; /* what the other processor does */
	struct virt_exit planned;
	unsigned int n_root_exits, n_stuck, n_child_exits;
	bool is_refused;	    /* the processor does not take the next entry */
	struct virt_event injected; /* into the root, by its last exit */
	struct virt_regs last_regs;
	uint64_t first_rip; /* of the root, when it left */
};

extern struct world world;

static inline struct root *the_root(void)
{
	return &hv.roots[0];
}

static inline void *at(uint64_t spa)
{
	return virt_ptr(SPA(spa));
}

/* Can the root write there, so that something arrives? */
bool is_roots(uint64_t spa, uint64_t n_bytes);

/* Where the guest's GPA 0 of a partition stands. */
static inline uint64_t source_of(unsigned int slot)
{
	return SOURCES + slot * SOURCE_SIZE;
}

struct vp *vp_at(unsigned int slot, unsigned int index); /* NULL: none */

/* ---- hv_fuzz_forms.c ---- */

/* Instructions of tests/guest/forms.inc, and those of ports: bytes for code of a mode; returns their number. */
unsigned int draw_instruction(enum emu_mode mode, uint8_t bytes[16]);

/* The same of string instructions on ports. */
unsigned int draw_port_string(enum emu_mode mode, bool *is_in, uint8_t *size, bool *is_rep,
			      uint8_t bytes[16]);

/* ---- hv_fuzz_call.c ---- */

/* A hypercall, by the root's VMCALL, with all that must hold afterwards. */
uint32_t call(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9, uint64_t r10);
extern uint64_t call_rdx; /* of the last call */

/* Any hypercall with what the stream gives. */
void random_call(void);

/* Lend pages to the partition: the next of LENDABLE. */
void lend_some(uint64_t handle, uint64_t n_pages);

void delete_slot(unsigned int slot);

/* Any property, or list of them. */
void random_property(uint64_t handle);

uint64_t draw_leaf(void); /* of CPUID */

/* Set one register of a VP by a hypercall; and change one bit of one, of those that an entry looks at mostly. */
void flip_register(unsigned int slot, unsigned int vp);
void set_register(unsigned int slot, unsigned int vp, uint32_t name, uint64_t low, uint64_t high);

/* ---- hv_fuzz_guest.c ---- */

/* A partition with memory and VPs, set up as the stream says; the slot is free. */
void guest_boot(unsigned int slot);

/* Put a VP into one of the processor's modes, at code on a device. */
void guest_set_mode(unsigned int slot, unsigned int vp);

/* The client's answer to what the VP waits for, and Run. */
void guest_run(void);

/* What a child does: fake.play. */
void guest_play(struct virt_vp *vp, struct virt_exit *exit);

/* Write into what guests and clients share with the hypervisor. */
void scribble(void);

/* ---- hv_fuzz_root.c ---- */

/* The root as the loader leaves it, at 64-bit code on page tables of its own. */
void root_begin(const struct whit_handover *handover);

/* Let the root exit, with all that follows until it runs again. */
void root_leave(const struct virt_exit *exit);

/* Any exit of the root but a hypercall. */
void random_root_exit(void);

/* ---- hv_fuzz_check.c ---- */

/* What is seen of partitions, VPs and buffers: a call that fails has changed nothing of it. */
struct digest {
	uint64_t partition[MAX_PARTITIONS];
	uint64_t vp[MAX_PARTITIONS][MAX_VPS];
	uint64_t memory, hypervisor;
};

void check_digest_take(struct digest *digest);

/* Nobody reaches what is hidden, and the books are right. */
void check_world(void);

/* The root is as it was, but for these of its general registers (bits) and virt_get()'s (bits). */
void check_root(const struct virt_vp *before, const uint8_t *fpu_before, uint32_t gprs,
		uint64_t registers);

/* All has been deleted. */
void check_at_the_end(void);

#endif
