/* SPDX-License-Identifier: MIT */
/*
 * What must hold after each call and each exit: nobody reaches what is hidden, the books are those of the tables, a call
 * that failed has changed nothing, the root has the registers that it had, and in the end every page is back.
 */
#include "tests/fuzz/hv/hv_fuzz.h"
#include "hv/call/partition.h"
#include "x86/apic.h"

#define RIGHTS_ALL (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

/* ---- Spaces ------------------------------------------------------------------------------ */

static bool is_block(uint64_t base, uint64_t n_bytes)
{
	return base < hv.hidden_base + hv.hidden_bytes && base + n_bytes > hv.hidden_base;
}

static bool is_hidden(uint64_t page)
{
	return is_block(page, PAGE_SIZE) || frames_kind(SPA(page)) != FRAME_PLAIN;
}

/* What the root may be shown in the place of a hidden page. */
static bool is_decoy(uint64_t page, const struct virt_leaf *leaf)
{
	for (unsigned int i = 0; i < ROOT_SINKS; i++)
		if (hv.sinks[i].page.a == leaf->spa.a)
			return hv.sinks[i].at == page;
	return leaf->spa.a == hv.ones.a && !(leaf->rights & VIRT_WRITE);
}

static void visit_root(void *context, gpa_t gpa, const struct virt_leaf *leaf)
{
	const uint64_t size = LEVEL_SIZE(leaf->level);
	uint64_t *const n_bytes = context;

	if (leaf->level == LEVEL_4K && is_hidden(gpa.a)) {
		PROMISE(is_decoy(gpa.a, leaf));
		return;
	}
	PROMISE(!is_block(gpa.a, size) && !frames_any_lent(SPA(gpa.a), leaf->level));
	PROMISE(leaf->spa.a == gpa.a && leaf->rights == RIGHTS_ALL);
	if (gpa.a < hv.identity_end)
		*n_bytes += size;
}

static void check_root_space(void)
{
	const uint64_t hidden = hv.hidden_bytes + hv.stats.lent_pages * PAGE_SIZE;
	const uint64_t *const ones = at(hv.ones.a);
	uint64_t n_bytes = 0;

	fake_walk(&hv.root_space, visit_root, &n_bytes);
	PROMISE(world.has_retyped || n_bytes + hidden == hv.identity_end);
	for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*ones); i++)
		PROMISE(ones[i] == ~0ull);
}

struct child {
	const struct partition *partition;
	uint64_t n_leaves[LEVEL_1G + 1];
};

static void visit_child(void *context, gpa_t gpa, const struct virt_leaf *leaf)
{
	const uint64_t size = LEVEL_SIZE(leaf->level);
	struct child *const child = context;

	/* The page behind the APICs: the processor looks at accesses to it, and makes none. */
	if (child->partition->apic_access.a && leaf->spa.a == child->partition->apic_access.a) {
		PROMISE(gpa.a == APIC_PAGE && leaf->level == LEVEL_4K);
		PROMISE(virt_machine.apic & VIRT_APIC_PAGE);
		return;
	}
	PROMISE(!is_block(leaf->spa.a, size));
	PROMISE(frames_are_root(leaf->spa.a, size));
	PROMISE(frames_uses(leaf->spa, leaf->level));
	child->n_leaves[leaf->level]++;
}

static void check_partition(const struct partition *partition)
{
	struct child child = { .partition = partition };

	PROMISE(!(partition->gate.turn & 1) && !partition->lock.held);
	/* Nobody runs there any more: the books go first. */
	if (!partition->is_set_up || partition->is_dying)
		return;
	fake_walk(&partition->space, visit_child, &child);
	for (unsigned int level = LEVEL_4K; level <= LEVEL_1G; level++)
		PROMISE(child.n_leaves[level] == partition->mapped_pages[level - LEVEL_4K]);
}

void check_world(void)
{
	void (*const meddle)(void) = fake.meddle;
	uint64_t n_lent = 0, n_partitions = 0;
	bool is_dying = false;

	fake.meddle = NULL;
	PROMISE(!hv.lock.held);
	PROMISE(fake.cpu[0].switched_in == the_root()->virt);
	check_root_space();
	PROMISE(hv.heap.count + fake_count_tables(&hv.root_space) == world.heap_pages);
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++) {
		const struct partition *partition;

		if (!world.handles[slot])
			continue;
		partition = peek(world.handles[slot]);
		PROMISE(partition);
		check_partition(partition);
		n_partitions++;
		n_lent += partition->n_lent;
		is_dying |= partition->is_dying; /* some of its pages are back */
	}
	PROMISE(n_partitions == hv.stats.partitions);
	PROMISE(n_lent == hv.stats.lent_pages || is_dying);
	fake.meddle = meddle;
}

/* ---- The root ---------------------------------------------------------------------------- */

void check_root(const struct virt_vp *before, const uint8_t *fpu_before, uint32_t gprs,
		uint64_t registers)
{
	const struct virt_vp *const now = the_root()->virt;

	for (unsigned int i = 0; i < 16; i++)
		PROMISE(gprs >> i & 1 || now->regs.gpr[i] == before->regs.gpr[i]);
	for (unsigned int i = 0; i < VIRT_REG_COUNT; i++)
		PROMISE(registers >> i & 1 || now->reg[i] == before->reg[i]);
	PROMISE(!memcmp(now->segment, before->segment, sizeof(now->segment)));
	PROMISE(now->is_root && now->is_switched_in && now->space == &hv.root_space);
	PROMISE(!memcmp(fake.cpu[0].fpu, fpu_before, sizeof(fake.cpu[0].fpu)));
}

/* ---- Digests ----------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

/* Whole words; the sanitizers would take most of the time here. */
static __attribute__((no_sanitize("address", "undefined"))) uint64_t
mix_bytes(uint64_t hash, const void *bytes, size_t n)
{
	const uint64_t *const words = bytes;

	for (size_t i = 0; i < n / sizeof(*words); i++)
		hash = mix(hash, words[i]);
	return hash;
}

static void mix_leaf(void *context, gpa_t gpa, const struct virt_leaf *leaf)
{
	uint64_t *const hash = context;

	*hash = mix(*hash, gpa.a | leaf->level);
	*hash = mix(*hash, leaf->spa.a | leaf->rights);
}

static uint64_t digest_partition(const struct partition *partition)
{
	uint64_t hash = mix(partition->is_set_up, partition->is_dying);

	hash = mix(hash, partition->pages.count);
	hash = mix(hash, partition->n_lent);
	hash = mix_bytes(hash, &partition->properties, sizeof(partition->properties));
	hash = mix_bytes(hash, &partition->model, sizeof(partition->model));
	hash = mix(hash, partition->tsc_offset);
	hash = mix(hash, partition->time_stopped);
	hash = mix(hash, partition->time_start);
	hash = mix(hash, partition->reference);
	hash = mix_bytes(hash, partition->mapped_pages, sizeof(partition->mapped_pages));
	hash = mix(hash, partition->is_tracked);
	hash = mix(hash, partition->space.token);
	hash = mix_bytes(hash, partition->vps, sizeof(partition->vps));
	if (partition->lists)
		hash = mix_bytes(hash, partition->lists, sizeof(*partition->lists));
	if (partition->is_set_up)
		fake_walk(&partition->space, mix_leaf, &hash);
	return hash;
}

/* What it remembers of walks and of its space is nothing that anybody sees. */
static uint64_t digest_vp(const struct vp *vp)
{
	/* Static, and copied as bytes: what stands between the members counts, too. */
	static struct virt_vp virt;
	static struct vp copy;
	uint64_t hash;

	memcpy(&virt, vp->virt, sizeof(virt));
	memcpy(&copy, vp, sizeof(copy));
	memset(&copy.device.walked, 0, sizeof(copy.device.walked));
	memset(&copy.fetched, 0, sizeof(copy.fetched));
	copy.fetched_page = NULL;
	copy.view.turn = 0;
	memset(copy.view.cache, 0, sizeof(copy.view.cache));
	virt.n_flushes = virt.n_renewals = 0;
	virt.renewed_at = 0;
	virt.regs.changed = false;
	hash = mix_bytes(0, &copy, sizeof(copy));
	hash = mix_bytes(hash, &virt, sizeof(virt));
	hash = mix_bytes(hash, virt_ptr(virt.second), virt_machine.fpu_bytes);
	if (vp->apic.page)
		hash = mix_bytes(hash, vp->apic.page, 0x400);
	return hash;
}

void check_digest_take(struct digest *digest)
{
	struct whit_stats stats = hv.stats;

	memset(digest, 0, sizeof(*digest));
	stats.hypercalls = 0;
	stats.emulated = hv.roots[0].emulated;
	memset(stats.root_exits, 0, sizeof(stats.root_exits));
	digest->hypervisor = mix_bytes(hv.heap.count, &stats, sizeof(stats));
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++) {
		if (!world.handles[slot])
			continue;
		digest->partition[slot] = digest_partition(peek(world.handles[slot]));
		for (unsigned int i = 0; i < MAX_VPS; i++) {
			const struct vp *const vp = vp_at(slot, i);

			if (vp)
				digest->vp[slot][i] = digest_vp(vp);
			/* What is said of an error stands before the record. */
			digest->memory =
				mix_bytes(digest->memory,
					  (uint8_t *)at(SHARED + (slot * MAX_VPS + i) * PAGE_SIZE) +
						  offsetof(struct whit_vp_page, exit),
					  1024);
		}
	}
	digest->memory = mix_bytes(digest->memory, at(BUFFERS), N_BUFFERS * PAGE_SIZE);
}

/* ---- The end ----------------------------------------------------------------------------- */

void check_at_the_end(void)
{
	fake.meddle = NULL;
	check_world();
	PROMISE(!hv.stats.partitions && !hv.stats.lent_pages);
	PROMISE(fake.n_spaces == 1 && fake.n_vps == 1);
	PROMISE(fake_count_pages(&hv.heap) == hv.heap.count);
	/* What the root's space is has been looked at: whole, but for the block. */
	for (uint64_t page = PAGE_SIZE; page < RAM_BYTES; page += PAGE_SIZE) {
		PROMISE(frames_kind(SPA(page)) == FRAME_PLAIN);
		PROMISE(!frames_uses(SPA(page), LEVEL_4K));
		if (!(page & (2 * MIB - 1)))
			PROMISE(!frames_uses(SPA(page), LEVEL_2M));
	}
}
