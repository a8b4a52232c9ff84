/* SPDX-License-Identifier: MIT */
/* Creation, reset, INIT and deletion of virtual processors. hv/vp/vp.c */
#ifndef HV_VP_VP_H
#define HV_VP_VP_H

#include "hv/vp.h"

/*
 * WHvCreateVirtualProcessor with the shared page at `page`; *needed is written with
 * WHIT_E_INSUFFICIENT_MEMORY.
 */
uint32_t vp_create(struct partition_locked held, uint64_t index, uint64_t flags, uint64_t page,
		   uint64_t *needed);

/* WHvDeleteVirtualProcessor, of one that the caller owns. */
void vp_destroy(struct partition_locked held, struct vp *vp);

/*
 * WHvCancelRunVirtualProcessor: the VP leaves Run, or does not begin the next one. From any
 * processor; the VP stays for the time of the call.
 */
void vp_cancel(struct vp *vp);

/*
 * The VP as a reset (the TSC goes on), or INIT, leaves it: registers, APIC, pending events, what
 * waits of an emulated instruction. vp_wait_for_sipi(): and it sleeps, ACTIVITY_STARTUP.
 * vp_start(): the SIPI for one that does; nothing, for others.
 */
void vp_reset(struct vp *vp, bool is_init);
void vp_wait_for_sipi(struct vp *vp);
void vp_start(struct vp *vp, uint8_t vector);

/*
 * Let the intercepts be those that the partition's properties ask for; after each change of them,
 * with the gate closed.
 */
void vp_configure(struct partition_locked held, struct vp *vp);

/*
 * WHvResetPartition: every VP from `first` on; memory and properties stay. WHIT_S_MORE: go on with
 * *next. WHIT_E_INVALID_STATE before the set-up, E_INVALIDARG: no such VP can be,
 * WHV_E_INVALID_VP_STATE: a VP runs.
 */
uint32_t vp_reset_all(struct partition_locked held, uint64_t first, uint64_t *next);

#endif
