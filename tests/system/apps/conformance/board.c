// SPDX-License-Identifier: MIT
/* See board.h. */
#include "tests/system/apps/conformance/board.h"

#include "root/call/platform.h"
#include "tests/system/apps/conformance/child.h"
#include "x86/cr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define GDT	    0x4000ull
#define IDT	    0x5000ull
#define GDT_POINTER 0x3800u
#define IDT_POINTER 0x3810u
#define LOG	    0x800u
#define N_LOG	    0xc00u
#define STUBS	    0x10u
#define LIST_BYTES  256u
#define DONE_PORT   0xe0u

#define CODE64 0xa09bu
#define DATA32 0xc093u

DECLARE_GUEST(script);
DECLARE_GUEST(script_ap);

static uint8_t *rams[2];
static bool is_used[2];

static void copy(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
	while (from < end)
		*to++ = *from++;
}

static uint64_t *words(struct board *board, uint64_t address)
{
	return (uint64_t *)(void *)(board->ram + address);
}

static void fill_tables(struct board *board)
{
	uint64_t *tables = words(board, BOARD_TABLES), *gdt = words(board, GDT),
		 *idt = words(board, IDT);

	tables[0] = (BOARD_TABLES + 0x1000) | PTE_P | PTE_W;
	tables[512] = (BOARD_TABLES + 0x2000) | PTE_P | PTE_W;
	tables[512 + 3] = (BOARD_TABLES + 0x3000) | PTE_P | PTE_W;
	for (uint64_t i = 0; i < 512; i++) {
		tables[1024 + i] = i << 21 | PTE_P | PTE_W | PTE_PS;
		tables[1536 + i] = (3ull << 30) | i << 21 | PTE_P | PTE_W | PTE_PS;
	}
	gdt[1] = 0x00af9b000000ffffull;
	gdt[2] = 0x00cf93000000ffffull;
	for (uint64_t i = 0; i < 256; i++)
		idt[2 * i] = (BOARD_CODE + STUBS + 16 * i) | 8u << 16 | 0x8e00ull << 32;
	words(board, GDT_POINTER)[0] = GDT << 16 | 0x17;
	words(board, IDT_POINTER)[0] = IDT << 16 | 0xfff;
}

HRESULT board_set(struct board *board, uint32_t vp, UINT32 name, uint64_t value)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE values[1] = { { .Reg128 = { { .Low64 = value } } } };

	return WHvSetVirtualProcessorRegisters(board->partition, vp, names, 1, values);
}

uint64_t board_get(struct board *board, uint32_t vp, UINT32 name)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE value = { .Reg64 = 0xbadbadbadbadbad };

	(void)WHvGetVirtualProcessorRegisters(board->partition, vp, names, 1, &value);
	return value.Reg64;
}

HRESULT board_ready(struct board *board, uint32_t vp)
{
	const uint64_t area = BOARD_AREAS + vp * BOARD_AREA_BYTES;
	static const WHV_REGISTER_NAME names[] = {
		WHvX64RegisterCs,   WHvX64RegisterDs,  WHvX64RegisterEs,   WHvX64RegisterSs,
		WHvX64RegisterFs,   WHvX64RegisterGs,  WHvX64RegisterGdtr, WHvX64RegisterIdtr,
		WHvX64RegisterCr3,  WHvX64RegisterCr4, WHvX64RegisterEfer, WHvX64RegisterCr0,
		WHvX64RegisterRsp,  WHvX64RegisterR15, WHvX64RegisterRip,  WHvX64RegisterRflags,
		WHvX64RegisterLdtr, WHvX64RegisterTr,  WHvX64RegisterRbx,
	};
	const WHV_REGISTER_VALUE data = {
		.Segment = { .Limit = ~0u, .Selector = 16, .Attributes = DATA32 }
	};
	const WHV_REGISTER_VALUE values[] = {
		{ .Segment = { .Limit = ~0u, .Selector = 8, .Attributes = CODE64 } },
		data,
		data,
		data,
		data,
		data,
		{ .Table = { .Base = GDT, .Limit = 0x17 } },
		{ .Table = { .Base = IDT, .Limit = 0xfff } },
		{ .Reg64 = BOARD_TABLES },
		{ .Reg64 = CR4_PAE | CR4_OSFXSR },
		{ .Reg64 = EFER_LME | EFER_LMA | EFER_NXE },
		{ .Reg64 = CR0_PE | CR0_ET | CR0_NE | CR0_PG },
		{ .Reg64 = area + BOARD_AREA_BYTES },
		{ .Reg64 = area },
		{ .Reg64 = BOARD_CODE },
		{ .Reg64 = RFLAGS_ONE },
		{ .Segment = { .Limit = 0xffff, .Attributes = 0x82 } },
		{ .Segment = { .Limit = 0x67, .Attributes = 0x8b } },
		{ .Reg64 = area },
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == sizeof(values) / sizeof(values[0]),
		       "one value each");
	return WHvSetVirtualProcessorRegisters(board->partition, vp, names,
					       sizeof(names) / sizeof(names[0]), values);
}

static HRESULT set_property(struct board *board, UINT32 code, uint64_t value)
{
	return WHvSetPartitionProperty(board->partition, (WHV_PARTITION_PROPERTY_CODE)code, &value,
				       sizeof(value));
}

static HRESULT set_up(struct board *board)
{
	const struct board_options *const options = &board->options;
	HRESULT hr = set_property(board, WHvPartitionPropertyCodeProcessorCount, options->n_vps);

	if (SUCCEEDED(hr) && options->apic_mode)
		hr = set_property(board, WHvPartitionPropertyCodeLocalApicEmulationMode,
				  options->apic_mode);
	if (SUCCEEDED(hr) && options->extended_exits)
		hr = set_property(board, WHvPartitionPropertyCodeExtendedVmExits,
				  options->extended_exits);
	if (SUCCEEDED(hr) && options->turns)
		hr = set_property(board, WhitPartitionPropertyCodeTurnExits, options->turns);
	if (SUCCEEDED(hr))
		hr = WHvSetupPartition(board->partition);
	if (SUCCEEDED(hr))
		hr = WHvMapGpaRange(board->partition, board->ram, 0, BOARD_RAM,
				    WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite |
					    WHvMapGpaRangeFlagExecute);
	return hr;
}

static HRESULT create_vps(struct board *board)
{
	HRESULT hr = S_OK;

	for (uint32_t i = 0; i < board->options.n_vps && SUCCEEDED(hr); i++) {
		hr = WHvCreateVirtualProcessor(board->partition, i, 0);
		if (SUCCEEDED(hr) && i && board->options.apic_mode)
			hr = board_set(board, i, WHvRegisterInternalActivityState,
				       board->options.aps_wait);
		if (SUCCEEDED(hr) && !(i && board->options.aps_wait))
			hr = board_ready(board, i);
	}
	return hr;
}

HRESULT board_create(struct board *board, const struct board_options *options)
{
	HRESULT hr;

	board->slot = is_used[0];
	board->options = *options;
	board->partition = NULL;
	if (!rams[board->slot])
		rams[board->slot] = test_pages(BOARD_RAM / 4096);
	board->ram = rams[board->slot];
	if (!board->ram || is_used[board->slot])
		return E_OUTOFMEMORY;
	platform_clear(board->ram, BOARD_RAM);
	copy(board->ram + BOARD_CODE, guest_script, guest_script_end);
	copy(board->ram + BOARD_AP_CODE, guest_script_ap, guest_script_ap_end);
	fill_tables(board);
	hr = WHvCreatePartition(&board->partition);
	if (FAILED(hr))
		return hr;
	is_used[board->slot] = true;
	hr = set_up(board);
	if (SUCCEEDED(hr))
		hr = create_vps(board);
	if (FAILED(hr))
		board_destroy(board);
	return hr;
}

void board_destroy(struct board *board)
{
	if (!board->partition)
		return;
	(void)WHvDeletePartition(board->partition);
	board->partition = NULL;
	is_used[board->slot] = false;
}

void board_skip(struct board *board, uint32_t vp)
{
	struct whit_vp_page *const page = WhitVpPage(board->partition, vp);

	page->rip = board->exit.VpContext.Rip + board->exit.VpContext.InstructionLength;
	page->dirty |= WHIT_PAGE_RIP;
}

uint32_t board_run(struct board *board, uint32_t vp)
{
	HRESULT hr =
		WHvRunVirtualProcessor(board->partition, vp, &board->exit, sizeof(board->exit));

	if (FAILED(hr))
		return ~0u;
	if (board->exit.ExitReason != WHvRunVpExitReasonX64IoPortAccess ||
	    board->exit.IoPortAccess.PortNumber != DONE_PORT)
		return (uint32_t)board->exit.ExitReason;
	board_skip(board, vp);
	return BOARD_DONE;
}

static struct op *area_ops(const struct board *board, uint32_t vp)
{
	return (struct op *)(void *)(board->ram + BOARD_AREAS + vp * BOARD_AREA_BYTES);
}

static void load(struct op *to, const struct op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = ops[i];
	to[n] = (struct op) { .code = OP_END };
}

void board_load(struct board *board, uint32_t vp, const struct op *ops, size_t n)
{
	load(area_ops(board, vp), ops, n < BOARD_OPS ? n : BOARD_OPS);
}

uint32_t board_script(struct board *board, uint32_t vp, const struct op *ops, size_t n)
{
	board_load(board, vp, ops, n);
	return board_run(board, vp);
}

const struct op *board_op(const struct board *board, uint32_t vp, unsigned int n)
{
	return &area_ops(board, vp)[n];
}

uint64_t board_events(const struct board *board, uint32_t vp)
{
	return *(uint64_t *)(void *)((uint8_t *)area_ops(board, vp) + N_LOG);
}

const struct board_event *board_event(const struct board *board, uint32_t vp, uint64_t n)
{
	const struct board_event *log = (void *)((uint8_t *)area_ops(board, vp) + LOG);

	return &log[n % 64];
}

void board_forget(struct board *board, uint32_t vp)
{
	platform_clear((uint8_t *)area_ops(board, vp) + LOG, N_LOG + 8 - LOG);
}

/* Vectors share the room for lists, eight entries each, END among them. */
void board_handle(struct board *board, uint8_t vector, uint8_t actions, const struct op *ops,
		  size_t n)
{
	uint32_t *const nested = (uint32_t *)(void *)(board->ram + BOARD_NESTED);
	const uint64_t list = BOARD_LISTS + (vector % 32u) * LIST_BYTES;

	board->ram[BOARD_ACTIONS + vector] = actions;
	nested[vector] = ops ? (uint32_t)list : 0;
	if (ops)
		load((struct op *)(void *)(board->ram + list), ops, n < 7 ? n : 7);
}

uint64_t board_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}
