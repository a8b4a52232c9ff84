/* SPDX-License-Identifier: MIT */
/* For tests that compare a document with the code. */
#ifndef TESTS_UNIT_READ_ALL_H
#define TESTS_UNIT_READ_ALL_H

#include <stdio.h>
#include <stdlib.h>

#include "tests/check.h"

/* The text of a file of less than 256 KiB, which the caller frees. */
static inline char *read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 1 << 18);

	REQUIRE(file && text);
	REQUIRE(fread(text, 1, (1 << 18) - 1, file) > 0);
	fclose(file);
	return text;
}

#endif
