/* SPDX-License-Identifier: MIT */
/*
 * AMD-V's help for a child's local APIC: VIRT_APIC_TPR. CR8 is V_TPR of the VMCB, and goes to the
 * register page with the exits and back with the entries (run.c). While an interrupt waits for the
 * TPR, writes of CR8 exit. AVIC is not used: it delivers to x2APIC IDs of the guest's choice by
 * tables and doorbells of its own, and its exits are as many, but for IPIs and EOIs.
 */
#include "arch/svm/svm.h"

#define PAGE_TPR 0x80 /* of the register page */

static void set(uint16_t *accesses, bool do_exit)
{
	*accesses = (uint16_t)(do_exit ? *accesses | CR8_ACCESS : *accesses & ~CR8_ACCESS);
}

/*
 * With a virtual interrupt requested QEMU (7.2) stops at one that does not exit:
 * helper_write_crN().
 */
void apic_set_exits(struct virt_vp *vp)
{
	struct svm_vp *const svm = svm_vp(vp);
	const bool is_waiting = svm->vmcb->virtual_interrupt & VINTR_REQUEST;

	set(&svm->vmcb->cr_reads, !svm->tpr);
	set(&svm->vmcb->cr_writes, !svm->tpr || svm->tpr_holds || is_waiting);
	vmcb_dirty(svm->vmcb, CLEAN_INTERCEPTS);
}

void virt_apic_set_mode(struct virt_vp *vp, enum virt_apic_mode mode, spa_t registers, spa_t access)
{
	struct svm_vp *const svm = svm_vp(vp);

	vp->due |= DUE_FLUSH; /* translations to the page of the APIC are cached */
	svm->tpr = NULL;
	if (mode != VIRT_APIC_OFF && (virt_machine.apic & VIRT_APIC_TPR))
		svm->tpr = (uint8_t *)virt_ptr(registers) + PAGE_TPR;
	svm->tpr_holds = false;
	apic_set_exits(vp);
}

void virt_apic_sync(struct virt_vp *vp, const struct virt_apic_state *state)
{
	svm_vp(vp)->tpr_holds = state->threshold;
	apic_set_exits(vp);
}
