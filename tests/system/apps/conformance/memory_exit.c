// SPDX-License-Identifier: MIT
/* MemoryAccess exits of a partition without emulation, to the last field. */
#include "tests/system/apps/conformance/check.h"

#include "tests/system/apps/conformance/child.h"
#include "tests/system/apps/conformance/emulator.h"
#include "tests/system/apps/conformance/vendor.h"
#include "x86/paging.h"

DECLARE_GUEST(halt);
DECLARE_GUEST(read8);
DECLARE_GUEST(read32);
DECLARE_GUEST(write8);
DECLARE_GUEST(write32);
DECLARE_GUEST(add32);
DECLARE_GUEST(jump);
DECLARE_GUEST(read64);
DECLARE_GUEST(write64);

#define HIGH_GVA 0x40000000ull /* where map_high() shows the first 2 MiB a second time */

struct row {
	struct guest_code code;
	enum child_mode mode;
	uint64_t address; /* in RBX */
	uint64_t gpa;
	WHV_MEMORY_ACCESS_TYPE type;
	bool is_unmapped;
};

static void map_high(struct child *child)
{
	uint64_t *tables = (uint64_t *)(void *)(child->ram + CHILD_TABLES);

	tables[512 + 1] = (CHILD_TABLES + 0x3000) | PTE_P | PTE_W;
	tables[3 * 512] = PTE_P | PTE_W | PTE_PS;
}

static void expect_record(struct child *child, const struct row *row)
{
	const WHV_MEMORY_ACCESS_CONTEXT *m = &child->exit.MemoryAccess;
	const WHV_X64_VP_EXIT_CONTEXT *c = &child->exit.VpContext;
	bool is_fetch = row->type == WHvMemoryAccessExecute;

	CHECK_EQ(child->exit.Reserved, 0);
	CHECK_EQ(c->Rip, is_fetch ? row->address : CHILD_CODE);
	CHECK_EQ(c->Cr8, 0);
	CHECK_EQ(c->ExecutionState.Cr0Pe, row->mode != CHILD_REAL);
	CHECK_EQ(c->ExecutionState.EferLma, row->mode == CHILD_LONG);
	CHECK_EQ(m->AccessInfo.AccessType, row->type);
	CHECK_EQ(m->AccessInfo.GpaUnmapped, row->is_unmapped);
	CHECK_EQ(m->AccessInfo.GvaValid, 1);
	CHECK_EQ(m->AccessInfo.Reserved, 0);
	CHECK_EQ(m->Gpa, row->gpa);
	if (!is_fetch) {
		CHECK(m->InstructionByteCount >= 2 && m->InstructionByteCount <= 16);
		for (unsigned int i = 0; i < m->InstructionByteCount && i < 16; i++)
			CHECK_EQ(m->InstructionBytes[i], child->ram[CHILD_CODE + i]);
	} else {
		CHECK_EQ(m->InstructionByteCount, 0);
	}
}

static void run_row(const struct row *row, uint64_t gva)
{
	struct child child;

	CHECK_EQ(child_create(&child, row->mode, row->code, 0, 0), S_OK);
	if (check_has_failed())
		return;
	CHECK_EQ(child_map_rom(&child, 0x90), S_OK);
	if (row->mode == CHILD_LONG)
		map_high(&child);
	CHECK_EQ(child_set(&child, WHvX64RegisterRax, 0x0102030405060708ull), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, row->address), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	expect_record(&child, row);
	CHECK_EQ(child.exit.MemoryAccess.Gva, gva);
	/* It comes again, as long as nothing has been done about it; and RAX is as it was. */
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x0102030405060708ull);
	child_destroy(&child);
}

static void memory_hole_exits_for_data(void)
{
	const struct row rows[] = {
		{ GUEST(read8), CHILD_PROT32, CHILD_MMIO + 0x123, CHILD_MMIO + 0x123,
		  WHvMemoryAccessRead, true },
		{ GUEST(read32), CHILD_PROT32, 0xfee000f0, 0xfee000f0, WHvMemoryAccessRead, true },
		{ GUEST(write8), CHILD_PROT32, CHILD_MMIO + 0xfff, CHILD_MMIO + 0xfff,
		  WHvMemoryAccessWrite, true },
		{ GUEST(write32), CHILD_PROT32, CHILD_MMIO, CHILD_MMIO, WHvMemoryAccessWrite,
		  true },
		{ GUEST(read64), CHILD_LONG, CHILD_MMIO + 8, CHILD_MMIO + 8, WHvMemoryAccessRead,
		  true },
		{ GUEST(write64), CHILD_LONG, CHILD_MMIO + 8, CHILD_MMIO + 8, WHvMemoryAccessWrite,
		  true },
		/* A read and write at once is a write; the last row. */
		{ GUEST(add32), CHILD_PROT32, CHILD_MMIO, CHILD_MMIO, WHvMemoryAccessWrite, true },
	};
	const unsigned int n = sizeof(rows) / sizeof(rows[0]);

	for (unsigned int i = 0; i < n && !(i + 1 == n && emulator_has(FAULT_RMW)); i++)
		run_row(&rows[i], rows[i].address);
}

static void memory_hole_exits_for_code(void)
{
	const struct row rows[] = {
		{ GUEST(jump), CHILD_PROT32, CHILD_MMIO + 0x10, CHILD_MMIO + 0x10,
		  WHvMemoryAccessExecute, true },
		{ GUEST(jump), CHILD_PROT32, CHILD_RAM, CHILD_RAM, WHvMemoryAccessExecute, true },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i], rows[i].address);
}

static void memory_rom_exits_for_writes_alone(void)
{
	const struct row row = { GUEST(write32),   CHILD_PROT32,	 CHILD_ROM + 0x20,
				 CHILD_ROM + 0x20, WHvMemoryAccessWrite, false };
	struct child child;

	run_row(&row, row.address);
	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(read32), 0, 0), S_OK);
	CHECK_EQ(child_map_rom(&child, 0x5a), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_ROM), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x5a5a5a5a);
	child_destroy(&child);
	/* And it can be executed. */
	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(jump), 0, 0), S_OK);
	CHECK_EQ(child_map_rom(&child, 0xf4), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_ROM), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	child_destroy(&child);
}

static void memory_addresses_are_told_both_virtual_and_physical(void)
{
	const struct row rows[] = {
		{ GUEST(read64), CHILD_LONG, HIGH_GVA + CHILD_MMIO + 0x18, CHILD_MMIO + 0x18,
		  WHvMemoryAccessRead, true },
		{ GUEST(write64), CHILD_LONG, HIGH_GVA + CHILD_ROM + 0x18, CHILD_ROM + 0x18,
		  WHvMemoryAccessWrite, false },
	};

	for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		run_row(&rows[i], rows[i].address);
}

/* The page that cannot be accessed is told; nothing has been written to the other. */
static void memory_access_across_pages_names_the_page(void)
{
	struct child child;
	uint32_t *before;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(write32), 0, 0), S_OK);
	if (check_has_failed())
		return;
	before = (uint32_t *)(void *)(child.ram + CHILD_RAM - 4);
	*before = 0x33333333;
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_RAM - 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, CHILD_RAM);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessWrite);
	CHECK_EQ(*before, 0x33333333);
	child_destroy(&child);
}

/* What the exit was for is mapped, and the guest goes on as if nothing had been. */
static void memory_can_be_mapped_at_the_exit(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(read32), 0, 0), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO + 0x40), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(WHvMapGpaRange(child.partition, child.ram + CHILD_DATA, CHILD_MMIO, 4096,
				WHvMapGpaRangeFlagRead),
		 S_OK);
	*(uint32_t *)(void *)(child.ram + CHILD_DATA + 0x40) = 0x77665544;
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	CHECK_EQ(child_get(&child, WHvX64RegisterRax), 0x77665544);
	child_destroy(&child);
}

/* Bytes of an instruction that runs into a page which cannot be read. */
static void memory_instruction_bytes_end_where_code_does(void)
{
	struct guest_code code = GUEST(read32);
	struct child child;
	uint8_t *at;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(halt), 0, 0), S_OK);
	if (check_has_failed())
		return;
	at = child.ram + CHILD_RAM - 2;
	at[0] = code.start[0];
	at[1] = code.start[1];
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO), S_OK);
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_RAM - 2), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, CHILD_MMIO);
	CHECK_EQ(child.exit.MemoryAccess.InstructionByteCount, 2);
	CHECK_EQ(child.exit.MemoryAccess.InstructionBytes[0], code.start[0]);
	CHECK_EQ(child.exit.MemoryAccess.InstructionBytes[2], 0);
	child_destroy(&child);
}

/* ---- Beside data: page tables, code, devices --------------------------------------------- */

static void expect_exit(struct child *child, uint64_t address, WHV_MEMORY_ACCESS_TYPE type,
			bool is_unmapped, uint64_t gpa, uint64_t gva)
{
	const WHV_MEMORY_ACCESS_CONTEXT *m = &child->exit.MemoryAccess;

	CHECK_EQ(child_set(child, WHvX64RegisterRip, CHILD_CODE), S_OK);
	CHECK_EQ(child_set(child, WHvX64RegisterRbx, address), S_OK);
	CHECK_EQ(child_run(child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(m->AccessInfo.AccessType, type);
	CHECK_EQ(m->AccessInfo.GpaUnmapped, is_unmapped);
	CHECK_EQ(m->AccessInfo.GvaValid, 1);
	CHECK_EQ(m->Gpa, gpa);
	CHECK_EQ(m->Gva, gva);
}

/* HIGH_GVA's page directory is where nothing is, or in ROM. Gva is what was walked for. */
static void memory_walk_exits_name_the_table(void)
{
	struct child child;
	uint64_t *tables, *rom;

	CHECK_EQ(child_create(&child, CHILD_LONG, GUEST(read64), 0, 0), S_OK);
	if (check_has_failed())
		return;
	tables = (uint64_t *)(void *)(child.ram + CHILD_TABLES);
	tables[512 + 1] = CHILD_MMIO | PTE_P | PTE_W;
	expect_exit(&child, HIGH_GVA + 0x600018, WHvMemoryAccessRead, true, CHILD_MMIO + 24,
		    HIGH_GVA + 0x600018);
	child_load(&child, GUEST(write64));
	expect_exit(&child, HIGH_GVA + 0x600018, WHvMemoryAccessRead, true, CHILD_MMIO + 24,
		    HIGH_GVA + 0x600018);
	/* In ROM what is set already need not be set. (What is not cannot be: but Bochs does it all the same.) */
	CHECK_EQ(child_map_rom(&child, 0), S_OK);
	rom = (uint64_t *)(void *)(child.ram + CHILD_RAM - 4096);
	tables[512 + 1] = CHILD_ROM | PTE_P | PTE_W;
	rom[1] = PTE_P | PTE_W | PTE_PS | PTE_A;
	child_load(&child, GUEST(read64));
	CHECK_EQ(child_set(&child, WHvX64RegisterRbx, HIGH_GVA + 0x200000 + CHILD_DATA), S_OK);
	if (vendor_is_amd()) {
		/* A look at a table is a write to it (APM 2 "Nested versus Guest Page Faults"). */
		expect_exit(&child, HIGH_GVA + 0x200000 + CHILD_DATA, WHvMemoryAccessWrite, false,
			    CHILD_ROM + 8, HIGH_GVA + 0x200000 + CHILD_DATA);
	} else {
		CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
	}
	child_destroy(&child);
}

static void memory_rights_are_those_of_the_map(void)
{
	const UINT32 flags[] = { WHvMapGpaRangeFlagRead,
				 WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite,
				 WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagExecute };
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(jump), 0, 0), S_OK);
	if (check_has_failed())
		return;
	child.ram[CHILD_DATA] = 0xf4;
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(WHvMapGpaRange(child.partition, child.ram + CHILD_DATA, CHILD_MMIO, 4096,
					(WHV_MAP_GPA_RANGE_FLAGS)flags[i]),
			 S_OK);
		child_load(&child, GUEST(jump));
		if (flags[i] & WHvMapGpaRangeFlagExecute) {
			CHECK_EQ(child_set(&child, WHvX64RegisterRbx, CHILD_MMIO), S_OK);
			CHECK_EQ(child_run(&child), WHvRunVpExitReasonX64Halt);
		} else {
			expect_exit(&child, CHILD_MMIO, WHvMemoryAccessExecute, false, CHILD_MMIO,
				    CHILD_MMIO);
			CHECK_EQ(child.exit.VpContext.Rip, CHILD_MMIO);
		}
		child_load(&child, GUEST(add32));
		if (!(flags[i] & WHvMapGpaRangeFlagWrite))
			expect_exit(&child, CHILD_MMIO + 4, WHvMemoryAccessWrite, false,
				    CHILD_MMIO + 4, CHILD_MMIO + 4);
	}
	child_destroy(&child);
}

/* Nothing emulates code that comes out of a device. */
static void memory_fetch_from_a_device_is_the_clients(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(jump), WHIT_EMULATE_MEMORY, 0), S_OK);
	if (check_has_failed())
		return;
	expect_exit(&child, CHILD_MMIO + 0x10, WHvMemoryAccessExecute, true, CHILD_MMIO + 0x10,
		    CHILD_MMIO + 0x10);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_MMIO + 0x10);
	CHECK_EQ(child.exit.MemoryAccess.InstructionByteCount, 0);
	child_destroy(&child);
}

/* An instruction of which the second half is missing; data of which the first half is. */
static void memory_halves_of_accesses_name_their_page(void)
{
	struct child child;

	CHECK_EQ(child_create(&child, CHILD_PROT32, GUEST(read32), 0, 0), S_OK);
	if (check_has_failed())
		return;
	expect_exit(&child, CHILD_RAM - 2, WHvMemoryAccessRead, true, CHILD_RAM, CHILD_RAM);
	CHECK_EQ(WHvMapGpaRange(child.partition, child.ram + CHILD_DATA, CHILD_MMIO + 0x1000, 4096,
				WHvMapGpaRangeFlagRead),
		 S_OK);
	expect_exit(&child, CHILD_MMIO + 0xffe, WHvMemoryAccessRead, true, CHILD_MMIO + 0xffe,
		    CHILD_MMIO + 0xffe);
	child.ram[CHILD_RAM - 1] = 0x8b;
	CHECK_EQ(child_set(&child, WHvX64RegisterRip, CHILD_RAM - 1), S_OK);
	CHECK_EQ(child_run(&child), WHvRunVpExitReasonMemoryAccess);
	CHECK_EQ(child.exit.VpContext.Rip, CHILD_RAM - 1);
	CHECK_EQ(child.exit.MemoryAccess.AccessInfo.AccessType, WHvMemoryAccessExecute);
	CHECK_EQ(child.exit.MemoryAccess.Gpa, CHILD_RAM);
	CHECK_EQ(child.exit.MemoryAccess.Gva, CHILD_RAM);
	CHECK_EQ(child.exit.MemoryAccess.InstructionByteCount, 1);
	CHECK_EQ(child.exit.MemoryAccess.InstructionBytes[0], 0x8b);
	child_destroy(&child);
}

void memory_exit_checks(void)
{
	static const struct test tests[] = {
		TEST(memory_walk_exits_name_the_table),
		TEST(memory_rights_are_those_of_the_map),
		TEST(memory_fetch_from_a_device_is_the_clients),
		TEST(memory_halves_of_accesses_name_their_page),
		TEST(memory_hole_exits_for_data),
		TEST(memory_hole_exits_for_code),
		TEST(memory_rom_exits_for_writes_alone),
		TEST(memory_addresses_are_told_both_virtual_and_physical),
		TEST(memory_access_across_pages_names_the_page),
		TEST(memory_can_be_mapped_at_the_exit),
		TEST(memory_instruction_bytes_end_where_code_does),
	};

	RUN(tests);
}
