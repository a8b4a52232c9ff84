// SPDX-License-Identifier: MIT
/*
 * Starts the processor with APIC ID 1 by INIT and SIPI, as a system does that believes in no firmware: in each mode of the
 * APIC, to its ID and to all others. Prints how many of these ways have started it, in how many of them it was
 * under Whit, and the price of a write to the APIC, and powers off.
 */
#include <efi.h>
#include <efilib.h>

#include "insn.h"
#include "x86/apic.h"
#include "x86/msr.h"

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

#define TARGET	  1
#define INIT	  0x4500u
#define SIPI	  0x4600u
#define OTHERS	  0xc0000u
#define INIT_US	  10000
#define START_US  20000
#define N_WRITES  1000
#define BELOW_1MB 0x9f000

/* What the processor leaves in its page, behind its code. */
#define VISITS 0x100
#define WHOSE  0x104

/* 16-bit code, CS at the page: CPUID leaf 40000000h, EBX to WHOSE, one more at VISITS, and no more. */
static const uint8_t code[] = {
	0x66, 0xb8, 0x00, 0x00, 0x00, 0x40, /* mov eax, 0x40000000 */
	0x0f, 0xa2,			    /* cpuid */
	0x2e, 0x66, 0x89, 0x1e, 0x04, 0x01, /* mov cs:[WHOSE], ebx */
	0xf0, 0x2e, 0xff, 0x06, 0x00, 0x01, /* lock inc word cs:[VISITS] */
	0xfa, 0xf4, 0xeb, 0xfd,		    /* cli; hlt; jmp to the hlt */
};

static volatile uint8_t *page;
static UINTN n_ways, n_started, n_under_whit;

static volatile uint32_t *word(uint32_t offset)
{
	return (volatile uint32_t *)(page + offset);
}

static volatile uint32_t *apic(uint32_t offset)
{
	return (volatile uint32_t *)(uintptr_t)((insn_rdmsr(MSR_APIC_BASE) & ~0xfffull) + offset);
}

static void send(uint32_t destination, uint32_t low)
{
	if (insn_rdmsr(MSR_APIC_BASE) & APIC_BASE_EXTD) {
		insn_wrmsr(MSR_X2APIC_ICR, (uint64_t)destination << 32 | low);
		return;
	}
	*apic(XAPIC_ICR_HIGH) = destination << 24;
	*apic(XAPIC_ICR_LOW) = low;
}

static void try_to_start(uint32_t destination, uint32_t shorthand)
{
	const uint32_t before = *word(VISITS);

	*word(WHOSE) = 0;
	send(destination, INIT | shorthand);
	BS->Stall(INIT_US);
	send(destination, SIPI | shorthand | (uint32_t)((uintptr_t)page >> 12));
	BS->Stall(START_US);
	n_ways++;
	n_started += *word(VISITS) == before + 1;
	n_under_whit += *word(WHOSE) == 0x74696857;
}

/* Ends of interrupts, of which there is none. */
static uint64_t ticks_of_a_write(void)
{
	const uint64_t start = insn_rdmsr(MSR_TSC);

	for (UINTN i = 0; i < N_WRITES; i++)
		*apic(XAPIC_EOI) = 0;
	return (insn_rdmsr(MSR_TSC) - start) / N_WRITES;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	EFI_PHYSICAL_ADDRESS at = BELOW_1MB;

	InitializeLib(self, table);
	if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, EfiBootServicesData, 1, &at))) {
		Print(L"starts: no page below 1 MiB\n");
		return EFI_OUT_OF_RESOURCES;
	}
	page = (volatile uint8_t *)(uintptr_t)at;
	*word(VISITS) = 0;
	for (UINTN i = 0; i < sizeof(code); i++)
		page[i] = code[i];
	Print(L"starts: %d ticks for a write to the APIC\n", ticks_of_a_write());
	try_to_start(TARGET, 0);
	try_to_start(0, OTHERS);
	insn_wrmsr(MSR_APIC_BASE, insn_rdmsr(MSR_APIC_BASE) | APIC_BASE_EXTD);
	try_to_start(TARGET, 0);
	try_to_start(0, OTHERS);
	Print(L"starts: %d of %d, %d under Whit\n", n_started, n_ways, n_under_whit);
	BS->Stall(10000);
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_DEVICE_ERROR;
}
