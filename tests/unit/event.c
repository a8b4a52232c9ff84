/* SPDX-License-Identifier: MIT */
/* hv/vp/event.c on the fake machine: the two registers, combination of faults, delivery, windows. */
#include <stdio.h>

#include "tests/unit/guest_vp.h"

#include "hv/apic/page.h"
#include "hv/vp/event.h"
#include "whp/WinHvEvents.h"
#include "whp/WinHvExits.h"
#include "whp/WinHvRegisterNames.h"
#include "x86/exc.h"

static uint64_t interruption(unsigned int type, unsigned int vector)
{
	WHV_X64_PENDING_INTERRUPTION_REGISTER value = { .AsUINT64 = 0 };

	value.InterruptionPending = 1;
	value.InterruptionType = type & 7;
	value.InterruptionVector = vector & 0xffff;
	return value.AsUINT64;
}

static uint64_t with_error(uint64_t value, uint32_t error)
{
	return value | 1u << 4 | (uint64_t)error << 32;
}

static bool set_event(unsigned int vector, bool has_error, uint32_t error, uint64_t parameter)
{
	WHV_X64_PENDING_EXCEPTION_EVENT event = { .EventPending = 1 };
	uint64_t words[2];

	event.DeliverErrorCode = has_error;
	event.Vector = vector & 0xffff;
	event.ErrorCode = error;
	event.ExceptionParameter = parameter;
	memcpy(words, &event, sizeof(words));
	return event_set_event(guest_vp, words);
}

static void raise(uint8_t vector, bool has_error, uint32_t error, uint64_t address)
{
	struct emu_exception exception = { vector, has_error, error, address };

	CHECK(event_raise(guest_vp, &exception));
}

static uint64_t event_word(unsigned int i)
{
	uint64_t words[2];

	event_get_event(guest_vp, words);
	return words[i];
}

static void registers_show_what_was_set(void)
{
	uint64_t value;

	guest_new();
	CHECK_EQ(event_get_interruption(guest_vp), 0);
	for (unsigned int type = 0; type < 8; type++) {
		value = interruption(type, type == 2 ? 2 : type == 5 ? 1 : type == 6 ? 3 : 13);
		if (type >= 4)
			value |= 2u << 5;
		CHECK_EQ(event_set_interruption(guest_vp, value), type != 1 && type != 7);
		if (type != 1 && type != 7)
			CHECK_EQ(event_get_interruption(guest_vp), value);
		CHECK_EQ(event_word(0), 0);
	}
	value = with_error(interruption(3, EXC_GP), 0x1234);
	CHECK(event_set_interruption(guest_vp, value));
	CHECK_EQ(event_get_interruption(guest_vp), value);
	CHECK(set_event(EXC_PF, true, 7, 0xdeadbeef000));
	CHECK_EQ(event_get_interruption(guest_vp), value); /* neither pushes the other out */
	CHECK_EQ(event_word(0), 0x70000000000ull >> 8 | 0x0e0101);
	CHECK_EQ(event_word(1), 0xdeadbeef000);
	/* A register is cleared by writing it, not by writing the other. */
	CHECK(event_set_interruption(guest_vp, 0));
	CHECK_EQ(event_word(1), 0xdeadbeef000);
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK_EQ(event_word(0), 0);
	CHECK(event_set_interruption(guest_vp, interruption(0, 0x20)));
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK_EQ(event_get_interruption(guest_vp), interruption(0, 0x20));
	CHECK(event_set_interruption(guest_vp, 0));
	CHECK_EQ(guest_vp->pending.type, VIRT_EVENT_NONE);
}

static void illegal_values_change_nothing(void)
{
	static const struct {
		uint64_t value;
	} bad[] = {
		{ 0x0001000000000001ull | 0x100u << 16 }, /* vector 256 */
		{ 1 | 1u << 9 | 0x20u << 16 },		  /* nested */
		{ 1 | 1u << 12 | 0x20u << 16 },		  /* reserved */
		{ 1 | 2u << 1 | 3u << 16 },		  /* NMI 3 */
		{ 1 | 3u << 1 | 2u << 16 },		  /* exception 2 */
		{ 1 | 3u << 1 | 32u << 16 },		  /* exception 32 */
		{ 1 | 3u << 1 | 21u << 16 },		  /* #CP */
		{ 1 | 3u << 1 | 1u << 4 | 6u << 16 },	  /* #UD with an error code */
		{ 1 | 1u << 4 | 0x20u << 16 },		  /* interrupt with an error code */
		{ 1 | 3u << 1 | 1u << 4 | 13u << 16 | 1ull << 47 }, /* error code of 16 bits */
		{ 1 | 4u << 1 | 0x80u << 16 },			    /* INT without a length */
		{ 1 | 6u << 1 | 1u << 5 | 5u << 16 },		    /* software exception 5 */
		{ 1 | 5u << 1 | 1u << 5 | 3u << 16 },		    /* INT1 with vector 3 */
		{ 1 | 1u << 1 },
		{ 1 | 7u << 1 },
	};

	guest_new();
	CHECK(event_set_interruption(guest_vp, interruption(0, 0x55)));
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (event_set_interruption(guest_vp, bad[i].value)) {
			printf("# value %u\n", i);
			FAIL("an illegal value was taken");
		}
		CHECK_EQ(event_get_interruption(guest_vp), interruption(0, 0x55));
	}
	CHECK(!set_event(2, false, 0, 0));
	CHECK(!set_event(256, false, 0, 0));
	CHECK(!set_event(EXC_DE, true, 0, 0));
	for (unsigned int type = 1; type < 8; type++)
		CHECK_EQ(event_set_event(guest_vp, (uint64_t[2]) { 1 | type << 1, 0 }), type == 5);
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK(!event_set_event(guest_vp, (uint64_t[2]) { 1 | 1u << 4 | 6u << 16, 0 }));
	CHECK_EQ(event_get_interruption(guest_vp), interruption(0, 0x55));
}

static void a_page_fault_sets_cr2_at_delivery(void)
{
	guest_new();
	virt_set(guest_vp->virt, VIRT_CR2, 0x1111);
	raise(EXC_PF, true, PF_P | PF_W, 0xfeed000);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x1111);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0xfeed000);
	CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_EXCEPTION);
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_PF);
	CHECK_EQ(guest_vp->virt->injected.error_code, PF_P | PF_W);
	CHECK(guest_vp->virt->injected.has_error_code);
	event_delivered(guest_vp);
	CHECK_EQ(guest_vp->pending.type, VIRT_EVENT_NONE);
	CHECK_EQ(event_word(0), 0);

	/* One whose delivery was interrupted has set CR2 already; the guest's value stands. */
	virt_set(guest_vp->virt, VIRT_CR2, 0x2222);
	event_interrupted(guest_vp,
			  &(struct virt_event) { VIRT_EVENT_EXCEPTION, EXC_PF, true, 0, 2 });
	CHECK_EQ(event_get_interruption(guest_vp), with_error(interruption(3, EXC_PF), 2));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x2222);
	event_delivered(guest_vp);

	/* Nor does an exception in PendingInterruption have a parameter. */
	CHECK(event_set_interruption(guest_vp, with_error(interruption(3, EXC_PF), 4)));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0x2222);
}

static void nothing_pending_costs_no_call(void)
{
	guest_new();
	guest_vp->virt->magic = 0; /* the fake aborts at any call */
	CHECK(event_prepare(guest_vp));
	event_delivered(guest_vp);
}

static void an_event_taken_back_is_not_delivered(void)
{
	guest_new();
	CHECK(event_set_interruption(guest_vp, interruption(3, EXC_UD)));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_UD);
	/* The entry fails; the client repairs what was wrong and wants no event. */
	CHECK_EQ(event_get_interruption(guest_vp), interruption(3, EXC_UD));
	CHECK(event_set_interruption(guest_vp, 0));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NONE);
	event_delivered(guest_vp);
	CHECK(event_set_interruption(guest_vp, interruption(3, EXC_DE)));
	event_delivered(guest_vp); /* was not handed over yet */
	CHECK_EQ(event_get_interruption(guest_vp), interruption(3, EXC_DE));
}

static void refused(uint32_t name, const char *word)
{
	guest_vp->virt->injected.type = VIRT_EVENT_NONE;
	guest_hush();
	CHECK(!event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NONE);
	CHECK(strstr(guest_shared->error_text, word));
	CHECK_EQ(guest_shared->error_register, name);
	CHECK(guest_vp->pending.type != VIRT_EVENT_NONE);
}

static void an_exception_without_its_error_code_is_refused_at_entry(void)
{
	guest_new();
	CHECK(set_event(EXC_GP, false, 0, 0));
	refused(WHvRegisterPendingEvent, "error code");
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK(event_set_interruption(guest_vp, interruption(3, EXC_GP)));
	refused(WHvRegisterPendingInterruption, "error code");
	CHECK(event_set_interruption(guest_vp, 0));
	CHECK(set_event(EXC_UD, false, 0, 0));
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_STI | VIRT_SHADOW_NMI);
	CHECK(event_prepare(guest_vp)); /* exceptions are never blocked */
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_UD);
}

static void real_mode_pushes_no_error_code(void)
{
	guest_new();
	virt_set(guest_vp->virt, VIRT_CR0, CR0_ET);
	raise(EXC_GP, true, 0x10, 0);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_GP);
	CHECK(!guest_vp->virt->injected.has_error_code);
	CHECK_EQ(guest_vp->virt->injected.error_code, 0);
	event_delivered(guest_vp);
	CHECK(set_event(EXC_SS, false, 0, 0));
	CHECK(event_prepare(guest_vp));
}

static void an_nmi_that_was_interrupted_unblocks_nmis(void)
{
	guest_new();
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_NMI | VIRT_SHADOW_STI);
	event_interrupted(guest_vp, &(struct virt_event) { .type = VIRT_EVENT_NMI, .vector = 2 });
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_SHADOW), fake_shadow(VIRT_SHADOW_STI));
	CHECK_EQ(event_get_interruption(guest_vp), interruption(2, 2));
	event_interrupted(guest_vp, &(struct virt_event) { .type = VIRT_EVENT_NONE });
	CHECK_EQ(event_get_interruption(guest_vp), interruption(2, 2));
	event_interrupted(guest_vp, &(struct virt_event) { .type = VIRT_EVENT_SOFT_INTERRUPT,
							   .vector = 0x80,
							   .length = 2 });
	CHECK_EQ(event_get_interruption(guest_vp), interruption(4, 0x80) | 2u << 5);
}

/* SDM 3A, table "Conditions for Generating a Double Fault", row by row. */
static void faults_combine_as_the_manual_says(void)
{
	static const struct {
		uint8_t type, first, second, result; /* result 0xff: triple fault */
	} rows[] = {
		{ VIRT_EVENT_EXCEPTION, EXC_UD, EXC_GP, EXC_GP },
		{ VIRT_EVENT_EXCEPTION, EXC_DB, EXC_PF, EXC_PF },
		{ VIRT_EVENT_INTERRUPT, EXC_GP, EXC_GP, EXC_GP },
		{ VIRT_EVENT_NMI, 2, EXC_PF, EXC_PF },
		{ VIRT_EVENT_SOFT_INTERRUPT, EXC_PF, EXC_NP, EXC_NP },
		{ VIRT_EVENT_EXCEPTION, EXC_GP, EXC_UD, EXC_UD },
		{ VIRT_EVENT_EXCEPTION, EXC_DE, EXC_GP, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_TS, EXC_NP, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_SS, EXC_PF, EXC_PF },
		{ VIRT_EVENT_EXCEPTION, EXC_PF, EXC_AC, EXC_AC },
		{ VIRT_EVENT_EXCEPTION, EXC_PF, EXC_GP, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_PF, EXC_PF, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_DF, EXC_AC, EXC_AC },
		{ VIRT_EVENT_EXCEPTION, EXC_DF, EXC_GP, 0xff },
		{ VIRT_EVENT_EXCEPTION, EXC_DF, EXC_PF, 0xff },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t second = rows[i].second;
		struct emu_exception exception = { .vector = second,
						   .has_error_code =
							   EXC_HAS_ERROR_CODE >> second & 1,
						   .error_code = 8,
						   .address = 0x7000 };
		bool is_fine;

		guest_new();
		event_interrupted(guest_vp, &(struct virt_event) { .type = rows[i].type,
								   .vector = rows[i].first,
								   .length = 2 });
		is_fine = event_raise(guest_vp, &exception);
		if (rows[i].result == 0xff) {
			CHECK(!is_fine);
			CHECK_EQ(guest_vp->pending.vector, EXC_DF);
			continue;
		}
		CHECK(is_fine);
		CHECK_EQ(guest_vp->pending.vector, rows[i].result);
		CHECK_EQ(guest_vp->pending.type, VIRT_EVENT_EXCEPTION);
		if (rows[i].result == EXC_DF) {
			CHECK(guest_vp->pending.has_error_code);
			CHECK_EQ(guest_vp->pending.error_code, 0);
			CHECK(event_prepare(guest_vp));
			CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR2), 0);
		}
	}
}

/* DeliverableType, or ~0: the hypervisor's own. */
static uint32_t window(const struct virt_exit *exit)
{
	uint32_t deliverable = 0x77;

	return event_window(guest_vp, exit, &deliverable) ? deliverable : ~0u;
}

static void windows_are_asked_for_once(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_INTERRUPT_WINDOW };

	guest_new();
	guest_vp->deliverability = 2 | 3u << 2;
	CHECK(event_prepare(guest_vp));
	CHECK(guest_vp->virt->wants_interrupt_window && !guest_vp->virt->wants_nmi_window);
	guest_vp->deliverability |= 1;
	CHECK(event_prepare(guest_vp));
	CHECK(guest_vp->virt->wants_interrupt_window && guest_vp->virt->wants_nmi_window);
	CHECK_EQ(window(&exit), WHvX64PendingInterrupt);
	CHECK_EQ(guest_vp->deliverability, 1);
	CHECK(event_prepare(guest_vp));
	CHECK(!guest_vp->virt->wants_interrupt_window && guest_vp->virt->wants_nmi_window);
	exit.reason = VIRT_EXIT_NMI_WINDOW;
	CHECK_EQ(window(&exit), WHvX64PendingNmi);
	CHECK_EQ(guest_vp->deliverability, 0);
	CHECK(event_prepare(guest_vp));
	CHECK(!guest_vp->virt->wants_interrupt_window && !guest_vp->virt->wants_nmi_window);
}

static void a_window_waits_for_the_priority(void)
{
	guest_new();
	guest_vp->cr8 = 5;
	guest_vp->deliverability = 2 | 5u << 2;
	CHECK(event_prepare(guest_vp));
	CHECK(!guest_vp->virt->wants_interrupt_window);
	guest_vp->cr8 = 4;
	CHECK(event_prepare(guest_vp));
	CHECK(guest_vp->virt->wants_interrupt_window);
	guest_vp->cr8 = 15;
	guest_vp->deliverability = 2; /* any */
	CHECK(event_prepare(guest_vp));
	CHECK(guest_vp->virt->wants_interrupt_window);
}

/* ---- What waits -------------------------------------------------------------------------- */

#define EXT_INT(vector) (1 | 5u << 1 | (uint64_t)(vector) << 8)

static bool set_ext_int(unsigned int vector)
{
	return event_set_event(guest_vp, (uint64_t[2]) { EXT_INT(vector), 0 });
}

static void ext_int_waits_for_the_guest(void)
{
	static const struct {
		uint64_t rflags, shadow;
		bool is_taken;
	} cases[] = {
		{ 0, 0, false },
		{ RFLAGS_IF, VIRT_SHADOW_STI, false },
		{ RFLAGS_IF, VIRT_SHADOW_MOV_SS, false },
		{ RFLAGS_IF, VIRT_SHADOW_NMI, true },
		{ RFLAGS_IF, 0, true },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		guest_new();
		guest_regs()->rflags |= cases[i].rflags;
		virt_set(guest_vp->virt, VIRT_SHADOW, cases[i].shadow);
		CHECK(set_ext_int(0x31));
		CHECK_EQ(event_word(0), EXT_INT(0x31));
		CHECK_EQ(event_word(1), 0);
		CHECK_EQ(event_get_interruption(guest_vp), 0);
		guest_vp->cr8 = 15; /* means nothing to it */
		CHECK(event_prepare(guest_vp));
		CHECK_EQ(guest_vp->virt->wants_interrupt_window, !cases[i].is_taken);
		CHECK_EQ(event_word(0), cases[i].is_taken ? 0 : EXT_INT(0x31));
		CHECK_EQ(guest_vp->virt->injected.type,
			 cases[i].is_taken ? VIRT_EVENT_INTERRUPT : VIRT_EVENT_NONE);
		CHECK_EQ(guest_vp->virt->injected.vector, cases[i].is_taken ? 0x31 : 0);
		CHECK(guest_is_silent());
		if (cases[i].is_taken) {
			/* Handed over and not delivered yet: it shows as every interrupt does. */
			CHECK_EQ(event_get_interruption(guest_vp), interruption(0, 0x31));
			continue;
		}
		/* The window is the hypervisor's; then it goes. */
		CHECK_EQ(window(&(struct virt_exit) { .reason = VIRT_EXIT_INTERRUPT_WINDOW }), ~0u);
		guest_regs()->rflags |= RFLAGS_IF;
		virt_set(guest_vp->virt, VIRT_SHADOW, 0);
		CHECK(event_prepare(guest_vp));
		CHECK_EQ(guest_vp->virt->injected.vector, 0x31);
		CHECK(!guest_vp->virt->wants_interrupt_window);
		event_delivered(guest_vp);
		CHECK_EQ(guest_vp->event_due, 0);
		CHECK_EQ(guest_vp->delivered[2], 1);
	}
}

static void ext_int_has_every_vector_and_no_reserved_bits(void)
{
	guest_new();
	for (unsigned int vector = 0; vector < 256; vector++) {
		CHECK(set_ext_int(vector));
		CHECK_EQ(event_word(0), EXT_INT(vector));
	}
	for (unsigned int bit = 0; bit < 128; bit++) {
		uint64_t words[2] = { EXT_INT(0x20), 0 };

		if (bit < 4 || (bit >= 8 && bit < 16))
			continue;
		words[bit / 64] ^= 1ull << bit % 64;
		CHECK(!event_set_event(guest_vp, words));
		CHECK_EQ(event_word(0), EXT_INT(255));
	}
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK_EQ(event_word(0), 0);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NONE);
}

/* The exception is shown and goes first; neither pushes the other out. */
static void ext_int_stands_behind_an_exception(void)
{
	guest_new();
	guest_regs()->rflags |= RFLAGS_IF;
	CHECK(set_ext_int(0x40));
	raise(EXC_UD, false, 0, 0);
	CHECK_EQ(event_word(0), 1 | (uint64_t)EXC_UD << 16);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, EXC_UD);
	CHECK(guest_vp->virt->wants_interrupt_window);
	event_delivered(guest_vp);
	CHECK_EQ(event_word(0), EXT_INT(0x40));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(guest_vp->virt->injected.vector, 0x40);
	event_delivered(guest_vp);

	CHECK(set_event(EXC_DE, false, 0, 0));
	CHECK(set_ext_int(0x41));
	CHECK_EQ(event_word(0), 1);
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 })); /* what it shows */
	CHECK_EQ(event_word(0), EXT_INT(0x41));
	CHECK(event_set_interruption(guest_vp, 0));
	CHECK_EQ(event_word(0), EXT_INT(0x41));
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	CHECK_EQ(event_word(0), 0);
}

static void an_nmi_of_the_apic_waits_and_goes_first(void)
{
	const struct virt_exit exit = { .reason = VIRT_EXIT_NMI_WINDOW };
	static const uint64_t shadows[] = { VIRT_SHADOW_NMI, VIRT_SHADOW_STI, VIRT_SHADOW_MOV_SS };

	for (unsigned int i = 0; i < 3; i++) {
		guest_new();
		guest_regs()->rflags |= RFLAGS_IF;
		virt_set(guest_vp->virt, VIRT_SHADOW, shadows[i]);
		guest_vp->nmi_requested = true;
		CHECK(event_prepare(guest_vp));
		CHECK(guest_vp->virt->wants_nmi_window);
		CHECK(!guest_vp->virt->wants_interrupt_window);
		CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NONE);
		CHECK_EQ(window(&exit), ~0u);
		virt_set(guest_vp->virt, VIRT_SHADOW, 0);
		CHECK(set_ext_int(0x30));
		CHECK(event_prepare(guest_vp));
		CHECK_EQ(guest_vp->virt->injected.type, VIRT_EVENT_NMI);
		CHECK(!guest_vp->nmi_requested);
		CHECK(!guest_vp->virt->wants_nmi_window);
		CHECK(guest_vp->virt->wants_interrupt_window); /* the ExtInt */
	}
}

static void the_clients_windows_are_its_own(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_INTERRUPT_WINDOW };

	guest_new();
	guest_vp->wants_window = true;
	guest_vp->nmi_requested = true;
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	guest_vp->deliverability = 3;
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(window(&exit), WHvX64PendingInterrupt);
	CHECK(guest_vp->wants_window);
	CHECK(!guest_vp->apic.is_due);
	CHECK_EQ(window(&exit), ~0u); /* now it is the APIC's */
	CHECK(!guest_vp->wants_window);
	CHECK(guest_vp->apic.is_due);
	exit.reason = VIRT_EXIT_NMI_WINDOW;
	CHECK_EQ(window(&exit), WHvX64PendingNmi);
	CHECK(guest_vp->nmi_requested);
	CHECK_EQ(window(&exit), ~0u);
	/* A client's notice that CR8 holds back is not what has opened. */
	guest_vp->deliverability = 2 | 4u << 2;
	guest_vp->cr8 = 4;
	guest_vp->wants_window = true;
	CHECK(event_prepare(guest_vp));
	CHECK(guest_vp->virt->wants_interrupt_window);
	exit.reason = VIRT_EXIT_INTERRUPT_WINDOW;
	CHECK_EQ(window(&exit), ~0u);
	CHECK_EQ(guest_vp->deliverability, 2 | 4u << 2);
}

static bool wakes(void)
{
	uint32_t deliverable;

	return event_wakes(guest_vp, &deliverable) == WAKE_GUEST;
}

static void what_wakes_from_hlt(void)
{
	uint8_t *page;

	guest_new_with(0, WHvX64LocalApicEmulationModeXApic);
	page = guest_vp->apic.page;
	CHECK(!wakes());
	CHECK(set_ext_int(0x30));
	CHECK(!wakes());
	guest_regs()->rflags |= RFLAGS_IF;
	CHECK(wakes());
	guest_vp->ext_int = 0;
	apic_put(&guest_vp->apic, APIC_IRR + 2, 1u << 16); /* 50h */
	guest_vp->apic.page = NULL;			   /* it means nothing without the page */
	CHECK(!wakes());
	guest_vp->apic.page = page;
	CHECK(wakes());
	guest_regs()->rflags &= ~(uint64_t)RFLAGS_IF;
	CHECK(!wakes());
	guest_vp->nmi_requested = true;
	CHECK(wakes());
	virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
	CHECK(!wakes());
	virt_set(guest_vp->virt, VIRT_PENDING_DEBUG, 1u << 14);
	CHECK(wakes());
	virt_set(guest_vp->virt, VIRT_PENDING_DEBUG, 0);
	CHECK(event_set_interruption(guest_vp, interruption(3, EXC_UD)));
	CHECK(wakes());
	/* What the guest cannot take does not, before an entry has set it aside and after. */
	for (unsigned int i = 0; i < 2; i++) {
		CHECK(event_set_interruption(guest_vp, interruption(2, 2)));
		CHECK(!i || event_prepare(guest_vp));
		CHECK(!wakes());
		CHECK(event_set_interruption(guest_vp, interruption(0, 0x33)));
		CHECK(!i || event_prepare(guest_vp));
		CHECK(!wakes());
		guest_regs()->rflags |= RFLAGS_IF;
		apic_put(&guest_vp->apic, APIC_IRR + 2, 0);
		CHECK(wakes());
		guest_regs()->rflags &= ~(uint64_t)RFLAGS_IF;
	}
	CHECK(set_event(EXC_UD, false, 0, 0));
	CHECK(wakes());
}

/* The windows that end a Run end a sleep. */
static void the_clients_windows_end_a_sleep(void)
{
	static const struct {
		uint64_t notify, rflags, shadow, cr8;
		uint32_t deliverable; /* ~0: none */
	} cases[] = {
		{ 2, RFLAGS_IF, 0, 15, WHvX64PendingInterrupt },
		{ 2, 0, 0, 0, ~0u },
		{ 2, RFLAGS_IF, VIRT_SHADOW_STI, 0, ~0u },
		{ 2, RFLAGS_IF, VIRT_SHADOW_MOV_SS, 0, ~0u },
		{ 2, RFLAGS_IF, VIRT_SHADOW_NMI, 0, WHvX64PendingInterrupt },
		{ 2 | 5u << 2, RFLAGS_IF, 0, 4, WHvX64PendingInterrupt },
		{ 2 | 5u << 2, RFLAGS_IF, 0, 5, ~0u },
		{ 1, 0, 0, 0, WHvX64PendingNmi },
		{ 1, RFLAGS_IF, VIRT_SHADOW_NMI, 0, ~0u },
		{ 0, RFLAGS_IF, 0, 0, ~0u },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t deliverable = ~0u;
		enum event_wake wake;

		guest_new();
		guest_regs()->rflags |= cases[i].rflags;
		virt_set(guest_vp->virt, VIRT_SHADOW, cases[i].shadow);
		guest_vp->cr8 = cases[i].cr8;
		guest_vp->deliverability = cases[i].notify;
		guest_vp->activity = ACTIVITY_STARTUP; /* hears of nothing */
		CHECK_EQ(event_wakes(guest_vp, &deliverable), WAKE_NOT);
		guest_vp->activity = ACTIVITY_HALT;
		wake = event_wakes(guest_vp, &deliverable);
		CHECK_EQ(deliverable, cases[i].deliverable);
		CHECK_EQ(wake, ~deliverable ? WAKE_CLIENT : WAKE_NOT);
		CHECK_EQ(guest_vp->deliverability, ~deliverable ? 0 : cases[i].notify);
		CHECK_EQ(guest_vp->activity, ACTIVITY_HALT);
	}
	/* Both: one after the other. What is for the guest comes first. */
	guest_new();
	guest_regs()->rflags |= RFLAGS_IF;
	guest_vp->deliverability = 3;
	CHECK(set_ext_int(0x30));
	CHECK(wakes());
	CHECK_EQ(guest_vp->deliverability, 3);
	guest_vp->ext_int = 0;
	CHECK(!wakes());
	CHECK_EQ(guest_vp->deliverability, 2);
	CHECK(!wakes());
	CHECK_EQ(guest_vp->deliverability, 0);
}

/* ---- Intercepted, and given back ---- */

static void an_intercepted_exception_is_for_the_client(void)
{
	const struct emu_exception fault = { EXC_PF, true, 6, 0x1234000 };

	guest_new();
	guest_partition->properties.exception_exits = 1u << EXC_PF;
	CHECK(event_raise(guest_vp, &fault)); /* the bitmap alone does nothing */
	CHECK_EQ(guest_vp->raised_as, RAISED_PENDING);
	guest_partition->properties.extended_exits = EXITS_EXCEPTION;
	/* Whatever is pending stays as it is: not even a double fault becomes a triple one. */
	event_interrupted(guest_vp,
			  &(struct virt_event) { VIRT_EVENT_EXCEPTION, EXC_DF, true, 0, 0 });
	guest_regs()->rflags &= ~(uint64_t)RFLAGS_RF;
	CHECK(event_raise(guest_vp, &fault));
	CHECK_EQ(guest_vp->raised_as, RAISED_EXIT);
	CHECK_EQ(guest_vp->raised.vector, EXC_PF);
	CHECK_EQ(guest_vp->raised.error_code, 6);
	CHECK_EQ(guest_vp->raised.address, 0x1234000);
	CHECK_EQ(event_get_interruption(guest_vp), with_error(interruption(3, EXC_DF), 0));
	CHECK(guest_regs()->rflags & RFLAGS_RF);
	/* Another vector goes its way. */
	CHECK(!event_raise(guest_vp, &(struct emu_exception) { EXC_GP, true, 0, 0 }));
	CHECK_EQ(guest_vp->raised_as, RAISED_TRIPLE);
	CHECK(!guest_is_silent());
}

static void a_debug_exception_given_back_sets_dr6(void)
{
	guest_new();
	virt_set(guest_vp->virt, VIRT_DR6, 0xffff0ff5);
	virt_set(guest_vp->virt, VIRT_DR7, 0x2401);
	CHECK(set_event(EXC_DB, false, 0, 0x4002));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR6), 0xffff0ff5);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR6), 0xffff4ff2);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR7), 0x401);
	event_delivered(guest_vp);
	/* Without a parameter they are the client's. */
	virt_set(guest_vp->virt, VIRT_DR7, 0x2401);
	CHECK(set_event(EXC_DB, false, 0, 0));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR6), 0xffff4ff2);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR7), 0x2401);
	event_delivered(guest_vp);
	/* Nor do other bits get there, or another exception's parameter. */
	CHECK(set_event(EXC_DB, false, 0, ~0ull));
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR6), 0xffff6fff);
	event_delivered(guest_vp);
	CHECK(set_event(EXC_UD, false, 0, 0xffff));
	virt_set(guest_vp->virt, VIRT_DR6, 0xffff0ff0);
	CHECK(event_prepare(guest_vp));
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_DR6), 0xffff0ff0);
}

static void a_triple_fault_is_told_in_words(void)
{
	guest_new();
	CHECK(set_event(EXC_DF, true, 0, 0));
	CHECK(!event_raise(guest_vp, &(struct emu_exception) { EXC_GP, true, 0, 0 }));
	CHECK_EQ(strcmp(guest_shared->error_text,
			"triple fault: exception 13 in the delivery of exception 8"),
		 0);
	CHECK_EQ(guest_shared->error_register, WHvRegisterPendingEvent);
	CHECK(event_set_event(guest_vp, (uint64_t[2]) { 0, 0 }));
	event_tell_shutdown(guest_vp, NULL);
	CHECK_EQ(strcmp(guest_shared->error_text, "triple fault"), 0);
	guest_regs()->rflags |= RFLAGS_IF;
	CHECK(event_set_interruption(guest_vp, interruption(0, 209)));
	CHECK(event_prepare(guest_vp));
	event_tell_shutdown(guest_vp, NULL);
	CHECK_EQ(strcmp(guest_shared->error_text, "triple fault in the delivery of interrupt 209"),
		 0);
	CHECK(event_set_interruption(guest_vp, interruption(3, EXC_DE)));
	CHECK(event_prepare(guest_vp));
	event_tell_shutdown(guest_vp, NULL);
	CHECK_EQ(strcmp(guest_shared->error_text, "triple fault in the delivery of exception 0"),
		 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(ext_int_waits_for_the_guest),
		TEST(ext_int_has_every_vector_and_no_reserved_bits),
		TEST(ext_int_stands_behind_an_exception),
		TEST(an_nmi_of_the_apic_waits_and_goes_first),
		TEST(the_clients_windows_are_its_own),
		TEST(what_wakes_from_hlt),
		TEST(the_clients_windows_end_a_sleep),
		TEST(an_intercepted_exception_is_for_the_client),
		TEST(a_debug_exception_given_back_sets_dr6),
		TEST(a_triple_fault_is_told_in_words),
		TEST(registers_show_what_was_set),
		TEST(illegal_values_change_nothing),
		TEST(a_page_fault_sets_cr2_at_delivery),
		TEST(nothing_pending_costs_no_call),
		TEST(an_event_taken_back_is_not_delivered),
		TEST(an_exception_without_its_error_code_is_refused_at_entry),
		TEST(real_mode_pushes_no_error_code),
		TEST(an_nmi_that_was_interrupted_unblocks_nmis),
		TEST(faults_combine_as_the_manual_says),
		TEST(windows_are_asked_for_once),
		TEST(a_window_waits_for_the_priority),
	};

	return RUN(tests);
}
