// SPDX-License-Identifier: MIT
/*
 * The emulation property: instructions on ports and on memory that is not there come as device accesses, and are
 * complete when the last of them has been answered.
 */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "x86/cr.h"
#include "x86/rflags.h"

/* What EAX, and RAX, hold before; where EBX points. */
#define RAX  0x1122334455667788ull
#define EBX  (CHILD_MMIO + 0x10)
#define BOTH (WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY)

struct step {
	bool is_write;
	uint8_t size;
	uint64_t address;
	uint64_t data; /* written, or the answer */
};

#define WRITE(size, address, data)              \
	{                                       \
		true, (size), (address), (data) \
	}
#define READ(size, address, data)                \
	{                                        \
		false, (size), (address), (data) \
	}

struct row {
	struct guest_code code;
	enum child_mode mode;
	uint64_t rax; /* afterwards */
	unsigned int n_steps;
	struct step steps[2];
};

static struct child child;

static uint64_t low_bytes(const uint8_t *from, unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n && i < 8; i++)
		value |= (uint64_t)from[i] << 8 * i;
	return value;
}

/* Some bytes of RAM that the string instructions move. */
static void create(enum child_mode mode, struct guest_code code)
{
	CHECK_EQ(child_create(&child, mode, code, BOTH, 0), S_OK);
	if (check_has_failed())
		return;
	for (unsigned int i = 0; i < 4096; i++)
		child.ram[CHILD_DATA + i] = (uint8_t)(i * 7 + 1);
	(void)child_set(&child, WHvX64RegisterRax, RAX);
	(void)child_set(&child, WHvX64RegisterRbx, EBX);
	(void)child_set(&child, WHvX64RegisterRcx, 4);
	(void)child_set(&child, WHvX64RegisterRdx, 0x402);
	(void)child_set(&child, WHvX64RegisterRsi, CHILD_DATA);
	(void)child_set(&child, WHvX64RegisterRdi, CHILD_MMIO + 0x20);
}

static void expect_halt(struct guest_code code)
{
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE + (uint64_t)(code.end - code.start));
}

static void expect_step(const struct step *step, bool is_port)
{
	const struct whit_device_access *access = child_access(&child);

	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(access->is_port, is_port);
	CHECK_EQ(access->is_write, step->is_write);
	CHECK_EQ(access->address, step->address);
	CHECK_EQ(access->size, step->size);
	CHECK_EQ(access->count, 1);
	CHECK_EQ(access->n_bytes, step->size);
	CHECK_EQ(access->reserved0, 0);
	if (step->is_write)
		CHECK_EQ(low_bytes(access->data, step->size), step->data);
	else
		CHECK_EQ(child_answer(&child, step->data), S_OK);
}

static void run_row(const struct row *row, bool is_port)
{
	create(row->mode, row->code);
	if (row->mode == CHILD_REAL) {
		(void)child_set(&child, WHvX64RegisterRbx, 0x10);
		(void)child_set_segment(&child, WHvX64RegisterDs, CHILD_MMIO, 0xffff, 0, 0x93);
	}
	for (unsigned int i = 0; i < row->n_steps && !check_has_failed(); i++)
		expect_step(&row->steps[i], is_port);
	expect_halt(row->code);
	if (row->mode == CHILD_LONG)
		CHECK_EQ(child_get(&child, WHvX64RegisterRax), row->rax);
	else
		CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), row->rax);
	child_destroy(&child);
}

#define EAX 0x55667788u

#define ROW(name, mode, rax, ...)                                                      \
	{                                                                              \
		GUEST(emu_##name), mode, (rax),                                        \
			sizeof((struct step[]) { __VA_ARGS__ }) / sizeof(struct step), \
		{                                                                      \
			__VA_ARGS__                                                    \
		}                                                                      \
	}

#define RUN_ROWS(rows, is_port)                                                   \
	do {                                                                      \
		for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) \
			run_row(&rows[i], is_port);                               \
	} while (0)

DECLARE_GUEST(emu_mov_m_eax);
DECLARE_GUEST(emu_mov_m_ax);
DECLARE_GUEST(emu_mov_m_al);
DECLARE_GUEST(emu_mov_m_ah);
DECLARE_GUEST(emu_mov_eax_m);
DECLARE_GUEST(emu_mov_ax_m);
DECLARE_GUEST(emu_mov_al_m);
DECLARE_GUEST(emu_mov_m_imm32);
DECLARE_GUEST(emu_mov_m_imm16);
DECLARE_GUEST(emu_mov_m_imm8);
DECLARE_GUEST(emu_mov_moffs_eax);
DECLARE_GUEST(emu_mov_eax_moffs);
DECLARE_GUEST(emu_mov_al_moffs);
DECLARE_GUEST(emu_mov_m_sib);
DECLARE_GUEST(emu_mov_m_rax);
DECLARE_GUEST(emu_mov_rax_m);
DECLARE_GUEST(emu_mov_eax_m64);
DECLARE_GUEST(emu_mov_m_eax_real);
DECLARE_GUEST(emu_movzx_m8);
DECLARE_GUEST(emu_movzx_m16);
DECLARE_GUEST(emu_movsx_m8);
DECLARE_GUEST(emu_movsx_m16);

static void emulation_moves(void)
{
	const struct row rows[] = {
		ROW(mov_m_eax, CHILD_PROT32, EAX, WRITE(4, EBX, EAX)),
		ROW(mov_m_ax, CHILD_PROT32, EAX, WRITE(2, EBX, 0x7788)),
		ROW(mov_m_al, CHILD_PROT32, EAX, WRITE(1, EBX, 0x88)),
		ROW(mov_m_ah, CHILD_PROT32, EAX, WRITE(1, EBX, 0x77)),
		ROW(mov_eax_m, CHILD_PROT32, 0xcafebabe, READ(4, EBX, 0xcafebabe)),
		ROW(mov_ax_m, CHILD_PROT32, 0x5566beef, READ(2, EBX, 0xbeef)),
		ROW(mov_al_m, CHILD_PROT32, 0x55667799, READ(1, EBX, 0x99)),
		ROW(mov_m_imm32, CHILD_PROT32, EAX, WRITE(4, EBX, 0x89abcdef)),
		ROW(mov_m_imm16, CHILD_PROT32, EAX, WRITE(2, EBX, 0xbeef)),
		ROW(mov_m_imm8, CHILD_PROT32, EAX, WRITE(1, EBX, 0x5a)),
		ROW(mov_moffs_eax, CHILD_PROT32, EAX, WRITE(4, EBX, EAX)),
		ROW(mov_eax_moffs, CHILD_PROT32, 0x12345678, READ(4, EBX, 0x12345678)),
		ROW(mov_al_moffs, CHILD_PROT32, 0x55667711, READ(1, EBX, 0x11)),
		ROW(mov_m_sib, CHILD_PROT32, EAX, WRITE(4, EBX + 24, EAX)),
		ROW(mov_m_rax, CHILD_LONG, RAX, WRITE(8, EBX, RAX)),
		ROW(mov_rax_m, CHILD_LONG, 0x8877665544332211, READ(8, EBX, 0x8877665544332211)),
		/* A 32-bit result clears the upper half. */
		ROW(mov_eax_m64, CHILD_LONG, 0x87654321, READ(4, EBX, 0x87654321)),
		ROW(mov_m_eax_real, CHILD_REAL, EAX, WRITE(4, EBX, EAX)),
	};

	RUN_ROWS(rows, false);
}

static void emulation_extends(void)
{
	const struct row rows[] = {
		ROW(movzx_m8, CHILD_PROT32, 0x80, READ(1, EBX, 0x80)),
		ROW(movzx_m16, CHILD_PROT32, 0x8001, READ(2, EBX, 0x8001)),
		ROW(movsx_m8, CHILD_PROT32, 0xffffff80, READ(1, EBX, 0x80)),
		ROW(movsx_m16, CHILD_PROT32, 0xffff8001, READ(2, EBX, 0x8001)),
	};

	RUN_ROWS(rows, false);
}

DECLARE_GUEST(emu_or_m_eax);
DECLARE_GUEST(emu_and_m_imm8);
DECLARE_GUEST(emu_add_m_eax);
DECLARE_GUEST(emu_sub_m_imm);
DECLARE_GUEST(emu_xor_m_al);
DECLARE_GUEST(emu_lock_or_m_eax);
DECLARE_GUEST(emu_inc_m);
DECLARE_GUEST(emu_not_m);
DECLARE_GUEST(emu_add_eax_m);
DECLARE_GUEST(emu_xchg_m_eax);

static void emulation_reads_modifies_and_writes(void)
{
	const struct row rows[] = {
		ROW(or_m_eax, CHILD_PROT32, EAX, READ(4, EBX, 0x80000001),
		    WRITE(4, EBX, 0xd5667789)),
		ROW(and_m_imm8, CHILD_PROT32, EAX, READ(1, EBX, 0xf5), WRITE(1, EBX, 0x05)),
		ROW(add_m_eax, CHILD_PROT32, EAX, READ(4, EBX, 1), WRITE(4, EBX, 0x55667789)),
		ROW(sub_m_imm, CHILD_PROT32, EAX, READ(4, EBX, 0x10), WRITE(4, EBX, 0xffffffff)),
		ROW(xor_m_al, CHILD_PROT32, EAX, READ(1, EBX, 0xff), WRITE(1, EBX, 0x77)),
		ROW(lock_or_m_eax, CHILD_PROT32, EAX, READ(4, EBX, 0), WRITE(4, EBX, EAX)),
		ROW(inc_m, CHILD_PROT32, EAX, READ(4, EBX, 0xffffffff), WRITE(4, EBX, 0)),
		ROW(not_m, CHILD_PROT32, EAX, READ(4, EBX, 0x0f0f0f0f), WRITE(4, EBX, 0xf0f0f0f0)),
		ROW(add_eax_m, CHILD_PROT32, 0x5566778a, READ(4, EBX, 2)),
		ROW(xchg_m_eax, CHILD_PROT32, 0xabcd, READ(4, EBX, 0xabcd), WRITE(4, EBX, EAX)),
	};

	RUN_ROWS(rows, false);
}

DECLARE_GUEST(emu_cmp_m_eax);
DECLARE_GUEST(emu_test_m_imm);
DECLARE_GUEST(emu_test_m_al);

static void run_flags(struct guest_code code, uint8_t size, uint64_t data, uint64_t flags)
{
	const struct step step = READ(size, EBX, data);

	create(CHILD_PROT32, code);
	CHECK_EQ(child_set(&child, WHvX64RegisterRflags, RFLAGS_ONE | RFLAGS_STATUS), S_OK);
	expect_step(&step, false);
	expect_halt(code);
	/* AF is undefined after TEST. */
	CHECK_EQ(child.exit.VpContext.Rflags & RFLAGS_STATUS & ~RFLAGS_AF, flags);
	child_destroy(&child);
}

static void emulation_compares(void)
{
	run_flags(GUEST(emu_cmp_m_eax), 4, EAX, RFLAGS_ZF | RFLAGS_PF);
	run_flags(GUEST(emu_cmp_m_eax), 4, EAX - 1, RFLAGS_CF | RFLAGS_SF | RFLAGS_PF);
	run_flags(GUEST(emu_test_m_imm), 4, 0x7fffffff, RFLAGS_ZF | RFLAGS_PF);
	run_flags(GUEST(emu_test_m_imm), 4, 0x80000000, RFLAGS_SF | RFLAGS_PF);
	run_flags(GUEST(emu_test_m_al), 1, 0x08, 0);
}

DECLARE_GUEST(emu_push_m);
DECLARE_GUEST(emu_pop_m);

static void emulation_pushes_and_pops(void)
{
	const struct step read = READ(4, EBX, 0x13579bdf), write = WRITE(4, EBX, 0x2468ace0);
	struct guest_code push = GUEST(emu_push_m), pop = GUEST(emu_pop_m);

	create(CHILD_PROT32, push);
	expect_step(&read, false);
	expect_halt(push);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK - 4);
	CHECK_EQ(*(uint32_t *)(void *)(child.ram + CHILD_STACK - 4), 0x13579bdf);
	child_destroy(&child);

	create(CHILD_PROT32, pop);
	*(uint32_t *)(void *)(child.ram + CHILD_STACK) = 0x2468ace0;
	expect_step(&write, false);
	expect_halt(pop);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsp), CHILD_STACK + 4);
	child_destroy(&child);
}

DECLARE_GUEST(emu_stosd);
DECLARE_GUEST(emu_rep_stosb);
DECLARE_GUEST(emu_lodsb);
DECLARE_GUEST(emu_rep_movsb);
DECLARE_GUEST(emu_movsd);

/*
 * Take the accesses of a string instruction until it halts, however they are batched: n elements in
 * all. Reads are answered with bytes that count up; what is written must be the bytes of RAM, or AL.
 */
static unsigned int take_run(bool is_write, bool is_port, uint64_t first, unsigned int size,
			     bool is_fill)
{
	const struct whit_device_access *access = child_access(&child);
	unsigned int n_bytes = 0, n_exits = 0;

	while (child_run(&child) == WhitRunVpExitReasonDeviceAccess && !check_has_failed()) {
		WHV_REGISTER_NAME names[7];
		WHV_REGISTER_VALUE values[7];

		n_exits++;
		CHECK_EQ(access->is_port, is_port);
		CHECK_EQ(access->is_write, is_write);
		CHECK_EQ(access->size, size);
		CHECK_EQ(access->n_bytes, access->count * size);
		CHECK(access->n_bytes <= WHIT_DEVICE_BYTES);
		CHECK_EQ(access->address, is_port ? first : first + n_bytes);
		for (unsigned int i = 0; i < 7; i++) {
			names[i] = (WHV_REGISTER_NAME)(WhitRegisterDeviceData0 + i);
			for (unsigned int j = 0; j < 16; j++)
				((uint8_t *)&values[i])[j] = (uint8_t)(n_bytes + 16 * i + j + 0x30);
		}
		for (unsigned int i = 0; is_write && i < access->n_bytes; i++)
			CHECK_EQ(access->data[i],
				 is_fill ? (uint8_t)RAX : (uint8_t)((n_bytes + i) * 7 + 1));
		if (!is_write)
			CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, names, 7,
								 values),
				 S_OK);
		n_bytes += access->n_bytes;
	}
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonX64Halt);
	CHECK(n_exits <= n_bytes / 64 + 1);
	return n_bytes;
}

static void emulation_strings_to_devices(void)
{
	const struct step stosd = WRITE(4, CHILD_MMIO + 0x20, EAX);

	create(CHILD_PROT32, GUEST(emu_stosd));
	expect_step(&stosd, false);
	expect_halt(GUEST(emu_stosd));
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), CHILD_MMIO + 0x24);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_stosb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 300), S_OK);
	CHECK_EQ(take_run(true, false, CHILD_MMIO + 0x20, 1, true), 300);
	CHECK_EQ(child_get(&child, WHvX64RegisterRcx), 0);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), CHILD_MMIO + 0x20 + 300);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_movsb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 200), S_OK);
	CHECK_EQ(take_run(true, false, CHILD_MMIO + 0x20, 1, false), 200);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsi), CHILD_DATA + 200);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), CHILD_MMIO + 0x20 + 200);
	child_destroy(&child);
}

static void emulation_strings_from_devices(void)
{
	const struct step lodsb = READ(1, EBX, 0x42);

	create(CHILD_PROT32, GUEST(emu_lodsb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, EBX), S_OK);
	expect_step(&lodsb, false);
	expect_halt(GUEST(emu_lodsb));
	CHECK_EQ((uint8_t)child_get(&child, WHvX64RegisterRax), 0x42);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_movsb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, CHILD_MMIO), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 150), S_OK);
	CHECK_EQ(take_run(false, false, CHILD_MMIO, 1, false), 150);
	for (unsigned int i = 0; i < 150; i++)
		CHECK_EQ(child.ram[CHILD_DATA + i], (uint8_t)(i + 0x30));
	CHECK_EQ(child.ram[CHILD_DATA + 150], (uint8_t)(150 * 7 + 1));
	child_destroy(&child);
}

/* Both operands are devices: read one, write the other. */
static void emulation_strings_between_devices(void)
{
	const struct step read = READ(4, CHILD_MMIO, 0x31415926);
	const struct step write = WRITE(4, CHILD_MMIO + 0x20, 0x31415926);

	create(CHILD_PROT32, GUEST(emu_movsd));
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, CHILD_MMIO), S_OK);
	expect_step(&read, false);
	expect_step(&write, false);
	expect_halt(GUEST(emu_movsd));
	child_destroy(&child);
}

DECLARE_GUEST(emu_std_rep_stosd);

/* Backwards the addresses of a batch ascend all the same. */
static void emulation_strings_downwards(void)
{
	const struct whit_device_access *access = child_access(&child);
	uint64_t last = CHILD_MMIO + 0x20;
	unsigned int n = 0;

	create(CHILD_PROT32, GUEST(emu_std_rep_stosd));
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, last - 4), S_OK);
	while (child_run(&child) == WhitRunVpExitReasonDeviceAccess && !check_has_failed()) {
		CHECK(access->is_write);
		CHECK_EQ(access->size, 4);
		CHECK_EQ(access->address + access->n_bytes, last);
		last = access->address;
		n += access->count;
		CHECK_EQ(low_bytes(access->data, 4), EAX);
	}
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonX64Halt);
	CHECK_EQ(n, 4);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), CHILD_MMIO + 0xc);
	child_destroy(&child);
}

DECLARE_GUEST(emu_movups_xmm_m);
DECLARE_GUEST(emu_movups_m_xmm);
DECLARE_GUEST(emu_movq_mm_m);
DECLARE_GUEST(emu_movq_m_mm);
DECLARE_GUEST(emu_fild_fistp);

/* One access of a size; its data begins with, or is answered with, these words. */
static void expect_wide(bool is_write, unsigned int size, uint64_t address, uint64_t low,
			uint64_t high)
{
	WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)WhitRegisterDeviceData0;
	WHV_REGISTER_VALUE value = { .Reg128 = { { .Low64 = low, .High64 = high } } };
	const struct whit_device_access *access = child_access(&child);

	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(access->is_write, is_write);
	CHECK_EQ(access->address, address);
	CHECK_EQ(access->size, size);
	CHECK_EQ(access->count, 1);
	if (!is_write) {
		CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, &name, 1, &value),
			 S_OK);
		return;
	}
	CHECK_EQ(low_bytes(access->data, 8), low);
	if (size == 16)
		CHECK_EQ(low_bytes(access->data + 8, 8), high);
}

static WHV_REGISTER_VALUE get_wide(UINT32 register_name)
{
	WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)register_name;
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	(void)WHvGetVirtualProcessorRegisters(child.partition, 0, &name, 1, &value);
	return value;
}

static void set_wide(UINT32 register_name, uint64_t low, uint64_t high)
{
	WHV_REGISTER_NAME name = (WHV_REGISTER_NAME)register_name;
	WHV_REGISTER_VALUE value = { .Reg128 = { { .Low64 = low, .High64 = high } } };

	CHECK_EQ(WHvSetVirtualProcessorRegisters(child.partition, 0, &name, 1, &value), S_OK);
}

static void create_vector(struct guest_code code)
{
	create(CHILD_PROT32, code);
	CHECK_EQ(child_set(&child, WHvX64RegisterCr4, CR4_OSFXSR), S_OK);
}

/* A vector is one access, not its words. */
static void emulation_vectors_in_one_access(void)
{
	create_vector(GUEST(emu_movups_xmm_m));
	expect_wide(false, 16, EBX, 0x1122334455667788, 0x99aabbccddeeff00);
	expect_halt(GUEST(emu_movups_xmm_m));
	CHECK_EQ(get_wide(WHvX64RegisterXmm3).Reg128.Low64, 0x1122334455667788);
	CHECK_EQ(get_wide(WHvX64RegisterXmm3).Reg128.High64, 0x99aabbccddeeff00);
	child_destroy(&child);

	create_vector(GUEST(emu_movups_m_xmm));
	set_wide(WHvX64RegisterXmm3, 0x0123456789abcdef, 0xfedcba9876543210);
	expect_wide(true, 16, EBX, 0x0123456789abcdef, 0xfedcba9876543210);
	expect_halt(GUEST(emu_movups_m_xmm));
	child_destroy(&child);

	create_vector(GUEST(emu_movq_mm_m));
	expect_wide(false, 8, EBX, 0x1122334455667788, 0);
	expect_halt(GUEST(emu_movq_mm_m));
	CHECK_EQ(get_wide(WHvX64RegisterFpMmx2).Fp.Mantissa, 0x1122334455667788);
	child_destroy(&child);

	create_vector(GUEST(emu_movq_m_mm));
	set_wide(WHvX64RegisterFpMmx2, 0x0123456789abcdef, 0xffff);
	expect_wide(true, 8, EBX, 0x0123456789abcdef, 0);
	expect_halt(GUEST(emu_movq_m_mm));
	child_destroy(&child);
}

static void emulation_x87_integers(void)
{
	create(CHILD_PROT32, GUEST(emu_fild_fistp));
	expect_wide(false, 4, EBX, 0xffffff85, 0); /* -123 */
	expect_wide(true, 8, EBX + 8, 0xffffffffffffff85, 0);
	expect_halt(GUEST(emu_fild_fistp));
	child_destroy(&child);
}

DECLARE_GUEST(emu_lds);
DECLARE_GUEST(emu_sgdt);
DECLARE_GUEST(emu_call_m);

static void emulation_segments_tables_and_calls(void)
{
	create(CHILD_PROT32, GUEST(emu_lds));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	/* However the six bytes are asked for, they are 00000008 and selector 16. */
	for (unsigned int n = 0;
	     child.exit.ExitReason == (WHV_RUN_VP_EXIT_REASON)WhitRunVpExitReasonDeviceAccess &&
	     n < 3;
	     n++) {
		CHECK_EQ(child_answer(&child, child_access(&child)->address == EBX
						      ? 0x0010000000000008
						      : 16),
			 S_OK);
		(void)child_run(&child);
	}
	CHECK_EQ(child.exit.ExitReason, WHvRunVpExitReasonX64Halt);
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), 8);
	CHECK_EQ(child_segment(&child, WHvX64RegisterDs).Selector, 16);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_sgdt));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(child_access(&child)->address, EBX);
	CHECK_EQ(low_bytes(child_access(&child)->data, 2), 0x27);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_call_m));
	expect_wide(false, 4, EBX, CHILD_HANDLER, 0);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ(*(uint32_t *)(void *)(child.ram + CHILD_STACK - 4), CHILD_CODE + 2);
	child_destroy(&child);
}

static void emulation_cuts_accesses_at_pages(void)
{
	const struct step low = WRITE(2, CHILD_MMIO + 0xffe, 0x7788);
	const struct step high = WRITE(2, CHILD_MMIO + 0x1000, 0x5566);
	const struct step beyond = WRITE(2, CHILD_RAM, 0x5566);

	create(CHILD_PROT32, GUEST(emu_mov_m_eax));
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO + 0xffe), S_OK);
	expect_step(&low, false);
	expect_step(&high, false);
	expect_halt(GUEST(emu_mov_m_eax));
	child_destroy(&child);

	/* Half of it is RAM. */
	create(CHILD_PROT32, GUEST(emu_mov_m_eax));
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_RAM - 2), S_OK);
	expect_step(&beyond, false);
	expect_halt(GUEST(emu_mov_m_eax));
	CHECK_EQ(*(uint16_t *)(void *)(child.ram + CHILD_RAM - 2), 0x7788);
	child_destroy(&child);
}

DECLARE_GUEST(emu_out_al);
DECLARE_GUEST(emu_out_ax);
DECLARE_GUEST(emu_out_eax);
DECLARE_GUEST(emu_in_al);
DECLARE_GUEST(emu_in_ax);
DECLARE_GUEST(emu_in_eax);

static void emulation_ports(void)
{
	const struct row rows[] = {
		ROW(out_al, CHILD_PROT32, EAX, WRITE(1, 0x402, 0x88)),
		ROW(out_ax, CHILD_PROT32, EAX, WRITE(2, 0x402, 0x7788)),
		ROW(out_eax, CHILD_PROT32, EAX, WRITE(4, 0x402, EAX)),
		ROW(in_al, CHILD_PROT32, 0x556677e9, READ(1, 0x402, 0xe9)),
		ROW(in_ax, CHILD_PROT32, 0x5566f00d, READ(2, 0x402, 0xf00d)),
		ROW(in_eax, CHILD_PROT32, 0xdeadbeef, READ(4, 0x402, 0xdeadbeef)),
		ROW(in_al, CHILD_LONG, 0x11223344556677e9, READ(1, 0x402, 0xe9)),
		ROW(in_eax, CHILD_LONG, 0xdeadbeef, READ(4, 0x402, 0xdeadbeef)),
		ROW(in_al, CHILD_REAL, 0x556677e9, READ(1, 0x402, 0xe9)),
	};

	RUN_ROWS(rows, true);
}

DECLARE_GUEST(emu_rep_outsb);
DECLARE_GUEST(emu_rep_outsw);
DECLARE_GUEST(emu_rep_insb);
DECLARE_GUEST(emu_rep_insd);

static void emulation_port_strings(void)
{
	create(CHILD_PROT32, GUEST(emu_rep_outsb));
	CHECK_EQ(take_run(true, true, 0x402, 1, false), 4);
	CHECK_EQ(child_get(&child, WHvX64RegisterRcx), 0);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsi), CHILD_DATA + 4);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_outsw));
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 256), S_OK);
	CHECK_EQ(take_run(true, true, 0x402, 2, false), 512);
	CHECK_EQ(child_get(&child, WHvX64RegisterRsi), CHILD_DATA + 512);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_insb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, CHILD_DATA), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 130), S_OK);
	CHECK_EQ(take_run(false, true, 0x402, 1, false), 130);
	for (unsigned int i = 0; i < 130; i++)
		CHECK_EQ(child.ram[CHILD_DATA + i], (uint8_t)(i + 0x30));
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_rep_insd));
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, CHILD_DATA), S_OK);
	CHECK_EQ(take_run(false, true, 0x402, 4, false), 16);
	CHECK_EQ(child_get(&child, WHvX64RegisterRdi), CHILD_DATA + 16);
	child_destroy(&child);

	/* None to do: none done. */
	create(CHILD_PROT32, GUEST(emu_rep_insb));
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void emulation_unanswered_reads_give_ones(void)
{
	create(CHILD_PROT32, GUEST(emu_mov_eax_m));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	expect_halt(GUEST(emu_mov_eax_m));
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), 0xffffffff);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(emu_in_al));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	expect_halt(GUEST(emu_in_al));
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), 0x556677ff);
	child_destroy(&child);
}

static void emulation_answer_survives_a_cancel(void)
{
	create(CHILD_PROT32, GUEST(emu_mov_eax_m));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(child_answer(&child, 0x600dcafe), S_OK);
	CHECK_EQ(WHvCancelRunVirtualProcessor(child.partition, 0, 0), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonCanceled);
	expect_halt(GUEST(emu_mov_eax_m));
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), 0x600dcafe);
	child_destroy(&child);
}

static void emulation_is_given_up_by_moving_rip(void)
{
	create(CHILD_PROT32, GUEST(emu_mov_eax_m));
	CHECK_EQ(child_run(&child), WhitRunVpExitReasonDeviceAccess);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_HANDLER), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_HANDLER + 1);
	CHECK_EQ((uint32_t)child_get(&child, WHvX64RegisterRax), EAX);
	child_destroy(&child);
}

static void emulation_writes_to_rom_are_device_accesses(void)
{
	const struct step write = WRITE(4, CHILD_ROM + 0x30, EAX);

	create(CHILD_PROT32, GUEST(emu_mov_m_eax));
	CHECK_EQ(child_map_rom(&child, 0x11), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_ROM + 0x30), S_OK);
	expect_step(&write, false);
	expect_halt(GUEST(emu_mov_m_eax));
	CHECK_EQ(child.ram[CHILD_RAM - 4096 + 0x30], 0x11);
	child_destroy(&child);
}

DECLARE_GUEST(emu_fnstenv);
DECLARE_GUEST(jump);

static void emulation_leaves_the_rest_to_the_client(void)
{
	create(CHILD_PROT32, GUEST(emu_fnstenv));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa & ~0x1full, CHILD_MMIO);
	CHECK_EQ(child.exit.MemoryAccess.InstructionBytes[0], 0xd9);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_CODE);
	child_destroy(&child);

	create(CHILD_PROT32, GUEST(jump));
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessExecute);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, EBX);
	child_destroy(&child);
}

static void emulation_needs_room_for_its_record(void)
{
	uint8_t buffer[224];

	create(CHILD_PROT32, GUEST(emu_out_al));
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 144),
		 WHV_E_INSUFFICIENT_BUFFER);
	CHECK_EQ(WHvRunVirtualProcessor(child.partition, 0, buffer, 176), S_OK);
	child_destroy(&child);
}

void emulation_checks(void)
{
	static const struct test tests[] = {
		TEST(emulation_moves),
		TEST(emulation_extends),
		TEST(emulation_reads_modifies_and_writes),
		TEST(emulation_compares),
		TEST(emulation_pushes_and_pops),
		TEST(emulation_strings_to_devices),
		TEST(emulation_strings_from_devices),
		TEST(emulation_strings_between_devices),
		TEST(emulation_strings_downwards),
		TEST(emulation_vectors_in_one_access),
		TEST(emulation_x87_integers),
		TEST(emulation_segments_tables_and_calls),
		TEST(emulation_cuts_accesses_at_pages),
		TEST(emulation_ports),
		TEST(emulation_port_strings),
		TEST(emulation_unanswered_reads_give_ones),
		TEST(emulation_answer_survives_a_cancel),
		TEST(emulation_is_given_up_by_moving_rip),
		TEST(emulation_writes_to_rom_are_device_accesses),
		TEST(emulation_leaves_the_rest_to_the_client),
		TEST(emulation_needs_room_for_its_record),
	};

	RUN(tests);
	emulation_vector_checks();
}
