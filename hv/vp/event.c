/* SPDX-License-Identifier: MIT */
/*
 * The events of a VP (hv/vp/event.h): the two registers that show them, combination of faults, and
 * delivery. An event that could never be delivered is refused when it is set. An event that the
 * guest cannot take at this moment waits, since the processor would refuse the whole entry.
 */
#include "hv/vp/event.h"

#include "hv/cpu/entry.h"
#include "hv/vp/page.h"

#include <stddef.h>

#include "whp/WinHvExits.h"
#include "whp/WinHvRegisterNames.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

/* WHV_X64_PENDING_INTERRUPTION_REGISTER */
#define INTERRUPTION_PENDING	  (1ull << 0)
#define INTERRUPTION_TYPE_SHIFT	  1
#define INTERRUPTION_TYPE_MASK	  0x7u
#define INTERRUPTION_HAS_ERROR	  (1ull << 4)
#define INTERRUPTION_LENGTH_SHIFT 5
#define INTERRUPTION_LENGTH_MASK  0xfu
#define INTERRUPTION_RESERVED	  0xfe00ull /* NestedEvent too: a child has no VMX */
#define INTERRUPTION_VECTOR_SHIFT 16

/* WHV_X64_PENDING_EXCEPTION_EVENT, first word; PENDING, TYPE_SHIFT, VECTOR_SHIFT as above. */
#define EVENT_TYPE_MASK 0x7ull
#define EVENT_HAS_ERROR (1ull << 8)
#define EVENT_RESERVED	0xfef0ull

#define VECTOR_MASK	 0xffffu
#define ERROR_CODE_SHIFT 32

/* An entry takes an error code of 15 bits. SDM 3C "VM-Entry Control Fields". */
#define ERROR_CODE_MAX 0x7fffu

/* WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER */
#define NOTIFY_NMI	      (1ull << 0)
#define NOTIFY_INTERRUPT      (1ull << 1)
#define NOTIFY_PRIORITY	      0x3cull
#define NOTIFY_PRIORITY_SHIFT 2

/* WHV_X64_PENDING_EXT_INT_EVENT, first word; the second is reserved. */
#define EXT_INT_VECTOR_SHIFT 8
#define EXT_INT_VECTOR_MASK  0xffull
#define EXT_INT_RESERVED     0xffffffffffff00f0ull

#define EXT_INT_WAITS 0x100u /* in vp->ext_int */

#define WINDOW_INTERRUPT 1u
#define WINDOW_NMI	 2u

/* InterruptionType: WHP's three, and those of TLFS. */
static const uint8_t type_of_whp[8] = {
	[WHvX64PendingInterrupt] = VIRT_EVENT_INTERRUPT, [WHvX64PendingNmi] = VIRT_EVENT_NMI,
	[WHvX64PendingException] = VIRT_EVENT_EXCEPTION, [4] = VIRT_EVENT_SOFT_INTERRUPT,
	[5] = VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION,	 [6] = VIRT_EVENT_SOFT_EXCEPTION,
	/* 1 and 7: VIRT_EVENT_NONE */
};

static const uint8_t whp_of_type[] = {
	[VIRT_EVENT_INTERRUPT] = WHvX64PendingInterrupt, [VIRT_EVENT_NMI] = WHvX64PendingNmi,
	[VIRT_EVENT_EXCEPTION] = WHvX64PendingException, [VIRT_EVENT_SOFT_INTERRUPT] = 4,
	[VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION] = 5,	 [VIRT_EVENT_SOFT_EXCEPTION] = 6,
};

static const struct virt_event no_event = { .type = VIRT_EVENT_NONE };

static void event_wait(struct vp *vp, const struct virt_event *event)
{
	vp->waiting = *event;
	vp->has_waiting = event->type != VIRT_EVENT_NONE;
}

/*
 * Interrupts and NMIs come from outside and are not lost; the others come out of the guest's
 * instruction.
 */
static bool event_is_asynchronous(const struct virt_event *event)
{
	return event->type == VIRT_EVENT_INTERRUPT || event->type == VIRT_EVENT_NMI;
}

/*
 * PendingInterruption's event makes way. Of two that come from outside one is an NMI, and NMIs can
 * wait elsewhere; only a processor that delivers interrupts by itself at the wrong moment leaves
 * two others.
 */
static void event_set_aside(struct vp *vp)
{
	struct virt_event event = vp->pending;

	if (event.type == VIRT_EVENT_NONE || vp->pending_is_event)
		return;
	vp->pending = no_event;
	if (vp->has_waiting && !event_is_asynchronous(&event))
		return;
	if (vp->waiting.type == VIRT_EVENT_NMI) {
		vp->nmi_requested = true;
	} else if (vp->waiting.type == VIRT_EVENT_INTERRUPT) {
		if (event.type == VIRT_EVENT_NMI)
			vp->nmi_requested = true;
		else
			vp->ext_int = (uint16_t)(EXT_INT_WAITS | event.vector);
		return;
	}
	event_wait(vp, &event);
}

static bool event_pushes_error(unsigned int vector)
{
	return vector < 32 && (EXC_HAS_ERROR_CODE >> vector & 1);
}

/* Could an entry deliver it, in some state of the guest? */
static bool event_is_legal(const struct virt_event *event, unsigned int vector)
{
	if (vector > 255 || event->error_code > ERROR_CODE_MAX)
		return false;
	if (event->has_error_code &&
	    (event->type != VIRT_EVENT_EXCEPTION || !event_pushes_error(vector)))
		return false;
	switch (event->type) {
	case VIRT_EVENT_INTERRUPT: return true;
	case VIRT_EVENT_NMI: return vector == EXC_NMI;
	case VIRT_EVENT_EXCEPTION:
		/*
		 * #CP: CET is not offered, and the entry refuses its error code on processors
		 * without.
		 */
		return vector < 32 && vector != EXC_NMI && vector != EXC_CP;
	case VIRT_EVENT_SOFT_INTERRUPT: return event->length != 0;
	case VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION: return event->length && vector == EXC_DB;
	case VIRT_EVENT_SOFT_EXCEPTION:
		return event->length && (vector == EXC_BP || vector == EXC_OF);
	default: return false;
	}
}

uint64_t event_get_interruption(const struct vp *vp)
{
	const bool is_pending = vp->pending.type != VIRT_EVENT_NONE && !vp->pending_is_event;
	const struct virt_event *const event = is_pending ? &vp->pending : &vp->waiting;
	uint64_t value = INTERRUPTION_PENDING;

	if (event->type == VIRT_EVENT_NONE)
		return 0;
	value |= (uint64_t)whp_of_type[event->type] << INTERRUPTION_TYPE_SHIFT;
	value |= (uint64_t)event->length << INTERRUPTION_LENGTH_SHIFT;
	value |= (uint64_t)event->vector << INTERRUPTION_VECTOR_SHIFT;
	if (event->has_error_code)
		value |= INTERRUPTION_HAS_ERROR | (uint64_t)event->error_code << ERROR_CODE_SHIFT;
	return value;
}

/*
 * The event that a value of PendingInterruption says; of no type, if there is none. False: no such
 * event.
 */
static bool event_of_interruption(uint64_t value, struct virt_event *event)
{
	unsigned int vector = (unsigned int)(value >> INTERRUPTION_VECTOR_SHIFT) & VECTOR_MASK;

	*event = no_event;
	if (!(value & INTERRUPTION_PENDING))
		return true;
	event->type = type_of_whp[value >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK];
	event->has_error_code = value & INTERRUPTION_HAS_ERROR;
	if (event->has_error_code)
		event->error_code = (uint32_t)(value >> ERROR_CODE_SHIFT);
	if (event->type == VIRT_EVENT_NMI && !vector)
		vector = EXC_NMI; /* clients leave it out */
	if (event->type >= VIRT_EVENT_SOFT_INTERRUPT)
		event->length =
			(uint8_t)(value >> INTERRUPTION_LENGTH_SHIFT & INTERRUPTION_LENGTH_MASK);
	event->vector = (uint8_t)vector;
	return !(value & INTERRUPTION_RESERVED) && event_is_legal(event, vector);
}

bool event_interruption_is_legal(uint64_t value)
{
	struct virt_event event;

	return event_of_interruption(value, &event);
}

bool event_set_interruption(struct vp *vp, uint64_t value)
{
	struct virt_event event;

	if (!event_of_interruption(value, &event))
		return false;
	if (vp->pending.type != VIRT_EVENT_NONE && vp->pending_is_event) {
		event_wait(vp, &event);
		return true;
	}
	event_wait(vp, &no_event);
	vp->pending = event;
	vp->pending_is_event = false;
	return true;
}

void event_get_event(const struct vp *vp, uint64_t value[2])
{
	const struct virt_event *event = &vp->pending;

	value[0] = 0;
	value[1] = 0;
	if (event->type != VIRT_EVENT_NONE && vp->pending_is_event) {
		value[0] = INTERRUPTION_PENDING | (uint64_t)event->vector
							  << INTERRUPTION_VECTOR_SHIFT;
		if (event->has_error_code)
			value[0] |= EVENT_HAS_ERROR | (uint64_t)event->error_code
							      << ERROR_CODE_SHIFT;
		value[1] = vp->pending_parameter;
	} else if (vp->ext_int) {
		value[0] = INTERRUPTION_PENDING |
			   (uint64_t)WHvX64PendingEventExtInt << INTERRUPTION_TYPE_SHIFT |
			   (vp->ext_int & EXT_INT_VECTOR_MASK) << EXT_INT_VECTOR_SHIFT;
	}
}

/* The same of PendingEvent, type exception. */
static bool event_of_exception(const uint64_t value[2], struct virt_event *event)
{
	const unsigned int vector =
		(unsigned int)(value[0] >> INTERRUPTION_VECTOR_SHIFT) & VECTOR_MASK;

	*event = (struct virt_event) {
		.type = VIRT_EVENT_EXCEPTION,
		.vector = (uint8_t)vector,
		.has_error_code = value[0] & EVENT_HAS_ERROR,
	};
	if (event->has_error_code)
		event->error_code = (uint32_t)(value[0] >> ERROR_CODE_SHIFT);
	return !(value[0] & EVENT_RESERVED) && event_is_legal(event, vector);
}

static unsigned int event_type_of(const uint64_t value[2])
{
	return (unsigned int)(value[0] >> INTERRUPTION_TYPE_SHIFT & EVENT_TYPE_MASK);
}

/* PendingEvent's exception is gone: what waited for it alone need not wait. */
static void event_take_back(struct vp *vp)
{
	vp->pending = no_event;
	if (event_is_asynchronous(&vp->waiting))
		return;
	vp->pending = vp->waiting;
	vp->pending_is_event = false;
	event_wait(vp, &no_event);
}

bool event_event_is_legal(const uint64_t value[2])
{
	struct virt_event event;

	if (!(value[0] & INTERRUPTION_PENDING))
		return true;
	switch (event_type_of(value)) {
	case WHvX64PendingEventException: return event_of_exception(value, &event);
	case WHvX64PendingEventExtInt: return !(value[0] & EXT_INT_RESERVED) && !value[1];
	default: return false;
	}
}

bool event_set_event(struct vp *vp, const uint64_t value[2])
{
	if (!event_event_is_legal(value))
		return false;
	if (!(value[0] & INTERRUPTION_PENDING)) {
		if (vp->pending_is_event && vp->pending.type != VIRT_EVENT_NONE)
			event_take_back(vp);
		else
			vp->ext_int = 0;
	} else if (event_type_of(value) == WHvX64PendingEventExtInt) {
		vp->ext_int = (uint16_t)(EXT_INT_WAITS |
					 (value[0] >> EXT_INT_VECTOR_SHIFT & EXT_INT_VECTOR_MASK));
	} else {
		event_set_aside(vp);
		(void)event_of_exception(value, &vp->pending);
		vp->pending_parameter = value[1];
		vp->pending_is_event = true;
	}
	return true;
}

enum event_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

/* SDM 3A "Interrupt and Exception Classes". */
static enum event_class event_class(const struct virt_event *event)
{
	if (event->type != VIRT_EVENT_EXCEPTION)
		return BENIGN;
	switch (event->vector) {
	case EXC_DE:
	case EXC_TS:
	case EXC_NP:
	case EXC_SS:
	case EXC_GP:
	case EXC_CP: return CONTRIBUTORY;
	case EXC_PF: return PAGE_FAULT;
	case EXC_DF: return DOUBLE_FAULT;
	default: return BENIGN;
	}
}

static char *put_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	return at;
}

static char *put_vector(char *at, unsigned int vector)
{
	if (vector >= 10)
		at = put_vector(at, vector / 10);
	*at++ = (char)('0' + vector % 10);
	return at;
}

/* "triple fault: exception 13 in the delivery of exception 8" */
void event_tell_shutdown(struct vp *vp, const struct emu_exception *last)
{
	char text[80];
	char *at = put_text(text, "triple fault");

	if (last)
		at = put_vector(put_text(at, ": exception "), last->vector);
	if (last || vp->pending_is_injected) {
		at = put_text(at, vp->pending.type == VIRT_EVENT_EXCEPTION
					  ? " in the delivery of exception "
					  : " in the delivery of interrupt ");
		at = put_vector(at, vp->pending.vector);
	}
	*at = 0;
	vp_page_error(vp, WHvRegisterPendingEvent, text);
}

bool event_combine(const struct virt_event *first, struct virt_event *second)
{
	const enum event_class was = event_class(first), is = event_class(second);

	if (was == DOUBLE_FAULT && is != BENIGN)
		return false;
	if ((was == CONTRIBUTORY && is == CONTRIBUTORY) ||
	    (was == PAGE_FAULT && (is == CONTRIBUTORY || is == PAGE_FAULT)))
		*second = (struct virt_event) { .type = VIRT_EVENT_EXCEPTION,
						.vector = EXC_DF,
						.has_error_code = true };
	return true;
}

bool event_raise(struct vp *vp, const struct emu_exception *exception)
{
	struct virt_event next = {
		.type = VIRT_EVENT_EXCEPTION,
		.vector = exception->vector,
		.has_error_code = exception->has_error_code,
		.error_code = exception->has_error_code ? exception->error_code : 0,
	};

	/*
	 * Faults push RF set, SDM 3B "Instruction-Breakpoint Exception Condition"; an entry pushes
	 * what is there.
	 */
	virt_regs(vp->virt)->rflags |= RFLAGS_RF;
	virt_regs(vp->virt)->changed = true;
	if (event_is_intercepted(vp, exception->vector)) {
		vp->raised = *exception;
		vp->raised_as = RAISED_EXIT;
		return true;
	}
	if (!event_combine(&vp->pending, &next)) {
		event_tell_shutdown(vp, exception);
		vp->raised_as = RAISED_TRIPLE;
		return false;
	}
	if (event_is_asynchronous(&vp->pending))
		event_set_aside(vp);
	vp->pending = next;
	vp->pending_parameter = next.vector == EXC_PF ? exception->address : 0;
	vp->pending_is_event = true;
	vp->raised_as = RAISED_PENDING;
	return true;
}

void event_unblock(struct virt_vp *virt, const struct virt_event *event)
{
	if (event->type == VIRT_EVENT_NMI)
		virt_set(virt, VIRT_SHADOW,
			 virt_get(virt, VIRT_SHADOW) & ~(uint64_t)VIRT_SHADOW_NMI);
}

void event_interrupted(struct vp *vp, const struct virt_event *event)
{
	if (event->type == VIRT_EVENT_NONE)
		return;
	vp->pending = *event;
	vp->pending_is_event = false;
	event_unblock(vp->virt, event);
}

/*
 * Set DR6 and DR7 for an injected #DB, as the processor does only for its own, SDM 3B "Debug Status
 * Register (DR6)". Without a parameter the client has done so.
 */
static void event_set_dr6(struct vp *vp)
{
	const uint64_t dr6 = virt_get(vp->virt, VIRT_DR6) & ~DR6_BREAKPOINTS;

	virt_set(vp->virt, VIRT_DR6,
		 dr6 | (vp->pending_parameter & (DR6_BREAKPOINTS | DR6_BD | DR6_BS)));
	virt_set(vp->virt, VIRT_DR7, virt_get(vp->virt, VIRT_DR7) & ~DR7_GD);
}

/*
 * False: the processor would refuse it. In real mode no exception pushes an error code, and an
 * entry refuses one.
 */
static bool event_hand_over(struct vp *vp)
{
	struct virt_event event = vp->pending;

	if (event.type == VIRT_EVENT_EXCEPTION) {
		if (!(virt_get(vp->virt, VIRT_CR0) & CR0_PE)) {
			event.has_error_code = false;
			event.error_code = 0;
		} else if (event_pushes_error(event.vector) && !event.has_error_code) {
			vp_page_error(vp,
				      vp->pending_is_event
					      ? (uint32_t)WHvRegisterPendingEvent
					      : (uint32_t)WHvRegisterPendingInterruption,
				      "this exception needs an error code");
			return false;
		}
	}
	if (vp->pending_is_event && event.vector == EXC_PF)
		virt_set(vp->virt, VIRT_CR2, vp->pending_parameter);
	if (vp->pending_is_event && event.vector == EXC_DB && vp->pending_parameter)
		event_set_dr6(vp);
	virt_inject(vp->virt, &event);
	vp->pending_is_injected = true;
	return true;
}

/* ---- Windows ----------------------------------------------------------------------------- */

/* The windows that the guest has open: what it can take now. */
static uint8_t event_open_windows(const struct vp *vp)
{
	const uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW);
	uint8_t window = WINDOW_NMI | WINDOW_INTERRUPT;

	if (shadow & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))
		return 0;
	if (shadow & VIRT_SHADOW_NMI)
		window &= (uint8_t)~WINDOW_NMI;
	if (!(virt_regs(vp->virt)->rflags & RFLAGS_IF))
		window &= (uint8_t)~WINDOW_INTERRUPT;
	return window;
}

/* The window that an event needs; none, for one that comes out of the guest's instruction. */
static uint8_t event_window_of(const struct virt_event *event)
{
	if (event->type == VIRT_EVENT_NMI)
		return WINDOW_NMI;
	return event->type == VIRT_EVENT_INTERRUPT ? WINDOW_INTERRUPT : 0;
}

/* Those that what waits needs, the APIC's interrupts left out. */
static uint8_t event_own_windows(const struct vp *vp)
{
	uint8_t window = event_window_of(&vp->waiting);

	if (vp->ext_int)
		window |= WINDOW_INTERRUPT;
	if (vp->nmi_requested)
		window |= WINDOW_NMI;
	return window;
}

/*
 * Those that the client waits for, as far as CR8 lets it, and PendingInterruption does not come
 * first.
 */
static uint8_t event_client_windows(const struct vp *vp)
{
	uint64_t notify = vp->deliverability;
	uint64_t priority = (notify & NOTIFY_PRIORITY) >> NOTIFY_PRIORITY_SHIFT;
	uint8_t window = 0;

	/* An interrupt of a priority that CR8 masks is not deliverable, whatever RFLAGS.IF says. */
	if ((notify & NOTIFY_INTERRUPT) && (!priority || priority > vp_cr8(vp)))
		window |= WINDOW_INTERRUPT;
	if (notify & NOTIFY_NMI)
		window |= WINDOW_NMI;
	return window & (uint8_t)~event_window_of(&vp->waiting);
}

static void event_arm_windows(struct vp *vp)
{
	uint8_t window = event_client_windows(vp) | event_own_windows(vp);

	if (vp->wants_window)
		window |= WINDOW_INTERRUPT;
	if (window == vp->window)
		return;
	virt_window(vp->virt, window & WINDOW_INTERRUPT, window & WINDOW_NMI);
	vp->window = window;
}

/* A notice for the client, whose windows these are: an NMI's first. The request is used up. */
static bool event_notify(struct vp *vp, uint8_t windows, uint32_t *deliverable)
{
	if (!windows)
		return false;
	*deliverable = windows & WINDOW_NMI ? WHvX64PendingNmi : WHvX64PendingInterrupt;
	vp->deliverability &=
		windows & WINDOW_NMI ? ~NOTIFY_NMI : ~(NOTIFY_INTERRUPT | NOTIFY_PRIORITY);
	return true;
}

enum event_wake event_wakes(struct vp *vp, uint32_t *deliverable)
{
	const uint8_t open = event_open_windows(vp);
	uint8_t needed = event_own_windows(vp);

	if (vp->pending.type != VIRT_EVENT_NONE && !event_is_asynchronous(&vp->pending))
		return WAKE_GUEST;
	needed |= event_window_of(&vp->pending);
	/* A single step over HLT traps behind it: the processor does not stay there. */
	if ((needed & open) || virt_get(vp->virt, VIRT_PENDING_DEBUG))
		return WAKE_GUEST;
	if ((open & WINDOW_INTERRUPT) && vp->apic.page && apic_deliverable(vp) >= 0)
		return WAKE_GUEST;
	/* Nothing else looks at the processor that waits for its start. */
	if (vp->activity & ACTIVITY_STARTUP)
		return WAKE_NOT;
	return event_notify(vp, event_client_windows(vp) & open, deliverable) ? WAKE_CLIENT
									      : WAKE_NOT;
}

bool event_lets_apic(struct vp *vp)
{
	uint8_t open;

	if (vp->pending.type != VIRT_EVENT_NONE)
		return false;
	open = event_open_windows(vp);
	return (open & WINDOW_INTERRUPT) && !(event_own_windows(vp) & open);
}

/* ---- Delivery ---------------------------------------------------------------------------- */

/*
 * A waiting event becomes pending once the guest can take it; NMIs come first, SDM 3A "Priority
 * Among Concurrent Events".
 */
static void event_take_waiting(struct vp *vp)
{
	const uint8_t open = event_open_windows(vp);
	const uint8_t window = event_window_of(&vp->waiting) & open;

	if (vp->nmi_requested && (open & WINDOW_NMI) && window != WINDOW_NMI) {
		vp->nmi_requested = false;
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_NMI, .vector = EXC_NMI };
	} else if (window) {
		vp->pending = vp->waiting;
		event_wait(vp, &no_event);
	} else if (vp->ext_int && (open & WINDOW_INTERRUPT)) {
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT,
						    .vector = (uint8_t)vp->ext_int };
		vp->ext_int = 0;
	}
	vp->pending_is_event = false;
}

/* False: a register breaks a rule, which the shared page tells. */
static bool event_settle_doubts(struct vp *vp)
{
	uint32_t name;
	const char *const text = entry_broken_rule(vp, &name);

	if (text) {
		vp_page_error(vp, name, text);
		return false;
	}
	vp->doubts = 0;
	return true;
}

bool event_prepare_some(struct vp *vp)
{
	if (event_is_asynchronous(&vp->pending) &&
	    !(event_window_of(&vp->pending) & event_open_windows(vp)))
		event_set_aside(vp);
	if (vp->pending.type == VIRT_EVENT_NONE)
		event_take_waiting(vp);
	if (vp->pending.type != VIRT_EVENT_NONE) {
		if (!event_hand_over(vp))
			return false;
	} else if (vp->pending_is_injected) {
		/* An entry failed, and the event is no longer to be delivered. */
		virt_inject(vp->virt, &vp->pending);
		vp->pending_is_injected = false;
	}
	event_arm_windows(vp);
	return !vp->doubts || event_settle_doubts(vp);
}

void event_note_delivered(struct vp *vp)
{
	const bool is_exception = vp->pending.type == VIRT_EVENT_EXCEPTION;

	vp->delivered[!is_exception ? 2 : vp->pending.vector != EXC_PF]++;
	if (vp->has_waiting && !event_is_asynchronous(&vp->waiting))
		event_wait(vp, &no_event);
	vp->pending = no_event;
	vp->pending_is_injected = false;
}

bool event_window(struct vp *vp, const struct virt_exit *exit, uint32_t *deliverable)
{
	const bool is_nmi = exit->reason == VIRT_EXIT_NMI_WINDOW;
	const uint8_t window = is_nmi ? WINDOW_NMI : WINDOW_INTERRUPT;

	if (event_notify(vp, event_client_windows(vp) & window, deliverable))
		return true;
	if (is_nmi)
		return false;
	if (vp->wants_window)
		vp->apic.is_due = true;
	vp->wants_window = false;
	return false;
}
