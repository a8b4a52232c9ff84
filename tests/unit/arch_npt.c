// SPDX-License-Identifier: MIT
/*
 * Nested page tables in the format of AMD-V, APM 2 "Nested Paging": the long-mode tables of APM 2 "Long-Mode Page
 * Translation", whose walk is a user access, so U is set at every level. No entry has a memory type, a page that can be
 * executed can be read, and the processor always keeps the flags.
 */
#include "tests/unit/nested.h"

/* ---- The format, for arch/x86/nested.c ------------------------------------------------------- */

#define NPT_P  (1ull << 0)
#define NPT_W  (1ull << 1)
#define NPT_U  (1ull << 2)
#define NPT_D  (1ull << 6)
#define NPT_NX (1ull << 63)

const struct nested_format nested_format = {
	.present = NPT_P,
	.table = NPT_P | NPT_W | NPT_U,
	.dirty = NPT_D,
};

uint64_t nested_leaf(uint8_t rights, uint8_t type)
{
	(void)type;
	return NPT_P | NPT_U | (rights & VIRT_WRITE ? NPT_W : 0) |
	       (rights & VIRT_EXECUTE ? 0 : NPT_NX);
}

uint8_t nested_rights(uint64_t entry)
{
	return VIRT_READ | (entry & NPT_W ? VIRT_WRITE : 0) | (entry & NPT_NX ? 0 : VIRT_EXECUTE);
}

uint8_t nested_type(uint64_t entry)
{
	(void)entry;
	return MEMTYPE_WB;
}

bool nested_has_flags(const struct virt_space *of)
{
	(void)of;
	return true;
}

bool nested_set_flags(struct virt_space *of, bool are_used)
{
	(void)of;
	(void)are_used;
	return false;
}

uint64_t nested_token(spa_t root)
{
	return root.a;
}

/* ---- The processor -------------------------------------------------------------------------- */

static const uint64_t hw_accessed = 1 << 5, hw_dirty = 1 << 6;

static bool hw_is_present(uint64_t entry)
{
	return entry & 1;
}

static void hw_check_table(uint64_t entry, int level)
{
	CHECK_EQ(entry & 7, 7);	  /* P, W and U: the table takes nothing away */
	CHECK(!(entry >> 63));	  /* nor does NX */
	CHECK(!(entry & 1 << 7)); /* PS */
	CHECK(level > 1 && level <= 4);
	CHECK(!(entry &
		0x7ff0000000000018)); /* PWT, PCD: write-back; what software may use is not used here */
}

static void hw_check_leaf(uint64_t entry, int level)
{
	CHECK_EQ(entry & 5, 5);			  /* P, U */
	CHECK(!(entry & 0x118));		  /* PWT, PCD, G */
	CHECK((level == 1) == !(entry & 1 << 7)); /* PS, or PAT of a page, which stays clear */
}

static uint8_t hw_rights(uint64_t entry)
{
	return 1 | (entry & 2) | (entry >> 63 ? 0 : 4);
}

static uint8_t hw_type(uint64_t entry)
{
	(void)entry;
	return 0;
}

static uint8_t hw_rights_had(uint8_t rights)
{
	return rights | 1;
}

static uint8_t hw_type_had(uint8_t type)
{
	(void)type;
	return 0;
}

static bool hw_has_flags(const struct virt_space *of)
{
	(void)of;
	return true;
}

static void use_flags(bool are_used)
{
	CHECK(are_used);
	CHECK_EQ(space.token, space.root.a);
}

/* ---- What is this format's own -------------------------------------------------------------- */

static void every_page_can_be_read(void)
{
	struct virt_leaf leaf = { .spa = SPA(0x1000), .level = 1, .type = MEMTYPE_WB };

	set_up(10);
	for (uint8_t rights = 1; rights < 8; rights++) {
		leaf.rights = rights;
		CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
		CHECK_EQ(virt_space_lookup(&space, GPA(0)).rights, rights | VIRT_READ);
		CHECK_EQ(virt_space_lookup(&space, GPA(0)).type, MEMTYPE_WB);
	}
	tear_down(10);
}

/* The accessed flag, which the processor sets in tables and leaves, is no part of a translation. */
static void accessed_flags_change_nothing(void)
{
	struct virt_leaf leaf = { .spa = SPA(2ull << 30), .rights = 7, .level = 2, .type = 6 };

	set_up(10);
	CHECK(set(0x200000, LEVEL_2M, leaf));
	CHECK(processor_writes(0x200000));
	check_lookup(0x200000);
	leaf.spa = SPA(0x5000);
	leaf.level = LEVEL_4K;
	CHECK(set(0x201000, LEVEL_4K, leaf));
	CHECK(processor_writes(0x201000) && processor_writes(0x202000));
	check_lookup(0x201000);
	check_lookup(0x202000);
	leaf.rights = 0;
	leaf.spa = SPA(0);
	leaf.type = 0;
	CHECK(set(0x201000, LEVEL_4K, leaf));
	check_lookup(0x201000);
	CHECK(set(0x200000, LEVEL_2M, leaf));
	CHECK_EQ(pages.count, 9);
	tear_down(10);
}

static void pages_that_stay_tracked_stay_dirty_by_flags(void)
{
	pages_that_stay_tracked_stay_dirty(true);
}

int main(void)
{
	static const struct test tests[] = {
		NESTED_TESTS,
		TEST(pages_that_stay_tracked_stay_dirty_by_flags),
		TEST(every_page_can_be_read),
		TEST(accessed_flags_change_nothing),
	};

	return RUN(tests);
}
