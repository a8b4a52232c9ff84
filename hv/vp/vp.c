/* SPDX-License-Identifier: MIT */
/*
 * A child's virtual processors: creation in the state after reset, reset, INIT, deletion.
 *
 * The vendor's layer knows the processor's own reset state (virt_vp_create()). WHP differs in one
 * place: the base of CS is 0xf0000, not 0xffff0000. docs/hypercalls.md says so to clients. INIT is
 * the architecture's.
 */
#include "hv/vp/vp.h"

#include "hv/vp.h"

#include <string.h>

#include "hv/cpu/cpuid.h"
#include "hv/cpu/cr.h"
#include "hv/mem/frame.h"
#include "hv/cpu/time.h"
#include "hv/mem/gpa.h"
#include "hv/mem/handle.h"
#include "hv/owner.h"
#include "hv/vp/page.h"
#include "hv/call/partition.h"
#include "x86/apic.h"
#include "x86/gpr.h"
#include "x86/msr.h"

/* The VP's own page, and the vendor's; and those of its local APIC, if it has one. */
#define VP_PAGES (1u + VIRT_VP_PAGES)

static const struct x86_segment reset_cs = { .base = 0xf0000,
					     .limit = 0xffff,
					     .selector = 0xf000,
					     .attributes = SEG_P | SEG_S | SEG_TYPE_CODE |
							   SEG_TYPE_READABLE | SEG_TYPE_ACCESSED };

/* The registers that a reset changes and INIT does not. The processor's part has been done. */
static void reset_alone(struct vp *vp)
{
	vp->apic_base = APIC_PAGE | APIC_BASE_ENABLE | (vp->index ? 0 : APIC_BASE_BSP);
	vp->misc_enable = MISC_FAST_STRINGS;
	vp->cpuid_look = 0;
	vp->umwait_control = 0;
	vp->tsc_adjust = 0;
	memset(&vp->mtrr, 0, sizeof(vp->mtrr));
	vp->deliverability = 0; /* the client's wish outlives the guest's INIT */
	virt_set_segment(vp->virt, SEG_CS, &reset_cs);
}

/* The processor's part of a reset or INIT has been done: the rest of the VP. */
static void reset(struct vp *vp, bool is_init)
{
	struct virt_regs *const regs = virt_regs(vp->virt);

	if (!is_init)
		reset_alone(vp);
	vp->cr8 = 0;
	regs->gpr[X86_RDX] = cpuid_child(vp, 1, 0).eax;
	regs->changed = true;
}

void vp_reset(struct vp *vp, bool is_init)
{
	virt_vp_reset(vp->virt, is_init);
	reset(vp, is_init);
	apic_reset(vp, is_init);
	vp->pending = (struct virt_event) { .type = VIRT_EVENT_NONE };
	virt_inject(vp->virt, &vp->pending);
	vp->pending_is_injected = false;
	vp->waiting = vp->pending;
	vp->has_waiting = false;
	vp->ext_int = 0;
	vp->nmi_requested = false;
	vp->wants_window = false;
	vp->activity = 0;
	memset(&vp->device, 0, sizeof(vp->device));
}

void vp_wait_for_sipi(struct vp *vp)
{
	vp->activity = ACTIVITY_STARTUP;
}

void vp_start(struct vp *vp, uint8_t vector)
{
	struct x86_segment cs = reset_cs;

	if (!(vp->activity & ACTIVITY_STARTUP))
		return;
	cs.selector = (uint16_t)(vector << 8);
	cs.base = (uint64_t)vector << PAGE_SHIFT;
	virt_set_segment(vp->virt, SEG_CS, &cs);
	virt_regs(vp->virt)->rip = 0;
	virt_regs(vp->virt)->changed = true;
	vp->activity = 0;
}

/* VPs that a call resets, while the root's interrupts wait. */
#define RESET_AT_ONCE 32u

static uint32_t reset_from(struct partition_locked held, uint64_t first, uint64_t *next)
{
	uint32_t n = 0;

	for (uint64_t i = first; i < held.partition->properties.processor_count; i++) {
		struct vp *const vp = held.partition->vps[i];

		if (!vp)
			continue;
		if (n++ == RESET_AT_ONCE) {
			*next = i;
			return WHIT_S_MORE;
		}
		vp_reset(vp, false);
		vp->apic.page_is_due = false; /* the caller sees to it */
		/* Registers that the root wrote for the guest before the reset are dropped. */
		vp->page->dirty = 0;
		vp->page->device_answered = 0;
		vp_page_publish(vp);
		vp_page_error(vp, ~0u, "");
	}
	return RESULT(S_OK);
}

uint32_t vp_reset_all(struct partition_locked held, uint64_t first, uint64_t *next)
{
	uint32_t result;

	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (first >= held.partition->properties.processor_count)
		return RESULT(E_INVALIDARG);
	if (!gpa_close_at_rest(held))
		return RESULT(WHV_E_INVALID_VP_STATE);
	time_stop(held);
	result = reset_from(held, first, next);
	gpa_open(held);
	gpa_apic_page(held);
	return result;
}

static struct virt_config config_of(const struct partition *partition)
{
	const struct properties *const properties = &partition->properties;
	const uint64_t exits = properties->extended_exits;

	return (struct virt_config) {
		.exceptions = exits & EXITS_EXCEPTION ? (uint32_t)properties->exception_exits : 0,
		.has = model_instructions(&partition->model),
		.cr4 = partition->model.cr4,
		.tsc_exits = exits & EXITS_RDTSC,
		.spin_exits = properties->turn_exits & WHIT_TURN_SPIN,
	};
}

void vp_cancel(struct vp *vp)
{
	__atomic_store_n(&vp->cancel, 1u, __ATOMIC_SEQ_CST);
	(void)owner_tell(vp);
}

void vp_configure(struct partition_locked held, struct vp *vp)
{
	const struct virt_config config = config_of(held.partition);

	virt_configure(vp->virt, &config);
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

static uint32_t check(struct partition_locked held, uint64_t index, uint64_t flags, uint64_t page,
		      uint64_t *needed)
{
	const struct partition *const partition = held.partition;

	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (flags || index >= partition->properties.processor_count)
		return RESULT(E_INVALIDARG);
	if (partition->vps[index])
		return RESULT(WHV_E_VP_ALREADY_EXISTS);
	if (PAGE_OFFSET(page))
		return RESULT(E_POINTER);
	return partition_want(
		held, VP_PAGES + (partition->properties.apic_mode ? APIC_VP_PAGES : 0), needed);
}

uint32_t vp_create(struct partition_locked held, uint64_t index, uint64_t flags, uint64_t page,
		   uint64_t *needed)
{
	struct partition *const partition = held.partition;
	const uint32_t error = check(held, index, flags, page, needed);
	const struct virt_config config = config_of(partition);
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
	vp->view.partition = partition;
	vp->view.turn = gate_turn(&partition->gate);
	vp->index = (uint32_t)index;
	vp->page_spa = SPA(page);
	vp->page = virt_ptr(SPA(page));
	vp->virt = virt_vp_create(&partition->pages, &partition->space, &config);
	if (!vp->virt)
		virt_panic("vp_create: %u pages do not suffice", VIRT_VP_PAGES);
	virt_set(vp->virt, VIRT_TSC_OFFSET, partition->tsc_offset);
	apic_create(held, vp);
	reset(vp, false);
	vp->apic.page_is_due = false; /* below */
	memset(vp->page, 0, sizeof(*vp->page));
	vp_page_publish(vp);
	vp_page_error(vp, ~0u, "");
	__atomic_store_n(&partition->vps[index], vp, __ATOMIC_RELEASE);
	gpa_apic_page(held);
	return RESULT(S_OK);
}

/*
 * Nobody can find it any more, neither by its index nor, of those that run, as a target of theirs.
 */
static void unlink(struct partition_locked held, const struct vp *vp)
{
	__atomic_store_n(&held.partition->vps[vp->index], NULL, __ATOMIC_SEQ_CST);
	handle_wait(held.partition);
	gpa_turn(held);
}

void vp_destroy(struct partition_locked held, struct vp *vp)
{
	struct virt_pages *const pages = &held.partition->pages;

	unlink(held, vp);
	lock_take(&hv.lock);
	frames_unmap(vp->page_spa, LEVEL_4K);
	lock_drop(&hv.lock);
	apic_destroy(held, vp);
	virt_vp_destroy(vp->virt, pages);
	memset(vp, 0, PAGE_SIZE);
	virt_pages_give(pages, SPA((uintptr_t)vp - virt_direct_base));
}
