// SPDX-License-Identifier: MIT
/*
 * The engine's platform under UEFI: identity-mapped, ring 0, memory from the boot services. The
 * application has called InitializeLib().
 *
 * Runs of pages that come back are kept for the next partition, up to a limit: firmware's allocator
 * walks the whole memory map at each call, which would cost more than creating a partition does.
 */
#include "root/call/platform.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/uefi/cpu.h"

#define KEPT_RUNS      32u
#define KEPT_MAX_PAGES 64u /* longer runs go back at once */

static struct {
	void *pages;
	size_t n;
} kept[KEPT_RUNS];

void *platform_pages(size_t n)
{
	EFI_PHYSICAL_ADDRESS address = 0;

	for (size_t i = 0; i < KEPT_RUNS; i++) {
		if (kept[i].pages && kept[i].n == n) {
			void *pages = kept[i].pages;

			kept[i].pages = NULL;
			return pages;
		}
	}
	if (BS->AllocatePages(AllocateAnyPages, EfiLoaderData, n, &address) != EFI_SUCCESS)
		return NULL;
	return (void *)(uintptr_t)address;
}

void platform_free(void *pages, size_t n)
{
	if (n <= KEPT_MAX_PAGES) {
		for (size_t i = 0; i < KEPT_RUNS; i++) {
			if (!kept[i].pages) {
				kept[i].pages = pages;
				kept[i].n = n;
				return;
			}
		}
	}
	BS->FreePages((EFI_PHYSICAL_ADDRESS)(uintptr_t)pages, n);
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

bool platform_take_interrupts(void)
{
	uefi_take_interrupts();
	return true;
}

void platform_cpuid(uint32_t leaf, uint32_t registers[4])
{
	uefi_cpuid(leaf, registers);
}
