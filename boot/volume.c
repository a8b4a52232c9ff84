// SPDX-License-Identifier: MIT
/* See volume.h. */
#include "volume.h"

#include <efilib.h>

static EFI_STATUS open_file(EFI_HANDLE device, const CHAR16 *path, EFI_FILE_HANDLE *file)
{
	EFI_FILE_HANDLE root = LibOpenRoot(device);
	EFI_STATUS status;

	if (!root)
		return EFI_UNSUPPORTED;
	status = root->Open(root, file, (CHAR16 *)path, EFI_FILE_MODE_READ, 0);
	root->Close(root);
	return status;
}

bool volume_has(EFI_HANDLE device, const CHAR16 *path)
{
	EFI_FILE_HANDLE file;

	if (EFI_ERROR(open_file(device, path, &file)))
		return false;
	file->Close(file);
	return true;
}

EFI_STATUS volume_read(EFI_HANDLE device, const CHAR16 *path, void *to, size_t max, size_t *length)
{
	EFI_FILE_HANDLE file;
	EFI_STATUS status = open_file(device, path, &file);
	UINTN n = max;
	UINTN n_more = 1;
	char more;

	if (EFI_ERROR(status))
		return status;
	status = file->Read(file, &n, to);
	if (!EFI_ERROR(status) && n == max) {
		status = file->Read(file, &n_more, &more);
		if (!EFI_ERROR(status) && n_more)
			status = EFI_BUFFER_TOO_SMALL;
	}
	file->Close(file);
	*length = n;
	return status;
}
