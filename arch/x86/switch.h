/* SPDX-License-Identifier: MIT */
/* The registers of a VP that the processor does not switch by itself, see switch.c. */
#ifndef ARCH_X86_SWITCH_H
#define ARCH_X86_SWITCH_H

#include "arch/virt.h"
#include "arch/x86/vp.h"

/*
 * `child` is switched in, and about to run: lay over the root's registers what it wants and what is
 * not there yet. switch_lay_syscall() does if OVERLAY_SYSCALL is all that it wants.
 */
void switch_lay(struct virt_vp *child);
void switch_lay_syscall(struct percpu *cpu, struct virt_vp *child);

/* Watch the root's writes of MSRs that are switched by hand; once, on its processor. */
void switch_watch(struct virt_vp *root);

/* The root's WRMSR: false if the MSR is none of these, or refused by the processor; else done. */
bool switch_written(struct virt_vp *root, uint32_t msr, uint64_t value);

/* The child has this value in the register now, by which it can reach others, or no longer. */
void switch_note_cr4(struct virt_vp *child, uint64_t cr4);
void switch_note_dr7(struct virt_vp *child, uint64_t dr7);
void switch_note_efer(struct virt_vp *child, uint64_t efer);

/* As after a reset, and not after INIT: the MSRs of SYSCALL, TSC_AUX, SPEC_CTRL. */
void switch_reset(struct virt_vp *child);

/*
 * virt_get() and virt_set() of what is kept here: DR0 to 3, TSC_AUX, XCR0, XSS, SPEC_CTRL, and of
 * CR2 and the MSRs of SYSCALL those that are switched by hand (backend_by_hand).
 */
static inline bool switch_has(enum virt_reg reg)
{
	return reg <= VIRT_SPEC_CTRL;
}

uint64_t switch_get(struct virt_vp *vp, enum virt_reg reg);
void switch_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value);

#endif
