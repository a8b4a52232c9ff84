/* SPDX-License-Identifier: MIT */
/*
 * A hypercall's buffers (hv/mem/buffer.h): each is read once or written once, and only if it is the
 * root's memory.
 */
#include "hv/mem/buffer.h"

#include <string.h>

#include "hv/mem/frame.h"
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

void buffer_read_as_root(gpa_t gpa, void *to, unsigned int n_bytes)
{
	const uint64_t page = gpa.a & PAGE_MASK;
	struct virt_leaf leaf;

	lock_take(&hv.lock);
	leaf = virt_space_lookup(&hv.root_space, gpa);
	/*
	 * Of what is no RAM of the root's, only what the hypervisor has put there itself is its to
	 * touch.
	 */
	if (frames_hidden(page) ? !leaf.rights : !frames_are_root(page, PAGE_SIZE))
		memset(to, 0xff, n_bytes);
	else
		memcpy(to, virt_ptr(SPA(leaf.spa.a + (gpa.a & (LEVEL_SIZE(leaf.level) - 1)))),
		       n_bytes);
	lock_drop(&hv.lock);
}
