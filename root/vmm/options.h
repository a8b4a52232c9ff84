/* SPDX-License-Identifier: MIT */
/*
 * The options of \whit\vmm.conf: `key = value` lines; those that begin with # are comments.
 *
 *   memory     = 192	of the guest in MiB
 *   processors = 1	of the guest
 *   repeat     = 1	how many times the guest is booted, one after the other
 *   seconds    = 600	the longest time that the guest may run
 *   command    = …	the kernel's command line
 *
 * Pure: text in, options out.
 */
#ifndef ROOT_VMM_OPTIONS_H
#define ROOT_VMM_OPTIONS_H

#include <stddef.h>

#define OPTIONS_COMMAND_BYTES 1536u

struct options {
	unsigned int memory_mib, n_processors, n_repeats, n_seconds;
	char command[OPTIONS_COMMAND_BYTES];
};

/* The options without the file: those above, and an empty command line. */
void options_default(struct options *options);

/*
 * Apply n_bytes of text. NULL, or what is wrong with the first line that is not understood; those
 * after it have no effect then.
 */
const char *options_parse(struct options *options, const char *text, size_t n_bytes);

#endif
