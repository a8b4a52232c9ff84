/* SPDX-License-Identifier: MIT */
/*
 * The surroundings of the emulator's vectors: a fake that knows RAM, one device page and ports, logs
 * every access, and screams at all that the contract does not allow. Included by vectors*.c.
 */
#ifndef TESTS_EMU_BUS_H
#define TESTS_EMU_BUS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emu/emu.h"
#include "tests/check.h"
#include "tests/emu/flat.h"
#include "x86/cr.h"
#include "x86/exc.h"
#include "x86/page.h"
#include "x86/rflags.h"

#define RAM_BYTES   0x20000u
#define DEVICE_PAGE 0xf0000ull /* reads answer EMU_DEVICE until `answers` has the data */
#define LOG_MAX	    256

enum {
	LOG_READ,
	LOG_WRITE,
	LOG_CMPXCHG,
	LOG_IN,
	LOG_OUT,
	LOG_SEGMENT, /* and the other setters: address is which, or the value */
	LOG_TABLE,
	LOG_CR0,
	LOG_INVLPG
};

static struct {
	uint8_t ram[RAM_BYTES];
	uint64_t not_present; /* a page that faults, ~0 none */
	uint64_t read_only;
	uint64_t alias_of;   /* page that is mapped to physical page 0x3000, ~0 none */
	uint64_t supervisor; /* a page that CPL 3 cannot reach, ~0 none */
	struct x86_segment segments[SEG_COUNT];
	struct x86_table tables[2];
	bool has_answer;
	uint64_t answer;      /* repeated over the elements, plus one each */
	bool mutate;	      /* change RAM between read and cmpxchg */
	unsigned int fail_at; /* the operation, counted from 1, that answers EMU_FAILED; 0 none */
	bool failed_late;     /* it was one that writes or sets */
	struct {
		int kind;
		uint64_t address;
		unsigned int size, count;
		uint64_t data;
	} log[LOG_MAX];
	unsigned int n_log;
} bus;

static struct emu_cpu cpu, start;
static struct emu_exception exception;
static enum emu_outcome outcome;

static void scream(const char *what, uint64_t address)
{
	FAIL("unexpected %s at %lx", what, address);
}

static void note(int kind, uint64_t address, unsigned int size, unsigned int count,
		 const void *data)
{
	if (bus.n_log == LOG_MAX) {
		scream("flood", address);
		return;
	}
	bus.log[bus.n_log].kind = kind;
	bus.log[bus.n_log].address = address;
	bus.log[bus.n_log].size = size;
	bus.log[bus.n_log].count = count;
	bus.log[bus.n_log].data = 0;
	if (data)
		memcpy(&bus.log[bus.n_log].data, data, size < 8 ? size : 8);
	bus.n_log++;
}

/* Is this operation the one to fail? */
static bool fails(bool is_late)
{
	if (!bus.fail_at || --bus.fail_at)
		return false;
	bus.failed_late = is_late;
	return true;
}

static enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	CHECK(seg < SEG_COUNT);
	*out = bus.segments[seg];
	return EMU_DONE;
}

static enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				     struct emu_exception *fault)
{
	uint64_t page = gva.a & PAGE_MASK;
	bool is_write = access & EMU_WRITE;

	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	if (access != EMU_FETCH) {
		CHECK(access & (EMU_READ | EMU_WRITE));
		CHECK(!(access & ~(EMU_READ | EMU_WRITE | EMU_IMPLICIT)));
	}
	if (page == bus.supervisor && cpu.cpl == 3 && !(access & EMU_IMPLICIT)) {
		*fault = (struct emu_exception) { EXC_PF, true, PF_P | PF_U, gva.a };
		return EMU_EXCEPTION;
	}
	if (page == bus.not_present || (page == bus.read_only && is_write)) {
		*fault = (struct emu_exception) { EXC_PF, true,
						  (page == bus.read_only ? PF_P : 0) |
							  (is_write ? PF_W : 0),
						  gva.a };
		return EMU_EXCEPTION;
	}
	*gpa = GPA(page == bus.alias_of ? 0x3000 + PAGE_OFFSET(gva.a) : gva.a);
	return EMU_DONE;
}

static uint8_t *flat_at(gpa_t gpa, unsigned int n, bool is_write)
{
	static uint8_t nowhere[EMU_BATCH_BYTES];

	(void)is_write;
	if (!within_page(gpa.a, n))
		scream("page crossing", gpa.a);
	if (gpa.a + n > RAM_BYTES || n > EMU_BATCH_BYTES) {
		scream("access", gpa.a);
		return nowhere;
	}
	return bus.ram + gpa.a;
}

static void answer(void *data, unsigned int size, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		uint64_t value = bus.answer + i;

		memcpy((uint8_t *)data + i * size, &value, size);
	}
}

static enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				void *data)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	note(LOG_READ, gpa.a, size, count, NULL);
	if ((gpa.a & PAGE_MASK) == DEVICE_PAGE) {
		if (!bus.has_answer)
			return EMU_DEVICE;
		answer(data, size, count);
		return EMU_DONE;
	}
	return flat_read(gpa, size, count, data);
}

static enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 const void *data)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_WRITE, gpa.a, size, count, data);
	if ((gpa.a & PAGE_MASK) == DEVICE_PAGE)
		return EMU_DONE;
	return flat_write(gpa, size, count, data);
}

static enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				   const void *desired)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_CMPXCHG, gpa.a, size, 1, desired);
	if ((gpa.a & PAGE_MASK) == DEVICE_PAGE)
		return EMU_DONE;
	if (bus.mutate)
		flat_at(gpa, size, true)[0] ^= 1;
	return flat_cmpxchg(gpa, size, expected, desired);
}

static enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			      void *data)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	note(LOG_IN, port, size, count, NULL);
	if (!bus.has_answer)
		return EMU_DEVICE;
	answer(data, size, count);
	return EMU_DONE;
}

static enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       const void *data)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_OUT, port, size, count, data);
	return EMU_DONE;
}

static enum emu_outcome op_set_segment(void *ctx, enum x86_seg seg, const struct x86_segment *value)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_SEGMENT, seg, 0, 0, NULL);
	bus.segments[seg] = *value;
	return EMU_DONE;
}

static enum emu_outcome op_table(void *ctx, enum emu_table table, struct x86_table *out)
{
	CHECK(ctx == &bus);
	if (fails(false))
		return EMU_FAILED;
	*out = bus.tables[table];
	return EMU_DONE;
}

static enum emu_outcome op_set_table(void *ctx, enum emu_table table, const struct x86_table *value)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_TABLE, table, 0, 0, NULL);
	bus.tables[table] = *value;
	return EMU_DONE;
}

static enum emu_outcome op_set_cr0(void *ctx, uint64_t value)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_CR0, value, 0, 0, NULL);
	return EMU_DONE;
}

static enum emu_outcome op_invlpg(void *ctx, gva_t gva)
{
	CHECK(ctx == &bus);
	if (fails(true))
		return EMU_FAILED;
	note(LOG_INVLPG, gva.a, 0, 0, NULL);
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
	.set_segment = op_set_segment,
	.table = op_table,
	.set_table = op_set_table,
	.set_cr0 = op_set_cr0,
	.invlpg = op_invlpg,
};
static struct emu_ops ops;

/* A quiet machine in `mode`; registers with poison. */
static void reset(enum emu_mode mode)
{
	bool is_long = mode == EMU_LONG64;

	memset(&bus, 0, sizeof(bus));
	bus.not_present = bus.read_only = bus.alias_of = bus.supervisor = ~0ull;
	ops = all_ops;
	for (unsigned int i = 0; i < sizeof(bus.ram); i++)
		bus.ram[i] = (uint8_t)(i ^ i >> 8);
	for (int seg = SEG_ES; seg <= SEG_GS; seg++)
		bus.segments[seg] = (struct x86_segment) {
			.limit = mode == EMU_REAL || mode == EMU_V86 ? 0xffff : 0xffffffff,
			.selector = (uint16_t)(seg * 8),
			.attributes = SEG_P | SEG_S | SEG_TYPE_WRITABLE | SEG_TYPE_ACCESSED |
				      (mode == EMU_PROT32 ? SEG_DB : 0),
		};
	memset(&cpu, 0, sizeof(cpu));
	for (int i = 0; i < 16; i++)
		cpu.gpr[i] = is_long ? 0xbadc0ffee0ddf00dull : 0xe0ddf00d;
	cpu.mode = mode;
	cpu.rip = 0x1000;
	cpu.rflags = RFLAGS_ONE;
	cpu.cr0 = mode == EMU_REAL ? 0 : CR0_PE | CR0_PG | CR0_AM;
	cpu.features = EMU_HAS_ALL;
	cpu.cpl = mode == EMU_V86 ? 3 : 0;
	exception = (struct emu_exception) { 0xee, false, 0, 0 };
}

/* Descriptors in a supervisor's page. */
#define GDT 0x18000u
#define LDT 0x18800u
#define TSS 0x19000u

static void put(uint64_t at, uint64_t value, unsigned int n)
{
	memcpy(bus.ram + at, &value, n);
}

/* A limit of 20 bits; attributes as in struct x86_segment. */
static inline void put_descriptor(uint64_t at, uint32_t base, uint32_t limit,
				  unsigned int attributes)
{
	put(at,
	    (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)attributes << 40 |
		    (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(base >> 24) << 56,
	    8);
}

/* A GDT of 32 entries, an LDT of 4, a TSS of 0x68 bytes and a bitmap; a code segment in CS. */
static inline void reset_protected(enum emu_mode mode, unsigned int cpl)
{
	unsigned int code = SEG_P | SEG_S | SEG_TYPE_CODE | SEG_TYPE_READABLE | SEG_TYPE_ACCESSED |
			    cpl << SEG_DPL_SHIFT;

	reset(mode);
	cpu.cpl = (uint8_t)cpl;
	memset(bus.ram + GDT, 0, 0x2000);
	bus.supervisor = GDT;
	bus.tables[EMU_GDTR] = (struct x86_table) { .base = GDT, .limit = 0xff };
	bus.tables[EMU_IDTR] = (struct x86_table) { .base = 0xfedcba98, .limit = 0x7ff };
	bus.segments[SEG_LDTR] = (struct x86_segment) { LDT, 0x1f, 0xf0, SEG_P | SEG_TYPE_LDT };
	bus.segments[SEG_TR] = (struct x86_segment) { TSS, 0x87, 0xe0, SEG_P | SEG_TYPE_TSS_BUSY };
	bus.segments[SEG_CS].attributes = (uint16_t)(code | (mode == EMU_PROT32	  ? SEG_DB
							     : mode == EMU_LONG64 ? SEG_L
										  : 0));
	bus.segments[SEG_CS].selector = (uint16_t)(0x30 | cpl);
}

static struct emu_insn insn;

static inline enum emu_outcome step(void)
{
	start = cpu;
	outcome = emu_execute(&insn, &cpu, &ops, &bus, &exception);
	if (outcome != EMU_EXCEPTION)
		CHECK_EQ(exception.vector, 0xee);
	return outcome;
}

static bool is_untouched(void)
{
	return !memcmp(&start, &cpu, sizeof(cpu));
}

static inline void decode(const char *bytes, unsigned int n)
{
	CHECK_EQ(emu_decode((const uint8_t *)bytes, n, cpu.mode, &insn), EMU_DECODED);
	CHECK_EQ(insn.length, n);
}

/* Run code given as a string literal; the outcome. */
#define EXECUTE(bytes) (decode(bytes, sizeof(bytes) - 1), step())

#define CHECK_LOG(i, k, a, s, c)                 \
	do {                                     \
		CHECK(bus.n_log > (i));          \
		CHECK_EQ(bus.log[i].kind, k);    \
		CHECK_EQ(bus.log[i].address, a); \
		CHECK_EQ(bus.log[i].size, s);    \
		CHECK_EQ(bus.log[i].count, c);   \
	} while (0)

/* The last step ended in an exception, and changed nothing. */
static inline void check_fault(unsigned int vector, unsigned int error_code)
{
	CHECK_EQ(outcome, EMU_EXCEPTION);
	CHECK_EQ(exception.vector, vector);
	CHECK_EQ(exception.has_error_code,
		 vector != EXC_UD && vector != EXC_BR && cpu.mode != EMU_REAL);
	CHECK_EQ(exception.error_code, error_code);
	CHECK(is_untouched());
	exception.vector = 0xee;
}

/* Everything logged but reads. */
static inline unsigned int n_writes(void)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < bus.n_log; i++)
		n += bus.log[i].kind != LOG_READ;
	return n;
}

static inline uint64_t ram64(uint64_t at)
{
	uint64_t value;

	memcpy(&value, bus.ram + at, 8);
	return value;
}

#endif
