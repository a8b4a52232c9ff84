/* SPDX-License-Identifier: MIT */
/*
 * The instruction emulator: decode and execute one x86 instruction that touches memory or a port.
 *
 * Pure functions of instruction bytes, registers and an operations table. No globals, no
 * allocation, no recursion; nothing of VMX, WHP or the hypervisor is known here. The same objects
 * serve the hypervisor (hv/) and the WinHvEmulation library (root/lib).
 *
 * Two steps. emu_decode() turns bytes into a struct emu_insn or a precise reason why not; it is
 * total: any bytes, any mode. emu_execute() performs a decoded instruction on a register file
 * through the operations table; it may be called again with the same struct emu_insn.
 */
#ifndef EMU_EMU_H
#define EMU_EMU_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/addr.h"
#include "x86/seg.h"

#define EMU_MAX_INSN_BYTES 15

/* A REP batch moves at most this many bytes in one operation; at least the largest element. */
#define EMU_BATCH_BYTES 1024

/* How code is decoded and addresses are formed. Compatibility mode is EMU_PROT16 or EMU_PROT32. */
enum emu_mode {
	EMU_REAL,   /* CR0.PE = 0 */
	EMU_V86,    /* RFLAGS.VM = 1 */
	EMU_PROT16, /* CS.D = 0 */
	EMU_PROT32, /* CS.D = 1 */
	EMU_LONG64, /* EFER.LMA = 1 and CS.L = 1 */
	EMU_MODE_COUNT
};

/* The part of the register file that every instruction may need. */
struct emu_cpu {
	uint64_t gpr[16]; /* ModRM order: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15 */
	uint64_t rip;	  /* of the instruction; outside EMU_LONG64 the offset in CS */
	uint64_t rflags;
	uint64_t cr0;
	enum emu_mode mode;
	uint8_t cpl; /* 0 to 3 */
	bool la57;   /* CR4.LA57: a canonical address has 57 bits, else 48; EMU_LONG64 only */
};

struct emu_exception {
	uint8_t vector;
	bool has_error_code;
	uint32_t error_code;
	uint64_t address; /* CR2, of a page fault */
};

/*
 * What emu_decode() found. Only EMU_DECODED fills the instruction for execution; `length` and the
 * raw fields are right in EMU_DECODE_UNIMPLEMENTED and EMU_DECODE_NO_ACCESS too.
 */
enum emu_decoded {
	EMU_DECODED,
	EMU_DECODE_MORE_BYTES,	  /* every byte given is part of an instruction that goes on */
	EMU_DECODE_TOO_LONG,	  /* longer than 15 bytes: #GP(0) */
	EMU_DECODE_INVALID,	  /* not an instruction in this mode: #UD */
	EMU_DECODE_UNIMPLEMENTED, /* legal, and not in the tables (yet) */
	EMU_DECODE_NO_ACCESS,	  /* legal, and touches neither memory nor port */
	EMU_DECODED_COUNT
};

/*
 * How emu_execute() ended, and what has changed.
 *
 *  EMU_DONE           the instruction completed: registers, RIP and flags written back.
 *  EMU_AGAIN          a batch of a REP instruction completed: registers show the progress, RIP still
 *                     stands on the instruction. Call again, after taking interrupts.
 *  EMU_EXCEPTION      *exception is to be delivered at RIP: nothing changed (earlier batches of a
 *                     REP instruction have been written back by their own calls, and elements of
 *                     this batch before the faulting one by this call).
 *  EMU_DEVICE         an operation answered EMU_DEVICE: registers and memory untouched. Get the data,
 *                     call again with the same instruction; the operation must then answer.
 *  EMU_RETRY          an operation answered EMU_RETRY (guest memory or its translation changed under
 *                     the instruction): registers untouched. Run the instruction again from its fetch.
 *  EMU_UNIMPLEMENTED  the row has no meaning yet, an operation that it needs is NULL, or a locked
 *                     operand crosses a page (a split lock): untouched.
 *  EMU_FAILED         an operation answered EMU_FAILED: registers untouched.
 */
enum emu_outcome {
	EMU_DONE,
	EMU_AGAIN,
	EMU_EXCEPTION,
	EMU_DEVICE,
	EMU_RETRY,
	EMU_UNIMPLEMENTED,
	EMU_FAILED,
	EMU_OUTCOME_COUNT
};

/* What an access will do, for `translate`. */
#define EMU_READ  (1u << 0)
#define EMU_WRITE (1u << 1) /* both for read-modify-write */
#define EMU_IMPLICIT \
	(1u << 2) /* a supervisor access whatever the CPL is (descriptor tables, TSS) */

/*
 * What the emulator needs of its surroundings. `ctx` is the pointer given to emu_execute(). Each
 * operation answers EMU_DONE, or one of the outcomes that its comment lists; that outcome then ends
 * emu_execute(). Memory operations never cross a 4 KiB page: the emulator splits, and translates all
 * pieces of an instruction's write before it writes the first. An instruction's writes come after
 * all of its reads.
 */
struct emu_ops {
	/* [OUT] out: the segment register. */
	enum emu_outcome (*segment)(void *ctx, enum x86_seg seg, struct x86_segment *out);

	/*
	 * GVA to GPA with all rights checked for `access` (EMU_READ …) by the CPL of the cpu.
	 * EMU_EXCEPTION with *exception filled in (#PF); EMU_RETRY; EMU_FAILED.
	 */
	enum emu_outcome (*translate)(void *ctx, gva_t gva, unsigned int access, gpa_t *gpa,
				      struct emu_exception *exception);

	/*
	 * Read or write `count` elements of `size` bytes (1 2 4 8 16 32 64; count * size of at most
	 * EMU_BATCH_BYTES, all in one page) at ascending addresses from gpa. RAM: at once. A device:
	 * `read` answers EMU_DEVICE until the data is there; `write` takes the data (posts it) and
	 * answers EMU_DONE. Also EMU_RETRY, EMU_FAILED. Count exceeds 1 for REP string instructions
	 * only.
	 */
	enum emu_outcome (*read)(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				 void *data);
	enum emu_outcome (*write)(void *ctx, gpa_t gpa, unsigned int size, unsigned int count,
				  const void *data);

	/*
	 * A locked write of `size` bytes (1 2 4 8 16), all in one page: RAM is replaced atomically if
	 * it still holds *expected, else EMU_RETRY. A device takes it as a plain write.
	 */
	enum emu_outcome (*cmpxchg)(void *ctx, gpa_t gpa, unsigned int size, const void *expected,
				    const void *desired);

	/*
	 * Ports. `in` answers EMU_DEVICE until the data is there. size 1 2 4; count as for `read`:
	 * that many transfers to or from the same port.
	 */
	enum emu_outcome (*in)(void *ctx, uint16_t port, unsigned int size, unsigned int count,
			       void *data);
	enum emu_outcome (*out)(void *ctx, uint16_t port, unsigned int size, unsigned int count,
				const void *data);

	/*
	 * May this code use the port (CPL against IOPL, and the TSS bitmap)? EMU_EXCEPTION if not.
	 * NULL: the processor has already checked, as it does before a VM exit.
	 */
	enum emu_outcome (*port_check)(void *ctx, uint16_t port, unsigned int size,
				       struct emu_exception *exception);

	/*
	 * Load a segment register for MOV Sreg and its like, with all of the architecture's checks.
	 * EMU_EXCEPTION. NULL: such instructions end in EMU_UNIMPLEMENTED.
	 */
	enum emu_outcome (*load_segment)(void *ctx, enum x86_seg seg, uint16_t selector,
					 struct emu_exception *exception);
};

/* Opcode maps. */
enum emu_map { EMU_MAP_ONE, EMU_MAP_0F, EMU_MAP_0F38, EMU_MAP_0F3A };

#define EMU_PREFIX_LOCK	 (1u << 0)
#define EMU_PREFIX_REP	 (1u << 1) /* F3 */
#define EMU_PREFIX_REPNE (1u << 2) /* F2 */
#define EMU_PREFIX_66	 (1u << 3)
#define EMU_PREFIX_67	 (1u << 4)
#define EMU_PREFIX_REX	 (1u << 5)

struct emu_row; /* a row of the opcode tables, emu/ only */

/* A decoded instruction. Callers read it; only emu_decode() writes it. */
struct emu_insn {
	const struct emu_row *row; /* what it means; NULL unless EMU_DECODED */
	uint64_t imm;		   /* sign-extended as the row says; moffs too */
	int64_t disp;
	uint8_t length; /* bytes, 1 to 15 */
	uint8_t map;	/* enum emu_map */
	uint8_t opcode;
	uint8_t prefixes; /* EMU_PREFIX_… */
	uint8_t rex;	  /* 0 or 40h to 4Fh */
	uint8_t modrm;
	uint8_t sib;
	uint8_t operand_size; /* bytes of the row's main operand: 1 2 4 8 16 */
	uint8_t address_size; /* bytes: 2 4 8 */
	uint8_t segment;      /* enum x86_seg of the memory operand, overrides applied */
	uint8_t reg;	      /* ModRM.reg with REX.R, or the opcode's low bits with REX.B */
	uint8_t rm;	      /* ModRM.rm with REX.B */
	int8_t base;	      /* register number of the address, -1 none, 16 RIP */
	int8_t index;	      /* -1 none */
	uint8_t scale;	      /* shift, 0 to 3 */
	bool has_modrm;
	bool is_memory; /* it has an explicit memory operand (ModRM.mod != 3, or moffs) */
	bool is_string; /* MOVS STOS LODS SCAS CMPS INS OUTS */
	bool is_port;	/* IN OUT INS OUTS */
	bool reads_memory,
		writes_memory; /* through the explicit or string destination/source operand */
};

/*
 * Decode the instruction at `bytes` (n_bytes of them can be read, 0 to 15 are looked at) in `mode`.
 * CPL and control registers do not matter to decoding.
 */
enum emu_decoded emu_decode(const uint8_t *bytes, unsigned int n_bytes, enum emu_mode mode,
			    struct emu_insn *insn);

/*
 * Execute a decoded instruction (at most one batch of a REP instruction; a REP with a zero count
 * completes). `cpu->mode` must be the mode of the decode. See enum emu_outcome for what has changed
 * in *cpu and in guest memory. RFLAGS.RF is cleared at EMU_DONE; single-step traps (TF) and
 * interrupt shadows are the caller's. `exception` is written at EMU_EXCEPTION only.
 */
enum emu_outcome emu_execute(const struct emu_insn *insn, struct emu_cpu *cpu,
			     const struct emu_ops *ops, void *ctx, struct emu_exception *exception);

/* "MOV Ev, Gv" for a decoded instruction, "(none)" without a row; for logs and documents. */
const char *emu_insn_name(const struct emu_insn *insn);

#endif
