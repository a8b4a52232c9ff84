/* SPDX-License-Identifier: MIT */
/* hv/call/partition.c, hv/root/lend.c, hv/vp/vp.c: lives of partitions and VPs, and where their pages go. */
#include "tests/random.h"
#include "tests/unit/machine.h"

static struct random rng = { 1 };

#define RWX (WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite | WHvMapGpaRangeFlagExecute)

/* The root sees this page as its own memory again, and it is all zero. */
static void check_is_shown_zeroed(uint64_t page)
{
	const uint64_t *words = at(page);
	const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(page));

	REQUIRE_EQ(leaf.rights, VIRT_READ | VIRT_WRITE | VIRT_EXECUTE);
	REQUIRE_EQ(leaf.spa.a + (page & (LEVEL_SIZE(leaf.level) - 1)), page);
	for (unsigned int i = 0; i < 512; i++)
		REQUIRE_EQ(words[i], 0);
}

static void lent_pages_vanish_and_come_back_zeroed(void)
{
	const uint64_t n = 20;
	uint64_t first, handle;

	machine(256 * MIB);
	first = test_pages(n + 1) + PAGE_SIZE;
	memset(at(first), 0xa5, n * PAGE_SIZE);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, n), S_OK);
	handle = out_rdx;
	REQUIRE_EQ(hv.stats.lent_pages, n);
	REQUIRE_EQ(hv.stats.partitions, 1);
	for (uint64_t i = 0; i < n; i++)
		REQUIRE_EQ(virt_space_lookup(&hv.root_space, GPA(first + i * PAGE_SIZE)).rights, 0);
	REQUIRE_EQ(virt_space_lookup(&hv.root_space, GPA(first - PAGE_SIZE)).rights, 7);
	REQUIRE_EQ(virt_space_lookup(&hv.root_space, GPA(first + n * PAGE_SIZE)).rights, 7);
	REQUIRE_EQ(fake_count_pages(&partition_of(handle)->pages), n - 2);
	delete_all(handle);
	for (uint64_t i = 0; i < n; i++)
		check_is_shown_zeroed(first + i * PAGE_SIZE);
	REQUIRE_EQ(virt_space_lookup(&hv.root_space, GPA(first)).level, LEVEL_2M);
	check_clean();
}

static void create_says_how_many_pages_it_needs(void)
{
	uint64_t first;

	machine(256 * MIB);
	first = test_pages(4);
	for (uint64_t n = 0; n < 2; n++) {
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, n), WHIT_E_INSUFFICIENT_MEMORY);
		REQUIRE_EQ(out_rdx, 2);
		check_clean();
	}
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, out_rdx), S_OK);
	delete_all(out_rdx);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first + 8, 4), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, WHIT_MAX_LEND + 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, 0, 4), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, BLOCK_BASE, 4), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, BLOCK_BASE - 2 * PAGE_SIZE, 4), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, 1 * GIB, 4), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, 0 - PAGE_SIZE, 4), E_ACCESSDENIED);
	check_clean();
}

/* A long loan is taken in parts, each of which is the partition's at once; what is refused stops it there. */
static void long_loans_are_cut(void)
{
	const uint64_t first = 64 * MIB, bad = first + 600 * PAGE_SIZE;
	uint64_t handle, taken = 0, other;
	unsigned int n_calls = 0;
	uint32_t result;

	machine(256 * MIB);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, WHIT_MAX_LEND), WHIT_S_MORE);
	handle = out_rdx;
	REQUIRE(out_r8 >= 2 && out_r8 <= 256);
	REQUIRE_EQ(partition_of(handle)->n_lent, out_r8);
	REQUIRE_EQ(hv.stats.lent_pages, out_r8);
	for (taken = out_r8; taken < WHIT_MAX_LEND; taken += result == S_OK ? 0 : out_rdx) {
		result = CALL(WHIT_CALL_LEND, handle, first + taken * PAGE_SIZE,
			      WHIT_MAX_LEND - taken);
		n_calls++;
		if (result == S_OK)
			break;
		REQUIRE_EQ(result, WHIT_S_MORE);
		REQUIRE(out_rdx && out_rdx <= 256);
		REQUIRE_EQ(partition_of(handle)->n_lent, taken + out_rdx);
	}
	REQUIRE_EQ(n_calls, WHIT_MAX_LEND / 256 - 1);
	REQUIRE_EQ(hv.stats.lent_pages, WHIT_MAX_LEND);
	delete_all(handle);
	check_clean();

	/* The page in the middle is another's: up to its part everything is lent, and comes back. */
	other = created(8);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, bad, 1), S_OK);
	handle = created(8);
	REQUIRE_EQ(lend_all(handle, first, 1000), E_ACCESSDENIED);
	REQUIRE_EQ(partition_of(handle)->n_lent, 8 + 512);
	REQUIRE_EQ(partition_of(handle)->pages.count, 8 + 512 - 2);
	delete_all(handle);
	delete_all(other);
	check_clean();
}

static void stale_and_invented_handles_are_refused(void)
{
	uint64_t first, handle, again, other;
	struct partition ghost;

	machine(256 * MIB);
	first = test_pages(8);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, 8), S_OK);
	handle = out_rdx;
	other = created(8);
	REQUIRE(handle != other);
	/* The root may write what it likes to a page that it has back. */
	memcpy(&ghost, partition_of(handle), sizeof(ghost));
	delete_all(handle);
	memcpy(at(first), &ghost, sizeof(ghost));
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_DELETE_PARTITION, handle), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, 8), S_OK);
	again = out_rdx;
	REQUIRE(again != handle);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, test_pages(1), 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, 0), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, ~0ull), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, again + 1), E_INVALIDARG);
	/* A lent page, and a page of the root's, that look like a partition are none. */
	{
		struct partition copy;
		const uint64_t page = test_pages(1);

		memcpy(&copy, partition_of(again), sizeof(copy));
		copy.handle += 3; /* the frame of the third lent page, with the right tag */
		memcpy(at(first + 3 * PAGE_SIZE), &copy, sizeof(copy));
		REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, copy.handle), E_INVALIDARG);
		memset(at(first + 3 * PAGE_SIZE) + 8, 0, PAGE_SIZE - 8);
		*(uint64_t *)at(first + 3 * PAGE_SIZE) = first + 4 * PAGE_SIZE;
		copy.handle = (again & ~((1ull << 40) - 1)) | page >> PAGE_SHIFT;
		memcpy(at(page), &copy, sizeof(copy));
		REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, copy.handle), E_INVALIDARG);
	}
	delete_all(again);
	delete_all(other);
	check_clean();
}

static void setup_needs_a_processor_count_and_happens_once(void)
{
	uint64_t handle;

	machine(256 * MIB);
	handle = created(2);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), WHV_E_INVALID_PARTITION_CONFIG);
	REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeProcessorCount, 1, 4), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), WHIT_E_INSUFFICIENT_MEMORY);
	REQUIRE_EQ(out_rdx, 1);
	REQUIRE(!partition_of(handle)->is_set_up);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, test_pages(1), 1), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), WHIT_E_INVALID_STATE);
	delete_all(handle);
	check_clean();
}

static void lend_refuses_what_is_not_the_roots_to_lend(void)
{
	uint64_t handle, other, shared, mapped;

	machine(256 * MIB);
	handle = set_up(32, 2);
	other = created(4);
	shared = test_pages(1);
	mapped = test_pages(2);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, shared), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, mapped, 0, 2 * PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, shared, 1), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, mapped + PAGE_SIZE, 1), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, BLOCK_BASE + 32 * MIB, 4),
		   E_ACCESSDENIED); /* lent already */
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, 0, 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, test_pages(1) + 1, 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, test_pages(1), 0), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, test_pages(1), WHIT_MAX_LEND + 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, 8 * GIB, 1), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, 8, test_pages(1), 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_DELETE_VP, handle, 0), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, other, shared, 1), S_OK);
	delete_all(handle);
	delete_all(other);
	check_clean();
}

/* Many runs of one page: the ledger grows over several pages, and every page comes back. */
static void ledger_of_any_length(void)
{
	uint64_t handle;
	unsigned int n_calls;

	machine(256 * MIB);
	handle = created(2);
	for (unsigned int i = 0; i < 1000; i++)
		REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, 128 * MIB + 2 * i * PAGE_SIZE, 1), S_OK);
	REQUIRE_EQ(hv.stats.lent_pages, 1002);
	n_calls = delete_all(handle);
	REQUIRE(n_calls >= 2);
	for (unsigned int i = 0; i < 1000; i++)
		check_is_shown_zeroed(128 * MIB + 2 * i * PAGE_SIZE);
	check_clean();
}

static void a_dying_partition_refuses_every_other_call(void)
{
	uint64_t handle;

	machine(256 * MIB);
	handle = set_up(2048, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_DELETE_PARTITION, handle), WHIT_S_AGAIN);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, test_pages(1), 1), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 0, 0), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, 0, PAGE_SIZE), E_INVALIDARG);
	delete_all(handle);
	check_clean();
}

/* Hiding single pages far apart takes heap; when it ends, the call fails whole, and delete brings it back. */
static void a_heap_that_is_used_up_is_no_harm(void)
{
	uint64_t handle, lent, before;
	uint32_t result = RESULT(S_OK);

	fake_reset(1 * GIB);
	machine_of(1 * GIB, 4 * MIB);
	handle = created(2);
	for (uint64_t i = 40; i < 510 && result == S_OK; i++) {
		before = hv.heap.count;
		lent = hv.stats.lent_pages;
		/* Two pages on both sides of a 2 MiB boundary. */
		result = CALL(WHIT_CALL_LEND, handle, i * 2 * MIB - PAGE_SIZE, 2);
		if (result != S_OK) {
			REQUIRE_EQ(result, E_OUTOFMEMORY);
			REQUIRE_EQ(hv.heap.count, before);
			REQUIRE_EQ(hv.stats.lent_pages, lent);
			REQUIRE(frames_are_root(i * 2 * MIB - PAGE_SIZE, PAGE_SIZE));
			REQUIRE_EQ(virt_space_lookup(&hv.root_space, GPA(i * 2 * MIB)).rights, 7);
		}
	}
	REQUIRE(result == (uint32_t)E_OUTOFMEMORY);
	delete_all(handle);
	check_clean();
}

/* The tables around a block that is lent whole stay, whatever the heap is used for meanwhile. */
static void whole_blocks_come_back_without_heap(void)
{
	uint64_t whole, scattered;
	uint32_t result = RESULT(S_OK);

	fake_reset(1 * GIB);
	machine_of(1 * GIB, 4 * MIB);
	whole = created(2);
	REQUIRE_EQ(lend_all(whole, 512 * MIB, 1024), S_OK);
	REQUIRE_EQ(lend_all(whole, 600 * MIB, 511), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, whole, 602 * MIB - PAGE_SIZE, 1), S_OK);
	scattered = created(2);
	for (uint64_t i = 310; i < 510 && result == S_OK; i++)
		result = CALL(WHIT_CALL_LEND, scattered, i * 2 * MIB, 1);
	for (uint64_t i = 20; i < 250 && result == S_OK; i++)
		result = CALL(WHIT_CALL_LEND, scattered, i * 2 * MIB, 1);
	REQUIRE_EQ(result, E_OUTOFMEMORY);
	delete_all(whole);
	for (uint64_t page = 512 * MIB; page < 516 * MIB; page += PAGE_SIZE)
		check_is_shown_zeroed(page);
	delete_all(scattered);
	check_clean();
}

/* ---- VPs --------------------------------------------------------------------------------- */

static void vp_errors(void)
{
	uint64_t handle, raw, page;

	machine(256 * MIB);
	handle = set_up(32, 2);
	raw = created(8);
	page = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, raw, 0, 0, page), WHIT_E_INVALID_STATE);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 2, 0, page), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, ~0ull, 0, page), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 1, page), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page + 8), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, BLOCK_BASE), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, 2 * GIB), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 1, 0, page), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 1, 0, page), WHV_E_VP_ALREADY_EXISTS);
	REQUIRE_EQ(frames_uses(SPA(page), LEVEL_4K), 1);
	for (unsigned int code = WHIT_CALL_DELETE_VP; code <= WHIT_CALL_SET_REGISTERS; code++) {
		REQUIRE_EQ(CALL(code, handle, 0, 0, 0), WHV_E_VP_DOES_NOT_EXIST);
		REQUIRE_EQ(CALL(code, handle, 256, 0, 0), WHV_E_VP_DOES_NOT_EXIST);
		REQUIRE_EQ(CALL(code, handle, ~0ull, 0, 0), WHV_E_VP_DOES_NOT_EXIST);
		REQUIRE_EQ(CALL(code, 77, 1, 0, 0), E_INVALIDARG);
	}
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVA, handle, 0, 0, 0), WHV_E_VP_DOES_NOT_EXIST);
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVA, handle, 1, 0, 0x20), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVA, handle, 1, 0, 1ull << 32), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 1, 1), E_INVALIDARG);
	REQUIRE_EQ(vp_of(handle, 1)->cancel, 0);
	REQUIRE_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 1, 0), S_OK);
	REQUIRE_EQ(vp_of(handle, 1)->cancel, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_DELETE_VP, handle, 1), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_DELETE_VP, handle, 1), WHV_E_VP_DOES_NOT_EXIST);
	REQUIRE_EQ(frames_uses(SPA(page), LEVEL_4K), 0);
	delete_all(handle);
	delete_all(raw);
	check_clean();
}

static void vp_create_asks_for_pages_before_it_changes_anything(void)
{
	/* Two pages for the partition, one for the space, the VP's own and the vendor's. */
	const uint64_t all = 3 + 1 + VIRT_VP_PAGES;

	machine(256 * MIB);
	for (uint64_t n = 3; n <= all; n++) {
		uint64_t handle = set_up(n, 1), page = test_pages(1);
		const uint32_t result = CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page);

		REQUIRE_EQ(result, n < all ? (int)WHIT_E_INSUFFICIENT_MEMORY : S_OK);
		if (n < all) {
			REQUIRE_EQ(out_rdx, all - n);
			REQUIRE_EQ(frames_uses(SPA(page), LEVEL_4K), 0);
			REQUIRE_EQ(partition_of(handle)->pages.count, n - 3);
			REQUIRE_EQ(lend_all(handle, test_pages(all - n), all - n), S_OK);
			REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
		}
		delete_all(handle);
	}
	check_clean();
}

/* ---- Accounting -------------------------------------------------------------------------- */

static void a_thousand_lives_leave_every_page_where_it_was(void)
{
	machine(512 * MIB);
	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t handle;

		next_page = 64 * MIB + random_below(&rng, 4096) * PAGE_SIZE;
		handle = set_up(24 + random_below(&rng, 200), 4);
		for (uint32_t vp = 0; vp < 4; vp++)
			if (random_below(&rng, 2))
				REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, vp, 0, test_pages(1)),
					   vp < 3 || partition_of(handle)->vps[vp]
						   ? S_OK
						   : (int)WHIT_E_INSUFFICIENT_MEMORY);
		for (unsigned int k = 0; k < 4; k++) {
			const uint64_t n = (1 + random_below(&rng, 3)) *
					   (random_below(&rng, 2) ? PAGE_SIZE : 2 * MIB);
			const uint32_t result = CALL(WHIT_CALL_MAP_GPA_RANGE, handle,
						     256 * MIB + random_below(&rng, 20) * 2 * MIB,
						     random_below(&rng, 8) * 2 * MIB, n, RWX);

			REQUIRE(result == S_OK || result == WHIT_S_MORE ||
				result == WHIT_E_INSUFFICIENT_MEMORY);
		}
		if (random_below(&rng, 2) && partition_of(handle)->vps[0])
			REQUIRE_EQ(CALL(WHIT_CALL_DELETE_VP, handle, 0), S_OK);
		delete_all(handle);
		REQUIRE_EQ(hv.heap.count, heap_at_start);
	}
	check_clean();
	for (uint64_t page = 64 * MIB; page < 512 * MIB; page += PAGE_SIZE) {
		REQUIRE_EQ(frames_uses(SPA(page), LEVEL_4K), 0);
		REQUIRE_EQ(frames_kind(SPA(page)), FRAME_PLAIN);
	}
}

/* All at once: the last takes as many pages as the first, of the root and of the heap, and as many calls. */
static void the_thousandth_partition_costs_what_the_first_does(void)
{
	static uint64_t handles[1000];
	uint64_t lent = 0, heap = 0;
	unsigned int n_calls = 0;

	machine(512 * MIB);
	next_page = 64 * MIB;
	for (unsigned int i = 0; i < 1000; i++) {
		const uint64_t lent_before = hv.stats.lent_pages, heap_before = hv.heap.count;

		handles[i] = set_up(16, 1);
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handles[i], 0, 0, test_pages(1)), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handles[i], 256 * MIB, 0, 64 * PAGE_SIZE,
				RWX),
			   S_OK);
		if (!i) {
			lent = hv.stats.lent_pages;
			heap = heap_before - hv.heap.count;
		}
		REQUIRE_EQ(hv.stats.lent_pages - lent_before, lent);
		REQUIRE(heap_before - hv.heap.count <= heap);
	}
	REQUIRE_EQ(hv.stats.partitions, 1000);
	REQUIRE_EQ(frames_uses(SPA(256 * MIB), LEVEL_4K), 1000);
	for (unsigned int i = 0; i < 1000; i++) {
		const unsigned int n = delete_all(handles[(i * 7u) % 1000]);

		n_calls = i ? n_calls : n;
		REQUIRE_EQ(n, n_calls);
	}
	check_clean();
	REQUIRE_EQ(frames_uses(SPA(256 * MIB), LEVEL_4K), 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(lent_pages_vanish_and_come_back_zeroed),
		TEST(create_says_how_many_pages_it_needs),
		TEST(long_loans_are_cut),
		TEST(stale_and_invented_handles_are_refused),
		TEST(setup_needs_a_processor_count_and_happens_once),
		TEST(lend_refuses_what_is_not_the_roots_to_lend),
		TEST(ledger_of_any_length),
		TEST(a_dying_partition_refuses_every_other_call),
		TEST(a_heap_that_is_used_up_is_no_harm),
		TEST(whole_blocks_come_back_without_heap),
		TEST(vp_errors),
		TEST(vp_create_asks_for_pages_before_it_changes_anything),
		TEST(a_thousand_lives_leave_every_page_where_it_was),
		TEST(the_thousandth_partition_costs_what_the_first_does),
	};

	return RUN(tests);
}
