/* SPDX-License-Identifier: MIT */
/*
 * The processors that the firmware's ACPI tables name. Pure: tables are read through a function,
 * and nothing in them is believed before its length and checksum are. ACPI "Multiple APIC
 * Description Table (MADT)".
 */
#ifndef BOOT_ACPI_H
#define BOOT_ACPI_H

#include <stdint.h>

/*
 * n_bytes of physical memory at `address`, to be read, in one piece; NULL if there is no memory
 * that they can all stand in. Any alignment.
 */
typedef const void *acpi_look_fn(void *context, uint64_t address, uint64_t n_bytes);

struct acpi_cpus {
	uint32_t n_enabled;
	/*
	 * Local APICs that are not in use: of a processor that firmware keeps back, or of a slot
	 * for one.
	 */
	uint32_t n_disabled;
};

/*
 * Counts the local APICs of the MADT that the RSDP at `rsdp` leads to, each ID once. An entry that
 * is not enabled counts as disabled, unless the tables know the flag "online capable" (ACPI 6.3)
 * and it is clear: then it is padding. Returns NULL, with both counts zero if there is no MADT; or
 * which table is damaged, and the counts are worth nothing.
 */
const char *acpi_count(uint64_t rsdp, acpi_look_fn *look, void *context, struct acpi_cpus *cpus);

#endif
