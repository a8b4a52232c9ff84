/* SPDX-License-Identifier: MIT */
/*
 * The whole of hv/, emu/ and arch/vmx on the model of VT-x (tests/vtx), with a root that does as the input says (vtx_client.c, vtx_root.c) and
 * children that are hostile (vtx_child.c). Promises:
 *
 *   - no entry of the root is refused; one of a child only for what its client has set
 *   - the root's registers are its own after each exit (vtx_same.c)
 *   - no child reaches a page of the hypervisor
 *   - thousands of exits without one instruction of a guest do not happen
 *   - at the end, when everything has been deleted, every page is back, and lent ones are clear
 *
 * and what the model itself screams at, and the sanitizers. An input is a head of one byte (the processor), then what
 * root and children take out of it in turn.
 *
 * libFuzzer: `make B=... .../fuzz/vtx_fuzz`, then `vtx_fuzz tests/fuzz/vtx_corpus`.
 */
#include <setjmp.h>

#include "tests/fuzz/vtx_fuzz.h"

#include "hv/mem/frame.h"
#include "hv/hv.h"
#include "hv/root.h"
#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input in;

static struct {
	jmp_buf over;
	unsigned int n_idle;
	uint64_t root_vmcs;
	uint64_t heap[VTX_SETS]; /* of a hypervisor whose root has not run; 0: not known yet */
	struct whit_handover handover;
} run;

#define MAX_IDLE 3000u

uint64_t in_value(void)
{
	const uint8_t how = in8();

	switch (how >> 5) {
	case 0: return how & 0x1f;
	case 1: return 1ull << (how & 0x1f) << (in8() & 0x20);
	case 2: return ~0ull << (how & 0x1f);
	case 3: return in_n(1) << 12;
	case 4: return in_n(2);
	case 5: return in_n(4);
	case 6: return BLOCK_BASE + (in_n(2) << 8);
	default: return in_n(8);
	}
}

void made_progress(void)
{
	run.n_idle = 0;
}

void made_exit(void)
{
	if (++run.n_idle > MAX_IDLE)
		BROKEN("%u exits in a row without one instruction of a guest", run.n_idle);
}

bool is_hidden_page(uint64_t spa)
{
	return (spa >= BLOCK_BASE && spa < BLOCK_BASE + BLOCK_BYTES) ||
	       frames_kind(SPA(spa)) != FRAME_PLAIN;
}

void input_is_over(void)
{
	longjmp(run.over, 1);
}

static void machine_is_reset(void)
{
	longjmp(run.over, 2);
}

static void guest(struct virt_regs *regs)
{
	made_exit();
	if (!run.root_vmcs)
		run.root_vmcs = vtx.current;
	if (vtx.current == run.root_vmcs)
		root_guest(regs);
	else if (!running)
		BROKEN("a child runs that nobody has called");
	else
		child_guest(regs);
}

static void refused(void)
{
	if (!run.root_vmcs || vtx.current == run.root_vmcs)
		BROKEN("an entry of the root is refused: %s", vtx.refusal);
	if (!running || !running->is_tainted)
		BROKEN("an entry of a child is refused for what its client has not set: %s",
		       vtx.refusal);
}

/* An identity map of 4 GiB for the root, a descriptor table that is not all ones. */
static void fill_root(void)
{
	uint64_t *const tables = virt_ptr(SPA(ROOT_PML4));

	tables[0] = (ROOT_PML4 + PAGE_SIZE) | 7;
	for (uint64_t i = 0; i < 4; i++)
		tables[512 + i] = (ROOT_PML4 + (2 + i) * PAGE_SIZE) | 7;
	for (uint64_t i = 0; i < 2048; i++)
		tables[1024 + i] = i << 21 | 0x87;
}

static struct whit_handover *handover(void)
{
	struct whit_handover *const h = &run.handover;
	struct whit_cpu_state *const state = &h->cpus[0];

	*h = (struct whit_handover) {
		.magic = WHIT_HANDOVER_MAGIC,
		.version = WHIT_HANDOVER_VERSION,
		.n_bytes = sizeof(*h),
		.block_base = BLOCK_BASE,
		.block_bytes = BLOCK_BYTES,
		.image_base = BLOCK_BASE,
		.image_bytes = 2 * MIB,
		.heap_base = PERCPU_BASE + 2 * PAGE_SIZE,
		.heap_bytes = BLOCK_BYTES - 2 * MIB - 2 * PAGE_SIZE,
		.direct_bytes = RAM_BYTES,
		.tsc_hz = 2000000000,
		.n_cpus = 1,
		.n_ram = 2,
		.ram = { { PAGE_SIZE, BLOCK_BASE - PAGE_SIZE },
			 { BLOCK_BASE + BLOCK_BYTES, RAM_BYTES - BLOCK_BASE - BLOCK_BYTES } },
	};
	state->rip = ROOT_CODE;
	state->gpr[4] = ROOT_STACK + 0x800;
	state->rflags = 2;
	state->cr0 = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP;
	state->cr3 = ROOT_PML4;
	state->cr4 = CR4_PAE | CR4_OSFXSR | (vtx.cr4 & CR4_OSXSAVE);
	state->dr7 = DR7_INIT;
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		state->seg[i] = (struct x86_segment) { .limit = 0xffffffff,
						       .selector = 0x10,
						       .attributes = 0xc093 };
	state->seg[SEG_CS].attributes = 0xa09b;
	state->seg[SEG_CS].selector = 8;
	state->seg[SEG_LDTR] = state->seg[SEG_TR] = (struct x86_segment) { 0 };
	state->idtr = (struct x86_table) { .limit = 0xfff, .base = ROOT_IDT };
	state->gdtr = (struct x86_table) { .limit = 0xff, .base = ROOT_IDT };
	return h;
}

/* What was lent comes back clear. The pool is taken from its start on. */
static void check_pool(void)
{
	for (uint64_t at = LEND_POOL; client_keeps_pool() && at < client_pool_end(); at += 8)
		if (*(uint64_t *)virt_ptr(SPA(at)))
			BROKEN("a page comes back with something in it: %#llx",
			       (unsigned long long)at);
}

/* The root's own, given back: the heap has again what it had before there was a root. */
static uint64_t heap_without_root(void)
{
	virt_vp_destroy(hv.roots[0].virt, &hv.heap);
	virt_space_destroy(&hv.root_space);
	return hv.heap.count;
}

static void check_clean(void)
{
	if (hv.stats.lent_pages || hv.stats.partitions)
		BROKEN("%llu pages are lent, %llu partitions are left",
		       (unsigned long long)hv.stats.lent_pages,
		       (unsigned long long)hv.stats.partitions);
	check_pool();
	if (heap_without_root() != run.heap[vtx.set])
		BROKEN("the heap has %llu pages, had %llu", (unsigned long long)hv.heap.count,
		       (unsigned long long)run.heap[vtx.set]);
}

static uint64_t seed_of(const uint8_t *data, size_t size)
{
	uint64_t seed = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < size; i++)
		seed = (seed ^ data[i]) * 0x100000001b3ull;
	return seed;
}

static void start(uint8_t set, uint64_t seed)
{
	struct root *const root = &hv.roots[0];

	vtx_start(set, RAM_BYTES, seed);
	vtx.guest = guest;
	vtx.refused = refused;
	vtx.reset = machine_is_reset;
	vtx_take_over(PERCPU_BASE);
	fill_root();
	if (hv_init(handover()) != WHIT_LAUNCH_OK)
		BROKEN("hv_init: %s", run.handover.message);
	run.root_vmcs = 0;
	run.n_idle = 0;
	root->xcr0 = 1;
	root->virt = virt_root_create(&hv.heap, &run.handover.cpus[0], &hv.root_space);
	if (!root->virt)
		BROKEN("no memory for the root");
	root_prepare(root);
	root_start();
	client_start();
	child_start();
	same_start();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 4096)
		return 0;
	in = (struct input) { data, size, 1 };
	if (!run.heap[data[0] % VTX_SETS]) {
		start(data[0], 0);
		run.heap[data[0] % VTX_SETS] = heap_without_root();
	}
	start(data[0], seed_of(data, size));
	switch (setjmp(run.over)) {
	case 0: root_run(&hv.roots[0]);
	case 1: check_clean(); break;
	default: break;
	}
	return 0;
}

#include "tests/fuzz/replay.h"
REPLAY("vtx_fuzz_corpus", "tests/fuzz/vtx_corpus")
