// SPDX-License-Identifier: MIT
/* WHvTranslateGva. */
#include "root/lib/partition.h"
#include "root/lib/platform.h"

HRESULT WHVAPI WHvTranslateGva(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
			       WHV_GUEST_VIRTUAL_ADDRESS Gva,
			       WHV_TRANSLATE_GVA_FLAGS TranslateFlags,
			       WHV_TRANSLATE_GVA_RESULT *TranslationResult,
			       WHV_GUEST_PHYSICAL_ADDRESS *Gpa)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!TranslationResult || !Gpa)
		return E_POINTER;
	hr = partition_call(partition, WHIT_CALL_TRANSLATE_GVA, VpIndex, Gva,
			    (UINT32)TranslateFlags, 0, &result);
	if (FAILED(hr))
		return hr;
	TranslationResult->ResultCode = (WHV_TRANSLATE_GVA_RESULT_CODE)result.rdx;
	TranslationResult->Reserved = 0;
	*Gpa = result.r8;
	return S_OK;
}
