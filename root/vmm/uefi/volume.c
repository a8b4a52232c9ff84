// SPDX-License-Identifier: MIT
/* See volume.h. */
#include "root/vmm/uefi/volume.h"

#include <efilib.h>

#include "root/vmm/host.h"
#include "root/vmm/terminal.h"

#define MIB	  0x100000u
#define MAX_PATH  64u
#define MAX_BYTES 0x40000000u

static size_t pages_of(uint64_t n_bytes)
{
	return (size_t)(n_bytes / 4096 + 1);
}

bool volume_open(struct volume *volume, EFI_HANDLE image)
{
	EFI_LOADED_IMAGE *loaded;

	if (BS->HandleProtocol(image, &LoadedImageProtocol, (void **)&loaded) != EFI_SUCCESS)
		return false;
	volume->root = LibOpenRoot(loaded->DeviceHandle);
	return volume->root;
}

static void announce(const CHAR16 *path, uint64_t n_bytes)
{
	char name[MAX_PATH];
	size_t n = 0;

	for (; path[n] && n + 1 < MAX_PATH; n++)
		name[n] = (char)path[n];
	name[n] = '\0';
	terminal_print("vmm: reading %s, %lu MiB\n", name, (unsigned long)(n_bytes / MIB));
}

bool volume_read(struct volume *volume, CHAR16 *path, struct volume_file *file)
{
	EFI_FILE_HANDLE handle;
	EFI_FILE_INFO *info;
	EFI_STATUS status;
	UINTN n_bytes;

	*file = (struct volume_file) { .bytes = NULL };
	if (volume->root->Open(volume->root, &handle, path, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
		return false;
	info = LibFileInfo(handle);
	if (info && info->FileSize < MAX_BYTES)
		file->bytes = host_pages(pages_of(info->FileSize));
	if (file->bytes) {
		file->n_bytes = info->FileSize;
		if (file->n_bytes >= MIB)
			announce(path, file->n_bytes);
		n_bytes = file->n_bytes;
		status = handle->Read(handle, &n_bytes, file->bytes);
		if (status != EFI_SUCCESS || n_bytes != file->n_bytes)
			volume_forget(file);
	}
	if (info)
		FreePool(info);
	handle->Close(handle);
	return file->bytes;
}

void volume_forget(struct volume_file *file)
{
	if (file->bytes)
		host_free(file->bytes, pages_of(file->n_bytes));
	file->bytes = NULL;
}
