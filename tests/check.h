/* SPDX-License-Identifier: MIT */
/*
 * The frame of all tests. A test is a function, and its name the promise that it keeps; tests stand in tables, which
 * RUN() runs. Each gives one line, `ok NAME` or `FAIL NAME: FILE:LINE: why`; more lines of one that failed are
 * indented. One that leaves something out gives `skip NAME: why` in place of the first. A table without a test is a failure, and so is a program without a table.
 *
 * CHECK and its like note a failure of the running test, and go on; REQUIRE and its like end the test. The frame itself
 * needs no library: a program gives it the three functions at the end. Those of a host program are in check_host.c.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdbool.h>

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(name)          \
	{                   \
#name, name \
	}

/* Runs a table; the value is the exit status of the program so far. */
#define RUN(tests) check_run_all((tests), (unsigned int)(sizeof(tests) / sizeof((tests)[0])))

int check_run_all(const struct test *tests, unsigned int n_tests);
void check_run(const char *name, void (*test)(void));

/* The failure that the arguments of printf() say: %s %c %u %x %lu %lx, which every program's print function knows. */
#define FAIL(...)                                     \
	do {                                          \
		if (check_fail(__FILE__, __LINE__)) { \
			check_print(__VA_ARGS__);     \
			check_print("\n");            \
		}                                     \
	} while (0)

#define CHECK(fact)                        \
	do {                               \
		if (!(fact))               \
			FAIL("%s", #fact); \
	} while (0)

#define REQUIRE(fact)                      \
	do {                               \
		if (!(fact)) {             \
			FAIL("%s", #fact); \
			check_end();       \
		}                          \
	} while (0)

/* An int is compared as 32 bits without a sign, as an HRESULT is one, and a status of the hypervisor the other. */
#define CHECK_BITS(value) \
	((unsigned long)(value) & _Generic((value), int : 0xfffffffful, default : ~0ul))

/* The first value is worked out before the second one. */
#define CHECK_EQ_OR(is, wanted, otherwise)                                                  \
	do {                                                                                \
		const unsigned long check_is = CHECK_BITS(is);                              \
		const unsigned long check_wanted = CHECK_BITS(wanted);                      \
                                                                                            \
		if (!check_equal(__FILE__, __LINE__, #is, check_is, #wanted, check_wanted)) \
			otherwise;                                                          \
	} while (0)

#define CHECK_EQ(is, wanted)   CHECK_EQ_OR(is, wanted, (void)0)
#define REQUIRE_EQ(is, wanted) CHECK_EQ_OR(is, wanted, check_end())

/* Has the running test failed so far? */
bool check_has_failed(void);

/*
 * Notes a failure of the running test. True: begin the line that tells of it has been printed, and the caller ends it.
 * False: there were many already, and nobody wants to hear of another one.
 */
bool check_fail(const char *file, unsigned int line);
bool check_equal(const char *file, unsigned int line, const char *is_text, unsigned long is,
		 const char *wanted_text, unsigned long wanted);

/* The running test leaves something out, and this is why: it is not counted among those that passed. */
void check_skip(const char *why);

void check_counts(unsigned int *n_passed, unsigned int *n_failed, unsigned int *n_skipped);

/* ---- Of the program ---------------------------------------------------------------------- */

/* Prints what printf() would, of the conversions above. */
extern __attribute__((format(printf, 1, 2))) void (*const check_print)(const char *format, ...);

/* Calls the test; returns when it has returned, or called check_end(). */
void check_call(void (*test)(void));

/* Ends the running test; without one, the program. A program without REQUIRE need not have it. */
_Noreturn void check_end(void);

#endif
