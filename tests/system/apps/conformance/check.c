// SPDX-License-Identifier: MIT
/* See check.h. */
#include "tests/system/apps/conformance/check.h"

#include "root/vmm/terminal.h"

static unsigned int n_passed, n_failed;
static bool has_failed;

static struct {
	const char *what;
	unsigned int line;
	uint64_t is, wanted;
	bool is_comparison;
} first;

bool check_has_failed(void)
{
	return has_failed;
}

void expect_true(bool holds, const char *what, unsigned int line)
{
	if (holds || has_failed)
		return;
	has_failed = true;
	first.what = what;
	first.line = line;
	first.is_comparison = false;
}

void expect_equal(uint64_t is, uint64_t wanted, const char *what, unsigned int line)
{
	if (is == wanted || has_failed)
		return;
	expect_true(false, what, line);
	first.is = is;
	first.wanted = wanted;
	first.is_comparison = true;
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

void check_run(const char *name, void (*check)(void))
{
	has_failed = false;
	check();
	if (!has_failed) {
		n_passed++;
		terminal_print("ok %s\n", name);
		return;
	}
	n_failed++;
	if (first.is_comparison)
		terminal_print("FAIL %s: line %u: %s is %lx, not %lx\n", name, first.line,
			       first.what, (unsigned long)first.is, (unsigned long)first.wanted);
	else
		terminal_print("FAIL %s: line %u: %s\n", name, first.line, first.what);
}

void check_summary(void)
{
	terminal_print("conformance: %u passed, %u failed\n", n_passed, n_failed);
}
