// SPDX-License-Identifier: MIT
/* See vmm.h. */
#include "root/vmm/vmm.h"

#include "root/vmm/acpi.h"
#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "whit/extension.h"

#define MIB	    0x100000u
#define VIDEO_START 0xa0000u
#define ACPI_START  0xe0000u

static HRESULT set_property(WHV_PARTITION_HANDLE partition, UINT32 code, UINT32 value)
{
	WHV_PARTITION_PROPERTY property = { .ProcessorCount = value };

	return WHvSetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, &property,
				       sizeof(property));
}

/* Devices of a PC that SeaBIOS uses beside those that Linux needs. */
static void init_firmware_devices(struct vmm *vmm, const struct vmm_config *config)
{
	debugport_init(&vmm->debugport, &vmm->watch);
	fwcfg_init(&vmm->fwcfg, config->ram_bytes);
	ps2_init(&vmm->ps2, &vmm->pic);

	debugport_add_ports(&vmm->debugport, &vmm->ports);
	fwcfg_add_ports(&vmm->fwcfg, &vmm->ports);
	port92_add_ports(&vmm->port92, &vmm->ports);
	ps2_add_ports(&vmm->ps2, &vmm->ports);
}

static void init_devices(struct vmm *vmm, const struct vmm_config *config)
{
	struct host_time time = host_time();

	pic_init(&vmm->pic);
	pit_init(&vmm->pit, &vmm->now);
	cmos_init(&vmm->cmos, &vmm->now, &time, config->ram_bytes);
	serial_init(&vmm->serial, 0x3f8, 4, &vmm->pic, config->rom ? NULL : &vmm->watch);
	pm_init(&vmm->pm);

	if (config->rom)
		init_firmware_devices(vmm, config);
	serial_add_ports(&vmm->serial, &vmm->ports);
	pci_add_ports(&vmm->pci, &vmm->ports);
	pit_add_ports(&vmm->pit, &vmm->ports);
	cmos_add_ports(&vmm->cmos, &vmm->ports);
	pic_add_ports(&vmm->pic, &vmm->ports);
	if (!config->rom)
		pm_add_ports(&vmm->pm, &vmm->ports);
}

/* Say which step has failed, and how. */
static HRESULT report(HRESULT hr, const char *what)
{
	if (FAILED(hr))
		terminal_print("vmm: %s: %08x\n", what, (unsigned int)hr);
	return hr;
}

/* The next step, unless one before it has failed. */
#define STEP(hr, call) (FAILED(hr) ? (hr) : report(call, #call))

/* Load Linux and what it looks for in memory. */
static HRESULT load_linux(struct vmm *vmm, const struct vmm_config *config,
			  struct linux_start *start)
{
	const struct linux_range ranges[] = {
		{ 0, VIDEO_START, LINUX_RAM },
		{ ACPI_START, MIB - ACPI_START, LINUX_RESERVED },
		{ MIB, config->ram_bytes - MIB, LINUX_RAM },
	};
	struct linux_image image = *config->image;
	char command[VMM_COMMAND_BYTES];
	struct linux_kernel kernel;
	struct linux_places places;
	const char *wrong;

	image.command_line =
		linux_command(command, sizeof(command), image.command_line, vmm->tsc_hz);
	wrong = linux_check(&image, &kernel);
	if (!wrong && !linux_place(&image, &kernel, config->ram_bytes, &places))
		wrong = "the guest's memory is too small";
	if (!wrong) {
		acpi_build(vmm->memory.ram + ACPI_START, ACPI_START, config->n_processors);
		wrong = linux_load(&image, &kernel, &places, ranges,
				   sizeof(ranges) / sizeof(ranges[0]), ACPI_START,
				   (uintptr_t)vmm->memory.ram, start);
	}
	if (wrong)
		terminal_print("vmm: %s\n", wrong);
	return wrong ? E_INVALIDARG : S_OK;
}

static HRESULT create_processors(struct vmm *vmm)
{
	HRESULT hr = STEP(S_OK, WHvCreateVirtualProcessor(vmm->partition, 0, 0));

	for (UINT32 vp = 1; vp < vmm->n_vps; vp++) {
		hr = STEP(hr, WHvCreateVirtualProcessor(vmm->partition, vp, 0));
		hr = STEP(hr, start_suspended(vmm->partition, vp));
	}
	return hr;
}

/* The hypervisor's word on it, which the guest's CPUID repeats. */
static uint64_t tsc_hz(void)
{
	WHV_CAPABILITY capability = { .ProcessorClockFrequency = 0 };
	HRESULT hr = WHvGetCapability(WHvCapabilityCodeProcessorClockFrequency, &capability,
				      sizeof(capability), NULL);

	return SUCCEEDED(hr) && capability.ProcessorClockFrequency
		       ? capability.ProcessorClockFrequency
		       : host_tsc_hz();
}

HRESULT vmm_create(struct vmm *vmm, const struct vmm_config *config)
{
	struct linux_start start;
	HRESULT hr;

	*vmm = (struct vmm) { .has_apic = !config->rom,
			      .tsc_hz = tsc_hz(),
			      .start_tsc = host_tsc(),
			      .end = (uint64_t)config->n_seconds * PIT_HZ };
	seats_start(vmm, config->n_processors);
	watch_init(&vmm->watch, config->awaited);
	init_devices(vmm, config);

	hr = STEP(S_OK, WHvCreatePartition(&vmm->partition));
	hr = STEP(hr, set_property(vmm->partition, WHvPartitionPropertyCodeProcessorCount,
				   config->n_processors));
	hr = STEP(hr, set_property(vmm->partition, WhitPartitionPropertyCodeEmulation,
				   WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY));
	if (vmm->has_apic) {
		hr = STEP(hr, set_property(vmm->partition,
					   WHvPartitionPropertyCodeLocalApicEmulationMode,
					   WHvX64LocalApicEmulationModeXApic));
		hr = STEP(hr,
			  set_property(vmm->partition, WhitPartitionPropertyCodeTurnExits,
				       WHIT_TURN_HALT |
					       (vmm->n_vps > vmm->n_seats ? WHIT_TURN_SPIN : 0)));
	}
	hr = STEP(hr, WHvSetupPartition(vmm->partition));
	hr = STEP(hr, memory_init(&vmm->memory, vmm->partition, config->ram_bytes, config->rom,
				  config->rom_bytes));
	hr = STEP(hr, create_processors(vmm));
	if (config->rom)
		return STEP(hr, start_at_reset_vector(vmm->partition));
	hr = STEP(hr, load_linux(vmm, config, &start));
	return STEP(hr, start_in_long_mode(vmm->partition, &start));
}

void vmm_destroy(struct vmm *vmm)
{
	seats_leave(vmm);
	if (vmm->partition)
		(void)report(WHvDeletePartition(vmm->partition), "WHvDeletePartition");
	vmm->partition = NULL;
	memory_free(&vmm->memory);
}

static void print_stats(const struct vmm *vmm)
{
	struct stats stats = vmm->seats[0].stats;

	for (unsigned int i = 1; i < vmm->n_seats; i++)
		stats_add(&stats, &vmm->seats[i].stats);
	stats_print(&stats, vmm->n_seats, host_tsc() - vmm->start_tsc);
	stats_print_counters(vmm->partition, vmm->n_vps);
}

/* Run the guest until it has ended. True if it has succeeded. */
static bool run(struct vmm *vmm)
{
	if (vmm->n_seats > 1)
		terminal_print("vmm: %u processors of the host run it\n", vmm->n_seats);
	seats_run(vmm);
	return vmm->watch.has_come && (!vmm->has_apic || vmm->pm.wants_off);
}

bool vmm_main(const struct vmm_config *config)
{
	static struct vmm vmm;
	WHV_CAPABILITY capability = { .HypervisorPresent = 0 };
	bool is_done = false;
	HRESULT hr;

	hr = WHvGetCapability(WHvCapabilityCodeHypervisorPresent, &capability, sizeof(capability),
			      NULL);
	if (FAILED(hr) || !capability.HypervisorPresent) {
		terminal_print("vmm: there is no hypervisor\n");
		return false;
	}
	terminal_print("vmm: a child partition of %lu MiB with %u processor%s; its log follows\n",
		       (unsigned long)(config->ram_bytes >> 20), config->n_processors,
		       config->n_processors == 1 ? "" : "s");
	if (SUCCEEDED(vmm_create(&vmm, config))) {
		is_done = run(&vmm);
		print_stats(&vmm);
	}
	vmm_destroy(&vmm);
	return is_done;
}
