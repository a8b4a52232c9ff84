/* SPDX-License-Identifier: MIT */
/*
 * The features that a partition can ask for: values of WHvGetCapability by which
 * WHvSetPartitionProperty also judges.
 */
#ifndef HV_CAPABILITY_H
#define HV_CAPABILITY_H

#include "hv/partition.h"

#define CAPABILITY_EXITS                                                                         \
	(EXITS_CPUID | EXITS_MSR | EXITS_EXCEPTION | EXITS_RDTSC | EXITS_SMI | EXITS_HYPERCALL | \
	 EXITS_INIT_SIPI | EXITS_LINT0 | EXITS_LINT1 | EXITS_SVR | EXITS_LDR | EXITS_DFR |       \
	 EXITS_GPA_FAULT)

/*
 * Exceptions 0 to 21, but for those that are no guest's (2, NMIs; 18, machine checks, the machine's
 * own) and that do not happen (9, 15, 20).
 */
#define CAPABILITY_EXCEPTIONS \
	(0x3fffffull & ~(1ull << 2 | 1ull << 9 | 1ull << 15 | 1ull << 18 | 1ull << 20))

/* WHV_X64_MSR_EXIT_BITMAP */
#define CAPABILITY_MSRS	  0x3full
#define MSRS_UNHANDLED	  (1ull << 0)
#define MSRS_TSC_WRITE	  (1ull << 1)
#define MSRS_TSC_READ	  (1ull << 2)
#define MSRS_APIC_BASE	  (1ull << 3)
#define MSRS_MISC_ENABLE  (1ull << 4)
#define MSRS_UPDATE_LEVEL (1ull << 5)

/* WHvGetCapability; *written also with WHV_E_INSUFFICIENT_BUFFER: what it takes. */
uint32_t capability_get(uint64_t code, uint64_t buffer, uint64_t n_bytes, uint64_t *written);

#endif
