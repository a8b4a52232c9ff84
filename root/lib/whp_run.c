// SPDX-License-Identifier: MIT
/*
 * WHvRunVirtualProcessor, WHvCancelRunVirtualProcessor. The shortest path of the library: nothing is done
 * here that can be done before or after a run.
 */
#include "root/lib/partition.h"

/* Copy the record to the client's buffer, which may have any alignment. n_bytes is a multiple of 16. */
static inline void copy_record(uint8_t *to, const uint8_t *from, uint32_t n_bytes)
{
	__builtin_memcpy(to, from, EXIT_BYTES_FIRST_SDK);
	for (uint32_t i = EXIT_BYTES_FIRST_SDK; i < n_bytes; i += 16)
		__builtin_memcpy(to + i, from + i, 16);
}

HRESULT WHVAPI WHvRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				      VOID *ExitContext, UINT32 ExitContextSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	const struct whit_vp_page *page;
	uint32_t status, n_bytes;

	if (!partition)
		return E_INVALIDARG;
	page = partition_vp(partition, VpIndex);
	if (!page)
		return WHV_E_VP_DOES_NOT_EXIST;
	if (!ExitContext)
		return E_POINTER;
	/*
	 * The reason is not known before the run, and the exit would be lost after it. Read once: a property that another
	 * processor sets in the meantime makes the records longer, and not this buffer.
	 */
	n_bytes = __atomic_load_n(&partition->exit_bytes, __ATOMIC_RELAXED);
	if (ExitContextSizeInBytes < n_bytes)
		return WHV_E_INSUFFICIENT_BUFFER;
	/* Where the platform has had something else for the caller to do, it is done by now. */
	while ((status = call_run(&partition->call, VpIndex, page)))
		if (status != WHIT_S_AGAIN)
			return WHP_HRESULT(status);
	if (ExitContext != page->exit)
		copy_record(ExitContext, page->exit, n_bytes);
	return S_OK;
}

HRESULT WHVAPI WHvCancelRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					    UINT32 Flags)
{
	struct whp_partition *partition = partition_of(Partition);
	struct hypercall_result result;

	if (!partition)
		return E_INVALIDARG;
	return partition_call(partition, WHIT_CALL_CANCEL_RUN_VP, VpIndex, Flags, 0, 0, &result);
}
