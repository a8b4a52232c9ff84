/* SPDX-License-Identifier: MIT */
/* A capability or a property on its way from the hypervisor to the client. */
#ifndef ROOT_LIB_VALUE_H
#define ROOT_LIB_VALUE_H

#include "whp/WinHvPlatform.h"

/* Larger than any value that can be read: the hypervisor never runs out of room. */
union value_buffer {
	uint64_t words[32];
	WHV_CAPABILITY capability;
	WHV_PARTITION_PROPERTY property;
};

/* Give the client its n_bytes, or WHV_E_INSUFFICIENT_BUFFER and the size that is needed. */
HRESULT value_deliver(const union value_buffer *value, uint64_t n_bytes, VOID *buffer,
		      UINT32 buffer_bytes, UINT32 *written);

#endif
