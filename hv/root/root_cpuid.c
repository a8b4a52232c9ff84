/* SPDX-License-Identifier: MIT */
/*
 * CPUID of the root: its processor's, less the bits of a table, and Whit's own leaves at 40000000h.
 */
#include "hv/cpu/cpuid.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* Bits that only this file speaks of. */
#define LEAF6_EAX_FEEDBACK (1u << 19 | 1u << 23) /* of the package, of threads */
#define LEAF7_ECX_OSPKE	   (1u << 4)
#define LEAF7_EDX_PCONFIG  (1u << 18)
#define LEAF7_EDX_LBR	   (1u << 19)
#define LEAF23_EAX_PEBS	   (1u << 4 | 1u << 5) /* subleaves */
#define LEAF81_ECX_SKINIT  (1u << 12)

#define LEAF_PT	     0x14u
#define LEAF_PCONFIG 0x1bu
#define LEAF_LBR     0x1cu
#define LEAF_PERFMON 0x23u
#define LEAF_SVM     0x8000000au

#define ANY_SUBLEAF ~0u

/*
 * Features that the root does not see: hv/cpu/msr.c refuses the MSRs behind it, hv/cpu/cr.c the
 * control bits.
 */
/* clang-format off */
#define ALL { ~0u, ~0u, ~0u, ~0u }

static const struct {
	uint32_t leaf, subleaf;
	struct x86_cpuid bits;
	const char *reason;
} root_hidden[] = {
	{ 1, ANY_SUBLEAF,
	  { .ecx = CPUID1_ECX_VMX | CPUID1_ECX_SMX | CPUID1_ECX_DTES64 | CPUID1_ECX_DS_CPL,
	    .edx = CPUID1_EDX_DS }, "VMX and SMX; PEBS and branch traces, by the debug store" },
	{ 6, ANY_SUBLEAF, { .eax = LEAF6_EAX_FEEDBACK, .edx = ~0u }, "hardware feedback" },
	{ 7, 0, { .ebx = CPUID7_EBX_PT, .edx = LEAF7_EDX_PCONFIG | LEAF7_EDX_LBR },
	  "Intel PT; keys of memory; the LBRs of leaf 1Ch" },
	{ CPUID_XSAVE, 0, { .eax = (uint32_t)~XCR0_DEFINED, .edx = (uint32_t)(~XCR0_DEFINED >> 32) },
	  "XCR0 bits that XSETBV refuses" },
	{ CPUID_XSAVE, 1, { .ecx = (uint32_t)~XSS_ROOT, .edx = ~0u }, "IA32_XSS bits that hv/root/root_msr.c refuses" },
	{ CPUID_XSAVE, 8, ALL, "Intel PT" },
	{ CPUID_XSAVE, 15, ALL, "the LBRs" },
	{ LEAF_PT, ANY_SUBLEAF, ALL, "Intel PT" },
	{ LEAF_PCONFIG, ANY_SUBLEAF, ALL, "keys of memory" },
	{ LEAF_LBR, ANY_SUBLEAF, ALL, "the LBRs" },
	{ LEAF_PERFMON, 0, { .eax = LEAF23_EAX_PEBS }, "architectural PEBS" },
	{ LEAF_PERFMON, 4, ALL, "architectural PEBS" },
	{ LEAF_PERFMON, 5, ALL, "architectural PEBS" },
	{ CPUID_EXTENDED_BASE + 1, ANY_SUBLEAF, { .ecx = CPUID81_ECX_SVM | LEAF81_ECX_SKINIT }, "SVM" },
	{ LEAF_SVM, ANY_SUBLEAF, ALL, "SVM" },
};
/* clang-format on */

static void hide_from_root(uint32_t leaf, uint32_t subleaf, struct x86_cpuid *out)
{
	for (unsigned int i = 0; i < sizeof(root_hidden) / sizeof(*root_hidden); i++) {
		const struct x86_cpuid *const bits = &root_hidden[i].bits;

		if (root_hidden[i].leaf != leaf ||
		    (root_hidden[i].subleaf != ANY_SUBLEAF && root_hidden[i].subleaf != subleaf))
			continue;
		out->eax &= ~bits->eax;
		out->ebx &= ~bits->ebx;
		out->ecx &= ~bits->ecx;
		out->edx &= ~bits->edx;
	}
}

/* Bits that mirror CR4: CPUID ran with the hypervisor's, the root must see its own. */
static uint32_t mirror(uint32_t word, uint32_t bit, bool is_on)
{
	return is_on ? word | bit : word & ~bit;
}

struct x86_cpuid cpuid_root(struct root *root, uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid out;

	if (leaf >= CPUID_HYPERVISOR_BASE && leaf <= CPUID_HYPERVISOR_LAST) {
		/*
		 * A hypervisor under Whit, if there is one, shows itself here: it is not the
		 * root's.
		 */
		out = (struct x86_cpuid) { 0 };
		if (leaf == WHIT_CPUID_SIGNATURE)
			out = (struct x86_cpuid) { WHIT_CPUID_VERSION, WHIT_SIGNATURE_WORD,
						   WHIT_SIGNATURE_WORD, WHIT_SIGNATURE_WORD };
		else if (leaf == WHIT_CPUID_VERSION)
			out.eax = WHIT_ABI_VERSION;
		return out;
	}
	out = virt_cpuid(leaf, subleaf);
	hide_from_root(leaf, subleaf, &out);
	switch (leaf) {
	case 1:
		out.ecx |= CPUID1_ECX_HYPERVISOR;
		out.ecx = mirror(out.ecx, CPUID1_ECX_OSXSAVE,
				 virt_get(root->virt, VIRT_CR4) & CR4_OSXSAVE);
		break;
	case 7:
		if (!subleaf && (out.ecx & CPUID7_ECX_PKU))
			out.ecx = mirror(out.ecx, LEAF7_ECX_OSPKE,
					 virt_get(root->virt, VIRT_CR4) & CR4_PKE);
		break;
	default: break;
	}
	return out;
}
