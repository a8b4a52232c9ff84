// SPDX-License-Identifier: MIT
/*
 * whit.efi: read the options, put the hypervisor under the machine, start the next loader. Whatever
 * goes wrong on the way costs one line on the console, and the machine boots on without the
 * hypervisor.
 */
#include <efi.h>
#include <efilib.h>

#include "config.h"
#include "cpu.h"
#include "next.h"
#include "takeover.h"
#include "volume.h"

#define CONFIG_FILE	  L"\\EFI\\whit\\whit.conf"
#define CONFIG_FILE_BYTES 8192

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

static void config_warn(void *context, unsigned line, const char *what)
{
	(void)context;
	Print(L"whit: whit.conf line %d: %a\n", line, what);
}

static void config_read(EFI_HANDLE self, struct config *config)
{
	static char text[CONFIG_FILE_BYTES];
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;
	size_t n;

	config_default(config);
	status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded);
	if (!EFI_ERROR(status))
		status = volume_read(loaded->DeviceHandle, CONFIG_FILE, text, sizeof(text), &n);
	if (!EFI_ERROR(status))
		config_parse(config, text, n, config_warn, NULL);
	else if (status != EFI_NOT_FOUND)
		Print(L"whit: whit.conf cannot be read: %r\n", status);
}

/* System V convention: gnu-efi's start code calls it. */
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	uint64_t start = cpu_tsc();
	struct config config;

	InitializeLib(self, table);
	Print(L"whit 0.1\n");
	config_read(self, &config);
	takeover(&config);
	return next_start(self, &config, start);
}
