/* SPDX-License-Identifier: MIT */
/*
 * What the native vector test cannot see: the checks of control registers, XCR0 and features before vector
 * and x87 moves, accesses of a device, and surroundings that lack an operation or fail in one.
 */
#include <stdio.h>

#include "tests/emu/bus.h"

#define XCR0_ALL 0xe7ull

static struct {
	uint8_t vector[32][64];
	uint64_t mask[8];
	struct emu_x87 x87;
	unsigned int n_set;
	unsigned int last_bytes;
	bool last_zero_upper;
} simd, simd_start;

static enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	if (file == EMU_OPMASK) {
		CHECK(reg < 8 && n_bytes == 8);
		memcpy(data, &simd.mask[reg & 7], 8);
		return EMU_DONE;
	}
	CHECK(reg < 32 && (n_bytes == 16 || n_bytes == 32 || n_bytes == 64));
	memcpy(data, simd.vector[reg & 31], n_bytes);
	return EMU_DONE;
}

static enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	simd.n_set++;
	simd.last_bytes = n_bytes;
	simd.last_zero_upper = zero_upper;
	if (file == EMU_OPMASK)
		memcpy(&simd.mask[reg & 7], data, 8);
	else
		memcpy(simd.vector[reg & 31], data, n_bytes);
	return EMU_DONE;
}

static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	*out = simd.x87;
	return EMU_DONE;
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	simd.n_set++;
	simd.x87 = *value;
	return EMU_DONE;
}

/* Devices with vectors: each byte is the low one of its address, and `answer`. */
static enum emu_outcome op_read_wide(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				     void *data)
{
	enum emu_outcome result;

	if ((gpa.a & PAGE_MASK) != DEVICE_PAGE || !bus.has_answer)
		return op_read(ctx, gpa, size, count, data);
	result = fails(false) ? EMU_FAILED : EMU_DONE;
	note(LOG_READ, gpa.a, size, count, NULL);
	for (unsigned int i = 0; i < size; i++)
		((uint8_t *)data)[i] = (uint8_t)(gpa.a + i + bus.answer);
	return result;
}

static void reset_simd(enum emu_mode mode)
{
	reset(mode);
	ops.vector = op_vector;
	ops.set_vector = op_set_vector;
	ops.x87 = op_x87;
	ops.set_x87 = op_set_x87;
	ops.read = op_read_wide;
	cpu.cr0 |= CR0_NE | CR0_ET | CR0_MP;
	cpu.cr4 = CR4_OSFXSR | CR4_OSXSAVE;
	cpu.xcr0 = XCR0_ALL;
	cpu.gpr[0] = 0x2000;
	memset(&simd, 0, sizeof(simd));
	for (unsigned int i = 0; i < sizeof(simd.vector); i++)
		simd.vector[i / 64][i % 64] = (uint8_t)(i * 11 + 1);
	for (unsigned int i = 0; i < 8; i++)
		simd.mask[i] = 0x5555555555555555ull;
	simd.x87.fcw = 0x37f;
	simd.x87.mxcsr = 0x1f80;
	simd.x87.ftw = 1;
	simd.x87.st[0][7] = 0x80;
	simd.x87.st[0][8] = 0xff;
	simd.x87.st[0][9] = 0x3f;
	put(0x2000, 0x1f80, 8);
	simd_start = simd;
}

/* How an instruction looks to the control registers. */
enum class { SSE, MMX_CLASS, VEX_CLASS, EVEX_CLASS, WAITING, CONTROL };

struct example {
	const char *name;
	unsigned int n_bytes;
	const char *bytes;
	enum class class;
};

#define EXAMPLE(name, bytes, class)                   \
	{                                             \
		name, sizeof(bytes) - 1, bytes, class \
	}

/* All with [rAX] or, the last, [rDI]. */
static const struct example examples[] = {
	EXAMPLE("movups load", "\x0f\x10\x08", SSE),
	EXAMPLE("movaps store", "\x0f\x29\x08", SSE),
	EXAMPLE("movss load", "\xf3\x0f\x10\x08", SSE),
	EXAMPLE("movhps load", "\x0f\x16\x08", SSE),
	EXAMPLE("pextrd", "\x66\x0f\x3a\x16\x08\x02", SSE),
	EXAMPLE("pmovsxbw", "\x66\x0f\x38\x20\x08", SSE),
	EXAMPLE("ldmxcsr", "\x0f\xae\x10", SSE),
	EXAMPLE("stmxcsr", "\x0f\xae\x18", SSE),
	EXAMPLE("movq mm load", "\x0f\x6f\x08", MMX_CLASS),
	EXAMPLE("movq mm store", "\x0f\x7f\x08", MMX_CLASS),
	EXAMPLE("movntq", "\x0f\xe7\x08", MMX_CLASS),
	EXAMPLE("pinsrw mm", "\x0f\xc4\x08\x01", MMX_CLASS),
	EXAMPLE("vmovups ymm load", "\xc5\xfc\x10\x08", VEX_CLASS),
	EXAMPLE("vbroadcastss", "\xc4\xe2\x79\x18\x08", VEX_CLASS),
	EXAMPLE("vinsertf128", "\xc4\xe3\x75\x18\x08\x01", VEX_CLASS),
	EXAMPLE("vldmxcsr", "\xc5\xf8\xae\x10", VEX_CLASS),
	EXAMPLE("vmovups zmm load", "\x62\xf1\x7c\x48\x10\x08", EVEX_CLASS),
	EXAMPLE("vmovups zmm {k1} store", "\x62\xf1\x7c\x49\x11\x08", EVEX_CLASS),
	EXAMPLE("kmovw load", "\xc5\xf8\x90\x08", EVEX_CLASS),
	EXAMPLE("kmovw store", "\xc5\xf8\x91\x08", EVEX_CLASS),
	EXAMPLE("fild m32", "\xdb\x00", WAITING),
	EXAMPLE("fst m64", "\xdd\x10", WAITING),
	EXAMPLE("fldcw", "\xd9\x28", WAITING),
	EXAMPLE("fnstcw", "\xd9\x38", CONTROL),
	EXAMPLE("fnstsw", "\xdd\x38", CONTROL),
	EXAMPLE("maskmovdqu", "\x66\x0f\xf7\xc8", SSE),
};

#define N_EXAMPLES (sizeof(examples) / sizeof(examples[0]))

static void step_example(const struct example *example)
{
	cpu.gpr[7] = 0x2000;
	decode(example->bytes, example->n_bytes);
	step();
}

/* The exception that control state gives; 0: none. */
static unsigned int expected_fault(enum class class)
{
	bool is_x87 = class == WAITING || class == CONTROL;

	if (is_x87 && cpu.cr0 & (CR0_EM | CR0_TS))
		return EXC_NM;
	if ((class == SSE || class == MMX_CLASS) && cpu.cr0 & CR0_EM)
		return EXC_UD;
	if (class == SSE && !(cpu.cr4 & CR4_OSFXSR))
		return EXC_UD;
	if (class == VEX_CLASS || class == EVEX_CLASS) {
		uint64_t needed = class == VEX_CLASS ? 6 : 0xe6;

		if (!(cpu.cr4 & CR4_OSXSAVE) || (cpu.xcr0 & needed) != needed)
			return EXC_UD;
	}
	if (cpu.cr0 & CR0_TS)
		return EXC_NM;
	if ((class == MMX_CLASS || class == WAITING) && simd.x87.fsw & 0x80)
		return EXC_MF;
	return 0;
}

/* Every state of the bits that count, in an order that comes before a page fault. */
static void control_state_is_checked_before_memory(void)
{
	static const uint64_t xcr0[] = { XCR0_ALL, 0x7, 0x3, 0x1, 0x67, 0xc7 };

	for (unsigned int i = 0; i < N_EXAMPLES; i++)
		for (unsigned int bits = 0; bits < 64; bits++)
			for (unsigned int x = 0; x < 6; x++) {
				const struct example *example = &examples[i];
				unsigned int fault;

				reset_simd(EMU_LONG64);
				cpu.cr0 |= (bits & 1 ? CR0_EM : 0) | (bits & 2 ? CR0_TS : 0);
				cpu.cr4 =
					(bits & 4 ? CR4_OSFXSR : 0) | (bits & 8 ? CR4_OSXSAVE : 0);
				cpu.xcr0 = xcr0[x];
				if (bits & 16)
					simd.x87.fsw = 0x8081, simd.x87.fcw = 0x37e;
				bus.not_present = bits & 32 ? 0x2000 : ~0ull;
				fault = expected_fault(example->class);
				if (!fault && bits & 32)
					fault = EXC_PF;
				simd_start = simd;
				step_example(example);
				CHECK_EQ(outcome, fault ? EMU_EXCEPTION : EMU_DONE);
				if (fault) {
					CHECK_EQ(exception.vector, fault);
					CHECK_EQ(bus.n_log, 0);
					CHECK_EQ(simd.n_set, 0);
					CHECK(is_untouched());
					CHECK(!memcmp(&simd, &simd_start, sizeof(simd)));
				}
				if (check_has_failed()) {
					printf("  %s, bits %x, XCR0 %llx\n", example->name, bits,
					       (unsigned long long)cpu.xcr0);
					return;
				}
			}
}

/* Without CR0.NE a pending exception is an interrupt of the board, which is not there. */
static void pending_exception_without_ne_is_refused(void)
{
	reset_simd(EMU_LONG64);
	simd.x87.fsw = 0x8081;
	cpu.cr0 &= ~CR0_NE;
	CHECK_EQ(EXECUTE("\xdb\x00"), EMU_UNIMPLEMENTED);
	CHECK_EQ(EXECUTE("\x0f\x6f\x08"), EMU_UNIMPLEMENTED);
	CHECK_EQ(EXECUTE("\xdd\x38"), EMU_DONE);
}

static void missing_feature_is_ud(void)
{
	static const struct {
		struct example example;
		unsigned int feature;
	} rows[] = {
		{ EXAMPLE("movddup", "\xf2\x0f\x12\x08", SSE), EMU_SSE3 },
		{ EXAMPLE("lddqu", "\xf2\x0f\xf0\x08", SSE), EMU_SSE3 },
		{ EXAMPLE("fisttp", "\xdb\x08", WAITING), EMU_SSE3 },
		{ EXAMPLE("pinsrb", "\x66\x0f\x3a\x20\x08\x02", SSE), EMU_SSE4_1 },
		{ EXAMPLE("movntdqa", "\x66\x0f\x38\x2a\x08", SSE), EMU_SSE4_1 },
		{ EXAMPLE("movntss", "\xf3\x0f\x2b\x08", SSE), EMU_SSE4A },
		{ EXAMPLE("vmovups", "\xc5\xfc\x10\x08", SSE), EMU_AVX },
		{ EXAMPLE("vpmaskmovd", "\xc4\xe2\x71\x8c\x08", SSE), EMU_AVX2 },
		{ EXAMPLE("vpbroadcastb", "\xc4\xe2\x79\x78\x08", SSE), EMU_AVX2 },
		{ EXAMPLE("vmovntdqa ymm", "\xc4\xe2\x7d\x2a\x08", SSE), EMU_AVX2 },
		{ EXAMPLE("vpmovsxbw ymm", "\xc4\xe2\x7d\x20\x08", SSE), EMU_AVX2 },
		{ EXAMPLE("vmovups zmm", "\x62\xf1\x7c\x48\x10\x08", SSE), EMU_AVX512F },
		{ EXAMPLE("vmovups ymm evex", "\x62\xf1\x7c\x28\x10\x08", SSE), EMU_AVX512VL },
		{ EXAMPLE("vbroadcastss evex", "\x62\xf2\x7d\x28\x18\x08", SSE), EMU_AVX512VL },
		{ EXAMPLE("vpmovsxbd evex", "\x62\xf2\x7d\x28\x21\x08", SSE), EMU_AVX512VL },
		{ EXAMPLE("vmovdqu8", "\x62\xf1\x7f\x48\x6f\x08", SSE), EMU_AVX512BW },
		{ EXAMPLE("vpmovsxbw zmm", "\x62\xf2\x7d\x48\x20\x08", SSE), EMU_AVX512BW },
		{ EXAMPLE("vpbroadcastw zmm", "\x62\xf2\x7d\x48\x79\x08", SSE), EMU_AVX512BW },
		{ EXAMPLE("vpinsrw evex", "\x62\xf1\x75\x08\xc4\x08\x01", SSE), EMU_AVX512BW },
		{ EXAMPLE("vpinsrd evex", "\x62\xf3\x75\x08\x22\x08\x01", SSE), EMU_AVX512DQ },
		{ EXAMPLE("vbroadcastf32x2", "\x62\xf2\x7d\x48\x19\x08", SSE), EMU_AVX512DQ },
		{ EXAMPLE("vbroadcastf64x2", "\x62\xf2\xfd\x48\x1a\x08", SSE), EMU_AVX512DQ },
		{ EXAMPLE("vinsertf32x8", "\x62\xf3\x75\x48\x1a\x08\x01", SSE), EMU_AVX512DQ },
		{ EXAMPLE("vextractf64x2", "\x62\xf3\xfd\x48\x19\x08\x01", SSE), EMU_AVX512DQ },
		{ EXAMPLE("kmovb", "\xc5\xf9\x90\x08", SSE), EMU_AVX512DQ },
		{ EXAMPLE("kmovw", "\xc5\xf8\x90\x08", SSE), EMU_AVX512F },
		{ EXAMPLE("kmovd", "\xc4\xe1\xf9\x90\x08", SSE), EMU_AVX512BW },
		{ EXAMPLE("kmovq", "\xc4\xe1\xf8\x91\x08", SSE), EMU_AVX512BW },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reset_simd(EMU_LONG64);
		cpu.features &= ~EMU_HAS(rows[i].feature);
		step_example(&rows[i].example);
		check_fault(EXC_UD, 0);
		reset_simd(EMU_LONG64);
		step_example(&rows[i].example);
		CHECK_EQ(outcome, EMU_DONE);
		if (check_has_failed()) {
			printf("  %s\n", rows[i].example.name);
			return;
		}
	}
}

/* What needs less than its neighbours, with nothing more there. */
static void needed_features_are_enough(void)
{
	static const struct {
		struct example example;
		uint32_t features;
	} rows[] = {
		{ EXAMPLE("movups", "\x0f\x10\x08", SSE), 0 },
		{ EXAMPLE("vmovntdqa xmm", "\xc4\xe2\x79\x2a\x08", SSE), EMU_HAS(EMU_AVX) },
		{ EXAMPLE("vpmovsxbw xmm", "\xc4\xe2\x79\x20\x08", SSE), EMU_HAS(EMU_AVX) },
		{ EXAMPLE("vmovdqu ymm", "\xc5\xfe\x6f\x08", SSE), EMU_HAS(EMU_AVX) },
		{ EXAMPLE("vmaskmovps ymm", "\xc4\xe2\x75\x2c\x08", SSE), EMU_HAS(EMU_AVX) },
		{ EXAMPLE("vbroadcastf128", "\xc4\xe2\x7d\x1a\x08", SSE), EMU_HAS(EMU_AVX) },
		{ EXAMPLE("vmovss evex", "\x62\xf1\x7e\x08\x10\x08", SSE),
		  EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX512F) },
		{ EXAMPLE("vmovlps evex", "\x62\xf1\x74\x08\x12\x08", SSE),
		  EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX512F) },
		{ EXAMPLE("vextractps evex", "\x62\xf3\x7d\x08\x17\x08\x01", SSE),
		  EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX512F) },
		{ EXAMPLE("vbroadcastf32x4", "\x62\xf2\x7d\x48\x1a\x08", SSE),
		  EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX512F) },
		{ EXAMPLE("vinsertf64x4", "\x62\xf3\xf5\x48\x1a\x08\x01", SSE),
		  EMU_HAS(EMU_AVX512F) },
		{ EXAMPLE("vpmovsxbd zmm", "\x62\xf2\x7d\x48\x21\x08", SSE),
		  EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX512F) },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reset_simd(EMU_LONG64);
		cpu.features = rows[i].features;
		step_example(&rows[i].example);
		CHECK_EQ(outcome, EMU_DONE);
		if (check_has_failed()) {
			printf("  %s\n", rows[i].example.name);
			return;
		}
	}
}

static void legacy_keeps_the_upper_bytes_and_vex_clears_them(void)
{
	reset_simd(EMU_LONG64);
	CHECK_EQ(EXECUTE("\x0f\x10\x08"), EMU_DONE);
	CHECK_EQ(simd.last_bytes, 16);
	CHECK(!simd.last_zero_upper);
	CHECK_EQ(EXECUTE("\xc5\xf8\x10\x08"), EMU_DONE);
	CHECK_EQ(simd.last_bytes, 16);
	CHECK(simd.last_zero_upper);
	CHECK_EQ(EXECUTE("\xc5\xfc\x10\x08"), EMU_DONE);
	CHECK_EQ(simd.last_bytes, 32);
	CHECK(simd.last_zero_upper);
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x48\x10\x08"), EMU_DONE);
	CHECK_EQ(simd.last_bytes, 64);
}

static void device_sees_one_access_of_the_whole(void)
{
	reset_simd(EMU_LONG64);
	cpu.gpr[0] = DEVICE_PAGE + 0x20;
	CHECK_EQ(EXECUTE("\x0f\x10\x08"), EMU_DEVICE);
	CHECK(is_untouched());
	CHECK_EQ(simd.n_set, 0);
	bus.has_answer = true;
	CHECK_EQ(step(), EMU_DONE);
	CHECK_EQ(bus.n_log, 2);
	CHECK_LOG(1, LOG_READ, DEVICE_PAGE + 0x20, 16, 1);
	CHECK_EQ(simd.vector[1][3], 0x23);
	CHECK_EQ(ram64(0x2000), 0x1f80);
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x48\x11\x48\x01"), EMU_DONE);
	CHECK_LOG(2, LOG_WRITE, DEVICE_PAGE + 0x60, 64, 1);
	CHECK_EQ(EXECUTE("\xdf\x38"), EMU_DONE); /* fistp m64 */
	CHECK_LOG(3, LOG_WRITE, DEVICE_PAGE + 0x20, 8, 1);
	CHECK_EQ(bus.log[3].data, 1);
	CHECK_EQ(bus.n_log, 4);
}

/* Only active elements, neighbours together in parts of legal sizes. */
static void device_sees_active_elements_alone(void)
{
	reset_simd(EMU_LONG64);
	cpu.gpr[0] = DEVICE_PAGE;
	simd.mask[1] = 0x0072; /* dwords 1, 4 to 6 */
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x49\x11\x08"), EMU_DONE);
	CHECK_EQ(bus.n_log, 3);
	CHECK_LOG(0, LOG_WRITE, DEVICE_PAGE + 4, 4, 1);
	CHECK_LOG(1, LOG_WRITE, DEVICE_PAGE + 16, 8, 1);
	CHECK_LOG(2, LOG_WRITE, DEVICE_PAGE + 24, 4, 1);
	simd.mask[1] = 0;
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x49\x10\x08"), EMU_DONE);
	CHECK_EQ(bus.n_log, 3);
	/* VPMASKMOVD store by the signs of ymm1 */
	memset(simd.vector[1], 0, 64);
	simd.vector[1][11] = 0x80;
	CHECK_EQ(EXECUTE("\xc4\xe2\x75\x8e\x08"), EMU_DONE);
	CHECK_EQ(bus.n_log, 4);
	CHECK_LOG(3, LOG_WRITE, DEVICE_PAGE + 8, 4, 1);
}

/* An operand in two pages, the second masked off and absent. */
static void page_without_an_active_element_is_not_looked_at(void)
{
	reset_simd(EMU_LONG64);
	bus.not_present = 0x3000;
	cpu.gpr[0] = 0x3000 - 32;
	simd.mask[1] = 0x00ff;
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x49\x11\x08"), EMU_DONE);
	simd.mask[1] = 0x01ff;
	CHECK_EQ(EXECUTE("\x62\xf1\x7c\x49\x11\x08"), EMU_EXCEPTION);
	CHECK_EQ(exception.vector, EXC_PF);
	CHECK_EQ(exception.address, 0x3000);
}

/* Which are needed is tests/emu/absent's; here, that not even a device is read. */
static void missing_operation_is_a_refusal(void)
{
	unsigned int n_refused = 0;

	for (unsigned int i = 0; i < N_EXAMPLES; i++)
		for (unsigned int missing = 0; missing < 4; missing++) {
			bool needs_x87 = examples[i].class == MMX_CLASS ||
					 examples[i].class >= WAITING ||
					 strstr(examples[i].name, "mxcsr");

			reset_simd(EMU_LONG64);
			switch (missing) {
			case 0: ops.vector = NULL; break;
			case 1: ops.set_vector = NULL; break;
			case 2: ops.x87 = NULL; break;
			default: ops.set_x87 = NULL;
			}
			step_example(&examples[i]);
			if (needs_x87 != (missing >= 2))
				CHECK_EQ(outcome, EMU_DONE);
			if (outcome != EMU_DONE) {
				n_refused++;
				CHECK_EQ(outcome, EMU_UNIMPLEMENTED);
				/* Control words are set when they have been read. */
				if (!strstr(examples[i].name, "ldmxcsr") &&
				    !strstr(examples[i].name, "fldcw"))
					CHECK_EQ(bus.n_log, 0);
			}
		}
	CHECK(n_refused >= N_EXAMPLES);
}

/* Whatever fails, nothing has changed; but memory, if it was a write or a setter. */
static void failing_operation_changes_nothing(void)
{
	for (unsigned int i = 0; i < N_EXAMPLES; i++)
		for (unsigned int n = 1;; n++) {
			reset_simd(EMU_LONG64);
			bus.fail_at = n;
			step_example(&examples[i]);
			if (outcome == EMU_DONE)
				break;
			CHECK_EQ(outcome, EMU_FAILED);
			CHECK(is_untouched());
			CHECK_EQ(simd.n_set, 0);
			if (!bus.failed_late)
				CHECK_EQ(n_writes(), 0);
			CHECK(n < 40);
			if (check_has_failed()) {
				printf("  %s, operation %u\n", examples[i].name, n);
				return;
			}
		}
}

/* Legacy forms belong to every mode, VEX and EVEX to protected mode. */
static void real_mode_has_legacy_forms(void)
{
	for (enum emu_mode mode = EMU_REAL; mode <= EMU_PROT16; mode++) {
		reset_simd(mode);
		cpu.gpr[3] = 0x2000;
		CHECK_EQ(EXECUTE("\x0f\x10\x0f"), EMU_DONE); /* [BX] */
		CHECK(!memcmp(simd.vector[1], bus.ram + 0x2000, 16));
		cpu.gpr[3] = 0x2001;
		CHECK_EQ(EXECUTE("\x0f\x28\x0f"), EMU_EXCEPTION);
		CHECK_EQ(exception.vector, EXC_GP);
		exception.vector = 0xee;
		cpu.gpr[3] = 0xfff8;
		CHECK_EQ(EXECUTE("\x0f\x10\x0f"), mode == EMU_PROT16 ? EMU_DONE : EMU_EXCEPTION);
		exception.vector = 0xee;
		CHECK_EQ(emu_decode((const uint8_t *)"\xc5\xf8\x10\x0f", 4, mode, &insn),
			 mode == EMU_PROT16 ? EMU_DECODED : EMU_DECODE_INVALID);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(control_state_is_checked_before_memory),
		TEST(pending_exception_without_ne_is_refused),
		TEST(missing_feature_is_ud),
		TEST(needed_features_are_enough),
		TEST(legacy_keeps_the_upper_bytes_and_vex_clears_them),
		TEST(device_sees_one_access_of_the_whole),
		TEST(device_sees_active_elements_alone),
		TEST(page_without_an_active_element_is_not_looked_at),
		TEST(missing_operation_is_a_refusal),
		TEST(failing_operation_changes_nothing),
		TEST(real_mode_has_legacy_forms),
	};

	return RUN(tests);
}
