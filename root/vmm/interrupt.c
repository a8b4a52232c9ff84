// SPDX-License-Identifier: MIT
/*
 * The way of an interrupt from the PIC into VP 0. With the local APIC in the hypervisor it goes
 * through PendingEvent, where it waits until the guest can take it; without, the VMM itself looks
 * whether the guest can, and asks for an exit when it cannot.
 */
#include "root/vmm/vmm.h"
#include "whit/extension.h"
#include "x86/rflags.h"

static HRESULT set_register(struct vmm *vmm, UINT32 name, WHV_REGISTER_VALUE value)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };

	return WHvSetVirtualProcessorRegisters(vmm->partition, 0, names, 1, &value);
}

/*
 * One at a time: the PIC is acknowledged when the event before, of whichever kind, has been taken.
 */
static HRESULT hand_over(struct vmm *vmm)
{
	const WHV_REGISTER_NAME names[1] = { WHvRegisterPendingEvent };
	WHV_REGISTER_VALUE value;
	HRESULT hr = WHvGetVirtualProcessorRegisters(vmm->partition, 0, names, 1, &value);

	if (FAILED(hr) || value.ExtIntEvent.EventPending)
		return hr;
	value = (WHV_REGISTER_VALUE) { .ExtIntEvent = { .EventPending = 1,
							.EventType = WHvX64PendingEventExtInt,
							.Vector = pic_acknowledge(&vmm->pic) } };
	vmm->seats[0].stats.interrupts++;
	turns_wake(&vmm->seats[0].turns, 0);
	return set_register(vmm, WHvRegisterPendingEvent, value);
}

/*
 * Can the interrupt go in at once? After a device access the instruction is not finished: those
 * wait for the window, like all for which the guest is not ready.
 */
static bool takes_interrupt(const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	return (UINT32)exit->ExitReason != WhitRunVpExitReasonDeviceAccess &&
	       (exit->VpContext.Rflags & RFLAGS_IF) &&
	       !exit->VpContext.ExecutionState.InterruptShadow &&
	       !exit->VpContext.ExecutionState.InterruptionPending;
}

HRESULT interrupt_deliver(struct vmm *vmm)
{
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	if (vmm->has_apic)
		return hand_over(vmm);
	if (takes_interrupt(&vmm->seats[0].exit)) {
		value.PendingInterruption.InterruptionPending = 1;
		value.PendingInterruption.InterruptionType = WHvX64PendingInterrupt;
		value.PendingInterruption.InterruptionVector = pic_acknowledge(&vmm->pic);
		vmm->seats[0].stats.interrupts++;
		turns_wake(&vmm->seats[0].turns, 0);
		return set_register(vmm, WHvRegisterPendingInterruption, value);
	}
	if (vmm->is_window_armed)
		return S_OK;
	vmm->is_window_armed = true;
	value.DeliverabilityNotifications.InterruptNotification = 1;
	return set_register(vmm, WHvX64RegisterDeliverabilityNotifications, value);
}
