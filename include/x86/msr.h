/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers, SDM 4 "Model-Specific Registers"; from C0000104h on AMD's, APM 2 "MSR
 * Cross-Reference" and the PPRs of families 17h to 1Ah.
 */
#ifndef X86_MSR_H
#define X86_MSR_H

#define MSR_P5_MC_ADDR	      0x0
#define MSR_P5_MC_TYPE	      0x1
#define MSR_TSC		      0x10
#define MSR_PLATFORM_ID	      0x17
#define MSR_APIC_BASE	      0x1b
#define MSR_EBL_CR_POWERON    0x2a
#define MSR_TEST_CTRL	      0x33
#define MSR_SMI_COUNT	      0x34
#define MSR_FEATURE_CONTROL   0x3a
#define MSR_TSC_ADJUST	      0x3b
#define MSR_SPEC_CTRL	      0x48
#define MSR_PRED_CMD	      0x49
#define MSR_BIOS_UPDT_TRIG    0x79
#define MSR_FZM_RANGE_INDEX   0x7d
#define MSR_FZM_FIRST	      0x82
#define MSR_FZM_LAST	      0x85
#define MSR_BIOS_SIGN_ID      0x8b
#define MSR_SMM_MONITOR_CTL   0x9b
#define MSR_PLATFORM_INFO     0xce
#define MSR_CORE_CAPABILITIES 0xcf
#define MSR_UMWAIT_CONTROL    0xe1
#define MSR_PMG_IO_CAPTURE    0xe4
#define MSR_MTRRCAP	      0xfe
#define MSR_ARCH_CAPABILITIES 0x10a
#define MSR_FLUSH_CMD	      0x10b
#define MSR_FEATURE_CONFIG    0x13c
#define MSR_MISC_FEATURES     0x140 /* MISC_FEATURES_ENABLES */
#define MSR_SYSENTER_CS	      0x174
#define MSR_SYSENTER_ESP      0x175
#define MSR_SYSENTER_EIP      0x176
#define MSR_MCG_CAP	      0x179
#define MSR_MCG_STATUS	      0x17a
#define MSR_PERF_STATUS	      0x198
#define MSR_PERF_CTL	      0x199
#define MSR_MISC_ENABLE	      0x1a0
#define MSR_XFD		      0x1c4
#define MSR_DEBUGCTL	      0x1d9
#define MSR_LASTBRANCH_FIRST  0x1db /* P6: from, to; last exception from, to */
#define MSR_LASTBRANCH_LAST   0x1de
#define MSR_SMRR_FIRST	      0x1f2
#define MSR_PRMRR_LAST	      0x1f7
#define MSR_MTRR_PHYSBASE0    0x200
#define MSR_MTRR_PHYSMASK0    0x201
#define MSR_MTRR_PHYS_LAST    0x23f /* of 32 pairs, more than any processor has */
#define MSR_MTRR_FIX64K_00000 0x250
#define MSR_MTRR_FIX16K_80000 0x258
#define MSR_MTRR_FIX16K_A0000 0x259
#define MSR_MTRR_FIX4K_C0000  0x268
#define MSR_MTRR_FIX4K_F8000  0x26f
#define MSR_PAT		      0x277
#define MSR_PRMRR_BASE_FIRST  0x2a0
#define MSR_PRMRR_BASE_LAST   0x2a7
#define MSR_UNCORE_PRMRR      0x2f4 /* base, and mask */
#define MSR_MTRR_DEF_TYPE     0x2ff
#define MSR_PEBS_ENABLE	      0x3f1
#define MSR_PEBS_BASE	      0x3f4
#define MSR_VMX_BASIC	      0x480
#define MSR_VMX_PIN	      0x481
#define MSR_VMX_PROC	      0x482
#define MSR_VMX_EXIT	      0x483
#define MSR_VMX_ENTRY	      0x484
#define MSR_VMX_MISC	      0x485
#define MSR_VMX_CR0_FIXED0    0x486
#define MSR_VMX_CR0_FIXED1    0x487
#define MSR_VMX_CR4_FIXED0    0x488
#define MSR_VMX_CR4_FIXED1    0x489
#define MSR_VMX_PROC2	      0x48b
#define MSR_VMX_EPT_VPID_CAP  0x48c
#define MSR_VMX_TRUE_PIN      0x48d
#define MSR_VMX_TRUE_PROC     0x48e
#define MSR_VMX_TRUE_EXIT     0x48f
#define MSR_VMX_TRUE_ENTRY    0x490
#define MSR_VMX_LAST	      0x493
#define MSR_RTIT_FIRST	      0x560 /* Intel PT */
#define MSR_RTIT_LAST	      0x587
#define MSR_DS_AREA	      0x600
#define MSR_TSC_DEADLINE      0x6e0
#define MSR_X2APIC_FIRST      0x800
#define MSR_X2APIC_ICR	      0x830
#define MSR_X2APIC_LAST	      0x8ff
#define MSR_X2APIC(offset)    (MSR_X2APIC_FIRST + (offset) / 0x10) /* of a register of the page */
#define MSR_TME_FIRST	      0x981				   /* capability */
#define MSR_TME_ACTIVATE      0x982
#define MSR_TME_LAST	      0x984 /* mask and base of what is left out */
#define MSR_XSS		      0xda0
#define MSR_SEAMRR_FIRST      0x1400
#define MSR_SEAMRR_LAST	      0x1402
#define MSR_LBR_CTL	      0x14ce
#define MSR_LBR_DEPTH	      0x14cf
#define MSR_HW_FEEDBACK_PTR   0x17d0
#define MSR_EFER	      0xc0000080u
#define MSR_STAR	      0xc0000081u
#define MSR_LSTAR	      0xc0000082u
#define MSR_CSTAR	      0xc0000083u
#define MSR_FMASK	      0xc0000084u
#define MSR_FS_BASE	      0xc0000100u
#define MSR_GS_BASE	      0xc0000101u
#define MSR_KERNEL_GS_BASE    0xc0000102u
#define MSR_TSC_AUX	      0xc0000103u
#define MSR_TSC_RATIO	      0xc0000104u
#define MSR_LWP_CFG	      0xc0000105u
#define MSR_LWP_CBADDR	      0xc0000106u
#define MSR_DBG_EXTN_CFG      0xc000010fu
#define MSR_MCAX_FIRST	      0xc0002000u /* banks of machine checks */
#define MSR_MCAX_LAST	      0xc0002fffu
#define MSR_PERF_LEGACY_FIRST 0xc0010000u /* four of each: control, counter */
#define MSR_PERF_LEGACY_LAST  0xc0010007u
#define MSR_SYSCFG	      0xc0010010u
#define MSR_HWCR	      0xc0010015u
#define MSR_IORR_FIRST	      0xc0010016u
#define MSR_IORR_LAST	      0xc0010019u
#define MSR_TOP_MEM	      0xc001001au
#define MSR_TOM2	      0xc001001du
#define MSR_NB_CFG	      0xc001001fu
#define MSR_PATCH_LOADER      0xc0010020u
#define MSR_INT_PENDING	      0xc0010055u
#define MSR_MMIO_CFG_BASE     0xc0010058u
#define MSR_CSTATE_BASE	      0xc0010073u
#define MSR_SMM_BASE	      0xc0010111u
#define MSR_SMM_ADDR	      0xc0010112u
#define MSR_SMM_MASK	      0xc0010113u
#define MSR_VM_CR	      0xc0010114u
#define MSR_SMM_CTL	      0xc0010116u
#define MSR_VM_HSAVE_PA	      0xc0010117u
#define MSR_SVM_KEY	      0xc0010118u
#define MSR_SMM_KEY	      0xc0010119u
#define MSR_AVIC_DOORBELL     0xc001011bu
#define MSR_VMPAGE_FLUSH      0xc001011eu
#define MSR_GHCB	      0xc0010130u
#define MSR_SEV_STATUS	      0xc0010131u
#define MSR_RMP_BASE	      0xc0010132u
#define MSR_RMP_END	      0xc0010133u
#define MSR_RMP_CFG	      0xc0010136u
#define MSR_CPUID_7	      0xc0011002u /* the answers of CPUID: leaf 7, EBX in the lower half */
#define MSR_CPUID_6	      0xc0011003u
#define MSR_CPUID_1	      0xc0011004u /* ECX in the upper half, EDX */
#define MSR_CPUID_81	      0xc0011005u /* 80000001h, the same way */
#define MSR_DR1_MASK	      0xc0011019u /* of addresses of breakpoints */
#define MSR_DR3_MASK	      0xc001101bu
#define MSR_DC_CFG	      0xc0011022u
#define MSR_TW_CFG	      0xc0011023u
#define MSR_DR0_MASK	      0xc0011027u
#define MSR_DE_CFG	      0xc0011029u
#define MSR_BU_CFG2	      0xc001102au
#define MSR_EX_CFG	      0xc001102cu

/*
 * The numbers that MSR bitmaps have bits for: the first of all, and as many from here. SDM 3C
 * "MSR-Bitmap Address"
 */
#define MSR_BITMAP_RANGE 0x2000u
#define MSR_BITMAP_HIGH	 0xc0000000u
#define MSR_BITMAP_AMD	 0xc0010000u /* AMD's have these as well, APM 2 "MSR Intercepts" */

/* IA32_FEATURE_CONTROL */
#define FEATURE_CONTROL_LOCKED	(1ull << 0)
#define FEATURE_CONTROL_VMX_SMX (1ull << 1)
#define FEATURE_CONTROL_VMX	(1ull << 2)

/*
 * TEST_CTRL: #GP or #AC for locks on uncached memory, #AC for split locks; and what announces them
 */
#define TEST_CTRL_FAULTS (1ull << 28 | 1ull << 29)
#define CORE_CAP_LOCKS	 (1ull << 4 | 1ull << 5)

/* MISC_FEATURES_ENABLES, MSR_PLATFORM_INFO */
#define MISC_FEATURES_CPUID_FAULT (1ull << 0)
#define MISC_FEATURES_MWAIT	  (1ull << 1) /* at CPL 3 */
#define PLATFORM_INFO_CPUID_FAULT (1ull << 31)

/* IA32_TME_ACTIVATE */
#define TME_ACTIVATE_LOCKED	     (1ull << 0)
#define TME_ACTIVATE_ENABLED	     (1ull << 1)
#define TME_ACTIVATE_KEY_BITS(value) ((value) >> 32 & 0xf)

/* IA32_LBR_CTL */
#define LBR_CTL_EN (1ull << 0)

/* VM_CR */
#define VM_CR_LOCK   (1ull << 3)
#define VM_CR_SVMDIS (1ull << 4)

/* SYSCFG: MtrrFixDramModEn; SMEE, SNPEn, VMPLEn and HMKEE */
#define SYSCFG_FIX_DRAM_MOD (1ull << 19)
#define SYSCFG_ENCRYPTION   (0xfull << 23)
#define SYSCFG_SMEE	    (1ull << 23)

#define HWCR_TLB_CACHE_DIS  (1ull << 3)
#define HWCR_FFDIS	    (1ull << 6)
#define HWCR_IGNNE_EM	    (1ull << 8)
#define HWCR_MC_STATUS_WR   (1ull << 18)
#define HWCR_TSC_FREQ_SEL   (1ull << 24)
#define HWCR_CPUID_USER_DIS (1ull << 35)

#define DE_CFG_LFENCE (1ull << 1) /* LFENCE waits for all before it */

/* DBG_EXTN_CFG: LBRS_EN, of the second version of branch records */
#define DBG_EXTN_CFG_LBR (1ull << 6)

#define CPUID_7_RDSEED	  (1ull << 18)
#define CPUID_1_RDRAND	  (1ull << 62)
#define CPUID_81_TOPOLOGY (1ull << 54)

/* IA32_SPEC_CTRL; those of two bits are for CPL 3 and for the others */
#define SPEC_CTRL_IBRS	(1ull << 0)
#define SPEC_CTRL_STIBP (1ull << 1)
#define SPEC_CTRL_SSBD	(1ull << 2)
#define SPEC_CTRL_IPRED (1ull << 3 | 1ull << 4)
#define SPEC_CTRL_RRSBA (1ull << 5 | 1ull << 6)
#define SPEC_CTRL_PSFD	(1ull << 7)
#define SPEC_CTRL_DDPD	(1ull << 8)
#define SPEC_CTRL_BHI	(1ull << 10)

/* IA32_FLUSH_CMD */
#define FLUSH_CMD_L1D (1ull << 0)

/* IA32_PRED_CMD */
#define PRED_CMD_IBPB (1ull << 0)
#define PRED_CMD_SBPB (1ull << 7) /* AMD's, of branch types alone */

/*
 * IA32_XSS; of the rest the root may have all but Intel PT and the LBRs: PASID, CET, HDC, user
 * interrupts, HWP
 */
#define XSS_PT	 (1ull << 8)
#define XSS_LBR	 (1ull << 15)
#define XSS_ROOT (1ull << 10 | 1ull << 11 | 1ull << 12 | 1ull << 13 | 1ull << 14 | 1ull << 16)

#define MTRR_FIXED 11u /* registers of fixed ranges */

/* IA32_MTRRCAP, IA32_MTRR_DEF_TYPE, IA32_MTRR_PHYSMASKn */
#define MTRRCAP_VCNT	 0xffull
#define MTRRCAP_FIX	 (1ull << 8)
#define MTRRCAP_WC	 (1ull << 10)
#define MTRR_DEF_TYPE_FE (1ull << 10)
#define MTRR_DEF_TYPE_E	 (1ull << 11)
#define MTRR_PHYSMASK_V	 (1ull << 11)

/* IA32_MISC_ENABLE */
#define MISC_FAST_STRINGS     (1ull << 0)
#define MISC_BTS_UNAVAILABLE  (1ull << 11)
#define MISC_PEBS_UNAVAILABLE (1ull << 12)
#define MISC_LIMIT_CPUID      (1ull << 22)
#define MISC_XD_DISABLE	      (1ull << 34)

/* IA32_DEBUGCTL */
#define DEBUGCTL_LBR (1ull << 0)
#define DEBUGCTL_BTF (1ull << 1)

/* IA32_PAT after reset. */
#define PAT_RESET 0x0007040600070406ull

#endif
