// SPDX-License-Identifier: MIT
/* X64IoPortAccess exits of a partition without emulation, to the last field. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "x86/rflags.h"

DECLARE_GUEST(out8_imm);
DECLARE_GUEST(in8_imm);
DECLARE_GUEST(out8);
DECLARE_GUEST(out16);
DECLARE_GUEST(out32);
DECLARE_GUEST(in8);
DECLARE_GUEST(in16);
DECLARE_GUEST(in32);
DECLARE_GUEST(out32_real);
DECLARE_GUEST(outsb);
DECLARE_GUEST(rep_outsw);
DECLARE_GUEST(insd);
DECLARE_GUEST(rep_insb);

#define RAX 0x1122334455667788ull
#define RCX 5ull
#define RSI (CHILD_DATA + 0x10)
#define RDI (CHILD_DATA + 0x20)

struct row {
	struct guest_code code;
	enum child_mode mode;
	uint16_t port;
	uint8_t size, length;
	bool is_write, is_string, is_rep;
};

static void expect_segment(const WHV_X64_SEGMENT_REGISTER *is, struct child *child, UINT32 name)
{
	WHV_X64_SEGMENT_REGISTER wanted = child_segment(child, name);

	CHECK_EQ(is->Base, wanted.Base);
	CHECK_EQ(is->Limit, wanted.Limit);
	CHECK_EQ(is->Selector, wanted.Selector);
	CHECK_EQ(is->Attributes, wanted.Attributes);
}

static void expect_context(struct child *child, const struct row *row)
{
	const WHV_X64_VP_EXIT_CONTEXT *c = &child->exit.VpContext;

	CHECK_EQ(c->Rip, CHILD_CODE);
	CHECK_EQ(c->InstructionLength, row->length);
	CHECK_EQ(c->Rflags, RFLAGS_ONE);
	CHECK_EQ(c->Cr8, 0);
	CHECK_EQ(c->ExecutionState.Cpl, 0);
	CHECK_EQ(c->ExecutionState.Cr0Pe, row->mode != CHILD_REAL);
	CHECK_EQ(c->ExecutionState.Cr0Am, 0);
	CHECK_EQ(c->ExecutionState.EferLma, row->mode == CHILD_LONG);
	CHECK_EQ(c->ExecutionState.DebugActive, 0);
	CHECK_EQ(c->ExecutionState.InterruptionPending, 0);
	CHECK_EQ(c->ExecutionState.InterruptShadow, 0);
	CHECK_EQ(c->ExecutionState.Reserved0 | c->ExecutionState.Reserved1, 0);
	CHECK_EQ(c->Reserved | c->Reserved2, 0);
	expect_segment(&c->Cs, child, WHvX64RegisterCs);
}

static void expect_record(struct child *child, const struct row *row)
{
	const WHV_X64_IO_PORT_ACCESS_CONTEXT *io = &child->exit.IoPortAccess;

	CHECK_EQ(io->PortNumber, row->port);
	CHECK_EQ(io->AccessInfo.IsWrite, row->is_write);
	CHECK_EQ(io->AccessInfo.AccessSize, row->size);
	CHECK_EQ(io->AccessInfo.StringOp, row->is_string);
	CHECK_EQ(io->AccessInfo.RepPrefix, row->is_rep);
	CHECK_EQ(io->AccessInfo.Reserved, 0);
	CHECK_EQ(io->Rax, RAX);
	CHECK_EQ(io->Rcx, RCX);
	CHECK_EQ(io->Rsi, RSI);
	CHECK_EQ(io->Rdi, RDI);
	CHECK_EQ(io->Reserved2[0] | io->Reserved2[1] | io->Reserved2[2], 0);
	CHECK(io->InstructionByteCount >= row->length && io->InstructionByteCount <= 16);
	for (unsigned int i = 0; i < io->InstructionByteCount && i < 16; i++)
		CHECK_EQ(io->InstructionBytes[i], child->ram[CHILD_CODE + i]);
	for (unsigned int i = io->InstructionByteCount; i < 16; i++)
		CHECK_EQ(io->InstructionBytes[i], 0);
	expect_segment(&io->Ds, child, WHvX64RegisterDs);
	expect_segment(&io->Es, child, WHvX64RegisterEs);
}

static void run_row(const struct row *row)
{
	struct child child;

	CHECK_EQ(child_create(&child, row->mode, row->code, 0, 0), S_OK);
	if (check_has_failed())
		return;
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, RAX), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRcx, RCX), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdx, row->port), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRsi, RSI), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRdi, RDI), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child.exit.Reserved, 0);
	expect_context(&child, row);
	expect_record(&child, row);
	/* Nothing of it has been executed, and nothing is before the client has moved RIP. */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64IoPortAccess);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), RAX);
	CHECK_EQ(child_get(&child, WHvX64RegisterRcx), RCX);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_CODE + row->length), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void port_writes_are_told_in_all_sizes(void)
{
	const struct row rows[] = {
		{ GUEST(out8_imm), CHILD_PROT32, 0x80, 1, 2, true, false, false },
		{ GUEST(out8), CHILD_PROT32, 0x3f8, 1, 1, true, false, false },
		{ GUEST(out16), CHILD_PROT32, 0x1f0, 2, 2, true, false, false },
		{ GUEST(out32), CHILD_PROT32, 0xcf8, 4, 1, true, false, false },
		{ GUEST(out8), CHILD_PROT32, 0xffff, 1, 1, true, false, false },
		{ GUEST(out8), CHILD_REAL, 0, 1, 1, true, false, false },
		{ GUEST(out32_real), CHILD_REAL, 0xcfc, 4, 2, true, false, false },
		{ GUEST(out16), CHILD_LONG, 0x402, 2, 2, true, false, false },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

static void port_reads_are_told_in_all_sizes(void)
{
	const struct row rows[] = {
		{ GUEST(in8_imm), CHILD_PROT32, 0x71, 1, 2, false, false, false },
		{ GUEST(in8), CHILD_PROT32, 0x3fd, 1, 1, false, false, false },
		{ GUEST(in16), CHILD_PROT32, 0x1f0, 2, 2, false, false, false },
		{ GUEST(in32), CHILD_PROT32, 0xcfc, 4, 1, false, false, false },
		{ GUEST(in8), CHILD_REAL, 0x60, 1, 1, false, false, false },
		{ GUEST(in32), CHILD_LONG, 0xcfc, 4, 1, false, false, false },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

static void port_string_instructions_are_one_exit(void)
{
	const struct row rows[] = {
		{ GUEST(outsb), CHILD_PROT32, 0x402, 1, 1, true, true, false },
		{ GUEST(rep_outsw), CHILD_PROT32, 0x1f0, 2, 3, true, true, true },
		{ GUEST(insd), CHILD_PROT32, 0x1f0, 4, 1, false, true, false },
		{ GUEST(rep_insb), CHILD_PROT32, 0x511, 1, 2, false, true, true },
		{ GUEST(rep_insb), CHILD_REAL, 0x511, 1, 2, false, true, true },
		{ GUEST(rep_outsw), CHILD_LONG, 0x1f0, 2, 3, true, true, true },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i]);
}

void port_checks(void)
{
	static const struct test tests[] = {
		TEST(port_writes_are_told_in_all_sizes),
		TEST(port_reads_are_told_in_all_sizes),
		TEST(port_string_instructions_are_one_exit),
	};

	RUN(tests);
}
