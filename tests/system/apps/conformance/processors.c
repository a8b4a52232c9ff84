// SPDX-License-Identifier: MIT
/*
 * A second processor of the root: a VP moves to it and back, and what the suite's own does to a VP that runs there is in force
 * when the call returns. On a machine with one processor there is nothing to check here: tests/system/processors has several.
 */
#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/conformance/child.h"

#include "tests/system/apps/conformance/idt.h"
#include "tests/system/apps/conformance/place.h"
#include "tests/system/apps/insn.h"
#include "whit/whp_extension.h"

DECLARE_GUEST(processors_count);
DECLARE_GUEST(processors_read);
DECLARE_GUEST(processors_write);

#define VECTOR_NMI 2u
#define ICR_NMI	   0x4400u

void nmi_entry(void);
extern volatile uint32_t nmi_count;

#define N_ROUNDS 20u

static struct child child;

/* ---- The second processor ---------------------------------------------------------------- */

/*
 * It is there for one long call, in which it runs the child whenever it is asked to: firmware itself would take a tenth of a
 * second to notice that a processor is free again.
 */
static struct {
	volatile bool has_begun, is_asked, is_let_go;
	volatile HRESULT hr; /* of its last Run */
	uint32_t apic_id;
	struct idt idt;
} second;

static void serve(void)
{
	struct x86_cpuid id;

	insn_cpuid(1, 0, &id);
	second.apic_id = id.ebx >> 24;
	idt_take(&second.idt);
	idt_set(&second.idt, VECTOR_NMI, nmi_entry);
	second.has_begun = true;
	while (!second.is_let_go) {
		if (second.is_asked) {
			second.hr = WHvRunVirtualProcessor(child.partition, 0, &child.exit,
							   sizeof(child.exit));
			__atomic_store_n(&second.is_asked, false, __ATOMIC_RELEASE);
		}
		__builtin_ia32_pause();
	}
	idt_give_back(&second.idt);
}

static void processors_there_is_a_second_one(void)
{
	/* The children's memory is there before the boot processor has no time for it. */
	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_count), 0, 0), S_OK);
	child_destroy(&child);
	if (!check_has_failed())
		CHECK(place_begin(serve));
	while (!check_has_failed() && !second.has_begun)
		__builtin_ia32_pause();
}

static void let_second_go(void)
{
	second.is_let_go = true;
	place_join();
}

/* Let it run the child to its next exit. */
static void start(void)
{
	second.hr = E_FAIL;
	__atomic_store_n(&second.is_asked, true, __ATOMIC_RELEASE);
}

static bool is_running(void)
{
	return __atomic_load_n(&second.is_asked, __ATOMIC_ACQUIRE);
}

static void wait(void)
{
	while (is_running())
		__builtin_ia32_pause();
}

static bool run_there(void)
{
	start();
	wait();
	return SUCCEEDED(second.hr);
}

/* Memory that the child changes. */
static uint64_t word_at(uint64_t gpa)
{
	return *(volatile uint64_t *)(void *)(child.ram + gpa);
}

/* The last page of its RAM is at CHILD_ROM, too. */
#define SHARED (CHILD_RAM - 4096)

static HRESULT map_shared(UINT32 flags)
{
	return WHvMapGpaRange(child.partition, child.ram + SHARED, CHILD_ROM, 4096,
			      (WHV_MAP_GPA_RANGE_FLAGS)flags);
}

/* It runs there, and gets on. */
static bool start_child(struct guest_code code, uint64_t counter)
{
	uint64_t before;

	child_load(&child, code);
	before = word_at(counter);
	start();
	while (word_at(counter) < before + 10 && is_running())
		__builtin_ia32_pause();
	return is_running();
}

/* ---- A VP moves -------------------------------------------------------------------------- */

static const struct {
	UINT32 name;
	uint64_t value;
} kept[] = {
	{ WHvX64RegisterDr0, 0x1111 },
	{ WHvX64RegisterDr3, 0x3333 },
	{ WHvX64RegisterLstar, 0xffff800000001000 },
	{ WHvX64RegisterStar, 0x0023000800000000 },
	{ WHvX64RegisterKernelGsBase, 0x777000 },
	{ WHvX64RegisterCr2, 0x222000 },
	{ WHvX64RegisterSysenterEip, 0x5000 },
	{ WHvX64RegisterPat, 0x0007040600070406 },
};

#define N_KEPT (sizeof(kept) / sizeof(kept[0]))

static void processors_a_vp_moves_with_all_its_registers(void)
{
	const uint64_t step = 3;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_count), 0, 0), S_OK);
	for (unsigned int i = 0; i < N_KEPT; i++)
		CHECK_EQ(child_set(&child, kept[i].name, kept[i].value), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterXmm1, step), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterR13, step), S_OK);
	for (uint64_t i = 1; i <= 2 * N_ROUNDS; i++) {
		if (i * i / 3 % 2)
			CHECK(run_there());
		else
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
		CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonX64IoPortAccess);
		CHECK_EQ(child.page->gpr[0], i * step);
		CHECK_EQ(child.page->gpr[12], i * step);
		child.page->rip = child.exit.VpContext.Rip + 2;
		child.page->dirty |= WHIT_PAGE_RIP;
		for (unsigned int k = 0; k < N_KEPT; k++)
			CHECK_EQ(child_get(&child, kept[k].name), kept[k].value);
	}
	child_destroy(&child);
}

/* ---- What is done to one that runs -------------------------------------------------------- */

static void processors_an_unmapped_page_is_gone_when_the_call_returns(void)
{
	uint64_t after;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_read), 0, 0), S_OK);
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead), S_OK);
		CHECK(start_child(GUEST(processors_read), CHILD_DATA));
		CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_ROM, 4096), S_OK);
		after = word_at(CHILD_DATA);
		wait();
		CHECK(word_at(CHILD_DATA) - after <= 1); /* what it had read before */
		CHECK_EQ(second.hr, S_OK);
		CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonMemoryAccess);
		CHECK_EQ(child.exit.MemoryAccess.Gpa, CHILD_ROM);
	}
	child_destroy(&child);
}

static void processors_a_protected_page_is_so_when_the_call_returns(void)
{
	uint64_t after;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
		CHECK(start_child(GUEST(processors_write), SHARED));
		if (i % 2)
			CHECK_EQ(WhitProtectGpaRange(child.partition, CHILD_ROM, 4096,
						     WHvMapGpaRangeFlagRead),
				 S_OK);
		else
			CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead), S_OK);
		after = word_at(SHARED);
		wait();
		CHECK_EQ(word_at(SHARED), after);
		CHECK_EQ(second.hr, S_OK);
		CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonMemoryAccess);
		CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessWrite);
	}
	child_destroy(&child);
}

/* Other pages come while it runs: it need not notice, and goes on. */
static void processors_a_mapping_elsewhere_does_not_stop_it(void)
{
	uint64_t before;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
	CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
	CHECK(start_child(GUEST(processors_write), SHARED));
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK_EQ(WHvMapGpaRange(child.partition, child.ram, CHILD_MMIO, 0x10000,
					WHvMapGpaRangeFlagRead),
			 S_OK);
		CHECK_EQ(WHvUnmapGpaRange(child.partition, CHILD_MMIO, 0x10000), S_OK);
		before = word_at(SHARED);
		while (word_at(SHARED) == before && is_running())
			__builtin_ia32_pause();
		CHECK(is_running());
	}
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	wait();
	child_destroy(&child);
}

static void processors_a_cancel_reaches_one_that_runs_elsewhere(void)
{
	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
	CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK(start_child(GUEST(processors_write), SHARED));
		CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
		wait();
		CHECK_EQ(second.hr, S_OK);
		CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonCanceled);
	}
	child_destroy(&child);
}

/* One that runs is its processor's alone. */
static void processors_a_running_vp_is_nobody_elses(void)
{
	WHV_REGISTER_NAME names[1] = { WHvX64RegisterLstar };
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };
	WHV_RUN_VP_EXIT_CONTEXT exit;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
	CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
	CHECK(start_child(GUEST(processors_write), SHARED));
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, &exit, sizeof(exit)),
			 WHV_E_INVALID_VP_STATE);
		CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, &value),
			 WHV_E_INVALID_VP_STATE);
	}
	CHECK(is_running());
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	wait();
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonCanceled);
	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 1, &value), S_OK);
	child_destroy(&child);
}

static void processors_a_partition_is_deleted_while_it_runs_elsewhere(void)
{
	for (unsigned int i = 0; i < N_ROUNDS; i++) {
		CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
		CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
		CHECK(start_child(GUEST(processors_write), SHARED));
		CHECK_EQ(WHvDeletePartition(child.partition), S_OK);
		wait();
		CHECK(FAILED(second.hr) || child.exit.ExitReason == WHvRunVpExitReasonCanceled);
		child.partition = NULL;
	}
}

/* ---- NMIs -------------------------------------------------------------------------------- */

/* Memory is lent and comes back: each time the root of every processor is made to leave its guest. */
static void kick_roots(void)
{
	WHV_PARTITION_HANDLE other;
	UINT32 n = 1;

	CHECK_EQ(WHvCreatePartition(&other), S_OK);
	CHECK_EQ(WHvSetPartitionProperty(other, WHvPartitionPropertyCodeProcessorCount, &n,
					 sizeof(n)),
		 S_OK);
	CHECK_EQ(WHvSetupPartition(other), S_OK);
	CHECK_EQ(WHvDeletePartition(other), S_OK);
}

/* `n` NMIs in all, each after kicks. */
static void count_to(uint32_t n)
{
	while (nmi_count < n) {
		const uint32_t before = nmi_count;

		kick_roots();
		CHECK_EQ(nmi_count, before);
		place_send(second.apic_id, ICR_NMI);
		for (uint32_t patience = 0; nmi_count == before && patience < 100000000; patience++)
			__builtin_ia32_pause();
		CHECK_EQ(nmi_count, before + 1);
		if (nmi_count == before)
			return;
	}
}

static void processors_nmis_are_the_roots_and_kicks_are_not(void)
{
	CHECK_EQ(nmi_count, 0); /* all that has been before were kicks */
	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(processors_write), 0, 0), S_OK);
	CHECK_EQ(map_shared(WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite), S_OK);
	CHECK(start_child(GUEST(processors_write), SHARED));
	count_to(N_ROUNDS); /* in the child */
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	wait();
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonCanceled);
	count_to(2 * N_ROUNDS); /* in the root */
	kick_roots();
	CHECK_EQ(nmi_count, 2 * N_ROUNDS);
	child_destroy(&child);
}

void processors_checks(void)
{
	static const struct test first[] = { TEST(processors_there_is_a_second_one) };
	static const struct test tests[] = {
		TEST(processors_a_vp_moves_with_all_its_registers),
		TEST(processors_an_unmapped_page_is_gone_when_the_call_returns),
		TEST(processors_a_protected_page_is_so_when_the_call_returns),
		TEST(processors_a_mapping_elsewhere_does_not_stop_it),
		TEST(processors_a_cancel_reaches_one_that_runs_elsewhere),
		TEST(processors_a_running_vp_is_nobody_elses),
		TEST(processors_a_partition_is_deleted_while_it_runs_elsewhere),
		TEST(processors_nmis_are_the_roots_and_kicks_are_not),
	};

	if (!place_has_second())
		return;
	RUN(first);
	if (!second.has_begun)
		return;
	RUN(tests);
	let_second_go();
}
