/* SPDX-License-Identifier: MIT */
/*
 * The smallest test frame: a test is a function, a promise its name. One line `ok NAME` or `FAIL NAME`
 * each; a program that ran no test fails.
 */
#ifndef TESTS_EMU_CHECK_H
#define TESTS_EMU_CHECK_H

#include <stdbool.h>
#include <stdio.h>

static int check_failures; /* in the running test */
static int check_tests, check_failed;

/* Note a failure of the running test and go on. */
#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			if (check_failures++ < 10)                                       \
				printf("  %s:%d: %s\n", __FILE__, __LINE__, #condition); \
		}                                                                        \
	} while (0)

#define CHECK_EQ(a, b)                                                                          \
	do {                                                                                    \
		unsigned long long check_a = (unsigned long long)(a);                           \
		unsigned long long check_b = (unsigned long long)(b);                           \
		if (check_a != check_b && check_failures++ < 10)                                \
			printf("  %s:%d: %s = %#llx, not %s = %#llx\n", __FILE__, __LINE__, #a, \
			       check_a, #b, check_b);                                           \
	} while (0)

#define RUN(test) check_run(#test, test)

static inline void check_run(const char *name, void (*test)(void))
{
	check_failures = 0;
	test();
	check_tests++;
	if (check_failures)
		check_failed++;
	printf("%s %s\n", check_failures ? "FAIL" : "ok", name);
	fflush(stdout);
}

/* The exit status of the program. */
static inline int check_finish(void)
{
	if (!check_tests)
		printf("FAIL no test was run\n");
	return check_failed || !check_tests;
}

#endif
