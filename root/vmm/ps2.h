/* SPDX-License-Identifier: MIT */
/*
 * The i8042 controller with a keyboard on which nobody types, and no mouse: enough for firmware to
 * find both in order instead of waiting for them. A reset by the controller ends the run.
 */
#ifndef ROOT_VMM_PS2_H
#define ROOT_VMM_PS2_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/pic.h"
#include "root/vmm/ports.h"

#define PS2_QUEUE 16u

struct ps2 {
	struct pic *pic;
	uint8_t config;
	uint8_t outport;
	uint8_t command;	  /* of the controller, that waits for its parameter; 0 none */
	uint8_t keyboard_command; /* of the keyboard, likewise */
	uint8_t queue[PS2_QUEUE]; /* bytes for the guest */
	unsigned int n_queued;
	bool wants_reset;
};

void ps2_init(struct ps2 *ps2, struct pic *pic);
void ps2_add_ports(struct ps2 *ps2, struct ports *ports);

#endif
