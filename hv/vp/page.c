/* SPDX-License-Identifier: MIT */
/*
 * The page that a VP shares with the root (whit/hypercall.h). The root may write it at any moment:
 * each word is read once, and no value in it can do more than a register of the guest can. The
 * rules for values are checked at the entry, as for registers set by hypercall.
 */
#include "hv/vp/page.h"

#include "hv/cpu/entry.h"
#include "hv/vp.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

#define PAGE_SEGMENT_SHIFT 18

static inline uint64_t read_once(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void absorb_segments(struct vp *vp, uint32_t dirty)
{
	for (unsigned int i = 0; i < SEG_COUNT; i++) {
		const struct x86_segment *shared = &vp->page->segment[i];
		struct x86_segment segment;

		if (!(dirty >> (PAGE_SEGMENT_SHIFT + i) & 1))
			continue;
		segment.base = __atomic_load_n(&shared->base, __ATOMIC_RELAXED);
		segment.limit = __atomic_load_n(&shared->limit, __ATOMIC_RELAXED);
		segment.selector = __atomic_load_n(&shared->selector, __ATOMIC_RELAXED);
		segment.attributes = __atomic_load_n(&shared->attributes, __ATOMIC_RELAXED);
		virt_set_segment(vp->virt, (enum x86_seg)i, &segment);
	}
}

/* The registers that few exits change. */
#define REST (WHIT_PAGE_RFLAGS | WHIT_PAGE_SEGMENTS | 1u << X86_RSP)

static __attribute__((noinline)) void absorb_rest(struct vp *vp, uint32_t dirty)
{
	struct virt_regs *regs = virt_regs(vp->virt);

	if (dirty & WHIT_PAGE_RFLAGS) {
		const uint64_t rflags = read_once(&vp->page->rflags) | RFLAGS_ONE;

		entry_note_rflags(vp, rflags);
		regs->rflags = rflags;
	}
	regs->changed = true;
	if (!(dirty & WHIT_PAGE_SEGMENTS))
		return;
	absorb_segments(vp, dirty);
	entry_doubt(vp, DOUBT_STATE);
}

void vp_page_absorb(struct vp *vp)
{
	struct whit_vp_page *page = vp->page;
	struct virt_regs *regs = virt_regs(vp->virt);
	const uint32_t dirty = __atomic_load_n(&page->dirty, __ATOMIC_RELAXED);

	page->dirty = 0;
	for (uint32_t left = dirty & WHIT_PAGE_GPRS; left; left &= left - 1) {
		const unsigned int i = (unsigned int)__builtin_ctz(left);

		regs->gpr[i] = read_once(&page->gpr[i]);
	}
	if (dirty & WHIT_PAGE_RIP) {
		const uint64_t rip = read_once(&page->rip);

		entry_note_rip(vp, rip);
		regs->rip = rip;
		regs->changed = true;
	}
	if (dirty & REST)
		absorb_rest(vp, dirty);
}

void vp_page_publish(struct vp *vp)
{
	struct whit_vp_page *page = vp->page;
	const struct virt_regs *regs = virt_regs(vp->virt);

#pragma GCC unroll 16
	for (unsigned int i = 0; i < 16; i++)
		page->gpr[i] = regs->gpr[i];
	page->rip = regs->rip;
	page->rflags = regs->rflags;
	page->valid = WHIT_PAGE_GPRS | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS;
}

void vp_page_error(struct vp *vp, uint32_t name, const char *text)
{
	struct whit_vp_page *page = vp->page;
	size_t n = 0;

	page->error_register = name;
	if (name != ~0u)
		while (text[n] && n < sizeof(page->error_text) - 1) {
			page->error_text[n] = text[n];
			n++;
		}
	page->error_text[n] = 0;
}
