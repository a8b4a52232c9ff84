// SPDX-License-Identifier: MIT
/* See cpus.h. The protocol: UEFI Platform Initialization, volume 2, "MP Services Protocol". */
#include "cpus.h"

#include <efi.h>
#include <efilib.h>

/* The header of gnu-efi has it not; of its seven functions we call the first. */
struct mp_services {
	EFI_STATUS(EFIAPI *get_number_of_processors)
	(struct mp_services *self, UINTN *n, UINTN *n_enabled);
	void *others[6];
};

static EFI_GUID mp_services_guid = {
	0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 }
};

size_t cpus_enabled(void)
{
	struct mp_services *mp;
	UINTN n, n_enabled;

	if (EFI_ERROR(BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->get_number_of_processors(mp, &n, &n_enabled)) || !n_enabled)
		return 1;
	return n_enabled;
}
