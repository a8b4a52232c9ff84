/* SPDX-License-Identifier: MIT */
/* hv/call/property.c and hv/call/capability.c. */
#include "tests/unit/machine.h"

#include "hv/cpu/cpuid.h"

static uint64_t buffer;

#define P(name) ((uint32_t)WHvPartitionPropertyCode##name)
#define C(name) ((uint32_t)WHvCapabilityCode##name)

static uint32_t get(uint64_t handle, uint32_t code, uint64_t size, uint64_t *value)
{
	uint32_t result;

	memset(at(buffer), 0x5a, 64);
	result = CALL(WHIT_CALL_GET_PROPERTY, handle, code, buffer, size);
	memcpy(value, at(buffer), 8);
	return result;
}

static void check_reads(uint64_t handle, uint32_t code, uint64_t size, uint64_t wanted)
{
	const uint64_t mask = size == 8 ? ~0ull : (1ull << 8 * size) - 1;
	uint64_t value;

	REQUIRE_EQ(get(handle, code, 48, &value), S_OK);
	REQUIRE_EQ(out_rdx, size);
	REQUIRE_EQ(value & mask, wanted);
	REQUIRE_EQ(value & ~mask, 0x5a5a5a5a5a5a5a5aull & ~mask); /* and no byte more */
	REQUIRE_EQ(get(handle, code, size, &value), S_OK);
	REQUIRE_EQ(get(handle, code, size - 1, &value), WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, size);
	REQUIRE_EQ(value, 0x5a5a5a5a5a5a5a5aull);
}

/* What each scalar is at first, what it takes, and when: from the reference and docs/hypercalls.md. */
static const struct {
	uint32_t code;
	uint64_t size, first;
	uint64_t legal[4];
	unsigned int n_legal;
	uint64_t illegal[4];
	unsigned int n_illegal;
	bool is_late;
} scalars[] = {
	{ P(ExtendedVmExits),
	  8,
	  0,
	  { 0x73ff, 0, 1 },
	  3,
	  { 0x400, 0x800, 0x8000, 1ull << 63 },
	  4,
	  true },
	{ P(ExceptionExitBitmap),
	  8,
	  0,
	  { 0x2b7dfb, 0, 1 << 14 },
	  3,
	  { 1 << 2, 1 << 18, 1 << 22, 1ull << 32 },
	  4,
	  true },
	{ P(SeparateSecurityDomain), 4, 0, { 1, 0 }, 2, { 2 }, 1, false },
	{ P(NestedVirtualization), 4, 0, { 0 }, 1, { 1, 2 }, 2, false },
	{ P(X64MsrExitBitmap), 8, 1, { 0x3f, 0, 1 }, 3, { 0x40, 1ull << 63 }, 2, true },
	{ P(PrimaryNumaNode), 2, 0, { 0 }, 1, { 1, 0xffff }, 2, false },
	{ P(CpuReserve), 4, 0, { 0 }, 1, { 1, 0x10000 }, 2, false },
	{ P(CpuCap), 4, 0x10000, { 0x10000, 0 }, 2, { 1, 0x8000, 0x20000 }, 3, false },
	{ P(CpuWeight), 4, 100, { 1, 10000, 100 }, 3, { 0, 10001 }, 2, false },
	{ P(CpuGroupId), 8, 0, { 0 }, 1, { 1, 1ull << 63 }, 2, false },
	{ P(ProcessorFrequencyCap), 4, 0, { 0 }, 1, { 1, 3000 }, 2, false },
	{ P(AllowDeviceAssignment), 4, 0, { 0 }, 1, { 1 }, 1, false },
	{ P(DisableSmt), 4, 0, { 1, 0 }, 2, { 2 }, 1, false },
	{ P(ProcessorClFlushSize), 1, 6, { 3, 5, 6 }, 3, { 0, 2, 7, 255 }, 4, false },
	{ P(LocalApicEmulationMode), 4, 0, { 1, 2, 0 }, 3, { 3, 0x80000000 }, 2, false },
	{ P(ProcessorClockFrequency),
	  8,
	  2000000000,
	  { 2000000000 },
	  1,
	  { 0, 1999999999 },
	  2,
	  false },
	{ P(InterruptClockFrequency), 8, 200000000, { 200000000 }, 1, { 0, 1 }, 2, false },
	{ P(ApicRemoteReadSupport), 4, 0, { 0 }, 1, { 1 }, 1, false },
	{ P(ProcessorPerfmonFeatures), 8, 0, { 0 }, 1, { 1, 2 }, 2, false },
	{ P(UnimplementedMsrAction), 4, 0, { 1, 2, 0 }, 3, { 3, 256 }, 2, false },
	{ P(PhysicalAddressWidth), 4, 40, { 32, 36, 40 }, 3, { 0, 31, 41, 64 }, 4, false },
	{ P(ProcessorCount), 4, 0, { 1, 256, 2 }, 3, { 0, 257 }, 2, false },
	{ WhitPartitionPropertyCodeEmulation, 4, 0, { 3, 1, 0 }, 3, { 4, 0x80000000 }, 2, false },
	{ WhitPartitionPropertyCodeTurnExits, 4, 0, { 3, 2, 0 }, 3, { 4 }, 1, false },
};

#define N_SCALARS (sizeof(scalars) / sizeof(scalars[0]))

static void scalars_take_and_give(void)
{
	uint64_t handle;

	machine(512 * MIB);
	buffer = test_pages(1);
	for (size_t i = 0; i < N_SCALARS; i++) {
		const uint32_t code = scalars[i].code;
		const uint64_t size = scalars[i].size;

		handle = created(8);
		check_reads(handle, code, size, scalars[i].first);
		for (unsigned int k = 0; k < scalars[i].n_legal; k++) {
			const uint64_t value = scalars[i].legal[k];

			REQUIRE_EQ(set_property(handle, code, value, size), S_OK);
			check_reads(handle, code, size, value);
			REQUIRE_EQ(set_property(handle, code, value, size - 1),
				   WHV_E_INSUFFICIENT_BUFFER);
			/* A larger buffer is no error, and what is behind the value says nothing. */
			REQUIRE_EQ(set_property(handle, code,
						size < 8 ? value | 0xa5ull << 8 * size : value, 48),
				   S_OK);
			check_reads(handle, code, size, value);
			for (unsigned int n = 0; n < scalars[i].n_illegal; n++)
				REQUIRE_EQ(set_property(handle, code, scalars[i].illegal[n], size),
					   E_INVALIDARG);
			check_reads(handle, code, size, value);
		}
		delete_all(handle);
		handle = set_up(8, 2);
		for (unsigned int k = 0; k < scalars[i].n_legal; k++)
			REQUIRE_EQ(set_property(handle, code, scalars[i].legal[k], size),
				   scalars[i].is_late ? S_OK : E_INVALIDARG);
		delete_all(handle);
	}
	check_clean();
}

/* Every bit of the masks by itself: what the capability has can be set, and nothing else. */
static void features_are_those_of_the_capability(void)
{
	static const struct {
		uint32_t property, capability;
	} words[] = { { P(ProcessorFeatures), C(ProcessorFeatures) },
		      { P(ProcessorXsaveFeatures), C(ProcessorXsaveFeatures) },
		      { P(ExtendedVmExits), C(ExtendedVmExits) },
		      { P(ExceptionExitBitmap), C(ExceptionExitBitmap) },
		      { P(X64MsrExitBitmap), C(X64MsrExitBitmap) } };
	uint64_t handle, has;

	machine(512 * MIB);
	virt_machine.xcr0_child = 7;
	virt_machine.child_has = VIRT_HAS_RDTSCP | VIRT_HAS_XSAVES;
	model_init();
	buffer = test_pages(1);
	handle = created(8);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, words[i].capability, buffer, 8), S_OK);
		memcpy(&has, at(buffer), 8);
		REQUIRE(has);
		if (i < 2)
			check_reads(handle, words[i].property, 8, has);
		for (unsigned int bit = 0; bit < 64; bit++)
			REQUIRE_EQ(set_property(handle, words[i].property, 1ull << bit, 8),
				   has >> bit & 1 ? S_OK : E_INVALIDARG);
	}
	delete_all(handle);
	check_clean();
}

static uint32_t set_words(uint64_t handle, uint32_t code, const uint64_t *words, uint64_t size)
{
	memset(at(buffer), 0x5a, 64);
	memcpy(at(buffer), words, size);
	return CALL(WHIT_CALL_SET_PROPERTY, handle, code, buffer, size);
}

static void banks_are_set_whole(void)
{
	uint64_t words[4] = { 0 }, both[4], handle, first;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	REQUIRE_EQ(get(handle, P(ProcessorFeaturesBanks), 24, &first), S_OK);
	REQUIRE_EQ(out_rdx, 24);
	REQUIRE_EQ(first, 2);
	memcpy(both, at(buffer), 24);
	REQUIRE_EQ(get(handle, P(ProcessorFeatures), 8, &first), S_OK);
	REQUIRE_EQ(first, both[1]);
	REQUIRE_EQ(get(handle, P(ProcessorFeaturesBanks), 23, &first), WHV_E_INSUFFICIENT_BUFFER);
	words[0] = 2;
	words[1] = both[1] & 0xff;
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 24), S_OK);
	REQUIRE_EQ(get(handle, P(ProcessorFeatures), 8, &first), S_OK);
	REQUIRE_EQ(first, words[1]);
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 16),
		   WHV_E_INSUFFICIENT_BUFFER);
	words[0] = 1;
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 24), E_INVALIDARG);
	words[0] = 2 | 1ull << 32;
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 24), E_INVALIDARG);
	words[0] = 2;
	words[1] = ~0ull;
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 24), E_INVALIDARG);
	words[1] = 0;
	words[2] = ~0ull;
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), words, 24), E_INVALIDARG);
	REQUIRE_EQ(get(handle, P(ProcessorFeatures), 8, &first), S_OK);
	REQUIRE_EQ(first, both[1] & 0xff);

	REQUIRE_EQ(get(handle, P(SyntheticProcessorFeaturesBanks), 16, &first), S_OK);
	REQUIRE_EQ(out_rdx, 16);
	REQUIRE_EQ(first, 1);
	words[0] = 1;
	words[1] = 0;
	REQUIRE_EQ(set_words(handle, P(SyntheticProcessorFeaturesBanks), words, 16), S_OK);
	for (unsigned int bit = 0; bit < 64; bit++) {
		words[1] = 1ull << bit;
		REQUIRE_EQ(set_words(handle, P(SyntheticProcessorFeaturesBanks), words, 16),
			   E_INVALIDARG);
	}
	delete_all(handle);
	handle = set_up(8, 1);
	REQUIRE_EQ(set_words(handle, P(ProcessorFeaturesBanks), both, 24), E_INVALIDARG);
	words[1] = 0;
	REQUIRE_EQ(set_words(handle, P(SyntheticProcessorFeaturesBanks), words, 16), E_INVALIDARG);
	delete_all(handle);
	check_clean();
}

static void reference_time_can_be_set_at_any_time(void)
{
	uint64_t handle, first, second;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	check_reads(handle, P(ReferenceTime), 8, 0);
	REQUIRE_EQ(set_property(handle, P(ReferenceTime), 5000, 8), S_OK);
	check_reads(handle, P(ReferenceTime), 8, 5000);
	REQUIRE_EQ(set_property(handle, P(ReferenceTime), 5000, 7), WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(set_property(handle, P(ProcessorCount), 1, 4), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	REQUIRE_EQ(get(handle, P(ReferenceTime), 8, &first), S_OK);
	REQUIRE(first >= 5000);
	fake.tsc += 2000000; /* a millisecond */
	REQUIRE_EQ(get(handle, P(ReferenceTime), 8, &second), S_OK);
	REQUIRE(second >= first + 10000 && second < first + 11000);
	REQUIRE_EQ(set_property(handle, P(ReferenceTime), 1ull << 62, 8), S_OK);
	REQUIRE_EQ(get(handle, P(ReferenceTime), 8, &second), S_OK);
	REQUIRE(second >= 1ull << 62 && second < (1ull << 62) + 1000);
	delete_all(handle);
	check_clean();
}

static uint32_t set_list(uint64_t handle, uint32_t code, const void *list, uint64_t size)
{
	memcpy(at(buffer), list, size);
	return CALL(WHIT_CALL_SET_PROPERTY, handle, code, buffer, size);
}

static void lists_are_set_whole_and_never_read(void)
{
	static const struct {
		uint32_t code;
		uint64_t size, most;
		bool is_late;
	} lists[] = { { P(CpuidExitList), 4, 64, true },
		      { P(CpuidResultList), 32, 48, false },
		      { P(CpuidResultList2), 48, 48, false },
		      { P(MsrActionList), 8, 128, false } };
	static const uint8_t zeros[4096];
	uint32_t leaves[65];
	uint64_t handle, value;

	machine(512 * MIB);
	buffer = test_pages(1);
	for (uint32_t i = 0; i < 65; i++)
		leaves[i] = 0x100 + i;
	handle = created(8);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), leaves, 12), S_OK);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_exits, 3);
	REQUIRE_EQ(partition_of(handle)->lists->cpuid_exits[2], 0x102);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), leaves, 13), E_INVALIDARG);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), leaves, 260), E_INVALIDARG);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_exits, 3);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), leaves, 256), S_OK);
	REQUIRE_EQ(partition_of(handle)->lists->cpuid_exits[63], 0x13f);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), leaves, 0), S_OK);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_exits, 0);
	delete_all(handle);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const uint32_t code = lists[i].code;
		const uint64_t most = lists[i].size * lists[i].most;

		handle = created(8);
		REQUIRE_EQ(get(handle, code, 48, &value), 0x80070032);
		REQUIRE_EQ(set_list(handle, code, zeros, most), S_OK);
		REQUIRE_EQ(set_list(handle, code, zeros, most + lists[i].size), E_INVALIDARG);
		REQUIRE_EQ(set_list(handle, code, zeros, lists[i].size + 1), E_INVALIDARG);
		REQUIRE_EQ(set_list(handle, code, zeros, lists[i].size - 1), E_INVALIDARG);
		REQUIRE_EQ(set_list(handle, code, zeros, 0), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, code, BLOCK_BASE, lists[i].size),
			   E_POINTER);
		REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, code, ~7ull, lists[i].size),
			   E_POINTER);
		REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, code, fake.ram_bytes - 8, most),
			   E_POINTER);
		delete_all(handle);
		handle = set_up(8, 1);
		REQUIRE_EQ(set_list(handle, code, zeros, lists[i].size),
			   lists[i].is_late ? S_OK : E_INVALIDARG);
		delete_all(handle);
	}
	check_clean();
}

/* A list needs a page, says so, and gives back what it does not need. */
static void lists_live_in_a_lent_page(void)
{
	const uint32_t leaf = 7;
	uint64_t handle, free_pages;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(3); /* the partition's, the ledger's, and one */
	free_pages = partition_of(handle)->pages.count;
	REQUIRE_EQ(free_pages, 1);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), &leaf, 4), S_OK);
	REQUIRE_EQ(partition_of(handle)->pages.count, 0);
	REQUIRE_EQ(set_list(handle, P(CpuidExitList), &leaf, 4), WHIT_E_INSUFFICIENT_MEMORY);
	REQUIRE_EQ(out_rdx, 1);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_exits, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_LEND, handle, test_pages(1), 1), S_OK);
	free_pages = partition_of(handle)->pages.count;
	for (unsigned int i = 0; i < 10; i++) {
		REQUIRE_EQ(set_list(handle, P(CpuidExitList), &leaf, 4), S_OK);
		REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), BLOCK_BASE, 4),
			   E_POINTER);
		REQUIRE_EQ(partition_of(handle)->pages.count, free_pages);
	}
	delete_all(handle);
	check_clean();
}

static void entries_with_reserved_bits_are_refused(void)
{
	WHV_X64_CPUID_RESULT2 results[2] = { { .Function = 1 }, { .Function = 2 } };
	WHV_MSR_ACTION_ENTRY actions[2] = { { 0x10, 1, 2, 0 }, { 0x11, 0, 0, 0 } };
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	REQUIRE_EQ(set_list(handle, P(MsrActionList), actions, sizeof(actions)), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList2), results, sizeof(results)), S_OK);
	actions[1].Reserved = 1;
	REQUIRE_EQ(set_list(handle, P(MsrActionList), actions, sizeof(actions)), E_INVALIDARG);
	actions[1].Reserved = 0;
	actions[1].ReadAction = 3;
	REQUIRE_EQ(set_list(handle, P(MsrActionList), actions, sizeof(actions)), E_INVALIDARG);
	actions[1].ReadAction = 0;
	actions[1].WriteAction = 3;
	REQUIRE_EQ(set_list(handle, P(MsrActionList), actions, sizeof(actions)), E_INVALIDARG);
	for (unsigned int bit = 2; bit < 32; bit++) {
		results[1].Flags = (WHV_X64_CPUID_RESULT2_FLAGS)(1u << bit);
		REQUIRE_EQ(set_list(handle, P(CpuidResultList2), results, sizeof(results)),
			   E_INVALIDARG);
	}
	REQUIRE_EQ(partition_of(handle)->lists->n_msr_actions, 2);
	REQUIRE_EQ(partition_of(handle)->lists->msr_actions[0].write, 2);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_results, 2);
	delete_all(handle);
	check_clean();
}

static uint32_t shown(uint64_t handle, uint32_t vp, uint32_t leaf, uint32_t subleaf,
		      unsigned int reg)
{
	uint32_t words[4];

	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, vp, leaf, subleaf, buffer), S_OK);
	memcpy(words, at(buffer), sizeof(words));
	return words[reg];
}

static void result_lists_are_what_cpuid_says(void)
{
	const WHV_X64_CPUID_RESULT first[] = {
		{ .Function = 0x40000001, .Eax = 0x11, .Ebx = 0x12, .Ecx = 0x13, .Edx = 0x14 },
		{ .Function = 2, .Eax = 0x21 },
		{ .Function = 0, .Eax = 0x31, .Ebx = 0x32 },
	};
	const WHV_X64_CPUID_RESULT2 second[] = {
		{ .Function = 0, .Output = { .Ebx = ~0u }, .Mask = { .Ebx = 0xff00 } },
		{ .Function = 4,
		  .Index = 1,
		  .Flags = WHvX64CpuidResult2FlagSubleafSpecific,
		  .Output = { .Eax = 0x41 },
		  .Mask = { .Eax = ~0u } },
		{ .Function = 0x80000002,
		  .VpIndex = 1,
		  .Flags = WHvX64CpuidResult2FlagVpSpecific,
		  .Output = { .Eax = 0x51 },
		  .Mask = { .Eax = ~0u } },
	};
	uint64_t handle;

	machine(512 * MIB);
	buffer = test_pages(1);
	handle = created(64);
	REQUIRE_EQ(set_property(handle, P(ProcessorCount), 2, 4), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList), first, sizeof(first)), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList2), second, sizeof(second)), S_OK);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_results, 6);
	/* Once more, so that they are the older ones: the first list goes before nothing. */
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	for (uint32_t i = 0; i < 2; i++)
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, test_pages(1)), S_OK);
	for (uint32_t i = 0; i < 2; i++) {
		REQUIRE_EQ(shown(handle, i, 0x40000001, 5, 3), 0x14);
		REQUIRE_EQ(shown(handle, i, 2, 0, 0), 0x21);
		REQUIRE_EQ(shown(handle, i, 0, 0, 0), 0x31);
		REQUIRE_EQ(shown(handle, i, 0, 0, 1), 0xff32); /* of the later list, by its mask */
		REQUIRE_EQ(shown(handle, i, 0, 0, 2), 0);
		REQUIRE_EQ(shown(handle, i, 4, 1, 0), 0x41);
		REQUIRE_EQ(shown(handle, i, 4, 0, 0), 0);
		REQUIRE_EQ(shown(handle, i, 0x80000002, 0, 0), i ? 0x51 : 0);
		REQUIRE_EQ(shown(handle, i, 1, 0, 0), 0x506e3); /* the others as ever */
		REQUIRE_EQ(shown(handle, i, 1, 0, 1) >> 24, i);
	}
	delete_all(handle);

	/* Set the other way round the first list is the later. */
	handle = created(64);
	REQUIRE_EQ(set_property(handle, P(ProcessorCount), 1, 4), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList), first, 32), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList2), second, sizeof(second)), S_OK);
	REQUIRE_EQ(set_list(handle, P(CpuidResultList), first, sizeof(first)), S_OK);
	REQUIRE_EQ(partition_of(handle)->lists->n_cpuid_results, 6);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(shown(handle, 0, 0, 0, 1), 0x32);
	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, 1, 0, 0, buffer), WHV_E_VP_DOES_NOT_EXIST);
	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, 0, 1ull << 32, 0, buffer), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, 0, 0, 1ull << 32, buffer), E_INVALIDARG);
	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, 0, 0, 0, buffer + 4), E_POINTER);
	REQUIRE_EQ(CALL(WHIT_CALL_CPUID_OUTPUT, handle, 0, 0, 0, BLOCK_BASE), E_POINTER);
	delete_all(handle);
	check_clean();
}

static void codes_that_whp_has_not_are_unknown(void)
{
	uint64_t handle, value;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	for (uint32_t code = 0; code < 0x2100; code++) {
		const bool has = (code >= 1 && code <= 0xd) || (code >= 0x1001 && code <= 0x1011) ||
				 code == 0x1fff;
		const uint32_t result = get(handle, code, 48, &value);

		REQUIRE(has == (result != (uint32_t)WHV_E_UNKNOWN_PROPERTY));
		if (!has)
			REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, code, buffer, 48),
				   WHV_E_UNKNOWN_PROPERTY);
	}
	REQUIRE_EQ(CALL(WHIT_CALL_GET_PROPERTY, handle, 1ull << 32 | P(ProcessorCount), buffer, 48),
		   WHV_E_UNKNOWN_PROPERTY);
	delete_all(handle);
	check_clean();
}

/* What changes after set-up reaches the processor at once. */
static void late_changes_configure_every_vp(void)
{
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = set_up(64, 3);
	for (uint32_t i = 0; i < 3; i += 2)
		REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, i, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(set_property(handle, P(ExceptionExitBitmap), 0x4002, 8), S_OK);
	REQUIRE_EQ(vp_of(handle, 2)->virt->config.exceptions, 0);
	REQUIRE_EQ(set_property(handle, P(ExtendedVmExits), 0xc, 8), S_OK); /* exceptions, RDTSC */
	for (uint32_t i = 0; i < 3; i += 2) {
		REQUIRE_EQ(vp_of(handle, i)->virt->config.exceptions, 0x4002);
		REQUIRE(vp_of(handle, i)->virt->config.tsc_exits);
	}
	REQUIRE_EQ(set_property(handle, P(ExceptionExitBitmap), 0, 8), S_OK);
	REQUIRE_EQ(set_property(handle, P(ExtendedVmExits), 0, 8), S_OK);
	for (uint32_t i = 0; i < 3; i += 2) {
		REQUIRE_EQ(vp_of(handle, i)->virt->config.exceptions, 0);
		REQUIRE(!vp_of(handle, i)->virt->config.tsc_exits);
	}
	delete_all(handle);
	check_clean();
}

/* The properties make the model: a few of each kind; tests/unit/run_model.c has them all. */
static void properties_shape_the_processor(void)
{
	uint64_t handle, has;

	machine(256 * MIB);
	virt_machine.xcr0_child = 7;
	model_init();
	buffer = test_pages(1);
	handle = created(64);
	REQUIRE_EQ(set_property(handle, P(ProcessorCount), 1, 4), S_OK);
	REQUIRE_EQ(get(handle, P(ProcessorFeatures), 8, &has), S_OK);
	REQUIRE_EQ(set_property(handle, P(ProcessorFeatures), has & ~(1ull << 23), 8),
		   S_OK); /* SMEP */
	REQUIRE_EQ(set_property(handle, P(ProcessorXsaveFeatures), 0, 8), S_OK);
	REQUIRE_EQ(set_property(handle, P(ProcessorClFlushSize), 5, 1), S_OK);
	REQUIRE_EQ(set_property(handle, P(PhysicalAddressWidth), 36, 4), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	REQUIRE_EQ(shown(handle, 0, 7, 0, 1) >> 7 & 1, 0);
	REQUIRE_EQ(shown(handle, 0, 1, 0, 2) >> 26 & 1, 0);
	REQUIRE_EQ(shown(handle, 0, 1, 0, 1) >> 8 & 0xff, 4);
	REQUIRE_EQ(shown(handle, 0, 0x80000008, 0, 0) & 0xff, 36);
	REQUIRE_EQ(partition_of(handle)->model.cr4 & (1ull << 20 | 1ull << 18), 0);
	REQUIRE_EQ(vp_of(handle, 0)->virt->config.cr4 & 1ull << 20, 0);
	delete_all(handle);
	check_clean();
}

static void property_buffers(void)
{
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	for (unsigned int code = WHIT_CALL_GET_PROPERTY; code <= WHIT_CALL_SET_PROPERTY; code++) {
		REQUIRE_EQ(CALL(code, handle, P(ExtendedVmExits), buffer + 4, 8), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, P(ExtendedVmExits), BLOCK_BASE, 8), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, P(ExtendedVmExits), 0, 8), E_POINTER);
		REQUIRE_EQ(CALL(code, handle, P(ExtendedVmExits), ~7ull, 8), E_POINTER);
		REQUIRE_EQ(CALL(code, 1, P(ExtendedVmExits), buffer, 8), E_INVALIDARG);
	}
	REQUIRE_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), BLOCK_BASE, 8),
		   E_POINTER);
	delete_all(handle);
	check_clean();
}

static uint64_t capability(uint32_t code, uint64_t size)
{
	uint64_t value = 0;

	memset(at(buffer), 0x5a, 64);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, 24), S_OK);
	REQUIRE_EQ(out_rdx, size);
	REQUIRE_EQ(((uint8_t *)at(buffer))[size], 0x5a);
	memcpy(&value, at(buffer), size < 8 ? size : 8);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, size), S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, size - 1),
		   WHV_E_INSUFFICIENT_BUFFER);
	REQUIRE_EQ(out_rdx, size);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, BLOCK_BASE, size), E_POINTER);
	return value;
}

static void capabilities(void)
{
	WHV_PROCESSOR_FEATURES_BANKS banks;
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	REQUIRE_EQ(capability(C(HypervisorPresent), 4), 1);
	REQUIRE_EQ(capability(C(Features), 8),
		   0xf); /* PartialUnmap, APIC, Xsave, DirtyPageTracking */
	REQUIRE_EQ(capability(C(ExtendedVmExits), 8), 0x73ff);
	REQUIRE_EQ(capability(C(ExceptionExitBitmap), 8), 0x2b7dfb);
	REQUIRE_EQ(capability(C(X64MsrExitBitmap), 8), 0x3f);
	REQUIRE_EQ(capability(C(SchedulerFeatures), 8), 0);
	REQUIRE_EQ(capability(C(ProcessorFrequencyCap), 20), 0);
	REQUIRE_EQ(capability(C(SyntheticProcessorFeaturesBanks), 16), 1);
	REQUIRE_EQ(capability(C(ProcessorPerfmonFeatures), 8), 0);
	REQUIRE_EQ(capability(C(ProcessorVendor), 4),
		   fake_is_amd ? WHvProcessorVendorAmd : WHvProcessorVendorIntel);
	REQUIRE_EQ(capability(C(ProcessorClFlushSize), 1), 6);
	REQUIRE_EQ(capability(C(ProcessorXsaveFeatures), 8), 0);
	REQUIRE_EQ(capability(C(ProcessorClockFrequency), 8), 2000000000);
	REQUIRE_EQ(capability(C(InterruptClockFrequency), 8), 200000000);
	REQUIRE_EQ(capability(C(PhysicalAddressWidth), 4), 40);
	REQUIRE_EQ(capability(C(ProcessorFeaturesBanks), 24), 2);
	memcpy(&banks, at(buffer), sizeof(banks));
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, C(ProcessorFeaturesBanks), buffer, 24), S_OK);
	memcpy(&banks, at(buffer), sizeof(banks));
	REQUIRE_EQ(banks.BanksCount, 2);
	REQUIRE_EQ(banks.Bank0.AsUINT64, capability(C(ProcessorFeatures), 8));
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, 7, buffer, 24), WHV_E_UNKNOWN_CAPABILITY);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, C(VmxBasic), buffer, 24),
		   WHV_E_UNKNOWN_CAPABILITY);
	REQUIRE_EQ(CALL(WHIT_CALL_GET_CAPABILITY, 1ull << 32, buffer, 24),
		   WHV_E_UNKNOWN_CAPABILITY);
	/* What is claimed is what CPUID shows to a child; a few that the fake machine has. */
	handle = set_up(32, 1);
	REQUIRE_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	{
		struct vp *vp = vp_of(handle, 0);
		const uint32_t ecx = cpuid_child(vp, 1, 0).ecx, ebx7 = cpuid_child(vp, 7, 0).ebx;

		REQUIRE_EQ(banks.Bank0.Sse3Support, ecx & 1);
		REQUIRE_EQ(banks.Bank0.PopCntSupport, ecx >> 23 & 1);
		REQUIRE_EQ(banks.Bank0.MovbeSupport, ecx >> 22 & 1);
		REQUIRE_EQ(banks.Bank0.PcidSupport, ecx >> 17 & 1);
		REQUIRE_EQ(banks.Bank0.F16CSupport, ecx >> 29 & 1);
		REQUIRE_EQ(banks.Bank0.SmepSupport, ebx7 >> 7 & 1);
		REQUIRE_EQ(banks.Bank0.InvpcidSupport, ebx7 >> 10 & 1);
		REQUIRE_EQ(banks.Bank0.Page1GbSupport,
			   cpuid_child(vp, 0x80000001, 0).edx >> 26 & 1);
		REQUIRE_EQ(banks.Bank0.RdtscpSupport, cpuid_child(vp, 0x80000001, 0).edx >> 27 & 1);
		REQUIRE(banks.Bank1.TscDeadlineTmrSupport); /* of a partition with APICs */
		REQUIRE(banks.Bank0.Sse4_2Support && banks.Bank0.AesSupport);
	}
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(scalars_take_and_give),
		TEST(features_are_those_of_the_capability),
		TEST(banks_are_set_whole),
		TEST(reference_time_can_be_set_at_any_time),
		TEST(lists_are_set_whole_and_never_read),
		TEST(lists_live_in_a_lent_page),
		TEST(entries_with_reserved_bits_are_refused),
		TEST(result_lists_are_what_cpuid_says),
		TEST(codes_that_whp_has_not_are_unknown),
		TEST(late_changes_configure_every_vp),
		TEST(properties_shape_the_processor),
		TEST(property_buffers),
		TEST(capabilities),
	};

	return RUN(tests);
}
