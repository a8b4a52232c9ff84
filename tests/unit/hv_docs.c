/* SPDX-License-Identifier: MIT */
/*
 * docs/hypercalls.md describes the calls that exist: each code of whit/hypercall.h has a row in the table
 * of hv/call/hypercall.c and a heading "NAME (number)" in the document, and there are no others. So with the counters of
 * exits: each has a number in the header, and a row "| number | `NAME` |" in the document.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/machine.h"
#include "tests/unit/read_all.h"

/* The next name that begins with `prefix`, from *text on; *text is moved behind it. */
static bool next_name(const char **text, const char *prefix, char name[64])
{
	const char *found = strstr(*text, prefix);
	size_t n = 0;

	if (!found)
		return false;
	while (n < 63 && (isupper((unsigned char)found[n]) || isdigit((unsigned char)found[n]) ||
			  found[n] == '_')) {
		name[n] = found[n];
		n++;
	}
	name[n] = 0;
	*text = found + n;
	return true;
}

static void every_call_is_documented(void)
{
	char *header = read_all("include/whit/hypercall.h"),
	     *code = read_all("hv/call/hypercall.c");
	char *document = read_all("docs/hypercalls.md"), name[64], wanted[128];
	const char *at_text = header;
	unsigned int n_calls = 0, n_rows = 0, n_headings = 0;

	while (next_name(&at_text, "WHIT_CALL_", name)) {
		const unsigned long number = strtoul(at_text, NULL, 0);

		n_calls++;
		snprintf(wanted, sizeof(wanted), "\t[%s", name);
		REQUIRE(strstr(code, wanted));
		snprintf(wanted, sizeof(wanted),
			 number < 0x100 ? "### %s (%lu)\n" : "### %s (%#lx)\n",
			 name + strlen("WHIT_CALL_"), number);
		if (!strstr(document, wanted)) {
			FAIL("docs/hypercalls.md lacks: %s", wanted);
			check_end();
		}
	}
	for (at_text = code; next_name(&at_text, "[WHIT_CALL_", name); n_rows++)
		at_text++;
	for (at_text = document; (at_text = strstr(at_text, "\n### ")); n_headings++)
		at_text++;
	REQUIRE(n_calls >= 19);
	REQUIRE_EQ(n_rows, n_calls);
	REQUIRE_EQ(n_headings, n_calls);
	free(header);
	free(code);
	free(document);
}

static void every_counter_of_exits_is_documented(void)
{
	char *header = read_all("include/whit/hypercall.h"),
	     *document = read_all("docs/hypercalls.md"), name[64], wanted[128];
	const char *at_text = header;
	unsigned int n_counters = 0, n_rows = 0;

	while (next_name(&at_text, "WHIT_EXIT_", name)) {
		if (strncmp(at_text, " = ", 3) || !strcmp(name, "WHIT_EXIT_COUNTERS"))
			continue;
		REQUIRE_EQ(strtoul(at_text + 3, NULL, 0), n_counters);
		snprintf(wanted, sizeof(wanted), "\n| %u | `%s` | ", n_counters++, name);
		REQUIRE(strstr(document, wanted));
	}
	for (at_text = document; (at_text = strstr(at_text, " | `WHIT_EXIT_")); n_rows++)
		at_text++;
	REQUIRE_EQ(n_counters, WHIT_EXIT_COUNTERS);
	REQUIRE_EQ(n_rows, n_counters);
	free(header);
	free(document);
}

int main(void)
{
	static const struct test tests[] = { TEST(every_call_is_documented),
					     TEST(every_counter_of_exits_is_documented) };

	return RUN(tests);
}
