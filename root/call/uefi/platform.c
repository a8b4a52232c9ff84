// SPDX-License-Identifier: MIT
/*
 * The engine's platform under UEFI: identity-mapped, ring 0, memory from the boot services. The
 * application has called InitializeLib().
 *
 * Pages that come back are kept for the next partition, up to a limit: firmware's allocator walks
 * the whole memory map at each call, which would cost more than creating a partition does. An
 * application processor has no allocator at all, and takes what is kept. So where there are
 * several processors the boot processor keeps a reserve for them: it fills it up whenever it passes
 * through here, if only to take an interrupt. Its first call of the library does so; before that,
 * and when a processor wants more than is left, there is no memory for it (E_OUTOFMEMORY).
 * To let the boot processor do the call instead would have no such limit, but another: nothing
 * makes it come.
 */
#include "root/call/platform.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/uefi/bound.h"
#include "root/call/uefi/cpu.h"
#include "root/call/uefi/processors.h"
#include "root/call/uefi/reserve.h"

#define MOST_KEPT      2048u
#define LONGEST_KEPT   64u /* longer runs go back at once */
#define RESERVE_LEAST  512u
#define RESERVE_FILL   1024u
#define RESERVE_AT_END (4 * RESERVE_FILL) /* of what application processors have given back */

/* NULL if there are none. */
static void *allocate(size_t n)
{
	EFI_PHYSICAL_ADDRESS address = 0;

	if (BS->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &address) != EFI_SUCCESS)
		return NULL;
	return (void *)(uintptr_t)address;
}

/* The boot processor sees to the reserve. */
static void tend(void)
{
	const size_t most = processors_are_several() ? RESERVE_AT_END : MOST_KEPT;
	void *pages;
	size_t n;

	if (processors_are_several() && reserve_count() < RESERVE_LEAST) {
		pages = allocate(RESERVE_FILL);
		if (pages)
			reserve_give(pages, RESERVE_FILL);
	}
	while (reserve_count() > most) {
		pages = reserve_take_run(&n);
		if (pages)
			BS->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)pages, n);
	}
}

void *platform_pages(size_t n)
{
	void *pages = reserve_take(n);

	if (!processors_is_boot())
		return pages;
	if (!pages)
		pages = allocate(n);
	tend();
	return pages;
}

void platform_free(void *pages, size_t n)
{
	if (!processors_is_boot() || n <= LONGEST_KEPT)
		reserve_give(pages, n);
	else
		BS->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)pages, n);
	if (processors_is_boot())
		tend();
}

uint64_t platform_physical(const void *own)
{
	return (uintptr_t)own;
}

uint64_t platform_buffer(const void *callers, uint64_t n_bytes)
{
	(void)n_bytes;
	return (uintptr_t)callers;
}

uint64_t platform_source(const void *callers, uint64_t n_bytes, uint64_t *n_run)
{
	*n_run = n_bytes;
	return (uintptr_t)callers;
}

bool platform_copy_in(void *own, const void *callers, size_t n_bytes)
{
	uefi_copy(own, callers, n_bytes);
	return true;
}

bool platform_copy_out(void *callers, const void *own, size_t n_bytes)
{
	uefi_copy(callers, own, n_bytes);
	return true;
}

/*
 * Firmware handles interrupts on the boot processor and has them all sent there. It runs the others
 * with interrupts off, and a handler there would find no timer and no events that are its own. So there is
 * none but that of bound.c.
 */
bool platform_take_interrupts(void)
{
	if (!processors_is_boot()) {
		__builtin_ia32_pause();
		bound_take_interrupt();
		return true;
	}
	uefi_take_interrupts();
	tend();
	return true;
}

void platform_cpuid(uint32_t leaf, uint32_t registers[4])
{
	uefi_cpuid(leaf, registers);
}
