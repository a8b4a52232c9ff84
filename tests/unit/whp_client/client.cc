// SPDX-License-Identifier: MIT
/*
 * A client of WHP as people write them in C++: the SDK's names of the headers, flags that are joined by operators,
 * callbacks of the emulator that are static functions. It is compiled and not run; run says with what.
 */
#include <winhvplatform.h>
#include <winhvplatformdefs.h>
#include <winhvemulation.h>

namespace {

class Machine {
public:
	explicit Machine(UINT32 processors) : processors_(processors)
	{
	}
	~Machine()
	{
		if (emulator_)
			(void)WHvEmulatorDestroyEmulator(emulator_);
		if (partition_)
			(void)WHvDeletePartition(partition_);
	}
	Machine(const Machine &) = delete;
	Machine &operator=(const Machine &) = delete;

	HRESULT open(void *ram, UINT64 bytes, bool is_rom);
	HRESULT run(UINT32 index);

private:
	static HRESULT CALLBACK port(VOID *, WHV_EMULATOR_IO_ACCESS_INFO *access);
	static HRESULT CALLBACK memory(VOID *, WHV_EMULATOR_MEMORY_ACCESS_INFO *access);
	static HRESULT CALLBACK get(VOID *context, const WHV_REGISTER_NAME *names, UINT32 count,
				    WHV_REGISTER_VALUE *values);
	static HRESULT CALLBACK set(VOID *context, const WHV_REGISTER_NAME *names, UINT32 count,
				    const WHV_REGISTER_VALUE *values);
	static HRESULT CALLBACK translate(VOID *context, WHV_GUEST_VIRTUAL_ADDRESS gva,
					  WHV_TRANSLATE_GVA_FLAGS flags,
					  WHV_TRANSLATE_GVA_RESULT_CODE *result,
					  WHV_GUEST_PHYSICAL_ADDRESS *gpa);

	UINT32 processors_;
	WHV_PARTITION_HANDLE partition_ = nullptr;
	WHV_EMULATOR_HANDLE emulator_ = nullptr;
};

HRESULT Machine::port(VOID *, WHV_EMULATOR_IO_ACCESS_INFO *access)
{
	if (!access->Direction)
		access->Data = ~0u;
	return S_OK;
}

HRESULT Machine::memory(VOID *, WHV_EMULATOR_MEMORY_ACCESS_INFO *access)
{
	return access->AccessSize <= sizeof(access->Data) ? S_OK : E_INVALIDARG;
}

HRESULT Machine::get(VOID *context, const WHV_REGISTER_NAME *names, UINT32 count,
		     WHV_REGISTER_VALUE *values)
{
	return WHvGetVirtualProcessorRegisters(static_cast<Machine *>(context)->partition_, 0,
					       names, count, values);
}

HRESULT Machine::set(VOID *context, const WHV_REGISTER_NAME *names, UINT32 count,
		     const WHV_REGISTER_VALUE *values)
{
	return WHvSetVirtualProcessorRegisters(static_cast<Machine *>(context)->partition_, 0,
					       names, count, values);
}

HRESULT Machine::translate(VOID *context, WHV_GUEST_VIRTUAL_ADDRESS gva,
			   WHV_TRANSLATE_GVA_FLAGS flags, WHV_TRANSLATE_GVA_RESULT_CODE *result,
			   WHV_GUEST_PHYSICAL_ADDRESS *gpa)
{
	WHV_TRANSLATE_GVA_RESULT answer = {};
	const HRESULT hr = WHvTranslateGva(static_cast<Machine *>(context)->partition_, 0, gva,
					   flags | WHvTranslateGvaFlagSetPageTableBits, &answer,
					   gpa);

	*result = answer.ResultCode;
	return hr;
}

HRESULT Machine::open(void *ram, UINT64 bytes, bool is_rom)
{
	WHV_MAP_GPA_RANGE_FLAGS flags = WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagExecute;
	WHV_PARTITION_PROPERTY property = {};
	WHV_EMULATOR_CALLBACKS callbacks = {};
	HRESULT hr = WHvCreatePartition(&partition_);

	if (FAILED(hr))
		return hr;
	property.ProcessorCount = processors_;
	hr = WHvSetPartitionProperty(partition_, WHvPartitionPropertyCodeProcessorCount, &property,
				     sizeof(property.ProcessorCount));
	if (FAILED(hr))
		return hr;
	hr = WHvSetupPartition(partition_);
	if (FAILED(hr))
		return hr;
	flags |= WHvMapGpaRangeFlagWrite | WHvMapGpaRangeFlagTrackDirtyPages;
	if (is_rom)
		flags &= ~WHvMapGpaRangeFlagWrite;
	flags ^= WHvMapGpaRangeFlagTrackDirtyPages;
	hr = WHvMapGpaRange(partition_, ram, 0, bytes, flags);
	if (FAILED(hr))
		return hr;
	callbacks.Size = sizeof(callbacks);
	callbacks.WHvEmulatorIoPortCallback = port;
	callbacks.WHvEmulatorMemoryCallback = memory;
	callbacks.WHvEmulatorGetVirtualProcessorRegisters = get;
	callbacks.WHvEmulatorSetVirtualProcessorRegisters = set;
	callbacks.WHvEmulatorTranslateGvaPage = translate;
	return WHvEmulatorCreateEmulator(&callbacks, &emulator_);
}

HRESULT Machine::run(UINT32 index)
{
	WHV_RUN_VP_EXIT_CONTEXT exit = {};
	WHV_EMULATOR_STATUS status = {};
	HRESULT hr = WHvRunVirtualProcessor(partition_, index, &exit, sizeof(exit));

	if (FAILED(hr))
		return hr;
	switch (exit.ExitReason) {
	case WHvRunVpExitReasonMemoryAccess:
		hr = WHvEmulatorTryMmioEmulation(emulator_, this, &exit.VpContext,
						 &exit.MemoryAccess, &status);
		break;
	case WHvRunVpExitReasonX64IoPortAccess:
		hr = WHvEmulatorTryIoEmulation(emulator_, this, &exit.VpContext,
					       &exit.IoPortAccess, &status);
		break;
	case WHvRunVpExitReasonX64Halt: return HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
	default: return E_FAIL;
	}
	return SUCCEEDED(hr) && status.EmulationSuccessful ? S_OK : E_FAIL;
}

/* What DEFINE_ENUM_FLAG_OPERATORS gives, of every enumeration that the SDK gives it to. */
template <typename Flags> bool has_operators(Flags a, Flags b)
{
	Flags joined = a | b;
	Flags common = a & b;
	const Flags either = a ^ b;
	Flags *same = &(joined |= a);

	same = &(*same &= ~b);
	same = &(*same ^= common);
	return same == &joined && (either | common) == (a | b) && !(joined & b & ~b);
}

/* The first ones are good for constants too; MinGW-w64's are not yet. */
#ifndef _WIN32
static_assert((WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite) == 3, "joined");
static_assert((WHvMapGpaRangeFlagRead & WHvMapGpaRangeFlagWrite) == WHvMapGpaRangeFlagNone, "met");
static_assert((WHvMapGpaRangeFlagRead ^ WHvMapGpaRangeFlagRead) == 0, "taken away");
#endif

} // namespace

int main(int, char **argv)
{
	Machine machine(1);
	const bool all =
		has_operators(WHvX64CpuidResult2FlagSubleafSpecific,
			      WHvX64CpuidResult2FlagVpSpecific) &&
		has_operators(WHvMapGpaRangeFlagRead, WHvMapGpaRangeFlagTrackDirtyPages) &&
		has_operators(WHvTranslateGvaFlagValidateRead, WHvTranslateGvaFlagOverrideSmap) &&
		has_operators(WHvAllocateVpciResourceFlagNone,
			      WHvAllocateVpciResourceFlagAllowDirectP2P) &&
		has_operators(WHvCreateVpciDeviceFlagPhysicallyBacked,
			      WHvCreateVpciDeviceFlagUseLogicalInterrupts) &&
		has_operators(WHvVpciMmioRangeFlagReadAccess, WHvVpciMmioRangeFlagWriteAccess) &&
		has_operators(WHvVpciInterruptTargetFlagNone, WHvVpciInterruptTargetFlagMulticast);

	return all && SUCCEEDED(machine.open(argv, 4096, false)) && machine.run(0) == S_OK ? 0 : 1;
}
