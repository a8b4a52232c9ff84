// SPDX-License-Identifier: MIT
/*
 * vmm.efi runs a guest from its volume in a child partition, and powers the machine off. The guest
 * is
 *
 *   \whit\vmlinuz    a Linux kernel, with \whit\initrd and the options of \whit\vmm.conf
 *   \whit\bios.bin   else, a firmware image, to the end of its self-test
 */
#include <efi.h>
#include <efilib.h>

#include "root/vmm/host.h"
#include "root/vmm/options.h"
#include "root/vmm/terminal.h"
#include "root/vmm/uefi/volume.h"
#include "root/vmm/vmm.h"

/* Of firmware's machine. The self-test takes one or two virtual seconds. */
#define FIRMWARE_RAM	 (32ull << 20)
#define FIRMWARE_SECONDS 120u

/* Firmware has nothing to boot from, and says so. Linux' first program says that it is there. */
#define FIRMWARE_LINE "No bootable device"
#define SHELL_LINE    "guest: shell"

static bool run_firmware(struct volume *volume)
{
	struct vmm_config config = { .ram_bytes = FIRMWARE_RAM,
				     .n_processors = 1,
				     .awaited = FIRMWARE_LINE,
				     .n_seconds = FIRMWARE_SECONDS };
	struct volume_file file;
	bool is_done = false;

	if (!volume_read(volume, L"\\whit\\bios.bin", &file)) {
		terminal_print("vmm: cannot read \\whit\\bios.bin\n");
		return false;
	}
	if (!file.n_bytes || file.n_bytes > MEMORY_MAX_ROM || file.n_bytes % 4096) {
		terminal_print("vmm: \\whit\\bios.bin has %lu bytes: not a firmware image of up to "
			       "256 KiB\n",
			       (unsigned long)file.n_bytes);
	} else {
		config.rom = file.bytes;
		config.rom_bytes = file.n_bytes;
		is_done = vmm_main(&config);
	}
	volume_forget(&file);
	return is_done;
}

static bool run_linux_times(const struct vmm_config *config, unsigned int n)
{
	for (unsigned int i = 1; i <= n; i++) {
		if (n > 1)
			terminal_print("vmm: boot %u of %u\n", i, n);
		if (!vmm_main(config))
			return false;
	}
	return true;
}

static bool run_linux(struct volume *volume, const struct volume_file *kernel)
{
	static struct options options;
	struct linux_image image = { .kernel = kernel->bytes,
				     .kernel_bytes = kernel->n_bytes,
				     .command_line = options.command };
	struct vmm_config config = { .image = &image, .awaited = SHELL_LINE };
	struct volume_file initrd, text;
	const char *wrong = NULL;
	bool is_done = false;

	options_default(&options);
	if (volume_read(volume, L"\\whit\\vmm.conf", &text)) {
		wrong = options_parse(&options, (const char *)text.bytes, text.n_bytes);
		volume_forget(&text);
	}
	if (wrong) {
		terminal_print("vmm: \\whit\\vmm.conf: %s\n", wrong);
		return false;
	}
	if (!volume_read(volume, L"\\whit\\initrd", &initrd)) {
		terminal_print("vmm: cannot read \\whit\\initrd\n");
		return false;
	}
	image.initrd = initrd.bytes;
	image.initrd_bytes = initrd.n_bytes;
	config.ram_bytes = (uint64_t)options.memory_mib << 20;
	config.n_processors = options.n_processors;
	config.n_seconds = options.n_seconds;
	host_listen();
	is_done = run_linux_times(&config, options.n_repeats);
	volume_forget(&initrd);
	return is_done;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	struct volume_file kernel;
	struct volume volume;
	bool is_done = false;

	InitializeLib(image, system);
	BS->SetWatchdogTimer(0, 0, 0, NULL);
	if (!volume_open(&volume, image)) {
		terminal_print("vmm: cannot read the volume\n");
	} else if (volume_read(&volume, L"\\whit\\vmlinuz", &kernel)) {
		is_done = run_linux(&volume, &kernel);
		volume_forget(&kernel);
	} else {
		is_done = run_firmware(&volume);
	}
	terminal_print(is_done ? "vmm: done\n" : "vmm: FAILED\n");
	host_flush();
	RT->ResetSystem(EfiResetShutdown, is_done ? EFI_SUCCESS : EFI_ABORTED, 0, NULL);
	return EFI_ABORTED;
}
