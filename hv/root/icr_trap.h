/* SPDX-License-Identifier: MIT */
/*
 * The trap of the ICR: on a machine that has processors which Whit has not taken over, or may get
 * one, no INIT and no SIPI of the root comes to them, for they would run without Whit. One to a
 * processor of Whit's goes on, by itself, which also mends processors that start only the first of
 * a broadcast. Off where the loader has found that nobody else is there.
 */
#ifndef HV_ROOT_ICR_TRAP_H
#define HV_ROOT_ICR_TRAP_H

#include "hv/hv.h"
#include "hv/cpu/msr.h"

/*
 * Switch it on, before the root's space is made. False: the processor cannot, or its APIC lies
 * where the trap does not reach.
 */
bool icr_trap_init(void);

/* One more processor; NULL, or why it cannot be one. Before its root's first entry. */
const char *icr_trap_prepare(struct root *root);

/* Is this violation a write of the root to the page of its APIC? */
static inline bool icr_trap_is_hit(const struct virt_exit *exit)
{
	return hv.icr_page && exit->memory.is_write &&
	       (exit->memory.gpa.a & PAGE_MASK) == hv.icr_page;
}

/*
 * It is: let the root execute the one instruction, and do its write. Fills the exit as virt_run()
 * does; a hit it is not again.
 */
void icr_trap_step(struct root *root, struct virt_exit *exit);

/* WRMSR of the x2APIC's ICR. */
enum msr_outcome icr_trap_write_msr(struct root *root, uint64_t value);

#endif
