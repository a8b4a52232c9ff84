/* SPDX-License-Identifier: MIT */
/* Running a VP. hv/run/run.c */
#ifndef HV_RUN_RUN_H
#define HV_RUN_RUN_H

#include "hv/vp.h"

/*
 * WHvRunVirtualProcessor on this processor, which owns the VP (hv/owner.h) until this returns: it
 * may be gone then. No lock is held. S_OK with an exit in the shared page, or WHIT_S_IDLE with the
 * time, by the root's TSC, at which the VP wakes by itself, or WHIT_S_AGAIN with the time at which
 * an interrupt is to end the next Run; ~0: never.
 */
uint32_t vp_run(struct vp *vp, struct root *root, uint64_t *time);

#endif
