// SPDX-License-Identifier: MIT
/*
 * The processor as the oracle of WHvTranslateGva: a guest with page tables of all kinds of entries at all levels tries
 * every address that they make, under every setting of the controls, by every kind of access, for user code and for
 * supervisors. The same is asked of the hypervisor, on the same tables. Both must say the same, down to the error
 * code, and leave the same accessed and dirty bits behind.
 *
 * A space is a tree: in each table there is one entry of each kind, and each entry that leads to a table has one of its
 * own. A run tries all addresses of the space once, by one kind of access. What a failing access does to the
 * accessed bits of the tables above is the processor's choice: they lie between those of the successes alone and those
 * that WHvTranslateGva sets, which are all that the walks have gone through.
 */
#include "tests/system/apps/conformance/check.h"

#include "root/call/platform.h"
#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "whit/whp_extension.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"

DECLARE_GUEST(walk64);
DECLARE_GUEST(walk_user64);
DECLARE_GUEST(walk32);
DECLARE_GUEST(walk_user32);

/* Guest-physical, and the same in the monitor's part of the address space; tests/guest/walk.asm. */
#define USER_PAGE  0x3000ull
#define USER_STACK 0x4000ull
#define TARGET	   0x20000ull  /* full of RET, where all small pages lead to */
#define LISTS	   0x100000ull /* addresses, then results */
#define TABLES	   0x400000ull
#define BIG	   0x40000000ull  /* where all large pages lead to, and the target is mapped */
#define BIG36	   0x140400000ull /* but for one of PSE-36, whose bit 13 is bit 32 of the address */

#define MAX_CASES  8192u
#define MAX_SLOTS  12288u
#define MAX_TABLES 512u
#define LIST_PAGES 18u
#define RESULTS	   (MAX_CASES * 8)

#define USER_DATA_SELECTOR 0x2bu

#define CODE_OFFSET_FAULT 0x40u
#define CODE_OFFSET_BACK  0x60u
#define CODE_OFFSET_KINDS 0x80u /* read, write, execute; then the same for user code */
#define SUCCEEDED_BYTE	  0x80u
#define HIGH		  (1ull << 51) /* beyond any processor here */

enum mode { NARROW, NARROW_PSE, PAE, LONG };

/* An entry of the space. */
struct slot {
	uint32_t offset; /* in the tables */
	bool is_final;	 /* nothing lies below it: it is the entry that decides */
	bool is_gib;	 /* a page of 1 GiB */
	uint64_t initial, after;
};

static struct child child;
static enum mode mode;
static unsigned int entry_bytes, index_bits, top;
static uint8_t *tables, *lists;
static struct slot *slots;
static struct whit_translation *records;
static unsigned int n_slots, n_cases, n_tables;
static uint64_t gva36; /* what leads to BIG36, or 0 */
static uint64_t n_tried, n_granted;
/* Of the emulator: P in the error code of a reserved bit; A of a page of 1 GiB that may not be accessed. */
static bool has_no_p, has_early_a;

/* ---- The space --------------------------------------------------------------------------- */

static uint64_t read_entry(uint32_t offset)
{
	return entry_bytes == 8 ? *(uint64_t *)(void *)(tables + offset)
				: *(uint32_t *)(void *)(tables + offset);
}

static void write_entry(uint32_t offset, uint64_t entry)
{
	if (entry_bytes == 8)
		*(uint64_t *)(void *)(tables + offset) = entry;
	else
		*(uint32_t *)(void *)(tables + offset) = (uint32_t)entry;
}

static unsigned int new_table(void)
{
	CHECK(n_tables < MAX_TABLES);
	return n_tables < MAX_TABLES ? n_tables++ : 0;
}

static uint64_t gpa_of(unsigned int table)
{
	return TABLES + table * 4096ull;
}

/* level: of an entry below which nothing lies; else 0. */
static void put(unsigned int table, unsigned int index, uint64_t entry, unsigned int level)
{
	const uint32_t offset = table * 4096 + index * entry_bytes;

	write_entry(offset, entry);
	if (n_slots < MAX_SLOTS)
		slots[n_slots++] = (struct slot) { .offset = offset,
						   .is_final = level > 0,
						   .is_gib = level == 3 && (entry & PTE_PS),
						   .initial = entry };
}

static void add_case(uint64_t gva)
{
	CHECK(n_cases < MAX_CASES);
	if (n_cases < MAX_CASES)
		((uint64_t *)(void *)lists)[n_cases++] = gva;
}

/* W, U and, where there is such a bit, NX. */
static uint64_t rights(unsigned int n)
{
	return (n & 1 ? PTE_W : 0) | (n & 2 ? PTE_U : 0) | (n & 4 ? PTE_NX : 0);
}

static bool has_large(unsigned int level)
{
	return level > 1 && level < 4 && mode != NARROW;
}

/* Entries of `level` that are the end, one by one; false behind the last. */
static bool final_kind(unsigned int level, unsigned int n, uint64_t *entry)
{
	const unsigned int n_rights = entry_bytes == 8 ? 8 : 4;
	const uint64_t all = PTE_P | PTE_W | PTE_U;
	const bool is_page = level == 1 || has_large(level);
	const uint64_t page = level == 1 ? TARGET : BIG | PTE_PS;
	const uint64_t kinds[] = {
		TARGET | PTE_W | PTE_U | PTE_A | PTE_D, /* not present */
		/* Reserved: bits beyond the width, then those of large pages. */
		entry_bytes == 8 ? TARGET | all | HIGH : 0,
		mode == PAE ? TARGET | all | 1ull << 52 : 0,
		mode == PAE ? TARGET | all | 1ull << 62 : 0,
		level == 4 ? TARGET | all | PTE_PS : 0,
		has_large(level) ? BIG | all | PTE_PS | (mode == NARROW_PSE ? 1u << 21 : 1u << 13)
				 : 0,
		has_large(level) && entry_bytes == 8 ? BIG | all | PTE_PS | 1u << 20 : 0,
		has_large(level) && level == 3 ? BIG | all | PTE_PS | 1u << 29 : 0,
		/* Bits that say nothing, and accessed and dirty ones. */
		is_page ? page | all | PTE_G | PTE_PWT | PTE_PCD | 7u << 9 : 0,
		is_page ? page | all | PTE_A : 0,
		is_page ? page | all | PTE_A | PTE_D : 0,
		is_page ? page | all | PTE_D : 0,
		level == 1 ? page | all | PTE_PS : 0, /* PAT */
		has_large(level) ? page | all | 1u << 12 : 0,
		mode == NARROW_PSE && level == 2 ? (uint32_t)BIG36 | all | PTE_PS | 1u << 13 : 0,
		mode == LONG && is_page ? page | all | 0x7ffull << 52 : 0,
	};

	if (is_page && n < n_rights) {
		*entry = page | PTE_P | rights(n);
		return true;
	}
	n -= is_page ? n_rights : 0;
	if (n >= sizeof(kinds) / sizeof(kinds[0]))
		return false;
	*entry = kinds[n];
	return true;
}

/* Everything that can be below `table`, which is of `level`; its first `skip` entries are the monitor's. */
static void fill(unsigned int level, unsigned int table, uint64_t gva, unsigned int skip)
{
	const unsigned int shift = 12 + (level - 1) * index_bits;
	/* Of NX at the top of four levels one entry will do. */
	const unsigned int n_tables_here = level == 1	      ? 0
					   : entry_bytes == 4 ? 4
					   : level == 4	      ? 5
							      : 8;
	unsigned int index = skip;
	uint64_t entry;

	for (unsigned int n = 0; n < n_tables_here; n++, index++) {
		const unsigned int next = new_table();
		/* Without PSE the bit of a large page is none. */
		const uint64_t odd = mode == NARROW && n & 1 ? PTE_PS : 0;

		put(table, index, gpa_of(next) | PTE_P | rights(n == 4 && level == 4 ? 7 : n) | odd,
		    0);
		fill(level - 1, next, gva | (uint64_t)index << shift, 0);
	}
	for (unsigned int n = 0; final_kind(level, n, &entry); n++) {
		if (!entry)
			continue;
		put(table, index, entry, level);
		if ((entry & PTE_PS) && entry >> 22 == (uint32_t)BIG36 >> 22)
			gva36 = gva | (uint64_t)index << shift;
		add_case(gva | (uint64_t)index << shift);
		index++;
	}
}

/* The first 2 MiB at address 0 of every space, for supervisors but for two pages. */
static void make_monitor(unsigned int first)
{
	unsigned int table = first;

	for (unsigned int level = mode == PAE ? 2 : top; level > 1; level--) {
		const unsigned int next = new_table();

		write_entry(table * 4096, gpa_of(next) | PTE_P | PTE_W | PTE_U);
		table = next;
	}
	for (unsigned int i = 0; i < 512; i++) {
		const bool is_user = i == USER_PAGE >> 12 || i == USER_STACK >> 12;

		write_entry(table * 4096 + i * entry_bytes,
			    (uint64_t)i << 12 | PTE_P | PTE_W | (is_user ? PTE_U : 0));
	}
}

static void make_space(void)
{
	unsigned int first;

	entry_bytes = mode <= NARROW_PSE ? 4 : 8;
	index_bits = mode <= NARROW_PSE ? 10 : 9;
	top = mode == LONG ? 4 : mode == PAE ? 3 : 2;
	n_slots = n_cases = n_tables = 0;
	gva36 = 0;
	platform_clear(tables, MAX_TABLES * 4096);
	platform_clear(lists, LIST_PAGES * 4096);
	first = new_table();
	if (mode == PAE) {
		const unsigned int low = new_table(), high = new_table();

		*(uint64_t *)(void *)(tables + first * 4096) = gpa_of(low) | PTE_P;
		*(uint64_t *)(void *)(tables + first * 4096 + 16) = gpa_of(high) | PTE_P;
		make_monitor(low);
		fill(2, high, 2ull << 30, 0);
		add_case(1ull << 30); /* a PDPTE that is not present */
	} else {
		make_monitor(first);
		fill(top, first, 0, 1);
	}
}

/* ---- The guest --------------------------------------------------------------------------- */

static void gate(unsigned int vector, uint64_t to, unsigned int dpl)
{
	const uint64_t low = (to & 0xffff) | 8u << 16 | (0x8e00ull | dpl << 13) << 32;
	uint64_t *idt = (uint64_t *)(void *)(child.ram + CHILD_IDT);

	idt[mode == LONG ? 2 * vector : vector] = low;
}

static void copy(uint64_t to, struct guest_code code)
{
	for (const uint8_t *p = code.start; p < code.end; p++)
		child.ram[to + (size_t)(p - code.start)] = *p;
}

static void map(const void *at, uint64_t gpa, uint64_t n_bytes)
{
	CHECK_EQ(WHvMapGpaRange(child.partition, (void *)(uintptr_t)at, gpa, n_bytes,
				WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite |
					WHvMapGpaRangeFlagExecute),
		 S_OK);
}

static void make_guest(void)
{
	const WHV_REGISTER_NAME names[1] = { WHvX64RegisterGdtr };
	const WHV_REGISTER_VALUE values[1] = { { .Table = { .Base = CHILD_GDT, .Limit = 0x2f } } };
	const bool is_long = mode == LONG;
	uint64_t *gdt;

	CHECK_EQ(child_create(&child, is_long ? CHILD_LONG : CHILD_PROT32,
			      is_long ? GUEST(walk64) : GUEST(walk32), 0, 0),
		 S_OK);
	if (check_has_failed())
		return;
	copy(USER_PAGE, is_long ? GUEST(walk_user64) : GUEST(walk_user32));
	gdt = (uint64_t *)(void *)(child.ram + CHILD_GDT);
	gdt[4] = is_long ? 0x00affb000000ffffull : 0x00cffb000000ffffull;
	gdt[5] = 0x00cff3000000ffffull;
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, values), S_OK);
	/* The TSS begins at 0: the stack of CPL 0. */
	*(uint32_t *)(void *)(child.ram + 4) = CHILD_STACK;
	*(uint32_t *)(void *)(child.ram + 8) = is_long ? 0 : 16;
	gate(14, CHILD_CODE + CODE_OFFSET_FAULT, 0);
	gate(0x20, CHILD_CODE + CODE_OFFSET_BACK, 3);
	for (unsigned int i = 0; i < 4096; i++)
		child.ram[TARGET + i] = 0xc3;
	map(lists, LISTS, LIST_PAGES * 4096);
	map(tables, TABLES, MAX_TABLES * 4096);
	map(child.ram + TARGET, BIG, 4096);
	map(child.ram + TARGET, BIG36, 4096);
	/* User code leaves its data segments to the handler, which takes them as they are. */
	if (!is_long) {
		CHECK_EQ(child_set_segment(&child, WHvX64RegisterDs, 0, 0xffffffff,
					   USER_DATA_SELECTOR, 0xc0f3),
			 S_OK);
		CHECK_EQ(child_set_segment(&child, WHvX64RegisterEs, 0, 0xffffffff,
					   USER_DATA_SELECTOR, 0xc0f3),
			 S_OK);
	}
}

static void set(UINT32 name, uint64_t value)
{
	CHECK_EQ(child_set(&child, name, value), S_OK);
}

static void set_cpl(unsigned int cpl)
{
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterSs, 0, 0xffffffff,
				   (uint16_t)(cpl ? USER_DATA_SELECTOR : 16),
				   (uint16_t)(0xc093 | cpl << 5)),
		 S_OK);
}

/* WP, SMEP, SMAP, NXE, AC. */
static void set_controls(unsigned int controls)
{
	set(WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG | (controls & 1 ? CR0_WP : 0));
	set(WHvX64RegisterCr4, (mode >= PAE ? CR4_PAE : 0) | (mode == NARROW_PSE ? CR4_PSE : 0) |
				       (controls & 2 ? CR4_SMEP : 0) |
				       (controls & 4 ? CR4_SMAP : 0) | CR4_OSFXSR);
	set(WHvX64RegisterEfer,
	    (mode == LONG ? EFER_LME | EFER_LMA : 0) | (controls & 8 ? EFER_NXE : 0));
	set(WHvX64RegisterRflags, RFLAGS_ONE | (controls & 16 ? RFLAGS_AC : 0));
}

/* ---- A run ------------------------------------------------------------------------------- */

static void restore(void)
{
	for (unsigned int i = 0; i < n_slots; i++)
		write_entry(slots[i].offset, slots[i].initial);
}

/* What can be compared of it. */
static uint64_t read_slot(const struct slot *slot)
{
	return read_entry(slot->offset) & ~(slot->is_gib && has_early_a ? PTE_A : 0);
}

/* All addresses by accesses of `kind`, 0 to 5, in the guest. */
static void try_them(unsigned int kind, unsigned int controls)
{
	uint8_t *results = lists + RESULTS;

	for (unsigned int i = 0; i < n_cases; i++)
		results[i] = 0xff;
	set_cpl(0);
	set(WHvX64RegisterRip, CHILD_CODE);
	set(WHvX64RegisterRsp, CHILD_STACK);
	set(WHvX64RegisterRsi, LISTS);
	set(WHvX64RegisterRdi, LISTS + RESULTS);
	set(WHvX64RegisterRcx, n_cases);
	set(WHvX64RegisterRdx, CODE_OFFSET_KINDS + kind * 0x20);
	set(WHvX64RegisterRbp, RFLAGS_ONE | (controls & 16 ? RFLAGS_AC : 0));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), LISTS + RESULTS + n_cases);
	for (unsigned int i = 0; has_no_p && i < n_cases; i++)
		if (results[i] != SUCCEEDED_BYTE && (results[i] & PF_RSVD))
			results[i] |= PF_P;
	for (unsigned int i = 0; i < n_slots; i++)
		slots[i].after = read_slot(&slots[i]);
}

static void report(const char *what, unsigned int controls, unsigned int kind, uint64_t at,
		   uint64_t is, uint64_t wanted)
{
	if (check_has_failed())
		return;
	FAIL("mode %u controls %x kind %u: %s at %lx: %lx, the processor has %lx",
	     (unsigned int)mode, controls, kind, what, (unsigned long)at, (unsigned long)is,
	     (unsigned long)wanted);
}

/* Ask for the addresses that the guest could access, or for the others; both in the order of the list. */
static void ask(unsigned int kind, unsigned int controls, bool granted)
{
	const UINT32 flags = (UINT32)(WHvTranslateGvaFlagSetPageTableBits |
				      WHvTranslateGvaFlagValidateRead << kind % 3);
	const uint64_t *gvas = (uint64_t *)(void *)lists;
	const uint8_t *results = lists + RESULTS;
	unsigned int n = 0;

	for (unsigned int i = 0; i < n_cases; i++)
		if ((results[i] == SUCCEEDED_BYTE) == granted)
			records[n++].gva = gvas[i];
	CHECK_EQ(WhitTranslateGvas(child.partition, 0, flags, records, n), S_OK);
	n = 0;
	for (unsigned int i = 0; i < n_cases; i++) {
		const struct whit_translation *record = &records[n];
		uint32_t is;

		if ((results[i] == SUCCEEDED_BYTE) != granted)
			continue;
		n++;
		is = record->code ? record->error_code : SUCCEEDED_BYTE;
		if (is != results[i] || record->code > 3)
			report("result", controls, kind, gvas[i], is, results[i]);
		if (granted && record->gpa != TARGET &&
		    record->gpa != (gvas[i] == gva36 ? BIG36 : BIG))
			report("gpa", controls, kind, gvas[i], record->gpa, TARGET);
		if (!(i % 61)) {
			WHV_TRANSLATE_GVA_RESULT result = { .Reserved = 0 };
			WHV_GUEST_PHYSICAL_ADDRESS gpa = 0;

			CHECK_EQ(WHvTranslateGva(child.partition, 0, gvas[i],
						 (WHV_TRANSLATE_GVA_FLAGS)flags, &result, &gpa),
				 S_OK);
			CHECK_EQ(result.ResultCode, record->code);
			CHECK_EQ(gpa, record->gpa);
		}
	}
	n_tried += n;
	n_granted += granted ? n : 0;
}

static void run(unsigned int controls, unsigned int kind)
{
	restore();
	try_them(kind, controls);
	if (check_has_failed())
		return;
	restore();
	set_cpl(kind < 3 ? 0 : 3);
	ask(kind, controls, true);
	/* The processor has set these at least. */
	for (unsigned int i = 0; i < n_slots; i++) {
		const uint64_t is = read_slot(&slots[i]), after = slots[i].after;

		if (is & ~after || (slots[i].is_final && is != after))
			report("entry", controls, kind, slots[i].offset, is, after);
	}
	ask(kind, controls, false);
	/* And no others than these. */
	for (unsigned int i = 0; i < n_slots; i++) {
		const uint64_t is = read_slot(&slots[i]), after = slots[i].after;

		if (after & ~is || (is & ~after & ~PTE_A) || (slots[i].is_final && is != after))
			report("entry at the end", controls, kind, slots[i].offset, is, after);
	}
}

static void all_runs(enum mode which)
{
	mode = which;
	has_no_p = emulator_has(FAULT_RSVD);
	has_early_a = mode == LONG && emulator_has(FAULT_EARLY_A);
	n_tried = n_granted = 0;
	if (!tables) {
		tables = test_pages(MAX_TABLES);
		lists = test_pages(LIST_PAGES);
		slots = test_pages((MAX_SLOTS * sizeof(*slots) + 4095) / 4096);
		records = test_pages((MAX_CASES * sizeof(*records) + 4095) / 4096);
	}
	CHECK(tables && lists && slots && records);
	if (check_has_failed())
		return;
	make_space();
	make_guest();
	if (check_has_failed())
		return;
	set(WHvX64RegisterCr3, TABLES);
	for (unsigned int controls = 0; controls < 32; controls++) {
		if (mode <= NARROW_PSE && controls & 8)
			continue;
		set_cpl(0);
		set_controls(controls);
		for (unsigned int kind = 0; kind < 6 && !check_has_failed(); kind++)
			run(controls, kind);
	}
	child_destroy(&child);
	terminal_print("# mode %u: %u addresses, %lu cases, %lu granted\n", (unsigned int)mode,
		       n_cases, (unsigned long)n_tried, (unsigned long)n_granted);
}

static void translate_is_the_processors_32_bit_paging(void)
{
	all_runs(NARROW);
	CHECK(n_tried > 96 * 40 && n_granted > n_tried / 8);
}

static void translate_is_the_processors_32_bit_paging_with_large_pages(void)
{
	all_runs(NARROW_PSE);
	CHECK(n_tried > 96 * 40 && n_granted > n_tried / 8);
	CHECK(gva36);
}

static void translate_is_the_processors_pae_paging(void)
{
	all_runs(PAE);
	CHECK(n_tried > 192 * 100 && n_granted > n_tried / 8);
}

static void translate_is_the_processors_4_level_paging(void)
{
	all_runs(LONG);
	CHECK(n_tried > 200000 && n_granted > n_tried / 16);
}

void walk_checks(void)
{
	static const struct test tests[] = {
		TEST(translate_is_the_processors_32_bit_paging),
		TEST(translate_is_the_processors_32_bit_paging_with_large_pages),
		TEST(translate_is_the_processors_pae_paging),
		TEST(translate_is_the_processors_4_level_paging),
	};

	RUN(tests);
}
