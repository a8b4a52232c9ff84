// SPDX-License-Identifier: MIT
/*
 * WHvRunVirtualProcessor, WHvCancelRunVirtualProcessor. The shortest path of the library: nothing is done
 * here that can be done before or after a run.
 */
#include "root/lib/partition.h"
#include "root/lib/platform.h"

/* Copy the record to the client's buffer, which may have any alignment. n_bytes is a multiple of 16. */
static inline void copy_record(uint8_t *to, const uint8_t *from, uint32_t n_bytes)
{
	__builtin_memcpy(to, from, EXIT_BYTES_FIRST_SDK);
	for (uint32_t i = EXIT_BYTES_FIRST_SDK; i < n_bytes; i += 16)
		__builtin_memcpy(to + i, from + i, 16);
}

/*
 * The VP sleeps: so does the caller. Whatever could wake the VP comes by an interrupt (a timer's callback that requests
 * an interrupt, or cancels): with interrupts held the call is made once more, to be sure that nothing has come
 * since, and they are let in with the sleep.
 */
static uint32_t run_asleep(struct whp_partition *partition, UINT32 index)
{
	const uint64_t held = platform_hold_interrupts();
	struct hypercall_result result;
	const uint32_t status =
		hypercall5(WHIT_CALL_RUN_VP, partition->handle, index, 0, 0, 0, &result);

	if (status == WHIT_S_IDLE)
		platform_wait(held, result.rdx);
	else
		platform_release_interrupts(held);
	return status;
}

/* What the first call has answered is neither an exit nor WHIT_S_AGAIN. */
static __attribute__((noinline)) HRESULT run_on(struct whp_partition *partition, UINT32 index,
						uint32_t status)
{
	struct hypercall_result result;

	for (;;) {
		switch (status) {
		case WHIT_S_IDLE: status = run_asleep(partition, index); break;
		case WHIT_S_AGAIN:
			platform_take_interrupts();
			status = hypercall2(WHIT_CALL_RUN_VP, partition->handle, index);
			break;
		case WHIT_E_INSUFFICIENT_MEMORY: /* rare: the general path lends it */
			status = (uint32_t)partition_call(partition, WHIT_CALL_RUN_VP, index, 0, 0,
							  0, &result);
			break;
		default: return WHP_HRESULT(status);
		}
	}
}

HRESULT WHVAPI WHvRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				      VOID *ExitContext, UINT32 ExitContextSizeInBytes)
{
	struct whp_partition *partition = partition_of(Partition);
	const struct whit_vp_page *page;
	uint32_t status;

	if (!partition)
		return E_INVALIDARG;
	page = partition_vp(partition, VpIndex);
	if (!page)
		return WHV_E_VP_DOES_NOT_EXIST;
	if (!ExitContext)
		return E_POINTER;
	/* The reason is not known before the run, and the exit would be lost after it. */
	if (ExitContextSizeInBytes < partition->exit_bytes)
		return WHV_E_INSUFFICIENT_BUFFER;
	while ((status = hypercall2(WHIT_CALL_RUN_VP, partition->handle, VpIndex)) == WHIT_S_AGAIN)
		platform_take_interrupts();
	if (status) {
		const HRESULT hr = run_on(partition, VpIndex, status);

		if (FAILED(hr))
			return hr;
	}
	if (ExitContext != page->exit)
		copy_record(ExitContext, page->exit, partition->exit_bytes);
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
