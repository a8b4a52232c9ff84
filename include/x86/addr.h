/* SPDX-License-Identifier: MIT */
/*
 * The three kinds of address, as types that cannot be mixed up:
 *   gva_t  virtual in a guest (the root is one), before its page tables;
 *   gpa_t  physical in a guest, before nested paging;
 *   spa_t  physical in the machine.
 * In the root partition a gpa_t and the spa_t behind it are the same number.
 */
#ifndef X86_ADDR_H
#define X86_ADDR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t a;
} gva_t;

typedef struct {
	uint64_t a;
} gpa_t;

typedef struct {
	uint64_t a;
} spa_t;

#define GVA(x) ((gva_t) { (x) })
#define GPA(x) ((gpa_t) { (x) })
#define SPA(x) ((spa_t) { (x) })

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
