// SPDX-License-Identifier: MIT
/*
 * The exit loop: in each turn time passes for the devices, interrupts are delivered, one of the
 * guest's processors runs, and its device accesses are answered.
 */
#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "root/vmm/vmm.h"
#include "whit/extension.h"
#include "x86/rflags.h"

/*
 * How long a guest's processor runs without an exit, if it is the only one, and if others wait for
 * their turn.
 */
#define ALONE_MS  10u
#define SHARED_MS 2u

/* The longest sleep of a halted guest, so that what is typed and the end of the run are seen. */
#define LONGEST_SLEEP (PIT_HZ / 100)

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
static HRESULT answer(struct vmm *vmm, UINT32 vp, const struct whit_device_access *access)
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
	return WHvSetVirtualProcessorRegisters(vmm->partition, vp, names,
					       (access->n_bytes + 15u) / 16, values);
}

static HRESULT port_access(struct vmm *vmm, UINT32 vp, struct whit_device_access *access)
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
	return answer(vmm, vp, access);
}

/* There is no device in memory: reads give ones, which is what is read if nothing is answered. */
static HRESULT device_access(struct vmm *vmm, UINT32 vp, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	struct whit_device_access *access = (struct whit_device_access *)(void *)exit->AsUINT64;

	vmm->stats.transfers += access->count;
	if (access->is_port)
		return port_access(vmm, vp, access);
	if (access->is_write)
		vmm->stats.memory_writes++;
	else
		vmm->stats.memory_reads++;
	return S_OK;
}

/* The guest sleeps until an interrupt. False if there will never be one. */
static bool halted(struct vmm *vmm, const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	if (!(exit->VpContext.Rflags & RFLAGS_IF)) {
		terminal_print("vmm: the guest has halted with interrupts off\n");
		return false;
	}
	turns_sleep(&vmm->turns, TURNS_NEVER, true);
	return true;
}

static bool took_turn(struct vmm *vmm, const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	const struct whit_turn *turn = (const struct whit_turn *)(const void *)exit->AsUINT64;

	if (turn->kind == WHIT_TURN_HALT)
		turns_sleep(&vmm->turns, turn->deadline, turn->has_run);
	else
		turns_yield(&vmm->turns);
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
static bool handle(struct vmm *vmm, UINT32 vp, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	switch ((UINT32)exit->ExitReason) {
	case WhitRunVpExitReasonDeviceAccess: return SUCCEEDED(device_access(vmm, vp, exit));
	case WhitRunVpExitReasonTurn: return took_turn(vmm, exit);
	case WHvRunVpExitReasonX64Halt: return halted(vmm, exit);
	case WHvRunVpExitReasonX64InterruptWindow: vmm->is_window_armed = false; return true;
	case WHvRunVpExitReasonCanceled: turns_yield(&vmm->turns); return true;
	default: print_unexpected(exit); return false;
	}
}

static bool has_ended(const struct vmm *vmm)
{
	if (vmm->pm.wants_off)
		terminal_print("vmm: the guest has switched itself off\n");
	else if (vmm->ps2.wants_reset || vmm->pci.wants_reset || vmm->port92.wants_reset)
		terminal_print("vmm: the guest has asked for a reset\n");
	else if (vmm->now >= vmm->end)
		terminal_print("vmm: time is up\n");
	else
		return !vmm->has_apic && vmm->watch.has_come;
	return true;
}

static void tick(void *context)
{
	const struct vmm *vmm = context;

	/* A failure has no consequence but that the guest runs on. */
	if (vmm->running >= 0)
		(void)WHvCancelRunVirtualProcessor(vmm->partition, (UINT32)vmm->running, 0);
}

/* Take note of everything outside the guest since the last exit. */
static HRESULT look_around(struct vmm *vmm, const WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	int c;

	pass_time(vmm, host_tsc());
	if (serial_can_receive(&vmm->serial) && (c = host_get()) >= 0)
		serial_receive(&vmm->serial, (uint8_t)c);
	if (vmm->has_apic && vmm->watch.has_come && !vmm->has_shell) {
		vmm->has_shell = true;
		terminal_print("vmm: shell after %lu ticks\n", host_tsc() - vmm->start_tsc);
		terminal_print("vmm: the memory is clear after %lu ticks, which are in these\n",
			       vmm->memory.clear_ticks);
	}
	return pic_has_interrupt(&vmm->pic) ? interrupt_deliver(vmm, exit) : S_OK;
}

/*
 * All processors sleep: so does the VMM, until one has to wake, a device has to be looked at, or
 * the user.
 */
static void sleep(struct vmm *vmm)
{
	uint64_t before = host_tsc(), wake = tsc_of(vmm, vmm->now + LONGEST_SLEEP);
	uint64_t edge = pit_next_edge(&vmm->pit);

	if (edge != PIT_NEVER && tsc_of(vmm, edge) < wake)
		wake = tsc_of(vmm, edge);
	if (turns_deadline(&vmm->turns) < wake)
		wake = turns_deadline(&vmm->turns);
	host_sleep_until(wake);
	vmm->stats.sleep_ticks += host_tsc() - before;
}

static HRESULT run_vp(struct vmm *vmm, int vp, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	uint64_t before = host_tsc();
	HRESULT hr;

	vmm->running = vp;
	hr = WHvRunVirtualProcessor(vmm->partition, (UINT32)vp, exit, sizeof(*exit));
	vmm->running = -1;
	if (SUCCEEDED(hr))
		stats_exit(&vmm->stats, exit, host_tsc() - before);
	return hr;
}

bool vmm_run(struct vmm *vmm)
{
	WHV_RUN_VP_EXIT_CONTEXT exit = { .ExitReason = WHvRunVpExitReasonNone };
	unsigned int slice_ms = vmm->turns.n > 1 ? SHARED_MS : ALONE_MS;
	bool goes_on = true;
	HRESULT hr;

	vmm->running = -1;
	if (!host_timer_start(slice_ms, tick, vmm))
		terminal_print("vmm: no timer: a guest that never exits gets no interrupts\n");
	host_buffer(true);
	do {
		int vp;

		hr = look_around(vmm, &exit);
		vp = turns_next(&vmm->turns, host_tsc());
		if (SUCCEEDED(hr) && vp < 0) {
			sleep(vmm);
			continue;
		}
		if (SUCCEEDED(hr))
			hr = run_vp(vmm, vp, &exit);
		if (FAILED(hr)) {
			terminal_print("vmm: WHvRunVirtualProcessor: %08x\n", (unsigned int)hr);
			break;
		}
		goes_on = handle(vmm, (UINT32)vp, &exit);
	} while (goes_on && !has_ended(vmm));
	host_buffer(false);
	host_timer_stop();
	return vmm->watch.has_come && (!vmm->has_apic || vmm->pm.wants_off);
}
