/* SPDX-License-Identifier: MIT */
/*
 * The frame of the tests of hv/: a runner, checks that end a test, random numbers; and their machine.
 */
#ifndef TESTS_UNIT_HV_TEST_H
#define TESTS_UNIT_HV_TEST_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(name)          \
	{                   \
#name, name \
	}

static jmp_buf test_end;
static const char *test_name;

#define CHECK(fact)                                                                           \
	do {                                                                                  \
		if (!(fact)) {                                                                \
			printf("FAIL %s: %s:%d: %s\n", test_name, __FILE__, __LINE__, #fact); \
			longjmp(test_end, 1);                                                 \
		}                                                                             \
	} while (0)

/* An HRESULT is a negative int here, and 32 bits without sign in RAX. */
#define UNSIGNED(value) _Generic((value), int : (unsigned int)(value), default : (value))

#define CHECK_EQ(is, wanted)                                                               \
	do {                                                                               \
		const unsigned long long is_ = (unsigned long long)UNSIGNED(is);           \
		const unsigned long long wanted_ = (unsigned long long)UNSIGNED(wanted);   \
		if (is_ != wanted_) {                                                      \
			printf("FAIL %s: %s:%d: %s is %#llx, not %#llx (%s)\n", test_name, \
			       __FILE__, __LINE__, #is, is_, wanted_, #wanted);            \
			longjmp(test_end, 1);                                              \
		}                                                                          \
	} while (0)

static inline int run_tests(const struct test *tests, size_t n_tests)
{
	volatile int n_failed = 0;

	if (!n_tests) {
		printf("FAIL runner: no tests\n");
		return 1;
	}
	for (volatile size_t i = 0; i < n_tests; i++) {
		test_name = tests[i].name;
		if (setjmp(test_end)) {
			n_failed++;
			continue;
		}
		tests[i].run();
		printf("ok %s\n", test_name);
	}
	return n_failed != 0;
}

#define RUN(tests) run_tests((tests), sizeof(tests) / sizeof((tests)[0]))

/* xorshift64* */
static uint64_t random_state = 0x9e3779b97f4a7c15ull;

static inline uint64_t rnd(uint64_t below)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return below ? random_state * 0x2545f4914f6cdd1dull % below : 0;
}

#include "tests/unit/machine.h"

#endif
