/* SPDX-License-Identifier: MIT */
/*
 * Lending: the root's pages on their way into a partition and back. A partition's ledger, a list of
 * lent pages, notes the runs that it was lent. The pages of the ledger and of the partition itself
 * are marked in the books, so that the others can be given back first.
 */
#include "hv/root/lend.h"

#include <string.h>

#include "hv/mem/frame.h"
#include "hv/hv.h"
#include "hv/partition.h"
#include "hv/root.h"
#include "hv/root/memory.h"

#define LEDGER_RUNS 255u

/* Pages that a call takes: each is cleared, and hidden from the root, while its interrupts wait. */
#define LEND_AT_ONCE 256u

struct ledger {
	uint64_t next; /* spa of the ledger page before this one, 0: none */
	uint64_t n_runs;
	struct {
		uint64_t base, n_pages;
	} runs[LEDGER_RUNS];
};

_Static_assert(sizeof(struct ledger) == PAGE_SIZE, "one page");

uint32_t lend_take(uint64_t first, uint64_t n_wanted, uint64_t *n_taken)
{
	const uint64_t n_pages = n_wanted < LEND_AT_ONCE ? n_wanted : LEND_AT_ONCE;
	uint32_t result = RESULT(S_OK);

	/* Page 0 is nobody's: an address of 0 means "none" in the ledger. */
	if (PAGE_OFFSET(first) || !first || !n_wanted || n_wanted > WHIT_MAX_LEND)
		return RESULT(E_INVALIDARG);
	lock_take(&hv.lock);
	if (!frames_lend(SPA(first), n_pages)) {
		result = RESULT(E_ACCESSDENIED);
	} else if (!root_memory_hide(SPA(first), n_pages)) {
		frames_unlend(SPA(first), n_pages);
		root_memory_show(SPA(first), n_pages);
		result = RESULT(E_OUTOFMEMORY);
	}
	lock_drop(&hv.lock);
	if (result != RESULT(S_OK))
		return result;
	/* No processor of the root can write there any more. */
	memset(virt_ptr(SPA(first)), 0, n_pages << PAGE_SHIFT);
	*n_taken = n_pages;
	return n_pages < n_wanted ? WHIT_S_MORE : RESULT(S_OK);
}

/* The ledger page with room for a run. */
static struct ledger *ledger_with_room(struct partition_locked held)
{
	struct partition *const partition = held.partition;
	struct ledger *ledger = virt_ptr(partition->ledger);
	spa_t page;

	if (partition->ledger.a && ledger->n_runs < LEDGER_RUNS)
		return ledger;
	if (!virt_pages_take(&partition->pages, &page))
		virt_panic("lend_note: no page for the ledger");
	lock_take(&hv.lock);
	frames_mark(page, FRAME_LEDGER);
	lock_drop(&hv.lock);
	ledger = virt_ptr(page);
	ledger->next = partition->ledger.a;
	partition->ledger = page;
	return ledger;
}

void lend_note(struct partition_locked held, uint64_t first, uint64_t n_pages)
{
	struct partition *const partition = held.partition;
	struct ledger *ledger = partition->ledger.a ? virt_ptr(partition->ledger) : NULL;
	const uint64_t last = ledger ? ledger->n_runs - 1 : 0;

	partition->n_lent += n_pages;
	if (ledger &&
	    ledger->runs[last].base + (ledger->runs[last].n_pages << PAGE_SHIFT) == first) {
		ledger->runs[last].n_pages += n_pages; /* the rest of a loan that was cut */
		return;
	}
	ledger = ledger_with_room(held);
	ledger->runs[ledger->n_runs].base = first;
	ledger->runs[ledger->n_runs].n_pages = n_pages;
	ledger->n_runs++;
}

uint32_t lend(struct partition_locked held, uint64_t first, uint64_t n_pages, uint64_t *n_taken)
{
	const uint32_t result = lend_take(first, n_pages, n_taken);

	if (result != RESULT(S_OK) && result != WHIT_S_MORE)
		return result;
	for (uint64_t i = *n_taken; i--;)
		virt_pages_give(&held.partition->pages, SPA(first + (i << PAGE_SHIFT)));
	lend_note(held, first, *n_taken);
	return result;
}

/* Give back a part of a run in which nothing is the partition's own. Under hv.lock. */
static void give_back(uint64_t base, uint64_t n_pages)
{
	if (!n_pages)
		return;
	/* The pages come out of a list: only the link in each is not zero. */
	for (uint64_t i = 0; i < n_pages; i++)
		*(uint64_t *)virt_ptr(SPA(base + (i << PAGE_SHIFT))) = 0;
	frames_unlend(SPA(base), n_pages);
	root_memory_show(SPA(base), n_pages);
}

/* The last n_pages of a run, less the partition's own pages. Under hv.lock. */
static void give_back_tail(uint64_t base, uint64_t n_pages)
{
	uint64_t start = base;

	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t at = base + (i << PAGE_SHIFT);

		if (frames_kind(SPA(at)) == FRAME_LENT)
			continue;
		give_back(start, (at - start) >> PAGE_SHIFT);
		start = at + PAGE_SIZE;
	}
	give_back(start, (base + (n_pages << PAGE_SHIFT) - start) >> PAGE_SHIFT);
}

/* Every page that was lent is free again, but for the partition's own: else one is lost. */
static void check_books(const struct partition *partition)
{
	uint64_t n_own = 1;

	for (spa_t page = partition->ledger; page.a; n_own++)
		page = SPA(((const struct ledger *)virt_ptr(page))->next);
	if (partition->pages.count + n_own != partition->n_lent)
		virt_panic("partition %llx: lent %llu pages, has %llu",
			   (unsigned long long)partition->handle,
			   (unsigned long long)partition->n_lent,
			   (unsigned long long)(partition->pages.count + n_own));
}

bool lend_return(struct partition_locked held, unsigned int *budget)
{
	struct partition *const partition = held.partition;
	struct ledger *ledger = virt_ptr(partition->ledger);

	if (partition->pages.count) {
		check_books(partition);
		partition->pages = (struct virt_pages) { 0 };
	}

	while (ledger) {
		while (ledger->n_runs) {
			const uint64_t last = ledger->n_runs - 1;
			uint64_t *left = &ledger->runs[last].n_pages;
			const uint64_t n = *left < *budget ? *left : *budget;

			if (!*budget)
				return false;
			*left -= n;
			*budget -= (unsigned int)n;
			lock_take(&hv.lock);
			give_back_tail(ledger->runs[last].base + (*left << PAGE_SHIFT), n);
			lock_drop(&hv.lock);
			if (!*left)
				ledger->n_runs--;
		}
		ledger = ledger->next ? virt_ptr(SPA(ledger->next)) : NULL;
	}
	return true;
}

static void give_back_own(spa_t page)
{
	memset(virt_ptr(page), 0, PAGE_SIZE);
	frames_unlend(page, 1);
	root_memory_show(page, 1);
}

void lend_return_own(struct partition_locked held)
{
	spa_t page = held.partition->ledger;

	while (page.a) {
		const struct ledger *ledger = virt_ptr(page);
		const spa_t next = SPA(ledger->next);

		give_back_own(page);
		page = next;
	}
	give_back_own(SPA((uintptr_t)held.partition - virt_direct_base));
}
