/* SPDX-License-Identifier: MIT */
/* Port 0x92: address line 20, which is always on here, and the fast reset, which ends the run. */
#ifndef ROOT_VMM_PORT92_H
#define ROOT_VMM_PORT92_H

#include <stdbool.h>

#include "root/vmm/ports.h"

struct port92 {
	bool wants_reset;
};

void port92_add_ports(struct port92 *port92, struct ports *ports);

#endif
