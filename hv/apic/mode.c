/* SPDX-License-Identifier: MIT */
/*
 * Creation, reset and deletion of a local APIC, and its modes by IA32_APIC_BASE: disabled, xAPIC,
 * x2APIC. SDM 3A "Local APIC State", "Extended XAPIC (x2APIC)".
 */
#include "hv/apic/page.h"

#include <string.h>

#include "hv/mem/gpa.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/apic.h"

/* 6 entries in the local vector table, no suppression of EOI broadcasts. */
#define VERSION 0x00050014u

/*
 * SDM 3A "Local APIC State After Power-Up or Reset"; "After It Receives an INIT Reset" is the same
 * but for the ID.
 */
static void reset_registers(struct vp *vp)
{
	struct apic *const apic = &vp->apic;

	apic_timer_stop(vp);
	memset(apic->page, 0, PAGE_SIZE);
	apic_put(apic, APIC_VERSION, VERSION);
	apic_put(apic, APIC_DFR, ~0u);
	apic_put(apic, APIC_SVR, 0xff);
	for (unsigned int n = APIC_LVT_TIMER; n <= APIC_LVT_ERROR; n++)
		apic_put(apic, n, LVT_MASKED);
	for (unsigned int i = 0; i < 8; i++)
		__atomic_store_n(&apic->posted[i], 0, __ATOMIC_RELAXED);
	apic_timer_mode(vp);
	apic_timer_divide(vp);
	apic->errors = 0;
	apic->kept = 0;
	apic->trap.reason = 0;
	vp->wants_window = false;
}

/* The effects of a change of mode on the APIC's registers and on the processor. */
static void enter_mode(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	const bool is_x2 = apic->mode == VIRT_APIC_X2APIC;
	const uint8_t help = virt_machine.apic;
	const uint8_t needs = is_x2 ? VIRT_APIC_X2 : VIRT_APIC_PAGE;

	apic_put(apic, APIC_ID, is_x2 ? vp->index : vp->index << 24);
	if (is_x2)
		apic_put(apic, APIC_LDR, apic_logical_x2(vp->index));
	apic->help = help & needs ? help : help & VIRT_APIC_TPR;
	if (apic->mode == VIRT_APIC_OFF)
		apic->help = 0;
	virt_apic_set_mode(vp->virt, (enum virt_apic_mode)apic->mode, apic->page_spa,
			   vp->partition->apic_access);
	apic->page_is_due = true;
	apic_set_due(apic);
}

/* True if that is another mode. The registers stay: the ICR is kept in another form in each. */
static bool change_base(struct vp *vp, uint64_t base)
{
	struct apic *const apic = &vp->apic;
	const uint64_t icr = apic_icr(apic);
	const uint8_t mode = !(base & APIC_BASE_ENABLE) ? VIRT_APIC_OFF
			     : base & APIC_BASE_EXTD	? VIRT_APIC_X2APIC
							: VIRT_APIC_XAPIC;

	vp->apic_base = base;
	if (mode == apic->mode)
		return false;
	apic_put_icr(apic, 0);
	__atomic_store_n(&apic->mode, mode, __ATOMIC_RELAXED);
	apic_put_icr(apic, icr);
	enter_mode(vp);
	return true;
}

/* ---- IA32_APIC_BASE ---------------------------------------------------------------------- */

/* SDM 3A "x2APIC State Transitions". */
static bool may_become(const struct vp *vp, uint64_t base)
{
	const bool was_on = vp->apic_base & APIC_BASE_ENABLE, is_on = base & APIC_BASE_ENABLE;
	const bool was_x2 = vp->apic_base & APIC_BASE_EXTD, is_x2 = base & APIC_BASE_EXTD;

	if (was_x2)
		return is_x2 || !is_on;
	return !is_x2 || was_on;
}

/* The page stays where it is: a guest that moves it gets #GP, as from Hyper-V. */
static bool is_base(const struct vp *vp, uint64_t base)
{
	if ((base & ~(APIC_BASE_BSP | APIC_BASE_EXTD | APIC_BASE_ENABLE)) != APIC_PAGE)
		return false;
	if (!(base & APIC_BASE_EXTD))
		return true;
	return (base & APIC_BASE_ENABLE) &&
	       vp->partition->properties.apic_mode == WHvX64LocalApicEmulationModeX2Apic;
}

bool apic_set_base(struct vp *vp, uint64_t value)
{
	if (!is_base(vp, value))
		return false;
	if (change_base(vp, value))
		apic_keep(&vp->apic, 0);
	return true;
}

/*
 * Without an APIC nothing of it is left; the ICR's destination and the LDR mean something else in
 * another mode.
 */
bool apic_write_base(struct vp *vp, uint64_t value)
{
	struct apic *const apic = &vp->apic;
	const uint8_t before = apic->mode;

	if (!may_become(vp, value) || !is_base(vp, value))
		return false;
	if (!change_base(vp, value))
		return true;
	apic_put_icr(apic, (uint32_t)apic_icr(apic));
	if (before == VIRT_APIC_OFF || apic->mode == VIRT_APIC_OFF) {
		reset_registers(vp);
		enter_mode(vp);
	} else if (before == VIRT_APIC_X2APIC) {
		apic_put(apic, APIC_LDR, 0);
	}
	return true;
}

/* ---- The VP's life ----------------------------------------------------------------------- */

void apic_create(struct partition_locked held, struct vp *vp)
{
	struct apic *const apic = &vp->apic;

	apic->deadline = APIC_NEVER;
	if (held.partition->properties.apic_mode == WHvX64LocalApicEmulationModeNone)
		return;
	if (!virt_pages_take(&held.partition->pages, &apic->page_spa))
		virt_panic("apic_create: a page is missing");
	apic->page = virt_ptr(apic->page_spa);
	apic_reset(vp, false);
}

void apic_destroy(struct partition_locked held, struct vp *vp)
{
	struct apic *const apic = &vp->apic;

	if (!apic->page)
		return;
	virt_apic_set_mode(vp->virt, VIRT_APIC_OFF, SPA(0), SPA(0));
	memset(apic->page, 0, PAGE_SIZE);
	virt_pages_give(&held.partition->pages, apic->page_spa);
	apic->page = NULL;
	gpa_apic_page(held);
}

void apic_reset(struct vp *vp, bool is_init)
{
	struct apic *const apic = &vp->apic;

	if (!apic->page)
		return;
	reset_registers(vp);
	if (!is_init) {
		__atomic_store_n(&apic->signals, 0, __ATOMIC_RELAXED);
		vp->apic_base = APIC_PAGE | APIC_BASE_ENABLE | (vp->index ? 0 : APIC_BASE_BSP);
		__atomic_store_n(&apic->mode, VIRT_APIC_XAPIC, __ATOMIC_RELAXED);
	}
	enter_mode(vp);
}
