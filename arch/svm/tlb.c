/* SPDX-License-Identifier: MIT */
/*
 * Cached translations. Those of an ASID are a VP's on one processor, with one space; what is to be
 * forgotten goes by a flush of the ASID, or is left behind with it, and the VP takes a new one.
 * When a processor has given away all, it forgets everything, by TLB_CONTROL of the next entry,
 * whoever's that is, and begins anew: all ASIDs of its last generation are void. APM 2 "TLB
 * Control".
 */
#include "arch/svm/svm.h"
#include "whit/layout.h"

#define CPU_BITS  8
#define LIMIT	  ((1u << ASID_BITS) - 1)
#define ASID(tag) ((uint32_t)((tag)&LIMIT))

_Static_assert(WHIT_MAX_CPUS <= 1 << CPU_BITS, "CPU_BITS");

/*
 * No two processors ever have the same generation (percpu.asid_generation); 0 is that of a new VP's
 * tag.
 */
static struct {
	uint32_t next, end;
	bool is_stale; /* translations of the last generation are still there */
} asids[WHIT_MAX_CPUS];

void asid_init(struct percpu *cpu)
{
	asids[cpu->index].end = svm_caps.n_asids < LIMIT ? svm_caps.n_asids : LIMIT;
	asids[cpu->index].next = asids[cpu->index].end;
	cpu->asid_generation = (1u << CPU_BITS) + cpu->index;
}

static void flush(struct virt_vp *vp, uint8_t tlb_control)
{
	vmcb_of(vp)->tlb_control = tlb_control;
	inject_want(vp, RARE_ENTRY, true);
}

static uint64_t next_tag(struct percpu *cpu, struct virt_vp *vp)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (asids[cpu->index].next == asids[cpu->index].end) {
		asids[cpu->index].next = 1;
		asids[cpu->index].is_stale = true;
		cpu->asid_generation += 1u << CPU_BITS;
	}
	if (asids[cpu->index].is_stale)
		flush(vp, TLB_FLUSH_ALL);
	vmcb->asid = asids[cpu->index].next++;
	vmcb_dirty(vmcb, CLEAN_ASID);
	return cpu->asid_generation << ASID_BITS | vmcb->asid;
}

/* The processor may be another one, to which nothing of the VMCB is known. */
void asid_take(struct percpu *cpu, struct virt_vp *vp)
{
	vmcb_of(vp)->clean = 0;
	svm_vp(vp)->tag = next_tag(cpu, vp);
}

void asid_renew(struct percpu *cpu, struct virt_vp *vp)
{
	if (!svm_caps.has_flush_by_asid || !asid_is_current(cpu, vp))
		asid_take(cpu, vp);
	else if (vmcb_of(vp)->tlb_control == TLB_KEEP)
		flush(vp, TLB_FLUSH_ASID);
}

/* An entry that was refused need not have flushed anything. */
void asid_entered(const struct percpu *cpu, struct vmcb *vmcb)
{
	if ((uint32_t)vmcb->exit_code == VMEXIT_INVALID)
		return;
	if (vmcb->tlb_control == TLB_FLUSH_ALL)
		asids[cpu->index].is_stale = false;
	vmcb->tlb_control = TLB_KEEP;
}

/* A step is in another space than the root's own, and leaves its translations alone. */
void asid_take_for_step(struct percpu *cpu, struct virt_vp *root)
{
	(void)next_tag(cpu, root);
}

void asid_end_step(struct virt_vp *root)
{
	vmcb_of(root)->asid = ASID(svm_vp(root)->tag);
	vmcb_dirty(vmcb_of(root), CLEAN_ASID);
}

void virt_flush(struct virt_vp *vp)
{
	vp->due |= DUE_FLUSH;
}

void virt_renew(struct virt_vp *vp)
{
	vp->due |= DUE_SPACE;
}
