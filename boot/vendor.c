// SPDX-License-Identifier: MIT
/* See vendor.h. */
#include "vendor.h"

const char *const vendor_names[N_VENDORS] = {
	[VENDOR_VMX] = "VT-x",
	[VENDOR_SVM] = "AMD-V",
};

#define BIT(vendor) (1u << (vendor))

static unsigned int shown(struct x86_cpuid (*cpuid)(uint32_t leaf, uint32_t subleaf))
{
	unsigned int vendors = 0;

	if (cpuid(1, 0).ecx & CPUID1_ECX_VMX)
		vendors |= BIT(VENDOR_VMX);
	/* Beyond the last leaf a processor may answer with anything. */
	if (cpuid(CPUID_EXTENDED_BASE, 0).eax > CPUID_EXTENDED_BASE &&
	    (cpuid(CPUID_EXTENDED_BASE + 1, 0).ecx & CPUID81_ECX_SVM))
		vendors |= BIT(VENDOR_SVM);
	return vendors;
}

const char *vendor_choose(struct x86_cpuid (*cpuid)(uint32_t leaf, uint32_t subleaf),
			  unsigned int carried, enum vendor *vendor)
{
	const unsigned int there = carried & (carried - 1) ? shown(cpuid) : carried;

	switch (there) {
	case BIT(VENDOR_VMX): *vendor = VENDOR_VMX; return NULL;
	case BIT(VENDOR_SVM): *vendor = VENDOR_SVM; return NULL;
	case 0: return "the processor has neither VT-x nor AMD-V, or the firmware hides it";
	default: return "CPUID shows both VT-x and AMD-V, which no processor has";
	}
}
