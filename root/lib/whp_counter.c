// SPDX-License-Identifier: MIT
/* WHvGetPartitionCounters, WHvGetVirtualProcessorCounters. */
#include "root/lib/bounce.h"
#include "root/lib/partition.h"
#include "root/lib/platform.h"

/* The longest set, with room for others. */
#define MAX_WORDS 32u

/* In one page, wherever the stack is. */
#define WORDS_ALIGN 256

_Static_assert(MAX_WORDS * sizeof(uint64_t) <= WORDS_ALIGN, "in one page");

static HRESULT deliver(HRESULT hr, const uint64_t *words, uint64_t n_bytes, VOID *buffer,
		       UINT32 buffer_bytes, UINT32 *written)
{
	if (FAILED(hr))
		return hr;
	if (written)
		*written = (UINT32)n_bytes;
	if (buffer_bytes < n_bytes)
		return WHV_E_INSUFFICIENT_BUFFER;
	if (!buffer)
		return E_POINTER;
	bounce_copy(buffer, words, n_bytes);
	return S_OK;
}

HRESULT WHVAPI WHvGetPartitionCounters(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_COUNTER_SET CounterSet, VOID *Buffer,
				       UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result = { 0, 0 };
	_Alignas(WORDS_ALIGN) uint64_t words[MAX_WORDS] = { 0 };
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_PARTITION_COUNTERS, (UINT32)CounterSet,
			    platform_physical(words), sizeof(words), 0, &result);
	return deliver(hr, words, result.rdx, Buffer, BufferSizeInBytes, BytesWritten);
}

HRESULT WHVAPI WHvGetVirtualProcessorCounters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					      WHV_PROCESSOR_COUNTER_SET CounterSet, VOID *Buffer,
					      UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result = { 0, 0 };
	_Alignas(WORDS_ALIGN) uint64_t words[MAX_WORDS] = { 0 };
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	hr = partition_call(partition, WHIT_CALL_VP_COUNTERS, VpIndex, (UINT32)CounterSet,
			    platform_physical(words), sizeof(words), &result);
	return deliver(hr, words, result.rdx, Buffer, BufferSizeInBytes, BytesWritten);
}
