// SPDX-License-Identifier: MIT
/* WHvCreatePartition, WHvSetupPartition, WHvDeletePartition. */
#include "root/lib/partition.h"

HRESULT WHVAPI WHvCreatePartition(WHV_PARTITION_HANDLE *Partition)
{
	struct whp_partition *partition;
	uint32_t status;

	if (!Partition)
		return E_POINTER;
	if (!call_has_whit())
		return ERROR_HV_NOT_PRESENT;
	partition = call_memory(sizeof(*partition));
	if (!partition)
		return E_OUTOFMEMORY;
	partition->exit_bytes = EXIT_BYTES_FIRST_SDK;
	status = call_create(&partition->call);
	if (status) {
		call_free(partition, sizeof(*partition));
		return WHP_HRESULT(status);
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
	uint32_t status;

	if (!partition)
		return E_INVALIDARG;
	status = call_delete(&partition->call);
	if (status)
		return WHP_HRESULT(status);
	partition->magic = 0;
	call_free(partition, sizeof(*partition));
	return S_OK;
}
