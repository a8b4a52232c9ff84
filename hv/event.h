/* SPDX-License-Identifier: MIT */
/*
 * Events of a child's VP: what is to be delivered at the next entry, and notice of when one could be.
 *
 * One event at most is pending, in vp->pending. The client sees it in one of two registers: PendingEvent
 * (an exception with its parameter, from the client or from the hypervisor) or PendingInterruption (any
 * type, from the client, or one whose delivery an exit has interrupted). A later event replaces the one
 * before, as on the processor, where a fault in the delivery of an interrupt drops the interrupt.
 *
 * Order around an entry, hv/run.c:
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
 * WHvRegisterPendingInterruption and WHvRegisterPendingEvent (two words), for hv/register.c. Setting:
 * false for a value that could never be delivered, and nothing has changed; a value without the
 * pending bit clears what the same register holds and leaves the other's alone.
 */
uint64_t event_get_interruption(const struct vp *vp);
bool event_set_interruption(struct vp *vp, uint64_t value);
void event_get_event(const struct vp *vp, uint64_t value[2]);
bool event_set_event(struct vp *vp, const uint64_t value[2]);

/*
 * A fault that the hypervisor raises for the guest at its RIP; sets RFLAGS.RF. If one is pending already they are
 * combined, SDM 3A "Conditions for Generating a Double Fault". False: that is a triple fault; the
 * double fault stays pending, and the caller may report UnrecoverableException.
 */
bool event_raise(struct vp *vp, const struct emu_exception *exception);

/* An exit struck while this event was being delivered: it is pending again, in PendingInterruption. */
void event_interrupted(struct vp *vp, const struct virt_event *event);

/*
 * Before each virt_run(): hand the pending event to the processor, CR2 included, and ask for the windows
 * of vp->deliverability. False if the guest cannot take the event now (an interrupt with RFLAGS.IF clear
 * or in a shadow, an NMI that is blocked, a missing error code): the reason is in the shared page, nothing
 * was handed over.
 */
bool event_prepare_some(struct vp *vp);

static inline bool event_prepare(struct vp *vp)
{
	if (vp->pending.type == VIRT_EVENT_NONE && !vp->pending_is_injected &&
	    !(vp->deliverability | vp->window))
		return true; /* as nearly always */
	return event_prepare_some(vp);
}

/* The entry has happened: what was handed over is delivered, and no longer pending. */
static inline void event_delivered(struct vp *vp)
{
	if (vp->pending_is_injected) {
		vp->pending = (struct virt_event) { .type = VIRT_EVENT_NONE };
		vp->pending_is_injected = false;
	}
}

/*
 * For a VIRT_EXIT_INTERRUPT_WINDOW or _NMI_WINDOW: the DeliverableType of the X64InterruptWindow record.
 * The request is used up.
 */
uint32_t event_window(struct vp *vp, const struct virt_exit *exit);

#endif
