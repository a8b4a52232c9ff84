/* SPDX-License-Identifier: MIT */
/*
 * Processor state that few emulated instructions need: vector and x87 registers of a child, in the
 * image that virt_fpu_save() gives, and which of the optional instructions there are.
 */
#include "hv/emulate/attempt.h"

#include <string.h>

#include "hv/cpu/xsave.h"
#include "whp/WinHvCapabilities.h"
#include "x86/cpuid.h"
#include "x86/cr.h"
#include "x86/fx.h"

/* A CPUID leaf as the processor has it; zeros beyond its last one. */
static struct x86_cpuid leaf_or_nothing(uint32_t leaf)
{
	if (virt_cpuid(leaf & 0x80000000u, 0).eax < leaf)
		return (struct x86_cpuid) { 0 };
	return virt_cpuid(leaf, 0);
}

uint32_t device_features(void)
{
	const struct x86_cpuid leaf0 = virt_cpuid(0, 0), leaf1 = virt_cpuid(1, 0),
			       leaf7 = leaf_or_nothing(7), leaf81 = leaf_or_nothing(0x80000001u);

	return emu_features_of(&leaf0, &leaf1, &leaf7, &leaf81);
}

/* Where registers are in the image: SDM 1 "XSAVE-Managed State". In order of `at`. */
static const struct part {
	uint8_t component; /* bit of XCR0 */
	uint8_t file, first, n;
	uint8_t at, n_bytes; /* of the register */
} parts[] = {
	{ 1, EMU_VECTOR, 0, 16, 0, 16 },  { 2, EMU_VECTOR, 0, 16, 16, 16 },
	{ 6, EMU_VECTOR, 0, 16, 32, 32 }, { 7, EMU_VECTOR, 16, 16, 0, 64 },
	{ 5, EMU_OPMASK, 0, 8, 0, 8 },
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static bool has_part(const struct part *part, enum emu_file file, unsigned int reg)
{
	return part->file == (uint8_t)file && reg >= part->first &&
	       reg < (unsigned int)part->first + part->n &&
	       (virt_machine.xcr0_child | XCR0_SSE) >> part->component & 1;
}

/* So many bytes of the register are in the image. */
static unsigned int bytes_held(enum emu_file file, unsigned int reg)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_PARTS; i++)
		if (has_part(&parts[i], file, reg))
			n += parts[i].n_bytes;
	return n;
}

static uint8_t *part_in(void *image, const struct part *part, unsigned int reg)
{
	const uint32_t offset = part->component == 1
					? (uint32_t)offsetof(struct x86_fxsave, xmm)
					: xsave_component(CPUID_XSAVE, part->component).ebx;

	return (uint8_t *)image + offset + (reg - part->first) * part->n_bytes;
}

enum emu_outcome device_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
			       unsigned int n_bytes, void *data)
{
	void *image;

	if (bytes_held(file, reg) < n_bytes)
		return EMU_UNIMPLEMENTED;
	image = virt_fpu_save(virt);
	for (unsigned int i = 0; i < N_PARTS; i++) {
		const struct part *const part = &parts[i];

		if (!has_part(part, file, reg) || part->at >= n_bytes)
			continue;
		memcpy((uint8_t *)data + part->at, part_in(image, part, reg),
		       n_bytes - part->at < part->n_bytes ? n_bytes - part->at : part->n_bytes);
	}
	return EMU_DONE;
}

/* A component that is written is in use from now on; the initial state of all of them is zeros. */
enum emu_outcome device_set_vector(struct virt_vp *virt, enum emu_file file, unsigned int reg,
				   unsigned int n_bytes, bool zero_upper, const void *data)
{
	const unsigned int held = bytes_held(file, reg);
	uint8_t whole[64] = { 0 };
	struct x86_xsave_header *header;
	void *image;

	if (held < n_bytes || (zero_upper && !(virt_machine.xcr0_child & XCR0_AVX)))
		return EMU_UNIMPLEMENTED;
	memcpy(whole, data, n_bytes);
	image = virt_fpu_save(virt);
	header = (struct x86_xsave_header *)(void *)((uint8_t *)image + X86_XSAVE_LEGACY_BYTES);
	for (unsigned int i = 0; i < N_PARTS; i++) {
		const struct part *const part = &parts[i];
		unsigned int n = part->n_bytes;

		if (!has_part(part, file, reg) || (part->at >= n_bytes && !zero_upper))
			continue;
		if (!zero_upper && n_bytes - part->at < n)
			n = n_bytes - part->at;
		memcpy(part_in(image, part, reg), whole + part->at, n);
		if (virt_machine.xcr0_child)
			header->xstate_bv |= 1ull << part->component;
	}
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
