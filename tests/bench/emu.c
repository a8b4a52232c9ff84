/* SPDX-License-Identifier: MIT */
/*
 * What the emulator costs, for callgrind: instructions of emu_decode() and emu_execute(), without
 * those of the operations that it calls. tests/bench/emu-run counts them, and says how. Compiled
 * apart from the emulator's objects, which are the hypervisor's, so that nothing is inlined here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>
#include <valgrind/callgrind.h>

#include "emu/emu.h"
#include "tests/emu/flat.h"
#include "x86/cr.h"
#include "x86/page.h"
#include "x86/rflags.h"

/* ZYDIS_VERSION contains a cast and is nothing for the preprocessor; the encoder came with 4.0. */
#if __has_include(<Zydis/Encoder.h>)
#define ZYDIS4
#endif

#define BYTES(...)                        \
	{                                 \
		.bytes = { __VA_ARGS__ }, \
	}

struct code {
	uint8_t bytes[EMU_MAX_INSN_BYTES];
};

/* What drivers and firmware do to device registers: decoded one after the other, the figure is the mean. */
static const struct code typical[] = {
	BYTES(0x89, 0x03),				 /* mov [rbx], eax */
	BYTES(0x8b, 0x43, 0x10),			 /* mov eax, [rbx + 10h] */
	BYTES(0x8b, 0x84, 0x8b, 0x00, 0x10, 0x00, 0x00), /* mov eax, [rbx + rcx * 4 + 1000h] */
	BYTES(0x48, 0x89, 0x45, 0xf8),			 /* mov [rbp - 8], rax */
	BYTES(0xc7, 0x43, 0x20, 0x01, 0x00, 0x00, 0x00), /* mov dword [rbx + 20h], 1 */
	BYTES(0x44, 0x88, 0x2d, 0x00, 0x01, 0x00, 0x00), /* mov [rip + 100h], r13b */
	BYTES(0x66, 0x41, 0x89, 0x04, 0x24),		 /* mov [r12], ax */
	BYTES(0x0f, 0xb6, 0x07),			 /* movzx eax, byte [rdi] */
	BYTES(0x0f, 0xb7, 0x46, 0x02),			 /* movzx eax, word [rsi + 2] */
	BYTES(0x01, 0x0b),				 /* add [rbx], ecx */
	BYTES(0x81, 0x4b, 0x04, 0x00, 0x00, 0x01, 0x00), /* or dword [rbx + 4], 10000h */
	BYTES(0xf7, 0x03, 0x00, 0x80, 0x00, 0x00),	 /* test dword [rbx], 8000h */
	BYTES(0xf0, 0x0f, 0xb1, 0x0b),			 /* lock cmpxchg [rbx], ecx */
	BYTES(0xf3, 0xa4),				 /* rep movsb */
	BYTES(0xf3, 0x48, 0xab),			 /* rep stosq */
	BYTES(0xec),					 /* in al, dx */
	BYTES(0x0f, 0x10, 0x03),			 /* movups xmm0, [rbx] */
	BYTES(0xc5, 0xfe, 0x6f, 0x07),			 /* vmovdqu ymm0, [rdi] */
};

static const struct {
	const char *name;
	struct code code;
} executed[] = {
	{ "emu.mov-store", BYTES(0x48, 0x89, 0x03) },
	{ "emu.add-mem", BYTES(0x01, 0x0b) },
	{ "emu.movups-load", BYTES(0x0f, 0x10, 0x03) },
	{ "emu.rep-movsb-4k", BYTES(0xf3, 0xa4) },
};

#define N_TYPICAL  (sizeof(typical) / sizeof(typical[0]))
#define N_EXECUTED (sizeof(executed) / sizeof(executed[0]))

/* Two pages of memory, one to read and one to write. */
static uint8_t memory[2 * PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t xmm[16][64];
static unsigned int n_executed;

/* The operations: named op_*, which is how their own cost is left out. */
enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out);
enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
			      struct emu_exception *exception);
enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count, void *data);
enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
			  const void *data);
enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
			    const void *desired);
enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count, void *data);
enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			const void *data);
enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg, unsigned int n_bytes,
			   void *data);
enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
			       unsigned int n_bytes, bool zero_upper, const void *data);

static uint8_t *flat_at(gpa_t gpa, unsigned int n_bytes, bool is_write)
{
	(void)n_bytes, (void)is_write;
	return memory + gpa.a;
}

enum emu_outcome op_segment(void *ctx, enum x86_seg seg, struct x86_segment *out)
{
	(void)ctx, (void)seg;
	*out = (struct x86_segment) { .limit = 0xffffffff };
	return EMU_DONE;
}

enum emu_outcome op_translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
			      struct emu_exception *exception)
{
	(void)ctx, (void)access, (void)exception;
	*gpa = GPA(gva.a);
	return EMU_DONE;
}

enum emu_outcome op_read(void *ctx, gpa_t gpa, unsigned int size, unsigned int count, void *data)
{
	(void)ctx;
	return flat_read(gpa, size, count, data);
}

enum emu_outcome op_write(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
			  const void *data)
{
	(void)ctx;
	return flat_write(gpa, size, count, data);
}

enum emu_outcome op_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
			    const void *desired)
{
	(void)ctx;
	return flat_cmpxchg(gpa, size, expected, desired);
}

enum emu_outcome op_in(void *ctx, uint16_t port, unsigned int size, unsigned int count, void *data)
{
	(void)ctx, (void)port;
	memset(data, 0, size * count);
	return EMU_DONE;
}

enum emu_outcome op_out(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			const void *data)
{
	(void)ctx, (void)port, (void)size, (void)count, (void)data;
	return EMU_DONE;
}

enum emu_outcome op_vector(void *ctx, enum emu_file file, unsigned int reg, unsigned int n_bytes,
			   void *data)
{
	(void)ctx, (void)file;
	memcpy(data, xmm[reg & 15], n_bytes);
	return EMU_DONE;
}

enum emu_outcome op_set_vector(void *ctx, enum emu_file file, unsigned int reg,
			       unsigned int n_bytes, bool zero_upper, const void *data)
{
	(void)ctx, (void)file, (void)zero_upper;
	memcpy(xmm[reg & 15], data, n_bytes);
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
	.vector = op_vector,
	.set_vector = op_set_vector,
};

static struct emu_cpu start(void)
{
	struct emu_cpu cpu = {
		.mode = EMU_LONG64,
		.rflags = RFLAGS_ONE,
		.cr0 = 0x80000033,
		.cr4 = CR4_OSFXSR | CR4_OSXSAVE,
		.xcr0 = 7,
		.features = EMU_HAS_ALL,
	};

	cpu.gpr[1] = 4096;
	cpu.gpr[3] = 0x100;
	cpu.gpr[7] = PAGE_SIZE;
	return cpu;
}

/* Decode from a window of 15 bytes, and execute to the end: a REP instruction is decoded once, as in hv/. */
static unsigned int execute(const struct code *code)
{
	struct emu_cpu cpu = start();
	struct emu_exception exception;
	struct emu_insn insn;
	enum emu_outcome outcome;
	unsigned int n = 0;

	if (emu_decode(code->bytes, EMU_MAX_INSN_BYTES, EMU_LONG64, &insn) != EMU_DECODED)
		return 0;
	do {
		outcome = emu_execute(&insn, &cpu, &ops, NULL, &exception);
		n++;
	} while (outcome == EMU_AGAIN);
	return outcome == EMU_DONE ? n : 0;
}

static unsigned int decode_typical(void)
{
	struct emu_insn insn;
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_TYPICAL; i++)
		n += emu_decode(typical[i].bytes, EMU_MAX_INSN_BYTES, EMU_LONG64, &insn) ==
		     EMU_DECODED;
	return n;
}

static unsigned int decode_zydis(ZydisDecoder *decoder)
{
	ZydisDecodedInstruction insn;
#ifdef ZYDIS4
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
#endif
	unsigned int n = 0;

	for (unsigned int i = 0; i < N_TYPICAL; i++) {
#ifdef ZYDIS4
		ZyanStatus status = ZydisDecoderDecodeFull(decoder, typical[i].bytes,
							   EMU_MAX_INSN_BYTES, &insn, operands);
#else
		ZyanStatus status = ZydisDecoderDecodeBuffer(decoder, typical[i].bytes,
							     EMU_MAX_INSN_BYTES, &insn);
#endif
		n += ZYAN_SUCCESS(status);
	}
	return n;
}

/* Each case runs once so that everything is loaded and bound, and once to be counted. */
int main(void)
{
	ZydisDecoder decoder;

#ifdef ZYDIS4
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
#else
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_ADDRESS_WIDTH_64);
#endif
	decode_zydis(&decoder);
	CALLGRIND_ZERO_STATS;
	n_executed = decode_zydis(&decoder);
	CALLGRIND_DUMP_STATS_AT("zydis");
	printf("zydis %u\n", n_executed);

	decode_typical();
	CALLGRIND_ZERO_STATS;
	n_executed = decode_typical();
	CALLGRIND_DUMP_STATS_AT("emu.decode");
	printf("emu.decode %u\n", n_executed);

	for (unsigned int i = 0; i < N_EXECUTED; i++) {
		execute(&executed[i].code);
		CALLGRIND_ZERO_STATS;
		n_executed = execute(&executed[i].code);
		CALLGRIND_DUMP_STATS_AT(executed[i].name);
		printf("%s %u\n", executed[i].name, n_executed);
	}
	return 0;
}
