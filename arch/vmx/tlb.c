/* SPDX-License-Identifier: MIT */
/*
 * Cached translations. VPIDs keep guests' translations apart and alive over exits: the hypervisor
 * itself runs as VPID 0, each VP has one of its own while there are any left; a VP without one (0)
 * has its translations flushed at each entry by the processor. SDM 3C "Caching Translation
 * Information".
 *
 * What is remembered of a space is dropped when a VP of it is renewed, on the processor that it is
 * about to run on.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/tag.h"

#define N_VPIDS	       65536u
#define INVEPT_SINGLE  1ull
#define INVEPT_ALL     2ull
#define INVVPID_SINGLE 1ull

static struct tags vpids;

void vpid_take(struct virt_vp *vp)
{
	vmx_vp(vp)->vpid = vmx_caps.has_vpid ? tag_take(&vpids, N_VPIDS) : 0;
	vp->due |= DUE_FLUSH; /* translations of an earlier owner */
}

void vpid_give(struct virt_vp *vp)
{
	if (vmx_vp(vp)->vpid)
		tag_give(&vpids, vmx_vp(vp)->vpid);
}

void vpid_flush(struct virt_vp *vp)
{
	if (vmx_vp(vp)->vpid && !vmx_invvpid(INVVPID_SINGLE, vmx_vp(vp)->vpid, 0))
		virt_panic("INVVPID of %u failed", vmx_vp(vp)->vpid);
}

/* All of its translations: an address alone is rarely worth another form of INVVPID. */
void virt_flush(struct virt_vp *vp)
{
	vp->due |= DUE_FLUSH;
}

void virt_renew(struct virt_vp *vp)
{
	vp->due |= DUE_SPACE;
}

void space_renew(struct virt_vp *vp)
{
	const uint64_t type = vmx_caps.has_invept_single ? INVEPT_SINGLE : INVEPT_ALL;

	vmwrite(VMCS_EPT_POINTER, vp->space->token);
	if (!vmx_invept(type, vp->space->token, 0))
		virt_panic("INVEPT of %llx failed", (unsigned long long)vp->space->token);
}
