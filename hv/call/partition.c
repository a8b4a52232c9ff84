/* SPDX-License-Identifier: MIT */
/*
 * Partitions: handles, creation, set-up, deletion in bounded steps.
 *
 * The first page lent to a partition holds its struct partition and is marked FRAME_PARTITION in
 * the books; no other page can be taken for one, whatever the root manages to have written there. A
 * handle is the page's frame number below a tag. Locks: hv.lock to find a partition and count its
 * users, then the partition's, then hv.lock again inside.
 */
#include "hv/call/partition.h"

#include "hv/partition.h"

#include <string.h>

#include "hv/mem/frame.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "hv/cpu/time.h"
#include "hv/vp.h"
#include "hv/vp/vp.h"
#include "hv/root/lend.h"
#include "hv/call/property.h"

#define PARTITION_MAGIC 0x6e6f697469747261ull

/* A partition, and its ledger. */
#define PARTITION_PAGES 2u

/* The page that stands for the APICs', and the tables above it. */
#define APIC_ACCESS_PAGES 4u

/* A handle: the tag above the frame number. */
#define HANDLE_FRAME_BITS 40

/* The number of leaves and pages that one step of a delete looks at. A VP counts for some. */
#define DELETE_BUDGET	 512u
#define DELETE_VP_BUDGET 32u

struct partition *partition_peek(uint64_t handle)
{
	const spa_t page = SPA((handle & ((1ull << HANDLE_FRAME_BITS) - 1)) << PAGE_SHIFT);
	struct partition *partition = virt_ptr(page);

	if (hv.recent && hv.recent->handle == handle)
		return hv.recent;
	if (frames_kind(page) != FRAME_PARTITION || partition->magic != PARTITION_MAGIC ||
	    partition->handle != handle)
		return NULL;
	hv.recent = partition;
	return partition;
}

/* The partition of a handle, counted as used by the caller; dying ones too. */
static struct partition *find(uint64_t handle)
{
	struct partition *partition;

	lock_take(&hv.lock);
	partition = partition_peek(handle);
	if (partition)
		__atomic_fetch_add(&partition->users, 1u, __ATOMIC_RELAXED);
	lock_drop(&hv.lock);
	return partition;
}

struct partition *partition_take(uint64_t handle)
{
	struct partition *partition = find(handle);

	if (!partition)
		return NULL;
	lock_take(&partition->lock);
	if (!partition->is_dying)
		return partition;
	partition_drop(partition);
	return NULL;
}

void partition_drop(struct partition *partition)
{
	lock_drop(&partition->lock);
	__atomic_fetch_sub(&partition->users, 1u, __ATOMIC_RELEASE);
}

uint32_t partition_create(uint64_t first, uint64_t n_pages, uint64_t *result, uint64_t *n_taken)
{
	struct partition *partition = virt_ptr(SPA(first));
	uint32_t status;
	uint64_t n;

	if (n_pages < PARTITION_PAGES) {
		*result = PARTITION_PAGES;
		return WHIT_E_INSUFFICIENT_MEMORY;
	}
	status = lend_take(first, n_pages, &n);
	if (status == WHIT_S_MORE)
		*n_taken = n;
	else if (status != RESULT(S_OK))
		return status;
	for (uint64_t i = n; --i;)
		virt_pages_give(&partition->pages, SPA(first + (i << PAGE_SHIFT)));
	lend_note(partition, first, n);
	partition->magic = PARTITION_MAGIC;
	property_init(&partition->properties);
	lock_take(&hv.lock);
	partition->handle = hv.next_tag++ << HANDLE_FRAME_BITS | first >> PAGE_SHIFT;
	*result = partition->handle;
	frames_mark(SPA(first), FRAME_PARTITION);
	hv.stats.partitions++;
	lock_drop(&hv.lock);
	return status;
}

uint32_t partition_setup(struct partition *partition, uint64_t *needed)
{
	bool has_access;
	uint32_t error;

	if (partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!partition->properties.processor_count)
		return RESULT(WHV_E_INVALID_PARTITION_CONFIG);
	has_access = partition->properties.apic_mode && virt_machine.apic & VIRT_APIC_PAGE;
	error = partition_want(partition, 1 + (has_access ? APIC_ACCESS_PAGES : 0), needed);
	if (error != RESULT(S_OK))
		return error;
	if (!virt_space_create(&partition->space, &partition->pages))
		virt_panic("partition_setup: no space out of a page");
	model_build(partition);
	time_begin(partition);
	if (has_access && virt_pages_take(&partition->pages, &partition->apic_access))
		gpa_apic_page(partition);
	partition->is_set_up = true;
	return RESULT(S_OK);
}

static bool delete_vps(struct partition *partition, unsigned int *budget)
{
	for (uint32_t i = 0; i < WHIT_MAX_VPS; i++) {
		if (!partition->vps[i])
			continue;
		if (*budget < DELETE_VP_BUDGET)
			return false;
		*budget -= DELETE_VP_BUDGET;
		vp_destroy(partition->vps[i]);
	}
	return true;
}

static bool delete_space(struct partition *partition, unsigned int *budget)
{
	if (!partition->is_set_up)
		return true;
	if (!partition->gpa_cursor)
		virt_space_flush(&partition->space);
	if (!gpa_clear(partition, budget))
		return false;
	virt_space_destroy(&partition->space);
	if (partition->apic_access.a) {
		memset(virt_ptr(partition->apic_access), 0, PAGE_SIZE);
		virt_pages_give(&partition->pages, partition->apic_access);
		partition->apic_access = SPA(0);
	}
	partition->is_set_up = false;
	return true;
}

/* One step; true when only the partition's own pages are left. */
static bool delete_step(struct partition *partition)
{
	unsigned int budget = DELETE_BUDGET;

	if (!delete_vps(partition, &budget) || !delete_space(partition, &budget))
		return false;
	property_destroy(partition);
	return lend_return(partition, &budget);
}

uint32_t partition_delete(uint64_t handle)
{
	struct partition *partition = find(handle);

	if (!partition)
		return RESULT(E_INVALIDARG);
	lock_take(&partition->lock);
	partition->is_dying = true;
	if (!delete_step(partition)) {
		partition_drop(partition);
		return WHIT_S_AGAIN;
	}
	lock_take(&hv.lock);
	/* Another processor that has found it must have dropped it before it can go. */
	if (__atomic_load_n(&partition->users, __ATOMIC_ACQUIRE) != 1) {
		lock_drop(&hv.lock);
		partition_drop(partition);
		return WHIT_S_AGAIN;
	}
	hv.recent = NULL;
	lend_return_own(partition);
	hv.stats.partitions--;
	lock_drop(&hv.lock);
	return RESULT(S_OK);
}

uint32_t partition_cancel(uint64_t handle, uint64_t index, uint64_t flags)
{
	uint32_t result = RESULT(E_INVALIDARG);
	struct partition *partition;

	lock_take(&hv.lock);
	partition = partition_peek(handle);
	if (partition && !__atomic_load_n(&partition->is_dying, __ATOMIC_RELAXED)) {
		struct vp *vp = partition_vp(partition, index);

		if (!vp)
			result = RESULT(WHV_E_VP_DOES_NOT_EXIST);
		else if (!flags)
			result = RESULT(S_OK);
		if (result == RESULT(S_OK))
			__atomic_store_n(&vp->cancel, 1u, __ATOMIC_RELEASE);
	}
	lock_drop(&hv.lock);
	return result;
}
