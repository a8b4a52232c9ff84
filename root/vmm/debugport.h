/* SPDX-License-Identifier: MIT */
/*
 * Port 0x402, to which SeaBIOS writes its log where a read gives 0xe9 (QEMU's isa-debugcon). The log appears on
 * the terminal as it comes, and is watched for the line that ends the run.
 */
#ifndef ROOT_VMM_DEBUGPORT_H
#define ROOT_VMM_DEBUGPORT_H

#include <stdbool.h>

#include "root/vmm/ports.h"

struct debugport {
	const char *awaited;	/* beginning of a line */
	unsigned int n_matched; /* characters of it that the present line has matched */
	bool is_mid_line;	/* and the line has gone another way */
	bool has_come;
};

void debugport_init(struct debugport *debugport, const char *awaited);
void debugport_add_ports(struct debugport *debugport, struct ports *ports);

#endif
