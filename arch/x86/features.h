/* SPDX-License-Identifier: MIT */
/* Features of the processor that CPUID shows in the same way whoever made it. */
#ifndef ARCH_X86_FEATURES_H
#define ARCH_X86_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/cpuid.h"

/* Those for which virt_machine has no word; written with it. */
struct x86_features {
	bool has_rdtscp, has_ibpb;
	bool has_spec_ctrl;	/* and it is switched by hand */
	bool has_silent_xsetbv; /* the backend's: a child's XSETBV does not exit */
	uint32_t signature;	/* leaf 1 EAX, what RDX holds after INIT */
};

extern struct x86_features x86_features;

/*
 * Fill in x86_features, and of virt_machine what CPUID says; the rest of it becomes zero, for the
 * vendor to fill in. Before the first entry: the root can change what CPUID says.
 */
void features_read(void);

#define XSTATE_COMPONENTS 20u

/*
 * Which of the possible components of XCR0 a child is given, by the subleaves of CPUID leaf 0Dh
 * that describe them (from 2 on), and the bytes of an image in standard form. The function is pure.
 */
uint64_t features_xstate(uint64_t possible, const struct x86_cpuid leaf[static XSTATE_COMPONENTS],
			 uint32_t *n_bytes);

#endif
