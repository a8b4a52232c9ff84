/* SPDX-License-Identifier: MIT */
/*
 * How large the hypervisor's block must be. Pure.
 *
 * What the machine makes it need is not the user's to know: image, stacks, page tables and the
 * books of RAM come on top of what the option `memory` asks for, which is the heap that is left
 * when the root runs.
 */
#ifndef BOOT_NEEDS_H
#define BOOT_NEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

struct needs {
	uint64_t image_bytes; /* of the loaded image, whole 2 MiB */
	uint64_t ram_top;     /* no RAM at or above; at most PAGING_DIRECT_MAX */
	uint32_t n_cpus;
	bool has_1g; /* the processor has 1 GiB pages */
};

/* The bytes that DIRECT maps on a machine whose memory ends at `top`. */
uint64_t needs_direct_bytes(uint64_t top);

/* Bytes of the heap for the hypervisor's books of RAM. */
uint64_t needs_books_bytes(const struct needs *needs);

/* Bytes before the heap: image, stacks, the hypervisor's own page tables. */
uint64_t needs_loaded_bytes(const struct needs *needs);

/*
 * Bytes that are taken before the root runs: all of the above, its nested page tables, its
 * processors.
 */
uint64_t needs_fixed_bytes(const struct needs *needs);

/* The block of a machine with `memory` bytes to spare: whole 2 MiB. */
uint64_t needs_block_bytes(const struct needs *needs, uint64_t memory);

/*
 * Says that no such block can be had, as the largest free piece has `free_bytes`: how much is
 * needed, how much there is, and which value of `memory` would do, if one does.
 */
void needs_refuse(const struct needs *needs, uint64_t memory, uint64_t free_bytes,
		  struct text *text);

#endif
