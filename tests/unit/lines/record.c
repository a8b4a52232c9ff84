/* SPDX-License-Identifier: MIT */
/* See record.h: the functions that gcc and clang call with -fsanitize=thread, in place of the sanitizer's. */
#include "tests/unit/lines/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct record *here;

void record_to(struct record *record)
{
	here = record;
}

static bool has(const struct lines *lines, uintptr_t line)
{
	for (size_t i = 0; i < lines->n; i++)
		if (lines->at[i] == line)
			return true;
	return false;
}

static void add(struct lines *lines, uintptr_t line)
{
	if (has(lines, line))
		return;
	if (lines->n == MAX_LINES)
		abort();
	lines->at[lines->n++] = line;
}

void lines_in_both(const struct lines *a, const struct lines *b, struct lines *both)
{
	both->n = 0;
	for (size_t i = 0; i < a->n; i++)
		if (has(b, a->at[i]))
			add(both, a->at[i]);
}

static void note(const volatile void *at, size_t n_bytes, bool is_write)
{
	const uintptr_t first = (uintptr_t)at & ~(uintptr_t)(LINE_BYTES - 1);

	if (here && n_bytes)
		for (uintptr_t line = first; line < (uintptr_t)at + n_bytes; line += LINE_BYTES)
			add(is_write ? &here->written : &here->read, line);
}

/* ---- What the compilers call -------------------------------------------------------------- */

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wbuiltin-declaration-mismatch"

#define PLAIN(n)                                      \
	void __tsan_read##n(void *at)                 \
	{                                             \
		note(at, n, false);                   \
	}                                             \
	void __tsan_write##n(void *at)                \
	{                                             \
		note(at, n, true);                    \
	}                                             \
	void __tsan_read_write##n(void *at)           \
	{                                             \
		note(at, n, true);                    \
	}                                             \
	void __tsan_unaligned_read##n(void *at)       \
	{                                             \
		note(at, n, false);                   \
	}                                             \
	void __tsan_unaligned_write##n(void *at)      \
	{                                             \
		note(at, n, true);                    \
	}                                             \
	void __tsan_unaligned_read_write##n(void *at) \
	{                                             \
		note(at, n, true);                    \
	}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void)
{
}

void __tsan_read_range(void *at, size_t n)
{
	note(at, n, false);
}

void __tsan_write_range(void *at, size_t n)
{
	note(at, n, true);
}

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* An exchange that fails has taken the line for itself all the same. */
#define ATOMIC(bits, type)                                                                     \
	type __tsan_atomic##bits##_load(const volatile type *at, int order)                    \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), false);                                                  \
		return __atomic_load_n(at, __ATOMIC_SEQ_CST);                                  \
	}                                                                                      \
	void __tsan_atomic##bits##_store(volatile type *at, type value, int order)             \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		__atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                 \
	}                                                                                      \
	type __tsan_atomic##bits##_exchange(volatile type *at, type value, int order)          \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                       \
	}                                                                                      \
	type __tsan_atomic##bits##_fetch_add(volatile type *at, type value, int order)         \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);                        \
	}                                                                                      \
	type __tsan_atomic##bits##_fetch_sub(volatile type *at, type value, int order)         \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_fetch_sub(at, value, __ATOMIC_SEQ_CST);                        \
	}                                                                                      \
	type __tsan_atomic##bits##_fetch_and(volatile type *at, type value, int order)         \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST);                        \
	}                                                                                      \
	type __tsan_atomic##bits##_fetch_or(volatile type *at, type value, int order)          \
	{                                                                                      \
		(void)order;                                                                   \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST);                         \
	}                                                                                      \
	int __tsan_atomic##bits##_compare_exchange_strong(volatile type *at, type *before,     \
							  type value, int order, int failed)   \
	{                                                                                      \
		(void)order;                                                                   \
		(void)failed;                                                                  \
		note(at, sizeof(*at), true);                                                   \
		return __atomic_compare_exchange_n(at, before, value, false, __ATOMIC_SEQ_CST, \
						   __ATOMIC_SEQ_CST);                          \
	}                                                                                      \
	type __tsan_atomic##bits##_compare_exchange_val(volatile type *at, type before,        \
							type value, int order, int failed)     \
	{                                                                                      \
		(void)__tsan_atomic##bits##_compare_exchange_strong(at, &before, value, order, \
								    failed);                   \
		return before;                                                                 \
	}

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

/* Only the emulator's CMPXCHG16B has it, which nobody executes here. */
int __tsan_atomic128_compare_exchange_strong(volatile void *at, void *before, void *value)
{
	(void)at;
	(void)before;
	(void)value;
	abort();
}

void __tsan_atomic128_compare_exchange_val(void)
{
	abort();
}

void *__tsan_memcpy(void *to, const void *from, size_t n)
{
	note(from, n, false);
	note(to, n, true);
	return memcpy(to, from, n);
}

void *__tsan_memset(void *to, int byte, size_t n)
{
	note(to, n, true);
	return memset(to, byte, n);
}

void *__tsan_memmove(void *to, const void *from, size_t n)
{
	note(from, n, false);
	note(to, n, true);
	return memmove(to, from, n);
}

void *__real_memcpy(void *to, const void *from, size_t n);
void *__real_memset(void *to, int byte, size_t n);

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
	note(from, n, false);
	note(to, n, true);
	return __real_memcpy(to, from, n);
}

void *__wrap_memset(void *to, int byte, size_t n)
{
	note(to, n, true);
	return __real_memset(to, byte, n);
}
