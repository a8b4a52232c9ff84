/* SPDX-License-Identifier: MIT */
/* The hypervisor's own descriptor tables and exception handling, per processor. */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/x86/percpu.h"

/* The frame that exc.asm pushes, from low to high addresses. */
struct exc_frame {
	uint64_t gpr[16]; /* ModRM order; gpr[X86_RSP] is not used, see rsp */
	uint64_t vector;
	uint64_t error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Fill the processor's GDT and TSS; the stacks are those of slot cpu->index. */
void gdt_fill(struct percpu *cpu);

/* Load GDT, segment registers, TR, IDT, and the GS base. */
void gdt_load(struct percpu *cpu);

/* Fill the table that all processors share; once. */
void idt_fill(void);
void idt_table(struct x86_table *table);

/* From now on this exception is a shutdown. */
void idt_drop(unsigned int vector);

/* exc.asm: load CS, and SS with it; let an NMI in that a VM exit has blocked. */
void x86_load_cs(uint16_t cs);
void x86_unblock_nmi(void);

/* safe.asm: false if the instruction gives #GP. The labels are for the fault handler. */
bool x86_rdmsr_safe(uint32_t msr, uint64_t *value);
bool x86_wrmsr_safe(uint32_t msr, uint64_t value);
bool x86_xsetbv_safe(uint32_t index, uint64_t value);
extern const char x86_rdmsr_insn[], x86_wrmsr_insn[], x86_xsetbv_insn[], x86_msr_fault[];

/* Called by exc.asm for everything but NMIs. Returns to go on at frame->rip. */
void exc_handle(struct exc_frame *frame);

/* panic.c: the last words. frame may be NULL. */
__attribute__((noreturn)) void panic_exception(const struct exc_frame *frame);

/*
 * The end of every panic from now on: a reset after so many seconds, or, if 0, none. A TSC of 0 Hz
 * is unknown.
 */
void panic_resets(uint32_t seconds, uint64_t tsc_hz);

/* CR0 and CR4 of the hypervisor. */
uint64_t cpu_host_cr0(void);
uint64_t cpu_host_cr4(void);

/* machine.c: read this processor's MTRRs, with virt_machine filled in. */
void machine_read_mtrrs(struct mtrr_state *mtrr);

#endif
