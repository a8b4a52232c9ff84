// SPDX-License-Identifier: MIT
/* The frame of the tests, see check.h. It uses no library, so that programs without one have it too. */
#include "tests/check.h"

#include <stddef.h>

#define MOST_TOLD 10u

static const char *running = "outside of a test";
static unsigned int n_failures; /* of the running test */
static unsigned int n_passed, n_failed, n_skipped;
static const char *skipped; /* the running test's last reason, or NULL */

bool check_has_failed(void)
{
	return n_failures;
}

bool check_fail(const char *file, unsigned int line)
{
	if (n_failures++ >= MOST_TOLD)
		return false;
	if (n_failures == 1)
		check_print("FAIL %s: %s:%u: ", running, file, line);
	else
		check_print("  %s:%u: ", file, line);
	return true;
}

bool check_equal(const char *file, unsigned int line, const char *is_text, unsigned long is,
		 const char *wanted_text, unsigned long wanted)
{
	if (is == wanted)
		return true;
	if (check_fail(file, line))
		check_print("%s is 0x%lx, not 0x%lx (%s)\n", is_text, is, wanted, wanted_text);
	return false;
}

void check_skip(const char *why)
{
	if (skipped != why)
		check_print("skip %s: %s\n", running, why);
	skipped = why;
}

void check_run(const char *name, void (*test)(void))
{
	running = name;
	n_failures = 0;
	skipped = NULL;
	check_call(test);
	if (n_failures) {
		n_failed++;
	} else if (skipped) {
		n_skipped++;
	} else {
		n_passed++;
		check_print("ok %s\n", name);
	}
}

int check_run_all(const struct test *tests, unsigned int n_tests)
{
	if (!n_tests) {
		check_print("FAIL runner: a table without tests\n");
		n_failed++;
	}
	for (unsigned int i = 0; i < n_tests; i++)
		check_run(tests[i].name, tests[i].run);
	return n_failed != 0;
}

void check_counts(unsigned int *passed, unsigned int *failed, unsigned int *skipped_too)
{
	*passed = n_passed;
	*failed = n_failed;
	*skipped_too = n_skipped;
}
