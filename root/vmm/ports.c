// SPDX-License-Identifier: MIT
/*
 * See ports.h. An ISA bus: an access that is wider than the device goes to consecutive ports, low
 * part first.
 */
#include "root/vmm/ports.h"

#include <stddef.h>

void ports_add(struct ports *ports, const struct port_device *device)
{
	if (ports->n < PORTS_MAX_DEVICES)
		ports->devices[ports->n++] = *device;
}

static const struct port_device *find(const struct ports *ports, uint16_t port)
{
	for (unsigned int i = 0; i < ports->n; i++)
		if (port >= ports->devices[i].first && port <= ports->devices[i].last)
			return &ports->devices[i];
	return NULL;
}

uint32_t ports_read(struct ports *ports, uint16_t port, unsigned int size)
{
	const struct port_device *device = find(ports, port);
	uint32_t ones = size == 4 ? 0xffffffffu : (1u << 8 * size) - 1;
	unsigned int half = size / 2;

	if (!device) {
		ports->n_unknown++;
		return ones;
	}
	if (size > device->width)
		return ports_read(ports, port, half) |
		       ports_read(ports, (uint16_t)(port + half), half) << 8 * half;
	return device->read(device->device, port, size) & ones;
}

void ports_write(struct ports *ports, uint16_t port, unsigned int size, uint32_t value)
{
	const struct port_device *device = find(ports, port);
	unsigned int half = size / 2;

	if (!device) {
		ports->n_unknown++;
		return;
	}
	if (size > device->width) {
		ports_write(ports, port, half, value & ((1u << 8 * half) - 1));
		ports_write(ports, (uint16_t)(port + half), half, value >> 8 * half);
		return;
	}
	device->write(device->device, port, size, value);
}
