// SPDX-License-Identifier: MIT
/* The log's formatter against the C library's, and the ring. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/format.h"
#include "arch/x86/log.h"
#include "arch/x86/serial.h"
#include "tests/check.h"

static char serial[65536];
static size_t n_serial;

void serial_write(const char *text, size_t n_bytes)
{
	if (n_bytes > sizeof(serial) - n_serial)
		n_serial = 0;
	memcpy(serial + n_serial, text, n_bytes);
	n_serial += n_bytes;
}

/* Both format; the results must be the same, the terminating zero included. */
#define SAME(...)                                                             \
	do {                                                                  \
		char ours[128], theirs[128];                                  \
		size_t length = format_text(ours, sizeof(ours), __VA_ARGS__); \
                                                                              \
		snprintf(theirs, sizeof(theirs), __VA_ARGS__);                \
		CHECK_EQ(length, strlen(theirs));                             \
		if (strcmp(ours, theirs))                                     \
			printf("  \"%s\", not \"%s\"\n", ours, theirs);       \
		CHECK(!strcmp(ours, theirs));                                 \
	} while (0)

static void conversions_are_those_of_the_c_library(void)
{
	SAME("plain");
	SAME("%s %c %%", "text", 'c');
	SAME("[%8s] [%2s]", "right", "long");
	SAME("%d %d %d", 0, -1, 2147483647);
	SAME("%d", -2147483647 - 1);
	SAME("%u %u", 0u, 4294967295u);
	SAME("%x %x", 0u, 0xdeadbeefu);
	SAME("%lx %lu", 0xfedcba9876543210ul, 18446744073709551615ul);
	SAME("%llx %llu", 0xfedcba9876543210ull, 18446744073709551615ull);
	SAME("%ld %ld", -1l, 9223372036854775807l);
	SAME("%lld", -9223372036854775807ll - 1);
	SAME("[%8x] [%08x] [%2x]", 0x123u, 0x123u, 0x12345u);
	SAME("[%016llx]", 0x1234ull);
	SAME("[%5d] [%05d] [%5d]", -42, -42, 123456);
	SAME("[%3u] [%03u]", 7u, 7u);
	SAME("%p", (void *)0xffff800000001000);
}

static void output_is_cut_and_terminated(void)
{
	char out[16];

	for (size_t n = 1; n < sizeof(out); n++) {
		memset(out, '#', sizeof(out));
		CHECK_EQ(format_text(out, n, "0123456%xABCDEF", 0x789u), n - 1);
		CHECK_EQ(strlen(out), n - 1);
		CHECK(!strncmp(out, "0123456789ABCDEF", n - 1));
		CHECK_EQ(out[n], '#');
	}
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
static void bad_formats_do_no_harm(void)
{
	static const char *volatile formats[] = { "%",	"%0",	"%9",	   "%l", "a%",
						  "%n", "%lll", "%99999s", "%s" };
	static const char *const expected[] = { "%", "%0", "%9", "%l", "a%", "%n", "%lll", NULL };
	char out[64];

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		format_text(out, sizeof(out), formats[i], "s");
		CHECK(!expected[i] || !strcmp(out, expected[i]));
	}
	format_text(out, sizeof(out), formats[8], (const char *)NULL);
	CHECK(!strcmp(out, "(null)"));
}
#pragma GCC diagnostic pop

static void lines_go_to_ring_and_serial_port(void)
{
	char buffer[256];
	uint64_t next = 0;
	size_t n;

	log_set_level(LOG_NOTICE);
	log_line(LOG_ERROR, "one %u", 1u);
	log_line(LOG_DEBUG, "not this");
	log_line(LOG_NOTICE, "two");
	n = log_read(0, buffer, sizeof(buffer), &next);
	CHECK_EQ(n, 10);
	CHECK_EQ(next, 10);
	CHECK(!memcmp(buffer, "one 1\ntwo\n", 10));
	CHECK(n_serial == 10 && !memcmp(serial, buffer, 10));
	/* in pieces */
	CHECK_EQ(log_read(0, buffer, 4, &next), 4);
	CHECK_EQ(next, 4);
	CHECK_EQ(log_read(next, buffer, sizeof(buffer), &next), 6);
	CHECK(!memcmp(buffer, "1\ntwo\n", 6));
	/* nothing new, and positions that are still to come */
	CHECK_EQ(log_read(next, buffer, sizeof(buffer), &next), 0);
	CHECK_EQ(log_read(~0ull, buffer, sizeof(buffer), &next), 0);
	CHECK_EQ(next, 10);
}

static void a_reader_that_comes_late_gets_the_newest(void)
{
	static char all[2 * WHIT_LOG_BYTES];
	uint64_t start, next;
	size_t n;

	log_read(~0ull, all, 0, &start);
	for (int i = 0; i < 3000; i++)
		log_line(LOG_ERROR, "line %04d", i);
	n = log_read(start, all, sizeof(all), &next);
	CHECK_EQ(n, WHIT_LOG_BYTES);
	CHECK_EQ(next, start + 30000);
	CHECK(!memcmp(all + n - 10, "line 2999\n", 10));
	CHECK_EQ(log_read(next - 10, all, sizeof(all), &next), 10);
}

static void long_lines_are_cut(void)
{
	static char text[1000], line[2000];
	uint64_t start, next;
	size_t n;

	memset(text, 'a', sizeof(text) - 1);
	log_read(~0ull, line, 0, &start);
	log_line(LOG_ERROR, "%s", text);
	n = log_read(start, line, sizeof(line), &next);
	CHECK(n > 200 && n <= 256 && line[n - 1] == '\n' && line[n - 2] == 'a');
}

int main(void)
{
	static const struct test tests[] = {
		TEST(conversions_are_those_of_the_c_library),
		TEST(output_is_cut_and_terminated),
		TEST(bad_formats_do_no_harm),
		TEST(lines_go_to_ring_and_serial_port),
		TEST(a_reader_that_comes_late_gets_the_newest),
		TEST(long_lines_are_cut),
	};

	return RUN(tests);
}
