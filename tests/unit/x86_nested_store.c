// SPDX-License-Identifier: MIT
/* Marks in an entry of nested page tables while somebody else takes the entry away and puts it back: they never outlive it. */
#include <pthread.h>
#include <stdint.h>

#include "arch/x86/nested.h"
#include "tests/check.h"

#define N_ROUNDS 200000u
#define LEAF	 (NESTED_TRACKED | NESTED_MAY_WRITE | 0x12345000ull | 5)
#define MARK	 (NESTED_WRITE | 1ull << 9)

static uint64_t entry;
static bool is_over;
static uint64_t n_marked;

static void *mark(void *unused)
{
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		n_marked += nested_mark(&entry, NESTED_TRACKED | NESTED_MAY_WRITE, MARK);
	return unused;
}

/* A hole stays one, and another page that is not tracked has no bits; a mark that is set is seen by who takes the entry. */
static void a_mark_does_not_outlive_its_entry(void)
{
	static const uint64_t others[] = { 0, 0x777000ull | 5, NESTED_TRACKED | 0x888000ull | 5 };
	uint64_t n_seen = 0;
	pthread_t marker;

	is_over = false;
	n_marked = 0;
	REQUIRE(!pthread_create(&marker, NULL, mark, NULL));
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		const uint64_t other = others[i % 3];
		uint64_t old;

		nested_store(&entry, LEAF);
		while (i % 64 == 0 && !(__atomic_load_n(&entry, __ATOMIC_RELAXED) & MARK))
			;
		old = nested_store(&entry, other);
		if (old != LEAF && old != (LEAF | MARK))
			FAIL("the entry became %lx", (unsigned long)old);
		n_seen += old != LEAF;
		for (unsigned int look = 0; look < 20; look++)
			if (__atomic_load_n(&entry, __ATOMIC_RELAXED) != other)
				FAIL("a mark in the entry that came after");
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	REQUIRE(!pthread_join(marker, NULL));
	CHECK(n_seen >= N_ROUNDS / 64 && n_marked >= n_seen);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_mark_does_not_outlive_its_entry),
	};

	return RUN(tests);
}
