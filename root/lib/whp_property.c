// SPDX-License-Identifier: MIT
/*
 * WHvGetPartitionProperty, WHvSetPartitionProperty. Which properties exist, and when they may be set, is the
 * hypervisor's knowledge; the library only notes those that make exit records longer.
 */
#include "root/lib/copy.h"
#include "root/lib/partition.h"
#include "root/lib/value.h"

HRESULT WHVAPI WHvGetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes,
				       UINT32 *WrittenSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!PropertyBuffer)
		return E_POINTER;
	hr = partition_call(partition, WHIT_CALL_GET_PROPERTY, (UINT32)PropertyCode,
			    partition_buffer(PropertyBuffer), PropertyBufferSizeInBytes, 0,
			    &result);
	return value_told(hr, &result, WrittenSizeInBytes);
}

/* Which exits can there be, after this property has been set? */
static void note_exits(struct whp_partition *partition, UINT32 code, uint64_t value)
{
	UINT32 n_bytes = 0, was;

	if (code == WhitPartitionPropertyCodeEmulation && value)
		n_bytes = EXIT_BYTES_DEVICE;
	else if (code == WHvPartitionPropertyCodeExtendedVmExits &&
		 (WHV_EXTENDED_VM_EXITS) { .AsUINT64 = value }.HypercallExit)
		n_bytes = EXIT_BYTES_ALL;
	was = __atomic_load_n(&partition->exit_bytes, __ATOMIC_RELAXED);
	while (n_bytes > was &&
	       !__atomic_compare_exchange_n(&partition->exit_bytes, &was, n_bytes, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

HRESULT WHVAPI WHvSetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       const VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	/* Most are one: a copy that is aligned spares the engine another. */
	const bool is_word = PropertyBufferSizeInBytes <= sizeof(uint64_t);
	uint64_t first = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!PropertyBuffer)
		return E_POINTER;
	copy_bytes(&first, PropertyBuffer, is_word ? PropertyBufferSizeInBytes : sizeof(first));
	hr = partition_call(partition, WHIT_CALL_SET_PROPERTY, (UINT32)PropertyCode,
			    partition_buffer(is_word ? &first : PropertyBuffer),
			    PropertyBufferSizeInBytes, 0, &result);
	if (FAILED(hr))
		return hr;
	if ((UINT32)PropertyCode == WhitPartitionPropertyCodeEmulation)
		first &= 0xffffffff;
	note_exits(partition, (UINT32)PropertyCode, first);
	return hr;
}
