/* SPDX-License-Identifier: MIT */
/*
 * Signals and interrupts of a VP's local APIC on their way to the VP (hv/vp/signal.h). The APIC
 * knows nothing of the VP around it, so INIT and SIPI, which start the VP anew, are taken here.
 */
#include "hv/vp/signal.h"

#include "hv/apic/page.h"
#include "hv/vp/event.h"
#include "hv/vp/vp.h"

/* Without an APIC the pin that is LINT1 is NMI, and nothing else arrives. */
static void take(struct vp *vp, uint32_t signals)
{
	if (vp->apic.mode == VIRT_APIC_OFF) {
		vp->nmi_requested |= (signals & APIC_SIGNAL_LINT1) != 0;
		return;
	}
	if (signals & APIC_SIGNAL_INIT) {
		vp_reset(vp, true);
		if (vp->index)
			vp_wait_for_sipi(vp);
	}
	if (signals & APIC_SIGNAL_SIPI)
		vp_start(vp, (uint8_t)signals);
	if (signals & APIC_SIGNAL_NMI)
		vp->nmi_requested = true;
	if (signals & APIC_SIGNAL_LINT1)
		apic_local(vp, APIC_LVT_LINT1);
	if (signals & APIC_SIGNAL_ERROR)
		apic_error(vp, ESR_RECEIVE_VECTOR);
}

void vp_take_signals(struct vp *vp)
{
	if (__atomic_load_n(&vp->apic.signals, __ATOMIC_RELAXED))
		take(vp, __atomic_exchange_n(&vp->apic.signals, 0, __ATOMIC_ACQUIRE));
}

void vp_prepare_apic(struct vp *vp)
{
	int vector;

	apic_begin(vp);
	vp_take_signals(vp);
	vector = apic_gather(vp);
	apic_deliver(vp, vector, vector >= 0 && event_lets_apic(vp));
}
