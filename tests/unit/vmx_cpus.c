// SPDX-License-Identifier: MIT
/*
 * Two processors: a child moves from one to the other with all that it has, kicks, NMIs of the machine, a root that waits for its
 * SIPI, and a panic. A VMCS that is taken up while it is active elsewhere ends the program (tests/vtx), so each run is
 * also a check of that.
 */
#include "tests/unit/vmx.h"

#include "arch/x86/kick.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/paging.h"

#define SECOND_PERCPU_PAGE 0x5000ull

static struct virt_vp *roots[2];

static void two_processors(unsigned int set)
{
	const struct whit_cpu_state state = root_state();

	vtx_start(set, RAM_BYTES, 0x1234567 + set);
	vtx.guest = guest;
	vtx_take_over(PERCPU_PAGE);
	vtx_take_over_next(SECOND_PERCPU_PAGE);
	pages = (struct virt_pages) { 0 };
	for (uint64_t i = 0; i < N_PAGES; i++)
		virt_pages_give(&pages, SPA(FIRST_PAGE + i * PAGE_SIZE));
	REQUIRE(virt_space_create(&root_space, &pages) && virt_space_create(&child_space, &pages));
	for (unsigned int cpu = 2; cpu--;) {
		vtx_run_on(cpu);
		roots[cpu] = virt_root_create(&pages, &state, &root_space);
		REQUIRE(roots[cpu]);
		CHECK_EQ(run_to(roots[cpu], REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	}
	root = roots[0];
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(child);
}

/* One exit of the child on a processor, and back to the root there. */
static enum virt_exit_reason child_on(unsigned int cpu)
{
	enum virt_exit_reason reason;

	vtx_run_on(cpu);
	reason = run_to(child, REASON_CPUID, 0).reason;
	virt_switch(child, roots[cpu]);
	return reason;
}

static struct virt_exit run_nothing(struct virt_vp *vp)
{
	const uint64_t entries = vtx.n_entries;
	const struct virt_exit exit = run(vp);

	CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(exit.interrupted.type, VIRT_EVENT_NONE);
	CHECK_EQ(vtx.n_entries, entries);
	return exit;
}

/* ---- A child moves ----------------------------------------------------------------------- */

static uint64_t seen_dr, seen_star, seen_cr2;
static uint16_t seen_fcw;

static void guest_looks(struct virt_regs *regs)
{
	(void)regs;
	seen_dr = vtx.dr[1];
	seen_star = vtx_msr(MSR_STAR)->value;
	seen_cr2 = vtx.cr2;
	seen_fcw = vtx.fx.fcw;
	/* What it can change by itself. */
	vtx.cr2++;
	vtx.fx.fcw ^= 0x0c00;
	vtx_put(VMCS_GUEST_RIP, vtx_get(VMCS_GUEST_RIP) + 2);
	vtx_put(VMCS_GUEST_CR3, vtx_get(VMCS_GUEST_CR3) + PAGE_SIZE);
	regs->gpr[X86_RBX]++;
}

static void a_child_moves_with_all_that_it_has(void)
{
	for (unsigned int set = 0; set < VTX_SETS; set++) {
		two_processors(set);
		virt_set(child, VIRT_DR1, 0x1234);
		virt_set(child, VIRT_DR7, DR7_INIT | 4);
		virt_set(child, VIRT_EFER, EFER_SCE);
		virt_set(child, VIRT_STAR, 0x23000800000000);
		virt_set(child, VIRT_CR2, 0x7000);
		child->regs.rip = 0x100;
		child->regs.gpr[X86_RBX] = 0;
		child->regs.changed = true;
		for (unsigned int i = 0; i < 20; i++) {
			const unsigned int cpu = (i * i / 3) % 2;

			vtx_run_on(cpu);
			vtx.dr[1] = 0x99; /* its root's */
			then(REASON_CPUID, 0);
			shots[0].act = guest_looks;
			CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
			virt_switch(child, roots[cpu]);
			CHECK_EQ(seen_dr, 0x1234);
			CHECK_EQ(seen_star, 0x23000800000000);
			CHECK_EQ(seen_cr2, 0x7000 + i);
			CHECK_EQ(seen_fcw, i % 2 ? 0x0040 ^ 0x0c00 : 0x0040);
			CHECK_EQ(child->regs.rip, 0x100 + 2 * (i + 1));
			CHECK_EQ(child->regs.gpr[X86_RBX], i + 1);
			CHECK_EQ(vtx.dr[1], 0x99);
			/* Read from the other one, which is a move, too. */
			vtx_run_on(cpu ^ (i % 3 == 0));
			CHECK_EQ(virt_get(child, VIRT_CR3), (i + 1) * PAGE_SIZE);
		}
	}
}

/* The host state is the processor's to which the exit leads. */
static void a_moved_child_exits_to_its_new_processor(void)
{
	two_processors(0);
	for (unsigned int i = 0; i < 4; i++) {
		child_on(i % 2);
		CHECK_EQ(vmx_vp(child)->cpu, i % 2);
		virt_get(child, VIRT_CR3); /* current again */
		CHECK_EQ(vtx_get(VMCS_HOST_GS_BASE), (uintptr_t)vtx.percpu);
		CHECK_EQ(vtx_get(VMCS_HOST_TR_BASE), (uintptr_t)&vtx.percpu->tss);
		CHECK_EQ(vtx_get(VMCS_HOST_GDTR_BASE), (uintptr_t)vtx.percpu->gdt);
	}
}

/* A move costs one NMI, and what the processor remembers of the child: of its space, and by its VPID. */
static void a_move_costs_one_kick_and_one_flush(void)
{
	uint64_t flushes;
	unsigned int nmis;

	two_processors(0);
	child_on(0);
	for (unsigned int i = 0; i < 6; i++) {
		const unsigned int cpu = i / 2 % 2 ^ 1; /* 1 1 0 0 1 1 */

		flushes = vtx.n_flushes;
		nmis = vtx.n_nmis_sent;
		CHECK_EQ(child_on(cpu), VIRT_EXIT_CPUID);
		CHECK_EQ(vtx.n_flushes - flushes, i % 2 ? 0 : 2);
		CHECK_EQ(vtx.n_nmis_sent - nmis, i % 2 ? 0 : 1);
	}
}

/* The processor that has it may be anywhere; here it has made the VMCS its current one. */
static void the_current_vmcs_is_given_up(void)
{
	two_processors(0);
	vtx_run_on(0);
	run_to(child, REASON_CPUID, 0);
	virt_switch(child, roots[0]);
	CHECK(vtx.percpu->current == child);
	child_on(1);
	vtx_run_on(0);
	CHECK(!vtx.percpu->current);
	CHECK_EQ(vtx.current, VTX_NO_CURRENT);
	CHECK_EQ(run_to(roots[0], REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
}

static void a_child_is_destroyed_from_another_processor(void)
{
	uint64_t n_pages;

	two_processors(0);
	n_pages = pages.count;
	for (unsigned int i = 0; i < 2; i++) {
		struct virt_vp *const before = child;

		child_on(1);
		vtx_run_on(0);
		virt_vp_destroy(before, &pages);
		CHECK(pages.count > n_pages);
		child = virt_vp_create(&pages, &child_space, &permissive);
		REQUIRE(child);
		CHECK_EQ(pages.count, n_pages);
		CHECK_EQ(child_on(i), VIRT_EXIT_CPUID);
	}
}

/* More than the processor keeps active: the oldest are put back, and come again as if nothing had been. */
static void many_children_share_a_processor(void)
{
	struct virt_vp *many[40];
	uint64_t flushes;

	two_processors(0);
	for (unsigned int i = 0; i < COUNT(many); i++) {
		many[i] = virt_vp_create(&pages, &child_space, &permissive);
		REQUIRE(many[i]);
	}
	for (unsigned int round = 0; round < 3; round++) {
		flushes = vtx.n_flushes;
		for (unsigned int i = 0; i < COUNT(many); i++) {
			child = many[i];
			CHECK_EQ(child_on(round == 2), VIRT_EXIT_CPUID);
		}
		CHECK_EQ(vtx.n_flushes - flushes, round == 1 ? 0 : 2 * COUNT(many));
	}
	CHECK(!vtx.n_nmis_sent || vtx.n_nmis_sent <= ACTIVE_VPS);
	for (unsigned int i = 0; i < COUNT(many); i++)
		virt_vp_destroy(many[i], &pages);
}

/* The speculation of one partition does not train another, though that one's tables lie where its own lay. */
static void predictions_do_not_outlive_a_space(void)
{
	uint64_t before;

	two_processors(2);
	if (!vtx_msr(MSR_PRED_CMD))
		return;
	child_on(1);
	vtx_run_on(0);
	virt_vp_destroy(child, &pages);
	virt_space_destroy(&child_space);
	REQUIRE(virt_space_create(&child_space, &pages));
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(child);
	before = vtx.n_ibpb;
	child_on(1);
	CHECK_EQ(vtx.n_ibpb - before, 1);
	child_on(1);
	CHECK_EQ(vtx.n_ibpb - before, 1);
}

/* ---- Kicks ------------------------------------------------------------------------------- */

/* It comes while the hypervisor runs: the next entry does not happen, unless somebody has looked. */
static void a_kick_before_an_entry_ends_the_run(void)
{
	for (unsigned int is_child = 0; is_child < 2; is_child++) {
		struct virt_vp *vp;

		two_processors(0);
		vp = is_child ? child : roots[0];
		vtx_run_on(1);
		virt_kick(0);
		vtx_run_on(0);
		CHECK_EQ(vtx.percpu->pending, PENDING_KICK);
		run_nothing(vp);
		CHECK_EQ(run_to(vp, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
		vtx_run_on(1);
		virt_kick(0);
		vtx_run_on(0);
		virt_heard();
		CHECK_EQ(run_to(vp, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(vtx.n_nmis_sent, 2);
	}
}

/* What was injected before waits, in the child and in the root. */
static void a_kick_does_not_lose_an_event(void)
{
	const struct virt_event event = { .type = VIRT_EVENT_INTERRUPT, .vector = 0x31 };

	for (unsigned int is_child = 0; is_child < 2; is_child++) {
		struct virt_vp *vp;

		two_processors(0);
		vp = is_child ? child : roots[0];
		vp->regs.rflags |= RFLAGS_IF;
		vp->regs.changed = true;
		virt_inject(vp, &event);
		vtx_run_on(1);
		virt_kick(0);
		vtx_run_on(0);
		run_nothing(vp);
		then(REASON_CPUID, 0);
		run(vp);
		CHECK_EQ(entered[0].info, INFO(INTR_EXTERNAL, 0x31u));
	}
}

static void guest_is_kicked(struct virt_regs *regs)
{
	(void)regs;
	vtx.percpu->letter.kick = KICK_LEAVE; /* as virt_kick() has made it; the NMI is this exit */
}

static void a_kick_of_a_guest_is_an_exit(void)
{
	for (unsigned int is_child = 0; is_child < 2; is_child++) {
		struct virt_vp *vp;

		two_processors(0);
		vp = is_child ? child : roots[0];
		then(REASON_EXCEPTION_OR_NMI, 0);
		with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_NMI, 2u));
		shots[0].act = guest_is_kicked;
		CHECK_EQ(run(vp).reason, VIRT_EXIT_KICK);
		CHECK_EQ(vtx.percpu->pending, 0);
		CHECK_EQ(vtx.percpu->letter.kick, 0);
		then(REASON_CPUID, 0);
		CHECK_EQ(run(vp).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[0].info, 0);
	}
}

/* The machine's own is the root's, wherever it comes; it is never lost, and none is made up. */
static void an_nmi_of_the_machine_is_the_roots(void)
{
	two_processors(0);
	CHECK(vtx_get(VMCS_PIN_CONTROLS) & PIN_NMI_EXITING);
	/* In the root. */
	then(REASON_EXCEPTION_OR_NMI, 0);
	with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_NMI, 2u));
	then(REASON_CPUID, 0);
	CHECK_EQ(run(roots[0]).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[1].info, INFO(INTR_NMI, 2u));
	/* In a child. */
	then(REASON_EXCEPTION_OR_NMI, 0);
	with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_NMI, 2u));
	CHECK_EQ(run(child).reason, VIRT_EXIT_NMI);
	then(REASON_CPUID, 0);
	CHECK_EQ(run(roots[0]).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].info, INFO(INTR_NMI, 2u));
	/* In the hypervisor, with a kick beside it, in either order. */
	for (unsigned int i = 0; i < 2; i++) {
		if (i)
			vtx_nmi(0);
		vtx_run_on(1);
		virt_kick(0);
		vtx_run_on(0);
		if (!i)
			vtx_nmi(0);
		run_nothing(roots[0]);
		then(REASON_CPUID, 0);
		run(roots[0]);
		CHECK_EQ(entered[0].info, INFO(INTR_NMI, 2u));
		then(REASON_CPUID, 0);
		run(roots[0]);
		CHECK_EQ(entered[0].info, 0);
	}
	/* While the root is in the handler of one: it waits for its end, by a window. */
	virt_set(roots[0], VIRT_SHADOW, VIRT_SHADOW_NMI);
	vtx_nmi(0);
	then(REASON_NMI_WINDOW, 0);
	with(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
	then(REASON_CPUID, 0);
	run(roots[0]);
	CHECK_EQ(entered[0].info, 0);
	CHECK_EQ(entered[1].info, INFO(INTR_NMI, 2u));
	CHECK(vtx_get(VMCS_PIN_CONTROLS) & PIN_NMI_EXITING);
	CHECK(!(vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW));
}

/* One that comes during a child's run is the root's of that processor, whose next entry has it. */
static void a_machine_check_is_the_roots_of_its_processor(void)
{
	two_processors(0);
	for (unsigned int cpu = 2; cpu--;) {
		vtx_run_on(cpu);
		then(REASON_EXCEPTION_OR_NMI, 0);
		with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_HARD_EXCEPTION, (uint32_t)EXC_MC));
		CHECK_EQ(run(child).reason, VIRT_EXIT_NMI);
		virt_switch(child, roots[cpu]);
		vtx_run_on(!cpu);
		then(REASON_CPUID, 0);
		run(roots[!cpu]);
		CHECK_EQ(entered[0].info, 0);
		vtx_run_on(cpu);
		then(REASON_CPUID, 0);
		run(roots[cpu]);
		CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, (uint32_t)EXC_MC));
	}
}

static void kicks_that_are_on_their_way_are_one(void)
{
	two_processors(0);
	vtx.is_deaf = true;
	vtx_run_on(1);
	for (unsigned int i = 0; i < 5; i++)
		virt_kick(0);
	CHECK_EQ(vtx.n_nmis_sent, 1);
	vtx_run_on(0);
	vtx.is_deaf = false;
	vtx_nmi(0);
	run_nothing(child);
	vtx_run_on(1);
	virt_kick(0);
	CHECK_EQ(vtx.n_nmis_sent, 2);
	vtx_run_on(0);
	run_nothing(child);
}

/* ---- A root that waits for its SIPI ------------------------------------------------------- */

static void park(void)
{
	vtx_run_on(1);
	CHECK_EQ(run_to(roots[1], REASON_INIT, 0).reason, VIRT_EXIT_NOTHING);
	CHECK(virt_waits(roots[1]));
}

/* It has given back all that it had, so that nobody needs it: no NMI would reach it. */
static void a_processor_that_waits_is_not_kicked(void)
{
	struct virt_vp *first;
	unsigned int nmis;

	two_processors(0);
	first = child;
	child_on(1);
	child = virt_vp_create(&pages, &child_space, &permissive);
	REQUIRE(child);
	child_on(1);
	park();
	vtx.is_deaf = true;
	nmis = vtx.n_nmis_sent;
	vtx_run_on(0);
	virt_kick(1);
	CHECK_EQ(child_on(0), VIRT_EXIT_CPUID);
	virt_vp_destroy(first, &pages);
	CHECK_EQ(vtx.n_nmis_sent - nmis, 0);
	/* The SIPI: what was a kick is answered by the return, and later ones reach it again. */
	vtx_run_on(1);
	vtx.is_deaf = false;
	CHECK_EQ(run_to(roots[1], REASON_SIPI, 0x10).reason, VIRT_EXIT_NOTHING);
	CHECK(!virt_waits(roots[1]));
	CHECK_EQ(vtx.percpu->pending, 0);
	vtx_run_on(0);
	virt_kick(1);
	CHECK_EQ(vtx.n_nmis_sent - nmis, 1);
	vtx_run_on(1);
	run_nothing(roots[1]);
	CHECK_EQ(child_on(1), VIRT_EXIT_CPUID);
	CHECK_EQ(vtx.n_nmis_sent - nmis, 2);
}

/* An NMI of the machine's own comes between the last look and the wait: nobody kicks all the same. */
static void a_processor_that_is_about_to_wait_is_not_kicked(void)
{
	unsigned int nmis;

	two_processors(0);
	vtx_run_on(1);
	kick_hold();
	CHECK_EQ(kick_nmi(0), 0);
	nmis = vtx.n_nmis_sent;
	vtx_run_on(0);
	virt_kick(1);
	CHECK_EQ(vtx.n_nmis_sent, nmis);
	vtx_run_on(1);
	kick_release();
	vtx_run_on(0);
	virt_kick(1);
	CHECK_EQ(vtx.n_nmis_sent, nmis + 1);
}

/* The kick is on its way when the processor goes to wait: it takes that one first. */
static void nmi_comes(void)
{
	vtx.paused = NULL;
	vtx_nmi(1);
}

static void a_processor_takes_its_last_kick_before_it_waits(void)
{
	two_processors(0);
	vtx_run_on(1);
	vtx.is_deaf = true;
	vtx_run_on(0);
	virt_kick(1);
	CHECK_EQ(vtx.n_nmis_sent, 1);
	vtx_run_on(1);
	vtx.paused = nmi_comes;
	park();
	CHECK(!vtx.paused);
	CHECK_EQ(vtx.percpu->pending, 0);
	CHECK_EQ(vtx.percpu->letter.kick, KICK_HELD);
	CHECK_EQ(run_to(roots[1], REASON_SIPI, 0x10).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(vtx.percpu->letter.kick, 0);
	CHECK_EQ(run_to(roots[1], REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
}

/* Somebody waits for a child that it has, when it goes to wait: the wish is withdrawn, for the child is free. */
static void other_goes_to_wait(void)
{
	vtx.paused = NULL;
	vtx_run_on(1);
	vtx.is_deaf = false;
	vtx.percpu->letter.kick = 0; /* the NMI has come, and its handler has seen no letter yet */
	park();
	vtx_run_on(0);
}

static void a_wish_is_withdrawn_from_a_processor_that_waits(void)
{
	two_processors(0);
	child_on(1);
	vtx.is_deaf = true;
	vtx_run_on(0);
	vtx.paused = other_goes_to_wait;
	(void)virt_get(child, VIRT_CR3);
	CHECK(!vtx.paused);
	CHECK(!percpu_of(1)->letter.wanted);
	CHECK_EQ(percpu_of(1)->letter.lock.held, 0);
	vtx_run_on(1);
	CHECK_EQ(run_to(roots[1], REASON_SIPI, 0x10).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(child_on(1), VIRT_EXIT_CPUID);
}

/* ---- What all have in common ------------------------------------------------------------- */

/* As systems write MTRRs, inside stop_machine(): all processors the same, one after the other. */
static void mtrrs_written_by_each_in_turn_change_once(void)
{
	uint8_t type;

	two_processors(0);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int cpu = 0; cpu < 2; cpu++) {
			vtx_run_on(cpu);
			REQUIRE(virt_mtrr_set(MSR_MTRR_PHYSBASE0, 0x400000 | MEMTYPE_UC));
			REQUIRE(virt_mtrr_set(MSR_MTRR_PHYSMASK0,
					      (~0x3fffffull & ((1ull << 40) - 1)) |
						      (round ? 0 : MTRR_PHYSMASK_V)));
			CHECK_EQ(virt_memory_type_changed(), !cpu);
			REQUIRE(virt_memory_type(SPA(0x400000), LEVEL_4K, &type));
			CHECK_EQ(type, round ? MEMTYPE_WB : MEMTYPE_UC);
		}
	}
}

/* ---- A panic ----------------------------------------------------------------------------- */

static jmp_buf over;
static char words[1 << 16];

static void halted(void)
{
	longjmp(over, 1);
}

/* The last test: what is asked to stop stays so. */
static void a_panic_stops_all_and_tells_of_each(void)
{
	const char *at;
	uint64_t from;

	two_processors(0);
	child_on(1);
	vtx_run_on(1);
	run_to(child, REASON_HLT, 0);
	vtx_run_on(0);
	while (log_read(from = 0, words, sizeof(words), &from))
		;
	vtx.halted = halted;
	if (!setjmp(over))
		virt_panic("a test of %u processors", 2);
	CHECK_EQ(vtx.number, 0);
	words[log_read(0, words, sizeof(words) - 1, &from)] = 0;
	at = strstr(words, "PANIC on processor 0: a test of 2 processors");
	REQUIRE(at);
	CHECK(!strstr(at, "does not stop"));
	at = words;
	REQUIRE((at = strstr(at, "processor 1 was at rip ffffffff80000000")));
	REQUIRE((at = strstr(at, ", child:")));
	REQUIRE((at = strstr(at, "child reason c rip")));
	REQUIRE((at = strstr(at, "processor 1 stopped")));
	REQUIRE(strstr(words, "processor 0 stopped"));
	vtx_run_on(1);
	CHECK(vtx.is_halted);
	CHECK(!vtx.is_vmx_on);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_child_moves_with_all_that_it_has),
		TEST(a_moved_child_exits_to_its_new_processor),
		TEST(a_move_costs_one_kick_and_one_flush),
		TEST(the_current_vmcs_is_given_up),
		TEST(a_child_is_destroyed_from_another_processor),
		TEST(many_children_share_a_processor),
		TEST(predictions_do_not_outlive_a_space),
		TEST(a_kick_before_an_entry_ends_the_run),
		TEST(a_kick_does_not_lose_an_event),
		TEST(a_kick_of_a_guest_is_an_exit),
		TEST(an_nmi_of_the_machine_is_the_roots),
		TEST(a_machine_check_is_the_roots_of_its_processor),
		TEST(kicks_that_are_on_their_way_are_one),
		TEST(a_processor_that_waits_is_not_kicked),
		TEST(a_processor_that_is_about_to_wait_is_not_kicked),
		TEST(a_processor_takes_its_last_kick_before_it_waits),
		TEST(a_wish_is_withdrawn_from_a_processor_that_waits),
		TEST(mtrrs_written_by_each_in_turn_change_once),
		TEST(a_panic_stops_all_and_tells_of_each),
	};

	return RUN(tests);
}
