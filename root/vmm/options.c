// SPDX-License-Identifier: MIT
/* See options.h. */
#include "root/vmm/options.h"

#include <stdbool.h>

#include "root/vmm/turns.h"

#define MIN_MEMORY_MIB 64u
#define MAX_MEMORY_MIB 2048u
#define MAX_REPEATS    1000u
#define MAX_SECONDS    86400u

void options_default(struct options *options)
{
	*options = (struct options) {
		.memory_mib = 192, .n_processors = 1, .n_repeats = 1, .n_seconds = 600
	};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* If the line begins with the key and a =, where its value begins; else 0. */
static size_t value_of(const char *line, size_t n, const char *key)
{
	size_t i = 0;

	for (; *key; key++, i++)
		if (i == n || line[i] != *key)
			return 0;
	while (i < n && is_blank(line[i]))
		i++;
	if (i == n || line[i] != '=')
		return 0;
	i++;
	while (i < n && is_blank(line[i]))
		i++;
	return i;
}

static bool set_number(const char *text, size_t n, unsigned int least, unsigned int most,
		       unsigned int *number)
{
	unsigned int value = 0;

	if (!n || n > 6)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (unsigned int)(text[i] - '0');
	}
	if (value < least || value > most)
		return false;
	*number = value;
	return true;
}

static const char *parse_line(struct options *options, const char *line, size_t n)
{
	const struct {
		const char *key, *wrong;
		unsigned int least, most, *number;
	} numbers[] = {
		{ "memory", "memory: not a number from 64 to 2048", MIN_MEMORY_MIB, MAX_MEMORY_MIB,
		  &options->memory_mib },
		{ "processors", "processors: not a number from 1 to 8", 1, TURNS_MAX_VPS,
		  &options->n_processors },
		{ "repeat", "repeat: not a number from 1 to 1000", 1, MAX_REPEATS,
		  &options->n_repeats },
		{ "seconds", "seconds: not a number from 1 to 86400", 1, MAX_SECONDS,
		  &options->n_seconds },
	};
	size_t at;

	while (n && is_blank(line[n - 1]))
		n--;
	for (; n && is_blank(line[0]); n--)
		line++;
	if (!n || line[0] == '#')
		return NULL;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		at = value_of(line, n, numbers[i].key);
		if (at)
			return set_number(line + at, n - at, numbers[i].least, numbers[i].most,
					  numbers[i].number)
				       ? NULL
				       : numbers[i].wrong;
	}
	at = value_of(line, n, "command");
	if (!at)
		return "a line without a known key";
	if (n - at >= OPTIONS_COMMAND_BYTES)
		return "command: too long";
	for (size_t i = at; i < n; i++)
		options->command[i - at] = line[i];
	options->command[n - at] = '\0';
	return NULL;
}

const char *options_parse(struct options *options, const char *text, size_t n_bytes)
{
	for (size_t start = 0, end; start < n_bytes; start = end + 1) {
		const char *wrong;

		for (end = start; end < n_bytes && text[end] != '\n'; end++)
			;
		wrong = parse_line(options, text + start, end - start);
		if (wrong)
			return wrong;
	}
	return NULL;
}
