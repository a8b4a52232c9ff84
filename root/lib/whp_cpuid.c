// SPDX-License-Identifier: MIT
/* WHvGetVirtualProcessorCpuidOutput. */
#include "root/lib/partition.h"
#include "root/lib/platform.h"

HRESULT WHVAPI WHvGetVirtualProcessorCpuidOutput(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						 UINT32 Eax, UINT32 Ecx,
						 WHV_CPUID_OUTPUT *CpuidOutput)
{
	struct whp_partition *partition = partition_of(Partition);
	union {
		uint64_t words[sizeof(WHV_CPUID_OUTPUT) / sizeof(uint64_t)]; /* for the alignment */
		WHV_CPUID_OUTPUT output;
	} value = { .words = { 0 } };
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!CpuidOutput)
		return E_POINTER;
	hr = partition_call(partition, WHIT_CALL_CPUID_OUTPUT, VpIndex, Eax, Ecx,
			    platform_physical(&value), &result);
	if (SUCCEEDED(hr))
		*CpuidOutput = value.output;
	return hr;
}
