// SPDX-License-Identifier: MIT
/*
 * A firmware that keeps processors back: disables all but the first through EFI_MP_SERVICES, as a set-up option for the
 * number of active cores does, then starts \EFI\whit\whit.efi. What is disabled still answers INIT and SIPI.
 */
#include <efi.h>
#include <efilib.h>

#include "uefi/mp_services.h"

static EFI_GUID mp_services_guid = MP_SERVICES_GUID;

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	UINTN n = 0, n_enabled = 0;
	EFI_LOADED_IMAGE *loaded;
	struct mp_services *mp;
	EFI_STATUS status;
	EFI_HANDLE whit;

	InitializeLib(self, table);
	status = BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp);
	if (!EFI_ERROR(status))
		status = mp->get_number_of_processors(mp, &n, &n_enabled);
	for (UINTN i = 1; !EFI_ERROR(status) && i < n; i++)
		status = mp->enable_disable_ap(mp, i, FALSE, NULL);
	if (!EFI_ERROR(status))
		status = mp->get_number_of_processors(mp, &n, &n_enabled);
	Print(L"processors: %ld, enabled: %ld\n", n, n_enabled);

	if (!EFI_ERROR(status))
		status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded);
	if (!EFI_ERROR(status))
		status = BS->LoadImage(
			FALSE, self, FileDevicePath(loaded->DeviceHandle, L"\\EFI\\whit\\whit.efi"),
			NULL, 0, &whit);
	if (!EFI_ERROR(status))
		status = BS->StartImage(whit, NULL, NULL);
	Print(L"park: %r\n", status);
	return status;
}
