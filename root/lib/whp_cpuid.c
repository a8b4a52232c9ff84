// SPDX-License-Identifier: MIT
/* WHvGetVirtualProcessorCpuidOutput. */
#include "root/lib/partition.h"

HRESULT WHVAPI WHvGetVirtualProcessorCpuidOutput(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						 UINT32 Eax, UINT32 Ecx,
						 WHV_CPUID_OUTPUT *CpuidOutput)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;

	if (!partition)
		return E_INVALIDARG;
	if (!CpuidOutput)
		return E_POINTER;
	return partition_call(partition, WHIT_CALL_CPUID_OUTPUT, VpIndex, Eax, Ecx,
			      partition_buffer(CpuidOutput), &result);
}
