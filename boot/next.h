/* SPDX-License-Identifier: MIT */
/* The loader that is started next: what the machine boots, with or without the hypervisor. */
#ifndef BOOT_NEXT_H
#define BOOT_NEXT_H

#include <stdint.h>

#include <efi.h>

#include "config.h"

/*
 * Starts config->next, else the first loader of the default list that is on the volume and is not
 * this one. `self` is this image, started at TSC `start`. Returns only if there is none or it came back:
 * with the status for the boot manager, an error unless a loader ended well.
 */
EFI_STATUS next_start(EFI_HANDLE self, const struct config *config, uint64_t start);

#endif
