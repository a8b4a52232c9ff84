// SPDX-License-Identifier: MIT
/*
 * The exit loop: time passes for the devices, interrupts go in, the guest runs, its device accesses are
 * answered.
 */
#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "root/vmm/vmm.h"
#include "whit/extension.h"
#include "x86/rflags.h"

/* How often a guest that does not exit is made to, so that timer interrupts reach it. */
#define TIMER_MS 10u

/* The longest sleep of a halted guest, so that the end of the run is not overslept. */
#define LONGEST_SLEEP (PIT_HZ / 4)

/* tsc * PIT_HZ / hz, without overflow for any time that a machine runs. */
static uint64_t clocks_of(const struct vmm *vmm, uint64_t ticks)
{
	return ticks / vmm->tsc_hz * PIT_HZ + ticks % vmm->tsc_hz * PIT_HZ / vmm->tsc_hz;
}

static uint64_t tsc_of(const struct vmm *vmm, uint64_t clocks)
{
	return vmm->start_tsc + clocks / PIT_HZ * vmm->tsc_hz +
	       clocks % PIT_HZ * vmm->tsc_hz / PIT_HZ + 1;
}

static void pass_time(struct vmm *vmm, uint64_t tsc)
{
	vmm->now = clocks_of(vmm, tsc - vmm->start_tsc);
	if (pit_take_edges(&vmm->pit))
		pic_pulse(&vmm->pic, 0);
}

static HRESULT set_register(struct vmm *vmm, UINT32 name, WHV_REGISTER_VALUE value)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };

	return WHvSetVirtualProcessorRegisters(vmm->partition, 0, names, 1, &value);
}

/*
 * Can the interrupt go in at once? After a device access the instruction is not finished: those wait for the
 * window, like all for which the guest is not ready.
 */
static bool takes_interrupt(const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	return (UINT32)exit->ExitReason != WhitRunVpExitReasonDeviceAccess &&
	       (exit->VpContext.Rflags & RFLAGS_IF) &&
	       !exit->VpContext.ExecutionState.InterruptShadow &&
	       !exit->VpContext.ExecutionState.InterruptionPending;
}

static HRESULT deliver_interrupt(struct vmm *vmm, const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	if (takes_interrupt(exit)) {
		value.PendingInterruption.InterruptionPending = 1;
		value.PendingInterruption.InterruptionType = WHvX64PendingInterrupt;
		value.PendingInterruption.InterruptionVector = pic_acknowledge(&vmm->pic);
		vmm->stats.interrupts++;
		return set_register(vmm, WHvRegisterPendingInterruption, value);
	}
	if (vmm->is_window_armed)
		return S_OK;
	vmm->is_window_armed = true;
	value.DeliverabilityNotifications.InterruptNotification = 1;
	return set_register(vmm, WHvX64RegisterDeliverabilityNotifications, value);
}

static void put_bytes(uint8_t *to, uint32_t value, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get_bytes(const uint8_t *from, unsigned int n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (uint32_t)from[i] << 8 * i;
	return value;
}

/* Answer a read: as many of the data registers as the data fill. */
static HRESULT answer(struct vmm *vmm, const struct whit_device_access *access)
{
	static const WHV_REGISTER_NAME names[WHIT_REGISTER_DEVICE_DATA_N] = {
		WhitRegisterDeviceData0,     WhitRegisterDeviceData0 + 1,
		WhitRegisterDeviceData0 + 2, WhitRegisterDeviceData0 + 3,
		WhitRegisterDeviceData0 + 4, WhitRegisterDeviceData0 + 5,
		WhitRegisterDeviceData0 + 6
	};
	WHV_REGISTER_VALUE values[WHIT_REGISTER_DEVICE_DATA_N];

	for (unsigned int i = 0; i < access->n_bytes; i += 16)
		__builtin_memcpy(&values[i / 16], access->data + i, 16);
	return WHvSetVirtualProcessorRegisters(vmm->partition, 0, names,
					       (access->n_bytes + 15u) / 16, values);
}

static HRESULT port_access(struct vmm *vmm, struct whit_device_access *access)
{
	uint16_t port = (uint16_t)access->address;

	if (access->is_write) {
		vmm->stats.port_writes++;
		for (unsigned int i = 0; i < access->count; i++)
			ports_write(&vmm->ports, port, access->size,
				    get_bytes(access->data + i * access->size, access->size));
		return S_OK;
	}
	vmm->stats.port_reads++;
	for (unsigned int i = 0; i < access->count; i++)
		put_bytes(access->data + i * access->size,
			  ports_read(&vmm->ports, port, access->size), access->size);
	return answer(vmm, access);
}

/* There is no device in memory: reads give ones, which is what is read if nothing is answered. */
static HRESULT device_access(struct vmm *vmm, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	struct whit_device_access *access = (struct whit_device_access *)(void *)exit->AsUINT64;

	vmm->stats.transfers += access->count;
	if (access->is_port)
		return port_access(vmm, access);
	if (access->is_write)
		vmm->stats.memory_writes++;
	else
		vmm->stats.memory_reads++;
	return S_OK;
}

/* The guest sleeps until an interrupt. False if there will never be one. */
static bool halted(struct vmm *vmm, const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	uint64_t wake;

	if (!(exit->VpContext.Rflags & RFLAGS_IF)) {
		terminal_print("vmm: the guest has halted with interrupts off\n");
		return false;
	}
	while (!pic_has_interrupt(&vmm->pic) && vmm->now < vmm->end) {
		wake = pit_next_edge(&vmm->pit);
		if (wake > vmm->now + LONGEST_SLEEP)
			wake = vmm->now + LONGEST_SLEEP;
		host_sleep_until(tsc_of(vmm, wake));
		pass_time(vmm, host_tsc());
	}
	return true;
}

static void print_bytes(const UINT8 *bytes, unsigned int n)
{
	for (unsigned int i = 0; i < n && i < 16; i++)
		terminal_print(" %02x", bytes[i]);
}

static void print_unexpected(const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	terminal_print("vmm: unexpected exit %x at %04x:%lx (base %lx), rflags %lx",
		       (unsigned int)exit->ExitReason, exit->VpContext.Cs.Selector,
		       exit->VpContext.Rip, exit->VpContext.Cs.Base, exit->VpContext.Rflags);
	if (exit->ExitReason == WHvRunVpExitReasonMemoryAccess) {
		terminal_print(", gpa %lx, gva %lx, access %x, bytes", exit->MemoryAccess.Gpa,
			       exit->MemoryAccess.Gva, exit->MemoryAccess.AccessInfo.AsUINT32);
		print_bytes(exit->MemoryAccess.InstructionBytes,
			    exit->MemoryAccess.InstructionByteCount);
	} else if (exit->ExitReason == WHvRunVpExitReasonX64IoPortAccess) {
		terminal_print(", port %x, access %x, bytes", exit->IoPortAccess.PortNumber,
			       exit->IoPortAccess.AccessInfo.AsUINT32);
		print_bytes(exit->IoPortAccess.InstructionBytes,
			    exit->IoPortAccess.InstructionByteCount);
	}
	terminal_print("\n");
}

/* Do what the exit asks for. False if the guest cannot go on. */
static bool handle(struct vmm *vmm, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	switch ((UINT32)exit->ExitReason) {
	case WhitRunVpExitReasonDeviceAccess: return SUCCEEDED(device_access(vmm, exit));
	case WHvRunVpExitReasonX64Halt: return halted(vmm, exit);
	case WHvRunVpExitReasonX64InterruptWindow: vmm->is_window_armed = false; return true;
	case WHvRunVpExitReasonCanceled: return true;
	default: print_unexpected(exit); return false;
	}
}

static bool has_ended(const struct vmm *vmm)
{
	if (vmm->debugport.has_come)
		return true;
	if (vmm->ps2.wants_reset || vmm->pci.wants_reset || vmm->port92.wants_reset)
		terminal_print("vmm: the guest has asked for a reset\n");
	else if (vmm->now >= vmm->end)
		terminal_print("vmm: time is up\n");
	else
		return false;
	return true;
}

static void tick(void *context)
{
	const struct vmm *vmm = context;

	/* A failure has no consequence but that the guest runs on. */
	(void)WHvCancelRunVirtualProcessor(vmm->partition, 0, 0);
}

bool vmm_run(struct vmm *vmm)
{
	WHV_RUN_VP_EXIT_CONTEXT exit = { .ExitReason = WHvRunVpExitReasonNone };
	HRESULT hr = S_OK;
	bool goes_on;

	if (!host_timer_start(TIMER_MS, tick, vmm))
		terminal_print("vmm: no timer: a guest that never exits gets no interrupts\n");
	do {
		uint64_t before = host_tsc(), after;

		pass_time(vmm, before);
		if (pic_has_interrupt(&vmm->pic))
			hr = deliver_interrupt(vmm, &exit);
		if (SUCCEEDED(hr))
			hr = WHvRunVirtualProcessor(vmm->partition, 0, &exit, sizeof(exit));
		if (FAILED(hr)) {
			terminal_print("vmm: WHvRunVirtualProcessor: %08x\n", (unsigned int)hr);
			break;
		}
		after = host_tsc();
		stats_exit(&vmm->stats, (UINT32)exit.ExitReason, after - before);
		pass_time(vmm, after);
		goes_on = handle(vmm, &exit);
	} while (goes_on && !has_ended(vmm));
	host_timer_stop();
	return vmm->debugport.has_come;
}
