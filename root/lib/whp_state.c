// SPDX-License-Identifier: MIT
/*
 * State of a VP in one piece: WHvGetVirtualProcessorState and WHvSetVirtualProcessorState, and the older functions for
 * two of its types.
 */
#include "root/lib/partition.h"
#include "root/lib/value.h"

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
	struct hypercall_result result;
	struct whp_partition *partition;
	HRESULT hr = check(handle, vp, client, n_bytes, &partition);

	if (FAILED(hr))
		return hr;
	hr = partition_call(partition, WHIT_CALL_GET_VP_STATE, vp, type, partition_buffer(client),
			    n_bytes, &result);
	return value_told(hr, &result, written);
}

static HRESULT set(WHV_PARTITION_HANDLE handle, UINT32 vp, UINT32 type, const VOID *client,
		   UINT32 n_bytes)
{
	struct hypercall_result result;
	struct whp_partition *partition;
	const HRESULT hr = check(handle, vp, client, n_bytes, &partition);

	if (FAILED(hr))
		return hr;
	return partition_call(partition, WHIT_CALL_SET_VP_STATE, vp, type, partition_buffer(client),
			      n_bytes, &result);
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
