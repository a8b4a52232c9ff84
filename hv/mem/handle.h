/* SPDX-License-Identifier: MIT */
/*
 * Handles of partitions: the frame number of the partition's first page below a tag that changes
 * with every use of the page, so that looking one up costs the same for one partition and for a
 * million, and a stale or invented handle is refused.
 *
 * A look-up takes no lock and writes nothing that another processor writes. The processor says
 * which partition it is looking at (root->using) before it judges whether that is one; whoever
 * wants to free something that is found through it, a partition or one of its VPs, first makes it
 * impossible to find, and then waits until nobody is looking (handle_wait()). So nobody waits for
 * anything between handle_look() and handle_done().
 */
#ifndef HV_MEM_HANDLE_H
#define HV_MEM_HANDLE_H

#include "hv/hv.h"
#include "hv/partition.h"
#include "x86/compiler.h"

/* The tag stands above the frame number. */
#define HANDLE_FRAME_BITS 40

static inline spa_t handle_page(uint64_t handle)
{
	return SPA((handle & ((1ull << HANDLE_FRAME_BITS) - 1)) << PAGE_SHIFT);
}

/* The handle of a partition whose first page this is, never given before. Under hv.lock. */
uint64_t handle_new(spa_t page);

/* The rest of handle_look(): is a partition there? */
struct partition *handle_judge(struct root *root, uint64_t handle);

/* handle_look(), if it is the one of the last time; NULL: it may be one all the same. */
static inline struct partition *handle_recall(struct root *root, uint64_t handle)
{
	struct partition *const partition = virt_ptr(handle_page(handle));

	/* Locked: it is seen before what follows is read. */
	(void)__atomic_exchange_n(&root->using, partition, __ATOMIC_SEQ_CST);
	if (likely(root->recent == handle &&
		   root->recent_ends == __atomic_load_n(&hv.n_ends, __ATOMIC_ACQUIRE)))
		return partition;
	return NULL;
}

/*
 * The partition of a handle, dying ones too; NULL if there is none. It stays until handle_done(),
 * which follows in either case.
 */
static inline struct partition *handle_look(struct root *root, uint64_t handle)
{
	struct partition *const partition = handle_recall(root, handle);

	return likely(partition) ? partition : handle_judge(root, handle);
}

static inline void handle_done(struct root *root)
{
	__atomic_store_n(&root->using, NULL, __ATOMIC_RELEASE);
}

/* Until no processor looks at the partition: whoever has, found what it was before this call. */
void handle_wait(const struct partition *partition);

/* The partition's handle is no more, and nobody looks at it. Its page is still lent. */
void handle_end(struct partition_locked held);

#endif
