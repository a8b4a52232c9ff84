/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target for hv/mem/walk.c and hv/register/translate.c: hostile registers and page tables, and memory that changes between
 * two reads. Without changes the walk must agree with the reference walk, A and D bits included, and a run of pages with
 * the walks of its pages. With changes both must end, touch nothing but tables they were given, and set
 * nothing but A and D.
 *
 * Input: 64 bytes of registers (struct input), then records of 11 bytes: page, offset (2 bytes, of 8),
 * entry. Records with the top bit of the page set are kept for later: one is done before each look-up.
 */
#include "tests/unit/walk_machine.h"
#include "tests/unit/walk_reference.h"

#include <stdio.h>

#include "hv/register/translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_PAGES   16u /* of guest memory */
#define RECORD_BYTES 11u
#define LATER	     0x80u

struct input {
	uint64_t cr3, gva, pdpte[4];
	uint32_t cr4;
	uint16_t rights; /* bit n: page n is there */
	uint16_t rom;	 /* bit n: it cannot be written */
	uint8_t cr0;	 /* bit 0 PG, bit 1 WP */
	uint8_t efer;	 /* bit 0 LMA, bit 1 NXE */
	uint8_t access;	 /* WALK_… */
	uint8_t physical_bits;
	uint8_t more; /* bit 0 1 GiB pages, bit 1 RFLAGS.AC, bit 2 execute-only pages are there,
		       * bit 3 PDPTEs are read from memory */
	uint8_t run;  /* pages of a run of translations, if not 0; modulo 129 */
	uint8_t reserved[2];
};
_Static_assert(sizeof(struct input) == 64, "documented");

#define MEMORY_BYTES (FUZZ_PAGES * PAGE_SIZE)

static struct input input;
static const uint8_t *later, *later_end;

static void require(bool is_so, const char *what)
{
	if (!is_so) {
		printf("FAIL walk_fuzz: %s\n", what);
		fflush(stdout);
		abort();
	}
}

static uint8_t page_rights(uint64_t n)
{
	if (n >= FUZZ_PAGES || !(input.rights >> n & 1))
		return 0;
	if (input.rom >> n & 1)
		return input.more & 4 ? VIRT_EXECUTE : VIRT_READ | VIRT_EXECUTE;
	return VIRT_READ | VIRT_WRITE | VIRT_EXECUTE;
}

static void apply(const uint8_t *record, uint8_t where[][PAGE_SIZE])
{
	unsigned int offset = ((unsigned int)record[1] | (unsigned int)record[2] << 8) & 0xff8;

	memcpy(&where[record[0] % FUZZ_PAGES][offset], record + 3, 8);
}

/* Another processor changes memory whenever a page is looked up, and none is remembered. */
struct gpa_page __real_gpa_find_page(struct gpa_view *view, gpa_t gpa);
struct gpa_page __wrap_gpa_find_page(struct gpa_view *view, gpa_t gpa);
struct gpa_page __wrap_gpa_find_page(struct gpa_view *view, gpa_t gpa)
{
	const struct gpa_page page = __real_gpa_find_page(view, gpa);

	forget_pages();
	while (later < later_end) {
		const uint8_t *record = later;

		later += RECORD_BYTES;
		if (record[0] & LATER) {
			apply(record, memory);
			apply(record, twin);
			break;
		}
	}
	return page;
}

static struct whit_translation *records;
static uint64_t records_spa;

static int ref_load(uint64_t gpa, unsigned int bytes, uint64_t *entry)
{
	const uint8_t here = page_rights(gpa >> 12);

	if (!here)
		return 4;
	if (!(here & VIRT_READ))
		return 5;
	*entry = 0;
	memcpy(entry, &twin[gpa >> 12][gpa & 4095], bytes);
	return 0;
}

static bool ref_can_write(uint64_t gpa)
{
	return page_rights(gpa >> 12) & VIRT_WRITE;
}

static void check_reference(const struct virt_paging *paging, const struct walk *walk)
{
	struct ref_in in = { .cr0 = paging->cr0,
			     .cr3 = paging->cr3,
			     .cr4 = paging->cr4,
			     .efer = paging->efer,
			     .rflags = paging->rflags,
			     .pkru = paging->pkru,
			     .pkrs = paging->pkrs,
			     .maxphyaddr = virt_machine.physical_bits,
			     .has_1g = input.more & 1,
			     .reads_pdptes = !virt_machine.has_pdptes,
			     .gva = input.gva,
			     .read = input.access & WALK_READ,
			     .write = input.access & WALK_WRITE,
			     .execute = input.access & WALK_EXECUTE,
			     .user = input.access & WALK_USER,
			     .set_bits = input.access & WALK_SET_BITS,
			     .smap = input.access & WALK_SMAP,
			     .no_smap = input.access & WALK_NO_SMAP,
			     .load = ref_load,
			     .can_write = ref_can_write };
	struct ref_out out;

	memcpy(in.pdpte, paging->pdpte, sizeof(in.pdpte));
	ref_walk(&in, &out);
	for (unsigned int i = 0; i < out.n_sets; i++)
		twin[out.sets[i].gpa >> 12][out.sets[i].gpa & 4095] |= (uint8_t)out.sets[i].bits;
	require(walk->code == out.code && walk->error_code == out.error_code &&
			walk->level == out.level && walk->gpa.a == out.gpa &&
			!((walk->entry ^ out.entry) & ~(PTE_A | PTE_D)),
		"the walk differs from the reference");
	require(!memcmp(memory, twin, MEMORY_BYTES), "memory differs from the reference");
}

/* Nothing but A and D bits may differ from what was put there. */
static void check_bits(void)
{
	if (!memcmp(memory, twin, MEMORY_BYTES))
		return;
	for (unsigned int i = 0; i < MEMORY_BYTES; i++) {
		uint8_t now = memory[i / 4096][i % 4096], then = twin[i / 4096][i % 4096];

		if (now == then)
			continue;
		require((input.access & WALK_SET_BITS) && !(i & 3), "a stray write");
		require((now ^ then) == ((now ^ then) & (PTE_A | PTE_D)) && (now & then) == then,
			"a write of other bits than A and D");
		require(page_rights(i / 4096) & VIRT_WRITE, "a write to ROM");
	}
}

/*
 * A run from input.gva on, in memory as it is now. If nothing changes meanwhile, walks of its pages must say the
 * same afterwards: what the run has set changes no verdict.
 */
static void check_a_run(const struct virt_paging *paging, bool has_changes)
{
	const unsigned int count = input.run % (WHIT_MAX_TRANSLATIONS + 1);
	const unsigned int access = input.access & 0x7f;
	const uint64_t flags = (access & 0x17) | (access & 0x60) << 3 | WHIT_TRANSLATE_RUN;

	if (!count)
		return;
	vp_paging = *paging;
	vp_paging.cpl = access & WALK_USER ? 3 : 0;
	use_registers();
	records[0].gva = input.gva;
	require(!translate_gvas(guest_vp, records_spa, count, flags), "a run is refused");
	require(!hv.lock.held, "the lock is held");
	for (unsigned int i = 0; i < count; i++) {
		const struct whit_translation *record = &records[i];
		struct walk walk;

		require(record->gva == input.gva + i * PAGE_SIZE && record->code <= 6 &&
				record->level <= 5 && !record->reserved,
			"a record that cannot be");
		if (has_changes)
			continue;
		walk_gva(&guest_vp->view, paging, GVA(record->gva), access, &walk);
		require(walk.code == record->code && walk.gpa.a == record->gpa &&
				walk.error_code == record->error_code &&
				walk.level == record->level &&
				!((walk.entry ^ record->entry) & ~(PTE_A | PTE_D)),
			"a run differs from its pages");
	}
}

/* The machine of the first input is that of all, with other rights. */
static void begin(void)
{
	later = later_end = NULL;
	if (!memory) {
		clean();
		records_spa = test_pages(2);
		records = at(records_spa);
		for (unsigned int i = FUZZ_PAGES; i < N_PAGES; i++)
			set_rights(i, 0);
	}
	virt_machine.physical_bits = 40;
	for (unsigned int i = 0; i < FUZZ_PAGES; i++)
		set_rights(i, page_rights(i));
	memset(memory, 0, MEMORY_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct virt_paging paging = { 0 };
	bool has_changes = false;
	struct walk walk;
	size_t i;

	if (size < sizeof(input))
		return 0;
	memcpy(&input, data, sizeof(input));
	data += sizeof(input);
	size -= sizeof(input);
	size -= size % RECORD_BYTES;
	begin();
	for (i = 0; i < size; i += RECORD_BYTES) {
		if (data[i] & LATER)
			has_changes = true;
		else
			apply(data + i, memory);
	}
	memcpy(twin, memory, MEMORY_BYTES);
	later = data;
	later_end = data + size;

	virt_machine.physical_bits = (uint8_t)(32 + input.physical_bits % 21);
	virt_machine.has_1g_pages = input.more & 1;
	virt_machine.has_pdptes = !(input.more & 8);
	paging.cr0 = CR0_PE | (input.cr0 & 1 ? CR0_PG : 0) | (input.cr0 & 2 ? CR0_WP : 0);
	paging.cr3 = input.cr3;
	paging.cr4 = input.cr4;
	paging.efer = (input.efer & 1 ? EFER_LMA | EFER_LME : 0) | (input.efer & 2 ? EFER_NXE : 0);
	if (paging.efer & EFER_LMA)
		paging.cr4 |= CR4_PAE;
	paging.rflags = input.more & 2 ? RFLAGS_AC : 0;
	memcpy(paging.pdpte, input.pdpte, sizeof(paging.pdpte));
	if (paging.efer & EFER_LMA) { /* which has no use for PDPTEs */
		paging.pkru = (uint32_t)input.pdpte[0];
		paging.pkrs = (uint32_t)input.pdpte[1];
	}

	walk_gva(&guest_vp->view, &paging, GVA(input.gva), input.access, &walk);
	require(walk.code <= 6, "no such code");
	if (!has_changes)
		check_reference(&paging, &walk);
	/* An accessed bit that a walk sets in a PDPTE, if one of its tables is there, is a reserved one. */
	check_a_run(&paging, has_changes || !virt_machine.has_pdptes);
	check_bits();
	return 0;
}

#include "tests/fuzz/replay.h"
REPLAY("walk_fuzz_corpus", "tests/fuzz/walk_corpus")
