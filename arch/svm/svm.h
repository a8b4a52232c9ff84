/* SPDX-License-Identifier: MIT */
/* Declarations that the files of arch/svm share: struct svm_vp and the negotiated capabilities. */
#ifndef ARCH_SVM_SVM_H
#define ARCH_SVM_SVM_H

#include "arch/virt.h"
#include "arch/svm/caps.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/vp.h"
#include "x86/cr.h"

/* Work before an entry that few have, beside DUE_…: inject.c. */
#define RARE_DEBUG	(1u << 0) /* `pending_debug` is not 0 */
#define RARE_NMI_WINDOW (1u << 1) /* child: hv/ waits until it can take an NMI */
#define RARE_NMI	(1u << 2) /* root: an NMI is held for it */
#define RARE_IRET	(1u << 3) /* it stands at the IRET that unblocks NMIs */
#define RARE_STEP	(1u << 4) /* the root is to execute one instruction */
#define RARE_UNPROVEN	(1u << 5) /* the processor may refuse the state: keep a copy */
#define RARE_STEPPING	(1u << 6) /* is_stepping */
#define RARE_WINDOW	(1u << 8) /* child: the same for an interrupt */
#define RARE_ENTRY	(1u << 7) /* `event`, `entered`, TLB_CONTROL: what is one entry's */

/* A virtual processor on AMD-V: one page, and its VMCB. */
struct svm_vp {
	struct virt_vp vp; /* first: svm_vp() */
	struct vmcb *vmcb;
	spa_t vmcb_page;
	uint16_t rare;	     /* RARE_… */
	uint8_t n_reflected; /* exceptions, since virt_run() was called */
	bool blocks_nmi;     /* NMIs are blocked; but see RARE_IRET */
	bool is_stepping;    /* this entry: TF is ours */
	bool tpr_holds;	     /* child: an interrupt waits for the TPR */
	uint16_t given;	     /* bit n: enum x86_seg n was set since the last entry */
	uint32_t has;	     /* child: VIRT_HAS_… */
	uint32_t exceptions; /* vectors that hv/ intercepts */
	uint64_t iret_rip;   /* with RARE_IRET */
	uint64_t kept_flags; /* while is_stepping: the guest's TF and IF */
	uint64_t kept_dr6;   /* while is_stepping */
	uint32_t kept_exceptions;
	uint64_t entered_rip;	   /* where the guest was when `entered` was injected */
	uint64_t tag;		   /* of its ASID: tlb.c */
	uint64_t gs_base;	   /* while it is percpu.loaded: extra.c */
	uint64_t hidden_cr0;	   /* child: CD and NW, which it sees and the processor does not */
	uint64_t hidden_cr4;	   /* child: MCE, if only the processor sees it */
	uint8_t *tpr;		   /* child: the register in its APIC's page, or NULL: apic.c */
	uint64_t pending_debug;	   /* VIRT_PENDING_DEBUG */
	uint64_t debugctl;	   /* child */
	uint64_t idle_lme;	   /* child: EFER.LME, while it does nothing */
	struct virt_event event;   /* for the next entry */
	struct virt_event entered; /* that of the last one */
	struct vmcb_save copy;	   /* with RARE_UNPROVEN */
};

_Static_assert(offsetof(struct svm_vp, vp) == 0, "svm_vp()");
_Static_assert(sizeof(struct svm_vp) <= PAGE_SIZE, "one page");

static inline struct svm_vp *svm_vp(struct virt_vp *vp)
{
	return (struct svm_vp *)(void *)vp;
}

static inline struct vmcb *vmcb_of(struct virt_vp *vp)
{
	return svm_vp(vp)->vmcb;
}

/* Before or after these groups of fields are written. */
static inline void vmcb_dirty(struct vmcb *vmcb, uint32_t groups)
{
	vmcb->clean &= ~groups;
}

/* 64-bit code. */
static inline bool vmcb_is_64_bit(const struct vmcb *vmcb)
{
	return (vmcb->save.efer & EFER_LMA) && (SEG_ATTRIBUTES(vmcb->save.cs.attributes) & SEG_L);
}

extern struct caps svm_caps; /* written once, before the first VP */

/* enter.asm */
void svm_enter(struct virt_regs *regs, uint64_t vmcb, uint64_t host_gs);
void svm_enter_whole(struct virt_regs *regs, uint64_t vmcb, uint64_t host);
void svm_load(uint64_t vmcb, uint64_t host_gs);
void svm_sleep(void);

/* svmon.c: the page with what VMRUN does not switch for the host, of this processor. */
spa_t svm_host_page(const struct percpu *cpu);

/* extra.c */
void extra_load(struct percpu *cpu, struct virt_vp *vp);
void extra_load_cr2(struct virt_vp *vp);
void extra_save(struct virt_vp *vp);
void extra_load_host(void);
void extra_let_nmi_in(void);

/* vp.c: pages and the VMCB of a new VP, with what root and children have alike; or NULL. */
struct virt_vp *svm_vp_alloc(struct virt_pages *pages, bool is_root,
			     const struct virt_space *space);

/* vp.c: before a reset, which does not write all that VMRUN loads. */
void svm_clear_state(struct vmcb *vmcb);

/* vp.c: the maps of a new VP. That of the root's MSRs is shared by all roots. */
void svm_fill_maps(void);
uint8_t *svm_root_msr_map(void);

/* exit.c: fill *exit for a #VMEXIT with this code. False: dealt with here, go on running. */
bool svm_decode_exit(struct virt_vp *vp, uint64_t code, struct virt_exit *exit);

/* exit.c: events of the machine for percpu.pending. */
void svm_hold(uint8_t events);

/* inject.c: with `rare` not 0, before an entry, with the VMCB complete otherwise; and after it.
   False: *exit is filled in, do not enter. */
bool inject_before(struct percpu *cpu, struct virt_vp *vp, struct virt_exit *exit);
void inject_after(struct virt_vp *vp);
void inject_block_nmi(struct virt_vp *vp, bool are_blocked);
bool inject_nmi_is_blocked(const struct virt_vp *vp);
void inject_note_debug(struct virt_vp *vp, uint64_t bits); /* a #DB is delivered to a child */
void inject_at_iret(struct virt_vp *vp);
void inject_end_step(struct virt_vp *vp, bool is_done);
/*
 * An entry was refused for a state that is the guest's own: true, and the VP is reset, if it is
 * gone.
 */
bool inject_is_lost(struct virt_vp *child);
void inject_want(struct virt_vp *vp, uint16_t rare, bool is_on);

/* root.c: until the SIPI has come. */
void root_wait(struct virt_vp *root);

/* apic.c: which accesses to CR8 exit */
void apic_set_exits(struct virt_vp *child);

/* deadline.c */
void deadline_init(struct virt_vp *child);

/* tlb.c. A tag is the number of a generation of one processor, and the ASID in it. */
#define ASID_BITS 16

static inline bool asid_is_current(const struct percpu *cpu, struct virt_vp *vp)
{
	return svm_vp(vp)->tag >> ASID_BITS == cpu->asid_generation;
}

void asid_init(struct percpu *cpu);
void asid_take(struct percpu *cpu, struct virt_vp *vp);
void asid_renew(struct percpu *cpu, struct virt_vp *vp); /* nothing cached is for it */
void asid_entered(const struct percpu *cpu, struct vmcb *vmcb);
void asid_take_for_step(struct percpu *cpu, struct virt_vp *root);
void asid_end_step(struct virt_vp *root);

#endif
