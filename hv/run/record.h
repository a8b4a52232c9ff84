/* SPDX-License-Identifier: MIT */
/*
 * Exit records: a decoded exit becomes a WHV_RUN_VP_EXIT_CONTEXT in the VP's shared page, complete
 * to the last field of its reason; every other byte of the record is zero. docs/exits.md has the
 * table.
 *
 * Each function writes one record. The VP is this processor's current one, and its state is the one
 * that the client is to see: before the instruction, except for Halt. Nothing else changes.
 */
#ifndef HV_EXIT_H
#define HV_EXIT_H

#include "hv/vp.h"

void exit_memory(struct vp *vp, const struct virt_exit *exit);
void exit_io(struct vp *vp, const struct virt_exit *exit);
void exit_msr(struct vp *vp, const struct virt_exit *exit);
void exit_exception(struct vp *vp, const struct virt_exit *exit);

/* `result`: what the guest would have got. */
void exit_cpuid(struct vp *vp, const struct virt_exit *exit, const struct x86_cpuid *result);

/*
 * X64Rdtsc, before the instruction; and after it: X64ApicEoi and the traps, of vp->apic.trap, which
 * is used up.
 */
void exit_rdtsc(struct vp *vp, const struct virt_exit *exit);
void exit_hypercall(struct vp *vp, const struct virt_exit *exit);
void exit_apic(struct vp *vp);

/*
 * WhitRunVpExitReasonTurn; kind: WHIT_TURN_…; and until when, by the root's TSC, which is 0 before.
 */
void exit_turn(struct vp *vp, uint32_t kind, bool has_run);
void exit_turn_until(struct vp *vp, uint64_t deadline);

/* deliverable: WHV_X64_PENDING_INTERRUPTION_TYPE. */
void exit_interrupt_window(struct vp *vp, uint32_t deliverable);

/* code: WHV_X64_UNSUPPORTED_FEATURE_CODE. */
void exit_unsupported(struct vp *vp, uint32_t code, uint64_t parameter);

/*
 * Reasons that have no more to say: X64Halt, UnrecoverableException, InvalidVpRegisterValue; and
 * Canceled, whose reason (the user) is zero.
 */
void exit_plain(struct vp *vp, uint32_t reason);

/* The union already holds a struct whit_device_access; the head is still to be written. */
void exit_device(struct vp *vp, const struct virt_exit *exit);

#endif
