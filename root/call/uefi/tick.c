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

UINT64 tick_units_left(uint64_t deadline)
{
	const uint64_t now = uefi_tsc(), hz = tsc_hz();

	if (!rate)
		rate = hz / (TICK_UNITS_PER_SECOND / 1000);
	if (deadline <= now)
		return 0;
	if (!rate || deadline - now >= hz)
		return TICK_UNITS_PER_SECOND;
	return (deadline - now) * 1000 / rate;
}

void tick_learn(UINT64 units, uint64_t ticks)
{
	if (ticks > 2 * (units * rate / 1000))
		rate = ticks * 1000 / units;
}
