// SPDX-License-Identifier: MIT
/*
 * What changes under mappings that are in use: rights in place, lists of extents, dirty pages, the root's own
 * accesses. A guest that has used a translation must not use it any longer than it stands.
 */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/vendor.h"
#include "whit/whp_extension.h"
#include "x86/paging.h"

DECLARE_GUEST(read32);
DECLARE_GUEST(write32);
DECLARE_GUEST(add32);
DECLARE_GUEST(jump);
DECLARE_GUEST(read64);
DECLARE_GUEST(write64);

#define R     WHvMapGpaRangeFlagRead
#define RW    (R | WHvMapGpaRangeFlagWrite)
#define RX    (R | WHvMapGpaRangeFlagExecute)
#define RWX   (RW | WHvMapGpaRangeFlagExecute)
#define TRACK WHvMapGpaRangeFlagTrackDirtyPages

#define PAGES 1024u	    /* 4 MiB, and 2 MiB for the alignment */
#define AREA  0x40000000ull /* where they are mapped */
#define PAGE  4096ull
#define HOLE  0x80000000ull /* where nothing is */

static uint8_t *arena; /* aligned to 2 MiB */
static struct child child;

static void create(enum child_mode mode, struct guest_code code, uint32_t emulation)
{
	if (!arena)
		arena = (uint8_t *)(((uintptr_t)test_pages(PAGES + 512) + 0x1fffff) &
				    ~(uintptr_t)0x1fffff);
	CHECK_EQ(child_create(&child, mode, code, emulation, 0), S_OK);
	for (uint32_t i = 0; i < PAGES; i++)
		*(uint32_t *)(void *)(arena + PAGE * i) = 0xab000000 + i;
}

static HRESULT map(uint64_t page, uint64_t gpa, uint64_t n_pages, UINT32 flags)
{
	return WHvMapGpaRange(child.partition, arena + page * PAGE, gpa, n_pages * PAGE,
			      (WHV_MAP_GPA_RANGE_FLAGS)flags);
}

static HRESULT protect(uint64_t gpa, uint64_t n_pages, UINT32 flags)
{
	return WhitProtectGpaRange(child.partition, gpa, n_pages * PAGE,
				   (WHV_MAP_GPA_RANGE_FLAGS)flags);
}

/* Run the code on an address; the exit reason. */
static uint32_t use(struct guest_code code, uint64_t address)
{
	child_load(&child, code);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, address), S_OK);
	return child_run(&child);
}

static void expect_done(struct guest_code code, uint64_t address)
{
	CHECK_EQ(use(code, address), WHvRunVpExitReasonX64Halt);
}

static void expect_refused(struct guest_code code, uint64_t address, uint32_t type,
			   bool is_unmapped)
{
	CHECK_EQ(use(code, address), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, type);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, is_unmapped);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, address);
}

/* ---- Rights ------------------------------------------------------------------------------ */

static void protect_takes_effect_on_what_the_guest_has_used(void)
{
	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, PAGES, RWX), S_OK);
	expect_done(GUEST(write32), AREA + 5 * PAGE);
	CHECK_EQ(protect(AREA + 5 * PAGE, 1, R), S_OK);
	expect_refused(GUEST(write32), AREA + 5 * PAGE, WHvMemoryAccessWrite, false);
	expect_done(GUEST(read32), AREA + 5 * PAGE);
	expect_done(GUEST(write32), AREA + 4 * PAGE);
	expect_done(GUEST(write32), AREA + 6 * PAGE);
	arena[5 * PAGE] = 0xf4;
	expect_refused(GUEST(jump), AREA + 5 * PAGE, WHvMemoryAccessExecute, false);
	CHECK_EQ(protect(AREA + 5 * PAGE, 1, RX), S_OK);
	expect_done(GUEST(jump), AREA + 5 * PAGE);
	expect_refused(GUEST(add32), AREA + 5 * PAGE, WHvMemoryAccessWrite, false);
	CHECK_EQ(protect(AREA, PAGES, RW), S_OK);
	expect_done(GUEST(add32), AREA + 5 * PAGE);
	expect_refused(GUEST(jump), AREA + 5 * PAGE, WHvMemoryAccessExecute, false);
	/* And a page that is gone, after it has been used. */
	CHECK_EQ(WHvUnmapGpaRange(child.partition, AREA + 5 * PAGE, PAGE), S_OK);
	expect_refused(GUEST(read32), AREA + 5 * PAGE, WHvMemoryAccessRead, true);
	child_destroy(&child);
}

static void protect_refuses_holes_and_changes_nothing(void)
{
	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, 8, RW), S_OK);
	CHECK_EQ(protect(AREA, 9, R), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(protect(AREA - PAGE, 2, R), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(protect(AREA, 0, R), E_INVALIDARG);
	CHECK_EQ(protect(AREA + 8, 1, R), E_INVALIDARG);
	CHECK_EQ(protect(AREA, 1, 0), E_INVALIDARG);
	CHECK_EQ(protect(AREA, 1, 0x10 | R), E_INVALIDARG);
	CHECK_EQ(WhitProtectGpaRange(NULL, AREA, PAGE, R), E_INVALIDARG);
	expect_done(GUEST(write32), AREA);
	child_destroy(&child);
}

/* Where the processor has it. */
static void execute_only_pages_cannot_be_read(void)
{
	HRESULT hr;

	create(CHILD_PROT32, GUEST(jump), 0);
	if (check_has_failed())
		return;
	arena[0] = 0xf4;
	hr = map(0, AREA, 1, WHvMapGpaRangeFlagExecute);
	if (hr == S_OK) {
		expect_done(GUEST(jump), AREA);
		expect_refused(GUEST(read32), AREA, WHvMemoryAccessRead, false);
		expect_refused(GUEST(write32), AREA, WHvMemoryAccessWrite, false);
	} else {
		CHECK_EQ(hr, E_INVALIDARG);
	}
	child_destroy(&child);
}

static void list_maps_extents_one_behind_the_other(void)
{
	static WHIT_MEMORY_EXTENT extents[PAGES];

	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	for (uint32_t i = 0; i < PAGES; i++)
		extents[i] = (WHIT_MEMORY_EXTENT) { arena + PAGE * (PAGES - 1 - i), PAGE };
	CHECK_EQ(WhitMapGpaList(child.partition, AREA, extents, PAGES, RW), S_OK);
	for (uint32_t i = 0; i < PAGES; i += 73) {
		expect_done(GUEST(read32), AREA + i * PAGE);
		CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0xab000000 + PAGES - 1 - i);
	}
	expect_refused(GUEST(read32), AREA + PAGES * PAGE, WHvMemoryAccessRead, true);
	/* Extents that one call does in parts; and over what was there. */
	extents[0] = (WHIT_MEMORY_EXTENT) { arena + PAGE, 700 * PAGE };
	extents[1] = (WHIT_MEMORY_EXTENT) { arena + 9 * PAGE, 3 * PAGE };
	CHECK_EQ(WhitMapGpaList(child.partition, AREA, extents, 2, RW), S_OK);
	expect_done(GUEST(read32), AREA + 699 * PAGE);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0xab000000 + 700);
	expect_done(GUEST(read32), AREA + 702 * PAGE);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0xab000000 + 11);
	expect_done(GUEST(read32), AREA + 703 * PAGE);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0xab000000 + PAGES - 1 - 703);
	/* Refused as a whole. */
	extents[1].SizeInBytes = PAGE + 8;
	CHECK_EQ(WhitMapGpaList(child.partition, AREA, extents, 2, RW), E_INVALIDARG);
	extents[1] = (WHIT_MEMORY_EXTENT) { (void *)0xfee00000ull, PAGE };
	CHECK_EQ(WhitMapGpaList(child.partition, 2 * AREA, extents, 2, RW), E_INVALIDARG);
	CHECK_EQ(WhitMapGpaList(child.partition, 2 * AREA, extents, 0, RW), E_INVALIDARG);
	CHECK_EQ(WhitMapGpaList(child.partition, 2 * AREA, NULL, 1, RW), E_POINTER);
	CHECK_EQ(WhitMapGpaList(NULL, 2 * AREA, extents, 1, RW), E_INVALIDARG);
	expect_refused(GUEST(read32), 2 * AREA, WHvMemoryAccessRead, true);
	child_destroy(&child);
}

static void map2_takes_the_callers_process_alone(void)
{
	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(WHvMapGpaRange2(child.partition, NULL, arena, AREA, PAGE, R), S_OK);
	CHECK_EQ(WHvMapGpaRange2(child.partition, (HANDLE) ~(uintptr_t)0, arena + PAGE, AREA + PAGE,
				 PAGE, R),
		 S_OK);
	CHECK_EQ(WHvMapGpaRange2(child.partition, arena, arena, AREA, PAGE, R), E_INVALIDARG);
	CHECK_EQ(WHvMapGpaRange2(child.partition, NULL, arena, AREA, 8, R), E_INVALIDARG);
	expect_done(GUEST(read32), AREA + PAGE);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0xab000001);
	child_destroy(&child);
}

/* ---- Dirty pages ------------------------------------------------------------------------- */

static uint64_t bits[PAGES / 64];

static HRESULT query(uint64_t gpa, uint64_t n_pages)
{
	for (unsigned int i = 0; i < PAGES / 64; i++)
		bits[i] = 0x5a5a5a5a5a5a5a5a;
	return WHvQueryGpaRangeDirtyBitmap(child.partition, gpa, n_pages * PAGE, bits,
					   (UINT32)((n_pages + 63) / 64 * 8));
}

static void expect_dirty(uint64_t word0)
{
	CHECK_EQ(query(AREA, PAGES), S_OK);
	CHECK_EQ(bits[0], word0);
	for (unsigned int i = 1; i < PAGES / 64; i++)
		CHECK_EQ(bits[i], 0);
}

static void expect_writes_seen_once(void)
{
	expect_done(GUEST(write32), AREA + 3 * PAGE);
	expect_done(GUEST(add32), AREA + 7 * PAGE);
	expect_done(GUEST(read32), AREA + 8 * PAGE);
	expect_dirty(1u << 3 | 1u << 7);
	expect_dirty(0);
	/* The translation that the write before has left behind must not hide this one. */
	expect_done(GUEST(write32), AREA + 3 * PAGE + 8);
	expect_dirty(1u << 3);
	/* An access across two pages is a write to both. */
	expect_done(GUEST(write32), AREA + 10 * PAGE - 2);
	expect_dirty(3u << 9);
}

static void dirty_pages_are_told_once(void)
{
	create(CHILD_PROT32, GUEST(write32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, PAGES, RW | TRACK), S_OK);
	expect_dirty(0);
	expect_writes_seen_once();
	expect_done(GUEST(write32), AREA + 1023 * PAGE);
	CHECK_EQ(query(AREA + 1000 * PAGE, 24), S_OK);
	CHECK_EQ(bits[0], 1u << 23);
	CHECK_EQ(bits[1], 0x5a5a5a5a5a5a5a5a);
	/* Without a bitmap they are taken back unseen. */
	expect_done(GUEST(write32), AREA);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(child.partition, AREA, PAGES * PAGE, NULL, 0), S_OK);
	expect_dirty(0);
	child_destroy(&child);
}

static void dirty_pages_with_the_emulator_are_told_once(void)
{
	create(CHILD_PROT32, GUEST(write32), WHIT_EMULATE_MEMORY);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, PAGES, RW | TRACK), S_OK);
	expect_writes_seen_once();
	/* Half of the write is RAM's, and the emulator does it. */
	CHECK_EQ(WHvUnmapGpaRange(child.partition, AREA + 20 * PAGE, PAGE), S_OK);
	CHECK_EQ(use(GUEST(write32), AREA + 20 * PAGE - 2), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(query(AREA, 20), S_OK);
	CHECK_EQ(bits[0], 1u << 19);
	child_destroy(&child);
}

static void dirty_tracking_goes_on_and_off_in_place(void)
{
	create(CHILD_PROT32, GUEST(write32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, PAGES, RW), S_OK);
	expect_done(GUEST(write32), AREA + 3 * PAGE);
	CHECK_EQ(query(AREA, PAGES), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(protect(AREA, PAGES, RW | TRACK), S_OK);
	expect_dirty(0);
	expect_writes_seen_once();
	CHECK_EQ(protect(AREA, PAGES, RW), S_OK);
	expect_done(GUEST(write32), AREA + 3 * PAGE);
	CHECK_EQ(query(AREA, PAGES), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(protect(AREA, PAGES, R | TRACK), S_OK);
	expect_refused(GUEST(write32), AREA + 3 * PAGE, WHvMemoryAccessWrite, false);
	expect_dirty(0);
	child_destroy(&child);
}

static void dirty_query_refuses_what_is_not_tracked(void)
{
	create(CHILD_PROT32, GUEST(write32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, 8, RW | TRACK), S_OK);
	expect_done(GUEST(write32), AREA);
	CHECK_EQ(query(AREA, 9), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(query(0, 1), WHV_E_GPA_RANGE_NOT_FOUND);
	CHECK_EQ(query(AREA + 8, 1), E_INVALIDARG);
	CHECK_EQ(query(AREA, 0), E_INVALIDARG);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(child.partition, AREA, PAGE, bits, 7), E_INVALIDARG);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(child.partition, AREA, PAGE, bits, 0),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(child.partition, AREA, PAGE, NULL, 8), E_POINTER);
	CHECK_EQ(WHvQueryGpaRangeDirtyBitmap(NULL, AREA, PAGE, bits, 8), E_INVALIDARG);
	CHECK_EQ(query(AREA, 8), S_OK);
	CHECK_EQ(bits[0], 1);
	child_destroy(&child);
}

/* AMD's processors look at a guest's tables with the right to write (APM 2 "Nested versus Guest Page Faults"). */
static void expect_write_to_tables(struct guest_code code, uint64_t address)
{
	const WHV_MEMORY_ACCESS_CONTEXT *m = &child.exit.MemoryAccess;

	CHECK_EQ(use(code, address), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(m->AccessInfo.AccessType, WHvMemoryAccessWrite);
	CHECK_EQ(m->AccessInfo.GpaUnmapped, 0);
	CHECK(m->Gpa >= CHILD_TABLES && m->Gpa < CHILD_TABLES + 4 * PAGE);
}

/*
 * Page tables in ROM, with everything set that the processor would set: the guest runs on them, tracked or not,
 * though dirty flags make each look at them a write. On AMD's processors there is no way to run on them.
 */
static void dirty_tracking_bears_page_tables_in_rom(void)
{
	uint64_t *tables;

	create(CHILD_LONG, GUEST(write64), 0);
	if (check_has_failed())
		return;
	tables = (uint64_t *)(void *)(child.ram + CHILD_TABLES);
	tables[0] |= PTE_A;
	tables[512] |= PTE_A;
	tables[512 + 1] = (CHILD_TABLES + 0x3000) | PTE_P | PTE_W | PTE_A;
	for (unsigned int i = 0; i < 2; i++)
		tables[1024 + i] |= PTE_A | PTE_D;
	for (uint64_t i = 0; i < 4; i++)
		tables[3 * 512 + i] =
			(AREA + i * 0x200000) | PTE_P | PTE_W | PTE_PS | PTE_A | PTE_D;
	CHECK_EQ(map(0, AREA, PAGES, RW), S_OK);
	CHECK_EQ(protect(CHILD_TABLES, 4, RX), S_OK);
	if (vendor_is_amd()) {
		expect_write_to_tables(GUEST(write64), AREA);
		CHECK_EQ(protect(CHILD_TABLES, 4, RWX), S_OK);
		expect_done(GUEST(write64), AREA);
		child_destroy(&child);
		return;
	}
	expect_done(GUEST(write64), AREA);
	CHECK_EQ(protect(AREA, PAGES, RW | TRACK), S_OK);
	expect_done(GUEST(write64), AREA + 3 * PAGE);
	CHECK_EQ(query(AREA, PAGES), S_OK);
	CHECK_EQ(bits[0] & 8, 8);
	expect_dirty(0);
	expect_done(GUEST(write64), AREA + 3 * PAGE);
	expect_done(GUEST(write64), AREA + 3 * PAGE);
	expect_done(GUEST(write64), AREA + 6 * PAGE);
	expect_done(GUEST(read64), AREA + 9 * PAGE);
	expect_dirty(1u << 3 | 1u << 6);
	expect_dirty(0);
	expect_done(GUEST(write64), AREA + 3 * PAGE);
	expect_dirty(1u << 3);
	child_destroy(&child);
}

/* A page table that is not there is the client's affair, whether writes are recorded or not. */
static void dirty_tracking_lets_walks_into_holes_exit(void)
{
	uint64_t *tables;

	create(CHILD_LONG, GUEST(write64), 0);
	if (check_has_failed())
		return;
	tables = (uint64_t *)(void *)(child.ram + CHILD_TABLES);
	tables[512 + 1] = HOLE | PTE_P | PTE_W;
	CHECK_EQ(map(0, AREA, PAGES, RW | TRACK), S_OK);
	CHECK_EQ(use(GUEST(write64), AREA), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, HOLE);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
	child_destroy(&child);
}

/* ---- The root's accesses, and advice ----------------------------------------------------- */

static void gpa_access_reads_and_writes(void)
{
	const WHV_ACCESS_GPA_CONTROLS wb = { .CacheType = WHvCacheTypeWriteBack };
	const WHV_ACCESS_GPA_CONTROLS odd = { .AsUINT64 = 2 }, vtl = { .AsUINT64 = 6 | 1ull << 32 };
	uint8_t in[20] = "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", out[20];

	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, 1, RW | TRACK), S_OK);
	CHECK_EQ(map(5, AREA + PAGE, 1, RW), S_OK);
	CHECK_EQ(map(6, AREA + 2 * PAGE, 1, R), S_OK);
	CHECK_EQ(WHvWriteGpaRange(child.partition, 0, AREA + PAGE - 5, wb, in, 16), S_OK);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA + PAGE - 5, wb, out, 16), S_OK);
	for (unsigned int i = 0; i < 16; i++) {
		CHECK_EQ(out[i], i + 1);
		CHECK_EQ(i < 5 ? arena[PAGE - 5 + i] : arena[5 * PAGE + i - 5], i + 1);
	}
	CHECK_EQ(query(AREA, 1), S_OK);
	CHECK_EQ(bits[0], 1);
	out[1] = 0x77;
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA + PAGE, wb, out, 1), S_OK);
	CHECK_EQ(out[0], 6);
	CHECK_EQ(out[1], 0x77);
	CHECK_EQ(WHvWriteGpaRange(child.partition, 0, AREA + 2 * PAGE, wb, in, 1), E_ACCESSDENIED);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA + 2 * PAGE, wb, out, 1), S_OK);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA + 3 * PAGE - 1, wb, out, 2),
		 E_ACCESSDENIED);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, ~0ull, wb, out, 2), E_ACCESSDENIED);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA, wb, out, 17), E_INVALIDARG);
	CHECK_EQ(WHvWriteGpaRange(child.partition, 0, AREA, wb, in, 17), E_INVALIDARG);
	CHECK_EQ(WHvWriteGpaRange(child.partition, 0, AREA, wb, in, 0), E_INVALIDARG);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA, odd, out, 4), E_INVALIDARG);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA, vtl, out, 4), E_INVALIDARG);
	CHECK_EQ(WHvReadGpaRange(child.partition, 1, AREA, wb, out, 4), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WHvReadGpaRange(child.partition, 0, AREA, wb, NULL, 4), E_POINTER);
	CHECK_EQ(WHvWriteGpaRange(child.partition, 0, AREA, wb, NULL, 4), E_POINTER);
	CHECK_EQ(WHvReadGpaRange(NULL, 0, AREA, wb, out, 4), E_INVALIDARG);
	child_destroy(&child);
}

static void advice_is_judged(void)
{
	WHV_ADVISE_GPA_RANGE_POPULATE populate = { .AccessType = WHvMemoryAccessWrite };
	WHV_MEMORY_RANGE_ENTRY ranges[2] = { { AREA, 4 * PAGE }, { AREA + PAGE + 5, 77 } };

	create(CHILD_PROT32, GUEST(read32), 0);
	if (check_has_failed())
		return;
	CHECK_EQ(map(0, AREA, 4, RW), S_OK);
#define ADVISE(n, advice, buffer, bytes) \
	WHvAdviseGpaRange(child.partition, ranges, n, advice, buffer, bytes)
	CHECK_EQ(ADVISE(2, WHvAdviseGpaRangeCodePopulate, &populate, 8), S_OK);
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodePin, NULL, 0), S_OK);
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodeUnpin, NULL, 0), S_OK);
	CHECK_EQ(ADVISE(2, WHvAdviseGpaRangeCodePin, NULL, 0), E_INVALIDARG);
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodePin, &populate, 8), E_INVALIDARG);
	CHECK_EQ(ADVISE(1, (WHV_ADVISE_GPA_RANGE_CODE)3, NULL, 0), E_INVALIDARG);
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodePopulate, NULL, 0), E_INVALIDARG);
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodePopulate, &populate, 4), E_INVALIDARG);
	CHECK_EQ(ADVISE(0, WHvAdviseGpaRangeCodePin, NULL, 0), E_INVALIDARG);
	populate.Flags.AsUINT32 = 3;
	CHECK_EQ(ADVISE(2, WHvAdviseGpaRangeCodePopulate, &populate, 8), S_OK);
	populate.Flags.AsUINT32 = 4;
	CHECK_EQ(ADVISE(2, WHvAdviseGpaRangeCodePopulate, &populate, 8), E_INVALIDARG);
	populate.Flags.AsUINT32 = 0;
	populate.AccessType = (WHV_MEMORY_ACCESS_TYPE)3;
	CHECK_EQ(ADVISE(2, WHvAdviseGpaRangeCodePopulate, &populate, 8), E_INVALIDARG);
	ranges[0].SizeInBytes = 5 * PAGE;
	CHECK_EQ(ADVISE(1, WHvAdviseGpaRangeCodePin, NULL, 0), WHV_E_GPA_RANGE_NOT_FOUND);
	child_destroy(&child);
}

void memory_change_checks(void)
{
	static const struct test tests[] = {
		TEST(protect_takes_effect_on_what_the_guest_has_used),
		TEST(protect_refuses_holes_and_changes_nothing),
		TEST(execute_only_pages_cannot_be_read),
		TEST(list_maps_extents_one_behind_the_other),
		TEST(map2_takes_the_callers_process_alone),
		TEST(dirty_pages_are_told_once),
		TEST(dirty_pages_with_the_emulator_are_told_once),
		TEST(dirty_tracking_goes_on_and_off_in_place),
		TEST(dirty_query_refuses_what_is_not_tracked),
		TEST(dirty_tracking_bears_page_tables_in_rom),
		TEST(dirty_tracking_lets_walks_into_holes_exit),
		TEST(gpa_access_reads_and_writes),
		TEST(advice_is_judged),
	};

	RUN(tests);
}
