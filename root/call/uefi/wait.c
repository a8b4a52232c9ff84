// SPDX-License-Identifier: MIT
/*
 * Sleeping under UEFI. On a machine with one processor: HLT, until an interrupt. Firmware lets one come at each tick of its timer,
 * 10 to 100 times a second; who wants to wake earlier has the timer tick earlier, and its own period back afterwards,
 * whoever has set that.
 *
 * Where there are several, another processor wakes by a word in memory, which ends no HLT, and no interrupt comes to an
 * application processor at all. So there a loop looks at the word and at the time.
 */
#include <efi.h>
#include <efilib.h>

#include "root/call/hypercall.h"
#include "root/call/platform.h"
#include "root/call/uefi/cpu.h"
#include "root/call/uefi/processors.h"
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

/*
 * The loop does not see whether an interrupt has come while it let one in, and ends after so many ticks of the TSC, less than
 * a millisecond: the caller asks the hypervisor again.
 */
#define LONGEST_LOOP (1u << 20)

static bool loop(uint64_t held, uint64_t deadline, const uint32_t *wake)
{
	const uint64_t start = uefi_tsc();
	bool goes_on;

	platform_release_interrupts(held);
	do
		goes_on = platform_take_interrupts();
	while (goes_on && !__atomic_load_n(wake, __ATOMIC_SEQ_CST) && uefi_tsc() < deadline &&
	       uefi_tsc() - start < LONGEST_LOOP);
	return goes_on;
}

/* Whoever waits looks by himself. */
void platform_wake(const uint32_t *wake)
{
	(void)wake;
}

static bool halt(uint64_t held, uint64_t deadline)
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

bool platform_wait(uint64_t held, uint64_t deadline, const uint32_t *wake)
{
	if (!processors_is_boot() || processors_are_several())
		return loop(held, deadline, wake);
	return halt(held, deadline);
}
