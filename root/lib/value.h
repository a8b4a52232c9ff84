/* SPDX-License-Identifier: MIT */
/* Capabilities, properties, counters and states: values whose size the hypervisor tells. */
#ifndef ROOT_LIB_VALUE_H
#define ROOT_LIB_VALUE_H

#include "root/call/call.h"
#include "whp/WinHvPlatform.h"

/*
 * The end of a call that reads one: hr, with the size in *written, unless that is NULL: of what has been
 * written, or of the buffer that it takes.
 */
HRESULT value_told(HRESULT hr, const struct hypercall_result *result, UINT32 *written);

#endif
