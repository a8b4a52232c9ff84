/* SPDX-License-Identifier: MIT */
/*
 * The reason why the processor refuses to enter a VP, or should have. hv/cpu/entry.c
 *
 * A processor without virt_machine.checks_entry enters nearly everything. There a VP whose
 * registers somebody has set is in doubt until its next entry, before which the rules are asked.
 * Its guest can break none of them but that of RIP.
 */
#ifndef HV_ENTRY_H
#define HV_ENTRY_H

#include "hv/vp.h"
#include "x86/compiler.h"
#include "x86/rflags.h"

#define DOUBT_STATE 1u
#define DOUBT_RIP   2u /* its upper half is another one */

static inline void entry_doubt(struct vp *vp, uint8_t doubts)
{
	if (!virt_machine.checks_entry)
		vp->doubts |= doubts | DOUBT_STATE;
}

/* Before one of these is set. What a client changes at each exit raises no doubt. */
static inline void entry_note_rip(struct vp *vp, uint64_t rip)
{
	if (unlikely((rip ^ virt_regs(vp->virt)->rip) >> 32))
		entry_doubt(vp, DOUBT_RIP);
}

static inline void entry_note_rflags(struct vp *vp, uint64_t rflags)
{
	const uint64_t changed = rflags ^ virt_regs(vp->virt)->rflags;

	if (unlikely(changed & ~(uint64_t)(RFLAGS_DEFINED & ~RFLAGS_VM)))
		entry_doubt(vp, DOUBT_STATE);
}

/*
 * The first rule of SDM 3C "Checking and Loading Guest State" that the VP's registers break, in
 * words, and the WHV_REGISTER_NAME that is to blame; NULL if they break none that is known here.
 * Slow: for a VP in doubt, and after an entry has failed.
 */
const char *entry_broken_rule(struct vp *vp, uint32_t *name);

/*
 * After an entry has failed: the same, or ENTRY_NO_RULE, and the register of the event that was to
 * be delivered, or else Rip.
 */
#define ENTRY_NO_RULE "the processor refused the state; nothing that Whit knows is wrong"

const char *entry_refusal(struct vp *vp, uint32_t *name);

#endif
