/* SPDX-License-Identifier: MIT */
/* Partitions: taking them by handle, their creation, set-up and deletion. hv/call/partition.c */
#ifndef HV_CALL_PARTITION_H
#define HV_CALL_PARTITION_H

#include "hv/hv.h"
#include "hv/partition.h"

/* The partition of a handle, until partition_unlock(). NULL: there is none. */
struct partition_locked partition_take(struct root *root, uint64_t handle);

/*
 * *vp for Run, with S_OK: this processor owns it until owner_release(). Else why not, as for every
 * call that names a VP; WHV_E_INVALID_VP_STATE, it runs; WHIT_S_AGAIN, a short call has it. The
 * partition has been looked at, or is NULL, and handle_done() has been called afterwards.
 */
uint32_t partition_take_vp(struct root *root, struct partition *partition, uint64_t index,
			   struct vp **vp);

/*
 * WHvCreatePartition out of n_pages from `first`; *result is the handle, or with
 * WHIT_E_INSUFFICIENT_MEMORY the pages that it takes at least. WHIT_S_MORE: it is there, and
 * *n_taken of the pages are lent to it.
 */
uint32_t partition_create(uint64_t first, uint64_t n_pages, uint64_t *result, uint64_t *n_taken);

/* WHvSetupPartition; *needed is written with WHIT_E_INSUFFICIENT_MEMORY. */
uint32_t partition_setup(struct partition_locked held, uint64_t *needed);

/*
 * WHvDeletePartition: one bounded step of it. WHIT_S_AGAIN until it is done, which cannot be while
 * a VP runs: it is cancelled.
 */
uint32_t partition_delete(struct root *root, uint64_t handle);

/*
 * WHvCancelRunVirtualProcessor, from any processor, while the VP runs or not: takes no partition's
 * lock.
 */
uint32_t partition_cancel(struct root *root, uint64_t handle, uint64_t index, uint64_t flags);

#endif
