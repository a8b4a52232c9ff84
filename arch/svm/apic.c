/* SPDX-License-Identifier: MIT */
/* AMD-V's help for a child's local APIC: none is used (virt_machine.apic), CR8 and MSRs exit. */
#include "arch/svm/svm.h"

void virt_apic_set_mode(struct virt_vp *vp, enum virt_apic_mode mode, spa_t registers, spa_t access)
{
	vp->due |= DUE_FLUSH; /* translations to the page of the APIC are cached */
}

void virt_apic_sync(struct virt_vp *vp, const struct virt_apic_state *state)
{
}
