/* SPDX-License-Identifier: MIT */
/*
 * Which VMCSs are active on which processor, and how a child's moves from one to another.
 *
 * SDM 3C "Software Use of Virtual-Machine Control Structures": a VMCS is active on one processor at
 * a time, which alone can put it back into memory, by VMCLEAR. Another processor that is to run its
 * VP asks for that: it writes the VP into the letter of the processor that has it, and kicks. The
 * other's handler of NMIs clears it and writes `cpu`; that is what is waited for.
 *
 * The handler may do so at any instruction. Who asks has taken the VP for itself (owner.h in hv/),
 * so no code on the processor that has it uses the VP: none stands between a vmcs_load() of it and
 * what needs that VMCS, and none waits to go on with it. Of the processor's state VMCLEAR changes
 * no more than the current-VMCS pointer, and that only if it is this VP's; percpu.current follows
 * it, and whoever needs another VMCS loads that by itself. Code here that puts a VMCS back takes
 * the VP out of the table by an exchange first, as the handler does: the one that gets it clears
 * it.
 *
 * The table bounds what a processor has to clear before it waits for a SIPI, where it answers
 * nobody. The root's VMCS never moves, and is not in it.
 */
#include "arch/vmx/vmx.h"
#include "arch/x86/backend.h"
#include "arch/x86/kick.h"

/* In a letter: the handler is at it. */
#define BUSY ((struct virt_vp *)1)

/* A VMCS stays until somebody asks. */
void backend_leave(struct virt_vp *from)
{
	(void)from;
}

static uint32_t cpu_of(struct virt_vp *vp)
{
	return __atomic_load_n(&vmx_vp(vp)->cpu, __ATOMIC_ACQUIRE);
}

/* False: it is not there, or whoever interrupted us, or was interrupted by us, has got it. */
static bool take_out(struct percpu *cpu, struct virt_vp *vp)
{
	for (unsigned int i = 0; i < ACTIVE_VPS; i++) {
		struct virt_vp *there = vp;

		if (__atomic_load_n(&cpu->active[i], __ATOMIC_RELAXED) == vp)
			return __atomic_compare_exchange_n(&cpu->active[i], &there, NULL, false,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
	return false;
}

/* Of a VP that has been taken out of the table, and may be gone as soon as `cpu` is written. */
static void put_back(struct percpu *cpu, struct virt_vp *vp)
{
	struct vmx_vp *const vmx = vmx_vp(vp);

	vmcs_clear(vmx->vmcs);
	if (cpu->current == vp)
		cpu->current = NULL;
	vmx->is_launched = false;
	__atomic_store_n(&vmx->cpu, CPU_NONE, __ATOMIC_RELEASE);
}

static void empty(struct percpu *cpu, unsigned int slot)
{
	struct virt_vp *const vp = __atomic_exchange_n(&cpu->active[slot], NULL, __ATOMIC_RELAXED);

	if (vp)
		put_back(cpu, vp);
}

/* The VP is not active any more where it has been so. */
static void call_back(struct virt_vp *vp, uint32_t from)
{
	struct letter *const letter = &percpu_of(from)->letter;
	struct virt_vp *wanted;

	lock_take(&letter->lock);
	__atomic_store_n(&letter->wanted, vp, __ATOMIC_SEQ_CST);
	kick_send(from, KICK_WISH);
	while (cpu_of(vp) == from)
		x86_pause();
	/*
	 * If the other has put it back of its own accord the wish may stand yet, and is withdrawn.
	 */
	do {
		wanted = vp;
		if (__atomic_compare_exchange_n(&letter->wanted, &wanted, NULL, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			break;
	} while (wanted);
	lock_drop(&letter->lock);
}

void backend_kicked(void)
{
	struct percpu *const cpu = percpu();
	struct virt_vp *vp = __atomic_load_n(&cpu->letter.wanted, __ATOMIC_SEQ_CST);

	/* It is withdrawn before the VP can be gone: BUSY holds that up. */
	if (!vp || !__atomic_compare_exchange_n(&cpu->letter.wanted, &vp, BUSY, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return;
	if (take_out(cpu, vp))
		put_back(cpu, vp);
	__atomic_store_n(&cpu->letter.wanted, NULL, __ATOMIC_SEQ_CST);
}

void active_begin(struct virt_vp *vp)
{
	struct percpu *const cpu = percpu();
	const uint32_t from = cpu_of(vp);
	unsigned int slot;

	if (from != CPU_NONE)
		call_back(vp, from);
	__atomic_store_n(&vmx_vp(vp)->cpu, cpu->index, __ATOMIC_RELAXED);
	if (vp->is_root)
		return;
	slot = cpu->next_active++ % ACTIVE_VPS;
	empty(cpu, slot);
	__atomic_store_n(&cpu->active[slot], vp, __ATOMIC_RELAXED);
}

void active_end(struct virt_vp *vp)
{
	struct percpu *const cpu = percpu();
	const uint32_t at = cpu_of(vp);

	if (at == CPU_NONE)
		return;
	if (at != cpu->index)
		call_back(vp, at);
	else if (vp->is_root || take_out(cpu, vp))
		put_back(cpu, vp);
}

void active_end_all(void)
{
	for (unsigned int i = 0; i < ACTIVE_VPS; i++)
		empty(percpu(), i);
}
