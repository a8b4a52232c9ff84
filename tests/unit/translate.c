/* SPDX-License-Identifier: MIT */
/*
 * hv/register/translate.c on the host: the flags of WHvTranslateGva, and lists and runs of translations, which must say what
 * walks of their own would say.
 */
#include "tests/unit/walk_case.h"

#include "hv/register/translate.h"

static struct whit_translation *records; /* a page of the root's */
static uint64_t records_spa;

static void begin(void)
{
	clean();
	if (!records) {
		records_spa = test_pages(2);
		records = at(records_spa);
	}
}

static void begin_four_levels(void)
{
	begin();
	four_levels();
}

/* The buffer stays the root's as long as it is written to. */
bool __real_buffer_is_legal(uint64_t spa, uint64_t n_bytes);
bool __wrap_buffer_is_legal(uint64_t spa, uint64_t n_bytes);
bool __wrap_buffer_is_legal(uint64_t spa, uint64_t n_bytes)
{
	CHECK(hv.lock.held);
	return __real_buffer_is_legal(spa, n_bytes);
}

/* ---- WHvTranslateGva --------------------------------------------------------------------- */

static uint64_t code, gpa;

static void ask(uint64_t flags)
{
	use_registers();
	count_begin();
	CHECK_EQ(translate_gva(guest_vp, 0x1234, flags, &code, &gpa), 0);
	count_end();
}

static void translate_takes_privilege_from_cpl(void)
{
	begin_four_levels();
	*entry_at(4, 1) &= ~PTE_U;
	vp_paging.cpl = 3;
	ask(WHvTranslateGvaFlagValidateRead);
	CHECK_EQ(code, WHvTranslateGvaResultPrivilegeViolation);
	ask(WHvTranslateGvaFlagNone);
	CHECK_EQ(code, 0); /* presence and reserved bits alone */
	ask(WHvTranslateGvaFlagValidateRead | WHvTranslateGvaFlagPrivilegeExempt);
	CHECK_EQ(code, 0);
	vp_paging.cpl = 2;
	ask(WHvTranslateGvaFlagValidateWrite);
	CHECK_EQ(code, 0);
	CHECK_EQ(watch.n_writes, 0);
	ask(WHvTranslateGvaFlagValidateWrite | WHvTranslateGvaFlagSetPageTableBits);
	CHECK_EQ(watch.n_writes, 4);
	*entry_at(4, 1) |= PTE_NX;
	ask(WHvTranslateGvaFlagValidateExecute);
	CHECK_EQ(code, WHvTranslateGvaResultPrivilegeViolation);
	vp_paging.cr4 |= CR4_SMAP;
	vp_paging.rflags = RFLAGS_AC;
	*entry_at(4, 1) |= PTE_U;
	ask(WHvTranslateGvaFlagValidateRead | WHvTranslateGvaFlagEnforceSmap);
	CHECK_EQ(code, WHvTranslateGvaResultPrivilegeViolation);
	vp_paging.rflags = 0;
	ask(WHvTranslateGvaFlagValidateRead | WHvTranslateGvaFlagOverrideSmap);
	CHECK_EQ(code, 0);
}

static void translate_refuses_unknown_flags(void)
{
	begin_four_levels();
	code = gpa = 77;
	count_begin();
	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool is_known = 0x31full >> bit & 1;

		if (bit == 5) /* WHvTranslateGvaFlag… end with 0x10, and go on with 0x100 */
			CHECK(!is_known);
		if (!is_known)
			CHECK_EQ(translate_gva(guest_vp, 0x1234, 1ull << bit, &code, &gpa),
				 RESULT(E_INVALIDARG));
	}
	count_end();
	CHECK_EQ(code + gpa, 154);
	CHECK_EQ(watch.n_reads, 0);
	ask(0x31f);
	CHECK_EQ(code, 0);
	CHECK_EQ(gpa, 0x40001234);
}

/* ---- Lists and runs ---------------------------------------------------------------------- */

static uint32_t list(uint64_t count, uint64_t flags)
{
	uint32_t result;

	use_registers();
	result = translate_gvas(guest_vp, records_spa, count, flags);
	CHECK(!hv.lock.held);
	return result;
}

static void a_list_with_bad_parameters_is_refused(void)
{
	uint64_t lent;

	begin_four_levels();
	lent = test_pages(1);
	memset(records, 0x5a, 2 * PAGE_SIZE);
	count_begin();
	CHECK_EQ(list(0, 1), RESULT(E_INVALIDARG));
	CHECK_EQ(list(WHIT_MAX_TRANSLATIONS + 1, 1), RESULT(E_INVALIDARG));
	CHECK_EQ(list(1ull << 59, 1), RESULT(E_INVALIDARG));
	CHECK_EQ(list(1, 0x400), RESULT(E_INVALIDARG));
	CHECK_EQ(list(1, 1ull << 32), RESULT(E_INVALIDARG));
	CHECK_EQ(translate_gvas(guest_vp, records_spa + 4, 1, 1), RESULT(E_POINTER));
	CHECK_EQ(translate_gvas(guest_vp, 0, 1, 1), RESULT(E_POINTER));
	/* A page that has been lent. */
	CHECK_EQ(CALL(WHIT_CALL_LEND, guest_handle, lent, 1), 0);
	CHECK_EQ(translate_gvas(guest_vp, lent, 1, 1), RESULT(E_POINTER));
	count_end();
	for (unsigned int i = 0; i < 2 * PAGE_SIZE; i++)
		CHECK(((uint8_t *)records)[i] == 0x5a);
	CHECK_EQ(watch.n_reads, 0);
}

static void a_list_tells_what_decided(void)
{
	begin_four_levels();
	memset(records, 0xff, 2 * PAGE_SIZE);
	*entry_at(4, 2) = 0x50002000 | PTE_P | PTE_U;
	*entry_at(3, 7) = 0x123456789000; /* not present */
	*entry_at(2, 3) = 0x200000 | RWU | 1ull << 45;
	*entry_at(3, 8) = 0xff00000000 | RWU;
	records[0].gva = 0x1234;
	records[1].gva = 0x2345;
	records[2].gva = 0xe01234;
	records[3].gva = 0xc0000000;
	records[4].gva = 0x1003456;
	records[5].gva = 0x800000000000;
	CHECK_EQ(list(6, WHvTranslateGvaFlagValidateWrite), 0);
	CHECK_EQ(records[0].gpa, 0x40001234);
	CHECK_EQ(records[0].entry, 0x40001000 | RWU);
	CHECK(!records[0].code && records[0].level == 1 && !records[0].error_code);
	CHECK_EQ(records[1].code, WHvTranslateGvaResultPrivilegeViolation);
	CHECK_EQ(records[1].error_code, PF_P | PF_W);
	CHECK_EQ(records[1].entry, 0x50002000 | PTE_P | PTE_U);
	CHECK_EQ(records[1].gpa, 0);
	CHECK_EQ(records[2].code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(records[2].level, 2);
	CHECK_EQ(records[2].entry, 0x123456789000);
	CHECK_EQ(records[3].code, WHvTranslateGvaResultInvalidPageTableFlags);
	CHECK_EQ(records[3].error_code, PF_P | PF_W | PF_RSVD);
	CHECK_EQ(records[3].level, 3);
	CHECK_EQ(records[4].code, WHvTranslateGvaResultGpaUnmapped);
	CHECK_EQ(records[4].gpa, 0xff00000018);
	CHECK_EQ(records[4].entry + records[4].error_code, 0);
	CHECK_EQ(records[5].code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(records[5].level + records[5].entry, 0);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(records[i].reserved, 0);
	CHECK_EQ(records[6].reserved, 0xffff);
}

static void a_run_reads_one_entry_a_page(void)
{
	begin_four_levels();
	for (unsigned int i = 0; i < 512; i++)
		*entry_at(4, i) = (uint64_t)i << 20 | RWU | (i & 1 ? PTE_A | PTE_G : PTE_D);
	records[0].gva = 0x100abc;
	records[1].gva = 77;
	count_begin();
	CHECK_EQ(list(128, WHvTranslateGvaFlagValidateRead | WHIT_TRANSLATE_RUN), 0);
	count_end();
	CHECK_EQ(watch.n_reads, 4 + 127);
	for (unsigned int i = 0; i < 128; i++) {
		CHECK_EQ(records[i].gva, 0x100abc + i * 0x1000u);
		CHECK_EQ(records[i].gpa, (0x100u + i) << 20 | 0xabc);
		CHECK_EQ(records[i].entry, *entry_at(4, 0x100 + i));
		CHECK(!records[i].code && records[i].level == 1);
	}
	/* Bits are set in each of them. */
	CHECK_EQ(list(128, WHvTranslateGvaFlagValidateWrite | WHIT_TRANSLATE_RUN |
				   WHvTranslateGvaFlagSetPageTableBits),
		 0);
	for (unsigned int i = 0; i < 512; i++)
		CHECK_EQ(!(~*entry_at(4, i) & (PTE_A | PTE_D)), i >= 0x100 && i < 0x180);
}

/* Entries along a run, mostly like each other. */
static void random_run(const struct ref_in *in)
{
	const bool is_narrow = ref_mode_of(in) == REF_32;
	uint64_t entry = random_entry(random_next(&rng) & 0xfffff000, is_narrow, false);

	for (unsigned int page = 0; page < N_PAGES; page++) {
		if (random_chance(&rng, 80))
			continue;
		for (unsigned int i = 0; i < (is_narrow ? 1024 : 512); i++) {
			if (random_chance(&rng, 20))
				entry = random_entry(random_next(&rng) & 0xfffff000, is_narrow,
						     false);
			entry += 0x1000;
			if (is_narrow)
				*narrow_at(page, i) = (uint32_t)entry;
			else
				*entry_at(page, i) = entry;
		}
	}
}

/* Whatever the tables: a run, a list and single walks see the same, and leave the same behind. */
static void a_run_is_what_its_pages_are(void)
{
	static uint8_t before[N_PAGES][4096];
	unsigned int n_good = 0;

	begin();
	rng = (struct random) { 4711 };
	for (unsigned int i = 0; i < 3000 && !check_has_failed(); i++) {
		unsigned int access, count = 1 + (unsigned int)(random_next(&rng) % 128);
		uint64_t flags, first;
		struct walk walk;
		struct ref_in in;

		random_registers(&in);
		random_run(&in);
		random_tables(&in);
		if (random_chance(&rng, 20))
			random_rights();
		case_paging(&in, &vp_paging);
		vp_paging.cpl = in.user ? 3 : 0;
		access = case_access(&in);
		flags = (access & 0x17) | (in.smap ? 0x100 : 0) | (in.no_smap ? 0x200 : 0);
		first = in.gva - (random_chance(&rng, 50) ? 0 : (uint64_t)count << 11);
		memcpy(before, memory, sizeof(twin));
		records[0].gva = first;
		CHECK_EQ(list(count, flags | WHIT_TRANSLATE_RUN), 0);
		memcpy(twin, memory, sizeof(twin));
		memcpy(memory, before, sizeof(twin));
		for (unsigned int j = 0; j < count; j++) {
			const uint64_t gva = first + j * 4096ull;

			walk_gva(&guest_vp->view, &vp_paging, GVA(gva), access, &walk);
			CHECK_EQ(records[j].gva, gva);
			CHECK_EQ(records[j].code, walk.code);
			CHECK_EQ(records[j].gpa, walk.gpa.a);
			CHECK_EQ(records[j].level, walk.level);
			CHECK_EQ(records[j].error_code, walk.error_code);
			CHECK_EQ(records[j].entry, walk.entry);
			n_good += !walk.code;
		}
		CHECK(!memcmp(memory, twin, sizeof(twin)));
		memcpy(memory, before, sizeof(twin));
		CHECK_EQ(list(count, flags), 0); /* the GVAs are those of the run */
		CHECK(!memcmp(memory, twin, sizeof(twin)));
		CHECK_EQ(records[count - 1].code, walk.code);
	}
	CHECK(n_good > 20000);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(translate_takes_privilege_from_cpl),    TEST(translate_refuses_unknown_flags),
		TEST(a_list_with_bad_parameters_is_refused), TEST(a_list_tells_what_decided),
		TEST(a_run_reads_one_entry_a_page),	     TEST(a_run_is_what_its_pages_are),
	};

	return RUN(tests);
}
