// SPDX-License-Identifier: MIT
/*
 * What an operating system does with firmware: leaves boot services, moves the runtime services to
 * addresses of its own, calls them there, and powers off by them.
 *
 * Memory is then seen twice: at its physical address, and from VIRTUAL_BASE on, which on purpose is where the
 * hypervisor has its own view in its own tables. Reports on COM1, without firmware:
 * `ok NAME` or `FAIL NAME`.
 */
#include <efi.h>
#include <efilib.h>

#include "insn.h"
#include "whit/layout.h"
#include "x86/page.h"
#include "x86/paging.h"

#define COM1	     0x3f8
#define COM1_LSR     (COM1 + 5)
#define LSR_THR_IDLE 0x20
#define LSR_IDLE     0x40 /* nothing on the wire either */

#define VIRTUAL_BASE WHIT_DIRECT_BASE
#define N_GIB	     4 /* all memory and devices of the test machines that have less */
#define N_ENTRIES    512
#define MAP_BYTES    (64 * 1024)
#define NAME_CHARS   512

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

static struct {
	UINTN n_bytes, key, stride;
	UINT32 version;
	union {
		char bytes[MAP_BYTES];
		EFI_MEMORY_DESCRIPTOR first;
	};
} map;

static void put(const char *text)
{
	for (; *text; text++) {
		while (!(insn_inb(COM1_LSR) & LSR_THR_IDLE))
			;
		insn_outb(COM1, (uint8_t)*text);
	}
}

/* What has not left the UART when the machine goes off is lost. */
static void drain(void)
{
	while (!(insn_inb(COM1_LSR) & LSR_IDLE))
		;
}

static void report(BOOLEAN is_good, const char *name)
{
	put(is_good ? "ok " : "FAIL ");
	put(name);
	put("\r\n");
}

/* The firmware's tables with VIRTUAL_BASE added, in 2 MiB pages. 0 if there is no memory. */
static uint64_t build_tables(void)
{
	uint64_t *firmware = (uint64_t *)(insn_read_cr3() & PTE_ADDR);
	EFI_PHYSICAL_ADDRESS tables;
	uint64_t *top, *level3, *level2;

	if (EFI_ERROR(BS->AllocatePages(AllocateAnyPages, EfiLoaderData, 2 + N_GIB, &tables)))
		return 0;
	ZeroMem((void *)tables, (2 + N_GIB) * PAGE_SIZE);
	top = (uint64_t *)tables;
	level3 = top + N_ENTRIES;
	level2 = level3 + N_ENTRIES;
	CopyMem(top, firmware, PAGE_SIZE);
	top[VIRTUAL_BASE >> 39 & (N_ENTRIES - 1)] = (uintptr_t)level3 | PTE_P | PTE_W;
	for (uint64_t i = 0; i < N_GIB; i++)
		level3[i] = (uintptr_t)(level2 + i * N_ENTRIES) | PTE_P | PTE_W;
	for (uint64_t i = 0; i < N_GIB * N_ENTRIES; i++)
		level2[i] = i << 21 | PTE_P | PTE_W | PTE_PS;
	return tables;
}

static EFI_STATUS exit_boot_services(EFI_HANDLE self)
{
	EFI_STATUS status = EFI_ABORTED;

	/* The first call may change the map. */
	for (int i = 0; i < 3 && EFI_ERROR(status); i++) {
		map.n_bytes = MAP_BYTES;
		status = BS->GetMemoryMap(&map.n_bytes, &map.first, &map.key, &map.stride,
					  &map.version);
		if (!EFI_ERROR(status))
			status = BS->ExitBootServices(self, map.key);
	}
	return status;
}

/* Gives the runtime areas their addresses and moves them to the front of the map; their number. */
static UINTN place_runtime(void)
{
	UINTN n = 0;

	for (UINTN at = 0; at < map.n_bytes; at += map.stride) {
		EFI_MEMORY_DESCRIPTOR *d = (void *)(map.bytes + at);

		if (!(d->Attribute & EFI_MEMORY_RUNTIME))
			continue;
		d->VirtualStart = VIRTUAL_BASE + d->PhysicalStart;
		CopyMem(map.bytes + n * map.stride, d, map.stride);
		n++;
	}
	return n;
}

static BOOLEAN time_is_plausible(void)
{
	EFI_TIME time;

	return !EFI_ERROR(RT->GetTime(&time, NULL)) && time.Year >= 2000 && time.Year < 2200 &&
	       time.Month >= 1 && time.Month <= 12;
}

/* The first variable that firmware lists can be read. */
static BOOLEAN variable_is_readable(void)
{
	static CHAR16 name[NAME_CHARS];
	static char data[4096];
	UINTN n_name = sizeof(name);
	UINTN n_data = sizeof(data);
	UINT32 attributes;
	EFI_GUID guid;

	name[0] = 0;
	return !EFI_ERROR(RT->GetNextVariableName(&n_name, name, &guid)) &&
	       !EFI_ERROR(RT->GetVariable(name, &guid, &attributes, &n_data, data)) && n_data;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	uint64_t cr3;
	UINTN n;

	InitializeLib(self, table);
	cr3 = build_tables();
	if (!cr3 || EFI_ERROR(exit_boot_services(self))) {
		report(FALSE, "exit_boot_services");
		return EFI_ABORTED;
	}
	insn_cli();
	report(TRUE, "exit_boot_services");
	insn_write_cr3(cr3);
	n = place_runtime();
	report(!EFI_ERROR(RT->SetVirtualAddressMap(n * map.stride, map.stride, map.version,
						   &map.first)),
	       "set_virtual_address_map");
	/* The table of services moves as well; its old place still shows it. */
	RT = (EFI_RUNTIME_SERVICES *)((uintptr_t)RT + VIRTUAL_BASE);
	report((uintptr_t)RT->GetTime >= VIRTUAL_BASE, "services_have_moved");
	report(time_is_plausible(), "get_time");
	report(variable_is_readable(), "get_variable");
	put("powering off\r\n");
	drain();
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	report(FALSE, "reset_system");
	for (;;)
		;
}
