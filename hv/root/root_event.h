/* SPDX-License-Identifier: MIT */
/* Events that the hypervisor delivers to the root. hv/root/root_event.c */
#ifndef HV_ROOT_ROOT_EVENT_H
#define HV_ROOT_ROOT_EVENT_H

#include "hv/hv.h"

/* Reset the machine, as the shutdown of its only processor and INIT do; the log says why. */
__attribute__((noreturn)) void root_reset(struct root *root, const char *why);

/*
 * Raise a fault (with error code 0, if it has one) for the root at the RIP of the exit. If the exit
 * has interrupted the delivery of an event they are combined, SDM 3A "Conditions for Generating a
 * Double Fault"; a triple fault resets the machine.
 */
void root_raise(struct root *root, const struct virt_exit *exit, uint8_t vector);

/* Go on after an exit whose cause has been removed: what it has interrupted is delivered again. */
void root_deliver_again(struct root *root, const struct virt_exit *exit);

#endif
