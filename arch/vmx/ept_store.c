/* SPDX-License-Identifier: MIT */
/* See ept.h. */
#include "arch/vmx/ept.h"

void ept_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}
