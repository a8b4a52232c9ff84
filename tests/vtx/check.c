/* SPDX-License-Identifier: MIT */
/*
 * The checks of a VM entry, SDM 3C "VM Entries", in their order: the rule that is broken in words, or NULL. With "unrestricted
 * guest", without SMM, enclaves, CET and protection keys.
 */
#include "tests/vtx/vtx.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define PHYSICAL_BITS 40u
#define UPPER_32      0xffffffff00000000ull

#define MUST(fact, text)             \
	do {                         \
		if (!(fact))         \
			return text; \
	} while (0)

static bool is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool is_page(uint64_t address)
{
	return !PAGE_OFFSET(address) && address < vtx.ram_bytes;
}

static bool is_allowed(uint32_t msr, uint64_t value)
{
	const uint64_t both = vtx_allowed(msr);

	return !(~value & (uint32_t)both) && !(value & ~(both >> 32));
}

static uint32_t proc2_controls(void)
{
	if (!(vtx_get(VMCS_PROC_CONTROLS) & PROC_SECONDARY_CONTROLS))
		return 0;
	return (uint32_t)vtx_get(VMCS_PROC2_CONTROLS);
}

/* ---- Controls ---------------------------------------------------------------------------- */

static const char *check_apic(uint32_t pin, uint32_t proc, uint32_t proc2)
{
	const uint8_t *page;

	if (proc2 & PROC2_APIC_ACCESSES) {
		MUST(is_page(vtx_get(VMCS_APIC_ACCESS_ADDRESS)), "APIC-access address");
		MUST(!(proc2 & PROC2_X2APIC_MODE), "x2APIC mode and APIC accesses at once");
	}
	if (!(proc & PROC_TPR_SHADOW)) {
		MUST(!(proc2 &
		       (PROC2_X2APIC_MODE | PROC2_APIC_REGISTERS | PROC2_INTERRUPT_DELIVERY)),
		     "APIC virtualization without the TPR shadow");
		return NULL;
	}
	MUST(is_page(vtx_get(VMCS_VIRTUAL_APIC_ADDRESS)), "virtual-APIC address");
	if (proc2 & PROC2_INTERRUPT_DELIVERY) {
		MUST(pin & PIN_EXTERNAL_INTERRUPT_EXITING,
		     "interrupt delivery without external-interrupt exiting");
		return NULL;
	}
	MUST(!(vtx_get(VMCS_TPR_THRESHOLD) & ~0xfull), "TPR threshold");
	page = virt_ptr(SPA(vtx_get(VMCS_VIRTUAL_APIC_ADDRESS)));
	MUST((proc2 & PROC2_APIC_ACCESSES) || vtx_get(VMCS_TPR_THRESHOLD) <= page[0x80] >> 4u,
	     "TPR threshold above the TPR");
	return NULL;
}

static const char *check_eptp(uint64_t eptp)
{
	const uint64_t caps = vtx_msr(MSR_VMX_EPT_VPID_CAP)->value;

	MUST((eptp & 7) == 6 && (caps & (1 << 14)), "EPTP memory type");
	MUST((eptp >> 3 & 7) == 3 && (caps & (1 << 6)), "EPTP walk length");
	MUST(!(eptp & 1 << 6) || (caps & (1 << 21)), "EPTP accessed and dirty flags");
	MUST(!(eptp & 0xf80) && is_page(eptp & ~0xfffull), "EPTP");
	return NULL;
}

/* SDM 3C "VM-Entry Control Fields", of event injection. */
static const char *check_injection(void)
{
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	const unsigned int vector = info & INTR_VECTOR;
	const unsigned int type = (info & INTR_TYPE) >> INTR_TYPE_SHIFT;
	const bool has_code = info & INTR_ERROR_CODE;
	const bool pushes = vector < 32 && ((EXC_HAS_ERROR_CODE & ~(1u << EXC_CP)) >> vector & 1);
	const uint64_t length = vtx_get(VMCS_ENTRY_INSTRUCTION_LENGTH);

	if (!(info & INTR_VALID))
		return NULL;
	MUST(type != 1 && type != 7, "injected type");
	MUST(type != INTR_NMI || vector == EXC_NMI, "injected NMI vector");
	MUST(type != INTR_HARD_EXCEPTION || vector < 32, "injected exception vector");
	MUST(has_code ==
		     (type == INTR_HARD_EXCEPTION && pushes && (vtx_get(VMCS_GUEST_CR0) & CR0_PE)),
	     "injected error code, or none");
	MUST(!(info & 0x7ffff000), "injected event's reserved bits");
	MUST(!has_code || !(vtx_get(VMCS_ENTRY_EXCEPTION_ERROR_CODE) & ~0xffffull),
	     "injected error code's upper bits");
	MUST(type < INTR_SOFT_INTERRUPT || (length >= 1 && length <= 15),
	     "injected event's instruction length");
	return NULL;
}

const char *vtx_check_controls(void)
{
	const uint32_t pin = (uint32_t)vtx_get(VMCS_PIN_CONTROLS);
	const uint32_t proc = (uint32_t)vtx_get(VMCS_PROC_CONTROLS);
	const uint32_t proc2 = proc2_controls();
	const uint32_t exits = (uint32_t)vtx_get(VMCS_EXIT_CONTROLS);
	const char *text;

	MUST(is_allowed(MSR_VMX_TRUE_PIN, pin), "pin-based controls");
	MUST(is_allowed(MSR_VMX_TRUE_PROC, proc), "processor-based controls");
	MUST(is_allowed(MSR_VMX_PROC2, proc2), "secondary controls");
	MUST(vtx_get(VMCS_CR3_TARGET_COUNT) <= 4, "CR3-target count");
	MUST(!(proc & PROC_MSR_BITMAPS) || is_page(vtx_get(VMCS_MSR_BITMAPS)), "MSR bitmaps");
	if ((text = check_apic(pin, proc, proc2)))
		return text;
	MUST((pin & PIN_NMI_EXITING) || !(pin & PIN_VIRTUAL_NMIS),
	     "virtual NMIs without NMI exiting");
	MUST((pin & PIN_VIRTUAL_NMIS) || !(proc & PROC_NMI_WINDOW),
	     "NMI window without virtual NMIs");
	MUST(!(proc2 & PROC2_VPID) || vtx_get(VMCS_VPID), "VPID of zero");
	if ((proc2 & PROC2_EPT) && (text = check_eptp(vtx_get(VMCS_EPT_POINTER))))
		return text;
	MUST(!(proc2 & PROC2_UNRESTRICTED_GUEST) || (proc2 & PROC2_EPT),
	     "unrestricted guest without EPT");
	MUST(is_allowed(MSR_VMX_TRUE_EXIT, exits), "VM-exit controls");
	MUST((pin & PIN_PREEMPTION_TIMER) || !(exits & EXIT_SAVE_TIMER),
	     "a timer saved that is not there");
	MUST(!vtx_get(VMCS_EXIT_MSR_STORE_COUNT) && !vtx_get(VMCS_EXIT_MSR_LOAD_COUNT) &&
		     !vtx_get(VMCS_ENTRY_MSR_LOAD_COUNT),
	     "MSR lists");
	MUST(is_allowed(MSR_VMX_TRUE_ENTRY, vtx_get(VMCS_ENTRY_CONTROLS)), "VM-entry controls");
	MUST(!(vtx_get(VMCS_ENTRY_CONTROLS) & 0xc00), "SMM");
	return check_injection();
}

/* ---- Host state -------------------------------------------------------------------------- */

static bool is_fixed(uint32_t first, uint64_t value, uint64_t but)
{
	const uint64_t ones = vtx_msr(first)->value & ~but, may = vtx_msr(first + 1)->value;

	return !(~value & ones) && !(value & ~may);
}

const char *vtx_check_host(void)
{
	static const uint16_t canonical[] = { VMCS_HOST_SYSENTER_ESP, VMCS_HOST_SYSENTER_EIP,
					      VMCS_HOST_FS_BASE,      VMCS_HOST_GS_BASE,
					      VMCS_HOST_TR_BASE,      VMCS_HOST_GDTR_BASE,
					      VMCS_HOST_IDTR_BASE,    VMCS_HOST_RIP };

	MUST(is_fixed(MSR_VMX_CR0_FIXED0, vtx_get(VMCS_HOST_CR0), 0), "host CR0");
	MUST(is_fixed(MSR_VMX_CR4_FIXED0, vtx_get(VMCS_HOST_CR4), 0), "host CR4");
	MUST(!(vtx_get(VMCS_HOST_CR3) >> PHYSICAL_BITS), "host CR3");
	MUST(vtx_get(VMCS_EXIT_CONTROLS) & EXIT_HOST_64_BIT, "host address-space size");
	MUST(vtx_get(VMCS_HOST_CR4) & CR4_PAE, "host CR4.PAE");
	for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++)
		MUST(is_canonical(vtx_get(canonical[i])), "host address");
	MUST(vtx_get(VMCS_HOST_EFER) == (EFER_LME | EFER_LMA | EFER_NXE), "host EFER");
	MUST(vtx_msr_is_legal(vtx_msr(MSR_PAT), vtx_get(VMCS_HOST_PAT)), "host PAT");
	for (uint32_t field = VMCS_HOST_ES_SELECTOR; field <= VMCS_HOST_TR_SELECTOR; field += 2)
		MUST(!(vtx_get(field) & 7), "host selector");
	MUST(vtx_get(VMCS_HOST_CS_SELECTOR) && vtx_get(VMCS_HOST_TR_SELECTOR), "host CS or TR");
	/* This processor's own rule: what the hypervisor relies on. */
	MUST(vtx_get(VMCS_HOST_GS_BASE) == (uintptr_t)vtx.percpu, "host GS base is struct percpu");
	return NULL;
}

/* ---- Guest state ------------------------------------------------------------------------- */

struct guest {
	uint64_t cr0, cr4, rflags;
	bool is_ia32e, is_v86;
};

static const char *check_control_registers(const struct guest *g)
{
	const uint64_t efer = vtx_get(VMCS_GUEST_EFER);

	MUST(is_fixed(MSR_VMX_CR0_FIXED0, g->cr0, CR0_PE | CR0_PG), "CR0");
	MUST(!(g->cr0 & CR0_PG) || (g->cr0 & CR0_PE), "CR0.PG without PE");
	MUST(is_fixed(MSR_VMX_CR4_FIXED0, g->cr4, 0), "CR4");
	MUST(!(vtx_get(VMCS_GUEST_DEBUGCTL) & ~vtx_msr(MSR_DEBUGCTL)->writable), "DEBUGCTL");
	MUST(!g->is_ia32e || ((g->cr0 & CR0_PG) && (g->cr4 & CR4_PAE)),
	     "IA-32e mode without paging or PAE");
	MUST(g->is_ia32e || !(g->cr4 & CR4_PCIDE), "CR4.PCIDE outside IA-32e mode");
	MUST(!(vtx_get(VMCS_GUEST_CR3) >> PHYSICAL_BITS), "CR3");
	MUST(!(vtx_get(VMCS_GUEST_DR7) & UPPER_32), "DR7");
	MUST(is_canonical(vtx_get(VMCS_GUEST_SYSENTER_ESP)) &&
		     is_canonical(vtx_get(VMCS_GUEST_SYSENTER_EIP)),
	     "SYSENTER");
	MUST(vtx_msr_is_legal(vtx_msr(MSR_PAT), vtx_get(VMCS_GUEST_PAT)), "PAT");
	MUST(!(efer & ~vtx_msr(MSR_EFER)->writable), "EFER");
	MUST(!(efer & EFER_LMA) == !g->is_ia32e, "EFER.LMA and the entry control");
	MUST(!(g->cr0 & CR0_PG) || !(efer & EFER_LMA) == !(efer & EFER_LME), "EFER.LMA and LME");
	return NULL;
}

static const char *check_usable(uint32_t rights, uint64_t limit, bool is_system)
{
	MUST(!(rights & SEG_S) == is_system, "S of a segment");
	MUST(rights & SEG_P, "P of a segment");
	MUST(!(rights & 0xfffe0f00u), "reserved access rights");
	MUST((limit & 0xfff) == 0xfff || !(rights & SEG_G),
	     "G of a limit that does not end a page");
	MUST(!(limit & 0xfff00000u) || (rights & SEG_G), "G of a limit of 1 MiB");
	return NULL;
}

static const char *check_code(const struct guest *g, uint32_t rights, uint64_t limit)
{
	const unsigned int type = rights & SEG_TYPE, dpl = SEG_ATTR_DPL(rights);
	const unsigned int ss_dpl =
		SEG_ATTR_DPL((uint32_t)vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_SS)));

	MUST(!(rights & ACCESS_RIGHTS_UNUSABLE), "CS is unusable");
	MUST(type == 3 || type == 9 || type == 11 || type == 13 || type == 15, "CS type");
	MUST(type != 3 || !dpl, "CS.DPL of a data segment");
	MUST((type != 9 && type != 11) || dpl == ss_dpl, "CS.DPL and SS.DPL");
	MUST(type < 13 || dpl <= ss_dpl, "CS.DPL, conforming");
	MUST(!(g->is_ia32e && (rights & SEG_L) && (rights & SEG_DB)), "CS.L and D");
	return check_usable(rights, limit, false);
}

static const char *check_data(enum x86_seg seg, const struct guest *g, uint32_t rights,
			      uint64_t limit)
{
	const unsigned int type = rights & SEG_TYPE;

	if (seg == SEG_SS) {
		const unsigned int cs = vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_CS)) & SEG_TYPE;

		MUST(((g->cr0 & CR0_PE) && cs != 3) || !(rights & SEG_DPL), "SS.DPL in real mode");
	}
	if (rights & ACCESS_RIGHTS_UNUSABLE)
		return NULL;
	if (seg == SEG_SS)
		MUST(type == 3 || type == 7, "SS type");
	else
		MUST((type & 1) && (!(type & 8) || (type & 2)), "type of a data segment");
	return check_usable(rights, limit, false);
}

static const char *check_segment(enum x86_seg seg, const struct guest *g)
{
	const uint32_t rights = (uint32_t)vtx_get(VMCS_GUEST_ACCESS_RIGHTS(seg));
	const uint64_t limit = vtx_get(VMCS_GUEST_LIMIT(seg)), base = vtx_get(VMCS_GUEST_BASE(seg));
	const uint64_t selector = vtx_get(VMCS_GUEST_SELECTOR(seg));

	if (g->is_v86) {
		MUST(base == selector << 4, "base in virtual-8086 mode");
		MUST(limit == 0xffff && rights == 0xf3, "limit or rights in virtual-8086 mode");
		return NULL;
	}
	if (seg == SEG_FS || seg == SEG_GS)
		MUST(is_canonical(base), "base of FS or GS");
	else if (seg == SEG_CS || !(rights & ACCESS_RIGHTS_UNUSABLE))
		MUST(!(base & UPPER_32), "base of a segment");
	return seg == SEG_CS ? check_code(g, rights, limit) : check_data(seg, g, rights, limit);
}

static const char *check_system(const struct guest *g)
{
	const uint32_t tr = (uint32_t)vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_TR));
	const uint32_t ldtr = (uint32_t)vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_LDTR));
	const char *text;

	MUST(!(tr & ACCESS_RIGHTS_UNUSABLE), "TR is unusable");
	MUST(!(vtx_get(VMCS_GUEST_SELECTOR(SEG_TR)) & 4), "TR selector");
	MUST((tr & SEG_TYPE) == 11 || (!g->is_ia32e && (tr & SEG_TYPE) == 3), "TR type");
	MUST(is_canonical(vtx_get(VMCS_GUEST_BASE(SEG_TR))), "TR base");
	if ((text = check_usable(tr, vtx_get(VMCS_GUEST_LIMIT(SEG_TR)), true)))
		return text;
	if (!(ldtr & ACCESS_RIGHTS_UNUSABLE)) {
		MUST(!(vtx_get(VMCS_GUEST_SELECTOR(SEG_LDTR)) & 4), "LDTR selector");
		MUST((ldtr & SEG_TYPE) == 2, "LDTR type");
		MUST(is_canonical(vtx_get(VMCS_GUEST_BASE(SEG_LDTR))), "LDTR base");
		if ((text = check_usable(ldtr, vtx_get(VMCS_GUEST_LIMIT(SEG_LDTR)), true)))
			return text;
	}
	for (unsigned int table = 0; table < 2; table++) {
		MUST(is_canonical(vtx_get(VMCS_GUEST_BASE(SEG_GDTR + table))),
		     "base of GDTR or IDTR");
		MUST(vtx_get(VMCS_GUEST_LIMIT(SEG_GDTR + table)) <= 0xffff,
		     "limit of GDTR or IDTR");
	}
	return NULL;
}

static const char *check_rip_and_rflags(const struct guest *g)
{
	const uint64_t rip = vtx_get(VMCS_GUEST_RIP);
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	const bool is_64 = g->is_ia32e && (vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_CS)) & SEG_L);

	MUST(is_64 || !(rip & UPPER_32), "RIP");
	MUST(!is_64 || (int64_t)rip >> 48 == 0 || (int64_t)rip >> 48 == -1, "RIP, 64-bit");
	MUST(!(g->rflags & ~(uint64_t)(RFLAGS_DEFINED | RFLAGS_ONE)) && (g->rflags & RFLAGS_ONE),
	     "RFLAGS");
	MUST(!(g->rflags & RFLAGS_VM) || (!g->is_ia32e && (g->cr0 & CR0_PE)), "RFLAGS.VM");
	MUST(!(info & INTR_VALID) || (info & INTR_TYPE) || (g->rflags & RFLAGS_IF),
	     "RFLAGS.IF and an external interrupt");
	return NULL;
}

static const char *check_activity(uint64_t activity, uint64_t shadow)
{
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	const unsigned int type = (info & INTR_TYPE) >> INTR_TYPE_SHIFT,
			   vector = info & INTR_VECTOR;
	const bool is_nmi = type == INTR_NMI;
	const bool is_exception = type == INTR_HARD_EXCEPTION;

	MUST(activity <= 3, "activity state");
	MUST(activity != 1 || !(vtx_get(VMCS_GUEST_ACCESS_RIGHTS(SEG_SS)) & SEG_DPL),
	     "HLT with a DPL");
	MUST(!activity || !(shadow & 3), "a shadow in an activity state");
	if (!(info & INTR_VALID) || !activity)
		return NULL;
	if (activity == 1)
		MUST(type == INTR_EXTERNAL || is_nmi ||
			     (is_exception && (vector == EXC_DB || vector == EXC_MC)),
		     "event in HLT");
	else if (activity == 2)
		MUST(is_nmi || (is_exception && vector == EXC_MC), "event in shutdown");
	else
		MUST(false, "event while waiting for a SIPI");
	return NULL;
}

static const char *check_non_register(const struct guest *g)
{
	const uint64_t shadow = vtx_get(VMCS_GUEST_INTERRUPTIBILITY_STATE);
	const uint64_t activity = vtx_get(VMCS_GUEST_ACTIVITY_STATE);
	const uint64_t pending = vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS);
	const uint32_t info = (uint32_t)vtx_get(VMCS_ENTRY_INTERRUPTION_INFO);
	const uint32_t type = info & INTR_VALID ? (info & INTR_TYPE) >> INTR_TYPE_SHIFT : 8;
	const bool is_step =
		(g->rflags & RFLAGS_TF) && !(vtx_get(VMCS_GUEST_DEBUGCTL) & DEBUGCTL_BTF);
	const char *text = check_activity(activity, shadow);

	if (text)
		return text;
	MUST(!(shadow & ~0xfull), "interruptibility state");
	MUST((shadow & 3) != 3, "both shadows");
	MUST(!(shadow & INTERRUPTIBILITY_STI) || (g->rflags & RFLAGS_IF),
	     "STI's shadow and RFLAGS.IF");
	MUST(type != INTR_EXTERNAL || !(shadow & 3), "external interrupt in a shadow");
	/* Some processors ask for STI's to be clear, too. */
	MUST(type != INTR_NMI || !(shadow & 3), "NMI in a shadow");
	MUST(!(shadow & 4), "blocking by SMI");
	MUST(type != INTR_NMI || !(vtx_get(VMCS_PIN_CONTROLS) & PIN_VIRTUAL_NMIS) ||
		     !(shadow & INTERRUPTIBILITY_NMI),
	     "NMI while NMIs are blocked");
	MUST(!(pending & ~0x500full), "pending debug exceptions");
	if ((shadow & 3) || activity == 1)
		MUST(!(pending & PENDING_DEBUG_BS) == !is_step,
		     "pending debug exceptions: BS is not what RFLAGS.TF says");
	MUST(vtx_get(VMCS_LINK_POINTER) == ~0ull, "VMCS link pointer");
	return NULL;
}

static const char *check_pdptes(const struct guest *g)
{
	if (!(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE) || g->is_ia32e)
		return NULL;
	for (uint32_t i = 0; i < 4; i++) {
		const uint64_t entry = vtx_get(VMCS_GUEST_PDPTE0 + 2 * i);

		MUST(!(entry & PTE_P) || !(entry & (~((1ull << PHYSICAL_BITS) - 1) | 0x1e6)),
		     "PDPTE");
	}
	return NULL;
}

const char *vtx_check_guest(void)
{
	static const char *(*const checks[])(const struct guest *) = {
		check_system,
		check_rip_and_rflags,
		check_non_register,
		check_pdptes,
	};
	struct guest g = {
		.cr0 = vtx_get(VMCS_GUEST_CR0),
		.cr4 = vtx_get(VMCS_GUEST_CR4),
		.rflags = vtx_get(VMCS_GUEST_RFLAGS),
		.is_ia32e = vtx_get(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST,
	};
	const char *text = check_control_registers(&g);

	g.is_v86 = (g.rflags & RFLAGS_VM) && !g.is_ia32e && (g.cr0 & CR0_PE);
	for (enum x86_seg seg = SEG_ES; seg <= SEG_GS && !text; seg++)
		text = check_segment(seg, &g);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !text; i++)
		text = checks[i](&g);
	return text;
}
