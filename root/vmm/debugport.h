/* SPDX-License-Identifier: MIT */
/*
 * Port 0x402, to which SeaBIOS writes its log where a read gives 0xe9 (QEMU's isa-debugcon). The
 * log appears on the terminal as it comes, and is watched for the line that ends the run.
 */
#ifndef ROOT_VMM_DEBUGPORT_H
#define ROOT_VMM_DEBUGPORT_H

#include "root/vmm/ports.h"
#include "root/vmm/watch.h"

struct debugport {
	struct watch *watch;
};

void debugport_init(struct debugport *debugport, struct watch *watch);
void debugport_add_ports(struct debugport *debugport, struct ports *ports);

#endif
