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

#include <stddef.h>

#include "emu/emu.h"
#include "emu/row.h"
#include "x86/cr.h"
#include "x86/gpr.h"
#include "x86/page.h"
#include "x86/rflags.h"

/* RIP as the base of an address, behind the general registers. */
#define EMU_RIP X86_GPRS

/* Code for accesses that no guest makes to a device many times a second is kept small, not fast. */
#define EMU_RARE __attribute__((cold))

/* A memory operand whose checks are done: one or two runs of bytes in guest-physical memory. */
struct emu_place {
	gpa_t gpa[2];
	unsigned int n_bytes[2]; /* the second is 0 unless the operand crosses a page */
};

/* The one thing that an instruction may change beside general registers, flags and memory. */
enum emu_effect_kind {
	EMU_NO_EFFECT,
	EMU_SET_SEGMENT,
	EMU_SET_TABLE,
	EMU_SET_CR0,
	EMU_SET_VECTOR,
	EMU_SET_X87,
	EMU_INVLPG
};

struct emu_effect {
	enum emu_effect_kind kind;
	uint8_t which; /* enum x86_seg, enum emu_table, or the number of the vector register */
	uint8_t file;  /* enum emu_file */
	uint8_t n_bytes;
	bool zero_upper;
	union {
		struct x86_segment segment;
		struct x86_table table;
		uint64_t value; /* of CR0, or a linear address */
		uint8_t vector[64];
		struct emu_x87 x87;
	};
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
	uint64_t rip;	   /* as it will be: of the next instruction, or a branch target */
	unsigned int size; /* bytes of the main operand */
	uint8_t write_reg[EMU_RUN_WRITES]; /* registers as they will be, whole */
	uint64_t write_value[EMU_RUN_WRITES];
	bool has_shadow; /* as it will be in the register file */
	unsigned int n_writes;
	struct emu_effect effect; /* only `kind` is set from the start */
};

/*
 * Every call of an operation: one that the home does not offer is a refusal. What needs more than
 * one operation that changes something asks for all of them (EMU_HAS_OP) before it calls the first.
 */
#define EMU_HAS_OP(run, operation) likely((run)->ops->operation != NULL)
#define EMU_CALL(run, operation, ...)                                                \
	(EMU_HAS_OP(run, operation) ? (run)->ops->operation((run)->ctx, __VA_ARGS__) \
				    : EMU_UNIMPLEMENTED)

/* All ones in the low `size` bytes. */
static inline uint64_t emu_mask(unsigned int size)
{
	return ~0ull >> (-(8 * size) & 63);
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

/*
 * The offset of the explicit memory operand. `rsp` stands for RSP as a base: POP has moved it.
 * `next_rip` is the base of RIP-relative addresses.
 */
static inline uint64_t emu_offset(const struct emu_insn *insn, const uint64_t gpr[16], uint64_t rsp,
				  uint64_t next_rip)
{
	uint64_t address = (uint64_t)insn->disp;

	if (unlikely(insn->base == X86_RSP))
		address += rsp;
	else if (unlikely(insn->base == EMU_RIP))
		address += next_rip;
	else if (likely(insn->base >= 0))
		address += gpr[insn->base & 15];
	if (unlikely(insn->index >= 0))
		address += gpr[insn->index & 15] << insn->scale;
	return likely(insn->address_size == 8) ? address : address & emu_mask(insn->address_size);
}

static inline uint64_t emu_effective_address(const struct emu_run *run, uint64_t rsp)
{
	return emu_offset(run->insn, run->cpu->gpr, rsp, run->cpu->rip + run->insn->length);
}

/* Of what the vendors do differently, docs/emulator.md "Intel and AMD". */
static inline bool emu_is_amd(const struct emu_run *run)
{
	return run->cpu->features & EMU_HAS(EMU_AMD);
}

static inline bool emu_is_canonical(const struct emu_cpu *cpu, uint64_t linear)
{
	unsigned int unused = cpu->cr4 & CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(linear << unused) >> unused) == linear;
}

/*
 * Is the operand what nearly every one is: in 64-bit mode without a segment base, canonical
 * whatever the width is, aligned to its size (a power of two), and thus in one page? Then only the
 * page rights are left.
 */
static inline bool emu_is_plain(const struct emu_run *run, unsigned int seg, uint64_t offset,
				unsigned int n_bytes)
{
	return run->cpu->mode == EMU_LONG64 && seg < SEG_FS && !(offset & (n_bytes - 1)) &&
	       !((offset + (1ull << 47)) >> 48);
}

/* regs.c */
void emu_set_reg(struct emu_run *run, unsigned int reg, unsigned int size, uint64_t value);
void emu_set_gpr(struct emu_run *run, unsigned int gpr, unsigned int size, uint64_t value);
void emu_commit(const struct emu_run *run, struct emu_cpu *cpu, bool is_done);
enum emu_outcome emu_take_effect(const struct emu_run *run);

/*
 * Is there an operation for the effect on a vector or x87 register? Asked when memory has been
 * checked and not been read or written.
 */
static inline bool emu_has_setter(const struct emu_run *run)
{
	switch (run->effect.kind) {
	case EMU_SET_VECTOR: return EMU_HAS_OP(run, set_vector);
	case EMU_SET_X87: return EMU_HAS_OP(run, set_x87);
	default: return true;
	}
}

/* addr.c */
enum emu_outcome emu_linear(struct emu_run *run, unsigned int seg, uint64_t offset,
			    unsigned int n_bytes, unsigned int alignment, unsigned int access,
			    uint64_t *linear);
EMU_RARE void emu_set_exception(struct emu_run *run, unsigned int vector);

/* An exception with error code 0 where the mode and the vector have one. */
static inline enum emu_outcome emu_fault(struct emu_run *run, unsigned int vector)
{
	emu_set_exception(run, vector);
	return EMU_EXCEPTION;
}

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
EMU_RARE enum emu_outcome emu_place_operand(struct emu_run *run, unsigned int n_bytes,
					    unsigned int alignment, unsigned int access,
					    struct emu_place *place);
EMU_RARE enum emu_outcome emu_read_operand(struct emu_run *run, unsigned int n_bytes,
					   unsigned int alignment, void *data);
EMU_RARE enum emu_outcome emu_place_parts(struct emu_run *run, unsigned int n_first,
					  unsigned int n_second, unsigned int alignment,
					  unsigned int access, struct emu_place parts[2]);
EMU_RARE enum emu_outcome emu_read_parts(struct emu_run *run, const struct emu_place parts[2],
					 void *data);
EMU_RARE enum emu_outcome emu_write_parts(struct emu_run *run, const struct emu_place parts[2],
					  const void *data);
EMU_RARE enum emu_outcome emu_read_split(struct emu_run *run, const struct emu_place *place,
					 void *data);
EMU_RARE enum emu_outcome emu_write_split(struct emu_run *run, const struct emu_place *place,
					  const void *data);
enum emu_outcome emu_write_locked(struct emu_run *run, const struct emu_place *place,
				  const void *expected, const void *desired);

/* A place of one page whose size an operation takes; others go in parts. */
static inline bool emu_is_one_part(const struct emu_place *place)
{
	return !place->n_bytes[1] && !(place->n_bytes[0] & (place->n_bytes[0] - 1));
}

/* Read all bytes of a place (1 to 64 of them), little-endian as they lie in memory. */
static inline enum emu_outcome emu_read(struct emu_run *run, const struct emu_place *place,
					void *data)
{
	if (!emu_is_one_part(place))
		return emu_read_split(run, place, data);
	return EMU_CALL(run, read, place->gpa[0], place->n_bytes[0], 1, data);
}

static inline enum emu_outcome emu_write(struct emu_run *run, const struct emu_place *place,
					 const void *data)
{
	if (!emu_is_one_part(place))
		return emu_write_split(run, place, data);
	return EMU_CALL(run, write, place->gpa[0], place->n_bytes[0], 1, data);
}

/* x_segment.c */
struct emu_descriptor {
	struct x86_segment segment;
	uint64_t linear;
	uint32_t high; /* its second dword as it lies in memory */
	bool is_found; /* within its table; the rest is right only then */
};

EMU_RARE bool emu_is_protected(const struct emu_run *run);
EMU_RARE enum emu_outcome emu_fault_selector(struct emu_run *run, unsigned int vector,
					     unsigned int selector);
EMU_RARE enum emu_outcome emu_find_descriptor(struct emu_run *run, unsigned int selector,
					      struct emu_descriptor *descriptor);
EMU_RARE enum emu_outcome emu_mark_descriptor(struct emu_run *run,
					      struct emu_descriptor *descriptor, unsigned int bit);
EMU_RARE enum emu_outcome emu_load_segment(struct emu_run *run, unsigned int seg,
					   unsigned int selector);
EMU_RARE enum emu_outcome emu_read_far(struct emu_run *run, uint16_t *selector, uint64_t *offset);

/* x_stack.c */
EMU_RARE enum emu_outcome emu_place_push(struct emu_run *run, unsigned int index,
					 unsigned int n_bytes, struct emu_place *place);
EMU_RARE enum emu_outcome emu_place_pop(struct emu_run *run, unsigned int index,
					unsigned int n_popped, unsigned int n_bytes,
					struct emu_place *place);

/* x_io.c */
enum emu_outcome emu_port_check(struct emu_run *run, uint16_t port);

/* x_x87.c */
enum emu_outcome emu_mmx_begin(struct emu_run *run);
void emu_mmx_put(struct emu_run *run, const uint8_t *data);

/* flags.c: results are masked to `size`; *rflags gets every status flag of the operation. */
uint64_t emu_add(uint64_t a, uint64_t b, unsigned int carry, unsigned int size, uint64_t *rflags);
uint64_t emu_sub(uint64_t a, uint64_t b, unsigned int borrow, unsigned int size, uint64_t *rflags);
uint64_t emu_logic(uint64_t result, unsigned int size, uint64_t *rflags);
uint64_t emu_result_flags(uint64_t result, unsigned int size);
bool emu_condition(uint64_t rflags, unsigned int condition);

/* The meanings, x_*.c. */
emu_meaning emu_x_mov, emu_x_movsx, emu_x_movsxd, emu_x_xchg, emu_x_cmov, emu_x_setcc,
	emu_x_mov_from_sreg, emu_x_mov_to_sreg, emu_x_xlat, emu_x_nop;
emu_meaning emu_x_add, emu_x_or, emu_x_adc, emu_x_sbb, emu_x_and, emu_x_sub, emu_x_xor, emu_x_cmp,
	emu_x_test, emu_x_inc, emu_x_dec, emu_x_neg, emu_x_not;
emu_meaning emu_x_xadd, emu_x_cmpxchg, emu_x_cmpxchg8b, emu_x_clflush;
EMU_RARE emu_meaning emu_x_rol, emu_x_ror, emu_x_rcl, emu_x_rcr, emu_x_shl, emu_x_shr, emu_x_sar,
	emu_x_shld, emu_x_shrd;
EMU_RARE emu_meaning emu_x_mul, emu_x_imul1, emu_x_imul2, emu_x_imul3, emu_x_div, emu_x_idiv;
emu_meaning emu_x_bt, emu_x_bts, emu_x_btr, emu_x_btc, emu_x_bsf, emu_x_bsr, emu_x_popcnt;
emu_meaning emu_x_movs, emu_x_stos, emu_x_lods, emu_x_ins, emu_x_outs;
EMU_RARE emu_meaning emu_x_scas, emu_x_cmps;
emu_meaning emu_x_in, emu_x_out;
EMU_RARE emu_meaning emu_x_push, emu_x_push_mem, emu_x_pop, emu_x_pop_mem;
EMU_RARE emu_meaning emu_x_push_sreg, emu_x_pop_sreg, emu_x_pusha, emu_x_popa, emu_x_pushf,
	emu_x_popf, emu_x_enter, emu_x_leave;
EMU_RARE emu_meaning emu_x_andn, emu_x_bextr, emu_x_blsr, emu_x_blsmsk, emu_x_blsi, emu_x_bzhi,
	emu_x_mulx, emu_x_pdep, emu_x_pext, emu_x_rorx, emu_x_shlx, emu_x_shrx, emu_x_sarx;
EMU_RARE emu_meaning emu_x_adcx, emu_x_adox, emu_x_crc32, emu_x_movbe, emu_x_tzcnt, emu_x_lzcnt,
	emu_x_movdir64b, emu_x_bound;
EMU_RARE emu_meaning emu_x_jmp, emu_x_call, emu_x_ret, emu_x_far;
EMU_RARE emu_meaning emu_x_store_system, emu_x_store_table, emu_x_load_table, emu_x_lmsw,
	emu_x_invlpg;
EMU_RARE emu_meaning emu_x_load_far, emu_x_load_system, emu_x_lar, emu_x_lsl, emu_x_verify,
	emu_x_arpl;
emu_meaning emu_x_vec_load, emu_x_vec_store;
EMU_RARE emu_meaning emu_x_vec_insert, emu_x_vec_dup, emu_x_vec_broadcast, emu_x_vec_extend,
	emu_x_maskmov, emu_x_kmov, emu_x_mxcsr;
EMU_RARE emu_meaning emu_x_fld, emu_x_fst, emu_x_fcontrol;

#endif
