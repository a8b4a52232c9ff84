/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables: what their entries have in common on every vendor's processors, what the
 * vendor says of the rest, and the one way to write an entry.
 */
#ifndef ARCH_X86_NESTED_H
#define ARCH_X86_NESTED_H

#include <stdint.h>

#include "arch/virt.h"

#define NESTED_ENTRIES	 512
#define NESTED_TOP_LEVEL 4
#define NESTED_GPA_BITS	 48

/* EPT entries have these where the entries of long mode have them. */
#define NESTED_WRITE (1ull << 1)
#define NESTED_LEAF  (1ull << 7) /* in a level 2 or 3 entry */
#define NESTED_ADDR  0x000ffffffffff000ull

/*
 * Of a 4 KiB leaf, ignored by the processor: writes are recorded; they are allowed, whatever
 * NESTED_WRITE says.
 */
#define NESTED_TRACKED	 (1ull << 52)
#define NESTED_MAY_WRITE (1ull << 53)

/* ---- The vendor's format ----------------------------------------------------------------- */

struct nested_format {
	uint64_t present; /* an entry with none of these bits is zero: a hole */
	uint64_t table;	  /* of an entry that points to a table, which takes no right away */
	uint64_t dirty;	  /* of a leaf; the processor's own only with nested_has_flags() */
};

extern const struct nested_format nested_format;

/*
 * The bits of a leaf with these rights (at least one of VIRT_READ, VIRT_WRITE, VIRT_EXECUTE) and
 * this memory type, if the format has one. Rights that cannot be had alone bring others along.
 */
uint64_t nested_leaf(uint8_t rights, uint8_t type);

/* The same backwards; MEMTYPE_WB where the format has no type. */
uint8_t nested_rights(uint64_t entry);
uint8_t nested_type(uint64_t entry);

/* Does the processor note writes in the dirty flags of this space? */
bool nested_has_flags(const struct virt_space *space);

/*
 * Let it do so, or not, for each VP that is renewed from now on: by the space's token. False: there
 * is no choice, and nothing has changed.
 */
bool nested_set_flags(struct virt_space *space, bool are_used);

/* The word that points a VP at a space with this top table. */
uint64_t nested_token(spa_t root);

/* ---- nested_store.c ---------------------------------------------------------------------- */

/*
 * Write a live entry at once; change bits of one, whatever the processor sets in it meanwhile. Both
 * return what stood there. The tests watch every write by versions of their own.
 */
uint64_t nested_store(uint64_t *entry, uint64_t value);
uint64_t nested_change(uint64_t *entry, uint64_t clear, uint64_t set);

/* Set bits of a live entry if all bits of `has` are set in it at that moment; else false. */
bool nested_mark(uint64_t *entry, uint64_t has, uint64_t set);

#endif
