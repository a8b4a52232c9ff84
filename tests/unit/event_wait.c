/* SPDX-License-Identifier: MIT */
/* hv/vp/event.c on the fake machine: events that the guest cannot take yet, and events in both registers at once. */
#include "tests/unit/guest_vp.h"

#include "hv/vp/event.h"
#include "whp/WinHvExits.h"
#include "whp/WinHvRegisterNames.h"
#include "x86/exc.h"

/* ---- The two registers ---- */

#define INTERRUPT(vector)   (1ull | (uint64_t)(vector) << 16)
#define NMI		    (1ull | 2u << 1 | (uint64_t)EXC_NMI << 16)
#define EXCEPTION(vector)   (1ull | 3u << 1 | (uint64_t)(vector) << 16)
#define SOFT(vector)	    (1ull | 4u << 1 | 2u << 5 | (uint64_t)(vector) << 16)
#define EXT_INT(vector)	    (1ull | 5u << 1 | (uint64_t)(vector) << 8)
#define EVENT(vector)	    (1ull | (uint64_t)(vector) << 16)
#define EVENT_ERROR(vector) (EVENT(vector) | 1u << 8)

static bool set(uint64_t value)
{
	return event_set_interruption(guest_vp, value);
}

static uint64_t get(void)
{
	return event_get_interruption(guest_vp);
}

static bool set_event(uint64_t value, uint64_t parameter)
{
	return event_set_event(guest_vp, (uint64_t[2]) { value, parameter });
}

static uint64_t get_event(void)
{
	uint64_t words[2];

	event_get_event(guest_vp, words);
	return words[0];
}

static void state(uint64_t rflags, uint64_t shadow)
{
	guest_regs()->rflags = RFLAGS_ONE | rflags;
	virt_set(guest_vp->virt, VIRT_SHADOW, shadow);
}

/* One entry: what it delivers, as a value of PendingInterruption without error code and length. */
static uint64_t enter(void)
{
	static const uint8_t types[] = { 0, 0, 2, 3, 4, 5, 6 };
	struct virt_event event;

	guest_hush();
	CHECK(event_prepare(guest_vp));
	CHECK(guest_is_silent());
	event = guest_vp->virt->injected;
	memset(&guest_vp->virt->injected, 0, sizeof(event));
	event_delivered(guest_vp);
	return event.type == VIRT_EVENT_NONE
		       ? 0
		       : 1ull | (uint64_t)types[event.type] << 1 | (uint64_t)event.vector << 16;
}

/* An own window opens: nothing for the client. */
static void expect_own_window(enum virt_exit_reason reason)
{
	uint32_t deliverable;

	CHECK(!event_window(guest_vp, &(struct virt_exit) { .reason = reason }, &deliverable));
}

/* ---- Held ---- */

static void what_the_guest_cannot_take_waits_for_it(void)
{
	static const struct {
		uint64_t event, rflags, shadow;
		bool is_nmi;
	} cases[] = {
		{ INTERRUPT(0x20), 0, 0, false },
		{ INTERRUPT(0x21), RFLAGS_IF, VIRT_SHADOW_STI, false },
		{ INTERRUPT(0x22), RFLAGS_IF, VIRT_SHADOW_MOV_SS, false },
		{ INTERRUPT(0x23), 0, VIRT_SHADOW_NMI, false },
		{ NMI, 0, VIRT_SHADOW_NMI, true },
		{ NMI, RFLAGS_IF, VIRT_SHADOW_STI, true },
		{ NMI, 0, VIRT_SHADOW_MOV_SS, true },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool is_nmi = cases[i].is_nmi;

		guest_new();
		state(cases[i].rflags, cases[i].shadow);
		CHECK(set(cases[i].event));
		for (unsigned int n = 0; n < 3; n++) {
			CHECK_EQ(enter(), 0);
			CHECK_EQ(get(), cases[i].event);
			CHECK_EQ(guest_vp->pending.type, VIRT_EVENT_NONE); /* no exit was its */
			CHECK_EQ(guest_vp->virt->wants_interrupt_window, !is_nmi);
			CHECK_EQ(guest_vp->virt->wants_nmi_window, is_nmi);
		}
		expect_own_window(is_nmi ? VIRT_EXIT_NMI_WINDOW : VIRT_EXIT_INTERRUPT_WINDOW);
		state(RFLAGS_IF, 0);
		CHECK_EQ(enter(), cases[i].event);
		CHECK_EQ(get(), 0);
		CHECK_EQ(enter(), 0);
		CHECK(!guest_vp->virt->wants_interrupt_window && !guest_vp->virt->wants_nmi_window);
		CHECK_EQ(guest_vp->event_due, 0); /* the short path again */
	}
}

static void what_waits_can_be_taken_back_and_replaced(void)
{
	guest_new();
	CHECK(set(INTERRUPT(0x20)));
	CHECK_EQ(enter(), 0);
	CHECK(set(INTERRUPT(0x21)));
	CHECK_EQ(get(), INTERRUPT(0x21));
	CHECK_EQ(enter(), 0);
	CHECK(!set(INTERRUPT(0x100))); /* an illegal value changes nothing */
	CHECK_EQ(get(), INTERRUPT(0x21));
	CHECK(set(0));
	CHECK_EQ(get(), 0);
	state(RFLAGS_IF, 0);
	CHECK_EQ(enter(), 0);
	CHECK_EQ(guest_vp->event_due, 0);
}

/* Handed over, but the entry did not take place; meanwhile the client has closed the guest. */
static void what_was_handed_over_can_have_to_wait(void)
{
	guest_new();
	state(RFLAGS_IF, 0);
	CHECK(set(INTERRUPT(0x20)));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, 0x20);
	state(0, 0);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NONE);
	CHECK(!guest_vp->pending_is_injected);
	CHECK_EQ(get(), INTERRUPT(0x20));
	state(RFLAGS_IF, 0);
	CHECK_EQ(enter(), INTERRUPT(0x20));
}

/* ---- Both registers ---- */

static void the_two_registers_do_not_know_of_each_other(void)
{
	static const uint64_t values[] = { INTERRUPT(0x20), NMI, EXCEPTION(EXC_UD), SOFT(0x80) };

	for (unsigned int i = 0; i < 8; i++) {
		const uint64_t value = values[i / 2];

		guest_new();
		for (unsigned int n = 0; n < 2; n++)
			CHECK((n ^ i) & 1 ? set(value) : set_event(EVENT_ERROR(EXC_PF), 0x1000));
		CHECK_EQ(get(), value);
		CHECK_EQ(get_event(), EVENT_ERROR(EXC_PF));
		/* Each is taken back for itself. */
		CHECK(set_event(0, 0));
		CHECK_EQ(get(), value);
		CHECK_EQ(get_event(), 0);
		CHECK(set_event(EVENT_ERROR(EXC_PF), 0x1000));
		CHECK(set(0));
		CHECK_EQ(get(), 0);
		CHECK_EQ(get_event(), EVENT_ERROR(EXC_PF));
		CHECK_EQ(enter(), EXCEPTION(EXC_PF));
		CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x1000);
	}
}

/* SDM 3A "Priority Among Concurrent Events". */
static void the_exception_goes_first_and_interrupts_are_kept(void)
{
	for (unsigned int i = 0; i < 4; i++) {
		const uint64_t value = i & 1 ? NMI : INTERRUPT(0x44);

		guest_new();
		state(RFLAGS_IF, 0);
		CHECK(i & 2 ? set(value) : set_event(EVENT(EXC_UD), 0));
		CHECK(i & 2 ? set_event(EVENT(EXC_UD), 0) : set(value));
		CHECK_EQ(enter(), EXCEPTION(EXC_UD));
		CHECK_EQ(get(), value);
		CHECK_EQ(get_event(), 0);
		state(0, 0); /* in the handler */
		if (i & 1) {
			CHECK_EQ(enter(), value);
			continue;
		}
		CHECK_EQ(enter(), 0);
		CHECK(guest_vp->virt->wants_interrupt_window);
		state(RFLAGS_IF, 0);
		CHECK_EQ(enter(), value);
	}
}

/* The guest makes them anew when it comes back to its instruction. */
static void what_the_instruction_makes_is_dropped_behind_the_exception(void)
{
	static const uint64_t values[] = { EXCEPTION(EXC_UD), SOFT(0x80) };

	for (unsigned int i = 0; i < 2; i++) {
		guest_new();
		CHECK(set_event(EVENT_ERROR(EXC_GP), 0));
		CHECK(set(values[i]));
		CHECK_EQ(enter(), EXCEPTION(EXC_GP));
		CHECK_EQ(get(), 0);
		CHECK_EQ(enter(), 0);
		/* But not if the exception is taken back. */
		CHECK(set_event(EVENT_ERROR(EXC_GP), 0));
		CHECK(set(values[i]));
		CHECK(set_event(0, 0));
		CHECK_EQ(enter(), values[i] & ~0x1e0ull);
	}
}

static void the_exception_of_a_delivery_is_delivered_again(void)
{
	guest_new();
	virt_set(guest_vp->virt, VIRT_CR2, 0x1111);
	CHECK(set(INTERRUPT(0x20))); /* IF is clear */
	CHECK_EQ(enter(), 0);
	CHECK(set_event(EVENT_ERROR(EXC_PF), 0x2000));
	CHECK_EQ(enter(), EXCEPTION(EXC_PF));
	event_interrupted(guest_vp,
			  &(struct virt_event) { VIRT_EVENT_EXCEPTION, EXC_PF, true, 0, 0 });
	CHECK_EQ(get(), EXCEPTION(EXC_PF) | 1u << 4);
	CHECK_EQ(enter(), EXCEPTION(EXC_PF));
	CHECK_EQ(get(), INTERRUPT(0x20)); /* which waits as before */
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x2000);
	state(RFLAGS_IF, 0);
	CHECK_EQ(enter(), INTERRUPT(0x20));
}

/* ---- Side by side with what comes by itself ---- */

static void a_fault_does_not_lose_what_waits(void)
{
	const struct emu_exception fault = { EXC_GP, true, 0, 0 };

	guest_new();
	CHECK(set(INTERRUPT(0x20)));
	CHECK_EQ(enter(), 0);
	CHECK(event_raise(guest_vp, &fault));
	CHECK_EQ(enter(), EXCEPTION(EXC_GP));
	CHECK_EQ(get(), INTERRUPT(0x20));

	/* Nor an interrupt whose delivery has met it; and the two are no double fault. */
	guest_new();
	state(RFLAGS_IF, 0);
	event_interrupted(guest_vp,
			  &(struct virt_event) { .type = VIRT_EVENT_INTERRUPT, .vector = EXC_PF });
	CHECK(event_raise(guest_vp, &fault));
	CHECK_EQ(enter(), EXCEPTION(EXC_GP));
	CHECK_EQ(get(), INTERRUPT(EXC_PF));
	CHECK_EQ(enter(), INTERRUPT(EXC_PF));
}

/* A held interrupt lets NMIs pass, a held NMI lets interrupts pass, and both come in the end. */
static void what_waits_does_not_hold_up_the_others(void)
{
	guest_new();
	CHECK(set(INTERRUPT(0x20)));
	CHECK_EQ(enter(), 0);
	guest_vp->nmi_requested = true;
	CHECK_EQ(enter(), NMI);
	event_interrupted(guest_vp,
			  &(struct virt_event) { .type = VIRT_EVENT_NMI, .vector = EXC_NMI });
	CHECK_EQ(get(), NMI);
	CHECK_EQ(enter(), NMI);
	CHECK_EQ(get(), INTERRUPT(0x20));

	guest_new();
	state(RFLAGS_IF, VIRT_SHADOW_NMI);
	CHECK(set(NMI));
	CHECK(set_event(EXT_INT(0x31), 0));
	CHECK_EQ(enter(), INTERRUPT(0x31));
	CHECK_EQ(get(), NMI);
	CHECK(event_lets_apic(guest_vp));
	event_interrupted(guest_vp,
			  &(struct virt_event) { .type = VIRT_EVENT_INTERRUPT, .vector = 0x31 });
	CHECK_EQ(get(), INTERRUPT(0x31));
	/* The client has closed the guest: there are two to wait. */
	state(0, VIRT_SHADOW_NMI);
	CHECK_EQ(enter(), 0);
	CHECK_EQ(get(), INTERRUPT(0x31));
	state(RFLAGS_IF, 0);
	CHECK_EQ(enter(), NMI);
	CHECK_EQ(enter(), INTERRUPT(0x31));
	CHECK_EQ(enter(), 0);
}

static void the_apic_comes_behind_what_waits(void)
{
	guest_new();
	state(RFLAGS_IF, 0);
	CHECK(event_lets_apic(guest_vp));
	CHECK(set(INTERRUPT(0x20)));
	CHECK(!event_lets_apic(guest_vp));
	state(0, 0);
	CHECK_EQ(enter(), 0);
	CHECK(!event_lets_apic(guest_vp));
	state(RFLAGS_IF, 0);
	CHECK(!event_lets_apic(guest_vp)); /* it has waited longer */
	CHECK(set(0));
	CHECK(event_lets_apic(guest_vp));
	CHECK(set_event(EXT_INT(0x31), 0));
	CHECK(!event_lets_apic(guest_vp));
	CHECK(set_event(0, 0));
	for (unsigned int shadow = 0; shadow < 3; shadow++) {
		state(RFLAGS_IF, shadow);
		CHECK_EQ(event_lets_apic(guest_vp), !shadow);
	}
	CHECK(set(NMI));
	CHECK_EQ(enter(), 0); /* the last of those shadows */
	state(RFLAGS_IF, VIRT_SHADOW_NMI);
	CHECK(event_lets_apic(guest_vp));
	state(RFLAGS_IF, 0);
	CHECK(!event_lets_apic(guest_vp));
}

/* The client is told when PendingInterruption is free and the guest open. */
static void a_notice_comes_behind_what_waits(void)
{
	const struct virt_exit window = { .reason = VIRT_EXIT_INTERRUPT_WINDOW };
	uint32_t deliverable = ~0u;

	guest_new();
	CHECK(set(INTERRUPT(0x20)));
	guest_vp->deliverability = 3;
	CHECK_EQ(enter(), 0);
	CHECK(guest_vp->virt->wants_interrupt_window && guest_vp->virt->wants_nmi_window);
	state(RFLAGS_IF, 0);
	expect_own_window(VIRT_EXIT_INTERRUPT_WINDOW);
	CHECK_EQ(guest_vp->deliverability, 3);
	CHECK_EQ(enter(), INTERRUPT(0x20));
	CHECK(event_window(guest_vp, &window, &deliverable));
	CHECK_EQ(deliverable, WHvX64PendingInterrupt);
	CHECK_EQ(guest_vp->deliverability, 1);

	CHECK(set(NMI));
	state(0, VIRT_SHADOW_NMI);
	CHECK_EQ(enter(), 0);
	expect_own_window(VIRT_EXIT_NMI_WINDOW);
	CHECK_EQ(guest_vp->deliverability, 1);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(what_the_guest_cannot_take_waits_for_it),
		TEST(what_waits_can_be_taken_back_and_replaced),
		TEST(what_was_handed_over_can_have_to_wait),
		TEST(the_two_registers_do_not_know_of_each_other),
		TEST(the_exception_goes_first_and_interrupts_are_kept),
		TEST(what_the_instruction_makes_is_dropped_behind_the_exception),
		TEST(the_exception_of_a_delivery_is_delivered_again),
		TEST(a_fault_does_not_lose_what_waits),
		TEST(what_waits_does_not_hold_up_the_others),
		TEST(the_apic_comes_behind_what_waits),
		TEST(a_notice_comes_behind_what_waits),
	};

	return RUN(tests);
}
