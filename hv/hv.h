/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's one shared object, and the root's side of each processor. Everything in struct
 * hv is written before the first virt_run(), or under `lock`, or is a counter.
 */
#ifndef HV_HV_H
#define HV_HV_H

#include "arch/virt.h"
#include "arch/lock.h"
#include "hv/mem/gate.h"
#include "hv/root/icr.h"
#include "whit/hypercall.h"
#include "whit/layout.h"
#include "whp/WinTypes.h"

/* An HRESULT of whp/WinTypes.h as a call returns it in RAX: 32 bits, zero-extended. */
#define RESULT(hresult) ((uint32_t)(hresult))

struct partition;

/* The trap of the ICR in xAPIC mode: hv/root/icr_trap.c. */
struct root_step {
	uint64_t turn; /* of the gate of root_space, when `space` was last as that is; 0: never */
	spa_t shadow;  /* the page that stands in the place of the APIC's, in */
	struct virt_space space;
};

/*
 * A processor's root VP, and what the hypervisor keeps for each processor. Nobody else writes here,
 * and on the way from exit to exit nobody else reads.
 */
struct root {
	_Alignas(64) struct virt_vp *virt;
	uint32_t cpu;
	uint64_t inside; /* the gate of root_space */
	uint64_t turn;	 /* of that gate, when `virt` was last renewed */
	/* The partition that this processor is looking at, found by a handle: hv/mem/handle.h. */
	struct partition *using;
	uint64_t recent;      /* the handle by which one was found last, good for the next time */
	uint64_t recent_ends; /* if no partition has ended since: hv.n_ends */
	uint64_t xcr0;	      /* the root's, as it last set it */
	uint64_t tsc_offset;  /* its TSC less the machine's: time_move_root() */
	/* By enum virt_exit_reason: its own, and those of all children on this processor. */
	uint64_t root_exits[VIRT_EXIT_COUNT], child_exits[VIRT_EXIT_COUNT];
	uint64_t hypercalls, emulated; /* as in struct whit_stats */
	struct icr_address address;    /* of its local APIC; with the trap, and others read it */
	struct root_step step;
};

/*
 * Pages for the root to write to in hidden memory, by turns: a page where one stands can be written
 * to as long as fewer than ROOT_SINKS others are written to for the first time. An instruction, or
 * the delivery of an event, that writes to hidden pages is begun again after each of them that is
 * met, and ends only if all of them can be written to at once. Most are needed by a scatter of 16
 * elements, each across two pages, if the processor forgets those that it has done: 32. The next: a
 * far transfer through a gate to an inner stack (stack, shadow stack and its token, two descriptors
 * to be marked: 2 pages each, 10), the largest XSAVE image (11 KiB with AMX: 4), ENTER (2 for the
 * frame, 2 for the far end of it). Pages that are only read (ones) are not taken away from there.
 * Page tables that the root keeps in a sink are lost when it moves, and tables of ones have all
 * bits set that the processor could set.
 */
#define ROOT_SINKS 32u

struct root_sink {
	spa_t page;
	uint64_t at; /* the hidden page where it stands, 0: nowhere */
};

struct hv {
	struct lock lock;		    /* heap, root_space, frames */
	struct gate root_gate;		    /* of root_space: its users are the roots */
	uint64_t n_ends;		    /* of partitions that have been deleted; atomic */
	struct virt_pages heap;		    /* the hypervisor's own free pages */
	struct virt_space root_space;	    /* identity, less what is hidden */
	spa_t ones;			    /* a page of ones, shown in place of hidden memory */
	struct root_sink sinks[ROOT_SINKS]; /* and where it is written to */
	uint32_t next_sink;		    /* the one that moves next, modulo ROOT_SINKS */
	uint32_t n_cpus;		    /* that the root runs on */
	uint32_t n_trapped;		    /* of these, whose ICR is trapped; atomic */
	uint64_t icr_page; /* of the root's local APIC, with the trap of the ICR; or 0 */
	uint64_t tsc_hz;   /* 0 if unknown */
	uint32_t features; /* EMU_HAS(): what the processors execute */
	uint64_t hidden_base, hidden_bytes; /* the loader's block */
	struct whit_stats stats;	    /* the sums of the roots are taken when somebody asks */
	uint64_t next_tag;		    /* of the next partition's handle */
	uint64_t direct_bytes; /* physical memory below this can be seen through virt_ptr() */
	uint64_t identity_end; /* root_space is complete below this, and on demand above */
	uint64_t lazy_end;     /* nothing has been mapped on demand from here on */
	uint64_t retype_at;    /* root_space follows the root's MTRRs below this */
	struct root roots[WHIT_MAX_CPUS];
};

extern struct hv hv;

/* The root of this processor. */
static inline struct root *this_root(void)
{
	return &hv.roots[virt_cpu()];
}

/*
 * Everything that the processors share, out of the handover: books, heap, the root's space. A
 * WHIT_LAUNCH_ code, with the message written. hv_main() calls it once; tests call it for each
 * machine. hv/main.c.
 */
uint64_t hv_init(struct whit_handover *handover);

#endif
