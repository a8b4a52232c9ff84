/* SPDX-License-Identifier: MIT */
/*
 * A fake machine with one partition, one VP and a root, for the tests of hv/{run,exit,entry,root,cr,cpuid,
 * msr}.c. What those files call and other tests keep is scripted here; what is not expected screams.
 */
#ifndef TESTS_UNIT_RUN_WORLD_H
#define TESTS_UNIT_RUN_WORLD_H

#include <string.h>

#include "arch/fake/fake.h"
#include "hv/cpu/cpuid.h"
#include "hv/emulate/device.h"
#include "hv/vp/event.h"
#include "hv/mem/gpa.h"
#include "hv/root.h"
#include "hv/run/run.h"
#include "hv/call/hypercall.h"
#include "hv/root/memory.h"
#include "hv/vp/signal.h"
#include "tests/unit/guest.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define RAM_BYTES  (64ull << 20)
#define GUEST_SPA  (4ull << 20) /* GPA 0 to 2 MiB stands here, all rights */
#define ROM_GPA	   (2ull << 20) /* one page, not to be written */
#define HOLE_GPA   (8ull << 20) /* nothing */
#define TABLES_GPA 0x100000ull	/* page tables of world_long_mode() */
#define CODE_GPA   0x1000ull

#define ATTR_CODE16 0x009bu
#define ATTR_CODE32 0xc09bu
#define ATTR_CODE64 0xa09bu
#define ATTR_DATA   0xc093u

struct hv hv;
static struct partition part;
static struct vp child;
static struct root root;
static struct virt_pages pages;

/* ---- Stand-ins --------------------------------------------------------------------------- */

static struct {
	enum device_outcome io, memory, resumed;
	bool may_io, may_memory, may_continue;
	unsigned int n_io, n_memory, n_continue, n_accepts;
	uint8_t accepted; /* the first byte of the answer */
	unsigned int n_hypercalls, n_root_faults, n_retypes;
	unsigned int n_parts; /* calls of root_memory_retype() that do not finish */
	void (*hypercall)(struct root *root);
	/* The APIC: what it does, and how often it was asked. */
	void (*apic_prepare)(struct vp *vp);
	void (*apic_exit)(struct vp *vp, const struct virt_exit *exit);
	int deliverable; /* a vector, with 100h */
	unsigned int n_prepares, n_apic_exits;
} script;

/* Its page; child.apic.page is NULL until world_apic(). */
static uint8_t apic_page[4096];

struct gpa_page gpa_find_page(struct partition *partition, gpa_t gpa)
{
	const struct virt_leaf leaf = virt_space_lookup(&partition->space, gpa);

	if (!leaf.rights)
		return (struct gpa_page) { NULL, 0 };
	return (struct gpa_page) {
		virt_ptr(SPA(leaf.spa.a + (gpa.a & (LEVEL_SIZE(leaf.level) - 1) & PAGE_MASK))),
		leaf.rights
	};
}

void gpa_set_dirty(const struct partition *partition, gpa_t gpa)
{
	(void)partition;
	(void)gpa;
}

bool gpa_resolve(struct partition *partition, const struct virt_exit *exit)
{
	(void)partition;
	(void)exit;
	return false;
}

bool frames_are_root(uint64_t base, uint64_t n_bytes);
bool frames_are_root(uint64_t base, uint64_t n_bytes)
{
	return base + n_bytes <= RAM_BYTES;
}

bool frames_hidden(uint64_t page);
bool frames_hidden(uint64_t page)
{
	(void)page;
	return false;
}

enum device_outcome device_io(struct vp *vp, const struct virt_exit *exit)
{
	if (!script.may_io || vp != &child || exit->reason != VIRT_EXIT_IO)
		fake_scream("device_io");
	script.n_io++;
	return script.io;
}

enum device_outcome device_memory(struct vp *vp, const struct virt_exit *exit)
{
	if (!script.may_memory || vp != &child || exit->reason != VIRT_EXIT_MEMORY)
		fake_scream("device_memory");
	script.n_memory++;
	return script.memory;
}

/* Must come before the record is written over. */
void device_accept(struct vp *vp)
{
	script.accepted = child.page->exit[64];
	script.n_accepts++;
	vp->device.stage = DEVICE_INSN;
}

enum device_outcome device_continue(struct vp *vp)
{
	if (!script.may_continue)
		fake_scream("device_continue");
	script.n_continue++;
	vp->device.stage = DEVICE_IDLE;
	return script.resumed;
}

void vp_prepare_apic(struct vp *vp)
{
	if (vp != &child || !vp->apic.page)
		fake_scream("apic_prepare");
	vp->apic.is_due = false;
	script.n_prepares++;
	if (script.apic_prepare)
		script.apic_prepare(vp);
}

void apic_exit(struct vp *vp, const struct virt_exit *exit)
{
	if (vp != &child || !vp->apic.page)
		fake_scream("apic_exit");
	script.n_apic_exits++;
	if (script.apic_exit)
		script.apic_exit(vp, exit);
}

int apic_deliverable(const struct vp *vp)
{
	if (!vp->apic.page)
		fake_scream("apic_deliverable");
	return script.deliverable - 0x100;
}

bool apic_owns_msr(const struct vp *vp, uint32_t msr)
{
	return vp->apic.page && msr >> 8 == 8;
}

bool apic_read_msr(struct vp *vp, uint32_t msr, uint64_t *value)
{
	(void)vp;
	*value = apic_page[(msr & 0xff) * 16];
	return true;
}

bool apic_write_msr(struct vp *vp, uint32_t msr, uint64_t value)
{
	apic_page[(msr & 0xff) * 16] = (uint8_t)value;
	if (script.apic_exit)
		script.apic_exit(vp, NULL);
	return true;
}

uint64_t apic_get_cr8(const struct vp *vp)
{
	return vp->apic.page[0x80] >> 4;
}

void apic_set_cr8(struct vp *vp, uint64_t value)
{
	vp->apic.page[0x80] = (uint8_t)(value << 4);
}

void apic_move_time(struct vp *vp, uint64_t delta)
{
	vp->apic.deadline += delta;
}

void hypercall(struct root *caller)
{
	script.n_hypercalls++;
	if (script.hypercall)
		script.hypercall(caller);
}

void root_memory_fault(struct root *r, const struct virt_exit *exit)
{
	if (r != &root || exit->reason != VIRT_EXIT_MEMORY)
		fake_scream("root_memory_fault");
	script.n_root_faults++;
}

bool root_memory_retype(bool has_changed)
{
	if (!fake.n_type_changes)
		fake_scream("retype before virt_memory_type_changed()");
	script.n_retypes += has_changed;
	if (!script.n_parts)
		return true;
	script.n_parts--;
	return false;
}

/* ---- The world --------------------------------------------------------------------------- */

static inline uint8_t *guest_ptr(uint64_t gpa)
{
	return virt_ptr(SPA(GUEST_SPA + gpa));
}

static inline void guest_write(uint64_t gpa, uint64_t value)
{
	memcpy(guest_ptr(gpa), &value, 8);
}

/* Work the child's model out anew, with all features, of the machine and the properties as they are. */
static inline void world_model(void)
{
	part.properties.features[0] = part.properties.features[1] = ~0ull;
	part.properties.xsave_features = ~0ull;
	part.properties.physical_bits = virt_machine.physical_bits;
	part.properties.clflush_size = 255;
	part.properties.msr_exits = 1;
	model_init();
	model_build(&part);
}

static void world_init(void)
{
	struct whit_cpu_state state = { .rip = 0x1000, .rflags = RFLAGS_ONE };

	fake_reset(RAM_BYTES);
	memset(&hv, 0, sizeof(hv));
	memset(&part, 0, sizeof(part));
	memset(&child, 0, sizeof(child));
	memset(&root, 0, sizeof(root));
	memset(&script, 0, sizeof(script));
	memset(apic_page, 0, sizeof(apic_page));
	pages = (struct virt_pages) { 0, 0 };
	for (uint64_t spa = 32ull << 20; spa < (33ull << 20); spa += PAGE_SIZE)
		virt_pages_give(&pages, SPA(spa));
	hv.tsc_hz = 2000000000ull;
	virt_space_create(&hv.root_space, &pages);
	virt_space_create(&part.space, &pages);
	for (uint64_t at = 0; at < RAM_BYTES; at += LEVEL_SIZE(LEVEL_2M))
		virt_space_set(&hv.root_space, GPA(at), LEVEL_2M,
			       (struct virt_leaf) { SPA(at), 7, LEVEL_2M, MEMTYPE_WB });
	virt_space_set(&part.space, GPA(0), LEVEL_2M,
		       (struct virt_leaf) { SPA(GUEST_SPA), 7, LEVEL_2M, MEMTYPE_WB });
	virt_space_set(&part.space, GPA(ROM_GPA), LEVEL_4K,
		       (struct virt_leaf) { SPA(16ull << 20), VIRT_READ | VIRT_EXECUTE, LEVEL_4K,
					    MEMTYPE_WB });

	state.cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP;
	state.cr4 = CR4_PAE;
	state.seg[SEG_CS] = (struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE64 };
	state.seg[SEG_SS] = (struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA };
	root.virt = virt_root_create(&pages, &state, &hv.root_space);
	root.xcr0 = 1;

	child.partition = &part;
	child.virt = virt_vp_create(&pages, &part.space);
	child.page = virt_ptr(SPA(24ull << 20));
	child.page->error_register = ~0u;
	child.misc_enable = 1;
	part.properties.processor_count = 1;
	world_model();
	part.is_set_up = true;
	part.vps[0] = &child;
	/* Code that can be told from zeros, at offset 1000h of a flat CS. */
	for (unsigned int i = 0; i < 64; i++)
		guest_ptr(CODE_GPA)[i] = (uint8_t)(0xc0 + i);
	virt_regs(child.virt)->rip = CODE_GPA;
	virt_set_segment(child.virt, SEG_CS, &(struct x86_segment) { 0, 0xffff, 0, ATTR_CODE16 });
}

/* The child with a local APIC, whose timer does not run. */
static inline void world_apic(void)
{
	child.apic.page = apic_page;
	child.apic.mode = VIRT_APIC_XAPIC;
	child.apic.deadline = APIC_NEVER;
	part.properties.apic_mode = WHvX64LocalApicEmulationModeX2Apic;
	world_model();
}

/* The child in flat 32-bit protected mode without paging, CPL 0. */
static inline void world_protected_mode(void)
{
	virt_set(child.virt, VIRT_CR0, CR0_PE | CR0_ET | CR0_NE);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		virt_set_segment(child.virt, (enum x86_seg)i,
				 &(struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA });
	virt_set_segment(child.virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE32 });
}

/* The child in 64-bit mode, the first GiB mapped 1:1 in 2 MiB pages for user and supervisor. */
static inline void world_long_mode(void)
{
	world_protected_mode();
	guest_write(TABLES_GPA, (TABLES_GPA + 0x1000) | PTE_P | PTE_W | PTE_U);
	guest_write(TABLES_GPA + 0x1000, (TABLES_GPA + 0x2000) | PTE_P | PTE_W | PTE_U);
	for (uint64_t i = 0; i < 512; i++)
		guest_write(TABLES_GPA + 0x2000 + 8 * i, i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS);
	virt_set(child.virt, VIRT_CR3, TABLES_GPA);
	virt_set(child.virt, VIRT_CR4, CR4_PAE);
	virt_set(child.virt, VIRT_EFER, EFER_LME | EFER_LMA);
	virt_set(child.virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP);
	virt_set_segment(child.virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE64 });
}

/* CPL 3, in whatever mode. */
static inline void world_user(void)
{
	virt_set_segment(child.virt, SEG_CS,
			 &(struct x86_segment) { 0, ~0u, 0x1b, ATTR_CODE64 | SEG_DPL });
	virt_set_segment(child.virt, SEG_SS,
			 &(struct x86_segment) { 0, ~0u, 0x23, ATTR_DATA | SEG_DPL });
}

/* The guest has executed STI, and its shadow is over. */
static inline void sti_hook(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)exit;
	vp->regs.rflags |= RFLAGS_IF;
}

/* The exit that ends vp_run() without a record. */
static inline void push_interrupt(void)
{
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT }, NULL);
}

static inline void push_reason(enum virt_exit_reason reason, uint8_t length)
{
	fake_push(&(struct virt_exit) { .reason = reason, .insn_length = length }, NULL);
}

static uint64_t wake_time; /* with WHIT_S_IDLE */

/* Run the child on what has been pushed; all of it must be used. */
static inline uint32_t run_child(void)
{
	const uint32_t result = vp_run(&child, &root, &wake_time);

	CHECK_EQUAL(fake.next_exit, fake.n_exits);
	CHECK(fake.switched_in == root.virt);
	return result;
}

static inline uint32_t record_u32(unsigned int offset)
{
	uint32_t value;

	memcpy(&value, child.page->exit + offset, 4);
	return value;
}

/* The child's instruction exits and is done; RIP is put back afterwards. */
static inline void check_child_skips(const struct virt_exit *exit)
{
	const uint64_t rip = virt_regs(child.virt)->rip;

	fake_push(exit, NULL);
	push_interrupt();
	CHECK_EQUAL(run_child(), WHIT_S_AGAIN);
	CHECK_EQUAL(virt_regs(child.virt)->rip, rip + exit->insn_length);
	CHECK_EQUAL(child.pending.type, VIRT_EVENT_NONE);
	virt_regs(child.virt)->rip = rip;
}

/* A cancel from within the exit keeps the exception where it can be seen: pending, at the old RIP. */
static inline void cancel_hook(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	child.cancel = 1;
}

static inline void check_child_faults(const struct virt_exit *exit, uint8_t vector)
{
	const uint64_t rip = virt_regs(child.virt)->rip;

	fake_push(exit, cancel_hook);
	CHECK_EQUAL(run_child(), S_OK);
	CHECK_EQUAL(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQUAL(virt_regs(child.virt)->rip, rip);
	CHECK_EQUAL(child.pending.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQUAL(child.pending.vector, vector);
	CHECK_EQUAL(child.pending.has_error_code, vector == EXC_GP);
	CHECK_EQUAL(child.pending.error_code, 0);
	CHECK(child.pending_is_event);
	child.pending = (struct virt_event) { .type = VIRT_EVENT_NONE };
}

#endif
