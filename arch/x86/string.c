/* SPDX-License-Identifier: MIT */
/*
 * The four functions that compilers call by themselves. String instructions in assembly, so that no
 * loop here can be recognised as the function it stands in. Eight bytes at a time: an emulated
 * processor, where Whit's cost is counted, takes one step per element.
 */
#include <stdint.h>

#include "arch/x86/string.h"

static void copy_up(void *to, const void *from, size_t n)
{
	size_t words = n / 8, bytes = n % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	copy_up(to, from, n);
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	volatile uint8_t *t = to; /* volatile: stays a loop */
	const volatile uint8_t *f = from;

	if ((uintptr_t)to - (uintptr_t)from >= n) {
		copy_up(to, from, n);
		return to;
	}
	while (n--)
		t[n] = f[n];
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
	size_t words = n / 8, bytes = n % 8;
	void *at = to;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(pattern) : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;

	for (size_t i = 0; i < n; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}
