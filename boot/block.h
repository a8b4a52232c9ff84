/* SPDX-License-Identifier: MIT */
/*
 * The one block of memory that is the hypervisor's: EfiReservedMemoryType, aligned to 2 MiB. It is
 * given out from the front, page by page, for the image, stacks and page tables; what is left is
 * the hypervisor's heap.
 */
#ifndef BOOT_BLOCK_H
#define BOOT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "x86/page.h"

struct block {
	uint64_t base;
	uint64_t n_bytes;
	uint64_t n_taken;
};

/* The next n_bytes, rounded up to pages: zeroed memory, or NULL if there is not enough left. */
static inline void *block_take(struct block *block, uint64_t n_bytes)
{
	uint64_t at = block->base + block->n_taken;

	if (n_bytes > block->n_bytes - block->n_taken)
		return NULL;
	block->n_taken += (n_bytes + PAGE_SIZE - 1) & PAGE_MASK;
	return (void *)(uintptr_t)at;
}

/* Allocates and zeroes n_bytes, rounded up to 2 MiB. False if the firmware has no such block. */
bool block_alloc(struct block *block, uint64_t n_bytes);

/* Gives all of it back to the firmware. */
void block_free(struct block *block);

#endif
