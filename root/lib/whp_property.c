// SPDX-License-Identifier: MIT
/*
 * WHvGetPartitionProperty, WHvSetPartitionProperty. Which properties exist, and when they may be set, is the
 * hypervisor's knowledge; the library only notes those that make exit records longer.
 */
#include "root/lib/bounce.h"
#include "root/lib/partition.h"
#include "root/lib/platform.h"
#include "root/lib/value.h"

HRESULT WHVAPI WHvGetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes,
				       UINT32 *WrittenSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	union value_buffer value = { .words = { 0 } };
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!PropertyBuffer)
		return E_POINTER;
	hr = partition_call(partition, WHIT_CALL_GET_PROPERTY, (UINT32)PropertyCode,
			    platform_physical(&value), sizeof(value), 0, &result);
	if (FAILED(hr))
		return hr;
	return value_deliver(&value, result.rdx, PropertyBuffer, PropertyBufferSizeInBytes,
			     WrittenSizeInBytes);
}

/* Which exits can there be, after this property has been set? */
static void note_exits(struct whp_partition *partition, UINT32 code, uint64_t value)
{
	UINT32 n_bytes = 0;

	if (code == WhitPartitionPropertyCodeEmulation && value)
		n_bytes = EXIT_BYTES_DEVICE;
	else if (code == WHvPartitionPropertyCodeExtendedVmExits &&
		 (WHV_EXTENDED_VM_EXITS) { .AsUINT64 = value }.HypercallExit)
		n_bytes = EXIT_BYTES_ALL;
	if (n_bytes > partition->exit_bytes)
		partition->exit_bytes = n_bytes;
}

HRESULT WHVAPI WHvSetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       const VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	const void *buffer = PropertyBuffer;
	uint64_t bounce[32];
	void *pages = NULL;
	size_t n_pages = 0;
	uint64_t first = 0;
	HRESULT hr;

	if (!partition)
		return E_INVALIDARG;
	if (!PropertyBuffer)
		return E_POINTER;
	if (PropertyBufferSizeInBytes <= sizeof(bounce)) {
		bounce_copy(bounce, PropertyBuffer, PropertyBufferSizeInBytes);
		buffer = bounce;
	} else if ((uintptr_t)PropertyBuffer & 7) {
		n_pages = ((size_t)PropertyBufferSizeInBytes + 4095) / 4096;
		pages = platform_pages(n_pages);
		if (!pages)
			return E_OUTOFMEMORY;
		bounce_copy(pages, PropertyBuffer, PropertyBufferSizeInBytes);
		buffer = pages;
	}
	hr = partition_call(partition, WHIT_CALL_SET_PROPERTY, (UINT32)PropertyCode,
			    platform_physical(buffer), PropertyBufferSizeInBytes, 0, &result);
	if (SUCCEEDED(hr)) {
		bounce_copy(&first, buffer,
			    PropertyBufferSizeInBytes < 8 ? PropertyBufferSizeInBytes : 8);
		if ((UINT32)PropertyCode == WhitPartitionPropertyCodeEmulation)
			first &= 0xffffffff;
		note_exits(partition, (UINT32)PropertyCode, first);
	}
	if (pages)
		platform_free(pages, n_pages);
	return hr;
}
