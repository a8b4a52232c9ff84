/* SPDX-License-Identifier: MIT */
/*
 * WHP: devices of the host given to a partition.
 *
 * Owns: the records of the WHv*Vpci* functions. A device is known to its partition by the logical
 * device number that the client chose.
 */
#ifndef WHP_WINHVVPCI_H
#define WHP_WINHVVPCI_H

#include "WinTypes.h"

typedef enum WHV_ALLOCATE_VPCI_RESOURCE_FLAGS {
	WHvAllocateVpciResourceFlagNone = 0x0,
	WHvAllocateVpciResourceFlagAllowDirectP2P = 0x1,
} WHV_ALLOCATE_VPCI_RESOURCE_FLAGS;
WHP_ASSERT_SIZE(WHV_ALLOCATE_VPCI_RESOURCE_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_ALLOCATE_VPCI_RESOURCE_FLAGS)

/* Characters of 16 bits, the ending zero included. */
#define WHV_MAX_DEVICE_ID_SIZE_IN_CHARS 200

typedef struct WHV_SRIOV_RESOURCE_DESCRIPTOR {
	UINT16 PnpInstanceId[WHV_MAX_DEVICE_ID_SIZE_IN_CHARS];
	LUID VirtualFunctionId;
	UINT16 VirtualFunctionIndex;
	UINT16 Reserved;
} WHV_SRIOV_RESOURCE_DESCRIPTOR;
WHP_ASSERT_SIZE(WHV_SRIOV_RESOURCE_DESCRIPTOR, 412);
WHP_ASSERT_OFFSET(WHV_SRIOV_RESOURCE_DESCRIPTOR, VirtualFunctionId, 400);

typedef enum WHV_CREATE_VPCI_DEVICE_FLAGS {
	WHvCreateVpciDeviceFlagNone = 0x0,
	WHvCreateVpciDeviceFlagPhysicallyBacked = 0x1,
	WHvCreateVpciDeviceFlagUseLogicalInterrupts = 0x2,
} WHV_CREATE_VPCI_DEVICE_FLAGS;
WHP_ASSERT_SIZE(WHV_CREATE_VPCI_DEVICE_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_CREATE_VPCI_DEVICE_FLAGS)

typedef enum WHV_VPCI_DEVICE_NOTIFICATION_TYPE {
	WHvVpciDeviceNotificationUndefined = 0,
	WHvVpciDeviceNotificationMmioRemapping = 1,
	WHvVpciDeviceNotificationSurpriseRemoval = 2,
} WHV_VPCI_DEVICE_NOTIFICATION_TYPE;
WHP_ASSERT_SIZE(WHV_VPCI_DEVICE_NOTIFICATION_TYPE, 4);

typedef struct WHV_VPCI_DEVICE_NOTIFICATION {
	WHV_VPCI_DEVICE_NOTIFICATION_TYPE NotificationType;
	UINT32 Reserved1;
	union {
		UINT64 Reserved2;
	};
} WHV_VPCI_DEVICE_NOTIFICATION;
WHP_ASSERT_SIZE(WHV_VPCI_DEVICE_NOTIFICATION, 16);

typedef enum WHV_VPCI_DEVICE_PROPERTY_CODE {
	WHvVpciDevicePropertyCodeUndefined = 0,
	WHvVpciDevicePropertyCodeHardwareIDs = 1,
	WHvVpciDevicePropertyCodeProbedBARs = 2,
} WHV_VPCI_DEVICE_PROPERTY_CODE;
WHP_ASSERT_SIZE(WHV_VPCI_DEVICE_PROPERTY_CODE, 4);

/* In the words of the PCI configuration header. */
typedef struct WHV_VPCI_HARDWARE_IDS {
	UINT16 VendorID;
	UINT16 DeviceID;
	UINT8 RevisionID;
	UINT8 ProgIf;
	UINT8 SubClass;
	UINT8 BaseClass;
	UINT16 SubVendorID;
	UINT16 SubSystemID;
} WHV_VPCI_HARDWARE_IDS;
WHP_ASSERT_SIZE(WHV_VPCI_HARDWARE_IDS, 12);

#define WHV_VPCI_TYPE0_BAR_COUNT 6

/* What each base address register answered after all ones were written to it. */
typedef struct WHV_VPCI_PROBED_BARS {
	UINT32 Value[WHV_VPCI_TYPE0_BAR_COUNT];
} WHV_VPCI_PROBED_BARS;
WHP_ASSERT_SIZE(WHV_VPCI_PROBED_BARS, 24);

typedef enum WHV_VPCI_DEVICE_REGISTER_SPACE {
	WHvVpciConfigSpace = -1,
	WHvVpciBar0 = 0,
	WHvVpciBar1 = 1,
	WHvVpciBar2 = 2,
	WHvVpciBar3 = 3,
	WHvVpciBar4 = 4,
	WHvVpciBar5 = 5,
} WHV_VPCI_DEVICE_REGISTER_SPACE;
WHP_ASSERT_SIZE(WHV_VPCI_DEVICE_REGISTER_SPACE, 4);

typedef struct WHV_VPCI_DEVICE_REGISTER {
	WHV_VPCI_DEVICE_REGISTER_SPACE Location;
	UINT32 SizeInBytes;
	UINT64 OffsetInBytes;
} WHV_VPCI_DEVICE_REGISTER;
WHP_ASSERT_SIZE(WHV_VPCI_DEVICE_REGISTER, 16);

typedef enum WHV_VPCI_MMIO_RANGE_FLAGS {
	WHvVpciMmioRangeFlagReadAccess = 0x1,
	WHvVpciMmioRangeFlagWriteAccess = 0x2,
} WHV_VPCI_MMIO_RANGE_FLAGS;
WHP_ASSERT_SIZE(WHV_VPCI_MMIO_RANGE_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_VPCI_MMIO_RANGE_FLAGS)

/* VirtualAddress is in the client's address space. */
typedef struct WHV_VPCI_MMIO_MAPPING {
	WHV_VPCI_DEVICE_REGISTER_SPACE Location;
	WHV_VPCI_MMIO_RANGE_FLAGS Flags;
	UINT64 SizeInBytes;
	UINT64 OffsetInBytes;
	PVOID VirtualAddress;
} WHV_VPCI_MMIO_MAPPING;
WHP_ASSERT_SIZE(WHV_VPCI_MMIO_MAPPING, 32);

typedef enum WHV_VPCI_INTERRUPT_TARGET_FLAGS {
	WHvVpciInterruptTargetFlagNone = 0x0,
	WHvVpciInterruptTargetFlagMulticast = 0x1,
} WHV_VPCI_INTERRUPT_TARGET_FLAGS;
WHP_ASSERT_SIZE(WHV_VPCI_INTERRUPT_TARGET_FLAGS, 4);
DEFINE_ENUM_FLAG_OPERATORS(WHV_VPCI_INTERRUPT_TARGET_FLAGS)

/* Processors has ProcessorCount elements; the record is as long as they make it. */
typedef struct WHV_VPCI_INTERRUPT_TARGET {
	UINT32 Vector;
	WHV_VPCI_INTERRUPT_TARGET_FLAGS Flags;
	UINT32 ProcessorCount;
	UINT32 Processors[1];
} WHV_VPCI_INTERRUPT_TARGET;
WHP_ASSERT_SIZE(WHV_VPCI_INTERRUPT_TARGET, 16);

#endif /* WHP_WINHVVPCI_H */
