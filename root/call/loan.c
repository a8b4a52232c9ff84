// SPDX-License-Identifier: MIT
/*
 * Memory that a partition has been lent. What the hypervisor has taken, if only in part, is the partition's until it is
 * deleted, and the whole allocation stays with it: pages never come back one by one.
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

/* Loans double, so that a large partition takes few of them. */
bool loan_make(struct call_partition *partition, uint64_t needed)
{
	size_t n = LOAN_FIRST_PAGES;
	uint32_t i;
	void *pages;

	if (partition->n_runs == CALL_MAX_RUNS)
		return false;
	for (i = 0; i < partition->n_runs && n < WHIT_MAX_LEND; i++)
		if (partition->runs[i].n >= n)
			n = partition->runs[i].n * 2;
	if (n < needed)
		n = needed;
	if (n > WHIT_MAX_LEND)
		n = WHIT_MAX_LEND;
	pages = platform_pages(n);
	if (!pages && n > needed && needed) {
		n = needed;
		pages = platform_pages(n);
	}
	if (!pages)
		return false;
	if (!lend(partition->handle, pages, 0, n)) {
		platform_free(pages, n);
		return false;
	}
	partition->runs[partition->n_runs].pages = pages;
	partition->runs[partition->n_runs++].n = n;
	return true;
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
	partition->runs[0].pages = pages;
	partition->runs[0].n = n;
	partition->n_runs = 1;
	return 0;
}

void loan_free(struct call_partition *partition)
{
	uint32_t i;

	for (i = 0; i < partition->n_runs; i++)
		platform_free(partition->runs[i].pages, partition->runs[i].n);
	partition->n_runs = 0;
}
