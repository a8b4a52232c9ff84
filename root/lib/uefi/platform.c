// SPDX-License-Identifier: MIT
/*
 * The library's platform under UEFI: identity-mapped, ring 0, memory from the boot services. The
 * application has called InitializeLib().
 *
 * Runs of pages that come back are kept for the next partition, up to a limit: firmware's allocator
 * walks the whole memory map at each call, which would cost more than creating a partition does.
 */
#include "root/lib/platform.h"

#include <efi.h>
#include <efilib.h>

#include "root/lib/uefi/cpu.h"
#include "whit/hypercall.h"

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

uint64_t platform_physical(const void *address)
{
	return (uintptr_t)address;
}

void platform_cpuid(uint32_t leaf, uint32_t registers[4])
{
	uefi_cpuid(leaf, registers);
}

bool platform_has_whit(void)
{
	static int known; /* 0 not asked, 1 yes, -1 no */
	uint32_t r[4];

	if (known)
		return known > 0;
	known = -1;
	uefi_cpuid(1, r);
	if (!(r[2] & 1u << 31))
		return false;
	uefi_cpuid(WHIT_CPUID_SIGNATURE, r);
	if (r[0] < WHIT_CPUID_VERSION || r[1] != WHIT_SIGNATURE_WORD ||
	    r[2] != WHIT_SIGNATURE_WORD || r[3] != WHIT_SIGNATURE_WORD)
		return false;
	uefi_cpuid(WHIT_CPUID_VERSION, r);
	if (r[0] == WHIT_ABI_VERSION)
		known = 1;
	return known > 0;
}
