// SPDX-License-Identifier: MIT
/* See cpus.h. The protocol: UEFI Platform Initialization, volume 2, "MP Services Protocol". */
#include "cpus.h"

#include <efi.h>
#include <efilib.h>

#include "cpu.h"

/* The header of gnu-efi has it not; of its seven functions we call the first. */
struct mp_services {
	EFI_STATUS(EFIAPI *get_number_of_processors)
	(struct mp_services *self, UINTN *n, UINTN *n_enabled);
	void *others[6];
};

static EFI_GUID mp_services_guid = {
	0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 }
};

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

void cpus_count(const struct ram_map *map, struct census *census)
{
	struct mp_services *mp;
	UINTN n = 0, n_enabled = 0;

	*census = (struct census) { .package = census_package(cpu_cpuid) };
	if (!EFI_ERROR(BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp))) {
		/* No answer is no processor, which nobody believes. */
		census->has_mp = true;
		if (EFI_ERROR(mp->get_number_of_processors(mp, &n, &n_enabled)))
			n = n_enabled = 0;
		census->mp_total = n;
		census->mp_enabled = n_enabled;
	}
	ask_acpi(map, census);
}
