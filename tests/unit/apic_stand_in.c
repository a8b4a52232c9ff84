/* SPDX-License-Identifier: MIT */
/* What hv/apic*.c call of files that a test does not link: it may bring its own. */
#include "hv/mem/gpa.h"
#include "hv/vp.h"
#include "hv/vp/vp.h"

__attribute__((weak)) void vp_reset(struct vp *vp, bool is_init)
{
	apic_reset(vp, is_init);
}

__attribute__((weak)) void vp_wait_for_sipi(struct vp *vp)
{
	vp->activity = ACTIVITY_STARTUP;
}

__attribute__((weak)) void vp_start(struct vp *vp, uint8_t vector)
{
	(void)vector;
	vp->activity = 0;
}

__attribute__((weak)) void gpa_apic_page(struct partition *partition)
{
	(void)partition;
}
