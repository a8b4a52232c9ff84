/* SPDX-License-Identifier: MIT */
/*
 * Events of a child's VP: those to be delivered at the next entry, those that wait, and the notice
 * to a client that one could be delivered.
 *
 * The client sees an event in one of two registers, which do not know of each other: PendingEvent
 * (an exception with its parameter, from the client or from the hypervisor) or PendingInterruption
 * (any type, from the client or the APIC, or one whose delivery an exit has interrupted). Within a
 * register the later takes the place of the earlier.
 *
 * vp->pending is the event that the next entry delivers. PendingEvent's exception is always there.
 * PendingInterruption's event is there unless it must wait, for that exception or for a guest that
 * cannot take it; until then it is in vp->waiting. SDM 3A "Priority Among Concurrent Events":
 * interrupts and NMIs are kept behind an exception; an exception or a software interrupt is dropped
 * when that has been delivered, for the guest makes it anew.
 *
 * Behind both wait, for the guest to take them: an NMI of the APIC (vp->nmi_requested),
 * PendingEvent's ExtInt (vp->ext_int), and the APIC's interrupts (vp->wants_window). The windows
 * that all these need are the hypervisor's own: no client sees them.
 *
 * Order around an entry, hv/run/run.c:
 *
 *     event_prepare(vp), false: give InvalidVpRegisterValue, do not enter
 *     virt_run(vp->virt, &exit)
 *     exit.reason is not VIRT_EXIT_INVALID_STATE: event_delivered(vp)
 *     exit.interrupted.type is not VIRT_EVENT_NONE: event_interrupted(vp, &exit.interrupted)
 */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include "emu/emu.h"
#include "hv/vp.h"

/*
 * WHvRegisterPendingInterruption and WHvRegisterPendingEvent (two words), for
 * hv/register/register.c. Setting: false for a value that could never be delivered, and nothing has
 * changed; a value without the pending bit clears what the same register shows and leaves the
 * other's alone. PendingEvent shows the exception, and else the ExtInt that waits; setting one of
 * them leaves the other alone. The last two judge, and set nothing.
 */
uint64_t event_get_interruption(const struct vp *vp);
bool event_set_interruption(struct vp *vp, uint64_t value);
void event_get_event(const struct vp *vp, uint64_t value[2]);
bool event_set_event(struct vp *vp, const uint64_t value[2]);
bool event_interruption_is_legal(uint64_t value);
bool event_event_is_legal(const uint64_t value[2]);

/*
 * A fault that the hypervisor raises for the guest at its RIP; sets RFLAGS.RF. A vector that the
 * client intercepts is vp->raised (RAISED_EXIT), and what is pending stays. Else, if one is pending
 * already, they are combined, SDM 3A "Conditions for Generating a Double Fault"; an interrupt or
 * NMI waits. False (RAISED_TRIPLE): that is a triple fault; the double fault stays pending, and the
 * shared page says in words what led to it. vp->raised_as says the same.
 */
enum raised_as { RAISED_PENDING, RAISED_EXIT, RAISED_TRIPLE };

bool event_raise(struct vp *vp, const struct emu_exception *exception);

/*
 * `second` was raised in the delivery of `first` (or of nothing): it becomes a double fault if
 * their classes say so, SDM 3A "Conditions for Generating a Double Fault". False: a triple fault,
 * and `second` is as it was.
 */
bool event_combine(const struct virt_event *first, struct virt_event *second);

/*
 * The delivery of an NMI has been interrupted, of any VP: the processor, which has begun to block
 * them, is to take it again.
 */
void event_unblock(struct virt_vp *virt, const struct virt_event *event);

/* Does the client want to see exceptions of this vector? */
static inline bool event_is_intercepted(const struct vp *vp, uint8_t vector)
{
	const struct properties *const properties = &vp->partition->properties;

	return (properties->extended_exits & EXITS_EXCEPTION) &&
	       (properties->exception_exits >> vector & 1);
}

/*
 * Say in the shared page what is known of a triple fault's cause: `last`, or NULL if the processor
 * has met it, then before event_delivered().
 */
void event_tell_shutdown(struct vp *vp, const struct emu_exception *last);

/*
 * An exit struck while this event was being delivered: it is pending again, in PendingInterruption.
 */
void event_interrupted(struct vp *vp, const struct virt_event *event);

/*
 * Before each virt_run(): hand the pending event to the processor, CR2 (of #DB: DR6 and DR7.GD)
 * included, or what waits if the guest can take that; and ask for the windows of vp->deliverability
 * and of what still waits. False for an exception that lacks the error code which the guest's mode
 * asks for, with nothing handed over, and for registers that no entry takes: the reason is in the
 * shared page.
 */
bool event_prepare_some(struct vp *vp);

static inline bool event_prepare(struct vp *vp)
{
	if (vp->pending.type == VIRT_EVENT_NONE && !(vp->event_due | vp->deliverability))
		return true; /* as nearly always */
	return event_prepare_some(vp);
}

/*
 * A VP wakes for the events that an entry would deliver, or for which it would leave the guest: the
 * same windows, examined without the guest. WAKE_CLIENT: X64InterruptWindow with *deliverable, as
 * from event_window(); the VP sleeps on.
 */
enum event_wake { WAKE_NOT, WAKE_GUEST, WAKE_CLIENT };

enum event_wake event_wakes(struct vp *vp, uint32_t *deliverable);

/* Can the guest take an interrupt of its APIC now, with nothing before it? */
bool event_lets_apic(struct vp *vp);

void event_note_delivered(struct vp *vp);

/* The entry has happened: what was handed over is delivered, and no longer pending. */
static inline void event_delivered(struct vp *vp)
{
	if (vp->pending_is_injected)
		event_note_delivered(vp);
}

/*
 * For a VIRT_EXIT_INTERRUPT_WINDOW or _NMI_WINDOW: true, and the DeliverableType of the
 * X64InterruptWindow record, if it is the client's; the request is used up. False if it is the
 * hypervisor's own: enter again.
 */
bool event_window(struct vp *vp, const struct virt_exit *exit, uint32_t *deliverable);

#endif
