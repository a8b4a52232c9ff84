/* SPDX-License-Identifier: MIT */
/* The root's view of memory. hv/root/memory.c */
#ifndef HV_ROOT_MEMORY_H
#define HV_ROOT_MEMORY_H

#include "hv/hv.h"

/*
 * The identity space of the root, out of hv.heap: all of memory but the block; false if the heap is
 * small.
 */
bool root_memory_init(const struct whit_handover *handover);

/* Hide pages from the root, or show them again. Under hv.lock; false if hv.heap is short. */
bool root_memory_hide(spa_t base, uint64_t n_pages);
void root_memory_show(spa_t base, uint64_t n_pages);

/*
 * Let the map follow virt_memory_type(), from the start if it has changed, and else from where the
 * last call has stopped: a part of the work, for interrupts wait for it. True: that was the last
 * part.
 */
bool root_memory_retype(bool has_changed);

/*
 * A nested fault of the root: afterwards the access is possible, or (no such memory, or no heap for
 * its tables) the root has got #GP. An access to hidden memory always becomes possible.
 */
void root_memory_fault(struct root *root, const struct virt_exit *exit);

#endif
