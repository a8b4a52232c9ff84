/* SPDX-License-Identifier: MIT */
/* The memory image of FXSAVE64, SDM 1 "FXSAVE Area". */
#ifndef X86_FX_H
#define X86_FX_H

#include <stddef.h>
#include <stdint.h>

struct x86_fxsave {
	uint16_t fcw;
	uint16_t fsw;
	uint8_t ftw; /* abridged: bit n, register Rn is not empty */
	uint8_t reserved0;
	uint16_t fop;
	uint64_t fip;
	uint64_t fdp;
	uint32_t mxcsr;
	uint32_t mxcsr_mask; /* bits that MXCSR can have; 0 means X86_MXCSR_DEFAULT_MASK */
	uint8_t st[8][16];   /* ST(0) first, 10 bytes of each */
	uint8_t xmm[16][16];
	uint8_t reserved1[96];
};

_Static_assert(sizeof(struct x86_fxsave) == 512, "FXSAVE area");
_Static_assert(offsetof(struct x86_fxsave, mxcsr) == 24, "FXSAVE area");
_Static_assert(offsetof(struct x86_fxsave, st) == 32, "FXSAVE area");
_Static_assert(offsetof(struct x86_fxsave, xmm) == 160, "FXSAVE area");

/*
 * The header behind it, SDM 1 "XSAVE Header": which components have a value of their own, and which
 * are there in the compacted form. The rest of its 64 bytes is zero.
 */
struct x86_xsave_header {
	uint64_t xstate_bv, xcomp_bv;
	uint64_t reserved[6];
};

_Static_assert(sizeof(struct x86_xsave_header) == 64, "XSAVE header");

#define X86_XSAVE_LEGACY_BYTES 512u
#define X86_XSAVE_BASE_BYTES   (X86_XSAVE_LEGACY_BYTES + (uint32_t)sizeof(struct x86_xsave_header))

/* SDM 1 "Guidelines for Writing to the MXCSR Register". */
#define X86_MXCSR_DEFAULT_MASK 0xffbfu
#define X86_MXCSR_RESET	       0x1f80u

/* FCW and FOP bits that exist; FCW bit 6 reads as one. */
#define X86_FCW_DEFINED 0x1f3fu
#define X86_FCW_ONE	0x0040u
#define X86_FOP_DEFINED 0x07ffu

#endif
