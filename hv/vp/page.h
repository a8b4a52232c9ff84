/* SPDX-License-Identifier: MIT */
/* The page that a VP shares with the root. hv/vp/page.c */
#ifndef HV_VP_PAGE_H
#define HV_VP_PAGE_H

#include "hv/vp.h"

/* Take the registers over that the root has marked dirty in the shared page. */
void vp_page_absorb(struct vp *vp);

/*
 * Show the general registers, RIP and RFLAGS in the shared page, and what an exit of this VP needs.
 */
void vp_page_publish(struct vp *vp);

/* Note which register was refused, and why, in the shared page. name ~0 clears. */
void vp_page_error(struct vp *vp, uint32_t name, const char *text);

#endif
