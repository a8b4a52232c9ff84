/* SPDX-License-Identifier: MIT */
/* CPUID leaves and the bits that Whit names, SDM 2A "CPUID". */
#ifndef X86_CPUID_H
#define X86_CPUID_H

#include <stdint.h>

struct x86_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

#define CPUID_TOPOLOGY	    0xbu
#define CPUID_XSAVE	    0xdu
#define CPUID_EXTENDED_BASE 0x80000000u

/* Leaf 1 EBX: the line of CLFLUSH is given in units of 8 bytes */
#define CPUID1_EBX_CLFLUSH	  0x0000ff00u
#define CPUID1_CLFLUSH_BYTES(ebx) (((ebx) >> 8 & 0xff) * 8)

/* Leaf 1 ECX */
#define CPUID1_ECX_SSE3	      (1u << 0)
#define CPUID1_ECX_PCLMULQDQ  (1u << 1)
#define CPUID1_ECX_DTES64     (1u << 2)
#define CPUID1_ECX_MONITOR    (1u << 3)
#define CPUID1_ECX_DS_CPL     (1u << 4)
#define CPUID1_ECX_VMX	      (1u << 5)
#define CPUID1_ECX_SMX	      (1u << 6)
#define CPUID1_ECX_SSSE3      (1u << 9)
#define CPUID1_ECX_FMA	      (1u << 12)
#define CPUID1_ECX_CX16	      (1u << 13)
#define CPUID1_ECX_PCID	      (1u << 17)
#define CPUID1_ECX_SSE41      (1u << 19)
#define CPUID1_ECX_SSE42      (1u << 20)
#define CPUID1_ECX_X2APIC     (1u << 21)
#define CPUID1_ECX_MOVBE      (1u << 22)
#define CPUID1_ECX_POPCNT     (1u << 23)
#define CPUID1_ECX_TSCDL      (1u << 24)
#define CPUID1_ECX_AES	      (1u << 25)
#define CPUID1_ECX_XSAVE      (1u << 26)
#define CPUID1_ECX_OSXSAVE    (1u << 27)
#define CPUID1_ECX_AVX	      (1u << 28)
#define CPUID1_ECX_F16C	      (1u << 29)
#define CPUID1_ECX_RDRAND     (1u << 30)
#define CPUID1_ECX_HYPERVISOR (1u << 31)

/* Leaf 1 EDX */
#define CPUID1_EDX_FPU	 (1u << 0)
#define CPUID1_EDX_VME	 (1u << 1)
#define CPUID1_EDX_DE	 (1u << 2)
#define CPUID1_EDX_PSE	 (1u << 3)
#define CPUID1_EDX_TSC	 (1u << 4)
#define CPUID1_EDX_MSR	 (1u << 5)
#define CPUID1_EDX_PAE	 (1u << 6)
#define CPUID1_EDX_MCE	 (1u << 7)
#define CPUID1_EDX_CX8	 (1u << 8)
#define CPUID1_EDX_APIC	 (1u << 9)
#define CPUID1_EDX_SEP	 (1u << 11)
#define CPUID1_EDX_MTRR	 (1u << 12)
#define CPUID1_EDX_PGE	 (1u << 13)
#define CPUID1_EDX_MCA	 (1u << 14)
#define CPUID1_EDX_CMOV	 (1u << 15)
#define CPUID1_EDX_PAT	 (1u << 16)
#define CPUID1_EDX_PSE36 (1u << 17)
#define CPUID1_EDX_CLFSH (1u << 19)
#define CPUID1_EDX_DS	 (1u << 21)
#define CPUID1_EDX_MMX	 (1u << 23)
#define CPUID1_EDX_FXSR	 (1u << 24)
#define CPUID1_EDX_SSE	 (1u << 25)
#define CPUID1_EDX_SSE2	 (1u << 26)
#define CPUID1_EDX_HTT	 (1u << 28)

/* Leaf 7 subleaf 0 EBX */
#define CPUID7_EBX_FSGSBASE	(1u << 0)
#define CPUID7_EBX_TSC_ADJUST	(1u << 1)
#define CPUID7_EBX_BMI1		(1u << 3)
#define CPUID7_EBX_AVX2		(1u << 5)
#define CPUID7_EBX_SMEP		(1u << 7)
#define CPUID7_EBX_BMI2		(1u << 8)
#define CPUID7_EBX_ERMS		(1u << 9)
#define CPUID7_EBX_INVPCID	(1u << 10)
#define CPUID7_EBX_AVX512F	(1u << 16)
#define CPUID7_EBX_AVX512DQ	(1u << 17)
#define CPUID7_EBX_RDSEED	(1u << 18)
#define CPUID7_EBX_ADX		(1u << 19)
#define CPUID7_EBX_SMAP		(1u << 20)
#define CPUID7_EBX_AVX512IFMA	(1u << 21)
#define CPUID7_EBX_CLFLUSHOPT	(1u << 23)
#define CPUID7_EBX_CLWB		(1u << 24)
#define CPUID7_EBX_PT		(1u << 25)
#define CPUID7_EBX_AVX512CD	(1u << 28)
#define CPUID7_EBX_SHA		(1u << 29)
#define CPUID7_EBX_AVX512BW	(1u << 30)
#define CPUID7_EBX_AVX512VL	(1u << 31)
/* Leaf 7 subleaf 0 ECX */
#define CPUID7_ECX_AVX512VBMI	(1u << 1)
#define CPUID7_ECX_UMIP		(1u << 2)
#define CPUID7_ECX_PKU		(1u << 3)
#define CPUID7_ECX_OSPKE	(1u << 4)
#define CPUID7_ECX_WAITPKG	(1u << 5)
#define CPUID7_ECX_VBMI2	(1u << 6)
#define CPUID7_ECX_GFNI		(1u << 8)
#define CPUID7_ECX_VAES		(1u << 9)
#define CPUID7_ECX_VPCLMUL	(1u << 10)
#define CPUID7_ECX_AVX512VNNI	(1u << 11)
#define CPUID7_ECX_BITALG	(1u << 12)
#define CPUID7_ECX_TME		(1u << 13)
#define CPUID7_ECX_VPOPCNTDQ	(1u << 14)
#define CPUID7_ECX_LA57		(1u << 16)
#define CPUID7_ECX_RDPID	(1u << 22)
#define CPUID7_ECX_CLDEMOTE	(1u << 25)
#define CPUID7_ECX_MOVDIRI	(1u << 27)
#define CPUID7_ECX_MOVDIR64B	(1u << 28)
/* Leaf 7 subleaf 0 EDX */
#define CPUID7_EDX_FSRM		(1u << 4)
#define CPUID7_EDX_VP2INTERSECT (1u << 8)
#define CPUID7_EDX_MD_CLEAR	(1u << 10)
#define CPUID7_EDX_SERIALIZE	(1u << 14)
#define CPUID7_EDX_AMX_BF16	(1u << 22)
#define CPUID7_EDX_AVX512FP16	(1u << 23)
#define CPUID7_EDX_AMX_TILE	(1u << 24)
#define CPUID7_EDX_AMX_INT8	(1u << 25)
#define CPUID7_EDX_SPEC_CTRL	(1u << 26) /* IBRS in IA32_SPEC_CTRL, and IA32_PRED_CMD */
#define CPUID7_EDX_STIBP	(1u << 27)
#define CPUID7_EDX_L1D_FLUSH	(1u << 28)
#define CPUID7_EDX_ARCH_CAP	(1u << 29)
#define CPUID7_EDX_SSBD		(1u << 31)
/* Leaf 7 subleaf 1 */
#define CPUID71_EAX_SHA512	(1u << 0)
#define CPUID71_EAX_SM3		(1u << 1)
#define CPUID71_EAX_SM4		(1u << 2)
#define CPUID71_EAX_AVX_VNNI	(1u << 4)
#define CPUID71_EAX_AVX512BF16	(1u << 5)
#define CPUID71_EAX_CMPCCXADD	(1u << 7)
#define CPUID71_EAX_FZRM	(1u << 10)
#define CPUID71_EAX_FSRS	(1u << 11)
#define CPUID71_EAX_FSRC	(1u << 12)
#define CPUID71_EAX_AMX_FP16	(1u << 21)
#define CPUID71_EAX_AVX_IFMA	(1u << 23)
#define CPUID71_EDX_VNNI_INT8	(1u << 4)
#define CPUID71_EDX_NE_CONVERT	(1u << 5)
#define CPUID71_EDX_VNNI_INT16	(1u << 10)
#define CPUID71_EDX_PREFETCHI	(1u << 14)
/* Leaf 7 subleaf 2 */
#define CPUID72_EDX_PSFD	(1u << 0)
#define CPUID72_EDX_IPRED	(1u << 1)
#define CPUID72_EDX_RRSBA	(1u << 2)
#define CPUID72_EDX_DDPD	(1u << 3)
#define CPUID72_EDX_BHI		(1u << 4)
#define CPUID72_EDX_MCDT_NO	(1u << 5)

/* Leaf 0Dh subleaf 1 EAX */
#define CPUIDD1_EAX_XSAVEOPT  (1u << 0)
#define CPUIDD1_EAX_XSAVEC    (1u << 1)
#define CPUIDD1_EAX_XGETBV1   (1u << 2)
#define CPUIDD1_EAX_XSAVES    (1u << 3)
/* Its subleaves of components, ECX */
#define CPUIDD_ECX_SUPERVISOR (1u << 0)
#define CPUIDD_ECX_ALIGNED    (1u << 1)

/* Leaf 80000001h */
#define CPUID81_ECX_LAHF       (1u << 0)
#define CPUID81_ECX_CMP_LEGACY (1u << 1)
#define CPUID81_ECX_SVM	       (1u << 2)
#define CPUID81_ECX_LZCNT      (1u << 5)
#define CPUID81_ECX_SSE4A      (1u << 6)
#define CPUID81_ECX_MISALIGN   (1u << 7)
#define CPUID81_ECX_PREFETCHW  (1u << 8)
#define CPUID81_ECX_XOP	       (1u << 11)
#define CPUID81_ECX_FMA4       (1u << 16)
#define CPUID81_ECX_TCE	       (1u << 17)
#define CPUID81_ECX_TOPOLOGY   (1u << 22) /* leaves 8000001Dh and 8000001Eh */
#define CPUID81_EDX_SYSCALL    (1u << 11)
#define CPUID81_EDX_NX	       (1u << 20)
#define CPUID81_EDX_MMXEXT     (1u << 22)
#define CPUID81_EDX_FFXSR      (1u << 25)
#define CPUID81_EDX_1G	       (1u << 26)
#define CPUID81_EDX_RDTSCP     (1u << 27)
#define CPUID81_EDX_LM	       (1u << 29)
#define CPUID81_EDX_3DNOWEXT   (1u << 30)
#define CPUID81_EDX_3DNOW      (1u << 31)

/* Leaf 80000007h EDX, leaf 80000008h EBX */
#define CPUID87_EDX_INVARIANT_TSC (1u << 8)
#define CPUID88_EBX_CLZERO	  (1u << 0)
#define CPUID88_EBX_ERR_POINTERS  (1u << 2) /* FXRSTOR and XRSTOR load them always */
#define CPUID88_EBX_MCOMMIT	  (1u << 8)
#define CPUID88_EBX_IBPB	  (1u << 12)
#define CPUID88_EBX_INT_WBINVD	  (1u << 13)
#define CPUID88_EBX_IBRS	  (1u << 14)
#define CPUID88_EBX_STIBP	  (1u << 15)
#define CPUID88_EBX_IBRS_ON	  (1u << 16) /* better always on, as the next */
#define CPUID88_EBX_STIBP_ON	  (1u << 17)
#define CPUID88_EBX_IBRS_BETTER	  (1u << 18) /* than work-arounds */
#define CPUID88_EBX_IBRS_MODE	  (1u << 19) /* it covers the same mode */
#define CPUID88_EBX_SSBD	  (1u << 24)
#define CPUID88_EBX_SSB_NO	  (1u << 26)
#define CPUID88_EBX_PSFD	  (1u << 28)
#define CPUID88_EBX_BTC_NO	  (1u << 29)
#define CPUID88_EBX_IBPB_RET	  (1u << 30)

#define CPUID_SVM 0x8000000au

/* Leaf 8000001Fh; EBX: bits of an address that encryption takes away, while SYSCFG has it on */
#define CPUID81F_EAX_SME       (1u << 0)
#define CPUID_ENCRYPTION       0x8000001fu
#define CPUID81F_KEY_BITS(ebx) ((ebx) >> 6 & 0x3f)

/* Leaf 80000021h EAX */
#define CPUID_FEATURES		  0x80000021u
#define CPUID821_EAX_NO_NESTED_BP (1u << 0)
#define CPUID821_EAX_LFENCE	  (1u << 2) /* it always waits */
#define CPUID821_EAX_NULL_SEG	  (1u << 6) /* a null selector clears the base */
#define CPUID821_EAX_UAI	  (1u << 7)
#define CPUID821_EAX_AUTO_IBRS	  (1u << 8)
#define CPUID821_EAX_NO_SMM_CTL	  (1u << 9)
#define CPUID821_EAX_FSRS	  (1u << 10)
#define CPUID821_EAX_FSRC	  (1u << 11)
#define CPUID821_EAX_SBPB	  (1u << 27)
#define CPUID821_EAX_IBPB_TYPE	  (1u << 28)
#define CPUID821_EAX_SRSO_NO	  (1u << 29)
#define CPUID821_EAX_SRSO_USER_NO (1u << 30)

#define CPUID_HYPERVISOR_BASE 0x40000000u
#define CPUID_HYPERVISOR_LAST 0x4fffffffu

#endif
