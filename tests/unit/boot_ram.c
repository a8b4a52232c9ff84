// SPDX-License-Identifier: MIT
/* RAM out of firmware's memory maps: real ones, nonsense, and random ones against a page by page count. */
#include <string.h>

#include "boot/ram.h"
#include "tests/check.h"
#include "tests/random.h"
#include "x86/page.h"

static struct random rng;

/* Firmware's descriptors are longer than the header's. */
#define STRIDE 48
#define MAX    64

static _Alignas(8) unsigned char buffer[MAX * STRIDE];
static struct ram_map map = { buffer, 0, STRIDE };

static void map_clear(void)
{
	memset(buffer, 0xa5, sizeof(buffer));
	map.n_descriptors = 0;
}

static void map_add(uint32_t type, uint64_t base, uint64_t n_pages)
{
	EFI_MEMORY_DESCRIPTOR d = { .Type = type, .PhysicalStart = base, .NumberOfPages = n_pages };

	memcpy(buffer + map.n_descriptors++ * STRIDE, &d, sizeof(d));
}

static struct whit_ram ram[MAX];

static size_t ranges(uint64_t block_base, uint64_t block_bytes, size_t max)
{
	memset(ram, 0, sizeof(ram));
	return ram_ranges(&map, block_base, block_bytes, ram, max);
}

#define CHECK_RANGE(i, from, to)                            \
	do {                                                \
		CHECK_EQ(ram[i].base, from);                \
		CHECK_EQ(ram[i].base + ram[i].n_bytes, to); \
	} while (0)

/* As OVMF has it, in short. */
static void a_real_map_is_merged_and_loses_the_block(void)
{
	map_clear();
	map_add(EfiBootServicesCode, 0, 1);
	map_add(EfiConventionalMemory, 0x1000, 0x9f);
	map_add(EfiConventionalMemory, 0x100000, 0x700);
	map_add(EfiACPIMemoryNVS, 0x800000, 8);
	map_add(EfiConventionalMemory, 0x808000, 0x17f8);
	map_add(EfiReservedMemoryType, 0x2000000, 0x1000);
	map_add(EfiLoaderData, 0x3000000, 0x100);
	map_add(EfiLoaderCode, 0x3100000, 0x10);
	map_add(EfiBootServicesData, 0x3110000, 0x10);
	map_add(EfiRuntimeServicesData, 0x3120000, 0x20);
	map_add(EfiRuntimeServicesCode, 0x3140000, 0x20);
	map_add(EfiACPIReclaimMemory, 0x3160000, 0x10);
	map_add(EfiMemoryMappedIO, 0xffe00000, 0x200);
	CHECK_EQ(ranges(0x2000000, 0x1000000, MAX), 5);
	CHECK_RANGE(0, 0, 0xa0000);
	CHECK_RANGE(1, 0x100000, 0x800000);
	CHECK_RANGE(2, 0x808000, 0x2000000);
	CHECK_RANGE(3, 0x3000000, 0x3120000);
	CHECK_RANGE(4, 0x3160000, 0x3170000);
	CHECK_EQ(ram_top(&map), 0x3170000);
	CHECK_EQ(ram_free_bytes(&map), 0x17f8000);
}

static void the_block_is_no_ram_even_if_the_map_says_so(void)
{
	map_clear();
	map_add(EfiConventionalMemory, 0, 0x10000);
	CHECK_EQ(ranges(0x400000, 0x200000, MAX), 2);
	CHECK_RANGE(0, 0, 0x400000);
	CHECK_RANGE(1, 0x600000, 0x10000000);
}

static void unknown_types_are_no_ram(void)
{
	static const uint32_t types[] = { EfiReservedMemoryType,
					  EfiRuntimeServicesCode,
					  EfiRuntimeServicesData,
					  EfiUnusableMemory,
					  EfiACPIMemoryNVS,
					  EfiMemoryMappedIO,
					  EfiMemoryMappedIOPortSpace,
					  EfiPalCode,
					  14,
					  15,
					  16,
					  0x70000000,
					  0x80000000,
					  0xffffffff };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		map_clear();
		map_add(types[i], 0x100000, 0x100);
		CHECK_EQ(ranges(0, 0, MAX), 0);
		map_add(EfiConventionalMemory, 0, 0x1000);
		CHECK_EQ(ranges(0, 0, MAX), 2);
	}
}

static void nonsense_does_no_harm(void)
{
	map_clear();
	map_add(EfiConventionalMemory, 0x500000, 0x100);
	map_add(EfiConventionalMemory, 0x700000, 0);		   /* empty */
	map_add(EfiConventionalMemory, 0x100000, 0x100);	   /* not sorted */
	map_add(EfiConventionalMemory, 0x180000, 0x100);	   /* overlapping */
	map_add(EfiConventionalMemory, 0x100000, 0x100);	   /* twice */
	map_add(EfiConventionalMemory, 0x900000, 0xfffffffffffff); /* beyond 64 bits */
	map_add(EfiConventionalMemory, 0x900000, UINT64_MAX);
	map_add(EfiConventionalMemory, 0xfffffffffffff000, 1); /* the very end */
	map_add(EfiConventionalMemory, 0x800123, 0x10);	       /* off its boundary */
	map_add(EfiReservedMemoryType, 0x580080, 1);	       /* likewise: two pages */
	map_add(EfiReservedMemoryType, 0xffffffff00000000, UINT64_MAX);
	CHECK_EQ(ranges(0, 0, MAX), 3);
	CHECK_RANGE(0, 0x100000, 0x280000);
	CHECK_RANGE(1, 0x500000, 0x580000);
	CHECK_RANGE(2, 0x582000, 0x600000);
	CHECK_EQ(ram_top(&map), 0x600000);
	CHECK_EQ(ram_free_bytes(&map), 0x100000);
}

static void reserved_without_end_ends_ram(void)
{
	map_clear();
	map_add(EfiConventionalMemory, 0, 0x1000);
	map_add(EfiReservedMemoryType, 0x800000, UINT64_MAX);
	CHECK_EQ(ranges(0, 0, MAX), 1);
	CHECK_RANGE(0, 0, 0x800000);
}

static void an_empty_map_has_no_ram(void)
{
	map_clear();
	CHECK_EQ(ranges(0, 0, MAX), 0);
	CHECK_EQ(ram_top(&map), 0);
	CHECK_EQ(ram_free_bytes(&map), 0);
}

static void too_many_pieces_are_refused(void)
{
	map_clear();
	for (uint64_t i = 0; i < 10; i++)
		map_add(EfiConventionalMemory, i * 0x2000, 1);
	CHECK_EQ(ranges(0, 0, 10), 10);
	CHECK(ranges(0, 0, 9) == SIZE_MAX);
	CHECK(!ram[9].n_bytes);
}

/* A world of 48 pages, and an array that knows each. */
static void random_maps_agree_with_a_count_page_by_page(void)
{
	rng.state = 7;
	for (int round = 0; round < 20000; round++) {
		enum { N = 48 };
		bool is_ram[N + 1] = { false }, is_other[N + 1] = { false };
		uint64_t block = random_below(&rng, N), block_pages = random_below(&rng, 4);
		size_t n, seen = 0;

		map_clear();
		for (uint64_t i = random_below(&rng, 12); i; i--) {
			uint32_t type = random_below(&rng, 3) ? EfiConventionalMemory
							      : EfiReservedMemoryType;
			uint64_t base = random_below(&rng, N);
			uint64_t pages = random_below(&rng, N - base + 1);

			map_add(type, base * PAGE_SIZE, pages);
			for (uint64_t page = base; page < base + pages; page++)
				(type == EfiConventionalMemory ? is_ram : is_other)[page] = true;
		}
		for (uint64_t page = block; page < block + block_pages && page < N; page++)
			is_other[page] = true;
		n = ranges(block * PAGE_SIZE, block_pages * PAGE_SIZE, MAX);
		for (int page = 0; page < N; page++) {
			bool good = is_ram[page] && !is_other[page];
			bool before = page && is_ram[page - 1] && !is_other[page - 1];

			if (good && !before)
				CHECK_EQ(ram[seen++].base, page * PAGE_SIZE);
			if (!good && before)
				CHECK_EQ(ram[seen - 1].base + ram[seen - 1].n_bytes,
					 page * PAGE_SIZE);
		}
		CHECK_EQ(n, seen);
	}
}

static void what_may_be_read_stands_in_one_descriptor_of_memory(void)
{
	map_clear();
	map_add(EfiConventionalMemory, 0x100000, 0x100);
	map_add(EfiACPIReclaimMemory, 0x200000, 2);
	map_add(EfiReservedMemoryType, 0x202000, 1);
	map_add(EfiMemoryMappedIO, 0x300000, 0x10);
	map_add(EfiUnusableMemory, 0x400000, 0x10);
	map_add(EfiReservedMemoryType, 0xffffffffffffe000, 2);
	CHECK(ram_is_readable(&map, 0x100000, 0x100000));
	CHECK(ram_is_readable(&map, 0x201ffe, 2));
	CHECK(ram_is_readable(&map, 0x202fff, 1));
	CHECK(ram_is_readable(&map, 0xe0000, 0x20000));
	CHECK(ram_is_readable(&map, 0x1000, 1));
	CHECK(!ram_is_readable(&map, 0, 8));
	CHECK(!ram_is_readable(&map, 0xff8, 9));
	CHECK(!ram_is_readable(&map, 0x100000, 0));
	CHECK(!ram_is_readable(&map, 0x201ffe, 3));
	CHECK(!ram_is_readable(&map, 0x202fff, 2));
	CHECK(!ram_is_readable(&map, 0x203000, 1));
	CHECK(!ram_is_readable(&map, 0x300000, 1));
	CHECK(!ram_is_readable(&map, 0x400000, 1));
	CHECK(!ram_is_readable(&map, 0x500000, 1));
	CHECK(!ram_is_readable(&map, UINT64_MAX - 3, 8));
	CHECK(!ram_is_readable(&map, UINT64_MAX, 1));
	CHECK(!ram_is_readable(&map, 0x100000, UINT64_MAX));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_real_map_is_merged_and_loses_the_block),
		TEST(the_block_is_no_ram_even_if_the_map_says_so),
		TEST(unknown_types_are_no_ram),
		TEST(nonsense_does_no_harm),
		TEST(reserved_without_end_ends_ram),
		TEST(an_empty_map_has_no_ram),
		TEST(too_many_pieces_are_refused),
		TEST(what_may_be_read_stands_in_one_descriptor_of_memory),
		TEST(random_maps_agree_with_a_count_page_by_page),
	};

	return RUN(tests);
}
