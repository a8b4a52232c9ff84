/* SPDX-License-Identifier: MIT */
/*
 * A partition's guest-physical space. gpa.c: mapping, unmapping, rights; gpa_dirty.c: which pages
 * have been written to; gpa_access.c: the root's accesses through a VP.
 */
#ifndef HV_GPA_H
#define HV_GPA_H

#include "hv/apic/apic.h"
#include "hv/partition.h"
#include "x86/apic.h"
#include "x86/compiler.h"

/* Bits of a guest-physical address: the processor's, or those of nested tables of four levels. */
static inline unsigned int gpa_bits(void)
{
	return virt_machine.physical_bits < 48 ? virt_machine.physical_bits : 48;
}

/* A guest-physical page as the hypervisor sees it. */
struct gpa_page {
	uint8_t *ptr;	/* the page's first byte; NULL if nothing is mapped */
	uint8_t rights; /* VIRT_READ … */
};

/* The rest of gpa_look(), when it is another turn: true. */
bool gpa_look_anew(struct gpa_view *view, uint64_t turn);

/*
 * The VP is going to look at its partition's space at this turn of the gate. False: that is the
 * turn at which it did last. True: what the view remembers is forgotten, and the VP is to be
 * renewed.
 */
static inline bool gpa_look(struct gpa_view *view, uint64_t turn)
{
	return unlikely(view->turn != turn) && gpa_look_anew(view, turn);
}

/* The answer of gpa_page() for a page that is not remembered; it is remembered then. */
struct gpa_page gpa_find_page(struct gpa_view *view, gpa_t gpa);

/* The 4 KiB page around gpa; any gpa. What is found is remembered until the next gpa_look(). */
static inline struct gpa_page gpa_page(struct gpa_view *view, gpa_t gpa)
{
	const struct gpa_cached *cached = &view->cache[(gpa.a >> PAGE_SHIFT) % GPA_CACHED];

	if (cached->gpa != ((gpa.a & PAGE_MASK) | 1))
		return gpa_find_page(view, gpa);
	return (struct gpa_page) { (uint8_t *)(uintptr_t)(cached->ptr & PAGE_MASK),
				   (uint8_t)PAGE_OFFSET(cached->ptr) };
}

/*
 * WHvMapGpaRange, from a list: the root's memory of n extents, one behind the other, at gpa, in
 * leaves as large as both sides' alignment allows, in place of what stood there. flags:
 * WHV_MAP_GPA_RANGE_FLAGS. *result is written with
 *   S_OK, WHIT_S_MORE           the bytes done (a call does a bounded amount of work)
 *   WHIT_E_INSUFFICIENT_MEMORY  the pages to lend at least
 * and nothing has changed with any error.
 */
uint32_t gpa_map(struct partition_locked held, const struct whit_extent *extents, unsigned int n,
		 uint64_t gpa, uint64_t flags, uint64_t *result);

/*
 * WHIT_CALL_PROTECT_GPA_RANGE: other flags for what is mapped, in the same way.
 * WHV_E_GPA_RANGE_NOT_FOUND if a part of the range is a hole.
 */
uint32_t gpa_protect(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t flags,
		     uint64_t *result);

/* WHvUnmapGpaRange, in the same way. Holes in the range are no error. */
uint32_t gpa_unmap(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t *result);

/* Whole pages, below the end of the space, and not none. */
bool gpa_is_legal_range(uint64_t gpa, uint64_t n_bytes);

/*
 * Close and open the gate of the partition: in between no VP of it is in the guest or does anything
 * in Run.
 */
void gpa_close(struct partition_locked held);
void gpa_open(struct partition_locked held);

/* The same if no VP runs; false, and the gate is open, if one does. */
bool gpa_close_at_rest(struct partition_locked held);

/* Every VP has left the guest and Run once since, and has seen what was written before. */
static inline void gpa_turn(struct partition_locked held)
{
	gpa_close(held);
	gpa_open(held);
}

/*
 * The page of the local APICs: nothing that is mapped over it is seen. In it stands
 * partition->apic_access, if there is one and every VP's APIC is in xAPIC mode; else a hole. After
 * each change of a mode (apic.page_is_due), by somebody who is not inside.
 */
void gpa_apic_page(struct partition_locked held);

/* Is this page theirs? */
static inline bool gpa_is_apic(const struct partition *partition, uint64_t gpa)
{
	return (gpa & PAGE_MASK) == APIC_PAGE && partition->properties.apic_mode;
}

/*
 * Take everything out of the space of a dying partition, from partition->gpa_cursor on; *budget is
 * what may be looked at, and counts down. False if it ran out: call again.
 */
bool gpa_clear(struct partition_locked held, unsigned int *budget);

/* ---- hv/mem/gpa_dirty.c: pages whose writes are recorded (VIRT_TRACKED) ---- */

/* Before the first of them is mapped. */
void gpa_track(struct partition_locked held);

void gpa_set_dirty(const struct partition *partition, gpa_t gpa);

/*
 * The hypervisor is about to write, for the guest, to the page that gpa_page() said is around gpa.
 */
static inline void gpa_written(const struct partition *partition, struct gpa_page page, gpa_t gpa)
{
	if (page.rights & VIRT_TRACKED)
		gpa_set_dirty(partition, gpa);
}

/*
 * Was a violation there only for a write to be seen, or is it of an earlier turn than the space's?
 * Then the VP, which is not inside, and last was at `turn`, can go on. Takes the partition's lock.
 */
bool gpa_resolve(struct partition *partition, const struct virt_exit *exit, uint64_t turn);

/*
 * WHvQueryGpaRangeDirtyBitmap: a bit a page into the root's buffer (0: nowhere), at most
 * WHIT_MAX_DIRTY_PAGES; the bits are taken back unless `flags` says WHIT_DIRTY_KEEP. *result, with
 * S_OK and WHIT_S_MORE: the bytes done.
 */
uint32_t gpa_query_dirty(struct partition_locked held, uint64_t gpa, uint64_t n_bytes,
			 uint64_t buffer, uint64_t flags, uint64_t *result);

/* ---- hv/mem/gpa_access.c ---- */

/* WHvReadGpaRange and WHvWriteGpaRange, of the struct whit_gpa_access at `buffer`. */
uint32_t gpa_read(struct gpa_view *view, uint64_t buffer);
uint32_t gpa_write(struct gpa_view *view, uint64_t buffer);

/* WHvAdviseGpaRange, for one range; *result as above. */
uint32_t gpa_advise(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t advice,
		    uint64_t populate, uint64_t *result);

#endif
