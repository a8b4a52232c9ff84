/* SPDX-License-Identifier: MIT */
/* Files on the volume that whit.efi was loaded from. */
#ifndef BOOT_VOLUME_H
#define BOOT_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include <efi.h>

/*
 * Reads the file at `path` into `to`. EFI_SUCCESS and its length; EFI_NOT_FOUND;
 * EFI_BUFFER_TOO_SMALL if it has more than `max` bytes; or what the firmware says.
 */
EFI_STATUS volume_read(EFI_HANDLE device, const CHAR16 *path, void *to, size_t max, size_t *length);

/* Is there a file at `path`? */
bool volume_has(EFI_HANDLE device, const CHAR16 *path);

#endif
