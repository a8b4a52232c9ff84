/* SPDX-License-Identifier: MIT */
/*
 * One execution of one instruction. emu/ only.
 *
 * The register file is read-only here: a meaning records what it changes (emu_set_reg, rflags), and
 * emu_execute() writes that back once, after the last operation has answered. Thus whatever ends
 * an instruction early leaves the registers as they were.
 */
#ifndef EMU_RUN_H
#define EMU_RUN_H

#include "emu/emu.h"
#include "emu/row.h"
#include "x86/rflags.h"

enum emu_gpr {
	EMU_RAX,
	EMU_RCX,
	EMU_RDX,
	EMU_RBX,
	EMU_RSP,
	EMU_RBP,
	EMU_RSI,
	EMU_RDI,
	EMU_RIP = 16 /* as the base of an address */
};

/* A memory operand whose checks are done: one or two runs of bytes in guest-physical memory. */
struct emu_place {
	gpa_t gpa[2];
	unsigned int n_bytes[2]; /* the second is 0 unless the operand crosses a page */
};

#define EMU_RUN_WRITES 8

struct emu_run {
	const struct emu_insn *insn;
	const struct emu_cpu *cpu;
	const struct emu_ops *ops;
	void *ctx;
	struct emu_exception *exception;
	uint64_t value[EMU_ROW_OPERANDS]; /* of the operands, zero-extended from their width */
	uint64_t rflags;		  /* as they will be */
	unsigned int size;		  /* bytes of the main operand */
	unsigned int n_writes;
	uint8_t write_reg[EMU_RUN_WRITES]; /* registers as they will be, whole */
	uint64_t write_value[EMU_RUN_WRITES];
};

/* All ones in the low `size` bytes. */
static inline uint64_t emu_mask(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

static inline uint64_t emu_sign_extend(uint64_t value, unsigned int size)
{
	unsigned int unused = 64 - 8 * size;

	return (uint64_t)((int64_t)(value << unused) >> unused);
}

/* Writes through the low `size` bytes as the processor does: 4 bytes clear the upper half. */
static inline uint64_t emu_merge(uint64_t old, uint64_t value, unsigned int size)
{
	if (size >= 4)
		return value & emu_mask(size);
	return (old & ~emu_mask(size)) | (value & emu_mask(size));
}

/* SPL BPL SIL DIL exist with REX; without it these numbers are AH CH DH BH. */
static inline bool emu_is_high_byte(const struct emu_insn *insn, unsigned int reg,
				    unsigned int size)
{
	return size == 1 && reg >= 4 && reg < 8 && !insn->rex;
}

/* Register operand `reg` of an instruction, zero-extended. */
static inline uint64_t emu_reg(const struct emu_run *run, unsigned int reg, unsigned int size)
{
	if (emu_is_high_byte(run->insn, reg, size))
		return (run->cpu->gpr[reg - 4] >> 8) & 0xff;
	return run->cpu->gpr[reg & 15] & emu_mask(size);
}

/* The offset of the explicit memory operand. `rsp` stands for RSP as a base (POP has moved it). */
static inline uint64_t emu_effective_address(const struct emu_run *run, uint64_t rsp)
{
	const struct emu_insn *insn = run->insn;
	uint64_t address = (uint64_t)insn->disp;

	if (!insn->has_modrm)
		return insn->imm;
	if (insn->base == EMU_RSP)
		address += rsp;
	else if (insn->base == EMU_RIP)
		address += run->cpu->rip + insn->length;
	else if (insn->base >= 0)
		address += run->cpu->gpr[insn->base & 15];
	if (insn->index >= 0)
		address += run->cpu->gpr[insn->index & 15] << insn->scale;
	return address & emu_mask(insn->address_size);
}

static inline bool emu_is_canonical(const struct emu_cpu *cpu, uint64_t linear)
{
	unsigned int unused = cpu->la57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/* regs.c */
void emu_set_reg(struct emu_run *run, unsigned int reg, unsigned int size, uint64_t value);
void emu_set_gpr(struct emu_run *run, unsigned int gpr, unsigned int size, uint64_t value);
void emu_commit(const struct emu_run *run, struct emu_cpu *cpu, bool is_done);

/* addr.c */
enum emu_outcome emu_linear(struct emu_run *run, unsigned int seg, uint64_t offset,
			    unsigned int n_bytes, unsigned int alignment, unsigned int access,
			    uint64_t *linear);
enum emu_outcome emu_fault(struct emu_run *run, unsigned int vector);

/* In `access`, beside EMU_READ: an execute-only segment will do. Not for emu_ops. */
#define EMU_EXECUTABLE (1u << 31)

/* In `alignment`: being off it is #GP(0) whatever the modes. */
#define EMU_ALIGNED 0x100u

/* memory.c */
enum emu_outcome emu_place(struct emu_run *run, unsigned int seg, uint64_t offset,
			   unsigned int n_bytes, unsigned int alignment, unsigned int access,
			   struct emu_place *place);
enum emu_outcome emu_place_linear(struct emu_run *run, uint64_t linear, unsigned int n_bytes,
				  unsigned int access, struct emu_place *place);
enum emu_outcome emu_read_split(struct emu_run *run, const struct emu_place *place, void *data);
enum emu_outcome emu_write_split(struct emu_run *run, const struct emu_place *place,
				 const void *data);
enum emu_outcome emu_write_locked(struct emu_run *run, const struct emu_place *place,
				  const void *expected, const void *desired);

/* Read all bytes of a place, little-endian as they lie in memory. */
static inline enum emu_outcome emu_read(struct emu_run *run, const struct emu_place *place,
					void *data)
{
	if (place->n_bytes[1])
		return emu_read_split(run, place, data);
	return run->ops->read(run->ctx, place->gpa[0], place->n_bytes[0], 1, data);
}

static inline enum emu_outcome emu_write(struct emu_run *run, const struct emu_place *place,
					 const void *data)
{
	if (place->n_bytes[1])
		return emu_write_split(run, place, data);
	return run->ops->write(run->ctx, place->gpa[0], place->n_bytes[0], 1, data);
}

/* x_io.c */
enum emu_outcome emu_port_check(struct emu_run *run, uint16_t port);

/* flags.c: results are masked to `size`; *rflags gets every status flag of the operation. */
uint64_t emu_add(uint64_t a, uint64_t b, unsigned int carry, unsigned int size, uint64_t *rflags);
uint64_t emu_sub(uint64_t a, uint64_t b, unsigned int borrow, unsigned int size, uint64_t *rflags);
uint64_t emu_logic(uint64_t result, unsigned int size, uint64_t *rflags);
uint64_t emu_result_flags(uint64_t result, unsigned int size);
bool emu_condition(uint64_t rflags, unsigned int condition);

/* The meanings, x_*.c. */
emu_meaning emu_x_mov, emu_x_movsx, emu_x_xchg, emu_x_cmov, emu_x_setcc, emu_x_mov_from_sreg,
	emu_x_mov_to_sreg, emu_x_xlat;
emu_meaning emu_x_add, emu_x_or, emu_x_adc, emu_x_sbb, emu_x_and, emu_x_sub, emu_x_xor, emu_x_cmp,
	emu_x_test, emu_x_inc, emu_x_dec, emu_x_neg, emu_x_not;
emu_meaning emu_x_xadd, emu_x_cmpxchg, emu_x_cmpxchg8b, emu_x_clflush;
emu_meaning emu_x_rol, emu_x_ror, emu_x_rcl, emu_x_rcr, emu_x_shl, emu_x_shr, emu_x_sar, emu_x_shld,
	emu_x_shrd;
emu_meaning emu_x_mul, emu_x_imul1, emu_x_imul2, emu_x_imul3, emu_x_div, emu_x_idiv;
emu_meaning emu_x_bt, emu_x_bts, emu_x_btr, emu_x_btc, emu_x_bsf, emu_x_bsr, emu_x_popcnt;
emu_meaning emu_x_movs, emu_x_stos, emu_x_lods, emu_x_scas, emu_x_cmps, emu_x_ins, emu_x_outs;
emu_meaning emu_x_in, emu_x_out;
emu_meaning emu_x_push, emu_x_push_mem, emu_x_pop, emu_x_pop_mem;

#endif
