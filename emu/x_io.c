/* SPDX-License-Identifier: MIT */
/*
 * Meanings of IN and OUT, and the check whether the code may use a port. INS and OUTS are strings.
 */
#include "emu/run.h"
#include "x86/exc.h"

/* Offset in a TSS of the offset of its I/O permission bitmap, SDM 1 "I/O Permission Bit Map". */
#define TSS_IO_MAP_BASE 0x66u

/* The port that the row names: Ib or DX. */
static uint16_t port_of(const struct emu_run *run, unsigned int operand)
{
	if (emu_is_kind(operand, KIND_I))
		return (uint16_t)(run->insn->imm & 0xff);
	return (uint16_t)run->cpu->gpr[X86_RDX];
}

enum emu_outcome emu_x_in(struct emu_run *run)
{
	uint16_t port = port_of(run, run->insn->row->operand[1]);
	enum emu_outcome outcome;
	uint32_t value = 0;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	outcome = EMU_CALL(run, in, port, run->size, 1, &value);
	if (outcome == EMU_DONE)
		emu_set_gpr(run, X86_RAX, run->size, value);
	return outcome;
}

enum emu_outcome emu_x_out(struct emu_run *run)
{
	uint16_t port = port_of(run, run->insn->row->operand[0]);
	uint32_t value = (uint32_t)emu_reg(run, X86_RAX, run->size);
	enum emu_outcome outcome;

	outcome = emu_port_check(run, port);
	if (outcome != EMU_DONE)
		return outcome;
	return EMU_CALL(run, out, port, run->size, 1, &value);
}

/* Outside the row: may this code use the port? */
enum emu_outcome emu_port_check(struct emu_run *run, uint16_t port)
{
	if (!EMU_HAS_OP(run, port_check))
		return EMU_DONE;
	return EMU_CALL(run, port_check, port, run->size, run->exception);
}

/* A word of the TSS, read as the processor does for itself; #GP(0) beyond its limit. */
static EMU_RARE enum emu_outcome read_tss(struct emu_run *run, const struct x86_segment *tss,
					  uint32_t offset, uint16_t *value)
{
	uint64_t linear = tss->base + offset;
	struct emu_place place;
	enum emu_outcome outcome;

	if (offset + 1 > tss->limit)
		return emu_fault(run, EXC_GP);
	if (run->cpu->mode != EMU_LONG64 && !(tss->base >> 32))
		linear &= 0xffffffff;
	outcome = emu_place_linear(run, linear, 2, EMU_READ | EMU_IMPLICIT, &place);
	return outcome == EMU_DONE ? emu_read(run, &place, value) : outcome;
}

enum emu_outcome emu_port_permission(const struct emu_cpu *cpu, const struct emu_ops *ops,
				     void *ctx, uint16_t port, unsigned int size,
				     struct emu_exception *exception)
{
	struct emu_run run = { .cpu = cpu, .ops = ops, .ctx = ctx, .exception = exception };
	unsigned int iopl = (cpu->rflags & RFLAGS_IOPL) >> RFLAGS_IOPL_SHIFT;
	struct x86_segment tss;
	enum emu_outcome outcome;
	uint16_t map, bits;

	if (cpu->mode == EMU_REAL || (cpu->mode != EMU_V86 && cpu->cpl <= iopl))
		return EMU_DONE;
	outcome = EMU_CALL(&run, segment, SEG_TR, &tss);
	if (outcome != EMU_DONE)
		return outcome;
	/* A 16-bit TSS has no bitmap. */
	if (!(tss.attributes & SEG_P) || (tss.attributes & (SEG_TYPE & ~2u)) != 9)
		return emu_fault(&run, EXC_GP);
	outcome = read_tss(&run, &tss, TSS_IO_MAP_BASE, &map);
	if (outcome == EMU_DONE)
		outcome = read_tss(&run, &tss, (uint32_t)map + port / 8, &bits);
	if (outcome == EMU_DONE && ((unsigned int)bits >> (port & 7)) & ((1u << size) - 1))
		outcome = emu_fault(&run, EXC_GP);
	return outcome;
}
