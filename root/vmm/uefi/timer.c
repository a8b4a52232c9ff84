// SPDX-License-Identifier: MIT
/* See timer.h. */
#include "root/vmm/uefi/timer.h"

#include <efi.h>
#include <efilib.h>

#include "root/vmm/host.h"
#include "root/vmm/uefi/cpu.h"
#include "uefi/timer.h"

static EFI_GUID timer_guid = TIMER_GUID;

/* 1 ms, as firmware takes it. */
#define TRIAL_UNITS 10000u
#define TRIAL_TICKS 3u

/* The wait after which a timer that does not tick at all is given up, in TSC ticks. */
#define TRIAL_MAX 2000000000ull

/*
 * A shorter sleep is spent waiting: half a millisecond. Were the period shorter than what
 * firmware's handler takes, which in Bochs is a tenth of that, the processor would do nothing else
 * any more.
 */
#define SHORTEST_PER_SECOND 2000u

static struct timer_protocol *timer;
static EFI_EVENT event;
static void (*timer_tick)(void *context);
static void *timer_context;
static volatile unsigned int n_ticks;
static UINT64 firmware_units; /* its own period */
static UINT64 usual_units;    /* ours */
static uint64_t trial_tsc;    /* the duration of TRIAL_UNITS */

static VOID EFIAPI notify(EFI_EVENT e, VOID *context)
{
	(void)e;
	(void)context;
	n_ticks++;
	if (timer_tick)
		timer_tick(timer_context);
}

/* One event for each tick of the timer at its present period. */
static bool start_event(void)
{
	if (BS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, notify, NULL, &event) !=
	    EFI_SUCCESS)
		return false;
	return BS->SetTimer(event, TimerPeriodic, 0) == EFI_SUCCESS;
}

static void stop_event(void)
{
	if (event)
		BS->CloseEvent(event);
	event = NULL;
}

/* How long does a period of TRIAL_UNITS really take? The first one may have begun before. */
static bool measure(void)
{
	uint64_t start = host_tsc(), first = 0;

	n_ticks = 0;
	timer->set_period(timer, TRIAL_UNITS);
	if (!start_event())
		return false;
	while (n_ticks <= TRIAL_TICKS && host_tsc() - start < TRIAL_MAX) {
		if (n_ticks && !first) {
			first = host_tsc();
			n_ticks = 1;
		}
		host_pause();
	}
	stop_event();
	trial_tsc = (host_tsc() - first) / TRIAL_TICKS;
	return n_ticks > TRIAL_TICKS && trial_tsc;
}

static UINT64 units_of(uint64_t ticks)
{
	return ticks * TRIAL_UNITS / trial_tsc;
}

bool timer_start(uint64_t period, void (*tick)(void *context), void *context)
{
	timer_tick = NULL;
	if (!trial_tsc) {
		if (BS->LocateProtocol(&timer_guid, NULL, (void **)&timer) != EFI_SUCCESS ||
		    timer->get_period(timer, &firmware_units) != EFI_SUCCESS)
			return false;
		if (!measure()) {
			timer->set_period(timer, firmware_units);
			trial_tsc = 0;
			return false;
		}
	}
	timer_context = context;
	timer_tick = tick;
	usual_units = units_of(period) + 1;
	timer->set_period(timer, usual_units);
	return start_event();
}

void timer_stop(void)
{
	stop_event();
	if (timer && firmware_units)
		timer->set_period(timer, firmware_units);
}

void timer_sleep(uint64_t duration)
{
	UINT64 units;

	if (!trial_tsc || duration < host_tsc_hz() / SHORTEST_PER_SECOND) {
		host_pause();
		return;
	}
	units = units_of(duration);
	if (units < usual_units)
		timer->set_period(timer, units);
	cpu_wait();
	if (units < usual_units)
		timer->set_period(timer, usual_units);
}
