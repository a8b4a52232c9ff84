/* SPDX-License-Identifier: MIT */
/* The virtual machine control block, APM 2 appendix B "VMCB Layout", and its words. */
#ifndef ARCH_SVM_VMCB_H
#define ARCH_SVM_VMCB_H

#include <stddef.h>
#include <stdint.h>

#include "x86/static_assert.h"

struct vmcb_segment {
	uint16_t selector;
	uint16_t attributes; /* those of a descriptor without the gap: VMCB_ATTRIBUTES() */
	uint32_t limit;
	uint64_t base;
};

struct vmcb_save {
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	uint8_t reserved0[0x2b];
	uint8_t cpl;
	uint32_t reserved1;
	uint64_t efer;
	uint8_t reserved2[0x70];
	uint64_t cr4, cr3, cr0, dr7, dr6, rflags, rip;
	uint8_t reserved3[0x58];
	uint64_t rsp;
	uint8_t reserved4[0x18];
	uint64_t rax, star, lstar, cstar, fmask, kernel_gs_base;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip, cr2;
	uint8_t reserved5[0x20];
	uint64_t pat, debugctl;
	uint64_t branch_from, branch_to, exception_from, exception_to;
	uint8_t reserved6[0x48];
	uint64_t spec_ctrl; /* with virtual SPEC_CTRL; what the host has is in force beside it */
};

struct vmcb {
	uint16_t cr_reads, cr_writes; /* bit n: those of CRn exit */
	uint16_t dr_reads, dr_writes;
	uint32_t exceptions;
	uint32_t intercepts[3]; /* INTERCEPT…, INTERCEPT2…, INTERCEPT3… */
	uint8_t reserved0[0x24];
	uint16_t pause_threshold, pause_count;
	uint64_t io_map, msr_map;
	uint64_t tsc_offset;
	uint32_t asid;
	uint8_t tlb_control;
	uint8_t reserved1[3];
	uint64_t virtual_interrupt; /* VINTR_… */
	uint64_t interrupt_state;   /* STATE_… */
	uint64_t exit_code, info1, info2;
	uint64_t exit_event; /* EVENT_… */
	uint64_t nested;     /* NESTED_ENABLE */
	uint64_t apic_bar, ghcb;
	uint64_t event; /* EVENT_… */
	uint64_t n_cr3;
	uint64_t branch_records;
	uint32_t clean, reserved2;
	uint64_t next_rip;
	uint8_t n_bytes, bytes[15];
	uint8_t reserved3[0x320];
	struct vmcb_save save;
	uint8_t reserved4[0x918];
};

_Static_assert(sizeof(struct vmcb) == 4096, "APM: a page");
_Static_assert(offsetof(struct vmcb, pause_threshold) == 0x3c, "APM");
_Static_assert(offsetof(struct vmcb, asid) == 0x58, "APM");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "APM");
_Static_assert(offsetof(struct vmcb, event) == 0xa8, "APM");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "APM");
_Static_assert(offsetof(struct vmcb, save) == 0x400, "APM");
_Static_assert(offsetof(struct vmcb_save, cpl) == 0xcb, "APM");
_Static_assert(offsetof(struct vmcb_save, cr4) == 0x148, "APM");
_Static_assert(offsetof(struct vmcb_save, rsp) == 0x1d8, "APM");
_Static_assert(offsetof(struct vmcb_save, rax) == 0x1f8, "APM");
_Static_assert(offsetof(struct vmcb_save, pat) == 0x268, "APM");
_Static_assert(offsetof(struct vmcb_save, spec_ctrl) == 0x2e0, "APM");

/* cr_reads, cr_writes */
#define CR8_ACCESS (1u << 8)

/* Bits of intercepts[0] */
#define INTERCEPT_INTR	   (1u << 0)
#define INTERCEPT_NMI	   (1u << 1)
#define INTERCEPT_INIT	   (1u << 3)
#define INTERCEPT_VINTR	   (1u << 4)
#define INTERCEPT_CR0	   (1u << 5) /* writes that change more than TS and MP */
#define INTERCEPT_RDTSC	   (1u << 14)
#define INTERCEPT_RDPMC	   (1u << 15)
#define INTERCEPT_CPUID	   (1u << 18)
#define INTERCEPT_IRET	   (1u << 20)
#define INTERCEPT_INVD	   (1u << 22)
#define INTERCEPT_PAUSE	   (1u << 23)
#define INTERCEPT_HLT	   (1u << 24)
#define INTERCEPT_INVLPGA  (1u << 26)
#define INTERCEPT_IO	   (1u << 27)
#define INTERCEPT_MSR	   (1u << 28)
#define INTERCEPT_TASK	   (1u << 29)
#define INTERCEPT_SHUTDOWN (1u << 31)
/* intercepts[1] */
#define INTERCEPT2_VMRUN   (1u << 0)
#define INTERCEPT2_VMMCALL (1u << 1)
#define INTERCEPT2_VMLOAD  (1u << 2)
#define INTERCEPT2_VMSAVE  (1u << 3)
#define INTERCEPT2_STGI	   (1u << 4)
#define INTERCEPT2_CLGI	   (1u << 5)
#define INTERCEPT2_SKINIT  (1u << 6)
#define INTERCEPT2_RDTSCP  (1u << 7)
#define INTERCEPT2_ICEBP   (1u << 8)
#define INTERCEPT2_WBINVD  (1u << 9)
#define INTERCEPT2_MONITOR (1u << 10)
#define INTERCEPT2_MWAIT   (1u << 11 | 1u << 12)
#define INTERCEPT2_XSETBV  (1u << 13)
#define INTERCEPT2_RDPRU   (1u << 14)
/* intercepts[2] */
#define INTERCEPT3_INVLPGB (1u << 0 | 1u << 1)
#define INTERCEPT3_INVPCID (1u << 2)
#define INTERCEPT3_MCOMMIT (1u << 3)
#define INTERCEPT3_TLBSYNC (1u << 4)

/* tlb_control */
#define TLB_KEEP       0
#define TLB_FLUSH_ALL  1
#define TLB_FLUSH_ASID 3 /* with flush by ASID: those of this ASID */

#define VINTR_TPR      0xffull
#define VINTR_REQUEST  (1ull << 8)
#define VINTR_PRIORITY (0xfull << 16)
#define VINTR_NO_TPR   (1ull << 20)
#define VINTR_MASKING  (1ull << 24) /* the host's IF decides on physical interrupts */

#define STATE_SHADOW (1ull << 0)

#define NESTED_ENABLE (1ull << 0)

/* branch_records: DEBUGCTL and the MSRs of branch records are the guest's own */
#define BRANCH_RECORDS_ENABLE (1ull << 0)

/* clean, APM 2 "VMCB Clean Field": what is as it was when the processor saw it last. */
#define CLEAN_INTERCEPTS (1u << 0) /* with the TSC's offset and the PAUSE filter */
#define CLEAN_MAPS	 (1u << 1)
#define CLEAN_ASID	 (1u << 2)
#define CLEAN_VINTR	 (1u << 3) /* virtual_interrupt */
#define CLEAN_NESTED	 (1u << 4) /* with the PAT */
#define CLEAN_CR	 (1u << 5) /* with EFER; but CR2 */
#define CLEAN_DR	 (1u << 6)
#define CLEAN_TABLES	 (1u << 7) /* GDTR, IDTR */
#define CLEAN_SEGMENTS	 (1u << 8) /* ES, CS, SS, DS, and the CPL */
#define CLEAN_CR2	 (1u << 9)
#define CLEAN_BRANCHES	 (1u << 10) /* with DEBUGCTL */
#define CLEAN_ALL	 0x7ffu

/* Events, those to inject and those that an exit interrupted. */
#define EVENT_VECTOR	  0xffull
#define EVENT_TYPE_SHIFT  8
#define EVENT_TYPE(event) ((event) >> EVENT_TYPE_SHIFT & 7)
#define EVENT_HAS_ERROR	  (1ull << 11)
#define EVENT_VALID	  (1ull << 31)
#define EVENT_ERROR_SHIFT 32

enum vmcb_event_type {
	VMCB_EVENT_INTERRUPT = 0,
	VMCB_EVENT_NMI = 2,
	VMCB_EVENT_EXCEPTION = 3,
	VMCB_EVENT_SOFT_INTERRUPT = 4
};

/* Exit codes, APM 2 appendix C "SVM Intercept Exit Codes" */
enum vmcb_exit {
	VMEXIT_CR0_READ = 0x00,
	VMEXIT_CR0_WRITE = 0x10,
	VMEXIT_DR0_READ = 0x20,
	VMEXIT_DR0_WRITE = 0x30,
	VMEXIT_EXCEPTION = 0x40,
	VMEXIT_INTR = 0x60,
	VMEXIT_NMI,
	VMEXIT_SMI,
	VMEXIT_INIT,
	VMEXIT_VINTR,
	VMEXIT_CR0_SELECTIVE,
	VMEXIT_RDTSC = 0x6e,
	VMEXIT_RDPMC,
	VMEXIT_CPUID = 0x72,
	VMEXIT_IRET = 0x74,
	VMEXIT_INVD = 0x76,
	VMEXIT_PAUSE,
	VMEXIT_HLT,
	VMEXIT_INVLPG,
	VMEXIT_INVLPGA,
	VMEXIT_IO,
	VMEXIT_MSR,
	VMEXIT_TASK,
	VMEXIT_SHUTDOWN = 0x7f,
	VMEXIT_VMRUN,
	VMEXIT_VMMCALL,
	VMEXIT_VMLOAD,
	VMEXIT_VMSAVE,
	VMEXIT_STGI,
	VMEXIT_CLGI,
	VMEXIT_SKINIT,
	VMEXIT_RDTSCP,
	VMEXIT_ICEBP,
	VMEXIT_WBINVD,
	VMEXIT_MONITOR,
	VMEXIT_MWAIT,
	VMEXIT_MWAIT_ARMED,
	VMEXIT_XSETBV,
	VMEXIT_RDPRU,
	VMEXIT_INVLPGB = 0xa0,
	VMEXIT_INVLPGB_ILLEGAL,
	VMEXIT_INVPCID,
	VMEXIT_MCOMMIT,
	VMEXIT_TLBSYNC,
	VMEXIT_CODES
};

#define VMEXIT_NPF     0x400u
#define VMEXIT_INVALID (~0u) /* by the lower half, which is all that QEMU writes */

/* info1 of each, where it is defined */
#define INFO_MOV_CR	   (1ull << 63) /* with decode assists: a MOV, by the register in GPR */
#define INFO_GPR	   0xfull
#define INFO_MSR_WRITE	   (1ull << 0)
#define INFO_IO_IN	   (1ull << 0)
#define INFO_IO_STRING	   (1ull << 2)
#define INFO_IO_REP	   (1ull << 3)
#define INFO_IO_SIZE(info) ((uint8_t)((info) >> 4 & 7)) /* 1 2 4 */
#define INFO_IO_PORT(info) ((uint16_t)((info) >> 16))
#define INFO_NPF_WRITE	   (1ull << 1)
#define INFO_NPF_FETCH	   (1ull << 4)
#define INFO_NPF_WALK	   (1ull << 33)
/* info2 */
#define INFO_TASK_IRET	   (1ull << 36)
#define INFO_TASK_JUMP	   (1ull << 38)

/*
 * Of the type of a TSS. One in use is busy, which the processor need not know; with it QEMU (7.2)
 * stops, whose LTR leaves the type as it was.
 */
#define TSS_BUSY 0x2u

/* Attributes of a segment, and back: bits 8 to 11 of a descriptor's word are no attributes. */
#define VMCB_ATTRIBUTES(attributes) ((uint16_t)(((attributes)&0xff) | ((attributes) >> 4 & 0xf00)))
#define SEG_ATTRIBUTES(attributes)  ((uint16_t)(((attributes)&0xff) | ((attributes)&0xf00) << 4))

#endif
