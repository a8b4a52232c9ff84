/* SPDX-License-Identifier: MIT */
/* hv/call/hypercall.c: the calling convention, buffers, and the way through to a run. */
#include "tests/unit/machine.h"

#include "hv/mem/buffer.h"

#include "whit/log.h"
#include "x86/cr.h"

static void calls_that_do_not_exist(void)
{
	static const uint64_t codes[] = { 0,	      11,    15,    21,	     22,
					  0xff,	      0x10f, 0x200, 0x10000, 1ull << 32 | 1,
					  1ull << 63, ~0ull };

	machine(256 * MIB);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		REQUIRE_EQ(CALL(codes[i], 1, 2, 3, 4, 5), WHIT_E_UNKNOWN_CALL);
		REQUIRE_EQ(out_rdx, 2); /* not touched */
		REQUIRE_EQ(out_r8, 3);
	}
	REQUIRE_EQ(test_root.hypercalls, sizeof(codes) / sizeof(codes[0]));
	check_clean();
}

static void version(void)
{
	machine(256 * MIB);
	REQUIRE_EQ(CALL(WHIT_CALL_VERSION, 1, 2, 3), S_OK);
	REQUIRE_EQ(out_rdx, WHIT_ABI_VERSION);
	REQUIRE_EQ(out_r8, 3);
}

static void log_can_be_read(void)
{
	uint64_t buffer, position, end;

	machine(256 * MIB);
	buffer = test_pages(4);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, 0, buffer, 4 * PAGE_SIZE), S_OK);
	end = out_r8;
	log_line(LOG_NOTICE, "hello %u", 42u);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, end, buffer, 4 * PAGE_SIZE), S_OK);
	REQUIRE_EQ(out_rdx, 9);
	REQUIRE(!memcmp(at(buffer), "hello 42\n", 9));
	position = out_r8;
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, position, buffer, 64), S_OK);
	REQUIRE_EQ(out_rdx, 0);
	REQUIRE_EQ(out_r8, position);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, end, buffer, 5), S_OK);
	REQUIRE_EQ(out_rdx, 5);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, out_r8, buffer, ~0ull),
		   S_OK); /* cut to the ring's size */
	REQUIRE_EQ(out_rdx, 4);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, 0, buffer + 1, 8), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, 0, BLOCK_BASE, 8), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_READ_LOG, 0, 256 * MIB - 8, 16), E_POINTER);
}

/* The processor's numbers, and the one under which the root finds them. */
static void exits_are_found_under_the_documented_numbers(void)
{
	static const struct {
		enum virt_exit_reason reason;
		enum whit_exit_counter counter;
	} known[] = { { VIRT_EXIT_INTERRUPT, WHIT_EXIT_INTERRUPT },
		      { VIRT_EXIT_CPUID, WHIT_EXIT_CPUID },
		      { VIRT_EXIT_IO, WHIT_EXIT_IO },
		      { VIRT_EXIT_WRMSR, WHIT_EXIT_WRMSR },
		      { VIRT_EXIT_TASK_SWITCH, WHIT_EXIT_TASK_SWITCH },
		      { VIRT_EXIT_DEADLINE, WHIT_EXIT_DEADLINE },
		      { VIRT_EXIT_RDPMC, WHIT_EXIT_RDPMC } };
	struct whit_stats stats;
	uint64_t buffer, root_sum = 0, child_sum = 0, n_distinct = 0;

	machine(256 * MIB);
	buffer = test_pages(1);
	hv.n_cpus = 2;
	for (unsigned int cpu = 0; cpu < 2; cpu++) {
		hv.roots[cpu].virt = test_root.virt;
		for (unsigned int reason = 0; reason < VIRT_EXIT_COUNT; reason++) {
			hv.roots[cpu].root_exits[reason] = 1000 + reason;
			hv.roots[cpu].child_exits[reason] = 2000 + reason;
		}
	}
	/* Asked twice, the numbers are the same: they are not added to. */
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, buffer, 4096), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, buffer, 4096), S_OK);
	memcpy(&stats, at(buffer), sizeof(stats));
	for (unsigned int i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		REQUIRE_EQ(stats.root_exits[known[i].counter], 2 * (1000 + known[i].reason));
		REQUIRE_EQ(stats.child_exits[known[i].counter], 2 * (2000 + known[i].reason));
	}
	for (unsigned int i = 0; i < WHIT_EXIT_COUNTERS; i++) {
		root_sum += stats.root_exits[i];
		child_sum += stats.child_exits[i];
		n_distinct += stats.root_exits[i] / 2 - 1000 < VIRT_EXIT_COUNT;
	}
	/* None is lost, none is counted twice, and some share a counter: NOTHING and KICK, MEMORY and STEP. */
	REQUIRE_EQ(root_sum, VIRT_EXIT_COUNT * (2000 + VIRT_EXIT_COUNT - 1));
	REQUIRE_EQ(child_sum, VIRT_EXIT_COUNT * (4000 + VIRT_EXIT_COUNT - 1));
	REQUIRE_EQ(n_distinct, VIRT_EXIT_COUNT - 4);
}

static void stats_can_be_read(void)
{
	struct whit_stats stats;
	uint64_t buffer, handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(5);
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, buffer, sizeof(stats) - 1), WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, sizeof(stats));
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, buffer, 4096), S_OK);
	REQUIRE_EQ(out_rdx, sizeof(stats));
	memcpy(&stats, at(buffer), sizeof(stats));
	REQUIRE_EQ(stats.lent_pages, 5);
	REQUIRE_EQ(stats.partitions, 1);
	REQUIRE_EQ(stats.hypercalls, 3);
	REQUIRE_EQ(stats.heap_free_pages, hv.heap.count);
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, BLOCK_BASE, 4096), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_STATS, buffer + 2, 4096), E_POINTER);
	delete_all(handle);
	check_clean();
}

/* CPUID is answered inside, the cancel before the next entry. */
static void run_gives_exits_in_the_shared_page(void)
{
	const struct virt_exit cpuid = { .reason = VIRT_EXIT_CPUID, .insn_length = 2 };
	const struct virt_exit hlt = { .reason = VIRT_EXIT_HLT, .insn_length = 1 };
	const struct virt_exit interrupt = { .reason = VIRT_EXIT_INTERRUPT };
	const WHV_RUN_VP_EXIT_CONTEXT *record;
	struct whit_vp_page *shared;
	uint64_t handle, page;

	machine(256 * MIB);
	handle = set_up(32, 1);
	page = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, page), S_OK);
	shared = at(page);
	record = (const void *)shared->exit;
	map_reset_code(handle);
	shared->rip = 0xfc00;
	shared->dirty = WHIT_PAGE_RIP;
	fake_push(&cpuid, NULL);
	fake_push(&hlt, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), S_OK);
	REQUIRE_EQ(fake.n_runs, 2);
	REQUIRE_EQ(record->ExitReason, WHvRunVpExitReasonX64Halt);
	REQUIRE_EQ(record->VpContext.Rip, 0xfc03);
	REQUIRE_EQ(shared->rip, 0xfc03);
	REQUIRE(test_root.virt->is_switched_in);
	fake_push(&interrupt, NULL);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), WHIT_S_AGAIN);
	REQUIRE_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 0, 0), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 0, 0), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), S_OK);
	REQUIRE_EQ(record->ExitReason, WHvRunVpExitReasonCanceled);
	REQUIRE_EQ(fake.n_runs, 3);
	delete_all(handle);
	check_clean();
}

static void translate_without_paging(void)
{
	struct whit_translation *record;
	uint64_t handle, buffer;

	machine(256 * MIB);
	handle = set_up(32, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVA, handle, 0, 0x12345, 1), S_OK);
	REQUIRE_EQ(out_rdx, WHvTranslateGvaResultSuccess);
	REQUIRE_EQ(out_r8, 0x12345);
	/* Paging on with CR3 into nothing: success of the call, and the table that is missing. */
	vp_of(handle, 0)->virt->reg[VIRT_CR0] = CR0_PE | CR0_PG;
	vp_of(handle, 0)->virt->reg[VIRT_CR3] = 0x5000;
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVA, handle, 0, 0x12345, 1), S_OK);
	REQUIRE_EQ(out_rdx, WHvTranslateGvaResultGpaUnmapped);
	REQUIRE_EQ(out_r8 & PAGE_MASK, 0x5000);
	buffer = test_pages(1);
	record = at(buffer);
	record->gva = 0x12345;
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVAS, handle, 0, buffer, 1, 1), S_OK);
	REQUIRE_EQ(record->code, WHvTranslateGvaResultGpaUnmapped);
	REQUIRE_EQ(record->gpa & PAGE_MASK, 0x5000);
	REQUIRE_EQ(CALL(WHIT_CALL_TRANSLATE_GVAS, handle, 0, BLOCK_BASE, 1, 1), E_POINTER);
	delete_all(handle);
	check_clean();
}

/* A buffer over the edge between two RAM ranges, or into a lent page, is refused whole. */
static void buffers_are_checked_whole(void)
{
	uint64_t handle, value[2] = { 1, 2 };

	machine(256 * MIB);
	handle = created(2); /* the first two pages behind the block */
	REQUIRE(buffer_read(BLOCK_BASE - 16, value, 16));
	REQUIRE(!buffer_read(BLOCK_BASE - 8, value, 16));
	REQUIRE(!buffer_write(BLOCK_BASE - 8, value, 16));
	REQUIRE(!buffer_write(BLOCK_BASE + 32 * MIB + 2 * PAGE_SIZE - 8, value, 16));
	REQUIRE(buffer_write(BLOCK_BASE + 32 * MIB + 2 * PAGE_SIZE, value, 16));
	REQUIRE(!buffer_write(BLOCK_BASE + 32 * MIB + 2 * PAGE_SIZE + 4, value, 8));
	REQUIRE(!buffer_write(256 * MIB - 8, value, 16));
	REQUIRE(buffer_write(256 * MIB - 8, value, 8));
	REQUIRE(!buffer_write(~7ull, value, 16));
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(calls_that_do_not_exist),	TEST(version),
		TEST(log_can_be_read),		TEST(exits_are_found_under_the_documented_numbers),
		TEST(stats_can_be_read),	TEST(run_gives_exits_in_the_shared_page),
		TEST(translate_without_paging), TEST(buffers_are_checked_whole),
	};

	return RUN(tests);
}
