/* SPDX-License-Identifier: MIT */
/*
 * The timer of a local APIC, SDM 3A "APIC Timer": a count that runs down from `count_from`, at
 * `count_start`, at APIC_CLOCK_HZ over the divider; or IA32_TSC_DEADLINE. Either is a deadline by
 * the host's TSC, of which the processor is told when it changes. Times are the partition's:
 * hv/cpu/time.h.
 */
#include "hv/apic/page.h"

#define MODE_PERIODIC 1u
#define MODE_DEADLINE 2u
#define MODE_SHIFT    17

/*
 * A period below this is as long: a timer that has expired when the guest is entered ends the entry
 * before the first instruction, and before the root's interrupts are looked at.
 */
#define MIN_PERIODS_HZ 10000u

static uint64_t tsc_hz(void)
{
	return hv.tsc_hz ? hv.tsc_hz : APIC_CLOCK_HZ;
}

/* n * to / from, and the rest in *rest: exact. The rates are below 2^36, one of them below 2^28. */
static uint64_t scale(uint64_t n, uint64_t to, uint64_t from, uint64_t *rest)
{
	const uint64_t part = n % from * to;

	*rest = part % from;
	return n / from * to + part / from;
}

/* A count in ticks of the TSC; *rest: in parts of APIC_CLOCK_HZ. */
static uint64_t ticks_of(const struct apic *apic, uint32_t count, uint64_t *rest)
{
	return scale((uint64_t)count << apic->timer_shift, tsc_hz(), APIC_CLOCK_HZ, rest);
}

static uint64_t timer_now(const struct vp *vp)
{
	return time_now(vp->partition);
}

static void arm(struct vp *vp, uint64_t deadline)
{
	if (vp->apic.deadline == deadline)
		return;
	vp->apic.deadline = deadline;
	virt_set_deadline(vp->virt, deadline);
}

/* The count stands, or stood, at `count` at `start` and a fraction of a tick. */
static void run_from(struct vp *vp, uint64_t start, uint32_t fraction, uint32_t count)
{
	struct apic *const apic = &vp->apic;
	uint64_t rest, ticks = ticks_of(apic, count, &rest);

	rest += fraction;
	if (rest >= APIC_CLOCK_HZ) {
		rest -= APIC_CLOCK_HZ;
		ticks++;
	}
	apic->count_start = start;
	apic->count_from = count;
	apic->fraction = (uint32_t)rest;
	arm(vp, start + ticks);
}

void apic_timer_stop(struct vp *vp)
{
	vp->apic.tsc_deadline = 0;
	arm(vp, APIC_NEVER);
}

static void count_down(struct vp *vp, uint32_t count)
{
	if (count)
		run_from(vp, timer_now(vp), 0, count);
	else
		arm(vp, APIC_NEVER);
}

/* In the deadline mode there is no count: writes are ignored, it reads as zero. */
void apic_timer_start(struct vp *vp, uint32_t count)
{
	if (vp->apic.timer_mode & MODE_DEADLINE)
		return;
	apic_put(&vp->apic, APIC_INITIAL_COUNT, count);
	count_down(vp, count);
}

/*
 * A count that has run out and not fired yet stands at 1, so that a client that saves it does not
 * lose it.
 */
static uint32_t count_at(const struct apic *apic, uint64_t now)
{
	uint64_t elapsed, rest;

	if (apic->deadline == APIC_NEVER || (apic->timer_mode & MODE_DEADLINE))
		return 0;
	if (now <= apic->count_start)
		return apic->count_from;
	elapsed =
		scale(now - apic->count_start, APIC_CLOCK_HZ, tsc_hz(), &rest) >> apic->timer_shift;
	return elapsed < apic->count_from ? apic->count_from - (uint32_t)elapsed : 1;
}

uint32_t apic_timer_count(struct vp *vp)
{
	if (vp->apic.kept & KEPT_COUNT)
		return vp->apic.kept_count;
	return count_at(&vp->apic, timer_now(vp));
}

/* SDM 3A "Divide Configuration Register": bits 3, 1 and 0; 7 is 1, and 0 is 2. */
static uint8_t shift_of(const struct apic *apic)
{
	const uint32_t divide = apic_get(apic, APIC_DIVIDE);

	return (uint8_t)((((divide & 3) | (divide >> 1 & 4)) + 1) & 7);
}

/* A count that runs goes on from where it is. */
void apic_timer_divide(struct vp *vp)
{
	const uint64_t now = timer_now(vp);
	const uint32_t count = count_at(&vp->apic, now);

	vp->apic.timer_shift = shift_of(&vp->apic);
	if (count)
		run_from(vp, now, 0, count);
}

/* Into the deadline mode and out of it the timer is disarmed. */
void apic_timer_mode(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	const uint8_t mode = apic_get(apic, APIC_LVT_TIMER) >> MODE_SHIFT & 3;

	if ((mode ^ apic->timer_mode) & MODE_DEADLINE)
		apic_timer_stop(vp);
	apic->timer_mode = mode;
}

/*
 * SDM 3A "TSC-Deadline Mode": in other modes a write is ignored; of the guest's TSC; what has
 * passed fires at once.
 */
void apic_timer_set_deadline(struct vp *vp, uint64_t tsc)
{
	struct apic *const apic = &vp->apic;
	const uint64_t now = timer_now(vp);
	const uint64_t guest_now = now + virt_get(vp->virt, VIRT_TSC_OFFSET);
	const uint64_t longest = APIC_NEVER - 1 - now;

	if (!(apic->timer_mode & MODE_DEADLINE))
		return;
	apic->tsc_deadline = tsc;
	if (!tsc) {
		arm(vp, APIC_NEVER);
	} else if (tsc <= guest_now) {
		arm(vp, now);
		apic_set_due(apic);
	} else {
		arm(vp, now + (tsc - guest_now < longest ? tsc - guest_now : longest));
	}
}

/*
 * A count that has been set goes on from now, any other from where it is; a periodic one never
 * rests at zero.
 */
void apic_timer_settle(struct vp *vp, unsigned int kept)
{
	struct apic *const apic = &vp->apic;
	const uint32_t initial = apic_get(apic, APIC_INITIAL_COUNT);
	uint32_t count = kept & KEPT_COUNT ? apic->kept_count : initial;

	apic_timer_mode(vp);
	if ((apic->timer_mode & MODE_DEADLINE) || !(kept & (KEPT_COUNT | KEPT_START))) {
		apic_timer_divide(vp);
		if (kept & KEPT_DEADLINE)
			apic_timer_set_deadline(vp, apic->kept_deadline);
		return;
	}
	apic->timer_shift = shift_of(apic);
	if (!count && apic->timer_mode == MODE_PERIODIC)
		count = initial;
	count_down(vp, count);
}

static void run_shortest(struct vp *vp, uint64_t now, uint32_t count)
{
	vp->apic.count_start = now;
	vp->apic.count_from = count;
	vp->apic.fraction = 0;
	arm(vp, now + tsc_hz() / MIN_PERIODS_HZ);
}

/* Periods follow each other without a gap; those that have been missed altogether are left out. */
static void next_period(struct vp *vp, uint64_t now)
{
	struct apic *const apic = &vp->apic;
	const uint32_t count = apic_get(apic, APIC_INITIAL_COUNT);
	const uint64_t late = now - apic->deadline;
	uint64_t rest, period = ticks_of(apic, count, &rest);

	if (!count)
		arm(vp, APIC_NEVER);
	else if (period <= tsc_hz() / MIN_PERIODS_HZ)
		run_shortest(vp, now, count);
	else
		run_from(vp, apic->deadline + late / period * period, apic->fraction, count);
}

void apic_timer_look(struct vp *vp)
{
	struct apic *const apic = &vp->apic;
	uint64_t now;

	if (apic->deadline == APIC_NEVER || apic->kept || (now = timer_now(vp)) < apic->deadline)
		return;
	if (apic->timer_mode == MODE_PERIODIC)
		next_period(vp, now);
	else
		apic_timer_stop(vp);
	apic_local(vp, APIC_LVT_TIMER);
}

void apic_move_time(struct vp *vp, uint64_t delta)
{
	struct apic *const apic = &vp->apic;

	if (apic->deadline == APIC_NEVER)
		return;
	apic->count_start += delta;
	arm(vp, delta < APIC_NEVER - 1 - apic->deadline ? apic->deadline + delta : APIC_NEVER - 1);
}
