/* SPDX-License-Identifier: MIT */
/*
 * The root partition: its exits, answered as the processor would answer without a hypervisor, less
 * VT-x. hv/root.c
 */
#ifndef HV_ROOT_H
#define HV_ROOT_H

#include "hv/hv.h"

/* Guard the MSRs that the root must not use as it likes. Once, after virt_root_create(). */
void root_prepare(struct root *root);

/* Run the root for ever. */
__attribute__((noreturn)) void root_run(struct root *root);

#endif
