/* SPDX-License-Identifier: MIT */
/*
 * What one processor deletes while others look at it without a lock: a VP to which another VP sends, and which is run and
 * cancelled; a partition whose handle is looked up. Memory that is used after it has been given back is a find of
 * ThreadSanitizer, under which this program runs, too, or a page that has been cleared and is not.
 */
#include "tests/unit/processors.h"
#include "x86/gpr.h"
#include "x86/msr.h"

#define N_CPUS	 3u
#define N_ROUNDS 2000u
#define NMI	 0x400u

static struct {
	uint64_t handle; /* atomic */
	uint64_t pages[2];
	bool is_over;			     /* atomic */
	uint32_t n_sent, n_ran, n_cancelled; /* that came to something; atomic */
} world;

static bool is_over(void)
{
	return __atomic_load_n(&world.is_over, __ATOMIC_ACQUIRE);
}

static void count(uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* The second processor's guest sends NMIs to VP 1; each other one leaves at once. */
static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	static _Thread_local bool is_x2;

	exit->insn_length = 2;
	if (virt_cpu() != 1) {
		exit->reason = VIRT_EXIT_IO;
		exit->io.size = 1;
		return;
	}
	if (fake_is_kicked()) {
		exit->reason = VIRT_EXIT_KICK;
		return;
	}
	exit->reason = is_over() ? VIRT_EXIT_INTERRUPT : VIRT_EXIT_WRMSR;
	virt_regs(vp)->gpr[X86_RCX] = is_x2 ? 0x830 : MSR_APIC_BASE;
	gpr_set_edx_eax(virt_regs(vp)->gpr,
			is_x2 ? 1ull << 32 | NMI
			      : APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_EXTD | APIC_BASE_BSP);
	is_x2 = true;
	count(&world.n_sent);
}

static void new_vp(uint32_t index)
{
	MUST_EQ(CALL(WHIT_CALL_CREATE_VP, world.handle, index, 0, world.pages[index]), S_OK);
}

/* Run VP 1 and cancel it, whether it is there or not. */
static void disturb(uint32_t vp)
{
	while (!is_over()) {
		const uint64_t handle = __atomic_load_n(&world.handle, __ATOMIC_ACQUIRE);

		if (CALL(WHIT_CALL_CANCEL_RUN_VP, handle, vp) == S_OK)
			count(&world.n_cancelled);
		if (CALL(WHIT_CALL_RUN_VP, handle, vp) == S_OK)
			count(&world.n_ran);
	}
}

static bool is_disturbed(void)
{
	return __atomic_load_n(&world.n_sent, __ATOMIC_RELAXED) > 100 &&
	       __atomic_load_n(&world.n_ran, __ATOMIC_RELAXED) &&
	       __atomic_load_n(&world.n_cancelled, __ATOMIC_RELAXED);
}

static void begin(void)
{
	machine_of_cpus(256 * MIB, N_CPUS);
	memset(&world, 0, sizeof(world));
	fake.play = play;
	for (unsigned int i = 0; i < 2; i++)
		world.pages[i] = test_pages(1);
}

/* ---- VPs --------------------------------------------------------------------------------- */

static void delete_vps(uint32_t cpu)
{
	uint32_t result;

	if (cpu == 1) {
		while (!is_over())
			MUST_EQ(CALL(WHIT_CALL_RUN_VP, world.handle, 0), WHIT_S_AGAIN);
	} else if (cpu == 2) {
		disturb(1);
	} else {
		/* However slow the others are, until they have done something. */
		for (unsigned int i = 0; i < N_ROUNDS || (!is_disturbed() && i < 100 * N_ROUNDS);
		     i++) {
			new_vp(1);
			if (i % 8 == 0)
				sched_yield();
			do {
				result = CALL(WHIT_CALL_DELETE_VP, world.handle, 1);
				MUST(result == S_OK || result == RESULT(WHV_E_INVALID_VP_STATE));
			} while (result != S_OK);
		}
		__atomic_store_n(&world.is_over, true, __ATOMIC_RELEASE);
	}
}

static void vps_go_away_under_senders_and_runners(void)
{
	begin();
	world.handle = set_up_with(64, 2, WHvX64LocalApicEmulationModeX2Apic, 0);
	new_vp(0);
	on_processors(delete_vps, 120);
	delete_all(world.handle);
	check_clean();
	REQUIRE(is_disturbed());
}

/* ---- Partitions -------------------------------------------------------------------------- */

static void delete_partitions(uint32_t cpu)
{
	const uint64_t first = test_pages(16), buffer = test_pages(1);

	if (cpu) {
		disturb(0);
		return;
	}
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		MUST_EQ(CALL(WHIT_CALL_CREATE_PARTITION, first, 16), S_OK);
		__atomic_store_n(&world.handle, out_rdx, __ATOMIC_RELEASE);
		*(uint64_t *)at(buffer) = 1;
		MUST_EQ(CALL(WHIT_CALL_SET_PROPERTY, world.handle,
			     WHvPartitionPropertyCodeProcessorCount, buffer, 4),
			S_OK);
		MUST_EQ(CALL(WHIT_CALL_SETUP_PARTITION, world.handle), S_OK);
		new_vp(0);
		if (i % 8 == 0)
			sched_yield();
		delete_all(world.handle);
		/* It is the root's again, and clean. */
		for (unsigned int j = 0; j < 16; j++)
			MUST_EQ(peek_word(at(first + j * PAGE_SIZE)), 0);
	}
	__atomic_store_n(&world.is_over, true, __ATOMIC_RELEASE);
}

/* The guest's exits do not matter here. */
static void play_exit(struct virt_vp *vp, struct virt_exit *exit)
{
	(void)vp;
	exit->reason = VIRT_EXIT_IO;
	exit->io.size = 1;
	exit->insn_length = 2;
}

static void partitions_go_away_under_those_who_look_them_up(void)
{
	begin();
	fake.play = play_exit;
	on_processors(delete_partitions, 120);
	check_clean();
	REQUIRE(world.n_ran > 0 && world.n_cancelled > 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(vps_go_away_under_senders_and_runners),
		TEST(partitions_go_away_under_those_who_look_them_up),
	};

	return RUN(tests);
}
