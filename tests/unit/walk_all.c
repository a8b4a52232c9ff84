/* SPDX-License-Identifier: MIT */
/*
 * hv/mem/walk.c on the host against the reference walk of tests/unit/walk_reference.h, case by case through
 * whole spaces instead of at random: rights at every level under every control, reserved bits at every level for every
 * width, 4 MiB pages, protection keys.
 */
#include "tests/unit/walk_case.h"

enum mode { NARROW, NARROW_PSE, PAE, LONG4, LONG5, MODES };

static struct ref_in in;
static uint64_t n_cases;
static uint64_t *way
	[6]; /* the entry of each level on the way of in.gva, and its twin; PAE's third is in.pdpte */
static uint64_t *twin_way[6];

static unsigned int top_of(enum mode mode)
{
	return (unsigned int[]) { 2, 2, 3, 4, 5 }[mode];
}

static uint64_t read_entry(enum mode mode, unsigned int level)
{
	return mode <= NARROW_PSE ? *(uint32_t *)(void *)way[level] : *way[level];
}

static void put(enum mode mode, unsigned int level, uint64_t entry)
{
	if (mode <= NARROW_PSE)
		*(uint32_t *)(void *)way[level] = *(uint32_t *)(void *)twin_way[level] =
			(uint32_t)entry;
	else
		*way[level] = *twin_way[level] = entry;
	if (mode == PAE && level == 3)
		in.pdpte[in.gva >> 30] = entry;
}

/* A plain table at `level`, or the page. */
static uint64_t plain(unsigned int level)
{
	return level > 1 ? (level - 1) * 0x1000u : 0x7654321000ull;
}

/* Level n's table is page n of memory. The GVA has another index at each level. */
static void begin(enum mode mode)
{
	const unsigned int width = mode <= NARROW_PSE ? 10 : 9;

	clean();
	memset(twin, 0, sizeof(twin));
	memset(&in, 0, sizeof(in));
	in.gva = mode >= LONG4 ? (mode == LONG4 ? 0xffff92345679a123ull : 0xff12923456799123ull)
			       : 0x9234a123;
	in.cr0 = CR0_PE | CR0_PG;
	in.cr4 = (mode == NARROW_PSE ? CR4_PSE : 0) | (mode >= PAE ? CR4_PAE : 0) |
		 (mode == LONG5 ? CR4_LA57 : 0);
	in.efer = mode >= LONG4 ? EFER_LME | EFER_LMA : 0;
	in.maxphyaddr = 40;
	in.has_1g = true;
	in.cr3 = top_of(mode) << 12;
	in.load = ref_load;
	in.can_write = ref_can_write;
	for (unsigned int level = 1; level <= top_of(mode); level++) {
		const uint64_t index = in.gva >> (12 + (level - 1) * width) & ((1u << width) - 1);
		const size_t offset = index * (width == 10 ? 4 : 8);

		way[level] = (uint64_t *)(void *)&memory[level][offset];
		twin_way[level] = (uint64_t *)(void *)&twin[level][offset];
		put(mode, level, plain(level) | PTE_P | PTE_W | PTE_U);
	}
	if (mode == PAE)
		put(mode, 3, plain(3) | PTE_P);
}

static void check(enum mode mode)
{
	struct ref_out wanted;
	uint64_t was[6];

	n_cases++;
	for (unsigned int level = 1; level <= top_of(mode); level++)
		was[level] = read_entry(mode, level);
	case_check(&in, &wanted);
	for (unsigned int level = 1; level <= top_of(mode); level++) {
		if (mode == PAE && level == 3)
			continue;
		CHECK(mode <= NARROW_PSE ? *(uint32_t *)(void *)way[level] ==
						   *(uint32_t *)(void *)twin_way[level]
					 : *way[level] == *twin_way[level]);
		put(mode, level, was[level]);
	}
}

/* Every access there is, by both kinds of code. */
static void accesses(enum mode mode, bool set_bits)
{
	for (unsigned int access = 0; access < 16; access++) {
		in.read = access & 1;
		in.write = access & 2;
		in.execute = access & 4;
		in.user = access & 8;
		in.set_bits = set_bits;
		check(mode);
	}
}

/* Every setting of the controls that have a say in rights. */
static void controls(enum mode mode)
{
	const uint64_t cr4 = in.cr4, efer = in.efer;

	for (unsigned int bits = 0; bits < 32; bits++) {
		in.cr0 = CR0_PE | CR0_PG | (bits & 1 ? CR0_WP : 0);
		in.cr4 = cr4 | (bits & 2 ? CR4_SMEP : 0) | (bits & 4 ? CR4_SMAP : 0);
		in.rflags = bits & 8 ? RFLAGS_AC : 0;
		in.efer = efer | (bits & 16 ? EFER_NXE : 0);
		accesses(mode, !(bits & 1));
	}
	in.cr4 = cr4;
	in.efer = efer;
}

/* A leaf of `leaf` under all rights that the levels can have. */
static void rights_of(enum mode mode, unsigned int leaf)
{
	const unsigned int top = mode == PAE ? 2 : top_of(mode), n_levels = top - leaf + 1;
	const unsigned int n_bits = mode <= NARROW_PSE ? 2 : 3;
	/* With five levels the two uppermost go together, so that there are not too many. */
	const unsigned int n_free = n_levels > 4 ? 4 : n_levels;

	for (unsigned int bits = 0; bits < 1u << n_bits * n_free && !check_has_failed(); bits++) {
		for (unsigned int level = leaf; level <= top; level++) {
			const unsigned int slot = level - leaf < n_free ? level - leaf : n_free - 1;
			const unsigned int mine = bits >> slot * n_bits;
			uint64_t entry = plain(level) | PTE_P;

			if (level == leaf && leaf > 1)
				entry = 0x40000000 | PTE_P | PTE_PS;
			entry |= (mine & 1 ? PTE_W : 0) | (mine & 2 ? PTE_U : 0);
			if (n_bits == 3 && mine & 4)
				entry |= PTE_NX;
			put(mode, level, entry);
		}
		controls(mode);
	}
}

static void rights_at_every_level(void)
{
	for (enum mode mode = NARROW; mode < MODES; mode++) {
		const unsigned int largest = mode >= LONG4 ? 3 : mode == NARROW ? 1 : 2;

		for (unsigned int leaf = 1; leaf <= largest; leaf++) {
			begin(mode);
			rights_of(mode, leaf);
		}
	}
}

/* One bit more in one entry, for every bit, level, width, and with and without 1 GiB pages and NX. */
static void reserved_bits_at_every_level(void)
{
	for (enum mode mode = NARROW; mode < MODES; mode++) {
		for (unsigned int bits = 32; bits <= 52 && !check_has_failed(); bits++) {
			for (unsigned int kind = 0; kind < 16 * top_of(mode); kind++) {
				const unsigned int level = 1 + kind / 16;
				uint64_t entry;

				begin(mode);
				in.maxphyaddr = bits;
				put(mode, 1, 0x54321000 | PTE_P | PTE_W | PTE_U);
				in.has_1g = kind & 1;
				in.efer |= kind & 2 ? EFER_NXE : 0;
				in.read = true;
				in.set_bits = kind & 8;
				entry = read_entry(mode, level);
				if (kind & 4)
					entry = (entry & ~0x3ff000ull) | PTE_PS;
				for (unsigned int bit = 0; bit < (mode >= PAE ? 64 : 32); bit++) {
					put(mode, level, entry ^ 1ull << bit);
					check(mode);
				}
			}
		}
	}
}

/* All of bits 21 to 12 of a 32-bit directory entry, at all widths, with and without PSE. */
static void four_mib_pages(void)
{
	for (unsigned int i = 0; i < 2u * 21 * 1024 && !check_has_failed(); i++) {
		const enum mode mode = i & 1 ? NARROW_PSE : NARROW;

		if (i < 2)
			begin(NARROW);
		in.cr4 = i & 1 ? CR4_PSE : 0;
		in.maxphyaddr = 32 + i / 2 / 1024;
		in.write = in.set_bits = i & 2;
		put(mode, 2, 0xabc00000u | (i / 2 % 1024) << 12 | PTE_P | PTE_W | PTE_PS);
		check(mode);
	}
}

/* Every right of every key, under every control, of user pages and others. */
static void protection_keys(void)
{
	for (unsigned int i = 0; i < 16u << 9 && !check_has_failed(); i++) {
		const unsigned int key = i & 15, bits = i >> 4;

		for (enum mode mode = PAE; mode < MODES; mode++) {
			begin(mode);
			in.efer |= EFER_NXE;
			in.cr0 |= bits & 1 ? CR0_WP : 0;
			in.cr4 |= (bits & 2 ? CR4_PKE : 0) | (bits & 4 ? CR4_PKS : 0);
			/* The key's rights, and the opposite for all others. */
			in.pkru = ~0u ^ 3u << 2 * key ^ (bits >> 3 & 3) << 2 * key;
			in.pkrs = 0u ^ (bits >> 5 & 3) << 2 * key;
			put(mode, 1,
			    plain(1) | PTE_P | (bits & 128 ? PTE_W : 0) | (bits & 256 ? PTE_U : 0) |
				    (mode >= LONG4 ? (uint64_t)key << PTE_PKEY_SHIFT : 0));
			accesses(mode, true);
		}
	}
}

/* A table where nothing is, that cannot be read, or not written, at every level and after every beginning. */
static void tables_in_every_kind_of_page(void)
{
	const uint8_t kinds[] = { 0, VIRT_EXECUTE, VIRT_READ, VIRT_READ | VIRT_EXECUTE,
				  VIRT_READ | VIRT_WRITE };

	for (enum mode mode = NARROW; mode < MODES; mode++)
		for (unsigned int level = 1; level <= top_of(mode); level++)
			for (unsigned int kind = 0; kind < 5; kind++)
				for (unsigned int marked = 0; marked < 1u << top_of(mode);
				     marked++) {
					begin(mode);
					for (unsigned int l = 1; l <= top_of(mode); l++)
						if (marked >> (l - 1) & 1 &&
						    !(mode == PAE && l == 3))
							put(mode, l, read_entry(mode, l) | PTE_A);
					set_rights(level, kinds[kind]);
					accesses(mode, true);
					accesses(mode, false);
				}
}

/* The table is beyond all memory, at the last page that an address can name, and its own next one. */
static void tables_at_the_edges(void)
{
	for (enum mode mode = NARROW; mode < MODES; mode++)
		for (unsigned int level = 2; level <= top_of(mode); level++)
			for (unsigned int bits = 32; bits <= 52; bits += 4) {
				const uint64_t end =
					mode >= PAE ? (1ull << bits) - 4096 : 0xfffff000u;

				begin(mode);
				in.maxphyaddr = bits;
				put(mode, level,
				    end | PTE_P | PTE_W | PTE_U * (mode != PAE || level != 3));
				if (mode == PAE && level == 3)
					put(mode, level, end | PTE_P);
				accesses(mode, true);
				in.cr3 = end;
				accesses(mode, true);
				begin(mode);
				in.maxphyaddr = bits;
				put(mode, level,
				    (uint64_t)level << 12 | PTE_P |
					    (mode == PAE && level == 3 ? 0 : PTE_W | PTE_U));
				in.read = true;
				check(mode); /* without marks: the reference knows no table that is its own entry */
			}
}

static void the_spaces_are_whole(void)
{
	CHECK_EQ(n_cases, 7685506);
	n_cases = 0;
}

int main(void)
{
	static const struct test tests[] = {
		TEST(rights_at_every_level),
		TEST(reserved_bits_at_every_level),
		TEST(four_mib_pages),
		TEST(protection_keys),
		TEST(tables_in_every_kind_of_page),
		TEST(tables_at_the_edges),
		TEST(the_spaces_are_whole),
	};

	return RUN(tests);
}
