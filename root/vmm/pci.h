/* SPDX-License-Identifier: MIT */
/*
 * The ports of PCI's configuration mechanism, without a host bridge: the address is not kept and
 * everything reads as ones, by which firmware recognises a machine without PCI. Writing a reset to
 * port 0xcf9 ends the run.
 */
#ifndef ROOT_VMM_PCI_H
#define ROOT_VMM_PCI_H

#include <stdbool.h>

#include "root/vmm/ports.h"

struct pci {
	bool wants_reset;
};

void pci_add_ports(struct pci *pci, struct ports *ports);

#endif
