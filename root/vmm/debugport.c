// SPDX-License-Identifier: MIT
/* See debugport.h. */
#include "root/vmm/debugport.h"

#include "root/vmm/terminal.h"

#define PORT_DEBUG 0x402u
#define READ_BACK  0xe9u

void debugport_init(struct debugport *debugport, const char *awaited)
{
	*debugport = (struct debugport) { .awaited = awaited };
}

static uint32_t debugport_read(void *device, uint16_t port, unsigned int size)
{
	(void)device;
	(void)port;
	(void)size;
	return READ_BACK;
}

/* The awaited beginning is only looked for at the start of a line, and counts once the line has ended. */
static void watch(struct debugport *debugport, char c)
{
	if (c == '\n') {
		if (!debugport->awaited[debugport->n_matched])
			debugport->has_come = true;
		debugport->n_matched = 0;
		debugport->is_mid_line = false;
	} else if (!debugport->is_mid_line && debugport->awaited[debugport->n_matched]) {
		if (debugport->awaited[debugport->n_matched] == c) {
			debugport->n_matched++;
		} else {
			debugport->n_matched = 0;
			debugport->is_mid_line = true;
		}
	}
}

static void debugport_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	(void)port;
	(void)size;
	terminal_guest((char)value);
	watch(device, (char)value);
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
