/* SPDX-License-Identifier: MIT */
/*
 * A home need not offer every operation. Each form of the opcode tables is executed with all operations, and
 * again with each of them absent in turn: if the instruction had called the operation it must be refused, with
 * nothing changed; if it had not, nothing may be different.
 *
 * The forms are found by decoding every opcode of every map with all that selects a row; the rows of the
 * tables, which docs/emulator.md lists, are counted apart, and each must have been reached and completed. The
 * operations are the pointers of struct emu_ops by their number; each must have been called and refused.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/row.h"
#include "tests/check.h"
#include "tests/emu/flat.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/page.h"
#include "x86/rflags.h"
#include "x86/seg.h"

#define N_OPS	   (sizeof(struct emu_ops) / sizeof(void *))
#define OP(member) (offsetof(struct emu_ops, member) / sizeof(void *))
#define MAX_ROWS   2048
#define RAM_BYTES  0x8000u

/* Guest memory: addresses that 16-bit code reaches, too. */
#define TABLES	0x1000u /* a GDT, an LDT and a TSS */
#define LDT_AT	0x800u
#define TSS_AT	0xa00u
#define OPERAND 0x2000u
#define OTHER	0x2400u
#define EDGE	0x2ffdu
#define STACK	0x5000u

enum { CODE_SELECTOR = 8, DATA_SELECTOR = 16, TSS_SELECTOR = 24, LDT_SELECTOR = 40 };

/* What there is for every instruction at its operand, on the stack, and in masks. */
static const struct {
	const char *name;
	uint16_t word; /* repeated over all of memory but the tables */
	uint16_t operand;
	uint64_t not_present; /* a page, ~0 none */
	uint64_t mask;
} scenes[] = {
	{ "zeros", 0, OPERAND, ~0ull, 0x5555555555555555 },
	{ "numbers", 0x7f7f, OPERAND, ~0ull, ~0ull },
	{ "a page edge", DATA_SELECTOR, EDGE, ~0ull, ~0ull },
	{ "no operand", 0, OPERAND, OPERAND, ~0ull },
	/* From here on only without a prefix. */
	{ "a data segment", DATA_SELECTOR, OPERAND, ~0ull, 0 },
	{ "a segment of the LDT", DATA_SELECTOR | 4, OPERAND, ~0ull, ~0ull },
	{ "a code segment", CODE_SELECTOR, OPERAND, ~0ull, ~0ull },
	{ "a TSS", TSS_SELECTOR, OPERAND, ~0ull, ~0ull },
	{ "an LDT", LDT_SELECTOR, OPERAND, ~0ull, ~0ull },
	{ "a page edge, numbers", 0x7f7f, EDGE, ~0ull, 0x5555555555555555 },
	{ "a page edge and nothing behind", 0, EDGE, 0x3000, ~0ull },
	{ "no stack", 0, OPERAND, STACK - 0x1000, ~0ull },
};

#define N_BASIC_SCENES 4

/* In front of the instruction; 48 stands directly before the opcode. */
#define REX_W 0x48
static const uint8_t preludes[] = { 0, 0xf0, 0x64, 0x67, REX_W };

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One execution: what it made of everything. */
struct result {
	enum emu_outcome outcome;
	struct emu_cpu cpu;
	struct emu_exception exception;
	uint64_t effects; /* a hash of all calls that change something, in their order */
	unsigned int n_effects;
	uint32_t called; /* 1 << number of the operation */
	bool is_ram_written;
};

static uint8_t ram[RAM_BYTES];
static const uint8_t *clean; /* as the scene has it */
static const struct emu_ops *running_ops;
static struct emu_cpu start;
static struct result result;
static unsigned int scene;

static const struct emu_row *rows[MAX_ROWS];
static unsigned int n_rows, n_completed[MAX_ROWS], n_of_evex[MAX_ROWS];
static unsigned long n_runs, n_refusals[N_OPS], n_same[N_OPS];

static void effect(uint32_t number, uint64_t at, const void *data, size_t n)
{
	const uint8_t *bytes = data;

	result.n_effects++;
	result.effects = (result.effects ^ number) * 0x100000001b3;
	result.effects = (result.effects ^ at) * 0x100000001b3;
	for (size_t i = 0; i < n; i++)
		result.effects = (result.effects ^ bytes[i]) * 0x100000001b3;
}

static void called(unsigned int number)
{
	result.called |= 1u << number;
}

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	(void)ctx;
	called(OP(segment));
	*out = (struct x86_segment) { .limit = 0xffff,
				      .selector = DATA_SELECTOR,
				      .attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE };
	if (seg == SEG_CS)
		out->attributes = SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_READABLE;
	if (seg == SEG_LDTR)
		*out = (struct x86_segment) { TABLES + LDT_AT, 0xff, LDT_SELECTOR, SEG_P | 2 };
	if (seg == SEG_TR)
		*out = (struct x86_segment) { TABLES + TSS_AT, 0x2ff, TSS_SELECTOR, SEG_P | 11 };
	return EMU_DONE;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	(void)ctx, (void)access;
	called(OP(translate));
	if ((gva.a & PAGE_MASK) == scenes[scene].not_present) {
		*exception = (struct emu_exception) { EXC_PF, true, 0, gva.a };
		return EMU_EXCEPTION;
	}
	*gpa = GPA(gva.a);
	return EMU_DONE;
}

static uint8_t *flat_at(gpa_t gpa, unsigned int n, bool is_write)
{
	result.is_ram_written |= is_write;
	CHECK(within_page(gpa.a, n));
	CHECK(gpa.a + n <= RAM_BYTES);
	return gpa.a + n <= RAM_BYTES ? ram + gpa.a : ram;
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	(void)ctx;
	called(OP(read));
	return flat_read(gpa, size, count, data);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	(void)ctx;
	called(OP(write));
	effect(OP(write), gpa.a, data, size * count);
	return flat_write(gpa, size, count, data);
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	enum emu_outcome outcome;

	(void)ctx;
	called(OP(cmpxchg));
	effect(OP(cmpxchg), gpa.a, desired, size);
	outcome = flat_cmpxchg(gpa, size, expected, desired);
	CHECK_EQ(outcome, EMU_DONE);
	return outcome;
}

/* What a device has given it does not give again. */
static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	(void)ctx;
	called(OP(in));
	effect(OP(in), port, NULL, 0);
	memset(data, 0x5a, size * count);
	return EMU_DONE;
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	(void)ctx;
	called(OP(out));
	effect(OP(out), port, data, size * count);
	return EMU_DONE;
}

/* The whole rule, with what there is of operations. */
static enum emu_outcome op_port_check(void *ctx, uint16_t port, unsigned int size,
				      struct emu_exception *exception)
{
	struct emu_cpu cpu = start;

	called(OP(port_check));
	return emu_port_permission(&cpu, running_ops, ctx, port, size, exception);
}

static enum emu_outcome op_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	(void)ctx;
	called(OP(set_segment));
	effect(OP(set_segment), seg, &value->base, 8);
	effect(OP(set_segment), value->attributes, &value->limit, 4);
	return EMU_DONE;
}

static enum emu_outcome op_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	(void)ctx;
	called(OP(table));
	*out = (struct x86_table) { .base = TABLES, .limit = table == EMU_GDTR ? 0x7f : 0xfff };
	return EMU_DONE;
}

static enum emu_outcome op_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	(void)ctx;
	called(OP(set_table));
	effect(OP(set_table), table, &value->base, 8);
	return EMU_DONE;
}

static enum emu_outcome op_set_cr0(void *ctx, uint64_t value)
{
	(void)ctx;
	called(OP(set_cr0));
	effect(OP(set_cr0), value, NULL, 0);
	return EMU_DONE;
}

static enum emu_outcome op_invlpg(void *ctx, gva_t gva)
{
	(void)ctx;
	called(OP(invlpg));
	effect(OP(invlpg), gva.a, NULL, 0);
	return EMU_DONE;
}

/* Odd bytes have their sign bit set, and with them all larger elements. */
static enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg,
				  unsigned int n_bytes, void *data)
{
	uint8_t *bytes = data;

	(void)ctx;
	called(OP(vector));
	for (unsigned int i = 0; i < n_bytes; i++)
		bytes[i] = (uint8_t)(reg + i + (i & 1 ? 0x80 : 0));
	if (file == EMU_OPMASK)
		memcpy(data, &scenes[scene].mask, 8);
	return EMU_DONE;
}

static enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
				      unsigned int n_bytes, bool zero_upper, const void *data)
{
	(void)ctx;
	called(OP(set_vector));
	effect(OP(set_vector), (uint64_t)file << 8 | zero_upper << 16 | reg, data, n_bytes);
	return EMU_DONE;
}

static enum emu_outcome op_x87(void *ctx, struct emu_x87 *out)
{
	(void)ctx;
	called(OP(x87));
	memset(out, 0, sizeof(*out));
	out->fcw = 0x37f;
	out->mxcsr = 0x1f80;
	return EMU_DONE;
}

static enum emu_outcome op_set_x87(void *ctx, const struct emu_x87 *value)
{
	(void)ctx;
	called(OP(set_x87));
	effect(OP(set_x87), value->fcw, value->st, sizeof(value->st));
	return EMU_DONE;
}

static const struct emu_ops all_ops = {
	.segment = op_segment,
	.translate = op_translate,
	.read = op_read,
	.write = op_write,
	.cmpxchg = op_cmpxchg,
	.in = op_in,
	.out = op_out,
	.port_check = op_port_check,
	.set_segment = op_set_segment,
	.table = op_table,
	.set_table = op_set_table,
	.set_cr0 = op_set_cr0,
	.invlpg = op_invlpg,
	.vector = op_vector,
	.set_vector = op_set_vector,
	.x87 = op_x87,
	.set_x87 = op_set_x87,
};

static void put_descriptor(uint8_t *image, unsigned int offset, unsigned int attributes)
{
	const uint64_t raw = 0xffff | (uint64_t)attributes << 40;

	memcpy(image + TABLES + offset, &raw, 8);
}

/* Memory of a scene. No descriptor is marked as accessed yet. */
static void make_image(uint8_t *image, unsigned int number)
{
	for (unsigned int i = 0; i < RAM_BYTES; i += 2)
		memcpy(image + i, &scenes[number].word, 2);
	memset(image + TABLES, 0, PAGE_SIZE);
	for (unsigned int table = 0; table <= LDT_AT; table += LDT_AT) {
		put_descriptor(image, table + CODE_SELECTOR,
			       SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_READABLE);
		put_descriptor(image, table + DATA_SELECTOR, SEG_P | SEG_S | SEG_TYPE_WRITABLE);
	}
	/* In 64-bit mode these have 16 bytes. */
	put_descriptor(image, TSS_SELECTOR, SEG_P | 9);
	put_descriptor(image, LDT_SELECTOR, SEG_P | SEG_TYPE_LDT);
	image[TABLES + TSS_AT + 0x66] = 0x68;
}

/* Memory and registers of a scene: nearly every register is the address of an operand. */
static void set_scene(unsigned int number, enum emu_mode mode)
{
	static uint8_t images[N_OF(scenes)][RAM_BYTES];
	static bool is_made[N_OF(scenes)];

	if (!is_made[number])
		make_image(images[number], number);
	is_made[number] = true;
	scene = number;
	clean = images[number];
	memcpy(ram, clean, RAM_BYTES);

	memset(&start, 0, sizeof(start));
	for (unsigned int i = 0; i < 16; i++)
		start.gpr[i] = scenes[scene].operand;
	start.gpr[0] = 0x10; /* RAX; an index between bounds */
	start.gpr[1] = 3;    /* RCX */
	start.gpr[2] = 1;    /* RDX, below a divisor */
	start.gpr[4] = STACK;
	start.gpr[5] = STACK;
	start.gpr[6] = OTHER;
	start.rip = 0x4000;
	start.rflags = RFLAGS_ONE;
	start.cr0 = (mode == EMU_REAL ? 0 : CR0_PE | CR0_PG) | CR0_NE;
	start.cr4 = CR4_OSFXSR | CR4_OSXSAVE | CR4_VME;
	start.xcr0 = 0xe7;
	start.features = EMU_HAS_ALL;
	start.mode = mode;
	start.cpl = mode == EMU_V86 ? 3 : 0;
}

static void execute(const struct emu_insn *insn, const struct emu_ops *ops)
{
	memset(&result, 0, sizeof(result));
	memcpy(&result.cpu, &start, sizeof(start));
	running_ops = ops;
	result.outcome = emu_execute(insn, &result.cpu, ops, &result, &result.exception);
	if (result.is_ram_written)
		memcpy(ram, clean, RAM_BYTES);
	n_runs++;
}

static bool is_same_end(const struct result *a, const struct result *b)
{
	return a->outcome == b->outcome && a->effects == b->effects &&
	       a->n_effects == b->n_effects && !memcmp(&a->cpu, &b->cpu, sizeof(a->cpu)) &&
	       (a->outcome != EMU_EXCEPTION ||
		!memcmp(&a->exception, &b->exception, sizeof(a->exception)));
}

static void complain(const char *what, unsigned int number, const struct emu_insn *insn,
		     const struct result *whole)
{
	FAIL("%s: operation %u, %s (map %u opcode %02x modrm %02x prefixes %02x), mode "
	     "%u, %s: outcome %d with it, %d without",
	     what, number, emu_insn_name(insn), insn->map, insn->opcode, insn->modrm,
	     insn->prefixes, start.mode, scenes[scene].name, whole->outcome, result.outcome);
}

static void run_without(uint32_t absent, const struct emu_insn *insn, const struct result *whole)
{
	unsigned int first = (unsigned int)__builtin_ctz(absent);
	struct emu_ops ops = all_ops;

	for (unsigned int i = 0; i < N_OPS; i++)
		if (absent >> i & 1)
			memset((char *)&ops + i * sizeof(void *), 0, sizeof(void *));
	execute(insn, &ops);
	if (!(absent & whole->called & ~(1u << OP(port_check)))) {
		for (unsigned int i = 0; i < N_OPS; i++)
			n_same[i] += absent >> i & 1;
		if (!is_same_end(&result, whole))
			complain("not needed, and yet different", first, insn, whole);
		return;
	}
	n_refusals[first]++;
	if (result.outcome != EMU_UNIMPLEMENTED)
		complain("not refused", first, insn, whole);
	else if (result.n_effects || memcmp(&result.cpu, &start, sizeof(start)))
		complain("refused when something had changed", first, insn, whole);
}

/*
 * Without each operation that was called, in turn; then without all others at once, and once for each form
 * without each of them. port_check is the one that may be absent without a refusal.
 */
static void run_without_each(const struct emu_insn *insn, const struct result *whole, bool is_first)
{
	const uint32_t all = (1u << N_OPS) - 1;

	for (unsigned int i = 0; i < N_OPS; i++)
		if (is_first || whole->called >> i & 1)
			run_without(1u << i, insn, whole);
	run_without(all & ~whole->called, insn, whole);
}

static int row_index(const struct emu_row *row)
{
	for (unsigned int i = 0; i < n_rows; i++)
		if (rows[i] == row)
			return (int)i;
	return -1;
}

/* The bytes of one form in one mode: executed in every scene. */
static void try_bytes(const uint8_t *bytes, enum emu_mode mode, bool is_plain)
{
	struct emu_insn insn;
	struct result whole;
	int row;

	if (emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn) != EMU_DECODED)
		return;
	row = row_index(insn.row);
	CHECK(row >= 0);
	if (row < 0)
		return;
	n_of_evex[row] += insn.encoding == EMU_EVEX;
	for (unsigned int i = 0; i < (is_plain ? N_OF(scenes) : N_BASIC_SCENES); i++) {
		set_scene(i, mode);
		execute(&insn, &all_ops);
		whole = result;
		if (whole.outcome == EMU_DONE || whole.outcome == EMU_AGAIN)
			n_completed[row]++;
		run_without_each(&insn, &whole, is_plain && i == 0);
	}
}

struct form {
	unsigned int encoding, map, opcode, prefix, reg, w, length, mask;
};

/* The form's bytes behind a prelude; how many to the opcode's end, 0 if there is no such combination. */
static unsigned int put_form(uint8_t *bytes, const struct form *form, uint8_t prelude,
			     enum emu_mode mode)
{
	static const uint8_t prefixes[] = { 0, 0x66, 0xf3, 0xf2 }, escapes[] = { 0, 0, 0x38, 0x3a };
	unsigned int n = 0;

	if (prelude == REX_W && (mode != EMU_LONG64 || form->encoding != EMU_LEGACY))
		return 0;
	if (prelude && prelude != REX_W)
		bytes[n++] = prelude;
	if (form->encoding == EMU_LEGACY) {
		if (form->prefix)
			bytes[n++] = prefixes[form->prefix];
		if (prelude == REX_W)
			bytes[n++] = prelude;
		if (form->map)
			bytes[n++] = 0x0f;
		if (form->map > EMU_MAP_0F)
			bytes[n++] = escapes[form->map];
	} else if (form->encoding == EMU_VEX) {
		bytes[n++] = 0xc4;
		bytes[n++] = (uint8_t)(0xe0 | form->map);
		bytes[n++] = (uint8_t)(form->w << 7 | 0x78 | form->length << 2 | form->prefix);
	} else {
		bytes[n++] = 0x62;
		bytes[n++] = (uint8_t)(0xf0 | form->map);
		bytes[n++] = (uint8_t)(form->w << 7 | 0x7c | form->prefix);
		bytes[n++] = (uint8_t)((form->mask == 2 ? 0x80 : 0) | form->length << 5 | 8 |
				       (form->mask ? 1 : 0));
	}
	bytes[n++] = (uint8_t)form->opcode;
	return n;
}

/* The row that the form leads to, and in n where its ModRM byte is; NULL if there is none. */
static const struct emu_row *row_of(const struct form *form, uint8_t prelude, enum emu_mode mode,
				    uint8_t *bytes, unsigned int *n)
{
	/* Behind the opcode: an address; an offset and a selector; two immediates. */
	uint8_t rest[EMU_MAX_INSN_BYTES] = { 0x00, 0x20, 0, 0, mode == EMU_LONG64 ? 0 : 8 };
	struct emu_insn insn;

	*n = put_form(bytes, form, prelude, mode);
	if (!*n)
		return NULL;
	memcpy(bytes + *n, rest, sizeof(rest));
	if (emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn) == EMU_DECODED && !insn.has_modrm) {
		*n = 0;
		return form->reg ? NULL : insn.row;
	}
	bytes[*n] = (uint8_t)(0x07 | form->reg << 3); /* [rDI], [BX] */
	if (emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn) == EMU_DECODED)
		return insn.row;
	bytes[*n] |= 0xc0;
	return emu_decode(bytes, EMU_MAX_INSN_BYTES, mode, &insn) == EMU_DECODED ? insn.row : NULL;
}

/* The form in all modes, with a memory operand and a register. Where ModRM.reg is a register two will do. */
static void try_form(const struct form *form)
{
	struct form first = *form;

	first.reg = 0;
	for (unsigned int i = 0; i < EMU_MODE_COUNT * N_OF(preludes); i++) {
		enum emu_mode mode = (enum emu_mode)(i % EMU_MODE_COUNT);
		uint8_t prelude = preludes[i / EMU_MODE_COUNT];
		uint8_t bytes[2 * EMU_MAX_INSN_BYTES];
		unsigned int n, is_plain = prelude == 0;
		const struct emu_row *row;

		if (form->encoding != EMU_LEGACY && prelude != 0 && prelude != 0x67)
			continue;
		row = row_of(&first, prelude, mode, bytes, &n);
		if (form->reg && form->reg != 6 && row &&
		    row_of(form, prelude, mode, bytes, &n) == row)
			continue;
		if (!row_of(form, prelude, mode, bytes, &n))
			continue;
		try_bytes(bytes, mode, is_plain);
		if (n && (bytes[n] & 0xc0) == 0) {
			bytes[n] |= 0xc0;
			try_bytes(bytes, mode, is_plain);
		}
	}
}

static void add_rows(const struct emu_row *row, bool is_vex)
{
	/* Those of registers alone, 8 to 15 of a group by ModRM.mod, access nothing. */
	unsigned int n = row->flags & ROW_GROUP_MODE		   ? 2
			 : row->flags & ROW_GROUP_PREFIX || is_vex ? 4
								   : 8;

	if (!row->text || row->flags & UD)
		return;
	if (row->flags & ROW_GROUP) {
		for (unsigned int i = 0; i < n; i++)
			add_rows(&row->group[i], is_vex);
	} else if (row->meaning && row_index(row) < 0) {
		if (n_rows == MAX_ROWS)
			abort();
		rows[n_rows++] = row;
	}
}

/* Every row that has a meaning, by the tables alone. */
static void find_rows(void)
{
	for (unsigned int i = 0; i < 256; i++) {
		add_rows(&emu_map_one[i], false);
		add_rows(&emu_rows_0f[emu_map_0f[i]], false);
		add_rows(&emu_rows_0f38[emu_map_0f38[i]], false);
		add_rows(&emu_rows_0f3a[emu_map_0f3a[i]], false);
	}
	for (unsigned int i = 0; i < emu_n_rows_bmi; i++)
		add_rows(&emu_rows_bmi[i], true);
	for (unsigned int i = 0; i < emu_n_rows_vex; i++)
		add_rows(&emu_rows_vex[i], true);
	for (unsigned int i = 0; i < emu_n_rows_evex; i++)
		add_rows(&emu_rows_evex[i], true);
}

static void an_absent_operation_is_a_refusal_in_every_form(void)
{
	for (unsigned int i = 0; i < 3 * 4 * 4 * 256; i++) {
		struct form form = { .opcode = i & 0xff,
				     .prefix = i >> 8 & 3,
				     .map = i >> 10 & 3,
				     .encoding = i >> 12 };
		bool is_vex = form.encoding != EMU_LEGACY;

		if (is_vex && form.map == EMU_MAP_ONE)
			continue;
		for (unsigned int more = 0; more < (is_vex ? 2u * 3 * 3 : 1u); more++)
			for (form.reg = 0; form.reg < 8; form.reg++) {
				form.w = more & 1;
				form.length = more / 2 % 3;
				form.mask = more / 6;
				if (form.encoding == EMU_VEX && (form.length > 1 || form.mask))
					continue;
				try_form(&form);
			}
	}
}

static void every_form_was_completed(void)
{
	CHECK(n_rows > 400);
	for (unsigned int i = 0; i < n_rows; i++) {
		if (!n_completed[i]) {
			CHECK(!"completed");
			printf("  %s was not completed\n", rows[i]->text);
		}
		CHECK(!(rows[i]->key && rows[i]->vector & EVEX_TOO) || n_of_evex[i]);
	}
	printf("# %lu executions of %u rows\n", n_runs, n_rows);
}

static void every_operation_was_refused_and_left_alone(void)
{
	for (unsigned int i = 0; i < N_OPS; i++) {
		const void *operation;

		memcpy(&operation, (const char *)&all_ops + i * sizeof(void *), sizeof(void *));
		CHECK(operation);
		CHECK(n_refusals[i] > 0 || i == OP(port_check));
		CHECK(n_same[i] > 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(an_absent_operation_is_a_refusal_in_every_form),
		TEST(every_form_was_completed),
		TEST(every_operation_was_refused_and_left_alone),
	};

	find_rows();
	return RUN(tests);
}
