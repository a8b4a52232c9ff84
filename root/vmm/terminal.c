// SPDX-License-Identifier: MIT
/*
 * The terminal: formats lines, and keeps the VMM's own lines apart from the guest's unfinished
 * ones.
 */
#include "root/vmm/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "root/vmm/host.h"

static bool is_mid_line; /* the guest has begun a line and not ended it */
static bool has_return;	 /* the guest's last character was a carriage return */

void terminal_guest(char c)
{
	const char *shown =
		"\t\n\a\b\033"; /* and '\r', but for the one of "\r\n", which host_put() adds */

	if (has_return && c != '\n')
		host_put('\r');
	has_return = c == '\r';
	while (*shown && *shown != c)
		shown++;
	if ((unsigned char)c < ' ' && !*shown)
		return;
	is_mid_line = c != '\n';
	host_put(c);
}

static void put_number(uint64_t value, unsigned int base, unsigned int width, char pad)
{
	char digits[20];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (; width > n; width--)
		host_put(pad);
	while (n)
		host_put(digits[--n]);
}

void terminal_print(const char *format, ...)
{
	va_list args;

	if (is_mid_line)
		host_put('\n');
	is_mid_line = false;
	va_start(args, format);
	for (; *format; format++) {
		unsigned int width = 0;
		bool is_long = false;
		char pad = ' ';

		if (*format != '%') {
			host_put(*format);
			continue;
		}
		if (*++format == '0') {
			pad = '0';
			format++;
		}
		for (; *format >= '0' && *format <= '9'; format++)
			width = width * 10 + (unsigned int)(*format - '0');
		for (; *format == 'l'; format++)
			is_long = true;
		switch (*format) {
		case 's':
			for (const char *s = va_arg(args, const char *); *s; s++)
				host_put(*s);
			break;
		case 'c': host_put((char)va_arg(args, int)); break;
		case 'u':
		case 'x': {
			uint64_t value =
				is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned int);

			put_number(value, *format == 'u' ? 10 : 16, width, pad);
			break;
		}
		default: host_put(*format); break;
		}
	}
	va_end(args);
}
