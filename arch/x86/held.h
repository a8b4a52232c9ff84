/* SPDX-License-Identifier: MIT */
/* NMIs and machine checks that came for the root while it was not running, see held.c. */
#ifndef ARCH_X86_HELD_H
#define ARCH_X86_HELD_H

#include <stdbool.h>

struct virt_vp;

/*
 * Called before an entry when an event may be pending (percpu.pending, DUE_HELD). False: a child,
 * which is not to be entered, for its caller must turn to the root. The root gets the event by this
 * entry, or as soon as it can take it.
 */
bool held_deliver(struct virt_vp *vp);

#endif
