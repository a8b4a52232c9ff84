// SPDX-License-Identifier: MIT
/* Nested page tables in EPT's format (arch/vmx/ept.c), as SDM 3C "EPT Translation Mechanism" reads them. */
#include "arch/vmx/vmx.h"
#include "tests/unit/nested.h"

struct caps vmx_caps;

static const uint64_t hw_accessed = 1 << 8, hw_dirty = 1 << 9;

static bool hw_is_present(uint64_t entry)
{
	return entry & 7;
}

static void hw_check_table(uint64_t entry, int level)
{
	CHECK(level > 1);
	CHECK((entry & 3) != 2); /* W without R: misconfigured */
	CHECK(!(entry & 0xf8));	 /* reserved */
}

static void hw_check_leaf(uint64_t entry, int level)
{
	CHECK((entry & 3) != 2);
	CHECK(level == 1 || (entry & 0x80));
	CHECK((entry & 7) != 4 || virt_machine.has_execute_only);
}

static uint8_t hw_rights(uint64_t entry)
{
	return entry & 7;
}

static uint8_t hw_type(uint64_t entry)
{
	return entry >> 3 & 7;
}

static uint8_t hw_rights_had(uint8_t rights)
{
	return rights;
}

static uint8_t hw_type_had(uint8_t type)
{
	return type;
}

/* EPTP bit 6 */
static bool hw_has_flags(const struct virt_space *of)
{
	return of->token & 1 << 6;
}

static void use_flags(bool are_used)
{
	if (are_used)
		virt_space_track(&space);
	CHECK_EQ(space.token & 0xfff, are_used ? 0x5e : 0x1e);
}

/* Write without read would be a misconfiguration, execute alone is one on some processors. */
static void rights_that_cannot_be_had_include_read(void)
{
	struct virt_leaf leaf = { .spa = SPA(0x1000), .level = 1, .type = 6 };

	set_up(10);
	leaf.rights = VIRT_WRITE;
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK_EQ(virt_space_lookup(&space, GPA(0)).rights, VIRT_READ | VIRT_WRITE);
	leaf.rights = VIRT_EXECUTE;
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK_EQ(virt_space_lookup(&space, GPA(0)).rights, VIRT_EXECUTE);
	virt_machine.has_execute_only = false;
	CHECK(virt_space_set(&space, GPA(0), LEVEL_4K, leaf));
	CHECK_EQ(virt_space_lookup(&space, GPA(0)).rights, VIRT_READ | VIRT_EXECUTE);
	virt_machine.has_execute_only = true;
	tear_down(10);
}

static void without_flags_the_first_write_is_a_violation(void)
{
	map_tracked(false);
	for (int i = 0; i < 2; i++) {
		CHECK(!processor_writes(0x1000));
		CHECK_EQ(dirty_of(0, 4, true), 0);
		CHECK(virt_space_resolve(&space, GPA(0x1000), false));
		CHECK(!virt_space_resolve(&space, GPA(0x3000), false));
		CHECK(processor_writes(0x1000) && !processor_writes(0x3000));
		CHECK_EQ(dirty_of(0, 4, false), 2);
		CHECK_EQ(dirty_of(0, 4, true), 2);
	}
	tear_down(10);
}

/* Nothing that may have been written to meanwhile is taken for clean. */
static void giving_flags_up_loses_no_write(void)
{
	map_tracked(true);
	CHECK(processor_writes(0x1000));
	/* The processor was about to set a flag in a table of the guest that it cannot write to. */
	CHECK(virt_space_set(&space, GPA(0x200000), LEVEL_4K,
			     (struct virt_leaf) { SPA(0x7000), VIRT_READ, LEVEL_4K, MEMTYPE_WB }));
	CHECK(!virt_space_resolve(&space, GPA(0x200000), false)); /* the guest's own write */
	CHECK(!virt_space_resolve(&space, GPA(0x400000), true));  /* nothing is there */
	CHECK(!virt_space_resolve(&space, GPA(0x1000), true));
	CHECK(hw_has_flags(&space));
	CHECK(virt_space_resolve(&space, GPA(0x200000), true));
	CHECK(!hw_has_flags(&space));
	CHECK(!virt_space_resolve(&space, GPA(0x200000), true)); /* it is a write, then */
	CHECK(virt_space_set(&space, GPA(0x200000), LEVEL_4K,
			     (struct virt_leaf) { .level = LEVEL_4K }));
	CHECK(processor_writes(0)); /* no flag is set any more */
	CHECK_EQ(dirty_of(0, 4, true), 7);
	CHECK(!processor_writes(0) && !processor_writes(0x1000));
	CHECK_EQ(dirty_of(0, 4, true), 0);
	tear_down(10);
}

static void pages_that_stay_tracked_stay_dirty_both_ways(void)
{
	pages_that_stay_tracked_stay_dirty(true);
	pages_that_stay_tracked_stay_dirty(false);
}

int main(void)
{
	static const struct test tests[] = {
		NESTED_TESTS,
		TEST(without_flags_the_first_write_is_a_violation),
		TEST(giving_flags_up_loses_no_write),
		TEST(pages_that_stay_tracked_stay_dirty_both_ways),
		TEST(rights_that_cannot_be_had_include_read),
	};

	virt_machine.has_execute_only = true;
	vmx_caps.has_ept_ad = true;
	return RUN(tests);
}
