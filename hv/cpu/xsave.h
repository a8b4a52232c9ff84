/* SPDX-License-Identifier: MIT */
/*
 * A VP's extended state as clients give and take it: the compacted form of SDM 1 "Compacted Format
 * of XSAVE", with the components of the VP's processor model, out of and into the standard form of
 * virt_fpu_save(). The first functions are pure: they ask `cpuid` for leaf 0Dh, which says where a
 * component lies.
 *
 * `cpuid` is xsave_component(), never the processor itself: the root can change the answers of
 * CPUID, and a component must lie where it lay when the image's size was chosen.
 */
#ifndef HV_XSAVE_H
#define HV_XSAVE_H

#include "hv/vp.h"
#include "x86/cr.h"
#include "x86/fx.h"

#define XCOMP_COMPACTED (1ull << 63)

typedef struct x86_cpuid xsave_cpuid(uint32_t leaf, uint32_t subleaf);

/* Components that there can be: bits of XCR0 and IA32_XSS. */
#define XSAVE_COMPONENTS 32u

/* Once: note the subleaves of leaf 0Dh of all that a child can be given. */
void xsave_init(void);

/* Such a subleaf, from 2 on, as it was then; of ECX the defined bits. Zeros of other components. */
struct x86_cpuid xsave_component(uint32_t leaf, uint32_t subleaf);

/* One component behind the header: where it is in either form. */
struct xsave_part {
	unsigned int component;
	uint32_t compact, standard, n_bytes;
};

#define XSAVE_FIRST ((struct xsave_part) { .component = 1, .compact = X86_XSAVE_BASE_BYTES })

/* From XSAVE_FIRST on: the next of `components` (bits of XCR0); false behind the last. */
bool xsave_next(uint64_t components, struct xsave_part *part, xsave_cpuid *cpuid);

/* Bytes of the compacted form with these components. */
uint32_t xsave_bytes(uint64_t components, xsave_cpuid *cpuid);

/* May a client's header be taken, by a model with these components? */
bool xsave_is_legal(const struct x86_xsave_header *header, uint64_t components);

/* The compacted form of an image in the standard form. */
void xsave_compact(uint8_t *to, const uint8_t *image, uint64_t xstate_bv, uint64_t components,
		   xsave_cpuid *cpuid);

/*
 * The other way, into an image with `components`: what the header does not name gets its initial
 * state. `fixed` is a copy of the first X86_XSAVE_BASE_BYTES bytes of `from`, legal; `from` is read
 * once, and may change meanwhile. The image's header, and its mask of MXCSR, stay.
 */
void xsave_expand(uint8_t *image, const uint8_t *fixed, const volatile uint8_t *from,
		  uint64_t components, xsave_cpuid *cpuid);

/* x87 and SSE, which there are in any case, and are in use in any image. */
#define XSAVE_ALWAYS (XCR0_X87 | XCR0_SSE)

/* The components of a VP's model. */
static inline uint64_t xsave_components(const struct vp *vp)
{
	return vp->partition->model.xcr0 | XSAVE_ALWAYS;
}

#endif
