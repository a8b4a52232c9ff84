/* SPDX-License-Identifier: MIT */
/*
 * Tags: the numbers by which a processor tells the cached translations of VPs apart, VPIDs on VT-x,
 * ASIDs on AMD-V. Tag 0 is the hypervisor's own, and is never given away.
 */
#ifndef ARCH_X86_TAG_H
#define ARCH_X86_TAG_H

#include <stdint.h>

#include "arch/lock.h"

#define TAG_MAX 65536u

/* All zero at first: none is taken. */
struct tags {
	struct lock lock;
	uint32_t hint; /* word to start the search at */
	uint64_t taken[TAG_MAX / 64];
};

/* A tag below n (at most TAG_MAX) that nobody has; 0 if there is none. */
uint16_t tag_take(struct tags *tags, uint32_t n);

/* Nobody has it any more. */
void tag_give(struct tags *tags, uint16_t tag);

#endif
