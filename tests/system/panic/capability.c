/* SPDX-License-Identifier: MIT */
/*
 * Stands in for hv/call/capability.c in the hypervisor of tests/system/panic/run: WHvGetCapability is a bug of the
 * hypervisor's, a read of the guard page below its stack.
 */
#include "hv/call/capability.h"
#include "whit/layout.h"

uint32_t capability_get(uint64_t code, uint64_t buffer, uint64_t n_bytes, uint64_t *written)
{
	(void)code;
	(void)buffer;
	(void)n_bytes;
	(void)written;
	return *(const volatile uint32_t *)WHIT_STACKS_BASE;
}
