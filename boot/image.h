/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's ELF image: a static ELF64 linked at WHIT_IMAGE_BASE, each loadable segment on
 * its own pages and either writable or executable. Pure.
 */
#ifndef BOOT_IMAGE_H
#define BOOT_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAX_SEGMENTS 8

struct image_segment {
	uint64_t va;	       /* page-aligned */
	uint64_t n_bytes;      /* in memory, rounded up to pages */
	uint64_t file_offset;  /* of its bytes in the ELF file; zeros follow them */
	uint64_t n_file_bytes; /* at most n_bytes */
	bool is_writable, is_executable;
};

struct image {
	uint64_t entry;	  /* virtual */
	uint64_t n_bytes; /* from WHIT_IMAGE_BASE to the last segment's end, up to 2 MiB */
	size_t n_segments;
	struct image_segment segment[IMAGE_MAX_SEGMENTS]; /* ascending, not overlapping */
};

/* Reads `n_bytes` of ELF file into `image`. NULL, or what is wrong with the file. */
const char *image_check(const void *elf, size_t n_bytes, struct image *image);

/* Copies the segments of a checked image to `to`: image->n_bytes, all zero. */
void image_load(const struct image *image, const void *elf, void *to);

#endif
