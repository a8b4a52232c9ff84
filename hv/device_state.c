/* SPDX-License-Identifier: MIT */
/*
 * Processor state that few emulated instructions need: descriptor tables, XMM and x87 registers of a VP
 * on which the emulator works, and which of the optional instructions there are.
 *
 * The FXSAVE image is all that Whit holds of a VP's vector registers. So what reaches beyond is refused,
 * and with it every instruction that needs it; a child cannot set CR4.OSXSAVE, and has no such state.
 */
#include "hv/device_run.h"

#include <string.h>

#include "x86/fx.h"

/* A CPUID leaf as the processor has it; zeros beyond its last one. */
static struct x86_cpuid leaf_or_nothing(uint32_t leaf)
{
	if (virt_cpuid(leaf & 0x80000000u, 0).eax < leaf)
		return (struct x86_cpuid) { 0 };
	return virt_cpuid(leaf, 0);
}

uint32_t device_features_of(const struct x86_cpuid *leaf1, const struct x86_cpuid *leaf7,
			    const struct x86_cpuid *leaf81)
{
	const struct {
		uint32_t word, bit;
		enum emu_feature feature;
	} rows[] = {
		{ leaf1->ecx, CPUID1_ECX_SSE3, EMU_SSE3 },
		{ leaf1->ecx, CPUID1_ECX_SSSE3, EMU_SSSE3 },
		{ leaf1->ecx, CPUID1_ECX_SSE41, EMU_SSE4_1 },
		{ leaf1->ecx, CPUID1_ECX_SSE42, EMU_SSE4_2 },
		{ leaf1->ecx, CPUID1_ECX_CX16, EMU_CX16 },
		{ leaf1->ecx, CPUID1_ECX_MOVBE, EMU_MOVBE },
		{ leaf1->ecx, CPUID1_ECX_POPCNT, EMU_POPCNT },
		{ leaf1->ecx, CPUID1_ECX_AVX, EMU_AVX },
		{ leaf7->ebx, CPUID7_EBX_BMI1, EMU_BMI1 },
		{ leaf7->ebx, CPUID7_EBX_AVX2, EMU_AVX2 },
		{ leaf7->ebx, CPUID7_EBX_BMI2, EMU_BMI2 },
		{ leaf7->ebx, CPUID7_EBX_AVX512F, EMU_AVX512F },
		{ leaf7->ebx, CPUID7_EBX_AVX512DQ, EMU_AVX512DQ },
		{ leaf7->ebx, CPUID7_EBX_ADX, EMU_ADX },
		{ leaf7->ebx, CPUID7_EBX_CLFLUSHOPT, EMU_CLFLUSHOPT },
		{ leaf7->ebx, CPUID7_EBX_CLWB, EMU_CLWB },
		{ leaf7->ebx, CPUID7_EBX_AVX512BW, EMU_AVX512BW },
		{ leaf7->ebx, CPUID7_EBX_AVX512VL, EMU_AVX512VL },
		{ leaf7->ecx, CPUID7_ECX_MOVDIRI, EMU_MOVDIRI },
		{ leaf7->ecx, CPUID7_ECX_MOVDIR64B, EMU_MOVDIR64B },
		{ leaf81->ecx, CPUID81_ECX_LZCNT, EMU_LZCNT },
		{ leaf81->ecx, CPUID81_ECX_SSE4A, EMU_SSE4A },
	};
	uint32_t features = 0;

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].word & rows[i].bit)
			features |= EMU_HAS(rows[i].feature);
	return features;
}

uint32_t device_features(void)
{
	const struct x86_cpuid leaf1 = virt_cpuid(1, 0), leaf7 = leaf_or_nothing(7),
			       leaf81 = leaf_or_nothing(0x80000001u);

	return device_features_of(&leaf1, &leaf7, &leaf81);
}

/* XMM registers alone, whole. */
static bool is_held(enum emu_file file, unsigned int reg, unsigned int n_bytes)
{
	return file == EMU_VECTOR && reg < 16 && n_bytes == 16;
}

enum emu_outcome device_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
			       unsigned int n_bytes, void *data)
{
	const struct x86_fxsave *image;

	if (!is_held(file, reg, n_bytes))
		return EMU_UNIMPLEMENTED;
	image = virt_fpu_save(virt);
	memcpy(data, image->xmm[reg], 16);
	return EMU_DONE;
}

/*
 * `zero_upper` comes from VEX and EVEX instructions alone, which take state that a child does not have,
 * and of the root's only those that write memory are emulated.
 */
enum emu_outcome device_set_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
				   unsigned int n_bytes, bool zero_upper, const void *data)
{
	struct x86_fxsave *image;

	if (!is_held(file, reg, n_bytes) || zero_upper)
		return EMU_UNIMPLEMENTED;
	image = virt_fpu_save(virt);
	memcpy(image->xmm[reg], data, 16);
	virt_fpu_load(virt);
	return EMU_DONE;
}

enum emu_outcome device_x87(struct virt_vp *virt, struct emu_x87 *out)
{
	const struct x86_fxsave *image = virt_fpu_save(virt);

	*out = (struct emu_x87) { .fcw = image->fcw,
				  .fsw = image->fsw,
				  .ftw = image->ftw,
				  .fop = image->fop,
				  .mxcsr = image->mxcsr,
				  .fip = image->fip,
				  .fdp = image->fdp };
	memcpy(out->st, image->st, sizeof(out->st));
	return EMU_DONE;
}

/* An MXCSR that the processor would not take is refused: loading the image must not fault. */
enum emu_outcome device_set_x87(struct virt_vp *virt, const struct emu_x87 *value)
{
	struct x86_fxsave *image = virt_fpu_save(virt);
	const uint32_t mask = image->mxcsr_mask ? image->mxcsr_mask : X86_MXCSR_DEFAULT_MASK;

	if (value->mxcsr & ~mask)
		return EMU_FAILED;
	image->fcw = (value->fcw & X86_FCW_DEFINED) | X86_FCW_ONE;
	image->fsw = value->fsw;
	image->ftw = value->ftw;
	image->fop = value->fop & X86_FOP_DEFINED;
	image->mxcsr = value->mxcsr;
	image->fip = value->fip;
	image->fdp = value->fdp;
	for (unsigned int i = 0; i < 8; i++)
		memcpy(image->st[i], value->st[i], 10);
	virt_fpu_load(virt);
	return EMU_DONE;
}
