/* SPDX-License-Identifier: MIT */
/* The processors of the machine, by EFI_MP_SERVICES, the ACPI tables and CPUID. */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include "census.h"
#include "ram.h"

/* Asks all who know. ACPI tables are read where `map` has memory. */
void cpus_count(const struct ram_map *map, struct census *census);

#endif
