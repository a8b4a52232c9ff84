// SPDX-License-Identifier: MIT
/*
 * Memory that a partition has been lent. What the hypervisor has taken, if only in part, is the partition's until it is
 * deleted, and the whole allocation stays with it: pages never come back one by one.
 *
 * Two calls that are short of memory at once, on two processors, each make a loan: what one of them does not need
 * is there for the next. A loan claims its slot first, for what has been lent must not be forgotten.
 */
#include "root/call/engine.h"

/*
 * Lend n pages, of which the first n_done are lent already: a part with each call. True if any are: they are the partition's
 * until it is deleted, and the whole allocation with them.
 */
static bool lend(uint64_t handle, void *pages, size_t n_done, size_t n)
{
	struct hypercall_result result = { 0, 0 };
	uint32_t status = WHIT_S_MORE;

	while (n_done < n && status == WHIT_S_MORE) {
		status = hypercall5(WHIT_CALL_LEND, handle,
				    platform_physical(pages) + n_done * PAGE_BYTES, n - n_done, 0,
				    0, &result);
		if (status == WHIT_S_AGAIN)
			status = WHIT_S_MORE;
		else if (status != WHIT_S_MORE)
			return n_done || !status;
		else
			n_done += result.rdx;
		(void)platform_take_interrupts();
	}
	return true;
}

static inline size_t length_of(const struct call_partition *partition, uint32_t i)
{
	return __atomic_load_n(&partition->runs[i].n, __ATOMIC_RELAXED);
}

static void fill(struct call_partition *partition, uint32_t i, void *pages, size_t n)
{
	__atomic_store_n(&partition->runs[i].n, n, __ATOMIC_RELAXED);
	__atomic_store_n(&partition->runs[i].pages, pages, __ATOMIC_RELEASE);
}

/* A slot that nobody else fills: it holds the partition's own address. CALL_MAX_RUNS: there is none left. */
static uint32_t claim(struct call_partition *partition)
{
	uint32_t i;

	for (i = 0; i < CALL_MAX_RUNS; i++) {
		void *there = NULL;

		if (__atomic_compare_exchange_n(&partition->runs[i].pages, &there, partition, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			break;
	}
	return i;
}

/* Loans double, so that a large partition takes few of them. */
static size_t length_of_next(const struct call_partition *partition, uint64_t needed)
{
	size_t n = LOAN_FIRST_PAGES;
	uint32_t i;

	for (i = 0; i < CALL_MAX_RUNS && n < WHIT_MAX_LEND; i++)
		if (length_of(partition, i) >= n)
			n = length_of(partition, i) * 2;
	if (n < needed)
		n = needed;
	return n < WHIT_MAX_LEND ? n : WHIT_MAX_LEND;
}

bool loan_make(struct call_partition *partition, uint64_t needed)
{
	const uint32_t slot = claim(partition);
	size_t n = length_of_next(partition, needed);
	void *pages;

	if (slot == CALL_MAX_RUNS)
		return false;
	pages = platform_pages(n);
	if (!pages && n > needed && needed) {
		n = needed;
		pages = platform_pages(n);
	}
	if (pages && !lend(partition->handle, pages, 0, n)) {
		platform_free(pages, n);
		pages = NULL;
	}
	fill(partition, slot, pages, pages ? n : 0);
	return pages;
}

uint32_t loan_create(struct call_partition *partition, size_t n, uint64_t *needed)
{
	struct hypercall_result result;
	void *pages = platform_pages(n);
	uint32_t status;

	if (!pages)
		return CALL_E_NO_MEMORY;
	do
		status = hypercall5(WHIT_CALL_CREATE_PARTITION, platform_physical(pages), n, 0, 0,
				    0, &result);
	while (status == WHIT_S_AGAIN && (platform_take_interrupts(), true));
	if (status == WHIT_S_MORE)
		(void)lend(result.rdx, pages, result.r8, n);
	else if (status) {
		platform_free(pages, n);
		*needed = result.rdx;
		return status;
	}
	partition->handle = result.rdx;
	fill(partition, 0, pages, n);
	return 0;
}

void loan_free(struct call_partition *partition)
{
	uint32_t i;

	for (i = 0; i < CALL_MAX_RUNS; i++) {
		if (partition->runs[i].pages)
			platform_free(partition->runs[i].pages, partition->runs[i].n);
		fill(partition, i, NULL, 0);
	}
}
