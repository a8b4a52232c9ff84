// SPDX-License-Identifier: MIT
/* See processors.h. */
#include "root/call/uefi/processors.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/uefi/cpu.h"
#include "uefi/mp_services.h"
#include "x86/apic.h"
#include "x86/msr.h"

bool processors_is_boot(void)
{
	return uefi_read_msr(MSR_APIC_BASE) & APIC_BASE_BSP;
}

static bool ask_firmware(void)
{
	static EFI_GUID guid = MP_SERVICES_GUID;
	struct mp_services *mp;
	UINTN n, n_enabled;

	if (EFI_ERROR(BS->LocateProtocol(&guid, NULL, (void **)&mp)))
		return false;
	/* No answer is no promise. */
	return EFI_ERROR(mp->get_number_of_processors(mp, &n, &n_enabled)) || n > 1;
}

bool processors_are_several(void)
{
	static bool is_known, are_several;

	if (!is_known)
		are_several = ask_firmware();
	is_known = true;
	return are_several;
}
