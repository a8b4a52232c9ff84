// SPDX-License-Identifier: MIT
/*
 * A boot manager: writes BootOrder, BootCurrent and load options as \bootorder.txt says, then starts \EFI\whit\whit.efi.
 * Each line is `NUMBER HOW FILE`, in the order of BootOrder; HOW is one of
 *
 *   good       an active option
 *   current    likewise, and BootCurrent
 *   options    likewise, with load options
 *   inactive   it is not active
 *   tool       of the category of applications
 *   cut        the variable ends in the middle of the path
 *   missing    there is no such variable
 */
#include <efi.h>
#include <efilib.h>

#define ACTIVE 1
#define TOOL   0x100

#define MAX 32

static EFI_GUID global = {
	0x8be4df61, 0x93ca, 0x11d2, { 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c }
};

static UINT16 order[MAX];
static UINTN n_order;
static EFI_HANDLE device;

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);

static void set(CHAR16 *name, void *data, UINTN n_bytes)
{
	EFI_STATUS status = RT->SetVariable(
		name, &global, EFI_VARIABLE_BOOTSERVICE_ACCESS | EFI_VARIABLE_RUNTIME_ACCESS,
		n_bytes, data);

	/* What is there already has other attributes. */
	if (EFI_ERROR(status))
		status = RT->SetVariable(name, &global,
					 EFI_VARIABLE_NON_VOLATILE |
						 EFI_VARIABLE_BOOTSERVICE_ACCESS |
						 EFI_VARIABLE_RUNTIME_ACCESS,
					 n_bytes, data);
	if (EFI_ERROR(status))
		Print(L"bootorder: FAILED: %s: %r\n", name, status);
}

static BOOLEAN is(const CHAR8 *word, const char *other)
{
	return !strcmpa(word, (const CHAR8 *)other);
}

static void write_option(UINT16 number, const CHAR8 *how, const CHAR8 *file)
{
	static CHAR16 data[] = L"from the boot order";
	static UINT8 option[1024];
	CHAR16 path[128], name[9];
	EFI_DEVICE_PATH *device_path;
	UINT32 attributes = is(how, "inactive") ? 0 : is(how, "tool") ? ACTIVE | TOOL : ACTIVE;
	UINTN n = 0, path_bytes;

	do
		path[n] = file[n];
	while (file[n++]);
	device_path = FileDevicePath(device, path);
	path_bytes = DevicePathSize(device_path);
	CopyMem(option, &attributes, 4);
	option[4] = (UINT8)path_bytes;
	option[5] = (UINT8)(path_bytes >> 8);
	CopyMem(option + 6, L"test", 10);
	CopyMem(option + 16, device_path, path_bytes);
	n = 16 + path_bytes;
	if (is(how, "options")) {
		CopyMem(option + n, data, sizeof(data));
		n += sizeof(data);
	}
	if (is(how, "cut"))
		n -= 7;
	CopyMem(name, L"Boot", 8);
	for (int i = 0; i < 4; i++)
		name[4 + i] = L"0123456789ABCDEF"[number >> (12 - 4 * i) & 0xf];
	name[8] = 0;
	set(name, option, n);
}

/* The next word of the text, zero-terminated in place. */
static CHAR8 *word(CHAR8 **at)
{
	CHAR8 *from;

	while (**at == ' ' || **at == '\n')
		(*at)++;
	from = *at;
	while (**at && **at != ' ' && **at != '\n')
		(*at)++;
	if (**at)
		*(*at)++ = 0;
	return from;
}

static UINT16 hexadecimal(const CHAR8 *digits)
{
	UINT16 value = 0;

	for (; *digits; digits++)
		value = (UINT16)(value << 4 | ((*digits & 0xf) + (*digits > '9' ? 9 : 0)));
	return value;
}

static void write_options(CHAR8 *text)
{
	CHAR8 *number, *how, *file;

	while (*(number = word(&text)) && n_order < MAX) {
		how = word(&text);
		file = word(&text);
		order[n_order] = hexadecimal(number);
		if (is(how, "current"))
			set(L"BootCurrent", &order[n_order], 2);
		if (!is(how, "missing"))
			write_option(order[n_order], how, file);
		n_order++;
	}
	set(L"BootOrder", order, 2 * n_order);
}

static EFI_STATUS read_text(CHAR8 *text, UINTN max)
{
	EFI_FILE_HANDLE root = LibOpenRoot(device), file;
	EFI_STATUS status = EFI_NOT_FOUND;
	UINTN n = max - 1;

	if (root)
		status = root->Open(root, &file, L"\\bootorder.txt", EFI_FILE_MODE_READ, 0);
	if (!EFI_ERROR(status))
		status = file->Read(file, &n, text);
	text[EFI_ERROR(status) ? 0 : n] = 0;
	return status;
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
	static CHAR8 text[2048];
	EFI_LOADED_IMAGE *loaded;
	EFI_STATUS status;
	EFI_HANDLE whit;

	InitializeLib(self, table);
	status = BS->HandleProtocol(self, &LoadedImageProtocol, (void **)&loaded);
	device = loaded->DeviceHandle;
	if (!EFI_ERROR(status))
		status = read_text(text, sizeof(text));
	if (!EFI_ERROR(status)) {
		write_options(text);
		status =
			BS->LoadImage(FALSE, self, FileDevicePath(device, L"\\EFI\\whit\\whit.efi"),
				      NULL, 0, &whit);
	}
	if (!EFI_ERROR(status))
		status = BS->StartImage(whit, NULL, NULL);
	Print(L"bootorder: %r\n", status);
	return status;
}
