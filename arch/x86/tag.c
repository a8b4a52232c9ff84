/* SPDX-License-Identifier: MIT */
/* Which tags are taken: one bit each, by the lock. */
#include "arch/x86/tag.h"

/* The tags of a word that can be given away: those below n, but for 0. */
static uint64_t usable(uint32_t word, uint32_t n)
{
	const uint32_t left = n - word * 64;

	return (left < 64 ? (1ull << left) - 1 : ~0ull) & (word ? ~0ull : ~1ull);
}

uint16_t tag_take(struct tags *tags, uint32_t n)
{
	const uint32_t n_words = (n + 63) / 64;
	uint32_t tag = 0;

	lock_take(&tags->lock);
	for (uint32_t i = 0; i < n_words && !tag; i++) {
		const uint32_t word = (tags->hint + i) % n_words;
		const uint64_t is_free = ~tags->taken[word] & usable(word, n);

		if (!is_free)
			continue;
		tag = word * 64 + (uint32_t)__builtin_ctzll(is_free);
		tags->taken[word] |= 1ull << tag % 64;
		tags->hint = word;
	}
	lock_drop(&tags->lock);
	return (uint16_t)tag;
}

void tag_give(struct tags *tags, uint16_t tag)
{
	lock_take(&tags->lock);
	tags->taken[tag / 64] &= ~(1ull << tag % 64);
	lock_drop(&tags->lock);
}
