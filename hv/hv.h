/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's one shared object, and the root's side of each processor. Everything in struct hv is
 * written before the first virt_run(), or under `lock`, or is a counter.
 */
#ifndef HV_HV_H
#define HV_HV_H

#include "arch/virt.h"
#include "hv/lock.h"
#include "whit/hypercall.h"
#include "whit/layout.h"
#include "whp/WinTypes.h"

/* An HRESULT of whp/WinTypes.h as a call returns it in RAX: 32 bits, zero-extended. */
#define RESULT(hresult) ((uint32_t)(hresult))

struct partition;

/* A processor's root VP. */
struct root {
	struct virt_vp *virt;
	uint32_t cpu;
	uint64_t xcr0;			       /* the root's, as it last set it */
	uint64_t child_exits[VIRT_EXIT_COUNT]; /* of all children on this processor */
};

struct hv {
	struct lock lock;		    /* heap, root_space, frames, the list of partitions */
	struct virt_pages heap;		    /* the hypervisor's own free pages */
	struct virt_space root_space;	    /* identity, less what is hidden */
	spa_t ones;			    /* a page of ones, shown in place of hidden memory */
	uint64_t tsc_hz;		    /* 0 if unknown */
	uint32_t features;		    /* EMU_HAS(): what the processors execute */
	uint64_t hidden_base, hidden_bytes; /* the loader's block */
	struct whit_stats stats; /* child_exits: out of the roots' when it is asked for */
	struct root roots[WHIT_MAX_CPUS];
	uint64_t next_tag;	  /* of the next partition's handle */
	struct partition *recent; /* that was found last, for the next time */
	uint64_t direct_bytes;	  /* physical memory below this can be seen through virt_ptr() */
	uint64_t identity_end;	  /* root_space is complete below this, and on demand above */
	uint64_t lazy_end;	  /* nothing has been mapped on demand from here on */
};

extern struct hv hv;

/*
 * Everything that the processors share, out of the handover: books, heap, the root's space. A WHIT_LAUNCH_
 * code, with the message written. hv_main() calls it once; tests call it for each machine. hv/main.c.
 */
uint64_t hv_init(struct whit_handover *handover);

/* WHvGetCapability; *written also with WHV_E_INSUFFICIENT_BUFFER: what it takes. hv/capability.c. */
uint32_t capability_get(uint64_t code, uint64_t buffer, uint64_t n_bytes, uint64_t *written);

#endif
