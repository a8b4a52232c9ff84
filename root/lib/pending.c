// SPDX-License-Identifier: MIT
/*
 * The functions of WHP that Whit has not got yet: each is E_NOTIMPL, whatever its parameters. One moves out
 * of here with the issue that implements it.
 */
#include "whp/WinHvPlatform.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define PENDING(name, ...)               \
	HRESULT WHVAPI name(__VA_ARGS__) \
	{                                \
		return E_NOTIMPL;        \
	}

PENDING(WHvStartPartitionMigration, WHV_PARTITION_HANDLE Partition, HANDLE *MigrationHandle)
PENDING(WHvCancelPartitionMigration, WHV_PARTITION_HANDLE Partition)
PENDING(WHvCompletePartitionMigration, WHV_PARTITION_HANDLE Partition)
PENDING(WHvAcceptPartitionMigration, HANDLE MigrationHandle, WHV_PARTITION_HANDLE *Partition)
PENDING(WHvSignalVirtualProcessorSynicEvent, WHV_PARTITION_HANDLE Partition,
	WHV_SYNIC_EVENT_PARAMETERS SynicEvent, BOOL *NewlySignaled)
PENDING(WHvPostVirtualProcessorSynicMessage, WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
	UINT32 SintIndex, const VOID *Message, UINT32 MessageSizeInBytes)
PENDING(WHvRegisterPartitionDoorbellEvent, WHV_PARTITION_HANDLE Partition,
	const WHV_DOORBELL_MATCH_DATA *MatchData, HANDLE EventHandle)
PENDING(WHvUnregisterPartitionDoorbellEvent, WHV_PARTITION_HANDLE Partition,
	const WHV_DOORBELL_MATCH_DATA *MatchData)
PENDING(WHvCreateTrigger, WHV_PARTITION_HANDLE Partition, const WHV_TRIGGER_PARAMETERS *Parameters,
	WHV_TRIGGER_HANDLE *TriggerHandle, HANDLE *EventHandle)
PENDING(WHvUpdateTriggerParameters, WHV_PARTITION_HANDLE Partition,
	const WHV_TRIGGER_PARAMETERS *Parameters, WHV_TRIGGER_HANDLE TriggerHandle)
PENDING(WHvDeleteTrigger, WHV_PARTITION_HANDLE Partition, WHV_TRIGGER_HANDLE TriggerHandle)
PENDING(WHvCreateNotificationPort, WHV_PARTITION_HANDLE Partition,
	const WHV_NOTIFICATION_PORT_PARAMETERS *Parameters, HANDLE EventHandle,
	WHV_NOTIFICATION_PORT_HANDLE *PortHandle)
PENDING(WHvSetNotificationPortProperty, WHV_PARTITION_HANDLE Partition,
	WHV_NOTIFICATION_PORT_HANDLE PortHandle, WHV_NOTIFICATION_PORT_PROPERTY_CODE PropertyCode,
	WHV_NOTIFICATION_PORT_PROPERTY PropertyValue)
PENDING(WHvDeleteNotificationPort, WHV_PARTITION_HANDLE Partition,
	WHV_NOTIFICATION_PORT_HANDLE PortHandle)
PENDING(WHvAllocateVpciResource, const GUID *ProviderId, WHV_ALLOCATE_VPCI_RESOURCE_FLAGS Flags,
	const VOID *ResourceDescriptor, UINT32 ResourceDescriptorSizeInBytes, HANDLE *VpciResource)
PENDING(WHvCreateVpciDevice, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	HANDLE VpciResource, WHV_CREATE_VPCI_DEVICE_FLAGS Flags, HANDLE NotificationEventHandle)
PENDING(WHvDeleteVpciDevice, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId)
PENDING(WHvGetVpciDeviceProperty, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	WHV_VPCI_DEVICE_PROPERTY_CODE PropertyCode, VOID *PropertyBuffer,
	UINT32 PropertyBufferSizeInBytes, UINT32 *WrittenSizeInBytes)
PENDING(WHvGetVpciDeviceNotification, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	WHV_VPCI_DEVICE_NOTIFICATION *Notification, UINT32 NotificationSizeInBytes)
PENDING(WHvMapVpciDeviceMmioRanges, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT32 *MappingCount, WHV_VPCI_MMIO_MAPPING **Mappings)
PENDING(WHvUnmapVpciDeviceMmioRanges, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId)
PENDING(WHvSetVpciDevicePowerState, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	DEVICE_POWER_STATE PowerState)
PENDING(WHvReadVpciDeviceRegister, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	const WHV_VPCI_DEVICE_REGISTER *Register, VOID *Data)
PENDING(WHvWriteVpciDeviceRegister, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	const WHV_VPCI_DEVICE_REGISTER *Register, const VOID *Data)
PENDING(WHvMapVpciDeviceInterrupt, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT32 Index, UINT32 MessageCount, const WHV_VPCI_INTERRUPT_TARGET *Target,
	UINT64 *MsiAddress, UINT32 *MsiData)
PENDING(WHvUnmapVpciDeviceInterrupt, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT32 Index)
PENDING(WHvRetargetVpciDeviceInterrupt, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT64 MsiAddress, UINT32 MsiData, const WHV_VPCI_INTERRUPT_TARGET *Target)
PENDING(WHvRequestVpciDeviceInterrupt, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT64 MsiAddress, UINT32 MsiData)
PENDING(WHvGetVpciDeviceInterruptTarget, WHV_PARTITION_HANDLE Partition, UINT64 LogicalDeviceId,
	UINT32 Index, UINT32 MultiMessageNumber, WHV_VPCI_INTERRUPT_TARGET *Target,
	UINT32 TargetSizeInBytes, UINT32 *BytesWritten)
