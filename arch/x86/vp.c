/* SPDX-License-Identifier: MIT */
/*
 * The pages of a virtual processor that every vendor's has, and its registers after a reset and
 * after INIT, SDM 3A "Processor State After Reset".
 */
#include "arch/x86/vp.h"
#include "arch/x86/features.h"
#include "arch/x86/string.h"
#include "arch/x86/switch.h"
#include "arch/x86/xstate.h"
#include "whit/log.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/msr.h"
#include "x86/rflags.h"

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

	vp_free_page(pages, xstate);
	vp_free_page(pages, self);
}

/* ---- Reset --------------------------------------------------------------------------------- */

#define RESET_CS_SELECTOR 0xf000
#define RESET_CS_BASE	  0xffff0000
#define RESET_RIP	  0xfff0
#define RESET_LIMIT	  0xffff
#define RESET_CR0	  (CR0_CD | CR0_NW | CR0_ET)

#define SEGMENT_DATA (SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED)

static void reset_segments(struct virt_vp *vp)
{
	struct x86_segment value = { .limit = RESET_LIMIT, .attributes = SEGMENT_DATA };
	const struct x86_segment table = { .limit = RESET_LIMIT };

	for (enum x86_seg seg = SEG_ES; seg <= SEG_GS; seg++)
		virt_set_segment(vp, seg, &value);
	value.attributes = SEG_P | SEG_TYPE_LDT;
	virt_set_segment(vp, SEG_LDTR, &value);
	value.attributes = SEG_P | SEG_TYPE_TSS_BUSY;
	virt_set_segment(vp, SEG_TR, &value);
	value = (struct x86_segment) {
		.base = RESET_CS_BASE,
		.limit = RESET_LIMIT,
		.selector = RESET_CS_SELECTOR,
		.attributes = SEGMENT_DATA | SEG_TYPE_CODE,
	};
	virt_set_segment(vp, SEG_CS, &value);
	virt_set_segment(vp, SEG_GDTR, &table);
	virt_set_segment(vp, SEG_IDTR, &table);
}

void vp_reset_registers(struct virt_vp *vp, uint64_t cr0)
{
	const struct virt_event none = { .type = VIRT_EVENT_NONE };

	memset(vp->regs.gpr, 0, sizeof(vp->regs.gpr));
	vp->regs.rip = RESET_RIP;
	vp->regs.rflags = RFLAGS_ONE;
	vp->regs.changed = true;
	reset_segments(vp);
	virt_set(vp, VIRT_CR0, cr0);
	virt_set(vp, VIRT_CR2, 0);
	virt_set(vp, VIRT_CR3, 0);
	virt_set(vp, VIRT_CR4, 0);
	virt_set(vp, VIRT_EFER, 0);
	for (unsigned int i = 0; i < 4; i++)
		virt_set(vp, VIRT_DR0 + i, 0);
	virt_set(vp, VIRT_DR6, DR6_INIT);
	virt_set(vp, VIRT_DR7, DR7_INIT);
	virt_set(vp, VIRT_SHADOW, 0);
	virt_set(vp, VIRT_PENDING_DEBUG, 0);
	virt_inject(vp, &none);
}

/* PDPTEs are left: they are loaded whenever PAE paging is turned on. */
static void reset_child_only(struct virt_vp *vp)
{
	virt_set(vp, VIRT_PAT, PAT_RESET);
	virt_set(vp, VIRT_SYSENTER_CS, 0);
	virt_set(vp, VIRT_SYSENTER_ESP, 0);
	virt_set(vp, VIRT_SYSENTER_EIP, 0);
	virt_set(vp, VIRT_DEBUGCTL, 0);
	switch_reset(vp);
	xstate_reset(vp);
}

void virt_vp_reset(struct virt_vp *vp, bool is_init)
{
	const uint64_t caching = virt_get(vp, VIRT_CR0) & (CR0_CD | CR0_NW);

	vp_reset_registers(vp, is_init ? caching | CR0_ET : RESET_CR0);
	if (!is_init)
		reset_child_only(vp);
}

void vp_start_at(struct virt_vp *vp, uint8_t vector)
{
	struct x86_segment cs;

	virt_get_segment(vp, SEG_CS, &cs);
	cs.selector = (uint16_t)(vector << 8);
	cs.base = (uint64_t)vector << PAGE_SHIFT;
	virt_set_segment(vp, SEG_CS, &cs);
	vp->regs.rip = 0;
}

bool vp_is_bounded(const struct percpu *cpu, const struct virt_vp *child)
{
	return x86_rdtsc() < cpu->bound && cpu->bound <= child->deadline;
}

uint64_t virt_bound(struct virt_vp *vp)
{
	return virt_machine.has_deadline ? ~0ull : (percpu()->bound = vp->deadline);
}

bool vp_left(const struct virt_vp *vp, bool has_run, struct virt_exit *exit)
{
	const bool was_in = has_run && !vp->is_root;

	virt_heard();
	/* An event of the root waits for its next entry. */
	exit->reason = was_in ? VIRT_EXIT_NMI : VIRT_EXIT_NOTHING;
	exit->insn_length = 0;
	exit->is_partial = false;
	exit->interrupted.type = VIRT_EVENT_NONE;
	return was_in;
}

void vp_dump(const struct virt_vp *vp)
{
	log_line(LOG_ERROR, "current VP %p, %s:", (const void *)vp, vp->is_root ? "root" : "child");
	for (unsigned int i = 0; i < 16; i += 4)
		log_line(LOG_ERROR, "  gpr %2u: %016llx %016llx %016llx %016llx", i,
			 (unsigned long long)vp->regs.gpr[i],
			 (unsigned long long)vp->regs.gpr[i + 1],
			 (unsigned long long)vp->regs.gpr[i + 2],
			 (unsigned long long)vp->regs.gpr[i + 3]);
}
