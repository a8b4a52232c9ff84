/* SPDX-License-Identifier: MIT */
/* Copying between a client's buffer, of any alignment, and one that a hypercall can take. */
#ifndef ROOT_LIB_BOUNCE_H
#define ROOT_LIB_BOUNCE_H

#include <stddef.h>
#include <stdint.h>

static inline void bounce_copy(void *to, const void *from, size_t n_bytes)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	for (; n_bytes >= 8; n_bytes -= 8, t += 8, f += 8)
		__builtin_memcpy(t, f, 8);
	while (n_bytes--)
		*t++ = *f++;
}

#endif
