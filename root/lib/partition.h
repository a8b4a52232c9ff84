/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a WHV_PARTITION_HANDLE: one page that holds the engine's partition and what WHP's
 * functions have to remember. Only the library sees it. Calls on one partition from
 * several processors, or from a timer's callback, may overlap as far as WHP allows (root/call/call.h); the library
 * has nothing else that they share but `exit_bytes`, which a property changes and Run reads.
 */
#ifndef ROOT_LIB_PARTITION_H
#define ROOT_LIB_PARTITION_H

#include <stdbool.h>

#include "root/call/call.h"
#include "whp/WinHvPlatform.h"

/* Nothing that the firmware or a client writes by chance; mixed with the address of the page. */
#define PARTITION_MAGIC 0x6e6f69747472615full

/* Bytes of the exit context without, and with, the longer records of later SDKs and of extensions. */
#define EXIT_BYTES_FIRST_SDK 144u
#define EXIT_BYTES_DEVICE    (WHIT_EXIT_UNION + (uint32_t)sizeof(struct whit_device_access))
#define EXIT_BYTES_ALL	     224u

struct whp_partition {
	uint64_t magic;
	uint32_t
		exit_bytes; /* the least that Run accepts: what any exit of this partition may need */
	struct call_partition call;
};

_Static_assert(sizeof(struct whp_partition) <= 4096, "one page");

/* The partition of a handle; NULL if it is none. Reads the memory that the handle points at. */
static inline struct whp_partition *partition_of(WHV_PARTITION_HANDLE handle)
{
	struct whp_partition *partition = handle;

	if (!handle || (uintptr_t)handle & 0xfff ||
	    partition->magic != (PARTITION_MAGIC ^ (uintptr_t)handle))
		return NULL;
	return partition;
}

static inline struct whit_vp_page *partition_vp(const struct whp_partition *partition, UINT32 index)
{
	return call_vp_page(&partition->call, index);
}

/* call_do(), as an HRESULT. Buffers are pointers of the client's: partition_buffer(). */
static inline HRESULT partition_call(struct whp_partition *partition, uint64_t code, uint64_t rdx,
				     uint64_t r8, uint64_t r9, uint64_t r10,
				     struct hypercall_result *result)
{
	return WHP_HRESULT(call_do(&partition->call, code, rdx, r8, r9, r10, result));
}

static inline uint64_t partition_buffer(const void *buffer)
{
	return (uintptr_t)buffer;
}

/* HRESULT of calls without a hypervisor beneath. */
#define ERROR_HV_NOT_PRESENT WHP_HRESULT(0xC0351000U)

#endif
