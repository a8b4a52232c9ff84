/* SPDX-License-Identifier: MIT */
/* hv/root_memory.c: what the root sees of the machine's memory, and of the hypervisor's. */
#include "tests/unit/hv_test.h"

#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/fx.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define ALL (VIRT_READ | VIRT_WRITE | VIRT_EXECUTE)

static struct virt_leaf look(uint64_t address)
{
	return virt_space_lookup(&hv.root_space, GPA(address));
}

static void check_identity(uint64_t address, unsigned int level, uint8_t type)
{
	const struct virt_leaf leaf = look(address);

	CHECK_EQ(leaf.rights, ALL);
	CHECK_EQ(leaf.level, level);
	CHECK_EQ(leaf.type, type);
	CHECK_EQ(leaf.spa.a + (address & (LEVEL_SIZE(level) - 1)), address);
}

static void root_sees_everything_but_the_block(void)
{
	fake_reset(6 * GIB);
	fake.uncached_base = 3 * GIB + 5 * PAGE_SIZE;
	fake.uncached_bytes = GIB - 5 * PAGE_SIZE;
	machine_of(6 * GIB, 32 * MIB);
	check_identity(0, LEVEL_2M, MEMTYPE_WB);
	check_identity(BLOCK_BASE - 1, LEVEL_2M, MEMTYPE_WB);
	CHECK_EQ(look(BLOCK_BASE).rights, 0);
	CHECK_EQ(look(BLOCK_BASE + 32 * MIB - 1).rights, 0);
	check_identity(BLOCK_BASE + 32 * MIB, LEVEL_2M, MEMTYPE_WB);
	check_identity(1 * GIB + 12345, LEVEL_1G, MEMTYPE_WB);
	check_identity(3 * GIB + 4 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	check_identity(3 * GIB + 5 * PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	check_identity(3 * GIB + 2 * MIB, LEVEL_2M, MEMTYPE_UC);
	check_identity(6 * GIB - 1, LEVEL_1G, MEMTYPE_WB);
	CHECK_EQ(look(6 * GIB).rights, 0);
}

/* A block that is not aligned to large pages is hidden to the page. */
static void block_is_hidden_to_the_page(void)
{
	struct whit_handover *h;

	fake_reset(256 * MIB);
	h = fake_handover(BLOCK_BASE + 3 * PAGE_SIZE, 16 * MIB);
	CHECK_EQ(hv_init(h), WHIT_LAUNCH_OK);
	check_identity(BLOCK_BASE + 2 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	CHECK_EQ(look(BLOCK_BASE + 3 * PAGE_SIZE).rights, 0);
	CHECK_EQ(look(BLOCK_BASE + 16 * MIB + 2 * PAGE_SIZE).rights, 0);
	check_identity(BLOCK_BASE + 16 * MIB + 3 * PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
}

static struct virt_event fault_of(struct virt_exit exit)
{
	exit.reason = VIRT_EXIT_MEMORY;
	memset(&test_root.virt->injected, 0, sizeof(test_root.virt->injected));
	root_memory_fault(&test_root, &exit);
	return test_root.virt->injected;
}

static void memory_above_appears_when_touched(void)
{
	struct virt_exit exit = { .memory = { .is_read = true } };
	uint64_t heap;

	machine(256 * MIB);
	CHECK_EQ(look(9 * GIB + 5).rights, 0);
	exit.memory.gpa = GPA(9 * GIB + 5);
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity(9 * GIB + 5, LEVEL_1G, MEMTYPE_WB);
	exit.memory.gpa = GPA((1ull << 40) - 1);
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	check_identity((1ull << 40) - 1, LEVEL_1G, MEMTYPE_WB);
	exit.memory.gpa = GPA(1ull << 40);
	CHECK_EQ(fault_of(exit).vector, EXC_GP);
	/* An event on whose way the hole was comes again. */
	exit.memory.gpa = GPA(20 * GIB);
	exit.interrupted = (struct virt_event) { VIRT_EVENT_INTERRUPT, 33, false, 0, 0 };
	CHECK_EQ(fault_of(exit).vector, 33);
	/* Types changed: what was mapped on demand is gone until it is touched. */
	fake.uncached_base = 9 * GIB;
	fake.uncached_bytes = GIB;
	heap = hv.heap.count;
	root_memory_retype();
	CHECK(hv.heap.count >= heap);
	CHECK_EQ(look(9 * GIB).rights, 0);
	exit.memory.gpa = GPA(9 * GIB);
	fault_of(exit);
	check_identity(9 * GIB, LEVEL_1G, MEMTYPE_UC);
}

static void retype_follows_the_mtrrs(void)
{
	uint64_t heap, handle;

	machine(1 * GIB);
	handle = created(4);
	heap = hv.heap.count;
	check_identity(512 * MIB, LEVEL_2M, MEMTYPE_WB);
	fake.uncached_base = 512 * MIB + PAGE_SIZE;
	fake.uncached_bytes = 4 * MIB;
	root_memory_retype();
	check_identity(512 * MIB, LEVEL_4K, MEMTYPE_WB);
	check_identity(512 * MIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_UC);
	check_identity(514 * MIB, LEVEL_2M, MEMTYPE_UC);
	check_identity(516 * MIB, LEVEL_4K, MEMTYPE_UC);
	check_identity(516 * MIB + PAGE_SIZE, LEVEL_4K, MEMTYPE_WB);
	CHECK_EQ(look(BLOCK_BASE).rights, 0);
	CHECK_EQ(look(BLOCK_BASE + 32 * MIB + PAGE_SIZE).rights, 0); /* lent */
	fake.uncached_bytes = 0;
	root_memory_retype();
	check_identity(512 * MIB, LEVEL_2M, MEMTYPE_WB);
	CHECK_EQ(hv.heap.count, heap);
	delete_all(handle);
	check_clean();
}

static void hidden_memory_reads_as_ones(void)
{
	struct virt_exit exit = { .memory = { .is_read = true, .gpa = GPA(BLOCK_BASE + 8200) } };
	const uint64_t *seen;
	uint64_t handle;

	machine(256 * MIB);
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(hv.stats.hidden_reads, 1);
	CHECK_EQ(hv.stats.hidden_writes, 0);
	CHECK_EQ(look(BLOCK_BASE + 8200).rights, VIRT_READ);
	CHECK_EQ(look(BLOCK_BASE + 8200).level, LEVEL_4K);
	seen = at(look(BLOCK_BASE + 8200).spa.a);
	for (unsigned int i = 0; i < 512; i++)
		CHECK_EQ(seen[i], ~0ull);
	CHECK_EQ(look(BLOCK_BASE).rights, 0);
	/* A lent page too, and it is the root's own again afterwards. */
	heap_at_start = hv.heap.count;
	handle = created(4);
	exit.memory.gpa = GPA(BLOCK_BASE + 32 * MIB + PAGE_SIZE);
	fault_of(exit);
	CHECK_EQ(look(exit.memory.gpa.a).spa.a, hv.ones.a);
	delete_all(handle);
	check_identity(exit.memory.gpa.a, LEVEL_2M, MEMTYPE_WB);
	check_clean();
}

static void hidden_memory_is_not_executed_nor_walked(void)
{
	struct virt_exit exit = { .memory = { .is_fetch = true, .gpa = GPA(BLOCK_BASE) } };
	struct virt_event event;

	machine(256 * MIB);
	event = fault_of(exit);
	CHECK_EQ(event.vector, EXC_UD);
	CHECK(!event.has_error_code);
	exit.memory.is_fetch = false;
	exit.memory.is_walk = exit.memory.is_read = exit.memory.is_write = true;
	exit.memory.gva = GVA(0x1234567);
	event = fault_of(exit);
	CHECK_EQ(event.vector, EXC_PF);
	CHECK_EQ(event.error_code, PF_P | PF_RSVD);
	CHECK_EQ(virt_get(test_root.virt, VIRT_CR2), 0x1234567);
	CHECK_EQ(look(BLOCK_BASE).rights, 0);
	CHECK_EQ(hv.stats.hidden_reads, 2);
}

/* The root in 32-bit protected mode without paging, its code at 64 MiB. */
static uint64_t root_code(const void *bytes, size_t n)
{
	const uint64_t code = test_pages(1);

	memcpy(at(code), bytes, n);
	test_root.virt->reg[VIRT_CR0] = CR0_PE | CR0_ET;
	test_root.virt->reg[VIRT_EFER] = 0;
	for (unsigned int i = 0; i < 6; i++)
		test_root.virt->segment[i] = (struct x86_segment) { 0, ~0u, 0x10, 0xc093 };
	test_root.virt->segment[SEG_CS] = (struct x86_segment) { 0, ~0u, 8, 0xc09b };
	test_root.virt->regs.rip = code;
	test_root.virt->regs.rflags = RFLAGS_ONE;
	return code;
}

static void writes_to_hidden_memory_are_dropped(void)
{
	static const uint8_t mov[] = { 0x89, 0x03 };	      /* mov [ebx], eax */
	static const uint8_t add[] = { 0x01, 0x03 };	      /* add [ebx], eax */
	static const uint8_t movs[] = { 0xf3, 0xa5 };	      /* rep movsd */
	static const uint8_t movups[] = { 0x0f, 0x11, 0x0b }; /* movups [ebx], xmm1 */
	static const uint8_t sgdt[] = { 0x0f, 0x01, 0x03 };   /* sgdt [ebx] */
	static const uint8_t fstp[] = { 0xdb, 0x3b };	      /* fstp tword [ebx] */
	static const uint8_t fxsave[] = { 0x0f, 0xae, 0x03 }; /* fxsave [ebx] */
	struct virt_exit exit = { .memory = { .is_write = true, .gpa = GPA(BLOCK_BASE + 64) } };
	uint32_t *hidden;
	uint64_t code, source;

	machine(256 * MIB);
	hidden = at(BLOCK_BASE + 64);
	*hidden = 0x12345678;
	code = root_code(mov, sizeof(mov));
	test_root.virt->regs.gpr[3] = BLOCK_BASE + 64;
	test_root.virt->reg[VIRT_SHADOW] = VIRT_SHADOW_STI;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(*hidden, 0x12345678);
	CHECK_EQ(test_root.virt->regs.rip, code + 2);
	CHECK(test_root.virt->regs.changed);
	CHECK_EQ(test_root.virt->reg[VIRT_SHADOW], 0);
	CHECK_EQ(hv.stats.hidden_writes, 1);

	/* Read and write: the sum is with ones. */
	code = root_code(add, sizeof(add));
	test_root.virt->regs.gpr[0] = 1;
	exit.memory.is_read = true;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(*hidden, 0x12345678);
	CHECK_EQ(test_root.virt->regs.rip, code + 2);
	CHECK(test_root.virt->regs.rflags & RFLAGS_ZF);

	/* A string out of RAM. */
	code = root_code(movs, sizeof(movs));
	source = test_pages(1);
	test_root.virt->regs.gpr[1] = 4;
	test_root.virt->regs.gpr[6] = source;
	test_root.virt->regs.gpr[7] = BLOCK_BASE + 64;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(test_root.virt->regs.gpr[1], 0);
	CHECK_EQ(test_root.virt->regs.gpr[6], source + 16);
	CHECK_EQ(*hidden, 0x12345678);

	/* Out of hidden memory into RAM: ones. */
	code = root_code(movs, sizeof(movs));
	test_root.virt->regs.gpr[1] = 1;
	test_root.virt->regs.gpr[6] = BLOCK_BASE + 64;
	test_root.virt->regs.gpr[7] = source;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(*(uint32_t *)at(source), ~0u);
	CHECK_EQ(((uint32_t *)at(source))[1], 0);

	/* A vector, and a descriptor table register. */
	code = root_code(movups, sizeof(movups));
	test_root.virt->reg[VIRT_CR4] = CR4_OSFXSR;
	test_root.virt->regs.gpr[3] = BLOCK_BASE + 64;
	exit.memory.is_read = false;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(test_root.virt->regs.rip, code + 3);
	code = root_code(sgdt, sizeof(sgdt));
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(test_root.virt->regs.rip, code + 3);
	CHECK_EQ(*hidden, 0x12345678);

	/* Of a vector that lies half in RAM that half is written. */
	code = root_code(movups, sizeof(movups));
	memset(((struct x86_fxsave *)(void *)fake.fpu)->xmm[1], 0x5a, 16);
	test_root.virt->regs.gpr[3] = BLOCK_BASE - 8;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(test_root.virt->regs.rip, code + 3);
	CHECK_EQ(*(uint64_t *)at(BLOCK_BASE - 8), 0x5a5a5a5a5a5a5a5a);

	/* x87: the value is dropped, and popped. */
	code = root_code(fstp, sizeof(fstp));
	((struct x86_fxsave *)(void *)fake.fpu)->ftw = 0x80;
	((struct x86_fxsave *)(void *)fake.fpu)->fsw = 7 << 11;
	test_root.virt->regs.gpr[3] = BLOCK_BASE + 64;
	CHECK_EQ(fault_of(exit).type, VIRT_EVENT_NONE);
	CHECK_EQ(test_root.virt->regs.rip, code + 2);
	CHECK_EQ(((struct x86_fxsave *)(void *)fake.fpu)->ftw, 0);
	CHECK_EQ(((struct x86_fxsave *)(void *)fake.fpu)->fsw & 0x3800, 0);
	CHECK_EQ(*hidden, 0x12345678);

	/* What the emulator cannot do gets #GP, and nothing has moved. */
	code = root_code(fxsave, sizeof(fxsave));
	test_root.virt->regs.gpr[3] = BLOCK_BASE + 64;
	CHECK_EQ(fault_of(exit).vector, EXC_GP);
	CHECK_EQ(test_root.virt->regs.rip, code);
	CHECK(test_root.virt->regs.rflags & RFLAGS_RF);
	CHECK_EQ(*hidden, 0x12345678);

	/* A stack in hidden memory, met while an interrupt is delivered. */
	exit.interrupted = (struct virt_event) { VIRT_EVENT_INTERRUPT, 32, false, 0, 0 };
	CHECK_EQ(fault_of(exit).vector, EXC_DF);
	CHECK(test_root.virt->injected.has_error_code);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(root_sees_everything_but_the_block),
		TEST(block_is_hidden_to_the_page),
		TEST(memory_above_appears_when_touched),
		TEST(retype_follows_the_mtrrs),
		TEST(hidden_memory_reads_as_ones),
		TEST(hidden_memory_is_not_executed_nor_walked),
		TEST(writes_to_hidden_memory_are_dropped),
	};

	return RUN(tests);
}
