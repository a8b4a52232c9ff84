// SPDX-License-Identifier: MIT
/* See pm.h. */
#include "root/vmm/pm.h"

#include "root/vmm/acpi.h"

/* Offsets from ACPI_PM_EVENT. */
enum { PM1_STATUS = 0, PM1_ENABLE = 2, PM1_CONTROL = 4 };

#define SCI_EN	   0x0001u
#define SLP_TYP(c) ((c) >> 10 & 7u)
#define SLP_EN	   0x2000u /* write only */

_Static_assert(ACPI_PM_CONTROL == ACPI_PM_EVENT + PM1_CONTROL, "one range of ports");

void pm_init(struct pm *pm)
{
	*pm = (struct pm) { .control = SCI_EN };
}

static uint32_t pm_read(void *device, uint16_t port, unsigned int size)
{
	const struct pm *pm = device;
	unsigned int shift = 8 * (port & 1);

	(void)size;
	switch ((port - ACPI_PM_EVENT) & ~1) {
	case PM1_STATUS: return 0;
	case PM1_ENABLE: return (uint32_t)pm->enable >> shift;
	default: return (uint32_t)pm->control >> shift;
	}
}

/* Registers are of 16 bits and are accessed as such; anything else is ignored. */
static void pm_write(void *device, uint16_t port, unsigned int size, uint32_t value)
{
	struct pm *pm = device;

	if (size != 2)
		return;
	switch (port - ACPI_PM_EVENT) {
	case PM1_ENABLE: pm->enable = (uint16_t)value; break;
	case PM1_CONTROL:
		pm->control = (uint16_t)((value & ~SLP_EN) | SCI_EN);
		if ((value & SLP_EN) && SLP_TYP(value) == ACPI_SLP_TYP_OFF)
			pm->wants_off = true;
		break;
	default: break; /* status bits are cleared by writing ones: there are none */
	}
}

void pm_add_ports(struct pm *pm, struct ports *ports)
{
	ports_add(ports, &(struct port_device) { .first = ACPI_PM_EVENT,
						 .last = ACPI_PM_CONTROL + 1,
						 .width = 2,
						 .read = pm_read,
						 .write = pm_write,
						 .device = pm });
}
