// SPDX-License-Identifier: MIT
/* See paging.h. */
#include "paging.h"

#include <stddef.h>

#include "whit/layout.h"
#include "x86/paging.h"

#define N_ENTRIES 512
#define TOP_LEVEL 4

/* Accessed and dirty from the start: the processor need not write to the tables. */
#define READ	   (PTE_P | PTE_A | PTE_D | PTE_NX)
#define READ_WRITE (READ | PTE_W)
#define READ_EXEC  (READ & ~PTE_NX)

static const struct {
	uint64_t offset, end;
} stack_parts[] = {
	{ WHIT_STACK_MAIN, WHIT_STACK_MAIN_END },
	{ WHIT_STACK_NMI, WHIT_STACK_NMI_END },
	{ WHIT_STACK_FAULT, WHIT_STACK_FAULT_END },
};

_Static_assert(PAGING_STACK_BYTES == WHIT_STACK_MAIN_END - WHIT_STACK_MAIN + WHIT_STACK_NMI_END -
					     WHIT_STACK_NMI + WHIT_STACK_FAULT_END -
					     WHIT_STACK_FAULT,
	       "the parts of a stack slot");
_Static_assert(WHIT_DIRECT_BASE + PAGING_DIRECT_MAX == (WHIT_IMAGE_BASE & ~((1ull << 39) - 1)),
	       "DIRECT ends where the top-level entry of IMAGE begins");

struct mapping {
	uint64_t va, pa, n_bytes;
	uint64_t rights;
	int max_level; /* of a page */
};

static uint64_t *table_of(uint64_t entry)
{
	return (uint64_t *)(uintptr_t)(entry & PTE_ADDR);
}

static uint64_t *entry_of(uint64_t *table, int level, uint64_t va)
{
	return &table[(va >> LEVEL_SHIFT(level)) % N_ENTRIES];
}

static bool fits(const struct mapping *m, int level)
{
	uint64_t size = LEVEL_SIZE(level);

	return level <= m->max_level && m->n_bytes >= size && (m->va | m->pa) % size == 0;
}

/* Writes one page's entry, of the largest size that fits; returns the size, 0 out of memory. */
static uint64_t map_page(struct block *block, uint64_t *table, const struct mapping *m)
{
	int level = TOP_LEVEL;

	for (; !fits(m, level); level--) {
		uint64_t *entry = entry_of(table, level, m->va);

		if (!(*entry & PTE_P)) {
			uint64_t *below = block_take(block, PAGE_SIZE);

			if (!below)
				return 0;
			*entry = (uintptr_t)below | PTE_P | PTE_W | PTE_A;
		}
		table = table_of(*entry);
	}
	*entry_of(table, level, m->va) = m->pa | m->rights | (level > LEVEL_4K ? PTE_PS : 0);
	return LEVEL_SIZE(level);
}

static bool map(struct block *block, uint64_t *root, struct mapping m)
{
	while (m.n_bytes) {
		uint64_t n = map_page(block, root, &m);

		if (!n)
			return false;
		m.va += n;
		m.pa += n;
		m.n_bytes -= n;
	}
	return true;
}

static bool map_direct(const struct paging *paging, struct block *block, uint64_t *root)
{
	uint64_t image_end = paging->image_base + paging->image->n_bytes;
	int max_level = paging->has_1g ? LEVEL_1G : LEVEL_2M;

	return map(block, root,
		   (struct mapping) { WHIT_DIRECT_BASE, 0, paging->image_base, READ_WRITE,
				      max_level }) &&
	       map(block, root,
		   (struct mapping) { WHIT_DIRECT_BASE + image_end, image_end,
				      paging->direct_bytes - image_end, READ_WRITE, max_level });
}

static bool map_image(const struct paging *paging, struct block *block, uint64_t *root)
{
	for (size_t i = 0; i < paging->image->n_segments; i++) {
		const struct image_segment *s = &paging->image->segment[i];
		struct mapping m = {
			.va = s->va,
			.pa = paging->image_base + (s->va - WHIT_IMAGE_BASE),
			.n_bytes = s->n_bytes,
			.rights = s->is_writable     ? READ_WRITE
				  : s->is_executable ? READ_EXEC
						     : READ,
			.max_level = LEVEL_4K,
		};

		if (!map(block, root, m))
			return false;
	}
	return true;
}

static bool map_stacks(const struct paging *paging, struct block *block, uint64_t *root)
{
	uint64_t pa = paging->stacks_base;

	for (uint32_t cpu = 0; cpu < paging->n_cpus; cpu++) {
		uint64_t slot = WHIT_STACKS_BASE + cpu * WHIT_STACK_SLOT;

		for (size_t i = 0; i < sizeof(stack_parts) / sizeof(stack_parts[0]); i++) {
			uint64_t n_bytes = stack_parts[i].end - stack_parts[i].offset;
			struct mapping m = { slot + stack_parts[i].offset, pa, n_bytes, READ_WRITE,
					     LEVEL_4K };

			if (!map(block, root, m))
				return false;
			pa += n_bytes;
		}
	}
	return true;
}

uint64_t paging_host(const struct paging *paging, struct block *block)
{
	uint64_t *root = block_take(block, PAGE_SIZE);

	if (!root || !map_direct(paging, block, root) || !map_image(paging, block, root) ||
	    !map_stacks(paging, block, root))
		return 0;
	return (uintptr_t)root;
}

const char *paging_launch(struct block *block, uint64_t firmware_cr3, uint64_t host_cr3,
			  uint64_t *launch_cr3)
{
	const uint64_t *firmware = table_of(firmware_cr3);
	const uint64_t *host = table_of(host_cr3);
	uint64_t *launch = block_take(block, PAGE_SIZE);

	if (!launch)
		return "the memory for the hypervisor is too small";
	for (size_t i = 0; i < N_ENTRIES; i++) {
		if ((firmware[i] & PTE_P) && (host[i] & PTE_P))
			return "the firmware's page tables use the hypervisor's addresses";
		launch[i] = host[i] & PTE_P ? host[i] : firmware[i];
	}
	*launch_cr3 = (uintptr_t)launch;
	return NULL;
}
