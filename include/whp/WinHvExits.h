/* SPDX-License-Identifier: MIT */
/*
 * WHP: what WHvRunVirtualProcessor returns. Exit reasons and the record of each.
 *
 * Owns: WHV_RUN_VP_EXIT_CONTEXT, 224 bytes, the union of the reasons at +48.
 * Invariants: but for the traps (APIC EOI, SMI, INIT/SIPI, write) and Halt, the state is the one
 * before the instruction. Clients of the first SDK pass 144 bytes, all but Hypercall fits in
 * them; whoever fills a record never writes past the size that the caller gave.
 */
#ifndef WHP_WINHVEXITS_H
#define WHP_WINHVEXITS_H

#include "WinHvMemory.h"
#include "WinHvRegisters.h"

typedef enum WHV_RUN_VP_EXIT_REASON {
	WHvRunVpExitReasonNone = 0x0000,
	WHvRunVpExitReasonMemoryAccess = 0x0001,
	WHvRunVpExitReasonX64IoPortAccess = 0x0002,
	WHvRunVpExitReasonUnrecoverableException = 0x0004,
	WHvRunVpExitReasonInvalidVpRegisterValue = 0x0005,
	WHvRunVpExitReasonUnsupportedFeature = 0x0006,
	WHvRunVpExitReasonX64InterruptWindow = 0x0007,
	WHvRunVpExitReasonX64Halt = 0x0008,
	WHvRunVpExitReasonX64ApicEoi = 0x0009,
	WHvRunVpExitReasonSynicSintDeliverable = 0x000A,
	/* those that a partition asks for, through WHV_EXTENDED_VM_EXITS */
	WHvRunVpExitReasonX64MsrAccess = 0x1000,
	WHvRunVpExitReasonX64Cpuid = 0x1001,
	WHvRunVpExitReasonException = 0x1002,
	WHvRunVpExitReasonX64Rdtsc = 0x1003,
	WHvRunVpExitReasonX64ApicSmiTrap = 0x1004,
	WHvRunVpExitReasonHypercall = 0x1005,
	WHvRunVpExitReasonX64ApicInitSipiTrap = 0x1006,
	WHvRunVpExitReasonX64ApicWriteTrap = 0x1007,
	/* the host's doing */
	WHvRunVpExitReasonCanceled = 0x2001,
} WHV_RUN_VP_EXIT_REASON;
WHP_ASSERT_SIZE(WHV_RUN_VP_EXIT_REASON, 4);

/* Cpl is SS.DPL. InterruptionPending: the exit struck while an event was being delivered. */
typedef union WHV_X64_VP_EXECUTION_STATE {
	struct {
		UINT16 Cpl : 2;
		UINT16 Cr0Pe : 1;
		UINT16 Cr0Am : 1;
		UINT16 EferLma : 1;
		UINT16 DebugActive : 1;
		UINT16 InterruptionPending : 1;
		UINT16 Reserved0 : 5;
		UINT16 InterruptShadow : 1;
		UINT16 Reserved1 : 3;
	};
	UINT16 AsUINT16;
} WHV_X64_VP_EXECUTION_STATE;
WHP_ASSERT_SIZE(WHV_X64_VP_EXECUTION_STATE, 2);

/*
 * The processor at any exit. InstructionLength is in bytes, 0 where it is not known; Cr8 is the
 * live task priority (TPR / 16), which clients read from here. The second name is older.
 */
typedef struct WHV_X64_VP_EXIT_CONTEXT {
	WHV_X64_VP_EXECUTION_STATE ExecutionState;
	UINT8 InstructionLength : 4;
	UINT8 Cr8 : 4;
	UINT8 Reserved;
	UINT32 Reserved2;
	WHV_X64_SEGMENT_REGISTER Cs;
	UINT64 Rip;
	UINT64 Rflags;
} WHV_X64_VP_EXIT_CONTEXT, WHV_VP_EXIT_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_VP_EXIT_CONTEXT, 40);
WHP_ASSERT_OFFSET(WHV_X64_VP_EXIT_CONTEXT, Reserved, 3);
WHP_ASSERT_OFFSET(WHV_X64_VP_EXIT_CONTEXT, Cs, 8);
WHP_ASSERT_OFFSET(WHV_X64_VP_EXIT_CONTEXT, Rip, 24);
WHP_ASSERT_OFFSET(WHV_X64_VP_EXIT_CONTEXT, Rflags, 32);

/* AccessType is a WHV_MEMORY_ACCESS_TYPE. GpaUnmapped tells a hole from a missing permission. */
typedef union WHV_MEMORY_ACCESS_INFO {
	struct {
		UINT32 AccessType : 2;
		UINT32 GpaUnmapped : 1;
		UINT32 GvaValid : 1;
		UINT32 Reserved : 28;
	};
	UINT32 AsUINT32;
} WHV_MEMORY_ACCESS_INFO;
WHP_ASSERT_SIZE(WHV_MEMORY_ACCESS_INFO, 4);

/* Gpa is exact to the byte; Gva holds only if AccessInfo.GvaValid. 0 instruction bytes are legal. */
typedef struct WHV_MEMORY_ACCESS_CONTEXT {
	UINT8 InstructionByteCount;
	UINT8 Reserved[3];
	UINT8 InstructionBytes[16];
	WHV_MEMORY_ACCESS_INFO AccessInfo;
	WHV_GUEST_PHYSICAL_ADDRESS Gpa;
	WHV_GUEST_VIRTUAL_ADDRESS Gva;
} WHV_MEMORY_ACCESS_CONTEXT;
WHP_ASSERT_SIZE(WHV_MEMORY_ACCESS_CONTEXT, 40);
WHP_ASSERT_OFFSET(WHV_MEMORY_ACCESS_CONTEXT, InstructionBytes, 4);
WHP_ASSERT_OFFSET(WHV_MEMORY_ACCESS_CONTEXT, AccessInfo, 20);
WHP_ASSERT_OFFSET(WHV_MEMORY_ACCESS_CONTEXT, Gpa, 24);
WHP_ASSERT_OFFSET(WHV_MEMORY_ACCESS_CONTEXT, Gva, 32);

/* AccessSize is in bytes: 1, 2 or 4. */
typedef union WHV_X64_IO_PORT_ACCESS_INFO {
	struct {
		UINT32 IsWrite : 1;
		UINT32 AccessSize : 3;
		UINT32 StringOp : 1;
		UINT32 RepPrefix : 1;
		UINT32 Reserved : 26;
	};
	UINT32 AsUINT32;
} WHV_X64_IO_PORT_ACCESS_INFO;
WHP_ASSERT_SIZE(WHV_X64_IO_PORT_ACCESS_INFO, 4);

/* A string instruction is one exit, Rcx being what is left; address size is in the bytes alone. */
typedef struct WHV_X64_IO_PORT_ACCESS_CONTEXT {
	UINT8 InstructionByteCount;
	UINT8 Reserved[3];
	UINT8 InstructionBytes[16];
	WHV_X64_IO_PORT_ACCESS_INFO AccessInfo;
	UINT16 PortNumber;
	UINT16 Reserved2[3];
	UINT64 Rax;
	UINT64 Rcx;
	UINT64 Rsi;
	UINT64 Rdi;
	WHV_X64_SEGMENT_REGISTER Ds;
	WHV_X64_SEGMENT_REGISTER Es;
} WHV_X64_IO_PORT_ACCESS_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_IO_PORT_ACCESS_CONTEXT, 96);
WHP_ASSERT_OFFSET(WHV_X64_IO_PORT_ACCESS_CONTEXT, AccessInfo, 20);
WHP_ASSERT_OFFSET(WHV_X64_IO_PORT_ACCESS_CONTEXT, PortNumber, 24);
WHP_ASSERT_OFFSET(WHV_X64_IO_PORT_ACCESS_CONTEXT, Rax, 32);
WHP_ASSERT_OFFSET(WHV_X64_IO_PORT_ACCESS_CONTEXT, Ds, 64);
WHP_ASSERT_OFFSET(WHV_X64_IO_PORT_ACCESS_CONTEXT, Es, 80);

typedef union WHV_X64_MSR_ACCESS_INFO {
	struct {
		UINT32 IsWrite : 1;
		UINT32 Reserved : 31;
	};
	UINT32 AsUINT32;
} WHV_X64_MSR_ACCESS_INFO;
WHP_ASSERT_SIZE(WHV_X64_MSR_ACCESS_INFO, 4);

typedef struct WHV_X64_MSR_ACCESS_CONTEXT {
	WHV_X64_MSR_ACCESS_INFO AccessInfo;
	UINT32 MsrNumber;
	UINT64 Rax;
	UINT64 Rdx;
} WHV_X64_MSR_ACCESS_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_MSR_ACCESS_CONTEXT, 24);
WHP_ASSERT_OFFSET(WHV_X64_MSR_ACCESS_CONTEXT, MsrNumber, 4);

/* Mind the order: A, C, D, B. The defaults are what the guest would have got without the exit. */
typedef struct WHV_X64_CPUID_ACCESS_CONTEXT {
	UINT64 Rax;
	UINT64 Rcx;
	UINT64 Rdx;
	UINT64 Rbx;
	UINT64 DefaultResultRax;
	UINT64 DefaultResultRcx;
	UINT64 DefaultResultRdx;
	UINT64 DefaultResultRbx;
} WHV_X64_CPUID_ACCESS_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_CPUID_ACCESS_CONTEXT, 64);
WHP_ASSERT_OFFSET(WHV_X64_CPUID_ACCESS_CONTEXT, Rbx, 24);
WHP_ASSERT_OFFSET(WHV_X64_CPUID_ACCESS_CONTEXT, DefaultResultRax, 32);

/* Vectors that have a name here; ExceptionType of the record is a byte. */
typedef enum WHV_EXCEPTION_TYPE {
	WHvX64ExceptionTypeDivideErrorFault = 0x00,
	WHvX64ExceptionTypeDebugTrapOrFault = 0x01,
	WHvX64ExceptionTypeBreakpointTrap = 0x03,
	WHvX64ExceptionTypeOverflowTrap = 0x04,
	WHvX64ExceptionTypeBoundRangeFault = 0x05,
	WHvX64ExceptionTypeInvalidOpcodeFault = 0x06,
	WHvX64ExceptionTypeDeviceNotAvailableFault = 0x07,
	WHvX64ExceptionTypeDoubleFaultAbort = 0x08,
	WHvX64ExceptionTypeInvalidTaskStateSegmentFault = 0x0A,
	WHvX64ExceptionTypeSegmentNotPresentFault = 0x0B,
	WHvX64ExceptionTypeStackFault = 0x0C,
	WHvX64ExceptionTypeGeneralProtectionFault = 0x0D,
	WHvX64ExceptionTypePageFault = 0x0E,
	WHvX64ExceptionTypeFloatingPointErrorFault = 0x10,
	WHvX64ExceptionTypeAlignmentCheckFault = 0x11,
	WHvX64ExceptionTypeMachineCheckAbort = 0x12,
	WHvX64ExceptionTypeSimdFloatingPointFault = 0x13,
	WHvX64ExceptionTypeControlProtectionFault = 0x15,
} WHV_EXCEPTION_TYPE;
WHP_ASSERT_SIZE(WHV_EXCEPTION_TYPE, 4);

typedef union WHV_VP_EXCEPTION_INFO {
	struct {
		UINT32 ErrorCodeValid : 1;
		UINT32 SoftwareException : 1;
		UINT32 Reserved : 30;
	};
	UINT32 AsUINT32;
} WHV_VP_EXCEPTION_INFO;
WHP_ASSERT_SIZE(WHV_VP_EXCEPTION_INFO, 4);

/* Not yet delivered: CR2 is not written, a page fault's address is in ExceptionParameter. */
typedef struct WHV_VP_EXCEPTION_CONTEXT {
	UINT8 InstructionByteCount;
	UINT8 Reserved[3];
	UINT8 InstructionBytes[16];
	WHV_VP_EXCEPTION_INFO ExceptionInfo;
	UINT8 ExceptionType;
	UINT8 Reserved2[3];
	UINT32 ErrorCode;
	UINT64 ExceptionParameter;
} WHV_VP_EXCEPTION_CONTEXT;
WHP_ASSERT_SIZE(WHV_VP_EXCEPTION_CONTEXT, 40);
WHP_ASSERT_OFFSET(WHV_VP_EXCEPTION_CONTEXT, ExceptionInfo, 20);
WHP_ASSERT_OFFSET(WHV_VP_EXCEPTION_CONTEXT, ExceptionType, 24);
WHP_ASSERT_OFFSET(WHV_VP_EXCEPTION_CONTEXT, ErrorCode, 28);
WHP_ASSERT_OFFSET(WHV_VP_EXCEPTION_CONTEXT, ExceptionParameter, 32);

typedef struct WHV_X64_INTERRUPTION_DELIVERABLE_CONTEXT {
	WHV_X64_PENDING_INTERRUPTION_TYPE DeliverableType;
} WHV_X64_INTERRUPTION_DELIVERABLE_CONTEXT, *PWHV_X64_INTERRUPTION_DELIVERABLE_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_INTERRUPTION_DELIVERABLE_CONTEXT, 4);

typedef enum WHV_X64_UNSUPPORTED_FEATURE_CODE {
	WHvUnsupportedFeatureIntercept = 1,
	WHvUnsupportedFeatureTaskSwitchTss = 2,
} WHV_X64_UNSUPPORTED_FEATURE_CODE;
WHP_ASSERT_SIZE(WHV_X64_UNSUPPORTED_FEATURE_CODE, 4);

typedef struct WHV_X64_UNSUPPORTED_FEATURE_CONTEXT {
	WHV_X64_UNSUPPORTED_FEATURE_CODE FeatureCode;
	UINT32 Reserved;
	UINT64 FeatureParameter;
} WHV_X64_UNSUPPORTED_FEATURE_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_UNSUPPORTED_FEATURE_CONTEXT, 16);

/* SDKs disagree on the spelling of the only reason; both stand. */
typedef enum WHV_RUN_VP_CANCEL_REASON {
	WHvRunVpCancelReasonUser = 0,
	WhvRunVpCancelReasonUser = WHvRunVpCancelReasonUser,
} WHV_RUN_VP_CANCEL_REASON;
WHP_ASSERT_SIZE(WHV_RUN_VP_CANCEL_REASON, 4);

typedef struct WHV_RUN_VP_CANCELED_CONTEXT {
	WHV_RUN_VP_CANCEL_REASON CancelReason;
} WHV_RUN_VP_CANCELED_CONTEXT;
WHP_ASSERT_SIZE(WHV_RUN_VP_CANCELED_CONTEXT, 4);

/* The vector of a level-triggered interrupt, for the client's IOAPIC. */
typedef struct WHV_X64_APIC_EOI_CONTEXT {
	UINT32 InterruptVector;
} WHV_X64_APIC_EOI_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_APIC_EOI_CONTEXT, 4);

typedef union WHV_X64_RDTSC_INFO {
	struct {
		UINT64 IsRdtscp : 1;
		UINT64 Reserved : 63;
	};
	UINT64 AsUINT64;
} WHV_X64_RDTSC_INFO;
WHP_ASSERT_SIZE(WHV_X64_RDTSC_INFO, 8);

/* ReferenceTime counts 100 ns. */
typedef struct WHV_X64_RDTSC_CONTEXT {
	UINT64 TscAux;
	UINT64 VirtualOffset;
	UINT64 Tsc;
	UINT64 ReferenceTime;
	WHV_X64_RDTSC_INFO RdtscInfo;
} WHV_X64_RDTSC_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_RDTSC_CONTEXT, 40);

/* ApicIcr is the command that the guest wrote, here and in the next record. */
typedef struct WHV_X64_APIC_SMI_CONTEXT {
	UINT64 ApicIcr;
} WHV_X64_APIC_SMI_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_APIC_SMI_CONTEXT, 8);

typedef struct WHV_X64_APIC_INIT_SIPI_CONTEXT {
	UINT64 ApicIcr;
} WHV_X64_APIC_INIT_SIPI_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_APIC_INIT_SIPI_CONTEXT, 8);

/* Offsets in the APIC page. */
typedef enum WHV_X64_APIC_WRITE_TYPE {
	WHvX64ApicWriteTypeLdr = 0x0D0,
	WHvX64ApicWriteTypeDfr = 0x0E0,
	WHvX64ApicWriteTypeSvr = 0x0F0,
	WHvX64ApicWriteTypeLint0 = 0x350,
	WHvX64ApicWriteTypeLint1 = 0x360,
} WHV_X64_APIC_WRITE_TYPE;
WHP_ASSERT_SIZE(WHV_X64_APIC_WRITE_TYPE, 4);

typedef struct WHV_X64_APIC_WRITE_CONTEXT {
	WHV_X64_APIC_WRITE_TYPE Type;
	UINT32 Reserved;
	UINT64 WriteValue;
} WHV_X64_APIC_WRITE_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_APIC_WRITE_CONTEXT, 16);

#define WHV_HYPERCALL_CONTEXT_MAX_XMM_REGISTERS 6

/* Rip of the exit is at the VMCALL or VMMCALL. The other names are older. */
typedef struct WHV_X64_HYPERCALL_CONTEXT {
	UINT64 Rax;
	UINT64 Rbx;
	UINT64 Rcx;
	UINT64 Rdx;
	UINT64 R8;
	UINT64 Rsi;
	UINT64 Rdi;
	UINT64 Reserved0;
	WHV_UINT128 XmmRegisters[WHV_HYPERCALL_CONTEXT_MAX_XMM_REGISTERS];
	UINT64 Reserved1[2];
} WHV_X64_HYPERCALL_CONTEXT, WHV_HYPERCALL_CONTEXT, *PWHV_HYPERCALL_CONTEXT;
WHP_ASSERT_SIZE(WHV_X64_HYPERCALL_CONTEXT, 176);
WHP_ASSERT_OFFSET(WHV_X64_HYPERCALL_CONTEXT, XmmRegisters, 64);

/* Bit n: SINT n can take a message now. */
typedef struct WHV_SYNIC_SINT_DELIVERABLE_CONTEXT {
	UINT16 DeliverableSints;
	UINT16 Reserved1;
	UINT32 Reserved2;
} WHV_SYNIC_SINT_DELIVERABLE_CONTEXT;
WHP_ASSERT_SIZE(WHV_SYNIC_SINT_DELIVERABLE_CONTEXT, 8);

typedef struct WHV_RUN_VP_EXIT_CONTEXT {
	WHV_RUN_VP_EXIT_REASON ExitReason;
	UINT32 Reserved;
	WHV_X64_VP_EXIT_CONTEXT VpContext;
	union {
		WHV_MEMORY_ACCESS_CONTEXT MemoryAccess;
		WHV_X64_IO_PORT_ACCESS_CONTEXT IoPortAccess;
		WHV_X64_UNSUPPORTED_FEATURE_CONTEXT UnsupportedFeature;
		WHV_X64_INTERRUPTION_DELIVERABLE_CONTEXT InterruptWindow;
		WHV_X64_APIC_EOI_CONTEXT ApicEoi;
		WHV_SYNIC_SINT_DELIVERABLE_CONTEXT SynicSintDeliverable;
		WHV_X64_MSR_ACCESS_CONTEXT MsrAccess;
		WHV_X64_CPUID_ACCESS_CONTEXT CpuidAccess;
		WHV_VP_EXCEPTION_CONTEXT VpException;
		WHV_X64_RDTSC_CONTEXT ReadTsc;
		WHV_X64_APIC_SMI_CONTEXT ApicSmi;
		WHV_X64_HYPERCALL_CONTEXT Hypercall;
		WHV_X64_APIC_INIT_SIPI_CONTEXT ApicInitSipi;
		WHV_X64_APIC_WRITE_CONTEXT ApicWrite;
		WHV_RUN_VP_CANCELED_CONTEXT CancelReason;
		UINT64 AsUINT64[22];
	};
} WHV_RUN_VP_EXIT_CONTEXT;
WHP_ASSERT_SIZE(WHV_RUN_VP_EXIT_CONTEXT, 224);
WHP_ASSERT_ALIGN(WHV_RUN_VP_EXIT_CONTEXT, 16);
WHP_ASSERT_OFFSET(WHV_RUN_VP_EXIT_CONTEXT, VpContext, 8);
WHP_ASSERT_OFFSET(WHV_RUN_VP_EXIT_CONTEXT, AsUINT64, 48);

#endif /* WHP_WINHVEXITS_H */
