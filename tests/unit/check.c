// SPDX-License-Identifier: MIT
/*
 * The frame of the tests itself, tests/check.c: run here with tests that fail, and with a print function that keeps
 * what it is given. The verdict is this program's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tests/check.h"

static char told[4096];
static unsigned int n_after; /* statements that were reached behind a failure */
static bool has_failed;
static jmp_buf end;

static __attribute__((format(printf, 1, 2))) void keep(const char *format, ...)
{
	const size_t n = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + n, sizeof(told) - n, format, args);
	va_end(args);
}

void (*const check_print)(const char *, ...) = keep;

void check_call(void (*test)(void))
{
	if (!setjmp(end))
		test();
}

void check_end(void)
{
	longjmp(end, 1);
}

static void holds(void)
{
	CHECK(true);
	CHECK_EQ(2, 2);
	REQUIRE_EQ(-1, 0xffffffffu); /* an HRESULT, and the hypervisor's status */
}

static void goes_on(void)
{
	CHECK(n_after > 100);
	n_after++;
	CHECK_EQ(n_after, 7);
	n_after++;
}

static void ends(void)
{
	REQUIRE(n_after > 100);
	n_after++;
}

static void differs_in_the_upper_half(void)
{
	REQUIRE_EQ(1ull << 32, 0);
	n_after++;
}

static void fails_often(void)
{
	for (unsigned int i = 0; i < 100; i++)
		FAIL("number %u", i);
}

static unsigned int count(const char *text)
{
	unsigned int n = 0;

	for (const char *at = told; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void verdict(const char *name, bool is_right)
{
	printf("%s %s\n", is_right ? "ok" : "FAIL", name);
	has_failed |= !is_right;
}

#define ROUND(...)                                            \
	(memset(told, 0, sizeof(told)), n_after = 0,          \
	 check_run_all((const struct test[]) { __VA_ARGS__ }, \
		       sizeof((const struct test[]) { __VA_ARGS__ }) / sizeof(struct test)))

static void leaves_out(void)
{
	static const char word[] = "a word";

	check_skip(word);
	check_skip(word);
}

static void leaves_out_and_fails(void)
{
	leaves_out();
	CHECK(false);
}

int main(void)
{
	unsigned int n_passed, n_failed, n_skipped;
	int status;

	status = ROUND(TEST(holds));
	verdict("a_test_that_holds_is_ok", !status && !strcmp(told, "ok holds\n"));
	status = ROUND(TEST(goes_on), TEST(holds));
	verdict("check_goes_on_and_tells_once",
		status && n_after == 2 && count("FAIL ") == 1 && count("\n  ") == 1 &&
			strstr(told, "is 0x1, not 0x7 (7)") && count("ok holds") == 1);
	status = ROUND(TEST(ends), TEST(differs_in_the_upper_half), TEST(holds));
	verdict("require_ends_the_test_alone",
		status && !n_after && count("FAIL ") == 2 && count("ok holds") == 1);
	status = ROUND(TEST(fails_often));
	verdict("of_many_failures_ten_are_told", status && count("number ") == 10);
	status = ROUND(TEST(leaves_out), TEST(leaves_out_and_fails));
	verdict("one_that_leaves_something_out_is_not_ok",
		status && count("skip leaves_out: a word\n") == 1 && count("skip ") == 2 &&
			!count("ok ") && count("FAIL leaves_out_and_fails") == 1);
	check_counts(&n_passed, &n_failed, &n_skipped);
	verdict("every_test_is_counted", n_passed == 3 && n_failed == 5 && n_skipped == 1);
	memset(told, 0, sizeof(told));
	status = check_run_all(NULL, 0);
	check_counts(&n_passed, &n_failed, &n_skipped);
	verdict("an_empty_table_is_a_failure", status && n_failed == 6 && count("FAIL ") == 1);
	return has_failed;
}
