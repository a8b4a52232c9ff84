/* SPDX-License-Identifier: MIT */
/*
 * Cached translations. Those of an ASID are a VP's on one processor, with one space; what is to be
 * forgotten is left behind with its ASID, and the VP takes a new one. When a processor has given
 * away all, it forgets everything, by TLB_CONTROL of the next entry, and begins anew: all ASIDs of
 * its last generation are void. APM 2 "TLB Control".
 */
#include "arch/svm/svm.h"
#include "whit/layout.h"

#define CPU_BITS  8
#define LIMIT	  ((1u << ASID_BITS) - 1)
#define ASID(tag) ((uint32_t)((tag)&LIMIT))

_Static_assert(WHIT_MAX_CPUS <= 1 << CPU_BITS, "CPU_BITS");

/* No two processors ever have the same generation (percpu.asid_generation); 0: none yet. */
static struct {
	uint32_t next, end;
} asids[WHIT_MAX_CPUS];

void asid_init(struct percpu *cpu)
{
	asids[cpu->index].end = svm_caps.n_asids < LIMIT ? svm_caps.n_asids : LIMIT;
	asids[cpu->index].next = asids[cpu->index].end;
	cpu->asid_generation = cpu->index;
}

static uint64_t next_tag(struct percpu *cpu, struct virt_vp *vp)
{
	struct vmcb *const vmcb = vmcb_of(vp);

	if (asids[cpu->index].next == asids[cpu->index].end) {
		asids[cpu->index].next = 1;
		cpu->asid_generation += 1u << CPU_BITS;
		vmcb->tlb_control = TLB_FLUSH_ALL;
		inject_want(vp, RARE_ENTRY, true);
	}
	vmcb->asid = asids[cpu->index].next++;
	return cpu->asid_generation << ASID_BITS | vmcb->asid;
}

void asid_take(struct percpu *cpu, struct virt_vp *vp)
{
	svm_vp(vp)->tag = next_tag(cpu, vp);
}

/* A step is in another space than the root's own, and leaves its translations alone. */
void asid_take_for_step(struct percpu *cpu, struct virt_vp *root)
{
	(void)next_tag(cpu, root);
}

void asid_end_step(struct virt_vp *root)
{
	vmcb_of(root)->asid = ASID(svm_vp(root)->tag);
}

void virt_flush(struct virt_vp *vp)
{
	vp->due |= DUE_FLUSH;
}

void virt_renew(struct virt_vp *vp)
{
	vp->due |= DUE_SPACE;
}
