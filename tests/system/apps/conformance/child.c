// SPDX-License-Identifier: MIT
/* See child.h. */
#include "tests/system/apps/conformance/child.h"

#include <efi.h>
#include <efilib.h>

#include "root/call/platform.h"
#include "tests/system/apps/conformance/place.h"
#include "x86/cr.h"
#include "x86/paging.h"
#include "x86/rflags.h"

#define HLT 0xf4u

#define CODE16 0x009bu
#define DATA16 0x0093u
#define CODE32 0xc09bu
#define DATA32 0xc093u
#define CODE64 0xa09bu
#define LDT    0x0082u
#define TSS    0x008bu
#define DPL3   0x0060u

static uint8_t *child_ram; /* the same for all children: there is one at a time */

struct pages {
	EFI_PHYSICAL_ADDRESS address; /* 0: none */
	UINTN n;
};

static void allocate(void *argument)
{
	struct pages *const pages = argument;

	if (BS->AllocatePages(AllocateAnyPages, EfiLoaderData, pages->n, &pages->address) !=
	    EFI_SUCCESS)
		pages->address = 0;
}

static void give_back(void *argument)
{
	const struct pages *const pages = argument;

	BS->FreePages(pages->address, pages->n);
}

void *test_pages(size_t n)
{
	struct pages pages = { .n = n };

	place_call(allocate, &pages);
	if (pages.address)
		platform_clear((void *)(uintptr_t)pages.address, n * 4096);
	return (void *)(uintptr_t)pages.address;
}

void test_free(void *at, size_t n)
{
	struct pages pages = { .address = (uintptr_t)at, .n = n };

	place_call(give_back, &pages);
}

static HRESULT set_property(WHV_PARTITION_HANDLE partition, UINT32 code, UINT64 value)
{
	return WHvSetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, &value,
				       sizeof(value));
}

uint64_t child_get(struct child *child, UINT32 name)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE value = { .Reg64 = 0xbadbadbadbadbad };

	(void)WHvGetVirtualProcessorRegisters(child->partition, 0, names, 1, &value);
	return value.Reg64;
}

HRESULT child_set(struct child *child, UINT32 name, uint64_t value)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE values[1] = { { .Reg128 = { { .Low64 = value } } } };

	return WHvSetVirtualProcessorRegisters(child->partition, 0, names, 1, values);
}

WHV_X64_SEGMENT_REGISTER child_segment(struct child *child, UINT32 name)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE value = { .Reg64 = 0 };

	(void)WHvGetVirtualProcessorRegisters(child->partition, 0, names, 1, &value);
	return value.Segment;
}

HRESULT child_set_segment(struct child *child, UINT32 name, uint64_t base, uint32_t limit,
			  uint16_t selector, uint16_t attributes)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE values[1] = { { .Segment = { .Base = base,
							.Limit = limit,
							.Selector = selector,
							.Attributes = attributes } } };

	return WHvSetVirtualProcessorRegisters(child->partition, 0, names, 1, values);
}

static HRESULT set_segments(struct child *child, uint16_t code, uint16_t data, uint32_t limit)
{
	static const UINT32 names[] = { WHvX64RegisterDs, WHvX64RegisterEs, WHvX64RegisterFs,
					WHvX64RegisterGs, WHvX64RegisterSs };
	HRESULT hr = child_set_segment(child, WHvX64RegisterCs, 0, limit, 8, code);

	for (unsigned int i = 0; SUCCEEDED(hr) && i < 5; i++)
		hr = child_set_segment(child, names[i], 0, limit, 16, data);
	return hr;
}

HRESULT child_set_table(struct child *child, UINT32 name, uint64_t base, uint16_t limit)
{
	WHV_REGISTER_NAME names[1] = { (WHV_REGISTER_NAME)name };
	WHV_REGISTER_VALUE values[1] = { { .Table = { .Base = base, .Limit = limit } } };

	return WHvSetVirtualProcessorRegisters(child->partition, 0, names, 1, values);
}

/* Descriptors that an interrupt loads, the same as what the segment registers hold. */
static HRESULT set_tables(struct child *child, enum child_mode mode)
{
	uint64_t *gdt = (uint64_t *)(void *)(child->ram + CHILD_GDT);
	HRESULT hr;

	gdt[1] = mode == CHILD_LONG ? 0x00af9b000000ffffull : 0x00cf9b000000ffffull;
	gdt[2] = 0x00cf93000000ffffull;
	hr = child_set_table(child, WHvX64RegisterGdtr, CHILD_GDT, 0x27);
	if (SUCCEEDED(hr))
		hr = child_set_table(child, WHvX64RegisterIdtr, CHILD_IDT,
				     mode == CHILD_LONG ? 0xfff : 0x7ff);
	return hr;
}

void child_gate(struct child *child, enum child_mode mode, unsigned int vector)
{
	uint64_t *idt = (uint64_t *)(void *)(child->ram + CHILD_IDT);
	/* A present 32-bit or 64-bit interrupt gate of DPL 0 to selector 8. */
	const uint64_t gate = (CHILD_HANDLER & 0xffff) | 8u << 16 | 0x8e00ull << 32 |
			      (CHILD_HANDLER & 0xffff0000) << 32;

	if (mode == CHILD_LONG) {
		idt[2 * vector] = gate;
		idt[2 * vector + 1] = CHILD_HANDLER >> 32;
	} else if (mode == CHILD_PROT32) {
		idt[vector] = gate;
	} else {
		((uint32_t *)(void *)child->ram)[vector] = (uint32_t)CHILD_HANDLER;
	}
}

void child_gates(struct child *child, enum child_mode mode)
{
	const unsigned int n = mode == CHILD_LONG ? 4 : mode == CHILD_PROT32 ? 2 : 1;
	uint32_t *table = (uint32_t *)(void *)(child->ram + (n == 1 ? 0 : CHILD_IDT));

	for (unsigned int i = 0; i < 256; i++) {
		child->ram[CHILD_HANDLER + i] = HLT;
		child_gate(child, mode, i);
		table[n * i] += i;
	}
}

HRESULT child_enter_ring3(struct child *child, enum child_mode mode)
{
	uint64_t *const gdt = (uint64_t *)(void *)(child->ram + CHILD_GDT);
	HRESULT hr;

	gdt[CHILD_USER_CODE / 8] =
		mode == CHILD_LONG ? 0x00affb000000ffffull : 0x00cffb000000ffffull;
	gdt[CHILD_USER_DATA / 8] = 0x00cff3000000ffffull;
	*(uint32_t *)(void *)(child->ram + 4) = (uint32_t)CHILD_STACK;
	*(uint32_t *)(void *)(child->ram + 8) = mode == CHILD_LONG ? 0 : 16;
	hr = child_set_table(child, WHvX64RegisterGdtr, CHILD_GDT, 0x4f);
	if (SUCCEEDED(hr))
		hr = child_set_segment(child, WHvX64RegisterCs, 0, 0xffffffff, CHILD_USER_CODE,
				       (mode == CHILD_LONG ? CODE64 : CODE32) | DPL3);
	if (SUCCEEDED(hr))
		hr = child_set_segment(child, WHvX64RegisterSs, 0, 0xffffffff, CHILD_USER_DATA,
				       DATA32 | DPL3);
	return SUCCEEDED(hr) ? child_set(child, WHvX64RegisterRsp, CHILD_USER_STACK) : hr;
}

static uint64_t stack_word(const struct child *child, uint64_t at, unsigned int n_bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n_bytes && at + i < CHILD_RAM; i++)
		value |= (uint64_t)child->ram[at + i] << (8 * i);
	return value;
}

struct child_frame child_frame(struct child *child, enum child_mode mode)
{
	/* Words of a frame without an error code, in 64-bit mode with SS:RSP; the bytes of a word. */
	const unsigned int n_words = mode == CHILD_LONG ? 5 : 3;
	const unsigned int n_bytes = mode == CHILD_LONG ? 8 : mode == CHILD_PROT32 ? 4 : 2;
	const uint64_t rip = child->exit.VpContext.Rip - 1 - CHILD_HANDLER;
	uint64_t rsp = child_get(child, WHvX64RegisterRsp);
	struct child_frame frame = { .vector = ~0u };
	uint64_t depth = (CHILD_STACK - rsp) / n_bytes;

	if (rip > 255)
		return frame;
	frame.vector = (uint32_t)rip;
	/* From CPL 3 32-bit code pushes SS:ESP, too. */
	if (depth >= n_words + 2)
		depth -= 2;
	frame.has_error = depth == n_words + 1;
	if (frame.has_error) {
		frame.error = (uint32_t)stack_word(child, rsp, n_bytes);
		rsp += n_bytes;
	}
	frame.rip = stack_word(child, rsp, n_bytes);
	frame.cs = stack_word(child, rsp + n_bytes, n_bytes) & 0xffff;
	frame.rflags = stack_word(child, rsp + 2 * n_bytes, n_bytes);
	return frame;
}

HRESULT child_map_rom(struct child *child, uint8_t fill)
{
	uint8_t *page = child->ram + CHILD_RAM - 4096;

	for (unsigned int i = 0; i < 4096; i++)
		page[i] = fill;
	return WHvMapGpaRange(child->partition, page, CHILD_ROM, 4096,
			      WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagExecute);
}

static HRESULT enter_long_mode(struct child *child)
{
	uint64_t *tables = (uint64_t *)(void *)(child->ram + CHILD_TABLES);
	const uint64_t pdpt = CHILD_TABLES + 0x1000, pd = CHILD_TABLES + 0x2000;
	HRESULT hr;

	tables[0] = pdpt | PTE_P | PTE_W | PTE_U;
	tables[512] = pd | PTE_P | PTE_W | PTE_U;
	for (uint64_t i = 0; i < 512; i++)
		tables[1024 + i] = i << 21 | PTE_P | PTE_W | PTE_U | PTE_PS;
	hr = child_set(child, WHvX64RegisterCr3, CHILD_TABLES);
	if (SUCCEEDED(hr))
		hr = child_set(child, WHvX64RegisterCr4, CR4_PAE | CR4_OSFXSR);
	if (SUCCEEDED(hr))
		hr = child_set(child, WHvX64RegisterEfer, EFER_LME | EFER_LMA | EFER_NXE);
	if (SUCCEEDED(hr))
		hr = child_set(child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE | CR0_PG);
	return hr;
}

static HRESULT set_mode(struct child *child, enum child_mode mode)
{
	HRESULT hr;

	switch (mode) {
	case CHILD_REAL:
		hr = set_segments(child, CODE16, DATA16, 0xffff);
		return SUCCEEDED(hr)
			       ? child_set_segment(child, WHvX64RegisterCs, 0, 0xffff, 0, CODE16)
			       : hr;
	case CHILD_PROT32:
		hr = set_segments(child, CODE32, DATA32, 0xffffffff);
		if (SUCCEEDED(hr))
			hr = child_set(child, WHvX64RegisterCr0, CR0_PE | CR0_ET | CR0_NE);
		break;
	default:
		hr = set_segments(child, CODE64, DATA32, 0xffffffff);
		if (SUCCEEDED(hr))
			hr = enter_long_mode(child);
		break;
	}
	if (SUCCEEDED(hr))
		hr = child_set_segment(child, WHvX64RegisterLdtr, 0, 0xffff, 0, LDT);
	if (SUCCEEDED(hr))
		hr = child_set_segment(child, WHvX64RegisterTr, 0, 0x67, 24, TSS);
	if (SUCCEEDED(hr))
		hr = set_tables(child, mode);
	return hr;
}

void child_load(struct child *child, struct guest_code code)
{
	for (const uint8_t *p = code.start; p < code.end; p++)
		child->ram[CHILD_CODE + (size_t)(p - code.start)] = *p;
	(void)child_set(child, WHvX64RegisterRip, CHILD_CODE);
}

struct config {
	uint32_t emulation;
	uint64_t extended_exits;
	HRESULT (*configure)(WHV_PARTITION_HANDLE partition);
};

static HRESULT set_up(struct child *child, const struct config *config)
{
	HRESULT hr = set_property(child->partition, WHvPartitionPropertyCodeProcessorCount, 1);

	if (SUCCEEDED(hr) && config->emulation)
		hr = set_property(child->partition, WhitPartitionPropertyCodeEmulation,
				  config->emulation);
	if (SUCCEEDED(hr) && config->extended_exits)
		hr = set_property(child->partition, WHvPartitionPropertyCodeExtendedVmExits,
				  config->extended_exits);
	if (SUCCEEDED(hr) && config->configure)
		hr = config->configure(child->partition);
	if (SUCCEEDED(hr))
		hr = WHvSetupPartition(child->partition);
	if (SUCCEEDED(hr))
		hr = WHvMapGpaRange(child->partition, child->ram, 0, CHILD_RAM,
				    WHvMapGpaRangeFlagRead | WHvMapGpaRangeFlagWrite |
					    WHvMapGpaRangeFlagExecute);
	if (SUCCEEDED(hr))
		hr = WHvCreateVirtualProcessor(child->partition, 0, 0);
	return hr;
}

static HRESULT create(struct child *child, enum child_mode mode, struct guest_code code,
		      const struct config *config)
{
	HRESULT hr;

	if (!child_ram)
		child_ram = test_pages(CHILD_RAM / 4096);
	if (!child_ram)
		return E_OUTOFMEMORY;
	child->ram = child_ram;
	child->partition = NULL;
	child->page = NULL;
	platform_clear(child_ram, CHILD_RAM);
	child_ram[CHILD_HANDLER] = HLT;
	hr = WHvCreatePartition(&child->partition);
	if (FAILED(hr))
		return hr;
	hr = set_up(child, config);
	if (SUCCEEDED(hr)) {
		child->page = WhitVpPage(child->partition, 0);
		hr = set_mode(child, mode);
	}
	if (SUCCEEDED(hr))
		hr = child_set(child, WHvX64RegisterRsp, CHILD_STACK);
	if (SUCCEEDED(hr))
		child_load(child, code);
	else
		child_destroy(child);
	return hr;
}

HRESULT child_create(struct child *child, enum child_mode mode, struct guest_code code,
		     uint32_t emulation, uint64_t extended_exits)
{
	const struct config config = { .emulation = emulation, .extended_exits = extended_exits };

	return create(child, mode, code, &config);
}

HRESULT child_create_configured(struct child *child, enum child_mode mode, struct guest_code code,
				HRESULT (*configure)(WHV_PARTITION_HANDLE partition))
{
	const struct config config = { .configure = configure };

	return create(child, mode, code, &config);
}

void child_destroy(struct child *child)
{
	if (child->partition)
		(void)WHvDeletePartition(child->partition);
	child->partition = NULL;
}

uint32_t child_run(struct child *child)
{
	HRESULT hr = WHvRunVirtualProcessor(child->partition, 0, &child->exit, sizeof(child->exit));

	return FAILED(hr) ? ~0u : (uint32_t)child->exit.ExitReason;
}

const struct whit_device_access *child_access(const struct child *child)
{
	return (const struct whit_device_access *)(const void *)child->exit.AsUINT64;
}

HRESULT child_answer(struct child *child, uint64_t value)
{
	return child_set(child, WhitRegisterDeviceData0, value);
}
