/* SPDX-License-Identifier: MIT */
/*
 * WHP: the 66 functions. What a client links against; what a hypervisor's library provides.
 *
 * Owns: the prototypes and their contracts. Types are in WinHvPlatformDefs.h.
 *
 * The order of calls: capabilities at any time; create a partition, set properties (ProcessorCount
 * is the one that must be set), set it up; from then on map memory and create virtual processors
 * in any order; run each processor on a thread of its own.
 *
 * For every function, unless its comment says otherwise:
 * - it returns S_OK or a failure code, and a failed call has changed nothing;
 * - a handle that is not of a live partition, or a null pointer that is not marked optional, is
 *   E_INVALIDARG or E_POINTER; a VpIndex without a processor is WHV_E_VP_DOES_NOT_EXIST;
 * - a buffer shorter than its value is WHV_E_INSUFFICIENT_BUFFER, and what was written, or would
 *   have been, is told in the optional Written parameter;
 * - sizes are bytes; addresses and sizes of GPA ranges are multiples of 4 KiB;
 * - registers and other state of a processor are touched only while it is not in Run; requests for
 *   interrupts, mappings, dirty bitmaps, doorbells, triggers and ports may come at any time.
 */
#ifndef WHP_WINHVPLATFORM_H
#define WHP_WINHVPLATFORM_H

#include "WinHvPlatformDefs.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Platform
 */

/*
 * Reads one capability of the host. Needs no partition, and succeeds without a hypervisor, saying
 * HypervisorPresent = 0. WHV_E_UNKNOWN_CAPABILITY; WrittenSizeInBytes (optional) gets the exact
 * size of the value.
 */
HRESULT WHVAPI WHvGetCapability(WHV_CAPABILITY_CODE CapabilityCode, VOID *CapabilityBuffer,
				UINT32 CapabilityBufferSizeInBytes, UINT32 *WrittenSizeInBytes);

/*
 * Partitions
 */

/* Makes the handle of a partition that has properties and nothing else yet. */
HRESULT WHVAPI WHvCreatePartition(WHV_PARTITION_HANDLE *Partition);

/*
 * Makes the partition real, from the properties set so far; once. WHV_E_INVALID_PARTITION_CONFIG
 * without a ProcessorCount, WHV_E_UNSUPPORTED_* for what this host cannot do.
 */
HRESULT WHVAPI WHvSetupPartition(WHV_PARTITION_HANDLE Partition);

/*
 * Puts every processor and every device that the platform emulates to its reset state; memory,
 * properties and the set of processors stay, and so does the TSC. Time stands still until the next
 * Run. ERROR_INVALID_STATE (wrapped) before set-up.
 */
HRESULT WHVAPI WHvResetPartition(WHV_PARTITION_HANDLE Partition);

/*
 * Destroys the partition with everything in it; processors need not be deleted first. Threads that
 * were in a call on it, in Run above all, have come back before.
 */
HRESULT WHVAPI WHvDeletePartition(WHV_PARTITION_HANDLE Partition);

/*
 * Reads one property. WHV_E_UNKNOWN_PROPERTY; ERROR_NOT_SUPPORTED (wrapped) for CpuidExitList and
 * CpuidResultList. WrittenSizeInBytes is optional.
 */
HRESULT WHVAPI WHvGetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes,
				       UINT32 *WrittenSizeInBytes);

/*
 * Writes one property. A buffer longer than a scalar is accepted; a list is a whole number of
 * elements. Before set-up, but for ExtendedVmExits, ExceptionExitBitmap, X64MsrExitBitmap and
 * CpuidExitList, which may change while no processor runs. WHV_E_UNKNOWN_PROPERTY; E_INVALIDARG
 * for a value or a moment that does not fit.
 */
HRESULT WHVAPI WHvSetPartitionProperty(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_PROPERTY_CODE PropertyCode,
				       const VOID *PropertyBuffer,
				       UINT32 PropertyBufferSizeInBytes);

/* Stops TSC, reference time and timers; no processor may be in Run. The next Run restarts them. */
HRESULT WHVAPI WHvSuspendPartitionTime(WHV_PARTITION_HANDLE Partition);

HRESULT WHVAPI WHvResumePartitionTime(WHV_PARTITION_HANDLE Partition);

/* Reads a WHV_PARTITION_*_COUNTERS. WHV_E_UNKNOWN_PROPERTY for an unknown set. */
HRESULT WHVAPI WHvGetPartitionCounters(WHV_PARTITION_HANDLE Partition,
				       WHV_PARTITION_COUNTER_SET CounterSet, VOID *Buffer,
				       UINT32 BufferSizeInBytes, UINT32 *BytesWritten);

/*
 * Hands a partition to another process: Start here, Accept there with the handle duplicated,
 * Complete here, set up there; Cancel here takes it back. ERROR_INVALID_STATE (wrapped) in the
 * wrong order; Accept may say E_INVALIDARG, ERROR_INVALID_DATA or ERROR_NOT_SUPPORTED.
 */
HRESULT WHVAPI WHvStartPartitionMigration(WHV_PARTITION_HANDLE Partition, HANDLE *MigrationHandle);
HRESULT WHVAPI WHvCancelPartitionMigration(WHV_PARTITION_HANDLE Partition);
HRESULT WHVAPI WHvCompletePartitionMigration(WHV_PARTITION_HANDLE Partition);
HRESULT WHVAPI WHvAcceptPartitionMigration(HANDLE MigrationHandle, WHV_PARTITION_HANDLE *Partition);

/*
 * Memory
 */

/*
 * Maps the caller's memory at a guest-physical address, page by page replacing what was there.
 * After set-up. E_INVALIDARG: unaligned, empty, beyond the physical address width, bad flags. The
 * memory may be reserved and not yet touched.
 */
HRESULT WHVAPI WHvMapGpaRange(WHV_PARTITION_HANDLE Partition, VOID *SourceAddress,
			      WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes,
			      WHV_MAP_GPA_RANGE_FLAGS Flags);

/* The same with memory of another process, of which SourceAddress is an address. */
HRESULT WHVAPI WHvMapGpaRange2(WHV_PARTITION_HANDLE Partition, HANDLE Process, VOID *SourceAddress,
			       WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes,
			       WHV_MAP_GPA_RANGE_FLAGS Flags);

/*
 * Removes mappings. A part of a mapped range only where the PartialUnmap capability is there.
 * WHV_E_GPA_RANGE_NOT_FOUND is documented for what was never mapped; clients count on success.
 */
HRESULT WHVAPI WHvUnmapGpaRange(WHV_PARTITION_HANDLE Partition,
				WHV_GUEST_PHYSICAL_ADDRESS GuestAddress, UINT64 SizeInBytes);

/*
 * Walks the guest's page tables as the stopped processor would. Whenever the walk could be done
 * the call succeeds, and TranslationResult has the verdict; Gpa includes the offset in the page.
 */
HRESULT WHVAPI WHvTranslateGva(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
			       WHV_GUEST_VIRTUAL_ADDRESS Gva,
			       WHV_TRANSLATE_GVA_FLAGS TranslateFlags,
			       WHV_TRANSLATE_GVA_RESULT *TranslationResult,
			       WHV_GUEST_PHYSICAL_ADDRESS *Gpa);

/*
 * Fetches and clears the dirty bits of a range mapped with TrackDirtyPages: one bit per page,
 * BitmapSizeInBytes a multiple of 8. No bitmap and size 0: clears only.
 * WHV_E_GPA_RANGE_NOT_FOUND if the range is not mapped so.
 */
HRESULT WHVAPI WHvQueryGpaRangeDirtyBitmap(WHV_PARTITION_HANDLE Partition,
					   WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
					   UINT64 RangeSizeInBytes, UINT64 *Bitmap,
					   UINT32 BitmapSizeInBytes);

/*
 * Populates, pins or unpins ranges. Populate takes any alignment and a
 * WHV_ADVISE_GPA_RANGE_POPULATE; the others take pages, are counted, and have no buffer.
 */
HRESULT WHVAPI WHvAdviseGpaRange(WHV_PARTITION_HANDLE Partition,
				 const WHV_MEMORY_RANGE_ENTRY *GpaRanges, UINT32 GpaRangesCount,
				 WHV_ADVISE_GPA_RANGE_CODE Advice, const VOID *AdviceBuffer,
				 UINT32 AdviceBufferSizeInBytes);

/*
 * Reads up to WHV_READ_WRITE_GPA_RANGE_MAX_SIZE bytes at any GPA, as the processor would see
 * them. E_INVALIDARG for a size, cache type, trust level or reserved bits; E_ACCESSDENIED where
 * nothing is mapped.
 */
HRESULT WHVAPI WHvReadGpaRange(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
			       WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
			       WHV_ACCESS_GPA_CONTROLS Controls, PVOID Data,
			       UINT32 DataSizeInBytes);

HRESULT WHVAPI WHvWriteGpaRange(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				WHV_GUEST_PHYSICAL_ADDRESS GuestAddress,
				WHV_ACCESS_GPA_CONTROLS Controls, const VOID *Data,
				UINT32 DataSizeInBytes);

/*
 * Virtual processors
 */

/*
 * Makes a processor; its APIC ID is its index. After set-up. Flags is 0. WHV_E_VP_ALREADY_EXISTS;
 * E_INVALIDARG for an index that is not below ProcessorCount.
 */
HRESULT WHVAPI WHvCreateVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					 UINT32 Flags);

/* The same with properties, of which there may be none. */
HRESULT WHVAPI WHvCreateVirtualProcessor2(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					  const WHV_VIRTUAL_PROCESSOR_PROPERTY *Properties,
					  UINT32 PropertyCount);

/* The processor must not be in Run. */
HRESULT WHVAPI WHvDeleteVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex);

/*
 * Enters the guest; returns at the next exit that the client must see, with its record. One
 * thread per processor at a time. The buffer must hold the record of any exit that the partition can
 * have, since the reason is not known before: 144 bytes, and the whole structure once HypercallExit
 * or the emulation of device accesses has been asked for. WHV_E_INSUFFICIENT_BUFFER;
 * WHV_E_INVALID_VP_STATE if the processor is in Run already.
 */
HRESULT WHVAPI WHvRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				      VOID *ExitContext, UINT32 ExitContextSizeInBytes);

/*
 * Makes Run return with reason Canceled, from any thread. If the processor is not in Run, the next
 * Run returns so without entering the guest; several calls count as one. Flags is 0.
 */
HRESULT WHVAPI WHvCancelRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					    UINT32 Flags);

/* Reads registers, in the order of the names. WHV_E_INVALID_VP_REGISTER_NAME. */
HRESULT WHVAPI WHvGetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       WHV_REGISTER_VALUE *RegisterValues);

/*
 * Writes registers, in the order of the names; those before the one that failed may have been
 * written. WHV_E_INVALID_VP_REGISTER_NAME; an illegal value is ERROR_HV_INVALID_REGISTER_VALUE, or
 * comes back from Run as reason InvalidVpRegisterValue.
 */
HRESULT WHVAPI WHvSetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       const WHV_REGISTER_VALUE *RegisterValues);

/* The local APIC in the packing of the first SDK. Deprecated: use the second form. */
HRESULT WHVAPI WHvGetVirtualProcessorInterruptControllerState(WHV_PARTITION_HANDLE Partition,
							      UINT32 VpIndex, VOID *State,
							      UINT32 StateSize,
							      UINT32 *WrittenSize);

HRESULT WHVAPI WHvSetVirtualProcessorInterruptControllerState(WHV_PARTITION_HANDLE Partition,
							      UINT32 VpIndex, const VOID *State,
							      UINT32 StateSize);

/*
 * The local APIC as its MMIO page of 4096 bytes, of which 1024 are used; a pending NMI is IRR
 * bit 2. WHV_E_INVALID_VP_STATE without APIC emulation.
 */
HRESULT WHVAPI WHvGetVirtualProcessorInterruptControllerState2(WHV_PARTITION_HANDLE Partition,
							       UINT32 VpIndex, VOID *State,
							       UINT32 StateSize,
							       UINT32 *WrittenSize);

/* Setting the task priority sets CR8 too. E_POINTER for no page or a short one. */
HRESULT WHVAPI WHvSetVirtualProcessorInterruptControllerState2(WHV_PARTITION_HANDLE Partition,
							       UINT32 VpIndex, const VOID *State,
							       UINT32 StateSize);

/* The XSAVE area in its compacted form (XCOMP_BV bit 63 is set). BytesWritten is not optional. */
HRESULT WHVAPI WHvGetVirtualProcessorXsaveState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						VOID *Buffer, UINT32 BufferSizeInBytes,
						UINT32 *BytesWritten);

HRESULT WHVAPI WHvSetVirtualProcessorXsaveState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						const VOID *Buffer, UINT32 BufferSizeInBytes);

/* State by its kind: SynIC pages and timers, local APIC, XSAVE, nested. E_INVALIDARG. */
HRESULT WHVAPI WHvGetVirtualProcessorState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					   WHV_VIRTUAL_PROCESSOR_STATE_TYPE StateType, VOID *Buffer,
					   UINT32 BufferSizeInBytes, UINT32 *BytesWritten);

/* The buffer has exactly the size of the state. */
HRESULT WHVAPI WHvSetVirtualProcessorState(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					   WHV_VIRTUAL_PROCESSOR_STATE_TYPE StateType,
					   const VOID *Buffer, UINT32 BufferSizeInBytes);

/* Reads a WHV_PROCESSOR_*_COUNTERS. WHV_E_UNKNOWN_PROPERTY for an unknown set. */
HRESULT WHVAPI WHvGetVirtualProcessorCounters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					      WHV_PROCESSOR_COUNTER_SET CounterSet, VOID *Buffer,
					      UINT32 BufferSizeInBytes, UINT32 *BytesWritten);

/* What CPUID would return in the guest, result lists included. E_POINTER without an output. */
HRESULT WHVAPI WHvGetVirtualProcessorCpuidOutput(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						 UINT32 Eax, UINT32 Ecx,
						 WHV_CPUID_OUTPUT *CpuidOutput);

/*
 * Interrupts and signals
 */

/*
 * Sends an interrupt through the emulated local APICs and wakes whom it hits, halted in Run or
 * not. Needs a LocalApicEmulationMode.
 */
HRESULT WHVAPI WHvRequestInterrupt(WHV_PARTITION_HANDLE Partition,
				   const WHV_INTERRUPT_CONTROL *Interrupt,
				   UINT32 InterruptControlSize);

/*
 * Lists the processors that an APIC destination hits. E_INVALIDARG for a mode, or for fewer than
 * ProcessorCount places (VpCount); ERROR_HV_OPERATION_DENIED without APIC emulation.
 */
HRESULT WHVAPI WHvGetInterruptTargetVpSet(WHV_PARTITION_HANDLE Partition, UINT64 Destination,
					  WHV_INTERRUPT_DESTINATION_MODE DestinationMode,
					  UINT32 *TargetVps, UINT32 VpCount, UINT32 *TargetVpCount);

/*
 * Sets a flag of the SynIC event page; NewlySignaled (optional) says whether it was clear.
 * E_INVALIDARG for a trust level, ERROR_HV_INVALID_SYNIC_STATE.
 */
HRESULT WHVAPI WHvSignalVirtualProcessorSynicEvent(WHV_PARTITION_HANDLE Partition,
						   WHV_SYNIC_EVENT_PARAMETERS SynicEvent,
						   BOOL *NewlySignaled);

/*
 * Puts a message of up to WHV_SYNIC_MESSAGE_SIZE bytes into a slot of the SynIC message page.
 * E_INVALIDARG for a longer one; ERROR_HV_OBJECT_IN_USE for a slot that is not free.
 */
HRESULT WHVAPI WHvPostVirtualProcessorSynicMessage(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
						   UINT32 SintIndex, const VOID *Message,
						   UINT32 MessageSizeInBytes);

/*
 * Lets a write of the guest set an event instead of causing an exit. The page must not be mapped;
 * its other accesses exit as ever. E_INVALIDARG for match data against their rules,
 * ERROR_HV_INVALID_PARAMETER for a conflict. Deprecated: use notification ports.
 */
HRESULT WHVAPI WHvRegisterPartitionDoorbellEvent(WHV_PARTITION_HANDLE Partition,
						 const WHV_DOORBELL_MATCH_DATA *MatchData,
						 HANDLE EventHandle);

/* The match data are those of the registration; else ERROR_NOT_FOUND (wrapped). */
HRESULT WHVAPI WHvUnregisterPartitionDoorbellEvent(WHV_PARTITION_HANDLE Partition,
						   const WHV_DOORBELL_MATCH_DATA *MatchData);

/*
 * Makes an event that, when set, gives the guest an interrupt. Settings before delivery count as
 * one. The caller closes the event. E_INVALIDARG, ERROR_HV_INVALID_DEVICE_ID.
 */
HRESULT WHVAPI WHvCreateTrigger(WHV_PARTITION_HANDLE Partition,
				const WHV_TRIGGER_PARAMETERS *Parameters,
				WHV_TRIGGER_HANDLE *TriggerHandle, HANDLE *EventHandle);

/* The type stays what it was. */
HRESULT WHVAPI WHvUpdateTriggerParameters(WHV_PARTITION_HANDLE Partition,
					  const WHV_TRIGGER_PARAMETERS *Parameters,
					  WHV_TRIGGER_HANDLE TriggerHandle);

HRESULT WHVAPI WHvDeleteTrigger(WHV_PARTITION_HANDLE Partition, WHV_TRIGGER_HANDLE TriggerHandle);

/* Sets the event when the guest signals the connection or writes the doorbell. E_INVALIDARG. */
HRESULT WHVAPI WHvCreateNotificationPort(WHV_PARTITION_HANDLE Partition,
					 const WHV_NOTIFICATION_PORT_PARAMETERS *Parameters,
					 HANDLE EventHandle,
					 WHV_NOTIFICATION_PORT_HANDLE *PortHandle);

HRESULT WHVAPI WHvSetNotificationPortProperty(WHV_PARTITION_HANDLE Partition,
					      WHV_NOTIFICATION_PORT_HANDLE PortHandle,
					      WHV_NOTIFICATION_PORT_PROPERTY_CODE PropertyCode,
					      WHV_NOTIFICATION_PORT_PROPERTY PropertyValue);

HRESULT WHVAPI WHvDeleteNotificationPort(WHV_PARTITION_HANDLE Partition,
					 WHV_NOTIFICATION_PORT_HANDLE PortHandle);

/*
 * Devices of the host. All need the property AllowDeviceAssignment.
 */

/* Opens a device; descriptor and provider are optional. ERROR_NOT_FOUND (wrapped). */
HRESULT WHVAPI WHvAllocateVpciResource(const GUID *ProviderId,
				       WHV_ALLOCATE_VPCI_RESOURCE_FLAGS Flags,
				       const VOID *ResourceDescriptor,
				       UINT32 ResourceDescriptorSizeInBytes, HANDLE *VpciResource);

/* Attaches it under a number of the caller's choice; the event (optional) tells of notifications. */
HRESULT WHVAPI WHvCreateVpciDevice(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
				   HANDLE VpciResource, WHV_CREATE_VPCI_DEVICE_FLAGS Flags,
				   HANDLE NotificationEventHandle);

HRESULT WHVAPI WHvDeleteVpciDevice(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId);

/* WHV_E_UNKNOWN_PROPERTY. */
HRESULT WHVAPI WHvGetVpciDeviceProperty(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					WHV_VPCI_DEVICE_PROPERTY_CODE PropertyCode,
					VOID *PropertyBuffer, UINT32 PropertyBufferSizeInBytes,
					UINT32 *WrittenSizeInBytes);

/* Takes the oldest notification; type Undefined if there is none. */
HRESULT WHVAPI WHvGetVpciDeviceNotification(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					    WHV_VPCI_DEVICE_NOTIFICATION *Notification,
					    UINT32 NotificationSizeInBytes);

/* Maps the device's MMIO ranges into the caller; the array is the platform's until Unmap. */
HRESULT WHVAPI WHvMapVpciDeviceMmioRanges(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					  UINT32 *MappingCount, WHV_VPCI_MMIO_MAPPING **Mappings);

HRESULT WHVAPI WHvUnmapVpciDeviceMmioRanges(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId);

HRESULT WHVAPI WHvSetVpciDevicePowerState(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					  DEVICE_POWER_STATE PowerState);

/* Data is as long as Register->SizeInBytes says. */
HRESULT WHVAPI WHvReadVpciDeviceRegister(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					 const WHV_VPCI_DEVICE_REGISTER *Register, VOID *Data);

HRESULT WHVAPI WHvWriteVpciDeviceRegister(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					  const WHV_VPCI_DEVICE_REGISTER *Register,
					  const VOID *Data);

/*
 * Allocates the address and data of an MSI. E_INVALIDARG for an Index above 65535, a MessageCount
 * that is not a power of two from 1 to 32, flags, or processors.
 */
HRESULT WHVAPI WHvMapVpciDeviceInterrupt(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					 UINT32 Index, UINT32 MessageCount,
					 const WHV_VPCI_INTERRUPT_TARGET *Target,
					 UINT64 *MsiAddress, UINT32 *MsiData);

HRESULT WHVAPI WHvUnmapVpciDeviceInterrupt(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					   UINT32 Index);

HRESULT WHVAPI WHvRetargetVpciDeviceInterrupt(WHV_PARTITION_HANDLE Partition,
					      UINT64 LogicalDeviceId, UINT64 MsiAddress,
					      UINT32 MsiData,
					      const WHV_VPCI_INTERRUPT_TARGET *Target);

/* Raises it. ERROR_HV_INVALID_PARAMETER for an address above 4 GiB. */
HRESULT WHVAPI WHvRequestVpciDeviceInterrupt(WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
					     UINT64 MsiAddress, UINT32 MsiData);

HRESULT WHVAPI WHvGetVpciDeviceInterruptTarget(WHV_PARTITION_HANDLE Partition,
					       UINT64 LogicalDeviceId, UINT32 Index,
					       UINT32 MultiMessageNumber,
					       WHV_VPCI_INTERRUPT_TARGET *Target,
					       UINT32 TargetSizeInBytes, UINT32 *BytesWritten);

#ifdef __cplusplus
}
#endif

#endif /* WHP_WINHVPLATFORM_H */
