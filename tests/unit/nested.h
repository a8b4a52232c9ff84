/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables against a model that keeps one record a page, whatever the vendor's format of an
 * entry: ept.c and npt.c say what a processor makes of one, in its manual's words. Every write to a
 * table is seen by nested_store(): at each of these moments, and at the flush, a processor that walks
 * from the root, or goes on from a table that it has cached, must find the old translation or the new one.
 */
#ifndef TESTS_UNIT_NESTED_H
#define TESTS_UNIT_NESTED_H

#include <stdint.h>
#include <string.h>

#include "arch/x86/nested.h"
#include "tests/check.h"
#include "tests/random.h"
#include "x86/paging.h"

static struct random rng;

/* ---- The processor's view of an entry, by the manual: ept.c, npt.c ------------------------------ */

static bool hw_is_present(uint64_t entry);

/* Reserved bits, and what must be set, of an entry that points to a table; of a leaf. */
static void hw_check_table(uint64_t entry, int level);
static void hw_check_leaf(uint64_t entry, int level);
static uint8_t hw_rights(uint64_t entry); /* VIRT_READ, VIRT_WRITE, VIRT_EXECUTE */
static uint8_t hw_type(uint64_t entry);

static bool hw_has_flags(const struct virt_space *space);
static const uint64_t hw_accessed, hw_dirty;

/* What becomes of rights and types that are asked for. */
static uint8_t hw_rights_had(uint8_t rights);
static uint8_t hw_type_had(uint8_t type);

#define N_PAGES	   600
#define PAGE_BYTES 4096
#define WORDS	   512

const uint64_t virt_direct_base; /* spa_t and host address are the same number here */
struct virt_machine virt_machine = { .has_execute_only = true, .max_leaf_level = LEVEL_1G };

static _Alignas(PAGE_BYTES) uint64_t arena[N_PAGES][WORDS];
static struct virt_pages pages;
static struct virt_space space;

/* ---- The model: two regions of 1 GiB, page by page ------------------------------------------ */

struct page {
	uint64_t spa; /* 0: a hole */
	uint8_t rights, type;
};

#define REGIONS	     2
#define REGION_PAGES (1u << 18)

/* One at zero, one so high that every index is another. */
static const uint64_t region_base[REGIONS] = { 0, 0x7fc0000000 + 0x00008000000000 };
static struct page model[REGIONS][REGION_PAGES];

static struct page *model_at(uint64_t gpa)
{
	int region = gpa >= region_base[1];

	return &model[region][(gpa - region_base[region]) / PAGE_BYTES];
}

static bool is_same(const struct page *a, const struct page *b)
{
	return a->spa == b->spa && a->rights == b->rights && a->type == b->type;
}

/* ---- The walker ------------------------------------------------------------------------------ */

struct trail {
	uint64_t table[5]; /* [4] the PML4 … [1] the page table; 0: not reached */
};

/* From the table of `level`. Records the tables that it goes through. */
static struct page hardware_walk(uint64_t table, int level, uint64_t gpa, struct trail *trail)
{
	struct page none = { 0 }, page;

	for (;; level--) {
		uint64_t entry = ((uint64_t *)table)[gpa >> (12 + 9 * (level - 1)) & 511];
		uint64_t size = 1ull << (12 + 9 * (level - 1));

		if (trail)
			trail->table[level] = table;
		if (!hw_is_present(entry))
			return none;
		if (level == 1 || (level < 4 && entry & 0x80)) {
			hw_check_leaf(entry, level);
			CHECK(!(entry & 0x000ffffffffff000 & (size - 1)));
			page.spa = (entry & 0x000ffffffffff000) | (gpa & (size - 1) & ~0xfffull);
			page.rights = hw_rights(entry);
			page.type = hw_type(entry);
			return page;
		}
		hw_check_table(entry, level);
		table = entry & 0x000ffffffffff000;
	}
}

/* ---- Witnesses ------------------------------------------------------------------------------ */

#define N_WITNESSES 12

static struct witness {
	uint64_t gpa;
	struct page old, new;
	struct trail cached; /* of the time before the operation */
} witnesses[N_WITNESSES];
static bool is_watching;
static bool writes_before_store; /* a processor, between the look at an entry and the store */
static unsigned int n_stores, n_watched;

static void check_one(const struct witness *w, const struct page *got)
{
	CHECK(is_same(got, &w->old) || is_same(got, &w->new));
}

static void watch(void)
{
	if (!is_watching)
		return;
	n_watched++;
	for (int i = 0; i < N_WITNESSES; i++) {
		const struct witness *w = &witnesses[i];
		struct page got = hardware_walk(space.root.a, 4, w->gpa, NULL);

		check_one(w, &got);
		for (int level = 3; level >= 1; level--) {
			if (!w->cached.table[level])
				continue;
			got = hardware_walk(w->cached.table[level], level, w->gpa, NULL);
			check_one(w, &got);
		}
	}
}

uint64_t nested_store(uint64_t *entry, uint64_t value)
{
	uint64_t old = *entry;

	if (writes_before_store)
		old |= hw_dirty;
	writes_before_store = false;
	*entry = value;
	n_stores++;
	watch();
	return old;
}

uint64_t nested_change(uint64_t *entry, uint64_t clear, uint64_t set)
{
	return nested_store(entry, (*entry & ~clear) | set);
}

bool nested_mark(uint64_t *entry, uint64_t has, uint64_t set)
{
	if ((*entry & has) != has)
		return false;
	nested_store(entry, *entry | set);
	return true;
}

/* ---- Operations ------------------------------------------------------------------------------ */

static void set_up(uint64_t n_pages)
{
	memset(arena, 0, sizeof(arena));
	memset(model, 0, sizeof(model));
	pages.count = 0;
	for (uint64_t i = n_pages; i > 0; i--)
		virt_pages_give(&pages, SPA((uintptr_t)arena[i - 1]));
	CHECK(virt_space_create(&space, &pages));
}

/* All pages are back, and zero but for the list's thread. */
static void tear_down(uint64_t n_pages)
{
	virt_space_destroy(&space);
	CHECK_EQ(pages.count, n_pages);
	for (uint64_t i = 0; i < n_pages; i++) {
		for (int word = 1; word < WORDS; word++)
			CHECK_EQ(arena[i][word], 0);
	}
}

static uint64_t random_gpa(void)
{
	/* Few 2 MiB blocks and few pages, so that operations meet. */
	return region_base[random_below(&rng, 2)] + random_below(&rng, 3) * 0x0fe00000 +
	       (random_below(&rng, 4) ? random_below(&rng, 4) * 127 : random_below(&rng, 512)) *
		       PAGE_BYTES;
}

static struct virt_leaf random_leaf(unsigned int level)
{
	static const uint8_t rights[] = { 1, 3, 4, 5, 7, 7, 7, 0, 0, 0 };
	static const uint8_t types[] = { MEMTYPE_UC, MEMTYPE_WC, MEMTYPE_WB };
	struct virt_leaf leaf = {
		.rights = rights[random_below(&rng, 10)],
		.level = (uint8_t)level,
		.type = types[random_below(&rng, 3)],
		.spa = SPA((1 + random_below(&rng, 1000)) << 31 & ~(LEVEL_SIZE(level) - 1)),
	};

	if (!leaf.rights)
		leaf.type = 0, leaf.spa = SPA(0);
	else if (level == LEVEL_4K && random_below(&rng, 3) == 0)
		leaf.rights |= VIRT_TRACKED;
	return leaf;
}

static struct page page_of(const struct virt_leaf *leaf, uint64_t offset)
{
	struct page page = { 0 };

	if (!leaf->rights)
		return page;
	page.spa = leaf->spa.a + offset;
	page.rights = hw_rights_had(leaf->rights & 7);
	page.type = hw_type_had(leaf->type);
	/* Without flags a tracked page that nobody has written to is write-protected. */
	if ((leaf->rights & VIRT_TRACKED) && !hw_has_flags(&space))
		page.rights &= (uint8_t)~VIRT_WRITE;
	return page;
}

static void choose_witnesses(uint64_t gpa, uint64_t n_bytes, const struct virt_leaf *leaf)
{
	for (int i = 0; i < N_WITNESSES; i++) {
		struct witness *w = &witnesses[i];

		w->gpa = random_gpa();
		if (i < 6) /* in it, and at its edges; also just outside */
			w->gpa = gpa + (i == 0	 ? 0
					: i == 1 ? n_bytes - PAGE_BYTES
						 : random_next(&rng) * PAGE_BYTES % n_bytes);
		if (i == 6 && gpa % LEVEL_SIZE(LEVEL_1G))
			w->gpa = gpa - PAGE_BYTES;
		w->old = w->new = *model_at(w->gpa);
		if (w->gpa >= gpa && w->gpa < gpa + n_bytes)
			w->new = page_of(leaf, w->gpa - gpa);
		memset(&w->cached, 0, sizeof(w->cached));
		hardware_walk(space.root.a, 4, w->gpa, &w->cached);
	}
}

static bool set(uint64_t gpa, unsigned int level, struct virt_leaf leaf)
{
	uint64_t n_bytes = LEVEL_SIZE(level);
	bool is_done;

	choose_witnesses(gpa, n_bytes, &leaf);
	/* While something is taken away nobody walks; and who has cached a table enters anew. */
	is_watching = leaf.rights && !virt_space_lookup(&space, GPA(gpa)).rights &&
		      virt_space_lookup(&space, GPA(gpa)).level >= level;
	is_done = virt_space_set(&space, GPA(gpa), level, leaf);
	watch();
	is_watching = false;
	if (!is_done)
		return false;
	for (uint64_t offset = 0; offset < n_bytes; offset += PAGE_BYTES)
		*model_at(gpa + offset) = page_of(&leaf, offset);
	return true;
}

static void check_lookup(uint64_t gpa)
{
	struct virt_leaf leaf = virt_space_lookup(&space, GPA(gpa));
	uint64_t start = gpa & ~(LEVEL_SIZE(leaf.level) - 1);
	struct page walked = hardware_walk(space.root.a, 4, gpa, NULL);
	struct page got;

	CHECK(leaf.level >= LEVEL_4K && leaf.level <= LEVEL_1G);
	got = page_of(&leaf, (gpa & PAGE_MASK) - start);
	CHECK(is_same(&got, model_at(gpa)));
	CHECK(is_same(&walked, model_at(gpa)));
	/* The block is all of a piece, holes too. */
	for (uint64_t at = start; at < start + LEVEL_SIZE(leaf.level); at += 37 * PAGE_BYTES) {
		got = page_of(&leaf, at - start);
		CHECK(is_same(&got, model_at(at)));
	}
}

static void random_operations(int rounds, uint64_t n_pages)
{
	int n_refused = 0;

	set_up(n_pages);
	for (int i = 0; i < rounds; i++) {
		unsigned int level = random_below(&rng, 40) == 0 ? LEVEL_1G
				     : random_below(&rng, 4)	 ? LEVEL_4K
								 : LEVEL_2M;
		uint64_t gpa = random_gpa() & ~(LEVEL_SIZE(level) - 1);

		n_refused += !set(gpa, level, random_leaf(level));
		for (int k = 0; k < 3; k++)
			check_lookup(random_gpa() + random_below(&rng, 4096));
		check_lookup(gpa);
	}
	CHECK(n_pages > 20 ? !n_refused : n_refused > 0);
	tear_down(n_pages);
}

static void sets_splits_and_holes_agree_with_the_model_at_every_moment(void)
{
	rng.state = 5;
	n_stores = n_watched = 0;
	random_operations(6000, N_PAGES);
	CHECK(n_stores > 1000 && n_watched > 500);
}

/* A refusal leaves every byte of every table as it was. */
static void with_few_pages_a_refusal_changes_nothing(void)
{
	static uint64_t before[N_PAGES][WORDS];
	int n_refused = 0;

	rng.state = 6;
	for (uint64_t n_pages = 1; n_pages < 12; n_pages++) {
		set_up(n_pages);
		for (int i = 0; i < 200; i++) {
			unsigned int level = 1 + (unsigned int)random_below(&rng, 2);
			uint64_t gpa = random_gpa() & ~(LEVEL_SIZE(level) - 1);
			struct virt_pages list = pages;

			memcpy(before, arena, sizeof(arena[0]) * n_pages);
			if (!set(gpa, level, random_leaf(level))) {
				n_refused++;
				CHECK(pages.count < 4);
				CHECK(list.first == pages.first && list.count == pages.count);
				CHECK(!memcmp(before, arena, sizeof(arena[0]) * n_pages));
			}
		}
		tear_down(n_pages);
	}
	CHECK(n_refused > 500);
	pages.count = 0;
	CHECK(!virt_space_create(&space, &pages));
}

static void three_pages_are_enough_for_one_leaf(void)
{
	struct virt_leaf leaf = { .spa = SPA(0x1000), .rights = 7, .level = 1, .type = 6 };

	set_up(4);
	CHECK(set(0x1000, LEVEL_4K, leaf));
	CHECK_EQ(pages.count, 0);
	leaf.rights = 0;
	CHECK(set(0x1000, LEVEL_4K, leaf));
	CHECK_EQ(pages.count, 3); /* emptied tables come back at once */
	tear_down(4);
}

static void one_gibibyte_is_split_and_joined_again(void)
{
	struct virt_leaf large = { .spa = SPA(3ull << 30), .rights = 7, .level = 3, .type = 6 };
	struct virt_leaf small = { .spa = SPA(0x5000), .rights = 1, .level = 1, .type = 0 };

	set_up(10);
	CHECK(set(0, LEVEL_1G, large));
	CHECK_EQ(pages.count, 8);
	CHECK(set(0x12345000, LEVEL_4K, small));
	CHECK_EQ(pages.count, 6);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x12345000)).level, LEVEL_4K);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x12346000)).level, LEVEL_4K);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x12400000)).level, LEVEL_2M);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x12400000)).spa.a, (3ull << 30) + 0x12400000);
	CHECK(set(0, LEVEL_1G, large));
	CHECK_EQ(pages.count, 8);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x12345000)).level, LEVEL_1G);
	tear_down(10);
}

static void holes_tell_how_large_they_are(void)
{
	struct virt_leaf leaf = { .spa = SPA(0x1000), .rights = 7, .level = 1, .type = 6 };

	set_up(10);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x1000)).level, LEVEL_1G);
	CHECK(set(0x1000, LEVEL_4K, leaf));
	CHECK_EQ(virt_space_lookup(&space, GPA(0x2000)).level, LEVEL_4K);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x200000)).level, LEVEL_2M);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x40000000)).level, LEVEL_1G);
	CHECK_EQ(virt_space_lookup(&space, GPA(0x40000000)).rights, 0);
	CHECK_EQ(virt_space_lookup(&space, GPA(1ull << 50)).rights, 0);
	tear_down(10);
}

static void addresses_beyond_four_levels_are_refused(void)
{
	struct virt_leaf leaf = { .spa = SPA(0x1000), .rights = 7, .level = 1, .type = 6 };

	set_up(10);
	CHECK(!virt_space_set(&space, GPA(1ull << 48), LEVEL_4K, leaf));
	leaf.rights = 0;
	CHECK(virt_space_set(&space, GPA(1ull << 48), LEVEL_4K, leaf));
	CHECK_EQ(pages.count, 9);
	tear_down(10);
}

/* ---- Dirty pages ------------------------------------------------------------------------- */

static const struct virt_leaf tracked = {
	.spa = SPA(0x5000), .rights = 7 | VIRT_TRACKED, .level = 1, .type = 6
};

static uint64_t dirty_of(uint64_t gpa, unsigned int n, bool clear)
{
	uint64_t bits;

	CHECK(virt_space_dirty(&space, GPA(gpa), n, clear, &bits));
	return bits;
}

/* Is a write refused? If not, the processor sets the flags, where they are used. */
static bool processor_writes(uint64_t gpa)
{
	uint64_t *table = (uint64_t *)space.root.a;

	for (int shift = 39;; shift -= 9) {
		uint64_t *entry = &table[gpa >> shift & 511];

		if (!hw_is_present(*entry) || !(hw_rights(*entry) & VIRT_WRITE))
			return false;
		if (hw_has_flags(&space))
			*entry |= hw_accessed;
		if (shift == 12 || *entry & 0x80) {
			if (hw_has_flags(&space))
				*entry |= hw_dirty;
			return true;
		}
		table = (uint64_t *)(*entry & 0x000ffffffffff000);
	}
}

/* A space that uses the flags of the processor, or does not. */
static void use_flags(bool are_used);

static void map_tracked(bool are_used)
{
	set_up(10);
	use_flags(are_used);
	for (uint64_t i = 0; i < 4; i++) {
		struct virt_leaf leaf = tracked;

		leaf.spa.a += i * PAGE_BYTES;
		leaf.rights = i == 3 ? 1 | VIRT_TRACKED : leaf.rights;
		CHECK(virt_space_set(&space, GPA(i * PAGE_BYTES), LEVEL_4K, leaf));
		CHECK_EQ(virt_space_lookup(&space, GPA(i * PAGE_BYTES)).rights, leaf.rights);
	}
}

static void dirty_flags_are_the_processors(void)
{
	map_tracked(true);
	CHECK_EQ(dirty_of(0, 4, true), 0);
	CHECK(processor_writes(0) && processor_writes(0x2000) && !processor_writes(0x3000));
	CHECK_EQ(dirty_of(0, 4, false), 5);
	CHECK_EQ(dirty_of(0x2000, 2, true), 1);
	CHECK_EQ(dirty_of(0, 4, true), 1);
	CHECK_EQ(dirty_of(0, 4, true), 0);
	CHECK(processor_writes(0));
	virt_space_set_dirty(&space, GPA(0x1008));
	virt_space_set_dirty(&space, GPA(0x3000)); /* not writable */
	virt_space_set_dirty(&space, GPA(0x4000)); /* a hole */
	CHECK_EQ(dirty_of(0, 4, true), 3);
	tear_down(10);
}

static void pages_that_stay_tracked_stay_dirty(bool are_used)
{
	struct virt_leaf leaf = tracked;

	map_tracked(are_used);
	virt_space_set_dirty(&space, GPA(0));
	leaf.rights = 1 | VIRT_TRACKED;
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK(!processor_writes(0));
	CHECK_EQ(dirty_of(0, 1, false), 1);
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, tracked));
	CHECK_EQ(dirty_of(0, 1, false), 1);
	CHECK(processor_writes(0));
	/* Another page, and one that was not tracked for a while, begin anew. */
	leaf.spa = SPA(0x9000);
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK_EQ(dirty_of(0, 1, false), 0);
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, tracked));
	virt_space_set_dirty(&space, GPA(0));
	leaf = tracked;
	leaf.rights = 7;
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK(processor_writes(0));
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, tracked));
	CHECK_EQ(dirty_of(0, 1, false), 0);
	tear_down(10);
}

static void a_write_during_a_change_is_not_lost(void)
{
	map_tracked(true);
	writes_before_store = true;
	CHECK(virt_space_set(
		&space, GPA(0), LEVEL_4K,
		(struct virt_leaf) {
			.spa = SPA(0x5000), .rights = 1 | VIRT_TRACKED, .level = 1, .type = 6 }));
	CHECK_EQ(dirty_of(0, 1, false), 1);
	tear_down(10);
}

static void what_is_not_tracked_has_no_bits(void)
{
	struct virt_leaf leaf = { .spa = SPA(2ull << 30), .rights = 7, .level = 2, .type = 6 };
	uint64_t bits;

	map_tracked(true);
	CHECK(!virt_space_dirty(&space, GPA(0), 5, true, &bits));
	CHECK(!virt_space_dirty(&space, GPA(0x200000), 1, true, &bits));
	CHECK(virt_space_set(&space, GPA(0x200000), LEVEL_2M, leaf));
	CHECK(!virt_space_dirty(&space, GPA(0x200000), 1, true, &bits));
	leaf.level = LEVEL_4K;
	CHECK(virt_space_set(&space, GPA(0x4000), LEVEL_4K, leaf));
	CHECK(!virt_space_dirty(&space, GPA(0), 5, true, &bits));
	/* Parts of a leaf that the processor has written to are not dirty when they become tracked. */
	CHECK(processor_writes(0x200000));
	leaf.rights |= VIRT_TRACKED;
	CHECK(virt_space_set(&space, GPA(0x201000), LEVEL_4K, leaf));
	CHECK_EQ(dirty_of(0x201000, 1, true), 0);
	leaf.spa = SPA(2ull << 30);
	CHECK(virt_space_set(&space, GPA(0x200000), LEVEL_4K, leaf));
	CHECK_EQ(dirty_of(0x200000, 2, true), 0);
	tear_down(10);
}

/* By a processor's walk: it is the other one at all random addresses, but for its own page. */
static void a_space_that_follows_is_the_other_one_but_for_one_page(void)
{
	const uint64_t own_page = 0x40201000;
	struct virt_leaf leaf = { .rights = 7, .level = 1, .type = 6 };
	struct virt_space follower;
	struct trail trail;
	struct page a, b;

	set_up(N_PAGES - 10);
	CHECK(virt_space_create(&follower, &pages));
	leaf.spa = SPA(0x7000);
	CHECK(virt_space_set(&follower, GPA(own_page), LEVEL_4K, leaf));
	for (unsigned int round = 0; round < 50; round++) {
		for (unsigned int i = 0; i < 20; i++)
			(void)virt_space_set(&space, GPA(random_gpa() & ~0x3fffffffull), LEVEL_1G,
					     random_leaf(LEVEL_1G));
		for (unsigned int i = 0; i < 20; i++)
			(void)virt_space_set(&space, GPA(random_gpa()), LEVEL_4K,
					     random_leaf(LEVEL_4K));
		leaf.spa = SPA(own_page);
		CHECK(virt_space_set(&space, GPA(own_page), LEVEL_4K, leaf));
		n_stores = 0;
		virt_space_follow(&follower, &space, GPA(own_page));
		CHECK_EQ(n_stores, 0); /* nothing that is live is written to */
		for (unsigned int i = 0; i < 400; i++) {
			const uint64_t gpa = i ? random_gpa() : own_page ^ PAGE_BYTES;

			a = hardware_walk(space.root.a, 4, gpa, &trail);
			b = hardware_walk(follower.root.a, 4, gpa, &trail);
			CHECK(is_same(&a, &b) || gpa == own_page);
		}
		a = hardware_walk(follower.root.a, 4, own_page, &trail);
		CHECK_EQ(a.spa, 0x7000);
		CHECK_EQ(a.rights & VIRT_WRITE, VIRT_WRITE);
	}
	CHECK(follower.token != space.token);
}

/* Those that hold for every format. */
#define NESTED_TESTS                                                                               \
	TEST(dirty_flags_are_the_processors), TEST(a_write_during_a_change_is_not_lost),           \
		TEST(what_is_not_tracked_has_no_bits),                                             \
		TEST(sets_splits_and_holes_agree_with_the_model_at_every_moment),                  \
		TEST(with_few_pages_a_refusal_changes_nothing),                                    \
		TEST(three_pages_are_enough_for_one_leaf),                                         \
		TEST(one_gibibyte_is_split_and_joined_again), TEST(holes_tell_how_large_they_are), \
		TEST(addresses_beyond_four_levels_are_refused),                                    \
		TEST(a_space_that_follows_is_the_other_one_but_for_one_page)

#endif
