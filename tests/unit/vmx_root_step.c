// SPDX-License-Identifier: MIT
/* The root's steps of one instruction in another space, by the monitor trap flag. */
#include "tests/unit/vmx.h"

#include "x86/apic.h"

static struct virt_space other;

static void step(void)
{
	virt_root_step(root, &other, true);
}

static void go_on(void)
{
	virt_root_step(root, &root_space, false);
}

static void check(const struct virt_space *space, bool is_stepping)
{
	CHECK_EQ(vtx_get(VMCS_EPT_POINTER), space->token);
	CHECK_EQ(!!(vtx_get(VMCS_PROC_CONTROLS) & PROC_MONITOR_TRAP), is_stepping);
}

static void begin(void)
{
	machine(0);
	REQUIRE(virt_machine.has_step);
	REQUIRE(virt_space_create(&other, &pages));
	CHECK(other.token != root_space.token);
	run_to(root, REASON_CPUID, 0);
	check(&root_space, false);
}

static void a_step_is_made_in_the_other_space_and_ends(void)
{
	begin();
	for (unsigned int i = 0; i < 3; i++) {
		step();
		check(&other, true);
		CHECK_EQ(run_to(root, REASON_MONITOR_TRAP, 0).reason, VIRT_EXIT_STEP);
		go_on();
		check(&root_space, false);
		CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	}
}

/* While nothing has changed; virt_renew() in a step is of that space, and before of the root's. */
static void only_what_is_renewed_is_forgotten(void)
{
	uint64_t before;

	begin();
	before = vtx.n_flushes;
	step();
	run_to(root, REASON_MONITOR_TRAP, 0);
	go_on();
	run_to(root, REASON_CPUID, 0);
	CHECK_EQ(vtx.n_flushes, before);
	step();
	virt_renew(root);
	run_to(root, REASON_MONITOR_TRAP, 0);
	check(&other, true);
	CHECK_EQ(vtx.n_flushes, before + 1);
	go_on();
	run_to(root, REASON_CPUID, 0);
	CHECK_EQ(vtx.n_flushes, before + 1);
	virt_renew(root);
	run_to(root, REASON_CPUID, 0);
	check(&root_space, false);
	CHECK_EQ(vtx.n_flushes, before + 2);
}

/* An exit that the backend answers itself does not end it. */
static void a_step_outlives_what_hv_does_not_see(void)
{
	begin();
	step();
	then(REASON_UMWAIT, 0);
	with(VMCS_EXIT_INSTRUCTION_LENGTH, 4);
	then(REASON_MONITOR_TRAP, 0);
	CHECK_EQ(run(root).reason, VIRT_EXIT_STEP);
	check(&other, true);
}

static void a_step_that_is_violated_is_one_like_any_other(void)
{
	struct virt_exit exit;

	begin();
	step();
	then(REASON_EPT_VIOLATION, QUAL_EPT_WRITE);
	with(VMCS_GUEST_PHYSICAL_ADDRESS, 0x1234000);
	exit = run(root);
	CHECK_EQ(exit.reason, VIRT_EXIT_MEMORY);
	CHECK_EQ(exit.memory.gpa.a, 0x1234000);
	go_on();
	check(&root_space, false);
}

/* An INIT in a step: the root waits for its SIPI in its own space, and starts without a step. */
static void an_init_ends_the_step(void)
{
	begin();
	vtx_msr(MSR_APIC_BASE)->value = APIC_PAGE | APIC_BASE_ENABLE; /* not the first processor */
	step();
	CHECK_EQ(run_to(root, REASON_INIT, 0).reason, VIRT_EXIT_NOTHING);
	CHECK(virt_waits(root));
	go_on();
	check(&root_space, false);
	CHECK_EQ(vtx_get(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_WAIT_FOR_SIPI);
	CHECK_EQ(run_to(root, REASON_SIPI, 8).reason, VIRT_EXIT_NOTHING);
	CHECK_EQ(root->regs.rip, 0);
	CHECK_EQ(run_to(root, REASON_CPUID, 0).reason, VIRT_EXIT_CPUID);
	check(&root_space, false);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(a_step_is_made_in_the_other_space_and_ends),
		TEST(only_what_is_renewed_is_forgotten),
		TEST(a_step_outlives_what_hv_does_not_see),
		TEST(a_step_that_is_violated_is_one_like_any_other),
		TEST(an_init_ends_the_step),
	};

	return RUN(tests);
}
