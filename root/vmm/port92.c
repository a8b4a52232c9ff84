// SPDX-License-Identifier: MIT
/* See port92.h. */
#include "root/vmm/port92.h"

#define PORT_92	   0x92u
#define FAST_RESET 0x01u
#define A20_ON	   0x02u

static uint32_t port92_read(void *device, uint16_t port, unsigned int size)
{
	(void)device;
	(void)port;
	(void)size;
	return A20_ON;
}

static void port92_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct port92 *port92 = device;

	(void)port;
	(void)size;
	if (value & FAST_RESET)
		port92->wants_reset = true;
}

void port92_add_ports(struct port92 *port92, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = PORT_92,
						 .last = PORT_92,
						 .width = 1,
						 .read = port92_read,
						 .write = port92_write,
						 .device = port92 });
}
