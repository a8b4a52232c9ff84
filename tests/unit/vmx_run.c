// SPDX-License-Identifier: MIT
/* Entries: launched and resumed, aborted, refused, broken; the deadline; and the last words when one must not fail. */
#include "tests/unit/vmx.h"

#include "x86/paging.h"
#include "whit/log.h"
#include "x86/apic.h"

/* ---- Registers --------------------------------------------------------------------------- */

static void guest_counts(struct virt_regs *regs)
{
	for (unsigned int i = 0; i < 16; i++)
		if (i != X86_RSP)
			regs->gpr[i] += i + 1;
	vtx_put(VMCS_GUEST_RIP, vtx_get(VMCS_GUEST_RIP) + 3);
	vtx_put(VMCS_GUEST_RSP, vtx_get(VMCS_GUEST_RSP) - 8);
	vtx_put(VMCS_GUEST_RFLAGS, vtx_get(VMCS_GUEST_RFLAGS) ^ RFLAGS_CF);
}

static void registers_go_in_and_come_back(void)
{
	struct virt_regs wanted = { 0 };

	machine(0);
	for (unsigned int i = 0; i < 16; i++)
		wanted.gpr[i] = child->regs.gpr[i] = 0x1000 * i;
	wanted.rip = child->regs.rip = 0x100;
	wanted.rflags = child->regs.rflags = RFLAGS_ONE;
	child->regs.changed = true;
	for (unsigned int turn = 0; turn < 5; turn++) {
		then(REASON_CPUID, 0);
		shots[0].act = guest_counts;
		run(child);
		for (unsigned int i = 0; i < 16; i++)
			wanted.gpr[i] += i == X86_RSP ? -8ull : i + 1;
		wanted.rip += 3;
		wanted.rflags ^= RFLAGS_CF;
		CHECK(!memcmp(wanted.gpr, child->regs.gpr, sizeof(wanted.gpr)));
		CHECK_EQ(child->regs.rip, wanted.rip);
		CHECK_EQ(child->regs.rflags, wanted.rflags);
		CHECK(!child->regs.changed);
		if (turn == 2) { /* hv/ moves on */
			wanted.rip = child->regs.rip = 0x200;
			wanted.gpr[X86_RSP] = child->regs.gpr[X86_RSP] = 0x9000;
			child->regs.changed = true;
		}
	}
}

static void the_first_entry_launches_and_the_others_resume(void)
{
	machine(0);
	CHECK(!vmx_vp(child)->is_launched);
	for (unsigned int i = 0; i < 3; i++) {
		run_to(child, REASON_CPUID, 0);
		CHECK(vmx_vp(child)->is_launched);
		run_to(root, REASON_CPUID, 0);
		CHECK(vmx_vp(root)->is_launched);
	}
	CHECK_EQ(vtx.n_entries, 6);
	CHECK_EQ(vtx.n_refused, 0);
}

/* Cached translations of a VP with a VPID outlive an exit: they go when paging changes, by one INVVPID. */
static void a_change_of_paging_flushes_once(void)
{
	static const enum virt_reg regs[] = { VIRT_CR0, VIRT_CR3, VIRT_CR4, VIRT_EFER };
	uint64_t before;

	machine(0);
	run_to(child, REASON_CPUID, 0);
	for (unsigned int i = 0; i <= COUNT(regs) + 1; i++) {
		before = vtx.n_flushes;
		if (i < COUNT(regs))
			virt_set(child, regs[i], virt_get(child, regs[i]));
		else if (i == COUNT(regs))
			virt_flush(child);
		run_to(child, REASON_CPUID, 0);
		CHECK_EQ(vtx.n_flushes - before, i <= COUNT(regs));
		run_to(child, REASON_CPUID, 0);
		CHECK_EQ(vtx.n_flushes - before, i <= COUNT(regs));
	}
	/* A new owner of a VPID flushes what the last one has left. */
	before = vtx.n_flushes;
	virt_switch(child, root);
	virt_vp_destroy(child, &pages);
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(child);
	run_to(child, REASON_CPUID, 0);
	CHECK_EQ(vtx.n_flushes - before, 2); /* and of the page that is the top table */
}

/* ---- Entries that do not happen ---------------------------------------------------------- */

/* A refused entry leaves the launch state as it was; the next one must be of the right kind. */
static void after_a_refusal_the_vp_can_be_entered(void)
{
	for (unsigned int has_run = 0; has_run < 2; has_run++) {
		machine(0);
		if (has_run)
			run_to(child, REASON_CPUID, 0);
		for (unsigned int i = 0; i < 3; i++) {
			virt_set(child, VIRT_CR3, 1ull << 41);
			CHECK_EQ(run(child).reason, VIRT_EXIT_INVALID_STATE);
			virt_set(child, VIRT_CR3, 0);
			CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
		}
	}
}

/* SDM 3C "Machine-Check Events During VM Entry": nothing ran, and the root gets the machine check. */
static void a_machine_check_during_an_entry_is_the_roots(void)
{
	machine(0);
	run_to(child, REASON_CPUID, 0);
	vtx.is_broken = true;
	CHECK_EQ(run(child).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(vtx.percpu->pending, PENDING_MC);
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, 18u));
	CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);

	vtx.is_broken = true;
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, 18u));
}

/* The processor refuses a threshold above the TPR, which the guest may have lowered meanwhile: it is mended. */
static void a_threshold_above_the_tpr_is_mended(void)
{
	struct virt_vp *vp;
	spa_t registers;
	uint8_t *page;

	machine(3);
	REQUIRE(virt_pages_take(&pages, &registers));
	page = virt_ptr(registers);
	vp = child;
	virt_apic_set_mode(vp, VIRT_APIC_X2APIC, registers, SPA(0));
	for (unsigned int tpr = 0; tpr < 16; tpr++)
		for (unsigned int threshold = 0; threshold < 16; threshold++) {
			page[0x80] = (uint8_t)(tpr << 4);
			virt_apic_sync(vp, &(const struct virt_apic_state) {
						   .threshold = (uint8_t)threshold });
			CHECK_EQ(run_to(vp, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
			CHECK_EQ(vtx_get(VMCS_TPR_THRESHOLD), threshold > tpr ? tpr : threshold);
		}
}

/* ---- The deadline ------------------------------------------------------------------------ */

static void a_deadline_sets_the_timer(void)
{
	machine(0);
	run_to(child, REASON_CPUID, 0);
	CHECK_EQ(vtx_get(VMCS_PREEMPTION_TIMER_VALUE), 1000000);
	virt_set_deadline(child, vtx.tsc + 100000);
	run_to(child, REASON_CPUID, 0);
	/* The timer of the model counts each 32 ticks. */
	CHECK(vtx_get(VMCS_PREEMPTION_TIMER_VALUE) > 0 &&
	      vtx_get(VMCS_PREEMPTION_TIMER_VALUE) <= 100000 / 32 + 1);
	/* It is the deadline that has come; or the timer's own bound, and then it is the root's turn. */
	vtx.tsc += 200000;
	CHECK_EQ(run_to(child, REASON_PREEMPTION_TIMER, 0).reason, VIRT_EXIT_DEADLINE);
	CHECK_EQ(vtx_get(VMCS_PREEMPTION_TIMER_VALUE), 0);
	CHECK_EQ(run_to(child, REASON_EXTERNAL_INTERRUPT, 0).reason, VIRT_EXIT_INTERRUPT);
	CHECK_EQ(run_to(child, REASON_PREEMPTION_TIMER, 0).reason, VIRT_EXIT_DEADLINE);
	virt_set_deadline(child, ~0ull);
	CHECK_EQ(vtx_get(VMCS_PREEMPTION_TIMER_VALUE), 1000000);
	CHECK_EQ(run_to(child, REASON_EXTERNAL_INTERRUPT, 0).reason, VIRT_EXIT_INTERRUPT);
	CHECK_EQ(run_to(child, REASON_PREEMPTION_TIMER, 0).reason, VIRT_EXIT_INTERRUPT);
}

/* Deadlines that come and come do not keep the root out. */
static void deadlines_do_not_keep_the_root_out(void)
{
	unsigned int n_deadlines = 0;
	enum virt_exit_reason reason;

	machine(0);
	CHECK_EQ(run_to(child, REASON_PREEMPTION_TIMER, 0).reason, VIRT_EXIT_INTERRUPT);
	do {
		virt_set_deadline(child, vtx.tsc + 1000);
		vtx.tsc += 100000;
		reason = run_to(child, REASON_PREEMPTION_TIMER, 0).reason;
		REQUIRE(reason == VIRT_EXIT_DEADLINE || reason == VIRT_EXIT_INTERRUPT);
	} while (reason == VIRT_EXIT_DEADLINE && ++n_deadlines < 10000);
	CHECK(n_deadlines > 100 && n_deadlines < 1000);
}

static void without_a_timer_the_root_bounds_a_run(void)
{
	struct virt_exit exit;

	machine(1);
	CHECK(!virt_machine.has_deadline);
	CHECK_EQ(virt_bound(child), ~0ull);
	virt_set_deadline(child, vtx.tsc + 10000);
	virt_run(child, &exit); /* the root does not know yet */
	CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(virt_bound(child), child->deadline);
	CHECK_EQ(run_to(child, REASON_EXTERNAL_INTERRUPT, 0).reason, VIRT_EXIT_INTERRUPT);
	/* An earlier one is not known, a later one is as good. */
	virt_set_deadline(child, child->deadline - 1);
	virt_run(child, &exit);
	CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
	virt_set_deadline(child, child->deadline + 1000);
	CHECK_EQ(run_to(child, REASON_EXTERNAL_INTERRUPT, 0).reason, VIRT_EXIT_INTERRUPT);
	/* The bound has passed, and then the deadline. */
	vtx.tsc = child->deadline - 1;
	virt_run(child, &exit);
	CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(virt_bound(child), child->deadline);
	vtx.tsc += 2;
	virt_run(child, &exit);
	CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
	virt_set_deadline(child, ~0ull);
	CHECK_EQ(run_to(child, REASON_EXTERNAL_INTERRUPT, 0).reason, VIRT_EXIT_INTERRUPT);
}

/* ---- Going past an instruction ----------------------------------------------------------- */

static void rip_is_cut_to_the_width_of_the_mode(void)
{
	static const struct {
		uint64_t efer;
		uint16_t cs;
		uint64_t from, to;
	} rows[] = {
		{ 0, 0xc09b, 0xffffffff, 1 },
		{ EFER_LME | EFER_LMA, 0xc09b, 0xfffffffe, 0 },
		{ EFER_LME | EFER_LMA, 0xa09b, 0xffffffff, 0x100000001 },
		{ EFER_LME | EFER_LMA, 0xa09b, 0x1234, 0x1236 },
	};

	machine(0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct x86_segment cs = { .limit = 0xffffffff, .attributes = rows[i].cs };

		virt_set(child, VIRT_EFER, rows[i].efer);
		virt_set_segment(child, SEG_CS, &cs);
		child->regs.rip = rows[i].from;
		virt_skip(child, 2);
		CHECK_EQ(child->regs.rip, rows[i].to);
		CHECK_EQ(vtx_get(VMCS_GUEST_RIP), rows[i].to);
	}
}

static void an_instruction_that_is_skipped_ends_shadow_and_rf(void)
{
	machine(0);
	for (unsigned int i = 0; i < 32; i++) {
		const uint64_t shadow = i & 1 ? VIRT_SHADOW_STI : i & 2 ? VIRT_SHADOW_MOV_SS : 0;
		const bool has_tf = i & 4, has_rf = i & 8, by_branch = i & 16;

		virt_set(child, VIRT_SHADOW, shadow | VIRT_SHADOW_NMI);
		virt_set(child, VIRT_PENDING_DEBUG, 0);
		virt_set(child, VIRT_DEBUGCTL, by_branch ? DEBUGCTL_BTF : 0);
		child->regs.rflags =
			RFLAGS_ONE | (has_tf ? RFLAGS_TF : 0) | (has_rf ? RFLAGS_RF : 0);
		virt_skip(child, 2);
		CHECK_EQ(virt_get(child, VIRT_SHADOW), VIRT_SHADOW_NMI);
		CHECK(!(child->regs.rflags & RFLAGS_RF));
		CHECK_EQ(virt_get(child, VIRT_PENDING_DEBUG) & PENDING_DEBUG_BS,
			 has_tf && !by_branch ? PENDING_DEBUG_BS : 0);
	}
}

/* ---- The last words ---------------------------------------------------------------------- */

static jmp_buf over;

static void halted(void)
{
	longjmp(over, 1);
}

static char words[WHIT_LOG_BYTES];

/* The log since `from`; its length. */
static size_t read_words(uint64_t from)
{
	size_t n = 0, more;

	while (n < sizeof(words) - 1 &&
	       (more = log_read(from, words + n, sizeof(words) - 1 - n, &from)))
		n += more;
	words[n] = 0;
	return n;
}

static uint64_t log_end(void)
{
	uint64_t at = ~0ull;

	log_read(at, words, 0, &at);
	return at;
}

/* An entry that fails for its controls is a bug: the panic names the error, the VMCS and the last exits. */
static void a_failed_entry_has_last_words(void)
{
	uint64_t from;

	machine(0);
	for (unsigned int i = 0; i < 20; i++)
		run_to(i & 1 ? root : child, REASON_CPUID, 0);
	virt_switch(vtx.percpu->switched, child);
	virt_get(child, VIRT_CR3);
	vtx_put(VMCS_PIN_CONTROLS, 0);
	from = log_end();
	vtx.halted = halted;
	if (!setjmp(over)) {
		run(child);
		FAIL("the entry has not failed");
	}
	CHECK(vtx.percpu->in_panic);
	REQUIRE(read_words(from) > 1000);
	CHECK(strstr(words, "PANIC on processor 0: VM entry failed with error 7"));
	CHECK(strstr(words, "child:"));
	CHECK(strstr(words, "  pin controls 0\n"));
	CHECK(strstr(words, "  instruction error 7\n"));
	CHECK(strstr(words, "last exits, oldest first:\n"));
	CHECK(strstr(words, "  root  reason a rip 8000\n"));
	CHECK(strstr(words, "  child reason a rip fff0\n"));
	CHECK(strstr(words, "processor 0 stopped\n"));
}

/* A VMCS that the processor takes for another one than the hypervisor does. */
static void a_wrong_launch_state_has_last_words(void)
{
	uint64_t from;

	machine(0);
	run_to(child, REASON_CPUID, 0);
	vmx_vp(child)->is_launched = false;
	from = log_end();
	vtx.halted = halted;
	if (!setjmp(over)) {
		then(REASON_CPUID, 0);
		run(child);
		FAIL("the entry has not failed");
	}
	read_words(from);
	CHECK(strstr(words, "VM entry failed with error 4"));
}

/* A misconfigured nested table can only be a bug of the hypervisor. */
static void a_misconfigured_table_has_last_words(void)
{
	uint64_t from;

	machine(0);
	from = log_end();
	vtx.halted = halted;
	then(REASON_EPT_MISCONFIGURATION, 0);
	with(VMCS_GUEST_PHYSICAL_ADDRESS, 0xabc000);
	if (!setjmp(over)) {
		run(child);
		FAIL("it goes on");
	}
	read_words(from);
	CHECK(strstr(words, "EPT misconfiguration at abc000"));
}

/* ---- Pages ------------------------------------------------------------------------------- */

static void a_vp_gives_its_pages_back_wiped(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++) {
		struct virt_vp *more[8];
		uint64_t n_pages;

		machine(set);
		n_pages = pages.count;
		for (unsigned int i = 0; i < COUNT(more); i++) {
			more[i] = virt_vp_create(&pages, &child_space, &permissive);
			REQUIRE(more[i]);
			run_to(more[i], REASON_CPUID, 0);
		}
		CHECK(n_pages - pages.count <= COUNT(more) * VIRT_VP_PAGES);
		virt_switch(vtx.percpu->switched, root);
		for (unsigned int i = 0; i < COUNT(more); i++)
			virt_vp_destroy(more[i], &pages);
		CHECK_EQ(pages.count, n_pages);
		CHECK(!vtx.percpu->current || vtx.percpu->current == child ||
		      vtx.percpu->current == root);
		for (uint64_t at = pages.first; n_pages--; at = *(uint64_t *)virt_ptr(SPA(at))) {
			const uint64_t *const page = virt_ptr(SPA(at));

			for (unsigned int i = 1; i < PAGE_SIZE / 8; i++)
				if (page[i])
					FAIL("something is left in a page");
		}
		CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	}
}

static void without_enough_pages_there_is_no_vp(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++)
		for (uint64_t n = 0; n <= VIRT_VP_PAGES; n++) {
			struct virt_pages few = { 0 };
			struct virt_vp *vp;
			spa_t page;

			machine(set);
			for (uint64_t i = 0; i < n; i++) {
				REQUIRE(virt_pages_take(&pages, &page));
				virt_pages_give(&few, page);
			}
			vp = virt_vp_create(&few, &child_space, &permissive);
			if (vp)
				CHECK_EQ(run_to(vp, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
			else
				CHECK_EQ(few.count, n);
			CHECK_EQ(vp != NULL, n >= (virt_machine.apic & VIRT_APIC_X2 ? 4 : 3));
		}
}

/* An INIT is the root's: a child is left for it, and the root's next entry resets the machine. */
static void init_and_sipi_are_not_the_childs(void)
{
	for (unsigned int is_root = 0; is_root < 2; is_root++) {
		const uint64_t from = log_end();

		machine(0);
		if (!is_root)
			then(REASON_SIPI, 0x12); /* nobody waits for one */
		then(REASON_INIT, 0);
		if (!is_root) {
			CHECK_EQ(run(child).reason, VIRT_EXIT_NMI);
			CHECK_EQ(vtx.percpu->pending, PENDING_INIT);
			CHECK_EQ(run(child).reason, VIRT_EXIT_NOTHING);
		}
		vtx.reset = halted;
		if (!setjmp(over)) {
			run(root);
			FAIL("the machine goes on");
		}
		vtx.reset = NULL;
		REQUIRE(read_words(from));
		CHECK(strstr(words, "root: INIT at RIP 8000: the machine is reset"));
	}
}

/* A processor that the machine has not started on waits for its SIPI, and begins where that says. */
static void init_and_sipi_start_a_processor_anew(void)
{
	machine(0);
	vtx_msr(MSR_APIC_BASE)->value &= ~APIC_BASE_BSP;
	root->regs.gpr[X86_RBX] = 5;
	CHECK(!virt_waits(root));
	CHECK_EQ(run_to(root, REASON_INIT, 0).reason, VIRT_EXIT_NOTHING);
	CHECK(virt_waits(root));
	CHECK_EQ(vtx_get(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_WAIT_FOR_SIPI);
	CHECK_EQ(run_to(root, REASON_SIPI, 0x9a).reason, VIRT_EXIT_NOTHING);
	CHECK(!virt_waits(root));
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(vtx_get(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_ACTIVE);
	CHECK_EQ(vtx_get(VMCS_GUEST_CS_SELECTOR), 0x9a00);
	CHECK_EQ(vtx_get(VMCS_GUEST_BASE(SEG_CS)), 0x9a000);
	CHECK_EQ(root->regs.rip, 0);
	CHECK_EQ(root->regs.gpr[X86_RBX], 0);
	CHECK_EQ(root->regs.gpr[X86_RDX], vtx_cpuid(1, 0).eax);
	CHECK(!(virt_get(root, VIRT_CR0) & (CR0_PE | CR0_PG)));
	/* Twice, and with an NMI that came before it, which nobody gets any more. */
	vtx.percpu->pending |= PENDING_NMI;
	CHECK_EQ(run_to(root, REASON_INIT, 0).reason, VIRT_EXIT_NOTHING);
	vtx.percpu->pending |= PENDING_NMI; /* and one that comes before it waits */
	then(REASON_INIT, 0);
	then(REASON_SIPI, 1);
	CHECK_EQ(run(root).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(vtx_get(VMCS_GUEST_BASE(SEG_CS)), 0x1000);
	CHECK(!root->held);
	/* The same of one that waits for the end of another. */
	virt_set(root, VIRT_SHADOW, VIRT_SHADOW_NMI);
	vtx.percpu->pending |= PENDING_NMI;
	then(REASON_CPUID, 0);
	CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
	CHECK(vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW);
	CHECK_EQ(run_to(root, REASON_INIT, 0).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(run_to(root, REASON_SIPI, 1).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK(!(vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW));
}

/* The VP that is switched in, and the one that comes later. */
static void a_renewed_vp_follows_its_space(void)
{
	uint64_t before, flushes;

	machine(0);
	REQUIRE(vmx_caps.has_ept_ad);
	run_to(child, REASON_CPUID, 0);
	before = vtx_get(VMCS_EPT_POINTER);
	virt_space_track(&child_space);
	CHECK(child_space.token != before);
	virt_renew(child);
	flushes = vtx.n_flushes;
	CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(vtx_get(VMCS_EPT_POINTER), child_space.token);
	CHECK_EQ(vtx.n_flushes, flushes + 1);
	run_to(root, REASON_CPUID, 0);
	REQUIRE(virt_space_set(
		&child_space, GPA(0), LEVEL_4K,
		(struct virt_leaf) { SPA(0x7000), VIRT_READ, LEVEL_4K, MEMTYPE_WB }));
	REQUIRE(virt_space_resolve(&child_space, GPA(0), true));
	virt_renew(child);
	CHECK_EQ(run_to(child, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(vtx_get(VMCS_EPT_POINTER), child_space.token);
	CHECK_EQ(child_space.token, before);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(registers_go_in_and_come_back),
		TEST(the_first_entry_launches_and_the_others_resume),
		TEST(a_change_of_paging_flushes_once),
		TEST(after_a_refusal_the_vp_can_be_entered),
		TEST(a_machine_check_during_an_entry_is_the_roots),
		TEST(init_and_sipi_are_not_the_childs),
		TEST(init_and_sipi_start_a_processor_anew),
		TEST(a_renewed_vp_follows_its_space),
		TEST(a_threshold_above_the_tpr_is_mended),
		TEST(a_deadline_sets_the_timer),
		TEST(deadlines_do_not_keep_the_root_out),
		TEST(without_a_timer_the_root_bounds_a_run),
		TEST(rip_is_cut_to_the_width_of_the_mode),
		TEST(an_instruction_that_is_skipped_ends_shadow_and_rf),
		TEST(a_failed_entry_has_last_words),
		TEST(a_wrong_launch_state_has_last_words),
		TEST(a_misconfigured_table_has_last_words),
		TEST(a_vp_gives_its_pages_back_wiped),
		TEST(without_enough_pages_there_is_no_vp),
	};

	return RUN(tests);
}
