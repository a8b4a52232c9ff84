/* SPDX-License-Identifier: MIT */
/*
 * Calls that Whit's library has beside the WHP functions. They take WHP's handles and return
 * HRESULTs; a call that fails by its parameters has changed nothing. An unmodified WHP client
 * includes nothing of this.
 */
#ifndef WHIT_WHP_EXTENSION_H
#define WHIT_WHP_EXTENSION_H

#include "whit/extension.h"
#include "whp/WinHvPlatform.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * WHvTranslateGva for Count addresses at once, any number. In: the `gva` of each record. Out: the
 * rest of it, by struct whit_translation. Flags: WHV_TRANSLATE_GVA_FLAGS; with WHIT_TRANSLATE_RUN
 * only the first record's GVA is read, and record n is for the page n pages further on (modulo
 * 2^64), whose GVA is written there. What the upper tables of a run say may be what they said for
 * an earlier page of it. The records lie in memory that the hypervisor can reach; with a Count of 0
 * nothing is done.
 *
 * E_POINTER: Records is NULL, or not the root's memory. E_INVALIDARG: the handle, the flags.
 * WHV_E_VP_DOES_NOT_EXIST. With an error in the middle of a long list what went before it is done.
 */
HRESULT WhitTranslateGvas(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex, UINT32 Flags,
			  struct whit_translation *Records, UINT32 Count);

/*
 * Gives what is mapped in a range other flags, in place: rights, and TrackDirtyPages on or off. A
 * page that is tracked before and after is as dirty as it was. WHV_E_GPA_RANGE_NOT_FOUND if a part
 * of the range is not mapped: nothing has changed then, unless there are more than 1,024 mappings
 * before the hole. E_INVALIDARG as for WHvMapGpaRange.
 */
HRESULT WhitProtectGpaRange(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
			    UINT64 SizeInBytes, WHV_MAP_GPA_RANGE_FLAGS Flags);

/*
 * Sets the time stamp counter of every VP of the partition at one moment, so that they read the
 * same afterwards, too. With the partition's time suspended: what they read when it goes on.
 */
HRESULT WhitSetPartitionTsc(WHV_PARTITION_HANDLE Partition, UINT64 Tsc);

/* A part of the caller's memory, of whole pages. */
typedef struct WHIT_MEMORY_EXTENT {
	VOID *SourceAddress;
	UINT64 SizeInBytes;
} WHIT_MEMORY_EXTENT;

/*
 * WHvMapGpaRange of many extents at once, one behind the other from GuestAddress on. Errors as
 * there; an extent that is refused ends the call, and those before it may have been mapped.
 */
HRESULT WhitMapGpaList(WHV_PARTITION_HANDLE Partition, WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
		       const WHIT_MEMORY_EXTENT *Extents, UINT32 ExtentCount,
		       WHV_MAP_GPA_RANGE_FLAGS Flags);

#ifdef __cplusplus
}
#endif

#endif
