// SPDX-License-Identifier: MIT
/* How many processors there are, by what firmware, ACPI and CPUID say: those that are taken over, or a line that names what was found. */
#include <stdio.h>
#include <string.h>

#include "boot/census.h"
#include "tests/check.h"

static struct text why;

static struct census one(void)
{
	return (struct census) { .has_mp = true,
				 .mp_total = 1,
				 .mp_enabled = 1,
				 .has_acpi = true,
				 .acpi = { 1, 0 },
				 .package = 1 };
}

#define CHECK_ONE(census)                                              \
	do {                                                           \
		CHECK_EQ(census_judge(census, 1, &why), CENSUS_WHOLE); \
		CHECK_EQ(why.n, 0);                                    \
	} while (0)

#define CHECK_NOT_ONE(census, answer, words)                     \
	do {                                                     \
		CHECK_EQ(census_judge(census, 1, &why), answer); \
		CHECK(strstr(why.at, words));                    \
		if (check_has_failed())                          \
			printf("  %s\n", why.at);                \
	} while (0)

static void one_processor_by_all_who_know_is_one(void)
{
	struct census c = one();

	CHECK_ONE(&c);
	c.package = 0;
	CHECK_ONE(&c);
	c.has_acpi = false;
	c.acpi.n_enabled = 0;
	CHECK_ONE(&c);
	c.has_acpi = true; /* tables without an MADT */
	CHECK_ONE(&c);
	c.acpi.n_enabled = 1;
	c.has_mp = false;
	c.mp_total = c.mp_enabled = 0;
	CHECK_ONE(&c);
}

static void a_second_one_is_found_by_whoever_knows_it(void)
{
	struct census c = one();

	c.mp_total = c.mp_enabled = 2;
	CHECK_NOT_ONE(&c, CENSUS_SHARED, "more processors than Whit is to take over");
	CHECK_NOT_ONE(&c, CENSUS_SHARED, "the firmware has 2, ACPI 1, CPUID 1");
	CHECK_NOT_ONE(&c, CENSUS_SHARED, "write `processors = all` in whit.conf");
	c.mp_enabled = 1;
	CHECK_NOT_ONE(&c, CENSUS_SHARED, "the firmware has 2 (1 disabled), ACPI 1, CPUID 1");
	c = one();
	c.acpi.n_enabled = 8;
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "the firmware has 1, ACPI 8, CPUID 1");
	c = one();
	c.acpi.n_disabled = 3;
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "ACPI 4 (3 disabled, or a slot to plug one in), CPUID 1");
	c = one();
	c.package = 16;
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "the firmware has 1, ACPI 1, CPUID 16");
}

/* Those that are taken over are no surprise, and one more is. */
static void as_many_as_are_taken_over_are_right(void)
{
	struct census c = one();

	c.mp_total = c.mp_enabled = c.acpi.n_enabled = c.package = 4;
	CHECK_EQ(census_judge(&c, 4, &why), CENSUS_WHOLE);
	CHECK_EQ(census_judge(&c, 3, &why), CENSUS_SHARED);
	CHECK(strstr(why.at, "the firmware has 4, ACPI 4, CPUID 4"));
	c.acpi.n_disabled = 1;
	CHECK_EQ(census_judge(&c, 4, &why), CENSUS_OPEN);
	CHECK(strstr(why.at, "there are more processors, or there may be"));
	c.acpi.n_disabled = 0;
	c.package = 8;
	CHECK_EQ(census_judge(&c, 4, &why), CENSUS_OPEN);
	c.acpi_damaged = "MADT";
	c.package = 4;
	CHECK_EQ(census_judge(&c, 4, &why), CENSUS_OPEN);
}

static void who_does_not_know_is_not_believed(void)
{
	struct census c = one();

	c.acpi_damaged = "MADT";
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "ACPI table MADT is damaged");
	c = one();
	c.mp_total = c.mp_enabled = 0;
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "does not say");
	c = one();
	c.mp_enabled = 2;
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "does not say");
	c = (struct census) { .package = 1 };
	CHECK_NOT_ONE(&c, CENSUS_OPEN, "does not say");
	c = one();
	c.mp_total = UINT64_MAX;
	c.acpi = (struct acpi_cpus) { UINT32_MAX, UINT32_MAX };
	CHECK_NOT_ONE(&c, CENSUS_SHARED, "18446744073709551615");
}

/* What CPUID answers: leaf 0, and the levels of leaves 0Bh and 1Fh. */
static uint32_t max_leaf;
static struct x86_cpuid levels[2][4];
static bool is_endless;

static struct x86_cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
	const struct x86_cpuid none = { 0 };

	if (!leaf)
		return (struct x86_cpuid) { .eax = max_leaf };
	CHECK(leaf == 0xb || leaf == 0x1f);
	CHECK(leaf <= max_leaf);
	CHECK(subleaf < 64);
	if (is_endless)
		return (struct x86_cpuid) { .ebx = 1, .ecx = 0x100 | subleaf };
	return subleaf < 4 ? levels[leaf == 0x1f][subleaf] : none;
}

static void the_package_is_the_widest_level_of_either_leaf(void)
{
	max_leaf = 0xa;
	CHECK_EQ(census_package(cpuid), 0);
	max_leaf = 0x1e;
	CHECK_EQ(census_package(cpuid), 0);
	/* SDM 2A: threads, then cores; the upper half of EBX is reserved. */
	levels[0][0] = (struct x86_cpuid) { 1, 0xabcd0002, 0x100, 0 };
	CHECK_EQ(census_package(cpuid), 2);
	levels[0][1] = (struct x86_cpuid) { 4, 8, 0x201, 0 };
	levels[0][2] = (struct x86_cpuid) { 0, 0, 0x002, 0 };
	CHECK_EQ(census_package(cpuid), 8);
	levels[1][0] = (struct x86_cpuid) { 1, 1, 0x100, 0 };
	levels[1][1] = (struct x86_cpuid) { 4, 4, 0x201, 0 };
	levels[1][2] = (struct x86_cpuid) { 5, 24, 0x502, 0 };
	CHECK_EQ(census_package(cpuid), 8);
	max_leaf = 0x20;
	CHECK_EQ(census_package(cpuid), 24);
	is_endless = true;
	CHECK_EQ(census_package(cpuid), 1);
	is_endless = false;
}

static void text_ends_where_it_is_full(void)
{
	struct text text;

	text_clear(&text);
	for (int i = 0; i < 1000; i++)
		text_add(&text, "abc");
	CHECK_EQ(text.n, TEXT_BYTES - 1);
	CHECK_EQ(strlen(text.at), TEXT_BYTES - 1);
	text_number(&text, 12);
	CHECK_EQ(text.n, TEXT_BYTES - 1);
	text_clear(&text);
	text_number(&text, 0);
	text_add(&text, " ");
	text_mebibytes(&text, 1);
	text_add(&text, " ");
	text_mebibytes(&text, 2 << 20);
	CHECK(!strcmp(text.at, "0 1 MiB 2 MiB"));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(one_processor_by_all_who_know_is_one),
		TEST(a_second_one_is_found_by_whoever_knows_it),
		TEST(as_many_as_are_taken_over_are_right),
		TEST(who_does_not_know_is_not_believed),
		TEST(the_package_is_the_widest_level_of_either_leaf),
		TEST(text_ends_where_it_is_full),
	};

	return RUN(tests);
}
