/* SPDX-License-Identifier: MIT */
/* The reason why the processor refuses to enter a VP. hv/cpu/entry.c */
#ifndef HV_ENTRY_H
#define HV_ENTRY_H

#include "hv/vp.h"

/*
 * The first rule of SDM 3C "Checking and Loading Guest State" that the VP's registers break, in
 * words, and the WHV_REGISTER_NAME that is to blame. If none of the rules known here is broken:
 * ENTRY_NO_RULE, and the register of the event that was to be delivered, or else Rip. Slow, and
 * asked only after an entry has failed; the processor's own checks are the ones that count.
 */
#define ENTRY_NO_RULE "the processor refused the state; nothing that Whit knows is wrong"

const char *entry_refusal(struct vp *vp, uint32_t *name);

#endif
