/* SPDX-License-Identifier: MIT */
/*
 * Messages of a VP's local APIC for the VP itself: the signals that others have posted (INIT, SIPI,
 * NMI and the like), and the interrupt that is due. hv/vp/signal.c
 */
#ifndef HV_VP_SIGNAL_H
#define HV_VP_SIGNAL_H

#include "hv/vp.h"

/*
 * Take over the signals that were posted. INIT and SIPI may change the whole VP. The VP has a local
 * APIC.
 */
void vp_take_signals(struct vp *vp);

/*
 * Before an entry, when apic.is_due is set or the timer's deadline has come: the signals, and an
 * interrupt if one is due.
 */
void vp_prepare_apic(struct vp *vp);

#endif
