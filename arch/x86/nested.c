/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables as a tree: they are walked, split, built, pruned and freed here, and the
 * vendor says what stands in an entry (nested.h).
 *
 * Every change becomes visible by one 8-byte write, to a table that was complete before it: a
 * processor that walks meanwhile finds the old translation or the new one. A table that is cut off
 * is wiped and given back at once: it may be in paging-structure caches still, but nobody enters
 * with those (arch/virt.h, struct virt_space).
 *
 * Locks: the caller's; nothing here is entered twice for one space at a time.
 */
#include "arch/x86/nested.h"
#include "x86/paging.h"

static unsigned int index_of(uint64_t gpa, unsigned int level)
{
	return (unsigned int)(gpa >> LEVEL_SHIFT(level)) % NESTED_ENTRIES;
}

static bool is_table(uint64_t entry, unsigned int level)
{
	return (entry & nested_format.present) && level > LEVEL_4K && !(entry & NESTED_LEAF);
}

static uint64_t *table_of(uint64_t entry)
{
	return virt_ptr(SPA(entry & NESTED_ADDR));
}

/* The processor sets bits in it meanwhile, and another one may be filling a hole. */
static uint64_t load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/*
 * The entry of `gpa` in the deepest table that there is, down to level `stop`; its level by *level.
 */
static uint64_t *walk(const struct virt_space *space, uint64_t gpa, unsigned int stop,
		      unsigned int *level)
{
	uint64_t *entry = (uint64_t *)virt_ptr(space->root) + index_of(gpa, NESTED_TOP_LEVEL);
	unsigned int at = NESTED_TOP_LEVEL, shift = LEVEL_SHIFT(NESTED_TOP_LEVEL);

#pragma GCC unroll 4
	for (; at > stop; at--) {
		const uint64_t value = load(entry);

		if (!(value & nested_format.present) || (value & NESTED_LEAF))
			break;
		shift -= 9;
		entry = table_of(value) + (gpa >> shift) % NESTED_ENTRIES;
	}
	*level = at;
	return entry;
}

/*
 * Has a page whose writes are recorded been written to? Its dirty flag says so. Without the
 * processor's flags a page that is not dirty is write-protected; one that can be written to may
 * have been.
 */
static bool is_dirty(const struct virt_space *space, uint64_t entry)
{
	return entry &
	       (nested_has_flags(space) ? nested_format.dirty : nested_format.dirty | NESTED_WRITE);
}

static uint64_t leaf_entry(const struct virt_space *space, const struct virt_leaf *leaf,
			   unsigned int level)
{
	uint64_t entry;

	if (!leaf->rights)
		return 0;
	entry = nested_leaf(leaf->rights, leaf->type);
	if (level > LEVEL_4K)
		entry |= NESTED_LEAF;
	if (leaf->rights & VIRT_TRACKED) {
		entry |= NESTED_TRACKED | (entry & NESTED_WRITE ? NESTED_MAY_WRITE : 0);
		if (!nested_has_flags(space))
			entry &= ~NESTED_WRITE;
	}
	return entry | (leaf->spa.a & NESTED_ADDR);
}

/* The part `index` of leaf `entry` of `level`, as an entry one level below; a hole stays a hole. */
static uint64_t part_of(uint64_t entry, unsigned int level, unsigned int index)
{
	if (!entry)
		return 0;
	if (level - 1 == LEVEL_4K)
		entry &= ~NESTED_LEAF;
	return entry + index * LEVEL_SIZE(level - 1);
}

static bool is_empty(const uint64_t *table, unsigned int start)
{
	/* From the entry behind the one just cleared: ranges are mostly unmapped in order. */
	for (unsigned int i = 0; i < NESTED_ENTRIES; i++) {
		if (table[(start + i) % NESTED_ENTRIES])
			return false;
	}
	return true;
}

/* Wipe the table that `entry` of `level` pointed to, and those below it, and give them back. */
static void free_tables(struct virt_space *space, uint64_t entry, unsigned int level)
{
	uint64_t *table = table_of(entry);

	for (unsigned int i = 0; i < NESTED_ENTRIES; i++) {
		if (is_table(table[i], level - 1))
			free_tables(space, table[i], level - 1);
		table[i] = 0;
	}
	virt_pages_give(space->pages, SPA(entry & NESTED_ADDR));
}

/* After a hole has been made at `level`: cut off the tables around gpa that are empty now. */
static void prune(struct virt_space *space, uint64_t gpa, unsigned int level)
{
	uint64_t cut = 0;
	unsigned int cut_level = 0;

	while (level < NESTED_TOP_LEVEL) {
		unsigned int at;
		uint64_t old;
		uint64_t *parent = walk(space, gpa, level + 1, &at);
		uint64_t *table = table_of(*parent);

		if (!is_empty(table, index_of(gpa, level) + 1))
			break;
		old = *parent;
		nested_store(parent, 0);
		/* The table that was cut off before is hung in again, for free_tables() to find. */
		if (cut)
			nested_store(&table[index_of(gpa, level)], cut);
		cut = old;
		cut_level = ++level;
	}
	if (cut)
		free_tables(space, cut, cut_level);
}

static uint64_t n_spaces; /* that were ever created */

bool virt_space_create(struct virt_space *space, struct virt_pages *pages)
{
	space->pages = pages;
	if (!virt_pages_take(pages, &space->root))
		return false;
	space->token = nested_token(space->root);
	space->number = __atomic_add_fetch(&n_spaces, 1u, __ATOMIC_RELAXED);
	return true;
}

void virt_space_destroy(struct virt_space *space)
{
	uint64_t top = space->root.a | nested_format.table;

	free_tables(space, top, NESTED_TOP_LEVEL + 1);
	space->root = SPA(0);
	space->token = 0;
}

struct virt_leaf virt_space_lookup(const struct virt_space *space, gpa_t gpa)
{
	struct virt_leaf leaf = { .level = LEVEL_1G };
	unsigned int level;
	uint64_t entry;

	if (gpa.a >> NESTED_GPA_BITS)
		return leaf;
	entry = load(walk(space, gpa.a, LEVEL_4K, &level));
	leaf.level = (uint8_t)(level > LEVEL_1G ? LEVEL_1G : level);
	if (!entry)
		return leaf;
	leaf.spa = SPA(entry & NESTED_ADDR);
	leaf.type = nested_type(entry);
	leaf.rights = (uint8_t)(nested_rights(entry) | (entry & NESTED_MAY_WRITE ? VIRT_WRITE : 0) |
				(entry & NESTED_TRACKED ? VIRT_TRACKED : 0));
	return leaf;
}

void virt_space_follow(struct virt_space *space, const struct virt_space *other, gpa_t gpa)
{
	uint64_t *to = virt_ptr(space->root);
	const uint64_t *from = virt_ptr(other->root);

	for (unsigned int level = NESTED_TOP_LEVEL;; level--) {
		const unsigned int own = index_of(gpa.a, level);

		for (unsigned int i = 0; i < NESTED_ENTRIES; i++)
			if (i != own)
				to[i] = load(&from[i]);
		if (level == LEVEL_4K)
			return;
		to = table_of(to[own]);
		from = table_of(load(&from[own]));
	}
}

/*
 * Tables from `level` (where `old`, a leaf or a hole, stands) down to the one that holds an entry
 * of `stop`, filled with the parts of `old`, but for that entry. Returns what points to the first.
 */
static uint64_t build_tables(struct virt_space *space, uint64_t gpa, uint64_t old,
			     unsigned int level, unsigned int stop, uint64_t new_entry)
{
	uint64_t first = 0;
	uint64_t *link = &first;

	for (; level > stop; level--) {
		uint64_t *table;
		spa_t page = SPA(0);

		virt_pages_take(space->pages, &page); /* the caller has counted */
		table = virt_ptr(page);
		for (unsigned int i = 0; old && i < NESTED_ENTRIES; i++)
			table[i] = part_of(old, level, i);
		*link = page.a | nested_format.table;
		link = &table[index_of(gpa, level - 1)];
		old = *link;
	}
	*link = new_entry;
	return first;
}

/* A page that stays tracked stays as dirty as it is. */
static uint64_t keep_dirty(const struct virt_space *space, uint64_t old, uint64_t new_entry)
{
	if (!(old & new_entry & NESTED_TRACKED) || (old ^ new_entry) & NESTED_ADDR ||
	    !is_dirty(space, old))
		return new_entry;
	return new_entry | nested_format.dirty | (new_entry & NESTED_MAY_WRITE ? NESTED_WRITE : 0);
}

bool virt_space_set(struct virt_space *space, gpa_t gpa, unsigned int level, struct virt_leaf leaf)
{
	uint64_t new_entry = leaf_entry(space, &leaf, level);
	uint64_t *entry;
	uint64_t old;
	unsigned int at;

	if (gpa.a >> NESTED_GPA_BITS)
		return !leaf.rights;
	entry = walk(space, gpa.a, level, &at);
	old = load(entry);
	if (at > level) {
		if (!old && !new_entry)
			return true;
		if (space->pages->count < at - level)
			return false;
		nested_store(entry, build_tables(space, gpa.a, old, at, level, new_entry));
		return true;
	}
	new_entry = keep_dirty(space, old, new_entry);
	if (old == new_entry)
		return true;
	/* The processor may have set bits in the meantime. */
	old = nested_store(entry, new_entry);
	if (keep_dirty(space, old, new_entry) != new_entry)
		(void)nested_change(entry, 0, keep_dirty(space, old, new_entry));
	if (is_table(old, level))
		free_tables(space, old, level);
	if (!new_entry)
		prune(space, gpa.a, level);
	return true;
}

bool virt_space_dirty(const struct virt_space *space, gpa_t gpa, unsigned int n, bool clear,
		      uint64_t *dirty)
{
	const uint64_t mask = nested_format.dirty | (nested_has_flags(space) ? 0 : NESTED_WRITE);
	unsigned int level;
	uint64_t *entry = walk(space, gpa.a, LEVEL_4K, &level);

	*dirty = 0;
	if (level != LEVEL_4K)
		return false;
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t value = load(&entry[i]);

		if (!(value & NESTED_TRACKED))
			return false;
		if (!(value & mask))
			continue;
		*dirty |= 1ull << i;
		if (clear)
			(void)nested_change(&entry[i], mask, 0);
	}
	return true;
}

void virt_space_set_dirty(const struct virt_space *space, gpa_t gpa)
{
	unsigned int level;
	uint64_t *entry = walk(space, gpa.a, LEVEL_4K, &level);

	if (level == LEVEL_4K)
		(void)nested_mark(entry, NESTED_TRACKED | NESTED_MAY_WRITE,
				  nested_format.dirty | NESTED_WRITE);
}

void virt_space_track(struct virt_space *space)
{
	(void)nested_set_flags(space, true);
}

/*
 * With flags the processor counts its accesses to the guest's page tables as writes, also those to
 * ROM: where the flags can be given up, they are when a guest turns out to walk through ROM. Then
 * pages that are not known to be clean count as written to. Without flags only the first write to a
 * page is a violation.
 */
bool virt_space_resolve(struct virt_space *space, gpa_t gpa, bool is_walk)
{
	const struct virt_leaf leaf = virt_space_lookup(space, gpa);
	const bool has_flags = nested_has_flags(space);

	if (leaf.rights & VIRT_WRITE) {
		if (!(leaf.rights & VIRT_TRACKED) || has_flags)
			return false;
		virt_space_set_dirty(space, gpa);
		return true;
	}
	if (!has_flags || !is_walk || !(leaf.rights & VIRT_READ))
		return false;
	return nested_set_flags(space, false);
}
