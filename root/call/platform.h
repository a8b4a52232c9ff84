/* SPDX-License-Identifier: MIT */
/*
 * What the engine (root/call/call.h) needs of the place it runs in, in ring 0 of the root: UEFI,
 * root/call/uefi; a kernel's driver has functions of its own. Nothing but root/call sees this. Each of these functions may be
 * called on several processors at once.
 *
 * There are two kinds of memory. The engine's own comes from platform_pages(), and both sides reach it at any
 * time. The caller's is named by pointers that call_do() was given; under a kernel they are those of a user
 * program, and only the functions below that say so may be given them.
 */
#ifndef ROOT_CALL_PLATFORM_H
#define ROOT_CALL_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Memory of the engine's own ---------------------------------------------------------- */

/*
 * n physically contiguous pages of 4 KiB, aligned to a page, with undefined contents; NULL if there are
 * none. platform_free() takes a whole allocation back.
 */
void *platform_pages(size_t n);
void platform_free(void *pages, size_t n);

/* Clear n_bytes, a multiple of 8, at an address that is one, too. */
void platform_clear(void *at, size_t n_bytes);

/* The root-physical address of a byte in such pages. */
uint64_t platform_physical(const void *own);

/* ---- Memory of the caller's -------------------------------------------------------------- */

/* No address: the answer to a question about memory that cannot be used so. */
#define PLATFORM_NOWHERE (~0ull)

/* Copy n_bytes, of any alignment. False if the caller has no such memory; a part may be copied then. */
bool platform_copy_in(void *own, const void *callers, size_t n_bytes);
bool platform_copy_out(void *callers, const void *own, size_t n_bytes);

/*
 * The root-physical address of a buffer of n_bytes that the hypervisor can take as it is: physically
 * contiguous, and staying where it is for as long as the call lasts. PLATFORM_NOWHERE: it is to be copied.
 */
uint64_t platform_buffer(const void *callers, uint64_t n_bytes);

/*
 * Memory that a child is to have as its own. The root-physical address of its first byte, and in *n_run how many of
 * the n_bytes are contiguous from there: all, or else up to the end of a page, at least one byte. The memory
 * then stays where it is for as long as it can be mapped. PLATFORM_NOWHERE if it cannot be given away.
 */
uint64_t platform_source(const void *callers, uint64_t n_bytes, uint64_t *n_run);

/* ---- Time and interrupts ----------------------------------------------------------------- */

/*
 * Let a physical interrupt that is pending be taken, whether the caller has interrupts on or off. False if
 * the caller is wanted elsewhere, as by a signal: what can be given up and called again later is given up.
 */
bool platform_take_interrupts(void);

/*
 * Hold interrupts off on this processor, so that none gets lost between a look and the sleep. Returns what is to be passed
 * to one of the next two, soon. platform_wait(): sleep until *wake is not 0, until an interrupt comes, or until about the
 * time at which the TSC stands at `deadline` (~0: no such time), or for a shorter time; an interrupt is taken.
 * Interrupts are then as they were. False as platform_take_interrupts().
 *
 * The word is set by another processor or by a callback on this one, the hypervisor among them, at any time: also between the
 * caller's last look and the sleep, which then does not begin. platform_wake() follows, where the processor can
 * know that somebody may sleep: whoever waits for this word is to look at it. A platform whose sleepers look by
 * themselves has nothing to do there.
 */
uint64_t platform_hold_interrupts(void);
void platform_release_interrupts(uint64_t held);
bool platform_wait(uint64_t held, uint64_t deadline, const uint32_t *wake);
void platform_wake(const uint32_t *wake);

/*
 * A Run on this processor is to be ended by an interrupt when the TSC stands at `deadline`, or as soon after as can
 * be; an earlier call counts no longer. ~0, or a time that has passed: none is needed. After each Run that an interrupt has ended,
 * with another value than ~0 on machines alone that have no timer for guests.
 */
void platform_bound(uint64_t deadline);

/* ---- The processor ----------------------------------------------------------------------- */

/* CPUID of a leaf, subleaf 0: EAX, EBX, ECX, EDX. */
void platform_cpuid(uint32_t leaf, uint32_t registers[4]);

#endif
