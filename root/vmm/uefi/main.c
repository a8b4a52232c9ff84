// SPDX-License-Identifier: MIT
/*
 * vmm.efi: runs the firmware image \whit\bios.bin of its volume in a child partition, to the end of its
 * self-test, and powers the machine off.
 */
#include <efi.h>
#include <efilib.h>

#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "root/vmm/vmm.h"

#define FIRMWARE L"\\whit\\bios.bin"

#define RAM_BYTES (32ull << 20)

/* In virtual seconds; the self-test takes one or two. */
#define MAX_SECONDS 120u

/* Firmware has nothing to boot from, and says so. */
#define LAST_LINE "No bootable device"

/* Read a file of the volume that this image came from; *n_bytes, at most `max`. */
static EFI_STATUS read_file(EFI_HANDLE image, CHAR16 *path, void *to, UINTN max, UINTN *n_bytes)
{
	EFI_LOADED_IMAGE *loaded;
	EFI_FILE_HANDLE root, file;
	EFI_STATUS status;

	status = BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded);
	if (EFI_ERROR(status))
		return status;
	root = LibOpenRoot(loaded->DeviceHandle);
	if (!root)
		return EFI_UNSUPPORTED;
	status = root->Open(root, &file, path, EFI_FILE_MODE_READ, 0);
	root->Close(root);
	if (EFI_ERROR(status))
		return status;
	*n_bytes = max;
	status = file->Read(file, n_bytes, to);
	file->Close(file);
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	struct vmm_config config = { .ram_bytes = RAM_BYTES,
				     .awaited = LAST_LINE,
				     .n_seconds = MAX_SECONDS };
	bool is_done = false;
	EFI_STATUS status;
	UINTN n_bytes = 0;
	uint8_t *rom;

	InitializeLib(image, system);
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	rom = host_pages((MEMORY_MAX_ROM + 4096) / 4096);
	status = rom ? read_file(image, FIRMWARE, rom, MEMORY_MAX_ROM + 4096, &n_bytes)
		     : EFI_OUT_OF_RESOURCES;
	if (EFI_ERROR(status)) {
		terminal_print("vmm: cannot read \\whit\\bios.bin: %lx\n", (unsigned long)status);
	} else if (!n_bytes || n_bytes > MEMORY_MAX_ROM || n_bytes % 4096) {
		terminal_print("vmm: \\whit\\bios.bin has %lu bytes: not a firmware image of up to "
			       "256 KiB\n",
			       (unsigned long)n_bytes);
	} else {
		config.rom = rom;
		config.rom_bytes = n_bytes;
		is_done = vmm_main(&config);
	}
	terminal_print(is_done ? "vmm: done\n" : "vmm: FAILED\n");
	if (rom)
		host_free(rom, (MEMORY_MAX_ROM + 4096) / 4096);
	RT->ResetSystem(EfiResetShutdown, is_done ? EFI_SUCCESS : EFI_ABORTED, 0, NULL);
	return EFI_ABORTED;
}
