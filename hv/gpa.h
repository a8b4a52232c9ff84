/* SPDX-License-Identifier: MIT */
/* A partition's guest-physical space: mapping, unmapping, and access by the hypervisor. */
#ifndef HV_GPA_H
#define HV_GPA_H

#include "hv/partition.h"

/* Bits of a guest-physical address: the processor's, or those of nested tables of four levels. */
static inline unsigned int gpa_bits(void)
{
	return virt_machine.physical_bits < 48 ? virt_machine.physical_bits : 48;
}

/* What stands at a guest-physical page. */
struct gpa_page {
	uint8_t *
		ptr; /* the page's first byte as the hypervisor sees it; NULL if nothing is mapped */
	uint8_t rights; /* VIRT_READ … */
};

/*
 * The 4 KiB page around gpa; any gpa. The partition is locked: what is found is remembered in it until a
 * mapping is replaced or removed.
 */
struct gpa_page gpa_page(const struct partition *partition, gpa_t gpa);

/*
 * WHvMapGpaRange: the root's memory [source, source + n_bytes) at gpa, in leaves as large as both sides'
 * alignment allows, in place of what stood there. flags: WHV_MAP_GPA_RANGE_FLAGS. The partition is
 * locked. *result is written with
 *   S_OK, WHIT_S_MORE           the bytes done (a call does a bounded amount of work)
 *   WHIT_E_INSUFFICIENT_MEMORY  the pages to lend at least
 * and nothing has changed with any error.
 */
uint32_t gpa_map(struct partition *partition, uint64_t source, uint64_t gpa, uint64_t n_bytes,
		 uint64_t flags, uint64_t *result);

/* WHvUnmapGpaRange, in the same way. Holes in the range are no error. */
uint32_t gpa_unmap(struct partition *partition, uint64_t gpa, uint64_t n_bytes, uint64_t *result);

/*
 * Take everything out of the space of a dying partition, from partition->gpa_cursor on; *budget is
 * what may be looked at, and counts down. False if it ran out: call again. Flush before.
 */
bool gpa_clear(struct partition *partition, unsigned int *budget);

#endif
