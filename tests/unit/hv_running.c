/* SPDX-License-Identifier: MIT */
/*
 * What each call does while VPs are in Run on other processors: the table of docs/hypercalls.md, "While VPs run", row by row.
 * The first processor makes the calls; a guest on another one does what it is told, on what it remembers of its memory.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/read_all.h"
#include "tests/unit/processors.h"
#include "whp/WinHvExits.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

#define N_RUNNERS 3u /* processors beside the first; each runs the VP of its number less 1 */

/* ---- Processors that run VPs, and their guests -------------------------------------------- */

enum order {
	ORDER_NONE, /* the guest spins */
	ORDER_LOAD,
	ORDER_STORE,
	ORDER_CPUID,
	ORDER_OUT,
	ORDER_HALT
};

/* One that runs a VP when it is told to; atomic words. */
static struct runner {
	uint32_t runs;	  /* wanted; the processor ends when that is ~0 */
	uint32_t ran;	  /* have ended, with */
	uint32_t result;  /* of the last */
	uint32_t entries; /* of the guest */
	uint32_t order;	  /* enum order, for the guest, which takes it back when it is done, with */
	uint64_t gpa, word;
	bool is_violation;
	bool has_nmi; /* the last entry brought one */
	struct tlb tlb;
} runners[FAKE_MAX_CPUS];

static uint64_t handle, vp_pages[N_RUNNERS];

static uint32_t get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void put(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* False: the guest goes on. */
static bool obey(struct runner *runner, struct virt_vp *vp, struct virt_exit *exit)
{
	const uint32_t order = get(&runner->order);
	uint64_t *word;

	switch (order) {
	case ORDER_LOAD:
	case ORDER_STORE:
		word = guest_word(&runner->tlb, vp, runner->gpa, order == ORDER_STORE);
		runner->is_violation = !word;
		if (word && order == ORDER_STORE)
			poke_word(word, runner->word);
		else if (word)
			runner->word = peek_word(word);
		break;
	case ORDER_CPUID: exit->reason = VIRT_EXIT_CPUID; break;
	case ORDER_OUT:
		exit->reason = VIRT_EXIT_IO;
		exit->io.port = 0xe9;
		exit->io.size = 1;
		break;
	case ORDER_HALT: exit->reason = VIRT_EXIT_HLT; break;
	default: sched_yield(); return false;
	}
	exit->insn_length = 1;
	put(&runner->order, ORDER_NONE);
	return order >= ORDER_CPUID;
}

static void play_guest(struct virt_vp *vp, struct virt_exit *exit)
{
	struct runner *const runner = &runners[virt_cpu()];

	runner->has_nmi = vp->injected.type == VIRT_EVENT_NMI;
	__atomic_fetch_add(&runner->entries, 1, __ATOMIC_RELEASE);
	do {
		if (fake_is_kicked()) {
			exit->reason = VIRT_EXIT_KICK;
			return;
		}
	} while (!obey(runner, vp, exit));
}

/* Until the client has something to see, as the library does it. */
static uint32_t run_vp(uint32_t vp)
{
	uint32_t result;

	do {
		result = CALL(WHIT_CALL_RUN_VP, handle, vp);
	} while (result == WHIT_S_AGAIN);
	return result;
}

static void be_runner(uint32_t cpu)
{
	struct runner *const runner = &runners[cpu];
	uint32_t wanted;

	for (;;) {
		WAIT_FOR((wanted = get(&runner->runs)) != runner->ran);
		if (wanted == ~0u)
			return;
		memset(&runner->tlb, 0, sizeof(runner->tlb));
		runner->result = run_vp(cpu - 1);
		put(&runner->ran, wanted);
	}
}

/* ---- The first processor ----------------------------------------------------------------- */

/* Run a VP on its processor; its guest spins. */
static void start(uint32_t cpu)
{
	const uint32_t entries = get(&runners[cpu].entries);

	put(&runners[cpu].runs, runners[cpu].runs + 1);
	WAIT_FOR(get(&runners[cpu].entries) != entries);
}

/* Its Run has ended: the exit, or the result if that is not S_OK. */
static uint32_t ended(uint32_t cpu)
{
	const struct whit_vp_page *const page = at(vp_pages[cpu - 1]);
	const WHV_RUN_VP_EXIT_CONTEXT *const context = (const void *)page->exit;

	WAIT_FOR(get(&runners[cpu].ran) == runners[cpu].runs);
	return runners[cpu].result == RESULT(S_OK) ? (uint32_t)context->ExitReason
						   : runners[cpu].result;
}

static void tell(uint32_t cpu, enum order order)
{
	put(&runners[cpu].order, order);
	WAIT_FOR(get(&runners[cpu].order) == ORDER_NONE);
}

static void stop(uint32_t cpu)
{
	tell(cpu, ORDER_OUT);
	MUST_EQ(ended(cpu), WHvRunVpExitReasonX64IoPortAccess);
}

/* Does the guest find memory there? Then runners[].word has it. */
static bool loads(uint32_t cpu, uint64_t gpa)
{
	runners[cpu].gpa = gpa;
	tell(cpu, ORDER_LOAD);
	return !runners[cpu].is_violation;
}

static bool stores(uint32_t cpu, uint64_t gpa, uint64_t word)
{
	runners[cpu].gpa = gpa;
	runners[cpu].word = word;
	tell(cpu, ORDER_STORE);
	return !runners[cpu].is_violation;
}

/* The work of the first processor, in a machine whose others run VPs. */
static void (*first)(void);

static void work(uint32_t cpu)
{
	if (cpu) {
		be_runner(cpu);
		return;
	}
	first();
	for (uint32_t i = 1; i <= N_RUNNERS; i++)
		put(&runners[i].runs, ~0u);
}

#define GPA_MAPPED  0x10000ull
#define GPA_TRACKED 0x20000ull
#define GPA_HOLE    0x30000ull
#define RWX	    (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

static uint64_t source, other_source, buffer;
static void (*machine_play)(struct virt_vp *vp, struct virt_exit *exit) = play_guest;

static void with_runners(void (*main_work)(void))
{
	machine_of_cpus(256 * MIB, N_RUNNERS + 1);
	memset(runners, 0, sizeof(runners));
	fake.play = machine_play;
	handle = set_up_with(128, N_RUNNERS + 1, WHvX64LocalApicEmulationModeX2Apic, 0);
	for (uint32_t i = 0; i < N_RUNNERS; i++) {
		vp_pages[i] = test_pages(1);
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, vp_pages[i]), S_OK);
	}
	source = test_pages(1);
	other_source = test_pages(1);
	buffer = test_pages(2);
	poke_word(at(source), 1);
	poke_word(at(other_source), 2);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, GPA_MAPPED, PAGE_SIZE, RWX), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, test_pages(1), GPA_TRACKED, PAGE_SIZE,
			RWX | VIRT_TRACKED),
		   S_OK);
	first = main_work;
	on_processors(work, 120);
	if (peek(handle))
		delete_all(handle);
	check_clean();
}

/* ---- What a row of the table says --------------------------------------------------------- */

/* One call with parameters that it accepts; it is made while the VP of the first runner is in the guest. */
struct call {
	const char *name;
	uint64_t code, r8, r9, r10;
	uint64_t rdx;
	bool is_refused; /* WHV_E_INVALID_VP_STATE */
	void (*check)(
		void); /* what else it does; NULL: with is_refused, or if the VP runs on and on */
	void (*prepare)(void);
};

/* All that a refused call leaves as it was. */
static struct picture {
	struct partition partition;
	struct vp vp;
	struct virt_vp virt;
	struct whit_vp_page page;
} pictures[2];

static void take_picture(struct picture *picture)
{
	const struct partition *const partition = partition_of(handle);
	const struct vp *const vp = partition->vps[0];

	memcpy(&picture->partition, partition, sizeof(*partition));
	memcpy(&picture->vp, vp, sizeof(*vp));
	memcpy(&picture->virt, vp->virt, sizeof(picture->virt));
	memcpy(&picture->page, vp->page, sizeof(picture->page));
	/* The gate may have been closed and opened: the VP has looked at it, and come back. */
	picture->partition.gate.turn = 0;
	picture->vp.inside = picture->vp.view.turn = 0;
	memset(picture->vp.exits, 0, sizeof(picture->vp.exits));
	memset(picture->vp.view.cache, 0, sizeof(picture->vp.view.cache));
	picture->virt.n_renewals = 0;
	picture->virt.renewed_at = 0;
}

/* The guest of the first runner obeys, so it is in the guest, and no kick is on its way: its entries up to now. */
static uint32_t settled(void)
{
	MUST(loads(1, GPA_MAPPED));
	return get(&runners[1].entries);
}

static uint32_t make(const struct call *call)
{
	return CALL(call->code, handle, call->rdx, call->r8, call->r9, call->r10);
}

static void check_refused(const struct call *call)
{
	(void)settled();
	take_picture(&pictures[0]);
	MUST_EQ(make(call), WHV_E_INVALID_VP_STATE);
	(void)settled();
	take_picture(&pictures[1]);
	MUST(!memcmp(&pictures[0].partition, &pictures[1].partition, sizeof(struct partition)));
	MUST(!memcmp(&pictures[0].vp, &pictures[1].vp, sizeof(struct vp)));
	MUST(!memcmp(&pictures[0].virt, &pictures[1].virt, sizeof(struct virt_vp)));
	MUST(!memcmp(&pictures[0].page, &pictures[1].page, sizeof(struct whit_vp_page)));
	/* That was the reason: at rest it is done. */
	stop(1);
	if (call->code != WHIT_CALL_RUN_VP)
		MUST_EQ(make(call), S_OK);
	if (call->code == WHIT_CALL_DELETE_VP)
		MUST_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, vp_pages[0]), S_OK);
	start(1);
}

/* The VP does not leave the guest for it. */
static void check_nothing(const struct call *call)
{
	const uint32_t entries = settled();

	MUST_EQ(make(call), S_OK);
	if (settled() != entries)
		fake_scream("a VP leaves the guest for %s", call->name);
}

static void check_cancel(void)
{
	MUST_EQ(CALL(WHIT_CALL_CANCEL_RUN_VP, handle, 0), S_OK);
	MUST_EQ(ended(1), WHvRunVpExitReasonCanceled);
	start(1);
}

static uint64_t map(uint64_t code, uint64_t from, uint64_t gpa)
{
	const struct whit_extent extent = { from, 1 };

	if (code == WHIT_CALL_MAP_GPA_RANGE)
		return CALL(code, handle, from, gpa, PAGE_SIZE, RWX);
	memcpy(at(buffer), &extent, sizeof(extent));
	return CALL(code, handle, gpa, buffer, 1, RWX);
}

static void check_mapping(uint64_t code)
{
	const uint32_t entries = settled();

	MUST(!loads(1, GPA_HOLE));
	MUST_EQ(map(code, other_source, GPA_HOLE), S_OK);
	MUST(loads(1, GPA_HOLE));
	MUST_EQ(runners[1].word, peek_word(at(other_source)));
	MUST_EQ(get(&runners[1].entries), entries);
	/* In place of something: nobody sees that any more. */
	MUST(loads(1, GPA_MAPPED));
	MUST_EQ(runners[1].word, peek_word(at(source)));
	MUST_EQ(map(code, other_source, GPA_MAPPED), S_OK);
	MUST(loads(1, GPA_MAPPED));
	MUST_EQ(runners[1].word, peek_word(at(other_source)));
	MUST(get(&runners[1].entries) > entries);
	MUST_EQ(map(code, source, GPA_MAPPED), S_OK);
	MUST_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, GPA_HOLE, PAGE_SIZE), S_OK);
}

static void check_map(void)
{
	check_mapping(WHIT_CALL_MAP_GPA_RANGE);
}

static void check_map_list(void)
{
	check_mapping(WHIT_CALL_MAP_GPA_LIST);
}

static void check_unmap(void)
{
	MUST(loads(1, GPA_MAPPED));
	MUST_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, GPA_MAPPED, PAGE_SIZE), S_OK);
	MUST(!loads(1, GPA_MAPPED));
	MUST_EQ(map(WHIT_CALL_MAP_GPA_RANGE, source, GPA_MAPPED), S_OK);
}

static void check_protect(void)
{
	MUST(stores(1, GPA_MAPPED, 77));
	MUST_EQ(CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, GPA_MAPPED, PAGE_SIZE, VIRT_READ), S_OK);
	MUST(!stores(1, GPA_MAPPED, 78));
	MUST(loads(1, GPA_MAPPED));
	MUST_EQ(runners[1].word, 77);
	MUST_EQ(peek_word(at(source)), 77);
	MUST_EQ(CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, GPA_MAPPED, PAGE_SIZE, RWX), S_OK);
	MUST(stores(1, GPA_MAPPED, 1));
}

static uint64_t dirty_bits(void)
{
	*(uint64_t *)at(buffer) = ~0ull;
	MUST_EQ(CALL(WHIT_CALL_QUERY_DIRTY, handle, GPA_TRACKED, PAGE_SIZE, buffer, 0), S_OK);
	return *(const uint64_t *)at(buffer);
}

static void check_dirty(void)
{
	(void)dirty_bits();
	for (unsigned int i = 0; i < 3; i++) {
		MUST(stores(1, GPA_TRACKED, i));
		MUST(stores(1, GPA_TRACKED, i)); /* which need not be noted again */
		MUST_EQ(dirty_bits(), 1);
	}
	MUST_EQ(dirty_bits(), 0);
}

static void set_exits(uint64_t exits)
{
	memcpy(at(buffer), &exits, sizeof(exits));
	MUST_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, WHvPartitionPropertyCodeExtendedVmExits,
		     buffer, 8),
		S_OK);
}

static void check_set_property(void)
{
	const uint32_t entries = settled();

	tell(1, ORDER_CPUID);
	WAIT_FOR(get(&runners[1].entries) == entries + 1); /* nothing that a client sees */
	set_exits(EXITS_CPUID);
	WAIT_FOR(get(&runners[1].entries) > entries + 1);
	tell(1, ORDER_CPUID);
	MUST_EQ(ended(1), WHvRunVpExitReasonX64Cpuid);
	set_exits(0);
	start(1);
}

static uint32_t request_nmi(uint32_t vp)
{
	return CALL(WHIT_CALL_REQUEST_INTERRUPT, handle, WHvX64InterruptTypeNmi, vp);
}

static void check_request(void)
{
	struct whit_vp_page *const page = at(vp_pages[0]);
	const uint32_t entries = settled();

	/* It runs. */
	MUST_EQ(request_nmi(0), S_OK);
	WAIT_FOR(get(&runners[1].entries) == entries + 1);
	MUST(runners[1].has_nmi);
	/* Between two Runs. */
	stop(1);
	MUST_EQ(request_nmi(0), S_OK);
	MUST_EQ(page->wake, 0);
	start(1);
	MUST(runners[1].has_nmi);
	/* It sleeps. */
	tell(1, ORDER_HALT);
	MUST_EQ(ended(1), WHIT_S_IDLE);
	MUST_EQ(page->wake, 0);
	MUST_EQ(request_nmi(0), S_OK);
	MUST_EQ(page->wake, 1);
	page->wake = 0;
	MUST_EQ(request_nmi(0), S_OK);
	MUST_EQ(page->wake, 0); /* it has been told */
	start(1);
	MUST(runners[1].has_nmi);
}

static void check_delete(void)
{
	start(2);
	MUST_EQ(CALL(WHIT_CALL_DELETE_PARTITION, handle), WHIT_S_AGAIN);
	MUST_EQ(ended(1), WHvRunVpExitReasonCanceled);
	MUST_EQ(ended(2), WHvRunVpExitReasonCanceled);
	MUST_EQ(CALL(WHIT_CALL_RUN_VP, handle, 0), E_INVALIDARG);
	delete_all(handle);
}

static void prepare_names(void)
{
	*(uint32_t *)at(buffer) = WHvX64RegisterRflags;
	memset(at(buffer + PAGE_SIZE), 0, 16);
	*(uint64_t *)at(buffer + PAGE_SIZE) = RFLAGS_ONE;
}

static void prepare_access(void)
{
	const struct whit_gpa_access access = { .gpa = GPA_MAPPED + 64, .n_bytes = 8 };

	memcpy(at(buffer), &access, sizeof(access));
}

static void prepare_translations(void)
{
	memset(at(buffer), 0, 32);
}

/* State that SET_VP_STATE takes is what GET_VP_STATE has given of a VP at rest. */
static void prepare_state(void)
{
	MUST_EQ(CALL(WHIT_CALL_GET_VP_STATE, handle, 1,
		     WHvVirtualProcessorStateTypeInterruptControllerState2, buffer, 4096),
		S_OK);
}

#define BUFFER (~0ull) /* stands for `buffer` in the table, and BUFFER - 1 for the page behind it */
#define PAGES  (~2ull) /* for pages that nobody uses */
#define STATE  WHvVirtualProcessorStateTypeInterruptControllerState2

/* clang-format off */
static const struct call calls[] = {
	{ .name = "RUN_VP", .code = WHIT_CALL_RUN_VP, .is_refused = true },
	{ .name = "CANCEL_RUN_VP", .code = WHIT_CALL_CANCEL_RUN_VP, .check = check_cancel },
	{ .name = "GET_REGISTERS", .code = WHIT_CALL_GET_REGISTERS, .r8 = BUFFER, .r9 = 1, .r10 = BUFFER - 1, .is_refused = true, .prepare = prepare_names },
	{ .name = "SET_REGISTERS", .code = WHIT_CALL_SET_REGISTERS, .r8 = BUFFER, .r9 = 1, .r10 = BUFFER - 1, .is_refused = true, .prepare = prepare_names },
	{ .name = "GET_VP_STATE", .code = WHIT_CALL_GET_VP_STATE, .r8 = STATE, .r9 = BUFFER, .r10 = 4096, .is_refused = true },
	{ .name = "SET_VP_STATE", .code = WHIT_CALL_SET_VP_STATE, .r8 = STATE, .r9 = BUFFER, .r10 = 4096, .is_refused = true, .prepare = prepare_state },
	{ .name = "TRANSLATE_GVA", .code = WHIT_CALL_TRANSLATE_GVA, .r8 = 0, .r9 = 0, .r10 = 0, .is_refused = true },
	{ .name = "TRANSLATE_GVAS", .code = WHIT_CALL_TRANSLATE_GVAS, .r8 = BUFFER, .r9 = 1, .r10 = 0, .is_refused = true, .prepare = prepare_translations },
	{ .name = "READ_GPA_RANGE", .code = WHIT_CALL_READ_GPA_RANGE, .r8 = BUFFER, .r9 = 0, .r10 = 0, .is_refused = true, .prepare = prepare_access },
	{ .name = "WRITE_GPA_RANGE", .code = WHIT_CALL_WRITE_GPA_RANGE, .r8 = BUFFER, .r9 = 0, .r10 = 0, .is_refused = true, .prepare = prepare_access },
	{ .name = "CPUID_OUTPUT", .code = WHIT_CALL_CPUID_OUTPUT, .r8 = 1, .r9 = 0, .r10 = BUFFER, .is_refused = true },
	{ .name = "DELETE_VP", .code = WHIT_CALL_DELETE_VP, .is_refused = true },
	{ .name = "VP_COUNTERS", .code = WHIT_CALL_VP_COUNTERS, .r8 = WHvProcessorCounterSetIntercepts, .r9 = BUFFER, .r10 = 4096 },
	{ .name = "MAP_GPA_RANGE", .code = WHIT_CALL_MAP_GPA_RANGE, .check = check_map },
	{ .name = "MAP_GPA_LIST", .code = WHIT_CALL_MAP_GPA_LIST, .check = check_map_list },
	{ .name = "UNMAP_GPA_RANGE", .code = WHIT_CALL_UNMAP_GPA_RANGE, .check = check_unmap },
	{ .name = "PROTECT_GPA_RANGE", .code = WHIT_CALL_PROTECT_GPA_RANGE, .check = check_protect },
	{ .name = "QUERY_DIRTY", .code = WHIT_CALL_QUERY_DIRTY, .check = check_dirty },
	{ .name = "ADVISE_GPA_RANGE", .code = WHIT_CALL_ADVISE_GPA_RANGE, .rdx = GPA_MAPPED, .r8 = PAGE_SIZE, .r9 = 1 },
	{ .name = "PARTITION_COUNTERS", .code = WHIT_CALL_PARTITION_COUNTERS, .rdx = WHvPartitionCounterSetMemory, .r8 = BUFFER, .r9 = 4096 },
	{ .name = "INTERRUPT_TARGETS", .code = WHIT_CALL_INTERRUPT_TARGETS, .rdx = 0, .r8 = 0, .r9 = BUFFER },
	{ .name = "GET_PROPERTY", .code = WHIT_CALL_GET_PROPERTY, .rdx = WHvPartitionPropertyCodeProcessorCount, .r8 = BUFFER, .r9 = 8 },
	{ .name = "LEND", .code = WHIT_CALL_LEND, .rdx = PAGES, .r8 = 16 },
	{ .name = "REQUEST_INTERRUPT", .code = WHIT_CALL_REQUEST_INTERRUPT, .check = check_request },
	{ .name = "SET_PROPERTY", .code = WHIT_CALL_SET_PROPERTY, .check = check_set_property },
	{ .name = "CREATE_VP", .code = WHIT_CALL_CREATE_VP, .rdx = N_RUNNERS, .r9 = PAGES },
	{ .name = "RESET_PARTITION", .code = WHIT_CALL_RESET_PARTITION, .is_refused = true },
	{ .name = "SUSPEND_TIME", .code = WHIT_CALL_SUSPEND_TIME, .is_refused = true },
	{ .name = "SET_TSC", .code = WHIT_CALL_SET_TSC, .rdx = 12345, .is_refused = true },
	{ .name = "RESUME_TIME", .code = WHIT_CALL_RESUME_TIME },
	{ .name = "DELETE_PARTITION", .code = WHIT_CALL_DELETE_PARTITION, .check = check_delete }, /* the last one */
};
/* clang-format on */

#define N_CALLS (sizeof(calls) / sizeof(calls[0]))

static uint64_t real(uint64_t parameter)
{
	return parameter == BUFFER	 ? buffer
	       : parameter == BUFFER - 1 ? buffer + PAGE_SIZE
	       : parameter == PAGES	 ? test_pages(16)
					 : parameter;
}

static void make_all_calls(void)
{
	start(1);
	for (size_t i = 0; i < N_CALLS; i++) {
		struct call call = calls[i];

		call.rdx = real(call.rdx);
		call.r8 = real(call.r8);
		call.r9 = real(call.r9);
		call.r10 = real(call.r10);
		if (call.prepare)
			call.prepare();
		if (call.check)
			call.check();
		else if (call.is_refused)
			check_refused(&call);
		else
			check_nothing(&call);
	}
}

static void calls_do_to_vps_that_run_what_the_document_says(void)
{
	with_runners(make_all_calls);
}

/* ---- The document and the table ----------------------------------------------------------- */

static const struct call *call_named(const char *name, size_t length)
{
	for (size_t i = 0; i < N_CALLS; i++)
		if (strlen(calls[i].name) == length && !memcmp(calls[i].name, name, length))
			return &calls[i];
	fprintf(stderr, "no check for %.*s\n", (int)length, name);
	return NULL;
}

/* A row "| NAME, NAME | words |"; the number of names. */
static unsigned int check_row(const char *row)
{
	const char *const words = strstr(row, " | ") + 3;
	const bool is_refused = !strncmp(words, "`WHV_E_INVALID_VP_STATE`", 24);
	unsigned int n = 0;

	for (const char *name = row + 2; name < words; n++) {
		const size_t length = strcspn(name, ", ");
		const struct call *const call = call_named(name, length);

		REQUIRE(call != NULL);
		REQUIRE_EQ(call->is_refused, is_refused);
		name += length + (name[length] == ',' ? 2 : 3);
	}
	return n;
}

static void every_call_that_names_a_partition_is_in_the_document(void)
{
	char *document = read_all("docs/hypercalls.md"), *code = read_all("hv/call/hypercall.c");
	const char *row = strstr(document, "\n| call | while the VP that it names");
	unsigned int n = 0;

	REQUIRE(row != NULL);
	row = strstr(row + 1, "|---|---|\n") + strlen("|---|---|\n");
	for (; *row == '|'; row = strchr(row, '\n') + 1)
		n += check_row(row);
	REQUIRE_EQ(n, N_CALLS);
	/* Rows of the hypervisor's own table; a partition is set up before it has VPs. */
	for (const char *at_text = code; (at_text = strstr(at_text, "[WHIT_CALL_")); at_text++) {
		const char *const name = at_text + strlen("[WHIT_CALL_");
		const char *const scope = strstr(name, ", OF_") + 2;

		if (strncmp(scope, "OF_NOTHING", 10) && strncmp(name, "SETUP_PARTITION", 15))
			REQUIRE(call_named(name, strcspn(name, "] ")) != NULL);
	}
	free(document);
	free(code);
}

/* ---- Memory that goes away under guests that read it --------------------------------------- */

#define N_CHANGES 2000u

static uint64_t version; /* that a guest sees at least; atomic */

static void play_reader(struct virt_vp *vp, struct virt_exit *exit)
{
	struct runner *const runner = &runners[virt_cpu()];

	__atomic_fetch_add(&runner->entries, 1, __ATOMIC_RELEASE);
	for (;;) {
		const uint64_t least = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
		const uint64_t *const word = guest_word(&runner->tlb, vp, GPA_MAPPED, false);

		MUST(word != NULL);
		MUST(peek_word(word) >= least);
		if (fake_is_kicked()) {
			exit->reason = VIRT_EXIT_KICK;
			return;
		}
		if (obey(runner, vp, exit))
			return;
	}
}

static void change_memory(void)
{
	uint64_t here = source, spare = other_source;

	for (uint32_t cpu = 1; cpu <= N_RUNNERS; cpu++)
		start(cpu);
	for (uint64_t i = 2; i < N_CHANGES; i++) {
		const uint64_t before = here;

		poke_word(at(spare), i);
		MUST_EQ(map(WHIT_CALL_MAP_GPA_RANGE, spare, GPA_MAPPED), S_OK);
		__atomic_store_n(&version, i, __ATOMIC_RELEASE);
		poke_word(at(before), 0); /* nobody sees it */
		here = spare;
		spare = before;
		for (uint32_t cpu = 1; i % 8 == 0 && cpu <= N_RUNNERS; cpu++)
			MUST(loads(cpu, GPA_MAPPED));
	}
	for (uint32_t cpu = 1; cpu <= N_RUNNERS; cpu++)
		stop(cpu);
}

static void nobody_sees_what_was_there_when_the_call_has_returned(void)
{
	version = 0;
	machine_play = play_reader;
	with_runners(change_memory);
	machine_play = play_guest;
	REQUIRE(fake.n_kicks > N_CHANGES / 16);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(every_call_that_names_a_partition_is_in_the_document),
		TEST(calls_do_to_vps_that_run_what_the_document_says),
		TEST(nobody_sees_what_was_there_when_the_call_has_returned),
	};

	fake_tells_insns();
	return RUN(tests);
}
