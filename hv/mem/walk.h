/* SPDX-License-Identifier: MIT */
/*
 * The guest page walk, SDM 3A "Paging": no paging, 32-bit, PAE, 4-level, 5-level. Done by the
 * hypervisor in its own context on the VP's registers and the partition's memory, never on a TLB.
 * It serves WHvTranslateGva, instruction fetch and the emulator. Each page-table entry is read
 * once; bits are set in it with a compare-and-exchange on the value that was read, and the walk
 * starts again if that fails.
 */
#ifndef HV_WALK_H
#define HV_WALK_H

#include "hv/partition.h"
#include "x86/rflags.h"

/* The checks at the leaf. No access bit: presence and reserved bits alone. */
#define WALK_READ     (1u << 0)
#define WALK_WRITE    (1u << 1)
#define WALK_EXECUTE  (1u << 2)
#define WALK_USER     (1u << 3) /* a user-mode access: CPL 3, and not implicitly supervisor */
#define WALK_SET_BITS (1u << 4) /* set accessed bits on the way, dirty at the leaf of a write */
#define WALK_SMAP     (1u << 5) /* enforce SMAP whatever RFLAGS.AC says */
#define WALK_NO_SMAP  (1u << 6) /* do not enforce SMAP */

struct walk {
	uint32_t code;	     /* WHV_TRANSLATE_GVA_RESULT_CODE */
	uint32_t error_code; /* the page fault that the processor would raise; codes 1 to 3 */
	gpa_t gpa;	     /* with the page offset; codes 4 to 6: of the table entry */
	uint8_t level;	/* of the entry that decided; 0 if none did: no paging, or not canonical */
	uint64_t entry; /* which that was, as it was read; 0 if none did, or if it cannot be read */
};

/* Walk for gva with the registers of `paging`. Changes nothing but A and D bits, if asked. */
void walk_gva(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
	      unsigned int access, struct walk *walk);

#define WALK_MAX_STEPS 5

/* The entries that a walk has read, from the top. */
struct walk_trail {
	const void *at[WALK_MAX_STEPS]; /* where the hypervisor sees them */
	uint64_t entry[WALK_MAX_STEPS]; /* their values */
	uint8_t n;
	bool is_wide;  /* 8 bytes each, else 4 */
	bool is_whole; /* with CR0, CR3, CR4 and EFER they determine the walk */
};

/* walk_gva(), with the trail. */
void walk_gva_noted(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
		    unsigned int access, struct walk *walk, struct walk_trail *trail);

/*
 * walk_gva_noted() for the page behind that of the last call, whose *walk and *trail these still
 * are (trail->n 0: there was none), with the same registers and access, and the partition locked
 * ever since. Is its entry the next in the same table, and like the one before, then nothing else
 * is read: what stands above may be what it was for an earlier page.
 */
void walk_next(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
	       unsigned int access, struct walk *walk, struct walk_trail *trail);

/* Do all entries still read the same? Of a trail of the partition's map as it stands now. */
bool walk_trail_holds(const struct walk_trail *trail);

/*
 * A walk that has succeeded, with the evidence: the registers and table entries that led there, and
 * the state of the partition's map. If all of these are as they were, a new walk would end at the
 * same page and change nothing, and need not be made. Nothing has to be told when a guest edits its
 * page tables.
 */
struct walk_memo {
	uint64_t gva; /* the page's first byte, + 1; 0: nothing is remembered */
	uint64_t gpa; /* the page's first byte */
	uint64_t cr0, cr3, cr4, efer, rflags;
	uint64_t turn; /* view->turn at that time */
	uint32_t access;
	struct walk_trail trail;
};

/* walk_gva() by the memo, or anew, which the memo then holds if it succeeds. hv/mem/walk_memo.c */
void walk_again(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
		unsigned int access, struct walk_memo *memo, struct walk *walk);

/* Would walk_again() not have to walk? In the path of every fetch. */
static inline bool walk_is_known(const struct gpa_view *view, const struct virt_paging *paging,
				 gva_t gva, unsigned int access, const struct walk_memo *memo)
{
	return memo->gva == ((gva.a & PAGE_MASK) | 1) && memo->cr3 == paging->cr3 &&
	       memo->cr0 == paging->cr0 && memo->cr4 == paging->cr4 && memo->efer == paging->efer &&
	       memo->access == access && memo->turn == view->turn &&
	       !((memo->rflags ^ paging->rflags) & RFLAGS_AC) && walk_trail_holds(&memo->trail);
}

#endif
