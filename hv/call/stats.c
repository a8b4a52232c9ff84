/* SPDX-License-Identifier: MIT */
/*
 * The statistics of whit/hypercall.h. Each processor counts for itself, in struct root, its exits
 * by enum virt_exit_reason; the numbers that a root sees are those of enum whit_exit_counter, and
 * do not move when a reason comes or goes.
 */
#include "hv/call/stats.h"

#include <string.h>

#include "hv/hv.h"
#include "hv/mem/buffer.h"

/* A new reason needs a row: a counter of its own, or the one that it is counted with. */
static const uint8_t counter_of[] = {
	[VIRT_EXIT_INTERRUPT] = WHIT_EXIT_INTERRUPT,
	[VIRT_EXIT_NMI] = WHIT_EXIT_NMI,
	[VIRT_EXIT_INTERRUPT_WINDOW] = WHIT_EXIT_INTERRUPT_WINDOW,
	[VIRT_EXIT_NMI_WINDOW] = WHIT_EXIT_NMI_WINDOW,
	[VIRT_EXIT_CPUID] = WHIT_EXIT_CPUID,
	[VIRT_EXIT_HLT] = WHIT_EXIT_HLT,
	[VIRT_EXIT_HYPERCALL] = WHIT_EXIT_HYPERCALL,
	[VIRT_EXIT_IO] = WHIT_EXIT_IO,
	[VIRT_EXIT_RDMSR] = WHIT_EXIT_RDMSR,
	[VIRT_EXIT_WRMSR] = WHIT_EXIT_WRMSR,
	[VIRT_EXIT_CR_WRITE] = WHIT_EXIT_CR_WRITE,
	[VIRT_EXIT_CR_READ] = WHIT_EXIT_CR_READ,
	[VIRT_EXIT_DR] = WHIT_EXIT_DR,
	[VIRT_EXIT_XSETBV] = WHIT_EXIT_XSETBV,
	[VIRT_EXIT_INVD] = WHIT_EXIT_INVD,
	[VIRT_EXIT_INVLPG] = WHIT_EXIT_INVLPG,
	[VIRT_EXIT_MEMORY] = WHIT_EXIT_MEMORY,
	[VIRT_EXIT_EXCEPTION] = WHIT_EXIT_EXCEPTION,
	[VIRT_EXIT_TRIPLE_FAULT] = WHIT_EXIT_TRIPLE_FAULT,
	[VIRT_EXIT_TASK_SWITCH] = WHIT_EXIT_TASK_SWITCH,
	[VIRT_EXIT_HIDDEN_INSN] = WHIT_EXIT_HIDDEN_INSN,
	[VIRT_EXIT_INVALID_STATE] = WHIT_EXIT_INVALID_STATE,
	[VIRT_EXIT_NOTHING] = WHIT_EXIT_NOTHING,
	[VIRT_EXIT_KICK] = WHIT_EXIT_NOTHING,
	[VIRT_EXIT_DEADLINE] = WHIT_EXIT_DEADLINE,
	[VIRT_EXIT_RDTSC] = WHIT_EXIT_RDTSC,
	[VIRT_EXIT_PAUSE] = WHIT_EXIT_PAUSE,
	[VIRT_EXIT_TPR] = WHIT_EXIT_TPR,
	[VIRT_EXIT_APIC_WRITE] = WHIT_EXIT_APIC_WRITE,
	[VIRT_EXIT_APIC_EOI] = WHIT_EXIT_APIC_EOI,
	[VIRT_EXIT_RDPMC] = WHIT_EXIT_RDPMC,
	[VIRT_EXIT_STEP] = WHIT_EXIT_MEMORY,
};
_Static_assert(sizeof(counter_of) == VIRT_EXIT_COUNT, "every reason is counted");
_Static_assert(WHIT_EXIT_COUNTERS <= UINT8_MAX, "counter_of holds them");

static void stats_add(uint64_t to[WHIT_EXIT_COUNTERS], const uint64_t from[VIRT_EXIT_COUNT])
{
	for (unsigned int reason = 0; reason < VIRT_EXIT_COUNT; reason++)
		to[counter_of[reason]] += from[reason];
}

/* Read while others count: each word is right, or just before. */
static void stats_sum(void)
{
	memset(hv.stats.root_exits, 0, sizeof(hv.stats.root_exits));
	memset(hv.stats.child_exits, 0, sizeof(hv.stats.child_exits));
	hv.stats.hypercalls = hv.stats.emulated = 0;
	for (uint32_t cpu = 0; cpu < hv.n_cpus; cpu++) {
		const struct root *const root = &hv.roots[cpu];

		stats_add(hv.stats.root_exits, root->root_exits);
		stats_add(hv.stats.child_exits, root->child_exits);
		hv.stats.hypercalls += root->hypercalls;
		hv.stats.emulated += root->emulated;
	}
}

uint32_t stats_get(uint64_t buffer, uint64_t *n_bytes)
{
	uint32_t result = RESULT(E_POINTER);

	if (*n_bytes < sizeof(hv.stats)) {
		*n_bytes = sizeof(hv.stats);
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	lock_take(&hv.lock);
	if (buffer_is_legal(buffer, sizeof(hv.stats))) {
		hv.stats.heap_free_pages = hv.heap.count;
		stats_sum();
		memcpy(virt_ptr(SPA(buffer)), &hv.stats, sizeof(hv.stats));
		*n_bytes = sizeof(hv.stats);
		result = RESULT(S_OK);
	}
	lock_drop(&hv.lock);
	return result;
}
