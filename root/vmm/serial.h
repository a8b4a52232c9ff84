/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port whose line is the terminal: what the guest sends appears there at once; nothing ever
 * comes in.
 */
#ifndef ROOT_VMM_SERIAL_H
#define ROOT_VMM_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/pic.h"
#include "root/vmm/ports.h"

struct serial {
	struct pic *pic;
	uint16_t port;
	uint8_t irq;
	uint8_t ier, fcr, lcr, mcr, scratch;
	uint16_t divisor;
	bool is_thre_pending; /* "transmitter empty" has not been told yet */
};

void serial_init(struct serial *serial, uint16_t port, uint8_t irq, struct pic *pic);
void serial_add_ports(struct serial *serial, struct ports *ports);

#endif
