/* SPDX-License-Identifier: MIT */
/*
 * See handle.h. The first page lent to a partition holds its struct partition and is marked
 * FRAME_PARTITION in the books; no other page can be taken for one, whatever the root manages to
 * have written there.
 */
#include "hv/mem/handle.h"

#include "hv/mem/frame.h"

uint64_t handle_new(spa_t page)
{
	return hv.next_tag++ << HANDLE_FRAME_BITS | page.a >> PAGE_SHIFT;
}

/* A partition is one as long as no other has ended: the next look costs less. */
__attribute__((noinline)) struct partition *handle_judge(struct root *root, uint64_t handle)
{
	const uint64_t n_ends = __atomic_load_n(&hv.n_ends, __ATOMIC_ACQUIRE);
	const spa_t page = handle_page(handle);
	struct partition *const partition = virt_ptr(page);

	if (frames_kind(page) != FRAME_PARTITION || partition->handle != handle)
		return NULL;
	root->recent = handle;
	root->recent_ends = n_ends;
	return partition;
}

void handle_wait(const struct partition *partition)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (uint32_t cpu = 0; cpu < hv.n_cpus; cpu++)
		while (__atomic_load_n(&hv.roots[cpu].using, __ATOMIC_ACQUIRE) == partition)
			__builtin_ia32_pause();
}

void handle_end(struct partition_locked held)
{
	lock_take(&hv.lock);
	frames_mark(SPA((uintptr_t)held.partition - virt_direct_base), FRAME_LENT);
	lock_drop(&hv.lock);
	__atomic_fetch_add(&hv.n_ends, 1u, __ATOMIC_SEQ_CST);
	handle_wait(held.partition);
}
