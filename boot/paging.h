/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's page tables, by the map of whit/layout.h, and the tables of the moment in which
 * it starts. Nothing is writable and executable. Pure, given that the memory of the block is seen
 * at its physical address.
 */
#ifndef BOOT_PAGING_H
#define BOOT_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include "block.h"
#include "image.h"

/* The memory that one processor's stacks need, without the guard pages. */
#define PAGING_STACK_BYTES 0xb000ull

/* The most that DIRECT can show: the address space from its base up to the entry of IMAGE. */
#define PAGING_DIRECT_MAX (255ull << 39)

struct paging {
	const struct image *image;
	uint64_t image_base;  /* physical, 2 MiB-aligned, image->n_bytes */
	uint64_t stacks_base; /* physical, n_cpus * PAGING_STACK_BYTES */
	uint32_t n_cpus;
	uint64_t direct_bytes; /* a multiple of 1 GiB */
	bool has_1g;	       /* the processor has 1 GiB pages */
};

/* Builds the tables with pages of `block`. Their CR3, or 0 if the block is too small. */
uint64_t paging_host(const struct paging *paging, struct block *block);

/*
 * A copy of the firmware's top-level table (4 levels) with the hypervisor's entries added. NULL and
 * the CR3, or why not.
 */
const char *paging_launch(struct block *block, uint64_t firmware_cr3, uint64_t host_cr3,
			  uint64_t *launch_cr3);

#endif
