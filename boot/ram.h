/* SPDX-License-Identifier: MIT */
/*
 * RAM, out of the firmware's memory map. Pure: descriptors in, ranges out.
 *
 * Firmware's maps are not trusted to be sorted, merged, disjoint or sane: an address is RAM if some
 * descriptor says that it is memory an operating system may use, and none says that it is not.
 */
#ifndef BOOT_RAM_H
#define BOOT_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <efi.h>

#include "whit/handover.h"

struct ram_map {
	const void *descriptors; /* EFI_MEMORY_DESCRIPTOR each, n_descriptors of them … */
	size_t n_descriptors;
	size_t stride; /* … this many bytes apart: firmware's are longer than the header's */
};

/*
 * Writes the ranges that the root owns to `out`: page-aligned, ascending, neither overlapping nor
 * touching, without the hypervisor's block. Returns how many, or SIZE_MAX if there are more than
 * `max`.
 */
size_t ram_ranges(const struct ram_map *map, uint64_t block_base, uint64_t block_bytes,
		  struct whit_ram *out, size_t max);

/*
 * May n_bytes at `base` be read: one descriptor of something else than devices or broken memory
 * holds them all. Below 1 MiB, which few maps describe, all is there but page 0, where NULL points.
 */
bool ram_is_readable(const struct ram_map *map, uint64_t base, uint64_t n_bytes);

/*
 * The end of memory of any kind that is behind the memory controller, runtime and ACPI areas too.
 */
uint64_t ram_top(const struct ram_map *map);

/* The largest piece that the firmware can still give away. */
uint64_t ram_free_bytes(const struct ram_map *map);

#endif
