/* SPDX-License-Identifier: MIT */
/*
 * What the processor at hand executes. Its CPUID does not say: a hypervisor may hide bits of instructions that
 * the processor executes all the same. So each is executed; where an older instruction would be with the same
 * bytes, its result is looked at.
 */
#ifndef TESTS_EMU_PROBE_H
#define TESTS_EMU_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct probed {
	uint32_t features; /* EMU_HAS(), EMU_AMD among them */
	uint64_t xcr0;	   /* 0 without XGETBV */
	bool has_osxsave, has_umip, has_fsgsbase;
};

void probe(struct probed *probed);

/*
 * CPUID, for what cannot be executed: vendor, and where XSAVE puts things. With probe_hide() one bit of one leaf
 * reads 0, as below a hypervisor that hides it; reg is 0 to 3 for EAX to EDX. CPUID_HIDE=LEAF.REG.BIT in the
 * environment does the same.
 */
void probe_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
void probe_hide(uint32_t leaf, unsigned int reg, unsigned int bit);

/*
 * The result of probe() with each bit of the leaves of features hidden in turn is this one. Returns how many were
 * tried, 0 if one of them made a difference.
 */
unsigned int probe_each_bit_hidden(const struct probed *expected);

#endif
