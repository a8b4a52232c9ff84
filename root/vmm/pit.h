/* SPDX-License-Identifier: MIT */
/*
 * The Intel 8254 timer of a PC: channel 0 drives IRQ 0, channel 2 the speaker, whose gate and
 * output are at port 0x61. Time is counted in the chip's own clock and given from outside, so that
 * the device is a pure function of it. It counts binary even where BCD is asked for.
 */
#ifndef ROOT_VMM_PIT_H
#define ROOT_VMM_PIT_H

#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/ports.h"

#define PIT_HZ 1193182u

/* No edge will come by itself. */
#define PIT_NEVER UINT64_MAX

struct pit_channel {
	uint8_t mode;			 /* 0 to 5 */
	uint8_t access;			 /* 1 low byte, 2 high byte, 3 both */
	bool gate, is_counting, is_null; /* is_null: a count is not yet loaded */
	bool wrote_low, read_low;	 /* half way through access 3 */
	uint8_t low;
	bool has_count, has_status; /* latched */
	uint16_t latched_count;
	uint8_t latched_status;
	uint32_t reload;  /* 1 to 65536 */
	uint64_t start;	  /* when counting began, were it never stopped */
	uint64_t stopped; /* clocks counted before the gate stopped it */
};

struct pit {
	const uint64_t *now; /* clocks of PIT_HZ, never falling */
	uint64_t seen;	     /* up to when edges have been reported */
	struct pit_channel channels[3];
	uint8_t speaker; /* port 0x61, bits 0 and 1 as written */
};

void pit_init(struct pit *pit, const uint64_t *now);
void pit_add_ports(struct pit *pit, struct ports *ports);

/* How many times channel 0's output has risen since the last call. */
uint64_t pit_take_edges(struct pit *pit);

/* When it will rise next; PIT_NEVER. */
uint64_t pit_next_edge(const struct pit *pit);

#endif
