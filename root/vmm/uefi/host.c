// SPDX-License-Identifier: MIT
/*
 * The VMM's host under UEFI. The terminal is the first serial port, used directly: firmware's
 * console often shows on it, too, and each line is to appear once. Without such a port it is the
 * console, and nothing can be typed.
 */
#include "root/vmm/host.h"

#include <efi.h>
#include <efilib.h>

#include "root/vmm/uefi/cpu.h"
#include "root/vmm/uefi/timer.h"

#define COM1	     0x3f8u
#define COM1_FCR     (COM1 + 2)
#define COM1_LSR     (COM1 + 5)
#define LSR_RECEIVED 0x01u
#define LSR_THRE     0x20u
#define LSR_TEMT     0x40u

/* A port that never becomes ready is given up, character by character. */
#define MAX_POLLS 1000000u

#define MEASURE_US 10000u

#define BUFFER_BYTES 16384u

static struct {
	char bytes[BUFFER_BYTES];
	unsigned int first, n;
	bool is_on;
} buffer;

void *host_pages(size_t n)
{
	EFI_PHYSICAL_ADDRESS address = 0;

	if (BS->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &address) != EFI_SUCCESS)
		return NULL;
	cpu_clear((void *)(uintptr_t)address, n * 4096);
	return (void *)(uintptr_t)address;
}

void host_free(void *pages, size_t n)
{
	BS->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)pages, n);
}

uint64_t host_tsc_hz(void)
{
	static uint64_t hz;
	uint64_t start;

	if (!hz) {
		start = host_tsc();
		BS->Stall(MEASURE_US);
		hz = (host_tsc() - start) * (1000000u / MEASURE_US);
	}
	return hz;
}

struct host_time host_time(void)
{
	struct host_time time = { .year = 2000, .month = 1, .day = 1 };
	EFI_TIME t;

	if (RT->GetTime(&t, NULL) == EFI_SUCCESS)
		time = (struct host_time) { .year = t.Year,
					    .month = t.Month,
					    .day = t.Day,
					    .hour = t.Hour,
					    .minute = t.Minute,
					    .second = t.Second };
	return time;
}

static void put_serial(char c)
{
	for (unsigned int i = 0; i < MAX_POLLS && !(cpu_in8(COM1_LSR) & LSR_THRE); i++)
		;
	cpu_out8(COM1, (uint8_t)c);
}

static void put_console(char c)
{
	CHAR16 text[2] = { (CHAR16)(unsigned char)c, 0 };

	ST->ConOut->OutputString(ST->ConOut, text);
}

/*
 * Without a port there is the console, which is firmware's: it is not called by whoever puts, if
 * that is buffered.
 */
static bool has_port(void)
{
	return cpu_in8(COM1_LSR) != 0xff;
}

static void send_oldest(void)
{
	(has_port() ? put_serial : put_console)(buffer.bytes[buffer.first]);
	buffer.first = (buffer.first + 1) % BUFFER_BYTES;
	buffer.n--;
}

static void put_buffered(char c)
{
	if (buffer.n == BUFFER_BYTES)
		send_oldest();
	buffer.bytes[(buffer.first + buffer.n++) % BUFFER_BYTES] = c;
}

void host_put(char c)
{
	void (*put)(char) = put_buffered;

	if (!buffer.is_on)
		put = has_port() ? put_serial : put_console;
	if (c == '\n')
		put('\r');
	put(c);
}

void host_buffer(bool is_buffered)
{
	while (buffer.n)
		send_oldest();
	buffer.is_on = is_buffered;
}

bool host_has_room(void)
{
	return BUFFER_BYTES - buffer.n >= 2 * HOST_ROOM; /* each may be the end of a line */
}

void host_make_room(void)
{
	while (!host_has_room())
		send_oldest();
}

/* The console takes all. */
void host_send(void)
{
	do {
		if (!buffer.n || !(cpu_in8(COM1_LSR) & LSR_THRE))
			return;
		send_oldest();
	} while (!has_port());
}

void host_flush(void)
{
	while (buffer.n)
		send_oldest();
	for (unsigned int i = 0; i < MAX_POLLS && !(cpu_in8(COM1_LSR) & LSR_TEMT); i++)
		;
}

/*
 * Firmware's own terminal driver would take characters away: it has to let go of the serial ports.
 */
void host_listen(void)
{
	EFI_HANDLE *handles;
	UINTN n;

	if (BS->LocateHandleBuffer(ByProtocol, &SerialIoProtocol, NULL, &n, &handles) !=
	    EFI_SUCCESS)
		return;
	for (UINTN i = 0; i < n; i++)
		BS->DisconnectController(handles[i], NULL, NULL);
	BS->FreePool(handles);
	/* Without its FIFO the port holds back what it has no room for. */
	cpu_out8(COM1_FCR, 0);
}

int host_get(void)
{
	uint8_t status = cpu_in8(COM1_LSR);

	host_send();
	return status != 0xff && status & LSR_RECEIVED ? cpu_in8(COM1) : -1;
}

bool host_timer_start(unsigned int n_ms, void (*tick)(void *context), void *context)
{
	return timer_start(host_tsc_hz() / 1000 * n_ms, tick, context);
}

void host_timer_stop(void)
{
	timer_stop();
}

static void send_or_pause(void)
{
	const unsigned int n = buffer.n;

	host_send();
	if (buffer.n == n)
		host_pause();
}

/* Output is sent first; what sleeps is too coarse for the time that a character takes. */
void host_sleep_until(uint64_t tsc)
{
	uint64_t now;

	while ((now = host_tsc()) < tsc) {
		if (!buffer.n)
			timer_sleep(tsc - now);
		else
			send_or_pause();
	}
}
