/* SPDX-License-Identifier: MIT */
/* Walks on tests/unit/walk_machine.h: directed tables, and random registers, tables and rights beside the reference. */
#ifndef TESTS_UNIT_WALK_CASE_H
#define TESTS_UNIT_WALK_CASE_H

#include "tests/unit/walk_machine.h"
#include "tests/unit/walk_reference.h"
#include "tests/random.h"

static struct random rng = { 1 };

static inline uint64_t *entry_at(unsigned int page, unsigned int index)
{
	return (uint64_t *)(void *)memory[page] + index;
}

static inline uint32_t *narrow_at(unsigned int page, unsigned int index)
{
	return (uint32_t *)(void *)memory[page] + index;
}

/* ---- Directed cases ----------------------------------------------------------------------- */

#define RWU (PTE_P | PTE_W | PTE_U)

/* Long mode, four levels in pages 1 to 4, gva 0x1234 maps to 0x40001234… of page 0x40001. */
static inline void four_levels(void)
{
	clean();
	vp_paging.cr0 = CR0_PG | CR0_PE | CR0_WP;
	vp_paging.cr4 = CR4_PAE;
	vp_paging.efer = EFER_LME | EFER_LMA | EFER_NXE;
	vp_paging.cr3 = 0x1000;
	*entry_at(1, 0) = 0x2000 | RWU;
	*entry_at(2, 0) = 0x3000 | RWU;
	*entry_at(3, 0) = 0x4000 | RWU;
	*entry_at(4, 1) = 0x40001000 | RWU;
}

static inline void number(unsigned int page)
{
	for (unsigned int i = 0; i < 4096; i++)
		memory[page][i] = (uint8_t)(i + page);
}

/* ---- Random cases against the reference -------------------------------------------------- */

static int ref_load(uint64_t gpa, unsigned int bytes, uint64_t *entry)
{
	uint64_t n = gpa >> 12;
	bool is_beyond = n >= N_PAGES;

	*entry = 0;
	if (is_beyond)
		return 4;
	if (!rights[n])
		return 4;
	if (!(rights[n] & VIRT_READ))
		return 5;
	memcpy(entry, &twin[n][gpa & 4095], bytes);
	return 0;
}

static bool ref_can_write(uint64_t gpa)
{
	return rights[gpa >> 12] & VIRT_WRITE;
}

/* An entry that points to `address`, sane most of the time. */
static uint64_t random_entry(uint64_t address, bool is_narrow, bool may_be_page)
{
	uint64_t entry =
		address | (random_next(&rng) & (PTE_A | PTE_D | PTE_PWT | PTE_PCD | PTE_G));

	entry |= random_chance(&rng, 95) ? PTE_P : 0;
	entry |= random_chance(&rng, 75) ? PTE_W : 0;
	entry |= random_chance(&rng, 70) ? PTE_U : 0;
	entry |= random_chance(&rng, may_be_page ? 35 : 3) ? PTE_PS : 0;
	entry |= random_next(&rng) & 0xe00; /* ignored */
	if (random_chance(&rng, 4))
		entry |= 1ull << (random_next(&rng) % 64);
	if ((entry & PTE_PS) && random_chance(&rng, 70)) /* mostly well-formed large pages */
		entry &= ~(is_narrow		     ? 0x3fe000ull
			   : random_chance(&rng, 50) ? 0x1fe000ull
						     : 0x3fffe000ull);
	if (!is_narrow) {
		entry |= random_chance(&rng, 15) ? PTE_NX : 0;
		if (random_chance(&rng, 20))
			entry |= random_next(&rng) & 0x7ff0000000000000ull;
	}
	return is_narrow ? (uint32_t)entry : entry;
}

static uint64_t random_table(void)
{
	if (random_chance(&rng, 2))
		return (random_next(&rng) & 0xfffff000ull) >> (random_next(&rng) % 12) & PAGE_MASK;
	return (random_next(&rng) % N_PAGES) << 12;
}

static uint64_t random_gva(void)
{
	uint64_t gva = random_next(&rng);
	unsigned int keep = (unsigned int[]) { 47, 56, 32, 48, 64, 57 }[random_next(&rng) % 6];

	if (keep < 64)
		gva &= (1ull << keep) - 1;
	if (random_chance(&rng, 40))
		gva = (uint64_t)((int64_t)(gva << (64 - keep)) >> (64 - keep));
	return gva;
}

static inline void random_registers(struct ref_in *in)
{
	memset(in, 0, sizeof(*in));
	in->maxphyaddr = (unsigned int[]) { 32, 36, 39, 40, 46, 52 }[random_next(&rng) % 6];
	in->has_1g = random_chance(&rng, 70);
	in->has_loose_pdptes = random_chance(&rng, 20);
	in->cr0 = (random_chance(&rng, 98) ? CR0_PG : 0) | CR0_PE |
		  (random_chance(&rng, 60) ? CR0_WP : 0);
	in->cr4 =
		(random_chance(&rng, 70) ? CR4_PSE : 0) | (random_chance(&rng, 75) ? CR4_PAE : 0) |
		(random_chance(&rng, 40) ? CR4_SMEP : 0) | (random_chance(&rng, 40) ? CR4_SMAP : 0);
	in->efer = random_chance(&rng, 70) ? EFER_NXE : 0;
	if ((in->cr0 & CR0_PG) && (in->cr4 & CR4_PAE) && random_chance(&rng, 70)) {
		in->efer |= EFER_LME | EFER_LMA;
		in->cr4 |= random_chance(&rng, 35) ? CR4_LA57 : 0;
	}
	if (random_chance(&rng, 30))
		in->cr4 |= random_next(&rng) & (CR4_PKE | CR4_PKS);
	in->pkru = (uint32_t)(random_next(&rng) & random_next(&rng));
	in->pkrs = (uint32_t)(random_next(&rng) & random_next(&rng));
	in->rflags = RFLAGS_ONE | (random_chance(&rng, 50) ? RFLAGS_AC : 0);
	in->cr3 = random_table() | (random_next(&rng) & 0xfff);
	in->gva = random_gva();
	in->read = random_chance(&rng, 50);
	in->write = random_chance(&rng, 45);
	in->execute = random_chance(&rng, 25);
	in->user = random_chance(&rng, 50);
	in->set_bits = random_chance(&rng, 60);
	in->smap = random_chance(&rng, 15);
	in->no_smap = random_chance(&rng, 15);
	in->load = ref_load;
	in->can_write = ref_can_write;
}

/* Write entries along the way that `in->gva` takes, and return how it went on. */
static inline void random_tables(struct ref_in *in)
{
	enum ref_mode mode = ref_mode_of(in);
	bool is_narrow = mode == REF_32;
	unsigned int width = is_narrow ? 10 : 9, bytes = is_narrow ? 4 : 8;
	int level = (int[]) { 0, 2, 2, 4, 5 }[mode];
	uint64_t next = in->cr3 & PTE_ADDR, entry, offset;

	for (unsigned int i = 0; i < 4; i++) {
		in->pdpte[i] = random_table() | (random_chance(&rng, 95) ? PTE_P : 0);
		if (random_chance(&rng, 3))
			in->pdpte[i] |= 1ull << (random_next(&rng) % 64);
	}
	if (mode == REF_PAE && (uint32_t)in->cr3 >> 12 < N_PAGES)
		memcpy(&memory[(uint32_t)in->cr3 >> 12][in->cr3 & 0xfe0], in->pdpte,
		       sizeof(in->pdpte));
	if (mode == REF_PAE)
		next = in->pdpte[(in->gva >> 30) & 3] & PTE_ADDR;
	for (; level >= 1; level--) {
		if (next >> 12 >= N_PAGES)
			return;
		offset = ((in->gva >> (12 + (unsigned int)(level - 1) * width)) % (1u << width)) *
			 bytes;
		entry = random_entry(level > 1 ? random_table()
					       : random_next(&rng) & 0xfffffff000ull,
				     is_narrow, level == 2 || level == 3);
		memcpy(&memory[next >> 12][offset], &entry, bytes);
		next = entry & (is_narrow ? 0xfffff000ull : PTE_ADDR);
	}
}

static inline void random_rights(void)
{
	for (unsigned int i = 0; i < N_PAGES; i++) {
		uint8_t value = ALL_RIGHTS;

		if (random_chance(&rng, 4))
			value = 0;
		else if (random_chance(&rng, 5))
			value = VIRT_READ | VIRT_EXECUTE;
		else if (random_chance(&rng, 3))
			value = VIRT_EXECUTE;
		set_rights(i, value);
	}
}

/* ---- The walk beside the reference ------------------------------------------------------- */

static inline unsigned int case_access(const struct ref_in *in)
{
	return (in->read ? WALK_READ : 0) | (in->write ? WALK_WRITE : 0) |
	       (in->execute ? WALK_EXECUTE : 0) | (in->user ? WALK_USER : 0) |
	       (in->set_bits ? WALK_SET_BITS : 0) | (in->smap ? WALK_SMAP : 0) |
	       (in->no_smap ? WALK_NO_SMAP : 0);
}

/* The processor and the VP's registers of a case. */
static inline void case_paging(const struct ref_in *in, struct virt_paging *paging)
{
	virt_machine.physical_bits = (uint8_t)in->maxphyaddr;
	virt_machine.has_1g_pages = in->has_1g;
	virt_machine.has_loose_pdptes = in->has_loose_pdptes;
	memset(paging, 0, sizeof(*paging));
	paging->cr0 = in->cr0;
	paging->cr3 = in->cr3;
	paging->cr4 = in->cr4;
	paging->efer = in->efer;
	paging->rflags = in->rflags;
	paging->pkru = in->pkru;
	paging->pkrs = in->pkrs;
	memcpy(paging->pdpte, in->pdpte, sizeof(paging->pdpte));
	if (!virt_machine.has_pdptes)
		memset(paging->pdpte, 0xff, sizeof(paging->pdpte)); /* nobody's business */
}

/* Both walk; the twin of memory has the bits that the reference sets. They must say the same. */
static inline void case_check(struct ref_in *in, struct ref_out *wanted)
{
	struct virt_paging paging;
	struct walk found;

	virt_machine.has_pdptes = !(fake_lacks & FAKE_LACKS_PDPTES);
	in->reads_pdptes = !virt_machine.has_pdptes;
	ref_walk(in, wanted);
	for (unsigned int i = 0; i < wanted->n_sets; i++)
		twin[wanted->sets[i].gpa >> 12][wanted->sets[i].gpa & 4095] |=
			(uint8_t)wanted->sets[i].bits;
	case_paging(in, &paging);
	walk_gva(&guest_vp->view, &paging, GVA(in->gva), case_access(in), &found);
	CHECK_EQ(found.code, wanted->code);
	CHECK_EQ(found.error_code, wanted->error_code);
	CHECK_EQ(found.gpa.a, wanted->gpa);
	CHECK_EQ(found.level, wanted->level);
	/* What the walk has set itself it may see again, in a table that is its own entry. */
	CHECK_EQ(found.entry & ~(PTE_A | PTE_D), wanted->entry & ~(PTE_A | PTE_D));
}

#endif
