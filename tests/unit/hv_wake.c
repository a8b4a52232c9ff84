/* SPDX-License-Identifier: MIT */
/*
 * No wake-up is lost: what is sent to a VP on another processor reaches it, whether it runs, sleeps, or is between two
 * Runs. A ball, which is an NMI, goes from VP to VP, or from the client to a VP; if it is ever lost, nobody goes on, and the
 * alarm ends the test.
 */
#include <stdio.h>

#include "tests/random.h"
#include "tests/unit/processors.h"
#include "whp/WinHvExits.h"
#include "x86/gpr.h"
#include "x86/msr.h"

#define N_CPUS	4u
#define N_VPS	3u /* each on the processor of its number; the last processor is the client */
#define N_STEPS 5000u
#define NMI	0x400u

static struct {
	uint64_t handle, pages[N_VPS];
	uint32_t n_left;       /* steps of the ball; atomic */
	uint32_t bell[N_VPS];  /* rung by drivers whose Run has woken the VP; atomic */
	bool is_passed_on;     /* by the VPs; else the client throws it, and they drop it */
	bool listens_to_bells; /* a driver that sleeps looks at its bell, else at `wake` */
	uint32_t n_idle;       /* Runs that have answered WHIT_S_IDLE; atomic */
	uint32_t n_woken;      /* wake-ups that a sender was told of; atomic */
} world;

static _Thread_local struct {
	struct random random;
	bool has_ball, is_x2;
} me;

static uint32_t steps_left(void)
{
	return __atomic_load_n(&world.n_left, __ATOMIC_SEQ_CST);
}

static void exit_wrmsr(struct virt_vp *vp, struct virt_exit *exit, uint32_t msr, uint64_t value)
{
	exit->reason = VIRT_EXIT_WRMSR;
	exit->insn_length = 2;
	virt_regs(vp)->gpr[X86_RCX] = msr;
	gpr_set_edx_eax(virt_regs(vp)->gpr, value);
}

/* Some time passes, or a kick comes. */
static bool is_kicked_soon(void)
{
	for (uint64_t n = random_below(&me.random, 50); n--;)
		if (fake_is_kicked())
			return true;
	return fake_is_kicked();
}

static void catch_ball(void)
{
	const uint32_t left = steps_left();

	MUST(!me.has_ball);
	me.has_ball = world.is_passed_on;
	if (left)
		__atomic_store_n(&world.n_left, left - 1, __ATOMIC_SEQ_CST);
}

/* Catch the ball and pass it to another VP, or sleep until it comes. */
static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint32_t index = virt_cpu();
	const uint32_t to = (index + 1 + (uint32_t)random_below(&me.random, N_VPS - 1)) % N_VPS;

	if (vp->injected.type == VIRT_EVENT_NMI)
		catch_ball();
	if (is_kicked_soon()) {
		exit->reason = VIRT_EXIT_KICK;
	} else if (!me.is_x2) {
		me.is_x2 = true;
		exit_wrmsr(vp, exit, MSR_APIC_BASE,
			   APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_EXTD |
				   (index ? 0 : APIC_BASE_BSP));
	} else if (me.has_ball) {
		me.has_ball = false;
		exit_wrmsr(vp, exit, 0x830, (uint64_t)to << 32 | NMI);
	} else if (random_chance(&me.random, 50)) {
		/* Whoever was woken has to start without this VP's doing anything more. */
		WAIT_FOR(!steps_left() || fake_is_kicked());
		exit->reason = VIRT_EXIT_KICK;
	} else {
		exit->reason = VIRT_EXIT_HLT;
		exit->insn_length = 1;
	}
}

/* Whom has this VP woken? */
static void ring_bells(struct whit_vp_page *page)
{
	uint64_t bits = __atomic_exchange_n(&page->wake_vps[0], 0, __ATOMIC_ACQ_REL);

	for (; bits; bits &= bits - 1) {
		__atomic_store_n(&world.bell[__builtin_ctzll(bits)], 1u, __ATOMIC_RELEASE);
		__atomic_fetch_add(&world.n_woken, 1u, __ATOMIC_RELAXED);
	}
}

static void sleep_until_woken(const struct whit_vp_page *page, uint32_t index)
{
	uint32_t *const bell = &world.bell[index];

	__atomic_fetch_add(&world.n_idle, 1u, __ATOMIC_RELAXED);
	while (steps_left()) {
		if (world.listens_to_bells ? __atomic_exchange_n(bell, 0, __ATOMIC_ACQ_REL)
					   : __atomic_load_n(&page->wake, __ATOMIC_ACQUIRE))
			break;
		sched_yield();
	}
}

/* The driver of a VP, as docs/hypercalls.md has it. */
static void drive(uint32_t index)
{
	struct whit_vp_page *const page = at(world.pages[index]);
	uint32_t result;

	me.random.state = index + 1;
	me.is_x2 = false;
	me.has_ball = world.is_passed_on && !index;
	while (steps_left()) {
		__atomic_store_n(&page->wake, 0, __ATOMIC_RELEASE);
		result = CALL(WHIT_CALL_RUN_VP, world.handle, index);
		MUST(result == WHIT_S_AGAIN || result == WHIT_S_IDLE);
		ring_bells(page);
		if (result == WHIT_S_IDLE)
			sleep_until_woken(page, index);
	}
}

static void be_client(void)
{
	while (!world.is_passed_on && steps_left()) {
		const uint32_t left = steps_left();

		MUST_EQ(CALL(WHIT_CALL_REQUEST_INTERRUPT, world.handle, WHvX64InterruptTypeNmi,
			     random_below(&me.random, N_VPS)),
			S_OK);
		WAIT_FOR(steps_left() != left);
	}
}

static void work(uint32_t cpu)
{
	if (cpu < N_VPS)
		drive(cpu);
	else
		be_client();
}

static void play_with(bool is_passed_on, bool listens_to_bells)
{
	machine_of_cpus(256 * MIB, N_CPUS);
	memset(&world, 0, sizeof(world));
	world.n_left = N_STEPS;
	world.is_passed_on = is_passed_on;
	world.listens_to_bells = listens_to_bells;
	world.handle = set_up_with(64, N_VPS, WHvX64LocalApicEmulationModeX2Apic, 0);
	for (uint32_t i = 0; i < N_VPS; i++) {
		world.pages[i] = test_pages(1);
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, world.handle, i, 0, world.pages[i]), S_OK);
	}
	fake.play = play;
	on_processors(work, 120);
	delete_all(world.handle);
	check_clean();
	REQUIRE(world.n_idle > 100);
}

static void ipis_reach_vps_whose_drivers_look_at_wake(void)
{
	play_with(true, false);
}

static void ipis_reach_vps_whose_drivers_are_called_by_the_senders(void)
{
	play_with(true, true);
	REQUIRE(world.n_woken > 100);
}

static void requests_reach_vps(void)
{
	play_with(false, false);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(ipis_reach_vps_whose_drivers_look_at_wake),
		TEST(ipis_reach_vps_whose_drivers_are_called_by_the_senders),
		TEST(requests_reach_vps),
	};

	fake_tells_insns();
	return RUN(tests);
}
