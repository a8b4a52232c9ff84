// SPDX-License-Identifier: MIT
/*
 * The sleep of a VP that has halted. Its Run has answered WHIT_S_IDLE, and whoever runs it waits until there is something for
 * it: by the hypervisor from other VPs and devices, by a call of ours, or because its own timer is due.
 *
 * No wake-up is lost. One who sleeps (1) sets the VP's bit in partition->asleep, (2) clears the word `wake` of the
 * VP's page, (3) calls Run once more, and (4) waits only if that has answered WHIT_S_IDLE, and only until `wake` is set. One who
 * wakes (a) makes its call and (b) looks at the bit, and where it is set, sets `wake` and tells the platform. If the
 * Run of (3) comes after (a), it finds what was posted and does not answer WHIT_S_IDLE. If it comes before, then so do (1)
 * and (2): (b) finds the bit, and `wake` is set after it was cleared. What VPs post to each other is the same with the
 * hypervisor in the place of the second: it has noted that Run has answered WHIT_S_IDLE, and sets `wake` itself. (1) to (4) and (a)
 * and (b) stand in this order for all processors: bit and word are changed by operations that are sequentially
 * consistent, and a hypercall is a VM exit, which completes all stores before it.
 *
 * An interrupt on the own processor, whose callback may have woken the VP, is the platform's: it is held off from before (3)
 * until the wait, which lets it in.
 */
#include "root/call/engine.h"

#define WORD_BITS 64u

static inline uint64_t bit_of(uint32_t vp)
{
	return 1ull << vp % WORD_BITS;
}

static inline uint64_t word_of(const struct call_partition *partition, uint32_t vp)
{
	return __atomic_load_n(&partition->asleep[vp / WORD_BITS], __ATOMIC_SEQ_CST);
}

/* One more Run, and a wait if that is idle, too. */
static struct hypercall_answer run_or_wait(const struct call_partition *partition, uint32_t vp,
					   struct whit_vp_page *page, bool *goes_on)
{
	struct hypercall_answer answer;
	uint64_t held;

	__atomic_store_n(&page->wake, 0, __ATOMIC_SEQ_CST);
	held = platform_hold_interrupts();
	answer = hypercall2(WHIT_CALL_RUN_VP, partition->handle, vp);
	if (answer.status == WHIT_S_IDLE)
		*goes_on = platform_wait(held, answer.rdx, &page->wake);
	else
		platform_release_interrupts(held);
	return answer;
}

struct hypercall_answer sleep_run(struct call_partition *partition, uint32_t vp, bool *goes_on)
{
	struct whit_vp_page *const page = engine_page(partition, vp);
	uint64_t *const word = &partition->asleep[vp / WORD_BITS];
	struct hypercall_answer answer = { .status = CALL_E_VP_STATE };

	if (__atomic_fetch_or(word, bit_of(vp), __ATOMIC_SEQ_CST) & bit_of(vp))
		return answer;
	do
		answer = run_or_wait(partition, vp, page, goes_on);
	while (answer.status == WHIT_S_IDLE && *goes_on);
	__atomic_fetch_and(word, ~bit_of(vp), __ATOMIC_SEQ_CST);
	return answer;
}

static void wake(const struct call_partition *partition, uint32_t vp, enum sleep_wakes whom)
{
	struct whit_vp_page *const page = engine_page(partition, vp);

	if (whom != WAKES_POSTED)
		__atomic_store_n(&page->wake, 1, __ATOMIC_SEQ_CST);
	else if (!__atomic_load_n(&page->wake, __ATOMIC_SEQ_CST))
		return;
	platform_wake(&page->wake);
}

void sleep_disturb(const struct call_partition *partition, enum sleep_wakes whom, uint64_t vp)
{
	uint32_t first;

	if (whom == WAKES_VP) {
		if (vp < WHIT_MAX_VPS && word_of(partition, (uint32_t)vp) & bit_of((uint32_t)vp))
			wake(partition, (uint32_t)vp, whom);
		return;
	}
#pragma GCC unroll 4
	for (first = 0; first < WHIT_MAX_VPS; first += WORD_BITS) {
		uint64_t bits = word_of(partition, first);

		for (; bits; bits &= bits - 1)
			wake(partition, first + (uint32_t)__builtin_ctzll(bits), whom);
	}
}

/* The words are in a page that a user program may write to: they name VPs, and whoever is woken in vain sleeps again. */
void sleep_pass_on(const struct call_partition *partition, uint32_t vp)
{
	struct whit_vp_page *const page = vp < WHIT_MAX_VPS ? engine_page(partition, vp) : NULL;
	uint32_t first;

	for (first = 0; page && first < WHIT_MAX_VPS; first += WORD_BITS) {
		uint64_t *const word = &page->wake_vps[first / WORD_BITS];
		uint64_t bits = __atomic_load_n(word, __ATOMIC_RELAXED);

		if (bits)
			bits = __atomic_exchange_n(word, 0, __ATOMIC_SEQ_CST);
		for (bits &= word_of(partition, first); bits; bits &= bits - 1)
			wake(partition, first + (uint32_t)__builtin_ctzll(bits), WAKES_POSTED);
	}
}
