/* SPDX-License-Identifier: MIT */
/*
 * Firmware's timer, at a rate of our own: its usual one, 10 ms or 55 ms, is too coarse for a guest
 * that sleeps. UEFI Platform Initialization "Timer Architectural Protocol". Where firmware takes
 * its timer to be faster or slower than it is, as on emulators, the rate is measured. Times are in
 * ticks of the TSC.
 */
#ifndef ROOT_VMM_UEFI_TIMER_H
#define ROOT_VMM_UEFI_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Call tick(context) every `period`, about; until timer_stop(), which gives firmware its own rate
 * back. False: there is no timer, and nothing has changed.
 */
bool timer_start(uint64_t period, void (*tick)(void *context), void *context);
void timer_stop(void);

/* After timer_start(): halt for `duration`, or less: any interrupt ends it. */
void timer_sleep(uint64_t duration);

#endif
