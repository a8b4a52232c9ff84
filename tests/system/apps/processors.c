// SPDX-License-Identifier: MIT
/*
 * What firmware and loaders do with the processors of the machine, by EFI_MP_SERVICES: all at once,
 * one by one, many times over. Each looks whether it is under Whit. Prints `ok NAME` or
 * `FAIL NAME`, and powers off.
 */
#include <efi.h>
#include <efilib.h>

#include "uefi/mp_services.h"
#include "insn.h"

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

static EFI_GUID mp_services_guid = MP_SERVICES_GUID;

#define TIMEOUT_US 20000000
#define N_ROUNDS   20
#define MAX_CPUS   256

static struct mp_services *mp;
static UINTN n_cpus;

/* Each processor writes to its own, so that no lock is needed. */
static struct {
	UINTN visits, under_whit;
} seen[MAX_CPUS];

static BOOLEAN is_under_whit(void)
{
	struct x86_cpuid id;

	insn_cpuid(1, 0, &id);
	if (!(id.ecx & CPUID1_ECX_HYPERVISOR))
		return FALSE;
	insn_cpuid(CPUID_HYPERVISOR_BASE, 0, &id);
	return id.ebx == 0x74696857 && id.ecx == id.ebx && id.edx == id.ebx;
}

static VOID EFIAPI look(VOID *argument)
{
	UINTN number = MAX_CPUS;

	(void)argument;
	if (EFI_ERROR(mp->who_am_i(mp, &number)) || number >= MAX_CPUS)
		return;
	seen[number].visits++;
	seen[number].under_whit += is_under_whit();
}

static void report(BOOLEAN is_good, const char *name)
{
	Print(L"%a %a\n", is_good ? "ok" : "FAIL", name);
}

/* Every processor but ours has been there `n` times since the last look, each time under Whit. */
static BOOLEAN were_there(UINTN n)
{
	BOOLEAN all = TRUE;
	UINTN own = MAX_CPUS;

	(void)mp->who_am_i(mp, &own);
	for (UINTN i = 0; i < n_cpus; i++) {
		if (i != own && (seen[i].visits != n || seen[i].under_whit != n)) {
			Print(L"processor %d: %d visits, %d under Whit, not %d\n", i,
			      seen[i].visits, seen[i].under_whit, n);
			all = FALSE;
		}
		seen[i].visits = seen[i].under_whit = 0;
	}
	return all;
}

static void all_at_once(void)
{
	BOOLEAN is_good = TRUE;

	for (UINTN round = 0; round < N_ROUNDS; round++)
		is_good &= !EFI_ERROR(
			mp->startup_all_aps(mp, look, FALSE, NULL, TIMEOUT_US, NULL, NULL));
	report(were_there(N_ROUNDS) && is_good, "processors_start_all_at_once");
}

static void one_after_the_other(void)
{
	BOOLEAN is_good = TRUE;

	for (UINTN round = 0; round < N_ROUNDS; round++)
		is_good &= !EFI_ERROR(
			mp->startup_all_aps(mp, look, TRUE, NULL, TIMEOUT_US, NULL, NULL));
	report(were_there(N_ROUNDS) && is_good, "processors_start_one_after_the_other");
}

static void by_number(void)
{
	BOOLEAN is_good = TRUE;
	UINTN own = 0;

	(void)mp->who_am_i(mp, &own);
	for (UINTN i = 0; i < n_cpus * N_ROUNDS; i++)
		if (i % n_cpus != own)
			is_good &= !EFI_ERROR(mp->startup_this_ap(mp, look, i % n_cpus, NULL,
								  TIMEOUT_US, NULL, NULL));
	report(were_there(N_ROUNDS) && is_good, "processors_start_by_their_number");
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	UINTN n_enabled = 0;

	InitializeLib(self, table);
	if (EFI_ERROR(BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp)) ||
	    EFI_ERROR(mp->get_number_of_processors(mp, &n_cpus, &n_enabled)) || n_cpus < 2 ||
	    n_cpus > MAX_CPUS) {
		report(FALSE, "processors_are_several");
	} else {
		Print(L"processors: %d, %d enabled\n", n_cpus, n_enabled);
		report(is_under_whit(), "processors_first_is_under_whit");
		all_at_once();
		one_after_the_other();
		by_number();
	}
	Print(L"processors: done\n");
	BS->Stall(10000);
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_DEVICE_ERROR;
}
