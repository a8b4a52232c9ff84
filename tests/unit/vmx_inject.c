// SPDX-License-Identifier: MIT
/* Events on their way into a guest: those that hv/ injects, windows, and those that were held for the root. */
#include "tests/unit/vmx.h"

static void go_to_protected_mode(struct virt_vp *vp)
{
	virt_set(vp, VIRT_CR0, CR0_PE | CR0_ET);
}

static void take_interrupts(struct virt_vp *vp)
{
	vp->regs.rflags |= RFLAGS_IF;
	vp->regs.changed = true;
}

static const struct {
	struct virt_event event;
	uint32_t info;
} events[] = {
	{ { .type = VIRT_EVENT_INTERRUPT, .vector = 0x20 }, INFO(INTR_EXTERNAL, 0x20u) },
	{ { .type = VIRT_EVENT_INTERRUPT, .vector = 0xff }, INFO(INTR_EXTERNAL, 0xffu) },
	{ { .type = VIRT_EVENT_NMI, .vector = 2 }, INFO(INTR_NMI, 2u) },
	{ { .type = VIRT_EVENT_EXCEPTION, .vector = 0 }, INFO(INTR_HARD_EXCEPTION, 0u) },
	{ { .type = VIRT_EVENT_EXCEPTION,
	    .vector = 14,
	    .has_error_code = true,
	    .error_code = 0x1f },
	  INFO(INTR_HARD_EXCEPTION, 14u) | INTR_ERROR_CODE },
	{ { .type = VIRT_EVENT_SOFT_INTERRUPT, .vector = 0x21, .length = 2 },
	  INFO(INTR_SOFT_INTERRUPT, 0x21u) },
	{ { .type = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION, .vector = 1, .length = 1 },
	  INFO(INTR_PRIVILEGED_SOFT, 1u) },
	{ { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = 3, .length = 1 },
	  INFO(INTR_SOFT_EXCEPTION, 3u) },
	{ { .type = VIRT_EVENT_SOFT_EXCEPTION, .vector = 4, .length = 15 },
	  INFO(INTR_SOFT_EXCEPTION, 4u) },
};

static void check_entered(size_t i)
{
	CHECK_EQ(entered[0].info, events[i].info);
	if (events[i].event.has_error_code)
		CHECK_EQ(entered[0].error_code, events[i].event.error_code);
	if (events[i].event.length)
		CHECK_EQ(entered[0].length, events[i].event.length);
}

static void an_event_is_delivered_by_one_entry(void)
{
	machine(0);
	for (unsigned int who = 0; who < 2; who++) {
		struct virt_vp *const vp = who ? root : child;

		if (vp == child)
			go_to_protected_mode(child);
		take_interrupts(vp);
		for (size_t i = 0; i < COUNT(events); i++) {
			virt_inject(vp, &events[i].event);
			CHECK_EQ(run_to(vp, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
			check_entered(i);
			run_to(vp, REASON_CPUID, 0);
			CHECK_EQ(entered[0].info, 0);
		}
	}
}

/* SDM 3C "VM-Entry Control Fields": an error code in real mode would be refused. */
static void in_real_mode_there_are_no_error_codes(void)
{
	const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION,
					  .vector = EXC_GP,
					  .has_error_code = true };

	machine(0);
	virt_inject(child, &event);
	run_to(child, REASON_CPUID, 0);
	CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, (uint32_t)EXC_GP));
}

static void a_later_event_takes_the_place_of_an_earlier_one(void)
{
	static const struct virt_event none = { .type = VIRT_EVENT_NONE };

	machine(0);
	go_to_protected_mode(child);
	take_interrupts(child);
	for (size_t i = 0; i < COUNT(events); i++)
		for (size_t k = 0; k < COUNT(events); k++) {
			virt_inject(child, &events[i].event);
			virt_inject(child, &events[k].event);
			run_to(child, REASON_CPUID, 0);
			check_entered(k);
			virt_inject(child, &events[i].event);
			virt_inject(child, &none);
			run_to(child, REASON_CPUID, 0);
			CHECK_EQ(entered[0].info, 0);
		}
}

/* What an exit has interrupted goes in again as it was. */
static void an_interrupted_event_goes_in_again(void)
{
	machine(0);
	go_to_protected_mode(child);
	take_interrupts(child);
	for (size_t i = 0; i < COUNT(events); i++) {
		struct virt_exit exit;

		then(REASON_EPT_VIOLATION, 1);
		with(VMCS_IDT_VECTORING_INFO, events[i].info);
		with(VMCS_IDT_VECTORING_ERROR_CODE, events[i].event.error_code);
		with(VMCS_EXIT_INSTRUCTION_LENGTH, events[i].event.length);
		exit = run(child);
		virt_inject(child, &exit.interrupted);
		run_to(child, REASON_CPUID, 0);
		check_entered(i);
	}
}

static void a_window_is_open_as_long_as_it_is_asked_for(void)
{
	machine(0);
	for (unsigned int i = 0; i < 16; i++) {
		const bool interrupt = i & 1, nmi = i & 2;

		virt_window(child, interrupt, nmi);
		run_to(child, REASON_CPUID, 0);
		for (unsigned int k = 0; k < 2; k++) {
			const uint64_t proc = vtx_get(VMCS_PROC_CONTROLS);

			CHECK_EQ(!!(proc & PROC_INTERRUPT_WINDOW), interrupt);
			CHECK_EQ(!!(proc & PROC_NMI_WINDOW), nmi);
			run_to(child, interrupt ? REASON_INTERRUPT_WINDOW : REASON_CPUID, 0);
		}
	}
}

/*
 * Machine checks are the machine's, and the delivery of #DB and #AC can raise them again without end: a child's exit whatever
 * hv/ asks for. The root's do not.
 */
static void some_exceptions_of_a_child_always_exit(void)
{
	const uint32_t always = 1u << EXC_MC | 1u << EXC_DB | 1u << EXC_AC;

	machine(0);
	for (uint32_t vectors = 1; vectors; vectors <<= 1) {
		intercept(child, vectors);
		CHECK_EQ(vtx_get(VMCS_EXCEPTION_BITMAP), vectors | always);
	}
	intercept(child, 0);
	CHECK_EQ(vtx_get(VMCS_EXCEPTION_BITMAP), always);
	virt_get(root, VIRT_CR3);
	CHECK_EQ(vtx_get(VMCS_EXCEPTION_BITMAP), 0);
}

/* ---- The root's own ---------------------------------------------------------------------- */

static void an_nmi_keeps_a_child_out(void)
{
	const struct virt_event event = { .type = VIRT_EVENT_SOFT_INTERRUPT,
					  .vector = 0x21,
					  .length = 2 };
	struct virt_exit exit;

	machine(0);
	go_to_protected_mode(child);
	run_to(child, REASON_CPUID, 0);
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
	/* What was injected still waits. */
	run_to(child, REASON_CPUID, 0);
	CHECK_EQ(entered[0].info, INFO(INTR_SOFT_INTERRUPT, 0x21u));
}

static void the_root_gets_an_nmi_when_it_can_take_one(void)
{
	static const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION, .vector = 6 };
	static const uint64_t shadows[] = { 0, VIRT_SHADOW_STI, VIRT_SHADOW_MOV_SS,
					    VIRT_SHADOW_NMI };

	for (unsigned int i = 0; i < COUNT(shadows); i++)
		for (unsigned int has_event = 0; has_event < 2; has_event++) {
			machine(0);
			take_interrupts(root);
			virt_set(root, VIRT_SHADOW, shadows[i]);
			if (has_event)
				virt_inject(root, &event);
			vtx.percpu->pending = PENDING_NMI;
			if (!shadows[i] && !has_event) {
				run_to(root, REASON_CPUID, 0);
				CHECK_EQ(entered[0].info, INFO(INTR_NMI, 2u));
				continue;
			}
			/* By way of its window, and not twice. */
			then(REASON_CPUID, 0);
			run(root);
			CHECK(vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW);
			CHECK_EQ(entered[0].info, has_event ? INFO(INTR_HARD_EXCEPTION, 6u) : 0);
			vtx.percpu->pending = PENDING_NMI;
			then(REASON_NMI_WINDOW, 0);
			with(VMCS_GUEST_INTERRUPTIBILITY_STATE, 0);
			then(REASON_CPUID, 0);
			CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
			CHECK_EQ(entered[1].info, INFO(INTR_NMI, 2u));
			CHECK(!(vtx_get(VMCS_PROC_CONTROLS) & PROC_NMI_WINDOW));
			CHECK(!(vtx_get(VMCS_PIN_CONTROLS) & (PIN_NMI_EXITING | PIN_VIRTUAL_NMIS)));
			run_to(root, REASON_CPUID, 0);
			CHECK_EQ(entered[0].info, 0);
		}
}

/* Both at once: first the machine check, then the NMI; neither is lost. */
static void the_root_gets_a_machine_check_and_an_nmi(void)
{
	static const struct virt_event event = { .type = VIRT_EVENT_EXCEPTION, .vector = 6 };

	for (unsigned int has_event = 0; has_event < 2; has_event++) {
		unsigned int at = 0;

		machine(0);
		if (has_event)
			virt_inject(root, &event);
		vtx.percpu->pending = PENDING_NMI | PENDING_MC;
		if (has_event) {
			run_to(root, REASON_CPUID, 0);
			CHECK_EQ(entered[0].info, INFO(INTR_HARD_EXCEPTION, 6u));
		}
		then(REASON_NMI_WINDOW, 0);
		then(REASON_CPUID, 0);
		CHECK_EQ(run(root).reason, VIRT_EXIT_CPUID);
		CHECK_EQ(entered[at++].info, INFO(INTR_HARD_EXCEPTION, 18u));
		CHECK_EQ(entered[at].info, INFO(INTR_NMI, 2u));
		run_to(root, REASON_CPUID, 0);
		CHECK_EQ(entered[0].info, 0);
	}
}

static void nmi_comes(struct virt_regs *regs)
{
	vtx.percpu->pending = PENDING_NMI;
}

/* An NMI that comes between a reflected exception and its entry: the child is left, and the exception goes with the exit. */
static void an_exception_on_its_way_is_not_lost(void)
{
	struct virt_exit exit;

	machine(0);
	go_to_protected_mode(child);
	then(REASON_EXCEPTION_OR_NMI, 0);
	with(VMCS_EXIT_INTERRUPTION_INFO, INFO(INTR_HARD_EXCEPTION, 17u) | INTR_ERROR_CODE);
	with(VMCS_EXIT_INTERRUPTION_ERROR_CODE, 0);
	shots[0].act = nmi_comes;
	exit = run(child);
	CHECK_EQ(exit.reason, VIRT_EXIT_NMI);
	CHECK_EQ(exit.interrupted.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQ(exit.interrupted.vector, EXC_AC);
	CHECK(exit.interrupted.has_error_code);
	CHECK_EQ(vtx_get(VMCS_ENTRY_INTERRUPTION_INFO) & INTR_VALID, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_event_is_delivered_by_one_entry),
		TEST(in_real_mode_there_are_no_error_codes),
		TEST(a_later_event_takes_the_place_of_an_earlier_one),
		TEST(an_interrupted_event_goes_in_again),
		TEST(a_window_is_open_as_long_as_it_is_asked_for),
		TEST(some_exceptions_of_a_child_always_exit),
		TEST(an_nmi_keeps_a_child_out),
		TEST(the_root_gets_an_nmi_when_it_can_take_one),
		TEST(the_root_gets_a_machine_check_and_an_nmi),
		TEST(an_exception_on_its_way_is_not_lost),
	};

	return RUN(tests);
}
