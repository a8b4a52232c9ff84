/* SPDX-License-Identifier: MIT */
/* The one shared object (hv/hv.h), in a file of its own: everything stands on it, and it on nothing. */
#include "hv/hv.h"

struct hv hv;
