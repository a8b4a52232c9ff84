// SPDX-License-Identifier: MIT
/*
 * The emulation property and the registers that only XSAVE knows: YMM, ZMM and masks, to a device and from it. What the
 * guest stores to RAM afterwards is the processor's view of what the emulator has left.
 */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/insn.h"
#include "x86/cr.h"

#define DEVICE	(CHILD_MMIO + 0x40)
#define RESULTS (CHILD_DATA + 0x400)
#define AVX	(XCR0_X87 | XCR0_SSE | XCR0_AVX)
#define AVX512	(AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM)

DECLARE_GUEST(vector_avx);
DECLARE_GUEST(vector_avx512);

static struct child child;

static uint8_t in_ram(unsigned int i)
{
	return (uint8_t)(i * 7 + 1);
}

static uint8_t in_device(unsigned int i)
{
	return (uint8_t)(0xc3 - i * 5);
}

/* The code ready to run, if the machine has such registers. */
static bool begin(struct guest_code code, uint64_t xcr0)
{
	struct x86_cpuid leaf1, leaf7;

	insn_cpuid(1, 0, &leaf1);
	insn_cpuid(7, 0, &leaf7);
	if (!(leaf1.ecx & CPUID1_ECX_AVX) || (xcr0 == AVX512 && !(leaf7.ebx & CPUID7_EBX_AVX512F)))
		return false;
	CHECK_EQ(child_create(&child, CHILD_LONG, code, WHIT_EMULATE_MEMORY, 0), S_OK);
	if (check_has_failed())
		return false;
	for (unsigned int i = 0; i < 128; i++)
		child.ram[CHILD_DATA + i] = in_ram(i);
	for (unsigned int i = 0; i < 512; i++)
		child.ram[RESULTS + i] = 0xee;
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4,
			   child_get(&child, WHvX64RegisterCr4) | CR4_OSFXSR | CR4_OSXSAVE),
		 S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterXCr0, xcr0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, DEVICE), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, RESULTS), S_OK);
	return true;
}

/* The next access: `size` bytes, `at` of them behind the device's first. */
static void expect_access(bool is_write, unsigned int at, unsigned int size)
{
	const struct whit_device_access *access = child_access(&child);
	WHV_REGISTER_NAME names[4];
	WHV_REGISTER_VALUE values[4];

	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(access->is_write, is_write);
	CHECK_EQ(access->address, DEVICE + at);
	CHECK_EQ(access->size, size);
	CHECK_EQ(access->count, 1);
	if (is_write) {
		for (unsigned int i = 0; i < size && !check_has_failed(); i++)
			CHECK_EQ(access->data[i], in_ram(at + i));
		return;
	}
	for (unsigned int i = 0; i < 64; i++)
		((uint8_t *)values)[i] = in_device(at + i);
	for (unsigned int i = 0; i < 4; i++)
		names[i] = (WHV_REGISTER_NAME)(WhitRegisterDeviceData0 + i);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 4, values), S_OK);
}

static void end(struct guest_code code)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + (uint64_t)(code.end - code.start));
}

static void emulation_of_ymm_registers(void)
{
	const uint8_t *results;

	if (!begin(GUEST(vector_avx), AVX))
		return;
	expect_access(true, 0, 32);
	expect_access(false, 0, 32);
	expect_access(false, 0, 4);
	end(GUEST(vector_avx));
	results = child.ram + RESULTS;
	for (unsigned int i = 0; i < 32 && !check_has_failed(); i++) {
		CHECK_EQ(results[i], in_ram(i));
		CHECK_EQ(results[32 + i], in_device(i));
		CHECK_EQ(results[64 + i], i < 4 ? in_device(i) : 0);
	}
	child_destroy(&child);
}

static void emulation_of_zmm_and_mask_registers(void)
{
	const uint8_t *results;

	if (!begin(GUEST(vector_avx512), AVX512))
		return;
	expect_access(true, 0, 64);
	expect_access(true, 16, 16);
	expect_access(true, 48, 16);
	expect_access(false, 16, 16);
	expect_access(false, 48, 16);
	expect_access(false, 0, 64);
	expect_access(false, 0, 4);
	expect_access(false, 0, 2);
	end(GUEST(vector_avx512));
	results = child.ram + RESULTS;
	for (unsigned int i = 0; i < 64 && !check_has_failed(); i++) {
		CHECK_EQ(results[i], in_ram(i));
		CHECK_EQ(results[64 + i], i & 16 ? in_device(i) : in_ram(64 + i));
		CHECK_EQ(results[128 + i], in_device(i));
		CHECK_EQ(results[192 + i], i < 4 ? in_device(i) : 0);
	}
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(results[256 + i], i < 2 ? in_device(i) : 0);
	child_destroy(&child);
}

void emulation_vector_checks(void)
{
	static const struct test tests[] = {
		TEST(emulation_of_ymm_registers),
		TEST(emulation_of_zmm_and_mask_registers),
	};

	RUN(tests);
}
