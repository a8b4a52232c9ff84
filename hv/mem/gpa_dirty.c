/* SPDX-License-Identifier: MIT */
/*
 * The record of pages that a guest has written to (hv/mem/gpa.h). Such pages are leaves of 4 KiB,
 * VIRT_TRACKED. The processor notes a guest's write in flags of the tables, or the first write is a
 * violation; gpa_written() notes the hypervisor's writes for the guest. The root's writes to its
 * own memory are not noted.
 */
#include <string.h>

#include "hv/mem/buffer.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "hv/vp.h"
#include "x86/paging.h"

#define PER_WORD  64u
#define PER_TABLE 512u

void gpa_track(struct partition_locked held)
{
	if (held.partition->is_tracked)
		return;
	held.partition->is_tracked = true;
	virt_space_track(&held.partition->space);
}

void gpa_set_dirty(const struct partition *partition, gpa_t gpa)
{
	virt_space_set_dirty(&partition->space, gpa);
}

/* After a walk the way of recording may change, for all VPs. */
bool gpa_resolve(struct partition *partition, const struct virt_exit *exit, uint64_t turn)
{
	const bool is_walk = exit->memory.is_walk;
	struct partition_locked held;
	bool is_resolved, has_changed;

	if (!exit->memory.is_write)
		return false;
	held = partition_lock(partition);
	has_changed = gate_turn(&partition->gate) != turn;
	if (is_walk)
		gpa_close(held);
	is_resolved = virt_space_resolve(&partition->space, exit->memory.gpa, is_walk);
	if (is_walk)
		gpa_open(held);
	partition_unlock(held);
	return is_resolved || has_changed;
}

/*
 * How many pages from `i` on, of those at gpa, are in one word of the bitmap and in one table; the
 * page of the APICs, which is never dirty, is alone.
 */
static unsigned int run_of(const struct partition *partition, uint64_t gpa, uint64_t i,
			   uint64_t n_pages)
{
	const uint64_t to_apic = ((APIC_PAGE - gpa) >> PAGE_SHIFT) - i;
	const uint64_t in_table = PER_TABLE - ((gpa >> PAGE_SHIFT) + i) % PER_TABLE;
	uint64_t n = PER_WORD - i % PER_WORD;

	if (n > in_table)
		n = in_table;
	if (partition->properties.apic_mode && to_apic < n)
		n = to_apic ? to_apic : 1;
	return (unsigned int)(n < n_pages - i ? n : n_pages - i);
}

/*
 * False, with nothing taken back, if one of the pages is not tracked. *has_cleared: bits have been
 * taken back, and VPs are to be renewed.
 */
static bool collect(const struct partition *partition, uint64_t gpa, uint64_t n_pages, bool clear,
		    uint64_t *bitmap, bool *has_cleared)
{
	uint64_t bits;
	unsigned int n;

	for (uint64_t i = 0; i < n_pages; i += n) {
		n = run_of(partition, gpa, i, n_pages);
		if (gpa_is_apic(partition, gpa + (i << PAGE_SHIFT)))
			continue;
		if (!virt_space_dirty(&partition->space, GPA(gpa + (i << PAGE_SHIFT)), n, false,
				      &bits))
			return false;
		bitmap[i / PER_WORD] |= bits << i % PER_WORD;
	}
	/* A bit that is set only now stays for the next query. */
	for (uint64_t i = 0; clear && i < n_pages; i += n) {
		n = run_of(partition, gpa, i, n_pages);
		if (!bitmap[i / PER_WORD] || gpa_is_apic(partition, gpa + (i << PAGE_SHIFT)))
			continue;
		(void)virt_space_dirty(&partition->space, GPA(gpa + (i << PAGE_SHIFT)), n, true,
				       &bits);
		bitmap[i / PER_WORD] |= bits << i % PER_WORD;
		*has_cleared = true;
	}
	return true;
}

uint32_t gpa_query_dirty(struct partition_locked held, uint64_t gpa, uint64_t n_bytes,
			 uint64_t buffer, uint64_t flags, uint64_t *result)
{
	uint64_t bitmap[WHIT_MAX_DIRTY_PAGES / PER_WORD] = { 0 };
	const bool clear = !(flags & WHIT_DIRTY_KEEP);
	bool has_cleared = false;
	uint64_t n_pages = n_bytes >> PAGE_SHIFT;
	uint64_t n_words;
	uint32_t error = RESULT(S_OK);

	if (!gpa_is_legal_range(gpa, n_bytes) || flags & ~(uint64_t)WHIT_DIRTY_KEEP)
		return RESULT(E_INVALIDARG);
	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (n_pages > WHIT_MAX_DIRTY_PAGES)
		n_pages = WHIT_MAX_DIRTY_PAGES;
	n_words = (n_pages + PER_WORD - 1) / PER_WORD;
	lock_take(&hv.lock);
	if (buffer && !buffer_is_legal(buffer, n_words * sizeof(bitmap[0])))
		error = RESULT(E_POINTER);
	else if (!collect(held.partition, gpa, n_pages, clear, bitmap, &has_cleared))
		error = RESULT(WHV_E_GPA_RANGE_NOT_FOUND);
	if (error == RESULT(S_OK)) {
		if (buffer)
			memcpy(virt_ptr(SPA(buffer)), bitmap, n_words * sizeof(bitmap[0]));
		*result = n_pages << PAGE_SHIFT;
		if (*result < n_bytes)
			error = WHIT_S_MORE;
	}
	lock_drop(&hv.lock);
	if (has_cleared)
		gpa_turn(held);
	return error;
}
