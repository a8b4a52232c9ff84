// SPDX-License-Identifier: MIT
/*
 * The VMM's host under UEFI. The terminal is the first serial port, written to directly: firmware's
 * console often shows on it, too, and each line is to appear once. Without such a port it is the console.
 */
#include "root/vmm/host.h"

#include <efi.h>
#include <efilib.h>

#include "root/vmm/uefi/cpu.h"

#define COM1	 0x3f8u
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20u

/* A port that never becomes ready is given up, character by character. */
#define MAX_POLLS 1000000u

#define MEASURE_US 10000u

static EFI_EVENT timer_event, sleep_event;
static void (*timer_tick)(void *context);
static void *timer_context;

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

void host_put(char c)
{
	void (*put)(char) = cpu_in8(COM1_LSR) == 0xff ? put_console : put_serial;

	if (c == '\n')
		put('\r');
	put(c);
}

static VOID EFIAPI timer_notify(EFI_EVENT event, VOID *context)
{
	(void)event;
	(void)context;
	timer_tick(timer_context);
}

bool host_timer_start(unsigned int n_ms, void (*tick)(void *context), void *context)
{
	timer_tick = tick;
	timer_context = context;
	if (BS->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, timer_notify, NULL,
			    &timer_event) != EFI_SUCCESS)
		return false;
	return BS->SetTimer(timer_event, TimerPeriodic, n_ms * 10000ull) == EFI_SUCCESS;
}

void host_timer_stop(void)
{
	if (timer_event)
		BS->CloseEvent(timer_event);
	timer_event = NULL;
}

void host_sleep_until(uint64_t tsc)
{
	uint64_t now = host_tsc();
	UINTN index;

	if (tsc <= now)
		return;
	if (!sleep_event && BS->CreateEvent(EVT_TIMER, 0, NULL, NULL, &sleep_event) != EFI_SUCCESS)
		return;
	BS->SetTimer(sleep_event, TimerRelative, (tsc - now) * 10000 / (host_tsc_hz() / 1000) + 1);
	BS->WaitForEvent(1, &sleep_event, &index);
}
