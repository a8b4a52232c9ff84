/* SPDX-License-Identifier: MIT */
/*
 * The hypercall interface: one call a WHP function, and a few of Whit's own.
 *
 * VMCALL (VMMCALL on AMD-V) from 64-bit code in ring 0 of the root partition; from anywhere else it
 * is #UD. RAX holds the call code, parameters are in RCX RDX R8 R9 R10 in the order of the comments
 * below. RAX returns an HRESULT (zero-extended), RDX and R8 the results where a call has any; every
 * other register is preserved. Codes that do not exist return WHIT_E_UNKNOWN_CALL. A call that
 * fails has changed nothing.
 *
 * Addresses of buffers and source memory are root-physical. A buffer lies in RAM that the root
 * owns, is physically contiguous, and is aligned to 8 bytes. All are read once or written once, in
 * one go.
 *
 * Memory: the root lends pages when a call answers WHIT_E_INSUFFICIENT_MEMORY (RDX: how many pages
 * are needed at least) and repeats the call. Lent pages vanish from the root's view until they come
 * back, zeroed, when the partition is deleted.
 *
 * Long work is cut: WHIT_S_AGAIN means that the call is to be repeated as it was (Run: a physical
 * interrupt wants the root, or is wanted of it, see RDX; Delete: more to do), WHIT_S_IDLE from Run
 * that the VP has halted: the call is to be repeated when the TSC has come to RDX (~0: never),
 * after an interrupt or a cancel; WHIT_S_MORE that RDX bytes of the range (pages, VPs) are done and
 * the call is to be repeated with the rest.
 */
#ifndef WHIT_HYPERCALL_H
#define WHIT_HYPERCALL_H

#include <stddef.h>
#include <stdint.h>

#include "whit/extension.h"
#include "x86/seg.h"

#define WHIT_ABI_VERSION 1u

/* WHP functions: the numbers are those of the functions' order in winhvplatform.h. */
#define WHIT_CALL_GET_CAPABILITY     1u /* code, buffer, bytes → rdx bytes written */
#define WHIT_CALL_CREATE_PARTITION   2u /* first page, pages → rdx handle (or needed), r8 taken */
#define WHIT_CALL_SETUP_PARTITION    3u /* handle */
#define WHIT_CALL_RESET_PARTITION    4u /* handle, first VP → rdx next VP */
#define WHIT_CALL_DELETE_PARTITION   5u /* handle; may answer WHIT_S_AGAIN */
#define WHIT_CALL_GET_PROPERTY	     6u /* handle, code, buffer, bytes → rdx bytes written */
#define WHIT_CALL_SET_PROPERTY	     7u /* handle, code, buffer, bytes */
#define WHIT_CALL_SUSPEND_TIME	     8u /* handle */
#define WHIT_CALL_RESUME_TIME	     9u /* handle */
#define WHIT_CALL_MAP_GPA_RANGE	     10u /* handle, source, gpa, bytes, flags → rdx bytes done */
#define WHIT_CALL_UNMAP_GPA_RANGE    12u /* handle, gpa, bytes → rdx bytes done */
#define WHIT_CALL_TRANSLATE_GVA	     13u /* handle, vp, gva, flags → rdx result code, r8 gpa */
#define WHIT_CALL_CREATE_VP	     14u /* handle, vp, flags, shared page */
#define WHIT_CALL_DELETE_VP	     16u /* handle, vp */
#define WHIT_CALL_RUN_VP	     17u /* handle, vp → the exit; rdx with WHIT_S_IDLE */
#define WHIT_CALL_CANCEL_RUN_VP	     18u /* handle, vp, flags */
#define WHIT_CALL_GET_REGISTERS	     19u /* handle, vp, names, count, values */
#define WHIT_CALL_SET_REGISTERS	     20u /* handle, vp, names, count, values */
#define WHIT_CALL_REQUEST_INTERRUPT  23u /* handle, WHV_INTERRUPT_CONTROL: its two words */
#define WHIT_CALL_QUERY_DIRTY	     26u /* handle, gpa, bytes, bitmap, flags → rdx bytes done */
#define WHIT_CALL_PARTITION_COUNTERS 27u /* handle, set, buffer, bytes → rdx bytes written */
#define WHIT_CALL_VP_COUNTERS	     28u /* handle, vp, set, buffer, bytes → rdx bytes written */
#define WHIT_CALL_ADVISE_GPA_RANGE   33u /* handle, gpa, bytes, advice, populate → rdx bytes done */
#define WHIT_CALL_READ_GPA_RANGE     34u /* handle, vp, struct whit_gpa_access */
#define WHIT_CALL_WRITE_GPA_RANGE    35u /* handle, vp, struct whit_gpa_access */
#define WHIT_CALL_GET_VP_STATE	     37u /* handle, vp, type, buffer, bytes → rdx bytes written */
#define WHIT_CALL_SET_VP_STATE	     38u /* handle, vp, type, buffer, bytes */
#define WHIT_CALL_CPUID_OUTPUT	     61u /* handle, vp, eax, ecx, buffer: WHV_CPUID_OUTPUT */
#define WHIT_CALL_INTERRUPT_TARGETS  62u /* handle, destination, mode, buffer: WHIT_MAX_VPS bits */

/* Whit's own. */
#define WHIT_CALL_VERSION  0x100u /* → rdx WHIT_ABI_VERSION */
#define WHIT_CALL_LEND	   0x101u /* handle, first page, pages → rdx pages taken */
#define WHIT_CALL_READ_LOG 0x102u /* position, buffer, bytes → rdx bytes copied, r8 next position */
#define WHIT_CALL_STATS	   0x103u /* buffer, bytes → rdx bytes written: struct whit_stats */

/* A struct whit_translation array. */
#define WHIT_CALL_TRANSLATE_GVAS 0x104u /* handle, vp, buffer, count, flags */

#define WHIT_CALL_PROTECT_GPA_RANGE 0x105u /* handle, gpa, bytes, flags → rdx bytes done */
#define WHIT_CALL_MAP_GPA_LIST	    0x106u /* handle, gpa, extents, count, flags → rdx bytes done */

#define WHIT_CALL_SET_TSC 0x107u /* handle, value: what RDTSC gives at this moment on every VP */

/*
 * GET_VP_STATE and SET_VP_STATE, beside WHV_VIRTUAL_PROCESSOR_STATE_TYPE: the deprecated first
 * layout.
 */
#define WHIT_STATE_INTERRUPT_CONTROLLER1 0x57480000u

/* A part of the root's memory, as MAP_GPA_LIST takes them; so many are looked at in one call. */
struct whit_extent {
	uint64_t source; /* root-physical, a page's */
	uint64_t n_pages;
};

#define WHIT_MAX_EXTENTS 128u

/*
 * QUERY_DIRTY: the bits are only looked at. So many pages are done in one call, for 512 bytes of
 * bitmap.
 */
#define WHIT_DIRTY_KEEP	     1u
#define WHIT_MAX_DIRTY_PAGES 4096u

/* READ_GPA_RANGE and WRITE_GPA_RANGE */
struct whit_gpa_access {
	uint64_t gpa;
	uint64_t controls; /* WHV_ACCESS_GPA_CONTROLS */
	uint32_t n_bytes;  /* 1 to 16 */
	uint32_t reserved;
	uint8_t data[16];
};

_Static_assert(sizeof(struct whit_extent) == 16, "documented");
_Static_assert(sizeof(struct whit_gpa_access) == 40, "documented");

/* Registers that one call gets or sets at most: the library splits longer lists. */
#define WHIT_MAX_REGISTERS 128u

/* Translations of one TRANSLATE_GVAS. */
#define WHIT_MAX_TRANSLATIONS 128u

/* A partition has at most this many VPs. */
#define WHIT_MAX_VPS 256u

/* Most pages that one LEND or CREATE_PARTITION takes. */
#define WHIT_MAX_LEND 4096u

/* Results beside WHP's. */
#define WHIT_S_AGAIN		   0x00375701u /* Run: by TSC rdx an interrupt is to come */
#define WHIT_S_MORE		   0x00375702u
#define WHIT_S_IDLE		   0x00375703u /* Run: rdx is the root's TSC for waking */
#define WHIT_E_UNKNOWN_CALL	   0xc0350002u /* HV_STATUS_INVALID_HYPERCALL_CODE */
#define WHIT_E_INSUFFICIENT_MEMORY 0xc035000bu /* HV_STATUS_INSUFFICIENT_MEMORY */
#define WHIT_E_INVALID_STATE	   0xc0350007u /* HV_STATUS_INVALID_PARTITION_STATE */
#define WHIT_E_REGISTER_VALUE	   0xc0350050u /* HV_STATUS_INVALID_REGISTER_VALUE */

/*
 * The page that a VP shares with the root; the root chose it at CREATE_VP and keeps it until
 * DELETE_VP or DELETE_PARTITION. The hypervisor writes it at each exit and reads the parts marked
 * dirty when the VP runs or a call names the VP. Nothing in it is trusted.
 *
 * At an exit every bit of `valid` stands for registers whose values are in the page. The root may
 * write a register there and set its bit in `dirty`; the hypervisor takes it over and clears
 * `dirty`. Bits are numbered by WHV_REGISTER_NAME: 0 to 15 general registers, 16 RIP, 17 RFLAGS, 18
 * to 25 ES CS SS DS FS GS LDTR TR.
 */
#define WHIT_PAGE_GPRS	   0x0000ffffu
#define WHIT_PAGE_RIP	   0x00010000u
#define WHIT_PAGE_RFLAGS   0x00020000u
#define WHIT_PAGE_SEGMENTS 0x03fc0000u /* not all need be valid at an exit */
#define WHIT_PAGE_ALL	   0x03ffffffu

struct whit_vp_page {
	uint32_t valid;
	uint32_t dirty;
	uint32_t device_answered; /* the root sets 1 when it has written exit + 48 …'s data */
	uint32_t reserved0;
	/*
	 * A refused register, or the one behind InvalidVpRegisterValue: its name, and why in words.
	 */
	uint32_t error_register; /* ~0: none */
	uint32_t reserved1;
	char error_text[104];
	uint8_t exit[256]; /* WHV_RUN_VP_EXIT_CONTEXT, 224 bytes used */
	uint64_t gpr[16];  /* WHV_REGISTER_NAME order, which is ModRM order */
	uint64_t rip;
	uint64_t rflags;
	struct x86_segment segment[8]; /* ES CS SS DS FS GS LDTR TR */
	/*
	 * A VP whose Run has answered WHIT_S_IDLE sleeps in the root. The hypervisor sets `wake`
	 * when something has come for it: the root clears the word before each Run, and looks at it
	 * before, and while, it lets the VP sleep.
	 */
	uint32_t wake;
	uint32_t reserved2;
	/*
	 * VPs that this one has woken, for a root whose threads look at nothing while they sleep:
	 * it takes the bits back after every Run, whatever that has answered. A Run that would go
	 * on ends with WHIT_S_AGAIN. REQUEST_INTERRUPT wakes by `wake` alone.
	 */
	uint64_t wake_vps[WHIT_MAX_VPS / 64];
	uint8_t reserved3[3400];
};

_Static_assert(offsetof(struct whit_vp_page, exit) == 128, "16-byte alignment");
_Static_assert(offsetof(struct whit_vp_page, gpr) == 384, "documented");
_Static_assert(offsetof(struct whit_vp_page, segment) == 528, "documented");
_Static_assert(offsetof(struct whit_vp_page, wake) == 656, "documented");
_Static_assert(offsetof(struct whit_vp_page, wake_vps) == 664, "documented");
_Static_assert(sizeof(struct whit_vp_page) == 4096, "one page");

/* The union of the exit context, where a struct whit_device_access stands. */
#define WHIT_EXIT_UNION 48u

/*
 * The exits of a virtual processor by what they are counted as, in struct whit_stats. A number
 * keeps its meaning for good: of two kinds of exit that are counted together, one may get a number
 * of its own, and no number is used again.
 */
enum whit_exit_counter {
	WHIT_EXIT_INTERRUPT = 0,	/* an interrupt of the machine */
	WHIT_EXIT_NMI = 1,		/* an NMI of the machine */
	WHIT_EXIT_INTERRUPT_WINDOW = 2, /* an interrupt that waited can be taken now */
	WHIT_EXIT_NMI_WINDOW = 3,	/* an NMI that waited can be taken now */
	WHIT_EXIT_CPUID = 4,
	WHIT_EXIT_HLT = 5,
	WHIT_EXIT_HYPERCALL = 6, /* VMCALL, VMMCALL */
	WHIT_EXIT_IO = 7,	 /* IN, OUT, INS, OUTS */
	WHIT_EXIT_RDMSR = 8,
	WHIT_EXIT_WRMSR = 9,
	WHIT_EXIT_CR_WRITE = 10, /* a write to CR0, CR3, CR4 or CR8; CLTS, LMSW */
	WHIT_EXIT_CR_READ = 11,	 /* a read of CR8 */
	WHIT_EXIT_DR = 12,	 /* MOV from or to a debug register */
	WHIT_EXIT_XSETBV = 13,
	WHIT_EXIT_INVD = 14, /* INVD, WBINVD */
	WHIT_EXIT_INVLPG = 15,
	WHIT_EXIT_MEMORY = 16,	  /* an access that the nested page tables do not allow */
	WHIT_EXIT_EXCEPTION = 17, /* an intercepted exception */
	WHIT_EXIT_TRIPLE_FAULT = 18,
	WHIT_EXIT_TASK_SWITCH = 19,
	WHIT_EXIT_HIDDEN_INSN = 20,   /* an instruction that ends with #UD: of VMX, SVM, SMX … */
	WHIT_EXIT_INVALID_STATE = 21, /* the processor refused the guest's state */
	WHIT_EXIT_NOTHING = 22, /* nothing ran: the root had an event, or another processor work */
	WHIT_EXIT_INIT = 23,
	WHIT_EXIT_SIPI = 24,
	WHIT_EXIT_DEADLINE = 25,   /* a timer that the hypervisor set for itself */
	WHIT_EXIT_RDTSC = 26,	   /* RDTSC, RDTSCP */
	WHIT_EXIT_PAUSE = 27,	   /* a loop with PAUSE that went on for long */
	WHIT_EXIT_TPR = 28,	   /* a write to the TPR that lets an interrupt through */
	WHIT_EXIT_APIC_WRITE = 29, /* a write to the local APIC that has an effect */
	WHIT_EXIT_APIC_EOI = 30,   /* the end of an interrupt that the root is told of */
	WHIT_EXIT_RDPMC = 31,
	WHIT_EXIT_COUNTERS = 32 /* the length of the arrays */
};

struct whit_stats {
	uint64_t root_exits[WHIT_EXIT_COUNTERS];  /* by enum whit_exit_counter */
	uint64_t child_exits[WHIT_EXIT_COUNTERS]; /* the same, all children together */
	uint64_t hidden_reads;	/* pages of the hypervisor that the root has looked at */
	uint64_t hidden_writes; /* those that it has begun to write to; what it writes disappears */
	uint64_t lent_pages;	/* now */
	uint64_t partitions;	/* now */
	uint64_t hypercalls;
	uint64_t heap_free_pages;
	uint64_t emulated;	 /* instructions that the emulator completed */
	uint64_t starts_dropped; /* INITs and SIPIs of the root to processors that are not Whit's */
};

_Static_assert(offsetof(struct whit_stats, child_exits) == 256, "documented");
_Static_assert(offsetof(struct whit_stats, hidden_reads) == 512, "documented");
_Static_assert(sizeof(struct whit_stats) == 576, "documented");

#endif
