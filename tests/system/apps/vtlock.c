// SPDX-License-Identifier: MIT
/*
 * A firmware that locks VT-x off: sets the lock bit alone in IA32_FEATURE_CONTROL, then starts
 * \EFI\whit\whit.efi.
 */
#include <efi.h>
#include <efilib.h>

#include "insn.h"
#include "x86/msr.h"

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;
	EFI_HANDLE whit;

	InitializeLib(self, table);
	if (!(insn_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCKED))
		insn_wrmsr(MSR_FEATURE_CONTROL, FEATURE_CONTROL_LOCKED);
	Print(L"feature control: %lx\n", insn_rdmsr(MSR_FEATURE_CONTROL));

	status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded);
	if (!EFI_ERROR(status))
		status = BS->LoadImage(
			FALSE, self, FileDevicePath(loaded->DeviceHandle, L"\\EFI\\whit\\whit.efi"),
			NULL, 0, &whit);
	if (!EFI_ERROR(status))
		status = BS->StartImage(whit, NULL, NULL);
	Print(L"vtlock: %r\n", status);
	return status;
}
