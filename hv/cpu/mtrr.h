/* SPDX-License-Identifier: MIT */
/* The memory type range registers, a child's and, as rules, the root's. hv/cpu/mtrr.c */
#ifndef HV_CPU_MTRR_H
#define HV_CPU_MTRR_H

#include "hv/vp.h"

/* Is it the number of a memory type, as MTRRs have it? */
bool msr_is_memory_type(uint64_t type);

/* An MTRR that the table has. False: #GP(0) is due, and nothing has changed. */
uint64_t mtrr_read(struct vp *vp, uint32_t msr);
bool mtrr_write(struct vp *vp, uint32_t msr, uint64_t value);

/*
 * Is the value one that the MTRR takes, with addresses of so many bits? And is the range, if it is
 * one and in use, in one piece?
 */
bool mtrr_is_legal(uint32_t msr, uint64_t value, unsigned int width);
bool mtrr_is_contiguous(uint32_t msr, uint64_t value, unsigned int width);

#endif
