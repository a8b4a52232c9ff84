/* SPDX-License-Identifier: MIT */
/*
 * Memory types out of the MTRRs, SDM 3A "Memory Type Range Registers (MTRRs)". The functions are
 * pure: they take the registers' values and do not know where these come from.
 */
#ifndef ARCH_X86_MEMORY_TYPE_H
#define ARCH_X86_MEMORY_TYPE_H

#include <stdbool.h>
#include <stdint.h>
#include "x86/msr.h"

#define MTRR_MAX_VARIABLE 32

/* The fixed ones, in the order of `fixed`. */
extern const uint16_t mtrr_fixed[MTRR_FIXED];

struct mtrr_state {
	uint64_t cap;		    /* IA32_MTRRCAP; 0 without MTRRs */
	uint64_t def_type;	    /* IA32_MTRR_DEF_TYPE */
	uint64_t fixed[MTRR_FIXED]; /* 64K_00000, 16K_80000, 16K_A0000, 4K_C0000 … 4K_F8000 */
	uint64_t base[MTRR_MAX_VARIABLE]; /* IA32_MTRR_PHYSBASEn */
	uint64_t mask[MTRR_MAX_VARIABLE]; /* IA32_MTRR_PHYSMASKn */
	uint32_t n_variable;
	uint32_t physical_bits;
};

/* Where the value of an MTRR stands; NULL if the processor does not have it. */
uint64_t *mtrr_place(struct mtrr_state *mtrr, uint32_t msr);

/*
 * The type of the naturally aligned block [base, base + n_bytes); n_bytes a power of two, 4 KiB at
 * least. False if it is not the same throughout; never for 4 KiB.
 */
bool memory_type(const struct mtrr_state *mtrr, uint64_t base, uint64_t n_bytes, uint8_t *type);

#endif
