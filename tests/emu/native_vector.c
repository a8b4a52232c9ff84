/* SPDX-License-Identifier: MIT */
/*
 * The processor as the oracle of vector and x87 moves: each case is executed by the processor in user
 * mode and by the emulator on the same state and memory; all of XMM, YMM, ZMM, opmask, x87, MMX, MXCSR,
 * general registers, memory, RIP, or the exception with its error code and address, must agree. 64-bit
 * and 32-bit code; operands on every edge of pages that can be written, only read, or not at all.
 *
 *	native_vector [CASES [SEED]]
 *
 * In the environment: ONLY=PREFIX keeps to rows whose text begins so; XCR0=MASK does without the state of
 * other bits, as on a lesser processor; ALL=1 shows every difference.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"
#include "tests/emu/native_vector.h"

static unsigned long n_run, n_faults, n_ud, n_explained, n_pointers;
static unsigned long n_mode[EMU_MODE_COUNT], n_encoding[3];

static void complain(const char *what, const struct test_case *test, const struct emu_insn *insn)
{
	if (!check_fail(__FILE__, __LINE__) && !getenv("ALL"))
		return;
	printf("%s: %s mode %d [", what, emu_insn_name(insn), test->mode);
	for (unsigned int i = 0; i < test->n_bytes; i++)
		printf("%s%02x", i ? " " : "", test->bytes[i]);
	printf("]");
	if (insn->mask)
		printf(" mask %llx", (unsigned long long)test->state.mask[insn->mask]);
	printf(" target %llx\n    native vector %d error %x address %llx, emulated vector %d error "
	       "%x address "
	       "%llx\n",
	       (unsigned long long)test->target, native.vector, native.error_code,
	       (unsigned long long)native.address, emulated.vector, emulated.error_code,
	       (unsigned long long)emulated.address);
}

static void dump(const char *name, const void *start, const void *a, const void *b, size_t n)
{
	const void *all[] = { start, a, b };

	for (unsigned int i = 0; i < 3; i++) {
		printf("      %s %s ", name,
		       i == 0	? "before  "
		       : i == 1 ? "native  "
				: "emulated");
		for (size_t j = n; j-- > 0;)
			printf("%02x%s", ((const uint8_t *)all[i])[j], j && j % 8 == 0 ? "_" : "");
		printf("\n");
	}
}

static unsigned int n_dumped;

static bool differ(const char *name, const void *start, const void *a, const void *b, size_t n)
{
	if (!memcmp(a, b, n))
		return false;
	if (n_dumped++ < 12 || getenv("ALL"))
		dump(name, start, a, b, n);
	return true;
}

#define DIFFER(field)                                                             \
	differ(#field, &start->field, &native.state.field, &emulated.state.field, \
	       sizeof(start->field))

/*
 * Where AMD and Intel differ the emulator is Intel's: a non-canonical address of an aligned operand in
 * SS is #GP with AMD; a fault of MASKMOVQ leaves x87 as MMX has it; MXCSR has bit 17.
 */
static bool is_explained(const struct emu_insn *insn)
{
	const struct emu_row *row = insn->row;

	if (!row)
		return false;
	if (row->vector & ALIGNED && native.vector == EXC_GP && emulated.vector == EXC_SS)
		return true;
	if (row->meaning == emu_x_mxcsr && emulated.vector == EXC_GP)
		return native.vector < 0 && native.state.x87.mxcsr & 1u << 17;
	if (row->meaning == emu_x_maskmov && native.vector == emulated.vector && native.vector >= 0)
		memcpy(&native.state.x87, &emulated.state.x87, sizeof(native.state.x87));
	return false;
}

static void compare(const struct test_case *test, const struct emu_insn *insn)
{
	const struct state *start = &test->state;
	bool is_different = false;

	if (is_explained(insn)) {
		n_explained++;
		return;
	}
	if (native.vector != emulated.vector) {
		complain("exception", test, insn);
		return;
	}
	if (native.vector >= 0) {
		n_faults++;
		if (native.vector == EXC_PF && (native.address != emulated.address ||
						native.error_code != emulated.error_code))
			complain("page fault", test, insn);
	}
	emulated.state.x87.fip &= 0xffffffff;
	emulated.state.x87.fdp &= 0xffffffff;
	/* RF is set in the frame of a fault. */
	native.state.rflags &= ~(uint64_t)RFLAGS_RF;
	for (unsigned int i = 0; i < 8; i++)
		memset(native.state.x87.st[i] + 10, 0, 6),
			memset(emulated.state.x87.st[i] + 10, 0, 6);
	is_different |= DIFFER(gpr);
	is_different |= DIFFER(rip);
	is_different |= DIFFER(rflags);
	for (unsigned int i = 0; i < 32; i++)
		is_different |= DIFFER(vector[i]);
	is_different |= DIFFER(mask);
	is_different |= DIFFER(x87.fcw);
	is_different |= DIFFER(x87.fsw);
	is_different |= DIFFER(x87.ftw);
	if (native.has_pointers) {
		n_pointers++;
		is_different |= DIFFER(x87.fop);
		is_different |= DIFFER(x87.fip);
		is_different |= DIFFER(x87.fdp);
	}
	is_different |= DIFFER(x87.mxcsr);
	for (unsigned int i = 0; i < 8; i++)
		is_different |= DIFFER(x87.st[i]);
	if (memcmp((void *)RW_PAGE, shadow, RW_BYTES)) {
		is_different = true;
		for (unsigned int i = 0; i < RW_BYTES; i++)
			if (((uint8_t *)RW_PAGE)[i] != shadow[i]) {
				differ("memory", before + i, (uint8_t *)RW_PAGE + i, shadow + i,
				       i < RW_BYTES - 16 ? 16 : RW_BYTES - i);
				break;
			}
	}
	if (is_different)
		complain("state", test, insn);
}

static void run_case(const struct test_case *test)
{
	struct emu_insn insn;
	enum emu_decoded decoded = emu_decode(test->bytes, test->n_bytes, test->mode, &insn);
	enum emu_outcome outcome;

	emulated.state = test->state;
	emulated.vector = EXC_UD;
	emulated.error_code = 0;
	memcpy(shadow, before, RW_BYTES);
	if (decoded == EMU_DECODED) {
		outcome = run_emulator(test, &insn);
		if (outcome != EMU_DONE && outcome != EMU_EXCEPTION) {
			native.vector = -1;
			complain("not executed", test, &insn);
			return;
		}
	} else if (decoded != EMU_DECODE_INVALID) {
		native.vector = -1;
		complain("not decoded", test, &insn);
		return;
	}
	/* Not to touch what is the test's own. */
	if (emulated.vector == EXC_PF && emulated.address - ARENA >= ARENA_BYTES)
		return;
	run_native(test);
	n_run++;
	n_mode[test->mode]++;
	n_encoding[insn.encoding]++;
	n_ud += emulated.vector == EXC_UD;
	compare(test, &insn);
}

static unsigned long n_cases = 400000;

static void run_mode(enum emu_mode mode, unsigned long n)
{
	static struct test_case test;
	unsigned long end = n_run + n, n_tries = 0;

	while (n_run < end && n_tries++ < 4 * n) {
		const struct form *form = &forms[pick(n_forms)];

		if (make_case(&test, form, mode))
			run_case(&test);
	}
}

static void agrees_with_the_processor_in_64_bit_code(void)
{
	run_mode(EMU_LONG64, n_cases / 4 * 3);
}

static void agrees_with_the_processor_in_32_bit_code(void)
{
	run_mode(EMU_PROT32, n_cases / 4);
}

static void cases_are_of_every_kind(void)
{
	printf("# %lu cases of %u forms: %lu in 64-bit, %lu in 32-bit code; %lu legacy, %lu VEX, "
	       "%lu "
	       "EVEX; %lu faults, %lu of them #UD; %lu differ as explained\n",
	       n_run, n_forms, n_mode[EMU_LONG64], n_mode[EMU_PROT32], n_encoding[EMU_LEGACY],
	       n_encoding[EMU_VEX], n_encoding[EMU_EVEX], n_faults, n_ud, n_explained);
	if (!(host_features & EMU_HAS(EMU_AVX)))
		printf("# left out: VEX, which this processor does not have\n");
	if (!(host_features & EMU_HAS(EMU_AVX512F)))
		printf("# left out: EVEX, which this processor does not have\n");
	CHECK(n_run >= n_cases / 10 * 9);
	CHECK(n_pointers > n_run / 100);
	CHECK(n_faults > n_run / 20);
	CHECK(n_faults < n_run / 2);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(agrees_with_the_processor_in_64_bit_code),
		TEST(agrees_with_the_processor_in_32_bit_code),
		TEST(cases_are_of_every_kind),
	};

	if (argc > 1)
		n_cases = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed(strtoull(argv[2], NULL, 0));
	set_up();
	find_forms();
	return RUN(tests);
}
