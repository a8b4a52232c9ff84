/* SPDX-License-Identifier: MIT */
/* Whose architecture this processor has, for the tests of what AMD's and Intel's manuals say differently. */
#ifndef CONFORMANCE_VENDOR_H
#define CONFORMANCE_VENDOR_H

#include <stdbool.h>

#include "tests/system/apps/insn.h"

/* AMD64, of AMD and Hygon; the others are like Intel's. */
static inline bool vendor_is_amd(void)
{
	struct x86_cpuid r;

	insn_cpuid(0, 0, &r);
	return r.ebx == 0x68747541u || r.ebx == 0x6f677948u; /* "Auth", "Hygo" */
}

#endif
