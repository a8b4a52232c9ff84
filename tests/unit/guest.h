/* SPDX-License-Identifier: MIT */
/* What the tests of walk, device and event share: checks by name, and random numbers. */
#ifndef TESTS_UNIT_GUEST_H
#define TESTS_UNIT_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static const char *test_name = "?";
static unsigned int test_failures; /* of the test that runs */
static bool test_has_failed;	   /* any test */

#define CHECK(condition)                                                                   \
	do {                                                                               \
		if (!(condition) && !test_failures++)                                      \
			printf("FAIL %s: line %d: %s\n", test_name, __LINE__, #condition); \
	} while (0)

#define FAIL(what)                                                                   \
	do {                                                                         \
		if (!test_failures++)                                                \
			printf("FAIL %s: line %d: %s\n", test_name, __LINE__, what); \
	} while (0)

#define CHECK_EQUAL(got, wanted)                                                                  \
	do {                                                                                      \
		unsigned long long g_ = (unsigned long long)(got);                                \
		unsigned long long w_ = (unsigned long long)(wanted);                             \
		if (g_ != w_ && !test_failures++)                                                 \
			printf("FAIL %s: line %d: %s is %#llx, not %#llx\n", test_name, __LINE__, \
			       #got, g_, w_);                                                     \
	} while (0)

/* The same, for tests/unit/machine.h. */
#define CHECK_EQ CHECK_EQUAL

static inline void test_run(const char *name, void (*body)(void))
{
	test_name = name;
	test_failures = 0;
	body();
	if (test_failures)
		test_has_failed = true;
	else
		printf("ok %s\n", name);
	fflush(stdout);
}

#define RUN(function) test_run(#function, function)

/* SplitMix64. */
static uint64_t test_seed = 1;

static inline uint64_t test_random(void)
{
	uint64_t z = test_seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static inline bool test_chance(unsigned int percent)
{
	return test_random() % 100 < percent;
}

#endif
