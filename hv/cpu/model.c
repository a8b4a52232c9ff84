/* SPDX-License-Identifier: MIT */
/*
 * A partition's processor (hv/cpu/model.h). The tables connect WHP's feature bits with CPUID's,
 * CPUID's with the control bits of registers, and a feature with those that need it.
 */
#include "hv/cpu/model.h"

#include <string.h>

#include "hv/cpu/cpuid.h"
#include "hv/partition.h"
#include "whp/WinHvPlatformDefs.h"
#include "x86/cr.h"
#include "x86/msr.h"

/* A CPUID bit, or several; `word` and `bit` are those of WHP's feature that speaks of it. */
struct feature {
	uint8_t word, bit;
	uint32_t leaf;
	uint8_t subleaf, reg;
	uint32_t mask;
};

#define LEAF71	7, 1
#define LEAF70	7, 0
#define LEAF1	1, 0
#define LEAFD1	0xd, 1
#define LEAF81	0x80000001u, 0
#define LEAF87	0x80000007u, 0
#define LEAF88	0x80000008u, 0
#define LEAF821 0x80000021u, 0

/* clang-format off */
static const struct feature features[] = {
	/* WHV_PROCESSOR_FEATURES, bank 0 */
	{ 0, 0, LEAF1, ECX, CPUID1_ECX_SSE3 }, { 0, 1, LEAF81, ECX, CPUID81_ECX_LAHF },
	{ 0, 2, LEAF1, ECX, CPUID1_ECX_SSSE3 }, { 0, 3, LEAF1, ECX, CPUID1_ECX_SSE41 },
	{ 0, 4, LEAF1, ECX, CPUID1_ECX_SSE42 }, { 0, 5, LEAF81, ECX, CPUID81_ECX_SSE4A },
	{ 0, 6, LEAF81, ECX, CPUID81_ECX_XOP }, { 0, 7, LEAF1, ECX, CPUID1_ECX_POPCNT },
	{ 0, 8, LEAF1, ECX, CPUID1_ECX_CX16 }, { 0, 10, LEAF81, ECX, CPUID81_ECX_LZCNT },
	{ 0, 11, LEAF81, ECX, CPUID81_ECX_MISALIGN }, { 0, 12, LEAF81, EDX, CPUID81_EDX_MMXEXT },
	{ 0, 13, LEAF81, EDX, CPUID81_EDX_3DNOW }, { 0, 14, LEAF81, EDX, CPUID81_EDX_3DNOWEXT },
	{ 0, 15, LEAF81, EDX, CPUID81_EDX_1G }, { 0, 16, LEAF1, ECX, CPUID1_ECX_AES },
	{ 0, 17, LEAF1, ECX, CPUID1_ECX_PCLMULQDQ }, { 0, 18, LEAF1, ECX, CPUID1_ECX_PCID },
	{ 0, 19, LEAF81, ECX, CPUID81_ECX_FMA4 }, { 0, 20, LEAF1, ECX, CPUID1_ECX_F16C },
	{ 0, 21, LEAF1, ECX, CPUID1_ECX_RDRAND }, { 0, 22, LEAF70, EBX, CPUID7_EBX_FSGSBASE },
	{ 0, 23, LEAF70, EBX, CPUID7_EBX_SMEP }, { 0, 24, LEAF70, EBX, CPUID7_EBX_ERMS },
	{ 0, 25, LEAF70, EBX, CPUID7_EBX_BMI1 }, { 0, 26, LEAF70, EBX, CPUID7_EBX_BMI2 },
	{ 0, 29, LEAF1, ECX, CPUID1_ECX_MOVBE }, { 0, 32, LEAF70, EBX, CPUID7_EBX_RDSEED },
	{ 0, 33, LEAF70, EBX, CPUID7_EBX_ADX }, { 0, 34, LEAF81, ECX, CPUID81_ECX_PREFETCHW },
	{ 0, 35, LEAF70, EBX, CPUID7_EBX_SMAP }, { 0, 38, LEAF81, EDX, CPUID81_EDX_RDTSCP },
	{ 0, 39, LEAF70, EBX, CPUID7_EBX_CLFLUSHOPT }, { 0, 40, LEAF70, EBX, CPUID7_EBX_CLWB },
	{ 0, 41, LEAF70, EBX, CPUID7_EBX_SHA }, { 0, 43, LEAF70, EBX, CPUID7_EBX_INVPCID },
	{ 0, 44, LEAF70, EDX, CPUID7_EDX_SPEC_CTRL }, /* one bit on Intel's for IBRS and IBPB */
	{ 0, 44, LEAF88, EBX, CPUID88_EBX_IBRS }, { 0, 45, LEAF70, EDX, CPUID7_EDX_STIBP },
	{ 0, 45, LEAF88, EBX, CPUID88_EBX_STIBP }, { 0, 46, LEAF70, EDX, CPUID7_EDX_SPEC_CTRL },
	{ 0, 46, LEAF88, EBX, CPUID88_EBX_IBPB }, { 0, 48, LEAF70, EDX, CPUID7_EDX_SSBD },
	{ 0, 48, LEAF88, EBX, CPUID88_EBX_SSBD }, { 0, 49, LEAF70, EDX, CPUID7_EDX_FSRM },
	{ 0, 54, LEAF88, EBX, CPUID88_EBX_SSB_NO },
	{ 0, 57, LEAF70, ECX, CPUID7_ECX_RDPID }, { 0, 58, LEAF70, ECX, CPUID7_ECX_UMIP },
	{ 0, 60, LEAF70, EDX, CPUID7_EDX_MD_CLEAR },
	/* Bank 1 */
	{ 1, 1, LEAF87, EDX, CPUID87_EDX_INVARIANT_TSC }, { 1, 2, LEAF88, EBX, CPUID88_EBX_CLZERO },
	{ 1, 4, LEAF70, ECX, CPUID7_ECX_LA57 }, { 1, 7, 7, 2, EDX, CPUID72_EDX_PSFD },
	{ 1, 7, LEAF88, EBX, CPUID88_EBX_PSFD },
	{ 1, 12, LEAF70, ECX, CPUID7_ECX_WAITPKG }, { 1, 13, LEAF70, ECX, CPUID7_ECX_MOVDIRI },
	{ 1, 14, LEAF70, ECX, CPUID7_ECX_MOVDIR64B }, { 1, 15, LEAF70, ECX, CPUID7_ECX_CLDEMOTE },
	{ 1, 16, LEAF70, EDX, CPUID7_EDX_SERIALIZE }, { 1, 17, LEAF1, ECX, CPUID1_ECX_TSCDL },
	{ 1, 18, LEAF70, EBX, CPUID7_EBX_TSC_ADJUST }, { 1, 19, LEAF71, EAX, CPUID71_EAX_FZRM },
	{ 1, 20, LEAF71, EAX, CPUID71_EAX_FSRS }, { 1, 21, LEAF71, EAX, CPUID71_EAX_FSRC },
	{ 1, 20, LEAF821, EAX, CPUID821_EAX_FSRS }, { 1, 21, LEAF821, EAX, CPUID821_EAX_FSRC },
	{ 1, 29, LEAF88, EBX, CPUID88_EBX_BTC_NO }, { 1, 30, LEAF88, EBX, CPUID88_EBX_IBPB_RET },
	{ 1, 31, LEAF88, EBX, CPUID88_EBX_STIBP_ON },
	{ 1, 40, LEAF71, EAX, CPUID71_EAX_CMPCCXADD }, { 1, 45, LEAF71, EDX, CPUID71_EDX_PREFETCHI },
	{ 1, 46, LEAF71, EAX, CPUID71_EAX_SHA512 }, { 1, 50, LEAF71, EAX, CPUID71_EAX_SM3 },
	{ 1, 51, LEAF71, EAX, CPUID71_EAX_SM4 },
	{ 1, 54, LEAF821, EAX, CPUID821_EAX_SBPB }, { 1, 55, LEAF821, EAX, CPUID821_EAX_IBPB_TYPE },
	{ 1, 56, LEAF821, EAX, CPUID821_EAX_SRSO_NO }, { 1, 57, LEAF821, EAX, CPUID821_EAX_SRSO_USER_NO },
	/* WHV_PROCESSOR_XSAVE_FEATURES */
	{ 2, 0, LEAF1, ECX, CPUID1_ECX_XSAVE }, { 2, 1, LEAFD1, EAX, CPUIDD1_EAX_XSAVEOPT },
	{ 2, 2, LEAF1, ECX, CPUID1_ECX_AVX }, { 2, 3, LEAF70, EBX, CPUID7_EBX_AVX2 },
	{ 2, 4, LEAF1, ECX, CPUID1_ECX_FMA }, { 2, 6, LEAF70, EBX, CPUID7_EBX_AVX512F },
	{ 2, 7, LEAF70, EBX, CPUID7_EBX_AVX512DQ }, { 2, 8, LEAF70, EBX, CPUID7_EBX_AVX512CD },
	{ 2, 9, LEAF70, EBX, CPUID7_EBX_AVX512BW }, { 2, 10, LEAF70, EBX, CPUID7_EBX_AVX512VL },
	{ 2, 11, LEAFD1, EAX, CPUIDD1_EAX_XSAVEC }, { 2, 12, LEAFD1, EAX, CPUIDD1_EAX_XSAVES },
	{ 2, 13, LEAFD1, EAX, CPUIDD1_EAX_XGETBV1 }, { 2, 14, LEAF70, ECX, CPUID7_ECX_BITALG },
	{ 2, 15, LEAF70, EBX, CPUID7_EBX_AVX512IFMA }, { 2, 16, LEAF70, ECX, CPUID7_ECX_AVX512VBMI },
	{ 2, 17, LEAF70, ECX, CPUID7_ECX_VBMI2 }, { 2, 18, LEAF70, ECX, CPUID7_ECX_AVX512VNNI },
	{ 2, 19, LEAF70, ECX, CPUID7_ECX_GFNI }, { 2, 20, LEAF70, ECX, CPUID7_ECX_VAES },
	{ 2, 21, LEAF70, ECX, CPUID7_ECX_VPOPCNTDQ }, { 2, 22, LEAF70, ECX, CPUID7_ECX_VPCLMUL },
	{ 2, 23, LEAF71, EAX, CPUID71_EAX_AVX512BF16 }, { 2, 24, LEAF70, EDX, CPUID7_EDX_VP2INTERSECT },
	{ 2, 25, LEAF70, EDX, CPUID7_EDX_AVX512FP16 }, { 2, 27, LEAF70, EDX, CPUID7_EDX_AMX_TILE },
	{ 2, 28, LEAF70, EDX, CPUID7_EDX_AMX_BF16 }, { 2, 29, LEAF70, EDX, CPUID7_EDX_AMX_INT8 },
	{ 2, 30, LEAF71, EAX, CPUID71_EAX_AVX_VNNI }, { 2, 31, LEAF71, EAX, CPUID71_EAX_AVX_IFMA },
	{ 2, 32, LEAF71, EDX, CPUID71_EDX_NE_CONVERT }, { 2, 33, LEAF71, EDX, CPUID71_EDX_VNNI_INT8 },
	{ 2, 34, LEAF71, EDX, CPUID71_EDX_VNNI_INT16 }, { 2, 37, LEAF71, EAX, CPUID71_EAX_AMX_FP16 },
};

/*
 * Bits of IA32_ARCH_CAPABILITIES: all that say that an attack does not work, or which instruction
 * helps.
 */
static const struct { uint8_t bit, word, feature; const char *name; } arch_capabilities[] = {
	{ 0, 0, 51, "RDCL_NO" }, { 1, 0, 52, "IBRS_ALL" }, { 2, 0xff, 0, "RSBA" }, { 4, 0, 54, "SSB_NO" },
	{ 5, 0, 59, "MDS_NO" }, { 6, 0xff, 0, "IF_PSCHANGE_MC_NO" }, { 8, 0, 61, "TAA_NO" },
	{ 13, 1, 25, "SBDR_SSDP_NO" }, { 14, 1, 26, "FBSDP_NO" }, { 15, 1, 27, "PSDP_NO" },
	{ 17, 1, 28, "FB_CLEAR" }, { 19, 0xff, 0, "RRSBA" }, { 20, 0xff, 0, "BHI_NO" },
	{ 24, 0xff, 0, "PBRSB_NO" }, { 26, 0xff, 0, "GDS_NO" }, { 27, 0xff, 0, "RFDS_NO" },
	{ 28, 0xff, 0, "RFDS_CLEAR" },
};

/* Features that disappear when none of these bits is shown. */
static const struct {
	uint32_t has, leaf;
	uint8_t subleaf, reg;
	uint32_t mask;
} shown_by[] = {
	{ HAS_XSAVE, LEAF1, ECX, CPUID1_ECX_XSAVE },
	{ HAS_AVX, LEAF1, ECX, CPUID1_ECX_AVX },
	{ HAS_AVX512, LEAF70, EBX, CPUID7_EBX_AVX512F },
	{ HAS_TILE, LEAF70, EDX, CPUID7_EDX_AMX_TILE },
	{ HAS_XSAVES, LEAFD1, EAX, CPUIDD1_EAX_XSAVES },
	{ HAS_TSC_AUX, LEAF81, EDX, CPUID81_EDX_RDTSCP },
	{ HAS_TSC_AUX, LEAF70, ECX, CPUID7_ECX_RDPID },
	{ HAS_INVPCID, LEAF70, EBX, CPUID7_EBX_INVPCID },
	{ HAS_UMWAIT, LEAF70, ECX, CPUID7_ECX_WAITPKG },
	{ HAS_SPEC_CTRL, LEAF70, EDX, CPUID7_EDX_SPEC_CTRL | CPUID7_EDX_STIBP | CPUID7_EDX_SSBD },
	{ HAS_SPEC_CTRL, LEAF88, EBX,
	  CPUID88_EBX_IBRS | CPUID88_EBX_STIBP | CPUID88_EBX_SSBD | CPUID88_EBX_PSFD },
	{ HAS_PRED_CMD, LEAF70, EDX, CPUID7_EDX_SPEC_CTRL },
	{ HAS_PRED_CMD, LEAF88, EBX, CPUID88_EBX_IBPB },
	{ HAS_PRED_CMD, LEAF821, EAX, CPUID821_EAX_SBPB },
	{ HAS_SBPB, LEAF821, EAX, CPUID821_EAX_SBPB },
	{ HAS_FLUSH_CMD, LEAF70, EDX, CPUID7_EDX_L1D_FLUSH },
	{ HAS_ARCH_CAP, LEAF70, EDX, CPUID7_EDX_ARCH_CAP },
};

enum controlled { CR4, EFER, XCR0, SPEC_CTRL };

/* Bits of registers that exist when a CPUID bit is shown. */
static const struct {
	uint8_t controlled; /* enum controlled */
	uint64_t bits;
	uint32_t leaf;
	uint8_t subleaf, reg;
	uint32_t mask;
} controls[] = {
	{ CR4, CR4_VME | CR4_PVI, LEAF1, EDX, CPUID1_EDX_VME },
	{ CR4, CR4_TSD, LEAF1, EDX, CPUID1_EDX_TSC },
	{ CR4, CR4_DE, LEAF1, EDX, CPUID1_EDX_DE },
	{ CR4, CR4_PSE, LEAF1, EDX, CPUID1_EDX_PSE },
	{ CR4, CR4_PAE, LEAF1, EDX, CPUID1_EDX_PAE },
	{ CR4, CR4_MCE, LEAF1, EDX, CPUID1_EDX_MCE },
	{ CR4, CR4_PGE, LEAF1, EDX, CPUID1_EDX_PGE },
	{ CR4, CR4_OSFXSR, LEAF1, EDX, CPUID1_EDX_FXSR },
	{ CR4, CR4_OSXMMEXCPT, LEAF1, EDX, CPUID1_EDX_SSE },
	{ CR4, CR4_PCIDE, LEAF1, ECX, CPUID1_ECX_PCID },
	{ CR4, CR4_OSXSAVE, LEAF1, ECX, CPUID1_ECX_XSAVE },
	{ CR4, CR4_FSGSBASE, LEAF70, EBX, CPUID7_EBX_FSGSBASE },
	{ CR4, CR4_SMEP, LEAF70, EBX, CPUID7_EBX_SMEP },
	{ CR4, CR4_SMAP, LEAF70, EBX, CPUID7_EBX_SMAP },
	{ CR4, CR4_UMIP, LEAF70, ECX, CPUID7_ECX_UMIP },
	{ CR4, CR4_LA57, LEAF70, ECX, CPUID7_ECX_LA57 },
	{ EFER, EFER_SCE, LEAF81, EDX, CPUID81_EDX_SYSCALL },
	{ EFER, EFER_NXE, LEAF81, EDX, CPUID81_EDX_NX },
	{ EFER, EFER_LME | EFER_LMA, LEAF81, EDX, CPUID81_EDX_LM },
	{ XCR0, XCR0_X87 | XCR0_SSE, LEAF1, ECX, CPUID1_ECX_XSAVE },
	{ XCR0, XCR0_AVX, LEAF1, ECX, CPUID1_ECX_AVX },
	{ XCR0, XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM, LEAF70, EBX, CPUID7_EBX_AVX512F },
	{ XCR0, XCR0_TILECFG | XCR0_TILEDATA, LEAF70, EDX, CPUID7_EDX_AMX_TILE },
	{ SPEC_CTRL, SPEC_CTRL_IBRS, LEAF70, EDX, CPUID7_EDX_SPEC_CTRL },
	{ SPEC_CTRL, SPEC_CTRL_STIBP, LEAF70, EDX, CPUID7_EDX_STIBP },
	{ SPEC_CTRL, SPEC_CTRL_SSBD, LEAF70, EDX, CPUID7_EDX_SSBD },
	{ SPEC_CTRL, SPEC_CTRL_IBRS, LEAF88, EBX, CPUID88_EBX_IBRS },
	{ SPEC_CTRL, SPEC_CTRL_STIBP, LEAF88, EBX, CPUID88_EBX_STIBP },
	{ SPEC_CTRL, SPEC_CTRL_SSBD, LEAF88, EBX, CPUID88_EBX_SSBD },
	{ SPEC_CTRL, SPEC_CTRL_PSFD, LEAF88, EBX, CPUID88_EBX_PSFD },
	{ SPEC_CTRL, SPEC_CTRL_PSFD, 7, 2, EDX, CPUID72_EDX_PSFD },
	{ SPEC_CTRL, SPEC_CTRL_IPRED, 7, 2, EDX, CPUID72_EDX_IPRED },
	{ SPEC_CTRL, SPEC_CTRL_RRSBA, 7, 2, EDX, CPUID72_EDX_RRSBA },
	{ SPEC_CTRL, SPEC_CTRL_DDPD, 7, 2, EDX, CPUID72_EDX_DDPD },
	{ SPEC_CTRL, SPEC_CTRL_BHI, 7, 2, EDX, CPUID72_EDX_BHI },
};
/* clang-format on */

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

/* CR4 bits that no CPUID bit stands for. */
#define CR4_ALWAYS CR4_PCE

#define AVX512_STATE (XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define TILE_STATE   (XCR0_TILECFG | XCR0_TILEDATA)

static uint64_t host_arch_capabilities;
static uint32_t host_has;
static uint64_t limits[MODEL_WORDS];

/* In the way of struct partition, so that there is one way to work out a model. */
static struct partition most;

static const struct {
	uint32_t child_has, has;
} instructions[] = {
	{ VIRT_HAS_RDTSCP, HAS_TSC_AUX },
	{ VIRT_HAS_INVPCID, HAS_INVPCID },
	{ VIRT_HAS_XSAVES, HAS_XSAVES },
	{ VIRT_HAS_UMWAIT, HAS_UMWAIT },
};

uint32_t model_instructions(const struct model *model)
{
	uint32_t child_has = 0;

	for (unsigned int i = 0; i < N_OF(instructions); i++)
		if (model->has & instructions[i].has)
			child_has |= instructions[i].child_has;
	return child_has;
}

static bool lfence_waits(void)
{
	uint64_t de_cfg;

	return cpuid_host(0x80000021, EAX) & CPUID821_EAX_LFENCE ||
	       (virt_rdmsr(MSR_DE_CFG, &de_cfg) && (de_cfg & DE_CFG_LFENCE));
}

static uint32_t vendor_facts(void)
{
	uint32_t has = HAS_AMD | HAS_SBPB;

	if (virt_machine.vendor != WHvProcessorVendorAmd)
		return HAS_INTEL;
	if (lfence_waits())
		has |= HAS_LFENCE;
	if (cpuid_host(CPUID_EXTENDED_BASE, EAX) >= 0x8000001e &&
	    cpuid_host(CPUID_EXTENDED_BASE + 1, ECX) & CPUID81_ECX_TOPOLOGY)
		has |= HAS_TOPOLOGY;
	return has;
}

static uint32_t host_facts(void)
{
	const uint64_t xcr0 = virt_machine.xcr0_child;
	uint32_t has = HAS_SPEC_CTRL | HAS_PRED_CMD | HAS_FLUSH_CMD | vendor_facts();

	for (unsigned int i = 0; i < N_OF(instructions); i++)
		if (virt_machine.child_has & instructions[i].child_has)
			has |= instructions[i].has;
	if (xcr0 & XCR0_X87)
		has |= HAS_XSAVE;
	if (xcr0 & XCR0_AVX)
		has |= HAS_AVX;
	if ((xcr0 & AVX512_STATE) == AVX512_STATE)
		has |= HAS_AVX512;
	if ((xcr0 & TILE_STATE) == TILE_STATE)
		has |= HAS_TILE;
	if (virt_rdmsr(MSR_ARCH_CAPABILITIES, &host_arch_capabilities))
		has |= HAS_ARCH_CAP;
	if (hv.tsc_hz)
		has |= HAS_RATE;
	return has;
}

static bool is_shown(const struct model *model, uint32_t leaf, uint8_t subleaf, uint8_t reg,
		     uint32_t mask)
{
	return cpuid_word(model, leaf, subleaf, reg) & mask;
}

/* Clear the bits of the features that the properties leave out. */
static void hide(struct model *model, const struct properties *properties)
{
	const uint64_t words[MODEL_WORDS] = { properties->features[0], properties->features[1],
					      properties->xsave_features };

	if (!memcmp(words, limits, sizeof(limits)))
		return; /* as nearly always */
	for (unsigned int i = 0; i < N_OF(features); i++) {
		const struct feature *const row = &features[i];

		if (!(words[row->word] >> row->bit & 1))
			cpuid_hide(model, row->leaf, row->subleaf, row->reg, row->mask);
	}
}

/* The features that remain of `has`, given the bits that are shown. */
static uint32_t still_has(const struct model *model, uint32_t has)
{
	uint32_t named = 0, kept = 0;

	for (unsigned int i = 0; i < N_OF(shown_by); i++) {
		named |= shown_by[i].has;
		if (is_shown(model, shown_by[i].leaf, shown_by[i].subleaf, shown_by[i].reg,
			     shown_by[i].mask))
			kept |= shown_by[i].has;
	}
	return has & (~named | kept);
}

static void set_registers(struct model *model, const struct properties *properties)
{
	uint64_t bits[] = { [CR4] = CR4_ALWAYS, [EFER] = 0, [XCR0] = 0, [SPEC_CTRL] = 0 };
	const uint64_t words[] = { properties->features[0], properties->features[1] };

	for (unsigned int i = 0; i < N_OF(controls); i++)
		if (is_shown(model, controls[i].leaf, controls[i].subleaf, controls[i].reg,
			     controls[i].mask))
			bits[controls[i].controlled] |= controls[i].bits;
	model->cr4 = bits[CR4] & virt_machine.cr4_possible;
	model->efer = bits[EFER] & virt_machine.efer_possible;
	model->xcr0 = bits[XCR0] & virt_machine.xcr0_child;
	model->xss = model->has & HAS_XSAVES ? virt_machine.xss_child : 0;
	model->spec_ctrl = bits[SPEC_CTRL];
	model->arch_capabilities = 0;
	for (unsigned int i = 0; i < N_OF(arch_capabilities); i++)
		if (arch_capabilities[i].word >= N_OF(words) ||
		    words[arch_capabilities[i].word] >> arch_capabilities[i].feature & 1)
			model->arch_capabilities |=
				host_arch_capabilities & 1ull << arch_capabilities[i].bit;
}

void model_build(struct partition *partition)
{
	const struct properties *const properties = &partition->properties;
	struct model *const model = &partition->model;
	uint32_t has = host_has;

	if (properties->apic_mode != WHvX64LocalApicEmulationModeNone)
		has |= HAS_APIC;
	if (properties->apic_mode == WHvX64LocalApicEmulationModeX2Apic)
		has |= HAS_X2APIC;
	/* Hiding one feature may hide another: repeat until nothing changes. */
	do {
		model->has = has;
		cpuid_fill(model, partition);
		hide(model, properties);
		has = still_has(model, has);
	} while (has != model->has);
	set_registers(model, properties);
}

uint64_t model_features(const struct model *model, unsigned int word)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < N_OF(features); i++)
		if (features[i].word == word &&
		    is_shown(model, features[i].leaf, features[i].subleaf, features[i].reg,
			     features[i].mask))
			bits |= 1ull << features[i].bit;
	for (unsigned int i = 0; i < N_OF(arch_capabilities); i++)
		if (arch_capabilities[i].word == word && model->has & HAS_ARCH_CAP &&
		    model->arch_capabilities >> arch_capabilities[i].bit & 1)
			bits |= 1ull << arch_capabilities[i].feature;
	return bits;
}

uint8_t model_clflush_size(const struct model *model)
{
	const uint32_t bytes = CPUID1_CLFLUSH_BYTES(cpuid_word(model, 1, 0, EBX));

	return bytes ? (uint8_t)__builtin_ctz(bytes) : 0;
}

const struct model *model_most(void)
{
	return &most.model;
}

void model_init(void)
{
	cpuid_init();
	host_has = host_facts();
	most.properties = (struct properties) {
		.processor_count = 1,
		.apic_mode = WHvX64LocalApicEmulationModeX2Apic,
		.features = { ~0ull, ~0ull },
		.xsave_features = ~0ull,
		.physical_bits = virt_machine.physical_bits,
		.clflush_size = UINT8_MAX,
	};
	model_build(&most);
	host_has &= most.model.has;
	for (unsigned int i = 0; i < MODEL_WORDS; i++)
		limits[i] = model_features(&most.model, i);
}

uint64_t model_limit(unsigned int word)
{
	return limits[word];
}
