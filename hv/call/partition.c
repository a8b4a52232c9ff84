/* SPDX-License-Identifier: MIT */
/* Partitions: taking one by its handle, creation, set-up, deletion in bounded steps. */
#include "hv/call/partition.h"

#include "hv/partition.h"

#include <string.h>

#include "hv/mem/handle.h"
#include "hv/mem/frame.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "hv/cpu/time.h"
#include "hv/vp.h"
#include "hv/owner.h"
#include "hv/vp/vp.h"
#include "hv/root/lend.h"
#include "hv/call/property.h"

/* A partition, and its ledger. */
#define PARTITION_PAGES 2u

/* The page that stands for the APICs', and the tables above it. */
#define APIC_ACCESS_PAGES 4u

/* The number of leaves and pages that one step of a delete looks at. A VP counts for some. */
#define DELETE_BUDGET	 512u
#define DELETE_VP_BUDGET 32u

static bool is_dying(const struct partition *partition)
{
	return __atomic_load_n(&partition->is_dying, __ATOMIC_RELAXED);
}

/* One try to take the lock. False: somebody has it. A partition that is dying is as none. */
static bool try_to_take(struct root *root, uint64_t handle, struct partition_locked *held)
{
	struct partition *const partition = handle_look(root, handle);

	*held = (struct partition_locked) { NULL };
	if (!partition)
		return true;
	*held = partition_try_lock(partition);
	if (!held->partition)
		return false;
	if (is_dying(partition)) {
		partition_unlock(*held);
		*held = (struct partition_locked) { NULL };
	}
	return true;
}

/* Between two tries nothing is looked at: who holds the lock may wait for that. */
struct partition_locked partition_take(struct root *root, uint64_t handle)
{
	struct partition_locked held;
	bool is_over;

	for (;;) {
		is_over = try_to_take(root, handle, &held);
		handle_done(root);
		if (is_over)
			return held;
		__builtin_ia32_pause();
	}
}

uint32_t partition_create(uint64_t first, uint64_t n_pages, uint64_t *result, uint64_t *n_taken)
{
	struct partition *partition = virt_ptr(SPA(first));
	struct partition_locked held;
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
	lock_set_rank(&partition->lock, LOCK_PARTITION);
	held = partition_lock(partition); /* nobody can find it yet */
	for (uint64_t i = n; --i;)
		virt_pages_give(&partition->pages, SPA(first + (i << PAGE_SHIFT)));
	lend_note(held, first, n);
	property_init(&partition->properties);
	partition->gate.turn = GATE_FIRST_TURN;
	lock_take(&hv.lock);
	partition->handle = handle_new(SPA(first));
	*result = partition->handle;
	frames_mark(SPA(first), FRAME_PARTITION);
	hv.stats.partitions++;
	lock_drop(&hv.lock);
	partition_unlock(held);
	return status;
}

uint32_t partition_setup(struct partition_locked held, uint64_t *needed)
{
	struct partition *const partition = held.partition;
	bool has_access;
	uint32_t error;

	if (partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!partition->properties.processor_count)
		return RESULT(WHV_E_INVALID_PARTITION_CONFIG);
	has_access = partition->properties.apic_mode && virt_machine.apic & VIRT_APIC_PAGE;
	error = partition_want(held, 1 + (has_access ? APIC_ACCESS_PAGES : 0), needed);
	if (error != RESULT(S_OK))
		return error;
	if (!virt_space_create(&partition->space, &partition->pages))
		virt_panic("partition_setup: no space out of a page");
	model_build(partition);
	time_begin(held);
	if (has_access && virt_pages_take(&partition->pages, &partition->apic_access))
		gpa_apic_page(held);
	partition->is_set_up = true;
	return RESULT(S_OK);
}

/* A VP that runs is sent out of Run, and is deleted by a later step. */
static bool delete_vps(struct partition_locked held, unsigned int *budget)
{
	bool are_gone = true;

	for (uint32_t i = 0; i < WHIT_MAX_VPS; i++) {
		struct vp *const vp = held.partition->vps[i];

		if (!vp)
			continue;
		if (*budget < DELETE_VP_BUDGET)
			return false;
		*budget -= DELETE_VP_BUDGET;
		if (owner_claim_call(held, vp)) {
			vp_destroy(held, vp);
		} else {
			vp_cancel(vp);
			are_gone = false;
		}
	}
	return are_gone;
}

static bool delete_space(struct partition_locked held, unsigned int *budget)
{
	struct partition *const partition = held.partition;

	if (!partition->is_set_up)
		return true;
	if (!gpa_clear(held, budget))
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
static bool delete_step(struct partition_locked held)
{
	unsigned int budget = DELETE_BUDGET;

	if (!delete_vps(held, &budget) || !delete_space(held, &budget))
		return false;
	property_destroy(held);
	return lend_return(held, &budget);
}

uint32_t partition_delete(struct root *root, uint64_t handle)
{
	struct partition *const partition = handle_look(root, handle);
	struct partition_locked held = { NULL };

	if (partition) {
		__atomic_store_n(&partition->is_dying, true, __ATOMIC_RELAXED);
		held = partition_try_lock(partition);
	}
	handle_done(root);
	if (!partition)
		return RESULT(E_INVALIDARG);
	if (!held.partition)
		return WHIT_S_AGAIN;
	if (!delete_step(held)) {
		partition_unlock(held);
		return WHIT_S_AGAIN;
	}
	handle_end(held);
	lock_take(&hv.lock);
	lock_end(&partition->lock);
	lend_return_own(held);
	hv.stats.partitions--;
	lock_drop(&hv.lock);
	return RESULT(S_OK);
}

static uint32_t cancel(struct partition *partition, uint64_t index, uint64_t flags)
{
	struct vp *vp;

	if (!partition || is_dying(partition))
		return RESULT(E_INVALIDARG);
	vp = partition_vp(partition, index);
	if (!vp)
		return RESULT(WHV_E_VP_DOES_NOT_EXIST);
	if (flags)
		return RESULT(E_INVALIDARG);
	vp_cancel(vp);
	return RESULT(S_OK);
}

uint32_t partition_cancel(struct root *root, uint64_t handle, uint64_t index, uint64_t flags)
{
	const uint32_t result = cancel(handle_look(root, handle), index, flags);

	handle_done(root);
	return result;
}

uint32_t partition_take_vp(struct root *root, struct partition *partition, uint64_t index,
			   struct vp **vp)
{
	static const uint32_t results[] = {
		[OWNER_OK] = RESULT(S_OK),
		[OWNER_RUNS] = RESULT(WHV_E_INVALID_VP_STATE),
		[OWNER_BUSY] = WHIT_S_AGAIN,
	};
	uint32_t result = RESULT(E_INVALIDARG);

	if (likely(partition && !is_dying(partition))) {
		*vp = partition_vp(partition, index);
		result = likely(*vp) ? results[owner_claim_run(*vp, root->cpu)]
				     : RESULT(WHV_E_VP_DOES_NOT_EXIST);
	}
	handle_done(root);
	return result;
}
