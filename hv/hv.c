/* SPDX-License-Identifier: MIT */
/*
 * The one shared object (hv/hv.h). It has a file of its own because all others use it and it uses
 * none.
 */
#include "hv/hv.h"

struct hv hv;
