/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing a VP's registers: a table for those that are one VMCS field, and a case for
 * each of the others. CR0 and CR4 have two halves, SDM 3C "Guest/Host Masks and Read Shadows for
 * CR0 and CR4": in bits that Whit owns the guest reads what virt_set() stored.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/insn.h"
#include "arch/x86/switch.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"

static const uint16_t fields[VIRT_REG_COUNT] = {
	[VIRT_CR3] = VMCS_GUEST_CR3,
	[VIRT_DR7] = VMCS_GUEST_DR7,
	[VIRT_PAT] = VMCS_GUEST_PAT,
	[VIRT_EFER] = VMCS_GUEST_EFER,
	[VIRT_SYSENTER_CS] = VMCS_GUEST_SYSENTER_CS,
	[VIRT_SYSENTER_ESP] = VMCS_GUEST_SYSENTER_ESP,
	[VIRT_SYSENTER_EIP] = VMCS_GUEST_SYSENTER_EIP,
	[VIRT_TSC_OFFSET] = VMCS_TSC_OFFSET,
	[VIRT_PDPTE0] = VMCS_GUEST_PDPTE0,
	[VIRT_PDPTE1] = VMCS_GUEST_PDPTE1,
	[VIRT_PDPTE2] = VMCS_GUEST_PDPTE2,
	[VIRT_PDPTE3] = VMCS_GUEST_PDPTE3,
	[VIRT_SHADOW] = VMCS_GUEST_INTERRUPTIBILITY_STATE,
	[VIRT_PENDING_DEBUG] = VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS,
	[VIRT_DEBUGCTL] = VMCS_GUEST_DEBUGCTL,
};

_Static_assert(VMCS_GUEST_BASE(SEG_GDTR) == VMCS_GUEST_GDTR_BASE &&
		       VMCS_GUEST_BASE(SEG_IDTR) == VMCS_GUEST_IDTR_BASE &&
		       VMCS_GUEST_LIMIT(SEG_GDTR) == VMCS_GUEST_GDTR_LIMIT &&
		       VMCS_GUEST_LIMIT(SEG_IDTR) == VMCS_GUEST_IDTR_LIMIT,
	       "tables stand behind segments");

#define SHADOW_BITS (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS | VIRT_SHADOW_NMI)

_Static_assert(VIRT_SHADOW_STI == INTERRUPTIBILITY_STI &&
		       VIRT_SHADOW_MOV_SS == INTERRUPTIBILITY_MOV_SS &&
		       VIRT_SHADOW_NMI == INTERRUPTIBILITY_NMI,
	       "VIRT_SHADOW_… are the bits of the VMCS field");

/* The value that the hardware holds, with the guest's own view in the bits that it does not own. */
static inline uint64_t get_cr0(const struct vmx_vp *vmx)
{
	return (vmread(VMCS_GUEST_CR0) & ~vmx->cr0_mask) | (vmx->cr0_shadow & vmx->cr0_mask);
}

static inline uint64_t get_cr4(const struct vmx_vp *vmx)
{
	return (vmread(VMCS_GUEST_CR4) & ~vmx->cr4_mask) | (vmx->cr4_shadow & vmx->cr4_mask);
}

void vmx_set_cr_masks(struct virt_vp *vp, uint64_t cr0_mask, uint64_t cr4_mask)
{
	vmx_vp(vp)->cr0_mask = cr0_mask;
	vmx_vp(vp)->cr4_mask = cr4_mask;
	vmwrite(VMCS_CR0_GUEST_HOST_MASK, cr0_mask);
	vmwrite(VMCS_CR4_GUEST_HOST_MASK, cr4_mask);
}

/*
 * Caching is the machine's affair: a child's CD and NW are shown to it and do nothing. The root's
 * are real; but VM entries and exits leave them alone, so they are set here and now.
 */
static void set_caching(uint64_t value)
{
	uint64_t now = x86_read_cr0();

	value = (now & ~(CR0_CD | CR0_NW)) | (value & (CR0_CD | CR0_NW));
	if (value != now && (value & (CR0_CD | CR0_NW)) != CR0_NW)
		x86_write_cr0(value);
}

static void set_cr0(struct virt_vp *vp, uint64_t value)
{
	uint64_t real = value | vmx_caps.cr0_must_be_one | CR0_ET;

	if (vp->is_root)
		set_caching(value);
	else
		real &= ~(CR0_CD | CR0_NW);
	vmwrite(VMCS_GUEST_CR0, real);
	vmx_vp(vp)->cr0_shadow = value | CR0_ET;
	vmwrite(VMCS_CR0_READ_SHADOW, vmx_vp(vp)->cr0_shadow);
	vp->due |= DUE_FLUSH;
}

static void set_cr4(struct virt_vp *vp, uint64_t value)
{
	uint64_t real = value | vmx_caps.cr4_must_be_one;

	/* A machine check in a child must not be the shutdown that it is without MCE. */
	if (!vp->is_root)
		real |= CR4_MCE & virt_machine.cr4_possible;
	vmwrite(VMCS_GUEST_CR4, real);
	vmx_vp(vp)->cr4_shadow = value;
	vmwrite(VMCS_CR4_READ_SHADOW, value);
	vp->due |= DUE_FLUSH;
	if (!vp->is_root)
		switch_note_cr4(vp, value);
}

static void set_efer(struct virt_vp *vp, uint64_t value)
{
	uint64_t entry = vmread(VMCS_ENTRY_CONTROLS) & ~(uint64_t)ENTRY_IA32E_MODE_GUEST;

	if (value & EFER_LMA)
		entry |= ENTRY_IA32E_MODE_GUEST;
	vmwrite(VMCS_ENTRY_CONTROLS, entry);
	vmwrite(VMCS_GUEST_EFER, value);
	vp->due |= DUE_FLUSH;
	if (!vp->is_root)
		switch_note_efer(vp, value);
}

static void set_dr7(struct virt_vp *vp, uint64_t value)
{
	vmwrite(VMCS_GUEST_DR7, value);
	if (!vp->is_root)
		switch_note_dr7(vp, value);
}

/* Of a register that is one, and not CR0, CR4 or DR6. */
static inline uint16_t field_of(enum virt_reg reg)
{
	if (unlikely(reg >= VIRT_REG_COUNT))
		virt_panic("register %u", reg);
	return fields[reg];
}

uint64_t virt_get(struct virt_vp *vp, enum virt_reg reg)
{
	vmcs_load(vp);
	if (switch_has(reg))
		return switch_get(vp, reg);
	switch (reg) {
	case VIRT_CR0: return get_cr0(vmx_vp(vp));
	case VIRT_CR4: return get_cr4(vmx_vp(vp));
	case VIRT_DR6: return vp->is_root ? x86_read_dr6() : vp->dr6;
	case VIRT_SHADOW: return vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) & SHADOW_BITS;
	default: return vmread(field_of(reg));
	}
}

/*
 * SDM 3C "Guest Non-Register State": a breakpoint that was met is delivered only if one was
 * enabled.
 */
static uint64_t pending_debug(uint64_t value)
{
	const uint64_t dr7 = vmread(VMCS_GUEST_DR7);

	for (unsigned int i = 0; i < 4; i++)
		if ((value >> i & 1) && (dr7 >> (2 * i) & 3))
			value |= PENDING_DEBUG_ENABLED;
	return value;
}

void virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	vmcs_load(vp);
	if (switch_has(reg)) {
		switch_set(vp, reg, value);
		return;
	}
	vp->has_view = false;
	switch (reg) {
	case VIRT_CR0: set_cr0(vp, value); return;
	case VIRT_CR4: set_cr4(vp, value); return;
	case VIRT_EFER: set_efer(vp, value); return;
	case VIRT_DR7: set_dr7(vp, value); return;
	case VIRT_DR6:
		vp->dr6 = value;
		if (vp->is_root)
			x86_write_dr6(value);
		return;
	case VIRT_SHADOW:
		value &= SHADOW_BITS;
		vp->regs.changed = true; /* for vmx_match_single_step() */
		break;
	case VIRT_CR3: vp->due |= DUE_FLUSH; break;
	case VIRT_TSC_OFFSET: vmx_set_proc(vp, vmx_vp(vp)->proc | PROC_TSC_OFFSETTING); break;
	case VIRT_PENDING_DEBUG: value = pending_debug(value); break;
	default: break;
	}
	vmwrite(field_of(reg), value);
}

/*
 * Access rights are a segment's attributes, and one more bit: unusable, which is what a null
 * selector gives in long mode. Outside, it is said by P = 0.
 */
#define ATTRIBUTES (SEG_TYPE | SEG_S | SEG_DPL | SEG_P | SEG_AVL | SEG_L | SEG_DB | SEG_G)

static inline void get_segment(enum x86_seg seg, struct x86_segment *value)
{
	uint32_t rights;

	rights = vmread32(VMCS_GUEST_ACCESS_RIGHTS(seg));
	value->base = vmread(VMCS_GUEST_BASE(seg));
	value->limit = vmread32(VMCS_GUEST_LIMIT(seg));
	value->selector = (uint16_t)vmread(VMCS_GUEST_SELECTOR(seg));
	value->attributes = (uint16_t)(rights & ATTRIBUTES);
	if (rights & ACCESS_RIGHTS_UNUSABLE)
		value->attributes &= (uint16_t)~SEG_P;
}

/* Of a VP whose VMCS need not be current, and of tables. */
static __attribute__((noinline)) void load_and_get(struct virt_vp *vp, enum x86_seg seg,
						   struct x86_segment *value)
{
	vmcs_load(vp);
	if (seg < SEG_COUNT)
		get_segment(seg, value);
	else
		*value = (struct x86_segment) { .base = vmread(VMCS_GUEST_BASE(seg)),
						.limit = vmread32(VMCS_GUEST_LIMIT(seg)) };
}

void virt_get_segment(struct virt_vp *vp, enum x86_seg seg, struct x86_segment *value)
{
	if (likely(vmcs_is_loaded(vp) && seg < SEG_COUNT))
		get_segment(seg, value);
	else
		load_and_get(vp, seg, value);
}

void virt_set_segment(struct virt_vp *vp, enum x86_seg seg, const struct x86_segment *value)
{
	uint32_t rights = value->attributes & ATTRIBUTES;

	vmcs_load(vp);
	vmwrite(VMCS_GUEST_BASE(seg), value->base);
	vmwrite(VMCS_GUEST_LIMIT(seg), value->limit);
	if (unlikely(seg >= SEG_COUNT))
		return;
	if (!(rights & SEG_P))
		rights |= ACCESS_RIGHTS_UNUSABLE;
	vp->has_view = false;
	vmwrite(VMCS_GUEST_ACCESS_RIGHTS(seg), rights);
	vmwrite(VMCS_GUEST_SELECTOR(seg), value->selector);
}

/* SS.DPL is the CPL in every mode, SDM 3C "Guest Register State". */
static __attribute__((noinline)) void read_view(struct virt_vp *vp)
{
	struct virt_paging *paging = &vp->view.paging;

	vmcs_load(vp);
	vp->has_view = true;
	get_segment(SEG_CS, &vp->view.cs);
	vp->view.dr7 = vmread(VMCS_GUEST_DR7);
	vp->view.shadow = (uint8_t)(vmread(VMCS_GUEST_INTERRUPTIBILITY_STATE) & SHADOW_BITS);
	paging->cr0 = get_cr0(vmx_vp(vp));
	paging->cr3 = vmread(VMCS_GUEST_CR3);
	paging->cr4 = get_cr4(vmx_vp(vp));
	paging->efer = vmread(VMCS_GUEST_EFER);
	paging->cpl = (uint8_t)SEG_ATTR_DPL(vmread32(VMCS_GUEST_ACCESS_RIGHTS(SEG_SS)));
	if ((paging->cr0 & CR0_PG) && (paging->cr4 & CR4_PAE) && !(paging->efer & EFER_LMA)) {
		for (unsigned int i = 0; i < 4; i++)
			paging->pdpte[i] = vmread(VMCS_GUEST_PDPTE0 + 2 * i);
	}
}

const struct virt_view *virt_view(struct virt_vp *vp)
{
	if (!vp->has_view)
		read_view(vp);
	vp->view.paging.rflags = vp->regs.rflags;
	return &vp->view;
}

void vmx_set_cr4_owned(struct virt_vp *child, uint64_t allowed)
{
	const uint64_t owned = allowed & virt_machine.cr4_possible & ~vmx_caps.cr4_must_be_one;
	/* MCE is real for a child, and OSXSAVE has to be noticed. */
	const uint64_t mask = ~(owned & ~(CR4_MCE | CR4_OSXSAVE));
	uint64_t shown;

	if (vmx_vp(child)->cr4_mask == mask)
		return;
	shown = virt_get(child, VIRT_CR4);
	vmx_set_cr_masks(child, vmx_vp(child)->cr0_mask, mask);
	set_cr4(child, shown);
}
