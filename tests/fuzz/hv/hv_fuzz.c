/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target for hv/ with emu/, on the fake machine: sequences of all hypercalls, of exits of children and of the
 * root's, by a root and guests that are hostile. What must hold is in hv_fuzz_check.c.
 *
 *	clang -fsanitize=fuzzer,address,undefined	fuzzes
 *	-DFUZZ_REPLAY (any compiler)		runs files or, without arguments, the corpus
 */
#include "tests/fuzz/hv/hv_fuzz.h"

#include "hv/cpu/model.h"
#include "hv/call/partition.h"
#include "x86/cr.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct world world;

/* ---- The stream -------------------------------------------------------------------------- */

static struct {
	const uint8_t *data;
	size_t n, at;
} stream;

bool has_input(void)
{
	return stream.at < stream.n;
}

uint8_t draw8(void)
{
	return has_input() ? stream.data[stream.at++] : 0;
}

uint16_t draw16(void)
{
	const uint16_t low = draw8();

	return (uint16_t)(low | draw8() << 8);
}

uint32_t draw32(void)
{
	const uint32_t low = draw16();

	return low | (uint32_t)draw16() << 16;
}

uint64_t draw64(void)
{
	const uint64_t low = draw32();

	return low | (uint64_t)draw32() << 32;
}

unsigned int below(unsigned int n)
{
	return (n > 256 ? draw16() : draw8()) % n;
}

uint64_t draw_two(uint8_t low_mask, uint8_t high_mask, unsigned int shift)
{
	const uint64_t low = draw8() & low_mask;

	return low | (uint64_t)(draw8() & high_mask) << shift;
}

bool rarely(unsigned int n)
{
	return draw8() % n == n - 1;
}

uint64_t draw_odd(void)
{
	static const uint64_t odd[] = {
		0,	    1,		2,	     7,		 0x7f,
		0xff,	    0xfff,	0x1000,	     0xffff,	 0x7fffffff,
		0xffffffff, 1ull << 32, 1ull << 39,  1ull << 40, 1ull << 47,
		1ull << 63, ~0ull,	~0ull << 12, BLOCK_BASE, 0x8000000000000000ull - 1,
	};

	switch (below(4)) {
	case 0: return PICK(odd);
	case 1: return 1ull << below(64) | draw8();
	case 2: return draw32();
	default: return draw64();
	}
}

/* ---- The machine ------------------------------------------------------------------------- */

bool is_roots(uint64_t spa, uint64_t n_bytes)
{
	return frames_are_root(spa, n_bytes);
}

struct vp *vp_at(unsigned int slot, unsigned int index)
{
	struct partition *const partition = world.handles[slot] ? peek(world.handles[slot]) : NULL;

	return partition ? partition_vp(partition, index) : NULL;
}

/* Another processor of the root writes to a page that the hypervisor may be reading. */
static void meddle(void)
{
	const uint64_t dice = random_next(&world.meddler);
	uint64_t where, value;

	if (dice >> 59)
		return;
	where = dice >> 24;
	value = dice >> 16 & 7 ? dice >> 8 & 0xff : random_next(&world.meddler);
	switch (dice >> 20 & 3) {
	case 0: where = BUFFERS + where % (N_BUFFERS * PAGE_SIZE); break;
	case 1: where = SHARED + where % (MAX_PARTITIONS * MAX_VPS * PAGE_SIZE); break;
	case 2: where = SHARED + PAGE_SIZE * (where % 4) + (where >> 8) % 128; break;
	default: where = SOURCES + where % GUEST_RAM; break;
	}
	where &= ~7ull;
	if (frames_kind(SPA(where)) == FRAME_PLAIN)
		*(volatile uint64_t *)at(where) = value;
}

static void set_msrs(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} msrs[] = {
		{ MSR_APIC_BASE, 0xfee00900 },
		{ MSR_FEATURE_CONTROL, 5 },
		{ MSR_MISC_ENABLE, 1 },
		{ MSR_MTRRCAP, 0x502 },
		{ MSR_MTRR_DEF_TYPE, 0xc06 },
		{ MSR_MTRR_PHYSBASE0, 0 },
		{ MSR_MTRR_PHYSMASK0, 0 },
		{ MSR_MTRR_PHYSBASE0 + 2, 0 },
		{ MSR_MTRR_PHYSMASK0 + 2, 0 },
		{ MSR_MTRR_FIX64K_00000, 0 },
		{ MSR_MTRR_FIX16K_80000, 0 },
		{ MSR_MTRR_FIX4K_C0000, 0 },
		{ MSR_XSS, 0 },
		{ MSR_PLATFORM_INFO, 0 },
		{ MSR_ARCH_CAPABILITIES, 0x2b },
		{ MSR_BIOS_SIGN_ID, 0 },
		{ MSR_SMM_MONITOR_CTL, 0 },
		{ MSR_VMX_BASIC, 1 },
		{ MSR_EFER, 0xd01 },
	};

	for (unsigned int i = 0; i < COUNT(msrs); i++)
		fake_set_msr(msrs[i].msr, msrs[i].value);
}

/* XSAVE of children: without, with AVX, with AVX-512. */
static void choose_xsave(unsigned int kind)
{
	static const struct {
		uint32_t subleaf;
		struct x86_cpuid value;
	} avx512[] = {
		{ 0, { 0xe7, 0xa80, 0xa80, 0 } },
		{ 5, { 0x40, 0x440, 0, 0 } },
		{ 6, { 0x200, 0x480, 0, 0 } },
		{ 7, { 0x400, 0x680, 0, 0 } },
	};

	if (!kind)
		return;
	virt_machine.xcr0_child = XCR0_X87 | XCR0_SSE | XCR0_AVX;
	virt_machine.child_has = VIRT_HAS_RDTSCP | VIRT_HAS_INVPCID | VIRT_HAS_XSAVES;
	virt_machine.fpu_bytes = 0x340;
	if (kind == 1)
		return;
	fake_set_cpuid(7, 0, (struct x86_cpuid) { 0, 0xdfef6fbb, 0x1a40573e, 0xac000010 });
	for (unsigned int i = 0; i < COUNT(avx512); i++)
		fake_set_cpuid(0xd, avx512[i].subleaf, avx512[i].value);
	virt_machine.xcr0_possible = virt_machine.xcr0_child = 0xe7;
	virt_machine.child_has |= VIRT_HAS_UMWAIT;
	virt_machine.cr4_possible |= CR4_LA57;
	virt_machine.fpu_bytes = 0xa80;
}

/* What another processor's type or the loader's options change, by four bytes of the input. */
static void machine_begin(void)
{
	static const uint8_t help[] = {
		0,
		VIRT_APIC_TPR,
		VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_REGISTERS | VIRT_APIC_X2,
		VIRT_APIC_TPR | VIRT_APIC_PAGE | VIRT_APIC_REGISTERS | VIRT_APIC_DELIVERY |
			VIRT_APIC_X2,
	};
	const uint8_t facts = draw8(), more = draw8();
	const uint64_t block = more & 1 ? BLOCK_BYTES - 3 * PAGE_SIZE : BLOCK_BYTES;
	struct whit_handover *handover;

	memset(&world, 0, sizeof(world));
	fake_reset(RAM_BYTES);
	fake.has_flags = !(facts & 1);
	virt_machine.has_execute_only = facts & 2;
	virt_machine.max_leaf_level = facts & 4 ? LEVEL_2M : LEVEL_1G;
	virt_machine.has_deadline = facts & 8;
	virt_machine.apic = help[facts >> 4 & 3];
	choose_xsave(facts >> 6 & 3);
	if (more & 2)
		fake.uncached_base = 40 * MIB + PAGE_SIZE, fake.uncached_bytes = 5 * MIB;
	world.has_other_cpu = more & 4;
	world.meddler.state = more >> 3;
	set_msrs();
	handover = fake_handover(BLOCK_BASE, block);
	/* A heap that suffices, or one that is soon used up. */
	handover->heap_bytes = frames_bytes(handover) + (more & 8 ? 50 : 120) * PAGE_SIZE;
	PROMISE(hv_init(handover) == WHIT_LAUNCH_OK);
	root_begin(handover);
	world.heap_pages = hv.heap.count + fake_count_tables(&hv.root_space);
	fake.play = guest_play;
	fake.meddle = world.has_other_cpu ? meddle : NULL;
}

static void step(void)
{
	const unsigned int slot = below(MAX_PARTITIONS);

	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3: random_call(); return;
	case 4:
	case 5:
	case 6:
	case 7: guest_run(); return;
	case 8:
		if (!world.handles[slot])
			guest_boot(slot);
		return;
	case 9:
	case 10: guest_set_mode(slot, below(MAX_VPS)); return;
	case 11:
		if (rarely(8) && world.handles[slot])
			delete_slot(slot);
		return;
	case 12: scribble(); return;
	default: random_root_exit(); return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	stream.data = data;
	stream.n = n;
	stream.at = 0;
	machine_begin();
	/* Mostly there is something to call and to run from the start. */
	if (!rarely(8)) {
		guest_boot(0);
		guest_set_mode(0, 0);
	}
	while (has_input())
		step();
	for (unsigned int slot = 0; slot < MAX_PARTITIONS; slot++)
		if (world.handles[slot])
			delete_slot(slot);
	check_at_the_end();
	return 0;
}

#include "tests/fuzz/replay.h"
REPLAY("hv_fuzz_corpus", "tests/fuzz/hv_corpus")
