// SPDX-License-Identifier: MIT
/*
 * The VMM's seats on threads, which stand for the host's processors. Behind WHP's functions stands a model of the guest: each VP
 * prints its own lines to the serial port, reads the timer's clock, halts, or computes for ever, which only a
 * cancel ends. There is no timer: who waits for another seat waits until that one calls. What only the first processor may
 * do is checked to be done there, and what is under the VMM's lock by a sanitizer.
 *
 * Built twice: with the sanitizers of the other tests, and as vmm_seat_tsan with ThreadSanitizer.
 */
#include "root/vmm/seat.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "root/vmm/acpi.h"
#include "root/vmm/host.h"
#include "root/vmm/vmm.h"
#include "tests/check.h"
#include "tests/random.h"
#include "whit/extension.h"

#define SECONDS 120u

#define LOAD(at)	 __atomic_load_n(at, __ATOMIC_SEQ_CST)
#define STORE(at, value) __atomic_store_n(at, value, __ATOMIC_SEQ_CST)
#define ADD(at, n)	 __atomic_add_fetch(at, n, __ATOMIC_SEQ_CST)
#define TAKE(at)	 __atomic_exchange_n(at, 0, __ATOMIC_SEQ_CST)

static struct vmm vmm;

/* ---- The host ---------------------------------------------------------------------------- */

#define BUFFER (3 * HOST_ROOM)

static struct {
	unsigned int n_processors,
		n_refused; /* of them, from the last on: they cannot be started */
	pthread_t first, threads[SEATS_MAX];
	void (*functions[SEATS_MAX])(void *argument);
	void *arguments[SEATS_MAX];
	unsigned int n_started, n_joined;
	char *text; /* sent */
	size_t n_text;
	char buffer[BUFFER];
	size_t n_buffered;
	bool is_buffered;
} host;

static bool on_first(void)
{
	return pthread_equal(pthread_self(), host.first);
}

/* Among other places, between the first seat's look at the devices and its Run: there the others have a chance to call it. */
uint64_t host_tsc(void)
{
	if (on_first())
		sched_yield();
	return __builtin_ia32_rdtsc();
}

static void send(size_t n)
{
	CHECK(on_first());
	host.text = realloc(host.text, host.n_text + n + 1);
	memcpy(host.text + host.n_text, host.buffer, n);
	host.n_text += n;
	host.text[host.n_text] = '\0';
	host.n_buffered -= n;
	memmove(host.buffer, host.buffer + n, host.n_buffered);
}

void host_put(char c)
{
	CHECK(host.is_buffered);
	REQUIRE(host.n_buffered < BUFFER);
	host.buffer[host.n_buffered++] = c;
}

void host_buffer(bool is_buffered)
{
	host.is_buffered = is_buffered;
	send(host.n_buffered);
}

bool host_has_room(void)
{
	return BUFFER - host.n_buffered >= HOST_ROOM;
}

void host_make_room(void)
{
	while (!host_has_room())
		send(1);
}

void host_send(void)
{
	if (host.n_buffered)
		send(1);
}

int host_get(void)
{
	host_send();
	return -1;
}

bool host_timer_start(unsigned int n_ms, void (*tick)(void *context), void *context)
{
	CHECK(on_first() && n_ms && tick && context);
	return true;
}

void host_timer_stop(void)
{
	CHECK(on_first());
}

void host_sleep_until(uint64_t tsc)
{
	CHECK(on_first());
	CHECK_EQ(vmm.n_seats, 1);
	while (host_tsc() < tsc)
		sched_yield();
}

void host_pause(void)
{
	sched_yield();
}

unsigned int host_processors(void)
{
	return host.n_processors;
}

static void *thread(void *argument)
{
	const size_t i = (size_t)argument;

	host.functions[i](host.arguments[i]);
	return NULL;
}

bool host_start(unsigned int processor, void (*function)(void *argument), void *argument)
{
	CHECK(on_first());
	REQUIRE(processor && processor < host.n_processors);
	if (processor >= host.n_processors - host.n_refused)
		return false;
	host.functions[processor] = function;
	host.arguments[processor] = argument;
	host.n_started++;
	return !pthread_create(&host.threads[processor], NULL, thread, (void *)(size_t)processor);
}

void host_join(unsigned int processor)
{
	CHECK(on_first());
	pthread_join(host.threads[processor], NULL);
	host.n_joined++;
}

/* ---- The guest --------------------------------------------------------------------------- */

#define SERIAL	  0x3f8u
#define ENDS_LINE '\n'

static struct {
	unsigned int n_lines; /* each VP prints so many */
	unsigned int n_done;  /* VPs that have */
	bool is_first_busy;   /* VP 0 computes until there is an interrupt, and prints nothing */
	bool only_computes;   /* all of them do, for ever */
	uint32_t n_delivered; /* interrupts of devices */
	struct vp {
		struct random random;
		uint32_t is_canceled, is_inside;
		unsigned int n_lines, n_characters, n_exits;
		uint32_t n_seen;
		bool asks, is_done;
	} vps[SEATS_MAX];
} guest;

static void touch(WHV_RUN_VP_EXIT_CONTEXT *exit, uint16_t port, uint8_t size, bool is_write,
		  uint16_t value)
{
	struct whit_device_access *access = (struct whit_device_access *)(void *)exit->AsUINT64;

	exit->ExitReason = (WHV_RUN_VP_EXIT_REASON)WhitRunVpExitReasonDeviceAccess;
	*access = (struct whit_device_access) { .address = port,
						.size = size,
						.count = 1,
						.n_bytes = size,
						.is_port = true,
						.is_write = is_write };
	memcpy(access->data, &value, sizeof(value));
}

static void halt(WHV_RUN_VP_EXIT_CONTEXT *exit, uint64_t deadline)
{
	struct whit_turn *turn = (struct whit_turn *)(void *)exit->AsUINT64;

	exit->ExitReason = (WHV_RUN_VP_EXIT_REASON)WhitRunVpExitReasonTurn;
	*turn = (struct whit_turn) { .kind = WHIT_TURN_HALT,
				     .has_run = true,
				     .deadline = deadline };
}

static void compute(struct vp *vp, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	while (!LOAD(&vp->is_canceled))
		sched_yield();
	STORE(&vp->is_canceled, 0);
	exit->ExitReason = WHvRunVpExitReasonCanceled;
}

/* Its letter, so often, and the end of the line. The last one of all switches the machine off. */
static void print(struct vp *vp, unsigned int index, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	if (vp->n_characters++ < 5 + index) {
		touch(exit, SERIAL, 1, true, (uint16_t)('a' + index));
		return;
	}
	vp->n_characters = 0;
	vp->n_lines++;
	touch(exit, SERIAL, 1, true, ENDS_LINE);
}

/* VP 1 has asked the serial port for an interrupt, and goes on when VP 0 has been given it. */
static bool has_interrupt(struct vp *vp)
{
	while (LOAD(&guest.n_delivered) == vp->n_seen && !LOAD(&vp->is_canceled))
		sched_yield();
	vp->asks = LOAD(&guest.n_delivered) == vp->n_seen;
	return !vp->asks;
}

static void do_something(struct vp *vp, unsigned int index, WHV_RUN_VP_EXIT_CONTEXT *exit)
{
	const uint64_t what = random_below(&vp->random, 20);

	vp->n_exits++;
	if (vp->asks) {
		if (has_interrupt(vp))
			touch(exit, SERIAL + 1, 1, true, 0);
		else
			compute(vp, exit);
		return;
	}
	if (guest.only_computes || (!index && guest.is_first_busy)) {
		compute(vp, exit);
	} else if (vp->is_done) {
		halt(exit, ~0ull);
	} else if (!what) {
		halt(exit, host_tsc() + random_below(&vp->random, 100000));
	} else if (what == 1 && index == 1) {
		vp->n_seen = LOAD(&guest.n_delivered);
		vp->asks = true;
		touch(exit, SERIAL + 1, 1, true, 2);
	} else if (what == 2) {
		touch(exit, 0x40, 1, false, 0);
	} else if (vp->n_lines < guest.n_lines) {
		print(vp, index, exit);
	} else {
		vp->is_done = true;
		if (ADD(&guest.n_done, 1) == vmm.n_vps - guest.is_first_busy)
			touch(exit, ACPI_PM_CONTROL, 2, true, 0x2000 | ACPI_SLP_TYP_OFF << 10);
		else
			halt(exit, ~0ull);
	}
}

HRESULT WHVAPI WHvRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
				      VOID *ExitContext, UINT32 ExitContextSizeInBytes)
{
	struct vp *const vp = &guest.vps[VpIndex];
	WHV_RUN_VP_EXIT_CONTEXT *const exit = ExitContext;

	REQUIRE(Partition && VpIndex < vmm.n_vps);
	CHECK_EQ(ExitContextSizeInBytes, sizeof(*exit));
	CHECK_EQ(ADD(&vp->is_inside, 1), 1);
	CHECK_EQ(on_first(), VpIndex % vmm.n_seats == 0);
	if (TAKE(&vp->is_canceled))
		exit->ExitReason = WHvRunVpExitReasonCanceled;
	else
		do_something(vp, VpIndex, exit);
	ADD(&vp->is_inside, -1);
	return S_OK;
}

HRESULT WHVAPI WHvCancelRunVirtualProcessor(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					    UINT32 Flags)
{
	REQUIRE(Partition && VpIndex < vmm.n_vps && !Flags);
	STORE(&guest.vps[VpIndex].is_canceled, 1);
	return S_OK;
}

HRESULT WHVAPI WHvGetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       WHV_REGISTER_VALUE *RegisterValues)
{
	CHECK(on_first() && !VpIndex && RegisterCount == 1);
	CHECK_EQ(RegisterNames[0], WHvRegisterPendingEvent);
	memset(RegisterValues, 0, sizeof(*RegisterValues));
	return S_OK;
}

/* The answer of a read, and the interrupts of the devices, which VP 0 gets when it is not in Run. */
HRESULT WHVAPI WHvSetVirtualProcessorRegisters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					       const WHV_REGISTER_NAME *RegisterNames,
					       UINT32 RegisterCount,
					       const WHV_REGISTER_VALUE *RegisterValues)
{
	CHECK(Partition && RegisterCount == 1);
	CHECK_EQ(LOAD(&guest.vps[VpIndex].is_inside), 0);
	if (RegisterNames[0] != WHvRegisterPendingEvent)
		return S_OK;
	CHECK(on_first() && !VpIndex);
	CHECK_EQ(RegisterValues->ExtIntEvent.Vector, 0x24);
	ADD(&guest.n_delivered, 1);
	return S_OK;
}

HRESULT WHVAPI WHvGetVirtualProcessorCounters(WHV_PARTITION_HANDLE Partition, UINT32 VpIndex,
					      WHV_PROCESSOR_COUNTER_SET CounterSet, VOID *Buffer,
					      UINT32 BufferSizeInBytes, UINT32 *BytesWritten)
{
	abort();
}

/* ---- Tests ------------------------------------------------------------------------------- */

static void machine(unsigned int n_processors)
{
	static const struct {
		uint16_t port;
		uint8_t value;
	} set_up[] = { { 0x20, 0x11 }, { 0x21, 0x20 },	  { 0x21, 4 },	  { 0x21, 3 },
		       { 0x21, 0xef }, { SERIAL + 4, 8 }, { 0x43, 0x34 }, { 0x40, 0 } };

	free(host.text);
	memset(&host, 0, sizeof(host));
	memset(&guest, 0, sizeof(guest));
	host.first = pthread_self();
	host.n_processors = n_processors;
	for (unsigned int i = 0; i < SEATS_MAX; i++)
		guest.vps[i].random.state = i + 1;
	vmm = (struct vmm) { .partition = &vmm,
			     .has_apic = true,
			     .tsc_hz = 1000000000,
			     .start_tsc = host_tsc(),
			     .end = ~0ull };
	pic_init(&vmm.pic);
	pit_init(&vmm.pit, &vmm.now);
	serial_init(&vmm.serial, SERIAL, 4, &vmm.pic, NULL);
	pm_init(&vmm.pm);
	serial_add_ports(&vmm.serial, &vmm.ports);
	pit_add_ports(&vmm.pit, &vmm.ports);
	pic_add_ports(&vmm.pic, &vmm.ports);
	pm_add_ports(&vmm.pm, &vmm.ports);
	for (unsigned int i = 0; i < sizeof(set_up) / sizeof(set_up[0]); i++)
		ports_write(&vmm.ports, set_up[i].port, 1, set_up[i].value);
}

/* Characters of several VPs are mixed; of each of them all have come, and nothing else has. */
static void check_text(void)
{
	unsigned int n[SEATS_MAX] = { 0 };
	unsigned int n_others = 0;
	const char *end = strstr(host.text, "vmm: ");

	REQUIRE(end);
	for (const char *c = host.text; c < end; c++) {
		if (*c >= 'a' && *c < (char)('a' + SEATS_MAX))
			n[*c - 'a']++;
		else if (*c != ENDS_LINE)
			n_others++;
	}
	CHECK_EQ(n_others, 0);
	for (unsigned int vp = 0; vp < SEATS_MAX; vp++)
		CHECK_EQ(n[vp], vp < vmm.n_vps && (vp || !guest.is_first_busy)
					? guest.n_lines * (5 + vp)
					: 0);
	CHECK(!strcmp(end, "vmm: the guest has switched itself off\n"));
}

static void run_and_check(unsigned int n_seats, unsigned int n_vps)
{
	uint64_t n_exits = 0, n_done = 0;

	seats_start(&vmm, n_vps);
	CHECK_EQ(vmm.n_seats, n_seats);
	seats_run(&vmm);
	CHECK(vmm.pm.wants_off);
	CHECK_EQ(host.n_started, n_seats - 1);
	CHECK_EQ(host.n_joined, n_seats - 1);
	seats_leave(&vmm);
	CHECK_EQ(host.n_joined, n_seats - 1);
	for (unsigned int i = 0; i < n_seats; i++)
		n_exits += vmm.seats[i].stats.n_exits;
	for (unsigned int vp = 0; vp < n_vps; vp++)
		n_done += guest.vps[vp].n_exits;
	CHECK(n_exits >= n_done);
	check_text();
}

static void seats_run_all_vps_to_the_end(void)
{
	for (unsigned int n_processors = 1; n_processors <= 3; n_processors++)
		for (unsigned int n_vps = 1; n_vps <= SEATS_MAX; n_vps += 1 + n_vps / 4) {
			machine(n_processors);
			guest.n_lines = 20;
			run_and_check(n_processors < n_vps ? n_processors : n_vps, n_vps);
		}
}

/* The interrupt that another seat's VP has asked for: nothing but a call ends the Run of VP 0. */
static void seats_call_the_first_for_an_interrupt(void)
{
	for (unsigned int n_vps = 2; n_vps <= 4; n_vps++) {
		machine(n_vps);
		guest.n_lines = 100;
		guest.is_first_busy = true;
		run_and_check(n_vps, n_vps);
		CHECK(guest.n_delivered > 0);
		CHECK_EQ(guest.n_delivered, vmm.seats[0].stats.interrupts);
	}
}

/* More is printed than the buffer holds, by VPs of other seats alone. */
static void seats_wait_for_room_at_the_terminal(void)
{
	machine(3);
	guest.n_lines = 700;
	guest.is_first_busy = true;
	run_and_check(3, 3);
	CHECK(host.n_text > 2 * BUFFER);
}

static void seats_are_as_many_as_processors_start(void)
{
	machine(4);
	host.n_refused = 2;
	guest.n_lines = 20;
	run_and_check(2, 4);
	machine(2);
	host.n_refused = 1;
	guest.n_lines = 20;
	run_and_check(1, 2);
}

static void *ends(void *argument)
{
	usleep(20000);
	seats_end(argument);
	return NULL;
}

/* Whoever ends it: every VP leaves, and every processor comes back. */
static void seats_end_with_all_vps_in_run(void)
{
	for (unsigned int round = 0; round < 10; round++) {
		pthread_t other;

		machine(4);
		guest.only_computes = true;
		seats_start(&vmm, 4);
		if (pthread_create(&other, NULL, ends, &vmm))
			abort();
		seats_run(&vmm);
		pthread_join(other, NULL);
		CHECK_EQ(host.n_joined, 3);
		for (unsigned int i = 0; i < 4; i++)
			CHECK_EQ(vmm.seats[i].running, -1);
	}
}

/* The partition could not be made: they have waited, and go. */
static void seats_leave_before_they_have_run(void)
{
	machine(4);
	seats_start(&vmm, 4);
	vmm.partition = NULL;
	seats_leave(&vmm);
	CHECK_EQ(host.n_joined, 3);
	for (unsigned int vp = 0; vp < 4; vp++)
		CHECK_EQ(guest.vps[vp].n_exits, 0);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(seats_run_all_vps_to_the_end),
		TEST(seats_call_the_first_for_an_interrupt),
		TEST(seats_wait_for_room_at_the_terminal),
		TEST(seats_are_as_many_as_processors_start),
		TEST(seats_end_with_all_vps_in_run),
		TEST(seats_leave_before_they_have_run),
	};

	alarm(SECONDS);
	return RUN(tests);
}
