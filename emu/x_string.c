/* SPDX-License-Identifier: MIT */
/*
 * Meanings of string instructions. With REP, upwards, a whole run of elements is moved at once: as
 * many as the count, EMU_BATCH_BYTES, the pages of both pointers, the wrap of the address size and
 * the segment limits permit, and never so that a batch would differ from its elements in turn.
 * Whatever can fault has been checked before the first element is read, so that a batch happens
 * whole or not at all. Downwards, and when comparing, it is one element at a time.
 */
#include <stddef.h>

#include "emu/run.h"

struct string {
	unsigned int n; /* elements in this batch */
	uint64_t count; /* rCX, with REP */
	uint64_t mask;	/* of the address size */
	bool is_rep;
	struct emu_place source, destination;
};

/* How many whole elements fit from `offset` up to the end of the address size; at least one. */
static unsigned int elements_to_wrap(uint64_t offset, unsigned int size, unsigned int address_size,
				     unsigned int n)
{
	uint64_t last = emu_mask(address_size) - offset;	      /* bytes after the first */
	uint64_t more = last < size ? 0 : (last - (size - 1)) / size; /* elements after the first */

	return more < n ? (unsigned int)more + 1 : n;
}

/* The number of elements to try. REPNE is REP where nothing is compared. */
static void begin(struct string *string, const struct emu_run *run, bool one_at_a_time)
{
	const struct emu_insn *insn = run->insn;

	string->n = 1;
	string->mask = emu_mask(insn->address_size);
	string->count = run->cpu->gpr[X86_RCX] & string->mask;
	string->is_rep = insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE);
	if (string->is_rep && !one_at_a_time && !(run->cpu->rflags & RFLAGS_DF)) {
		string->n = EMU_BATCH_BYTES / run->size;
		if (string->n > string->count)
			string->n = (unsigned int)string->count;
	}
}

static bool is_finished(const struct string *string)
{
	return string->is_rep && !string->count;
}

/* Do n elements pass the checks that one has passed? EMU_EXCEPTION, with none written, if not. */
static enum emu_outcome check_run(struct emu_run *run, unsigned int seg, uint64_t offset,
				  unsigned int n, unsigned int access)
{
	struct emu_exception *exception = run->exception, ignored;
	enum emu_outcome outcome;
	uint64_t linear;

	if (run->cpu->mode == EMU_LONG64)
		return EMU_DONE;
	run->exception = &ignored;
	outcome = emu_linear(run, seg, offset, n * run->size, run->size, access, &linear);
	run->exception = exception;
	return outcome;
}

/* Check and translate one pointer, for as many elements as its page and its segment let through. */
static EMU_RARE enum emu_outcome place_checked(struct emu_run *run, struct string *string,
					       unsigned int seg, uint64_t offset,
					       unsigned int access, struct emu_place *place)
{
	unsigned int size = run->size, n = string->n;
	uint64_t linear, in_page;
	enum emu_outcome outcome;

	outcome = emu_linear(run, seg, offset, size, size, access, &linear);
	if (outcome != EMU_DONE)
		return outcome;
	if (n > 1) {
		in_page = (PAGE_SIZE - PAGE_OFFSET(linear)) / size;
		if (n > in_page)
			n = in_page ? (unsigned int)in_page : 1;
		n = elements_to_wrap(offset, size, run->insn->address_size, n);
		outcome = n > 1 ? check_run(run, seg, offset, n, access) : EMU_DONE;
		if (outcome == EMU_EXCEPTION)
			n = 1;
		else if (outcome != EMU_DONE)
			return outcome;
		string->n = n;
	}
	return emu_place_linear(run, linear, n * size, access, place);
}

/*
 * The same; first what nearly every run is, one of plain elements. Then the end of the page is the
 * only one that it can meet, and is one of an element, too.
 */
static inline enum emu_outcome place_run(struct emu_run *run, struct string *string,
					 unsigned int seg, unsigned int gpr, unsigned int access,
					 struct emu_place *place)
{
	unsigned int size = run->size, n = string->n * size, in_page;
	uint64_t offset = run->cpu->gpr[gpr] & string->mask;

	if (!emu_is_plain(run, seg, offset, size))
		return place_checked(run, string, seg, offset, access, place);
	in_page = PAGE_SIZE - (unsigned int)PAGE_OFFSET(offset);
	if (n > in_page) {
		n = in_page;
		string->n = n / size;
	}
	place->n_bytes[0] = n;
	place->n_bytes[1] = 0;
	return EMU_CALL(run, translate, GVA(offset), access, &place->gpa[0], run->exception);
}

static inline enum emu_outcome place_source(struct emu_run *run, struct string *string)
{
	return place_run(run, string, run->insn->segment, X86_RSI, EMU_READ, &string->source);
}

static inline enum emu_outcome place_destination(struct emu_run *run, struct string *string,
						 unsigned int access)
{
	return place_run(run, string, SEG_ES, X86_RDI, access, &string->destination);
}

/* An element that crosses a page is on its own; anything else is one operation. */
static enum emu_outcome read_run(struct emu_run *run, const struct string *string,
				 const struct emu_place *place, void *data)
{
	if (place->n_bytes[1])
		return emu_read(run, place, data);
	return EMU_CALL(run, read, place->gpa[0], run->size, string->n, data);
}

static enum emu_outcome write_run(struct emu_run *run, const struct string *string,
				  const void *data)
{
	const struct emu_place *place = &string->destination;

	if (place->n_bytes[1])
		return emu_write(run, place, data);
	return EMU_CALL(run, write, place->gpa[0], run->size, string->n, data);
}

/*
 * A register of the address size that nothing else of the instruction writes; 4 bytes clear the
 * rest.
 */
static inline void set_counter(struct emu_run *run, const struct string *string, unsigned int gpr,
			       uint64_t value)
{
	uint64_t kept = string->mask == 0xffff ? ~string->mask : 0;

	run->write_reg[run->n_writes] = (uint8_t)gpr;
	run->write_value[run->n_writes++] = (run->cpu->gpr[gpr] & kept) | (value & string->mask);
}

static inline void advance(struct emu_run *run, const struct string *string, unsigned int gpr)
{
	uint64_t bytes = (uint64_t)string->n * run->size;

	if (run->cpu->rflags & RFLAGS_DF)
		bytes = 0 - bytes;
	set_counter(run, string, gpr, run->cpu->gpr[gpr] + bytes);
}

/* Count the batch; EMU_AGAIN if elements are left. */
static enum emu_outcome finish(struct emu_run *run, const struct string *string)
{
	if (!string->is_rep)
		return EMU_DONE;
	set_counter(run, string, X86_RCX, string->count - string->n);
	return string->count == string->n ? EMU_DONE : EMU_AGAIN;
}

/*
 * A destination that starts inside the source run would read what it has just written: the batch
 * ends where that begins. Compared by guest-physical address, for pages mapped twice.
 */
static void avoid_overlap(struct string *string, unsigned int size)
{
	uint64_t distance = string->destination.gpa[0].a - string->source.gpa[0].a;

	if (distance && distance < (uint64_t)string->n * size)
		string->n = distance < size ? 1 : (unsigned int)(distance / size);
}

enum emu_outcome emu_x_movs(struct emu_run *run)
{
	uint8_t data[EMU_BATCH_BYTES];
	struct string string;
	enum emu_outcome outcome;

	begin(&string, run, false);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_source(run, &string);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = place_destination(run, &string, EMU_WRITE);
	if (outcome != EMU_DONE)
		return outcome;
	if (string.n > 1)
		avoid_overlap(&string, run->size);
	outcome = read_run(run, &string, &string.source, data);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = write_run(run, &string, data);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RSI);
	advance(run, &string, X86_RDI);
	return finish(run, &string);
}

/* `n` copies of the low bytes of `value`. */
static void fill(uint8_t *data, uint64_t value, unsigned int size, unsigned int n)
{
	for (unsigned int i = 0; i < n * size; i++)
		data[i] = (uint8_t)(value >> (8 * (i & (size - 1))));
}

enum emu_outcome emu_x_stos(struct emu_run *run)
{
	uint8_t data[EMU_BATCH_BYTES];
	struct string string;
	enum emu_outcome outcome;

	begin(&string, run, false);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_destination(run, &string, EMU_WRITE);
	if (outcome != EMU_DONE)
		return outcome;
	fill(data, emu_reg(run, X86_RAX, run->size), run->size, string.n);
	outcome = write_run(run, &string, data);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RDI);
	return finish(run, &string);
}

/* Every element is read, for a device's sake; the last one stays. */
enum emu_outcome emu_x_lods(struct emu_run *run)
{
	uint8_t data[EMU_BATCH_BYTES];
	struct string string;
	enum emu_outcome outcome;
	const uint8_t *last;
	uint64_t value = 0;

	begin(&string, run, false);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_source(run, &string);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = read_run(run, &string, &string.source, data);
	if (outcome != EMU_DONE)
		return outcome;
	last = data + (string.n - 1) * run->size;
	for (unsigned int i = 0; i < run->size; i++)
		value |= (uint64_t)last[i] << (8 * i);
	emu_set_gpr(run, X86_RAX, run->size, value);
	advance(run, &string, X86_RSI);
	return finish(run, &string);
}

/* Compare, and go on or not: REPE ends at a difference, REPNE at a match. */
static enum emu_outcome finish_compare(struct emu_run *run, const struct string *string, uint64_t a,
				       uint64_t b)
{
	enum emu_outcome outcome;
	bool is_repe = run->insn->prefixes & EMU_PREFIX_REP;
	bool is_equal;

	emu_sub(a, b, 0, run->size, &run->rflags);
	is_equal = run->rflags & RFLAGS_ZF;
	outcome = finish(run, string);
	return is_equal == is_repe ? outcome : EMU_DONE;
}

enum emu_outcome emu_x_scas(struct emu_run *run)
{
	struct string string;
	enum emu_outcome outcome;
	uint64_t value = 0;

	begin(&string, run, true);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_destination(run, &string, EMU_READ);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = read_run(run, &string, &string.destination, &value);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RDI);
	return finish_compare(run, &string, emu_reg(run, X86_RAX, run->size), value);
}

/*
 * If both pointers fault, the source is reported. Not documented: AMD Zen reports the source with a
 * repeat prefix, and the destination without.
 */
enum emu_outcome emu_x_cmps(struct emu_run *run)
{
	struct string string;
	enum emu_outcome outcome;
	uint64_t a = 0, b = 0;

	begin(&string, run, true);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_source(run, &string);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = place_destination(run, &string, EMU_READ);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = read_run(run, &string, &string.source, &a);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = read_run(run, &string, &string.destination, &b);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RSI);
	advance(run, &string, X86_RDI);
	return finish_compare(run, &string, a, b);
}

/*
 * The port is checked before the count (seen on AMD Zen: REP INSB with a count of zero is #GP where
 * the port is forbidden) and before the memory, and the memory before the device is asked.
 */
enum emu_outcome emu_x_ins(struct emu_run *run)
{
	uint16_t port = (uint16_t)run->cpu->gpr[X86_RDX];
	uint8_t data[EMU_BATCH_BYTES];
	struct string string;
	enum emu_outcome outcome;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	begin(&string, run, false);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_destination(run, &string, EMU_WRITE);
	if (outcome != EMU_DONE)
		return outcome;
	/* Data that a device has given must not be lost. */
	if (!EMU_HAS_OP(run, write))
		return EMU_UNIMPLEMENTED;
	outcome = EMU_CALL(run, in, port, run->size, string.n, data);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = write_run(run, &string, data);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RDI);
	return finish(run, &string);
}

enum emu_outcome emu_x_outs(struct emu_run *run)
{
	uint16_t port = (uint16_t)run->cpu->gpr[X86_RDX];
	uint8_t data[EMU_BATCH_BYTES];
	struct string string;
	enum emu_outcome outcome;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	begin(&string, run, false);
	if (is_finished(&string))
		return EMU_DONE;
	outcome = place_source(run, &string);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = read_run(run, &string, &string.source, data);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = EMU_CALL(run, out, port, run->size, string.n, data);
	if (outcome != EMU_DONE)
		return outcome;
	advance(run, &string, X86_RSI);
	return finish(run, &string);
}
