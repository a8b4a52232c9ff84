/* SPDX-License-Identifier: MIT */
/* WinHvPlatformDefs.h by the name under which the SDK installs it, and most clients include it. */
#include "WinHvPlatformDefs.h"
