// SPDX-License-Identifier: MIT
/*
 * WHvCreatePartition, WHvSetupPartition, WHvDeletePartition, and the lending of memory behind them and
 * every other call.
 */
#include "root/lib/partition.h"

#include "root/lib/platform.h"

/* A first loan that carries a small partition with one VP through its life. */
#define FIRST_PAGES 16u

#define PAGE_BYTES 4096u

/*
 * Lend n pages, of which the first n_done are lent already: a part with each call. True if any are: they are the partition's
 * until it is deleted, and the whole allocation with them.
 */
static bool lend_pages(uint64_t handle, void *pages, size_t n_done, size_t n)
{
	struct hypercall_result result = { 0, 0 };
	uint32_t status = WHIT_S_MORE;

	while (n_done < n && status == WHIT_S_MORE) {
		status = hypercall5(WHIT_CALL_LEND, handle,
				    platform_physical(pages) + n_done * PAGE_BYTES, n - n_done, 0,
				    0, &result);
		if (status != WHIT_S_MORE)
			return n_done || !status;
		n_done += result.rdx;
		platform_take_interrupts();
	}
	return true;
}

/* Lend `needed` pages or more. Loans double, so that a large partition takes few of them. */
static bool lend(struct whp_partition *partition, uint64_t needed)
{
	size_t n = FIRST_PAGES;
	void *pages;

	if (partition->n_runs == PARTITION_MAX_RUNS)
		return false;
	for (uint32_t i = 0; i < partition->n_runs && n < WHIT_MAX_LEND; i++)
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
	if (!lend_pages(partition->handle, pages, 0, n)) {
		platform_free(pages, n);
		return false;
	}
	partition->runs[partition->n_runs].pages = pages;
	partition->runs[partition->n_runs++].n = n;
	return true;
}

HRESULT partition_call(struct whp_partition *partition, uint64_t code, uint64_t rdx, uint64_t r8,
		       uint64_t r9, uint64_t r10, struct hypercall_result *result)
{
	for (;;) {
		uint32_t status = hypercall5(code, partition->handle, rdx, r8, r9, r10, result);

		if (status == WHIT_S_AGAIN) {
			platform_take_interrupts();
			continue;
		}
		if (status != WHIT_E_INSUFFICIENT_MEMORY)
			return WHP_HRESULT(status);
		if (!lend(partition, result->rdx))
			return E_OUTOFMEMORY;
	}
}

/* Create with n pages lent at once. Returns the hypervisor's status; *needed if that was too few. */
static uint32_t create(struct whp_partition *partition, size_t n, uint64_t *needed)
{
	struct hypercall_result result;
	void *pages = platform_pages(n);
	uint32_t status;

	if (!pages)
		return (uint32_t)E_OUTOFMEMORY;
	status = hypercall5(WHIT_CALL_CREATE_PARTITION, platform_physical(pages), n, 0, 0, 0,
			    &result);
	if (status == WHIT_S_MORE)
		(void)lend_pages(result.rdx, pages, result.r8, n);
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

HRESULT WHVAPI WHvCreatePartition(WHV_PARTITION_HANDLE *Partition)
{
	struct whp_partition *partition;
	uint64_t needed = 0;
	uint32_t status;

	if (!Partition)
		return E_POINTER;
	if (!platform_has_whit())
		return ERROR_HV_NOT_PRESENT;
	partition = platform_pages(1);
	if (!partition)
		return E_OUTOFMEMORY;
	platform_clear(partition, sizeof(*partition));
	partition->exit_bytes = EXIT_BYTES_FIRST_SDK;

	status = create(partition, FIRST_PAGES, &needed);
	if (status == WHIT_E_INSUFFICIENT_MEMORY && needed > FIRST_PAGES && needed <= WHIT_MAX_LEND)
		status = create(partition, needed, &needed);
	if (status) {
		platform_free(partition, 1);
		return status == WHIT_E_INSUFFICIENT_MEMORY ? E_OUTOFMEMORY : WHP_HRESULT(status);
	}
	partition->magic = PARTITION_MAGIC ^ (uintptr_t)partition;
	*Partition = partition;
	return S_OK;
}

HRESULT WHVAPI WHvSetupPartition(WHV_PARTITION_HANDLE Partition)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;

	if (!partition)
		return E_INVALIDARG;
	return partition_call(partition, WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, &result);
}

HRESULT WHVAPI WHvDeletePartition(WHV_PARTITION_HANDLE Partition)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_DELETE_PARTITION, 0, 0, 0, 0, &result);
	if (FAILED(hr))
		return hr;
	partition->magic = 0;
	for (size_t i = 0; i < WHIT_MAX_VPS; i++)
		if (partition->vps[i])
			platform_free(partition->vps[i], 1);
	for (uint32_t i = 0; i < partition->n_runs; i++)
		platform_free(partition->runs[i].pages, partition->runs[i].n);
	platform_free(partition, 1);
	return S_OK;
}
