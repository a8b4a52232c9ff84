/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers. A child has those of a table and no other (hv/cpu/msr.c,
 * hv/cpu/mtrr.c); the root has the processor's, less those of a table (hv/root/root_msr.c).
 */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "hv/hv.h"
#include "hv/vp.h"

/*
 * A child's RDMSR and WRMSR, by the table and by what the partition's properties say (X64MsrExit,
 * X64MsrExitBitmap, MsrActionList, UnimplementedMsrAction). FAULT: #GP(0) is due; EXIT: the client
 * is asked. Nothing has changed then.
 */
enum msr_outcome { MSR_DONE, MSR_FAULT, MSR_EXIT, MSR_AGAIN };

enum msr_outcome msr_guest_read(struct vp *vp, uint32_t msr, uint64_t *value);
enum msr_outcome msr_guest_write(struct vp *vp, uint32_t msr, uint64_t value);

/*
 * The same by the table alone, for registers of WHP that are MSRs. False: there is none, or the
 * value is refused.
 */
bool msr_read(struct vp *vp, uint32_t msr, uint64_t *value);
bool msr_write(struct vp *vp, uint32_t msr, uint64_t value);

/*
 * Would msr_write() take the value, of the MTRRs, IA32_SPEC_CTRL, IA32_XSS, IA32_UMWAIT_CONTROL,
 * and IA32_APIC_BASE of a VP without a local APIC? Nothing is written. False for every other
 * register.
 */
bool msr_takes(const struct vp *vp, uint32_t msr, uint64_t value);

/* Is the value one that WRMSR of IA32_PAT, of a child's IA32_MISC_ENABLE, takes? */
bool msr_pat_is_legal(uint64_t value);
bool msr_misc_enable_is_legal(uint64_t value);

#endif
