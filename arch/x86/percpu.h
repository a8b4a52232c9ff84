/* SPDX-License-Identifier: MIT */
/*
 * The data that each processor has to itself. The GS base points here whenever the hypervisor runs:
 * VM exits load it. Of other processors it touches `letter` alone, and reads what never changes.
 */
#ifndef ARCH_X86_PERCPU_H
#define ARCH_X86_PERCPU_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/lock.h"
#include "arch/x86/insn.h"
#include "arch/x86/memory_type.h"
#include "arch/x86/trace.h"
#include "x86/page.h"
#include "x86/seg.h"

struct virt_vp;

/* Selectors of the hypervisor's GDT. */
#define HOST_CS 0x08
#define HOST_SS 0x10
#define HOST_TR 0x18

#define GDT_SLOTS 5

/* SDM 3A "64-Bit Task-State Segment". */
struct x86_tss {
	uint32_t reserved0;
	uint32_t rsp[6];
	uint32_t reserved1[2];
	uint32_t ist[14]; /* IST1 to IST7, two words each */
	uint32_t reserved2[2];
	uint16_t reserved3;
	uint16_t io_map_base;
};

_Static_assert(sizeof(struct x86_tss) == 104, "SDM: 64-bit TSS");

/* The registers that start.c must restore if the processor is returned to the loader. */
struct x86_before {
	uint64_t cr0, cr4, fs_base, gs_base;
	struct x86_table gdtr, idtr;
	uint16_t cs, ss, ds, es, fs, gs, tr, ldtr;
};

/* Events that came for the root while the processor was not in it. */
#define PENDING_NMI  (1u << 0)
#define PENDING_MC   (1u << 1) /* a machine check during a child's run */
#define PENDING_INIT (1u << 2)
#define PENDING_KICK (1u << 3) /* of hv/: virt_run() is to return */

/* Registers of the root that a child's values stand in for, see arch/x86/switch.c. */
#define OVERLAY_SYSCALL (1u << 0)
#define OVERLAY_DEBUG	(1u << 1)
#define OVERLAY_XSTATE	(1u << 2)
#define OVERLAY_SPEC	(1u << 3) /* speculation control */

enum syscall_msr {
	SYSCALL_STAR,
	SYSCALL_LSTAR,
	SYSCALL_CSTAR,
	SYSCALL_FMASK,
	SYSCALL_KERNEL_GS_BASE,
	SYSCALL_TSC_AUX, /* not of SYSCALL, but it goes with them */
	SYSCALL_MSRS
};

/*
 * Written by other processors, read by this one's NMI handler: a cache line of its own, which the
 * way from exit to exit does not touch.
 */
struct letter {
	uint32_t kick;		/* KICK_…; not 0: an NMI is on its way that is a kick, kick.h */
	bool is_parked;		/* waits where no NMI comes: for its root's SIPI */
	uint32_t start;		/* the backend's: an INIT, a SIPI that have come as messages */
	struct lock lock;	/* of `wanted`: one processor at a time asks */
	struct virt_vp *wanted; /* the backend's: what another processor asks for, see there */
};

#define ACTIVE_VPS 32

struct percpu {
	struct percpu *self; /* at GS:0 */
	uint32_t index;
	uint32_t apic_id; /* of its local APIC */
	uint8_t pending;  /* PENDING_…; the NMI handler sets bits at any time */
	uint8_t overlay;  /* OVERLAY_…: what is loaded for a child now */
	bool is_virt_on;
	bool has_run; /* virt_run() has been called: no way back to the loader */
	bool in_panic;
	struct virt_vp *current;  /* whose VMCS or VMCB is loaded */
	struct virt_vp *switched; /* whose registers are on the processor, virt_switch() */
	struct virt_vp *loaded; /* the backend's: whose state is there that an entry leaves; NULL */
	/* VIRT_REGION_PAGES pages for the backend: VMXON region; the host's state of SVM */
	spa_t virt_region;

	uint64_t parked_syscall[SYSCALL_MSRS]; /* the root's, while OVERLAY_SYSCALL */
	uint64_t parked_dr[4];		       /* the root's DR0-3, while OVERLAY_DEBUG */
	uint64_t parked_xcr0, parked_xss;      /* while OVERLAY_XSTATE */
	void *parked_xstate;		       /* its components, in XSAVE's standard form */
	uint64_t asid_generation;	       /* of AMD-V's ASIDs */
	uint64_t parked_spec_ctrl;	       /* while OVERLAY_SPEC */
	uint64_t bound;	     /* by this TSC the root sees to an interrupt; virt_bound() */
	uint64_t last_space; /* the number of that of the child that ran last, or 0 */

	struct trace trace;

	uint64_t gdt[GDT_SLOTS];
	struct x86_tss tss;
	struct x86_before before;
	struct mtrr_state mtrr_written; /* as this processor's root has written its MTRRs */

	/*
	 * The backend's: children whose control structure is in this processor; taken out by
	 * atomics.
	 */
	struct virt_vp *active[ACTIVE_VPS];
	uint32_t next_active; /* of these the one that has been there longest, modulo ACTIVE_VPS */

	_Alignas(64) struct letter letter;
};

_Static_assert(sizeof(struct percpu) <= PAGE_SIZE, "one page");

/* Pages of the heap that a processor takes: struct percpu, virt_region. */
#define VIRT_REGION_PAGES 2
#define PERCPU_PAGES	  (1 + VIRT_REGION_PAGES)

static inline struct percpu *percpu(void)
{
	return x86_gs_self();
}

/* start.c: the processors that Whit has taken over, or will; clear until it has. */
uint32_t percpu_count(void);

/* start.c: where a byte of the hypervisor's image is; the image is contiguous. */
spa_t start_spa(const void *at);
struct percpu *percpu_of(uint32_t index);

#endif
