// SPDX-License-Identifier: MIT
/* whit.conf: what a line does, and that a bad one does nothing but warn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/config.h"
#include "tests/check.h"
#include "tests/random.h"

static struct random rng = { 1 };

static unsigned warned[16];
static size_t n_warned;

static void warn(void *context, unsigned line, const char *what)
{
	CHECK(context == &n_warned);
	CHECK(what && what[0]);
	if (n_warned < 16)
		warned[n_warned] = line;
	n_warned++;
}

/* Parses a copy of exactly the text's size, so that the sanitizer sees each byte too many. */
static struct config parse_bytes(const char *text, size_t n)
{
	struct config config;
	char *copy = malloc(n ? n : 1);

	memcpy(copy, text, n);
	n_warned = 0;
	config_default(&config);
	config_parse(&config, copy, n, warn, &n_warned);
	free(copy);
	return config;
}

static struct config parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static bool is_default(const struct config *config)
{
	return !config->next[0] && config->memory_bytes == 16 << 20 &&
	       config->serial_port == 0x3f8 && config->log_level == 1 &&
	       config->assist == CONFIG_ASSIST_ALL && !config->panic_seconds &&
	       config->all_processors && !config->traps_icr;
}

static void every_key_sets_its_option(void)
{
	struct config c = parse("next = \\EFI\\debian\\grubx64.efi\n"
				"serial = 2f8\n"
				"loglevel = debug\n"
				"memory = 32M\n"
				"assist = registers\n"
				"panic = reset 10\n"
				"processors = one\n"
				"icr = trap\n");

	CHECK_EQ(n_warned, 0);
	CHECK(!strcmp(c.next, "\\EFI\\debian\\grubx64.efi"));
	CHECK_EQ(c.serial_port, 0x2f8);
	CHECK_EQ(c.log_level, 2);
	CHECK_EQ(c.memory_bytes, 32 << 20);
	CHECK_EQ(c.assist, 1);
	CHECK_EQ(c.panic_seconds, 10);
	CHECK(!c.all_processors);
	CHECK(c.traps_icr);
	CHECK(!parse("icr = trap\nicr = auto").traps_icr);
	CHECK(!parse("processors = all\nprocessors = one").all_processors);
	CHECK(parse("processors = one\nprocessors = all").all_processors);
	CHECK_EQ(parse("panic = reset \t 3600").panic_seconds, 3600);
	CHECK_EQ(parse("panic = reset 1\npanic = stop").panic_seconds, 0);
	CHECK_EQ(n_warned, 0);
	CHECK_EQ(parse("assist = off").assist, CONFIG_ASSIST_OFF);
	CHECK_EQ(parse("assist = off\nassist = all").assist, CONFIG_ASSIST_ALL);
	CHECK_EQ(n_warned, 0);
}

static void an_empty_file_is_the_default(void)
{
	static const char *const texts[] = { "",	   "\n",	  "\r\n\r\n", "# a comment",
					     "  \t \n#\n", "\xef\xbb\xbf" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config c = parse(texts[i]);

		CHECK(is_default(&c));
		CHECK_EQ(n_warned, 0);
	}
}

static void blanks_comments_and_line_ends_do_not_matter(void)
{
	struct config c = parse("\xef\xbb\xbf\t next=/EFI/a b.efi \r\n"
				"loglevel\t=\terror# not debug\r\n"
				"serial = 0X3E8");

	CHECK_EQ(n_warned, 0);
	CHECK(!strcmp(c.next, "\\EFI\\a b.efi"));
	CHECK_EQ(c.log_level, 0);
	CHECK_EQ(c.serial_port, 0x3e8);
}

static void a_bad_line_warns_once_and_does_nothing(void)
{
	static const char *const lines[] = {
		"next",
		"next =",
		"= 1",
		"=",
		"Next = x",
		"nexts = x",
		"nex = x",
		"next = \xc3\xa9.efi",
		"next = a\tb",
		"serial =",
		"serial = COM1",
		"serial = 0",
		"serial = 0x",
		"serial = 10000",
		"serial = ffff",
		"serial = 3f8 2f8",
		"serial = None",
		"loglevel = 1",
		"loglevel = err",
		"loglevel = errors",
		"processors =",
		"processors = 1",
		"processors = all of them",
		"assist = on",
		"assist =",
		"panic =",
		"panic = reset",
		"panic = reset 0",
		"panic = reset 3601",
		"panic = reset 10 s",
		"panic = reset 99999999999999999999",
		"panic = resets 10",
		"panic = 10",
		"panic = stop 10",
		"memory = 4M",
		"memory = 8191K",
		"memory = M",
		"memory = 16MB",
		"memory = 16T",
		"memory = -16M",
		"memory = 65G",
		"memory = 16",
		"memory = 99999999999999999999",
		"memory = 18446744073709551615G",
		"memory = 1e9",
		"serial = 10000000000000003f8",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct config c = parse(lines[i]);

		CHECK(is_default(&c));
		CHECK_EQ(n_warned, 1);
		CHECK_EQ(warned[0], 1);
		if (check_has_failed()) {
			printf("  in: %s\n", lines[i]);
			break;
		}
	}
}

static void warnings_name_the_line_and_the_rest_counts(void)
{
	struct config c = parse("loglevel = debug\n\nbogus\nmemory = 1\nserial = none\n"
				"memory = 8192K\n\nlast");

	CHECK_EQ(n_warned, 3);
	CHECK_EQ(warned[0], 3);
	CHECK_EQ(warned[1], 4);
	CHECK_EQ(warned[2], 8);
	CHECK_EQ(c.log_level, 2);
	CHECK_EQ(c.serial_port, 0);
	CHECK_EQ(c.memory_bytes, 8 << 20);
}

static void a_path_of_255_characters_is_the_longest(void)
{
	char text[300] = "next=";
	struct config c;

	memset(text + 5, 'a', 255);
	c = parse(text);
	CHECK_EQ(n_warned, 0);
	CHECK_EQ(strlen(c.next), 255);
	text[260] = 'a';
	c = parse(text);
	CHECK_EQ(n_warned, 1);
	CHECK(is_default(&c));
}

static void the_last_of_two_values_holds(void)
{
	struct config c = parse("memory = 8M\nmemory = 1G\nmemory = 64G\nnext=abc\nnext=d\n");

	CHECK_EQ(n_warned, 0);
	CHECK_EQ(c.memory_bytes, 64ull << 30);
	CHECK(!strcmp(c.next, "d"));
}

static void no_bytes_do_harm(void)
{
	static const char alphabet[] = "next=serial loglevel memory 0x3fG#\n\r\t\\\xef\xbb\xbf";
	char text[80];

	rng.state = 1;
	for (int round = 0; round < 100000; round++) {
		size_t n = random_below(&rng, sizeof(text));
		struct config c;

		for (size_t i = 0; i < n; i++)
			text[i] = random_below(&rng, 8)
					  ? alphabet[random_below(&rng, sizeof(alphabet))]
					  : (char)random_next(&rng);
		c = parse_bytes(text, n);
		CHECK(memchr(c.next, 0, sizeof(c.next)) && c.log_level <= 2);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_key_sets_its_option),
		TEST(an_empty_file_is_the_default),
		TEST(blanks_comments_and_line_ends_do_not_matter),
		TEST(a_bad_line_warns_once_and_does_nothing),
		TEST(warnings_name_the_line_and_the_rest_counts),
		TEST(a_path_of_255_characters_is_the_longest),
		TEST(the_last_of_two_values_holds),
		TEST(no_bytes_do_harm),
	};

	return RUN(tests);
}
