/* SPDX-License-Identifier: MIT */
/* hv/root/memory.c: what the root sees of the machine's memory, and of the hypervisor's. */
#include <setjmp.h>

#include "tests/random.h"
#include "tests/unit/machine.h"
#include "hv/mem/buffer.h"

#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"
#include "hv/root/memory.h"

static struct random rng = { 1 };

#define ALL  (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)
#define ONES (VIRT_READ | VIRT_EXECUTE)

static struct virt_leaf leaf_at(uint64_t address)
{
	return virt_space_lookup(&hv.root_space, GPA(address));
}

static void check_identity(uint64_t address, unsigned int level, uint8_t type)
{
	const struct virt_leaf leaf = leaf_at(address);

	REQUIRE_EQ(leaf.rights, ALL);
	REQUIRE_EQ(leaf.level, level);
	REQUIRE_EQ(leaf.type, type);
	REQUIRE_EQ(leaf.spa.a + (address & (LEVEL_SIZE(level) - 1)), address);
}

/* Nothing, or the page of ones. */
static void check_hidden(uint64_t address)
{
	const struct virt_leaf leaf = leaf_at(address);

	REQUIRE_EQ(leaf.level, LEVEL_4K);
	REQUIRE(!leaf.rights || (leaf.rights == ONES && leaf.spa.a == hv.ones.a));
}

static void root_sees_everything_but_the_block(void)
{
	fake_reset(6 * GIB);
	fake.uncached_base = 3 * GIB + 5 * PAGE_SIZE;
	fake.uncached_bytes = GIB - 5 * PAGE_SIZE;
	machine_of(6 * GIB, 32 * MIB);
	check_identity(0, LEVEL_2M, MEMTYPE_WB);
	check_identity(BLOCK_BASE - 1, LEVEL_2M, MEMTYPE_WB);
	check_hidden(BLOCK_BASE);
	check_hidden(BLOCK_BASE + 32 * MIB - 1);
	check_identity(BLOCK_BASE + 32 * MIB, LEVEL_2M, MEMTYPE_WB);
	check_identity(1 * GIB + 12345, LEVEL_1G, MEMTYPE_WB);
	check_identity(3 * GIB + 4 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	check_identity(3 * GIB + 5 * PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	check_identity(3 * GIB + 2 * MIB, LEVEL_2M, MEMTYPE_UC);
	check_identity(6 * GIB - 1, LEVEL_1G, MEMTYPE_WB);
	REQUIRE_EQ(leaf_at(6 * GIB).rights, 0);
}

/* A block that is not aligned to large pages is hidden to the page. */
static void block_is_hidden_to_the_page(void)
{
	struct whit_handover *h;

	fake_reset(256 * MIB);
	h = fake_handover(BLOCK_BASE + 3 * PAGE_SIZE, 16 * MIB);
	REQUIRE_EQ(hv_init(h), WHIT_LAUNCH_OK);
	check_identity(BLOCK_BASE + 2 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	check_hidden(BLOCK_BASE + 3 * PAGE_SIZE);
	check_hidden(BLOCK_BASE + 16 * MIB + 2 * PAGE_SIZE);
	check_identity(BLOCK_BASE + 16 * MIB + 3 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
}

static struct virt_event fault_of(struct virt_exit exit)
{
	exit.reason = VIRT_EXIT_MEMORY;
	memset(&test_root.virt->injected, 0, sizeof(test_root.virt->injected));
	root_memory_fault(&test_root, &exit);
	return test_root.virt->injected;
}

/* A whole change of types; the part of one call takes few looks at any block. */
#define MOST_QUESTIONS 800u /* 256 blocks, at each of three levels, and the flush */

static unsigned int retype(void)
{
	unsigned int n_calls = 0;
	bool is_done;

	do {
		const unsigned int before = fake.n_type_questions;

		is_done = root_memory_retype(!n_calls++);
		REQUIRE(fake.n_type_questions - before <= MOST_QUESTIONS);
		check_gate(&hv.root_space, &hv.root_gate);
		REQUIRE(n_calls < 100000);
	} while (!is_done);
	REQUIRE(root_memory_retype(false)); /* nothing is left */
	return n_calls;
}

static void memory_above_appears_when_touched(void)
{
	struct virt_exit exit = { .memory = { .is_read = true } };
	uint64_t heap;

	machine(256 * MIB);
	REQUIRE_EQ(leaf_at(9 * GIB + 5).rights, 0);
	exit.memory.gpa = GPA(9 * GIB + 5);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity(9 * GIB + 5, LEVEL_1G, MEMTYPE_WB);
	exit.memory.gpa = GPA((1ull << 40) - 1);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity((1ull << 40) - 1, LEVEL_1G, MEMTYPE_WB);
	exit.memory.gpa = GPA(1ull << 40);
	REQUIRE_EQ(fault_of(exit).vector, EXC_GP);
	/* An event on whose way the hole was comes again. */
	exit.memory.gpa = GPA(20 * GIB);
	exit.interrupted = (struct virt_event) { VIRT_EVENT_INTERRUPT, 33, false, 0, 0 };
	REQUIRE_EQ(fault_of(exit).vector, 33);
	/* Types changed: what was mapped on demand is gone until it is touched. */
	fake.uncached_base = 9 * GIB;
	fake.uncached_bytes = GIB;
	heap = hv.heap.count;
	retype();
	REQUIRE(hv.heap.count >= heap);
	REQUIRE_EQ(leaf_at(9 * GIB).rights, 0);
	exit.memory.gpa = GPA(9 * GIB);
	fault_of(exit);
	check_identity(9 * GIB, LEVEL_1G, MEMTYPE_UC);
}

static void retype_follows_the_mtrrs(void)
{
	uint64_t heap, handle;

	machine(1 * GIB);
	handle = created(4);
	heap = hv.heap.count;
	check_identity(512 * MIB, LEVEL_2M, MEMTYPE_WB);
	fake.uncached_base = 512 * MIB + PAGE_SIZE;
	fake.uncached_bytes = 4 * MIB;
	retype();
	check_identity(512 * MIB, LEVEL_4K, MEMTYPE_WB);
	check_identity(512 * MIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	check_identity(514 * MIB, LEVEL_2M, MEMTYPE_UC);
	check_identity(516 * MIB, LEVEL_4K, MEMTYPE_UC);
	check_identity(516 * MIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	check_hidden(BLOCK_BASE);
	check_hidden(BLOCK_BASE + 32 * MIB + PAGE_SIZE); /* lent */
	fake.uncached_bytes = 0;
	retype();
	check_identity(512 * MIB, LEVEL_2M, MEMTYPE_WB);
	REQUIRE_EQ(hv.heap.count, heap);
	delete_all(handle);
	check_clean();
}

static bool is_ones(const void *page)
{
	const uint64_t *words = page;

	for (unsigned int i = 0; i < 512; i++)
		if (words[i] != ~0ull)
			return false;
	return true;
}

/* Every second page lent, everywhere, and something mapped on demand at the far end. */
static void retype_is_cut_into_short_parts(void)
{
	struct virt_exit exit = { .memory = { .is_read = true, .gpa = GPA((1ull << 40) - 1) } };
	uint64_t handle, pages;
	unsigned int questions;

	machine(256 * MIB);
	handle = created(64);
	pages = (next_page + 2 * MIB - 1) & ~(2 * MIB - 1);
	for (uint64_t i = 0; i < 64; i++)
		REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, pages + i * 2 * MIB, 1), S_OK);
	fault_of(exit);
	check_identity((1ull << 40) - 1, LEVEL_1G, MEMTYPE_WB);
	fake.uncached_base = BLOCK_BASE + 32 * MIB;
	fake.uncached_bytes = 256 * MIB + PAGE_SIZE;
	questions = fake.n_type_questions;
	REQUIRE(retype() > 64);
	REQUIRE(fake.n_type_questions - questions > 64 * 512);
	for (uint64_t i = 0; i < 64; i++) {
		check_hidden(pages + i * 2 * MIB);
		check_identity(pages + i * 2 * MIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	}
	REQUIRE_EQ(leaf_at((1ull << 40) - 1).rights, 0);
	fake.uncached_bytes = 0;
	retype();
	check_identity(pages + 2 * MIB - PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	delete_all(handle);
	check_clean();
}

/* A fault in memory that nothing has mapped yet maps the block that it needs, and looks at no other. */
static void memory_on_demand_is_one_block(void)
{
	struct virt_exit exit = { .memory = { .is_read = true, .gpa = GPA(9 * GIB + 5) } };
	unsigned int questions;

	machine(256 * MIB);
	fake.uncached_base = 9 * GIB + PAGE_SIZE;
	fake.uncached_bytes = 100 * MIB;
	questions = fake.n_type_questions;
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	REQUIRE(fake.n_type_questions - questions <= 3);
	check_identity(9 * GIB + 5, LEVEL_4K, MEMTYPE_WB);
	REQUIRE_EQ(leaf_at(9 * GIB + PAGE_SIZE).rights, 0);
	exit.memory.gpa = GPA(9 * GIB + PAGE_SIZE);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity(9 * GIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	exit.memory.gpa = GPA(9 * GIB + 500 * MIB);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity(9 * GIB + 500 * MIB, LEVEL_2M, MEMTYPE_WB);
}

static void hidden_memory_reads_as_ones(void)
{
	struct virt_exit exit = { .memory = { .is_read = true, .gpa = GPA(BLOCK_BASE + 8200) } };
	uint64_t handle;

	machine(256 * MIB);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 8200).rights, 0);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	REQUIRE_EQ(hv.stats.hidden_reads, 1);
	REQUIRE_EQ(hv.stats.hidden_writes, 0);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 8200).rights, ONES);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 8200).level, LEVEL_4K);
	REQUIRE(is_ones(at(leaf_at(BLOCK_BASE + 8200).spa.a)));
	check_hidden(BLOCK_BASE + 3 * PAGE_SIZE);
	/* A lent page too, and it is the root's own again afterwards. */
	heap_at_start = hv.heap.count;
	handle = created(4);
	exit.memory.gpa = GPA(BLOCK_BASE + 32 * MIB + PAGE_SIZE);
	fault_of(exit);
	REQUIRE_EQ(leaf_at(exit.memory.gpa.a).spa.a, hv.ones.a);
	delete_all(handle);
	check_identity(exit.memory.gpa.a, LEVEL_2M, MEMTYPE_WB);
	check_clean();
}

/* MKTME: the upper bits of an address are the number of a key, and the rest is the same memory. */
static void an_address_with_a_key_leads_nowhere(void)
{
	static const struct virt_exit accesses[] = {
		{ .memory = { .is_read = true } },
		{ .memory = { .is_write = true } },
		{ .memory = { .is_fetch = true } },
		{ .memory = { .is_read = true, .is_write = true, .is_walk = true } },
	};
	uint64_t handle, lent;

	fake_reset(256 * MIB);
	virt_machine.memory_bits = 34; /* of 40 */
	machine_of(256 * MIB, 32 * MIB);
	lent = next_page;
	handle = created(4);
	for (uint64_t key = 1; key < 64; key++)
		for (unsigned int i = 0; i < 4; i++) {
			struct virt_exit exit = accesses[i];

			exit.memory.gpa = GPA(key << 34 | (i % 2 ? BLOCK_BASE + 8 : lent + 8));
			REQUIRE_EQ(fault_of(exit).vector, EXC_GP);
			REQUIRE_EQ(leaf_at(exit.memory.gpa.a).rights, 0);
		}
	/* Nor by a call. */
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, 1ull << 34 | next_page, 1), E_ACCESSDENIED);
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, 1ull << 34 | next_page, sizeof(struct whit_stats)),
		   E_POINTER);
	delete_all(handle);
	check_clean();
}

/* Code of ones is #UD, and tables of ones have reserved bits: by the processor, which combines faults itself. */
static void fetch_and_walk_meet_ones_too(void)
{
	struct virt_exit exit = { .memory = { .is_fetch = true, .gpa = GPA(BLOCK_BASE + 4096) } };

	machine(256 * MIB);
	virt_set(test_root.virt, VIRT_CR2, 5);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 4096).rights, ONES);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 4096).spa.a, hv.ones.a);
	exit.memory.is_fetch = false;
	exit.memory.is_walk = exit.memory.is_read = exit.memory.gva_valid = true;
	exit.memory.gpa = GPA(BLOCK_BASE + 8192);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 8192).rights, ONES);
	REQUIRE_EQ(virt_get(test_root.virt, VIRT_CR2), 5);
	/* The processor's load of PDPTEs has no linear address. */
	exit.memory.is_walk = exit.memory.gva_valid = false;
	exit.memory.gpa = GPA(BLOCK_BASE + 12288);
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	REQUIRE_EQ(leaf_at(BLOCK_BASE + 12288).rights, ONES);
	REQUIRE_EQ(hv.stats.hidden_reads, 3);
	REQUIRE_EQ(hv.stats.hidden_writes, 0);
	REQUIRE_EQ(test_root.root_exits[VIRT_EXIT_MEMORY], 0);
}

/* ---- The processor ----------------------------------------------------------------------- */

/* What an instruction, or the delivery of an event, needs of a page all at once. */
struct need {
	uint64_t gpa;
	unsigned int rights;
};

/* Begin anew after each fault until nothing is missing; how many faults that took, -1: it never ends. */
static int execute(const struct need *needs, unsigned int n)
{
	unsigned int n_exits = 0;

	for (unsigned int i = 0; i < n; i++) {
		const unsigned int rights = needs[i].rights;
		const struct virt_exit exit = {
			.memory = { .gpa = GPA(needs[i].gpa),
				    .is_read = rights & VIRT_READ,
				    .is_write = rights & VIRT_WRITE,
				    .is_fetch = rights & VIRT_EXECUTE },
		};

		if (!(rights & ~leaf_at(needs[i].gpa).rights))
			continue;
		REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
		check_gate(&hv.root_space, &hv.root_gate);
		if (++n_exits > 8 * n)
			return -1;
		i = ~0u;
	}
	return (int)n_exits;
}

static int write_to(uint64_t gpa)
{
	return execute(&(struct need) { gpa, VIRT_WRITE }, 1);
}

static uint64_t *seen_at(uint64_t gpa)
{
	const struct virt_leaf leaf = leaf_at(gpa);

	REQUIRE_EQ(leaf.level, LEVEL_4K);
	return (uint64_t *)at(leaf.spa.a + PAGE_OFFSET(gpa));
}

static uint64_t hidden_page(unsigned int i)
{
	return BLOCK_BASE + 4 * MIB + (3 * i + 1) * PAGE_SIZE;
}

/* Of what is really there: free pages of the heap. */
static uint64_t hidden_sum(void)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < 150; i++)
		for (unsigned int word = 0; word < 512; word++)
			sum = sum * 5 + ((uint64_t *)at(hidden_page(i)))[word];
	return sum;
}

static bool is_sink(spa_t page)
{
	for (unsigned int i = 0; i < ROOT_SINKS; i++)
		if (hv.sinks[i].page.a == page.a)
			return true;
	return false;
}

static void what_is_written_stays_until_its_sink_moves(void)
{
	uint64_t first, sum;

	machine(256 * MIB);
	for (unsigned int i = 0; i < 64; i++)
		REQUIRE_EQ(leaf_at(hidden_page(i)).rights, 0);
	sum = hidden_sum();
	REQUIRE_EQ(write_to(hidden_page(0) + 64), 1);
	REQUIRE_EQ(hv.stats.hidden_writes, 1);
	REQUIRE_EQ(hv.stats.hidden_reads, 0);
	REQUIRE_EQ(leaf_at(hidden_page(0)).rights, ALL);
	REQUIRE_EQ(leaf_at(hidden_page(0)).type, MEMTYPE_WB);
	REQUIRE(is_ones(seen_at(hidden_page(0))));
	first = leaf_at(hidden_page(0)).spa.a;
	REQUIRE(is_sink(SPA(first)));
	*seen_at(hidden_page(0) + 64) = 0xabc;

	/* A read that meets ones first, and then a write, which is to be seen. */
	REQUIRE_EQ(execute(&(struct need) { hidden_page(1), VIRT_READ }, 1), 1);
	REQUIRE_EQ(write_to(hidden_page(1)), 1);
	REQUIRE(leaf_at(hidden_page(1)).spa.a != hv.ones.a);
	/* A locked read and write is one fault. */
	REQUIRE_EQ(execute(&(struct need) { hidden_page(2), VIRT_READ | VIRT_WRITE }, 1), 1);
	REQUIRE_EQ(hv.stats.hidden_reads, 1);
	REQUIRE_EQ(hv.stats.hidden_writes, 3);

	for (unsigned int i = 3; i < ROOT_SINKS; i++) {
		REQUIRE_EQ(write_to(hidden_page(i)), 1);
		*seen_at(hidden_page(i)) = i;
		REQUIRE_EQ(*seen_at(hidden_page(0) + 64), 0xabc);
		REQUIRE_EQ(write_to(hidden_page(0)), 0);
	}
	REQUIRE_EQ(write_to(hidden_page(ROOT_SINKS)), 1);
	REQUIRE_EQ(leaf_at(hidden_page(0)).spa.a, hv.ones.a);
	REQUIRE_EQ(leaf_at(hidden_page(0)).rights, ONES);
	REQUIRE(is_ones(at(hv.ones.a)));
	REQUIRE_EQ(leaf_at(hidden_page(ROOT_SINKS)).spa.a, first);
	REQUIRE(is_ones(at(first))); /* of what was written there nothing is seen elsewhere */
	REQUIRE_EQ(*seen_at(hidden_page(3)), 3);
	REQUIRE_EQ(hidden_sum(), sum);
	check_clean();
}

/* As many pages as ROOT_SINKS can be needed at once, in any order, with any others that are only read. */
static void no_instruction_begins_anew_for_ever(void)
{
	static const unsigned int writes[] = { VIRT_WRITE, VIRT_READ | VIRT_WRITE, VIRT_WRITE };
	struct need needs[3 * ROOT_SINKS + 2];
	const uint64_t lent = BLOCK_BASE + 32 * MIB;
	uint64_t handle, sum;
	int n_exits;

	machine(256 * MIB);
	handle = created(64);
	sum = hidden_sum();
	for (unsigned int round = 0; round < 2000; round++) {
		const unsigned int n_writes =
			round < 10 ? ROOT_SINKS : 1 + (unsigned int)random_below(&rng, ROOT_SINKS);
		const unsigned int start = (unsigned int)random_below(&rng, 64);
		unsigned int n = 0;

		for (unsigned int i = 0; i < n_writes; i++) {
			const unsigned int page = (start + i) % 64;

			needs[n++] = (struct need) { page % 2 ? lent + page * PAGE_SIZE
							      : hidden_page(page),
						     writes[random_below(&rng, 3)] };
			if (!random_below(&rng, 4))
				needs[n++] = (struct need) {
					hidden_page(100 + (unsigned int)random_below(&rng, 50)),
					random_below(&rng, 2) ? VIRT_READ : VIRT_EXECUTE
				};
		}
		for (unsigned int i = n; --i;) {
			const unsigned int other = (unsigned int)random_below(&rng, i + 1);
			const struct need swapped = needs[i];

			needs[i] = needs[other];
			needs[other] = swapped;
		}
		n_exits = execute(needs, n);
		REQUIRE(n_exits >= 0 && n_exits <= (int)n);
		REQUIRE_EQ(execute(needs, n), 0);
	}
	/* That this can be seen at all: with one more it would be for ever. */
	for (unsigned int i = 0; i <= ROOT_SINKS; i++)
		needs[i] = (struct need) { hidden_page(i), VIRT_WRITE };
	REQUIRE(execute(needs, ROOT_SINKS + 1) == -1);
	REQUIRE_EQ(hidden_sum(), sum);
	delete_all(handle);
	REQUIRE_EQ(hv.heap.count, heap_at_start);
	REQUIRE_EQ(fake_count_pages(&hv.heap), heap_at_start);
}

static void a_page_that_is_shown_again_loses_its_sink(void)
{
	const uint64_t lent = BLOCK_BASE + 32 * MIB;
	uint64_t handle, sink;

	machine(256 * MIB);
	handle = created(4);
	REQUIRE_EQ(write_to(lent + PAGE_SIZE), 1);
	REQUIRE_EQ(write_to(hidden_page(0)), 1);
	sink = leaf_at(lent + PAGE_SIZE).spa.a;
	memset(at(sink), 0x5a, PAGE_SIZE);
	*seen_at(hidden_page(0)) = 77;
	/* New memory types change nothing about hidden pages. */
	fake.uncached_base = lent;
	fake.uncached_bytes = 8 * PAGE_SIZE;
	retype();
	REQUIRE_EQ(leaf_at(lent + PAGE_SIZE).spa.a, sink);
	REQUIRE_EQ(leaf_at(lent + PAGE_SIZE).type, MEMTYPE_WB);
	fake.uncached_bytes = 0;
	retype();
	delete_all(handle);
	check_identity(lent + PAGE_SIZE, LEVEL_2M, MEMTYPE_WB);
	REQUIRE_EQ(*(uint64_t *)at(lent + PAGE_SIZE), 0);
	REQUIRE_EQ(*seen_at(hidden_page(0)), 77);
	check_clean();
	/* The page is lent once more, the old sink's turn comes: it stands nowhere else, and is as new. */
	for (unsigned int i = 1; i < ROOT_SINKS; i++)
		REQUIRE_EQ(write_to(hidden_page(i)), 1);
	REQUIRE_EQ(leaf_at(hidden_page(ROOT_SINKS - 1)).spa.a, sink);
	REQUIRE(is_ones(at(sink)));
	check_identity(lent + PAGE_SIZE, LEVEL_2M, MEMTYPE_WB);
	REQUIRE_EQ(*seen_at(hidden_page(0)), 77);
}

static void check_no_memory_needed(uint64_t base, uint64_t end)
{
	const struct virt_pages heap = hv.heap;

	hv.heap.count = 0;
	for (uint64_t page = base; page < end; page += PAGE_SIZE) {
		const unsigned int rights = page & PAGE_SIZE ? VIRT_READ : VIRT_EXECUTE;

		REQUIRE_EQ(leaf_at(page).level, LEVEL_4K);
		REQUIRE(execute(&(struct need) { page, rights }, 1) >= 0);
		REQUIRE(write_to(page) >= 0);
		REQUIRE_EQ(leaf_at(page).rights, ALL);
		REQUIRE(is_sink(leaf_at(page).spa));
	}
	REQUIRE_EQ(hv.heap.count, 0);
	hv.heap = heap;
}

/* Whatever else has used up the heap. */
static void hidden_memory_needs_no_heap(void)
{
	struct virt_exit exit = { .memory = { .is_write = true, .gpa = GPA(600 * GIB) } };
	struct virt_pages heap;
	uint64_t handle;

	for (unsigned int level = LEVEL_2M; level <= LEVEL_1G; level++) {
		for (unsigned int odd = 0; odd < 4; odd += 3) {
			const uint64_t base = BLOCK_BASE + odd * PAGE_SIZE, end = base + 16 * MIB;

			fake_reset(256 * MIB);
			virt_machine.max_leaf_level = (uint8_t)level;
			machine_at(base, 16 * MIB);
			check_no_memory_needed(base, end);
			/* All that is left beside the block in its first and last table, and a whole one. */
			next_page = end & ~(2 * MIB - 1);
			next_page = next_page < end ? end : next_page;
			handle = created((2 * MIB - (next_page & (2 * MIB - 1))) / PAGE_SIZE + 512);
			check_no_memory_needed(base, next_page);
			delete_all(handle);
			check_no_memory_needed(base, end);
			check_identity(end, odd ? LEVEL_4K : LEVEL_2M, MEMTYPE_WB);
			check_clean();
		}
	}
	/* Memory that is not hidden does, and says so if there is none; nothing has changed. */
	heap = hv.heap;
	hv.heap.count = 0;
	REQUIRE_EQ(fault_of(exit).vector, EXC_GP);
	REQUIRE_EQ(leaf_at(600 * GIB).rights, 0);
	hv.heap = heap;
	REQUIRE_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity(600 * GIB, LEVEL_1G, MEMTYPE_WB);
}

/* ---- Events whose delivery the fault has interrupted --------------------------------------- */

static void the_interrupted_event_comes_again(void)
{
	static const struct virt_event events[] = {
		{ VIRT_EVENT_INTERRUPT, 33, false, 0, 0 },
		{ VIRT_EVENT_EXCEPTION, EXC_DF, true, 0, 0 },
		{ VIRT_EVENT_EXCEPTION, EXC_PF, true, 0, 2 },
		{ VIRT_EVENT_SOFT_INTERRUPT, 0x80, false, 2, 0 },
		{ VIRT_EVENT_NMI, 2, false, 0, 0 },
	};

	machine(256 * MIB);
	for (unsigned int i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		for (unsigned int is_write = 0; is_write < 2; is_write++) {
			struct virt_exit exit = { .interrupted = events[i],
						  .memory = {
							  .gpa = GPA(hidden_page(2 * i + is_write)),
							  .is_read = !is_write,
							  .is_write = is_write } };
			struct virt_event again;

			virt_set(test_root.virt, VIRT_SHADOW, VIRT_SHADOW_NMI);
			again = fault_of(exit);
			REQUIRE_EQ(again.type, events[i].type);
			REQUIRE_EQ(again.vector, events[i].vector);
			REQUIRE_EQ(again.has_error_code, events[i].has_error_code);
			REQUIRE_EQ(again.error_code, events[i].error_code);
			REQUIRE_EQ(again.length, events[i].length);
			/* The entry would refuse an NMI while NMIs are blocked; another event leaves that alone. */
			REQUIRE_EQ(virt_get(test_root.virt, VIRT_SHADOW),
				   events[i].type == VIRT_EVENT_NMI ? 0 : VIRT_SHADOW_NMI);
		}
	}
}

static jmp_buf reset;

static void jump_out_of_reset(void)
{
	longjmp(reset, 1);
}

/* There is no such memory, and that is found out in the delivery of an event. */
static void a_fault_in_a_delivery_is_combined(void)
{
	struct virt_exit exit = { .memory = { .is_write = true, .gpa = GPA(1ull << 40) } };
	static const struct {
		uint8_t type, vector, becomes;
	} rows[] = {
		{ VIRT_EVENT_NONE, 0, EXC_GP },
		{ VIRT_EVENT_INTERRUPT, 14, EXC_GP },
		{ VIRT_EVENT_NMI, 2, EXC_GP },
		{ VIRT_EVENT_SOFT_EXCEPTION, 3, EXC_GP },
		{ VIRT_EVENT_EXCEPTION, EXC_UD, EXC_GP },
		{ VIRT_EVENT_EXCEPTION, EXC_DE, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_GP, EXC_DF },
		{ VIRT_EVENT_EXCEPTION, EXC_PF, EXC_DF },
	};

	machine(256 * MIB);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct virt_event event;

		exit.interrupted =
			(struct virt_event) { .type = rows[i].type, .vector = rows[i].vector };
		event = fault_of(exit);
		REQUIRE_EQ(event.type, VIRT_EVENT_EXCEPTION);
		REQUIRE_EQ(event.vector, rows[i].becomes);
		REQUIRE(event.has_error_code);
		REQUIRE_EQ(event.error_code, 0);
		REQUIRE(virt_regs(test_root.virt)->rflags & RFLAGS_RF);
	}
}

static void a_fault_in_the_delivery_of_a_double_fault_resets(void)
{
	const struct virt_exit exit = {
		.memory = { .is_write = true, .gpa = GPA(1ull << 40) },
		.interrupted = { .type = VIRT_EVENT_EXCEPTION,
				 .vector = EXC_DF,
				 .has_error_code = true },
	};

	machine(256 * MIB);
	fake.reset_hook = jump_out_of_reset;
	if (!setjmp(reset))
		(void)fault_of(exit);
	REQUIRE_EQ(fake.n_resets, 1);
}

/* ---- What the hypervisor reads in the root's stead ----------------------------------------- */

static uint64_t root_word(uint64_t gpa)
{
	uint64_t word = 0;

	buffer_read_as_root(GPA(gpa), &word, sizeof(word));
	return word;
}

/* The fake's arena ends with its RAM: devices cannot be touched. */
static void only_the_roots_own_ram_is_read(void)
{
	const uint64_t lent = BLOCK_BASE + 32 * MIB;

	machine(256 * MIB);
	*(uint64_t *)at(64 * MIB + 8) = 0x1111;
	REQUIRE_EQ(root_word(64 * MIB + 8), 0x1111);
	REQUIRE_EQ(root_word(0xfee00020), ~0ull);
	REQUIRE_EQ(root_word(256 * MIB), ~0ull);
	REQUIRE_EQ(root_word((1ull << 40) - 8), ~0ull);
	/* No RAM by the books, but there. */
	*(uint64_t *)at(8) = 0x2222;
	REQUIRE_EQ(root_word(8), ~0ull);
	*(uint64_t *)at(hidden_page(0)) = 0x3333;
	REQUIRE_EQ(root_word(hidden_page(0)), ~0ull);
	REQUIRE_EQ(write_to(hidden_page(0)), 1);
	REQUIRE_EQ(root_word(hidden_page(0)), ~0ull);
	*seen_at(hidden_page(0)) = 0x4444;
	REQUIRE_EQ(root_word(hidden_page(0)), 0x4444);
	(void)created(4);
	REQUIRE_EQ(root_word(lent + PAGE_SIZE), ~0ull);
	REQUIRE_EQ(hv.lock.held, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(root_sees_everything_but_the_block),
		TEST(block_is_hidden_to_the_page),
		TEST(memory_above_appears_when_touched),
		TEST(retype_follows_the_mtrrs),
		TEST(retype_is_cut_into_short_parts),
		TEST(memory_on_demand_is_one_block),
		TEST(hidden_memory_reads_as_ones),
		TEST(fetch_and_walk_meet_ones_too),
		TEST(what_is_written_stays_until_its_sink_moves),
		TEST(no_instruction_begins_anew_for_ever),
		TEST(a_page_that_is_shown_again_loses_its_sink),
		TEST(hidden_memory_needs_no_heap),
		TEST(the_interrupted_event_comes_again),
		TEST(a_fault_in_a_delivery_is_combined),
		TEST(a_fault_in_the_delivery_of_a_double_fault_resets),
		TEST(only_the_roots_own_ram_is_read),
		TEST(an_address_with_a_key_leads_nowhere),
	};

	return RUN(tests);
}
