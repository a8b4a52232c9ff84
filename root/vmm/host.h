/* SPDX-License-Identifier: MIT */
/*
 * The functions that the VMM needs of its place, beside WHP: memory, time, a terminal, the guest's
 * firmware, processors. UEFI: root/vmm/uefi. Nothing else of the VMM knows where it runs.
 *
 * They are called on the processor that the VMM has been started on. On the others that
 * host_start() has started there are host_tsc(), host_has_room() and, as long as that is true and
 * the output is buffered, host_put(). Whatever has to do with the terminal is called by one
 * processor at a time.
 */
#ifndef ROOT_VMM_HOST_H
#define ROOT_VMM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct host_time {
	uint16_t year;	    /* as people count */
	uint8_t month, day; /* from 1 */
	uint8_t hour, minute, second;
};

/* n cleared pages of 4 KiB that WHvMapGpaRange takes; NULL. */
void *host_pages(size_t n);
void host_free(void *pages, size_t n);

/* The time stamp counter, and how fast it counts. */
uint64_t host_tsc(void);
uint64_t host_tsc_hz(void);

struct host_time host_time(void);

/*
 * One character to the terminal; the end of a line is '\n' alone. While it is buffered it may
 * appear later, so that the caller need not wait for a slow line; host_get(), host_send() and
 * host_sleep_until() then send, too.
 */
void host_put(char c);
void host_buffer(bool is_buffered);

/* Is there room for HOST_ROOM more characters? And let there be, if that takes long. */
#define HOST_ROOM 1024u
bool host_has_room(void);
void host_make_room(void);

/* Send as much as the line takes at once. */
void host_send(void);

/* Wait until the last character has gone out. */
void host_flush(void);

/* The next character typed at the terminal, or -1. host_listen() comes first, once. */
void host_listen(void);
int host_get(void);

/*
 * Call tick(context) every n_ms milliseconds, at a moment when this processor has interrupts on: on
 * the same processor, between two instructions of the VMM or of the hypervisor's child. At most one
 * timer.
 */
bool host_timer_start(unsigned int n_ms, void (*tick)(void *context), void *context);
void host_timer_stop(void);

/*
 * How many processors there are for the VMM, this one among them. host_start() calls
 * function(argument) on another one, by its number from 1 on, and returns at once; false if that
 * cannot be. host_join() waits until the function has returned.
 */
unsigned int host_processors(void);
bool host_start(unsigned int processor, void (*function)(void *argument), void *argument);
void host_join(unsigned int processor);

/* Between two looks at a word that another processor will change. */
void host_pause(void);

/* Sleep until the time stamp counter has come to `tsc`; wakes a little later. */
void host_sleep_until(uint64_t tsc);

#endif
