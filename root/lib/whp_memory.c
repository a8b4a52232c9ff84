// SPDX-License-Identifier: MIT
/*
 * Mappings: WHvMapGpaRange and its kin, WhitProtectGpaRange, WhitMapGpaList. Long ranges are done in the
 * pieces that the hypervisor makes of them.
 */
#include "root/lib/partition.h"
#include "root/lib/platform.h"
#include "whit/whp_extension.h"

/* What GetCurrentProcess() returns on Windows. */
#define CURRENT_PROCESS ((HANDLE)(intptr_t)-1)

#define PAGE_BYTES 4096u

HRESULT WHVAPI WHvMapGpaRange(WHV_PARTITION_HANDLE Partition, VOID *SourceAddress,
			      WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes,
			      WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	UINT64 done = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!SourceAddress)
		return E_POINTER;
	do {
		hr = partition_call(partition, WHIT_CALL_MAP_GPA_RANGE,
				    platform_physical(SourceAddress) + done, GuestAddress + done,
				    SizeInBytes - done, (UINT32)Flags, &result);
		done += result.rdx;
	} while (hr == WHP_HRESULT(WHIT_S_MORE));
	return hr;
}

HRESULT WHVAPI WHvMapGpaRange2(WHV_PARTITION_HANDLE Partition, HANDLE Process, VOID *SourceAddress,
			       WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes,
			       WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	if (Process && Process != CURRENT_PROCESS)
		return E_INVALIDARG;
	return WHvMapGpaRange(Partition, SourceAddress, GuestAddress, SizeInBytes, Flags);
}

HRESULT WHVAPI WHvUnmapGpaRange(WHV_PARTITION_HANDLE Partition,
				WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	UINT64 done = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	do {
		hr = partition_call(partition, WHIT_CALL_UNMAP_GPA_RANGE, GuestAddress + done,
				    SizeInBytes - done, 0, 0, &result);
		done += result.rdx;
	} while (hr == WHP_HRESULT(WHIT_S_MORE));
	return hr;
}

HRESULT WhitProtectGpaRange(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
			    UINT64 SizeInBytes, WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	UINT64 done = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	do {
		hr = partition_call(partition, WHIT_CALL_PROTECT_GPA_RANGE, GuestAddress + done,
				    SizeInBytes - done, (UINT32)Flags, 0, &result);
		done += result.rdx;
	} while (hr == WHP_HRESULT(WHIT_S_MORE));
	return hr;
}

/* The next extents for the hypervisor, from `skip` bytes into the first on; how many. There is one. */
static unsigned int gather(struct whit_extent to[WHIT_MAX_EXTENTS], const WHIT_MEMORY_EXTENT *from,
			   UINT32 n, UINT64 skip)
{
	if (n > WHIT_MAX_EXTENTS)
		n = WHIT_MAX_EXTENTS;
	for (UINT32 i = 0; !i || i < n; i++) {
		to[i].source = platform_physical(from[i].SourceAddress) + skip;
		to[i].n_pages = (from[i].SizeInBytes - skip) / PAGE_BYTES;
		skip = 0;
	}
	return n;
}

HRESULT WhitMapGpaList(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
		       const WHIT_MEMORY_EXTENT *Extents, UINT32 ExtentCount,
		       WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct whit_extent extents[WHIT_MAX_EXTENTS];
	struct hypercall_result result;
	UINT64 skip = 0;
	HRESULT hr;

	if (!partition || !ExtentCount)
		return E_INVALIDARG;
	if (!Extents)
		return E_POINTER;
	for (UINT32 i = 0; i < ExtentCount; i++)
		if (!Extents[i].SizeInBytes || Extents[i].SizeInBytes % PAGE_BYTES)
			return E_INVALIDARG;
	do {
		const unsigned int n = gather(extents, Extents, ExtentCount, skip);

		hr = partition_call(partition, WHIT_CALL_MAP_GPA_LIST, GuestAddress,
				    platform_physical(extents), n, (UINT32)Flags, &result);
		if (hr != S_OK && hr != WHP_HRESULT(WHIT_S_MORE))
			return hr;
		GuestAddress += result.rdx;
		skip += result.rdx;
		while (ExtentCount && skip >= Extents->SizeInBytes) {
			skip -= Extents->SizeInBytes;
			Extents++;
			ExtentCount--;
		}
	} while (ExtentCount);
	return S_OK;
}
