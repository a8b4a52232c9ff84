/* SPDX-License-Identifier: MIT */
/* WinHvEmulation.h by the name under which the SDK installs it, and most clients include it. */
#include "WinHvEmulation.h"
