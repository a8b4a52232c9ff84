/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target as a test: compiled with -DFUZZ_REPLAY instead of -fsanitize=fuzzer it runs the files that it
 * is given, or its committed corpus, once. Included at the end of each target, which calls REPLAY().
 */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#ifdef FUZZ_REPLAY

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static void replay(const char *path)
{
	static uint8_t data[1 << 16];
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

static int replay_all(const char *name, const char *folder, int argc, char **argv)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;
	unsigned int n = 0;
	char path[512];

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	while (argc == 1 && directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
		replay(path);
		n++;
	}
	if (directory)
		closedir(directory);
	if (argc > 1)
		return 0;
	printf("%s %s (%u inputs)\n", n ? "ok" : "FAIL", name, n);
	return !n;
}

#define REPLAY(name, folder)                                 \
	int main(int argc, char **argv)                      \
	{                                                    \
		return replay_all(name, folder, argc, argv); \
	}

#else
#define REPLAY(name, folder)
#endif

#endif
