/* SPDX-License-Identifier: MIT */
/*
 * A set-up for tests of arch/vmx: the backend taken over on the model of VT-x (tests/vtx), a root and a child, and a guest
 * that does what the test has said: the n-th entry of the machine ends with the n-th exit of the script. An entry that the
 * processor would refuse ends the program, so each run is also a check of what was entered.
 */
#ifndef TESTS_UNIT_VMX_H
#define TESTS_UNIT_VMX_H

#include <setjmp.h>
#include <string.h>

#include "arch/vmx/vmx.h"
#include "arch/x86/xstate.h"
#include "tests/check.h"
#include "tests/vtx/vtx.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

#define RAM_BYTES    (16ull << 20)
#define PERCPU_PAGE  0x1000ull
#define ROOT_TABLES  0x4000ull
#define FIRST_PAGE   0x100000ull
#define N_PAGES	     200u
#define ROOT_RIP     0x8000ull
#define MAX_SHOTS    16u
#define MAX_PUTS     12u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct virt_vp *root, *child;
static struct virt_space root_space, child_space;
static struct virt_pages pages;

/* ---- The script -------------------------------------------------------------------------- */

/* An exit to come: its fields, and what the guest does before, if anything. */
static struct shot {
	uint32_t reason;
	uint64_t qualification;
	unsigned int n_puts;
	struct {
		uint32_t field;
		uint64_t value;
	} put[MAX_PUTS];
	void (*act)(struct virt_regs *regs);
} shots[MAX_SHOTS];

/* What the entries had to deliver, and with which shadow. */
static struct entered {
	uint32_t info, error_code;
	uint8_t length;
	uint64_t shadow, pending;
	bool is_root;
} entered[MAX_SHOTS];

static unsigned int n_shots, next_shot;

static void then(uint32_t reason, uint64_t qualification)
{
	REQUIRE(n_shots < MAX_SHOTS);
	shots[n_shots++] = (struct shot) { .reason = reason, .qualification = qualification };
}

/* Of the exit that was said last. */
static __attribute__((unused)) void with(uint32_t field, uint64_t value)
{
	struct shot *const shot = &shots[n_shots - 1];

	REQUIRE(shot->n_puts < MAX_PUTS);
	shot->put[shot->n_puts].field = field;
	shot->put[shot->n_puts++].value = value;
}

static void guest(struct virt_regs *regs)
{
	const struct shot *const shot = &shots[next_shot];
	struct entered *const at = &entered[next_shot];

	REQUIRE(next_shot < n_shots);
	next_shot++;
	*at = (struct entered) {
		.info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO),
		.error_code = (uint32_t)vtx_get(VMCS_ENTRY_EXCEPTION_ERROR_CODE),
		.length = (uint8_t)vtx_get(VMCS_ENTRY_INSTRUCTION_LENGTH),
		.shadow = vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE),
		.pending = vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS),
		.is_root = vtx.percpu->current->is_root,
	};
	if (!(at->info & INTR_VALID))
		at->info = 0;
	if (shot->act)
		shot->act(regs);
	vtx_exit(shot->reason, shot->qualification);
	for (unsigned int i = 0; i < shot->n_puts; i++)
		vtx_put(shot->put[i].field, shot->put[i].value);
}

/* ---- The machine ------------------------------------------------------------------------- */

static struct whit_cpu_state root_state(void)
{
	struct whit_cpu_state state = {
		.rip = ROOT_RIP,
		.rflags = RFLAGS_ONE,
		.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP,
		.cr3 = ROOT_TABLES,
		.cr4 = CR4_PAE | CR4_OSFXSR,
		.dr7 = DR7_INIT,
		.gdtr = { .limit = 0xff, .base = 0x9000 },
		.idtr = { .limit = 0xfff, .base = 0xa000 },
	};

	for (unsigned int seg = 0; seg <= SEG_GS; seg++)
		state.seg[seg] = (struct x86_segment) { .limit = 0xffffffff,
							.selector = 0x10,
							.attributes = 0xc093 };
	state.seg[SEG_CS].attributes = 0xa09b;
	state.seg[SEG_CS].selector = 8;
	return state;
}

/* Of a child: nothing of it exits that need not, and it has no PCIDE, protection keys or CET. */
static const struct virt_config permissive = {
	.has = ~0u,
	.cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE |
	       CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_SMEP |
	       CR4_SMAP,
};

static inline void machine(unsigned int set)
{
	const struct whit_cpu_state state = root_state();

	vtx_start(set, RAM_BYTES, 0x1234567 + set);
	vtx.guest = guest;
	vtx_take_over(PERCPU_PAGE);
	pages = (struct virt_pages) { 0 };
	for (uint64_t i = 0; i < N_PAGES; i++)
		virt_pages_give(&pages, SPA(FIRST_PAGE + i * PAGE_SIZE));
	REQUIRE(virt_space_create(&root_space, &pages) && virt_space_create(&child_space, &pages));
	root = virt_root_create(&pages, &state, &root_space);
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(root && child);
	n_shots = next_shot = 0;
}

/* A child that has all instructions and CR4 bits: let these exceptions exit. */
static __attribute__((unused)) void intercept(struct virt_vp *vp, uint32_t exceptions)
{
	virt_configure(vp, &(const struct virt_config) {
				   .exceptions = exceptions, .has = ~0u, .cr4 = ~0ull });
}

/* Run the root or the child to the end of the script. */
static struct virt_exit run(struct virt_vp *vp)
{
	struct virt_exit exit;

	memset(&exit, 0xa5, sizeof(exit));
	if (vtx.percpu->switched != vp)
		virt_switch(vtx.percpu->switched, vp);
	virt_run(vp, &exit);
	CHECK_EQ(next_shot, n_shots);
	CHECK(!exit.is_partial); /* VT-x tells all of it */
	n_shots = next_shot = 0;
	return exit;
}

/* The same with one exit. */
static __attribute__((unused)) struct virt_exit run_to(struct virt_vp *vp, uint32_t reason,
						       uint64_t qualification)
{
	then(reason, qualification);
	return run(vp);
}

#define INFO(type, vector) (INTR_VALID | (type) << INTR_TYPE_SHIFT | (vector))

#endif
