/* SPDX-License-Identifier: MIT */
/*
 * The local APIC of a child's VP, in partitions with LocalApicEmulationMode: registers, priorities,
 * timer, and messages between the APICs of a partition. SDM 3A "Advanced Programmable Interrupt
 * Controller (APIC)".
 *
 * The registers are those of the page: register n at 16 * n, as a guest in xAPIC mode sees them.
 * Where the processor helps (virt_machine.apic) it works on the same page. Page and state are
 * touched only by the VP's owner (hv/owner.h). Everybody else posts (`posted`, `signals`: atomic),
 * and the VP takes the posts over in vp_prepare_apic(). A VP that runs elsewhere is kicked to do
 * so, and one that sleeps is woken by its shared page.
 */
#ifndef HV_APIC_H
#define HV_APIC_H

#include "arch/virt.h"
#include "x86/apic.h"

struct partition_locked;
struct vp;

/* A write that a client wants to see after it is done: WHvRunVpExitReasonX64Apic…. */
struct apic_trap {
	uint32_t reason; /* 0: nothing */
	uint32_t detail; /* EOI: the vector; write: WHV_X64_APIC_WRITE_TYPE */
	uint64_t value;	 /* INIT, SIPI, SMI: the ICR; write: what was written */
};

#define APIC_SIGNAL_NMI	  (1u << 8)
#define APIC_SIGNAL_INIT  (1u << 9)
#define APIC_SIGNAL_SIPI  (1u << 10) /* bits 7 to 0: its vector */
#define APIC_SIGNAL_LINT1 (1u << 11)
#define APIC_SIGNAL_ERROR (1u << 12) /* an illegal vector was sent to it */

#define APIC_NEVER (~0ull)

/*
 * The timer's frequency, before the divider: WHvCapabilityCodeInterruptClockFrequency. Hyper-V's,
 * too.
 */
#define APIC_CLOCK_HZ 200000000ull

struct apic {
	uint8_t *page; /* NULL: the partition has no APICs */
	spa_t page_spa;
	uint8_t mode;	     /* enum virt_apic_mode by IA32_APIC_BASE; OFF: disabled */
	uint8_t help;	     /* VIRT_APIC_…: what the processor does in this mode */
	uint8_t timer_mode;  /* of the LVT: bits 18 and 17 */
	uint8_t timer_shift; /* of the divider */
	uint8_t is_due;	     /* 0 or 1: vp_prepare_apic() has something to look at; atomic */
	bool page_is_due;    /* the mode is another one: gpa_apic_page() */
	uint8_t kept;	     /* KEPT_…: set by a client, waiting for vp_prepare_apic() */
	uint32_t kept_count;
	uint64_t kept_deadline;
	bool has_woken; /* a VP that slept: Run ends, and the root looks which */
	struct apic_trap
		trap;	   /* to be reported when the instruction is over; hv/run/run.c clears it */
	uint64_t deadline; /* of the timer, by virt_tsc(); APIC_NEVER: it does not run */
	uint64_t tsc_deadline; /* IA32_TSC_DEADLINE as the guest reads it */
	uint64_t count_start;  /* when the timer stood at count_from, by virt_tsc() */
	uint32_t count_from;
	uint32_t
		fraction; /* of a tick, in parts of APIC_CLOCK_HZ, by which the deadline is early */
	uint32_t errors;  /* for the ESR, when it is written */
	uint32_t sent, sent_self, mmio, eois,
		tprs;		  /* WHV_PROCESSOR_APIC_COUNTERS, by hv/vp/counter.c */
	uint32_t posted[8];	  /* vectors from others; atomic */
	uint32_t posted_level[8]; /* those of them that are level-triggered; atomic */
	uint32_t signals;	  /* APIC_SIGNAL_…; atomic */
};

/*
 * Called with the VP's creation and deletion. The page comes from the partition's list,
 * APIC_VP_PAGES of which the caller has made sure of. Nothing, in a partition without APICs.
 */
#define APIC_VP_PAGES 1u
void apic_create(struct partition_locked held, struct vp *vp);
void apic_destroy(struct partition_locked held, struct vp *vp);

/* The state after a reset, or after INIT (which keeps the ID and the base). */
void apic_reset(struct vp *vp, bool is_init);

/*
 * Before an entry, when apic.is_due is set (or the timer's deadline has come); vp_prepare_apic()
 * calls the three in this order. apic_begin(): registers that a client has set take effect.
 * (Signals are taken next.) apic_gather(): vectors that were posted are taken over and the timer
 * fires. Returns the vector that the guest is due, or -1; where the processor delivers by itself it
 * is told, and the answer is always -1. apic_deliver(): with is_taken the vector goes into service
 * and into vp->pending, else vp->wants_window says that it waits.
 */
void apic_begin(struct vp *vp);
int apic_gather(struct vp *vp);
void apic_deliver(struct vp *vp, int vector, bool is_taken);

/* The highest vector that PPR lets through, or -1: what wakes a halted VP with RFLAGS.IF set. */
int apic_deliverable(const struct vp *vp);

/* When the VP would wake by itself, by virt_tsc(); APIC_NEVER. */
static inline uint64_t apic_wake_time(const struct apic *apic)
{
	return apic->deadline;
}

/*
 * The partition's time has stood still for `delta` ticks of virt_tsc(): what the timer waits for
 * moves along.
 */
void apic_move_time(struct vp *vp, uint64_t delta);

/*
 * IA32_APIC_BASE, IA32_TSC_DEADLINE, 800h to 8ffh, as the guest's instructions do it. False:
 * #GP(0).
 */
bool apic_owns_msr(const struct vp *vp, uint32_t msr);
bool apic_read_msr(struct vp *vp, uint32_t msr, uint64_t *value);
bool apic_write_msr(struct vp *vp, uint32_t msr, uint64_t value);

/*
 * The same two as a client sets them: any mode after any other (false: no such value); a deadline
 * for any mode.
 */
bool apic_set_base(struct vp *vp, uint64_t value);
void apic_set_deadline(struct vp *vp, uint64_t tsc);

/*
 * The page at IA32_APIC_BASE: is the address of a device access in it? Then read and write by the
 * rules of SDM 3A "APIC Register Address Map"; size 1 to 8, whatever the guest does.
 */
static inline bool apic_covers(const struct apic *apic, uint64_t gpa)
{
	return (gpa & ~0xfffull) == APIC_PAGE && apic->mode == VIRT_APIC_XAPIC;
}

uint64_t apic_read(struct vp *vp, uint64_t gpa, unsigned int size);
void apic_write(struct vp *vp, uint64_t gpa, unsigned int size, uint64_t value);

/* VIRT_EXIT_APIC_WRITE, _APIC_EOI, _TPR, _DEADLINE. */
void apic_exit(struct vp *vp, const struct virt_exit *exit);

/* CR8, 0 to 15: bits 7 to 4 of the TPR. */
uint64_t apic_get_cr8(const struct vp *vp);
void apic_set_cr8(struct vp *vp, uint64_t value);

/*
 * WHvX64RegisterApicId …: names 3002h to 303fh are offsets of the page. NULL, or why not (no APICs,
 * no such register, a value that it cannot have; nothing has changed).
 */
const char *apic_get_register(struct vp *vp, uint32_t name, uint64_t *value);
const char *apic_set_register(struct vp *vp, uint32_t name, uint64_t value, bool check_only);

/*
 * WHvVirtualProcessorStateTypeInterruptControllerState2 (4096 bytes) and the layout of the
 * deprecated functions (`is_first`). Each call but the check takes over what others have posted. Is
 * the state legal, can every register have its value? Set only then.
 */
#define APIC_STATE_BYTES  4096u
#define APIC_STATE1_BYTES 1024u /* OpenVMM and libwhp give a page or less */
void apic_get_state(struct vp *vp, bool is_first, uint8_t *state);
bool apic_state_is_legal(struct vp *vp, bool is_first, const uint8_t *state);
void apic_set_state(struct vp *vp, bool is_first, const uint8_t *state);

/* ---- hv/apic/ipi.c: between the APICs of a partition ---- */

/* WHvRequestInterrupt: the two words of WHV_INTERRUPT_CONTROL. E_INVALIDARG. */
uint32_t apic_request(struct partition_locked held, uint64_t low, uint64_t high);

/*
 * WHvGetInterruptTargetVpSet: a bit for each VP, WHIT_MAX_VPS bits. E_INVALIDARG;
 * HV_STATUS_OPERATION_DENIED without APICs.
 */
uint32_t apic_targets(struct partition_locked held, uint64_t destination, uint64_t mode,
		      uint64_t bits[4]);

#endif
