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

#include "root/call/platform.h"
#include "root/call/uefi/cpu.h"
#include "root/call/uefi/processors.h"
#include "root/call/uefi/tick.h"

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
	const UINT64 units = tick_units_left(deadline);
	struct timer_protocol *timer;
	uint64_t start;
	UINT64 usual;

	if (units < TICK_SHORTEST_UNITS) {
		platform_release_interrupts(held);
		return platform_take_interrupts();
	}
	timer = units < TICK_UNITS_PER_SECOND ? tick_timer() : NULL;
	if (!timer || timer->get_period(timer, &usual) != EFI_SUCCESS || units >= usual) {
		uefi_sleep(held);
		return true;
	}
	timer->set_period(timer, units);
	start = uefi_tsc();
	/* Firmware may have let interrupts in: what came is seen at the latest with the tick that has just been set. */
	uefi_sleep(held);
	tick_learn(units, uefi_tsc() - start);
	timer->set_period(timer, usual);
	return true;
}

bool platform_wait(uint64_t held, uint64_t deadline, const uint32_t *wake)
{
	if (!processors_is_boot() || processors_are_several())
		return loop(held, deadline, wake);
	return halt(held, deadline);
}
