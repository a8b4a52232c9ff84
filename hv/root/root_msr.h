/* SPDX-License-Identifier: MIT */
/* The MSRs of the root. hv/root/root_msr.c */
#ifndef HV_ROOT_ROOT_MSR_H
#define HV_ROOT_ROOT_MSR_H

#include "hv/cpu/msr.h"

/*
 * The root's RDMSR and WRMSR of a guarded MSR, or of one that exits by itself. FAULT: #GP(0), and
 * nothing has changed. AGAIN: not done yet; the root is to execute the instruction again, and may
 * take its interrupts before.
 */
bool msr_read_root(struct root *root, uint32_t msr, uint64_t *value);
enum msr_outcome msr_write_root(struct root *root, uint32_t msr, uint64_t value);

/* Guard what the two functions above have an opinion on. Once, after virt_root_create(). */
void msr_guard_root(struct root *root);

#endif
