/* SPDX-License-Identifier: MIT */
/*
 * The MC146818 clock with its battery-backed memory: the date and the time, and the size of memory,
 * for which a PC's firmware looks there. The clock runs on from the time given at the start; guests
 * cannot set it, and it causes no interrupts.
 */
#ifndef ROOT_VMM_CMOS_H
#define ROOT_VMM_CMOS_H

#include <stdint.h>

#include "root/vmm/host.h"
#include "root/vmm/ports.h"

struct cmos {
	const uint64_t *now; /* clocks of PIT_HZ since the start */
	uint8_t index;
	uint64_t start; /* seconds since 1970-01-01 when `now` was 0 */
	uint8_t ram[128];
};

/* ram_bytes: at least 1 MiB, below 3 GiB. */
void cmos_init(struct cmos *cmos, const uint64_t *now, const struct host_time *time,
	       uint64_t ram_bytes);
void cmos_add_ports(struct cmos *cmos, struct ports *ports);

#endif
