// SPDX-License-Identifier: MIT
/*
 * The longest single hypercall of each kind, in the largest form that a caller can give it: for so long the root's
 * interrupts wait. A call that is cut is repeated to its end, and its longest part counts. Partitions of 256 VPs with local
 * APICs; the raw calls, past the library, with interrupts held.
 */
#include "root/call/hypercall.h"
#include "root/lib/partition.h"
#include "root/call/platform.h"
#include "root/vmm/terminal.h"
#include "tests/bench/bench.h"
#include "tests/system/apps/conformance/child.h"
#include "whit/log.h"
#include "whit/whp_extension.h"

DECLARE_GUEST(bench_halt);

#define MOST	300000u /* docs/hypercalls.md "Calling" */
#define N_VPS	256u
#define PAGE	4096ull
#define AREA	0x100000000ull /* of the mappings */
#define N_PAGES 16384ull       /* 64 MiB */
#define TRACKED 0xbu	       /* read, write, track: leaves of 4 KiB */

static uint64_t handle, longest;
static uint8_t *source, *buffer; /* N_PAGES pages to map; 16 pages for what calls read and write */

/* One call; its ticks count. */
static uint32_t once(uint64_t code, uint64_t rcx, const uint64_t p[4],
		     struct hypercall_result *result)
{
	const uint64_t held = platform_hold_interrupts();
	const uint64_t start = bench_tsc();
	const uint32_t status = hypercall5(code, rcx, p[0], p[1], p[2], p[3], result);
	const uint64_t ticks = bench_tsc() - start;

	platform_release_interrupts(held);
	if (ticks > longest)
		longest = ticks;
	return status;
}

static void report(const char *name, uint32_t status)
{
	bench_report(name, longest);
	if (status || longest > MOST)
		bench_fail(name, (HRESULT)status, 0);
	longest = 0;
}

/* How the rest of a call that was cut is asked for: which of its parameters move, and by what. */
enum rest { AS_IT_WAS, RANGE, SOURCE_RANGE, LIST, PAGES, VPS };

struct long_call {
	const char *name;
	uint32_t code;
	enum rest rest;
	uint64_t p[4];
};

static void go_on(struct long_call *call, const struct hypercall_result *result)
{
	const uint64_t done = result->rdx;

	switch (call->rest) {
	case AS_IT_WAS: break;
	case RANGE:
		call->p[0] += done;
		call->p[1] -= done;
		break;
	case SOURCE_RANGE:
		call->p[0] += done;
		call->p[1] += done;
		call->p[2] -= done;
		break;
	case LIST:
		call->p[0] += done;
		call->p[1] += done / PAGE * sizeof(struct whit_extent);
		call->p[2] -= done / PAGE;
		break;
	case PAGES:
		call->p[0] += done * PAGE;
		call->p[1] -= done;
		break;
	case VPS: call->p[0] = done; break;
	}
}

/* To its end, with memory lent as it is asked for. */
static uint32_t whole(struct long_call *call)
{
	struct hypercall_result result = { 0, 0 };
	uint32_t status;

	while ((status = once(call->code, handle, call->p, &result))) {
		if (status == WHIT_E_INSUFFICIENT_MEMORY) {
			const uint64_t before = longest, n = result.rdx < 64 ? 64 : result.rdx;
			struct long_call loan = { "",
						  WHIT_CALL_LEND,
						  PAGES,
						  { platform_physical(test_pages(n)), n, 0, 0 } };

			status = whole(&loan);
			longest = before; /* it has its own line */
			if (status)
				return status;
		} else if (status == WHIT_S_MORE) {
			go_on(call, &result);
		} else if (status != WHIT_S_AGAIN) {
			return status;
		}
	}
	return 0;
}

static void run(struct long_call call)
{
	report(call.name, whole(&call));
}

/* ---- A partition's life ------------------------------------------------------------------ */

static uint32_t property(uint32_t code, uint64_t value)
{
	struct long_call call = {
		"", WHIT_CALL_SET_PROPERTY, AS_IT_WAS, { code, platform_physical(buffer), 8, 0 }
	};

	*(uint64_t *)(void *)buffer = value;
	return whole(&call);
}

static void create(void)
{
	const uint64_t pages = platform_physical(test_pages(WHIT_MAX_LEND));
	const uint64_t p[4] = { WHIT_MAX_LEND, 0, 0, 0 };
	struct hypercall_result result = { 0, 0 };
	uint32_t status = once(WHIT_CALL_CREATE_PARTITION, pages, p, &result);

	handle = result.rdx;
	report("longest.create", status == WHIT_S_MORE ? 0 : status ? status : ~0u);
	run((struct long_call) { "longest.lend",
				 WHIT_CALL_LEND,
				 PAGES,
				 { pages + result.r8 * PAGE, WHIT_MAX_LEND - result.r8, 0, 0 } });
	status = property(WHvPartitionPropertyCodeProcessorCount, N_VPS) |
		 property(WHvPartitionPropertyCodeLocalApicEmulationMode,
			  WHvX64LocalApicEmulationModeX2Apic);
	report("longest.set-property.early", status);
	run((struct long_call) { "longest.setup", WHIT_CALL_SETUP_PARTITION, AS_IT_WAS, { 0 } });
	status = 0;
	for (uint64_t i = 0; i < N_VPS; i++) {
		struct long_call call = { "", WHIT_CALL_CREATE_VP, AS_IT_WAS, { i, 0, 0, 0 } };

		call.p[2] = platform_physical(test_pages(1));
		status |= whole(&call);
	}
	report("longest.create-vp", status);
}

static void of_all_vps(void)
{
	const uint64_t out = platform_physical(buffer);

	run((struct long_call) { "longest.suspend", WHIT_CALL_SUSPEND_TIME, AS_IT_WAS, { 0 } });
	run((struct long_call) { "longest.resume", WHIT_CALL_RESUME_TIME, AS_IT_WAS, { 0 } });
	run((struct long_call) { "longest.set-tsc", WHIT_CALL_SET_TSC, AS_IT_WAS, { 1 } });
	run((struct long_call) { "longest.reset", WHIT_CALL_RESET_PARTITION, VPS, { 0 } });
	report("longest.set-property",
	       property(WHvPartitionPropertyCodeExtendedVmExits,
			(WHV_EXTENDED_VM_EXITS) { .ExceptionExit = 1 }.AsUINT64));
	run((struct long_call) { "longest.request-interrupt",
				 WHIT_CALL_REQUEST_INTERRUPT,
				 AS_IT_WAS,
				 { 0, 0xffull | 0x40ull << 32, 0, 0 } });
	run((struct long_call) { "longest.interrupt-targets",
				 WHIT_CALL_INTERRUPT_TARGETS,
				 AS_IT_WAS,
				 { 0xffffffff, 0, out, 0 } });
}

static void destroy(void)
{
	run((struct long_call) { "longest.delete-vp", WHIT_CALL_DELETE_VP, AS_IT_WAS, { 0 } });
	run((struct long_call) { "longest.delete", WHIT_CALL_DELETE_PARTITION, AS_IT_WAS, { 0 } });
}

/* ---- Memory ------------------------------------------------------------------------------ */

static void memory(void)
{
	const uint64_t from = platform_physical(source), bytes = N_PAGES * PAGE;
	const uint64_t out = platform_physical(buffer);
	struct whit_extent *const extents = test_pages(N_PAGES * sizeof(*extents) / PAGE);

	for (uint64_t i = 0; i < N_PAGES; i++)
		extents[i] = (struct whit_extent) { from + (N_PAGES - 1 - i) * PAGE, 1 };
	run((struct long_call) { "longest.map-list",
				 WHIT_CALL_MAP_GPA_LIST,
				 LIST,
				 { AREA, platform_physical(extents), N_PAGES, TRACKED } });
	run((struct long_call) { "longest.map",
				 WHIT_CALL_MAP_GPA_RANGE,
				 SOURCE_RANGE,
				 { from, AREA, bytes, TRACKED } });
	run((struct long_call) {
		"longest.query-dirty", WHIT_CALL_QUERY_DIRTY, RANGE, { AREA, bytes, out, 0 } });
	run((struct long_call) { "longest.advise",
				 WHIT_CALL_ADVISE_GPA_RANGE,
				 RANGE,
				 { AREA, bytes, WHvAdviseGpaRangeCodePin, 0 } });
	run((struct long_call) {
		"longest.protect", WHIT_CALL_PROTECT_GPA_RANGE, RANGE, { AREA, bytes, 0x9, 0 } });
	run((struct long_call) { "longest.protect.join",
				 WHIT_CALL_PROTECT_GPA_RANGE,
				 RANGE,
				 { AREA, bytes, 0x3, 0 } });
	run((struct long_call) { "longest.unmap.split",
				 WHIT_CALL_UNMAP_GPA_RANGE,
				 RANGE,
				 { AREA + PAGE, PAGE, 0, 0 } });
	run((struct long_call) { "longest.remap",
				 WHIT_CALL_MAP_GPA_RANGE,
				 SOURCE_RANGE,
				 { from, AREA, bytes, TRACKED } });
	run((struct long_call) {
		"longest.unmap", WHIT_CALL_UNMAP_GPA_RANGE, RANGE, { AREA, bytes, 0, 0 } });
	run((struct long_call) { "longest.map.again",
				 WHIT_CALL_MAP_GPA_RANGE,
				 SOURCE_RANGE,
				 { from, AREA, bytes, TRACKED } }); /* for the delete */
}

/* ---- One VP's ---------------------------------------------------------------------------- */

static void registers(const char *get, const char *set, uint32_t first, uint32_t n)
{
	uint32_t *const names = (uint32_t *)(void *)buffer;
	struct long_call call = { get,
				  WHIT_CALL_GET_REGISTERS,
				  AS_IT_WAS,
				  { 0, platform_physical(buffer), WHIT_MAX_REGISTERS,
				    platform_physical(buffer) + PAGE } };

	for (uint32_t i = 0; i < WHIT_MAX_REGISTERS; i++)
		names[i] = first + i % n;
	run(call);
	call.name = set;
	call.code = WHIT_CALL_SET_REGISTERS;
	run(call);
}

static void state(const char *get, const char *set, uint64_t type)
{
	const uint64_t at = platform_physical(buffer), p[4] = { 0, type, at, 0 };
	struct long_call call = { get, WHIT_CALL_GET_VP_STATE, AS_IT_WAS, { 0, type, at, 0 } };
	struct hypercall_result result = { 0, 0 };

	(void)once(WHIT_CALL_GET_VP_STATE, handle, p, &result); /* says what it takes */
	longest = 0;
	call.p[3] = result.rdx;
	run(call);
	call.name = set;
	call.code = WHIT_CALL_SET_VP_STATE;
	run(call);
}

static void of_one_vp(void)
{
	const uint64_t out = platform_physical(buffer);

	registers("longest.get-registers", "longest.set-registers", WHvX64RegisterEs, 8);
	registers("longest.get-registers.control", "longest.set-registers.control",
		  WHvX64RegisterCr0, 1);
	registers("longest.get-registers.msr", "longest.set-registers.msr",
		  WHvX64RegisterMsrMtrrFix4kC0000, 8);
	registers("longest.get-registers.apic", "longest.set-registers.apic",
		  WHvX64RegisterApicLvtTimer, 8);
	state("longest.get-state.apic", "longest.set-state.apic",
	      WHvVirtualProcessorStateTypeInterruptControllerState2);
	state("longest.get-state.xsave", "longest.set-state.xsave",
	      WHvVirtualProcessorStateTypeXsaveState);
	run((struct long_call) {
		"longest.cpuid-output", WHIT_CALL_CPUID_OUTPUT, AS_IT_WAS, { 0, 0xd, 1, out } });
	run((struct long_call) {
		"longest.vp-counters", WHIT_CALL_VP_COUNTERS, AS_IT_WAS, { 0, 1, out, PAGE } });
	run((struct long_call) { "longest.cancel", WHIT_CALL_CANCEL_RUN_VP, AS_IT_WAS, { 0 } });
	run((struct long_call) { "longest.run.canceled", WHIT_CALL_RUN_VP, AS_IT_WAS, { 0 } });
}

/* ---- What belongs to nobody, and walks --------------------------------------------------- */

static void of_nobody(void)
{
	const uint64_t out = platform_physical(buffer), of_handle = handle;

	/* The first parameter is not a handle. */
	handle = 0;
	run((struct long_call) {
		"longest.read-log", WHIT_CALL_READ_LOG, AS_IT_WAS, { out, WHIT_LOG_BYTES, 0, 0 } });
	handle = WHvCapabilityCodeProcessorFeaturesBanks;
	run((struct long_call) {
		"longest.get-capability", WHIT_CALL_GET_CAPABILITY, AS_IT_WAS, { out, 64, 0, 0 } });
	handle = out;
	run((struct long_call) { "longest.stats", WHIT_CALL_STATS, AS_IT_WAS, { PAGE, 0, 0, 0 } });
	handle = of_handle;
}

/* Through four levels each, none like the one before. */
static void walks(void)
{
	struct whit_translation *const list = (struct whit_translation *)(void *)buffer;
	struct child child;
	HRESULT hr = child_create(&child, CHILD_LONG, GUEST(bench_halt), 0, 0);

	if (FAILED(hr)) {
		bench_fail("longest.translate", hr, 0);
		return;
	}
	handle = partition_of(child.partition)->call.handle;
	for (uint64_t i = 0; i < WHIT_MAX_TRANSLATIONS; i++)
		list[i].gva = (i * 395 % 128) << 21 | 0x123;
	run((struct long_call) { "longest.translate-list",
				 WHIT_CALL_TRANSLATE_GVAS,
				 AS_IT_WAS,
				 { 0, platform_physical(buffer), WHIT_MAX_TRANSLATIONS, 0x11 } });
	run((struct long_call) {
		"longest.translate", WHIT_CALL_TRANSLATE_GVA, AS_IT_WAS, { 0, 0x123, 0x11, 0 } });
	child_destroy(&child);
}

void bench_longest(void)
{
	source = test_pages(N_PAGES);
	buffer = test_pages(16);
	if (!source || !buffer) {
		bench_fail("longest", E_OUTOFMEMORY, 0);
		return;
	}
	create();
	of_all_vps();
	memory();
	of_one_vp();
	of_nobody();
	destroy();
	walks();
}
