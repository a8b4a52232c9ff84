/* SPDX-License-Identifier: MIT */
/*
 * WHP: what the host sends to a partition, and what a partition signals without an exit.
 *
 * Owns: interrupt requests, SynIC events and messages, doorbells, triggers, notification ports.
 */
#ifndef WHP_WINHVEVENTS_H
#define WHP_WINHVEVENTS_H

#include "WinHvMemory.h"

typedef enum WHV_X64_LOCAL_APIC_EMULATION_MODE {
	WHvX64LocalApicEmulationModeNone = 0,
	WHvX64LocalApicEmulationModeXApic = 1,
	WHvX64LocalApicEmulationModeX2Apic = 2,
} WHV_X64_LOCAL_APIC_EMULATION_MODE;
WHP_ASSERT_SIZE(WHV_X64_LOCAL_APIC_EMULATION_MODE, 4);

typedef enum WHV_INTERRUPT_TYPE {
	WHvX64InterruptTypeFixed = 0,
	WHvX64InterruptTypeLowestPriority = 1,
	WHvX64InterruptTypeNmi = 4,
	WHvX64InterruptTypeInit = 5,
	WHvX64InterruptTypeSipi = 6,
	WHvX64InterruptTypeLocalInt1 = 9,
} WHV_INTERRUPT_TYPE;
WHP_ASSERT_SIZE(WHV_INTERRUPT_TYPE, 4);

typedef enum WHV_INTERRUPT_DESTINATION_MODE {
	WHvX64InterruptDestinationModePhysical = 0,
	WHvX64InterruptDestinationModeLogical = 1,
} WHV_INTERRUPT_DESTINATION_MODE;
WHP_ASSERT_SIZE(WHV_INTERRUPT_DESTINATION_MODE, 4);

typedef enum WHV_INTERRUPT_TRIGGER_MODE {
	WHvX64InterruptTriggerModeEdge = 0,
	WHvX64InterruptTriggerModeLevel = 1,
} WHV_INTERRUPT_TRIGGER_MODE;
WHP_ASSERT_SIZE(WHV_INTERRUPT_TRIGGER_MODE, 4);

/* Destination is an APIC ID or a logical mask, by the mode; Vector of a SIPI is its start page. */
typedef struct WHV_INTERRUPT_CONTROL {
	UINT64 Type : 8;
	UINT64 DestinationMode : 4;
	UINT64 TriggerMode : 4;
	UINT64 TargetVtl : 8;
	UINT64 Reserved : 40;
	UINT32 Destination;
	UINT32 Vector;
} WHV_INTERRUPT_CONTROL;
WHP_ASSERT_SIZE(WHV_INTERRUPT_CONTROL, 16);
WHP_ASSERT_OFFSET(WHV_INTERRUPT_CONTROL, Destination, 8);
WHP_ASSERT_OFFSET(WHV_INTERRUPT_CONTROL, Vector, 12);

typedef struct WHV_SYNIC_EVENT_PARAMETERS {
	UINT32 VpIndex;
	UINT8 TargetSint;
	WHV_VTL TargetVtl;
	UINT16 FlagNumber;
} WHV_SYNIC_EVENT_PARAMETERS;
WHP_ASSERT_SIZE(WHV_SYNIC_EVENT_PARAMETERS, 8);

/* Bytes, header included. */
#define WHV_SYNIC_MESSAGE_SIZE 256

/*
 * Which write rings: any at GuestAddress, or of Length bytes (1, 2, 4, 8) if MatchOnLength, or
 * moreover of Value if MatchOnValue. What is not matched on is 0.
 */
typedef struct WHV_DOORBELL_MATCH_DATA {
	WHV_GUEST_PHYSICAL_ADDRESS GuestAddress;
	UINT64 Value;
	UINT32 Length;
	UINT32 MatchOnValue : 1;
	UINT32 MatchOnLength : 1;
	UINT32 Reserved : 30;
} WHV_DOORBELL_MATCH_DATA;
WHP_ASSERT_SIZE(WHV_DOORBELL_MATCH_DATA, 24);
WHP_ASSERT_OFFSET(WHV_DOORBELL_MATCH_DATA, Length, 16);

typedef enum WHV_TRIGGER_TYPE {
	WHvTriggerTypeInterrupt = 0,
	WHvTriggerTypeSynicEvent = 1,
	WHvTriggerTypeDeviceInterrupt = 2,
} WHV_TRIGGER_TYPE;
WHP_ASSERT_SIZE(WHV_TRIGGER_TYPE, 4);

/* What the guest gets when the trigger's event is set. */
typedef struct WHV_TRIGGER_PARAMETERS {
	WHV_TRIGGER_TYPE TriggerType;
	UINT32 Reserved;
	union {
		WHV_INTERRUPT_CONTROL Interrupt;
		WHV_SYNIC_EVENT_PARAMETERS SynicEvent;
		struct {
			UINT64 LogicalDeviceId;
			UINT64 MsiAddress;
			UINT32 MsiData;
			UINT32 Reserved;
		} DeviceInterrupt;
	};
} WHV_TRIGGER_PARAMETERS;
WHP_ASSERT_SIZE(WHV_TRIGGER_PARAMETERS, 32);
WHP_ASSERT_OFFSET(WHV_TRIGGER_PARAMETERS, Interrupt, 8);

typedef PVOID WHV_TRIGGER_HANDLE;

typedef enum WHV_NOTIFICATION_PORT_TYPE {
	WHvNotificationPortTypeEvent = 2,
	WHvNotificationPortTypeDoorbell = 4,
} WHV_NOTIFICATION_PORT_TYPE;
WHP_ASSERT_SIZE(WHV_NOTIFICATION_PORT_TYPE, 4);

/* What in the guest sets the port's event. */
typedef struct WHV_NOTIFICATION_PORT_PARAMETERS {
	WHV_NOTIFICATION_PORT_TYPE NotificationPortType;
	UINT16 Reserved;
	UINT8 Reserved1;
	UINT8 ConnectionVtl;
	union {
		WHV_DOORBELL_MATCH_DATA Doorbell;
		struct {
			UINT32 ConnectionId;
		} Event;
	};
} WHV_NOTIFICATION_PORT_PARAMETERS;
WHP_ASSERT_SIZE(WHV_NOTIFICATION_PORT_PARAMETERS, 32);
WHP_ASSERT_OFFSET(WHV_NOTIFICATION_PORT_PARAMETERS, Doorbell, 8);

typedef enum WHV_NOTIFICATION_PORT_PROPERTY_CODE {
	WHvNotificationPortPropertyPreferredTargetVp = 1,
	WHvNotificationPortPropertyPreferredTargetDuration = 5,
} WHV_NOTIFICATION_PORT_PROPERTY_CODE;
WHP_ASSERT_SIZE(WHV_NOTIFICATION_PORT_PROPERTY_CODE, 4);

typedef UINT64 WHV_NOTIFICATION_PORT_PROPERTY;

/* The preferred VP of a port that prefers none. */
#define WHV_ANY_VP				     0xFFFFFFFFU
/* In 100 ns, like every duration of a port. */
#define WHV_NOTIFICATION_PORT_PREFERRED_DURATION_MAX 0xFFFFFFFFFFFFFFFFULL

typedef PVOID WHV_NOTIFICATION_PORT_HANDLE;

#endif /* WHP_WINHVEVENTS_H */
