/* SPDX-License-Identifier: MIT */
/*
 * Which processor of the machine the suite runs on: the boot processor, or by the word `on=N` the one that has the number N with
 * firmware. There firmware lends the processor for one long call, and only the boot processor may call firmware: it waits, and does
 * what it is asked to. The suite has its own stack there, its own interrupt descriptors, and interrupts on, as on the boot processor.
 *
 * The suite and what it asks of the boot processor take turns: nothing here is called by both at once, but for
 * place_interrupt().
 */
#ifndef CONFORMANCE_PLACE_H
#define CONFORMANCE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#define PLACE_BOOT (~0u)

/*
 * Run the suite on the processor of this number, or on the boot processor, and return when it has returned. False: firmware
 * does not start it there.
 */
bool place_run(unsigned int number, bool is_beside, void (*suite)(void));

/* Call a function on the boot processor, where it may call firmware. By the suite; returns when the function has. */
void place_call(void (*function)(void *argument), void *argument);

/*
 * A second processor for the suite: the boot processor, or one that it starts, if it is the suite's own. Calls a function on
 * it; place_join() returns when the function has, and between the two there is no place_call(). False: there is no second one,
 * or firmware does not start it.
 */
bool place_has_second(void);
bool place_begin(void (*function)(void));
void place_join(void);

/*
 * Have a function called on the suite's processor, between two instructions: at once if it is the boot processor, which
 * calls this, and else by an interrupt. If the suite runs with `is_beside` the boot processor calls it, whatever the suite
 * does meanwhile: groups that make and delete partitions under a running timer are not for that (root/call/call.h: who
 * deletes is alone).
 */
void place_interrupt(void (*function)(void));

/* Write the ICR of this processor's local APIC, `low` being its lower half. */
void place_send(uint32_t apic_id, uint32_t low);

/* Is this the processor on which place_run() is to run the suite? By what firmware says. */
bool place_is_as_wanted(void);

/* ---- place_entry.asm --------------------------------------------------------------------- */

/* Call a function on the stack that ends at `end`, a multiple of 16. */
void place_on_stack(void (*function)(void), void *end);

/* The entry of the interrupt, and what it calls. */
void place_interrupt_entry(void);
void place_interrupted(void);

/* Interrupts on and off. */
void place_sti(void);
void place_cli(void);

#endif
