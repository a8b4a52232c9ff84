// SPDX-License-Identifier: MIT
/*
 * See ram.h. Ranges are found by going from each boundary to the next and asking what lies between;
 * that needs no order, and no memory. The cost is quadratic in descriptors, of which there are
 * some hundred.
 */
#include "ram.h"

#include "x86/page.h"

/* The last page of the address space never counts, so that an end is never beyond 64 bits. */
#define LAST_PAGE (UINT64_MAX & PAGE_MASK)

#define LOW_MEMORY (1ull << 20)

struct area {
	uint64_t base, end; /* page-aligned, base < end */
	bool is_ram;	    /* the root's to use */
};

static bool is_usable(uint32_t type)
{
	switch (type) {
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
	case EfiConventionalMemory:
	case EfiACPIReclaimMemory: return true;
	default: return false;
	}
}

static bool is_memory(uint32_t type)
{
	return is_usable(type) || type == EfiRuntimeServicesCode ||
	       type == EfiRuntimeServicesData || type == EfiACPIMemoryNVS;
}

static const EFI_MEMORY_DESCRIPTOR *descriptor(const struct ram_map *map, size_t i)
{
	return (const void *)((const char *)map->descriptors + i * map->stride);
}

/*
 * Descriptor i as an area; false if it says nothing. RAM that cannot be, off a page boundary or
 * beyond the address space, is not believed; anything else is believed as far as it can be.
 */
static bool area_get(const struct ram_map *map, size_t i, struct area *area)
{
	const EFI_MEMORY_DESCRIPTOR *d = descriptor(map, i);
	bool is_off_page = PAGE_OFFSET(d->PhysicalStart);
	uint64_t room;

	area->is_ram = is_usable(d->Type);
	area->base = d->PhysicalStart & PAGE_MASK;
	if (!d->NumberOfPages || area->base >= LAST_PAGE || (area->is_ram && is_off_page))
		return false;
	room = (LAST_PAGE - area->base) >> PAGE_SHIFT;
	if (d->NumberOfPages >= room) {
		area->end = LAST_PAGE;
		return !area->is_ram;
	}
	area->end = area->base + ((d->NumberOfPages + is_off_page) << PAGE_SHIFT);
	return true;
}

/* The kind of one address, and where it may change next. */
struct ground {
	bool is_ram;
	uint64_t end;
};

static void ground_add(struct ground *ground, uint64_t at, const struct area *area, bool *blocked)
{
	if (at >= area->end)
		return;
	if (at < area->base) {
		if (area->base < ground->end)
			ground->end = area->base;
		return;
	}
	if (area->end < ground->end)
		ground->end = area->end;
	if (area->is_ram)
		ground->is_ram = true;
	else
		*blocked = true;
}

static struct ground ground_at(const struct ram_map *map, const struct area *block, uint64_t at)
{
	struct ground ground = { false, LAST_PAGE };
	bool blocked = false;
	struct area area;

	ground_add(&ground, at, block, &blocked);
	for (size_t i = 0; i < map->n_descriptors; i++) {
		if (area_get(map, i, &area))
			ground_add(&ground, at, &area, &blocked);
	}
	if (blocked)
		ground.is_ram = false;
	return ground;
}

size_t ram_ranges(const struct ram_map *map, uint64_t block_base, uint64_t block_bytes,
		  struct whit_ram *out, size_t max)
{
	struct area block = { block_base, block_base + block_bytes, false };
	struct ground ground;
	size_t n = 0;

	for (uint64_t at = 0; at < LAST_PAGE; at = ground.end) {
		ground = ground_at(map, &block, at);
		if (!ground.is_ram)
			continue;
		if (n && out[n - 1].base + out[n - 1].n_bytes == at) {
			out[n - 1].n_bytes += ground.end - at;
			continue;
		}
		if (n == max)
			return SIZE_MAX;
		out[n++] = (struct whit_ram) { at, ground.end - at };
	}
	return n;
}

uint64_t ram_top(const struct ram_map *map)
{
	uint64_t top = 0;
	struct area area;

	for (size_t i = 0; i < map->n_descriptors; i++) {
		if (is_memory(descriptor(map, i)->Type) && area_get(map, i, &area) &&
		    area.end < LAST_PAGE && area.end > top)
			top = area.end;
	}
	return top;
}

bool ram_is_readable(const struct ram_map *map, uint64_t base, uint64_t n_bytes)
{
	struct area area;

	if (!n_bytes || base + n_bytes < base)
		return false;
	if (base >= PAGE_SIZE && base + n_bytes <= LOW_MEMORY)
		return true;
	for (size_t i = 0; i < map->n_descriptors; i++) {
		const uint32_t type = descriptor(map, i)->Type;

		if (type != EfiUnusableMemory && type != EfiMemoryMappedIO &&
		    type != EfiMemoryMappedIOPortSpace && area_get(map, i, &area) &&
		    base >= area.base && base + n_bytes <= area.end)
			return true;
	}
	return false;
}

uint64_t ram_free_bytes(const struct ram_map *map)
{
	uint64_t most = 0;
	struct area area;

	for (size_t i = 0; i < map->n_descriptors; i++) {
		if (descriptor(map, i)->Type == EfiConventionalMemory && area_get(map, i, &area) &&
		    area.end - area.base > most)
			most = area.end - area.base;
	}
	return most;
}
