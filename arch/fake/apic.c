/* SPDX-License-Identifier: MIT */
/*
 * The fake machine's help with a local APIC. It keeps the requests of hv/, and carries them out
 * when the test says that a guest runs.
 */
#include "arch/fake/fake.h"

#define TPR 0x08
#define ISR 0x10
#define IRR 0x20

void virt_apic_set_mode(struct virt_vp *vp, enum virt_apic_mode mode, spa_t registers, spa_t access)
{
	FAKE_USES(vp);
	vp->apic_mode = mode;
	vp->apic_page = registers;
	vp->apic_access = access;
	vp->apic = (struct virt_apic_state) { 0 };
}

void virt_apic_sync(struct virt_vp *vp, const struct virt_apic_state *state)
{
	FAKE_USES(vp);
	if ((state->in_service || state->eoi_exits[0] || state->eoi_exits[1] ||
	     state->eoi_exits[2] || state->eoi_exits[3]) &&
	    !(virt_machine.apic & VIRT_APIC_DELIVERY))
		fake_scream("more of the APIC than the processor can use");
	vp->apic = *state;
}

static uint32_t *word(const struct virt_vp *vp, unsigned int n)
{
	return virt_ptr(SPA(vp->apic_page.a + 16 * n));
}

static int highest(const struct virt_vp *vp, unsigned int n)
{
	for (int vector = 255; vector >= 0; vector--)
		if (*word(vp, n + (unsigned int)vector / 32) >> vector % 32 & 1)
			return vector;
	return 0;
}

/* SDM 3C "Virtual-Interrupt Delivery" */
int fake_apic_deliver(struct virt_vp *vp)
{
	const uint8_t vector = vp->apic.requested;
	uint32_t priority = *word(vp, TPR);

	if (vp->apic_mode == VIRT_APIC_OFF)
		fake_scream("delivery by an APIC that is off");
	if (vp->apic.requested != highest(vp, IRR) || vp->apic.in_service != highest(vp, ISR))
		fake_scream("the processor was not told: %u %u", vector, vp->apic.in_service);
	if (priority >> 4 < vp->apic.in_service >> 4)
		priority = vp->apic.in_service;
	if (vector >> 4 <= (uint8_t)priority >> 4)
		return -1;
	*word(vp, ISR + vector / 32u) |= 1u << vector % 32;
	*word(vp, IRR + vector / 32u) &= ~(1u << vector % 32);
	vp->apic.in_service = vector;
	vp->apic.requested = (uint8_t)highest(vp, IRR);
	return vector;
}

/* SDM 3C "EOI Virtualization" */
int fake_apic_eoi(struct virt_vp *vp)
{
	const uint8_t vector = vp->apic.in_service;

	*word(vp, ISR + vector / 32u) &= ~(1u << vector % 32);
	vp->apic.in_service = (uint8_t)highest(vp, ISR);
	return vp->apic.eoi_exits[vector / 64] >> vector % 64 & 1 ? vector : -1;
}
