/* SPDX-License-Identifier: MIT */
/*
 * Nested page tables of the fake machine: four levels in pages of the arena, so that the accounting
 * of pages is the real one. An entry: bits 0-2 rights, 3-5 memory type, 7 leaf, 8 tracked, 9 dirty,
 * 12-51 address, 63 "is a table". Translations that a processor may still have cached are noted: a
 * VP that runs on one screams, and so does whoever takes one away while a VP is in the guest.
 *
 * One thread changes a space at a time; others walk it meanwhile, and guests set flags of writes.
 */
#include <string.h>

#include "arch/fake/fake.h"

#define TABLE (1ull << 63)
#define LEAF  (1ull << 7)
#define TRACK (1ull << 8)
#define DIRTY (1ull << 9)
#define FLAGS 0x40ull /* in the token */
#define ADDR  0x000ffffffffff000ull
#define TOP   4u

static uint64_t *table_at(uint64_t spa)
{
	return virt_ptr(SPA(spa & ADDR));
}

static uint64_t load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* Whoever finds the entry finds the table that it names as it was filled. */
static void store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static unsigned int slot(uint64_t gpa, unsigned int level)
{
	return (unsigned int)(gpa >> LEVEL_SHIFT(level)) & 511u;
}

static uint64_t leaf_entry(struct virt_leaf leaf)
{
	if (!leaf.rights)
		return 0;
	return leaf.spa.a | LEAF | (leaf.rights & 7u) | ((uint64_t)leaf.type << 3) |
	       (leaf.rights & VIRT_TRACKED ? TRACK : 0);
}

static void check(const struct virt_space *space, gpa_t gpa)
{
	if (fake.meddle)
		fake.meddle();
	if (!space->token || (space->token ^ ~space->root.a) & ~FLAGS)
		fake_scream("not a space");
	if (gpa.a >> virt_machine.physical_bits || gpa.a >> 48)
		fake_scream("GPA %#llx beyond the physical width", (unsigned long long)gpa.a);
}

/*
 * When something was last taken away from the space; NULL: nothing yet. is_new: an entry of its own
 * then.
 */
static struct fake_change *change_of(const struct virt_space *space, bool is_new)
{
	for (unsigned int i = 0; i < FAKE_MAX_SPACES; i++)
		if (__atomic_load_n(&fake.changes[i].root, __ATOMIC_ACQUIRE) == space->root.a)
			return &fake.changes[i];
	for (unsigned int i = 0; is_new && i < FAKE_MAX_SPACES; i++) {
		uint64_t before = 0;

		if (__atomic_compare_exchange_n(&fake.changes[i].root, &before, space->root.a,
						false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return &fake.changes[i];
	}
	if (is_new)
		fake_scream("too many spaces");
	return NULL;
}

static uint64_t next_change(void)
{
	return __atomic_add_fetch(&fake.n_changes, 1u, __ATOMIC_RELAXED);
}

static void stale(const struct virt_space *space)
{
	for (unsigned int i = 0; i < FAKE_MAX_CPUS; i++)
		if (__atomic_load_n(&fake.cpu[i].in_guest, __ATOMIC_RELAXED) == space->root.a)
			fake_scream("a change below the guest of processor %u", i);
	__atomic_store_n(&change_of(space, true)->at, next_change(), __ATOMIC_RELAXED);
}

static void stale_flags(const struct virt_space *space)
{
	__atomic_store_n(&change_of(space, true)->cleared, next_change(), __ATOMIC_RELAXED);
}

static uint64_t replaced_at(const struct virt_space *space)
{
	const struct fake_change *const change = change_of(space, false);

	return change ? __atomic_load_n(&change->at, __ATOMIC_RELAXED) : 0;
}

uint64_t fake_changed_at(const struct virt_space *space)
{
	const struct fake_change *const change = change_of(space, false);
	const uint64_t replaced = replaced_at(space);
	const uint64_t cleared = change ? __atomic_load_n(&change->cleared, __ATOMIC_RELAXED) : 0;

	return replaced > cleared ? replaced : cleared;
}

bool fake_is_stale(const struct virt_vp *vp)
{
	return fake_changed_at(vp->space) > vp->renewed_at;
}

bool fake_is_wrong(const struct virt_vp *vp)
{
	return replaced_at(vp->space) > vp->renewed_at;
}

bool virt_space_create(struct virt_space *space, struct virt_pages *pages)
{
	if (!virt_pages_take(pages, &space->root))
		return false;
	space->token = ~space->root.a;
	space->pages = pages;
	FAKE_COUNT(n_spaces);
	return true;
}

static void give_table(struct virt_space *space, uint64_t table, unsigned int level)
{
	uint64_t *entries = table_at(table);

	for (unsigned int i = 0; i < 512; i++)
		if (entries[i] & TABLE)
			give_table(space, entries[i] & ADDR, level - 1);
	memset(entries, 0, PAGE_SIZE);
	virt_pages_give(space->pages, SPA(table & ADDR));
}

static void end_changes(const struct virt_space *space)
{
	struct fake_change *const change = change_of(space, true);

	__atomic_store_n(&change->at, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&change->cleared, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&change->root, 0, __ATOMIC_RELEASE);
}

void virt_space_destroy(struct virt_space *space)
{
	give_table(space, space->root.a, TOP);
	stale(space);
	end_changes(space);
	memset(space, 0, sizeof(*space));
	(void)__atomic_fetch_sub(&fake.n_spaces, 1u, __ATOMIC_RELAXED);
}

static struct virt_leaf leaf_of(uint64_t entry, unsigned int level)
{
	return (struct virt_leaf) { SPA(entry & ADDR),
				    (uint8_t)((entry & 7) | (entry & TRACK ? VIRT_TRACKED : 0)),
				    (uint8_t)level, (entry >> 3) & 7 };
}

struct virt_leaf virt_space_lookup(const struct virt_space *space, gpa_t gpa)
{
	uint64_t table = space->root.a, entry;
	unsigned int level;

	check(space, gpa);
	for (level = TOP;; level--) {
		entry = load(&table_at(table)[slot(gpa.a, level)]);
		if (!(entry & TABLE))
			break;
		table = entry & ADDR;
	}
	if (!entry)
		return (struct virt_leaf) { .level = (uint8_t)(level > LEVEL_1G ? LEVEL_1G
										: level) };
	return leaf_of(entry, level);
}

/* Tables that the path to a leaf of `level` at gpa lacks. */
static unsigned int tables_needed(const struct virt_space *space, gpa_t gpa, unsigned int level)
{
	uint64_t table = space->root.a, entry;

	for (unsigned int l = TOP; l > level; l--) {
		entry = table_at(table)[slot(gpa.a, l)];
		if (!(entry & TABLE))
			return l - level;
		table = entry & ADDR;
	}
	return 0;
}

static bool is_empty(uint64_t table)
{
	for (unsigned int i = 0; i < 512; i++)
		if (table_at(table)[i])
			return false;
	return true;
}

/* A hole was made at gpa: tables that hold nothing any more go back, as those of VT-x do. */
static void prune(struct virt_space *space, uint64_t gpa, unsigned int level)
{
	for (unsigned int top = level + 1; top <= TOP; top++) {
		uint64_t table = space->root.a;
		uint64_t *entry = NULL;

		for (unsigned int l = TOP; l >= top; l--) {
			entry = &table_at(table)[slot(gpa, l)];
			if (!(*entry & TABLE))
				return;
			table = *entry & ADDR;
		}
		if (!is_empty(table))
			return;
		store(entry, 0);
		give_table(space, table, top - 1);
	}
}

bool virt_space_set(struct virt_space *space, gpa_t gpa, unsigned int level, struct virt_leaf leaf)
{
	uint64_t table = space->root.a, size = LEVEL_SIZE(level), new = leaf_entry(leaf), old;
	uint64_t *entry;

	check(space, gpa);
	if (level < LEVEL_4K || level > virt_machine.max_leaf_level ||
	    (level == LEVEL_1G && leaf.rights && virt_machine.max_leaf_level < LEVEL_1G))
		fake_scream("leaf of level %u", level);
	if (gpa.a & (size - 1) || (leaf.rights && leaf.spa.a & (size - 1)))
		fake_scream("leaf that is not aligned");
	if (leaf.rights & ~15u || leaf.type > 7 || leaf.rights == VIRT_TRACKED ||
	    (leaf.rights & VIRT_TRACKED && level != LEVEL_4K))
		fake_scream("leaf with odd rights or type");
	if (leaf.rights && !(leaf.rights & VIRT_READ) &&
	    ((leaf.rights & 7u) != VIRT_EXECUTE || !virt_machine.has_execute_only))
		fake_scream("leaf without read");
	if (leaf.rights && leaf.spa.a >> virt_machine.physical_bits)
		fake_scream("leaf beyond the physical width");
	if (!leaf.rights && virt_space_lookup(space, gpa).level >= level &&
	    !virt_space_lookup(space, gpa).rights)
		return true;
	if (tables_needed(space, gpa, level) > space->pages->count)
		return false;

	for (unsigned int l = TOP; l > level; l--) {
		entry = &table_at(table)[slot(gpa.a, l)];
		if (!(*entry & TABLE)) {
			spa_t page;

			virt_pages_take(space->pages, &page);
			for (unsigned int i = 0; *entry && i < 512; i++)
				table_at(page.a)[i] = *entry + i * LEVEL_SIZE(l - 1);
			store(entry, page.a | TABLE);
		}
		table = *entry & ADDR;
	}
	entry = &table_at(table)[slot(gpa.a, level)];
	old = load(entry);
	if (old & new &TRACK && !((old ^ new) & ADDR))
		new |= old &DIRTY;
	store(entry, new);
	if (old && old != new)
		stale(space);
	if (old & TABLE)
		give_table(space, old & ADDR, level - 1);
	if (!new)
		prune(space, gpa.a, level);
	return true;
}

void virt_space_follow(struct virt_space *space, const struct virt_space *other, gpa_t gpa)
{
	uint64_t to = space->root.a, from = other->root.a;

	check(space, gpa);
	check(other, gpa);
	for (unsigned int level = TOP;; level--) {
		for (unsigned int i = 0; i < 512; i++)
			if (i != slot(gpa.a, level))
				table_at(to)[i] = table_at(from)[i];
		to = table_at(to)[slot(gpa.a, level)];
		from = table_at(from)[slot(gpa.a, level)];
		if ((level > LEVEL_4K) != !!(to & TABLE) || (level > LEVEL_4K) != !!(from & TABLE))
			fake_scream("a space that follows another one has no leaf of 4 KiB");
		if (level == LEVEL_4K)
			break;
	}
	stale(space);
}

/* The entry of a page, NULL if it is not one of 4 KiB. */
static uint64_t *page_entry(const struct virt_space *space, uint64_t gpa)
{
	uint64_t table = space->root.a;
	uint64_t *entry;

	check(space, GPA(gpa));
	for (unsigned int level = TOP;; level--) {
		entry = &table_at(table)[slot(gpa, level)];
		if (level == LEVEL_4K)
			return entry;
		if (!(load(entry) & TABLE))
			return NULL;
		table = load(entry) & ADDR;
	}
}

bool virt_space_dirty(const struct virt_space *space, gpa_t gpa, unsigned int n, bool clear,
		      uint64_t *dirty)
{
	uint64_t *entry = page_entry(space, gpa.a);

	if (!n || n > 64 || slot(gpa.a, 1) + n > 512)
		fake_scream("dirty bits of %u pages at %#llx", n, (unsigned long long)gpa.a);
	*dirty = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (!entry || !(load(&entry[i]) & TRACK))
			return false;
		if (!(load(&entry[i]) & DIRTY))
			continue;
		*dirty |= 1ull << i;
		if (clear) {
			(void)__atomic_fetch_and(&entry[i], ~DIRTY, __ATOMIC_RELAXED);
			stale_flags(space);
		}
	}
	return true;
}

void virt_space_set_dirty(const struct virt_space *space, gpa_t gpa)
{
	uint64_t *entry = page_entry(space, gpa.a);

	if (entry && (load(entry) & TRACK) && (load(entry) & VIRT_WRITE))
		(void)__atomic_fetch_or(entry, DIRTY, __ATOMIC_RELAXED);
}

bool fake_notes_writes(const struct virt_space *space)
{
	return (space->token ^ ~space->root.a) & FLAGS;
}

void virt_space_track(struct virt_space *space)
{
	check(space, GPA(0));
	if (!fake.has_flags)
		return;
	space->token = ~space->root.a ^ FLAGS;
	stale(space);
}

/* With flags a walk through a page that cannot be written to is a violation. */
bool virt_space_resolve(struct virt_space *space, gpa_t gpa, bool is_walk)
{
	const struct virt_leaf leaf = virt_space_lookup(space, gpa);

	if (leaf.rights & VIRT_WRITE) {
		if (!(leaf.rights & VIRT_TRACKED) || fake_notes_writes(space))
			return false;
		virt_space_set_dirty(space, gpa);
		return true;
	}
	if (!fake_notes_writes(space) || !is_walk || !(leaf.rights & VIRT_READ))
		return false;
	space->token = ~space->root.a;
	stale(space);
	return true;
}

bool fake_access(const struct virt_space *space, gpa_t gpa, bool is_write)
{
	const struct virt_leaf leaf = virt_space_lookup(space, gpa);
	uint64_t *const entry = page_entry(space, gpa.a);

	if (!(leaf.rights & (is_write ? VIRT_WRITE : VIRT_READ)))
		return false;
	if (!is_write || !(leaf.rights & VIRT_TRACKED) || (load(entry) & DIRTY))
		return true;
	if (!fake_notes_writes(space))
		return false;
	(void)__atomic_fetch_or(entry, DIRTY, __ATOMIC_RELAXED);
	return true;
}

static uint64_t count_below(uint64_t table)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < 512; i++)
		if (table_at(table)[i] & TABLE)
			n += count_below(table_at(table)[i] & ADDR);
	return n;
}

uint64_t fake_count_tables(const struct virt_space *space)
{
	return count_below(space->root.a);
}

static void walk_below(uint64_t table, unsigned int level, uint64_t gpa,
		       void (*visit)(void *context, gpa_t gpa, const struct virt_leaf *leaf),
		       void *context)
{
	const uint64_t *entry = table_at(table);

	for (unsigned int i = 0; i < 512; i++, gpa += LEVEL_SIZE(level)) {
		if (entry[i] & TABLE) {
			walk_below(entry[i] & ADDR, level - 1, gpa, visit, context);
		} else if (entry[i]) {
			const struct virt_leaf leaf = leaf_of(entry[i], level);

			visit(context, GPA(gpa), &leaf);
		}
	}
}

void fake_walk(const struct virt_space *space,
	       void (*visit)(void *context, gpa_t gpa, const struct virt_leaf *leaf), void *context)
{
	walk_below(space->root.a, TOP, 0, visit, context);
}

uint64_t fake_count_pages(const struct virt_pages *pages)
{
	uint64_t at = pages->first, n;

	for (n = 0; n < pages->count; n++) {
		const uint64_t *page = virt_ptr(SPA(at));

		if (!at || at & (PAGE_SIZE - 1) || at >= fake.ram_bytes)
			fake_scream("list of pages: %#llx", (unsigned long long)at);
		for (unsigned int i = 1; i < 512; i++)
			if (page[i])
				fake_scream("page %#llx in a list is not clean",
					    (unsigned long long)at);
		at = page[0];
	}
	return n;
}
