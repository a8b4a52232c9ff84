/* SPDX-License-Identifier: MIT */
/*
 * The processors of the machine, as far as the platform has to know them. Firmware runs on one of them, the boot processor, which
 * has its services, its interrupts and its timer; what the others have is a stack.
 */
#ifndef ROOT_CALL_UEFI_PROCESSORS_H
#define ROOT_CALL_UEFI_PROCESSORS_H

#include <stdbool.h>

/* Is this the boot processor? By IA32_APIC_BASE.BSP, which firmware moves if another one becomes it. */
bool processors_is_boot(void);

/* Are there others? On the boot processor, which asks firmware at its first call. */
bool processors_are_several(void);

#endif
