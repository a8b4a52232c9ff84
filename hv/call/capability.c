/* SPDX-License-Identifier: MIT */
/*
 * WHvGetCapability. The processor's features are those that a child can see: the bits are read off
 * the model (hv/cpu/model.c) that has everything, so that the two cannot differ.
 */
#include "hv/call/capability.h"

#include "hv/apic/apic.h"
#include "hv/mem/buffer.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "whp/WinHvCapabilities.h"

/* The value and its size in bytes; 0: no such capability. */
static uint64_t value_of(uint64_t code, WHV_CAPABILITY *value)
{
	switch (code) {
	case WHvCapabilityCodeHypervisorPresent:
		value->HypervisorPresent = TRUE;
		return sizeof(value->HypervisorPresent);
	case WHvCapabilityCodeFeatures:
		value->Features.PartialUnmap = 1;
		value->Features.LocalApicEmulation = 1;
		value->Features.Xsave = 1;
		value->Features.DirtyPageTracking = 1;
		value->Features.SpeculationControl = !!(model_most()->has & HAS_SPEC_CTRL);
		return sizeof(value->Features);
	case WHvCapabilityCodeExtendedVmExits:
		value->ExtendedVmExits.AsUINT64 = CAPABILITY_EXITS;
		return sizeof(value->ExtendedVmExits);
	case WHvCapabilityCodeExceptionExitBitmap:
		value->ExceptionExitBitmap = CAPABILITY_EXCEPTIONS;
		return sizeof(value->ExceptionExitBitmap);
	case WHvCapabilityCodeX64MsrExitBitmap:
		value->X64MsrExitBitmap.AsUINT64 = CAPABILITY_MSRS;
		return sizeof(value->X64MsrExitBitmap);
	case WHvCapabilityCodeGpaRangePopulateFlags:
		value->GpaRangePopulateFlags.Prefetch = 1;
		value->GpaRangePopulateFlags.AvoidHardFaults = 1;
		return sizeof(value->GpaRangePopulateFlags);
	case WHvCapabilityCodeSchedulerFeatures: return sizeof(value->SchedulerFeatures);
	case WHvCapabilityCodeProcessorVendor:
		value->ProcessorVendor = (WHV_PROCESSOR_VENDOR)virt_machine.vendor;
		return sizeof(value->ProcessorVendor);
	case WHvCapabilityCodeProcessorFeatures:
		value->ProcessorFeatures.AsUINT64 = model_limit(0);
		return sizeof(value->ProcessorFeatures);
	case WHvCapabilityCodeProcessorClFlushSize:
		value->ProcessorClFlushSize = model_clflush_size(model_most());
		return sizeof(value->ProcessorClFlushSize);
	case WHvCapabilityCodeProcessorXsaveFeatures:
		value->ProcessorXsaveFeatures.AsUINT64 = model_limit(MODEL_XSAVE_WORD);
		return sizeof(value->ProcessorXsaveFeatures);
	case WHvCapabilityCodeProcessorClockFrequency:
		value->ProcessorClockFrequency = hv.tsc_hz;
		return sizeof(value->ProcessorClockFrequency);
	case WHvCapabilityCodeInterruptClockFrequency:
		value->InterruptClockFrequency = APIC_CLOCK_HZ;
		return sizeof(value->InterruptClockFrequency);
	case WHvCapabilityCodeProcessorFeaturesBanks:
		value->ProcessorFeaturesBanks.BanksCount = WHV_PROCESSOR_FEATURES_BANKS_COUNT;
		value->ProcessorFeaturesBanks.Bank0.AsUINT64 = model_limit(0);
		value->ProcessorFeaturesBanks.Bank1.AsUINT64 = model_limit(1);
		return sizeof(value->ProcessorFeaturesBanks);
	case WHvCapabilityCodeProcessorFrequencyCap: return sizeof(value->ProcessorFrequencyCap);
	case WHvCapabilityCodeSyntheticProcessorFeaturesBanks:
		value->SyntheticProcessorFeaturesBanks.BanksCount =
			WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS_COUNT;
		return sizeof(value->SyntheticProcessorFeaturesBanks);
	case WHvCapabilityCodeProcessorPerfmonFeatures:
		return sizeof(value->ProcessorPerfmonFeatures);
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
