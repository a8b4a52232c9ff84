/* SPDX-License-Identifier: MIT */
/*
 * A child's virtual processor as data: the state that WHP defines and the hardware does not hold.
 * It is owned by its partition and locked by the partition's lock. Its functions are in hv/vp/vp.h.
 */
#ifndef HV_VP_H
#define HV_VP_H

#include "arch/virt.h"
#include "emu/emu.h"
#include "hv/apic/apic.h"
#include "hv/hv.h"
#include "hv/partition.h"
#include "hv/mem/walk.h"
#include "x86/msr.h"

/*
 * Device reads, and device writes, of one instruction; hv/emulate/device.c. One operand takes 7 at
 * most, 64 bytes over the end of a page, cut into aligned powers of two; POPA takes 10.
 */
#define DEVICE_MAX_ACCESSES 10u

/*
 * Where the instruction at device_state.rip stands between two Runs. A read that waits for the
 * root's answer, in answers[n_answers], becomes with it the stage of the same name without WAITS;
 * device_continue() goes on from there.
 */
enum device_stage {
	DEVICE_IDLE, /* no instruction is open */
	DEVICE_REP,  /* insn has committed a batch and has more to do */
	DEVICE_IN,   /* answers[0] is for a plain IN of in_length bytes, which is not in insn */
	DEVICE_LOAD, /* answers[0] is for `move`, and all it needs */
	DEVICE_INSN, /* insn is executed again from its start, with n_answers */
	DEVICE_WAITS_IN,
	DEVICE_WAITS_LOAD,
	DEVICE_WAITS_INSN
};

struct device_state {
	enum device_stage stage;
	struct emu_insn insn; /* decoded last; the instruction that waits for an answer */
	struct emu_move move; /* the instruction as a move, if is_move */
	bool is_move;	      /* insn is a plain move */
	uint64_t bytes
		[2]; /* the bytes it was decoded from, with their number in the last one; 0: none */
	uint64_t rip;	    /* where it stands; a client that moves RIP gives it up */
	uint64_t gva_page;  /* the processor's translation at the exit: from here, */
	uint64_t gpa_page;  /* to here, */
	uint8_t translated; /* for this: EMU_READ, EMU_WRITE; 0: nothing */
	uint64_t stuck_rip; /* an instruction that could not be completed, and how often */
	uint8_t n_stuck;
	uint8_t mode;		 /* enum emu_mode of insn */
	uint8_t in_length;	 /* of the instruction, with DEVICE_IN */
	uint8_t n_answers;	 /* reads of this instruction answered so far, in order */
	uint8_t n_posted;	 /* writes taken and not yet handed to the root */
	uint8_t next_posted;	 /* the first of them in posted[] */
	uint8_t next_answer;	 /* cursor of a replay */
	struct walk_memo walked; /* the last page of an operand but that of the exit */
	struct whit_device_access answers[DEVICE_MAX_ACCESSES];
	struct whit_device_access posted[DEVICE_MAX_ACCESSES];
};

/*
 * The MTRRs that guests and clients see. They are kept and have no effect: nested paging gives the
 * types.
 */
#define MTRR_VARIABLE 8u

struct mtrr {
	uint64_t def_type;
	uint64_t base[MTRR_VARIABLE], mask[MTRR_VARIABLE];
	uint64_t fixed[MTRR_FIXED];
};

/* WHV_INTERNAL_ACTIVITY_REGISTER */
#define ACTIVITY_STARTUP (1ull << 0)
#define ACTIVITY_HALT	 (1ull << 1)
#define ACTIVITY_IDLE	 (1ull << 2)

struct vp {
	struct partition *partition;
	struct virt_vp *virt;
	uint32_t index;
	spa_t page_spa;
	struct whit_vp_page *page; /* shared with the root: read once, trust nothing */
	struct gpa_view view;

	/* Words for other processors; atomic. */
	uint32_t owner;	 /* hv/owner.h */
	uint32_t cancel; /* set by CancelRun */
	uint64_t inside; /* the gate of the partition's space */
	bool is_asleep;	 /* its last Run has ended with WHIT_S_IDLE, and nothing has come since */

	/* Registers that are WHP's or the model's, not the hardware's. */
	uint64_t cr8; /* without an APIC: see vp_cr8() */
	uint64_t apic_base;
	uint64_t misc_enable;
	uint8_t cpuid_look; /* MODEL_LOOK: misc_enable changes what CPUID says */
	uint64_t umwait_control;
	uint64_t tsc_adjust; /* IA32_TSC_ADJUST: the guest's own moves of its TSC */
	struct mtrr mtrr;
	uint64_t deliverability;     /* WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER */
	struct virt_event pending;   /* the event that the next entry delivers, hv/vp/event.h */
	struct virt_event waiting;   /* PendingInterruption's, if that must wait; has_waiting */
	uint64_t pending_parameter;  /* CR2 of a pending page fault */
	bool pending_is_event;	     /* it is in PendingEvent, else in PendingInterruption */
	uint8_t raised_as;	     /* enum raised_as: what event_raise() made of the last one */
	struct emu_exception raised; /* RAISED_EXIT: for the client, in place of the guest */
	union {
		struct {
			bool pending_is_injected; /* virt_inject() has it */
			bool nmi_requested;	  /* an NMI of the APIC waits for the guest */
			bool has_waiting;
			bool wants_window; /* vp_prepare_apic() waits for a window */
			uint8_t window;	   /* asked of virt_window(): 1 interrupt, 2 NMI */
			uint8_t doubts;	   /* DOUBT_…, hv/cpu/entry.h */
			uint16_t ext_int;  /* a waiting ExtInt: its vector, and bit 8 */
		};
		uint64_t event_due; /* any of these, in one look */
	};
	uint64_t activity; /* WHV_INTERNAL_ACTIVITY_REGISTER */
	struct apic apic;
	uint64_t delivered[3]; /* page faults, other exceptions, interrupts */
	uint64_t run_ticks;    /* in vp_run(), by virt_tsc() */
	uint64_t exits[VIRT_EXIT_COUNT];

	struct device_state device;
	struct walk_memo fetched;    /* the page that it fetched from last, */
	const uint8_t *fetched_page; /* as the hypervisor sees it; NULL: see there */
};

_Static_assert(sizeof(struct vp) <= 4096, "a VP is one lent page beside the vendor's");

/* CR8 as the guest sees it. */
static inline uint64_t vp_cr8(const struct vp *vp)
{
	return vp->apic.page ? apic_get_cr8(vp) : vp->cr8;
}

static inline void vp_set_cr8(struct vp *vp, uint64_t value)
{
	if (vp->apic.page)
		apic_set_cr8(vp, value);
	else
		vp->cr8 = value;
}

#endif
