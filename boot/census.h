/* SPDX-License-Identifier: MIT */
/*
 * How many processors exist, by all who know: a processor that firmware has not enabled can be
 * started all the same, by INIT and SIPI. Pure: findings in, decision out.
 */
#ifndef BOOT_CENSUS_H
#define BOOT_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "acpi.h"
#include "text.h"
#include "x86/cpuid.h"

struct census {
	bool has_mp;		       /* the firmware has EFI_MP_SERVICES */
	uint64_t mp_total, mp_enabled; /* 0: they do not answer */
	bool has_acpi;		       /* there is an RSDP … */
	const char *acpi_damaged;      /* … and this of its tables is damaged, or NULL */
	struct acpi_cpus acpi;
	uint32_t package; /* census_package() */
};

/*
 * Logical processors of the package, by CPUID leaf 1Fh or 0Bh; 0 if the processor has neither.
 * These are the ones that were made, whatever firmware has done with them.
 */
uint32_t census_package(struct x86_cpuid (*cpuid)(uint32_t leaf, uint32_t subleaf));

/*
 * Of a machine whose n processors will be taken over. WHOLE: no other can come. OPEN: there may be
 * others, which nobody uses, and must not be started. SHARED: the firmware has others, and waits
 * for them when it uses its processors, at the end of boot services at the latest. `why` says what
 * was found; empty if WHOLE.
 */
enum census_answer { CENSUS_WHOLE, CENSUS_OPEN, CENSUS_SHARED };

enum census_answer census_judge(const struct census *census, uint64_t n, struct text *why);

#endif
