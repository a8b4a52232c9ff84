// SPDX-License-Identifier: MIT
/*
 * Registers that the processor switches between partitions by hand: x87, SSE, AVX, AVX-512, MXCSR, XCR0, debug
 * registers, those of SYSCALL, and TSC_AUX. Two partitions and the root take turns with patterns of their own in all
 * of them: nothing leaks, nothing is lost.
 */
#include "tests/system/apps/conformance/fpu.h"

#include "root/call/platform.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/insn.h"
#include "x86/cr.h"
#include "x86/msr.h"

#define IMAGE	BOARD_BUFFERS
#define DUMP	(BOARD_BUFFERS + FPU_BYTES)
#define DEFAULT 0x1f80u

static struct board boards[2];
static struct fpu_layout layout;
static uint8_t *root_image, *root_dump, *root_kept; /* aligned to pages */

/* ---- The root's own registers ------------------------------------------------------------ */

static uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

static void write_cr4(uint64_t value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(value));
}

static uint64_t read_xcr0(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

static void write_xcr0(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(0));
}

static void save(uint8_t *image, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static void load(const uint8_t *image, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static uint64_t kept_cr4, kept_xcr0;

/* All that the children can have, the root has for a while. */
static bool begin_in_the_root(void)
{
	if (!root_image)
		root_image = test_pages(3 * FPU_BYTES / 4096);
	if (!root_image)
		return false;
	root_dump = root_image + FPU_BYTES;
	root_kept = root_dump + FPU_BYTES;
	kept_cr4 = read_cr4();
	write_cr4(kept_cr4 | CR4_OSXSAVE);
	kept_xcr0 = read_xcr0();
	write_xcr0(layout.mask);
	save(root_kept, layout.mask);
	return true;
}

static void end_in_the_root(void)
{
	load(root_kept, layout.mask);
	write_xcr0(kept_xcr0);
	write_cr4(kept_cr4);
}

/* ---- Children ---------------------------------------------------------------------------- */

static bool begin(void)
{
	for (unsigned int i = 0; i < 2; i++)
		fpu_begin(&boards[i], 1, &layout);
	return layout.mask != 0 && !check_has_failed();
}

static void end(void)
{
	for (unsigned int i = 0; i < 2; i++)
		board_destroy(&boards[i]);
}

static void load_pattern(struct board *board, uint64_t seed)
{
	fpu_fill(board->ram + IMAGE, &layout, seed);
	(void)fpu_do(board, OP(XRSTOR, .argument = (uint32_t)layout.mask, .value = IMAGE));
}

static bool has_pattern(struct board *board, uint64_t seed)
{
	fpu_fill(board->ram + IMAGE, &layout, seed);
	platform_clear(board->ram + DUMP, FPU_BYTES);
	(void)fpu_do(board, OP(XSAVE, .argument = (uint32_t)layout.mask, .value = DUMP));
	return fpu_same(board->ram + IMAGE, board->ram + DUMP, &layout, layout.mask);
}

static void fpu_of_two_partitions_and_the_root_by_turns(void)
{
	uint64_t seeds[3] = { 11, 22, 33 };

	if (!begin() || !begin_in_the_root()) {
		end();
		return;
	}
	load_pattern(&boards[0], seeds[0]);
	load_pattern(&boards[1], seeds[1]);
	for (unsigned int round = 0; round < 6; round++) {
		const unsigned int changed = round % 3;
		bool same;

		fpu_fill(root_image, &layout, seeds[2]);
		load(root_image, layout.mask);
		CHECK(has_pattern(&boards[0], seeds[0]));
		CHECK(has_pattern(&boards[1], seeds[1]));
		save(root_dump, layout.mask);
		same = fpu_same(root_image, root_dump, &layout, layout.mask);
		CHECK(same);
		CHECK_EQ(read_xcr0(), layout.mask);
		seeds[changed] += 100;
		if (changed < 2)
			load_pattern(&boards[changed], seeds[changed]);
	}
	end_in_the_root();
	end();
}

/* What it sees of registers that nobody wrote in it, whatever the others have there, and however late it looks. */
static void fpu_of_a_new_child_is_in_its_initial_state(void)
{
	uint8_t *dump;
	uint32_t n = 0;

	if (!begin() || !begin_in_the_root()) {
		end();
		return;
	}
	load_pattern(&boards[0], 7);
	fpu_fill(root_image, &layout, 8);
	board_destroy(&boards[1]);
	CHECK_EQ(board_create(&boards[1], &(const struct board_options) { .n_vps = 1 }), S_OK);
	dump = boards[1].ram + DUMP;
	load(root_image, layout.mask);
	(void)fpu_do(&boards[1], OP(DELAY, .value = 1000));
	(void)fpu_do(&boards[0], OP(DELAY, .value = 1000));
	(void)fpu_do(&boards[1], OP(WRITE_CR4, .value = CR4_PAE | CR4_OSFXSR | CR4_OSXSAVE));
	CHECK_EQ(fpu_do(&boards[1], OP0(XGETBV)), 1);
	(void)fpu_do(&boards[1], OP(XSETBV, .value = layout.mask));
	for (uint32_t i = 0; i < FPU_BYTES; i++)
		dump[i] = i >= FPU_HEADER && i < FPU_EXTENDED ? 0 : 0xcc;
	(void)fpu_do(&boards[1], OP(XSAVE, .argument = (uint32_t)layout.mask, .value = DUMP));
	for (uint32_t i = 32; i < 416; i++) /* of ST and MM 10 bytes, the others are reserved */
		n += (i >= 160 || i % 16 < 10) && dump[i] != 0;
	CHECK_EQ(n, 0);
	CHECK_EQ((uint32_t)fpu_word(dump, FPU_MXCSR), DEFAULT);
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++)
		for (uint32_t j = 0; layout.mask >> i & 1 && j < layout.size[i]; j++)
			n += dump[layout.standard[i] + j] != 0;
	CHECK_EQ(n, 0);
	end_in_the_root();
	end();
}

/* With AVX alone in its XCR0 a child clears whole registers by VEX instructions: its own, not the root's. */
static void fpu_of_the_root_outlives_avx_in_a_child_without_avx512(void)
{
	bool same;

	if (!begin() || !begin_in_the_root()) {
		end();
		return;
	}
	load_pattern(&boards[0], 51);
	(void)fpu_do(&boards[0], OP(XSETBV, .value = 7));
	fpu_fill(root_image, &layout, 52);
	load(root_image, layout.mask);
	(void)fpu_do(&boards[0], OP0(VZEROALL));
	save(root_dump, layout.mask);
	same = fpu_same(root_image, root_dump, &layout, layout.mask);
	CHECK(same);
	/* What the instruction leaves: the upper 16 registers and the opmasks. */
	(void)fpu_do(&boards[0], OP(XSETBV, .value = layout.mask));
	fpu_fill(boards[0].ram + IMAGE, &layout, 51);
	platform_clear(boards[0].ram + DUMP, FPU_BYTES);
	(void)fpu_do(&boards[0], OP(XSAVE, .argument = (uint32_t)layout.mask, .value = DUMP));
	for (unsigned int i = 2; i < FPU_COMPONENTS; i++) {
		bool is_cleared = true;

		if (!(layout.mask >> i & 1))
			continue;
		for (uint32_t j = 0; j < layout.size[i]; j++)
			is_cleared &= !boards[0].ram[DUMP + layout.standard[i] + j];
		CHECK_EQ(is_cleared, i == 2 || i == 6);
	}
	end_in_the_root();
	end();
}

/* Components that the guest switches off in XCR0 keep what they have. */
static void fpu_keeps_what_xcr0_switches_off(void)
{
	if (begin()) {
		load_pattern(&boards[0], 41);
		(void)fpu_do(&boards[0], OP(XSETBV, .value = 3));
		load_pattern(&boards[1], 42);
		CHECK_EQ(fpu_do(&boards[0], OP0(XGETBV)), 3);
		CHECK_EQ(fpu_do(&boards[1], OP0(XGETBV)), layout.mask);
		(void)fpu_do(&boards[0], OP(XSETBV, .value = layout.mask));
		CHECK(has_pattern(&boards[0], 41));
		CHECK(has_pattern(&boards[1], 42));
	}
	end();
}

/* SDM 1 "Enabling the XSAVE Feature Set and XSAVE-Enabled Features" */
static void fpu_xcr0_takes_only_what_belongs_together(void)
{
	static const uint64_t bad[] = { 0,
					2,
					4,
					5,
					6,
					1 | 1 << 5,
					7 | 1 << 5,
					7 | 1 << 6,
					7 | 3 << 5,
					3 | 7 << 5,
					3 | 1 << 3,
					3 | 1 << 4,
					3 | 1 << 8,
					3 | 1ull << 62,
					3 | 1ull << 63 };

	if (begin()) {
		for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			CHECK_EQ(SCRIPT(&boards[0], 0, OP(XSETBV, .value = bad[i])), BOARD_DONE);
			CHECK_EQ(board_op(&boards[0], 0, 0)->fault, OP_GP);
		}
		CHECK_EQ(SCRIPT(&boards[0], 0, OP(XSETBV, .argument = 1, .value = 3),
				OP(XSETBV, .value = layout.mask | 1ull << 40), OP0(XGETBV),
				OP(WRITE_CR4, .value = CR4_PAE | CR4_OSFXSR), OP0(XGETBV),
				OP(XSETBV, .value = 1)),
			 BOARD_DONE);
		CHECK_EQ(board_op(&boards[0], 0, 0)->fault, OP_GP);
		CHECK_EQ(board_op(&boards[0], 0, 1)->fault, OP_GP);
		CHECK_EQ(board_op(&boards[0], 0, 2)->result, layout.mask);
		CHECK_EQ(board_op(&boards[0], 0, 4)->fault, OP_UD);
		CHECK_EQ(board_op(&boards[0], 0, 5)->fault, OP_UD);
	}
	end();
}

/* CPUID leaf 0Dh: EBX follows XCR0, and XSAVE writes no further. */
static void fpu_image_is_as_long_as_cpuid_says(void)
{
	const uint64_t masks[] = { 1, 3, 7, ~0ull };
	uint32_t wanted, size;

	if (begin()) {
		for (unsigned int i = 0; i < 4; i++) {
			const uint64_t mask =
				masks[i] == ~0ull ? layout.mask : masks[i] & layout.mask;

			wanted = FPU_EXTENDED;
			for (unsigned int j = 2; j < FPU_COMPONENTS; j++)
				if (mask >> j & 1 && layout.standard[j] + layout.size[j] > wanted)
					wanted = layout.standard[j] + layout.size[j];
			(void)fpu_do(&boards[0], OP(XSETBV, .value = mask));
			size = (uint32_t)(fpu_do(&boards[0], OP(CPUID, .argument = 0xd)) >> 32);
			CHECK_EQ(size, wanted);
			for (uint32_t j = 0; j < FPU_BYTES; j++)
				boards[0].ram[DUMP + j] = 0xcc;
			platform_clear(boards[0].ram + DUMP + FPU_HEADER, 64);
			(void)fpu_do(&boards[0], OP(XSAVE, .argument = ~0u, .value = DUMP));
			CHECK_EQ(boards[0].ram[DUMP + size], 0xcc);
		}
	}
	end();
}

static void fpu_without_xsave_is_kept_by_fxsave(void)
{
	if (begin()) {
		for (unsigned int i = 0; i < 2; i++) {
			(void)fpu_do(&boards[i], OP(WRITE_CR4, .value = CR4_PAE | CR4_OSFXSR));
			fpu_fill(boards[i].ram + IMAGE, &layout, 60 + i);
			(void)fpu_do(&boards[i], OP(FXRSTOR, .value = IMAGE));
		}
		for (unsigned int i = 0; i < 2; i++) {
			(void)fpu_do(&boards[i], OP(FXSAVE, .value = DUMP));
			CHECK(fpu_same(boards[i].ram + IMAGE, boards[i].ram + DUMP, &layout, 3));
		}
	}
	end();
}

/* ---- The others -------------------------------------------------------------------------- */

static const uint32_t msrs[] = { MSR_STAR,	   MSR_LSTAR,	       MSR_CSTAR,
				 MSR_FMASK,	   MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS,
				 MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,   MSR_FS_BASE,
				 MSR_GS_BASE,	   MSR_TSC_AUX };

static uint64_t msr_value(unsigned int i, unsigned int who)
{
	return msrs[i] == MSR_FMASK || msrs[i] == MSR_TSC_AUX ? 0x100u * who + i
							      : 0x11000ull * (who + 1) + 16 * i;
}

static void switched_msrs_stay_apart(void)
{
	uint64_t of_root[sizeof(msrs) / sizeof(msrs[0])];

	if (!begin()) {
		end();
		return;
	}
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]) - 1; i++)
		of_root[i] = insn_rdmsr(msrs[i]);
	for (unsigned int who = 0; who < 2; who++)
		for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++)
			(void)fpu_do(&boards[who],
				     OP(WRMSR, .argument = msrs[i], .value = msr_value(i, who)));
	for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
		for (unsigned int who = 0; who < 2; who++)
			CHECK_EQ(fpu_do(&boards[who], OP(RDMSR, .argument = msrs[i])),
				 msr_value(i, who));
		if (msrs[i] != MSR_TSC_AUX)
			CHECK_EQ(insn_rdmsr(msrs[i]), of_root[i]);
	}
	for (unsigned int who = 0; who < 2; who++) {
		(void)fpu_do(&boards[who], OP0(RDTSCP));
		CHECK_EQ(board_op(&boards[who], 0, 0)->value,
			 msr_value(sizeof(msrs) / sizeof(msrs[0]) - 1, who));
	}
	end();
}

static uint64_t read_dr(unsigned int n)
{
	uint64_t value;

	switch (n) {
	case 0: __asm__ volatile("mov %%dr0, %0" : "=r"(value)); break;
	case 1: __asm__ volatile("mov %%dr1, %0" : "=r"(value)); break;
	case 2: __asm__ volatile("mov %%dr2, %0" : "=r"(value)); break;
	case 3: __asm__ volatile("mov %%dr3, %0" : "=r"(value)); break;
	default: __asm__ volatile("mov %%dr7, %0" : "=r"(value)); break;
	}
	return value;
}

static void write_drs(uint64_t first)
{
	__asm__ volatile("mov %0, %%dr0" : : "r"(first));
	__asm__ volatile("mov %0, %%dr1" : : "r"(first + 1));
	__asm__ volatile("mov %0, %%dr2" : : "r"(first + 2));
	__asm__ volatile("mov %0, %%dr3" : : "r"(first + 3));
}

static void debug_registers_stay_apart(void)
{
	const uint64_t dr7 = read_dr(7);

	if (!begin()) {
		end();
		return;
	}
	write_drs(0x70000);
	for (unsigned int who = 0; who < 2; who++)
		for (uint32_t i = 0; i < 4; i++)
			(void)fpu_do(&boards[who], OP(WRITE_DR, .argument = i,
						      .value = 0x1000000u * (who + 1) + i));
	/* Enabled, where nothing is: the root must not trap on the child's. */
	(void)fpu_do(&boards[0], OP(WRITE_DR, .argument = 7, .value = 0x403));
	for (unsigned int who = 0; who < 2; who++)
		for (uint32_t i = 0; i < 4; i++)
			CHECK_EQ(fpu_do(&boards[who], OP(READ_DR, .argument = i)),
				 0x1000000u * (who + 1) + i);
	CHECK_EQ(fpu_do(&boards[0], OP(READ_DR, .argument = 7)), 0x403);
	CHECK_EQ(fpu_do(&boards[1], OP(READ_DR, .argument = 7)), 0x400);
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(read_dr(i), 0x70000 + i);
	CHECK_EQ(read_dr(7), dr7);
	write_drs(0);
	end();
}

void fpu_checks(void)
{
	static const struct test tests[] = {
		TEST(fpu_of_two_partitions_and_the_root_by_turns),
		TEST(fpu_of_a_new_child_is_in_its_initial_state),
		TEST(fpu_of_the_root_outlives_avx_in_a_child_without_avx512),
		TEST(fpu_keeps_what_xcr0_switches_off),
		TEST(fpu_xcr0_takes_only_what_belongs_together),
		TEST(fpu_image_is_as_long_as_cpuid_says),
		TEST(fpu_without_xsave_is_kept_by_fxsave),
		TEST(switched_msrs_stay_apart),
		TEST(debug_registers_stay_apart),
	};

	RUN(tests);
}
