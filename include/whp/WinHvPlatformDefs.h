/* SPDX-License-Identifier: MIT */
/*
 * WHP: the whole of the contract's types. Partitions, virtual processors and their counters here;
 * every other noun in the header of its name, included below.
 *
 * Owns: the partition handle, partition and VP properties, state types, counter sets.
 * Invariants: names, numbers and layouts are those of the Windows SDK for x86-64; the test
 * tests/unit/whp_headers compares them with Debian's MinGW-w64 headers. Records may grow at their
 * end in later revisions, so functions take a size and obey it.
 */
#ifndef WHP_WINHVPLATFORMDEFS_H
#define WHP_WINHVPLATFORMDEFS_H

#include "WinHvCapabilities.h"
#include "WinHvEvents.h"
#include "WinHvExits.h"
#include "WinHvMemory.h"
#include "WinHvNested.h"
#include "WinHvRegisterNames.h"
#include "WinHvRegisters.h"
#include "WinHvVpci.h"
#include "WinTypes.h"

/* Opaque; valid in the process that created it. */
typedef VOID *WHV_PARTITION_HANDLE;

typedef enum WHV_PARTITION_PROPERTY_CODE {
	/* of the partition */
	WHvPartitionPropertyCodeExtendedVmExits = 0x0001,
	WHvPartitionPropertyCodeExceptionExitBitmap = 0x0002,
	WHvPartitionPropertyCodeSeparateSecurityDomain = 0x0003,
	WHvPartitionPropertyCodeNestedVirtualization = 0x0004,
	WHvPartitionPropertyCodeX64MsrExitBitmap = 0x0005,
	WHvPartitionPropertyCodePrimaryNumaNode = 0x0006,
	WHvPartitionPropertyCodeCpuReserve = 0x0007,
	WHvPartitionPropertyCodeCpuCap = 0x0008,
	WHvPartitionPropertyCodeCpuWeight = 0x0009,
	WHvPartitionPropertyCodeCpuGroupId = 0x000A,
	WHvPartitionPropertyCodeProcessorFrequencyCap = 0x000B,
	WHvPartitionPropertyCodeAllowDeviceAssignment = 0x000C,
	WHvPartitionPropertyCodeDisableSmt = 0x000D,
	/* of its processors */
	WHvPartitionPropertyCodeProcessorFeatures = 0x1001,
	WHvPartitionPropertyCodeProcessorClFlushSize = 0x1002,
	WHvPartitionPropertyCodeCpuidExitList = 0x1003,
	WHvPartitionPropertyCodeCpuidResultList = 0x1004,
	WHvPartitionPropertyCodeLocalApicEmulationMode = 0x1005,
	WHvPartitionPropertyCodeProcessorXsaveFeatures = 0x1006,
	WHvPartitionPropertyCodeProcessorClockFrequency = 0x1007,
	WHvPartitionPropertyCodeInterruptClockFrequency = 0x1008,
	WHvPartitionPropertyCodeApicRemoteReadSupport = 0x1009,
	WHvPartitionPropertyCodeProcessorFeaturesBanks = 0x100A,
	WHvPartitionPropertyCodeReferenceTime = 0x100B,
	WHvPartitionPropertyCodeSyntheticProcessorFeaturesBanks = 0x100C,
	WHvPartitionPropertyCodeCpuidResultList2 = 0x100D,
	WHvPartitionPropertyCodeProcessorPerfmonFeatures = 0x100E,
	WHvPartitionPropertyCodeMsrActionList = 0x100F,
	WHvPartitionPropertyCodeUnimplementedMsrAction = 0x1010,
	WHvPartitionPropertyCodePhysicalAddressWidth = 0x1011,
	WHvPartitionPropertyCodeProcessorCount = 0x1FFF,
} WHV_PARTITION_PROPERTY_CODE;
WHP_ASSERT_SIZE(WHV_PARTITION_PROPERTY_CODE, 4);

/* A fixed answer to one CPUID leaf; no exit. */
typedef struct WHV_X64_CPUID_RESULT {
	UINT32 Function;
	UINT32 Reserved[3];
	UINT32 Eax;
	UINT32 Ebx;
	UINT32 Ecx;
	UINT32 Edx;
} WHV_X64_CPUID_RESULT;
WHP_ASSERT_SIZE(WHV_X64_CPUID_RESULT, 32);
WHP_ASSERT_OFFSET(WHV_X64_CPUID_RESULT, Eax, 16);

/* Without a flag the entry holds for every subleaf, for every VP. */
typedef enum WHV_X64_CPUID_RESULT2_FLAGS {
	WHvX64CpuidResult2FlagSubleafSpecific = 0x1,
	WHvX64CpuidResult2FlagVpSpecific = 0x2,
} WHV_X64_CPUID_RESULT2_FLAGS;
WHP_ASSERT_SIZE(WHV_X64_CPUID_RESULT2_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_X64_CPUID_RESULT2_FLAGS)

typedef struct WHV_CPUID_OUTPUT {
	UINT32 Eax;
	UINT32 Ebx;
	UINT32 Ecx;
	UINT32 Edx;
} WHV_CPUID_OUTPUT;
WHP_ASSERT_SIZE(WHV_CPUID_OUTPUT, 16);

/* The bits of Mask come from Output, the others from what the VP would have answered. */
typedef struct WHV_X64_CPUID_RESULT2 {
	UINT32 Function;
	UINT32 Index;
	UINT32 VpIndex;
	WHV_X64_CPUID_RESULT2_FLAGS Flags;
	WHV_CPUID_OUTPUT Output;
	WHV_CPUID_OUTPUT Mask;
} WHV_X64_CPUID_RESULT2;
WHP_ASSERT_SIZE(WHV_X64_CPUID_RESULT2, 48);
WHP_ASSERT_OFFSET(WHV_X64_CPUID_RESULT2, Output, 16);

typedef enum WHV_MSR_ACTION {
	WHvMsrActionArchitectureDefault = 0,
	WHvMsrActionIgnoreWriteReadZero = 1,
	WHvMsrActionExit = 2,
} WHV_MSR_ACTION;
WHP_ASSERT_SIZE(WHV_MSR_ACTION, 4);

/* Index is the MSR; the actions are WHV_MSR_ACTION in a byte. */
typedef struct WHV_MSR_ACTION_ENTRY {
	UINT32 Index;
	UINT8 ReadAction;
	UINT8 WriteAction;
	UINT16 Reserved;
} WHV_MSR_ACTION_ENTRY;
WHP_ASSERT_SIZE(WHV_MSR_ACTION_ENTRY, 8);

/*
 * One property. The lists have as many elements as the size says. Clients pass the size of this
 * union (32 bytes in the first SDK, 48 now) for scalars too.
 */
typedef union WHV_PARTITION_PROPERTY {
	WHV_EXTENDED_VM_EXITS ExtendedVmExits;
	UINT64 ExceptionExitBitmap; /* bit n: vector n */
	BOOL SeparateSecurityDomain;
	BOOL NestedVirtualization;
	WHV_X64_MSR_EXIT_BITMAP X64MsrExitBitmap;
	UINT16 PrimaryNumaNode;
	UINT32 CpuReserve;
	UINT32 CpuCap;	  /* 0 to 0x10000 */
	UINT32 CpuWeight; /* 1 to 10000, 100 unless set */
	UINT64 CpuGroupId;
	UINT32 ProcessorFrequencyCap;
	BOOL AllowDeviceAssignment;
	BOOL DisableSmt;
	WHV_X64_PROCESSOR_FEATURES ProcessorFeatures;
	UINT8 ProcessorClFlushSize; /* log2 of bytes */
	UINT32 CpuidExitList[1];
	WHV_X64_CPUID_RESULT CpuidResultList[1];
	WHV_X64_LOCAL_APIC_EMULATION_MODE LocalApicEmulationMode;
	WHV_PROCESSOR_XSAVE_FEATURES ProcessorXsaveFeatures;
	UINT64 ProcessorClockFrequency; /* Hz */
	UINT64 InterruptClockFrequency; /* Hz */
	BOOL ApicRemoteRead;
	WHV_PROCESSOR_FEATURES_BANKS ProcessorFeaturesBanks;
	UINT64 ReferenceTime; /* 100 ns */
	WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS SyntheticProcessorFeaturesBanks;
	WHV_X64_CPUID_RESULT2 CpuidResultList2[1];
	WHV_PROCESSOR_PERFMON_FEATURES ProcessorPerfmonFeatures;
	WHV_MSR_ACTION_ENTRY MsrActionList[1];
	WHV_MSR_ACTION UnimplementedMsrAction;
	UINT32 PhysicalAddressWidth; /* bits */
	UINT32 ProcessorCount;
} WHV_PARTITION_PROPERTY;
WHP_ASSERT_SIZE(WHV_PARTITION_PROPERTY, 48);

typedef enum WHV_VIRTUAL_PROCESSOR_PROPERTY_CODE {
	WHvVirtualProcessorPropertyCodeNumaNode = 0,
} WHV_VIRTUAL_PROCESSOR_PROPERTY_CODE;
WHP_ASSERT_SIZE(WHV_VIRTUAL_PROCESSOR_PROPERTY_CODE, 4);

typedef struct WHV_VIRTUAL_PROCESSOR_PROPERTY {
	WHV_VIRTUAL_PROCESSOR_PROPERTY_CODE PropertyCode;
	UINT32 Reserved;
	union {
		UINT16 NumaNode;
		UINT64 Padding;
	};
} WHV_VIRTUAL_PROCESSOR_PROPERTY;
WHP_ASSERT_SIZE(WHV_VIRTUAL_PROCESSOR_PROPERTY, 16);

/* Kinds of WHvGetVirtualProcessorState. */
typedef enum WHV_VIRTUAL_PROCESSOR_STATE_TYPE {
	WHvVirtualProcessorStateTypeSynicMessagePage = 0x0000,
	WHvVirtualProcessorStateTypeSynicEventFlagPage = 0x0001,
	WHvVirtualProcessorStateTypeSynicTimerState = 0x0002,
	WHvVirtualProcessorStateTypeInterruptControllerState2 = 0x1000,
	WHvVirtualProcessorStateTypeXsaveState = 0x1001,
	WHvVirtualProcessorStateTypeNestedState = 0x1002,
} WHV_VIRTUAL_PROCESSOR_STATE_TYPE;
WHP_ASSERT_SIZE(WHV_VIRTUAL_PROCESSOR_STATE_TYPE, 4);

typedef enum WHV_PARTITION_COUNTER_SET {
	WHvPartitionCounterSetMemory = 0,
} WHV_PARTITION_COUNTER_SET;
WHP_ASSERT_SIZE(WHV_PARTITION_COUNTER_SET, 4);

/* Pages mapped into the partition, by the size of the mapping. */
typedef struct WHV_PARTITION_MEMORY_COUNTERS {
	UINT64 Mapped4KPageCount;
	UINT64 Mapped2MPageCount;
	UINT64 Mapped1GPageCount;
} WHV_PARTITION_MEMORY_COUNTERS;
WHP_ASSERT_SIZE(WHV_PARTITION_MEMORY_COUNTERS, 24);

typedef enum WHV_PROCESSOR_COUNTER_SET {
	WHvProcessorCounterSetRuntime = 0,
	WHvProcessorCounterSetIntercepts = 1,
	WHvProcessorCounterSetEvents = 2,
	WHvProcessorCounterSetApic = 3,
	WHvProcessorCounterSetSyntheticFeatures = 4,
} WHV_PROCESSOR_COUNTER_SET;
WHP_ASSERT_SIZE(WHV_PROCESSOR_COUNTER_SET, 4);

typedef struct WHV_PROCESSOR_RUNTIME_COUNTERS {
	UINT64 TotalRuntime100ns;
	UINT64 HypervisorRuntime100ns;
} WHV_PROCESSOR_RUNTIME_COUNTERS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_RUNTIME_COUNTERS, 16);

typedef struct WHV_PROCESSOR_INTERCEPT_COUNTER {
	UINT64 Count;
	UINT64 Time100ns;
} WHV_PROCESSOR_INTERCEPT_COUNTER;
WHP_ASSERT_SIZE(WHV_PROCESSOR_INTERCEPT_COUNTER, 16);

/* The SDK's headers give this type and the next another name than their tags; both stand. */
typedef struct WHV_PROCESSOR_INTERCEPT_COUNTERS {
	WHV_PROCESSOR_INTERCEPT_COUNTER PageInvalidations;
	WHV_PROCESSOR_INTERCEPT_COUNTER ControlRegisterAccesses;
	WHV_PROCESSOR_INTERCEPT_COUNTER IoInstructions;
	WHV_PROCESSOR_INTERCEPT_COUNTER HaltInstructions;
	WHV_PROCESSOR_INTERCEPT_COUNTER CpuidInstructions;
	WHV_PROCESSOR_INTERCEPT_COUNTER MsrAccesses;
	WHV_PROCESSOR_INTERCEPT_COUNTER OtherIntercepts;
	WHV_PROCESSOR_INTERCEPT_COUNTER PendingInterrupts;
	WHV_PROCESSOR_INTERCEPT_COUNTER EmulatedInstructions;
	WHV_PROCESSOR_INTERCEPT_COUNTER DebugRegisterAccesses;
	WHV_PROCESSOR_INTERCEPT_COUNTER PageFaultIntercepts;
	WHV_PROCESSOR_INTERCEPT_COUNTER NestedPageFaultIntercepts;
	WHV_PROCESSOR_INTERCEPT_COUNTER Hypercalls;
	WHV_PROCESSOR_INTERCEPT_COUNTER RdpmcInstructions;
} WHV_PROCESSOR_INTERCEPT_COUNTERS, WHV_PROCESSOR_ACTIVITY_COUNTERS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_INTERCEPT_COUNTERS, 224);

typedef struct WHV_PROCESSOR_EVENT_COUNTERS {
	UINT64 PageFaultCount;
	UINT64 ExceptionCount;
	UINT64 InterruptCount;
} WHV_PROCESSOR_EVENT_COUNTERS, WHV_PROCESSOR_GUEST_EVENT_COUNTERS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_EVENT_COUNTERS, 24);

typedef struct WHV_PROCESSOR_APIC_COUNTERS {
	UINT64 MmioAccessCount;
	UINT64 EoiAccessCount;
	UINT64 TprAccessCount;
	UINT64 SentIpiCount;
	UINT64 SelfIpiCount;
} WHV_PROCESSOR_APIC_COUNTERS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_APIC_COUNTERS, 40);

typedef struct WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS {
	UINT64 SyntheticInterruptsCount;
	UINT64 LongSpinWaitHypercallsCount;
	UINT64 OtherHypercallsCount;
	UINT64 SyntheticInterruptHypercallsCount;
	UINT64 VirtualInterruptHypercallsCount;
	UINT64 VirtualMmuHypercallsCount;
} WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_SYNTHETIC_FEATURES_COUNTERS, 48);

#endif /* WHP_WINHVPLATFORMDEFS_H */
