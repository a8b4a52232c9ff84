/* SPDX-License-Identifier: MIT */
/*
 * WHvGetCapability. What is said of the processor is what a child sees of it: the feature bits are
 * read off the CPUID model (hv/cpuid.c), row by row, so that the two cannot differ.
 */
#include "hv/buffer.h"
#include "hv/cpuid.h"
#include "hv/gpa.h"
#include "hv/hv.h"
#include "whp/WinHvCapabilities.h"
#include "x86/cpuid.h"

/* Bits of CPUID.1:EBX: the line size of CLFLUSH in units of 8 bytes. */
#define CLFLUSH_UNITS(ebx) (((ebx) >> 8) & 0xff)

/* A child has no clock of Whit's that ticks at another rate: the APIC is the client's. */
#define INTERRUPT_CLOCK_HZ 0ull

#define LEAF7_EDX_FSRM		 (1u << 4)
#define LEAF81_ECX_PREFETCHW	 (1u << 8)
#define LEAF87_EDX_INVARIANT_TSC (1u << 8)

enum { EAX, EBX, ECX, EDX };

struct feature {
	uint32_t leaf;
	uint8_t reg;
	uint8_t bit; /* of the capability's word */
	uint32_t mask;
};

/* WHV_PROCESSOR_FEATURES, bank 0. */
static const struct feature bank0[] = {
	{ 1, ECX, 0, CPUID1_ECX_SSE3 },
	{ 0x80000001u, ECX, 1, CPUID81_ECX_LAHF },
	{ 1, ECX, 2, CPUID1_ECX_SSSE3 },
	{ 1, ECX, 3, CPUID1_ECX_SSE41 },
	{ 1, ECX, 4, CPUID1_ECX_SSE42 },
	{ 1, ECX, 7, CPUID1_ECX_POPCNT },
	{ 1, ECX, 8, CPUID1_ECX_CX16 },
	{ 0x80000001u, ECX, 10, CPUID81_ECX_LZCNT },
	{ 0x80000001u, EDX, 15, CPUID81_EDX_1G },
	{ 1, ECX, 16, CPUID1_ECX_AES },
	{ 1, ECX, 17, CPUID1_ECX_PCLMULQDQ },
	{ 1, ECX, 18, CPUID1_ECX_PCID },
	{ 1, ECX, 20, CPUID1_ECX_F16C },
	{ 1, ECX, 21, CPUID1_ECX_RDRAND },
	{ 7, EBX, 22, CPUID7_EBX_FSGSBASE },
	{ 7, EBX, 23, CPUID7_EBX_SMEP },
	{ 7, EBX, 24, CPUID7_EBX_ERMS },
	{ 7, EBX, 25, CPUID7_EBX_BMI1 },
	{ 7, EBX, 26, CPUID7_EBX_BMI2 },
	{ 1, ECX, 29, CPUID1_ECX_MOVBE },
	{ 7, EBX, 32, CPUID7_EBX_RDSEED },
	{ 7, EBX, 33, CPUID7_EBX_ADX },
	{ 0x80000001u, ECX, 34, LEAF81_ECX_PREFETCHW },
	{ 7, EBX, 35, CPUID7_EBX_SMAP },
	{ 0x80000001u, EDX, 38, CPUID81_EDX_RDTSCP },
	{ 7, EBX, 39, CPUID7_EBX_CLFLUSHOPT },
	{ 7, EBX, 41, CPUID7_EBX_SHA },
	{ 7, EBX, 43, CPUID7_EBX_INVPCID },
	{ 7, EDX, 49, LEAF7_EDX_FSRM },
	{ 7, ECX, 58, CPUID7_ECX_UMIP },
};

/* Bank 1. */
static const struct feature bank1[] = {
	{ 0x80000007u, EDX, 1, LEAF87_EDX_INVARIANT_TSC },
	{ 7, ECX, 4, CPUID7_ECX_LA57 },
	{ 1, ECX, 17, CPUID1_ECX_TSCDL },
};

/* WHV_PROCESSOR_XSAVE_FEATURES. */
static const struct feature xsave[] = {
	{ 1, ECX, 0, CPUID1_ECX_XSAVE },
	{ 1, ECX, 2, CPUID1_ECX_AVX },
	{ 7, EBX, 3, CPUID7_EBX_AVX2 },
	{ 1, ECX, 4, CPUID1_ECX_FMA },
};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

/* CPUID of a child whose VP is of no matter. */
static struct x86_cpuid child_leaf(uint32_t leaf)
{
	static const struct vp any;

	return cpuid_child(&any, leaf, 0);
}

static uint64_t features(const struct feature *table, size_t n)
{
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++) {
		const struct x86_cpuid out = child_leaf(table[i].leaf);
		const uint32_t reg[4] = { out.eax, out.ebx, out.ecx, out.edx };

		if (reg[table[i].reg] & table[i].mask)
			word |= 1ull << table[i].bit;
	}
	return word;
}

static uint8_t clflush_size(void)
{
	const uint32_t bytes = CLFLUSH_UNITS(child_leaf(1).ebx) * 8;

	return bytes ? (uint8_t)__builtin_ctz(bytes) : 0;
}

/* The value and its size in bytes; 0: no such capability. */
static uint64_t value_of(uint64_t code, WHV_CAPABILITY *value)
{
	switch (code) {
	case WHvCapabilityCodeHypervisorPresent:
		value->HypervisorPresent = TRUE;
		return sizeof(value->HypervisorPresent);
	case WHvCapabilityCodeFeatures:
		value->Features.PartialUnmap = 1;
		value->Features.DirtyPageTracking = 1;
		return sizeof(value->Features);
	case WHvCapabilityCodeExtendedVmExits:
		value->ExtendedVmExits.X64CpuidExit = 1;
		return sizeof(value->ExtendedVmExits);
	case WHvCapabilityCodeExceptionExitBitmap: return sizeof(value->ExceptionExitBitmap);
	case WHvCapabilityCodeX64MsrExitBitmap: return sizeof(value->X64MsrExitBitmap);
	case WHvCapabilityCodeGpaRangePopulateFlags:
		value->GpaRangePopulateFlags.Prefetch = 1;
		value->GpaRangePopulateFlags.AvoidHardFaults = 1;
		return sizeof(value->GpaRangePopulateFlags);
	case WHvCapabilityCodeProcessorVendor:
		value->ProcessorVendor = (WHV_PROCESSOR_VENDOR)virt_machine.vendor;
		return sizeof(value->ProcessorVendor);
	case WHvCapabilityCodeProcessorFeatures:
		value->ProcessorFeatures.AsUINT64 = features(bank0, N_OF(bank0));
		return sizeof(value->ProcessorFeatures);
	case WHvCapabilityCodeProcessorClFlushSize:
		value->ProcessorClFlushSize = clflush_size();
		return sizeof(value->ProcessorClFlushSize);
	case WHvCapabilityCodeProcessorXsaveFeatures:
		value->ProcessorXsaveFeatures.AsUINT64 = features(xsave, N_OF(xsave));
		return sizeof(value->ProcessorXsaveFeatures);
	case WHvCapabilityCodeProcessorClockFrequency:
		value->ProcessorClockFrequency = hv.tsc_hz;
		return sizeof(value->ProcessorClockFrequency);
	case WHvCapabilityCodeInterruptClockFrequency:
		value->InterruptClockFrequency = INTERRUPT_CLOCK_HZ;
		return sizeof(value->InterruptClockFrequency);
	case WHvCapabilityCodeProcessorFeaturesBanks:
		value->ProcessorFeaturesBanks.BanksCount = WHV_PROCESSOR_FEATURES_BANKS_COUNT;
		value->ProcessorFeaturesBanks.Bank0.AsUINT64 = features(bank0, N_OF(bank0));
		value->ProcessorFeaturesBanks.Bank1.AsUINT64 = features(bank1, N_OF(bank1));
		return sizeof(value->ProcessorFeaturesBanks);
	case WHvCapabilityCodePhysicalAddressWidth:
		value->PhysicalAddressWidth = gpa_bits();
		return sizeof(value->PhysicalAddressWidth);
	default: return 0;
	}
}

uint32_t capability_get(uint64_t code, uint64_t buffer, uint64_t n_bytes, uint64_t *written)
{
	WHV_CAPABILITY value = { 0 };
	uint64_t size;

	value.ProcessorFeaturesBanks = (WHV_PROCESSOR_FEATURES_BANKS) { 0 };
	size = value_of(code, &value);
	if (!size)
		return RESULT(WHV_E_UNKNOWN_CAPABILITY);
	if (n_bytes < size) {
		*written = size;
		return RESULT(WHV_E_INSUFFICIENT_BUFFER);
	}
	if (!buffer_write(buffer, &value, size))
		return RESULT(E_POINTER);
	*written = size;
	return RESULT(S_OK);
}
