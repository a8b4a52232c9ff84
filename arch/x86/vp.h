/* SPDX-License-Identifier: MIT */
/*
 * A virtual processor, as far as it is the same on every vendor's processors. The vendor's own part
 * stands behind it: a struct virt_vp is the first member of a struct vmx_vp.
 */
#ifndef ARCH_X86_VP_H
#define ARCH_X86_VP_H

#include "arch/virt.h"
#include "arch/x86/percpu.h"

/* Work that is due before an entry. Mostly there is none, so one test covers all of it. */
#define DUE_FIRST   (1u << 0) /* it has never run */
#define DUE_FLUSH   (1u << 1) /* its translations are out of date */
#define DUE_OVERLAY (1u << 2) /* it may need registers that are not loaded, switch.c */
#define DUE_HELD    (1u << 3) /* the root: `held` is not empty */
#define DUE_TIMER   (1u << 4) /* it has a deadline; stays set while it has */
#define DUE_SPACE   (1u << 5) /* its space has changed: virt_renew() */

/* All but `regs` and `view` is state that the processor does not keep for a VP, or not always. */
struct virt_vp {
	struct virt_regs regs; /* first: virt_regs() */
	bool is_root;
	bool waits;	    /* root: for a SIPI */
	uint8_t due;	    /* DUE_…, before the next entry */
	uint8_t held;	    /* root: PENDING_… events not delivered yet */
	uint8_t wants;	    /* child: OVERLAY_… that must be loaded while it runs */
	uint8_t forces;	    /* root: OVERLAY_… that every child wants for its sake */
	bool has_syscall;   /* child: EFER lets it use the MSRs of SYSCALL */
	bool has_view;	    /* `view` is of the state as it stands, but for RFLAGS */
	uint64_t deadline;  /* child: virt_set_deadline() */
	spa_t self, xstate; /* pages: of the structure, of extended state */
	const struct virt_space *space;
	struct virt_view view;
	void *fpu;    /* in the page `xstate`: an image of FXSAVE, a child's of XSAVE */
	uint64_t cr2; /* while not switched in, as the image */
	uint64_t xcr0, xss, spec_ctrl;	/* child: its values at all times */
	uint64_t dr[4], dr6;		/* the same. root: see switch.c */
	uint64_t syscall[SYSCALL_MSRS]; /* child: enum syscall_msr */
};

_Static_assert(offsetof(struct virt_vp, regs) == 0, "virt_regs()");

/* Without a timer: may the child, which has a deadline, be entered? virt_bound() says when. */
bool vp_is_bounded(const struct percpu *cpu, const struct virt_vp *child);

#define VP_PAGES 2 /* of vp_alloc(): there are so many in the list */

/*
 * A new VP that has never run, and room for its extended state; of the page that holds it the
 * vendor's part is clear.
 */
struct virt_vp *vp_alloc(struct virt_pages *pages, bool is_root);

/* Wipe one page of a VP and give it back; all that is left of the VP, which no processor uses. */
void vp_free_page(struct virt_pages *pages, spa_t page);
void vp_free(struct virt_pages *pages, struct virt_vp *vp);

/* Registers as after INIT: those that only a reset changes stay as they are. */
void vp_reset_registers(struct virt_vp *vp, uint64_t cr0);

/* CS and RIP as after a SIPI. */
void vp_start_at(struct virt_vp *vp, uint8_t vector);

/*
 * virt_run() ends without an exit of the guest's: *exit is that. True: a child has run all the
 * same, and what hv/ injected has been delivered; the event that waits for its next entry came out
 * of the guest, and the caller moves it to exit->interrupted.
 */
bool vp_left(const struct virt_vp *vp, bool has_run, struct virt_exit *exit);

/* Which VP it is, and its general registers, into the log. */
void vp_dump(const struct virt_vp *vp);

#endif
