// SPDX-License-Identifier: MIT
/* WHvRequestInterrupt and WHvGetInterruptTargetVpSet: messages to the local APICs of a partition. */
#include "root/lib/copy.h"
#include "root/lib/partition.h"

HRESULT WHVAPI WHvRequestInterrupt(WHV_PARTITION_HANDLE Partition,
				   const WHV_INTERRUPT_CONTROL *Interrupt,
				   UINT32 InterruptControlSize)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	uint64_t words[2];

	if (!partition)
		return E_INVALIDARG;
	if (!Interrupt)
		return E_POINTER;
	if (InterruptControlSize < sizeof(*Interrupt))
		return E_INVALIDARG;
	copy_bytes(words, Interrupt, sizeof(words));
	return partition_call(partition, WHIT_CALL_REQUEST_INTERRUPT, words[0], words[1], 0, 0,
			      &result);
}

HRESULT WHVAPI WHvGetInterruptTargetVpSet(WHV_PARTITION_HANDLE Partition, UINT64 Destination,
					  WHV_INTERRUPT_DESTINATION_MODE DestinationMode,
					  UINT32 *TargetVps, UINT32 VpCount, UINT32 *TargetVpCount)
{
	struct whp_partition *partition = partition_of(Partition);
	uint64_t bits[WHIT_MAX_VPS / 64] = { 0 };
	struct hypercall_result result;
	UINT32 n_vps = 0, n = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!TargetVps || !TargetVpCount)
		return E_POINTER;
	hr = WHvGetPartitionProperty(Partition, WHvPartitionPropertyCodeProcessorCount, &n_vps,
				     sizeof(n_vps), NULL);
	if (FAILED(hr))
		return hr;
	if (VpCount < n_vps)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_INTERRUPT_TARGETS, Destination,
			    (UINT32)DestinationMode, partition_buffer(bits), 0, &result);
	if (FAILED(hr))
		return hr;
	for (UINT32 i = 0; i < n_vps; i++)
		if (bits[i / 64] >> i % 64 & 1)
			TargetVps[n++] = i;
	*TargetVpCount = n;
	return S_OK;
}
