/* SPDX-License-Identifier: MIT */
/*
 * XSAVE images between the compacted form of clients and the standard form of the processor
 * (hv/cpu/xsave.h). Which values XCR0 can have is said in hv/cpu/cr.c; XSETBV is run_xsetbv()'s, in
 * hv/run/run.c; the checks of an image that a client sets are completed in hv/register/vp_state.c.
 */
#include "hv/cpu/xsave.h"

#include <string.h>
#include "x86/cpuid.h"

#define ALIGNMENT    64u
#define N_COMPONENTS 63u

#define FCW_INIT 0x37fu

static struct x86_cpuid noted[XSAVE_COMPONENTS]; /* written by xsave_init() alone */

void xsave_init(void)
{
	const uint64_t possible = virt_machine.xcr0_child | virt_machine.xss_child;

	for (uint32_t i = 0; i < XSAVE_COMPONENTS; i++) {
		noted[i] = (struct x86_cpuid) { 0 };
		if (i < 2 || !(possible >> i & 1))
			continue;
		noted[i] = virt_cpuid(CPUID_XSAVE, i);
		noted[i].ecx &= CPUIDD_ECX_SUPERVISOR | CPUIDD_ECX_ALIGNED;
		noted[i].edx = 0;
	}
}

struct x86_cpuid xsave_component(uint32_t leaf, uint32_t subleaf)
{
	return subleaf < XSAVE_COMPONENTS ? noted[subleaf] : (struct x86_cpuid) { 0 };
}

bool xsave_next(uint64_t components, struct xsave_part *part, xsave_cpuid *cpuid)
{
	const uint32_t end = part->compact + part->n_bytes;

	for (unsigned int i = part->component + 1; i < N_COMPONENTS; i++) {
		struct x86_cpuid leaf;

		if (!(components >> i & 1))
			continue;
		leaf = cpuid(CPUID_XSAVE, i);
		part->component = i;
		part->compact = leaf.ecx & CPUIDD_ECX_ALIGNED
					? (end + ALIGNMENT - 1) & ~(ALIGNMENT - 1)
					: end;
		part->standard = leaf.ebx;
		part->n_bytes = leaf.eax;
		return true;
	}
	return false;
}

uint32_t xsave_bytes(uint64_t components, xsave_cpuid *cpuid)
{
	struct xsave_part part = XSAVE_FIRST;

	while (xsave_next(components, &part, cpuid))
		;
	return part.compact + part.n_bytes;
}

bool xsave_is_legal(const struct x86_xsave_header *header, uint64_t components)
{
	for (unsigned int i = 0; i < sizeof(header->reserved) / sizeof(header->reserved[0]); i++)
		if (header->reserved[i])
			return false;
	return header->xcomp_bv & XCOMP_COMPACTED &&
	       !(header->xcomp_bv & ~XCOMP_COMPACTED & ~components) &&
	       !(header->xstate_bv & ~(header->xcomp_bv & ~XCOMP_COMPACTED));
}

void xsave_compact(uint8_t *to, const uint8_t *image, uint64_t xstate_bv, uint64_t components,
		   xsave_cpuid *cpuid)
{
	const struct x86_xsave_header header = { .xstate_bv = xstate_bv & components,
						 .xcomp_bv = components | XCOMP_COMPACTED };
	struct xsave_part part = XSAVE_FIRST;
	uint32_t end = X86_XSAVE_BASE_BYTES;

	memcpy(to, image, X86_XSAVE_LEGACY_BYTES);
	memcpy(to + X86_XSAVE_LEGACY_BYTES, &header, sizeof(header));
	while (xsave_next(components, &part, cpuid)) {
		memset(to + end, 0, part.compact - end);
		memcpy(to + part.compact, image + part.standard, part.n_bytes);
		end = part.compact + part.n_bytes;
	}
}

/* SDM 1 "XSAVE-Managed State": x87 and SSE, of which each is a part of the FXSAVE area. */
static void expand_legacy(struct x86_fxsave *image, const struct x86_fxsave *from,
			  uint64_t xstate_bv)
{
	const uint32_t mask = image->mxcsr_mask;
	struct x86_fxsave new;

	memset(&new, 0, sizeof(new));
	new.fcw = FCW_INIT;
	new.mxcsr = X86_MXCSR_RESET;
	if (xstate_bv & XCR0_X87) {
		memcpy(&new, from, offsetof(struct x86_fxsave, mxcsr));
		memcpy(new.st, from->st, sizeof(new.st));
	}
	if (xstate_bv & XCR0_SSE) {
		new.mxcsr = from->mxcsr;
		memcpy(new.xmm, from->xmm, sizeof(new.xmm));
	}
	new.mxcsr_mask = mask;
	memcpy(image, &new, sizeof(new));
}

void xsave_expand(uint8_t *image, const uint8_t *fixed, const volatile uint8_t *from,
		  uint64_t components, xsave_cpuid *cpuid)
{
	struct xsave_part part = XSAVE_FIRST;
	struct x86_xsave_header header;

	memcpy(&header, fixed + X86_XSAVE_LEGACY_BYTES, sizeof(header));
	expand_legacy((struct x86_fxsave *)(void *)image,
		      (const struct x86_fxsave *)(const void *)fixed, header.xstate_bv);
	while (xsave_next(components, &part, cpuid))
		if (!(header.xstate_bv >> part.component & 1))
			memset(image + part.standard, 0, part.n_bytes);
	part = XSAVE_FIRST;
	while (xsave_next(header.xcomp_bv, &part, cpuid))
		if (header.xstate_bv >> part.component & 1)
			memcpy(image + part.standard, (const void *)(from + part.compact),
			       part.n_bytes);
}
