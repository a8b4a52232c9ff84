# SPDX-License-Identifier: MIT
"""What the two header sets need not share, each with its reason.

Owns: the lists. A name of a type covers every fact about it; Type.Member covers the member.
The lists are exact for Debian 12 (MinGW-w64 10); later headers may have some of it.
"""

# Records of which later SDKs named more: the place and the name of what is left reserved differ.
GROWN_RECORDS = (
    'WHV_ACCESS_GPA_CONTROLS',
    'WHV_CAPABILITY_FEATURES',
    'WHV_INTERRUPT_CONTROL',
    'WHV_NOTIFICATION_PORT_PARAMETERS',
    'WHV_PROCESSOR_FEATURES',
    'WHV_PROCESSOR_FEATURES1',
    'WHV_PROCESSOR_XSAVE_FEATURES',
    'WHV_SYNIC_EVENT_PARAMETERS',
    'WHV_SYNTHETIC_PROCESSOR_FEATURES',
    'WHV_X64_DELIVERABILITY_NOTIFICATIONS_REGISTER',
)

# Nothing of the oracle's is missing from our headers.
ONLY_THEIRS = {}

ONLY_OURS = {
    'status codes that MinGW lacks in winerror.h': '''
        WHV_E_UNKNOWN_CAPABILITY WHV_E_INSUFFICIENT_BUFFER WHV_E_UNKNOWN_PROPERTY
        WHV_E_UNSUPPORTED_HYPERVISOR_CONFIG WHV_E_INVALID_PARTITION_CONFIG
        WHV_E_GPA_RANGE_NOT_FOUND WHV_E_VP_ALREADY_EXISTS WHV_E_VP_DOES_NOT_EXIST
        WHV_E_INVALID_VP_STATE WHV_E_INVALID_VP_REGISTER_NAME WHV_E_UNSUPPORTED_PROCESSOR_CONFIG
        ERROR_HV_INVALID_HYPERCALL_CODE ERROR_HV_INVALID_HYPERCALL_INPUT
        ERROR_HV_INVALID_ALIGNMENT ERROR_HV_INVALID_PARAMETER ERROR_HV_ACCESS_DENIED
        ERROR_HV_INVALID_PARTITION_STATE ERROR_HV_OPERATION_DENIED ERROR_HV_UNKNOWN_PROPERTY
        ERROR_HV_PROPERTY_VALUE_OUT_OF_RANGE ERROR_HV_INSUFFICIENT_MEMORY
        ERROR_HV_INVALID_PARTITION_ID ERROR_HV_INVALID_VP_INDEX ERROR_HV_INVALID_PORT_ID
        ERROR_HV_INVALID_CONNECTION_ID ERROR_HV_NOT_ACKNOWLEDGED ERROR_HV_INVALID_VP_STATE
        ERROR_HV_INVALID_SYNIC_STATE ERROR_HV_OBJECT_IN_USE ERROR_HV_INVALID_REGISTER_VALUE
        ERROR_HV_INVALID_DEVICE_ID''',
    'registers 0x20A0 to 0x20B4 and 0x5050 to 0x5053: VMX, SVM, nested guest state': '''
        WHvX64RegisterMsrIa32MiscEnable WHvX64RegisterIa32FeatureControl
        WHvX64RegisterIa32VmxBasic WHvX64RegisterIa32VmxPinbasedCtls
        WHvX64RegisterIa32VmxProcbasedCtls WHvX64RegisterIa32VmxExitCtls
        WHvX64RegisterIa32VmxEntryCtls WHvX64RegisterIa32VmxMisc WHvX64RegisterIa32VmxCr0Fixed0
        WHvX64RegisterIa32VmxCr0Fixed1 WHvX64RegisterIa32VmxCr4Fixed0
        WHvX64RegisterIa32VmxCr4Fixed1 WHvX64RegisterIa32VmxVmcsEnum
        WHvX64RegisterIa32VmxProcbasedCtls2 WHvX64RegisterIa32VmxEptVpidCap
        WHvX64RegisterIa32VmxTruePinbasedCtls WHvX64RegisterIa32VmxTrueProcbasedCtls
        WHvX64RegisterIa32VmxTrueExitCtls WHvX64RegisterIa32VmxTrueEntryCtls
        WHvX64RegisterAmdVmHsavePa WHvX64RegisterAmdVmCr WHvX64RegisterNestedGuestState
        WHvX64RegisterNestedCurrentVmGpa WHvX64RegisterNestedVmxInvEpt
        WHvX64RegisterNestedVmxInvVpid''',
    'names of pending events, and a second name of a register': '''
        WHvRegisterPendingEvent1 WHvRegisterPendingEvent2 WHvRegisterPendingEvent3
        WHvRegisterDeliverabilityNotifications''',
    'capabilities and properties': '''
        WHvCapabilityCodePhysicalAddressWidth WHvPartitionPropertyCodePhysicalAddressWidth
        WHV_CAPABILITY.PhysicalAddressWidth WHV_PARTITION_PROPERTY.PhysicalAddressWidth
        WHV_CAPABILITY.NestedFeatureRegister WHvCapabilityCodeVmxBasic
        WHvCapabilityCodeVmxPinbasedCtls WHvCapabilityCodeVmxProcbasedCtls
        WHvCapabilityCodeVmxExitCtls WHvCapabilityCodeVmxEntryCtls WHvCapabilityCodeVmxMisc
        WHvCapabilityCodeVmxCr0Fixed0 WHvCapabilityCodeVmxCr0Fixed1 WHvCapabilityCodeVmxCr4Fixed0
        WHvCapabilityCodeVmxCr4Fixed1 WHvCapabilityCodeVmxVmcsEnum
        WHvCapabilityCodeVmxProcbasedCtls2 WHvCapabilityCodeVmxEptVpidCap
        WHvCapabilityCodeVmxTruePinbasedCtls WHvCapabilityCodeVmxTrueProcbasedCtls
        WHvCapabilityCodeVmxTrueExitCtls WHvCapabilityCodeVmxTrueEntryCtls''',
    'values of other enumerations': '''
        WHvProcessorVendorArm WHvVirtualProcessorStateTypeNestedState
        WHvX64ExceptionTypeControlProtectionFault WHvX64PendingEventSvmNestedExit
        WHvX64PendingEventVmxNestedExit WHvRunVpCancelReasonUser''',
    'later names of types that Debian 12 has under older ones': '''
        WHV_X64_PROCESSOR_FEATURES WHV_X64_PROCESSOR_FEATURES1 WHV_X64_VP_EXIT_CONTEXT
        WHV_X64_HYPERCALL_CONTEXT WHV_DELIVERABILITY_NOTIFICATIONS_REGISTER''',
    'feature bits that were reserved': '''
        WHV_CAPABILITY_FEATURES.DeviceAccessTracking WHV_PROCESSOR_FEATURES.UnrestrictedGuestSupport
        WHV_PROCESSOR_FEATURES1.La57Support WHV_PROCESSOR_FEATURES1.MbecSupport
        WHV_PROCESSOR_FEATURES1.TsxLdTrkSupport WHV_PROCESSOR_FEATURES1.VmxInsOutsExitInfoSupport
        WHV_PROCESSOR_FEATURES1.SbdrSsdpNoSupport WHV_PROCESSOR_FEATURES1.FbsdpNoSupport
        WHV_PROCESSOR_FEATURES1.PsdpNoSupport WHV_PROCESSOR_FEATURES1.FbClearSupport
        WHV_PROCESSOR_FEATURES1.BtcNoSupport WHV_PROCESSOR_FEATURES1.IbpbRsbFlushSupport
        WHV_PROCESSOR_FEATURES1.StibpAlwaysOnSupport WHV_PROCESSOR_FEATURES1.PerfGlobalCtrlSupport
        WHV_PROCESSOR_FEATURES1.NptExecuteOnlySupport WHV_PROCESSOR_FEATURES1.NptADFlagsSupport
        WHV_PROCESSOR_FEATURES1.Npt1GbPageSupport WHV_PROCESSOR_FEATURES1.CmpccxaddSupport
        WHV_PROCESSOR_FEATURES1.PrefetchISupport WHV_PROCESSOR_FEATURES1.Sha512Support
        WHV_PROCESSOR_FEATURES1.SM3Support WHV_PROCESSOR_FEATURES1.SM4Support
        WHV_PROCESSOR_FEATURES1.SbpbSupported WHV_PROCESSOR_FEATURES1.IbpbBrTypeSupported
        WHV_PROCESSOR_FEATURES1.SrsoNoSupported WHV_PROCESSOR_FEATURES1.SrsoUserKernelNoSupported
        WHV_PROCESSOR_XSAVE_FEATURES.AvxIfmaSupport WHV_PROCESSOR_XSAVE_FEATURES.AmxFp16Support
        WHV_PROCESSOR_XSAVE_FEATURES.AvxNeConvertSupport
        WHV_PROCESSOR_XSAVE_FEATURES.AvxVnniInt8Support
        WHV_PROCESSOR_XSAVE_FEATURES.AvxVnniInt16Support
        WHV_PROCESSOR_XSAVE_FEATURES.Avx10_1_256Support
        WHV_PROCESSOR_XSAVE_FEATURES.Avx10_1_512Support
        WHV_SYNTHETIC_PROCESSOR_FEATURES.RestoreTime
        WHV_SYNTHETIC_PROCESSOR_FEATURES.EnlightenedVmcs
        WHV_SYNTHETIC_PROCESSOR_FEATURES.NestedDebugCtl
        WHV_SYNTHETIC_PROCESSOR_FEATURES.SyntheticTimeUnhaltedTimer
        WHV_SYNTHETIC_PROCESSOR_FEATURES.IdleSpecCtrl WHV_SYNTHETIC_PROCESSOR_FEATURES.WakeVps
        WHV_SYNTHETIC_PROCESSOR_FEATURES.AccessVpRegs''',
    'other fields that were reserved, and views of a union': '''
        WHV_ACCESS_GPA_CONTROLS.InputVtl WHV_INTERRUPT_CONTROL.TargetVtl
        WHV_NOTIFICATION_PORT_PARAMETERS.ConnectionVtl WHV_SYNIC_EVENT_PARAMETERS.TargetVtl
        WHV_X64_DELIVERABILITY_NOTIFICATIONS_REGISTER.Sint WHV_RUN_VP_EXIT_CONTEXT.AsUINT64''',
    'trust levels': '''
        WHV_VTL WHV_VTL_ALL WHV_INPUT_VTL WHV_VTL_PERMISSION_SET WHV_ENABLE_PARTITION_VTL_FLAGS
        WHV_DISABLE_PARTITION_VTL_FLAGS WHV_DISABLE_VP_VTL_FLAGS WHV_INITIAL_VP_CONTEXT
        WHV_TRANSLATE_GVA_2_FLAGS''',
    'nested virtualization': '''
        WHvNestedStateTypeVmx WHvNestedStateTypeSvm WHV_NESTED_STATE_TYPE
        WHV_NESTED_ENLIGHTENMENTS_CONTROL WHV_X64_NESTED_STATE WHV_X64_VMX_NESTED_STATE
        WHV_X64_SVM_NESTED_STATE WHV_SVM_NESTED_HOST_STATE WHV_SVM_VMCB_SELECTOR
        WHV_X64_NESTED_GUEST_STATE WHV_X64_NESTED_INVEPT_REGISTER WHV_X64_NESTED_INVVPID_REGISTER
        WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT0 WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT1
        WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT2 WHV_X64_PENDING_SVM_NESTED_EXIT_EVENT3
        WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT0 WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT1
        WHV_X64_PENDING_VMX_NESTED_EXIT_EVENT2 WHV_REGISTER_VALUE.NestedState
        WHV_REGISTER_VALUE.InvEpt WHV_REGISTER_VALUE.InvVpid WHV_REGISTER_VALUE.SvmNestedExit0
        WHV_REGISTER_VALUE.SvmNestedExit1 WHV_REGISTER_VALUE.SvmNestedExit2
        WHV_REGISTER_VALUE.SvmNestedExit3 WHV_REGISTER_VALUE.VmxNestedExit0
        WHV_REGISTER_VALUE.VmxNestedExit1 WHV_REGISTER_VALUE.VmxNestedExit2''',
}


def names(reasons):
    """All names of a list."""
    return {name for text in reasons.values() for name in text.split()}
