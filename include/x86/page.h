/* SPDX-License-Identifier: MIT */
/*
 * Pages and their levels. Apart from the types of addresses, because names like PAGE_SIZE are
 * others', too.
 */
#ifndef X86_PAGE_H
#define X86_PAGE_H

#include <stdbool.h>

#include "x86/addr.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ull
#define PAGE_MASK  (~(PAGE_SIZE - 1))

/* Page levels, as in "level n page table entry": 1 maps 4 KiB, 2 maps 2 MiB, 3 maps 1 GiB. */
#define LEVEL_4K	     1
#define LEVEL_2M	     2
#define LEVEL_1G	     3
#define LEVEL_SHIFT(level)   (PAGE_SHIFT + 9 * ((level)-1))
#define LEVEL_SIZE(level)    (1ull << LEVEL_SHIFT(level))
#define PAGE_OFFSET(address) ((address) & (PAGE_SIZE - 1))

/* True if all of [a, a+n) lies in one 4 KiB page; n of at least 1. */
static inline bool within_page(uint64_t a, uint64_t n)
{
	return (a & PAGE_MASK) == ((a + n - 1) & PAGE_MASK);
}

#endif
