// SPDX-License-Identifier: MIT
/* WHvGetCapability. */
#include "tests/system/apps/conformance/check.h"

#include <stddef.h>

#include "whp/WinHvPlatform.h"

static void capability_says_that_a_hypervisor_is_present(void)
{
	WHV_CAPABILITY value = { .HypervisorPresent = 0 };
	UINT32 written = 0;

	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeHypervisorPresent, &value, sizeof(value),
				  &written),
		 S_OK);
	CHECK_EQ(value.HypervisorPresent, 1);
	CHECK_EQ(written, 4);
}

static const struct {
	WHV_CAPABILITY_CODE code;
	UINT32 n_bytes;
} sizes[] = {
	{ WHvCapabilityCodeHypervisorPresent, 4 },
	{ WHvCapabilityCodeFeatures, 8 },
	{ WHvCapabilityCodeExtendedVmExits, 8 },
	{ WHvCapabilityCodeExceptionExitBitmap, 8 },
	{ WHvCapabilityCodeX64MsrExitBitmap, 8 },
	{ WHvCapabilityCodeGpaRangePopulateFlags, 4 },
	{ WHvCapabilityCodeSchedulerFeatures, 8 },
	{ WHvCapabilityCodeProcessorVendor, 4 },
	{ WHvCapabilityCodeProcessorFeatures, 8 },
	{ WHvCapabilityCodeProcessorClFlushSize, 1 },
	{ WHvCapabilityCodeProcessorXsaveFeatures, 8 },
	{ WHvCapabilityCodeProcessorClockFrequency, 8 },
	{ WHvCapabilityCodeInterruptClockFrequency, 8 },
	{ WHvCapabilityCodeProcessorFeaturesBanks, 24 },
	{ WHvCapabilityCodeProcessorFrequencyCap, 20 },
	{ WHvCapabilityCodeSyntheticProcessorFeaturesBanks, 16 },
	{ WHvCapabilityCodeProcessorPerfmonFeatures, 8 },
	{ WHvCapabilityCodePhysicalAddressWidth, 4 },
};

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void capability_values_have_their_exact_size(void)
{
	uint8_t buffer[64];
	UINT32 written;

	for (size_t i = 0; i < N_SIZES; i++) {
		for (size_t j = 0; j < sizeof(buffer); j++)
			buffer[j] = 0x5a;
		written = 0;
		CHECK_EQ(WHvGetCapability(sizes[i].code, buffer, sizeof(buffer), &written), S_OK);
		CHECK_EQ(written, sizes[i].n_bytes);
		for (size_t j = written; j < sizeof(buffer); j++)
			CHECK_EQ(buffer[j], 0x5a);
		/* Exactly enough, at an odd address, without the optional pointer. */
		CHECK_EQ(WHvGetCapability(sizes[i].code, buffer + 1, sizes[i].n_bytes, NULL), S_OK);
	}
}

static void capability_buffer_too_short_is_refused(void)
{
	uint8_t buffer[64];
	UINT32 written;

	for (size_t i = 0; i < N_SIZES; i++) {
		for (size_t j = 0; j < sizeof(buffer); j++)
			buffer[j] = 0x5a;
		CHECK_EQ(WHvGetCapability(sizes[i].code, buffer, sizes[i].n_bytes - 1, &written),
			 WHV_E_INSUFFICIENT_BUFFER);
		for (size_t j = 0; j < sizeof(buffer); j++)
			CHECK_EQ(buffer[j], 0x5a);
	}
}

static void capability_unknown_codes_are_refused(void)
{
	static const UINT32 codes[] = { 7, 0x7777, 0x0fff, 0x100b, 0x1fff, 0x2000, 0xffffffff };
	uint64_t buffer[8];
	UINT32 written;

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		CHECK_EQ(WHvGetCapability((WHV_CAPABILITY_CODE)codes[i], buffer, sizeof(buffer),
					  &written),
			 WHV_E_UNKNOWN_CAPABILITY);
}

static void capability_null_buffer_is_refused(void)
{
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeFeatures, NULL, 8, NULL), E_POINTER);
}

/* What has been promised must be there: the claims are what clients choose their ways by. */
static void capability_claims_are_sensible(void)
{
	WHV_CAPABILITY value = { .Features = { .AsUINT64 = 0 } };

	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeFeatures, &value, 8, NULL), S_OK);
	CHECK_EQ(value.Features.PartialUnmap, 1);
	CHECK_EQ(value.Features.LocalApicEmulation, 1);
	CHECK_EQ(value.Features.Xsave, 1);
	CHECK_EQ(value.Features.VirtualPciDeviceSupport, 0);
	CHECK_EQ(value.Features.DirtyPageTracking, 1);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeProcessorVendor, &value, 8, NULL), S_OK);
	CHECK(value.ProcessorVendor == WHvProcessorVendorIntel ||
	      value.ProcessorVendor == WHvProcessorVendorAmd);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodePhysicalAddressWidth, &value, 8, NULL), S_OK);
	CHECK(value.PhysicalAddressWidth >= 32 && value.PhysicalAddressWidth <= 52);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeProcessorClFlushSize, &value, 8, NULL), S_OK);
	CHECK_EQ(value.ProcessorClFlushSize, 6);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeProcessorFeaturesBanks, &value, 24, NULL), S_OK);
	CHECK_EQ(value.ProcessorFeaturesBanks.BanksCount, 2);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeInterruptClockFrequency, &value, 8, NULL), S_OK);
	CHECK(value.InterruptClockFrequency != 0);
	/* Nothing of Hyper-V's own interface for guests. */
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeSyntheticProcessorFeaturesBanks, &value, 16,
				  NULL),
		 S_OK);
	CHECK_EQ(value.SyntheticProcessorFeaturesBanks.Bank0.AsUINT64, 0);
}

/* Every exit of the reference but SynIC's and devices'; every exception that a guest can raise, not NMI nor #MC. */
static void capability_exits_are_those_that_exist(void)
{
	WHV_CAPABILITY value = { .ExtendedVmExits = { .AsUINT64 = 0 } };

	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeExtendedVmExits, &value, 8, NULL), S_OK);
	CHECK_EQ(value.ExtendedVmExits.AsUINT64 & 0x33ff, 0x33ff);
	CHECK_EQ(value.ExtendedVmExits.UnknownSynicConnection, 0);
	CHECK_EQ(value.ExtendedVmExits.RetargetUnknownVpciDevice, 0);
	CHECK_EQ(value.ExtendedVmExits.Reserved, 0);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeExceptionExitBitmap, &value, 8, NULL), S_OK);
	CHECK_EQ(value.ExceptionExitBitmap & 0xb7dfb, 0xb7dfb & ~(1ull << 18));
	CHECK_EQ(value.ExceptionExitBitmap >> 32, 0);
	CHECK_EQ(value.ExceptionExitBitmap & 1 << 2, 0);
	CHECK_EQ(WHvGetCapability(WHvCapabilityCodeX64MsrExitBitmap, &value, 8, NULL), S_OK);
	CHECK_EQ(value.X64MsrExitBitmap.AsUINT64, 0x3f);
}

void capability_checks(void)
{
	static const struct test tests[] = {
		TEST(capability_says_that_a_hypervisor_is_present),
		TEST(capability_values_have_their_exact_size),
		TEST(capability_buffer_too_short_is_refused),
		TEST(capability_unknown_codes_are_refused),
		TEST(capability_null_buffer_is_refused),
		TEST(capability_claims_are_sensible),
		TEST(capability_exits_are_those_that_exist),
	};

	RUN(tests);
}
