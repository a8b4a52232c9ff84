/* SPDX-License-Identifier: MIT */
/*
 * The merge of MTRRs into one type per block, SDM 3A "MTRR Precedences". Values that the manual
 * calls undefined or reserved give UC, which is slow but never wrong.
 */
#include "arch/x86/memory_type.h"

#include <stddef.h>

#include "x86/page.h"
#include "x86/msr.h"
#include "x86/paging.h"

const uint16_t mtrr_fixed[MTRR_FIXED] = {
	MSR_MTRR_FIX64K_00000,	  MSR_MTRR_FIX16K_80000,    MSR_MTRR_FIX16K_A0000,
	MSR_MTRR_FIX4K_C0000,	  MSR_MTRR_FIX4K_C0000 + 1, MSR_MTRR_FIX4K_C0000 + 2,
	MSR_MTRR_FIX4K_C0000 + 3, MSR_MTRR_FIX4K_C0000 + 4, MSR_MTRR_FIX4K_C0000 + 5,
	MSR_MTRR_FIX4K_C0000 + 6, MSR_MTRR_FIX4K_F8000,
};

#define FIXED_END      0x100000ull
#define FIXED_16K      0x80000ull
#define FIXED_4K       0xc0000ull
#define TYPE_OF(value) ((uint8_t)((value)&0xff))

uint64_t *mtrr_place(struct mtrr_state *mtrr, uint32_t msr)
{
	const uint32_t pair = (msr - MSR_MTRR_PHYSBASE0) / 2;

	if (msr >= MSR_MTRR_PHYSBASE0 && pair < mtrr->n_variable)
		return msr & 1 ? &mtrr->mask[pair] : &mtrr->base[pair];
	if (msr == MSR_MTRR_DEF_TYPE && mtrr->cap)
		return &mtrr->def_type;
	for (unsigned int i = 0; i < MTRR_FIXED && mtrr->cap & MTRRCAP_FIX; i++)
		if (mtrr_fixed[i] == msr)
			return &mtrr->fixed[i];
	return NULL;
}

static uint8_t legal_type(uint8_t type)
{
	switch (type) {
	case MEMTYPE_WC:
	case MEMTYPE_WT:
	case MEMTYPE_WP:
	case MEMTYPE_WB: return type;
	default: return MEMTYPE_UC;
	}
}

/* Two overlapping ranges. */
static uint8_t overlap_type(uint8_t a, uint8_t b)
{
	if (a == b)
		return a;
	if ((a == MEMTYPE_WT && b == MEMTYPE_WB) || (a == MEMTYPE_WB && b == MEMTYPE_WT))
		return MEMTYPE_WT;
	return MEMTYPE_UC;
}

/* The fixed range around `address`: its type, and its size by *n_bytes. */
static uint8_t fixed_type(const struct mtrr_state *mtrr, uint64_t address, uint64_t *n_bytes)
{
	unsigned int reg;

	if (address < FIXED_16K) {
		*n_bytes = 0x10000;
		reg = 0;
	} else if (address < FIXED_4K) {
		*n_bytes = 0x4000;
		reg = 1 + (unsigned int)((address - FIXED_16K) >> 17);
	} else {
		*n_bytes = 0x1000;
		reg = 3 + (unsigned int)((address - FIXED_4K) >> 15);
	}
	return legal_type(TYPE_OF(mtrr->fixed[reg] >> (8 * (address / *n_bytes % 8))));
}

/* Of a block that no fixed range touches; false if a variable range covers part of it only. */
static bool variable_type(const struct mtrr_state *mtrr, uint64_t base, uint64_t n_bytes,
			  uint8_t *type)
{
	uint64_t address_bits = ((1ull << mtrr->physical_bits) - 1) & PAGE_MASK;
	bool is_covered = false, is_partial = false;

	for (uint32_t i = 0; i < mtrr->n_variable; i++) {
		uint64_t mask = mtrr->mask[i] & address_bits;
		uint8_t this_type = legal_type(TYPE_OF(mtrr->base[i]));

		if (!(mtrr->mask[i] & MTRR_PHYSMASK_V))
			continue;
		if ((base ^ mtrr->base[i]) & mask & ~(n_bytes - 1))
			continue;
		if (mask & (n_bytes - 1)) {
			is_partial = true;
			continue;
		}
		*type = is_covered ? overlap_type(*type, this_type) : this_type;
		is_covered = true;
	}
	if (!is_covered)
		*type = legal_type(TYPE_OF(mtrr->def_type));
	/* A range that covers only a part cannot change a block that is UC as a whole. */
	return !is_partial || (is_covered && *type == MEMTYPE_UC);
}

bool memory_type(const struct mtrr_state *mtrr, uint64_t base, uint64_t n_bytes, uint8_t *type)
{
	bool has_fixed = (mtrr->def_type & MTRR_DEF_TYPE_FE) && (mtrr->cap & MTRRCAP_FIX);
	uint8_t upper;

	if (!(mtrr->def_type & MTRR_DEF_TYPE_E)) {
		*type = MEMTYPE_UC;
		return true;
	}
	if (has_fixed && base < FIXED_END) {
		uint64_t range_bytes;

		*type = fixed_type(mtrr, base, &range_bytes);
		if (n_bytes <= range_bytes)
			return true;
	} else if (variable_type(mtrr, base, n_bytes, type)) {
		return true;
	}
	/* Both halves; at most 18 deep, for a 4 KiB block always has one type. */
	n_bytes /= 2;
	return memory_type(mtrr, base, n_bytes, type) &&
	       memory_type(mtrr, base + n_bytes, n_bytes, &upper) && upper == *type;
}
