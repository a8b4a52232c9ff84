/* SPDX-License-Identifier: MIT */
/*
 * A child's memory type range registers: eight variable ranges and the fixed ones, kept and held to the rules of
 * SDM 3A "Memory Type Range Registers", without effect: nested paging gives the types.
 */
#include "hv/msr.h"
#include "x86/msr.h"
#include "x86/paging.h"

#define MTRR_TYPE  0xffull
#define N_FIXED16K 2u
#define N_FIXED4K  8u

bool msr_is_memory_type(uint64_t type)
{
	return type == MEMTYPE_UC || type == MEMTYPE_WC || type == MEMTYPE_WT ||
	       type == MEMTYPE_WP || type == MEMTYPE_WB;
}

static bool is_variable(uint32_t msr)
{
	return msr - MSR_MTRR_PHYSBASE0 < 2 * MTRR_VARIABLE;
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

static bool is_legal(const struct vp *vp, uint32_t msr, uint64_t value)
{
	const unsigned int width = vp->partition->properties.physical_bits;
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

uint64_t mtrr_read(struct vp *vp, uint32_t msr)
{
	return *place(&vp->mtrr, msr);
}

bool mtrr_write(struct vp *vp, uint32_t msr, uint64_t value)
{
	if (!is_legal(vp, msr, value))
		return false;
	*place(&vp->mtrr, msr) = value;
	return true;
}
