/* SPDX-License-Identifier: MIT */
/*
 * The machine with one partition of one VP that runs on it, for the tests of hv/run, hv/cpu and of the root's exits.
 */
#ifndef TESTS_UNIT_RUN_WORLD_H
#define TESTS_UNIT_RUN_WORLD_H

#include <stddef.h>

#include "hv/apic/page.h"
#include "hv/cpu/cpuid.h"
#include "hv/emulate/device.h"
#include "hv/root/memory.h"
#include "hv/run/run.h"
#include "hv/vp/event.h"
#include "hv/vp/signal.h"
#include "tests/unit/exit_code.h"
#include "tests/check.h"
#include "tests/unit/machine.h"
#include "whit/extension.h"
#include "whp/WinHvEvents.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define RAM_BYTES  (32 * MIB)
#define GUEST_SPA  (4 * MIB) /* GPA 0 to 2 MiB stands here, all rights */
#define ROM_SPA	   (8 * MIB)
#define ROM_GPA	   (2 * MIB)   /* one page, not to be written */
#define HOLE_GPA   (8 * MIB)   /* nothing */
#define TABLES_GPA 0x100000ull /* page tables of world_long_mode() */
#define CODE_GPA   0x1000ull

#define ATTR_CODE16 0x009bu
#define ATTR_CODE32 0xc09bu
#define ATTR_CODE64 0xa09bu
#define ATTR_DATA   0xc093u

static uint64_t part_handle;
static struct partition *part;
static struct vp *child;

static inline uint8_t *guest_ptr(uint64_t gpa)
{
	return virt_ptr(SPA(GUEST_SPA + gpa));
}

static inline void guest_write(uint64_t gpa, uint64_t value)
{
	memcpy(guest_ptr(gpa), &value, 8);
}

/* Give the child this code; it can be told from zeros otherwise, too. */
#define GUEST_CODE(...)                                            \
	do {                                                       \
		static const uint8_t code_[] = { __VA_ARGS__ };    \
		memcpy(guest_ptr(CODE_GPA), code_, sizeof(code_)); \
	} while (0)

/* Work the child's model out anew, with all features, of the machine and the properties as they are. */
static inline void world_model(void)
{
	part->properties.features[0] = part->properties.features[1] = ~0ull;
	part->properties.xsave_features = ~0ull;
	part->properties.physical_bits = virt_machine.physical_bits;
	part->properties.clflush_size = 255;
	part->properties.msr_exits = 1;
	model_init();
	model_build(part);
}

/* The instruction of an exit, in the first 2 MiB. */
static inline void world_code(struct virt_vp *vp, const struct virt_exit *exit)
{
	const struct exit_code code = code_of_exit(vp, exit);

	if (code.n)
		memcpy(guest_ptr(virt_view(vp)->cs.base + virt_regs(vp)->rip), code.bytes, code.n);
}

/* The root runs 64-bit code. */
static inline void world_root(void)
{
	virt_regs(test_root.virt)->rip = 0x1000;
	virt_regs(test_root.virt)->rflags = RFLAGS_ONE;
	virt_set(test_root.virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP);
	virt_set(test_root.virt, VIRT_CR4, CR4_PAE);
	virt_set_segment(test_root.virt, SEG_CS,
			 &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE64 });
	virt_set_segment(test_root.virt, SEG_SS, &(struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA });
}

/* A partition that shows all features, with this WHvPartitionPropertyCodeLocalApicEmulationMode. */
static inline void world_partition(uint32_t apic_mode)
{
	part_handle = set_up_with(48, 1, apic_mode, 0);
	part = partition_of(part_handle);
	world_model();
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, part_handle, GUEST_SPA, 0, 2 * MIB, 7), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, part_handle, ROM_SPA, ROM_GPA, PAGE_SIZE,
			VIRT_READ | VIRT_EXECUTE),
		   S_OK);
}

/* The child is in real mode; with an APIC, which is enabled, its timer does not run. */
static inline void world_init_with(uint32_t apic_mode)
{
	fake_reset(RAM_BYTES);
	fake.write_code = world_code;
	machine_at(BLOCK_BASE, 4 * MIB);
	world_root();
	world_partition(apic_mode);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, part_handle, 0, 0, test_pages(1)), S_OK);
	child = vp_of(part_handle, 0);
	child->misc_enable = 1;
	for (unsigned int i = 0; i < 64; i++)
		guest_ptr(CODE_GPA)[i] = (uint8_t)(0xc0 + i);
	virt_regs(child->virt)->gpr[2] = 0;
	virt_regs(child->virt)->rip = CODE_GPA;
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, 0xffff, 0, ATTR_CODE16 });
	if (child->apic.page)
		apic_write(child, APIC_PAGE + 16 * APIC_SVR, 4, 0x1ff);
	child->apic.is_due = false;
}

static inline void world_init(void)
{
	world_init_with(WHvX64LocalApicEmulationModeNone);
}

/* The child in flat 32-bit protected mode without paging, CPL 0. */
static inline void world_protected_mode(void)
{
	virt_set(child->virt, VIRT_CR0, CR0_PE | CR0_ET | CR0_NE);
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		virt_set_segment(child->virt, (enum x86_seg)i,
				 &(struct x86_segment) { 0, ~0u, 0x10, ATTR_DATA });
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE32 });
}

/* The child in 64-bit mode, the first GiB mapped 1:1 in 2 MiB pages for user and supervisor. */
static inline void world_long_mode(void)
{
	world_protected_mode();
	guest_write(TABLES_GPA, (TABLES_GPA + 0x1000) | PTE_P | PTE_W | PTE_U);
	guest_write(TABLES_GPA + 0x1000, (TABLES_GPA + 0x2000) | PTE_P | PTE_W | PTE_U);
	for (uint64_t i = 0; i < 512; i++)
		guest_write(TABLES_GPA + 0x2000 + 8 * i, i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS);
	virt_set(child->virt, VIRT_CR3, TABLES_GPA);
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_set(child->virt, VIRT_EFER, EFER_LME | EFER_LMA);
	virt_set(child->virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET | CR0_NE | CR0_WP);
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 0x8, ATTR_CODE64 });
}

/* CPL 3, in whatever mode. */
static inline void world_user(void)
{
	virt_set_segment(child->virt, SEG_CS,
			 &(struct x86_segment) { 0, ~0u, 0x1b, ATTR_CODE64 | SEG_DPL });
	virt_set_segment(child->virt, SEG_SS,
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
	uint32_t result;

	REQUIRE(owner_claim_run(child, 0) == OWNER_OK);
	result = vp_run(child, &test_root, &wake_time);

	CHECK_EQ(fake.next_exit, fake.n_exits);
	CHECK(fake.cpu[0].switched_in == test_root.virt);
	return result;
}

static inline uint32_t record_u32(unsigned int offset)
{
	uint32_t value;

	memcpy(&value, child->page->exit + offset, 4);
	return value;
}

/* The child's instruction exits and is done; RIP is put back afterwards. */
static inline void check_child_skips(const struct virt_exit *exit)
{
	const uint64_t rip = virt_regs(child->virt)->rip;

	fake_push(exit, NULL);
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(virt_regs(child->virt)->rip, rip + exit->insn_length);
	CHECK_EQ(child->pending.type, VIRT_EVENT_NONE);
	virt_regs(child->virt)->rip = rip;
}

/* A cancel from within the exit keeps the exception where it can be seen: pending, at the old RIP. */
static inline void cancel_hook(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	(void)exit;
	child->cancel = 1;
}

static inline void check_child_faults(const struct virt_exit *exit, uint8_t vector)
{
	const uint64_t rip = virt_regs(child->virt)->rip;

	fake_push(exit, cancel_hook);
	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonCanceled);
	CHECK_EQ(virt_regs(child->virt)->rip, rip);
	CHECK_EQ(child->pending.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQ(child->pending.vector, vector);
	CHECK_EQ(child->pending.has_error_code, vector == EXC_GP);
	CHECK_EQ(child->pending.error_code, 0);
	CHECK(child->pending_is_event);
	child->pending = (struct virt_event) { .type = VIRT_EVENT_NONE };
}

#endif
