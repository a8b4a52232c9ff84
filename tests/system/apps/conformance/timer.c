// SPDX-License-Identifier: MIT
/* See timer.h. */
#include "tests/system/apps/conformance/timer.h"

#include <efi.h>
#include <efilib.h>

static EFI_EVENT event;
static void (*timer_tick)(void);

static VOID EFIAPI notify(EFI_EVENT which, VOID *context)
{
	(void)which;
	(void)context;
	timer_tick();
}

bool timer_start(unsigned int n_ms, bool is_periodic, void (*tick)(void))
{
	timer_tick = tick;
	if (BS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, notify, NULL, &event) !=
	    EFI_SUCCESS)
		return false;
	return BS->SetTimer(event, is_periodic ? TimerPeriodic : TimerRelative, n_ms * 10000ull) ==
	       EFI_SUCCESS;
}

void timer_stop(void)
{
	if (event)
		BS->CloseEvent(event);
	event = NULL;
}
