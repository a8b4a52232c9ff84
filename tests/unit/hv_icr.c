// SPDX-License-Identifier: MIT
/*
 * INITs and SIPIs of the root: whom a message reaches, by the manual; and the trap of the ICR on machines with processors
 * that are not Whit's, in both modes of the APIC, with the script of a guest in its one-instruction steps.
 */
#include <setjmp.h>
#include <stdio.h>

#include "hv/root/icr.h"
#include "hv/root/icr_trap.h"
#include "hv/root/memory.h"
#include "hv/root/root_msr.h"
#include "tests/random.h"
#include "tests/unit/machine.h"
#include "whit/log.h"
#include "x86/apic.h"
#include "x86/msr.h"
#include "x86/paging.h"

/* ---- Whom a message reaches -------------------------------------------------------------- */

#define INIT	0x4500u
#define SIPI	0x4608u
#define LOGICAL 0x800u
#define LEVEL	0x8000u /* of an INIT; the processor's own need not have it */
#define SELF	0x40000u
#define ALL	0x80000u
#define OTHERS	0xc0000u
#define FLAT	0xffffffffu
#define CLUSTER 0x0fffffffu

static void init_and_sipi_start_processors_and_nothing_else_does(void)
{
	/* Fixed, lowest priority, SMI, reserved, NMI, INIT, SIPI, reserved. */
	for (uint32_t mode = 0; mode < 8; mode++)
		for (uint32_t rest = 0; rest < 0x100000; rest = rest * 3 + 1)
			CHECK_EQ(icr_is_start((rest & ~0x700u) | mode << 8),
				 mode == 5 || mode == 6);
}

static void messages_reach_whom_the_manual_says(void)
{
	static const struct {
		uint32_t low, destination, is_x2apic;
		struct icr_address address;
		uint32_t reaches_other, reaches_own;
	} rows[] = {
		/* Physical: an ID of 8 bits, FFh is all. */
		{ INIT, 3, 0, { 3, 0, FLAT }, 1, 1 },
		{ INIT, 3, 0, { 2, 8 << 24, FLAT }, 0, 0 },
		{ SIPI, 0xff, 0, { 2, 0, FLAT }, 1, 1 },
		{ SIPI, 0xff, 0, { 0, 0, CLUSTER }, 1, 1 },
		{ INIT, 0, 0, { 256, 0, FLAT }, 0, 0 },
		/* Of 32 bits in x2APIC mode. */
		{ INIT, 0xff, 1, { 0xff, 0, FLAT }, 1, 1 },
		{ INIT, 0xff, 1, { 2, 0, FLAT }, 0, 0 },
		{ INIT, 0x103, 1, { 0x103, 0, FLAT }, 1, 1 },
		{ INIT, 0x103, 1, { 3, 0, FLAT }, 0, 0 },
		{ INIT, 0xffffffff, 1, { 3, 0, FLAT }, 1, 1 },
		/* Shorthands, whatever the destination is. */
		{ INIT | SELF, 7, 0, { 7, 0, FLAT }, 0, 1 },
		{ INIT | ALL, 7, 0, { 2, 0, FLAT }, 1, 1 },
		{ INIT | OTHERS, 7, 0, { 2, 0, FLAT }, 1, 0 },
		{ SIPI | OTHERS, 2, 1, { 2, 0, FLAT }, 1, 0 },
		{ SIPI | ALL | LOGICAL, 0, 1, { 2, 0, FLAT }, 1, 1 },
		/* Flat: a bit for each of eight. */
		{ INIT | LOGICAL, 0x05, 0, { 9, 0x04000000, FLAT }, 1, 1 },
		{ INIT | LOGICAL, 0x05, 0, { 5, 0x02000000, FLAT }, 0, 0 },
		{ INIT | LOGICAL, 0xff, 0, { 5, 0x80000000, FLAT }, 1, 1 },
		{ INIT | LOGICAL, 0xff, 0, { 5, 0x00ffffff, FLAT }, 0, 0 },
		/* Clusters: four bits of which, four of who; Fh is all clusters. */
		{ INIT | LOGICAL, 0x25, 0, { 9, 0x24000000, CLUSTER }, 1, 1 },
		{ INIT | LOGICAL, 0x25, 0, { 9, 0x22000000, CLUSTER }, 0, 0 },
		{ INIT | LOGICAL, 0x25, 0, { 9, 0x15000000, CLUSTER }, 0, 0 },
		{ INIT | LOGICAL, 0xf5, 0, { 9, 0x14000000, CLUSTER }, 1, 1 },
		{ INIT | LOGICAL, 0xf5, 0, { 9, 0x12000000, CLUSTER }, 0, 0 },
		/* Logical x2APIC IDs: ID / 16 and a bit of ID % 16, of whatever LDR is. */
		{ INIT | LOGICAL, 0x00020010, 1, { 0x24, 0, FLAT }, 1, 1 },
		{ INIT | LOGICAL, 0x00020010, 1, { 0x25, FLAT, FLAT }, 0, 0 },
		{ INIT | LOGICAL, 0x00020010, 1, { 0x34, FLAT, FLAT }, 0, 0 },
		{ INIT | LOGICAL, 0x00008000, 1, { 0xf, 0, FLAT }, 1, 1 },
		{ INIT | LOGICAL, 0xffffffff, 1, { 0x77, 0, FLAT }, 1, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct icr icr = { rows[i].low, rows[i].destination, rows[i].is_x2apic };

		CHECK_EQ(icr_reaches(&icr, &rows[i].address, false), rows[i].reaches_other);
		CHECK_EQ(icr_reaches(&icr, &rows[i].address, true), rows[i].reaches_own);
		if (check_has_failed())
			printf("  row %zu\n", i);
	}
}

/* By level an INIT comes in two halves, of which the second starts nobody. */
static void an_init_is_told_from_a_sipi_and_from_its_end(void)
{
	CHECK(icr_is_init(INIT | OTHERS | LOGICAL) && !icr_is_deassert(INIT));
	CHECK(icr_is_init(0xc500) && !icr_is_deassert(0xc500));
	CHECK(icr_is_init(0x8500) && icr_is_deassert(0x8500));
	CHECK(!icr_is_init(SIPI) && !icr_is_deassert(0x8608));
}

/* ---- The machine ------------------------------------------------------------------------- */

#define XAPIC  (APIC_PAGE | APIC_BASE_ENABLE | APIC_BASE_BSP)
#define X2APIC (XAPIC | APIC_BASE_EXTD)
#define RX     (VIRT_READ | VIRT_EXECUTE)
#define RWX    (RX | VIRT_WRITE)

static jmp_buf out;

static uint64_t trap_init(uint64_t base, uint32_t n_cpus)
{
	struct whit_handover *h;

	fake_reset(256 * MIB);
	fake_set_msr(MSR_APIC_BASE, base);
	fake_set_msr(MSR_X2APIC_ICR, 0);
	h = fake_handover(BLOCK_BASE, 32 * MIB);
	h->traps_icr = 1;
	h->n_cpus = n_cpus;
	return hv_init(h);
}

/* One more processor comes. */
static void take_over(uint32_t cpu, uint32_t id)
{
	const struct whit_cpu_state state = { .rip = 0x1000 };
	struct root *const root = &hv.roots[cpu];

	root->cpu = cpu;
	root->xcr0 = 1;
	root->virt = virt_root_create(&hv.heap, &state, &hv.root_space);
	REQUIRE(root->virt != NULL);
	fake.lapic_id = fake.lapic_ids[cpu] = id;
	CHECK(!root_prepare(root));
}

/* Processors with the IDs 0, 2 and 0x10: 1 and others are not Whit's. */
static void trap_machine(uint64_t base)
{
	REQUIRE_EQ(trap_init(base, 3), WHIT_LAUNCH_OK);
	take_over(2, 0x10);
	take_over(1, 2);
	take_over(0, 0);
	fake.n_sent = fake.n_lapic_writes = 0;
	next_page = BLOCK_BASE + 32 * MIB;
}

/* ---- What the guest does in its step ----------------------------------------------------- */

/* It writes `value` to the word at `offset`, and RIP moves. */
static struct act {
	uint32_t offset, value;
	uint64_t rip_moves;
	bool writes;
} act;

static void jump_out(struct virt_vp *vp, struct virt_exit *exit)
{
	CHECK(!vp->steps);
	CHECK(vp->space == &hv.root_space);
	fake_leave_guest();
	longjmp(out, 1);
}

static bool is_same_leaf(uint64_t gpa)
{
	const struct virt_leaf a = virt_space_lookup(&hv.root_space, GPA(gpa)),
			       b = virt_space_lookup(test_root.virt->space, GPA(gpa));

	return a.rights == b.rights && a.level == b.level && a.type == b.type && a.spa.a == b.spa.a;
}

/* The step's space is the root's, but for the one page, which is memory. */
static void check_space(const struct virt_vp *vp)
{
	const struct virt_leaf own = virt_space_lookup(vp->space, GPA(APIC_PAGE));
	static struct random rng = { 1 };

	CHECK(vp->steps);
	CHECK(vp->space != &hv.root_space);
	CHECK_EQ(hv.root_gate.turn, test_root.inside);
	CHECK_EQ(own.rights, RWX);
	CHECK_EQ(own.type, MEMTYPE_WB);
	CHECK(own.spa.a - hv.hidden_base < hv.hidden_bytes);
	for (unsigned int i = 0; i < 200; i++) {
		CHECK(is_same_leaf(random_below(&rng, 256 * MIB)));
		CHECK(is_same_leaf(random_below(&rng, 4 * GIB) & ~0xfffull &
				   ~(APIC_PAGE ^ 0xfee01000)));
	}
	CHECK(is_same_leaf(APIC_PAGE + PAGE_SIZE) && is_same_leaf(APIC_PAGE - 1));
}

static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	uint32_t *const page = virt_ptr(virt_space_lookup(vp->space, GPA(APIC_PAGE)).spa);

	(void)exit;
	check_space(vp);
	/* An instruction that reads before it writes finds the register. */
	if (act.offset != XAPIC_EOI)
		CHECK_EQ(page[act.offset / 4], fake.lapic[act.offset / 4]);
	if (act.writes)
		page[act.offset / 4] = act.value;
	vp->regs.rip += act.rip_moves;
}

static void hit(uint32_t offset)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY };

	exit.memory.gpa = GPA(APIC_PAGE + offset);
	exit.memory.is_write = true;
	fake_push(&exit, NULL);
}

static void go(void)
{
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID }, jump_out);
	if (!setjmp(out))
		root_run(&test_root);
	fake.n_exits = fake.next_exit = 0;
	gate_leave(&test_root.inside); /* jump_out() was in the guest */
}

/* A whole write, of `value` to the register. */
static void write_register(uint32_t offset, uint32_t value)
{
	act = (struct act) { offset, value, 3, true };
	hit(offset);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_STEP }, play);
	go();
}

/* These were sent since the last question, this low word to each, and nothing was written. */
static void check_sent(uint32_t low, unsigned int n, const uint32_t *ids)
{
	REQUIRE_EQ(fake.n_sent, n);
	for (unsigned int i = 0; i < n; i++) {
		CHECK_EQ(fake.sent[i].id, ids[i]);
		CHECK_EQ(fake.sent[i].low, low & ~LEVEL);
	}
	fake.n_sent = 0;
}

#define SENT(low, ...)                                               \
	do {                                                         \
		const uint32_t ids_[] = { __VA_ARGS__ };             \
		check_sent(low, sizeof(ids_) / sizeof(*ids_), ids_); \
	} while (0)

static unsigned int lines_with(const char *words)
{
	static char text[WHIT_LOG_BYTES + 1];
	unsigned int n = 0;
	uint64_t next;

	text[log_read(0, text, WHIT_LOG_BYTES, &next)] = 0;
	for (const char *at = text; (at = strstr(at, words)); at++)
		n++;
	return n;
}

/* ---- The trap ---------------------------------------------------------------------------- */

static void the_page_is_for_reading_and_its_neighbours_are_not_changed(void)
{
	struct virt_leaf leaf;

	trap_machine(XAPIC);
	for (unsigned int i = 0; i < 2; i++) {
		leaf = virt_space_lookup(&hv.root_space, GPA(APIC_PAGE));
		CHECK_EQ(leaf.rights, RX);
		CHECK_EQ(leaf.level, LEVEL_4K);
		CHECK_EQ(leaf.spa.a, APIC_PAGE);
		CHECK_EQ(virt_space_lookup(&hv.root_space, GPA(APIC_PAGE + PAGE_SIZE)).rights, RWX);
		CHECK_EQ(virt_space_lookup(&hv.root_space, GPA(APIC_PAGE - 1)).level, LEVEL_2M);
		CHECK_EQ(virt_space_lookup(&hv.root_space, GPA(0)).rights, RWX);
		for (bool is_first = true; !root_memory_retype(is_first);)
			is_first = false;
	}
	/* Without the trap it is as all others. */
	machine(256 * MIB);
	leaf = virt_space_lookup(&hv.root_space, GPA(APIC_PAGE));
	CHECK_EQ(leaf.rights, RWX);
	CHECK_EQ(leaf.level, LEVEL_1G);
	CHECK_EQ(hv.icr_page, 0);
}

static void others_are_told_to_wait_when_the_last_one_is_in(void)
{
	for (unsigned int is_x2 = 0; is_x2 < 2; is_x2++) {
		unsigned int n = 0;

		REQUIRE_EQ(trap_init(is_x2 ? X2APIC : XAPIC, 2), WHIT_LAUNCH_OK);
		take_over(0, 5);
		CHECK_EQ(fake.n_sent, 0);
		take_over(1, is_x2 ? 300 : 7);
		/* All IDs but ours, and but that of a broadcast. */
		for (uint32_t id = 0; id < (is_x2 ? 512 : 255); id++) {
			if (id == 5 || id == (is_x2 ? 300 : 7))
				continue;
			REQUIRE(n < fake.n_sent);
			CHECK_EQ(fake.sent[n].id, id);
			CHECK_EQ(fake.sent[n++].low, INIT);
		}
		CHECK_EQ(fake.n_sent, n);
	}
}

static void what_cannot_be_trapped_is_refused(void)
{
	struct root *const second = &hv.roots[1];

	CHECK_EQ(trap_init(APIC_PAGE << 8 | APIC_BASE_ENABLE, 1), WHIT_LAUNCH_UNSUPPORTED);
	REQUIRE_EQ(trap_init(XAPIC, 2), WHIT_LAUNCH_OK);
	take_over(0, 0);
	fake_set_msr(MSR_APIC_BASE, XAPIC + PAGE_SIZE);
	second->virt = virt_root_create(&hv.heap, &(const struct whit_cpu_state) { .rip = 1 },
					&hv.root_space);
	CHECK(strstr(root_prepare(second), "local APIC"));
}

static void starts_go_to_ours_one_by_one_and_to_nobody_else(void)
{
	trap_machine(XAPIC);
	fake.lapic[XAPIC_ICR_HIGH / 4] = 2u << 24;
	write_register(XAPIC_ICR_LOW, 0xc500);
	SENT(0xc500, 2);
	write_register(XAPIC_ICR_LOW, SIPI);
	SENT(SIPI, 2);
	write_register(XAPIC_ICR_LOW, SIPI | OTHERS);
	SENT(SIPI, 2, 0x10);
	write_register(XAPIC_ICR_LOW, INIT | ALL);
	SENT(INIT, 0, 2, 0x10);
	write_register(XAPIC_ICR_LOW, INIT | SELF);
	SENT(INIT, 0);
	fake.lapic[XAPIC_ICR_HIGH / 4] = 0xffu << 24;
	write_register(XAPIC_ICR_LOW, INIT);
	SENT(INIT, 0, 2, 0x10);
	CHECK_EQ(hv.stats.starts_dropped, 0);
	CHECK_EQ(lines_with("dropped"), 0);
	for (uint32_t id = 0; id < 255; id++) {
		if (id == 0 || id == 2 || id == 0x10)
			continue;
		fake.lapic[XAPIC_ICR_HIGH / 4] = id << 24;
		write_register(XAPIC_ICR_LOW, id & 1 ? INIT : SIPI);
		REQUIRE_EQ(fake.n_sent, 0);
	}
	CHECK_EQ(hv.stats.starts_dropped, 252);
	CHECK_EQ(lines_with("dropped"), 1); /* a root can go on for ever */
	CHECK_EQ(fake.n_lapic_writes, 0);
}

/* By the LDR and DFR that the root has written last on each processor, or firmware before. */
static void starts_by_logical_ids_go_to_ours(void)
{
	trap_machine(XAPIC);
	hv.roots[2].address.ldr = 4u << 24;
	write_register(XAPIC_LDR, 1u << 24);
	write_register(XAPIC_DFR, FLAT);
	CHECK_EQ(fake.n_lapic_writes, 2);
	CHECK_EQ(fake.lapic[XAPIC_LDR / 4], 1u << 24);
	hv.roots[2].address.dfr = FLAT;
	fake.lapic[XAPIC_ICR_HIGH / 4] = 5u << 24;
	write_register(XAPIC_ICR_LOW, INIT | LOGICAL);
	SENT(INIT, 0, 0x10);
	fake.lapic[XAPIC_ICR_HIGH / 4] = 2u << 24;
	write_register(XAPIC_ICR_LOW, INIT | LOGICAL);
	CHECK_EQ(fake.n_sent, 0);
	CHECK_EQ(hv.stats.starts_dropped, 1);
}

static void all_else_is_written_as_it_is(void)
{
	static const uint32_t modes[] = { 0, 1, 2, 3, 4, 7 };
	unsigned int n = 0;

	trap_machine(XAPIC);
	fake.lapic[XAPIC_ICR_HIGH / 4] = 1u << 24;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		for (uint32_t shorthand = 0; shorthand < 4; shorthand++) {
			const uint32_t low = 0x40f1 | modes[i] << 8 | shorthand << 18;

			write_register(XAPIC_ICR_LOW, low);
			CHECK_EQ(fake.lapic[XAPIC_ICR_LOW / 4], low);
			/* The same once more is another message. */
			write_register(XAPIC_ICR_LOW, low);
			n += 2;
			CHECK_EQ(fake.n_lapic_writes, n);
		}
	for (uint32_t offset = 0x20; offset < 0x400; offset += 0x10) {
		if (offset == XAPIC_ICR_LOW)
			continue;
		write_register(offset, 0x500 + offset);
		CHECK_EQ(fake.lapic[offset / 4], 0x500 + offset);
		CHECK_EQ(fake.n_lapic_writes, ++n);
	}
	write_register(XAPIC_EOI, 0);
	write_register(XAPIC_EOI, 0);
	CHECK_EQ(fake.n_lapic_writes, n + 2);
	CHECK_EQ(fake.n_sent, 0);
}

/* The words beside a register's first are no registers, but who knows. */
static void odd_addresses_are_no_way_round(void)
{
	trap_machine(XAPIC);
	fake.lapic[XAPIC_ICR_HIGH / 4] = 1u << 24;
	for (uint32_t offset = XAPIC_ICR_LOW; offset < XAPIC_ICR_LOW + 16; offset++) {
		act = (struct act) { offset & ~3u, SIPI, 3, true };
		hit(offset);
		fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_STEP }, play);
		go();
	}
	CHECK_EQ(fake.n_lapic_writes, 0);
	CHECK_EQ(fake.n_sent, 0);
	CHECK_EQ(hv.stats.starts_dropped, 16);
}

/* The firmware still needs its processors to bring them in. */
static void before_all_are_in_everything_goes_on(void)
{
	REQUIRE_EQ(trap_init(XAPIC, 2), WHIT_LAUNCH_OK);
	take_over(0, 0);
	write_register(XAPIC_ICR_LOW, SIPI | OTHERS);
	CHECK_EQ(fake.n_sent, 0);
	CHECK_EQ(fake.lapic[XAPIC_ICR_LOW / 4], SIPI | OTHERS);
	fake_set_msr(MSR_APIC_BASE, X2APIC);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 1ull << 32 | SIPI), MSR_DONE);
	CHECK_EQ(fake.n_sent, 0);
}

/* ---- The step ---------------------------------------------------------------------------- */

/* An interrupt, or a fault of the instruction, is delivered before it: it comes again. */
static void an_event_before_the_instruction_writes_nothing(void)
{
	trap_machine(XAPIC);
	act = (struct act) { XAPIC_EOI, 0, 0x123456, false };
	hit(XAPIC_EOI);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_STEP }, play);
	/* The handler's own. */
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_CPUID, .insn_length = 2 }, NULL);
	go();
	CHECK_EQ(fake.n_lapic_writes, 0);
	write_register(XAPIC_EOI, 0);
	CHECK_EQ(fake.n_lapic_writes, 1);
}

/* Whatever else ends the step, it is answered as at any time, and nothing was written. */
static void other_exits_end_the_step(void)
{
	static const enum virt_exit_reason reasons[] = { VIRT_EXIT_NOTHING, VIRT_EXIT_KICK,
							 VIRT_EXIT_MEMORY };

	trap_machine(XAPIC);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct virt_exit exit = { .reason = reasons[i] };

		exit.memory.gpa = GPA((9 + i) * GIB); /* not mapped yet */
		exit.memory.is_read = true;
		act = (struct act) { 0x380, 77, 0, false };
		hit(0x380);
		fake_push(&exit, play);
		go();
		CHECK_EQ(fake.n_lapic_writes, i);
		CHECK_EQ(virt_space_lookup(&hv.root_space, exit.memory.gpa).rights != 0,
			 reasons[i] == VIRT_EXIT_MEMORY);
		/* And what has been mapped then is there in the next one. */
		write_register(0x380, 77);
		CHECK(is_same_leaf(exit.memory.gpa.a));
		CHECK_EQ(fake.n_lapic_writes, i + 1);
	}
}

/* check_space() looks in each step, and the machine screams at stale translations. */
static void a_step_sees_the_space_as_it_is(void)
{
	static struct random rng = { 7 };
	unsigned int renewals;
	uint64_t page;

	trap_machine(XAPIC);
	for (unsigned int i = 0; i < 40; i++) {
		page = BLOCK_BASE + 32 * MIB + random_below(&rng, 20000) * PAGE_SIZE;
		CHECK(root_memory_hide(SPA(page), 1));
		write_register(0x380, i);
		CHECK_EQ(virt_space_lookup(&test_root.step.space, GPA(page)).rights,
			 virt_space_lookup(&hv.root_space, GPA(page)).rights);
		if (i % 3)
			root_memory_show(SPA(page), 1);
		write_register(0x380, i);
	}
	/* And is cheap while nothing changes. */
	renewals = test_root.virt->n_renewals;
	for (unsigned int i = 0; i < 10; i++)
		write_register(0x380, i);
	CHECK_EQ(test_root.virt->n_renewals, renewals);
}

/* The delivery of an event wrote to the page: it is delivered again in the step. */
static struct virt_event seen;

static void look_at_event(struct virt_vp *vp, struct virt_exit *exit)
{
	seen = vp->injected;
	play(vp, exit);
}

static void an_event_that_was_interrupted_is_delivered_in_the_step(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY };

	trap_machine(XAPIC);
	exit.memory.gpa = GPA(APIC_PAGE + 0x380);
	exit.memory.is_write = true;
	exit.interrupted = (struct virt_event) { VIRT_EVENT_INTERRUPT, 33, false, 0, 0 };
	act = (struct act) { 0x380, 5, 0x5555, true };
	fake_push(&exit, NULL);
	fake_push(&(struct virt_exit) { .reason = VIRT_EXIT_STEP }, look_at_event);
	go();
	CHECK_EQ(seen.vector, 33);
	CHECK_EQ(fake.lapic[0x380 / 4], 5);
}

/* ---- x2APIC ------------------------------------------------------------------------------ */

static uint64_t icr_msr(void)
{
	uint64_t value = ~0ull;

	CHECK(virt_rdmsr(MSR_X2APIC_ICR, &value));
	return value;
}

static void the_x2apics_register_is_filtered_too(void)
{
	trap_machine(X2APIC);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 2ull << 32 | 0xc500), MSR_DONE);
	SENT(0xc500, 2);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, SIPI | OTHERS), MSR_DONE);
	SENT(SIPI, 2, 0x10);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 0xffffffffull << 32 | SIPI), MSR_DONE);
	SENT(SIPI, 0, 2, 0x10);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 0x10001ull << 32 | SIPI | LOGICAL),
		 MSR_DONE);
	SENT(SIPI, 0x10);
	CHECK_EQ(hv.stats.starts_dropped, 0);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 1ull << 32 | SIPI), MSR_DONE);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 0x102ull << 32 | INIT), MSR_DONE);
	CHECK_EQ(hv.stats.starts_dropped, 2);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 2ull << 32 | 1 << 20 | INIT),
		 MSR_FAULT);
	CHECK_EQ(fake.n_sent, 0);
	CHECK_EQ(icr_msr(), 0);
	/* Others are written as they are. */
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, 1ull << 32 | 0x40f1), MSR_DONE);
	CHECK_EQ(icr_msr(), 1ull << 32 | 0x40f1);
	CHECK_EQ(msr_write_root(&test_root, MSR_X2APIC_ICR, OTHERS | 0x4400), MSR_DONE);
	CHECK_EQ(icr_msr(), OTHERS | 0x4400);
	CHECK_EQ(fake.n_sent, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(init_and_sipi_start_processors_and_nothing_else_does),
		TEST(messages_reach_whom_the_manual_says),
		TEST(an_init_is_told_from_a_sipi_and_from_its_end),
		TEST(the_page_is_for_reading_and_its_neighbours_are_not_changed),
		TEST(others_are_told_to_wait_when_the_last_one_is_in),
		TEST(what_cannot_be_trapped_is_refused),
		TEST(starts_go_to_ours_one_by_one_and_to_nobody_else),
		TEST(starts_by_logical_ids_go_to_ours),
		TEST(all_else_is_written_as_it_is),
		TEST(odd_addresses_are_no_way_round),
		TEST(before_all_are_in_everything_goes_on),
		TEST(an_event_before_the_instruction_writes_nothing),
		TEST(other_exits_end_the_step),
		TEST(a_step_sees_the_space_as_it_is),
		TEST(an_event_that_was_interrupted_is_delivered_in_the_step),
		TEST(the_x2apics_register_is_filtered_too),
	};

	return RUN(tests);
}
