/* SPDX-License-Identifier: MIT */
/*
 * What the library needs of the place it runs in: memory that it can lend, and physical addresses of what
 * it passes to the hypervisor. UEFI: root/lib/uefi. The rest of the library knows no platform.
 */
#ifndef ROOT_LIB_PLATFORM_H
#define ROOT_LIB_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * n physically contiguous pages of 4 KiB, aligned to a page, with undefined contents; NULL if there are
 * none. platform_free() takes a whole allocation back.
 */
void *platform_pages(size_t n);
void platform_free(void *pages, size_t n);

/* Clear n_bytes, a multiple of 8, at an address that is one, too. */
void platform_clear(void *at, size_t n_bytes);

/* The root-physical address behind a byte of the caller's memory. */
uint64_t platform_physical(const void *address);

/* Let a physical interrupt that is pending be taken, whether the caller has interrupts on or off. */
void platform_take_interrupts(void);

/*
 * Hold interrupts off, so that none gets lost between a look and the sleep. Returns what is to be passed to one of the
 * next two, soon. platform_wait(): sleep until an interrupt comes, or until about the time at which the TSC stands at
 * `deadline` (~0: no such time), burning nothing; the interrupt is taken. Interrupts are then as they were.
 */
uint64_t platform_hold_interrupts(void);
void platform_release_interrupts(uint64_t held);
void platform_wait(uint64_t held, uint64_t deadline);

/* Is this a root partition of Whit, with the ABI version that this library speaks? */
bool platform_has_whit(void);

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void platform_cpuid(uint32_t leaf, uint32_t registers[4]);

#endif
