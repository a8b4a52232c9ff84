/* SPDX-License-Identifier: MIT */
/*
 * A child's VP. Deny by default: every port and every MSR exits (there is no bitmap), CR4 bits are
 * the guest's only from a list, and instructions that the controls can take away are taken away.
 */
#include "arch/vmx/vmx.h"
#include "x86/cr.h"

/*
 * Safe because neither their setting nor their use touches state that is not switched. Left out:
 * OSXSAVE, PKE, PKS, CET (their registers are the root's), MCE (host-owned).
 */
#define CR4_SAFE                                                                        \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | \
	 CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)

struct virt_vp *virt_vp_create(struct virt_pages *pages, const struct virt_space *space)
{
	struct virt_vp *vp = vmx_vp_alloc(pages, false);

	if (!vp)
		return NULL;
	vmx_write_controls(vp, &vmx_caps.child, space);
	vmx_set_cr_masks(vp,
			 ~(CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_WP | CR0_AM | CR0_PG) |
				 virt_machine.cr0_must_be_one,
			 ~0ull);
	virt_vp_reset(vp, false);
	virt_set_cr4_allowed(vp, CR4_SAFE);
	virt_intercept_exceptions(vp, 0);
	deadline_init(vp);
	return vp;
}
