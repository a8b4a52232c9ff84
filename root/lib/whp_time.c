// SPDX-License-Identifier: MIT
/* A partition's time and its reset: WHvSuspendPartitionTime, WHvResumePartitionTime, WHvResetPartition. */
#include "root/lib/partition.h"
#include "root/lib/platform.h"
#include "whit/whp_extension.h"

/* WHP's word for a partition that is not set up. */
static HRESULT call(WHV_PARTITION_HANDLE handle, uint64_t code, uint64_t value,
		    struct hypercall_result *result)
{
	struct whp_partition *partition = partition_of(handle);
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, code, value, 0, 0, 0, result);
	return hr == WHP_HRESULT(WHIT_E_INVALID_STATE) ? HRESULT_FROM_WIN32(ERROR_INVALID_STATE)
						       : hr;
}

/* VP by VP; some with each call. */
HRESULT WHVAPI WHvResetPartition(WHV_PARTITION_HANDLE Partition)
{
	struct hypercall_result result = { 0, 0 };
	HRESULT hr;

	while ((hr = call(Partition, WHIT_CALL_RESET_PARTITION, result.rdx, &result)) ==
	       WHP_HRESULT(WHIT_S_MORE))
		platform_take_interrupts();
	return hr;
}

HRESULT WHVAPI WHvSuspendPartitionTime(WHV_PARTITION_HANDLE Partition)
{
	struct hypercall_result result;

	return call(Partition, WHIT_CALL_SUSPEND_TIME, 0, &result);
}

HRESULT WHVAPI WHvResumePartitionTime(WHV_PARTITION_HANDLE Partition)
{
	struct hypercall_result result;

	return call(Partition, WHIT_CALL_RESUME_TIME, 0, &result);
}

HRESULT WhitSetPartitionTsc(WHV_PARTITION_HANDLE Partition, UINT64 Tsc)
{
	struct hypercall_result result;

	return call(Partition, WHIT_CALL_SET_TSC, Tsc, &result);
}
