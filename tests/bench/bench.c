// SPDX-License-Identifier: MIT
/*
 * bench.efi: costs in ticks of the time stamp counter, one line `bench NAME NUMBER UNIT` each. In Bochs a tick
 * is an instruction, so that the figures are exact and repeat. Each is the best of several batches: a
 * timer interrupt can only make a batch slower.
 */
#include <efi.h>
#include <efilib.h>

#include "root/call/hypercall.h"
#include "root/call/call.h"
#include "root/vmm/terminal.h"
#include "tests/bench/bench.h"
#include "tests/system/apps/conformance/child.h"
#include "whit/whp_extension.h"
#include "x86/paging.h"

DECLARE_GUEST(bench_cpuid_loop);
DECLARE_GUEST(bench_empty_loop);
DECLARE_GUEST(bench_cpuid);
DECLARE_GUEST(bench_out);
DECLARE_GUEST(bench_in);
DECLARE_GUEST(bench_mmio_write);
DECLARE_GUEST(bench_mmio_read);
DECLARE_GUEST(bench_rep_outsb);
DECLARE_GUEST(bench_halt);

static void in_the_root(void)
{
	uint64_t empty = bench_best(bench_nothing, PER_BATCH);

	bench_report("hypercall.null", (bench_best_hypercall(PER_BATCH) - empty) / PER_BATCH);
	bench_report("root.cpuid", (bench_best(bench_cpuid, PER_BATCH) - empty) / PER_BATCH);
}

/* A loop of n inside the child, from Run to the HLT behind it; ticks of the best batch. */
static uint64_t loop_inside(struct guest_code code, uint64_t n)
{
	struct child child;
	uint64_t least = ~0ull;
	HRESULT hr = child_create(&child, CHILD_LONG, code, 0, 0);

	for (unsigned int i = 0; SUCCEEDED(hr) && i < BATCHES; i++) {
		uint64_t start, ticks;

		(void)child_set(&child, WHvX64RegisterRip, CHILD_CODE);
		(void)child_set(&child, WHvX64RegisterRdi, n);
		start = bench_tsc();
		if (child_run(&child) != WHvRunVpExitReasonX64Halt)
			hr = E_FAIL;
		ticks = bench_tsc() - start;
		if (ticks < least)
			least = ticks;
	}
	if (FAILED(hr))
		bench_fail("loop", hr, (uint32_t)child.exit.ExitReason);
	child_destroy(&child);
	return least;
}

static void inside_the_child(void)
{
	uint64_t with = loop_inside(GUEST(bench_cpuid_loop), PER_BATCH);
	uint64_t without = loop_inside(GUEST(bench_empty_loop), PER_BATCH);

	bench_report("child.cpuid.inside", (with - without) / PER_BATCH);
}

/* What a client does between two runs. */
static void skip_port(struct child *child)
{
	child->page->rip = child->exit.VpContext.Rip + child->exit.VpContext.InstructionLength;
	child->page->dirty |= WHIT_PAGE_RIP;
}

static void answer_cpuid(struct child *child)
{
	WhitPageSetGpr(child->page, WHvX64RegisterRax, child->exit.CpuidAccess.DefaultResultRax);
	WhitPageSetGpr(child->page, WHvX64RegisterRbx, child->exit.CpuidAccess.DefaultResultRbx);
	WhitPageSetGpr(child->page, WHvX64RegisterRcx, child->exit.CpuidAccess.DefaultResultRcx);
	WhitPageSetGpr(child->page, WHvX64RegisterRdx, child->exit.CpuidAccess.DefaultResultRdx);
	skip_port(child);
}

static void answer_read(struct child *child)
{
	WhitPageAccess(child->page)->data[0] = 1;
	WhitPageAnswer(child->page);
}

static void nothing(struct child *child)
{
	(void)child;
}

struct roundtrip {
	const char *name;
	struct guest_code code;
	uint32_t emulation;
	uint64_t extended_exits;
	uint32_t reason;
	void (*answer)(struct child *child);
};

static void roundtrip(const struct roundtrip *r)
{
	struct child child;
	uint64_t least = ~0ull;
	HRESULT hr = child_create(&child, CHILD_LONG, r->code, r->emulation, r->extended_exits);

	if (FAILED(hr)) {
		bench_fail(r->name, hr, 0);
		return;
	}
	for (unsigned int i = 0; i < BATCHES; i++) {
		uint64_t start = bench_tsc(), ticks;

		for (unsigned int j = 0; j < PER_BATCH; j++) {
			hr = WHvRunVirtualProcessor(child.partition, 0, &child.exit,
						    sizeof(child.exit));
			if (FAILED(hr) || (uint32_t)child.exit.ExitReason != r->reason) {
				bench_fail(r->name, hr, (uint32_t)child.exit.ExitReason);
				child_destroy(&child);
				return;
			}
			r->answer(&child);
		}
		ticks = bench_tsc() - start;
		if (ticks < least)
			least = ticks;
	}
	bench_report(r->name, least / PER_BATCH);
	child_destroy(&child);
}

static void roundtrips(void)
{
	const struct roundtrip rows[] = {
		{ "child.port.roundtrip", GUEST(bench_out), 0, 0, WHvRunVpExitReasonX64IoPortAccess,
		  skip_port },
		{ "child.port.emulated.roundtrip", GUEST(bench_out), WHIT_EMULATE_PORTS, 0,
		  WhitRunVpExitReasonDeviceAccess, nothing },
		{ "child.port.read.emulated.roundtrip", GUEST(bench_in), WHIT_EMULATE_PORTS, 0,
		  WhitRunVpExitReasonDeviceAccess, answer_read },
		{ "child.mmio.write.roundtrip", GUEST(bench_mmio_write), WHIT_EMULATE_MEMORY, 0,
		  WhitRunVpExitReasonDeviceAccess, nothing },
		{ "child.mmio.read.roundtrip", GUEST(bench_mmio_read), WHIT_EMULATE_MEMORY, 0,
		  WhitRunVpExitReasonDeviceAccess, answer_read },
		{ "child.cpuid.roundtrip", GUEST(bench_cpuid), 0,
		  (WHV_EXTENDED_VM_EXITS) { .X64CpuidExit = 1 }.AsUINT64,
		  WHvRunVpExitReasonX64Cpuid, answer_cpuid },
		{ "child.rep-outsb-4.roundtrip", GUEST(bench_rep_outsb), WHIT_EMULATE_PORTS, 0,
		  WhitRunVpExitReasonDeviceAccess, nothing },
		{ "child.halt.roundtrip", GUEST(bench_halt), 0, 0, WHvRunVpExitReasonX64Halt,
		  nothing },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		roundtrip(&rows[i]);
}

static struct child the_child; /* of the batches below */
static volatile uint64_t sum;

#define WORDS (WHIT_PAGE_GPRS | WHIT_PAGE_RIP | WHIT_PAGE_RFLAGS)

static uint64_t sum_of_gprs(const struct whit_vp_page *page)
{
	if ((page->valid & WORDS) != WORDS)
		return 0;
	return page->gpr[0] + page->gpr[1] + page->gpr[2] + page->gpr[3] + page->gpr[4] +
	       page->gpr[5] + page->gpr[6] + page->gpr[7] + page->gpr[8] + page->gpr[9] +
	       page->gpr[10] + page->gpr[11] + page->gpr[12] + page->gpr[13] + page->gpr[14] +
	       page->gpr[15] + page->rip + page->rflags;
}

/* Called through a variable that the compiler cannot see through: each round reads them anew. */
static uint64_t (*volatile read_all)(const struct whit_vp_page *page) = sum_of_gprs;

static void read_gprs(uint64_t n)
{
	while (n--)
		(void)read_all(the_child.page);
}

static void get_gprs(uint64_t n)
{
	static const WHV_REGISTER_NAME names[18] = { 0, 1,  2,	3,  4,	5,  6,	7,  8,
						     9, 10, 11, 12, 13, 14, 15, 16, 17 };
	WHV_REGISTER_VALUE values[18];

	while (n--)
		(void)WHvGetVirtualProcessorRegisters(the_child.partition, 0, names, 18, values);
}

static void translate(uint64_t n)
{
	WHV_TRANSLATE_GVA_RESULT result;
	uint64_t gpa;

	while (n--) {
		(void)WHvTranslateGva(the_child.partition, 0, 0x40000123,
				      WHvTranslateGvaFlagValidateRead, &result, &gpa);
		sum = gpa;
	}
}

/* Whole runs, so that the price of a call is divided by as many as a client would ask for. */
static struct whit_translation translations[WHIT_MAX_TRANSLATIONS];

static void translate_list(uint64_t n)
{
	while (n--)
		(void)WhitTranslateGvas(the_child.partition, 0, WHvTranslateGvaFlagValidateRead,
					translations, WHIT_MAX_TRANSLATIONS);
}

static void translate_run(uint64_t n)
{
	while (n--)
		(void)WhitTranslateGvas(the_child.partition, 0,
					WHvTranslateGvaFlagValidateRead | WHIT_TRANSLATE_RUN,
					translations, WHIT_MAX_TRANSLATIONS);
}

/* 4 KiB pages from 1 GiB on, for the translation through four levels. */
static void map_small_pages(void)
{
	uint64_t *tables = (uint64_t *)(void *)(the_child.ram + CHILD_TABLES);

	tables[512 + 1] = (CHILD_TABLES + 0x3000) | PTE_P | PTE_W;
	tables[3 * 512] = (CHILD_TABLES + 0x4000) | PTE_P | PTE_W;
	tables[3 * 512 + 1] = (CHILD_TABLES + 0x5000) | PTE_P | PTE_W;
	for (uint64_t i = 0; i < 2 * 512; i++)
		tables[4 * 512 + i] = (CHILD_DATA + (i << 12)) | PTE_P | PTE_W;
}

/*
 * translate.walk: the walk of one address of a list that jumps about, so that nothing is reused; what the call
 * costs beside is in it, a hundred and twenty-eighth. translate.batch: one page of a run.
 */
static void many_translations(void)
{
	for (uint64_t i = 0; i < WHIT_MAX_TRANSLATIONS; i++)
		translations[i].gva = 0x40000123 + (i * 395 % 1024 << 12);
	translate_list(1);
	for (uint64_t i = 0; i < WHIT_MAX_TRANSLATIONS; i++)
		if (translations[i].code || translations[i].level != 1 ||
		    translations[i].gpa != CHILD_DATA + 0x123 + (i * 395 % 1024 << 12))
			bench_fail("translate.walk", S_OK, translations[i].code);
	bench_report("translate.walk", bench_best(translate_list, 1) / WHIT_MAX_TRANSLATIONS);
	translations[0].gva = 0x40000123;
	translate_run(1);
	for (uint64_t i = 0; i < WHIT_MAX_TRANSLATIONS; i++)
		if (translations[i].code || translations[i].gpa != CHILD_DATA + 0x123 + (i << 12))
			bench_fail("translate.batch", S_OK, translations[i].code);
	bench_report("translate.batch", bench_best(translate_run, 1) / WHIT_MAX_TRANSLATIONS);
}

static void registers_and_translation(void)
{
	HRESULT hr = child_create(&the_child, CHILD_LONG, GUEST(bench_halt), 0, 0);

	if (FAILED(hr) || child_run(&the_child) != WHvRunVpExitReasonX64Halt) {
		bench_fail("registers", hr, (uint32_t)the_child.exit.ExitReason);
		child_destroy(&the_child);
		return;
	}
	bench_report("regs.read-gprs", bench_best(read_gprs, PER_BATCH) / PER_BATCH);
	bench_report("regs.read-gprs.call", bench_best(get_gprs, PER_BATCH) / PER_BATCH);
	map_small_pages();
	translate(1);
	if (sum != CHILD_DATA + 0x123)
		bench_fail("translate.4level", S_OK, 0);
	bench_report("translate.4level", bench_best(translate, PER_BATCH) / PER_BATCH);
	many_translations();
	child_destroy(&the_child);
}

enum step { CREATE, SET_UP, MAP, CREATE_VP, RUN, DELETE, STEPS };

static const char *const step_names[STEPS] = {
	"lifecycle.create", "lifecycle.setup", "lifecycle.map",
	"lifecycle.vp",	    "lifecycle.run",   "lifecycle.delete",
};

static uint64_t least_ticks[STEPS];

static HRESULT do_step(enum step step, WHV_PARTITION_HANDLE *partition,
		       WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	const UINT32 one = 1;
	HRESULT hr;

	switch (step) {
	case CREATE: return WHvCreatePartition(partition);
	case SET_UP:
		hr = WHvSetPartitionProperty(*partition, WHvPartitionPropertyCodeProcessorCount,
					     &one, sizeof(one));
		return SUCCEEDED(hr) ? WHvSetupPartition(*partition) : hr;
	case MAP:
		return WHvMapGpaRange(*partition, the_child.ram, 0, CHILD_RAM,
				      WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite);
	case CREATE_VP: return WHvCreateVirtualProcessor(*partition, 0, 0);
	case RUN: return WHvRunVirtualProcessor(*partition, 0, exit, sizeof(*exit));
	default: return WHvDeletePartition(*partition);
	}
}

/* Create, set up, one VP with 256 KiB, first run (to the exit at its reset vector), delete. */
static void lifecycle(uint64_t n)
{
	WHV_RUN_VP_EXIT_CONTEXT exit = { .ExitReason = WHvRunVpExitReasonNone };
	WHV_PARTITION_HANDLE partition = NULL;

	while (n--) {
		for (unsigned int i = 0; i < STEPS; i++) {
			uint64_t start = bench_tsc(), ticks;
			HRESULT hr = do_step((enum step)i, &partition, &exit);

			ticks = bench_tsc() - start;
			if (!least_ticks[i] || ticks < least_ticks[i])
				least_ticks[i] = ticks;
			if (FAILED(hr))
				bench_fail(step_names[i], hr, (uint32_t)exit.ExitReason);
		}
		if (exit.ExitReason != WHvRunVpExitReasonMemoryAccess)
			bench_fail("lifecycle", S_OK, (uint32_t)exit.ExitReason);
	}
}

/* ---- Memory ------------------------------------------------------------------------------ */

#define GIB	  (1ull << 30)
#define AREA	  (4 * GIB)
#define PAGES	  (GIB / 4096)
#define QUERY_MIB 16u
#define RIGHTS	  (WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite)

static uint8_t *gib; /* 1 GiB, aligned to it */
static WHIT_MEMORY_EXTENT *extents;

static HRESULT map_contiguous(void)
{
	return WHvMapGpaRange(the_child.partition, gib, AREA, GIB, RIGHTS);
}

/* Page by page, backwards. */
static HRESULT map_scattered(void)
{
	return WhitMapGpaList(the_child.partition, AREA, extents, PAGES, RIGHTS);
}

static HRESULT map_tracked(void)
{
	return WHvMapGpaRange(the_child.partition, gib, AREA, QUERY_MIB << 20,
			      RIGHTS | WHvMapGpaRangeFlagTrackDirtyPages);
}

static HRESULT unmap_all(void)
{
	return WHvUnmapGpaRange(the_child.partition, AREA, GIB);
}

static HRESULT query_dirty(void)
{
	static UINT64 bitmap[QUERY_MIB * 4];

	return WHvQueryGpaRangeDirtyBitmap(the_child.partition, AREA, QUERY_MIB << 20, bitmap,
					   sizeof(bitmap));
}

/* The least of a few times `call`, each after `before` (NULL: nothing), which is not counted. */
static void report_call(const char *name, HRESULT (*before)(void), HRESULT (*call)(void),
			unsigned int parts)
{
	uint64_t least = ~0ull;
	HRESULT hr = S_OK;

	for (unsigned int i = 0; i < 3 && SUCCEEDED(hr); i++) {
		uint64_t start, ticks;

		hr = before ? before() : S_OK;
		start = bench_tsc();
		if (SUCCEEDED(hr))
			hr = call();
		ticks = bench_tsc() - start;
		if (ticks < least)
			least = ticks;
	}
	if (FAILED(hr))
		bench_fail(name, hr, 0);
	bench_report(name, least / parts);
}

static void memory(void)
{
	EFI_PHYSICAL_ADDRESS address = GIB;
	HRESULT hr = child_create(&the_child, CHILD_LONG, GUEST(bench_halt), 0, 0);

	extents = test_pages(PAGES * sizeof(*extents) / 4096);
	if (FAILED(hr) || !extents ||
	    BS->AllocatePages(AllocateAddress, EfiLoaderData, PAGES, &address) != EFI_SUCCESS) {
		bench_fail("memory", hr, 0);
		return;
	}
	gib = (uint8_t *)(uintptr_t)address;
	for (uint64_t i = 0; i < PAGES; i++)
		extents[i] = (WHIT_MEMORY_EXTENT) { gib + (PAGES - 1 - i) * 4096, 4096 };
	report_call("map.1g-contiguous", unmap_all, map_contiguous, 1);
	report_call("unmap.1g", map_contiguous, unmap_all, 1);
	report_call("map.1g-scattered-4k", unmap_all, map_scattered, 1);
	report_call("unmap.1g-scattered-4k", map_scattered, unmap_all, 1);
	report_call("dirty.query-per-mib", map_tracked, query_dirty, QUERY_MIB);
	child_destroy(&the_child);
}

/* The same life beside many partitions that stay: nothing may cost more for them. */
#define MANY 999u

static void lifecycle_among_many(void)
{
	static WHV_PARTITION_HANDLE all[MANY];
	HRESULT hr = S_OK;

	for (unsigned int i = 0; i < MANY && SUCCEEDED(hr); i++)
		for (unsigned int step = CREATE; step <= CREATE_VP && SUCCEEDED(hr); step++)
			hr = do_step((enum step)step, &all[i], NULL);
	if (FAILED(hr))
		bench_fail("lifecycle.1000th", hr, 0);
	lifecycle(2);
	bench_report("lifecycle.1000th", bench_best(lifecycle, 1));
	for (unsigned int i = 0; i < MANY; i++)
		if (all[i])
			(void)WHvDeletePartition(all[i]);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	InitializeLib(image, system);
	terminal_print("\n");
	if (!call_has_whit()) {
		terminal_print("FAIL bench: this is not a root partition of Whit\n");
	} else {
		in_the_root();
		inside_the_child();
		roundtrips();
		registers_and_translation();
		bench_vp();
		lifecycle(2);
		bench_report("lifecycle", bench_best(lifecycle, 1));
		for (unsigned int i = 0; i < STEPS; i++)
			bench_report(step_names[i], least_ticks[i]);
		lifecycle_among_many();
		bench_longest();
		memory();
	}
	terminal_print(bench_has_failed ? "bench: FAILED\n" : "bench: done\n");
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_ABORTED;
}
