/* SPDX-License-Identifier: MIT */
/* hv/mem/gpa.c: mapping and unmapping against a map of single pages, with the books of the frames. */
#include "tests/random.h"
#include "tests/unit/machine.h"

static struct random rng = { 1 };

#define RWX (WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite | WHvMapGpaRangeFlagExecute)

/* Map as a client's library does: lend what is asked for, go on with the rest. */
static uint32_t map(uint64_t handle, uint64_t source, uint64_t gpa, uint64_t bytes, uint64_t flags)
{
	for (;;) {
		const uint32_t result =
			CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, gpa, bytes, flags);

		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			const uint64_t n = out_rdx;

			REQUIRE(n > 0 && n <= WHIT_MAX_LEND);
			REQUIRE_EQ(lend_all(handle, test_pages(n), n), S_OK);
			continue;
		}
		if (result != WHIT_S_MORE)
			return result;
		REQUIRE(out_rdx > 0 && out_rdx < bytes && !(out_rdx & 4095));
		source += out_rdx;
		gpa += out_rdx;
		bytes -= out_rdx;
	}
}

static uint32_t unmap(uint64_t handle, uint64_t gpa, uint64_t bytes)
{
	for (;;) {
		const uint32_t result = CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, gpa, bytes);

		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			const uint64_t n = out_rdx;

			REQUIRE_EQ(lend_all(handle, test_pages(n), n), S_OK);
			continue;
		}
		if (result != WHIT_S_MORE)
			return result;
		REQUIRE(out_rdx > 0 && out_rdx < bytes);
		gpa += out_rdx;
		bytes -= out_rdx;
	}
}

static void map_uses_the_largest_leaves(void)
{
	uint64_t handle;
	struct virt_space *space;

	machine(6 * GIB);
	handle = set_up(16, 1);
	space = &partition_of(handle)->space;
	REQUIRE_EQ(map(handle, 1 * GIB, 4 * GIB, 1 * GIB + 2 * MIB + PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(virt_space_lookup(space, GPA(4 * GIB + 12345)).level, LEVEL_1G);
	REQUIRE_EQ(virt_space_lookup(space, GPA(5 * GIB)).level, LEVEL_2M);
	REQUIRE_EQ(virt_space_lookup(space, GPA(5 * GIB + 2 * MIB)).level, LEVEL_4K);
	REQUIRE_EQ(virt_space_lookup(space, GPA(5 * GIB + 2 * MIB + PAGE_SIZE)).rights, 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_1G), 1);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_2M), 0);
	REQUIRE_EQ(frames_uses(SPA(2 * GIB), LEVEL_2M), 1);
	REQUIRE_EQ(frames_uses(SPA(2 * GIB + 2 * MIB), LEVEL_4K), 1);
	/* One source, many uses. */
	REQUIRE_EQ(map(handle, 1 * GIB, 8 * GIB, 1 * GIB, WHvMapGpaRangeFlagRead), S_OK);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_1G), 2);
	REQUIRE_EQ(page_at(handle, (8 * GIB + 4099)).rights, VIRT_READ);
	REQUIRE(page_at(handle, (8 * GIB + 4099)).ptr == at(1 * GIB + PAGE_SIZE));
	REQUIRE(!page_at(handle, (~0ull)).ptr);
	REQUIRE(!page_at(handle, (1ull << 40)).ptr);
	REQUIRE(!page_at(handle, (0)).ptr);
	delete_all(handle);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_1G), 0);
	check_clean();
}

/* A page taken out of 1 GiB: 511 blocks of 2 MiB and 511 pages stay in use. */
static void splitting_keeps_the_rest_in_use(void)
{
	uint64_t handle;

	machine(6 * GIB);
	handle = set_up(16, 1);
	REQUIRE_EQ(map(handle, 1 * GIB, 1 * GIB, 1 * GIB, RWX), S_OK);
	REQUIRE_EQ(unmap(handle, 1 * GIB + 6 * MIB + 5 * PAGE_SIZE, PAGE_SIZE), S_OK);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_1G), 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_2M), 1);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB), LEVEL_2M), 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB + 4 * PAGE_SIZE), LEVEL_4K), 1);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB + 5 * PAGE_SIZE), LEVEL_4K), 0);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, 1 * GIB + 6 * MIB + 4 * PAGE_SIZE, 1),
		   E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, 1 * GIB + 6 * MIB + 5 * PAGE_SIZE, 1), S_OK);
	/* Lent: it cannot be mapped, nor can a block around it. */
	REQUIRE_EQ(map(handle, 1 * GIB, 8 * GIB, 1 * GIB, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 1 * GIB + 6 * MIB + 5 * PAGE_SIZE, 8 * GIB, PAGE_SIZE, RWX),
		   E_INVALIDARG);
	REQUIRE_EQ(map(handle, 1 * GIB + 8 * MIB, 8 * GIB, 2 * MIB, RWX), S_OK);
	delete_all(handle);
	check_clean();
}

static void errors_of_map_and_unmap(void)
{
	const uint64_t end = 1ull << 40;
	uint64_t handle, raw;

	machine(1 * GIB);
	handle = set_up(64, 1);
	raw = created(8);
	/* Alignment, size, overflow, width. */
	REQUIRE_EQ(map(handle, 64 * MIB + 1, 0, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 8, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE + 8, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, 0, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, end, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, end - PAGE_SIZE, 2 * PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, ~0ull & PAGE_MASK, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, PAGE_SIZE, 0 - PAGE_SIZE, RWX), E_INVALIDARG);
	/* Source: not RAM, the hypervisor's, wrapping, beyond RAM. */
	REQUIRE_EQ(map(handle, BLOCK_BASE, 0, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, BLOCK_BASE - PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 2 * GIB, 0, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 0 - PAGE_SIZE, 0, 2 * PAGE_SIZE, RWX), E_INVALIDARG);
	/* Flags: none, write or execute without read, tracking alone, unknown. */
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 0), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 2), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 4), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 6), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 8), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 16 | RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 1ull << 63 | 1), E_INVALIDARG);
	virt_machine.has_execute_only = true;
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 4), S_OK);
	REQUIRE_EQ(map(handle, 64 * MIB, 0, PAGE_SIZE, 6), E_INVALIDARG);
	/* Not set up. */
	REQUIRE_EQ(map(raw, 64 * MIB, 0, PAGE_SIZE, RWX), WHIT_E_INVALID_STATE);
	REQUIRE_EQ(unmap(raw, 0, PAGE_SIZE), WHIT_E_INVALID_STATE);
	/* Unmap: the same ranges; a hole is no error. */
	REQUIRE_EQ(unmap(handle, 1, PAGE_SIZE), E_INVALIDARG);
	REQUIRE_EQ(unmap(handle, 0, 0), E_INVALIDARG);
	REQUIRE_EQ(unmap(handle, 0, 5), E_INVALIDARG);
	REQUIRE_EQ(unmap(handle, end, PAGE_SIZE), E_INVALIDARG);
	REQUIRE_EQ(unmap(handle, PAGE_SIZE, 0 - PAGE_SIZE), E_INVALIDARG);
	REQUIRE_EQ(unmap(handle, 8 * GIB, 3 * PAGE_SIZE), S_OK);
	REQUIRE_EQ(unmap(handle, 0, end), S_OK);
	REQUIRE_EQ(frames_uses(SPA(64 * MIB), LEVEL_4K), 0);
	delete_all(handle);
	delete_all(raw);
	check_clean();
}

/* With n free pages, for every n: the call asks for more and has changed nothing, or succeeds. */
static void too_few_pages_change_nothing(void)
{
	machine(1 * GIB);
	for (uint64_t n = 3; n < 12; n++) {
		/* Behind a GiB boundary on both sides: two page directories, two page tables. */
		const uint64_t gpa = 3 * GIB - PAGE_SIZE, source = 128 * MIB;
		uint64_t handle = set_up(n, 1), free_before;
		uint32_t result;

		free_before = partition_of(handle)->pages.count;
		result = CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, gpa, 2 * PAGE_SIZE, RWX);
		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			const uint64_t wanted = out_rdx;

			REQUIRE_EQ(partition_of(handle)->pages.count, free_before);
			REQUIRE(!page_at(handle, (gpa)).ptr);
			REQUIRE_EQ(frames_uses(SPA(source), LEVEL_4K), 0);
			REQUIRE_EQ(lend_all(handle, test_pages(wanted), wanted), S_OK);
			REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, gpa, 2 * PAGE_SIZE,
					RWX),
				   S_OK);
		} else {
			REQUIRE_EQ(result, S_OK);
			REQUIRE(n >= 8);
		}
		REQUIRE_EQ(frames_uses(SPA(source), LEVEL_4K), 1);
		REQUIRE(page_at(handle, (gpa)).ptr == at(source));
		delete_all(handle);
		REQUIRE_EQ(frames_uses(SPA(source), LEVEL_4K), 0);
	}
	check_clean();
}

/* Nested tables of four levels end at 48 bits, whatever the processor's addresses have. */
static void no_gpa_has_more_than_48_bits(void)
{
	uint64_t handle;

	fake_reset(256 * MIB);
	virt_machine.physical_bits = 52;
	machine_of(256 * MIB, 32 * MIB);
	handle = set_up(32, 1);
	REQUIRE_EQ(map(handle, 64 * MIB, 1ull << 48, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(map(handle, 64 * MIB, (1ull << 48) - PAGE_SIZE, PAGE_SIZE, RWX), S_OK);
	REQUIRE(!page_at(handle, (1ull << 48)).ptr);
	REQUIRE(page_at(handle, ((1ull << 48) - 1)).ptr);
	REQUIRE_EQ(unmap(handle, (1ull << 48) - PAGE_SIZE, PAGE_SIZE), S_OK);
	REQUIRE(delete_all(handle) < 2000);
	check_clean();
}

static void work_is_cut(void)
{
	uint64_t handle;
	unsigned int n = 0;

	machine(1 * GIB);
	handle = set_up(200, 1);
	/* Source and GPA are a page apart: nothing but small leaves. */
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, 128 * MIB, PAGE_SIZE, 64 * MIB, RWX),
		   WHIT_S_MORE);
	REQUIRE_EQ(out_rdx, 1 * MIB);
	REQUIRE_EQ(map(handle, 128 * MIB, PAGE_SIZE, 64 * MIB, RWX), S_OK);
	n = delete_all(handle);
	REQUIRE(n > 10 && n < 200);
	check_clean();
}

static void replacing_and_removing_flush(void)
{
	uint64_t handle;
	const struct partition *partition;
	uint64_t before;

	machine(1 * GIB);
	handle = set_up(64, 1);
	partition = partition_of(handle);
	before = fake_changed_at(&partition->space);
	REQUIRE_EQ(map(handle, 128 * MIB, 0, PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(fake_changed_at(&partition->space), before); /* nothing stood there */
	check_gate(&partition->space, &partition->gate);
	REQUIRE_EQ(map(handle, 128 * MIB, 0, PAGE_SIZE, 1), S_OK);
	REQUIRE(fake_changed_at(&partition->space) > before);
	check_gate(&partition->space, &partition->gate);
	before = fake_changed_at(&partition->space);
	REQUIRE_EQ(unmap(handle, 0, PAGE_SIZE), S_OK);
	REQUIRE(fake_changed_at(&partition->space) > before);
	check_gate(&partition->space, &partition->gate);
	before = partition->gate.turn;
	REQUIRE_EQ(unmap(handle, 0, PAGE_SIZE), S_OK);
	REQUIRE(partition->gate.turn <= before + 2); /* nobody had to go out for it */
	delete_all(handle);
	check_clean();
}

/* ---- Random sequences -------------------------------------------------------------------- */

#define SPACE_PAGES (3 * GIB / PAGE_SIZE)
#define RAM_BASE    (1 * GIB)
#define RAM_PAGES   (2 * GIB / PAGE_SIZE)

static struct {
	uint32_t source; /* page number */
	uint8_t rights;
} model[SPACE_PAGES];

static uint32_t uses_4k[RAM_PAGES], uses_2m[RAM_PAGES / 512], uses_1g[RAM_PAGES / 512 / 512];

/* Compare every page, and count each leaf where its source is. */
static void check_space(uint64_t handle)
{
	const struct virt_space *space = &partition_of(handle)->space;

	memset(uses_4k, 0, sizeof(uses_4k));
	memset(uses_2m, 0, sizeof(uses_2m));
	memset(uses_1g, 0, sizeof(uses_1g));
	for (uint64_t page = 0; page < SPACE_PAGES;) {
		const struct virt_leaf leaf = virt_space_lookup(space, GPA(page * PAGE_SIZE));
		const uint64_t n = LEVEL_SIZE(leaf.level) / PAGE_SIZE;
		const uint64_t source = leaf.spa.a / PAGE_SIZE;

		REQUIRE_EQ(page & (n - 1), 0);
		for (uint64_t i = 0; i < n && page + i < SPACE_PAGES; i++) {
			REQUIRE_EQ(leaf.rights, model[page + i].rights);
			if (leaf.rights)
				REQUIRE_EQ(source + i, model[page + i].source);
		}
		if (leaf.rights) {
			const uint64_t offset = source - RAM_BASE / PAGE_SIZE;

			if (leaf.level == LEVEL_4K)
				uses_4k[offset]++;
			else if (leaf.level == LEVEL_2M)
				uses_2m[offset / 512]++;
			else
				uses_1g[offset / 512 / 512]++;
		}
		page += n;
	}
	for (uint64_t i = 0; i < RAM_PAGES; i++)
		REQUIRE_EQ(frames_uses(SPA(RAM_BASE + i * PAGE_SIZE), LEVEL_4K), uses_4k[i]);
	for (uint64_t i = 0; i < RAM_PAGES / 512; i++)
		REQUIRE_EQ(frames_uses(SPA(RAM_BASE + i * LEVEL_SIZE(LEVEL_2M)), LEVEL_2M),
			   uses_2m[i]);
	for (uint64_t i = 0; i < RAM_PAGES / 512 / 512; i++)
		REQUIRE_EQ(frames_uses(SPA(RAM_BASE + i * LEVEL_SIZE(LEVEL_1G)), LEVEL_1G),
			   uses_1g[i]);
}

static uint64_t random_span(uint64_t *first, uint64_t n_pages)
{
	static const uint64_t grain[] = { 1, 1, 16, 512, 512, 512 * 512 };
	const uint64_t g = grain[random_below(&rng, 6)];
	uint64_t n = (1 + random_below(&rng, 4)) * g;

	*first = random_below(&rng, n_pages) & ~(g - 1);
	if (!random_below(&rng, 3))
		n += random_below(&rng, 600);
	if (*first + n > n_pages)
		n = n_pages - *first;
	return n;
}

static void random_maps_agree_with_a_page_map(unsigned int max_level)
{
	static const uint8_t flags[] = { 1, 3, 5, 7 };
	uint64_t handle;

	fake_reset(4 * GIB);
	virt_machine.max_leaf_level = (uint8_t)max_level;
	machine_of(4 * GIB, 32 * MIB);
	memset(model, 0, sizeof(model));
	handle = set_up(16, 1);
	for (unsigned int round = 0; round < 400; round++) {
		uint64_t first, n = random_span(&first, SPACE_PAGES);

		if (random_below(&rng, 3)) {
			const uint8_t rights = flags[random_below(&rng, 4)];
			uint64_t source, room = random_span(&source, RAM_PAGES);

			/* Often with the alignment that makes large leaves. */
			if (random_below(&rng, 2) && (first & (RAM_PAGES - 1)) + n <= RAM_PAGES) {
				source = first & (RAM_PAGES - 1);
				room = n;
			}
			if (n > room)
				n = room;
			/* Small leaves only over a long way would take all day. */
			if (((source ^ first) & 511) && n > 4096)
				n = 4096;
			REQUIRE_EQ(map(handle, RAM_BASE + source * PAGE_SIZE, first * PAGE_SIZE,
				       n * PAGE_SIZE, rights),
				   S_OK);
			for (uint64_t i = 0; i < n; i++) {
				model[first + i].source =
					(uint32_t)(RAM_BASE / PAGE_SIZE + source + i);
				model[first + i].rights = rights;
			}
		} else {
			REQUIRE_EQ(unmap(handle, first * PAGE_SIZE, n * PAGE_SIZE), S_OK);
			for (uint64_t i = 0; i < n; i++)
				model[first + i].rights = 0;
		}
		for (unsigned int i = 0; i < 64; i++) {
			const uint64_t page = i < 8 ? (first + n - 4 + i) % SPACE_PAGES
						    : random_below(&rng, SPACE_PAGES);
			const struct gpa_page is =
				page_at(handle, (page * PAGE_SIZE + random_below(&rng, 4096)));

			REQUIRE_EQ(is.rights, model[page].rights);
			if (is.rights)
				REQUIRE(is.ptr == at((uint64_t)model[page].source * PAGE_SIZE));
		}
		if (round % 40 == 39)
			check_space(handle);
	}
	REQUIRE_EQ(fake_count_pages(&partition_of(handle)->pages),
		   partition_of(handle)->pages.count);
	if (max_level == LEVEL_1G) {
		/* Everything out again: not even a table stays. */
		REQUIRE_EQ(unmap(handle, 0, SPACE_PAGES * PAGE_SIZE), S_OK);
		memset(model, 0, sizeof(model));
		check_space(handle);
		REQUIRE(fake_count_tables(&partition_of(handle)->space) <= 2 + 3);
	}
	delete_all(handle);
	for (uint64_t i = 0; i < RAM_PAGES; i++)
		REQUIRE_EQ(frames_uses(SPA(RAM_BASE + i * PAGE_SIZE), LEVEL_4K), 0);
	for (uint64_t i = 0; i < RAM_PAGES / 512; i++)
		REQUIRE_EQ(frames_uses(SPA(RAM_BASE + i * LEVEL_SIZE(LEVEL_2M)), LEVEL_2M), 0);
	check_clean();
}

static void random_maps_with_1g_leaves(void)
{
	random_maps_agree_with_a_page_map(LEVEL_1G);
}

static void random_maps_without_1g_leaves(void)
{
	random_maps_agree_with_a_page_map(LEVEL_2M);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(map_uses_the_largest_leaves),   TEST(splitting_keeps_the_rest_in_use),
		TEST(errors_of_map_and_unmap),	     TEST(too_few_pages_change_nothing),
		TEST(no_gpa_has_more_than_48_bits),  TEST(work_is_cut),
		TEST(replacing_and_removing_flush),  TEST(random_maps_with_1g_leaves),
		TEST(random_maps_without_1g_leaves),
	};

	return RUN(tests);
}
