/* SPDX-License-Identifier: MIT */
/*
 * A partition's time: the host's TSC, less the time for which it stood still.
 * WHvSuspendPartitionTime stops it; a Run or WHvResumePartitionTime lets it go on where it stood,
 * so that no VP sees the gap. The deadlines of the APICs' timers move along. The caller's
 * VP, if one runs, is outside the gate.
 */
#ifndef HV_TIME_H
#define HV_TIME_H

#include "hv/hv.h"
#include "hv/partition.h"

/*
 * The host's TSC, or what it was when the time was suspended: what VIRT_TSC_OFFSET is to be added
 * to.
 */
static inline uint64_t time_now(const struct partition *partition)
{
	return partition->time_stopped ? partition->time_stopped : virt_tsc();
}

/*
 * The root's TSC, on one processor. Children's time is the machine's, so the machine's TSCs stand
 * still against every write of the root while a partition exists, and always where they are
 * several: an offset moves the root's own, with IA32_TSC_ADJUST and the deadline of its APIC, which
 * the root reads and writes in its own time.
 *
 * time_of_root(): what the root's TSC is when the machine's is `tsc`; never stays never.
 * time_of_machine(): the other way, for a deadline; one that has passed is 1, and one beyond the
 * end of time never comes.
 */
static inline uint64_t time_of_root(const struct root *root, uint64_t tsc)
{
	return tsc == ~0ull ? tsc : tsc + root->tsc_offset;
}

uint64_t time_of_machine(const struct root *root, uint64_t deadline);

/* The root's WRMSR makes its TSC jump by delta. False: the processor refuses. */
bool time_move_root(struct root *root, uint64_t delta);

/* Ticks of the TSC in units of 100 ns; at 1 GHz, if nobody knows better. */
uint64_t time_units(uint64_t ticks);

/* With the set-up: the TSC that every VP is created with begins at 0. */
void time_begin(struct partition_locked held);

/*
 * WHvSuspendPartitionTime, WHvResumePartitionTime; suspending twice is once. WHIT_E_INVALID_STATE
 * before the set-up, WHV_E_INVALID_VP_STATE if a VP runs, whose time goes on. time_stop(): the same
 * with the gate closed, and no VP running.
 */
void time_stop(struct partition_locked held);
uint32_t time_suspend(struct partition_locked held);
uint32_t time_resume(struct partition_locked held);

/*
 * WHIT_CALL_SET_TSC: of all VPs, those still to be created too. WHIT_E_INVALID_STATE before the
 * set-up, WHV_E_INVALID_VP_STATE if a VP runs.
 */
uint32_t time_set_tsc(struct partition_locked held, uint64_t value);

/* WHvPartitionPropertyCodeReferenceTime: 100 ns since the set-up, or since what was set. */
uint64_t time_reference(const struct partition *partition);
void time_set_reference(struct partition_locked held, uint64_t value);

/*
 * A VP's TSC: what RDTSC gives. time_put_tsc() and time_put_offset() are the client's; the others
 * are the guest's WRMSR of IA32_TIME_STAMP_- COUNTER and IA32_TSC_ADJUST, each of which moves the
 * other, too. IA32_TSC_ADJUST reads as vp->tsc_adjust.
 */
uint64_t time_tsc(struct vp *vp);
void time_put_tsc(struct vp *vp, uint64_t value);
void time_put_offset(struct vp *vp, uint64_t offset);
void time_write_tsc(struct vp *vp, uint64_t value);
void time_write_adjust(struct vp *vp, uint64_t value);

#endif
