/* SPDX-License-Identifier: MIT */
/*
 * Functions of Whit's library beside those of WHP: the shared page of a VP, for clients to which
 * the cost of a call matters, and a look at the hypervisor's counters and log. An unmodified WHP
 * client includes nothing of this.
 */
#ifndef WHIT_WHP_PAGE_H
#define WHIT_WHP_PAGE_H

#include "whit/hypercall.h"
#include "whp/WinHvPlatform.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The page that the hypervisor shares with the root for this VP; NULL if the handle is bad or the
 * VP does not exist. It stays where it is until the VP is deleted. The rules are those of struct
 * whit_vp_page: after an exit, and while the VP is not in Run, registers whose bit in `valid` is
 * set may be read from the page, and registers written to it with their bit set in `dirty`.
 * WHvRunVirtualProcessor takes page->exit as its ExitContext, too: the record is then left where it
 * is, instead of copied.
 */
struct whit_vp_page *WhitVpPage(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex);

/* General registers in the order of their names, 0 to 15, as after an exit. */
static inline UINT64 WhitPageGpr(const struct whit_vp_page *page, WHV_REGISTER_NAME name)
{
	return page->gpr[name];
}

static inline void WhitPageSetGpr(struct whit_vp_page *page, WHV_REGISTER_NAME name, UINT64 value)
{
	page->gpr[name] = value;
	page->dirty |= 1u << name;
}

/* The device access of the exit WhitRunVpExitReasonDeviceAccess. */
static inline struct whit_device_access *WhitPageAccess(struct whit_vp_page *page)
{
	return (struct whit_device_access *)(void *)&page->exit[WHIT_EXIT_UNION];
}

/* Say that the data of a device read have been written to WhitPageAccess(page)->data. */
static inline void WhitPageAnswer(struct whit_vp_page *page)
{
	page->device_answered = 1;
}

/* The hypervisor's counters. ERROR_HV_NOT_PRESENT (0xc0351000) without Whit. */
HRESULT WhitGetStats(struct whit_stats *Stats);

/*
 * Copies out of the hypervisor's log from *Position on, and moves *Position past what was copied.
 * At most 4096 bytes at once. *Written is 0 at the end.
 */
HRESULT WhitReadLog(UINT64 *Position, VOID *Buffer, UINT32 BufferSizeInBytes, UINT32 *Written);

#ifdef __cplusplus
}
#endif

#endif
