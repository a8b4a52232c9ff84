/* SPDX-License-Identifier: MIT */
/* The end of a Run where nothing but an interrupt of the root's ends it: platform_bound(). */
#ifndef ROOT_CALL_UEFI_BOUND_H
#define ROOT_CALL_UEFI_BOUND_H

/* On a processor that is not the boot processor: take the interrupt of a bound, if it has come. */
void bound_take_interrupt(void);

#endif
