// SPDX-License-Identifier: MIT
/* See next.h. */
#include "next.h"

#include <stdbool.h>

#include <efilib.h>

#include "cpu.h"

static CHAR16 *const default_loaders[] = {
	L"\\EFI\\Microsoft\\Boot\\bootmgfw.efi",
	L"\\EFI\\debian\\shimx64.efi",
	L"\\EFI\\debian\\grubx64.efi",
	L"\\EFI\\ubuntu\\shimx64.efi",
	L"\\EFI\\fedora\\shimx64.efi",
	L"\\EFI\\systemd\\systemd-bootx64.efi",
	L"\\EFI\\BOOT\\BOOTX64.EFI",
};

/* The next character of a path as file systems compare it. */
static CHAR16 path_char(const CHAR16 **path)
{
	CHAR16 c = **path;

	if (!c)
		return 0;
	if (c == '\\' || c == '/') {
		while (**path == '\\' || **path == '/')
			(*path)++;
		return '\\';
	}
	(*path)++;
	return c >= 'a' && c <= 'z' ? (CHAR16)(c - 'a' + 'A') : c;
}

static bool is_same_path(const CHAR16 *a, const CHAR16 *b)
{
	for (;;) {
		CHAR16 c = path_char(&a);

		if (c != path_char(&b))
			return false;
		if (!c)
			return true;
	}
}

/*
 * Starts the loader at `path` on the volume of `self`. False if it could not be started, and
 * `status` says why; else it has come back with `status`.
 */
static bool start(EFI_HANDLE self, EFI_HANDLE device, CHAR16 *path, uint64_t start_tsc,
		  EFI_STATUS *status)
{
	EFI_DEVICE_PATH *device_path = FileDevicePath(device, path);
	EFI_HANDLE image = NULL;

	*status = BS->LoadImage(FALSE, self, device_path, NULL, 0, &image);
	FreePool(device_path);
	if (EFI_ERROR(*status)) {
		/* Secure boot's refusal leaves an image behind. */
		if (image)
			BS->UnloadImage(image);
		return false;
	}
	Print(L"whit: next: %s\n", path);
	Print(L"whit: boot added %ld ticks (reading the next loader and console output included)\n",
	      cpu_tsc() - start_tsc);
	*status = BS->StartImage(image, NULL, NULL);
	Print(L"whit: %s came back: %r\n", path, *status);
	return true;
}

static void widen(CHAR16 *to, const char *from)
{
	do {
		*to++ = (CHAR16)(unsigned char)*from;
	} while (*from++);
}

EFI_STATUS next_start(EFI_HANDLE self, const struct config *config, uint64_t start_tsc)
{
	CHAR16 path[CONFIG_PATH_BYTES];
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;
	CHAR16 *own_path;

	status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded);
	if (EFI_ERROR(status))
		return status;
	own_path = DevicePathToStr(loaded->FilePath);
	widen(path, config->next);
	if (is_same_path(path, own_path)) {
		Print(L"whit: next loader %s: that is this one\n", path);
	} else if (path[0]) {
		if (start(self, loaded->DeviceHandle, path, start_tsc, &status))
			return status;
		Print(L"whit: next loader %s: %r\n", path, status);
	}
	for (size_t i = 0; i < sizeof(default_loaders) / sizeof(default_loaders[0]); i++) {
		CHAR16 *loader = default_loaders[i];

		if (is_same_path(loader, own_path))
			continue;
		if (start(self, loaded->DeviceHandle, loader, start_tsc, &status))
			return status;
		if (status != EFI_NOT_FOUND)
			Print(L"whit: next loader %s: %r\n", loader, status);
	}
	Print(L"whit: no next loader on this volume; back to the boot manager\n");
	return EFI_NOT_FOUND;
}
