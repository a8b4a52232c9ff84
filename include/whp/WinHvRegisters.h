/* SPDX-License-Identifier: MIT */
/*
 * WHP: the value of a register, and the formats that some registers have.
 *
 * Owns: WHV_REGISTER_VALUE and the records it unites. A value is 16 bytes, 16-byte aligned;
 * bytes that a register does not use are zero when read. Clients in other languages get the
 * alignment wrong, so whoever takes such a value from outside copies it bytewise.
 */
#ifndef WHP_WINHVREGISTERS_H
#define WHP_WINHVREGISTERS_H

#include "WinHvRegisterNames.h"

typedef union WHV_UINT128 {
	struct {
		UINT64 Low64;
		UINT64 High64;
	};
	UINT32 Dword[4];
} __attribute__((aligned(16))) WHV_UINT128;
WHP_ASSERT_SIZE(WHV_UINT128, 16);
WHP_ASSERT_ALIGN(WHV_UINT128, 16);

/* One x87 or MMX register; an MMX value is the mantissa. */
typedef union WHV_X64_FP_REGISTER {
	struct {
		UINT64 Mantissa;
		UINT64 BiasedExponent : 15;
		UINT64 Sign : 1;
		UINT64 Reserved : 48;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_FP_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_FP_REGISTER, 16);

/* The first 16 bytes of an FXSAVE area: x87 control, status, abridged tag, last instruction. */
typedef union WHV_X64_FP_CONTROL_STATUS_REGISTER {
	struct {
		UINT16 FpControl;
		UINT16 FpStatus;
		UINT8 FpTag;
		UINT8 Reserved;
		UINT16 LastFpOp;
		union {
			UINT64 LastFpRip; /* 64-bit form */
			struct {
				UINT32 LastFpEip; /* 32-bit form */
				UINT16 LastFpCs;
				UINT16 Reserved2;
			};
		};
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_FP_CONTROL_STATUS_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_FP_CONTROL_STATUS_REGISTER, 16);
WHP_ASSERT_OFFSET(WHV_X64_FP_CONTROL_STATUS_REGISTER, LastFpRip, 8);

/* The next 16 bytes: last x87 operand, MXCSR and its mask. */
typedef union WHV_X64_XMM_CONTROL_STATUS_REGISTER {
	struct {
		union {
			UINT64 LastFpRdp; /* 64-bit form */
			struct {
				UINT32 LastFpDp; /* 32-bit form */
				UINT16 LastFpDs;
				UINT16 Reserved;
			};
		};
		UINT32 XmmStatusControl;
		UINT32 XmmStatusControlMask;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_XMM_CONTROL_STATUS_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_XMM_CONTROL_STATUS_REGISTER, 16);
WHP_ASSERT_OFFSET(WHV_X64_XMM_CONTROL_STATUS_REGISTER, XmmStatusControl, 8);

/*
 * Limit is in bytes, already expanded by the granularity. Attributes are the VMX access rights
 * without the unusable bit: a segment that may not be used has Present = 0.
 */
typedef struct WHV_X64_SEGMENT_REGISTER {
	UINT64 Base;
	UINT32 Limit;
	UINT16 Selector;
	union {
		struct {
			UINT16 SegmentType : 4;
			UINT16 NonSystemSegment : 1;
			UINT16 DescriptorPrivilegeLevel : 2;
			UINT16 Present : 1;
			UINT16 Reserved : 4;
			UINT16 Available : 1;
			UINT16 Long : 1;
			UINT16 Default : 1;
			UINT16 Granularity : 1;
		};
		UINT16 Attributes;
	};
} WHV_X64_SEGMENT_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_SEGMENT_REGISTER, 16);
WHP_ASSERT_OFFSET(WHV_X64_SEGMENT_REGISTER, Limit, 8);
WHP_ASSERT_OFFSET(WHV_X64_SEGMENT_REGISTER, Selector, 12);
WHP_ASSERT_OFFSET(WHV_X64_SEGMENT_REGISTER, Attributes, 14);

/* GDTR and IDTR. */
typedef struct WHV_X64_TABLE_REGISTER {
	UINT16 Pad[3];
	UINT16 Limit;
	UINT64 Base;
} WHV_X64_TABLE_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_TABLE_REGISTER, 16);
WHP_ASSERT_OFFSET(WHV_X64_TABLE_REGISTER, Limit, 6);
WHP_ASSERT_OFFSET(WHV_X64_TABLE_REGISTER, Base, 8);

/* WHvRegisterInterruptState: what blocks the next instruction boundary. */
typedef union WHV_X64_INTERRUPT_STATE_REGISTER {
	struct {
		UINT64 InterruptShadow : 1;
		UINT64 NmiMasked : 1;
		UINT64 Reserved : 62;
	};
	UINT64 AsUINT64;
} WHV_X64_INTERRUPT_STATE_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_INTERRUPT_STATE_REGISTER, 8);

/* InterruptionType below, and the reason an interrupt-window exit gives. */
typedef enum WHV_X64_PENDING_INTERRUPTION_TYPE {
	WHvX64PendingInterrupt = 0,
	WHvX64PendingNmi = 2,
	WHvX64PendingException = 3,
} WHV_X64_PENDING_INTERRUPTION_TYPE,
	*PWHV_X64_PENDING_INTERRUPTION_TYPE;
WHP_ASSERT_SIZE(WHV_X64_PENDING_INTERRUPTION_TYPE, 4);

/*
 * WHvRegisterPendingInterruption: an event that is delivered as soon as the guest can take it, behind
 * WHvRegisterPendingEvent's exception. After an exit that struck during delivery, the event is here.
 */
typedef union WHV_X64_PENDING_INTERRUPTION_REGISTER {
	struct {
		UINT32 InterruptionPending : 1;
		UINT32 InterruptionType : 3;
		UINT32 DeliverErrorCode : 1;
		UINT32 InstructionLength : 4;
		UINT32 NestedEvent : 1;
		UINT32 Reserved : 6;
		UINT32 InterruptionVector : 16;
		UINT32 ErrorCode;
	};
	UINT64 AsUINT64;
} WHV_X64_PENDING_INTERRUPTION_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_PENDING_INTERRUPTION_REGISTER, 8);
WHP_ASSERT_OFFSET(WHV_X64_PENDING_INTERRUPTION_REGISTER, ErrorCode, 4);

/*
 * Windows to be told of, once: an exit says that an NMI, or an interrupt of that priority
 * (0: any), or a message to one of the SINTs can be delivered. The second name is older.
 */
typedef union WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER {
	struct {
		UINT64 NmiNotification : 1;
		UINT64 InterruptNotification : 1;
		UINT64 InterruptPriority : 4;
		UINT64 Reserved : 42;
		UINT64 Sint : 16;
	};
	UINT64 AsUINT64;
} WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER, WHV_X64_DELIVERABILITY_NOTIFICATIONS_REGISTER;
WHP_ASSERT_SIZE(WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER, 8);

/* Why the processor does not execute; zero wakes it. */
typedef union WHV_INTERNAL_ACTIVITY_REGISTER {
	struct {
		UINT64 StartupSuspend : 1;
		UINT64 HaltSuspend : 1;
		UINT64 IdleSuspend : 1;
		UINT64 Reserved : 61;
	};
	UINT64 AsUINT64;
} WHV_INTERNAL_ACTIVITY_REGISTER;
WHP_ASSERT_SIZE(WHV_INTERNAL_ACTIVITY_REGISTER, 8);

/* Debug exceptions that wait for the next instruction boundary. */
typedef union WHV_X64_PENDING_DEBUG_EXCEPTION {
	UINT64 AsUINT64;
	struct {
		UINT64 Breakpoint0 : 1;
		UINT64 Breakpoint1 : 1;
		UINT64 Breakpoint2 : 1;
		UINT64 Breakpoint3 : 1;
		UINT64 SingleStep : 1;
		UINT64 Reserved0 : 59;
	};
} WHV_X64_PENDING_DEBUG_EXCEPTION;
WHP_ASSERT_SIZE(WHV_X64_PENDING_DEBUG_EXCEPTION, 8);

/* WHvRegisterPendingEvent: EventType chooses one of the records that follow. */
typedef enum WHV_X64_PENDING_EVENT_TYPE {
	WHvX64PendingEventException = 0,
	WHvX64PendingEventExtInt = 5,
	WHvX64PendingEventSvmNestedExit = 7,
	WHvX64PendingEventVmxNestedExit = 8,
} WHV_X64_PENDING_EVENT_TYPE;
WHP_ASSERT_SIZE(WHV_X64_PENDING_EVENT_TYPE, 4);

/* ExceptionParameter becomes CR2 of a page fault. */
typedef union WHV_X64_PENDING_EXCEPTION_EVENT {
	struct {
		UINT32 EventPending : 1;
		UINT32 EventType : 3;
		UINT32 Reserved0 : 4;
		UINT32 DeliverErrorCode : 1;
		UINT32 Reserved1 : 7;
		UINT32 Vector : 16;
		UINT32 ErrorCode;
		UINT64 ExceptionParameter;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_EXCEPTION_EVENT;
WHP_ASSERT_SIZE(WHV_X64_PENDING_EXCEPTION_EVENT, 16);
WHP_ASSERT_OFFSET(WHV_X64_PENDING_EXCEPTION_EVENT, ErrorCode, 4);
WHP_ASSERT_OFFSET(WHV_X64_PENDING_EXCEPTION_EVENT, ExceptionParameter, 8);

/* An interrupt from outside the local APIC (a PIC); waits until it can be delivered. */
typedef union WHV_X64_PENDING_EXT_INT_EVENT {
	struct {
		UINT64 EventPending : 1;
		UINT64 EventType : 3;
		UINT64 Reserved0 : 4;
		UINT64 Vector : 8;
		UINT64 Reserved1 : 48;
		UINT64 Reserved2;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_EXT_INT_EVENT;
WHP_ASSERT_SIZE(WHV_X64_PENDING_EXT_INT_EVENT, 16);

/* An exit to a guest's own SVM hypervisor; events 0 to 3 are the four PendingEvent registers. */
typedef union WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT0 {
	struct {
		UINT64 EventPending : 1;
		UINT64 EventType : 4;
		UINT64 Reserved0 : 3;
		UINT64 InstructionBytesValid : 1;
		UINT64 Reserved1 : 55;
		UINT64 ExitCode;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT0;
WHP_ASSERT_SIZE(WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT0, 16);

typedef union WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT1 {
	struct {
		UINT64 ExitInfo1;
		UINT64 ExitInfo2;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT1;
WHP_ASSERT_SIZE(WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT1, 16);

/* The first 7 of 15 instruction bytes; the other 8 are in event 3. */
typedef union WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT2 {
	struct {
		UINT64 NextRip;
		UINT8 InstructionBytesFetchedCount;
		UINT8 InstructionBytes[7];
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT2;
WHP_ASSERT_SIZE(WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT2, 16);

typedef union WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT3 {
	struct {
		UINT8 InstructionBytes[8];
		UINT64 Reserved2;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT3;
WHP_ASSERT_SIZE(WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT3, 16);

/* An exit to a guest's own VMX hypervisor, in PendingEvent and PendingEvent1, 2. */
typedef union WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT0 {
	struct {
		UINT32 EventPending : 1;
		UINT32 EventType : 4;
		UINT32 Reserved0 : 27;
		UINT32 ExitReason;
		UINT64 ExitQualification;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT0;
WHP_ASSERT_SIZE(WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT0, 16);

typedef union WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT1 {
	struct {
		UINT32 InstructionLength;
		UINT32 InstructionInfo;
		UINT32 ExitInterruptionInfo;
		UINT32 ExitExceptionErrorCode;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT1;
WHP_ASSERT_SIZE(WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT1, 16);

typedef union WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT2 {
	struct {
		UINT64 GuestLinearAddress;
		UINT64 GuestPhysicalAddress;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT2;
WHP_ASSERT_SIZE(WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT2, 16);

/* WHvX64RegisterNestedGuestState. */
typedef union WHV_X64_NESTED_GUEST_STATE {
	struct {
		UINT64 NestedVirtActive : 1;
		UINT64 NestedGuestMode : 1;
		UINT64 VmEntryPending : 1;
		UINT64 Reserved0 : 61;
		UINT64 Reserved1;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_NESTED_GUEST_STATE;
WHP_ASSERT_SIZE(WHV_X64_NESTED_GUEST_STATE, 16);

/* Writing one of the next two performs the invalidation, as INVEPT and INVVPID do. */
typedef union WHV_X64_NESTED_INVEPT_REGISTER {
	struct {
		UINT8 Type;
		UINT8 Reserved[7];
		UINT64 Eptp;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_NESTED_INVEPT_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_NESTED_INVEPT_REGISTER, 16);

typedef union WHV_X64_NESTED_INVVPID_REGISTER {
	struct {
		UINT8 Type;
		UINT8 Reserved[3];
		UINT32 Vpid;
		UINT64 LinearAddress;
	};
	WHV_UINT128 AsUINT128;
} WHV_X64_NESTED_INVVPID_REGISTER;
WHP_ASSERT_SIZE(WHV_X64_NESTED_INVVPID_REGISTER, 16);

typedef union WHV_REGISTER_VALUE {
	WHV_UINT128 Reg128;
	UINT64 Reg64;
	UINT32 Reg32;
	UINT16 Reg16;
	UINT8 Reg8;
	WHV_X64_SEGMENT_REGISTER Segment;
	WHV_X64_TABLE_REGISTER Table;
	WHV_X64_FP_REGISTER Fp;
	WHV_X64_FP_CONTROL_STATUS_REGISTER FpControlStatus;
	WHV_X64_XMM_CONTROL_STATUS_REGISTER XmmControlStatus;
	WHV_X64_INTERRUPT_STATE_REGISTER InterruptState;
	WHV_X64_PENDING_INTERRUPTION_REGISTER PendingInterruption;
	WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER DeliverabilityNotifications;
	WHV_INTERNAL_ACTIVITY_REGISTER InternalActivity;
	WHV_X64_PENDING_DEBUG_EXCEPTION PendingDebugException;
	WHV_X64_PENDING_EXCEPTION_EVENT ExceptionEvent;
	WHV_X64_PENDING_EXT_INT_EVENT ExtIntEvent;
	WHV_X64_NESTED_GUEST_STATE NestedState;
	WHV_X64_NESTED_INVEPT_REGISTER InvEpt;
	WHV_X64_NESTED_INVVPID_REGISTER InvVpid;
	WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT0 SvmNestedExit0;
	WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT1 SvmNestedExit1;
	WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT2 SvmNestedExit2;
	WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT3 SvmNestedExit3;
	WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT0 VmxNestedExit0;
	WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT1 VmxNestedExit1;
	WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT2 VmxNestedExit2;
} WHV_REGISTER_VALUE;
WHP_ASSERT_SIZE(WHV_REGISTER_VALUE, 16);
WHP_ASSERT_ALIGN(WHV_REGISTER_VALUE, 16);

#endif /* WHP_WINHVREGISTERS_H */
