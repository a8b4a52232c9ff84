// SPDX-License-Identifier: MIT
/* WHvTranslateGva in every paging mode, on tables in the child's RAM. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "whit/whp_extension.h"
#include "x86/cr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

DECLARE_GUEST(halt);

#define PAGE	0x20000ull /* what most translations lead to */
#define GVA	0x40403123ull
#define OFFSET	0x123ull
#define UNKNOWN 0xeeeeeeeeull

#define READ	 WHvTranslateGvaFlagValidateRead
#define WRITE	 WHvTranslateGvaFlagValidateWrite
#define EXECUTE	 WHvTranslateGvaFlagValidateExecute
#define EXEMPT	 WHvTranslateGvaFlagPrivilegeExempt
#define SET	 WHvTranslateGvaFlagSetPageTableBits
#define ENFORCE	 WHvTranslateGvaFlagEnforceSmap
#define OVERRIDE WHvTranslateGvaFlagOverrideSmap

#define SUCCESS	  WHvTranslateGvaResultSuccess
#define ABSENT	  WHvTranslateGvaResultPageNotPresent
#define PRIVILEGE WHvTranslateGvaResultPrivilegeViolation
#define INVALID	  WHvTranslateGvaResultInvalidPageTableFlags
#define UNMAPPED  WHvTranslateGvaResultGpaUnmapped
#define NO_WRITE  WHvTranslateGvaResultGpaNoWriteAccess

static struct child child;

static void create(enum child_mode mode)
{
	CHECK_EQ(child_create(&child, mode, GUEST(halt), 0, 0), S_OK);
}

static uint32_t translate(uint64_t gva, UINT32 flags, uint64_t *gpa)
{
	WHV_TRANSLATE_GVA_RESULT result = { .Reserved = 1 };

	*gpa = UNKNOWN;
	CHECK_EQ(WHvTranslateGva(child.partition, 0, gva, (WHV_TRANSLATE_GVA_FLAGS)flags, &result,
				 gpa),
		 S_OK);
	CHECK_EQ(result.Reserved, 0);
	return (uint32_t)result.ResultCode;
}

static void expect_gpa(uint64_t gva, UINT32 flags, uint64_t gpa)
{
	uint64_t is;

	CHECK_EQ(translate(gva, flags, &is), SUCCESS);
	CHECK_EQ(is, gpa);
}

static void expect_code(uint64_t gva, UINT32 flags, uint32_t code)
{
	uint64_t gpa;

	CHECK_EQ(translate(gva, flags, &gpa), code);
}

/* Table n of the child, as 64-bit and as 32-bit entries. */
static uint64_t *table(unsigned int n)
{
	return (uint64_t *)(void *)(child.ram + CHILD_TABLES + n * 0x1000u);
}

static uint32_t *table32(unsigned int n)
{
	return (uint32_t *)(void *)table(n);
}

static uint64_t table_gpa(unsigned int n)
{
	return CHILD_TABLES + n * 0x1000u;
}

static void set_cpl(unsigned int cpl)
{
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterSs, 0, 0xffffffff, 16,
				   (uint16_t)(0xc093 | cpl << 5)),
		 S_OK);
}

static void translate_without_paging_is_the_identity(void)
{
	create(CHILD_PROT32);
	expect_gpa(0x12345678, 0, 0x12345678);
	expect_gpa(0x12345678, READ | WRITE | EXECUTE, 0x12345678);
	expect_gpa(0xfffffff0, READ, 0xfffffff0);
	child_destroy(&child);
	create(CHILD_REAL);
	expect_gpa(0xffff0, READ, 0xffff0);
	child_destroy(&child);
}

static void translate_32_bit_paging(void)
{
	create(CHILD_PROT32);
	table32(0)[GVA >> 22] = (uint32_t)table_gpa(1) | PTE_P | PTE_W | PTE_U;
	table32(1)[GVA >> 12 & 0x3ff] = PAGE | PTE_P;
	table32(0)[2] = 0x00c00000 | PTE_P | PTE_W | PTE_PS;
	CHECK_EQ(child_set(&child, WHvX64RegisterCr3, table_gpa(0)), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PSE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP),
		 S_OK);
	expect_gpa(GVA, READ, PAGE + OFFSET);
	expect_gpa(GVA, EXECUTE, PAGE + OFFSET);
	expect_code(GVA, WRITE, PRIVILEGE);
	expect_code(GVA + 0x1000, READ, ABSENT);
	expect_code(0xc0000000, READ, ABSENT);
	expect_gpa(0x00812345, READ | WRITE, 0x00c12345);
	/* Outside long mode an address has 32 bits. */
	expect_gpa(0x700000000ull + GVA, READ, PAGE + OFFSET);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG), S_OK);
	expect_gpa(GVA, WRITE, PAGE + OFFSET); /* CR0.WP = 0: supervisors write everywhere */
	child_destroy(&child);
}

static void translate_pae_paging(void)
{
	create(CHILD_PROT32);
	table(0)[1] = table_gpa(1) | PTE_P;
	table(1)[2] = table_gpa(2) | PTE_P | PTE_W;
	table(2)[3] = PAGE | PTE_P | PTE_W | PTE_NX;
	table(1)[4] = 0x600000 | PTE_P | PTE_W | PTE_PS;
	CHECK_EQ(child_set(&child, WHvX64RegisterCr3, table_gpa(0)), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PAE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterEfer, EFER_NXE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG), S_OK);
	expect_gpa(GVA, READ | WRITE, PAGE + OFFSET);
	expect_code(GVA, EXECUTE, PRIVILEGE);
	expect_gpa(0x40812345, READ | WRITE | EXECUTE, 0x612345);
	expect_code(0x00001000, READ, ABSENT);
	expect_code(GVA + 0x1000, READ, ABSENT);
	child_destroy(&child);
}

/* GVA by 4 KiB page 3 of table 3, behind tables 0, 1 and 2. */
static void make_4_levels(uint64_t leaf)
{
	create(CHILD_LONG);
	if (check_has_failed())
		return;
	table(1)[1] = table_gpa(3) | PTE_P | PTE_W | PTE_U;
	table(3)[2] = table_gpa(4) | PTE_P | PTE_W | PTE_U;
	table(4)[3] = leaf;
}

static void translate_4_level_paging(void)
{
	make_4_levels(PAGE | PTE_P | PTE_W);
	expect_gpa(GVA, 0, PAGE + OFFSET);
	expect_gpa(GVA, READ | WRITE | EXECUTE, PAGE + OFFSET);
	expect_gpa(0x345678, READ, 0x345678);
	expect_code(GVA + 0x1000, READ, ABSENT);
	expect_code(0x8000000000, READ, ABSENT);
	/* A page of 1 GiB. */
	table(1)[2] = 0x80000000 | PTE_P | PTE_PS;
	expect_gpa(0x87654321, READ, 0x87654321);
	child_destroy(&child);
}

static void translate_address_that_is_not_canonical_fails(void)
{
	uint64_t gpa;
	uint32_t code;

	make_4_levels(PAGE | PTE_P);
	code = translate(0x800000000000, READ, &gpa);
	CHECK(code == ABSENT || code == INVALID);
	child_destroy(&child);
}

static void translate_checks_rights(void)
{
	make_4_levels(PAGE | PTE_P | PTE_NX);
	expect_gpa(GVA, READ, PAGE + OFFSET);
	expect_code(GVA, EXECUTE, PRIVILEGE);
	expect_gpa(GVA, WRITE, PAGE + OFFSET); /* CR0.WP = 0 */
	CHECK_EQ(child_set(&child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP),
		 S_OK);
	expect_code(GVA, WRITE, PRIVILEGE);
	expect_gpa(GVA, 0, PAGE + OFFSET); /* nothing asked, nothing checked */
	/* No-execute counts only where EFER has it; else the bit is reserved. */
	CHECK_EQ(child_set(&child, WHvX64RegisterEfer, EFER_LME | EFER_LMA), S_OK);
	expect_code(GVA, READ, INVALID);
	child_destroy(&child);
}

static void translate_checks_privilege(void)
{
	make_4_levels(PAGE | PTE_P | PTE_W);
	set_cpl(3);
	expect_code(GVA, READ, PRIVILEGE);
	expect_gpa(GVA, READ | EXEMPT, PAGE + OFFSET);
	table(4)[3] |= PTE_U;
	expect_gpa(GVA, READ | WRITE, PAGE + OFFSET);
	table(4)[3] &= ~PTE_W;
	expect_code(GVA, WRITE, PRIVILEGE);
	/* One level without is enough. */
	table(4)[3] |= PTE_W;
	table(3)[2] &= ~PTE_U;
	expect_code(GVA, READ, PRIVILEGE);
	child_destroy(&child);
}

static void translate_keeps_supervisors_off_user_pages(void)
{
	make_4_levels(PAGE | PTE_P | PTE_W | PTE_U);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PAE | CR4_SMEP), S_OK);
	expect_code(GVA, EXECUTE, PRIVILEGE);
	expect_gpa(GVA, READ, PAGE + OFFSET);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_PAE | CR4_SMAP), S_OK);
	expect_code(GVA, READ, PRIVILEGE);
	expect_gpa(GVA, READ | OVERRIDE, PAGE + OFFSET);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_AC), S_OK);
	expect_gpa(GVA, READ, PAGE + OFFSET);
	expect_code(GVA, READ | ENFORCE, PRIVILEGE);
	child_destroy(&child);
}

static void translate_finds_reserved_bits(void)
{
	make_4_levels(PAGE | PTE_P);
	/* Pages of 512 GiB do not exist. */
	table(0)[0] |= PTE_PS;
	expect_code(GVA, READ, INVALID);
	table(0)[0] &= ~PTE_PS;
	expect_gpa(GVA, READ, PAGE + OFFSET);
	/* A 2 MiB page that begins in the middle of one. */
	table(3)[2] = 0x201000 | PTE_P | PTE_PS | 1u << 13;
	expect_code(GVA, READ, INVALID);
	child_destroy(&child);
}

static void translate_names_a_table_that_is_not_there(void)
{
	uint64_t gpa;

	make_4_levels(PAGE | PTE_P);
	table(3)[2] = 0x30000000 | PTE_P | PTE_W;
	CHECK_EQ(translate(GVA, READ, &gpa), UNMAPPED);
	CHECK_EQ(gpa & ~0xfffull, 0x30000000);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr3, 0x38000000), S_OK);
	CHECK_EQ(translate(GVA, READ, &gpa), UNMAPPED);
	CHECK_EQ(gpa & ~0xfffull, 0x38000000);
	child_destroy(&child);
}

/* Execute alone is a right that nested tables have, and page tables in such a page cannot be read. */
static void translate_names_a_table_that_cannot_be_read(void)
{
	uint64_t gpa;

	make_4_levels(PAGE | PTE_P);
	if (check_has_failed())
		return;
	if (FAILED(WHvMapGpaRange(child.partition, child.ram + CHILD_RAM - 4096, CHILD_ROM, 4096,
				  WHvMapGpaRangeFlagExecute))) {
		child_destroy(&child);
		return; /* a processor without it */
	}
	table(3)[2] = CHILD_ROM | PTE_P | PTE_W;
	CHECK_EQ(translate(GVA, READ, &gpa), WHvTranslateGvaResultGpaNoReadAccess);
	CHECK_EQ(gpa & ~0xfffull, CHILD_ROM);
	child_destroy(&child);
}

#define N_LIST 300u

static struct whit_translation list[N_LIST];

static HRESULT translate_list(UINT32 count, UINT32 flags)
{
	return WhitTranslateGvas(child.partition, 0, flags, list, count);
}

static void translate_list_tells_what_decided(void)
{
	uint64_t gpa;

	make_4_levels(PAGE | PTE_P | PTE_W);
	list[0].gva = GVA;
	list[1].gva = GVA + 0x1000;
	list[2].gva = 0x345678;
	list[3].gva = 0x8000000000;
	CHECK_EQ(translate_list(4, READ), S_OK);
	CHECK_EQ(list[0].code, SUCCESS);
	CHECK_EQ(list[0].gpa, PAGE + OFFSET);
	CHECK_EQ(list[0].entry, PAGE | PTE_P | PTE_W);
	CHECK_EQ(list[0].level, 1);
	CHECK_EQ(list[1].code, ABSENT);
	CHECK_EQ(list[1].level, 1);
	CHECK_EQ(list[1].error_code, 0);
	CHECK_EQ(list[2].gpa, 0x345678);
	CHECK_EQ(list[2].level, 2);
	CHECK_EQ(list[3].level, 4);
	set_cpl(3);
	CHECK_EQ(translate_list(1, WRITE), S_OK);
	CHECK_EQ(list[0].code, PRIVILEGE);
	CHECK_EQ(list[0].error_code, 7);
	CHECK_EQ(translate_list(1, 0x400), E_INVALIDARG);
	CHECK_EQ(translate_list(0, READ), S_OK);
	CHECK_EQ(WhitTranslateGvas(child.partition, 1, READ, list, 1), WHV_E_VP_DOES_NOT_EXIST);
	CHECK_EQ(WhitTranslateGvas(child.partition, 0, READ, NULL, 1), E_POINTER);
	CHECK_EQ(translate(GVA, READ | EXEMPT, &gpa), SUCCESS);
	child_destroy(&child);
}

/* Longer than a hypercall takes, over a change of rights and from small pages into nothing. */
static void translate_run_is_what_its_pages_are(void)
{
	uint64_t gpa;

	make_4_levels(PAGE | PTE_P);
	for (unsigned int i = 0; i < 200; i++)
		table(4)[3 + i] = (PAGE + i * 0x3000) | PTE_P | (i % 50 == 7 ? 0 : PTE_W);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_WP),
		 S_OK);
	list[0].gva = GVA;
	CHECK_EQ(translate_list(N_LIST, WRITE | WHIT_TRANSLATE_RUN), S_OK);
	for (unsigned int i = 0; i < N_LIST; i++) {
		CHECK_EQ(list[i].gva, GVA + i * 0x1000);
		CHECK_EQ(translate(GVA + i * 0x1000, WRITE, &gpa), list[i].code);
		CHECK_EQ(list[i].code, i >= 200 ? ABSENT : i % 50 == 7 ? PRIVILEGE : SUCCESS);
		CHECK_EQ(list[i].gpa, gpa);
	}
	child_destroy(&child);
}

/* The page itself need not be there: whether it is, the access will show. */
static void translate_does_not_look_at_the_page(void)
{
	make_4_levels(0x77777000 | PTE_P | PTE_W);
	expect_gpa(GVA, READ | WRITE, 0x77777000 + OFFSET);
	child_destroy(&child);
}

static void translate_sets_bits_only_if_told_to(void)
{
	make_4_levels(PAGE | PTE_P | PTE_W);
	expect_gpa(GVA, READ | WRITE, PAGE + OFFSET);
	CHECK_EQ((table(0)[0] | table(1)[1] | table(3)[2] | table(4)[3]) & (PTE_A | PTE_D), 0);
	expect_gpa(GVA, READ | SET, PAGE + OFFSET);
	CHECK_EQ(table(0)[0] & table(1)[1] & table(3)[2] & table(4)[3] & PTE_A, PTE_A);
	CHECK_EQ(table(4)[3] & PTE_D, 0);
	expect_gpa(GVA, WRITE | SET, PAGE + OFFSET);
	CHECK_EQ(table(4)[3] & PTE_D, PTE_D);
	CHECK_EQ((table(0)[0] | table(1)[1] | table(3)[2]) & PTE_D, 0);
	child_destroy(&child);
}

static void translate_cannot_set_bits_in_rom(void)
{
	uint64_t gpa, *rom;

	make_4_levels(PAGE | PTE_P);
	if (check_has_failed())
		return;
	CHECK_EQ(child_map_rom(&child, 0), S_OK);
	rom = (uint64_t *)(void *)(child.ram + CHILD_RAM - 4096);
	rom[3] = PAGE | PTE_P;
	table(3)[2] = CHILD_ROM | PTE_P | PTE_W;
	expect_gpa(GVA, READ, PAGE + OFFSET);
	CHECK_EQ(translate(GVA, READ | SET, &gpa), NO_WRITE);
	CHECK_EQ(gpa & ~0xfffull, CHILD_ROM);
	CHECK_EQ(rom[3], PAGE | PTE_P);
	child_destroy(&child);
}

static void translate_bad_parameters_are_refused(void)
{
	WHV_TRANSLATE_GVA_RESULT result;
	uint64_t gpa;

	create(CHILD_PROT32);
	CHECK_EQ(WHvTranslateGva(child.partition, 0, 0, 0, NULL, &gpa), E_POINTER);
	CHECK_EQ(WHvTranslateGva(child.partition, 0, 0, 0, &result, NULL), E_POINTER);
	CHECK_EQ(WHvTranslateGva(child.partition, 0, 0, (WHV_TRANSLATE_GVA_FLAGS)0x20, &result,
				 &gpa),
		 E_INVALIDARG);
	CHECK_EQ(WHvTranslateGva(child.partition, 0, 0, (WHV_TRANSLATE_GVA_FLAGS)0x10000, &result,
				 &gpa),
		 E_INVALIDARG);
	CHECK_EQ(WHvTranslateGva(child.partition, 1, 0, 0, &result, &gpa), WHV_E_VP_DOES_NOT_EXIST);
	child_destroy(&child);
}

void translate_checks(void)
{
	static const struct test tests[] = {
		TEST(translate_without_paging_is_the_identity),
		TEST(translate_32_bit_paging),
		TEST(translate_pae_paging),
		TEST(translate_4_level_paging),
		TEST(translate_address_that_is_not_canonical_fails),
		TEST(translate_checks_rights),
		TEST(translate_checks_privilege),
		TEST(translate_keeps_supervisors_off_user_pages),
		TEST(translate_finds_reserved_bits),
		TEST(translate_names_a_table_that_is_not_there),
		TEST(translate_names_a_table_that_cannot_be_read),
		TEST(translate_list_tells_what_decided),
		TEST(translate_run_is_what_its_pages_are),
		TEST(translate_does_not_look_at_the_page),
		TEST(translate_sets_bits_only_if_told_to),
		TEST(translate_cannot_set_bits_in_rom),
		TEST(translate_bad_parameters_are_refused),
	};

	RUN(tests);
}
