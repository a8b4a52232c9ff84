// SPDX-License-Identifier: MIT
/*
 * A root that walks into its ruin: page tables in the hypervisor's memory. Every entry there has reserved bits set: the
 * page fault cannot be delivered, nor can the double fault, and the processor shuts down.
 */
#include <efi.h>
#include <efilib.h>

#include "insn.h"
#include "x86/page.h"

#define ALIGNMENT 0x200000ull /* of the hypervisor's memory, which has at least this much */

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

/* The first reserved memory that reads as ones; 0 if there is none. */
static uint64_t find_hidden(void)
{
	UINTN n = 0, key, size;
	UINT32 version;
	const char *const map = (const char *)LibMemoryMap(&n, &key, &size, &version);

	for (UINTN i = 0; map && i < n; i++) {
		const EFI_MEMORY_DESCRIPTOR *d = (const void *)(map + i * size);
		const uint64_t first = (d->PhysicalStart + ALIGNMENT - 1) & ~(ALIGNMENT - 1);

		if (d->Type == EfiReservedMemoryType &&
		    first + ALIGNMENT <= d->PhysicalStart + d->NumberOfPages * PAGE_SIZE &&
		    *(volatile uint64_t *)(uintptr_t)first == ~0ull)
			return first;
	}
	return 0;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	uint64_t hidden;

	InitializeLib(self, table);
	hidden = find_hidden();
	Print(hidden ? L"page tables in hidden memory\n" : L"no hidden memory\n");
	if (!hidden)
		return EFI_NOT_FOUND;
	insn_cli();
	insn_write_cr3(hidden + PAGE_SIZE);
	return EFI_ABORTED;
}
