/* SPDX-License-Identifier: MIT */
/* The files of the volume that this application came from. */
#ifndef ROOT_VMM_UEFI_VOLUME_H
#define ROOT_VMM_UEFI_VOLUME_H

#include <efi.h>
#include <stdbool.h>
#include <stdint.h>

struct volume {
	EFI_FILE_HANDLE root;
};

struct volume_file {
	uint8_t *bytes;
	uint64_t n_bytes;
};

bool volume_open(struct volume *volume, EFI_HANDLE image);

/*
 * Read a whole file into pages of its own, which volume_forget() gives back. A large one says on
 * the terminal that it is being read. False: it is not there, or cannot be read.
 */
bool volume_read(struct volume *volume, CHAR16 *path, struct volume_file *file);
void volume_forget(struct volume_file *file);

#endif
