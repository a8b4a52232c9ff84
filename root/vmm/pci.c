// SPDX-License-Identifier: MIT
/* See pci.h. */
#include "root/vmm/pci.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_RESET   0xcf9u
#define PORT_LAST    0xcffu

#define RESET_CPU 0x04u

static uint32_t pci_read(void *device, uint16_t port, unsigned int size)
{
	(void)device;
	(void)port;
	(void)size;
	return 0xffffffff;
}

static void pci_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct pci *pci = device;

	if (port == PORT_RESET && size == 1 && (value & RESET_CPU))
		pci->wants_reset = true;
}

void pci_add_ports(struct pci *pci, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = PORT_ADDRESS,
						 .last = PORT_LAST,
						 .width = 4,
						 .read = pci_read,
						 .write = pci_write,
						 .device = pci });
}
