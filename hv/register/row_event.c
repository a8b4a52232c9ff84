/* SPDX-License-Identifier: MIT */
/*
 * WHV_REGISTER_NAME from 80000000h on: events and the activity of a VP; and Whit's own registers
 * from 57480000h on, with the data of a device read.
 */
#include "hv/emulate/device.h"
#include "hv/vp/event.h"
#include "hv/register/register.h"
#include "x86/dr.h"

/* ---- Events ------------------------------------------------------------------------------ */

static const char *get_interruption(REGISTER_GET)
{
	value->Reg64 = event_get_interruption(vp);
	return NULL;
}

static void set_interruption(REGISTER_SET)
{
	(void)event_set_interruption(vp, value->Reg64);
}

static const char *get_event(REGISTER_GET)
{
	uint64_t words[2];

	event_get_event(vp, words);
	value->Reg128.Low64 = words[0];
	value->Reg128.High64 = words[1];
	return NULL;
}

static void set_event(REGISTER_SET)
{
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };

	(void)event_set_event(vp, words);
}

static const char *check_event(REGISTER_SET)
{
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };
	const bool is_legal =
		row->arg ? event_event_is_legal(words) : event_interruption_is_legal(value->Reg64);

	return is_legal ? NULL : "the event is one that can never be delivered";
}

#define STATE_SHADOW	 (1ull << 0)
#define STATE_NMI_MASKED (1ull << 1)
#define SHADOW_EITHER	 ((uint64_t)(VIRT_SHADOW_STI | VIRT_SHADOW_MOV_SS))

static const char *get_interrupt_state(REGISTER_GET)
{
	const uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW);

	value->Reg64 = (shadow & SHADOW_EITHER ? STATE_SHADOW : 0) |
		       (shadow & VIRT_SHADOW_NMI ? STATE_NMI_MASKED : 0);
	return NULL;
}

static const char *check_interrupt_state(REGISTER_SET)
{
	return value->Reg64 & ~(STATE_SHADOW | STATE_NMI_MASKED)
		       ? "InterruptState has a reserved bit set"
		       : NULL;
}

/* A shadow keeps its kind; a new one is that of MOV SS, which needs no RFLAGS.IF. */
static void set_interrupt_state(REGISTER_SET)
{
	uint64_t shadow = virt_get(vp->virt, VIRT_SHADOW) & SHADOW_EITHER;

	if (!(value->Reg64 & STATE_SHADOW))
		shadow = 0;
	else if (!shadow)
		shadow = VIRT_SHADOW_MOV_SS;
	if (value->Reg64 & STATE_NMI_MASKED)
		shadow |= VIRT_SHADOW_NMI;
	virt_set(vp->virt, VIRT_SHADOW, shadow);
}

static const char *get_deliverability(REGISTER_GET)
{
	value->Reg64 = vp->deliverability;
	return NULL;
}

#define DELIVERABILITY_BITS 0x3full

static const char *check_deliverability(REGISTER_SET)
{
	return value->Reg64 & ~DELIVERABILITY_BITS
		       ? "DeliverabilityNotifications: reserved bits, and there is no SynIC"
		       : NULL;
}

static void set_deliverability(REGISTER_SET)
{
	vp->deliverability = value->Reg64;
}

static const char *get_activity(REGISTER_GET)
{
	value->Reg64 = vp->activity;
	return NULL;
}

#define ACTIVITY_BITS 0x7ull

static const char *check_activity(REGISTER_SET)
{
	return value->Reg64 & ~ACTIVITY_BITS ? "InternalActivityState has a reserved bit set"
					     : NULL;
}

static void set_activity(REGISTER_SET)
{
	vp->activity = value->Reg64;
}

/* WHP's SingleStep is bit 4, the processor's BS bit 14. */
#define DEBUG_BREAKPOINTS 0xfull
#define DEBUG_STEP	  (1ull << 4)

static const char *get_pending_debug(REGISTER_GET)
{
	const uint64_t pending = virt_get(vp->virt, VIRT_PENDING_DEBUG);

	value->Reg64 = (pending & DEBUG_BREAKPOINTS) | (pending & DR6_BS ? DEBUG_STEP : 0);
	return NULL;
}

static const char *check_pending_debug(REGISTER_SET)
{
	return value->Reg64 & ~(DEBUG_BREAKPOINTS | DEBUG_STEP)
		       ? "PendingDebugException has a reserved bit set"
		       : NULL;
}

static void set_pending_debug(REGISTER_SET)
{
	virt_set(vp->virt, VIRT_PENDING_DEBUG,
		 (value->Reg64 & DEBUG_BREAKPOINTS) | (value->Reg64 & DEBUG_STEP ? DR6_BS : 0));
}

/* ---- Device data ------------------------------------------------------------------------- */

static const char *get_device_data(REGISTER_GET)
{
	uint64_t words[2] = { 0, 0 };

	(void)device_get_data(vp, i, words);
	value->Reg128.Low64 = words[0];
	value->Reg128.High64 = words[1];
	return NULL;
}

static const char *check_device_data(REGISTER_SET)
{
	uint64_t words[2];

	return device_get_data(vp, i, words) ? NULL : "no device read waits for data";
}

static void set_device_data(REGISTER_SET)
{
	const uint64_t words[2] = { value->Reg128.Low64, value->Reg128.High64 };

	(void)device_set_data(vp, i, words);
}

/* ---- Events of nested virtualisation ----------------------------------------------------- */

static const char *get_zero(REGISTER_GET)
{
	return NULL;
}

static const char *check_zero(REGISTER_SET)
{
	return value->Reg128.Low64 | value->Reg128.High64
		       ? "an exit of a nested guest, and the processor model has no VMX and no SVM"
		       : NULL;
}

/* clang-format off */
static const struct register_row event_rows[] = {
	[AT(WHvRegisterPendingInterruption)] = { get_interruption, check_event, set_interruption, NULL, WHvRegisterPendingInterruption, 0, 0 },
	[AT(WHvRegisterInterruptState)] = { get_interrupt_state, check_interrupt_state, set_interrupt_state, NULL, WHvRegisterInterruptState, 0, 0 },
	[AT(WHvRegisterPendingEvent)] = { get_event, check_event, set_event, NULL, WHvRegisterPendingEvent, 1, 0 },
	[AT(WHvRegisterPendingEvent1)] = { get_zero, check_zero, register_set_nothing, NULL, WHvRegisterPendingEvent1, 0, 0 },
	[AT(WHvRegisterDeliverabilityNotifications)] = { get_deliverability, check_deliverability, set_deliverability, NULL, WHvRegisterDeliverabilityNotifications, 0, 0 },
	[AT(WHvRegisterInternalActivityState)] = { get_activity, check_activity, set_activity, NULL, WHvRegisterInternalActivityState, 0, 0 },
	[AT(WHvX64RegisterPendingDebugException)] = { get_pending_debug, check_pending_debug, set_pending_debug, NULL, WHvX64RegisterPendingDebugException, 0, 0 },
	[AT(WHvRegisterPendingEvent2) ... AT(WHvRegisterPendingEvent3)] = { get_zero, check_zero, register_set_nothing, NULL, WHvRegisterPendingEvent2, 0, 0 },
};

static const struct register_row device_rows[] = {
	[AT(WhitRegisterDeviceData0) ... AT(WhitRegisterDeviceData0 + WHIT_REGISTER_DEVICE_DATA_N - 1)] = { get_device_data, check_device_data, set_device_data, NULL, WhitRegisterDeviceData0, 0, 0 },
};
/* clang-format on */

REGISTER_TABLE(register_event, event_rows);
REGISTER_TABLE(register_device, device_rows);
