/* SPDX-License-Identifier: MIT */
/*
 * The guest page walk (hv/mem/walk.h), SDM 3A "Paging". docs/translate.md has the order in which
 * results take precedence, and the decisions where the manuals are silent.
 *
 * Invariants: a page-table entry is read once and then judged by that value alone; it is written
 * only by a compare-and-exchange from that value; a table is touched only if the nested tables said
 * so in this walk, under the lock that keeps it so.
 */
#include "hv/mem/walk.h"

#include "hv/mem/gpa.h"
#include "hv/vp.h"
#include "whp/WinHvMemory.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/paging.h"
#include "x86/rflags.h"

/* How often a walk begins again because an entry changed under it. */
#define WALK_TRIES 16

/* Bits 62 to 52 of an entry: reserved with PAE paging, ignored in long mode. */
#define PTE_HIGH 0x7ff0000000000000ull

/* Large pages: the address bits below the page's size, of which bit 12 is PAT. */
#define PDE_2M_RESERVED	  0x00000000001fe000ull
#define PDPTE_1G_RESERVED 0x000000003fffe000ull

/* Bits of a PAE PDPTE that must be zero beside those above MAXPHYADDR. */
#define PDPTE_RESERVED 0x1e6ull

/* A 4 MiB page of 32-bit paging: where bits 39 to 32 of its address are, and its bit 21. */
#define PDE_4M_HIGH	  0x001fe000u
#define PDE_4M_HIGH_SHIFT 13
#define PDE_4M_RESERVED	  0x00200000u
#define PDE_4M_BASE	  0xffc00000u
#define PDE_4M_SIZE	  0x00400000u

enum walk_end {
	WALK_END,
	WALK_AGAIN /* an entry changed between being read and being written */
};

/* A walk in progress. */
struct walk_state {
	struct gpa_view *view;
	const struct virt_paging *paging;
	uint64_t gva;
	unsigned int access;
	struct walk *walk;
	struct walk_trail *trail; /* NULL: nobody wants it */
};

static inline void walk_stop(struct walk *walk, uint32_t code, uint64_t gpa, uint64_t entry,
			     unsigned int level)
{
	walk->code = code;
	walk->error_code = 0;
	walk->gpa = GPA(gpa);
	walk->entry = entry;
	walk->level = (uint8_t)level;
}

/*
 * End in a page fault; `bits` are PF_P, PF_RSVD and PF_PK, the rest is worked out. SDM 3A
 * "Page-Fault Exceptions".
 */
static enum walk_end walk_fault(const struct walk_state *state, uint32_t code, uint32_t bits,
				uint64_t entry, unsigned int level)
{
	const struct virt_paging *paging = state->paging;
	bool has_nx = (paging->cr4 & CR4_PAE) && (paging->efer & EFER_NXE);

	if (state->access & WALK_WRITE)
		bits |= PF_W;
	if (state->access & WALK_USER)
		bits |= PF_U;
	if ((state->access & WALK_EXECUTE) && (has_nx || (paging->cr4 & CR4_SMEP)))
		bits |= PF_I;
	walk_stop(state->walk, code, 0, entry, level);
	state->walk->error_code = bits;
	return WALK_END;
}

/*
 * Is the access refused by rights? `lacks` has PTE_W and PTE_U if some entry on the way lacks them,
 * and PTE_NX if one has it.
 */
static inline bool walk_is_denied(const struct virt_paging *paging, unsigned int access,
				  uint64_t lacks)
{
	bool is_user_page = !(lacks & PTE_U);

	if (!(access & (WALK_READ | WALK_WRITE | WALK_EXECUTE)))
		return false;
	if ((access & WALK_EXECUTE) && (lacks & PTE_NX))
		return true;
	if (access & WALK_USER)
		return !is_user_page || ((access & WALK_WRITE) && (lacks & PTE_W));
	if ((access & WALK_WRITE) && (lacks & PTE_W) && (paging->cr0 & CR0_WP))
		return true;
	if (!is_user_page)
		return false;
	if ((access & WALK_EXECUTE) && (paging->cr4 & CR4_SMEP))
		return true;
	if (!(access & (WALK_READ | WALK_WRITE)) || !(paging->cr4 & CR4_SMAP) ||
	    (access & WALK_NO_SMAP))
		return false;
	return (access & WALK_SMAP) || !(paging->rflags & RFLAGS_AC);
}

/*
 * Does the key in the leaf `entry` refuse a data access? SDM 3A "Protection Keys"; lacks as above.
 */
static __attribute__((noinline)) bool walk_is_locked(const struct virt_paging *paging,
						     unsigned int access, uint64_t entry,
						     uint64_t lacks)
{
	const bool is_user_page = !(lacks & PTE_U);
	uint32_t rights = is_user_page ? paging->pkru : paging->pkrs;

	if (!(paging->efer & EFER_LMA) || !(access & (WALK_READ | WALK_WRITE)) ||
	    !(paging->cr4 & (is_user_page ? CR4_PKE : CR4_PKS)))
		return false;
	rights >>= 2 * (entry >> PTE_PKEY_SHIFT & 15);
	if (rights & PKR_AD)
		return true;
	return (rights & PKR_WD) && (access & WALK_WRITE) &&
	       ((paging->cr0 & CR0_WP) || (is_user_page && (access & WALK_USER)));
}

static inline uint64_t walk_load(const void *entry, bool is_wide)
{
	if (is_wide)
		return __atomic_load_n((const uint64_t *)entry, __ATOMIC_RELAXED);
	return __atomic_load_n((const uint32_t *)entry, __ATOMIC_RELAXED);
}

static inline bool walk_exchange(void *entry, bool is_wide, uint64_t old, uint64_t new)
{
	uint32_t old_narrow = (uint32_t)old;

	if (is_wide)
		return __atomic_compare_exchange_n((uint64_t *)entry, &old, new, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	return __atomic_compare_exchange_n((uint32_t *)entry, &old_narrow, (uint32_t) new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Another step of a walk that somebody wants to see again. */
static inline void walk_note(struct walk_trail *trail, const void *at, uint64_t entry, bool is_wide)
{
	trail->at[trail->n] = at;
	trail->entry[trail->n++] = entry;
	trail->is_wide = is_wide;
}

/* Address bits that the processor does not have. */
static inline uint64_t walk_beyond(void)
{
	return 0x000fffffffffffffull & ~0ull << virt_machine.physical_bits;
}

/*
 * The bits that are reserved in a present entry with PTE_PS above level 1, beside those of all
 * levels. SDM 3A, the figures "Formats of CR3 and Paging-Structure Entries".
 */
static inline uint64_t walk_large_reserved(const struct virt_paging *paging, unsigned int level,
					   bool is_wide)
{
	if (!is_wide) {
		unsigned int bits = virt_machine.physical_bits;

		/* PSE-36: address bits above 39 do not fit, those above MAXPHYADDR are reserved. */
		if (!(paging->cr4 & CR4_PSE))
			return 0;
		if (bits >= 40)
			return PDE_4M_RESERVED;
		return PDE_4M_RESERVED | (PDE_4M_HIGH & (~0u << (bits - 32 + PDE_4M_HIGH_SHIFT)));
	}
	if (level == 2)
		return PDE_2M_RESERVED;
	if (level == 3)
		return PDPTE_1G_RESERVED | (virt_machine.has_1g_pages ? 0 : PTE_PS);
	return PTE_PS;
}

/* The page's first byte and its size, of an entry that has passed. */
static inline uint64_t walk_base(uint64_t entry, unsigned int level, bool is_wide, uint64_t *size)
{
	if (level == 1) {
		*size = PAGE_SIZE;
		return entry & PTE_ADDR;
	}
	if (is_wide) {
		*size = LEVEL_SIZE(level);
		return entry & PTE_ADDR & ~(*size - 1);
	}
	*size = PDE_4M_SIZE;
	return (entry & PDE_4M_BASE) | (entry & PDE_4M_HIGH) << (32 - PDE_4M_HIGH_SHIFT);
}

/* The table with the entry at `at` cannot be read. */
static enum walk_end walk_no_table(const struct walk_state *state, uint8_t rights, uint64_t at,
				   unsigned int level)
{
	walk_stop(state->walk,
		  rights ? WHvTranslateGvaResultGpaNoReadAccess : WHvTranslateGvaResultGpaUnmapped,
		  at, 0, level);
	return WALK_END;
}

/* Set `bits` in the entry at `at`, whose value was `entry`; WALK_END if the walk can go on. */
static enum walk_end walk_mark(void *at, bool is_wide, uint64_t entry, uint64_t bits)
{
	return walk_exchange(at, is_wide, entry, entry | bits) ? WALK_END : WALK_AGAIN;
}

/* The leaf `entry` grants the access, or the walk ends here. */
static inline bool walk_is_granted(const struct walk_state *state, uint64_t entry, uint64_t lacks,
				   unsigned int level)
{
	const struct virt_paging *paging = state->paging;
	const bool is_denied = walk_is_denied(paging, state->access, lacks);
	const bool is_locked = (paging->cr4 & (CR4_PKE | CR4_PKS)) &&
			       walk_is_locked(paging, state->access, entry, lacks);

	if (!is_denied && !is_locked)
		return true;
	walk_fault(state, WHvTranslateGvaResultPrivilegeViolation, is_locked ? PF_P | PF_PK : PF_P,
		   entry, level);
	return false;
}

/* Where a walk begins. */
struct walk_start {
	uint64_t table;
	uint64_t always; /* reserved bits of all levels */
	unsigned int level;
};

/*
 * From the entry of start->level in start->table down to the page. Constants at every call:
 * is_wide, entries of 8 bytes, else those of 32-bit paging; is_plain, a walk of which no trail is
 * wanted.
 */
static inline __attribute__((always_inline)) enum walk_end
walk_tables(struct walk_state *state, const struct walk_start *start, const bool is_wide,
	    const bool is_plain)
{
	const unsigned int index_bits = is_wide ? 9 : 10, entry_bytes = is_wide ? 8 : 4;
	struct gpa_view *view = state->view;
	const uint64_t always = start->always;
	uint64_t marks = state->access & WALK_SET_BITS ? PTE_A : 0;
	/* An entry that leads on to the next table, with nothing to be said or done about it. */
	const uint64_t usual = PTE_P | marks, judged = usual | PTE_PS | always;
	uint64_t table = start->table, lacks = 0, entry, base, size;
	unsigned int level = start->level;
	/* The index of each level in turn comes to stand in the highest bits. */
	uint64_t indexes = state->gva << (64 - PAGE_SHIFT - index_bits * level);

	for (;; level--, indexes <<= index_bits, table = entry & PTE_ADDR) {
		const uint64_t offset = (indexes >> (64 - index_bits)) * entry_bytes;
		const struct gpa_page page = gpa_page(view, GPA(table));
		bool is_leaf = level == 1;
		uint8_t *ptr;

		if (!(page.rights & VIRT_READ))
			return walk_no_table(state, page.rights, table + offset, level);
		ptr = page.ptr + offset;
		entry = walk_load(ptr, is_wide);
		if (!is_plain && state->trail)
			walk_note(state->trail, ptr, entry, is_wide);
		lacks |= entry ^ (PTE_W | PTE_U);
		if (!is_leaf && (entry & judged) == usual)
			continue;
		if (!(entry & PTE_P))
			return walk_fault(state, WHvTranslateGvaResultPageNotPresent, 0, entry,
					  level);
		if (entry & always)
			goto reserved;
		if (!is_leaf && (entry & PTE_PS)) {
			if (entry & walk_large_reserved(state->paging, level, is_wide))
				goto reserved;
			is_leaf = is_wide || (state->paging->cr4 & CR4_PSE);
		}
		if (is_leaf) {
			if (!walk_is_granted(state, entry, lacks, level))
				return WALK_END;
			if (state->access & WALK_WRITE)
				marks |= marks << 1; /* PTE_A, PTE_D */
		}
		if (marks & ~entry) {
			if (!(page.rights & VIRT_WRITE)) {
				walk_stop(state->walk, WHvTranslateGvaResultGpaNoWriteAccess,
					  table + offset, entry, level);
				return WALK_END;
			}
			gpa_written(view->partition, page, GPA(table + offset));
			if (walk_mark(ptr, is_wide, entry, marks) == WALK_AGAIN)
				return WALK_AGAIN;
		}
		if (is_leaf)
			break;
	}
	base = walk_base(entry, level, is_wide, &size);
	walk_stop(state->walk, WHvTranslateGvaResultSuccess, base | (state->gva & (size - 1)),
		  entry, level);
	return WALK_END;
reserved:
	return walk_fault(state, WHvTranslateGvaResultInvalidPageTableFlags, PF_P | PF_RSVD, entry,
			  level);
}

_Static_assert(PTE_D == PTE_A << 1, "walk_tables() shifts one into the other");

/* 4-level and 5-level paging. False: the walk ends before the first table, as in the next one. */
static inline bool walk_start_long(struct walk_state *state, struct walk_start *start)
{
	const struct virt_paging *paging = state->paging;
	bool is_la57 = paging->cr4 & CR4_LA57;
	unsigned int unused = is_la57 ? 64 - 57 : 64 - 48;

	start->always = walk_beyond() | (paging->efer & EFER_NXE ? 0 : PTE_NX);
	start->table = paging->cr3 & PTE_ADDR;
	start->level = is_la57 ? 5 : 4;
	if ((uint64_t)((int64_t)(state->gva << unused) >> unused) == state->gva)
		return true;
	/* The processor gives #GP or #SS before it walks; TLFS calls it PageNotPresent. */
	walk_fault(state, WHvTranslateGvaResultPageNotPresent, 0, 0, 0);
	return false;
}

/*
 * The entry of the top level of PAE paging, from memory; APM 2 "Nested Paging", "Legacy PAE Mode".
 * False: the walk ends, because it cannot be read.
 */
static __attribute__((noinline)) bool walk_read_pdpte(struct walk_state *state, uint64_t *pdpte)
{
	const uint64_t at = (state->paging->cr3 & CR3_PAE_BASE) +
			    sizeof(*pdpte) * (state->gva >> LEVEL_SHIFT(3));
	const struct gpa_page page = gpa_page(state->view, GPA(at));

	if (!(page.rights & VIRT_READ)) {
		(void)walk_no_table(state, page.rights, at, 3);
		return false;
	}
	*pdpte = walk_load(page.ptr + PAGE_OFFSET(at), true);
	if (state->trail)
		walk_note(state->trail, page.ptr + PAGE_OFFSET(at), *pdpte, true);
	return true;
}

/*
 * PAE paging: the top level is in the processor, if that holds it, and its entries have neither
 * rights nor accessed bits.
 */
static inline bool walk_start_pae(struct walk_state *state, struct walk_start *start)
{
	const struct virt_paging *paging = state->paging;
	uint64_t pdpte;

	if (virt_machine.has_pdptes)
		pdpte = paging->pdpte[state->gva >> LEVEL_SHIFT(3)];
	else if (!walk_read_pdpte(state, &pdpte))
		return false;
	start->always = walk_beyond() | PTE_HIGH | (paging->efer & EFER_NXE ? 0 : PTE_NX);
	start->table = pdpte & PTE_ADDR;
	start->level = 2;
	if (!(pdpte & PTE_P)) {
		walk_fault(state, WHvTranslateGvaResultPageNotPresent, 0, pdpte, 3);
		return false;
	}
	/* Such a PDPTE cannot be loaded by the guest, and no entry with it succeeds. */
	if (pdpte & (walk_beyond() | PTE_HIGH | PTE_NX |
		     (virt_machine.has_loose_pdptes ? 0 : PDPTE_RESERVED))) {
		walk_fault(state, WHvTranslateGvaResultInvalidPageTableFlags, PF_P | PF_RSVD, pdpte,
			   3);
		return false;
	}
	return true;
}

/* Once through the tables. is_plain, a constant at every call: as above. */
static inline __attribute__((always_inline)) enum walk_end walk_once(struct walk_state *state,
								     const bool is_plain)
{
	const struct virt_paging *paging = state->paging;
	struct walk_start start;

	if (!is_plain && state->trail)
		state->trail->n = 0;
	if (!(paging->cr4 & CR4_PAE)) {
		start.always = 0;
		start.table = paging->cr3 & 0xfffff000u;
		start.level = 2;
		return walk_tables(state, &start, false, is_plain);
	}
	if (!(paging->efer & EFER_LMA ? walk_start_long(state, &start)
				      : walk_start_pae(state, &start)))
		return WALK_END;
	return walk_tables(state, &start, true, is_plain);
}

/* Until nothing has changed under the walk. */
static inline __attribute__((always_inline)) void walk_on(struct walk_state *state,
							  const bool is_plain)
{
	for (unsigned int tries = 0; tries < WALK_TRIES; tries++)
		if (walk_once(state, is_plain) == WALK_END)
			return;
	/*
	 * Somebody rewrites the entries faster than we walk. A spurious fault is what software has
	 * to bear.
	 */
	walk_fault(state, WHvTranslateGvaResultPageNotPresent, 0, 0, 0);
}

/* Begin a walk. False: paging is off, and the walk is done. */
static inline bool walk_begin(struct walk_state *state, struct gpa_view *view,
			      const struct virt_paging *paging, gva_t gva, unsigned int access,
			      struct walk *walk)
{
	if (!(paging->cr0 & CR0_PG)) {
		walk_stop(walk, WHvTranslateGvaResultSuccess, (uint32_t)gva.a, 0, 0);
		return false;
	}
	state->view = view;
	state->paging = paging;
	/* Outside long mode linear addresses have 32 bits. */
	state->gva = paging->efer & EFER_LMA ? gva.a : (uint32_t)gva.a;
	state->access = access;
	state->walk = walk;
	state->trail = NULL;
	return true;
}

__attribute__((noinline)) void walk_gva(struct gpa_view *view, const struct virt_paging *paging,
					gva_t gva, unsigned int access, struct walk *walk)
{
	struct walk_state state;

	if (walk_begin(&state, view, paging, gva, access, walk))
		walk_on(&state, true);
}

void walk_gva_noted(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
		    unsigned int access, struct walk *walk, struct walk_trail *trail)
{
	struct walk_state state;

	trail->n = 0;
	trail->is_wide = true;
	if (walk_begin(&state, view, paging, gva, access, walk)) {
		state.trail = trail;
		walk_on(&state, false);
	}
	/* PDPTEs in the processor and protection keys are part of a walk, and not of the trail. */
	trail->is_whole = !(paging->cr0 & CR0_PG) || !(paging->cr4 & CR4_PAE) ||
			  (paging->efer & EFER_LMA ? !(paging->cr4 & (CR4_PKE | CR4_PKS))
						   : !virt_machine.has_pdptes);
}

/*
 * The bits in which an entry may differ from its neighbour and still be judged like it: the
 * address, caching, accessed and dirty, and what is the software's. PTE_PS is PAT in an entry of
 * level 1.
 */
#define WALK_NO_MATTER (PTE_ADDR | PTE_PWT | PTE_PCD | PTE_A | PTE_D | PTE_PS | PTE_G | 7ull << 9)

void walk_next(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
	       unsigned int access, struct walk *walk, struct walk_trail *trail)
{
	const uint64_t *at;
	uint64_t entry, marks = 0;

	if (access & WALK_SET_BITS)
		marks = access & WALK_WRITE ? PTE_A | PTE_D : PTE_A;

	if (trail->n && trail->is_wide && walk->level == 1 &&
	    walk->code == WHvTranslateGvaResultSuccess &&
	    PAGE_OFFSET((uintptr_t)trail->at[trail->n - 1]) < PAGE_SIZE - sizeof(entry)) {
		at = (const uint64_t *)trail->at[trail->n - 1] + 1;
		entry = walk_load(at, true);
		if (!((entry ^ walk->entry) & ~WALK_NO_MATTER) && !(marks & ~entry) &&
		    !(entry & walk_beyond())) {
			trail->at[trail->n - 1] = at;
			walk->entry = entry;
			walk->gpa = GPA((entry & PTE_ADDR) | PAGE_OFFSET(gva.a));
			return;
		}
	}
	walk_gva_noted(view, paging, gva, access, walk, trail);
}

bool walk_trail_holds(const struct walk_trail *trail)
{
	const unsigned int n = trail->n;
	const bool is_wide = trail->is_wide;

	for (unsigned int i = 0; i < n; i++)
		if (walk_load(trail->at[i], is_wide) != trail->entry[i])
			return false;
	return true;
}
