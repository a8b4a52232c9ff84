// SPDX-License-Identifier: MIT
/*
 * See vector.h. The same recurrence, x = x * a + b with a and b of each lane, in scalars and in vectors of each width.
 * It is compiled without contraction, so that all must agree to the last bit. The vectors are as many as there
 * are registers, less two: the compiler keeps them there, over every interrupt and task switch.
 */
#include "vector.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAX_VECTORS 30
#define MAX_LANES   8
#define N_STEPS	    20000
#define N_NUMBERS   (MAX_VECTORS * MAX_LANES)

static double expected[N_NUMBERS], start[N_NUMBERS];
static const double a = 0.999755859375, b = 0.0001220703125;

static void prepare(unsigned int seed)
{
	for (int i = 0; i < N_NUMBERS; i++) {
		double x = start[i] = (double)(i + 1) / (double)(seed * 7 + 3);

		for (int step = 0; step < N_STEPS; step++)
			x = x * a + b;
		expected[i] = x;
	}
}

#define VECTORS(name, features, lanes, n)                                             \
	typedef double name##_t __attribute__((vector_size((lanes)*8)));              \
	__attribute__((target(features), noinline)) static bool name(void)            \
	{                                                                             \
		name##_t x[n];                                                        \
		memcpy(x, start, sizeof(x));                                          \
		for (int step = 0; step < N_STEPS; step++) {                          \
			_Pragma("GCC unroll 32") for (int i = 0; i < (n); i++) x[i] = \
				x[i] * a + b;                                         \
		}                                                                     \
		return !memcmp(x, expected, sizeof(x));                               \
	}

VECTORS(sse2, "sse2", 2, 14)
VECTORS(avx, "avx", 4, 14)
VECTORS(avx512, "avx512f", 8, 30)

/* Integers need AVX2. Low halves of products, sums: exact by nature. */
typedef uint32_t avx2_t __attribute__((vector_size(32)));

__attribute__((target("avx2"), noinline)) static bool avx2(void)
{
	avx2_t x[14];
	uint32_t one[sizeof(x) / 4];

	for (unsigned int i = 0; i < sizeof(x) / 4; i++) {
		uint32_t y = (uint32_t)(start[i % N_NUMBERS] * 1000003.0) + i;

		((uint32_t *)x)[i] = y;
		for (int step = 0; step < N_STEPS; step++)
			y = y * 1664525u + 1013904223u;
		one[i] = y;
	}
	for (int step = 0; step < N_STEPS; step++) {
#pragma GCC unroll 32
		for (int i = 0; i < 14; i++)
			x[i] = x[i] * 1664525u + 1013904223u;
	}
	return !memcmp(x, one, sizeof(x));
}

static bool has_sse2(void)
{
	return true;
}

static bool has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static const struct {
	const char *name;
	bool (*is_there)(void);
	bool (*is_right)(void);
} kinds[] = {
	{ "sse2", has_sse2, sse2 },
	{ "avx", has_avx, avx },
	{ "avx2", has_avx2, avx2 },
	{ "avx512", has_avx512, avx512 },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *vector_check(unsigned int seed)
{
	__builtin_cpu_init();
	prepare(seed);
	for (unsigned int i = 0; i < N_KINDS; i++)
		if (kinds[i].is_there() && !kinds[i].is_right())
			return kinds[i].name;
	return 0;
}

const char *vector_kinds(void)
{
	static char text[64];

	__builtin_cpu_init();
	for (unsigned int i = 0; i < N_KINDS; i++) {
		if (!kinds[i].is_there())
			continue;
		if (text[0])
			strcat(text, " ");
		strcat(text, kinds[i].name);
	}
	return text;
}
