/* SPDX-License-Identifier: MIT */
/* The loader that is started next: what the machine boots, with or without the hypervisor. */
#ifndef BOOT_NEXT_H
#define BOOT_NEXT_H

#include <stdint.h>

#include <efi.h>

#include "config.h"

/*
 * Starts config->next; else what the boot manager's BootOrder names behind the entry that started
 * this image, as far as it is a file on a volume that can be read; else the first loader of a list
 * that is on this volume. Never this image. `self` is this image, started at TSC `start`. Returns
 * only if there is none or it came back: with the status for the boot manager, an error unless a
 * loader ended well.
 */
EFI_STATUS next_start(EFI_HANDLE self, const struct config *config, uint64_t start);

#endif
