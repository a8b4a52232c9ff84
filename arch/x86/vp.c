/* SPDX-License-Identifier: MIT */
/* The pages of a virtual processor that every vendor's has. */
#include "arch/x86/vp.h"
#include "arch/x86/features.h"
#include "arch/x86/string.h"
#include "arch/x86/xstate.h"

struct virt_vp *vp_alloc(struct virt_pages *pages, bool is_root)
{
	struct virt_vp *vp;
	spa_t page;

	virt_pages_take(pages, &page);
	vp = virt_ptr(page);
	vp->self = page;
	virt_pages_take(pages, &vp->xstate);
	vp->fpu = virt_ptr(vp->xstate);
	if (is_root) {
		percpu()->parked_xstate = vp->fpu;
		vp->fpu = (uint8_t *)vp->fpu + XSTATE_BYTES;
	}
	if (!is_root && (x86_features.has_spec_ctrl || x86_features.has_ibpb))
		vp->wants = OVERLAY_SPEC;
	vp->is_root = is_root;
	vp->due = DUE_FIRST;
	vp->regs.changed = true;
	return vp;
}

void vp_free_page(struct virt_pages *pages, spa_t page)
{
	memset(virt_ptr(page), 0, PAGE_SIZE);
	virt_pages_give(pages, page);
}

void vp_free(struct virt_pages *pages, struct virt_vp *vp)
{
	const spa_t self = vp->self, xstate = vp->xstate;
	struct percpu *const cpu = percpu();

	if (cpu->current == vp)
		cpu->current = NULL;
	if (cpu->last_space == vp->space->root.a)
		cpu->last_space = 0; /* the next owner of these tables is another one */
	vp_free_page(pages, xstate);
	vp_free_page(pages, self);
}
