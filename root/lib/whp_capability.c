// SPDX-License-Identifier: MIT
/* WHvGetCapability, and what Whit tells of itself. */
#include "root/lib/copy.h"
#include "root/lib/partition.h"
#include "root/lib/value.h"
#include "whit/whp_page.h"

HRESULT value_told(HRESULT hr, const struct hypercall_result *result, UINT32 *written)
{
	if (written && (SUCCEEDED(hr) || hr == WHV_E_INSUFFICIENT_BUFFER))
		*written = (UINT32)result->rdx;
	return hr;
}

/* The one capability that there is without a hypervisor: that there is none. */
static HRESULT tell_absence(VOID *buffer, UINT32 n_bytes, UINT32 *written)
{
	const BOOL is_present = FALSE;

	if (written)
		*written = sizeof(is_present);
	if (n_bytes < sizeof(is_present))
		return WHV_E_INSUFFICIENT_BUFFER;
	copy_bytes(buffer, &is_present, sizeof(is_present));
	return S_OK;
}

HRESULT WHVAPI WHvGetCapability(WHV_CAPABILITY_CODE CapabilityCode, VOID *CapabilityBuffer,
				UINT32 CapabilityBufferSizeInBytes, UINT32 *WrittenSizeInBytes)
{
	struct hypercall_result result;
	uint32_t status;

	if (!CapabilityBuffer)
		return E_POINTER;
	if (!call_has_whit()) {
		if (CapabilityCode != WHvCapabilityCodeHypervisorPresent)
			return ERROR_HV_NOT_PRESENT;
		return tell_absence(CapabilityBuffer, CapabilityBufferSizeInBytes,
				    WrittenSizeInBytes);
	}
	status = call_do_alone(WHIT_CALL_GET_CAPABILITY, (UINT32)CapabilityCode,
			       partition_buffer(CapabilityBuffer), CapabilityBufferSizeInBytes,
			       &result);
	return value_told(WHP_HRESULT(status), &result, WrittenSizeInBytes);
}

HRESULT WhitGetStats(struct whit_stats *Stats)
{
	struct hypercall_result result;

	if (!Stats)
		return E_POINTER;
	if (!call_has_whit())
		return ERROR_HV_NOT_PRESENT;
	return WHP_HRESULT(call_do_alone(WHIT_CALL_STATS, partition_buffer(Stats), sizeof(*Stats),
					 0, &result));
}

HRESULT WhitReadLog(UINT64 *Position, VOID *Buffer, UINT32 BufferSizeInBytes, UINT32 *Written)
{
	struct hypercall_result result;
	HRESULT hr;

	if (!Position || !Buffer || !Written)
		return E_POINTER;
	if (!call_has_whit())
		return ERROR_HV_NOT_PRESENT;
	*Written = 0;
	hr = WHP_HRESULT(call_do_alone(WHIT_CALL_READ_LOG, *Position, partition_buffer(Buffer),
				       BufferSizeInBytes, &result));
	if (SUCCEEDED(hr)) {
		*Written = (UINT32)result.rdx;
		*Position = result.r8;
	}
	return hr;
}
