/* SPDX-License-Identifier: MIT */
/*
 * The processors to choose from, after the dumps of tests/unit/svm_caps.c:
 *
 *   0  Zen 4: all that Whit uses
 *   1  family 10h: no next RIP, no XSAVE
 *   2  QEMU's TCG: sixteen ASIDs and nothing optional
 *   3  family 16h: eight ASIDs, no clean bits, decode assists
 */
#include "tests/svm/amd.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define FFXSR (1ull << 14)
#define TCE   (1ull << 15)

static const struct {
	uint32_t signature, basic_ecx, seven_ebx, seven_ecx, extended_ecx, extended_edx, sizes_ebx;
	uint32_t n_asids, features;
	uint64_t efer;
} sets[AMD_SETS] = {
	{ 0xa60f12, 0x7ef8320b, 0xf1bf97a9, 0x405fce, 0x75c237ff, 0x2fd3fbff, 0x191ef257, 0x8000,
	  0x1ebfbcff, FFXSR | TCE },
	{ 0x100f2a, 0x00802009, 0, 0, 0x000007ff, 0xefd3fbff, 0, 0x40, 7, FFXSR },
	{ 0x60fb1, 0x7ed83203, 0x219c05a9, 0x40060c, 0x000003f7, 0x2fd3fbff, 0, 0x10, 0x10000001,
	  0 },
	{ 0x700f01, 0x3ed8220b, 8, 0, 0x154037ff, 0x2fd3fbff, 0, 8, 0x1cdf, FFXSR },
};

uint32_t amd_features(void)
{
	return sets[vtx.set].features;
}

static bool has(uint32_t word, uint32_t bit)
{
	return word & bit;
}

uint64_t vtx_cr4_possible(void)
{
	const uint32_t ebx = sets[vtx.set].seven_ebx, ecx = sets[vtx.set].seven_ecx;
	uint64_t value = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
			 CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT;

	value |= has(sets[vtx.set].basic_ecx, CPUID1_ECX_XSAVE) ? CR4_OSXSAVE : 0;
	value |= has(sets[vtx.set].basic_ecx, CPUID1_ECX_PCID) ? CR4_PCIDE : 0;
	value |= has(ebx, CPUID7_EBX_FSGSBASE) ? CR4_FSGSBASE : 0;
	value |= has(ebx, CPUID7_EBX_SMEP) ? CR4_SMEP : 0;
	value |= has(ebx, CPUID7_EBX_SMAP) ? CR4_SMAP : 0;
	value |= has(ecx, CPUID7_ECX_UMIP) ? CR4_UMIP : 0;
	value |= has(ecx, CPUID7_ECX_LA57) ? CR4_LA57 : 0;
	value |= has(ecx, CPUID7_ECX_PKU) ? CR4_PKE : 0;
	return value;
}

static struct x86_cpuid xsave_leaf(uint32_t subleaf)
{
	const bool has_512 = sets[vtx.set].seven_ebx & CPUID7_EBX_AVX512F;

	switch (subleaf) {
	case 0:
		return has_512 ? (struct x86_cpuid) { 0xe7, 0xa80, 0xa80, 0 }
			       : (struct x86_cpuid) { 7, 0x340, 0x340, 0 };
	case 1: return (struct x86_cpuid) { 7, 0x340, 0, 0 };
	case 2: return (struct x86_cpuid) { 0x100, 0x240, 0, 0 };
	case 5: return (struct x86_cpuid) { has_512 ? 0x40 : 0, has_512 ? 0x440 : 0, 0, 0 };
	case 6: return (struct x86_cpuid) { has_512 ? 0x200 : 0, has_512 ? 0x480 : 0, 0, 0 };
	case 7: return (struct x86_cpuid) { has_512 ? 0x400 : 0, has_512 ? 0x680 : 0, 0, 0 };
	default: return (struct x86_cpuid) { 0, 0, 0, 0 };
	}
}

struct x86_cpuid vtx_cpuid(uint32_t leaf, uint32_t subleaf)
{
	const bool has_xsave = sets[vtx.set].basic_ecx & CPUID1_ECX_XSAVE;
	struct x86_cpuid r = { 0, 0, 0, 0 };

	switch (leaf) {
	case 0:
		return (struct x86_cpuid) { has_xsave ? 0xd : 5, 0x68747541, 0x444d4163,
					    0x69746e65 };
	case 1:
		r = (struct x86_cpuid) { sets[vtx.set].signature, 0x00020800,
					 sets[vtx.set].basic_ecx & ~CPUID1_ECX_OSXSAVE,
					 0x178bfbff };
		if (vtx.cr4 & CR4_OSXSAVE)
			r.ecx |= CPUID1_ECX_OSXSAVE;
		return r;
	case 7:
		if (subleaf)
			break;
		r.ebx = sets[vtx.set].seven_ebx;
		r.ecx = sets[vtx.set].seven_ecx;
		return r;
	case 0xd: return has_xsave ? xsave_leaf(subleaf) : r;
	case 0x80000000u: return (struct x86_cpuid) { 0x8000001fu, 0, 0, 0 };
	case 0x80000001u:
		r.ecx = sets[vtx.set].extended_ecx;
		r.edx = sets[vtx.set].extended_edx;
		return r;
	case 0x80000007u: return (struct x86_cpuid) { 0, 0, 0, 0x100 };
	case 0x80000008u: return (struct x86_cpuid) { 0x3030, sets[vtx.set].sizes_ebx, 0, 0 };
	case CPUID_SVM:
		return (struct x86_cpuid) { 1, sets[vtx.set].n_asids, 0, sets[vtx.set].features };
	default: break;
	}
	return r;
}

static void add(uint32_t number, enum vtx_msr_rule rule, uint64_t value, uint64_t writable)
{
	if (vtx.n_msrs == VTX_MAX_MSRS)
		vtx_scream("too many MSRs");
	vtx.msr[vtx.n_msrs++] = (struct vtx_msr) { number, (uint8_t)rule, value, writable };
}

static void add_mtrrs(void)
{
	const uint64_t address = (1ull << 48) - 1;

	add(MSR_MTRRCAP, MSR_READ_ONLY, MTRRCAP_FIX | MTRRCAP_WC | 2, 0);
	add(MSR_MTRR_DEF_TYPE, MSR_PLAIN, MTRR_DEF_TYPE_E | 6,
	    MTRR_DEF_TYPE_E | MTRR_DEF_TYPE_FE | 7);
	for (uint32_t i = 0; i < 2; i++) {
		add(MSR_MTRR_PHYSBASE0 + 2 * i, MSR_PLAIN, 0, (address & PAGE_MASK) | 7);
		add(MSR_MTRR_PHYSMASK0 + 2 * i, MSR_PLAIN, 0,
		    (address & PAGE_MASK) | MTRR_PHYSMASK_V);
	}
	add(MSR_MTRR_FIX64K_00000, MSR_TYPES, 0x0606060606060606ull, ~0ull);
	add(MSR_MTRR_FIX16K_80000, MSR_TYPES, 0x0606060606060606ull, ~0ull);
	add(MSR_MTRR_FIX16K_A0000, MSR_TYPES, 0, ~0ull);
	for (uint32_t i = 0; i < 8; i++)
		add(MSR_MTRR_FIX4K_C0000 + i, MSR_TYPES, 0x0505050505050505ull, ~0ull);
}

void vtx_fill_msrs(void)
{
	const uint64_t pages = ((1ull << 48) - 1) & PAGE_MASK;

	vtx.n_msrs = 0;
	add(MSR_TSC, MSR_PLAIN, 0, ~0ull); /* vtx.tsc */
	add(MSR_APIC_BASE, MSR_PLAIN, 0xfee00900, ((1ull << 48) - 1) & ~0x2ffull);
	add(MSR_X2APIC_ICR, MSR_WRITE_ONLY, 0, ~0ull);
	add(MSR_SYSENTER_CS, MSR_PLAIN, 0, 0xffffffffull);
	add(MSR_SYSENTER_ESP, MSR_CANONICAL, 0, ~0ull);
	add(MSR_SYSENTER_EIP, MSR_CANONICAL, 0, ~0ull);
	add(MSR_DEBUGCTL, MSR_PLAIN, 0, 0x7f);
	add(MSR_PAT, MSR_TYPES, PAT_RESET, 0x0707070707070707ull);
	add(MSR_EFER, MSR_PLAIN, EFER_LME | EFER_LMA | EFER_NXE,
	    EFER_SCE | EFER_NXE | EFER_LME | EFER_LMA | EFER_SVME | sets[vtx.set].efer);
	add(MSR_STAR, MSR_PLAIN, 0, ~0ull);
	add(MSR_LSTAR, MSR_CANONICAL, 0, ~0ull);
	add(MSR_CSTAR, MSR_CANONICAL, 0, ~0ull);
	add(MSR_FMASK, MSR_PLAIN, 0, 0xffffffffull);
	add(MSR_FS_BASE, MSR_CANONICAL, 0, ~0ull);
	add(MSR_GS_BASE, MSR_CANONICAL, 0, ~0ull);
	add(MSR_KERNEL_GS_BASE, MSR_CANONICAL, 0, ~0ull);
	add(MSR_TSC_AUX, MSR_PLAIN, 0, 0xffffffffull);
	add(MSR_SYSCFG, MSR_PLAIN, 0x740000, 0x01f40000);
	add(MSR_HWCR, MSR_PLAIN, 0x1000011, ~0ull);
	add(MSR_VM_CR, MSR_PLAIN, 0, 0x1f);
	add(MSR_VM_HSAVE_PA, MSR_PLAIN, 0, pages);
	if (sets[vtx.set].sizes_ebx & CPUID88_EBX_IBRS)
		add(MSR_SPEC_CTRL, MSR_PLAIN, 0,
		    SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD | SPEC_CTRL_PSFD);
	if (sets[vtx.set].sizes_ebx & CPUID88_EBX_IBPB)
		add(MSR_PRED_CMD, MSR_WRITE_ONLY, 0, PRED_CMD_IBPB);
	add_mtrrs();
}

void vtx_fill_fields(void)
{
}
