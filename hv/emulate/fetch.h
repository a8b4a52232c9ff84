/* SPDX-License-Identifier: MIT */
/* Instruction fetch. hv/emulate/fetch.c */
#ifndef HV_EMULATE_FETCH_H
#define HV_EMULATE_FETCH_H

#include "hv/vp.h"

/*
 * The bytes at the VP's CS:RIP, as many as can be fetched, at most n (16 or less). Returns how
 * many. The walk is that of an instruction fetch; nothing is set in the page tables.
 */
unsigned int walk_fetch(struct vp *vp, uint8_t *bytes, unsigned int n);

#endif
