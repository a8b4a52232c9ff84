/* SPDX-License-Identifier: MIT */
/* A hypercall's buffers (hv/buffer.h): read once or written once, in one go, and only if they are the root's. */
#include "hv/buffer.h"

#include <string.h>

#include "hv/frame.h"
#include "hv/hv.h"

bool buffer_is_legal(uint64_t spa, uint64_t n_bytes)
{
	return !(spa & 7) && frames_are_root(spa, n_bytes);
}

bool buffer_read(uint64_t spa, void *to, uint64_t n_bytes)
{
	bool is_legal;

	lock_take(&hv.lock);
	is_legal = buffer_is_legal(spa, n_bytes);
	if (is_legal)
		memcpy(to, virt_ptr(SPA(spa)), n_bytes);
	lock_drop(&hv.lock);
	return is_legal;
}

bool buffer_read_part(uint64_t spa, uint64_t offset, void *to, uint64_t n_bytes)
{
	bool is_legal;

	lock_take(&hv.lock);
	is_legal = offset <= ~spa && buffer_is_legal(spa, offset + n_bytes);
	if (is_legal)
		memcpy(to, virt_ptr(SPA(spa + offset)), n_bytes);
	lock_drop(&hv.lock);
	return is_legal;
}

bool buffer_write(uint64_t spa, const void *from, uint64_t n_bytes)
{
	bool is_legal;

	lock_take(&hv.lock);
	is_legal = buffer_is_legal(spa, n_bytes);
	if (is_legal)
		memcpy(virt_ptr(SPA(spa)), from, n_bytes);
	lock_drop(&hv.lock);
	return is_legal;
}
