// SPDX-License-Identifier: MIT
/*
 * The exit loop of a seat: in each turn, on seat 0, time passes for the devices and interrupts are
 * delivered; then one of the seat's VPs runs, and its device accesses are answered.
 *
 * Any seat may come to a device: that takes the VMM's lock, and lets time pass for the devices
 * first. If there is an interrupt then, seat 0 is called, since it has VP 0. A seat takes the lock
 * only while there is room for what it may print; who has no right to the terminal waits outside
 * until seat 0 has sent enough.
 */
#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "root/vmm/vmm.h"
#include "whit/extension.h"
#include "x86/rflags.h"

/* The longest sleep of a halted guest, so that what is typed and the end of the run are seen. */
#define LONGEST_SLEEP (PIT_HZ / 100)

/*
 * With several seats: how often in a second a VP that sleeps is tried. Others send it interrupts
 * through the hypervisor, which tells nobody outside of Run.
 */
#define TRIES_PER_SECOND 20000u

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

/*
 * The time stamp counters of two processors may be a little apart, and the devices' time never
 * falls.
 */
static void pass_time(struct vmm *vmm)
{
	const uint64_t now = clocks_of(vmm, host_tsc() - vmm->start_tsc);

	if (now > vmm->now)
		vmm->now = now;
	if (pit_take_edges(&vmm->pit))
		pic_pulse(&vmm->pic, 0);
}

static inline bool is_first(const struct seat *seat)
{
	return !seat->number;
}

/*
 * Take the lock, with room for what is printed. False if the seat has to leave, and the lock is not
 * taken.
 */
static bool lock_devices(struct seat *seat)
{
	struct vmm *const vmm = seat->vmm;

	for (;;) {
		lock_take(&vmm->lock);
		if (is_first(seat))
			host_make_room();
		else if (seats_have_ended(vmm))
			break;
		if (host_has_room())
			return true;
		lock_give(&vmm->lock);
		seats_call_first(vmm);
		host_pause();
	}
	lock_give(&vmm->lock);
	return false;
}

static void unlock_devices(struct seat *seat)
{
	lock_give(&seat->vmm->lock);
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

/* With the lock. */
static void move(struct ports *ports, struct whit_device_access *access)
{
	const uint16_t port = (uint16_t)access->address;

	for (unsigned int i = 0; i < access->count; i++) {
		uint8_t *data = access->data + i * access->size;

		if (access->is_write)
			ports_write(ports, port, access->size, get_bytes(data, access->size));
		else
			put_bytes(data, ports_read(ports, port, access->size), access->size);
	}
}

static HRESULT port_access(struct seat *seat, UINT32 vp, struct whit_device_access *access)
{
	struct vmm *const vmm = seat->vmm;
	bool has_interrupt;

	if (access->is_write)
		seat->stats.port_writes++;
	else
		seat->stats.port_reads++;
	if (!lock_devices(seat))
		return S_OK;
	if (!is_first(seat))
		pass_time(vmm);
	move(&vmm->ports, access);
	has_interrupt = pic_has_interrupt(&vmm->pic);
	unlock_devices(seat);
	if (has_interrupt && !is_first(seat))
		seats_call_first(vmm);
	return access->is_write ? S_OK : answer(vmm, vp, access);
}

/* There is no device in memory: reads give ones, which is what is read if nothing is answered. */
static HRESULT device_access(struct seat *seat, UINT32 vp)
{
	struct whit_device_access *access =
		(struct whit_device_access *)(void *)seat->exit.AsUINT64;

	seat->stats.transfers += access->count;
	if (access->is_port)
		return port_access(seat, vp, access);
	if (access->is_write)
		seat->stats.memory_writes++;
	else
		seat->stats.memory_reads++;
	return S_OK;
}

static void took_turn(struct seat *seat)
{
	const struct whit_turn *turn = (const struct whit_turn *)(const void *)seat->exit.AsUINT64;

	if (turn->kind == WHIT_TURN_HALT)
		turns_sleep(&seat->turns, turn->deadline, turn->has_run);
	else
		turns_yield(&seat->turns);
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

/* The guest sleeps until an interrupt. False if there will never be one. */
static bool halted(struct seat *seat)
{
	if (!(seat->exit.VpContext.Rflags & RFLAGS_IF))
		return false;
	turns_sleep(&seat->turns, TURNS_NEVER, true);
	return true;
}

/* Do what the exit asks for. False if the guest cannot go on. */
static bool handle(struct seat *seat, UINT32 vp)
{
	switch ((UINT32)seat->exit.ExitReason) {
	case WhitRunVpExitReasonDeviceAccess: return SUCCEEDED(device_access(seat, vp));
	case WhitRunVpExitReasonTurn: took_turn(seat); return true;
	case WHvRunVpExitReasonX64Halt: return halted(seat);
	case WHvRunVpExitReasonX64InterruptWindow: seat->vmm->is_window_armed = false; return true;
	case WHvRunVpExitReasonCanceled: turns_yield(&seat->turns); return true;
	default: return false;
	}
}

/* The guest cannot go on, or could not be run: say so. */
static void give_up(struct seat *seat, HRESULT hr)
{
	if (!lock_devices(seat))
		return;
	if (FAILED(hr))
		terminal_print("vmm: WHvRunVirtualProcessor: %08x\n", (unsigned int)hr);
	else if (seat->exit.ExitReason == WHvRunVpExitReasonX64Halt)
		terminal_print("vmm: the guest has halted with interrupts off\n");
	else if ((UINT32)seat->exit.ExitReason != WhitRunVpExitReasonDeviceAccess)
		print_unexpected(&seat->exit);
	seats_end(seat->vmm);
	unlock_devices(seat);
}

/* With the lock. */
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

/* The first seat that sees the end tells the others. */
static void look_for_end(struct seat *seat)
{
	if (!lock_devices(seat))
		return;
	if (!seats_have_ended(seat->vmm) && has_ended(seat->vmm))
		seats_end(seat->vmm);
	unlock_devices(seat);
}

/* Take note of everything outside the guest since the last exit. By seat 0, with the lock. */
static HRESULT look_around(struct seat *seat)
{
	struct vmm *const vmm = seat->vmm;
	int c;

	seat_answer(seat);
	pass_time(vmm);
	if (serial_can_receive(&vmm->serial) && (c = host_get()) >= 0)
		serial_receive(&vmm->serial, (uint8_t)c);
	if (vmm->has_apic && vmm->watch.has_come && !vmm->has_shell) {
		vmm->has_shell = true;
		terminal_print("vmm: shell after %lu ticks\n", host_tsc() - vmm->start_tsc);
		terminal_print("vmm: the memory is clear after %lu ticks, which are in these\n",
			       vmm->memory.clear_ticks);
	}
	return pic_has_interrupt(&vmm->pic) ? interrupt_deliver(vmm) : S_OK;
}

/* When a device has to be looked at, or the user. */
static uint64_t devices_deadline(const struct vmm *vmm)
{
	const uint64_t wake = tsc_of(vmm, vmm->now + LONGEST_SLEEP);
	const uint64_t edge = pit_next_edge(&vmm->pit);

	return edge != PIT_NEVER && tsc_of(vmm, edge) < wake ? tsc_of(vmm, edge) : wake;
}

/*
 * Until something may have come from a VP of another seat, or the guest has ended. Seat 0 sends
 * meanwhile.
 */
static void watch(struct seat *seat, uint64_t wake)
{
	struct vmm *const vmm = seat->vmm;
	const uint64_t next = host_tsc() + vmm->tsc_hz / TRIES_PER_SECOND;

	while (host_tsc() < wake && host_tsc() < next && !seats_have_ended(vmm)) {
		if (is_first(seat)) {
			lock_take(&vmm->lock);
			host_send();
			lock_give(&vmm->lock);
		}
		host_pause();
	}
	turns_wake_all(&seat->turns);
}

/* All VPs of the seat sleep: so does the seat, until one has to wake. */
static void sleep(struct seat *seat)
{
	struct vmm *const vmm = seat->vmm;
	const uint64_t before = host_tsc();
	uint64_t wake = turns_deadline(&seat->turns);

	if (is_first(seat)) {
		lock_take(&vmm->lock);
		if (devices_deadline(vmm) < wake)
			wake = devices_deadline(vmm);
		lock_give(&vmm->lock);
	}
	if (vmm->n_seats > 1)
		watch(seat, wake);
	else
		host_sleep_until(wake);
	seat->stats.sleep_ticks += host_tsc() - before;
}

/*
 * Run the VP and do what its exit asks for. False if the guest cannot go on: by a failure, or for
 * its exit.
 */
static bool run_vp(struct seat *seat, UINT32 vp, HRESULT *hr)
{
	uint64_t before = host_tsc();

	if (!seat_enter(seat, vp))
		return true;
	*hr = WHvRunVirtualProcessor(seat->vmm->partition, vp, &seat->exit, sizeof(seat->exit));
	seat_leave(seat);
	if (FAILED(*hr))
		return false;
	stats_exit(&seat->stats, &seat->exit, host_tsc() - before);
	return handle(seat, vp);
}

static HRESULT look_around_if_first(struct seat *seat)
{
	HRESULT hr;

	if (!is_first(seat))
		return S_OK;
	(void)lock_devices(seat);
	hr = look_around(seat);
	unlock_devices(seat);
	return hr;
}

void seat_run(struct seat *seat)
{
	while (!seats_have_ended(seat->vmm)) {
		HRESULT hr = look_around_if_first(seat);
		const int turn = turns_next(&seat->turns, host_tsc());

		if (FAILED(hr))
			give_up(seat, hr);
		else if (turn < 0)
			sleep(seat);
		else if (!run_vp(seat, seat_vp(seat, (unsigned int)turn), &hr))
			give_up(seat, hr);
		look_for_end(seat);
	}
}
