/* SPDX-License-Identifier: MIT */
/*
 * A 16550 serial port whose line is the terminal: output of the guest appears there at once, and
 * typed characters are its input. Datasheet: National Semiconductor PC16550D. There is no trigger
 * level of the receiver (each character interrupts), and there are no errors, breaks and changes of
 * the modem's lines.
 */
#ifndef ROOT_VMM_SERIAL_H
#define ROOT_VMM_SERIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/pic.h"
#include "root/vmm/ports.h"
#include "root/vmm/watch.h"

#define SERIAL_FIFO 16u

struct serial {
	struct pic *pic;
	struct watch *watch; /* of what the guest sends; NULL: nobody cares */
	uint16_t port;
	uint8_t irq;
	uint8_t ier, fcr, lcr, mcr, scratch;
	uint16_t divisor;
	bool is_thre_pending; /* "transmitter empty" has not been told yet */
	uint8_t received[SERIAL_FIFO];
	uint8_t first, n_received;
};

void serial_init(struct serial *serial, uint16_t port, uint8_t irq, struct pic *pic,
		 struct watch *watch);
void serial_add_ports(struct serial *serial, struct ports *ports);

/* Is there room for a character? And here it is; only if there is room. */
bool serial_can_receive(const struct serial *serial);
void serial_receive(struct serial *serial, uint8_t c);

#endif
