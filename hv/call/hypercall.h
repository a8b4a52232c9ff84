/* SPDX-License-Identifier: MIT */
/* The hypercall interface. hv/call/hypercall.c */
#ifndef HV_CALL_HYPERCALL_H
#define HV_CALL_HYPERCALL_H

#include "hv/hv.h"

/*
 * The VMCALL of 64-bit ring-0 code: takes the call's registers out of virt_regs(root->virt), does
 * it, puts the results there. The caller has checked CPL and mode, and skips the instruction
 * afterwards.
 */
void hypercall(struct root *root);

#endif
