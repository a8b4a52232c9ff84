/* SPDX-License-Identifier: MIT */
/*
 * The virtualization that processors of a vendor have, and the choice among the hypervisor images
 * that this file carries, one for each. Pure: CPUID in, decision out.
 */
#ifndef BOOT_VENDOR_H
#define BOOT_VENDOR_H

#include <stddef.h>
#include <stdint.h>

#include "x86/cpuid.h"

enum vendor { VENDOR_VMX, VENDOR_SVM, N_VENDORS };

/* As people call it. */
extern const char *const vendor_names[N_VENDORS];

/*
 * Chooses one of the images of `carried`, which has a bit (1 << vendor) for each, and one at least.
 * Of several it is that of the feature which CPUID shows; who made the processor does not count.
 * One alone is taken on any processor, for it says itself what it misses. NULL and the choice in
 * *vendor; or what is missing.
 */
const char *vendor_choose(struct x86_cpuid (*cpuid)(uint32_t leaf, uint32_t subleaf),
			  unsigned int carried, enum vendor *vendor);

#endif
