// SPDX-License-Identifier: MIT
/* See fpu.h. */
#include "tests/system/apps/conformance/fpu.h"

#include "root/call/platform.h"
#include "x86/cpuid.h"
#include "x86/cr.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

uint64_t fpu_word(const uint8_t *image, uint32_t offset)
{
	return *(const uint64_t *)(const void *)(image + offset);
}

void fpu_set_word(uint8_t *image, uint32_t offset, uint64_t value)
{
	*(uint64_t *)(void *)(image + offset) = value;
}

uint64_t fpu_do(struct board *board, struct op op)
{
	CHECK_EQ(board_script(board, 0, &op, 1), BOARD_DONE);
	CHECK_EQ(board_op(board, 0, 0)->fault, 0);
	return board_op(board, 0, 0)->result;
}

/* Leaf 0Dh: EAX and EBX as the result, ECX and EDX as the value of the entry. */
static void learn(struct board *board, struct fpu_layout *layout)
{
	uint64_t low = fpu_do(board, OP(CPUID, .argument = 0xd));
	const uint64_t high = board_op(board, 0, 0)->value >> 32;

	layout->mask = (low & 0xffffffff) | high << 32;
	low = fpu_do(board, OP(CPUID, .argument = 0xd, .value = 1));
	layout->has_xsavec = low & CPUIDD1_EAX_XSAVEC;
	layout->has_xsaves = low & CPUIDD1_EAX_XSAVES;
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++) {
		if (!(layout->mask >> i & 1))
			continue;
		low = fpu_do(board, OP(CPUID, .argument = 0xd, .value = i));
		layout->size[i] = (uint32_t)low;
		layout->standard[i] = (uint32_t)(low >> 32);
		layout->is_aligned[i] = board_op(board, 0, 0)->value & CPUIDD_ECX_ALIGNED;
		CHECK(layout->size[i] && layout->standard[i] >= FPU_EXTENDED &&
		      layout->standard[i] + layout->size[i] <= FPU_BYTES);
	}
}

void fpu_begin(struct board *board, uint32_t n_vps, struct fpu_layout *layout)
{
	platform_clear(layout, sizeof(*layout) & ~7ull);
	CHECK_EQ(board_create(board, &(const struct board_options) { .n_vps = n_vps }), S_OK);
	if (check_has_failed())
		return;
	(void)fpu_do(board, OP(CPUID, .argument = 1));
	if (!(board_op(board, 0, 0)->value & CPUID1_ECX_XSAVE))
		return;
	learn(board, layout);
	for (uint32_t vp = 0; vp < n_vps; vp++) {
		const struct op ops[] = { OP(WRITE_CR4,
					     .value = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE),
					  OP(XSETBV, .value = layout->mask) };

		CHECK_EQ(board_script(board, vp, ops, N(ops)), BOARD_DONE);
		CHECK_EQ(board_op(board, vp, 0)->fault, 0);
		CHECK_EQ(board_op(board, vp, 1)->fault, 0);
	}
}

uint32_t fpu_compacted(const struct fpu_layout *layout, uint64_t xcomp_bv,
		       uint32_t offsets[FPU_COMPONENTS])
{
	uint32_t at = FPU_EXTENDED;

	for (unsigned int i = 2; i < FPU_COMPONENTS; i++) {
		if (!(xcomp_bv >> i & 1))
			continue;
		if (layout->is_aligned[i])
			at = (at + 63) & ~63u;
		offsets[i] = at;
		at += layout->size[i];
	}
	return at;
}

static uint8_t pattern(uint64_t seed, uint32_t at)
{
	uint64_t x = (seed << 32 | at) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 29) * 0xff51afd7ed558ccdull;
	return (uint8_t)(x >> 47);
}

void fpu_fill(uint8_t *image, const struct fpu_layout *layout, uint64_t seed)
{
	platform_clear(image, FPU_BYTES);
	for (uint32_t i = 32; i < 416; i++)
		image[i] = pattern(seed, i);
	for (uint32_t i = 0; i < 8; i++) /* ten bytes of sixteen */
		for (uint32_t j = 10; j < 16; j++)
			image[32 + 16 * i + j] = 0;
	image[0] = 0x7f; /* exceptions masked, one rounding or another */
	image[1] = 0x03 | (uint8_t)(seed % 4 << 2);
	image[4] = 0xff;
	fpu_set_word(image, FPU_MXCSR, 0x1f80 | (seed % 4) << 13);
	fpu_set_word(image, FPU_XSTATE_BV, layout->mask);
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++) {
		for (uint32_t j = 0; layout->mask >> i & 1 && j < layout->size[i]; j++)
			image[layout->standard[i] + j] = pattern(seed, i * 4096 + j);
	}
	/* Registers that do not take any bits. */
	if (layout->mask >> FPU_BNDCSR & 1)
		platform_clear(image + layout->standard[FPU_BNDCSR], layout->size[FPU_BNDCSR]);
	if (layout->mask >> FPU_PKRU & 1)
		fpu_set_word(image, layout->standard[FPU_PKRU],
			     pattern(seed, 5) * 0x01010101u & ~3u);
}

static bool same_bytes(const uint8_t *a, const uint8_t *b, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

bool fpu_same(const uint8_t *a, const uint8_t *b, const struct fpu_layout *layout, uint64_t mask)
{
	mask &= layout->mask;
	if (mask & 1 << FPU_X87 &&
	    !(same_bytes(a, b, 0, 2) && same_bytes(a, b, 4, 1) && same_bytes(a, b, 32, 128)))
		return false;
	if (mask & 1 << FPU_SSE && !(same_bytes(a, b, 24, 4) && same_bytes(a, b, 160, 256)))
		return false;
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++)
		if (mask >> i & 1 && !same_bytes(a, b, layout->standard[i], layout->size[i]))
			return false;
	return true;
}

static void copy(uint8_t *to, const uint8_t *from, uint32_t n)
{
	while (n--)
		*to++ = *from++;
}

void fpu_expand(uint8_t *to, const uint8_t *from, const struct fpu_layout *layout)
{
	const uint64_t xstate_bv = fpu_word(from, FPU_XSTATE_BV);
	uint32_t offsets[FPU_COMPONENTS];

	platform_clear(to, FPU_BYTES);
	(void)fpu_compacted(layout, fpu_word(from, FPU_XCOMP_BV), offsets);
	copy(to, from, FPU_HEADER);
	fpu_set_word(to, FPU_XSTATE_BV, xstate_bv);
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++)
		if (xstate_bv & layout->mask & 1ull << i)
			copy(to + layout->standard[i], from + offsets[i], layout->size[i]);
}

uint32_t fpu_compact(uint8_t *to, const uint8_t *from, const struct fpu_layout *layout)
{
	uint32_t offsets[FPU_COMPONENTS], n_bytes;

	platform_clear(to, FPU_BYTES);
	n_bytes = fpu_compacted(layout, layout->mask, offsets);
	copy(to, from, FPU_HEADER);
	fpu_set_word(to, FPU_XSTATE_BV, layout->mask);
	fpu_set_word(to, FPU_XCOMP_BV, layout->mask | FPU_COMPACTED);
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++)
		if (layout->mask >> i & 1)
			copy(to + offsets[i], from + layout->standard[i], layout->size[i]);
	return n_bytes;
}
