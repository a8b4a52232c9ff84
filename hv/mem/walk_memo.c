/* SPDX-License-Identifier: MIT */
/*
 * Walks that need not be made again (hv/mem/walk.h, struct walk_memo). Exits come again and again
 * from the same few loops, and with them the same translations: of the code, and of the memory that
 * a device's data comes from. A memo is believed only after each table entry that it rests on has
 * been read again.
 */
#include "hv/mem/walk.h"
#include "whp/WinHvMemory.h"

void walk_again(struct gpa_view *view, const struct virt_paging *paging, gva_t gva,
		unsigned int access, struct walk_memo *memo, struct walk *walk)
{
	if (walk_is_known(view, paging, gva, access, memo)) {
		walk->code = WHvTranslateGvaResultSuccess;
		walk->error_code = 0;
		walk->gpa = GPA(memo->gpa | PAGE_OFFSET(gva.a));
		walk->level = 0;
		return;
	}
	memo->gva = 0;
	walk_gva_noted(view, paging, gva, access, walk, &memo->trail);
	if (walk->code != WHvTranslateGvaResultSuccess || !memo->trail.is_whole)
		return;
	memo->gva = (gva.a & PAGE_MASK) | 1;
	memo->gpa = walk->gpa.a & PAGE_MASK;
	memo->cr0 = paging->cr0;
	memo->cr3 = paging->cr3;
	memo->cr4 = paging->cr4;
	memo->efer = paging->efer;
	memo->rflags = paging->rflags;
	memo->access = access;
	memo->turn = view->turn;
}
