/* SPDX-License-Identifier: MIT */
/*
 * Counters (hv/vp/counter.h). Each set is laid out as WHP's structure of it: 64-bit words
 * throughout. Counters that Whit does not measure are 0: the time that an intercept takes, and the
 * hypervisor's part of a VP's runtime.
 */
#include "hv/vp/counter.h"

#include <string.h>

#include "hv/mem/buffer.h"
#include "hv/cpu/time.h"
#include "whp/WinHvPlatformDefs.h"

/* The longest: WHV_PROCESSOR_INTERCEPT_COUNTERS. */
#define MAX_WORDS 28u

/* Words of each WHV_PROCESSOR_COUNTER_SET. */
static const uint8_t vp_words[] = {
	[WHvProcessorCounterSetRuntime] = sizeof(WHV_PROCESSOR_RUNTIME_COUNTERS) / 8,
	[WHvProcessorCounterSetIntercepts] = sizeof(WHV_PROCESSOR_INTERCEPT_COUNTERS) / 8,
	[WHvProcessorCounterSetEvents] = sizeof(WHV_PROCESSOR_EVENT_COUNTERS) / 8,
	[WHvProcessorCounterSetApic] = sizeof(WHV_PROCESSOR_APIC_COUNTERS) / 8,
	[WHvProcessorCounterSetSyntheticFeatures] =
		sizeof(WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS) / 8,
};

_Static_assert(sizeof(WHV_PROCESSOR_INTERCEPT_COUNTERS) == 8 * MAX_WORDS, "the longest");

/* WHV_PROCESSOR_INTERCEPT_COUNTERS, numbered from 1 on: counts and times by turns. */
enum {
	PAGE_INVALIDATIONS = 1,
	CONTROL_REGISTERS,
	IO_INSTRUCTIONS,
	HALT_INSTRUCTIONS,
	CPUID_INSTRUCTIONS,
	MSR_ACCESSES,
	OTHER_INTERCEPTS,
	PENDING_INTERRUPTS,
	EMULATED_INSTRUCTIONS, /* not counted by VP */
	DEBUG_REGISTERS,
	PAGE_FAULTS, /* of the guest's own tables: among OTHER, as every exception */
	NESTED_PAGE_FAULTS,
	HYPERCALLS,
	RDPMC_INSTRUCTIONS,
};

static const uint8_t intercept_of[VIRT_EXIT_COUNT] = {
	[VIRT_EXIT_INTERRUPT_WINDOW] = PENDING_INTERRUPTS,
	[VIRT_EXIT_NMI_WINDOW] = PENDING_INTERRUPTS,
	[VIRT_EXIT_CPUID] = CPUID_INSTRUCTIONS,
	[VIRT_EXIT_HLT] = HALT_INSTRUCTIONS,
	[VIRT_EXIT_HYPERCALL] = HYPERCALLS,
	[VIRT_EXIT_IO] = IO_INSTRUCTIONS,
	[VIRT_EXIT_RDMSR] = MSR_ACCESSES,
	[VIRT_EXIT_WRMSR] = MSR_ACCESSES,
	[VIRT_EXIT_CR_WRITE] = CONTROL_REGISTERS,
	[VIRT_EXIT_CR_READ] = CONTROL_REGISTERS,
	[VIRT_EXIT_DR] = DEBUG_REGISTERS,
	[VIRT_EXIT_INVLPG] = PAGE_INVALIDATIONS,
	[VIRT_EXIT_MEMORY] = NESTED_PAGE_FAULTS,
	[VIRT_EXIT_RDPMC] = RDPMC_INSTRUCTIONS,
	/* 0: OTHER_INTERCEPTS */
};

static void collect(const struct vp *vp, uint64_t set, uint64_t words[static MAX_WORDS])
{
	switch (set) {
	case WHvProcessorCounterSetRuntime: words[0] = time_units(vp->run_ticks); return;
	case WHvProcessorCounterSetIntercepts:
		for (unsigned int i = 0; i < VIRT_EXIT_COUNT; i++) {
			const unsigned int n = intercept_of[i] ? intercept_of[i] : OTHER_INTERCEPTS;

			words[2 * (n - 1)] += vp->exits[i];
		}
		return;
	case WHvProcessorCounterSetEvents:
		memcpy(words, vp->delivered, sizeof(vp->delivered));
		return;
	case WHvProcessorCounterSetApic:
		words[0] = vp->apic.mmio;
		words[1] = vp->apic.eois;
		words[2] = vp->apic.tprs;
		words[3] = vp->apic.sent;
		words[4] = vp->apic.sent_self;
		return;
	default: return; /* no Hyper-V interface: zeros */
	}
}

static uint32_t deliver(const uint64_t *words, uint64_t n_words, uint64_t buffer, uint64_t n_bytes,
			uint64_t *written)
{
	if (n_bytes < 8 * n_words) {
		*written = 8 * n_words;
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	if (!buffer_write(buffer, words, 8 * n_words))
		return RESULT(E_POINTER);
	*written = 8 * n_words;
	return RESULT(S_OK);
}

uint32_t counter_get_partition(struct partition_locked held, uint64_t set, uint64_t buffer,
			       uint64_t n_bytes, uint64_t *written)
{
	if (set != WHvPartitionCounterSetMemory)
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	return deliver(held.partition->mapped_pages, 3, buffer, n_bytes, written);
}

uint32_t counter_get_vp(const struct vp *vp, uint64_t set, uint64_t buffer, uint64_t n_bytes,
			uint64_t *written)
{
	uint64_t words[MAX_WORDS] = { 0 };

	if (set >= sizeof(vp_words))
		return RESULT(WHV_E_UNKNOWN_PROPERTY);
	collect(vp, set, words);
	return deliver(words, vp_words[set], buffer, n_bytes, written);
}
