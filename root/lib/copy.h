/* SPDX-License-Identifier: MIT */
/* Copying where a client's buffer, of any alignment, is one of the two. */
#ifndef ROOT_LIB_COPY_H
#define ROOT_LIB_COPY_H

#include <stddef.h>
#include <stdint.h>

static inline void copy_bytes(void *to, const void *from, size_t n_bytes)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (; n_bytes >= 8; n_bytes -= 8, t += 8, f += 8)
		__builtin_memcpy(t, f, 8);
	while (n_bytes--)
		*t++ = *f++;
}

#endif
