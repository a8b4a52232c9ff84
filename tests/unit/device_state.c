/* SPDX-License-Identifier: MIT */
/* The emulator's operations on processor state (hv/emulate/vector.c) on the fake machine. */
#include "tests/unit/guest_device.h"

#include "hv/emulate/attempt.h"
#include "hv/cpu/xsave.h"
#include "whp/WinHvCapabilities.h"
#include "x86/fx.h"

static struct device_run run;

/* A VP that an instruction works on; with `is_live` its vector registers are in the processor. */
static struct x86_fxsave *begin(bool is_live)
{
	struct x86_fxsave *image;

	guest_new();
	memset(&run, 0, sizeof(run));
	run.vp = guest_vp;
	run.view = virt_view(guest_vp->virt);
	image = virt_fpu_save(guest_vp->virt);
	if (!is_live)
		return image;
	virt_switch(test_root.virt, guest_vp->virt);
	memset(image, 0xee, sizeof(*image)); /* what is in memory is old */
	return (struct x86_fxsave *)(void *)fake.cpu[0].fpu;
}

static void features_are_those_of_the_processor(void)
{
	const struct x86_cpuid none = { 0 }, all = { ~0u, ~0u, ~0u, ~0u };
	const struct x86_cpuid intel = { 0, 0x756e6547, 0x6c65746e, 0x49656e69 };
	const struct {
		unsigned int leaf; /* 0 1, 1 7, 2 80000001h */
		char reg;
		unsigned int bit;
		enum emu_feature feature;
	} rows[] = {
		{ 0, 'c', 0, EMU_SSE3 },	{ 0, 'c', 9, EMU_SSSE3 },
		{ 0, 'c', 13, EMU_CX16 },	{ 0, 'c', 19, EMU_SSE4_1 },
		{ 0, 'c', 20, EMU_SSE4_2 },	{ 0, 'c', 22, EMU_MOVBE },
		{ 0, 'c', 23, EMU_POPCNT },	{ 0, 'c', 28, EMU_AVX },
		{ 1, 'b', 3, EMU_BMI1 },	{ 1, 'b', 5, EMU_AVX2 },
		{ 1, 'b', 8, EMU_BMI2 },	{ 1, 'b', 16, EMU_AVX512F },
		{ 1, 'b', 17, EMU_AVX512DQ },	{ 1, 'b', 19, EMU_ADX },
		{ 1, 'b', 23, EMU_CLFLUSHOPT }, { 1, 'b', 24, EMU_CLWB },
		{ 1, 'b', 30, EMU_AVX512BW },	{ 1, 'b', 31, EMU_AVX512VL },
		{ 1, 'c', 27, EMU_MOVDIRI },	{ 1, 'c', 28, EMU_MOVDIR64B },
		{ 2, 'c', 5, EMU_LZCNT },	{ 2, 'c', 6, EMU_SSE4A },
	};
	uint32_t seen = 0;

	CHECK_EQ(emu_features_of(&intel, &none, &none, &none), 0);
	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct x86_cpuid leaf[3] = { none, none, none };

		*(rows[i].reg == 'b' ? &leaf[rows[i].leaf].ebx : &leaf[rows[i].leaf].ecx) =
			1u << rows[i].bit;
		CHECK_EQ(emu_features_of(&intel, &leaf[0], &leaf[1], &leaf[2]),
			 EMU_HAS(rows[i].feature));
		seen |= EMU_HAS(rows[i].feature);
	}
	/* Each has its bit, but for what every processor has. */
	CHECK_EQ(emu_features_of(&intel, &all, &all, &all), seen);
	CHECK_EQ(seen, (1u << EMU_FEATURE_COUNT) - 1 - EMU_HAS(EMU_BASE) - EMU_HAS(EMU_AMD));
}

static void features_are_asked_of_leaves_that_exist(void)
{
	guest_new();
	CHECK(device_features() & EMU_HAS(EMU_BMI1));
	CHECK(device_features() & EMU_HAS(EMU_LZCNT));
	CHECK(device_features() & EMU_HAS(EMU_SSE4_2));
	CHECK(!(device_features() & EMU_HAS(EMU_AVX512F)));
	/* Intel's processors answer a leaf beyond the last with the last one's bits. */
	fake_set_cpuid(0, 0, (struct x86_cpuid) { 4, 0, 0, 0 });
	fake_set_cpuid(0x80000000u, 0, (struct x86_cpuid) { 0, 0, 0, 0 });
	CHECK(!(device_features() & EMU_HAS(EMU_BMI1)));
	CHECK(!(device_features() & EMU_HAS(EMU_LZCNT)));
	CHECK(device_features() & EMU_HAS(EMU_SSE4_2));
}

/* No CPUID bit, but the vendor: of the machine, not of what a child is shown. */
static void the_vendor_is_the_machines(void)
{
	static const struct x86_cpuid vendors[] = {
		{ 0x16, 0x756e6547, 0x6c65746e, 0x49656e69 }, /* GenuineIntel */
		{ 0x10, 0x68747541, 0x444d4163, 0x69746e65 }, /* AuthenticAMD */
		{ 0x0d, 0x6f677948, 0x656e6975, 0x6e65476e }, /* HygonGenuine */
	};

	guest_new();
	for (unsigned int i = 0; i < 3; i++) {
		fake_set_cpuid(0, 0, vendors[i]);
		CHECK_EQ(!!(device_features() & EMU_HAS(EMU_AMD)), i != 0);
	}
}

static void segments_are_read_and_loaded_whole(void)
{
	for (unsigned int seg = 0; seg < SEG_COUNT; seg++) {
		const struct x86_segment value = { 0x123450 + seg, 0xfffff, (uint16_t)(8 + seg),
						   0x4093 };
		struct x86_segment out;

		begin(false);
		CHECK_EQ(device_ops.set_segment(&run, (enum x86_seg)seg, &value), EMU_DONE);
		CHECK(!memcmp(&guest_vp->virt->segment[seg], &value, sizeof(value)));
		CHECK_EQ(device_ops.segment(&run, (enum x86_seg)seg, &out), EMU_DONE);
		CHECK(!memcmp(&out, &value, sizeof(value)));
		if (seg == SEG_CS)
			CHECK_EQ(run.view->cs.base, value.base);
	}
}

static void tables_are_read_and_loaded(void)
{
	const struct x86_table value[2] = { { .limit = 0x27, .base = 0xa000 },
					    { .limit = 0xfff, .base = 0x9000 } };
	struct x86_table out;

	begin(false);
	CHECK_EQ(device_ops.set_table(&run, EMU_GDTR, &value[0]), EMU_DONE);
	CHECK_EQ(device_ops.set_table(&run, EMU_IDTR, &value[1]), EMU_DONE);
	for (unsigned int i = 0; i < 2; i++) {
		CHECK_EQ(guest_vp->virt->segment[SEG_GDTR + i].limit, value[i].limit);
		CHECK_EQ(guest_vp->virt->segment[SEG_GDTR + i].base, value[i].base);
		CHECK_EQ(device_ops.table(&run, (enum emu_table)i, &out), EMU_DONE);
		CHECK_EQ(out.limit, value[i].limit);
		CHECK_EQ(out.base, value[i].base);
	}
}

static void cr0_goes_the_way_of_mov(void)
{
	begin(false);
	CHECK_EQ(device_ops.set_cr0(&run, CR0_PE | CR0_TS | CR0_EM), EMU_DONE);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR0), CR0_PE | CR0_TS | CR0_EM | CR0_ET);
	CHECK_EQ(run.view->paging.cr0, CR0_PE | CR0_TS | CR0_EM | CR0_ET);
	CHECK_EQ(device_ops.set_cr0(&run, 1ull << 32), EMU_FAILED);
	CHECK_EQ(device_ops.set_cr0(&run, CR0_PG), EMU_FAILED);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR0), CR0_PE | CR0_TS | CR0_EM | CR0_ET);
}

static void invlpg_flushes_the_vp(void)
{
	begin(false);
	CHECK_EQ(device_ops.invlpg(&run, GVA(0x8000000000000000)), EMU_DONE);
	CHECK_EQ(guest_vp->virt->n_flushes, 1);
}

static void vectors_are_those_of_the_vp(void)
{
	for (unsigned int is_live = 0; is_live < 2; is_live++) {
		struct x86_fxsave before, *image = begin(is_live);
		uint8_t data[16];

		for (unsigned int i = 0; i < 256; i++)
			image->xmm[i / 16][i % 16] = (uint8_t)(i * 3 + 1);
		for (unsigned int reg = 0; reg < 16; reg++) {
			CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, reg, 16, data), EMU_DONE);
			CHECK(!memcmp(data, image->xmm[reg], 16));
			before = *image;
			memset(before.xmm[reg], (int)reg + 0x40, 16);
			CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, reg, 16, false,
						       before.xmm[reg]),
				 EMU_DONE);
			CHECK(!memcmp(&before, image, sizeof(before)));
		}
	}
}

/* The root, and a child where there is no XSAVE: XMM registers and no more. */
static void wider_vectors_are_refused(void)
{
	struct x86_fxsave before, *image = begin(true);
	uint8_t data[64] = { 0 };

	before = *image;
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, 0, 32, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, 0, 64, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, 16, 16, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.vector(&run, EMU_OPMASK, 0, 8, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, 0, 32, false, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, 31, 16, false, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, 0, 16, true, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.set_vector(&run, EMU_OPMASK, 0, 8, false, data), EMU_UNIMPLEMENTED);
	CHECK(!memcmp(&before, image, sizeof(before)));
}

#define AVX	   (XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define AVX512	   (AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)
#define HEADER	   512u
#define YMM_AT	   0x240u
#define OPMASK_AT  0x440u
#define ZMM_AT	   0x480u
#define HI16_AT	   0x680u
#define IMAGE_ENDS (HI16_AT + 0x400u)

/* begin() where children have such components; every byte of theirs is a pattern. */
static uint8_t *begin_wide(bool is_live, uint64_t components)
{
	static const uint32_t offsets[8] = {
		[2] = YMM_AT, [5] = OPMASK_AT, [6] = ZMM_AT, [7] = HI16_AT
	};
	uint8_t *image = (uint8_t *)begin(is_live);

	virt_machine.xcr0_child = components;
	for (unsigned int i = 2; i < 8; i++)
		fake_set_cpuid(0xd, i, (struct x86_cpuid) { .ebx = offsets[i] });
	xsave_init();
	/* The root has limited CPUID since. */
	for (unsigned int i = 2; i < 8; i++)
		fake_set_cpuid(0xd, i, (struct x86_cpuid) { ~0u, ~0u, ~0u, ~0u });
	for (unsigned int i = 0; i < 256; i++)
		image[offsetof(struct x86_fxsave, xmm) + i] = (uint8_t)(i * 5 + 3);
	memset(image + HEADER, 0, 64);
	image[HEADER] = XCR0_X87 | XCR0_SSE;
	for (unsigned int i = YMM_AT; i < IMAGE_ENDS; i++)
		image[i] = (uint8_t)(i * 7 + (i >> 8));
	return image;
}

/* The register as the processor has it, out of the image. */
static void whole_of(const uint8_t *image, unsigned int reg, uint8_t whole[64])
{
	if (reg >= 16) {
		memcpy(whole, image + HI16_AT + 64 * (reg - 16), 64);
		return;
	}
	memcpy(whole, image + offsetof(struct x86_fxsave, xmm) + 16 * reg, 16);
	memcpy(whole + 16, image + YMM_AT + 16 * reg, 16);
	memcpy(whole + 32, image + ZMM_AT + 32 * reg, 32);
}

/* How many bytes of the image are not those of `before`. */
static unsigned int n_changed(const uint8_t *image, const uint8_t *before)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < IMAGE_ENDS; i++)
		n += image[i] != before[i] && (i < HEADER || i >= HEADER + 64);
	return n;
}

static void check_write(bool is_live, unsigned int reg, unsigned int n_bytes, bool zero_upper)
{
	uint8_t *image = begin_wide(is_live, AVX512), before[IMAGE_ENDS];
	uint8_t wanted[64], is[64], old[64], data[64];
	unsigned int n = 0;
	uint64_t in_use = 3, header[2];

	memcpy(before, image, sizeof(before));
	whole_of(image, reg, old);
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, reg, n_bytes, data), EMU_DONE);
	CHECK(!memcmp(data, old, n_bytes));
	memcpy(wanted, old, 64);
	for (unsigned int i = 0; i < 64; i++) {
		data[i] = (uint8_t)~old[i];
		if (i < n_bytes)
			wanted[i] = data[i];
		else if (zero_upper)
			wanted[i] = 0;
		n += wanted[i] != old[i];
	}
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, reg, n_bytes, zero_upper, data), EMU_DONE);
	whole_of(image, reg, is);
	CHECK(!memcmp(is, wanted, 64));
	CHECK_EQ(n_changed(image, before), n);
	if (reg >= 16)
		in_use |= XCR0_HI16_ZMM;
	if (reg < 16 && (n_bytes > 16 || zero_upper))
		in_use |= XCR0_AVX;
	if (reg < 16 && (n_bytes > 32 || zero_upper))
		in_use |= XCR0_ZMM_HI256;
	memcpy(header, image + HEADER, sizeof(header));
	CHECK_EQ(header[0], in_use);
	CHECK_EQ(header[1], 0);
}

static void wide_vectors_are_in_the_image(void)
{
	for (unsigned int i = 0; i < 4; i++)
		for (unsigned int n_bytes = 16; n_bytes <= 64; n_bytes *= 2)
			for (unsigned int reg = 0; reg < 32; reg++)
				check_write(i & 1, reg, n_bytes, i & 2);
}

static void opmasks_are_in_the_image(void)
{
	for (unsigned int reg = 0; reg < 8; reg++) {
		uint8_t *image = begin_wide(reg & 1, AVX512), before[IMAGE_ENDS], data[8];

		CHECK_EQ(device_ops.vector(&run, EMU_OPMASK, reg, 8, data), EMU_DONE);
		CHECK(!memcmp(data, image + OPMASK_AT + 8 * reg, 8));
		for (unsigned int i = 0; i < 8; i++)
			data[i] = (uint8_t)~data[i];
		memcpy(before, image, sizeof(before));
		CHECK_EQ(device_ops.set_vector(&run, EMU_OPMASK, reg, 8, false, data), EMU_DONE);
		CHECK(!memcmp(data, image + OPMASK_AT + 8 * reg, 8));
		CHECK_EQ(n_changed(image, before), 8);
		CHECK_EQ(image[HEADER], XCR0_X87 | XCR0_SSE | XCR0_OPMASK);
	}
}

/* With AVX alone: no more than YMM, and zeros as far as that. */
static void vectors_are_as_wide_as_the_machine(void)
{
	uint8_t *image = begin_wide(true, AVX), before[IMAGE_ENDS], data[64] = { 1 };

	memcpy(before, image, sizeof(before));
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, 3, 64, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.vector(&run, EMU_VECTOR, 16, 16, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.vector(&run, EMU_OPMASK, 1, 8, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, 3, 64, true, data), EMU_UNIMPLEMENTED);
	CHECK_EQ(n_changed(image, before), 0);
	memset(data, 0, sizeof(data));
	CHECK_EQ(device_ops.set_vector(&run, EMU_VECTOR, 3, 16, true, data), EMU_DONE);
	memset(before + offsetof(struct x86_fxsave, xmm) + 3 * 16, 0, 16);
	memset(before + YMM_AT + 3 * 16, 0, 16);
	CHECK_EQ(n_changed(image, before), 0);
	CHECK_EQ(image[HEADER], AVX);
}

/* VMOVDQU YMM both ways, and #UD by the VP's CR4 and XCR0. */
static void the_vp_says_which_vectors_there_are(void)
{
	for (unsigned int is_live = 0; is_live < 2; is_live++) {
		uint8_t *image = begin_wide(is_live, AVX512), whole[64], data[32];

		virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR);
		CODE(0xc5, 0xfe, 0x7f, 0x1b); /* vmovdqu [ebx], ymm3 */
		guest_regs()->gpr[3] = DEVICE + 0x20;
		virt_set(guest_vp->virt, VIRT_XCR0, AVX);
		CHECK_EQ(at_memory(DEVICE + 0x20, true), DEVICE_INJECTED);
		CHECK_EQ(guest_vp->pending.vector, EXC_UD);
		guest_vp->pending.type = VIRT_EVENT_NONE;
		virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR | CR4_OSXSAVE);
		virt_set(guest_vp->virt, VIRT_XCR0, XCR0_X87 | XCR0_SSE);
		CHECK_EQ(at_memory(DEVICE + 0x20, true), DEVICE_INJECTED);
		CHECK_EQ(guest_vp->pending.vector, EXC_UD);
		guest_vp->pending.type = VIRT_EVENT_NONE;
		virt_set(guest_vp->virt, VIRT_XCR0, AVX);
		CHECK_EQ(at_memory(DEVICE + 0x20, true), DEVICE_EXIT);
		CHECK_RECORD(false, true, DEVICE + 0x20, 32, 1);
		whole_of(image, 3, whole);
		CHECK(!memcmp(record()->data, whole, 32));
		CHECK_EQ(run_again(), DEVICE_RESUME);

		image = begin_wide(is_live, AVX512);
		virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR | CR4_OSXSAVE);
		virt_set(guest_vp->virt, VIRT_XCR0, AVX);
		CODE(0xc5, 0xfe, 0x6f, 0x1b); /* vmovdqu ymm3, [ebx] */
		guest_regs()->gpr[3] = DEVICE + 0x20;
		CHECK_EQ(at_memory(DEVICE + 0x20, false), DEVICE_EXIT);
		CHECK_RECORD(false, false, DEVICE + 0x20, 32, 1);
		for (uint8_t i = 0; i < 32; i++)
			data[i] = (uint8_t)(0x80 + i);
		answer(data, sizeof(data));
		CHECK_EQ(run_again(), DEVICE_RESUME);
		whole_of(image, 3, whole);
		CHECK(!memcmp(whole, data, 32));
		for (unsigned int i = 32; i < 64; i++)
			CHECK_EQ(whole[i], 0);
	}
}

static void x87_is_that_of_the_vp(void)
{
	for (unsigned int is_live = 0; is_live < 2; is_live++) {
		struct x86_fxsave before, *image = begin(is_live);
		struct emu_x87 x87;

		memset(image->st, 0x77, sizeof(image->st));
		memset(image->xmm, 0x66, sizeof(image->xmm));
		image->fcw = 0x37f;
		image->fsw = 0x3800;
		image->ftw = 0x81;
		image->fop = 0x123;
		image->fip = 0xffff800000001234;
		image->fdp = 0x5678;
		CHECK_EQ(device_ops.x87(&run, &x87), EMU_DONE);
		CHECK_EQ(x87.fcw, 0x37f);
		CHECK_EQ(x87.fsw, 0x3800);
		CHECK_EQ(x87.ftw, 0x81);
		CHECK_EQ(x87.fop, 0x123);
		CHECK_EQ(x87.fip, 0xffff800000001234);
		CHECK_EQ(x87.fdp, 0x5678);
		CHECK_EQ(x87.mxcsr, 0x1f80);
		CHECK(!memcmp(x87.st, image->st, sizeof(x87.st)));

		before = *image;
		before.fcw = x87.fcw = 0x27f;
		before.fsw = x87.fsw = 0x3001;
		before.ftw = x87.ftw = 0xc1;
		before.fop = x87.fop = 0x7ff;
		before.mxcsr = x87.mxcsr = 0x9fc0;
		before.fip = x87.fip = 0x1000;
		before.fdp = x87.fdp = 0x2000;
		for (unsigned int i = 0; i < 8; i++) {
			memset(x87.st[i], (int)i + 1, 16);
			memset(before.st[i], (int)i + 1, 10);
		}
		CHECK_EQ(device_ops.set_x87(&run, &x87), EMU_DONE);
		CHECK(!memcmp(&before, image, sizeof(before)));
	}
}

static void x87_has_no_reserved_bits(void)
{
	struct x86_fxsave before, *image = begin(true);
	struct emu_x87 x87;

	CHECK_EQ(device_ops.x87(&run, &x87), EMU_DONE);
	before = *image;
	x87.mxcsr = 0x10000;
	CHECK_EQ(device_ops.set_x87(&run, &x87), EMU_FAILED);
	CHECK(!memcmp(&before, image, sizeof(before)));
	image->mxcsr_mask = 0; /* bit 6 is not there */
	x87.mxcsr = 0x40;
	CHECK_EQ(device_ops.set_x87(&run, &x87), EMU_FAILED);
	image->mxcsr_mask = 0xffff;
	x87.mxcsr = 0x1f80;
	x87.fcw = 0xffbf;
	x87.fop = 0xffff;
	CHECK_EQ(device_ops.set_x87(&run, &x87), EMU_DONE);
	CHECK_EQ(image->fcw, 0x1f7f);
	CHECK_EQ(image->fop, 0x7ff);
}

/* ---- Instructions ------------------------------------------------------------------------ */

/* Between an exit and the next entry the registers are in the processor; in a later Run they are not. */
static void a_vector_load_goes_where_the_registers_are(void)
{
	struct x86_fxsave *image;
	uint8_t data[16];

	for (unsigned int i = 0; i < 16; i++)
		data[i] = (uint8_t)(0xa0 + i);
	for (unsigned int is_live = 0; is_live < 2; is_live++) {
		image = begin(is_live);
		virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR);
		CODE(0x0f, 0x10, 0x1b); /* movups xmm3, [ebx] */
		guest_regs()->gpr[3] = DEVICE + 4;
		CHECK_EQ(at_memory(DEVICE + 4, false), DEVICE_EXIT);
		CHECK_RECORD(false, false, DEVICE + 4, 16, 1);
		answer(data, sizeof(data));
		CHECK_EQ(run_again(), DEVICE_RESUME);
		CHECK_EQ(guest_regs()->rip, 0x1003);
		CHECK(!memcmp(image->xmm[3], data, 16));
	}
}

static void a_vector_store_is_one_access(void)
{
	struct x86_fxsave *image = begin(true);

	memset(image->xmm[3], 0x42, 16);
	virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR);
	CODE(0x0f, 0x11, 0x1b); /* movups [ebx], xmm3 */
	guest_regs()->gpr[3] = DEVICE + 4;
	CHECK_EQ(at_memory(DEVICE + 4, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 4, 16, 1);
	CHECK(!memcmp(record()->data, image->xmm[3], 16));
	CHECK_EQ(run_again(), DEVICE_RESUME);
}

/* Fifteen bytes on one page and one on the next, both devices: each piece is an access of its own. */
static void a_vector_over_two_devices_is_many_accesses(void)
{
	static const struct {
		uint64_t address;
		unsigned int size;
	} pieces[] = { { DEVICE + 0xff1, 1 },
		       { DEVICE + 0xff2, 2 },
		       { DEVICE + 0xff4, 4 },
		       { DEVICE + 0xff8, 8 },
		       { DEVICE + 0x1000, 1 } };
	struct x86_fxsave *image;

	for (unsigned int is_write = 0; is_write < 2; is_write++) {
		uint8_t n = 0;

		image = begin(false);
		virt_set(guest_vp->virt, VIRT_CR4, CR4_OSFXSR);
		if (is_write)
			CODE(0x0f, 0x11, 0x1b);
		else
			CODE(0x0f, 0x10, 0x1b);
		for (uint8_t i = 0; is_write && i < 16; i++)
			image->xmm[3][i] = i;
		guest_regs()->gpr[3] = DEVICE + 0xff1;
		for (unsigned int i = 0; i < 5; i++) {
			uint8_t data[16];

			CHECK_EQ(i ? run_again() : at_memory(DEVICE + 0xff1, is_write),
				 DEVICE_EXIT);
			CHECK_RECORD(false, is_write, pieces[i].address, pieces[i].size, 1);
			for (unsigned int j = 0; j < pieces[i].size; j++, n++) {
				data[j] = n;
				CHECK(!is_write || record()->data[j] == n);
			}
			if (!is_write)
				answer(data, pieces[i].size);
		}
		CHECK_EQ(run_again(), DEVICE_RESUME);
		for (unsigned int i = 0; i < 16; i++)
			CHECK_EQ(image->xmm[3][i], i);
		CHECK_EQ(guest_regs()->rip, 0x1003);
	}
}

static void loading_ss_casts_a_shadow(void)
{
	static const uint64_t gdt[3] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
	const struct x86_segment gdtr = { .limit = sizeof(gdt) - 1, .base = 0x8000 };

	for (unsigned int is_ss = 0; is_ss < 2; is_ss++) {
		begin(false);
		virt_set_segment(guest_vp->virt, SEG_GDTR, &gdtr);
		memcpy(guest_memory[8], gdt, sizeof(gdt));
		if (is_ss)
			CODE(0x8e, 0x13); /* mov ss, [ebx] */
		else
			CODE(0x8e, 0x1b); /* mov ds, [ebx] */
		guest_regs()->gpr[3] = DEVICE;
		virt_set(guest_vp->virt, VIRT_SHADOW, VIRT_SHADOW_STI | VIRT_SHADOW_NMI);
		CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
		CHECK_RECORD(false, false, DEVICE, 2, 1);
		answer_number(16, 2);
		CHECK_EQ(run_again(), DEVICE_RESUME);
		CHECK_EQ(guest_vp->virt->segment[is_ss ? SEG_SS : SEG_DS].selector, 16);
		CHECK_EQ(virt_get(guest_vp->virt, VIRT_SHADOW),
			 (is_ss ? VIRT_SHADOW_MOV_SS : 0) | VIRT_SHADOW_NMI);
	}
}

static void sgdt_to_a_device(void)
{
	const struct x86_segment gdtr = { .limit = 0x1234, .base = 0x89abcdef };

	begin(false);
	virt_set_segment(guest_vp->virt, SEG_GDTR, &gdtr);
	CODE(0x0f, 0x01, 0x03);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, true), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE, 2, 1);
	CHECK_EQ(record_number(2), 0x1234);
	CHECK_EQ(run_again(), DEVICE_EXIT);
	CHECK_RECORD(false, true, DEVICE + 2, 4, 1);
	CHECK_EQ(record_number(4), 0x89abcdef);
	CHECK_EQ(run_again(), DEVICE_RESUME);
}

static void lmsw_from_a_device(void)
{
	begin(false);
	CODE(0x0f, 0x01, 0x33);
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
	CHECK_RECORD(false, false, DEVICE, 2, 1);
	answer_number(0xfffa, 2); /* PE stays */
	CHECK_EQ(run_again(), DEVICE_RESUME);
	CHECK_EQ(virt_get(guest_vp->virt, VIRT_CR0), CR0_PE | CR0_MP | CR0_TS | CR0_ET | CR0_NE);
	CHECK_EQ(guest_regs()->rip, 0x1003);
}

static void an_instruction_that_the_processor_lacks_is_undefined(void)
{
	begin(false);
	hv.features = EMU_HAS_ALL & ~EMU_HAS(EMU_MOVBE);
	CODE(0x0f, 0x38, 0xf0, 0x03); /* movbe eax, [ebx] */
	guest_regs()->gpr[3] = DEVICE;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_INJECTED);
	CHECK_EQ(guest_vp->pending.vector, EXC_UD);
	CHECK(guest_regs()->rflags & RFLAGS_RF);
	/* And the processor itself would not have come here. */
	guest_vp->pending.type = VIRT_EVENT_NONE;
	hv.features = EMU_HAS_ALL;
	CHECK_EQ(at_memory(DEVICE, false), DEVICE_EXIT);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(features_are_those_of_the_processor),
		TEST(features_are_asked_of_leaves_that_exist),
		TEST(the_vendor_is_the_machines),
		TEST(segments_are_read_and_loaded_whole),
		TEST(tables_are_read_and_loaded),
		TEST(cr0_goes_the_way_of_mov),
		TEST(invlpg_flushes_the_vp),
		TEST(vectors_are_those_of_the_vp),
		TEST(wider_vectors_are_refused),
		TEST(wide_vectors_are_in_the_image),
		TEST(opmasks_are_in_the_image),
		TEST(vectors_are_as_wide_as_the_machine),
		TEST(the_vp_says_which_vectors_there_are),
		TEST(x87_is_that_of_the_vp),
		TEST(x87_has_no_reserved_bits),
		TEST(a_vector_load_goes_where_the_registers_are),
		TEST(a_vector_store_is_one_access),
		TEST(a_vector_over_two_devices_is_many_accesses),
		TEST(loading_ss_casts_a_shadow),
		TEST(sgdt_to_a_device),
		TEST(lmsw_from_a_device),
		TEST(an_instruction_that_the_processor_lacks_is_undefined),
	};

	return RUN(tests);
}
