/* SPDX-License-Identifier: MIT */
/*
 * The guest-state rules of a VM entry, SDM 3C "Checks on the Guest State Area", in its order, as
 * far as WHP's registers can break them; AMD-V's are a subset. This file knows the VP's registers
 * and its doubts, and nothing else.
 */
#include "hv/cpu/entry.h"

#include "hv/cpu/cr.h"
#include "hv/cpu/msr.h"
#include "whp/WinHvRegisterNames.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/rflags.h"
#include "x86/seg.h"

#define UPPER_32 0xffffffff00000000ull

#define V86_LIMIT      0xffffu
#define V86_ATTRIBUTES 0x00f3u

/* The registers that the rules of several parts need. */
struct state {
	struct vp *vp;
	struct virt_paging paging;
	struct x86_segment seg[SEG_COUNT];
	bool is_long, is_v86;
};

/* A rule that is broken: whose, and what it says. */
struct refusal {
	uint32_t name;
	const char *text;
};

static const struct refusal nothing;

static struct refusal refuse(uint32_t name, const char *text)
{
	return (struct refusal) { name, text };
}

static bool is_canonical(uint64_t address)
{
	const unsigned int unused = 64u - virt_machine.linear_bits;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* The rule of an entry for RIP. It may be one bit longer than canonical; the fetch then faults. */
static bool is_extended(uint64_t address)
{
	const int64_t upper = (int64_t)address >> virt_machine.linear_bits;

	return !upper || upper == -1;
}

static struct refusal check_control(const struct state *s)
{
	const uint64_t cr0 = s->paging.cr0, cr4 = s->paging.cr4, efer = s->paging.efer;
	struct vp *const vp = s->vp;
	const char *text;

	if ((text = cr0_refusal(vp, cr0)))
		return refuse(WHvX64RegisterCr0, text);
	if ((text = cr4_refusal(vp, cr4)))
		return refuse(WHvX64RegisterCr4, text);
	if (s->paging.cr3 >> virt_machine.physical_bits)
		return refuse(WHvX64RegisterCr3,
			      "CR3 has a bit set above the physical address width");
	if ((text = efer_refusal(vp, efer)))
		return refuse(WHvX64RegisterEfer, text);
	if ((cr0 & CR0_PG) && !(efer & EFER_LMA) != !(efer & EFER_LME))
		return refuse(WHvX64RegisterEfer,
			      "EFER.LMA differs from EFER.LME while CR0.PG is set");
	if (s->is_long && !(cr0 & CR0_PG))
		return refuse(WHvX64RegisterCr0, "CR0.PG is clear in long mode (EFER.LMA)");
	if (s->is_long && !(cr4 & CR4_PAE))
		return refuse(WHvX64RegisterCr4, "CR4.PAE is clear in long mode (EFER.LMA)");
	if (!s->is_long && (cr4 & CR4_PCIDE))
		return refuse(WHvX64RegisterCr4, "CR4.PCIDE is set outside long mode");
	if (virt_get(vp->virt, VIRT_DR7) & UPPER_32)
		return refuse(WHvX64RegisterDr7, "DR7 has a bit of the upper half set");
	if (!is_canonical(virt_get(vp->virt, VIRT_SYSENTER_ESP)))
		return refuse(WHvX64RegisterSysenterEsp, "the address is not canonical");
	if (!is_canonical(virt_get(vp->virt, VIRT_SYSENTER_EIP)))
		return refuse(WHvX64RegisterSysenterEip, "the address is not canonical");
	if (!msr_pat_is_legal(virt_get(vp->virt, VIRT_PAT)))
		return refuse(WHvX64RegisterPat, "PAT has a memory type that does not exist");
	return nothing;
}

static const uint32_t names[SEG_COUNT] = {
	[SEG_ES] = WHvX64RegisterEs,	 [SEG_CS] = WHvX64RegisterCs, [SEG_SS] = WHvX64RegisterSs,
	[SEG_DS] = WHvX64RegisterDs,	 [SEG_FS] = WHvX64RegisterFs, [SEG_GS] = WHvX64RegisterGs,
	[SEG_LDTR] = WHvX64RegisterLdtr, [SEG_TR] = WHvX64RegisterTr,
};

/* Attributes that every usable segment obeys. */
static const char *check_attributes(const struct x86_segment *seg, bool is_system)
{
	if (!(seg->attributes & SEG_P))
		return "the segment is not present";
	if (is_system != !(seg->attributes & SEG_S))
		return is_system ? "the S bit says code or data" : "the S bit says system segment";
	if ((seg->limit & 0xfff) != 0xfff && (seg->attributes & SEG_G))
		return "the limit does not end a page, but the G bit is set";
	if ((seg->limit & 0xfff00000u) && !(seg->attributes & SEG_G))
		return "the limit is 1 MiB or more, but the G bit is clear";
	return NULL;
}

static const char *check_v86(const struct x86_segment *seg)
{
	if (seg->base != (uint64_t)seg->selector << 4)
		return "the base is not 16 times the selector in virtual-8086 mode";
	if (seg->limit != V86_LIMIT)
		return "the limit is not FFFFh in virtual-8086 mode";
	if (seg->attributes != V86_ATTRIBUTES)
		return "the attributes are not F3h in virtual-8086 mode";
	return NULL;
}

static const char *check_cs(const struct state *s)
{
	const struct x86_segment *const cs = &s->seg[SEG_CS];
	const unsigned int type = cs->attributes & SEG_TYPE;
	const unsigned int dpl = SEG_ATTR_DPL(cs->attributes);
	const unsigned int ss_dpl = SEG_ATTR_DPL(s->seg[SEG_SS].attributes);
	const char *const text = check_attributes(cs, false);

	if (text)
		return text;
	switch (type) {
	case 3:
		if (dpl)
			return "CS is a data segment with a DPL other than 0";
		break;
	case 9:
	case 11:
		if (dpl != ss_dpl)
			return "CS.DPL differs from SS.DPL";
		break;
	case 13:
	case 15:
		if (dpl > ss_dpl)
			return "CS is conforming and CS.DPL is above SS.DPL";
		break;
	default: return "the type is not an accessed code segment";
	}
	if (s->is_long && (cs->attributes & SEG_L) && (cs->attributes & SEG_DB))
		return "CS.L and CS.D are both set in long mode";
	if (cs->base & UPPER_32)
		return "the base has a bit of the upper half set";
	return NULL;
}

static const char *check_ss(const struct state *s)
{
	const struct x86_segment *const ss = &s->seg[SEG_SS];
	const unsigned int type = ss->attributes & SEG_TYPE;
	const bool is_data_cs = (s->seg[SEG_CS].attributes & SEG_TYPE) == 3;

	if ((!(s->paging.cr0 & CR0_PE) || is_data_cs) && SEG_ATTR_DPL(ss->attributes))
		return "SS.DPL is not 0 in real mode";
	if (!(ss->attributes & SEG_P))
		return NULL;
	if (type != 3 && type != 7)
		return "the type is not an accessed writable data segment";
	if (ss->base & UPPER_32)
		return "the base has a bit of the upper half set";
	return check_attributes(ss, false);
}

/* DS, ES, FS, GS. */
static const char *check_data(const struct state *s, unsigned int i)
{
	const struct x86_segment *const seg = &s->seg[i];
	const unsigned int type = seg->attributes & SEG_TYPE;

	if (i == SEG_FS || i == SEG_GS) {
		if (!is_canonical(seg->base))
			return "the base is not canonical";
	} else if ((seg->attributes & SEG_P) && (seg->base & UPPER_32)) {
		return "the base has a bit of the upper half set";
	}
	if (!(seg->attributes & SEG_P))
		return NULL;
	if (!(type & SEG_TYPE_ACCESSED))
		return "the type's accessed bit is clear";
	if ((type & SEG_TYPE_CODE) && !(type & SEG_TYPE_READABLE))
		return "the type is code that cannot be read";
	return check_attributes(seg, false);
}

static const char *check_tr(const struct state *s)
{
	const struct x86_segment *const tr = &s->seg[SEG_TR];
	const unsigned int type = tr->attributes & SEG_TYPE;

	if (tr->selector & SEG_SELECTOR_TI)
		return "the selector points into the LDT";
	if (type != SEG_TYPE_TSS_BUSY && (s->is_long || type != SEG_TYPE_TSS16_BUSY))
		return "the type is not a busy TSS of this mode";
	if (!is_canonical(tr->base))
		return "the base is not canonical";
	return check_attributes(tr, true);
}

static const char *check_ldtr(const struct state *s)
{
	const struct x86_segment *const ldtr = &s->seg[SEG_LDTR];

	if (!(ldtr->attributes & SEG_P))
		return NULL;
	if (ldtr->selector & SEG_SELECTOR_TI)
		return "the selector points into the LDT";
	if ((ldtr->attributes & SEG_TYPE) != SEG_TYPE_LDT)
		return "the type is not an LDT";
	if (!is_canonical(ldtr->base))
		return "the base is not canonical";
	return check_attributes(ldtr, true);
}

static const char *check_segment(const struct state *s, unsigned int i)
{
	switch (i) {
	case SEG_TR: return check_tr(s);
	case SEG_LDTR: return check_ldtr(s);
	default: break;
	}
	if (s->is_v86)
		return check_v86(&s->seg[i]);
	switch (i) {
	case SEG_CS: return check_cs(s);
	case SEG_SS: return check_ss(s);
	default: return check_data(s, i);
	}
}

static struct refusal check_segments(const struct state *s)
{
	struct x86_segment table;

	for (unsigned int i = 0; i < SEG_COUNT; i++) {
		const char *const text = check_segment(s, i);

		if (text)
			return refuse(names[i], text);
	}
	virt_get_segment(s->vp->virt, SEG_GDTR, &table);
	if (!is_canonical(table.base))
		return refuse(WHvX64RegisterGdtr, "the base is not canonical");
	virt_get_segment(s->vp->virt, SEG_IDTR, &table);
	if (!is_canonical(table.base))
		return refuse(WHvX64RegisterIdtr, "the base is not canonical");
	return nothing;
}

/*
 * SYSRET of AMD's takes any address, and the fetch there faults (APM 3 "SYSRET"): only one that was
 * set is refused.
 */
static bool reaches_any_rip(const struct vp *vp)
{
	return !virt_machine.checks_entry && !(vp->doubts & DOUBT_RIP);
}

static struct refusal check_rip_and_rflags(const struct state *s)
{
	const struct virt_regs *const regs = virt_regs(s->vp->virt);
	const bool is_64bit = s->is_long && (s->seg[SEG_CS].attributes & SEG_L);

	if (!is_64bit && (regs->rip & UPPER_32))
		return refuse(WHvX64RegisterRip,
			      "RIP has a bit of the upper half set outside 64-bit mode");
	if (is_64bit && !is_extended(regs->rip) && !reaches_any_rip(s->vp))
		return refuse(WHvX64RegisterRip, "RIP is not canonical");
	if (regs->rflags & ~(uint64_t)(RFLAGS_DEFINED | RFLAGS_ONE))
		return refuse(WHvX64RegisterRflags, "RFLAGS has a reserved bit set");
	if (!(regs->rflags & RFLAGS_ONE))
		return refuse(WHvX64RegisterRflags, "RFLAGS bit 1 is clear");
	if (regs->rflags & RFLAGS_VM && !s->is_v86)
		return refuse(WHvX64RegisterRflags, "RFLAGS.VM is set in long mode or real mode");
	return nothing;
}

static struct refusal check_non_register(const struct state *s)
{
	struct vp *const vp = s->vp;
	const uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW);
	const uint64_t rflags = virt_regs(vp->virt)->rflags;
	const bool is_step = virt_get(vp->virt, VIRT_PENDING_DEBUG) & DR6_BS;

	if ((shadow & VIRT_SHADOW_STI) && (shadow & VIRT_SHADOW_MOV_SS))
		return refuse(WHvRegisterInterruptState, "shadows of STI and of MOV SS at once");
	if ((shadow & VIRT_SHADOW_STI) && !(rflags & RFLAGS_IF))
		return refuse(WHvRegisterInterruptState, "shadow of STI while RFLAGS.IF is clear");
	/*
	 * With DEBUGCTL.BTF the trap is of branches; the back end knows, and sees to it before each
	 * entry. AMD-V has no such rule: the step is not yet begun.
	 */
	if (virt_machine.checks_entry && (shadow & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS)) &&
	    is_step != !!(rflags & RFLAGS_TF))
		return refuse(WHvX64RegisterPendingDebugException,
			      "in a shadow the pending single step differs from RFLAGS.TF");
	return nothing;
}

static struct refusal check_pdptes(const struct state *s)
{
	if (!virt_machine.has_pdptes || !(s->paging.cr0 & CR0_PG) || !(s->paging.cr4 & CR4_PAE) ||
	    s->is_long)
		return nothing;
	if (!cr_pdptes_are_legal(s->paging.pdpte))
		return refuse(WHvX64RegisterCr3,
			      "CR3 points at PAE entries with a reserved bit set");
	return nothing;
}

const char *entry_broken_rule(struct vp *vp, uint32_t *name)
{
	static struct refusal (*const checks[])(const struct state *s) = {
		check_control,	    check_segments, check_rip_and_rflags,
		check_non_register, check_pdptes,
	};
	struct state s = { .vp = vp };

	virt_get_paging(vp->virt, &s.paging);
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		virt_get_segment(vp->virt, (enum x86_seg)i, &s.seg[i]);
	s.is_long = s.paging.efer & EFER_LMA;
	s.is_v86 =
		(virt_regs(vp->virt)->rflags & RFLAGS_VM) && !s.is_long && (s.paging.cr0 & CR0_PE);

	for (unsigned int i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		const struct refusal refusal = checks[i](&s);

		*name = refusal.name;
		if (refusal.text)
			return refusal.text;
	}
	return NULL;
}

const char *entry_refusal(struct vp *vp, uint32_t *name)
{
	const char *const text = entry_broken_rule(vp, name);

	if (text)
		return text;
	/* A register must be named: the event, if there was one, or where the guest stands. */
	*name = WHvX64RegisterRip;
	if (vp->pending_is_injected)
		*name = vp->pending_is_event ? (uint32_t)WHvRegisterPendingEvent
					     : (uint32_t)WHvRegisterPendingInterruption;
	return ENTRY_NO_RULE;
}
