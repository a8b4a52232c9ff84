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

#endif
