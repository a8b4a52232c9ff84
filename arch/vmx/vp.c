/* SPDX-License-Identifier: MIT */
/*
 * A child's VP. Deny by default: every port and every MSR exits (there is no bitmap), CR4 bits are
 * the guest's only from a list, and instructions that the controls can take away are taken away.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/features.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "arch/x86/xstate.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

/*
 * Safe because neither their setting nor their use touches state that is not switched. Left out:
 * OSXSAVE, PKE, PKS, CET (their registers are the root's), MCE (host-owned).
 */
#define CR4_SAFE                                                                        \
	(CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | \
	 CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_SMEP | CR4_SMAP)

#define RESET_CS_SELECTOR 0xf000
#define RESET_CS_BASE	  0xffff0000
#define RESET_RIP	  0xfff0
#define RESET_LIMIT	  0xffff
#define RESET_CR0	  (CR0_CD | CR0_NW | CR0_ET)

#define SEGMENT_DATA (SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED)

static void reset_segments(struct virt_vp *vp)
{
	struct x86_segment value = { .limit = RESET_LIMIT, .attributes = SEGMENT_DATA };
	struct x86_table table = { .limit = RESET_LIMIT };

	for (enum x86_seg seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_segment(vp, seg, &value);
	value.attributes = SEG_P | SEG_TYPE_LDT;
	virt_set_segment(vp, SEG_LDTR, &value);
	value.attributes = SEG_P | SEG_TYPE_TSS_BUSY;
	virt_set_segment(vp, SEG_TR, &value);
	value = (struct x86_segment) {
		.base = RESET_CS_BASE,
		.limit = RESET_LIMIT,
		.selector = RESET_CS_SELECTOR,
		.attributes = SEGMENT_DATA | SEG_TYPE_CODE,
	};
	virt_set_segment(vp, SEG_CS, &value);
	virt_set_table(vp, 0, &table);
	virt_set_table(vp, 1, &table);
}

void vmx_reset_state(struct virt_vp *vp, uint64_t cr0)
{
	memset(vp->regs.gpr, 0, sizeof(vp->regs.gpr));
	vp->regs.rip = RESET_RIP;
	vp->regs.rflags = RFLAGS_ONE;
	vp->regs.changed = true;
	reset_segments(vp);
	virt_set(vp, VIRT_CR0, cr0);
	virt_set(vp, VIRT_CR2, 0);
	virt_set(vp, VIRT_CR3, 0);
	virt_set(vp, VIRT_CR4, 0);
	virt_set(vp, VIRT_EFER, 0);
	for (unsigned int i = 0; i < 4; i++)
		virt_set(vp, VIRT_DR0 + i, 0);
	virt_set(vp, VIRT_DR6, DR6_INIT);
	virt_set(vp, VIRT_DR7, DR7_INIT);
	virt_set(vp, VIRT_SHADOW, 0);
	virt_set(vp, VIRT_PENDING_DEBUG, 0);
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
}

static void reset_child_only(struct virt_vp *vp)
{
	virt_set(vp, VIRT_PAT, PAT_RESET);
	virt_set(vp, VIRT_SYSENTER_CS, 0);
	virt_set(vp, VIRT_SYSENTER_ESP, 0);
	virt_set(vp, VIRT_SYSENTER_EIP, 0);
	virt_set(vp, VIRT_DEBUGCTL, 0);
	virt_set(vp, VIRT_SPEC_CTRL, 0);
	for (unsigned int i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, 0);
	for (unsigned int i = 0; i < SYSCALL_MSRS; i++)
		vmx_syscall_set(vp, i, 0);
	xstate_reset(vp);
}

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
	vmx_reset_state(vp, RESET_CR0);
	reset_child_only(vp);
	if (x86_features.has_spec_ctrl || x86_features.has_ibpb)
		vp->wants |= OVERLAY_SPEC;
	virt_set_cr4_allowed(vp, CR4_SAFE);
	virt_intercept_exceptions(vp, 0);
	timer_init(vp);
	return vp;
}

void virt_vp_reset(struct virt_vp *vp, bool is_init)
{
	const uint64_t caching = virt_get(vp, VIRT_CR0) & (CR0_CD | CR0_NW);

	vmx_reset_state(vp, is_init ? caching | CR0_ET : RESET_CR0);
	if (!is_init)
		reset_child_only(vp);
}
