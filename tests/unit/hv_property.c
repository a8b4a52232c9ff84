/* SPDX-License-Identifier: MIT */
/* hv/property.c and hv/capability.c. */
#include "tests/unit/hv_test.h"

#include "hv/cpuid.h"

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

	CHECK_EQ(get(handle, code, 48, &value), S_OK);
	CHECK_EQ(out_rdx, size);
	CHECK_EQ(value & mask, wanted);
	CHECK_EQ(value & ~mask, 0x5a5a5a5a5a5a5a5aull & ~mask); /* and no byte more */
	CHECK_EQ(get(handle, code, size, &value), S_OK);
	CHECK_EQ(get(handle, code, size - 1, &value), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(out_rdx, size);
	CHECK_EQ(value, 0x5a5a5a5a5a5a5a5aull);
}

static void properties_take_and_give(void)
{
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	check_reads(handle, P(ProcessorCount), 4, 0);
	check_reads(handle, P(ExtendedVmExits), 8, 0);
	check_reads(handle, P(LocalApicEmulationMode), 4, 0);
	check_reads(handle, WhitPartitionPropertyCodeEmulation, 4, 0);
	CHECK_EQ(set_property(handle, P(ProcessorCount), 0, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, P(ProcessorCount), WHIT_MAX_VPS + 1, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, P(ProcessorCount), 3, 3), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(set_property(handle, P(ProcessorCount), 3, 48), S_OK); /* larger is no error */
	check_reads(handle, P(ProcessorCount), 4, 3);
	CHECK_EQ(set_property(handle, P(ProcessorCount), 0xdeadbeef00000002ull, 4), S_OK);
	check_reads(handle, P(ProcessorCount), 4, 2);
	CHECK_EQ(set_property(handle, P(ExtendedVmExits), 1, 8), S_OK);
	check_reads(handle, P(ExtendedVmExits), 8, 1);
	for (unsigned int bit = 1; bit < 64; bit++)
		CHECK_EQ(set_property(handle, P(ExtendedVmExits), 1ull << bit, 8), E_INVALIDARG);
	check_reads(handle, P(ExtendedVmExits), 8, 1);
	CHECK_EQ(set_property(handle, P(LocalApicEmulationMode), 0, 4), S_OK);
	CHECK_EQ(set_property(handle, P(LocalApicEmulationMode), 1, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, P(LocalApicEmulationMode), 2, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, WhitPartitionPropertyCodeEmulation, 3, 4), S_OK);
	CHECK_EQ(set_property(handle, WhitPartitionPropertyCodeEmulation, 4, 4), E_INVALIDARG);
	check_reads(handle, WhitPartitionPropertyCodeEmulation, 4, 3);
	CHECK(partition_emulates(partition_of(handle), WHIT_EMULATE_MEMORY));
	delete_all(handle);
	check_clean();
}

static void lists_are_set_whole_and_never_read(void)
{
	uint64_t handle, value;
	uint32_t *list;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	list = at(buffer);
	for (uint32_t i = 0; i < 65; i++)
		list[i] = 0x100 + i;
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), buffer, 12), S_OK);
	CHECK_EQ(partition_of(handle)->properties.n_cpuid_exits, 3);
	CHECK_EQ(partition_of(handle)->properties.cpuid_exits[2], 0x102);
	CHECK_EQ(partition_of(handle)->properties.cpuid_exits[3], 0);
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), buffer, 13), E_INVALIDARG);
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), buffer, 260), E_INVALIDARG);
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), buffer, 256), S_OK);
	CHECK_EQ(partition_of(handle)->properties.cpuid_exits[63], 0x13f);
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), buffer, 0), S_OK);
	CHECK_EQ(partition_of(handle)->properties.n_cpuid_exits, 0);
	CHECK_EQ(get(handle, P(CpuidExitList), 48, &value), 0x80070032);
	CHECK_EQ(get(handle, P(CpuidResultList), 48, &value), 0x80070032);
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidResultList), buffer, 32),
		 WHV_E_UNKNOWN_PROPERTY);
	delete_all(handle);
	check_clean();
}

static void what_has_no_effect_is_unknown(void)
{
	static const uint32_t have[] = { 0x1, 0x1003, 0x1004, 0x1005, 0x1fff };
	uint64_t handle, value;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = created(8);
	for (uint32_t code = 0; code < 0x2100; code++) {
		bool has = false;

		for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++)
			has |= have[i] == code;
		if (has)
			continue;
		CHECK_EQ(get(handle, code, 48, &value), WHV_E_UNKNOWN_PROPERTY);
		CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, code, buffer, 48),
			 WHV_E_UNKNOWN_PROPERTY);
	}
	CHECK_EQ(CALL(WHIT_CALL_GET_PROPERTY, handle, 1ull << 32 | P(ProcessorCount), buffer, 48),
		 WHV_E_UNKNOWN_PROPERTY);
	delete_all(handle);
	check_clean();
}

static void after_setup_only_late_ones(void)
{
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	handle = set_up(8, 1);
	CHECK_EQ(set_property(handle, P(ProcessorCount), 1, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, P(LocalApicEmulationMode), 0, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, WhitPartitionPropertyCodeEmulation, 0, 4), E_INVALIDARG);
	CHECK_EQ(set_property(handle, P(ExtendedVmExits), 1, 8), S_OK);
	CHECK_EQ(set_property(handle, P(CpuidExitList), 1, 4), S_OK);
	check_reads(handle, P(ProcessorCount), 4, 1);
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
		CHECK_EQ(CALL(code, handle, P(ExtendedVmExits), buffer + 4, 8), E_POINTER);
		CHECK_EQ(CALL(code, handle, P(ExtendedVmExits), BLOCK_BASE, 8), E_POINTER);
		CHECK_EQ(CALL(code, handle, P(ExtendedVmExits), 0, 8), E_POINTER);
		CHECK_EQ(CALL(code, handle, P(ExtendedVmExits), ~7ull, 8), E_POINTER);
		CHECK_EQ(CALL(code, 1, P(ExtendedVmExits), buffer, 8), E_INVALIDARG);
	}
	CHECK_EQ(CALL(WHIT_CALL_SET_PROPERTY, handle, P(CpuidExitList), BLOCK_BASE, 8), E_POINTER);
	delete_all(handle);
	check_clean();
}

static uint64_t capability(uint32_t code, uint64_t size)
{
	uint64_t value = 0;

	memset(at(buffer), 0x5a, 64);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, 24), S_OK);
	CHECK_EQ(out_rdx, size);
	CHECK_EQ(((uint8_t *)at(buffer))[size], 0x5a);
	memcpy(&value, at(buffer), size < 8 ? size : 8);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, size), S_OK);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, buffer, size - 1), WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(out_rdx, size);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, code, BLOCK_BASE, size), E_POINTER);
	return value;
}

static void capabilities(void)
{
	WHV_PROCESSOR_FEATURES_BANKS banks;
	uint64_t handle;

	machine(256 * MIB);
	buffer = test_pages(1);
	CHECK_EQ(capability(C(HypervisorPresent), 4), 1);
	CHECK_EQ(capability(C(Features), 8), 9); /* PartialUnmap, DirtyPageTracking */
	CHECK_EQ(capability(C(ExtendedVmExits), 8), 1);
	CHECK_EQ(capability(C(ExceptionExitBitmap), 8), 0);
	CHECK_EQ(capability(C(X64MsrExitBitmap), 8), 0);
	CHECK_EQ(capability(C(ProcessorVendor), 4), WHvProcessorVendorIntel);
	CHECK_EQ(capability(C(ProcessorClFlushSize), 1), 6);
	CHECK_EQ(capability(C(ProcessorXsaveFeatures), 8), 0);
	CHECK_EQ(capability(C(ProcessorClockFrequency), 8), 2000000000);
	CHECK_EQ(capability(C(InterruptClockFrequency), 8), 0);
	CHECK_EQ(capability(C(PhysicalAddressWidth), 4), 40);
	CHECK_EQ(capability(C(ProcessorFeaturesBanks), 24), 2);
	memcpy(&banks, at(buffer), sizeof(banks));
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, C(ProcessorFeaturesBanks), buffer, 24), S_OK);
	memcpy(&banks, at(buffer), sizeof(banks));
	CHECK_EQ(banks.BanksCount, 2);
	CHECK_EQ(banks.Bank0.AsUINT64, capability(C(ProcessorFeatures), 8));
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, 7, buffer, 24), WHV_E_UNKNOWN_CAPABILITY);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, C(VmxBasic), buffer, 24), WHV_E_UNKNOWN_CAPABILITY);
	CHECK_EQ(CALL(WHIT_CALL_GET_CAPABILITY, 1ull << 32, buffer, 24), WHV_E_UNKNOWN_CAPABILITY);
	/* What is claimed is what CPUID shows to a child; a few that the fake machine has. */
	handle = set_up(32, 1);
	CHECK_EQ(CALL(WHIT_CALL_CREATE_VP, handle, 0, 0, test_pages(1)), S_OK);
	{
		struct vp *vp = vp_of(handle, 0);
		const uint32_t ecx = cpuid_child(vp, 1, 0).ecx, ebx7 = cpuid_child(vp, 7, 0).ebx;

		CHECK_EQ(banks.Bank0.Sse3Support, ecx & 1);
		CHECK_EQ(banks.Bank0.PopCntSupport, ecx >> 23 & 1);
		CHECK_EQ(banks.Bank0.MovbeSupport, ecx >> 22 & 1);
		CHECK_EQ(banks.Bank0.PcidSupport, ecx >> 17 & 1);
		CHECK_EQ(banks.Bank0.F16CSupport, ecx >> 29 & 1);
		CHECK_EQ(banks.Bank0.SmepSupport, ebx7 >> 7 & 1);
		CHECK_EQ(banks.Bank0.InvpcidSupport, ebx7 >> 10 & 1);
		CHECK_EQ(banks.Bank0.Page1GbSupport, cpuid_child(vp, 0x80000001, 0).edx >> 26 & 1);
		CHECK_EQ(banks.Bank0.RdtscpSupport, cpuid_child(vp, 0x80000001, 0).edx >> 27 & 1);
		CHECK_EQ(banks.Bank1.TscDeadlineTmrSupport, ecx >> 24 & 1);
		CHECK(banks.Bank0.Sse4_2Support && banks.Bank0.AesSupport);
	}
	delete_all(handle);
	check_clean();
}

int main(void)
{
	static const struct test tests[] = {
		TEST(properties_take_and_give),
		TEST(lists_are_set_whole_and_never_read),
		TEST(what_has_no_effect_is_unknown),
		TEST(after_setup_only_late_ones),
		TEST(property_buffers),
		TEST(capabilities),
	};

	return RUN(tests);
}
