/* SPDX-License-Identifier: MIT */
/*
 * The machine with one partition of one VP, and guest memory whose pages the test fills and protects one by one.
 */
#ifndef TESTS_UNIT_GUEST_VP_H
#define TESTS_UNIT_GUEST_VP_H

#include <stddef.h>
#include <string.h>

#include "hv/vp/page.h"
#include "hv/vp/vp.h"
#include "tests/unit/machine.h"
#include "x86/cr.h"
#include "x86/rflags.h"

#define GUEST_PAGES 64u

static uint64_t guest_handle;
static struct partition *guest_partition;
static struct vp *guest_vp;
static struct whit_vp_page *guest_shared;
static uint8_t (*guest_memory)[PAGE_SIZE]; /* from GPA 0 on */
static uint64_t guest_memory_spa;

static inline struct virt_regs *guest_regs(void)
{
	return virt_regs(guest_vp->virt);
}

/* Other rights for page n of guest memory, which has all; 0: nothing is mapped there. */
static inline void guest_protect(uint64_t n, uint64_t rights)
{
	const uint64_t gpa = n * PAGE_SIZE;

	if (rights)
		REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, guest_handle, guest_memory_spa + gpa, gpa,
				PAGE_SIZE, rights),
			   S_OK);
	else
		REQUIRE_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, guest_handle, gpa, PAGE_SIZE), S_OK);
	look(guest_vp);
}

/* Has no page of guest memory been looked up since the last change of the map? What is found is remembered. */
static inline bool guest_is_unseen(void)
{
	static const struct gpa_cached nothing[GPA_CACHED];

	return !memcmp(guest_vp->view.cache, nothing, sizeof(nothing));
}

/* What the shared page says of an error is forgotten; has anything been said since? */
static inline void guest_hush(void)
{
	vp_page_error(guest_vp, ~0u, "");
}

static inline bool guest_is_silent(void)
{
	return !guest_shared->error_text[0];
}

/*
 * The VP in 32-bit protected mode without paging, at the start of page 1, with no instruction or event open. Its memory
 * stays as it is; the shared page is full of values that mean nothing.
 */
static inline void guest_begin(void)
{
	static const struct x86_segment flat_code = { .limit = ~0u, .attributes = 0xc09b },
					flat_data = { .limit = ~0u, .attributes = 0xc093 };

	vp_reset(guest_vp, false);
	guest_regs()->gpr[2] = 0;
	virt_set(guest_vp->virt, VIRT_CR0, CR0_PE | CR0_ET | CR0_NE);
	for (unsigned int seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_segment(guest_vp->virt, (enum x86_seg)seg,
				 seg == SEG_CS ? &flat_code : &flat_data);
	guest_regs()->rip = 0x1000;
	guest_regs()->rflags = RFLAGS_ONE;
	memset(guest_shared, 0x5a, sizeof(*guest_shared));
	guest_hush();
	test_root.emulated = 0;
}

/* A new machine. What the partition emulates, WHIT_EMULATE_…, and its WHvPartitionPropertyCodeLocalApicEmulationMode. */
static inline void guest_new_with(uint32_t emulation, uint32_t apic_mode)
{
	const uint64_t n_bytes = GUEST_PAGES * PAGE_SIZE;
	uint64_t shared;

	fake_reset(32 * MIB);
	machine_at(BLOCK_BASE, 4 * MIB);
	hv.features = EMU_HAS_ALL;
	guest_handle = set_up_with(32, 1, apic_mode, emulation);
	guest_memory_spa = test_pages(GUEST_PAGES);
	shared = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, guest_handle, guest_memory_spa, 0, n_bytes,
			VIRT_READ | VIRT_WRITE | VIRT_EXECUTE),
		   S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, guest_handle, 0, 0, shared), S_OK);
	guest_partition = partition_of(guest_handle);
	guest_vp = vp_of(guest_handle, 0);
	guest_shared = at(shared);
	guest_memory = at(guest_memory_spa);
	guest_begin();
}

static inline void guest_new(void)
{
	guest_new_with(WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY, 0);
}

#endif
