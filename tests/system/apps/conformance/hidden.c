// SPDX-License-Identifier: MIT
/*
 * Hidden memory, the hypervisor's block and lent pages, as the root meets it: it reads as ones, what is written there is the root's own
 * and soon disappears, and every instruction works on it.
 */
#include "tests/system/apps/conformance/check.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/hypercall.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/hidden.h"
#include "tests/system/apps/conformance/hidden_insn.h"
#include "tests/system/apps/conformance/place.h"
#include "tests/system/apps/conformance/probe.h"
#include "tests/system/apps/insn.h"
#include "x86/cpuid.h"

DECLARE_GUEST(halt);

#define BLOCK	      0x200000ull /* the hypervisor's memory is aligned to, and has at least, this */
#define STEP	      0x41000ull
#define SINKS_AT_MOST 64u /* pages whose writes are remembered */

struct range {
	uint64_t base, n_bytes;
};

/* The first reserved range of the memory map, from ->base on, that could be the hypervisor's; ->base is ~0 if there is none. */
static void find_reserved(void *argument)
{
	struct range *const range = argument;
	UINTN n = 0, key, size;
	EFI_MEMORY_DESCRIPTOR *map;
	uint64_t best = ~0ull;
	uint32_t version;

	map = LibMemoryMap(&n, &key, &size, &version);
	for (UINTN i = 0; map && i < n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d =
			(const EFI_MEMORY_DESCRIPTOR *)(const void *)((const uint8_t *)map +
								      i * size);

		if (d->Type != EfiReservedMemoryType || d->NumberOfPages * 4096 < BLOCK ||
		    d->PhysicalStart < range->base || d->PhysicalStart >= best)
			continue;
		best = d->PhysicalStart;
		range->n_bytes = d->NumberOfPages * 4096;
	}
	if (map)
		FreePool(map);
	range->base = best;
}

bool hidden_reads_as_ones(volatile const uint64_t *page)
{
	return page[0] == ~0ull && page[1] == ~0ull && page[511] == ~0ull;
}

/* Ranges that begin with a page of ones are the hypervisor's: firmware's are not. */
bool hidden_find(uint64_t *base, uint64_t *n_bytes)
{
	struct range range = { 0 };
	uint64_t first, end;

	for (;; range.base += 4096) {
		place_call(find_reserved, &range);
		if (range.base == ~0ull)
			return false;
		first = (range.base + BLOCK - 1) & ~(BLOCK - 1);
		end = range.base + range.n_bytes;
		if (first + BLOCK <= end &&
		    hidden_reads_as_ones((const uint64_t *)(uintptr_t)first)) {
			*n_bytes = end - first;
			*base = first;
			return true;
		}
	}
}

static void root_memory_of_the_hypervisor_is_hidden(void)
{
	struct whit_stats before, after;
	uint64_t base, n_bytes;

	CHECK(hidden_find(&base, &n_bytes));
	if (check_has_failed())
		return;
	CHECK_EQ(WhitGetStats(&before), S_OK);
	for (uint64_t offset = 0; offset < n_bytes; offset += STEP) {
		volatile uint64_t *page = (uint64_t *)(uintptr_t)(base + offset);

		CHECK(hidden_reads_as_ones(page));
		page[1] = 0x1badb002;
		*(volatile uint8_t *)page = 0;
		/* What was written is the root's own, and nothing else is seen. */
		CHECK_EQ(page[0], ~0xffull);
		CHECK_EQ(page[1], 0x1badb002);
		CHECK_EQ(page[511], ~0ull);
	}
	/* It has disappeared, but from the last pages. */
	for (uint64_t offset = 0; offset + SINKS_AT_MOST * STEP < n_bytes; offset += STEP)
		CHECK(hidden_reads_as_ones((uint64_t *)(uintptr_t)(base + offset)));
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK(after.hidden_reads >= before.hidden_reads);
	CHECK(after.hidden_reads > 0);
	CHECK(after.hidden_writes > before.hidden_writes);
}

static void root_cannot_give_away_what_is_hidden(void)
{
	struct hypercall_result result;
	struct child child;
	uint64_t base, n_bytes;

	CHECK(hidden_find(&base, &n_bytes));
	CHECK_EQ(child_create(&child, CHILD_REAL, GUEST(halt), 0, 0), S_OK);
	if (check_has_failed())
		return;
	CHECK(FAILED(WHvMapGpaRange(child.partition, (void *)(uintptr_t)base, CHILD_MMIO, 4096,
				    WHvMapGpaRangeFlagRead)));
	CHECK(FAILED((HRESULT)hypercall5(WHIT_CALL_CREATE_PARTITION, base, 16, 0, 0, 0, &result)));
	CHECK(FAILED((HRESULT)hypercall5(WHIT_CALL_STATS, base, sizeof(struct whit_stats), 0, 0, 0,
					 &result)));
	CHECK(FAILED((HRESULT)hypercall5(WHIT_CALL_GET_CAPABILITY, WHvCapabilityCodeFeatures, base,
					 8, 0, 0, &result)));
	child_destroy(&child);
}

/* ---- Every way to get there ---------------------------------------------------------------- */

#define PROBE_PAGES 8u /* that one probe needs, from hidden_at on */

static const struct {
	void (*probe)(void);
	uint32_t result; /* of probe_call() */
	uint64_t after;	 /* what it leaves in hidden_after, less what the next says */
	bool is_address;
} probes[] = {
	{ hidden_insb, 0, 1, true },	       { hidden_rep_insb, 0, 0x1008, true },
	{ hidden_outsb, 0, 1, true },	       { hidden_rep_outsb, 0, 0x1008, true },
	{ hidden_rep_movs, 0, 0x1808, true },  { hidden_rep_stos_down, 0, 0x0ff8, true },
	{ hidden_push, 0, 0x12345678, false }, { hidden_pop_memory, 0, 0x12345678, false },
	{ hidden_call, 0, 1, false },	       { hidden_enter, 0, 0x2f10, true },
	{ hidden_fxsave, 0, 0x1f80, false },   { hidden_locked, 0, 0, false },
	{ hidden_sgdt, 0, 1, false },	       { hidden_descriptor, 0, 0x93, false },
	{ hidden_fetch, PROBE_UD, 0, false },  { hidden_frame, PROBE_UD, 0, false },
};

#define N_PROBES (sizeof(probes) / sizeof(probes[0]))

static void try_all(uint64_t base)
{
	for (unsigned int i = 0; i < N_PROBES; i++) {
		hidden_at = base + (uint64_t)i * PROBE_PAGES * 4096;
		hidden_after = ~0ull;
		CHECK_EQ(probe_call(probes[i].probe), probes[i].result);
		if (probes[i].is_address)
			hidden_after -= hidden_at;
		if (!probes[i].result)
			CHECK_EQ(hidden_after, probes[i].after);
		if (check_has_failed()) /* of which probe? */
			CHECK_EQ(i, N_PROBES);
	}
}

static void root_instructions_work_on_the_hypervisors_memory(void)
{
	uint64_t base, n_bytes;

	CHECK(hidden_find(&base, &n_bytes));
	if (check_has_failed())
		return;
	try_all(base);
	try_all(base + BLOCK - N_PROBES * PROBE_PAGES * 4096);
}

static void root_instructions_work_on_lent_pages(void)
{
	const uint64_t n_pages = N_PROBES * PROBE_PAGES + 1;
	uint64_t *const pages = test_pages(n_pages);
	struct hypercall_result result;
	uint64_t sum = 0, partition;
	HRESULT hr;

	CHECK(pages != NULL);
	if (check_has_failed())
		return;
	CHECK_EQ(
		hypercall5(WHIT_CALL_CREATE_PARTITION, (uintptr_t)pages, n_pages, 0, 0, 0, &result),
		S_OK);
	if (check_has_failed())
		return;
	partition = result.rdx;
	/* The first holds the partition. */
	try_all((uintptr_t)pages + 4096);
	CHECK(pages[0] == ~0ull);
	do
		hr = hypercall5(WHIT_CALL_DELETE_PARTITION, partition, 0, 0, 0, 0, &result);
	while ((uint32_t)hr == WHIT_S_AGAIN);
	CHECK_EQ(hr, S_OK);
	/* They come back empty, whatever was written meanwhile. */
	for (uint64_t i = 0; i < n_pages * 512; i++)
		sum |= pages[i];
	CHECK_EQ(sum, 0);
	test_free(pages, n_pages);
}

/* The largest image there is needs several pages at once. */
static void root_xsave_works_on_hidden_memory(void)
{
	struct x86_cpuid leaf;
	uint64_t base, n_bytes;

	CHECK(hidden_find(&base, &n_bytes));
	insn_cpuid(1, 0, &leaf);
	if (check_has_failed() || !(leaf.ecx & CPUID1_ECX_XSAVE))
		return;
	hidden_at = base + BLOCK / 2;
	CHECK_EQ(probe_call(hidden_xsave), 0);
	CHECK(hidden_after != 0); /* XSTATE_BV */
}

void hidden_checks(void)
{
	static const struct test tests[] = {
		TEST(root_memory_of_the_hypervisor_is_hidden),
		TEST(root_cannot_give_away_what_is_hidden),
		TEST(root_instructions_work_on_the_hypervisors_memory),
		TEST(root_instructions_work_on_lent_pages),
		TEST(root_xsave_works_on_hidden_memory),
	};

	probe_init();
	RUN(tests);
}
