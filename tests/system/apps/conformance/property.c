// SPDX-License-Identifier: MIT
/* WHvGetPartitionProperty, WHvSetPartitionProperty. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "tests/system/apps/conformance/child.h"

static WHV_PARTITION_HANDLE partition;

static void create(void)
{
	partition = NULL;
	EXPECT_HR(WHvCreatePartition(&partition), S_OK);
}

static void destroy(void)
{
	EXPECT_HR(WHvDeletePartition(partition), S_OK);
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
	EXPECT_HR(get(WHvPartitionPropertyCodeProcessorCount, value, 16, &written), S_OK);
	EXPECT_EQ((UINT32)value[0], 0);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 5, 4), S_OK);
	value[0] = ~0ull;
	EXPECT_HR(get(WHvPartitionPropertyCodeProcessorCount, value, 16, &written), S_OK);
	EXPECT_EQ(written, 4);
	EXPECT_EQ(value[0], 0xffffffff00000005ull);
	EXPECT_HR(get(WHvPartitionPropertyCodeProcessorCount, value, 4, NULL), S_OK);
	EXPECT_HR(get(WHvPartitionPropertyCodeProcessorCount, value, 3, &written),
		  WHV_E_INSUFFICIENT_BUFFER);
	destroy();
}

static void property_buffers_of_both_sdks_are_taken(void)
{
	create();
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 1, 32), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 1, 48), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 32), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 48), S_OK);
	EXPECT_FAILED(set(WHvPartitionPropertyCodeProcessorCount, 1, 3));
	EXPECT_FAILED(set(WHvPartitionPropertyCodeProcessorCount, 1, 0));
	EXPECT_FAILED(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 7));
	destroy();
}

static void property_processor_count_has_bounds(void)
{
	create();
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 0, 4), E_INVALIDARG);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, WHIT_MAX_VPS, 4), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, WHIT_MAX_VPS + 1, 4), E_INVALIDARG);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 0xffffffff, 4), E_INVALIDARG);
	destroy();
}

static void property_unknown_codes_are_refused(void)
{
	static const UINT32 codes[] = { 0,	0xe,	    0x1000,	0x1012,	   0x1ffe,
					0x2000, 0xffffffff, 0x57480000, 0x57480002 };
	uint64_t value[8];
	UINT32 written;

	create();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		EXPECT_HR(set(codes[i], 0, 48), WHV_E_UNKNOWN_PROPERTY);
		EXPECT_HR(get(codes[i], value, 64, &written), WHV_E_UNKNOWN_PROPERTY);
	}
	destroy();
}

/* What Whit has not got yet is refused, so that no client believes in it. */
static void property_without_effect_is_refused(void)
{
	static const UINT32 codes[] = { WHvPartitionPropertyCodeExceptionExitBitmap,
					WHvPartitionPropertyCodeNestedVirtualization,
					WHvPartitionPropertyCodeX64MsrExitBitmap,
					WHvPartitionPropertyCodeCpuidResultList,
					WHvPartitionPropertyCodeCpuidResultList2,
					WHvPartitionPropertyCodeMsrActionList,
					WHvPartitionPropertyCodeUnimplementedMsrAction,
					WHvPartitionPropertyCodeSyntheticProcessorFeaturesBanks,
					WHvPartitionPropertyCodeAllowDeviceAssignment };

	create();
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		EXPECT_FAILED(set(codes[i], 1, 48));
	EXPECT_HR(set(WHvPartitionPropertyCodeLocalApicEmulationMode, 0, 4), S_OK);
	EXPECT_FAILED(set(WHvPartitionPropertyCodeLocalApicEmulationMode, 1, 4));
	EXPECT_FAILED(set(WHvPartitionPropertyCodeLocalApicEmulationMode, 3, 4));
	destroy();
}

static void property_extended_exits_are_those_of_the_capability(void)
{
	WHV_CAPABILITY capability = { .ExtendedVmExits = { .AsUINT64 = 0 } };
	uint64_t value = 0;

	create();
	EXPECT_HR(WHvGetCapability(WHvCapabilityCodeExtendedVmExits, &capability, 8, NULL), S_OK);
	for (unsigned int bit = 0; bit < 64; bit++) {
		uint64_t one = 1ull << bit;

		if (capability.ExtendedVmExits.AsUINT64 & one) {
			EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, one, 8), S_OK);
			EXPECT_HR(get(WHvPartitionPropertyCodeExtendedVmExits, &value, 8, NULL),
				  S_OK);
			EXPECT_EQ(value, one);
		} else {
			EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, one, 8),
				  E_INVALIDARG);
		}
	}
	destroy();
}

static void property_lists_cannot_be_read(void)
{
	uint64_t value[8];

	create();
	EXPECT_HR(get(WHvPartitionPropertyCodeCpuidExitList, value, 64, NULL), 0x80070032u);
	EXPECT_HR(get(WHvPartitionPropertyCodeCpuidResultList, value, 64, NULL), 0x80070032u);
	destroy();
}

static void property_cpuid_exit_list_is_whole_elements(void)
{
	uint32_t list[65] = { 1, 2, 3 };

	create();
	EXPECT_HR(
		WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeCpuidExitList, list, 12),
		S_OK);
	EXPECT_FAILED(WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeCpuidExitList,
					      list, 11));
	destroy();
}

static void property_null_buffers_are_refused(void)
{
	create();
	EXPECT_HR(WHvGetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, NULL,
					  4, NULL),
		  E_POINTER);
	EXPECT_HR(
		WHvSetPartitionProperty(partition, WHvPartitionPropertyCodeProcessorCount, NULL, 4),
		E_POINTER);
	destroy();
}

static void property_most_are_fixed_after_setup(void)
{
	create();
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 1, 4), S_OK);
	EXPECT_HR(WHvSetupPartition(partition), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeProcessorCount, 2, 4), E_INVALIDARG);
	EXPECT_HR(set(WhitPartitionPropertyCodeEmulation, 1, 4), E_INVALIDARG);
	EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, 1, 8), S_OK);
	EXPECT_HR(set(WHvPartitionPropertyCodeExtendedVmExits, 0, 8), S_OK);
	destroy();
}

static void property_emulation_has_two_bits(void)
{
	uint64_t value = 0;

	create();
	EXPECT_HR(set(WhitPartitionPropertyCodeEmulation, 3, 4), S_OK);
	EXPECT_HR(get(WhitPartitionPropertyCodeEmulation, &value, 4, NULL), S_OK);
	EXPECT_EQ((UINT32)value, 3);
	EXPECT_HR(set(WhitPartitionPropertyCodeEmulation, 4, 4), E_INVALIDARG);
	EXPECT_HR(set(WhitPartitionPropertyCodeEmulation, 0x80000000u, 4), E_INVALIDARG);
	destroy();
}

void property_checks(void)
{
	RUN(property_processor_count_is_kept);
	RUN(property_buffers_of_both_sdks_are_taken);
	RUN(property_processor_count_has_bounds);
	RUN(property_unknown_codes_are_refused);
	RUN(property_without_effect_is_refused);
	RUN(property_extended_exits_are_those_of_the_capability);
	RUN(property_lists_cannot_be_read);
	RUN(property_cpuid_exit_list_is_whole_elements);
	RUN(property_null_buffers_are_refused);
	RUN(property_most_are_fixed_after_setup);
	RUN(property_emulation_has_two_bits);
}
