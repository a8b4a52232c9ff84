/* SPDX-License-Identifier: MIT */
/*
 * The root partition: its exits, answered as the processor would answer without a hypervisor, less
 * VT-x. hv/root.c. It calls hypercall() for VMCALL and root_memory_fault() for nested faults.
 */
#ifndef HV_ROOT_H
#define HV_ROOT_H

#include "hv/hv.h"

/* Guard the MSRs that the root must not use as it likes. Once, after virt_root_create(). */
void root_prepare(struct root *root);

/* Run the root for ever. */
__attribute__((noreturn)) void root_run(struct root *root);

/*
 * Raise a fault (with error code 0, if it has one) for the root at the RIP of the exit. If the exit has interrupted the
 * delivery of an event they are combined, SDM 3A "Conditions for Generating a Double Fault"; a triple fault
 * resets the machine.
 */
void root_raise(struct root *root, const struct virt_exit *exit, uint8_t vector);

/* Go on after an exit whose cause has been removed: what it has interrupted is delivered again. */
void root_deliver_again(struct root *root, const struct virt_exit *exit);

/* ---- hv/hypercall.c ---- */

/*
 * The VMCALL of 64-bit ring-0 code: takes the call's registers out of virt_regs(root->virt), does it,
 * puts the results there. The caller has checked CPL and mode, and skips the instruction afterwards.
 */
void hypercall(struct root *root);

/* ---- hv/root_memory.c ---- */

/* The identity space of the root, out of hv.heap: all of memory but the block; false if the heap is small. */
bool root_memory_init(const struct whit_handover *handover);

/* Hide pages from the root, or show them again. Under hv.lock; false if hv.heap is short. */
bool root_memory_hide(spa_t base, uint64_t n_pages);
void root_memory_show(spa_t base, uint64_t n_pages);

/*
 * Let the map follow virt_memory_type(), from the start if it has changed, and else from where the last call has stopped: a part of
 * the work, for interrupts wait for it. True: that was the last part.
 */
bool root_memory_retype(bool has_changed);

/*
 * A nested fault of the root: afterwards the access is possible, or (no such memory, or no heap for its tables)
 * the root has got #GP. An access to hidden memory always becomes possible.
 */
void root_memory_fault(struct root *root, const struct virt_exit *exit);

/*
 * What the root would read there, n_bytes of one page below the end of physical memory. Only its own RAM is touched:
 * devices and firmware's reserved memory read as ones. Takes hv.lock.
 */
void root_memory_read(gpa_t gpa, void *to, unsigned int n_bytes);

#endif
