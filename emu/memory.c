/* SPDX-License-Identifier: MIT */
/*
 * Memory operands: checked and translated whole into at most two places of one page each, before
 * anything is read or written through them.
 */
#include <string.h>

#include "emu/run.h"

/* Translate `n_bytes` (at most a page) at a linear address that has been checked. */
enum emu_outcome emu_place_linear(struct emu_run *run, uint64_t linear, unsigned int n_bytes,
				  unsigned int access, struct emu_place *place)
{
	uint64_t n_first = PAGE_SIZE - PAGE_OFFSET(linear);
	enum emu_outcome outcome;

	access &= ~EMU_EXECUTABLE;
	if (n_first > n_bytes)
		n_first = n_bytes;
	place->n_bytes[0] = (unsigned int)n_first;
	place->n_bytes[1] = n_bytes - (unsigned int)n_first;
	outcome =
		run->ops->translate(run->ctx, GVA(linear), access, &place->gpa[0], run->exception);
	if (outcome != EMU_DONE || !place->n_bytes[1])
		return outcome;

	linear += n_first;
	if (run->cpu->mode != EMU_LONG64)
		linear &= 0xffffffff;
	return run->ops->translate(run->ctx, GVA(linear), access, &place->gpa[1], run->exception);
}

/*
 * Check and translate `n_bytes` at seg:offset for `access`; nothing is accessed. First what nearly
 * every operand is: in 64-bit mode with no segment base, canonical, aligned, and thus in one page.
 */
enum emu_outcome emu_place(struct emu_run *run, unsigned int seg, uint64_t offset,
			   unsigned int n_bytes, unsigned int alignment, unsigned int access,
			   struct emu_place *place)
{
	uint64_t linear;
	enum emu_outcome outcome;

	if (run->cpu->mode == EMU_LONG64 && seg < SEG_FS && alignment == n_bytes &&
	    !(offset & (n_bytes - 1)) && emu_is_canonical(run->cpu, offset)) {
		place->n_bytes[0] = n_bytes;
		place->n_bytes[1] = 0;
		return run->ops->translate(run->ctx, GVA(offset), access & ~EMU_EXECUTABLE,
					   &place->gpa[0], run->exception);
	}
	outcome = emu_linear(run, seg, offset, n_bytes, alignment, access, &linear);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_place_linear(run, linear, n_bytes, access, place);
}

/* The largest naturally aligned power of two that starts at `gpa` and has at most `n` bytes. */
static unsigned int aligned_part(uint64_t gpa, unsigned int n)
{
	unsigned int size = 1;

	while (size * 2 <= n && !(gpa & (size * 2 - 1)))
		size *= 2;
	return size;
}

/* One side of a page edge, in parts of legal sizes; `in` or `out` is NULL. */
static enum emu_outcome transfer_parts(struct emu_run *run, uint64_t gpa, unsigned int n,
				       uint8_t *in, const uint8_t *out)
{
	while (n) {
		unsigned int size = aligned_part(gpa, n);
		enum emu_outcome outcome;

		if (in) {
			outcome = run->ops->read(run->ctx, GPA(gpa), size, 1, in);
			in += size;
		} else {
			outcome = run->ops->write(run->ctx, GPA(gpa), size, 1, out);
			out += size;
		}
		if (outcome != EMU_DONE)
			return outcome;
		gpa += size;
		n -= size;
	}
	return EMU_DONE;
}

/* Read or write a place of two pages. */
enum emu_outcome emu_read_split(struct emu_run *run, const struct emu_place *place, void *data)
{
	enum emu_outcome outcome;

	outcome = transfer_parts(run, place->gpa[0].a, place->n_bytes[0], data, NULL);
	if (outcome != EMU_DONE)
		return outcome;
	return transfer_parts(run, place->gpa[1].a, place->n_bytes[1],
			      (uint8_t *)data + place->n_bytes[0], NULL);
}

enum emu_outcome emu_write_split(struct emu_run *run, const struct emu_place *place,
				 const void *data)
{
	enum emu_outcome outcome;

	outcome = transfer_parts(run, place->gpa[0].a, place->n_bytes[0], NULL, data);
	if (outcome != EMU_DONE)
		return outcome;
	return transfer_parts(run, place->gpa[1].a, place->n_bytes[1], NULL,
			      (const uint8_t *)data + place->n_bytes[0]);
}

/* Replace *expected by *desired atomically. A place that crosses a page (a split lock) is refused. */
enum emu_outcome emu_write_locked(struct emu_run *run, const struct emu_place *place,
				  const void *expected, const void *desired)
{
	if (place->n_bytes[1])
		return EMU_UNIMPLEMENTED;
	return run->ops->cmpxchg(run->ctx, place->gpa[0], place->n_bytes[0], expected, desired);
}
