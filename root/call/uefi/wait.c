// SPDX-License-Identifier: MIT
/*
 * Sleeping under UEFI: HLT, until an interrupt. Firmware lets one come at each tick of its timer, 10 to 100 times a second;
 * who wants to wake earlier has the timer tick earlier, and its own period back afterwards, whoever has set that.
 */
#include <efi.h>
#include <efilib.h>

#include "root/call/hypercall.h"
#include "root/call/platform.h"
#include "root/call/uefi/cpu.h"
#include "uefi/timer.h"
#include "whp/WinHvPlatform.h"

#define UNITS_PER_SECOND 10000000ull

/*
 * A shorter sleep, half a millisecond, is spent calling again: with a period below what firmware's own handler takes
 * the processor would do nothing else any more.
 */
#define SHORTEST_UNITS 5000u

/* NULL if firmware has none. */
static struct timer_protocol *find_timer(void)
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

/* The units until the TSC stands at `deadline`, at most a second's; more than any tick, if nobody can tell. */
static UINT64 units_left(uint64_t deadline)
{
	const uint64_t now = uefi_tsc(), hz = tsc_hz();

	if (!rate)
		rate = hz / (UNITS_PER_SECOND / 1000);
	if (deadline <= now)
		return 0;
	if (!rate || deadline - now >= hz)
		return UNITS_PER_SECOND;
	return (deadline - now) * 1000 / rate;
}

/* A sleep that was not ended early has taken so many ticks. */
static void learn(UINT64 units, uint64_t ticks)
{
	if (ticks > 2 * (units * rate / 1000))
		rate = ticks * 1000 / units;
}

bool platform_wait(uint64_t held, uint64_t deadline)
{
	const UINT64 units = units_left(deadline);
	struct timer_protocol *timer;
	uint64_t start;
	UINT64 usual;

	if (units < SHORTEST_UNITS) {
		platform_release_interrupts(held);
		return platform_take_interrupts();
	}
	timer = units < UNITS_PER_SECOND ? find_timer() : NULL;
	if (!timer || timer->get_period(timer, &usual) != EFI_SUCCESS || units >= usual) {
		uefi_sleep(held);
		return true;
	}
	timer->set_period(timer, units);
	start = uefi_tsc();
	/* Firmware may have let interrupts in: what came is seen at the latest with the tick that has just been set. */
	uefi_sleep(held);
	learn(units, uefi_tsc() - start);
	timer->set_period(timer, usual);
	return true;
}
