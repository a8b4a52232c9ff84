/* SPDX-License-Identifier: MIT */
/*
 * WHP: what a host can do. Capability codes, feature banks, and the value of WHvGetCapability.
 *
 * Owns: the records that say which processor and platform features exist; partition properties
 * reuse them as masks. The two banks of processor features name instructions and processor
 * behaviour; a clear bit hides the feature from CPUID of the partition.
 */
#ifndef WHP_WINHVCAPABILITIES_H
#define WHP_WINHVCAPABILITIES_H

#include "WinHvMemory.h"

typedef enum WHV_CAPABILITY_CODE {
	/* of the platform */
	WHvCapabilityCodeHypervisorPresent = 0x0000,
	WHvCapabilityCodeFeatures = 0x0001,
	WHvCapabilityCodeExtendedVmExits = 0x0002,
	WHvCapabilityCodeExceptionExitBitmap = 0x0003,
	WHvCapabilityCodeX64MsrExitBitmap = 0x0004,
	WHvCapabilityCodeGpaRangePopulateFlags = 0x0005,
	WHvCapabilityCodeSchedulerFeatures = 0x0006,
	/* of the processor */
	WHvCapabilityCodeProcessorVendor = 0x1000,
	WHvCapabilityCodeProcessorFeatures = 0x1001,
	WHvCapabilityCodeProcessorClFlushSize = 0x1002,
	WHvCapabilityCodeProcessorXsaveFeatures = 0x1003,
	WHvCapabilityCodeProcessorClockFrequency = 0x1004,
	WHvCapabilityCodeInterruptClockFrequency = 0x1005,
	WHvCapabilityCodeProcessorFeaturesBanks = 0x1006,
	WHvCapabilityCodeProcessorFrequencyCap = 0x1007,
	WHvCapabilityCodeSyntheticProcessorFeaturesBanks = 0x1008,
	WHvCapabilityCodeProcessorPerfmonFeatures = 0x1009,
	WHvCapabilityCodePhysicalAddressWidth = 0x100A,
	/* images of the VMX capability MSRs, for guests that run guests */
	WHvCapabilityCodeVmxBasic = 0x2000,
	WHvCapabilityCodeVmxPinbasedCtls = 0x2001,
	WHvCapabilityCodeVmxProcbasedCtls = 0x2002,
	WHvCapabilityCodeVmxExitCtls = 0x2003,
	WHvCapabilityCodeVmxEntryCtls = 0x2004,
	WHvCapabilityCodeVmxMisc = 0x2005,
	WHvCapabilityCodeVmxCr0Fixed0 = 0x2006,
	WHvCapabilityCodeVmxCr0Fixed1 = 0x2007,
	WHvCapabilityCodeVmxCr4Fixed0 = 0x2008,
	WHvCapabilityCodeVmxCr4Fixed1 = 0x2009,
	WHvCapabilityCodeVmxVmcsEnum = 0x200A,
	WHvCapabilityCodeVmxProcbasedCtls2 = 0x200B,
	WHvCapabilityCodeVmxEptVpidCap = 0x200C,
	WHvCapabilityCodeVmxTruePinbasedCtls = 0x200D,
	WHvCapabilityCodeVmxTrueProcbasedCtls = 0x200E,
	WHvCapabilityCodeVmxTrueExitCtls = 0x200F,
	WHvCapabilityCodeVmxTrueEntryCtls = 0x2010,
} WHV_CAPABILITY_CODE;
WHP_ASSERT_SIZE(WHV_CAPABILITY_CODE, 4);

/* Which functions and modes the platform offers. */
typedef union WHV_CAPABILITY_FEATURES {
	struct {
		UINT64 PartialUnmap : 1;
		UINT64 LocalApicEmulation : 1;
		UINT64 Xsave : 1;
		UINT64 DirtyPageTracking : 1;
		UINT64 SpeculationControl : 1;
		UINT64 ApicRemoteRead : 1;
		UINT64 IdleSuspend : 1;
		UINT64 VirtualPciDeviceSupport : 1;
		UINT64 IommuSupport : 1;
		UINT64 VpHotAddRemove : 1;
		UINT64 DeviceAccessTracking : 1;
		UINT64 ReservedX640 : 1;
		UINT64 Reserved : 52;
	};
	UINT64 AsUINT64;
} WHV_CAPABILITY_FEATURES;
WHP_ASSERT_SIZE(WHV_CAPABILITY_FEATURES, 8);

/* Exits that a partition gets only if it asks for them. */
typedef union WHV_EXTENDED_VM_EXITS {
	struct {
		UINT64 X64CpuidExit : 1;
		UINT64 X64MsrExit : 1;
		UINT64 ExceptionExit : 1;
		UINT64 X64RdtscExit : 1;
		UINT64 X64ApicSmiExitTrap : 1;
		UINT64 HypercallExit : 1;
		UINT64 X64ApicInitSipiExitTrap : 1;
		UINT64 X64ApicWriteLint0ExitTrap : 1;
		UINT64 X64ApicWriteLint1ExitTrap : 1;
		UINT64 X64ApicWriteSvrExitTrap : 1;
		UINT64 UnknownSynicConnection : 1;
		UINT64 RetargetUnknownVpciDevice : 1;
		UINT64 X64ApicWriteLdrExitTrap : 1;
		UINT64 X64ApicWriteDfrExitTrap : 1;
		UINT64 GpaAccessFaultExit : 1;
		UINT64 Reserved : 49;
	};
	UINT64 AsUINT64;
} WHV_EXTENDED_VM_EXITS;
WHP_ASSERT_SIZE(WHV_EXTENDED_VM_EXITS, 8);

/* MSRs that exit although the platform could answer; needs ExtendedVmExits.X64MsrExit. */
typedef union WHV_X64_MSR_EXIT_BITMAP {
	UINT64 AsUINT64;
	struct {
		UINT64 UnhandledMsrs : 1;
		UINT64 TscMsrWrite : 1;
		UINT64 TscMsrRead : 1;
		UINT64 ApicBaseMsrWrite : 1;
		UINT64 MiscEnableMsrRead : 1;
		UINT64 McUpdatePatchLevelMsrRead : 1;
		UINT64 Reserved : 58;
	};
} WHV_X64_MSR_EXIT_BITMAP;
WHP_ASSERT_SIZE(WHV_X64_MSR_EXIT_BITMAP, 8);

typedef enum WHV_PROCESSOR_VENDOR {
	WHvProcessorVendorAmd = 0x00,
	WHvProcessorVendorIntel = 0x01,
	WHvProcessorVendorHygon = 0x02,
	WHvProcessorVendorArm = 0x10,
} WHV_PROCESSOR_VENDOR;
WHP_ASSERT_SIZE(WHV_PROCESSOR_VENDOR, 4);

/* Bank 0. The second name is the one of older SDKs; the same holds for bank 1. */
typedef union WHV_X64_PROCESSOR_FEATURES {
	struct {
		UINT64 Sse3Support : 1;
		UINT64 LahfSahfSupport : 1;
		UINT64 Ssse3Support : 1;
		UINT64 Sse4_1Support : 1;
		UINT64 Sse4_2Support : 1;
		UINT64 Sse4aSupport : 1;
		UINT64 XopSupport : 1;
		UINT64 PopCntSupport : 1;
		UINT64 Cmpxchg16bSupport : 1;
		UINT64 Altmovcr8Support : 1;
		UINT64 LzcntSupport : 1;
		UINT64 MisAlignSseSupport : 1;
		UINT64 MmxExtSupport : 1;
		UINT64 Amd3DNowSupport : 1;
		UINT64 ExtendedAmd3DNowSupport : 1;
		UINT64 Page1GbSupport : 1;
		UINT64 AesSupport : 1;
		UINT64 PclmulqdqSupport : 1;
		UINT64 PcidSupport : 1;
		UINT64 Fma4Support : 1;
		UINT64 F16CSupport : 1;
		UINT64 RdRandSupport : 1;
		UINT64 RdWrFsGsSupport : 1;
		UINT64 SmepSupport : 1;
		UINT64 EnhancedFastStringSupport : 1;
		UINT64 Bmi1Support : 1;
		UINT64 Bmi2Support : 1;
		UINT64 Reserved1 : 2;
		UINT64 MovbeSupport : 1;
		UINT64 Npiep1Support : 1;
		UINT64 DepX87FPUSaveSupport : 1;
		UINT64 RdSeedSupport : 1;
		UINT64 AdxSupport : 1;
		UINT64 IntelPrefetchSupport : 1;
		UINT64 SmapSupport : 1;
		UINT64 HleSupport : 1;
		UINT64 RtmSupport : 1;
		UINT64 RdtscpSupport : 1;
		UINT64 ClflushoptSupport : 1;
		UINT64 ClwbSupport : 1;
		UINT64 ShaSupport : 1;
		UINT64 X87PointersSavedSupport : 1;
		UINT64 InvpcidSupport : 1;
		UINT64 IbrsSupport : 1;
		UINT64 StibpSupport : 1;
		UINT64 IbpbSupport : 1;
		UINT64 UnrestrictedGuestSupport : 1;
		UINT64 SsbdSupport : 1;
		UINT64 FastShortRepMovSupport : 1;
		UINT64 Reserved3 : 1;
		UINT64 RdclNo : 1;
		UINT64 IbrsAllSupport : 1;
		UINT64 Reserved4 : 1;
		UINT64 SsbNo : 1;
		UINT64 RsbANo : 1;
		UINT64 Reserved5 : 1;
		UINT64 RdPidSupport : 1;
		UINT64 UmipSupport : 1;
		UINT64 MdsNoSupport : 1;
		UINT64 MdClearSupport : 1;
		UINT64 TaaNoSupport : 1;
		UINT64 TsxCtrlSupport : 1;
		UINT64 Reserved6 : 1;
	};
	UINT64 AsUINT64;
} WHV_X64_PROCESSOR_FEATURES, WHV_PROCESSOR_FEATURES;
WHP_ASSERT_SIZE(WHV_X64_PROCESSOR_FEATURES, 8);

/* Bank 1. */
typedef union WHV_X64_PROCESSOR_FEATURES1 {
	struct {
		UINT64 ACountMCountSupport : 1;
		UINT64 TscInvariantSupport : 1;
		UINT64 ClZeroSupport : 1;
		UINT64 RdpruSupport : 1;
		UINT64 La57Support : 1;
		UINT64 MbecSupport : 1;
		UINT64 NestedVirtSupport : 1;
		UINT64 PsfdSupport : 1;
		UINT64 CetSsSupport : 1;
		UINT64 CetIbtSupport : 1;
		UINT64 VmxExceptionInjectSupport : 1;
		UINT64 Reserved2 : 1;
		UINT64 UmwaitTpauseSupport : 1;
		UINT64 MovdiriSupport : 1;
		UINT64 Movdir64bSupport : 1;
		UINT64 CldemoteSupport : 1;
		UINT64 SerializeSupport : 1;
		UINT64 TscDeadlineTmrSupport : 1;
		UINT64 TscAdjustSupport : 1;
		UINT64 FZLRepMovsb : 1;
		UINT64 FSRepStosb : 1;
		UINT64 FSRepCmpsb : 1;
		UINT64 TsxLdTrkSupport : 1;
		UINT64 VmxInsOutsExitInfoSupport : 1;
		UINT64 Reserved3 : 1;
		UINT64 SbdrSsdpNoSupport : 1;
		UINT64 FbsdpNoSupport : 1;
		UINT64 PsdpNoSupport : 1;
		UINT64 FbClearSupport : 1;
		UINT64 BtcNoSupport : 1;
		UINT64 IbpbRsbFlushSupport : 1;
		UINT64 StibpAlwaysOnSupport : 1;
		UINT64 PerfGlobalCtrlSupport : 1;
		UINT64 NptExecuteOnlySupport : 1;
		UINT64 NptADFlagsSupport : 1;
		UINT64 Npt1GbPageSupport : 1;
		UINT64 Reserved4 : 1;
		UINT64 Reserved5 : 1;
		UINT64 Reserved6 : 1;
		UINT64 Reserved7 : 1;
		UINT64 CmpccxaddSupport : 1;
		UINT64 Reserved8 : 1;
		UINT64 Reserved9 : 1;
		UINT64 Reserved10 : 1;
		UINT64 Reserved11 : 1;
		UINT64 PrefetchISupport : 1;
		UINT64 Sha512Support : 1;
		UINT64 Reserved12 : 1;
		UINT64 Reserved13 : 1;
		UINT64 Reserved14 : 1;
		UINT64 SM3Support : 1;
		UINT64 SM4Support : 1;
		UINT64 Reserved15 : 1;
		UINT64 Reserved16 : 1;
		UINT64 SbpbSupported : 1;
		UINT64 IbpbBrTypeSupported : 1;
		UINT64 SrsoNoSupported : 1;
		UINT64 SrsoUserKernelNoSupported : 1;
		UINT64 Reserved17 : 1;
		UINT64 Reserved18 : 1;
		UINT64 Reserved19 : 1;
		UINT64 Reserved20 : 3;
	};
	UINT64 AsUINT64;
} WHV_X64_PROCESSOR_FEATURES1, WHV_PROCESSOR_FEATURES1;
WHP_ASSERT_SIZE(WHV_X64_PROCESSOR_FEATURES1, 8);

#define WHV_PROCESSOR_FEATURES_BANKS_COUNT 2

typedef struct WHV_PROCESSOR_FEATURES_BANKS {
	UINT32 BanksCount;
	UINT32 Reserved0;
	union {
		struct {
			WHV_X64_PROCESSOR_FEATURES Bank0;
			WHV_X64_PROCESSOR_FEATURES1 Bank1;
		};
		UINT64 AsUINT64[WHV_PROCESSOR_FEATURES_BANKS_COUNT];
	};
} WHV_PROCESSOR_FEATURES_BANKS;
WHP_ASSERT_SIZE(WHV_PROCESSOR_FEATURES_BANKS, 24);
WHP_ASSERT_OFFSET(WHV_PROCESSOR_FEATURES_BANKS, Bank1, 16);

/* Hyper-V's own interfaces towards a guest: synthetic MSRs, timers, SynIC, hypercalls. */
typedef union WHV_SYNTHETIC_PROCESSOR_FEATURES {
	struct {
		UINT64 HypervisorPresent : 1;
		UINT64 Hv1 : 1;
		UINT64 AccessVpRunTimeReg : 1;
		UINT64 AccessPartitionReferenceCounter : 1;
		UINT64 AccessSynicRegs : 1;
		UINT64 AccessSyntheticTimerRegs : 1;
		UINT64 AccessIntrCtrlRegs : 1;
		UINT64 AccessHypercallRegs : 1;
		UINT64 AccessVpIndex : 1;
		UINT64 AccessPartitionReferenceTsc : 1;
		UINT64 AccessGuestIdleReg : 1;
		UINT64 AccessFrequencyRegs : 1;
		UINT64 ReservedZ12 : 1;
		UINT64 ReservedZ13 : 1;
		UINT64 ReservedZ14 : 1;
		UINT64 EnableExtendedGvaRangesForFlushVirtualAddressList : 1;
		UINT64 ReservedZ16 : 1;
		UINT64 ReservedZ17 : 1;
		UINT64 FastHypercallOutput : 1;
		UINT64 ReservedZ19 : 1;
		UINT64 ReservedZ20 : 1;
		UINT64 ReservedZ21 : 1;
		UINT64 DirectSyntheticTimers : 1;
		UINT64 ReservedZ23 : 1;
		UINT64 ExtendedProcessorMasks : 1;
		UINT64 TbFlushHypercalls : 1;
		UINT64 SyntheticClusterIpi : 1;
		UINT64 NotifyLongSpinWait : 1;
		UINT64 QueryNumaDistance : 1;
		UINT64 SignalEvents : 1;
		UINT64 RetargetDeviceInterrupt : 1;
		UINT64 RestoreTime : 1;
		UINT64 EnlightenedVmcs : 1;
		UINT64 NestedDebugCtl : 1;
		UINT64 SyntheticTimeUnhaltedTimer : 1;
		UINT64 IdleSpecCtrl : 1;
		UINT64 ReservedZ36 : 1;
		UINT64 WakeVps : 1;
		UINT64 AccessVpRegs : 1;
		UINT64 ReservedZ39 : 1;
		UINT64 ReservedZ40 : 1;
		UINT64 ReservedZ41 : 1;
		UINT64 ReservedZ42 : 1;
		UINT64 ReservedZ43 : 1;
		UINT64 ReservedZ44 : 1;
		UINT64 Reserved : 19;
	};
	UINT64 AsUINT64;
} WHV_SYNTHETIC_PROCESSOR_FEATURES;
WHP_ASSERT_SIZE(WHV_SYNTHETIC_PROCESSOR_FEATURES, 8);

#define WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS_COUNT 1

typedef struct WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS {
	UINT32 BanksCount;
	UINT32 Reserved0;
	union {
		struct {
			WHV_SYNTHETIC_PROCESSOR_FEATURES Bank0;
		};
		UINT64 AsUINT64[WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS_COUNT];
	};
} WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS;
WHP_ASSERT_SIZE(WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS, 16);
WHP_ASSERT_OFFSET(WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS, Bank0, 8);

/* XSAVE and the register state it covers: what CPUID leaf 0xD and its users may show. */
typedef union WHV_PROCESSOR_XSAVE_FEATURES {
	struct {
		UINT64 XsaveSupport : 1;
		UINT64 XsaveoptSupport : 1;
		UINT64 AvxSupport : 1;
		UINT64 Avx2Support : 1;
		UINT64 FmaSupport : 1;
		UINT64 MpxSupport : 1;
		UINT64 Avx512Support : 1;
		UINT64 Avx512DQSupport : 1;
		UINT64 Avx512CDSupport : 1;
		UINT64 Avx512BWSupport : 1;
		UINT64 Avx512VLSupport : 1;
		UINT64 XsaveCompSupport : 1;
		UINT64 XsaveSupervisorSupport : 1;
		UINT64 Xcr1Support : 1;
		UINT64 Avx512BitalgSupport : 1;
		UINT64 Avx512IfmaSupport : 1;
		UINT64 Avx512VBmiSupport : 1;
		UINT64 Avx512VBmi2Support : 1;
		UINT64 Avx512VnniSupport : 1;
		UINT64 GfniSupport : 1;
		UINT64 VaesSupport : 1;
		UINT64 Avx512VPopcntdqSupport : 1;
		UINT64 VpclmulqdqSupport : 1;
		UINT64 Avx512Bf16Support : 1;
		UINT64 Avx512Vp2IntersectSupport : 1;
		UINT64 Avx512Fp16Support : 1;
		UINT64 XfdSupport : 1;
		UINT64 AmxTileSupport : 1;
		UINT64 AmxBf16Support : 1;
		UINT64 AmxInt8Support : 1;
		UINT64 AvxVnniSupport : 1;
		UINT64 AvxIfmaSupport : 1;
		UINT64 AvxNeConvertSupport : 1;
		UINT64 AvxVnniInt8Support : 1;
		UINT64 AvxVnniInt16Support : 1;
		UINT64 Avx10_1_256Support : 1;
		UINT64 Avx10_1_512Support : 1;
		UINT64 AmxFp16Support : 1;
		UINT64 Reserved : 26;
	};
	UINT64 AsUINT64;
} WHV_PROCESSOR_XSAVE_FEATURES, *PWHV_PROCESSOR_XSAVE_FEATURES;
WHP_ASSERT_SIZE(WHV_PROCESSOR_XSAVE_FEATURES, 8);

typedef union WHV_PROCESSOR_PERFMON_FEATURES {
	struct {
		UINT64 PmuSupport : 1;
		UINT64 LbrSupport : 1;
		UINT64 Reserved : 62;
	};
	UINT64 AsUINT64;
} WHV_PROCESSOR_PERFMON_FEATURES, *PWHV_PROCESSOR_PERFMON_FEATURES;
WHP_ASSERT_SIZE(WHV_PROCESSOR_PERFMON_FEATURES, 8);

typedef struct WHV_CAPABILITY_PROCESSOR_FREQUENCY_CAP {
	UINT32 IsSupported : 1;
	UINT32 Reserved : 31;
	UINT32 HighestFrequencyMhz;
	UINT32 NominalFrequencyMhz;
	UINT32 LowestFrequencyMhz;
	UINT32 FrequencyStepMhz;
} WHV_CAPABILITY_PROCESSOR_FREQUENCY_CAP;
WHP_ASSERT_SIZE(WHV_CAPABILITY_PROCESSOR_FREQUENCY_CAP, 20);

typedef union WHV_SCHEDULER_FEATURES {
	struct {
		UINT64 CpuReserve : 1;
		UINT64 CpuCap : 1;
		UINT64 CpuWeight : 1;
		UINT64 CpuGroupId : 1;
		UINT64 DisableSmt : 1;
		UINT64 Reserved : 59;
	};
	UINT64 AsUINT64;
} WHV_SCHEDULER_FEATURES;
WHP_ASSERT_SIZE(WHV_SCHEDULER_FEATURES, 8);

/*
 * One capability. WHvGetCapability writes the member of the code alone and says how many bytes
 * that was; old clients pass 8 bytes where this union has 24.
 */
typedef union WHV_CAPABILITY {
	BOOL HypervisorPresent;
	WHV_CAPABILITY_FEATURES Features;
	WHV_EXTENDED_VM_EXITS ExtendedVmExits;
	UINT64 ExceptionExitBitmap; /* bit n: vector n */
	WHV_X64_MSR_EXIT_BITMAP X64MsrExitBitmap;
	WHV_ADVISE_GPA_RANGE_POPULATE_FLAGS GpaRangePopulateFlags;
	WHV_SCHEDULER_FEATURES SchedulerFeatures;
	WHV_PROCESSOR_VENDOR ProcessorVendor;
	WHV_X64_PROCESSOR_FEATURES ProcessorFeatures;
	UINT8 ProcessorClFlushSize; /* log2 of bytes */
	WHV_PROCESSOR_XSAVE_FEATURES ProcessorXsaveFeatures;
	UINT64 ProcessorClockFrequency; /* Hz */
	UINT64 InterruptClockFrequency; /* Hz */
	WHV_PROCESSOR_FEATURES_BANKS ProcessorFeaturesBanks;
	WHV_CAPABILITY_PROCESSOR_FREQUENCY_CAP ProcessorFrequencyCap;
	WHV_SYNTHETIC_PROCESSOR_FEATURES_BANKS SyntheticProcessorFeaturesBanks;
	WHV_PROCESSOR_PERFMON_FEATURES ProcessorPerfmonFeatures;
	UINT32 PhysicalAddressWidth;  /* bits */
	UINT64 NestedFeatureRegister; /* the Vmx* codes */
} WHV_CAPABILITY;
WHP_ASSERT_SIZE(WHV_CAPABILITY, 24);

#endif /* WHP_WINHVCAPABILITIES_H */
