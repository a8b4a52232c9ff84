/* SPDX-License-Identifier: MIT */
/* The fake machine's processors: each is a thread. Which VP each of them uses, and kicks. */
#include <sched.h>

#include "arch/fake/fake.h"

static _Thread_local uint32_t this_cpu;

void fake_on_cpu(uint32_t n)
{
	if (n >= fake.n_cpus || __atomic_exchange_n(&fake.cpu[n].is_on, true, __ATOMIC_RELAXED))
		fake_scream("a thread cannot be processor %u", n);
	this_cpu = n;
}

uint32_t virt_cpu(void)
{
	return this_cpu;
}

/* ---- Kicks ------------------------------------------------------------------------------- */

void virt_kick(uint32_t cpu)
{
	if (cpu >= fake.n_cpus || cpu == this_cpu ||
	    !__atomic_load_n(&fake.cpu[cpu].is_on, __ATOMIC_RELAXED))
		fake_scream("a kick of processor %u", cpu);
	FAKE_COUNT(n_kicks);
	(void)__atomic_exchange_n(&fake.cpu[cpu].kick, 1u, __ATOMIC_SEQ_CST);
}

bool fake_is_kicked(void)
{
	uint32_t *const kick = &fake.cpu[this_cpu].kick;

	return __atomic_load_n(kick, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(kick, 0, __ATOMIC_SEQ_CST);
}

/* Others have time to kick: what they have written before, nobody must have looked at yet. */
void virt_heard(void)
{
	if (fake.n_cpus > 1)
		sched_yield();
	(void)__atomic_exchange_n(&fake.cpu[this_cpu].kick, 0, __ATOMIC_SEQ_CST);
}

void fake_leave_guest(void)
{
	__atomic_store_n(&fake.cpu[this_cpu].in_guest, 0, __ATOMIC_RELAXED);
}

/* ---- Who uses a VP ----------------------------------------------------------------------- */

struct virt_vp *fake_use(struct virt_vp *vp, bool is_elsewhere)
{
	const uint32_t me = this_cpu + 1;
	uint32_t before = 0;

	if (fake.meddle)
		fake.meddle();
	if (!vp || vp->magic != FAKE_MAGIC)
		fake_scream("not a VP");
	if (!__atomic_compare_exchange_n(&vp->user, &before, me, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED) &&
	    before != me)
		fake_scream("processors %u and %u use one VP", before - 1, this_cpu);
	if (vp->is_switched_in && !is_elsewhere &&
	    __atomic_load_n(&vp->cpu, __ATOMIC_RELAXED) != this_cpu)
		fake_scream("processor %u uses a VP whose registers processor %u has", this_cpu,
			    vp->cpu);
	return before ? NULL : vp;
}

void fake_end_use(struct virt_vp **used)
{
	if (*used)
		__atomic_store_n(&(*used)->user, 0, __ATOMIC_RELAXED);
}
