/* SPDX-License-Identifier: MIT */
/*
 * The help of VT-x for a child's local APIC, SDM 3C "APIC Virtualization and Virtual Interrupts":
 * controls, and fields of the VMCS. The virtual-APIC page is the register page of hv/apic/apic.c,
 * which implements the APIC.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/string.h"
#include "x86/msr.h"

/* The controls that this file switches. */
#define PROC_APIC \
	(PROC_TPR_SHADOW | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING | PROC_MSR_BITMAPS)
#define PROC2_APIC \
	(PROC2_APIC_ACCESSES | PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS | PROC2_INTERRUPT_DELIVERY)

#define TPR_OFFSET 0x80

/*
 * Registers of an x2APIC that are the same in the page, and whose reads have no effect. The others
 * are the identity, the destination and the interrupt command, which have another form there, and
 * the timer's count.
 */
static const struct {
	uint16_t first, last;
} plain[] = {
	{ 0x803, 0x803 }, { 0x80f, 0x827 }, { 0x828, 0x828 }, { 0x832, 0x838 }, { 0x83e, 0x83e },
};

#define X2APIC_TPR	0x808u
#define X2APIC_PPR	0x80au
#define X2APIC_EOI	0x80bu
#define X2APIC_SELF_IPI 0x83fu

static void allow(uint8_t *bitmap, uint32_t msr)
{
	bitmap[msr / 8] &= (uint8_t) ~(1u << (msr % 8));
}

/* All MSRs exit, but for what the processor does by itself. */
static void fill_msr_bitmap(uint8_t *bitmap)
{
	uint8_t *const writes = bitmap + PAGE_SIZE / 2;

	memset(bitmap, 0xff, PAGE_SIZE);
	allow(bitmap, X2APIC_TPR);
	allow(writes, X2APIC_TPR);
	if (virt_machine.apic & VIRT_APIC_REGISTERS)
		for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
			for (uint32_t msr = plain[i].first; msr <= plain[i].last; msr++)
				allow(bitmap, msr);
	if (virt_machine.apic & VIRT_APIC_DELIVERY) {
		allow(bitmap, X2APIC_PPR);
		allow(writes, X2APIC_EOI);
		allow(writes, X2APIC_SELF_IPI);
	}
}

static bool has(uint8_t assist)
{
	return virt_machine.apic & assist;
}

static void set_eoi_exits(struct vmx_vp *vmx, unsigned int i, uint64_t vectors)
{
	vmx->eoi_exits[i] = vectors;
	vmwrite(VMCS_EOI_EXIT_BITMAP0 + 2 * i, vectors);
}

void virt_apic_set_mode(struct virt_vp *vp, enum virt_apic_mode mode, spa_t registers, spa_t access)
{
	const struct vmx_vp *const vmx = vmx_vp(vp);
	uint32_t proc = (vmx->proc & ~PROC_APIC) | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING;
	uint32_t proc2 = vmx->proc2 & ~PROC2_APIC;

	vmcs_load(vp);
	if (mode != VIRT_APIC_OFF && has(VIRT_APIC_TPR)) {
		proc ^= PROC_TPR_SHADOW | PROC_CR8_LOAD_EXITING | PROC_CR8_STORE_EXITING;
		vmwrite(VMCS_VIRTUAL_APIC_ADDRESS, registers.a);
		vmwrite(VMCS_TPR_THRESHOLD, 0);
	}
	if (mode == VIRT_APIC_XAPIC && has(VIRT_APIC_PAGE)) {
		proc2 |= PROC2_APIC_ACCESSES;
		vmwrite(VMCS_APIC_ACCESS_ADDRESS, access.a);
	}
	if (mode == VIRT_APIC_X2APIC && has(VIRT_APIC_X2)) {
		proc |= PROC_MSR_BITMAPS;
		proc2 |= PROC2_X2APIC_MODE;
		fill_msr_bitmap(virt_ptr(vmx->msr_bitmap));
		vmwrite(VMCS_MSR_BITMAPS, vmx->msr_bitmap.a);
	}
	if (proc2 & (PROC2_APIC_ACCESSES | PROC2_X2APIC_MODE)) {
		proc2 |= has(VIRT_APIC_REGISTERS) ? PROC2_APIC_REGISTERS : 0;
		proc2 |= has(VIRT_APIC_DELIVERY) ? PROC2_INTERRUPT_DELIVERY : 0;
	}
	if (proc2 & PROC2_INTERRUPT_DELIVERY) {
		vmwrite(VMCS_GUEST_INTERRUPT_STATUS, 0);
		for (unsigned int i = 0; i < 4; i++)
			set_eoi_exits(vmx_vp(vp), i, 0);
	}
	vmx_set_proc(vp, proc);
	vmx_set_proc2(vp, proc2);
	vp->due |= DUE_FLUSH; /* translations to the page of the APIC are cached, too */
}

void virt_apic_sync(struct virt_vp *vp, const struct virt_apic_state *state)
{
	struct vmx_vp *const vmx = vmx_vp(vp);

	vmcs_load(vp);
	if (!(vmx->proc2 & PROC2_INTERRUPT_DELIVERY)) {
		if (vmx->proc & PROC_TPR_SHADOW)
			vmwrite(VMCS_TPR_THRESHOLD, state->threshold & 0xf);
		return;
	}
	vmwrite(VMCS_GUEST_INTERRUPT_STATUS, (uint64_t)state->in_service << 8 | state->requested);
	for (unsigned int i = 0; i < 4; i++)
		if (vmx->eoi_exits[i] != state->eoi_exits[i])
			set_eoi_exits(vmx, i, state->eoi_exits[i]);
}

bool apic_mend_threshold(struct virt_vp *vp)
{
	const struct vmx_vp *const vmx = vmx_vp(vp);
	const uint8_t *page;
	uint8_t now;

	if (!(vmx->proc & PROC_TPR_SHADOW) ||
	    (vmx->proc2 & (PROC2_INTERRUPT_DELIVERY | PROC2_APIC_ACCESSES)))
		return false;
	page = virt_ptr(SPA(vmread(VMCS_VIRTUAL_APIC_ADDRESS)));
	now = page[TPR_OFFSET] >> 4;
	if (now >= vmread32(VMCS_TPR_THRESHOLD))
		return false;
	vmwrite(VMCS_TPR_THRESHOLD, now);
	return true;
}
