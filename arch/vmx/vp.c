/* SPDX-License-Identifier: MIT */
/*
 * A child's VP. Deny by default: every port and every MSR exits (there is no bitmap), CR4 bits are the
 * guest's only from a list, and instructions that the controls can take away are taken away.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/insn.h"
#include "arch/x86/string.h"
#include "x86/cr.h"
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

/* FXSAVE image, SDM 1 "FXSAVE Area": FCW, abridged FTW (all registers hold +0), MXCSR. */
#define FPU_FCW	       0
#define FPU_FTW	       4
#define FPU_MXCSR      24
#define FPU_MXCSR_MASK 28

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
	virt_set(vp, VIRT_CR3, 0);
	virt_set(vp, VIRT_CR4, 0);
	virt_set(vp, VIRT_EFER, 0);
	virt_set(vp, VIRT_DR7, DR7_INIT);
	virt_set(vp, VIRT_SHADOW, 0);
	virt_set(vp, VIRT_PENDING_DEBUG, 0);
	vmwrite(VMCS_ENTRY_INTERRUPTION_INFO, 0);
}

/*
 * A child is left for the root at least that often, in units of the TSC's rate shifted by IA32_VMX_MISC.
 * External interrupts do it much sooner; but Bochs (2.7 to 3.0) does not let them through while a child
 * runs that was entered with IF = 0.
 */
#define PREEMPTION_TICKS 1000000u

static void reset_child_only(struct virt_vp *vp)
{
	uint32_t mxcsr_mask;

	virt_set(vp, VIRT_PAT, PAT_RESET);
	virt_set(vp, VIRT_SYSENTER_CS, 0);
	virt_set(vp, VIRT_SYSENTER_ESP, 0);
	virt_set(vp, VIRT_SYSENTER_EIP, 0);
	vmwrite(VMCS_GUEST_DEBUGCTL, 0);
	for (unsigned int i = 0; i < 4; i++)
		vmwrite(VMCS_GUEST_PDPTE0 + 2 * i, 0);
	vp->dr6 = DR6_INIT;
	/* Of the processor's own image the MXCSR mask alone: which bits a client may set. */
	x86_fxsave(vp->fpu);
	mxcsr_mask = *(uint32_t *)(void *)&vp->fpu[FPU_MXCSR_MASK];
	memset(vp->fpu, 0, sizeof(vp->fpu));
	*(uint32_t *)(void *)&vp->fpu[FPU_MXCSR_MASK] = mxcsr_mask ? mxcsr_mask : 0xffbf;
	*(uint16_t *)(void *)&vp->fpu[FPU_FCW] = 0x40;
	vp->fpu[FPU_FTW] = 0xff;
	*(uint32_t *)(void *)&vp->fpu[FPU_MXCSR] = 0x1f80;
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
	virt_set_cr4_allowed(vp, CR4_SAFE);
	virt_intercept_exceptions(vp, 0);
	if (vp->pin & PIN_PREEMPTION_TIMER)
		vmwrite(VMCS_PREEMPTION_TIMER_VALUE, PREEMPTION_TICKS);
	return vp;
}
