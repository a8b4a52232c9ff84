/* SPDX-License-Identifier: MIT */
/*
 * The power management registers that ACPI's fixed hardware has to have: the PM1a event block, in
 * which nothing ever happens, and the PM1a control block, through which the guest switches the
 * machine off. ACPI mode is always on. "ACPI Specification", section "Fixed Hardware Registers".
 */
#ifndef ROOT_VMM_PM_H
#define ROOT_VMM_PM_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/ports.h"

struct pm {
	uint16_t enable, control;
	bool wants_off;
};

void pm_init(struct pm *pm);
void pm_add_ports(struct pm *pm, struct ports *ports);

#endif
