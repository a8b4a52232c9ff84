// SPDX-License-Identifier: MIT
/*
 * The hypervisor's tables, read back by a walk of all entries and compared with the map of
 * whit/layout.h, range by range.
 */
#include <stdlib.h>
#include <string.h>

#include "boot/paging.h"
#include "tests/check.h"
#include "whit/layout.h"

#define MIB    (1ull << 20)
#define GIB    (1ull << 30)
#define N_CPUS 3
#define MAX    256

enum rights { R, RW, RX };

/* What the tables map: like neighbours are one range. */
struct range {
	uint64_t va, pa, n_bytes;
	enum rights rights;
};

static struct range found[MAX];
static size_t n_found;
static size_t n_pages_of[4]; /* by level */

static const struct image image = {
	.n_bytes = 4 * MIB,
	.n_segments = 3,
	.segment = { { .va = WHIT_IMAGE_BASE, .n_bytes = 0x5000, .is_executable = true },
		     { .va = WHIT_IMAGE_BASE + 0x5000, .n_bytes = 0x2000 },
		     { .va = WHIT_IMAGE_BASE + 0x1ff000, .n_bytes = 0x3000, .is_writable = true } },
};

static struct paging paging = {
	.image = &image,
	.image_base = 0x1d200000,
	.stacks_base = 0x1d600000,
	.n_cpus = N_CPUS,
	.direct_bytes = 6 * GIB,
};

static void found_add(struct range r)
{
	struct range *last = n_found ? &found[n_found - 1] : NULL;

	if (last && last->va + last->n_bytes == r.va && last->pa + last->n_bytes == r.pa &&
	    last->rights == r.rights)
		last->n_bytes += r.n_bytes;
	else if (n_found < MAX)
		found[n_found++] = r;
	else
		CHECK(!"fewer ranges");
}

/* SDM 3A "Paging", "4-Level Paging", with the bits written out. */
static void walk(uint64_t table, int level, uint64_t va, bool writable, bool executable)
{
	const uint64_t *entries = (const uint64_t *)table;
	uint64_t size = 1ull << (12 + 9 * (level - 1));

	for (uint64_t i = 0; i < 512; i++) {
		uint64_t e = entries[i];
		uint64_t at = va + i * size;
		bool w = writable && (e >> 1 & 1);
		bool x = executable && !(e >> 63);

		if (!(e & 1)) {
			CHECK_EQ(e, 0);
			continue;
		}
		CHECK(!(e >> 2 & 1)); /* no user pages */
		CHECK(!(e >> 8 & 1)); /* none global */
		if (level == 4)
			at |= at >> 47 & 1 ? 0xffff000000000000 : 0;
		if (level > 1 && !(e >> 7 & 1)) {
			walk(e & 0x000ffffffffff000, level - 1, at, w, x);
			continue;
		}
		CHECK(level < 4);
		CHECK(!(w && x));
		CHECK((e & 0x000ffffffffff000) % size == 0);
		n_pages_of[level]++;
		found_add((struct range) { at, e & 0x000ffffffffff000, size, x ? RX : w ? RW : R });
	}
}

static struct block block_new(size_t n_pages)
{
	struct block block = { .n_bytes = n_pages * PAGE_SIZE };
	void *memory = aligned_alloc(PAGE_SIZE, n_pages ? block.n_bytes : PAGE_SIZE);

	memset(memory, 0, block.n_bytes);
	block.base = (uintptr_t)memory;
	return block;
}

static void block_drop(struct block *block)
{
	free((void *)block->base);
}

static void expect(size_t *i, uint64_t va, uint64_t pa, uint64_t n_bytes, enum rights rights)
{
	if (*i >= n_found) {
		CHECK(!"as many ranges");
		return;
	}
	CHECK_EQ(found[*i].va, va);
	CHECK_EQ(found[*i].pa, pa);
	CHECK_EQ(found[*i].n_bytes, n_bytes);
	CHECK_EQ(found[*i].rights, rights);
	++*i;
}

static void expect_the_layout(void)
{
	uint64_t image_end = paging.image_base + image.n_bytes;
	uint64_t stack = paging.stacks_base;
	size_t i = 0;

	expect(&i, WHIT_DIRECT_BASE, 0, paging.image_base, RW);
	expect(&i, WHIT_DIRECT_BASE + image_end, image_end, paging.direct_bytes - image_end, RW);
	expect(&i, WHIT_IMAGE_BASE, paging.image_base, 0x5000, RX);
	expect(&i, WHIT_IMAGE_BASE + 0x5000, paging.image_base + 0x5000, 0x2000, R);
	expect(&i, WHIT_IMAGE_BASE + 0x1ff000, paging.image_base + 0x1ff000, 0x3000, RW);
	for (uint64_t cpu = 0; cpu < paging.n_cpus; cpu++) {
		uint64_t slot = WHIT_STACKS_BASE + cpu * 0x10000;

		expect(&i, slot + 0x1000, stack, 0x7000, RW);
		expect(&i, slot + 0x9000, stack + 0x7000, 0x2000, RW);
		expect(&i, slot + 0xc000, stack + 0x9000, 0x2000, RW);
		stack += PAGING_STACK_BYTES;
	}
	CHECK_EQ(n_found, i);
}

static void build_and_walk(void)
{
	struct block block = block_new(64);
	uint64_t cr3 = paging_host(&paging, &block);

	n_found = 0;
	memset(n_pages_of, 0, sizeof(n_pages_of));
	CHECK(cr3);
	if (cr3)
		walk(cr3, 4, 0, true, true);
	expect_the_layout();
	block_drop(&block);
}

static void tables_in_2m_pages_are_the_layout(void)
{
	paging.has_1g = false;
	build_and_walk();
	CHECK_EQ(n_pages_of[3], 0);
	CHECK_EQ(n_pages_of[2], 6 * 512 - 2);
}

static void tables_in_1g_pages_are_the_layout(void)
{
	paging.has_1g = true;
	build_and_walk();
	CHECK_EQ(n_pages_of[3], 5);
	CHECK_EQ(n_pages_of[2], 512 - 2);
}

static void memory_above_512_gib_is_seen(void)
{
	paging.direct_bytes = 1300 * GIB;
	paging.has_1g = true;
	build_and_walk();
	paging.direct_bytes = 6 * GIB;
}

/* For every size that is too small, under the sanitizer. */
static void a_block_too_small_is_refused(void)
{
	struct block block = block_new(64);
	size_t n_pages;

	paging.has_1g = false;
	CHECK(paging_host(&paging, &block));
	n_pages = block.n_taken / PAGE_SIZE;
	block_drop(&block);
	CHECK(n_pages > 10 && n_pages < 20);
	for (size_t n = 0; n <= n_pages; n++) {
		block = block_new(n);
		CHECK_EQ(!!paging_host(&paging, &block), n == n_pages);
		block_drop(&block);
	}
}

static void launch_tables_are_both_worlds(void)
{
	static _Alignas(4096) uint64_t firmware[512];
	struct block block = block_new(64);
	uint64_t host_cr3 = paging_host(&paging, &block);
	const uint64_t *host = (const uint64_t *)host_cr3;
	const uint64_t *launch;
	uint64_t cr3 = 0;

	memset(firmware, 0, sizeof(firmware));
	firmware[0] = 0x123023;
	firmware[1] = 0x124063;
	firmware[255] = 0x125023;
	firmware[511] = 0x126022; /* not present: free */
	CHECK(!paging_launch(&block, (uintptr_t)firmware | 0x18, host_cr3, &cr3));
	CHECK(cr3 && cr3 != host_cr3 && cr3 % PAGE_SIZE == 0);
	launch = (const uint64_t *)cr3;
	for (int i = 0; i < 512; i++)
		CHECK_EQ(launch[i], i == 256 || i == 511 ? host[i] : firmware[i]);
	block_drop(&block);
}

static void firmware_on_our_addresses_is_refused(void)
{
	static const int used[] = { 256, 511 };

	for (size_t i = 0; i < 2; i++) {
		static _Alignas(4096) uint64_t firmware[512];
		struct block block = block_new(64);
		uint64_t host_cr3 = paging_host(&paging, &block);
		uint64_t cr3 = 0;

		memset(firmware, 0, sizeof(firmware));
		firmware[used[i]] = 0x123023;
		CHECK(paging_launch(&block, (uintptr_t)firmware, host_cr3, &cr3));
		CHECK_EQ(cr3, 0);
		block.n_taken = block.n_bytes;
		firmware[used[i]] = 0;
		CHECK(paging_launch(&block, (uintptr_t)firmware, host_cr3, &cr3));
		block_drop(&block);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(tables_in_2m_pages_are_the_layout), TEST(tables_in_1g_pages_are_the_layout),
		TEST(memory_above_512_gib_is_seen),	 TEST(a_block_too_small_is_refused),
		TEST(launch_tables_are_both_worlds),	 TEST(firmware_on_our_addresses_is_refused),
	};

	return RUN(tests);
}
