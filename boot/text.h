/* SPDX-License-Identifier: MIT */
/* A line of text that is put together piece by piece; what does not fit is left out. Pure. */
#ifndef BOOT_TEXT_H
#define BOOT_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Enough for each line that the loader says why it refuses. */
#define TEXT_BYTES 320

struct text {
	size_t n;
	char at[TEXT_BYTES]; /* zero-terminated at `n` */
};

void text_clear(struct text *text);

void text_add(struct text *text, const char *more);

/* In decimal. */
void text_number(struct text *text, uint64_t number);

/* So many bytes as `N MiB`, rounded up. */
void text_mebibytes(struct text *text, uint64_t n_bytes);

#endif
