// SPDX-License-Identifier: MIT
/*
 * smp.efi: costs of a child's exits while the other processors of the root run children, too. Figure NAME.N is that of one
 * processor while N of them do the same, each with a partition of its own: smp.port.roundtrip, smp.cpuid.inside as
 * child.… of bench.efi; smp.shared.… the same with VPs of one partition.
 *
 * An emulated machine's clock counts for all processors together, and not evenly: it depends on what each of them does. So
 * ticks under load are turned into those without by a yardstick of the same kind, the null hypercall, which is measured
 * under the same load. Between NAME.1 and NAME.N the figures compare, with those of bench.efi they do not.
 */
#include <efi.h>
#include <efilib.h>

#include "root/call/call.h"
#include "root/vmm/terminal.h"
#include "tests/bench/bench.h"
#include "tests/system/apps/conformance/child.h"
#include "uefi/mp_services.h"

DECLARE_GUEST(bench_cpuid_loop);
DECLARE_GUEST(bench_empty_loop);
DECLARE_GUEST(bench_out);

#define MOST_CPUS 8u

static EFI_GUID mp_services_guid = MP_SERVICES_GUID;
static struct mp_services *mp;
static UINTN n_cpus = 1;

/* A processor, and the child that it runs; the first is this one. */
static struct runner {
	struct child child;
	EFI_EVENT ended;
	volatile uint64_t n_runs; /* for ever, while it is another's */
	volatile bool is_stopped;
} runners[MOST_CPUS];

/* ---- The load ---------------------------------------------------------------------------- */

/* One round: up to the port, or from the start to the HLT behind the loop. */
static bool run_once(struct child *child, uint64_t n_loops)
{
	if (n_loops) {
		child->page->gpr[7] = n_loops;
		child->page->rip = CHILD_CODE;
		child->page->dirty |= WHIT_PAGE_RIP | 1u << 7;
		return child_run(child) == WHvRunVpExitReasonX64Halt;
	}
	if (child_run(child) != WHvRunVpExitReasonX64IoPortAccess)
		return false;
	child->page->rip = child->exit.VpContext.Rip + 2;
	child->page->dirty |= WHIT_PAGE_RIP;
	return true;
}

static uint64_t n_loops; /* of the guest's, in a round; 0: it is a port */

static VOID EFIAPI run_until_stopped(VOID *argument)
{
	struct runner *const runner = argument;

	while (!runner->is_stopped && run_once(&runner->child, n_loops))
		runner->n_runs++;
}

static bool start(UINTN number)
{
	struct runner *const runner = &runners[number];

	runner->n_runs = 0;
	runner->is_stopped = false;
	if (BS->CreateEvent(0, 0, NULL, NULL, &runner->ended) != EFI_SUCCESS ||
	    mp->startup_this_ap(mp, run_until_stopped, number, runner->ended, 0, runner, NULL) !=
		    EFI_SUCCESS)
		return false;
	while (!runner->n_runs)
		__builtin_ia32_pause();
	return true;
}

/* False if it had ended by itself, which it does when something fails. */
static bool stop(UINTN number)
{
	struct runner *const runner = &runners[number];
	const bool has_ended = BS->CheckEvent(runner->ended) == EFI_SUCCESS;

	runner->is_stopped = true;
	while (!has_ended && BS->CheckEvent(runner->ended) != EFI_SUCCESS)
		__builtin_ia32_pause();
	BS->CloseEvent(runner->ended);
	return !has_ended;
}

/* ---- Figures ----------------------------------------------------------------------------- */

static bool has_lost;

static void rounds(uint64_t n)
{
	while (n--)
		has_lost |= !run_once(&runners[0].child, n_loops);
}

/* Ticks of n of them, each as it would count without the load. */
static uint64_t own_ticks(uint64_t ticks, uint64_t n)
{
	static uint64_t without_load;
	const uint64_t yardstick = bench_best_hypercall(10 * PER_BATCH);

	if (!without_load)
		without_load = yardstick;
	return ticks * without_load / yardstick / n;
}

/* With n_busy processors, this one among them; the least of what a round takes. */
static uint64_t measure(struct guest_code code, uint64_t loops, UINTN n_busy)
{
	HRESULT hr = S_OK;
	uint64_t ticks = 0;
	UINTN n_started = 1;

	n_loops = loops;
	for (UINTN i = 0; i < n_busy && SUCCEEDED(hr); i++)
		hr = child_create(&runners[i].child, CHILD_LONG, code, 0, 0);
	if (FAILED(hr)) {
		bench_fail("smp", hr, 0);
		return 0;
	}
	while (n_started < n_busy && start(n_started))
		n_started++;
	has_lost = n_started < n_busy;
	if (!has_lost)
		ticks = own_ticks(bench_best(rounds, PER_BATCH), PER_BATCH);
	for (UINTN i = 1; i < n_started; i++)
		has_lost |= !stop(i);
	if (has_lost)
		bench_fail("smp", E_FAIL, (uint32_t)runners[0].child.exit.ExitReason);
	for (UINTN i = 0; i < n_busy; i++)
		child_destroy(&runners[i].child);
	return ticks;
}

static void report(const char *what, UINTN n_busy, uint64_t ticks)
{
	char name[40];
	unsigned int n = 0;

	while (what[n] && n < sizeof(name) - 3) {
		name[n] = what[n];
		n++;
	}
	name[n++] = '.';
	name[n++] = (char)('0' + n_busy);
	name[n] = 0;
	bench_report(name, ticks);
}

#define INSIDE 200u /* loops in a round */

static void figures(UINTN n_busy)
{
	const uint64_t with = measure(GUEST(bench_cpuid_loop), INSIDE, n_busy);
	const uint64_t without = measure(GUEST(bench_empty_loop), INSIDE, n_busy);

	report("smp.cpuid.inside", n_busy, (with - without) / INSIDE);
	report("smp.port.roundtrip", n_busy, measure(GUEST(bench_out), 0, n_busy));
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	UINTN n_all;

	InitializeLib(image, system);
	terminal_print("\n");
	if (!call_has_whit()) {
		bench_fail("smp: this is not a root partition of Whit", E_FAIL, 0);
	} else {
		if (BS->LocateProtocol(&mp_services_guid, NULL, (void **)&mp) != EFI_SUCCESS ||
		    mp->get_number_of_processors(mp, &n_all, &n_cpus) != EFI_SUCCESS)
			n_cpus = 1;
		for (UINTN n = 1; n <= n_cpus && n <= MOST_CPUS; n++)
			figures(n);
	}
	terminal_print(bench_has_failed ? "smp: FAILED\n" : "smp: done\n");
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_ABORTED;
}
