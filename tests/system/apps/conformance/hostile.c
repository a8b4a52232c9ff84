// SPDX-License-Identifier: MIT
/*
 * Bad input: random hypercalls by the ten thousand, and guests that do what no guest should. Each gives a result
 * of its documentation; the root lives on, and every page is back in the end.
 *
 * The random calls come from a generator with a fixed seed. What could harm the root itself by the root's own
 * will is left out: buffers and loans outside of our arena that are RAM.
 */
#include "tests/random.h"
#include "tests/system/apps/conformance/check.h"

#include "root/call/hypercall.h"
#include "root/call/platform.h"
#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/timer.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/rflags.h"

#define N_CALLS	    10000u
#define ARENA_PAGES 2048u
#define MAX_HANDLES 6u /* few, so that each gets far */

DECLARE_GUEST(halt);
DECLARE_GUEST(run_away);
DECLARE_GUEST(paging_from_nothing);
DECLARE_GUEST(paging_by_itself);
DECLARE_GUEST(bad_idt);
DECLARE_GUEST(bad_stack);
DECLARE_GUEST(fault_storm);
DECLARE_GUEST(ac_storm);
DECLARE_GUEST(db_storm);
DECLARE_GUEST(port_storm);
DECLARE_GUEST(cpuid_storm);
DECLARE_GUEST(jump);
DECLARE_GUEST(loop_forever);
DECLARE_GUEST(ud2);

static struct random rng;
static uint8_t *arena;
static uint64_t handles[MAX_HANDLES];
static unsigned int n_handles;
static uint64_t stale_handle; /* of a partition that has gone */

static uint64_t pick(uint64_t n)
{
	return random_below(&rng, n);
}

/* A number that is small, or on an edge, or anything. */
static uint64_t any_number(void)
{
	switch (pick(8)) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return 1ull << pick(64);
	case 3: return (1ull << pick(64)) - 1;
	case 4: return random_next(&rng);
	case 5: return pick(256) * 4096;
	default: return pick(32);
	}
}

static uint64_t any_handle(void)
{
	if (n_handles && pick(16))
		return handles[pick(n_handles)];
	return pick(2) ? stale_handle : any_number();
}

/* An address in the arena with n_bytes of it behind, aligned or not; or one that is not RAM at all. */
static uint64_t any_address(uint64_t n_bytes)
{
	uint64_t room = ARENA_PAGES * 4096ull - n_bytes;

	switch (pick(8)) {
	case 0: return 0xfee00000 + pick(4096);
	case 1: return 1ull << (52 + pick(12));
	case 2: return ~0ull - pick(4096);
	case 3: return (uintptr_t)arena + pick(room);
	case 4: return (uintptr_t)arena + (pick(room) & ~7ull);
	default: return (uintptr_t)arena + (pick(room) & ~0xfffull);
	}
}

static uint64_t any_gpa(void)
{
	return pick(4) ? pick(1u << 20) << 12 : any_number();
}

/* Few pages of the arena, or more than any call takes. */
static uint64_t any_pages(void)
{
	return pick(4) ? pick(24) : WHIT_MAX_LEND + 1 + pick(1u << 20);
}

/* Bytes in the arena, or so many, or such, that the call must be refused. */
static uint64_t any_range(void)
{
	switch (pick(6)) {
	case 0: return 0;
	case 1: return pick(4096);
	case 2: return 1ull << (41 + pick(23));
	default: return (1 + pick(24)) * 4096;
	}
}

static uint64_t any_property(void)
{
	switch (pick(8)) {
	case 0: return any_number();
	case 1: return WhitPartitionPropertyCodeEmulation + pick(3);
	case 2: return WHvPartitionPropertyCodeProcessorCount;
	case 3:
	case 4: return pick(16);
	default: return 0x1000 + pick(0x14);
	}
}

static void delete_all(void)
{
	struct hypercall_result result;

	for (unsigned int i = 0; i < n_handles; i++)
		while (hypercall5(WHIT_CALL_DELETE_PARTITION, handles[i], 0, 0, 0, 0, &result) ==
		       WHIT_S_AGAIN)
			platform_take_interrupts();
	n_handles = 0;
}

/* Most are set up as they should be, so that there is something behind the first door. */
static void note_handle(uint64_t handle)
{
	static uint64_t n_processors = 3;
	struct hypercall_result result;

	handles[n_handles++] = handle;
	if (!pick(4))
		return;
	(void)hypercall5(WHIT_CALL_SET_PROPERTY, handle, WHvPartitionPropertyCodeProcessorCount,
			 (uintptr_t)&n_processors, 4, 0, &result);
	(void)hypercall5(WHIT_CALL_SETUP_PARTITION, handle, 0, 0, 0, 0, &result);
}

static void forget_handle(uint64_t handle)
{
	for (unsigned int i = 0; i < n_handles; i++) {
		if (handles[i] == handle) {
			handles[i] = handles[--n_handles];
			stale_handle = handle;
			return;
		}
	}
}

/* Parameters in the order RCX RDX R8 R9 R10. The names of the calls say what they are. */
static uint32_t random_call(uint64_t code, struct hypercall_result *result)
{
	uint64_t handle = any_handle(), vp = pick(4) ? pick(3) : any_number();
	uint64_t n = pick(4) ? 1 + pick(16) : any_number();
	uint32_t status;

	switch (code) {
	case WHIT_CALL_GET_CAPABILITY:
		return hypercall5(code, pick(2) ? pick(8) : 0x1000 + pick(16), any_address(64), n,
				  0, 0, result);
	case WHIT_CALL_CREATE_PARTITION:
		n = any_pages();
		return hypercall5(code, any_address(24 * 4096), n, 0, 0, 0, result);
	case WHIT_CALL_LEND:
		n = any_pages();
		return hypercall5(code, handle, any_address(24 * 4096), n, 0, 0, result);
	case WHIT_CALL_GET_PROPERTY:
	case WHIT_CALL_SET_PROPERTY:
		return hypercall5(code, handle, any_property(), any_address(512),
				  pick(2) ? 4 + 4 * pick(12) : pick(300), 0, result);
	case WHIT_CALL_MAP_GPA_RANGE:
		return hypercall5(code, handle, any_address(24 * 4096), any_gpa(), any_range(),
				  pick(4) ? pick(16) : any_number(), result);
	case WHIT_CALL_UNMAP_GPA_RANGE:
		return hypercall5(code, handle, any_gpa(), any_range(), 0, 0, result);
	case WHIT_CALL_TRANSLATE_GVAS:
		return hypercall5(code, handle, vp, any_address(4096), pick(130),
				  pick(4) ? pick(0x20) | pick(2) << 31 : any_number(), result);
	case WHIT_CALL_PROTECT_GPA_RANGE:
		return hypercall5(code, handle, any_gpa(), any_range(), pick(4) ? pick(16) : n, 0,
				  result);
	case WHIT_CALL_MAP_GPA_LIST:
		return hypercall5(code, handle, any_gpa(), any_address(4096), n, pick(16), result);
	case WHIT_CALL_QUERY_DIRTY:
		return hypercall5(code, handle, any_gpa(), any_range(), any_address(512),
				  pick(4) ? pick(2) : n, result);
	case WHIT_CALL_ADVISE_GPA_RANGE:
		return hypercall5(code, handle, any_gpa(), any_range(), pick(4),
				  pick(2) ? 0 : any_number(), result);
	case WHIT_CALL_READ_GPA_RANGE:
	case WHIT_CALL_WRITE_GPA_RANGE:
		return hypercall5(code, handle, vp, any_address(40), 0, 0, result);
	case WHIT_CALL_TRANSLATE_GVA:
		return hypercall5(code, handle, vp, any_number(), pick(0x400), 0, result);
	case WHIT_CALL_CREATE_VP:
		return hypercall5(code, handle, vp, pick(4) ? 0 : any_number(), any_address(4096),
				  0, result);
	case WHIT_CALL_RUN_VP:
		/* Canceled first: the guest is not entered, since its memory is anything. */
		(void)hypercall5(WHIT_CALL_CANCEL_RUN_VP, handle, vp, 0, 0, 0, result);
		return hypercall5(code, handle, vp, any_number(), any_number(), 0, result);
	case WHIT_CALL_GET_REGISTERS:
	case WHIT_CALL_SET_REGISTERS:
		return hypercall5(code, handle, vp, any_address(WHIT_MAX_REGISTERS * 4),
				  pick(4) ? pick(40) : any_number(),
				  any_address(WHIT_MAX_REGISTERS * 16), result);
	case WHIT_CALL_PARTITION_COUNTERS:
		return hypercall5(code, handle, pick(3), any_address(256), pick(4) ? pick(128) : n,
				  0, result);
	case WHIT_CALL_VP_COUNTERS:
	case WHIT_CALL_GET_VP_STATE:
	case WHIT_CALL_SET_VP_STATE:
		return hypercall5(code, handle, vp, pick(2) ? pick(8) : 0x1000 + pick(4),
				  any_address(8192), pick(4) ? pick(8192) : n, result);
	case WHIT_CALL_CPUID_OUTPUT:
		return hypercall5(code, handle, vp, any_number(), pick(32), any_address(16),
				  result);
	case WHIT_CALL_INTERRUPT_TARGETS:
		return hypercall5(code, handle, any_number(), pick(3), any_address(32), 0, result);
	case WHIT_CALL_REQUEST_INTERRUPT:
		return hypercall5(code, handle, pick(2) ? pick(0x2000) : any_number(), any_number(),
				  0, 0, result);
	case WHIT_CALL_READ_LOG:
		return hypercall5(code, any_number(), any_address(4096), pick(4096), 0, 0, result);
	case WHIT_CALL_STATS:
		return hypercall5(code, any_address(1024), pick(1024), 0, 0, 0, result);
	case WHIT_CALL_DELETE_PARTITION:
		status = hypercall5(code, handle, 0, 0, 0, 0, result);
		if (!status)
			forget_handle(handle);
		return status;
	default:
		return hypercall5(code, handle, vp, any_number(), any_number(), any_number(),
				  result);
	}
}

static bool is_call(uint64_t code)
{
	static const uint64_t no_calls = 1ull << 0 | 1ull << 11 | 1ull << 15 | 1ull << 36;

	if (code <= WHIT_CALL_SET_VP_STATE)
		return !(no_calls >> code & 1);
	return code == WHIT_CALL_CPUID_OUTPUT || code == WHIT_CALL_INTERRUPT_TARGETS ||
	       (code >= WHIT_CALL_VERSION && code <= WHIT_CALL_SET_TSC);
}

static uint64_t pick_code(void)
{
	const uint64_t code = pick(37);

	switch (pick(16)) {
	case 0: return pick(2) ? any_number() : 36 + pick(32);
	case 1: return 0x100 + pick(9);
	case 2: return WHIT_CALL_CREATE_PARTITION;
	case 3: return WHIT_CALL_SETUP_PARTITION;
	case 4: return WHIT_CALL_CREATE_VP;
	case 5: return WHIT_CALL_MAP_GPA_RANGE;
	default: break;
	}
	/* Rarely, so that there are partitions with something in them. */
	if ((code == WHIT_CALL_DELETE_PARTITION || code == WHIT_CALL_DELETE_VP) && pick(32))
		return WHIT_CALL_GET_REGISTERS;
	return code;
}

/* No partition beyond those that are remembered, wherever the number of the call comes from. */
static uint64_t any_code(void)
{
	const uint64_t code = pick_code();

	return code == WHIT_CALL_CREATE_PARTITION && n_handles == MAX_HANDLES ? WHIT_CALL_LEND
									      : code;
}

static void fill_arena(void)
{
	uint64_t *words = (uint64_t *)(void *)arena;

	for (unsigned int i = 0; i < ARENA_PAGES * 512; i++)
		words[i] = any_number();
	/* Names that exist, here and there, and a count of processors. */
	for (unsigned int i = 0; i < ARENA_PAGES; i++) {
		uint32_t *names = (uint32_t *)(void *)(arena + i * 4096u);

		for (unsigned int j = 0; j < 64; j++)
			names[j] = (uint32_t)(pick(3) ? pick(0x2c) : 0x2000 + pick(16));
		names[0] = (uint32_t)pick(4);
		names[1] = 0;
	}
}

static void hostile_hypercalls_by_the_ten_thousand(void)
{
	struct hypercall_result result;
	struct whit_stats before, after;
	unsigned int n_succeeded = 0;

	arena = test_pages(ARENA_PAGES);
	CHECK(arena != NULL);
	CHECK_EQ(WhitGetStats(&before), S_OK);
	if (check_has_failed())
		return;
	rng.state = 0x57484954;
	fill_arena();
	for (unsigned int i = 0; i < N_CALLS; i++) {
		uint64_t code = any_code();
		uint32_t status = random_call(code, &result);

		if (status == 0)
			n_succeeded++;
		if (status == 0 && code == WHIT_CALL_CREATE_PARTITION)
			note_handle(result.rdx);
		if (!is_call(code))
			CHECK_EQ(status, WHIT_E_UNKNOWN_CALL);
	}
	delete_all();
	CHECK_EQ(WhitGetStats(&after), S_OK);
	CHECK_EQ(after.partitions, before.partitions);
	CHECK_EQ(after.lent_pages, before.lent_pages);
	/* It was not all refused at the door. */
	CHECK(n_succeeded > N_CALLS / 25);
	terminal_print("# %u of %u random hypercalls succeeded\n", n_succeeded, N_CALLS);
	/* All of the arena is ours again. */
	for (unsigned int i = 0; i < ARENA_PAGES; i++) {
		volatile uint64_t *word = (uint64_t *)(void *)(arena + i * 4096u);

		*word = i;
		CHECK_EQ(*word, i);
	}
}

static struct child child;

static void create(struct guest_code code)
{
	CHECK_EQ(child_create(&child, CHILD_PROT32, code, 0, 0), S_OK);
}

static void hostile_guest_faults_thrice(void)
{
	static const struct guest_code codes[] = { { guest_ud2, guest_ud2_end },
						   { guest_bad_idt, guest_bad_idt_end } };

	for (unsigned int i = 0; i < 2; i++) {
		create(codes[i]);
		CHECK(child_run(&child) == WHvRunVpExitReasonUnrecoverableException ||
		      child.exit.ExitReason == WHvRunVpExitReasonMemoryAccess);
		child_destroy(&child);
	}
}

static void hostile_guest_jumps_to_nothing(void)
{
	create(GUEST(jump));
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, 0x30000000), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, 0x30000000);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessExecute);
	child_destroy(&child);
}

static void hostile_guest_runs_off_the_end_of_memory(void)
{
	create(GUEST(run_away));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, CHILD_RAM);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessExecute);
	child_destroy(&child);
}

static void hostile_guest_has_page_tables_at_nothing(void)
{
	create(GUEST(paging_from_nothing));
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, 0x38000000), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa & ~0xfffull, 0x38000000);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.GpaUnmapped, 1);
	child_destroy(&child);
}

static void cancel_it(void)
{
	(void)WHvCancelRunVirtualProcessor(child.partition, 0, 0);
}

/* Whatever it does on such tables, it comes back: by itself, or canceled. */
static void hostile_guest_has_page_tables_at_themselves(void)
{
	uint64_t gpa;
	WHV_TRANSLATE_GVA_RESULT result;

	create(GUEST(paging_by_itself));
	CHECK(timer_start(1, false, cancel_it));
	CHECK(child_run(&child) != ~0u);
	timer_stop();
	CHECK_EQ(WHvTranslateGva(child.partition, 0, 0x12345678, 0, &result, &gpa), S_OK);
	CHECK_EQ(result.ResultCode, WHvTranslateGvaResultSuccess);
	CHECK_EQ(gpa, 0x10678);
	child_destroy(&child);
}

static void hostile_guest_has_no_stack(void)
{
	create(GUEST(bad_stack));
	child_gate(&child, CHILD_PROT32, EXC_UD);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.VpContext.ExecutionState.InterruptionPending, 1);
	child_destroy(&child);
}

static void hostile_guest_faults_for_ever(void)
{
	create(GUEST(fault_storm));
	child_gate(&child, CHILD_PROT32, EXC_UD);
	/* The handler is UD2 itself, on a stack that grows down to its end. */
	child.ram[CHILD_HANDLER] = guest_fault_storm[0];
	child.ram[CHILD_HANDLER + 1] = guest_fault_storm[1];
	CHECK(timer_start(1, false, cancel_it));
	CHECK(child_run(&child) != ~0u);
	timer_stop();
	child_destroy(&child);
}

/* CVE-2015-5307: no instruction ends between one #AC and the next, and still the cancel gets through. */
static void hostile_guest_faults_while_it_faults(void)
{
	uint64_t *gdt, *idt;

	create(GUEST(ac_storm));
	gdt = (uint64_t *)(void *)(child.ram + CHILD_GDT);
	idt = (uint64_t *)(void *)(child.ram + CHILD_IDT);
	gdt[1] |= 3ull << 45; /* DPL 3 */
	gdt[2] |= 3ull << 45;
	idt[EXC_AC] = (CHILD_HANDLER & 0xffff) | 0xbu << 16 | 0x8e00ull << 32;
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterCs, 0, ~0u, 0xb, 0xc0fb), S_OK);
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterSs, 0, ~0u, 0x13, 0xc0f3), S_OK);
	CHECK_EQ(
		child_set(&child, WHvX64RegisterCr0, child_get(&child, WHvX64RegisterCr0) | CR0_AM),
		S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_AC), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRsp, CHILD_STACK + 1), S_OK);
	CHECK(timer_start(1, false, cancel_it));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	timer_stop();
	child_destroy(&child);
}

/* CVE-2015-8104, the same with #DB. */
static void hostile_guest_traps_while_it_traps(void)
{
	const uint64_t tss = 0xc000, stack = 0x7000;
	uint64_t *idt;

	if (emulator_has(FAULT_BREAKPOINTS))
		return;
	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(db_storm), 0, 0), S_OK);
	child_gate(&child, CHILD_LONG, EXC_DB);
	idt = (uint64_t *)(void *)(child.ram + CHILD_IDT);
	idt[2 * EXC_DB] |= 1ull << 32; /* IST1 */
	*(uint32_t *)(void *)(child.ram + tss + 0x24) = (uint32_t)stack;
	CHECK_EQ(child_set_segment(&child, WHvX64RegisterTr, tss, 0x67, 24, 0x8b), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterDr0, stack - 8), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterDr7, 0x90401), S_OK); /* 8 bytes, writes */
	CHECK(timer_start(1, false, cancel_it));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	timer_stop();
	child_destroy(&child);
}

/* RFLAGS.IF is the guest's own affair: the root's interrupts and its cancel get through. */
static void hostile_guest_loops_with_interrupts_off(void)
{
	if (emulator_has(FAULT_IF))
		return;
	create(GUEST(loop_forever));
	CHECK(timer_start(1, false, cancel_it));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	timer_stop();
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	child_destroy(&child);
}

static void hostile_guest_tries_every_port(void)
{
	unsigned int n = 0;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(port_storm), WHIT_EMULATE_PORTS, 0),
		 S_OK);
	while (!check_has_failed() && child_run(&child) == WhitRunVpExitReasonDeviceAccess)
		n++;
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonX64Halt);
	CHECK_EQ(n, 2 * 65536);
	child_destroy(&child);
}

static void hostile_guest_tries_all_of_cpuid(void)
{
	create(GUEST(cpuid_storm));
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, 2000), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void hostile_guests_leave_no_page_behind(void)
{
	struct whit_stats stats;

	CHECK_EQ(WhitGetStats(&stats), S_OK);
	CHECK_EQ(stats.partitions, 0);
	CHECK_EQ(stats.lent_pages, 0);
	create(GUEST(halt));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

void hostile_checks(void)
{
	static const struct test tests[] = {
		TEST(hostile_hypercalls_by_the_ten_thousand),
		TEST(hostile_guest_faults_thrice),
		TEST(hostile_guest_jumps_to_nothing),
		TEST(hostile_guest_runs_off_the_end_of_memory),
		TEST(hostile_guest_has_page_tables_at_nothing),
		TEST(hostile_guest_has_no_stack),
		TEST(hostile_guest_tries_every_port),
		TEST(hostile_guest_tries_all_of_cpuid),
		/* Last, since only a hypervisor that works comes back from them. */
		TEST(hostile_guest_faults_for_ever),
		TEST(hostile_guest_faults_while_it_faults),
		TEST(hostile_guest_traps_while_it_traps),
		TEST(hostile_guest_has_page_tables_at_themselves),
		TEST(hostile_guest_loops_with_interrupts_off),
		TEST(hostile_guests_leave_no_page_behind),
	};

	RUN(tests);
}
