/* SPDX-License-Identifier: MIT */
/*
 * Refused entries name the register: each rule of SDM 3C "Checks on the Guest State Area" broken alone. And where the
 * processor would enter all the same, the VP is refused before, if somebody has set something.
 */
#include "hv/cpu/entry.h"
#include "hv/vp/page.h"
#include "tests/unit/run_world.h"

/* The register that is to blame; ~0 if all is well. */
static uint32_t blamed(void)
{
	uint32_t name;
	const char *const text = entry_refusal(child, &name);

	CHECK(text && *text && strlen(text) < sizeof(child->page->error_text));
	return strcmp(text, ENTRY_NO_RULE) ? name : ~0u;
}

static void legal_states_break_no_rule(void)
{
	world_init();
	CHECK_EQ(blamed(), ~0u);
	world_protected_mode();
	CHECK_EQ(blamed(), ~0u);
	world_long_mode();
	CHECK_EQ(blamed(), ~0u);
	world_user();
	CHECK_EQ(blamed(), ~0u);

	/* V86. */
	world_init();
	world_protected_mode();
	virt_regs(child->virt)->rflags = RFLAGS_ONE | RFLAGS_VM;
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		virt_set_segment(child->virt, (enum x86_seg)i,
				 &(struct x86_segment) { 0x12340, 0xffff, 0x1234, 0xf3 });
	CHECK_EQ(blamed(), ~0u);
}

/* Break the 64-bit state in one register. */
static void expect_reg(uint32_t wanted, enum virt_reg reg, uint64_t value)
{
	world_init();
	world_long_mode();
	child->virt->reg[reg] = value; /* behind the fake's own checks */
	CHECK_EQ(blamed(), wanted);
}

static void expect_segment(uint32_t wanted, enum x86_seg seg, struct x86_segment value)
{
	world_init();
	world_long_mode();
	virt_set_segment(child->virt, seg, &value);
	CHECK_EQ(blamed(), wanted);
}

static void expect_rip(uint32_t wanted, uint16_t cs_attributes, uint64_t rip, uint64_t rflags)
{
	world_init();
	world_long_mode();
	virt_set_segment(child->virt, SEG_CS, &(struct x86_segment) { 0, ~0u, 8, cs_attributes });
	virt_regs(child->virt)->rip = rip;
	virt_regs(child->virt)->rflags = rflags;
	CHECK_EQ(blamed(), wanted);
}

static void control_registers_are_named(void)
{
	const uint64_t cr0 = CR0_PE | CR0_PG | CR0_ET | CR0_NE;

	expect_reg(WHvX64RegisterCr0, VIRT_CR0, CR0_PG);
	expect_reg(WHvX64RegisterCr0, VIRT_CR0, cr0 | 1ull << 40);
	expect_reg(WHvX64RegisterCr0, VIRT_CR0, cr0 | CR0_NW);
	expect_reg(WHvX64RegisterCr0, VIRT_CR0, cr0 & ~CR0_PG);
	expect_reg(WHvX64RegisterCr4, VIRT_CR4, 0);
	expect_reg(WHvX64RegisterCr4, VIRT_CR4, CR4_PAE | CR4_VMXE);
	expect_reg(WHvX64RegisterCr4, VIRT_CR4, CR4_PAE | CR4_OSXSAVE);
	expect_reg(WHvX64RegisterCr3, VIRT_CR3, 1ull << 40);
	expect_reg(WHvX64RegisterEfer, VIRT_EFER, EFER_LME);
	expect_reg(WHvX64RegisterEfer, VIRT_EFER, EFER_LMA);
	expect_reg(WHvX64RegisterEfer, VIRT_EFER, EFER_LME | EFER_LMA | 1ull << 12);
	expect_reg(WHvX64RegisterDr7, VIRT_DR7, 1ull << 32);
	expect_reg(WHvX64RegisterSysenterEsp, VIRT_SYSENTER_ESP, 1ull << 60);
	expect_reg(WHvX64RegisterSysenterEip, VIRT_SYSENTER_EIP, 1ull << 60);
	expect_reg(WHvX64RegisterPat, VIRT_PAT, 2);
	expect_reg(WHvRegisterInterruptState, VIRT_SHADOW, VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS);
	expect_reg(WHvRegisterInterruptState, VIRT_SHADOW, VIRT_SHADOW_STI); /* with IF clear */
}

static void segments_are_named(void)
{
	static const uint32_t names[] = { WHvX64RegisterEs,   WHvX64RegisterCs, WHvX64RegisterSs,
					  WHvX64RegisterDs,   WHvX64RegisterFs, WHvX64RegisterGs,
					  WHvX64RegisterLdtr, WHvX64RegisterTr };

	for (unsigned int i = SEG_ES; i <= SEG_GS; i++) {
		const uint16_t good = i == SEG_CS ? ATTR_CODE64 : ATTR_DATA;

		expect_segment(names[i], (enum x86_seg)i, /* the S bit */
			       (struct x86_segment) { 0, ~0u, 8, (uint16_t)(good & ~SEG_S) });
		expect_segment(~0u, (enum x86_seg)i, /* reserved bits are dropped */
			       (struct x86_segment) { 0, ~0u, 8, (uint16_t)(good | 0xf00) });
		expect_segment(names[i], (enum x86_seg)i, /* limit without G */
			       (struct x86_segment) { 0, ~0u, 8, (uint16_t)(good & ~SEG_G) });
		expect_segment(names[i], (enum x86_seg)i, /* G without limit */
			       (struct x86_segment) { 0, 0xfffff000, 8, good });
		expect_segment(names[i], (enum x86_seg)i, /* not accessed */
			       (struct x86_segment) { 0, ~0u, 8, (uint16_t)(good & ~1) });
		expect_segment(names[i], (enum x86_seg)i, /* a base that is not canonical */
			       (struct x86_segment) { 1ull << 50, ~0u, 8, good });
	}
	expect_segment(WHvX64RegisterDs, SEG_DS, (struct x86_segment) { 0, ~0u, 8, 0xc099 });
	expect_segment(~0u, SEG_DS, (struct x86_segment) { 0, 0, 0, 0 }); /* unusable is fine */
	expect_segment(~0u, SEG_SS, (struct x86_segment) { 0, 0, 0, 0 });
	expect_segment(WHvX64RegisterCs, SEG_CS, (struct x86_segment) { 0, ~0u, 8, 0xa01b });
	expect_segment(WHvX64RegisterCs, SEG_CS, (struct x86_segment) { 0, ~0u, 8, 0xe09b });
	expect_segment(WHvX64RegisterCs, SEG_CS, (struct x86_segment) { 0, ~0u, 8, 0xa0fb });
	expect_segment(WHvX64RegisterSs, SEG_SS, (struct x86_segment) { 0, ~0u, 8, 0xc091 });
	expect_segment(WHvX64RegisterTr, SEG_TR, (struct x86_segment) { 0, 0x67, 8, 0x83 });
	expect_segment(WHvX64RegisterTr, SEG_TR, (struct x86_segment) { 0, 0x67, 8, 0x89 });
	expect_segment(WHvX64RegisterTr, SEG_TR, (struct x86_segment) { 0, 0x67, 8, 0x0b });
	expect_segment(WHvX64RegisterTr, SEG_TR, (struct x86_segment) { 0, 0x67, 0xc, 0x8b });
	expect_segment(WHvX64RegisterTr, SEG_TR,
		       (struct x86_segment) { 1ull << 50, 0x67, 8, 0x8b });
	expect_segment(WHvX64RegisterLdtr, SEG_LDTR, (struct x86_segment) { 0, 0xffff, 8, 0x83 });
	expect_segment(WHvX64RegisterLdtr, SEG_LDTR, (struct x86_segment) { 0, 0xffff, 0xc, 0x82 });
	expect_segment(WHvX64RegisterLdtr, SEG_LDTR,
		       (struct x86_segment) { 1ull << 50, 0xffff, 8, 0x82 });
}

static void tables_are_named(void)
{
	for (unsigned int table = 0; table < 2; table++) {
		world_init();
		world_long_mode();
		virt_set_segment(child->virt, (enum x86_seg)(SEG_GDTR + table),
				 &(struct x86_segment) { .base = 1ull << 50 });
		CHECK_EQ(blamed(), table ? WHvX64RegisterIdtr : WHvX64RegisterGdtr);
	}
}

static void rip_and_rflags_are_named(void)
{
	expect_rip(~0u, ATTR_CODE64, 0xffff800000001000ull, RFLAGS_ONE);
	expect_rip(virt_machine.checks_entry ? (uint32_t)WHvX64RegisterRip : ~0u, ATTR_CODE64,
		   1ull << 50, RFLAGS_ONE);
	expect_rip(~0u, ATTR_CODE64, 1ull << 47, RFLAGS_ONE); /* the fetch faults, not the entry */
	expect_rip(WHvX64RegisterRflags, ATTR_CODE64, 0, RFLAGS_ONE | RFLAGS_VM);
	expect_rip(WHvX64RegisterRip, ATTR_CODE32, 1ull << 32, RFLAGS_ONE);
	expect_rip(WHvX64RegisterRflags, ATTR_CODE64, 0, 0);
	expect_rip(WHvX64RegisterRflags, ATTR_CODE64, 0, RFLAGS_ONE | 1 << 3);
	expect_rip(WHvX64RegisterRflags, ATTR_CODE64, 0, RFLAGS_ONE | 1ull << 32);
}

static void v86_rules_are_named(void)
{
	world_init();
	world_protected_mode();
	virt_regs(child->virt)->rflags = RFLAGS_ONE | RFLAGS_VM;
	for (unsigned int i = SEG_ES; i <= SEG_GS; i++)
		virt_set_segment(child->virt, (enum x86_seg)i,
				 &(struct x86_segment) { 0, 0xffff, 0, 0xf3 });
	virt_set_segment(child->virt, SEG_DS, &(struct x86_segment) { 0x10, 0xffff, 0, 0xf3 });
	CHECK_EQ(blamed(), WHvX64RegisterDs);
	virt_set_segment(child->virt, SEG_DS, &(struct x86_segment) { 0, 0xfffff, 0, 0xf3 });
	CHECK_EQ(blamed(), WHvX64RegisterDs);
	virt_set_segment(child->virt, SEG_DS, &(struct x86_segment) { 0, 0xffff, 0, 0x93 });
	CHECK_EQ(blamed(), WHvX64RegisterDs);
}

static void pcid_needs_long_mode(void)
{
	world_init();
	world_protected_mode();
	part->model.cr4 |= CR4_PCIDE;
	virt_set(child->virt, VIRT_CR4, CR4_PAE | CR4_PCIDE);
	CHECK_EQ(blamed(), WHvX64RegisterCr4);
	world_init();
	world_long_mode();
	part->model.cr4 |= CR4_PCIDE;
	virt_set(child->virt, VIRT_CR4, virt_get(child->virt, VIRT_CR4) | CR4_PCIDE);
	CHECK_EQ(blamed(), ~0u);
}

static void pdptes_blame_cr3(void)
{
	world_init();
	world_protected_mode();
	virt_set(child->virt, VIRT_CR0, CR0_PE | CR0_PG | CR0_ET);
	virt_set(child->virt, VIRT_CR4, CR4_PAE);
	virt_machine.has_pdptes = true;
	virt_set(child->virt, VIRT_PDPTE2, PTE_P | PTE_W);
	CHECK_EQ(blamed(), WHvX64RegisterCr3);
	virt_machine.has_pdptes = false; /* then they are part of a walk */
	CHECK_EQ(blamed(), ~0u);
}

/* SDM 3C "Checks on Guest Non-Register State": in a shadow a single step is pending if RFLAGS.TF is set, and else not. */
static void a_step_that_does_not_fit_its_shadow_is_named(void)
{
	for (unsigned int i = 0; i < 12; i++) {
		const bool is_step = i & 1, is_tf = i & 2;
		const uint64_t shadow = i >> 2; /* 0: none; 1 STI, 2 MOV SS */

		world_init();
		world_long_mode();
		virt_machine.checks_entry = true; /* on AMD-V a shadow has no such rule */
		virt_regs(child->virt)->rflags = RFLAGS_ONE | RFLAGS_IF | (is_tf ? RFLAGS_TF : 0);
		virt_set(child->virt, VIRT_SHADOW, shadow);
		virt_set(child->virt, VIRT_PENDING_DEBUG, is_step ? 1u << 14 | 1 : 1);
		CHECK_EQ(blamed(), shadow && is_step != is_tf
					   ? (uint32_t)WHvX64RegisterPendingDebugException
					   : ~0u);
	}
}

/* The processor refuses, and nothing is wrong: the client hears of a register and a reason all the same. */
static void a_refusal_that_nobody_understands_names_a_register(void)
{
	static const uint32_t names[] = { WHvX64RegisterRip, WHvRegisterPendingEvent,
					  WHvRegisterPendingInterruption };

	for (unsigned int i = 0; i < 3; i++) {
		world_init();
		world_long_mode();
		virt_regs(child->virt)->rflags |= RFLAGS_IF;
		if (i == 1)
			CHECK(event_set_event(child, (const uint64_t[2]) { 1 | 6ull << 16, 0 }));
		if (i == 2)
			CHECK(event_set_interruption(child, 0x300001));
		child->page->error_register = ~0u;
		child->page->error_text[0] = 0;
		push_reason(VIRT_EXIT_INVALID_STATE, 0);
		CHECK_EQ(run_child(), S_OK);
		CHECK_EQ(record_u32(0), WHvRunVpExitReasonInvalidVpRegisterValue);
		CHECK_EQ(child->page->error_register, names[i]);
		CHECK_EQ(strcmp(child->page->error_text, "the processor refused the state; "
							 "nothing that Whit knows is wrong"),
			 0);
	}
}

/* ---- On a processor that enters nearly everything ---- */

#define PAGE_TR (1u << (18 + SEG_TR))

static void world_without_checks(void)
{
	world_init();
	world_long_mode();
	virt_machine.checks_entry = false;
	child->page->error_register = ~0u;
}

/* Run, which leads to a refusal with nothing entered. */
static void expect_refused(uint32_t name)
{
	const unsigned int n_runs = fake.n_runs;

	CHECK_EQ(run_child(), S_OK);
	CHECK_EQ(record_u32(0), WHvRunVpExitReasonInvalidVpRegisterValue);
	CHECK_EQ(child->page->error_register, name);
	CHECK_EQ(fake.n_runs, n_runs);
}

static void expect_entered(void)
{
	push_interrupt();
	CHECK_EQ(run_child(), WHIT_S_AGAIN);
	CHECK_EQ(child->doubts, 0);
}

static void a_segment_of_the_page_is_judged_before_the_entry(void)
{
	world_without_checks();
	virt_get_segment(child->virt, SEG_TR, &child->page->segment[SEG_TR]);
	child->page->segment[SEG_TR].attributes = 0x89;
	child->page->dirty = PAGE_TR;
	expect_refused(WHvX64RegisterTr);
	expect_refused(WHvX64RegisterTr); /* and so it stays, */
	child->page->segment[SEG_TR].attributes = 0x8b;
	child->page->dirty = PAGE_TR;
	expect_entered(); /* until it is put right */
}

static void rip_and_rflags_of_the_page_are_judged_before_the_entry(void)
{
	world_without_checks();
	child->page->rip = 1ull << 50;
	child->page->dirty = WHIT_PAGE_RIP;
	expect_refused(WHvX64RegisterRip);
	child->page->rip = 0xffff800000001000ull;
	child->page->dirty = WHIT_PAGE_RIP;
	expect_entered();
	child->page->rflags = RFLAGS_VM;
	child->page->dirty = WHIT_PAGE_RFLAGS;
	expect_refused(WHvX64RegisterRflags);
	child->page->rflags = 1ull << 40;
	child->page->dirty = WHIT_PAGE_RFLAGS;
	expect_refused(WHvX64RegisterRflags);
	child->page->rflags = RFLAGS_IF;
	child->page->dirty = WHIT_PAGE_RFLAGS;
	expect_entered();
}

/* CR4 without PAE: right by itself, and not with EFER. */
static void a_call_that_sets_registers_puts_the_vp_in_doubt(void)
{
	const WHV_REGISTER_VALUE values[2] = { { .Reg64 = 0 }, { .Reg64 = CR4_PAE } };
	const uint32_t name = WHvX64RegisterCr4;
	uint64_t at;

	world_without_checks();
	at = test_pages(1);
	for (unsigned int i = 0; i < 2; i++) {
		memcpy(virt_ptr(SPA(at)), &name, sizeof(name));
		memcpy(virt_ptr(SPA(at + 64)), &values[i], sizeof(values[i]));
		REQUIRE_EQ(CALL(WHIT_CALL_SET_REGISTERS, part_handle, 0, at, 1, at + 64), S_OK);
		if (i)
			expect_entered();
		else
			expect_refused(WHvX64RegisterCr4);
	}
}

/* An address that SYSRET has taken; the client gives it back with all other registers. */
static void a_rip_of_the_guests_own_may_be_any(void)
{
	world_without_checks();
	virt_regs(child->virt)->rip = 1ull << 50;
	child->page->rip = (1ull << 50) + 2;
	child->page->dirty = WHIT_PAGE_RIP;
	child->doubts = DOUBT_STATE;
	expect_entered();
}

/* The answer to a port access, say. */
static void registers_of_every_exit_raise_no_doubt(void)
{
	world_without_checks();
	child->page->gpr[0] = ~0ull;
	child->page->rip = CODE_GPA + 2;
	child->page->rflags = RFLAGS_IF | RFLAGS_ZF;
	child->page->dirty = 1u | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS;
	vp_page_absorb(child);
	CHECK_EQ(child->doubts, 0);
	expect_entered();
}

static void a_processor_that_checks_is_not_asked_twice(void)
{
	world_without_checks();
	virt_machine.checks_entry = true;
	virt_get_segment(child->virt, SEG_TR, &child->page->segment[SEG_TR]);
	child->page->segment[SEG_TR].attributes = 0x89;
	child->page->rip = 1ull << 50;
	child->page->dirty = PAGE_TR | WHIT_PAGE_RIP;
	expect_entered(); /* the fake one enters everything */
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_step_that_does_not_fit_its_shadow_is_named),
		TEST(a_refusal_that_nobody_understands_names_a_register),
		TEST(legal_states_break_no_rule),
		TEST(control_registers_are_named),
		TEST(segments_are_named),
		TEST(tables_are_named),
		TEST(rip_and_rflags_are_named),
		TEST(v86_rules_are_named),
		TEST(pcid_needs_long_mode),
		TEST(pdptes_blame_cr3),
		TEST(a_segment_of_the_page_is_judged_before_the_entry),
		TEST(rip_and_rflags_of_the_page_are_judged_before_the_entry),
		TEST(a_call_that_sets_registers_puts_the_vp_in_doubt),
		TEST(a_rip_of_the_guests_own_may_be_any),
		TEST(registers_of_every_exit_raise_no_doubt),
		TEST(a_processor_that_checks_is_not_asked_twice),
	};

	return RUN(tests);
}
