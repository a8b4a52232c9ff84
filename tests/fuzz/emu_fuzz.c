/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target for emu/: the input is an instruction, a processor's state, and then a stream from
 * which hostile surroundings draw their data and their outcomes: memory that changes between two
 * reads, registers that nobody wrote, any answer at any time. What emu.h promises is asserted.
 *
 * Each operation called is an event. When one has answered EMU_DEVICE, the instruction is run again,
 * by choice of the input in another world, or in the same one with the answer there: then every
 * operation must be called as before.
 *
 *	clang -fsanitize=fuzzer,address,undefined	fuzzes
 *	-DFUZZ_REPLAY (any compiler)		runs files or, without arguments, the corpus
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/emu.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/page.h"
#include "x86/rflags.h"

/* More than any instruction asks for: operations of one execution, and bytes that they answer. */
#define MAX_EVENTS  512
#define MAX_ANSWERS (16 * EMU_BATCH_BYTES)

struct stream {
	const uint8_t *data;
	size_t n, at;
};

enum op {
	OP_SEGMENT,
	OP_TRANSLATE,
	OP_READ,
	OP_WRITE,
	OP_CMPXCHG,
	OP_IN,
	OP_OUT,
	OP_PORT_CHECK,
	OP_SET_SEGMENT,
	OP_TABLE,
	OP_SET_TABLE,
	OP_SET_CR0,
	OP_INVLPG,
	OP_VECTOR,
	OP_SET_VECTOR,
	OP_X87,
	OP_SET_X87
};

struct event {
	enum op op;
	uint64_t a, b; /* arguments */
	enum emu_outcome outcome;
	unsigned int answer, n_answer; /* in `answers` */
	struct emu_exception exception;
};

struct world {
	struct stream stream;
	const struct emu_insn *insn;
	const struct emu_cpu *cpu;
	const struct emu_ops *ops;
	bool has_bitmap; /* ports are checked by emu_port_permission() */
	struct event events[MAX_EVENTS];
	unsigned int n_events;
	unsigned int at; /* the next event; below n_events it is known */
	uint8_t answers[MAX_ANSWERS];
	unsigned int n_answers;
	bool has_written; /* memory or a port */
	bool has_set;	  /* called a setter */
	bool has_ended;	  /* an operation has not answered EMU_DONE */
	enum emu_outcome end;
	struct emu_exception exception; /* that came with it */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define PROMISE(condition)                                                                      \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

static uint8_t draw(struct stream *stream)
{
	return stream->at < stream->n ? stream->data[stream->at++] : 0;
}

static void draw_bytes(struct stream *stream, void *out, size_t n)
{
	uint8_t *bytes = out;

	for (size_t i = 0; i < n; i++)
		bytes[i] = draw(stream);
}

static uint32_t draw_dword(struct stream *stream)
{
	uint32_t value;

	draw_bytes(stream, &value, sizeof(value));
	return value;
}

/* ---- Events ------------------------------------------------------------------------------ */

/* Mostly EMU_DONE; else one of the outcomes in `allowed`, a mask. */
static enum emu_outcome draw_outcome(struct world *world, unsigned int allowed)
{
	unsigned int choice = draw(&world->stream) & 0xf;

	if (choice < EMU_OUTCOME_COUNT && allowed >> choice & 1)
		return (enum emu_outcome)choice;
	return EMU_DONE;
}

/*
 * The operation is called. An event that is known has to be this one; a new one draws its outcome, and
 * `n_answer` bytes that the caller may put right.
 */
static struct event *meet(struct world *world, enum op op, uint64_t a, uint64_t b,
			  unsigned int n_answer, unsigned int allowed)
{
	struct event *event = &world->events[world->at];

	PROMISE(!world->has_set && !world->has_ended);
	PROMISE(world->at < MAX_EVENTS);
	if (world->at++ < world->n_events) {
		PROMISE(event->op == op && event->a == a && event->b == b);
		return event;
	}
	PROMISE(n_answer <= MAX_ANSWERS - world->n_answers);
	*event = (struct event) { .op = op, .a = a, .b = b };
	event->answer = world->n_answers;
	event->n_answer = n_answer;
	event->outcome = draw_outcome(world, allowed);
	draw_bytes(&world->stream, world->answers + event->answer, n_answer);
	if (event->outcome == EMU_EXCEPTION)
		event->exception = (struct emu_exception) { .vector = draw(&world->stream) & 31,
							    .has_error_code = true,
							    .error_code = 0x5a,
							    .address = a };
	world->n_answers += n_answer;
	world->n_events++;
	return event;
}

static enum emu_outcome finish(struct world *world, const struct event *event, void *out,
			       struct emu_exception *exception)
{
	if (out)
		memcpy(out, world->answers + event->answer, event->n_answer);
	if (event->outcome == EMU_DONE)
		return EMU_DONE;
	if (event->outcome == EMU_EXCEPTION)
		*exception = event->exception;
	world->has_ended = true;
	world->end = event->outcome;
	world->exception = event->exception;
	return event->outcome;
}

/* ---- The operations ---------------------------------------------------------------------- */

/* What segment registers hold that somebody has loaded; the input may also say anything. */
static const struct x86_segment usual_segments[] = {
	{ .limit = 0xffffffff, .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE },
	{ .limit = 0xffff, .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE },
	{ .limit = 0xfff,
	  .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_EXPANDDOWN | SEG_DB },
	{ .limit = 0xfff, .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_EXPANDDOWN },
	{ .limit = 0xffffffff, .attributes = SEG_P | SEG_S | SEG_TYPE_CODE },
	{ .limit = 0xffffffff, .attributes = SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_READABLE },
	{ .limit = 0xffffffff, .attributes = SEG_P | SEG_S },
	{ .limit = 0x67, .base = 0x2000, .attributes = SEG_P | SEG_TYPE_TSS_BUSY, .selector = 8 },
};

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	struct world *world = ctx;
	unsigned int known = world->n_events;
	struct event *event;

	PROMISE(seg < SEG_COUNT);
	event = meet(world, OP_SEGMENT, seg, 0, sizeof(*out), 1u << EMU_FAILED);
	if (world->n_events > known) {
		uint8_t kind = world->answers[event->answer];

		/* One byte says which of the usual ones, and the others are not used up. */
		if (!(kind & 0x80)) {
			memcpy(world->answers + event->answer, &usual_segments[kind & 7],
			       sizeof(*out));
			if (world->stream.at >= sizeof(*out))
				world->stream.at -= sizeof(*out) - 1;
		}
	}
	return finish(world, event, out, NULL);
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	struct world *world = ctx;
	unsigned int rights = access & ~EMU_IMPLICIT;
	enum emu_outcome outcome;
	struct event *event;
	uint8_t page;

	PROMISE(!world->has_written);
	PROMISE(rights && !(rights & ~(EMU_READ | EMU_WRITE)));
	event = meet(world, OP_TRANSLATE, gva.a, access, 1,
		     1u << EMU_EXCEPTION | 1u << EMU_RETRY | 1u << EMU_FAILED);
	outcome = finish(world, event, &page, exception);
	*gpa = GPA((uint64_t)(page & 3) << PAGE_SHIFT | PAGE_OFFSET(gva.a));
	return outcome;
}

/* Legal in size, in one page, and translated for what is done. */
static void check_access(const struct world *world, gpa_t gpa, unsigned int size,
			 unsigned int count, unsigned int access, unsigned int max_size)
{
	bool is_translated = false;

	PROMISE(size && !(size & (size - 1)) && size <= max_size);
	PROMISE(count && size * count <= EMU_BATCH_BYTES);
	PROMISE(within_page(gpa.a, size * count));
	PROMISE(count == 1 || (world->insn->is_string &&
			       world->insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE)));
	for (unsigned int i = 0; i < world->at; i++) {
		const struct event *event = &world->events[i];

		if (event->op == OP_TRANSLATE && (event->b & access) == access &&
		    (gpa.a >> PAGE_SHIFT) == (world->answers[event->answer] & 3))
			is_translated = true;
	}
	PROMISE(is_translated);
}

#define DATA_OUTCOMES (1u << EMU_DEVICE | 1u << EMU_RETRY | 1u << EMU_FAILED)

/* Look at every byte, for the sanitizers. */
static void consume(const void *data, size_t n)
{
	static volatile uint8_t sink;

	for (size_t i = 0; i < n; i++)
		sink = (uint8_t)(sink + ((const uint8_t *)data)[i]);
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	struct world *world = ctx;

	PROMISE(!world->has_written);
	check_access(world, gpa, size, count, EMU_READ, 64);
	return finish(world,
		      meet(world, OP_READ, gpa.a, size << 16 | count, size * count, DATA_OUTCOMES),
		      data, NULL);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	struct world *world = ctx;

	check_access(world, gpa, size, count, EMU_WRITE, 64);
	consume(data, size * count);
	world->has_written = true;
	return finish(world,
		      meet(world, OP_WRITE, gpa.a, size << 16 | count, 0,
			   1u << EMU_RETRY | 1u << EMU_FAILED),
		      NULL, NULL);
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	struct world *world = ctx;

	check_access(world, gpa, size, 1, EMU_READ | EMU_WRITE, 16);
	PROMISE(!world->has_written);
	consume(expected, size);
	consume(desired, size);
	world->has_written = true;
	return finish(world,
		      meet(world, OP_CMPXCHG, gpa.a, size, 0, 1u << EMU_RETRY | 1u << EMU_FAILED),
		      NULL, NULL);
}

static void check_port(const struct world *world, uint16_t port, unsigned int size,
		       unsigned int count)
{
	bool is_checked = !world->ops->port_check || world->has_bitmap;

	PROMISE(world->insn->is_port);
	PROMISE(size == 1 || size == 2 || size == 4);
	PROMISE(count && size * count <= EMU_BATCH_BYTES);
	PROMISE(count == 1 || (world->insn->is_string &&
			       world->insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE)));
	for (unsigned int i = 0; i < world->at; i++)
		is_checked |= world->events[i].op == OP_PORT_CHECK && world->events[i].a == port &&
			      world->events[i].b == size;
	PROMISE(is_checked);
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	struct world *world = ctx;

	check_port(world, port, size, count);
	PROMISE(!world->has_written);
	return finish(world,
		      meet(world, OP_IN, port, size << 16 | count, size * count, DATA_OUTCOMES),
		      data, NULL);
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	struct world *world = ctx;

	check_port(world, port, size, count);
	consume(data, size * count);
	world->has_written = true;
	return finish(world,
		      meet(world, OP_OUT, port, size << 16 | count, 0,
			   1u << EMU_RETRY | 1u << EMU_FAILED),
		      NULL, NULL);
}

static enum emu_outcome op_port_check(void *ctx, uint16_t port, unsigned int size,
				      struct emu_exception *exception)
{
	struct world *world = ctx;

	PROMISE(world->insn->is_port && (size == 1 || size == 2 || size == 4));
	if (world->has_bitmap)
		return emu_port_permission(world->cpu, world->ops, ctx, port, size, exception);
	return finish(world, meet(world, OP_PORT_CHECK, port, size, 0, 1u << EMU_EXCEPTION), NULL,
		      exception);
}

/* Whatever an instruction sets beside registers and memory, it sets once and last. */
static enum emu_outcome set(struct world *world, enum op op, uint64_t a, uint64_t b,
			    unsigned int allowed)
{
	enum emu_outcome outcome =
		finish(world, meet(world, op, a, b, 0, 1u << EMU_FAILED | allowed), NULL, NULL);

	world->has_set = true;
	return outcome;
}

static bool is_canonical(const struct emu_cpu *cpu, uint64_t address)
{
	unsigned int unused = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* What every loaded code or data segment is, SDM 2A "MOV", 2B "POP". */
static void check_segment(const struct emu_cpu *cpu, enum x86_seg seg,
			  const struct x86_segment *value)
{
	unsigned int type = value->attributes & SEG_TYPE, dpl = SEG_ATTR_DPL(value->attributes);
	unsigned int rpl = value->selector & 3u;

	if (cpu->mode == EMU_REAL || cpu->mode == EMU_V86) {
		PROMISE(value->base == (uint64_t)value->selector << 4);
		return;
	}
	if (!(value->selector & ~3u)) {
		PROMISE(seg != SEG_CS);
		PROMISE(seg != SEG_SS ||
			(cpu->mode == EMU_LONG64 && cpu->cpl < 3 && rpl == cpu->cpl));
		return;
	}
	PROMISE(value->attributes & SEG_P && value->attributes & SEG_S);
	PROMISE(type & SEG_TYPE_ACCESSED);
	PROMISE(cpu->mode == EMU_LONG64 || value->base <= 0xffffffff);
	if (seg == SEG_CS) {
		PROMISE(type & SEG_TYPE_CODE);
		PROMISE(type & SEG_TYPE_CONFORMING ? dpl <= cpu->cpl : dpl == cpu->cpl);
	} else if (seg == SEG_SS) {
		PROMISE(!(type & SEG_TYPE_CODE) && type & SEG_TYPE_WRITABLE);
		PROMISE(dpl == cpu->cpl && rpl == cpu->cpl);
	} else {
		PROMISE(!(type & SEG_TYPE_CODE) || type & SEG_TYPE_READABLE);
		if (!(type & SEG_TYPE_CODE && type & SEG_TYPE_CONFORMING))
			PROMISE(dpl >= cpu->cpl && dpl >= rpl);
	}
}

/* SDM 2A "LLDT", "LTR". */
static void check_system_segment(const struct emu_cpu *cpu, enum x86_seg seg,
				 const struct x86_segment *value)
{
	unsigned int type = value->attributes & SEG_TYPE;

	PROMISE(cpu->cpl == 0 && cpu->mode != EMU_REAL && cpu->mode != EMU_V86);
	if (!(value->selector & ~3u)) {
		PROMISE(seg == SEG_LDTR);
		return;
	}
	PROMISE(!(value->selector & 4));
	PROMISE(value->attributes & SEG_P && !(value->attributes & SEG_S));
	PROMISE(seg == SEG_LDTR ? type == SEG_TYPE_LDT
				: type == SEG_TYPE_TSS_BUSY ||
					  (cpu->mode != EMU_LONG64 && type == SEG_TYPE_TSS16_BUSY));
	PROMISE(is_canonical(cpu, value->base));
}

static enum emu_outcome op_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	struct world *world = ctx;

	PROMISE(seg < SEG_COUNT);
	if (seg <= SEG_GS)
		check_segment(world->cpu, seg, value);
	else
		check_system_segment(world->cpu, seg, value);
	return set(ctx, OP_SET_SEGMENT, seg, 0, 0);
}

static enum emu_outcome op_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	PROMISE(table == EMU_GDTR || table == EMU_IDTR);
	return finish(ctx, meet(ctx, OP_TABLE, table, 0, sizeof(*out), 1u << EMU_FAILED), out,
		      NULL);
}

static enum emu_outcome op_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	const struct emu_cpu *cpu = ((struct world *)ctx)->cpu;

	PROMISE(table == EMU_GDTR || table == EMU_IDTR);
	PROMISE(cpu->cpl == 0);
	PROMISE(cpu->mode == EMU_LONG64 ? is_canonical(cpu, value->base)
					: value->base <= 0xffffffff);
	return set(ctx, OP_SET_TABLE, table, value->limit, 0);
}

static enum emu_outcome op_set_cr0(void *ctx, uint64_t value)
{
	const struct emu_cpu *cpu = ((struct world *)ctx)->cpu;

	PROMISE(cpu->cpl == 0);
	PROMISE(!((value ^ cpu->cr0) & ~(CR0_PE | CR0_MP | CR0_EM | CR0_TS)));
	PROMISE(!(cpu->cr0 & CR0_PE) || value & CR0_PE);
	return set(ctx, OP_SET_CR0, value, 0, 0);
}

static enum emu_outcome op_invlpg(void *ctx, gva_t gva)
{
	PROMISE(((struct world *)ctx)->cpu->cpl == 0);
	return set(ctx, OP_INVLPG, gva.a, 0, 0);
}

/* The instruction may touch vector state at all: what is #UD or #NM comes first. */
static void check_vector(const struct world *world, enum emu_file file, unsigned int reg,
			 unsigned int n_bytes)
{
	const struct emu_cpu *cpu = world->cpu;
	unsigned int encoding = world->insn->encoding;
	unsigned int n_regs = cpu->mode != EMU_LONG64 ? 8 : encoding == EMU_EVEX ? 32 : 16;
	uint64_t state = XCR0_SSE | XCR0_AVX;

	PROMISE(file == EMU_VECTOR || file == EMU_OPMASK);
	if (file == EMU_OPMASK)
		PROMISE(reg < 8 && n_bytes == 8 && encoding != EMU_LEGACY);
	else
		PROMISE(reg < n_regs && (n_bytes == 16 || n_bytes == 32 || n_bytes == 64));
	PROMISE(!(cpu->cr0 & CR0_TS));
	if (encoding == EMU_LEGACY) {
		PROMISE(cpu->cr4 & CR4_OSFXSR && !(cpu->cr0 & CR0_EM));
		return;
	}
	PROMISE(cpu->mode != EMU_REAL && cpu->mode != EMU_V86);
	if (encoding == EMU_EVEX || file == EMU_OPMASK) {
		state |= XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM;
		PROMISE(cpu->features & EMU_HAS(EMU_AVX512F) || world->insn->encoding == EMU_VEX);
	} else {
		PROMISE(cpu->features & (EMU_HAS(EMU_AVX) | EMU_HAS(EMU_AVX2)));
	}
	PROMISE(cpu->cr4 & CR4_OSXSAVE && (cpu->xcr0 & state) == state);
}

static enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	check_vector(ctx, file, reg, n_bytes);
	return finish(ctx,
		      meet(ctx, OP_VECTOR, (uint64_t)file << 8 | reg, n_bytes, n_bytes,
			   1u << EMU_UNIMPLEMENTED),
		      data, NULL);
}

static enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	check_vector(ctx, file, reg, n_bytes);
	consume(data, n_bytes);
	return set(ctx, OP_SET_VECTOR, (uint64_t)file << 8 | reg, n_bytes << 1 | zero_upper,
		   1u << EMU_UNIMPLEMENTED);
}

/* Garbage but for MXCSR, where a register cannot hold a reserved bit. */
static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	enum emu_outcome outcome;

	PROMISE(!(((struct world *)ctx)->cpu->cr0 & (CR0_TS | CR0_EM)));
	outcome = finish(ctx, meet(ctx, OP_X87, 0, 0, sizeof(*out), 1u << EMU_FAILED), out, NULL);

	out->mxcsr &= 0xffff;
	return outcome;
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	consume(value, sizeof(*value));
	PROMISE(!(value->mxcsr & ~0xffffu));
	return set(ctx, OP_SET_X87, 0, 0, 0);
}

/* All operations but those that the mask takes away. */
static struct emu_ops pick_ops(uint32_t missing)
{
	struct emu_ops ops = { 0 };

#define KEEP(n, name)                         \
	do {                                  \
		if (!(missing >> (n)&1))      \
			ops.name = op_##name; \
	} while (0)
	missing &= ~0x7fu; /* these are always there */
	KEEP(0, segment);
	KEEP(1, translate);
	KEEP(2, read);
	KEEP(3, write);
	KEEP(4, cmpxchg);
	KEEP(5, in);
	KEEP(6, out);
	KEEP(7, port_check);
	KEEP(8, set_segment);
	KEEP(9, table);
	KEEP(10, set_table);
	KEEP(11, set_cr0);
	KEEP(12, invlpg);
	KEEP(13, vector);
	KEEP(14, set_vector);
	KEEP(15, x87);
	KEEP(16, set_x87);
#undef KEEP
	return ops;
}

/* ---- What is promised of the results ----------------------------------------------------- */

static void check_insn(const struct emu_insn *insn, enum emu_mode mode)
{
	bool is_long = mode == EMU_LONG64;

	PROMISE(insn->segment <= SEG_GS && insn->map <= EMU_MAP_0F3A);
	PROMISE(insn->address_size == 2 || insn->address_size == 4 || insn->address_size == 8);
	PROMISE(is_long ? insn->address_size != 2 : insn->address_size != 8);
	PROMISE(insn->reg < (insn->encoding == EMU_EVEX ? 32 : 16) && insn->rm < 16);
	PROMISE(insn->base >= -1 && insn->base <= 16 && insn->index >= -1 && insn->scale <= 3);
	PROMISE(insn->index < 16);
	PROMISE(insn->vvvv < 32 && insn->mask < 8);
	PROMISE(is_long || (insn->base < 8 && insn->index < 8));
	PROMISE(insn->encoding == EMU_LEGACY || insn->vector_length == 16 ||
		insn->vector_length == 32 || insn->vector_length == 64);
	PROMISE(insn->is_memory || insn->is_string || insn->is_port ||
		(!insn->reads_memory && !insn->writes_memory));
}

static void check_decode(const uint8_t *bytes, unsigned int n, enum emu_mode mode,
			 enum emu_decoded decoded, const struct emu_insn *insn)
{
	struct emu_insn again;

	PROMISE(decoded < EMU_DECODED_COUNT);
	PROMISE((decoded == EMU_DECODED) == (insn->row != NULL));
	PROMISE(decoded != EMU_DECODE_MORE_BYTES || n < EMU_MAX_INSN_BYTES);
	PROMISE(decoded != EMU_DECODE_TOO_LONG || n >= EMU_MAX_INSN_BYTES);
	if (decoded == EMU_DECODED || decoded == EMU_DECODE_UNIMPLEMENTED ||
	    decoded == EMU_DECODE_NO_ACCESS) {
		PROMISE(insn->length && insn->length <= n);
		PROMISE(emu_decode(bytes, insn->length, mode, &again) == decoded);
		PROMISE(again.length == insn->length);
		PROMISE(emu_decode(bytes, insn->length - 1u, mode, &again) ==
			EMU_DECODE_MORE_BYTES);
		PROMISE(emu_decode(bytes, insn->length / 2u, mode, &again) ==
			EMU_DECODE_MORE_BYTES);
	}
	if (decoded == EMU_DECODED)
		check_insn(insn, mode);
	PROMISE(emu_insn_name(insn) != NULL);
}

static bool is_same(const struct emu_exception *a, const struct emu_exception *b)
{
	return a->vector == b->vector && a->has_error_code == b->has_error_code &&
	       a->error_code == b->error_code && a->address == b->address;
}

static const struct emu_exception untouched = { .vector = 0xee, .error_code = 0x11223344 };

/* An exception that an operation gave is passed on; one of the emulator's own is one that exists. */
static void check_exception(const struct world *world, const struct emu_exception *exception)
{
	static const uint32_t own = 1u << EXC_DE | 1u << EXC_BR | 1u << EXC_UD | 1u << EXC_NM |
				    1u << EXC_TS | 1u << EXC_NP | 1u << EXC_SS | 1u << EXC_GP |
				    1u << EXC_MF | 1u << EXC_AC | 1u << EXC_XM;

	if (world->has_ended) {
		PROMISE(world->end == EMU_EXCEPTION && is_same(exception, &world->exception));
		return;
	}
	PROMISE(exception->vector < 32 && own >> exception->vector & 1);
	PROMISE(exception->has_error_code ==
		(world->cpu->mode != EMU_REAL && EXC_HAS_ERROR_CODE >> exception->vector & 1));
	PROMISE(exception->error_code <= 0xffff);
	PROMISE(!exception->error_code ||
		(exception->has_error_code && exception->vector != EXC_AC));
}

/* Instructions whose successor is not the next one. */
static bool is_branch(const struct emu_insn *insn)
{
	unsigned int reg = insn->modrm >> 3 & 7;

	if (insn->map != EMU_MAP_ONE || insn->encoding != EMU_LEGACY)
		return false;
	switch (insn->opcode) {
	case 0xff: return reg >= 2 && reg <= 5;
	case 0x9a:
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf:
	case 0xe8: return true;
	default: return false;
	}
}

static void check_done(const struct world *world, const struct emu_cpu *before,
		       const struct emu_cpu *after)
{
	const struct emu_insn *insn = world->insn;
	uint64_t next = before->rip + insn->length;

	PROMISE(!(after->rflags & RFLAGS_RF));
	if (before->mode != EMU_LONG64)
		next &= 0xffffffff;
	if (!is_branch(insn))
		PROMISE(after->rip == next);
	else if (before->mode == EMU_LONG64)
		PROMISE(is_canonical(before, after->rip));
	else
		PROMISE(after->rip <= (insn->operand_size == 2 ? 0xffff : 0xffffffff));
	/* MOV SS, POP SS. */
	if (after->has_shadow)
		PROMISE(insn->map == EMU_MAP_ONE && (insn->opcode == 0x8e || insn->opcode == 0x17));
}

static void check_again(const struct world *world, const struct emu_cpu *before,
			const struct emu_cpu *after)
{
	const struct emu_insn *insn = world->insn;
	uint64_t mask = ~0ull >> (64 - 8 * insn->address_size);
	uint64_t from = before->gpr[1] & mask, to = after->gpr[1] & mask;

	PROMISE(insn->is_string && insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE));
	PROMISE(before->rip == after->rip && before->has_shadow == after->has_shadow);
	PROMISE(to && to < from && from - to <= EMU_BATCH_BYTES / insn->operand_size);
	PROMISE(!((before->rflags ^ after->rflags) & RFLAGS_RF));
}

/* Status flags alone; POPF writes others, as far as it may. */
static void check_flags(const struct emu_insn *insn, const struct emu_cpu *before, uint64_t after)
{
	uint64_t changed = (before->rflags ^ after) & ~(uint64_t)(RFLAGS_STATUS | RFLAGS_RF);

	if (insn->map == EMU_MAP_ONE && insn->encoding == EMU_LEGACY && insn->opcode == 0x9d) {
		unsigned int iopl = before->rflags >> RFLAGS_IOPL_SHIFT & 3;

		PROMISE(!(changed & RFLAGS_IOPL) || before->cpl == 0);
		PROMISE(!(changed & RFLAGS_IF) || before->cpl <= iopl);
		changed &= ~(uint64_t)(RFLAGS_IOPL | RFLAGS_IF | RFLAGS_TF | RFLAGS_DF | RFLAGS_NT |
				       RFLAGS_AC | RFLAGS_ID);
	}
	PROMISE(!changed);
}

static void check_execute(enum emu_outcome outcome, const struct world *world,
			  const struct emu_cpu *before, const struct emu_cpu *after,
			  const struct emu_exception *exception)
{
	uint64_t changed = before->rflags ^ after->rflags;

	PROMISE(outcome < EMU_OUTCOME_COUNT);
	PROMISE(world->at >= world->n_events);
	if (world->has_ended)
		PROMISE(outcome == world->end);
	if (outcome == EMU_DEVICE || outcome == EMU_RETRY || outcome == EMU_FAILED)
		PROMISE(world->has_ended);
	if (outcome == EMU_EXCEPTION)
		check_exception(world, exception);
	else
		PROMISE(is_same(exception, &untouched));

	PROMISE(before->cr0 == after->cr0 && before->cr4 == after->cr4 &&
		before->xcr0 == after->xcr0 && before->features == after->features &&
		before->mode == after->mode && before->cpl == after->cpl);
	if (outcome != EMU_DONE && outcome != EMU_AGAIN) {
		PROMISE(!memcmp(before->gpr, after->gpr, sizeof(before->gpr)));
		PROMISE(before->rip == after->rip && !changed);
		PROMISE(before->has_shadow == after->has_shadow);
		PROMISE(!world->has_written || outcome == EMU_RETRY || outcome == EMU_FAILED);
		PROMISE(!world->has_set || world->has_ended);
		return;
	}
	check_flags(world->insn, before, after->rflags);
	if (before->mode != EMU_LONG64)
		PROMISE(!memcmp(before->gpr + 8, after->gpr + 8, 8 * sizeof(before->gpr[0])));
	if (outcome == EMU_DONE)
		check_done(world, before, after);
	else
		check_again(world, before, after);
}

/* ---- One input --------------------------------------------------------------------------- */

/* Registers are near the edges of something: pages, the address space, zero, canonical halves. */
static uint64_t draw_register(struct stream *stream)
{
	uint32_t word = draw_dword(stream);
	uint64_t value = word & 0xffffff;

	switch (word >> 28) {
	case 1: return (value >> 8) * PAGE_SIZE - (value & 0x7f);
	case 2: return 0 - value;
	case 3: return value << 40;
	case 4: return 0x800000000000 - value;
	case 5: return value << 16;
	case 6: return 0x100000000 - value;
	case 7: return 0x10000 - (value & 0xff);
	case 8: return value << 40 | value;
	default: return value;
	}
}

static void draw_cpu(struct stream *stream, struct emu_cpu *cpu)
{
	uint8_t shape = draw(stream), features = draw(stream), control = draw(stream);

	cpu->mode = (enum emu_mode)((shape & 7) % EMU_MODE_COUNT);
	cpu->cpl = shape >> 3 & 3;
	if (cpu->mode == EMU_REAL)
		cpu->cpl = 0;
	if (cpu->mode == EMU_V86)
		cpu->cpl = 3;
	cpu->features = features & 1 ? draw_dword(stream) : EMU_HAS_ALL;
	cpu->cr4 = (shape & 0x20 ? CR4_LA57 : 0) | (shape & 0x40 ? CR4_UMIP : 0) |
		   (control & 1 ? 0 : CR4_OSFXSR) | (control & 2 ? 0 : CR4_OSXSAVE) | CR4_PAE;
	cpu->cr0 = CR0_ET | (cpu->mode == EMU_REAL ? 0 : CR0_PE) | (control & 4 ? CR0_TS : 0) |
		   (control & 8 ? CR0_EM : 0) | (control & 0x10 ? CR0_AM : 0) |
		   (control & 0x20 ? CR0_NE : 0) | (control & 0x40 ? CR0_MP : 0);
	cpu->xcr0 = control & 0x80 ? draw(stream) | XCR0_X87 : 0xe7;
	draw_bytes(stream, &cpu->rflags, 3);
	cpu->rflags |= RFLAGS_ONE;
	cpu->has_shadow = shape >> 7;
	cpu->rip = draw_register(stream);
	if (cpu->mode != EMU_LONG64)
		cpu->rip &= 0xffffffff;
	for (int i = 0; i < 16; i++)
		cpu->gpr[i] = draw_register(stream);
}

static void execute(struct world *world, struct emu_cpu *cpu, const struct emu_ops *ops)
{
	for (int round = 0; round < 8; round++) {
		struct emu_exception exception = untouched;
		struct emu_cpu before = *cpu;
		enum emu_outcome outcome;

		world->cpu = &before;
		world->at = 0;
		world->has_written = world->has_set = world->has_ended = false;
		outcome = emu_execute(world->insn, cpu, ops, world, &exception);
		check_execute(outcome, world, &before, cpu, &exception);
		if (outcome == EMU_DEVICE && draw(&world->stream) & 1) {
			world->events[world->n_events - 1].outcome = EMU_DONE;
			continue;
		}
		world->n_events = world->n_answers = 0;
		if (outcome != EMU_AGAIN && outcome != EMU_DEVICE)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct world world;
	static uint8_t buffer[EMU_MAX_INSN_BYTES]; /* nothing may be read behind it */
	struct stream stream = { .data = data, .n = n };
	struct emu_cpu cpu = { 0 };
	struct emu_insn insn;
	enum emu_decoded decoded;
	uint8_t n_bytes = draw(&stream);
	bool is_missing = n_bytes & 0x80, has_bitmap = n_bytes & 0x40;
	const uint8_t *bytes;
	struct emu_ops ops;

	n_bytes &= 15;
	if (!n_bytes)
		n_bytes = EMU_MAX_INSN_BYTES;
	draw_bytes(&stream, buffer, sizeof(buffer));
	memmove(buffer + sizeof(buffer) - n_bytes, buffer, n_bytes);
	bytes = buffer + sizeof(buffer) - n_bytes;
	draw_cpu(&stream, &cpu);
	ops = pick_ops(is_missing ? draw_dword(&stream) : 0);

	decoded = emu_decode(bytes, n_bytes, cpu.mode, &insn);
	check_decode(bytes, n_bytes, cpu.mode, decoded, &insn);
	world.stream = stream;
	world.insn = &insn;
	world.ops = &ops;
	world.has_bitmap = has_bitmap && ops.segment && ops.translate && ops.read;
	world.n_events = world.n_answers = 0;
	if (decoded == EMU_DECODED) {
		execute(&world, &cpu, &ops);
	} else {
		struct emu_exception exception;

		PROMISE(emu_execute(&insn, &cpu, &ops, &world, &exception) == EMU_UNIMPLEMENTED);
	}
	return 0;
}

#include "tests/fuzz/replay.h"
REPLAY("emu_fuzz_corpus_keeps_the_promises", "tests/fuzz/emu_corpus")
