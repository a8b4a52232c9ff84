// SPDX-License-Identifier: MIT
/* A partition's time and its reset: WHvSuspendPartitionTime, WHvResumePartitionTime, WHvResetPartition. */
#include "root/lib/partition.h"
#include "whit/whp_extension.h"

/* WHP's word for a partition that is not set up. */
static HRESULT call(WHV_PARTITION_HANDLE handle, uint64_t code, uint64_t value)
{
	struct whp_partition *partition = partition_of(handle);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, code, value, 0, 0, 0, &result);
	return hr == WHP_HRESULT(WHIT_E_INVALID_STATE) ? HRESULT_FROM_WIN32(ERROR_INVALID_STATE)
						       : hr;
}

HRESULT WHVAPI WHvResetPartition(WHV_PARTITION_HANDLE Partition)
{
	return call(Partition, WHIT_CALL_RESET_PARTITION, 0);
}

HRESULT WHVAPI WHvSuspendPartitionTime(WHV_PARTITION_HANDLE Partition)
{
	return call(Partition, WHIT_CALL_SUSPEND_TIME, 0);
}

HRESULT WHVAPI WHvResumePartitionTime(WHV_PARTITION_HANDLE Partition)
{
	return call(Partition, WHIT_CALL_RESUME_TIME, 0);
}

HRESULT WhitSetPartitionTsc(WHV_PARTITION_HANDLE Partition, UINT64 Tsc)
{
	return call(Partition, WHIT_CALL_SET_TSC, Tsc);
}
