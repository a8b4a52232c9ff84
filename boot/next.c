// SPDX-License-Identifier: MIT
/* See next.h. The boot manager's variables: UEFI "Globally Defined Variables". */
#include "next.h"

#include <stdbool.h>

#include <efilib.h>

#include "cpu.h"
#include "option.h"
#include "volume.h"

/*
 * For a boot manager that knows of nothing else. Windows comes late: where there are two systems it
 * is not the one that lets the other one be chosen.
 */
static CHAR16 *const default_loaders[] = {
	L"\\EFI\\debian\\shimx64.efi",
	L"\\EFI\\debian\\grubx64.efi",
	L"\\EFI\\ubuntu\\shimx64.efi",
	L"\\EFI\\fedora\\shimx64.efi",
	L"\\EFI\\systemd\\systemd-bootx64.efi",
	L"\\EFI\\Microsoft\\Boot\\bootmgfw.efi",
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

/* This image, and the file that it came from. */
struct self {
	EFI_HANDLE handle, device;
	const CHAR16 *path;
	uint64_t start_tsc;
};

/* A file on a volume, and what it is to find as its load options. */
struct loader {
	EFI_HANDLE device;
	CHAR16 *path;
	const void *data;
	size_t data_bytes;
};

static bool is_self(const struct self *self, const struct loader *loader)
{
	return loader->device == self->device && is_same_path(loader->path, self->path);
}

/* The loader keeps what it points to. */
static void give_options(EFI_HANDLE image, const struct loader *loader)
{
	EFI_LOADED_IMAGE *loaded;

	if (!loader->data_bytes ||
	    EFI_ERROR(BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded)))
		return;
	loaded->LoadOptions = (void *)loader->data;
	loaded->LoadOptionsSize = (UINT32)loader->data_bytes;
}

/*
 * Starts a loader that is not this one. False if it could not be started; else it has come back,
 * with `status`. A line says why not, but if it is not there.
 */
static bool start(const struct self *self, const struct loader *loader, EFI_STATUS *status)
{
	EFI_DEVICE_PATH *device_path;
	EFI_HANDLE image = NULL;

	if (is_self(self, loader))
		return false;
	device_path = FileDevicePath(loader->device, loader->path);
	*status = BS->LoadImage(FALSE, self->handle, device_path, NULL, 0, &image);
	FreePool(device_path);
	if (EFI_ERROR(*status)) {
		/* Secure boot's refusal leaves an image behind. */
		if (image)
			BS->UnloadImage(image);
		if (*status != EFI_NOT_FOUND)
			Print(L"whit: next loader %s: %r\n", loader->path, *status);
		return false;
	}
	give_options(image, loader);
	Print(L"whit: next: %s\n", loader->path);
	Print(L"whit: boot added %ld ticks (reading the next loader and console output included)\n",
	      cpu_tsc() - self->start_tsc);
	*status = BS->StartImage(image, NULL, NULL);
	Print(L"whit: %s came back: %r\n", loader->path, *status);
	return true;
}

static void widen(CHAR16 *to, const char *from)
{
	do {
		*to++ = (CHAR16)(unsigned char)*from;
	} while (*from++);
}

/* whit.conf's. */
static bool start_configured(const struct self *self, const char *next, EFI_STATUS *status)
{
	CHAR16 path[CONFIG_PATH_BYTES];
	struct loader loader = { .device = self->device, .path = path };

	if (!next[0])
		return false;
	widen(path, next);
	if (start(self, &loader, status))
		return true;
	if (is_self(self, &loader))
		Print(L"whit: next loader %s: that is this one\n", path);
	else if (*status == EFI_NOT_FOUND)
		Print(L"whit: next loader %s: %r\n", path, *status);
	return false;
}

/* A variable of the boot manager's, to be freed; NULL if there is none. */
static void *read_variable(CHAR16 *name, UINTN *n_bytes)
{
	static EFI_GUID global = {
		0x8be4df61, 0x93ca, 0x11d2, { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c }
	};

	*n_bytes = 0;
	return LibGetVariableAndSize(name, &global, n_bytes);
}

/* The volume of the option that has its file; NULL if none has. */
static EFI_HANDLE find_volume(const struct option *option)
{
	EFI_HANDLE *volumes = NULL, found = NULL;
	UINTN n = 0;

	if (EFI_ERROR(LibLocateHandle(ByProtocol, &FileSystemProtocol, NULL, &n, &volumes)))
		return NULL;
	for (UINTN i = 0; i < n && !found; i++) {
		EFI_DEVICE_PATH *path = DevicePathFromHandle(volumes[i]);

		if (path && option_is_on(option, path, DevicePathSize(path)) &&
		    volume_has(volumes[i], option->file))
			found = volumes[i];
	}
	FreePool(volumes);
	return found;
}

static bool start_option(const struct self *self, uint16_t number, EFI_STATUS *status)
{
	struct option option;
	CHAR16 name[OPTION_NAME_CHARS];
	UINTN n_bytes;
	void *variable;
	bool has_run = false;

	option_name(number, name);
	variable = read_variable(name, &n_bytes);
	if (variable && option_parse(variable, n_bytes, &option)) {
		struct loader loader = { .device = find_volume(&option),
					 .path = option.file,
					 .data = option.data,
					 .data_bytes = option.data_bytes };

		has_run = loader.device && start(self, &loader, status);
	}
	if (variable && !has_run)
		FreePool(variable);
	return has_run;
}

/* The entry that the boot manager would have started without this one. */
static bool start_by_order(const struct self *self, EFI_STATUS *status)
{
	UINTN n_order, n_current;
	uint8_t *order = read_variable(L"BootOrder", &n_order);
	uint8_t *current = read_variable(L"BootCurrent", &n_current);
	uint32_t number = OPTION_NONE;
	bool has_run = false;
	uint16_t option;

	if (current && n_current == 2)
		number = (uint32_t)(current[0] | current[1] << 8);
	if (current)
		FreePool(current);
	for (size_t i = 0; order && !has_run && option_next(order, n_order, number, i, &option);
	     i++)
		has_run = start_option(self, option, status);
	if (order)
		FreePool(order);
	return has_run;
}

static bool start_default(const struct self *self, EFI_STATUS *status)
{
	for (size_t i = 0; i < sizeof(default_loaders) / sizeof(default_loaders[0]); i++) {
		const struct loader loader = { .device = self->device, .path = default_loaders[i] };

		if (start(self, &loader, status))
			return true;
	}
	return false;
}

EFI_STATUS next_start(EFI_HANDLE handle, const struct config *config, uint64_t start_tsc)
{
	struct self self = { .handle = handle, .start_tsc = start_tsc };
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;

	status = BS->HandleProtocol(handle, &LoadedImageProtocol, (void **)&loaded);
	if (EFI_ERROR(status))
		return status;
	self.device = loaded->DeviceHandle;
	self.path = DevicePathToStr(loaded->FilePath);
	if (start_configured(&self, config->next, &status) || start_by_order(&self, &status) ||
	    start_default(&self, &status))
		return status;
	Print(L"whit: no next loader was found; back to the boot manager\n");
	return EFI_NOT_FOUND;
}
