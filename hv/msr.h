/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: a child has those of a table and no other (hv/msr.c, hv/mtrr.c); the root has the
 * processor's less VMX, with an eye kept on the memory types (hv/msr_root.c).
 */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "hv/hv.h"
#include "hv/vp.h"

/*
 * A child's RDMSR and WRMSR, by the table and by what the partition's properties say (X64MsrExit, X64MsrExitBitmap,
 * MsrActionList, UnimplementedMsrAction). FAULT: #GP(0) is due; EXIT: the client is asked. Nothing has changed then.
 */
enum msr_outcome { MSR_DONE, MSR_FAULT, MSR_EXIT, MSR_AGAIN };

enum msr_outcome msr_guest_read(struct vp *vp, uint32_t msr, uint64_t *value);
enum msr_outcome msr_guest_write(struct vp *vp, uint32_t msr, uint64_t value);

/* The same by the table alone, for registers of WHP that are MSRs. False: there is none, or the value is refused. */
bool msr_read(struct vp *vp, uint32_t msr, uint64_t *value);
bool msr_write(struct vp *vp, uint32_t msr, uint64_t value);

/* Is the value one that WRMSR of IA32_PAT, of a child's IA32_MISC_ENABLE, takes? */
bool msr_pat_is_legal(uint64_t value);
bool msr_misc_enable_is_legal(uint64_t value);

/* Is it the number of a memory type, as MTRRs have it? */
bool msr_is_memory_type(uint64_t type);

/* An MTRR that the table has. False: #GP(0) is due, and nothing has changed. */
uint64_t mtrr_read(struct vp *vp, uint32_t msr);
bool mtrr_write(struct vp *vp, uint32_t msr, uint64_t value);

/* Is the value one that the MTRR takes, with addresses of so many bits? And is the range, if it is one and in use, in one piece? */
bool mtrr_is_legal(uint32_t msr, uint64_t value, unsigned int width);
bool mtrr_is_contiguous(uint32_t msr, uint64_t value, unsigned int width);

/*
 * The root's RDMSR and WRMSR of a guarded MSR, or of one that exits by itself. FAULT: #GP(0), and nothing has changed. AGAIN: not
 * done yet; the root is to execute the instruction again, and may take its interrupts before.
 */
bool msr_read_root(struct root *root, uint32_t msr, uint64_t *value);
enum msr_outcome msr_write_root(struct root *root, uint32_t msr, uint64_t value);

/* Guard what the two functions above have an opinion on. Once, after virt_root_create(). */
void msr_guard_root(struct root *root);

#endif
