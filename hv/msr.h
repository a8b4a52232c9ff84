/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: a child has those of a table and no other; the root has the processor's
 * less VMX, with an eye kept on the memory types.
 */
#ifndef HV_MSR_H
#define HV_MSR_H

#include "hv/hv.h"
#include "hv/vp.h"

/* A child's RDMSR and WRMSR. False: #GP(0) is due, and nothing has changed. */
bool msr_read(struct vp *vp, uint32_t msr, uint64_t *value);
bool msr_write(struct vp *vp, uint32_t msr, uint64_t value);

/* Does the child's model have the MSR at all? */
bool msr_exists(uint32_t msr);

/* Is the value one that WRMSR of IA32_PAT takes? */
bool msr_pat_is_legal(uint64_t value);

/* The root's RDMSR and WRMSR of a guarded MSR, or of one that exits by itself. False: #GP(0). */
bool msr_read_root(uint32_t msr, uint64_t *value);
bool msr_write_root(uint32_t msr, uint64_t value);

/* Guard what the two functions above have an opinion on. Once, after virt_root_create(). */
void msr_guard_root(struct root *root);

#endif
