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
 *
 * What is left to the caller:
 *
 * - After EMU_DONE the guest stands behind the instruction. The interrupt shadow of STI and MOV SS that was there
 *   before is over; has_shadow says whether a new one begins. If RFLAGS.TF was set before, a single-step trap is due,
 *   unless a shadow begins. RFLAGS.RF is clear already. A debugger's breakpoints on data, and counters of
 *   instructions, are the caller's altogether.
 * - An exception is delivered by the caller, at RIP. The frame of a fault has RFLAGS.RF set.
 * - An instruction is executed from its start as often as it takes. After EMU_DEVICE, all its operations
 *   are asked again from the first on, those that have been answered, too: the caller keeps the answers of devices and
 *   gives them again, in their order, so that no device is read twice. Writes to devices and ports come when the
 *   last read has been answered, so they are not repeated.
 * - EMU_RETRY means that nothing has changed in the guest. But an answer of a device, or of a port by `in`, may have
 *   been used by then, and reading it has had its effect out there: whoever answers EMU_RETRY after a device was
 *   read keeps the answer for the next try of the same instruction.
 * - The CPL is 0 in real mode and 3 in virtual-8086 mode: emu_cpl_of().
 */
#ifndef EMU_EMU_H
#define EMU_EMU_H

#include <stdbool.h>
#include <stdint.h>

#include "x86/addr.h"
#include "x86/cpuid.h"
#include "x86/seg.h"

#ifdef __cplusplus
extern "C" {
#endif

_Static_assert(sizeof(void *) == 8,
	       "the emulator is for 64-bit hosts: addresses and registers are words of theirs");

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

/*
 * Instructions that not every processor has, by CPUID name. One that the processor lacks is #UD, or,
 * where it looks like an older instruction with a prefix that used to be ignored, that instruction
 * (LZCNT is BSR, TZCNT is BSF). SSE to SSE2, CMOV, CMPXCHG8B and CLFLUSH belong to every x86-64
 * processor.
 */
enum emu_feature {
	EMU_BASE, /* every processor; not a bit in struct emu_cpu */
	EMU_SSE3,
	EMU_SSSE3,
	EMU_SSE4_1,
	EMU_SSE4_2, /* CRC32 */
	EMU_SSE4A,
	EMU_AVX,
	EMU_AVX2,
	EMU_AVX512F,
	EMU_AVX512VL,
	EMU_AVX512BW,
	EMU_AVX512DQ,
	EMU_MOVBE,
	EMU_POPCNT,
	EMU_LZCNT,
	EMU_BMI1, /* TZCNT too */
	EMU_BMI2,
	EMU_ADX,
	EMU_CX16,
	EMU_CLFLUSHOPT,
	EMU_CLWB,
	EMU_MOVDIRI,
	EMU_MOVDIR64B,
	EMU_AMD, /* no instruction: where vendors differ, the processor does as AMD's do, else as Intel's */
	EMU_FEATURE_COUNT
};

#define EMU_HAS(feature) (1u << (feature))
#define EMU_HAS_ALL	 (~0u)

/* The part of the register file that every instruction may need. */
struct emu_cpu {
	uint64_t gpr[16]; /* ModRM order: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15 */
	uint64_t rip;	  /* of the instruction; outside EMU_LONG64 the offset in CS */
	uint64_t rflags;
	uint64_t cr0;
	uint64_t cr4;	   /* LA57, UMIP, VME, OSFXSR and OSXSAVE matter */
	uint64_t xcr0;	   /* of vector state; looked at when CR4.OSXSAVE is set */
	uint32_t features; /* EMU_HAS() of what the processor executes, whatever its CPUID shows */
	enum emu_mode mode;
	uint8_t cpl; /* 0 to 3 */
	bool has_shadow; /* out, at EMU_DONE: it loaded SS; interrupts and debug traps wait for one more */
};

/* x87, MMX and MXCSR as FXSAVE has them; st[0] is ST(0), 10 bytes of each are used. */
struct emu_x87 {
	uint16_t fcw;
	uint16_t fsw;
	uint8_t ftw; /* abridged: bit n, register Rn is not empty */
	uint16_t fop;
	uint32_t mxcsr;
	uint64_t fip;
	uint64_t fdp;
	uint8_t st[8][16];
};

/* Descriptor table registers. */
enum emu_table { EMU_GDTR, EMU_IDTR };

/* Register files of the vector extensions. */
enum emu_file {
	EMU_VECTOR, /* XMM, YMM, ZMM: registers 0 to 31 of 64 bytes */
	EMU_OPMASK  /* k0 to k7, 8 bytes */
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
	EMU_DECODE_NO_ACCESS, /* legal, touches neither memory nor port; LEA, which names some, too */
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
 *  EMU_UNIMPLEMENTED  the row has no meaning yet, or not in this case, or an operation that it needs is
 *                     NULL: untouched.
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
	(1u << 2)	    /* a supervisor access whatever the CPL is (descriptor tables, TSS) */
#define EMU_FETCH (1u << 3) /* of code: emu_fetch() alone, and alone */

/*
 * What the emulator needs of its surroundings. `ctx` is the pointer given to emu_execute(). Any operation
 * may be NULL: an instruction that comes to need it is EMU_UNIMPLEMENTED, decided before anything is
 * written, set, or taken from a port (port_check is different). Each answers EMU_DONE, or one of the outcomes
 * that its comment lists; that outcome then ends emu_execute(). Memory operations never cross a 4 KiB
 * page: the emulator splits, and translates all pieces of an instruction's write before it writes the
 * first. An instruction's writes come after all of its reads.
 */
struct emu_ops {
	/* [OUT] out: the segment register; SEG_LDTR and SEG_TR too. */
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
	 * it still holds *expected, else EMU_RETRY. A device takes it as a plain write. A locked
	 * operand that crosses a page is not atomic as a whole: its first aligned part comes here, the
	 * rest goes to `write`.
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
	 * NULL: the processor has already checked, as it does before a VM exit. Who has to ask can
	 * answer with emu_port_permission().
	 */
	enum emu_outcome (*port_check)(void *ctx, uint16_t port, unsigned int size,
				       struct emu_exception *exception);

	/*
	 * State that few instructions need. The getters have no side effect; the setters are called after everything
	 * else has answered, at most one of them once for an instruction, with values that have passed
	 * the architecture's checks; they answer EMU_DONE or EMU_FAILED.
	 */

	/* A segment register with its hidden part, as a load from its descriptor leaves it. */
	enum emu_outcome (*set_segment)(void *ctx, enum x86_seg seg,
					const struct x86_segment *value);

	/* GDTR and IDTR, for SGDT SIDT LGDT LIDT, and GDTR for segment loads. */
	enum emu_outcome (*table)(void *ctx, enum emu_table table, struct x86_table *out);
	enum emu_outcome (*set_table)(void *ctx, enum emu_table table,
				      const struct x86_table *value);

	/* CR0 as LMSW makes it; the processor's side effects are the caller's. */
	enum emu_outcome (*set_cr0)(void *ctx, uint64_t value);

	/* INVLPG of a linear address (canonical or not; CPL is 0). */
	enum emu_outcome (*invlpg)(void *ctx, gva_t gva);

	/*
	 * The low `n_bytes` (16 32 64; 8 of a mask) of a vector register. `set_vector` writes them; the
	 * bytes above, up to the processor's widest, stay, or with `zero_upper` become zero. A caller
	 * that does not hold this much of a register answers EMU_UNIMPLEMENTED to either.
	 */
	enum emu_outcome (*vector)(void *ctx, enum emu_file file, unsigned int reg,
				   unsigned int n_bytes, void *data);
	enum emu_outcome (*set_vector)(void *ctx, enum emu_file file, unsigned int reg,
				       unsigned int n_bytes, bool zero_upper, const void *data);

	enum emu_outcome (*x87)(void *ctx, struct emu_x87 *out);
	enum emu_outcome (*set_x87)(void *ctx, const struct emu_x87 *value);
};

/* Opcode maps; 4 to 7 exist with EVEX and VEX alone. */
enum emu_map { EMU_MAP_ONE, EMU_MAP_0F, EMU_MAP_0F38, EMU_MAP_0F3A };

/* How the opcode is encoded. VEX and EVEX carry 66, F3, F2 and REX in their own bits. */
enum emu_encoding { EMU_LEGACY, EMU_VEX, EMU_EVEX };

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
	uint64_t imm;		   /* sign-extended as the row says; moffs, far pointers too */
	int64_t disp;
	uint8_t length; /* bytes, 1 to 15 */
	uint8_t map;	/* enum emu_map */
	uint8_t opcode;
	uint8_t prefixes; /* EMU_PREFIX_…; 66, F3, F2 of VEX and EVEX too */
	uint8_t rex;	  /* 0 or 40h to 4Fh; W R X B of VEX and EVEX too */
	uint8_t modrm;
	uint8_t sib;
	uint8_t operand_size; /* bytes of the row's main operand: 1 2 4 8 16 */
	uint8_t address_size; /* bytes: 2 4 8 */
	uint8_t segment;      /* enum x86_seg of the memory operand, overrides applied */
	uint8_t reg;   /* ModRM.reg with REX.R (EVEX: R'), or the opcode's low bits with REX.B */
	uint8_t rm;    /* ModRM.rm with REX.B */
	int8_t base;   /* register number of the address, -1 none, 16 RIP */
	int8_t index;  /* -1 none */
	uint8_t scale; /* shift, 0 to 3 */
	bool has_modrm;
	bool is_memory; /* it has an explicit memory operand (ModRM.mod != 3, or moffs) */
	bool is_string; /* MOVS STOS LODS SCAS CMPS INS OUTS */
	bool is_port;	/* IN OUT INS OUTS */
	bool reads_memory,
		writes_memory; /* through the explicit or string destination/source operand */

	/* VEX and EVEX; all zero with EMU_LEGACY. */
	uint8_t encoding;      /* enum emu_encoding */
	uint8_t vector_length; /* bytes: 16 32 64 */
	uint8_t vvvv;	       /* register number, 0 to 31, not inverted */
	uint8_t mask;	       /* EVEX.aaa, 0 to 7 */
	bool is_zeroing;       /* EVEX.z */
	bool is_broadcast;     /* EVEX.b */
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

/*
 * A plain move: MOV, MOVZX, MOVSX, MOVSXD or MOVNTI between memory and a general register, or of an
 * immediate to memory. That is what nearly all drivers do to nearly all devices, and the access is all
 * it does. A home whose exit says that the processor has checked and translated this very access may
 * complete it with what is here instead of emu_execute(); RIP, RF and shadows are then its own affair.
 */
struct emu_move {
	uint8_t n_bytes;	  /* in memory: 1 2 4 8 */
	uint8_t n_register_bytes; /* in the register: 1 2 4 8 */
	uint8_t reg;		  /* 0 to 15 */
	uint8_t shift;		  /* 8: AH CH DH BH; else 0 */
	bool is_load;
	bool is_signed;	    /* a load that extends the sign */
	bool has_immediate; /* a store of insn->imm */
};

/* Fills *move and answers true if a decoded instruction is a plain move. */
bool emu_get_move(const struct emu_insn *insn, struct emu_move *move);

/* The offset of its memory operand; `rip` is that of the instruction. */
uint64_t emu_move_offset(const struct emu_insn *insn, const uint64_t gpr[16], uint64_t rip);

/* What a store writes, zero-extended. */
uint64_t emu_move_stored(const struct emu_insn *insn, const struct emu_move *move,
			 const uint64_t gpr[16]);

/* A load's register gets what was read, in the low n_bytes of `value`. */
void emu_move_load(const struct emu_move *move, uint64_t gpr[16], uint64_t value);

/*
 * The whole rule of the I/O privilege level and of the permission bitmap in the TSS (SDM 1 "Protected-Mode
 * I/O"), for an operation `port_check`. EMU_DONE, EMU_EXCEPTION with #GP(0) or what `translate` said, or
 * any other answer of `segment`, `translate` (with EMU_IMPLICIT) and `read`, which are what it uses.
 */
enum emu_outcome emu_port_permission(const struct emu_cpu *cpu, const struct emu_ops *ops,
				     void *ctx, uint16_t port, unsigned int size,
				     struct emu_exception *exception);

/* ---- What a home works out of its registers ---------------------------------------------- */

/*
 * The mode, by CR0, EFER, RFLAGS and the attributes of CS as struct x86_segment has them; and the CPL in it: 0 in
 * real mode and 3 in virtual-8086 mode, whatever stands in SS, else the DPL of SS.
 */
enum emu_mode emu_mode_of(uint64_t cr0, uint64_t efer, uint64_t rflags, unsigned int cs_attributes);
uint8_t emu_cpl_of(enum emu_mode mode, unsigned int ss_attributes);

/*
 * EMU_HAS() of a processor, by its CPUID leaves 0, 1, 7 (subleaf 0) and 80000001h; zeros stand for one of the
 * last two that it has not. EMU_AMD is there unless leaf 0 says GenuineIntel.
 */
uint32_t emu_features_of(const struct x86_cpuid *leaf0, const struct x86_cpuid *leaf1,
			 const struct x86_cpuid *leaf7, const struct x86_cpuid *leaf81);

/*
 * Fetch the instruction at CS:RIP and decode it, in the cpu's mode. `bytes` has room for 16, of which the first
 * n_bytes are there already, as an exit's record may have them. The rest is read in parts of 8 bytes or fewer, as far
 * as the page and the limit of CS go, by `segment` (of CS, outside EMU_LONG64), `translate` (with EMU_FETCH) and `read`.
 *
 * EMU_DONE: *insn can be executed. EMU_EXCEPTION: the fetch faults, or #UD, or #GP(0) for more than 15 bytes.
 * EMU_UNIMPLEMENTED: what emu_decode() says is unimplemented or has no access. Or any other answer of an operation.
 */
enum emu_outcome emu_fetch(const struct emu_cpu *cpu, const struct emu_ops *ops, void *ctx,
			   uint8_t bytes[16], unsigned int n_bytes, struct emu_insn *insn,
			   struct emu_exception *exception);

/* "MOV Ev, Gv" for a decoded instruction, "(none)" without a row; for logs and documents. */
const char *emu_insn_name(const struct emu_insn *insn);

#ifdef __cplusplus
}
#endif

#endif
