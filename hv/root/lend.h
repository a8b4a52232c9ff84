/* SPDX-License-Identifier: MIT */
/* Lending: the root's pages on their way into a partition and back. hv/root/lend.c */
#ifndef HV_ROOT_LEND_H
#define HV_ROOT_LEND_H

#include "hv/partition.h"

/*
 * Take pages from `first` away from the root: hidden, zeroed, frames marked. They are nobody's yet.
 * Of n_wanted (at most WHIT_MAX_LEND) *n_taken, the first ones; WHIT_S_MORE if that is not all.
 * E_INVALIDARG, E_ACCESSDENIED (not the root's to lend), E_OUTOFMEMORY (no heap to hide them with):
 * nothing has changed.
 */
uint32_t lend_take(uint64_t first, uint64_t n_wanted, uint64_t *n_taken);

/*
 * Note [first, first + n_pages), taken by lend_take(), as lent to the partition, whose free list
 * holds a page if n_pages was added to it before; may take one from there.
 */
void lend_note(struct partition_locked held, uint64_t first, uint64_t n_pages);

/* WHIT_CALL_LEND; *n_taken with WHIT_S_MORE too. */
uint32_t lend(struct partition_locked held, uint64_t first, uint64_t n_pages, uint64_t *n_taken);

/*
 * Give lent pages back to the root, but for the partition's own and the ledger's. Every page must
 * be in partition->pages; that list is gone then. A bounded step, true when done.
 */
bool lend_return(struct partition_locked held, unsigned int *budget);

/*
 * The last step: the ledger, then the page of the partition itself, with its lock. Under hv.lock.
 */
void lend_return_own(struct partition_locked held);

#endif
