/* SPDX-License-Identifier: MIT */
/*
 * What CPUID says: to a child, by a list of what is allowed; to the root, what the processor says less
 * what Whit keeps for itself.
 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include "hv/hv.h"
#include "hv/vp.h"

/* Once, before any other: work out what children see, of the processor it is called on. */
void cpuid_init(void);

/* The leaf as a child's VP sees it: zeros for everything that hv/cpuid.c does not list. */
struct x86_cpuid cpuid_child(const struct vp *vp, uint32_t leaf, uint32_t subleaf);

/* The leaf as the root sees it, on this processor and with CR4 as it stands. */
struct x86_cpuid cpuid_root(struct root *root, uint32_t leaf, uint32_t subleaf);

#endif
