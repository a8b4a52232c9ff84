/* SPDX-License-Identifier: MIT */
/*
 * The pending event of a VP (hv/event.h): the two registers that show it, combination of faults, and
 * delivery. What could never be delivered is refused when it is set; what the guest cannot take at
 * this moment is refused at the entry, since the processor would refuse the whole entry.
 */
#include "hv/event.h"

#include <stddef.h>

#include "whp/WinHvExits.h"
#include "whp/WinHvRegisterNames.h"
#include "x86/cr.h"
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

/* DR6 as #DB leaves it: the breakpoints that were met, BD and BS beside what is there. */
#define DR6_BREAKPOINTS 0x000full
#define DR6_BD_BS	0x6000ull

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

static void event_clear(struct vp *vp)
{
	vp->pending = (struct virt_event) { .type = VIRT_EVENT_NONE };
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
		/* #CP: CET is not offered, and the entry refuses its error code on processors without. */
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
	const struct virt_event *event = &vp->pending;
	uint64_t value = INTERRUPTION_PENDING;

	if (event->type == VIRT_EVENT_NONE || vp->pending_is_event)
		return 0;
	value |= (uint64_t)whp_of_type[event->type] << INTERRUPTION_TYPE_SHIFT;
	value |= (uint64_t)event->length << INTERRUPTION_LENGTH_SHIFT;
	value |= (uint64_t)event->vector << INTERRUPTION_VECTOR_SHIFT;
	if (event->has_error_code)
		value |= INTERRUPTION_HAS_ERROR | (uint64_t)event->error_code << ERROR_CODE_SHIFT;
	return value;
}

bool event_set_interruption(struct vp *vp, uint64_t value)
{
	unsigned int vector = (unsigned int)(value >> INTERRUPTION_VECTOR_SHIFT) & VECTOR_MASK;
	struct virt_event event = {
		.type = type_of_whp[value >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK],
		.has_error_code = value & INTERRUPTION_HAS_ERROR,
		.length = (uint8_t)(value >> INTERRUPTION_LENGTH_SHIFT & INTERRUPTION_LENGTH_MASK),
	};

	if (!(value & INTERRUPTION_PENDING)) {
		if (!vp->pending_is_event)
			event_clear(vp);
		return true;
	}
	if (event.has_error_code)
		event.error_code = (uint32_t)(value >> ERROR_CODE_SHIFT);
	if (event.type == VIRT_EVENT_NMI && !vector)
		vector = EXC_NMI; /* clients leave it out */
	if (event.type < VIRT_EVENT_SOFT_INTERRUPT)
		event.length = 0;
	if ((value & INTERRUPTION_RESERVED) || !event_is_legal(&event, vector))
		return false;
	event.vector = (uint8_t)vector;
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

static bool event_set_ext_int(struct vp *vp, const uint64_t value[2])
{
	if ((value[0] & EXT_INT_RESERVED) || value[1])
		return false;
	vp->ext_int = (uint16_t)(EXT_INT_WAITS |
				 (value[0] >> EXT_INT_VECTOR_SHIFT & EXT_INT_VECTOR_MASK));
	return true;
}

bool event_set_event(struct vp *vp, const uint64_t value[2])
{
	unsigned int vector = (unsigned int)(value[0] >> INTERRUPTION_VECTOR_SHIFT) & VECTOR_MASK;
	struct virt_event event = {
		.type = VIRT_EVENT_EXCEPTION,
		.has_error_code = value[0] & EVENT_HAS_ERROR,
	};

	if (!(value[0] & INTERRUPTION_PENDING)) {
		if (vp->pending_is_event && vp->pending.type != VIRT_EVENT_NONE)
			event_clear(vp);
		else
			vp->ext_int = 0;
		return true;
	}
	switch (value[0] >> INTERRUPTION_TYPE_SHIFT & EVENT_TYPE_MASK) {
	case WHvX64PendingEventException: break;
	case WHvX64PendingEventExtInt: return event_set_ext_int(vp, value);
	default: return false;
	}
	if (event.has_error_code)
		event.error_code = (uint32_t)(value[0] >> ERROR_CODE_SHIFT);
	if ((value[0] & EVENT_RESERVED) || !event_is_legal(&event, vector))
		return false;
	event.vector = (uint8_t)vector;
	vp->pending = event;
	vp->pending_parameter = value[1];
	vp->pending_is_event = true;
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

	/* Faults push RF set, SDM 3B "Instruction-Breakpoint Exception Condition"; an entry pushes what is there. */
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

/* Why the guest cannot take the event now; NULL if it can. SDM 3C "Checks on VMX Controls and Host-State Area". */
static const char *event_obstacle(struct vp *vp, bool is_protected)
{
	const struct virt_event *event = &vp->pending;
	uint64_t shadow;

	switch (event->type) {
	case VIRT_EVENT_EXCEPTION:
		if (is_protected && event_pushes_error(event->vector) && !event->has_error_code)
			return "this exception needs an error code";
		return NULL;
	case VIRT_EVENT_INTERRUPT:
		if (!(virt_regs(vp->virt)->rflags & RFLAGS_IF))
			return "external interrupt while RFLAGS.IF is clear";
		shadow = virt_get(vp->virt, VIRT_SHADOW);
		if (shadow & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))
			return "external interrupt in the shadow of STI or MOV SS";
		return NULL;
	case VIRT_EVENT_NMI:
		shadow = virt_get(vp->virt, VIRT_SHADOW);
		if (shadow & VIRT_SHADOW_NMI)
			return "NMI while NMIs are blocked";
		if (shadow & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))
			return "NMI in the shadow of STI or MOV SS";
		return NULL;
	default: return NULL;
	}
}

/*
 * What the processor does for a #DB of its own and not for an injected one, SDM 3B "Debug Status Register (DR6)". Without
 * a parameter the client has seen to it.
 */
static void event_set_dr6(struct vp *vp)
{
	const uint64_t dr6 = virt_get(vp->virt, VIRT_DR6) & ~DR6_BREAKPOINTS;

	virt_set(vp->virt, VIRT_DR6, dr6 | (vp->pending_parameter & (DR6_BREAKPOINTS | DR6_BD_BS)));
	virt_set(vp->virt, VIRT_DR7, virt_get(vp->virt, VIRT_DR7) & ~DR7_GD);
}

static bool event_hand_over(struct vp *vp)
{
	bool is_protected = virt_get(vp->virt, VIRT_CR0) & CR0_PE;
	const char *obstacle = event_obstacle(vp, is_protected);
	struct virt_event event = vp->pending;

	if (obstacle) {
		vp_page_error(vp,
			      vp->pending_is_event ? (uint32_t)WHvRegisterPendingEvent
						   : (uint32_t)WHvRegisterPendingInterruption,
			      obstacle);
		return false;
	}
	/* In real mode no exception pushes an error code, and the entry refuses one. */
	if (!is_protected) {
		event.has_error_code = false;
		event.error_code = 0;
	}
	if (vp->pending_is_event && event.vector == EXC_PF)
		virt_set(vp->virt, VIRT_CR2, vp->pending_parameter);
	if (vp->pending_is_event && event.vector == EXC_DB && vp->pending_parameter)
		event_set_dr6(vp);
	virt_inject(vp->virt, &event);
	vp->pending_is_injected = true;
	return true;
}

/* The windows that the client waits for, as far as CR8 lets it. */
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
	return window;
}

static void event_arm_windows(struct vp *vp)
{
	uint8_t window = event_client_windows(vp);

	if (vp->ext_int || vp->wants_window)
		window |= WINDOW_INTERRUPT;
	if (vp->nmi_requested)
		window |= WINDOW_NMI;
	if (window == vp->window)
		return;
	virt_window(vp->virt, window & WINDOW_INTERRUPT, window & WINDOW_NMI);
	vp->window = window;
}

static bool event_can_take_nmi(const struct vp *vp)
{
	return !(virt_get(vp->virt, VIRT_SHADOW) &
		 (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS | VIRT_SHADOW_NMI));
}

static bool event_can_take_interrupt(const struct vp *vp)
{
	return (virt_regs(vp->virt)->rflags & RFLAGS_IF) &&
	       !(virt_get(vp->virt, VIRT_SHADOW) & (VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS));
}

bool event_wakes(const struct vp *vp)
{
	/* A single step over HLT traps behind it: the processor does not stay there. */
	if (vp->pending.type != VIRT_EVENT_NONE || virt_get(vp->virt, VIRT_PENDING_DEBUG))
		return true;
	if (vp->nmi_requested && event_can_take_nmi(vp))
		return true;
	if (!event_can_take_interrupt(vp))
		return false;
	return vp->ext_int || (vp->apic.page && apic_deliverable(vp) >= 0);
}

/* What waits becomes pending once the guest can take it; NMIs first, SDM 3A "Priority Among Concurrent Events". */
static void event_take_waiting(struct vp *vp)
{
	if (vp->nmi_requested && event_can_take_nmi(vp)) {
		vp->nmi_requested = false;
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_NMI, .vector = EXC_NMI };
	} else if (vp->ext_int && event_can_take_interrupt(vp)) {
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT,
						    .vector = (uint8_t)vp->ext_int };
		vp->ext_int = 0;
	}
	vp->pending_is_event = false;
}

bool event_prepare_some(struct vp *vp)
{
	if (vp->pending.type == VIRT_EVENT_NONE)
		event_take_waiting(vp);
	if (vp->pending.type != VIRT_EVENT_NONE) {
		if (!event_hand_over(vp))
			return false;
	} else if (vp->pending_is_injected) {
		/* An entry failed, and the client took the event back. */
		virt_inject(vp->virt, &vp->pending);
		vp->pending_is_injected = false;
	}
	event_arm_windows(vp);
	return true;
}

void event_note_delivered(struct vp *vp)
{
	const bool is_exception = vp->pending.type == VIRT_EVENT_EXCEPTION;

	vp->delivered[!is_exception ? 2 : vp->pending.vector != EXC_PF]++;
	event_clear(vp);
	vp->pending_is_injected = false;
}

bool event_window(struct vp *vp, const struct virt_exit *exit, uint32_t *deliverable)
{
	const uint8_t windows = event_client_windows(vp);

	if (exit->reason == VIRT_EXIT_NMI_WINDOW) {
		vp->deliverability &= ~NOTIFY_NMI;
		*deliverable = WHvX64PendingNmi;
		return windows & WINDOW_NMI;
	}
	if (windows & WINDOW_INTERRUPT) {
		vp->deliverability &= ~(NOTIFY_INTERRUPT | NOTIFY_PRIORITY);
		*deliverable = WHvX64PendingInterrupt;
		return true;
	}
	if (vp->wants_window)
		vp->apic.is_due = true;
	vp->wants_window = false;
	return false;
}
