// SPDX-License-Identifier: MIT
/* See tick.h. */
#include "root/call/uefi/tick.h"

#include <efilib.h>

#include "root/call/hypercall.h"
#include "root/call/platform.h"
#include "root/call/uefi/cpu.h"
#include "whp/WinHvPlatform.h"

struct timer_protocol *tick_timer(void)
{
	static EFI_GUID guid = TIMER_GUID;
	static struct timer_protocol *timer;
	static bool is_known;

	if (!is_known && BS->LocateProtocol(&guid, NULL, (void **)&timer) != EFI_SUCCESS)
		timer = NULL;
	is_known = true;
	return timer;
}

/* Of the TSC; the hypervisor knows it, or it is 0. */
static uint64_t tsc_hz(void)
{
	static uint64_t hz;
	static bool is_known;
	struct hypercall_result result;

	if (!is_known &&
	    hypercall5(WHIT_CALL_GET_CAPABILITY, WHvCapabilityCodeProcessorClockFrequency,
		       platform_physical(&hz), sizeof(hz), 0, 0, &result))
		hz = 0;
	is_known = true;
	return hz;
}

/*
 * TSC ticks that 1,000 units take: as they should, until a sleep has shown that firmware's timer is slower. (OVMF takes
 * the clock of Bochs' APIC for ten times what it is.)
 */
static uint64_t rate;

static void assume(void)
{
	if (!rate)
		rate = tsc_hz() / (TICK_UNITS_PER_SECOND / 1000);
}

UINT64 tick_units_left(uint64_t deadline)
{
	const uint64_t now = uefi_tsc();

	assume();
	if (deadline <= now)
		return 0;
	if (!rate || deadline - now >= tsc_hz())
		return TICK_UNITS_PER_SECOND;
	return (deadline - now) * 1000 / rate;
}

/* What is too long, because the machine below has had something else to do, is too long by chance. */
#define MEASURES 5

void tick_measure(struct timer_protocol *timer)
{
	const uint64_t held = platform_hold_interrupts();
	uint64_t start, ticks, least = ~0ull;
	unsigned int i;
	UINT64 usual;

	if (timer->get_period(timer, &usual) == EFI_SUCCESS && usual) {
		timer->set_period(timer, TICK_SHORTEST_UNITS);
		uefi_sleep(0);
		for (i = 0; i < MEASURES; i++) {
			start = uefi_tsc();
			uefi_sleep(0);
			ticks = uefi_tsc() - start;
			if (ticks < least)
				least = ticks;
		}
		tick_learn(TICK_SHORTEST_UNITS, least);
		timer->set_period(timer, usual);
	}
	platform_release_interrupts(held);
}

void tick_learn(UINT64 units, uint64_t ticks)
{
	assume();
	if (ticks > 2 * (units * rate / 1000))
		rate = ticks * 1000 / units;
}
