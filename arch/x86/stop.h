/* SPDX-License-Identifier: MIT */
/*
 * The standstill of all processors, for a panic and for a reset of the machine: an NMI to each of
 * the others, which then tells what it was doing, if it is asked to, leaves virtualisation and
 * halts.
 *
 * Every wait here is bounded, for a processor may hang, or wait for its root's SIPI, where no NMI
 * comes.
 */
#ifndef ARCH_X86_STOP_H
#define ARCH_X86_STOP_H

#include <stdbool.h>
#include <stdint.h>

enum stop_order {
	STOP_NOBODY,
	STOP_QUIETLY,
	STOP_AND_TELL, /* the last exits, the current VP */
};

/* How many ticks of the TSC make a second, for the waits. */
void stop_set_clock(uint64_t tsc_hz);

/*
 * Let the others stop. False: another processor has asked for that before, and is waiting for this
 * one. Those that are in a panic of their own stop by themselves.
 */
bool stop_others(enum stop_order order);

/* Wait until all others stand, or nothing has happened for a second; then log who does not. */
void stop_wait(void);

/* An NMI has come while the processor was at `rip`: if it is to stop, this does not return. */
void stop_if_asked(uint64_t rip);

/*
 * One processor's words are not mixed with another's: between the two calls they are alone in the
 * log, unless somebody holds the turn for too long.
 */
void stop_begin_words(void);
void stop_end_words(void);

/* This processor stands, for good; virtualisation is off. */
__attribute__((noreturn)) void stop_here(void);

#endif
