/* SPDX-License-Identifier: MIT */
/*
 * A second page walk, for tests: written from the figures and lists of SDM 3A "Paging" as plainly as
 * possible, and in another shape than hv/mem/walk.c. It first collects the entries of the walk, then
 * judges them bit by bit, then says which bits it would set. Memory belongs to the caller.
 */
#ifndef TESTS_UNIT_WALK_REFERENCE_H
#define TESTS_UNIT_WALK_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

struct ref_in {
	uint64_t cr0, cr3, cr4, efer, rflags, pdpte[4];
	uint32_t pkru, pkrs;
	unsigned int maxphyaddr;
	bool has_1g;
	bool reads_pdptes;     /* from memory, at each walk */
	bool has_loose_pdptes; /* whose reserved low bits are not looked at */
	uint64_t gva;
	bool read, write, execute, user, set_bits, smap, no_smap;
	/* 0: entry read; 4, 5: the result code of a table that cannot be read. */
	int (*load)(uint64_t gpa, unsigned int bytes, uint64_t *entry);
	bool (*can_write)(uint64_t gpa);
};

struct ref_out {
	unsigned int code, error_code, level;
	uint64_t gpa, entry;
	/* Entries to be changed: A and D. */
	unsigned int n_sets;
	struct {
		uint64_t gpa, bits;
	} sets[5];
};

static inline bool ref_bit(uint64_t value, unsigned int bit)
{
	return value >> bit & 1;
}

enum ref_mode { REF_NONE, REF_32, REF_PAE, REF_4, REF_5 };

static inline enum ref_mode ref_mode_of(const struct ref_in *in)
{
	if (!ref_bit(in->cr0, 31))
		return REF_NONE;
	if (!ref_bit(in->cr4, 5))
		return REF_32;
	if (!ref_bit(in->efer, 10))
		return REF_PAE;
	return ref_bit(in->cr4, 12) ? REF_5 : REF_4;
}

/* Is bit `bit` of a present entry one that must be zero? */
static inline bool ref_must_be_zero(const struct ref_in *in, enum ref_mode mode, unsigned int level,
				    bool is_page, unsigned int bit)
{
	if (mode == REF_32) {
		unsigned int m = in->maxphyaddr < 40 ? in->maxphyaddr : 40;

		/* Table 4-4: bits 21:(M-19) of a PDE that maps a 4-MByte page */
		return level == 2 && is_page && bit >= m - 19 && bit <= 21;
	}
	if (mode == REF_PAE && level == 3)
		return (!in->has_loose_pdptes &&
			(bit == 1 || bit == 2 || (bit >= 5 && bit <= 8))) ||
		       bit >= in->maxphyaddr;
	if (bit == 63)
		return !ref_bit(in->efer, 11);
	if (bit >= 52)
		return mode == REF_PAE;
	if (bit >= in->maxphyaddr)
		return true;
	if (level >= 4)
		return bit == 7;
	if (is_page && level == 3)
		return (bit >= 13 && bit <= 29) || (bit == 7 && !in->has_1g);
	if (is_page && level == 2)
		return bit >= 13 && bit <= 20;
	return false;
}

/*
 * SDM 3A "Protection Keys", list by list: does key i of the page forbid this data access? That alone sets
 * bit 5 of the error code, whatever else forbids it.
 */
static inline bool ref_key_forbids(const struct ref_in *in, enum ref_mode mode, bool user_page,
				   uint64_t leaf)
{
	unsigned int i = (unsigned int)(leaf >> 59) % 16;

	if (mode < REF_4 || !(in->read || in->write))
		return false;
	if (user_page && ref_bit(in->cr4, 22)) {
		if (ref_bit(in->pkru, 2 * i))
			return true;
		if (ref_bit(in->pkru, 2 * i + 1) && in->write)
			return in->user ? true : ref_bit(in->cr0, 16);
	}
	if (!user_page && ref_bit(in->cr4, 24)) {
		if (ref_bit(in->pkrs, 2 * i))
			return true;
		if (ref_bit(in->pkrs, 2 * i + 1) && in->write)
			return ref_bit(in->cr0, 16);
	}
	return false;
}

static inline void ref_walk(const struct ref_in *in, struct ref_out *out)
{
	enum ref_mode mode = ref_mode_of(in);
	uint64_t gva = mode >= REF_4 ? in->gva : in->gva & 0xffffffff;
	unsigned int n_levels = (unsigned int[]) { 0, 2, 3, 4, 5 }[mode];
	unsigned int width = mode == REF_32 ? 10 : 9, bytes = mode == REF_32 ? 4 : 8;
	uint64_t entries[6] = { 0 }, where[6] = { 0 }, next;
	bool user_page = true, writable = true, no_execute = false, is_page = false, allowed;
	bool fetch_bit;
	unsigned int level, bit, last_level = 0, page_bits;
	uint64_t address;

	*out = (struct ref_out) { 0 };
	fetch_bit = in->execute &&
		    (ref_bit(in->cr4, 20) || (ref_bit(in->cr4, 5) && ref_bit(in->efer, 11)));
	out->error_code = (unsigned int)(in->write << 1 | in->user << 2 | fetch_bit << 4);
	if (mode == REF_NONE) {
		out->error_code = 0;
		out->gpa = gva;
		return;
	}
	if (mode >= REF_4) {
		unsigned int top = mode == REF_5 ? 56 : 47;

		for (bit = top; bit < 64; bit++)
			if (ref_bit(gva, bit) != ref_bit(gva, top)) {
				out->code = 1;
				return;
			}
	}

	/* Go down. */
	next = mode == REF_32	 ? in->cr3 & 0xfffff000
	       : mode == REF_PAE ? in->cr3 & 0xffffffe0
				 : in->cr3 & 0x000ffffffffff000;
	for (level = n_levels; level >= 1; level--) {
		unsigned int shift = 12 + (level - 1) * width;

		out->level = level;
		if (mode == REF_PAE && level == 3 && !in->reads_pdptes) {
			entries[level] = in->pdpte[gva >> 30];
		} else {
			int trouble;

			where[level] = next + ((gva >> shift) % (1u << width)) * bytes;
			trouble = in->load(where[level], bytes, &entries[level]);
			if (trouble) {
				out->entry = 0;
				out->code = (unsigned int)trouble;
				out->gpa = where[level];
				out->error_code = 0;
				goto upper_accessed;
			}
		}
		out->entry = entries[level];
		if (!ref_bit(entries[level], 0)) {
			out->code = 1;
			goto upper_accessed;
		}
		is_page = level == 1;
		if (ref_bit(entries[level], 7)) {
			if (mode == REF_32 && level == 2)
				is_page = ref_bit(in->cr4, 4);
			else if (level == 2)
				is_page = true;
			else if (level == 3 && mode != REF_PAE)
				is_page = true;
		}
		for (bit = 0; bit < 64; bit++)
			if (ref_bit(entries[level], bit) &&
			    ref_must_be_zero(in, mode, level, is_page, bit)) {
				out->code = 3;
				out->error_code |= 1 | 8;
				goto upper_accessed;
			}
		last_level = level;
		if (is_page)
			break;
		next = entries[level] & (mode == REF_32 ? 0xfffff000ull : 0x000ffffffffff000ull);
	}

	/* SDM 3A "Determination of Access Rights" */
	for (level = n_levels; level >= last_level; level--) {
		if (mode == REF_PAE && level == 3)
			continue;
		user_page &= ref_bit(entries[level], 2);
		writable &= ref_bit(entries[level], 1);
		if (mode != REF_32 && ref_bit(in->efer, 11))
			no_execute |= ref_bit(entries[level], 63);
	}
	allowed = true;
	if (!in->read && !in->write && !in->execute) {
		/* WHP: without a Validate flag no right is asked for */
	} else if (!in->user) {
		bool smap = ref_bit(in->cr4, 21) && !in->no_smap &&
			    (in->smap || !ref_bit(in->rflags, 18));

		if (in->read && user_page && smap)
			allowed = false;
		if (in->write && user_page && smap)
			allowed = false;
		if (in->write && ref_bit(in->cr0, 16) && !writable)
			allowed = false;
		if (in->execute && (no_execute || (user_page && ref_bit(in->cr4, 20))))
			allowed = false;
	} else {
		if (!user_page)
			allowed = false;
		if (in->write && !writable)
			allowed = false;
		if (in->execute && no_execute)
			allowed = false;
	}
	level = last_level;
	out->level = level;
	if (ref_key_forbids(in, mode, user_page, entries[level])) {
		allowed = false;
		out->error_code |= 1 << 5;
	}
	if (!allowed) {
		out->code = 2;
		out->error_code |= 1;
		goto upper_accessed;
	}

	page_bits = 12 + (level - 1) * width;
	address = 0;
	for (bit = page_bits; bit < (mode == REF_32 ? 32 : 52); bit++)
		address |= (uint64_t)ref_bit(entries[level], bit) << bit;
	if (mode == REF_32 && level == 2)
		for (bit = 13; bit <= 20; bit++)
			address |= (uint64_t)ref_bit(entries[level], bit) << (bit + 19);
	out->gpa = address + gva % (1ull << page_bits);
	out->error_code = 0;

upper_accessed:
	/* Which entries were used to go on: all above the one that decided, and that one if it was a success. */
	if (!in->set_bits)
		return;
	for (level = n_levels; level >= out->level && level >= 1; level--) {
		uint64_t bits = 1u << 5;

		if (mode == REF_PAE && level == 3)
			continue;
		if (level == out->level && out->code)
			return;
		if (level == out->level && in->write)
			bits |= 1u << 6;
		if ((entries[level] & bits) == bits)
			continue;
		if (!in->can_write(where[level])) {
			*out = (struct ref_out) { .code = 6,
						  .gpa = where[level],
						  .level = level,
						  .entry = entries[level],
						  .n_sets = out->n_sets,
						  .sets = { out->sets[0], out->sets[1],
							    out->sets[2], out->sets[3],
							    out->sets[4] } };
			return;
		}
		out->sets[out->n_sets].gpa = where[level];
		out->sets[out->n_sets++].bits = bits;
		/* A table that is its own entry sees the bit that was just set; the bits differ only there. */
	}
}

#endif
