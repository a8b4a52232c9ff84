/* SPDX-License-Identifier: MIT */
/* The processors of the machine, by EFI_MP_SERVICES. */
#ifndef BOOT_CPUS_H
#define BOOT_CPUS_H

#include <stddef.h>

/* How many processors are enabled. Firmware without the protocol has one. */
size_t cpus_enabled(void);

#endif
