/* SPDX-License-Identifier: MIT */
/*
 * Memory operands: checked and translated whole into at most two places of one page each, before
 * anything is read or written through them.
 */
#include <stddef.h>

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
	outcome = EMU_CALL(run, translate, GVA(linear), access, &place->gpa[0], run->exception);
	if (outcome != EMU_DONE || !place->n_bytes[1])
		return outcome;

	/* The end of 4 GiB is followed by its start; tables of compatibility mode may lie above. */
	if (run->cpu->mode != EMU_LONG64 && !(linear >> 32))
		linear = (linear + n_first) & 0xffffffff;
	else
		linear += n_first;
	return EMU_CALL(run, translate, GVA(linear), access, &place->gpa[1], run->exception);
}

/* Check and translate `n_bytes` at seg:offset for `access`; nothing is accessed. */
enum emu_outcome emu_place(struct emu_run *run, unsigned int seg, uint64_t offset,
			   unsigned int n_bytes, unsigned int alignment, unsigned int access,
			   struct emu_place *place)
{
	uint64_t linear;
	enum emu_outcome outcome;

	if ((alignment & ~EMU_ALIGNED) == n_bytes && emu_is_plain(run, seg, offset, n_bytes)) {
		place->n_bytes[0] = n_bytes;
		place->n_bytes[1] = 0;
		return EMU_CALL(run, translate, GVA(offset), access & ~EMU_EXECUTABLE,
				&place->gpa[0], run->exception);
	}
	outcome = emu_linear(run, seg, offset, n_bytes, alignment, access, &linear);
	if (outcome != EMU_DONE)
		return outcome;
	return emu_place_linear(run, linear, n_bytes, access, place);
}

/* The explicit memory operand of a meaning that does its own accesses. */
enum emu_outcome emu_place_operand(struct emu_run *run, unsigned int n_bytes,
				   unsigned int alignment, unsigned int access,
				   struct emu_place *place)
{
	return emu_place(run, run->insn->segment,
			 emu_effective_address(run, run->cpu->gpr[X86_RSP]), n_bytes, alignment,
			 access, place);
}

enum emu_outcome emu_read_operand(struct emu_run *run, unsigned int n_bytes, unsigned int alignment,
				  void *data)
{
	struct emu_place place;
	enum emu_outcome outcome;

	outcome = emu_place_operand(run, n_bytes, alignment, EMU_READ, &place);
	return outcome == EMU_DONE ? emu_read(run, &place, data) : outcome;
}

/*
 * The explicit memory operand of two parts: a far pointer, bounds, a table register, an x87 number
 * of 80 bits. Each is formed, wrapped at the address size, and checked on its own; AMD's processors
 * look at the page of the first before the limit of the second. `n_second` may be 0.
 */
enum emu_outcome emu_place_parts(struct emu_run *run, unsigned int n_first, unsigned int n_second,
				 unsigned int alignment, unsigned int access,
				 struct emu_place parts[2])
{
	const struct emu_insn *insn = run->insn;
	uint64_t offset = emu_effective_address(run, run->cpu->gpr[X86_RSP]);
	enum emu_outcome outcome;

	parts[1].n_bytes[0] = 0;
	outcome = emu_place(run, insn->segment, offset, n_first, alignment, access, &parts[0]);
	if (outcome != EMU_DONE || !n_second)
		return outcome;
	offset = (offset + n_first) & emu_mask(insn->address_size);
	return emu_place(run, insn->segment, offset, n_second, 1, access, &parts[1]);
}

/* The parts side by side in `data`. */
enum emu_outcome emu_read_parts(struct emu_run *run, const struct emu_place parts[2], void *data)
{
	unsigned int n_first = parts[0].n_bytes[0] + parts[0].n_bytes[1];
	enum emu_outcome outcome = emu_read(run, &parts[0], data);

	if (outcome != EMU_DONE || !parts[1].n_bytes[0])
		return outcome;
	return emu_read(run, &parts[1], (uint8_t *)data + n_first);
}

enum emu_outcome emu_write_parts(struct emu_run *run, const struct emu_place parts[2],
				 const void *data)
{
	unsigned int n_first = parts[0].n_bytes[0] + parts[0].n_bytes[1];
	enum emu_outcome outcome = emu_write(run, &parts[0], data);

	if (outcome != EMU_DONE || !parts[1].n_bytes[0])
		return outcome;
	return emu_write(run, &parts[1], (const uint8_t *)data + n_first);
}

/*
 * The largest naturally aligned power of two that starts at `gpa` and has at most `n` bytes, 64 at
 * most.
 */
static unsigned int aligned_part(uint64_t gpa, unsigned int n)
{
	unsigned int size = 1;

	while (size < 64 && size * 2 <= n && !(gpa & (size * 2 - 1)))
		size *= 2;
	return size;
}

/* One side of a page edge, in parts of legal sizes; `in` or `out` is NULL. */
static EMU_RARE enum emu_outcome transfer_parts(struct emu_run *run, uint64_t gpa, unsigned int n,
						uint8_t *in, const uint8_t *out)
{
	while (n) {
		unsigned int size = aligned_part(gpa, n);
		enum emu_outcome outcome;

		if (in) {
			outcome = EMU_CALL(run, read, GPA(gpa), size, 1, in);
			in += size;
		} else {
			outcome = EMU_CALL(run, write, GPA(gpa), size, 1, out);
			out += size;
		}
		if (outcome != EMU_DONE)
			return outcome;
		gpa += size;
		n -= size;
	}
	return EMU_DONE;
}

/* Read or write a place of two pages, or of a size that no operation takes, in parts. */
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

/*
 * Replace *expected by *desired atomically. A split lock, over a page edge, is not atomic as a
 * whole: its first aligned part is compared and exchanged, so that memory that has changed is
 * noticed before anything is written, and the rest is written plainly.
 */
enum emu_outcome emu_write_locked(struct emu_run *run, const struct emu_place *place,
				  const void *expected, const void *desired)
{
	unsigned int n = place->n_bytes[0];
	enum emu_outcome outcome;

	if (!place->n_bytes[1])
		return EMU_CALL(run, cmpxchg, place->gpa[0], n, expected, desired);
	if (!EMU_HAS_OP(run, write))
		return EMU_UNIMPLEMENTED;
	n = aligned_part(place->gpa[0].a, n);
	outcome = EMU_CALL(run, cmpxchg, place->gpa[0], n, expected, desired);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = transfer_parts(run, place->gpa[0].a + n, place->n_bytes[0] - n, NULL,
				 (const uint8_t *)desired + n);
	if (outcome != EMU_DONE)
		return outcome;
	return transfer_parts(run, place->gpa[1].a, place->n_bytes[1], NULL,
			      (const uint8_t *)desired + place->n_bytes[0]);
}
