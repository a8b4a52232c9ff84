/* SPDX-License-Identifier: MIT */
/* CPUID, read once, into what Whit must know of the processor. */
#include "arch/x86/features.h"
#include "arch/virt.h"
#include "arch/x86/insn.h"
#include "arch/x86/xstate.h"
#include "x86/cr.h"
#include "x86/fx.h"

struct virt_machine virt_machine;
struct x86_features x86_features;

/*
 * Left out: MPX and AMX (its image is more than a page), and what has an effect of its own that
 * nobody looks after: PKRU on page walks, APX on the registers of exits. Supervisor components
 * (IA32_XSS) have no place in the standard form: none is given.
 */
#define XCR0_AVX512  (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define XCR0_OFFERED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

uint64_t features_xstate(uint64_t possible, const struct x86_cpuid leaf[static XSTATE_COMPONENTS],
			 uint32_t *n_bytes)
{
	uint64_t chosen = possible & XCR0_OFFERED;

	for (unsigned int i = 2; i < XSTATE_COMPONENTS; i++) {
		const struct x86_cpuid *const at = &leaf[i];

		if (at->ebx < X86_XSAVE_BASE_BYTES || at->ebx > XSTATE_BYTES ||
		    at->eax > XSTATE_BYTES - at->ebx)
			chosen &= ~(1ull << i);
	}
	if (!(chosen & XCR0_SSE))
		chosen &= ~XCR0_AVX;
	if (!(chosen & XCR0_AVX) || (chosen & XCR0_AVX512) != XCR0_AVX512)
		chosen &= ~XCR0_AVX512;
	*n_bytes = X86_XSAVE_BASE_BYTES;
	for (unsigned int i = 2; i < XSTATE_COMPONENTS; i++)
		if ((chosen >> i & 1) && leaf[i].ebx + leaf[i].eax > *n_bytes)
			*n_bytes = leaf[i].ebx + leaf[i].eax;
	return chosen;
}

static void fill_xstate(void)
{
	struct x86_cpuid leaf[XSTATE_COMPONENTS] = { 0 };

	virt_machine.fpu_bytes = X86_XSAVE_LEGACY_BYTES;
	/* Firmware may have limited CPUID to fewer leaves (IA32_MISC_ENABLE). */
	if (!(x86_cpuid(1, 0).ecx & CPUID1_ECX_XSAVE) || x86_cpuid(0, 0).eax < 0xd)
		return;
	for (uint32_t i = 0; i < XSTATE_COMPONENTS; i++)
		leaf[i] = x86_cpuid(0xd, i);
	virt_machine.xcr0_possible = (uint64_t)leaf[0].edx << 32 | leaf[0].eax;
	virt_machine.xcr0_child =
		features_xstate(virt_machine.xcr0_possible, leaf, &virt_machine.fpu_bytes);
}

static void fill_features(uint32_t extended_edx)
{
	struct x86_cpuid leaf7 = { 0 };

	if (x86_cpuid(0, 0).eax >= 7)
		leaf7 = x86_cpuid(7, 0);
	x86_features.signature = x86_cpuid(1, 0).eax;
	x86_features.has_rdtscp = extended_edx & CPUID81_EDX_RDTSCP;
	x86_features.has_ibpb = leaf7.edx & CPUID7_EDX_SPEC_CTRL;
	x86_features.has_spec_ctrl =
		leaf7.edx & (CPUID7_EDX_SPEC_CTRL | CPUID7_EDX_STIBP | CPUID7_EDX_SSBD);
}

void features_read(void)
{
	struct x86_cpuid extended = { 0 }, sizes = { .eax = 36 | 48 << 8 };
	uint32_t last = x86_cpuid(0x80000000, 0).eax;
	uint8_t physical_bits;

	if (last >= 0x80000001)
		extended = x86_cpuid(0x80000001, 0);
	if (last >= 0x80000008)
		sizes = x86_cpuid(0x80000008, 0);
	physical_bits = (uint8_t)sizes.eax;
	virt_machine = (struct virt_machine) {
		.physical_bits = physical_bits > 52   ? 52
				 : physical_bits < 32 ? 32
						      : physical_bits,
		.linear_bits = (uint8_t)(sizes.eax >> 8),
		.has_1g_pages = extended.edx & CPUID81_EDX_1G,
	};
	virt_machine.memory_bits = virt_machine.physical_bits;
	if (extended.edx & CPUID81_EDX_SYSCALL)
		virt_machine.efer_possible |= EFER_SCE;
	if (extended.edx & CPUID81_EDX_NX)
		virt_machine.efer_possible |= EFER_NXE;
	if (extended.edx & CPUID81_EDX_LM)
		virt_machine.efer_possible |= EFER_LME | EFER_LMA;
	fill_xstate();
	fill_features(extended.edx);
}
