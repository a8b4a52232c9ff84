// SPDX-License-Identifier: MIT
/* The frame's functions for a program without a library, see tests/check.h. */
#include "tests/system/apps/conformance/check.h"

#include "root/vmm/terminal.h"

void (*const check_print)(const char *, ...) = terminal_print;

void check_call(void (*test)(void))
{
	test();
}

bool check_contains(const char *text, const char *part)
{
	for (; *text; text++) {
		unsigned int i = 0;

		while (part[i] && text[i] == part[i])
			i++;
		if (!part[i])
			return true;
	}
	return false;
}

void check_summary(void)
{
	unsigned int n_passed, n_failed, n_skipped;

	check_counts(&n_passed, &n_failed, &n_skipped);
	terminal_print("conformance: %u passed, %u failed, %u skipped\n", n_passed, n_failed,
		       n_skipped);
}
