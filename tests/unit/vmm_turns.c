// SPDX-License-Identifier: MIT
/* Whose turn it is, and the options of \whit\vmm.conf. */
#include "root/vmm/turns.h"

#include <stdlib.h>
#include <string.h>

#include "root/vmm/options.h"
#include "tests/check.h"

static struct turns turns;

static void one_that_is_awake_goes_on(void)
{
	turns_init(&turns, 2);
	CHECK_EQ(turns_next(&turns, 0), 0);
	CHECK_EQ(turns_next(&turns, 1), 0);
	turns_yield(&turns);
	CHECK_EQ(turns_next(&turns, 2), 1);
	CHECK_EQ(turns_next(&turns, 3), 1);
	turns_yield(&turns);
	CHECK_EQ(turns_next(&turns, 4), 0);
	turns_init(&turns, 1);
	turns_yield(&turns);
	CHECK_EQ(turns_next(&turns, 0), 0);
}

static void a_sleeper_wakes_at_its_deadline(void)
{
	turns_init(&turns, 1);
	CHECK_EQ(turns_next(&turns, 0), 0);
	turns_sleep(&turns, 100, true);
	CHECK_EQ(turns_deadline(&turns), 100);
	CHECK_EQ(turns_next(&turns, 99), -1);
	CHECK_EQ(turns_next(&turns, 100), 0);
	turns_sleep(&turns, TURNS_NEVER, true);
	CHECK_EQ(turns_deadline(&turns), TURNS_NEVER);
	CHECK_EQ(turns_next(&turns, TURNS_NEVER - 1), -1);
	turns_wake(&turns, 0);
	CHECK_EQ(turns_next(&turns, 101), 0);
}

/* 1 sleeps; 0 runs, which may send it an interrupt, and sleeps: 1 is tried once, and only once. */
static void who_sleeps_is_tried_when_another_has_run(void)
{
	turns_init(&turns, 2);
	CHECK_EQ(turns_next(&turns, 0), 0);
	turns_yield(&turns);
	CHECK_EQ(turns_next(&turns, 0), 1);
	turns_sleep(&turns, 1000, true);
	CHECK_EQ(turns_next(&turns, 1), 0);
	turns_sleep(&turns, 500, true);
	CHECK_EQ(turns_next(&turns, 2), 1);
	turns_sleep(&turns, 1000, false); /* nothing was there */
	CHECK_EQ(turns_next(&turns, 3), -1);
	CHECK_EQ(turns_deadline(&turns), 500);
	CHECK_EQ(turns_next(&turns, 500), 0);
	turns_yield(&turns); /* it spins: perhaps for the other */
	CHECK_EQ(turns_next(&turns, 501), 1);
	turns_sleep(&turns, 1000, true); /* and it was so: the first one is tried, and is awake */
	CHECK_EQ(turns_next(&turns, 502), 0);
}

static void nobody_starves(void)
{
	unsigned int ran[TURNS_MAX_VPS] = { 0 };

	turns_init(&turns, TURNS_MAX_VPS);
	for (unsigned int i = 0; i < 80; i++) {
		int vp = turns_next(&turns, i);

		CHECK(vp >= 0);
		ran[vp]++;
		if (vp == 3)
			turns_sleep(&turns, i, true);
		else
			turns_yield(&turns);
	}
	for (unsigned int i = 0; i < TURNS_MAX_VPS; i++)
		CHECK_EQ(ran[i], 10);
}

/* The text in a buffer of exactly its size. */
static const char *parse(struct options *options, const char *text)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	const char *wrong;

	memcpy(copy, text, n);
	options_default(options);
	wrong = options_parse(options, copy, n);
	free(copy);
	return wrong;
}

static void options_are_read(void)
{
	struct options options;

	CHECK(!parse(&options, ""));
	CHECK_EQ(options.n_processors, 1);
	CHECK_EQ(options.memory_mib, 192);
	CHECK(!parse(&options, "# a comment\r\n\nmemory=256\r\nprocessors = 2\n repeat = 3\n"
			       "seconds\t= 90\ncommand = a=b  c \r\n"));
	CHECK_EQ(options.memory_mib, 256);
	CHECK_EQ(options.n_processors, 2);
	CHECK_EQ(options.n_seconds, 90);
	CHECK(!strcmp(options.command, "a=b  c"));
	CHECK(!parse(&options, "command ="));
	CHECK(!strcmp(options.command, ""));
}

static void bad_options_are_refused(void)
{
	static const char *const bad[] = {
		"memory = 63",	  "memory = 2049",  "memory = ",      "memory = 1x",
		"processors = 0", "processors = 9", "repeat = 0",     "seconds = 1000000000000",
		"speed = 3",	  "memory",	    "memory 3",	      "=",
		"command",	  "memoryx = 100",  "processors = -1"
	};
	static char line[OPTIONS_COMMAND_BYTES + 16];
	struct options options;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(parse(&options, bad[i]));
	memset(line, 'x', sizeof(line) - 1);
	memcpy(line, "command=", 8);
	line[8 + OPTIONS_COMMAND_BYTES] = '\0';
	CHECK(parse(&options, line));
	line[8 + OPTIONS_COMMAND_BYTES - 1] = '\0';
	CHECK(!parse(&options, line));
	CHECK_EQ(strlen(options.command), OPTIONS_COMMAND_BYTES - 1);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(one_that_is_awake_goes_on),
		TEST(a_sleeper_wakes_at_its_deadline),
		TEST(who_sleeps_is_tried_when_another_has_run),
		TEST(nobody_starves),
		TEST(options_are_read),
		TEST(bad_options_are_refused),
	};

	return RUN(tests);
}
