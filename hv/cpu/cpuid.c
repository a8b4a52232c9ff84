/* SPDX-License-Identifier: MIT */
/*
 * The CPUID model. A child sees the bits of a row if the processor has them and the partition has
 * the features that the row needs. It sees no bit without a row, because a leaf must advertise only
 * features that work under Whit: their state is switched, their registers exist, and their controls
 * are on. Choices worth knowing:
 *   - the hypervisor bit is on; leaf 40000000h carries "WhitGuest", not the root's signature, so
 *     that nobody takes a child for a place to make hypercalls from; 40000010h gives the
 *     frequencies of TSC and
 *     APIC timer in kHz, as VMware's and QEMU's do;
 *   - the VPs are cores of one package, and the APIC's ID is the VP's index; each vendor's leaves
 *     say so in their way;
 *   - protection keys, CET, TSX, MPX and the performance counters are not offered;
 *   - leaf 0Dh is worked out here but for the size and place of a component;
 *   - basic leaves above the highest give zeros, not the last leaf's data as on Intel's processors.
 */
#include "hv/cpu/cpuid.h"

#include "hv/mem/buffer.h"
#include "hv/cpu/xsave.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/msr.h"

/*
 * Bits of one register of a leaf: `pass` as the processor has them, `set` in any case; both only
 * with what it needs.
 */
struct cpuid_row {
	uint8_t reg;
	uint32_t pass;
	uint32_t set;
	uint32_t needs; /* HAS_… */
	const char *reason;
};

struct cpuid_leaf {
	uint32_t leaf;
	uint8_t subleaf, n; /* the rows hold for n subleaves from here on */
	uint8_t look;	    /* MODEL_LOOK: the answer depends on subleaf or VP; or 0 */
	const struct cpuid_row *rows;
	uint32_t n_rows;
};

#define LEAF(leaf, subleaf, n, look, rows)                                               \
	{                                                                                \
		(leaf), (subleaf), (n), (look), (rows), sizeof(rows) / sizeof((rows)[0]) \
	}

/* Bits that only this file speaks of. */
#define LEAF1_EBX_N_SHIFT	16
#define LEAF1_EBX_APIC_ID_SHIFT 24
#define LEAF4_EAX_TYPE		0x0000001fu
#define LEAF4_EAX_LEVEL(eax)	((eax) >> 5 & 7)
#define LEAF4_EAX_CACHE		0x00003fffu
#define LEAF4_EAX_SHARE_SHIFT	14
#define LEAF4_EAX_CORES_SHIFT	26
#define LEAF6_EAX_ARAT		(1u << 2)
#define LEAF7_EBX_FDP_ON_FAULT	(1u << 6)
#define LEAF7_EBX_NO_FPU_CS_DS	(1u << 13)
#define LEAFB_ECX_SMT		(1u << 8)
#define LEAFB_ECX_CORE		(2u << 8)
#define LEAF81_EDX_AS_LEAF1	0x0183f3ffu /* AMD repeats bits of leaf 1 */
#define LEAF88_EAX_PHYSICAL	0x000000ffu
#define LEAF88_EAX_LINEAR	0x0000ff00u
#define LEAF88_ECX_WIDTH_SHIFT	12

#define LAST_EXTENDED 0x80000021u
#define LAST_BASIC \
	0x16u /* given where the processor has leaf 0Bh, for 15h and 16h are Whit's own */
#define LAST_BASIC_AMD 0xdu /* AMD's have no leaves of clocks, and systems look at none */
#define LEAF_AMD_CACHE 0x8000001du
#define LEAF_AMD_CORE  0x8000001eu
#define AMD_CACHES     4u
#define LIMITED_BASIC  2u
#define LEAF_TIMING    0x40000010u
#define MHZ	       1000000u
#define BUS_MHZ	       100u

/* clang-format off */
static const struct cpuid_row leaf_0[] = {
	{ EAX, ~0u, 0, 0, "the highest basic leaf, cut to this table's" },
	{ EBX, ~0u, 0, 0, "vendor: guests choose drivers and work-arounds by it" },
	{ ECX, ~0u, 0, 0, "vendor" },
	{ EDX, ~0u, 0, 0, "vendor" },
};

static const struct cpuid_row leaf_1[] = {
	{ EAX, ~0u, 0, 0, "family, model, stepping: as the instructions behave" },
	{ EBX, CPUID1_EBX_CLFLUSH, 0, 0,
	  "line size of CLFLUSH; the number of VPs and the initial APIC ID come later" },
	{ ECX, CPUID1_ECX_SSE3 | CPUID1_ECX_SSSE3 | CPUID1_ECX_SSE41 | CPUID1_ECX_SSE42 |
	       CPUID1_ECX_PCLMULQDQ | CPUID1_ECX_AES, 0, 0,
	  "state in the FXSAVE image, which is switched" },
	{ ECX, CPUID1_ECX_CX16 | CPUID1_ECX_MOVBE | CPUID1_ECX_POPCNT | CPUID1_ECX_RDRAND, 0, 0,
	  "general registers only, never exit" },
	{ ECX, CPUID1_ECX_PCID, 0, 0, "a CR4 bit of hv/cpu/model.c" },
	{ ECX, CPUID1_ECX_XSAVE, 0, HAS_XSAVE, "the state is switched; XSETBV exits" },
	{ ECX, CPUID1_ECX_AVX, 0, HAS_XSAVE | HAS_AVX, "its state can be on in XCR0" },
	{ ECX, CPUID1_ECX_FMA | CPUID1_ECX_F16C, 0, HAS_AVX, "AVX's registers" },
	{ ECX, 0, CPUID1_ECX_X2APIC, HAS_X2APIC, "Whit's own, as the next" },
	{ ECX, 0, CPUID1_ECX_TSCDL, HAS_APIC, "a mode of its timer" },
	{ ECX, 0, CPUID1_ECX_HYPERVISOR, 0, "leaf 40000000h is there" },
	{ EDX, CPUID1_EDX_FPU | CPUID1_EDX_MMX | CPUID1_EDX_FXSR | CPUID1_EDX_SSE | CPUID1_EDX_SSE2, 0, 0,
	  "state in the FXSAVE image" },
	{ EDX, CPUID1_EDX_VME | CPUID1_EDX_DE | CPUID1_EDX_PSE | CPUID1_EDX_PAE | CPUID1_EDX_PGE |
	       CPUID1_EDX_PSE36, 0, 0,
	  "CR4 bits of hv/cpu/model.c; the guest's paging is the hardware's" },
	{ EDX, CPUID1_EDX_TSC | CPUID1_EDX_CX8 | CPUID1_EDX_CMOV | CPUID1_EDX_CLFSH, 0, 0,
	  "never exit; the TSC has an offset" },
	{ EDX, CPUID1_EDX_MSR | CPUID1_EDX_SEP | CPUID1_EDX_PAT | CPUID1_EDX_MTRR, 0, 0,
	  "MSRs that hv/cpu/msr.c has" },
	{ EDX, CPUID1_EDX_MCE | CPUID1_EDX_MCA, 0, 0,
	  "Windows wants them; MCG_CAP says that there is no bank" },
	{ EDX, 0, CPUID1_EDX_APIC, HAS_APIC, "while IA32_APIC_BASE enables it" },
};

static const struct cpuid_row leaf_2[] = {
	{ EAX, ~0u, 0, 0, "cache and TLB sizes, for tuning" },
	{ EBX, ~0u, 0, 0, "the same" },
	{ ECX, ~0u, 0, 0, "the same" },
	{ EDX, ~0u, 0, 0, "the same" },
};

static const struct cpuid_row leaf_4[] = {
	{ EAX, LEAF4_EAX_CACHE, 0, 0, "the cache; who shares it is not the host's number" },
	{ EBX, ~0u, 0, 0, "its size" },
	{ ECX, ~0u, 0, 0, "its size" },
	{ EDX, ~0u, 0, 0, "its kind" },
};

static const struct cpuid_row leaf_6[] = {
	{ EAX, 0, LEAF6_EAX_ARAT, HAS_APIC, "Whit's timer runs whatever the processor sleeps in" },
};

static const struct cpuid_row leaf_7[] = {
	{ EAX, ~0u, 0, 0, "the highest subleaf, cut to this table's" },
	{ EBX, CPUID7_EBX_FSGSBASE | CPUID7_EBX_SMEP | CPUID7_EBX_SMAP, 0, 0, "CR4 bits of hv/cpu/model.c" },
	{ EBX, 0, CPUID7_EBX_TSC_ADJUST, 0, "an MSR of hv/cpu/msr.c that needs no processor's" },
	{ EBX, CPUID7_EBX_BMI1 | CPUID7_EBX_BMI2 | CPUID7_EBX_ERMS | CPUID7_EBX_RDSEED | CPUID7_EBX_ADX |
	       CPUID7_EBX_CLFLUSHOPT | CPUID7_EBX_CLWB | CPUID7_EBX_SHA, 0, 0,
	  "general and XMM registers only, never exit" },
	{ EBX, CPUID7_EBX_INVPCID, 0, HAS_INVPCID, "a control of its own" },
	{ EBX, CPUID7_EBX_AVX2, 0, HAS_AVX, "AVX's registers" },
	{ EBX, CPUID7_EBX_AVX512F, 0, HAS_AVX | HAS_AVX512, "its state can be on in XCR0" },
	{ EBX, CPUID7_EBX_AVX512DQ | CPUID7_EBX_AVX512IFMA | CPUID7_EBX_AVX512CD | CPUID7_EBX_AVX512BW |
	       CPUID7_EBX_AVX512VL, 0, HAS_AVX512, "AVX-512's registers" },
	{ EBX, LEAF7_EBX_FDP_ON_FAULT | LEAF7_EBX_NO_FPU_CS_DS, 0, 0, "how the FPU behaves" },
	{ ECX, CPUID7_ECX_UMIP | CPUID7_ECX_LA57, 0, 0, "CR4 bits of hv/cpu/model.c" },
	{ ECX, CPUID7_ECX_GFNI | CPUID7_ECX_CLDEMOTE | CPUID7_ECX_MOVDIRI | CPUID7_ECX_MOVDIR64B, 0, 0,
	  "general and XMM registers only, never exit" },
	{ ECX, CPUID7_ECX_VAES | CPUID7_ECX_VPCLMUL, 0, HAS_AVX, "AVX's registers" },
	{ ECX, CPUID7_ECX_AVX512VBMI | CPUID7_ECX_VBMI2 | CPUID7_ECX_AVX512VNNI | CPUID7_ECX_BITALG |
	       CPUID7_ECX_VPOPCNTDQ, 0, HAS_AVX512, "AVX-512's registers" },
	{ ECX, CPUID7_ECX_RDPID, 0, HAS_TSC_AUX, "a control of its own; TSC_AUX is switched" },
	{ ECX, CPUID7_ECX_WAITPKG, 0, HAS_UMWAIT, "a control of its own" },
	{ EDX, CPUID7_EDX_FSRM | CPUID7_EDX_MD_CLEAR | CPUID7_EDX_SERIALIZE, 0, 0,
	  "how REP MOVSB and VERW behave; SERIALIZE never exits" },
	{ EDX, CPUID7_EDX_VP2INTERSECT | CPUID7_EDX_AVX512FP16, 0, HAS_AVX512, "AVX-512's registers" },
	{ EDX, CPUID7_EDX_AMX_TILE, 0, HAS_XSAVE | HAS_TILE, "its state can be on in XCR0" },
	{ EDX, CPUID7_EDX_AMX_BF16 | CPUID7_EDX_AMX_INT8, 0, HAS_TILE, "tiles" },
	{ EDX, CPUID7_EDX_SPEC_CTRL | CPUID7_EDX_STIBP | CPUID7_EDX_SSBD, 0, 0,
	  "IA32_SPEC_CTRL is switched, IA32_PRED_CMD passed on" },
	{ EDX, CPUID7_EDX_L1D_FLUSH, 0, 0, "IA32_FLUSH_CMD is passed on" },
	{ EDX, CPUID7_EDX_ARCH_CAP, 0, HAS_ARCH_CAP, "guests spare themselves work-arounds by it" },
};

static const struct cpuid_row leaf_7_1[] = {
	{ EAX, CPUID71_EAX_FZRM | CPUID71_EAX_FSRS | CPUID71_EAX_FSRC, 0, 0, "how REP behaves" },
	{ EAX, CPUID71_EAX_CMPCCXADD, 0, 0, "general registers only, never exits" },
	{ EAX, CPUID71_EAX_AVX_VNNI | CPUID71_EAX_AVX_IFMA | CPUID71_EAX_SHA512 | CPUID71_EAX_SM3 |
	       CPUID71_EAX_SM4, 0, HAS_AVX, "AVX's registers" },
	{ EAX, CPUID71_EAX_AVX512BF16, 0, HAS_AVX512, "AVX-512's registers" },
	{ EAX, CPUID71_EAX_AMX_FP16, 0, HAS_TILE, "tiles" },
	{ EDX, CPUID71_EDX_VNNI_INT8 | CPUID71_EDX_NE_CONVERT | CPUID71_EDX_VNNI_INT16, 0, HAS_AVX,
	  "AVX's registers" },
	{ EDX, CPUID71_EDX_PREFETCHI, 0, 0, "no state, never exits" },
};

static const struct cpuid_row leaf_7_2[] = {
	{ EDX, CPUID72_EDX_PSFD | CPUID72_EDX_IPRED | CPUID72_EDX_RRSBA | CPUID72_EDX_DDPD | CPUID72_EDX_BHI,
	  0, HAS_SPEC_CTRL, "further bits of IA32_SPEC_CTRL" },
	{ EDX, CPUID72_EDX_MCDT_NO, 0, 0, "how the processor behaves" },
};

/* Subleaf 1; the rest is xsave_leaf()'s. */
static const struct cpuid_row leaf_d_1[] = {
	{ EAX, CPUIDD1_EAX_XSAVEOPT | CPUIDD1_EAX_XSAVEC | CPUIDD1_EAX_XGETBV1, 0, HAS_XSAVE, "never exit" },
	{ EAX, CPUIDD1_EAX_XSAVES, 0, HAS_XSAVE | HAS_XSAVES, "a control of its own; IA32_XSS is switched" },
};

static const struct cpuid_row leaf_80[] = {
	{ EAX, ~0u, 0, 0, "the highest extended leaf, cut to this table's" },
	{ EBX, ~0u, 0, 0, "vendor, on AMD's processors" },
	{ ECX, ~0u, 0, 0, "vendor" },
	{ EDX, ~0u, 0, 0, "vendor" },
};

static const struct cpuid_row leaf_81[] = {
	{ ECX, CPUID81_ECX_LAHF | CPUID81_ECX_LZCNT | CPUID81_ECX_PREFETCHW | CPUID81_ECX_SSE4A |
	       CPUID81_ECX_MISALIGN, 0, 0, "general and XMM registers only, never exit" },
	{ ECX, CPUID81_ECX_XOP | CPUID81_ECX_FMA4, 0, HAS_AVX, "AVX's registers" },
	{ ECX, 0, CPUID81_ECX_TOPOLOGY, HAS_TOPOLOGY, "leaves 8000001Dh and 8000001Eh are there" },
	{ EDX, CPUID81_EDX_SYSCALL | CPUID81_EDX_NX | CPUID81_EDX_LM, 0, 0, "EFER bits of hv/cpu/model.c" },
	{ EDX, CPUID81_EDX_1G, 0, 0, "the guest's paging is the hardware's" },
	{ EDX, CPUID81_EDX_RDTSCP, 0, HAS_TSC_AUX, "a control of its own; TSC_AUX is switched" },
	{ EDX, CPUID81_EDX_MMXEXT | CPUID81_EDX_3DNOW | CPUID81_EDX_3DNOWEXT, 0, 0, "MMX's registers" },
	{ EDX, LEAF81_EDX_AS_LEAF1 & ~CPUID1_EDX_APIC, 0, 0, "leaf 1's bits again, on AMD's processors" },
};

static const struct cpuid_row leaf_name[] = {
	{ EAX, ~0u, 0, 0, "the processor's name" },
	{ EBX, ~0u, 0, 0, "the same" },
	{ ECX, ~0u, 0, 0, "the same" },
	{ EDX, ~0u, 0, 0, "the same" },
};

static const struct cpuid_row leaf_caches[] = {
	{ EAX, ~0u, 0, 0, "caches and TLBs, for tuning; on Intel's processors level 2 alone" },
	{ EBX, ~0u, 0, 0, "the same" },
	{ ECX, ~0u, 0, 0, "the same" },
	{ EDX, ~0u, 0, 0, "the same" },
};

static const struct cpuid_row leaf_87[] = {
	{ EDX, CPUID87_EDX_INVARIANT_TSC, 0, 0, "the TSC's offset is constant while the VP exists" },
};

static const struct cpuid_row leaf_88[] = {
	{ EAX, LEAF88_EAX_PHYSICAL | LEAF88_EAX_LINEAR, 0, 0, "widths of physical and linear addresses" },
	{ EBX, CPUID88_EBX_CLZERO, 0, 0, "never exits" },
	{ EBX, CPUID88_EBX_ERR_POINTERS, 0, 0, "how the FPU behaves" },
	{ EBX, CPUID88_EBX_IBPB | CPUID88_EBX_IBRS | CPUID88_EBX_STIBP | CPUID88_EBX_SSBD |
	       CPUID88_EBX_PSFD, 0, 0, "as in leaf 7, on AMD's processors" },
	{ EBX, CPUID88_EBX_IBRS_ON | CPUID88_EBX_STIBP_ON | CPUID88_EBX_IBRS_BETTER |
	       CPUID88_EBX_IBRS_MODE | CPUID88_EBX_SSB_NO | CPUID88_EBX_BTC_NO |
	       CPUID88_EBX_IBPB_RET, 0, 0, "how the processor speculates" },
};

static const struct cpuid_row leaf_tlb_1g[] = {
	{ EAX, ~0u, 0, 0, "TLBs for pages of 1 GiB, for tuning" },
	{ EBX, ~0u, 0, 0, "the same" },
};

static const struct cpuid_row leaf_tuning[] = {
	{ EAX, 0x7, 0, 0, "how wide the vector units are, for tuning" },
};

static const struct cpuid_row leaf_amd_cache[] = {
	{ EAX, LEAF4_EAX_CACHE, 0, HAS_TOPOLOGY, "as leaf 4, on AMD's processors" },
	{ EBX, ~0u, 0, HAS_TOPOLOGY, "its size" },
	{ ECX, ~0u, 0, HAS_TOPOLOGY, "its size" },
	{ EDX, 0x3, 0, HAS_TOPOLOGY, "its kind" },
};

static const struct cpuid_row leaf_821[] = {
	{ EAX, CPUID821_EAX_NO_NESTED_BP | CPUID821_EAX_LFENCE | CPUID821_EAX_NULL_SEG |
	       CPUID821_EAX_FSRS | CPUID821_EAX_FSRC, 0, 0, "how instructions behave" },
	{ EAX, CPUID821_EAX_NO_SMM_CTL, 0, 0, "there is none" },
	{ EAX, CPUID821_EAX_SBPB, 0, HAS_SBPB, "a command of PRED_CMD, passed on" },
	{ EAX, CPUID821_EAX_IBPB_TYPE | CPUID821_EAX_SRSO_NO | CPUID821_EAX_SRSO_USER_NO, 0, 0,
	  "how the processor speculates" },
};

static const struct cpuid_row leaf_own[] = {
	{ EAX, 0, 0, 0, "worked out in finish()" },
};

/* In the order of their numbers. */
static const struct cpuid_leaf leaves[] = {
	LEAF(0, 0, 1, 0, leaf_0),
	LEAF(1, 0, 1, MODEL_LOOK, leaf_1),
	LEAF(2, 0, 1, 0, leaf_2),
	LEAF(4, 0, 8, MODEL_LOOK, leaf_4),
	LEAF(6, 0, 1, 0, leaf_6),
	LEAF(7, 0, 1, MODEL_LOOK, leaf_7),
	LEAF(7, 1, 1, MODEL_LOOK, leaf_7_1),
	LEAF(7, 2, 1, MODEL_LOOK, leaf_7_2),
	LEAF(CPUID_XSAVE, 0, 1, MODEL_LOOK, leaf_own),
	LEAF(CPUID_XSAVE, 1, 1, MODEL_LOOK, leaf_d_1),
	LEAF(0x15, 0, 1, 0, leaf_own),
	LEAF(0x16, 0, 1, 0, leaf_own),
	LEAF(0x80000000, 0, 1, 0, leaf_80),
	LEAF(0x80000001, 0, 1, MODEL_LOOK, leaf_81),
	LEAF(0x80000002, 0, 1, 0, leaf_name),
	LEAF(0x80000003, 0, 1, 0, leaf_name),
	LEAF(0x80000004, 0, 1, 0, leaf_name),
	LEAF(0x80000005, 0, 1, 0, leaf_caches),
	LEAF(0x80000006, 0, 1, 0, leaf_caches),
	LEAF(0x80000007, 0, 1, 0, leaf_87),
	LEAF(0x80000008, 0, 1, 0, leaf_88),
	LEAF(0x80000019, 0, 1, 0, leaf_tlb_1g),
	LEAF(0x8000001a, 0, 1, 0, leaf_tuning),
	LEAF(LEAF_AMD_CACHE, 0, AMD_CACHES, MODEL_LOOK, leaf_amd_cache),
	LEAF(0x80000021, 0, 1, 0, leaf_821),
};
/* clang-format on */

#define N_LEAVES (sizeof(leaves) / sizeof(leaves[0]))

_Static_assert(LAST_BASIC < MODEL_SLOTS && LAST_EXTENDED - CPUID_EXTENDED_BASE < MODEL_SLOTS,
	       "slots");

/* ---- The processor's own answers --------------------------------------------------------- */

/*
 * Taken once at the start: CPUID is a slow instruction, and an exit of its own if Whit itself runs
 * under a hypervisor. The first answer is of no leaf: zeros.
 */
static struct x86_cpuid host[MODEL_ANSWERS];
static uint8_t slots[2][MODEL_SLOTS]; /* struct model's, without lists */

void cpuid_init(void)
{
	unsigned int n = 1;

	for (unsigned int i = 0; i < N_LEAVES; i++) {
		const struct cpuid_leaf *const row = &leaves[i];
		const bool is_there =
			virt_cpuid(row->leaf & CPUID_EXTENDED_BASE, 0).eax >= row->leaf;

		if (!row->subleaf)
			slots[row->leaf >= CPUID_EXTENDED_BASE][row->leaf % CPUID_EXTENDED_BASE] =
				(uint8_t)(n | row->look);
		if (n + row->n > MODEL_ANSWERS)
			virt_panic("cpuid: more than %u answers", MODEL_ANSWERS);
		for (uint32_t subleaf = 0; subleaf < row->n; subleaf++)
			host[n++] = is_there ? virt_cpuid(row->leaf, row->subleaf + subleaf)
					     : (struct x86_cpuid) { 0 };
	}
	slots[0][CPUID_TOPOLOGY] = MODEL_LOOK;
	slots[1][LEAF_AMD_CORE % CPUID_EXTENDED_BASE] = MODEL_LOOK;
	xsave_init();
}

/* ---- The answers of a partition ---------------------------------------------------------- */

static uint32_t *word(struct x86_cpuid *answer, enum cpuid_reg reg)
{
	return reg == EAX   ? &answer->eax
	       : reg == EBX ? &answer->ebx
	       : reg == ECX ? &answer->ecx
			    : &answer->edx;
}

uint32_t cpuid_host(uint32_t leaf, enum cpuid_reg reg)
{
	const uint8_t slot = slots[leaf >= CPUID_EXTENDED_BASE][leaf % CPUID_EXTENDED_BASE];

	return *word(&host[slot & ~MODEL_LOOK], reg);
}

static struct x86_cpuid *answer_of(const struct model *model, uint32_t leaf, uint32_t subleaf)
{
	const uint8_t slot = slots[leaf >= CPUID_EXTENDED_BASE][leaf % CPUID_EXTENDED_BASE];

	return (struct x86_cpuid *)&model->answers[(slot & ~MODEL_LOOK) + subleaf];
}

uint32_t cpuid_word(const struct model *model, uint32_t leaf, uint32_t subleaf, enum cpuid_reg reg)
{
	return *word(answer_of(model, leaf, subleaf), reg);
}

void cpuid_hide(struct model *model, uint32_t leaf, uint32_t subleaf, enum cpuid_reg reg,
		uint32_t bits)
{
	*word(answer_of(model, leaf, subleaf), reg) &= ~bits;
}

static uint32_t at_most(uint32_t value, uint32_t most)
{
	return value < most ? value : most;
}

/* Bits that number n things. */
static uint32_t width_of(uint32_t n)
{
	return n > 1 ? 32u - (uint32_t)__builtin_clz(n - 1) : 0;
}

/*
 * By AMD's leaves, which count processors where Intel's count IDs. APM 3 "Function 8000_0008h",
 * "Function 8000_001Dh".
 */
static void show_amd_cores(struct model *model, uint32_t n)
{
	if (n > 1)
		answer_of(model, 0x80000001, 0)->ecx |= CPUID81_ECX_CMP_LEGACY;
	answer_of(model, 0x80000008, 0)->ecx |= (n - 1) | width_of(n) << LEAF88_ECX_WIDTH_SHIFT;
	for (uint32_t i = 0; i < AMD_CACHES; i++) {
		struct x86_cpuid *const cache = answer_of(model, LEAF_AMD_CACHE, i);

		if (cache->eax & LEAF4_EAX_TYPE && LEAF4_EAX_LEVEL(cache->eax) >= 3)
			cache->eax |= (n - 1) << LEAF4_EAX_SHARE_SHIFT;
	}
}

/* The VPs are cores of one package, and share its cache from level 3 on. */
static void show_cores(struct model *model, uint32_t n)
{
	const bool is_amd = model->has & HAS_AMD;
	const uint32_t width = width_of(n), ids = 1u << width;
	struct x86_cpuid *const leaf1 = answer_of(model, 1, 0);

	leaf1->ebx |= at_most(is_amd ? n : ids, 0xff) << LEAF1_EBX_N_SHIFT;
	if (n > 1)
		leaf1->edx |= CPUID1_EDX_HTT;
	for (uint32_t i = 0; i < 8; i++) {
		struct x86_cpuid *const cache = answer_of(model, 4, i);
		const uint32_t share = LEAF4_EAX_LEVEL(cache->eax) >= 3 ? ids - 1 : 0;

		if (cache->eax & LEAF4_EAX_TYPE)
			cache->eax |= share << LEAF4_EAX_SHARE_SHIFT |
				      at_most(ids - 1, 63) << LEAF4_EAX_CORES_SHIFT;
	}
	if (is_amd)
		show_amd_cores(model, n);
}

/*
 * The ratio of TSC and timer as n / d, the nearest with n * kHz of the timer below 2^32: systems
 * multiply that way. By continued fractions; with 200 MHz and a TSC of a few GHz it is right to 25
 * in a million, a crystal's own accuracy.
 */
static void ratio(uint64_t a, uint64_t b, uint64_t most, uint32_t *n, uint32_t *d)
{
	uint64_t n0 = 0, n1 = 1, d0 = 1, d1 = 0;

	while (b) {
		const uint64_t q = a / b, rest = a % b;
		const uint64_t n2 = q * n1 + n0, d2 = q * d1 + d0;

		if (n2 > most || d2 > most)
			break;
		n0 = n1;
		n1 = n2;
		d0 = d1;
		d1 = d2;
		a = b;
		b = rest;
	}
	*n = (uint32_t)n1;
	*d = (uint32_t)d1;
}

/*
 * Leaves 15h and 16h: the crystal is the clock of the APIC's timer, from which systems take its
 * frequency.
 */
static void show_clocks(struct model *model)
{
	struct x86_cpuid *const clock = answer_of(model, 0x15, 0);
	struct x86_cpuid *const frequency = answer_of(model, 0x16, 0);

	if (!(model->has & HAS_RATE) || model->has & HAS_AMD)
		return;
	if (model->has & HAS_APIC) {
		ratio(hv.tsc_hz, APIC_CLOCK_HZ, UINT32_MAX / (APIC_CLOCK_HZ / 1000), &clock->ebx,
		      &clock->eax);
		clock->ecx = (uint32_t)APIC_CLOCK_HZ;
	}
	frequency->eax = frequency->ebx = (uint32_t)((hv.tsc_hz + MHZ / 2) / MHZ);
	frequency->ecx = BUS_MHZ;
}

/* Words of CPUID that are no bits of a row. */
static void finish(struct model *model, const struct properties *properties)
{
	uint32_t *const basic = &answer_of(model, 0, 0)->eax;
	uint32_t *const extended = &answer_of(model, CPUID_EXTENDED_BASE, 0)->eax;
	uint32_t *const subleaves = &answer_of(model, 7, 0)->eax;
	uint32_t *const widths = &answer_of(model, 0x80000008, 0)->eax;
	uint32_t *const ebx = &answer_of(model, 1, 0)->ebx;
	const uint32_t line = CPUID1_CLFLUSH_BYTES(*ebx);

	if (*basic >= CPUID_TOPOLOGY)
		*basic = model->has & HAS_AMD ? at_most(*basic, LAST_BASIC_AMD) : LAST_BASIC;
	*extended = at_most(*extended, LAST_EXTENDED);
	*subleaves = at_most(*subleaves, 2);
	if (*widths)
		*widths = (*widths & ~LEAF88_EAX_PHYSICAL) |
			  at_most(*widths & LEAF88_EAX_PHYSICAL, properties->physical_bits);
	if (properties->clflush_size < 31 && line > 1u << properties->clflush_size)
		*ebx = (1u << properties->clflush_size) / 8 << 8;
	show_cores(model, properties->processor_count);
	show_clocks(model);
}

void cpuid_fill(struct model *model, const struct partition *partition)
{
	const uint8_t look = partition->lists && partition->lists->n_cpuid_results ? MODEL_LOOK : 0;
	struct x86_cpuid *answer = &model->answers[1];
	const struct x86_cpuid *from = &host[1];

	for (unsigned int i = 0; i < 2 * MODEL_SLOTS; i++)
		(&model->slot[0][0])[i] = (&slots[0][0])[i] | look;
	for (unsigned int i = 0; i < N_LEAVES; i++) {
		for (unsigned int n = 0; n < leaves[i].n; n++, answer++, from++) {
			*answer = (struct x86_cpuid) { 0 };
			for (unsigned int k = 0; k < leaves[i].n_rows; k++) {
				const struct cpuid_row *const row = &leaves[i].rows[k];

				if ((row->needs & model->has) == row->needs)
					*word(answer, (enum cpuid_reg)row->reg) |=
						(*word((struct x86_cpuid *)from,
						       (enum cpuid_reg)row->reg) &
						 row->pass) |
						row->set;
			}
		}
	}
	finish(model, &partition->properties);
}

/* ---- One VP's ---------------------------------------------------------------------------- */

/* SDM 1 "Standard Format of XSAVE Area" */
static uint32_t standard_bytes(uint64_t mask)
{
	uint32_t end = X86_XSAVE_BASE_BYTES;

	for (uint32_t i = 2; i < XSAVE_COMPONENTS; i++) {
		const struct x86_cpuid part = xsave_component(CPUID_XSAVE, i);

		if (mask >> i & 1 && part.ebx + part.eax > end)
			end = part.ebx + part.eax;
	}
	return end;
}

static struct x86_cpuid xsave_leaf(const struct vp *vp, uint32_t subleaf)
{
	const struct model *const model = &vp->partition->model;
	struct x86_cpuid out = { 0 };

	if (!(model->has & HAS_XSAVE))
		return out;
	if (subleaf == 0)
		return (struct x86_cpuid) { .eax = (uint32_t)model->xcr0,
					    .ebx = standard_bytes(virt_get(vp->virt, VIRT_XCR0)),
					    .ecx = standard_bytes(model->xcr0),
					    .edx = (uint32_t)(model->xcr0 >> 32) };
	if (subleaf == 1) {
		out.eax = cpuid_word(model, CPUID_XSAVE, 1, EAX);
		out.ecx = (uint32_t)model->xss;
		out.edx = (uint32_t)(model->xss >> 32);
		if (out.eax & (CPUIDD1_EAX_XSAVEC | CPUIDD1_EAX_XSAVES))
			out.ebx = xsave_bytes(virt_get(vp->virt, VIRT_XCR0) |
						      virt_get(vp->virt, VIRT_XSS),
					      xsave_component);
	} else if (subleaf < XSAVE_COMPONENTS && (model->xcr0 | model->xss) >> subleaf & 1) {
		out = xsave_component(CPUID_XSAVE, subleaf);
	}
	return out;
}

/* SDM 2A "CPUID": one thread a core, all cores in the package. */
static struct x86_cpuid topology_leaf(const struct vp *vp, uint32_t subleaf)
{
	const uint32_t n = vp->partition->properties.processor_count;
	struct x86_cpuid out = { .ecx = subleaf & 0xff, .edx = vp->index };

	if (subleaf == 0) {
		out.ebx = 1;
		out.ecx |= LEAFB_ECX_SMT;
	} else if (subleaf == 1) {
		out.eax = width_of(n);
		out.ebx = n;
		out.ecx |= LEAFB_ECX_CORE;
	}
	return out;
}

/* APM 3 "Function 8000_001Eh": one thread a core, all in one node. */
static struct x86_cpuid amd_core_leaf(const struct vp *vp)
{
	if (!(vp->partition->model.has & HAS_TOPOLOGY))
		return (struct x86_cpuid) { 0 };
	return (struct x86_cpuid) { .eax = vp->index, .ebx = vp->index & 0xff };
}

/* Two of 40000000h to 4fffffffh, where processors have none. */
static struct x86_cpuid hypervisor_leaf(const struct model *model, uint32_t leaf)
{
	struct x86_cpuid out = { 0 };

	if (leaf == CPUID_HYPERVISOR_BASE) {
		out.eax = LEAF_TIMING;
		out.ebx = WHIT_SIGNATURE_WORD;
		out.ecx = 0x73657547u; /* "Gues" */
		out.edx = 0x00000074u; /* "t" */
	} else if (leaf == LEAF_TIMING) {
		out.eax = (uint32_t)(hv.tsc_hz / 1000);
		if (model->has & HAS_APIC)
			out.ebx = (uint32_t)(APIC_CLOCK_HZ / 1000);
	}
	return out;
}

/* The client's lists: what it set last wins. */
static void apply_results(const struct vp *vp, uint32_t leaf, uint32_t subleaf,
			  struct x86_cpuid *out)
{
	const struct property_lists *const lists = vp->partition->lists;

	for (uint32_t i = 0; i < lists->n_cpuid_results; i++) {
		const struct cpuid_result *const result = &lists->cpuid_results[i];

		if (result->leaf != leaf ||
		    (result->flags & WHvX64CpuidResult2FlagSubleafSpecific &&
		     result->subleaf != subleaf) ||
		    (result->flags & WHvX64CpuidResult2FlagVpSpecific && result->vp != vp->index))
			continue;
		out->eax = (out->eax & ~result->mask.eax) | (result->value.eax & result->mask.eax);
		out->ebx = (out->ebx & ~result->mask.ebx) | (result->value.ebx & result->mask.ebx);
		out->ecx = (out->ecx & ~result->mask.ecx) | (result->value.ecx & result->mask.ecx);
		out->edx = (out->edx & ~result->mask.edx) | (result->value.edx & result->mask.edx);
	}
}

static struct x86_cpuid plain(const struct model *model, uint32_t leaf, uint32_t subleaf,
			      uint32_t n_subleaves)
{
	return model->answers[subleaf < n_subleaves
				      ? (model->slot[leaf >> 31][leaf % CPUID_EXTENDED_BASE] &
					 ~MODEL_LOOK) +
						subleaf
				      : 0];
}

/* SDM 4 "IA32_MISC_ENABLE": what the guest has turned off. */
static void apply_misc_enable(const struct vp *vp, uint32_t leaf, struct x86_cpuid *out)
{
	if (leaf == 0 && (vp->misc_enable & MISC_LIMIT_CPUID))
		out->eax = at_most(out->eax, LIMITED_BASIC);
	if (leaf == CPUID_EXTENDED_BASE + 1 && (vp->misc_enable & MISC_XD_DISABLE))
		out->edx &= ~CPUID81_EDX_NX;
}

/* Words that the slot alone does not determine. */
static struct x86_cpuid look(const struct vp *vp, uint32_t leaf, uint32_t subleaf)
{
	const struct model *const model = &vp->partition->model;
	struct x86_cpuid out = { 0 };

	switch (leaf) {
	case 1:
		out = plain(model, 1, 0, 1);
		out.ebx |= vp->index << LEAF1_EBX_APIC_ID_SHIFT;
		if (vp->apic.mode == VIRT_APIC_OFF)
			out.edx &= ~CPUID1_EDX_APIC;
		if (out.ecx & CPUID1_ECX_XSAVE && virt_get(vp->virt, VIRT_CR4) & CR4_OSXSAVE)
			out.ecx |= CPUID1_ECX_OSXSAVE;
		break;
	case 4: out = plain(model, 4, subleaf, 8); break;
	case 7: out = plain(model, 7, subleaf, 3); break;
	case CPUID_TOPOLOGY: out = topology_leaf(vp, subleaf); break;
	case CPUID_XSAVE: out = xsave_leaf(vp, subleaf); break;
	case CPUID_EXTENDED_BASE + 1:
		out = plain(model, leaf, 0, 1);
		if (model->has & HAS_AMD && vp->apic.mode != VIRT_APIC_OFF)
			out.edx |= CPUID1_EDX_APIC;
		break;
	case LEAF_AMD_CACHE: out = plain(model, leaf, subleaf, AMD_CACHES); break;
	case LEAF_AMD_CORE: out = amd_core_leaf(vp); break;
	default:
		if (leaf % CPUID_EXTENDED_BASE < MODEL_SLOTS)
			out = plain(model, leaf, 0, 1);
		else
			out = hypervisor_leaf(model, leaf);
		break;
	}
	if (vp->cpuid_look)
		apply_misc_enable(vp, leaf, &out);
	if (vp->partition->lists && vp->partition->lists->n_cpuid_results)
		apply_results(vp, leaf, subleaf, &out);
	return out;
}

struct x86_cpuid cpuid_child(const struct vp *vp, uint32_t leaf, uint32_t subleaf)
{
	const struct model *const model = &vp->partition->model;
	const uint32_t low = leaf % CPUID_EXTENDED_BASE;

	if (low < MODEL_SLOTS) {
		const uint8_t slot = model->slot[leaf >> 31][low] | vp->cpuid_look;

		if (!(slot & MODEL_LOOK))
			return model->answers[slot];
	}
	return look(vp, leaf, subleaf);
}

uint32_t cpuid_output(const struct vp *vp, uint64_t leaf, uint64_t subleaf, uint64_t buffer)
{
	struct x86_cpuid out;

	if (leaf >> 32 || subleaf >> 32)
		return RESULT(E_INVALIDARG);
	out = cpuid_child(vp, (uint32_t)leaf, (uint32_t)subleaf);
	return RESULT(buffer_write(buffer, &out, sizeof(out)) ? S_OK : E_POINTER);
}

_Static_assert(sizeof(struct x86_cpuid) == sizeof(WHV_CPUID_OUTPUT), "EAX, EBX, ECX, EDX");
