/* SPDX-License-Identifier: MIT */
/*
 * A partition's guest-physical space (hv/mem/gpa.h): which leaves a mapping becomes, and the books of the
 * root's frames, in which each leaf is one use of its source block.
 *
 * A call is planned before anything changes: how much of the range this call will do, and how many
 * table pages that takes at most. The plan and the change take the same steps along the range
 * (find_step()). The frames' uses follow what virt_space_set() does to the tables: a
 * leaf that is split becomes leaves of the next level down, and so on to the level that is set.
 */
#include "hv/mem/gpa.h"

#include <string.h>

#include "hv/mem/frame.h"
#include "hv/hv.h"
#include "hv/vp.h"
#include "hv/owner.h"
#include "x86/compiler.h"
#include "whp/WinHvMemory.h"
#include "x86/paging.h"

/* The work of one call, while the root's interrupts wait: leaves set, and leaves looked at. */
#define MAX_LEAVES 256u
#define MAX_LOOKS  1024u

/* Leaves of the level below in one of this level. */
#define FAN_OUT 512u

_Static_assert(WHvMapGpaRangeFlagRead == VIRT_READ && WHvMapGpaRangeFlagWrite == VIRT_WRITE &&
		       WHvMapGpaRangeFlagExecute == VIRT_EXECUTE,
	       "flags are rights");
_Static_assert(WHvMapGpaRangeFlagTrackDirtyPages == VIRT_TRACKED, "and this one too");

#define RIGHTS (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE | VIRT_TRACKED)

/* ---- What a VP sees ---------------------------------------------------------------------- */

bool gpa_look_anew(struct gpa_view *view, uint64_t turn)
{
	memset(view->cache, 0, sizeof(view->cache));
	view->turn = turn;
	return true;
}

struct gpa_page gpa_find_page(struct gpa_view *view, gpa_t gpa)
{
	struct gpa_cached *entry = &view->cache[(gpa.a >> PAGE_SHIFT) % GPA_CACHED];
	const struct partition *const partition = view->partition;
	struct virt_leaf leaf;
	uint8_t *ptr;

	if (gpa.a >> gpa_bits())
		return (struct gpa_page) { NULL, 0 };
	leaf = virt_space_lookup(&partition->space, gpa);
	if (!leaf.rights || gpa_is_apic(partition, gpa.a)) {
		entry->gpa = (gpa.a & PAGE_MASK) | 1;
		entry->ptr = 0;
		return (struct gpa_page) { NULL, 0 };
	}
	ptr = virt_ptr(SPA(leaf.spa.a + (gpa.a & (LEVEL_SIZE(leaf.level) - 1) & PAGE_MASK)));
	entry->gpa = (gpa.a & PAGE_MASK) | 1;
	entry->ptr = (uintptr_t)ptr | leaf.rights;
	return (struct gpa_page) { ptr, leaf.rights };
}

/* ---- The gate ---------------------------------------------------------------------------- */

void gpa_close(struct partition_locked held)
{
	struct partition *const partition = held.partition;

	gate_close(&partition->gate);
	for (uint32_t i = 0; i < partition->properties.processor_count; i++)
		if (partition->vps[i])
			gate_expel(&partition->vps[i]->inside, owner_cpu(partition->vps[i]));
}

void gpa_open(struct partition_locked held)
{
	gate_open(&held.partition->gate);
}

/* Good as long as the gate is closed. */
static bool has_runner(const struct partition *partition)
{
	for (uint32_t i = 0; i < partition->properties.processor_count; i++)
		if (partition->vps[i] && owner_cpu(partition->vps[i]) != OWNER_NOWHERE)
			return true;
	return false;
}

bool gpa_close_at_rest(struct partition_locked held)
{
	gpa_close(held);
	if (!has_runner(held.partition))
		return true;
	gpa_open(held);
	return false;
}

/* The three calls share code; the compiler takes out of each copy what its call does not need. */
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* ---- Steps ------------------------------------------------------------------------------- */

/* The range of a call, what shall stand there, and how far it has been worked on. */
struct range {
	uint64_t gpa, n_bytes;
	uint64_t rights;		   /* of the leaves; 0: holes */
	const struct whit_extent *extents; /* gpa_map(): the memory for the rest; else NULL */
	uint64_t in_extent;		   /* bytes of the first of them that are in use already */
	uint64_t done;
};

struct step {
	enum {
		STEP_LEAF, /* a leaf, or a hole in the place of leaves, is set */
		STEP_HOLE, /* nothing stands here */
		STEP_APIC  /* what stands here is not the client's */
	} kind;
	uint64_t gpa, n_bytes;
	struct virt_leaf here; /* what stands at gpa */
	struct virt_leaf leaf; /* what is set there, at leaf.level */
};

/* The largest block at `at` that `left` bytes fill, with `twin` aligned like it; `rights` may need small ones. */
static unsigned int largest_level(uint64_t at, uint64_t twin, uint64_t left, uint64_t rights)
{
	unsigned int level = rights & VIRT_TRACKED ? LEVEL_4K : virt_machine.max_leaf_level;

	while (level > LEVEL_4K &&
	       ((at | twin) & (LEVEL_SIZE(level) - 1) || left < LEVEL_SIZE(level)))
		level--;
	return level;
}

/* Are the leaves below a block parts of what could be one leaf? The first is `here`. */
static bool is_uniform(const struct virt_space *space, uint64_t gpa, const struct virt_leaf *here)
{
	if (here->spa.a & (LEVEL_SIZE(here->level + 1u) - 1))
		return false;
	for (unsigned int i = 1; i < FAN_OUT; i++) {
		const uint64_t offset = i * LEVEL_SIZE(here->level);
		const struct virt_leaf leaf = virt_space_lookup(space, GPA(gpa + offset));

		if (!leaf.rights || leaf.level != here->level || leaf.spa.a != here->spa.a + offset)
			return false;
	}
	return true;
}

/* From `at`, where `here` stands, to the end of the hole or of the range. */
static uint64_t hole_bytes(const struct virt_leaf *here, uint64_t at, uint64_t left)
{
	const uint64_t n = LEVEL_SIZE(here->level) - (at & (LEVEL_SIZE(here->level) - 1));

	return n < left ? n : left;
}

/* The memory stays, only its rights change. */
static bool is_protect(const struct range *range)
{
	return range->rights && !range->extents;
}

/*
 * The next step, for the plan and for the change.
 *
 * New memory, or none: a block with tables below it is not replaced larger than 2 MiB, so that what has
 * to be looked at stays bounded. Other rights: the leaf is what stands there as a whole, or the part of
 * it that is in the range; or a block of the leaves that stand there, if the range covers it and they
 * make one.
 */
static ALWAYS_INLINE void find_step(const struct partition *partition, const struct range *range,
				    struct step *step)
{
	const uint64_t gpa = range->gpa + range->done;
	const struct virt_leaf here = virt_space_lookup(&partition->space, GPA(gpa));
	uint64_t left = range->n_bytes - range->done, source = 0;
	unsigned int level;

	step->gpa = gpa;
	step->here = here;
	step->kind = STEP_LEAF;
	if (range->extents) {
		source = range->extents->source + range->in_extent;
		left = (range->extents->n_pages << PAGE_SHIFT) - range->in_extent;
	}
	level = largest_level(gpa, source, left, range->rights);
	if (!is_protect(range)) {
		if (here.level < level && level > LEVEL_2M)
			level = LEVEL_2M;
		if (!range->rights && !here.rights && here.level >= level)
			step->kind = STEP_HOLE;
	} else if (gpa_is_apic(partition, gpa) && here.level == LEVEL_4K) {
		step->kind = STEP_APIC;
		level = LEVEL_4K;
	} else if (!here.rights) {
		step->kind = STEP_HOLE;
	} else {
		if (here.level < level)
			level = here.level + is_uniform(&partition->space, gpa, &here);
		source = here.spa.a + (gpa & (LEVEL_SIZE(here.level) - 1));
	}
	step->n_bytes = step->kind == STEP_HOLE ? hole_bytes(&here, gpa, left) : LEVEL_SIZE(level);
	step->leaf = (struct virt_leaf) { SPA(source), (uint8_t)range->rights, (uint8_t)level,
					  is_protect(range) ? here.type : MEMTYPE_WB };
}

static ALWAYS_INLINE void advance(struct range *range, const struct step *step)
{
	range->done += step->n_bytes;
	if (!range->extents)
		return;
	range->in_extent += step->n_bytes;
	if (range->in_extent == range->extents->n_pages << PAGE_SHIFT) {
		range->in_extent = 0;
		range->extents++;
	}
}

/* Pages for the tables above it, wherever they are missing. */
#define APIC_TABLES 4u

static bool meets_apic(const struct partition *partition, uint64_t gpa, uint64_t n_bytes)
{
	return partition->properties.apic_mode && gpa <= APIC_PAGE && APIC_PAGE - gpa < n_bytes;
}

/* ---- Planning ---------------------------------------------------------------------------- */

struct plan {
	bool removes;			/* something that is there is taken away */
	uint64_t n_bytes;		/* this call does */
	uint64_t n_tables;		/* pages that it takes at most */
	uint64_t counted[LEVEL_1G + 2]; /* by level: the block whose table was counted last, + 1 */
	unsigned int n_leaves, n_looks;
};

static bool has_room(const struct plan *plan)
{
	return plan->n_leaves < MAX_LEAVES && plan->n_looks < MAX_LOOKS;
}

static void count_table(struct plan *plan, unsigned int level, uint64_t gpa, unsigned int n)
{
	const uint64_t block = (gpa >> LEVEL_SHIFT(level)) + 1;

	if (plan->counted[level] != block)
		plan->n_tables += n;
	plan->counted[level] = block;
}

static void plan_leaf(struct plan *plan, uint64_t gpa, struct virt_leaf here, unsigned int level)
{
	plan->n_looks += here.level < level ? FAN_OUT : 1;
	plan->n_leaves++;
	plan->removes |= here.rights || here.level < level;
	for (unsigned int l = here.level; l > level; l--)
		count_table(plan, l, gpa, 1);
	/* Above a hole of 1 GiB there may be no tables either: virt_space_set() needs 4 at most. */
	if (!here.rights && here.level == LEVEL_1G)
		count_table(plan, LEVEL_1G + 1, gpa, 2);
}

/* False if there is a hole in which there are no rights to change. */
static ALWAYS_INLINE bool plan_range(struct plan *plan, const struct partition *partition,
				     struct range range)
{
	struct step step;

	while (range.done < range.n_bytes && has_room(plan)) {
		find_step(partition, &range, &step);
		if (step.kind == STEP_LEAF) {
			plan_leaf(plan, step.gpa, step.here, step.leaf.level);
		} else if (step.kind == STEP_HOLE) {
			if (range.rights)
				return false;
			plan->n_looks++;
		}
		advance(&range, &step);
	}
	plan->n_bytes = range.done;
	if (!is_protect(&range) && meets_apic(partition, range.gpa, range.done)) {
		plan->n_tables += APIC_TABLES;
		plan->removes = true;
	}
	plan->removes |= (range.rights & VIRT_TRACKED) && !partition->is_tracked;
	return true;
}

/* ---- The books --------------------------------------------------------------------------- */

/* The page behind the APICs' is the partition's own: it has no uses. */
static bool is_access(const struct partition *partition, spa_t spa)
{
	return spa.a && spa.a == partition->apic_access.a;
}

/* A leaf that there is, or is no more. */
static void use(struct partition_locked held, spa_t spa, unsigned int level)
{
	if (is_access(held.partition, spa))
		return;
	frames_map(spa, level);
	held.partition->mapped_pages[level - LEVEL_4K]++;
}

static void unuse(struct partition_locked held, spa_t spa, unsigned int level)
{
	if (is_access(held.partition, spa))
		return;
	frames_unmap(spa, level);
	held.partition->mapped_pages[level - LEVEL_4K]--;
}

/* A leaf gives way to smaller ones, down to `level`, but for the one at gpa. */
static void split_uses(struct partition_locked held, const struct virt_leaf *leaf, uint64_t gpa,
		       unsigned int level)
{
	const uint64_t offset = gpa & (LEVEL_SIZE(leaf->level) - 1);

	unuse(held, leaf->spa, leaf->level);
	for (unsigned int l = leaf->level - 1u; l >= level; l--) {
		const uint64_t parent = leaf->spa.a + (offset & ~(LEVEL_SIZE(l + 1) - 1));
		const uint64_t without = leaf->spa.a + (offset & ~(LEVEL_SIZE(l) - 1));

		for (unsigned int i = 0; i < FAN_OUT; i++) {
			const uint64_t block = parent + i * LEVEL_SIZE(l);

			if (block != without)
				use(held, SPA(block), l);
		}
	}
}

/* Take back the uses of all that stands in a block of the space; true if anything did. */
static __attribute__((noinline)) bool drop_uses(struct partition_locked held, uint64_t gpa,
						unsigned int level)
{
	const uint64_t end = gpa + LEVEL_SIZE(level);
	bool found = false;

	for (uint64_t at = gpa; at < end;) {
		const struct virt_leaf here = virt_space_lookup(&held.partition->space, GPA(at));

		found |= here.rights != 0;
		if (here.level > level) {
			if (here.rights)
				split_uses(held, &here, gpa, level);
			break;
		}
		if (here.rights)
			unuse(held, here.spa, here.level);
		at += LEVEL_SIZE(here.level);
	}
	return found;
}

/*
 * Put a leaf, or a hole, in the place of what stands there (`here` is at gpa); true if something did.
 * Pages were planned.
 */
static ALWAYS_INLINE bool replace(struct partition_locked held, uint64_t gpa, struct virt_leaf here,
				  struct virt_leaf leaf)
{
	const unsigned int level = leaf.level;
	const bool is_hole = !here.rights && here.level >= level;
	const bool found = !is_hole && drop_uses(held, gpa, level);

	if (!virt_space_set(&held.partition->space, GPA(gpa), level, leaf))
		virt_panic("gpa: %llu pages do not suffice at %llx",
			   (unsigned long long)held.partition->pages.count,
			   (unsigned long long)gpa);
	if (leaf.rights)
		use(held, leaf.spa, level);
	return found;
}

/* ---- The page of the APICs --------------------------------------------------------------- */

static bool wants_access(const struct partition *partition)
{
	if (!partition->apic_access.a || __atomic_load_n(&partition->is_dying, __ATOMIC_RELAXED))
		return false;
	for (unsigned int i = 0; i < partition->properties.processor_count; i++)
		if (partition->vps[i] && __atomic_load_n(&partition->vps[i]->apic.mode,
							 __ATOMIC_RELAXED) != VIRT_APIC_XAPIC)
			return false;
	return true;
}

/* Without pages for the tables a hole does: the accesses exit all the same. */
static bool apic_page_is(const struct partition *partition, struct virt_leaf *here,
			 struct virt_leaf *wanted)
{
	*here = virt_space_lookup(&partition->space, GPA(APIC_PAGE));
	*wanted = (struct virt_leaf) { .rights = 0, .level = LEVEL_4K, .type = MEMTYPE_WB };
	if (wants_access(partition) && partition->pages.count >= APIC_TABLES - 1) {
		wanted->spa = partition->apic_access;
		wanted->rights = VIRT_READ | VIRT_WRITE;
	}
	return here->rights == wanted->rights && (!here->rights || here->spa.a == wanted->spa.a);
}

/* The gate is closed. */
static void set_apic_page(struct partition_locked held)
{
	struct virt_leaf here, wanted;

	if (!apic_page_is(held.partition, &here, &wanted))
		(void)replace(held, APIC_PAGE, here, wanted);
}

/* Out of line: it has many callers, and mostly nothing is to be done. */
__attribute__((noinline)) void gpa_apic_page(struct partition_locked held)
{
	struct virt_leaf here, wanted;

	if (apic_page_is(held.partition, &here, &wanted))
		return;
	gpa_close(held);
	set_apic_page(held);
	gpa_open(held);
}

/* ---- The calls --------------------------------------------------------------------------- */

bool gpa_is_legal_range(uint64_t gpa, uint64_t n_bytes)
{
	const uint64_t end = 1ull << gpa_bits();

	return !PAGE_OFFSET(gpa | n_bytes) && n_bytes && gpa < end && n_bytes <= end - gpa;
}

static bool are_legal_flags(uint64_t flags)
{
	if (!flags || flags & ~(uint64_t)RIGHTS)
		return false;
	return flags & VIRT_READ ||
	       ((flags & ~(uint64_t)VIRT_TRACKED) == VIRT_EXECUTE && virt_machine.has_execute_only);
}

/* The bytes of the extents; 0: one is not whole pages, or they are more than any space has. */
static uint64_t bytes_of(const struct whit_extent *extents, unsigned int n)
{
	uint64_t n_pages = 0;

	for (unsigned int i = 0; i < n; i++) {
		if (PAGE_OFFSET(extents[i].source) || !extents[i].n_pages ||
		    extents[i].n_pages >> (48 - PAGE_SHIFT))
			return 0;
		n_pages += extents[i].n_pages;
	}
	return n_pages << PAGE_SHIFT;
}

/* The memory that a call maps. */
struct sources {
	const struct whit_extent *extents;
	unsigned int n;
};

static const struct sources no_sources;

/* Every leaf of [gpa, gpa + n_bytes) is gone: the table of a GiB that ends at `at` can go too. */
static void fold_table(struct partition_locked held, uint64_t gpa, uint64_t at)
{
	struct virt_space *const space = &held.partition->space;
	const uint64_t size = LEVEL_SIZE(LEVEL_1G);

	if (at & (size - 1) || at - gpa < size || virt_machine.max_leaf_level < LEVEL_1G)
		return;
	if (virt_space_lookup(space, GPA(at - size)).level < LEVEL_1G)
		(void)virt_space_set(space, GPA(at - size), LEVEL_1G,
				     (struct virt_leaf) { .rights = 0 });
}

/* Are the sources memory of the root's? Under hv.lock. */
static bool are_sources_legal(const struct sources *sources)
{
	for (unsigned int i = 0; i < sources->n; i++)
		if (!frames_are_root(sources->extents[i].source,
				     sources->extents[i].n_pages << PAGE_SHIFT))
			return false;
	return true;
}

/* What has been planned. Under hv.lock, with the gate closed if the plan removes something. */
static ALWAYS_INLINE void change_range(struct partition_locked held, struct range range,
				       const struct plan *plan)
{
	struct partition *const partition = held.partition;
	struct step step;

	if (range.rights & VIRT_TRACKED)
		gpa_track(held);
	if (range.extents && partition->gpa_end < range.gpa + range.n_bytes)
		partition->gpa_end = range.gpa + range.n_bytes;
	while (range.done < plan->n_bytes) {
		find_step(partition, &range, &step);
		if (step.kind == STEP_LEAF)
			replace(held, step.gpa, step.here, step.leaf);
		advance(&range, &step);
		if (!range.rights)
			fold_table(held, range.gpa, range.gpa + range.done);
	}
	if (!is_protect(&range) && meets_apic(partition, range.gpa, plan->n_bytes))
		set_apic_page(held);
}

/*
 * The whole call, or an error and nothing. What only fills holes is done while VPs run. Else they are
 * out of the guest from before the first change until the books say that the memory is free.
 */
static ALWAYS_INLINE uint32_t do_plan(struct partition_locked held, const struct range *range,
				      const struct plan *plan, const struct sources *sources,
				      uint64_t *result)
{
	bool is_legal;
	uint32_t error;

	lock_take(&hv.lock);
	is_legal = are_sources_legal(sources);
	error = is_legal ? partition_want(held, plan->n_tables, result) : RESULT(E_INVALIDARG);
	if (error == RESULT(S_OK) && !plan->removes) {
		change_range(held, *range, plan);
		gate_note(&held.partition->gate);
	}
	lock_drop(&hv.lock);
	if (error != RESULT(S_OK))
		return error;
	if (plan->removes) {
		gpa_close(held);
		lock_take(&hv.lock);
		is_legal = are_sources_legal(sources); /* still */
		if (is_legal)
			change_range(held, *range, plan);
		lock_drop(&hv.lock);
		gpa_open(held);
		if (!is_legal)
			return RESULT(E_INVALIDARG);
	}
	*result = plan->n_bytes;
	return plan->n_bytes == range->n_bytes ? RESULT(S_OK) : WHIT_S_MORE;
}

uint32_t gpa_map(struct partition_locked held, const struct whit_extent *extents, unsigned int n,
		 uint64_t gpa, uint64_t flags, uint64_t *result)
{
	const struct range range = { gpa, bytes_of(extents, n), flags, .extents = extents };
	const struct sources sources = { extents, n };
	struct plan plan = { 0 };

	if (!gpa_is_legal_range(gpa, range.n_bytes) || !are_legal_flags(flags))
		return RESULT(E_INVALIDARG);
	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	(void)plan_range(&plan, held.partition, range);
	return do_plan(held, &range, &plan, &sources, result);
}

/* Looks on behind what one call does: holes are found before anything has changed. */
static bool has_hole(const struct partition *partition, const struct range *range,
		     const struct plan *plan)
{
	unsigned int n_looks = plan->n_looks;

	for (uint64_t at = plan->n_bytes; at < range->n_bytes && n_looks < MAX_LOOKS; n_looks++) {
		const uint64_t gpa = range->gpa + at;
		const struct virt_leaf here = virt_space_lookup(&partition->space, GPA(gpa));

		if (!here.rights && !(gpa_is_apic(partition, gpa) && here.level == LEVEL_4K))
			return true;
		at += hole_bytes(&here, gpa, range->n_bytes - at);
	}
	return false;
}

uint32_t gpa_protect(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t flags,
		     uint64_t *result)
{
	const struct range range = { gpa, n_bytes, flags, .extents = NULL };
	struct plan plan = { .removes = true };

	if (!gpa_is_legal_range(gpa, n_bytes) || !are_legal_flags(flags))
		return RESULT(E_INVALIDARG);
	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	if (!plan_range(&plan, held.partition, range) || has_hole(held.partition, &range, &plan))
		return RESULT(WHV_E_GPA_RANGE_NOT_FOUND);
	return do_plan(held, &range, &plan, &no_sources, result);
}

uint32_t gpa_unmap(struct partition_locked held, uint64_t gpa, uint64_t n_bytes, uint64_t *result)
{
	const struct range range = { gpa, n_bytes, .rights = 0, .extents = NULL };
	struct plan plan = { 0 };

	if (!gpa_is_legal_range(gpa, n_bytes))
		return RESULT(E_INVALIDARG);
	if (!held.partition->is_set_up)
		return WHIT_E_INVALID_STATE;
	(void)plan_range(&plan, held.partition, range);
	return do_plan(held, &range, &plan, &no_sources, result);
}

bool gpa_clear(struct partition_locked held, unsigned int *budget)
{
	const struct virt_leaf hole = { .rights = 0 };
	struct partition *const partition = held.partition;
	struct virt_space *space = &partition->space;

	lock_take(&hv.lock);
	while (partition->gpa_cursor < partition->gpa_end && *budget) {
		const uint64_t at = partition->gpa_cursor;
		const struct virt_leaf here = virt_space_lookup(space, GPA(at));
		uint64_t next;

		--*budget;
		if (here.rights)
			unuse(held, here.spa, here.level);
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
