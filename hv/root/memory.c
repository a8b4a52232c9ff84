/* SPDX-License-Identifier: MIT */
/*
 * The root's view of memory: an identity map in large leaves with the MTRRs' memory types, out of
 * which the hypervisor's block and lent pages are taken. The part below hv.identity_end is
 * complete; what lies above is mapped when it is first touched.
 *
 * Hidden memory is not mapped. The first read, fetch or page walk there puts a page of ones in its
 * place; the first write puts one of a few sinks there, pages full of ones that can be written to.
 * A sink is taken away again, with all that was written, when it is needed elsewhere. The processor
 * does the rest: code of ones is #UD, page tables of ones have reserved bits set. Both are counted.
 * The hypervisor never makes an access for the root.
 *
 * Every hidden page has a 4 KiB table around it as long as it is hidden, so that neither this nor
 * showing it again needs memory: where nothing else would keep the table, the page of ones is shown
 * from the start. Blocks that hold no lent page any more become large leaves again. All of this is
 * under hv.lock, and what takes something away is done while no processor is in the root's guest
 * (hv/mem/gate.h).
 */
#include "hv/root/memory.h"

#include <string.h>

#include "hv/mem/frame.h"
#include "hv/root.h"
#include "hv/root/root_event.h"
#include "whit/log.h"
#include "x86/exc.h"
#include "x86/paging.h"

#define RIGHTS_ALL (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

static void close_gate(void)
{
	gate_close(&hv.root_gate);
	for (uint32_t cpu = 0; cpu < hv.n_cpus; cpu++)
		gate_expel(&hv.roots[cpu].inside, cpu);
}

static void open_gate(void)
{
	gate_open(&hv.root_gate);
}

static bool hides_something(uint64_t base, unsigned int level)
{
	return (hv.icr_page && (hv.icr_page & ~(LEVEL_SIZE(level) - 1)) == base) ||
	       frames_overlap_block(base, LEVEL_SIZE(level)) || frames_any_lent(SPA(base), level);
}

/* A page whose writes are trapped is hidden from larger leaves, and so has one of its own. */
static uint8_t rights_at(uint64_t base)
{
	return hv.icr_page && base == hv.icr_page ? VIRT_READ | VIRT_EXECUTE : RIGHTS_ALL;
}

static struct virt_leaf identity_leaf(uint64_t base, unsigned int level, uint8_t type)
{
	return (struct virt_leaf) { SPA(base), rights_at(base), (uint8_t)level, type };
}

static bool is_mapped_so(uint64_t base, unsigned int level, uint8_t type)
{
	const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(base));

	return leaf.level == level && leaf.rights == rights_at(base) && leaf.type == type;
}

/* Is this block the hypervisor's alone? */
static bool is_all_hidden(uint64_t base, unsigned int level)
{
	return (base >= hv.hidden_base &&
		base + LEVEL_SIZE(level) <= hv.hidden_base + hv.hidden_bytes) ||
	       (level == LEVEL_4K && frames_hidden(base));
}

/* The level of the largest block that begins here. */
static unsigned int level_at(uint64_t base)
{
	unsigned int level = LEVEL_1G;

	while (base & (LEVEL_SIZE(level) - 1))
		level--;
	return level;
}

/*
 * Map the largest block around an address that can be one leaf, of `level` at most, if it is not
 * hidden. Returns its size, 0 if there is no heap.
 */
static uint64_t map_around(uint64_t at, unsigned int level)
{
	uint64_t base = at & ~(LEVEL_SIZE(level) - 1);
	uint8_t type = MEMTYPE_UC;
	bool is_done;

	while (!is_all_hidden(base, level) &&
	       (level > virt_machine.max_leaf_level || hides_something(base, level) ||
		!virt_memory_type(SPA(base), level, &type)) &&
	       level > LEVEL_4K)
		base = at & ~(LEVEL_SIZE(--level) - 1);
	is_done =
		is_all_hidden(base, level) || is_mapped_so(base, level, type) ||
		virt_space_set(&hv.root_space, GPA(base), level, identity_leaf(base, level, type));
	return is_done ? LEVEL_SIZE(level) : 0;
}

/*
 * A page of the hypervisor's own in the place of a hidden one; false if there is no table for it.
 */
static bool put_there(uint64_t page, spa_t own, uint8_t rights)
{
	return virt_space_set(&hv.root_space, GPA(page), LEVEL_4K,
			      (struct virt_leaf) { own, rights, LEVEL_4K, MEMTYPE_WB });
}

static bool show_ones(uint64_t page)
{
	return put_there(page, hv.ones, VIRT_READ | VIRT_EXECUTE);
}

static bool take_page_of_ones(spa_t *page)
{
	if (!virt_pages_take(&hv.heap, page))
		return false;
	memset(virt_ptr(*page), 0xff, PAGE_SIZE);
	return true;
}

/* The ones and the sinks, and a table around each page of the block. */
static bool hide_block(void)
{
	const uint64_t end = hv.hidden_base + hv.hidden_bytes;

	if (!take_page_of_ones(&hv.ones))
		return false;
	for (unsigned int i = 0; i < ROOT_SINKS; i++)
		if (!take_page_of_ones(&hv.sinks[i].page))
			return false;
	for (uint64_t at = hv.hidden_base; at < end; at = (at | (LEVEL_SIZE(LEVEL_2M) - 1)) + 1)
		if (virt_space_lookup(&hv.root_space, GPA(at)).level > LEVEL_4K && !show_ones(at))
			return false;
	return true;
}

bool root_memory_init(const struct whit_handover *handover)
{
	const struct whit_ram *last = &handover->ram[handover->n_ram - 1];
	const uint64_t block_end = handover->block_base + handover->block_bytes;
	const uint64_t physical_end = 1ull << virt_machine.memory_bits;
	uint64_t ram_end = last->base + last->n_bytes;

	hv.hidden_base = handover->block_base;
	hv.hidden_bytes = handover->block_bytes;
	if (ram_end < block_end)
		ram_end = block_end;
	hv.identity_end = ram_end > 4 * LEVEL_SIZE(LEVEL_1G) ? ram_end : 4 * LEVEL_SIZE(LEVEL_1G);
	hv.identity_end =
		(hv.identity_end + LEVEL_SIZE(LEVEL_1G) - 1) & ~(LEVEL_SIZE(LEVEL_1G) - 1);
	if (hv.identity_end > physical_end)
		hv.identity_end = physical_end;
	hv.lazy_end = hv.identity_end;
	if (!virt_space_create(&hv.root_space, &hv.heap))
		return false;
	hv.retype_at = ~0ull;
	for (uint64_t at = 0, n = 1; at < hv.identity_end; at += n) {
		n = map_around(at, level_at(at));
		if (!n)
			return false;
	}
	return hide_block();
}

/* A sink that stands in a page that is shown again is free. */
static void free_sinks(uint64_t base, uint64_t end)
{
	for (unsigned int i = 0; i < ROOT_SINKS; i++)
		if (hv.sinks[i].at >= base && hv.sinks[i].at < end)
			hv.sinks[i].at = 0;
}

/*
 * Show hidden pages, whose 4 KiB tables exist, and make large leaves of blocks that hide nothing
 * any more. Pages that are not hidden stay as they are.
 */
static void show_pages(uint64_t base, uint64_t end)
{
	uint8_t type;

	free_sinks(base, end);
	for (uint64_t at = base; at < end; at += PAGE_SIZE) {
		const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(at));

		/* A sink has all rights, too. */
		if (leaf.rights == RIGHTS_ALL && (leaf.level > LEVEL_4K || leaf.spa.a == at))
			continue;
		if (!virt_memory_type(SPA(at), LEVEL_4K, &type) ||
		    !virt_space_set(&hv.root_space, GPA(at), LEVEL_4K,
				    identity_leaf(at, LEVEL_4K, type)))
			virt_panic("root_memory_show: no table for %llx", (unsigned long long)at);
	}
	for (unsigned int level = LEVEL_2M; level <= virt_machine.max_leaf_level; level++) {
		const uint64_t size = LEVEL_SIZE(level);

		/*
		 * Setting a larger leaf only gives tables back: it cannot fail, and need not
		 * succeed.
		 */
		for (uint64_t at = base & ~(size - 1); at < end; at += size)
			if (!hides_something(at, level) && virt_memory_type(SPA(at), level, &type))
				(void)virt_space_set(&hv.root_space, GPA(at), level,
						     identity_leaf(at, level, type));
	}
}

static bool hide_pages(spa_t base, uint64_t n_pages)
{
	const struct virt_leaf hole = { .rights = 0 };

	for (uint64_t i = 0; i < n_pages; i++) {
		const uint64_t at = base.a + (i << PAGE_SHIFT);

		if (!virt_space_set(&hv.root_space, GPA(at), LEVEL_4K, hole)) {
			show_pages(base.a, at);
			return false;
		}
		/* The last page of its table: out of the pages that have just come back. */
		if (virt_space_lookup(&hv.root_space, GPA(at)).level > LEVEL_4K && !show_ones(at))
			virt_panic("root_memory_hide: no table for %llx", (unsigned long long)at);
	}
	return true;
}

bool root_memory_hide(spa_t base, uint64_t n_pages)
{
	bool is_done;

	close_gate();
	is_done = hide_pages(base, n_pages);
	open_gate();
	return is_done;
}

void root_memory_show(spa_t base, uint64_t n_pages)
{
	close_gate();
	show_pages(base.a, base.a + (n_pages << PAGE_SHIFT));
	open_gate();
}

/*
 * Pages that were mapped on demand come back on demand. A hole in the place of a leaf needs no
 * page.
 */
static uint64_t forget_at(uint64_t at)
{
	const unsigned int level = virt_machine.max_leaf_level;
	const struct virt_leaf leaf = virt_space_lookup(&hv.root_space, GPA(at));

	if (leaf.rights || leaf.level < level)
		(void)virt_space_set(&hv.root_space, GPA(at), level,
				     (struct virt_leaf) { .rights = 0 });
	return LEVEL_SIZE(leaf.level > level ? leaf.level : level);
}

/* A block takes some hundred instructions. */
#define RETYPE_BLOCKS 256u

bool root_memory_retype(bool has_changed)
{
	unsigned int budget = RETYPE_BLOCKS;
	bool is_done;

	if (!has_changed && hv.retype_at >= hv.lazy_end)
		return true;
	lock_take(&hv.lock);
	close_gate();
	if (has_changed)
		hv.retype_at = 0;
	while (hv.retype_at < hv.lazy_end && budget--) {
		const uint64_t at = hv.retype_at;
		const uint64_t n =
			at < hv.identity_end ? map_around(at, level_at(at)) : forget_at(at);

		hv.retype_at += n;
		if (n)
			continue;
		log_line(LOG_ERROR, "root: no memory to follow the MTRRs at %llx",
			 (unsigned long long)at);
		hv.retype_at = hv.lazy_end;
	}
	is_done = hv.retype_at >= hv.lazy_end;
	if (is_done) {
		hv.lazy_end = hv.identity_end;
		hv.retype_at = ~0ull;
	}
	open_gate();
	lock_drop(&hv.lock);
	return is_done;
}

/* ---- Faults ------------------------------------------------------------------------------ */

/* Memory above the identity map, the first time that the root touches it. */
static bool map_on_demand(uint64_t gpa)
{
	const uint64_t base = gpa & ~(LEVEL_SIZE(LEVEL_1G) - 1);
	bool is_mapped;

	/* A leaf can take the place of smaller ones, mapped when the block could not be one. */
	close_gate();
	is_mapped = map_around(gpa, LEVEL_1G);
	open_gate();
	if (!is_mapped)
		return false;
	if (base + LEVEL_SIZE(LEVEL_1G) > hv.lazy_end)
		hv.lazy_end = base + LEVEL_SIZE(LEVEL_1G);
	return true;
}

/*
 * The sink that has stood longest where it is goes to a hidden page, and is as new there. The ones
 * that may have stood there are seen no more.
 */
static bool show_sink(uint64_t page)
{
	struct root_sink *const sink = &hv.sinks[hv.next_sink++ % ROOT_SINKS];
	bool has_table = true;

	close_gate();
	if (sink->at)
		has_table = show_ones(sink->at);
	memset(virt_ptr(sink->page), 0xff, PAGE_SIZE);
	sink->at = page;
	has_table = put_there(page, sink->page, RIGHTS_ALL) && has_table;
	open_gate();
	return has_table;
}

/* Let the access happen when it is tried again; false if it cannot. Under hv.lock. */
static bool let_happen(const struct virt_exit *exit)
{
	const uint64_t gpa = exit->memory.gpa.a, page = gpa & PAGE_MASK;
	bool has_table;

	/*
	 * With the number of a key above it an address is another name of memory that may be
	 * hidden.
	 */
	if (gpa >> virt_machine.memory_bits)
		return false;
	/* Mapped by now: another processor was faster, or the translation was an old one. */
	if (virt_space_lookup(&hv.root_space, GPA(gpa)).rights == RIGHTS_ALL)
		return true;
	if (!frames_hidden(page))
		return map_on_demand(gpa);
	if (exit->memory.is_write) {
		hv.stats.hidden_writes++;
		has_table = show_sink(page);
	} else {
		hv.stats.hidden_reads++;
		has_table = show_ones(page);
	}
	if (!has_table)
		virt_panic("root_memory: no table around %llx", (unsigned long long)page);
	return true;
}

void root_memory_fault(struct root *root, const struct virt_exit *exit)
{
	bool happens;

	lock_take(&hv.lock);
	happens = let_happen(exit);
	lock_drop(&hv.lock);
	if (happens)
		root_deliver_again(root, exit);
	else
		root_raise(root, exit, EXC_GP);
}
