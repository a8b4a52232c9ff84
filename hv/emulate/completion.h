/* SPDX-License-Identifier: MIT */
/*
 * The parts of an exit that not every processor tells: the length of the instruction, the operands
 * of accesses to control and debug registers, the guest-virtual address of an access to memory. All
 * of them follow from the guest's bytes at RIP.
 *
 * Another processor of the guest may write to these bytes at any time, and the page tables need not
 * say what the processor's TLB says. So an exit is completed only by an instruction that makes this
 * very exit. The caller owns the VP.
 */
#ifndef HV_EMULATE_COMPLETION_H
#define HV_EMULATE_COMPLETION_H

#include "hv/vp.h"

/*
 * Complete an exit that is_partial: its length, the length of a software event that it interrupted,
 * and of CR and DR accesses the register and the value. LMSW from memory and SMSW to it keep
 * VIRT_GPR_UNKNOWN, and are device_msw()'s. Bytes that are no instruction make it
 * VIRT_EXIT_HIDDEN_INSN.
 *
 * False: the bytes cannot be fetched, or are of another instruction by now. Nothing has changed,
 * and the guest is to be entered again, without translations from before.
 */
bool completion_of(struct vp *vp, struct virt_exit *exit);

/*
 * The address of the explicit memory operand of the instruction at RIP, and where the guest's page
 * tables lead from there. False if there is no such operand, or no translation for the access.
 */
bool completion_operand(struct vp *vp, bool is_write, gva_t *gva, gpa_t *gpa);

/*
 * The guest-virtual address of a VIRT_EXIT_MEMORY without one: an address at which the instruction
 * makes this access, and that leads to the exit's guest-physical one. False if there is none.
 */
bool completion_gva(struct vp *vp, const struct virt_exit *exit, gva_t *gva);

#endif
