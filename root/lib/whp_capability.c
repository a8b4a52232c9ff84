// SPDX-License-Identifier: MIT
/*
 * WHvGetCapability, and what Whit tells of itself. The value comes into a buffer of our own, which is as
 * large as any value, so that the client's size is judged in one place.
 */
#include "root/lib/bounce.h"
#include "root/lib/partition.h"
#include "root/lib/platform.h"
#include "root/lib/value.h"
#include "whit/whp_page.h"

HRESULT value_deliver(const union value_buffer *value, uint64_t n_bytes, VOID *buffer,
		      UINT32 buffer_bytes, UINT32 *written)
{
	if (written)
		*written = (UINT32)n_bytes;
	if (buffer_bytes < n_bytes)
		return WHV_E_INSUFFICIENT_BUFFER;
	bounce_copy(buffer, value, n_bytes);
	return S_OK;
}

HRESULT WHVAPI WHvGetCapability(WHV_CAPABILITY_CODE CapabilityCode, VOID *CapabilityBuffer,
				UINT32 CapabilityBufferSizeInBytes, UINT32 *WrittenSizeInBytes)
{
	struct hypercall_result result;
	union value_buffer value = { .words = { 0 } };
	uint32_t status;

	if (!CapabilityBuffer)
		return E_POINTER;
	if (!platform_has_whit()) {
		if (CapabilityCode != WHvCapabilityCodeHypervisorPresent)
			return ERROR_HV_NOT_PRESENT;
		value.words[0] = 0;
		return value_deliver(&value, sizeof(BOOL), CapabilityBuffer,
				     CapabilityBufferSizeInBytes, WrittenSizeInBytes);
	}
	status = hypercall5(WHIT_CALL_GET_CAPABILITY, (UINT32)CapabilityCode,
			    platform_physical(&value), sizeof(value), 0, 0, &result);
	if (status)
		return WHP_HRESULT(status);
	return value_deliver(&value, result.rdx, CapabilityBuffer, CapabilityBufferSizeInBytes,
			     WrittenSizeInBytes);
}

HRESULT WhitGetStats(struct whit_stats *Stats)
{
	struct hypercall_result result;

	if (!Stats)
		return E_POINTER;
	if (!platform_has_whit())
		return ERROR_HV_NOT_PRESENT;
	return WHP_HRESULT(hypercall5(WHIT_CALL_STATS, platform_physical(Stats), sizeof(*Stats), 0,
				      0, 0, &result));
}

HRESULT WhitReadLog(UINT64 *Position, VOID *Buffer, UINT32 BufferSizeInBytes, UINT32 *Written)
{
	struct hypercall_result result;
	uint64_t bounce[32];
	uint32_t status;

	if (!Position || !Buffer || !Written)
		return E_POINTER;
	if (!platform_has_whit())
		return ERROR_HV_NOT_PRESENT;
	*Written = 0;
	while (*Written < BufferSizeInBytes && *Written < 4096) {
		UINT32 n = BufferSizeInBytes - *Written;

		status = hypercall5(WHIT_CALL_READ_LOG, *Position, platform_physical(bounce),
				    n < sizeof(bounce) ? n : sizeof(bounce), 0, 0, &result);
		if (status)
			return WHP_HRESULT(status);
		if (!result.rdx || result.rdx > sizeof(bounce))
			break;
		bounce_copy((uint8_t *)Buffer + *Written, bounce, result.rdx);
		*Written += (UINT32)result.rdx;
		*Position = result.r8;
	}
	return S_OK;
}
