/* SPDX-License-Identifier: MIT */
/* docs/exits.md against the contract's own text: each reason of enum virt_exit_reason has one row in each table. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/read_all.h"
#include "tests/unit/run_world.h"

static unsigned int count(const char *text, const char *end, const char *needle)
{
	unsigned int n = 0;

	while ((text = strstr(text, needle)) && text < end) {
		n++;
		text++;
	}
	return n;
}

/* The names of the enumeration, out of the header. Returns how many. */
static unsigned int reasons(char names[64][32])
{
	char *header = read_all("arch/virt.h");
	char *at = strstr(header, "enum virt_exit_reason {"), *end;
	unsigned int n = 0;

	CHECK(at);
	end = strstr(at, "VIRT_EXIT_COUNT");
	CHECK(end);
	while ((at = strstr(at, "VIRT_EXIT_")) && at < end && n < 64) {
		sscanf(at, "VIRT_EXIT_%31[A-Z_]", names[n++]);
		at++;
	}
	free(header);
	return n;
}

static void every_exit_reason_has_its_rows(void)
{
	char names[64][32] = { 0 };
	const unsigned int n = reasons(names);
	char *docs = read_all("docs/exits.md");
	const char *root_part = strstr(docs, "\n## The root"), *rest;

	CHECK(root_part);
	rest = strstr(root_part + 1, "\n## ");
	CHECK(rest);
	CHECK_EQ(n, VIRT_EXIT_COUNT);
	for (unsigned int i = 0; i < n; i++) {
		char row[48];
		unsigned int in_child, in_root;

		snprintf(row, sizeof(row), "\n| `%s` |", names[i]);
		in_child = count(docs, root_part, row);
		in_root = count(root_part, rest, row);
		if (in_child != 1 || in_root != 1)
			printf("  %s: %u and %u rows\n", names[i], in_child, in_root);
		CHECK_EQ(in_child, 1);
		CHECK_EQ(in_root, 1);
	}
	/* And no row is of something else: rows that begin with a capital in backticks. */
	for (const char *at = docs; (at = strstr(at, "\n| `")); at++) {
		char name[32] = "";
		bool is_known = false;

		sscanf(at, "\n| `%31[A-Z_]", name);
		for (unsigned int i = 0; i < n; i++)
			is_known |= !strcmp(name, names[i]);
		CHECK(is_known);
	}
	free(docs);
}

static void every_handler_and_whp_exit_exists(void)
{
	char *docs = read_all("docs/exits.md");
	char *sources[4] = { read_all("hv/run/run.c"), read_all("hv/root.c"),
			     read_all("include/whp/WinHvExits.h"), read_all("hv/run/record.c") };

	for (char *at = docs; (at = strstr(at, "\n| `")); at++) {
		char reason[32] = "", handler[48] = "", whp[64] = "", line[80], full[96];
		const int n =
			sscanf(at, "\n| `%31[^`]` | `%47[^`]` | `%63[^`]` |", reason, handler, whp);

		CHECK(n >= 2);
		snprintf(line, sizeof(line), "%s(", handler);
		if (!strstr(sources[0], line) && !strstr(sources[1], line)) {
			printf("  %s: no %s\n", reason, handler);
			CHECK(false);
		}
		if (n == 3 && at < strstr(docs, "\n## The root")) {
			snprintf(full, sizeof(full), "WHvRunVpExitReason%s ", whp);
			if (!strstr(sources[2], full)) {
				printf("  %s: no %s\n", reason, full);
				CHECK(false);
			}
		}
	}
	for (unsigned int i = 0; i < 4; i++)
		free(sources[i]);
	free(docs);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_exit_reason_has_its_rows),
		TEST(every_handler_and_whp_exit_exists),
	};

	world_init(); /* so that nothing of the frame goes unused */
	return RUN(tests);
}
