// SPDX-License-Identifier: MIT
/* See config.h. */
#include "config.h"

/* A piece of the text, not terminated. */
struct span {
	const char *at;
	size_t n;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span s)
{
	while (s.n && is_blank(s.at[0])) {
		s.at++;
		s.n--;
	}
	while (s.n && is_blank(s.at[s.n - 1]))
		s.n--;
	return s;
}

/* The part of `s` before the first `c`; `s` becomes what follows it. False if there is no `c`. */
static bool cut(struct span *s, char c, struct span *before)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->at[i] != c)
			continue;
		*before = (struct span) { s->at, i };
		s->at += i + 1;
		s->n -= i + 1;
		return true;
	}
	return false;
}

static bool equals(struct span s, const char *word)
{
	size_t i = 0;

	while (i < s.n && word[i] && s.at[i] == word[i])
		i++;
	return i == s.n && !word[i];
}

/* Takes the digits at the front of `s`. False without a digit, or above 64 bits. */
static bool take_number(struct span *s, unsigned base, uint64_t *value)
{
	size_t start = s->n;

	for (*value = 0; s->n; s->at++, s->n--) {
		char c = s->at[0];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
			digit = (unsigned)((c | 0x20) - 'a') + 10;
		else
			break;
		if (digit >= base)
			break;
		if (*value > (UINT64_MAX - digit) / base)
			return false;
		*value = *value * base + digit;
	}
	return s->n < start;
}

static const char *set_next(struct config *config, struct span value)
{
	if (!value.n || value.n >= CONFIG_PATH_BYTES)
		return "next: not a path of 1 to 255 characters";
	for (size_t i = 0; i < value.n; i++) {
		if (value.at[i] < ' ' || value.at[i] > '~')
			return "next: a character outside ASCII";
	}
	for (size_t i = 0; i < value.n; i++)
		config->next[i] = value.at[i] == '/' ? '\\' : value.at[i];
	config->next[value.n] = '\0';
	return NULL;
}

static const char *set_serial(struct config *config, struct span value)
{
	uint64_t port;

	if (equals(value, "none")) {
		config->serial_port = 0;
		return NULL;
	}
	if (value.n > 2 && value.at[0] == '0' && (value.at[1] | 0x20) == 'x') {
		value.at += 2;
		value.n -= 2;
	}
	/* A 16550 has eight ports. */
	if (!take_number(&value, 16, &port) || value.n || !port || port > 0xfff8)
		return "serial: neither an I/O port in hexadecimal nor none";
	config->serial_port = (uint16_t)port;
	return NULL;
}

/* One of three words, by its number. */
static bool set_choice(uint8_t *choice, const char *const names[static 3], struct span value)
{
	for (uint8_t i = 0; i < 3; i++) {
		if (equals(value, names[i])) {
			*choice = i;
			return true;
		}
	}
	return false;
}

static const char *set_loglevel(struct config *config, struct span value)
{
	static const char *const names[] = { "error", "notice", "debug" };

	return set_choice(&config->log_level, names, value)
		       ? NULL
		       : "loglevel: not error, notice or debug";
}

static const char *set_assist(struct config *config, struct span value)
{
	static const char *const names[] = { "all", "registers", "off" };

	return set_choice(&config->assist, names, value) ? NULL
							 : "assist: not all, registers or off";
}

static const char *set_processors(struct config *config, struct span value)
{
	const bool is_all = equals(value, "all");

	if (!is_all && !equals(value, "one"))
		return "processors: neither one nor all";
	config->all_processors = is_all;
	return NULL;
}

static const char *set_icr(struct config *config, struct span value)
{
	const bool is_trap = equals(value, "trap");

	if (!is_trap && !equals(value, "auto"))
		return "icr: neither auto nor trap";
	config->traps_icr = is_trap;
	return NULL;
}

static const char *set_panic(struct config *config, struct span value)
{
	static const char bad[] = "panic: neither stop nor reset and 1 to 3600 seconds";
	struct span word;
	uint64_t seconds;

	if (equals(value, "stop")) {
		config->panic_seconds = 0;
		return NULL;
	}
	if (!cut(&value, ' ', &word) || !equals(word, "reset"))
		return bad;
	value = trim(value);
	if (!take_number(&value, 10, &seconds) || value.n || !seconds || seconds > CONFIG_PANIC_MAX)
		return bad;
	config->panic_seconds = (uint16_t)seconds;
	return NULL;
}

static const char *set_memory(struct config *config, struct span value)
{
	static const char bad[] = "memory: not a size from 8M to 64G";
	unsigned shift = 0;
	uint64_t n;

	if (!take_number(&value, 10, &n) || value.n > 1)
		return bad;
	if (value.n) {
		char unit = (char)(value.at[0] | 0x20);

		shift = unit == 'k' ? 10 : unit == 'm' ? 20 : unit == 'g' ? 30 : 0;
		if (!shift)
			return bad;
	}
	if (n > CONFIG_MEMORY_MAX >> shift || n << shift < CONFIG_MEMORY_MIN)
		return bad;
	config->memory_bytes = n << shift;
	return NULL;
}

static const struct {
	const char *key;
	const char *(*set)(struct config *config, struct span value);
} keys[] = {
	{ "next", set_next },
	{ "serial", set_serial },
	{ "loglevel", set_loglevel },
	{ "memory", set_memory },
	{ "assist", set_assist },
	{ "panic", set_panic },
	{ "processors", set_processors },
	{ "icr", set_icr },
};

/* A text that says why the line is wrong, or NULL. */
static const char *parse_line(struct config *config, struct span line)
{
	struct span key;
	struct span before;

	if (cut(&line, '#', &before))
		line = before;
	line = trim(line);
	if (!line.n)
		return NULL;
	if (!cut(&line, '=', &key))
		return "not of the form key = value";
	key = trim(key);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (equals(key, keys[i].key))
			return keys[i].set(config, trim(line));
	}
	return "unknown key";
}

void config_default(struct config *config)
{
	*config = (struct config) {
		.memory_bytes = CONFIG_MEMORY_DEFAULT,
		.serial_port = CONFIG_SERIAL_COM1,
		.log_level = CONFIG_LOG_NOTICE,
		.assist = CONFIG_ASSIST_ALL,
		.all_processors = true,
	};
}

void config_parse(struct config *config, const char *text, size_t n_bytes, config_warn_fn *warn,
		  void *context)
{
	struct span rest = { text, n_bytes };
	unsigned number = 1;

	if (rest.n >= 3 && equals((struct span) { rest.at, 3 }, "\xef\xbb\xbf")) {
		rest.at += 3;
		rest.n -= 3;
	}
	for (; rest.n; number++) {
		struct span line;
		const char *wrong;

		if (!cut(&rest, '\n', &line)) {
			line = rest;
			rest.n = 0;
		}
		wrong = parse_line(config, line);
		if (wrong)
			warn(context, number, wrong);
	}
}
