/* SPDX-License-Identifier: MIT */
/*
 * Free pages of the platform's own. The boot processor puts them here, for AllocatePages() is its alone to call; every
 * processor takes them and gives them back, at any time, in a callback of an interrupt, too. Knows nothing of firmware.
 */
#ifndef ROOT_CALL_UEFI_RESERVE_H
#define ROOT_CALL_UEFI_RESERVE_H

#include <stddef.h>

/* n pages, contiguous, n not 0; NULL if there are none. */
void *reserve_take(size_t n);

/* n pages at an address that is a multiple of 4096; not 0. Their contents are lost. */
void reserve_give(void *pages, size_t n);

/* All pages of one run, how many in *n; NULL if there are none at all. */
void *reserve_take_run(size_t *n);

/* How many pages are here at this moment. */
size_t reserve_count(void);

#endif
