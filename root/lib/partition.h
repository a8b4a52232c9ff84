/* SPDX-License-Identifier: MIT */
/*
 * What stands behind a WHV_PARTITION_HANDLE: one page that holds the hypervisor's handle, the shared pages
 * of the VPs, and the runs of memory lent. Only the library sees it. Calls on one partition from
 * several threads, or from a timer's callback, may overlap as far as WHP allows: CancelRun at any time.
 */
#ifndef ROOT_LIB_PARTITION_H
#define ROOT_LIB_PARTITION_H

#include <stdbool.h>

#include "root/lib/hypercall.h"
#include "whp/WinHvPlatform.h"

/* Nothing that the firmware or a client writes by chance; mixed with the address of the page. */
#define PARTITION_MAGIC 0x6e6f69747472615full

#define PARTITION_MAX_RUNS 120u

/* Bytes of the exit context without, and with, the longer records of later SDKs and of extensions. */
#define EXIT_BYTES_FIRST_SDK 144u
#define EXIT_BYTES_DEVICE    (WHIT_EXIT_UNION + (uint32_t)sizeof(struct whit_device_access))
#define EXIT_BYTES_ALL	     224u

struct whp_partition {
	uint64_t magic;
	uint64_t handle;
	uint32_t
		exit_bytes; /* the least that Run accepts: what any exit of this partition may need */
	uint32_t n_runs;
	struct whit_vp_page *vps[WHIT_MAX_VPS];
	struct {
		void *pages;
		size_t n;
	} runs[PARTITION_MAX_RUNS]; /* lent, or kept for the hypervisor to have lent */
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
	return index < WHIT_MAX_VPS ? partition->vps[index] : NULL;
}

/*
 * A hypercall on the partition, repeated while it is interrupted, and with memory lent for as long as
 * it asks for some. E_OUTOFMEMORY if there is none left.
 */
HRESULT partition_call(struct whp_partition *partition, uint64_t code, uint64_t rdx, uint64_t r8,
		       uint64_t r9, uint64_t r10, struct hypercall_result *result);

/* HRESULT of calls without a hypervisor beneath. */
#define ERROR_HV_NOT_PRESENT WHP_HRESULT(0xC0351000U)

#endif
