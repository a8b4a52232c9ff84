/* SPDX-License-Identifier: MIT */
/*
 * The books of the machine's RAM (hv/mem/frame.h): one word a 4 KiB frame, and a record for each
 * block of 2 MiB and 1 GiB. A word counts uses, or says what the frame was lent for. A block's
 * record counts the uses of the block as a whole, and how many of its frames exist and are lent, so
 * that a question about a block needs no look at its frames. A count that ever reaches its end
 * stays there: the frame can then never be lent, which is safe.
 */
#include "hv/mem/frame.h"

#include "hv/hv.h"

/* A frame's word: a count up to WORD_FULL, or what the frame was lent for. */
#define WORD_PARTITION 0xffffffffu
#define WORD_LEDGER    0xfffffffeu
#define WORD_LENT      0xfffffffdu
#define WORD_FULL      0xfffffffcu

struct block {
	uint32_t uses;	/* of the whole block by a leaf of its size */
	uint32_t n_ram; /* frames below that exist */
	uint32_t n_lent;
};

/* Frames first_page to first_page + n_pages - 1; their words begin at words. */
struct range {
	uint64_t first_page, n_pages;
	uint32_t *words;
};

static struct {
	uint32_t n_ranges;
	const struct range *last; /* that was looked up */
	struct range ranges[WHIT_MAX_RAM_RANGES];
	uint64_t end;			    /* no RAM at or above; what the blocks cover */
	struct block *blocks[LEVEL_1G + 1]; /* by level, from LEVEL_2M */
} frames;

static uint64_t blocks_of(uint64_t end, unsigned int level)
{
	return (end + LEVEL_SIZE(level) - 1) >> LEVEL_SHIFT(level);
}

static uint64_t ram_end(const struct whit_handover *handover)
{
	const struct whit_ram *last = &handover->ram[handover->n_ram - 1];

	return handover->n_ram ? last->base + last->n_bytes : 0;
}

uint64_t frames_bytes(const struct whit_handover *handover)
{
	const uint64_t end = ram_end(handover);
	uint64_t n = 0;

	for (uint32_t i = 0; i < handover->n_ram; i++)
		n += (handover->ram[i].n_bytes >> PAGE_SHIFT) * sizeof(uint32_t);
	n += (blocks_of(end, LEVEL_2M) + blocks_of(end, LEVEL_1G)) * sizeof(struct block);
	return (n + PAGE_SIZE - 1) & PAGE_MASK;
}

static struct block *block_at(uint64_t address, unsigned int level)
{
	return &frames.blocks[level][address >> LEVEL_SHIFT(level)];
}

/* Note in each block how many of its frames a range of RAM brings. */
static void count_ram(const struct whit_ram *ram, unsigned int level)
{
	const uint64_t end = ram->base + ram->n_bytes;
	uint64_t at = ram->base;

	while (at < end) {
		const uint64_t block_end = (at | (LEVEL_SIZE(level) - 1)) + 1;
		const uint64_t next = block_end < end ? block_end : end;

		block_at(at, level)->n_ram += (uint32_t)((next - at) >> PAGE_SHIFT);
		at = next;
	}
}

void frames_init(const struct whit_handover *handover)
{
	uint8_t *books = virt_ptr(SPA(handover->heap_base));

	frames.n_ranges = handover->n_ram;
	frames.end = ram_end(handover);
	for (unsigned int level = LEVEL_2M; level <= LEVEL_1G; level++) {
		frames.blocks[level] = (struct block *)(void *)books;
		books += blocks_of(frames.end, level) * sizeof(struct block);
	}
	for (uint32_t i = 0; i < frames.n_ranges; i++) {
		struct range *range = &frames.ranges[i];

		range->first_page = handover->ram[i].base >> PAGE_SHIFT;
		range->n_pages = handover->ram[i].n_bytes >> PAGE_SHIFT;
		range->words = (uint32_t *)(void *)books;
		books += range->n_pages * sizeof(uint32_t);
		count_ram(&handover->ram[i], LEVEL_2M);
		count_ram(&handover->ram[i], LEVEL_1G);
	}
}

/* The range that a page is in, NULL: none. */
static const struct range *range_of(uint64_t page)
{
	uint32_t low = 0, high = frames.n_ranges;

	while (low < high) {
		const uint32_t middle = (low + high) / 2;
		const struct range *range = &frames.ranges[middle];

		if (page < range->first_page)
			high = middle;
		else if (page - range->first_page >= range->n_pages)
			low = middle + 1;
		else
			return range;
	}
	return NULL;
}

/* The word of the frame around an address, NULL if it has none. */
static uint32_t *word_at(uint64_t address)
{
	const uint64_t page = address >> PAGE_SHIFT;

	/* Neighbours are asked for one after the other. */
	if (!frames.last || page - frames.last->first_page >= frames.last->n_pages)
		frames.last = range_of(page);
	return frames.last ? &frames.last->words[page - frames.last->first_page] : NULL;
}

bool frames_are_root(uint64_t base, uint64_t n_bytes)
{
	const uint64_t end = base + n_bytes;
	uint64_t at = base & PAGE_MASK;

	if (end < base || end > frames.end)
		return false;
	while (at < end) {
		unsigned int level = LEVEL_1G;

		while (level > LEVEL_4K &&
		       (at & (LEVEL_SIZE(level) - 1) || end - at < LEVEL_SIZE(level)))
			level--;
		if (level == LEVEL_4K) {
			const uint32_t *word = word_at(at);

			if (!word || *word > WORD_FULL)
				return false;
		} else {
			const struct block *block = block_at(at, level);

			if (block->n_ram != LEVEL_SIZE(level) >> PAGE_SHIFT || block->n_lent)
				return false;
		}
		at += LEVEL_SIZE(level);
	}
	return true;
}

/* frames_kind() reads words at any time. */
static void put_word(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static uint32_t *uses_of(spa_t block, unsigned int level)
{
	uint32_t *word;

	if (level > LEVEL_4K)
		return block.a < frames.end ? &block_at(block.a, level)->uses : NULL;
	word = word_at(block.a);
	return word && *word <= WORD_FULL ? word : NULL;
}

void frames_map(spa_t block, unsigned int level)
{
	uint32_t *uses = uses_of(block, level);

	if (!uses)
		virt_panic("frames_map: %llx is not the root's", (unsigned long long)block.a);
	if (*uses != WORD_FULL)
		put_word(uses, *uses + 1);
}

void frames_unmap(spa_t block, unsigned int level)
{
	uint32_t *uses = uses_of(block, level);

	if (!uses || !*uses)
		virt_panic("frames_unmap: %llx is not mapped", (unsigned long long)block.a);
	if (*uses != WORD_FULL)
		put_word(uses, *uses - 1);
}

bool frames_lend(spa_t base, uint64_t n_pages)
{
	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t address = base.a + (i << PAGE_SHIFT);
		const uint32_t *word = word_at(address);

		/* A word that is not zero is a use, or a loan. */
		if (!word || *word || block_at(address, LEVEL_2M)->uses ||
		    block_at(address, LEVEL_1G)->uses)
			return false;
	}
	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t address = base.a + (i << PAGE_SHIFT);

		put_word(word_at(address), WORD_LENT);
		block_at(address, LEVEL_2M)->n_lent++;
		block_at(address, LEVEL_1G)->n_lent++;
	}
	hv.stats.lent_pages += n_pages;
	return true;
}

void frames_unlend(spa_t base, uint64_t n_pages)
{
	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t address = base.a + (i << PAGE_SHIFT);
		uint32_t *word = word_at(address);

		if (!word || *word <= WORD_FULL)
			virt_panic("frames_unlend: %llx is not lent", (unsigned long long)address);
		put_word(word, 0);
		block_at(address, LEVEL_2M)->n_lent--;
		block_at(address, LEVEL_1G)->n_lent--;
	}
	hv.stats.lent_pages -= n_pages;
}

enum frame_kind frames_kind(spa_t spa)
{
	const uint64_t page = spa.a >> PAGE_SHIFT;
	const struct range *const range = range_of(page);
	uint32_t word;

	if (!range)
		return FRAME_PLAIN;
	word = __atomic_load_n(&range->words[page - range->first_page], __ATOMIC_ACQUIRE);
	return word <= WORD_FULL ? FRAME_PLAIN : (enum frame_kind)(word - WORD_FULL);
}

void frames_mark(spa_t frame, enum frame_kind kind)
{
	uint32_t *word = word_at(frame.a);

	if (!word || *word <= WORD_FULL || kind == FRAME_PLAIN)
		virt_panic("frames_mark: %llx is not lent", (unsigned long long)frame.a);
	put_word(word, WORD_FULL + (uint32_t)kind);
}

bool frames_overlap_block(uint64_t base, uint64_t n_bytes)
{
	return base < hv.hidden_base + hv.hidden_bytes && base + n_bytes > hv.hidden_base;
}

bool frames_hidden(uint64_t page)
{
	return frames_overlap_block(page, PAGE_SIZE) || frames_kind(SPA(page)) != FRAME_PLAIN;
}

bool frames_any_lent(spa_t block, unsigned int level)
{
	if (level == LEVEL_4K)
		return frames_kind(block) != FRAME_PLAIN;
	return block.a < frames.end && block_at(block.a, level)->n_lent;
}

uint32_t frames_uses(spa_t block, unsigned int level)
{
	const uint32_t *uses = uses_of(block, level);

	return uses ? *uses : 0;
}

_Static_assert(WORD_FULL + FRAME_LENT == WORD_LENT && WORD_FULL + FRAME_LEDGER == WORD_LEDGER &&
		       WORD_FULL + FRAME_PARTITION == WORD_PARTITION,
	       "a word is WORD_FULL + enum frame_kind");
