// SPDX-License-Identifier: MIT
/*
 * The other processors of the host under UEFI, by EFI_MP_SERVICES: those that firmware has enabled.
 * A function on one of them runs with interrupts off, on a small stack of firmware's, and calls no
 * firmware.
 */
#include <efi.h>
#include <efilib.h>

#include "root/vmm/host.h"
#include "root/vmm/seat.h"
#include "root/vmm/uefi/cpu.h"
#include "uefi/mp_services.h"

/* Firmware notices that a processor has come back when its own timer lets it look. */
#define MOST_SECONDS 10u

static struct processor {
	UINTN number; /* firmware's */
	EFI_EVENT event;
	void (*function)(void *argument);
	void *argument;
	bool is_back;
} others[SEATS_MAX - 1];

static struct mp_services *mp;

static bool is_usable(UINTN number)
{
	struct mp_information information = { 0 };

	return !EFI_ERROR(mp->get_processor_info(mp, number, &information)) &&
	       information.status & MP_STATUS_ENABLED && information.status & MP_STATUS_HEALTHY;
}

unsigned int host_processors(void)
{
	static EFI_GUID guid = MP_SERVICES_GUID;
	UINTN n, n_enabled, own;
	unsigned int n_others = 0;

	if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->get_number_of_processors(mp, &n, &n_enabled)) ||
	    EFI_ERROR(mp->who_am_i(mp, &own)))
		return 1;
	for (UINTN i = 0; i < n && n_others < SEATS_MAX - 1; i++)
		if (i != own && is_usable(i))
			others[n_others++].number = i;
	return n_others + 1;
}

static VOID EFIAPI main_of_processor(VOID *argument)
{
	struct processor *processor = argument;

	processor->function(processor->argument);
	__atomic_store_n(&processor->is_back, true, __ATOMIC_RELEASE);
}

/* True when firmware, too, knows that the processor has come back from the function before. */
static bool is_free(struct processor *processor)
{
	const uint64_t start = host_tsc();

	if (!processor->event)
		return true;
	while (BS->CheckEvent(processor->event) == EFI_NOT_READY)
		if (host_tsc() - start > MOST_SECONDS * host_tsc_hz())
			return false;
	BS->CloseEvent(processor->event);
	processor->event = NULL;
	return true;
}

bool host_start(unsigned int processor, void (*function)(void *argument), void *argument)
{
	struct processor *const this = &others[processor - 1];

	if (!is_free(this) || EFI_ERROR(BS->CreateEvent(0, 0, NULL, NULL, &this->event)))
		return false;
	this->function = function;
	this->argument = argument;
	this->is_back = false;
	if (!EFI_ERROR(mp->startup_this_ap(mp, main_of_processor, this->number, this->event, 0,
					   this, NULL)))
		return true;
	BS->CloseEvent(this->event);
	this->event = NULL;
	return false;
}

void host_join(unsigned int processor)
{
	while (!__atomic_load_n(&others[processor - 1].is_back, __ATOMIC_ACQUIRE))
		host_pause();
}
