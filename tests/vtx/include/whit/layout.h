/* SPDX-License-Identifier: MIT */
/* Where a host program sees the model's physical memory; the rest is the hypervisor's own map. */
#ifndef VTX_LAYOUT_H
#define VTX_LAYOUT_H

#include "include/whit/layout.h"

#undef WHIT_DIRECT_BASE
#define WHIT_DIRECT_BASE 0x200000000000ull

#endif
