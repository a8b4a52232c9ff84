// SPDX-License-Identifier: MIT
/*
 * Mappings: WHvMapGpaRange and its kin, WhitProtectGpaRange, WhitMapGpaList.
 */
#include "root/lib/partition.h"
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

	if (!partition)
		return E_INVALIDARG;
	if (!SourceAddress)
		return E_POINTER;
	return partition_call(partition, WHIT_CALL_MAP_GPA_RANGE, partition_buffer(SourceAddress),
			      GuestAddress, SizeInBytes, (UINT32)Flags, &result);
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

	if (!partition)
		return E_INVALIDARG;
	return partition_call(partition, WHIT_CALL_UNMAP_GPA_RANGE, GuestAddress, SizeInBytes, 0, 0,
			      &result);
}

HRESULT WhitProtectGpaRange(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
			    UINT64 SizeInBytes, WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;

	if (!partition)
		return E_INVALIDARG;
	return partition_call(partition, WHIT_CALL_PROTECT_GPA_RANGE, GuestAddress, SizeInBytes,
			      (UINT32)Flags, 0, &result);
}

_Static_assert(sizeof(WHIT_MEMORY_EXTENT) == sizeof(struct call_extent) &&
		       offsetof(WHIT_MEMORY_EXTENT, SizeInBytes) ==
			       offsetof(struct call_extent, n_bytes),
	       "the client's list is the engine's");

HRESULT WhitMapGpaList(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
		       const WHIT_MEMORY_EXTENT *Extents, UINT32 ExtentCount,
		       WHV_MAP_GPA_RANGE_FLAGS Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;

	if (!partition || !ExtentCount)
		return E_INVALIDARG;
	if (!Extents)
		return E_POINTER;
	for (UINT32 i = 0; i < ExtentCount; i++)
		if (!Extents[i].SizeInBytes || Extents[i].SizeInBytes % PAGE_BYTES)
			return E_INVALIDARG;
	return partition_call(partition, WHIT_CALL_MAP_GPA_LIST, GuestAddress,
			      partition_buffer(Extents), ExtentCount, (UINT32)Flags, &result);
}
