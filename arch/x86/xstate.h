/* SPDX-License-Identifier: MIT */
/* The extended state of children, see xstate.c. */
#ifndef ARCH_X86_XSTATE_H
#define ARCH_X86_XSTATE_H

#include <stdint.h>

struct percpu;
struct virt_vp;

/*
 * The most that an image of a child's extended state may take; in the root's page its FXSAVE image
 * comes behind.
 */
#define XSTATE_BYTES 3072u

/* `child` is switched in: lay its components over the root's, take them off again. */
void xstate_lay(struct percpu *cpu, struct virt_vp *child);
void xstate_lift(struct percpu *cpu, struct virt_vp *child);

void xstate_set_xcr0(struct virt_vp *child, uint64_t value);
void xstate_set_xss(struct virt_vp *child, uint64_t value);

/* As after a reset: x87, SSE, and all that. */
void xstate_reset(struct virt_vp *child);

/*
 * After an exit, with has_silent_xsetbv: XCR0 may be another one. What no child has is off again.
 */
void xstate_notice(struct virt_vp *child);

#endif
