/* SPDX-License-Identifier: MIT */
/* The formatter behind the log. No state, no allocation. */
#include <stdbool.h>
#include <stdint.h>

#include "arch/x86/format.h"

struct sink {
	char *at, *end; /* end: the place of the terminating zero */
};

/* One conversion as parsed: %[0][width][l|ll]letter */
struct conversion {
	unsigned int width;
	unsigned int n_long;
	char pad;
	char letter;
};

static void put(struct sink *sink, char c)
{
	if (sink->at < sink->end)
		*sink->at++ = c;
}

static void put_text(struct sink *sink, const char *text, const struct conversion *conv)
{
	unsigned int length = 0;

	if (!text)
		text = "(null)";
	while (text[length])
		length++;
	for (unsigned int i = length; i < conv->width; i++)
		put(sink, ' ');
	for (unsigned int i = 0; i < length; i++)
		put(sink, text[i]);
}

static void put_number(struct sink *sink, uint64_t value, unsigned int base, bool is_negative,
		       const struct conversion *conv)
{
	char digits[20];
	unsigned int n = 0;
	unsigned int length;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	length = n + is_negative;
	if (is_negative && conv->pad == '0')
		put(sink, '-');
	for (unsigned int i = length; i < conv->width; i++)
		put(sink, conv->pad);
	if (is_negative && conv->pad != '0')
		put(sink, '-');
	while (n)
		put(sink, digits[--n]);
}

/* `at` is behind the percent sign. Returns the place of the conversion's letter. */
static const char *parse(const char *at, struct conversion *conv)
{
	conv->pad = ' ';
	conv->width = 0;
	conv->n_long = 0;
	if (*at == '0') {
		conv->pad = '0';
		at++;
	}
	for (; *at >= '0' && *at <= '9'; at++) {
		if (conv->width < 100)
			conv->width = conv->width * 10 + (unsigned int)(*at - '0');
	}
	for (; *at == 'l' && conv->n_long < 2; at++)
		conv->n_long++;
	conv->letter = *at;
	return at;
}

size_t format_list(char *out, size_t n_bytes, const char *format, va_list args)
{
	struct sink sink = { out, out + n_bytes - 1 };
	struct conversion conv;

	for (const char *at = format; *at; at++) {
		const char *percent = at;

		if (*at != '%') {
			put(&sink, *at);
			continue;
		}
		at = parse(at + 1, &conv);
		switch (conv.letter) {
		case '%': put(&sink, '%'); break;
		case 'c': put(&sink, (char)va_arg(args, int)); break;
		case 's': put_text(&sink, va_arg(args, const char *), &conv); break;
		case 'p':
			put_text(&sink, "0x", &(struct conversion) { 0 });
			put_number(&sink, (uintptr_t)va_arg(args, void *), 16, false, &conv);
			break;
		case 'u':
		case 'x': {
			/* long and long long are both 64 bits wide here */
			uint64_t value = conv.n_long ? va_arg(args, unsigned long)
						     : va_arg(args, unsigned int);

			put_number(&sink, value, conv.letter == 'x' ? 16 : 10, false, &conv);
			break;
		}
		case 'd': {
			int64_t value = conv.n_long ? va_arg(args, long) : va_arg(args, int);
			uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

			put_number(&sink, magnitude, 10, value < 0, &conv);
			break;
		}
		default:
			for (; *percent; percent++)
				put(&sink, *percent);
			*sink.at = 0;
			return (size_t)(sink.at - out);
		}
	}
	*sink.at = 0;
	return (size_t)(sink.at - out);
}

size_t format_text(char *out, size_t n_bytes, const char *format, ...)
{
	va_list args;
	size_t length;

	va_start(args, format);
	length = format_list(out, n_bytes, format, args);
	va_end(args);
	return length;
}
