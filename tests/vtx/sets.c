/* SPDX-License-Identifier: MIT */
/*
 * The processors to choose from: capability MSRs, CPUID and the other MSRs, after real ones.
 *
 *   0  all that Whit uses: interrupt delivery, AVX-512, VPIDs, 1 GiB pages, speculation controls
 *   1  the least that it accepts: no APIC assistance, no VPID, no timer, no XSAVE, no RDTSCP
 *   2  in between: TPR shadow and the APIC page, AVX, INVEPT of all contexts only, 2 MiB pages
 *   3  like 0, with another choice of optional instructions, and x2APIC assistance without interrupt delivery
 */
#include "tests/vtx/vtx.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define BIT(n)	 (1ull << (n))
#define REVISION 0x12u

/* Default1 bits, SDM 3D "VMX Capability Reporting Facility", of the TRUE MSRs: CR3 exits and such may be off. */
#define PIN_ONES   0x16ull
#define PROC_ONES  0x04006172ull
#define EXIT_ONES  0x00036dfbull
#define ENTRY_ONES 0x000011fbull

#define PROC_ALL 0xfff9fffeull

static const struct {
	uint64_t pin, proc2, ept, exit_lost, proc_lost;
	bool has_xsave, has_avx512, has_rdtscp, has_spec, has_umwait, has_invpcid;
} sets[VTX_SETS] = {
	{ 0x7f,
	  BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) |
		  BIT(10) | BIT(12) | BIT(15) | BIT(20) | BIT(26) | BIT(27),
	  0x0f0106734141ull, 0, 0, true, true, true, true, true, true },
	{ 0x3f, BIT(1) | BIT(7), 0x06134040ull, BIT(22), BIT(21), false, false, false, false, false,
	  false },
	{ 0x7f, BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(5) | BIT(6) | BIT(7) | BIT(10) | BIT(12),
	  0x0f0104104040ull | BIT(14) | BIT(16) | BIT(20), 0, 0, true, false, true, false, false,
	  true },
	{ 0x7f,
	  BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(12),
	  0x0f0106334141ull, 0, 0, true, false, true, true, false, true },
};

uint64_t vtx_allowed(uint32_t msr)
{
	switch (msr) {
	case MSR_VMX_TRUE_PIN: return PIN_ONES | (sets[vtx.set].pin | PIN_ONES) << 32;
	case MSR_VMX_TRUE_PROC:
		return PROC_ONES | ((PROC_ALL & ~sets[vtx.set].proc_lost) | PROC_ONES) << 32;
	case MSR_VMX_PROC2: return sets[vtx.set].proc2 << 32;
	case MSR_VMX_TRUE_EXIT: return EXIT_ONES | (0x00ffffffull & ~sets[vtx.set].exit_lost) << 32;
	case MSR_VMX_TRUE_ENTRY: return ENTRY_ONES | 0x0000ffffull << 32;
	default: vtx_scream("vtx_allowed of %#x", msr);
	}
}

uint64_t vtx_cr4_possible(void)
{
	uint64_t value = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
			 CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_VMXE;

	if (sets[vtx.set].has_xsave)
		value |= CR4_OSXSAVE | CR4_FSGSBASE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;
	if (sets[vtx.set].has_avx512)
		value |= CR4_UMIP | CR4_LA57 | CR4_SMXE;
	return value;
}

struct x86_cpuid vtx_cpuid(uint32_t leaf, uint32_t subleaf)
{
	const bool has_xsave = sets[vtx.set].has_xsave, has_512 = sets[vtx.set].has_avx512;
	struct x86_cpuid r = { 0, 0, 0, 0 };

	switch (leaf) {
	case 0: return (struct x86_cpuid) { 0xd, 0x756e6547, 0x6c65746e, 0x49656e69 };
	case 1:
		r = (struct x86_cpuid) { 0x506e3, 0x00100800, 0x7ffefbbf, 0xbfebfbff };
		if (!has_xsave)
			r.ecx &= ~(CPUID1_ECX_XSAVE | CPUID1_ECX_OSXSAVE | CPUID1_ECX_AVX |
				   CPUID1_ECX_FMA | CPUID1_ECX_F16C | CPUID1_ECX_PCID);
		r.ecx &= ~CPUID1_ECX_OSXSAVE;
		if (vtx.cr4 & CR4_OSXSAVE)
			r.ecx |= CPUID1_ECX_OSXSAVE;
		return r;
	case 6: return (struct x86_cpuid) { 4, 0, 0, 0 };
	case 7:
		if (subleaf || !has_xsave)
			break;
		r.ebx = 0x029c67bb & ~CPUID7_EBX_INVPCID;
		if (sets[vtx.set].has_invpcid)
			r.ebx |= CPUID7_EBX_INVPCID;
		if (has_512) {
			r.ebx |= CPUID7_EBX_AVX512F | CPUID7_EBX_AVX512BW | CPUID7_EBX_AVX512VL |
				 CPUID7_EBX_AVX512DQ | CPUID7_EBX_AVX512CD;
			r.ecx |= CPUID7_ECX_UMIP | CPUID7_ECX_LA57 | CPUID7_ECX_RDPID;
		}
		if (sets[vtx.set].has_umwait)
			r.ecx |= CPUID7_ECX_WAITPKG;
		if (sets[vtx.set].has_spec)
			r.edx |= CPUID7_EDX_SPEC_CTRL | CPUID7_EDX_STIBP | CPUID7_EDX_SSBD |
				 CPUID7_EDX_ARCH_CAP;
		break;
	case 0xd:
		if (!has_xsave)
			break;
		/* The root may have hidden it: IA32_MISC_ENABLE[22], which limits the leaves. */
		if (vtx_msr(MSR_MISC_ENABLE)->value >> 22 & 1)
			return vtx_cpuid(2, 0);
		if (subleaf == 0)
			return has_512 ? (struct x86_cpuid) { 0xe7, 0xa80, 0xa80, 0 }
				       : (struct x86_cpuid) { 7, 0x340, 0x340, 0 };
		if (subleaf == 1)
			return (struct x86_cpuid) { sets[vtx.set].proc2 & BIT(20) ? 0xf : 7, 0x340,
						    0, 0 };
		if (subleaf == 2)
			return (struct x86_cpuid) { 0x100, 0x240, 0, 0 };
		if (has_512 && subleaf == 5)
			return (struct x86_cpuid) { 0x40, 0x440, 0, 0 };
		if (has_512 && subleaf == 6)
			return (struct x86_cpuid) { 0x200, 0x480, 0, 0 };
		if (has_512 && subleaf == 7)
			return (struct x86_cpuid) { 0x400, 0x680, 0, 0 };
		break;
	case 0x80000000u: return (struct x86_cpuid) { 0x80000008u, 0, 0, 0 };
	case 0x80000001u:
		r = (struct x86_cpuid) { 0, 0, 0x121, 0x2c100800 };
		if (!sets[vtx.set].has_rdtscp)
			r.edx &= ~CPUID81_EDX_RDTSCP;
		return r;
	case 0x80000007u: return (struct x86_cpuid) { 0, 0, 0, 0x100 };
	case 0x80000008u: return (struct x86_cpuid) { 0x3028, 0, 0, 0 };
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

static void add_vmx(void)
{
	const uint64_t ept = sets[vtx.set].ept;

	add(MSR_FEATURE_CONTROL, MSR_PLAIN, 0, 5);
	add(MSR_VMX_BASIC, MSR_READ_ONLY,
	    REVISION | 0x1000ull << 32 | 6ull << 50 | 1ull << 54 | 1ull << 55, 0);
	add(MSR_VMX_MISC, MSR_READ_ONLY, 5 | 1 << 5 | 7 << 6 | 1ull << 14, 0);
	add(MSR_VMX_CR0_FIXED0, MSR_READ_ONLY, CR0_PE | CR0_NE | CR0_PG, 0);
	add(MSR_VMX_CR0_FIXED1, MSR_READ_ONLY, 0xffffffffull, 0);
	add(MSR_VMX_CR4_FIXED0, MSR_READ_ONLY, CR4_VMXE, 0);
	add(MSR_VMX_CR4_FIXED1, MSR_READ_ONLY, vtx_cr4_possible(), 0);
	add(MSR_VMX_PROC2, MSR_READ_ONLY, vtx_allowed(MSR_VMX_PROC2), 0);
	add(MSR_VMX_EPT_VPID_CAP, MSR_READ_ONLY, ept, 0);
	add(MSR_VMX_TRUE_PIN, MSR_READ_ONLY, vtx_allowed(MSR_VMX_TRUE_PIN), 0);
	add(MSR_VMX_TRUE_PROC, MSR_READ_ONLY, vtx_allowed(MSR_VMX_TRUE_PROC), 0);
	add(MSR_VMX_TRUE_EXIT, MSR_READ_ONLY, vtx_allowed(MSR_VMX_TRUE_EXIT), 0);
	add(MSR_VMX_TRUE_ENTRY, MSR_READ_ONLY, vtx_allowed(MSR_VMX_TRUE_ENTRY), 0);
}

void vtx_fill_msrs(void)
{
	const uint64_t address = (1ull << 40) - 1;

	vtx.n_msrs = 0;
	add(MSR_TSC, MSR_PLAIN, 0, ~0ull); /* vtx.tsc */
	add(MSR_TSC_ADJUST, MSR_PLAIN, 0, ~0ull);
	add(MSR_APIC_BASE, MSR_PLAIN, 0xfee00900, address & ~0x2ffull);
	add(0x830, MSR_WRITE_ONLY, 0, ~0ull); /* the ICR of an x2APIC */
	add(MSR_MISC_ENABLE, MSR_PLAIN, 1, 0x400000001ull | 1ull << 22 | 1ull << 18);
	add(MSR_SYSENTER_CS, MSR_PLAIN, 0, 0xffffffffull);
	add(MSR_SYSENTER_ESP, MSR_CANONICAL, 0, ~0ull);
	add(MSR_SYSENTER_EIP, MSR_CANONICAL, 0, ~0ull);
	add(MSR_DEBUGCTL, MSR_PLAIN, 0, 3);
	add(MSR_PAT, MSR_TYPES, PAT_RESET, 0x0707070707070707ull);
	add(MSR_EFER, MSR_PLAIN, EFER_LME | EFER_LMA | EFER_NXE,
	    EFER_SCE | EFER_NXE | EFER_LME | EFER_LMA);
	add(MSR_STAR, MSR_PLAIN, 0, ~0ull);
	add(MSR_LSTAR, MSR_CANONICAL, 0, ~0ull);
	add(MSR_CSTAR, MSR_CANONICAL, 0, ~0ull);
	add(MSR_FMASK, MSR_PLAIN, 0, 0xffffffffull);
	add(MSR_FS_BASE, MSR_CANONICAL, 0, ~0ull);
	add(MSR_GS_BASE, MSR_CANONICAL, 0, ~0ull);
	add(MSR_KERNEL_GS_BASE, MSR_CANONICAL, 0, ~0ull);
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
	if (sets[vtx.set].has_rdtscp)
		add(MSR_TSC_AUX, MSR_PLAIN, 0, 0xffffffffull);
	if (sets[vtx.set].has_spec) {
		add(MSR_SPEC_CTRL, MSR_PLAIN, 0, SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD);
		add(MSR_PRED_CMD, MSR_WRITE_ONLY, 0, PRED_CMD_IBPB);
		add(MSR_ARCH_CAPABILITIES, MSR_READ_ONLY, 0x2b, 0);
	}
	if (sets[vtx.set].proc2 & BIT(20))
		add(MSR_XSS, MSR_PLAIN, 0, XSS_PT);
	if (sets[vtx.set].has_umwait)
		add(MSR_UMWAIT_CONTROL, MSR_PLAIN, 0, 0xfffffffdull);
	add(MSR_PLATFORM_INFO, MSR_READ_ONLY, 0x80000000, 0);
	add(MSR_DS_AREA, MSR_CANONICAL, 0, ~0ull);
	add_vmx();
}
