// SPDX-License-Identifier: MIT
/* See needs.h. Estimates are upper bounds: what they are too large by is heap. */
#include "needs.h"

#include "config.h"
#include "paging.h"
#include "whit/layout.h"
#include "x86/page.h"

#define GIB ((uint64_t)LEVEL_SIZE(LEVEL_1G))
#define MIB (1ull << 20)

/* hv/mem/frame.c: a word for each frame, a record for each block of 2 MiB and of 1 GiB. */
#define FRAME_BYTES 4
#define BLOCK_BYTES 12

/*
 * Top level, the half of IMAGE and STACKS, and the two tables around the hole that the image leaves
 * in DIRECT.
 */
#define TABLES_OF_MAP 6

/*
 * Where memory types change inside a large page, at most twice for each MTRR, the root's tables go
 * down to 4 KiB.
 */
#define TABLES_OF_TYPES 96

/* struct percpu, VMCS, bitmaps, extended state and what else hangs on a processor. */
#define PAGES_OF_CPU 32

static uint64_t parts(uint64_t n_bytes, uint64_t size)
{
	return (n_bytes + size - 1) / size;
}

uint64_t needs_direct_bytes(uint64_t top)
{
	return top < 4 * GIB ? 4 * GIB : (top + GIB - 1) & ~(GIB - 1);
}

uint64_t needs_books_bytes(const struct needs *needs)
{
	const uint64_t top = needs->ram_top;

	return parts(parts(top, PAGE_SIZE) * FRAME_BYTES +
			     (parts(top, LEVEL_SIZE(LEVEL_2M)) + parts(top, GIB)) * BLOCK_BYTES,
		     PAGE_SIZE) *
	       PAGE_SIZE;
}

uint64_t needs_loaded_bytes(const struct needs *needs)
{
	const uint64_t direct = needs_direct_bytes(needs->ram_top);
	uint64_t n_tables = TABLES_OF_MAP + parts(direct, 512 * GIB);

	if (!needs->has_1g)
		n_tables += direct / GIB;
	n_tables += parts(needs->image_bytes, LEVEL_SIZE(LEVEL_2M));
	n_tables += parts(needs->n_cpus * WHIT_STACK_SLOT, LEVEL_SIZE(LEVEL_2M));
	n_tables++; /* for the moment of the start */
	return needs->image_bytes + needs->n_cpus * PAGING_STACK_BYTES + n_tables * PAGE_SIZE;
}

uint64_t needs_fixed_bytes(const struct needs *needs)
{
	const uint64_t direct = needs_direct_bytes(needs->ram_top);
	/*
	 * With nested leaves of 2 MiB; whether the processor has larger ones is not the loader's to
	 * know.
	 */
	const uint64_t n_nested = 1 + parts(direct, 512 * GIB) + direct / GIB + TABLES_OF_TYPES;

	return needs_loaded_bytes(needs) + needs_books_bytes(needs) +
	       (n_nested + (uint64_t)needs->n_cpus * PAGES_OF_CPU) * PAGE_SIZE;
}

uint64_t needs_block_bytes(const struct needs *needs, uint64_t memory)
{
	return parts(needs_fixed_bytes(needs) + memory, LEVEL_SIZE(LEVEL_2M)) *
	       LEVEL_SIZE(LEVEL_2M);
}

void needs_refuse(const struct needs *needs, uint64_t memory, uint64_t free_bytes,
		  struct text *text)
{
	/* Pages are free; the block begins at a boundary of 2 MiB and has whole ones. */
	const uint64_t lost = needs_fixed_bytes(needs) + 2 * LEVEL_SIZE(LEVEL_2M);
	uint64_t fits = free_bytes > lost ? free_bytes - lost : 0;

	if (fits > CONFIG_MEMORY_DEFAULT)
		fits = CONFIG_MEMORY_DEFAULT;
	text_clear(text);
	text_add(text, "the hypervisor needs ");
	text_mebibytes(text, needs_block_bytes(needs, memory));
	text_add(text, " in one piece, of which `memory` asks for ");
	text_mebibytes(text, memory);
	text_add(text, ", and the firmware gives no more than ");
	text_number(text, free_bytes / MIB);
	if (fits < CONFIG_MEMORY_MIN || fits >= memory) {
		text_add(text, " MiB: this machine has too little free memory");
		return;
	}
	text_add(text, " MiB: write `memory = ");
	text_number(text, fits / MIB);
	text_add(text, "M` in whit.conf");
}
