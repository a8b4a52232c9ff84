/* SPDX-License-Identifier: MIT */
/* A small printf: the conversions of include/whit/log.h, and nothing else. */
#ifndef ARCH_X86_FORMAT_H
#define ARCH_X86_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Write at most n_bytes with the terminating zero (n_bytes of at least 1). Returns the length of
 * what is in `out`. An unknown conversion is copied as it stands, and ends the use of arguments.
 */
__attribute__((format(printf, 3, 0))) size_t format_list(char *out, size_t n_bytes,
							 const char *format, va_list args);
__attribute__((format(printf, 3, 4))) size_t format_text(char *out, size_t n_bytes,
							 const char *format, ...);

#endif
