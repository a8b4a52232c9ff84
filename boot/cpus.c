// SPDX-License-Identifier: MIT
/* See cpus.h. */
#include "cpus.h"

#include <efi.h>
#include <efilib.h>

#include "cpu.h"
#include "uefi/mp_services.h"

static EFI_GUID mp_services_guid = MP_SERVICES_GUID;

/* ACPI 2.0 and later, then 1.0. */
static EFI_GUID acpi_guids[] = {
	{ 0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } },
	{ 0xeb9d2d30, 0x2d88, 0x11d3, { 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d } },
};

static const void *look(void *map, uint64_t address, uint64_t n_bytes)
{
	return ram_is_readable(map, address, n_bytes) ? (const void *)(uintptr_t)address : NULL;
}

static void ask_acpi(const struct ram_map *map, struct census *census)
{
	VOID *rsdp = NULL;

	for (UINTN i = 0; i < sizeof(acpi_guids) / sizeof(acpi_guids[0]) && !census->has_acpi; i++)
		census->has_acpi =
			!EFI_ERROR(LibGetSystemConfigurationTable(&acpi_guids[i], &rsdp));
	if (census->has_acpi)
		census->acpi_damaged =
			acpi_count((uintptr_t)rsdp, look, (void *)map, &census->acpi);
}

/* NULL: the firmware has none. */
static struct mp_services *find_mp(void)
{
	struct mp_services *mp;

	return EFI_ERROR(BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp)) ? NULL : mp;
}

void cpus_count(const struct ram_map *map, struct census *census)
{
	struct mp_services *const mp = find_mp();
	UINTN n = 0, n_enabled = 0;

	*census = (struct census) { .package = census_package(cpu_cpuid) };
	if (mp) {
		/* No answer is no processor, which nobody believes. */
		census->has_mp = true;
		if (EFI_ERROR(mp->get_number_of_processors(mp, &n, &n_enabled)))
			n = n_enabled = 0;
		census->mp_total = n;
		census->mp_enabled = n_enabled;
	}
	ask_acpi(map, census);
}

/* False: the firmware does not know it, or says that it is broken. */
static bool add(struct cpus *cpus, UINTN number)
{
	struct mp_information information = { 0 };

	if (EFI_ERROR(cpus->mp->get_processor_info(cpus->mp, number, &information)) ||
	    !(information.status & MP_STATUS_HEALTHY))
		return false;
	cpus->cpu[cpus->n].number = (uint32_t)number;
	cpus->cpu[cpus->n].is_kept = !(information.status & MP_STATUS_ENABLED);
	cpus->n++;
	return true;
}

const char *cpus_list(struct cpus *cpus)
{
	UINTN n, n_enabled, own;

	*cpus = (struct cpus) { .mp = find_mp() };
	if (!cpus->mp) {
		cpus->n = 1;
		return NULL;
	}
	if (EFI_ERROR(cpus->mp->get_number_of_processors(cpus->mp, &n, &n_enabled)) ||
	    EFI_ERROR(cpus->mp->who_am_i(cpus->mp, &own)) || own >= n)
		return "the firmware does not say which processors there are";
	if (n > WHIT_MAX_CPUS)
		return "the machine has more processors than the hypervisor can hold";
	if (!add(cpus, own))
		return "the firmware does not know the processor that it runs on";
	for (UINTN i = 0; i < n; i++)
		if (i != own && !add(cpus, i))
			return "the firmware says that a processor of the machine is broken";
	return NULL;
}

struct visit {
	void (*function)(void *argument);
	void *argument;
};

/* The processor's own convention is the firmware's. */
static VOID EFIAPI visit(VOID *argument)
{
	const struct visit *const this = argument;

	this->function(this->argument);
}

bool cpus_call(const struct cpus *cpus, uint32_t cpu, void (*function)(void *argument),
	       void *argument)
{
	struct visit this = { function, argument };
	struct mp_services *const mp = cpus->mp;
	const UINTN number = cpus->cpu[cpu].number;
	bool is_done;

	if (!cpu) {
		function(argument);
		return true;
	}
	if (cpus->cpu[cpu].is_kept && EFI_ERROR(mp->enable_disable_ap(mp, number, TRUE, NULL)))
		return false;
	is_done = !EFI_ERROR(mp->startup_this_ap(mp, visit, number, NULL,
						 CPUS_CALL_SECONDS * 1000000u, &this, NULL));
	if (cpus->cpu[cpu].is_kept)
		(void)mp->enable_disable_ap(mp, number, FALSE, NULL);
	return is_done;
}
