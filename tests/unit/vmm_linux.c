// SPDX-License-Identifier: MIT
/* The Linux loader: what it makes of a good image, and that it takes no bad one and touches nothing outside. */
#include "root/vmm/linux.h"

#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

#define KERNEL_BYTES 0x6000u
#define RAM_BYTES    (64ull << 20)
#define MIB	     (1ull << 20)

static uint8_t good[KERNEL_BYTES];
static const uint8_t initrd[5000] = { 1, 2, 3 };
static struct linux_image image;
static struct linux_kernel kernel;
static struct linux_places places;

static void put(unsigned int at, unsigned int n, uint64_t value)
{
	for (unsigned int i = 0; i < n; i++)
		good[at + i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get(const uint8_t *at, unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (uint64_t)at[i] << 8 * i;
	return value;
}

/* A header by Documentation/arch/x86/boot.rst, with three setup sectors, at 16 MiB. */
static void reset(void)
{
	for (unsigned int i = 0; i < KERNEL_BYTES; i++)
		good[i] = (uint8_t)(i * 7 + i / 256);
	memset(good + 0x1f1, 0, 0x290 - 0x1f1);
	put(0x1f1, 1, 3);
	put(0x1fe, 2, 0xaa55);
	put(0x200, 2, 0x6aeb);
	put(0x202, 4, 0x53726448);
	put(0x206, 2, 0x020f);
	put(0x22c, 4, 0x7fffffff);
	put(0x230, 4, 0x200000);
	put(0x234, 1, 1);
	put(0x236, 2, 0x7f);
	put(0x238, 4, 2047);
	put(0x258, 8, 0x1000000);
	put(0x260, 4, 0x800000);
	image = (struct linux_image) { .kernel = good,
				       .kernel_bytes = KERNEL_BYTES,
				       .initrd = initrd,
				       .initrd_bytes = sizeof(initrd),
				       .command_line = "console=ttyS0" };
}

static void a_good_image_is_understood(void)
{
	reset();
	CHECK(!linux_check(&image, &kernel));
	CHECK_EQ(kernel.setup_bytes, 4 * 512);
	CHECK_EQ(kernel.loaded_bytes, KERNEL_BYTES - 4 * 512);
	CHECK_EQ(kernel.needed_bytes, 0x800000);
	CHECK_EQ(kernel.preferred, 0x1000000);
	CHECK_EQ(kernel.alignment, 0x200000);
	CHECK_EQ(kernel.initrd_max, 0x7fffffff);
	put(0x1f1, 1, 0); /* four, then */
	CHECK(!linux_check(&image, &kernel));
	CHECK_EQ(kernel.setup_bytes, 5 * 512);
}

static bool is_refused(unsigned int at, unsigned int n, uint64_t value)
{
	reset();
	put(at, n, value);
	return linux_check(&image, &kernel) != NULL;
}

static void a_bad_header_is_refused(void)
{
	char line[4096];

	CHECK(is_refused(0x1fe, 2, 0xaa54));
	CHECK(is_refused(0x202, 4, 0x53726449));
	CHECK(is_refused(0x206, 2, 0x020b));
	CHECK(is_refused(0x236, 2, 0x7e));	/* no 64-bit entry */
	CHECK(is_refused(0x1f1, 1, 0x2f));	/* the image ends with its setup */
	CHECK(is_refused(0x1f1, 1, 0xff));	/* or before */
	CHECK(is_refused(0x201, 1, 0x8f));	/* a header longer than its place */
	CHECK(is_refused(0x260, 4, 0x1000));	/* needs less than it has */
	CHECK(is_refused(0x258, 8, 0x1000001)); /* address */
	CHECK(is_refused(0x230, 4, 0x200001));	/* alignment */
	CHECK(is_refused(0x230, 4, 0));
	CHECK(is_refused(0x230, 4, 0x800));
	CHECK(is_refused(0x238, 4, 12)); /* the command line has 13 characters */
	CHECK(!is_refused(0x238, 4, 13));
	reset();
	put(0x238, 4, 0xffffffff);
	image.command_line = line; /* the kernel would take it, but the low block has two pages */
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	CHECK(!linux_check(&image, &kernel));
}

/* Each length up to a whole header, in a buffer of exactly that size. */
static void a_short_image_is_refused(void)
{
	reset();
	for (unsigned int n = 0; n < 0xa00; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, good, n);
		image.kernel = copy;
		image.kernel_bytes = n;
		CHECK(linux_check(&image, &kernel));
		free(copy);
	}
}

static void places_are_inside_and_apart(void)
{
	reset();
	CHECK(!linux_check(&image, &kernel));
	CHECK(linux_place(&image, &kernel, RAM_BYTES, &places));
	CHECK_EQ(places.kernel, 16 * MIB);
	CHECK_EQ(places.initrd, RAM_BYTES - 8192);
	CHECK(places.low + LINUX_LOW_BYTES <= 0xa0000);
	/* Just enough, and a page too little: then it goes to the first aligned address. */
	CHECK(linux_place(&image, &kernel, 24 * MIB + 8192, &places));
	CHECK_EQ(places.kernel, 16 * MIB);
	CHECK(linux_place(&image, &kernel, 24 * MIB + 4096, &places));
	CHECK_EQ(places.kernel, 2 * MIB);
	CHECK(!linux_place(&image, &kernel, 10 * MIB + 4096, &places));
	kernel.alignment = 0; /* not relocatable */
	CHECK(!linux_place(&image, &kernel, 24 * MIB + 4096, &places));
}

static void impossible_places_are_refused(void)
{
	reset();
	CHECK(!linux_check(&image, &kernel));
	kernel.preferred = ~0ull << 12;
	kernel.alignment = 0;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	kernel.preferred = 0;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	kernel.preferred = 16 * MIB;
	kernel.needed_bytes = 0xffffffff;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	kernel.needed_bytes = 0x800000;
	kernel.alignment = 0x80000000;
	kernel.preferred = 1ull << 40;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	kernel.preferred = 16 * MIB;
	image.initrd_bytes = RAM_BYTES + 1;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	image.initrd_bytes = 4096;
	kernel.initrd_max = 100;
	CHECK(!linux_place(&image, &kernel, RAM_BYTES, &places));
	kernel.initrd_max = 40 * MIB - 1;
	CHECK(linux_place(&image, &kernel, RAM_BYTES, &places));
	CHECK_EQ(places.initrd, 40 * MIB - 4096);
}

static const struct linux_range ranges[2] = { { 0, 0xa0000, LINUX_RAM },
					      { MIB, RAM_BYTES - MIB, LINUX_RAM } };

static void what_is_loaded_is_what_the_protocol_says(void)
{
	uint8_t *memory = malloc(RAM_BYTES);
	const uint8_t *parameters;
	struct linux_start start;

	reset();
	memset(memory, 0xcc, RAM_BYTES);
	CHECK(!linux_check(&image, &kernel) && linux_place(&image, &kernel, RAM_BYTES, &places));
	CHECK(!linux_load(&image, &kernel, &places, ranges, 2, 0xe0000, (uintptr_t)memory, &start));
	CHECK_EQ(start.rip, 16 * MIB + 0x200);
	parameters = memory + start.rsi;
	CHECK_EQ(parameters[0x1e8], 2);
	CHECK_EQ(get(parameters + 0x2d0 + 20, 8), MIB);
	CHECK_EQ(get(parameters + 0x2d0 + 28, 8), RAM_BYTES - MIB);
	CHECK_EQ(get(parameters + 0x2d0 + 36, 4), 1);
	CHECK_EQ(get(parameters + 0x070, 8), 0xe0000);
	CHECK_EQ(get(parameters + 0x202, 4), 0x53726448);
	CHECK_EQ(get(parameters + 0x218, 4), places.initrd);
	CHECK_EQ(get(parameters + 0x21c, 4), sizeof(initrd));
	CHECK_EQ(parameters[0x210], 0xff);
	CHECK_EQ(get(parameters + 0x26c, 4), 0); /* behind the header: zero */
	CHECK(!strcmp((char *)memory + get(parameters + 0x228, 4), "console=ttyS0"));
	CHECK(!memcmp(memory + 16 * MIB, good + 2048, KERNEL_BYTES - 2048));
	CHECK(!memcmp(memory + places.initrd, initrd, sizeof(initrd)));
	CHECK_EQ(get(memory + start.gdt + LINUX_CS, 8), 0x00af9b000000ffff);
	CHECK_EQ(get(memory + start.gdt + LINUX_DS, 8), 0x00cf93000000ffff);
	/* Nothing else: below the low block, behind it, around the kernel. */
	CHECK_EQ(memory[places.low - 1], 0xcc);
	CHECK_EQ(memory[places.low + LINUX_LOW_BYTES], 0xcc);
	CHECK_EQ(memory[16 * MIB - 1], 0xcc);
	CHECK_EQ(memory[16 * MIB + KERNEL_BYTES - 2048], 0xcc);
	CHECK_EQ(memory[places.initrd - 1], 0xcc);
	free(memory);
}

/* A walk by SDM 3A "4-Level Paging" finds each 2 MiB at itself. */
static void the_first_4_gib_are_mapped_to_themselves(void)
{
	uint8_t *memory = malloc(RAM_BYTES);
	struct linux_start start;

	reset();
	CHECK(!linux_check(&image, &kernel) && linux_place(&image, &kernel, RAM_BYTES, &places));
	CHECK(!linux_load(&image, &kernel, &places, ranges, 2, 0xe0000, (uintptr_t)memory, &start));
	for (uint64_t address = 0; address < 1ull << 32; address += 2 * MIB) {
		uint64_t entry = get(memory + start.cr3, 8);

		CHECK_EQ(entry & 0xfff, 3);
		entry = get(memory + (entry & ~0xfffull) + 8 * (address >> 30), 8);
		CHECK_EQ(entry & 0xfff, 3);
		entry = get(memory + (entry & ~0xfffull) + 8 * (address >> 21 & 511), 8);
		CHECK_EQ(entry, address | 0x83);
	}
	CHECK_EQ(get(memory + start.cr3 + 8, 8), 0);
	free(memory);
}

static void the_rate_of_the_counter_is_added(void)
{
	char line[40], tight[10];

	CHECK(!strcmp(linux_command(line, sizeof(line), "a b", 2400000999),
		      "a b tsc_early_khz=2400000"));
	CHECK(!strcmp(linux_command(line, sizeof(line), "", 0), " tsc_early_khz=0"));
	CHECK(!strcmp(linux_command(tight, sizeof(tight), "0123", 1000), "0123 tsc_"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_good_image_is_understood),
		TEST(a_bad_header_is_refused),
		TEST(a_short_image_is_refused),
		TEST(places_are_inside_and_apart),
		TEST(impossible_places_are_refused),
		TEST(what_is_loaded_is_what_the_protocol_says),
		TEST(the_first_4_gib_are_mapped_to_themselves),
		TEST(the_rate_of_the_counter_is_added),
	};

	return RUN(tests);
}
