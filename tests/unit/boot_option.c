// SPDX-License-Identifier: MIT
/* Boot#### and BootOrder: what they start, and that nothing in them does harm. */
#include <stdlib.h>
#include <string.h>

#include "boot/option.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng;

static uint8_t variable[2048];
static size_t n_bytes, list_at;
static struct option option;

static void put(uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		variable[n_bytes++] = (uint8_t)(value >> 8 * i);
}

static void put_name(const char *text)
{
	do
		put((uint8_t)*text, 2);
	while (*text++);
}

static void begin(uint32_t attributes)
{
	memset(variable, 0xa5, sizeof(variable));
	n_bytes = 0;
	put(attributes, 4);
	put(0, 2);
	put_name("Some loader");
	list_at = n_bytes;
}

static void put_file(const char *name)
{
	put(0x0404 | (uint64_t)(4 + 2 * (strlen(name) + 1)) << 16, 4);
	put_name(name);
}

/* PciRoot(0)/Pci(1,1): any nodes of a device. */
static void put_device(void)
{
	put(0x000c0102, 4);
	put(0x0a0341d0, 4);
	put(0, 4);
	put(0x00060101, 4);
	put(0x0101, 2);
}

static void put_disk(uint32_t number, uint8_t signature, uint8_t type)
{
	put(0x002a0104, 4);
	put(number, 4);
	put(0x800 + number, 8);
	put(0x100000, 8);
	for (int i = 0; i < 16; i++)
		put(signature, 1);
	put(2, 1);
	put(type, 1);
}

static void end(void)
{
	put(0x0004ff7f, 4);
	variable[4] = (uint8_t)(n_bytes - list_at);
	variable[5] = (uint8_t)((n_bytes - list_at) >> 8);
}

/* In memory of exactly its size, which lives until the next one. */
static bool parse_bytes(size_t n)
{
	static uint8_t *copy;

	free(copy);
	copy = malloc(n ? n : 1);
	memcpy(copy, variable, n);
	return option_parse(copy, n, &option);
}

static bool parse(void)
{
	return parse_bytes(n_bytes);
}

static bool is_file(const char *name)
{
	size_t i = 0;

	while (name[i] && option.file[i] == (uint8_t)name[i])
		i++;
	return !name[i] && !option.file[i];
}

#define GRUB "\\EFI\\debian\\grubx64.efi"

static void good(void)
{
	begin(1);
	put_disk(2, 0x11, 2);
	put_file(GRUB);
	end();
}

static void an_option_is_a_file_on_a_device_and_data(void)
{
	good();
	CHECK(parse() && is_file(GRUB));
	CHECK_EQ(option.path_bytes, 42);
	CHECK_EQ(option.data_bytes, 0);
	put_name("root=/dev/sda1");
	CHECK(parse() && is_file(GRUB));
	CHECK_EQ(option.data_bytes, 30);
	CHECK(option.data[0] == 'r' && option.data[28] == 0);
	begin(1);
	put_device();
	put_disk(1, 0x22, 1);
	put_file("\\EFI");
	put_file("boot\\");
	put_file("x.efi");
	end();
	CHECK(parse() && is_file("\\EFI\\boot\\x.efi"));
	CHECK_EQ(option.path_bytes, 12 + 6 + 42);
	begin(1);
	put_file("x.efi");
	end();
	CHECK(parse() && is_file("x.efi"));
	CHECK_EQ(option.path_bytes, 0);
}

static void what_is_not_for_the_boot_manager_is_passed_over(void)
{
	static const uint32_t attributes[] = { 0, 0x100, 0x101, 0x109, 0x1f01, 8 };

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		begin(attributes[i]);
		put_file(GRUB);
		end();
		CHECK(!parse());
	}
	begin(0xffffe0ff);
	put_file(GRUB);
	end();
	CHECK(parse());
	/* A disk, a firmware volume's file, nothing at all. */
	begin(1);
	put_device();
	put_disk(1, 1, 2);
	end();
	CHECK(!parse());
	begin(1);
	put(0x00140604, 4);
	put(0, 8);
	put(0, 8);
	end();
	CHECK(!parse());
	begin(1);
	end();
	CHECK(!parse());
	begin(1);
	put_file("");
	end();
	CHECK(!parse());
}

static void every_truncation_is_refused(void)
{
	good();
	for (size_t n = 0; n < n_bytes; n++)
		CHECK(!parse_bytes(n));
	/* A list that is shorter than its nodes, or ends without an end. */
	for (size_t n = 0; n < n_bytes - list_at; n++) {
		variable[4] = (uint8_t)n;
		CHECK(!parse());
	}
	variable[5] = 0xff;
	CHECK(!parse());
	/* A name that does not end, with both parities. */
	for (size_t n = 6; n < 40; n++) {
		begin(1);
		memset(variable + 6, 'a', 64);
		variable[4] = 0;
		CHECK(!parse_bytes(n));
	}
}

static void nodes_of_impossible_length_are_refused(void)
{
	static const uint16_t lengths[] = { 0, 1, 2, 3, 5, 7, 0x7fff, 0xffff };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		begin(1);
		put_device();
		put(0x0404 | (uint64_t)lengths[i] << 16, 4);
		put_name("\\x.efi");
		end();
		CHECK(!parse());
		begin(1);
		put(0x0101 | (uint64_t)lengths[i] << 16, 4);
		put_file(GRUB);
		end();
		CHECK(lengths[i] == 5 || !parse());
	}
	/* A file whose name has an odd length; a node behind the file. */
	begin(1);
	put(0x00090404, 4);
	put_name("\\x");
	end();
	CHECK(!parse());
	begin(1);
	put_file(GRUB);
	put_disk(1, 1, 2);
	end();
	CHECK(!parse());
}

static void a_name_ends_with_its_node_and_is_not_endless(void)
{
	char name[300];

	begin(1);
	put(0x00080404, 4);
	put('\\', 2);
	put('x', 2);
	end();
	CHECK(parse() && is_file("\\x"));
	memset(name, 'a', sizeof(name));
	name[254] = 0;
	begin(1);
	put_file(name);
	end();
	CHECK(parse() && is_file(name));
	name[254] = 'a';
	name[255] = 0;
	begin(1);
	put_file(name);
	end();
	CHECK(!parse());
	begin(1);
	for (int i = 0; i < 100; i++)
		put_file("abc");
	end();
	CHECK(!parse());
}

/* A volume's path: a device, a partition, an end. */
static const void *volume(uint32_t number, uint8_t signature, uint8_t type, size_t *n)
{
	static uint8_t path[128];
	const size_t at = n_bytes;

	put_device();
	put_disk(number, signature, type);
	put(0x0004ff7f, 4);
	*n = n_bytes - at;
	memcpy(path, variable + at, *n);
	n_bytes = at;
	return path;
}

static bool is_on(uint32_t number, uint8_t signature, uint8_t type)
{
	size_t n;
	const void *path = volume(number, signature, type, &n);
	uint8_t *copy = malloc(n);
	bool is;

	memcpy(copy, path, n);
	is = option_is_on(&option, copy, n);
	for (size_t i = 0; i < n; i++) {
		uint8_t *part = malloc(i ? i : 1);

		memcpy(part, path, i);
		/* What is cut off in front of the partition's end is no volume of anybody's. */
		CHECK(!option_is_on(&option, part, i) || !option.path_bytes || i >= 60);
		free(part);
	}
	free(copy);
	return is;
}

static void a_partition_is_known_by_number_and_signature(void)
{
	good();
	CHECK(parse());
	CHECK(is_on(2, 0x11, 2));
	CHECK(!is_on(1, 0x11, 2));
	CHECK(!is_on(2, 0x12, 2));
	CHECK(!is_on(2, 0x11, 1));
	begin(1);
	put_disk(2, 0x11, 0);
	put_file(GRUB);
	end();
	CHECK(parse());
	CHECK(!is_on(2, 0x11, 0));
}

static void a_whole_path_must_be_the_volumes(void)
{
	begin(1);
	put_device();
	put_disk(2, 0x11, 2);
	put_file(GRUB);
	end();
	CHECK(parse());
	CHECK(is_on(2, 0x11, 2));
	CHECK(!is_on(2, 0x12, 2));
	begin(1);
	put_device();
	put_file(GRUB);
	end();
	CHECK(parse());
	CHECK(!is_on(2, 0x11, 2));
	begin(1);
	put_file(GRUB);
	end();
	CHECK(parse());
	CHECK(is_on(2, 0x11, 2));
}

/* The options in the order in which they are tried, as digits. */
static const char *order(const void *bytes, size_t n, uint32_t current)
{
	static char text[32];
	uint16_t number;
	size_t i = 0;

	while (option_next(bytes, n, current, i, &number) && i < 31) {
		text[i] = (char)('0' + number);
		text[++i] = 0;
	}
	text[i] = 0;
	return text;
}

static void what_follows_in_the_order_comes_first(void)
{
	static const uint16_t bytes[] = { 3, 1, 4, 5, 9 };
	uint8_t *odd = malloc(9);
	uint16_t number;

	CHECK(!strcmp(order(bytes, 10, 1), "4593"));
	CHECK(!strcmp(order(bytes, 10, 3), "1459"));
	CHECK(!strcmp(order(bytes, 10, 9), "3145"));
	CHECK(!strcmp(order(bytes, 10, 7), "31459"));
	CHECK(!strcmp(order(bytes, 10, OPTION_NONE), "31459"));
	/* Half an entry is none. */
	memcpy(odd, bytes, 9);
	CHECK(!strcmp(order(odd, 9, 1), "453"));
	free(odd);
	CHECK(!strcmp(order(bytes, 2, 3), ""));
	CHECK(!strcmp(order(bytes, 1, OPTION_NONE), ""));
	CHECK(!strcmp(order(bytes, 0, OPTION_NONE), ""));
	CHECK(!option_next(bytes, 10, 1, SIZE_MAX, &number));
	CHECK(!strcmp(order((const uint16_t[]) { 2, 2, 1, 2 }, 8, 2), "1"));
	{
		static uint16_t many[OPTIONS_MAX + 1];

		CHECK(option_next(many, sizeof(many), 1, OPTIONS_MAX - 1, &number));
		CHECK(!option_next(many, sizeof(many), 1, OPTIONS_MAX, &number));
	}
}

static void a_name_has_four_capital_digits(void)
{
	static const struct {
		uint16_t number;
		const char *name;
	} rows[] = { { 0, "Boot0000" }, { 0x10a, "Boot010A" }, { 0xffff, "BootFFFF" } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t name[OPTION_NAME_CHARS];

		option_name(rows[i].number, name);
		for (size_t k = 0; k < OPTION_NAME_CHARS; k++)
			CHECK_EQ(name[k], rows[i].name[k]);
	}
}

static void no_bytes_do_harm(void)
{
	unsigned n_options = 0;

	rng.state = 1;
	for (int round = 0; round < 200000; round++) {
		good();
		put_name("data");
		for (uint64_t i = random_below(&rng, 4); i; i--)
			variable[random_below(&rng, n_bytes)] = (uint8_t)random_next(&rng);
		if (!parse_bytes(random_below(&rng, 2) ? n_bytes : random_below(&rng, n_bytes + 1)))
			continue;
		n_options++;
		CHECK(option.file[0] && !option.file[OPTION_FILE_CHARS - 1]);
		CHECK(option.data_bytes < n_bytes);
		is_on(2, 0x11, 2);
	}
	CHECK(n_options > 10000);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_option_is_a_file_on_a_device_and_data),
		TEST(what_is_not_for_the_boot_manager_is_passed_over),
		TEST(every_truncation_is_refused),
		TEST(nodes_of_impossible_length_are_refused),
		TEST(a_name_ends_with_its_node_and_is_not_endless),
		TEST(a_partition_is_known_by_number_and_signature),
		TEST(a_whole_path_must_be_the_volumes),
		TEST(what_follows_in_the_order_comes_first),
		TEST(a_name_has_four_capital_digits),
		TEST(no_bytes_do_harm),
	};

	return RUN(tests);
}
