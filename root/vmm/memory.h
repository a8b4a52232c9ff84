/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory: RAM from address 0 on but for the video hole; for firmware its ROM below 4
 * GiB (read and execute alone), and a copy of it in RAM below 1 MiB. The copy is there from the
 * start, because no host bridge exists with which firmware could make it ("shadow" it) itself.
 */
#ifndef ROOT_VMM_MEMORY_H
#define ROOT_VMM_MEMORY_H

#include <stdint.h>

#include "whp/WinHvPlatform.h"

/* The largest ROM: what lies between the video hole and 1 MiB. */
#define MEMORY_MAX_ROM 0x40000u /* 256 KiB */

struct memory {
	uint8_t *ram, *rom;
	uint64_t ram_bytes, rom_bytes;
	uint64_t clear_ticks; /* the time to get and to clear the RAM */
};

/*
 * Allocate, load and map. rom is NULL: without one; rom_bytes is a multiple of 4 KiB, at most
 * MEMORY_MAX_ROM; ram_bytes of 1 MiB. S_OK, E_OUTOFMEMORY, or what WHvMapGpaRange says.
 */
HRESULT memory_init(struct memory *memory, WHV_PARTITION_HANDLE partition, uint64_t ram_bytes,
		    const uint8_t *rom, uint64_t rom_bytes);

/* After the partition has gone. */
void memory_free(struct memory *memory);

#endif
