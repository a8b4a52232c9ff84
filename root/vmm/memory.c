// SPDX-License-Identifier: MIT
/* See memory.h. */
#include "root/vmm/memory.h"

#include "root/vmm/host.h"

#define VIDEO_FIRST 0xa0000u
#define VIDEO_END   0xc0000u
#define MIB	    0x100000u
#define TOP_OF_4GIB 0x100000000ull

static void copy(uint8_t *to, const uint8_t *from, uint64_t n_bytes)
{
	for (uint64_t i = 0; i < n_bytes; i += 8)
		__builtin_memcpy(to + i, from + i, 8);
}

static HRESULT map(WHV_PARTITION_HANDLE partition, void *source, uint64_t gpa, uint64_t n_bytes,
		   WHV_MAP_GPA_RANGE_FLAGS flags)
{
	return WHvMapGpaRange(partition, source, gpa, n_bytes, flags);
}

HRESULT memory_init(struct memory *memory, WHV_PARTITION_HANDLE partition, uint64_t ram_bytes,
		    const uint8_t *rom, uint64_t rom_bytes)
{
	const WHV_MAP_GPA_RANGE_FLAGS rx = WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagExecute;
	const WHV_MAP_GPA_RANGE_FLAGS rwx = rx | WHvMapGpaRangeFlagWrite;
	uint64_t before = host_tsc();
	HRESULT hr;

	memory->ram = host_pages(ram_bytes / 4096);
	memory->clear_ticks = host_tsc() - before;
	memory->ram_bytes = ram_bytes;
	if (!memory->ram)
		return E_OUTOFMEMORY;
	if (rom) {
		memory->rom = host_pages(rom_bytes / 4096);
		memory->rom_bytes = rom_bytes;
		if (!memory->rom)
			return E_OUTOFMEMORY;
		copy(memory->rom, rom, rom_bytes);
		copy(memory->ram + MIB - rom_bytes, rom, rom_bytes);
	}

	hr = map(partition, memory->ram, 0, VIDEO_FIRST, rwx);
	if (SUCCEEDED(hr))
		hr = map(partition, memory->ram + VIDEO_END, VIDEO_END, ram_bytes - VIDEO_END, rwx);
	if (SUCCEEDED(hr) && rom)
		hr = map(partition, memory->rom, TOP_OF_4GIB - rom_bytes, rom_bytes, rx);
	return hr;
}

void memory_free(struct memory *memory)
{
	if (memory->ram)
		host_free(memory->ram, memory->ram_bytes / 4096);
	if (memory->rom)
		host_free(memory->rom, memory->rom_bytes / 4096);
	memory->ram = memory->rom = NULL;
}
