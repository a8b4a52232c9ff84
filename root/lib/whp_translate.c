// SPDX-License-Identifier: MIT
/* WHvTranslateGva, and lists of it in pieces that the hypervisor takes. */
#include "root/lib/bounce.h"
#include "root/lib/partition.h"
#include "root/lib/platform.h"
#include "whit/whp_extension.h"

/* A list that is not aligned is copied in pieces of this many. */
#define N_BOUNCE 32u

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
	/* It asks for no memory and is never cut: partition_call() has nothing to add. */
	status = hypercall5(WHIT_CALL_TRANSLATE_GVA, partition->handle, VpIndex, Gva,
			    (UINT32)TranslateFlags, 0, &result);
	if (status)
		return WHP_HRESULT(status);
	TranslationResult->ResultCode = (WHV_TRANSLATE_GVA_RESULT_CODE)result.rdx;
	TranslationResult->Reserved = 0;
	*Gpa = result.r8;
	return S_OK;
}

/* One hypercall for n records. */
static HRESULT translate(struct whp_partition *partition, UINT32 vp, UINT32 flags,
			 struct whit_translation *records, UINT32 n)
{
	struct whit_translation bounce[N_BOUNCE];
	const bool is_aligned = !((uintptr_t)records & 7);
	struct hypercall_result result;
	HRESULT hr;

	if (!is_aligned)
		bounce_copy(bounce, records, n * sizeof(*records));
	hr = WHP_HRESULT(hypercall5(WHIT_CALL_TRANSLATE_GVAS, partition->handle, vp,
				    platform_physical(is_aligned ? records : bounce), n, flags,
				    &result));
	if (!is_aligned && SUCCEEDED(hr))
		bounce_copy(records, bounce, n * sizeof(*records));
	return hr;
}

HRESULT WhitTranslateGvas(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex, UINT32 Flags,
			  struct whit_translation *Records, UINT32 Count)
{
	struct whp_partition *partition = partition_of(Partition);
	const UINT32 most = (uintptr_t)Records & 7 ? N_BOUNCE : WHIT_MAX_TRANSLATIONS;
	UINT64 gva;
	HRESULT hr = S_OK;

	if (!partition)
		return E_INVALIDARG;
	if (!Records)
		return E_POINTER;
	bounce_copy(&gva, Records, sizeof(gva));
	for (UINT32 done = 0, n; done < Count && SUCCEEDED(hr); done += n) {
		const UINT64 next = gva + (UINT64)done * 4096;

		n = Count - done < most ? Count - done : most;
		if (Flags & WHIT_TRANSLATE_RUN)
			bounce_copy(&Records[done], &next, sizeof(next));
		hr = translate(partition, VpIndex, Flags, Records + done, n);
	}
	return hr;
}
