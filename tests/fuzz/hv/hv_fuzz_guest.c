/* SPDX-License-Identifier: MIT */
/*
 * Guests and their client: partitions with memory and VPs in every mode, the exits that a processor could bring of them
 * by the contract of arch/virt.h, and the client's answers.
 */
#include "tests/fuzz/hv/hv_fuzz.h"

#include "whp/WinHvPlatformDefs.h"
#include "x86/apic.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/msr.h"
#include "x86/paging.h"
#include "x86/rflags.h"
#include "hv/call/partition.h"

#define MAX_CHILD_EXITS 24u
#define MAX_SAME_EXITS	3000u

#define ATTR_CODE16 0x009b
#define ATTR_CODE32 0xc09b
#define ATTR_CODE64 0xa09b
#define ATTR_DATA   0xc093

/* ---- Partitions -------------------------------------------------------------------------- */

/* What a call needs is lent, and the call is made once more. */
static uint32_t insist(uint64_t code, uint64_t handle, uint64_t a, uint64_t b, uint64_t c,
		       uint64_t d)
{
	uint32_t result = call(code, handle, a, b, c, d);

	if (result != WHIT_E_INSUFFICIENT_MEMORY)
		return result;
	lend_some(handle, call_rdx);
	return call(code, handle, a, b, c, d);
}

static void set_property(uint64_t handle, uint32_t code, uint64_t value)
{
	if (!is_roots(BUFFERS, PAGE_SIZE))
		return;
	*(uint64_t *)at(BUFFERS) = value;
	(void)insist(WHIT_CALL_SET_PROPERTY, handle, code, BUFFERS, 8, 0);
}

/* 1:1, in the tables of each kind of paging: the first GiB, and what is around the APIC. */
static void write_tables(uint8_t *ram)
{
	const uint64_t rights = PTE_P | PTE_W | PTE_U;
	uint64_t *const tables = (uint64_t *)(void *)(ram + GUEST_TABLES);
	uint32_t *const plain = (uint32_t *)(void *)(ram + GUEST_TABLES + 5 * PAGE_SIZE);

	tables[0] = (GUEST_TABLES + PAGE_SIZE) | rights;
	for (unsigned int i = 0; i < 2; i++) { /* 4 levels, and PAE with its 4 pointers */
		uint64_t *const pointers = tables + (i ? 4 * 512 : 512);

		pointers[0] = (GUEST_TABLES + 2 * PAGE_SIZE) | (i ? PTE_P : rights);
		pointers[3] = (GUEST_TABLES + 3 * PAGE_SIZE) | (i ? PTE_P : rights);
	}
	for (uint64_t i = 0; i < 512; i++) {
		tables[2 * 512 + i] = i << 21 | rights | PTE_PS;
		tables[3 * 512 + i] = (i << 21 | 3ull << 30) | rights | PTE_PS;
	}
	for (uint32_t i = 0; i < 1024; i++)
		plain[i] = (uint32_t)(i << 22 | rights | PTE_PS);
}

static void map(uint64_t handle, uint64_t source, uint64_t gpa, uint64_t n_bytes, uint64_t flags)
{
	(void)insist(WHIT_CALL_MAP_GPA_RANGE, handle, source, gpa, n_bytes, flags);
}

static void set_properties(uint64_t handle)
{
	const uint8_t choice = draw8();

	set_property(handle, WHvPartitionPropertyCodeProcessorCount, MAX_VPS);
	set_property(handle, WhitPartitionPropertyCodeEmulation, choice & 3);
	set_property(handle, WHvPartitionPropertyCodeLocalApicEmulationMode, choice >> 2 & 3);
	set_property(handle, WhitPartitionPropertyCodeTurnExits, choice >> 4 & 3);
	if (choice & 0x40) {
		set_property(handle, WHvPartitionPropertyCodeExtendedVmExits,
			     rarely(4) ? draw64() : 0x702f | draw8());
		set_property(handle, WHvPartitionPropertyCodeExceptionExitBitmap, draw32());
	}
	if (choice & 0x80) {
		set_property(handle, WHvPartitionPropertyCodeX64MsrExitBitmap, draw8());
		set_property(handle, WHvPartitionPropertyCodeUnimplementedMsrAction, draw8() % 3);
	}
}

void guest_boot(unsigned int slot)
{
	const uint64_t source = source_of(slot);
	uint64_t handle;

	if (world.lend_cursor + 24 > LEND_PAGES)
		world.lend_cursor = 0;
	if (call(WHIT_CALL_CREATE_PARTITION, LENDABLE + world.lend_cursor * PAGE_SIZE, 24, 0, 0,
		 0) != S_OK) {
		world.lend_cursor += 24;
		return;
	}
	world.lend_cursor += 24;
	handle = world.handles[slot] = call_rdx;
	set_properties(handle);
	for (unsigned int n = rarely(4) ? draw8() % 8 : 0; n; n--)
		random_property(handle);
	(void)insist(WHIT_CALL_SETUP_PARTITION, handle, 0, 0, 0, 0);
	if (is_roots(source, SOURCE_SIZE))
		write_tables(at(source));
	map(handle, source, 0, GUEST_RAM, 7);
	map(handle, source + 2 * MIB, GUEST_ROM, 4 * PAGE_SIZE, 5);
	map(handle, source + 3 * MIB, GUEST_TRACKED, 8 * PAGE_SIZE, 15);
	for (unsigned int i = 0; i < 1u + draw8() % MAX_VPS; i++)
		(void)insist(WHIT_CALL_CREATE_VP, handle, i, 0,
			     SHARED + (slot * MAX_VPS + i) * PAGE_SIZE, 0);
	check_world();
}

/* ---- Modes ------------------------------------------------------------------------------- */

static const struct mode {
	enum emu_mode emu;
	uint64_t cr0, cr3, cr4, efer, rflags;
	uint16_t attributes; /* of CS */
} modes[] = {
	{ EMU_LONG64, CR0_PE | CR0_PG | CR0_NE | CR0_ET | CR0_WP, GUEST_TABLES,
	  CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE, EFER_LME | EFER_LMA | EFER_NXE, 0,
	  ATTR_CODE64 },
	{ EMU_REAL, CR0_NE | CR0_ET, 0, CR4_OSFXSR, 0, 0, ATTR_CODE16 },
	{ EMU_PROT32, CR0_PE | CR0_NE | CR0_ET, 0, CR4_OSFXSR, 0, 0, ATTR_CODE32 },
	{ EMU_PROT16, CR0_PE | CR0_NE | CR0_ET, 0, 0, 0, 0, ATTR_CODE16 },
	{ EMU_PROT32, CR0_PE | CR0_PG | CR0_NE | CR0_ET, GUEST_TABLES + 4 * PAGE_SIZE, CR4_PAE, 0,
	  0, ATTR_CODE32 },
	{ EMU_PROT32, CR0_PE | CR0_PG | CR0_NE | CR0_ET, GUEST_TABLES + 5 * PAGE_SIZE, CR4_PSE, 0,
	  0, ATTR_CODE32 },
	{ EMU_V86, CR0_PE | CR0_NE | CR0_ET, 0, CR4_VME, 0, RFLAGS_VM, ATTR_CODE16 },
};

static enum emu_mode mode_of(const struct virt_vp *vp)
{
	const struct x86_segment *const cs = &vp->segment[SEG_CS];

	if (!(vp->reg[VIRT_CR0] & CR0_PE))
		return EMU_REAL;
	if ((vp->reg[VIRT_EFER] & EFER_LMA) && (cs->attributes & SEG_L))
		return EMU_LONG64;
	if (vp->regs.rflags & RFLAGS_VM)
		return EMU_V86;
	return cs->attributes & SEG_DB ? EMU_PROT32 : EMU_PROT16;
}

/* The client's way: one call with the registers of a mode. */
void guest_set_mode(unsigned int slot, unsigned int vp)
{
	const uint8_t choice = draw8();
	const struct mode *const mode = &modes[(choice & 0xf) % COUNT(modes)];
	const bool is_user = choice & 0x10,
		   is_small = mode->emu == EMU_REAL || mode->emu == EMU_V86;
	const uint64_t dpl = is_user || mode->emu == EMU_V86 ? SEG_DPL : 0;
	const uint64_t data = is_small ? 0xffffull | (0x93ull | dpl) << 48
				       : 0xffffffffull | (ATTR_DATA | dpl) << 48;
	const uint64_t code =
		(is_small ? 0xffffull : 0xffffffffull) | (uint64_t)(mode->attributes | dpl) << 48;
	const struct {
		uint32_t name;
		uint64_t low, high;
	} registers[] = {
		{ WHvX64RegisterCr0, mode->cr0, 0 },
		{ WHvX64RegisterCr3, mode->cr3, 0 },
		{ WHvX64RegisterCr4, mode->cr4, 0 },
		{ WHvX64RegisterEfer, mode->efer, 0 },
		{ WHvX64RegisterCs, 0, code },
		{ WHvX64RegisterSs, 0, data },
		{ WHvX64RegisterDs, 0, data },
		{ WHvX64RegisterEs, 0, data },
		{ WHvX64RegisterRip, GUEST_CODE, 0 },
		{ WHvX64RegisterRsp, GUEST_DATA, 0 },
		{ WHvX64RegisterRflags, mode->rflags | 2 | (choice & 0x20 ? RFLAGS_IF : 0), 0 },
		{ WHvX64RegisterXCr0, choice & 0x40 ? 7 : 1, 0 },
	};

	if (!vp_at(slot, vp) || !is_roots(BUFFERS, 2 * PAGE_SIZE))
		return;
	for (unsigned int i = 0; i < COUNT(registers); i++) {
		uint64_t *const value = at(BUFFERS + PAGE_SIZE + 16 * i);

		((uint32_t *)at(BUFFERS))[i] = registers[i].name;
		value[0] = registers[i].low;
		value[1] = registers[i].high;
	}
	/* The last is refused where there is no XSAVE. */
	if (call(WHIT_CALL_SET_REGISTERS, world.handles[slot], vp, BUFFERS, COUNT(registers),
		 BUFFERS + PAGE_SIZE) != S_OK)
		(void)call(WHIT_CALL_SET_REGISTERS, world.handles[slot], vp, BUFFERS,
			   COUNT(registers) - 1, BUFFERS + PAGE_SIZE);
	check_world();
}

/* ---- Exits ------------------------------------------------------------------------------- */

static void draw_interrupted(struct virt_event *event, const struct virt_vp *vp)
{
	event->type = draw8() % 7;
	event->vector = draw8();
	if (rarely(2) && vp->injected.type != VIRT_EVENT_NONE)
		*event = vp->injected;
	switch (event->type) {
	case VIRT_EVENT_NMI: event->vector = EXC_NMI; break;
	case VIRT_EVENT_EXCEPTION:
		event->vector &= 31;
		if (event->vector == EXC_NMI)
			event->vector = EXC_GP;
		event->has_error_code =
			(vp->reg[VIRT_CR0] & CR0_PE) && EXC_HAS_ERROR_CODE >> event->vector & 1;
		break;
	case VIRT_EVENT_SOFT_INTERRUPT: event->length = 2; break;
	case VIRT_EVENT_PRIVILEGED_SOFT_EXCEPTION:
		event->vector = EXC_DB;
		event->length = 1;
		break;
	case VIRT_EVENT_SOFT_EXCEPTION:
		event->vector = EXC_BP;
		event->length = 1;
		break;
	default: break;
	}
}

/* The guest has executed something. */
static void run_a_little(struct virt_vp *vp)
{
	const uint8_t choice = draw8();

	if (choice & 1) {
		uint64_t *const gpr = &vp->regs.gpr[draw8() & 15];

		*gpr = draw_odd();
	}
	if (choice & 2)
		vp->regs.rflags = (vp->regs.rflags & RFLAGS_VM) | RFLAGS_ONE |
				  (draw16() & (RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_CF));
	if ((choice & 7) == 7)
		vp->regs.rip = mode_of(vp) == EMU_LONG64 ? (uint64_t)(int32_t)draw32() : draw16();
	if ((choice & 0x18) == 0x18)
		vp->reg[VIRT_SHADOW] =
			vp->regs.rflags & RFLAGS_IF ? VIRT_SHADOW_STI : VIRT_SHADOW_MOV_SS;
	if ((choice & 0x60) == 0x60) {
		uint8_t *const byte = &fake.cpu[0].fpu[160 + draw8()];

		*byte = draw8();
	}
	/* With the processor's delivery it may have taken an interrupt, and ended one. */
	if ((choice & 0x80) && virt_machine.apic & VIRT_APIC_DELIVERY &&
	    vp->apic_mode != VIRT_APIC_OFF && !world.has_other_cpu && vp->apic_page.a)
		(void)fake_apic_deliver(vp);
}

static struct partition *partition_of(const struct virt_vp *vp, unsigned int *slot)
{
	for (*slot = 0; *slot < MAX_PARTITIONS; (*slot)++) {
		struct partition *const partition =
			world.handles[*slot] ? peek(world.handles[*slot]) : NULL;

		if (partition && &partition->space == vp->space)
			return partition;
	}
	fake_scream("a child of no partition");
}

/* Put code where the guest runs; it is there, unless somebody has mapped something else. */
static void put_code(struct virt_vp *vp, const uint8_t *bytes, unsigned int n)
{
	const uint64_t linear =
		mode_of(vp) == EMU_LONG64 ? GUEST_CODE : vp->segment[SEG_CS].base + GUEST_CODE;
	unsigned int slot;

	(void)partition_of(vp, &slot);
	vp->regs.rip = GUEST_CODE;
	if (linear < GUEST_RAM - 16 && is_roots(source_of(slot), SOURCE_SIZE))
		memcpy(at(source_of(slot) + linear), bytes, n);
}

static void exit_on_port(struct virt_vp *vp, struct virt_exit *exit)
{
	uint8_t bytes[16];

	exit->reason = VIRT_EXIT_IO;
	exit->io.size = (uint8_t)(1u << draw8() % 3);
	exit->io.is_in = draw8() & 1;
	exit->io.port = draw16();
	exit->insn_length = 1;
	if (!rarely(3))
		return;
	exit->io.is_string = true;
	exit->insn_length = (uint8_t)draw_port_string(mode_of(vp), &exit->io.is_in, &exit->io.size,
						      &exit->io.is_rep, bytes);
	put_code(vp, bytes, exit->insn_length);
	vp->regs.gpr[2] = exit->io.port;
	vp->regs.gpr[1] = rarely(4) ? draw_odd() : draw8();
	vp->regs.gpr[6] = vp->regs.gpr[7] =
		rarely(2) ? GUEST_DEVICE + draw8() : GUEST_DATA + 4000 + draw8();
}

/* An access that no mapping lets through, mostly by an instruction that makes it. */
static void exit_on_memory(struct virt_vp *vp, struct virt_exit *exit)
{
	static const uint64_t places[] = {
		GUEST_DEVICE, GUEST_ROM, APIC_PAGE, GUEST_TRACKED, GUEST_DEVICE + PAGE_SIZE - 4,
		GUEST_DATA
	};
	const uint8_t choice = draw8();
	uint64_t gpa = PICK(places);
	uint8_t bytes[16];

	gpa += rarely(2) ? 16u * (draw8() % 0x40u) : draw8();
	if (rarely(16))
		gpa = draw_odd() & ((1ull << virt_machine.physical_bits) - 1);
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(gpa);
	exit->memory.gva = GVA(gpa);
	exit->memory.gva_valid = choice % 8 != 7;
	exit->memory.is_write = choice & 0x10;
	exit->memory.is_read = !exit->memory.is_write || choice & 0x20;
	exit->memory.is_walk = (choice & 0xc0) == 0xc0 && choice & 8;
	exit->memory.is_fetch = (choice & 0xc0) == 0x80 && choice & 8;
	if (rarely(8))
		draw_interrupted(&exit->interrupted, vp);
	if (rarely(8))
		return;
	put_code(vp, bytes, draw_instruction(mode_of(vp), bytes));
	for (unsigned int i = 0; i < 4; i++) {
		static const uint8_t pointers[] = { 3, 4, 6, 7 };

		if (pointers[i] != 4 || rarely(8))
			vp->regs.gpr[pointers[i]] = rarely(8) ? draw_odd() : gpa;
	}
	if (mode_of(vp) == EMU_REAL || mode_of(vp) == EMU_V86) {
		vp->segment[SEG_DS].base = vp->segment[SEG_ES].base = gpa & ~0xffffull;
		vp->regs.gpr[3] = vp->regs.gpr[6] = vp->regs.gpr[7] = gpa & 0xffff;
	}
	if (rarely(2))
		vp->regs.gpr[1] = draw8();
}

static void exit_on_register(struct virt_vp *vp, struct virt_exit *exit)
{
	static const uint8_t numbers[] = { 0, 3, 4, 8 };
	static const uint32_t msrs[] = {
		0,	    0x10,	0x1b,	    0x3b,	0x48,	    0x49,	0x8b,
		0xce,	    0xe1,	0xfe,	    0x10a,	0x10b,	    0x174,	0x175,
		0x176,	    0x179,	0x1a0,	    0x1d9,	0x200,	    0x201,	0x250,
		0x277,	    0x2ff,	0x6e0,	    0x800,	0x80b,	    0x80d,	0x80f,
		0x808,	    0x828,	0x830,	    0x832,	0x838,	    0x83e,	0x83f,
		0xda0,	    0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100,
		0xc0000101, 0xc0000102, 0xc0000103, 0x40000000, 0xc0010015,
	};

	exit->insn_length = 2;
	switch (draw8() % 8) {
	case 0:
		exit->reason = VIRT_EXIT_CR_READ;
		exit->cr.number = 8;
		exit->cr.gpr = draw8() & 15;
		return;
	case 1:
	case 2:
		exit->reason = VIRT_EXIT_CR_WRITE;
		exit->cr.number = PICK(numbers);
		exit->cr.gpr = draw8() & 15;
		exit->cr.value = exit->cr.number == 8 ? draw8() & 31 : draw_odd();
		if (rarely(2) && exit->cr.number != 8)
			exit->cr.value = vp->reg[exit->cr.number == 0	? VIRT_CR0
						 : exit->cr.number == 3 ? VIRT_CR3
									: VIRT_CR4] ^
					 1ull << below(32);
		return;
	case 3:
		exit->reason = VIRT_EXIT_DR;
		exit->dr.number = draw8() & 7;
		exit->dr.gpr = draw8() & 15;
		exit->dr.is_read = draw8() & 1;
		return;
	case 4:
		exit->reason = VIRT_EXIT_XSETBV;
		exit->insn_length = 3;
		vp->regs.gpr[1] = rarely(8) ? draw_odd() : 0;
		vp->regs.gpr[0] = rarely(8) ? draw_odd() : draw8() | 1;
		vp->regs.gpr[2] = 0;
		return;
	default:
		exit->reason = draw8() & 1 ? VIRT_EXIT_RDMSR : VIRT_EXIT_WRMSR;
		vp->regs.gpr[1] = rarely(8) ? draw_odd() : PICK(msrs);
		if (vp->regs.gpr[1] == 0x800)
			vp->regs.gpr[1] += draw8() % 0x40;
		vp->regs.gpr[0] = rarely(2) ? draw8() : draw_odd();
		vp->regs.gpr[2] = rarely(2) ? 0 : draw_odd();
		return;
	}
}

/* A driver of the local APIC: one register, by its page or by its MSR, whichever the APIC's mode is. */
static void exit_on_apic(struct virt_vp *vp, struct virt_exit *exit)
{
	static const uint16_t registers[] = {
		0x20,  0x30,  0x80,  0x90,  0xa0,  0xb0,  0xd0,	 0xe0,	0xf0,  0x100, 0x200, 0x280,
		0x300, 0x310, 0x320, 0x320, 0x350, 0x360, 0x370, 0x380, 0x390, 0x3e0, 0x3f0,
	};
	static const uint32_t values[] = { 0,	   0x1ff,   0x20030, 0x40030, 0x30,   0x10030,
					   0x4030, 0xc4500, 0x4608,  0x500,   0x44030 };
	const uint16_t where = PICK(registers);
	const bool is_write = draw8() & 1;
	uint8_t bytes[3] = { 0x66, is_write ? 0x89 : 0x8b, 0x07 };
	const enum emu_mode mode = mode_of(vp);
	const bool is_16bit = mode != EMU_LONG64 && mode != EMU_PROT32;

	vp->regs.gpr[0] = rarely(4) ? draw32() : PICK(values);
	vp->regs.gpr[2] = rarely(4) ? draw8() : 0;
	if (draw8() & 1) {
		exit->reason = is_write ? VIRT_EXIT_WRMSR : VIRT_EXIT_RDMSR;
		exit->insn_length = 2;
		vp->regs.gpr[1] = rarely(8) ? MSR_TSC_DEADLINE : MSR_X2APIC_FIRST + where / 16u;
		if (vp->regs.gpr[1] == MSR_TSC_DEADLINE && rarely(2))
			vp->regs.gpr[0] =
				(uint32_t)(fake.tsc + vp->reg[VIRT_TSC_OFFSET]) + draw16() * 64;
		return;
	}
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(APIC_PAGE + where);
	exit->memory.gva = GVA(APIC_PAGE + where);
	exit->memory.gva_valid = true;
	exit->memory.is_write = is_write;
	exit->memory.is_read = !is_write;
	bytes[2] = is_16bit ? 0x07 : 0x03; /* [bx], [rbx] */
	put_code(vp, bytes + !is_16bit, 3u - !is_16bit);
	vp->regs.gpr[3] = is_16bit ? where : APIC_PAGE + where;
	if (is_16bit)
		vp->segment[SEG_DS].base = APIC_PAGE;
}

static void exit_of_apic(struct virt_vp *vp, struct virt_exit *exit)
{
	const bool is_on = vp->apic_mode != VIRT_APIC_OFF;

	exit->reason = VIRT_EXIT_INTERRUPT;
	switch (draw8() % 4) {
	case 0:
		if (vp->deadline != ~0ull)
			exit->reason = VIRT_EXIT_DEADLINE;
		return;
	case 1:
		if (is_on && virt_machine.apic & VIRT_APIC_TPR &&
		    !(virt_machine.apic & VIRT_APIC_DELIVERY))
			exit->reason = VIRT_EXIT_TPR;
		return;
	case 2:
		if (is_on && virt_machine.apic & VIRT_APIC_REGISTERS)
			exit->reason = VIRT_EXIT_APIC_WRITE;
		exit->apic_write.offset = (uint16_t)(draw8() % 0x40 * 16);
		if (exit->reason == VIRT_EXIT_APIC_WRITE && vp->apic_page.a)
			*(uint32_t *)at(vp->apic_page.a + exit->apic_write.offset) = draw32();
		return;
	default:
		if (is_on && virt_machine.apic & VIRT_APIC_DELIVERY)
			exit->reason = VIRT_EXIT_APIC_EOI;
		exit->apic_eoi.vector = draw8();
		return;
	}
}

/* What a guest's instruction, or the processor, makes of it without more. */
static void exit_plainly(struct virt_vp *vp, struct virt_exit *exit)
{
	static const uint8_t reasons[] = {
		VIRT_EXIT_INTERRUPT,   VIRT_EXIT_NMI,		VIRT_EXIT_CPUID,
		VIRT_EXIT_HLT,	       VIRT_EXIT_HYPERCALL,	VIRT_EXIT_INVD,
		VIRT_EXIT_INVLPG,      VIRT_EXIT_HIDDEN_INSN,	VIRT_EXIT_TRIPLE_FAULT,
		VIRT_EXIT_TASK_SWITCH, VIRT_EXIT_INVALID_STATE, VIRT_EXIT_NOTHING,
		VIRT_EXIT_RDTSC,       VIRT_EXIT_PAUSE,		VIRT_EXIT_INTERRUPT_WINDOW,
		VIRT_EXIT_NMI_WINDOW,  VIRT_EXIT_EXCEPTION,
	};

	exit->reason = (enum virt_exit_reason)PICK(reasons);
	switch (exit->reason) {
	case VIRT_EXIT_CPUID:
		exit->insn_length = 2;
		vp->regs.gpr[0] = draw_leaf();
		vp->regs.gpr[1] = draw8() % 8;
		return;
	case VIRT_EXIT_HLT: exit->insn_length = 1; return;
	case VIRT_EXIT_HYPERCALL:
	case VIRT_EXIT_INVD:
	case VIRT_EXIT_HIDDEN_INSN:
	case VIRT_EXIT_INVLPG: exit->insn_length = 3; return;
	case VIRT_EXIT_TASK_SWITCH: exit->task_switch.source = draw8() & 3; return;
	case VIRT_EXIT_RDTSC:
	case VIRT_EXIT_PAUSE:
		exit->insn_length = 2;
		if (!(exit->reason == VIRT_EXIT_PAUSE ? vp->config.spin_exits
						      : vp->config.tsc_exits))
			exit->reason = VIRT_EXIT_INTERRUPT;
		return;
	case VIRT_EXIT_INTERRUPT_WINDOW:
		if (!vp->wants_interrupt_window)
			exit->reason = VIRT_EXIT_INTERRUPT;
		return;
	case VIRT_EXIT_NMI_WINDOW:
		if (!vp->wants_nmi_window)
			exit->reason = VIRT_EXIT_INTERRUPT;
		return;
	case VIRT_EXIT_EXCEPTION:
		exit->exception.vector = draw8() & 31;
		if (!(vp->config.exceptions >> exit->exception.vector & 1)) {
			exit->reason = VIRT_EXIT_INTERRUPT;
			return;
		}
		exit->exception.has_error_code = EXC_HAS_ERROR_CODE >> exit->exception.vector & 1;
		exit->exception.error_code = draw8();
		exit->exception.address = draw_odd();
		if (rarely(4))
			draw_interrupted(&exit->interrupted, vp);
		return;
	default: return;
	}
}

/* A delivery whose stack is not there: the processor tries it as often as it is handed over. */
static bool exit_in_delivery(struct virt_vp *vp, struct virt_exit *exit)
{
	/* It may be there by now, or may be written to. */
	if (vp->injected.type == VIRT_EVENT_NONE || fake_access(vp->space, GPA(GUEST_DEVICE), true))
		return false;
	PROMISE(world.n_stuck++ < MAX_SAME_EXITS);
	exit->reason = VIRT_EXIT_MEMORY;
	exit->memory.gpa = GPA(GUEST_DEVICE);
	exit->memory.gva = GVA(GUEST_DEVICE);
	exit->memory.gva_valid = exit->memory.is_write = true;
	exit->interrupted = vp->injected;
	return true;
}

void guest_play(struct virt_vp *vp, struct virt_exit *exit)
{
	if (vp->is_root) {
		fake_scream("the root runs where nobody let it");
	}
	if (world.n_stuck && exit_in_delivery(vp, exit))
		return;
	world.n_stuck = 0;
	if (world.is_refused) {
		world.is_refused = false;
		exit->reason = VIRT_EXIT_INVALID_STATE;
		return;
	}
	if (!has_input() || world.n_child_exits++ >= MAX_CHILD_EXITS) {
		exit->reason = VIRT_EXIT_INTERRUPT;
		return;
	}
	if (rarely(4))
		run_a_little(vp);
	if (rarely(16))
		scribble();
	switch (draw8() % 18) {
	case 16:
	case 17: exit_on_apic(vp, exit); return;
	case 0:
	case 1:
	case 2: exit_on_port(vp, exit); return;
	case 3:
	case 4:
	case 5:
	case 6:
	case 7: exit_on_memory(vp, exit); return;
	case 8:
	case 9:
	case 10: exit_on_register(vp, exit); return;
	case 11:
	case 12: exit_of_apic(vp, exit); return;
	case 13:
		if (exit_in_delivery(vp, exit))
			return;
		exit_plainly(vp, exit);
		return;
	default: exit_plainly(vp, exit); return;
	}
}

/* ---- The client -------------------------------------------------------------------------- */

static void answer(unsigned int slot, unsigned int index, struct vp *vp)
{
	struct whit_vp_page *const page = vp->page;
	uint32_t name = WhitRegisterDeviceData0;
	uint64_t control;

	switch (draw8() % 8) {
	case 0:
	case 1:
		for (unsigned int i = 0; i < 16; i++)
			page->exit[64 + i] = draw8();
		page->device_answered = 1;
		return;
	case 2:
		name += draw8() % 8;
		set_register(slot, index, name, draw64(), ~0ull);
		return;
	case 3: /* given up */
		page->rip += 1 + draw8() % 4;
		page->dirty |= WHIT_PAGE_RIP;
		return;
	case 4:
		for (unsigned int n = draw8() % 4; n; n--) {
			uint64_t *const gpr = &page->gpr[draw8() & 15];

			*gpr = draw_odd();
		}
		page->dirty |= draw16();
		page->dirty |= draw8() & 1 ? WHIT_PAGE_RFLAGS : 0;
		return;
	case 5: {
		const uint32_t type = draw8() % 8;

		const uint64_t vector = rarely(4) ? draw8() : draw8() & 31;
		const uint64_t has_error = vector < 32 ? EXC_HAS_ERROR_CODE >> vector & 1 : 0;

		if (draw8() & 1)
			set_register(slot, index, WHvRegisterPendingInterruption,
				     1 | type << 1 | has_error << 4 | 1u << 5 | vector << 16, 0);
		else
			set_register(slot, index, WHvRegisterPendingEvent,
				     type == 5 ? 1 | 5u << 1 | vector << 8
					       : 1 | has_error << 8 | vector << 16,
				     type == 5 ? 0 : draw16());
		return;
	}
	case 6:
		control = draw_two(15, 0x11, 8);
		(void)call(WHIT_CALL_REQUEST_INTERRUPT, world.handles[slot], control,
			   draw_two(3, 0xff, 32), 0, 0);
		return;
	default:
		/* What the processor may refuse, and the client then hears why. */
		flip_register(slot, index);
		world.is_refused = rarely(2);
		return;
	}
}

void guest_run(void)
{
	const unsigned int choice = draw8(), slot = choice % MAX_PARTITIONS;
	const unsigned int index = choice / MAX_PARTITIONS % MAX_VPS;
	struct vp *const vp = vp_at(slot, index);

	if (!vp)
		return;
	world.is_refused = false;
	answer(slot, index, vp);
	world.n_child_exits = world.n_stuck = 0;
	if (rarely(32))
		(void)call(WHIT_CALL_CANCEL_RUN_VP, world.handles[slot], index, 0, 0, 0);
	/* With a deadline in the past, and with one far away. */
	if (rarely(8))
		fake.tsc += (draw64() >> 8) >> below(56);
	(void)call(WHIT_CALL_RUN_VP, world.handles[slot], index, 0, 0, 0);
	check_world();
}

void scribble(void)
{
	static const uint64_t places[] = { BUFFERS,
					   SHARED,
					   SOURCES + GUEST_TABLES,
					   SOURCES + GUEST_CODE,
					   SOURCES + GUEST_DATA,
					   SOURCES + SOURCE_SIZE + GUEST_TABLES };
	const uint64_t base = PICK(places);

	for (unsigned int n = 1 + draw8() % 4; n; n--) {
		const uint64_t where = base + (draw16() & 0x7ff8u) % (6 * PAGE_SIZE);

		if (is_roots(where, 8))
			*(uint64_t *)at(where) = rarely(2) ? draw8() : draw_odd();
	}
}
