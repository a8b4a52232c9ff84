/* SPDX-License-Identifier: MIT */
/*
 * The port bus: it finds the device that answers at a port. Ports without a device read as ones and
 * ignore writes.
 */
#ifndef ROOT_VMM_PORTS_H
#define ROOT_VMM_PORTS_H

#include <stdint.h>

#define PORTS_MAX_DEVICES 16u

struct port_device {
	uint16_t first, last;
	uint8_t width; /* bytes that the device takes at once: wider transfers come in parts */
	uint32_t (*read)(void *device, uint16_t port, unsigned int size);
	void (*write)(void *device, uint16_t port, unsigned int size, uint32_t value);
	void *device;
};

struct ports {
	struct port_device devices[PORTS_MAX_DEVICES];
	unsigned int n;
	uint64_t n_unknown; /* transfers at ports of nobody */
};

/* The ports must be nobody's yet. Devices that are used much come first. */
void ports_add(struct ports *ports, const struct port_device *device);

/* size is 1, 2 or 4. */
uint32_t ports_read(struct ports *ports, uint16_t port, unsigned int size);
void ports_write(struct ports *ports, uint16_t port, unsigned int size, uint32_t value);

#endif
