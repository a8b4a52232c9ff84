/* SPDX-License-Identifier: MIT */
/*
 * A machine of several processors for tests of hv/: each is a thread. And guests that remember translations as long as
 * nobody has them renewed.
 */
#ifndef TESTS_UNIT_PROCESSORS_H
#define TESTS_UNIT_PROCESSORS_H

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/machine.h"

/* For every thread, where a test cannot be ended from. */
#define MUST(fact)                                                           \
	do {                                                                 \
		if (!(fact))                                                 \
			fake_scream("%s:%d: %s", __FILE__, __LINE__, #fact); \
	} while (0)

#define MUST_EQ(is, wanted)                                                                        \
	do {                                                                                       \
		const uint64_t must_is = CHECK_BITS(is), must_wanted = CHECK_BITS(wanted);         \
                                                                                                   \
		if (must_is != must_wanted)                                                        \
			fake_scream("%s:%d: %s is %#llx, not %#llx", __FILE__, __LINE__, #is,      \
				    (unsigned long long)must_is, (unsigned long long)must_wanted); \
	} while (0)

/* ---- ThreadSanitizer ----------------------------------------------------------------------- */

/*
 * What two processors may do at once, with its reason:
 * Counters of exits and calls have one writer each, and are words that whoever asks reads as they stand.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:^stats_sum$\n"
	       "race:^counter_get_vp$\n";
}

/* ---- Threads ----------------------------------------------------------------------------- */

static pthread_barrier_t all_processors;

/* Wait for something that another processor does. A machine that hangs ends by the alarm. */
#define WAIT_FOR(fact)                 \
	do {                           \
		while (!(fact))        \
			sched_yield(); \
	} while (0)

struct processor {
	pthread_t thread;
	uint32_t cpu;
	void (*work)(uint32_t cpu);
};

static inline void *processor_main(void *context)
{
	const struct processor *const processor = context;

	fake_on_cpu(processor->cpu);
	make_root(fake_last_handover());
	pthread_barrier_wait(&all_processors);
	processor->work(processor->cpu);
	return NULL;
}

/* Every processor of the machine does this; the first one is this thread. At most `seconds`. */
static inline void on_processors(void (*work)(uint32_t cpu), unsigned int seconds)
{
	struct processor processors[FAKE_MAX_CPUS];

	alarm(seconds);
	REQUIRE(!pthread_barrier_init(&all_processors, NULL, hv.n_cpus));
	for (uint32_t i = 1; i < hv.n_cpus; i++) {
		processors[i] = (struct processor) { .cpu = i, .work = work };
		REQUIRE(!pthread_create(&processors[i].thread, NULL, processor_main,
					&processors[i]));
	}
	pthread_barrier_wait(&all_processors);
	work(0);
	for (uint32_t i = 1; i < hv.n_cpus; i++)
		REQUIRE(!pthread_join(processors[i].thread, NULL));
	pthread_barrier_destroy(&all_processors);
	alarm(0);
}

/* A machine of n processors, the first of which is there; the others come with on_processors(). */
static inline void machine_of_cpus(uint64_t ram_bytes, uint32_t n)
{
	fake_reset(ram_bytes);
	fake.n_cpus = n;
	machine_of(ram_bytes, 32 * MIB);
}

/* ---- A guest and what it remembers -------------------------------------------------------- */

#define TLB_ENTRIES 8u

/*
 * A processor forgets nothing by itself: the worst that it may do. The owner clears it when it begins
 * to run another VP.
 */
struct tlb {
	unsigned int n_renewals; /* of the VP, when it was last empty */
	struct tlb_entry {
		uint64_t page; /* gpa with bit 0 set; 0: nothing */
		uint64_t spa;
		uint8_t rights;
		bool is_dirty; /* need not be noted again */
	} entries[TLB_ENTRIES];
};

/* The word of the guest's memory at gpa, NULL if that is a violation. */
static inline uint64_t *guest_word(struct tlb *tlb, const struct virt_vp *vp, uint64_t gpa,
				   bool is_write)
{
	struct tlb_entry *const entry = &tlb->entries[(gpa >> PAGE_SHIFT) % TLB_ENTRIES];

	if (tlb->n_renewals != vp->n_renewals)
		memset(tlb, 0, sizeof(*tlb));
	tlb->n_renewals = vp->n_renewals;
	if (entry->page != ((gpa & PAGE_MASK) | 1)) {
		const struct virt_leaf leaf = virt_space_lookup(vp->space, GPA(gpa));

		entry->page = (gpa & PAGE_MASK) | 1;
		entry->spa = leaf.spa.a + (gpa & (LEVEL_SIZE(leaf.level) - 1) & PAGE_MASK);
		entry->rights = leaf.rights;
		entry->is_dirty = !(leaf.rights & VIRT_TRACKED);
	}
	if (!(entry->rights & (is_write ? VIRT_WRITE : VIRT_READ))) {
		entry->page = 0; /* what is not there is not remembered */
		return NULL;
	}
	if (is_write && !entry->is_dirty && !fake_access(vp->space, GPA(gpa), true))
		return NULL;
	entry->is_dirty |= is_write;
	return at(entry->spa + PAGE_OFFSET(gpa));
}

static inline uint64_t peek_word(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void poke_word(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

#endif
