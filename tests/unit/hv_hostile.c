/* SPDX-License-Identifier: MIT */
/*
 * A hostile root: 100,000 hypercalls with parameters made of plausible and of wild values, on a few
 * partitions at once. Whatever the calls answer, no page may be lost or be two things at once; the
 * hypervisor must not panic; and when everything has been deleted the books are what they were.
 */
#include <stdio.h>

#include "tests/random.h"
#include "tests/unit/machine.h"
#include "hv/call/partition.h"
#include "hv/root/memory.h"

static struct random rng = { 1 };

#define N_CALLS	   100000u
#define N_HANDLES  8u
#define RAM_START  (BLOCK_BASE + 32 * MIB)
#define RAM_BYTES  (192 * MIB)
#define SMALL_AREA (256 * PAGE_SIZE) /* where calls get in each other's way */

static uint64_t handles[N_HANDLES];

static uint64_t random_word(void)
{
	static const uint64_t odd[] = { 0,
					1,
					2,
					7,
					8,
					0xfff,
					0x1000,
					0x1001,
					0x7fffffff,
					0xffffffff,
					1ull << 32,
					1ull << 39,
					1ull << 40,
					1ull << 52,
					1ull << 63,
					~0ull,
					~0ull << 12,
					BLOCK_BASE,
					BLOCK_BASE - 8 };

	switch (random_below(&rng, 3)) {
	case 0: return odd[random_below(&rng, sizeof(odd) / sizeof(odd[0]))];
	case 1:
		return 1ull << random_below(&rng, 64) |
		       random_below(&rng, 1ull << random_below(&rng, 64));
	default: return random_below(&rng, ~0ull);
	}
}

static uint64_t random_page(void)
{
	if (!random_below(&rng, 16))
		return random_word();
	if (!random_below(&rng, 8))
		return RAM_START + (random_below(&rng, SMALL_AREA) & PAGE_MASK);
	return RAM_START + (random_below(&rng, RAM_BYTES) &
			    (random_below(&rng, 2) ? PAGE_MASK : ~(2 * MIB - 1)));
}

static uint64_t random_buffer(void)
{
	return random_below(&rng, 16) ? RAM_START + (random_below(&rng, SMALL_AREA) & ~7ull)
				      : random_word();
}

static uint64_t random_bytes(void)
{
	if (!random_below(&rng, 16))
		return random_word();
	return random_below(&rng, 2) ? (1 + random_below(&rng, 8)) * PAGE_SIZE
				     : (1 + random_below(&rng, 3)) * 2 * MIB;
}

static uint64_t random_gpa(void)
{
	return random_below(&rng, 16) ? random_below(&rng, 8 * MIB) &
						(random_below(&rng, 2) ? PAGE_MASK : ~(2 * MIB - 1))
				      : random_word();
}

static uint64_t random_handle(void)
{
	return random_below(&rng, 32) ? handles[random_below(&rng, N_HANDLES)] : random_word();
}

static uint64_t random_vp(void)
{
	return random_below(&rng, 16) ? random_below(&rng, 3) : random_word();
}

static uint64_t random_name(void)
{
	static const uint32_t base[] = { 0, 0x1000, 0x2000, 0x2080, 0x80000000u, 0x57480000u };

	return random_below(&rng, 16)
		       ? base[random_below(&rng, 6)] + (uint32_t)random_below(&rng, 44)
		       : (uint32_t)random_word();
}

/* Is this page the root's own, and seen by it? */
static bool is_seen(uint64_t address)
{
	const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(address));

	return leaf.rights == 7 && leaf.spa.a + (address & (LEVEL_SIZE(leaf.level) - 1)) == address;
}

/* What the root meets there, after the fault that this may take. */
static void *root_at(uint64_t address, unsigned int rights)
{
	const struct virt_exit exit = {
		.reason = VIRT_EXIT_MEMORY,
		.memory = { .gpa = GPA(address),
			    .is_read = rights & VIRT_READ,
			    .is_write = rights & VIRT_WRITE,
			    .is_fetch = rights & VIRT_EXECUTE },
	};
	struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(address));

	if (rights & ~(unsigned int)leaf.rights) {
		root_memory_fault(&test_root, &exit);
		REQUIRE_EQ(test_root.virt->injected.type, VIRT_EVENT_NONE);
		leaf = virt_space_lookup(&hv.root_space, GPA(address));
		REQUIRE_EQ(rights & ~(unsigned int)leaf.rights, 0);
	}
	return at(leaf.spa.a + (address & (LEVEL_SIZE(leaf.level) - 1)));
}

/* Names and values for the register calls, properties for the property calls; all of it junk. */
static void scribble(void)
{
	for (unsigned int i = 0; i < 32; i++) {
		const uint64_t where = RAM_START + (random_below(&rng, SMALL_AREA) & ~7ull);

		*(uint64_t *)root_at(where, VIRT_WRITE) =
			random_below(&rng, 2) ? random_word() : random_name() | random_name() << 32;
	}
	(void)root_at(BLOCK_BASE + random_below(&rng, RAM_START - BLOCK_BASE),
		      1u << random_below(&rng, 3));
}

static void push_exit(void)
{
	static const struct virt_exit exits[] = {
		{ .reason = VIRT_EXIT_HLT, .insn_length = 1 },
		{ .reason = VIRT_EXIT_INTERRUPT },
		{ .reason = VIRT_EXIT_INVALID_STATE },
		{ .reason = VIRT_EXIT_TRIPLE_FAULT },
		{ .reason = VIRT_EXIT_IO, .insn_length = 1, .io = { .port = 0x80, .size = 1 } },
		{ .reason = VIRT_EXIT_IO,
		  .insn_length = 1,
		  .io = { .port = 0x60, .size = 4, .is_in = true } },
		{ .reason = VIRT_EXIT_MEMORY,
		  .memory = { .gpa = { 0x7fffff8 }, .is_write = true } },
	};

	/* At the end of the queue always one that ends the run. */
	fake.n_exits = fake.next_exit = 0;
	fake_push(&exits[random_below(&rng, sizeof(exits) / sizeof(exits[0]))], NULL);
	for (unsigned int i = 0; i < 8; i++)
		fake_push(&exits[1], NULL);
}

/* Lists of extents are found where registers' values and properties are. */
static uint32_t random_memory_call(uint64_t handle, uint64_t vp)
{
	const uint64_t buffer = random_buffer();
	const uint64_t record[5] = { random_gpa(), random_below(&rng, 4) ? 6 : random_word(),
				     1 + random_below(&rng, 18) };

	if (random_below(&rng, 2) && buffer < fake.ram_bytes - PAGE_SIZE && is_seen(buffer) &&
	    is_seen(buffer + sizeof(record)))
		memcpy(at(buffer), record, sizeof(record));
	switch (random_below(&rng, 6)) {
	case 0:
		return CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, random_gpa(), random_bytes(),
			    random_below(&rng, 16) ? 1 | random_below(&rng, 16) : random_word());
	case 1:
		if (buffer < fake.ram_bytes - PAGE_SIZE && is_seen(buffer) && !PAGE_OFFSET(buffer))
			*(struct whit_extent *)at(buffer) =
				(struct whit_extent) { random_page(), 1 + random_below(&rng, 600) };
		return CALL(WHIT_CALL_MAP_GPA_LIST, handle, random_gpa(), buffer,
			    random_below(&rng, 4) ? 1 : random_word(),
			    random_below(&rng, 16) ? 1 | random_below(&rng, 16) : random_word());
	case 2:
		return CALL(WHIT_CALL_QUERY_DIRTY, handle, random_gpa(), random_bytes(),
			    random_below(&rng, 4) ? buffer : 0,
			    random_below(&rng, 16) ? random_below(&rng, 2) : random_word());
	case 3:
		return CALL(WHIT_CALL_ADVISE_GPA_RANGE, handle, random_gpa(), random_bytes(),
			    random_below(&rng, 4), random_below(&rng, 2) ? 0 : random_word());
	default:
		return CALL(random_below(&rng, 2) ? WHIT_CALL_READ_GPA_RANGE
						  : WHIT_CALL_WRITE_GPA_RANGE,
			    handle, vp, buffer);
	}
}

static uint32_t random_call(void)
{
	const uint64_t handle = random_handle(), vp = random_vp();
	const unsigned int slot = (unsigned int)random_below(&rng, N_HANDLES);

	switch (random_below(&rng, 23)) {
	case 0: {
		const uint32_t result =
			CALL(WHIT_CALL_CREATE_PARTITION, random_page(),
			     random_below(&rng, 16) ? 1 + random_below(&rng, 60) : random_word());

		/* A handle that is forgotten could not be deleted at the end. */
		if ((result == S_OK || result == WHIT_S_MORE) && !peek(handles[slot])) {
			handles[slot] = out_rdx;
		} else if (result == S_OK || result == WHIT_S_MORE) {
			delete_all(out_rdx);
		}
		return result;
	}
	case 1: return CALL(WHIT_CALL_SETUP_PARTITION, handle);
	case 2: {
		/* Most of those that are begun are soon ended: a dying one takes no other call. */
		uint32_t result = random_below(&rng, 32) ? RESULT(E_FAIL)
							 : CALL(WHIT_CALL_DELETE_PARTITION, handle);

		if (result == WHIT_S_AGAIN && random_below(&rng, 8))
			delete_all(handle);
		return result;
	}
	case 3:
		return CALL(WHIT_CALL_GET_PROPERTY, handle,
			    random_below(&rng, 8) ? 0x1ffful : random_word(), random_buffer(),
			    random_below(&rng, 64));
	case 4: {
		const uint64_t buffer = random_buffer();

		if (random_below(&rng, 2) && frames_are_root(buffer, 8))
			*(uint64_t *)at(buffer & ~7ull) = 1 + random_below(&rng, 3);
		return CALL(
			WHIT_CALL_SET_PROPERTY, handle,
			random_below(&rng, 4)
				? 0x1ffful
				: (random_below(&rng, 2) ? 0x57480001 : random_below(&rng, 0x1010)),
			buffer, random_below(&rng, 8) ? 8 : random_below(&rng, 64));
	}
	case 5:
	case 6:
	case 7:
		return CALL(WHIT_CALL_MAP_GPA_RANGE, handle, random_page(), random_gpa(),
			    random_bytes(),
			    random_below(&rng, 16) ? 1 | random_below(&rng, 16) : random_word());
	case 8:
	case 9: return CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, random_gpa(), random_bytes());
	case 21: return random_memory_call(handle, vp);
	case 10:
		if (random_below(&rng, 2))
			return CALL(WHIT_CALL_TRANSLATE_GVAS, handle, vp, random_buffer(),
				    random_below(&rng, 16) ? random_below(&rng, 130)
							   : random_word(),
				    random_below(&rng, 16)
					    ? random_below(&rng, 2) << 31 | random_below(&rng, 0x20)
					    : random_word());
		return CALL(WHIT_CALL_TRANSLATE_GVA, handle, vp, random_word(),
			    random_below(&rng, 16) ? random_below(&rng, 0x20) : random_word());
	case 11:
	case 12:
		return CALL(WHIT_CALL_CREATE_VP, handle, vp,
			    random_below(&rng, 16) ? 0 : random_word(),
			    random_below(&rng, 16) ? random_buffer() & PAGE_MASK : random_word());
	case 13:
		return random_below(&rng, 4) ? RESULT(E_FAIL)
					     : CALL(WHIT_CALL_DELETE_VP, handle, vp);
	case 14: push_exit(); return CALL(WHIT_CALL_RUN_VP, handle, vp);
	case 15:
		if (random_below(&rng, 4))
			return RESULT(E_FAIL);
		return CALL(WHIT_CALL_CANCEL_RUN_VP, handle, vp,
			    random_below(&rng, 8) ? 0 : random_word());
	case 16:
		return CALL(WHIT_CALL_GET_REGISTERS, handle, vp, random_buffer(),
			    random_below(&rng, 16) ? random_below(&rng, 4) : random_word(),
			    random_buffer());
	case 17:
		return CALL(WHIT_CALL_SET_REGISTERS, handle, vp, random_buffer(),
			    random_below(&rng, 16) ? random_below(&rng, 3) : random_word(),
			    random_buffer());
	case 18:
	case 19:
		return CALL(WHIT_CALL_LEND, handle, random_page(),
			    random_below(&rng, 16) ? 1 + random_below(&rng, 20) : random_word());
	case 20:
		return random_below(&rng, 2)
			       ? CALL(WHIT_CALL_STATS, random_buffer(), random_below(&rng, 2048))
			       : CALL(WHIT_CALL_READ_LOG, random_word(), random_buffer(),
				      random_word());
	default:
		return CALL(random_word(), random_word(), random_word(), random_word(),
			    random_word(), random_word());
	}
}

/* What may be in the place of a hidden page: nothing, ones, or the sink that is noted to be there. */
static bool is_stand_in(uint64_t page, const struct virt_leaf *leaf)
{
	if (leaf->level != LEVEL_4K)
		return false;
	if (leaf->rights != 7)
		return !leaf->rights ||
		       (leaf->rights == (VIRT_READ | VIRT_EXECUTE) && leaf->spa.a == hv.ones.a);
	for (unsigned int i = 0; i < ROOT_SINKS; i++)
		if (hv.sinks[i].at == page)
			return hv.sinks[i].page.a == leaf->spa.a;
	return false;
}

/* Every frame is one thing: what the root's space shows, what the books say, what partitions hold. */
static void check_invariants(void)
{
	uint64_t n_lent = 0, n_counted = 0;

	for (uint64_t page = PAGE_SIZE; page < fake.ram_bytes; page += PAGE_SIZE) {
		const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(page));
		const bool is_lent = frames_kind(SPA(page)) != FRAME_PLAIN;

		if (page - BLOCK_BASE < RAM_START - BLOCK_BASE) {
			REQUIRE(is_stand_in(page, &leaf));
			continue;
		}
		n_lent += is_lent;
		if (is_lent)
			REQUIRE(is_stand_in(page, &leaf));
		else
			REQUIRE_EQ(leaf.spa.a + (page & (LEVEL_SIZE(leaf.level) - 1)), page);
		if (is_lent)
			REQUIRE_EQ(frames_uses(SPA(page & ~(2 * MIB - 1)), LEVEL_2M), 0);
	}
	REQUIRE_EQ(n_lent, hv.stats.lent_pages);
	REQUIRE_EQ(fake_count_pages(&hv.heap), hv.heap.count);
	REQUIRE_EQ(hv.heap.count + fake_count_tables(&hv.root_space), heap_at_start);
	for (unsigned int i = 0; i < N_HANDLES; i++) {
		struct partition *partition = peek(handles[i]);

		if (!partition)
			continue;
		REQUIRE_EQ(partition->gate.turn % 2, 0);
		REQUIRE_EQ(partition->lock.held, 0);
		n_counted += partition->n_lent;
		if (!partition->is_dying)
			REQUIRE_EQ(fake_count_pages(&partition->pages), partition->pages.count);
	}
	REQUIRE_EQ(hv.lock.held, 0);
	for (unsigned int i = 0; i < N_HANDLES; i++)
		if (peek(handles[i]) && peek(handles[i])->is_dying)
			return; /* its pages are on the way back */
	REQUIRE_EQ(n_counted, n_lent);
}

static void a_hostile_root_breaks_nothing(void)
{
	unsigned int n_ok = 0;

	machine(RAM_START + RAM_BYTES);
	heap_at_start = hv.heap.count + fake_count_tables(&hv.root_space);
	memset(handles, 0, sizeof(handles));
	for (unsigned int i = 0; i < N_CALLS; i++) {
		scribble();
		n_ok += random_call() == S_OK;
		if (i % 1000 == 0)
			check_invariants();
	}
	check_invariants();
	REQUIRE(n_ok > N_CALLS / 20); /* the calls are not all nonsense */
	REQUIRE(fake.n_runs > 500);
	for (unsigned int i = 0; i < N_HANDLES; i++)
		if (peek(handles[i]))
			delete_all(handles[i]);
	for (uint64_t page = 0; page < fake.ram_bytes; page += PAGE_SIZE) {
		REQUIRE_EQ(frames_kind(SPA(page)), FRAME_PLAIN);
		REQUIRE_EQ(frames_uses(SPA(page), LEVEL_4K), 0);
		REQUIRE_EQ(frames_uses(SPA(page & ~(2 * MIB - 1)), LEVEL_2M), 0);
	}
	heap_at_start -= fake_count_tables(&hv.root_space);
	check_clean();
	printf("note: %u of %u calls succeeded, %llu VP runs\n", n_ok, N_CALLS,
	       (unsigned long long)fake.n_runs);
}

int main(void)
{
	static const struct test tests[] = { TEST(a_hostile_root_breaks_nothing) };

	return RUN(tests);
}
