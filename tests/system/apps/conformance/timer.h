/* SPDX-License-Identifier: MIT */
/* Firmware's timer, as the outside world that interrupts the root while a child runs. */
#ifndef CONFORMANCE_TIMER_H
#define CONFORMANCE_TIMER_H

#include <stdbool.h>

/* Call `tick` once in n_ms milliseconds, or every n_ms; it comes between two instructions. */
bool timer_start(unsigned int n_ms, bool is_periodic, void (*tick)(void));
void timer_stop(void);

#endif
