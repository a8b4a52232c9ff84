// SPDX-License-Identifier: MIT
/* Processors out of ACPI tables: good ones, and every way in which they can be damaged. */
#include <stdlib.h>
#include <string.h>

#include "boot/acpi.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng;

/* The machine's memory: what is there is read in copies of exactly the size asked for. */
#define BASE   0x7f000000ull
#define LENGTH 0x20000ull

static uint8_t memory[LENGTH];
static void *copies[64];
static unsigned n_copies;

static const void *look(void *context, uint64_t address, uint64_t n_bytes)
{
	void *copy;

	CHECK(context == memory);
	if (address < BASE || n_bytes > LENGTH || address - BASE > LENGTH - n_bytes)
		return NULL;
	copy = malloc(n_bytes);
	memcpy(copy, memory + (address - BASE), n_bytes);
	if (n_copies < 64)
		copies[n_copies++] = copy;
	else
		abort();
	return copy;
}

static struct acpi_cpus found;

static const char *run(void)
{
	const char *damaged = acpi_count(BASE, look, memory, &found);

	while (n_copies)
		free(copies[--n_copies]);
	return damaged;
}

static void put(uint32_t at, uint64_t value, unsigned n_bytes)
{
	for (unsigned i = 0; i < n_bytes; i++)
		memory[at + i] = (uint8_t)(value >> 8 * i);
}

static void seal(uint32_t at, uint32_t n_bytes, uint32_t where)
{
	uint8_t sum = 0;

	memory[at + where] = 0;
	for (uint32_t i = 0; i < n_bytes; i++)
		sum = (uint8_t)(sum + memory[at + i]);
	memory[at + where] = (uint8_t)-sum;
}

static void seal_table(uint32_t at, uint32_t n_bytes)
{
	put(at + 4, n_bytes, 4);
	seal(at, n_bytes, 9);
}

#define XSDT 0x100u
#define MADT 0x1000u
#define FADT 0x800u
#define RSDT 0x400u

static uint32_t madt_bytes, n_tables;

static void seal_rsdp(void)
{
	seal(0, 20, 8);
	seal(0, 36, 32);
}

static void add_table(uint32_t at)
{
	put(XSDT + 36 + 8 * n_tables++, BASE + at, 8);
	seal_table(XSDT, 36 + 8 * n_tables);
}

/* An RSDP, an XSDT, a FADT of ACPI `major`.`minor`, and an MADT without entries. */
static void tables(unsigned major, unsigned minor)
{
	memset(memory, 0, sizeof(memory));
	n_tables = 0;
	memcpy(memory, "RSD PTR ", 8);
	memory[15] = 2;
	put(20, 36, 4);
	put(24, BASE + XSDT, 8);
	seal_rsdp();
	memcpy(memory + XSDT, "XSDT", 4);
	memcpy(memory + FADT, "FACP", 4);
	memory[FADT + 8] = (uint8_t)major;
	memory[FADT + 131] = (uint8_t)minor;
	seal_table(FADT, 276);
	memcpy(memory + MADT, "APIC", 4);
	madt_bytes = 44;
	seal_table(MADT, madt_bytes);
	add_table(FADT);
	add_table(MADT);
}

static void lapic(uint8_t id, uint32_t flags)
{
	const uint32_t at = MADT + madt_bytes;

	put(at, 0x0800, 2);
	put(at + 3, id, 1);
	put(at + 4, flags, 4);
	seal_table(MADT, madt_bytes += 8);
}

static void x2apic(uint32_t id, uint32_t flags)
{
	const uint32_t at = MADT + madt_bytes;

	put(at, 0x1009, 2);
	put(at + 4, id, 4);
	put(at + 8, flags, 4);
	seal_table(MADT, madt_bytes += 16);
}

static void other(uint8_t type, uint8_t n_bytes)
{
	put(MADT + madt_bytes, type | n_bytes << 8, 2);
	seal_table(MADT, madt_bytes += n_bytes ? n_bytes : 2);
}

#define CHECK_COUNT(enabled, disabled)                \
	do {                                          \
		CHECK(!run());                        \
		CHECK_EQ(found.n_enabled, enabled);   \
		CHECK_EQ(found.n_disabled, disabled); \
	} while (0)

#define CHECK_DAMAGED(name)                                 \
	do {                                                \
		const char *damaged_ = run();               \
		CHECK(damaged_ && !strcmp(damaged_, name)); \
	} while (0)

static void enabled_processors_of_both_kinds_count_once_each(void)
{
	tables(6, 2);
	CHECK_COUNT(0, 0);
	lapic(0, 1);
	CHECK_COUNT(1, 0);
	other(1, 12);
	other(0x80, 2);
	x2apic(0, 1);
	CHECK_COUNT(1, 0);
	lapic(2, 1);
	x2apic(0x100, 3);
	CHECK_COUNT(3, 0);
}

static void a_disabled_one_counts_unless_the_tables_say_that_it_is_padding(void)
{
	for (unsigned minor = 0; minor < 6; minor++) {
		tables(6, minor | 0x10);
		lapic(0, 1);
		lapic(1, 0);
		CHECK_COUNT(1, minor < 3);
		lapic(2, 2);
		x2apic(3, 2);
		CHECK_COUNT(1, minor < 3 ? 3 : 2);
	}
	tables(1, 9);
	lapic(0, 1);
	lapic(1, 0);
	CHECK_COUNT(1, 1);
	tables(7, 0);
	lapic(0, 0);
	x2apic(0, 1);
	CHECK_COUNT(1, 0);
}

static void an_id_of_nobody_is_padding(void)
{
	tables(3, 0);
	lapic(0, 1);
	lapic(0xff, 0);
	lapic(0xff, 1);
	x2apic(0xffffffff, 1);
	CHECK_COUNT(1, 0);
	x2apic(0xff, 0);
	CHECK_COUNT(1, 1);
}

static void the_rsdt_serves_where_there_is_no_xsdt(void)
{
	tables(3, 0);
	lapic(0, 1);
	lapic(1, 1);
	memcpy(memory + RSDT, "RSDT", 4);
	put(RSDT + 36, BASE + MADT, 4);
	put(RSDT + 40, 0, 4); /* some firmware has holes */
	seal_table(RSDT, 44);
	put(16, BASE + RSDT, 4);
	put(24, 0, 8);
	seal_rsdp();
	CHECK_COUNT(2, 0);
	memory[15] = 0;
	put(20, 0x12345678, 4);
	seal(0, 20, 8);
	CHECK_COUNT(2, 0);
}

static void no_madt_is_no_processor_and_no_damage(void)
{
	tables(6, 5);
	n_tables = 1;
	seal_table(XSDT, 36 + 8);
	CHECK_COUNT(0, 0);
	seal_table(XSDT, 36);
	CHECK_COUNT(0, 0);
}

static void entries_of_impossible_length_are_damage(void)
{
	static const uint8_t bad[][2] = { { 0, 0 }, { 0, 1 }, { 0, 7 },	  { 9, 15 }, { 9, 8 },
					  { 2, 0 }, { 2, 1 }, { 2, 200 }, { 0, 255 } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tables(6, 3);
		lapic(0, 1);
		put(MADT + madt_bytes, bad[i][0] | bad[i][1] << 8, 2);
		/* 16 bytes are left for it. */
		seal_table(MADT, madt_bytes + 16);
		CHECK_DAMAGED("MADT");
	}
	tables(6, 3);
	lapic(0, 1);
	seal_table(MADT, madt_bytes + 1);
	CHECK_DAMAGED("MADT");
}

static void every_truncation_is_damage(void)
{
	for (uint32_t n = 0; n < 44 + 24; n++) {
		tables(6, 3);
		lapic(0, 1);
		x2apic(1, 1);
		seal_table(MADT, n < 10 ? 10 : n);
		put(MADT + 4, n, 4);
		if (n != 44 && n != 52)
			CHECK_DAMAGED("MADT");
	}
	for (uint32_t n = 0; n < 36; n++) {
		tables(6, 3);
		put(XSDT + 4, n, 4);
		CHECK_DAMAGED("XSDT");
		tables(6, 3);
		put(20, n, 4);
		seal_rsdp();
		CHECK_DAMAGED("RSDP");
	}
}

static void every_bit_that_flips_is_damage(void)
{
	for (uint32_t bit = 0; bit < (44 + 8) * 8; bit++) {
		const char *damaged;

		tables(6, 3);
		lapic(0, 1);
		memory[MADT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		damaged = run();
		/* With another name it is another table. */
		CHECK(bit < 32 ? !damaged && !found.n_enabled
			       : damaged && !strcmp(damaged, "MADT"));
	}
	for (uint32_t bit = 0; bit < 36 * 8; bit++) {
		tables(6, 3);
		memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_DAMAGED("RSDP");
		tables(6, 3);
		memory[XSDT + bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_DAMAGED("XSDT");
	}
	tables(6, 3);
	memory[FADT + 131] ^= 1;
	CHECK_DAMAGED("FADT");
}

static void tables_outside_memory_are_damage(void)
{
	static const uint64_t nowhere[] = {
		1,	    BASE - 1,	     BASE + LENGTH,	BASE + LENGTH - 35,
		UINT64_MAX, UINT64_MAX - 20, 0x8000000000000000
	};

	for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
		tables(6, 3);
		put(XSDT + 36 + 8, nowhere[i], 8);
		seal_table(XSDT, 36 + 16);
		CHECK_DAMAGED("XSDT");
		tables(6, 3);
		put(24, nowhere[i], 8);
		seal_rsdp();
		CHECK_DAMAGED("XSDT");
		CHECK(acpi_count(nowhere[i], look, memory, &found));
	}
	/* The header fits, the rest does not. */
	tables(6, 3);
	memcpy(memory + LENGTH - 40, "APIC", 4);
	put(LENGTH - 40 + 4, 52, 4);
	add_table(LENGTH - 40);
	CHECK_DAMAGED("MADT");
	tables(6, 3);
	put(MADT + 4, 0xffffffff, 4);
	CHECK_DAMAGED("MADT");
}

static void tables_may_lie_over_each_other_but_there_is_one_madt(void)
{
	tables(6, 3);
	lapic(0, 1);
	add_table(MADT);
	CHECK_DAMAGED("MADT");
	/* The XSDT names itself, and the RSDP. */
	tables(6, 3);
	lapic(0, 1);
	add_table(XSDT);
	add_table(0);
	CHECK_COUNT(1, 0);
}

static void four_thousand_processors_are_counted(void)
{
	tables(6, 3);
	for (uint32_t id = 0; id < 4000; id++)
		x2apic(id, id & 1 ? 1 : 2);
	CHECK_COUNT(2000, 2000);
}

static void no_bytes_do_harm(void)
{
	rng.state = 1;
	for (int round = 0; round < 20000; round++) {
		tables(6, 3);
		for (uint64_t i = random_below(&rng, 8); i; i--)
			lapic((uint8_t)random_next(&rng), (uint32_t)random_next(&rng) & 3);
		for (uint64_t i = random_below(&rng, 4); i; i--)
			memory[(i & 1 ? MADT : 0) + (uint32_t)random_below(&rng, 0x140)] =
				(uint8_t)random_next(&rng);
		/* Checksums that are right let the rest be read. */
		seal_rsdp();
		seal(XSDT, 36 + 16, 9);
		seal(MADT, madt_bytes, 9);
		run();
		CHECK(found.n_enabled + found.n_disabled <= 4096);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(enabled_processors_of_both_kinds_count_once_each),
		TEST(a_disabled_one_counts_unless_the_tables_say_that_it_is_padding),
		TEST(an_id_of_nobody_is_padding),
		TEST(the_rsdt_serves_where_there_is_no_xsdt),
		TEST(no_madt_is_no_processor_and_no_damage),
		TEST(entries_of_impossible_length_are_damage),
		TEST(every_truncation_is_damage),
		TEST(every_bit_that_flips_is_damage),
		TEST(tables_outside_memory_are_damage),
		TEST(tables_may_lie_over_each_other_but_there_is_one_madt),
		TEST(four_thousand_processors_are_counted),
		TEST(no_bytes_do_harm),
	};

	return RUN(tests);
}
