/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME 1000h to 1FFFh: x87 and SSE, which are the FXSAVE area of the VP's image, SDM 1
 * "FXSAVE Area". WHP has no register names for the rest (the upper halves of YMM …), which
 * WHvSetVirtualProcessorXsaveState sets.
 */
#include <string.h>

#include "hv/register/register.h"
#include "x86/fx.h"

/* row->arg is the offset of the first register. */
#define FX_CONTROL offsetof(struct x86_fxsave, fcw)
#define FX_MXCSR   16u /* and the data pointer before it */
#define FX_ST	   offsetof(struct x86_fxsave, st)
#define FX_XMM	   offsetof(struct x86_fxsave, xmm)

static uint8_t *fx(struct vp *vp, const struct register_row *row, uint32_t i)
{
	return (uint8_t *)virt_fpu_save(vp->virt) + row->arg + 16 * i;
}

/* Two words: a client that reads one of these reads all. */
static const char *get_fx(REGISTER_GET)
{
	const uint64_t *const words = (const uint64_t *)(const void *)fx(vp, row, i);

	value->Reg128.Low64 = words[0];
	value->Reg128.High64 = words[1];
	return NULL;
}

static void set_fx(REGISTER_SET)
{
	memcpy(fx(vp, row, i), value, 16);
}

/* 80 bits: FXRSTOR looks at no more. */
static void set_st(REGISTER_SET)
{
	memcpy(fx(vp, row, i), value, 10);
}

/* FXRSTOR of a reserved bit would fault in the hypervisor. */
static const char *check_mxcsr(REGISTER_SET)
{
	const struct x86_fxsave *const image = virt_fpu_save(vp->virt);
	const uint32_t mask = image->mxcsr_mask ? image->mxcsr_mask : X86_MXCSR_DEFAULT_MASK;

	return value->XmmControlStatus.XmmStatusControl & ~mask ? "MXCSR has a reserved bit set"
								: NULL;
}

/* The mask is the processor's. */
static void set_mxcsr(REGISTER_SET)
{
	memcpy(fx(vp, row, i), value, 12);
}

/* clang-format off */
static const struct register_row rows[] = {
	[AT(WHvX64RegisterXmm0) ... AT(WHvX64RegisterXmm15)] = { get_fx, NULL, set_fx, NULL, WHvX64RegisterXmm0, FX_XMM, 0 },
	[AT(WHvX64RegisterFpMmx0) ... AT(WHvX64RegisterFpMmx7)] = { get_fx, NULL, set_st, NULL, WHvX64RegisterFpMmx0, FX_ST, 0 },
	[AT(WHvX64RegisterFpControlStatus)] = { get_fx, NULL, set_fx, NULL, WHvX64RegisterFpControlStatus, FX_CONTROL, 0 },
	[AT(WHvX64RegisterXmmControlStatus)] = { get_fx, check_mxcsr, set_mxcsr, NULL, WHvX64RegisterXmmControlStatus, FX_MXCSR, 0 },
};
/* clang-format on */

REGISTER_TABLE(register_fpu, rows);
