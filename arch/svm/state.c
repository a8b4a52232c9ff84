/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing a VP's registers: a table for those that are one field of the VMCB, and a
 * case for each of the others. All of them are in memory whenever the hypervisor runs.
 */
#include "arch/svm/svm.h"
#include "arch/x86/switch.h"
#include "x86/compiler.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

#define AT(field) offsetof(struct vmcb_save, field)

/* 0: none, for ES stands there. */
static const uint16_t fields[VIRT_REG_COUNT] = {
	[VIRT_CR2] = AT(cr2),
	[VIRT_STAR] = AT(star),
	[VIRT_LSTAR] = AT(lstar),
	[VIRT_CSTAR] = AT(cstar),
	[VIRT_FMASK] = AT(fmask),
	[VIRT_KERNEL_GS_BASE] = AT(kernel_gs_base),
	[VIRT_CR3] = AT(cr3),
	[VIRT_DR7] = AT(dr7),
	[VIRT_PAT] = AT(pat),
	[VIRT_SYSENTER_CS] = AT(sysenter_cs),
	[VIRT_SYSENTER_ESP] = AT(sysenter_esp),
	[VIRT_SYSENTER_EIP] = AT(sysenter_eip),
};

/* The clean bit of each register, where a processor remembers it; the others come with VMLOAD. */
static const uint32_t clean_bits[VIRT_REG_COUNT] = {
	[VIRT_CR2] = CLEAN_CR2,
	[VIRT_CR0] = CLEAN_CR | CLEAN_INTERCEPTS,
	[VIRT_CR3] = CLEAN_CR,
	[VIRT_CR4] = CLEAN_CR | CLEAN_INTERCEPTS,
	[VIRT_DR6] = CLEAN_DR,
	[VIRT_DR7] = CLEAN_DR,
	[VIRT_EFER] = CLEAN_CR,
	[VIRT_PAT] = CLEAN_NESTED,
	[VIRT_TSC_OFFSET] = CLEAN_INTERCEPTS,
	[VIRT_DEBUGCTL] = CLEAN_BRANCHES,
};

static const uint8_t segments[SEG_AND_TABLE_COUNT] = {
	[SEG_ES] = AT(es),     [SEG_CS] = AT(cs),     [SEG_SS] = AT(ss),     [SEG_DS] = AT(ds),
	[SEG_FS] = AT(fs),     [SEG_GS] = AT(gs),     [SEG_LDTR] = AT(ldtr), [SEG_TR] = AT(tr),
	[SEG_GDTR] = AT(gdtr), [SEG_IDTR] = AT(idtr),
};

/* Those that stay in the processor: extra.c. */
static inline bool is_extra(enum virt_reg reg)
{
	return fields[reg] >= AT(star) && fields[reg] <= AT(sysenter_eip);
}

static inline bool is_extra_segment(enum x86_seg seg)
{
	return seg == SEG_FS || seg == SEG_GS || seg == SEG_LDTR || seg == SEG_TR;
}

static inline uint64_t *field_of(struct vmcb *vmcb, enum virt_reg reg)
{
	return (uint64_t *)(void *)((uint8_t *)&vmcb->save + fields[reg]);
}

static inline struct vmcb_segment *segment_of(struct vmcb *vmcb, enum x86_seg seg)
{
	return (struct vmcb_segment *)(void *)((uint8_t *)&vmcb->save + segments[seg]);
}

static uint64_t get_shadow(struct virt_vp *vp)
{
	return (vmcb_of(vp)->interrupt_state & STATE_SHADOW ? VIRT_SHADOW_MOV_SS : 0) |
	       (inject_nmi_is_blocked(vp) ? VIRT_SHADOW_NMI : 0);
}

static void set_shadow(struct virt_vp *vp, uint64_t value)
{
	vmcb_of(vp)->interrupt_state =
		value & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS) ? STATE_SHADOW : 0;
	if (!(value & VIRT_SHADOW_NMI) != !inject_nmi_is_blocked(vp))
		inject_block_nmi(vp, value & VIRT_SHADOW_NMI);
}

/*
 * Without virtual branch records the processor steps by instructions, whatever BTF says; and a root
 * that uses DEBUGCTL itself has it in its children, too. Only QEMU is such a processor, where
 * DEBUGCTL does nothing.
 */
static uint64_t get_debugctl(struct virt_vp *vp)
{
	return svm_caps.has_branch_records ? vmcb_of(vp)->save.debugctl & DEBUGCTL_BTF
					   : svm_vp(vp)->debugctl;
}

static void set_debugctl(struct virt_vp *vp, uint64_t value)
{
	svm_vp(vp)->debugctl = value;
	if (!svm_caps.has_branch_records)
		return;
	vmcb_of(vp)->save.debugctl = value;
}

/*
 * Caching is the machine's affair, and a machine check in a child must not be the shutdown that it
 * is without MCE: so a child's CD and NW are shown to it and do nothing, and its MCE is always set.
 * While it sees other bits than the processor its reads exit. The root's are real.
 */
static uint64_t get_cr0(struct virt_vp *vp)
{
	return vmcb_of(vp)->save.cr0 | svm_vp(vp)->hidden_cr0;
}

static uint64_t get_cr4(struct virt_vp *vp)
{
	return vmcb_of(vp)->save.cr4 & ~svm_vp(vp)->hidden_cr4;
}

static void set_reads(struct vmcb *vmcb, unsigned int number, bool do_exit)
{
	vmcb->cr_reads &= (uint16_t) ~(1u << number);
	if (do_exit)
		vmcb->cr_reads |= (uint16_t)(1u << number);
}

static void set_cr0(struct virt_vp *vp, uint64_t value)
{
	struct svm_vp *const svm = svm_vp(vp);

	svm->hidden_cr0 = vp->is_root ? 0 : value & (CR0_CD | CR0_NW);
	svm->vmcb->save.cr0 = (value & ~svm->hidden_cr0) | CR0_ET;
	set_reads(svm->vmcb, 0, svm->hidden_cr0);
}

static void set_cr4(struct virt_vp *vp, uint64_t value)
{
	struct svm_vp *const svm = svm_vp(vp);

	svm->hidden_cr4 = vp->is_root ? 0 : ~value & CR4_MCE & svm_caps.cr4_possible;
	svm->vmcb->save.cr4 = value | svm->hidden_cr4;
	set_reads(svm->vmcb, 4, svm->hidden_cr4);
}

/*
 * A child's LME without LMA, which does nothing, is kept out of the VMCB: it takes a write to CR0,
 * which exits, to make it LMA. An exit with it and without CR4.PAE leaves QEMU (7.2) with the
 * guest's CR0 in the host: its do_vmexit() loads CR0 before CR4.
 */
static uint64_t get_efer(struct virt_vp *vp)
{
	return (vmcb_of(vp)->save.efer & ~EFER_SVME) | svm_vp(vp)->idle_lme;
}

static void set_efer(struct virt_vp *vp, uint64_t value)
{
	uint64_t *const idle = &svm_vp(vp)->idle_lme;

	*idle = vp->is_root || (value & EFER_LMA) ? 0 : value & EFER_LME;
	vmcb_of(vp)->save.efer = (value & ~*idle) | EFER_SVME;
}

uint64_t virt_get(struct virt_vp *vp, enum virt_reg reg)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (unlikely(reg >= VIRT_REG_COUNT))
		virt_panic("register %u", reg);
	if (fields[reg]) {
		if (is_extra(reg))
			extra_save(vp);
		return *field_of(vmcb, reg);
	}
	switch (reg) {
	case VIRT_CR0: return get_cr0(vp);
	case VIRT_CR4: return get_cr4(vp);
	case VIRT_EFER: return get_efer(vp);
	case VIRT_DR6: return vp->is_root ? vmcb->save.dr6 : vp->dr6;
	case VIRT_TSC_OFFSET: return vmcb->tsc_offset;
	case VIRT_SHADOW: return get_shadow(vp);
	case VIRT_PENDING_DEBUG: return svm_vp(vp)->pending_debug;
	case VIRT_DEBUGCTL: return get_debugctl(vp);
	case VIRT_PDPTE0 ... VIRT_PDPTE3: return 0;
	default: return switch_get(vp, reg);
	}
}

/* Of registers that the processor checks at an entry, and by which it translates. */
static void note(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	switch (reg) {
	case VIRT_CR0:
	case VIRT_CR3:
	case VIRT_CR4:
	case VIRT_EFER: vp->due |= DUE_FLUSH; break;
	case VIRT_DR7: break;
	default: return;
	}
	inject_want(vp, RARE_UNPROVEN, true);
	if (vp->is_root)
		return;
	if (reg == VIRT_CR4)
		switch_note_cr4(vp, value);
	else if (reg == VIRT_EFER)
		switch_note_efer(vp, value);
	else if (reg == VIRT_DR7)
		switch_note_dr7(vp, value);
}

void virt_set(struct virt_vp *vp, enum virt_reg reg, uint64_t value)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (unlikely(reg >= VIRT_REG_COUNT))
		virt_panic("register %u", reg);
	vp->has_view = false;
	vmcb_dirty(vmcb, clean_bits[reg]);
	note(vp, reg, value);
	if (fields[reg]) {
		if (is_extra(reg))
			extra_save(vp);
		*field_of(vmcb, reg) = value;
		if (reg == VIRT_CR2)
			extra_load_cr2(vp);
		return;
	}
	switch (reg) {
	case VIRT_CR0: set_cr0(vp, value); return;
	case VIRT_CR4: set_cr4(vp, value); return;
	case VIRT_EFER: set_efer(vp, value); return;
	case VIRT_DR6:
		vp->dr6 = value;
		if (vp->is_root)
			vmcb->save.dr6 = value;
		return;
	case VIRT_TSC_OFFSET: vmcb->tsc_offset = value; return;
	case VIRT_SHADOW: set_shadow(vp, value); return;
	case VIRT_PENDING_DEBUG:
		svm_vp(vp)->pending_debug = value;
		inject_want(vp, RARE_DEBUG, value);
		return;
	case VIRT_DEBUGCTL: set_debugctl(vp, value); return;
	case VIRT_SPEC_CTRL:
		vp->due |= DUE_OVERLAY; /* run.c: into the VMCB */
		switch_set(vp, reg, value);
		return;
	case VIRT_PDPTE0 ... VIRT_PDPTE3: return;
	default: switch_set(vp, reg, value); return;
	}
}

/* APM 2 "CPL": the VMCB has one of its own, which real mode and V86 mode do not use. */
static uint8_t cpl_of(struct virt_vp *vp)
{
	const struct vmcb_save *const save = &vmcb_of(vp)->save;

	if (vp->regs.rflags & RFLAGS_VM)
		return 3;
	return save->cr0 & CR0_PE ? save->cpl : 0;
}

/*
 * The attributes of a segment that the guest has loaded, as VM entry on VT-x wants them, for a
 * client may set them again, and there. Not every processor keeps all of it: a segment in use is
 * accessed, a TSS busy, G what the limit says, and V86 mode has no attributes of its own.
 */
#define V86_ATTRIBUTES 0x00f3u

static uint16_t loaded_attributes(struct virt_vp *vp, enum x86_seg seg,
				  const struct vmcb_segment *from)
{
	uint16_t attributes = SEG_ATTRIBUTES(from->attributes);

	if (from->limit > 0xfffff)
		attributes |= SEG_G;
	if ((vp->regs.rflags & RFLAGS_VM) && seg < SEG_LDTR)
		return V86_ATTRIBUTES;
	if ((attributes & SEG_P) && seg == SEG_TR)
		attributes |= TSS_BUSY;
	else if ((attributes & SEG_P) && seg != SEG_LDTR)
		attributes |= SEG_TYPE_ACCESSED;
	if (seg == SEG_SS)
		attributes = (uint16_t)((attributes & ~SEG_DPL) | cpl_of(vp) << SEG_DPL_SHIFT);
	return attributes;
}

void virt_get_segment(struct virt_vp *vp, enum x86_seg seg, struct x86_segment *value)
{
	const struct vmcb_segment *const from = segment_of(vmcb_of(vp), seg);

	if (is_extra_segment(seg))
		extra_save(vp);
	value->base = from->base;
	value->limit = from->limit;
	value->selector = 0;
	value->attributes = 0;
	if (seg >= SEG_COUNT)
		return;
	value->selector = from->selector;
	value->attributes = svm_vp(vp)->given >> seg & 1 ? SEG_ATTRIBUTES(from->attributes)
							 : loaded_attributes(vp, seg, from);
}

/* It reads back as it was set until the processor has it. */
void virt_set_segment(struct virt_vp *vp, enum x86_seg seg, const struct x86_segment *value)
{
	struct vmcb *const vmcb = vmcb_of(vp);
	struct vmcb_segment *const to = segment_of(vmcb, seg);

	vmcb_dirty(vmcb, seg >= SEG_COUNT ? CLEAN_TABLES : CLEAN_SEGMENTS);
	if (is_extra_segment(seg))
		extra_save(vp);
	to->base = value->base;
	to->limit = value->limit;
	if (seg >= SEG_COUNT)
		return;
	vp->has_view = false;
	to->selector = value->selector;
	to->attributes = VMCB_ATTRIBUTES(value->attributes);
	svm_vp(vp)->given |= (uint16_t)(1u << seg);
	inject_want(vp, RARE_UNPROVEN, true);
	if (seg == SEG_SS)
		vmcb->save.cpl = (uint8_t)SEG_ATTR_DPL(value->attributes);
}

static __attribute__((noinline)) void read_view(struct virt_vp *vp)
{
	struct virt_paging *const paging = &vp->view.paging;
	struct vmcb_save *const save = &vmcb_of(vp)->save;

	vp->has_view = true;
	virt_get_segment(vp, SEG_CS, &vp->view.cs);
	vp->view.dr7 = save->dr7;
	vp->view.shadow = (uint8_t)get_shadow(vp);
	paging->cr0 = get_cr0(vp);
	paging->cr3 = save->cr3;
	paging->cr4 = get_cr4(vp);
	paging->efer = get_efer(vp);
	paging->cpl = cpl_of(vp);
}

const struct virt_view *virt_view(struct virt_vp *vp)
{
	if (!vp->has_view)
		read_view(vp);
	vp->view.paging.rflags = vp->regs.rflags;
	return &vp->view;
}
