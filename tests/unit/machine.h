/* SPDX-License-Identifier: MIT */
/*
 * The machine on which all tests of hv/ run: a fresh fake one for each test, with all of hv/ on it, hypercalls as the root
 * makes them, and the steps that most tests begin with.
 */
#ifndef TESTS_UNIT_MACHINE_H
#define TESTS_UNIT_MACHINE_H

#include <string.h>

#include "arch/fake/fake.h"
#include "hv/mem/frame.h"
#include "hv/mem/handle.h"
#include "hv/owner.h"
#include "hv/mem/gpa.h"
#include "hv/hv.h"
#include "hv/root.h"
#include "hv/vp.h"
#include "hv/call/partition.h"
#include "hv/call/hypercall.h"
#include "tests/check.h"
#include "tests/unit/exit_code.h"
#include "whit/extension.h"
#include "whp/WinHvEvents.h"
#include "whp/WinHvPlatformDefs.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* ---- The machine ------------------------------------------------------------------------- */

#define BLOCK_BASE (16 * MIB)

#define test_root (hv.roots[0]) /* the first processor, which makes all calls where there is one */

static uint64_t next_page;	 /* of test_pages(); atomic */
static uint64_t heap_at_start;	 /* less what the roots that have come since took */
static const struct gate *asked; /* of check_gate(), on this machine */

/* The root of the processor that this thread is. */
static inline void make_root(const struct whit_handover *handover)
{
	struct root *const root = this_root();

	root->cpu = virt_cpu();
	root->xcr0 = 1;
	lock_take(&hv.lock);
	heap_at_start -= hv.heap.count;
	root->virt = virt_root_create(&hv.heap, &handover->cpus[0], &hv.root_space);
	heap_at_start += hv.heap.count;
	lock_drop(&hv.lock);
	if (!root->virt)
		fake_scream("no pages for a root");
}

/* A machine with the block there; RAM for the tests to use as the root begins behind it. */
static inline void machine_at(uint64_t block_base, uint64_t block_bytes)
{
	struct whit_handover *handover = fake_handover(block_base, block_bytes);

	REQUIRE_EQ(hv_init(handover), WHIT_LAUNCH_OK);
	heap_at_start = hv.heap.count;
	make_root(handover);
	next_page = block_base + block_bytes;
	asked = NULL;
}

static inline void machine_of(uint64_t ram_bytes, uint64_t block_bytes)
{
	(void)ram_bytes;
	machine_at(BLOCK_BASE, block_bytes);
}

static inline void machine(uint64_t ram_bytes)
{
	fake_reset(ram_bytes);
	machine_of(ram_bytes, 32 * MIB);
}

/* Pages of the root that no one uses, in one run. */
static inline uint64_t test_pages(uint64_t n)
{
	const uint64_t first = __atomic_fetch_add(&next_page, n * PAGE_SIZE, __ATOMIC_RELAXED);

	if (first + n * PAGE_SIZE > fake.ram_bytes)
		fake_scream("the test has used up its RAM");
	return first;
}

/* ---- Hypercalls -------------------------------------------------------------------------- */

static _Thread_local uint64_t out_rdx, out_r8; /* of this processor's last call */

static inline uint32_t call5(uint64_t code, uint64_t rcx, uint64_t rdx, uint64_t r8, uint64_t r9,
			     uint64_t r10)
{
	static const uint8_t preserved[] = { 1, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15 };
	uint64_t *gpr = virt_regs(this_root()->virt)->gpr;
	uint64_t before[16];

	for (unsigned int i = 0; i < 16; i++)
		gpr[i] = 0xabcd000000000000ull + i;
	gpr[0] = code;
	gpr[1] = rcx;
	gpr[2] = rdx;
	gpr[8] = r8;
	gpr[9] = r9;
	gpr[10] = r10;
	memcpy(before, gpr, sizeof(before));
	hypercall(this_root());
	for (size_t i = 0; i < sizeof(preserved); i++)
		REQUIRE_EQ(gpr[preserved[i]], before[preserved[i]]);
	REQUIRE_EQ(gpr[0] >> 32, 0);
	out_rdx = gpr[2];
	out_r8 = gpr[8];
	return (uint32_t)gpr[0];
}

#define CALL_(code, a, b, c, d, e, ...) call5((code), (a), (b), (c), (d), (e))
#define CALL(...)			CALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* A root page as the test sees it. */
static inline void *at(uint64_t spa)
{
	return virt_ptr(SPA(spa));
}

/* WHIT_CALL_PROTECT_GPA_RANGE, repeated until the whole range is done. */
static inline uint32_t protect_all(uint64_t handle, uint64_t gpa, uint64_t n_bytes, uint64_t flags)
{
	uint32_t result;

	do {
		result = CALL(WHIT_CALL_PROTECT_GPA_RANGE, handle, gpa, n_bytes, flags);
		gpa += out_rdx;
		n_bytes -= out_rdx;
	} while (result == WHIT_S_MORE);
	return result;
}

/* Lend pages, as often as that takes; the status of the last call. */
static inline uint32_t lend_all(uint64_t handle, uint64_t first, uint64_t n)
{
	uint32_t result = CALL(WHIT_CALL_LEND, handle, first, n);

	while (result == WHIT_S_MORE) {
		REQUIRE(out_rdx > 0 && out_rdx < n);
		first += out_rdx * PAGE_SIZE;
		n -= out_rdx;
		result = CALL(WHIT_CALL_LEND, handle, first, n);
	}
	return result;
}

/* A created partition with this many lent pages. */
static inline uint64_t created(uint64_t n_lent)
{
	const uint64_t first = test_pages(n_lent);
	const uint32_t result = CALL(WHIT_CALL_CREATE_PARTITION, first, n_lent);
	const uint64_t handle = out_rdx;

	if (result == WHIT_S_MORE)
		REQUIRE_EQ(lend_all(handle, first + out_r8 * PAGE_SIZE, n_lent - out_r8), S_OK);
	else
		REQUIRE_EQ(result, S_OK);
	return handle;
}

static inline uint32_t set_property(uint64_t handle, uint32_t code, uint64_t value, uint64_t size)
{
	const uint64_t buffer = test_pages(1);

	memcpy(at(buffer), &value, sizeof(value));
	return CALL(WHIT_CALL_SET_PROPERTY, handle, code, buffer, size);
}

/* A partition that is set up for n_vps, which have APICs of this mode; emulation: WHIT_EMULATE_… */
static inline uint64_t set_up_with(uint64_t n_lent, uint32_t n_vps, uint32_t apic_mode,
				   uint32_t emulation)
{
	const uint64_t handle = created(n_lent);

	REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeProcessorCount, n_vps, 4), S_OK);
	if (apic_mode)
		REQUIRE_EQ(set_property(handle, WHvPartitionPropertyCodeLocalApicEmulationMode,
					apic_mode, 4),
			   S_OK);
	if (emulation)
		REQUIRE_EQ(set_property(handle, WhitPartitionPropertyCodeEmulation, emulation, 4),
			   S_OK);
	REQUIRE_EQ(CALL(WHIT_CALL_SETUP_PARTITION, handle), S_OK);
	return handle;
}

/* A partition that is set up for n_vps: without an APIC, and the client emulates. */
static inline uint64_t set_up(uint64_t n_lent, uint32_t n_vps)
{
	return set_up_with(n_lent, n_vps, WHvX64LocalApicEmulationModeNone, 0);
}

/* The partition of a handle, dying ones too; NULL if there is none. */
static inline struct partition *peek(uint64_t handle)
{
	struct partition *const partition = handle_look(this_root(), handle);

	handle_done(this_root());
	return partition;
}

static inline struct partition *partition_of(uint64_t handle)
{
	struct partition *partition = peek(handle);

	REQUIRE(partition != NULL);
	return partition;
}

static inline struct vp *vp_of(uint64_t handle, uint32_t index)
{
	struct vp *vp = partition_vp(partition_of(handle), index);

	REQUIRE(vp != NULL);
	return vp;
}

/* What Run and every call on a VP do first: what the VP knows of its space is no older than the space. */
static inline void look(struct vp *vp)
{
	if (gpa_look(&vp->view, gate_turn(&vp->partition->gate)))
		virt_renew(vp->virt);
}

/* A page of a partition's space, as a VP that knows nothing finds it. */
static inline struct gpa_page page_at(uint64_t handle, uint64_t gpa)
{
	struct gpa_view view = { .partition = partition_of(handle) };

	return gpa_page(&view, GPA(gpa));
}

/*
 * The gate of a space is open, and has turned if something was taken away since the last question: so everybody who
 * uses the space was out, and is renewed.
 */
static inline void check_gate(const struct virt_space *space, const struct gate *gate)
{
	static uint64_t changed_at, turn;

	REQUIRE_EQ(gate->turn % 2, 0);
	if (asked == gate && fake_changed_at(space) > changed_at)
		REQUIRE(gate->turn > turn);
	asked = gate;
	changed_at = fake_changed_at(space);
	turn = gate->turn;
}

/*
 * For fake.write_code: the instruction of an exit, in the child's memory. The child has no paging.
 */
static inline void write_flat_code(struct virt_vp *vp, const struct virt_exit *exit)
{
	const struct exit_code code = code_of_exit(vp, exit);
	const uint64_t gpa = virt_view(vp)->cs.base + virt_regs(vp)->rip;
	const struct virt_leaf leaf = virt_space_lookup(vp->space, GPA(gpa));

	if (code.n && !leaf.rights)
		fake_scream("the guest has no memory at %#llx", (unsigned long long)gpa);
	memcpy(at(leaf.spa.a + (gpa & (LEVEL_SIZE(leaf.level) - 1))), code.bytes, code.n);
}

/* Memory for a child that runs from reset on. */
static inline void map_reset_code(uint64_t handle)
{
	fake.write_code = write_flat_code;
	REQUIRE_EQ(CALL(WHIT_CALL_MAP_GPA_RANGE, handle, test_pages(1), 0xff000, PAGE_SIZE,
			VIRT_READ | VIRT_EXECUTE),
		   S_OK);
}

/* Delete, as often as it asks for; returns how many calls that took. */
static inline unsigned int delete_all(uint64_t handle)
{
	unsigned int n = 1;
	uint32_t result;

	while ((result = CALL(WHIT_CALL_DELETE_PARTITION, handle)) == WHIT_S_AGAIN)
		n++;
	REQUIRE_EQ(result, S_OK);
	return n;
}

/* Nothing is lent, nothing is used, and every page of the heap is back. */
static inline void check_clean(void)
{
	REQUIRE_EQ(hv.stats.lent_pages, 0);
	REQUIRE_EQ(hv.stats.partitions, 0);
	REQUIRE_EQ(hv.heap.count, heap_at_start);
	REQUIRE_EQ(fake_count_pages(&hv.heap), heap_at_start);
	REQUIRE_EQ(fake.n_spaces, 1);
	REQUIRE_EQ(fake.n_vps, hv.n_cpus);
}

#endif
