/* SPDX-License-Identifier: MIT */
/*
 * The processors of the machine: how many there are, by all who know, and calls of a function on
 * each of them, by EFI_MP_SERVICES. Processor 0 is the one that this runs on.
 */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "census.h"
#include "ram.h"
#include "whit/layout.h"

struct mp_services;

struct cpus {
	struct mp_services *mp; /* NULL: the firmware has none, and processor 0 is alone */
	uint32_t n;
	struct {
		uint32_t number; /* its name in EFI_MP_SERVICES */
		bool is_kept;	 /* the firmware keeps it back: it is enabled for a call alone */
	} cpu[WHIT_MAX_CPUS];
};

/* Asks all who know. ACPI tables are read where `map` has memory. */
void cpus_count(const struct ram_map *map, struct census *census);

/* Lists all processors that the firmware has, those that it keeps back, too. NULL, or why not. */
const char *cpus_list(struct cpus *cpus);

/*
 * Calls function(argument) on processor `cpu` (0 to cpus->n - 1), and waits for its end; on
 * processor 0 it is a plain call. False if the firmware does not start the processor, or if the
 * function is not back after CPUS_CALL_SECONDS.
 */
#define CPUS_CALL_SECONDS 20u
bool cpus_call(const struct cpus *cpus, uint32_t cpu, void (*function)(void *argument),
	       void *argument);

#endif
