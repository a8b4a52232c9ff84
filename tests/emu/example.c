/* SPDX-License-Identifier: MIT */
/* The emulator lifted out: ADD [RBX], RAX in 64-bit code, on a page of memory. C and C++. */
#include <stdio.h>
#include <string.h>
#include <whitemu/emu.h>

static uint8_t ram[4096] = { 0x48, 0x01, 0x03 }; /* the instruction, and its operand at 800h */

static enum emu_outcome translate(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				  struct emu_exception *exception)
{
	(void)ctx, (void)access, (void)exception;
	gpa->a = gva.a; /* no paging */
	return EMU_DONE;
}

static enum emu_outcome read_ram(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 void *data)
{
	(void)ctx;
	if (gpa.a >= sizeof(ram))
		return EMU_FAILED;
	memcpy(data, ram + gpa.a, size * count);
	return EMU_DONE;
}

static enum emu_outcome write_ram(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				  const void *data)
{
	(void)ctx;
	if (gpa.a >= sizeof(ram))
		return EMU_FAILED;
	memcpy(ram + gpa.a, data, size * count);
	return EMU_DONE;
}

int main(void)
{
	const uint64_t pe = 1, pg = 1ull << 31, lma = 1ull << 10;
	struct emu_exception exception;
	struct emu_insn insn;
	struct emu_cpu cpu;
	struct emu_ops ops;
	uint8_t bytes[16];
	uint64_t sum = 40;

	memset(&cpu, 0, sizeof(cpu));
	memset(&ops, 0, sizeof(ops));
	ops.translate = translate;
	ops.read = read_ram;
	ops.write = write_ram;
	cpu.mode = emu_mode_of(pe | pg, lma, 0, SEG_L);
	cpu.cpl = emu_cpl_of(cpu.mode, 0);
	cpu.features = EMU_HAS_ALL;
	cpu.gpr[0] = 2;
	cpu.gpr[3] = 0x800;
	memcpy(ram + 0x800, &sum, sizeof(sum));
	if (emu_fetch(&cpu, &ops, NULL, bytes, 0, &insn, &exception) != EMU_DONE ||
	    emu_execute(&insn, &cpu, &ops, NULL, &exception) != EMU_DONE)
		return 1;
	memcpy(&sum, ram + 0x800, sizeof(sum));
	printf("%s: %llu, RIP %llu\n", emu_insn_name(&insn), (unsigned long long)sum,
	       (unsigned long long)cpu.rip);
	return sum != 42 || cpu.rip != 3;
}
