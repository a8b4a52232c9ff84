// SPDX-License-Identifier: MIT
/*
 * Runs one after another: ASIDs and what is to be forgotten, on one processor and on two, steps of the root, its INIT and SIPI.
 * The model looks at every entry that nothing of before is used.
 */
#include "tests/unit/svm.h"

static void go(struct virt_vp *vp)
{
	run_to(vp, VMEXIT_CPUID, 0);
}

static void a_vp_keeps_its_asid_until_something_is_to_be_forgotten(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		uint64_t n_flushes;
		uint32_t asid;

		machine(set);
		go(root);
		go(child);
		asid = entered[0].asid;
		n_flushes = amd.n_flushes_all;
		for (unsigned int i = 0; i < 100; i++) {
			go(root);
			go(child);
			CHECK_EQ(entered[0].asid, asid);
		}
		CHECK_EQ(amd.n_flushes_all, n_flushes);
		CHECK_EQ(amd.n_flushes_asid, 0);
	}
}

/* However often: ASIDs come to their end, and begin anew, and nobody has translations of anybody. */
static void registers_of_translations_are_seen_at_once(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		go_to_protected_mode(child);
		for (unsigned int i = 0; i < 300; i++) {
			virt_set(child, VIRT_CR3, 0x1000ull * (i + 1));
			virt_set(child, VIRT_CR4, i & 1 ? CR4_PAE : 0);
			go(child);
			if (i % 7 == 0)
				go(root);
			if (i % 5 == 0)
				virt_flush(child);
		}
		if (vtx_cpuid(CPUID_SVM, 0).ebx < 300)
			CHECK(amd.n_flushes_all + amd.n_flushes_asid > 3);
	}
}

static void a_renewed_vp_sees_its_space_as_it_is(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		go(child);
		child_space.token = FIRST_PAGE + 0x50000;
		virt_renew(child);
		go(child);
		CHECK_EQ(entered[0].n_cr3, FIRST_PAGE + 0x50000);
	}
}

/*
 * The flush with which ASIDs begin anew is the next entry's, whoever's that is: the VP for which they did may not be entered, or
 * be refused.
 */
static void who_is_entered_next_makes_the_flush(void)
{
	for (unsigned int is_refused = 0; is_refused < 2; is_refused++)
		for (unsigned int n = 0; n < 16; n++) {
			struct virt_vp *other;

			machine(AMD_QEMU);
			other = virt_vp_create(&pages, &child_space, &permissive);
			REQUIRE(other);
			go(other);
			for (unsigned int i = 0; i < n; i++) {
				virt_flush(child);
				go(child);
			}
			virt_flush(child);
			if (is_refused) {
				virt_set(child, VIRT_DR7, 1ull << 32);
				CHECK_EQ(run(child).reason, VIRT_EXIT_INVALID_STATE);
				virt_set(child, VIRT_DR7, DR7_INIT);
			} else {
				vtx.percpu->pending = PENDING_NMI;
				CHECK_EQ(run(child).reason, VIRT_EXIT_NOTHING);
				vtx.percpu->pending = 0;
			}
			go(other);
			virt_flush(other);
			go(other);
			go(child);
		}
}

/* With a flush by ASID nothing else is forgotten. */
static void a_flush_by_asid_keeps_the_asid(void)
{
	uint64_t n_all;

	machine(AMD_ZEN4);
	go(child);
	go(root);
	n_all = amd.n_flushes_all;
	for (unsigned int i = 0; i < 10; i++) {
		const uint32_t asid = vmcb_of(child)->asid;

		virt_set(child, VIRT_CR3, 0x1000ull * (i + 1));
		go(child);
		CHECK_EQ(entered[0].asid, asid);
		CHECK_EQ(amd.n_flushes_asid, i + 1);
		go(child);
		CHECK_EQ(amd.n_flushes_asid, i + 1);
	}
	CHECK_EQ(amd.n_flushes_all, n_all);
	virt_flush(child);
	go(child);
	CHECK_EQ(amd.n_flushes_asid, 11);
}

static void many_vps_share_few_asids(void)
{
	struct virt_vp *vps[20];

	machine(AMD_FAMILY_16);
	for (unsigned int i = 0; i < COUNT(vps); i++) {
		vps[i] = virt_vp_create(&pages, &child_space, &permissive);
		REQUIRE(vps[i]);
	}
	for (unsigned int round = 0; round < 10; round++)
		for (unsigned int i = 0; i < COUNT(vps); i++)
			go(vps[i]);
	CHECK(amd.n_flushes_all >= 10);
	go(root);
	for (unsigned int i = 0; i < COUNT(vps); i++)
		virt_vp_destroy(vps[i], &pages);
}

/* A VP whose page was another's is not taken for that one. */
static void a_page_can_be_another_vps(void)
{
	machine(AMD_ZEN4);
	for (unsigned int i = 0; i < 10; i++) {
		struct virt_vp *vp = virt_vp_create(&pages, &child_space, &permissive);

		REQUIRE(vp);
		vp->regs.rip = CHILD_RIP;
		virt_set(vp, VIRT_CR2, i);
		go(vp);
		go(root);
		virt_vp_destroy(vp, &pages);
	}
}

/* Of what its other processor has changed this one knows nothing. */
static void load_a_segment(struct virt_regs *regs)
{
	amd.now.save.es.selector += 8;
	amd.now.save.dr6 ^= 1;
}

static void a_vp_can_go_from_processor_to_processor(void)
{
	struct virt_vp *other;
	const struct whit_cpu_state state = root_state();

	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		vtx_take_over_next(0x4000);
		amd.gif = false;
		other = virt_root_create(&pages, &state, &root_space);
		REQUIRE(other);
		for (unsigned int i = 0; i < 60; i++) {
			vtx_run_on(i & 1);
			virt_set(child, VIRT_CR2, i);
			if (i % 3 == 0)
				virt_set(child, VIRT_CR3, 0x1000ull * i);
			then(VMEXIT_CPUID, 0)->act = load_a_segment;
			run(child);
			go(i & 1 ? other : root);
		}
	}
}

/* ---- CR8 --------------------------------------------------------------------------------- */

static void guest_writes_cr8(struct virt_regs *regs)
{
	amd.now.virtual_interrupt = (amd.now.virtual_interrupt & ~0xfull) | 0xb;
}

/* It is the TPR of the register page, both ways, without exits; but for writes while something waits for it. */
static void cr8_is_the_tpr_of_the_page(void)
{
	const struct virt_apic_state waits = { .requested = 0x51, .threshold = 5 }, nothing = { 0 };

	for (unsigned int set = 0; set < AMD_SETS; set++) {
		const spa_t page = SPA(FIRST_PAGE - PAGE_SIZE);
		uint8_t *const tpr = (uint8_t *)virt_ptr(page) + 0x80;

		machine(set);
		go(child);
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_READ + 8, 0, 0));
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
		virt_apic_set_mode(child, VIRT_APIC_XAPIC, page, SPA(0));
		*tpr = 0x5c;
		go(child);
		CHECK_EQ(entered[0].virtual_interrupt & 0xff, 5);
		CHECK_EQ(*tpr, 0x5c); /* nobody has written it */
		CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_READ + 8, 0, 0));
		CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
		then(VMEXIT_CPUID, 0)->act = guest_writes_cr8;
		run(child);
		CHECK_EQ(*tpr, 0xb0);
		*tpr = 0x20;
		virt_apic_sync(child, &waits);
		go(child);
		CHECK_EQ(entered[0].virtual_interrupt & 0xff, 2);
		CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_READ + 8, 0, 0));
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
		virt_apic_sync(child, &nothing);
		go(child);
		CHECK(!amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
		virt_window(child, true, false);
		go(child);
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
		virt_window(child, false, false);
		virt_apic_set_mode(child, VIRT_APIC_OFF, SPA(0), SPA(0));
		go(child);
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_READ + 8, 0, 0));
		CHECK(amd_intercepts(amd.vmcb, VMEXIT_CR0_WRITE + 8, 0, 0));
	}
}

/* ---- The deadline ------------------------------------------------------------------------ */

static enum virt_exit_reason refused(void)
{
	struct virt_exit exit;
	const uint64_t n_entries = vtx.n_entries;

	virt_switch(vtx.percpu->switched, child);
	virt_run(child, &exit);
	CHECK_EQ(vtx.n_entries, n_entries);
	return exit.reason;
}

/* There is no timer: a child with a deadline is entered when the root knows it, or an earlier one, and it has not come. */
static void the_root_bounds_a_run(void)
{
	machine(0);
	CHECK(!virt_machine.has_deadline);
	CHECK_EQ(virt_bound(child), ~0ull);
	go(child);
	virt_set_deadline(child, vtx.tsc + 100000);
	CHECK_EQ(refused(), VIRT_EXIT_NOTHING);
	CHECK_EQ(virt_bound(child), child->deadline);
	go(child);
	CHECK_EQ(run_to(child, VMEXIT_INTR, 0).reason, VIRT_EXIT_INTERRUPT);
	virt_set_deadline(child, child->deadline - 1);
	CHECK_EQ(refused(), VIRT_EXIT_NOTHING);
	virt_set_deadline(child, child->deadline + 100000);
	go(child);
	/* The bound has passed, and then the deadline. */
	vtx.tsc = child->deadline - 50000;
	CHECK_EQ(refused(), VIRT_EXIT_NOTHING);
	CHECK_EQ(virt_bound(child), child->deadline);
	go(child);
	vtx.tsc = child->deadline;
	CHECK_EQ(refused(), VIRT_EXIT_NOTHING);
	virt_set_deadline(child, ~0ull);
	go(child);
	/* Whoever has told the root that there is nothing has taken back what it knew. */
	virt_set_deadline(child, vtx.tsc + 100000);
	(void)virt_bound(child);
	go(child);
	virt_set_deadline(child, ~0ull);
	CHECK_EQ(virt_bound(child), ~0ull);
	virt_set_deadline(child, vtx.tsc + 200000);
	CHECK_EQ(refused(), VIRT_EXIT_NOTHING);
}

/* ---- Steps of the root ------------------------------------------------------------------- */

static void one_instruction(struct virt_regs *regs)
{
	amd.now.save.rip += 4;
	amd.now.save.dr6 |= DR6_BS;
}

static void a_step_is_one_instruction_in_another_space(void)
{
	struct virt_space space = root_space;
	struct virt_exit exit;

	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		go(root);
		space = root_space;
		space.token = FIRST_PAGE + 0x40000;
		root->regs.rflags |= RFLAGS_IF;
		for (unsigned int i = 0; i < 20; i++) {
			virt_root_step(root, &space, true);
			then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = one_instruction;
			exit = run(root);
			CHECK_EQ(exit.reason, VIRT_EXIT_STEP);
			CHECK_EQ(entered[0].n_cr3, space.token);
			CHECK(entered[0].rflags & RFLAGS_TF);
			CHECK(!(entered[0].rflags & RFLAGS_IF));
			CHECK_EQ(root->regs.rflags & (RFLAGS_TF | RFLAGS_IF), RFLAGS_IF);
			virt_root_step(root, &root_space, false);
			then(VMEXIT_CPUID, 0);
			run(root);
			CHECK_EQ(entered[0].n_cr3, root_space.token);
			CHECK_EQ(entered[0].exceptions, 0);
			CHECK_EQ(entered[0].event, 0);
		}
	}
}

/* The root's own TF: the step is one of its own, too, and the #DB follows. */
static void a_step_of_a_root_that_steps_itself_is_a_debug_exception(void)
{
	struct virt_space space;

	machine(AMD_ZEN4);
	go(root);
	space = root_space;
	space.token = FIRST_PAGE + 0x40000;
	root->regs.rflags |= RFLAGS_TF;
	virt_root_step(root, &space, true);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = one_instruction;
	CHECK_EQ(run(root).reason, VIRT_EXIT_STEP);
	virt_root_step(root, &root_space, false);
	go(root);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, 1u));
	CHECK_EQ(entered[0].dr6 & DR6_BS, DR6_BS);
}

/* Its DR6 is put away for the step, and is what it was afterwards; so with one that it is given. */
static void debug_registers_are_up_to_date(void)
{
	struct virt_space space;

	machine(AMD_ZEN4);
	virt_set(root, VIRT_DR6, DR6_INIT | 2);
	go(root);
	space = root_space;
	space.token = FIRST_PAGE + 0x40000;
	virt_root_step(root, &space, true);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = one_instruction;
	CHECK_EQ(run(root).reason, VIRT_EXIT_STEP);
	CHECK_EQ(entered[0].dr6, DR6_INIT);
	virt_root_step(root, &root_space, false);
	go(root);
	CHECK_EQ(entered[0].dr6, DR6_INIT | 2);
	virt_step(root, false);
	go(root);
	CHECK_EQ(entered[0].dr6, DR6_INIT | DR6_BS);
	/* A child's, where hv/ asks for the exception. */
	go_to_protected_mode(child);
	intercept(child, 1u << EXC_DB);
	go(child);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = one_instruction;
	CHECK_EQ(run(child).exception.address, DR6_BS);
	go(child);
	CHECK_EQ(entered[0].dr6, DR6_INIT);
}

/* ---- INIT and SIPI ----------------------------------------------------------------------- */

static unsigned int n_slept;

static void sipi_comes(void)
{
	REQUIRE(n_slept++ < 4);
	virt_send_sipi(1, 0x9a);
}

static void init_and_sipi_are_messages(void)
{
	const struct whit_cpu_state state = root_state();
	struct virt_vp *other;
	struct virt_exit exit;

	machine(AMD_ZEN4);
	vtx_take_over_next(0x4000);
	amd.gif = false;
	other = virt_root_create(&pages, &state, &root_space);
	REQUIRE(other);
	go(other);
	amd.slept = sipi_comes;
	n_slept = 0;
	for (unsigned int i = 0; i < 3; i++) {
		virt_send_sipi(1, 0x11); /* to one that runs: nothing */
		virt_send_init(1);
		then(VMEXIT_NMI, 0);
		exit = run(other);
		CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
		CHECK(virt_waits(other));
		n_slept = 0;
		exit = run(other);
		CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
		CHECK(!virt_waits(other));
		CHECK_EQ(other->regs.rip, 0);
		CHECK_EQ(vmcb_of(other)->save.cs.base, 0x9a000);
		CHECK_EQ(vmcb_of(other)->save.cs.selector, 0x9a00);
		CHECK_EQ(other->regs.gpr[X86_RDX], 0xa60f12);
		go(other);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_vp_keeps_its_asid_until_something_is_to_be_forgotten),
		TEST(registers_of_translations_are_seen_at_once),
		TEST(a_renewed_vp_sees_its_space_as_it_is),
		TEST(who_is_entered_next_makes_the_flush),
		TEST(a_flush_by_asid_keeps_the_asid),
		TEST(many_vps_share_few_asids),
		TEST(a_page_can_be_another_vps),
		TEST(a_vp_can_go_from_processor_to_processor),
		TEST(cr8_is_the_tpr_of_the_page),
		TEST(the_root_bounds_a_run),
		TEST(a_step_is_one_instruction_in_another_space),
		TEST(a_step_of_a_root_that_steps_itself_is_a_debug_exception),
		TEST(debug_registers_are_up_to_date),
		TEST(init_and_sipi_are_messages),
	};

	return RUN(tests);
}
