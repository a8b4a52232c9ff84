// SPDX-License-Identifier: MIT
/*
 * conformance.efi: the WHP functions in the root partition under Whit, held against their documentation,
 * check by check on the first serial port. Ends with `conformance: N passed, N failed, N skipped`, and powers off.
 */
#include <efi.h>
#include <efilib.h>

#include "root/call/call.h"
#include "root/vmm/terminal.h"
#include "tests/system/apps/conformance/check.h"
#include "tests/system/apps/conformance/options.h"
#include "tests/system/apps/conformance/place.h"

/* In the order in which they run; options.h says how to choose some. */
static const struct {
	const char *name;
	void (*checks)(void);
} groups[] = {
	{ "capability", capability_checks },
	{ "partition", partition_checks },
	{ "property", property_checks },
	{ "memory", memory_checks },
	{ "memory-change", memory_change_checks },
	{ "vp", vp_checks },
	{ "register", register_checks },
	{ "port", port_checks },
	{ "memory-exit", memory_exit_checks },
	{ "run", run_checks },
	{ "event", event_checks },
	{ "exit-exception", exit_exception_checks },
	{ "entry", entry_checks },
	{ "window", window_checks },
	{ "inject", inject_checks },
	{ "cpuid", cpuid_checks },
	{ "msr", msr_checks },
	{ "exit-rdtsc", exit_rdtsc_checks },
	{ "debug", debug_checks },
	{ "task", task_checks },
	{ "exit-msr", exit_msr_checks },
	{ "exit-cpuid", exit_cpuid_checks },
	{ "context", context_checks },
	{ "emulation", emulation_checks },
	{ "forms", forms_checks },
	{ "library", library_checks },
	{ "translate", translate_checks },
	{ "walk", walk_checks },
	{ "apic", apic_checks },
	{ "fpu", fpu_checks },
	{ "state", state_checks },
	{ "time", time_checks },
	{ "processors", processors_checks },
	/* The next ones leave TR loaded, and firmware starts other processors with the boot processor's TR. */
	{ "root", root_checks },
	{ "hidden", hidden_checks },
	{ "hostile", hostile_checks },
	{ "hostile-child", hostile_child_checks },
};

static void suite_is_on_the_processor_that_was_asked_for(void)
{
	CHECK(place_is_as_wanted());
}

static void run_groups(void)
{
	static const struct test place[] = {
		TEST(suite_is_on_the_processor_that_was_asked_for),
	};

	RUN(place);
	for (unsigned int i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (options_want(groups[i].name))
			groups[i].checks();
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	InitializeLib(image, system);
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	terminal_print("\n");
	options_read(image);
	if (!call_has_whit())
		terminal_print("FAIL conformance: this is not a root partition of Whit\n");
	else if (!place_run(options_number("on", PLACE_BOOT), options_number("beside", 0),
			    run_groups))
		terminal_print("FAIL conformance: firmware does not start that processor\n");
	check_summary();
	RT->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	return EFI_ABORTED;
}
