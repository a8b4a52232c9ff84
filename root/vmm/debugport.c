// SPDX-License-Identifier: MIT
/* See debugport.h. */
#include "root/vmm/debugport.h"

#include "root/vmm/terminal.h"

#define PORT_DEBUG 0x402u
#define READ_BACK  0xe9u

void debugport_init(struct debugport *debugport, struct watch *watch)
{
	*debugport = (struct debugport) { .watch = watch };
}

static uint32_t debugport_read(void *device, uint16_t port, unsigned int size)
{
	(void)device;
	(void)port;
	(void)size;
	return READ_BACK;
}

static void debugport_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct debugport *debugport = device;

	(void)port;
	(void)size;
	terminal_guest((char)value);
	watch_character(debugport->watch, (char)value);
}

void debugport_add_ports(struct debugport *debugport, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = PORT_DEBUG,
						 .last = PORT_DEBUG,
						 .width = 1,
						 .read = debugport_read,
						 .write = debugport_write,
						 .device = debugport });
}
