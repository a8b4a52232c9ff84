/* SPDX-License-Identifier: MIT */
/*
 * WHP: state of a guest that is itself a hypervisor, and of trust levels.
 *
 * Owns: the value of WHvVirtualProcessorStateTypeNestedState (two pages: the platform's view of the
 * nested hypervisor, then the current VMCS or VMCB), and the records of trust levels, which no
 * function takes yet.
 */
#ifndef WHP_WINHVNESTED_H
#define WHP_WINHVNESTED_H

#include "WinHvRegisters.h"

typedef enum WHV_NESTED_STATE_TYPE {
	WHvNestedStateTypeVmx = 0,
	WHvNestedStateTypeSvm = 1,
} WHV_NESTED_STATE_TYPE;
WHP_ASSERT_SIZE(WHV_NESTED_STATE_TYPE, 4);

typedef struct WHV_NESTED_ENLIGHTENMENTS_CONTROL {
	union {
		UINT32 AsUINT32;
		struct {
			UINT32 DirectHypercall : 1;
			UINT32 VirtualizationException : 1;
			UINT32 Reserved : 30;
		};
	} Features;
	union {
		UINT32 AsUINT32;
		struct {
			UINT32 InterPartitionCommunication : 1;
			UINT32 Reserved : 31;
		};
	} HypercallControls;
} WHV_NESTED_ENLIGHTENMENTS_CONTROL;
WHP_ASSERT_SIZE(WHV_NESTED_ENLIGHTENMENTS_CONTROL, 8);

typedef struct WHV_X64_VMX_NESTED_STATE {
	WHV_NESTED_STATE_TYPE Vendor;
	struct {
		UINT32 GuestMode : 1;
		UINT32 Vmxon : 1;
		UINT32 CurrentVmcsValid : 1;
		UINT32 VmEntryPending : 1;
		UINT32 VmcsEnlightened : 1;
		UINT32 EnlightenedVmEntry : 1;
		UINT32 Reserved : 26;
	} Flags;
	WHV_NESTED_ENLIGHTENMENTS_CONTROL NestedEnlightenmentsControl;
	UINT64 Pdpt[4];
	UINT64 VmxonRegionGpa;
	UINT64 VmcsGpa;
	UINT64 CurrentEnlightenedVmcs;
	struct {
		UINT32 Tpr;
		UINT32 Ppr;
		UINT32 Isr[8];
		UINT32 Irr[8];
		UINT32 IcrLow;
		UINT32 IcrHigh;
	} VirtualApicRegs;
	UINT8 Reserved[3944];
	UINT8 VmcsBytes[4096] __attribute__((aligned(4096)));
} WHV_X64_VMX_NESTED_STATE;
WHP_ASSERT_SIZE(WHV_X64_VMX_NESTED_STATE, 8192);
WHP_ASSERT_OFFSET(WHV_X64_VMX_NESTED_STATE, VirtualApicRegs, 72);
WHP_ASSERT_OFFSET(WHV_X64_VMX_NESTED_STATE, VmcsBytes, 4096);

/* A segment as a VMCB holds it. */
typedef struct WHV_SVM_VMCB_SELECTOR {
	UINT16 Selector;
	UINT16 Attrib;
	UINT32 Limit;
	UINT64 Base;
} WHV_SVM_VMCB_SELECTOR;
WHP_ASSERT_SIZE(WHV_SVM_VMCB_SELECTOR, 16);

/* What VMRUN saved of the nested hypervisor. */
typedef struct WHV_SVM_NESTED_HOST_STATE {
	UINT64 Rip;
	UINT64 Rsp;
	UINT64 Rflags;
	UINT64 Rax;
	WHV_SVM_VMCB_SELECTOR Es;
	WHV_SVM_VMCB_SELECTOR Cs;
	WHV_SVM_VMCB_SELECTOR Ss;
	WHV_SVM_VMCB_SELECTOR Ds;
	WHV_SVM_VMCB_SELECTOR Gdtr;
	WHV_SVM_VMCB_SELECTOR Idtr;
	UINT64 Efer;
	UINT64 Cr0;
	UINT64 Cr3;
	UINT64 Cr4;
	UINT64 VirtualTpr;
	UINT64 Reserved[6];
} WHV_SVM_NESTED_HOST_STATE;
WHP_ASSERT_SIZE(WHV_SVM_NESTED_HOST_STATE, 216);
WHP_ASSERT_OFFSET(WHV_SVM_NESTED_HOST_STATE, Efer, 128);

typedef struct WHV_X64_SVM_NESTED_STATE {
	WHV_NESTED_STATE_TYPE Vendor;
	struct {
		UINT32 GuestMode : 1;
		UINT32 VmEntryPending : 1;
		UINT32 HostSaveGpaValid : 1;
		UINT32 CurrentVmcbValid : 1;
		UINT32 Reserved : 28;
	} Flags;
	WHV_NESTED_ENLIGHTENMENTS_CONTROL NestedEnlightenmentsControl;
	UINT64 HostSaveGpa;
	UINT64 VmControlMsr;
	UINT64 VirtualTscRatioMsr;
	UINT64 VmcbGpa;
	WHV_SVM_NESTED_HOST_STATE HostState;
	UINT8 Reserved[3832];
	UINT8 VmcbBytes[4096] __attribute__((aligned(4096)));
} WHV_X64_SVM_NESTED_STATE;
WHP_ASSERT_SIZE(WHV_X64_SVM_NESTED_STATE, 8192);
WHP_ASSERT_OFFSET(WHV_X64_SVM_NESTED_STATE, HostState, 48);
WHP_ASSERT_OFFSET(WHV_X64_SVM_NESTED_STATE, VmcbBytes, 4096);

/* Vendor, the first member of both, says which. */
typedef union WHV_X64_NESTED_STATE {
	WHV_X64_VMX_NESTED_STATE Vmx;
	WHV_X64_SVM_NESTED_STATE Svm;
} WHV_X64_NESTED_STATE;
WHP_ASSERT_SIZE(WHV_X64_NESTED_STATE, 8192);
WHP_ASSERT_ALIGN(WHV_X64_NESTED_STATE, 4096);

typedef union WHV_ENABLE_PARTITION_VTL_FLAGS {
	UINT8 AsUINT8;
	struct {
		UINT8 EnableMbec : 1;
		UINT8 EnableSupervisorShadowStack : 1;
		UINT8 EnableHardwareHvpt : 1;
		UINT8 Reserved : 5;
	};
} WHV_ENABLE_PARTITION_VTL_FLAGS;
WHP_ASSERT_SIZE(WHV_ENABLE_PARTITION_VTL_FLAGS, 1);

typedef union WHV_DISABLE_PARTITION_VTL_FLAGS {
	UINT8 AsUINT8;
	struct {
		UINT8 ScrubOnly : 1;
		UINT8 Reserved : 7;
	};
} WHV_DISABLE_PARTITION_VTL_FLAGS;
WHP_ASSERT_SIZE(WHV_DISABLE_PARTITION_VTL_FLAGS, 1);

typedef union WHV_DISABLE_VP_VTL_FLAGS {
	UINT8 AsUINT8;
	struct {
		UINT8 ScrubOnly : 1;
		UINT8 Reserved : 7;
	};
} WHV_DISABLE_VP_VTL_FLAGS;
WHP_ASSERT_SIZE(WHV_DISABLE_VP_VTL_FLAGS, 1);

/* Where a trust level begins to execute. */
typedef struct WHV_INITIAL_VP_CONTEXT {
	UINT64 Rip;
	UINT64 Rsp;
	UINT64 Rflags;
	WHV_X64_SEGMENT_REGISTER Cs;
	WHV_X64_SEGMENT_REGISTER Ds;
	WHV_X64_SEGMENT_REGISTER Es;
	WHV_X64_SEGMENT_REGISTER Fs;
	WHV_X64_SEGMENT_REGISTER Gs;
	WHV_X64_SEGMENT_REGISTER Ss;
	WHV_X64_SEGMENT_REGISTER Tr;
	WHV_X64_SEGMENT_REGISTER Ldtr;
	WHV_X64_TABLE_REGISTER Idtr;
	WHV_X64_TABLE_REGISTER Gdtr;
	UINT64 Efer;
	UINT64 Cr0;
	UINT64 Cr3;
	UINT64 Cr4;
	UINT64 MsrCrPat;
} WHV_INITIAL_VP_CONTEXT;
WHP_ASSERT_SIZE(WHV_INITIAL_VP_CONTEXT, 224);

#endif /* WHP_WINHVNESTED_H */
