// SPDX-License-Identifier: MIT
/* WHvGetPartitionCounters, WHvGetVirtualProcessorCounters. */
#include "root/lib/partition.h"
#include "root/lib/value.h"

HRESULT WHVAPI WHvGetPartitionCounters(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_COUNTER_SET CounterSet, VOID *Buffer,
				       UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_PARTITION_COUNTERS, (UINT32)CounterSet,
			    partition_buffer(Buffer), BufferSizeInBytes, 0, &result);
	return value_told(hr, &result, BytesWritten);
}

HRESULT WHVAPI WHvGetVirtualProcessorCounters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					      WHV_PROCESSOR_COUNTER_SET CounterSet, VOID *Buffer,
					      UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_VP_COUNTERS, VpIndex, (UINT32)CounterSet,
			    partition_buffer(Buffer), BufferSizeInBytes, &result);
	return value_told(hr, &result, BytesWritten);
}
