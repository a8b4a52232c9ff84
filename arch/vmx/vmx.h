/* SPDX-License-Identifier: MIT */
/* Declarations that the files of arch/vmx share: struct vmx_vp and the negotiated capabilities. */
#ifndef ARCH_VMX_VMX_H
#define ARCH_VMX_VMX_H

#include "arch/virt.h"
#include "arch/vmx/caps.h"
#include "arch/vmx/vmcs.h"
#include "arch/x86/vp.h"

/*
 * A virtual processor on VT-x: one page. Control words that only Whit writes have copies here, for
 * a VMREAD costs time.
 */
struct vmx_vp {
	struct virt_vp vp;	   /* first: vmx_vp() */
	bool is_launched;	   /* the launch state of the VMCS: VMRESUME, not VMLAUNCH */
	bool nmi_window;	   /* root: open now, to deliver a held NMI */
	uint8_t n_reflected;	   /* exceptions, since virt_run() was called */
	uint16_t vpid;		   /* 0: none */
	uint32_t cpu;		   /* on which the VMCS is active, or CPU_NONE: active.c; atomic */
	uint32_t home;		   /* whose host state it has, and which has its translations */
	uint32_t pin, proc, proc2; /* the control words as they stand in the VMCS */
	uint32_t exceptions;	   /* vectors that hv/ intercepts */
	uint64_t met_root;	   /* child: when the timer last let the root in, by the TSC */
	spa_t vmcs, msr_bitmap;	   /* pages; a child's msr_bitmap is for an x2APIC */
	uint64_t eoi_exits[4];	   /* as in the VMCS */
	uint64_t cr0_mask, cr0_shadow, cr4_mask, cr4_shadow; /* as in the VMCS */
};

_Static_assert(offsetof(struct vmx_vp, vp) == 0, "vmx_vp()");
_Static_assert(sizeof(struct vmx_vp) <= PAGE_SIZE, "one page");

#define CPU_NONE (~0u)

static inline struct vmx_vp *vmx_vp(struct virt_vp *vp)
{
	return (struct vmx_vp *)(void *)vp;
}

extern struct caps vmx_caps; /* written once, before the first VP */

/* enter.asm */
enum vmx_enter_result { ENTER_OK, ENTER_INVALID, ENTER_VALID, ENTER_ABORTED };
uint64_t vmx_enter(struct virt_regs *regs, uint64_t is_launched);
extern const char virt_enter_exit[];

/*
 * vmcs.c: pages and the VMCS of a new VP, current on this processor, host state written; or NULL.
 */
struct virt_vp *vmx_vp_alloc(struct virt_pages *pages, bool is_root);
void vmx_write_controls(struct virt_vp *vp, const struct caps_controls *controls,
			const struct virt_space *space);
void vmx_set_proc(struct virt_vp *vp, uint32_t proc);
void vmx_set_proc2(struct virt_vp *vp, uint32_t proc2);

/*
 * active.c: the VMCS becomes active on this processor, if it is not; it is so on none any more;
 * none of a child is so on this one.
 */
void active_begin(struct virt_vp *vp);
void active_end(struct virt_vp *vp);
void active_end_all(void);

/* vp.c: VIRT_HAS_… that these secondary controls of a child let it use. */
uint32_t vmx_child_has(uint32_t proc2);

/*
 * state.c: the bits of CR0 and CR4 whose writes exit, and whose reads see what virt_set() stored.
 */
void vmx_set_cr_masks(struct virt_vp *vp, uint64_t cr0_mask, uint64_t cr4_mask);
void vmx_set_cr4_owned(struct virt_vp *child, uint64_t allowed); /* at most these are its own */

/* exit.c: fill *exit for a VM exit with this reason. False: dealt with here, go on running. */
bool vmx_decode_exit(struct virt_vp *vp, uint32_t reason, struct virt_exit *exit);

/* exit.c: the event that the next entry would have delivered, which it no longer does. */
void vmx_take_back(struct virt_event *event);

/* root.c: does the root's NMI exit at all times, for the sake of kicks? */
bool vmx_root_has_nmi_exits(void);

/* root.c: a SIPI has come to the root, which waits for one. */
void vmx_root_start(struct virt_vp *root, uint8_t vector);

/* inject.c */
void vmx_nmi_window_opened(struct virt_vp *root);
void vmx_forget_nmi(struct virt_vp *root); /* that waits for its window */
void vmx_end_sti_shadow(struct virt_vp *vp);
uint64_t vmx_debug_bits(uint32_t type); /* of a #DB that exited, by its interruption type */
void vmx_note_debug(struct virt_vp *vp, uint64_t bits);
void vmx_match_single_step(struct virt_vp *vp);
void vmx_block_nmi(void);

/*
 * deadline.c: let the entry that is about to come last until the deadline at most. False: no entry.
 */
bool deadline_arm(const struct percpu *cpu, struct virt_vp *child);
void deadline_init(struct virt_vp *child);

/* The timer has run out: for the root, that is, and not for the deadline? Then it starts anew. */
bool deadline_is_for_root(struct virt_vp *child);

/* apic.c: an entry has failed: is it mended? */
bool apic_mend_threshold(struct virt_vp *vp);

/* tlb.c */
void vpid_take(struct virt_vp *vp);
void vpid_give(struct virt_vp *vp);
void vpid_flush(struct virt_vp *vp);
void space_renew(struct virt_vp *vp); /* DUE_SPACE */

#endif
