// SPDX-License-Identifier: MIT
/* See text.h. */
#include "text.h"

void text_clear(struct text *text)
{
	text->n = 0;
	text->at[0] = '\0';
}

void text_add(struct text *text, const char *more)
{
	while (*more && text->n < TEXT_BYTES - 1)
		text->at[text->n++] = *more++;
	text->at[text->n] = '\0';
}

void text_number(struct text *text, uint64_t number)
{
	char digits[21];
	size_t first = sizeof(digits) - 1;

	digits[first] = '\0';
	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_add(text, digits + first);
}

void text_mebibytes(struct text *text, uint64_t n_bytes)
{
	text_number(text, (n_bytes >> 20) + ((n_bytes & ((1u << 20) - 1)) != 0));
	text_add(text, " MiB");
}
