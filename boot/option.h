/* SPDX-License-Identifier: MIT */
/*
 * The boot manager's list of what to start: BootOrder and the load options Boot####, which anybody
 * may have written. Pure: variables in, a file or nothing out. UEFI "Boot Manager", "Load Options",
 * "Device Path Protocol".
 */
#ifndef BOOT_OPTION_H
#define BOOT_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_FILE_CHARS 256

/* A load option that starts a file. It points into the variable. */
struct option {
	const uint8_t *path; /* the device's: the nodes in front of the file's */
	size_t path_bytes;
	uint16_t file[OPTION_FILE_CHARS]; /* zero-terminated */
	const uint8_t *data;		  /* the load options that the loader gets */
	size_t data_bytes;
};

#define OPTION_NAME_CHARS 9

/* The name of the variable of an option: Boot####, zero-terminated. */
void option_name(uint16_t number, uint16_t name[static OPTION_NAME_CHARS]);

/*
 * Reads the n_bytes of a Boot#### variable. True if it is an active option of the boot manager (not
 * a tool of the firmware's) whose device path ends in a file; false for all else, sound or not.
 */
bool option_parse(const void *variable, size_t n_bytes, struct option *option);

/*
 * Is the volume with this device path (n_bytes, up to and with its end) the option's: the same
 * path; the partition that a path of nothing but a partition names; or any, if the option has a
 * file alone.
 */
bool option_is_on(const struct option *option, const void *volume, size_t n_bytes);

#define OPTIONS_MAX 256 /* that BootOrder may name; nobody has more */

#define OPTION_NONE 0x10000u /* in place of BootCurrent, if nobody knows it */

/*
 * The i-th option to try, from 0: those of BootOrder behind `current`, then those in front of it,
 * never `current`. False behind the last one.
 */
bool option_next(const void *order, size_t n_bytes, uint32_t current, size_t i, uint16_t *number);

#endif
