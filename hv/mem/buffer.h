/* SPDX-License-Identifier: MIT */
/* The buffers that hypercalls name, in the root's memory. */
#ifndef HV_BUFFER_H
#define HV_BUFFER_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/addr.h"

/* Aligned to 8 bytes, and in RAM of the root throughout: true for as long as hv.lock is held. */
bool buffer_is_legal(uint64_t spa, uint64_t n_bytes);

/*
 * A buffer of the root, root-physical: copy out of it, into it, under hv.lock, so that no other
 * processor can lend it away meanwhile. False, with nothing copied, unless buffer_is_legal().
 */
bool buffer_read(uint64_t spa, void *to, uint64_t n_bytes);
bool buffer_write(uint64_t spa, const void *from, uint64_t n_bytes);

/* The n_bytes at `offset` of a buffer: `spa` alone has to be aligned. */
bool buffer_read_part(uint64_t spa, uint64_t offset, void *to, uint64_t n_bytes);

/*
 * Copy the bytes that the root would read there, n_bytes of one page below the end of physical
 * memory. Only its own RAM is touched: devices and firmware's reserved memory read as ones. Takes
 * hv.lock.
 */
void buffer_read_as_root(gpa_t gpa, void *to, unsigned int n_bytes);

#endif
