/* SPDX-License-Identifier: MIT */
/*
 * WHvTranslateGva and lists of it (hv/register/translate.h): from a call's flags to a walk, and
 * back to its results.
 */
#include "hv/register/translate.h"

#include "hv/mem/buffer.h"
#include "hv/hv.h"
#include "hv/vp.h"
#include "hv/mem/walk.h"
#include "whp/WinHvMemory.h"

#define TRANSLATE_FLAGS                                                                       \
	((uint64_t)(WHvTranslateGvaFlagValidateRead | WHvTranslateGvaFlagValidateWrite |      \
		    WHvTranslateGvaFlagValidateExecute | WHvTranslateGvaFlagPrivilegeExempt | \
		    WHvTranslateGvaFlagSetPageTableBits | WHvTranslateGvaFlagEnforceSmap |    \
		    WHvTranslateGvaFlagOverrideSmap))

#define SAME_FLAGS (WALK_READ | WALK_WRITE | WALK_EXECUTE | WALK_SET_BITS)
#define SMAP_SHIFT 3

_Static_assert(WALK_READ == WHvTranslateGvaFlagValidateRead &&
		       WALK_WRITE == WHvTranslateGvaFlagValidateWrite &&
		       WALK_EXECUTE == WHvTranslateGvaFlagValidateExecute &&
		       WALK_SET_BITS == WHvTranslateGvaFlagSetPageTableBits &&
		       WALK_SMAP << SMAP_SHIFT == WHvTranslateGvaFlagEnforceSmap &&
		       WALK_NO_SMAP << SMAP_SHIFT == WHvTranslateGvaFlagOverrideSmap,
	       "flags become accesses by shifting");

/* The access of defined flags: WALK_… */
static inline unsigned int access_of(const struct virt_paging *paging, uint64_t flags)
{
	unsigned int access = flags & SAME_FLAGS;

	access |= flags >> SMAP_SHIFT & (WALK_SMAP | WALK_NO_SMAP);
	if (paging->cpl == 3 && !(flags & WHvTranslateGvaFlagPrivilegeExempt))
		access |= WALK_USER;
	return access;
}

uint32_t translate_gva(struct vp *vp, uint64_t gva, uint64_t flags, uint64_t *code, uint64_t *gpa)
{
	const struct virt_paging *paging;
	struct walk walk;

	if (flags & ~TRANSLATE_FLAGS)
		return RESULT(E_INVALIDARG);
	paging = &virt_view(vp->virt)->paging;
	walk_gva(&vp->view, paging, GVA(gva), access_of(paging, flags), &walk);
	*code = walk.code;
	*gpa = walk.gpa.a;
	return RESULT(S_OK);
}

/* One record, which nobody but the root can see change. */
static inline void record(struct whit_translation *to, uint64_t gva, const struct walk *walk)
{
	volatile struct whit_translation *out = to;

	out->gva = gva;
	out->gpa = walk->gpa.a;
	out->entry = walk->entry;
	out->error_code = walk->error_code;
	out->code = (uint8_t)walk->code;
	out->level = walk->level;
	out->reserved = 0;
}

uint32_t translate_gvas(struct vp *vp, uint64_t buffer, uint64_t count, uint64_t flags)
{
	const bool is_run = flags & WHIT_TRANSLATE_RUN;
	struct walk_trail trail;
	struct walk walk;
	struct whit_translation *records;
	const struct virt_paging *paging;
	unsigned int access;
	uint64_t gva = 0;

	if (flags & ~(TRANSLATE_FLAGS | WHIT_TRANSLATE_RUN) || !count ||
	    count > WHIT_MAX_TRANSLATIONS)
		return RESULT(E_INVALIDARG);
	paging = &virt_view(vp->virt)->paging;
	access = access_of(paging, flags);
	lock_take(&hv.lock); /* the buffer stays the root's meanwhile */
	if (!buffer_is_legal(buffer, count * sizeof(*records))) {
		lock_drop(&hv.lock);
		return RESULT(E_POINTER);
	}
	records = virt_ptr(SPA(buffer));
	trail.n = 0;
	for (uint64_t i = 0; i < count; i++) {
		if (!is_run || !i)
			gva = ((volatile struct whit_translation *)records)[i].gva;
		if (is_run)
			walk_next(&vp->view, paging, GVA(gva), access, &walk, &trail);
		else
			walk_gva(&vp->view, paging, GVA(gva), access, &walk);
		record(&records[i], gva, &walk);
		gva += PAGE_SIZE;
	}
	lock_drop(&hv.lock);
	return RESULT(S_OK);
}
