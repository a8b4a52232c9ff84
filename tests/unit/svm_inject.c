// SPDX-License-Identifier: MIT
/* Events on their way into a guest: those that hv/ injects, windows, NMIs and their blocking, and those held for the root. */
#include "tests/unit/svm.h"

static const struct {
	struct virt_event event;
	uint64_t word;
} events[] = {
	{ { .type = VIRT_EVENT_INTERRUPT, .vector = 0x20 }, EVENT(VMCB_EVENT_INTERRUPT, 0x20u) },
	{ { .type = VIRT_EVENT_INTERRUPT, .vector = 0xff }, EVENT(VMCB_EVENT_INTERRUPT, 0xffu) },
	{ { .type = VIRT_EVENT_NMI, .vector = 2 }, EVENT(VMCB_EVENT_NMI, 2u) },
	{ { .type = VIRT_EVENT_EXCEPTION, .vector = 0 }, EVENT(VMCB_EVENT_EXCEPTION, 0u) },
	{ { .type = VIRT_EVENT_EXCEPTION,
	    .vector = 14,
	    .has_error_code = true,
	    .error_code = 0x1f },
	  EVENT(VMCB_EVENT_EXCEPTION, 14u) | EVENT_HAS_ERROR | 0x1full << EVENT_ERROR_SHIFT },
	{ { .type = VIRT_EVENT_SOFT_INTERRUPT, .vector = 0x21, .length = 2 },
	  EVENT(VMCB_EVENT_SOFT_INTERRUPT, 0x21u) },
	{ { .type = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION, .vector = 1, .length = 1 },
	  EVENT(VMCB_EVENT_EXCEPTION, 1u) },
	{ { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = 3, .length = 1 },
	  EVENT(VMCB_EVENT_EXCEPTION, 3u) },
	{ { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = 4, .length = 15 },
	  EVENT(VMCB_EVENT_EXCEPTION, 4u) },
};

/* A software interrupt and its kin push the RIP behind the instruction, whichever the processor takes for it. */
static void check_entered(size_t i, uint64_t rip)
{
	CHECK_EQ(entered[0].event, events[i].word);
	if (events[i].event.type == VIRT_EVENT_SOFT_INTERRUPT)
		CHECK_EQ(entered[0].pushed_rip, rip + events[i].event.length);
	if (events[i].event.type >= VIRT_EVENT_SOFT_INTERRUPT)
		CHECK_EQ(entered[0].rip, rip + events[i].event.length);
}

/* IRET, at which NMIs are open again: it exits, and is executed. */
static void iret(struct virt_regs *regs)
{
	amd.now.save.rip += 2;
	if (amd.now.save.rflags & RFLAGS_TF)
		amd.now.save.dr6 |= DR6_BS;
}

static void end_nmi(struct virt_vp *vp)
{
	then(VMEXIT_IRET, 0);
	then(VMEXIT_CPUID, 0)->act = iret;
	run(vp);
	CHECK(!(virt_get(vp, VIRT_SHADOW) & VIRT_SHADOW_NMI));
}

static void an_event_is_delivered_by_one_entry(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		go_to_protected_mode(child);
		child->regs.rflags |= RFLAGS_IF;
		for (size_t i = 0; i < COUNT(events); i++) {
			const uint64_t rip = child->regs.rip;

			virt_inject(child, &events[i].event);
			CHECK_EQ(run_to(child, VMEXIT_CPUID, 0).reason, VIRT_EXIT_CPUID);
			check_entered(i, rip);
			run_to(child, VMEXIT_CPUID, 0);
			CHECK_EQ(entered[0].event, 0);
			if (events[i].event.type == VIRT_EVENT_NMI)
				end_nmi(child);
		}
	}
}

static void in_real_mode_there_are_no_error_codes(void)
{
	const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION,
					  .vector = EXC_GP,
					  .has_error_code = true };

	machine(AMD_ZEN4);
	virt_inject(child, &event);
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, (uint64_t)EXC_GP));
}

static void a_later_event_takes_the_place_of_an_earlier_one(void)
{
	static const struct virt_event none = { .type = VIRT_EVENT_NONE };

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	for (size_t i = 0; i < COUNT(events); i++)
		for (size_t k = 0; k < COUNT(events); k++) {
			const uint64_t rip = child->regs.rip;

			virt_inject(child, &events[i].event);
			virt_inject(child, &events[k].event);
			run_to(child, VMEXIT_CPUID, 0);
			check_entered(k, rip);
			if (events[k].event.type == VIRT_EVENT_NMI)
				end_nmi(child);
			virt_inject(child, &events[i].event);
			virt_inject(child, &none);
			run_to(child, VMEXIT_CPUID, 0);
			CHECK_EQ(entered[0].event, 0);
		}
}

static void at_the_handler(struct virt_regs *regs)
{
	amd.now.save.rip = 0x4000;
}

/*
 * An event whose delivery an exit has interrupted goes in again as it was, at the instruction that made it; whatever RIP the
 * processor has left.
 */
static void an_interrupted_event_goes_in_again(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		go_to_protected_mode(child);
		for (size_t i = 0; i < COUNT(events); i++) {
			const uint64_t rip = child->regs.rip;
			struct virt_exit exit;

			virt_inject(child, &events[i].event);
			then(VMEXIT_NPF, 4)->event = events[i].word;
			if (events[i].event.type >= VIRT_EVENT_SOFT_INTERRUPT)
				shots[0].act = at_the_handler;
			exit = run(child);
			CHECK_EQ(exit.reason, VIRT_EXIT_MEMORY);
			CHECK_EQ(exit.interrupted.type, events[i].event.type);
			CHECK_EQ(exit.interrupted.vector, events[i].event.vector);
			CHECK_EQ(exit.interrupted.length, events[i].event.length);
			CHECK(!exit.is_partial);
			CHECK_EQ(child->regs.rip, rip);
			virt_inject(child, &exit.interrupted);
			run_to(child, VMEXIT_CPUID, 0);
			check_entered(i, rip);
			if (events[i].event.type == VIRT_EVENT_NMI)
				end_nmi(child);
		}
	}
}

/* An INT n of the guest's own: the processor does not tell its length, hv/ finds it. */
static void a_software_interrupt_of_the_guest_is_partial(void)
{
	struct virt_exit exit;

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	then(VMEXIT_NPF, 4)->event = EVENT(VMCB_EVENT_SOFT_INTERRUPT, 0x80u);
	exit = run(child);
	CHECK_EQ(exit.interrupted.type, VIRT_EVENT_SOFT_INTERRUPT);
	CHECK_EQ(exit.interrupted.vector, 0x80);
	CHECK(exit.is_partial);
}

/* ---- Windows ----------------------------------------------------------------------------- */

/* The guest's own decision, by the rules of virtual interrupts. */
static void a_window_opens_when_an_interrupt_can_be_taken(void)
{
	static const struct {
		uint64_t rflags, shadow;
		bool opens;
	} states[] = {
		{ 0, 0, false },
		{ RFLAGS_IF, STATE_SHADOW, false },
		{ 0, STATE_SHADOW, false },
		{ RFLAGS_IF, 0, true },
	};

	machine(AMD_ZEN4);
	for (size_t i = 0; i < COUNT(states); i++) {
		child->regs.rflags = RFLAGS_ONE | states[i].rflags;
		virt_set(child, VIRT_SHADOW, states[i].shadow ? VIRT_SHADOW_MOV_SS : 0);
		virt_window(child, true, false);
		if (states[i].opens) {
			/* Without an entry. */
			CHECK_EQ(run(child).reason, VIRT_EXIT_INTERRUPT_WINDOW);
		} else {
			run_to(child, VMEXIT_CPUID, 0);
			CHECK(entered[0].intercepts & INTERCEPT_VINTR);
			CHECK(!amd_takes_virtual_interrupt());
		}
		virt_window(child, false, false);
		run_to(child, VMEXIT_CPUID, 0);
		CHECK(!(entered[0].intercepts & INTERCEPT_VINTR));
		CHECK(!amd_takes_virtual_interrupt());
	}
	child->regs.rflags = RFLAGS_ONE;
	virt_window(child, true, false);
	CHECK_EQ(run_to(child, VMEXIT_VINTR, 0).reason, VIRT_EXIT_INTERRUPT_WINDOW);
}

static void some_exceptions_of_a_child_always_exit(void)
{
	const uint32_t always = 1u << EXC_MC | 1u << EXC_DB | 1u << EXC_AC;

	machine(AMD_ZEN4);
	for (uint32_t vectors = 1; vectors; vectors <<= 1) {
		intercept(child, vectors);
		run_to(child, VMEXIT_CPUID, 0);
		CHECK_EQ(entered[0].exceptions, vectors | always);
	}
	run_to(root, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].exceptions, 0);
}

/* NMIs are blocked from the delivery of one to the next IRET, and the window waits as long. */
static void a_window_for_nmis_waits_for_iret(void)
{
	static const struct virt_event nmi = { .type = VIRT_EVENT_NMI, .vector = EXC_NMI };

	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		virt_window(child, false, true);
		CHECK_EQ(run(child).reason, VIRT_EXIT_NMI_WINDOW); /* at once: no entry */
		virt_inject(child, &nmi);
		run_to(child, VMEXIT_CPUID, 0);
		CHECK_EQ(entered[0].event, events[2].word);
		CHECK(virt_get(child, VIRT_SHADOW) & VIRT_SHADOW_NMI);
		then(VMEXIT_CPUID, 0);
		CHECK_EQ(run(child).reason, VIRT_EXIT_CPUID);
		CHECK(entered[0].intercepts & INTERCEPT_IRET);
		/* The IRET is stepped over, and its #DB is nobody's. */
		then(VMEXIT_IRET, 0);
		then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = iret;
		CHECK_EQ(run(child).reason, VIRT_EXIT_NMI_WINDOW);
		CHECK(entered[1].rflags & RFLAGS_TF);
		CHECK(!(entered[1].intercepts & INTERCEPT_IRET));
		CHECK(!(virt_get(child, VIRT_SHADOW) & VIRT_SHADOW_NMI));
		CHECK_EQ(virt_get(child, VIRT_PENDING_DEBUG), 0);
		virt_window(child, false, false);
	}
}

static void one_instruction(struct virt_regs *regs)
{
	amd.now.save.rip += 3;
	amd.now.save.dr6 |= DR6_BS;
	amd.now.interrupt_state = 0;
}

static void in_a_shadow_the_window_for_nmis_waits_for_one_instruction(void)
{
	machine(AMD_ZEN4);
	virt_set(child, VIRT_SHADOW, VIRT_SHADOW_MOV_SS);
	virt_window(child, false, true);
	then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = one_instruction;
	CHECK_EQ(run(child).reason, VIRT_EXIT_NMI_WINDOW);
	CHECK(entered[0].rflags & RFLAGS_TF);
	CHECK(!(child->regs.rflags & RFLAGS_TF));
	CHECK_EQ(child->regs.rip, CHILD_RIP + 3);
	CHECK_EQ(virt_get(child, VIRT_PENDING_DEBUG), 0);
	virt_window(child, false, false);
	for (unsigned int i = 0; i < 2; i++) {
		virt_set(child, VIRT_SHADOW, i ? 0 : VIRT_SHADOW_NMI);
		CHECK_EQ(virt_get(child, VIRT_SHADOW), i ? 0 : VIRT_SHADOW_NMI);
	}
}

/* ---- The root's own ---------------------------------------------------------------------- */

static void an_nmi_keeps_a_child_out(void)
{
	const struct virt_event event = { .type = VIRT_EVENT_SOFT_INTERRUPT,
					  .vector = 0x21,
					  .length = 2 };
	struct virt_exit exit;

	machine(AMD_ZEN4);
	go_to_protected_mode(child);
	run_to(child, VMEXIT_CPUID, 0);
	virt_inject(child, &event);
	for (unsigned int pending = 1; pending <= (PENDING_NMI | PENDING_MC); pending++) {
		vtx.percpu->pending = (uint8_t)pending;
		exit = run(child); /* nothing in the script: no entry */
		CHECK_EQ(exit.reason, VIRT_EXIT_NOTHING);
		CHECK_EQ(exit.insn_length, 0);
		CHECK_EQ(exit.interrupted.type, VIRT_EVENT_NONE);
		CHECK_EQ(vtx.percpu->pending, pending);
	}
	vtx.percpu->pending = 0;
	run_to(child, VMEXIT_CPUID, 0);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_SOFT_INTERRUPT, 0x21u));
}

static void the_root_gets_an_nmi_when_it_can_take_one(void)
{
	for (unsigned int set = 0; set < AMD_SETS; set++) {
		machine(set);
		vtx.percpu->pending = PENDING_NMI;
		run_to(root, VMEXIT_CPUID, 0);
		CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_NMI, 2u));
		/* The second waits for the IRET of the first. */
		vtx.percpu->pending = PENDING_NMI;
		then(VMEXIT_IRET, 0);
		then(VMEXIT_EXCEPTION + EXC_DB, 0)->act = iret;
		then(VMEXIT_CPUID, 0);
		CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[0].event, 0);
		CHECK_EQ(entered[2].event, EVENT(VMCB_EVENT_NMI, 2u));
		run_to(root, VMEXIT_CPUID, 0);
		CHECK_EQ(entered[0].event, 0);
	}
}

/* Both at once: neither is lost, and the machine check is first. */
static void the_root_gets_a_machine_check_and_an_nmi(void)
{
	machine(AMD_ZEN4);
	vtx.percpu->pending = PENDING_NMI | PENDING_MC;
	/* The NMI follows before the first instruction of the handler: the processor sends itself one. */
	then(VMEXIT_NMI, 0);
	then(VMEXIT_CPUID, 0);
	CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
	CHECK_EQ(entered[0].event, EVENT(VMCB_EVENT_EXCEPTION, 18u));
	CHECK_EQ(entered[1].event, EVENT(VMCB_EVENT_NMI, 2u));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_event_is_delivered_by_one_entry),
		TEST(in_real_mode_there_are_no_error_codes),
		TEST(a_later_event_takes_the_place_of_an_earlier_one),
		TEST(an_interrupted_event_goes_in_again),
		TEST(a_software_interrupt_of_the_guest_is_partial),
		TEST(a_window_opens_when_an_interrupt_can_be_taken),
		TEST(some_exceptions_of_a_child_always_exit),
		TEST(a_window_for_nmis_waits_for_iret),
		TEST(in_a_shadow_the_window_for_nmis_waits_for_one_instruction),
		TEST(an_nmi_keeps_a_child_out),
		TEST(the_root_gets_an_nmi_when_it_can_take_one),
		TEST(the_root_gets_a_machine_check_and_an_nmi),
	};

	return RUN(tests);
}
