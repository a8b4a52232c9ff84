// SPDX-License-Identifier: MIT
/*
 * conformance.efi: the WHP functions in the root partition under Whit, held against their documentation,
 * check by check on the first serial port. Ends with `conformance: N passed, N failed`, and powers off.
 */
#include <efi.h>
#include <efilib.h>

#include "root/lib/platform.h"
#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/check.h"

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	InitializeLib(image, system);
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	terminal_print("\n");
	if (!platform_has_whit()) {
		terminal_print("FAIL conformance: this is not a root partition of Whit\n");
	} else {
		capability_checks();
		partition_checks();
		property_checks();
		memory_checks();
		memory_change_checks();
		vp_checks();
		register_checks();
		port_checks();
		memory_exit_checks();
		run_checks();
		event_checks();
		emulation_checks();
		forms_checks();
		library_checks();
		translate_checks();
		walk_checks();
		root_checks();
		hostile_checks();
	}
	check_summary();
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_ABORTED;
}
