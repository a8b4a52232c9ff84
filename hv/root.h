/* SPDX-License-Identifier: MIT */
/*
 * The root partition: its exits, answered as the processor would answer without a hypervisor, less
 * VT-x. hv/root.c
 */
#ifndef HV_ROOT_H
#define HV_ROOT_H

#include "hv/hv.h"

/*
 * Guard what the root must not use as it likes: MSRs, and the ICR if need be. Once, after
 * virt_root_create(). NULL, or why the processor cannot be taken over.
 */
const char *root_prepare(struct root *root);

/* Run the root for ever. */
__attribute__((noreturn)) void root_run(struct root *root);

#endif
