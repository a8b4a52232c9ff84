/* SPDX-License-Identifier: MIT */
/* The one way to write an entry of nested page tables. */
#include "arch/x86/nested.h"

uint64_t nested_store(uint64_t *entry, uint64_t value)
{
	return __atomic_exchange_n(entry, value, __ATOMIC_ACQ_REL);
}

uint64_t nested_change(uint64_t *entry, uint64_t clear, uint64_t set)
{
	uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(entry, &old, (old & ~clear) | set, false,
					    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	return old;
}

bool nested_mark(uint64_t *entry, uint64_t has, uint64_t set)
{
	uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED);

	do {
		if ((old & has) != has)
			return false;
	} while (!__atomic_compare_exchange_n(entry, &old, old | set, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return true;
}
