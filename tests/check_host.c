// SPDX-License-Identifier: MIT
/* The frame's functions for programs of the host. */
#include "tests/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf end;
static bool is_running;

/* What a program has said before it dies is seen. */
static __attribute__((format(printf, 1, 2))) void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
}

void (*const check_print)(const char *, ...) = print;

void check_call(void (*test)(void))
{
	is_running = true;
	if (!setjmp(end))
		test();
	is_running = false;
}

void check_end(void)
{
	if (!is_running)
		abort();
	longjmp(end, 1);
}
