/* SPDX-License-Identifier: MIT */
/*
 * The processor model of a partition's VPs: the features that the machine has and Whit virtualises,
 * less those that the partition's properties take away. It is worked out once, at the set-up;
 * hv/cpu/cpuid.c shows it, hv/cpu/cr.c and hv/cpu/msr.c hold the guest to it.
 */
#ifndef HV_MODEL_H
#define HV_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/cpuid.h"

struct partition;

/*
 * Features of the processor beyond single instructions; rows of CPUID and of the MSRs name those
 * that they need.
 */
#define HAS_XSAVE     (1u << 0)
#define HAS_AVX	      (1u << 1) /* its state component, as the next two */
#define HAS_AVX512    (1u << 2)
#define HAS_TILE      (1u << 3)
#define HAS_XSAVES    (1u << 4)
#define HAS_TSC_AUX   (1u << 5) /* RDTSCP, RDPID */
#define HAS_INVPCID   (1u << 6)
#define HAS_UMWAIT    (1u << 7)
#define HAS_APIC      (1u << 8)
#define HAS_X2APIC    (1u << 9)
#define HAS_RATE      (1u << 10) /* the TSC's frequency is known */
#define HAS_SPEC_CTRL (1u << 11) /* the MSRs of these names */
#define HAS_PRED_CMD  (1u << 12)
#define HAS_FLUSH_CMD (1u << 13)
#define HAS_ARCH_CAP  (1u << 14)
#define HAS_AMD	      (1u << 15) /* the vendor, as the next */
#define HAS_INTEL     (1u << 16)
#define HAS_TOPOLOGY  (1u << 17) /* leaves 8000001Dh and 8000001Eh */
#define HAS_SBPB      (1u << 18)
#define HAS_LFENCE    (1u << 19) /* LFENCE waits for all before it */

#define MODEL_ANSWERS 40u
#define MODEL_SLOTS   40u
#define MODEL_LOOK    0x80u

struct model {
	uint32_t has; /* HAS_… */
	/* Bits that the registers can have. */
	uint64_t cr4, efer, xcr0, xss, spec_ctrl;
	uint64_t arch_capabilities; /* IA32_ARCH_CAPABILITIES */
	/*
	 * CPUID leaves from 0 and from 80000000h on: where in `answers` the first subleaf is.
	 * MODEL_LOOK: there is more to it, hv/cpu/cpuid.c.
	 */
	uint8_t slot[2][MODEL_SLOTS];
	struct x86_cpuid answers[MODEL_ANSWERS];
};

/* Once, before any other, with hv.tsc_hz known: look at the processor it is called on. */
void model_init(void);

/* The most that a partition can have: everything, with one VP and an APIC. */
const struct model *model_most(void);

/*
 * WHV_PROCESSOR_FEATURES_BANKS (words 0 and 1) and WHV_PROCESSOR_XSAVE_FEATURES (word 2): the bits
 * whose CPUID bits a model shows.
 */
#define MODEL_XSAVE_WORD 2u
#define MODEL_WORDS	 3u
uint64_t model_features(const struct model *model, unsigned int word);

/* The same of model_most(), worked out. */
uint64_t model_limit(unsigned int word);

/* The line size of CLFLUSH as WHP has it: log2 of the bytes; 0 without the instruction. */
uint8_t model_clflush_size(const struct model *model);

/* VIRT_HAS_… that the VPs can use. */
uint32_t model_instructions(const struct model *model);

/* Work out partition->model of its properties and lists. */
void model_build(struct partition *partition);

#endif
