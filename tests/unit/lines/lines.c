/* SPDX-License-Identifier: MIT */
/*
 * On the short path no cache line is written by two processors, nor written by one and read by the other: a root enters
 * its guest, makes a hypercall, which may be a Run of a VP, and is in its guest again. Two VPs of one partition run on two
 * processors; what the fake machine keeps for itself is not looked at.
 */
#include <setjmp.h>
#include <stdio.h>

#include "tests/unit/lines/record.h"
#include "tests/unit/processors.h"
#include "x86/gpr.h"

#define N_CPUS 2u

/* What the guest of a VP does in one Run, exit by exit; the last one ends it. */
struct path {
	uint64_t call;
	unsigned int n_inside; /* exits that the hypervisor answers, before that */
	bool is_memory;	       /* the last is an access to memory, else to a port */
};

static struct {
	uint64_t handle, buffers[N_CPUS];
	const struct path *path;
	struct record records[N_CPUS];
	struct lines both;
} world;

static _Thread_local struct {
	jmp_buf end;
	unsigned int n_calls; /* made */
	unsigned int n_exits; /* of the child, in this Run */
} me;

/* Rounds before the one that is recorded: what is remembered of earlier ones is there then. */
#define N_WARM 4u

static void play_child(struct virt_exit *exit)
{
	exit->insn_length = 2;
	if (me.n_exits++ < world.path->n_inside) {
		exit->reason = VIRT_EXIT_CPUID;
	} else if (world.path->is_memory) {
		exit->reason = VIRT_EXIT_MEMORY;
		exit->memory.gpa = GPA(0xd0000000);
		exit->memory.is_read = true;
		exit->insn_length = 0;
	} else {
		exit->reason = VIRT_EXIT_IO;
		exit->io.port = 0xe9;
		exit->io.size = 1;
	}
}

static void play_root(struct virt_vp *vp, struct virt_exit *exit)
{
	uint64_t *const gpr = virt_regs(vp)->gpr;

	if (me.n_calls)
		MUST_EQ((uint32_t)gpr[X86_RAX], S_OK);
	if (me.n_calls > N_WARM)
		longjmp(me.end, 1);
	if (me.n_calls++ == N_WARM)
		record_to(&world.records[virt_cpu()]);
	me.n_exits = 0;
	gpr[X86_RAX] = world.path->call;
	gpr[X86_RCX] = world.handle;
	gpr[X86_RDX] = world.path->call == WHIT_CALL_RUN_VP
			       ? virt_cpu()
			       : WHvPartitionPropertyCodeProcessorCount;
	gpr[X86_R8] = world.buffers[virt_cpu()];
	gpr[X86_R9] = 8;
	exit->reason = VIRT_EXIT_HYPERCALL;
	exit->hypercall.is_kernel64 = true;
	exit->insn_length = 3;
}

static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	if (vp->is_root)
		play_root(vp, exit);
	else
		play_child(exit);
}

static void make_calls(void)
{
	me.n_calls = 0;
	memset(&world.records[virt_cpu()], 0, sizeof(world.records[0]));
	if (!setjmp(me.end))
		root_run(this_root());
	record_to(NULL);
	fake_leave_guest();
	gate_leave(&this_root()->inside);
}

/* The processors take turns, so that nothing is met by chance. */
static void work(uint32_t cpu)
{
	for (uint32_t turn = 0; turn < 2 * N_CPUS; turn++) {
		if (turn % N_CPUS == cpu)
			make_calls();
		pthread_barrier_wait(&all_processors);
	}
}

static void record_path(const struct path *path)
{
	memset(&world, 0, sizeof(world));
	world.path = path;
	machine_of_cpus(256 * MIB, N_CPUS);
	world.handle = set_up(64, N_CPUS);
	for (uint32_t i = 0; i < N_CPUS; i++) {
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, world.handle, i, 0, test_pages(1)), S_OK);
		world.buffers[i] = test_pages(1);
	}
	fake.play = play;
	on_processors(work, 60);
}

/* Where a line is, in words. */
static void tell(uintptr_t line)
{
	const uintptr_t partition = (uintptr_t)partition_of(world.handle);

	if (line - (uintptr_t)&hv < sizeof(hv))
		printf("  hv + %zu\n", (size_t)(line - (uintptr_t)&hv));
	else if (line - partition < sizeof(struct partition))
		printf("  partition + %zu\n", (size_t)(line - partition));
	else
		printf("  %#zx\n", (size_t)line);
}

/* Lines of both sets that are not the fake machine's own. */
static unsigned int shared(const struct lines *a, const struct lines *b)
{
	unsigned int n = 0;

	lines_in_both(a, b, &world.both);
	for (size_t i = 0; i < world.both.n; i++) {
		if (world.both.at[i] - ((uintptr_t)&fake & ~63ul) < sizeof(fake) + LINE_BYTES)
			continue;
		tell(world.both.at[i]);
		n++;
	}
	return n;
}

static void check_path(const struct path *path)
{
	struct record *const one = &world.records[0], *const other = &world.records[1];

	record_path(path);
	REQUIRE(one->written.n > 3 && other->written.n > 3 && one->read.n > 10);
	CHECK_EQ(shared(&one->written, &other->written), 0);
	CHECK_EQ(shared(&one->written, &other->read), 0);
	CHECK_EQ(shared(&one->read, &other->written), 0);
	delete_all(world.handle);
}

static void a_port_exit_writes_no_line_of_another_processor(void)
{
	check_path(&(const struct path) { .call = WHIT_CALL_RUN_VP });
}

static void a_memory_exit_writes_no_line_of_another_processor(void)
{
	check_path(&(const struct path) { .call = WHIT_CALL_RUN_VP, .is_memory = true });
}

static void exits_that_the_hypervisor_answers_write_no_line_of_another_processor(void)
{
	check_path(&(const struct path) { .call = WHIT_CALL_RUN_VP, .n_inside = 3 });
}

static void a_hypercall_writes_no_line_of_another_processor(void)
{
	check_path(&(const struct path) { .call = WHIT_CALL_VERSION });
}

/* The lock of a partition is written by both: this is how that looks. */
static void a_call_that_locks_is_noticed(void)
{
	record_path(&(const struct path) { .call = WHIT_CALL_GET_PROPERTY });
	lines_in_both(&world.records[0].written, &world.records[1].written, &world.both);
	for (size_t i = 0; i < world.both.n; i++)
		if (world.both.at[i] == (uintptr_t)&partition_of(world.handle)->lock)
			return;
	FAIL("nobody noticed");
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_port_exit_writes_no_line_of_another_processor),
		TEST(a_memory_exit_writes_no_line_of_another_processor),
		TEST(exits_that_the_hypervisor_answers_write_no_line_of_another_processor),
		TEST(a_hypercall_writes_no_line_of_another_processor),
		TEST(a_call_that_locks_is_noticed),
	};

	return RUN(tests);
}
