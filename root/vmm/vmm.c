// SPDX-License-Identifier: MIT
/* See vmm.h. */
#include "root/vmm/vmm.h"

#include "root/vmm/host.h"
#include "root/vmm/terminal.h"
#include "whit/extension.h"

static HRESULT set_property(WHV_PARTITION_HANDLE partition, UINT32 code, UINT32 value)
{
	WHV_PARTITION_PROPERTY property = { .ProcessorCount = value };

	return WHvSetPartitionProperty(partition, (WHV_PARTITION_PROPERTY_CODE)code, &property,
				       sizeof(property));
}

/* A processor starts at the top of its ROM, below 4 GiB; WHP's starts below 1 MiB. */
static HRESULT set_reset_vector(WHV_PARTITION_HANDLE partition)
{
	const WHV_REGISTER_NAME names[2] = { WHvX64RegisterCs, WHvX64RegisterRip };
	WHV_REGISTER_VALUE values[2] = {
		{ .Segment = { .Base = 0xffff0000,
			       .Limit = 0xffff,
			       .Selector = 0xf000,
			       .Attributes = 0x9b } },
		{ .Reg64 = 0xfff0 },
	};

	return WHvSetVirtualProcessorRegisters(partition, 0, names, 2, values);
}

static void init_devices(struct vmm *vmm, const struct vmm_config *config)
{
	struct host_time time = host_time();

	pic_init(&vmm->pic);
	pit_init(&vmm->pit, &vmm->now);
	cmos_init(&vmm->cmos, &vmm->now, &time, config->ram_bytes);
	serial_init(&vmm->serial, 0x3f8, 4, &vmm->pic);
	debugport_init(&vmm->debugport, config->awaited);
	fwcfg_init(&vmm->fwcfg, config->ram_bytes);
	ps2_init(&vmm->ps2, &vmm->pic);

	debugport_add_ports(&vmm->debugport, &vmm->ports);
	pci_add_ports(&vmm->pci, &vmm->ports);
	fwcfg_add_ports(&vmm->fwcfg, &vmm->ports);
	pit_add_ports(&vmm->pit, &vmm->ports);
	cmos_add_ports(&vmm->cmos, &vmm->ports);
	port92_add_ports(&vmm->port92, &vmm->ports);
	pic_add_ports(&vmm->pic, &vmm->ports);
	ps2_add_ports(&vmm->ps2, &vmm->ports);
	serial_add_ports(&vmm->serial, &vmm->ports);
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

HRESULT vmm_create(struct vmm *vmm, const struct vmm_config *config)
{
	HRESULT hr;

	vmm->tsc_hz = host_tsc_hz();
	vmm->start_tsc = host_tsc();
	vmm->now = 0;
	vmm->end = (uint64_t)config->n_seconds * PIT_HZ;
	init_devices(vmm, config);

	hr = STEP(S_OK, WHvCreatePartition(&vmm->partition));
	hr = STEP(hr, set_property(vmm->partition, WHvPartitionPropertyCodeProcessorCount, 1));
	hr = STEP(hr, set_property(vmm->partition, WhitPartitionPropertyCodeEmulation,
				   WHIT_EMULATE_PORTS | WHIT_EMULATE_MEMORY));
	hr = STEP(hr, WHvSetupPartition(vmm->partition));
	hr = STEP(hr, memory_init(&vmm->memory, vmm->partition, config->ram_bytes, config->rom,
				  config->rom_bytes));
	hr = STEP(hr, WHvCreateVirtualProcessor(vmm->partition, 0, 0));
	hr = STEP(hr, set_reset_vector(vmm->partition));
	return hr;
}

void vmm_destroy(struct vmm *vmm)
{
	if (vmm->partition)
		(void)report(WHvDeletePartition(vmm->partition), "WHvDeletePartition");
	vmm->partition = NULL;
	memory_free(&vmm->memory);
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
	terminal_print("vmm: a child partition of %lu MiB with 1 processor; its log follows\n",
		       (unsigned long)(config->ram_bytes >> 20));
	if (SUCCEEDED(vmm_create(&vmm, config))) {
		is_done = vmm_run(&vmm);
		stats_print(&vmm.stats, host_tsc() - vmm.start_tsc);
	}
	vmm_destroy(&vmm);
	return is_done;
}
