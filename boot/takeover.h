/* SPDX-License-Identifier: MIT */
/* Putting the hypervisor under the running machine. */
#ifndef BOOT_TAKEOVER_H
#define BOOT_TAKEOVER_H

#include <stdbool.h>

#include "config.h"

/*
 * Starts the hypervisor, makes sure that it is there, and prints its report. True if it holds the
 * machine. Else the machine is as it was, all memory is given back, and one line has been printed
 * that says why.
 */
bool takeover(const struct config *config);

#endif
