/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a machine without PCI, I/O APIC, ACPI timer and HPET. They tell an operating
 * system of its processors, of the legacy interrupt controllers, and how to switch the machine off.
 * The functions are pure. "Advanced Configuration and Power Interface Specification", revision 6.4.
 */
#ifndef ROOT_VMM_ACPI_H
#define ROOT_VMM_ACPI_H

#include <stdint.h>

#include "x86/apic.h"

/* Ports of root/vmm/pm.c, and what \_S5 says to write into the control register's SLP_TYP. */
#define ACPI_PM_EVENT	   0x600u
#define ACPI_PM_CONTROL	   0x604u
#define ACPI_SLP_TYP_OFF   5u
#define ACPI_RESET_PORT	   0xcf9u
#define ACPI_RESET_VALUE   0x06u
#define ACPI_SCI	   9u
#define ACPI_TABLE_BYTES   0x1000u
#define ACPI_MAX_CPUS	   8u
#define ACPI_LAPIC_ADDRESS ((uint32_t)APIC_PAGE)

/*
 * Write the tables for n_cpus processors, whose APIC IDs are 0, 1, …, at most ACPI_MAX_CPUS, to
 * ACPI_TABLE_BYTES of memory at `at`, which the guest sees at `address`, a multiple of 64 below 4
 * GiB. The RSDP comes first.
 */
void acpi_build(uint8_t *at, uint32_t address, unsigned int n_cpus);

#endif
