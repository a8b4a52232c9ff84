/* SPDX-License-Identifier: MIT */
/*
 * Images of the extended state, as XSAVE writes them, for the checks: what components there are and where they lie,
 * patterns in all of them, and comparison. SDM 1 "Managing State Using the XSAVE Feature Set".
 */
#ifndef CONFORMANCE_FPU_H
#define CONFORMANCE_FPU_H

#include "tests/system/apps/conformance/board.h"
#include "tests/system/apps/conformance/check.h"

#define FPU_BYTES      8192u /* of an image here */
#define FPU_COMPONENTS 63u
#define FPU_X87	       0u
#define FPU_SSE	       1u
#define FPU_AVX	       2u
#define FPU_BNDCSR     4u
#define FPU_PKRU       9u
#define FPU_COMPACTED  (1ull << 63)

/* Of an image: the header behind the 512 bytes of FXSAVE. */
#define FPU_HEADER    512u
#define FPU_XSTATE_BV 512u
#define FPU_XCOMP_BV  520u
#define FPU_EXTENDED  576u
#define FPU_MXCSR     24u

struct fpu_layout {
	uint64_t mask; /* XCR0 bits that the guest can set */
	uint32_t standard[FPU_COMPONENTS], size[FPU_COMPONENTS];
	bool is_aligned[FPU_COMPONENTS];
	bool has_xsavec, has_xsaves;
};

/* A board whose VP 0 has all of XCR0 enabled; what the guest learns of it by CPUID. mask 0: no XSAVE. */
void fpu_begin(struct board *board, uint32_t n_vps, struct fpu_layout *layout);

/* One entry on VP 0 which must not fault; its result. */
uint64_t fpu_do(struct board *board, struct op op);

/* Where the components are in the compacted form of `xcomp_bv`; returns the bytes that it takes. */
uint32_t fpu_compacted(const struct fpu_layout *layout, uint64_t xcomp_bv,
		       uint32_t offsets[FPU_COMPONENTS]);

/* Patterns by `seed` in every component of the mask, such as every register can hold; standard form. */
void fpu_fill(uint8_t *image, const struct fpu_layout *layout, uint64_t seed);

/* Are the registers of two images in standard form the same, in all components of the mask? */
bool fpu_same(const uint8_t *a, const uint8_t *b, const struct fpu_layout *layout, uint64_t mask);

/* A compacted image into the standard form; components that XSTATE_BV does not have are zero. */
void fpu_expand(uint8_t *to, const uint8_t *from, const struct fpu_layout *layout);

/* The other direction, with all components of the mask. Returns its bytes. */
uint32_t fpu_compact(uint8_t *to, const uint8_t *from, const struct fpu_layout *layout);

/* The parts of the group `state`. */
void state_counter_checks(void);
void state_register_checks(void);

uint64_t fpu_word(const uint8_t *image, uint32_t offset);
void fpu_set_word(uint8_t *image, uint32_t offset, uint64_t value);

#endif
