/* SPDX-License-Identifier: MIT */
/* WinHvPlatform.h by the name under which the SDK installs it, and most clients include it. */
#include "WinHvPlatform.h"
