// SPDX-License-Identifier: MIT
/* See seat.h. */
#include "root/vmm/seat.h"

#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "root/vmm/vmm.h"

/*
 * How long a guest's processor runs without an exit, if it is the only one of its seat, and if
 * others wait for their turn.
 */
#define ALONE_MS  10u
#define SHARED_MS 2u

static unsigned int n_vps_of(const struct vmm *vmm, unsigned int number)
{
	return (vmm->n_vps - number + vmm->n_seats - 1) / vmm->n_seats;
}

unsigned int seat_vp(const struct seat *seat, unsigned int n)
{
	return seat->number + n * seat->vmm->n_seats;
}

static enum seats_phase phase_of(const struct vmm *vmm)
{
	return __atomic_load_n(&vmm->phase, __ATOMIC_SEQ_CST);
}

bool seats_have_ended(const struct vmm *vmm)
{
	return phase_of(vmm) == SEATS_END;
}

/* On the seat's processor. */
static void main_of_seat(void *argument)
{
	struct seat *seat = argument;

	while (phase_of(seat->vmm) == SEATS_WAIT)
		host_pause();
	seat_run(seat);
}

void seats_start(struct vmm *vmm, unsigned int n_vps)
{
	unsigned int most = host_processors();

	if (most > n_vps)
		most = n_vps;
	vmm->n_vps = n_vps;
	vmm->phase = SEATS_WAIT;
	for (unsigned int i = 0; i < most; i++)
		vmm->seats[i] = (struct seat) { .vmm = vmm, .number = i, .running = -1 };
	for (vmm->n_seats = 1; vmm->n_seats < most; vmm->n_seats++)
		if (!host_start(vmm->n_seats, main_of_seat, &vmm->seats[vmm->n_seats]))
			break;
	vmm->n_started = vmm->n_seats - 1;
	for (unsigned int i = 0; i < vmm->n_seats; i++)
		turns_init(&vmm->seats[i].turns, n_vps_of(vmm, i));
}

static void cancel(const struct vmm *vmm, unsigned int vp)
{
	/* A failure has no consequence but that the guest runs on. */
	(void)WHvCancelRunVirtualProcessor(vmm->partition, vp, 0);
}

static int running_of(const struct seat *seat)
{
	return __atomic_load_n(&seat->running, __ATOMIC_SEQ_CST);
}

/*
 * The call is noted before it is looked who runs, and who runs is noted before it is looked for
 * calls: one of both sees it.
 */
void seats_call_first(struct vmm *vmm)
{
	int vp;

	__atomic_store_n(&vmm->seats[0].is_called, true, __ATOMIC_SEQ_CST);
	vp = running_of(&vmm->seats[0]);
	if (vp >= 0)
		cancel(vmm, (unsigned int)vp);
}

bool seat_enter(struct seat *seat, unsigned int vp)
{
	__atomic_store_n(&seat->running, (int)vp, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&seat->is_called, __ATOMIC_SEQ_CST))
		return true;
	seat_leave(seat);
	return false;
}

void seat_leave(struct seat *seat)
{
	__atomic_store_n(&seat->running, -1, __ATOMIC_SEQ_CST);
}

void seat_answer(struct seat *seat)
{
	__atomic_store_n(&seat->is_called, false, __ATOMIC_SEQ_CST);
}

/*
 * A callback of the timer, on seat 0: it has devices to look at, and each seat with several VPs has
 * its next turn. One that has a VP to itself is not disturbed.
 */
static void tick(void *context)
{
	const struct vmm *vmm = context;

	for (unsigned int i = 0; i < vmm->n_seats; i++) {
		int vp = running_of(&vmm->seats[i]);

		if (vp >= 0 && (!i || vmm->seats[i].turns.n > 1))
			cancel(vmm, (unsigned int)vp);
	}
}

/*
 * No Run goes on past this: whoever enters one after it finds the phase changed or, for a cancel
 * waits for the next Run, leaves it at once.
 */
void seats_end(struct vmm *vmm)
{
	if (__atomic_exchange_n(&vmm->phase, SEATS_END, __ATOMIC_SEQ_CST) == SEATS_END)
		return;
	for (unsigned int vp = 0; vmm->partition && vp < vmm->n_vps; vp++)
		cancel(vmm, vp);
}

void seats_leave(struct vmm *vmm)
{
	seats_end(vmm);
	for (; vmm->n_started; vmm->n_started--)
		host_join(vmm->n_started);
}

void seats_run(struct vmm *vmm)
{
	if (!host_timer_start(vmm->n_vps > vmm->n_seats ? SHARED_MS : ALONE_MS, tick, vmm))
		terminal_print("vmm: no timer: a guest that never exits gets no interrupts\n");
	host_buffer(true);
	__atomic_store_n(&vmm->phase, SEATS_RUN, __ATOMIC_SEQ_CST);
	seat_run(&vmm->seats[0]);
	seats_leave(vmm);
	host_buffer(false);
	host_timer_stop();
}
