// SPDX-License-Identifier: MIT
/*
 * A UEFI application that boots the Linux kernel \whit\vmlinuz with \whit\initrd and the command line of \whit\vmm.conf on
 * the machine itself, by the VMM's own loader and with the VMM's own ACPI tables: what `make bench` compares the
 * guest's boot with. It prints the time stamp counter before it begins; the kernel's first program prints it again.
 */
#include <efi.h>
#include <efilib.h>

#include "root/vmm/acpi.h"
#include "root/vmm/host.h"
#include "root/vmm/linux.h"
#include "root/vmm/options.h"
#include "root/vmm/terminal.h"
#include "root/vmm/uefi/volume.h"
#include "tests/bench/linux_enter.h"

#define PAGES(n_bytes) (((n_bytes) + 4095) / 4096)

#define BELOW_640K 0x9ffffull
#define BELOW_2GIB 0x7fffffffull

static struct linux_range ranges[LINUX_MAX_RANGES];
static uint8_t map[64 * 1024];

/* E820's name for what is left to the kernel when firmware has gone. */
static uint32_t type_of(const EFI_MEMORY_DESCRIPTOR *d)
{
	switch (d->Type) {
	case EfiLoaderCode:
	case EfiLoaderData:
	case EfiBootServicesCode:
	case EfiBootServicesData:
	case EfiConventionalMemory: return LINUX_RAM;
	default: return LINUX_RESERVED;
	}
}

/* Neighbours of one type become one range. Gives their number; 0: too many. */
static unsigned int make_ranges(UINTN map_bytes, UINTN step)
{
	unsigned int n = 0;

	for (UINTN at = 0; at < map_bytes; at += step) {
		const EFI_MEMORY_DESCRIPTOR *d = (const EFI_MEMORY_DESCRIPTOR *)(map + at);
		uint64_t n_bytes = d->NumberOfPages * 4096;

		if (n && ranges[n - 1].type == type_of(d) &&
		    ranges[n - 1].start + ranges[n - 1].n_bytes == d->PhysicalStart) {
			ranges[n - 1].n_bytes += n_bytes;
			continue;
		}
		if (n == LINUX_MAX_RANGES)
			return 0;
		ranges[n++] = (struct linux_range) { d->PhysicalStart, n_bytes, type_of(d) };
	}
	return n;
}

static bool allocate(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, uint64_t n_bytes,
		     uint64_t *address)
{
	EFI_PHYSICAL_ADDRESS at = *address;

	if (BS->AllocatePages(how, type, PAGES(n_bytes), &at) != EFI_SUCCESS)
		return false;
	*address = at;
	return true;
}

static const char *boot(EFI_HANDLE image_handle, const struct linux_image *image, uint32_t n_cpus)
{
	struct linux_places places = { .low = BELOW_640K,
				       .kernel = BELOW_2GIB,
				       .initrd = BELOW_2GIB };
	UINTN map_bytes = sizeof(map), key, step;
	uint64_t tables = BELOW_2GIB;
	struct linux_kernel kernel;
	struct linux_start start;
	const char *wrong;
	UINT32 version;

	wrong = linux_check(image, &kernel);
	if (wrong)
		return wrong;
	if (!kernel.alignment)
		return "the kernel cannot be moved";
	if (!allocate(AllocateMaxAddress, EfiLoaderData, kernel.needed_bytes + kernel.alignment,
		      &places.kernel) ||
	    !allocate(AllocateMaxAddress, EfiLoaderData, LINUX_LOW_BYTES, &places.low) ||
	    !allocate(AllocateMaxAddress, EfiLoaderData, image->initrd_bytes, &places.initrd) ||
	    !allocate(AllocateMaxAddress, EfiReservedMemoryType, ACPI_TABLE_BYTES, &tables))
		return "no memory";
	/* Where it would rather be firmware has its decompressed volumes. */
	places.kernel = (places.kernel + kernel.alignment - 1) & ~(kernel.alignment - 1);
	acpi_build((uint8_t *)(uintptr_t)tables, (uint32_t)tables, n_cpus);
	if (BS->GetMemoryMap(&map_bytes, (EFI_MEMORY_DESCRIPTOR *)map, &key, &step, &version) !=
	    EFI_SUCCESS)
		return "no memory map";
	wrong = linux_load(image, &kernel, &places, ranges, make_ranges(map_bytes, step), tables, 0,
			   &start);
	if (wrong)
		return wrong;
	if (BS->ExitBootServices(image_handle, key) != EFI_SUCCESS)
		return "firmware does not leave";
	linux_enter(&start);
}

EFI_STATUS efi_main(EFI_HANDLE image_handle, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image_handle, EFI_SYSTEM_TABLE *system)
{
	static struct options options;
	static char command[OPTIONS_COMMAND_BYTES + 64];
	struct volume_file kernel, initrd, text;
	struct linux_image image;
	struct volume volume;
	const char *wrong;

	InitializeLib(image_handle, system);
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	options_default(&options);
	if (!volume_open(&volume, image_handle) ||
	    !volume_read(&volume, L"\\whit\\vmlinuz", &kernel) ||
	    !volume_read(&volume, L"\\whit\\initrd", &initrd) ||
	    !volume_read(&volume, L"\\whit\\vmm.conf", &text) ||
	    options_parse(&options, (const char *)text.bytes, text.n_bytes)) {
		terminal_print("bare: cannot read the guest\n");
		return EFI_LOAD_ERROR;
	}
	image = (struct linux_image) {
		.kernel = kernel.bytes,
		.kernel_bytes = kernel.n_bytes,
		.initrd = initrd.bytes,
		.initrd_bytes = initrd.n_bytes,
		.command_line =
			linux_command(command, sizeof(command), options.command, host_tsc_hz()),
	};
	terminal_print("bare: start %lu\n", host_tsc());
	wrong = boot(image_handle, &image, options.n_processors);
	terminal_print("bare: FAILED: %s\n", wrong);
	host_flush();
	RT->ResetSystem(EfiResetShutdown, EFI_ABORTED, 0, NULL);
	return EFI_ABORTED;
}
