/* SPDX-License-Identifier: MIT */
/*
 * A child's virtual processors: creation in the state after reset, deletion.
 *
 * The processor's own reset state is the vendor's (virt_vp_create()). WHP differs in one place: the base
 * of CS is 0xf0000, not 0xffff0000. docs/hypercalls.md says so to clients.
 */
#include "hv/vp.h"

#include <string.h>

#include "hv/cpuid.h"
#include "hv/cr.h"
#include "hv/frame.h"

#define APIC_BASE_RESET	  0xfee00000ull
#define APIC_BASE_BSP	  (1ull << 8)
#define APIC_BASE_ENABLE  (1ull << 11)
#define MISC_FAST_STRINGS (1ull << 0)

#define GPR_RDX 2

/* The VP's own page, and the vendor's. */
#define VP_PAGES (1u + VIRT_VP_PAGES)

static const struct x86_segment reset_cs = { .base = 0xf0000,
					     .limit = 0xffff,
					     .selector = 0xf000,
					     .attributes = SEG_P | SEG_S | SEG_TYPE_CODE |
							   SEG_TYPE_READABLE | SEG_TYPE_ACCESSED };

static void reset(struct vp *vp)
{
	struct virt_regs *regs = virt_regs(vp->virt);

	vp->apic_base = APIC_BASE_RESET | APIC_BASE_ENABLE | (vp->index ? 0 : APIC_BASE_BSP);
	vp->misc_enable = MISC_FAST_STRINGS;
	virt_set_segment(vp->virt, SEG_CS, &reset_cs);
	virt_set_cr4_allowed(vp->virt, cr4_allowed());
	virt_set(vp->virt, VIRT_TSC_OFFSET, vp->partition->tsc_offset);
	regs->gpr[GPR_RDX] = cpuid_child(vp, 1, 0).eax;
	regs->changed = true;
}

/* Count the shared page as mapped, so that it cannot be lent. */
static bool pin(spa_t page)
{
	bool is_root;

	lock_take(&hv.lock);
	is_root = frames_are_root(page.a, PAGE_SIZE);
	if (is_root)
		frames_map(page, LEVEL_4K);
	lock_drop(&hv.lock);
	return is_root;
}

static uint32_t check(const struct partition *partition, uint64_t index, uint64_t flags,
		      uint64_t page, uint64_t *needed)
{
	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (flags || index >= partition->properties.processor_count)
		return RESULT(E_INVALIDARG);
	if (partition->vps[index])
		return RESULT(WHV_E_VP_ALREADY_EXISTS);
	if (PAGE_OFFSET(page))
		return RESULT(E_POINTER);
	return partition_want(partition, VP_PAGES, needed);
}

uint32_t vp_create(struct partition *partition, uint64_t index, uint64_t flags, uint64_t page,
		   uint64_t *needed)
{
	const uint32_t error = check(partition, index, flags, page, needed);
	struct vp *vp;
	spa_t own;

	if (error != RESULT(S_OK))
		return error;
	if (!pin(SPA(page)))
		return RESULT(E_POINTER);
	if (!virt_pages_take(&partition->pages, &own))
		virt_panic("vp_create: a page is missing");
	vp = virt_ptr(own);
	vp->partition = partition;
	vp->index = (uint32_t)index;
	vp->page_spa = SPA(page);
	vp->page = virt_ptr(SPA(page));
	vp->virt = virt_vp_create(&partition->pages, &partition->space);
	if (!vp->virt)
		virt_panic("vp_create: %u pages do not suffice", VIRT_VP_PAGES);
	reset(vp);
	memset(vp->page, 0, sizeof(*vp->page));
	vp_page_publish(vp);
	vp_page_error(vp, ~0u, "");
	lock_take(&hv.lock);
	partition->vps[index] = vp;
	lock_drop(&hv.lock);
	return RESULT(S_OK);
}

void vp_destroy(struct vp *vp)
{
	struct partition *partition = vp->partition;

	lock_take(&hv.lock);
	partition->vps[vp->index] = NULL;
	frames_unmap(vp->page_spa, LEVEL_4K);
	lock_drop(&hv.lock);
	virt_vp_destroy(vp->virt, &partition->pages);
	memset(vp, 0, PAGE_SIZE);
	virt_pages_give(&partition->pages, SPA((uintptr_t)vp - virt_direct_base));
}

uint32_t vp_cancel(uint64_t handle, uint64_t index, uint64_t flags)
{
	uint32_t result = RESULT(E_INVALIDARG);
	struct partition *partition;

	lock_take(&hv.lock);
	partition = partition_peek(handle);
	if (partition && !__atomic_load_n(&partition->is_dying, __ATOMIC_RELAXED)) {
		struct vp *vp = partition_vp(partition, index);

		if (!vp)
			result = RESULT(WHV_E_VP_DOES_NOT_EXIST);
		else if (!flags)
			result = RESULT(S_OK);
		if (result == RESULT(S_OK))
			__atomic_store_n(&vp->cancel, 1u, __ATOMIC_RELEASE);
	}
	lock_drop(&hv.lock);
	return result;
}
