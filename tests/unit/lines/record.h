/* SPDX-License-Identifier: MIT */
/*
 * Which cache lines a thread writes and reads. The code that is looked at is compiled for ThreadSanitizer, which has it call
 * a function before each access; here those functions note the line.
 */
#ifndef TESTS_UNIT_LINES_RECORD_H
#define TESTS_UNIT_LINES_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define LINE_BYTES 64u
#define MAX_LINES  4096u

struct lines {
	size_t n;
	uintptr_t at[MAX_LINES]; /* each once, in no order */
};

struct record {
	struct lines written, read;
};

/* From now on the accesses of this thread go there; NULL: nowhere. */
void record_to(struct record *record);

/* What is in both. */
void lines_in_both(const struct lines *a, const struct lines *b, struct lines *both);

#endif
