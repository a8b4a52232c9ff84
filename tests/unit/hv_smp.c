/* SPDX-License-Identifier: MIT */
/*
 * Random calls from four processors at once, each in the loop of its root (root_run()), on a few partitions that they
 * share. Guests run on what they remember of their memory as long as nobody has them renewed; so do the roots.
 *
 * No call is judged alone. Each leaves traces before and after it, and what it answers has to be what it could have met
 * at some moment in between: a partition that somebody was deleting, a VP that was or was not there, one that ran. What a
 * processor has mapped itself, and lent itself, it knows to the word.
 */
#include <stdio.h>

#include "tests/unit/smp_player.h"
#include "whp/WinHvExits.h"
#include "x86/gpr.h"
#include "x86/rflags.h"

static uint64_t n_answers[N_OPS][8]; /* by op, and group of answers; atomic */

/* ---- What a call could have met ---------------------------------------------------------- */

/* All calls that name a partition. */
static void judge_partition(uint32_t result)
{
	if (me->was_over)
		MUST_EQ(result, E_INVALIDARG);
	if (result == RESULT(E_INVALIDARG))
		MUST(is(&me->life->is_dying));
}

/* Calls that name a VP. Once its partition is being deleted, it may be gone. */
static void judge_vp(uint32_t result)
{
	const struct vp_life *const before = &me->before[me->vp];
	const struct vp_life *const now = &me->life->vps[me->vp];

	judge_partition(result);
	if (result == RESULT(E_INVALIDARG) || is(&me->life->is_dying))
		return;
	if (result == RESULT(WHV_E_VP_DOES_NOT_EXIST))
		MUST(!is_surely_there(before, now));
	else
		MUST(!is_surely_absent(before, now, 0));
}

/* Calls that a VP refuses which runs. */
static void judge_idle_vp(uint32_t result)
{
	const struct vp_life *const before = &me->before[me->vp];
	const struct vp_life *const now = &me->life->vps[me->vp];

	judge_vp(result);
	if (result == RESULT(WHV_E_INVALID_VP_STATE))
		MUST(may_run(before, now, me->op == OP_RUN));
	if (result == RESULT(S_OK))
		MUST(!surely_runs(before, now));
}

/* Calls that are refused while any VP of the partition runs. */
static void judge_idle_partition(uint32_t result)
{
	bool may = false;

	judge_partition(result);
	for (unsigned int i = 0; i < N_VPS; i++) {
		may |= may_run(&me->before[i], &me->life->vps[i], 0);
		if (result == RESULT(S_OK))
			MUST(!surely_runs(&me->before[i], &me->life->vps[i]));
	}
	if (result == RESULT(WHV_E_INVALID_VP_STATE))
		MUST(may);
}

static void expect_one_of(uint32_t result, const uint32_t *results, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (results[i] == result)
			return;
	fake_scream("call %u answers %#x", (unsigned int)me->op, result);
}

#define EXPECT(result, ...)                                                                   \
	expect_one_of(result,                                                                 \
		      (const uint32_t[]) { RESULT(E_INVALIDARG), RESULT(S_OK), __VA_ARGS__ }, \
		      sizeof((const uint32_t[]) { 0, 0, __VA_ARGS__ }) / sizeof(uint32_t))

/* ---- Its own pages ----------------------------------------------------------------------- */

/* Nobody has it: what the root writes stays. */
static void reclaim(struct source *source)
{
	source->life = NULL;
	source->word = random_next(&me->random);
	poke_word(at(source->spa), source->word);
}

static void settle_pages(void)
{
	for (unsigned int i = 0; i < N_SOURCES; i++) {
		struct source *const source = &me->sources[i];

		if (source->life && is(&source->life->is_over))
			reclaim(source);
		else if (!source->life || !source->is_writable)
			MUST_EQ(peek_word(at(source->spa)), source->word);
	}
	for (unsigned int i = 0; i < N_LOANS; i++)
		if (me->loans[i].life && is(&me->loans[i].life->is_over)) {
			me->loans[i].life = NULL;
			/* It comes back clean. */
			for (unsigned int j = 0; j < LOAN; j++)
				MUST_EQ(peek_word(at(me->loans[i].spa + j * PAGE_SIZE)), 0);
		}
}

/* The root's guest looks at a page that it has lent, through its own space; false, with the exit of a violation. */
static bool touch_loan(struct virt_vp *vp, struct virt_exit *exit)
{
	struct loan *const loan = &me->loans[any(N_LOANS)];
	const uint64_t spa = loan->spa + any(LOAN) * PAGE_SIZE;
	const uint64_t *const word = guest_word(&me->root, vp, spa, false);

	if (!word) {
		MUST(loan->life != NULL);
		exit->reason = VIRT_EXIT_MEMORY;
		exit->memory.gpa = GPA(spa);
		exit->memory.is_read = true;
		return false;
	}
	if (loan->life && !is(&loan->life->is_dying))
		MUST_EQ(peek_word(word), ~0ull);
	else
		(void)peek_word(word);
	return true;
}

/* ---- Answers ----------------------------------------------------------------------------- */

static void answered_create(uint32_t result, uint64_t rdx)
{
	MUST_EQ(result, S_OK);
	me->life->handle = rdx;
	me->loan->life = me->life;
	me->next_op = OP_COUNT;
}

static void answered_setup(uint32_t result)
{
	MUST_EQ(result, S_OK);
	__atomic_store_n(&slots[me->life->slot].life, me->life, __ATOMIC_SEQ_CST);
}

static void answered_delete(uint32_t result)
{
	struct slot *const slot = &slots[me->life->slot];

	EXPECT(result, WHIT_S_AGAIN);
	if (me->was_over)
		MUST_EQ(result, E_INVALIDARG);
	if (result != RESULT(S_OK))
		return;
	MUST(!is(&me->life->is_over));
	note(&me->life->is_over);
	__atomic_store_n(&slot->is_taken, false, __ATOMIC_SEQ_CST);
}

static void answered_lend(uint32_t result)
{
	EXPECT(result, 0);
	judge_partition(result);
	if (result == RESULT(S_OK))
		me->loan->life = me->life;
}

static void answered_create_vp(uint32_t result)
{
	const struct vp_life *const before = &me->before[me->vp];
	struct vp_life *const now = &me->life->vps[me->vp];

	EXPECT(result, RESULT(WHV_E_VP_ALREADY_EXISTS), WHIT_E_INSUFFICIENT_MEMORY);
	judge_partition(result);
	if (result == RESULT(WHV_E_VP_ALREADY_EXISTS))
		MUST(!is_surely_absent(before, now, 1));
	if (result == RESULT(S_OK)) {
		MUST(!is_surely_there(before, now) || is(&me->life->is_dying));
		add(&now->created, 1);
	}
	add(&now->creates, ~0u);
	if (result == WHIT_E_INSUFFICIENT_MEMORY)
		me->next_op = OP_LEND;
}

static void answered_delete_vp(uint32_t result)
{
	struct vp_life *const now = &me->life->vps[me->vp];

	EXPECT(result, RESULT(WHV_E_VP_DOES_NOT_EXIST), RESULT(WHV_E_INVALID_VP_STATE));
	judge_idle_vp(result);
	if (result == RESULT(S_OK))
		add(&now->deleted, 1);
	add(&now->deletes, ~0u);
}

static void answered_run(uint32_t result)
{
	EXPECT(result, WHIT_S_AGAIN, WHIT_S_IDLE, RESULT(WHV_E_VP_DOES_NOT_EXIST),
	       RESULT(WHV_E_INVALID_VP_STATE));
	judge_idle_vp(result);
	add(&me->life->vps[me->vp].ran, 1);
}

static void answered_map(uint32_t result)
{
	EXPECT(result, WHIT_E_INSUFFICIENT_MEMORY);
	judge_partition(result);
	if (result == RESULT(S_OK))
		me->source->life = me->life;
	else if (result == WHIT_E_INSUFFICIENT_MEMORY)
		me->next_op = OP_LEND;
}

static void answered_unmap(uint32_t result)
{
	EXPECT(result, 0);
	judge_partition(result);
	if (result == RESULT(S_OK))
		reclaim(me->source);
}

/* Guests can read it now, and only that, or write to it again. */
static void answered_protect(uint32_t result)
{
	struct source *const source = me->source;

	EXPECT(result, 0);
	judge_partition(result);
	if (result == RESULT(E_INVALIDARG))
		source->is_writable = true; /* until it is over */
	else if (!source->is_writable)
		poke_word(at(source->spa), source->word = random_next(&me->random));
}

/* What a guest has written since the last question came back must be in this answer. */
static void answered_dirty(uint32_t result)
{
	struct source *const source = me->source;

	EXPECT(result, RESULT(WHV_E_GPA_RANGE_NOT_FOUND));
	judge_partition(result);
	if (result == RESULT(WHV_E_GPA_RANGE_NOT_FOUND))
		MUST(!source->is_tracked);
	if (result != RESULT(S_OK))
		return;
	MUST(source->is_tracked);
	if (source->was_asked && me->word != source->word)
		MUST_EQ(*(uint64_t *)at(me->buffer), 1);
	source->was_asked = true;
	source->word = random_next(&me->random);
	poke_word(at(source->spa), source->word);
}

static void answer(uint32_t result, uint64_t rdx)
{
	switch (me->op) {
	case OP_CREATE: answered_create(result, rdx); break;
	case OP_COUNT:
		MUST_EQ(result, S_OK);
		me->next_op = OP_APICS;
		break;
	case OP_APICS:
		MUST_EQ(result, S_OK);
		me->next_op = OP_SETUP;
		break;
	case OP_SETUP: answered_setup(result); break;
	case OP_DELETE: answered_delete(result); break;
	case OP_LEND: answered_lend(result); break;
	case OP_CREATE_VP: answered_create_vp(result); break;
	case OP_DELETE_VP: answered_delete_vp(result); break;
	case OP_RUN: answered_run(result); break;
	case OP_CANCEL:
	case OP_COUNTERS:
		EXPECT(result, RESULT(WHV_E_VP_DOES_NOT_EXIST));
		judge_vp(result);
		break;
	case OP_MAP: answered_map(result); break;
	case OP_UNMAP: answered_unmap(result); break;
	case OP_PROTECT: answered_protect(result); break;
	case OP_DIRTY: answered_dirty(result); break;
	case OP_GET:
	case OP_SET:
	case OP_STATE:
		EXPECT(result, RESULT(WHV_E_VP_DOES_NOT_EXIST), RESULT(WHV_E_INVALID_VP_STATE));
		judge_idle_vp(result);
		break;
	case OP_RESET:
	case OP_SUSPEND:
	case OP_SET_TSC:
		EXPECT(result, RESULT(WHV_E_INVALID_VP_STATE));
		judge_idle_partition(result);
		break;
	case OP_REQUEST:
	case OP_TARGETS:
	case OP_RESUME:
	case OP_PROPERTY:
	case OP_ADVISE:
		EXPECT(result, me->op == OP_ADVISE ? RESULT(WHV_E_GPA_RANGE_NOT_FOUND) : 0);
		judge_partition(result);
		break;
	case OP_STATS: MUST_EQ(result, S_OK); break;
	case N_OPS: MUST(false);
	}
}

/* ---- Calls ------------------------------------------------------------------------------- */

static void set_call(struct virt_exit *exit, uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8,
		     uint64_t r9, uint64_t r10)
{
	uint64_t *const gpr = virt_regs(this_root()->virt)->gpr;

	gpr[X86_RAX] = code;
	gpr[X86_RCX] = rcx;
	gpr[X86_RDX] = rdx;
	gpr[X86_R8] = r8;
	gpr[X86_R9] = r9;
	gpr[X86_R10] = r10;
	exit->reason = VIRT_EXIT_HYPERCALL;
	exit->hypercall.is_kernel64 = true;
	exit->insn_length = 3;
	me->is_calling = true;
}

static struct loan *free_loan(void)
{
	for (unsigned int i = 0; i < N_LOANS; i++)
		if (!me->loans[i].life)
			return &me->loans[i];
	return NULL;
}

/* A new partition in a slot that is free; false if none is. */
static bool begin_create(struct virt_exit *exit)
{
	struct slot *const slot = &slots[any(N_SLOTS)];

	me->loan = free_loan();
	if (!me->loan || is(&slot->is_taken) ||
	    __atomic_exchange_n(&slot->is_taken, true, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&slot->life, NULL, __ATOMIC_SEQ_CST);
	me->life = &lives[__atomic_fetch_add(&n_lives, 1u, __ATOMIC_RELAXED) % N_LIVES];
	memset(me->life, 0, sizeof(*me->life));
	me->life->slot = (uint32_t)(slot - slots);
	set_call(exit, WHIT_CALL_CREATE_PARTITION, me->loan->spa, LOAN, 0, 0, 0);
	return true;
}

static void begin_property(struct virt_exit *exit, uint32_t code, uint32_t value, uint64_t n_bytes)
{
	*(uint64_t *)at(me->buffer) = value;
	set_call(exit, WHIT_CALL_SET_PROPERTY, me->life->handle, code, me->buffer, n_bytes, 0);
}

static bool begin_map(struct virt_exit *exit)
{
	struct source *const source = me->source;

	if (source->life)
		return false;
	source->is_tracked = any(2);
	source->is_writable = true;
	source->was_asked = false;
	set_call(exit, WHIT_CALL_MAP_GPA_RANGE, me->life->handle, source->spa, source->gpa,
		 PAGE_SIZE,
		 VIRT_READ | VIRT_WRITE | VIRT_EXECUTE | (source->is_tracked ? VIRT_TRACKED : 0));
	return true;
}

static bool begin_mapped(struct virt_exit *exit)
{
	struct source *const source = me->source;

	if (!source->life)
		return false;
	me->life = source->life;
	switch (me->op) {
	case OP_UNMAP:
		set_call(exit, WHIT_CALL_UNMAP_GPA_RANGE, me->life->handle, source->gpa, PAGE_SIZE,
			 0, 0);
		break;
	case OP_PROTECT:
		source->is_writable = !source->is_writable;
		source->was_asked = false;
		set_call(exit, WHIT_CALL_PROTECT_GPA_RANGE, me->life->handle, source->gpa,
			 PAGE_SIZE,
			 VIRT_READ | (source->is_writable ? VIRT_WRITE : 0) |
				 (source->is_tracked ? VIRT_TRACKED : 0),
			 0);
		break;
	default:
		me->word = peek_word(at(source->spa));
		set_call(exit, WHIT_CALL_QUERY_DIRTY, me->life->handle, source->gpa, PAGE_SIZE,
			 me->buffer, 0);
	}
	return true;
}

static void begin_registers(struct virt_exit *exit, uint64_t code)
{
	uint32_t *const names = at(me->names);
	uint64_t *const values = at(me->values);

	names[0] = WHvX64RegisterRflags;
	names[1] = WHvRegisterInternalActivityState;
	memset(values, 0, 32);
	values[0] = 0x2 | RFLAGS_IF;
	set_call(exit, code, me->life->handle, me->vp, me->names, 2, me->values);
}

static void begin_vp(struct virt_exit *exit)
{
	struct vp_life *const vp = &me->life->vps[me->vp];
	const uint64_t handle = me->life->handle;

	switch (me->op) {
	case OP_CREATE_VP:
		add(&vp->creates, 1);
		set_call(exit, WHIT_CALL_CREATE_VP, handle, me->vp, 0,
			 slots[me->life->slot].pages[me->vp], 0);
		break;
	case OP_DELETE_VP:
		add(&vp->deletes, 1);
		set_call(exit, WHIT_CALL_DELETE_VP, handle, me->vp, 0, 0, 0);
		break;
	case OP_RUN:
		add(&vp->runs, 1);
		memset(&me->guest, 0, sizeof(me->guest));
		set_call(exit, WHIT_CALL_RUN_VP, handle, me->vp, 0, 0, 0);
		break;
	case OP_CANCEL: set_call(exit, WHIT_CALL_CANCEL_RUN_VP, handle, me->vp, 0, 0, 0); break;
	case OP_GET: begin_registers(exit, WHIT_CALL_GET_REGISTERS); break;
	case OP_SET: begin_registers(exit, WHIT_CALL_SET_REGISTERS); break;
	case OP_STATE:
		set_call(exit, WHIT_CALL_GET_VP_STATE, handle, me->vp,
			 WHvVirtualProcessorStateTypeInterruptControllerState2, me->values, 4096);
		break;
	default:
		set_call(exit, WHIT_CALL_VP_COUNTERS, handle, me->vp,
			 any(WHvProcessorCounterSetApic + 1), me->buffer, 4096);
	}
}

static void begin_partition(struct virt_exit *exit)
{
	const uint64_t handle = me->life->handle;

	switch (me->op) {
	case OP_COUNT:
		begin_property(exit, WHvPartitionPropertyCodeProcessorCount, N_VPS, 4);
		break;
	case OP_APICS:
		begin_property(exit, WHvPartitionPropertyCodeLocalApicEmulationMode,
			       WHvX64LocalApicEmulationModeX2Apic, 4);
		break;
	case OP_SETUP: set_call(exit, WHIT_CALL_SETUP_PARTITION, handle, 0, 0, 0, 0); break;
	case OP_DELETE:
		note(&me->life->is_dying);
		set_call(exit, WHIT_CALL_DELETE_PARTITION, handle, 0, 0, 0, 0);
		break;
	case OP_REQUEST:
		set_call(exit, WHIT_CALL_REQUEST_INTERRUPT, handle, any(2) ? 4 : any(2),
			 any(N_VPS) | (0x20 + any(200)) << 32, 0, 0);
		break;
	case OP_TARGETS:
		set_call(exit, WHIT_CALL_INTERRUPT_TARGETS, handle, any(N_VPS), 0, me->buffer, 0);
		break;
	case OP_RESET: set_call(exit, WHIT_CALL_RESET_PARTITION, handle, 0, 0, 0, 0); break;
	case OP_SUSPEND: set_call(exit, WHIT_CALL_SUSPEND_TIME, handle, 0, 0, 0, 0); break;
	case OP_RESUME: set_call(exit, WHIT_CALL_RESUME_TIME, handle, 0, 0, 0, 0); break;
	case OP_SET_TSC: set_call(exit, WHIT_CALL_SET_TSC, handle, any(1000000), 0, 0, 0); break;
	case OP_PROPERTY:
		begin_property(exit, WHvPartitionPropertyCodeExtendedVmExits,
			       any(2) ? EXITS_CPUID : 0, 8);
		break;
	case OP_ADVISE:
		set_call(exit, WHIT_CALL_ADVISE_GPA_RANGE, handle, me->source->gpa, PAGE_SIZE, 1,
			 0);
		break;
	default: set_call(exit, WHIT_CALL_STATS, me->buffer, 4096, 0, 0, 0);
	}
}

/* How often each is made, of 100. */
static const struct {
	uint8_t op, weight;
} mix[] = { { OP_CREATE, 7 },	{ OP_DELETE, 1 },  { OP_CREATE_VP, 9 }, { OP_DELETE_VP, 2 },
	    { OP_RUN, 28 },	{ OP_CANCEL, 4 },  { OP_MAP, 9 },	{ OP_UNMAP, 4 },
	    { OP_PROTECT, 4 },	{ OP_DIRTY, 5 },   { OP_GET, 4 },	{ OP_SET, 5 },
	    { OP_COUNTERS, 2 }, { OP_STATE, 2 },   { OP_REQUEST, 4 },	{ OP_TARGETS, 1 },
	    { OP_RESET, 1 },	{ OP_SUSPEND, 1 }, { OP_RESUME, 1 },	{ OP_SET_TSC, 1 },
	    { OP_PROPERTY, 1 }, { OP_STATS, 1 },   { OP_ADVISE, 1 },	{ OP_LEND, 2 } };

static enum op any_op(void)
{
	uint64_t n = any(100);

	for (size_t i = 0; i < sizeof(mix) / sizeof(mix[0]); i++) {
		if (n < mix[i].weight)
			return (enum op)mix[i].op;
		n -= mix[i].weight;
	}
	fake_scream("the mix is not 100");
}

static void remember(void)
{
	for (unsigned int i = 0; i < N_VPS; i++) {
		const struct vp_life *const vp = &me->life->vps[i];

		me->before[i] = (struct vp_life) { .created = look_at(&vp->created),
						   .deleted = look_at(&vp->deleted),
						   .ran = look_at(&vp->ran),
						   .turns = look_at(&vp->turns) };
	}
	me->was_over = is(&me->life->is_over);
}

/* The next call; false if what it needs is not there. */
static bool begin(struct virt_exit *exit)
{
	const bool goes_on = me->next_op != N_OPS;

	me->op = goes_on ? me->next_op : any_op();
	me->next_op = N_OPS;
	if (me->op == OP_DELETE && any(6))
		return false; /* they live for a while */
	if (me->op == OP_CREATE)
		return begin_create(exit);
	if (!goes_on)
		me->life = __atomic_load_n(&slots[any(N_SLOTS)].life, __ATOMIC_SEQ_CST);
	if (!me->life)
		return false;
	me->vp = (uint32_t)any(N_VPS);
	me->source = &me->sources[any(N_SOURCES)];
	if ((me->op == OP_UNMAP || me->op == OP_PROTECT || me->op == OP_DIRTY)) {
		if (me->source->life)
			me->life = me->source->life;
		remember();
		return begin_mapped(exit);
	}
	remember();
	switch (me->op) {
	case OP_MAP: return begin_map(exit);
	case OP_LEND:
		me->loan = free_loan();
		if (!me->loan)
			return false;
		set_call(exit, WHIT_CALL_LEND, me->life->handle, me->loan->spa, LOAN, 0, 0);
		return true;
	case OP_CREATE_VP:
	case OP_DELETE_VP:
	case OP_RUN:
	case OP_CANCEL:
	case OP_GET:
	case OP_SET:
	case OP_STATE:
	case OP_COUNTERS: begin_vp(exit); return true;
	default: begin_partition(exit); return true;
	}
}

/* ---- The roots --------------------------------------------------------------------------- */

static unsigned int group_of(uint32_t result)
{
	static const uint32_t results[] = { RESULT(S_OK),
					    WHIT_S_AGAIN,
					    WHIT_S_IDLE,
					    RESULT(E_INVALIDARG),
					    RESULT(WHV_E_VP_DOES_NOT_EXIST),
					    RESULT(WHV_E_INVALID_VP_STATE),
					    WHIT_E_INSUFFICIENT_MEMORY };
	unsigned int i = 0;

	while (i < 7 && results[i] != result)
		i++;
	return i;
}

static uint64_t n_made; /* calls, by all; atomic */

/* An INIT has come: nobody needs this processor until its SIPI, after some calls of the others. */
static void wait_for_sipi(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t n = __atomic_load_n(&n_made, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < 1000 && __atomic_load_n(&n_made, __ATOMIC_RELAXED) < n + 100;
	     i++)
		sched_yield();
	vp->waits_for_sipi = false;
	exit->reason = VIRT_EXIT_NOTHING;
}

/* The guest that is the root: it has the answer to its last call, and makes the next one. */
static void play_root(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t *const gpr = virt_regs(vp)->gpr;

	if (vp->waits_for_sipi) {
		wait_for_sipi(vp, exit);
		return;
	}
	if (me->is_calling) {
		me->is_calling = false;
		__atomic_fetch_add(&n_made, 1, __ATOMIC_RELAXED);
		(void)__atomic_fetch_add(&n_answers[me->op][group_of((uint32_t)gpr[X86_RAX])], 1u,
					 __ATOMIC_RELAXED);
		answer((uint32_t)gpr[X86_RAX], gpr[X86_RDX]);
	}
	do {
		if (fake_is_kicked()) {
			exit->reason = VIRT_EXIT_KICK;
			return;
		}
		settle_pages();
		if (!touch_loan(vp, exit))
			return;
		if (!me->n_left && me->next_op == N_OPS)
			longjmp(me->end, 1);
		if (!any(500)) {
			vp->waits_for_sipi = true;
			exit->reason = VIRT_EXIT_NOTHING;
			return;
		}
	} while (!begin(exit));
	me->n_left -= me->n_left > 0;
}

static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	if (vp->is_root)
		play_root(vp, exit);
	else
		play_child(vp, exit);
}

static uint64_t n_calls = 200000;
static uint64_t seed;

static void make_calls(uint32_t cpu)
{
	struct player *const player = calloc(1, sizeof(*player));

	me = player;
	MUST(player != NULL);
	me->cpu = cpu;
	me->random.state = seed + cpu + 1;
	me->n_left = n_calls / N_CPUS;
	me->next_op = N_OPS;
	me->names = test_pages(1);
	me->values = test_pages(1);
	me->buffer = test_pages(1);
	for (unsigned int i = 0; i < N_SOURCES; i++) {
		me->sources[i].spa = test_pages(1);
		me->sources[i].gpa = gpa_of(cpu, i);
		reclaim(&me->sources[i]);
	}
	for (unsigned int i = 0; i < N_LOANS; i++)
		me->loans[i].spa = test_pages(LOAN);
	if (!setjmp(player->end))
		root_run(this_root());
	/* Out of the guest, and of nobody's way. */
	fake_leave_guest();
	gate_leave(&this_root()->inside);
	free(player);
}

static void delete_the_rest(void)
{
	for (unsigned int i = 0; i < N_SLOTS; i++)
		if (slots[i].life && !slots[i].life->is_over)
			delete_all(slots[i].life->handle);
}

static void print_answers(void)
{
	for (unsigned int i = 0; i < N_OPS; i++) {
		printf("op %2u:", i);
		for (unsigned int j = 0; j < 8; j++)
			printf(" %9llu", (unsigned long long)n_answers[i][j]);
		printf("\n");
	}
}

/* The test would show nothing if it never came to this. */
static void require_variety(void)
{
	for (unsigned int i = 0; i < N_OPS; i++)
		REQUIRE(n_answers[i][0] > 0);
	REQUIRE(n_answers[OP_RUN][1] && n_answers[OP_RUN][2] && n_answers[OP_RUN][3] &&
		n_answers[OP_RUN][4] && n_answers[OP_RUN][5]);
	REQUIRE(n_answers[OP_GET][5] && n_answers[OP_DELETE_VP][5] && n_answers[OP_DELETE][1]);
	REQUIRE(fake.n_kicks > 0);
}

static void calls_from_all_processors_answer_as_if_one_after_the_other(void)
{
	machine_of_cpus(256 * MIB, N_CPUS);
	virt_machine.apic = VIRT_APIC_PAGE;
	lives = calloc(N_LIVES, sizeof(*lives));
	REQUIRE(lives != NULL);
	for (unsigned int i = 0; i < N_SLOTS; i++)
		for (unsigned int j = 0; j < N_VPS; j++)
			slots[i].pages[j] = test_pages(1);
	fake.play = play;
	on_processors(make_calls, n_calls > 1000000 ? 7200 : 120);
	delete_the_rest();
	if (getenv("SMP_CALLS"))
		print_answers();
	require_variety();
	check_clean();
	free(lives);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(calls_from_all_processors_answer_as_if_one_after_the_other),
	};

	if (getenv("SMP_CALLS"))
		n_calls = strtoull(getenv("SMP_CALLS"), NULL, 0);
	if (getenv("SMP_SEED"))
		seed = strtoull(getenv("SMP_SEED"), NULL, 0);
	fake_tells_insns();
	return RUN(tests);
}
