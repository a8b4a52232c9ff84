// SPDX-License-Identifier: MIT
/*
 * The registers of a VP by name: each can be set and read back, of the root and of a child, current or not; what is set is
 * what the guest sees; and in each mode the VMCS is one that the processor enters.
 */
#include "tests/unit/vmx.h"
#include "x86/paging.h"

/* ---- One after the other ----------------------------------------------------------------- */

/* Values that every VP may be given; a child's alone where `is_childs`. */
static const struct {
	enum virt_reg reg;
	uint64_t value[3];
	bool is_childs;
} rows[] = {
	{ VIRT_CR2, { 0, 0xffff800012345678, 0x7fffffffffff }, false },
	{ VIRT_CR3, { 0, 0x12345000, 0xfffffff000 }, false },
	{ VIRT_DR0, { 0, 0x1234, 0xffff800000000000 }, false },
	{ VIRT_DR1, { 0, 0x2345, 0xffff800000000001 }, false },
	{ VIRT_DR2, { 0, 0x3456, 0xffff800000000002 }, false },
	{ VIRT_DR3, { 0, 0x4567, 0xffff800000000003 }, false },
	{ VIRT_DR6, { DR6_INIT, DR6_INIT | 0xf, DR6_INIT | 0xe000 }, false },
	{ VIRT_DR7, { DR7_INIT, DR7_INIT | 0xff, DR7_INIT | 0xffff0000 }, false },
	{ VIRT_PAT, { PAT_RESET, 0, 0x0606060606060606 }, false },
	{ VIRT_SYSENTER_CS, { 0, 8, 0xffffffff }, false },
	{ VIRT_SYSENTER_ESP, { 0, 0x1000, 0xffff800000001000 }, false },
	{ VIRT_SYSENTER_EIP, { 0, 0x2000, 0xffff800000002000 }, false },
	{ VIRT_STAR, { 0, 0x0023001000000000, ~0ull }, false },
	{ VIRT_LSTAR, { 0, 0x3000, 0xffff800000003000 }, false },
	{ VIRT_CSTAR, { 0, 0x4000, 0xffff800000004000 }, false },
	{ VIRT_FMASK, { 0, 0x47700, 0xffffffff }, false },
	{ VIRT_KERNEL_GS_BASE, { 0, 0x5000, 0xffff800000005000 }, false },
	{ VIRT_TSC_OFFSET, { 0, ~0ull, 0x123456789abcdef0 }, false },
	{ VIRT_PDPTE0, { 0, 0x1001, 0xfffffff001 }, false },
	{ VIRT_PDPTE1, { 0, 0x2001, 0xfffffff001 }, false },
	{ VIRT_PDPTE2, { 0, 0x3001, 0xfffffff001 }, false },
	{ VIRT_PDPTE3, { 0, 0x4001, 0xfffffff001 }, false },
	{ VIRT_SHADOW, { 0, VIRT_SHADOW_MOV_SS, VIRT_SHADOW_STI | VIRT_SHADOW_NMI }, false },
	{ VIRT_TSC_AUX, { 0, 7, 0xffffffff }, false },
	{ VIRT_DEBUGCTL, { 0, DEBUGCTL_BTF, 0 }, false },
	{ VIRT_XCR0, { XCR0_X87, XCR0_X87 | XCR0_SSE, XCR0_X87 | XCR0_SSE | XCR0_AVX }, true },
	{ VIRT_XSS, { 0, 0, 0 }, true },
	{ VIRT_SPEC_CTRL, { 0, SPEC_CTRL_IBRS, SPEC_CTRL_STIBP | SPEC_CTRL_SSBD }, true },
};

/* Each register of the enum has a row, or a test of its own below. */
static void every_register_is_tested(void)
{
	static const enum virt_reg others[] = { VIRT_CR0, VIRT_CR4, VIRT_EFER, VIRT_PENDING_DEBUG };

	for (enum virt_reg reg = 0; reg < VIRT_REG_COUNT; reg++) {
		unsigned int n = 0;

		for (size_t i = 0; i < COUNT(rows); i++)
			n += rows[i].reg == reg;
		for (size_t i = 0; i < COUNT(others); i++)
			n += others[i] == reg;
		CHECK_EQ(n, 1);
	}
}

static void check_all(struct virt_vp *vp, unsigned int turn)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!rows[i].is_childs || vp == child)
			CHECK_EQ(virt_get(vp, rows[i].reg), rows[i].value[(turn + i) % 3]);
}

static void set_all(struct virt_vp *vp, unsigned int turn)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if (!rows[i].is_childs || vp == child)
			virt_set(vp, rows[i].reg, rows[i].value[(turn + i) % 3]);
}

/* None disturbs another, and neither do those of another VP, nor whose VMCS is current, nor who is switched in. */
static void what_is_set_is_read(void)
{
	machine(0);
	for (unsigned int turn = 0; turn < 6; turn++) {
		set_all(root, turn);
		set_all(child, turn + 1);
		check_all(root, turn);
		check_all(child, turn + 1);
		if (turn & 1)
			virt_switch(child, root);
		else
			virt_switch(root, child);
		check_all(root, turn);
		check_all(child, turn + 1);
		set_all(child, turn);
		check_all(root, turn);
		check_all(child, turn);
	}
}

/* SDM 3C "Guest Non-Register State": the bit that says that one of the breakpoints was enabled is Whit's affair. */
static void a_pending_breakpoint_needs_one_that_is_enabled(void)
{
	machine(0);
	for (unsigned int dr7 = 0; dr7 < 256; dr7++)
		for (unsigned int met = 0; met < 16; met++) {
			bool is_enabled = false;
			uint64_t now;

			for (unsigned int i = 0; i < 4; i++)
				is_enabled |= (met >> i & 1) && (dr7 >> (2 * i) & 3);
			virt_set(child, VIRT_DR7, DR7_INIT | dr7);
			virt_set(child, VIRT_PENDING_DEBUG, met | PENDING_DEBUG_BS);
			now = vtx_get(VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS);
			CHECK_EQ(now & (0xf | PENDING_DEBUG_BS), met | PENDING_DEBUG_BS);
			CHECK_EQ(!!(now & PENDING_DEBUG_ENABLED), is_enabled);
		}
}

/* ---- Segments ---------------------------------------------------------------------------- */

static void segments_are_read_as_they_were_set(void)
{
	machine(0);
	for (unsigned int round = 0; round < 300; round++)
		for (enum x86_seg seg = SEG_ES; seg < SEG_COUNT; seg++) {
			const struct x86_segment set = {
				.base = vtx_random(),
				.limit = (uint32_t)vtx_random(),
				.selector = (uint16_t)vtx_random(),
				.attributes = (uint16_t)vtx_random(),
			};
			struct x86_segment got;

			virt_set_segment(child, seg, &set);
			virt_get(root, VIRT_CR3);
			virt_get_segment(child, seg, &got);
			CHECK_EQ(got.base, set.base);
			CHECK_EQ(got.limit, set.limit);
			CHECK_EQ(got.selector, set.selector);
			CHECK_EQ(got.attributes, set.attributes & 0xf0ff);
			/* What is not present is unusable to the processor. */
			virt_get(child, VIRT_CR3);
			CHECK_EQ(!(vtx_get(VMCS_GUEST_ACCESS_RIGHTS(seg)) & ACCESS_RIGHTS_UNUSABLE),
				 !!(set.attributes & SEG_P));
		}
}

/* ---- Modes ------------------------------------------------------------------------------- */

#define MODE_CR0 (CR0_PE | CR0_PG | CR0_ET)

static const struct {
	const char *name;
	uint64_t cr0, cr4, efer, rflags;
	uint16_t cs, data;
} modes[] = {
	{ "real", CR0_ET, 0, 0, RFLAGS_ONE, 0x9b, 0x93 },
	{ "protected", CR0_PE | CR0_ET, 0, 0, RFLAGS_ONE, 0xc09b, 0xc093 },
	{ "32-bit paging", MODE_CR0, CR4_PSE, 0, RFLAGS_ONE, 0xc09b, 0xc093 },
	{ "PAE paging", MODE_CR0, CR4_PAE, 0, RFLAGS_ONE, 0xc09b, 0xc093 },
	{ "V86", MODE_CR0, CR4_VME, 0, RFLAGS_ONE | RFLAGS_VM, 0xf3, 0xf3 },
	{ "compatibility", MODE_CR0, CR4_PAE, EFER_LME | EFER_LMA, RFLAGS_ONE, 0xc09b, 0xc093 },
	{ "64-bit", MODE_CR0 | CR0_WP, CR4_PAE | CR4_OSXSAVE, EFER_LME | EFER_LMA | EFER_NXE,
	  RFLAGS_ONE, 0xa09b, 0xc093 },
	{ "64-bit, LME alone", CR0_PE | CR0_ET, CR4_PAE, EFER_LME | EFER_SCE, RFLAGS_ONE, 0xc09b,
	  0xc093 },
};

static void set_mode(unsigned int mode)
{
	struct x86_segment value = { .limit = 0xffffffff, .attributes = modes[mode].data };

	if (!(value.attributes & SEG_G))
		value.limit = 0xffff;
	virt_set(child, VIRT_CR0, modes[mode].cr0);
	virt_set(child, VIRT_CR4, modes[mode].cr4);
	virt_set(child, VIRT_EFER, modes[mode].efer);
	for (enum x86_seg seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_segment(child, seg, &value);
	value.attributes = modes[mode].cs;
	virt_set_segment(child, SEG_CS, &value);
	child->regs.rip = 0x1234;
	child->regs.rflags = modes[mode].rflags;
	child->regs.changed = true;
}

/* From each to each; the model makes the processor's checks, EFER.LMA against the entry control among them. */
static void the_processor_enters_every_mode(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++) {
		machine(set);
		for (unsigned int i = 0; i < COUNT(modes) * COUNT(modes); i++) {
			const unsigned int mode = i % COUNT(modes);

			set_mode(i / COUNT(modes));
			if ((modes[mode].cr4 & ~virt_machine.cr4_possible))
				continue;
			set_mode(mode);
			CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
			CHECK_EQ(virt_get(child, VIRT_CR0), modes[mode].cr0);
			CHECK_EQ(virt_get(child, VIRT_CR4), modes[mode].cr4);
			CHECK_EQ(virt_get(child, VIRT_EFER), modes[mode].efer);
			CHECK_EQ(child->regs.rip, 0x1234);
			CHECK_EQ(child->regs.rflags, modes[mode].rflags);
			CHECK_EQ(!!(vtx_get(VMCS_ENTRY_CONTROLS) & ENTRY_IA32E_MODE_GUEST),
				 !!(modes[mode].efer & EFER_LMA));
		}
	}
}

static void spoil(unsigned int how)
{
	const struct x86_segment none = { .selector = 0 };

	switch (how) {
	case 0: child->regs.rflags = 0; break;
	case 1: virt_set(child, VIRT_CR3, 1ull << 41); break;
	case 2: virt_set(child, VIRT_PAT, 2); break;
	case 3: virt_set_segment(child, SEG_TR, &none); break;
	case 4: virt_set_segment(child, SEG_CS, &none); break;
	default: virt_set(child, VIRT_SHADOW, VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS); break;
	}
	child->regs.changed = true;
}

/* One wrong thing, and it is told, nothing having run; put right, the VP goes on. */
static void what_cannot_be_entered_is_told(void)
{
	struct x86_segment tr;

	machine(0);
	virt_get_segment(child, SEG_TR, &tr);
	for (unsigned int i = 0; i < 6 * COUNT(modes); i++) {
		struct virt_exit exit;

		set_mode(i / 6);
		spoil(i % 6);
		exit = run(child);
		CHECK_EQ(exit.reason, VIRT_EXIT_INVALID_STATE);
		CHECK_EQ(exit.insn_length, 0);
		CHECK(vtx.refusal);
		set_mode(i / 6);
		virt_set(child, VIRT_CR3, 0);
		virt_set(child, VIRT_PAT, PAT_RESET);
		virt_set(child, VIRT_SHADOW, 0);
		virt_set_segment(child, SEG_TR, &tr);
		CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	}
}

/* ---- CR0 and CR4: the guest's view and the processor's ----------------------------------- */

/* SDM 3C "Guest/Host Masks and Read Shadows": what a MOV from CR0 gives. */
static uint64_t seen(uint32_t real, uint32_t mask, uint32_t shadow)
{
	return (vtx_get(real) & ~vtx_get(mask)) | (vtx_get(shadow) & vtx_get(mask));
}

static void a_child_sees_what_was_set(void)
{
	machine(0);
	for (unsigned int i = 0; i < 2000; i++) {
		const uint64_t cr0 = (vtx_random() & 0xe005003f) | CR0_ET;
		const uint64_t cr4 = vtx_random() & virt_machine.cr4_possible;

		virt_set(child, VIRT_CR0, cr0);
		virt_set(child, VIRT_CR4, cr4);
		CHECK_EQ(virt_get(child, VIRT_CR0), cr0);
		CHECK_EQ(virt_get(child, VIRT_CR4), cr4);
		CHECK_EQ(seen(VMCS_GUEST_CR0, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW), cr0);
		CHECK_EQ(seen(VMCS_GUEST_CR4, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW), cr4);
		/* Caching is the machine's; NE, VMXE and MCE are on whatever the guest sees. */
		CHECK(!(vtx_get(VMCS_GUEST_CR0) & (CR0_CD | CR0_NW)));
		CHECK(vtx_get(VMCS_GUEST_CR0) & CR0_NE);
		CHECK_EQ(vtx_get(VMCS_GUEST_CR4) & (CR4_VMXE | CR4_MCE), CR4_VMXE | CR4_MCE);
		/* None of these is the guest's to write unseen. */
		CHECK_EQ(vtx_get(VMCS_CR4_GUEST_HOST_MASK) &
				 (CR4_VMXE | CR4_SMXE | CR4_MCE | CR4_OSXSAVE | CR4_PCIDE),
			 CR4_VMXE | CR4_SMXE | CR4_MCE | CR4_OSXSAVE | CR4_PCIDE);
		CHECK_EQ(vtx_get(VMCS_CR0_GUEST_HOST_MASK) & (CR0_CD | CR0_NW | CR0_NE),
			 CR0_CD | CR0_NW | CR0_NE);
	}
}

/* hv/ may allow what it likes: these are noticed all the same. */
static void no_child_owns_what_must_be_noticed(void)
{
	const uint64_t noticed = CR4_VMXE | CR4_SMXE | CR4_MCE | CR4_OSXSAVE;

	machine(0);
	virt_configure(child, &(const struct virt_config) { .cr4 = ~0ull });
	CHECK_EQ(vtx_get(VMCS_CR4_GUEST_HOST_MASK) & noticed, noticed);
	CHECK_EQ(~vtx_get(VMCS_CR4_GUEST_HOST_MASK), virt_machine.cr4_possible & ~noticed);
	virt_configure(child, &(const struct virt_config) { .cr4 = 0 });
	CHECK_EQ(~vtx_get(VMCS_CR4_GUEST_HOST_MASK), 0);
}

/* The bits that the guest owns it changes without an exit, and they are read from the processor. */
static void bits_that_the_guest_owns_are_read_back(void)
{
	uint64_t own;

	machine(0);
	set_mode(6);
	own = CR4_PAE & ~vtx_get(VMCS_CR4_GUEST_HOST_MASK);
	CHECK_EQ(own, CR4_PAE);
	vtx_put(VMCS_GUEST_CR0, vtx_get(VMCS_GUEST_CR0) | CR0_TS);
	CHECK_EQ(virt_get(child, VIRT_CR0), modes[6].cr0 | CR0_TS);
	vtx_put(VMCS_GUEST_CR4, vtx_get(VMCS_GUEST_CR4) | CR4_FSGSBASE);
	CHECK_EQ(virt_get(child, VIRT_CR4), modes[6].cr4 | CR4_FSGSBASE);
}

/* The root's caching is the machine's: VM entries leave CD and NW alone, so they are set at once. */
static void the_roots_caching_is_real(void)
{
	machine(0);
	virt_set(root, VIRT_CR0, CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_CD);
	CHECK_EQ(vtx.cr0 & (CR0_CD | CR0_NW), CR0_CD);
	virt_set(child, VIRT_CR0, CR0_ET);
	CHECK_EQ(vtx.cr0 & (CR0_CD | CR0_NW), CR0_CD);
	virt_set(root, VIRT_CR0, CR0_PE | CR0_PG | CR0_NE | CR0_ET);
	CHECK_EQ(vtx.cr0 & (CR0_CD | CR0_NW), 0);
}

/* ---- The view ---------------------------------------------------------------------------- */

static void check_view(struct virt_vp *vp)
{
	const struct virt_view *const view = virt_view(vp);
	struct x86_segment cs, ss;

	virt_get_segment(vp, SEG_CS, &cs);
	virt_get_segment(vp, SEG_SS, &ss);
	CHECK_EQ(view->paging.cr0, virt_get(vp, VIRT_CR0));
	CHECK_EQ(view->paging.cr3, virt_get(vp, VIRT_CR3));
	CHECK_EQ(view->paging.cr4, virt_get(vp, VIRT_CR4));
	CHECK_EQ(view->paging.efer, virt_get(vp, VIRT_EFER));
	CHECK_EQ(view->paging.rflags, vp->regs.rflags);
	CHECK_EQ(view->paging.cpl, SEG_ATTR_DPL(ss.attributes));
	CHECK_EQ(view->dr7, virt_get(vp, VIRT_DR7));
	CHECK_EQ(view->shadow, virt_get(vp, VIRT_SHADOW));
	CHECK_EQ(view->cs.base, cs.base);
	CHECK_EQ(view->cs.limit, cs.limit);
	CHECK_EQ(view->cs.selector, cs.selector);
	CHECK_EQ(view->cs.attributes, cs.attributes);
	if ((view->paging.cr0 & CR0_PG) && (view->paging.cr4 & CR4_PAE) &&
	    !(view->paging.efer & EFER_LMA))
		for (unsigned int i = 0; i < 4; i++)
			CHECK_EQ(view->paging.pdpte[i], virt_get(vp, VIRT_PDPTE0 + i));
}

/* It is read once, so whatever changes the state has to make it read again. */
static void the_view_is_never_stale(void)
{
	struct x86_segment ss = { .limit = 0xffff, .attributes = 0xf3 };

	machine(0);
	for (unsigned int mode = 0; mode < COUNT(modes); mode++) {
		set_mode(mode);
		check_view(child);
		for (size_t i = 0; i < COUNT(rows); i++)
			for (unsigned int k = 0; k < 3; k++) {
				virt_set(child, rows[i].reg, rows[i].value[k]);
				check_view(child);
			}
		virt_set(child, VIRT_SHADOW, 0);
		virt_set(child, VIRT_DEBUGCTL, 0);
		for (unsigned int k = 0; k < 4; k++)
			virt_set(child, VIRT_PDPTE0 + k, 0);
		check_view(child);
		then(REASON_CPUID, 0);
		with(VMCS_GUEST_CR3, 0x7000);
		with(VMCS_GUEST_DR7, DR7_INIT | 3);
		with(VMCS_GUEST_RFLAGS, modes[mode].rflags | RFLAGS_CF);
		run(child);
		check_view(child);
		CHECK_EQ(virt_view(child)->paging.cr3, 0x7000);
	}
	virt_set_segment(child, SEG_SS, &ss);
	check_view(child);
	check_view(root);
}

/* ---- Reset ------------------------------------------------------------------------------- */

/* SDM 3A "Processor State After Reset" and "... After Power-up, Reset, or INIT" */
static void check_reset(bool is_init, uint64_t caching)
{
	static const uint64_t zero[16];
	struct x86_segment cs, ds;

	CHECK_EQ(child->regs.rip, 0xfff0);
	CHECK_EQ(child->regs.rflags, RFLAGS_ONE);
	CHECK(!memcmp(child->regs.gpr, zero, sizeof(zero)));
	CHECK_EQ(virt_get(child, VIRT_CR0), CR0_ET | caching);
	CHECK_EQ(virt_get(child, VIRT_CR2), 0);
	CHECK_EQ(virt_get(child, VIRT_CR3), 0);
	CHECK_EQ(virt_get(child, VIRT_CR4), 0);
	CHECK_EQ(virt_get(child, VIRT_EFER), 0);
	CHECK_EQ(virt_get(child, VIRT_DR6), DR6_INIT);
	CHECK_EQ(virt_get(child, VIRT_DR7), DR7_INIT);
	CHECK_EQ(virt_get(child, VIRT_SHADOW), 0);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(virt_get(child, VIRT_DR0 + i), 0);
	virt_get_segment(child, SEG_CS, &cs);
	virt_get_segment(child, SEG_DS, &ds);
	CHECK_EQ(cs.base, 0xffff0000);
	CHECK_EQ(cs.selector, 0xf000);
	CHECK_EQ(cs.limit, 0xffff);
	CHECK_EQ(cs.attributes, 0x9b);
	CHECK_EQ(ds.base, 0);
	CHECK_EQ(ds.limit, 0xffff);
	CHECK_EQ(ds.attributes, 0x93);
	CHECK_EQ(virt_get(child, VIRT_PAT), is_init ? 0 : PAT_RESET);
	CHECK_EQ(virt_get(child, VIRT_SYSENTER_ESP), is_init ? 0x1000 : 0);
	CHECK_EQ(virt_get(child, VIRT_LSTAR), is_init ? 0x3000 : 0);
	CHECK_EQ(virt_get(child, VIRT_TSC_AUX), is_init ? 7 : 0);
	CHECK_EQ(virt_get(child, VIRT_SPEC_CTRL), is_init ? SPEC_CTRL_IBRS : 0);
	CHECK_EQ(virt_get(child, VIRT_XCR0), is_init ? XCR0_X87 | XCR0_SSE : XCR0_X87);
	CHECK_EQ(virt_get(child, VIRT_TSC_OFFSET), ~0ull);
}

static void a_reset_and_an_init_leave_what_the_manual_says(void)
{
	for (unsigned int is_init = 0; is_init < 2; is_init++) {
		const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION, .vector = 6 };

		machine(0);
		for (size_t i = 0; i < COUNT(rows); i++)
			virt_set(child, rows[i].reg, rows[i].value[1]);
		set_mode(6);
		virt_set(child, VIRT_CR0, modes[6].cr0 | CR0_CD | CR0_NW);
		virt_inject(child, &event);
		for (unsigned int i = 0; i < 16; i++)
			child->regs.gpr[i] = i + 1;
		virt_vp_reset(child, is_init);
		check_reset(is_init, CR0_CD | CR0_NW);
		CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[0].info, 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_register_is_tested),
		TEST(what_is_set_is_read),
		TEST(a_pending_breakpoint_needs_one_that_is_enabled),
		TEST(segments_are_read_as_they_were_set),
		TEST(the_processor_enters_every_mode),
		TEST(what_cannot_be_entered_is_told),
		TEST(a_child_sees_what_was_set),
		TEST(no_child_owns_what_must_be_noticed),
		TEST(bits_that_the_guest_owns_are_read_back),
		TEST(the_roots_caching_is_real),
		TEST(the_view_is_never_stale),
		TEST(a_reset_and_an_init_leave_what_the_manual_says),
	};

	return RUN(tests);
}
