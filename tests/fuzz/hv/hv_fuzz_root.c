/* SPDX-License-Identifier: MIT */
/*
 * The root's processor: it exits, the hypervisor answers, and it goes on as a processor would: an event that was injected is
 * delivered, by way of the root's page tables, its IDT and its stack, and an instruction that still faults exits again.
 * A processor that does that thousands of times without an instruction hangs.
 */
#include "tests/fuzz/hv/hv_fuzz.h"

#include "x86/cr.h"
#include "x86/dr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define MAX_STUCK      2000u
#define MAX_ROOT_EXITS 5000u
#define MAX_BATCHES    40u /* of a REP instruction, after which it has had its turn */

#define ROOT_TABLES \
	(ROOT_CODE + PAGE_SIZE) /* level 4, 3; PAE's pointers, and 4 tables of 2 MiB pages */
#define ROOT_PAE (ROOT_CODE + 3 * PAGE_SIZE)
#define ROOT_IDT (ROOT_CODE + 8 * PAGE_SIZE)

static jmp_buf root_left;

enum left { RUNS = 1, RESET };

/* ---- The processor ----------------------------------------------------------------------- */

static struct virt_leaf look(uint64_t address)
{
	if (address >> virt_machine.physical_bits)
		return (struct virt_leaf) { .rights = 0 };
	return virt_space_lookup(&hv.root_space, GPA(address));
}

/* Does it read something else than its own memory there? */
static bool is_foreign(uint64_t address)
{
	const struct virt_leaf leaf = look(address);

	return leaf.spa.a + (address & (LEVEL_SIZE(leaf.level) - 1)) != address;
}

static void memory_exit(struct virt_exit *exit, uint64_t address)
{
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(address);
	exit->memory.gva = GVA(address);
	exit->memory.gva_valid = true;
	exit->interrupted = the_root()->virt->injected;
}

/*
 * An event on its way: the walk of the tables at CR3, the gate, the stack. Addresses are what the tables were made for, 1:1. What
 * does not exit and is not the root's own memory makes the processor give up: a table or a gate of ones.
 */
static bool delivery_exits(struct virt_vp *vp, struct virt_exit *exit)
{
	const uint64_t mask = (1ull << virt_machine.physical_bits) - 1;
	const uint64_t tables = vp->reg[VIRT_CR3] & PTE_ADDR & mask;
	const uint64_t gate = vp->segment[SEG_IDTR].base & mask,
		       stack = (vp->regs.gpr[4] - 8) & mask;

	exit->insn_length = 0;
	if ((vp->reg[VIRT_CR0] & CR0_PG) && !(look(tables).rights & VIRT_READ)) {
		memory_exit(exit, tables);
		exit->memory.gva = GVA(gate);
		exit->memory.is_walk = exit->memory.is_read = true;
		exit->memory.is_write = fake.has_flags;
		return true;
	}
	if ((vp->reg[VIRT_CR0] & CR0_PG) && is_foreign(tables)) {
		exit->reason = VIRT_EXIT_TRIPLE_FAULT;
		return true;
	}
	if (!(look(gate).rights & VIRT_READ)) {
		memory_exit(exit, gate);
		exit->memory.is_read = true;
		return true;
	}
	if (is_foreign(gate)) {
		exit->reason = VIRT_EXIT_TRIPLE_FAULT;
		return true;
	}
	if (look(stack).rights & VIRT_WRITE)
		return false;
	memory_exit(exit, stack);
	exit->memory.is_write = true;
	return true;
}

static bool still_faults(const struct virt_exit *exit)
{
	const uint8_t need = (uint8_t)((exit->memory.is_read ? VIRT_READ : 0) |
				       (exit->memory.is_write ? VIRT_WRITE : 0) |
				       (exit->memory.is_fetch ? VIRT_EXECUTE : 0));

	return (look(exit->memory.gpa.a).rights & need) != need;
}

/* Thousands of exits without an instruction. */
static __attribute__((noreturn)) void hang(const struct virt_vp *vp)
{
	const struct virt_exit *const exit = &world.planned;

	fprintf(stderr,
		"broken: the root hangs: exit %u at %llx%s%s%s%s, with event %u; then event %u/%u "
		"again and again\n",
		(unsigned int)exit->reason, (unsigned long long)exit->memory.gpa.a,
		exit->memory.is_read ? " read" : "", exit->memory.is_write ? " write" : "",
		exit->memory.is_fetch ? " fetch" : "", exit->memory.is_walk ? " walk" : "",
		exit->interrupted.type, vp->injected.type, vp->injected.vector);
	abort();
}

static void play(struct virt_vp *vp, struct virt_exit *exit)
{
	if (!vp->is_root) {
		guest_play(vp, exit);
		return;
	}
	if (world.n_root_exits && memcmp(&world.last_regs, &vp->regs, sizeof(vp->regs)))
		world.n_stuck = 0;
	world.last_regs = vp->regs;
	if (world.n_stuck++ == MAX_STUCK)
		hang(vp);
	if (!world.n_root_exits++) {
		*exit = world.planned;
		return;
	}
	if (world.n_root_exits == MAX_ROOT_EXITS)
		longjmp(root_left, RUNS);
	if (vp->injected.type != VIRT_EVENT_NONE) {
		if (delivery_exits(vp, exit))
			return;
	} else if (world.planned.reason == VIRT_EXIT_MEMORY &&
		   world.planned.interrupted.type == VIRT_EVENT_NONE &&
		   world.n_root_exits < MAX_BATCHES + MAX_STUCK * (world.n_stuck > 1) &&
		   still_faults(&world.planned)) {
		*exit = world.planned;
		return;
	}
	/* Long work of an instruction is done in parts: it is tried again until it is over. */
	if (vp->injected.type == VIRT_EVENT_NONE && world.planned.insn_length &&
	    vp->regs.rip == world.first_rip) {
		*exit = world.planned;
		return;
	}
	longjmp(root_left, RUNS);
}

static void was_reset(void)
{
	longjmp(root_left, RESET);
}

void root_leave(const struct virt_exit *exit)
{
	struct virt_vp *const virt = the_root()->virt;

	world.planned = *exit;
	world.n_root_exits = world.n_stuck = 0;
	world.first_rip = virt->regs.rip;
	world.is_reset = false;
	fake.play = play;
	fake.reset_hook = was_reset;
	switch (setjmp(root_left)) {
	case 0: root_run(the_root());
	case RESET: world.is_reset = true; break;
	default: break;
	}
	world.injected = virt->injected;
	memset(&virt->injected, 0, sizeof(virt->injected));
}

/* ---- The root's state -------------------------------------------------------------------- */

static void write_root_tables(void)
{
	uint64_t *const top = at(ROOT_TABLES), *const pae = at(ROOT_PAE);

	top[0] = (ROOT_TABLES + PAGE_SIZE) | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 512; i++)
		top[512 + i] = i << 30 | PTE_P | PTE_W | PTE_U | PTE_PS;
	for (uint64_t i = 0; i < 4; i++)
		pae[i] = (ROOT_PAE + (1 + i) * PAGE_SIZE) | PTE_P;
	for (uint64_t i = 0; i < 2048; i++)
		pae[512 + i] = i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
}

void root_begin(const struct whit_handover *handover)
{
	struct root *const root = the_root();
	struct virt_vp *virt;

	root->xcr0 = 1;
	root->virt = virt_root_create(&hv.heap, &handover->cpus[0], &hv.root_space);
	PROMISE(root->virt);
	root_prepare(root);
	virt = root->virt;
	write_root_tables();
	for (unsigned int i = 0; i < VIRT_REG_COUNT; i++)
		virt->reg[i] = 0;
	virt->reg[VIRT_CR0] = CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP;
	virt->reg[VIRT_CR3] = ROOT_TABLES;
	virt->reg[VIRT_CR4] = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
	virt->reg[VIRT_EFER] = EFER_LME | EFER_LMA | EFER_NXE;
	virt->reg[VIRT_DR6] = DR6_INIT;
	virt->reg[VIRT_DR7] = DR7_INIT;
	virt->reg[VIRT_PAT] = PAT_RESET;
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		virt->segment[i] = (struct x86_segment) { 0, ~0u, 0x10, 0xc093 };
	virt->segment[SEG_CS] = (struct x86_segment) { 0, ~0u, 8, 0xa09b };
	virt->segment[SEG_TR] = (struct x86_segment) { 0, 0x67, 0x18, 0x8b };
	virt->segment[SEG_IDTR] = (struct x86_segment) { .base = ROOT_IDT, .limit = 0xfff };
	virt->regs.rip = ROOT_CODE;
	virt->regs.rflags = RFLAGS_ONE;
	virt->regs.gpr[4] = ROOT_STACK;
}

/* Another mode, for one exit. */
static enum emu_mode set_mode(struct virt_vp *virt, unsigned int choice)
{
	struct x86_segment *const cs = &virt->segment[SEG_CS];

	switch (choice & 7) {
	case 0: /* real, with segments that reach everywhere */
		virt->reg[VIRT_CR0] = CR0_NE | CR0_ET;
		virt->reg[VIRT_EFER] = 0;
		*cs = (struct x86_segment) { ROOT_CODE, 0xffff, 0, 0x9b };
		virt->regs.rip = 0;
		return EMU_REAL;
	case 1:
		virt->reg[VIRT_CR0] = CR0_PE | CR0_NE | CR0_ET;
		virt->reg[VIRT_EFER] = 0;
		cs->attributes = 0x809b;
		return EMU_PROT16;
	case 2:
		virt->reg[VIRT_CR0] = CR0_PE | CR0_NE | CR0_ET;
		virt->reg[VIRT_EFER] = 0;
		cs->attributes = 0xc09b;
		return EMU_PROT32;
	case 3: /* PAE paging; the pointers are loaded */
		virt->reg[VIRT_EFER] = EFER_NXE;
		virt->reg[VIRT_CR3] = ROOT_PAE;
		for (unsigned int i = 0; i < 4; i++)
			virt->reg[VIRT_PDPTE0 + i] = (ROOT_PAE + (1 + i) * PAGE_SIZE) | PTE_P;
		cs->attributes = 0xc09b;
		return EMU_PROT32;
	case 4: /* a program */
		cs->attributes |= SEG_DPL;
		virt->segment[SEG_SS].attributes |= SEG_DPL;
		return EMU_LONG64;
	default: return EMU_LONG64;
	}
}

/* Memory that is the hypervisor's, lent, at an end of either, nowhere, or simply the root's. */
static uint64_t draw_address(void)
{
	uint64_t page;

	switch (below(12)) {
	case 0:
	case 1: page = BLOCK_BASE + draw16() % 1024 * PAGE_SIZE; return page + draw8() * 16;
	case 2: return hv.ones.a + draw16() % PAGE_SIZE;
	case 3:
	case 4:
	case 5: page = LENDABLE + draw8() * PAGE_SIZE; return page + draw8() * 16;
	case 6: return BLOCK_BASE - 1 - draw8() % 16;
	case 7: return BLOCK_BASE + hv.hidden_bytes - draw8() % 16;
	case 8: return LENDABLE - draw8() % 16;
	case 9: return hv.identity_end + draw_odd();
	case 10: return draw_odd();
	default: return SOURCES + draw16();
	}
}

/* ---- Exits ------------------------------------------------------------------------------- */

/* What the root has after an instruction that was done, or refused with a fault. */
static void check_done(const struct virt_exit *exit, const struct virt_vp *before,
		       const uint8_t *fpu, uint32_t gprs, uint64_t registers)
{
	const struct virt_vp *const virt = the_root()->virt;

	if (world.is_reset)
		return;
	if (world.injected.type == VIRT_EVENT_NONE) {
		PROMISE(virt->regs.rip == before->regs.rip + exit->insn_length);
	} else {
		PROMISE(world.injected.type == VIRT_EVENT_EXCEPTION);
		PROMISE(virt->regs.rip == before->regs.rip);
		gprs = 0;
		registers = 0;
	}
	check_root(before, fpu, gprs, registers | 1ull << VIRT_SHADOW | 1ull << VIRT_PENDING_DEBUG);
}

static void msr_exit(struct virt_exit *exit, uint64_t *gpr)
{
	static const uint32_t msrs[] = { 0x11,	     0x1b,	0x33,  0x3a,  0x79,   0x9b,
					 0x1a0,	     0x250,	0x258, 0x26f, 0x2ff,  0x200,
					 0x201,	     0x202,	0x203, 0x3f1, 0x3f4,  0x480,
					 0x493,	     0x560,	0x600, 0xda0, 0x17d0, 0x40000000,
					 0x4b564d00, 0xc0002000 };

	exit->reason = draw8() & 1 ? VIRT_EXIT_RDMSR : VIRT_EXIT_WRMSR;
	gpr[1] = PICK(msrs);
	gpr[0] = rarely(2) ? draw_odd() : draw8();
	gpr[2] = rarely(2) ? draw_odd() : 0;
	if (exit->reason == VIRT_EXIT_WRMSR && gpr[1] >= 0x200 && gpr[1] < 0x300) {
		/* What the memory is from now on. */
		fake.uncached_base = 40 * MIB + draw8() * PAGE_SIZE;
		fake.uncached_bytes = rarely(2) ? 0 : (draw16() & 0x1fffu) * PAGE_SIZE;
		world.has_retyped = true;
	}
}

static void cr_exit(struct virt_exit *exit, struct virt_vp *virt)
{
	exit->reason = VIRT_EXIT_CR_WRITE;
	exit->cr.number = (uint8_t)(draw8() & 1 ? 4 : 0);
	exit->cr.value = virt->reg[exit->cr.number ? VIRT_CR4 : VIRT_CR0] ^ 1ull << below(32);
	if (rarely(8))
		exit->cr.value = draw_odd();
	/* PAE's pointers are loaded out of what the root says is its memory. */
	if (rarely(4)) {
		(void)set_mode(virt, 3);
		virt->reg[VIRT_CR3] = rarely(2) ? draw_address() & 0xffffffe0 : ROOT_PAE;
	}
}

/* Registers that the instruction of the exit writes, and what it takes of the root's state. */
static void instruction_exit(void)
{
	struct virt_vp *const virt = the_root()->virt;
	uint64_t *const gpr = virt->regs.gpr;
	struct virt_exit exit = { .insn_length = 2 };
	struct virt_vp restored = *virt;
	uint8_t fpu[sizeof(fake.cpu[0].fpu)];
	struct virt_vp before;
	uint64_t registers = 0;
	uint32_t gprs = 0;

	switch (draw8() % 8) {
	case 0:
		exit.reason = VIRT_EXIT_CPUID;
		gpr[0] = rarely(4) ? draw_odd() : draw_two(0x2f, 3, 30);
		gpr[1] = draw8() % 10;
		gprs = 0xf;
		break;
	case 1:
	case 2:
		msr_exit(&exit, gpr);
		gprs = exit.reason == VIRT_EXIT_RDMSR ? 1u << 0 | 1u << 2 : 0;
		break;
	case 3:
		exit.reason = VIRT_EXIT_XSETBV;
		exit.insn_length = 3;
		gpr[0] = rarely(4) ? draw_odd() : draw8() | 1;
		gpr[1] = rarely(8) ? draw_odd() : 0;
		gpr[2] = rarely(8) ? draw_odd() : 0;
		fake.xcr0_refused = rarely(8) ? 4 : 0;
		break;
	case 4:
	case 5:
		cr_exit(&exit, virt);
		registers = 1ull << VIRT_CR0 | 1ull << VIRT_CR4 | 1ull << VIRT_EFER |
			    15ull << VIRT_PDPTE0;
		break;
	case 6: exit.reason = VIRT_EXIT_HIDDEN_INSN; break;
	default: {
		static const enum virt_exit_reason rest[] = { VIRT_EXIT_INVD, VIRT_EXIT_TASK_SWITCH,
							      VIRT_EXIT_HYPERCALL };

		exit.reason = PICK(rest);
		break;
	}
	}
	before = *virt;
	memcpy(fpu, fake.cpu[0].fpu, sizeof(fpu));
	root_leave(&exit);
	check_done(&exit, &before, fpu, gprs, registers);
	restored.renewed_at = virt->renewed_at; /* the root has seen what has changed */
	*virt = restored;
}

/* The end of the root; not an instruction. */
static void plain_exit(void)
{
	struct virt_exit exit = { .reason = VIRT_EXIT_TRIPLE_FAULT };

	root_leave(&exit);
	PROMISE(world.is_reset);
}

static void set_pointers(struct virt_vp *virt, enum emu_mode mode, uint64_t address)
{
	static const uint8_t pointers[] = { 3, 5, 6, 7 };

	for (unsigned int i = 0; i < COUNT(pointers); i++)
		virt->regs.gpr[pointers[i]] = rarely(4) ? ROOT_STACK + draw8() : address;
	if (rarely(4))
		virt->regs.gpr[4] = address + draw8();
	virt->regs.gpr[0] = rarely(4) ? draw_odd() : draw8();
	virt->regs.gpr[1] = rarely(4) ? draw_odd() : draw8();
	virt->regs.gpr[2] = draw16();
	if (mode != EMU_REAL && mode != EMU_PROT16)
		return;
	for (unsigned int i = 0; i < SEG_COUNT; i++)
		if (i != SEG_CS)
			virt->segment[i].base = address & ~0xffffull & 0xffffffff;
	for (unsigned int i = 0; i < COUNT(pointers); i++)
		virt->regs.gpr[pointers[i]] &= 0xffff;
}

/* Where else the root's processor looks on its own: tables, gates, the stack. */
static void hide_structures(struct virt_vp *virt, uint64_t address)
{
	const uint8_t choice = draw8();

	if (choice % 16 == 15)
		virt->reg[VIRT_CR3] =
			address & PTE_ADDR & ((1ull << virt_machine.physical_bits) - 1);
	if (choice / 16 == 15)
		virt->segment[SEG_IDTR].base = address & PAGE_MASK;
	if (choice / 16 == 14)
		virt->regs.gpr[4] = address;
}

static void draw_interrupted(struct virt_event *event)
{
	const uint8_t vector = draw8();

	*event = (struct virt_event) { .type = VIRT_EVENT_INTERRUPT, .vector = vector };
	if (!(vector & 3))
		*event = (struct virt_event) { .type = VIRT_EVENT_EXCEPTION,
					       .vector = EXC_GP,
					       .has_error_code = true };
}

static void memory_fault(void)
{
	struct virt_vp *const virt = the_root()->virt;
	struct virt_vp restored = *virt;
	struct virt_exit exit = { .reason = VIRT_EXIT_MEMORY };
	const uint64_t address = draw_address();
	const enum emu_mode mode = set_mode(virt, draw8());
	const uint8_t access = draw8();
	uint8_t fpu[sizeof(fake.cpu[0].fpu)], bytes[16];
	unsigned int n;

	memcpy(fpu, fake.cpu[0].fpu, sizeof(fpu));
	n = draw_instruction(mode, bytes);
	memcpy(at(ROOT_CODE), bytes, n);
	exit.memory.gpa = GPA(address & ((1ull << virt_machine.physical_bits) - 1));
	exit.memory.gva = GVA(address);
	exit.memory.gva_valid = true;
	exit.memory.is_write = access & 3;
	exit.memory.is_read = !exit.memory.is_write || access & 4;
	set_pointers(virt, mode, address);
	hide_structures(virt, address);
	virt->regs.rflags |= access & 8 ? RFLAGS_DF : 0;
	virt->regs.rflags |= (access & 0x30) == 0x30 ? RFLAGS_TF : 0;
	switch (access >> 6) {
	case 2:
		exit.memory.is_walk = true;
		virt->reg[VIRT_CR3] = exit.memory.gpa.a & PAGE_MASK;
		break;
	case 3:
		if (!(access & 0x20)) {
			exit.memory.is_fetch = true;
			exit.memory.is_write = exit.memory.is_read = false;
			virt->regs.rip = address - virt->segment[SEG_CS].base;
		} else {
			draw_interrupted(&exit.interrupted);
		}
		break;
	default: break;
	}
	root_leave(&exit);
	PROMISE(!hv.lock.held);
	restored.renewed_at = virt->renewed_at; /* the root has seen what has changed */
	*virt = restored;
	memcpy(fake.cpu[0].fpu, fpu, sizeof(fpu));
	fake.cpu[0].switched_in = virt;
}

void random_root_exit(void)
{
	switch (draw8() % 8) {
	case 0:
	case 1:
	case 2: instruction_exit(); break;
	case 3:
		if (rarely(16))
			plain_exit();
		break;
	default: memory_fault(); break;
	}
	check_world();
}
