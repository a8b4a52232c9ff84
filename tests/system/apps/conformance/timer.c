// SPDX-License-Identifier: MIT
/* See timer.h. */
#include "tests/system/apps/conformance/timer.h"

#include <efi.h>
#include <efilib.h>

#include "tests/system/apps/conformance/place.h"

static EFI_EVENT event;
static void (*timer_tick)(void);
static volatile bool is_on;

struct request {
	UINT64 units; /* of 100 ns */
	bool is_periodic, is_done;
};

/* An interrupt may still be on its way when the timer has been stopped. */
static void tick(void)
{
	if (is_on)
		timer_tick();
}

static VOID EFIAPI notify(EFI_EVENT which, VOID *context)
{
	(void)which;
	(void)context;
	place_interrupt(tick);
}

static void set(void *argument)
{
	struct request *const request = argument;

	request->is_done = BS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, notify,
					   NULL, &event) == EFI_SUCCESS &&
			   BS->SetTimer(event, request->is_periodic ? TimerPeriodic : TimerRelative,
					request->units) == EFI_SUCCESS;
}

static void close(void *unused)
{
	(void)unused;
	if (event)
		BS->CloseEvent(event);
	event = NULL;
}

bool timer_start(unsigned int n_ms, bool is_periodic, void (*function)(void))
{
	struct request request = { .units = n_ms * 10000ull, .is_periodic = is_periodic };

	timer_tick = function;
	is_on = true;
	place_call(set, &request);
	return request.is_done;
}

void timer_stop(void)
{
	is_on = false;
	place_call(close, NULL);
}
