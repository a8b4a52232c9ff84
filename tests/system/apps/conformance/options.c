// SPDX-License-Identifier: MIT
/* See options.h. */
#include "tests/system/apps/conformance/options.h"

#include <efilib.h>

static char text[512];
static bool has_names;

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* The next word at or after *at, and where it ends; NULL if there is none. */
static const char *next_word(const char **at)
{
	const char *word = *at, *end;

	while (*word && is_space(*word))
		word++;
	for (end = word; *end && !is_space(*end); end++)
		;
	*at = end;
	return *word ? word : NULL;
}

/* What follows `name` in the word that starts at `word`; NULL if that does not begin so. */
static const char *after_name(const char *word, const char *name)
{
	while (*name && *word == *name) {
		word++;
		name++;
	}
	return *name ? NULL : word;
}

/* Put a file's words, if there is one, behind what is there. */
static void add_file(EFI_FILE_HANDLE root, CHAR16 *path)
{
	UINTN n_old = 0, n_bytes;
	EFI_FILE_HANDLE file;

	while (text[n_old])
		n_old++;
	n_bytes = sizeof(text) - 1 - n_old;
	if (root->Open(root, &file, path, EFI_FILE_MODE_READ, 0) != EFI_SUCCESS)
		return;
	if (file->Read(file, &n_bytes, text + n_old) != EFI_SUCCESS)
		n_bytes = 0;
	text[n_old + n_bytes] = '\0';
	file->Close(file);
}

void options_read(EFI_HANDLE image)
{
	static CHAR16 tests[] = L"\\EFI\\whit\\tests.txt", machine[] = L"\\EFI\\whit\\machine.txt";
	EFI_LOADED_IMAGE *loaded;
	const char *at = text, *word;
	EFI_FILE_HANDLE root;

	if (BS->HandleProtocol(image, &LoadedImageProtocol, (VOID **)&loaded) != EFI_SUCCESS)
		return;
	root = LibOpenRoot(loaded->DeviceHandle);
	if (!root)
		return;
	add_file(root, tests);
	add_file(root, machine);
	root->Close(root);
	while ((word = next_word(&at)) != NULL) {
		const char *c = word;

		while (c < at && *c != '=')
			c++;
		has_names |= c == at;
	}
}

bool options_want(const char *group)
{
	const char *at = text, *word;

	while ((word = next_word(&at)) != NULL)
		if (after_name(word, group) == at)
			return true;
	return !has_names;
}

unsigned int options_number(const char *name, unsigned int otherwise)
{
	const char *at = text, *word, *digit;
	unsigned int number = 0;

	while ((word = next_word(&at)) != NULL) {
		digit = after_name(word, name);
		if (!digit || *digit != '=')
			continue;
		for (digit++; digit < at && *digit >= '0' && *digit <= '9'; digit++)
			number = number * 10 + (unsigned int)(*digit - '0');
		return number;
	}
	return otherwise;
}
