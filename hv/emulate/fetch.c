/* SPDX-License-Identifier: MIT */
/*
 * Instruction fetch (hv/mem/walk.h): the bytes at CS:RIP, by a walk in the hypervisor.
 * A VP remembers the page that it fetched from last.
 */
#include "hv/emulate/fetch.h"

#include "hv/mem/gpa.h"
#include "hv/vp.h"
#include "hv/mem/walk.h"
#include "whp/WinHvMemory.h"
#include "x86/compiler.h"
#include "x86/cr.h"

/*
 * n of at most 16. Two overlapping words where that will do: this is on the path of every emulated
 * access.
 */
static inline void copy(uint8_t *to, const uint8_t *from, unsigned int n)
{
	if (n >= 8) {
		*(any64 *)to = *(const volatile any64 *)from;
		*(any64 *)(to + n - 8) = *(const volatile any64 *)(from + n - 8);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		to[i] = ((const volatile uint8_t *)from)[i];
}

static inline unsigned int fetch_access(const struct virt_paging *paging)
{
	return WALK_EXECUTE | (paging->cpl == 3 ? WALK_USER : 0);
}

/* The page of gva as the VP's instruction fetch sees it; NULL if there is nothing to fetch. */
static __attribute__((noinline)) const uint8_t *
find_page(struct vp *vp, const struct virt_paging *paging, uint64_t gva)
{
	struct walk walk;
	struct gpa_page page;

	vp->fetched_page = NULL;
	walk_again(&vp->view, paging, GVA(gva), fetch_access(paging), &vp->fetched, &walk);
	if (walk.code != WHvTranslateGvaResultSuccess)
		return NULL;
	page = gpa_page(&vp->view, walk.gpa);
	if (!page.ptr || !(page.rights & VIRT_EXECUTE))
		return NULL;
	vp->fetched_page = page.ptr;
	return page.ptr;
}

/* The linear address of CS:RIP, and how many of n bytes the segment has there. */
static inline uint64_t linear(const struct virt_view *view, uint64_t rip, bool is_64bit,
			      unsigned int *n)
{
	const uint32_t offset = (uint32_t)rip;

	if (*n > 16)
		*n = 16;
	if (is_64bit)
		return rip;
	if (offset > view->cs.limit)
		*n = 0;
	else if (*n > (uint64_t)view->cs.limit - offset + 1)
		*n = (unsigned int)((uint64_t)view->cs.limit - offset + 1);
	return (uint32_t)(view->cs.base + offset);
}

static inline bool is_64bit_code(const struct virt_view *view)
{
	return (view->paging.efer & EFER_LMA) && (view->cs.attributes & SEG_L);
}

/* In one page, or in two. */
static __attribute__((noinline)) unsigned int
fetch_in_parts(struct vp *vp, const struct virt_view *view, uint8_t *bytes, unsigned int n)
{
	const bool is_64bit = is_64bit_code(view);
	uint64_t gva = linear(view, virt_regs(vp->virt)->rip, is_64bit, &n);
	unsigned int done, part;

	for (done = 0; done < n; done += part) {
		const uint8_t *page = find_page(vp, &view->paging, gva);

		part = (unsigned int)(PAGE_SIZE - PAGE_OFFSET(gva));
		if (part > n - done)
			part = n - done;
		if (!page)
			break;
		copy(bytes + done, page + PAGE_OFFSET(gva), part);
		gva += part;
		if (!is_64bit)
			gva = (uint32_t)gva;
	}
	return done;
}

unsigned int walk_fetch(struct vp *vp, uint8_t *bytes, unsigned int n)
{
	const struct virt_view *view = virt_view(vp->virt);
	const uint64_t rip = virt_regs(vp->virt)->rip;

	/* The usual fetch: 64-bit code in the page of the last fetch, whose walk still holds. */
	if (vp->fetched_page && is_64bit_code(view) && n <= 16 &&
	    PAGE_OFFSET(rip) + n <= PAGE_SIZE &&
	    walk_is_known(&vp->view, &view->paging, GVA(rip), fetch_access(&view->paging),
			  &vp->fetched)) {
		copy(bytes, vp->fetched_page + PAGE_OFFSET(rip), n);
		return n;
	}
	return fetch_in_parts(vp, view, bytes, n);
}
