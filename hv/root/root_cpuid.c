/* SPDX-License-Identifier: MIT */
/*
 * CPUID of the root: its processor's, less the bits of a table, and Whit's own leaves at 40000000h.
 */
#include "hv/cpu/cpuid.h"
#include "whp/WinHvPlatformDefs.h"
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
#define LEAF81_ECX_LWP	   (1u << 15)
#define LEAF81_ECX_DBEXT   (1u << 26)
#define LEAF88_EAX_WIDTH   0x000000ffu
#define LEAF88_EBX_INVLPGB (1u << 3)
#define LEAF88_EDX_INVLPGB 0x0000ffffu /* how many pages at once */
#define LEAF821_EAX_FAULT  (1u << 17)
#define LEAF822_EAX_LBR	   (1u << 1 | 1u << 2) /* with a stack, and with freezing */
#define LEAF822_EBX_LBR	   0x000003f0u

#define LEAF_PT	     0x14u
#define LEAF_PCONFIG 0x1bu
#define LEAF_LBR     0x1cu
#define LEAF_PERFMON 0x23u
#define LEAF_LWP     0x8000001cu
#define LEAF_SEV     0x8000001fu
#define LEAF_FEATURE 0x80000021u
#define LEAF_COUNTER 0x80000022u
#define LEAF_KEYS    0x80000023u
#define LEAF_RMP     0x80000025u

#define ANY_SUBLEAF ~0u

/*
 * Features that the root does not see: hv/root/root_msr.c refuses the MSRs behind it, hv/cpu/cr.c
 * the control bits.
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
	{ CPUID_EXTENDED_BASE + 1, ANY_SUBLEAF,
	  { .ecx = CPUID81_ECX_SVM | LEAF81_ECX_SKINIT | LEAF81_ECX_LWP | LEAF81_ECX_DBEXT },
	  "SVM; lightweight profiling; masks of breakpoints' addresses" },
	{ CPUID_XSAVE, 62, ALL, "lightweight profiling" },
	{ CPUID_EXTENDED_BASE + 8, ANY_SUBLEAF, { .ebx = LEAF88_EBX_INVLPGB, .edx = LEAF88_EDX_INVLPGB },
	  "INVLPGB, which is #UD in a guest" },
	{ CPUID_SVM, ANY_SUBLEAF, ALL, "SVM" },
	{ LEAF_LWP, ANY_SUBLEAF, ALL, "lightweight profiling" },
	{ LEAF_SEV, ANY_SUBLEAF, ALL, "encrypted memory: an address with its bit set is nowhere" },
	{ LEAF_FEATURE, ANY_SUBLEAF, { .eax = LEAF821_EAX_FAULT }, "faults of CPUID" },
	{ LEAF_COUNTER, ANY_SUBLEAF, { .eax = LEAF822_EAX_LBR, .ebx = LEAF822_EBX_LBR }, "the LBRs" },
	{ LEAF_KEYS, ANY_SUBLEAF, ALL, "keys of memory" },
	{ LEAF_RMP, ANY_SUBLEAF, ALL, "SEV" },
};
/* clang-format on */

/* The leaves of the table, a bit each: all others cost one test. */
#define LOW(leaf)  (1ull << (leaf))
#define HIGH(leaf) (1ull << ((leaf)-CPUID_EXTENDED_BASE))
#define LOW_LEAVES                                                                        \
	(LOW(1) | LOW(6) | LOW(7) | LOW(CPUID_XSAVE) | LOW(LEAF_PT) | LOW(LEAF_PCONFIG) | \
	 LOW(LEAF_LBR) | LOW(LEAF_PERFMON))
#define HIGH_LEAVES                                                                        \
	(HIGH(CPUID_EXTENDED_BASE + 1) | HIGH(CPUID_EXTENDED_BASE + 8) | HIGH(CPUID_SVM) | \
	 HIGH(LEAF_LWP) | HIGH(LEAF_SEV) | HIGH(LEAF_FEATURE) | HIGH(LEAF_COUNTER) |       \
	 HIGH(LEAF_KEYS) | HIGH(LEAF_RMP))

static bool is_in_table(uint32_t leaf)
{
	const uint32_t high = leaf - CPUID_EXTENDED_BASE;

	return leaf < 64 ? LOW_LEAVES >> leaf & 1 : high < 64 && (HIGH_LEAVES >> high & 1);
}

static __attribute__((noinline)) void hide_from_root(uint32_t leaf, uint32_t subleaf,
						     struct x86_cpuid *out)
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

/*
 * AMD's processors give the width with the bits of keys, and say in a leaf that is hidden how many
 * these are. Of Intel's systems ask IA32_TME_ACTIVATE.
 */
static uint32_t without_keys(uint32_t widths)
{
	if (virt_machine.vendor != WHvProcessorVendorAmd ||
	    (widths & LEAF88_EAX_WIDTH) <= virt_machine.memory_bits)
		return widths;
	return (widths & ~LEAF88_EAX_WIDTH) | virt_machine.memory_bits;
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
	if (is_in_table(leaf))
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
	case CPUID_EXTENDED_BASE + 8: out.eax = without_keys(out.eax); break;
	default: break;
	}
	return out;
}
