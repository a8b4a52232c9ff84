/* SPDX-License-Identifier: MIT */
/*
 * The register page of a local APIC, and functions that the files of hv/apic/ share. Nobody else
 * includes this. Words of another VP's page are only read, and whole: it may be running.
 */
#ifndef HV_APIC_PAGE_H
#define HV_APIC_PAGE_H

#include "hv/cpu/time.h"
#include "hv/vp.h"

/* SDM 3A "Local APIC Register Address Map": 16 n in the page, MSR 800h + n. */
enum {
	APIC_ID = 0x02,
	APIC_VERSION = 0x03,
	APIC_TPR = 0x08,
	APIC_APR = 0x09,
	APIC_PPR = 0x0a,
	APIC_EOI = 0x0b,
	APIC_RRD = 0x0c,
	APIC_LDR = 0x0d,
	APIC_DFR = 0x0e,
	APIC_SVR = 0x0f,
	APIC_ISR = 0x10, /* eight of each */
	APIC_TMR = 0x18,
	APIC_IRR = 0x20,
	APIC_ESR = 0x28,
	APIC_ICR = 0x30,
	APIC_ICR_HIGH = 0x31,
	APIC_LVT_TIMER = 0x32,
	APIC_LVT_THERMAL = 0x33,
	APIC_LVT_PERF = 0x34,
	APIC_LVT_LINT0 = 0x35,
	APIC_LVT_LINT1 = 0x36,
	APIC_LVT_ERROR = 0x37,
	APIC_INITIAL_COUNT = 0x38,
	APIC_CURRENT_COUNT = 0x39,
	APIC_DIVIDE = 0x3e,
	APIC_SELF_IPI = 0x3f,
	APIC_REGISTERS
};

#define APIC_FIRST_VECTOR 16u /* those below are illegal */

/*
 * SDM 3A "Spurious-Interrupt Vector Register", "Local Vector Table", "Interrupt Command Register"
 */
#define SVR_ENABLED	    (1u << 8)
#define LVT_MASKED	    (1u << 16)
#define LVT_LEVEL	    (1u << 15)
#define LVT_TIMER_PERIODIC  (1u << 17)
#define LVT_TIMER_DEADLINE  (1u << 18)
#define LVT_READ_ONLY	    (1u << 12 | 1u << 14) /* delivery status, remote IRR */
#define ICR_LOGICAL	    (1u << 11)
#define ICR_BUSY	    (1u << 12) /* never */
#define ICR_ASSERT	    (1u << 14)
#define ICR_LEVEL	    (1u << 15)
#define DELIVERY_MODE(word) ((word) >> 8 & 7)
#define SHORTHAND(word)	    ((word) >> 18 & 3)

enum { DELIVER_FIXED, DELIVER_LOWEST, DELIVER_SMI, DELIVER_NMI = 4, DELIVER_INIT, DELIVER_SIPI };

/* SDM 3A "Error Handling" */
#define ESR_SEND_VECTOR	    (1u << 5)
#define ESR_RECEIVE_VECTOR  (1u << 6)
#define ESR_ILLEGAL_ADDRESS (1u << 7)

static inline uint32_t apic_get(const struct apic *apic, unsigned int n)
{
	return __atomic_load_n((const uint32_t *)(const void *)(apic->page + 16 * n),
			       __ATOMIC_RELAXED);
}

static inline void apic_put(struct apic *apic, unsigned int n, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)(apic->page + 16 * n), value, __ATOMIC_RELAXED);
}

/* The ICR: in x2APIC mode one register of 64 bits, which the processor may read from the page. */
static inline uint64_t apic_icr(const struct apic *apic)
{
	const unsigned int high = apic->mode == VIRT_APIC_X2APIC ? 4 : 16;

	return apic_get(apic, APIC_ICR) |
	       (uint64_t) * (const uint32_t *)(const void *)(apic->page + 16 * APIC_ICR + high)
		       << 32;
}

static inline void apic_put_icr(struct apic *apic, uint64_t value)
{
	const unsigned int high = apic->mode == VIRT_APIC_X2APIC ? 4 : 16;

	apic_put(apic, APIC_ICR, (uint32_t)value & ~ICR_BUSY);
	*(uint32_t *)(void *)(apic->page + 16 * APIC_ICR + high) = (uint32_t)(value >> 32);
}

/* SDM 3A "Logical x2APIC ID" */
static inline uint32_t apic_logical_x2(uint32_t id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

static inline void apic_set_due(struct apic *apic)
{
	__atomic_store_n(&apic->is_due, true, __ATOMIC_RELEASE);
}

/*
 * Registers that a client has set since the last entry; those of the timer take effect when all of
 * them are known.
 */
#define KEPT_ANY      (1u << 0)
#define KEPT_START    (1u << 1) /* INITIAL_COUNT */
#define KEPT_COUNT    (1u << 2) /* CURRENT_COUNT: kept_count; goes before KEPT_START */
#define KEPT_DEADLINE (1u << 3) /* IA32_TSC_DEADLINE: kept_deadline */

static inline void apic_keep(struct apic *apic, unsigned int what)
{
	apic->kept |= (uint8_t)(KEPT_ANY | what);
	apic_set_due(apic);
}

/* ---- hv/apic/apic.c: the VP's own ---- */

/* The value that the guest reads: a word of the page, or computed. */
uint32_t apic_register(struct vp *vp, unsigned int n);

/* Bits that a register can have, by whoever writes it; 0: none, or it is read-only. */
uint64_t apic_writable(unsigned int n, bool is_x2apic);

/* A vector arrives; and an interrupt of the local vector table, unless it is masked. */
void apic_accept(struct vp *vp, uint8_t vector, bool is_level);
void apic_local(struct vp *vp, unsigned int lvt);

/* An error for the ESR, and LVT_ERROR. */
void apic_error(struct vp *vp, uint32_t bit);

/* ---- hv/apic/image.c ---- */

/*
 * apic->kept is set: what a client has set, in whatever order, becomes what the registers can be
 * together.
 */
void apic_settle(struct vp *vp);

/* ---- hv/apic/mode.c ---- */

/* The guest writes IA32_APIC_BASE. False: #GP(0). */
bool apic_write_base(struct vp *vp, uint64_t value);

/* ---- hv/apic/timer.c ---- */

/* A write of INITIAL_COUNT; DIVIDE, LVT_TIMER have been written. */
void apic_timer_start(struct vp *vp, uint32_t count);
void apic_timer_divide(struct vp *vp);
void apic_timer_mode(struct vp *vp);
void apic_timer_stop(struct vp *vp);

/* The value of CURRENT_COUNT. */
uint32_t apic_timer_count(struct vp *vp);

/* Take over what a client has set, apic->kept: the timer goes on by all of it, from now. */
void apic_timer_settle(struct vp *vp, unsigned int kept);

/* A write of IA32_TSC_DEADLINE. */
void apic_timer_set_deadline(struct vp *vp, uint64_t tsc);

/*
 * Fire, if the deadline has come; a client's settings that wait for the entry come first. Before
 * each access of the guest, who may see it come, and before each entry.
 */
void apic_timer_look(struct vp *vp);

/* ---- hv/apic/ipi.c ---- */

/* The guest has written the ICR, or SELF_IPI. The client may be asked instead: apic->trap. */
void apic_send(struct vp *vp, uint64_t icr);

/* Take over the vectors that others have posted. */
void apic_take(struct vp *vp);

#endif
