// SPDX-License-Identifier: MIT
/* WHvGetPartitionProperty, WHvSetPartitionProperty. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/child.h"

#define NOT_SUPPORTED 0x80070032u

static WHV_PARTITION_HANDLE partition;

static void create(void)
{
	partition = NULL;
	CHECK_EQ(WHvCreatePartition(&partition), S_OK);
}

static void destroy(void)
{
	CHECK_EQ(WHvDeletePartition(partition), S_OK);
}

static HRESULT set(UINT32 code, uint64_t value, UINT32 n_bytes)
{
	uint64_t buffer[8] = { value };

	return WHvSetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, buffer,
				       n_bytes);
}

static HRESULT get(UINT32 code, uint64_t *value, UINT32 n_bytes, UINT32 *written)
{
	return WHvGetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, value, n_bytes,
				       written);
}

static void property_processor_count_is_kept(void)
{
	uint64_t value[2] = { ~0ull, ~0ull };
	UINT32 written = 0;

	create();
	CHECK_EQ(get(WHvPartitionPropertyCodeProcessorCount, value, 16, &written), S_OK);
	CHECK_EQ((UINT32)value[0], 0);
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, 5, 4), S_OK);
	value[0] = ~0ull;
	CHECK_EQ(get(WHvPartitionPropertyCodeProcessorCount, value, 16, &written), S_OK);
	CHECK_EQ(written, 4);
	CHECK_EQ(value[0], 0xffffffff00000005ull);
	CHECK_EQ(get(WHvPartitionPropertyCodeProcessorCount, value, 4, NULL), S_OK);
	CHECK_EQ(get(WHvPartitionPropertyCodeProcessorCount, value, 3, &written),
		 WHV_E_INSUFFICIENT_BUFFER);
	destroy();
}

static void property_buffers_of_both_sdks_are_taken(void)
{
	create();
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, 1, 32), S_OK);
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, 1, 48), S_OK);
	CHECK_EQ(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 32), S_OK);
	CHECK_EQ(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 48), S_OK);
	CHECK(FAILED(set(WHvPartitionPropertyCodeProcessorCount, 1, 3)));
	CHECK(FAILED(set(WHvPartitionPropertyCodeProcessorCount, 1, 0)));
	CHECK(FAILED(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 7)));
	destroy();
}

static void property_processor_count_has_bounds(void)
{
	create();
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, 0, 4), E_INVALIDARG);
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, WHIT_MAX_VPS, 4), S_OK);
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, WHIT_MAX_VPS + 1, 4), E_INVALIDARG);
	CHECK_EQ(set(WHvPartitionPropertyCodeProcessorCount, 0xffffffff, 4), E_INVALIDARG);
	destroy();
}

static void property_unknown_codes_are_refused(void)
{
	static const UINT32 codes[] = { 0,	0xe,	    0x1000,	0x1012,	   0x1ffe,
					0x2000, 0xffffffff, 0x57480000, 0x57480003 };
	uint64_t value[8];
	UINT32 written;

	create();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		CHECK_EQ(set(codes[i], 0, 48), WHV_E_UNKNOWN_PROPERTY);
		CHECK_EQ(get(codes[i], value, 64, &written), WHV_E_UNKNOWN_PROPERTY);
	}
	destroy();
}

static void property_extended_exits_are_those_of_the_capability(void)
{
	WHV_CAPABILITY capability = { .ExtendedVmExits = { .AsUINT64 = 0 } };
	uint64_t value = 0;

	create();
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeExtendedVmExits, &capability, 8, NULL), S_OK);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t one = 1ull << bit;

		if (capability.ExtendedVmExits.AsUINT64 & one) {
			CHECK_EQ(set(WHvPartitionPropertyCodeExtendedVmExits, one, 8), S_OK);
			CHECK_EQ(get(WHvPartitionPropertyCodeExtendedVmExits, &value, 8, NULL),
				 S_OK);
			CHECK_EQ(value, one);
		} else {
			CHECK_EQ(set(WHvPartitionPropertyCodeExtendedVmExits, one, 8),
				 E_INVALIDARG);
		}
	}
	destroy();
}

static void property_null_buffers_are_refused(void)
{
	create();
	CHECK_EQ(WHvGetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, NULL, 4,
					 NULL),
		 E_POINTER);
	CHECK_EQ(
		WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, NULL, 4),
		E_POINTER);
	destroy();
}

static void property_emulation_has_two_bits(void)
{
	uint64_t value = 0;

	create();
	CHECK_EQ(set(WhitPartitionPropertyCodeEmulation, 3, 4), S_OK);
	CHECK_EQ(get(WhitPartitionPropertyCodeEmulation, &value, 4, NULL), S_OK);
	CHECK_EQ((UINT32)value, 3);
	CHECK_EQ(set(WhitPartitionPropertyCodeEmulation, 4, 4), E_INVALIDARG);
	CHECK_EQ(set(WhitPartitionPropertyCodeEmulation, 0x80000000u, 4), E_INVALIDARG);
	destroy();
}

/* ---- Every code of WHV_PARTITION_PROPERTY_CODE ------------------------------------------- */

#define P(name) WHvPartitionPropertyCode##name

#define KEEPS	true
#define LATE	true
#define NO_MORE ~0ull /* there is no value that is refused */

/*
 * Scalars: `good` is taken, `bad` is refused (NO_MORE: nothing is), and with `keeps` good is read afterwards. What Whit
 * cannot do takes the value alone that asks for nothing.
 */
static const struct {
	UINT32 code, n_bytes;
	bool keeps, is_late;
	uint64_t good, bad;
} scalars[] = {
	{ P(ExtendedVmExits), 8, KEEPS, LATE, 0x2f, 1 << 15 },
	{ P(ExceptionExitBitmap), 8, KEEPS, LATE, 0x4000, 1ull << 32 },
	{ P(SeparateSecurityDomain), 4, KEEPS, false, 1, 2 },
	{ P(NestedVirtualization), 4, KEEPS, false, 0, 1 },
	{ P(X64MsrExitBitmap), 8, KEEPS, LATE, 0x3f, 1 << 6 },
	{ P(PrimaryNumaNode), 2, KEEPS, false, 0, 1 },
	{ P(CpuReserve), 4, KEEPS, false, 0, 0x20000 },
	{ P(CpuCap), 4, KEEPS, false, 0x10000, 0x8000 },
	{ P(CpuWeight), 4, KEEPS, false, 10000, 10001 },
	{ P(CpuGroupId), 8, KEEPS, false, 0, 1 },
	{ P(ProcessorFrequencyCap), 4, KEEPS, false, 0, 1 },
	{ P(AllowDeviceAssignment), 4, KEEPS, false, 0, 1 },
	{ P(DisableSmt), 4, KEEPS, false, 1, 2 },
	{ P(ProcessorFeatures), 8, KEEPS, false, 0, 1ull << 45 },
	{ P(ProcessorClFlushSize), 1, KEEPS, false, 6, 64 },
	{ P(LocalApicEmulationMode), 4, KEEPS, false, 2, 3 },
	{ P(ProcessorXsaveFeatures), 8, KEEPS, false, 0, 1ull << 63 },
	{ P(InterruptClockFrequency), 8, false, false, NO_MORE, 1 },
	{ P(ProcessorClockFrequency), 8, false, false, NO_MORE, 1 },
	{ P(ApicRemoteReadSupport), 4, KEEPS, false, 0, 1 },
	{ P(ProcessorPerfmonFeatures), 8, KEEPS, false, 0, 1 },
	{ P(UnimplementedMsrAction), 4, KEEPS, false, 2, 3 },
	{ P(PhysicalAddressWidth), 4, KEEPS, false, 36, 53 },
	{ P(ProcessorCount), 4, KEEPS, false, 1, 0 },
	{ P(ReferenceTime), 8, false, LATE, 12345, NO_MORE },
};

#define N_SCALARS (sizeof(scalars) / sizeof(scalars[0]))

static void complain(UINT32 code)
{
	if (check_has_failed())
		terminal_print("# property %x\n", code);
}

static void property_scalars_are_kept_and_checked(void)
{
	for (size_t i = 0; i < N_SCALARS && !check_has_failed(); i++) {
		const UINT32 n = scalars[i].n_bytes, code = scalars[i].code;
		uint64_t before = 0, value = 0;
		UINT32 written = 0;

		create();
		CHECK_EQ(get(code, &before, 8, &written), S_OK);
		CHECK_EQ(written, n);
		/* The value before is always good. */
		if (code != P(ProcessorCount))
			CHECK_EQ(set(code, before, n), S_OK);
		if (scalars[i].bad != NO_MORE)
			CHECK_EQ(set(code, scalars[i].bad, n), E_INVALIDARG);
		if (scalars[i].keeps) {
			CHECK_EQ(get(code, &value, 8, NULL), S_OK);
			CHECK_EQ(value, before);
			CHECK_EQ(set(code, scalars[i].good, n), S_OK);
			CHECK_EQ(get(code, &value, 8, NULL), S_OK);
			CHECK_EQ(value, scalars[i].good);
		}
		/* A byte less is too little; the buffers of both SDKs are not too much. */
		CHECK_EQ(get(code, &value, n - 1, &written), WHV_E_INSUFFICIENT_BUFFER);
		CHECK(FAILED(set(code, before, n - 1)));
		if (scalars[i].keeps)
			CHECK_EQ(set(code, scalars[i].good, 48), S_OK);
		complain(code);
		destroy();
	}
}

static void property_after_setup_few_can_change(void)
{
	create();
	CHECK_EQ(set(P(ProcessorCount), 1, 4), S_OK);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	for (size_t i = 0; i < N_SCALARS && !check_has_failed(); i++) {
		uint64_t value = 0;

		CHECK_EQ(get(scalars[i].code, &value, 8, NULL), S_OK);
		CHECK_EQ(set(scalars[i].code, value, scalars[i].n_bytes),
			 scalars[i].is_late ? S_OK : E_INVALIDARG);
		complain(scalars[i].code);
	}
	destroy();
}

static void property_defaults_are_those_of_the_documentation(void)
{
	static const struct {
		UINT32 code;
		uint64_t value;
	} defaults[] = {
		{ P(ExtendedVmExits), 0 },
		{ P(ExceptionExitBitmap), 0 },
		{ P(LocalApicEmulationMode), WHvX64LocalApicEmulationModeNone },
		{ P(CpuWeight), 100 },
		{ P(NestedVirtualization), 0 },
		{ P(UnimplementedMsrAction), WHvMsrActionArchitectureDefault },
		{ P(ProcessorCount), 0 },
		{ WhitPartitionPropertyCodeEmulation, 0 },
		{ WhitPartitionPropertyCodeTurnExits, 0 },
	};

	create();
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		uint64_t value = 0;

		CHECK_EQ(get(defaults[i].code, &value, 8, NULL), S_OK);
		CHECK_EQ(value, defaults[i].value);
		complain(defaults[i].code);
	}
	destroy();
}

/* What the processor can do is the default, and the most. */
static void property_features_are_those_of_the_capability(void)
{
	static const struct {
		UINT32 property, capability, n_bytes;
	} pairs[] = {
		{ P(ProcessorFeatures), WHvCapabilityCodeProcessorFeatures, 8 },
		{ P(ProcessorXsaveFeatures), WHvCapabilityCodeProcessorXsaveFeatures, 8 },
		{ P(ProcessorFeaturesBanks), WHvCapabilityCodeProcessorFeaturesBanks, 24 },
		{ P(SyntheticProcessorFeaturesBanks),
		  WHvCapabilityCodeSyntheticProcessorFeaturesBanks, 16 },
		{ P(ProcessorClFlushSize), WHvCapabilityCodeProcessorClFlushSize, 1 },
		{ P(ProcessorClockFrequency), WHvCapabilityCodeProcessorClockFrequency, 8 },
		{ P(InterruptClockFrequency), WHvCapabilityCodeInterruptClockFrequency, 8 },
		{ P(ProcessorPerfmonFeatures), WHvCapabilityCodeProcessorPerfmonFeatures, 8 },
	};

	create();
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]) && !check_has_failed(); i++) {
		uint8_t property[48] = { 0 }, capability[48] = { 0 };
		UINT32 n = 0;

		CHECK_EQ(WHvGetPartitionProperty(partition,
						 (WHV_PARTITION_PROPERTY_CODE)pairs[i].property,
						 property, sizeof(property), &n),
			 S_OK);
		CHECK_EQ(n, pairs[i].n_bytes);
		CHECK_EQ(WHvGetCapability((WHV_CAPABILITY_CODE)pairs[i].capability, capability,
					  sizeof(capability), &n),
			 S_OK);
		CHECK_EQ(n, pairs[i].n_bytes);
		for (UINT32 b = 0; b < n; b++)
			CHECK_EQ(property[b], capability[b]);
		CHECK_EQ(WHvSetPartitionProperty(partition,
						 (WHV_PARTITION_PROPERTY_CODE)pairs[i].property,
						 property, n),
			 S_OK);
		complain(pairs[i].property);
	}
	destroy();
}

static void property_banks_are_checked(void)
{
	WHV_PROCESSOR_FEATURES_BANKS banks = { .BanksCount = 2 };
	WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS synthetic = { .BanksCount = 1 };

	create();
	CHECK_EQ(WHvSetPartitionProperty(partition, P(ProcessorFeaturesBanks), &banks, 24), S_OK);
	banks.Bank1.AsUINT64 = 1ull << 63;
	CHECK_EQ(WHvSetPartitionProperty(partition, P(ProcessorFeaturesBanks), &banks, 24),
		 E_INVALIDARG);
	banks.Bank1.AsUINT64 = 0;
	banks.BanksCount = 3;
	CHECK_EQ(WHvSetPartitionProperty(partition, P(ProcessorFeaturesBanks), &banks, 24),
		 E_INVALIDARG);
	CHECK_EQ(WHvSetPartitionProperty(partition, P(ProcessorFeaturesBanks), &banks, 23),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvSetPartitionProperty(partition, P(SyntheticProcessorFeaturesBanks), &synthetic,
					 16),
		 S_OK);
	synthetic.Bank0.AsUINT64 = 1;
	CHECK_EQ(WHvSetPartitionProperty(partition, P(SyntheticProcessorFeaturesBanks), &synthetic,
					 16),
		 E_INVALIDARG);
	destroy();
}

/* ---- Lists ------------------------------------------------------------------------------- */

static const struct {
	UINT32 code, n_bytes; /* of an entry */
	bool is_late;
} lists[] = {
	{ P(CpuidExitList), 4, true },
	{ P(CpuidResultList), 32, false },
	{ P(CpuidResultList2), 48, false },
	{ P(MsrActionList), 8, false },
};

#define N_LISTS (sizeof(lists) / sizeof(lists[0]))

static HRESULT set_list(UINT32 code, const void *list, UINT32 n_bytes)
{
	return WHvSetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, list, n_bytes);
}

static void property_lists_are_whole_entries(void)
{
	static uint64_t zeros[2048];

	create();
	for (size_t i = 0; i < N_LISTS && !check_has_failed(); i++) {
		CHECK_EQ(set_list(lists[i].code, zeros, lists[i].n_bytes), S_OK);
		CHECK_EQ(set_list(lists[i].code, zeros, 3 * lists[i].n_bytes), S_OK);
		CHECK_EQ(set_list(lists[i].code, zeros, lists[i].n_bytes - 1), E_INVALIDARG);
		CHECK_EQ(set_list(lists[i].code, zeros, lists[i].n_bytes + 1), E_INVALIDARG);
		CHECK_EQ(set_list(lists[i].code, zeros, sizeof(zeros) / 48 * 48), E_INVALIDARG);
		CHECK_EQ(set_list(lists[i].code, NULL, lists[i].n_bytes), E_POINTER);
		CHECK_EQ(get(lists[i].code, zeros, sizeof(zeros), NULL), NOT_SUPPORTED);
		complain(lists[i].code);
	}
	destroy();
}

static void property_lists_after_setup(void)
{
	static uint64_t zeros[8];

	create();
	CHECK_EQ(set(P(ProcessorCount), 1, 4), S_OK);
	CHECK_EQ(WHvSetupPartition(partition), S_OK);
	for (size_t i = 0; i < N_LISTS; i++) {
		CHECK_EQ(set_list(lists[i].code, zeros, lists[i].n_bytes),
			 lists[i].is_late ? S_OK : E_INVALIDARG);
		complain(lists[i].code);
	}
	destroy();
}

static void property_list_entries_are_checked(void)
{
	WHV_X64_CPUID_RESULT2 result = { .Flags = (WHV_X64_CPUID_RESULT2_FLAGS)4 };
	WHV_MSR_ACTION_ENTRY action = { .ReadAction = 3 };

	create();
	CHECK_EQ(set_list(P(CpuidResultList2), &result, sizeof(result)), E_INVALIDARG);
	CHECK_EQ(set_list(P(MsrActionList), &action, sizeof(action)), E_INVALIDARG);
	action = (WHV_MSR_ACTION_ENTRY) { .WriteAction = 0xff };
	CHECK_EQ(set_list(P(MsrActionList), &action, sizeof(action)), E_INVALIDARG);
	destroy();
}

void property_checks(void)
{
	static const struct test tests[] = {
		TEST(property_processor_count_is_kept),
		TEST(property_buffers_of_both_sdks_are_taken),
		TEST(property_processor_count_has_bounds),
		TEST(property_unknown_codes_are_refused),
		TEST(property_extended_exits_are_those_of_the_capability),
		TEST(property_null_buffers_are_refused),
		TEST(property_emulation_has_two_bits),
		TEST(property_scalars_are_kept_and_checked),
		TEST(property_after_setup_few_can_change),
		TEST(property_defaults_are_those_of_the_documentation),
		TEST(property_features_are_those_of_the_capability),
		TEST(property_banks_are_checked),
		TEST(property_lists_are_whole_entries),
		TEST(property_lists_after_setup),
		TEST(property_list_entries_are_checked),
	};

	RUN(tests);
}
