/* SPDX-License-Identifier: MIT */
/*
 * The processor as the oracle: each case is executed by the processor in user mode and by the
 * emulator on the same registers and memory, and all registers, defined flags, memory, RIP, or the
 * exception with its error code and address must agree. 64-bit code, and through LDT segments 32-bit
 * and 16-bit protected-mode code with flat, limited, expand-down, read-only and null segments.
 *
 *	native [CASES]
 *
 * Cases come in chunks with seeds of their own (SEED and the chunk's number), which processes on all
 * processors (JOBS of them) take in turn: the same cases however many there are. FROM is the first
 * chunk, to go on where a long run was stopped, or with CASES=1 to repeat one.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"
#include "tests/emu/native.h"
#include "x86/exc.h"
#include "x86/rflags.h"

#define CHUNK_CASES    50000ul
#define CASES	       2400000ul
#define MAX_COMPLAINTS 40
#define MAX_JOBS       256ul

/* All counters: of a process since its last chunk, and of all together. */
struct figures {
	/* Of all alone. */
	unsigned long next_chunk, n_chunks_done, n_complaints, n_differences, chunk_of[MAX_JOBS];
	unsigned long n_run, n_completed, n_invalid, n_too_long;
	unsigned long n_mode[EMU_MODE_COUNT], n_failures[EMU_MODE_COUNT];
	unsigned long n_vector[32], n_explained[NATIVE_N_EXPLANATIONS];
	unsigned long n_row_completed[NATIVE_MAX_ROWS][EMU_MODE_COUNT];
	unsigned long n_row_faulted[NATIVE_MAX_ROWS][EMU_MODE_COUNT];
	unsigned long n_row_failed[NATIVE_MAX_ROWS];
};

static struct figures *all, mine;

static unsigned long seed, first_chunk, end_chunk, chunk, n_chunk_run;
static time_t started;

/* Add this process's counters to all. */
static void publish(void)
{
	const unsigned long *from = (const unsigned long *)&mine;
	unsigned long *to = (unsigned long *)all;

	for (size_t i = 0; i < sizeof(mine) / sizeof(*from); i++)
		if (from[i])
			__atomic_add_fetch(&to[i], from[i], __ATOMIC_RELAXED);
	memset(&mine, 0, sizeof(mine));
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

/* Print a difference: the first few, and of a row no more than COMPLAINTS; ALL in all. */
static void complain(const char *what, const struct native_case *test, const struct emu_insn *insn,
		     const struct native_result *native, const struct native_result *emulated)
{
	static const char segments[][3] = { "es", "cs", "ss", "ds", "fs", "gs" };
	int row = insn->row ? native_row_index(insn->row) : NATIVE_MAX_ROWS - 1;
	char text[4096];
	size_t n = 0;

#define SAY(...) \
	(n += (size_t)snprintf(text + n, n < sizeof(text) ? sizeof(text) - n : 0, __VA_ARGS__))
	mine.n_failures[test->mode]++;
	__atomic_add_fetch(&all->n_differences, 1, __ATOMIC_RELAXED);
	if (__atomic_fetch_add(&all->n_row_failed[row], 1, __ATOMIC_RELAXED) >=
		    from_environment("COMPLAINTS", 2) ||
	    __atomic_fetch_add(&all->n_complaints, 1, __ATOMIC_RELAXED) >=
		    from_environment("ALL", MAX_COMPLAINTS))
		return;
	SAY("  %s: %s mode %d chunk %lu [", what, insn->row ? insn->row->text : "no row",
	    test->mode, chunk);
	for (unsigned int i = 0; i < test->n_bytes; i++)
		SAY("%s%02x", i ? " " : "", test->bytes[i]);
	SAY("] rip %llx flags %llx\n", (unsigned long long)test->rip,
	    (unsigned long long)test->rflags);
	SAY("    native vector %d error %x address %llx rip %llx flags %llx\n", native->vector,
	    native->error_code, (unsigned long long)native->address,
	    (unsigned long long)native->rip, (unsigned long long)native->rflags);
	SAY("    ours   vector %d error %x address %llx rip %llx flags %llx\n", emulated->vector,
	    emulated->error_code, (unsigned long long)emulated->address,
	    (unsigned long long)emulated->rip, (unsigned long long)emulated->rflags);
	for (int i = 0; i < 16; i++)
		if (emulated->gpr[i] != native->gpr[i] || i == insn->base || i == insn->index ||
		    i == 4)
			SAY("    r%d before %llx native %llx ours %llx\n", i,
			    (unsigned long long)test->gpr[i], (unsigned long long)native->gpr[i],
			    (unsigned long long)emulated->gpr[i]);
	for (int i = 0; i < 6; i++)
		if (native->segment[i].selector != emulated->segment[i].selector ||
		    i == insn->segment)
			SAY("    %s %x base %llx native %x %llx ours %x %llx\n", segments[i],
			    test->segment[i].selector, (unsigned long long)test->segment[i].base,
			    native->segment[i].selector,
			    (unsigned long long)native->segment[i].base,
			    emulated->segment[i].selector,
			    (unsigned long long)emulated->segment[i].base);
	for (unsigned int i = 0; i < RW_BYTES; i++)
		if (((uint8_t *)RW_PAGE)[i] != native_shadow[i]) {
			SAY("    memory %llx native %02x ours %02x\n", RW_PAGE + i,
			    ((uint8_t *)RW_PAGE)[i], native_shadow[i]);
			break;
		}
#undef SAY
	fputs(text, stdout);
	fflush(stdout);
}

static void count_run(const struct native_case *test, const struct native_result *native)
{
	n_chunk_run++;
	mine.n_run++;
	mine.n_mode[test->mode]++;
	if (native->vector < 0)
		mine.n_completed++;
	else
		mine.n_vector[native->vector & 31]++;
}

/* No instruction, or one that is too long: the processor must say so. */
static void run_invalid(const struct native_case *test, const struct emu_insn *insn,
			enum emu_decoded decoded)
{
	const struct native_result emulated = {
		.rip = test->rip,
		.vector = decoded == EMU_DECODE_TOO_LONG ? EXC_GP : EXC_UD,
	};
	enum native_explanation why;
	struct native_result native;

	native_run(test, &native);
	count_run(test, &native);
	if (decoded == EMU_DECODE_TOO_LONG)
		mine.n_too_long++;
	else
		mine.n_invalid++;
	if (native.vector == emulated.vector && native.rip == test->rip && !native.error_code)
		return;
	why = native_explain_invalid(insn, decoded, &native);
	if (why != NATIVE_UNEXPLAINED)
		mine.n_explained[why]++;
	else
		complain("invalid", test, insn, &native, &emulated);
	native_sync_shadow();
}

/* Run one case with the flags as they are. */
static void run_case(const struct native_case *test)
{
	enum native_explanation why;
	struct native_result native = { .vector = -1 }, emulated = { .vector = -1 };
	enum emu_outcome outcome = EMU_DONE;
	const char *complaint = NULL;
	enum emu_decoded decoded;
	struct emu_insn insn;
	int row;

	decoded = emu_decode(test->bytes, test->n_bytes, test->mode, &insn);
	if (decoded == EMU_DECODED)
		outcome = native_emulate(test, &insn, &emulated, &complaint);
	why = native_excluded(test, &insn, decoded, outcome, &emulated);
	if (why != NATIVE_UNEXPLAINED) {
		mine.n_explained[why]++;
		return;
	}
	if (decoded != EMU_DECODED) {
		run_invalid(test, &insn, decoded);
		return;
	}
	row = native_row_index(insn.row);
	if (outcome == EMU_UNIMPLEMENTED) {
		complain("not implemented", test, &insn, &native, &emulated);
		return;
	}
	native_run(test, &native);
	count_run(test, &native);
	if (native.vector < 0)
		mine.n_row_completed[row][test->mode]++;
	else
		mine.n_row_faulted[row][test->mode]++;
	if (!complaint)
		complaint = native_compare(test, &insn, &native, &emulated, &why);
	if (complaint)
		complain(complaint, test, &insn, &native, &emulated);
	if (why != NATIVE_UNEXPLAINED)
		mine.n_explained[why]++;
	if (complaint || (why != NATIVE_UNEXPLAINED && why != NATIVE_UNDEFINED_FLAGS))
		native_sync_shadow();
}

/* A case with all flags clear, with all set, and sometimes with any. */
static void run_with_flags(struct native_case *test)
{
	const uint64_t base = RFLAGS_ONE | RFLAGS_IF;

	test->rflags = base;
	run_case(test);
	test->rflags |= RFLAGS_STATUS | RFLAGS_DF | (native_pick(8) ? 0 : RFLAGS_AC);
	run_case(test);
	if (native_pick(4))
		return;
	test->rflags = base | (native_random() & (RFLAGS_STATUS | RFLAGS_NT | RFLAGS_ID)) |
		       (native_pick(4) ? 0 : RFLAGS_AC);
	run_case(test);
}

static void run_mode(enum emu_mode mode, unsigned long n)
{
	unsigned long end = n_chunk_run + n;
	struct native_case test;

	memset(&test, 0, sizeof(test));
	while (n_chunk_run < end) {
		native_refresh_memory();
		if (native_make(&test, mode))
			run_with_flags(&test);
	}
}

/* Instructions that differed once. */
static void what_once_differed_agrees(void)
{
	static const struct {
		enum emu_mode mode;
		uint8_t n_bytes, at, bytes[8];
	} known[] = {
		{ EMU_LONG64, 3, 2, { 0x44, 0xff, 0x1f } },    /* far CALL is no JMP for REX.R */
		{ EMU_LONG64, 5, 1, { 0xe8, 0, 0, 0, 0 } },    /* pushes 8 bytes */
		{ EMU_LONG64, 4, 1, { 0xc8, 0x10, 0, 3 } },    /* both immediates */
		{ EMU_LONG64, 4, 1, { 0xc8, 0x00, 0xb6, 0 } }, /* looks where RSP will be */
		{ EMU_PROT16, 4, 1, { 0xc8, 0x80, 0x00, 1 } },
		{ EMU_LONG64, 2, 2, { 0x0f, 0xa1 } },		  /* POP FS */
		{ EMU_LONG64, 4, 2, { 0x64, 0x8c, 0x20, 0x00 } }, /* MOV [FS:RAX], FS */
		{ EMU_PROT32, 4, 3, { 0x67, 0x0f, 0x02, 0x07 } }, /* LAR */
	};
	struct native_case test;

	chunk = ~0ul;
	native_seed(seed);
	memset(&test, 0, sizeof(test));
	native_sync_shadow();
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (unsigned int j = 0; j < 1000; j++) {
			native_refresh_memory();
			if (native_make_of(&test, known[i].mode, known[i].bytes, known[i].n_bytes,
					   known[i].at))
				run_with_flags(&test);
		}
	CHECK(mine.n_run > 10000);
	publish();
	CHECK_EQ(all->n_differences, 0);
}

/* A hypervisor may hide any bit of what its processor executes: nothing here would be different. */
static void no_bit_of_cpuid_makes_a_difference(void)
{
	CHECK(probe_each_bit_hidden(&native_probed) == 3 * 4 * 32);
}

/* Everything that a chunk depends on is made anew. */
static void run_chunk(void)
{
	native_seed(seed << 32 ^ chunk);
	memset((void *)RW_PAGE, 0, RW_BYTES);
	memset((void *)CODE, 0xcc, CODE_BYTES);
	native_sync_shadow();
	n_chunk_run = 0;
	run_mode(EMU_LONG64, CHUNK_CASES / 2);
	run_mode(EMU_PROT32, CHUNK_CASES / 4);
	run_mode(EMU_PROT16, CHUNK_CASES / 4);
}

/* A line for each million cases. All chunks before the lowest that is being run are done. */
static void report(unsigned long n_done, unsigned long n_jobs)
{
	const unsigned long per_line = 1000000 / CHUNK_CASES;
	unsigned long lowest = end_chunk;

	if (end_chunk - first_chunk <= 10 * per_line || n_done % per_line)
		return;
	for (unsigned long i = 0; i < n_jobs; i++)
		if (all->chunk_of[i] < lowest)
			lowest = all->chunk_of[i];
	printf("# %lu million cases, %lu differences, %ld s; FROM=%lu goes on\n", n_done / per_line,
	       all->n_differences, (long)(time(NULL) - started), lowest);
	fflush(stdout);
}

static void work(unsigned long job, unsigned long n_jobs)
{
	for (;;) {
		chunk = __atomic_fetch_add(&all->next_chunk, 1, __ATOMIC_RELAXED);
		all->chunk_of[job] = chunk;
		if (chunk >= end_chunk)
			return;
		run_chunk();
		publish();
		report(__atomic_add_fetch(&all->n_chunks_done, 1, __ATOMIC_RELAXED), n_jobs);
	}
}

/* All chunks, in a process for each processor; what a process dies of is a failure. */
static void every_process_comes_to_its_end(void)
{
	unsigned long jobs = from_environment("JOBS", (unsigned long)sysconf(_SC_NPROCESSORS_ONLN));
	int status;

	fflush(stdout);
	for (unsigned long i = 0; i < jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(i, jobs);
			exit(0);
		}
		CHECK(pid > 0);
	}
	while (wait(&status) > 0)
		CHECK(status == 0);
	CHECK(all->n_chunks_done == end_chunk - first_chunk);
}

static void agrees_with_the_processor_in_64_bit_code(void)
{
	CHECK(all->n_mode[EMU_LONG64] > 0);
	CHECK_EQ(all->n_failures[EMU_LONG64], 0);
}

static void agrees_with_the_processor_in_32_bit_code(void)
{
	CHECK(all->n_mode[EMU_PROT32] > 0);
	CHECK_EQ(all->n_failures[EMU_PROT32], 0);
}

static void agrees_with_the_processor_in_16_bit_code(void)
{
	CHECK(all->n_mode[EMU_PROT16] > 0);
	CHECK_EQ(all->n_failures[EMU_PROT16], 0);
}

static void every_difference_is_explained(void)
{
	for (unsigned int i = 0; i < NATIVE_N_EXPLANATIONS; i++) {
		printf("# %10lu  %s: %s\n", all->n_explained[i], native_explained[i].name,
		       native_explained[i].reason);
		CHECK(native_explained[i].name && native_explained[i].reason);
	}
	for (unsigned int i = 0; i < NATIVE_MAX_ROWS; i++)
		if (all->n_row_failed[i])
			printf("  %lu differences: %s\n", all->n_row_failed[i],
			       i < native_n_rows ? native_rows[i].row->text : "no instruction");
	CHECK_EQ(all->n_differences, 0);
}

static bool is_missing(const struct native_row *row, unsigned long n_completed,
		       unsigned long n_faulted)
{
	switch (row->scope) {
	case NATIVE_RUNS: return !n_completed || !n_faulted;
	case NATIVE_COMPLETES: return !n_completed;
	case NATIVE_FAULTS: return !n_completed && !n_faulted;
	default: return false;
	}
}

/* Every row with a meaning was run to completion and to a fault in each mode, or says why not. */
static void every_row_is_run_or_says_why_not(void)
{
	static const char *const scopes[] = { [NATIVE_RUNS] = "completion and a fault",
					      [NATIVE_COMPLETES] = "completion alone",
					      [NATIVE_FAULTS] = "a fault alone",
					      [NATIVE_EXCLUDED] = "nothing" };
	unsigned int n[NATIVE_EXCLUDED + 1] = { 0 };

	for (unsigned int i = 0; i < native_n_rows; i++) {
		const struct native_row *row = &native_rows[i];

		n[row->scope]++;
		for (unsigned int mode = 0; mode < EMU_MODE_COUNT; mode++) {
			unsigned long n_completed = all->n_row_completed[i][mode];
			unsigned long n_faulted = all->n_row_faulted[i][mode];

			if (!(row->modes >> mode & 1) || !is_missing(row, n_completed, n_faulted))
				continue;
			CHECK(!"run");
			printf("  %s in mode %u: %lu completed, %lu faulted\n", row->row->text,
			       mode, n_completed, n_faulted);
		}
		if (row->scope != NATIVE_RUNS && row->scope != NATIVE_EXCLUDED)
			printf("#   %s: run to %s: %s\n", row->row->text, scopes[row->scope],
			       row->reason);
	}
	for (unsigned int i = 0; i <= NATIVE_EXCLUDED; i++)
		printf("# %u rows run to %s\n", n[i], scopes[i]);
	printf("# what is not run is vectors and x87, which native_vector runs%s\n",
	       native_has_umip ? "" : ", and tables that only UMIP keeps from user mode");
	CHECK(n[NATIVE_RUNS] > 200);
}

static void cases_are_of_every_kind(void)
{
	unsigned long n_faults = all->n_run - all->n_completed;

	printf("# %lu cases from %u forms: %lu in 64-bit, %lu in 32-bit, %lu in 16-bit code; %lu "
	       "completed, %lu were no instruction, %lu were too long\n",
	       all->n_run, native_n_forms, all->n_mode[EMU_LONG64], all->n_mode[EMU_PROT32],
	       all->n_mode[EMU_PROT16], all->n_completed, all->n_invalid, all->n_too_long);
	printf("# faults:");
	for (unsigned int i = 0; i < 32; i++)
		if (all->n_vector[i])
			printf(" vector %u %lu", i, all->n_vector[i]);
	printf("\n");
	CHECK(all->n_run >= CHUNK_CASES * (end_chunk - first_chunk));
	CHECK(n_faults > all->n_run / 20);
	CHECK(n_faults < all->n_run / 2);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(no_bit_of_cpuid_makes_a_difference),
		TEST(what_once_differed_agrees),
		TEST(every_process_comes_to_its_end),
		TEST(agrees_with_the_processor_in_64_bit_code),
		TEST(agrees_with_the_processor_in_32_bit_code),
		TEST(agrees_with_the_processor_in_16_bit_code),
		TEST(every_difference_is_explained),
		TEST(cases_are_of_every_kind),
	};
	static const struct test tests_of_many_cases[] = {
		TEST(every_row_is_run_or_says_why_not),
	};
	unsigned long cases = argc > 1 ? strtoul(argv[1], NULL, 0) : CASES;
	int status;

	/* With the program always at the same addresses the same cases can be run. If that may be. */
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE) &&
	    personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE) != -1 &&
	    personality(0xffffffff) & ADDR_NO_RANDOMIZE)
		execv("/proc/self/exe", argv);
	seed = from_environment("SEED", 1);
	first_chunk = from_environment("FROM", 0);
	end_chunk = (cases + CHUNK_CASES - 1) / CHUNK_CASES;
	if (end_chunk <= first_chunk)
		end_chunk = first_chunk + 1;
	started = time(NULL);
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	all->next_chunk = first_chunk;
	native_set_up();
	native_find_forms();
	native_find_empty();
	status = RUN(tests);
	if (end_chunk - first_chunk > 20)
		status = RUN(tests_of_many_cases);
	return status;
}
