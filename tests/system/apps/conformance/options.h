/* SPDX-License-Identifier: MIT */
/*
 * What the suite is asked to do, by the file \EFI\whit\tests.txt beside it: words with spaces between. A group's name
 * chooses it (no names: all groups); `hostile=N` is how many million instructions the hostile guests run for;
 * `on=N` has them run on the processor that has this number with firmware, and with `beside=1` what firmware's timer calls comes
 * from the boot processor meanwhile, and is no interrupt of the suite's: see place.h.
 * A second file, machine.txt, says which emulator it is, if it is one: `tcg=702` is QEMU 7.2's TCG, `bochs=300` Bochs 3.0.
 */
#ifndef CONFORMANCE_OPTIONS_H
#define CONFORMANCE_OPTIONS_H

#include <stdbool.h>

#include <efi.h>

/* Reads the file, if there is one. */
void options_read(EFI_HANDLE image);

/* Is the group to be run? */
bool options_want(const char *group);

/* The number of a word `name=N`, or else what is given. */
unsigned int options_number(const char *name, unsigned int otherwise);

#endif
