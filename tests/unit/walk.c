/* SPDX-License-Identifier: MIT */
/*
 * hv/mem/walk.c and hv/emulate/fetch.c on the host: against the reference walk of tests/unit/walk_reference.h over random
 * tables and registers, and against the documents' own cases. Accesses to tables are counted and disturbed one by one.
 */
#include "tests/unit/walk_case.h"

#include <pthread.h>

static unsigned int seen[9], n_large, n_locked, n_levels_seen[6];

static void random_case(void)
{
	struct ref_out wanted;
	struct ref_in in;

	random_registers(&in);
	random_tables(&in);
	memcpy(twin, memory, sizeof(twin));
	case_check(&in, &wanted);
	CHECK(!memcmp(memory, twin, sizeof(twin)));
	seen[wanted.code]++;
	if (!wanted.code) {
		n_levels_seen[ref_mode_of(&in)]++;
		n_large += wanted.level > 1;
	}
	n_locked += wanted.code == 2 && (wanted.error_code & PF_PK);
}

static void walk_agrees_with_the_reference(void)
{
	unsigned int n = 300000;

	clean();
	rng.state = 20260101;
	for (unsigned int i = 0; i < n && !check_has_failed(); i++) {
		if (!(i & 63))
			random_rights();
		random_case();
	}
	/* The cases were worth something only if all kinds came up often. */
	for (unsigned int code = 0; code <= 6; code++)
		CHECK(seen[code] > n / 500);
	for (unsigned int mode = REF_32; mode <= REF_5; mode++)
		CHECK(n_levels_seen[mode] > n / 500);
	CHECK(n_large > n / 100);
	CHECK(n_locked > n / 1000);
}

/* ---- The memo ---------------------------------------------------------------------------- */

static unsigned int n_known;

static void walk_both(const struct virt_paging *paging, uint64_t gva, unsigned int access,
		      struct walk_memo *memo)
{
	struct walk again, anew;

	n_known += walk_is_known(&guest_vp->view, paging, GVA(gva), access, memo);
	walk_again(&guest_vp->view, paging, GVA(gva), access, memo, &again);
	walk_gva(&guest_vp->view, paging, GVA(gva), access, &anew);
	CHECK_EQ(again.code, anew.code);
	CHECK_EQ(again.error_code, anew.error_code);
	CHECK_EQ(again.gpa.a, anew.gpa.a);
}

/* One bit of all that a walk depends on. */
static void change_something(struct virt_paging *paging, uint64_t *gva, unsigned int *access)
{
	uint64_t *const words[] = { &paging->cr0,  &paging->cr3, &paging->cr4,
				    &paging->efer, gva,		 &paging->rflags };
	const uint64_t bits[] = { CR0_WP,   0x5000, CR4_SMEP | CR4_SMAP | CR4_PSE,
				  EFER_NXE, ~0ull,  RFLAGS_AC };
	unsigned int which = (unsigned int)(random_next(&rng) % 12);

	if (which < 6)
		*words[which] ^= bits[which] & 1ull << (random_next(&rng) % 64);
	else if (which == 6)
		*access ^= 1u << (random_next(&rng) % 7);
	else
		for (unsigned int i = 0; i < N_PAGES; i++)
			memory[i][random_next(&rng) % 4096] ^=
				(uint8_t)(1u << (random_next(&rng) % 8));
}

/* Whatever changes between two walks, the second is what it would be without the memory of the first. */
static void a_walk_is_known_only_if_nothing_has_changed(void)
{
	unsigned int n = 40000;

	clean();
	n_known = 0;
	for (unsigned int i = 0; i < n && !check_has_failed(); i++) {
		struct walk_memo memo = { 0 };
		struct virt_paging paging;
		unsigned int access;
		struct ref_in in;

		random_registers(&in);
		random_tables(&in);
		case_paging(&in, &paging);
		access = (unsigned int)random_next(&rng) & 0x7f;
		for (unsigned int j = 0; j < 6; j++) {
			walk_both(&paging, in.gva, access, &memo);
			walk_both(&paging, in.gva, access, &memo);
			change_something(&paging, &in.gva, &access);
		}
	}
	CHECK(n_known > n / 4);
}

/* ---- Directed ---------------------------------------------------------------------------- */

static struct walk walk;

static void go(uint64_t gva, unsigned int access)
{
	count_begin();
	walk_gva(&guest_vp->view, &vp_paging, GVA(gva), access, &walk);
	count_end();
}

static void no_paging_always_succeeds(void)
{
	clean();
	for (unsigned int i = 0; i < N_PAGES; i++)
		set_rights(i, 0);
	go(0x1234567812345678, WALK_WRITE | WALK_USER);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0x12345678);
	CHECK_EQ(walk.level, 0);
	CHECK_EQ(pages_asked(), 0);
}

static void every_entry_is_read_once(void)
{
	four_levels();
	go(0x1234, WALK_READ | WALK_WRITE | WALK_SET_BITS);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0x40001234);
	CHECK_EQ(walk.level, 1);
	CHECK_EQ(watch.n_reads, 4);
	CHECK_EQ(pages_asked(), 0x1e); /* and not the leaf, which is not there */
	CHECK_EQ(watch.n_writes, 4);
	CHECK_EQ(*entry_at(1, 0), 0x2000 | RWU | PTE_A);
	CHECK_EQ(*entry_at(4, 1), 0x40001000 | RWU | PTE_A | PTE_D);
	go(0x1234, WALK_READ | WALK_WRITE | WALK_SET_BITS);
	CHECK_EQ(watch.n_writes, 4);
}

/* The fetch that remembers its walk: each piece of the evidence, changed alone, makes it walk again. */
static void fetch_walks_again_if_anything_changed(void)
{
	uint8_t bytes[16];

	four_levels();
	*entry_at(4, 1) = 0x5000 | RWU;
	number(5);
	vp_cs.attributes = SEG_L | 0x9b;
	vp_rip = 0x1234;
	CHECK_EQ(fetch(bytes, 15), 15);
	forget_pages();
	CHECK_EQ(fetch(bytes, 15), 15);
	CHECK_EQ(pages_asked(), 0); /* remembered */
	CHECK(!memcmp(bytes, &memory[5][0x234], 15));

	number(6);
	*entry_at(4, 1) = 0x6000 | RWU; /* the leaf points elsewhere */
	CHECK_EQ(fetch(bytes, 15), 15);
	CHECK(!memcmp(bytes, &memory[6][0x234], 15));
	*entry_at(2, 0) &= ~PTE_U; /* a right on the way goes */
	CHECK_EQ(fetch(bytes, 15), 15);
	vp_paging.cpl = 3;
	CHECK_EQ(fetch(bytes, 15), 0);
	vp_paging.cpl = 0;
	CHECK_EQ(fetch(bytes, 15), 15);
	*entry_at(3, 0) = 0; /* a table goes */
	CHECK_EQ(fetch(bytes, 15), 0);
	*entry_at(3, 0) = 0x4000 | RWU;
	CHECK_EQ(fetch(bytes, 15), 15);
	set_rights(6, 0); /* the page is unmapped */
	CHECK_EQ(fetch(bytes, 15), 0);
	set_rights(6, VIRT_READ | VIRT_EXECUTE);
	CHECK_EQ(fetch(bytes, 15), 15);
	*entry_at(4, 1) |= PTE_NX;
	CHECK_EQ(fetch(bytes, 15), 0);
	vp_paging.efer &= ~EFER_NXE; /* the bit is reserved now */
	CHECK_EQ(fetch(bytes, 15), 0);
	*entry_at(4, 1) &= ~PTE_NX;
	CHECK_EQ(fetch(bytes, 15), 15);
	vp_paging.cr3 = 0x7000; /* another address space, with nothing in it */
	memset(memory[7], 0, 4096);
	CHECK_EQ(fetch(bytes, 15), 0);
}

static void nothing_is_written_unasked(void)
{
	four_levels();
	memcpy(twin, memory, sizeof(twin));
	go(0x1234, WALK_READ | WALK_WRITE | WALK_USER);
	CHECK_EQ(walk.code, 0);
	CHECK(!memcmp(memory, twin, sizeof(twin)));
	CHECK_EQ(watch.n_writes, 0);
}

static void a_table_outside_memory_is_named(void)
{
	four_levels();
	set_rights(3, 0);
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaUnmapped);
	CHECK_EQ(walk.gpa.a, 0x3000);
	CHECK_EQ(walk.level, 2);
	CHECK_EQ(*entry_at(2, 0), 0x3000 | RWU | PTE_A);
	*entry_at(2, 0) = 0xff12345000ull | RWU; /* the end of the address space */
	go(0x1ff << 21 | 0x1234, WALK_READ);
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaUnmapped);
	CHECK_EQ(walk.gpa.a, 0xff12345ff8ull);
	set_rights(3, VIRT_EXECUTE);
	*entry_at(2, 0) = 0x3000 | RWU;
	go(0x1234, WALK_READ);
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaNoReadAccess);
	CHECK_EQ(walk.gpa.a, 0x3000);
}

static void a_table_in_rom_can_be_read_but_not_marked(void)
{
	four_levels();
	set_rights(4, VIRT_READ | VIRT_EXECUTE);
	go(0x1234, WALK_READ);
	CHECK_EQ(walk.code, 0);
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaNoWriteAccess);
	CHECK_EQ(walk.gpa.a, 0x4008);
	CHECK_EQ(walk.level, 1);
	*entry_at(4, 1) |= PTE_A;
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK_EQ(walk.code, 0);
	go(0x1234, WALK_WRITE | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaNoWriteAccess);
}

/* The page of the last table is what the partition's dirty bits show. */
static bool is_dirty(void)
{
	uint64_t dirty;

	CHECK(virt_space_dirty(&guest_partition->space, GPA(0x4000), 1, false, &dirty));
	return dirty;
}

static void is_recorded(void *entry)
{
	CHECK_EQ(is_dirty(), entry == entry_at(4, 1));
}

/* Setting a bit is a write to the table's page, and recorded before it is done. */
static void a_marked_table_is_dirty(void)
{
	uint64_t dirty;

	four_levels();
	set_rights(4, ALL_RIGHTS | VIRT_TRACKED);
	watch.before_write = is_recorded;
	go(0x1234, WALK_READ);
	CHECK(!is_dirty());
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK_EQ(walk.code, 0);
	CHECK(is_dirty());
	CHECK_EQ(watch.n_writes, 4);
	CHECK(virt_space_dirty(&guest_partition->space, GPA(0x4000), 1, true, &dirty));
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK(!is_dirty());
}

static void not_canonical_is_not_present(void)
{
	four_levels();
	go(0x0000800000001234, WALK_READ | WALK_USER);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(walk.error_code, PF_U);
	CHECK_EQ(walk.level, 0);
	CHECK_EQ(pages_asked(), 0);
	vp_paging.cr4 |= CR4_LA57;
	go(0x0000800000001234, WALK_READ);
	CHECK_EQ(walk.level, 4); /* PML5E 0 is in page 1, PML4E 1 is not there */
}

static void a_fault_leaves_accessed_bits_above(void)
{
	four_levels();
	*entry_at(4, 1) &= ~PTE_W;
	go(0x1234, WALK_WRITE | WALK_USER | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPrivilegeViolation);
	CHECK_EQ(walk.error_code, PF_P | PF_W | PF_U);
	CHECK_EQ(*entry_at(3, 0), 0x4000 | RWU | PTE_A);
	CHECK_EQ(*entry_at(4, 1), 0x40001000 | PTE_P | PTE_U);
}

static void presence_goes_before_rights(void)
{
	four_levels();
	*entry_at(1, 0) &= ~(PTE_U | PTE_W);
	*entry_at(4, 1) = 0;
	go(0x1234, WALK_WRITE | WALK_USER);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(walk.error_code, PF_W | PF_U);
	*entry_at(4, 1) = 0x40001000 | RWU | 1ull << 45;
	go(0x1234, WALK_WRITE | WALK_USER);
	CHECK_EQ(walk.code, WHvTranslateGvaResultInvalidPageTableFlags);
	CHECK_EQ(walk.error_code, PF_P | PF_RSVD | PF_W | PF_U);
}

static void smep_and_smap(void)
{
	four_levels();
	vp_paging.cr4 |= CR4_SMEP | CR4_SMAP;
	go(0x1234, WALK_EXECUTE);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPrivilegeViolation);
	CHECK_EQ(walk.error_code, PF_P | PF_I);
	go(0x1234, WALK_EXECUTE | WALK_USER);
	CHECK_EQ(walk.code, 0);
	go(0x1234, WALK_READ);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPrivilegeViolation);
	go(0x1234, WALK_READ | WALK_NO_SMAP);
	CHECK_EQ(walk.code, 0);
	go(0x1234, WALK_READ | WALK_NO_SMAP | WALK_SMAP);
	CHECK_EQ(walk.code, 0);
	go(0x1234, 0);
	CHECK_EQ(walk.code, 0);
	vp_paging.rflags = RFLAGS_AC;
	go(0x1234, WALK_READ);
	CHECK_EQ(walk.code, 0);
	go(0x1234, WALK_READ | WALK_SMAP);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPrivilegeViolation);
	vp_paging.cr4 &= ~CR4_SMAP;
	go(0x1234, WALK_READ | WALK_SMAP);
	CHECK_EQ(walk.code, 0);
}

static void large_pages(void)
{
	four_levels();
	*entry_at(3, 5) = 0x80200000 | RWU | PTE_PS | 1u << 12; /* PAT */
	go(0xa12345, WALK_READ);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0x80212345);
	CHECK_EQ(walk.level, 2);
	*entry_at(2, 2) = 0xc0000000 | RWU | PTE_PS | 1u << 12;
	go(0xaabcdef0, WALK_READ);
	CHECK_EQ(walk.gpa.a, 0xeabcdef0);
	CHECK_EQ(walk.level, 3);
	virt_machine.has_1g_pages = false;
	go(0xaabcdef0, WALK_READ);
	CHECK_EQ(walk.code, WHvTranslateGvaResultInvalidPageTableFlags);
	*entry_at(1, 0) |= PTE_PS;
	go(0x1234, WALK_READ);
	CHECK_EQ(walk.code, WHvTranslateGvaResultInvalidPageTableFlags);
	CHECK_EQ(walk.level, 4);
}

static void pse_36(void)
{
	clean();
	vp_paging.cr0 = CR0_PG | CR0_PE;
	vp_paging.cr3 = 0x1fff;
	*narrow_at(1, 3) = 0x12400000 | PTE_P | PTE_PS | 0xa5u << 13;
	go(0xffffffff00cabcde, WALK_WRITE);		       /* the upper half does not exist */
	CHECK_EQ(walk.code, WHvTranslateGvaResultGpaUnmapped); /* without PSE it is a table */
	CHECK_EQ(walk.gpa.a, 0x12400000 + (0xa5 << 13) + 0xab * 4);
	vp_paging.cr4 = CR4_PSE;
	go(0xffffffff00cabcde, WALK_WRITE);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0xa5124abcde);
	virt_machine.physical_bits = 39;
	go(0xcabcde, WALK_WRITE);
	CHECK_EQ(walk.code, WHvTranslateGvaResultInvalidPageTableFlags);
	CHECK_EQ(walk.error_code, PF_P | PF_RSVD | PF_W);
}

/* PML4E 0x1ed maps the tables themselves, as an operating system does. */
static void tables_that_map_themselves(void)
{
	four_levels();
	*entry_at(1, 0x1ed) = 0x1000 | PTE_P | PTE_W;
	go(0xfffff6fb7dbed000, WALK_WRITE | WALK_SET_BITS);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0x1000);
	CHECK_EQ(*entry_at(1, 0x1ed), 0x1000 | PTE_P | PTE_W | PTE_A | PTE_D);
	go(0xfffff68000000008, WALK_READ); /* the PTE of 0x1000 */
	CHECK_EQ(walk.gpa.a, 0x4008);
}

/* ---- Memory that changes ----------------------------------------------------------------- */

static void take_the_page_away(void *entry)
{
	watch.before_write = NULL;
	CHECK(entry == entry_at(4, 1));
	*entry_at(4, 1) = 0xdead0000; /* not present; the software's own bits */
}

static void a_page_that_goes_is_not_marked(void)
{
	four_levels();
	*entry_at(1, 0) |= PTE_A;
	*entry_at(2, 0) |= PTE_A;
	*entry_at(3, 0) |= PTE_A;
	watch.before_write = take_the_page_away;
	go(0x1234, WALK_WRITE | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(walk.level, 1);
	CHECK_EQ(*entry_at(4, 1), 0xdead0000);
	CHECK_EQ(watch.n_writes, 1);
}

static void move_the_page(void *entry)
{
	watch.before_write = NULL;
	*(uint64_t *)entry = 0x50005000 | RWU;
}

static void a_page_that_moves_is_followed(void)
{
	four_levels();
	*entry_at(1, 0) |= PTE_A;
	*entry_at(2, 0) |= PTE_A;
	*entry_at(3, 0) |= PTE_A;
	watch.before_write = move_the_page;
	go(0x1234, WALK_READ | WALK_SET_BITS);
	CHECK_EQ(walk.code, 0);
	CHECK_EQ(walk.gpa.a, 0x50005234);
	CHECK_EQ(*entry_at(4, 1), 0x50005000 | RWU | PTE_A);
}

static void change_for_ever(void *entry)
{
	*(uint64_t *)entry += 1ull << 52;
	*(uint64_t *)entry &= ~PTE_A;
}

static void a_walk_ends_though_memory_never_rests(void)
{
	four_levels();
	watch.before_write = change_for_ever;
	go(0x1234, WALK_READ | WALK_USER | WALK_SET_BITS);
	CHECK_EQ(walk.code, WHvTranslateGvaResultPageNotPresent);
	CHECK_EQ(walk.error_code, PF_U);
	CHECK_EQ(watch.n_writes, 16); /* WALK_TRIES of hv/mem/walk.c */
	CHECK(!(*entry_at(1, 0) & PTE_A));
}

/* Another processor counts in the bits that an entry leaves to software; none of its steps may be lost. */
#define STEPS 200000u
static volatile bool counter_runs;

static void *count_in_entry(void *unused)
{
	(void)unused;
	for (unsigned int i = 0; i < STEPS; i++) {
		uint64_t *entry = entry_at(4, 1);
		uint64_t old = __atomic_load_n(entry, __ATOMIC_RELAXED), new;

		do
			new = ((old + (1ull << 52)) & ~(PTE_A | PTE_D | 1ull << 63)) |
			      (old & 1ull << 63);
		while (!__atomic_compare_exchange_n(entry, &old, new, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_RELAXED));
	}
	counter_runs = false;
	return NULL;
}

static void no_concurrent_update_is_lost(void)
{
	pthread_t thread;

	four_levels();
	counter_runs = true;
	if (pthread_create(&thread, NULL, count_in_entry, NULL)) {
		FAIL("pthread_create");
		return;
	}
	while (counter_runs) {
		walk_gva(&guest_vp->view, &vp_paging, GVA(0x1234), WALK_WRITE | WALK_SET_BITS,
			 &walk);
		CHECK(!walk.code || (walk.code == 1 && !walk.level));
	}
	pthread_join(thread, NULL);
	CHECK_EQ(*entry_at(4, 1) >> 52 & 0x7ff, STEPS & 0x7ff);
}

/* ---- Instruction fetch ------------------------------------------------------------------- */

static void fetch_real_mode_stops_at_the_limit(void)
{
	uint8_t bytes[16];

	clean();
	number(2);
	vp_cs = (struct x86_segment) { .base = 0x2000, .limit = 0xffff, .attributes = 0x9b };
	vp_rip = 0x123;
	CHECK_EQ(fetch(bytes, 16), 16);
	CHECK(!memcmp(bytes, &memory[2][0x123], 16));
	for (unsigned int n = 0; n <= 16; n++) {
		memset(bytes, 0xee, sizeof(bytes));
		CHECK_EQ(fetch(bytes, n), n);
		CHECK(!memcmp(bytes, &memory[2][0x123], n));
		CHECK(n == 16 || bytes[n] == 0xee);
	}
	CHECK_EQ(fetch(bytes, 99), 16);
	vp_cs.limit = 0x125;
	CHECK_EQ(fetch(bytes, 16), 3);
	vp_cs.limit = 0x122;
	CHECK_EQ(fetch(bytes, 16), 0);
	vp_cs.limit = 0xffffffff;
	vp_rip = 0xdead0000ffffffffull; /* EIP; the linear address wraps */
	vp_cs.base = 0x3001;
	number(3);
	CHECK_EQ(fetch(bytes, 16), 1);
	CHECK_EQ(bytes[0], memory[3][0]);
}

static void fetch_stops_at_a_page_that_cannot_be_read(void)
{
	uint8_t bytes[16];

	four_levels();
	*entry_at(4, 1) = 0x10000 | RWU;
	*entry_at(4, 2) = 0x11000 | RWU;
	number(0x10);
	number(0x11);
	vp_cs.attributes = SEG_L | 0x9b;
	vp_rip = 0x1ff9;
	CHECK_EQ(fetch(bytes, 15), 15);
	CHECK(!memcmp(bytes, &memory[0x10][0xff9], 7) && !memcmp(bytes + 7, memory[0x11], 8));
	set_rights(0x11, VIRT_READ | VIRT_WRITE);
	CHECK_EQ(fetch(bytes, 15), 7);
	set_rights(0x11, VIRT_EXECUTE);
	CHECK_EQ(fetch(bytes, 15), 15);
	*entry_at(4, 2) |= PTE_NX;
	CHECK_EQ(fetch(bytes, 15), 7);
	set_rights(0x10, 0);
	CHECK_EQ(fetch(bytes, 15), 0);
	CHECK_EQ(watch.n_writes, 0);
	set_rights(0x10, 7);
	vp_paging.cr4 |= CR4_SMEP;
	CHECK_EQ(fetch(bytes, 15), 0);
	vp_paging.cpl = 3;
	CHECK_EQ(fetch(bytes, 15), 7);
	vp_rip = 0x00007ffffffffffcull; /* the hole begins 4 bytes on */
	CHECK_EQ(fetch(bytes, 15), 0);
}

static void fetch_in_compatibility_mode_uses_the_segment(void)
{
	uint8_t bytes[16];

	four_levels();
	*entry_at(4, 1) = 0x10000 | RWU;
	number(0x10);
	vp_cs = (struct x86_segment) { .base = 0x1000, .limit = 0xffffffff, .attributes = 0xc09b };
	vp_rip = 0x55500000040ull;
	CHECK_EQ(fetch(bytes, 16), 16);
	CHECK_EQ(bytes[0], memory[0x10][0x40]);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(no_paging_always_succeeds),
		TEST(every_entry_is_read_once),
		TEST(fetch_walks_again_if_anything_changed),
		TEST(nothing_is_written_unasked),
		TEST(a_table_outside_memory_is_named),
		TEST(a_table_in_rom_can_be_read_but_not_marked),
		TEST(a_marked_table_is_dirty),
		TEST(not_canonical_is_not_present),
		TEST(a_fault_leaves_accessed_bits_above),
		TEST(presence_goes_before_rights),
		TEST(smep_and_smap),
		TEST(large_pages),
		TEST(pse_36),
		TEST(tables_that_map_themselves),
		TEST(a_page_that_goes_is_not_marked),
		TEST(a_page_that_moves_is_followed),
		TEST(a_walk_ends_though_memory_never_rests),
		TEST(no_concurrent_update_is_lost),
		TEST(fetch_real_mode_stops_at_the_limit),
		TEST(fetch_stops_at_a_page_that_cannot_be_read),
		TEST(fetch_in_compatibility_mode_uses_the_segment),
		TEST(walk_agrees_with_the_reference),
		TEST(a_walk_is_known_only_if_nothing_has_changed),
	};

	return RUN(tests);
}
