// SPDX-License-Identifier: MIT
/* See block.h. */
#include "block.h"

#include <efi.h>
#include <efilib.h>

#include "cpu.h"

#define ALIGNMENT LEVEL_SIZE(LEVEL_2M)

static void give_back(uint64_t base, uint64_t end)
{
	if (base < end)
		BS->FreePages(base, (end - base) >> PAGE_SHIFT);
}

bool block_alloc(struct block *block, uint64_t n_bytes)
{
	EFI_PHYSICAL_ADDRESS raw = 0;
	uint64_t raw_bytes;

	*block = (struct block) { .n_bytes = (n_bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1) };
	/* Firmware aligns to pages: ask for more, and return what is off the boundaries. */
	raw_bytes = block->n_bytes + ALIGNMENT - PAGE_SIZE;
	if (EFI_ERROR(BS->AllocatePages(AllocateAnyPages, EfiReservedMemoryType,
					raw_bytes >> PAGE_SHIFT, &raw)))
		return false;
	block->base = (raw + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	give_back(raw, block->base);
	give_back(block->base + block->n_bytes, raw + raw_bytes);
	cpu_zero((void *)block->base, block->n_bytes);
	return true;
}

void block_free(struct block *block)
{
	give_back(block->base, block->base + block->n_bytes);
}
