/* SPDX-License-Identifier: MIT */
/*
 * A partition's time (hv/cpu/time.h): offsets to the host's TSC, which only these functions change.
 */
#include "hv/cpu/time.h"

#include "hv/mem/gpa.h"
#include "hv/vp.h"
#include "x86/msr.h"

#define UNITS_PER_SECOND 10000000ull /* 100 ns */
#define UNKNOWN_HZ	 1000000000ull

/* A TSC jumps: the APIC's timer in its deadline mode waits for another moment. */
void time_put_offset(struct vp *vp, uint64_t offset)
{
	virt_set(vp->virt, VIRT_TSC_OFFSET, offset);
	if (vp->apic.page && vp->apic.tsc_deadline)
		(void)apic_write_msr(vp, MSR_TSC_DEADLINE, vp->apic.tsc_deadline);
}

/* Cut so that nothing overflows: a rate is below 2^34. */
uint64_t time_units(uint64_t ticks)
{
	const uint64_t hz = hv.tsc_hz ? hv.tsc_hz : UNKNOWN_HZ;

	return ticks / hz * UNITS_PER_SECOND + ticks % hz * UNITS_PER_SECOND / hz;
}

void time_begin(struct partition_locked held)
{
	held.partition->time_start = virt_tsc();
	held.partition->tsc_offset = 0 - held.partition->time_start;
}

void time_stop(struct partition_locked held)
{
	if (!held.partition->time_stopped)
		held.partition->time_stopped = virt_tsc();
}

uint32_t time_suspend(struct partition_locked held)
{
	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!gpa_close_at_rest(held))
		return RESULT(WHV_E_INVALID_VP_STATE);
	time_stop(held);
	gpa_open(held);
	return RESULT(S_OK);
}

/* VPs that run are all at the beginning of Run, for they let the time go on first of all. */
uint32_t time_resume(struct partition_locked held)
{
	struct partition *const partition = held.partition;
	uint64_t delta;

	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!partition->time_stopped)
		return RESULT(S_OK);
	gpa_close(held);
	delta = virt_tsc() - partition->time_stopped;
	partition->time_stopped = 0;
	partition->time_start += delta;
	partition->tsc_offset -= delta;
	for (uint32_t i = 0; i < partition->properties.processor_count; i++) {
		struct vp *const vp = partition->vps[i];

		if (!vp)
			continue;
		virt_set(vp->virt, VIRT_TSC_OFFSET, virt_get(vp->virt, VIRT_TSC_OFFSET) - delta);
		apic_move_time(vp, delta);
	}
	gpa_open(held);
	return RESULT(S_OK);
}

uint32_t time_set_tsc(struct partition_locked held, uint64_t value)
{
	struct partition *const partition = held.partition;

	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!gpa_close_at_rest(held))
		return RESULT(WHV_E_INVALID_VP_STATE);
	partition->tsc_offset = value - time_now(partition);
	for (uint32_t i = 0; i < partition->properties.processor_count; i++)
		if (partition->vps[i])
			time_put_offset(partition->vps[i], partition->tsc_offset);
	gpa_open(held);
	return RESULT(S_OK);
}

uint64_t time_reference(const struct partition *partition)
{
	if (!partition->is_set_up)
		return partition->reference;
	return partition->reference + time_units(time_now(partition) - partition->time_start);
}

void time_set_reference(struct partition_locked held, uint64_t value)
{
	held.partition->reference = value;
	if (held.partition->is_set_up)
		held.partition->time_start = time_now(held.partition);
}

/* ---- The root's -------------------------------------------------------------------------- */

uint64_t time_of_machine(const struct root *root, uint64_t deadline)
{
	const uint64_t now = virt_tsc(), at = deadline - root->tsc_offset;

	if (deadline <= now + root->tsc_offset)
		return 1;
	return at < now ? ~0ull : at;
}

bool time_move_root(struct root *root, uint64_t delta)
{
	uint64_t deadline = 0, adjust;
	bool is_done = true;

	lock_take(&hv.lock);
	if (!hv.stats.partitions && hv.n_cpus == 1) {
		/*
		 * The machine's itself, as without Whit: nobody's time moves, and the root's timer
		 * needs no exit. With several processors their TSCs would run apart, on which VPs
		 * run by turns.
		 */
		is_done = virt_rdmsr(MSR_TSC_ADJUST, &adjust)
				  ? virt_wrmsr(MSR_TSC_ADJUST, adjust + delta)
				  : virt_wrmsr(MSR_TSC, virt_tsc() + delta);
	} else {
		if (virt_rdmsr(MSR_TSC_DEADLINE, &deadline) && deadline)
			deadline += root->tsc_offset;
		root->tsc_offset += delta;
		virt_set(root->virt, VIRT_TSC_OFFSET, root->tsc_offset);
		virt_root_guard_msr(root->virt, MSR_TSC_DEADLINE, true, true);
		if (deadline)
			(void)virt_wrmsr(MSR_TSC_DEADLINE, time_of_machine(root, deadline));
	}
	lock_drop(&hv.lock);
	return is_done;
}

/* ---- One VP's ---------------------------------------------------------------------------- */

uint64_t time_tsc(struct vp *vp)
{
	return time_now(vp->partition) + virt_get(vp->virt, VIRT_TSC_OFFSET);
}

void time_put_tsc(struct vp *vp, uint64_t value)
{
	time_put_offset(vp, value - time_now(vp->partition));
}

/* SDM 3B "IA32_TSC_ADJUST Register": a write of either moves the other by as much. */
void time_write_tsc(struct vp *vp, uint64_t value)
{
	const uint64_t before = virt_get(vp->virt, VIRT_TSC_OFFSET);

	time_put_tsc(vp, value);
	vp->tsc_adjust += virt_get(vp->virt, VIRT_TSC_OFFSET) - before;
}

void time_write_adjust(struct vp *vp, uint64_t value)
{
	time_put_offset(vp, virt_get(vp->virt, VIRT_TSC_OFFSET) + value - vp->tsc_adjust);
	vp->tsc_adjust = value;
}
