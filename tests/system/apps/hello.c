// SPDX-License-Identifier: MIT
/*
 * The next loader of the tests: says that it runs, under what, and how much memory is reserved, and
 * powers off.
 */
#include <efi.h>
#include <efilib.h>

#include "insn.h"

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

/* Prints the signature of the hypervisor that CPUID shows, if it shows one. */
static void print_hypervisor(void)
{
	CHAR8 signature[13] = { 0 };
	struct x86_cpuid id;

	insn_cpuid(1, 0, &id);
	if (!(id.ecx & CPUID1_ECX_HYPERVISOR)) {
		Print(L"hypervisor: none\n");
		return;
	}
	insn_cpuid(CPUID_HYPERVISOR_BASE, 0, &id);
	CopyMem(signature, &id.ebx, 4);
	CopyMem(signature + 4, &id.ecx, 4);
	CopyMem(signature + 8, &id.edx, 4);
	Print(L"hypervisor: %a\n", signature);
}

/* What a loader before us has left: text, if anything. */
static void print_options(EFI_HANDLE self)
{
	EFI_LOADED_IMAGE *loaded;

	if (!EFI_ERROR(BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded)) &&
	    loaded->LoadOptionsSize)
		Print(L"options: %s\n", loaded->LoadOptions);
}

static void print_reserved(void)
{
	UINTN n = 0, n_pages = 0, key, stride;
	UINT32 version;
	char *map = (char *)LibMemoryMap(&n, &key, &stride, &version);

	for (UINTN i = 0; map && i < n; i++) {
		EFI_MEMORY_DESCRIPTOR *d = (void *)(map + i * stride);

		if (d->Type == EfiReservedMemoryType)
			n_pages += d->NumberOfPages;
	}
	Print(L"reserved: %ld pages\n", n_pages);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	InitializeLib(self, table);
	Print(L"hello from the next loader\n");
	print_options(self);
	print_hypervisor();
	print_reserved();
	/* What has not left the UART when the machine goes off is lost. */
	BS->Stall(10000);
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_DEVICE_ERROR;
}
