/* SPDX-License-Identifier: MIT */
/*
 * A processor of the host with the guest's processors that it runs, by turns where they are
 * several. Seat 0 is the processor that the VMM has been started on: it alone has a timer, calls
 * the host, sends what the guest prints, and gives the guest the interrupts of its devices, with VP
 * 0. VP v has the seat v modulo the number of seats.
 *
 * Between the seats are the VMM's lock, which struct vmm describes, and `running`, `is_called` and
 * the phase, which are changed by atomic operations.
 */
#ifndef ROOT_VMM_SEAT_H
#define ROOT_VMM_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/stats.h"
#include "root/vmm/turns.h"
#include "whp/WinHvPlatform.h"

#define SEATS_MAX TURNS_MAX_VPS

struct vmm;

struct seat {
	struct vmm *vmm;
	unsigned int number;
	struct turns turns; /* numbers the seat's own VPs from 0 on */
	int running;	    /* the VP that is in WHvRunVirtualProcessor; -1 */
	bool is_called;	    /* seat 0: another one has something for it */
	struct stats stats;
	WHV_RUN_VP_EXIT_CONTEXT exit; /* the last one */
};

/* The same of all seats. Each phase is followed by the next alone, or by the last. */
enum seats_phase { SEATS_WAIT, SEATS_RUN, SEATS_END };

/*
 * As many seats for n VPs as the host gives processors, one at least; from 1 on they wait. Then
 * seats_run() runs the guest, on this processor and the others, until seats_end() is called on any
 * of them: that ends the Run of every VP. seats_leave() returns when the others have come back, and
 * does nothing if they have.
 */
void seats_start(struct vmm *vmm, unsigned int n_vps);
void seats_run(struct vmm *vmm);
void seats_end(struct vmm *vmm);
void seats_leave(struct vmm *vmm);

bool seats_have_ended(const struct vmm *vmm);

/* Seat 0 is to look at the devices: its Run ends, or does not begin before it has. */
void seats_call_first(struct vmm *vmm);

/* The VP that is number n of the seat's. */
unsigned int seat_vp(const struct seat *seat, unsigned int n);

/*
 * Before and after a Run. It is not to be made if seat_enter() is false: another seat has called,
 * and what it has called for is looked at behind seat_answer().
 */
bool seat_enter(struct seat *seat, unsigned int vp);
void seat_leave(struct seat *seat);
void seat_answer(struct seat *seat);

/* root/vmm/run.c: the loop of a seat, until the end. */
void seat_run(struct seat *seat);

#endif
