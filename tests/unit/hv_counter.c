/* SPDX-License-Identifier: MIT */
/* hv/vp/counter.c, and the counts of mapped leaves that hv/mem/gpa.c keeps. */
#include "tests/random.h"
#include "tests/unit/machine.h"

static struct random rng = { 1 };

static uint64_t handle, buffer;

static void counter_machine(void)
{
	machine(256 * MIB);
	handle = set_up(64, 1);
	buffer = test_pages(1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
}

static uint64_t *words(void)
{
	return at(buffer);
}

/* What the books say, against the tables themselves. */
static void check_mapped(void)
{
	const struct partition *partition = partition_of(handle);
	uint64_t found[3] = { 0, 0, 0 };

	for (uint64_t gpa = 0; gpa < partition->gpa_end;) {
		const struct virt_leaf leaf = virt_space_lookup(&partition->space, GPA(gpa));

		if (leaf.rights)
			found[leaf.level - LEVEL_4K]++;
		gpa = (gpa | (LEVEL_SIZE(leaf.level) - 1)) + 1;
	}
	REQUIRE_EQ(CALL(WHIT_CALL_PARTITION_COUNTERS, handle, 0, buffer, 24), S_OK);
	REQUIRE_EQ(out_rdx, 24);
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE_EQ(words()[i], found[i]);
}

static void mapped_pages_are_counted(void)
{
	const uint64_t source = 64 * MIB;

	counter_machine();
	check_mapped();
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source, 0, 16 * MIB, 7), S_OK);
	check_mapped();
	REQUIRE_EQ(words()[1], 8);
	REQUIRE_EQ(CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, 0x5000, PAGE_SIZE), S_OK);
	check_mapped();
	REQUIRE_EQ(words()[0], 511);
	REQUIRE_EQ(words()[1], 7);
	REQUIRE_EQ(protect_all(handle, 4 * MIB, 3 * MIB, 1), S_OK);
	check_mapped();
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, source + 4 * MIB, 4 * MIB, 4 * MIB, 7),
		   S_OK);
	check_mapped();
	for (unsigned int i = 0; i < 100; i++) {
		const uint64_t gpa = random_below(&rng, 32 * MIB / PAGE_SIZE) * PAGE_SIZE;
		const uint64_t n = (1 + random_below(&rng, 600)) * PAGE_SIZE;

		if (random_below(&rng, 2))
			CALL(WHIT_CALL_MAP_GPA_RANGE, handle,
			     source + random_below(&rng, 1000) * PAGE_SIZE, gpa, n, 7);
		else
			CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, gpa, n);
		check_mapped();
	}
	for (uint64_t done = 0; done < 64 * MIB; done += out_rdx)
		CALL(WHIT_CALL_UNMAP_GPA_RANGE, handle, done, 64 * MIB - done);
	check_mapped();
	REQUIRE_EQ(words()[0] | words()[1] | words()[2], 0);
	delete_all(handle);
	check_clean();
}

static void get(uint64_t set, uint64_t n_bytes)
{
	memset(words(), 0xee, 512);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 0, set, buffer, 512), S_OK);
	REQUIRE_EQ(out_rdx, n_bytes);
	REQUIRE_EQ(words()[n_bytes / 8], 0xeeeeeeeeeeeeeeeeull);
}

static void vp_counters(void)
{
	struct vp *vp;
	uint64_t sum = 0;

	counter_machine();
	vp = vp_of(handle, 0);
	vp->run_ticks = 2000000000ull; /* a second */
	for (unsigned int i = 0; i < VIRT_EXIT_COUNT; i++)
		vp->exits[i] = 1ull << i;
	vp->delivered[0] = 3;
	vp->delivered[1] = 4;
	vp->delivered[2] = 5;
	vp->apic.mmio = 6;
	vp->apic.eois = 7;
	vp->apic.tprs = 8;
	vp->apic.sent = 9;
	vp->apic.sent_self = 10;
	get(0, sizeof(WHV_PROCESSOR_RUNTIME_COUNTERS));
	REQUIRE_EQ(words()[0], 10000000);
	REQUIRE_EQ(words()[1], 0);
	get(1, sizeof(WHV_PROCESSOR_INTERCEPT_COUNTERS));
	for (unsigned int i = 0; i < 14; i++) {
		sum += words()[2 * i];
		REQUIRE_EQ(words()[2 * i + 1], 0);
	}
	REQUIRE_EQ(sum, (1ull << VIRT_EXIT_COUNT) - 1); /* each exit once */
	REQUIRE_EQ(words()[2 * 2], 1ull << VIRT_EXIT_IO);
	REQUIRE_EQ(words()[2 * 4], 1ull << VIRT_EXIT_CPUID);
	REQUIRE_EQ(words()[2 * 5], 1ull << VIRT_EXIT_RDMSR | 1ull << VIRT_EXIT_WRMSR);
	REQUIRE_EQ(words()[2 * 11], 1ull << VIRT_EXIT_MEMORY);
	get(2, sizeof(WHV_PROCESSOR_EVENT_COUNTERS));
	for (unsigned int i = 0; i < 3; i++)
		REQUIRE_EQ(words()[i], 3 + i);
	get(3, sizeof(WHV_PROCESSOR_APIC_COUNTERS));
	for (unsigned int i = 0; i < 5; i++)
		REQUIRE_EQ(words()[i], 6 + i);
	get(4, sizeof(WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS));
	for (unsigned int i = 0; i < 6; i++)
		REQUIRE_EQ(words()[i], 0);
	delete_all(handle);
	check_clean();
}

static void counters_refuse(void)
{
	counter_machine();
	REQUIRE_EQ(CALL(WHIT_CALL_PARTITION_COUNTERS, handle, 1, buffer, 24),
		   WHV_E_UNKNOWN_PROPERTY);
	REQUIRE_EQ(CALL(WHIT_CALL_PARTITION_COUNTERS, handle, 0, buffer, 23),
		   WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, 24);
	REQUIRE_EQ(CALL(WHIT_CALL_PARTITION_COUNTERS, handle, 0, buffer + 1, 24), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 0, 5, buffer, 512), WHV_E_UNKNOWN_PROPERTY);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 0, ~0ull, buffer, 512),
		   WHV_E_UNKNOWN_PROPERTY);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 0, 1, buffer, 223),
		   WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, 224);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 0, 1, BLOCK_BASE, 224), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_VP_COUNTERS, handle, 1, 1, buffer, 224), WHV_E_VP_DOES_NOT_EXIST);
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(mapped_pages_are_counted),
		TEST(vp_counters),
		TEST(counters_refuse),
	};

	return RUN(tests);
}
