// SPDX-License-Identifier: MIT
/* WHvMapGpaRange, WHvUnmapGpaRange: long ranges are done in the pieces that the hypervisor makes of them. */
#include "root/lib/partition.h"
#include "root/lib/platform.h"

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
