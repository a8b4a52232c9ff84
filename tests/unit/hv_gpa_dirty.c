/* SPDX-License-Identifier: MIT */
/* hv/mem/gpa_dirty.c, hv/mem/gpa_access.c, and hv/mem/gpa.c's changes in place. */
#include "tests/unit/machine.h"

#include "whp/WinHvMemory.h"

#define RWX   7u
#define TRACK 8u
#define GPA0  (4 * GIB)

static uint64_t handle;

/* A hypercall as a client's library makes it: lend what is asked for, go on with the rest. */
static uint32_t whole(uint64_t code, uint64_t gpa, uint64_t n_bytes, uint64_t r9, uint64_t r10)
{
	for (;;) {
		const uint32_t result = CALL(code, handle, gpa, n_bytes, r9, r10);
		const uint64_t n = out_rdx;

		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			REQUIRE(n > 0 && n <= WHIT_MAX_LEND);
			REQUIRE_EQ(lend_all(handle, test_pages(n), n), S_OK);
			continue;
		}
		check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
		if (result != WHIT_S_MORE)
			return result;
		REQUIRE(n > 0 && n < n_bytes && !PAGE_OFFSET(n));
		gpa += n;
		n_bytes -= n;
	}
}

static uint32_t protect(uint64_t gpa, uint64_t n_bytes, uint64_t flags)
{
	return whole(WHIT_CALL_PROTECT_GPA_RANGE, gpa, n_bytes, flags, 0);
}

static uint32_t unmap(uint64_t gpa, uint64_t n_bytes)
{
	return whole(WHIT_CALL_UNMAP_GPA_RANGE, gpa, n_bytes, 0, 0);
}

static uint32_t map(uint64_t source, uint64_t gpa, uint64_t n_bytes, uint64_t flags)
{
	for (;;) {
		const uint32_t result =
			CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, gpa, n_bytes, flags);
		const uint64_t n = out_rdx;

		if (result == WHIT_E_INSUFFICIENT_MEMORY) {
			REQUIRE_EQ(lend_all(handle, test_pages(n), n), S_OK);
			continue;
		}
		check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
		if (result != WHIT_S_MORE)
			return result;
		source += n;
		gpa += n;
		n_bytes -= n;
	}
}

static struct virt_space *space(void)
{
	return &partition_of(handle)->space;
}

static struct virt_leaf leaf_at(uint64_t gpa)
{
	return virt_space_lookup(space(), GPA(gpa));
}

static void start(bool has_flags)
{
	fake_reset(4 * GIB);
	fake.has_flags = has_flags;
	machine_of(4 * GIB, 32 * MIB);
	handle = set_up(64, 2);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
}

static void finish(void)
{
	delete_all(handle);
	check_clean();
}

/* ---- Rights ------------------------------------------------------------------------------ */

static void rights_change_in_place_and_leaves_join_again(void)
{
	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 1 * GIB, RWX), S_OK);
	REQUIRE_EQ(protect(GPA0 + 6 * MIB, PAGE_SIZE, VIRT_READ), S_OK);
	REQUIRE_EQ(leaf_at(GPA0 + 6 * MIB).rights, VIRT_READ);
	REQUIRE_EQ(leaf_at(GPA0 + 6 * MIB).spa.a, 1 * GIB + 6 * MIB);
	REQUIRE_EQ(leaf_at(GPA0 + 6 * MIB + PAGE_SIZE).rights, RWX);
	REQUIRE_EQ(leaf_at(GPA0 + 8 * MIB).level, LEVEL_2M);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB), LEVEL_4K), 1);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 8 * MIB), LEVEL_2M), 1);
	/* One page back leaves the small ones; a call over the block makes one leaf of them. */
	REQUIRE_EQ(protect(GPA0 + 6 * MIB, PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(leaf_at(GPA0 + 6 * MIB).level, LEVEL_4K);
	REQUIRE_EQ(protect(GPA0 + 6 * MIB, 2 * MIB, RWX), S_OK);
	REQUIRE_EQ(leaf_at(GPA0 + 6 * MIB).level, LEVEL_2M);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB), LEVEL_4K), 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB), LEVEL_2M), 1);
	REQUIRE_EQ(protect(GPA0, 1 * GIB, VIRT_READ), S_OK);
	REQUIRE_EQ(leaf_at(GPA0 + 5 * MIB).level, LEVEL_1G);
	REQUIRE_EQ(leaf_at(GPA0 + 5 * MIB).rights, VIRT_READ);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_1G), 1);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 6 * MIB), LEVEL_2M), 0);
	REQUIRE_EQ(fake_count_tables(space()), 2);
	finish();
}

static void what_is_not_one_block_does_not_join(void)
{
	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 2 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(map(2 * GIB, GPA0 + 5 * PAGE_SIZE, PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(map(1 * GIB + PAGE_SIZE, GPA0 + 2 * MIB, 2 * MIB, RWX), S_OK);
	REQUIRE_EQ(protect(GPA0, 4 * MIB, VIRT_READ), S_OK);
	for (unsigned int i = 0; i < 1024; i++) {
		const struct virt_leaf leaf = leaf_at(GPA0 + i * PAGE_SIZE);

		REQUIRE_EQ(leaf.level, LEVEL_4K);
		REQUIRE_EQ(leaf.rights, VIRT_READ);
		REQUIRE_EQ(leaf.spa.a, i == 5	 ? 2 * GIB
				       : i < 512 ? 1 * GIB + i * PAGE_SIZE
						 : 1 * GIB + (i - 511) * PAGE_SIZE);
	}
	finish();
}

static void protect_refuses_holes_and_nonsense(void)
{
	const uint64_t end = 1ull << 40;

	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 8 * MIB, RWX), S_OK);
	REQUIRE_EQ(unmap(GPA0 + 4 * MIB + 4 * PAGE_SIZE, PAGE_SIZE), S_OK);
	REQUIRE_EQ(protect(GPA0, 8 * MIB, VIRT_READ), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(protect(GPA0 + 4 * MIB + 4 * PAGE_SIZE, PAGE_SIZE, VIRT_READ),
		   WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(protect(GPA0 + 4 * MIB, 8 * MIB, VIRT_READ), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(leaf_at(GPA0).rights, RWX);
	REQUIRE_EQ(leaf_at(GPA0 + 4 * MIB).rights, RWX);
	/* A hole behind the part that one call does. */
	REQUIRE_EQ(protect(GPA0, 2 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(protect(GPA0, 8 * MIB, VIRT_READ), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(leaf_at(GPA0).rights, RWX | TRACK);
	REQUIRE_EQ(protect(GPA0 + 1, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(protect(GPA0, 0, RWX), E_INVALIDARG);
	REQUIRE_EQ(protect(GPA0, 5, RWX), E_INVALIDARG);
	REQUIRE_EQ(protect(end, PAGE_SIZE, RWX), E_INVALIDARG);
	REQUIRE_EQ(protect(PAGE_SIZE, 0 - PAGE_SIZE, RWX), E_INVALIDARG);
	for (uint64_t flags = 0; flags < 32; flags++)
		REQUIRE_EQ(protect(GPA0, PAGE_SIZE, flags),
			   flags < 16 && flags & 1 ? S_OK : E_INVALIDARG);
	virt_machine.has_execute_only = true;
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, VIRT_EXECUTE), S_OK);
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, VIRT_EXECUTE | TRACK), S_OK);
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, 1ull << 32 | 1), E_INVALIDARG);
	delete_all(handle);
	handle = created(8);
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, RWX), WHIT_E_INVALID_STATE);
	REQUIRE_EQ(whole(WHIT_CALL_QUERY_DIRTY, GPA0, PAGE_SIZE, 0, 0), WHIT_E_INVALID_STATE);
	REQUIRE_EQ(CALL(WHIT_CALL_ADVISE_GPA_RANGE, handle, GPA0, PAGE_SIZE, 1, 0),
		   WHIT_E_INVALID_STATE);
	finish();
}

static void protect_without_pages_changes_nothing(void)
{
	uint64_t n;

	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 1 * GIB, RWX), S_OK);
	n = partition_of(handle)->pages.count;
	partition_of(handle)->pages.count = 1; /* as if the others were in use */
	REQUIRE_EQ(CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, GPA0, PAGE_SIZE, 1),
		   WHIT_E_INSUFFICIENT_MEMORY);
	REQUIRE_EQ(leaf_at(GPA0).level, LEVEL_1G);
	REQUIRE_EQ(out_rdx, 1);
	partition_of(handle)->pages.count = n;
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, 1), S_OK);
	finish();
}

/* ---- Lists ------------------------------------------------------------------------------- */

static uint64_t list; /* a buffer */

static void extent(unsigned int i, uint64_t source, uint64_t n_pages)
{
	((struct whit_extent *)at(list))[i] = (struct whit_extent) { source, n_pages };
}

static uint32_t map_list(uint64_t gpa, uint64_t count, uint64_t flags)
{
	uint32_t result;

	for (;;) {
		result = CALL(WHIT_CALL_MAP_GPA_LIST, handle, gpa, list, count, flags);
		if (result != WHIT_E_INSUFFICIENT_MEMORY)
			return result;
		REQUIRE_EQ(lend_all(handle, test_pages(out_rdx), out_rdx), S_OK);
	}
}

static void lists_map_one_behind_the_other(void)
{
	start(true);
	list = test_pages(2);
	extent(0, 1 * GIB, 3);
	extent(1, 3 * GIB, 512);
	extent(2, 1 * GIB + 7 * PAGE_SIZE, 1);
	extent(3, 1 * GIB + 7 * PAGE_SIZE, 1);
	REQUIRE_EQ(map_list(GPA0 - 3 * PAGE_SIZE, 4, RWX), S_OK);
	REQUIRE_EQ(out_rdx, 517 * PAGE_SIZE);
	REQUIRE_EQ(leaf_at(GPA0 - PAGE_SIZE).spa.a, 1 * GIB + 2 * PAGE_SIZE);
	REQUIRE_EQ(leaf_at(GPA0).level, LEVEL_2M);
	REQUIRE_EQ(leaf_at(GPA0).spa.a, 3 * GIB);
	REQUIRE_EQ(leaf_at(GPA0 + 2 * MIB).spa.a, 1 * GIB + 7 * PAGE_SIZE);
	REQUIRE_EQ(leaf_at(GPA0 + 2 * MIB + PAGE_SIZE).spa.a, 1 * GIB + 7 * PAGE_SIZE);
	REQUIRE_EQ(leaf_at(GPA0 + 2 * MIB + 2 * PAGE_SIZE).rights, 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB + 7 * PAGE_SIZE), LEVEL_4K), 2);
	/* No more than 128 extents are looked at, and no more than 256 leaves set. */
	for (unsigned int i = 0; i < 200; i++)
		extent(i, 1 * GIB + 2 * i * PAGE_SIZE, 1);
	REQUIRE_EQ(map_list(5 * GIB, 200, 3), WHIT_S_MORE);
	REQUIRE_EQ(out_rdx, 128 * PAGE_SIZE);
	REQUIRE_EQ(leaf_at(5 * GIB + 127 * PAGE_SIZE).spa.a, 1 * GIB + 254 * PAGE_SIZE);
	extent(0, 1 * GIB, 254);
	REQUIRE_EQ(map_list(6 * GIB, 5, 3), WHIT_S_MORE);
	REQUIRE_EQ(out_rdx, 256 * PAGE_SIZE);
	extent(0, 1 * GIB, 252);
	REQUIRE_EQ(map_list(6 * GIB, 5, 3), S_OK);
	finish();
}

static void lists_are_refused_as_a_whole(void)
{
	start(true);
	list = test_pages(1);
	extent(0, 1 * GIB, 2);
	extent(1, 1 * GIB + 8, 2);
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, BLOCK_BASE, 1); /* the hypervisor's */
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, 1 * GIB, 0);
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, 1 * GIB, 1ull << 52);
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, 1 * GIB, 1ull << 35);
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, 4 * GIB - PAGE_SIZE, 2); /* beyond RAM */
	REQUIRE_EQ(map_list(GPA0, 2, RWX), E_INVALIDARG);
	extent(1, 1 * GIB, 1);
	REQUIRE_EQ(map_list(GPA0, 0, RWX), E_INVALIDARG);
	REQUIRE_EQ(map_list(GPA0 + 1, 2, RWX), E_INVALIDARG);
	REQUIRE_EQ(map_list((1ull << 40) - 2 * PAGE_SIZE, 2, RWX), E_INVALIDARG);
	REQUIRE_EQ(map_list(GPA0, 2, 2), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_LIST, handle, GPA0, list + 4, 2, RWX), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_LIST, handle, GPA0, BLOCK_BASE, 2, RWX), E_POINTER);
	REQUIRE_EQ(leaf_at(GPA0).rights, 0);
	REQUIRE_EQ(frames_uses(SPA(1 * GIB), LEVEL_4K), 0);
	finish();
}

/* ---- Dirty pages ------------------------------------------------------------------------- */

static bool resolve(const struct virt_exit *exit)
{
	struct partition *const partition = partition_of(handle);

	return gpa_resolve(partition, exit, gate_turn(&partition->gate));
}

/* The guest writes; without flags that is an exit, which the hypervisor resolves. */
static bool guest_write(uint64_t gpa)
{
	const struct virt_exit exit = {
		.reason = VIRT_EXIT_MEMORY,
		.memory = { .gpa = { gpa }, .is_write = true },
	};

	if (fake_access(space(), GPA(gpa), true))
		return true;
	return resolve(&exit) && fake_access(space(), GPA(gpa), true);
}

static uint64_t words[WHIT_MAX_DIRTY_PAGES / 64];

static uint32_t query(uint64_t gpa, uint64_t n_pages, uint64_t flags)
{
	const uint64_t buffer = test_pages(1);
	uint32_t result;

	memset(at(buffer), 0xcc, PAGE_SIZE);
	result = CALL(WHIT_CALL_QUERY_DIRTY, handle, gpa, n_pages * PAGE_SIZE, buffer, flags);
	check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
	memcpy(words, at(buffer), sizeof(words));
	next_page = buffer;
	return result;
}

static void writes_are_seen_once(bool has_flags)
{
	start(has_flags);
	REQUIRE_EQ(map(1 * GIB, GPA0, 4 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(leaf_at(GPA0 + MIB).level, LEVEL_4K);
	REQUIRE_EQ(page_at(handle, (GPA0)).rights, RWX | TRACK);
	REQUIRE(guest_write(GPA0 + 3 * PAGE_SIZE + 5));
	REQUIRE(guest_write(GPA0 + 3 * PAGE_SIZE + 5));
	REQUIRE(guest_write(GPA0 + 2 * MIB - 1));
	REQUIRE(guest_write(GPA0 + 2 * MIB + 70 * PAGE_SIZE));
	REQUIRE(fake_access(space(), GPA(GPA0 + 4 * PAGE_SIZE), false)); /* a read is none */
	REQUIRE_EQ(query(GPA0, 1024, WHIT_DIRTY_KEEP), S_OK);
	REQUIRE_EQ(words[0], 1 << 3);
	REQUIRE_EQ(query(GPA0, 1024, 0), S_OK);
	REQUIRE_EQ(out_rdx, 4 * MIB);
	for (unsigned int i = 0; i < 16; i++)
		REQUIRE_EQ(words[i], i == 0   ? 1ull << 3
				     : i == 7 ? 1ull << 63
				     : i == 9 ? 1ull << 6
					      : 0);
	REQUIRE_EQ(words[16], 0xcccccccccccccccc); /* not ours */
	REQUIRE_EQ(query(GPA0, 1024, 0), S_OK);
	for (unsigned int i = 0; i < 16; i++)
		REQUIRE_EQ(words[i], 0);
	/* Odd ends: bit 0 is the first page of the range. */
	REQUIRE(guest_write(GPA0 + 500 * PAGE_SIZE));
	REQUIRE(guest_write(GPA0 + 520 * PAGE_SIZE));
	REQUIRE(guest_write(GPA0 + 600 * PAGE_SIZE));
	REQUIRE_EQ(query(GPA0 + 499 * PAGE_SIZE, 100, 0), S_OK);
	REQUIRE_EQ(words[0], 1ull << 1 | 1ull << 21);
	REQUIRE_EQ(words[1], 0);
	REQUIRE_EQ(query(GPA0 + 599 * PAGE_SIZE, 3, 0), S_OK);
	REQUIRE_EQ(words[0], 1ull << 1);
	/* No buffer: only taken back. */
	REQUIRE(guest_write(GPA0));
	REQUIRE_EQ(CALL(WHIT_CALL_QUERY_DIRTY, handle, GPA0, PAGE_SIZE, 0, 0), S_OK);
	REQUIRE_EQ(query(GPA0, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 0);
	finish();
}

static void writes_are_seen_by_flags(void)
{
	writes_are_seen_once(true);
}

static void writes_are_seen_by_protection(void)
{
	writes_are_seen_once(false);
}

static void queries_are_refused_before_anything_is_taken_back(void)
{
	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 2 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(map(2 * GIB, GPA0 + 2 * MIB, 2 * MIB, RWX), S_OK);
	REQUIRE(guest_write(GPA0));
	REQUIRE(guest_write(GPA0 + 511 * PAGE_SIZE));
	REQUIRE_EQ(query(GPA0, 513, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(query(GPA0 - PAGE_SIZE, 2, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(query(GPA0 + 2 * MIB, 1, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(query(8 * GIB, 1, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(query(GPA0, 0, 0), E_INVALIDARG);
	REQUIRE_EQ(query(GPA0 + 8, 1, 0), E_INVALIDARG);
	REQUIRE_EQ(query(GPA0, 1, 2), E_INVALIDARG);
	REQUIRE_EQ(query(1ull << 40, 1, 0), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_QUERY_DIRTY, handle, GPA0, PAGE_SIZE, BLOCK_BASE, 0), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_QUERY_DIRTY, handle, GPA0, PAGE_SIZE, 64 * MIB + 4, 0),
		   E_POINTER);
	REQUIRE_EQ(query(GPA0, 512, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	REQUIRE_EQ(words[7], 1ull << 63);
	finish();
}

static void long_queries_are_cut(void)
{
	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 20 * MIB, RWX | TRACK), S_OK);
	REQUIRE(guest_write(GPA0 + 16 * MIB - 1));
	REQUIRE(guest_write(GPA0 + 16 * MIB));
	REQUIRE_EQ(query(GPA0, 5120, 0), WHIT_S_MORE);
	REQUIRE_EQ(out_rdx, 16 * MIB);
	REQUIRE_EQ(words[63], 1ull << 63);
	REQUIRE_EQ(query(GPA0 + 16 * MIB, 1024, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	finish();
}

/* What is dirty stays so through other rights, and is forgotten when it is mapped anew. */
static void tracking_is_turned_on_and_off_in_place(bool has_flags)
{
	start(has_flags);
	REQUIRE_EQ(map(1 * GIB, GPA0, 2 * MIB, RWX), S_OK);
	REQUIRE(guest_write(GPA0));
	REQUIRE_EQ(query(GPA0, 1, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE_EQ(protect(GPA0, 2 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(leaf_at(GPA0).level, LEVEL_4K);
	REQUIRE_EQ(query(GPA0, 512, 0), S_OK);
	REQUIRE_EQ(words[0], 0);
	REQUIRE(guest_write(GPA0 + 9));
	REQUIRE(guest_write(GPA0 + PAGE_SIZE));
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, VIRT_READ | TRACK), S_OK);
	REQUIRE(!guest_write(GPA0));
	REQUIRE_EQ(query(GPA0, 512, WHIT_DIRTY_KEEP), S_OK);
	REQUIRE_EQ(words[0], 3);
	REQUIRE_EQ(protect(GPA0, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE_EQ(query(GPA0, 512, WHIT_DIRTY_KEEP), S_OK);
	REQUIRE_EQ(words[0], 3);
	REQUIRE_EQ(map(2 * GIB, GPA0, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE_EQ(query(GPA0, 512, WHIT_DIRTY_KEEP), S_OK);
	REQUIRE_EQ(words[0], 2);
	REQUIRE_EQ(map(1 * GIB, GPA0, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE_EQ(protect(GPA0, 2 * MIB, RWX), S_OK);
	REQUIRE_EQ(leaf_at(GPA0).level, LEVEL_2M);
	REQUIRE_EQ(query(GPA0, 512, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	REQUIRE(guest_write(GPA0));
	REQUIRE_EQ(protect(GPA0, 2 * MIB, RWX | TRACK), S_OK);
	REQUIRE_EQ(query(GPA0, 512, 0), S_OK);
	REQUIRE_EQ(words[0], 0);
	finish();
}

static void tracking_by_flags_is_turned_on_and_off_in_place(void)
{
	tracking_is_turned_on_and_off_in_place(true);
}

static void tracking_by_protection_is_turned_on_and_off_in_place(void)
{
	tracking_is_turned_on_and_off_in_place(false);
}

static struct virt_exit violation(uint64_t gpa, bool is_write, bool is_walk)
{
	return (struct virt_exit) {
		.reason = VIRT_EXIT_MEMORY,
		.memory = { .gpa = { gpa },
			    .gva_valid = is_walk,
			    .is_read = is_walk,
			    .is_walk = is_walk,
			    .is_write = is_write },
	};
}

/* A run goes on through the exits that are the hypervisor's own, and ends at the others. */
static void violations_that_only_track_are_not_the_clients(void)
{
	const struct virt_exit hlt = { .reason = VIRT_EXIT_HLT, .insn_length = 1 };
	const struct virt_exit clean = violation(GPA0 + 5, true, false);
	const struct virt_exit plain = violation(GPA0 + 2 * MIB, true, false);
	const struct virt_exit read = violation(GPA0 + 5, false, false);
	const struct virt_exit table = violation(GPA0 + 2 * MIB, true, true);
	const struct virt_exit hole = violation(8 * GIB, true, true);
	const struct virt_exit ends[] = { plain, read, table, hole };

	start(false);
	map_reset_code(handle);
	REQUIRE_EQ(map(1 * GIB, GPA0, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE_EQ(map(1 * GIB, GPA0 + 2 * MIB, PAGE_SIZE, VIRT_READ | TRACK), S_OK);
	fake_push(&clean, NULL);
	fake_push(&hlt, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), S_OK);
	REQUIRE_EQ(fake.n_runs, 2);
	REQUIRE_EQ(*(uint32_t *)(void *)vp_of(handle, 0)->page->exit, WHvRunVpExitReasonX64Halt);
	REQUIRE_EQ(query(GPA0, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	for (unsigned int i = 0; i < 4; i++) {
		fake_push(&ends[i], NULL);
		REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), S_OK);
		REQUIRE_EQ(*(uint32_t *)(void *)vp_of(handle, 0)->page->exit,
			   WHvRunVpExitReasonMemoryAccess);
	}
	REQUIRE_EQ(fake.n_runs, 6);
	/* Whoever has met something else than stands there tries again. */
	REQUIRE(gpa_resolve(partition_of(handle), &hole, 1));
	finish();
}

/*
 * With flags the processor calls a look at a page table in ROM a write. They are given up then; what is
 * known to be dirty stays so, and what is not counts as dirty from then on.
 */
static void a_walk_through_rom_ends_the_use_of_flags(void)
{
	struct virt_exit walk = violation(GPA0 + 2 * MIB, true, true);

	start(true);
	REQUIRE_EQ(map(2 * GIB, GPA0 + 2 * MIB, PAGE_SIZE, VIRT_READ), S_OK);
	REQUIRE_EQ(map(1 * GIB, GPA0, 2 * PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE(fake_notes_writes(&partition_of(handle)->space));
	REQUIRE(guest_write(GPA0));
	REQUIRE(resolve(&walk));
	REQUIRE(!fake_notes_writes(&partition_of(handle)->space));
	check_gate(&partition_of(handle)->space, &partition_of(handle)->gate);
	REQUIRE(!resolve(&walk)); /* it is a write, then */
	REQUIRE_EQ(query(GPA0, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	/* Not again. */
	REQUIRE_EQ(map(1 * GIB, GPA0 + 4 * MIB, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE(!fake_notes_writes(&partition_of(handle)->space));
	REQUIRE(guest_write(GPA0 + 4 * MIB));
	REQUIRE_EQ(query(GPA0 + 4 * MIB, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	/* Nothing of this for data, for holes, and for tables that are RAM. */
	walk.memory.is_walk = false;
	REQUIRE(!resolve(&walk));
	walk = violation(8 * GIB, true, true);
	REQUIRE(!resolve(&walk));
	finish();
}

static void flags_are_no_reason_for_a_violation(void)
{
	struct virt_exit exit = violation(GPA0, true, true);

	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 2 * PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE(!resolve(&exit));
	exit = violation(8 * GIB, true, true);
	REQUIRE(!resolve(&exit));
	REQUIRE(fake_notes_writes(&partition_of(handle)->space));
	finish();
}

static void vps_that_come_later_run_in_the_same_space(void)
{
	const struct virt_exit hlt = { .reason = VIRT_EXIT_HLT, .insn_length = 1 };

	start(true);
	map_reset_code(handle);
	REQUIRE_EQ(map(1 * GIB, GPA0, PAGE_SIZE, RWX | TRACK), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 1, 0, test_pages(1)), S_OK);
	for (unsigned int i = 0; i < 2; i++) {
		fake_push(&hlt, NULL);
		REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, i), S_OK);
	}
	finish();
}

/* ---- Accesses by the root ---------------------------------------------------------------- */

static uint64_t record;

static uint32_t access_gpa(uint64_t code, uint64_t gpa, uint64_t controls, uint32_t n_bytes)
{
	struct whit_gpa_access *access = at(record);

	access->gpa = gpa;
	access->controls = controls;
	access->n_bytes = n_bytes;
	access->reserved = 0;
	return CALL(code, handle, 0, record);
}

static void bytes_are_read_and_written(void)
{
	struct whit_gpa_access *access;

	start(true);
	record = test_pages(1);
	access = at(record);
	REQUIRE_EQ(map(1 * GIB, GPA0, PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(map(2 * GIB, GPA0 + PAGE_SIZE, PAGE_SIZE, 3 | TRACK), S_OK);
	REQUIRE_EQ(map(2 * GIB + MIB, GPA0 + 2 * PAGE_SIZE, PAGE_SIZE, 1), S_OK);
	for (uint8_t i = 0; i < 16; i++)
		access->data[i] = (uint8_t)(0x10 + i);
	REQUIRE_EQ(access_gpa(WHIT_CALL_WRITE_GPA_RANGE, GPA0 + PAGE_SIZE - 6, 6, 16), S_OK);
	REQUIRE(!memcmp(at(1 * GIB + PAGE_SIZE - 6), "\x10\x11\x12\x13\x14\x15", 6));
	REQUIRE(!memcmp(at(2 * GIB), "\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\0", 11));
	REQUIRE_EQ(query(GPA0 + PAGE_SIZE, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 1);
	memset(access->data, 0xff, 16);
	REQUIRE_EQ(access_gpa(WHIT_CALL_READ_GPA_RANGE, GPA0 + PAGE_SIZE - 2, 0, 5), S_OK);
	REQUIRE(!memcmp(access->data, "\x14\x15\x16\x17\x18\0\0\0\0\0\0\0\0\0\0", 16));
	REQUIRE_EQ(query(GPA0 + PAGE_SIZE, 1, 0), S_OK);
	REQUIRE_EQ(words[0], 0);
	/* Not mapped, not writable; the first page is left alone then. */
	memset(access->data, 0xee, 16);
	REQUIRE_EQ(access_gpa(WHIT_CALL_WRITE_GPA_RANGE, GPA0 + 2 * PAGE_SIZE - 1, 6, 2),
		   E_ACCESSDENIED);
	REQUIRE_EQ(*(uint8_t *)at(2 * GIB + PAGE_SIZE - 1), 0);
	REQUIRE_EQ(access_gpa(WHIT_CALL_WRITE_GPA_RANGE, GPA0 - 1, 6, 2), E_ACCESSDENIED);
	REQUIRE_EQ(access_gpa(WHIT_CALL_READ_GPA_RANGE, GPA0 + 3 * PAGE_SIZE - 1, 6, 1), S_OK);
	REQUIRE_EQ(access_gpa(WHIT_CALL_READ_GPA_RANGE, GPA0 + 3 * PAGE_SIZE - 1, 6, 2),
		   E_ACCESSDENIED);
	REQUIRE_EQ(access_gpa(WHIT_CALL_READ_GPA_RANGE, ~0ull, 6, 2), E_ACCESSDENIED);
	REQUIRE_EQ(access_gpa(WHIT_CALL_READ_GPA_RANGE, 1ull << 40, 6, 2), E_ACCESSDENIED);
	finish();
}

static void accesses_that_are_refused(void)
{
	static const uint64_t controls[] = { 2, 3, 7, 8, 1ull << 32 | 6, 1ull << 40 | 6, ~0ull };
	static const uint64_t codes[] = { WHIT_CALL_READ_GPA_RANGE, WHIT_CALL_WRITE_GPA_RANGE };

	start(true);
	record = test_pages(1);
	REQUIRE_EQ(map(1 * GIB, GPA0, PAGE_SIZE, RWX), S_OK);
	for (unsigned int i = 0; i < 2; i++) {
		REQUIRE_EQ(access_gpa(codes[i], GPA0, 6, 0), E_INVALIDARG);
		REQUIRE_EQ(access_gpa(codes[i], GPA0, 6, 17), E_INVALIDARG);
		REQUIRE_EQ(access_gpa(codes[i], GPA0, 6, ~0u), E_INVALIDARG);
		for (unsigned int j = 0; j < 7; j++)
			REQUIRE_EQ(access_gpa(codes[i], GPA0, controls[j], 8), E_INVALIDARG);
		REQUIRE_EQ(access_gpa(codes[i], GPA0, 5, 8), S_OK);
		((struct whit_gpa_access *)at(record))->reserved = 1;
		REQUIRE_EQ(CALL(codes[i], handle, 0, record), E_INVALIDARG);
		REQUIRE_EQ(CALL(codes[i], handle, 0, record + 4), E_POINTER);
		REQUIRE_EQ(CALL(codes[i], handle, 0, BLOCK_BASE), E_POINTER);
		REQUIRE_EQ(CALL(codes[i], handle, 1, record), WHV_E_VP_DOES_NOT_EXIST);
	}
	finish();
}

static void advice_is_judged_and_needs_nothing(void)
{
	const uint64_t end = 1ull << 40;

	start(true);
	REQUIRE_EQ(map(1 * GIB, GPA0, 32 * MIB, 3 | TRACK), S_OK);
#define ADVISE(gpa, n, advice, populate) whole(WHIT_CALL_ADVISE_GPA_RANGE, gpa, n, advice, populate)
	REQUIRE_EQ(ADVISE(GPA0, 32 * MIB, WHvAdviseGpaRangeCodePin, 0), S_OK);
	REQUIRE_EQ(ADVISE(GPA0, 32 * MIB, WHvAdviseGpaRangeCodeUnpin, 0), S_OK);
	REQUIRE_EQ(ADVISE(GPA0 + 5, 1, WHvAdviseGpaRangeCodePopulate, 3), S_OK);
	REQUIRE_EQ(ADVISE(GPA0 + 5, PAGE_SIZE, WHvAdviseGpaRangeCodePopulate, 2ull << 32), S_OK);
	REQUIRE_EQ(ADVISE(GPA0 + 5, 1, WHvAdviseGpaRangeCodePopulate, 4), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0 + 5, 1, WHvAdviseGpaRangeCodePopulate, 3ull << 32), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0 + 5, PAGE_SIZE, WHvAdviseGpaRangeCodePin, 0), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0, 5, WHvAdviseGpaRangeCodeUnpin, 0), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0, PAGE_SIZE, WHvAdviseGpaRangeCodePin, 1), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0, PAGE_SIZE, 3, 0), E_INVALIDARG);
	REQUIRE_EQ(ADVISE(GPA0, PAGE_SIZE, ~0ull, 0), E_INVALIDARG);
	for (unsigned int advice = 0; advice < 3; advice++) {
		REQUIRE_EQ(ADVISE(GPA0, 0, advice, 0), E_INVALIDARG);
		REQUIRE_EQ(ADVISE(end, PAGE_SIZE, advice, 0), E_INVALIDARG);
		REQUIRE_EQ(ADVISE(PAGE_SIZE, 0 - PAGE_SIZE, advice, 0), E_INVALIDARG);
		REQUIRE_EQ(ADVISE(GPA0 - PAGE_SIZE, PAGE_SIZE, advice, 0),
			   WHV_E_GPA_RANGE_NOT_FOUND);
		REQUIRE_EQ(ADVISE(GPA0 + 31 * MIB, 2 * MIB, advice, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	}
	finish();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(rights_change_in_place_and_leaves_join_again),
		TEST(what_is_not_one_block_does_not_join),
		TEST(protect_refuses_holes_and_nonsense),
		TEST(protect_without_pages_changes_nothing),
		TEST(lists_map_one_behind_the_other),
		TEST(lists_are_refused_as_a_whole),
		TEST(writes_are_seen_by_flags),
		TEST(writes_are_seen_by_protection),
		TEST(queries_are_refused_before_anything_is_taken_back),
		TEST(long_queries_are_cut),
		TEST(tracking_by_flags_is_turned_on_and_off_in_place),
		TEST(tracking_by_protection_is_turned_on_and_off_in_place),
		TEST(violations_that_only_track_are_not_the_clients),
		TEST(a_walk_through_rom_ends_the_use_of_flags),
		TEST(flags_are_no_reason_for_a_violation),
		TEST(vps_that_come_later_run_in_the_same_space),
		TEST(bytes_are_read_and_written),
		TEST(accesses_that_are_refused),
		TEST(advice_is_judged_and_needs_nothing),
	};

	return RUN(tests);
}
