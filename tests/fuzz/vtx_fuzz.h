/* SPDX-License-Identifier: MIT */
/* What the parts of the fuzz target vtx_fuzz share: the input, the map of memory, the promises that must hold. */
#ifndef TESTS_FUZZ_VTX_FUZZ_H
#define TESTS_FUZZ_VTX_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/vtx/vtx.h"
#include "whit/hypercall.h"

#define MIB	    (1024 * 1024ull)
#define RAM_BYTES   (64 * MIB)
#define BLOCK_BASE  (16 * MIB)
#define BLOCK_BYTES (6 * MIB)
#define PERCPU_BASE (BLOCK_BASE + 2 * MIB) /* two pages, then the heap */
#define ROOT_PML4   0x100000ull		   /* and its tables behind it, an identity map of 4 GiB */
#define ROOT_IDT    0x106000ull
#define ROOT_STACK  0x107000ull
#define ROOT_CODE   0x108000ull
#define BUFFER	    0x110000ull /* of calls; two pages */
#define VP_PAGES    0x120000ull
#define CHILD_RAM   0x200000ull /* 2 MiB for each partition */
#define LEND_POOL   (24 * MIB)

#define N_PARTITIONS 2u
#define N_VPS	     2u

#define BROKEN(...)                           \
	do {                                  \
		printf("vtx_fuzz: broken: "); \
		printf(__VA_ARGS__);          \
		printf("\n");                 \
		fflush(stdout);               \
		abort();                      \
	} while (0)

/* The input: zeros behind its end. */
struct input {
	const uint8_t *data;
	size_t n_bytes, at;
};

extern struct input in;

static inline bool in_is_over(void)
{
	return in.at >= in.n_bytes;
}

static inline uint8_t in8(void)
{
	return in.at < in.n_bytes ? in.data[in.at++] : 0;
}

static inline uint64_t in_n(unsigned int n_bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n_bytes; i++)
		value |= (uint64_t)in8() << (8 * i);
	return value;
}

/* A number of any kind: small, a bit, an address, or all of its bytes given. */
uint64_t in_value(void);

/* Who runs. A child is that of the Run that the root has called. */
struct child {
	bool is_created,
		is_tainted; /* the client has changed its state since an entry that passed */
	uint8_t partition, index;
};

extern struct child *running; /* NULL: the root */

/* Instructions of a guest have been executed, or an event was delivered. */
void made_progress(void);
/* An exit without: many of them in a row are a hang. */
void made_exit(void);

/* Is the page one that nobody but the hypervisor may reach? */
bool is_hidden_page(uint64_t spa);

/* vtx_child.c: the guest of a child's VMCS, after an entry that passed. */
void child_guest(struct virt_regs *regs);
void child_start(void);

/* vtx_child.c: change the guest-state area as instructions can; what is not legal is not done. */
void mutate_state(struct virt_regs *regs, bool is_root);

/* vtx_root.c: the root as a guest. It exits for this reason, in an instruction of so many bytes. */
void root_guest(struct virt_regs *regs);
void root_start(void);
void root_exit(uint32_t reason, uint64_t qualification, uint64_t length);
/* Change its state as instructions can, or so that its tables or its stack lie in hidden memory. */
void root_change(struct virt_regs *regs);

/* vtx_client.c: what the root calls. Plan the next calls, make one (an exit), take its results. */
void client_start(void);
void client_plan(struct virt_regs *regs);
bool client_has_call(void);
void client_call(struct virt_regs *regs);
void client_return(const struct virt_regs *regs);
/* Call for the deletion of what there is, or else end the input. */
void client_finish(void);
/* The memory that is lent, from LEND_POOL to here; has nothing but loans been made of it? */
uint64_t client_pool_end(void);
bool client_keeps_pool(void);
__attribute__((noreturn)) void input_is_over(void);

/* vtx_same.c: the root's registers as they stood at its exit, and what an exit may change of them. */
void same_start(void);
void same_note(const struct virt_regs *regs);
void same_check(const struct virt_regs *regs);

#endif
