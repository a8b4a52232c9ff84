/* SPDX-License-Identifier: MIT */
/*
 * Memory type range registers, by the rules of SDM 3A "Memory Type Range Registers". A child has
 * eight variable ranges and the fixed ones, kept without effect: nested paging gives the types. The
 * root's are in hv/root/root_msr.c.
 */
#include "hv/cpu/mtrr.h"

#include "hv/cpu/msr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define MTRR_TYPE  0xffull
#define N_FIXED16K 2u
#define N_FIXED4K  8u
#define N_PAIRS	   32u /* at most, of any processor */

bool msr_is_memory_type(uint64_t type)
{
	return type == MEMTYPE_UC || type == MEMTYPE_WC || type == MEMTYPE_WT ||
	       type == MEMTYPE_WP || type == MEMTYPE_WB;
}

static bool is_variable(uint32_t msr)
{
	return msr - MSR_MTRR_PHYSBASE0 < 2 * N_PAIRS;
}

static bool is_mask(uint32_t msr)
{
	return (msr - MSR_MTRR_PHYSBASE0) & 1;
}

static uint64_t *place(struct mtrr *mtrr, uint32_t msr)
{
	if (is_variable(msr))
		return is_mask(msr) ? &mtrr->mask[(msr - MSR_MTRR_PHYSBASE0) / 2]
				    : &mtrr->base[(msr - MSR_MTRR_PHYSBASE0) / 2];
	if (msr == MSR_MTRR_FIX64K_00000)
		return &mtrr->fixed[0];
	if (msr - MSR_MTRR_FIX16K_80000 < N_FIXED16K)
		return &mtrr->fixed[1 + (msr - MSR_MTRR_FIX16K_80000)];
	if (msr - MSR_MTRR_FIX4K_C0000 < N_FIXED4K)
		return &mtrr->fixed[1 + N_FIXED16K + (msr - MSR_MTRR_FIX4K_C0000)];
	return &mtrr->def_type;
}

bool mtrr_is_legal(uint32_t msr, uint64_t value, unsigned int width)
{
	const uint64_t address = ((1ull << width) - 1) & PAGE_MASK;

	if (msr == MSR_MTRR_DEF_TYPE)
		return !(value & ~(MTRR_TYPE | MTRR_DEF_TYPE_FE | MTRR_DEF_TYPE_E)) &&
		       msr_is_memory_type(value & MTRR_TYPE);
	if (is_variable(msr) && is_mask(msr))
		return !(value & ~(address | MTRR_PHYSMASK_V));
	if (is_variable(msr))
		return !(value & ~(address | MTRR_TYPE)) && msr_is_memory_type(value & MTRR_TYPE);
	for (unsigned int i = 0; i < 64; i += 8)
		if (!msr_is_memory_type(value >> i & MTRR_TYPE))
			return false;
	return true;
}

/*
 * The address bits of a mask without holes are ones down to the first zero, and zeros from there.
 */
bool mtrr_is_contiguous(uint32_t msr, uint64_t value, unsigned int width)
{
	const uint64_t page = 1ull << PAGE_SHIFT, end = 1ull << width;
	const uint64_t gap = ~value & (end - page); /* left out by the mask */

	return !is_variable(msr) || !is_mask(msr) || !(value & MTRR_PHYSMASK_V) ||
	       !((gap + page) & gap);
}

uint64_t mtrr_read(struct vp *vp, uint32_t msr)
{
	return *place(&vp->mtrr, msr);
}

bool mtrr_write(struct vp *vp, uint32_t msr, uint64_t value)
{
	if (!mtrr_is_legal(msr, value, vp->partition->properties.physical_bits))
		return false;
	*place(&vp->mtrr, msr) = value;
	return true;
}
