// SPDX-License-Identifier: MIT
/* WHvMapGpaRange, WHvUnmapGpaRange. */
#include "tests/system/apps/conformance/check.h"

#include "root/lib/partition.h"
#include "tests/system/apps/conformance/child.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(read32);
DECLARE_GUEST(write32);

#define R   WHvMapGpaRangeFlagRead
#define RW  (R | WHvMapGpaRangeFlagWrite)
#define RWX (RW | WHvMapGpaRangeFlagExecute)

#define PAGES 1024u /* of our own: 4 MiB */

static uint8_t *arena; /* aligned to 4 KiB */
static struct child child;

static void create(struct guest_code code)
{
	if (!arena)
		arena = test_pages(PAGES);
	CHECK(arena != NULL);
	CHECK_EQ(child_create(&child, CHILD_PROT32, code, 0, 0), S_OK);
}

static HRESULT map(void *source, uint64_t gpa, uint64_t n_bytes, UINT32 flags)
{
	return WHvMapGpaRange(child.partition, source, gpa, n_bytes,
			      (WHV_MAP_GPA_RANGE_FLAGS)flags);
}

static void map_needs_alignment_and_a_size(void)
{
	create(GUEST(halt));
	CHECK_EQ(map(arena + 1, CHILD_MMIO, 4096, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena + 2048, CHILD_MMIO, 4096, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO + 8, 4096, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 4095, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 1, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 0, RWX), E_INVALIDARG);
	CHECK_EQ(map(NULL, CHILD_MMIO, 4096, RWX), E_POINTER);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_MMIO + 8, 4096), E_INVALIDARG);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_MMIO, 4095), E_INVALIDARG);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_MMIO, 0), E_INVALIDARG);
	child_destroy(&child);
}

static void map_stays_inside_the_address_space(void)
{
	WHV_CAPABILITY capability = { .PhysicalAddressWidth = 0 };
	uint64_t end;

	create(GUEST(halt));
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodePhysicalAddressWidth, &capability,
				  sizeof(capability), NULL),
		 S_OK);
	end = 1ull << capability.PhysicalAddressWidth;
	CHECK_EQ(map(arena, end - 4096, 4096, RWX), S_OK);
	CHECK_EQ(map(arena, end, 4096, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, end - 4096, 8192, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, ~0xfffull, 4096, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, ~0xfffull, 8192, RWX), E_INVALIDARG);
	CHECK_EQ(map(arena, 0, ~0xfffull, RWX), E_INVALIDARG);
	child_destroy(&child);
}

static void map_flags_are_those_that_exist(void)
{
	create(GUEST(halt));
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, R), S_OK);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, RW), S_OK);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, RWX), S_OK);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, 0x10), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, 0x80000007u), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, WHvMapGpaRangeFlagWrite), E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, WHvMapGpaRangeFlagWrite | WHvMapGpaRangeFlagExecute),
		 E_INVALIDARG);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, R | WHvMapGpaRangeFlagTrackDirtyPages), S_OK);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, WHvMapGpaRangeFlagTrackDirtyPages), E_INVALIDARG);
	child_destroy(&child);
}

static void map_source_is_the_roots_ram(void)
{
	void *lent;

	create(GUEST(halt));
	if (check_has_failed())
		return;
	lent = ((struct whp_partition *)child.partition)->call.runs[0].pages;
	CHECK(FAILED(map(lent, CHILD_MMIO, 4096, RWX)));
	CHECK(FAILED(map((void *)0xfee00000ull, CHILD_MMIO, 4096, RWX)));
	CHECK(FAILED(map((void *)0xfff000000000ull, CHILD_MMIO, 4096, RWX)));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static uint32_t read_at(uint64_t gpa)
{
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, gpa), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	return (uint32_t)child_get(&child, WHvX64RegisterRax);
}

static void expect_hole(uint64_t gpa)
{
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, gpa), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, gpa);
}

static void number_pages(void)
{
	for (uint32_t i = 0; i < PAGES; i++)
		*(uint32_t *)(void *)(arena + 4096 * (size_t)i) = 0xab000000 + i;
}

static void map_shows_each_page_where_it_belongs(void)
{
	static const uint32_t picks[] = { 0, 1, 511, 512, 513, 777, 1023 };

	create(GUEST(read32));
	if (check_has_failed())
		return;
	number_pages();
	CHECK_EQ(map(arena, 0x40000000, PAGES * 4096ull, RW), S_OK);
	for (unsigned int i = 0; i < sizeof(picks) / sizeof(picks[0]); i++)
		CHECK_EQ(read_at(0x40000000 + picks[i] * 4096ull), 0xab000000 + picks[i]);
	expect_hole(0x40000000 + PAGES * 4096ull);
	expect_hole(0x40000000 - 4);
	child_destroy(&child);
}

/* A page inside a large mapping gets another source, then none, and its neighbours stay. */
static void map_replaces_page_by_page(void)
{
	create(GUEST(read32));
	if (check_has_failed())
		return;
	number_pages();
	CHECK_EQ(map(arena, 0x40000000, PAGES * 4096ull, RWX), S_OK);
	CHECK_EQ(read_at(0x40005000), 0xab000005);
	CHECK_EQ(map(arena + 4096 * 99, 0x40005000, 4096, RWX), S_OK);
	CHECK_EQ(read_at(0x40005000), 0xab000063);
	CHECK_EQ(read_at(0x40004000), 0xab000004);
	CHECK_EQ(read_at(0x40006000), 0xab000006);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, 0x40005000, 4096), S_OK);
	expect_hole(0x40005000);
	CHECK_EQ(read_at(0x40006000), 0xab000006);
	CHECK_EQ(map(arena, 0x40000000, PAGES * 4096ull, RWX), S_OK);
	CHECK_EQ(read_at(0x40005000), 0xab000005);
	child_destroy(&child);
}

static void map_rights_can_be_changed_by_mapping_again(void)
{
	create(GUEST(write32));
	if (check_has_failed())
		return;
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, R), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x1234), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, 0);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, RW), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(*(uint32_t *)(void *)arena, 0x1234);
	child_destroy(&child);
}

static void map_page_can_stand_at_many_places(void)
{
	create(GUEST(read32));
	if (check_has_failed())
		return;
	*(uint32_t *)(void *)arena = 0x600df00d;
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(map(arena, CHILD_MMIO + i * 0x1000, 4096, R), S_OK);
	for (unsigned int i = 0; i < 8; i++)
		CHECK_EQ(read_at(CHILD_MMIO + i * 0x1000), 0x600df00d);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_MMIO, 4096), S_OK);
	CHECK_EQ(read_at(CHILD_MMIO + 0x1000), 0x600df00d);
	child_destroy(&child);
}

static void map_page_can_back_many_partitions(void)
{
	WHV_PARTITION_HANDLE other = NULL;
	const UINT32 one = 1;

	create(GUEST(read32));
	if (check_has_failed())
		return;
	CHECK_EQ(WHvCreatePartition(&other), S_OK);
	CHECK_EQ(WHvSetPartitionProperty(other, WHvPartitionPropertyCodeProcessorCount, &one, 4),
		 S_OK);
	CHECK_EQ(WHvSetupPartition(other), S_OK);
	CHECK_EQ(WHvMapGpaRange(other, arena, 0, 2 * 4096, WHvMapGpaRangeFlagRead), S_OK);
	CHECK_EQ(map(arena, CHILD_MMIO, 4096, R), S_OK);
	CHECK_EQ(WHvDeletePartition(other), S_OK);
	*(uint32_t *)(void *)arena = 0x5eed;
	CHECK_EQ(read_at(CHILD_MMIO), 0x5eed);
	child_destroy(&child);
}

/* A mapped page is not lent: the hypervisor would make it its own. */
static void map_excludes_lending(void)
{
	struct hypercall_result result;
	uint64_t handle;

	create(GUEST(halt));
	if (check_has_failed())
		return;
	handle = ((struct whp_partition *)child.partition)->call.handle;
	CHECK_EQ(map(arena, CHILD_MMIO, 8 * 4096, R), S_OK);
	CHECK(FAILED(
		(HRESULT)hypercall5(WHIT_CALL_LEND, handle, (uintptr_t)arena, 1, 0, 0, &result)));
	CHECK(FAILED((HRESULT)hypercall5(WHIT_CALL_LEND, handle, (uintptr_t)child.page, 1, 0, 0,
					 &result)));
	*(uint32_t *)(void *)arena = 0x77;
	CHECK_EQ(*(volatile uint32_t *)(void *)arena, 0x77);
	child_destroy(&child);
}

static void unmap_of_a_hole_succeeds(void)
{
	create(GUEST(read32));
	if (check_has_failed())
		return;
	CHECK_EQ(WHvUnmapGpaRange(child.partition, 0x70000000, 4096), S_OK);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, 0x40000000, 0x40000000), S_OK);
	/* From a hole over a mapping into a hole. */
	number_pages();
	CHECK_EQ(map(arena, 0x40200000, 8 * 4096, R), S_OK);
	CHECK_EQ(read_at(0x40203000), 0xab000003);
	CHECK_EQ(WHvUnmapGpaRange(child.partition, 0x40000000, 0x10000000), S_OK);
	expect_hole(0x40203000);
	child_destroy(&child);
}

void memory_checks(void)
{
	static const struct test tests[] = {
		TEST(map_needs_alignment_and_a_size),
		TEST(map_stays_inside_the_address_space),
		TEST(map_flags_are_those_that_exist),
		TEST(map_source_is_the_roots_ram),
		TEST(map_shows_each_page_where_it_belongs),
		TEST(map_replaces_page_by_page),
		TEST(map_rights_can_be_changed_by_mapping_again),
		TEST(map_page_can_stand_at_many_places),
		TEST(map_page_can_back_many_partitions),
		TEST(map_excludes_lending),
		TEST(unmap_of_a_hole_succeeds),
	};

	RUN(tests);
}
