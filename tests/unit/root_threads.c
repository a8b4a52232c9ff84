// SPDX-License-Identifier: MIT
/*
 * The engine of root/call on several threads at once, which stand for processors. Its platform sleeps in a queue until it is told to
 * look, as a kernel's does: a wake-up that is lost is never made up for, and the test does not end (SIGALRM ends it).
 * Behind the calls stands a model of the hypervisor's side that takes no lock: VPs with an owner, things posted to them, a
 * cancel that waits, and the rules of whit/hypercall.h for those that sleep.
 *
 * Built twice: with the sanitizers of the other tests, and as root_threads_tsan with ThreadSanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root/call/call.h"
#include "root/call/platform.h"
#include "root/call/uefi/reserve.h"
#include "tests/check.h"
#include "tests/random.h"

#define N_THREADS 4u
#define SECONDS	  120u

#define LOAD(at)	 __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)
#define ADD(at, n)	 __atomic_add_fetch(at, n, __ATOMIC_SEQ_CST)
#define TAKE(at)	 __atomic_exchange_n(at, 0, __ATOMIC_SEQ_CST)

/* ---- The platform ------------------------------------------------------------------------ */

static uint64_t n_pages_out, n_slept;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue = PTHREAD_COND_INITIALIZER;
static __thread bool is_held;

void *platform_pages(size_t n)
{
	void *pages = NULL;

	if (posix_memalign(&pages, 4096, n * 4096))
		abort();
	memset(pages, 0xdd, 4096);
	ADD(&n_pages_out, n);
	return pages;
}

void platform_free(void *pages, size_t n)
{
	ADD(&n_pages_out, -n);
	free(pages);
}

void platform_clear(void *at, size_t n_bytes)
{
	memset(at, 0, n_bytes);
}

uint64_t platform_physical(const void *own)
{
	return (uintptr_t)own;
}

bool platform_copy_in(void *own, const void *callers, size_t n_bytes)
{
	memcpy(own, callers, n_bytes);
	return true;
}

bool platform_copy_out(void *callers, const void *own, size_t n_bytes)
{
	memcpy(callers, own, n_bytes);
	return true;
}

uint64_t platform_buffer(const void *callers, uint64_t n_bytes)
{
	(void)n_bytes;
	return (uintptr_t)callers;
}

uint64_t platform_source(const void *callers, uint64_t n_bytes, uint64_t *n_run)
{
	*n_run = n_bytes;
	return (uintptr_t)callers;
}

bool platform_take_interrupts(void)
{
	sched_yield();
	return true;
}

uint64_t platform_hold_interrupts(void)
{
	CHECK(!is_held);
	is_held = true;
	return 1;
}

void platform_release_interrupts(uint64_t held)
{
	CHECK(is_held && held == 1);
	is_held = false;
}

void platform_bound(uint64_t deadline)
{
}

bool platform_wait(uint64_t held, uint64_t deadline, const uint32_t *wake)
{
	CHECK_EQ(deadline, ~0ull);
	platform_release_interrupts(held);
	pthread_mutex_lock(&queue_lock);
	while (!LOAD(wake)) {
		ADD(&n_slept, 1);
		pthread_cond_wait(&queue, &queue_lock);
	}
	pthread_mutex_unlock(&queue_lock);
	return true;
}

void platform_wake(const uint32_t *wake)
{
	(void)wake;
	pthread_mutex_lock(&queue_lock);
	pthread_cond_broadcast(&queue);
	pthread_mutex_unlock(&queue_lock);
}

void platform_cpuid(uint32_t leaf, uint32_t r[4])
{
	r[0] = leaf == WHIT_CPUID_SIGNATURE ? WHIT_CPUID_VERSION : WHIT_ABI_VERSION;
	r[1] = r[2] = r[3] = leaf == 1 ? ~0u : WHIT_SIGNATURE_WORD;
}

/* ---- The hypervisor's side --------------------------------------------------------------- */

#define TOKEN	 1u /* exits */
#define CANCELED 2u

static struct vp {
	uint32_t exists, owner, is_asleep, is_canceled, posted;
	uint32_t n_sent;
	uint32_t sends_to; /* its guest sends something to this VP when it runs next; + 1 */
	struct whit_vp_page *page;
} vps[WHIT_MAX_VPS];

static uint64_t n_lent, n_wanted;

static void model_reset(void)
{
	memset(vps, 0, sizeof(vps));
	n_lent = n_wanted = 0;
}

/* One that runs finds it by itself; one between two Runs, too. */
static bool post(struct vp *to)
{
	ADD(&to->posted, 1);
	if (LOAD(&to->owner) || !LOAD(&to->is_asleep))
		return false;
	STORE(&to->page->wake, 1);
	return true;
}

static bool sends(struct vp *vp)
{
	const uint32_t to = TAKE(&vp->sends_to);

	if (!to || !post(&vps[to - 1]))
		return false;
	__atomic_fetch_or(&vp->page->wake_vps[(to - 1) / 64], 1ull << (to - 1) % 64,
			  __ATOMIC_SEQ_CST);
	return true;
}

static uint32_t leave(struct vp *vp, uint32_t reason)
{
	memcpy(vp->page->exit, &reason, sizeof(reason));
	STORE(&vp->owner, 0);
	return 0;
}

static uint32_t run(struct vp *vp)
{
	uint32_t nobody = 0;

	if (!LOAD(&vp->exists) || !__atomic_compare_exchange_n(&vp->owner, &nobody, 1, false,
							       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return CALL_E_VP_STATE;
	STORE(&vp->is_asleep, 0);
	/* It ends the Run if nothing else does soon, and that is so each other time. */
	if (sends(vp) && vp->n_sent++ & 1) {
		STORE(&vp->owner, 0);
		return WHIT_S_AGAIN;
	}
	if (TAKE(&vp->is_canceled))
		return leave(vp, CANCELED);
	if (LOAD(&vp->posted)) {
		ADD(&vp->posted, -1);
		return leave(vp, TOKEN);
	}
	STORE(&vp->is_asleep, 1);
	STORE(&vp->owner, 0);
	if (LOAD(&vp->posted) || LOAD(&vp->is_canceled))
		return WHIT_S_AGAIN;
	/* The others have a chance to wake it between this answer and the sleep. */
	sched_yield();
	return WHIT_S_IDLE;
}

static uint32_t create_vp(struct vp *vp, uint64_t page)
{
	uint32_t no = 0;

	if (!__atomic_compare_exchange_n(&vp->exists, &no, 1, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return CALL_E_ARGUMENT;
	__atomic_store_n(&vp->page, (struct whit_vp_page *)(uintptr_t)page, __ATOMIC_SEQ_CST);
	return 0;
}

static uint32_t fake_call(uint64_t code, const uint64_t p[5], struct hypercall_result *result)
{
	switch (code) {
	case WHIT_CALL_CREATE_PARTITION:
		STORE(&n_lent, p[1]);
		result->rdx = 1;
		return 0;
	case WHIT_CALL_LEND:
		ADD(&n_lent, p[2]);
		result->rdx = p[2];
		return 0;
	case WHIT_CALL_SETUP_PARTITION: /* which takes memory, in this model */
		result->rdx = 1;
		return LOAD(&n_wanted) > LOAD(&n_lent) ? WHIT_E_INSUFFICIENT_MEMORY : 0;
	case WHIT_CALL_DELETE_PARTITION: return 0;
	case WHIT_CALL_CREATE_VP: return create_vp(&vps[p[1]], p[3]);
	case WHIT_CALL_DELETE_VP: return TAKE(&vps[p[1]].exists) ? 0 : CALL_E_ARGUMENT;
	case WHIT_CALL_RUN_VP: result->rdx = ~0ull; return run(&vps[p[1]]);
	case WHIT_CALL_CANCEL_RUN_VP: STORE(&vps[p[1]].is_canceled, 1); return 0;
	case WHIT_CALL_REQUEST_INTERRUPT: (void)post(&vps[p[1]]); return 0;
	default: abort();
	}
}

uint32_t hypercall5_vmcall(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			   uint64_t r10, struct hypercall_result *result)
{
	const uint64_t parameters[5] = { rcx, rdx, r8, r9, r10 };

	return fake_call(code, parameters, result);
}

struct hypercall_answer hypercall2_vmcall(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	struct hypercall_result result = { .rdx = rdx };
	const uint32_t status = hypercall5_vmcall(code, rcx, rdx, 0, 0, 0, &result);

	return (struct hypercall_answer) { status, result.rdx };
}

uint32_t hypercall5_vmmcall(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			    uint64_t r10, struct hypercall_result *result)
{
	return hypercall5_vmcall(code, rcx, rdx, r8, r9, r10, result);
}

struct hypercall_answer hypercall2_vmmcall(uint64_t code, uint64_t rcx, uint64_t rdx)
{
	return hypercall2_vmcall(code, rcx, rdx);
}

/* ---- Threads ----------------------------------------------------------------------------- */

static struct call_partition partition;

/* One more or less than a word of bits, so that two words are in use. */
static const uint32_t index_of[N_THREADS] = { 0, 63, 64, 255 };

static void all_threads(void *(*function)(void *number))
{
	static uint32_t numbers[N_THREADS];
	pthread_t threads[N_THREADS];

	for (uint32_t i = 0; i < N_THREADS; i++) {
		numbers[i] = i;
		if (pthread_create(&threads[i], NULL, function, &numbers[i]))
			abort();
	}
	for (uint32_t i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void begin(void)
{
	model_reset();
	memset(&partition, 0, sizeof(partition));
	REQUIRE_EQ(call_create(&partition), 0);
}

static void end(void)
{
	CHECK_EQ(call_delete(&partition), 0);
	CHECK_EQ(LOAD(&n_pages_out), 0);
	CHECK(!is_held);
}

static void begin_with_vps(void)
{
	begin();
	for (uint32_t i = 0; i < N_THREADS; i++)
		REQUIRE_EQ(call_create_vp(&partition, index_of[i], 0), 0);
}

static uint32_t reason_of(uint32_t vp)
{
	uint32_t reason;

	memcpy(&reason, call_vp_page(&partition, vp)->exit, sizeof(reason));
	return reason;
}

static void do_vp(uint64_t code, uint32_t vp)
{
	struct hypercall_result result;

	CHECK_EQ(call_do(&partition, code, vp, 0, 0, 0, &result), 0);
}

/* ---- VPs that wake each other ------------------------------------------------------------ */

#define N_TOKENS 2u
#define N_PASSES 20000u

static uint32_t n_passes;

/* Whoever gets a token sends it to another VP, by its guest or by a call. The last one cancels everybody. */
static void *passes_tokens(void *argument)
{
	const uint32_t number = *(uint32_t *)argument, own = index_of[number];
	struct random random = { number + 1 };

	for (;;) {
		const uint32_t to = index_of[random_below(&random, N_THREADS)];

		CHECK_EQ(call_run(&partition, own, call_vp_page(&partition, own)), 0);
		if (reason_of(own) == CANCELED)
			return NULL;
		CHECK_EQ(reason_of(own), TOKEN);
		if (ADD(&n_passes, 1) == N_PASSES)
			for (uint32_t i = 0; i < N_THREADS; i++)
				do_vp(WHIT_CALL_CANCEL_RUN_VP, index_of[i]);
		else if (random_below(&random, 2))
			STORE(&vps[own].sends_to, to + 1);
		else
			do_vp(WHIT_CALL_REQUEST_INTERRUPT, to);
	}
}

static void threads_lose_no_wake_up(void)
{
	begin_with_vps();
	n_passes = 0;
	STORE(&n_slept, 0);
	for (uint32_t i = 0; i < N_TOKENS; i++)
		do_vp(WHIT_CALL_REQUEST_INTERRUPT, index_of[i]);
	all_threads(passes_tokens);
	CHECK(n_passes >= N_PASSES);
	CHECK(LOAD(&n_slept) > 0);
	for (uint32_t i = 0; i < WHIT_MAX_VPS / 64; i++)
		CHECK_EQ(partition.asleep[i], 0);
	end();
}

/* ---- One VP and several threads ---------------------------------------------------------- */

#define N_RUNS 5000u

static uint32_t n_canceled, n_refused;

/* Thread 0 runs the VP; 1 cancels it as often as it has been seen; the others want to run it, too. */
static void *runs_or_cancels(void *argument)
{
	const uint32_t number = *(uint32_t *)argument;

	while (LOAD(&n_canceled) < N_RUNS) {
		const uint32_t seen = LOAD(&n_canceled);
		uint32_t status;

		if (number == 1) {
			do_vp(WHIT_CALL_CANCEL_RUN_VP, 63);
			while (LOAD(&n_canceled) == seen)
				sched_yield();
			continue;
		}
		status = call_run(&partition, 63, call_vp_page(&partition, 63));
		if (!status) {
			ADD(&n_canceled, 1); /* its record is another's already */
		} else {
			CHECK_EQ(status, CALL_E_VP_STATE);
			ADD(&n_refused, 1);
			sched_yield();
		}
	}
	/* Whoever is asleep still has nobody to cancel him. */
	do_vp(WHIT_CALL_CANCEL_RUN_VP, 63);
	return NULL;
}

static void threads_cancel_a_sleeper_and_run_it_one_at_a_time(void)
{
	begin_with_vps();
	n_canceled = n_refused = 0;
	all_threads(runs_or_cancels);
	CHECK(n_refused > 0);
	CHECK_EQ(partition.asleep[0], 0);
	end();
}

/* ---- Memory ------------------------------------------------------------------------------ */

static void *wants_memory(void *argument)
{
	struct hypercall_result result;

	(void)argument;
	for (unsigned int i = 0; i < 5; i++) {
		ADD(&n_wanted, 300);
		CHECK_EQ(call_do(&partition, WHIT_CALL_SETUP_PARTITION, 0, 0, 0, 0, &result), 0);
	}
	return NULL;
}

static void threads_lend_at_once_and_lose_nothing(void)
{
	for (unsigned int round = 0; round < 20; round++) {
		uint64_t n_noted = 0;

		begin();
		all_threads(wants_memory);
		CHECK(n_lent >= n_wanted);
		for (uint32_t i = 0; i < CALL_MAX_RUNS; i++)
			n_noted += partition.runs[i].n;
		CHECK_EQ(n_noted, n_lent);
		CHECK_EQ(n_pages_out, n_lent);
		end();
	}
}

/* All of them the same VPs. */
static void *creates_and_deletes(void *argument)
{
	struct random random = { *(uint32_t *)argument + 100 };

	for (unsigned int i = 0; i < 2000; i++) {
		const uint32_t vp = (uint32_t)random_below(&random, 3);

		if (random_below(&random, 2))
			(void)call_create_vp(&partition, vp, 0);
		else
			(void)call_delete_vp(&partition, vp);
	}
	return NULL;
}

static void threads_create_and_delete_the_same_vps(void)
{
	begin();
	all_threads(creates_and_deletes);
	for (uint32_t vp = 0; vp < 3; vp++) {
		CHECK_EQ((partition.vps[vp] & ~(uintptr_t)CALL_VP_GONE), (uintptr_t)vps[vp].page);
		(void)call_delete_vp(&partition, vp);
		CHECK(!call_vp_page(&partition, vp));
	}
	CHECK_EQ(n_pages_out, n_lent + 3);
	end();
}

/* ---- The reserve of pages under UEFI ----------------------------------------------------- */

#define N_RESERVE 256u

static _Alignas(4096) uint8_t memory[N_RESERVE * 4096];

static void *takes_and_gives(void *argument)
{
	const uint32_t number = *(uint32_t *)argument;
	struct random random = { number + 200 };
	struct {
		uint8_t *pages;
		size_t n;
	} mine[8] = { { NULL, 0 } };

	for (unsigned int i = 0; i < 20000; i++) {
		const unsigned int at = (unsigned int)random_below(&random, 8);

		if (mine[at].pages) {
			for (size_t p = 0; p < mine[at].n; p++)
				CHECK_EQ(mine[at].pages[p * 4096], number);
			reserve_give(mine[at].pages, mine[at].n);
			mine[at].pages = NULL;
			continue;
		}
		mine[at].n = 1 + random_below(&random, random_below(&random, 4) ? 4 : 40);
		mine[at].pages = reserve_take(mine[at].n);
		for (size_t p = 0; mine[at].pages && p < mine[at].n; p++)
			mine[at].pages[p * 4096] = (uint8_t)number;
	}
	for (unsigned int at = 0; at < 8; at++)
		if (mine[at].pages)
			reserve_give(mine[at].pages, mine[at].n);
	return NULL;
}

static void threads_share_a_reserve_of_pages(void)
{
	size_t n = 0;

	CHECK(!reserve_take(1) && !reserve_take_run(&n));
	/* In three runs that touch, the middle one last. */
	reserve_give(memory, 100);
	reserve_give(memory + 200 * 4096, N_RESERVE - 200);
	CHECK(!reserve_take(101));
	reserve_give(memory + 100 * 4096, 100);
	all_threads(takes_and_gives);
	CHECK_EQ(reserve_count(), N_RESERVE);
	/* They are one run again. */
	CHECK(!reserve_take(N_RESERVE + 1));
	CHECK(reserve_take_run(&n) == memory);
	CHECK_EQ(n, N_RESERVE);
	CHECK_EQ(reserve_count(), 0);
	CHECK(!reserve_take(1));
}

/* Found out by all of them at once, since none has made a call yet. */
static void *makes_a_first_call(void *argument)
{
	(void)argument;
	CHECK(call_has_whit());
	do_vp(WHIT_CALL_CANCEL_RUN_VP, 0);
	return NULL;
}

static void threads_make_the_first_call(void)
{
	memset(&partition, 0, sizeof(partition));
	all_threads(makes_a_first_call);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(threads_make_the_first_call), /* first: before any call */
		TEST(threads_lose_no_wake_up),
		TEST(threads_cancel_a_sleeper_and_run_it_one_at_a_time),
		TEST(threads_lend_at_once_and_lose_nothing),
		TEST(threads_create_and_delete_the_same_vps),
		TEST(threads_share_a_reserve_of_pages),
	};

	alarm(SECONDS);
	return RUN(tests);
}
