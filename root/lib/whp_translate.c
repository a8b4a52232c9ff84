// SPDX-License-Identifier: MIT
/* WHvTranslateGva, and lists of it. */
#include "root/lib/copy.h"
#include "root/lib/partition.h"
#include "whit/whp_extension.h"

HRESULT WHVAPI WHvTranslateGva(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
			       WHV_GUEST_VIRTUAL_ADDRESS Gva,
			       WHV_TRANSLATE_GVA_FLAGS TranslateFlags,
			       WHV_TRANSLATE_GVA_RESULT *TranslationResult,
			       WHV_GUEST_PHYSICAL_ADDRESS *Gpa)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	uint32_t status;

	if (!partition)
		return E_INVALIDARG;
	if (!TranslationResult || !Gpa)
		return E_POINTER;
	status = call_short(&partition->call, WHIT_CALL_TRANSLATE_GVA, VpIndex, Gva,
			    (UINT32)TranslateFlags, &result);
	if (status)
		return WHP_HRESULT(status);
	TranslationResult->ResultCode = (WHV_TRANSLATE_GVA_RESULT_CODE)result.rdx;
	TranslationResult->Reserved = 0;
	*Gpa = result.r8;
	return S_OK;
}

HRESULT WhitTranslateGvas(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex, UINT32 Flags,
			  struct whit_translation *Records, UINT32 Count)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	UINT64 gva;

	if (!partition)
		return E_INVALIDARG;
	if (!Records)
		return E_POINTER;
	/* A run goes on in each hypercall from the first record that it sees. */
	if (Flags & WHIT_TRANSLATE_RUN && Count) {
		copy_bytes(&gva, Records, sizeof(gva));
		for (UINT32 i = 0; Count - i > WHIT_MAX_TRANSLATIONS;) {
			i += WHIT_MAX_TRANSLATIONS;
			gva += WHIT_MAX_TRANSLATIONS * 4096ull;
			copy_bytes(&Records[i], &gva, sizeof(gva));
		}
	}
	return partition_call(partition, WHIT_CALL_TRANSLATE_GVAS, VpIndex,
			      partition_buffer(Records), Count, Flags, &result);
}
