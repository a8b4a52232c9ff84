/* SPDX-License-Identifier: MIT */
/*
 * The emulator's side: the same memory map with the writable pages as a shadow, and a model of the
 * descriptor tables: the LDT as Linux makes it from what native_run.c installs, the GDT as far as Linux
 * promises it to user mode.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/emu/flat.h"
#include "tests/emu/native.h"
#include "x86/cr.h"
#include "x86/exc.h"

#define GDT_LIMIT 0x7f
#define DPL3	  (3u << SEG_DPL_SHIFT)
#define GDT_CPU	  15 /* its limit is the number of the processor */

uint8_t native_shadow[RW_BYTES];
bool native_is_unknown;

static uint64_t gdt_bytes[16], ldt_bytes[LDT_COUNT];
static struct x86_segment gdt_loaded[16], ldt_loaded[LDT_COUNT];

static const struct native_case *running;
static struct x86_segment loaded[6];
static bool is_shadow_changed;
static const char *broken; /* a promise of the emulator's */

static uint64_t pack(uint32_t base, uint32_t limit, unsigned int attributes)
{
	uint64_t raw = attributes & SEG_G ? limit >> 12 : limit;

	return (raw & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
	       (uint64_t)(attributes & 0xff) << 40 | (raw >> 16 & 0xf) << 48 |
	       (uint64_t)(attributes >> 12 & 0xf) << 52 | (uint64_t)(base >> 24) << 56;
}

void native_model_ldt(unsigned int entry, uint32_t base, uint32_t limit, unsigned int type,
		      unsigned int flags)
{
	/* `useable` becomes the bit that is free for software. */
	unsigned int attributes = type | flags | SEG_TYPE_ACCESSED | SEG_S | DPL3 | SEG_AVL;

	ldt_bytes[entry] = pack(base, limit, attributes);
	ldt_loaded[entry] = (struct x86_segment) { .base = base,
						   .limit = limit,
						   .selector = SELECTOR(entry),
						   .attributes = (uint16_t)attributes };
}

static void model_gdt_entry(unsigned int entry, unsigned int attributes)
{
	attributes |= SEG_G | SEG_P | SEG_S | SEG_TYPE_ACCESSED;
	gdt_bytes[entry] = pack(0, 0xffffffff, attributes);
	gdt_loaded[entry] = (struct x86_segment) { .limit = 0xffffffff,
						   .selector = (uint16_t)(entry << 3),
						   .attributes = (uint16_t)attributes };
}

void native_model_gdt(void)
{
	model_gdt_entry(1, SEG_DB | SEG_TYPE_CODE | SEG_TYPE_READABLE);
	model_gdt_entry(2, SEG_L | SEG_TYPE_CODE | SEG_TYPE_READABLE);
	model_gdt_entry(3, SEG_DB | SEG_TYPE_WRITABLE);
	model_gdt_entry(4, SEG_DB | SEG_TYPE_CODE | SEG_TYPE_READABLE | DPL3);
	model_gdt_entry(5, SEG_DB | SEG_TYPE_WRITABLE | DPL3);
	model_gdt_entry(6, SEG_L | SEG_TYPE_CODE | SEG_TYPE_READABLE | DPL3);
	/* What they describe is the kernel's business, that they are not for user mode is enough. */
	gdt_bytes[8] = pack(0, 0x67, SEG_P | SEG_TYPE_TSS_BUSY);
	gdt_bytes[10] = pack(0, 0x67, SEG_P | SEG_TYPE_LDT);
}

const struct x86_segment *native_ldt(unsigned int entry)
{
	return &ldt_loaded[entry];
}

void native_sync_shadow(void)
{
	memcpy(native_shadow, (void *)RW_PAGE, RW_BYTES);
	is_shadow_changed = false;
}

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	(void)ctx;
	if (seg == SEG_LDTR)
		*out = (struct x86_segment) { .base = LDT_BASE,
					      .limit = sizeof(ldt_bytes) - 1,
					      .selector = 0x50,
					      .attributes = SEG_P | SEG_TYPE_LDT };
	else if (seg <= SEG_GS)
		*out = running->segment[seg];
	else
		broken = "asked for the task register";
	return EMU_DONE;
}

static bool is_within(uint64_t address, uint64_t base, uint64_t n)
{
	return address - base < n;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *exception)
{
	bool is_readonly = is_within(gva.a, RO_PAGE, 0x1000);

	(void)ctx;
	*gpa = GPA(gva.a);
	if (access & EMU_IMPLICIT) {
		if (!is_within(gva.a, GDT_BASE, sizeof(gdt_bytes)) &&
		    !is_within(gva.a, LDT_BASE, sizeof(ldt_bytes)))
			broken = "an implicit access that is not to a descriptor";
		else if (access & EMU_WRITE)
			broken = "writes to a descriptor whose accessed bit is set";
		return EMU_DONE;
	}
	if (is_within(gva.a, RW_PAGE, RW_BYTES) || (is_readonly && !(access & EMU_WRITE)))
		return EMU_DONE;
	*exception = (struct emu_exception) {
		.vector = EXC_PF,
		.has_error_code = true,
		.error_code = PF_U | (access & EMU_WRITE ? PF_W : 0) | (is_readonly ? PF_P : 0),
		.address = gva.a,
	};
	return EMU_EXCEPTION;
}

static uint8_t *flat_at(gpa_t gpa, unsigned int n, bool is_write)
{
	static uint8_t nowhere[EMU_BATCH_BYTES];

	is_shadow_changed |= is_write;
	if ((gpa.a & 0xfff) + n > 0x1000 || n > EMU_BATCH_BYTES)
		broken = "an access across a page";
	else if (is_within(gpa.a, RW_PAGE, RW_BYTES))
		return native_shadow + (gpa.a - RW_PAGE);
	else if (is_write)
		broken = "writes elsewhere than it asked for";
	else if (is_within(gpa.a, RO_PAGE, 0x1000))
		return (uint8_t *)gpa.a;
	else if (is_within(gpa.a, GDT_BASE, sizeof(gdt_bytes))) {
		if (gpa.a - GDT_BASE >= 8 * GDT_CPU)
			native_is_unknown = true;
		return (uint8_t *)gdt_bytes + (gpa.a - GDT_BASE);
	} else if (is_within(gpa.a, LDT_BASE, sizeof(ldt_bytes)))
		return (uint8_t *)ldt_bytes + (gpa.a - LDT_BASE);
	else
		broken = "reads elsewhere than it asked for";
	return nowhere;
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	(void)ctx;
	return flat_read(gpa, size, count, data);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	(void)ctx;
	return flat_write(gpa, size, count, data);
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	const enum emu_outcome outcome = flat_cmpxchg(gpa, size, expected, desired);

	(void)ctx;
	if (outcome != EMU_DONE)
		broken = "a locked write that expects what it did not read";
	return outcome;
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	(void)ctx, (void)port;
	broken = "reads a port";
	memset(data, 0, size * count);
	return EMU_DONE;
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	(void)ctx, (void)port, (void)size, (void)count, (void)data;
	broken = "writes a port";
	return EMU_DONE;
}

/* User mode has no port. */
static enum emu_outcome op_port_check(void *ctx, uint16_t port, unsigned int size,
				      struct emu_exception *exception)
{
	(void)ctx, (void)port, (void)size;
	*exception = (struct emu_exception) { .vector = EXC_GP, .has_error_code = true };
	return EMU_EXCEPTION;
}

static enum emu_outcome op_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	unsigned int entry = value->selector >> 3;
	const struct x86_segment *model;

	(void)ctx;
	if (seg > SEG_GS) {
		broken = "sets a system segment";
		return EMU_DONE;
	}
	loaded[seg] = *value;
	if (entry == 0 && !(value->selector & 4)) {
		if (value->attributes & SEG_P)
			broken = "a null segment that is present";
		return EMU_DONE;
	}
	if (value->selector & 4)
		model = entry < LDT_COUNT ? &ldt_loaded[entry] : NULL;
	else
		model = entry < 16 ? &gdt_loaded[entry] : NULL;
	if (!model || model->base != value->base || model->limit != value->limit ||
	    model->attributes != value->attributes)
		broken = "a segment unlike its descriptor";
	return EMU_DONE;
}

static enum emu_outcome op_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	(void)ctx;
	if (table != EMU_GDTR)
		broken = "asked for the IDT";
	*out = (struct x86_table) { .limit = GDT_LIMIT, .base = GDT_BASE };
	return EMU_DONE;
}

static enum emu_outcome op_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	(void)ctx, (void)table, (void)value;
	broken = "loads a table register in user mode";
	return EMU_DONE;
}

static enum emu_outcome op_set_cr0(void *ctx, uint64_t value)
{
	(void)ctx, (void)value;
	broken = "loads CR0 in user mode";
	return EMU_DONE;
}

static enum emu_outcome op_invlpg(void *ctx, gva_t gva)
{
	(void)ctx, (void)gva;
	broken = "INVLPG in user mode";
	return EMU_DONE;
}

static const struct emu_ops ops = {
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
};

enum emu_outcome native_emulate(const struct native_case *test, const struct emu_insn *insn,
				struct native_result *result, const char **complaint)
{
	struct emu_cpu cpu = { .rip = test->rip,
			       .rflags = test->rflags,
			       .mode = test->mode,
			       .cpl = 3,
			       .cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG,
			       .cr4 = native_cr4,
			       .xcr0 = native_xcr0,
			       .features = native_features };
	struct emu_exception exception = { .vector = 0xee };
	enum emu_outcome outcome;
	int rounds = 0;

	if (is_shadow_changed)
		native_sync_shadow();
	running = test;
	broken = NULL;
	native_is_unknown = false;
	memcpy(cpu.gpr, test->gpr, sizeof(cpu.gpr));
	memcpy(loaded, test->segment, sizeof(loaded));
	do
		outcome = emu_execute(insn, &cpu, &ops, NULL, &exception);
	while (outcome == EMU_AGAIN && rounds++ < 10000);

	memcpy(result->gpr, cpu.gpr, sizeof(cpu.gpr));
	memcpy(result->segment, loaded, sizeof(loaded));
	result->rip = cpu.rip;
	result->rflags = cpu.rflags;
	result->vector = -1;
	result->error_code = 0;
	result->address = 0;
	if (outcome == EMU_EXCEPTION) {
		result->vector = exception.vector;
		result->error_code = exception.error_code;
		result->address = exception.address;
		if (exception.vector < 32 &&
		    exception.has_error_code != ((EXC_HAS_ERROR_CODE >> exception.vector) & 1))
			broken = "the wrong idea of an error code";
	} else if (exception.vector != 0xee) {
		broken = "an exception written without EMU_EXCEPTION";
	}
	if (outcome != EMU_DONE && outcome != EMU_EXCEPTION && outcome != EMU_UNIMPLEMENTED)
		broken = "an outcome that no operation gave";
	if (broken)
		*complaint = broken;
	return outcome;
}
