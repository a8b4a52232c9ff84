/* SPDX-License-Identifier: MIT */
/* Events of the root, and kicks, that have come while the guest was not running: see held.c. */
#ifndef ARCH_X86_HELD_H
#define ARCH_X86_HELD_H

#include <stdbool.h>

struct virt_vp;

/*
 * Called before an entry when an event may be pending (percpu.pending, DUE_HELD). False: the VP is
 * not to be entered, for its caller has been kicked, must turn to the root (a child), or must know
 * that the root waits for a SIPI. The root gets the event by this entry, or as soon as it can take
 * it.
 */
bool held_deliver(struct virt_vp *vp);

/* The SIPI for which the root waits has come. */
void held_start(struct virt_vp *root);

#endif
