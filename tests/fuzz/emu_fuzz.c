/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target for emu/: the input is a mode, registers, instruction bytes, and then a stream from
 * which hostile surroundings draw their data and their outcomes. What emu.h promises is asserted.
 *
 *	clang -fsanitize=fuzzer,address,undefined	fuzzes
 *	-DEMU_FUZZ_REPLAY (any compiler)		runs files or, without arguments, the corpus
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/emu.h"
#include "x86/rflags.h"

#define MAX_TRANSLATIONS 8

struct stream {
	const uint8_t *data;
	size_t n, at;
};

struct world {
	struct stream stream;
	const struct emu_insn *insn;
	struct {
		uint64_t page;
		unsigned int access;
	} translations[MAX_TRANSLATIONS];
	unsigned int n_translations;
	bool has_written;
	bool is_done[EMU_OUTCOME_COUNT]; /* outcomes that operations have answered */
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

/* Mostly EMU_DONE; else one of the outcomes in `allowed`, a mask. */
static enum emu_outcome draw_outcome(struct world *world, unsigned int allowed)
{
	unsigned int choice = draw(&world->stream) & 0xf;
	enum emu_outcome outcome = EMU_DONE;

	if (choice < EMU_OUTCOME_COUNT && allowed >> choice & 1)
		outcome = (enum emu_outcome)choice;
	world->is_done[outcome] = true;
	return outcome;
}

static struct emu_exception hostile_exception(struct world *world)
{
	return (struct emu_exception) { .vector = draw(&world->stream) & 31,
					.has_error_code = true };
}

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	struct world *world = ctx;
	uint8_t kind = draw(&world->stream);

	PROMISE(seg <= SEG_GS);
	*out = (struct x86_segment) { .limit = 0xffffffff,
				      .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE };
	if (kind & 0x80) {
		draw_bytes(&world->stream, out, sizeof(*out));
		return draw_outcome(world, 1u << EMU_FAILED);
	}
	return EMU_DONE;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	struct world *world = ctx;
	enum emu_outcome outcome =
		draw_outcome(world, 1u << EMU_EXCEPTION | 1u << EMU_RETRY | 1u << EMU_FAILED);

	PROMISE(!world->has_written);
	PROMISE(access == EMU_READ || access == EMU_WRITE || access == (EMU_READ | EMU_WRITE));
	PROMISE(world->n_translations < MAX_TRANSLATIONS);
	if (outcome == EMU_EXCEPTION)
		*exception = hostile_exception(world);
	*gpa = GPA((uint64_t)(draw(&world->stream) & 3) << PAGE_SHIFT | PAGE_OFFSET(gva.a));
	world->translations[world->n_translations].page = gpa->a & PAGE_MASK;
	world->translations[world->n_translations++].access = access;
	return outcome;
}

static void check_access(const struct world *world, gpa_t gpa, unsigned int size,
			 unsigned int count, unsigned int access, unsigned int max_size)
{
	bool is_translated = false;

	PROMISE(size && !(size & (size - 1)) && size <= max_size);
	PROMISE(count && size * count <= EMU_BATCH_BYTES);
	PROMISE(within_page(gpa.a, size * count));
	PROMISE(count == 1 || (world->insn->is_string &&
			       world->insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE)));
	for (unsigned int i = 0; i < world->n_translations; i++)
		if (world->translations[i].page == (gpa.a & PAGE_MASK) &&
		    (world->translations[i].access & access) == access)
			is_translated = true;
	PROMISE(is_translated);
}

#define DATA_OUTCOMES (1u << EMU_DEVICE | 1u << EMU_RETRY | 1u << EMU_FAILED)

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	struct world *world = ctx;

	PROMISE(!world->has_written);
	check_access(world, gpa, size, count, EMU_READ, 64);
	draw_bytes(&world->stream, data, size * count);
	return draw_outcome(world, DATA_OUTCOMES);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	static volatile uint8_t sink;
	struct world *world = ctx;

	check_access(world, gpa, size, count, EMU_WRITE, 64);
	for (unsigned int i = 0; i < size * count; i++)
		sink = (uint8_t)(sink + ((const uint8_t *)data)[i]);
	world->has_written = true;
	return draw_outcome(world, 1u << EMU_RETRY | 1u << EMU_FAILED);
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	struct world *world = ctx;
	uint8_t old[16], new[16];

	check_access(world, gpa, size, 1, EMU_READ | EMU_WRITE, 16);
	PROMISE(!world->has_written);
	memcpy(old, expected, size);
	memcpy(new, desired, size);
	world->has_written = true;
	return draw_outcome(world, 1u << EMU_RETRY | 1u << EMU_FAILED);
}

static void check_port(const struct world *world, unsigned int size, unsigned int count)
{
	PROMISE(world->insn->is_port);
	PROMISE(size == 1 || size == 2 || size == 4);
	PROMISE(count && size * count <= EMU_BATCH_BYTES);
	PROMISE(count == 1 || world->insn->is_string);
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	struct world *world = ctx;

	(void)port;
	check_port(world, size, count);
	PROMISE(!world->has_written);
	draw_bytes(&world->stream, data, size * count);
	return draw_outcome(world, DATA_OUTCOMES);
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	static volatile uint8_t sink;
	struct world *world = ctx;

	(void)port;
	check_port(world, size, count);
	for (unsigned int i = 0; i < size * count; i++)
		sink = (uint8_t)(sink + ((const uint8_t *)data)[i]);
	world->has_written = true;
	return draw_outcome(world, 1u << EMU_RETRY | 1u << EMU_FAILED);
}

static enum emu_outcome op_port_check(void *ctx, uint16_t port, unsigned int size,
				      struct emu_exception *exception)
{
	struct world *world = ctx;
	enum emu_outcome outcome = draw_outcome(world, 1u << EMU_EXCEPTION);

	(void)port;
	check_port(world, size, 1);
	if (outcome == EMU_EXCEPTION)
		*exception = hostile_exception(world);
	return outcome;
}

static enum emu_outcome op_load_segment(void *ctx, enum x86_seg seg, uint16_t selector,
					struct emu_exception *exception)
{
	struct world *world = ctx;
	enum emu_outcome outcome = draw_outcome(world, 1u << EMU_EXCEPTION);

	(void)selector;
	PROMISE(seg <= SEG_GS && seg != SEG_CS);
	if (outcome == EMU_EXCEPTION)
		*exception = hostile_exception(world);
	return outcome;
}

/* All operations but those that the mask takes away. */
static struct emu_ops pick_ops(uint8_t missing)
{
	struct emu_ops ops = {
		.segment = op_segment,
		.translate = op_translate,
		.read = op_read,
		.write = op_write,
		.cmpxchg = op_cmpxchg,
		.in = op_in,
		.out = op_out,
		.port_check = op_port_check,
		.load_segment = op_load_segment,
	};

	if (missing & 1)
		ops.segment = NULL;
	if (missing & 2)
		ops.translate = NULL;
	if (missing & 4)
		ops.read = NULL;
	if (missing & 8)
		ops.write = NULL;
	if (missing & 16)
		ops.cmpxchg = NULL;
	if (missing & 32)
		ops.in = NULL;
	if (missing & 64)
		ops.out = NULL;
	if (missing & 128) {
		ops.port_check = NULL;
		ops.load_segment = NULL;
	}
	return ops;
}

static void check_decode(const uint8_t *bytes, unsigned int n, enum emu_mode mode,
			 enum emu_decoded decoded, const struct emu_insn *insn)
{
	struct emu_insn again;

	PROMISE(decoded < EMU_DECODED_COUNT);
	PROMISE((decoded == EMU_DECODED) == (insn->row != NULL));
	PROMISE(insn->length <= EMU_MAX_INSN_BYTES && insn->length <= n);
	PROMISE(decoded != EMU_DECODE_MORE_BYTES || (n < EMU_MAX_INSN_BYTES && insn->length == n));
	PROMISE(decoded != EMU_DECODE_TOO_LONG || n >= EMU_MAX_INSN_BYTES);
	if (decoded == EMU_DECODED || decoded == EMU_DECODE_UNIMPLEMENTED ||
	    decoded == EMU_DECODE_NO_ACCESS) {
		PROMISE(insn->length);
		PROMISE(emu_decode(bytes, insn->length, mode, &again) == decoded);
		PROMISE(again.length == insn->length);
		PROMISE(emu_decode(bytes, insn->length - 1u, mode, &again) ==
			EMU_DECODE_MORE_BYTES);
	}
	PROMISE(emu_insn_name(insn) != NULL);
}

static void check_execute(enum emu_outcome outcome, const struct world *world,
			  const struct emu_cpu *before, const struct emu_cpu *after,
			  const struct emu_exception *exception)
{
	const struct emu_insn *insn = world->insn;
	uint64_t changed = before->rflags ^ after->rflags;

	PROMISE(outcome < EMU_OUTCOME_COUNT);
	if (outcome == EMU_DEVICE || outcome == EMU_RETRY || outcome == EMU_FAILED)
		PROMISE(world->is_done[outcome]);
	if (outcome != EMU_EXCEPTION)
		PROMISE(exception->vector == 0xee);
	if (outcome != EMU_DONE && outcome != EMU_AGAIN) {
		PROMISE(!memcmp(before->gpr, after->gpr, sizeof(before->gpr)));
		PROMISE(before->rip == after->rip && !changed);
		return;
	}
	PROMISE(before->cr0 == after->cr0 && before->mode == after->mode &&
		before->cpl == after->cpl);
	PROMISE(!(changed & ~(uint64_t)(RFLAGS_STATUS | RFLAGS_RF)));
	if (outcome == EMU_AGAIN) {
		PROMISE(insn->is_string && insn->prefixes & (EMU_PREFIX_REP | EMU_PREFIX_REPNE));
		PROMISE(before->rip == after->rip);
		PROMISE(before->gpr[1] != after->gpr[1]);
	} else {
		PROMISE(((before->rip + insn->length - after->rip) & 0xffffffff) == 0);
		PROMISE(!(after->rflags & RFLAGS_RF));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct world world = { .stream = { .data = data, .n = n } };
	struct stream *stream = &world.stream;
	struct emu_exception exception = { .vector = 0xee };
	struct emu_cpu cpu = { 0 }, before;
	uint8_t bytes[EMU_MAX_INSN_BYTES];
	struct emu_insn insn;
	unsigned int n_bytes;
	struct emu_ops ops;
	uint8_t shape = draw(stream), sizes = draw(stream);

	cpu.mode = (enum emu_mode)((shape & 7) % EMU_MODE_COUNT);
	cpu.cpl = shape >> 3 & 3;
	cpu.la57 = shape >> 5 & 1;
	ops = pick_ops(shape & 0x40 ? draw(stream) : 0);
	n_bytes = (sizes & 15) == 0 ? EMU_MAX_INSN_BYTES : (sizes & 15);
	draw_bytes(stream, bytes, n_bytes);
	draw_bytes(stream, &cpu.rflags, 3);
	cpu.rflags |= RFLAGS_ONE;
	cpu.cr0 = (uint64_t)draw(stream) << 16 | 1;
	draw_bytes(stream, &cpu.rip, sizes & 0x10 ? 8 : 4);
	for (int i = 0; i < 16; i++)
		draw_bytes(stream, &cpu.gpr[i], sizes & 0x20 ? 8 : sizes & 0x40 ? 2 : 4);
	if (cpu.mode != EMU_LONG64)
		cpu.rip &= 0xffffffff;

	world.insn = &insn;
	enum emu_decoded decoded = emu_decode(bytes, n_bytes, cpu.mode, &insn);
	check_decode(bytes, n_bytes, cpu.mode, decoded, &insn);
	if (decoded != EMU_DECODED) {
		PROMISE(emu_execute(&insn, &cpu, &ops, &world, &exception) == EMU_UNIMPLEMENTED);
		return 0;
	}
	for (int round = 0; round < 8; round++) {
		enum emu_outcome outcome;

		before = cpu;
		world.n_translations = 0;
		world.has_written = false;
		memset(world.is_done, 0, sizeof(world.is_done));
		outcome = emu_execute(&insn, &cpu, &ops, &world, &exception);
		check_execute(outcome, &world, &before, &cpu, &exception);
		if (outcome != EMU_AGAIN && outcome != EMU_DEVICE)
			break;
	}
	return 0;
}

#ifdef EMU_FUZZ_REPLAY
static void replay(const char *path)
{
	static uint8_t data[1 << 16];
	FILE *file = fopen(path, "rb");

	if (!file) {
		perror(path);
		exit(1);
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	fclose(file);
}

int main(int argc, char **argv)
{
	static const char corpus[] = "tests/fuzz/emu_corpus";
	struct dirent *entry;
	unsigned int n = 0;
	char path[512];
	DIR *directory;

	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	if (argc > 1)
		return 0;
	directory = opendir(corpus);
	while (directory && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", corpus, entry->d_name);
		replay(path);
		n++;
	}
	if (directory)
		closedir(directory);
	printf("%s emu_fuzz_corpus_keeps_the_promises (%u inputs)\n", n ? "ok" : "FAIL", n);
	return !n;
}
#endif
