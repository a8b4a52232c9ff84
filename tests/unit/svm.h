/* SPDX-License-Identifier: MIT */
/*
 * A set-up for tests of arch/svm, as tests/unit/vmx.h is for those of arch/vmx: the backend taken over on the model of AMD-V
 * (tests/svm), a root and a child, and a guest whose n-th entry ends with the n-th exit of the script. An entry that the processor
 * would refuse ends the program, unless the test has said that it will.
 */
#ifndef TESTS_UNIT_SVM_H
#define TESTS_UNIT_SVM_H

#include <stdio.h>
#include <string.h>

#include "arch/svm/insn.h"
#include "arch/svm/svm.h"
#include "arch/x86/features.h"
#include "arch/x86/xstate.h"
#include "tests/check.h"
#include "tests/svm/amd.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/gpr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

#define RAM_BYTES    (16ull << 20)
#define PERCPU_PAGE  0x1000ull
#define ROOT_TABLES  0x8000ull
#define FIRST_PAGE   0x100000ull
#define N_PAGES	     200u
#define ROOT_RIP     0x8000ull
#define CHILD_RIP    0x1000ull
#define MAX_SHOTS    24u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct virt_vp *root, *child;
static struct virt_space root_space, child_space;
static struct virt_pages pages;

/* ---- The script -------------------------------------------------------------------------- */

/* An exit to come, and what the guest does before, if anything. */
static struct shot {
	uint64_t code, info1, info2, event;
	uint8_t length;
	void (*act)(struct virt_regs *regs);
} shots[MAX_SHOTS];

/* What the entries had. */
static struct entered {
	uint64_t event;
	uint64_t pushed_rip, rip, rflags, shadow, virtual_interrupt, dr6, debugctl;
	uint32_t intercepts, exceptions, asid;
	uint64_t n_cr3;
	bool is_root;
} entered[MAX_SHOTS];

static unsigned int n_shots, next_shot;

static __attribute__((unused)) struct shot *then(uint64_t code, uint64_t info1)
{
	REQUIRE(n_shots < MAX_SHOTS);
	shots[n_shots] = (struct shot) { .code = code, .info1 = info1, .length = 2 };
	return &shots[n_shots++];
}

static void guest(struct virt_regs *regs)
{
	const struct shot *const shot = &shots[next_shot];
	struct entered *const at = &entered[next_shot];

	REQUIRE(next_shot < n_shots);
	next_shot++;
	*at = (struct entered) {
		.event = amd.now.event & EVENT_VALID ? amd.now.event : 0,
		.pushed_rip = amd.pushed_rip,
		.rip = amd.now.save.rip,
		.rflags = amd.now.save.rflags,
		.shadow = amd.now.interrupt_state,
		.virtual_interrupt = amd.now.virtual_interrupt,
		.dr6 = amd.now.save.dr6,
		.debugctl = vtx_msr(MSR_DEBUGCTL)->value,
		.intercepts = amd.now.intercepts[0],
		.exceptions = amd.now.exceptions,
		.asid = amd.now.asid,
		.n_cr3 = amd.now.n_cr3,
		.is_root = vtx.percpu->current->is_root,
	};
	if (shot->act)
		shot->act(regs);
	amd.insn_length = shot->length;
	amd_exit(shot->code, shot->info1, shot->info2);
	if (shot->event)
		amd_interrupted(shot->event);
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

/* Of a child: nothing of it exits that need not. */
static const struct virt_config permissive = {
	.has = ~0u,
	.cr4 = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE |
	       CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_SMEP |
	       CR4_SMAP,
};

static inline void machine(enum amd_set set)
{
	const struct whit_cpu_state state = root_state();

	amd_start(set, RAM_BYTES, 0x1234567 + set, PERCPU_PAGE);
	vtx.guest = guest;
	pages = (struct virt_pages) { 0 };
	for (uint64_t i = 0; i < N_PAGES; i++)
		virt_pages_give(&pages, SPA(FIRST_PAGE + i * PAGE_SIZE));
	REQUIRE(virt_space_create(&root_space, &pages) && virt_space_create(&child_space, &pages));
	root = virt_root_create(&pages, &state, &root_space);
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(root && child);
	child->regs.rip = CHILD_RIP;
	n_shots = next_shot = 0;
}

static __attribute__((unused)) void go_to_protected_mode(struct virt_vp *vp)
{
	virt_set(vp, VIRT_CR0, CR0_PE | CR0_ET);
}

/* Let these exceptions exit. */
static __attribute__((unused)) void intercept(struct virt_vp *vp, uint32_t exceptions)
{
	virt_configure(vp, &(const struct virt_config) {
				   .exceptions = exceptions, .has = ~0u, .cr4 = ~0ull });
}

/* Run the root or the child to the end of the script. */
static struct virt_exit run(struct virt_vp *vp)
{
	struct virt_exit exit;
	const uint64_t n_refused = vtx.n_refused;

	memset(&exit, 0xa5, sizeof(exit));
	if (vtx.percpu->switched != vp)
		virt_switch(vtx.percpu->switched, vp);
	virt_run(vp, &exit);
	CHECK_EQ(next_shot, n_shots);
	if (vtx.n_refused != n_refused && exit.reason != VIRT_EXIT_INVALID_STATE)
		printf("# refused: %s\n", vtx.refusal);
	CHECK(vtx.n_refused == n_refused || exit.reason == VIRT_EXIT_INVALID_STATE);
	n_shots = next_shot = 0;
	return exit;
}

/* The same with one exit. */
static __attribute__((unused)) struct virt_exit run_to(struct virt_vp *vp, uint64_t code,
						       uint64_t info1)
{
	then(code, info1);
	return run(vp);
}

#define EVENT(type, vector) (EVENT_VALID | (uint64_t)(type) << EVENT_TYPE_SHIFT | (vector))

#endif
