/* SPDX-License-Identifier: MIT */
/*
 * The answers of CPUID: to a child by a list of allowed bits and its partition's model; to the root
 * those of the processor, less the features that Whit keeps for itself (hv/root/root_cpuid.c).
 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include "hv/hv.h"
#include "hv/vp.h"

enum cpuid_reg { EAX, EBX, ECX, EDX };

/* The leaf as a child's VP sees it: zeros for everything that hv/cpu/cpuid.c does not list. */
struct x86_cpuid cpuid_child(const struct vp *vp, uint32_t leaf, uint32_t subleaf);

/*
 * WHvGetVirtualProcessorCpuidOutput: the same, as a WHV_CPUID_OUTPUT in a buffer of the root.
 * E_INVALIDARG, E_POINTER.
 */
uint32_t cpuid_output(const struct vp *vp, uint64_t leaf, uint64_t subleaf, uint64_t buffer);

/* The leaf as the root sees it, on this processor and with CR4 as it stands. */
struct x86_cpuid cpuid_root(struct root *root, uint32_t leaf, uint32_t subleaf);

/* ---- For hv/cpu/model.c ---------------------------------------------------------------------- */

/* Once: note what the processor says of all that is listed. */
void cpuid_init(void);

/* A register of a listed leaf as the processor has it; 0 beyond its highest leaf. */
uint32_t cpuid_host(uint32_t leaf, enum cpuid_reg reg);

/* Work out the answers of a model, of model->has and of the partition's properties and lists. */
void cpuid_fill(struct model *model, const struct partition *partition);

/* A register of a listed leaf, 0 of others; and take bits of it away. */
uint32_t cpuid_word(const struct model *model, uint32_t leaf, uint32_t subleaf, enum cpuid_reg reg);
void cpuid_hide(struct model *model, uint32_t leaf, uint32_t subleaf, enum cpuid_reg reg,
		uint32_t bits);

#endif
