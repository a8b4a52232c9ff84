/* SPDX-License-Identifier: MIT */
/*
 * A partition's guest-physical space (hv/gpa.h): which leaves a mapping becomes, and the books of the
 * root's frames, in which each leaf is one use of its source block.
 *
 * A call is planned before anything changes: how much of the range this call will do, and how many
 * table pages that takes at most. The frames' uses follow what virt_space_set() does to the tables: a
 * leaf that is split becomes leaves of the next level down, and so on to the level that is set.
 */
#include "hv/gpa.h"

#include <string.h>

#include "hv/frame.h"
#include "hv/hv.h"
#include "whp/WinHvMemory.h"
#include "x86/paging.h"

/* The work of one call: leaves set, and leaves looked at. */
#define MAX_LEAVES 512u
#define MAX_LOOKS  4096u

/* Leaves of the level below in one of this level. */
#define FAN_OUT 512u

_Static_assert(WHvMapGpaRangeFlagRead == VIRT_READ && WHvMapGpaRangeFlagWrite == VIRT_WRITE &&
		       WHvMapGpaRangeFlagExecute == VIRT_EXECUTE,
	       "flags are rights");

#define RIGHTS (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

/* Look a page up in the tables, and remember it. Partitions are never constant, only their users are. */
static struct gpa_page find_page(const struct partition *partition, gpa_t gpa,
				 const struct gpa_cached *cached)
{
	struct gpa_cached *entry = (struct gpa_cached *)(uintptr_t)cached;
	struct virt_leaf leaf;
	uint8_t *ptr;

	if (gpa.a >> gpa_bits())
		return (struct gpa_page) { NULL, 0 };
	leaf = virt_space_lookup(&partition->space, gpa);
	if (!leaf.rights) {
		entry->gpa = (gpa.a & PAGE_MASK) | 1;
		entry->ptr = 0;
		return (struct gpa_page) { NULL, 0 };
	}
	ptr = virt_ptr(SPA(leaf.spa.a + (gpa.a & (LEVEL_SIZE(leaf.level) - 1) & PAGE_MASK)));
	entry->gpa = (gpa.a & PAGE_MASK) | 1;
	entry->ptr = (uintptr_t)ptr | leaf.rights;
	return (struct gpa_page) { ptr, leaf.rights };
}

struct gpa_page gpa_page(const struct partition *partition, gpa_t gpa)
{
	const struct gpa_cached *cached = &partition->cache[(gpa.a >> PAGE_SHIFT) % GPA_CACHED];

	if (cached->gpa != ((gpa.a & PAGE_MASK) | 1))
		return find_page(partition, gpa, cached);
	return (struct gpa_page) { (uint8_t *)(uintptr_t)(cached->ptr & PAGE_MASK),
				   (uint8_t)(cached->ptr & RIGHTS) };
}

/*
 * The map has changed: no gpa_page() finds what was there, and no processor uses it, if translations
 * have been replaced or removed.
 */
static void forget(struct partition *partition, bool is_replaced)
{
	memset(partition->cache, 0, sizeof(partition->cache));
	partition->changes++;
	if (is_replaced)
		virt_space_flush(&partition->space);
}

/* The largest block at `at` that `left` bytes fill, with `twin` aligned like it. */
static unsigned int largest_level(uint64_t at, uint64_t twin, uint64_t left)
{
	unsigned int level = virt_machine.max_leaf_level;

	while (level > LEVEL_4K &&
	       ((at | twin) & (LEVEL_SIZE(level) - 1) || left < LEVEL_SIZE(level)))
		level--;
	return level;
}

/*
 * The level at which a range is worked on at gpa: a block with tables below it is not replaced
 * larger than 2 MiB, so that what has to be looked at stays bounded.
 */
static unsigned int step_level(const struct virt_leaf *here, unsigned int level)
{
	return level > LEVEL_2M && here->level < level ? LEVEL_2M : level;
}

/* ---- Planning ---------------------------------------------------------------------------- */

struct plan {
	uint64_t n_bytes;		/* this call does */
	uint64_t n_tables;		/* pages that it takes at most */
	uint64_t counted[LEVEL_1G + 2]; /* by level: the block whose table was counted last, + 1 */
};

static void count_table(struct plan *plan, unsigned int level, uint64_t gpa, unsigned int n)
{
	const uint64_t block = (gpa >> LEVEL_SHIFT(level)) + 1;

	if (plan->counted[level] != block)
		plan->n_tables += n;
	plan->counted[level] = block;
}

/* Tables for a leaf of `level` at gpa, where `here` stands now. */
static void plan_leaf(struct plan *plan, uint64_t gpa, unsigned int level,
		      const struct virt_leaf *here)
{
	for (unsigned int l = here->level; l > level; l--)
		count_table(plan, l, gpa, 1);
	/* Above a hole of 1 GiB there may be no tables either: virt_space_set() needs 4 at most. */
	if (!here->rights && here->level == LEVEL_1G)
		count_table(plan, LEVEL_1G + 1, gpa, 2);
}

static struct plan plan_map(const struct virt_space *space, uint64_t source, uint64_t gpa,
			    uint64_t n_bytes)
{
	struct plan plan = { 0 };
	unsigned int n_leaves = 0, n_looks = 0;

	while (plan.n_bytes < n_bytes && n_leaves < MAX_LEAVES && n_looks < MAX_LOOKS) {
		const uint64_t at = gpa + plan.n_bytes;
		const struct virt_leaf here = virt_space_lookup(space, GPA(at));
		const unsigned int level = step_level(
			&here, largest_level(at, source + plan.n_bytes, n_bytes - plan.n_bytes));

		plan_leaf(&plan, at, level, &here);
		n_looks += here.level < level ? FAN_OUT : 1;
		n_leaves++;
		plan.n_bytes += LEVEL_SIZE(level);
	}
	return plan;
}

/* From `at`, where `here` stands, to the end of the hole or of the range. */
static uint64_t hole_bytes(const struct virt_leaf *here, uint64_t at, uint64_t left)
{
	const uint64_t n = LEVEL_SIZE(here->level) - (at & (LEVEL_SIZE(here->level) - 1));

	return n < left ? n : left;
}

static struct plan plan_unmap(const struct virt_space *space, uint64_t gpa, uint64_t n_bytes)
{
	struct plan plan = { 0 };
	unsigned int n_leaves = 0, n_looks = 0;

	while (plan.n_bytes < n_bytes && n_leaves < MAX_LEAVES && n_looks < MAX_LOOKS) {
		const uint64_t at = gpa + plan.n_bytes, left = n_bytes - plan.n_bytes;
		const struct virt_leaf here = virt_space_lookup(space, GPA(at));
		const unsigned int level = step_level(&here, largest_level(at, 0, left));

		n_looks += here.level < level ? FAN_OUT : 1;
		if (!here.rights && here.level >= level) {
			plan.n_bytes += hole_bytes(&here, at, left);
			continue;
		}
		plan_leaf(&plan, at, level, &here);
		n_leaves++;
		plan.n_bytes += LEVEL_SIZE(level);
	}
	return plan;
}

/* ---- The books --------------------------------------------------------------------------- */

/* A leaf gives way to smaller ones, down to `level`, but for the one at gpa. */
static void split_uses(const struct virt_leaf *leaf, uint64_t gpa, unsigned int level)
{
	const uint64_t offset = gpa & (LEVEL_SIZE(leaf->level) - 1);

	frames_unmap(leaf->spa, leaf->level);
	for (unsigned int l = leaf->level - 1u; l >= level; l--) {
		const uint64_t parent = leaf->spa.a + (offset & ~(LEVEL_SIZE(l + 1) - 1));
		const uint64_t without = leaf->spa.a + (offset & ~(LEVEL_SIZE(l) - 1));

		for (unsigned int i = 0; i < FAN_OUT; i++) {
			const uint64_t block = parent + i * LEVEL_SIZE(l);

			if (block != without)
				frames_map(SPA(block), l);
		}
	}
}

/* Take back the uses of all that stands in a block of the space; true if anything did. */
static bool drop_uses(const struct virt_space *space, uint64_t gpa, unsigned int level)
{
	const uint64_t end = gpa + LEVEL_SIZE(level);
	bool found = false;

	for (uint64_t at = gpa; at < end;) {
		const struct virt_leaf here = virt_space_lookup(space, GPA(at));

		found |= here.rights != 0;
		if (here.level > level) {
			if (here.rights)
				split_uses(&here, gpa, level);
			break;
		}
		if (here.rights)
			frames_unmap(here.spa, here.level);
		at += LEVEL_SIZE(here.level);
	}
	return found;
}

/*
 * Put a leaf, or a hole, in the place of what stands there (`here` is at gpa); true if something did.
 * Pages were planned.
 */
static bool replace(struct partition *partition, uint64_t gpa, unsigned int level,
		    const struct virt_leaf *here, struct virt_leaf leaf)
{
	const bool is_hole = !here->rights && here->level >= level;
	const bool found = !is_hole && drop_uses(&partition->space, gpa, level);

	if (!virt_space_set(&partition->space, GPA(gpa), level, leaf))
		virt_panic("gpa: %llu pages do not suffice at %llx",
			   (unsigned long long)partition->pages.count, (unsigned long long)gpa);
	if (leaf.rights)
		frames_map(leaf.spa, level);
	return found;
}

/* ---- The calls --------------------------------------------------------------------------- */

static bool is_legal_range(uint64_t gpa, uint64_t n_bytes)
{
	const uint64_t end = 1ull << gpa_bits();

	return !PAGE_OFFSET(gpa | n_bytes) && n_bytes && gpa < end && n_bytes <= end - gpa;
}

static bool are_legal_flags(uint64_t flags)
{
	if (!flags || flags & ~(uint64_t)RIGHTS)
		return false; /* TrackDirtyPages too: the capability says that there is none */
	return flags & VIRT_READ || (flags == VIRT_EXECUTE && virt_machine.has_execute_only);
}

uint32_t gpa_map(struct partition *partition, uint64_t source, uint64_t gpa, uint64_t n_bytes,
		 uint64_t flags, uint64_t *result)
{
	struct virt_leaf leaf = { .rights = (uint8_t)(flags & RIGHTS), .type = MEMTYPE_WB };
	struct plan plan;
	bool found = false;
	uint32_t error;

	if (!is_legal_range(gpa, n_bytes) || PAGE_OFFSET(source) || !are_legal_flags(flags))
		return RESULT(E_INVALIDARG);
	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	plan = plan_map(&partition->space, source, gpa, n_bytes);
	lock_take(&hv.lock);
	error = frames_are_root(source, n_bytes) ? partition_want(partition, plan.n_tables, result)
						 : RESULT(E_INVALIDARG);
	if (error != RESULT(S_OK)) {
		lock_drop(&hv.lock);
		return error;
	}
	if (partition->gpa_end < gpa + n_bytes)
		partition->gpa_end = gpa + n_bytes;
	for (uint64_t done = 0; done < plan.n_bytes;) {
		const struct virt_leaf here = virt_space_lookup(&partition->space, GPA(gpa + done));
		const unsigned int level =
			step_level(&here, largest_level(gpa + done, source + done, n_bytes - done));

		leaf.spa = SPA(source + done);
		leaf.level = (uint8_t)level;
		found |= replace(partition, gpa + done, level, &here, leaf);
		done += LEVEL_SIZE(level);
	}
	forget(partition, found);
	lock_drop(&hv.lock);
	*result = plan.n_bytes;
	return plan.n_bytes == n_bytes ? RESULT(S_OK) : WHIT_S_MORE;
}

/* Every leaf of [gpa, gpa + n_bytes) is gone: the table of a GiB that ends at `at` can go too. */
static void fold_table(struct partition *partition, uint64_t gpa, uint64_t at)
{
	const uint64_t size = LEVEL_SIZE(LEVEL_1G);

	if (at & (size - 1) || at - gpa < size || virt_machine.max_leaf_level < LEVEL_1G)
		return;
	if (virt_space_lookup(&partition->space, GPA(at - size)).level < LEVEL_1G)
		(void)virt_space_set(&partition->space, GPA(at - size), LEVEL_1G,
				     (struct virt_leaf) { .rights = 0 });
}

uint32_t gpa_unmap(struct partition *partition, uint64_t gpa, uint64_t n_bytes, uint64_t *result)
{
	struct plan plan;
	bool found = false;
	uint32_t error;

	if (!is_legal_range(gpa, n_bytes))
		return RESULT(E_INVALIDARG);
	if (!partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	plan = plan_unmap(&partition->space, gpa, n_bytes);
	error = partition_want(partition, plan.n_tables, result);
	if (error != RESULT(S_OK))
		return error;
	lock_take(&hv.lock);
	for (uint64_t done = 0; done < plan.n_bytes;) {
		const uint64_t at = gpa + done, left = n_bytes - done;
		const struct virt_leaf here = virt_space_lookup(&partition->space, GPA(at));
		const unsigned int level = step_level(&here, largest_level(at, 0, left));

		if (!here.rights && here.level >= level) {
			done += hole_bytes(&here, at, left);
		} else {
			found |= replace(partition, at, level, &here,
					 (struct virt_leaf) { .rights = 0 });
			done += LEVEL_SIZE(level);
		}
		fold_table(partition, gpa, gpa + done);
	}
	forget(partition, found);
	lock_drop(&hv.lock);
	*result = plan.n_bytes;
	return plan.n_bytes == n_bytes ? RESULT(S_OK) : WHIT_S_MORE;
}

bool gpa_clear(struct partition *partition, unsigned int *budget)
{
	const struct virt_leaf hole = { .rights = 0 };
	struct virt_space *space = &partition->space;

	lock_take(&hv.lock);
	while (partition->gpa_cursor < partition->gpa_end && *budget) {
		const uint64_t at = partition->gpa_cursor;
		const struct virt_leaf here = virt_space_lookup(space, GPA(at));
		uint64_t next;

		--*budget;
		if (here.rights)
			frames_unmap(here.spa, here.level);
		next = (at | (LEVEL_SIZE(here.level) - 1)) + 1;
		partition->gpa_cursor = next;
		/* Behind each block its table goes, so that few are left for the end. */
		for (unsigned int level = here.level + 1u; level <= virt_machine.max_leaf_level;
		     level++)
			if (!(next & (LEVEL_SIZE(level) - 1)))
				(void)virt_space_set(space, GPA(next - LEVEL_SIZE(level)), level,
						     hole);
	}
	lock_drop(&hv.lock);
	return partition->gpa_cursor >= partition->gpa_end;
}
