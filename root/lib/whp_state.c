// SPDX-License-Identifier: MIT
/*
 * State of a VP in one piece: WHvGetVirtualProcessorState and WHvSetVirtualProcessorState, and the older functions for
 * two of its types. A buffer that a hypercall can take as it is goes there; any other, by way of contiguous pages.
 */
#include "root/lib/bounce.h"
#include "root/lib/partition.h"
#include "root/lib/platform.h"

#define PAGE 4096u

/* More than any state takes: what a client gives beyond is left alone. */
#define MAX_STATE 65536u

/* The client's buffer, or pages in its place. */
struct buffer {
	void *at;
	size_t n_pages; /* 0: it is the client's */
	UINT32 n_bytes;
};

static HRESULT buffer_open(struct buffer *buffer, void *client, UINT32 n_bytes)
{
	const uintptr_t at = (uintptr_t)client;

	buffer->n_bytes = n_bytes < MAX_STATE ? n_bytes : MAX_STATE;
	buffer->n_pages = 0;
	buffer->at = client;
	if (!buffer->n_bytes || (!(at & 7) && at % PAGE + buffer->n_bytes <= PAGE))
		return S_OK;
	buffer->n_pages = (buffer->n_bytes + PAGE - 1) / PAGE;
	buffer->at = platform_pages(buffer->n_pages);
	return buffer->at ? S_OK : E_OUTOFMEMORY;
}

static void buffer_close(struct buffer *buffer)
{
	if (buffer->n_pages)
		platform_free(buffer->at, buffer->n_pages);
}

/* The partition, if the parameters of one of these functions name a VP. A NULL buffer asks for the size. */
static HRESULT check(WHV_PARTITION_HANDLE handle, UINT32 vp, const void *buffer, UINT32 n_bytes,
		     struct whp_partition **partition)
{
	*partition = partition_of(handle);
	if (!*partition)
		return E_INVALIDARG;
	if (!partition_vp(*partition, vp))
		return WHV_E_VP_DOES_NOT_EXIST;
	return !buffer && n_bytes ? E_POINTER : S_OK;
}

static HRESULT get(WHV_PARTITION_HANDLE handle, UINT32 vp, UINT32 type, VOID *client,
		   UINT32 n_bytes, UINT32 *written)
{
	struct hypercall_result result = { 0, 0 };
	struct whp_partition *partition;
	struct buffer buffer;
	HRESULT hr = check(handle, vp, client, n_bytes, &partition);

	if (SUCCEEDED(hr))
		hr = buffer_open(&buffer, client, n_bytes);
	if (FAILED(hr))
		return hr;
	hr = partition_call(partition, WHIT_CALL_GET_VP_STATE, vp, type,
			    buffer.n_bytes ? platform_physical(buffer.at) : 0, buffer.n_bytes,
			    &result);
	if (written && (SUCCEEDED(hr) || hr == WHV_E_INSUFFICIENT_BUFFER))
		*written = (UINT32)result.rdx;
	if (SUCCEEDED(hr) && buffer.n_pages)
		bounce_copy(client, buffer.at, result.rdx);
	buffer_close(&buffer);
	return hr;
}

static HRESULT set(WHV_PARTITION_HANDLE handle, UINT32 vp, UINT32 type, const VOID *client,
		   UINT32 n_bytes)
{
	struct hypercall_result result;
	struct whp_partition *partition;
	struct buffer buffer;
	HRESULT hr = check(handle, vp, client, n_bytes, &partition);

	if (SUCCEEDED(hr))
		hr = buffer_open(&buffer, (void *)(uintptr_t)client, n_bytes);
	if (FAILED(hr))
		return hr;
	if (buffer.n_pages)
		bounce_copy(buffer.at, client, buffer.n_bytes);
	hr = partition_call(partition, WHIT_CALL_SET_VP_STATE, vp, type,
			    buffer.n_bytes ? platform_physical(buffer.at) : 0, buffer.n_bytes,
			    &result);
	buffer_close(&buffer);
	return hr;
}

HRESULT WHVAPI WHvGetVirtualProcessorState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					   WHV_VIRTUAL_PROCESSOR_STATE_TYPE StateType, VOID *Buffer,
					   UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	return get(Partition, VpIndex, (UINT32)StateType, Buffer, BufferSizeInBytes, BytesWritten);
}

HRESULT WHVAPI WHvSetVirtualProcessorState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					   WHV_VIRTUAL_PROCESSOR_STATE_TYPE StateType,
					   const VOID *Buffer, UINT32 BufferSizeInBytes)
{
	return set(Partition, VpIndex, (UINT32)StateType, Buffer, BufferSizeInBytes);
}

HRESULT WHVAPI WHvGetVirtualProcessorXsaveState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						VOID *Buffer, UINT32 BufferSizeInBytes,
						UINT32 *BytesWritten)
{
	return get(Partition, VpIndex, WHvVirtualProcessorStateTypeXsaveState, Buffer,
		   BufferSizeInBytes, BytesWritten);
}

HRESULT WHVAPI WHvSetVirtualProcessorXsaveState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						const VOID *Buffer, UINT32 BufferSizeInBytes)
{
	return set(Partition, VpIndex, WHvVirtualProcessorStateTypeXsaveState, Buffer,
		   BufferSizeInBytes);
}

HRESULT WHVAPI WHvGetVirtualProcessorInterruptControllerState(WHV_PARTITION_HANDLE Partition,
							      UINT32 VpIndex, VOID *State,
							      UINT32 StateSize, UINT32 *WrittenSize)
{
	return get(Partition, VpIndex, WHIT_STATE_INTERRUPT_CONTROLLER1, State, StateSize,
		   WrittenSize);
}

HRESULT WHVAPI WHvSetVirtualProcessorInterruptControllerState(WHV_PARTITION_HANDLE Partition,
							      UINT32 VpIndex, const VOID *State,
							      UINT32 StateSize)
{
	return set(Partition, VpIndex, WHIT_STATE_INTERRUPT_CONTROLLER1, State, StateSize);
}

HRESULT WHVAPI WHvGetVirtualProcessorInterruptControllerState2(WHV_PARTITION_HANDLE Partition,
							       UINT32 VpIndex, VOID *State,
							       UINT32 StateSize,
							       UINT32 *WrittenSize)
{
	return get(Partition, VpIndex, WHvVirtualProcessorStateTypeInterruptControllerState2, State,
		   StateSize, WrittenSize);
}

/* WHP: a buffer that is too small is a pointer that is wrong. */
HRESULT WHVAPI WHvSetVirtualProcessorInterruptControllerState2(WHV_PARTITION_HANDLE Partition,
							       UINT32 VpIndex, const VOID *State,
							       UINT32 StateSize)
{
	const HRESULT hr =
		set(Partition, VpIndex, WHvVirtualProcessorStateTypeInterruptControllerState2,
		    State, StateSize);

	return hr == WHV_E_INSUFFICIENT_BUFFER ? E_POINTER : hr;
}
