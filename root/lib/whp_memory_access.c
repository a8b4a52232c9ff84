// SPDX-License-Identifier: MIT
/*
 * WHvQueryGpaRangeDirtyBitmap, WHvAdviseGpaRange, WHvReadGpaRange, WHvWriteGpaRange: what is asked of
 * memory that is mapped.
 */
#include "root/lib/copy.h"
#include "root/lib/partition.h"

#define PAGE_BYTES  4096u
#define PIECE_BYTES ((UINT64)WHIT_MAX_DIRTY_PAGES * PAGE_BYTES)

/* One pass over the range; its bits, if `bitmap` is not NULL. */
static HRESULT query(struct whp_partition *partition, UINT64 gpa, UINT64 n_bytes,
		     const UINT64 *bitmap, UINT64 flags)
{
	struct hypercall_result result;

	return partition_call(partition, WHIT_CALL_QUERY_DIRTY, gpa, n_bytes,
			      partition_buffer(bitmap), flags, &result);
}

HRESULT WHVAPI WHvQueryGpaRangeDirtyBitmap(WHV_PARTITION_HANDLE Partition,
					   WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
					   UINT64 RangeSizeInBytes, UINT64 *Bitmap,
					   UINT32 BitmapSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	const UINT64 n_pages = RangeSizeInBytes / PAGE_BYTES;
	HRESULT hr = S_OK;

	if (!partition || (uintptr_t)Bitmap % 8 || BitmapSizeInBytes % 8)
		return E_INVALIDARG;
	if (!Bitmap && BitmapSizeInBytes)
		return E_POINTER;
	if (Bitmap && BitmapSizeInBytes < (n_pages + 63) / 64 * 8)
		return WHV_E_INSUFFICIENT_BUFFER;
	/* In more than one piece: an error at the end must not have taken bits back. */
	if (RangeSizeInBytes > PIECE_BYTES)
		hr = query(partition, GuestAddress, RangeSizeInBytes, NULL, WHIT_DIRTY_KEEP);
	return hr ? hr : query(partition, GuestAddress, RangeSizeInBytes, Bitmap, 0);
}

/* AdviceBuffer as the hypervisor takes it: flags, and the access above them. */
static bool populate_of(WHV_ADVISE_GPA_RANGE_CODE advice, const VOID *buffer, UINT32 n_bytes,
			UINT64 *populate)
{
	WHV_ADVISE_GPA_RANGE_POPULATE value;

	*populate = 0;
	if (advice != WHvAdviseGpaRangeCodePopulate)
		return !buffer && !n_bytes;
	if (!buffer || n_bytes < sizeof(value))
		return false;
	copy_bytes(&value, buffer, sizeof(value));
	*populate = value.Flags.AsUINT32 | (UINT64)(UINT32)value.AccessType << 32;
	return true;
}

HRESULT WHVAPI WHvAdviseGpaRange(WHV_PARTITION_HANDLE Partition,
				 const WHV_MEMORY_RANGE_ENTRY *GpaRanges, UINT32 GpaRangesCount,
				 WHV_ADVISE_GPA_RANGE_CODE Advice, const VOID *AdviceBuffer,
				 UINT32 AdviceBufferSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;
	UINT64 populate;

	if (!partition || !GpaRangesCount ||
	    !populate_of(Advice, AdviceBuffer, AdviceBufferSizeInBytes, &populate))
		return E_INVALIDARG;
	if (!GpaRanges)
		return E_POINTER;
	for (UINT32 i = 0; i < GpaRangesCount; i++) {
		const HRESULT hr = partition_call(
			partition, WHIT_CALL_ADVISE_GPA_RANGE, GpaRanges[i].GuestAddress,
			GpaRanges[i].SizeInBytes, (UINT32)Advice, populate, &result);

		if (hr != S_OK)
			return hr;
	}
	return S_OK;
}

static HRESULT move(WHV_PARTITION_HANDLE handle, UINT32 vp, struct whit_gpa_access *access,
		    UINT64 code)
{
	struct hypercall_result result;

	return partition_call(partition_of(handle), code, vp, partition_buffer(access), 0, 0,
			      &result);
}

HRESULT WHVAPI WHvReadGpaRange(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
			       WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
			       WHV_ACCESS_GPA_CONTROLS Controls, PVOID Data, UINT32 DataSizeInBytes)
{
	struct whit_gpa_access access = { .gpa = GuestAddress,
					  .controls = Controls.AsUINT64,
					  .n_bytes = DataSizeInBytes };
	HRESULT hr;

	if (!partition_of(Partition))
		return E_INVALIDARG;
	if (!Data)
		return E_POINTER;
	hr = move(Partition, VpIndex, &access, WHIT_CALL_READ_GPA_RANGE);
	if (hr == S_OK)
		copy_bytes(Data, access.data, DataSizeInBytes);
	return hr;
}

HRESULT WHVAPI WHvWriteGpaRange(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
				WHV_ACCESS_GPA_CONTROLS Controls, const VOID *Data,
				UINT32 DataSizeInBytes)
{
	struct whit_gpa_access access = { .gpa = GuestAddress,
					  .controls = Controls.AsUINT64,
					  .n_bytes = DataSizeInBytes };

	if (!partition_of(Partition))
		return E_INVALIDARG;
	if (!Data)
		return E_POINTER;
	if (DataSizeInBytes > sizeof(access.data))
		return E_INVALIDARG;
	copy_bytes(access.data, Data, DataSizeInBytes);
	return move(Partition, VpIndex, &access, WHIT_CALL_WRITE_GPA_RANGE);
}
